"""Links that restore a figure: made on one page, opened on another; what strangers may write into them."""

import json
import re
from urllib.parse import unquote

import pytest
from conftest import blemishes, settle

from helpers.explorers import (
    CurveExplorer,
    EscapeExplorer,
    GuessExplorer,
    HillExplorer,
    LandscapeExplorer,
    MinibatchExplorer,
    MomentumExplorer,
    ParticlesExplorer,
    Question,
    RaceExplorer,
    SignalExplorer,
)
from helpers.explorers.explorer import HERE, Explorer, data_url, module, source

RULES = ("gradient descent", "momentum", "adam")
MAKERS = {
    "landscape": lambda: LandscapeExplorer(("worst network", "Styblinski–Tang"), rules=RULES, η=0.02),
    "escape": EscapeExplorer,
    "curve": lambda: CurveExplorer(("tilted double well", "hill"), rules=RULES, together=False, start=1.5),
    "together": lambda: CurveExplorer(rules=RULES),
    "signal": SignalExplorer,
    "minibatch": MinibatchExplorer,
    "momentum": MomentumExplorer,
    "hill": HillExplorer,
    "race": RaceExplorer,
    "particles": ParticlesExplorer,
    "guess": GuessExplorer,
}

HIDDEN = {"model", "point"}  # some maps do not show the quadratic model

# The settings of the first figure, as text: equal texts are equal to the last bit.
STATE = """() => { const { spec, ...state } = document.querySelector("[data-explorer]").model.state;
    return JSON.stringify(state); }"""
PICTURES = """() => [...document.querySelectorAll("[data-explorer] canvas")].map((c) => c.toDataURL())"""
WORDS = """() => [...document.querySelectorAll("[data-readout]")].map((e) => e.innerText)"""
# Every control of the figure somewhere else; then those that other controls have put back.
TURN = """() => {
    const figure = document.querySelector("[data-explorer]"), all = (s) => [...figure.querySelectorAll(s)];
    const other = (button) => button.getAttribute("aria-pressed") !== "true";
    for (const select of all("select")) {
        select.selectedIndex = select.options.length - 1;
        select.dispatchEvent(new Event("change"));
    }
    for (const data of ["case", "answer", "remedy"]) all(`[data-${data}]`)[2]?.click();
    const groups = new Set(all("[data-chip]").map((b) => b.parentNode));
    for (const group of groups) ([...group.children].filter(other).at(-1) ?? group.lastChild).click();
    all("[data-plane]").at(-1)?.click();
    for (const box of all("input[type=checkbox]")) box.click();
    for (const button of all("button"))
        if (/^(Draw|New)/.test(button.textContent)) button.click();
    const press = (node, key, shiftKey) =>
        node.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true }));
    for (const handle of all("[role=slider]:not([hidden])"))
        for (const key of ["ArrowLeft", "ArrowLeft", "ArrowDown"]) press(handle, key, key === "ArrowDown");
    all("input[type=range]").forEach((input, k) => {
        const to = Math.round(input.max * (0.34 + 0.05 * k));
        input.value = to === +input.value ? to + 1 : to;
        input.dispatchEvent(new Event("input"));
    });
}"""
CLIPBOARD = """navigator.clipboard.writeText = async (text) => { window.copied = text; }; undefined"""


@pytest.fixture
def still_page(show, monkeypatch):
    """`still_page(explorer, …)`: a page on which nothing plays by itself, with a clipboard to look into."""

    monkeypatch.setattr(Explorer, "fallback", lambda self: "")  # posters take their time

    def open_page(*explorers, **context):
        page = show(*explorers, reduced_motion="reduce", **context)
        page.context.add_init_script(CLIPBOARD)
        page.evaluate(CLIPBOARD)
        return page

    return open_page


def ready(page):
    page.wait_for_function("""() => [...document.querySelectorAll('[data-explorer]')]
        .every((e) => e.dataset.ready === 'true')""")
    settle(page)


def copied(page):
    page.locator(".explorer-copy").first.click()
    return page.evaluate("copied")


def follow(page, link):
    """The link on another page of the same reader."""
    other = page.context.new_page()
    other.problems = []
    other.on("console", lambda m: m.type == "error" and other.problems.append(m.text[:200]))
    other.on("pageerror", lambda e: other.problems.append(str(e)[:200]))
    other.set_viewport_size(page.viewport_size)
    other.goto(link)
    ready(other)
    return other


def advance(page):
    """Particles go on in steps; nothing else does."""
    if page.locator("[data-explorer=particles]").count():
        page.get_by_role("button", name="start again").click()
        for _ in range(10):
            page.get_by_role("button", name="one step").click()
        settle(page)


@pytest.mark.parametrize(("name", "file"), [*((name, False) for name in MAKERS), ("landscape", True)])
def test_a_link_restores_every_setting(still_page, name, file):
    page = still_page(MAKERS[name](), file=file, width=800)
    own = json.loads(page.evaluate(STATE))
    page.evaluate(TURN)
    settle(page)
    link, state = copied(page), json.loads(page.evaluate(STATE))
    other = follow(page, link)
    assert json.loads(other.evaluate(STATE)) == state
    moved = {trait for trait in state if state[trait] != own[trait]}
    offered = set(page.evaluate("[...document.querySelector('[data-explorer]').model.offers.keys()]"))
    assert moved == set(re.findall(r"[?&](\w+)=", unquote(link)))
    assert offered - moved <= HIDDEN, offered - moved
    page.wait_for_timeout(700)  # what is drawn roughly at first
    for each in (page, other):
        advance(each)
    other.locator(".explorer-note").evaluate("(note) => note.remove()")
    settle(other)
    assert other.evaluate(PICTURES) == page.evaluate(PICTURES)
    assert other.evaluate(WORDS) == page.evaluate(WORDS)
    assert page.problems == other.problems == []


# What strangers may write

HOSTILE = {
    "η=1e9": "η", "η=-1": "η", "η=NaN": "η", "η=Infinity": "η", "η=": "η", "η": "η", "η=0.02;alert(1)": "η",
    "η=0x10": "η", "η=0.02&η=0.03": "η", "η=%E0%A4%A": "η", "η=" + 400 * "9": "η", "η=0.02,0.03": "η",
    "η=<img src=x onerror=alert(1)>": "η", "β=1": "β", "β=−0.5": "β", "steps=20.5": "steps",
    "steps=1e7": "steps", "steps=0": "steps", "steps=[50]": "steps", "start=9,9": "start", "start=1": "start",
    "start=1,1,1": "start", "start=1,": "start", "start=NaN,0": "start", "start=null": "start",
    "active=adamax": "active", "active=momentum,gradient descent": "active", "active=adam,adam": "active",
    "active=*": "active", "model=1": "model", "model=True": "model", "landscape=saddle": "landscape",
    "landscape=": "landscape", "landscape=constructor": "landscape", "angle=181": "angle", "seed=3": "seed",
    "point=3,0": "point", "__proto__=1": "__proto__", "constructor=1": "constructor", "spec={}": "spec",
    "caption=Hi": "caption", "alt=x": "alt", "path=1": "path", "toString": "toString", "=1": "",
    "&&&=&": "", "%ff=%ff": "%ff", "a=1&b=2&c=3": "a,b,c",
}
BY_HAND = [
    ("η=.05", {"η": 0.05}),
    ("%CE%B7=0.05&%CE%B2=5e-1", {"η": 0.05, "β": 0.5}),
    ("steps=%2B300", {"steps": 300}),
    ("active=gradient+descent%2Cadam", {"active": ["gradient descent", "adam"]}),
    ("active=", {"active": []}),
    ("start=0.1,-0.30000000000000004", {"start": [0.1, -0.30000000000000004]}),
    ("landscape=Styblinski%E2%80%93Tang", {"landscape": "Styblinski–Tang"}),
    # A start that only the other landscape has, although the link names it first.
    ("start=4.5,-4.5&landscape=Styblinski–Tang", {"start": [4.5, -4.5], "landscape": "Styblinski–Tang"}),
    ("η=7&steps=20", {"steps": 20}),
    ("utm_source=mail&β=0.5", {"β": 0.5}),
]
# What a link sets and leaves out, by the function that pages call; then the figure is as before.
TRY = """async ([code, texts]) => {
    const { follow, settingsOf } = await import(code), answers = [];
    const { model } = document.querySelector("figure");
    const { spec, ...own } = structuredClone({ ...model.state, spec: null });
    for (const text of texts) {
        const left = follow(model, settingsOf(`?${text}`), own), { spec, ...state } = model.state;
        answers.push([left.join(), structuredClone(state)]);
        for (const [name, value] of Object.entries(own)) model.set(name, value);
    }
    return [own, answers];
}"""


def page_code():
    return data_url(source("page.js").replace('"./stage.js"', f'"{data_url(source("stage.js"))}"'))


def test_a_link_sets_what_the_controls_can_choose_and_nothing_else(still_page):
    page = still_page(MAKERS["landscape"]())
    texts = [*HOSTILE, *(text for text, _ in BY_HAND)]
    own, answers = page.evaluate(TRY, [page_code(), texts])
    expected = [(left, own) for left in HOSTILE.values()] + [(None, own | state) for _, state in BY_HAND]
    for text, (left, state), (said, wanted) in zip(texts, answers, expected, strict=True):
        assert state == wanted and said in (None, left), text
    settle(page)
    assert page.problems == []


@pytest.mark.parametrize(("text", "left"), [
    ("η=<img src=x onerror=alert(1)>&steps=1e7", "η, steps"),
    ("<script>alert(1)</script>=1&__proto__=2&η=NaN&b=2&c=3",
     "<script>alert(1)</sc…, __proto__, η and 2 more"),
])
def test_what_is_left_out_is_said_in_one_sentence(still_page, text, left):
    page = still_page(MAKERS["landscape"]())
    own, name = page.evaluate(STATE), page.locator("figure").get_attribute("id")
    page.on("dialog", lambda dialog: page.problems.append(f"dialog {dialog.message}"))
    other = follow(page, f"{page.url}?{text}#{name}")
    note = other.locator(".explorer-note")
    assert note.inner_text() == f"Some of the link does not fit this figure and is left out: {left}."
    assert other.evaluate(STATE) == own and note.locator("*:not(span)").count() == 0
    assert page.problems == other.problems == []


def test_settings_that_do_not_go_together_are_mended(still_page):
    """A start of the wide landscape, which the narrow one does not show; a step beyond the last one."""
    wide = LandscapeExplorer(("Styblinski–Tang", "worst network"), start=(4.5, -4.5))
    page = still_page(wide)
    other = follow(page, f"{page.url}?landscape=worst+network#{wide.anchor}")
    start = json.loads(other.evaluate(STATE))["start"]
    assert start == list(LandscapeExplorer("worst network").start) and other.problems == []

    guess = GuessExplorer()
    page = still_page(guess)
    own, answers = page.evaluate(TRY, [page_code(), [
        "remedy=noise", "step=350", "guess=plateau&case=4", "step=350&remedy=noise&guess=plateau"]])
    assert [state for _, state in answers] == [
        own, own, own | {"guess": "plateau", "case": 4},
        own | {"guess": "plateau", "remedy": "noise", "step": 350}]


# Which figure is meant

def test_the_name_of_a_figure_stays_while_its_settings_do():
    first, same = SignalExplorer("relu", depth=10), SignalExplorer("relu", depth=10, caption="Other words.")
    assert first.anchor == same.anchor and re.fullmatch("signal-[0-9a-f]{6}", first.anchor)
    assert first.anchor != SignalExplorer("relu", depth=11).anchor
    assert f'id="{first.anchor}"' in first.static_html()


def test_a_figure_added_before_it_does_not_change_what_a_link_means(still_page):
    momentum, added = MomentumExplorer(), MomentumExplorer(100)
    page = still_page(added, momentum)
    link = f"{page.url}?η=0.05#{momentum.anchor}"
    other = follow(page, link)
    first, second = other.evaluate("[...document.querySelectorAll('figure')].map((f) => f.model.get('η'))")
    assert second == 0.05 != first
    assert other.evaluate("scrollY") > 300  # the page has gone there
    assert other.problems == []


def test_a_link_to_a_figure_that_is_gone_says_so(still_page):
    page = still_page(MAKERS["signal"]())
    other = follow(page, f"{page.url}?depth=10#signal-0f0f0f")
    note = other.locator("h1 + .explorer-note").inner_text()
    assert note == "The link leads to a figure that is no longer on this page, or not as it was."
    assert json.loads(other.evaluate(STATE))["depth"] == 20
    assert other.problems == []


def test_each_figure_of_a_page_has_a_name_of_its_own(site):
    for path in sorted(site.glob("book/*.html")):
        names = re.findall(r'data-explorer="\w+" id="([\w-]+)"', path.read_text("utf-8"))
        assert len(names) == len(set(names)) == path.read_text("utf-8").count("data-explorer="), path.name


# The button

def test_the_button_by_keyboard_and_for_screen_readers(still_page):
    page = still_page(MAKERS["signal"]())
    button = page.get_by_role("button", name="Copy link")
    page.get_by_role("button", name="Reset").focus()
    page.keyboard.press("Tab")
    assert button.evaluate("(b) => b === document.activeElement")
    page.keyboard.press("Enter")
    page.get_by_text("Link copied.").wait_for(state="attached")
    assert page.locator(".explorer-copy").inner_text() == "Copied"
    assert page.evaluate("copied") == f"{page.url}#{SignalExplorer().anchor}"  # nothing differs yet
    button.wait_for()
    assert button.evaluate("(b) => b === document.activeElement")
    assert page.problems == []


def test_the_clipboard_gets_the_link(show):
    page = show(MAKERS["signal"]())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".explorer-copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{page.url}#{SignalExplorer().anchor}"


@pytest.mark.parametrize("refusal", [
    "() => { navigator.clipboard.writeText = async () => { throw new DOMException('no'); }; }",
    "() => { Object.defineProperty(navigator, 'clipboard', { value: undefined }); }",
])
def test_where_the_clipboard_is_refused_the_link_stands_in_a_field(still_page, refusal):
    page = still_page(MAKERS["signal"](), width=375)
    page.evaluate(refusal)
    for _ in range(2):
        page.locator(".explorer-copy").click()
    field = page.get_by_label("Copy this link:")
    assert field.input_value() == f"{page.url}#{SignalExplorer().anchor}"
    assert page.evaluate("getSelection().toString()") == field.input_value()
    assert field.evaluate("(f) => f === document.activeElement")
    assert page.problems == [] and blemishes(page) == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_restored_figure_is_marked_and_can_be_set_back(still_page, dark):
    page = still_page(MAKERS["landscape"](), dark=dark, width=375)
    own = page.evaluate(STATE)
    other = follow(page, f"{page.url}?η=0.05&foo=1#{page.locator('figure').get_attribute('id')}")
    assert "is-linked" in other.locator("figure").get_attribute("class")
    other.wait_for_function("() => !document.querySelector('.is-linked')")
    assert other.get_by_role("status").filter(has_text="left out: foo").count() == 1
    assert blemishes(other) == []
    other.get_by_role("button", name="Back to the page’s own settings").click()
    settle(other)
    assert other.evaluate(STATE) == own and other.locator(".explorer-note").count() == 0
    assert other.evaluate("document.activeElement.textContent") == "Copy link"
    assert other.locator(".explorer-copy").count() == 1
    assert other.problems == []


def test_links_are_short_and_readable(still_page):
    page = still_page(MAKERS["landscape"]())
    page.evaluate("document.querySelector('figure').model.set('η', 0.05)")
    page.evaluate("document.querySelector('figure').model.set('active', ['gradient descent', 'adam'])")
    name = page.locator("figure").get_attribute("id")
    assert copied(page) == f"{page.url}?active=gradient+descent,adam&η=0.05#{name}"


def test_a_question_has_no_button(still_page):
    page = still_page(Question("How much is half of one?", answer=0.5))
    assert page.locator(".explorer-copy").count() == 0


@pytest.mark.parametrize("name", ["landscape", "signal"])
def test_a_live_notebook_has_no_button(new_page, name):
    """There the model is anywidget's: it takes no offers, and its module has nothing of the page."""
    assert "Copy link" not in module(name) and "page" not in module(name)[:2000]
    page = new_page("about:blank")
    buttons = page.evaluate("""async ([url, state]) => {
        const model = { get: (name) => state[name], set() {}, on() {}, off() {}, save_changes() {} };
        const el = document.body.appendChild(document.createElement("div"));
        await (await import(url)).default.render({ model, el });
        return [...el.querySelectorAll("button")].map((b) => b.textContent);
    }""", [data_url(module(name)), MAKERS[name]().state])
    assert "Reset" in buttons and "Copy link" not in buttons
    assert page.problems == []


def test_texts_survive_the_way_through_a_link(new_page):
    """Written, encoded, read again: whatever a name or a number looks like."""
    page = new_page("about:blank")
    texts = ["η", "ΔL", "ravine, κ = 25", "rate / 3", "a+b c&d=e#f?g%h", "Styblinski–Tang", "1e+21",
             "-0.1,2e-7", "中文", "’\"<>"]
    back = page.evaluate("""async ([url, texts]) => {
        const { encode, settingsOf } = await import(url);
        return texts.map((t) => [...settingsOf(new URL(`http://x/?${encode(t)}=${encode(t)}`).search)][0]);
    }""", [page_code(), texts])
    assert back == [[text, text] for text in texts]
    assert not re.search(r"\beval\b|innerHTML|new Function", (HERE / "page.js").read_text("utf-8"))
