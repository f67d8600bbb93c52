/* The page: what only a static page does with its figures. It brings them to life, gives each a link that sets it up for
   somebody else as it stands, and follows such a link. A live notebook has none of this: there the traits are the state.

   A link is the page's address with the settings that differ from the page's own, and the name of the figure, for instance
   05_momentum.html?η=0.05&active=momentum,nesterov#momentum-1a2b3c. The name (Explorer.anchor) is made from the page's own
   settings: a link leads to the figure that it was made from, wherever that stands now, or it says that there is none. */
import { StaticModel, element, pause, written } from "./stage.js";

const NAME = /^#([a-z]+)-[0-9a-f]{6}$/, SHOWN = 3;

/** Text for a link, which stays readable: Greek letters and commas as they are, + for a space. */
export const encode = (text) =>
  encodeURIComponent(text).replace(/%CE%[89A-B][0-9A-F]|%CF%8[0-9A-F]|%2C/g, decodeURIComponent).replace(/%20/g, "+");

/** A link's settings, "?η=0.05&model=true", as a Map of texts; null for what cannot be read, or stands there twice. */
export function settingsOf(search) {
  const found = new Map(), decode = (part) => { try { return decodeURIComponent(part.replace(/\+/g, " ")); } catch { return null; } };
  for (const pair of search.replace(/^\?/, "").split("&").filter(Boolean)) {
    const at = pair.indexOf("="), raw = at < 0 ? pair : pair.slice(0, at), name = decode(raw) ?? raw;
    found.set(name, found.has(name) || at < 0 ? null : decode(pair.slice(at + 1)));
  }
  return found;
}

/** The settings of a model that differ from `own`, as the part of a link from "?" on; "" where none does. */
export function query(model, own) {
  const texts = [...model.offers.keys()].filter((name) => written(model.get(name)) !== written(own[name]))
    .map((name) => `${encode(name)}=${encode(written(model.get(name)))}`);
  return texts.length ? `?${texts.join("&")}` : "";
}

/** Set what the controls of a figure could set, and nothing else: the names that are left out. What can be chosen may depend
    on other settings (a start on the landscape, a step on the number of steps), so this goes round until all is settled. */
export function follow(model, texts, own) {
  const read = (name, text) => (text === null ? undefined : model.offers.get(name)?.read(text));
  let before = null, left = [];
  for (let round = 0; round < 2 || (round < 5 && written(left) !== before); round++) {
    before = written(left);
    left = [];
    for (const [name, text] of texts) {
      const value = read(name, text);
      if (value === undefined) left.push(name);
      if (model.offers.has(name)) model.set(name, value === undefined ? own[name] : value);
    }
  }
  // What the link does not speak of may not go with the rest: another landscape has another start.
  for (const [name, { read: fits, otherwise }] of model.offers)
    if (otherwise && fits(written(model.get(name))) === undefined) model.set(name, otherwise());
  return left;
}

/** "η, steps and 4 more": names that strangers have written, so no more than a few, and those short. */
const listed = (names) => {
  const some = names.slice(0, SHOWN).map((name) => (name.length > 20 ? `${name.slice(0, 20)}…` : name)).join(", ");
  return names.length > SHOWN ? `${some} and ${names.length - SHOWN} more` : some;
};

/** A figure of the page: its model, mounted with the page's own settings or with others. */
class Figure {
  constructor(host, explorer) {
    Object.assign(this, { host, explorer, text: host.querySelector('script[type="application/json"]').textContent });
    this.el = element("div", { class: "explorer-live" });
    this.el.style.minHeight = `${host.querySelector(":scope > .explorer-poster")?.offsetHeight ?? 0}px`; // until it is drawn
    host.insertBefore(this.el, host.querySelector("figcaption"));
    host.dataset.live = "true"; // hides the poster before the stage measures itself
  }

  own() { return JSON.parse(this.text); }

  async start(settings = {}) {
    this.stop?.();
    this.model = this.host.model = new StaticModel({ ...this.own(), ...settings });
    this.stop = await this.explorer.render({ model: this.model, el: this.el });
    if (this.model.offers.size) this.addButton();
    this.host.dispatchEvent(new Event("explorer", { bubbles: true })); // for scripts that follow a model
  }

  /** The page as it was opened, the settings and the name of the figure. */
  link() { return `${location.href.replace(/[?#].*$/s, "")}${query(this.model, this.own())}#${this.host.id}`; }

  addButton() {
    const button = element("button", { type: "button", class: "explorer-copy", title: "Copy a link to this figure with its settings" }, "Copy link");
    const spoken = element("span", { class: "explorer-spoken", role: "status" }), field = element("div", { class: "explorer-note" });
    const say = (shown) => {
      button.style.minWidth = `${button.offsetWidth}px`;
      button.textContent = shown;
      this.el.append(spoken);
      setTimeout(() => { spoken.textContent = shown === "Copied" ? "Link copied." : ""; }, 100); // noticed only in a region that is there already
    };
    button.addEventListener("click", async () => {
      const link = this.link();
      field.remove();
      try {
        await navigator.clipboard.writeText(link);
        say("Copied");
        setTimeout(() => say("Copy link"), 2500);
      } catch { // refused, or there is none: the reader copies by hand
        const input = element("input", { type: "text", readonly: true, value: link });
        field.replaceChildren(element("label", {}, "Copy this link: ", input));
        this.el.append(field);
        input.focus();
        input.select();
      }
    });
    const reset = this.el.querySelector(".explorer-reset"), pair = element("div", { class: "explorer-pair" });
    reset ? reset.before(pair) : this.el.append(pair);
    pair.append(...[reset, button].filter(Boolean));
  }

  /** As a link says, as far as its settings are ones that the controls have, and a line that tells the reader. */
  async follow(texts) {
    const left = follow(this.model, texts, this.own()), settings = Object.fromEntries([...this.model.offers.keys()].map((name) => [name, this.model.get(name)]));
    const changed = query(this.model, this.own()) !== "";
    if (changed) await this.start(settings); // from the beginning, as if the page had been written with these settings
    if (!changed && !left.length) return;
    const note = element("div", { class: "explorer-note", role: "status" });
    const back = element("button", { type: "button", onclick: async () => {
      note.remove();
      await this.start();
      this.el.querySelector(".explorer-copy").focus();
    } }, "Back to the page’s own settings");
    note.append(...(changed ? [element("span", {}, "These are the settings of the link."), back] : []),
      ...(left.length ? [element("span", {}, `Some of the link does not fit this figure and is left out: ${listed(left)}.`)] : []));
    this.el.before(note);
  }

  /** Into view, and marked for a moment. */
  point() {
    this.host.scrollIntoView({ behavior: "instant" });
    this.host.classList.add("is-linked");
    setTimeout(() => this.host.classList.remove("is-linked"), 2500);
  }
}

/** Bring the figures of a static page to life, one after the other: the one that a link leads to, and each that comes near
    the window. */
export function mountAll(page, importKind, kinds) {
  const name = location.hash.match(NAME), target = name && page.getElementById(location.hash.slice(1));
  if (name && !target && kinds.includes(name[1])) {
    const note = element("div", { class: "explorer-figure explorer-note", role: "status" }, "The link leads to a figure that is no longer on this page, or not as it was.");
    page.querySelector("h1")?.after(note);
  }
  let queue = Promise.resolve();
  const add = (host) => (queue = queue.then(() => mount(host, importKind, host === target)).then(pause));
  const observer = new IntersectionObserver((entries) => {
    for (const { target: host } of entries.filter((entry) => entry.isIntersecting)) {
      observer.unobserve(host);
      add(host);
    }
  }, { rootMargin: "100% 0px" });
  for (const host of page.querySelectorAll("figure[data-explorer]:not([data-mounted])")) {
    if (!kinds.includes(host.dataset.explorer)) continue; // it is for another script of the page
    host.dataset.mounted = "true";
    if (host === target) add(host);
    else observer.observe(host);
  }
}

/** Mount a figure's module on the JSON beside its poster. */
async function mount(host, importKind, linked) {
  let figure = null;
  try {
    const { default: explorer } = await importKind(host.dataset.explorer);
    figure = new Figure(host, explorer);
    await figure.start();
    if (linked) {
      await figure.follow(settingsOf(location.search));
      figure.point();
    }
    figure.el.style.minHeight = "";
    host.dataset.ready = "true";
  } catch (error) {
    figure?.el.remove();
    delete host.dataset.live; // the poster stays
    console.error(`The explorer "${host.dataset.explorer}" could not start.`, error);
  }
}
