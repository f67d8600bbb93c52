/* The page comes first: formulas and explorers, which are most of what it loads, wait until it has been painted, or for a
   while where nobody looks at it. */
window.painted = new Promise((resolve) => {
  if (PerformanceObserver.supportedEntryTypes.includes("paint"))
    new PerformanceObserver((_, observer) => { observer.disconnect(); resolve(); }).observe({ type: "paint", buffered: true });
  setTimeout(resolve, 1500);
});

/* Formulas. A chapter has hundreds of them, and to typeset them all at once takes a phone many seconds. So those near the
   window come first. The others follow when the page has been at rest for a while, whenever the browser has time, and
   before printing all that are left. A formula that waits shows its TeX. `formulas.all()` does not wait for a rest; its
   promise is for the time when no formula waits any more. */
{
  const waiting = new Set(document.querySelectorAll(".math")), near = new Set(), converted = new Map(), sizes = new Map();
  const TEX = /^\s*\\([[(])([^]*)\\[\])]\s*$/;
  const AT_ONCE = 8, LATER = 32, ENOUGH = 6, REST = 2500; // formulas put into the page, near and far; ms of work without a pause; ms of rest
  let shown, typeset, fonts = null, from = null, wake = () => {}; // from: when those far away may begin
  const first = new Promise((resolve) => (shown = resolve)), done = new Promise((resolve) => (typeset = resolve));

  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) near[isIntersecting ? "add" : "delete"](target);
    if (near.size) wake();
  }, { rootMargin: "60% 0px" });
  const take = (formula) => (waiting.delete(formula), near.delete(formula), observer.unobserve(formula));
  const idle = () => new Promise((resume) => (window.requestIdleCallback ? requestIdleCallback(resume, { timeout: 500 }) : setTimeout(resume, 30)));
  const rest = (time) => new Promise((resume) => { wake = resume; setTimeout(resume, time); });
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

  /** The fonts of most formulas: without them lines would be higher for a moment. */
  const letters = () => Promise.allSettled([...document.fonts].filter((f) => /^"?MJX(ZERO|TEX|TEX-I)"?$/.test(f.family)).map((f) => f.load()));

  /** Put formulas into the page, and the rules of style for letters that it had not yet. Each time the browser goes through
      the whole page, so far away from the window many go in at once. */
  async function put(group) {
    MathJax.startup.document.updateDocument();
    await (fonts ??= letters());
    for (const formula of group) await converted.get(formula)();
    MathJax.startup.document.clear();
    if (linked) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView({ behavior: "instant" });
  }

  async function typesetAll() {
    let start = performance.now();
    while (waiting.size) {
      const hurry = near.size > 0, group = [...(hurry ? near : waiting)].slice(0, hurry ? AT_ONCE : LATER);
      if (!hurry) {
        shown();
        from ??= linked ? 0 : performance.now() + REST;
        if (performance.now() < from) {
          await rest(from - performance.now());
          continue;
        }
      }
      for (const formula of group) {
        if (!hurry && near.size) break; // the reader has come to others
        if (performance.now() - start > ENOUGH) {
          await pause();
          start = performance.now();
        }
        if (!converted.has(formula)) converted.set(formula, await convert(formula));
      }
      if (hurry || !near.size) await put(group);
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
    const script = document.createElement("script");
    script.src = `${document.documentElement.dataset.content_root}_static/mathjax/startup.js`;
    window.painted.then(() => document.head.append(script));
  } else {
    typeset();
  }
  window.formulas = { all() { from = 0; wake(); return done; } };
}
