/* Question: a number or a choice, checked on the page. The answer arrives encoded in spec.key. */
import { element, format, prepare, rich } from "./stage.js";

const STYLE = `
.question { font-size: 1rem; line-height: 1.5; border-left: 3px solid var(--line); padding: 2px 0 2px 16px; }
.question.is-right { border-left-color: var(--minimum); }
.question.is-wrong { border-left-color: var(--saddle); }
.explorer-figure .question p { margin: 0; font-size: inherit; color: inherit; }
.explorer-figure .question fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
.explorer-figure .question legend { float: none; width: auto; padding: 0; margin: 0; font: inherit; color: inherit; border: 0; }
.question-prompt { white-space: pre-line; overflow-wrap: anywhere; }
.question-row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; margin-top: 10px; }
.explorer-figure .question input[type=text] { font: inherit; font-variant-numeric: tabular-nums; width: 9em; max-width: 100%; height: 36px; margin: 0; padding: 4px 10px;
  color: var(--ink); background: var(--paper); border: 1px solid var(--soft); border-radius: 6px; box-shadow: none; }
.explorer-figure .question input:focus-visible, .question-choice:focus-within { outline: 2px solid var(--ink); outline-offset: 1px; }
.explorer-figure .question button { font-size: 14px; font-weight: 600; line-height: 20px; height: 36px; padding: 4px 18px; border-radius: 6px; color: var(--paper); background: var(--ink); border-color: var(--ink); }
.explorer-figure .question button:hover { opacity: .88; }
.question-choices { display: grid; gap: 4px; margin-top: 10px; }
.explorer-figure .question-choice { display: flex; gap: 10px; align-items: baseline; padding: 5px 14px 5px 10px; margin: 0 0 0 -10px; justify-self: start; max-width: 100%; border: 1px solid transparent; border-radius: 6px; cursor: pointer; }
.question-choice:hover { background: color-mix(in srgb, var(--low) 16%, transparent); }
.question-choice:has(:checked) { border-color: var(--line); }
.explorer-figure .question input[type=radio] { flex: none; width: 16px; height: 16px; margin: 0; transform: translateY(2px); accent-color: var(--ink); }
.explorer-figure .question .question-choice input:focus-visible { outline: none; }
.question-feedback { white-space: pre-line; overflow-wrap: anywhere; }
.question-feedback:not(:empty) { margin-top: 10px; }
.question-feedback b { font-weight: 650; }
.is-right .question-feedback b { color: var(--minimum); }
.is-wrong .question-feedback b { color: var(--saddle); }
@media print { .explorer-figure[data-explorer=question] > .question-poster { display: block !important; } }`;

const ACCEPTED = "Please write a number, such as 0.5, −2, 1/2 or 3e−4.";

/** A reader's number: 0.5, 0,5, .5, −2, 1/2, 3e-4, 3·10⁻⁴, 3*10^-4, 50 %, "x = 2", with or without the unit; null if it is none. */
export function parse(text, unit = "") {
  const plain = (words) => words.replace(/[⁰¹²³⁴-⁹⁺⁻]+/g, "^$&").normalize("NFKD").replace(/[−–—‐‑]/g, "-").replace(/\s/g, "");
  if (/\d\s*[¼-¾⅐-⅞]/.test(text)) return null; // 1½
  let words = plain(text).split(/[=≈]/).pop();
  const tail = plain(unit);
  if (tail && words.endsWith(tail)) words = words.slice(0, -tail.length);
  let share = 1;
  if (tail !== "%" && words.endsWith("%")) { words = words.slice(0, -1); share = 0.01; }
  if ((words.match(/,/g) ?? []).length === 1 && !words.includes(".")) words = words.replace(",", ".");
  words = words.replace(/[·*×⋅]10\^?\(?([+-]?\d+)\)?/g, "e$1").replace(/^([+-]?)10\^\(?([+-]?\d+)\)?$/, "$11e$2").replace(/⁄/g, "/");
  const one = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;
  const found = words.match(new RegExp(`^(${one})(?:/(${one}))?$`));
  if (!found) return null;
  const value = (Number(found[1]) / (found[2] === undefined ? 1 : Number(found[2]))) * share;
  return Number.isFinite(value) ? value : null;
}

/** What to say to a number or a choice (by its place in the list): {right, head, words}. */
export function judge(value, key) {
  const off = Math.abs(value - key.answer);
  if (off <= (key.slack ?? 0)) return { right: true, head: "Right.", words: key.explanation };
  const hints = key.hints.map(([wrong, words, slack]) => ({ words, far: Math.abs(value - wrong), slack: slack ?? 0 }));
  const hint = hints.filter((h) => h.far <= h.slack).sort((a, b) => a.far - b.far)[0];
  if (hint) return { right: false, head: "Not yet.", words: hint.words };
  const general = "Think it over once more. The worked solution stands below.";
  if (key.slack === undefined) return { right: false, head: "Not this one.", words: general };
  if (Math.abs(value + key.answer) <= key.slack) return { right: false, head: "Almost.", words: "The size is right, the sign is not." };
  if (off <= 10 * key.slack) return { right: false, head: "Close.", words: "But not close enough: work with one more digit." };
  return { right: false, head: "Not yet.", words: general };
}

export const decode = (key) => JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(key), (c) => c.charCodeAt(0))));

// MathJax, where the page has it: it comes after the page, and typesets one piece after the other.
let ready = null, queue = Promise.resolve();
function mathjax() {
  return (ready ??= (async () => {
    if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
    await window.MathJax?.startup?.promise;
    return window.MathJax?.typesetPromise ? window.MathJax : null;
  })());
}

/** Words into a node: readable at once, typeset as soon as it is possible. */
function say(node, words) {
  node.words = words;
  if (!words?.tex) { node.textContent = words; return; }
  node.textContent = words.plain;
  mathjax().then((math) => {
    if (!math) return;
    queue = queue.then(async () => {
      if (node.words !== words || !node.isConnected) return;
      node.textContent = words.tex;
      node.classList.add("mathjax_process", "tex2jax_process");
      await math.typesetPromise([node]);
    }).catch(() => { node.textContent = words.plain; });
  });
}

let count = 0;

function render({ model, el }) {
  const spec = model.get("spec"), key = decode(spec.key), id = `question-${++count}`, stops = [];
  const numeric = !spec.choices.length;
  const poster = el.closest("figure[data-explorer]")?.querySelector(":scope > .question-poster");
  if (poster) poster.hidden = true;
  const root = prepare(model, el, "Question");
  root.classList.add("question");
  if (spec.name) root.dataset.question = spec.name;

  const feedback = element("div", { class: "question-feedback", role: "status", "data-readout": true });
  const check = element("button", { type: "submit" }, "Check");
  const prompt = element(numeric ? "p" : "legend", { class: "question-prompt", id: `${id}-prompt` });
  const form = element("form", { novalidate: true });
  let field = null, radios = [], submitting = false;
  if (numeric) {
    field = element("input", { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", enterkeyhint: "done",
      "data-trait": "value", "aria-labelledby": `${id}-prompt${spec.unit ? ` ${id}-unit` : ""}`, "aria-describedby": `${id}-feedback` });
    const unit = spec.unit ? element("span", { id: `${id}-unit` }) : null;
    if (unit) say(unit, spec.unit);
    form.append(prompt, element("div", { class: "question-row" }, field, unit, check));
  } else {
    radios = spec.choices.map((_, k) => element("input", { type: "radio", name: id, value: k, "data-trait": "value" }));
    const rows = spec.choices.map((choice, k) => {
      const label = element("span");
      say(label, choice.label);
      return element("label", { class: "question-choice" }, radios[k], label);
    });
    form.append(element("fieldset", {}, prompt, element("div", { class: "question-choices" }, ...rows)), element("div", { class: "question-row" }, check));
  }
  feedback.id = `${id}-feedback`;
  root.append(element("style", {}, STYLE), form, feedback);
  say(prompt, spec.prompt);

  function mark(right) {
    root.classList.toggle("is-right", right === true);
    root.classList.toggle("is-wrong", right === false);
    if (field) right === false ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid");
  }
  function tell(head, words) {
    const rest = element("span");
    feedback.replaceChildren(...(head ? [element("b", {}, head), " "] : []), rest);
    if (words) say(rest, words);
  }
  function clear() { feedback.replaceChildren(); mark(null); }

  /** A value, from this form, from Python or from another view, as the page shows it. */
  function show() {
    const value = model.get("value");
    if (value === null || value === undefined) {
      if (!submitting) { form.reset(); clear(); } // somebody else took the answer back
      return;
    }
    const at = numeric ? value : spec.choices.findIndex((choice) => choice.name === value), result = judge(at, key);
    if (numeric && parse(field.value, unitText) !== value) field.value = format(value, 6, true);
    if (!numeric) radios[at].checked = true;
    if (model.get("correct") !== result.right) model.set("correct", result.right);
    tell(result.head, result.words);
    mark(result.right);
  }
  const unitText = spec.unit?.plain ?? spec.unit;

  function submit(event) {
    event.preventDefault();
    const chosen = radios.findIndex((radio) => radio.checked);
    const value = numeric ? parse(field.value, unitText) : chosen < 0 ? null : spec.choices[chosen].name;
    const said = model.get("value") === value;
    submitting = true;
    model.set("value", value);
    submitting = false;
    model.set("correct", value === null ? null : judge(numeric ? value : chosen, key).right);
    model.save_changes();
    if (value === null) { tell("", numeric ? ACCEPTED : "Please choose one of the answers."); mark(null); }
    else if (said) show();
  }
  form.addEventListener("submit", submit);
  form.addEventListener("input", clear);
  model.on("change:value", show);
  stops.push(() => model.off("change:value", show));
  show();
  return () => {
    stops.forEach((stop) => stop());
    root.querySelectorAll("*").forEach((node) => { node.words = null; });
    if (poster) poster.hidden = false;
    el.replaceChildren();
  };
}

export default { render };
