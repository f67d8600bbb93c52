"""The race of all rules: its settings, the effective rates, and what a reader can do with it on a page."""

import re

import numpy as np
import pytest
from conftest import blemishes, settle

from helpers.explorers import RaceExplorer
from helpers.explorers.explorer import data_url, module, source
from helpers.explorers.race import LANDSCAPES, STARTS
from helpers.landscapes import landscape
from helpers.optimizers import RULES, descend
from helpers.saddles import ESCAPE

PLAIN = ("gradient descent", "momentum", "nesterov")
ADAPTIVE = tuple(name for name in RULES if name not in PLAIN)


# Settings ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"landscapes": "risk"}, ValueError, "losses of two parameters"),
    ({"landscapes": []}, ValueError, "one or more different landscapes"),
    ({"rules": "newton"}, ValueError, "unknown rule 'newton'"),
    ({"rules": ESCAPE["newton"]}, ValueError, "an effective learning rate, but none is known for 'newton'"),
    ({"rules": ("adam", "adam")}, ValueError, "rules must be different"),
    ({"active": "newton"}, ValueError, "active must name rules of this explorer"),
    ({"η_adaptive": 0.0}, ValueError, "learning rate η_adaptive must be finite and more than 0"),
    ({"η_adaptive": "large"}, TypeError, "learning rate η_adaptive must be a number"),
    ({"rules": "momentum", "η_adaptive": 0.1}, TypeError, "unknown setting 'η_adaptive'"),
    ({"rules": "adam", "η": 0.1}, TypeError, "unknown setting 'η'"),
    ({"D": 1e-3}, TypeError, "unknown setting 'D'"),
    ({"start": (5, 0)}, ValueError, "start must lie in the view of 'ravine'"),
    ({"steps": 0}, ValueError, "steps must lie between"),
])
def test_settings_that_make_no_sense_say_why(settings, error, words):
    with pytest.raises(error, match=words):
        RaceExplorer(**settings)


@pytest.mark.parametrize(("name", "value"), [("η_adaptive", -1.0), ("η_adaptive", float("nan")), ("η", 0.0)])
def test_assignments_are_checked_and_leave_the_old_value(name, value):
    race = RaceExplorer("ravine")
    before = getattr(race, name)
    with pytest.raises(ValueError, match="finite and more than 0"):
        setattr(race, name, value)
    assert getattr(race, name) == before


@pytest.mark.parametrize("settings", [
    {}, {"landscapes": "Rosenbrock", "active": "adam", "η_adaptive": 0.02},
    {"rules": ("momentum", "nesterov")},
    {"landscapes": ["Himmelblau", "ravine"], "start": (1, 1), "η": 0.01, "steps": 50, "β2": 0.99},
])
def test_the_repr_makes_the_race_again(settings):
    race = RaceExplorer(**settings)
    again = eval(repr(race))
    assert repr(again) == repr(race) and again.state == race.state
    if not settings:
        assert repr(race) == "RaceExplorer()"


def test_the_poster_is_small_and_has_words():
    race = RaceExplorer()
    assert race.poster().startswith(b"\x89PNG") and len(race.poster()) < 70_000
    assert "Momentum ends at L = 2e-09 (there from step 64) with rates 0.008 and 0.008; AdaGrad" in race.alt
    assert "diverges" in RaceExplorer("ravine", η=0.3).alt
    assert RaceExplorer("saddle", active=()).poster() and RaceExplorer(alt="Mine.").alt == "Mine."


# Runs and rates ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", LANDSCAPES)
def test_each_rule_runs_with_the_rate_that_is_its_own(name):
    race = RaceExplorer(name, active=tuple(RULES), steps=60)
    start = STARTS.get(name, landscape(name).start)
    assert race.η == landscape(name).spec()["rate"]["value"] and race.η_adaptive == 0.1
    for rule in RULES:
        rate = race.η if rule in PLAIN else race.η_adaptive
        run = descend(name, start, rule=rule, steps=60, η=rate, rates=True)
        assert np.array_equal(race.path[rule].θ, run.θ)
        assert np.array_equal(race.rates[rule], run.rate, equal_nan=True)


def test_another_rate_moves_only_the_rules_it_is_for():
    race = RaceExplorer("ravine", active=tuple(RULES), steps=20)
    before = race.path
    race.η_adaptive = 0.05
    moved = {name for name in RULES if not np.array_equal(race.path[name].θ, before[name].θ)}
    assert moved == set(ADAPTIVE)
    before = race.path
    race.η = 0.02
    moved = {name for name in RULES if not np.array_equal(race.path[name].θ, before[name].θ)}
    assert moved == set(PLAIN)


def test_the_rates_are_the_factor_before_the_gradient():
    race = RaceExplorer("ravine", active=tuple(RULES), steps=30, η=0.01)
    g = landscape("ravine").gradient(race.path["gradient descent"].θ[0])
    for rule in PLAIN:
        assert (race.rates[rule] == 0.01).all()
    for rule in ("adagrad", "adagrad mean", "adam", "adamw", "amsgrad"):  # in the first step √s is |g|
        np.testing.assert_allclose(race.rates[rule][0], 0.1 / np.abs(g), rtol=1e-6)
    np.testing.assert_allclose(race.rates["rmsprop"][0], 0.1 / np.abs(g) / 0.1**0.5, rtol=1e-6)
    for rule in ("gradient descent", "adagrad", "adagrad mean", "rmsprop"):
        θ = race.path[rule].θ
        step = -race.rates[rule] * landscape("ravine").gradient(θ[:-1])
        np.testing.assert_allclose(np.diff(θ, axis=0), step, rtol=1e-9, atol=1e-15)
    assert (np.diff(race.rates["adagrad"], axis=0) < 0).all()  # its sum of squares only grows
    unbiased = race.rates["amsgrad"] / (1 - 0.999 ** np.arange(1, 31)[:, None]) ** 0.5
    assert (np.diff(unbiased, axis=0) <= 1e-12).all()


def test_arrival_is_the_step_from_which_a_path_stays_at_a_critical_point():
    race = RaceExplorer(["ravine", "saddle"], steps=300)
    for name, step in race.arrived.items():
        far = np.linalg.norm(race.path[name].θ / 4, axis=1)
        if step is None:
            assert far[-1] >= 0.01
        else:
            assert (far[step:] < 0.01).all() and far[step - 1] >= 0.01
    assert race.arrived["momentum"] == 64
    race.start = (0.0, 0.0)
    assert set(race.arrived.values()) == {0}
    race.landscape = "saddle"
    assert race.arrived["gradient descent"] is None  # passes the saddle and diverges


def test_a_landscape_has_a_start_of_its_own_and_both_its_rates():
    race = RaceExplorer()
    race.η_adaptive = 0.3
    race.landscape = "Styblinski–Tang"
    assert race.start == STARTS["Styblinski–Tang"] and race.η == 0.007 and race.η_adaptive == 0.3
    assert [v["constant"] for v in race.spec["landscapes"]] == [True, False, False, False, False, True]
    assert race.spec["letters"] == ["η", "η_adaptive", "β", "β1", "β2", "ρ", "λ"]  # no slider for ε


# The page ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", LANDSCAPES)
def test_paths_rates_and_arrivals_on_the_page_are_those_of_python(browser, name):
    """To 1e-9, as long as rounding does not decide: at a minimum RMSProp divides one rounding by another."""
    race = RaceExplorer(name, active=tuple(RULES), steps=200)
    page = browser.new_page()
    page.goto("about:blank")
    theirs = page.evaluate("""async ([stage, module, state]) => {
        const { load, descend } = await import(stage), { arrival } = await import(module);
        const { spec, start, steps } = state, [view] = spec.landscapes;
        const texts = Object.fromEntries(spec.rules.map((r) => [r.name, r.javascript]));
        const code = await load({ ...texts, land: view.javascript });
        return spec.rules.map((r) => {
            const rule = { ...code[r.name], initial: r.initial }, hyper = r.hyper.map((h) => state[h.letter]);
            const run = descend(code.land, rule, start, hyper, steps, spec.limit, { rates: true });
            return [r.name, run, arrival(run, view, spec.near)];
        });
    }""", [data_url(source("stage.js")), data_url(module("race")), race.state])
    page.close()
    compared = 0
    for rule, run, arrival in theirs:
        ours, path = race.rates[rule], race.path[rule]
        last = int(path.diverged) - 1 if path.diverged else race.steps
        assert run["diverged"] == path.diverged and len(run["rates"]) == last and len(run["path"]) == last + 1
        twin, size = race._descend(rule, np.add(race.start, 1e-14)), 1 + np.abs(path.θ)
        steady = (np.abs(twin.θ - path.θ) / size).max(1) < 1e-11
        steady &= np.abs(landscape(name).gradient(path.θ)).min(1) > 1e-9
        upto = last + 1 if steady[:last + 1].all() else max(2, int(steady.argmin()))
        assert (np.abs(np.array(run["path"]) - path.θ[:last + 1]) / size[:last + 1])[:upto].max() < 1e-9
        rates = np.array(run["rates"])[:upto - 1]
        assert (np.abs(rates / ours[:len(rates)] - 1)).max() < 1e-9
        compared += upto
        if rule != "rmsprop":
            assert (arrival if arrival >= 0 else None) == race.arrived[rule]
    assert compared > 400


def table(page):
    """The table by rows: {label: [L, rates, where it ends]}."""
    rows = [[cell.inner_text() for cell in row.locator("th, td").all()]
            for row in page.locator("[data-readout] tbody tr").all()]
    assert not re.search("NaN|undefined|null|Infinity", str(rows)), rows
    return {head: cells for head, *cells in rows}


def plot(page):
    return page.evaluate("document.querySelector('.explorer-race canvas').toDataURL()")


def slider(page, trait):
    return page.locator(f"[data-trait='{trait}']")


def number(words):
    """A number as the page writes it."""
    raised = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    words = re.sub(r"^10(?=[⁻⁰-⁹¹²³])", "1·10", words.replace("−", "-"))
    base, _, power = words.partition("·10")
    return float(base) * 10 ** int(power.translate(raised) or 0)


def agrees(page, race):
    """The table says what Python computes."""
    rows = table(page)
    for name, run in race.path.items():
        L, rates, end = rows[race.rules[name].label]
        if run.diverged:
            assert end == f"diverged at step {int(run.diverged)}"
            continue
        assert number(L) == pytest.approx(float(run.loss[-1]), rel=0.06, abs=1e-30)
        shown = [number(v) for v in rates.split(", ")]
        np.testing.assert_allclose(shown if len(shown) == 2 else shown * 2, run.rate[-1], rtol=0.06)
        step = race.arrived[name]
        assert end.endswith(f", from step {step}") if step else "from step" not in end, (end, step)
    return True


@pytest.mark.parametrize("file", [False, True])
def test_the_table_says_what_python_computes_on_every_landscape(show, file):
    race = RaceExplorer()
    page = show(race, file=file)
    for name in LANDSCAPES[1:] + LANDSCAPES[:1]:
        page.get_by_role("combobox", name="Landscape").select_option(name)
        settle(page)
        race.landscape = name
        assert agrees(page, race)
    assert page.problems == []


def test_chips_bring_rules_their_lines_and_their_sliders(show):
    race = RaceExplorer("ravine")
    page = show(race)
    assert slider(page, "η").is_visible() and slider(page, "η_adaptive").is_visible()
    assert not slider(page, "ρ").is_visible() and slider(page, "ε").count() == 0
    before = plot(page)
    page.locator("[data-chip=rmsprop]").click()
    settle(page)
    assert slider(page, "ρ").is_visible() and plot(page) != before
    for name in ("gradient descent", "momentum"):
        page.locator(f"[data-chip='{name}']").click()
    slider(page, "η").wait_for(state="hidden")
    settle(page)
    race.active = ("adagrad", "rmsprop", "adam")
    assert agrees(page, race) and set(table(page)) == {"start", "AdaGrad", "RMSProp", "Adam"}
    assert page.problems == []


def test_each_slider_moves_its_rules(show):
    race = RaceExplorer("ravine")
    page = show(race)
    first, lines = table(page), plot(page)
    slider(page, "η_adaptive").press("End")
    settle(page)
    race.η_adaptive = 1.0
    assert agrees(page, race) and table(page)["GD"] == first["GD"] and plot(page) != lines
    slider(page, "η").press("Home")
    settle(page)
    race.η = 0.0002
    assert agrees(page, race) and table(page)["GD"] != first["GD"]
    slider(page, "β2").press("Home")
    settle(page)
    race.β2 = 0.0
    assert agrees(page, race)
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert table(page) == first and plot(page) == lines
    assert page.problems == []


def test_the_start_follows_mouse_finger_and_keys(show):
    for touch in (False, True):
        race = RaceExplorer("Himmelblau")
        page = show(race, width=375 if touch else 1280, has_touch=touch)
        before = plot(page)
        frame = page.locator(".explorer-frame").bounding_box()
        x, y = frame["x"] + 0.6 * frame["width"], frame["y"] + 0.3 * frame["height"]
        page.touchscreen.tap(x, y) if touch else page.mouse.click(x, y)
        settle(page)
        place = [number(v) for v in re.findall(r"[−\d.]+", table(page)["start"][2])]
        assert place == pytest.approx([1, 2], abs=0.03) and plot(page) != before
        page.locator("[data-handle=start]").press("ArrowRight")
        settle(page)
        moved = [number(v) for v in re.findall(r"[−\d.]+", table(page)["start"][2])]
        assert moved == pytest.approx([place[0] + 0.1, place[1]], abs=0.011)
        assert page.problems == []


@pytest.mark.parametrize(("name", "active", "shown"), [
    ("ravine", ("momentum", "adam"), {"2/H₁₁", "2/H₂₂"}), ("saddle", ("momentum", "adam"), {"2/H₁₁"}),
    ("Himmelblau", ("momentum", "adam"), set()), ("Himmelblau", ("adam",), {"2/H₁₁", "2/H₂₂"}),
])
def test_the_bound_of_the_curvature_stands_where_it_is_one_line(show, name, active, shown):
    words = set(show(RaceExplorer(name, active=active)).evaluate("words"))
    assert {w for w in words if w.startswith("2/H")} == shown
    assert {"Effective rate of ", "x", "y"} <= words


def test_the_bound_is_two_over_the_curvature_along_the_coordinate(browser):
    page = browser.new_page()
    page.goto("about:blank")
    path = [[0.0, 0.0], [0.5, 0.25], [1.0, 1.0]]
    views = [{"constant": c, "start": [1, 1], "javascript": landscape(name).javascript}
             for name, c in (("ravine", True), ("saddle", True), ("Rosenbrock", False))]
    flat, saddle, valley, many = page.evaluate("""async ([stage, module, views, path]) => {
        const { load } = await import(stage), { bound } = await import(module), runs = [{ run: { path } }];
        for (const v of views) v.functions = (await load({ land: v.javascript })).land;
        const both = (v, runs) => [0, 1].map((i) => bound(i, v, runs, 50));
        return [...views.map((v) => both(v, runs)), both(views[2], [...runs, ...runs])];
    }""", [data_url(source("stage.js")), data_url(module("race")), views, path])
    page.close()
    assert flat == [[[1, 2], [50, 2]], [[1, 0.08], [50, 0.08]]]
    assert saddle[0] == [[1, 1], [50, 1]] and np.isnan(saddle[1][0][1])
    H = landscape("Rosenbrock").hessian(np.array(path))[:-1]
    for i in (0, 1):
        np.testing.assert_allclose(valley[i], [[t + 1, 2 / h[i, i]] for t, h in enumerate(H)])
    assert many == [[], []]


def test_the_decades_of_the_plot(browser):
    page = browser.new_page()
    page.goto("about:blank")
    found = page.evaluate("""async (module) => {
        const { rateRange } = await import(module);
        const two = [[[0.02, 3]], [[0.5, NaN]]], wide = [[[1e-3, 1e9]]];
        return [[[[0.1, 0.1]]], two, [], wide, [[[0, 0.5]]]].map(rateRange);
    }""", data_url(module("race")))
    page.close()
    assert found == [[-1, 0], [-2, 1], [-3, 0], [-3, 4], [-1, 0]]


def test_everything_works_by_keyboard_alone(show):
    page = show(RaceExplorer(["ravine", "saddle"], active=tuple(RULES)))
    reached = set()
    for _ in range(24):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("""() => { const e = document.activeElement, d = e.dataset;
            return d.handle || d.chip || d.trait || e.textContent; }"""))
    sliders = {"η", "η_adaptive", "β", "β1", "β2", "ρ", "λ", "steps"}
    assert {"landscape", "start", *RULES, *sliders, "Reset"} <= reached


@pytest.mark.parametrize("name", LANDSCAPES)
def test_no_control_breaks_at_its_ends(show, name):
    page = show(RaceExplorer(name, active=tuple(RULES)), file=True)
    for trait in ("η", "η_adaptive", "β", "β1", "β2", "ρ", "λ", "steps"):
        for key in ("Home", "End"):
            slider(page, trait).press(key)
            settle(page)
            assert len(table(page)) == 10
    page.locator("[data-handle=start]").focus()
    for key in [*["Shift+ArrowLeft"] * 11, *["Shift+ArrowUp"] * 11]:
        page.keyboard.press(key)
    settle(page)
    assert len(table(page)) == 10
    label = page.locator(".explorer-race canvas").get_attribute("aria-label")
    assert not re.search("NaN|undefined|null|Infinity", label + " ".join(page.evaluate("words")))
    assert page.problems == []


def test_no_rule_at_all_is_a_picture_too(show):
    page = show(RaceExplorer(active=()), RaceExplorer("ravine", rules="adam", steps=1))
    assert "start" in table(page) and page.problems == []


def test_a_screen_reader_hears_rates_and_arrivals(show):
    page = show(RaceExplorer("ravine"))
    label = page.locator(".explorer-race canvas").get_attribute("aria-label")
    assert label == ("Effective learning rates of x and y at the end: GD 0.0080, Momentum 0.0080, "
                     "AdaGrad 0.011 and 0.0015, Adam 0.31 and 0.031")
    page.locator("[data-handle=start]").press("ArrowRight")
    page.wait_for_timeout(1000)
    assert "Momentum: near the minimum, from step 64, L " in page.get_by_role("status").inner_text()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_is_accessible_and_nothing_sticks_out(show, dark, width):
    page = show(RaceExplorer(caption="A race.", active=tuple(RULES)), dark=dark, width=width)
    assert blemishes(page) == []


def test_render_returns_its_clean_up(show):
    race = RaceExplorer("ravine")
    page = show(race)
    left = page.evaluate("""async ([code, stage, state]) => {
      const { StaticModel } = await import(stage), { default: explorer } = await import(code);
      const el = document.createElement('div'), model = new StaticModel(state);
      document.body.append(el);
      const stop = await explorer.render({ model, el });
      model.set('start', [1, 1]);
      stop();
      await new Promise((done) => setTimeout(done, 300));
      return [[...model.listeners.values()].reduce((n, calls) => n + calls.size, 0), el.childElementCount];
    }""", [data_url(module("race")), data_url(source("stage.js")), race.state])
    assert left == [0, 0] and page.problems == []
