/* GuessExplorer: a loss that has stalled, answers to choose from; then the landscape with the path, the numbers, and remedies. */
import {
  announcer, bandIndex, canvasFor, clamp, clip, contours, descend, drawAxes, element, faded, format, frames, levels, linear, load, niceTicks,
  normals, offer, paintBands, prepare, reads, reducedMotion, rgb, sample, shape, slider, theme, watchSize, watchTheme,
} from "./stage.js";

const GRID = 181, LEFT = 30, BOTTOM = 20, PLOT = 196;
const SHOWING = 1100; // milliseconds in which a path is drawn

const STYLE = `
.guess-above { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin: 0 0 12px; }
.guess-cases { display: flex; gap: 5px; }
.explorer-figure .guess-cases button { min-width: 30px; height: 30px; padding: 0 4px; border-radius: 8px; font-variant-numeric: tabular-nums; color: var(--ink); }
.explorer-figure .guess-cases button[aria-current=true] { border: 2px solid var(--ink); font-weight: 650; }
.explorer-figure .guess-cases button.is-right { background: color-mix(in srgb, var(--minimum) 16%, transparent); }
.explorer-figure .guess-cases button.is-wrong { background: color-mix(in srgb, var(--maximum) 14%, transparent); }
.guess-tally { margin-left: auto; display: flex; gap: 14px; align-items: center; font-variant-numeric: tabular-nums; }
.guess-cover { position: absolute; inset: 0 0 ${BOTTOM}px ${LEFT}px; border-radius: 5px; border: 1px solid var(--line); display: grid; place-content: center; justify-items: center; gap: 4px; text-align: center; padding: 20px;
  color: var(--soft); background: repeating-linear-gradient(45deg, transparent 0 9px, color-mix(in srgb, var(--low) 14%, transparent) 9px 10px); cursor: default; }
.guess-cover b { font-size: 54px; line-height: 1; font-weight: 300; color: var(--ink); opacity: .55; } .guess-cover span { max-width: 15em; background: var(--paper); border-radius: 4px; padding: 0 6px; }
.guess .explorer-plane { cursor: default; touch-action: auto; }
.guess .explorer-heading { display: flex; justify-content: space-between; gap: 8px; }
.guess-asks { margin: 2px 0 7px; font-weight: 600; }
.guess .explorer-chips { margin: 0; }
.explorer-figure .guess-answers .explorer-chip { padding: 3px 11px; color: var(--ink); }
.explorer-figure .guess-answers .explorer-chip[aria-disabled=true] { cursor: default; color: var(--soft); border-color: var(--line); }
.explorer-figure .guess-answers .explorer-chip.is-right { --c: var(--minimum); padding: 3px 6px; border-color: var(--c); font-weight: 400; color: color-mix(in srgb, var(--c) 78%, var(--ink)); background: color-mix(in srgb, var(--c) 9%, transparent); }
.explorer-figure .guess-answers .explorer-chip.is-wrong { --c: var(--maximum); padding: 3px 6px; border-color: var(--c); font-weight: 400; color: color-mix(in srgb, var(--c) 78%, var(--ink)); background: color-mix(in srgb, var(--c) 9%, transparent); }
.guess-below { margin-top: 14px; border-top: 1px solid var(--line); padding-top: 10px; }
.explorer-figure .guess-below p { margin: 0 0 8px; font-size: 14px; line-height: 1.45; color: var(--ink); }
.guess-below p b { font-weight: 650; } .guess-below p b.is-right { color: color-mix(in srgb, var(--minimum) 82%, var(--ink)); } .guess-below p b.is-wrong { color: color-mix(in srgb, var(--maximum) 82%, var(--ink)); }
.explorer-figure .guess-numbers th:first-child { width: 15%; } .explorer-figure .guess-numbers thead th:nth-child(2), .explorer-figure .guess-numbers thead th:nth-child(3) { width: 13%; }
.guess-numbers td { font-variant-numeric: tabular-nums; } .explorer-figure .guess-numbers td:last-child { color: var(--soft); }
.explorer-figure .guess-numbers tbody th { color: var(--ink); } .explorer-figure .guess-numbers tr:not(.is-decisive) th { font-weight: 400; color: var(--soft); }
.explorer-figure .guess-more { padding: 1px 10px; font-size: 12px; margin: 5px 0 0; }
.guess-remedies { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 12px 0 8px; }
.explorer-figure .guess-remedies .explorer-chip { padding: 3px 11px; --c: var(--ink); color: var(--ink); } .guess-remedies .is-suggested::after { content: "★"; font-size: 11px; opacity: .75; }
.explorer-figure .guess-remedies .explorer-chip[aria-pressed=true] { background: color-mix(in srgb, var(--cure) 14%, transparent); border-color: var(--cure); color: color-mix(in srgb, var(--cure) 70%, var(--ink)); }
.explorer-figure button.guess-next { margin-left: auto; font-weight: 600; color: var(--paper); background: var(--ink); border-color: var(--ink); padding: 4px 16px; } .explorer-figure button.guess-next:hover { opacity: .88; }
.guess-note { color: var(--soft); }
@container (max-width: 600px) { .explorer-figure .guess-numbers th:first-child { width: 22%; } .explorer-figure .guess-numbers thead th:nth-child(2) { width: 15%; } .explorer-figure .guess-numbers thead th:nth-child(3) { width: 21%; }
  .guess-tally { flex: 1 0 100%; justify-content: space-between; } }`;

// ---------------------------------------------------------------------------------------------------------- the runs
/** The run of case k, from 0, and how it goes on with a remedy (or null), as helpers.explorers.guess has them. */
export function course(code, spec, k, name = null) {
  const { landscape, start, η, D, seed, elsewhere } = spec.cases[k];
  const go = (from, values, seed, steps) => {
    const kind = values.D ? "noisy" : "plain", { initial, hyper } = spec.rules[kind], number = normals(seed);
    const noise = (t) => [number(2 * t - 2), number(2 * t - 1)];
    return descend(code[`landscape ${landscape}`], { ...code[`rule ${kind}`], initial }, from, hyper.map((letter) => values[letter]), steps, spec.limit, { noise });
  };
  const seen = go(start, { η, β: 0, D }, seed, spec.seen), remedy = spec.remedies.find((r) => r.name === name);
  if (!remedy) return { seen, more: null };
  const from = remedy.restart ? elsewhere : seen.path.at(-1);
  return { seen, more: go(from, { η: η * remedy.rate, β: remedy.β, D: D + remedy.noise }, seed + 1, spec.more) };
}

/** The generated code of a spec, as `course` takes it. */
export const codeOf = (spec) => load({
  ...Object.fromEntries(Object.entries(spec.landscapes).map(([name, land]) => [`landscape ${name}`, land.javascript])),
  ...Object.fromEntries(Object.entries(spec.rules).map(([name, rule]) => [`rule ${name}`, rule.javascript])),
});

/** The top of the loss plot: what was seen fits in, and of a remedy's losses half as much again. */
export function ceiling(seen, more) {
  const top = Math.max(...seen);
  return 1.04 * Math.max(top, Math.min(1.5 * top, ...(more ? [Math.max(...more)] : [top])));
}

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
/** What a remedy has done: {kind: "diverged", "lower", "higher" or "level", before, after}, by the means of the last fifth. */
export function effect(seen, more) {
  const late = (loss) => mean(loss.slice(-Math.ceil(loss.length / 5))), before = late(seen.loss), after = late(more.loss);
  if (more.diverged) return { kind: "diverged", before, after };
  return { kind: after < 0.8 * before ? "lower" : after > 1.25 * before ? "higher" : "level", before, after };
}

/** "a plateau", but "bouncing". */
const a = (verdict) => (/ing$/.test(verdict) ? verdict : `a ${verdict}`);

async function render({ model, el }) {
  const spec = model.get("spec"), code = await codeOf(spec), { cases, answers, remedies, seen: SEEN, more: MORE } = spec, stops = [];
  const value = (name) => model.get(name), set = (changes) => { for (const [name, v] of Object.entries(changes)) model.set(name, v); model.save_changes(); };
  const guessed = new Map(), views = new Map(), runs = new Map(); // first guesses; maps; courses

  // -- what stands on the page
  const root = prepare(model, el, "Guess why a run has stalled");
  root.classList.add("guess");
  const numbers = cases.map((_, k) => element("button", { type: "button", "data-case": k + 1, onclick: () => turnTo(k + 1) }, String(k + 1)));
  const score = element("div", { "data-score": true });
  const reset = element("button", { type: "button", class: "explorer-reset", onclick: () => { guessed.clear(); turnTo(1); changed(); } }, "Reset");
  const above = element("div", { class: "guess-above" }, element("div", { class: "guess-cases", role: "group", "aria-label": "cases" }, ...numbers), element("div", { class: "guess-tally" }, score, reset));
  const curve = element("canvas", { class: "explorer-plot", role: "img" }), heading = element("span", {}, "Loss against update"), rate = element("span", { class: "guess-note" });
  offer(model, "case", reads.number(1, cases.length, true));
  offer(model, "guess", reads.one([null, ...answers]));
  offer(model, "remedy", (text) => reads.one(isOpen() ? [null, ...remedies.map((r) => r.name)] : [null])(text), () => null);
  const step = slider({ model, trait: "step", label: "update", range: linear(0, SEEN), steps: SEEN, round: Math.round, text: (t) => {
    const loss = lossAt(t);
    return Number.isFinite(loss) ? `${t}: loss ${format(loss)}` : `${t}: diverged`;
  } });
  offer(model, "step", (text) => reads.number(0, end(), true)(text), () => end());
  const asks = element("div", { class: "guess-asks" }, "Why does it not get on?");
  const choices = answers.map((name) => element("button", { type: "button", class: "explorer-chip", "data-answer": name, onclick: () => {
    if (value("guess") === null) set({ guess: name, remedy: null, step: SEEN });
  } }, name));
  const main = element("div", { class: "explorer-main" }, element("div", { class: "explorer-heading" }, heading, rate), curve, step.node, asks,
    element("div", { class: "explorer-chips guess-answers", role: "group", "aria-label": "answers" }, ...choices));
  const still = element("canvas"), moving = element("canvas", { role: "img" });
  const cover = element("div", { class: "guess-cover" }, element("b", { "aria-hidden": "true" }, "?"), element("span", {}, "The landscape opens when you have chosen an answer."));
  const plane = element("div", { class: "explorer-plane" }, still, moving, cover), name = element("span"), legend = element("div", { class: "explorer-legend" });
  const side = element("div", { class: "explorer-side" }, element("div", { class: "explorer-heading" }, name), plane, legend);
  const outcome = element("p"), table = element("div", { class: "guess-numbers", "data-readout": true }), told = element("p");
  const all = element("button", { type: "button", class: "guess-more", "aria-expanded": "false", onclick: () => { open = !open; writeTable(); } });
  const tries = remedies.map((r) => element("button", { type: "button", class: "explorer-chip", "data-remedy": r.name, onclick: () => {
    const off = value("remedy") === r.name;
    set({ remedy: off ? null : r.name, step: off ? SEEN : SEEN + MORE });
  } }, r.label));
  const next = element("button", { type: "button", class: "guess-next", onclick: () => turnTo(following()) });
  const treatment = element("div", { class: "guess-remedies", role: "group", "aria-label": "remedies" }, element("span", {}, "Go on with"), ...tries, next);
  const below = element("div", { class: "guess-below" }, outcome, table, all, treatment, told), spoken = announcer();
  root.append(element("style", {}, STYLE), above, element("div", { class: "explorer-panes is-paired" }, main, side), below, spoken.node);

  // -- the state that drawing reads
  let colours = theme(el), size = 0, wide = 0, open = false, began = 0, from = 0, stillKey = "";
  const now = () => cases[value("case") - 1], isOpen = () => value("guess") !== null;
  const end = () => (value("remedy") === null ? SEEN : SEEN + MORE);
  function run() {
    const key = `${value("case")} ${value("remedy")}`;
    if (!runs.has(key)) runs.set(key, course(code, spec, value("case") - 1, value("remedy")));
    return runs.get(key);
  }
  const part = (t) => { const { seen, more } = run(); return t > SEEN && more ? [more, t - SEEN] : [seen, Math.min(t, SEEN)]; };
  const lossAt = (t) => { const [r, k] = part(t); return r.loss[k] ?? NaN; };
  const view = () => {
    const land = spec.landscapes[now().landscape];
    if (!views.has(land)) views.set(land, { ...land, loss: code[`landscape ${now().landscape}`].loss });
    return views.get(land);
  };
  const beyond = ({ path, diverged }) => diverged || path.at(-1).some((v, i) => v < view().domain[i][0] || v > view().domain[i][1]);
  const following = () => {
    const order = cases.map((_, k) => ((value("case") + k) % cases.length) + 1);
    return order.find((k) => !guessed.has(k)) ?? order[0];
  };
  function turnTo(k) {
    set({ case: k, guess: guessed.get(k) ?? null, remedy: null, step: SEEN });
    numbers[k - 1].focus({ preventScroll: true });
  }

  // -- drawing
  const X = (x) => { const [p, q] = view().domain[0]; return ((x - p) / (q - p)) * size; };
  const Y = (y) => { const [p, q] = view().domain[1]; return ((q - y) / (q - p)) * size; };

  function drawStill() {
    const ratio = Math.min(2, window.devicePixelRatio || 1), v = view(), key = [isOpen(), now().landscape, size, ratio, colours.dark].join();
    if (key === stillKey) return;
    stillKey = key;
    const ctx = canvasFor(still, size + LEFT, size + BOTTOM);
    ctx.clearRect(0, 0, size + LEFT, size + BOTTOM);
    if (!isOpen()) return;
    v.values ??= sample(v.loss, v.domain, GRID);
    v.levels ??= levels(v.values, 15);
    v.index ??= bandIndex(v.values, v.levels);
    v.lines ??= v.levels.map((_, k) => contours(v.index, GRID, GRID, k));
    const bitmap = element("canvas", { width: Math.round(size * ratio), height: Math.round(size * ratio) }), g = bitmap.getContext("2d");
    g.putImageData(paintBands(g.createImageData(bitmap.width, bitmap.height), v.index, GRID, GRID, v.levels.length, rgb(colours.low), rgb(colours.high)), 0, 0);
    ctx.save();
    ctx.translate(LEFT, 0);
    ctx.beginPath();
    ctx.roundRect(0, 0, size, size, 5);
    ctx.save();
    ctx.clip();
    ctx.drawImage(bitmap, 0, 0, size, size);
    ctx.strokeStyle = faded(colours.dark ? "#aac8e6" : "#274b6d", colours.dark ? 0.2 : 0.24);
    ctx.lineWidth = 0.9;
    const f = size / (GRID - 1);
    for (const line of v.lines) {
      ctx.beginPath();
      for (let k = 0; k < line.length; k += 4) { ctx.moveTo(line[k] * f, line[k + 1] * f); ctx.lineTo(line[k + 2] * f, line[k + 3] * f); }
      ctx.stroke();
    }
    ctx.restore();
    ctx.strokeStyle = colours.line;
    ctx.lineWidth = 1;
    ctx.stroke();
    ctx.font = `11px ${colours.font}`;
    ctx.fillStyle = colours.soft;
    ctx.textBaseline = "top";
    ctx.textAlign = "center";
    const [[x0, x1], [y0, y1]] = v.domain, room = 24; // for the letters at the ends
    for (const x of niceTicks(x0, x1, 6)) if (X(x) < size - room) ctx.fillText(format(x, 3, true), clamp(X(x), 8, size - 8), size + 6);
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    for (const y of niceTicks(y0, y1, 6)) if (Y(y) > room) ctx.fillText(format(y, 3, true), -6, clamp(Y(y), 6, size - 6));
    ctx.font = `italic 13px ${colours.font}`;
    ctx.fillStyle = colours.ink;
    ctx.fillText(v.labels[1], -6, 8);
    ctx.textBaseline = "top";
    ctx.fillText(v.labels[0], size - 2, size + 4);
    ctx.restore();
  }

  /** How much of the course is drawn: all, or the part that has been reached so far. */
  function reached() {
    if (!began) return end();
    const share = (performance.now() - began) / SHOWING;
    if (share >= 1) { began = 0; return end(); }
    return Math.round(from + (end() - from) * (1 - (1 - share) ** 2));
  }
  function show(start) {
    from = start;
    began = reducedMotion() ? 0 : performance.now();
  }

  function trace(ctx, path, last, colour, marker, dash) {
    const line = new Path2D(), dots = [];
    let [px, py] = [X(path[0][0]), Y(path[0][1])], dx = Infinity, dy = Infinity;
    for (let t = 1; t <= last; t++) {
      const x = X(path[t][0]), y = Y(path[t][1]);
      if (t < last && Math.abs(x - px) + Math.abs(y - py) < 0.6) continue;
      const part = clip(px, py, x, y, size, size);
      if (part) { line.moveTo(part[0], part[1]); line.lineTo(part[2], part[3]); }
      [px, py] = [x, y];
      if (Math.abs(x - dx) + Math.abs(y - dy) > 6 && dots.length < 160) dots.push([(dx = x), (dy = y)]);
    }
    for (const [stroke, width] of [[faded(colours.paper, 0.55), 3.6], [colour, 1.8]]) {
      ctx.strokeStyle = stroke;
      ctx.lineWidth = width;
      ctx.setLineDash(width < 2 ? dash : []);
      ctx.stroke(line);
    }
    ctx.setLineDash([]);
    ctx.fillStyle = colour;
    for (const [x, y] of dots) { shape(ctx, marker, x, y, 2.1); ctx.fill(); }
  }

  function mark(ctx, name, x, y, r, colour) {
    shape(ctx, name, x, y, r);
    ctx.fillStyle = colours.paper;
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2.2;
    ctx.fill();
    ctx.stroke();
  }

  const look = () => [{ ...spec.looks.seen, colour: colours.pick(spec.looks.seen.colour) }, { ...spec.looks.more, colour: colours.pick(spec.looks.more.colour) }];

  function drawMoving(t) {
    const ctx = canvasFor(moving, size + LEFT, size + BOTTOM), { seen, more } = run(), [first, second] = look();
    ctx.clearRect(0, 0, size + LEFT, size + BOTTOM);
    if (!isOpen()) return;
    ctx.save();
    ctx.translate(LEFT, 0);
    ctx.beginPath();
    ctx.rect(0, 0, size, size);
    ctx.clip();
    ctx.lineJoin = "round";
    const last = Math.min(t, seen.path.length - 1), later = more ? Math.min(t - SEEN, more.path.length - 1) : -1;
    trace(ctx, seen.path, last, first.colour, first.marker, []);
    mark(ctx, first.marker, X(seen.path[last][0]), Y(seen.path[last][1]), 5.2, first.colour);
    if (later >= 0) {
      trace(ctx, more.path, later, second.colour, second.marker, second.dash);
      mark(ctx, second.marker, ...[X(more.path[later][0]), Y(more.path[later][1])].map((v) => clamp(v, 0, size)), 5.2, second.colour);
    }
    if (!began && value("step") !== end()) {
      const [r, k] = part(value("step")), θ = r.path[Math.min(k, r.path.length - 1)];
      shape(ctx, "circle", X(θ[0]), Y(θ[1]), 9);
      ctx.strokeStyle = colours.ink;
      ctx.lineWidth = 2;
      ctx.stroke();
    }
    ctx.restore();
  }

  function drawCurve(t) {
    curve.style.height = `${PLOT}px`;
    const ctx = canvasFor(curve, wide, PLOT), { seen, more } = run(), top = ceiling(seen.loss, more?.loss), most = end(), [first, second] = look();
    const box = { left: 38, top: 6, width: wide - 44, height: PLOT - 26 }, x = linear(0, most), y = linear(0, top);
    const px = (k) => box.left + box.width * x.at(k), py = (v) => box.top + box.height * (1 - y.at(v));
    ctx.clearRect(0, 0, wide, PLOT);
    drawAxes(ctx, box, { colours, x: { scale: x, ticks: more ? [0, SEEN, most] : [0, most], label: more ? "" : "update", text: String }, y: { scale: y, ticks: niceTicks(0, top, 4) } });
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.left, box.top - 2, box.width + 6, box.height + 4);
    ctx.clip();
    ctx.lineJoin = "round";
    const line = (loss, begin, last, colour, dash) => {
      ctx.strokeStyle = colour;
      ctx.setLineDash(dash);
      ctx.lineWidth = 1.8;
      ctx.beginPath();
      for (let k = 0; k <= last; k++) ctx.lineTo(px(begin + k), py(Math.min(loss[k], 2 * top)));
      ctx.stroke();
      ctx.setLineDash([]);
    };
    if (more) {
      ctx.fillStyle = faded(second.colour, 0.07);
      ctx.fillRect(px(SEEN), box.top, box.width - px(SEEN) + box.left, box.height);
    }
    line(seen.loss, 0, Math.min(isOpen() ? Math.max(t, more ? SEEN : 0) : SEEN, seen.loss.length - 1), isOpen() ? first.colour : colours.ink, []);
    if (more) line(more.loss, SEEN, Math.min(t - SEEN, more.loss.length - 1), second.colour, []);
    const k = value("step"), loss = lossAt(k);
    if (!began && Number.isFinite(loss) && k !== end()) {
      ctx.strokeStyle = faded(colours.ink, 0.5);
      ctx.lineWidth = 1;
      ctx.setLineDash([2, 3]);
      ctx.beginPath();
      ctx.moveTo(px(k), box.top);
      ctx.lineTo(px(k), box.top + box.height);
      ctx.stroke();
      ctx.setLineDash([]);
      shape(ctx, "circle", px(k), py(loss), 4);
      ctx.fillStyle = colours.ink;
      ctx.fill();
    }
    ctx.restore();
    if (more) {
      ctx.font = `11px ${colours.font}`;
      ctx.fillStyle = colours.soft;
      ctx.textAlign = "right";
      ctx.textBaseline = "top";
      ctx.fillText(remedies.find((r) => r.name === value("remedy")).label.toLowerCase(), px(most) - 4, box.top + 3);
    }
  }

  const draw = frames(() => {
    if (!size) return;
    const t = reached();
    drawStill();
    drawMoving(t);
    drawCurve(t);
    if (began) draw();
  });

  // -- words
  function writeTable() {
    const rows = now().report.numbers.filter((n) => n.decisive || open);
    const head = element("thead", {}, element("tr", {}, ...["number", "here", "threshold", "what it is"].map((h) => element("th", { scope: "col" }, h))));
    const line = (n) => element("tr", { class: n.decisive ? "is-decisive" : null }, element("th", { scope: "row" }, n.name),
      element("td", {}, n.value === null ? "∞" : format(n.value, 2, true)), element("td", {}, format(n.threshold, 2, true)), element("td", {}, n.meaning));
    table.replaceChildren(element("table", {}, head, element("tbody", {}, ...rows.map(line))));
    all.textContent = open ? "Only what decided" : `All ${now().report.numbers.length} numbers`;
    all.setAttribute("aria-expanded", String(open));
  }

  function write() {
    const c = now(), guess = value("guess"), right = guess === c.answer, { report } = c, { seen, more } = run(), said = [];
    const hits = [...guessed].filter(([k, g]) => cases[k - 1].answer === g).length;
    numbers.forEach((b, k) => {
      const g = guessed.get(k + 1), hit = g === cases[k].answer, mark = g === undefined ? "" : hit ? " ✓" : " ✗";
      b.textContent = `${k + 1}${mark}`;
      b.classList.toggle("is-right", g !== undefined && hit);
      b.classList.toggle("is-wrong", g !== undefined && !hit);
      b.setAttribute("aria-label", `case ${k + 1}${g === undefined ? "" : hit ? ", right" : ", wrong"}`);
      b.setAttribute("aria-current", String(k + 1 === value("case")));
    });
    score.textContent = guessed.size ? `${hits} of ${guessed.size} right${guessed.size === cases.length ? ", all cases seen" : ""}` : `${cases.length} cases`;
    rate.textContent = `η = ${format(c.η, 2, true)}`;
    choices.forEach((b, k) => {
      const chosen = answers[k] === guess, correct = isOpen() && answers[k] === c.answer;
      b.setAttribute("aria-pressed", String(chosen));
      b.setAttribute("aria-disabled", String(isOpen()));
      b.classList.toggle("is-right", correct);
      b.classList.toggle("is-wrong", chosen && !correct);
      b.textContent = `${answers[k]}${correct ? "\u2009✓" : chosen ? "\u2009✗" : ""}`;
    });
    asks.textContent = isOpen() ? "Your answer" : "Why does it not get on?";
    cover.hidden = isOpen();
    below.hidden = !isOpen();
    name.textContent = isOpen() ? view().title : "The landscape";
    const [first, second] = look();
    const sign = ({ colour }, words, glyph) => element("span", {}, element("span", { "aria-hidden": "true", style: `color:${colour}` }, glyph), words);
    legend.replaceChildren(...(isOpen() ? [sign(first, "the run", "●"), more ? sign(second, `with the remedy${beyond(more) ? " (beyond the edge)" : ""}`, "■") : null] : []).filter(Boolean));
    moving.setAttribute("aria-label", isOpen() ? `Map of the landscape with the path of the run, ${SEEN} updates${more ? `, and ${MORE} more with the remedy` : ""}.` : "The landscape, still covered.");
    curve.setAttribute("aria-label", `Loss against update: it begins at ${format(seen.loss[0])}, and after ${SEEN} updates it is ${format(seen.loss.at(-1))}.`);
    if (!isOpen()) {
      spoken.say(`Case ${value("case")} of ${cases.length}. The loss begins at ${format(seen.loss[0])}, and after ${SEEN} updates it is ${format(seen.loss.at(-1))}.`);
      return;
    }
    const verdict = `${right ? "Right" : `Not ${a(guess)}`}: it is ${a(c.answer)}.`;
    outcome.replaceChildren(element("b", { class: right ? "is-right" : "is-wrong" }, verdict), ` ${c.why} Measured at the end of the run, with ${report.cost} gradients: `,
      element("b", {}, report.verdict), ` (${report.confidence} confidence). ${report.reasons.join(" ")}`);
    writeTable();
    said.push(verdict, c.why, `Measured: ${report.verdict}, ${report.confidence} confidence. ${report.reasons.join(" ")}`);
    const suggested = spec.suggested[report.verdict];
    tries.forEach((b, k) => {
      b.setAttribute("aria-pressed", String(remedies[k].name === value("remedy")));
      const best = remedies[k].name === suggested;
      b.classList.toggle("is-suggested", best);
      b.setAttribute("aria-label", best ? `${remedies[k].label}, suggested` : remedies[k].label);
    });
    next.textContent = guessed.size === cases.length ? "Case by case again" : "Next case";
    const advice = `What the report suggests${suggested ? " (★)" : ""}: ${report.try} Chapter ${report.chapter}, ${report.title}, explains why.`;
    if (more) {
      const { kind, before, after } = effect(seen, more), remedy = remedies.find((r) => r.name === value("remedy"));
      const how = { diverged: `the loss grows without bound: diverged at update ${SEEN + more.diverged}`, lower: `the loss falls from ${format(before)} to ${format(after)}`,
        higher: `the loss rises from ${format(before)} to ${format(after)}`, level: `the loss hardly changes, from ${format(before)} to ${format(after)}` }[kind];
      const result = `${remedy.label}: ${how}.`;
      told.replaceChildren(element("b", {}, result), ` (Means of the last ${Math.ceil(MORE / 5)} updates.) ${advice}`);
      said.unshift(result);
      said.length = 1;
    } else told.replaceChildren(advice);
    spoken.say(said.join(" "));
  }

  // -- what happens when
  let last = {};
  function changed() {
    const state = { case: value("case"), guess: value("guess"), remedy: value("remedy") };
    if (state.guess !== null && !guessed.has(state.case)) guessed.set(state.case, state.guess);
    if (state.case !== last.case) { open = false; began = 0; }
    if (state.guess !== null && (state.case !== last.case || last.guess === null) && last.case !== undefined) show(0);
    else if (state.remedy !== null && state.remedy !== last.remedy && last.case !== undefined) show(SEEN);
    last = state;
    const most = end(), middle = most > SEEN ? [0, SEEN, most] : [0, SEEN];
    step.setRange(linear(0, most), middle.map((v) => ({ value: v, text: String(v) })));
    step.show(value("step"));
    write();
    draw();
  }
  let waiting = false;
  const soon = () => { // several traits change together
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => { waiting = false; changed(); });
  };
  function measure() {
    size = Math.max(0, plane.clientWidth - LEFT);
    wide = main.clientWidth;
    plane.style.height = `${size + BOTTOM}px`;
    step.layout();
  }
  function recoloured() {
    colours = theme(el);
    root.style.setProperty("--cure", look()[1].colour);
    write();
    draw();
  }

  recoloured();
  measure();
  changed();
  for (const trait of ["case", "guess", "remedy", "step"]) {
    const call = trait === "step" ? () => { began = 0; step.show(value("step")); draw(); } : soon;
    model.on(`change:${trait}`, call);
    stops.push(() => model.off(`change:${trait}`, call));
  }
  stops.push(watchSize(plane, () => { measure(); draw(); }), watchTheme(el, recoloured), draw.stop, spoken.stop);
  return () => { stops.forEach((stop) => stop()); el.replaceChildren(); };
}

export default { render };
