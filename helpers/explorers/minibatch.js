/* MinibatchExplorer: the map of a mean loss beside its samples; paths of one sample, of B and of all N at a time. */
import {
  batches, canvasFor, checkbox, clamp, contours, descend, drawAxes, element, faded, format, linear, log, niceTicks, normals, placeLabels,
  offer, polylines, reads, sample, shape, slider, superscript, throttle,
} from "./stage.js";
import { render as map } from "./landscape.js";

const GRID = 91, CELLS = 72, LEFT = 34, BOTTOM = 20, NEAR = 26;

const STYLE = `
.minibatch-samples { position: relative; cursor: pointer; touch-action: pan-y; border-radius: 5px; } .minibatch-samples:focus-visible { outline: 2px solid var(--ink); outline-offset: 2px; }
.minibatch-note { font-weight: 400; color: var(--soft); white-space: nowrap; } .minibatch-strip { display: block; width: 100%; height: 58px; margin-top: 2px; }
.explorer-above:has(+ .explorer-panes .minibatch) .explorer-buttons { flex-wrap: wrap; align-items: center; flex: 1 0 100%; } .explorer-buttons .explorer-check { margin-left: auto; order: 1; }
.minibatch .explorer-heading { margin-bottom: 2px; } .minibatch-samples + .explorer-heading { margin-top: 8px; }`;

// ------------------------------------------------------------------------------------------------------------ the mean
/** The mean of equally long arrays. */
export function average(rows) {
  const sum = rows[0].map(() => 0);
  for (const row of rows) row.forEach((v, i) => { sum[i] += v; });
  return sum.map((v) => v / rows.length);
}

/** L, ∇L and H on samples, the minimum θ* and the noise scale, all from the generated `code`. */
export function empirical(code, samples) {
  const m = average(samples.map((z) => code.moments(z))), θ = code.minimum(m);
  const functions = { loss: (θ) => code["mean loss"](θ, m), gradient: (θ) => code["mean gradient"](θ, m), hessian: (θ) => code["mean hessian"](θ, m) };
  return { samples, functions, m, minimum: θ, lowest: functions.loss(θ), scale: (θ) => code.scale(θ, m) };
}

/** What `descend` takes for a landscape: its k-th gradient is the mean over batch(k). */
export function minibatch(code, { samples, functions }, batch) {
  const gradient = code["sample gradient"];
  let k = 0;
  return { ...functions, gradient: (θ) => {
    const chosen = batch(k++);
    let u = 0, v = 0;
    for (const n of chosen) { const g = gradient(θ, samples[n]); u += g[0]; v += g[1]; }
    return [u / chosen.length, v / chosen.length];
  } };
}

/** A loss that is known after each step of `size` evaluations, by columns of a plot: [{low, high, mean}] for evaluations from edges[c] to edges[c + 1]. */
export function columns(loss, size, edges) {
  const found = [];
  for (let c = 0; c + 1 < edges.length; c++) {
    const first = Math.floor(edges[c] / size), last = Math.min(loss.length - 1, Math.max(first, Math.ceil(edges[c + 1] / size) - 1));
    if (first >= loss.length) break;
    let low = Infinity, high = -Infinity, sum = 0;
    for (let t = first; t <= last; t++) { low = Math.min(low, loss[t]); high = Math.max(high, loss[t]); sum += loss[t]; }
    found.push({ low, high, mean: sum / (last - first + 1) });
  }
  return found;
}

// ------------------------------------------------------------------------------------------------------------- the pane
function minibatchPane({ model, code, spec }) {
  const { samples: own, drawn, last: LAST, home, most } = spec.minibatch, value = (name) => model.get(name);
  const N = own ? own.length : drawn, set = (changes) => { for (const [name, v] of Object.entries(changes)) model.set(name, v); model.save_changes(); };
  let data = null, view = null, rules = [], last = null, width = 0, heights = [0, 0], pinned = null;
  const regions = new Map();
  const size = (rule) => ({ SGD: 1, minibatch: value("B"), "gradient descent": N })[rule.name];
  const part = (B) => (B === N && !value("replace") ? 0 : code[value("replace") ? "share True" : "share False"](B, N));
  const noisy = (rule) => rule.name !== "gradient descent" && part(size(rule)) > 0;
  const uphill = (rule, θ) => noisy(rule) && code.rise(θ, data.m, value("η"), part(size(rule))) > 0;

  // -- what stands beside the map
  const points = element("canvas", { class: "explorer-plot" }), curve = element("canvas", { class: "explorer-plot", role: "img" });
  const chooser = element("div", { class: "minibatch-samples", tabindex: 0, role: "slider", "aria-label": "sample, with its line of no loss on the map", "aria-valuemin": 0, "aria-valuemax": N, "data-samples": true }, points);
  const note = element("span", { class: "minibatch-note" }, "(dashed: η tr C/4B)");
  const node = element("div", { class: "minibatch" }, element("style", {}, STYLE), element("div", { class: "explorer-heading" }, "Samples, last batches, fitted lines"), chooser,
    element("div", { class: "explorer-heading" }, "L − L* against gradient evaluations ", note), curve);
  const control = slider({ model, trait: "B", label: "batch size", symbol: "B", range: linear(1, N), steps: N - 1, round: Math.round, text: String, ticks: [] });
  const strip = element("canvas", { class: "minibatch-strip", role: "img" });
  control.input.before(strip);
  const box = checkbox({ model, trait: "replace", label: "with replacement" });
  offer(model, "sample", reads.one([null, ...Array(N).keys()]));
  for (const trait of own ? ["seed"] : ["seed", "samples_seed"]) offer(model, trait, reads.number(0, LAST, true));
  const again = element("button", { type: "button", class: "minibatch-batches", onclick: () => set({ seed: (value("seed") + 1) % 2 ** 32 }) }, "New batches");
  const fresh = element("button", { type: "button", class: "minibatch-fresh", onclick: () => set({ samples_seed: (value("samples_seed") + 1) % 2 ** 32 }) }, "New samples");

  // -- batches and paths
  const kept = new Map();
  function batch(rule) { // the last few are kept: while the start moves, the batches stay
    const key = [value("seed"), size(rule), value("replace")].join();
    if (kept.size > 8 && !kept.has(key)) kept.clear();
    if (!kept.has(key)) kept.set(key, batches(value("seed"), N, size(rule), value("replace")));
    return kept.get(key);
  }
  function run(rule, from) {
    const steps = Math.floor(value("steps") / size(rule)), target = rule.name === "gradient descent" ? data.functions : minibatch(code, data, batch(rule));
    return descend(target, rule.run, from, [value("η")], steps, spec.limit);
  }

  /** The line round the noise ball of each path: inside, a step raises the loss on average. */
  function around() {
    return rules.filter(noisy).map((rule) => {
      const share = part(size(rule)), η = value("η"), key = [value("samples_seed"), share, η].join();
      if (regions.get(rule.name)?.key !== key) {
        const rise = (θ) => code.rise(θ, data.m, η, share);
        regions.set(rule.name, { key, lines: polylines(contours(sample(rise, view.domain, GRID), GRID, GRID, 0)) });
      }
      return { rule, lines: regions.get(rule.name).lines };
    });
  }

  function regionsOn(ctx, { X, Y, colours, size: { w, h } }) {
    const fx = w / (GRID - 1), fy = h / (GRID - 1), names = [];
    ctx.globalCompositeOperation = "destination-over"; // below the paths, though drawn later
    ctx.setLineDash([6, 4]);
    ctx.lineWidth = 1.5;
    for (const { rule, lines } of around()) {
      ctx.strokeStyle = faded(colours.pick(rule.colour), 0.9);
      const from = [X(value("start")[0]), Y(value("start")[1])];
      let far = null, best = 0;
      for (const line of lines) {
        ctx.beginPath();
        for (let k = 0; k < line.length; k += 2) {
          const x = line[k] * fx, y = line[k + 1] * fy, away = Math.hypot(x - from[0], y - from[1]);
          ctx.lineTo(x, y);
          if (x > 30 && x < w - 30 && y > 4 && y < h - 16 && away > best) { far = [x, y]; best = away; }
        }
        ctx.stroke();
      }
      if (far) names.push([rule, ...far]);
    }
    ctx.setLineDash([]);
    ctx.globalCompositeOperation = "source-over";
    ctx.font = `600 11px ${colours.font}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    const [mx, my] = [X(data.minimum[0]), Y(data.minimum[1])];
    for (const [rule, x, y] of names) { // the batch size, outside the line and far from where the paths come from
      const text = `B = ${size(rule)}`, r = Math.hypot(x - mx, y - my) || 1, cx = x + (20 * (x - mx)) / r, cy = y + (10 * (y - my)) / r;
      ctx.lineWidth = 3.5;
      ctx.strokeStyle = faded(colours.paper, 0.85);
      ctx.strokeText(text, cx, cy);
      ctx.fillStyle = colours.pick(rule.colour);
      ctx.fillText(text, cx, cy);
    }
  }

  /** Where the chosen sample alone has no loss. */
  function valley(ctx, { X, Y, colours }) {
    const n = value("sample");
    if (n === null) return;
    const [[a, b]] = view.domain, z = data.samples[n];
    ctx.beginPath();
    for (const w of [a, b]) ctx.lineTo(X(w), Y(code.valley(w, z)));
    for (const [stroke, wide] of [[faded(colours.paper, 0.8), 4.5], [colours.ink, 1.8]]) { ctx.strokeStyle = stroke; ctx.lineWidth = wide; ctx.stroke(); }
  }

  // -- the samples
  function frame() {
    const span = (i) => { const all = data.samples.map((z) => z[i]), low = Math.min(...all), high = Math.max(...all), pad = 0.08 * (high - low || 1); return linear(low - pad, high + pad); };
    const x = span(0), y = span(1), area = { left: LEFT, top: 4, width: width - LEFT - 4, height: heights[0] - BOTTOM - 4 };
    return { x, y, area, X: (v) => area.left + area.width * x.at(v), Y: (v) => area.top + area.height * (1 - y.at(v)) };
  }
  const layers = { points: { canvas: element("canvas"), key: "" }, curve: { canvas: element("canvas"), key: "" } };
  /** Text is dear to draw: axes stay as they are until `key` changes. */
  function still(layer, ctx, key, high, paint) {
    if (layer.key !== key) {
      const g = canvasFor(layer.canvas, width, high);
      g.clearRect(0, 0, width, high);
      paint(g);
      layer.key = key;
    }
    ctx.clearRect(0, 0, width, high);
    ctx.drawImage(layer.canvas, 0, 0, width, high);
  }

  function drawSamples() {
    const { colours, runs } = last, { x, y, area, X, Y } = frame(), ctx = canvasFor(points, width, heights[0]);
    still(layers.points, ctx, [width, heights[0], value("samples_seed"), colours.dark].join(), heights[0], (g) => {
      drawAxes(g, area, { colours, x: { scale: x, ticks: niceTicks(x.low, x.high, 5), label: "x" }, y: { scale: y, ticks: niceTicks(y.low, y.high, 4) } });
      g.fillStyle = colours.soft;
      g.font = `11px ${colours.font}`;
      g.textAlign = "right";
      g.fillText("y", LEFT - 20, area.top + area.height / 2);
      for (const [p, q] of data.samples) { shape(g, "circle", X(p), Y(q), 2.6); g.fill(); }
    });
    ctx.save();
    ctx.beginPath();
    ctx.rect(area.left, area.top - 4, area.width + 4, area.height + 4);
    ctx.clip();
    const rise = (θ) => { ctx.beginPath(); for (const v of [x.low, x.high]) ctx.lineTo(X(v), Y(code.line(θ, v))); };
    rise(data.minimum);
    ctx.strokeStyle = colours.minimum;
    ctx.lineWidth = 5;
    ctx.globalAlpha = 0.35;
    ctx.stroke();
    ctx.globalAlpha = 1;
    for (const { rule, run: { path } } of runs) {
      rise(path.at(-1));
      ctx.strokeStyle = colours.pick(rule.colour);
      ctx.lineWidth = 1.8;
      ctx.stroke();
    }
    for (const { rule, run: { path } } of runs) { // the last batch: rings, one more for each time that a sample was drawn
      if (rule.name === "gradient descent" || path.length < 2) continue;
      const times = new Map(), big = rule.name === "SGD";
      for (const n of batch(rule)(path.length - 2)) times.set(n, (times.get(n) ?? 0) + 1);
      ctx.strokeStyle = ctx.fillStyle = colours.pick(rule.colour);
      ctx.lineWidth = 1.8;
      for (const [n, k] of times) {
        const [p, q] = data.samples[n];
        if (!big) { shape(ctx, "circle", X(p), Y(q), 3.4); ctx.fill(); }
        for (let i = 0; i < k; i++) { shape(ctx, big ? "up" : "circle", X(p), Y(q) + (big ? 0.8 : 0), (big ? 7.5 : 5.6) + 2.6 * i); ctx.stroke(); }
      }
    }
    const n = value("sample");
    if (n !== null) {
      const [p, q] = data.samples[n];
      shape(ctx, "circle", X(p), Y(q), 5.5);
      ctx.fillStyle = colours.ink;
      ctx.fill();
      ctx.strokeStyle = colours.paper;
      ctx.lineWidth = 2;
      ctx.stroke();
    }
    ctx.restore();
    chooser.setAttribute("aria-valuenow", n === null ? 0 : n + 1);
    chooser.setAttribute("aria-valuetext", n === null ? "none" : `sample ${n + 1} of ${N}, x ${format(data.samples[n][0])}, y ${format(data.samples[n][1])}`);
  }

  // -- the loss
  function drawCurve() {
    if (!width || !last) return;
    const { colours, runs } = last, steps = value("steps"), [, high] = heights, ctx = canvasFor(curve, width, high);
    const area = { left: LEFT, top: 18, width: width - LEFT - 6, height: high - 18 - BOTTOM }, x = log(1, Math.max(steps, 10));
    const edges = Array.from({ length: CELLS + 1 }, (_, c) => x.value(c / CELLS)).filter((e, c, all) => c === 0 || all[c - 1] < steps);
    const above = runs.map(({ run }) => run.loss.map((L) => L - data.lowest)), start = data.functions.loss(value("start")) - data.lowest;
    const curves = runs.map(({ rule }, k) => columns(above[k], size(rule), edges));
    const tops = curves.flat().map((c) => c.mean).filter((v) => v > 0 && v < Infinity), power = (v) => Math.log10(v);
    const up = Math.ceil(power(Math.min(Math.max(start, ...tops, 1e-9), 1e3 * Math.max(start, 1e-9))) - 0.3), down = clamp(Math.floor(power(Math.min(...tops, start || 1)) + 1e-9), up - 6, up - 2);
    const y = log(10 ** down, 10 ** (up + 0.3)), X = (e) => area.left + area.width * x.at(Math.max(e, 1)), Y = (v) => area.top + area.height * (1 - clamp(y.at(Math.max(v, 1e-300)), -0.1, 1.02));
    const decades = Array.from({ length: up - down + 1 }, (_, k) => 10 ** (down + k)), powers = [1, 10, 100, 1000].filter((v) => v <= x.high);
    still(layers.curve, ctx, [width, high, x.high, down, up, colours.dark].join(), high, (g) => {
      drawAxes(g, area, { colours, x: { scale: x, ticks: powers, text: String }, y: { scale: y, ticks: decades, text: (v) => (v === 1 ? "1" : v === 10 ? "10" : `10${superscript(Math.round(power(v)))}`) } });
      if (N > x.high) return;
      g.strokeStyle = colours.soft;
      g.setLineDash([2, 3]);
      g.beginPath();
      g.moveTo(Math.round(X(N)) + 0.5, area.top);
      g.lineTo(Math.round(X(N)) + 0.5, area.top + area.height);
      g.stroke();
      g.setLineDash([]);
    });
    ctx.save();
    ctx.beginPath();
    ctx.rect(area.left, area.top - 2, area.width + 6, area.height + 4);
    ctx.clip();
    ctx.lineJoin = "round";
    const middle = (c) => Math.sqrt(edges[c] * edges[c + 1]);
    runs.forEach(({ rule }, k) => { // how far each path goes up and down
      const cells = curves[k];
      ctx.fillStyle = faded(colours.pick(rule.colour), colours.dark ? 0.3 : 0.22);
      ctx.beginPath();
      cells.forEach((cell, c) => ctx.lineTo(X(middle(c)), Y(cell.high)));
      for (let c = cells.length - 1; c >= 0; c--) ctx.lineTo(X(middle(c)), Y(cells[c].low));
      ctx.fill();
    });
    runs.forEach(({ rule }, k) => {
      const colour = colours.pick(rule.colour);
      if (noisy(rule) && value("replace")) { // the floor of a constant rate
        const floor = Y(code.floor(data.minimum, data.m, value("η"), part(size(rule))));
        ctx.strokeStyle = colour;
        ctx.lineWidth = 1.2;
        ctx.setLineDash([6, 4]);
        ctx.beginPath();
        ctx.moveTo(X(size(rule)), floor);
        ctx.lineTo(area.left + area.width, floor);
        ctx.stroke();
        ctx.setLineDash([]);
      }
      ctx.strokeStyle = colour;
      ctx.lineWidth = 2;
      ctx.beginPath();
      curves[k].forEach((cell, c) => ctx.lineTo(X(c ? middle(c) : 1), Y(cell.mean)));
      ctx.stroke();
      const bend = last.runs[k].run.path.findIndex((θ) => uphill(rule, θ)), at = bend >= 0 ? clamp(Math.floor(x.at(Math.max(1, bend * size(rule))) * CELLS), 0, curves[k].length - 1) : -1;
      if (at >= 0) { // here the path has come into its noise ball
        shape(ctx, rule.marker, X(middle(at)), Y(curves[k][at].mean), 4);
        ctx.fillStyle = colours.paper;
        ctx.fill();
        ctx.stroke();
      }
    });
    ctx.restore();
    ctx.font = `600 11px ${colours.font}`;
    ctx.textBaseline = "alphabetic";
    ctx.textAlign = "left";
    const items = runs.map(({ rule }, k) => { // what the first step of each costs
      const text = `B = ${size(rule)}`, wide = ctx.measureText(text).width;
      return { text, rule, width: wide, at: clamp(X(size(rule)) - area.left, wide / 2, area.width - wide / 2), mark: X(size(rule)), level: Y(above[k][0]), rank: rule.name === "minibatch" ? 1 : 0 };
    }).filter((item) => item.mark <= area.left + area.width + 1);
    for (const item of placeLabels(items, area.width, 5)) {
      ctx.fillStyle = colours.pick(item.rule.colour);
      ctx.fillText(item.text, area.left + item.left, 11);
    }
    const told = runs.map(({ rule }, k) => `${rule.label}, batches of ${size(rule)}: ${format(above[k].at(-1))} after ${above[k].length - 1} steps`);
    curve.setAttribute("aria-label", `L − L* against gradient evaluations. ${told.join(". ")}`);
  }
  const curveSoon = throttle(drawCurve, 40);

  /** How far the best step with a batch gets, as a share of that with all samples: it bends at the noise scale. */
  function drawStrip() {
    const wide = strip.clientWidth, high = 58, knob = 8, foot = high - 6;
    if (!wide || !last) return;
    const { colours } = last, ctx = canvasFor(strip, wide, high), here = data.scale(value("start")), X = (B) => knob + ((wide - 2 * knob) * (B - 1)) / (N - 1), Y = (v) => foot - (foot - 8) * v;
    const share = (B) => code.progress(here, part(B)), now = value("B"), colour = colours.pick(spec.rules.find((r) => r.name === "minibatch").colour);
    const trace = () => { ctx.beginPath(); for (let k = 0; k <= 60; k++) { const B = 1 + ((N - 1) * k) / 60; ctx.lineTo(X(B), Y(share(B))); } };
    ctx.clearRect(0, 0, wide, high);
    trace();
    ctx.lineTo(X(N), foot);
    ctx.lineTo(X(1), foot);
    ctx.fillStyle = faded(colour, 0.12);
    ctx.fill();
    trace();
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2;
    ctx.stroke();
    ctx.strokeStyle = colours.line;
    ctx.lineWidth = 1;
    ctx.strokeRect(X(1), foot + 0.5, X(N) - X(1), 0);
    if (here >= 1 && here <= N) {
      ctx.strokeStyle = colours.ink;
      ctx.setLineDash([2, 3]);
      ctx.beginPath();
      ctx.moveTo(X(here), Y(share(here)));
      ctx.lineTo(X(here), foot);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    shape(ctx, "square", X(now), Y(share(now)), 4.5);
    ctx.fillStyle = colours.paper;
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2;
    ctx.fill();
    ctx.stroke();
    ctx.font = `11px ${colours.font}`;
    ctx.textAlign = "right";
    ctx.textBaseline = "bottom";
    ctx.fillStyle = colours.soft;
    ctx.fillText(wide < 210 ? "its best step" : "progress of its best step", X(N) - 4, foot - 3);
    strip.setAttribute("aria-label", `Progress of the best step with B samples: ${format(100 * share(now), 2)} % of that with all ${N}. The noise scale is ${format(here, 2)}`);
  }

  function tick() {
    const here = data.scale(value("start")), ticks = [1, N].map((v) => ({ value: v, text: v === 1 ? "1" : `N = ${N}`, rank: 1 }));
    if (here >= 1 && here <= N) ticks.push({ value: here, text: "noise scale", colour: "var(--ink)", rank: 0, title: `tr(HC)/gᵀHg = ${format(here, 2)} at the start: there the best step gets half as far as with all samples` });
    control.setTicks(ticks);
    drawStrip();
  }
  const tickSoon = throttle(tick, 60);

  // -- choosing a sample
  function nearest(event) {
    const { X, Y } = frame(), box = points.getBoundingClientRect(), p = event.clientX - box.left, q = event.clientY - box.top;
    const far = data.samples.map(([x, y]) => Math.hypot(X(x) - p, Y(y) - q)), n = far.indexOf(Math.min(...far));
    return far[n] < NEAR ? n : null;
  }
  const choose = (n) => { if (n !== value("sample")) set({ sample: n }); };
  chooser.addEventListener("pointermove", (e) => { if (e.pointerType === "mouse" || e.buttons) choose(nearest(e) ?? pinned); });
  chooser.addEventListener("pointerleave", () => choose(pinned));
  chooser.addEventListener("click", (e) => { const n = nearest(e); pinned = n === pinned ? null : n; choose(pinned); });
  chooser.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key], order = data.samples.map((_, n) => n).sort((a, b) => data.samples[a][0] - data.samples[b][0]);
    if (!way && !["Home", "End", "Escape"].includes(event.key)) return;
    event.preventDefault();
    const at = order.indexOf(value("sample"));
    pinned = event.key === "Escape" ? null : order[event.key === "Home" ? 0 : event.key === "End" ? N - 1 : at < 0 ? (way > 0 ? 0 : N - 1) : clamp(at + way, 0, N - 1)];
    choose(pinned);
  });

  const epochs = (v) => (v < N ? String(v) : `${format(v / N, 3, true)} epoch${v === N ? "" : "s"}`);
  return {
    node, title: "Samples and the map of their mean loss, with paths of batches of different sizes", plain: true,
    sliders: [["B", control]], buttons: [again, ...(own ? [] : [fresh]), box.node],
    traits: ["sample", "replace"], remake: ["samples_seed"],
    steps: { label: "evaluations", range: log(1, most), steps: 160, text: epochs,
      ticks: [1, N, 10 * N, 100 * N].filter((v) => v <= most).map((v) => ({ value: v, text: v === 1 ? "1" : v === N ? "1 epoch" : String(v / N) })) },
    columns: ["steps × batch", "L − L*"],
    pen: (rule) => ({ width: rule.name === "SGD" ? 0.8 : rule.name === "minibatch" ? 1.6 : 2.4, dot: 1.2 + 3 * Math.sqrt(size(rule) / N) }),
    view(next) {
      view = next;
      const number = own ? null : normals(LAST - value("samples_seed"));
      data = empirical(code, own ?? Array.from({ length: drawn }, (_, k) => code.drawn([number(2 * k), number(2 * k + 1)])));
      regions.clear();
      const flat = data.functions.hessian(data.minimum).flat(), [, λ] = code.eigen(flat[0], flat[1], flat[3]);
      return { functions: data.functions, rate: { ...next.rate, limit: code.limit(λ) }, critical: [{ ...next.critical[0], θ: data.minimum, loss: data.lowest }] };
    },
    run, still: () => {},
    moving(ctx, tools) { regionsOn(ctx, tools); valley(ctx, tools); },
    legend: () => [element("span", {}, element("svg:svg", { width: 26, height: 14, viewBox: "0 0 26 14", "aria-hidden": "true" },
      element("svg:path", { d: "M1 7H26", stroke: "currentColor", "stroke-width": 1.6, "stroke-dasharray": "6 4" })), "inside, a step leads uphill on average"),
      element("span", {}, element("svg:svg", { width: 22, height: 14, viewBox: "0 0 22 14", "aria-hidden": "true" }, ...[[3, 1.6], [14, 4.4]].map(([cx, r]) => element("svg:circle", { cx, cy: 7, r, fill: "currentColor" }))), "larger dots: dearer steps")],
    turn(next, on) { view = next; rules = on; },
    measure(beside) {
      width = chooser.clientWidth;
      const high = clamp(beside - 30, 300, 460);
      heights = [Math.round(0.53 * high), Math.round(0.47 * high)];
      points.style.height = `${heights[0]}px`;
      curve.style.height = `${heights[1]}px`;
    },
    startWords() { const θ = value("start"), L = format(data.functions.loss(θ) - data.lowest); return { cells: ["", L], suffix: `, noise scale ${format(data.scale(θ), 2)}`, said: `L minus its minimum ${L}` }; },
    words(rule, run, end) {
      const steps = run.path.length - 1, L = format(run.loss.at(-1) - data.lowest), moving = end === "still moving";
      const ends = run.diverged || end === "outside the view" ? end : run.path.some((θ) => uphill(rule, θ)) ? "wandering in its noise ball" : moving ? "on the way down" : end;
      return { cells: [`${steps} × ${size(rule)}`, L], end: ends, said: `${steps} steps of ${size(rule)}, ${ends}, L minus its minimum ${L}` };
    },
    draw(state) {
      last = state;
      box.show(value("replace"));
      note.hidden = !value("replace"); // the floor of shuffled epochs is a lower one
      if (!width) return;
      drawSamples();
      curveSoon();
      tickSoon();
    },
    reset() { pinned = home.sample; for (const [name, v] of Object.entries(home)) model.set(name, v); },
    later: [curveSoon, tickSoon],
  };
}

export default { render: (context) => map(context, minibatchPane) };
