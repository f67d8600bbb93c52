/* Moves every control of figure n, alone and with others, and gives what the page then says: [{what, state, rows, …}]. */
async ([n, thorough, touch]) => {
  const host = document.querySelectorAll("figure[data-explorer]")[n], found = [];
  const seen = (css) => [...host.querySelectorAll(css)].filter((e) => e.checkVisibility());
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms)), frame = () => new Promise(requestAnimationFrame);
  const fire = (node, kind, Kind, more) => node.dispatchEvent(new Kind(kind, { bubbles: true, cancelable: true, ...more }));

  // -- what the page says
  const rows = (css) => seen(`${css} tbody tr`).map((tr) => [...tr.children].map((c) => c.textContent));
  const words = (css) => seen(css).map((e) => e.textContent);
  const place = (e) => { const a = e.getBoundingClientRect(), b = e.parentElement.getBoundingClientRect();
    return [(a.x + a.width / 2 - b.x) / b.width, (a.y + a.height / 2 - b.y) / b.height]; };
  const number = (e, name) => Number(e.getAttribute(`aria-value${name}`));
  function look(what) {
    const { spec, caption, alt, ...state } = host.model.state;
    found.push({ what, state: structuredClone(state), strange: watched.strange.splice(0), rows: rows("[data-readout]"), own: rows("[data-readout=directions]"),
      verdicts: words(".curve-verdicts div"), clock: words(".particles-clock"), warning: words(".particles-warning"), told: words(".guess-below p"),
      strip: host.querySelector(".hill-strip canvas")?.getAttribute("aria-label"), said: words(".question-feedback"),
      playing: Boolean(host.querySelector(".curve-player [aria-label=pause]")),
      sliders: seen("input[type=range]").map((e) => ({ trait: e.dataset.trait, text: e.getAttribute("aria-valuetext"),
        shown: e.closest(".explorer-control").querySelector(".explorer-value").textContent, at: Number(e.style.getPropertyValue("--at")) })),
      handles: seen("[data-handle]").map((e) => ({ name: e.dataset.handle, place: place(e), text: e.getAttribute("aria-valuetext"),
        now: number(e, "now"), low: number(e, "min"), high: number(e, "max") })) });
  }
  /** Do something and let the page draw it; then, unless it is `quick`, let it write too, and look. */
  async function act(what, how, quick = false) {
    how();
    await frame();
    await frame();
    performance.mark(what);
    if (quick) return;
    const film = () => host.querySelector(".curve-player [aria-label=pause]"), played = film();
    await sleep(140); // numbers follow within 120 milliseconds
    if (played && !film()) await sleep(140); // the film has just ended
    if (host.dataset.explorer === "hill") await sleep(60);
    const waits = () => host.dataset.explorer === "particles" && !words(".particles-warning").length && rows("[data-readout]")[3][2] === "–";
    for (let k = 0; k < 60 && waits(); k++) await sleep(50); // for exact times
    performance.mark(what);
    look(what);
  }

  // -- moves
  const set = (e, value) => { e.value = value; fire(e, "input", Event); };
  const together = (ends, quick) => act(`all sliders at ${ends.join(" and ")}`, () => seen("input[type=range]").forEach((e, k) => set(e, e[ends[k % ends.length]])), quick);
  function drag(node, plane, to) {
    const box = plane.getBoundingClientRect(), own = node.getBoundingClientRect(), x0 = own.x + own.width / 2, y0 = own.y + own.height / 2;
    const x1 = box.x + to[0] * box.width, y1 = box.y + to[1] * box.height, kind = touch ? "touch" : "mouse";
    const send = (target, what, u) => fire(target, what, PointerEvent, { pointerId: 7, pointerType: kind, isPrimary: true, buttons: what === "pointerup" ? 0 : 1,
      clientX: x0 + u * (x1 - x0), clientY: y0 + u * (y1 - y0) });
    send(plane, "pointerdown", 0);
    for (const u of [0.3, 0.7, 1]) send(plane, "pointermove", u);
    send(plane, "pointerup", 1);
  }
  async function handles(all) {
    const corners = [[0, 0], [1, 1], [0, 1], [1, 0], [-0.2, 0.5], [1.2, 1.1], [0.45, 0.55]];
    for (const node of seen("[data-handle]")) {
      const name = node.dataset.handle, press = (key, shiftKey) => fire(node, "keydown", KeyboardEvent, { key, shiftKey });
      for (const to of all ? corners : corners.slice(0, 2)) await act(`${name} dragged to ${to}`, () => drag(node, node.parentElement, to), !all);
      for (const key of all ? ["ArrowLeft", "ArrowUp", "Home", "End"] : []) await act(`${name}: ${key}, with Shift`, () => { press(key, false); for (let k = 0; k < 12; k++) press(key, true); });
    }
  }
  async function sliders() {
    for (const trait of seen("input[type=range]").map((e) => e.dataset.trait)) {
      const input = () => host.querySelector(`input[type=range][data-trait="${trait}"]`), before = input().value; // some are made anew
      for (const u of [0, 0.03, 0.5, 0.97, 1]) await act(`${trait} at ${u}`, () => set(input(), Math.round(u * input().max)), u % 0.5 > 0);
      await act(`${trait} back`, () => set(input(), before), true);
    }
  }
  async function buttons(all) {
    const css = "button:not([data-chip], [data-case], [data-answer], [data-remedy])";
    for (let k = 0; k < host.querySelectorAll(css).length; k++) {
      for (let time = 0; time < (all ? 2 : 1); time++) {
        const button = host.querySelectorAll(css)[k];
        if (!button?.checkVisibility() || button.disabled) break;
        const name = button.getAttribute("aria-label") ?? button.textContent;
        await act(`${name} pressed`, () => button.click(), !all);
        if (name !== "play") continue;
        for (const e of seen("input[type=range]")) await act(`${e.dataset.trait} moved while it plays`, () => { set(e, e.max); set(e, e.min); set(e, Math.round(e.max / 3)); });
        if (button.getAttribute("aria-label") === "pause") button.click();
      }
    }
  }
  const several = ["landscape", "escape", "race", "momentum", "minibatch", "curve", "hill"].includes(host.dataset.explorer);
  async function everything() {
    if (several) for (const chip of seen("[data-chip][aria-pressed=false]")) await act(`${chip.dataset.chip} on`, () => chip.click(), true);
    for (const box of seen("input[type=checkbox]")) for (const on of [!box.checked, true]) if (box.checked !== on) await act(`${box.dataset.trait} ${on}`, () => box.click());
    const choice = seen("select")[0], options = choice ? [...choice.options].map((o) => o.value).reverse() : [];
    for (const option of thorough ? options : options.slice(-1)) {
      await act(`${option} chosen`, () => { choice.value = option; fire(choice, "change", Event); }, !thorough);
      await together(["min"], true);
      await together(["max"]);
    }
    await together(["min"]);
    await together(["max"]);
    await together(["min", "max"]);
    await together(["max", "min"]);
    await handles(thorough);
    if (thorough) await sliders();
    for (const chip of seen("[data-chip]")) {
      await act(`${chip.dataset.chip} pressed`, () => chip.click(), !thorough);
      if (thorough) { await together(["min"], true); await together(["max"]); }
    }
    await buttons(thorough);
  }
  async function guess() {
    const cases = seen("[data-case]"), press = (name, k) => { const all = seen(`[data-${name}]`); return act(`${name} ${k + 1}`, () => all[k % all.length].click()); };
    for (let k = 0; k < cases.length; k++) {
      await press("case", k);
      await together(["min"], true);
      await press("answer", k);
      for (let r = 0; r < seen("[data-remedy]").length; r++) {
        await press("remedy", r);
        if (thorough) { await together(["min"], true); await together(["max"]); }
      }
    }
    await buttons(thorough);
  }
  async function question() {
    const field = seen("input[type=text]")[0], check = host.querySelector("button[type=submit]"), answer = (what, how) => act(what, () => { how(); check.click(); });
    if (!field) {
      await answer("no answer", () => {});
      for (const radio of seen("input[type=radio]")) await answer(`choice ${radio.value}`, () => radio.click());
    } else for (const text of ["", "x", "1e999", "−1/0", "1e-320", "0", "-3e300", "9".repeat(300), "½", "1,5"])
      await answer(`answer ${text.slice(0, 9)}`, () => { field.value = text; fire(field, "input", Event); });
  }
  host.scrollIntoView();
  look("as it stands");
  await ({ guess, question }[host.dataset.explorer] ?? everything)();
  return found;
}
