"""Particles in two wells: the law they follow, theory in Python and on the page, and what a reader can do."""

import itertools
import math
import re

import numpy as np
import pytest
from conftest import blemishes, settle, watch_numbers

from helpers.chain import Chain
from helpers.explorers import ParticlesExplorer
from helpers.explorers.explorer import data_url, module, source
from helpers.explorers.noise import normals
from helpers.explorers.particles import (
    BATCHES,
    CURVATURES,
    DEPTHS,
    FAR,
    FORMULAS,
    NOISES,
    RATES,
    STRENGTHS,
    VIEW,
    WELLS,
    two_valleys,
)
from helpers.kramers import kramers_time
from helpers.landscapes import landscape

MODULES = [data_url(module("particles")), data_url(source("stage.js"))]


# Settings ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"noise": "loud"}, ValueError, "noise must be one of 'thermal', 'SGD', 'turned round', not 'loud'"),
    ({"noise": ["SGD"]}, ValueError, "noise must be one of"),
    ({"start": "middle"}, ValueError, "start must be one of 'left', 'right', not 'middle'"),
    ({"ΔL": 0.1}, ValueError, r"the depth ΔL must be finite and at least 0\.15 and at most 0\.35, not 0\.1"),
    ({"H_left": 9}, ValueError, r"the curvature H_left must be finite and at least 1\.5 and at most 8"),
    ({"H_right": float("nan")}, ValueError, "the curvature H_right must be finite"),
    ({"D": 0.0}, ValueError, "the diffusion constant D must be"),
    ({"B": 0}, ValueError, "the batch size B must lie between 1 and 16, not 0"),
    ({"B": 2.5}, TypeError, "the batch size B must be a whole number"),
    ({"η": 0.5}, ValueError, "the learning rate η must be"),
    ({"η": "small"}, TypeError, "the learning rate η must be a number"),
    ({"σ": 0}, ValueError, "the noise σ of a sample must be finite and more than 0"),
    ({"particles": 10}, ValueError, "particles must lie between 100 and 20000, not 10"),
    ({"particles": 101}, ValueError, "particles must be even, not 101"),
    ({"speed": 3}, ValueError, "speed must be one of 1, 2, 4, 8, 16, 32 steps a frame, not 3"),
    ({"speed": 2.0}, TypeError, "speed must be a whole number"),
    ({"seed": -1}, ValueError, "seed must lie between 0"),
    ({"caption": 1}, TypeError, "caption must be a string"),
])
def test_settings_that_make_no_sense_say_why(settings, error, words):
    with pytest.raises(error, match=words):
        ParticlesExplorer(**settings)


def test_assignments_are_checked_and_leave_the_old_value():
    crowd = ParticlesExplorer("SGD")
    for name, value in (("noise", "none"), ("ΔL", 1.0), ("B", 17), ("η", 0.0), ("start", 0), ("speed", 0)):
        before = getattr(crowd, name)
        with pytest.raises((ValueError, TypeError)):
            setattr(crowd, name, value)
        assert getattr(crowd, name) == before
    crowd.set_state({"η": 0.1, "noise": "turned round", "B": 5, "H_left": 3.0})
    assert (crowd.η, crowd.noise, crowd.B, crowd.H_left) == (0.1, "turned round", 5, 3.0)
    assert crowd.strength == pytest.approx(0.1 * 16 / 10)


@pytest.mark.parametrize("settings", [
    {}, {"noise": "SGD", "B": 7}, {"noise": "turned round", "η": 0.02, "σ": 2.0, "start": "left", "seed": 3},
    {"ΔL": 0.3, "H_left": 8, "H_right": 1.5, "D": 0.05, "particles": 500, "speed": 32},
])
def test_the_repr_makes_the_explorer_again(settings):
    crowd = ParticlesExplorer(**settings)
    again = eval(repr(crowd))
    assert repr(again) == repr(crowd) and again.state == crowd.state
    if not settings:
        assert repr(crowd) == "ParticlesExplorer()"


def test_the_poster_is_small_and_has_words():
    crowd = ParticlesExplorer("SGD")
    assert crowd.poster().startswith(b"\x89PNG") and len(crowd.poster()) < 60_000
    for words in ("4000 particles under the noise of SGD", "curvature 2 on the left and 4.5 on the right",
                  "start in the right well and reach the left one after a mean time of 8.95",
                  "In the long run 89.4 % of them are in the left well"):
        assert words in crowd.alt
    assert ParticlesExplorer(alt="Mine.").alt == "Mine."
    assert ParticlesExplorer(H_left=3, H_right=3).poster().startswith(b"\x89PNG")


# The law ----------------------------------------------------------------------------------------------------
def test_the_wells_are_those_of_the_chapter():
    θ = np.linspace(-1.8, 1.8, 61)[:, None]
    for ρ2, name in ((4.5, "two wells"), (2.0, "double well")):
        np.testing.assert_allclose(two_valleys(0.25, 2.0, ρ2).loss(θ), landscape(name).loss(θ),
                                   rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("settings", [*itertools.product(DEPTHS, CURVATURES, CURVATURES)])
def test_depth_and_curvatures_are_what_they_are_called(settings):
    ΔL, *curvatures = settings
    land, crowd = two_valleys(*settings), ParticlesExplorer(alt="Wells.")
    crowd.ΔL, crowd.H_left, crowd.H_right = settings
    assert land.gradient([0.0])[0] == pytest.approx(0, abs=1e-15)
    assert land.loss([0.0]) == pytest.approx(ΔL)
    bottoms = np.array([*crowd.minima.values()])[:, None]
    assert np.abs(land.gradient(bottoms)).max() < 1e-13 and np.abs(land.loss(bottoms)).max() < 1e-28
    # the change of g′ has not quite ended at the bottom of a narrow well: 1 − tanh(0.387/0.1) = 9e−4
    np.testing.assert_allclose(land.hessian(bottoms)[:, 0, 0], curvatures, rtol=0.002)
    assert all(VIEW[0] < x < VIEW[1] for x in crowd.minima.values())


def test_sgd_is_the_descent_on_batches_of_normal_samples():
    """ℓ(θ; z) = ΔL (g² − 1)² − zg, z ~ N(0, σ²): a batch's mean of z is N(0, σ²/B)."""
    crowd = ParticlesExplorer("SGD", B=3, η=0.08, ΔL=0.2, H_left=5)
    θ = np.linspace(*VIEW, 25)
    mean, deviation = FORMULAS["next SGD"](θ, crowd._parameters).T
    slope = (FORMULAS["g"](θ + 1e-6, crowd._parameters) - FORMULAS["g"](θ - 1e-6, crowd._parameters)) / 2e-6
    np.testing.assert_allclose(deviation, 0.08 * 4 * slope / 3**0.5, rtol=1e-8)
    np.testing.assert_allclose(mean, θ - 0.08 * crowd.process.gradient(θ[:, None])[:, 0], rtol=1e-12)


@pytest.mark.parametrize("noise", NOISES)
def test_step_next_and_rates_say_the_same(noise):
    crowd, θ = ParticlesExplorer(noise, alt="."), np.linspace(*VIEW, 25)
    at, η = crowd._parameters, crowd.η
    mean, deviation = FORMULAS[f"next {noise}"](θ, at).T
    rise, one = FORMULAS[f"rates {noise}"](θ, at).T
    D, slope = crowd.process.D(θ[:, None]), crowd.process.gradient(θ[:, None])[:, 0]
    np.testing.assert_allclose(deviation**2, 2 * η * D, rtol=1e-12)
    np.testing.assert_allclose(1 / one, D, rtol=1e-12)
    np.testing.assert_allclose(rise, slope / D, rtol=1e-11, atol=1e-12)
    for ξ in (-1.3, 0.0, 2.0):
        np.testing.assert_allclose(FORMULAS[f"step {noise}"](θ, ξ, at), mean + ξ * deviation, rtol=1e-12)


def test_the_noise_turned_round_is_weak_where_that_of_sgd_is_strong():
    crowd = ParticlesExplorer("SGD", alt=".")
    bottoms = np.array([*crowd.minima.values()])[:, None]
    flat, sharp = crowd.process.D(bottoms)
    assert sharp / flat == pytest.approx(4.5 / 2, rel=1e-5) and flat == pytest.approx(crowd.strength)
    crowd.noise = "turned round"
    assert (crowd.process.D(bottoms) * [flat, sharp]) == pytest.approx([flat**2, flat**2])


# Theory -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("noise", "shares"), [
    ("thermal", {2: 0.598, 3: 0.599}), ("SGD", {2: 0.868, 3: 0.916, 4: 0.948, 5: 0.9692}),
    ("turned round", {2: 0.085, 3: 0.027, 4: 0.008}),
])
def test_shares_of_the_flat_well(noise, shares):
    for ratio, share in shares.items():
        D0 = 0.25 / ratio
        crowd = ParticlesExplorer(noise, D=D0, B=4, σ=(2 * 4 * D0 / 0.05) ** 0.5, alt=".")
        assert crowd.strength == pytest.approx(D0)
        assert crowd.share["left"] == pytest.approx(share, abs=5e-4) and sum(crowd.share.values()) == 1


@pytest.mark.parametrize(("ratio", "time"), [(2, 41.0343), (4, 277.0546), (6, 1941.774), (8, 14000.14)])
def test_times_in_the_quartic_well(ratio, time):
    crowd = ParticlesExplorer(H_left=2.0, H_right=2.0, D=0.25 / ratio, alt=".")
    assert crowd.exact["left"] == pytest.approx(time, rel=2e-6)
    assert crowd.exact["right"] == pytest.approx(crowd.exact["left"], rel=1e-10)
    law = kramers_time(2.0, -1.0, 0.25, 0.25 / ratio)
    assert crowd.kramers["left"] == pytest.approx(law, rel=1e-9)


# The page's own code ----------------------------------------------------------------------------------------
THEORY = """async ([code, stage, spec, noise, P]) => {
  const page = await import(code), f = await (await import(stage)).load(spec.formulas);
  const rates = f[`rates ${noise}`], functions = { next: f[`next ${noise}`], bell: f.bell };
  const minima = page.minimaOf(f.g, P, spec.far), t = page.theoryOf(rates, P, minima, spec);
  const steps = (k) => page.chainTime(functions, P, minima[k], minima[1 - k], t.ends[k], spec);
  const leading = page.leadingOf({ ...f, rates }, P, minima, t.rise);
  return { ...t, minima, leading, chain: [P[4] * steps(0), P[4] * steps(1)] };
}"""

CORNERS = [
    {}, {"ΔL": 0.35, "H_left": 8.0, "H_right": 1.5}, {"ΔL": 0.15, "H_left": 1.5, "H_right": 8.0, "B": 8},
    {"ΔL": 0.2, "H_left": 3.0, "H_right": 3.0, "D": 0.03, "η": 0.02, "B": 9}, {"η": 0.01, "D": 0.06, "B": 2},
    {"η": 0.12, "B": 6},
]


@pytest.fixture(scope="module")
def blank(browser):
    page = browser.new_page()
    page.goto("about:blank")
    yield page
    page.close()


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("settings", CORNERS)
def test_the_page_knows_the_numbers_that_python_knows(blank, noise, settings):
    crowd = ParticlesExplorer(noise, **settings)
    found = blank.evaluate(THEORY, [*MODULES, crowd.spec, noise, crowd._parameters])

    def close(values, expected, rtol):
        np.testing.assert_allclose(values, [*expected.values()], rtol=rtol)

    close(found["minima"], crowd.minima, 1e-13)
    close([found["left"], 1 - found["left"]], crowd.share, 1e-9)
    close(found["times"], crowd.exact, 1e-9)
    close(found["leading"], crowd.kramers, 1e-9)
    close(found["chain"], crowd.chain, 1e-9)
    grid = np.array(found["x"])
    assert (np.diff(grid) > 0).all()
    assert np.trapezoid(found["density"], grid) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("noise", NOISES)
def test_particles_take_the_same_steps_in_the_browser(blank, noise):
    """200 steps of 4000 particles, before any of them is moved: the same numbers of the stream, in order."""
    crowd = ParticlesExplorer(noise, seed=2**32 - 1, H_left=3.3, D=0.05)
    found = blank.evaluate("""async ([code, stage, spec, noise, P, seed, x0]) => {
      const { kernel } = await import(code), { load, streamStart } = await import(stage);
      const { loop } = await load({ loop: kernel(spec.formulas[`step ${noise}`]) });
      const x = new Float64Array(spec.particles).fill(x0);
      for (let t = 0; t < 200; t++) loop(x, P, streamStart(seed), t * x.length);
      return [...x];
    }""", [*MODULES, crowd.spec, noise, crowd._parameters, crowd.seed, crowd.minima["right"]])
    np.testing.assert_allclose(found, crowd.walk(200), rtol=0, atol=1e-9)


def test_the_poster_shows_the_walk_of_the_page():
    crowd = ParticlesExplorer(particles=100, alt=".")
    x = np.full(100, crowd.minima["right"])
    for ξ in normals(0, 5, 100):
        x = x - 0.05 * crowd.process.gradient(x[:, None])[:, 0] + (2 * 0.05 * 0.1) ** 0.5 * ξ
    np.testing.assert_allclose(crowd.walk(5), x, rtol=1e-12)


# Mean lifetimes ---------------------------------------------------------------------------------------------
def lifetimes(page, ages, ended, classes, each):
    return page.evaluate("""async ([code, ages, ended, classes, each]) => {
      const { lifeTable, lifetime } = await import(code), table = lifeTable(classes, each);
      ages.forEach((age, k) => table.record(age, ended[k]));
      return { ...lifetime(table), events: [...table.events], steps: [...table.steps] };
    }""", [MODULES[0], ages, ended, classes, each])


def test_a_life_table_of_single_steps_is_that_of_kaplan_and_meier(blank):
    rng = np.random.default_rng(0)
    ages, ended = rng.geometric(0.15, 60), rng.random(60) < 0.7
    found = lifetimes(blank, ages.tolist(), ended.tolist(), 6, 1)
    alive, mean = 1.0, 0.0
    for t in range(1, 7):  # by hand: who is at risk in step t, and who ends in it
        mean += alive
        alive *= 1 - (ended & (ages == t)).sum() / (ages >= t).sum()
    later = ages > 6
    mean += alive * (ages[later] - 6).sum() / (ended & later).sum()
    assert found["mean"] == pytest.approx(mean, rel=1e-12)
    assert found["count"] == ended.sum() and found["late"] == (ended & later).sum()
    assert sum(found["steps"]) == ages.sum() and sum(found["events"]) == ended.sum()


def test_without_censoring_the_life_table_gives_the_mean(blank):
    rng = np.random.default_rng(1)
    ages = rng.geometric(1 / 40, 4000)
    found = lifetimes(blank, ages.tolist(), [True] * 4000, 4, 5)
    assert found["mean"] == pytest.approx(ages.mean(), rel=2e-3)
    assert found["error"] == pytest.approx(ages.std() / 4000**0.5, rel=0.1)


def test_nobody_has_ended_late_so_there_is_no_mean(blank):
    found = lifetimes(blank, [3, 5, 40], [True, True, False], 4, 5)
    assert found["late"] == 0 and found["count"] == 2
    assert found["mean"] is None or math.isnan(found["mean"])


RUN = """async ([code, stage, spec, noise, P, start, seeds, until, moved]) => {
  const page = await import(code), { load } = await import(stage);
  const f = await load({ ...spec.formulas, loop: page.kernel(spec.formulas[`step ${noise}`]) });
  const minima = page.minimaOf(f.g, P, spec.far), each = Math.round(8 / P[4] / spec.classes);
  const tables = () => [0, 1].map(() => page.lifeTable(spec.classes, each));
  const rules = () => ({ loop: f.loop, parameters: P, minima, tables: tables() });
  return seeds.map((seed) => {
    const crowd = page.crowd({ n: spec.particles, far: spec.far });
    crowd.rules(rules());
    crowd.place(start, seed);
    if (moved) { crowd.run(moved); crowd.rules(rules()); }
    crowd.run(Math.round(until / P[4]));
    const { thrown, tick, x } = crowd, lifetimes = [crowd.lifetime(0), crowd.lifetime(1)];
    return { lifetimes, left: crowd.left(), thrown, tick, x: [...x] };
  });
}"""


@pytest.mark.parametrize(("noise", "settings", "until"), [
    ("thermal", {}, 60), ("SGD", {}, 60), ("turned round", {"B": 3}, 120),
    ("thermal", {"D": 0.06, "η": 0.1}, 150),
    ("SGD", {"H_left": 6.0, "H_right": 1.5, "η": 0.08, "B": 8}, 60),
])
def test_the_measured_times_meet_the_exact_ones_of_the_chain(blank, noise, settings, until):
    """Four seeds, each well: within 3 standard errors; and the errors are honest on average."""
    crowd = ParticlesExplorer(noise, **settings)
    runs = blank.evaluate(RUN, [*MODULES, crowd.spec, noise, crowd._parameters, 1, [1, 2, 3, 4], until, 0])
    z = np.array([[(crowd.η * r["mean"] - exact) / (crowd.η * r["error"])
                   for r, exact in zip(run["lifetimes"], crowd.chain.values(), strict=True)] for run in runs])
    assert np.abs(z).max() < 3 and (z**2).mean() < 3, z
    assert np.abs(z.mean(axis=0)).max() < 3 / 2  # four together


@pytest.mark.parametrize("noise", NOISES)
def test_the_crowd_fills_the_wells_as_the_chain_says(blank, noise):
    crowd = ParticlesExplorer(noise, B=3)
    times = crowd.chain.values()
    long = 12 / sum(1 / t for t in times)  # of the crowd's relaxation
    runs = blank.evaluate(RUN, [*MODULES, crowd.spec, noise, crowd._parameters, 0, [5, 6], long, 0])
    exact = Chain(crowd.process, crowd.η).occupation((-math.inf, 0.0))
    measured = np.mean([run["left"] for run in runs])
    assert abs(measured - exact) < 3 * (exact * (1 - exact) / 8000) ** 0.5
    assert all(run["thrown"] == 0 for run in runs)


def test_crossings_go_from_minimum_to_minimum(blank):
    """Two particles on given paths: what counts as a crossing, when it began, and that it ends exactly."""
    found = blank.evaluate("""async (code) => {
      const { crowd, lifeTable, carry } = await import(code), people = crowd({ n: 2, far: 4 });
      const paths = [[0.5, 1.5, 0.2, -0.3, -1.2, 0, 1.1], [-0.4, 0.9, -0.8, -1, 0, 0.5, 5]], out = [];
      let t = 0;
      const loop = (x) => { x[0] = paths[0][t]; x[1] = paths[1][t]; t++; };
      const tables = () => [lifeTable(9, 1), lifeTable(9, 1)];
      const rules = () => ({ loop, parameters: [], minima: [-1, 1], tables: tables() });
      people.rules(rules());
      for (let k = 0; k < 7; k++) { people.run(1); out.push([...people.x, ...people.home]); }
      const events = people.tables.map((table) => [...table.events]), { thrown } = people;
      people.x.set([-0.5, 2]);
      carry(people.x, [-1, 1], [-0.5, 1.5]);
      people.rules(rules());
      return { out, events, thrown, carried: [...people.x], home: [...people.home] };
    }""", MODULES[0])
    x0, x1, home0, home1 = np.array(found["out"]).T.tolist()
    assert x0 == [0.5, 1, 0.2, -0.3, -1, 0, 1]
    assert home0 == [2, 1, 1, 1, 0, 0, 1]  # left 0, right 1, neither 2
    assert x1 == [-0.4, 0.9, -0.8, -1, 0, 0.5, -1]  # thrown out at the end
    assert home1 == [2, 2, 2, 0, 0, 0, 0]
    left, right = found["events"]
    assert right == [0, 0, 1, *[0] * 7] and left == [0, 1, *[0] * 8]  # after 3 and after 2 steps
    assert found["thrown"] == 1 and found["carried"] == [-0.25, 3.0] and found["home"] == [2, 2]


def test_measuring_begins_anew_when_the_rules_change(blank):
    """Who is somewhere under way counts from the next minimum that it comes past: still no bias."""
    crowd = ParticlesExplorer()
    runs = blank.evaluate(RUN, [*MODULES, crowd.spec, "thermal", crowd._parameters, 1, [7, 8], 60, 700])
    for run in runs:
        assert run["tick"] == 1200
        for r, exact in zip(run["lifetimes"], crowd.chain.values(), strict=True):
            assert abs(r["mean"] * crowd.η - exact) < 3 * r["error"] * crowd.η


def test_particles_that_are_thrown_out_start_again(blank):
    crowd = ParticlesExplorer("SGD", B=1, η=0.25, H_left=8)
    (run,) = blank.evaluate(RUN, [*MODULES, crowd.spec, "SGD", crowd._parameters, 0, [1], 50, 0])
    assert run["thrown"] > 1000 and np.isfinite(run["x"]).all() and np.abs(run["x"]).max() < FAR


# The page ---------------------------------------------------------------------------------------------------
def clock(page):
    """Steps since measuring began."""
    return int(re.search(r"\((\d+) steps of η\)", page.locator(".particles-clock").inner_text())[1])


def table(page):
    """{row: [left, right]} of the readout."""
    text = page.locator("[data-readout]").inner_text()
    assert not re.search("NaN|undefined|null|Infinity|∞", text), text
    rows = [line.split("\t") for line in text.split("\n") if "\t" in line]
    return {row[0]: row[1:] for row in rows}


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def slider(page, trait):
    return page.locator(f"input[data-trait={trait}]")


def picture(page):
    return page.evaluate("""[...document.querySelectorAll('.particles-plane canvas')]
        .map((c) => c.toDataURL()).join()""")


def wait_for(page, condition, words, **named):
    """Until `condition` holds for what the element of class `words` says, which it calls `text`."""
    page.wait_for_function(f"() => {{ const text = document.querySelector('.{words}').innerText;"
                           f" return {condition}; }}", **named)


BEGUN = "!text.includes('(0 steps')"


def calm(show, *arguments, **context):
    """A page that starts paused."""
    return show(*arguments, reduced_motion="reduce", **context)


@pytest.mark.parametrize("file", [False, True])
def test_it_plays_pauses_steps_and_starts_again(show, file):
    page = show(ParticlesExplorer(speed=4), file=file)
    wait_for(page, "/[1-9]\\d+ cross/.test(text)", "particles-clock")
    button(page, "pause").click()
    settle(page)
    before, seen = clock(page), picture(page)
    assert before > 0 and before % 4 == 0
    settle(page)
    assert clock(page) == before and picture(page) == seen
    button(page, "one step").click()
    settle(page)
    assert clock(page) == before + 1 and picture(page) != seen
    button(page, "start again").click()
    settle(page)
    assert clock(page) == 0 and table(page)["particles there now"] == ["0.0 %", "100.0 %"]
    button(page, "play").click()
    wait_for(page, BEGUN, "particles-clock")
    assert page.problems == []


def test_the_table_shows_what_python_knows(show):
    crowd = ParticlesExplorer("SGD", B=5, H_left=3.0)
    page = calm(show, crowd)
    page.wait_for_timeout(600)
    rows = table(page)
    assert rows["in the long run, η → 0"] == [f"{100 * v:.1f} %" for v in crowd.share.values()]
    for row, values in (("exact, steps of η", crowd.chain), ("exact, η → 0", crowd.exact),
                        ("Kramers, η → 0 and D → 0", crowd.kramers)):
        assert rows[row] == [f"{v:.{2 if v < 99.95 else 1}f}" for v in values.values()]
    assert rows["mean time to leave, 95 %"] == ["too few yet"] * 2
    assert rows["well"] == ["left, flat", "right, sharp"]


def test_the_measured_time_closes_in_on_the_exact_one(show):
    crowd = ParticlesExplorer("SGD", speed=32)
    page = show(crowd)
    wait_for(page, "+text.match(/ = ([\\d.]+)/)[1] > 100", "particles-clock", timeout=60_000)
    button(page, "pause").click()
    settle(page)
    rows = table(page)
    for text, exact in zip(rows["mean time to leave, 95 %"], crowd.chain.values(), strict=True):
        mean, half = map(float, text.split(" ± "))
        assert half < 0.1 * exact and abs(mean - exact) < 3 / 1.96 * half + 0.01
    now = [float(v.removesuffix(" %")) / 100 for v in rows["particles there now"]]
    assert now[0] == pytest.approx(crowd.share["left"], abs=0.02)


def test_another_noise_keeps_its_strength_and_the_crowd_its_place(show):
    page = calm(show, ParticlesExplorer(D=0.08))
    for _ in range(3):
        button(page, "one step").click()
    settle(page)
    button(page, "SGD").click()
    settle(page)
    assert slider(page, "B").get_attribute("aria-valuetext") == "5"
    assert slider(page, "D").is_hidden() and clock(page) == 0
    assert table(page)["particles there now"] == ["0.0 %", "100.0 %"]
    button(page, "turned round").click()
    settle(page)
    assert slider(page, "B").get_attribute("aria-valuetext") == "5"
    slider(page, "B").press("ArrowLeft")
    button(page, "thermal").click()
    settle(page)
    assert slider(page, "D").get_attribute("aria-valuetext") == "0.1" and slider(page, "B").is_hidden()
    button(page, "Reset").click()
    settle(page)
    assert slider(page, "D").get_attribute("aria-valuetext") == "0.08"
    assert page.problems == []


def test_the_three_noises_send_the_crowd_to_both_to_the_flat_and_to_the_sharp_well(show):
    page = show(ParticlesExplorer(speed=32))
    for noise, low, high in (("thermal", 55, 65), ("SGD", 87, 92), ("turned round", 3, 12)):
        button(page, noise).click()
        page.wait_for_function("""([low, high]) => {
          const share = parseFloat(document.querySelector('[data-readout] tbody td').innerText);
          return low < share && share < high;
        }""", arg=[low, high], timeout=60_000)
    assert page.problems == []


def test_start_chips_send_all_to_the_other_well(show):
    page = calm(show, ParticlesExplorer())
    assert table(page)["particles there now"] == ["0.0 %", "100.0 %"]
    button(page, "left").click()
    settle(page)
    assert table(page)["particles there now"] == ["100.0 %", "0.0 %"]
    assert page.get_by_text("Time to leave the left well").is_visible()


def handle(page, name):
    return page.locator(f"[data-handle={name}]")


def test_handles_move_the_ridge_and_the_wells(show):
    page = calm(show, ParticlesExplorer())
    for name, way, trait in (("ΔL", (0, -30), "up"), ("H_left", (40, 0), "up"), ("H_right", (30, 0), "down")):
        seen, before = picture(page), float(slider(page, name).get_attribute("aria-valuetext"))
        box = handle(page, name).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + way[0], y + way[1], steps=4)
        page.mouse.up()
        settle(page)
        after = float(slider(page, name).get_attribute("aria-valuetext"))
        assert (after > before) == (trait == "up") and after != before and picture(page) != seen
        now = handle(page, name).bounding_box()
        assert abs(now["x"] - box["x"] - way[0]) < 1.5 and abs(now["y"] - box["y"] - way[1]) < 1.5
        assert float(handle(page, name).get_attribute("aria-valuenow")) == after
    assert page.problems == []


def test_keys_move_the_handles(show):
    page = calm(show, ParticlesExplorer())
    for name, key, more in (
            ("ΔL", "ArrowUp", True), ("ΔL", "ArrowDown", False), ("H_left", "ArrowRight", True),
            ("H_left", "ArrowLeft", False), ("H_right", "Shift+ArrowLeft", True),
            ("H_right", "ArrowRight", False)):
        before = float(handle(page, name).get_attribute("aria-valuenow"))
        handle(page, name).press(key)
        settle(page)
        after = float(handle(page, name).get_attribute("aria-valuenow"))
        assert after != before and (after > before) == more, (name, key)


def test_a_finger_drags_a_handle_and_a_swipe_beside_it_does_nothing(show):
    page = calm(show, ParticlesExplorer(), width=375, has_touch=True)
    before = [handle(page, name).get_attribute("aria-valuenow") for name in ("ΔL", "H_left", "H_right")]
    plane = page.locator(".particles-plane").bounding_box()
    page.touchscreen.tap(plane["x"] + plane["width"] / 2, plane["y"] + 30)
    settle(page)
    assert [handle(page, n).get_attribute("aria-valuenow") for n in ("ΔL", "H_left", "H_right")] == before
    touch = page.context.new_cdp_session(page)
    box = handle(page, "H_right").bounding_box()
    x, y = box["x"] + 10, box["y"] + 10
    for kind, at in (("Start", [x]), ("Move", [x + 15]), ("Move", [x + 30]), ("End", [])):
        touch.send("Input.dispatchTouchEvent",
                   {"type": f"touch{kind}", "touchPoints": [{"x": to, "y": y} for to in at]})
    settle(page)
    assert float(handle(page, "H_right").get_attribute("aria-valuenow")) < 4.5
    page.get_by_role("button", name="SGD").tap()
    settle(page)
    assert slider(page, "B").is_visible() and page.problems == []


def test_a_well_that_moves_takes_its_particles_along(show):
    page = calm(show, ParticlesExplorer(start="left"))
    button(page, "one step").click()
    for key in ("End", "Home"):
        slider(page, "H_left").press(key)
        settle(page)
        rows = table(page)
        assert rows["particles there now"] == ["100.0 %", "0.0 %"]
    assert page.locator(".particles-warning").is_hidden()


@pytest.mark.parametrize("noise", NOISES)
def test_no_control_breaks_at_its_ends(show, noise):
    page = show(ParticlesExplorer(noise, speed=16), file=True)
    watch_numbers(page)
    names = ["ΔL", "H_left", "H_right", "η", "speed", "D" if noise == "thermal" else "B"]
    for ends in itertools.product(("Home", "End"), repeat=2):
        for name in names:
            for key in ends:
                slider(page, name).press(key)
        page.wait_for_timeout(400)
        table(page)
    assert page.evaluate("window.bad") == 0 and page.problems == []


def test_a_step_that_is_too_long_is_said(show):
    page = show(ParticlesExplorer("SGD", η=0.25, B=1, H_right=8.0))
    warning = page.locator(".particles-warning")
    warning.wait_for()
    assert "ηH = 2.00 ≥ 2: the step is too long for the sharper well" in warning.inner_text()
    slider(page, "H_right").press("Home")
    wait_for(page, "/\\d+ particles were thrown out over the walls/.test(text)", "particles-warning")
    page.wait_for_timeout(400)
    assert table(page)["exact, steps of η"] == ["–", "–"]
    button(page, "thermal").click()
    slider(page, "η").press("Home")
    settle(page)
    assert warning.is_hidden()


def test_nothing_moves_by_itself_for_those_who_ask_for_calm(show):
    page = calm(show, ParticlesExplorer())
    page.wait_for_timeout(400)
    assert clock(page) == 0 and button(page, "play").is_visible()
    button(page, "play").click()
    wait_for(page, BEGUN, "particles-clock")


def test_it_rests_while_nobody_sees_it(show):
    page = show(ParticlesExplorer(), figures="<div style='height: 3000px'></div>")
    page.evaluate("scrollTo(0, 0)")  # it is far below
    page.wait_for_timeout(300)
    before = clock(page)
    page.wait_for_timeout(300)
    assert clock(page) == before
    page.locator(".particles-plane").scroll_into_view_if_needed()
    wait_for(page, BEGUN, "particles-clock")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(300)
    seen = picture(page)
    page.wait_for_timeout(300)
    assert picture(page) == seen
    assert button(page, "pause").count() == 1  # it goes on by itself when it is seen again


def test_a_hidden_tab_rests(show):
    page = show(ParticlesExplorer())
    page.evaluate("""() => {
      Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }""")
    page.wait_for_timeout(300)
    seen = picture(page)
    page.wait_for_timeout(300)
    assert picture(page) == seen
    page.evaluate("""() => {
      delete document.hidden;
      document.dispatchEvent(new Event('visibilitychange'));
    }""")
    page.wait_for_timeout(300)
    assert picture(page) != seen


def test_everything_can_be_reached_by_keyboard(show):
    page = calm(show, ParticlesExplorer())
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("""() => { const e = document.activeElement, d = e.dataset;
            const name = d.handle && `handle ${d.handle}`;
            return name || d.trait || e.getAttribute('aria-label') || e.textContent; }"""))
    assert {"thermal", "SGD", "turned round", "left", "right", "handle ΔL", "handle H_left",
            "handle H_right", "play", "one step", "start again", "speed", "D", "η", "ΔL", "H_left", "H_right",
            "Reset"} <= set(reached)


def test_it_speaks_when_asked_and_not_all_the_time(show):
    page = show(ParticlesExplorer(speed=16))
    spoken = page.locator(".explorer-spoken[role=status]")
    page.wait_for_timeout(1200)
    assert spoken.inner_text() == ""
    button(page, "pause").click()
    wait_for(page, "text.length > 0", "explorer-spoken[role=status]")
    words = spoken.inner_text()
    assert "thermal noise" in words and "are in the left well, in the long run 59.9 %" in words
    assert "Mean time to leave the right well" in words and "exact 36.70" in words
    label = page.locator(".particles-plane canvas[role=img]").get_attribute("aria-label")
    assert "59.9 %" in label


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_is_accessible_and_nothing_sticks_out(show, dark, width):
    for noise in NOISES:
        page = calm(show, ParticlesExplorer(noise, caption="A crowd."), dark=dark, width=width)
        assert blemishes(page) == []


def test_the_theme_and_the_width_may_change(show):
    page = calm(show, ParticlesExplorer())
    seen = picture(page)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    assert picture(page) != seen
    page.set_viewport_size({"width": 400, "height": 900})
    settle(page)
    plane, frame = (page.locator(s).bounding_box() for s in (".particles-plane", ".explorer-frame"))
    assert plane["width"] == frame["width"] < 400 and page.problems == []


def test_without_javascript_the_poster_stands(show):
    page = show(ParticlesExplorer(alt="A crowd in two wells."), java_script_enabled=False)
    assert page.get_by_role("img", name="A crowd in two wells.").is_visible()


def test_render_returns_its_clean_up_and_follows_the_model(show):
    crowd = ParticlesExplorer()
    page = show(crowd)
    found = page.evaluate("""async ([code, stage, state]) => {
      const { StaticModel } = await import(stage), { default: explorer } = await import(code);
      const el = document.createElement('div'), model = new StaticModel(state);
      document.body.prepend(el);
      const wait = () => new Promise((done) => setTimeout(done, 300));
      const stop = await explorer.render({ model, el });
      model.set('noise', 'SGD');
      model.set('B', 9);
      await wait();
      const B = el.querySelector('[data-trait=B]').getAttribute('aria-valuetext');
      const pressed = el.querySelector('[data-chip=SGD]').getAttribute('aria-pressed');
      stop();
      await wait();
      const left = [...model.listeners.values()].reduce((n, calls) => n + calls.size, 0);
      return [B, pressed, left, el.childElementCount];
    }""", [*MODULES, crowd.state])
    assert found == ["9", "true", 0, 0] and page.problems == []


def test_the_page_has_the_ranges_that_python_checks():
    ranges = ParticlesExplorer().spec["ranges"]
    assert ranges == {"ΔL": DEPTHS, "H_left": CURVATURES, "H_right": CURVATURES, "D": STRENGTHS, "B": BATCHES,
                      "η": RATES}
    assert [n["name"] for n in ParticlesExplorer().spec["noises"]] == list(NOISES)
    assert WELLS == ("left", "right")
