/* LandscapeExplorer: a map of L(θ), a start to drag, the paths of update rules, the quadratic model at a second point.

   Other explorers are this map with a pane of their own: `render(context, addPane)`, where addPane({ model, code, spec }) gives
   an object of which all but `node` may be missing:
     node                    the element beside the map, in place of the loss plot (with `loss: true` above it, with `loss: "main"` below the map)
     title                   what the whole figure is called
     axis                    {label, most(), at(run, t)}: what the loss is drawn against, instead of the step
     sliders, buttons        [[trait, slider], …] and elements that join the map's own
     readout                 an element that takes the table, which else stands below everything
     plain                   true: no quadratic model
     pen(rule)               {width, dot}: how wide a path is drawn, and how large its dots
     steps                   what else the slider of the steps is to be made with, such as its label
     legend()                more elements below the map
     marks(letter)           more ticks of that letter's slider
     traits, remake          names of more traits whose change draws again, and of those that change the landscape itself
     view(view)              {functions, critical, rate, …} that replace the view's own
     run(rule, from, until)  {path, loss, diverged}, instead of `descend`
     still(ctx, tools)       draws on the map before the critical points, with tools {X, Y, view, colours, size}
     moving(ctx, tools)      draws over the paths, with `runs` too
     columns, words(rule, run), startWords()   two heads of the table (a third replaces the last); {cells, said, end} of a path; {cells, said, suffix} of the start
     turn(view, active), measure(height of the map), draw({view, colours, runs, run}), reset(), stop()
     later                   the throttled calls of `draw`
     ahead()                 computes what the first picture needs, in a step of its own */
import {
  announcer, bandIndex, canvasFor, checkbox, chips, clamp, classify, clip, complement, contours, coordinates, decades, descend, dragging,
  drawAxes, element, faded, fixed, format, frames, handle, levels, linear, load, log, lossScale, menu, niceTicks, normals, offer, pause,
  paintBands, polylines, prepare, reads, rgb, rich, sample, shape, slider, theme, throttle, watchSize, watchTheme,
} from "./stage.js";

const GRID = 221, MODEL_GRID = 49, REACH = 0.27, LEFT = 34, BOTTOM = 22;
const GLYPH = { minimum: "circle", maximum: "up", saddle: "cross", degenerate: "diamond" };
const PLURAL = { minimum: "minima", maximum: "maxima", saddle: "saddles", degenerate: "degenerate points" };
const NEAR = 0.01; // a path ends "at" a critical point within this share of the view
const LONG = 2e4; // pixels: a path that goes to and fro for longer is drawn without dashes, which nobody could tell there and which cost most

/** What a map of L is drawn from, each part from those before. */
const MAP = {
  values: (view) => sample(view.functions.loss, view.domain, GRID),
  levels: (view) => levels(view.values, 15, view.critical.filter((p) => p.kind === "saddle").map((p) => p.loss)),
  index: (view) => bandIndex(view.values, view.levels),
  lines: (view) => view.levels.map((_, k) => contours(view.index, GRID, GRID, k)),
};

/** The scale of a hyper-parameter's slider. */
export function rangeOf(hyper) {
  const low = Math.min(hyper.low, hyper.value), high = Math.max(hyper.high, hyper.value);
  return hyper.log ? log(low, high) : hyper.high > 0.995 && hyper.high < 1 ? complement(low, high) : linear(low, high);
}

/** Ticks of the learning rate: powers of ten, for each active rule the rate above which it cannot settle, and other `marks`. */
export function rateTicks(rate, rules, hyper, pick, marks = []) {
  const theory = [...marks, ...rules.filter((r, k) => r.stable && rate.limit && rules.findIndex((q) => q.bound === r.bound) === k).map((r) => ({
    value: (r.stable(r.hyper.map((h) => hyper[h.letter])) / 2) * rate.limit, text: r.bound, colour: pick(r.colour), rank: 0,
    title: `above this rate ${r.label} settles at no minimum`,
  }))].sort((p, q) => p.value - q.value).map((tick, row, all) => ({ ...tick, row, flag: all.length > 1 })); // no mark crosses a label
  const plain = decades(rate.low, rate.high, 5).map((value) => ({ value, text: format(value, 1, true), rank: 1, row: 0 }));
  return [...theory, ...plain];
}

/** Where a path has ended, in words. */
export function verdict(run, view, landscape, zero) {
  if (run.diverged) return `diverged at step ${run.diverged}`;
  const θ = run.path.at(-1), size = view.domain.map(([a, b]) => b - a);
  const far = (p) => Math.hypot((p[0] - θ[0]) / size[0], (p[1] - θ[1]) / size[1]);
  const nearest = view.critical.reduce((best, p) => (!best || far(p.θ) < far(best.θ) ? p : best), null);
  const point = nearest && far(nearest.θ) < NEAR ? nearest : null;
  const curve = view.curves.find((c) => c.polylines.some((line) => line.some((p) => far(p) < NEAR / 2)));
  const H = landscape.hessian(θ).flat(), steep = Math.hypot(...landscape.gradient(θ));
  const stopped = steep <= zero * Math.max(1, ...H.map(Math.abs));
  if (point) return `${stopped ? "at" : "near"} the ${point.verdict ?? point.kind}`;
  if (curve) return `in the ${curve.label}`;
  if (view.domain.some(([a, b], i) => θ[i] < a || θ[i] > b)) return "outside the view";
  return stopped ? "at a critical point" : "still moving";
}

/** The second-order test at a point, in words. */
export function secondOrder(eigenvalues, steepness, zero) {
  const { kind, index } = classify(eigenvalues, zero), small = zero * Math.max(1, ...eigenvalues.map(Math.abs));
  if (steepness > small) return { kind: "not critical", text: `not a critical point: |∇L| = ${format(steepness)}` };
  const text = {
    minimum: "minimum: both eigenvalues are positive", maximum: "maximum: both eigenvalues are negative",
    saddle: `saddle of index ${index}: one eigenvalue of each sign`,
    degenerate: "degenerate: the second-order test says nothing",
  }[kind];
  return { kind, text };
}

/** A piece of a rule's path, for chips and legends. */
export function swatch(rule, size = 26) {
  const dash = rule.dash.join(" ");
  return element("svg:svg", { width: size, height: 12, viewBox: `0 0 ${size} 12`, "aria-hidden": "true" },
    element("svg:path", { d: `M0 6H${size - 6}`, stroke: "currentColor", "stroke-width": 2, "stroke-dasharray": dash || null, fill: "none" }),
    glyph(rule.marker, size - 6, 6, 4, { fill: "var(--paper)", stroke: "currentColor", "stroke-width": 1.6 }));
}

/** A shape of the stage as an SVG path: the same drawing code, recorded. */
export function glyph(name, x, y, r, attributes) {
  const d = [];
  const recorder = {
    beginPath() {}, closePath() { d.push("Z"); },
    moveTo: (a, b) => d.push(`M${a} ${b}`), lineTo: (a, b) => d.push(`${d.length ? "L" : "M"}${a.toFixed(2)} ${b.toFixed(2)}`),
    rect: (a, b, w, h) => d.push(`M${a} ${b}h${w}v${h}h${-w}Z`),
    arc: (a, b, q) => d.push(`M${a - q} ${b}a${q} ${q} 0 1 0 ${2 * q} 0a${q} ${q} 0 1 0 ${-2 * q} 0Z`),
  };
  shape(recorder, name, x, y, r);
  return element("svg:path", { d: d.join(""), fill: "none", ...attributes });
}

export async function render({ model, el }, addPane = null) {
  const spec = model.get("spec");
  const { landscapes: views, rules, formulas, zero, limit } = spec;
  const code = await load({
    ...Object.fromEntries(views.map((v, k) => [`landscape${k}`, v.javascript])),
    ...Object.fromEntries(rules.flatMap((r, k) => [[`rule${k}`, r.javascript], [`stable${k}`, r.stable]])), ...formulas,
  });
  rules.forEach((r, k) => { r.run = { ...code[`rule${k}`], initial: r.initial }; r.stable = code[`stable${k}`] ?? null; });
  views.forEach((v, k) => { v.functions = code[`landscape${k}`]; });
  const offered = new Map(rules.flatMap((r) => r.hyper.map((h) => [h.letter, h]))), letters = new Map(spec.letters.map((l) => [l, offered.get(l)]));
  const stops = [];

  // -- what stands on the page
  const pane = addPane?.({ model, code, spec }) ?? null;
  const root = prepare(model, el, pane?.title ?? "Loss landscape with a start to drag");
  const still = element("canvas"), lens = element("canvas"), moving = element("canvas", { class: "explorer-paths", role: "img", "aria-label": model.get("alt") || "contour map" });
  const frame = element("div", { class: "explorer-frame" });
  const start = handle("start", "start of the paths"), point = handle("point", "point θ′ of the quadratic model", "is-point");
  frame.append(start, point);
  const plane = element("div", { class: "explorer-plane" }, still, lens, moving, frame);
  const legend = element("div", { class: "explorer-legend" });
  const readout = element("div", { class: "explorer-readout", "data-readout": true });
  const spoken = announcer();
  const lossCanvas = element("canvas", { class: "explorer-plot", role: "img", "aria-label": `loss against ${pane?.axis?.label ?? "step"}` });
  const lossPane = element("div", { class: "explorer-loss" }, element("div", { class: "explorer-heading" }, `Loss against ${pane?.axis?.label ?? "step"}`), lossCanvas);
  const side = element("div", { class: "explorer-side" });
  const main = element("div", { class: "explorer-main" }, plane, legend, readout), panes = element("div", { class: "explorer-panes" }, main, side);
  root.append(panes, spoken.node);
  let above = side, below = side;
  if (pane) { // choices above, settings below, so that the map and the pane stand side by side
    above = element("div", { class: "explorer-above" });
    below = element("div", { class: "explorer-below" });
    panes.classList.add("is-paired");
    panes.before(above);
    panes.after(below, readout);
  }

  const turn = (name) => { // another landscape from the menu: its start, rate and point, as Python sets them
    const view = views.find((v) => v.name === name);
    model.set("start", [...view.start]);
    model.set("point", [...view.point]);
    if (letters.has("η")) model.set("η", view.rate.value);
  };
  for (const trait of ["start", "point"]) offer(model, trait, (text) => reads.point(view.domain)(text), () => [...view[trait]]);
  const controls = { sliders: new Map() };
  if (views.length > 1) {
    controls.menu = menu({ model, trait: "landscape", label: "Landscape", items: views.map((v) => ({ name: v.name, label: v.title })), chosen: turn });
    above.append(controls.menu.node);
  }
  if (rules.length) {
    if (!pane) side.append(element("div", { class: "explorer-heading" }, rules.length > 1 ? "Update rules" : "Update rule"));
    controls.chips = chips({ model, trait: "active", label: "update rules", items: rules.map((r) => ({ name: r.name, label: r.label, swatch: swatch(r) })) });
    above.append(controls.chips.node);
    if (pane) side.append(pane.node);
    pane?.readout?.append(readout);
    for (const [letter, h] of letters) {
      const round = h.log ? (v) => Number(v.toPrecision(3)) : (v) => Number(v.toFixed(4)), memory = h.high > 0.995 && h.high < 1;
      const steps = h.log ? 200 : memory ? 160 : Math.round((h.high - h.low) * 100);
      const range = rangeOf(h), middle = h.log ? decades(h.low, h.high, 4) : memory ? [0, 0.9, 0.99, 0.999] : h.high === 0.99 ? [0, 0.5, 0.9] : niceTicks(h.low, h.high, 2);
      const ticks = middle.map((value) => ({ value, text: format(value, 3, true) }));
      const text = h.log ? (v) => format(v, 2) : (v) => fixed(v, !memory ? 2 : v > 0.99 ? 4 : 3);
      const control = slider({ model, trait: letter, label: h.label, symbol: letter.replace(/\d/, "_$&"), range, steps, round, ticks, text });
      control.plain = ticks;
      controls.sliders.set(letter, control);
      below.append(control.node);
    }
    for (const [trait, control] of pane?.sliders ?? []) {
      controls.sliders.set(trait, control);
      below.append(control.node);
    }
    const most = Math.max(1000, spec.steps), range = log(10, most);
    controls.steps = slider({ model, trait: "steps", label: "steps", range, steps: 120, round: (v) => (v < 100 ? Math.round(v) : v < 400 ? 5 * Math.round(v / 5) : 10 * Math.round(v / 10)),
      text: String, ticks: decades(10, most, 4).map((value) => ({ value, text: String(value) })), ...pane?.steps });
    controls.sliders.set("steps", controls.steps);
    below.append(controls.steps.node);
    if (!pane || pane.loss) (pane ? pane.loss === "main" : letters.size > 3) ? main.append(lossPane) : side.append(lossPane); // where the column beside the plane has room
  }
  const panel = modelPanel({ model, code });
  controls.model = checkbox({ model, trait: "model", label: "quadratic model at θ′" });
  controls.sliders.set("angle", panel.slider);
  const reset = element("button", { type: "button", class: "explorer-reset", onclick: () => {
    turn(model.get("landscape"));
    for (const [letter, h] of letters) if (letter !== "η") model.set(letter, h.value);
    model.set("steps", spec.steps);
    model.set("seed", spec.seed);
    pane?.reset?.();
    model.save_changes();
  } }, "Reset");
  const redraw = rules.some((r) => r.run.noisy) ? element("button", { type: "button", class: "explorer-noise", onclick: () => {
    model.set("seed", (value("seed") + 1) % 2 ** 32);
    model.save_changes();
  } }, "Draw new noise") : null;
  if (redraw) offer(model, "seed", reads.number(0, 2 ** 32 - 1, true));
  const buttons = element("div", { class: "explorer-buttons" }, redraw, ...(pane?.buttons ?? []), reset);
  if (pane) { above.prepend(...[controls.menu?.node, buttons].filter(Boolean)); if (!pane.plain) below.append(controls.model.node); }
  else side.append(element("div", { class: "explorer-row" }, controls.model.node, buttons));
  (rules.length ? root : side).append(panel.node); // with rules the column beside the plane is full

  // -- the state that drawing reads
  let view, colours, size = { w: 0, h: 0 }, runs = [], cells = [], lensKey = "", noise = { seed: null };
  const axes = { canvas: element("canvas"), key: "" };
  const value = (name) => model.get(name);
  const hyperOf = (rule) => rule.hyper.map((h) => value(h.letter));
  const active = () => rules.filter((r) => value("active").includes(r.name));
  const noiseAt = (t) => { // the numbers of step t, the same for all runs
    if (noise.seed !== value("seed")) noise = { seed: value("seed"), number: normals(value("seed")), rows: [] };
    return (noise.rows[t] ??= [noise.number(2 * t - 2), noise.number(2 * t - 1)]);
  };
  const run = pane?.run ?? ((rule, from, until) => descend(view.functions, rule.run, from, hyperOf(rule), value("steps"), limit, { eigen: code.eigen, noise: noiseAt, until }));
  const unit = (θ) => θ.map((v, i) => { const [a, b] = view.domain[i], u = (v - a) / (b - a); return i ? 1 - u : u; });
  const fromUnit = (p) => p.map((u, i) => { const [a, b] = view.domain[i]; return Number((a + (i ? 1 - u : u) * (b - a)).toPrecision(12)); });
  const X = (x) => ((x - view.domain[0][0]) / (view.domain[0][1] - view.domain[0][0])) * size.w;
  const Y = (y) => ((view.domain[1][1] - y) / (view.domain[1][1] - view.domain[1][0])) * size.h;

  function drawStill() {
    const ctx = canvasFor(still, size.w + LEFT, size.h + BOTTOM);
    ctx.clearRect(0, 0, size.w + LEFT, size.h + BOTTOM);
    const ratio = Math.min(2, window.devicePixelRatio || 1), key = `${view.name} ${size.w} ${ratio} ${colours.dark}`;
    if (view.key !== key) {
      for (const part of Object.keys(MAP)) view[part] ??= MAP[part](view);
      const bitmap = element("canvas", { width: Math.round(size.w * ratio), height: Math.round(size.h * ratio) }), g = bitmap.getContext("2d");
      g.putImageData(paintBands(g.createImageData(bitmap.width, bitmap.height), view.index, GRID, GRID, view.levels.length, rgb(colours.low), rgb(colours.high)), 0, 0);
      Object.assign(view, { key, bitmap });
    }
    ctx.save();
    ctx.translate(LEFT, 0);
    ctx.beginPath();
    ctx.roundRect(0, 0, size.w, size.h, 5);
    ctx.save();
    ctx.clip();
    ctx.drawImage(view.bitmap, 0, 0, size.w, size.h);
    ctx.strokeStyle = faded(colours.dark ? "#aac8e6" : "#274b6d", colours.dark ? 0.2 : 0.24);
    ctx.lineWidth = 0.9;
    const fx = size.w / (GRID - 1), fy = size.h / (GRID - 1);
    for (const line of view.lines) strokeSegments(ctx, line, fx, fy);
    ctx.lineCap = "round";
    ctx.strokeStyle = colours.minimum;
    for (const curve of view.curves) for (const line of curve.polylines) {
      ctx.lineWidth = 3;
      ctx.setLineDash([0.1, 6.5]);
      ctx.beginPath();
      for (const [x, y] of line) ctx.lineTo(X(x), Y(y));
      ctx.stroke();
    }
    ctx.setLineDash([]);
    pane?.still?.(ctx, { X, Y, view, colours, size });
    for (const p of view.critical) critical(ctx, p.kind, X(p.θ[0]), Y(p.θ[1]));
    ctx.restore();
    ctx.strokeStyle = colours.line;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.roundRect(0.5, 0.5, size.w - 1, size.h - 1, 5);
    ctx.stroke();
    ctx.restore();
    frameTicks(ctx);
  }

  function strokeSegments(ctx, line, fx, fy) {
    ctx.beginPath();
    for (let k = 0; k < line.length; k += 4) {
      ctx.moveTo(line[k] * fx, line[k + 1] * fy);
      ctx.lineTo(line[k + 2] * fx, line[k + 3] * fy);
    }
    ctx.stroke();
  }

  function critical(ctx, kind, x, y) {
    shape(ctx, GLYPH[kind], x, y, kind === "saddle" ? 5 : 5.2);
    ctx.lineJoin = "round";
    if (kind === "saddle") {
      ctx.lineCap = "round";
      for (const [colour, width] of [[colours.paper, 5.5], [colours.saddle, 2.6]]) { ctx.strokeStyle = colour; ctx.lineWidth = width; ctx.stroke(); }
      return;
    }
    ctx.strokeStyle = colours.paper;
    ctx.lineWidth = 3;
    ctx.stroke();
    ctx.fillStyle = colours[kind];
    ctx.fill();
  }

  function frameTicks(ctx) {
    ctx.font = `11px ${colours.font}`;
    ctx.fillStyle = colours.soft;
    const [[x0, x1], [y0, y1]] = view.domain;
    ctx.textBaseline = "top";
    ctx.textAlign = "center";
    for (const v of niceTicks(x0, x1, 4)) {
      const text = format(v, 3, true), half = ctx.measureText(text).width / 2, at = LEFT + X(v);
      ctx.fillText(text, clamp(at, LEFT + half, LEFT + size.w - half), size.h + 7);
    }
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    for (const v of niceTicks(y0, y1, 4)) ctx.fillText(format(v, 3, true), LEFT - 6, clamp(Y(v), 6, size.h - 6));
    ctx.font = `italic 13px ${colours.font}`;
    ctx.fillStyle = colours.ink;
    ctx.textBaseline = "top";
    ctx.textAlign = "center";
    const between = (low, high) => { const t = niceTicks(low, high, 4), k = Math.floor((t.length - 1) / 2); return t.length > 1 ? (t[k] + t[k + 1]) / 2 : (low + high) / 2; };
    ctx.fillText(view.labels[0], LEFT + X(between(x0, x1)), size.h + 5);
    ctx.textBaseline = "middle";
    ctx.fillText(view.labels[1], LEFT - 16, Y(between(y0, y1)));
  }

  function drawMoving() {
    const ctx = canvasFor(moving, size.w + LEFT, size.h + BOTTOM);
    ctx.clearRect(0, 0, size.w + LEFT, size.h + BOTTOM);
    ctx.save();
    ctx.translate(LEFT, 0);
    ctx.beginPath();
    ctx.rect(0, 0, size.w, size.h);
    ctx.clip();
    ctx.lineJoin = ctx.lineCap = "round";
    for (const { rule, run } of runs) {
      const colour = colours.pick(rule.colour), line = new Path2D(), dots = [], last = run.path.length - 1;
      let [x, y] = run.path[0], dotX = Infinity, dotY = Infinity, penX = NaN, penY = NaN, length = 0;
      x = X(x); y = Y(y);
      for (let t = 0; t <= last; t++) { // steps too short to be seen add no point, and dots keep apart
        const px = X(run.path[t][0]), py = Y(run.path[t][1]);
        if (t && t < last && Math.abs(px - x) + Math.abs(py - y) < 0.6) continue;
        const inside = px > -9 && py > -9 && px < size.w + 9 && py < size.h + 9;
        length += Math.min(size.w, Math.hypot(px - x, py - y));
        if (inside && penX === x && penY === y) {
          line.lineTo((penX = px), (penY = py));
        } else { // without clipping, a path that diverges would be dashed for a million pixels
          const seen = clip(x, y, px, py, size.w, size.h);
          if (seen) { line.moveTo(seen[0], seen[1]); line.lineTo((penX = seen[2]), (penY = seen[3])); }
        }
        x = px; y = py;
        if (!inside) continue;
        if (Math.abs(px - dotX) + Math.abs(py - dotY) < 6 || dots.length > 160) continue;
        dots.push((dotX = px), (dotY = py));
      }
      const dash = length > LONG ? [] : rule.dash;
      if (dash.length) { // a pale edge fills the gaps between dashes
        ctx.setLineDash([]);
        ctx.strokeStyle = faded(colours.paper, 0.6);
        ctx.lineWidth = 3.2;
        ctx.stroke(line);
      }
      ctx.setLineDash(dash);
      ctx.lineCap = "butt";
      ctx.strokeStyle = ctx.fillStyle = colour;
      ctx.lineWidth = pane?.pen?.(rule).width ?? 1.8;
      ctx.stroke(line);
      const r = pane?.pen?.(rule).dot ?? 2.2, dot = sprite(colour, r), half = Math.ceil(r + 0.8);
      for (let k = 0; k < dots.length; k += 2) ctx.drawImage(dot, dots[k] - half, dots[k + 1] - half, 2 * half, 2 * half);
    }
    ctx.setLineDash([]);
    for (const { rule, run } of runs) {
      const [x, y] = run.path.at(-1);
      shape(ctx, rule.marker, X(x), Y(y), 5.2);
      ctx.fillStyle = colours.paper;
      ctx.strokeStyle = colours.pick(rule.colour);
      ctx.lineWidth = 2;
      ctx.fill();
      ctx.stroke();
    }
    pane?.moving?.(ctx, { X, Y, view, colours, size, runs });
    if (value("model")) drawDirections(ctx);
    ctx.restore();
  }

  const sprites = new Map();
  /** A dot as a small bitmap: stamping it costs a tenth of filling a path of circles. */
  function sprite(colour, r) {
    const key = `${colour} ${r}`;
    if (!sprites.has(key)) {
      const half = Math.ceil(r + 0.8), canvas = element("canvas"), g = canvasFor(canvas, 2 * half, 2 * half);
      g.fillStyle = colour;
      shape(g, "circle", half, half, r);
      g.fill();
      sprites.set(key, canvas);
    }
    return sprites.get(key);
  }

  /** Contour lines of the quadratic model around θ′, at the landscape's own levels; they wait while only the start moves. */
  function drawLens() {
    const key = value("model") ? [view.name, value("point"), size.w, colours.dark].join() : "";
    if (key === lensKey) return;
    lensKey = key;
    lens.hidden = !key;
    const ctx = canvasFor(lens, size.w + LEFT, size.h + BOTTOM);
    ctx.clearRect(0, 0, size.w + LEFT, size.h + BOTTOM);
    if (!key) return;
    const θ = value("point"), { functions, domain } = view, L = functions.loss(θ), g = functions.gradient(θ), H = functions.hessian(θ);
    const n = MODEL_GRID, [[x0, x1], [y0, y1]] = domain, v = [0, 0];
    const rx = REACH * (x1 - x0), ry = REACH * (y1 - y0), flat = H.flat(), values = new Float64Array(n * n);
    for (let j = 0; j < n; j++) {
      v[1] = ry * (1 - (2 * j) / (n - 1));
      for (let i = 0; i < n; i++) { v[0] = rx * ((2 * i) / (n - 1) - 1); values[j * n + i] = code.model(L, g, flat, v); }
    }
    const cx = X(θ[0]), cy = Y(θ[1]), px = REACH * size.w, py = REACH * size.h;
    ctx.save();
    ctx.translate(LEFT, 0);
    ctx.beginPath();
    ctx.rect(0, 0, size.w, size.h);
    ctx.clip();
    ctx.beginPath();
    ctx.ellipse(cx, cy, px, py, 0, 0, 7);
    ctx.fillStyle = faded(colours.paper, 0.28);
    ctx.fill();
    ctx.strokeStyle = faded(colours.ink, 0.35);
    ctx.lineWidth = 1;
    ctx.stroke();
    ctx.clip();
    ctx.strokeStyle = faded(colours.ink, 0.75);
    ctx.lineWidth = 1.2;
    ctx.setLineDash([5, 3]);
    const fx = (2 * px) / (n - 1), fy = (2 * py) / (n - 1);
    for (const level of view.levels) {
      for (const line of polylines(contours(values, n, n, level))) { // joined, or else each segment would begin a dash of its own
        ctx.beginPath();
        for (let k = 0; k < line.length; k += 2) ctx.lineTo(cx - px + line[k] * fx, cy - py + line[k + 1] * fy);
        ctx.stroke();
      }
    }
    ctx.restore();
  }

  /** The eigenvectors, green where the loss curves up along them and red where it curves down, and v. */
  function drawDirections(ctx) {
    const θ = value("point"), flat = view.functions.hessian(θ).flat(), [[x0, x1], [y0, y1]] = view.domain;
    const cx = X(θ[0]), cy = Y(θ[1]), px = REACH * size.w;
    const [low, high, c, s] = code.eigen(flat[0], flat[1], flat[3]), angle = Math.atan2(s, c), most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    const across = ([a, b]) => { const X1 = (a / (x1 - x0)) * size.w, Y1 = (-b / (y1 - y0)) * size.h, r = Math.hypot(X1, Y1); return [X1 / r, Y1 / r]; };
    const direction = (α) => across([Math.cos(α), Math.sin(α)]);
    const v1 = direction((value("angle") * Math.PI) / 180);
    ctx.strokeStyle = colours.ink;
    ctx.lineWidth = 1.4;
    ctx.setLineDash([2, 3]);
    ctx.beginPath();
    ctx.moveTo(cx - 0.97 * px * v1[0], cy - 0.97 * px * v1[1]);
    ctx.lineTo(cx + 0.97 * px * v1[0], cy + 0.97 * px * v1[1]);
    ctx.stroke();
    ctx.setLineDash([]);
    text(ctx, "v", cx + (px + 9) * v1[0], cy + (px + 9) * v1[1], true);
    [[low, angle, "λ₁"], [high, angle + Math.PI / 2, "λ₂"]].forEach(([λ, α, name]) => {
      const way = direction(α), length = px * (0.34 + 0.46 * (Math.abs(λ) / most)), colour = eigenColour(λ, most);
      for (const sign of [1, -1]) arrow(ctx, cx, cy, sign * way[0], sign * way[1], length, colour, λ > zero * most ? -1 : λ < -zero * most ? 1 : 0);
      const end = way[1] > 0.2 || (Math.abs(way[1]) <= 0.2 && way[0] < 0) ? -1 : 1;
      text(ctx, name, cx + end * (length + 13) * way[0], cy + end * (length + 13) * way[1]);
    });
  }
  const eigenColour = (λ, most) => (λ > zero * most ? colours.minimum : λ < -zero * most ? colours.maximum : colours.degenerate);

  /** A line from the middle outwards; its head points where the curvature term falls: inwards for λ > 0, outwards for λ < 0. */
  function arrow(ctx, cx, cy, dx, dy, length, colour, way) {
    const from = 9, x = cx + dx * length, y = cy + dy * length;
    const tip = way < 0 ? [cx + dx * from, cy + dy * from] : [x, y], s = way < 0 ? -1 : 1;
    for (const [stroke, width] of [[colours.paper, 5], [colour, 2.4]]) {
      ctx.strokeStyle = stroke;
      ctx.lineWidth = width;
      ctx.lineCap = ctx.lineJoin = "round";
      ctx.beginPath();
      ctx.moveTo(cx + dx * from, cy + dy * from);
      ctx.lineTo(x, y);
      if (way) {
        for (const t of [1, -1]) {
          ctx.moveTo(tip[0], tip[1]);
          ctx.lineTo(tip[0] - s * 8 * dx + t * 4.5 * dy, tip[1] - s * 8 * dy - t * 4.5 * dx);
        }
      }
      ctx.stroke();
    }
  }

  function text(ctx, words, x, y, italic = false) {
    ctx.font = `${italic ? "italic " : ""}600 12px ${colours.font}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    ctx.lineWidth = 3.5;
    ctx.strokeStyle = faded(colours.paper, 0.9);
    ctx.strokeText(words, x, y);
    ctx.fillStyle = colours.ink;
    ctx.fillText(words, x, y);
  }

  function drawLoss() {
    const width = size.side, height = 144;
    if (!width) return;
    lossCanvas.style.height = `${height}px`;
    const { scale, ticks, text: label } = lossScale(runs.map(({ run }) => run.loss)), most = pane?.axis ? pane.axis.most() : value("steps"), x = linear(0, most);
    const box = { left: 38, top: 6, width: width - 44, height: height - 26 }, key = [width, most, scale.low, scale.high, colours.dark].join();
    if (key !== axes.key) { // text is dear to draw: the axes stay as they are until they change
      const g = canvasFor(axes.canvas, width, height);
      g.clearRect(0, 0, width, height);
      drawAxes(g, box, { colours, x: { scale: x, ticks: [0, most], label: pane?.axis?.label ?? "step", text: String }, y: { scale, ticks, text: label } });
      axes.key = key;
    }
    const ctx = canvasFor(lossCanvas, width, height);
    ctx.clearRect(0, 0, width, height);
    ctx.drawImage(axes.canvas, 0, 0, width, height);
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.left, box.top - 2, box.width + 4, box.height + 6);
    ctx.clip();
    ctx.lineJoin = "round";
    const place = (v) => box.top + box.height * (1 - clamp(scale.at(Math.max(v, scale.low)), -0.05, 1.05));
    runs.forEach(({ rule, run }, k) => { // oscillations would tear a dashed line to shreds: markers tell the rules apart
      const last = run.loss.length - 1, along = (t) => (pane?.axis ? pane.axis.at(run, t) : t);
      const at = (t) => [box.left + box.width * x.at(along(t)), place(run.loss[t])];
      ctx.strokeStyle = colours.pick(rule.colour);
      ctx.fillStyle = colours.paper;
      ctx.lineWidth = 1.6;
      ctx.beginPath();
      for (let t = 0; t <= last; t++) ctx.lineTo(...at(t));
      ctx.stroke();
      for (let share = 0.12 + 0.06 * k; share < 1; share += 0.28) {
        const t = Math.round((share * most) / (along(1) || 1));
        if (t > last) break;
        shape(ctx, rule.marker, ...at(t), 3);
        ctx.fill();
        ctx.stroke();
      }
      if (!run.diverged) return;
      const [px, py] = at(last);
      shape(ctx, "cross", px, clamp(py, box.top + 4, box.top + box.height - 4), 3.5);
      ctx.lineWidth = 2;
      ctx.stroke();
    });
    ctx.restore();
  }

  // -- words
  function buildTable() {
    const row = (head, colour) => {
      const tr = element("tr", {}, element("th", { scope: "row", style: colour ? `--c:${colour}` : null }, head), element("td"), element("td"), element("td"));
      return { tr, cells: [...tr.querySelectorAll("td")].map((td) => td.appendChild(document.createTextNode(""))) };
    };
    const shown = active(), rows = [row("start"), ...shown.map((r) => row(r.label, colours.pick(r.colour)))];
    cells = rows.map((r) => r.cells);
    const columns = [...(pane?.columns ?? ["L", "|∇L|"]), shown.length ? "where it ends" : "θ"].slice(0, 3);
    const head = element("thead", {}, element("tr", {}, element("th", { scope: "col" }, element("span", { class: "explorer-spoken" }, "path")),
      ...columns.map((name) => element("th", { scope: "col" }, name))));
    readout.replaceChildren(element("table", {}, head, element("tbody", {}, ...rows.map((r) => r.tr))));
    readout.hidden = !rules.length;
  }

  function write() {
    const θ = value("start"), { functions } = view, steep = (p) => format(Math.hypot(...functions.gradient(p))), height = format(functions.loss(θ));
    const put = (row, words) => words.forEach((w, k) => { if (cells[row][k].data !== w) cells[row][k].data = w; });
    const first = pane?.startWords?.() ?? { cells: [height, steep(θ)], said: `L ${height}`, suffix: "" };
    put(0, [...first.cells, `θ = ${coordinates(θ)}${first.suffix}`]);
    const said = runs.map(({ rule, run }, k) => {
      const ends = verdict(run, view, functions, zero), L = format(run.loss.at(-1));
      const words = { cells: [L, steep(run.path.at(-1))], end: ends, said: `${ends}, L ${L}`, ...pane?.words?.(rule, run, ends) };
      put(k + 1, [...words.cells, words.end]);
      return `${rule.label}: ${words.said}`;
    });
    if (rules.length) spoken.say(`Start ${coordinates(θ)}, ${first.said}. ${said.join(". ")}`);
    describe(start, "start", θ);
    if (value("model")) { panel.write({ view, zero, θ: value("point") }); describe(point, "θ′", value("point")); }
    const label = `${view.title}. ${said.join(". ")}`;
    if (label !== moving.getAttribute("aria-label")) moving.setAttribute("aria-label", label);
  }
  const writeSoon = throttle(write, 120), lossSoon = throttle(drawLoss, 30), later = [writeSoon, lossSoon, ...(pane?.later ?? [])]; // while the hand moves, the map comes first

  function describe(node, name, θ) {
    const [low, high] = view.domain[0], set = (k, v) => node.setAttribute(`aria-${k}`, v);
    set("valuemin", low); set("valuemax", high); set("valuenow", clamp(θ[0], low, high));
    set("valuetext", view.labels.map((l, i) => `${l} ${fixed(θ[i])}`).join(", "));
  }

  function buildLegend() {
    const counts = {};
    for (const p of view.critical) counts[p.kind] = (counts[p.kind] ?? 0) + 1;
    const sign = (child) => element("svg:svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, child);
    legend.replaceChildren(...Object.entries(counts).map(([kind, n]) => element("span", {},
      sign(kind === "saddle" ? glyph("cross", 7, 7, 4.4, { stroke: "var(--saddle)", "stroke-width": 2.4, "stroke-linecap": "round" }) : glyph(GLYPH[kind], 7, 7, 4.8, { fill: `var(--${kind})` })),
      n > 1 ? `${n} ${PLURAL[kind]}` : kind === "degenerate" ? "degenerate point" : kind)),
      ...[...new Set(view.curves.map((c) => c.label))].map((label) => element("span", {},
        element("svg:svg", { width: 24, height: 14, viewBox: "0 0 24 14", "aria-hidden": "true" }, element("svg:path", { d: "M2 7H23", stroke: "var(--minimum)", "stroke-width": 3, "stroke-linecap": "round", "stroke-dasharray": "0.1 6.5" })), label)),
      ...(pane?.legend?.() ?? []));
    if (!legend.childElementCount) legend.append("no critical point in sight");
  }

  // -- what happens when
  function compute() {
    runs = active().map((rule) => ({ rule, run: run(rule, value("start")) }));
  }
  function placeHandle(node, θ) {
    const [u, v] = unit(θ);
    node.style.transform = `translate3d(${clamp(u, 0, 1) * size.w}px,${clamp(v, 0, 1) * size.h}px,0)`;
  }
  let moved = false; // whether marks of the sliders may have moved
  const draw = frames(() => {
    if (!size.w) return;
    if (moved) ticks();
    compute();
    drawLens();
    drawMoving();
    pane?.draw?.({ view, colours, runs, run });
    if (rules.length && (!pane || pane.loss)) lossSoon();
    if (value("model")) panel.draw({ view, zero, colours, θ: value("point") });
    placeHandle(start, value("start"));
    placeHandle(point, value("point"));
    writeSoon();
  }, later);
  function ticks() {
    moved = false;
    const rate = view.rate, control = controls.sliders.get("η"), marks = (letter) => pane?.marks?.(letter) ?? [];
    if (pane?.marks) for (const letter of letters.keys()) if (letter !== "η") controls.sliders.get(letter).setTicks([...marks(letter), ...controls.sliders.get(letter).plain]);
    if (!control) return;
    const hyper = Object.fromEntries([...letters.keys()].map((l) => [l, value(l)]));
    control.setRange(log(Math.min(rate.low, value("η")), Math.max(rate.high, value("η"))), rateTicks(rate, active(), hyper, colours.pick, marks("η")));
    control.show(value("η"));
  }
  function choose() {
    view = views.find((v) => v.name === value("landscape")) ?? views[0];
    if (pane?.view) Object.assign(view, pane.view(view));
  }
  function turned() {
    choose();
    controls.menu?.show(view.name);
    buildLegend();
    toggled();
    if (size.w) drawStill();
  }
  function toggled() {
    const on = active(), used = new Set(on.flatMap((r) => r.hyper.map((h) => h.letter)));
    controls.chips?.show(value("active"));
    controls.chips?.buttons.forEach((b, k) => b.style.setProperty("--c", colours.pick(rules[k].colour)));
    for (const [letter] of letters) controls.sliders.get(letter).node.hidden = !used.has(letter);
    controls.model.show(value("model"));
    panel.measure();
    panel.node.hidden = point.hidden = !value("model");
    if (redraw) redraw.hidden = !on.some((r) => r.run.noisy);
    pane?.turn?.(view, on);
    start.hidden = !rules.length;
    start.style.borderColor = on.length === 1 ? colours.pick(on[0].colour) : "";
    for (const [name, control] of controls.sliders) { control.show(value(name)); if (!control.node.hidden) control.layout(); }
    ticks();
    buildTable();
    measure();
    draw();
  }
  function measure() {
    const width = plane.clientWidth;
    size = { w: Math.max(0, width - LEFT), h: Math.max(0, width - LEFT), side: lossPane.clientWidth };
    pane?.measure?.(size.h);
    plane.style.height = `${size.h + BOTTOM}px`;
    Object.assign(frame.style, { left: `${LEFT}px`, width: `${size.w}px`, height: `${size.h}px` });
  }
  function resized() { measure(); if (size.w) { drawStill(); for (const c of controls.sliders.values()) c.layout(); panel.measure(); draw(); } }
  function recoloured() { colours = theme(el); turned(); }

  choose();
  for (const part of Object.keys(MAP)) { // the dearest work of the first picture, in steps: in between the page answers its reader
    await pause();
    view[part] ??= MAP[part](view);
  }
  if (pane?.ahead) { await pause(); pane.ahead(); }
  await pause();
  colours = theme(el);
  measure();
  turned();
  const follow = (names, call) => names.forEach((name) => { model.on(`change:${name}`, call); stops.push(() => model.off(`change:${name}`, call)); });
  follow(["landscape"], turned);
  follow(["active", "model"], toggled);
  follow(["start", "point"], draw);
  follow(pane?.traits ?? [], () => { moved = true; draw(); });
  follow(pane?.remake ?? [], () => { for (const name of [...Object.keys(MAP), "key"]) delete view[name]; turned(); });
  follow(["steps", "angle", "seed", ...letters.keys(), ...(pane?.sliders ?? []).map(([trait]) => trait)], () => { for (const [name, control] of controls.sliders) control.show(value(name)); moved = true; draw(); });
  const dragged = (trait) => (p) => { model.set(trait, fromUnit(p)); model.save_changes(); };
  const grip = (node, trait) => ({ node, get: () => unit(value(trait)), set: dragged(trait) });
  stops.push(dragging(frame, [grip(start, "start"), grip(point, "point")], { step: 0.01 }));
  stops.push(watchSize(plane, resized), watchTheme(el, recoloured), draw.stop, ...later.map((call) => call.stop), spoken.stop, () => pane?.stop?.());
  return () => { stops.forEach((stop) => stop()); el.replaceChildren(); };
}

/** vᵀHv as v turns, the eigenvalues, and what the second-order test says. */
function modelPanel({ model, code }) {
  const canvas = element("canvas", { class: "explorer-plot", role: "img", "aria-label": "vᵀHv as v turns" }), height = 112;
  const verdictLine = element("div", { class: "explorer-verdict" }), numbers = element("dl", { class: "explorer-numbers" });
  const angle = slider({ model, trait: "angle", label: "direction", symbol: "v", range: linear(0, 180), steps: 180, text: (v) => `${format(v, 3, true)}°`,
    round: Math.round, ticks: [0, 45, 90, 135, 180].map((value) => ({ value, text: `${value}°` })) });
  const heading = element("div", { class: "explorer-heading" }, "Quadratic model at θ′");
  const plot = element("div", { class: "explorer-turning" }, canvas, angle.node);
  const node = element("div", { class: "explorer-model" }, element("div", { "data-readout": "model" }, heading, numbers, verdictLine), plot);
  let width = 0;
  const curvature = (view, θ) => view.functions.hessian(θ).flat();
  return {
    node, slider: angle,
    measure() { width = plot.clientWidth; },
    write({ view, zero, θ }) {
      const { functions } = view, H = curvature(view, θ), [low, high] = code.eigen(H[0], H[1], H[3]);
      const α = (model.get("angle") * Math.PI) / 180;
      const put = (target, words) => { if (target.dataset.text !== words) { target.dataset.text = words; rich(target, words); } };
      const steepness = Math.hypot(...functions.gradient(θ));
      const lines = [["θ′", coordinates(θ)], ["loss L", format(functions.loss(θ))], ["slope |∇L|", format(steepness)], ["eigenvalue λ_1", format(low)],
        ["eigenvalue λ_2", format(high)], ["curvature vᵀHv", format(code.form(H, [Math.cos(α), Math.sin(α)]))]];
      while (numbers.childElementCount < 2 * lines.length) numbers.append(element("dt"), element("dd"));
      lines.flat().forEach((words, k) => put(numbers.children[k], words));
      const verdict = secondOrder([low, high], steepness, zero);
      put(verdictLine, verdict.text);
      verdictLine.style.setProperty("--c", verdict.kind === "not critical" ? "var(--ink)" : `var(--${verdict.kind})`);
    },
    draw({ view, zero, colours, θ }) {
      width ||= plot.clientWidth;
      if (!width) return;
      canvas.style.height = `${height}px`;
      const ctx = canvasFor(canvas, width, height), box = { left: 38, top: 6, width: width - 46, height: height - 12 };
      ctx.clearRect(0, 0, width, height);
      const H = curvature(view, θ), form = (degrees) => { const α = (degrees * Math.PI) / 180; return code.form(H, [Math.cos(α), Math.sin(α)]); };
      const values = Array.from({ length: 91 }, (_, k) => form(2 * k)), most = Math.max(...values.map(Math.abs), 1e-12) * 1.12;
      const [low, high, c, s] = code.eigen(H[0], H[1], H[3]), first = Math.atan2(s, c), y = linear(Math.min(0, low * 1.12) || -0.12 * most, Math.max(0, high * 1.12) || 0.12 * most), x = linear(0, 180);
      const px = (d) => box.left + box.width * x.at(d), py = (v) => box.top + box.height * (1 - y.at(v));
      drawAxes(ctx, box, { colours, y: { scale: y, ticks: [...new Set([low, 0, high])], text: (v) => format(v, 2, true) } });
      ctx.strokeStyle = colours.soft;
      ctx.lineWidth = 1;
      ctx.beginPath();
      ctx.moveTo(box.left, Math.round(py(0)) + 0.5);
      ctx.lineTo(box.left + box.width, Math.round(py(0)) + 0.5);
      ctx.stroke();
      ctx.lineWidth = 2;
      for (let k = 0; k < 90; k++) { // green where the loss curves up along v, red where it curves down
        ctx.strokeStyle = values[k] + values[k + 1] > 0 ? colours.minimum : values[k] + values[k + 1] < 0 ? colours.maximum : colours.degenerate;
        ctx.beginPath();
        ctx.moveTo(px(2 * k), py(values[k]));
        ctx.lineTo(px(2 * k + 2), py(values[k + 1]));
        ctx.stroke();
      }
      const turned = (((first * 180) / Math.PI) % 180 + 180) % 180, small = zero * Math.max(1, Math.abs(low), Math.abs(high));
      for (const [λ, at] of [[low, turned], [high, (turned + 90) % 180]]) {
        shape(ctx, "diamond", px(at), py(λ), 3.4);
        ctx.fillStyle = colours.paper;
        ctx.strokeStyle = colours.ink;
        ctx.lineWidth = 1.5;
        ctx.fill();
        ctx.stroke();
      }
      if (low < -small && high > small) {
        for (let k = 0; k < 90; k++) if (values[k] * values[k + 1] < 0) {
          const at = 2 * k + (2 * values[k]) / (values[k] - values[k + 1]);
          ctx.fillStyle = colours.ink;
          ctx.fillRect(px(at) - 1, py(0) - 4, 2, 8);
        }
      }
      const now = model.get("angle");
      ctx.strokeStyle = colours.ink;
      ctx.setLineDash([2, 3]);
      ctx.lineWidth = 1.2;
      ctx.beginPath();
      ctx.moveTo(px(now), box.top);
      ctx.lineTo(px(now), box.top + box.height);
      ctx.stroke();
      ctx.setLineDash([]);
      shape(ctx, "circle", px(now), py(form(now)), 4);
      ctx.fillStyle = colours.ink;
      ctx.fill();
    },
  };
}

export default { render };
