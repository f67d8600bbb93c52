// Small repairs, for the keyboard and for paper. What needs no script is mended when the book is built.
{
  const root = document.documentElement;

  // The theme puts these into attributes, which a content security policy does not run.
  document.querySelector(".btn-download-pdf-button")?.addEventListener("click", () => print());
  document.querySelector(".btn-fullscreen-button")?.addEventListener("click", () => toggleFullScreen());

  // What scrolls must be reachable with the keyboard. First a look at all, then the changes: a look after a change lays out
  // the page once more. What is folded away waits until it is opened.
  const BLOCKS = "pre, .cell_output > .output, div.math, mjx-container[display], .pst-scrollable-table-container";
  const reachable = () => {
    const blocks = [...document.querySelectorAll(BLOCKS)].filter((b) => !b.closest("details:not([open])"));
    const scrolls = blocks.map((b) => b.scrollWidth > b.clientWidth + 1 || b.scrollHeight > b.clientHeight + 1);
    blocks.forEach((b, k) => {
      if (scrolls[k]) b.tabIndex = 0;
      else if (b.tabIndex === 0) b.removeAttribute("tabindex");
    });
  };
  const soon = () => requestAnimationFrame(() => setTimeout(reachable)); // when the page is laid out anyway
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(soon) ?? soon());
  addEventListener("resize", soon);
  document.addEventListener("toggle", soon, true);

  // When the search, or a side bar that lay over a narrow page, is closed, the keyboard goes on where it was.
  const openers = { "primary-sidebar-modal": ".primary-toggle", "secondary-sidebar-modal": ".secondary-toggle", "search-dialog": ".search-button__button" };
  for (const [dialog, opener] of Object.entries(openers)) {
    document.getElementById(`pst-${dialog}`)?.addEventListener("close", () => {
      [...document.querySelectorAll(opener)].find((b) => b.checkVisibility())?.focus();
    });
  }

  // Paper is light, and nothing on it is folded.
  let before = null;
  addEventListener("beforeprint", () => {
    before = { theme: root.dataset.theme, folded: [...document.querySelectorAll("details:not([open])")] };
    root.dataset.theme = "light";
    for (const details of before.folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    if (!before) return;
    root.dataset.theme = before.theme;
    for (const details of before.folded) details.open = false;
    before = null;
  });
}
