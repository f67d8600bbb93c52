/* Formulas. A chapter has hundreds of them, and to typeset them all at once takes a phone many seconds. So those near the
   window come first, the others whenever the browser has time, and before printing all that are left. A formula that waits
   shows its TeX. `formulas.done` is a promise for the time when none waits any more. */
{
  const waiting = new Set(document.querySelectorAll(".math")), near = new Set(), sizes = new Map();
  const TEX = /^\s*\\([[(])([^]*)\\[\])]\s*$/, AT_ONCE = 8, ENOUGH = 6; // formulas put into the page; ms of work without a pause
  let shown, typeset;
  const first = new Promise((resolve) => (shown = resolve)), done = new Promise((resolve) => (typeset = resolve));

  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) near[isIntersecting ? "add" : "delete"](target);
  }, { rootMargin: "60% 0px" });
  const take = (formula) => (waiting.delete(formula), near.delete(formula), observer.unobserve(formula));
  const idle = () => new Promise((resume) => (window.requestIdleCallback ? requestIdleCallback(resume, { timeout: 500 }) : setTimeout(resume, 30)));
  const pause = () => (near.size ? new Promise((resume) => setTimeout(resume)) : idle());

  // A link into the page leads to its place also when formulas above it have grown, until the reader moves.
  let linked = location.hash.length > 1;
  for (const moves of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(moves, () => (linked = false), { once: true, passive: true });

  /** The text between \( and \) or \[ and \] in an element, which may also hold the number of an equation. */
  function source(formula) {
    for (const text of formula.childNodes) {
      const found = text.nodeType === Node.TEXT_NODE && text.data.match(TEX);
      if (found) return { text, tex: found[2], display: found[1] === "[" };
    }
  }

  /** What MathJax has to know of the text around, measured once for each font: to measure is to lay out the whole page. */
  function around(formula, display) {
    const { fontSize, fontFamily } = getComputedStyle(formula), key = `${fontSize} ${fontFamily} ${display}`;
    if (!sizes.has(key)) sizes.set(key, MathJax.getMetricsFor(formula, display));
    return sizes.get(key);
  }

  /** Typeset outside of the page; what is returned puts the formula into it. */
  async function convert(formula) {
    const { text, tex, display } = source(formula) ?? {};
    const drawn = text && (await MathJax.tex2chtmlPromise(tex, { display, ...around(formula, display) }));
    return async () => {
      if (!waiting.has(formula)) return; // printed meanwhile
      take(formula);
      formula.removeAttribute("style");
      if (drawn) text.replaceWith(drawn);
      else await MathJax.typesetPromise([formula]); // an environment without delimiters
    };
  }

  /** Put formulas into the page, and the rules of style for letters that it had not yet. */
  async function put(converted) {
    for (const insert of converted) await insert();
    MathJax.startup.document.clear();
    MathJax.startup.document.updateDocument();
    if (linked) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView({ behavior: "instant" });
  }

  async function typesetAll() {
    let start = performance.now();
    while (waiting.size) {
      if (!near.size) shown();
      const converted = [];
      for (const formula of [...(near.size ? near : waiting)].slice(0, AT_ONCE)) {
        if (performance.now() - start > ENOUGH) {
          await pause();
          start = performance.now();
        }
        converted.push(await convert(formula));
      }
      await put(converted);
    }
    shown();
    typeset();
    dispatchEvent(new Event("resize")); // what depends on widths looks again
  }

  if (waiting.size) {
    waiting.forEach((formula) => observer.observe(formula));
    Object.assign(window.MathJax, {
      loader: { load: ["input/tex", "output/chtml", "a11y/assistive-mml"] },
      startup: {
        typeset: false,
        promise: first, // until MathJax is there and puts its own in this place
        pageReady: () => first,
        ready() {
          MathJax.startup.defaultReady();
          typesetAll();
        },
      },
    });
    addEventListener("beforeprint", () => {
      if (!MathJax.typeset) return;
      const rest = [...waiting];
      rest.forEach(take);
      for (const formula of rest) formula.removeAttribute("style");
      MathJax.typeset(rest);
    });
    // After the first picture of the page: MathJax is half of what the page loads.
    const script = document.createElement("script");
    script.src = `${document.documentElement.dataset.content_root}_static/mathjax/startup.js`;
    requestAnimationFrame(() => setTimeout(() => document.head.append(script)));
  } else {
    typeset();
  }
  window.formulas = { done };
}
