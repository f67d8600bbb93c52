"""The ravine beside the plane of ηλ and β: settings, numbers, and what a reader can do with it on a page."""

import json
import re

import numpy as np
import pytest
from conftest import blemishes, settle

from helpers.explorers import MomentumExplorer
from helpers.explorers.explorer import data_url, module, source
from helpers.explorers.momentum import (
    FACTOR,
    NAMES,
    TINY,
    closer,
    measured_rate,
    sizes,
    steps_to_shrink,
)
from helpers.landscapes import ravine
from helpers.momentum import ANALYSED as RULES
from helpers.momentum import discriminant, spectral_radius, trace
from helpers.optimizers import descend

PLANES = ("momentum", "nesterov")


# Settings ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"κ": 1}, ValueError, "the condition number κ must be finite and more than 1"),
    ({"κ": (25, -4)}, ValueError, "the condition number κ must be finite and more than 1"),
    ({"κ": 1e5}, ValueError, "the condition number κ must be finite and more than 1 and at most 10000"),
    ({"κ": "steep"}, TypeError, "the condition number κ must be a number, not 'steep'"),
    ({"κ": (4, 4)}, ValueError, "landscapes must be one or more different landscapes"),
    ({"κ": ()}, ValueError, "landscapes must be one or more different landscapes"),
    ({"rules": "adam"}, ValueError, "compares 'gradient descent', 'momentum', 'nesterov', not 'adam'"),
    ({"rules": "gradient descent"}, ValueError, "rules must contain 'momentum' or 'nesterov'"),
    ({"rules": ("momentum", "momentum")}, ValueError, "rules must be different"),
    ({"plane": "gradient descent"}, ValueError, "plane must be one of 'momentum', 'nesterov'"),
    ({"rules": "momentum", "plane": "nesterov"}, ValueError, "plane must be one of 'momentum', not"),
    ({"active": "adam"}, ValueError, "active must name rules of this explorer"),
    ({"β": 1}, ValueError, "the momentum β must be finite and at least 0 and less than 1"),
    ({"η": 0}, ValueError, "the learning rate η must be finite and more than 0"),
    ({"start": (3, 0)}, ValueError, "start must lie in the view of 'ravine, κ = 25'"),
    ({"landscapes": "ravine"}, TypeError, "landscapes"),
])
def test_settings_that_make_no_sense_say_why(settings, error, words):
    with pytest.raises(error, match=words):
        MomentumExplorer(**settings)


@pytest.mark.parametrize(("name", "value"), [("plane", "adam"), ("β", 1.0), ("η", -1.0), ("active", ["x"])])
def test_assignments_are_checked_and_leave_the_old_value(name, value):
    explorer = MomentumExplorer()
    before = getattr(explorer, name)
    with pytest.raises(ValueError):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before


@pytest.mark.parametrize("settings", [
    {}, {"κ": 4}, {"κ": (100, 9.5)}, {"rules": ("nesterov", "momentum")}, {"rules": "momentum"},
    {"plane": "nesterov", "active": RULES, "η": 0.02, "β": 0.5}, {"start": (1.5, -1), "steps": 30},
])
def test_the_repr_is_one_line_that_makes_it_again(settings):
    explorer = MomentumExplorer(**settings)
    again = eval(repr(explorer))
    assert "\n" not in repr(explorer) and repr(again) == repr(explorer)
    assert again.rates == explorer.rates and again.κ == explorer.κ and again.closer == explorer.closer
    if not settings:
        assert repr(explorer) == "MomentumExplorer()"


def test_the_menu_brings_each_ravine_with_its_rate():
    explorer = MomentumExplorer((25, 4, 100))
    assert explorer.κ == 25 and explorer.η == 0.04
    for name, κ in zip(explorer.landscapes, (25, 4, 100), strict=True):
        explorer.landscape = name
        assert explorer.κ == κ == explorer.landscapes[name].hessian([0.0, 0.0])[1, 1]
        assert explorer.λ == (1, κ) and explorer.η == pytest.approx(1 / κ)


def test_the_poster_is_small_and_has_words():
    explorer = MomentumExplorer(η=0.1, β=0.5)
    png = explorer.poster()
    assert png.startswith(b"\x89PNG") and len(png) < 70_000
    for words in ("condition number 25", "λ₁ = 1 at ηλ = 0.1, under-damped", "λ₂ = 25 at ηλ = 2.5",
                  "Momentum is 1000 times closer after", "GD does not get there in time"):
        assert words in explorer.alt
    assert MomentumExplorer(alt="Mine.").alt == "Mine."
    assert len(MomentumExplorer(active=(), plane="nesterov").poster()) < 70_000


# The numbers ------------------------------------------------------------------------------------------------
MATRICES = {  # of (v, θ) on ½λθ², by hand, with a = ηλ and ηv in place of v
    "gradient descent": lambda a, b: [[0.0, 0.0], [0.0, 1 - a]],
    "momentum": lambda a, b: [[b, a], [-b, 1 - a]],
    "nesterov": lambda a, b: [[b * (1 - a), a], [-b * (1 - a), 1 - a]],
}


@pytest.mark.parametrize("name", RULES)
def test_rates_are_those_of_the_eigenvalues(name):
    rng = np.random.default_rng(0)
    explorer = MomentumExplorer(active=RULES, plane=name if name in PLANES else "momentum")
    for _ in range(60):
        explorer.η, explorer.β = 10 ** rng.uniform(-3, -0.6), rng.uniform(0, 0.99)
        for i, λ in enumerate(explorer.λ):
            μ = np.linalg.eigvals(MATRICES[name](explorer.η * λ, explorer.β))
            assert explorer.rates[name][i] == pytest.approx(np.abs(μ).max(), rel=1e-6)
            if name not in PLANES or abs(μ[0] - μ[1]) < 1e-3 or abs(np.abs(μ).max() - 1) < 1e-9:
                continue
            slow = μ[np.argmax(np.abs(μ))]
            kind = ("unstable" if abs(slow) > 1 else "under" if abs(slow.imag) > 0
                    else "over" if slow.real > 0 else "flipping")
            assert explorer.motions[i] == NAMES[kind]


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("κ", [4, 25, 100])
def test_the_best_place_is_critical_and_nothing_beats_it(name, κ):
    explorer = MomentumExplorer(κ, plane=name, active=RULES, steps=400)
    explorer.jump()
    rate, best = max(explorer.rates[name]), explorer.best
    assert (explorer.η, explorer.β) == (best["η"], best["β"])
    assert rate == pytest.approx(best["rate"], abs=1e-7)
    assert explorer.motions[0] == NAMES["critical"]
    η, β = np.meshgrid(np.geomspace(0.05 / κ, 6 / κ, 600), np.linspace(0, 0.99, 400))
    others = np.maximum(spectral_radius[name](η, β), spectral_radius[name](η * κ, β))
    assert others.min() > rate - 1e-9 and others.min() < rate + 0.02
    steps, theory = explorer.closer[name]
    assert theory == pytest.approx(np.log(FACTOR) / -np.log(rate), rel=1e-6)
    assert theory < steps < 2 * theory + 5  # two equal eigenvalues: t·ρᵗ
    assert steps < explorer.closer["gradient descent"][1]


def test_momentum_at_its_best_is_critical_in_both_directions():
    explorer = MomentumExplorer(25)
    explorer.jump()
    assert explorer.η == pytest.approx(1 / 9) and explorer.β == pytest.approx(4 / 9)
    assert explorer.motions == (NAMES["critical"],) * 2
    assert explorer.rates["momentum"] == pytest.approx((2 / 3, 2 / 3), abs=1e-7)


@pytest.mark.parametrize(("η", "β"), [(0.06, 0.5), (0.02, 0.3), (0.03, 0.8), (0.0125, 0.1), (0.09, 0.6)])
def test_a_path_shrinks_as_fast_as_the_theory_says(η, β):
    explorer = MomentumExplorer(25, active=RULES, η=η, β=β, steps=800)
    for name, rates in explorer.rates.items():
        if abs(max(rates) - 1) < 1e-9 or explorer.path[name].diverged:
            continue
        for λ, theory, found in zip(explorer.λ, rates, explorer.measured[name], strict=False):
            a = η * λ
            if abs(float(discriminant[name](a, β))) > 1e-3 or name == "gradient descent":
                assert found == pytest.approx(theory, rel=4e-3)
        assert explorer.measured[name][2] == pytest.approx(max(rates), rel=4e-3)


def test_divergence_is_measured_too():
    explorer = MomentumExplorer(25, η=0.2, β=0.5)
    assert explorer.path["momentum"].diverged and explorer.closer["momentum"] == (None, np.inf)
    assert explorer.measured["momentum"][2] == pytest.approx(max(explorer.rates["momentum"]), rel=0.02)
    assert explorer.motions == (NAMES["under"], NAMES["unstable"])


def test_steps_are_counted_from_the_last_time_outside():
    path = np.array([[4.0], [0.001], [-2.0], [0.003], [0.002]])
    assert closer(path) == 3 and closer(path[:3]) is None and closer(np.zeros((3, 2))) == 0
    run = descend(ravine(25), (-1.8, 0.9), rule="momentum", steps=200, η=0.06, β=0.7)
    far = np.linalg.norm(run.θ, axis=1) * FACTOR / np.linalg.norm(run.θ[0])
    t = closer(run.θ)
    assert far[t - 1] > 1 >= far[t:].max()


def test_a_size_that_comes_to_rest_is_measured_until_then():
    assert measured_rate(0.1 ** np.arange(400.0)) == pytest.approx(0.1, rel=1e-9)
    assert measured_rate(np.array([1.0, 0.0, 0.0])) == 0.0  # one step was enough
    assert np.isnan(measured_rate(np.array([1.0])))
    explorer = MomentumExplorer(4, η=0.25, β=0.0, start=(0.0, 1.0), active="momentum")
    assert explorer.rates["momentum"][1] == 0 and explorer.measured["momentum"][2] == 0
    assert explorer.closer["momentum"] == (1, np.log(FACTOR) / -np.log(0.75))
    assert sizes(np.array([[0.0, 1.0], [0.0, 0.0], [3.0, 4.0]])).tolist() == [1.0, 5.0]
    assert sizes(np.array([[0.0, 1.0], [0.0, 0.0], [3.0, 4.0]]), 0).tolist() == [0.0, 3.0]


# JavaScript beside NumPy ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def run(browser):
    """`run("({ momentum, stage }, …arguments) => …", …)` with the page's own modules."""
    page = browser.new_page()
    page.goto("about:blank")
    page.evaluate("""async ([momentum, stage]) => {
        window.modules = { momentum: await import(momentum), stage: await import(stage) };
    }""", [data_url(module("momentum")), data_url(source("stage.js"))])

    def call(function, *arguments):
        answer = page.evaluate(f"""async (text) => JSON.stringify(
            await ({function})(window.modules, ...JSON.parse(text)),
            (key, v) => ArrayBuffer.isView(v) ? [...v] : Object.is(v, NaN) ? "NaN" : v)""",
            json.dumps(arguments))
        return json.loads(answer)

    yield call
    page.close()


@pytest.mark.parametrize("name", RULES)
def test_the_closed_forms_agree_at_2000_points(run, name):
    rng = np.random.default_rng(5)
    a, β = 10 ** rng.uniform(-4, 1, 2000), rng.uniform(0, 0.99, 2000)
    β[:50] = 0.0
    formulas = MomentumExplorer(active=RULES).spec["formulas"]
    for kind, ours in (("radius", spectral_radius), ("discriminant", discriminant), ("trace", trace)):
        theirs = run("""async ({ stage }, text, points) => {
            const { f } = await stage.load({ f: text });
            return points.map((p) => f(...p));
        }""", formulas[f"{kind} {name}"], np.stack([a, β], 1).tolist())
        np.testing.assert_allclose(theirs, ours[name](a, β), rtol=1e-12, atol=1e-14)
    ρ = rng.uniform(0.01, 0.9999, 500)
    theirs = run("async ({ stage }, text, ρ) => ρ.map((await stage.load({ f: text })).f)", formulas["shrink"],
                 ρ.tolist())
    np.testing.assert_allclose(theirs, steps_to_shrink(ρ), rtol=1e-12)


@pytest.mark.parametrize("settings", [
    {}, {"κ": 4, "η": 0.3, "β": 0.2}, {"κ": 100, "η": 0.03, "β": 0.67, "steps": 300}, {"η": 0.2, "β": 0.5},
    {"κ": 4, "η": 0.25, "β": 0.0}, {"steps": 1}, {"steps": 2}, {"η": 0.04, "β": 0.5, "steps": 1500},
])
def test_paths_rates_and_steps_agree(run, settings):
    explorer = MomentumExplorer(**{"active": RULES} | settings)
    theirs = run("""async ({ stage, momentum }, state, tiny, factor) => {
        const { spec, start, steps } = state;
        const texts = Object.fromEntries(spec.rules.map((r) => [r.name, r.javascript]));
        const code = await stage.load({ ...texts, land: spec.landscapes[0].javascript });
        return spec.rules.map((r) => {
            const rule = { ...code[r.name], initial: r.initial }, hyper = r.hyper.map((h) => state[h.letter]);
            const run = stage.descend(code.land, rule, start, hyper, steps, spec.limit);
            const rate = (i) => momentum.measuredRate(momentum.sizes(run.path, i), tiny);
            return [r.name, run, [rate(0), rate(1), rate()], momentum.closer(run.path, factor)];
        });
    }""", explorer.state, TINY, FACTOR)
    for name, found, rates, steps in theirs:
        path = explorer.path[name]
        ours = path.θ[:int(path.diverged) or None]
        assert found["diverged"] == path.diverged and len(found["path"]) == len(ours)
        assert np.abs(np.array(found["path"]) - ours).max() < 1e-9 * np.abs(ours).max()
        np.testing.assert_allclose(np.array(rates, float), explorer.measured[name], rtol=1e-9)
        if not path.diverged:
            assert steps == (-1 if (known := explorer.closer[name][0]) is None else known)


def test_words_of_motion_and_rates(run):
    cases = [[0.5, -1, 0], [0.5, 1, 1], [0.5, 1, -1], [0.5, 1e-9, 1], [1, 1, -1], [2, -1, 0], [None, 0, 0]]
    found = run("""({ momentum }, cases, names) =>
        cases.map(([rate, ...rest]) => momentum.motion(rate ?? NaN, ...rest, names))""", cases, NAMES)
    order = ("under", "over", "flipping", "critical", "unstable", "unstable", "unstable")
    assert found == [NAMES[k] for k in order]
    texts = run("({ momentum }, values) => values.map((v) => momentum.rateText(v === null ? NaN : v))",
                [0, 0.5, 0.9487, 0.9949, 0.9995, 0.99999999, 1, 1.00021, 1.5, 27.123, None])
    assert texts == ["0.000", "0.500", "0.949", "0.9949", "0.99950", "1.000", "1.000", "1.00021", "1.500",
                     "27.1", "–"]


def test_labels_find_room_in_their_region_and_keep_off_what_is_taken(run):
    found = run("""({ momentum }) => {
        const strip = (x, y) => x >= 100 && x <= 180 && y >= 0 && y <= 200;
        const room = (w, taken) => momentum.roomFor(strip, w, 20, 300, 200, taken), box = room(60);
        return [box, room(60, [box]), room(90)];
    }""")
    first, second, third = found
    assert abs(first["x"] - 140) <= 5 and abs(first["y"] - 100) <= 5
    assert abs(second["x"] - 140) <= 10 and 20 <= abs(second["y"] - first["y"]) <= 30
    assert third is None


# The page ---------------------------------------------------------------------------------------------------
def rows(page, which):
    found = [[cell.inner_text() for cell in row.locator("th, td").all()]
             for row in page.locator(f"{which} tbody tr").all()]
    assert not re.search("NaN|undefined|null|Infinity", str(found)), found
    return {head.replace("\n", ""): cells for head, *cells in found}


def table(page):
    """The table of the paths: {label: [rate, measured, steps (theory)]}."""
    return rows(page, ".explorer-readout")


def directions(page):
    """The table of the eigenvalues: [[ηλ, rate, measured, motion], …]."""
    return list(rows(page, ".momentum-numbers").values())


def slider(page, trait):
    return page.locator(f"input[data-trait={trait}]")


def said(page):
    """(η, β) as the sliders say them."""
    return tuple(slider(page, t).get_attribute("aria-valuetext") for t in ("η", "β"))


def picture(page):
    return page.evaluate("document.querySelector('.explorer-paths').toDataURL()")


def planes(page):
    """The still and the moving picture of the plane."""
    return page.evaluate("[...document.querySelectorAll('.momentum canvas')].map((c) => c.toDataURL())")


def number(text):
    """A number as the page writes it: 0.9, −2, 1.0·10⁻⁴."""
    plain, raised = re.fullmatch("([−\\d.]+)(?:·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?", text).groups()
    power = (raised or "⁰").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(plain.replace("−", "-")) * 10.0 ** int(power)


def points(page):
    """Where the two points are, in pixels: [[x, y], [x, y]]."""
    boxes = [page.locator(f"[data-handle=λ{i}]").bounding_box() for i in (1, 2)]
    return [[b["x"] + b["width"] / 2, b["y"] + b["height"] / 2] for b in boxes]


def at(page, explorer, a, β):
    """The pixel of (ηλ, β) in the plane."""
    box = page.locator(".momentum .explorer-frame").bounding_box()
    low, high = explorer.spec["landscapes"][0]["momentum"]["span"]
    return (box["x"] + box["width"] * np.log(a / low) / np.log(high / low),
            box["y"] + box["height"] * (1 - β / 0.99))


def same_as_python(page, explorer):
    shown, words = table(page), directions(page)
    for name in explorer.active:
        rate, measured, steps = shown[explorer.rules[name].label]
        known, theory = explorer.closer[name]
        assert number(rate) == pytest.approx(max(explorer.rates[name]), rel=2e-3)
        if measured != "–":
            assert number(measured) == pytest.approx(explorer.measured[name][2], rel=2e-3, abs=1e-3)
        if explorer.path[name].diverged:
            assert steps == f"diverged at step {explorer.path[name].diverged}"
        else:
            assert steps.startswith(str(known) if known is not None else f"more than {explorer.steps}")
            law = re.search(r"\((.*)\)", steps)[1]
            assert number(law) == pytest.approx(theory, rel=5e-3) if theory < np.inf else law == "never"
    rates, motions = [explorer.rates[n] for n in explorer.active if n == explorer.plane], explorer.motions
    paths = explorer.measured.get(explorer.plane)
    for i, (a, rate, measured, motion) in enumerate(words):
        assert number(a) == pytest.approx(explorer.η * explorer.λ[i], rel=6e-3) and motion == motions[i]
        if rates:
            assert number(rate) == pytest.approx(rates[0][i], rel=2e-3, abs=6e-4)
            if measured != "–":
                assert number(measured) == pytest.approx(paths[i], rel=2e-3, abs=6e-4)
        else:
            assert measured == "–"


@pytest.mark.parametrize("settings", [
    {}, {"κ": 4, "η": 0.3, "β": 0.2, "active": RULES}, {"κ": 100, "η": 0.005, "β": 0.8, "plane": "nesterov"},
    {"η": 0.2, "β": 0.5}, {"κ": 1.5, "η": 0.5, "β": 0.1}, {"κ": 9999, "plane": "nesterov", "steps": 500},
    {"active": (), "η": 0.05}, {"rules": "nesterov", "β": 0.0, "η": 0.01},
])
def test_the_tables_say_what_python_computes(show, settings):
    explorer = MomentumExplorer(**settings)
    page = show(explorer)
    same_as_python(page, explorer)
    assert page.problems == []


def test_the_points_stand_at_their_place(show):
    explorer = MomentumExplorer(η=0.06, β=0.5)
    page = show(explorer)
    for found, λ in zip(points(page), explorer.λ, strict=True):
        assert found == pytest.approx(at(page, explorer, 0.06 * λ, 0.5), abs=1.5)
    assert points(page)[0][1] == points(page)[1][1]


@pytest.mark.parametrize("file", [False, True])
def test_dragging_a_point_moves_both_points_the_sliders_and_the_paths(show, file):
    explorer = MomentumExplorer(active=RULES)
    page = show(explorer, file=file)
    for i, (a, β) in enumerate([(0.1, 0.3), (2.0, 0.7)]):
        before, paths, bar = planes(page), picture(page), points(page)
        page.mouse.move(*bar[i])
        page.mouse.down()
        goal = at(page, explorer, a, β)
        page.mouse.move(*goal, steps=4)
        page.mouse.up()
        settle(page)
        after = points(page)
        assert after[i] == pytest.approx(goal, abs=1.5)
        assert after[1][0] - after[0][0] == pytest.approx(bar[1][0] - bar[0][0], abs=0.5)  # a rigid bar
        assert planes(page)[0] == before[0] and planes(page)[1] != before[1] and picture(page) != paths
        η, now = (number(text) for text in said(page))
        assert η == pytest.approx(a / explorer.λ[i], rel=0.03) and now == pytest.approx(β, abs=0.012)
    assert number(directions(page)[1][0]) == pytest.approx(2.0, rel=0.02)
    assert page.problems == []


def test_the_bar_can_be_held_anywhere_and_a_press_beside_it_brings_a_point(show):
    explorer = MomentumExplorer()
    page = show(explorer)
    (x, y), (x2, _) = points(page)
    middle = (x + x2) / 2
    page.mouse.move(middle, y)
    page.mouse.down()
    page.mouse.move(middle - 30, y + 90, steps=3)
    page.mouse.up()
    settle(page)
    assert points(page) == [pytest.approx([x - 30, y + 90], abs=2), pytest.approx([x2 - 30, y + 90], abs=2)]
    goal = at(page, explorer, 0.01, 0.15)
    page.mouse.click(*goal)
    settle(page)
    assert min(abs(points(page)[i][0] - goal[0]) for i in (0, 1)) < 2 or points(page)[1][0] > goal[0]
    assert points(page)[0][1] == pytest.approx(goal[1], abs=2)
    assert page.problems == []


def test_points_follow_sliders_and_stay_in_the_plane(show):
    explorer = MomentumExplorer()
    page = show(explorer)
    frame = page.locator(".momentum .explorer-frame").bounding_box()
    for trait, key, i, edge in (("η", "Home", 0, "x"), ("η", "End", 1, "right"), ("β", "Home", 0, "bottom"),
                                ("β", "End", 0, "y")):
        slider(page, trait).press(key)
        settle(page)
        wanted = {"x": frame["x"], "right": frame["x"] + frame["width"], "y": frame["y"],
                  "bottom": frame["y"] + frame["height"]}[edge]
        assert points(page)[i][edge in ("y", "bottom")] == pytest.approx(wanted, abs=3)
        for handle in page.locator(".momentum [data-handle]").all():  # no half of it beyond the figure
            box, figure = handle.bounding_box(), page.locator("figure").bounding_box()
            assert figure["x"] <= box["x"] and box["x"] + box["width"] <= figure["x"] + figure["width"]
    for x, y in ((-500, 900), (1500, -300)):
        page.mouse.move(*points(page)[1])
        page.mouse.down()
        page.mouse.move(frame["x"] + x, frame["y"] + y, steps=3)
        page.mouse.up()
        settle(page)
        for x, y in points(page):
            assert frame["x"] - 1 <= x <= frame["x"] + frame["width"] + 1
            assert frame["y"] - 1 <= y <= frame["y"] + frame["height"] + 1
    assert page.problems == []


def test_the_button_goes_to_the_optimum_of_the_planes_rule(show):
    explorer = MomentumExplorer(steps=150)
    page = show(explorer)
    page.get_by_role("button", name="Best η and β").click()
    settle(page)
    explorer.jump()
    same_as_python(page, explorer)
    assert [row[3] for row in directions(page)] == [NAMES["critical"]] * 2
    assert said(page) == ("0.11", "0.44")
    page.locator("[data-plane=nesterov]").click()
    page.get_by_role("button", name="Best η and β").click()
    settle(page)
    explorer.plane, explorer.active = "nesterov", RULES
    explorer.jump()
    same_as_python(page, explorer)
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert page.locator("[data-plane=momentum]").get_attribute("aria-pressed") == "true"
    assert said(page) == ("0.040", "0.90")
    assert page.problems == []


def test_the_plane_is_that_of_the_chosen_rule_and_brings_its_path(show):
    explorer = MomentumExplorer(η=0.06, β=0.5)
    page = show(explorer)
    before = planes(page)
    assert "Nesterov" not in table(page)
    page.locator("[data-plane=nesterov]").press("Enter")
    settle(page)
    assert planes(page)[0] != before[0] and "Nesterov" in table(page)
    explorer.plane, explorer.active = "nesterov", RULES
    same_as_python(page, explorer)
    ticks = page.locator(".explorer-control:has([data-trait=η]) .explorer-tick-text").all_inner_texts()
    assert {"best", "2/λmax", "(2+2β)/λmax", "(2+2β)/((1+2β)λmax)"} <= {t.replace("\n", "") for t in ticks}
    assert page.problems == []


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("κ", [4, 25, 100])
def test_regions_and_level_lines_are_labelled_in_place(show, κ, width):
    for plane in PLANES:
        page = show(MomentumExplorer(κ, plane=plane), width=width)
        words = set(page.evaluate("words"))
        assert {NAMES["over"], NAMES["under"], NAMES["unstable"], "best", "0.9", "0.8", "0.6"} <= words
        assert {"ηλ", "β", "0.1", "1"} <= words and any(w.startswith("λ₂: 0.") for w in words)


def test_ticks_stand_at_the_critical_values(show):
    page = show(MomentumExplorer(25, β=0.5))

    def share(trait, text):
        """Where the mark of a label stands on its slider, from 0 to 1."""
        return page.evaluate("""([trait, text]) => {
            const control = document.querySelector(`input[data-trait=${trait}]`).parentNode;
            const box = control.querySelector('.explorer-ticks'), texts = [...box.querySelectorAll('span')];
            const label = texts.find((e) => e.textContent === text);
            return (parseFloat(label.previousSibling.style.left) - 8) / (box.clientWidth - 16);
        }""", [trait, text])

    low, high = 0.002, 0.24
    for text, η in (("2/λmax", 2 / 25), ("best", 1 / 9), ("(2+2β)/λmax", 3 / 25)):
        assert share("η", text) == pytest.approx(np.log(η / low) / np.log(high / low), abs=2e-3)
    assert share("β", "best") == pytest.approx(4 / 9 / 0.99, abs=2e-3)
    slider(page, "β").press("Home")
    settle(page)
    assert share("η", "(2+2β)/λmax") == pytest.approx(np.log(2 / 25 / low) / np.log(high / low), abs=2e-3)


def test_the_menu_changes_the_bar_and_the_plane(show):
    explorer = MomentumExplorer()
    page = show(explorer)
    for κ in (100, 4, 25):
        page.get_by_role("combobox").select_option(f"ravine, κ = {κ}")
        settle(page)
        explorer.landscape = f"ravine, κ = {κ}"
        same_as_python(page, explorer)
        assert f"λ2 = {κ}" in rows(page, ".momentum-numbers")
    assert page.problems == []


def test_everything_works_by_keyboard_alone(show):
    page = show(MomentumExplorer())
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        name = page.evaluate("""() => { const e = document.activeElement, d = e.dataset;
            return d.handle || d.chip || d.plane || d.trait || e.className || e.tagName; }""")
        reached.add(name)
        before = said(page), table(page), directions(page)
        if name in ("λ1", "λ2", "start"):
            page.keyboard.press("ArrowDown")
        elif name in ("η", "β", "steps"):
            page.keyboard.press("PageDown")
        elif name in ("momentum-best", "nesterov"):
            page.keyboard.press("Enter")
        else:
            continue
        settle(page)
        assert (said(page), table(page), directions(page)) != before, name
    assert {"landscape", "start", "λ1", "λ2", *RULES, "η", "β", "steps", "momentum-best",
            "explorer-reset"} <= reached
    assert page.problems == []


@pytest.mark.parametrize("key", ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"])
def test_arrows_move_a_point_their_way(show, key):
    page = show(MomentumExplorer(β=0.5))
    before = points(page)[0]
    page.locator("[data-handle=λ1]").press(f"Shift+{key}")
    settle(page)
    after = points(page)[0]
    way = {"ArrowLeft": (0, -1), "ArrowRight": (0, 1), "ArrowUp": (1, -1), "ArrowDown": (1, 1)}[key]
    assert way[1] * (after[way[0]] - before[way[0]]) > 10 and abs(after[1 - way[0]] - before[1 - way[0]]) < 1
    handle = page.locator("[data-handle=λ1]")
    assert re.match(r"ηλ1 .*, β 0\.\d+: rate 0\.\d+, ", handle.get_attribute("aria-valuetext"))


def test_a_finger_drags_and_taps_on_a_narrow_page(show):
    explorer = MomentumExplorer()
    page = show(explorer, width=375, has_touch=True)
    goal = at(page, explorer, 0.5, 0.4)
    page.touchscreen.tap(*goal)
    settle(page)
    assert points(page)[1] == pytest.approx(goal, abs=2)
    (x, y) = points(page)[0]
    page.evaluate("""([x, y]) => {
        const frame = document.querySelector('.momentum .explorer-frame');
        const send = (type, clientX, clientY) => frame.dispatchEvent(new PointerEvent(`pointer${type}`,
            { pointerType: 'touch', pointerId: 7, clientX, clientY, bubbles: true }));
        frame.setPointerCapture = () => {};
        send('down', x + 6, y - 4);
        send('move', x + 36, y - 44);
        send('up', x + 36, y - 44);
    }""", [x, y])
    settle(page)
    assert points(page)[0] == pytest.approx([x + 30, y - 40], abs=2)
    order = [page.locator(s).bounding_box()["y"] for s in (".explorer-paths", ".momentum", ".explorer-loss")]
    assert order == sorted(order) and order[1] - order[0] < 420  # the plane comes right after the map
    assert page.locator(".momentum .explorer-plane").bounding_box()["height"] <= 260
    assert page.problems == []


@pytest.mark.parametrize("settings", [
    {"active": RULES}, {"κ": 4, "plane": "nesterov"}, {"κ": 9999}, {"κ": 1.5}])
def test_no_control_breaks_at_its_ends(show, settings):
    page = show(MomentumExplorer(**settings))
    for η in ("Home", "End"):
        for β in ("Home", "End"):
            for steps in ("End", "Home"):
                for trait, key in (("η", η), ("β", β), ("steps", steps)):
                    slider(page, trait).press(key)
                settle(page)
                assert len(table(page)) > 2 and len(directions(page)) == 2
    assert page.problems == []


def test_one_step_is_enough_where_the_rate_is_zero(show):
    page = show(MomentumExplorer(4, η=0.25, β=0.0, start=(0.0, 1.0)))
    assert directions(page)[1] == ["1.00", "0.000", "0.000", NAMES["critical"]]
    assert table(page)["Momentum"][2].startswith("1 (")


def test_the_page_follows_python_in_a_live_notebook(show):
    explorer = MomentumExplorer(plane="nesterov", active=RULES)
    page = show(explorer)
    seen = page.evaluate("""async ([code, stage, state]) => {
        const { StaticModel } = await import(stage), { default: explorer } = await import(code);
        const el = document.createElement('div'), model = new StaticModel(state);
        document.body.append(el);
        const stop = await explorer.render({ model, el });
        const wait = (ms) => new Promise((done) => setTimeout(done, ms));
        model.set('plane', 'momentum'); model.set('β', 0.25); model.set('η', 0.05);
        await wait(400);
        const row = el.querySelector('[data-readout=directions] tbody').innerText;
        const pressed = el.querySelector('[data-plane=momentum]').getAttribute('aria-pressed');
        stop();
        const left = [...model.listeners.values()].reduce((n, calls) => n + calls.size, 0);
        return [row, pressed, el.childElementCount, left];
    }""", [data_url(module("momentum")), data_url(source("stage.js")), explorer.state])
    row, pressed, children, left = seen
    assert "0.0500" in row and "1.25" in row and pressed == "true" and (children, left) == (0, 0)
    assert page.problems == []


def test_a_screen_reader_hears_rates_and_steps(show):
    page = show(MomentumExplorer())
    slider(page, "β").press("Home")
    page.get_by_role("button", name="Best η and β").click()
    page.wait_for_timeout(1000)
    spoken = page.get_by_role("status").inner_text()
    assert "η 0.111, β 0.444" in spoken and "Momentum: rate 0.667" in spoken and "GD: rate 1.778" in spoken
    label = page.locator(".momentum canvas[role=img]").get_attribute("aria-label")
    assert "Plane of ηλ and β for Momentum, at β = 0.444" in label and "λ2 = 25: ηλ 2.78, rate 0.667" in label


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_is_accessible_and_nothing_sticks_out(show, dark, width):
    page = show(MomentumExplorer(active=RULES, caption="A ravine."), dark=dark, width=width)
    assert blemishes(page) == []
    places = [page.locator(s).bounding_box() for s in (".momentum .explorer-plane", ".momentum-numbers")]
    assert places[0]["y"] + places[0]["height"] <= places[1]["y"]


def test_without_javascript_the_poster_stands(show):
    page = show(MomentumExplorer(alt="A ravine beside a plane."), java_script_enabled=False)
    assert page.get_by_role("img", name="A ravine beside a plane.").is_visible()


def test_the_formulas_are_generated():
    spec = MomentumExplorer().spec
    for name in RULES:
        assert spec["formulas"][f"radius {name}"] == spectral_radius[name].javascript
        assert spec["formulas"][f"discriminant {name}"] == discriminant[name].javascript
        assert spec["formulas"][f"trace {name}"] == trace[name].javascript
    assert spec["formulas"]["shrink"] == steps_to_shrink.javascript
    assert spec["momentum"]["levels"][-1] == 1
