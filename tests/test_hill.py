"""The ball on the hill: where it comes to rest, its energy, and what a reader can do with it on a page."""

import re

import numpy as np
import pytest
import sympy as sp
from conftest import blemishes, settle

from helpers.explorers import HillExplorer
from helpers.explorers.explorer import data_url, module, source
from helpers.explorers.hill import SCAN, valleys
from helpers.landscapes import GALLERY, Landscape, landscape
from helpers.momentum import energy
from helpers.optimizers import descend

x = sp.Symbol("x", real=True)
THREE = Landscape("three valleys", sp.cos(2 * x) - x**2 / 20 + x**4 / 200, x, (-5.5, 5.5), start=(-4.9,))


# Settings ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"landscapes": "cubic"}, ValueError, "'cubic' must have two valleys at least"),
    ({"landscapes": ["hill", "tanh"]}, ValueError, "'tanh' must have two valleys at least"),
    ({"landscapes": "saddle"}, ValueError, "of one parameter, but 'saddle' has 2"),
    ({"rule": "gradient descent"}, ValueError, "one with a momentum β, not 'gradient descent'"),
    ({"rule": "adam"}, ValueError, "one with a momentum β, not 'adam'"),
    ({"rules": ("momentum",)}, TypeError, "unknown setting 'rules'; .* follows one rule"),
    ({"together": True}, TypeError, "unknown setting 'together'"),
    ({"β": 0.995}, ValueError, r"β must lie between 0 and 0\.99, where the strip ends"),
    ({"β": 1.0}, ValueError, "momentum β"),
    ({"η": 0.0}, ValueError, "learning rate η"),
    ({"start": 3.0}, ValueError, "start must lie in the picture"),
    ({"steps": 0}, ValueError, "steps must lie between"),
])
def test_settings_that_make_no_sense_say_why(settings, error, words):
    with pytest.raises(error, match=words):
        HillExplorer(**settings)


def test_ends_want_finite_numbers():
    with pytest.raises(ValueError, match="β must be finite"):
        HillExplorer().ends([0.5, float("nan")])


@pytest.mark.parametrize("settings", [
    {}, {"rule": "nesterov", "β": 0.5}, {"landscapes": ["hill", "empirical risk"], "start": 1.5, "η": 0.01},
    {"landscapes": "tilted double well", "steps": 40, "step": 3},
])
def test_the_repr_makes_the_explorer_again(settings):
    hill = HillExplorer(**settings)
    again = eval(repr(hill))
    assert repr(again) == repr(hill) and again.state == hill.state
    if not settings:
        assert repr(hill) == "HillExplorer()"


def test_the_poster_is_small_and_has_words():
    hill = HillExplorer()
    assert hill.poster().startswith(b"\x89PNG") and len(hill.poster()) < 40_000
    assert "with β = 0.9 in the right valley. The end changes at β = 0.785, 0.944" in hill.alt
    assert "no valley" in HillExplorer(η=1.0).alt
    assert HillExplorer(alt="Mine.").alt == "Mine."


# Valleys, energy, ends --------------------------------------------------------------------------------------
def test_valleys_lie_between_tops():
    left, right = valleys(GALLERY["hill"])
    assert (left["x"], left["curvature"], left["left"], left["right"], left["rim"]) == (-1, 7, -2.1, 0, 0)
    assert (right["x"], right["left"], right["right"]) == (pytest.approx(4 / 3), 0, 2.4)
    assert (left["loss"], right["loss"]) == (pytest.approx(-11 / 12), pytest.approx(-160 / 81))
    wells = valleys(THREE)
    assert len(wells) == 4
    for a, b in zip(wells, wells[1:], strict=False):
        assert a["right"] == b["left"] and a["loss"] < a["rim"]
        assert THREE.gradient([a["right"]])[0] == pytest.approx(0, abs=1e-9)
        assert THREE.loss([a["right"]]) >= max(a["rim"], b["rim"]) - 1e-12


def along(run, η):
    """The energy at every step of a run but the last."""
    θ = run.θ[..., 0]
    return energy(run.loss[:-1], np.concatenate([θ[:1], θ[:-2]]), θ[1:], η)


@pytest.mark.parametrize("name", ["hill", "tilted double well", "empirical risk"])
def test_the_energy_falls_along_the_path(name):
    """All along, from many starts, as long as a step is short against the shape of the valleys."""
    land = landscape(name)
    low, high = np.array(land.domain[0])
    starts = np.linspace(low, high, 43)[1:-1, None, None]
    rates = np.array([1e-3, 0.1, 0.4]) / max(v["curvature"] for v in valleys(land)) / 8
    for β in (0.0, 0.5, 0.9):
        E = along(descend(land, starts, rule="momentum", steps=400, η=rates, β=β), rates)
        assert np.diff(E, axis=0).max() < 1e-12 and (E[0] - E[-1]).min() >= 0


def test_without_friction_the_energy_stays():
    """To second order in the time √η of a step: half the time, a quarter of the error."""
    η = np.array([1e-3, 1e-3 / 4, 1e-3 / 16])
    E = along(descend("hill", [-1.8], rule="momentum", steps=800, η=η, β=1 - 1e-12), η)
    drift = np.abs(E - E[0]).max(0)
    assert drift[0] < 0.03
    np.testing.assert_allclose(drift[:-1] / drift[1:], 4, rtol=0.15)


def test_what_friction_takes_is_what_the_energy_loses():
    """(1 − β)/√η is the friction γ; the energy loses γu² in a unit of time, √η in a step."""
    errors = []
    for n in (1, 2, 4):
        η, β = 4e-4 / n**2, 1 - 0.02 / n
        run = descend("hill", [-1.8], rule="momentum", steps=500 * n, η=η, β=β)
        θ, E = run.θ[:, 0], along(run, η)
        u = (θ[2:] - θ[:-2]) / (2 * η**0.5)
        errors.append(abs(E[0] - E[-1] - (1 - β) * (u**2).sum()) / (E[0] - E[-1]))
    assert errors[0] < 0.02 and errors[2] < errors[1] < errors[0]


@pytest.mark.parametrize(("land", "rule"), [("hill", "momentum"), ("hill", "nesterov"), (THREE, "momentum")])
def test_the_ball_ends_where_a_long_run_takes_it(land, rule):
    """20 000 steps of the textbook's loop, for rates and momenta of every size."""
    rng, land = np.random.default_rng(0), landscape(land)
    low, high = land.domain[0]
    bottoms = np.array([v["x"] for v in valleys(land)])
    curvature = max(v["curvature"] for v in valleys(land))
    for _ in range(5):
        η = 10 ** rng.uniform(-2.5, -0.3) / curvature
        hill = HillExplorer(land, rule, start=rng.uniform(low, high), η=η, alt="A ball.")
        β = 1 - 10 ** rng.uniform(-2, 0, 40)
        at, v = np.full((40, 1), hill.start), np.zeros((40, 1))
        for _ in range(20_000):
            place = at - hill.η * β[:, None] * v if rule == "nesterov" else at
            v = β[:, None] * v + land.gradient(place)
            at = at - hill.η * v
        far = np.abs(at - bottoms)
        assert far.min(1).max() < 1e-6
        assert hill.ends(β).tolist() == far.argmin(1).tolist()


def test_gradient_descent_ends_in_the_first_valley_and_momentum_behind_the_barrier():
    hill = HillExplorer()
    assert hill.ends(0.0) == 0 and hill.ends([0.78, 0.79, 0.94, 0.95]).tolist() == [0, 1, 1, 0]
    hill.start = 1.9
    assert hill.ends(np.zeros((2, 3))).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_crossings_are_where_the_end_changes():
    hill = HillExplorer(η=0.01)
    β = hill.crossings
    assert len(β) == 5
    before, after = hill.ends(β - 1e-6), hill.ends(β + 1e-6)
    assert before.tolist() == [0, 1, 0, 1, 0] and after.tolist() == [1, 0, 1, 0, 1]
    hill.start = -1.2
    assert len(hill.crossings) == 0
    assert "No β up to 0.99 changes that" in HillExplorer(η=0.01, start=-1.2).alt


def falls_short(γ, h):
    """Whether θ″ = −L′(θ) − γθ′ from rest at −1.8 turns back before the barrier (Runge and Kutta's steps)."""
    def slope(y):
        return np.array([y[1], -float(GALLERY["hill"].gradient([y[0]])[0]) - γ * y[1]])

    y = np.array([-1.8, 0.0])
    while y[0] < 0 and (y[1] > 0 or y[0] < -1):
        a = slope(y)
        b = slope(y + h / 2 * a)
        c = slope(y + h / 2 * b)
        y = y + h / 6 * (a + 2 * b + 2 * c + slope(y + h * c))
    return y[0] < 0


def test_short_steps_cross_at_the_friction_of_the_rolling_ball():
    """(1 − β)/√η → γ: the least momentum that crosses is that of the differential equation."""
    low, high = 0.5, 2.0
    for _ in range(12):
        γ = (low + high) / 2
        low, high = (low, γ) if falls_short(γ, 0.01) else (γ, high)
    found = [(1 - HillExplorer(η=η, alt="A ball.").crossings[0]) / η**0.5 for η in (0.004, 0.001, 0.00025)]
    np.testing.assert_allclose(found, γ, rtol=0.01)


def test_where_no_minimum_holds_the_ball_it_ends_in_none():
    hill = HillExplorer(η=0.5)
    assert hill.ends([0.0, 0.5]).tolist() == [-1, -1]  # η·7 > 2 + 2β
    assert HillExplorer(η=0.26, start=-1.01).ends(0.0) == 0  # 1.82 < 2: the left one holds, the right not
    assert HillExplorer(η=0.26, start=1.34).ends(0.0) != 1


# The page ---------------------------------------------------------------------------------------------------
CASES = [("hill", "momentum", -1.8, 0.03), ("hill", "momentum", 2.3, 0.004), ("hill", "momentum", -2.1, 0.02),
         ("hill", "nesterov", -1.8, 0.03), ("hill", "momentum", -1.8, 0.5),
         ("empirical risk", "momentum", 1.9, 0.002), ("tilted double well", "nesterov", 1.7, 0.02),
         (THREE, "momentum", -4.9, 0.02)]


@pytest.mark.parametrize(("land", "rule", "start", "η"), CASES)
def test_the_strip_is_that_of_python(browser, land, rule, start, η):
    hill = HillExplorer(land, rule, start=start, η=η)
    page = browser.new_page()
    page.goto("about:blank")
    ends, bands, found, caught = page.evaluate("""async ([stage, module, state, rate]) => {
        const { load, descend, complement } = await import(stage);
        const { landing, bands, energies, caught } = await import(module);
        const { spec } = state, [view] = spec.landscapes, [r] = spec.rules;
        const texts = { land: view.javascript, rule: r.javascript, stable: r.stable, ...spec.formulas };
        const code = await load(texts), { scan, limit } = spec, { energy } = code, { valleys } = view;
        const rule = { run: { ...code.rule, initial: r.initial }, stable: code.stable };
        const world = { functions: code.land, valleys, energy, limit, scan };
        const hyper = (β) => r.hyper.map((h) => (h.letter === 'β' ? β : state[h.letter]));
        const end = (β) => landing(world, rule, state.start, hyper(β), state[rate]);
        const range = complement(0, scan.highest);
        const run = descend(code.land, rule.run, [state.start], hyper(state.β), state.steps, limit);
        const E = energies(run, energy, state[rate]), strip = (u) => end(range.value(u));
        return [Array.from({ length: 100 }, (_, k) => end(k / 101)), bands(strip, scan.count, 1e-7), E,
            caught(run, E, valleys)];
    }""", [data_url(source("stage.js")), data_url(module("hill")), hill.state, "η"])
    page.close()
    assert ends == hill.ends(np.arange(100) / 101).tolist()
    crossings = 1 - 0.01 ** np.array(bands["edges"])
    assert len(bands["ends"]) == len(crossings) + 1 and bands["ends"][0] == hill.ends(0.0)
    np.testing.assert_allclose(crossings, hill.crossings, atol=1e-6)
    (run,) = hill.path.values()
    if not run.diverged:
        E = along(run, η)
        assert np.abs(np.array(found) - E).max() < 1e-9 * (1 + np.abs(E).max())
        if caught["step"] >= 0:
            well = valleys(landscape(land))[caught["valley"]]
            inside = (well["left"] < run.θ[:-1, 0]) & (run.θ[:-1, 0] < well["right"]) & (well["rim"] > E)
            assert inside[caught["step"]:].all() and not (caught["step"] and inside[caught["step"] - 1])


def test_long_steps_end_on_the_page_where_they_end_in_python(browser):
    """Rates at which minima lose the ball and energies rise; not where a hair decides about the end."""
    rng = np.random.default_rng(1)
    cases = [(1.34, 0.26), *zip(rng.uniform(-2, 2.3, 5), rng.uniform(0.05, 0.28, 5), strict=True)]
    β = np.arange(150) / 152
    hill = HillExplorer()
    page = browser.new_page()
    page.goto("about:blank")
    theirs = page.evaluate("""async ([stage, module, state, cases, β]) => {
        const { load } = await import(stage), { landing } = await import(module);
        const { spec } = state, [view] = spec.landscapes, [r] = spec.rules;
        const texts = { land: view.javascript, rule: r.javascript, stable: r.stable, ...spec.formulas };
        const code = await load(texts), { scan, limit } = spec, { energy } = code, { valleys } = view;
        const rule = { run: { ...code.rule, initial: r.initial }, stable: code.stable };
        const world = { functions: code.land, valleys, energy, limit, scan };
        return cases.map(([start, η]) => β.map((b) => landing(world, rule, start, [η, b], η)));
    }""", [data_url(source("stage.js")), data_url(module("hill")), hill.state, cases, β.tolist()])
    page.close()
    steady = np.zeros((len(cases), len(β)), bool)
    for k, (start, η) in enumerate(cases):
        hill.start, hill.η = start, η
        ours = hill.ends(β)
        hill.start = start + 1e-11
        hair = hill.ends(β)
        steady[k] = ours == hair
        assert (np.array(theirs[k]) == ours)[steady[k]].all()
    assert steady.mean() > 0.5


def test_bands_of_a_known_pattern(browser):
    page = browser.new_page()
    page.goto("about:blank")
    exact, hasty = page.evaluate("""async (module) => {
        const { bands } = await import(module), cuts = [0.2, 0.503, 0.5151, 0.99];
        const end = (u) => cuts.filter((c) => u > c).length % 3;
        return [bands(end, 401, 1e-9), bands(end, 65, 1e-9, () => true)];
    }""", data_url(module("hill")))
    page.close()
    assert exact["ends"] == [0, 1, 2, 0, 1]
    np.testing.assert_allclose(exact["edges"], [0.2, 0.503, 0.5151, 0.99], atol=1e-9)
    assert hasty["ends"][0] == 0 and len(hasty["edges"]) == len(hasty["ends"]) - 1  # rough, but a strip


def said(page, *words):
    """The readout, as soon as it contains the words."""
    has = "words.every((word) => document.querySelector('[data-readout]').innerText.includes(word))"
    page.wait_for_function(f"(words) => {has}", arg=words, timeout=10_000)
    text = page.locator("[data-readout]").inner_text()
    assert not re.search("NaN|undefined|null|Infinity", text), text
    return text


def strip(page):
    return page.evaluate("document.querySelector('.hill-strip canvas').toDataURL()")


def strip_label(page):
    return page.locator(".hill-strip canvas").get_attribute("aria-label")


def slider(page, trait="β"):
    return page.locator(f"[data-trait={trait}]")


@pytest.mark.parametrize("file", [False, True])
def test_the_slider_of_beta_sends_the_ball_across_and_back(show, file):
    page = show(HillExplorer(), file=file)
    said(page, "caught in the right valley since step 9")
    assert "left valley up to 0.785, right valley up to 0.944, left valley up to 0.961" in strip_label(page)
    before = strip(page)
    slider(page).press("Home")
    said(page, "caught in the left valley since step")
    assert slider(page).get_attribute("aria-valuetext") == "0.000" and strip(page) != before
    slider(page, "step").press("Home")
    said(page, "free to cross: its energy is")
    slider(page).press("End")
    settle(page)
    assert slider(page).get_attribute("aria-valuetext") == "0.9900"
    page.get_by_role("button", name="Reset").click()
    said(page, "caught in the right valley since step 9")
    settle(page)
    assert strip(page) == before
    assert page.problems == []


def test_the_strip_follows_the_start_and_the_rate(show):
    hill = HillExplorer()
    page = show(hill)
    ball = page.get_by_role("slider", name="start of the ball")
    ball.focus()
    seen = strip(page)
    for key in ("ArrowRight", "Shift+ArrowRight", "Home"):
        page.keyboard.press(key)
        settle(page)
        assert strip(page) != seen
        seen = strip(page)
    hill.start = -2.1
    first = hill.crossings[0]
    assert f"left valley up to {first:.3f}" in strip_label(page)
    slider(page, "η").press("PageDown")
    settle(page)
    assert strip(page) != seen
    slider(page, "η").press("End")
    settle(page)
    assert "no valley up to 0.99" in strip_label(page)
    page.mouse.move(5, 5)
    assert page.problems == []


def test_mouse_and_finger_move_the_start(show):
    for touch in (False, True):
        page = show(HillExplorer(), width=375 if touch else 1280, has_touch=touch)
        frame = page.locator(".explorer-frame").bounding_box()
        at = frame["x"] + (1.95 + 2.1) / 4.5 * frame["width"], frame["y"] + 0.5 * frame["height"]
        page.touchscreen.tap(*at) if touch else page.mouse.click(*at)
        said(page, "start\t1.95" if not touch else "1.9")
        settle(page)
        assert re.match("Where the ball comes to rest for momentum β from 0: right", strip_label(page))
        assert page.problems == []


def test_the_critical_momenta_are_written_above_the_strip_and_the_valleys_in_it(show):
    words = set(show(HillExplorer()).evaluate("words"))
    assert {"0.785", "0.944", "0.9612", "left valley", "right valley", "left", "right", "barrier",
            "energy"} <= words
    assert "comes to no rest" in set(show(HillExplorer(η=1.0)).evaluate("words"))


def test_the_menu_brings_other_valleys(show):
    hill = HillExplorer(["hill", "empirical risk"])
    page = show(hill)
    page.get_by_role("combobox", name="Landscape").select_option("empirical risk")
    settle(page)
    assert re.match("Where the ball comes to rest for momentum β from 0: valley 4 ", strip_label(page))
    said(page, "caught in valley 4")
    assert page.problems == []


def test_everything_works_by_keyboard_alone(show):
    page = show(HillExplorer())
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("""() => { const e = document.activeElement, d = e.dataset;
            return d.handle || d.trait || e.getAttribute('aria-label') || e.textContent; }"""))
    assert {"start", "β", "η", "step", "play", "Reset"} <= reached


@pytest.mark.parametrize(("land", "rule"), [("hill", "momentum"), (THREE, "nesterov")])
def test_no_control_breaks_at_its_ends(show, land, rule):
    page = show(HillExplorer(land, rule, step=8), file=True)
    for end in ("Home", "End"):
        page.get_by_role("slider", name="start of the ball").press(end)
        for trait in ("η", "β", "step"):
            for key in ("Home", "End"):
                slider(page, trait).press(key)
                settle(page)
                said(page)
                words = strip_label(page) + " ".join(page.evaluate("words"))
                assert not re.search("NaN|undefined|null|Infinity", words)
    assert page.problems == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_is_accessible_and_nothing_sticks_out(show, dark, width):
    page = show(HillExplorer(caption="A ball."), dark=dark, width=width)
    assert blemishes(page) == []


def test_render_returns_its_clean_up(show):
    hill = HillExplorer()
    page = show(hill)
    left = page.evaluate("""async ([code, stage, state]) => {
      const { StaticModel } = await import(stage), { default: explorer } = await import(code);
      const el = document.createElement('div'), model = new StaticModel(state);
      document.body.append(el);
      const stop = await explorer.render({ model, el });
      model.set('start', 1.25);
      stop();
      await new Promise((done) => setTimeout(done, 300));
      return [[...model.listeners.values()].reduce((n, calls) => n + calls.size, 0), el.childElementCount];
    }""", [data_url(module("hill")), data_url(source("stage.js")), hill.state])
    assert left == [0, 0] and page.problems == []


def test_the_strip_tries_as_many_values_as_python():
    spec = HillExplorer().spec
    assert spec["scan"]["count"] == SCAN and spec["formulas"] == {"energy": energy.javascript}
