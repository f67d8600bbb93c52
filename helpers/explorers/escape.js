/* EscapeExplorer: the landscape's map with a strip around a saddle, and the steps that each rule needs to leave it. */
import {
  canvasFor, clamp, drawAxes, element, faded, fixed, format, linear, niceTicks, shape, slider, throttle, zeroLog,
} from "./stage.js";
import { render as map } from "./landscape.js";

/** u₁ᵀ(θ − θ*): how far θ is from the saddle along its unstable direction. */
export const along = (θ, { saddle, u }) => u[0] * (θ[0] - saddle[0]) + u[1] * (θ[1] - saddle[1]);

/** θ moved along u₁ until |u₁ᵀ(θ − θ*)| is `distance`, on the side where it is; its other coordinate stays. */
export function displaced(θ, { saddle, u: [u, v] }, distance) {
  const [a, b] = [θ[0] - saddle[0], θ[1] - saddle[1]], side = u * a + v * b < 0 ? -1 : 1, other = v * a - u * b;
  return [saddle[0] + (side * distance * u + other * v), saddle[1] + (side * distance * v - other * u)];
}

/** The same as far as the view reaches: the point of the line along u₁ inside `domain` whose distance is next to δ. */
export function reachable(θ, escape, domain, δ) {
  const zero = displaced(θ, escape, 0), one = displaced(θ, escape, 1);
  let near = 0, far = Infinity;
  domain.forEach(([low, high], i) => {
    const step = one[i] - zero[i];
    if (Math.abs(step) < 1e-12) return;
    const ends = [(low - zero[i]) / step, (high - zero[i]) / step].sort((p, q) => p - q);
    near = Math.max(near, ends[0]);
    far = Math.min(far, ends[1]);
  });
  return displaced(θ, escape, clamp(δ, near, far)).map((v, i) => clamp(v, ...domain[i]));
}

/** The first step at which a path has left the saddle, |u₁ᵀ(θ − θ*)| ≥ R, or −1. */
export const leaving = (path, escape) => path.findIndex((θ) => Math.abs(along(θ, escape)) >= escape.R);

/** The steps to leave from δ = 0 and from each of the distances, −1 for never in time; `run(start, until)` gives a path. A path
    ends where it has left, and where it `rests`: a rule without noise and memory that has not moved never will. */
export function sweep(run, start, escape, rests) {
  return [0, ...escape.distances].map((δ) => {
    let before = [NaN, NaN];
    return leaving(run(displaced(start, escape, δ), (θ) => {
      const done = (rests && before[0] === θ[0] && before[1] === θ[1]) || Math.abs(along(θ, escape)) >= escape.R;
      before = θ;
      return done;
    }), escape);
  });
}

/** The steps that each rule needs to leave the saddle against the distance δ at which it starts: laws as lines, measured
    points, and below the axis of δ a slider for it. The slider has no value of its own: it moves the start. */
function escapePane({ model, code, spec }) {
  const canvas = element("canvas", { class: "explorer-plot", role: "img", "aria-label": "steps to leave the saddle against the distance of the start" });
  const { low } = spec.escape, laws = new Set(spec.escape.laws), never = new Set(spec.escape.never), gap = 0.09, left = 40, knob = 8, found = new Map();
  let view = spec.landscapes.find((v) => v.name === model.get("landscape")), rules = [], width = 0, height = 0, last = null;
  const distance = () => Math.abs(along(model.get("start"), view.escape)), scale = () => zeroLog(low, view.escape.R, gap);
  const move = { // what the slider takes for a model: writing δ moves the start along u₁, as far as the view reaches
    set(_, δ) { model.set("start", reachable(model.get("start"), view.escape, view.domain, δ)); },
    save_changes: () => model.save_changes(),
  };
  const control = slider({ model: move, trait: "δ", label: "distance", symbol: "δ", range: scale(), steps: 200, round: (δ) => Number(δ.toPrecision(3)),
    text: (δ) => (δ === 0 ? "0, exactly" : format(δ, 2)) });
  control.input.addEventListener("keydown", (event) => { // 0 and the least distance are one press apart
    const up = ["ArrowRight", "ArrowUp", "PageUp"].includes(event.key), down = ["ArrowLeft", "ArrowDown", "PageDown"].includes(event.key);
    const δ = distance(), to = up && δ < low ? low : down && scale().at(δ) < gap + 1e-6 ? 0 : null;
    if (to === null) return;
    event.preventDefault();
    move.set("δ", to);
    move.save_changes();
  });
  const node = element("div", { class: "explorer-escape" }, element("div", { class: "explorer-heading" }, "Steps to leave, against the distance δ of the start"), canvas,
    element("div", { style: `margin-left:${left - knob}px` }, control.node));

  const law = (rule, δ) => (never.has(rule.name) ? Infinity : !laws.has(rule.name) ? NaN
    : Math.max(0, code[`law ${rule.name}`](δ, view.escape.λ, view.escape.R, model.get("η"), model.get("D"))));
  const decimals = (v) => (v === Infinity ? "never" : Number.isNaN(v) ? "–" : fixed(v, 1));

  /** Runs what has changed: moving along u₁ changes nothing. */
  function refresh(run) {
    const from = model.get("start"), { saddle, u } = view.escape, side = along(from, view.escape) < 0;
    const other = u[1] * (from[0] - saddle[0]) - u[0] * (from[1] - saddle[1]);
    for (const rule of rules) {
      const key = [view.name, other.toFixed(9), side, model.get("steps"), rule.run.noisy && model.get("seed"), ...rule.hyper.map((h) => model.get(h.letter))].join();
      if (found.get(rule.name)?.key === key) continue;
      found.set(rule.name, { key, steps: sweep((start, until) => run(rule, start, until).path, from, view.escape, !rule.run.noisy && !rule.run.initial.length) });
    }
  }

  function paint() {
    if (!width || !last) return;
    const { colours, runs, run } = last, { R, distances } = view.escape, steps = model.get("steps");
    refresh(run);
    const at = [0, ...distances], all = rules.flatMap((r) => found.get(r.name).steps);
    const lost = (rule, δ) => (law(rule, δ) === Infinity ? "never" : `>${steps}`), rows = []; // those that do not leave stand above the plot
    for (const words of ["never", `>${steps}`]) if (rules.some((r) => found.get(r.name).steps.some((s, k) => s < 0 && lost(r, at[k]) === words))) rows.push(words);
    const head = 8 + 16 * rows.length;
    const top = Math.min(steps, 1.06 * Math.max(1, ...all, ...rules.map((r) => law(r, low)).filter(Number.isFinite)));
    const told = (r, k) => { const s = found.get(r.name).steps[k]; return `${s < 0 ? "not" : `after ${s}`} from ${format(at[k], 1, true)}`; };
    canvas.setAttribute("aria-label", `Steps to leave the saddle against the distance of the start. ${rules.map((r) => `${r.label}: ${told(r, 1)}, ${told(r, 0)}`).join(". ")}`);
    const x = scale(), y = linear(0, top), box = { left, top: head, width: width - left - knob, height: height - head - 20 }, bottom = box.top + box.height;
    canvas.style.height = `${height}px`;
    const g = canvasFor(canvas, width, height), X = (δ) => box.left + box.width * x.at(Math.min(δ, R));
    const Y = (s, rule, δ) => (s < 0 ? 9 + 16 * Math.max(0, rows.indexOf(lost(rule, δ))) : bottom - box.height * Math.min(1, y.at(s)));
    g.clearRect(0, 0, width, height);
    drawAxes(g, box, { colours, x: { scale: x, ticks: distanceTicks(), text: (v) => format(v, 1, true) }, y: { scale: y, ticks: niceTicks(0, top, 4), text: String } });
    g.font = `11px ${colours.font}`;
    g.fillStyle = colours.soft;
    g.textAlign = "right";
    g.textBaseline = "middle";
    rows.forEach((words, k) => g.fillText(words, left - 7, 9 + 16 * k));
    g.save();
    g.beginPath();
    g.rect(0, 0, width, bottom + 8);
    g.clip();
    const now = X(distance());
    g.strokeStyle = colours.ink;
    g.lineWidth = 1.2;
    g.setLineDash([2, 3]);
    g.beginPath();
    g.moveTo(now, 2);
    g.lineTo(now, bottom);
    g.stroke();
    for (const rule of rules) {
      g.strokeStyle = colours.pick(rule.colour);
      g.fillStyle = colours.paper;
      g.lineWidth = 1.5;
      if (laws.has(rule.name)) {
        g.setLineDash([]);
        g.globalAlpha = 0.5;
        g.beginPath();
        for (const δ of [0, ...Array.from({ length: 61 }, (_, k) => low * (R / low) ** (k / 60))]) {
          const s = law(rule, δ);
          if (s <= top) g.lineTo(X(δ), Y(s));
        }
        g.stroke();
        g.globalAlpha = 1;
      }
      g.setLineDash([]);
      at.forEach((δ, k) => {
        shape(g, rule.marker, X(δ), Y(found.get(rule.name).steps[k], rule, δ), 2.8);
        g.fill();
        g.stroke();
      });
    }
    for (const { rule, run } of runs) {
      shape(g, rule.marker, now, Y(leaving(run.path, view.escape), rule, distance()), 4.8);
      g.fillStyle = colours.pick(rule.colour);
      g.fill();
    }
    g.font = `600 11px ${colours.font}`;
    g.textAlign = "center";
    g.lineJoin = "round";
    const dots = rules.flatMap((rule) => at.map((δ, k) => [X(δ), Y(found.get(rule.name).steps[k], rule, δ)])), names = [];
    for (const rule of rules) { // the name beside the points, where it hides the fewest
      const half = g.measureText(rule.label).width / 2 + 3;
      let best = null;
      at.forEach((δ, k) => {
        const px = X(δ), py = Y(found.get(rule.name).steps[k], rule, δ);
        for (const [dx, dy] of [[0, -12], [0, 13], [half + 6, -5], [half + 6, 0]]) {
          const [cx, cy] = [px + dx, py + dy], hides = (x, y, w = 4, h = 4) => Math.abs(x - cx) < half + w && Math.abs(y - cy) < 7 + h;
          if (cx - half < left + 2 || cx + half > width || cy < 8 + 16 * rows.length - 4 && py > 9 + 16 * rows.length || cy < 7 || cy > bottom - 7) continue;
          const cost = 2 * dots.filter(([x, y]) => hides(x, y)).length + 50 * names.filter((n) => hides(n.x, n.y, n.half, 7)).length + (Math.abs(now - cx) < half ? 1 : 0) + 0.02 * k + (dx ? 0.5 : 0);
          if (!best || cost < best.cost) best = { x: cx, y: cy, half, cost };
        }
      });
      if (!best || best.cost > 8) continue;
      names.push(best);
      g.lineWidth = 3;
      g.strokeStyle = faded(colours.paper, 0.85);
      g.strokeText(rule.label, best.x, best.y);
      g.fillStyle = colours.pick(rule.colour);
      g.fillText(rule.label, best.x, best.y);
    }
    g.restore();
  }
  /** A rule has left the saddle beyond the two lines |u₁ᵀ(θ − θ*)| = R; the strip between them is paler. */
  function strip(ctx, { X, Y, view, colours }) {
    const { saddle: [x, y], u: [u, v], R } = view.escape, long = view.domain.reduce((sum, [a, b]) => sum + b - a, 0);
    const end = (side, way) => [X(x + side * R * u + way * long * v), Y(y + side * R * v - way * long * u)];
    ctx.fillStyle = faded(colours.paper, 0.3);
    ctx.beginPath();
    for (const p of [end(-1, -1), end(-1, 1), end(1, 1), end(1, -1)]) ctx.lineTo(...p);
    ctx.fill();
    ctx.strokeStyle = faded(colours.ink, 0.75);
    ctx.lineWidth = 1.3;
    ctx.setLineDash([6, 4]);
    for (const side of [-1, 1]) {
      ctx.beginPath();
      ctx.moveTo(...end(side, -1));
      ctx.lineTo(...end(side, 1));
      ctx.stroke();
    }
    ctx.setLineDash([]);
  }

  /** Where each rule has left the saddle its marker, and beside it after how many steps; those that left together share a line. */
  function finish(ctx, { X, Y, view, colours, size, runs }) {
    const groups = [];
    for (const { rule, run } of runs) {
      const t = leaving(run.path, view.escape);
      if (t < 1) continue;
      const x = X(run.path[t][0]), y = Y(run.path[t][1]);
      if (x < 0 || y < 0 || x > size.w || y > size.h) continue;
      shape(ctx, rule.marker, x, y, 4.6);
      ctx.fillStyle = colours.paper;
      ctx.strokeStyle = colours.pick(rule.colour);
      ctx.lineWidth = 2;
      ctx.fill();
      ctx.stroke();
      const group = groups.find((g) => Math.hypot(g.x - x, g.y - y) < 26);
      if (group) group.steps.push([t, rule]);
      else groups.push({ x, y, steps: [[t, rule]] });
    }
    ctx.font = `600 12px ${colours.font}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    ctx.lineWidth = 3.5;
    ctx.strokeStyle = faded(colours.paper, 0.9);
    for (const { x, y, steps } of groups) {
      const words = steps.sort((p, q) => p[0] - q[0]).map(([t, rule]) => ({ text: String(t), colour: colours.pick(rule.colour) }));
      const wide = words.map((w) => ctx.measureText(w.text).width + 9), total = wide.reduce((a, b) => a + b, -9);
      let left = x + 14 + total < size.w ? x + 14 : x - 14 - total;
      words.forEach((w, k) => {
        ctx.strokeText(w.text, left, y - 10);
        ctx.fillStyle = w.colour;
        ctx.fillText(w.text, left, y - 10);
        left += wide[k];
      });
    }
  }

  const distanceTicks = () => [0, 1e-12, 1e-9, 1e-6, 1e-3, 1].filter((v) => v <= view.escape.R);
  const soon = throttle(paint, 120);
  return {
    node, title: "Race of update rules away from a saddle, with a start to drag", still: strip, moving: finish, later: [soon],
    columns: ["steps to leave", "the law says"],
    measure(beside) { width = canvas.clientWidth; height = clamp(beside - 62, 270, 400); },
    turn(next, on) { view = next; rules = on; control.setRange(scale(), []); },
    startWords() {
      const δ = distance();
      return { cells: ["", ""], suffix: `, δ = ${format(δ, 2, true)}`, said: `distance δ ${format(δ, 2)}` };
    },
    words(rule, run, end) {
      const s = leaving(run.path, view.escape), steps = model.get("steps"), δ = distance(), expected = law(rule, δ);
      const says = expected < Infinity || s < 0 ? decimals(expected) : δ ? "–" : "never but for rounding";
      const down = s >= 0 && run.loss.at(-1) < run.loss[0] && (run.diverged || end === "outside the view");
      return { cells: [s < 0 ? `not in ${steps}` : String(s), says], end: down ? "downhill, out of the view" : end,
        said: s < 0 ? `does not leave in ${steps} steps` : `leaves at step ${s}` };
    },
    draw(state) { last = state; control.show(distance()); soon(); },
  };
}

export default { render: (context) => map(context, escapePane) };
