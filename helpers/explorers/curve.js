/* CurveExplorer: losses of one parameter, a ball to drag, and the steps of update rules from it.

   Other explorers are this curve with a pane of their own: `render(context, addPane)`, where addPane({ model, code, spec }) gives
   an object of which all but `node` may be missing:
     node                    the element between the player and the readout
     title                   what the whole figure is called
     sliders                 [[letter, slider], …] that stand in the pane instead of at the side
     plot                    {heading, label, height, draw(canvas, width, height)} in place of the loss plot
     still(ctx, tools)       draws below the curve in place of its ground, with tools {X, Y, view, colours, size}
     moving(ctx, tools)      draws below the path, with `runs` and the step `now` too
     words(run, now)         {kind, text} of a run after `now` steps, or null for the curve's own words
     turn(view), measure(), draw({view, colours, runs, now}), stop() */
import {
  announcer, canvasFor, chips, clamp, classify, clip, complement, decades, descend, dragging, drawAxes, element, faded, fixed, format, frames,
  handle, linear, load, log, lossScale, menu, niceTicks, offer, prepare, reads, reducedMotion, shape, slider, theme, throttle, watchSize, watchTheme,
} from "./stage.js";

const SAMPLES = 481, LEFT = 36, RIGHT = 8, BOTTOM = 24, TOP = 6;
const NEAR = 0.01; // a run is near a critical point within this share of the picture
const GLYPH = { minimum: "circle", maximum: "up", degenerate: "diamond" };
const PLURAL = { minimum: "minima", maximum: "maxima", degenerate: "degenerate points" };

const STYLE = `
.curve-player { display: flex; align-items: center; gap: 6px; margin: 8px 0 0; }
.curve-player .explorer-control { flex: 1; min-width: 0; margin: 0 0 0 8px; display: flex; align-items: center; gap: 10px; }
.curve-player .explorer-label { order: 2; flex: none; min-width: 8.2em; justify-content: flex-start; gap: 5px; }
.curve-player .explorer-ticks { display: none; }
.explorer-figure .curve-player button { flex: none; display: grid; place-items: center; width: 32px; height: 32px; padding: 0; color: var(--ink); }
.explorer-figure .curve-player button[hidden] { display: none; }
.explorer-figure .curve-player button:disabled { opacity: .35; cursor: default; }
.curve-player svg { display: block; fill: currentColor; }
.explorer-figure .curve-ball { background: none; }
.curve-verdicts { margin: 6px 0 0; font-weight: 600; }
.curve-verdicts div { display: flex; gap: 7px; align-items: baseline; min-height: 1.45em; }
.curve-verdicts svg { flex: none; transform: translateY(1px); }
.curve-verdicts span { color: var(--c, var(--ink)); }
.explorer-figure .curve-numbers thead th { width: 17%; } .explorer-figure .curve-numbers thead th:first-child { width: 36%; } .explorer-figure .curve-numbers thead th:nth-child(2) { width: 13%; }
@container (max-width: 380px) { .explorer-figure .curve-numbers table { font-size: 12px; }
  .explorer-figure .curve-numbers thead th { width: 19%; } .explorer-figure .curve-numbers thead th:first-child { width: 27%; } .explorer-figure .curve-numbers thead th:nth-child(2) { width: 16%; } }
.explorer-figure .curve-numbers td, .explorer-figure .curve-numbers thead th { text-align: right; padding-right: 2px; }`;

/** Heights of a curve over the picture: {xs, ys, low, high}. */
export function sampleCurve(loss, [a, b], n = SAMPLES) {
  const xs = Float64Array.from({ length: n }, (_, i) => a + ((b - a) * i) / (n - 1)), ys = xs.map((x) => loss([x]));
  const finite = ys.filter(Number.isFinite);
  return { xs, ys, low: finite.reduce((m, v) => Math.min(m, v), Infinity), high: finite.reduce((m, v) => Math.max(m, v), -Infinity) };
}

/** The minimum that lies downhill of x, where following −L′ in tiny steps would end, or null. */
export function downhill(x, view) {
  const slope = view.functions.gradient([x])[0], at = (p) => p.θ[0];
  const order = [...view.critical].sort((p, q) => at(p) - at(q));
  const next = slope > 0 ? order.filter((p) => at(p) < x).at(-1) : slope < 0 ? order.find((p) => at(p) > x) : order.find((p) => at(p) === x);
  return next?.kind === "minimum" ? next : null;
}

/** What can be said of a run after t steps: {kind, text}. */
export function verdict(run, t, view, [low, high], zero) {
  if (run.diverged && t >= run.diverged) return { kind: "diverged", text: `diverged at step ${run.diverged}` };
  let k = Math.min(t, run.path.length - 1);
  const x = run.path[k][0], out = (i) => run.path[i][0] < low || run.path[i][0] > high;
  if (out(k)) {
    while (k > 0 && out(k - 1)) k--;
    return { kind: "left", text: `left the picture at step ${k}` };
  }
  const slope = view.functions.gradient([x])[0], curvature = view.functions.hessian([x])[0][0];
  if (Math.abs(slope) <= zero * Math.max(1, Math.abs(curvature))) {
    const { kind } = classify([curvature], zero);
    return { kind, text: kind === "degenerate" ? "degenerate: the second-order test says nothing" : kind };
  }
  const near = view.critical.find((p) => Math.abs(p.θ[0] - x) < NEAR * (high - low));
  const size = `|L′| = ${format(Math.abs(slope))}`;
  return near ? { kind: "near", text: `near the ${near.kind === "degenerate" ? "degenerate point" : near.kind}: ${size}` } : { kind: "not critical", text: `not critical: ${size}` };
}

/** Places for labels {text, x, y, width, below} that meet neither one another nor the boxes in `taken`; those without one are left out. */
export function labelBoxes(labels, taken, width, height) {
  const boxes = [...taken], kept = [], high = 14;
  for (const label of labels) {
    const w = label.width, up = label.y - 9 - high, down = label.y + 9;
    const tries = [[-w / 2, label.below ? down : up], [9, label.y - high / 2], [-9 - w, label.y - high / 2], [-w / 2, label.below ? up : down]];
    for (const [dx, top] of tries) {
      const box = { left: label.x + dx, top, right: label.x + dx + w, bottom: top + high };
      const inside = box.left >= 2 && box.right <= width - 2 && box.top >= 2 && box.bottom <= height - 2;
      if (!inside || boxes.some((b) => box.left < b.right && b.left < box.right && box.top < b.bottom && b.top < box.bottom)) continue;
      boxes.push(box);
      kept.push({ ...label, left: box.left, middle: top + high / 2 });
      break;
    }
  }
  return kept;
}

const rangeOf = (h) => (h.log ? log(h.low, h.high) : h.high > 0.995 && h.high < 1 ? complement(h.low, h.high) : linear(h.low, h.high));

const where = (x) => (Math.abs(x) < 1000 ? fixed(x, 3) : format(x));

/** A shape of the stage as an SVG path: the same drawing code, recorded. */
function glyph(name, x, y, r, attributes) {
  const d = [], recorder = {
    beginPath() {}, closePath() { d.push("Z"); },
    moveTo: (a, b) => d.push(`M${a} ${b}`), lineTo: (a, b) => d.push(`${d.length ? "L" : "M"}${a.toFixed(2)} ${b.toFixed(2)}`),
    rect: (a, b, w, h) => d.push(`M${a} ${b}h${w}v${h}h${-w}Z`),
    arc: (a, b, q) => d.push(`M${a - q} ${b}a${q} ${q} 0 1 0 ${2 * q} 0a${q} ${q} 0 1 0 ${-2 * q} 0Z`),
  };
  shape(recorder, name, x, y, r);
  return element("svg:path", { d: d.join(""), ...attributes });
}
const sign = (width, ...children) => element("svg:svg", { width, height: 12, viewBox: `0 0 ${width} 12`, "aria-hidden": "true" }, ...children);
const swatch = (dash, marker) => sign(30, element("svg:path", { d: "M0 6H24", stroke: "currentColor", "stroke-width": 2, "stroke-dasharray": dash.join(" ") || null, fill: "none" }),
  glyph(marker, 24, 6, 4, { fill: "currentColor" }));
const kindSign = (kind) => sign(14, glyph(GLYPH[kind], 7, 6, 4.6, { fill: `var(--${kind})` }));
const icon = (d) => element("svg:svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, element("svg:path", { d }));
const PLAY = "M3 1.5v11l9-5.5z", PAUSE = "M2.5 1.5h3v11h-3zM8.5 1.5h3v11h-3z", BACK = "M9.5 2v10L3 7zM1.5 2h1.5v10h-1.5z", ON = "M4.5 2v10L11 7zM11 2h1.5v10H11z";

export async function render({ model, el }, addPane = null) {
  const spec = model.get("spec"), { landscapes: views, rules, together, zero, limit } = spec, stops = [];
  const code = await load({
    ...Object.fromEntries(views.map((v, k) => [`landscape${k}`, v.javascript])),
    ...Object.fromEntries(rules.flatMap((r, k) => [[`rule${k}`, r.javascript], [`stable${k}`, r.stable]])), ...spec.formulas,
  });
  rules.forEach((r, k) => { r.run = { ...code[`rule${k}`], initial: r.initial }; r.stable = code[`stable${k}`] ?? null; });
  views.forEach((v, k) => { v.functions = code[`landscape${k}`]; });
  const letters = new Map(rules.flatMap((r) => r.hyper.map((h) => [h.letter, h])));
  const value = (name) => model.get(name);

  // -- what stands on the page
  const pane = addPane?.({ model, code, spec, rules }) ?? null;
  const root = prepare(model, el, pane?.title ?? "Loss curve with a ball to drag");
  const still = element("canvas"), moving = element("canvas", { role: "img", "aria-label": value("alt") || "loss curve" });
  const frame = element("div", { class: "explorer-frame" }), start = handle("start", "start of the ball", "curve-ball");
  const twins = together ? views.slice(1).map(() => element("div", { class: "explorer-handle curve-ball", "aria-hidden": "true" })) : [];
  frame.append(...twins, start);
  const plane = element("div", { class: "explorer-plane" }, still, moving, frame), legend = element("div", { class: "explorer-legend" });
  const player = element("div", { class: "curve-player", role: "group", "aria-label": "steps of the descent" });
  const numbers = element("div", { class: "curve-numbers" }), verdicts = element("div", { class: "curve-verdicts" });
  const readout = element("div", { class: "explorer-readout", "data-readout": true }, numbers, verdicts), spoken = announcer();
  const lossCanvas = element("canvas", { class: "explorer-plot", role: "img", "aria-label": pane?.plot?.label ?? "loss against step" });
  const lossPane = element("div", { class: "explorer-loss" }, element("div", { class: "explorer-heading" }, pane?.plot?.heading ?? "Loss against step"), lossCanvas);
  const side = element("div", { class: "explorer-side" }), sliders = new Map();
  root.append(element("style", {}, STYLE), element("div", { class: "explorer-panes" }, element("div", { class: "explorer-main" }, plane, legend, player, pane?.node, readout), side), spoken.node);

  const turn = (name) => { // another landscape from the menu: its start and rate, as Python sets them
    const next = views.find((v) => v.name === name);
    model.set("start", next.start);
    if (letters.has("η")) model.set("η", next.rate.value);
  };
  offer(model, "start", (text) => reads.number(...domain)(text), () => shown[0].start);
  const controls = {}, elsewhere = new Map(pane?.sliders ?? []);
  if (views.length > 1 && !together) {
    controls.menu = menu({ model, trait: "landscape", label: "Landscape", items: views.map((v) => ({ name: v.name, label: v.title })), chosen: turn });
    side.append(controls.menu.node);
  }
  if (rules.length > 1) {
    // Curves that are shown together follow one rule: pressing another button changes it.
    const one = { get: value, save_changes: () => model.save_changes(),
      set: (trait, names) => { const fresh = names.filter((n) => !value(trait).includes(n)); if (fresh.length) model.set(trait, fresh); } };
    if (together) offer(model, "active", reads.one(rules.map((r) => [r.name])));
    controls.chips = chips({ model: together ? one : model, trait: "active", label: "update rules", items: rules.map((r) => ({ name: r.name, label: r.label, swatch: together ? null : swatch(r.dash, r.marker) })) });
    side.append(element("div", { class: "explorer-heading" }, together ? "Update rule" : "Update rules"), controls.chips.node);
  }
  for (const [letter, h] of letters) {
    if (elsewhere.has(letter)) { sliders.set(letter, elsewhere.get(letter)); continue; }
    const memory = h.high > 0.995 && h.high < 1, ends = h.log ? decades(h.low, h.high, 4) : memory ? [0, 0.9, 0.99, 0.999] : [0, 0.5, 0.9];
    const control = slider({ model, trait: letter, label: h.label, symbol: letter.replace(/\d/, "_$&"), range: rangeOf(h), steps: h.log ? 200 : memory ? 160 : Math.round((h.high - h.low) * 100),
      round: (v) => (h.log ? Number(v.toPrecision(3)) : Number(v.toFixed(4))), text: (v) => (h.log ? format(v, 2) : fixed(v, !memory ? 2 : v > 0.99 ? 4 : 3)),
      ticks: ends.map((v) => ({ value: v, text: format(v, 3, true) })) });
    sliders.set(letter, control);
    side.append(control.node);
  }
  const reset = element("button", { type: "button", class: "explorer-reset", onclick: () => {
    pause();
    turn(value("landscape"));
    for (const [letter, h] of letters) if (letter !== "η") model.set(letter, h.value);
    model.set("active", spec.active);
    model.set("step", value("steps"));
    model.save_changes();
  } }, "Reset");
  side.append(lossPane, reset);

  // -- steps, one by one or as a film
  const button = (name, d, onclick) => element("button", { type: "button", "aria-label": name, title: name, onclick }, icon(d));
  const back = button("one step back", BACK, () => { pause(); go(value("step") - 1); });
  const play = button("play", PLAY, () => (film.id ? pause() : begin())), on = button("one step on", ON, () => { pause(); go(value("step") + 1); });
  const film = { id: 0, from: 0, since: 0, last: 0 };
  let stepSlider = null;
  const go = (t) => { model.set("step", clamp(t, 0, value("steps"))); model.save_changes(); };
  function face(name, d) { play.setAttribute("aria-label", name); play.title = name; play.replaceChildren(icon(d)); }
  function pause() {
    if (!film.id) return;
    cancelAnimationFrame(film.id);
    film.id = 0;
    face("play", PLAY);
    model.save_changes();
  }
  function begin() {
    film.from = value("step") >= value("steps") ? 0 : value("step");
    film.since = film.last = performance.now();
    face("pause", PAUSE);
    const each = clamp(7000 / value("steps"), 16, 320); // milliseconds for one step: the whole film takes about seven seconds
    const tick = (now) => {
      film.since += Math.max(0, now - film.last - 250); // a hidden tab has no frames: the film waits
      film.last = now;
      // the first frame may carry a time from before the click
      const t = clamp(film.from + Math.floor((now - film.since) / each), film.from, value("steps"));
      film.id = requestAnimationFrame(tick);
      model.set("step", t);
      if (t >= value("steps")) pause();
    };
    film.id = requestAnimationFrame(tick);
  }
  const calmness = matchMedia("(prefers-reduced-motion: reduce)");
  const calm = () => { play.hidden = reducedMotion(); if (play.hidden) pause(); }; // single steps and the slider remain
  calmness.addEventListener("change", calm);
  stops.push(() => calmness.removeEventListener("change", calm), () => cancelAnimationFrame(film.id));
  function buildPlayer() {
    const most = value("steps");
    stepSlider = slider({ model, trait: "step", label: "step", range: linear(0, most), steps: most, round: Math.round, text: (t) => `${t} of ${value("steps")}` });
    stepSlider.input.addEventListener("input", pause);
    player.replaceChildren(back, play, on, stepSlider.node);
    player.most = most;
  }
  player.hidden = !rules.length;

  // -- the state that drawing reads
  let colours, size = { w: 0, h: 0 }, runs = [], rows = [], shown = [], domain = [0, 1], low = 0, high = 1;
  const hyperOf = (rule) => rule.hyper.map((h) => value(h.letter));
  const active = () => rules.filter((r) => value("active").includes(r.name));
  const X = (x) => clamp(((x - domain[0]) / (domain[1] - domain[0])) * size.w, -1e4, 1e4);
  const Y = (y) => clamp(((high - y) / (high - low)) * size.h, -1e4, 1e4);

  function turned() {
    shown = together ? views : [views.find((v) => v.name === value("landscape")) ?? views[0]];
    domain = together ? spec.domain : shown[0].domain[0];
    for (const v of shown) if (!v.curve) v.curve = sampleCurve(v.functions.loss, domain);
    low = Math.min(...shown.map((v) => v.curve.low));
    high = Math.max(...shown.map((v) => v.curve.high));
    const pad = 0.1 * (high - low) || 1;
    low -= together ? pad : 1.6 * pad; // room for a label below the lowest minimum
    high += pad;
    controls.menu?.show(shown[0].name);
    pane?.turn?.(shown[0]);
    buildLegend();
    toggled();
    if (size.w) drawStill();
  }

  function drawStill() {
    const w = size.w + LEFT + RIGHT, h = size.h + TOP + BOTTOM, ctx = canvasFor(still, w, h);
    ctx.clearRect(0, 0, w, h);
    drawAxes(ctx, { left: LEFT, top: TOP, width: size.w, height: size.h }, { colours,
      x: { scale: linear(...domain), ticks: niceTicks(...domain, 6) }, y: { scale: linear(low, high), ticks: niceTicks(low, high, 5).filter((v) => Y(v) > 16) } });
    ctx.save();
    ctx.translate(LEFT, TOP);
    ctx.beginPath();
    ctx.rect(1, 0, size.w, size.h);
    ctx.clip();
    ctx.lineJoin = "round";
    pane?.still?.(ctx, { X, Y, view: shown[0], colours, size });
    for (const v of [...shown].reverse()) {
      const line = new Path2D();
      v.curve.xs.forEach((x, i) => { if (Number.isFinite(v.curve.ys[i])) line.lineTo(X(x), Y(v.curve.ys[i])); });
      if (!together && !pane?.still) {
        const ground = new Path2D(line);
        ground.lineTo(size.w, size.h);
        ground.lineTo(0, size.h);
        ctx.fillStyle = faded(colours.low, colours.dark ? 0.28 : 0.2);
        ctx.fill(ground);
      }
      ctx.strokeStyle = together ? faded(colours.pick(v.colour), 0.5) : colours.soft;
      ctx.lineWidth = 2.2;
      ctx.setLineDash(together ? v.dash : []);
      ctx.stroke(line);
      ctx.setLineDash([]);
    }
    const labels = [], taken = [], r = together ? 3.2 : 5;
    for (const v of shown) for (const p of v.critical) {
      const x = X(p.θ[0]), y = Y(p.loss);
      if (x < 0 || x > size.w) continue;
      shape(ctx, GLYPH[p.kind], x, y, r);
      ctx.strokeStyle = colours.paper;
      ctx.lineWidth = together ? 2 : 3;
      ctx.stroke();
      ctx.fillStyle = colours[p.kind];
      ctx.fill();
      taken.push({ left: x - 7, right: x + 7, top: y - 7, bottom: y + 7 });
      ctx.font = `600 12px ${colours.font}`;
      labels.push({ text: p.kind, x, y, width: ctx.measureText(p.kind).width, below: p.kind === "minimum" });
    }
    if (!together) {
      for (let i = 0; i < SAMPLES; i += 2) { const { xs, ys } = shown[0].curve; taken.push({ left: X(xs[i]) - 2, right: X(xs[i]) + 2, top: Y(ys[i]) - 2, bottom: Y(ys[i]) + 2 }); }
      ctx.textAlign = "left";
      ctx.textBaseline = "middle";
      const placed = labelBoxes(labels, taken, size.w, size.h);
      legend.hidden = labels.length > 0 && placed.length === labels.length; // the picture says it all
      for (const label of placed) {
        ctx.fillStyle = colours[label.text];
        ctx.fillText(label.text, label.left, label.middle);
      }
    }
    ctx.restore();
    ctx.font = `italic 13px ${colours.font}`;
    ctx.fillStyle = colours.ink;
    ctx.textAlign = "right";
    ctx.textBaseline = "top";
    ctx.fillText("L", LEFT - 7, TOP);
    ctx.textBaseline = "alphabetic";
    ctx.fillText(shown[0].labels[0], LEFT + size.w, TOP + size.h - 6);
  }

  function drawMoving() {
    const w = size.w + LEFT + RIGHT, h = size.h + TOP + BOTTOM, ctx = canvasFor(moving, w, h), now = value("step");
    ctx.clearRect(0, 0, w, h);
    ctx.save();
    ctx.translate(LEFT, TOP);
    if (together) { // the balls start at one x
      ctx.strokeStyle = faded(colours.ink, 0.35);
      ctx.setLineDash([2, 4]);
      ctx.beginPath();
      ctx.moveTo(X(value("start")), 0);
      ctx.lineTo(X(value("start")), size.h);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, 0, size.w, size.h);
    ctx.clip();
    pane?.moving?.(ctx, { X, Y, view: shown[0], colours, size, runs, now });
    for (const { run, colour } of runs) drawPath(ctx, run, Math.min(now, run.path.length - 1), now, colours.pick(colour));
    ctx.restore();
    for (const { run, colour, marker } of runs) drawBall(ctx, run, Math.min(now, run.path.length - 1), colours.pick(colour), marker);
    ctx.restore();
  }

  /** The steps so far: dots that fade with age, and between those that lie apart a thin line with a head. */
  function drawPath(ctx, run, last, now, colour) {
    ctx.fillStyle = colour;
    const tail = Math.max(10, last / 3); // steps in which a dot fades
    let seenX = X(run.path[last][0]), seenY = Y(run.loss[last]), drawn = 0;
    const at = (t) => [((run.path[t][0] - domain[0]) / (domain[1] - domain[0])) * size.w, ((high - run.loss[t]) / (high - low)) * size.h];
    for (let t = last; t >= 0 && drawn < 400; t--) {
      const [x, y] = at(t), fresh = 0.3 + 0.7 * Math.exp((t - last) / tail);
      if (!Number.isFinite(y)) continue;
      const seen = t < last && Number.isFinite(run.loss[t + 1]) ? clip(x, y, ...at(t + 1), size.w, size.h) : null;
      const far = seen ? Math.hypot(seen[2] - seen[0], seen[3] - seen[1]) : 0;
      if (far > 9) {
        const [x0, y0, x1, y1] = seen, dx = (x1 - x0) / far, dy = (y1 - y0) / far, mx = (x0 + x1) / 2 + 3 * dx, my = (y0 + y1) / 2 + 3 * dy;
        ctx.globalAlpha = 0.8 * fresh;
        ctx.strokeStyle = colour;
        ctx.lineWidth = 1.3;
        ctx.beginPath();
        ctx.moveTo(x0, y0);
        ctx.lineTo(x1, y1);
        if (far > 30) {
          ctx.moveTo(mx - 6 * dx + 3.5 * dy, my - 6 * dy - 3.5 * dx);
          ctx.lineTo(mx, my);
          ctx.lineTo(mx - 6 * dx - 3.5 * dy, my - 6 * dy + 3.5 * dx);
        }
        ctx.stroke();
        drawn++;
      }
      if (x < -9 || x > size.w + 9 || y < -9 || y > size.h + 9) continue;
      if (Math.abs(x - seenX) + Math.abs(y - seenY) < 5) continue;
      seenX = x;
      seenY = y;
      drawn++;
      ctx.globalAlpha = 1; // the rim hides the curve below, so that a pale dot is a dot
      ctx.fillStyle = colours.paper;
      shape(ctx, "circle", x, y, 3.6);
      ctx.fill();
      ctx.globalAlpha = fresh;
      ctx.fillStyle = colour;
      shape(ctx, "circle", x, y, 2.6);
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }

  /** The ball where it is now; beyond the picture an arrow head at its edge. */
  function drawBall(ctx, run, t, colour, marker) {
    const x = X(run.path[t][0]), y = Y(run.loss[t]), out = x < 0 ? -1 : x > size.w ? 1 : 0;
    if (out) {
      let k = t;
      while (k > 0 && !(X(run.path[k][0]) >= 0 && X(run.path[k][0]) <= size.w)) k--;
      const edge = out < 0 ? 1 : size.w - 1, at = clamp(Y(run.loss[k]), 12, size.h - 12);
      ctx.beginPath();
      ctx.moveTo(edge, at);
      ctx.lineTo(edge - out * 11, at - 7);
      ctx.lineTo(edge - out * 11, at + 7);
      ctx.closePath();
    } else shape(ctx, marker, x, clamp(y, 0, size.h), 6.4);
    ctx.strokeStyle = colours.paper;
    ctx.lineWidth = 3;
    ctx.stroke();
    ctx.fillStyle = colour;
    ctx.fill();
  }

  function drawLoss() {
    const width = size.side, height = pane?.plot?.height ?? 132;
    if (!width) return;
    lossCanvas.style.height = `${height}px`;
    if (pane?.plot) return pane.plot.draw(lossCanvas, width, height);
    const ctx = canvasFor(lossCanvas, width, height), box = { left: 38, top: 6, width: width - 42, height: height - 26 };
    ctx.clearRect(0, 0, width, height);
    const { scale, ticks, text } = lossScale(runs.map(({ run }) => run.loss)), steps = value("steps"), x = linear(0, steps);
    drawAxes(ctx, box, { colours, x: { scale: x, ticks: [0, steps], label: "step", text: String }, y: { scale, ticks, text } });
    const px = (t) => box.left + box.width * x.at(t), py = (v) => box.top + box.height * (1 - clamp(scale.at(Math.max(v, scale.low)), -0.05, 1.05));
    if (value("step") < steps) {
      ctx.strokeStyle = faded(colours.ink, 0.45);
      ctx.setLineDash([2, 3]);
      ctx.beginPath();
      ctx.moveTo(px(value("step")), box.top);
      ctx.lineTo(px(value("step")), box.top + box.height);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    ctx.lineJoin = "round";
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.left, box.top - 3, box.width + 3, box.height + 4);
    ctx.clip();
    for (const { run, colour, dash } of runs) {
      ctx.strokeStyle = colours.pick(colour);
      ctx.lineWidth = 1.7;
      ctx.setLineDash(dash);
      ctx.beginPath();
      run.loss.forEach((v, t) => ctx.lineTo(px(t), py(v)));
      ctx.stroke();
      ctx.setLineDash([]);
      const end = run.loss.length - 1;
      if (run.diverged) { shape(ctx, "cross", px(end), clamp(py(run.loss[end]), box.top + 4, box.top + box.height - 4), 3.5); ctx.lineWidth = 2; ctx.stroke(); }
    }
    ctx.restore();
    for (const { run, colour, marker } of runs) {
      const t = Math.min(value("step"), run.loss.length - 1);
      if (run.diverged && t === run.loss.length - 1) continue;
      shape(ctx, marker, px(t), py(run.loss[t]), 3.4);
      ctx.fillStyle = colours.pick(colour);
      ctx.fill();
    }
  }

  // -- words
  function buildTable() {
    const row = (name, colour) => {
      const cells = [0, 1, 2, 3].map(() => element("td")), head = element("th", { scope: "row", style: colour ? `--c:${colour}` : null }, name);
      return { head, cells, tr: element("tr", {}, head, ...cells) };
    };
    rows = [...shown.map((v) => row(together ? `${v.title}, start` : "start", together ? colours.pick(v.colour) : null)),
      ...runs.map(({ colour }) => row("", colours.pick(colour)))];
    if (together) rows = shown.flatMap((_, k) => [rows[k], rows[k + shown.length]]).filter(Boolean);
    const columns = [shown[0].labels[0], "L", "L′", "L″"].map((text) => element("th", { scope: "col" }, text));
    numbers.replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, element("span", { class: "explorer-spoken" }, "point")), ...columns)),
      element("tbody", {}, ...rows.map((r) => r.tr))));
    verdicts.replaceChildren(...runs.map(() => element("div")));
  }

  function write() {
    const t = value("step"), x0 = value("start");
    const put = (row, view, x, name) => {
      const words = [where(x), format(view.functions.loss([x])), format(view.functions.gradient([x])[0]), format(view.functions.hessian([x])[0][0])];
      words.forEach((word, k) => { if (row.cells[k].textContent !== word) row.cells[k].textContent = word; });
      if (name && row.name !== name) { row.name = name; row.head.replaceChildren(...name.split("|").map((part, k, all) => (k < all.length - 1 ? element("span", { class: "explorer-spoken" }, part) : part))); }
    };
    shown.forEach((view, k) => put(rows[together && runs.length ? 2 * k : k], view, x0));
    const said = runs.map(({ view, run, name, colour, marker }, k) => {
      const at = Math.min(t, run.path.length - 1), x = run.path[at][0], result = pane?.words?.(run, t) ?? verdict(run, t, view, domain, zero), line = verdicts.children[k];
      put(rows[together ? 2 * k + 1 : k + 1], view, x, together ? `${name}, |step ${at}` : `${name}, step ${at}`);
      const words = runs.length > 1 || together ? `${name}: ${result.text}` : result.text, key = `${words}${colours.dark}`;
      if (line.dataset.key !== key) {
        line.dataset.key = key;
        const known = result.kind in GLYPH;
        line.replaceChildren(known ? kindSign(result.kind) : sign(14, glyph(marker, 7, 6, 4.2, { fill: colours.pick(colour) })), element("span", { style: known ? `--c:var(--${result.kind})` : null }, words));
      }
      return `${name}, step ${at}: x ${where(x)}, L ${format(run.loss[at])}, ${result.text}`;
    });
    start.setAttribute("aria-valuemin", domain[0]);
    start.setAttribute("aria-valuemax", domain[1]);
    start.setAttribute("aria-valuenow", x0);
    start.setAttribute("aria-valuetext", `${shown[0].labels[0]} ${fixed(x0, 3)}`);
    moving.setAttribute("aria-label", `${shown.map((v) => v.title).join(" and ")}. Start ${fixed(x0, 3)}. ${said.join(". ")}`);
    if (!film.id) spoken.say(`Start ${fixed(x0, 3)}. ${said.join(". ")}`);
  }
  const writeSoon = throttle(write, 100);

  function buildLegend() {
    const counts = {}, inside = (p) => p.θ[0] >= domain[0] && p.θ[0] <= domain[1];
    for (const v of shown) for (const p of v.critical.filter(inside)) counts[p.kind] = (counts[p.kind] ?? 0) + 1;
    const item = (icon, text, colour) => element("span", { style: colour ? `color:${colour}` : null }, icon, element("span", { style: "color:var(--ink)" }, text));
    const name = (kind, n) => (together || n > 1 ? `${together ? "" : `${n} `}${PLURAL[kind]}` : kind === "degenerate" ? "degenerate point" : kind);
    legend.replaceChildren(...(together ? shown.map((v) => item(swatch(v.dash, v.marker), v.title, colours.pick(v.colour))) : []),
      ...Object.keys(GLYPH).filter((kind) => counts[kind]).map((kind) => item(kindSign(kind), name(kind, counts[kind]))));
    if (!legend.childElementCount) legend.append("no critical point in sight");
  }

  // -- what happens when
  function compute() {
    const go = (view, rule, style) => ({ view, rule, ...style, run: descend(view.functions, rule.run, [value("start")], hyperOf(rule), value("steps"), limit) });
    runs = together ? active().flatMap((rule) => shown.map((v) => go(v, rule, { name: v.title, colour: v.colour, dash: v.dash, marker: v.marker })))
      : active().map((rule) => go(shown[0], rule, { name: rule.label, colour: rule.colour, dash: rule.dash, marker: rule.marker }));
  }
  function place(node, view) {
    const x = X(value("start")), y = clamp(Y(view.functions.loss([value("start")])), 0, size.h);
    node.style.transform = `translate3d(${clamp(x, 0, size.w)}px,${y}px,0)`;
  }
  let stale = true; // the runs have to be computed again
  const draw = frames(() => {
    if (!size.w) return;
    if (stale) { stale = false; compute(); ticks(); }
    pane?.draw?.({ view: shown[0], colours, runs, now: value("step") });
    drawMoving();
    if (rules.length) drawLoss();
    place(start, shown[0]);
    twins.forEach((node, k) => place(node, shown[k + 1]));
    const t = value("step");
    back.disabled = t <= 0;
    on.disabled = t >= value("steps");
    stepSlider?.show(t);
    writeSoon();
  }, [writeSoon]);
  const again = () => { stale = true; draw(); };

  /** The rate's ends and ticks: powers of ten, and where each rule or curve loses the minimum below the ball. */
  function ticks() {
    const control = sliders.get("η");
    if (!control || control.node.hidden) return;
    const least = Math.min(value("η"), ...shown.map((v) => v.rate.low)), most = Math.max(value("η"), ...shown.map((v) => v.rate.high));
    const theory = runs.flatMap(({ view, rule, colour, name }) => {
      const λ = downhill(value("start"), view)?.eigenvalues[0];
      return λ && rule.stable ? [{ value: rule.stable(hyperOf(rule)) / λ, text: rule.bound.replace("λ_max", "L″"), colour: colours.pick(colour), rank: 0, title: `above this rate ${name} cannot settle at the minimum below the ball` }] : [];
    }).map((tick, row) => ({ ...tick, row }));
    control.setRange(log(least, most), [...theory, ...decades(least, most, 4).map((v) => ({ value: v, text: format(v, 1, true), rank: 1, row: 0 }))]);
    control.show(value("η"));
  }

  function toggled() {
    const used = new Set(active().flatMap((r) => r.hyper.map((h) => h.letter)));
    controls.chips?.show(value("active"));
    controls.chips?.buttons.forEach((b, k) => b.style.setProperty("--c", together ? colours.ink : colours.pick(rules[k].colour)));
    for (const [letter, control] of sliders) { control.node.hidden = !used.has(letter); control.show(value(letter)); }
    const borders = together ? shown.map((v) => v.colour) : [active().length === 1 ? active()[0].colour : null];
    [start, ...twins].forEach((node, k) => { node.style.borderColor = borders[k] ? colours.pick(borders[k]) : ""; });
    start.hidden = !rules.length;
    if (player.most !== value("steps")) buildPlayer();
    calm();
    stepSlider.show(value("step"));
    compute();
    measure();
    buildTable();
    for (const control of sliders.values()) if (!control.node.hidden) control.layout();
    ticks();
    again();
  }
  function measure() {
    const width = plane.clientWidth;
    size = { w: Math.max(0, width - LEFT - RIGHT), h: Math.round(clamp(0.68 * width, 220, 330)), side: lossPane.clientWidth };
    pane?.measure?.();
    plane.style.height = `${size.h + TOP + BOTTOM}px`;
    Object.assign(frame.style, { left: `${LEFT}px`, top: `${TOP}px`, width: `${size.w}px`, height: `${size.h}px` });
  }
  function resized() { measure(); if (size.w) { drawStill(); for (const c of sliders.values()) c.layout(); draw(); } }
  function recoloured() { colours = theme(el); turned(); }

  colours = theme(el);
  measure();
  turned();
  const follow = (names, call) => names.forEach((name) => { model.on(`change:${name}`, call); stops.push(() => model.off(`change:${name}`, call)); });
  follow(["landscape"], () => { pause(); turned(); });
  follow(["active", "steps"], toggled);
  follow(["start"], again);
  follow(["step"], draw);
  follow([...letters.keys()], () => { for (const [name, control] of sliders) control.show(value(name)); again(); });
  const span = () => domain[1] - domain[0];
  const grip = { node: start, get: () => [(value("start") - domain[0]) / span(), clamp(Y(shown[0].functions.loss([value("start")])) / size.h, 0, 1)],
    set: ([u]) => { model.set("start", Number((domain[0] + u * span()).toPrecision(9))); model.save_changes(); } };
  stops.push(dragging(frame, [grip], { step: 0.01, one: true }));
  const ends = (e) => { if (e.key === "Home" || e.key === "End") { e.preventDefault(); grip.set([e.key === "Home" ? 0 : 1]); } };
  start.addEventListener("keydown", ends);
  stops.push(() => start.removeEventListener("keydown", ends), watchSize(plane, resized), watchTheme(el, recoloured), draw.stop, writeSoon.stop, spoken.stop, () => pane?.stop?.());
  return () => { stops.forEach((stop) => stop()); el.replaceChildren(); };
}

export default { render };
