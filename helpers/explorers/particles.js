/* ParticlesExplorer: thousands of particles in two wells, where they are against where theory puts them, and how long a crossing takes. */
import {
  announcer, canvasFor, chips, clamp, dragging, drawAxes, element, faded, fixed, format, frames, handle, linear, load, log, niceTicks, offer, prepare,
  reads, reducedMotion, rgb, slider, streamStart, theme, watchSize, watchTheme,
} from "./stage.js";

const LEFT = 0, RIGHT = 1, NEITHER = 2, SIDES = ["left", "right"];
const DEEP = 45; // integrals end where the density is below e⁻⁴⁵ of that at the ridge
const NORMAL = 8.5, MARGIN = 4; // a normal density this many deviations from its mean; a chain goes some deviations further

// --------------------------------------------------------------------------------------------------------- dynamics
/** The text of the loop over all particles, with a generated `step` inside, so that the two become one function. Particles 2i and
    2i + 1 take numbers `from` + 2i and the next of the stream normals(seed) of stage.js, whose `start` is streamStart(seed). */
export const kernel = (step) => `(() => {
  const step = ${step}, golden = 0x9e3779b9 | 0, share = 2 ** -32, round = 2 * Math.PI;
  return (x, parameters, start, from) => {
    for (let i = 0, bits = (start + Math.imul(golden, from + 1)) | 0; i < x.length; i += 2) {
      let u = bits, v = (bits + golden) | 0;
      bits = (v + golden) | 0;
      u = Math.imul(u ^ (u >>> 16), 0x85ebca6b);
      v = Math.imul(v ^ (v >>> 16), 0x85ebca6b);
      u = Math.imul(u ^ (u >>> 13), 0xc2b2ae35);
      v = Math.imul(v ^ (v >>> 13), 0xc2b2ae35);
      u = ((u ^ (u >>> 16)) >>> 0) + 0.5;
      v = ((v ^ (v >>> 16)) >>> 0) + 0.5;
      const radius = Math.sqrt(-2 * Math.log(u * share)), angle = round * (v * share);
      x[i] = step(x[i], radius * Math.cos(angle), parameters);
      x[i + 1] = step(x[i + 1], radius * Math.sin(angle), parameters);
    }
  };
})()`;

/** Events and steps at risk by age, in `classes` of `each` steps and one for all later: what a mean lifetime needs while many
    lives still go on, whenever they began. (Kaplan and Meier 1958; actuaries' life tables.) */
export function lifeTable(classes, each) {
  const events = new Float64Array(classes + 1), steps = new Float64Array(classes + 1);
  return { classes, each, events, steps, record(age, ended) {
    const k = Math.min(classes, Math.floor((age - 1) / each));
    for (let i = 0; i < k; i++) steps[i] += each;
    steps[k] += age - k * each;
    if (ended) events[k]++;
  } };
}

/** The mean lifetime in steps, its standard error, the number of events and of `late` ones, from a life table. The last class, in
    which a chance must hold for ever, is pooled with those before it until it has `few` events, if `pool`; NaN while it has none. */
export function lifetime({ classes, each, events, steps }, few = 1, pool = false) {
  const sum = (values, from = 0) => values.reduce((total, v, k) => (k < from ? total : total + v), 0), count = sum(events);
  let last = classes;
  while (pool && last > 0 && sum(events, last) < few) last--;
  const ended = [...events.slice(0, last), sum(events, last)], risk = [...steps.slice(0, last), sum(steps, last)];
  const ends = ended.map((n, k) => (n ? n / risk[k] : 0)), late = ended[last];
  const mean = (chance) => { // of surviving a step, multiplied up
    let alive = 1, total = 0;
    for (let k = 0; k < last; k++) for (let j = 0; j < each; j++) { total += alive; alive *= 1 - chance[k]; }
    return total + (alive > 0 ? alive / chance[last] : 0);
  };
  if (!late) return { mean: NaN, error: NaN, count, late };
  const value = mean(ends);
  let variance = 0;
  for (let k = 0; k <= last; k++) {
    if (!ended[k]) continue;
    const nearby = ends.slice(), small = 1e-4 * ends[k];
    nearby[k] += small;
    variance += ((mean(nearby) - value) / small) ** 2 * ends[k] * (1 - ends[k]) / risk[k];
  }
  return { mean: value, error: Math.sqrt(variance), count, late };
}

/** n particles that start in the minimum of one well. `run(k)` takes k steps and notes who has come from one minimum to the other
    or beyond it, and after how many steps; whoever arrives starts anew from the minimum that it has reached,
    exactly from there if `exactly`. */
export function crowd({ n, far }) {
  const x = new Float64Array(n), home = new Uint8Array(n), since = new Float64Array(n);
  const all = { x, home, since, tick: 0, drawn: 0, thrown: 0, tables: [], minima: [0, 0], start: LEFT, seed: 0, loop: null, parameters: [], exactly: true };
  function look() {
    const [left, right] = all.minima;
    for (let i = 0; i < n; i++) {
      const v = x[i];
      if (v >= right) {
        if (!(v < far)) back(i);
        else if (home[i] !== RIGHT) arrive(i, RIGHT);
      } else if (v <= left) {
        if (!(v > -far)) back(i);
        else if (home[i] !== LEFT) arrive(i, LEFT);
      } else if (!(v < right)) back(i); // NaN
    }
  }
  /** A crossing ends, and the next begins: at the minimum, or it would begin as far beyond it as the last step went. */
  function arrive(i, side) {
    if (home[i] === 1 - side) all.tables[1 - side].record(all.tick - since[i], true);
    if (all.exactly) x[i] = all.minima[side];
    home[i] = side;
    since[i] = all.tick;
  }
  /** Too far up a wall for a step of this length: it starts again. */
  function back(i) {
    all.thrown++;
    x[i] = all.minima[all.start];
    home[i] = all.start;
    since[i] = all.tick;
  }
  return Object.assign(all, {
    /** New rules from here on: measuring begins anew, with whoever comes past a minimum. */
    rules({ loop, parameters, minima, tables, exactly = true }) {
      Object.assign(all, { loop, parameters, minima, tables, exactly, tick: 0, thrown: 0 });
      home.fill(NEITHER);
    },
    /** All back to the minimum of one well. */
    place(start, seed) {
      Object.assign(all, { start, seed: streamStart(seed), tick: 0, drawn: 0, thrown: 0, tables: all.tables.map((t) => lifeTable(t.classes, t.each)) });
      x.fill(all.minima[start]);
      home.fill(start);
      since.fill(0);
    },
    run(steps) {
      for (let k = 0; k < steps; k++) {
        all.loop(x, all.parameters, all.seed, all.drawn * n);
        all.drawn++;
        all.tick++;
        look();
      }
    },
    /** The mean number of steps to leave a well, from the crossings so far and the stays that still go on. */
    lifetime(side, few) {
      const { classes, each, events, steps } = all.tables[side], table = lifeTable(classes, each);
      table.events.set(events);
      table.steps.set(steps);
      for (let i = 0; i < n; i++) if (home[i] === side && all.tick > since[i]) table.record(all.tick - since[i], false);
      return lifetime(table, few, all.tick > 2 * classes * each);
    },
    /** The share of particles left of the ridge. */
    left() {
      let sum = 0;
      for (let i = 0; i < n; i++) if (x[i] < 0) sum++;
      return sum / n;
    },
  });
}

/** Take the particles x along when the minima of the wells move: each stays where it is on its side of the ridge. */
export function carry(x, before, now) {
  const [left, right] = now.map((m, k) => m / before[k]);
  for (let i = 0; i < x.length; i++) x[i] *= x[i] < 0 ? left : right;
}

// ----------------------------------------------------------------------------------------------------------- theory
/** Where g reaches −1 and 1: the two minima, by bisection. */
export function minimaOf(g, parameters, far) {
  return [-1, 1].map((level) => {
    let low = level < 0 ? -far : 0, high = level < 0 ? 0 : far;
    for (let k = 0; k < 60; k++) {
      const middle = (low + high) / 2;
      if (g(middle, parameters) < level) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  });
}

/** What the diffusion does in the long run, by Gauss–Legendre panels from the ridge outwards with Φ = ∫L′/D: {x, density} at the
    nodes, `left` (the share left of the ridge), `times` (mean first passage from each minimum to the other: ∫ e^Φ ∫ e^{−Φ}/D)
    and `rise` (Φ from each minimum to the ridge), `ends`. `rates(x, parameters)` gives [L′/D, 1/D]. */
export function theoryOf(rates, parameters, minima, { nodes, weights, running }) {
  const side = (sign, bottom) => { // panels from the ridge outwards
    const inner = Math.max(6, Math.ceil(bottom / 0.06)), h = bottom / inner, panels = [];
    let lowest = 0;
    for (let edge = 0, Φ0 = 0, k = 0; k <= inner || Φ0 < DEEP; k++) {
      if (k === inner) lowest = Φ0;
      const x = nodes.map((u) => sign * (edge + (h * (u + 1)) / 2)), found = x.map((v) => rates(v, parameters)), slope = found.map((f) => sign * f[0]);
      const Φ = running.map((row) => Φ0 + (h / 2) * row.reduce((sum, r, j) => sum + r * slope[j], 0));
      panels.push({ x, Φ, speed: Φ.map((v, j) => Math.exp(-v) * found[j][1]), scale: Φ.map(Math.exp), h, inside: k < inner });
      Φ0 += (h / 2) * weights.reduce((sum, w, j) => sum + w * slope[j], 0);
      edge += h;
      if (panels.length > 4000) break;
    }
    return { panels, rise: -lowest, end: sign * panels.length * h };
  };
  const sides = [side(-1, -minima[LEFT]), side(1, minima[RIGHT])];
  const sum = (p, values) => (p.h / 2) * weights.reduce((s, w, j) => s + w * values[j], 0);
  const mass = sides.map((s) => s.panels.reduce((total, p) => total + sum(p, p.speed), 0)), total = mass[LEFT] + mass[RIGHT];
  const times = sides.map((from, k) => { // mass from the far end of this side up to each node, across to the other minimum
    let before = 0, time = 0;
    const across = (p, outwards) => {
      const own = sum(p, p.speed), up = running.map((row) => (p.h / 2) * row.reduce((s, r, j) => s + r * p.speed[j], 0));
      if (p.inside) time += sum(p, p.scale.map((v, i) => v * (before + (outwards ? up[i] : own - up[i]))));
      before += own;
    };
    for (const p of [...from.panels].reverse()) across(p, false);
    for (const p of sides[1 - k].panels) across(p, true);
    return time;
  });
  const ordered = [...[...sides[LEFT].panels].reverse().map((p) => ({ x: [...p.x].reverse(), speed: [...p.speed].reverse() })), ...sides[RIGHT].panels];
  return { x: ordered.flatMap((p) => p.x), density: ordered.flatMap((p) => p.speed).map((v) => v / total), left: mass[LEFT] / total, times,
    rise: sides.map((s) => s.rise), ends: sides.map((s) => s.end) };
}

/** Kramers' leading order of the mean time out of each well, from the curvatures and D at its minimum and at the ridge, and Φ. */
export const leadingOf = ({ kramers, curvature, rates }, parameters, minima, rise) =>
  minima.map((x, k) => kramers(curvature(x, parameters), curvature(0, parameters), 1 / rates(x, parameters)[1], 1 / rates(0, parameters)[1], rise[k], 0));

/** The exact mean number of steps from one minimum until a particle is at the other or beyond: T = 1 + ∫ p(y|x) T(y) dy over all y
    before it, at Gauss–Legendre nodes. `next(x, parameters)` gives mean and deviation of the next place, `bell` their density.
    NaN where a step of this length throws particles up the far wall. */
export function chainTime(...given) {
  const work = chainWork(...given);
  for (;;) { const { value, done } = work.next(); if (done) return value; }
}

/** The same in small pieces, so that a page can breathe in between; the time is what it returns. */
export function* chainWork({ next, bell }, parameters, from, to, end, { nodes, weights }) {
  const sign = Math.sign(to - from), at = (u) => next(sign * u, parameters), goal = sign * to, low = sign * end - MARGIN * at(sign * end)[1], x = [], w = [];
  if (!(sign * at(low)[0] > low)) return NaN;
  for (let edge = low; edge < goal - 1e-12;) { // panels that are short against the step of whoever comes there
    const near = [-2, -1, 0, 1, 2].map((k) => at(clamp(edge + 0.15 * k, low, goal))[1]), h = Math.min(Math.abs(edge) < 0.6 ? 0.2 : 0.4, goal - edge, 4 * Math.min(...near));
    nodes.forEach((u, j) => { x.push(edge + (h * (u + 1)) / 2); w.push((weights[j] * h) / 2); });
    edge += h;
    if (x.length > 4000) return NaN;
  }
  const n = x.length, rows = [], first = new Int32Array(n), arrive = new Float64Array(n), T = new Float64Array(n).fill(1);
  const chances = (u) => { // of going from u to each node that matters, from number `a` on, and of arriving
    const [centre, deviation] = at(u), mean = sign * centre, reach = NORMAL * deviation, a = below(x, mean - reach), b = below(x, mean + reach);
    const row = Float64Array.from({ length: b - a }, (_, j) => w[a + j] * bell(x[a + j], mean, deviation)), start = Math.max(goal, mean - reach);
    let over = 0;
    for (let k = 0, h = (mean + reach - start) / 4; h > 0 && k < 4; k++)
      nodes.forEach((v, j) => { over += ((weights[j] * h) / 2) * bell(start + h * (k + (v + 1) / 2), mean, deviation); });
    return { a, row, over };
  };
  for (let i = 0; i < n; i++) {
    const { a, row, over } = chances(x[i]), start = Math.min(a, i), full = new Float64Array(Math.max(a + row.length, i + 1) - start);
    full.set(row, a - start);
    first[i] = start;
    arrive[i] = over;
    rows.push(full);
    yield;
  }
  // Elimination inside the band, node by node: whoever comes to node k goes on from it. Only sums of what is positive, so that no
  // digit is lost however long it takes (Grassmann, Taksar and Heyman 1985).
  const leave = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    const other = rows[k], own = k - first[k];
    leave[k] = arrive[k];
    for (let j = own + 1; j < other.length; j++) leave[k] += other[j];
    for (let i = k + 1; i < n; i++) {
      const chance = first[i] <= k ? rows[i][k - first[i]] / leave[k] : 0, last = first[k] + other.length;
      if (!chance) continue;
      if (first[i] + rows[i].length < last) { const wider = new Float64Array(last - first[i]); wider.set(rows[i]); rows[i] = wider; }
      const row = rows[i], shift = first[k] - first[i];
      for (let j = own + 1; j < other.length; j++) row[j + shift] += chance * other[j];
      arrive[i] += chance * arrive[k];
      T[i] += chance * T[k];
    }
    yield;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let j = i + 1; j < first[i] + rows[i].length; j++) T[i] += rows[i][j - first[i]] * T[j];
    T[i] /= leave[i];
  }
  const { a, row } = chances(sign * from);
  return row.reduce((sum, v, j) => sum + v * T[a + j], 1);
}

/** How many of the ascending numbers lie below v. */
function below(x, v) {
  let a = 0, b = x.length;
  while (a < b) {
    const middle = (a + b) >> 1;
    if (x[middle] < v) a = middle + 1;
    else b = middle;
  }
  return a;
}

// --------------------------------------------------------------------------------------------------------- the page
const HEIGHT = 280, EARTH = 30, GAP = 8, BARS = 104, FOOT = 36, DOT = 2, NEW = 255, BELOW = 15; // a handle stands in the ground below its point
const HOVER = 26, NOISE = 0.1; // pixels that a particle hovers at most where D is this
const QUIET = 250, SLICE = 8, FEW = 10, RARE = 50; // milliseconds between two looks at the numbers, and at a time for exact ones; late crossings before a mean is shown; steps
const AGAIN = ["noise", "ΔL", "H_left", "H_right", "D", "B", "η"], SHOWN = [...AGAIN, "start", "speed", "seed"];
const PLAY = "M3 1.5v11l9-5.5z", PAUSE = "M2.5 1.5h3v11h-3zM8.5 1.5h3v11h-3z", ON = "M4.5 2v10L11 7zM11 2h1.5v10H11z", BACK = "M9.5 2v10L3 7zM1.5 2h1.5v10h-1.5z";
const icon = (d) => element("svg:svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, element("svg:path", { d }));

const STYLE = `
.particles-player { display: flex; align-items: center; gap: 6px; margin: 8px 0 0; }
.explorer-figure .particles-player button { flex: none; display: grid; place-items: center; width: 32px; height: 32px; padding: 0; color: var(--ink); }
.particles-player svg { display: block; fill: currentColor; }
.particles-player .explorer-control { flex: 1; min-width: 0; margin: 0 0 0 8px; display: flex; align-items: center; gap: 10px; }
.particles-player .explorer-label { order: 2; flex: none; min-width: 6.6em; } .particles-player .explorer-ticks { display: none; }
.particles-clock { margin: 2px 0 0; color: var(--soft); font-variant-numeric: tabular-nums; min-height: 1.45em; }
.particles-above { gap: 8px 20px; margin-bottom: 12px; }
.particles-choice { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; } .particles-choice > span { font-weight: 600; }
.explorer-figure .particles-choice .explorer-chips { margin: 0; } .explorer-figure .particles-choice .explorer-chip:not(:has(svg)) { padding-left: 11px; }
.particles-panes { grid-template-rows: auto 1fr; } .particles-panes > .explorer-side { grid-row: 1 / 3; grid-column: 2; } .particles-panes > .explorer-readout { margin-top: 0; }
@container (max-width: 600px) { .particles-panes { grid-template-rows: none; } .particles-panes > .explorer-side { grid-row: auto; grid-column: auto; } }
.particles-side .explorer-control { margin-bottom: 7px; }
.particles-wells .explorer-ticks { display: none; }
.particles-wells { border-top: 1px solid var(--line); padding-top: 8px; margin-top: 4px; }
.explorer-figure .particles-numbers td, .explorer-figure .particles-numbers thead th { text-align: right; padding-right: 2px; }
.explorer-figure .particles-numbers thead th:first-child { width: 41%; text-align: left; }
.explorer-figure .particles-numbers tbody th { font-weight: 400; color: var(--ink); }
.explorer-figure .particles-numbers td.is-measured { font-weight: 600; white-space: nowrap; }
.explorer-figure .particles-numbers tr.is-first > * { border-top: 1px solid var(--line); padding-top: 5px; }
.explorer-figure .particles-numbers tr.is-last > * { padding-bottom: 5px; }
.particles-warning { color: var(--maximum); font-weight: 600; margin: 6px 0 0; }
.explorer-handle.is-depth { cursor: ns-resize; } .explorer-handle.is-width { cursor: ew-resize; }
.particles-plane { cursor: default; }
.explorer-figure .particles-plane .explorer-handle { width: 20px; height: 20px; margin: -10px 0 0 -10px; border-width: 1.5px; background: color-mix(in srgb, var(--paper) 80%, transparent); }
.explorer-figure .particles-plane .explorer-handle::before { content: ""; position: absolute; inset: 2px; background: var(--ink);
  clip-path: polygon(0 50%, 33% 20%, 33% 41%, 67% 41%, 67% 20%, 100% 50%, 67% 80%, 67% 59%, 33% 59%, 33% 80%); }
.explorer-figure .particles-plane .explorer-handle.is-depth::before { transform: rotate(90deg); }
@container (max-width: 380px) { .explorer-figure .particles-numbers table { font-size: 12px; } .explorer-figure .particles-numbers thead th:first-child { width: 40%; } }`;

async function render({ model, el }) {
  const spec = model.get("spec"), { ranges, view: [low, high], top, far, σ, noises } = spec, stops = [], value = (name) => model.get(name);
  const loops = Object.fromEntries(noises.map(({ name }) => [`loop ${name}`, kernel(spec.formulas[`step ${name}`])]));
  const code = await load({ ...spec.formulas, ...loops });
  const noise = () => noises.find((k) => k.name === value("noise")) ?? noises[0], thermal = () => noise().name === "thermal";
  const save = (changes) => { for (const [name, v] of Object.entries(changes)) model.set(name, v); model.save_changes(); };
  const strength = () => (thermal() ? value("D") : code.strength(value("B"), value("η"), σ));
  const parametersNow = () => [value("ΔL"), code.slope(value("H_left"), value("ΔL")), code.slope(value("H_right"), value("ΔL")), strength(), value("η")];
  const sharp = () => (Math.abs(value("H_left") / value("H_right") - 1) < 0.005 ? -1 : value("H_left") > value("H_right") ? LEFT : RIGHT);
  const nameOf = (side) => (sharp() < 0 ? "" : sharp() === side ? "sharp" : "flat");

  // -- what stands on the page
  const root = prepare(model, el, "Particles in two wells");
  const under = element("canvas"), moving = element("canvas", { role: "img", "aria-label": value("alt") || "particles in two wells" }), over = element("canvas");
  const frame = element("div", { class: "explorer-frame" });
  const grips = { ΔL: handle("ΔL", "depth of the wells", "is-depth"), H_left: handle("H_left", "curvature of the left well", "is-width"),
    H_right: handle("H_right", "curvature of the right well", "is-width") };
  frame.append(...Object.values(grips));
  const plane = element("div", { class: "explorer-plane particles-plane" }, under, moving, over, frame);
  const player = element("div", { class: "particles-player", role: "group", "aria-label": "the particles' film" });
  const clock = element("div", { class: "particles-clock" }), warning = element("div", { class: "particles-warning", hidden: true }), spoken = announcer();
  const numbers = element("div", { class: "particles-numbers" }), readout = element("div", { class: "explorer-readout", "data-readout": true }, numbers, warning);
  const funnel = element("canvas", { class: "explorer-plot", role: "img", "aria-label": "measured mean time against the time simulated" });
  const heading = element("div", { class: "explorer-heading" }), side = element("div", { class: "explorer-side particles-side" });
  const mark = (attributes) => element("svg:svg", { width: 16, height: 12, viewBox: "0 0 16 12", "aria-hidden": "true" }, element("svg:path", attributes));
  const dots = mark({ d: "M2 5h2.4v2.4H2zM7 7h2.4v2.4H7zM10 2h2.4v2.4H10zM5 1.5h2.4v2.4H5zM12.6 6.4h2.4v2.4H12.6z" });
  const legend = element("div", { class: "explorer-legend" }, element("span", {}, dots, "particles: the stronger the noise, the higher they hover"),
    element("span", {}, mark({ d: "M6 4h4.4v4.4H6z", fill: "var(--ink)" }), "over the ridge, not yet at the bottom"), element("span", {}, mark({ d: "M0 6H16", stroke: "var(--ink)", "stroke-width": 2 }), "long run by theory"));
  const main = element("div", { class: "explorer-main" }, plane, legend, player, clock), above = element("div", { class: "explorer-above particles-above" });
  root.append(element("style", {}, STYLE), above, element("div", { class: "explorer-panes particles-panes" }, main, side, readout), spoken.node);

  /** Chips of which one is on: the model's text as a list of one. */
  const one = (trait) => ({ get: () => [value(trait)], set: (_, names) => { const fresh = names.find((n) => n !== value(trait)); if (fresh) choose(trait, fresh); }, save_changes() {} });
  function choose(trait, name) {
    const before = thermal(), D = strength(), changes = { [trait]: name };
    // The noise keeps its strength when its kind changes, as far as a whole number of samples allows.
    if (trait === "noise" && before && name !== "thermal") changes.B = clamp(Math.round(code.batch(D, value("η"), σ)), ...ranges.B);
    if (trait === "noise" && !before && name === "thermal") changes.D = clamp(Number(D.toPrecision(3)), ...ranges.D);
    save(changes);
  }
  const portraits = noises.map(() => element("svg:svg", { width: 18, height: 12, viewBox: "0 0 18 12", "aria-hidden": "true" },
    element("svg:path", { fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linejoin": "round" })));
  const precise = (v) => Number(v.toPrecision(3));
  const well = (trait, label, symbol) => slider({ model, trait, label, symbol, range: log(...ranges[trait]), steps: 100, round: (v) => clamp(precise(v), ...ranges[trait]), text: (v) => format(v, 3, true) });
  const controls = {
    noise: chips({ model: one("noise"), trait: "noise", label: "noise", items: noises.map((k, i) => ({ name: k.name, label: k.name, swatch: portraits[i] })) }),
    D: slider({ model, trait: "D", label: "diffusion constant", symbol: "D", range: log(...ranges.D), steps: 120, round: (v) => clamp(precise(v), ...ranges.D), text: (v) => format(v, 3, true) }),
    B: slider({ model, trait: "B", label: "batch size", symbol: "B", range: linear(...ranges.B), steps: ranges.B[1] - ranges.B[0], round: Math.round, text: String }),
    η: slider({ model, trait: "η", label: "learning rate", symbol: "η", range: log(...ranges.η), steps: 120, round: (v) => clamp(precise(v), ...ranges.η), text: (v) => format(v, 3, true),
      ticks: [ranges.η[0], 0.05, 0.1, ranges.η[1]].map((v) => ({ value: v, text: String(v) })) }),
    ΔL: slider({ model, trait: "ΔL", label: "depth", symbol: "ΔL", range: linear(...ranges.ΔL), steps: Math.round((ranges.ΔL[1] - ranges.ΔL[0]) * 200), round: precise, text: (v) => format(v, 3, true) }),
    H_left: well("H_left", "curvature, left", "H"), H_right: well("H_right", "curvature, right", "H"),
    start: chips({ model: one("start"), trait: "start", label: "well in which all start", items: SIDES.map((name) => ({ name, label: name })) }),
  };
  const wells = element("div", { class: "particles-wells" }, controls.ΔL.node, controls.H_left.node, controls.H_right.node);
  const reset = element("button", { type: "button", class: "explorer-reset", onclick: () => { save(spec.given); restart(); } }, "Reset");
  const named = (words, node) => element("div", { class: "particles-choice" }, element("span", { "aria-hidden": "true" }, words), node);
  above.append(named("Noise", controls.noise.node), named("Start", controls.start.node));
  side.append(controls.D.node, controls.B.node, controls.η.node, wells, heading, funnel, reset);

  // -- the film: frames while it plays, the page shows it and someone can see it
  const film = { id: 0, on: false, seen: false };
  const button = (name, d, onclick) => element("button", { type: "button", "aria-label": name, title: name, onclick }, icon(d));
  const play = button("play", PLAY, () => (film.on ? pause() : begin()));
  controls.speed = slider({ model, trait: "speed", label: "steps a frame", range: log(spec.speeds[0], spec.speeds.at(-1)), steps: spec.speeds.length - 1, round: Math.round, text: String });
  offer(model, "noise", reads.one(noises.map((k) => k.name)));
  offer(model, "start", reads.one(SIDES));
  offer(model, "speed", reads.one(spec.speeds));
  player.append(button("start again", BACK, restart), play, button("one step", ON, () => { pause(); people.run(1); look(); paint(); }), controls.speed.node);
  function face(name, d) { play.setAttribute("aria-label", name); play.title = name; play.replaceChildren(icon(d)); }
  function begin() { film.on = true; face("pause", PAUSE); roll(); }
  function pause() { film.on = false; face("play", PLAY); roll(); look(); say(); }
  function roll() {
    if (film.on && film.seen && !document.hidden) film.id ||= requestAnimationFrame(tick);
    else { cancelAnimationFrame(film.id); film.id = 0; }
  }
  let looked = 0, following = 0; // when the numbers were last written, at which step the course goes on
  function tick(now) {
    film.id = requestAnimationFrame(tick);
    people.run(value("speed"));
    note();
    if (now - looked >= QUIET) { looked = now; look(); }
    if (size.w) drawMoving();
  }

  // -- particles and theory
  const people = crowd({ n: spec.particles, far }), course = [];
  let theory = null, minima = [0, 0], parameters = [], chain = [NaN, NaN], chainTimer = 0, colours, size = { w: 0 };
  let wall = new Float32Array(0), hover = wall; // by pixel: the curve, and how high a particle may hover above it
  const lift = Float32Array.from({ length: spec.particles }, (_, i) => ((i * 0.6180339887) % 1) ** 1.7);

  /** Theory for the settings of now, and new rules for the particles; those stay where they are on the landscape. */
  function rules() {
    const before = minima, fresh = !theory, { name } = noise();
    parameters = parametersNow();
    minima = minimaOf(code.g, parameters, far);
    theory = theoryOf(code[`rates ${name}`], parameters, minima, spec);
    theory.leading = leadingOf({ ...code, rates: code[`rates ${name}`] }, parameters, minima, theory.rise);
    const each = Math.max(1, Math.round(spec.span / (Math.min(value("H_left"), value("H_right")) * value("η") * spec.classes)));
    people.rules({ loop: code[`loop ${name}`], parameters, minima, tables: SIDES.map(() => lifeTable(spec.classes, each)),
      exactly: Math.min(...theory.times) > RARE * value("η") }); // crossings are so rare that the picture shows nothing of it
    if (fresh) people.place(SIDES.indexOf(value("start")), value("seed"));
    else carry(people.x, before, minima);
    course.length = following = 0;
    chain = [NaN, NaN];
    clearTimeout(chainTimer);
    chainTimer = setTimeout(() => {
      const next = code[`next ${name}`], work = (k) => chainWork({ next, bell: code.bell }, parameters, minima[k], minima[1 - k], theory.ends[k], spec);
      reckon([work(LEFT), work(RIGHT)], []);
    }, 160);
  }
  /** The exact times, a slice at a time: at once they would hold up the film. */
  function reckon(works, found) {
    for (const until = performance.now() + SLICE; performance.now() < until && found.length < works.length;) {
      const { value: steps, done } = works[found.length].next();
      if (done) found.push(value("η") * steps);
    }
    if (found.length < works.length) { chainTimer = setTimeout(reckon, 0, works, found); return; }
    chain = found;
    look();
  }
  function restart() {
    people.place(SIDES.indexOf(value("start")), value("seed"));
    course.length = following = 0;
    look();
    paint();
  }

  // -- drawing
  const X = (x) => ((x - low) / (high - low)) * size.w, Y = (v) => HEIGHT - EARTH - (v / top) * (HEIGHT - EARTH - 6);
  const floor = HEIGHT + GAP + BARS; // where the histogram stands
  let scale = 1; // pixels for a density of 1

  function drawStill() {
    const w = size.w, tall = floor + FOOT, g = canvasFor(under, w, tall), o = canvasFor(over, w, tall), p = parameters;
    g.clearRect(0, 0, w, tall);
    o.clearRect(0, 0, w, tall);
    wall = Float32Array.from({ length: Math.ceil(w) + 2 }, (_, k) => Y(code.loss(low + (k / w) * (high - low), p)));
    hover = wall.map((_, k) => clamp(HOVER * Math.sqrt(1 / (NOISE * code[`rates ${noise().name}`](low + (k / w) * (high - low), p)[1])), 5, 60));
    const line = new Path2D();
    wall.forEach((y, k) => line.lineTo(k, Math.max(y, -20)));
    const ground = new Path2D(line);
    ground.lineTo(w + 1, HEIGHT);
    ground.lineTo(0, HEIGHT);
    g.save();
    g.beginPath();
    g.rect(0, 0, w, HEIGHT);
    g.clip();
    const shade = g.createLinearGradient(0, 0, 0, HEIGHT);
    shade.addColorStop(0, faded(colours.low, colours.dark ? 0.42 : 0.34));
    shade.addColorStop(1, faded(colours.low, colours.dark ? 0.16 : 0.14));
    g.fillStyle = shade;
    g.fill(ground);
    g.strokeStyle = colours.soft;
    g.lineWidth = 2;
    g.lineJoin = "round";
    g.stroke(line);
    g.restore();
    // the density of theory, and the axis below it
    const most = Math.max(...theory.density);
    scale = (BARS - 10) / most;
    o.strokeStyle = colours.line;
    o.lineWidth = 1;
    o.beginPath();
    o.moveTo(0, floor + 0.5);
    o.lineTo(w, floor + 0.5);
    o.stroke();
    o.setLineDash([2, 4]);
    o.beginPath();
    for (const x of [minima[LEFT], 0, minima[RIGHT]]) { o.moveTo(X(x), Y(code.loss(x, p)) + 26); o.lineTo(X(x), floor); }
    o.stroke();
    o.setLineDash([]);
    const density = new Path2D();
    density.moveTo(Math.min(0, X(theory.ends[LEFT])), floor);
    theory.x.forEach((x, k) => { if (x > low && x < high) density.lineTo(X(x), floor - theory.density[k] * scale); });
    density.lineTo(Math.max(w, X(theory.ends[RIGHT])), floor);
    o.strokeStyle = colours.ink;
    o.lineWidth = 2;
    o.lineJoin = "round";
    o.stroke(density);
    o.font = `12px ${colours.font}`;
    o.textAlign = "center";
    o.textBaseline = "top";
    for (const k of [LEFT, RIGHT]) {
      o.fillStyle = colours.ink;
      o.font = `600 12px ${colours.font}`;
      o.fillText(nameOf(k) || `${SIDES[k]} well`, X(minima[k]), floor + 5);
      o.fillStyle = colours.soft;
      o.font = `12px ${colours.font}`;
      o.fillText(`H = ${format(value(`H_${SIDES[k]}`), 3, true)}`, X(minima[k]), floor + 20);
    }
    if (X(minima[RIGHT]) - X(minima[LEFT]) > 150) o.fillText("ridge", X(0), floor + 5);
    o.textAlign = "left";
    o.textBaseline = "alphabetic";
    placeHandles();
  }

  function placeHandles() {
    const put = (node, x, y) => { node.style.transform = `translate3d(${x}px,${y}px,0)`; };
    put(grips.ΔL, X(0), Y(code.loss(0, parameters)) + BELOW);
    SIDES.forEach((s, k) => put(grips[`H_${s}`], X(minima[k]), Y(0) + BELOW));
    for (const [name, words] of [["ΔL", "depth"], ["H_left", "curvature"], ["H_right", "curvature"]]) {
      const node = grips[name], [a, b] = ranges[name];
      node.setAttribute("aria-valuemin", a);
      node.setAttribute("aria-valuemax", b);
      node.setAttribute("aria-valuenow", value(name));
      node.setAttribute("aria-valuetext", `${words} ${format(value(name), 3)}`);
    }
  }

  // The crowd is drawn pixel by pixel: how often each is covered, then one look-up for its colour.
  const BINS = spec.bins, bars = new Uint16Array(BINS);
  let cover = new Uint8Array(0), image = null, inks = new Uint32Array(256), inked = "";
  function prepareInks(colour) {
    const key = `${colour} ${colours.ink} ${colours.dark}`;
    if (key === inked) return;
    inked = key;
    const bits = (hex, alpha) => { const [r, g, b] = rgb(hex); return ((Math.round(255 * alpha) << 24) | (b << 16) | (g << 8) | r) >>> 0; };
    inks = Uint32Array.from({ length: 256 }, (_, k) => (k < NEW ? bits(colour, 1 - (colours.dark ? 0.54 : 0.6) ** k) : bits(colours.ink, 0.9)));
  }

  function drawMoving() {
    const w = size.w, g = canvasFor(moving, w, floor + FOOT), { x, home } = people, n = x.length, colour = colours.pick(noise().colour);
    const ratio = moving.width / w, wide = moving.width, tall = Math.ceil(HEIGHT * ratio), dot = Math.max(2, Math.round(DOT * ratio)), zoom = wide / (high - low);
    if (image?.width !== wide || image.height !== tall) { image = new ImageData(wide, tall); cover = new Uint8Array(wide * tall); }
    prepareInks(colour);
    cover.fill(0);
    bars.fill(0);
    const edge = dot > 3 ? 1 : 0, perBar = BINS / wide;
    for (let i = 0; i < n; i++) {
      const px = ((x[i] - low) * zoom) | 0;
      if (!(px > dot && px < wide - dot)) continue;
      bars[(px * perBar) | 0]++;
      const k = (px / ratio) | 0, py = ((wall[k] - 3 - hover[k] * lift[i]) * ratio) | 0;
      if (py < 1 || py > tall - dot) continue;
      // who has come over the ridge and not yet been at the bottom
      const fresh = home[i] === LEFT ? x[i] > 0 : home[i] === RIGHT && x[i] < 0;
      for (let row = 0; row < dot; row++) {
        const cut = row === 0 || row === dot - 1 ? edge : 0, from = (py + row) * wide + px + cut - 1, to = from + dot - 2 * cut;
        if (fresh) for (let p = from; p < to; p++) cover[p] = NEW;
        else for (let p = from; p < to; p++) if (cover[p] < NEW - 1) cover[p]++;
      }
    }
    const pixels = new Uint32Array(image.data.buffer);
    for (let p = 0; p < pixels.length; p++) pixels[p] = inks[cover[p]];
    g.putImageData(image, 0, 0);
    g.clearRect(0, HEIGHT, w, floor + FOOT - HEIGHT);
    g.fillStyle = faded(colour, colours.dark ? 0.45 : 0.36);
    const broad = w / BINS, each = scale / (n * ((high - low) / BINS));
    for (let k = 0; k < BINS; k++) if (bars[k]) { const up = Math.min(BARS + GAP - 2, bars[k] * each); g.fillRect(k * broad + 0.5, floor - up, broad - 1, up); }
  }

  /** The exact mean time out of a well, as far as it is known yet; NaN where particles fly over the walls. */
  const exactOf = (s) => (people.thrown ? NaN : Number.isFinite(chain[s]) ? chain[s] : theory.times[s]);

  function drawCourse() {
    const w = funnel.clientWidth, h = 168, s = SIDES.indexOf(value("start"));
    if (!w) return;
    funnel.style.height = `${h}px`;
    const g = canvasFor(funnel, w, h), box = { left: 40, top: 6, width: w - 46, height: h - 28 }, exact = exactOf(s), middle = Number.isFinite(exact) ? exact : course.at(-1)?.mean ?? theory.times[s];
    g.clearRect(0, 0, w, h);
    const now = people.tick * value("η"), from = course[0]?.t ?? 1, y = linear(0.6 * middle, 1.4 * middle), x = log(from, Math.max(now, 3 * from));
    const ticks = [1, 2, 3].flatMap((_, k) => [1, 2, 5].map((v) => v * 10 ** (k + Math.floor(Math.log10(from))))).filter((v) => v >= from && v <= x.high);
    drawAxes(g, box, { colours, x: { scale: x, ticks, label: "t", text: (v) => format(v, 3, true) }, y: { scale: y, ticks: niceTicks(y.low, y.high, 4), text: (v) => format(v, 3, true) } });
    const px = (t) => box.left + box.width * x.at(t), py = (v) => box.top + box.height * (1 - clamp(y.at(v), -0.2, 1.2));
    g.save();
    g.beginPath();
    g.rect(box.left, box.top - 2, box.width, box.height + 3);
    g.clip();
    const colour = colours.pick(noise().colour), band = new Path2D(), line = new Path2D();
    course.forEach(({ t, mean, half }) => { band.lineTo(px(t), py(mean + half)); line.lineTo(px(t), py(mean)); });
    [...course].reverse().forEach(({ t, mean, half }) => band.lineTo(px(t), py(mean - half)));
    g.fillStyle = faded(colour, 0.25);
    g.fill(band);
    g.strokeStyle = colour;
    g.lineWidth = 2;
    g.stroke(line);
    if (Number.isFinite(exact)) {
      g.strokeStyle = colours.ink;
      g.lineWidth = 1.3;
      g.beginPath();
      g.moveTo(box.left, py(exact));
      g.lineTo(box.left + box.width, py(exact));
      g.stroke();
    }
    g.restore();
    if (!Number.isFinite(exact)) return;
    g.font = `11px ${colours.font}`;
    g.textAlign = "right";
    g.textBaseline = "alphabetic";
    g.lineWidth = 3;
    g.strokeStyle = faded(colours.paper, 0.85);
    const beside = py(exact) + (course.at(-1)?.mean > exact ? 13 : -5); // on the side where the measured line is not
    g.strokeText("exact", w - 8, beside);
    g.fillStyle = colours.ink;
    g.fillText("exact", w - 8, beside);
  }

  // -- words and numbers
  const percent = (v) => `${fixed(100 * v, 1)} %`;
  const long = (v) => (!Number.isFinite(v) ? "–" : v >= 1e5 ? format(v, 3) : fixed(v, v < 99.95 ? 2 : v < 9999.5 ? 1 : 0));
  const { cells, table } = buildTable();
  numbers.append(table);
  function buildTable() {
    const rows = [["share", "particles there now", true], ["theory", "in the long run, η → 0"], ["measured", "mean time to leave, 95 %", true], ["chain", "exact, steps of η"], ["exact", "exact, η → 0"], ["kramers", "Kramers, η → 0 and D → 0"]];
    const found = { heads: SIDES.map(() => element("th", { scope: "col" })) };
    const body = rows.map(([name, label, measured], k) => {
      found[name] = SIDES.map(() => element("td", { class: measured ? "is-measured" : null }));
      return element("tr", { class: k === 2 ? "is-first" : k === 1 ? "is-last" : null }, element("th", { scope: "row" }, label), ...found[name]);
    });
    return { cells: found, table: element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "well"), ...found.heads)), element("tbody", {}, ...body)) };
  }
  const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  let measured = [null, null];
  const first = () => SIDES.indexOf(value("start"));
  function timeOf(side) {
    const { mean, error, count, late } = people.lifetime(side, FEW), η = value("η");
    return { mean: η * mean, half: 1.96 * η * error, count, known: late >= FEW };
  }
  /** A point of the course of the measured time, evenly on a logarithmic axis. */
  function note() {
    if (people.tick < following) return;
    following = Math.max(people.tick + 1, 1.05 * people.tick);
    const m = timeOf(first());
    if (m.known) course.push({ t: people.tick * value("η"), ...m });
  }

  /** The numbers of now, into the table and the plot. */
  function look() {
    if (!theory) return;
    const η = value("η"), left = people.left(), t = people.tick * η;
    measured = SIDES.map((_, k) => timeOf(k));
    SIDES.forEach((s, k) => {
      put(cells.heads[k], `${s}${nameOf(k) ? `, ${nameOf(k)}` : ""}`);
      put(cells.share[k], percent(k ? 1 - left : left));
      put(cells.theory[k], percent(k ? 1 - theory.left : theory.left));
      const { mean, half, known } = measured[k];
      put(cells.measured[k], !known ? "too few yet" : `${long(mean)} ± ${long(half)}`);
      put(cells.chain[k], long(people.thrown ? NaN : chain[k]));
      put(cells.exact[k], long(theory.times[k]));
      put(cells.kramers[k], long(theory.leading[k]));
    });
    put(clock, `time t = ${fixed(t, 1)} (${people.tick} steps of η), ${measured[LEFT].count + measured[RIGHT].count} crossings`);
    const steep = Math.max(value("H_left"), value("H_right")) * η;
    const words = steep >= 2 ? `ηH = ${fixed(steep, 2)} ≥ 2: the step is too long for the sharper well, no particle can come to rest there.`
      : people.thrown ? `The step is too long for this noise: ${people.thrown} particles were thrown out over the walls and started again.` : "";
    warning.hidden = !words;
    put(warning, words);
    drawCourse();
  }
  function say() {
    const s = first(), m = measured[s], exact = exactOf(s);
    const words = `${noise().name} noise, time ${fixed(people.tick * value("η"), 0)}. ${percent(people.left())} of the particles are in the left well, in the long run ${percent(theory.left)}. `
      + `Mean time to leave the ${SIDES[s]} well: ${m?.known ? `measured ${long(m.mean)} plus or minus ${long(m.half)}` : "too few crossings yet"}${Number.isFinite(exact) ? `, exact ${long(exact)}` : ""}.`;
    moving.setAttribute("aria-label", `${spec.particles} particles in two wells, curvature ${format(value("H_left"), 2)} on the left and ${format(value("H_right"), 2)} on the right: ${words}`);
    spoken.say(words);
  }

  // -- what happens when
  function showControls() {
    for (const name of ["D", "B", "η", "ΔL", "H_left", "H_right", "speed"]) controls[name].show(value(name));
    controls.noise.show([value("noise")]);
    controls.start.show([value("start")]);
    controls.noise.buttons.forEach((b, k) => b.style.setProperty("--c", colours.pick(noises[k].colour)));
    dots.firstChild.setAttribute("fill", colours.pick(noise().colour));
    controls.start.buttons.forEach((b) => b.style.setProperty("--c", colours.ink));
    const [own, other] = thermal() ? [controls.D, controls.B] : [controls.B, controls.D], turned = own.node.hidden;
    own.node.hidden = false;
    other.node.hidden = true;
    if (turned) own.layout(); // marks are laid out when they can be seen
    const lifted = value("H_right") >= value("H_left") ? 1 : -1;
    portraits.forEach((p, k) => p.firstChild.setAttribute("d", [`M1 6H17`, `M1 ${6 + 3 * lifted}H7L11 ${6 - 3 * lifted}H17`, `M1 ${6 - 3 * lifted}H7L11 ${6 + 3 * lifted}H17`][k]));
    const ΔL = value("ΔL"), D = (r) => ΔL / r;
    controls.D.setTicks([1, 2, 3, 4, 5, 6, 8].map((r) => ({ value: D(r), text: r > 1 ? `ΔL/${r}` : "ΔL", rank: r % 2 ? 1 : 0 })));
    controls.B.setTicks([1, 4, 8, 12, 16].map((v) => ({ value: v, text: String(v) })));
    put(heading, `Time to leave the ${value("start")} well`);
  }
  let stale = { rules: true, still: true };
  const redraw = frames(() => {
    if (!size.w) return;
    if (stale.rules) { rules(); stale.still = true; }
    if (stale.still) drawStill();
    if (stale.rules) { look(); saySoon(); }
    stale = { rules: false, still: false };
    drawMoving();
  });
  const paint = () => redraw();
  function changed() { showControls(); stale.rules = true; paint(); }
  function moved() { showControls(); stale.still = true; restart(); saySoon(); }
  let saying = 0; // after the chain's exact time has come
  function saySoon() { clearTimeout(saying); saying = setTimeout(say, 250); }
  function measure() { size = { w: Math.max(0, plane.clientWidth) }; plane.style.height = `${floor + FOOT}px`; Object.assign(frame.style, { left: 0, top: 0, width: `${size.w}px`, height: `${HEIGHT}px` }); }
  function resized() { measure(); for (const name of ["D", "B", "η"]) controls[name].layout(); stale.still = true; paint(); if (theory) drawCourse(); }
  function recoloured() { colours = theme(el); showControls(); stale.still = true; paint(); if (theory) drawCourse(); }

  // -- handles: the ridge goes up and down, a minimum goes out and in
  const at = (name) => ({ ΔL: [X(0), Y(code.loss(0, parameters)) + BELOW], H_left: [X(minima[LEFT]), Y(0) + BELOW], H_right: [X(minima[RIGHT]), Y(0) + BELOW] })[name];
  const share = (name) => () => { const [x, y] = at(name); return [x / size.w, y / HEIGHT]; };
  const setters = {
    ΔL: ([, v]) => ({ ΔL: clamp(precise(((HEIGHT - EARTH + BELOW - v * HEIGHT) / (HEIGHT - EARTH - 6)) * top), ...ranges.ΔL) }),
    H_left: ([u]) => ({ H_left: curvatureAt(low + u * (high - low), LEFT) }), H_right: ([u]) => ({ H_right: curvatureAt(low + u * (high - low), RIGHT) }),
  };
  /** The curvature of a well whose minimum lies at x. */
  function curvatureAt(x, k) {
    let [a, b] = ranges[`H_${SIDES[k]}`];
    for (let i = 0; i < 40; i++) {
      const H = (a + b) / 2, p = parameters.slice();
      p[1 + k] = code.slope(H, value("ΔL"));
      if (Math.abs(minimaOf(code.g, p, far)[k]) > Math.abs(x) && Math.sign(x) === (k ? 1 : -1)) a = H;
      else b = H;
    }
    return clamp(precise((a + b) / 2), ...ranges[`H_${SIDES[k]}`]);
  }

  colours = theme(el);
  measure();
  showControls();
  for (const name of ["D", "B", "η"]) controls[name].layout();
  const follow = (names, call) => names.forEach((name) => { model.on(`change:${name}`, call); stops.push(() => model.off(`change:${name}`, call)); });
  follow(AGAIN, changed);
  follow(["start", "seed"], moved);
  follow(["speed"], showControls);
  stops.push(dragging(frame, Object.keys(grips).map((name) => ({ node: grips[name], get: share(name), set: (p) => save(setters[name](p)) })), { step: 0.012, near: true }));
  const sight = new IntersectionObserver((entries) => { film.seen = entries.at(-1).isIntersecting; roll(); });
  sight.observe(plane);
  document.addEventListener("visibilitychange", roll);
  stops.push(() => sight.disconnect(), () => document.removeEventListener("visibilitychange", roll), () => { film.on = false; roll(); clearTimeout(chainTimer); clearTimeout(saying); },
    watchSize(plane, resized), watchTheme(el, recoloured), redraw.stop, spoken.stop);
  redraw();
  if (!reducedMotion()) begin();
  return () => { stops.forEach((stop) => stop()); el.replaceChildren(); };
}

export default { render };
