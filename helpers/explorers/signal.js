/* SignalExplorer: what depth does to a signal going forward and to a gradient coming back. */
import {
  announcer, canvasFor, clamp, decades, element, faded, fixed, format, frames, linear, load, log, normals, offer, prepare, reads, shape, slider, superscript, theme,
  throttle, watchSize, watchTheme,
} from "./stage.js";

const HEAD = 34, FOOT = 22;
const BLURRED = 2 ** -40; // differences below this share of the values are lost to rounding
const UNDERFLOW = 2 ** -126; // the smallest normal number of 32 bits

const STYLE = `
.signal-panes { grid-template-rows: auto 1fr; } .signal-panes > .explorer-side { grid-row: 1 / 3; grid-column: 2; } .signal-panes > .explorer-readout { margin-top: 0; }
@container (max-width: 600px) { .signal-panes { grid-template-rows: none; } .signal-panes > .explorer-side { grid-row: auto; grid-column: auto; } }
@container (max-width: 420px) { .explorer-figure .signal-verdicts div { min-height: 2.9em; } }
.signal-panes .explorer-legend { column-gap: 11px; }
.signal-picture { display: block; width: 100%; }
.signal-verdicts { font-weight: 600; margin: 0 0 4px; } .signal-verdicts div { min-height: 1.45em; }
.signal-verdicts div { color: color-mix(in srgb, var(--c, var(--ink)) 78%, var(--ink)); }
.signal-choice { margin: 0 0 12px; } .signal-choice .explorer-chips { margin: 4px 0 0; }
.explorer-figure .signal-choice .explorer-chip { --c: var(--ink); padding: 3px 10px; }
.explorer-figure .signal-choice .explorer-chip:has(svg) { padding-left: 7px; }
.signal-buttons { display: flex; flex-wrap: wrap; gap: 8px; }
.explorer-figure .signal-numbers thead th { width: 20%; } .explorer-figure .signal-numbers thead th:first-child { width: 40%; }
.explorer-figure .signal-numbers td, .explorer-figure .signal-numbers thead th { text-align: right; padding-right: 2px; }
@container (max-width: 380px) { .explorer-figure .signal-numbers table { font-size: 12px; } }`;

// ------------------------------------------------------------------------------------------------------- the network
/** The random numbers of a network: inputs, the gradient at its output, and the matrices of its layers, each with its
    transpose, which are drawn when they are first asked for. */
export function network(seed, width, samples) {
  const z = normals(seed), block = samples * width, square = width * width, layers = [];
  const take = (from, n) => Float64Array.from({ length: n }, (_, k) => z(from + k));
  return { width, samples, input: take(0, block), top: take(block, block), layer(l) {
    while (layers.length < l) {
      const W = take(2 * block + layers.length * square, square), T = new Float64Array(square);
      for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) T[j * width + i] = W[i * width + j];
      layers.push({ W, T });
    }
    return layers[l - 1];
  } };
}

/** C = factor · A Bᵀ for A (n × m) and B (m × m), row after row; n is a multiple of 4, so that four sums run side by side. */
function product(A, B, C, n, m, factor) {
  for (let s = 0; s < n; s += 4) {
    const a = s * m, b = a + m, c = b + m, d = c + m;
    for (let i = 0; i < m; i++) {
      const row = i * m;
      let p = 0, q = 0, r = 0, t = 0;
      for (let j = 0; j < m; j++) {
        const w = B[row + j];
        p += A[a + j] * w;
        q += A[b + j] * w;
        r += A[c + j] * w;
        t += A[d + j] * w;
      }
      C[a + i] = factor * p;
      C[b + i] = factor * q;
      C[c + i] = factor * r;
      C[d + i] = factor * t;
    }
  }
}

function size(values) {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k] * values[k];
  return Math.sqrt(sum / values.length);
}

/** Root mean square of the values' distance from their mean over the samples. */
function spread(values, samples, width) {
  let sum = 0;
  for (let i = 0; i < width; i++) {
    let mean = 0;
    for (let s = 0; s < samples; s++) mean += values[s * width + i];
    mean /= samples;
    for (let s = 0; s < samples; s++) sum += (values[s * width + i] - mean) ** 2;
  }
  return Math.sqrt(sum / values.length);
}

/** h ← φ(Wh) through the layers and ∂L/∂h ← Wᵀ(φ′ ⊙ ∂L/∂h) back, as helpers.explorers.signal.propagate does it: root mean
    squares by layer, shares of flat units, and the values h. `room` keeps the arrays for the next call. */
export function propagate(net, φ, depth, scale, flat, room = {}) {
  const { width, samples } = net, n = samples * width, factor = scale / Math.sqrt(width);
  if (room.n !== n) Object.assign(room, { n, h: [], slope: [], back: [new Float64Array(n), new Float64Array(n)] });
  const h = [net.input], forward = [size(net.input)], apart = [spread(net.input, samples, width)], backward = [size(net.top)], saturated = [];
  for (let l = 1; l <= depth; l++) {
    const value = (room.h[l] ??= new Float64Array(n)), slope = (room.slope[l] ??= new Float64Array(n));
    product(h[l - 1], net.layer(l).W, value, samples, width, factor);
    let shut = 0;
    for (let k = 0; k < n; k++) {
      const z = value[k], steep = φ.slope(z);
      slope[k] = steep;
      value[k] = φ.value(z);
      if (Math.abs(steep) < flat) shut++;
    }
    h.push(value);
    forward.push(size(value));
    apart.push(spread(value, samples, width));
    if (apart[l] < BLURRED * forward[l]) apart[l] = 0; // no more than rounding
    saturated.push(shut / n);
  }
  let g = net.top;
  for (let l = depth; l >= 1; l--) {
    const [δ, next] = room.back, slope = room.slope[l];
    for (let k = 0; k < n; k++) δ[k] = slope[k] * g[k];
    product(δ, net.layer(l).T, next, samples, width, factor);
    g = next;
    backward.unshift(size(g));
  }
  return { h, forward, apart, backward, saturated, gradient: g };
}

/** The same sizes in infinitely wide layers, where pre-activations are normal: `nodes` and −`nodes` with `weights` average over N(0, 1). */
export function theory(φ, depth, scale, nodes, weights) {
  const mean = (f, deviation) => nodes.reduce((sum, z, k) => sum + weights[k] * (f(deviation * z) ** 2 + f(-deviation * z) ** 2), 0);
  const squares = [1], backward = [1], factors = [];
  for (let l = 1; l <= depth; l++) {
    const deviation = scale * Math.sqrt(squares[l - 1]);
    squares.push(mean(φ.value, deviation));
    factors.push(scale ** 2 * mean(φ.slope, deviation));
  }
  for (let l = depth; l >= 1; l--) backward.unshift(backward[0] * factors[l - 1]);
  return { forward: squares.map(Math.sqrt), backward: backward.map(Math.sqrt) };
}

/** The layers whose histograms are drawn: all, or `most` of them evenly, with the first and the last. */
export function rows(depth, most) {
  const n = Math.min(depth, most);
  return Array.from({ length: n }, (_, k) => 1 + Math.floor(((depth - 1) * k) / Math.max(1, n - 1) + 0.5));
}

/** Shares of the values in `bins` bins from low to high. What lies beyond an open end is counted apart, and so are zeros where
    the activation has a flat half: {shares, shut (shares of saturated values), below, above, zero}. */
export function histogram(values, slopes, { domain: [low, high], flat, zero }, bins) {
  const shares = new Float64Array(bins), shut = new Float64Array(bins), each = 1 / values.length;
  let below = 0, above = 0, none = 0;
  for (let k = 0; k < values.length; k++) {
    const v = values[k];
    if (zero && v === 0) { none += each; continue; }
    if (v < low) { below += each; continue; }
    if (!(v <= high)) { above += each; continue; }
    const bin = Math.min(bins - 1, Math.floor(((v - low) / (high - low)) * bins));
    shares[bin] += each;
    if (Math.abs(slopes[k]) < flat) shut[bin] += each;
  }
  return { shares, shut, below, above, zero: none };
}

/** What happens to a size that is multiplied by `ratio` on the whole way: one of five words. */
export const verdict = (ratio, bounds, words) => words[bounds.filter((b) => ratio >= b).length];

const percent = (share) => (share > 0 && share < 0.005 ? "< 1 %" : share < 1 && share > 0.995 ? "> 99 %" : `${Math.round(100 * share)} %`);
const two = (v) => format(v, v >= 1e-3 && v < 1e5 ? 2 : 3); // significant digits
const power = (v) => (v === 1 ? "1" : `10${superscript(Math.round(Math.log10(v)))}`);

/** A group of buttons of which one is on: items {value, label, icon}. */
function choice({ model, trait, label, items, same = (a, b) => a === b }) {
  if (typeof items[0].value !== "function") offer(model, trait, reads.one(items.map((i) => i.value)));
  const buttons = items.map((item) => element("button", { type: "button", class: "explorer-chip", "data-chip": item.label,
    onclick: () => { model.set(trait, typeof item.value === "function" ? item.value() : item.value); model.save_changes(); } }, item.icon, item.label));
  const node = element("div", { class: "signal-choice" }, label ? element("div", { "aria-hidden": "true" }, label) : null,
    element("div", { class: "explorer-chips", role: "group", "aria-label": label ?? trait }, ...buttons));
  return { node, buttons, show(value) {
    buttons.forEach((b, k) => b.setAttribute("aria-pressed", same(value, typeof items[k].value === "function" ? items[k].value() : items[k].value)));
  } };
}

/** The curve of an activation as a small drawing. */
function portrait(φ) {
  const xs = Array.from({ length: 25 }, (_, k) => -3 + k / 4), ys = xs.map(φ.value), low = Math.min(...ys), high = Math.max(...ys);
  const d = xs.map((x, k) => `${k ? "L" : "M"}${(1.5 + ((x + 3) / 6) * 15).toFixed(2)} ${(10.5 - (9 * (ys[k] - low)) / (high - low || 1)).toFixed(2)}`).join("");
  return element("svg:svg", { width: 18, height: 12, viewBox: "0 0 18 12", "aria-hidden": "true" }, element("svg:path", { d, fill: "none", stroke: "currentColor", "stroke-width": 1.6, "stroke-linejoin": "round" }));
}

/** A line with its marker, for the legend. */
function swatch(colour, { dash, marker, width = 2 }) {
  const tip = { down: "M6 3.5h10l-5 7z", up: "M6 9.5h10l-5 -7z" }[marker];
  return element("svg:svg", { width: 22, height: 12, viewBox: "0 0 22 12", "aria-hidden": "true" },
    element("svg:path", { d: "M0 6H22", stroke: colour, "stroke-width": width, "stroke-dasharray": dash ?? null, fill: "none" }), tip ? element("svg:path", { d: tip, fill: colour }) : null);
}

async function render({ model, el }) {
  const spec = model.get("spec"), { activations, schemes, given, bounds, verdicts: words } = spec, stops = [], value = (name) => model.get(name);
  const code = await load(Object.fromEntries(activations.map((a, k) => [`φ${k}`, a.javascript])));
  activations.forEach((a, k) => { a.run = code[`φ${k}`]; });
  const current = () => activations.find((a) => a.name === value("activation")) ?? activations[0];

  // -- what stands on the page
  const root = prepare(model, el, "A signal and its gradient in a deep network");
  const canvas = element("canvas", { class: "signal-picture", role: "img", "aria-label": value("alt") || "histograms of activations, sizes of signal and gradient" });
  const legend = element("div", { class: "explorer-legend" }), sentences = element("div", { class: "signal-verdicts" }, element("div"), element("div"));
  const numbers = element("div", { class: "signal-numbers" }), spoken = announcer();
  const readout = element("div", { class: "explorer-readout", "data-readout": true }, sentences, numbers);
  const main = element("div", { class: "explorer-main" }, canvas, legend), side = element("div", { class: "explorer-side" });
  root.append(element("style", {}, STYLE), element("div", { class: "explorer-panes signal-panes" }, main, side, readout), spoken.node);

  const rule = (k) => schemes[k].scales[value("width")], [low, high] = spec.scales, range = log(low, high);
  const near = (v) => schemes.map((_, k) => rule(k)).find((s) => Math.abs(range.at(s) - range.at(v)) <= 0.0025); // the slider meets the rules
  const controls = {
    activation: choice({ model, trait: "activation", label: "Activation φ", items: activations.map((a) => ({ value: a.name, label: a.label, icon: portrait(a.run) })) }),
    scale: slider({ model, trait: "scale", label: "scale of the weights", symbol: "σ_w", range, steps: 200, round: (v) => near(v) ?? clamp(Number(v.toPrecision(3)), low, high),
      text: (v) => fixed(v, v < 1 ? 3 : 2) }),
    scheme: choice({ model, trait: "scale", items: schemes.map((s, k) => ({ value: () => rule(k), label: s.name })) }),
    depth: slider({ model, trait: "depth", label: "depth", range: linear(...spec.depths), steps: spec.depths[1] - spec.depths[0], round: Math.round,
      text: (v) => `${v} layer${v === 1 ? "" : "s"}`, ticks: [spec.depths[0], 10, 20, 30, 40, spec.depths[1]].map((v) => ({ value: v, text: String(v) })) }),
    width: choice({ model, trait: "width", label: "units in a layer", items: spec.widths.map((m) => ({ value: m, label: String(m) })) }),
  };
  offer(model, "seed", reads.number(0, 2 ** 32 - 1, true));
  const again = element("button", { type: "button", onclick: () => { model.set("seed", (value("seed") + 1) % 2 ** 32); model.save_changes(); } }, "Draw again");
  const reset = element("button", { type: "button", class: "explorer-reset", onclick: () => { for (const [name, v] of Object.entries(given)) model.set(name, v); model.save_changes(); } }, "Reset");
  side.append(...Object.values(controls).map((c) => c.node), element("div", { class: "signal-buttons" }, again, reset));

  // -- the state that drawing reads
  let colours, width = 0, run = null, ideal = null, net = null, key = "";
  const room = {}, height = () => (width < 400 ? 400 : 430);

  function compute() {
    const needed = `${value("seed")} ${value("width")}`, { run: φ, flat } = current();
    if (needed !== key) { key = needed; net = network(value("seed"), value("width"), spec.samples); }
    run = propagate(net, φ, value("depth"), value("scale"), flat, room);
    ideal = theory(φ, value("depth"), value("scale"), spec.nodes, spec.weights);
  }

  // -- drawing
  function draw() {
    const tall = height(), ctx = canvasFor(canvas, width, tall), depth = value("depth"), chosen = rows(depth, spec.rows);
    canvas.style.height = `${tall}px`;
    ctx.clearRect(0, 0, width, tall);
    const gutter = 26, gap = width < 400 ? 14 : 26, free = width - gutter - gap - 6, ridge = { left: gutter, width: Math.round(0.58 * free) };
    const sizes = { left: ridge.left + ridge.width + gap, width: free - ridge.width }, peak = 24, top = HEAD + peak, bottom = tall - FOOT;
    const y = (l) => top + ((bottom - top) * l) / depth, first = y(chosen[0]);
    const apart = chosen.slice(1).map((l, k) => y(l) - y(chosen[k])), most = Math.min(0.94 * Math.min(...apart, 110), first - HEAD + 6);
    ctx.font = `11px ${colours.font}`;
    ctx.lineJoin = "round";
    ctx.strokeStyle = colours.line;
    ctx.fillStyle = colours.soft;
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    ctx.lineWidth = 1;
    for (const l of chosen) {
      const at = Math.round(y(l)) + 0.5;
      ctx.fillText(String(l), gutter - 7, clamp(at, 0, bottom));
      ctx.globalAlpha = 0.7;
      ctx.beginPath();
      ctx.moveTo(sizes.left, at);
      ctx.lineTo(sizes.left + sizes.width, at);
      ctx.stroke();
      ctx.globalAlpha = 1;
    }
    ctx.font = `600 12px ${colours.font}`;
    ctx.textBaseline = "alphabetic";
    ctx.textAlign = "left";
    ctx.fillStyle = colours.ink;
    ctx.fillText(width < 400 ? "Activations h" : "Activations h, layer by layer", ridge.left, 12);
    ctx.fillText(width < 400 ? "Sizes" : "Sizes of h and ∂L/∂h", sizes.left, 12);
    drawRidge(ctx, ridge, chosen, y, most, bottom);
    drawSizes(ctx, sizes, chosen, y, top, bottom, depth);
  }

  function drawRidge(ctx, { left, width: wide }, chosen, y, most, bottom) {
    const a = current(), [from, to] = a.domain, x = (v) => left + ((v - from) / (to - from)) * wide, blue = colours.pick(spec.forward);
    ctx.font = `11px ${colours.font}`;
    ctx.fillStyle = colours.soft;
    ctx.textBaseline = "top";
    for (const v of from < 0 ? [from, 0, to] : [from, (from + to) / 2, to]) {
      ctx.textAlign = v === from ? "left" : v === to ? "right" : "center";
      ctx.fillText(format(v, 2, true), x(v), bottom + 6);
    }
    for (const l of chosen) {
      const { shares, shut, below, above, zero } = histogram(run.h[l], room.slope[l], a, spec.bins), base = Math.round(y(l)) + 0.5;
      const scale = most / Math.max(1.2 / spec.bins, ...shares), each = wide / spec.bins, outline = new Path2D();
      outline.moveTo(left, base);
      shares.forEach((s, k) => { outline.lineTo(left + k * each, base - s * scale); outline.lineTo(left + (k + 1) * each, base - s * scale); });
      outline.lineTo(left + wide, base);
      ctx.fillStyle = colours.paper;
      ctx.fill(outline);
      ctx.fillStyle = faded(blue, colours.dark ? 0.42 : 0.3);
      ctx.fill(outline);
      ctx.fillStyle = colours.maximum;
      shut.forEach((s, k) => { if (s > 0) ctx.fillRect(left + k * each, base - s * scale, each, s * scale); });
      ctx.strokeStyle = blue;
      ctx.lineWidth = 1.2;
      ctx.stroke(outline);
      if (zero > 0) { // the units that are shut, as a bar
        ctx.fillStyle = colours.soft;
        ctx.fillRect(left - 3, base - zero * most, 3, zero * most);
      }
      for (const [share, edge, way] of [[below, left, -1], [above, left + wide, 1]]) {
        if (share < 0.005) continue;
        const r = 3 + 4 * share;
        ctx.fillStyle = colours.soft;
        ctx.beginPath();
        ctx.moveTo(edge + (1 + 1.3 * r) * way, base - 7);
        ctx.lineTo(edge + way, base - 7 - r);
        ctx.lineTo(edge + way, base - 7 + r);
        ctx.fill();
      }
    }
  }

  function drawSizes(ctx, { left, width: wide }, chosen, y, top, bottom, depth) {
    const curves = [[run.apart, spec.forward, [1.5, 3], null, 1.6], [run.forward, spec.forward, [], "down", 2], [run.backward, spec.backward, [], "up", 2]];
    const finite = [...run.forward, ...run.apart, ...run.backward, ...ideal.forward, ...ideal.backward].filter((v) => v > 0 && v < Infinity);
    const least = Math.min(0.01, 10 ** Math.floor(Math.log10(Math.min(...finite)))), most = Math.max(100, 10 ** Math.ceil(Math.log10(Math.max(...finite))));
    const span = log(least, most), x = (v) => left + wide * clamp(span.at(v), 0, 1);
    ctx.font = `11px ${colours.font}`;
    ctx.textBaseline = "top";
    ctx.lineWidth = 1;
    const ticks = decades(least, most, 4);
    if (!ticks.includes(1)) ticks.push(1);
    let taken = [];
    for (const v of ticks.sort((p, q) => Math.abs(Math.log(p)) - Math.abs(Math.log(q)))) {
      const at = Math.round(x(v)) + 0.5, text = power(v), half = ctx.measureText(text).width / 2, middle = clamp(at, left + half - 4, left + wide - half + 4);
      ctx.strokeStyle = v === 1 ? colours.soft : colours.line;
      ctx.globalAlpha = v === 1 ? 0.8 : 0.7;
      ctx.beginPath();
      ctx.moveTo(at, top - 6);
      ctx.lineTo(at, bottom);
      ctx.stroke();
      ctx.globalAlpha = 1;
      if (taken.some(([p, q]) => middle - half < q + 6 && p - 6 < middle + half)) continue;
      taken.push([middle - half, middle + half]);
      ctx.fillStyle = colours.soft;
      ctx.textAlign = "center";
      ctx.fillText(text, middle, bottom + 6);
    }
    if (least < UNDERFLOW) {
      ctx.strokeStyle = colours.maximum;
      ctx.setLineDash([2, 3]);
      ctx.beginPath();
      ctx.moveTo(x(UNDERFLOW), top - 6);
      ctx.lineTo(x(UNDERFLOW), bottom);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.fillStyle = colours.maximum;
      ctx.textAlign = "center";
      ctx.textBaseline = "alphabetic";
      const half = ctx.measureText("float32 ends").width / 2;
      ctx.fillText("float32 ends", clamp(x(UNDERFLOW), left + half - 4, left + wide - half), top - 9);
    }
    const trace = (values) => {
      const path = new Path2D();
      values.forEach((v, l) => { if (v > 0) path.lineTo(x(v), y(l)); });
      return path;
    };
    for (const [values, colour] of [[ideal.forward, spec.forward], [ideal.backward, spec.backward]]) {
      ctx.strokeStyle = colours.pick(colour);
      ctx.lineWidth = 1.4;
      ctx.setLineDash([5, 4]);
      ctx.stroke(trace(values));
      ctx.setLineDash([]);
    }
    for (const [values, colour, dash, marker, thick] of curves) {
      ctx.strokeStyle = ctx.fillStyle = colours.pick(colour);
      ctx.lineWidth = thick;
      ctx.setLineDash(dash);
      ctx.stroke(trace(values));
      ctx.setLineDash([]);
      if (!marker) continue;
      for (const l of depth > spec.rows ? chosen : [0, ...chosen]) {
        if (!(values[l] > 0)) continue;
        shape(ctx, marker, x(values[l]), y(l), 4);
        ctx.strokeStyle = colours.paper;
        ctx.lineWidth = 1.5;
        ctx.stroke();
        ctx.fill();
      }
    }
  }

  // -- words
  const { cells, table } = buildTable();
  numbers.append(table);
  function buildTable() {
    const names = ["signal h", "between samples", "gradient ∂L/∂h", "saturated units"], heads = [element("th", { scope: "col" }), element("th", { scope: "col" }), element("th", { scope: "col" }, "per layer")];
    const body = names.map((name, k) => ({ head: element("th", { scope: "row", style: `--c:var(--signal-${k})` }, name), cells: [0, 1, 2].map(() => element("td")) }));
    const node = element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, element("span", { class: "explorer-spoken" }, "root mean square")), ...heads)),
      element("tbody", {}, ...body.map((b) => element("tr", {}, b.head, ...b.cells))));
    return { cells: { heads, body }, table: node };
  }
  const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };

  function write() {
    const depth = value("depth"), { forward, apart, backward, saturated } = run, a = current();
    put(cells.heads[0], "layer 1");
    put(cells.heads[1], `layer ${depth}`);
    const each = (p, q) => (depth > 1 && p > 0 && q > 0 ? `× ${format((q / p) ** (1 / (depth - 1)), 3)}` : "–");
    const row = (k, p, q, factor) => [p, q, factor].forEach((text, c) => put(cells.body[k].cells[c], text));
    row(0, two(forward[1]), two(forward[depth]), each(forward[1], forward[depth]));
    row(1, two(apart[1]), two(apart[depth]), each(apart[1], apart[depth]));
    row(2, two(backward[1]), two(backward[depth]), each(backward[depth], backward[1]));
    put(cells.body[3].head, a.zero ? "units at zero" : "saturated units");
    row(3, percent(saturated[0]), percent(saturated[depth - 1]), "");
    const back = backward[1] / backward[depth], way = forward[depth] / forward[1], told = apart[depth] / apart[1];
    const lines = sentencesOf({ depth, back, way, told, shut: saturated[depth - 1], zero: a.zero });
    lines.forEach(({ text, colour }, k) => { put(sentences.children[k], text); sentences.children[k].style.setProperty("--c", colour ? `var(--${colour})` : "var(--ink)"); });
    const said = lines.map((s) => s.text).filter(Boolean).join(" ");
    canvas.setAttribute("aria-label", `Histograms of the activations of ${depth} layers of ${value("width")} ${a.label} units, weight scale ${format(value("scale"), 3)}, and the sizes of signal and gradient. ${said}`);
    spoken.say(said);
  }
  const writeSoon = throttle(write, 100);

  function sentencesOf({ depth, back, way, told, shut, zero }) {
    const judge = (ratio) => verdict(ratio, bounds, words), colour = { vanishes: "maximum", explodes: "maximum", shrinks: "saddle", grows: "saddle", "keeps its size": "minimum" };
    if (depth === 1) return [{ text: "One layer has nothing to lose: add depth." }, { text: "" }];
    const g = judge(back), s = judge(way), t = judge(told);
    const dead = run.forward.findIndex((v) => v === 0);
    if (dead > 0) return [{ text: `The signal dies: all units of layer ${dead} are at zero.`, colour: "maximum" }, { text: back > 0 ? "" : "No gradient comes back.", colour: "maximum" }];
    const share = (ratio) => `${two(ratio >= 10 ? Number(ratio.toPrecision(2)) : ratio)} ${ratio >= 2 ? "times" : "of"}`;
    const gradient = { text: `The gradient ${g}: at layer 1 it is ${share(back)} that at layer ${depth}.`, colour: colour[g] };
    let signal = { text: `The signal ${s}${s === "keeps its size" ? "" : `, to ${share(way)} its size`}`, colour: colour[s] };
    if (s === "keeps its size" && t !== s && told < 1) signal = { text: `The signal keeps its size, but what tells samples apart ${t}`, colour: colour[t] };
    if (shut > 0.1 && !zero) signal = { text: `${signal.text}; ${percent(shut)} of layer ${depth} is saturated`, colour: signal.colour === "minimum" ? "saddle" : signal.colour };
    return [gradient, { ...signal, text: `${signal.text}.` }];
  }

  function buildLegend() {
    const blue = colours.pick(spec.forward), orange = colours.pick(spec.backward), item = (icon, text) => element("span", {}, icon, text);
    const box = (colour) => element("svg:svg", { width: 12, height: 12, viewBox: "0 0 12 12", "aria-hidden": "true" }, element("svg:rect", { x: 1, y: 1, width: 10, height: 10, fill: colour }));
    const a = current(), marks = a.zero ? item(box(colours.soft), "share at zero") : a.open.some(Boolean) ? null : item(box(colours.maximum), "saturated");
    legend.replaceChildren(...[item(swatch(blue, { marker: "down" }), "signal"), item(swatch(orange, { marker: "up" }), "gradient"),
      item(swatch(blue, { dash: "1.5 3" }), "between samples"), item(swatch(colours.soft, { dash: "5 4", width: 1.4 }), "theory"), marks].filter(Boolean));
    [blue, blue, orange, colours.ink].forEach((c, k) => numbers.style.setProperty(`--signal-${k}`, c));
  }

  // -- what happens when
  let stale = true;
  const redraw = frames(() => {
    if (!width) return;
    if (stale) { stale = false; compute(); }
    draw();
    writeSoon();
  }, [writeSoon]);
  function changed() {
    for (const name of ["activation", "depth", "width"]) controls[name].show(value(name));
    controls.scale.setTicks([...schemes.map((s, k) => ({ value: rule(k), text: s.name, colour: colours.ink, flag: s.name === "Xavier", rank: 0, row: 1 })),
      ...[low, 0.3, high].map((v) => ({ value: v, text: String(v), rank: 1, row: 0 }))]);
    controls.scale.show(value("scale"));
    controls.scheme.show(value("scale"));
    buildLegend();
    stale = true;
    redraw();
  }
  function resized() { width = main.clientWidth; controls.scale.layout(); controls.depth.layout(); redraw(); }
  function recoloured() { colours = theme(el); changed(); }

  colours = theme(el);
  width = main.clientWidth;
  changed();
  controls.depth.layout();
  for (const name of Object.keys(given)) { model.on(`change:${name}`, changed); stops.push(() => model.off(`change:${name}`, changed)); }
  stops.push(watchSize(main, resized), watchTheme(el, recoloured), redraw.stop, writeSoon.stop, spoken.stop);
  return () => { stops.forEach((stop) => stop()); el.replaceChildren(); };
}

export default { render };
