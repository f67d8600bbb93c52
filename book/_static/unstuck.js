// Small repairs, for screen readers and the keyboard, of what the theme and docutils leave.
{
  const each = (selector, change) => document.querySelectorAll(selector).forEach(change);

  // The name of a control has to contain the words that it shows.
  each("button[aria-label], a[aria-label]", (control) => {
    const shown = control.innerText.trim();
    const name = control.getAttribute("aria-label");
    if (shown && !name.toLowerCase().includes(shown.toLowerCase())) control.setAttribute("aria-label", `${shown}: ${name}`);
  });
  // The title in the side bar lies outside every landmark.
  each(".sidebar-primary-item:has(> .navbar-brand)", (part) => {
    part.setAttribute("role", "navigation");
    part.setAttribute("aria-label", "Title page");
  });
  // docutils calls the bibliography a list, but its entries are no list items.
  each(".citation-list[role=list], [role=doc-biblioentry]", (part) => part.removeAttribute("role"));
  // What scrolls sideways must be reachable with the keyboard.
  const reachable = () =>
    each(".highlight pre, .cell_output pre, div.math, mjx-container[display]", (block) => {
      if (block.scrollWidth > block.clientWidth + 1 && !block.hasAttribute("tabindex")) block.tabIndex = 0;
    });
  addEventListener("load", reachable);
  addEventListener("resize", reachable);
}
