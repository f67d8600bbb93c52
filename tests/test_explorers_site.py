"""The landscape explorer on a static page, in a browser: every control, by mouse, touch and keyboard."""

import functools
import re

import pytest
from conftest import settle

from helpers.explorers import LandscapeExplorer
from helpers.explorers.explorer import data_url, module, source
from helpers.landscapes import GALLERY
from helpers.optimizers import RULES

PLANES = [name for name, land in GALLERY.items() if land.d == 2]
RACE = ("gradient descent", "momentum", "adam")
def state(page):
    """What the reader has before them: (the picture of the paths, the words of the readout)."""
    picture = page.evaluate("document.querySelector('.explorer-paths').toDataURL()")
    words = page.locator("[data-readout]").first.inner_text()
    assert not re.search("NaN|undefined|null|Infinity", words), words
    return picture, words


def changes(page, act):
    """Whether `act()` changes both the picture and the words."""
    before = state(page)
    act()
    settle(page)
    after = state(page)
    return before[0] != after[0] and before[1] != after[1]


def start(page):
    """The start as the readout says it."""
    numbers = re.search(r"θ = \((.*?), (.*?)\)", page.locator("[data-readout]").first.inner_text())
    return tuple(float(v.replace("−", "-")) for v in numbers.groups())


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.fixture
def network():
    return LandscapeExplorer("worst network", rules=RACE, active=("gradient descent", "momentum"),
                             start=(1.72, -1.2), η=0.02, β=0.8, caption="The worst network.")


# The start --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("file", [False, True])
def test_the_start_follows_the_mouse(show, network, file):
    page = show(network, file=file)
    x, y = middle(page.locator("[data-handle=start]"))

    def drag():
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 90, y - 40, steps=4)
        page.mouse.up()

    assert changes(page, drag)
    side = page.locator(".explorer-frame").bounding_box()["width"]
    assert start(page) == pytest.approx((1.72 - 4 * 90 / side, -1.2 + 4 * 40 / side), abs=0.02)
    assert page.problems == []


def test_a_press_beside_the_start_brings_it_there(show, network):
    page = show(network)
    box = page.locator(".explorer-frame").bounding_box()

    def press():
        page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)

    assert changes(page, press)
    assert start(page) == pytest.approx((-1, 1), abs=0.02)


def swipe(page, x, y, dx, dy):
    client = page.context.new_cdp_session(page)

    def touch(kind, *points):
        points = [{"x": a, "y": b} for a, b in points]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (x, y))
    for k in range(1, 9):
        touch("touchMove", (x + dx * k / 8, y + dy * k / 8))
        page.wait_for_timeout(16)
    touch("touchEnd")


def test_the_start_follows_a_finger_and_the_page_scrolls_beside_it(show, network):
    page = show(network, width=375, has_touch=True, is_mobile=True)
    x, y = middle(page.locator("[data-handle=start]"))
    assert changes(page, lambda: swipe(page, x + 15, y - 10, -60, -80))
    assert page.evaluate("scrollY") == 0
    here = start(page)
    assert here[0] < 1.72 - 0.4 and here[1] > -1.2 + 0.6

    box = page.locator(".explorer-frame").bounding_box()
    swipe(page, box["x"] + 30, box["y"] + 250, 0, -120)
    settle(page)
    assert page.evaluate("scrollY") > 30 and start(page) == here

    box = page.locator(".explorer-frame").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 4, box["y"] + 3 * box["height"] / 4)
    settle(page)
    assert start(page) == pytest.approx((-1, -1), abs=0.03)
    assert page.problems == []


def test_everything_works_by_keyboard_alone(show, network):
    """Tab from control to control; the arrow keys, Space and Enter work each of them."""
    page = show(network)
    reached = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        name = page.evaluate("""() => { const e = document.activeElement, d = e.dataset;
            return d.handle || d.chip || d.trait || e.className || e.tagName; }""")
        reached.add(name)
        if name == "start":
            for key, step in (("ArrowLeft", (-0.04, 0)), ("Shift+ArrowUp", (0, 0.4))):
                before = start(page)
                assert changes(page, functools.partial(page.keyboard.press, key))
                assert start(page) == pytest.approx((before[0] + step[0], before[1] + step[1]), abs=0.011)
        elif name in ("η", "β", "steps"):
            assert changes(page, lambda: page.keyboard.press("PageDown"))
        elif name == "adam":
            assert changes(page, lambda: page.keyboard.press("Enter"))
        elif name == "model":
            page.keyboard.press("Space")
            settle(page)
            assert page.locator(".explorer-model").is_visible()
    assert {"start", *RACE, "η", "β", "steps", "model", "explorer-reset"} <= reached
    assert page.problems == []


def test_the_handle_tells_a_screen_reader_where_it_is(show, network):
    page = show(network)
    handle = page.locator("[data-handle=start]")
    assert handle.get_attribute("role") == "slider" and handle.get_attribute("aria-label")
    assert handle.get_attribute("aria-valuetext") == "w₁ 1.72, w₂ −1.20"
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(900)
    assert page.get_by_role("status").inner_text().startswith("Start (1.76, −1.20)")
    assert handle.get_attribute("aria-valuetext") == "w₁ 1.76, w₂ −1.20"
    low, now, high = (float(handle.get_attribute(f"aria-value{k}")) for k in ("min", "now", "max"))
    assert low < now < high


# The other controls -----------------------------------------------------------------------------------------
def test_chips_switch_rules(show, network):
    page = show(network)
    chip = page.get_by_role("button", name="Momentum")
    assert chip.get_attribute("aria-pressed") == "true"
    assert changes(page, chip.click)
    assert chip.get_attribute("aria-pressed") == "false"
    assert "Momentum" not in state(page)[1] and not page.locator("[data-trait=β]").is_visible()
    assert changes(page, page.get_by_role("button", name="Adam").click)
    assert "Adam" in state(page)[1] and page.locator("[data-trait=β2]").is_visible()
    page.get_by_role("button", name="GD").click()
    page.get_by_role("button", name="Adam").click()
    settle(page)
    assert "start" in state(page)[1] and page.problems == []


@pytest.mark.parametrize("name", PLANES)
def test_no_control_breaks_at_its_ends(show, name):
    page = show(LandscapeExplorer(name, rules=tuple(RULES), model=True))
    for slider in page.locator("input[type=range]").all():
        for key in ("Home", "End"):
            slider.press(key)
            page.wait_for_timeout(150)
            assert re.fullmatch(r"[−\d.·⁰¹²³⁴⁵⁶⁷⁸⁹⁻°]+", slider.get_attribute("aria-valuetext"))
            state(page)
    for trait in ("start", "point"):
        page.locator(f"[data-handle={trait}]").focus()
        for key in [*["Shift+ArrowRight"] * 11, *["Shift+ArrowUp"] * 11, "ArrowUp"]:
            page.keyboard.press(key)
        settle(page)
        state(page)
    assert page.problems == []


def test_the_menu_changes_landscape_start_and_rate(show):
    page = show(LandscapeExplorer(PLANES, rules=("gradient descent",)))
    menu = page.get_by_role("combobox", name="Landscape")
    for name in PLANES[1:]:
        assert changes(page, functools.partial(menu.select_option, name)), name
        assert start(page) == pytest.approx(GALLERY[name].start, abs=0.005)
    menu.focus()
    assert changes(page, lambda: page.keyboard.press("ArrowUp"))
    assert page.problems == []


def test_reset_returns_to_the_first_settings(show, network):
    page = show(network)
    first = state(page)
    page.locator("[data-handle=start]").focus()
    for key in ("Shift+ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    for trait in ("η", "β", "steps"):
        page.locator(f"[data-trait={trait}]").focus()
        page.keyboard.press("PageUp")
    settle(page)
    assert state(page) != first
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert state(page)[1] == first[1]


def test_the_readout_says_what_python_computes(show, network):
    words = state(show(network))[1]
    for run in network.path.values():
        mantissa, power = f"{run.loss[-1]:.1e}".split("e")
        raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        assert f"{mantissa}·10{raised}" in words


# Divergence -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name, η, at", [
    ("ravine", 0.1, (1, 1)), ("saddle", 0.3, (1, 0.5)), ("Himmelblau", 0.1, (3, 3))])
def test_divergence_is_said_as_a_step(show, name, η, at):
    explorer = LandscapeExplorer(name, η=η, start=at)
    page = show(explorer)
    step = int(explorer.path["gradient descent"].diverged)
    assert step > 0 and f"diverged at step {step}" in state(page)[1]
    assert page.problems == []


def test_a_path_that_leaves_the_view_is_said_to(show):
    page = show(LandscapeExplorer("saddle", η=0.1, start=(0.5, 0.5), steps=20))
    assert "outside the view" in state(page)[1]


# The quadratic model ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name, point, verdict", [
    ("saddle", (0, 0), "saddle of index 1"), ("ravine", (0, 0), "minimum"), ("maximum", (0, 0), "maximum"),
    ("monkey saddle", (0, 0), "degenerate: the second-order test says nothing"),
    ("worst network", (1, 1), "degenerate: the second-order test says nothing"),
    ("worst network", (1, 0), "not a critical point: |∇L| = 2.00")])
def test_the_model_gives_the_verdict_of_the_second_order_test(show, name, point, verdict):
    page = show(LandscapeExplorer(name, rules=(), model=True, point=point))
    words = page.locator("[data-readout=model]").inner_text()
    assert verdict in words and "NaN" not in words
    assert page.problems == []


def test_the_model_follows_its_handle_and_the_direction(show):
    page = show(LandscapeExplorer("worst network", model=True, angle=45))
    words = page.locator("[data-readout=model]")
    assert "−2.00" in words.inner_text()
    picture = state(page)[0]

    before = words.inner_text()
    page.locator("[data-trait=angle]").focus()
    page.keyboard.press("Home")
    settle(page)
    assert words.inner_text() != before and state(page)[0] != picture

    before, picture = words.inner_text(), state(page)[0]
    x, y = middle(page.locator("[data-handle=point]"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y - 30, steps=3)
    page.mouse.up()
    settle(page)
    assert words.inner_text() != before and state(page)[0] != picture

    page.get_by_role("checkbox", name="quadratic model").uncheck()
    assert not words.is_visible() and not page.locator("[data-handle=point]").is_visible()
    assert page.problems == []


# The page around it -----------------------------------------------------------------------------------------
def test_the_poster_gives_way_and_stays_without_javascript(show, network):
    page = show(network)
    assert not page.locator(".explorer-poster").is_visible() and page.locator(".explorer-plane").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".explorer-poster").is_visible() and not page.locator(".explorer-plane").is_visible()
    page = show(network, java_script_enabled=False)
    assert page.locator(".explorer-poster").is_visible()
    assert page.locator(".explorer-poster").get_attribute("alt") == network.alt
    assert page.locator("figcaption").inner_text() == "The worst network."


def test_a_page_of_ones_own_carries_everything(browser, network, monkeypatch):
    monkeypatch.setenv("BOOK_STATIC", "1")
    page = browser.new_page()
    page.set_content(f"<!doctype html><title>x</title>{network._repr_mimebundle_()[0]['text/html']}")
    page.wait_for_selector("[data-ready=true]")
    settle(page)
    assert "Momentum" in state(page)[1]
    page.close()


@pytest.mark.parametrize("theme", ['data-theme="dark"', ""])
def test_the_colours_follow_the_theme(show, network, theme):
    page = show(network, theme=f" {theme}")
    before = page.evaluate("document.querySelector('.explorer-plane canvas').toDataURL()")
    if theme:
        page.evaluate("document.documentElement.dataset.theme = 'light'")
    else:
        page.emulate_media(color_scheme="dark")
    settle(page)
    assert page.evaluate("document.querySelector('.explorer-plane canvas').toDataURL()") != before
    assert page.problems == []


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_nothing_sticks_out(show, network, width):
    model = LandscapeExplorer(PLANES, rules=tuple(RULES), model=True)
    page = show(network, model, width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    outside = page.evaluate("""() => [...document.querySelectorAll('.explorer-figure *')].filter((e) => {
        const box = e.getBoundingClientRect(), host = e.closest('.explorer-figure').getBoundingClientRect();
        return box.width && !e.closest('.explorer-spoken, svg')
            && (box.left < host.left - 1 || box.right > host.right + 1);
    }).map((e) => e.outerHTML.slice(0, 90))""")
    assert outside == []


@pytest.mark.parametrize("width", [375, 1280])
def test_labels_of_ticks_do_not_overlap(show, width):
    page = show(LandscapeExplorer("ravine", rules=tuple(RULES)), width=width)
    for position in ("Home", "End"):
        page.locator("[data-trait=β]").press(position)
        settle(page)
        overlaps = page.evaluate("""() => [...document.querySelectorAll('.explorer-ticks')].flatMap((row) => {
            const labels = [...row.querySelectorAll('.explorer-tick-text')];
            const boxes = labels.map((e) => e.getBoundingClientRect());
            return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>
                a.right > b.left && b.right > a.left && a.bottom > b.top + 2 && b.bottom > a.top + 2));
        }).length""")
        assert overlaps == 0


def test_the_tick_of_momentum_moves_with_its_β(show):
    page = show(LandscapeExplorer("ravine", rules=("momentum",), β=0.5))
    tick = page.locator(".explorer-control:has([data-trait=η]) .of-theory")
    before = tick.bounding_box()["x"]
    page.locator("[data-trait=β]").press("End")
    settle(page)
    assert tick.bounding_box()["x"] > before + 3


def test_what_python_sets_moves_the_view_and_the_clean_up_leaves_nothing(show, network):
    page = show(figures="<div id=host></div>")
    code = data_url(module("landscape"))
    words = page.evaluate("""async ([stage, module, state]) => {
        const { StaticModel } = await import(stage), { default: explorer } = await import(module);
        const model = window.model = new StaticModel(state), el = document.getElementById("host");
        window.stop = await explorer.render({ model, el });
        const pause = () => new Promise((done) => setTimeout(done, 300));
        await pause();
        const before = el.innerText;
        model.set("start", [-1, 0.5]);
        model.set("active", ["adam"]);
        await pause();
        const after = el.innerText;
        window.stop();
        model.set("start", [0, 0]);
        await pause();
        const left = [...model.listeners.values()].reduce((n, calls) => n + calls.size, 0);
        return [before, after, el.innerHTML, left];
    }""", [data_url(source("stage.js")), code, network.state])
    assert "(1.72, −1.20)" in words[0] and "The worst network." in words[0]
    assert "(−1.00, 0.50)" in words[1] and "Momentum" in words[1]
    assert words[2] == "" and words[3] == 0
    assert page.problems == []
