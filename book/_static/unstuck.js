// Small repairs, for the keyboard and for paper. What needs no script is mended when the book is built.
{
  const root = document.documentElement;

  // The theme puts these into attributes, which the content security policy does not run.
  document.querySelector(".btn-download-pdf-button")?.addEventListener("click", () => print());
  document.querySelector(".btn-fullscreen-button")?.addEventListener("click", () => toggleFullScreen());

  // What scrolls sideways must be reachable with the keyboard. The theme sees to code and tables when they change.
  const reachable = () => {
    for (const block of document.querySelectorAll(".highlight pre, .cell_output pre, div.math, mjx-container[display], .pst-scrollable-table-container")) {
      if (block.scrollWidth > block.clientWidth + 1) block.tabIndex = 0;
    }
  };
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(reachable) ?? reachable());
  addEventListener("resize", reachable);
  document.addEventListener("toggle", reachable, true);

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
