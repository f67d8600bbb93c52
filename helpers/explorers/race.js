/* RaceExplorer: the landscape's map with a race of all update rules, and the effective learning rate of each coordinate. */
import { canvasFor, clamp, decades, descend, drawAxes, element, faded, format, linear, log, shape, superscript, throttle } from "./stage.js";
import { render as map } from "./landscape.js";

const LEFT = 42, RIGHT = 8, GAP = 46, HEAD = 24, LABEL = ["₁", "₂"];
const SPAN = 7; // decades at most

/** The first step from which on a path stays within `near` of the view from one critical point, or −1. */
export function arrival(run, view, near) {
  if (run.diverged) return -1;
  const size = view.domain.map(([a, b]) => b - a), firsts = view.critical.map((p) => {
    let t = run.path.length;
    while (t > 0 && Math.hypot((run.path[t - 1][0] - p.θ[0]) / size[0], (run.path[t - 1][1] - p.θ[1]) / size[1]) < near) t--;
    return t;
  });
  const first = Math.min(Infinity, ...firsts);
  return first < run.path.length ? first : -1;
}

/** The decades that all rates need, [low, high] as powers of ten; beyond SPAN decades the most extreme highest are left out. */
export function rateRange(rates) {
  let low = Infinity, high = 0;
  for (const run of rates) for (const pair of run) for (const v of pair) {
    if (v > 0 && v < low) low = v;
    if (Number.isFinite(v) && v > high) high = v;
  }
  if (!(low <= high)) return [-3, 0];
  const a = Math.floor(Math.log10(low) + 1e-9), b = Math.max(a + 1, Math.ceil(Math.log10(high) - 1e-9));
  return [a, Math.min(b, a + SPAN)];
}

/** The points [step, 2/Hᵢᵢ] of the bound for coordinate i: along the one path, or where H is the same everywhere. NaN where the
    loss does not curve up along it: no rate is too large there. */
export function bound(i, view, runs, steps) {
  const at = (θ) => { const h = view.functions.hessian(θ)[i][i]; return h > 0 ? 2 / h : NaN; };
  if (view.constant) return [1, steps].map((t) => [t, at(view.start)]);
  return runs.length === 1 ? runs[0].run.path.slice(0, -1).map((θ, t) => [t + 1, at(θ)]) : [];
}

function racePane({ model, spec }) {
  const canvas = element("canvas", { class: "explorer-plot", role: "img", "aria-label": "effective learning rate of each coordinate against the step" });
  const node = element("div", { class: "explorer-race" }, canvas), axes = { canvas: element("canvas"), key: "" };
  let view = null, width = 0, height = 0, last = null;

  function paint() {
    if (!width || !last) return;
    const { colours, runs } = last, steps = model.get("steps"), limits = [0, 1].map((i) => bound(i, view, runs, steps));
    const [a, b] = rateRange([...runs.map(({ run }) => run.rates), ...limits.map((line) => line.map(([, v]) => [v]))]);
    const y = log(10 ** a, 10 ** b), x = linear(1, Math.max(2, steps)), tall = (height - 2 * HEAD - GAP) / 2;
    const boxes = [0, 1].map((i) => ({ left: LEFT, top: HEAD + i * (tall + GAP), width: width - LEFT - RIGHT, height: tall }));
    canvas.style.height = `${height}px`;
    const key = [width, height, steps, a, b, view.name, colours.dark].join();
    if (key !== axes.key) { // text is dear to draw: the axes stay as they are until they change
      const g = canvasFor(axes.canvas, width, height);
      g.clearRect(0, 0, width, height);
      boxes.forEach((box, i) => {
        drawAxes(g, box, { colours, x: { scale: x, ticks: [1, steps], label: "step", text: String }, y: { scale: y, ticks: decades(10 ** a, 10 ** b, 4), text: (v) => (Math.abs(Math.log10(v)) < 3.5 ? format(v, 1, true) : `10${superscript(Math.round(Math.log10(v)))}`) } });
        g.font = `600 13px ${colours.font}`;
        g.fillStyle = colours.ink;
        g.textAlign = "left";
        g.textBaseline = "alphabetic";
        g.fillText("Effective rate of ", 0, box.top - 10);
        const wide = g.measureText("Effective rate of ").width;
        g.font = `italic 600 13px ${colours.font}`;
        g.fillText(view.labels[i], wide, box.top - 10);
      });
      axes.key = key;
    }
    const g = canvasFor(canvas, width, height);
    g.clearRect(0, 0, width, height);
    g.drawImage(axes.canvas, 0, 0, width, height);
    boxes.forEach((box, i) => {
      const px = (t) => box.left + box.width * x.at(t), py = (v) => box.top + box.height * (1 - clamp(y.at(v), -0.1, 1.1));
      g.save();
      g.beginPath();
      g.rect(box.left, box.top - 4, box.width + RIGHT, box.height + 8);
      g.clip();
      const line = limits[i].filter(([, v]) => Number.isFinite(v));
      if (line.length) { // above the bound the ground is grey
        g.fillStyle = faded(colours.maximum, colours.dark ? 0.16 : 0.1);
        g.beginPath();
        g.moveTo(px(line[0][0]), box.top - 4);
        for (const [t, v] of line) g.lineTo(px(t), py(v));
        g.lineTo(px(line.at(-1)[0]), box.top - 4);
        g.fill();
        g.strokeStyle = colours.maximum;
        g.lineWidth = 1;
        g.setLineDash([5, 4]);
        g.beginPath();
        for (const [t, v] of line) g.lineTo(px(t), py(v));
        g.stroke();
        g.setLineDash([]);
      }
      const stride = Math.max(1, Math.floor(steps / box.width));
      g.lineJoin = "round";
      runs.forEach(({ rule, run }, k) => {
        const { rates } = run, n = rates.length;
        if (!n) return;
        g.strokeStyle = colours.pick(rule.colour);
        g.fillStyle = colours.paper;
        g.lineWidth = 1.7;
        g.beginPath();
        for (let t = 1; t <= n; t += stride) g.lineTo(px(t), py(rates[t - 1][i]));
        g.stroke();
        for (let share = 0.1 + (0.24 * k) / runs.length; share < 1; share += 0.24) {
          const t = 1 + Math.round(share * (steps - 1));
          if (t > n) break;
          shape(g, rule.marker, px(t), py(rates[t - 1][i]), 3);
          g.fill();
          g.stroke();
        }
      });
      if (line.length) {
        const [t, v] = line[Math.floor(line.length / 2)], above = py(v) > box.top + 16;
        g.font = `11px ${colours.font}`;
        g.textAlign = "right";
        g.textBaseline = above ? "bottom" : "top";
        const words = `2/H${LABEL[i]}${LABEL[i]}`, at = view.constant ? px(steps) - 2 : px(t);
        g.lineJoin = "round";
        g.lineWidth = 3;
        g.strokeStyle = faded(colours.paper, 0.85);
        g.strokeText(words, at, py(v) + (above ? -3 : 4));
        g.fillStyle = colours.maximum;
        g.fillText(words, at, py(v) + (above ? -3 : 4));
      }
      g.restore();
    });
    const told = runs.map(({ rule, run }) => `${rule.label} ${pair(run, " and ")}`);
    const label = `Effective learning rates of ${view.labels.join(" and ")} at the end: ${told.join(", ")}`;
    if (canvas.getAttribute("aria-label") !== label) canvas.setAttribute("aria-label", label);
  }
  const pair = (run, between) => (run.rates.length ? [...new Set(run.rates.at(-1).map((v) => format(v, v < 1e-3 ? 3 : 2)))].join(between) : "–");
  const soon = throttle(paint, 40);

  return {
    node, title: "Race of update rules from a start to drag", plain: true, loss: "main", later: [soon],
    columns: ["L at the end", "rates at the end"],
    run: (rule, from, until) => descend(view.functions, rule.run, from, rule.hyper.map((h) => model.get(h.letter)), model.get("steps"), spec.limit, { until, rates: true }),
    turn(next) { view = next; axes.key = ""; },
    measure(beside) { // beside the map and the loss, or below them
      width = canvas.clientWidth;
      height = width < beside + 10 ? clamp(beside + 222, 400, 640) : 330;
    },
    draw(state) { last = state; soon(); },
    startWords() { const L = format(view.functions.loss(model.get("start"))); return { cells: [L, ""], said: `L ${L}`, suffix: "" }; },
    words(rule, run, ends) {
      const t = arrival(run, view, spec.near), end = t > 0 ? `${ends}, from step ${t}` : ends, L = format(run.loss.at(-1)), rates = pair(run, ", ");
      return { cells: [L, rates], end, said: `${end}, L ${L}, rates ${rates}` };
    },
  };
}

export default { render: (context) => map(context, racePane) };
