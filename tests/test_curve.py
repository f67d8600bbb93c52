"""The curve explorer: its settings, and what a reader can do with it on a page, by mouse and by keyboard."""

import re

import numpy as np
import pytest
import sympy as sp

from helpers.critical_points import find_critical_points
from helpers.explorers.curve import CurveExplorer
from helpers.explorers.explorer import data_url, module, source
from helpers.landscapes import Landscape, landscape
from helpers.optimizers import descend

x = sp.Symbol("x", real=True)
BOWL = Landscape("bowl", x**2, x, (-1, 1), start=(0.5,), title="<b>Bowl</b>")


# Settings

@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"landscapes": []}, ValueError, "one or more different landscapes"),
    ({"landscapes": ["risk", "risk"]}, ValueError, "one or more different landscapes"),
    ({"landscapes": "hole"}, ValueError, "unknown landscape 'hole'"),
    ({"landscapes": "saddle"}, ValueError, "of one parameter, but 'saddle' has 2; a LandscapeExplorer"),
    ({"landscapes": ["risk", "empirical risk", "cubic", "tanh", BOWL]}, ValueError, "at most 4 curves"),
    ({"together": "yes"}, TypeError, "together must be True or False"),
    ({"rules": ["gradient descent", "gradient descent"]}, ValueError, "different from one another"),
    ({"rules": "newton"}, ValueError, "unknown rule 'newton'"),
    ({"active": "momentum"}, ValueError, "active must name rules of this explorer"),
    ({"rules": ["momentum", "adam"], "active": ["momentum", "adam"]}, ValueError, "follow one rule at a"),
    ({"start": 2.5}, ValueError, r"from -1 to 2, not at 2\.5"),
    ({"start": float("nan")}, ValueError, "start must be finite"),
    ({"start": "left"}, TypeError, "start must be numbers"),
    ({"start": (0.1, 0.2)}, ValueError, "start must be one number"),
    ({"steps": 0}, ValueError, "steps must lie between 1 and 5000"),
    ({"steps": 1.5}, TypeError, "steps must be a whole number"),
    ({"steps": 10, "step": 11}, ValueError, "step must lie between 0 and 10"),
    ({"η": 0.0}, ValueError, "more than 0"),
    ({"η": float("inf")}, ValueError, "finite"),
    ({"β": 0.9}, TypeError, "unknown setting 'β'"),
    ({"caption": 3}, TypeError, "caption must be a string"),
])
def test_settings_that_make_no_sense_say_why(settings, error, words):
    with pytest.raises(error, match=words):
        CurveExplorer(**settings)


def test_traits_are_checked_and_the_path_follows():
    explorer = CurveExplorer("tilted double well", ("gradient descent", "momentum"), steps=30, η=0.1)
    seen = []
    explorer.observe(lambda change: seen.append(change.new), "path")
    explorer.start, explorer.β = -1.5, 0.5
    assert len(seen) == 2
    for name, hyper in (("gradient descent", {}), ("momentum", {"β": 0.5})):
        run = descend(landscape("tilted double well"), [-1.5], rule=name, steps=30, η=0.1, **hyper)
        assert np.array_equal(explorer.path[name].θ, run.θ)
    for trait, value in (("start", 7.0), ("β", 1.0), ("η", -1.0), ("landscape", "risk"), ("step", 31)):
        with pytest.raises(ValueError):
            setattr(explorer, trait, value)
    explorer.active = []
    assert explorer.path == {}


def test_curves_together_each_have_their_run():
    explorer = CurveExplorer(["risk", "empirical risk"], start=0.2, η=0.02, steps=100)
    assert list(explorer.path) == ["risk", "empirical risk"]
    for name, run in explorer.path.items():
        minima = [p.θ[0] for p in find_critical_points(landscape(name)).of("minimum")]
        assert np.abs(run.end[0] - minima).min() < 1e-3
    assert abs(explorer.path["risk"].end[0] - explorer.path["empirical risk"].end[0]) > 0.4
    assert explorer.step == 100
    explorer.steps = 20
    assert explorer.step == 20 and len(explorer.path["risk"].θ) == 21


def test_a_menu_turns_to_the_landscapes_own_start_and_rate():
    explorer = CurveExplorer(["risk", "cubic"], together=False, start=0.5, η=0.03)
    explorer.landscape = "cubic"
    assert (explorer.start, explorer.η) == (1.0, 0.1)
    explorer.start = -1.5  # outside the picture of the first
    explorer.landscape = "risk"
    assert (explorer.start, explorer.η) == (0.5, 0.03)
    explorer.set_state({"start": 1.4, "landscape": "cubic"})
    assert (explorer.landscape, explorer.start) == ("cubic", 1.4)


@pytest.mark.parametrize("explorer", [
    CurveExplorer("cubic"),
    CurveExplorer(["risk", "empirical risk"], start=0.25, η=0.01, steps=40, step=3),
    CurveExplorer(["cubic", "tanh"], together=False),
    CurveExplorer("risk", rules=("momentum", "adam"), active="adam", β=0.5),
])
def test_the_repr_makes_the_explorer_again(explorer):
    again = eval(repr(explorer))
    assert repr(again) == repr(explorer) and again.state == explorer.state


def test_the_static_html_carries_poster_alt_and_escaped_words():
    explorer = CurveExplorer(BOWL, start=0.5, η=0.25, caption="Is L < 1?", steps=20)
    page = explorer.static_html()
    assert "From x = 0.5: GD ends at x = 4.77e-07, L = 2.27e-13." in page
    assert "Is L &lt; 1?" in page and "“&lt;b&gt;Bowl&lt;/b&gt;”" in page
    assert 'src="data:image/png;base64,' in page
    assert len(explorer.poster()) < 40_000


def test_alt_text_tells_divergence_from_leaving():
    assert "diverges at step" in CurveExplorer("cubic", start=-1.0, η=0.5).alt
    assert "leaves the picture" in CurveExplorer("tanh", start=-4.99, η=1.0, steps=400).alt


# In the browser

def readout(page, *words):
    """The readout, as soon as it contains the words; it is written at most every tenth of a second."""
    if words:
        has = "document.querySelector('[data-readout]').innerText.includes(word)"
        page.wait_for_function(f"(words) => words.every((word) => {has})", arg=words, timeout=10_000)
    else:
        page.wait_for_timeout(150)
    text = page.locator("[data-readout]").inner_text()
    assert not re.search("NaN|undefined|null|Infinity", text), text
    return text


def picture(page):
    """The canvas with the path, as a string that changes with it."""
    return page.evaluate("document.querySelectorAll('.explorer-plane canvas')[1].toDataURL()")


def slide(page, trait, key):
    page.locator(f'input[data-trait="{trait}"]').press(key)


def test_the_start_moves_by_mouse_and_by_keyboard(open_page):
    page = open_page(CurveExplorer("tilted double well", start=1.5, η=0.1, steps=200))
    ball = page.get_by_role("slider", name="start of the ball")
    assert readout(page, "1.500").endswith("minimum")
    seen = picture(page)
    ball.focus()
    moves = (("ArrowLeft", "1.464"), ("ArrowUp", "1.500"), ("Shift+ArrowLeft", "1.140"), ("Home", "−1.800"),
             ("End", "1.800"))
    for key, where in moves:
        page.keyboard.press(key)
        readout(page, f"start\t{where}")
        assert ball.get_attribute("aria-valuetext") == f"x {where}" and picture(page) != seen
        seen = picture(page)
    assert float(ball.get_attribute("aria-valuemin")) <= float(ball.get_attribute("aria-valuenow")) <= 1.8

    box, frame = ball.bounding_box(), page.locator(".explorer-frame").bounding_box()
    page.mouse.move(box["x"] + 12, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(frame["x"] + 0.25 * frame["width"], frame["y"] + 10, steps=5)
    page.mouse.up()
    readout(page, "−0.900", "−1.024")  # it fell into the other well
    assert picture(page) != seen
    page.mouse.click(frame["x"] + 0.75 * frame["width"], frame["y"] + 0.5 * frame["height"])
    readout(page, "\t0.900")
    page.get_by_role("button", name="Reset").click()
    readout(page, "1.500")
    assert page.problems == []


def test_a_finger_moves_the_start(open_page):
    page = open_page(CurveExplorer("risk"), width=375, has_touch=True)
    frame = page.locator(".explorer-frame").bounding_box()
    page.touchscreen.tap(frame["x"] + 0.8 * frame["width"], frame["y"] + 0.5 * frame["height"])
    page.wait_for_function("() => /1\\.(39|40)/.test(document.querySelector('[data-readout]').innerText)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.problems == []


def test_the_page_computes_what_python_computes(open_page):
    explorer = CurveExplorer(["risk", "empirical risk"], start=0.6, η=0.01, steps=60)
    ends = [f"{run.end[0]:.3f}".replace("-", "−") for run in explorer.path.values()]
    readout(open_page(explorer), *ends, "Risk: ", "Empirical risk: ")


def test_two_balls_part(open_page):
    page = open_page(CurveExplorer(["risk", "empirical risk"], start=0.2, η=0.02, steps=200))
    readout(page, "Risk: minimum", "Empirical risk: minimum")
    assert page.locator(".explorer-handle").count() == 2
    assert page.get_by_role("slider", name="start of the ball").count() == 1
    legend = page.locator(".explorer-legend").inner_text().split("\n")
    assert legend == ["Risk", "Empirical risk", "minima", "maxima"]


def test_steps_one_by_one_and_as_a_film(open_page):
    page = open_page(CurveExplorer("risk", start=0.25, η=0.01, steps=40))
    step = page.locator('input[data-trait="step"]')
    play, pause, on, back = (page.get_by_role("button", name=name) for name in
                             ("play", "pause", "one step on", "one step back"))
    at = """([test, t]) => {
        const now = document.querySelector('[data-trait=step]').value - t;
        return { '<': now < 0, '==': now === 0, '>': now > 0 }[test];
    }"""
    readout(page, "step 40")
    assert step.input_value() == "40" and on.is_disabled()
    end = picture(page)
    back.click()
    readout(page, "step 39")
    assert step.input_value() == "39" and picture(page) != end
    step.press("Home")
    readout(page, "step 0")
    assert back.is_disabled()
    on.click()
    readout(page, "step 1\t")
    play.press("Enter")
    page.wait_for_function(at, arg=[">", 3])
    pause.press("Enter")
    held = int(step.input_value())
    page.wait_for_timeout(400)
    assert int(step.input_value()) == held < 40
    step.press("End")
    page.wait_for_function(at, arg=["==", 40])
    play.click()  # from the end it starts anew
    page.wait_for_function(at, arg=["<", 20])
    page.wait_for_function(at, arg=["==", 40])
    play.wait_for()
    assert page.problems == []


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_a_reader_who_wants_no_motion_has_steps_but_no_film(open_page):
    page = open_page(CurveExplorer("risk"), reduced_motion="reduce")
    assert page.get_by_role("button", name="play").count() == 0
    page.get_by_role("button", name="one step back").click()
    readout(page, "step 99")


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
@pytest.mark.parametrize("explorer", [
    CurveExplorer(["risk", "empirical risk"], rules=("gradient descent", "momentum", "adam")),
    CurveExplorer("tilted double well", rules=("momentum", "nesterov", "rmsprop", "adam")),
    CurveExplorer(["cubic", "tanh", "risk"], together=False, rules=("gradient descent", "adagrad")),
], ids=["together", "one curve", "menu"])
def test_every_slider_at_its_ends(open_page, explorer):
    page = open_page(explorer)
    choices = page.locator("select option").evaluate_all("o => o.map((e) => e.value)") or [None]
    for choice in choices:
        if choice:
            page.locator("select").select_option(choice)
        for end in ("Home", "End"):
            page.get_by_role("slider", name="start of the ball").press(end)
            for key in ("Home", "End"):
                for control in page.locator("input[type=range]:visible").all():
                    control.press(key)
                    readout(page)
    chips = page.locator("[data-chip]")
    for k in range(chips.count()):
        chips.nth(k).click()
        readout(page)
    assert page.problems == []


def test_divergence_and_leaving_are_said(open_page):
    page = open_page(CurveExplorer("cubic", start=1.0, η=0.5, steps=60))
    assert readout(page, "diverged").endswith("diverged at step 7")
    for _ in range(54):
        page.locator('input[data-trait="step"]').press("ArrowLeft")
    readout(page, "left the picture at step 3")
    page.locator('input[data-trait="step"]').press("Home")
    readout(page, "not critical: |L′| = 3.00")
    assert page.problems == []


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
@pytest.mark.parametrize(("name", "start", "words"), [
    ("risk", 1.5, "minimum"), ("cubic", 0.0, "degenerate: the second-order test says nothing"),
    ("tanh", 4.0, "not critical: |L′| = 0.00136"), ("cubic", 0.02, "near the degenerate point: |L′| = "),
])
def test_verdicts(open_page, name, start, words):
    readout(open_page(CurveExplorer(name, start=start, η=0.01, steps=500)), words)


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_a_ball_on_a_maximum_stays(open_page):
    hill = Landscape("hill", sp.cos(x), x, (-2, 2), start=(0,))
    assert readout(open_page(CurveExplorer(hill, η=0.1)), "maximum").endswith("maximum")


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_sliders_follow_the_rules_and_the_tick_stands_where_theory_says(open_page):
    page = open_page(CurveExplorer(BOWL, rules=("gradient descent", "momentum"), η=0.1))
    assert page.locator('input[data-trait="β"]').is_visible()
    titles = page.locator(".explorer-tick-text[title]")
    assert titles.all_inner_texts() == ["2/L″", "(2+2β)/L″"]
    chips = page.locator("[data-chip]")
    chips.nth(1).click()
    page.locator('input[data-trait="β"]').wait_for(state="hidden")
    page.wait_for_function("() => document.querySelectorAll('.explorer-tick-text[title]').length === 1")
    assert titles.all_inner_texts() == ["2/L″"]
    found = page.evaluate("""async (code) => {
      const { downhill } = await import(code), kinds = ['minimum', 'maximum', 'minimum'];
      const critical = kinds.map((kind, k) => ({ θ: [k - 1], kind }));
      const view = { critical, functions: { gradient: ([x]) => [x ** 3 - x] } };
      return [-2, -0.5, 0, 0.5, 1, 3].map((x) => downhill(x, view)?.θ[0] ?? null);
    }""", data_url(module("curve")))
    assert found == [-1, -1, None, 1, 1, 1]


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_labels_of_critical_points_do_not_collide(open_page):
    page = open_page(CurveExplorer("empirical risk"))
    boxes = page.evaluate("""async (code) => {
      const { labelBoxes } = await import(code);
      const labels = Array.from({ length: 12 }, (_, k) => (
        { text: 'minimum', x: 25 * k + 30, y: 100 + 5 * (k % 3), width: 50, below: k % 2 === 0 }));
      return labelBoxes(labels, [{ left: 100, right: 110, top: 0, bottom: 200 }], 400, 200);
    }""", data_url(module("curve")))
    assert 2 <= len(boxes) < 12
    for k, a in enumerate(boxes):
        assert a["left"] >= 2 and a["left"] + 50 <= 398 and not (a["left"] < 110 and a["left"] + 50 > 100)
        for b in boxes[:k]:
            assert abs(a["left"] - b["left"]) >= 50 or abs(a["middle"] - b["middle"]) >= 14
    assert page.locator(".explorer-legend").inner_text().split("\n") == ["7 minima", "6 maxima"]


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_render_returns_its_clean_up_and_follows_the_model(open_page):
    explorer = CurveExplorer("risk")
    page = open_page(explorer)
    said = page.evaluate("""async ([code, stage, state]) => {
      const { StaticModel } = await import(stage), { default: explorer } = await import(code);
      const el = document.createElement('div'), model = new StaticModel(state);
      document.body.append(el);
      const stop = await explorer.render({ model, el });
      const wait = (ms) => new Promise((done) => setTimeout(done, ms));
      model.set('start', 1.25);
      model.set('η', 0.05);
      const text = () => el.querySelector('[data-readout]').innerText;
      for (let k = 0; k < 100 && !text().includes('1.250'); k++) await wait(50);
      const found = text().includes('1.250');
      const rate = el.querySelector('[data-trait="η"]').getAttribute('aria-valuetext');
      stop();
      model.set('start', 0.5);
      await wait(200);
      const left = [...model.listeners.values()].reduce((n, calls) => n + calls.size, 0);
      return [found, rate, el.childElementCount, left];
    }""", [data_url(module("curve")), data_url(source("stage.js")), explorer.state])
    assert said == [True, "0.050", 0, 0]
    assert page.problems == []


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_without_javascript_the_poster_stands(open_page):
    page = open_page(CurveExplorer("risk", alt="A curve with two valleys."), java_script_enabled=False)
    assert page.get_by_role("img", name="A curve with two valleys.").is_visible()
