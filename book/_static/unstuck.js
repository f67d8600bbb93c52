// Small repairs of what the theme leaves to be desired for screen readers.
const each = (selector, change) => document.querySelectorAll(selector).forEach(change);

// A control's name has to contain the words that it shows: drop the label where the text says enough.
each("button[aria-label], a[aria-label]", (control) => {
  const shown = control.innerText.trim();
  if (shown && !control.getAttribute("aria-label").toLowerCase().includes(shown.toLowerCase())) {
    control.setAttribute("aria-label", `${shown}: ${control.getAttribute("aria-label")}`);
  }
});
// docutils calls the bibliography a list, but its entries are no list items.
each(".citation-list[role=list], div.citation[role=doc-biblioentry]", (part) => part.removeAttribute("role"));
// What lies outside header, main and navigation is no landmark.
each(".skip-link, #pst-skip-link", (part) => part.setAttribute("role", "navigation"));
// A block that scrolls sideways must be reachable with the keyboard.
const reachable = () =>
  each(".highlight pre, .output pre, div.math, .cell_output table", (block) => {
    const scrolls = block.scrollWidth > block.clientWidth + 1;
    if (scrolls && !block.hasAttribute("tabindex")) block.tabIndex = 0;
  });
reachable();
addEventListener("load", reachable);
addEventListener("resize", reachable);
