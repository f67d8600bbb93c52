/* Runs before a page: notes whatever no reader should ever see. */
(() => {
  const seen = (window.watched = { strange: [] });
  const note = (what) => { if (seen.strange.length < 20) seen.strange.push(String(what).slice(0, 160)); };
  const odd = /NaN|Infinity|undefined|\bnull\b|\[object/;

  const points = { lineTo: 2, moveTo: 2, rect: 4, roundRect: 4, fillRect: 4, strokeRect: 4, arc: 5, ellipse: 7, quadraticCurveTo: 4,
    bezierCurveTo: 6, translate: 2, fillText: 3, strokeText: 3, drawImage: 9, putImageData: 3 };
  for (const kind of [CanvasRenderingContext2D, Path2D]) {
    for (const [name, most] of Object.entries(points)) {
      const plain = kind.prototype[name];
      if (!plain) continue;
      kind.prototype[name] = function (...given) {
        for (let k = 0; k < given.length && k < most; k++) {
          const v = given[k];
          if (typeof v === "number" ? !Number.isFinite(v) : typeof v === "string" ? odd.test(v) : v === undefined || v === null)
            note(`${name}(${given.slice(0, most).map((w) => (typeof w === "object" ? typeof w : w)).join(", ")})`);
        }
        return plain.apply(this, given);
      };
    }
  }

  // Pointers that a script makes up cannot be captured.
  const capture = Element.prototype.setPointerCapture;
  Element.prototype.setPointerCapture = function (id) { try { capture.call(this, id); } catch { /* no such pointer */ } };

  const within = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest?.("figure[data-explorer]");
  const spoken = ["aria-label", "aria-valuetext", "aria-valuenow", "aria-valuemin", "aria-valuemax", "title", "style"];
  new MutationObserver((changes) => {
    for (const { type, target, attributeName, addedNodes } of changes) {
      if (!within(target)) continue;
      if (type === "attributes") {
        const words = target.getAttribute(attributeName) ?? "";
        if (odd.test(words)) note(`${attributeName}="${words}"`);
      } else {
        const nodes = type === "characterData" ? [target] : addedNodes;
        for (const node of nodes) if (!node.parentElement?.closest("script, style") && !["SCRIPT", "STYLE"].includes(node.nodeName) && odd.test(node.textContent)) note(node.textContent);
      }
    }
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: spoken });
})();
