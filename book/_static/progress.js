// Progress in the exercises: which questions of the book this reader has answered. It is kept in this browser and goes nowhere
// else: {version, answers: {chapter: {question: [value, right, text as written]}}}. A question is known by the name of its
// figure, which is made from its words: what was answered to other words is forgotten.
{
  const KEY = "unstuck.progress", VERSION = 1;
  const chapter = decodeURIComponent(location.pathname.split("/").pop()).replace(/\.html$/, "");
  const hosts = [...document.querySelectorAll("figure[data-explorer=question]")], places = [...document.querySelectorAll("span[data-progress]")];
  let refused = null; // the answers of this visit, where the browser keeps none

  /** What is kept, and of that only what has the right form: anything may stand in a browser's storage. */
  function read() {
    if (refused) return refused;
    let kept = null;
    try { kept = JSON.parse(localStorage.getItem(KEY)); } catch { /* no storage, or no JSON */ }
    const answers = new Map(), entries = (object) => Object.entries(object && typeof object === "object" ? object : {});
    if (kept?.version !== VERSION) return answers;
    for (const [name, questions] of entries(kept.answers)) {
      const fine = entries(questions).filter(([, a]) => Array.isArray(a) && ["number", "string"].includes(typeof a[0]) && typeof a[1] === "boolean");
      if (fine.length) answers.set(name, new Map(fine));
    }
    return answers;
  }

  function write(answers) {
    const plain = Object.fromEntries([...answers].map(([name, questions]) => [name, Object.fromEntries(questions)]));
    try {
      if (answers.size) localStorage.setItem(KEY, JSON.stringify({ version: VERSION, answers: plain }));
      else localStorage.removeItem(KEY);
    } catch { refused = answers; } // refused or full
    show();
  }

  /** Change the answers of this chapter: what other pages have kept in the meantime stays. */
  function change(how) {
    const answers = read(), own = answers.get(chapter) ?? new Map();
    how(own);
    if (own.size) answers.set(chapter, own);
    else answers.delete(chapter);
    write(answers);
  }

  const score = (answers, names) => {
    const given = names.map((name) => answers?.get(name)).filter(Boolean);
    return { total: names.length, answered: given.length, right: given.filter((a) => a[1]).length };
  };

  // -- the questions of this page
  const button = (words, press) => {
    const node = Object.assign(document.createElement("button"), { type: "button", textContent: words });
    node.addEventListener("click", press);
    return node;
  };
  const line = Object.assign(document.createElement("p"), { className: "progress-line" }), words = document.createElement("span");
  const clear = button("Clear this chapter’s answers", () => {
    for (const { model } of hosts) model?.set("value", null);
    change((own) => own.clear());
  });

  function take(host) {
    const { model } = host;
    if (!model || host.dataset.explorer !== "question" || host.dataset.kept) return;
    host.dataset.kept = "true"; // from now on
    const [value, right, text] = read().get(chapter)?.get(host.id) ?? [], { choices } = model.get("spec"), field = host.querySelector("input[type=text]");
    const possible = choices.length ? choices.some((c) => c.name === value) : typeof value === "number";
    if (possible && model.get("value") === null) {
      model.set("value", value);
      if (field && typeof text === "string") field.value = text;
    }
    const note = () => change((own) => {
      const now = model.get("value");
      if (now === null) own.delete(host.id);
      else own.set(host.id, [now, model.get("correct") === true, field?.value ?? now]);
    });
    if (value !== undefined && model.get("correct") !== right) note(); // judged otherwise today, or no longer an answer
    for (const trait of ["value", "correct"]) model.on(`change:${trait}`, note);
  }

  // -- what the page says of it
  function show() {
    const answers = read();
    if (hosts.length) {
      const { total, answered, right } = score(answers.get(chapter), [...new Set(hosts.map((host) => host.id))]);
      const where = refused ? "This browser keeps no answers: they last until you leave the page." : "Your answers stay in this browser.";
      const count = answered ? `${right} of ${total} answered right.` : total === 1 ? "This page checks your answer." : `This page checks your answers to ${total} questions.`;
      words.textContent = `${count} ${where} `;
      clear.hidden = !answered;
    }
    const all = places.map((place) => {
      const found = score(answers.get(place.dataset.progress), (place.dataset.questions ?? "").split(" ").filter(Boolean));
      place.textContent = found.answered ? `${found.right} of ${found.total} right` : "";
      return found;
    });
    if (!places.length) return;
    const sum = (part) => all.reduce((s, found) => s + found[part], 0);
    line.hidden = !answers.size;
    words.textContent = `${sum("right")} of ${sum("total")} questions answered right. Your answers stay in this browser. `;
  }

  if (hosts.length) {
    const heading = document.querySelector("#exercises > h2") ?? hosts[0].closest("section")?.querySelector(":is(h1, h2, h3)");
    line.append(words, clear);
    heading?.after(line);
    document.addEventListener("explorer", (event) => take(event.target));
    hosts.forEach(take);
    const names = new Set(hosts.map((host) => host.id)), kept = read().get(chapter);
    if (kept && [...kept.keys()].some((name) => !names.has(name))) change((own) => own.forEach((_, name) => names.has(name) || own.delete(name)));
  } else if (places.length) {
    line.append(words, button("Forget my answers", () => {
      if (confirm("Forget your answers to all questions of the book?")) write(new Map());
    }));
    (places.at(-1).closest("ol, ul, table") ?? places.at(-1).parentElement).after(line);
  }
  show();
  addEventListener("storage", (event) => { if (event.key === KEY || event.key === null) show(); });
  addEventListener("pageshow", (event) => { if (event.persisted) show(); });
}
