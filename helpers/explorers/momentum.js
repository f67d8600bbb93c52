/* MomentumExplorer: the map of a ravine beside the plane of ηλ and β, which says how fast each eigen-direction shrinks. */
import {
  bandIndex, canvasFor, clamp, contours, decades, dragging, element, faded, fixed, format, handle, linear, log, niceTicks, offer, paintBands,
  placeLabels, polylines, reads, rgb, rich, sample, shape, throttle,
} from "./stage.js";
import { render as map } from "./landscape.js";

const GRID = 181, LEFT = 26, BOTTOM = 20, PAD = 10, HEAD = 32; // PAD: room for half a handle above and to the right

const STYLE = `
.explorer-panes.is-paired:has(.momentum) { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
@container (max-width: 600px) { .explorer-panes.is-paired:has(.momentum) { grid-template-columns: minmax(0, 1fr); }
  .explorer-panes:has(.momentum) > .explorer-main { display: contents; } .explorer-panes:has(.momentum) .explorer-loss { order: 3; } .explorer-panes:has(.momentum) .explorer-side { order: 2; } }
.momentum-head { display: flex; gap: 8px; align-items: center; height: 30px; margin: 0 0 2px; white-space: nowrap; } .momentum-head .explorer-heading { margin: 0; }
.momentum-head .explorer-chips { margin: 0; flex-wrap: nowrap; } .explorer-figure .momentum-head button { padding: 2px 10px; }
.explorer-figure .momentum-numbers { margin-top: 14px; } .explorer-figure .momentum-numbers th, .explorer-figure .momentum-numbers td { padding: 2px 4px 2px 0; white-space: nowrap; }
.explorer-figure .momentum-numbers thead th { width: 15%; } .explorer-figure .momentum-numbers thead th:first-child { width: 17%; }
.explorer-figure .momentum-numbers thead th:nth-child(4) { width: 23%; } .explorer-figure .momentum-numbers thead th:last-child { width: 30%; }
.momentum .explorer-readout { margin-top: 8px; } .momentum .explorer-readout th, .momentum .explorer-readout td { padding-right: 4px; } .momentum .explorer-readout th:nth-child(2) { width: 14%; } .momentum .explorer-readout th:nth-child(3) { width: 22%; }
.momentum .explorer-readout th:first-child { width: 26%; }
.explorer-handle.is-eigen { width: 20px; height: 20px; margin: -10px 0 0 -10px; border-width: 3px; }`;

// ---------------------------------------------------------------------------------------------------------- the measure
/** How large the state of a path is at each step from the first: θ before and after it, in one coordinate or in all. */
export function sizes(path, coordinate) {
  const picked = (θ) => (coordinate === undefined ? θ : [θ[coordinate]]);
  return path.slice(1).map((θ, t) => Math.hypot(...picked(path[t]), ...picked(θ)));
}

/** The factor by which sizes shrink in a step: the slope of their logarithms over the second half, by least squares. */
export function measuredRate(sizes, tiny) {
  const rest = sizes.findIndex((s) => !(s > tiny)), kept = rest < 0 ? sizes : sizes.slice(0, rest), from = kept.length >> 1, n = kept.length - from;
  if (n < 2) return rest < 0 ? NaN : 0;
  let up = 0, down = 0;
  for (let k = 0; k < n; k++) {
    const t = k - (n - 1) / 2;
    up += t * Math.log(kept[from + k]);
    down += t * t;
  }
  return Math.exp(up / down);
}

/** The step from which a path stays `factor` times closer to 0 than it began, or −1. */
export function closer(path, factor) {
  const far = path.map((θ) => Math.hypot(...θ)), goal = far[0] / factor, last = far.findLastIndex((s) => s > goal);
  return last + 1 < path.length ? last + 1 : -1;
}

/** Whether a rate means that the size shrinks, beyond rounding. */
export const settles = (rate) => rate < 1 - 1e-9;

/** How an eigen-direction moves, from its rate, the discriminant and the trace of its iteration. */
export function motion(rate, discriminant, trace, names) {
  if (!settles(rate)) return names.unstable;
  if (Math.abs(discriminant) < 1e-5) return names.critical;
  if (discriminant < 0) return names.under;
  return trace < 0 ? names.flipping : names.over;
}

/** A rate, with as many digits as tell it from 1. */
export const rateText = (v) => (Number.isNaN(v) ? "–" : v >= 10 ? format(v, 3) : fixed(v, Math.abs(1 - v) < 5e-7 ? 3 : clamp(1 - Math.floor(Math.log10(Math.abs(1 - v)) + 1e-9), 3, 6)));

/** The place for a box of w × h next to the middle of where `inside(x, y)` holds, all of it inside; `taken` are boxes to keep off. */
export function roomFor(inside, w, h, width, height, taken = []) {
  const points = [], places = [];
  const holds = (x, y) => [-1, -0.5, 0, 0.5, 1].every((u) => [-1, 0, 1].every((v) => inside(x + (u * w) / 2, y + (v * h) / 2)));
  for (let y = 3; y < height; y += 5) for (let x = 3; x < width; x += 6) {
    if (!inside(x, y)) continue;
    points.push([x, y]);
    if (taken.every((b) => Math.abs(x - b.x) >= (w + b.w) / 2 || Math.abs(y - b.y) >= (h + b.h) / 2) && holds(x, y)) places.push([x, y]);
  }
  const middle = [0, 1].map((i) => points.reduce((sum, p) => sum + p[i], 0) / points.length);
  const far = ([x, y]) => Math.hypot(x - middle[0], y - middle[1]);
  const best = places.reduce((found, p) => (!found || far(p) < far(found) ? p : found), null);
  return best && { x: best[0], y: best[1], w, h };
}

// ------------------------------------------------------------------------------------------------------------- the pane
function momentumPane({ model, code, spec }) {
  const { planes, names, factor, tiny, levels } = spec.momentum, value = (name) => model.get(name);
  const looks = new Map(spec.rules.map((r) => [r.name, r])), [least, most] = spec.momentum.β;
  let view = spec.landscapes[0], colours = null, width = 0, height = 0, last = null, stillKey = "", scale = log(0.01, 1);
  const fields = new Map();

  // -- what stands beside the map
  const still = element("canvas"), moving = element("canvas", { role: "img", "aria-label": "phase plane" });
  const frame = element("div", { class: "explorer-frame" }), plane = element("div", { class: "explorer-plane" }, still, moving, frame);
  const ends = [0, 1].map((i) => handle(`λ${i + 1}`, `point of the eigenvalue λ${i + 1}: ηλ${i + 1} and β`, "is-eigen"));
  frame.append(...ends);
  const chosen = planes.map((name) => element("button", { type: "button", class: "explorer-chip", "data-plane": name, onclick: () => {
    model.set("plane", name);
    if (!value("active").includes(name)) model.set("active", spec.rules.map((r) => r.name).filter((n) => n === name || value("active").includes(n)));
    model.save_changes();
  } }, looks.get(name).label));
  offer(model, "plane", reads.one(planes));
  const best = element("button", { type: "button", class: "momentum-best", onclick: () => {
    const { η, β } = optimum();
    model.set("η", η);
    model.set("β", β);
    model.save_changes();
  } }, "Best η and β");
  const { table, cells } = buildTable();
  const node = element("div", { class: "momentum" }, element("style", {}, STYLE),
    element("div", { class: "momentum-head" }, element("div", { class: "explorer-heading" }, planes.length > 1 ? "Rate of" : `Rate of ${looks.get(planes[0]).label.toLowerCase()}`),
      planes.length > 1 ? element("div", { class: "explorer-chips", role: "group", "aria-label": "rule of the plane" }, ...chosen) : null),
    plane, table);

  function buildTable() {
    const heads = ["ηλ", "rate", "measured", "motion"], rows = [0, 1].map((i) => {
      const th = element("th", { scope: "row" }), tds = heads.map(() => element("td"));
      return { th, tds, tr: element("tr", {}, th, ...tds) };
    });
    const head = element("tr", {}, element("th", { scope: "col" }, element("span", { class: "explorer-spoken" }, "eigenvalue")), ...heads.map((h) => element("th", { scope: "col" }, h)));
    return { cells: rows, table: element("table", { class: "momentum-numbers", "data-readout": "directions" }, element("thead", {}, head), element("tbody", {}, ...rows.map((r) => r.tr))) };
  }

  // -- the mathematics of the moment, all from generated code
  const optimum = () => view.momentum.best[value("plane")];
  const λ = () => view.momentum.λ;
  const radius = (name, a, β) => code[`radius ${name}`](a, β);
  const rates = (name) => λ().map((l) => radius(name, value("η") * l, value("β")));
  const theory = (name) => Math.max(...rates(name));
  const stepsOf = (rate) => (settles(rate) ? code.shrink(rate) : Infinity);
  const word = (name, a, β) => motion(radius(name, a, β), code[`discriminant ${name}`](a, β), code[`trace ${name}`](a, β), names);

  /** The rate and the kind of motion over the plane, with level lines and borders, once for each rule and κ. */
  function field(name) {
    const key = `${name} ${view.name}`;
    if (fields.has(key)) return fields.get(key);
    const domain = [[0, 1], [least, most]], over = (f) => sample(([u, β]) => f(scale.value(u), β), domain, GRID);
    const rate = over((a, β) => radius(name, a, β)), kinds = [names.over, names.under, names.flipping, names.unstable];
    const kind = Uint8Array.from(over((a, β) => { const w = word(name, a, β); return w === names.critical ? 1 : kinds.indexOf(w); }));
    const used = levels.filter((l) => rate.some((v) => v < l)), index = bandIndex(rate, used);
    const lines = used.filter((level) => level < 1).map((level) => ({ level, lines: polylines(contours(rate, GRID, GRID, level)) }));
    const border = polylines(contours(over((a, β) => code[`discriminant ${name}`](a, β)), GRID, GRID, 0));
    fields.set(key, { rate, kind, kinds, index, used, lines, border });
    return fields.get(key);
  }

  const X = (a) => width * scale.at(a), beta = linear(least, most), Y = (β) => height * (1 - beta.at(β));
  const px = (i) => (i / (GRID - 1)) * width, py = (j) => (j / (GRID - 1)) * height;

  // -- drawing
  function drawStill() {
    const name = value("plane"), ratio = Math.min(2, window.devicePixelRatio || 1), key = [name, view.name, width, height, ratio, colours.dark].join();
    if (key === stillKey) return;
    stillKey = key;
    const ctx = canvasFor(still, width + LEFT + PAD, height + BOTTOM + PAD), { rate, kind, kinds, index, used, lines, border } = field(name);
    ctx.clearRect(0, 0, width + LEFT + PAD, height + BOTTOM + PAD);
    const bitmap = element("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio) }), g = bitmap.getContext("2d");
    g.putImageData(paintBands(g.createImageData(bitmap.width, bitmap.height), index, GRID, GRID, used.length, rgb(colours.low), rgb(colours.high)), 0, 0);
    ctx.save();
    ctx.translate(LEFT, PAD);
    ctx.save();
    ctx.beginPath();
    ctx.roundRect(0, 0, width, height, 5);
    ctx.clip();
    ctx.drawImage(bitmap, 0, 0, width, height);
    const trace = (line) => { ctx.beginPath(); for (let k = 0; k < line.length; k += 2) ctx.lineTo(px(line[k]), py(line[k + 1])); };
    ctx.lineJoin = "round";
    unstable(ctx);
    ctx.strokeStyle = faded(colours.dark ? "#aac8e6" : "#274b6d", colours.dark ? 0.34 : 0.38);
    ctx.lineWidth = 0.9;
    for (const { lines: all } of lines) for (const line of all) { trace(line); ctx.stroke(); }
    ctx.strokeStyle = faded(colours.ink, 0.8);
    ctx.lineWidth = 1.4;
    ctx.setLineDash([5, 3]);
    for (const line of border) if (line.length > 12) { trace(line); ctx.stroke(); }
    ctx.setLineDash([]);
    ctx.strokeStyle = colours.maximum;
    ctx.lineWidth = 2;
    edge(ctx);
    ctx.stroke();
    labels(ctx, { kind, kinds, lines });
    ctx.restore();
    ctx.strokeStyle = colours.line;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.roundRect(0.5, 0.5, width - 1, height - 1, 5);
    ctx.stroke();
    ctx.restore();
    ctx.save();
    ctx.translate(0, PAD);
    axes(ctx);
    ctx.restore();
  }

  /** The line of the largest stable step, from β at the bottom to β at the top. */
  function edge(ctx) {
    const k = spec.rules.findIndex((r) => r.name === value("plane")), hyper = (β) => spec.rules[k].hyper.map((h) => (h.letter === "β" ? β : value(h.letter)));
    ctx.beginPath();
    for (let j = 0; j <= 100; j++) { const β = beta.value(j / 100); ctx.lineTo(X(code[`stable${k}`](hyper(β))), Y(β)); }
  }

  /** What lies to the right of it: tinted and hatched. */
  function unstable(ctx) {
    ctx.save();
    edge(ctx);
    ctx.lineTo(width, 0);
    ctx.lineTo(width, height);
    ctx.closePath();
    ctx.clip();
    ctx.fillStyle = faded(colours.maximum, colours.dark ? 0.16 : 0.1);
    ctx.fillRect(0, 0, width, height);
    ctx.strokeStyle = faded(colours.maximum, colours.dark ? 0.4 : 0.3);
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (let x = -height; x < width; x += 8) { ctx.moveTo(x, height); ctx.lineTo(x + height, 0); }
    ctx.stroke();
    ctx.restore();
  }

  /** The names of the regions where there is room, then numbers on the level lines, beside the corner of each. */
  function labels(ctx, { kind, kinds, lines }) {
    const ideal = optimum(), [from, to] = λ().map((l) => X(ideal.η * l)), taken = [{ x: (from + to) / 2, y: Y(ideal.β) - 7, w: to - from + 70, h: 46 }]; // where the points and their words will stand
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    const put = (text, x, y, font, colour, halo) => {
      ctx.font = font;
      ctx.lineWidth = 3.5;
      ctx.strokeStyle = faded(halo, 0.75);
      ctx.strokeText(text, x, y);
      ctx.fillStyle = colour;
      ctx.fillText(text, x, y);
    };
    const free = (b) => b.x > b.w / 2 + 2 && b.x < width - b.w / 2 - 2 && b.y > 8 && b.y < height - 8
      && taken.every((t) => Math.abs(t.x - b.x) > (t.w + b.w) / 2 + 3 || Math.abs(t.y - b.y) > (t.h + b.h) / 2 + 1);
    const region = (k) => (x, y) => {
      const i = Math.round((x / width) * (GRID - 1)), j = Math.round((y / height) * (GRID - 1));
      return i >= 0 && j >= 0 && i < GRID && j < GRID && kind[j * GRID + i] === k;
    };
    kinds.forEach((name, k) => {
      const font = `600 12px ${colours.font}`;
      ctx.font = font;
      const w = ctx.measureText(name).width + 10, flat = (boxes) => roomFor(region(k), w, 20, width, height, boxes);
      const spot = flat(taken) ?? roomFor(region(k), 18, w, width, height, taken) ?? (name === names.flipping ? null : flat());
      if (!spot) return;
      taken.push(spot);
      ctx.save();
      ctx.translate(spot.x, spot.y);
      if (spot.w < spot.h) ctx.rotate(-Math.PI / 2);
      put(name, 0, 0, font, name === names.unstable ? colours.maximum : colours.ink, colours.paper);
      ctx.restore();
    });
    for (const { level, lines: all } of lines) {
      ctx.font = `11px ${colours.font}`;
      const text = format(level, 3, true), w = ctx.measureText(text).width;
      const box = [...all].sort((p, q) => q.length - p.length).reduce((found, line) => found ?? beside(line, w, free), null);
      if (!box) continue;
      taken.push(box);
      put(text, box.x, box.y, ctx.font, colours.soft, colours.paper);
    }
  }

  /** A free place on a level line: along its upper branch from its leftmost point, else along the lower one. */
  function beside(line, w, free) {
    const n = line.length / 2, at = (k) => ({ x: px(line[2 * k]), y: py(line[2 * k + 1]), w, h: 11 });
    let corner = 0;
    for (let k = 1; k < n; k++) if (line[2 * k] < line[2 * corner] - 1e-9) corner = k;
    const up = corner === 0 ? 1 : corner === n - 1 ? -1 : line[2 * corner - 1] < line[2 * corner + 3] ? -1 : 1;
    for (const way of [up, -up]) {
      let gone = 0;
      for (let k = corner; k + way >= 0 && k + way < n; k += way) {
        const p = at(k), q = at(k + way);
        gone += Math.hypot(q.x - p.x, q.y - p.y);
        if (gone > 30 && gone < 170 && q.x < 0.84 * width && free(q)) return q;
      }
    }
    return null;
  }

  function axes(ctx) {
    ctx.font = `11px ${colours.font}`;
    ctx.fillStyle = colours.soft;
    ctx.textBaseline = "top";
    ctx.textAlign = "left";
    const texts = decades(scale.low, scale.high, 5).map((v) => ({ text: format(v, 1, true), at: LEFT + X(v), rank: 1 }));
    for (const t of texts) t.width = ctx.measureText(t.text).width;
    for (const t of placeLabels([...texts, { text: "ηλ", at: LEFT + width - 10, width: 16, rank: 0 }], LEFT + width)) {
      ctx.font = t.text === "ηλ" ? `italic 13px ${colours.font}` : `11px ${colours.font}`;
      ctx.fillStyle = t.text === "ηλ" ? colours.ink : colours.soft;
      ctx.fillText(t.text, t.left, height + 6);
    }
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    ctx.font = `11px ${colours.font}`;
    ctx.fillStyle = colours.soft;
    for (const v of niceTicks(least, most, 5)) ctx.fillText(format(v, 2, true), LEFT - 5, clamp(Y(v), 6, height - 5));
    ctx.font = `italic 13px ${colours.font}`;
    ctx.fillStyle = colours.ink;
    ctx.fillText("β", LEFT - 8, Math.min(7, height) + 2);
  }

  /** The bar between the two points, the same bar at the best place, and gradient descent on the edge β = 0. */
  function drawMoving() {
    const ctx = canvasFor(moving, width + LEFT + PAD, height + BOTTOM + PAD), name = value("plane"), colour = colours.pick(looks.get(name).colour), [low, high] = λ();
    const η = value("η"), β = value("β"), y = Y(β), xs = [X(η * low), X(η * high)];
    ctx.clearRect(0, 0, width + LEFT + PAD, height + BOTTOM + PAD);
    ctx.save();
    ctx.translate(LEFT, PAD);
    ctx.strokeStyle = faded(colours.ink, 0.55);
    ctx.lineWidth = 1;
    ctx.setLineDash([2, 4]);
    ctx.beginPath();
    ctx.moveTo(0, y);
    ctx.lineTo(width, y);
    ctx.stroke();
    ctx.setLineDash([]);
    const ideal = optimum(), there = Y(ideal.β), best = [X(ideal.η * low), X(ideal.η * high)];
    ctx.lineWidth = 1.6;
    ctx.strokeStyle = colours.ink;
    ctx.setLineDash([4, 3]);
    ctx.beginPath();
    ctx.moveTo(best[0], there);
    ctx.lineTo(best[1], there);
    ctx.stroke();
    ctx.setLineDash([]);
    if (Math.abs(there - y) > 14) {
      ctx.font = `11px ${colours.font}`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.lineWidth = 3;
      ctx.strokeStyle = faded(colours.paper, 0.85);
      ctx.strokeText("best", (best[0] + best[1]) / 2, there + (there < y && there - y > -40 ? -9 : 10));
      ctx.fillStyle = colours.ink;
      ctx.fillText("best", (best[0] + best[1]) / 2, there + (there < y && there - y > -40 ? -9 : 10));
    }
    ctx.lineWidth = 1.6;
    ctx.strokeStyle = colours.ink;
    for (const x of best) {
      shape(ctx, "circle", x, there, 4);
      ctx.fillStyle = colours.paper;
      ctx.fill();
      ctx.stroke();
    }
    if (value("active").includes("gradient descent")) {
      const rule = looks.get("gradient descent");
      ctx.strokeStyle = colours.pick(rule.colour);
      ctx.fillStyle = colours.paper;
      ctx.lineWidth = 2.4;
      ctx.beginPath();
      ctx.moveTo(xs[0], height - 1);
      ctx.lineTo(xs[1], height - 1);
      ctx.stroke();
      for (const x of xs) { shape(ctx, rule.marker, x, height - 1, 4.5); ctx.fill(); ctx.stroke(); }
    }
    for (const [ink, wide] of [[colours.paper, 7], [colour, 4]]) {
      ctx.strokeStyle = ink;
      ctx.lineWidth = wide;
      ctx.lineCap = "round";
      ctx.beginPath();
      ctx.moveTo(xs[0], y);
      ctx.lineTo(xs[1], y);
      ctx.stroke();
    }
    const found = rates(name), slow = Math.max(...found), at = y > 34 ? y - 20 : y + 20;
    const words = ends.map((node, i) => {
      const text = `λ${"₁₂"[i]}: ${rateText(found[i])}`, font = `${found[i] > slow - 1e-9 ? 700 : 400} 12px ${colours.font}`;
      ctx.font = font;
      node.style.transform = `translate3d(${xs[i]}px,${y}px,0)`;
      node.style.borderColor = colour;
      return { text, font, half: ctx.measureText(text).width / 2, ink: settles(found[i]) ? colours.ink : colours.maximum };
    });
    const need = words[0].half + words[1].half + 8, spare = Math.max(0, need - (xs[1] - xs[0])) / 2; // side by side, where the bar is short
    const first = clamp(xs[0] - spare, words[0].half + 3, width - words[1].half - 3 - need), second = clamp(xs[1] + spare, first + need, width - words[1].half - 3);
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    ctx.lineWidth = 4;
    ctx.strokeStyle = faded(colours.paper, 0.85);
    words.forEach(({ text, font, ink }, i) => {
      ctx.font = font;
      ctx.fillStyle = ink;
      ctx.strokeText(text, i ? second : first, at);
      ctx.fillText(text, i ? second : first, at);
    });
    ctx.restore();
  }

  // -- hands
  const bounds = () => view.rate;
  const write = (η, β) => {
    model.set("η", Number(clamp(η, bounds().low, bounds().high).toPrecision(4)));
    model.set("β", Number(clamp(β, least, most).toFixed(3)));
    model.save_changes();
  };
  const grip = (node, l) => ({ node, get: () => [scale.at(value("η") * l()), 1 - beta.at(value("β"))], set: ([u, v]) => write(scale.value(u) / l(), beta.value(1 - v)) });
  const between = [0.2, 0.4, 0.6, 0.8].map((share) => grip(element("div"), () => log(...λ()).value(share))); // the bar can be held anywhere
  const stop = dragging(frame, [grip(ends[1], () => λ()[1]), grip(ends[0], () => λ()[0]), ...between], { step: 0.01 });

  // -- words
  function describe() {
    if (!last) return;
    const name = value("plane"), own = last.runs.find((r) => r.rule.name === name), path = own?.run.path, found = rates(name);
    const put = (target, text) => { if (target.textContent !== text) target.textContent = text; };
    const said = λ().map((l, i) => {
      const a = value("η") * l, measured = path ? measuredRate(sizes(path, i), tiny) : NaN, moves = word(name, a, value("β"));
      if (cells[i].th.dataset.text !== String(l)) { cells[i].th.dataset.text = String(l); rich(cells[i].th, `λ_${i + 1} = ${format(l, 3, true)}`); }
      [format(a, 3), rateText(found[i]), rateText(measured), moves].forEach((text, k) => put(cells[i].tds[k], text));
      const set = (k, v) => ends[i].setAttribute(`aria-${k}`, v);
      set("valuemin", scale.low); set("valuemax", scale.high); set("valuenow", a);
      set("valuetext", `ηλ${i + 1} ${format(a, 3)}, β ${fixed(value("β"), 3)}: rate ${rateText(found[i])}, ${moves}`);
      return `λ${i + 1} = ${format(l, 3, true)}: ηλ ${format(a, 3)}, rate ${rateText(found[i])}, ${moves}`;
    });
    moving.setAttribute("aria-label", `Plane of ηλ and β for ${looks.get(name).label}, at β = ${fixed(value("β"), 3)}. ${said.join(". ")}.`);
  }
  const soon = throttle(describe, 120);

  return {
    node, title: "A ravine beside the plane of step length and momentum, with handles to drag", plain: true, loss: "main", readout: node, traits: ["plane"], buttons: [best],
    columns: ["rate", "measured", `steps to 1/${factor} (theory)`],
    marks(letter) {
      const ideal = optimum(), rule = looks.get(value("plane"));
      if (!(letter in ideal)) return [];
      return [{ value: ideal[letter], text: "best", colour: "var(--ink)", rank: -1, row: 0, title: `the best ${letter} for ${rule.label} at this κ` }];
    },
    view: (next) => { view = next; scale = log(...next.momentum.span); return {}; },
    turn(next) { view = next; scale = log(...next.momentum.span); chosen.forEach((b, k) => b.style.setProperty("--c", "var(--ink)")); },
    measure(beside) { // below the map the plane is low, so that a phone shows both
      const whole = node.closest(".explorer-panes")?.clientWidth ?? 0;
      width = Math.max(0, plane.clientWidth - LEFT - PAD);
      height = plane.clientWidth > 0.6 * whole ? 230 : clamp(beside + 2 - HEAD - PAD, 230, 420);
      plane.style.height = `${height + BOTTOM + PAD}px`;
      Object.assign(frame.style, { left: `${LEFT}px`, top: `${PAD}px`, width: `${width}px`, height: `${height}px` });
    },
    words(rule, run, end) {
      const rate = theory(rule.name), steps = closer(run.path, factor), needs = stepsOf(rate);
      const law = needs < Infinity ? ` (${needs < 100 ? fixed(needs, 1) : format(needs, 3)})` : " (never)";
      const after = run.diverged ? `diverged at step ${run.diverged}` : `${steps < 0 ? `more than ${value("steps")}` : steps}${law}`;
      const measured = measuredRate(sizes(run.path), tiny);
      return { cells: [rateText(rate), rateText(measured)], end: after, said: `rate ${rateText(rate)}, measured ${rateText(measured)}, ${run.diverged ? after : `steps ${after}`}` };
    },
    startWords: () => ({ cells: ["", ""], suffix: "", said: `η ${format(value("η"), 3)}, β ${fixed(value("β"), 3)}` }),
    draw(state) {
      last = state;
      colours = state.colours;
      chosen.forEach((b, k) => b.setAttribute("aria-pressed", String(planes[k] === value("plane"))));
      if (!width) return;
      drawStill();
      drawMoving();
      soon();
    },
    reset() { model.set("plane", spec.momentum.plane); },
    stop, later: [soon], ahead: () => field(value("plane")),
  };
}

export default { render: (context) => map(context, momentumPane) };
