/* HillExplorer: a curve with a ball that has momentum, a strip over β that says in which valley it ends, and its energy. */
import { render as curve } from "./curve.js";
import { canvasFor, clamp, complement, drawAxes, element, faded, fixed, format, linear, niceTicks, placeLabels, shape, slider } from "./stage.js";

const NEITHER = -1; // the ball comes to rest in no valley
const KNOB = 8, BAND = 26, HEAD = 17;
const TICKS = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99], PLACES = 240; // of the slider

/** Where a ball rests: the index of its valley, or −1; as helpers.explorers.hill.HillExplorer.ends has it. */
export function landing({ functions, valleys, energy, limit, scan }, rule, start, hyper, η) {
  const bound = rule.stable(hyper), held = valleys.map((v) => η * v.curvature < bound);
  if (!held.includes(true)) return NEITHER;
  let state = [...rule.run.initial], before = start, now = start;
  const place = [start], point = [start], remembered = state.length;
  for (let t = 1; t <= scan.patience; t++) {
    place[0] = rule.run.at(now, state, hyper);
    const after = rule.run.step(now, functions.gradient(place)[0], state, t, hyper, 0, 0), next = after[0];
    if (!(Math.abs(next) <= limit)) return NEITHER;
    for (let k = 0; k < remembered; k++) state[k] = after[k + 1];
    for (let k = 0; k < valleys.length; k++) {
      const v = valleys[k];
      if (!held[k] || !(v.left < now && now < v.right)) continue;
      point[0] = now;
      if (energy(functions.loss(point), before, next, η) - v.loss <= scan.calm * (v.rim - v.loss)) return k;
    }
    before = now;
    now = next;
  }
  return NEITHER;
}

/** The bands of the strip: {edges: [u…], ends: [valley…]} with one end more than edges, over u from 0 to 1. `end(u)` is asked at
    `count` places, and between two that differ until the edge is known to `fine`. Where `late()` the rest is left as it is. */
export function bands(end, count, fine, late = () => false) {
  const found = new Array(count).fill(null), u = (k) => k / (count - 1), edges = [], ends = [];
  let stride = 1;
  while (stride < (count - 1) / 8) stride *= 2;
  for (let first = true; stride >= 1; stride /= 2, first = false) { // coarse to fine, so that a hasty answer is a rough one
    for (let k = 0; k < count; k += stride) found[k] ??= first || !late() ? end(u(k)) : null;
  }
  found[count - 1] ??= end(1);
  let last = 0;
  ends.push(found[0]);
  for (let k = 1; k < count; k++) {
    if (found[k] === null) continue;
    if (found[k] !== found[last]) {
      let low = u(last), high = u(k);
      while (high - low > fine && !late()) {
        const middle = (low + high) / 2;
        if (end(middle) === found[last]) low = middle;
        else high = middle;
      }
      edges.push((low + high) / 2);
      ends.push(found[k]);
    }
    last = k;
  }
  return { edges, ends };
}

/** The energy of a ball at every step of a path but the last. */
export const energies = (run, energy, η) => run.path.slice(0, -1).map((θ, t) => energy(run.loss[t], run.path[Math.max(0, t - 1)][0], run.path[t + 1][0], η));

/** From which step on the ball is below the rim of the valley that it is in at the end, or −1. */
export function caught(run, E, valleys) {
  const x = run.path[E.length - 1][0], k = valleys.findIndex((v) => v.left < x && x < v.right);
  if (k < 0 || run.diverged || E.at(-1) >= valleys[k].rim) return { step: -1, valley: k };
  let step = E.length - 1;
  while (step > 0 && E[step - 1] < valleys[k].rim && valleys[k].left < run.path[step - 1][0] && run.path[step - 1][0] < valleys[k].right) step--;
  return { step, valley: k };
}

const nameOf = (k, n) => (k < 0 ? "none" : n === 2 ? ["left valley", "right valley"][k] : `valley ${k + 1}`);

function hillPane({ model, spec, code, rules: [rule] }) {
  const { scan, limit } = spec, range = complement(0, scan.highest), letters = rule.hyper.map((h) => h.letter), energy = code.energy;
  const canvas = element("canvas", { class: "explorer-plot", role: "img" });
  const control = slider({ model, trait: "β", label: rule.hyper[letters.indexOf("β")].label, symbol: "β", range, steps: PLACES, round: (v) => Number(v.toFixed(4)),
    text: (v) => fixed(v, v > 0.98 ? 4 : 3), ticks: TICKS.map((value) => ({ value, text: format(value, 2, true) })) });
  control.node.firstChild.append(element("span", { class: "hill-about" }, "the valley in which the ball comes to rest"));
  control.input.before(canvas);
  const node = element("div", { class: "hill-strip" }, element("style", {}, STYLE), control.node);
  let view = null, width = 0, last = null, key = "", found = null, rough = false, timer = 0, E = [], trapped = { step: -1, valley: -1 };
  const hyperOf = (β) => letters.map((l) => (l === "β" ? β : model.get(l)));
  const place = (u) => landing({ functions: view.functions, valleys: view.valleys, energy, limit, scan }, rule, model.get("start"), hyperOf(range.value(u)), model.get("η"));

  /** How dark a valley is: the deeper, the darker. */
  function tint(k, colours) {
    if (k < 0) return null;
    const order = view.valleys.map((v) => v.loss).sort((p, q) => q - p), share = order.length > 1 ? order.indexOf(view.valleys[k].loss) / (order.length - 1) : 1;
    return faded(colours.low, colours.dark ? 0.25 + 0.6 * share : 0.2 + 0.52 * share);
  }

  /** The bands for this start and rate: rough while a hand moves, exact as soon as it rests. */
  function search() {
    const now = [view.name, model.get("start"), ...letters.filter((l) => l !== "β").map((l) => model.get(l))].join();
    if (now === key) return;
    const began = performance.now();
    found = bands(place, 65, 1 / 500, () => performance.now() - began > 3);
    rough = true;
    key = now;
    clearTimeout(timer);
    timer = setTimeout(refine, 140);
  }
  function refine() {
    timer = 0;
    found = bands(place, scan.count, 1e-7);
    rough = false;
    paint();
  }

  function paint() {
    if (!width || !last) return;
    const { colours } = last, height = HEAD + BAND, g = canvasFor(canvas, width, height), inner = width - 2 * KNOB, n = view.valleys.length;
    canvas.style.height = `${height}px`;
    g.clearRect(0, 0, width, height);
    const X = (u) => KNOB + inner * u, at = X(range.at(Math.min(model.get("β"), scan.highest))), all = [0, ...found.edges, 1];
    g.font = `12px ${colours.font}`;
    g.textBaseline = "middle";
    g.textAlign = "center";
    found.ends.forEach((k, i) => {
      const a = X(all[i]), b = X(all[i + 1]);
      if (k >= 0) {
        g.fillStyle = tint(k, colours);
        g.fillRect(a, HEAD, b - a, BAND);
      } else {
        g.save();
        g.beginPath();
        g.rect(a, HEAD, b - a, BAND);
        g.clip();
        g.strokeStyle = colours.line;
        g.lineWidth = 1;
        g.beginPath();
        for (let x = a - BAND; x < b; x += 6) { g.moveTo(x, HEAD + BAND); g.lineTo(x + BAND, HEAD); }
        g.stroke();
        g.restore();
      }
      const words = [k < 0 ? "comes to no rest" : nameOf(k, n), n === 2 && k >= 0 ? ["left", "right"][k] : ""].find((w) => w && g.measureText(w).width + 12 < b - a);
      if (!words) return;
      const wide = g.measureText(words).width, half = wide / 2 + 6, free = [(a + b) / 2, at - half, at + half].filter((x) => x - half >= a && x + half <= b && Math.abs(x - at) >= half)[0];
      if (free === undefined) return; // the needle would stand in the words
      if (k < 0) { g.fillStyle = colours.paper; g.fillRect(free - half + 1, HEAD + 4, wide + 10, BAND - 8); }
      g.fillStyle = k < 0 ? colours.soft : colours.ink;
      g.fillText(words, free, HEAD + BAND / 2 + 1);
    });
    g.strokeStyle = colours.line;
    g.lineWidth = 1;
    g.strokeRect(X(0) + 0.5, HEAD + 0.5, inner - 1, BAND - 1);
    g.strokeStyle = g.fillStyle = colours.ink;
    g.font = `11px ${colours.font}`;
    g.textAlign = "left";
    const ticks = found.edges.map((u, k) => ({ at: X(u), text: fixed(range.value(u), rough ? 2 : range.value(u) > 0.95 ? 4 : 3), rank: k }));
    for (const t of ticks) {
      g.beginPath();
      g.moveTo(t.at, HEAD - 4);
      g.lineTo(t.at, HEAD + BAND);
      g.stroke();
    }
    for (const t of placeLabels(ticks.map((t) => ({ ...t, width: g.measureText(t.text).width })), width, 7)) g.fillText(t.text, t.left, HEAD - 11);
    g.strokeStyle = colours.paper; // the needle above the slider's knob
    g.lineWidth = 6;
    g.beginPath();
    g.moveTo(at, HEAD - 1);
    g.lineTo(at, height);
    g.stroke();
    g.strokeStyle = colours.pick(rule.colour);
    g.lineWidth = 3;
    g.stroke();
    const told = found.ends.map((k, i) => `${k < 0 ? "no valley" : nameOf(k, n)} ${i < found.edges.length ? `up to ${fixed(range.value(found.edges[i]), 3)}` : `up to ${scan.highest}`}`);
    const label = `Where the ball comes to rest for momentum β from 0: ${told.slice(0, 8).join(", ")}${told.length > 8 ? ", and so on" : ""}`;
    if (!rough && canvas.getAttribute("aria-label") !== label) canvas.setAttribute("aria-label", label);
  }

  const rim = () => (trapped.valley >= 0 ? view.valleys[trapped.valley].rim : Math.max(...view.valleys.map((v) => v.rim)));

  /** The ground of each valley in its colour, and the height of the barrier between them. */
  function still(ctx, { X, Y, colours, size }) {
    const { xs, ys } = view.curve;
    view.valleys.forEach((v, k) => {
      ctx.beginPath();
      ctx.moveTo(X(v.left), size.h);
      for (let i = 0; i < xs.length; i++) if (xs[i] >= v.left && xs[i] <= v.right && Number.isFinite(ys[i])) ctx.lineTo(X(xs[i]), Y(ys[i]));
      ctx.lineTo(X(v.right), size.h);
      ctx.fillStyle = tint(k, colours);
      ctx.fill();
    });
  }

  /** The barrier's height, the energy above each place of the path, and what the energy of now reaches, slope to slope. */
  function moving(ctx, { X, Y, colours, size, runs: [one], now }) {
    if (!one || !E.length) return;
    const top = Y(rim()), t = Math.min(now, E.length - 1), level = E[t], { xs, ys } = view.curve, x = one.run.path[t][0];
    ctx.font = `11px ${colours.font}`;
    ctx.textBaseline = "bottom";
    ctx.strokeStyle = colours.soft;
    ctx.lineWidth = 1.2;
    ctx.setLineDash([5, 4]);
    ctx.beginPath();
    ctx.moveTo(0, top);
    ctx.lineTo(size.w, top);
    ctx.stroke();
    ctx.setLineDash([]);
    const colour = colours.pick(rule.colour), trail = new Path2D();
    for (let k = 0; k <= t; k++) if (Number.isFinite(E[k])) trail.lineTo(X(one.run.path[k][0]), Y(E[k]));
    ctx.strokeStyle = faded(colour, 0.75);
    ctx.lineWidth = 1.6;
    ctx.lineJoin = "round";
    ctx.stroke(trail);
    if (!(x >= xs[0] && x <= xs.at(-1))) return;
    let a = Math.max(0, xs.findIndex((v) => v >= x)), b = a;
    while (a > 0 && ys[a - 1] < level) a--;
    while (b < xs.length - 1 && ys[b + 1] < level) b++;
    ctx.fillStyle = faded(colour, 0.16);
    ctx.beginPath();
    ctx.moveTo(X(xs[a]), Y(level));
    for (let i = a; i <= b; i++) ctx.lineTo(X(xs[i]), Y(ys[i]));
    ctx.lineTo(X(xs[b]), Y(level));
    ctx.fill();
    shape(ctx, "circle", X(x), Y(level), 3);
    ctx.fillStyle = colour;
    ctx.fill();
    const high = E.indexOf(Math.max(...E.slice(0, t + 1))), words = "energy";
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.lineWidth = 3;
    ctx.strokeStyle = faded(colours.paper, 0.85);
    const wide = ctx.measureText(words).width, place = X(one.run.path[high][0]), px = place + 14 + wide < size.w ? place + 14 : place - 14 - wide, py = clamp(Y(E[high]) - 4, 9, size.h - 9);
    ctx.strokeText(words, px, py);
    ctx.fillStyle = colour;
    ctx.fillText(words, px, py);
  }

  /** Energy and loss against the step, with the barrier. */
  function drawEnergy(target, w, h) {
    const { colours, runs, now } = last, g = canvasFor(target, w, h), box = { left: 38, top: 6, width: w - 42, height: h - 26 }, steps = model.get("steps");
    g.clearRect(0, 0, w, h);
    const loss = runs[0]?.run.loss ?? [], bar = rim(), floor = Math.min(...view.valleys.map((v) => v.loss)), first = Math.max(bar, E[0] ?? bar, loss[0] ?? bar);
    const low = Math.min(floor, ...loss.slice(0, 1)), room = first - low, y = linear(low - 0.06 * room, first + 0.1 * room), x = linear(0, steps);
    drawAxes(g, box, { colours, x: { scale: x, ticks: [0, steps], label: "step", text: String }, y: { scale: y, ticks: niceTicks(y.low, y.high, 4) } });
    const px = (t) => box.left + box.width * x.at(t), py = (v) => box.top + box.height * (1 - y.at(v));
    g.save();
    g.beginPath();
    g.rect(box.left, box.top - 3, box.width + 3, box.height + 4);
    g.clip();
    g.lineJoin = "round";
    const line = (values, colour, thick, dash = []) => {
      g.strokeStyle = colour;
      g.lineWidth = thick;
      g.setLineDash(dash);
      g.beginPath();
      values.forEach((v, t) => { if (Number.isFinite(v)) g.lineTo(px(t), py(v)); });
      g.stroke();
      g.setLineDash([]);
    };
    const colour = colours.pick(rule.colour);
    line(loss, faded(colours.ink, 0.4), 1.2);
    line(E, colour, 2);
    g.strokeStyle = colours.soft;
    g.setLineDash([5, 4]);
    g.lineWidth = 1.2;
    g.beginPath();
    g.moveTo(box.left, py(bar));
    g.lineTo(box.left + box.width, py(bar));
    g.stroke();
    g.setLineDash([2, 3]);
    if (now < steps) {
      g.strokeStyle = faded(colours.ink, 0.45);
      g.beginPath();
      g.moveTo(px(now), box.top);
      g.lineTo(px(now), box.top + box.height);
      g.stroke();
    }
    g.setLineDash([]);
    if (trapped.step > 0) {
      shape(g, rule.marker, px(trapped.step), py(E[trapped.step]), 3.6);
      g.fillStyle = colour;
      g.fill();
    }
    g.restore();
    g.font = `11px ${colours.font}`;
    g.textAlign = "right";
    g.textBaseline = "bottom";
    g.lineWidth = 3;
    g.strokeStyle = faded(colours.paper, 0.9);
    g.strokeText("barrier", w - 5, py(bar) - 2);
    g.fillStyle = colours.soft;
    g.fillText("barrier", w - 5, py(bar) - 2);
  }

  return {
    node, title: "A ball with momentum on a hill", sliders: [["β", control]], still, moving,
    plot: { heading: "Energy and loss against step", height: 200, label: "energy and loss of the ball against the step, with the height of the barrier", draw: drawEnergy },
    turn(next) { view = next; key = ""; },
    measure() { width = canvas.clientWidth; },
    draw(state) {
      last = state;
      const run = state.runs[0]?.run;
      E = run && run.path.length > 1 ? energies(run, energy, model.get("η")) : [];
      trapped = run && E.length ? caught(run, E, view.valleys) : { step: -1, valley: -1 };
      search();
      paint();
    },
    words(run, now) {
      const t = Math.min(now, E.length - 1), x = run.path[Math.min(now, run.path.length - 1)][0];
      if (!E.length || (run.diverged && now >= run.diverged) || x < view.domain[0][0] || x > view.domain[0][1]) return null;
      const above = E[t] - rim();
      if (trapped.step >= 0 && t >= trapped.step) return { kind: "caught", text: `caught in ${view.valleys.length === 2 ? "the " : ""}${nameOf(trapped.valley, view.valleys.length)} since step ${trapped.step}: its energy stays below the barrier` };
      return { kind: "free", text: above >= 0 ? `free to cross: its energy is ${format(above, 2)} above the barrier` : `its energy is ${format(-above, 2)} below the barrier` };
    },
    stop() { clearTimeout(timer); },
  };
}

const STYLE = `
.hill-strip { margin: 10px 0 0; }
.hill-strip .explorer-control { margin: 0; }
.hill-strip .explorer-label { flex-wrap: wrap; gap: 0 10px; margin-bottom: 3px; }
.hill-about { margin-left: auto; color: var(--soft); }`;

export default { render: (context) => curve(context, hillPane) };
