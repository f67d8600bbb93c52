/* The stage: what all explorers share. Pure functions first, then the page. No formula of the book is typed here: losses,
   rules and closed forms arrive as generated code (`load`).

   Numbers        format(v, digits), coordinates(θ, digits), rich(element, "2/λ_max")
   Scales         linear(low, high), log(low, high), symlog(low, high, c), complement(low, high), zeroLog(low, high): {at(value) -> 0…1, value(0…1)}
                  niceTicks(low, high, n), decades(low, high, n), lossScale(curves) -> {scale, ticks, kind}
                  placeLabels(items, width, gap): which labels fit beside one another, and where
                  clip(x0, y0, x1, y1, width, height): the part of a segment that can be seen
   Landscapes     sample(f, domain, n), levels(values, n, through), bandIndex(values, levels),
                  contours(values, columns, rows, level), polylines(segments), paintBands(image, index, columns, rows, bands, low, high)
   Dynamics       descend(landscape, rule, start, hyper, steps, limit, {eigen, noise}), classify(eigenvalues, zero),
                  streamStart(seed), uniforms(seed)(k), normals(seed)(k), batches(seed, N, B, replace)(k)
   Code           load({name: text}) -> promise of {name: value};  StaticModel: anywidget's model without a kernel
   The page       prepare(model, el, name) -> root, element(tag, attributes, ...children), theme(host), watchTheme(host, f), watchSize(element, f), frames(f, later), pause(),
                  reducedMotion(), canvasFor(canvas, width, height), drawAxes(context, box, options)
   Controls       slider({...}), chips({...}), menu({...}), checkbox({...}), dragging(plane, handles, options), announcer(host)
   Links          offer(model, trait, reader, otherwise), reads.number(low, high, whole), reads.one(values), reads.some(names), reads.point(domain), written(value)

   A control never keeps a value of its own: it writes to the model, and the model's change event redraws everything. So a
   trait set from Python, a linked ipywidget, the mouse and the keyboard all take the same way. */

// ---------------------------------------------------------------------------------------------------------- numbers
const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const minus = (text) => text.replace("-", "−");

export const superscript = (n) => (n < 0 ? "⁻" : "") + [...String(Math.abs(n))].map((d) => RAISED[d]).join("");

/** A number for reading: "0.02", "9.39", "3.1·10⁻¹²"; `digits` significant ones, without trailing zeros if `trim`. */
export function format(value, digits = 3, trim = false) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "undefined" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const exponent = +value.toExponential(digits - 1).split("e")[1];
  const plain = exponent >= -3 && exponent < Math.max(digits, 5);
  const cut = (text) => (trim && text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (plain) return minus(cut(value.toFixed(Math.max(0, digits - 1 - exponent))));
  const [rounded, raised] = value.toExponential(Math.max(0, digits - 2)).split("e"), shown = cut(rounded);
  return minus(shown === "1" ? "" : `${shown}·`) + `10${superscript(+raised)}`;
}

/** A number with a fixed count of decimals and a proper minus sign. */
export const fixed = (value, decimals = 2) => minus((Math.abs(value) < 0.5 * 10 ** -decimals ? 0 : value).toFixed(decimals));

/** A point for reading: "(1.72, −1.20)". */
export const coordinates = (θ, decimals = 2) => `(${[...θ].map((v) => fixed(v, decimals)).join(", ")})`;

/** Text with subscripts, "2/λ_max" or "λ_1", into an element. */
export function rich(target, text) {
  target.textContent = "";
  text.split(/_(\w+)/).forEach((part, i) => {
    if (i % 2) target.append(element("sub", {}, part));
    else target.append(part);
  });
  return target;
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// ----------------------------------------------------------------------------------------------------------- scales
/** A scale maps values to 0…1 and back. */
function scale(forward, backward, low, high) {
  const a = forward(low), b = forward(high);
  return { low, high, at: (v) => (forward(v) - a) / (b - a), value: (u) => (u <= 0 ? low : u >= 1 ? high : backward(a + u * (b - a))) };
}
const same = (v) => v;
export const linear = (low, high) => scale(same, same, low, high);
export const log = (low, high) => scale(Math.log10, (u) => 10 ** u, low, high);
/** Logarithmic away from zero, linear within ±c. */
export const symlog = (low, high, c = 1) =>
  scale((v) => Math.sign(v) * Math.log10(1 + Math.abs(v) / c), (u) => Math.sign(u) * c * (10 ** Math.abs(u) - 1), low, high);
/** Logarithmic from low to high, and a place of its own for 0 at the left end, `gap` of the width before low. */
export function zeroLog(low, high, gap = 0.08) {
  const inner = log(low, high);
  return { low: 0, high, gap, at: (v) => (v > 0 ? gap + (1 - gap) * Math.max(0, inner.at(v)) : 0),
    value: (u) => (u < gap / 2 ? 0 : inner.value((u - gap) / (1 - gap))) };
}
/** Logarithmic in 1 − v: 0, 0.9, 0.99, 0.999 stand evenly. */
export const complement = (low, high) => scale((v) => -Math.log10(1 - v), (u) => 1 - 10 ** -u, low, high);

/** About n round numbers from low to high. */
export function niceTicks(low, high, n = 5) {
  const rough = (high - low) / n, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough * 0.999);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

/** At most n powers of ten from low to high. */
export function decades(low, high, n = 5) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const step = Math.max(1, Math.ceil((last - first + 1) / n)), ticks = [];
  for (let k = last; k >= first; k -= step) ticks.unshift(10 ** k);
  return ticks;
}

/** The scale of a loss plot: logarithmic while no loss is negative, then linear, or symlog over a wide range. */
export function lossScale(curves) {
  let low = Infinity, high = -Infinity, positive = Infinity;
  for (const curve of curves) for (const v of curve) {
    if (v < low) low = v;
    if (v > high) high = v;
    if (v > 0 && v < positive) positive = v;
  }
  if (!(low <= high)) [low, high, positive] = [0.1, 1, 0.1];
  if (low >= 0 && high > 0) {
    const top = Math.ceil(Math.log10(Math.min(high, 1e3 * Math.max(...curves.map((c) => c[0]), positive))) + 1e-9);
    const bottom = clamp(Math.floor(Math.log10(positive) + 1e-9), top - 16, top - 1);
    const ticks = decades(10 ** bottom, 10 ** top, 4);
    return { kind: "log", scale: log(10 ** bottom, 10 ** top), ticks, text: (v) => (v === 1 ? "1" : `10${superscript(Math.round(Math.log10(v)))}`) };
  }
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (size < 200) {
    const pad = 0.06 * (high - low) || Math.max(1e-9, size) * 0.1 || 1;
    return { kind: "linear", scale: linear(low - pad, high + pad), ticks: niceTicks(low - pad, high + pad, 3), text: (v) => format(v, 3, true) };
  }
  const powers = (to) => (to >= 10 ? decades(10, to, 2) : []);
  const [a, b] = [low < 0 ? -(10 ** Math.ceil(Math.log10(-low))) : 0, high > 0 ? 10 ** Math.ceil(Math.log10(high)) : 0];
  const text = (v) => (v === 0 ? "0" : `${v < 0 ? "−" : ""}10${superscript(Math.round(Math.log10(Math.abs(v))))}`);
  return { kind: "symlog", scale: symlog(a, b), ticks: [...powers(-a).map((v) => -v), 0, ...powers(b)], text };
}

/** Labels on a line: `items` {at, width, rank} in pixels; lower ranks win. Gives those that fit, with `left` inside 0…total. */
export function placeLabels(items, total, gap = 6) {
  const kept = [];
  for (const item of [...items].sort((p, q) => p.rank - q.rank)) {
    const left = clamp(item.at - item.width / 2, 0, Math.max(0, total - item.width));
    if (item.width <= total && kept.every((k) => left + item.width + gap <= k.left || k.left + k.width + gap <= left))
      kept.push({ ...item, left });
  }
  return kept.sort((p, q) => p.left - q.left);
}

/** The part of a segment inside the box 0…width, 0…height widened by `margin`: [x0, y0, x1, y1], or null. */
export function clip(x0, y0, x1, y1, width, height, margin = 20) {
  let a = 0, b = 1;
  for (const [from, step, high] of [[x0, x1 - x0, width + margin], [y0, y1 - y0, height + margin]]) {
    if (step === 0) { if (from < -margin || from > high) return null; continue; }
    const p = (-margin - from) / step, q = (high - from) / step;
    a = Math.max(a, Math.min(p, q));
    b = Math.min(b, Math.max(p, q));
  }
  if (!(a <= b)) return null;
  return [x0 + a * (x1 - x0), y0 + a * (y1 - y0), x0 + b * (x1 - x0), y0 + b * (y1 - y0)];
}

// ------------------------------------------------------------------------------------------------------- landscapes
/** f on a grid of n × n points of the domain, rows from the top: values[j * n + i]. */
export function sample(f, domain, n) {
  const [[x0, x1], [y0, y1]] = domain, values = new Float64Array(n * n), point = [0, 0];
  for (let j = 0; j < n; j++) {
    point[1] = y1 + (j / (n - 1)) * (y0 - y1);
    for (let i = 0; i < n; i++) {
      point[0] = x0 + (i / (n - 1)) * (x1 - x0);
      values[j * n + i] = f(point);
    }
  }
  return values;
}

/** n rising levels for any landscape: half of their rise follows the area (quantiles), half the height on a gentle log scale,
    so that neither a plain nor a cliff takes all lines. The level nearest to each value in `through` moves onto it. */
export function levels(values, n = 15, through = []) {
  const stride = Math.max(1, Math.floor(values.length / 8000));
  const sorted = Float64Array.from(values.filter((v, k) => k % stride === 0 && Number.isFinite(v))).sort();
  const m = sorted.length - 1, low = sorted[0], range = sorted[m] - low;
  if (!(range > 0)) return [];
  const height = (v) => Math.log1p((30 * (v - low)) / range) / Math.log1p(30);
  const found = [];
  for (let i = 1, k = 1; i <= m && k <= n; i++) {
    const u = 0.5 * (i / m) + 0.5 * height(sorted[i]);
    while (k <= n && u >= k / (n + 1)) {
      if (sorted[i] > (found.at(-1) ?? low)) found.push(sorted[i]);
      k++;
    }
  }
  for (const value of through) {
    const nearest = found.reduce((best, v, k) => (Math.abs(v - value) < Math.abs(found[best] - value) ? k : best), 0);
    if (value > low && value < sorted[m]) found[nearest] = value;
  }
  return [...new Set(found)].sort((p, q) => p - q);
}

/** Values as positions between levels: k at the k-th level, linear in between, NaN where the value is not finite. */
export function bandIndex(values, levels) {
  const n = levels.length, index = new Float32Array(values.length);
  if (!n) return index;
  const first = n > 1 ? levels[1] - levels[0] : 1, last = n > 1 ? levels[n - 1] - levels[n - 2] : 1;
  for (let p = 0; p < values.length; p++) {
    const v = values[p];
    if (!(v >= levels[0])) { index[p] = Number.isNaN(v) ? NaN : Math.max(-1, (v - levels[0]) / first); continue; }
    if (v >= levels[n - 1]) { index[p] = n - 1 + Math.min(1, (v - levels[n - 1]) / last); continue; }
    let a = 0, b = n - 1;
    while (b - a > 1) { const mid = (a + b) >> 1; if (levels[mid] <= v) a = mid; else b = mid; }
    index[p] = a + (v - levels[a]) / (levels[b] - levels[a]);
  }
  return index;
}

/** Marching squares: the line values = level as segments [x0, y0, x1, y1, …] in grid units. */
export function contours(values, columns, rows, level) {
  const segments = [], cut = (p, q) => p / (p - q);
  for (let j = 0; j + 1 < rows; j++) {
    for (let i = 0; i + 1 < columns; i++) {
      const k = j * columns + i;
      const a = values[k] - level, b = values[k + 1] - level, c = values[k + columns + 1] - level, d = values[k + columns] - level;
      const kind = (a > 0) | ((b > 0) << 1) | ((c > 0) << 2) | ((d > 0) << 3);
      if (kind === 0 || kind === 15 || !Number.isFinite(a + b + c + d)) continue;
      const top = () => [i + cut(a, b), j], right = () => [i + 1, j + cut(b, c)];
      const bottom = () => [i + cut(d, c), j + 1], left = () => [i, j + cut(a, d)];
      const join = (p, q) => segments.push(...p, ...q);
      const high = a + b + c + d > 0; // which way a saddle cell is joined
      switch (kind) {
        case 1: case 14: join(left(), top()); break;
        case 2: case 13: join(top(), right()); break;
        case 3: case 12: join(left(), right()); break;
        case 4: case 11: join(right(), bottom()); break;
        case 6: case 9: join(top(), bottom()); break;
        case 7: case 8: join(left(), bottom()); break;
        case 5: if (high) { join(top(), right()); join(left(), bottom()); } else { join(left(), top()); join(right(), bottom()); } break;
        case 10: if (high) { join(left(), top()); join(right(), bottom()); } else { join(top(), right()); join(left(), bottom()); } break;
      }
    }
  }
  return segments;
}

/** Segments of `contours` joined where they meet: a list of lines [x0, y0, x1, y1, x2, y2, …]. */
export function polylines(segments) {
  const key = (x, y) => Math.round(x * 4096) * 2 ** 26 + Math.round(y * 4096), ends = new Map(), used = new Uint8Array(segments.length / 4), lines = [];
  const at = (k) => { if (!ends.has(k)) ends.set(k, []); return ends.get(k); };
  for (let s = 0; s < used.length; s++) for (const e of [0, 2]) at(key(segments[4 * s + e], segments[4 * s + e + 1])).push(s);
  const follow = (line, x, y) => {
    for (;;) {
      const s = ends.get(key(x, y))?.find((k) => !used[k]);
      if (s === undefined) return line;
      used[s] = 1;
      const [a, b, c, d] = segments.slice(4 * s, 4 * s + 4);
      [x, y] = key(a, b) === key(x, y) ? [c, d] : [a, b];
      line.push(x, y);
    }
  };
  for (let s = 0; s < used.length; s++) {
    if (used[s]) continue;
    used[s] = 1;
    const [a, b, c, d] = segments.slice(4 * s, 4 * s + 4), forward = follow([a, b, c, d], c, d), backward = follow([], a, b), line = [];
    for (let k = backward.length - 2; k >= 0; k -= 2) line.push(backward[k], backward[k + 1]);
    lines.push([...line, ...forward]);
  }
  return lines;
}

/** Bands between levels into an ImageData: bilinear between grid points, edges softened over one pixel. */
export function paintBands(image, index, columns, rows, bands, low, high) {
  const { width, height, data } = image;
  for (let y = 0; y < height; y++) {
    const v = ((y + 0.5) / height) * (rows - 1), j = Math.min(rows - 2, Math.floor(v)), fy = v - j;
    for (let x = 0; x < width; x++) {
      const u = ((x + 0.5) / width) * (columns - 1), i = Math.min(columns - 2, Math.floor(u)), fx = u - i;
      const k = j * columns + i, a = index[k], b = index[k + 1], c = index[k + columns], d = index[k + columns + 1];
      const value = (a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy;
      const slope = Math.hypot(((b - a) * (1 - fy) + (d - c) * fy) * (columns / width), ((c - a) * (1 - fx) + (d - b) * fx) * (rows / height));
      const edge = Math.round(value);
      const band = Number.isNaN(value) ? bands : edge + clamp((value - edge) / (slope || 1) + 0.5, 0, 1); // the band above level k is k + 1
      const mix = clamp(band / bands, 0, 1), p = 4 * (y * width + x);
      for (let channel = 0; channel < 3; channel++) data[p + channel] = low[channel] + (high[channel] - low[channel]) * mix;
      data[p + 3] = 255;
    }
  }
  return image;
}

// --------------------------------------------------------------------------------------------------------- dynamics
/** The loop of an optimizer, as helpers.optimizers.descend runs it: the gradient at the rule's place, the step in every
    coordinate, until `steps` or until it diverges (not finite, or beyond `limit`). The path ends at the last good point.
    A noisy rule gets its numbers from `noise(t)`, an array; a curved one takes its step along the eigenvectors of the
    Hessian, which `eigen` (generated code) gives for two parameters. Where `until(θ)` is true the path ends early.
    With `rates` the effective learning rates come along, rates[k][i] being that of coordinate i in step k + 1. */
export function descend(landscape, rule, start, hyper, steps, limit, { eigen, noise, until, rates } = {}) {
  const d = start.length, path = [Array.from(start)], loss = [landscape.loss(start)];
  const states = path[0].map(() => [...rule.initial]), remembered = rule.initial.length, place = new Array(d);
  const still = new Array(d).fill(0), used = rates ? { rates: [] } : {};
  let now = path[0];
  for (let t = 1; t <= steps; t++) {
    for (let i = 0; i < d; i++) place[i] = rule.at(now[i], states[i], hyper);
    const g = landscape.gradient(place), ξ = rule.noisy ? noise(t) : still;
    let next = new Array(d);
    if (rule.curved) next = curvedStep(rule, now, g, landscape.hessian(now), ξ, t, hyper, eigen);
    else for (let i = 0; i < d; i++) {
      const after = rule.step(now[i], g[i], states[i], t, hyper, ξ[i], 0);
      next[i] = after[0];
      for (let k = 0; k < remembered; k++) states[i][k] = after[k + 1];
    }
    for (let i = 0; i < d; i++) if (!(Math.abs(next[i]) <= limit)) return { path, loss, diverged: t, ...used };
    used.rates?.push(states.map((s) => rule.rate(s, t, hyper)));
    path.push((now = next));
    loss.push(landscape.loss(now));
    if (until?.(now)) break;
  }
  return { path, loss, diverged: 0, ...used };
}

/** θ after a step along the two eigenvectors of H, (c, s) of λ₁ and (−s, c) of λ₂. */
function curvedStep(rule, θ, g, H, ξ, t, hyper, eigen) {
  const [[a, b], [, d]] = H, [λ1, λ2, c, s] = eigen(a, b, d);
  const [p] = rule.step(0, c * g[0] + s * g[1], [], t, hyper, ξ[0], λ1), [q] = rule.step(0, c * g[1] - s * g[0], [], t, hyper, ξ[1], λ2);
  return [θ[0] + c * p - s * q, θ[1] + s * p + c * q];
}

/** Bits that look unrelated for neighbours x, and where the stream of a seed starts, as in helpers.explorers.noise. */
const mix = (x) => {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
};
export const streamStart = (seed) => mix((Math.imul(seed, 0x9e3779b9) + 1) | 0);

/** Numbers between 0 and 1, the same as helpers.explorers.noise.uniforms: `uniforms(seed)(k)` is number k of the stream. */
export function uniforms(seed) {
  const start = streamStart(seed);
  return (k) => (mix((start + Math.imul(0x9e3779b9, k + 1)) | 0) + 0.5) / 2 ** 32;
}

/** Standard normal numbers, the same as helpers.explorers.noise.normals: `normals(seed)(k)` is number k of the stream. */
export function normals(seed) {
  const uniform = uniforms(seed);
  return (k) => {
    const pair = k - (k % 2), radius = Math.sqrt(-2 * Math.log(uniform(pair))), angle = 2 * Math.PI * uniform(pair + 1);
    return radius * (k % 2 ? Math.sin(angle) : Math.cos(angle));
  };
}

/** Sample numbers of minibatches, the same as helpers.explorers.noise.batches: `batches(seed, N, B, replace)(k)` is batch k. */
export function batches(seed, N, B, replace) {
  const uniform = uniforms(seed), per = Math.floor(N / B), epochs = [], found = [];
  const shuffled = (e) => {
    const order = Array.from({ length: N }, (_, i) => i);
    for (let k = N - 1; k > 0; k--) {
      const j = Math.floor(uniform(e * N + k) * (k + 1));
      [order[k], order[j]] = [order[j], order[k]];
    }
    return order;
  };
  const draw = (k) => {
    if (replace) return Array.from({ length: B }, (_, i) => Math.floor(uniform(k * B + i) * N));
    const e = Math.floor(k / per), from = (k % per) * B;
    return (epochs[e] ??= shuffled(e)).slice(from, from + B);
  };
  return (k) => (found[k] ??= draw(k));
}

/** The second-order test, as helpers.critical_points.classify: {kind, index}; `zero` is its threshold. */
export function classify(eigenvalues, zero) {
  const small = zero * Math.max(1, ...eigenvalues.map(Math.abs));
  const positive = eigenvalues.filter((v) => v > small).length, index = eigenvalues.filter((v) => v < -small).length;
  if (positive && index) return { kind: "saddle", index };
  if (positive + index < eigenvalues.length) return { kind: "degenerate", index };
  return { kind: positive ? "minimum" : "maximum", index };
}

// ------------------------------------------------------------------------------------------------------------- code
/** Generated code, {name: text of an expression}, as values. An import, not eval: `script-src data:` is enough. */
export async function load(texts) {
  const entries = Object.entries(texts).filter(([, text]) => text != null).map(([name, text]) => `${JSON.stringify(name)}: ${text}`);
  return (await import(`data:text/javascript;charset=utf-8,${encodeURIComponent(`export default {${entries.join(",\n")}};`)}`)).default;
}

/** anywidget's model interface on a page without a kernel. */
export class StaticModel {
  constructor(state) { this.state = state; this.listeners = new Map(); this.offers = new Map(); }
  offer(name, read, otherwise) { this.offers.set(name, { read, otherwise }); }
  get(name) { return this.state[name]; }
  set(name, value) {
    if (JSON.stringify(this.state[name]) === JSON.stringify(value)) return;
    this.state[name] = value;
    for (const event of [`change:${name}`, "change"]) for (const call of [...(this.listeners.get(event) ?? [])]) call(this, value);
  }
  save_changes() {}
  send() {}
  on(events, call) { for (const e of events.split(" ")) this.listeners.set(e, (this.listeners.get(e) ?? new Set()).add(call)); }
  off(events, call) {
    if (!events) this.listeners.clear();
    else for (const e of events.split(" ")) call ? this.listeners.get(e)?.delete(call) : this.listeners.delete(e);
  }
}

// ------------------------------------------------------------------------------------------------------------ links
/** A setting as the text of a link: numbers to the last bit, lists with commas. */
export const written = (value) => (Array.isArray(value) ? value.join() : value === null ? "none" : String(value));

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
/** Readers of such texts: the value, or undefined for what is not among those that can be chosen. */
export const reads = {
  number: (low, high, whole = false) => (text) => {
    const value = NUMBER.test(text) ? Number(text) : NaN, slack = 1e-9 * (high - low); // a handle's place at the edge is rounded
    return value >= low - slack && value <= high + slack && (!whole || Number.isInteger(value)) ? value : undefined;
  },
  one: (values) => (text) => values.find((value) => written(value) === text),
  some: (names) => (text) => { // in the order of `names`
    const chosen = names.filter((name) => `,${text},`.includes(`,${name},`));
    return written(chosen) === text ? chosen : undefined;
  },
  point: (domain) => (text) => {
    const parts = text.split(","), point = parts.map((part, i) => domain[i] && reads.number(...domain[i])(part));
    return parts.length === domain.length && !point.includes(undefined) ? point : undefined;
  },
};

/** Tell a static page what a link may say of a trait: what its controls can choose, and no more. `otherwise()` is what to take
    where other settings have made the present value impossible. */
export const offer = (model, trait, read, otherwise) => model.offer?.(trait, read, otherwise);

// --------------------------------------------------------------------------------------------------------- the page
const SVG = "http://www.w3.org/2000/svg";

/** An element: attributes by name (`on…` are listeners, null is left out), then children. `svg:path` makes an SVG element. */
export function element(tag, attributes = {}, ...children) {
  const node = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((c) => c != null));
  return node;
}

let count = 0;
const unique = (name) => `explorer-${name}-${++count}`;

/** The root that an explorer fills: with colours, a name for screen readers and, in a live notebook, its caption. */
export function prepare(model, el, name) {
  el.classList.add("explorer-live");
  const root = element("div", { role: "group", "aria-label": name });
  el.append(root);
  root.addEventListener("keydown", (event) => event.stopPropagation()); // a notebook has its own use for Enter and the arrows
  if (!el.closest("figure[data-explorer]")) { // there the page has both already
    el.classList.add("explorer-figure");
    if (model.get("caption")) el.append(element("div", { class: "explorer-caption" }, model.get("caption")));
  }
  return root;
}

/** The colours in force at `host`: {dark, ink, soft, line, paper, low, high, minimum, …}, `pick` for [light, dark], the font. */
export function theme(host) {
  const style = getComputedStyle(host), read = (name) => style.getPropertyValue(`--${name}`).trim();
  const names = ["ink", "soft", "line", "paper", "low", "high", "minimum", "saddle", "maximum", "degenerate"];
  const colours = Object.fromEntries(names.map((name) => [name, read(name)])), dark = read("dark") === "1";
  return { ...colours, dark, font: style.fontFamily, pick: (pair) => pair[dark ? 1 : 0] };
}

/** "#aabbcc" as [r, g, b]. */
export const rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
/** "#aabbcc" with an opacity. */
export const faded = (hex, opacity) => `rgba(${rgb(hex).join(",")},${opacity})`;

/** Calls `changed` when the colours at `host` change: the theme's switch, JupyterLab's theme, the system's. Returns a stop. */
export function watchTheme(host, changed) {
  let last = JSON.stringify(theme(host));
  const look = () => {
    const now = JSON.stringify(theme(host));
    if (now !== last) { last = now; changed(); }
  };
  const observer = new MutationObserver(look), query = matchMedia("(prefers-color-scheme: dark)");
  const filter = { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "data-mode", "class"] };
  for (const node of [document.documentElement, document.body]) observer.observe(node, filter);
  query.addEventListener("change", look);
  return () => { observer.disconnect(); query.removeEventListener("change", look); };
}

/** Calls `changed` when the width of `node` changes. Returns a stop. */
export function watchSize(node, changed) {
  let width = 0;
  const observer = new ResizeObserver(() => {
    if (node.clientWidth && node.clientWidth !== width) { width = node.clientWidth; changed(); }
  });
  observer.observe(node);
  return () => observer.disconnect();
}

/** A break in long work, so that the page can answer its reader. */
export const pause = () => new Promise((resume) => setTimeout(resume));

/** A function that asks for one call of `draw` in the next frame, however often it is called. What `draw` does `later`, by
    `throttle`, waits for that frame: it would read settings for which nothing has been computed yet. */
export function frames(draw, later = []) {
  let id = 0;
  const ask = () => {
    for (const call of later) call.stop();
    id ||= requestAnimationFrame(() => { id = 0; draw(); });
  };
  ask.stop = () => { cancelAnimationFrame(id); id = 0; };
  return ask;
}

/** A function that calls `f` at most once in `pause` milliseconds, and always a last time. While it is asked without a break
    it answers within the asking frame; only the last call comes from a timer, which would cost a frame of its own. */
export function throttle(f, pause = 120) {
  let timer = 0, last = -Infinity;
  const run = () => { clearTimeout(timer); timer = 0; last = performance.now(); f(); };
  const ask = () => {
    if (performance.now() - last >= pause) { run(); return; }
    clearTimeout(timer);
    timer = setTimeout(run, pause);
  };
  ask.stop = () => { clearTimeout(timer); timer = 0; };
  return ask;
}

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Size a canvas for the screen's pixels and return its context in CSS pixels. */
export function canvasFor(canvas, width, height) {
  const ratio = Math.min(2, window.devicePixelRatio || 1), w = Math.round(width * ratio), h = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** A small shape centred at (x, y), as a path to fill or stroke. */
export function shape(context, name, x, y, r) {
  context.beginPath();
  const polygon = (...points) => { points.forEach(([a, b]) => context.lineTo(x + a * r, y + b * r)); context.closePath(); };
  if (name === "square") context.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r);
  else if (name === "diamond") polygon([0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]);
  else if (name === "up") polygon([0, -1.2], [1.12, 0.85], [-1.12, 0.85]);
  else if (name === "down") polygon([0, 1.2], [1.12, -0.85], [-1.12, -0.85]);
  else if (name === "pentagon") polygon(...[0, 1, 2, 3, 4].map((k) => [1.1 * Math.sin(1.2566 * k), -1.1 * Math.cos(1.2566 * k)]));
  else if (name === "hexagon") polygon(...[0, 1, 2, 3, 4, 5].map((k) => [1.1 * Math.cos(1.0472 * k), 1.1 * Math.sin(1.0472 * k)]));
  else if (name === "plus") { polygon([-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4], [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]); }
  else if (name === "star") polygon(...Array.from({ length: 10 }, (_, k) => { const far = k % 2 ? 0.55 : 1.35, α = (Math.PI * k) / 5; return [far * Math.sin(α), -far * Math.cos(α)]; }));
  else if (name === "cross") { context.moveTo(x - r, y - r); context.lineTo(x + r, y + r); context.moveTo(x + r, y - r); context.lineTo(x - r, y + r); }
  else context.arc(x, y, r, 0, 2 * Math.PI);
}

/** Axes of a small plot inside `box` {left, top, width, height}: `x` and `y` are {scale, ticks, text, label}. Ticks that would
    collide are left out. */
export function drawAxes(context, box, { x, y, colours, size = 11 }) {
  const { left, top, width, height } = box, bottom = top + height;
  context.save();
  context.font = `${size}px ${colours.font}`;
  context.lineWidth = 1;
  context.strokeStyle = colours.line;
  context.fillStyle = colours.soft;
  context.beginPath();
  context.moveTo(left + 0.5, top);
  context.lineTo(left + 0.5, bottom + 0.5);
  context.lineTo(left + width, bottom + 0.5);
  context.stroke();
  const text = (axis, v) => (axis.text ?? ((value) => format(value, 3, true)))(v);
  if (y) {
    context.textAlign = "right";
    context.textBaseline = "middle";
    let last = Infinity;
    for (const v of [...y.ticks].sort((p, q) => p - q)) {
      const at = bottom - y.scale.at(v) * height;
      if (at < top - 1 || at > bottom + 1 || last - at < size + 2) continue;
      last = at;
      context.fillText(text(y, v), left - 5, clamp(at, top + size / 2 - 2, bottom - size / 2 + 3));
      if (v !== y.scale.low) {
        context.beginPath();
        context.moveTo(left, Math.round(at) + 0.5);
        context.lineTo(left + width, Math.round(at) + 0.5);
        context.globalAlpha = 0.6;
        context.stroke();
        context.globalAlpha = 1;
      }
    }
  }
  if (x) {
    context.textBaseline = "top";
    context.textAlign = "left";
    const items = x.ticks.map((v, k) => {
      const label = text(x, v);
      return { label, at: left + x.scale.at(v) * width, width: context.measureText(label).width, rank: k === 0 || k === x.ticks.length - 1 ? 0 : 1 };
    });
    const name = x.label ? context.measureText(x.label).width : 0;
    if (name) items.push({ label: x.label, at: left + width / 2, width: name, rank: 0.5 });
    for (const item of placeLabels(items, left + width + 4, 8)) context.fillText(item.label, item.left, bottom + 5);
  }
  context.restore();
}

// --------------------------------------------------------------------------------------------------------- controls
/** Width of text in CSS pixels, measured without touching the layout. */
const ruler = typeof document === "undefined" ? null : document.createElement("canvas").getContext("2d");
export function textWidth(text, font) { ruler.font = font; return ruler.measureText(text.replaceAll("_", "")).width; }

/** A labelled range input that writes `trait` to the model: `range` is a scale, `steps` its number of positions, `ticks`
    [{value, text, colour, row, rank, title, flag}] (a flag stands to the left of its mark). Returns {node, show(value), setTicks(ticks), setRange(range, ticks), layout()}. */
export function slider({ model, trait, label, symbol, range, steps = 200, round = (v) => v, text = (v) => format(v, 3, true), ticks = [], changed }) {
  const id = unique("slider");
  const output = element("span", { class: "explorer-value", "aria-hidden": "true" }); // the slider itself says it to screen readers
  const input = element("input", { type: "range", id, min: 0, max: steps, step: 1, "data-trait": trait });
  const marks = element("div", { class: "explorer-ticks", "aria-hidden": "true" });
  const name = element("label", { for: id }, `${label} `, symbol ? rich(element("i"), symbol) : null);
  const node = element("div", { class: "explorer-control" }, element("div", { class: "explorer-label" }, name, output), input, marks);
  input.addEventListener("input", () => {
    const value = round(range.value(+input.value / steps));
    model.set(trait, value);
    model.save_changes();
    changed?.(value);
  });
  offer(model, trait, (text) => {
    const ends = [range.low, range.high, round(range.low), round(range.high)];
    const whole = Array.from({ length: steps + 1 }, (_, k) => round(range.value(k / steps))).every(Number.isInteger);
    return reads.number(Math.min(...ends), Math.max(...ends), whole)(text);
  });
  const control = {
    node, input, trait,
    show(value) {
      const at = String(clamp(Math.round(range.at(value) * steps), 0, steps));
      if (input.value !== at) input.value = at;
      input.style.setProperty("--at", clamp(range.at(value), 0, 1));
      const shown = text(value);
      if (output.textContent !== shown) { output.textContent = shown; input.setAttribute("aria-valuetext", shown); }
    },
    setTicks(next) {
      const key = JSON.stringify(next);
      if (key !== control.key) { ticks = next; control.key = key; control.layout(); }
    },
    setRange(next, then) { range = next; control.setTicks(then); },
    /** Ticks that do not collide; the ones of lower rank win, rows lie below one another. */
    layout() {
      const total = marks.clientWidth, knob = 16;
      marks.textContent = "";
      if (!total) return;
      const font = `11px ${getComputedStyle(node).fontFamily}`;
      const rows = Math.max(1, ...ticks.map((t) => (t.row ?? 0) + 1));
      marks.style.height = `${7 + 14 * rows}px`;
      const items = ticks.map((t) => ({ rank: 1, row: 0, ...t, u: range.at(t.value), width: textWidth(t.text, font) + 1 }))
        .filter((t) => t.u >= -1e-9 && t.u <= 1 + 1e-9).map((t) => ({ ...t, at: knob / 2 + t.u * (total - knob) }));
      for (let row = 0; row < rows; row++) {
        const crossed = (i) => i.rank > 0 && items.some((j) => j.row > row && Math.abs(j.at - i.at) < i.width / 2 + 3);
        const here = items.filter((i) => i.row === row && !crossed(i)).map((i) => ({ ...i, mark: i.at, at: i.flag ? i.at - i.width / 2 - 4 : i.at }));
        for (const t of placeLabels(here, total)) {
          const colour = t.colour ? `--c:${t.colour};` : "";
          marks.append(element("span", { class: `explorer-tick${t.colour ? " of-theory" : ""}`, style: `${colour}left:${t.mark}px;height:${5 + 14 * row}px` }),
            rich(element("span", { class: "explorer-tick-text", style: `${colour}left:${t.left}px;top:${6 + 14 * row}px`, title: t.title }), t.text));
        }
      }
    },
  };
  control.key = JSON.stringify(ticks);
  return control;
}

/** Toggle buttons, one for each item {name, label, swatch}; `trait` holds the list of names that are on. */
export function chips({ model, trait, items, label }) {
  const buttons = items.map((item) => element("button", { type: "button", class: "explorer-chip", "data-chip": item.name,
    onclick: () => {
      const on = new Set(model.get(trait));
      if (!on.delete(item.name)) on.add(item.name);
      model.set(trait, items.map((i) => i.name).filter((n) => on.has(n)));
      model.save_changes();
    } }, item.swatch, item.label));
  const node = element("div", { class: "explorer-chips", role: "group", "aria-label": label }, ...buttons);
  offer(model, trait, reads.some(items.map((i) => i.name)));
  return { node, buttons, show(names) { buttons.forEach((b, k) => b.setAttribute("aria-pressed", names.includes(items[k].name))); } };
}

/** A native menu for `trait`: items {name, label}. `chosen(name)` comes before the model is saved. */
export function menu({ model, trait, items, label, chosen }) {
  const id = unique("menu");
  const select = element("select", { id, "data-trait": trait }, ...items.map((i) => element("option", { value: i.name }, i.label)));
  select.addEventListener("change", () => { model.set(trait, select.value); chosen?.(select.value); model.save_changes(); });
  offer(model, trait, reads.one(items.map((i) => i.name)));
  const node = element("div", { class: "explorer-control explorer-menu" }, element("label", { for: id }, label), select);
  return { node, select, show(value) { if (select.value !== value) select.value = value; } };
}

/** A checkbox for a trait that is true or false. */
export function checkbox({ model, trait, label }) {
  const input = element("input", { type: "checkbox", "data-trait": trait });
  input.addEventListener("change", () => { model.set(trait, input.checked); model.save_changes(); });
  const node = element("label", { class: "explorer-check" }, input, label);
  offer(model, trait, reads.one([true, false]));
  return { node, input, show(value) { input.checked = Boolean(value); } };
}

/** A handle that can be dragged: focusable, with the role of a slider. */
export function handle(trait, label, extra = "") {
  return element("div", { class: `explorer-handle ${extra}`, tabindex: 0, role: "slider", "aria-label": label, "data-handle": trait,
    "aria-valuenow": 0, "aria-valuemin": -1, "aria-valuemax": 1 });
}

/** Mouse, touch and keyboard for `handles` [{node, get() -> [x, y], set([x, y])}] on `plane`; coordinates are 0…1 from the top left.
    A mouse may press anywhere; a finger takes hold near a handle or taps, so that the page still scrolls beside it.
    `one`: handles move only sideways. `near`: only a press near a handle counts. `ended` is called when a drag ends. Returns a
    clean-up. */
export function dragging(plane, handles, { step = 0.01, one = false, near: only = false, ended = () => {} } = {}) {
  let held = null, rect = null, offset = [0, 0], swiped = false;
  const place = (e) => [(e.clientX - rect.left) / rect.width, (e.clientY - rect.top) / rect.height];
  const keep = (p) => p.map((v) => clamp(v, 0, 1));
  const nearest = (p) => {
    const far = (h) => { const q = h.get(); return Math.hypot((p[0] - q[0]) * rect.width, one ? 0 : (p[1] - q[1]) * rect.height); };
    const shown = handles.filter((h) => !h.node.hidden);
    return shown.map((h) => ({ h, far: far(h) })).sort((a, b) => a.far - b.far)[0];
  };
  const down = (e) => {
    if (e.button || held) return;
    rect = plane.getBoundingClientRect();
    const p = place(e), near = nearest(p);
    if (!near) return;
    swiped = e.pointerType === "touch" && !only;
    if (near.far > 28 && (swiped || only)) return; // a tap comes later as a click; a swipe scrolls the page
    const shown = handles.filter((h) => !h.node.hidden);
    held = near.far <= 28 ? near.h : shown[0];
    const at = held.get();
    offset = near.far <= 28 ? [at[0] - p[0], at[1] - p[1]] : [0, 0];
    held.node.focus({ preventScroll: true, focusVisible: false });
    plane.setPointerCapture(e.pointerId);
    plane.classList.add("is-held");
    if (near.far > 28) held.set(keep(p));
    if (e.pointerType !== "touch") e.preventDefault();
  };
  const move = (e) => {
    if (!held) return;
    const p = place(e);
    held.set(keep([p[0] + offset[0], p[1] + offset[1]]));
  };
  const up = () => { if (!held) return; held = null; plane.classList.remove("is-held"); swiped = false; ended(); };
  const tap = (e) => {
    if (!swiped) return;
    swiped = false;
    rect = plane.getBoundingClientRect();
    const shown = handles.filter((h) => !h.node.hidden);
    if (shown.length) { shown[0].set(keep(place(e))); ended(); }
  };
  const key = (h) => (e) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: one ? [1, 0] : [0, -1], ArrowDown: one ? [-1, 0] : [0, 1] }[e.key];
    if (!way) return;
    e.preventDefault();
    const p = h.get(), k = step * (e.shiftKey ? 10 : 1);
    h.set(keep([p[0] + k * way[0], p[1] + k * way[1]]));
    ended();
  };
  const touch = (e) => { if (held && e.cancelable) e.preventDefault(); }; // the browser must not scroll away with a held handle
  const begin = (e) => {
    const t = e.changedTouches[0], box = plane.getBoundingClientRect();
    rect = box;
    const near = nearest([(t.clientX - box.left) / box.width, (t.clientY - box.top) / box.height]);
    if (near && near.far <= 28 && e.cancelable) e.preventDefault();
  };
  const listeners = [[plane, "pointerdown", down], [plane, "pointermove", move], [plane, "pointerup", up], [plane, "pointercancel", up],
    [plane, "click", tap], [plane, "touchmove", touch, { passive: false }], [plane, "touchstart", begin, { passive: false }],
    ...handles.map((h) => [h.node, "keydown", key(h)])];
  for (const [node, event, call, options] of listeners) node.addEventListener(event, call, options);
  return () => { for (const [node, event, call, options] of listeners) node.removeEventListener(event, call, options); };
}

/** A live region that only screen readers notice: `say(text)` speaks when nothing has changed for a moment. */
export function announcer() {
  const node = element("div", { class: "explorer-spoken", role: "status", "aria-live": "polite", "aria-atomic": "true" });
  let timer = 0, last = null;
  return { node, say(text) {
    clearTimeout(timer);
    if (last === null) { last = text; return; } // nothing has happened yet: a page that loads stays silent
    timer = setTimeout(() => { if (text !== last) node.textContent = last = text; }, 600);
  }, stop() { clearTimeout(timer); } };
}
