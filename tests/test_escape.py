"""The race at a saddle: its settings, its laws, and what a reader can do with it on a page."""

import math
import re

import numpy as np
import pytest
import sympy as sp
from conftest import blemishes, settle

from helpers.explorers import EscapeExplorer, LandscapeExplorer
from helpers.explorers.escape import LANDSCAPES, LAWS, along, displaced, strict_saddle
from helpers.explorers.explorer import data_url, look, module, source
from helpers.explorers.noise import normals
from helpers.landscapes import GALLERY, Landscape, landscape
from helpers.optimizers import DIVERGED, RULES, descend
from helpers.saddles import ESCAPE, escape_steps, escape_steps_exact

x, y = sp.symbols("x y", real=True)
TILTED = Landscape("tilted saddle", (x + y / 2) ** 2 - (y - x / 2) ** 2 / 3, (x, y), ((-2, 2), (-2, 2)))


# Settings ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"landscapes": "ravine"}, ValueError, "'ravine' has no saddle with a negative eigenvalue in its view"),
    ({"landscapes": "monkey saddle"}, ValueError, "'monkey saddle' has no saddle"),
    ({"landscapes": ["saddle", "maximum"]}, ValueError, "'maximum' has no saddle"),
    ({"landscapes": "risk"}, ValueError, "losses of two parameters"),
    ({"rules": "hill climbing"}, ValueError, "unknown rule 'hill climbing'; .*'saddle-free newton'"),
    ({"rules": ("newton", "newton")}, ValueError, "rules must be different"),
    ({"active": "adam"}, ValueError, "active must name rules of this explorer"),
    ({"R": 0}, ValueError, "the escape radius R must be finite and more than 0"),
    ({"R": "far"}, TypeError, "the escape radius R must be a number"),
    ({"R": 2.5}, ValueError, r"R must stay in the view of 'saddle', but 2\.5 from the saddle at \(0, 0\)"),
    ({"saddle": (0, 0, 0)}, ValueError, "saddle must have 2 coordinates"),
    ({"saddle": [(0, 0)]}, ValueError, "saddle must be one point of two coordinates"),
    ({"δ": -1e-3}, ValueError, "the distance δ must be finite and at least 0"),
    ({"δ": float("nan")}, ValueError, "the distance δ must be finite"),
    ({"δ": "near"}, TypeError, "the distance δ must be a number"),
    ({"δ": 3}, ValueError, "start must lie in the view of 'saddle'"),
    ({"start": (3, 0)}, ValueError, "start must lie in the view"),
    ({"seed": -1}, ValueError, "seed must lie between 0 and 4294967295"),
    ({"seed": 1.5}, TypeError, "seed must be a whole number"),
    ({"D": 0}, ValueError, "noise strength D must be finite and more than 0"),
    ({"β": 0.9}, TypeError, "unknown setting 'β'; the hyper-parameters of these rules are η, D, r, Δ"),
])
def test_settings_that_make_no_sense_say_why(settings, error, words):
    with pytest.raises(error, match=words):
        EscapeExplorer(**settings)


@pytest.mark.parametrize(("name", "value", "error"), [
    ("seed", 2**32, ValueError), ("δ", -1, ValueError), ("δ", 2.5, ValueError), ("D", 0, ValueError),
    ("R", 1, AttributeError), ("start", (0, 3), ValueError), ("Δ", None, TypeError)])
def test_assignments_are_checked_and_leave_the_old_value(name, value, error):
    race = EscapeExplorer("saddle")
    before = getattr(race, name)
    with pytest.raises(error):
        setattr(race, name, value)
    assert getattr(race, name) == before


def test_the_saddle_is_a_strict_one_in_the_view():
    for name in LANDSCAPES:
        land = landscape(name)
        θ, u, λ = strict_saddle(land)
        assert np.linalg.norm(land.gradient(θ)) < 1e-10 and λ < 0
        np.testing.assert_allclose(land.hessian(θ) @ u, λ * np.array(u), atol=1e-12)
        assert np.linalg.norm(u) == pytest.approx(1, abs=1e-14)
    assert strict_saddle(GALLERY["saddle"]) == ((0.0, 0.0), (0.0, 1.0), -2.0)
    s = strict_saddle(GALLERY["worst network"])[1]
    assert s[0] == s[1]  # to the bit: then (a, −a) has no part along it
    himmelblau = GALLERY["Himmelblau"]
    assert strict_saddle(himmelblau)[0] == pytest.approx((-0.128, -1.954), abs=1e-3)
    assert strict_saddle(himmelblau, (3, 0))[0] == pytest.approx((3.385, 0.0739), abs=1e-3)
    assert EscapeExplorer("Himmelblau", saddle=(-3, 0)).saddle == pytest.approx((-3.073, -0.0814), abs=1e-3)


def test_the_radius_keeps_off_what_else_is_critical():
    assert [EscapeExplorer(name).R for name in LANDSCAPES] == [1.0, 0.7, 0.5]
    assert EscapeExplorer("saddle", R=1.5).R == 1.5


def test_moving_the_start_along_the_unstable_direction_keeps_the_other_coordinate():
    rng = np.random.default_rng(0)
    for land in (TILTED, *map(landscape, LANDSCAPES)):
        θ, u, _ = strict_saddle(land)
        escape = {"saddle": θ, "u": u}
        for start in np.array(θ) + rng.normal(0, 0.5, (50, 2)):
            for δ in (0, 1e-12, 1e-3, 0.4):
                moved = displaced(start, escape, δ)
                side = np.sign(along(start, escape))
                assert along(moved, escape) == pytest.approx(side * δ, abs=2e-15)
                assert (moved - start) @ [u[1], -u[0]] == pytest.approx(0, abs=2e-15)


def test_a_distance_is_read_from_the_start_and_written_to_it():
    race = EscapeExplorer(LANDSCAPES, δ=1e-9)
    assert race.δ == 1e-9 and race.start == (1.0, 1e-9)
    race.start = (0.5, -0.25)
    assert race.δ == 0.25
    race.δ = 1e-3
    assert race.start == (0.5, -1e-3)
    race.δ = 0
    assert race.start == (0.5, 0.0) and race.δ == 0
    race.landscape = "worst network"
    assert race.δ == pytest.approx(1e-6, rel=1e-9) and race.R == 0.7
    race.δ = 0
    assert race.start[0] == -race.start[1] and race.δ == 0
    race.landscape = "saddle"
    assert race.start == (1.0, 1e-9)
    assert EscapeExplorer("saddle", start=(1.5, -1), δ=0.01).start == (1.5, -0.01)


@pytest.mark.parametrize("settings", [
    {}, {"δ": 0}, {"landscapes": "saddle", "rules": "gradient descent", "R": 0.5, "η": 0.2},
    {"landscapes": "worst network", "start": (1, -0.5), "active": "newton", "steps": 50},
    {"landscapes": ["Himmelblau", "saddle"], "saddle": (3, 0), "R": 0.25, "seed": 9, "D": 1e-4},
    {"start": (1.5, -1), "δ": 1e-7},
])
def test_the_repr_is_one_line_that_makes_the_race_again(settings):
    race = EscapeExplorer(**settings)
    again = eval(repr(race))
    assert "\n" not in repr(race) and repr(again) == repr(race)
    assert again.left == race.left and again.R == race.R
    assert again.δ == pytest.approx(race.δ, rel=1e-5) and again.start == pytest.approx(race.start, abs=1e-5)
    if not settings:
        assert repr(race) == "EscapeExplorer()"


def test_every_rule_looks_different():
    looks = [str(look(rule)) for rule in (RULES | ESCAPE).values()]
    assert len(set(looks)) == len(looks) == len(RULES | ESCAPE)


def test_the_poster_is_small_and_has_words():
    race = EscapeExplorer("saddle")
    png = race.poster()
    assert png.startswith(b"\x89PNG") and len(png) < 70_000
    for words in ("GD leaves after 76 steps (by its law 75.8)", "Newton does not leave in 300 steps",
                  "strip of half-width R = 1 around its saddle at (0, 0)", "δ = 1e-06"):
        assert words in race.alt
    assert EscapeExplorer("saddle", δ=1e-3, alt="Mine.").alt == "Mine."


# The race in Python -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("η", [0.03, 0.1, 0.45])
def test_gradient_descent_leaves_when_the_law_says(η):
    race = EscapeExplorer("saddle", rules="gradient descent", η=η, steps=1500)
    for δ in 10.0 ** np.arange(-12, 0) * 1.7:
        race.δ = δ
        law = float(escape_steps(δ, -2.0, η, 1.0))
        assert race.laws == {"gradient descent": pytest.approx(law, rel=1e-12)}
        assert race.left["gradient descent"] == math.ceil(law)


def test_from_exactly_the_stable_direction_gradient_descent_never_leaves():
    race = EscapeExplorer(["saddle", "worst network"], rules=("gradient descent", "perturbed"), steps=2000)
    for name in race.landscapes:
        race.landscape = name
        race.δ = 0
        assert race.left["gradient descent"] is None and race.laws["gradient descent"] == math.inf
        assert race.left["perturbed"] is not None


def test_saddle_free_newton_doubles_and_newton_ends_at_the_saddle():
    race = EscapeExplorer("saddle", rules=("newton", "saddle-free newton"), Δ=5.0)
    for δ in 10.0 ** np.arange(-12, 0) * 1.7:
        race.δ = δ
        assert race.left == {"newton": None, "saddle-free newton": math.ceil(math.log2(1 / δ))}
        assert race.laws["newton"] == math.inf
        assert race.laws["saddle-free newton"] == pytest.approx(math.log2(1 / δ), rel=1e-12)
        assert np.abs(race.path["newton"].end).max() < 1e-14


def test_negative_curvature_does_not_mind_the_distance():
    """A step of r or more away from the saddle: after the first, it is as far as a start at distance r."""
    race = EscapeExplorer("saddle", rules="negative curvature", r=0.05)
    _, steps = race.sweep()
    assert len(set(steps["negative curvature"][:15].tolist())) == 1
    assert steps["negative curvature"][0] <= 1 / 0.05


def test_noise_brings_gradient_descent_away_as_fast_as_the_exact_mean_says():
    race = EscapeExplorer("saddle", rules="perturbed", δ=0, D=1e-5)
    steps = []
    for seed in range(200):
        race.seed = seed
        steps.append(race.left["perturbed"])
    exact = escape_steps_exact(-2.0, 0.1, s=0.0, D=1e-5)
    assert abs(np.mean(steps) - exact) < 3 * np.std(steps) / len(steps) ** 0.5
    assert race.laws["perturbed"] == pytest.approx(exact, rel=1e-3)


def test_the_law_with_noise_is_the_smaller_of_two():
    race = EscapeExplorer("saddle", D=1e-4)
    race.δ = 0.5
    assert race.laws["perturbed"] == race.laws["gradient descent"]
    race.δ = 1e-9
    plateau = race.laws["perturbed"]
    race.δ = 0
    assert race.laws["perturbed"] == plateau < 40


def test_a_sweep_is_what_single_races_give():
    race = EscapeExplorer("worst network", steps=150, seed=5)
    distances, steps = race.sweep()
    assert distances[0] == 0 and distances[1] == 1e-12 and distances[-1] == pytest.approx(race.R)
    for k, δ in enumerate(distances):
        race.δ = δ
        found = {name: -1 if step is None else step for name, step in race.left.items()}
        assert found == {name: v[k] for name, v in steps.items()}


@pytest.mark.parametrize("name", ["saddle", "worst network"])
def test_exactly_on_the_way_in_no_rule_leaves_that_has_no_other_reason(name):
    left = EscapeExplorer(name, δ=0).left
    assert [rule for rule, step in left.items() if step] == ["perturbed", "negative curvature"]


def test_the_path_is_that_of_descend_with_the_noise_of_the_seed():
    race = EscapeExplorer("saddle", rules="perturbed", seed=7, steps=20, D=1e-3)

    class Rows:
        k = 0

        def standard_normal(self, shape):
            self.k += 1
            return normals(7, 20, 2)[self.k - 1]

    run = descend("saddle", race.start, rule=ESCAPE["perturbed"], steps=20, rng=Rows(), η=race.η, D=1e-3)
    assert np.array_equal(race.path["perturbed"].θ, run.θ)
    before = race.path["perturbed"]
    race.seed = 8
    assert not np.array_equal(race.path["perturbed"].θ, before.θ)


def test_rules_with_noise_run_on_any_landscape_explorer():
    explorer = LandscapeExplorer("ravine", rules=(ESCAPE["perturbed"], ESCAPE["newton"]), seed=3, steps=30)
    assert "seed=3" in repr(explorer) and set(explorer.path) == {"perturbed", "newton"}
    assert explorer.spec["seed"] == 3 and len(explorer.poster()) < 60_000


# The page ---------------------------------------------------------------------------------------------------
def table(page):
    """The table by rows: {label: [steps, law, where it ends]}."""
    rows = [[cell.inner_text() for cell in row.locator("th, td").all()]
            for row in page.locator("[data-readout] tbody tr").all()]
    assert not re.search("NaN|undefined|null|Infinity", str(rows)), rows
    return {head: cells for head, *cells in rows}


def plot(page):
    return page.evaluate("document.querySelector('.explorer-escape canvas').toDataURL()")


def picture(page):
    return page.evaluate("document.querySelector('.explorer-paths').toDataURL()")


def expected(race):
    """What the table must say of Python's race: [steps, law] for each label."""
    said = {}
    for name, step in race.left.items():
        law = race.laws.get(name, math.nan)
        if math.isinf(law) and step is not None:
            law = math.nan  # far out, Newton's method may take the other way
        words = "–" if math.isnan(law) else "never" if math.isinf(law) else f"{law:.1f}"
        said[race.rules[name].label] = [f"not in {race.steps}" if step is None else str(step), words]
    return said


def same_points(page, race):
    """Whether the plot's label tells the steps from 10⁻¹² and from 0 as Python's sweep has them."""
    label, (_, steps) = page.locator(".explorer-escape canvas").get_attribute("aria-label"), race.sweep()

    def told(step):
        return "not" if step < 0 else f"after {step}"

    for name, found in steps.items():
        words = f"{race.rules[name].label}: {told(found[1])} from 10⁻¹², "
        if name != "saddle-free newton":  # from 0 rounding decides
            words += f"{told(found[0])} from 0"
        if words not in label:
            return f"{words!r} is not in {label!r}"
    return True


def slider(page, trait="δ"):
    return page.locator(f"[data-trait={trait}]")


@pytest.mark.parametrize("settings", [
    {}, {"landscapes": "worst network", "δ": 1e-9, "seed": 4}, {"landscapes": "Himmelblau", "D": 1e-4},
    {"landscapes": "saddle", "start": (-1.5, -0.02), "η": 0.02, "r": 0.01, "Δ": 0.2, "D": 1e-9,
     "steps": 120},
    {"landscapes": TILTED, "δ": 1e-4, "seed": 2**32 - 1},
    {"landscapes": "Himmelblau", "saddle": (3, 0), "start": (3.6, 0.6), "R": 0.4},
])
def test_the_table_says_what_python_computes(show, settings):
    race = EscapeExplorer(**settings)
    page = show(race)
    assert {label: cells[:2] for label, cells in table(page).items() if label != "start"} == expected(race)
    assert same_points(page, race) is True
    assert page.problems == []


@pytest.mark.parametrize("name", LANDSCAPES)
def test_the_points_of_the_plot_are_those_of_python(browser, name):
    """The page's own code against `sweep`. From exactly 0, rounding decides for saddle-free Newton."""
    race = EscapeExplorer(name, seed=11)
    page = browser.new_page()
    page.goto("about:blank")
    code = data_url(module("escape"))
    theirs = page.evaluate("""async ([stage, module, state]) => {
        const { load, descend, normals } = await import(stage), { sweep } = await import(module);
        const { spec, start, steps } = state, { javascript, escape } = spec.landscapes[0];
        const texts = Object.fromEntries(spec.rules.map((r) => [r.name, r.javascript]));
        const code = await load({ ...texts, land: javascript, eigen: spec.formulas.eigen });
        const number = normals(state.seed), noise = (t) => [number(2 * t - 2), number(2 * t - 1)];
        return spec.rules.map((r) => {
            const rule = { ...code[r.name], initial: r.initial }, hyper = r.hyper.map((h) => state[h.letter]);
            const run = (from, until) =>
                descend(code.land, rule, from, hyper, steps, spec.limit, { eigen: code.eigen, noise, until });
            const path = (from, until) => run(from, until).path;
            const [stopped, whole] = [!rule.noisy, false].map((rests) => sweep(path, start, escape, rests));
            return [r.name, stopped, whole, run(start)];
        });
    }""", [data_url(source("stage.js")), code, race.state])
    page.close()
    _, ours = race.sweep()
    for rule, stopped, steps, run in theirs:
        assert steps[1:] == ours[rule].tolist()[1:]
        assert stopped == steps  # a path that rests is not worth following
        if rule != "saddle-free newton":
            assert steps[0] == ours[rule][0]
        path = race.path[rule]
        last = int(path.diverged) - 1 if path.diverged else race.steps
        assert run["diverged"] == path.diverged and len(run["path"]) == last + 1
        twin = race._descend(rule, np.nextafter(race.start, np.inf)).θ  # one ulp off
        size = 1 + np.abs(path.θ)
        if (np.abs(twin - path.θ) / size).max() < 1e-11:
            assert (np.abs(run["path"] - path.θ[:last + 1]) / size[:last + 1]).max() < 1e-9


@pytest.mark.parametrize("file", [False, True])
def test_the_slider_moves_the_start_by_keyboard_to_zero_and_back(show, file):
    race = EscapeExplorer("saddle")
    page = show(race, file=file)
    assert slider(page).get_attribute("aria-valuetext") == "10⁻⁶" and table(page)["GD"][0] == "76"
    before = plot(page), picture(page)
    for key, said, steps in (("PageDown", None, None), ("Home", "0, exactly", "not in 300"),
                             ("ArrowLeft", "0, exactly", "not in 300"), ("ArrowRight", "10⁻¹²", "152"),
                             ("ArrowLeft", "0, exactly", "not in 300"), ("PageUp", "10⁻¹²", "152"),
                             ("ArrowRight", None, None), ("End", "1.0", "0")):
        slider(page).press(key)
        settle(page)
        if said:
            assert slider(page).get_attribute("aria-valuetext") == said, key
            assert table(page)["GD"][0] == steps and "θ = (1.00, " in table(page)["start"][2]
    assert (plot(page), picture(page)) != before
    slider(page).press("Home")
    settle(page)
    assert table(page)["Perturbed GD"][:2] == [str(race.left["perturbed"]), "44.0"]
    assert table(page)["GD"][1] == table(page)["Newton"][1] == "never"
    assert page.problems == []


def test_the_slider_stands_below_the_axis_of_the_plot_and_follows_the_mouse(show):
    page = show(EscapeExplorer("saddle"))
    box = slider(page).bounding_box()
    at = box["x"] + 8 + (box["width"] - 16) * (0.09 + 0.91 * 9 / 12)  # δ = 10⁻³
    page.mouse.click(at, box["y"] + box["height"] / 2)
    settle(page)
    steps = int(table(page)["GD"][0])
    assert abs(steps - math.log(1e3) / math.log(1.2)) < 3
    assert page.problems == []


def test_the_slider_follows_the_start(show):
    page = show(EscapeExplorer("saddle"))
    page.locator("[data-handle=start]").focus()
    page.keyboard.press("Shift+ArrowUp")
    settle(page)
    assert slider(page).get_attribute("aria-valuetext") == "0.40"
    assert table(page)["start"][2] == "θ = (1.00, 0.40), δ = 0.4"
    before = plot(page)
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert slider(page).get_attribute("aria-valuetext") == "0.40" and plot(page) == before
    assert page.problems == []


def test_the_start_follows_the_mouse_and_a_finger(show):
    for touch in (False, True):
        page = show(EscapeExplorer("worst network"), width=375 if touch else 1280, has_touch=touch)
        frame = page.locator(".explorer-frame").bounding_box()
        x, y = frame["x"] + 0.3 * frame["width"], frame["y"] + 0.6 * frame["height"]
        page.touchscreen.tap(x, y) if touch else page.mouse.click(x, y)
        settle(page)
        race = EscapeExplorer("worst network", start=(-0.8, -0.4))
        assert table(page)["start"][2].startswith("θ = (−0.80, −0.40)")
        assert table(page)["GD"][:2] == expected(race)["GD"]
        assert page.problems == []


def test_new_noise_is_that_of_the_next_seed(show):
    race = EscapeExplorer("saddle", seed=20)
    page = show(race)
    first, before = table(page), plot(page)
    page.get_by_role("button", name="Draw new noise").click()
    settle(page)
    race.seed = 21
    assert table(page)["Perturbed GD"][0] == str(race.left["perturbed"]) and plot(page) != before
    assert same_points(page, race) is True
    assert {k: v for k, v in table(page).items() if k != "Perturbed GD"} == {
        k: v for k, v in first.items() if k != "Perturbed GD"}
    page.get_by_role("button", name="Perturbed GD").click()
    settle(page)
    assert not page.get_by_role("button", name="Draw new noise").is_visible()
    assert "Perturbed GD" not in table(page)
    page.get_by_role("button", name="Perturbed GD").click()
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert table(page) == first and plot(page) == before
    assert page.problems == []


def test_the_menu_brings_each_landscape_with_its_saddle(show):
    race = EscapeExplorer()
    page = show(race)
    for name in ("worst network", "Himmelblau", "saddle"):
        page.get_by_role("combobox", name="Landscape").select_option(name)
        settle(page)
        race.landscape = name
        assert {k: v[:2] for k, v in table(page).items() if k != "start"} == expected(race)
        assert same_points(page, race) is True
    assert page.problems == []


def test_the_points_follow_the_start_and_every_setting(show):
    race = EscapeExplorer("Himmelblau")
    page = show(race)
    page.locator("[data-handle=start]").focus()
    page.keyboard.press("Shift+ArrowUp")
    settle(page)
    race.start = (race.start[0], race.start[1] + 1.0)
    assert same_points(page, race) is True
    slider(page, "steps").press("Home")
    settle(page)
    race.steps = 10
    assert same_points(page, race) is True
    slider(page, "r").press("Home")
    settle(page)
    race.r = 1e-3
    assert same_points(page, race) is True
    assert page.problems == []


def test_the_scale_of_the_distance_goes_there_and_back_and_has_a_zero(browser):
    page = browser.new_page()
    page.goto("about:blank")
    u, back, zero = page.evaluate("""async (stage) => {
        const { zeroLog } = await import(stage), scale = zeroLog(1e-12, 0.7, 0.1);
        const u = Array.from({ length: 91 }, (_, k) => 0.1 + k / 100);
        return [u, u.map((x) => scale.at(scale.value(x))), [scale.at(0), scale.value(0), scale.value(0.04),
            scale.value(0.06), scale.at(1e-12), scale.value(1), scale.at(1e-15)]];
    }""", data_url(source("stage.js")))
    page.close()
    assert np.abs(np.subtract(u, back)).max() < 1e-12
    assert zero == [0, 0, 0, 1e-12, pytest.approx(0.1), 0.7, pytest.approx(0.1)]


def test_a_path_ends_where_it_is_told_to(browser):
    page = browser.new_page()
    page.goto("about:blank")
    rule = ESCAPE["gradient descent"]
    path = page.evaluate("""async ([stage, texts, limit]) => {
        const { load, descend } = await import(stage), { land, rule } = await load(texts);
        const until = ([, y]) => y >= 1;
        return descend(land, { ...rule, initial: [] }, [1, 0.5], [0.1], 50, limit, { until }).path;
    }""", [data_url(source("stage.js")),
           {"land": GALLERY["saddle"].javascript, "rule": rule.javascript}, DIVERGED])
    page.close()
    assert len(path) == 1 + math.ceil(math.log(2) / math.log(1.2)) and path[-1][1] >= 1 > path[-2][1]


def test_a_start_at_the_edge_moves_only_as_far_as_the_view_reaches(browser):
    page = browser.new_page()
    page.goto("about:blank")
    code = data_url(module("escape"))
    rng = np.random.default_rng(3)
    for land in (TILTED, *map(landscape, LANDSCAPES)):
        θ, u, _ = strict_saddle(land)
        low, high = np.array(land.domain).T
        starts = rng.uniform(low, high, (200, 2))
        starts[::4] = np.where(rng.random((50, 2)) < 0.5, low, high)
        escape = {"saddle": θ, "u": u}
        for δ in (0, 1e-6, 0.6):
            moved = np.array(page.evaluate("""async ([module, starts, escape, domain, δ]) => {
                const { reachable } = await import(module);
                return starts.map((start) => reachable(start, escape, domain, δ));
            }""", [code, starts.tolist(), escape, land.domain, δ]))
            assert (moved >= low).all() and (moved <= high).all()
            assert np.abs((moved - starts) @ [u[1], -u[0]]).max() < 1e-14  # the other coordinate stays
            wished = np.array([displaced(start, escape, δ) for start in starts])
            free = ((wished >= low) & (wished <= high)).all(axis=1)
            assert np.abs(moved - wished)[free].max() < 1e-14 and free.mean() > 0.5
            edge = np.minimum(moved - low, high - moved).min(axis=1)
            assert edge[~free].max(initial=0) < 1e-12  # as far as there is room
    page.close()


def test_map_and_plot_are_labelled(show):
    page = show(EscapeExplorer("saddle", steps=100))
    words = page.evaluate("words")
    assert {"76", "43", "9", "20"} <= set(words)  # steps to leave, on the map
    assert {"never", ">100", *(r.label for r in ESCAPE.values())} <= set(words)  # rows and names in the plot
    ticks = page.locator(".explorer-control:has([data-trait=η]) .of-theory.explorer-tick")
    assert ticks.count() == 1  # GD and perturbed GD share their bound


def test_the_strip_on_the_map_is_as_wide_as_r(show):
    maps = [show(EscapeExplorer("saddle", R=R)).evaluate(
        "document.querySelector('.explorer-plane canvas').toDataURL()") for R in (0.5, 1.0)]
    assert maps[0] != maps[1]


def test_everything_works_by_keyboard_alone(show):
    page = show(EscapeExplorer(["saddle", "worst network"]))
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        name = page.evaluate("""() => { const e = document.activeElement, d = e.dataset;
            return d.handle || d.chip || d.trait || e.className || e.tagName; }""")
        reached.add(name)
        before = table(page), plot(page)
        if name in ("η", "D", "r", "steps"):
            page.keyboard.press("PageDown")
        elif name in ("δ", "start"):
            page.keyboard.press("ArrowRight")
        elif name in ("explorer-noise", "newton"):
            page.keyboard.press("Enter")
        else:
            continue
        settle(page)
        assert (table(page), plot(page)) != before, name
    assert {"landscape", "start", "δ", *ESCAPE, "η", "D", "r", "Δ", "steps", "model", "explorer-noise",
            "explorer-reset"} <= reached
    assert page.problems == []


@pytest.mark.parametrize("name", LANDSCAPES)
def test_no_control_breaks_at_its_ends(show, name):
    page = show(EscapeExplorer(name))
    for trait in ("η", "D", "r", "Δ", "steps", "δ"):
        for key in ("Home", "End"):
            slider(page, trait).press(key)
            settle(page)
            said = slider(page, trait).get_attribute("aria-valuetext")
            assert re.fullmatch("[−\\d.·⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+|0, exactly", said)
            assert len(table(page)) == 6
    page.locator("[data-handle=start]").focus()
    for key in [*["Shift+ArrowRight"] * 11, *["Shift+ArrowUp"] * 11]:
        page.keyboard.press(key)
    slider(page).press("Home")
    settle(page)
    assert "0, exactly" in slider(page).get_attribute("aria-valuetext") and len(table(page)) == 6
    slider(page).press("End")
    settle(page)
    numbers = re.search(r"θ = \((.*?), (.*?)\)", table(page)["start"][2]).groups()
    (a, b), (c, d) = GALLERY[name].domain
    assert a <= float(numbers[0].replace("−", "-")) <= b and c <= float(numbers[1].replace("−", "-")) <= d
    assert page.problems == []


def test_no_rule_at_all_is_a_picture_too(show):
    page = show(EscapeExplorer("saddle", active=()), EscapeExplorer("saddle", rules="newton"))
    assert table(page) and page.problems == []


def test_divergence_and_a_way_downhill_are_told_apart(show):
    page = show(EscapeExplorer("Himmelblau", rules="gradient descent", η=0.1, start=(3, 3)))
    assert re.fullmatch(r"diverged at step \d+", table(page)["GD"][2])
    page = show(EscapeExplorer("saddle", rules="gradient descent"))
    assert table(page)["GD"][2] == "downhill, out of the view"


def test_where_rounding_alone_decides_the_table_says_so(show):
    """On a landscape whose directions are no round numbers, δ = 0 is not exactly the stable direction."""
    words = table(show(EscapeExplorer(TILTED, δ=0, steps=1000)))
    for steps, law, _ in (words["GD"], words["Saddle-free Newton"]):
        assert law == ("never" if steps.startswith("not") else "never but for rounding")


def test_a_screen_reader_hears_who_leaves_when(show):
    page = show(EscapeExplorer("saddle"))
    slider(page).press("End")
    slider(page).press("Home")
    page.wait_for_timeout(1000)
    spoken = page.get_by_role("status").inner_text()
    assert "distance δ 0." in spoken and "GD: does not leave in 300 steps" in spoken
    label = page.locator(".explorer-escape canvas").get_attribute("aria-label")
    assert "GD: after 152 from 10⁻¹², not from 0" in label


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_is_accessible_and_nothing_sticks_out(show, dark, width):
    page = show(EscapeExplorer(caption="A race."), dark=dark, width=width)
    assert blemishes(page) == []


def test_the_formulas_are_generated():
    """The page gets each law as code of its SymPy expression."""
    spec = EscapeExplorer("saddle", rules=("gradient descent", "perturbed")).spec
    for name in ("gradient descent", "perturbed"):
        assert spec["formulas"][f"law {name}"] == LAWS[name].javascript
    assert spec["escape"]["laws"] == ["gradient descent", "perturbed"] and spec["escape"]["never"] == []
    assert spec["limit"] == DIVERGED
