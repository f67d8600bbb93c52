"""Minibatches on a page: batches, laws of the noise, and what a reader can do with samples and paths."""

import itertools
import re

import numpy as np
import pytest
from conftest import blemishes, settle

from helpers.explorers import MinibatchExplorer
from helpers.explorers.explorer import data_url, module, source
from helpers.explorers.minibatch import FORMULAS, RULES, by_moments, limit, progress, share
from helpers.explorers.noise import batches, normals, uniforms
from helpers.minibatch import LEAST_SQUARES, noise_covariance, sample_loss
from helpers.optimizers import descend

NAMES = tuple(rule.name for rule in RULES)
FEW = ((0.0, 1.0), (1.0, 1.5), (2.0, 3.5), (3.0, 3.0), (-1.0, 0.5))


def code(name):
    return data_url(source("stage.js") if name == "stage" else module(name))


# Batches ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("replace", [False, True])
def test_the_same_batches_in_the_browser(browser, replace):
    page = browser.new_page()
    sizes = ((1, 1), (5, 2), (40, 1), (40, 7), (40, 40), (200, 64))
    cases = [(seed, N, B) for seed in (0, 1, 2**32 - 1) for N, B in sizes]
    found = page.evaluate("""async ([stage, cases, replace]) => {
        const { batches } = await import(stage);
        return cases.map(([seed, N, B]) => {
            const at = batches(seed, N, B, replace);
            return Array.from({ length: 60 }, (_, k) => at(k));
        });
    }""", [code("stage"), cases, replace])
    page.close()
    for case, theirs in zip(cases, found, strict=True):
        assert theirs == batches(*case, 60, replace).tolist()


@pytest.mark.parametrize(("N", "B"), [(6, 2), (7, 3), (40, 8), (5, 5), (9, 1)])
def test_an_epoch_is_a_permutation_and_its_rest_sits_out(N, B):
    per = N // B
    drawn = batches(3, N, B, 10 * per).reshape(10, per * B)
    assert all(len(set(epoch.tolist())) == per * B for epoch in drawn) and set(drawn.ravel()) <= set(range(N))
    order = batches(3, N, 1, 10 * N).reshape(10, N)
    assert np.array_equal(np.sort(order), np.tile(np.arange(N), (10, 1)))
    assert np.array_equal(drawn, order[:, :per * B])  # all sizes cut the same order
    assert np.array_equal(batches(3, N, B, 7), batches(3, N, B, 10 * per)[:7])


def test_permutations_are_all_alike_likely():
    n = 24_000
    order = batches(1, 4, 4, n)
    counts = np.unique(order @ [64, 16, 4, 1], return_counts=True)[1]
    assert len(counts) == 24
    assert ((counts - n / 24) ** 2 / (n / 24)).sum() < 23 + 3 * (2 * 23) ** 0.5


def test_with_replacement_samples_are_alike_likely_and_independent():
    drawn = batches(5, 10, 4, 50_000, replace=True)
    assert np.array_equal(drawn.ravel()[:9], np.floor(uniforms(5, 9) * 10))
    pairs = np.bincount(drawn[:, 0] * 10 + drawn[:, 1], minlength=100)
    assert ((pairs - 500) ** 2 / 500).sum() < 99 + 3 * (2 * 99) ** 0.5


@pytest.mark.parametrize(("arguments", "words"), [
    ((1, 0, 1, 1), "N must lie between 1"), ((1, 4, 5, 1), "B must lie between 1 and 4, not 5"),
    ((1, 4, 0, 1), "B must lie between 1 and 4"), ((1, 4, 2, -1), "steps must lie"),
    ((-1, 4, 2, 1), "seed must")])
def test_batches_that_cannot_be_say_why(arguments, words):
    with pytest.raises(ValueError, match=words):
        batches(*arguments)


# The mathematics --------------------------------------------------------------------------------------------
def test_moments_give_the_mean_loss_and_its_minimum():
    rng = np.random.default_rng(0)
    samples, θ = rng.normal(size=(13, 2)), rng.normal(size=(50, 2))
    data, m = LEAST_SQUARES.on(samples), FORMULAS["moments"](samples).mean(axis=0)
    for name, exact in (("loss", data.loss), ("gradient", data.gradient)):
        np.testing.assert_allclose(FORMULAS[f"mean {name}"](θ, m), exact(θ), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(FORMULAS["mean hessian"](θ[0], m), data.hessian(θ[0]), rtol=1e-13)
    np.testing.assert_allclose(FORMULAS["minimum"](m), data.minimum(), rtol=1e-11)
    C, H, g = noise_covariance(data, θ), data.hessian(θ[0]), data.gradient(θ)
    weighted = np.trace(H @ C, axis1=-2, axis2=-1) / np.einsum("ni,ij,nj->n", g, H, g)
    np.testing.assert_allclose(FORMULAS["scale"](θ, m), weighted, rtol=1e-10)


def test_a_loss_that_does_not_split_is_refused():
    with pytest.raises(ValueError, match="is no sum of terms"):
        by_moments(sample_loss("logistic"), [sample_loss("logistic").expression])


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("B", [1, 2, 3])
def test_the_mean_change_of_a_step_is_that_over_all_batches(replace, B):
    data, η = LEAST_SQUARES.on(FEW), 0.3
    m = FORMULAS["moments"](data.samples).mean(axis=0)
    every = list(itertools.product(range(5), repeat=B) if replace else itertools.combinations(range(5), B))
    for θ in ([0.0, 0.0], [1.0, -2.0], data.minimum()):
        ends = np.array([θ - η * data.batch_gradient(θ, batch) for batch in every])
        exact = data.loss(ends).mean() - data.loss(θ)
        assert FORMULAS["rise"](θ, m, η, share[replace](B, 5)) == pytest.approx(exact, rel=1e-10, abs=1e-14)


def test_the_share_of_the_noise_is_none_for_all_samples_without_replacement():
    assert share[False](40, 40) == 0 and share[False](1, 40) == share[True](1, 40) == 1
    assert share[True](40, 40) == 1 / 40 and share[False](1, 1) == 0


def test_the_best_step_gets_half_as_far_at_the_noise_scale():
    explorer = MinibatchExplorer()
    S, m, θ = explorer.noise_scale, explorer.moments, explorer.start
    for B in (1.0, S, 20.0):
        η = np.linspace(1e-4, 3, 300_001)
        falls = -FORMULAS["rise"](θ, m, η, 1 / B).min(), -FORMULAS["rise"](θ, m, η, 0).min()
        assert progress(S, 1 / B) == pytest.approx(falls[0] / falls[1], rel=1e-8)
    assert progress(S, 1 / S) == 0.5


def test_the_floor_is_that_of_the_lyapunov_equation():
    data, η, c = LEAST_SQUARES.on(FEW), 0.01, 0.25
    m = FORMULAS["moments"](data.samples).mean(axis=0)
    H, C, unit = data.hessian(data.minimum()), noise_covariance(data, data.minimum()), np.eye(2)
    Σ = np.linalg.solve(np.kron(H, unit) + np.kron(unit, H), (η * c * C).ravel()).reshape(2, 2)
    assert FORMULAS["floor"](data.minimum(), m, η, c) == pytest.approx(np.trace(H @ Σ) / 2, rel=1e-12)


def test_above_the_limit_gradient_descent_diverges():
    explorer = MinibatchExplorer(active="gradient descent", evaluations=4000)
    edge = limit(np.linalg.eigvalsh(explorer.data.hessian(explorer.minimum))[1])
    explorer.η = 1.05 * edge
    far = np.linalg.norm(explorer.path["gradient descent"].end - explorer.minimum)
    explorer.η = 0.95 * edge
    assert np.linalg.norm(explorer.path["gradient descent"].end - explorer.minimum) < 0.1 < 10 < far


# Settings ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"B": 0}, ValueError, "the batch size B must lie between 1 and 40, not 0"),
    ({"B": 41}, ValueError, "the batch size B must lie between 1 and 40"),
    ({"B": 2.0}, TypeError, "the batch size B must be a whole number"),
    ({"samples": FEW, "B": 6}, ValueError, "the batch size B must lie between 1 and 5"),
    ({"samples": [1, 2, 3]}, ValueError, r"samples must be points \(x, y\), shape \(N, 2\)"),
    ({"samples": [(1, 2)]}, ValueError, "there must be 2 to 200 samples, not 1"),
    ({"samples": [(1, 2), (1, 3)]}, ValueError, "samples must not all have the same x"),
    ({"samples": [(1, 2), (np.nan, 3)]}, ValueError, "samples must be finite"),
    ({"samples": "many"}, TypeError, "samples must be numbers"),
    ({"evaluations": 0}, ValueError, "evaluations must lie between 1 and 5000"),
    ({"samples_seed": -1}, ValueError, "samples_seed must lie"),
    ({"seed": 0.5}, TypeError, "seed must be a whole number"),
    ({"replace": 1}, TypeError, "replace must be True or False"),
    ({"sample": 40}, ValueError, "sample must lie between 0 and 39"),
    ({"active": "adam"}, ValueError, "active must name rules of this explorer"),
    ({"start": (9, 9)}, ValueError, "start must lie in the view"),
    ({"η": -1}, ValueError, "the learning rate η must be finite and more than 0"),
    ({"β": 0.9}, TypeError, "unknown setting 'β'; the settings are samples, B, η"),
    ({"steps": 10}, TypeError, "unknown setting 'steps'"),
])
def test_settings_that_make_no_sense_say_why(settings, error, words):
    with pytest.raises(error, match=words):
        MinibatchExplorer(**settings)


@pytest.mark.parametrize(("name", "value", "error"), [
    ("B", 41, ValueError), ("replace", None, TypeError), ("evaluations", 0, ValueError),
    ("samples_seed", 2**32, ValueError), ("sample", 40, ValueError), ("samples", FEW, AttributeError)])
def test_assignments_are_checked_and_leave_the_old_value(name, value, error):
    explorer = MinibatchExplorer()
    before = getattr(explorer, name)
    with pytest.raises(error):
        setattr(explorer, name, value)
    assert np.array_equal(getattr(explorer, name), before)


@pytest.mark.parametrize("settings", [
    {}, {"B": 3, "η": 0.02, "evaluations": 77, "replace": False, "seed": 9, "samples_seed": 4, "sample": 0},
    {"samples": FEW, "B": 2, "active": ("SGD",)}, {"start": (0.5, -2), "active": ()}])
def test_the_repr_is_one_line_that_makes_the_explorer_again(settings):
    explorer = MinibatchExplorer(**settings)
    again = eval(repr(explorer))
    assert "\n" not in repr(explorer) and repr(again) == repr(explorer)
    assert again.excess == explorer.excess and np.array_equal(again.samples, explorer.samples)
    if not settings:
        assert repr(explorer) == "MinibatchExplorer()"


def test_the_paths_spend_what_they_may():
    explorer = MinibatchExplorer(B=7, evaluations=300)
    assert {name: len(run.θ) - 1 for name, run in explorer.path.items()} == {
        "SGD": 300, "minibatch": 42, "gradient descent": 7}
    explorer.evaluations = 5
    assert [len(run.θ) - 1 for run in explorer.path.values()] == [5, 0, 0]


def test_the_path_is_that_of_the_batches_shown():
    explorer = MinibatchExplorer(B=5, replace=False, evaluations=200, seed=3)
    θ = np.array(explorer.start)
    for batch in explorer.batches("minibatch"):
        θ = θ - explorer.η * explorer.data.batch_gradient(θ, batch)
    np.testing.assert_allclose(explorer.path["minibatch"].end, θ, rtol=1e-13)


def test_a_batch_of_all_without_replacement_is_gradient_descent():
    explorer = MinibatchExplorer(B=40, replace=False)
    gd = descend(explorer.data, explorer.start, steps=20, η=explorer.η)
    for name in ("minibatch", "gradient descent"):
        np.testing.assert_allclose(explorer.path[name].θ, gd.θ, rtol=1e-13)
    explorer.replace = True
    assert np.abs(explorer.path["minibatch"].end - gd.end).max() > 1e-3


def test_new_samples_bring_a_new_minimum():
    explorer = MinibatchExplorer()
    seen = {tuple(explorer.minimum)}
    for seed in range(2, 12):
        explorer.samples_seed = seed
        assert np.array_equal(explorer.samples, MinibatchExplorer(samples_seed=seed).samples)
        assert np.abs(explorer.data.gradient(explorer.minimum)).max() < 1e-13
        assert explorer.path["gradient descent"].end == pytest.approx(
            MinibatchExplorer(samples_seed=seed).path["gradient descent"].end)
        seen.add(tuple(explorer.minimum))
    assert len(seen) == 11


def test_samples_of_ones_own_fit_into_the_view():
    for factor in (1e-3, 1.0, 300.0):
        explorer = MinibatchExplorer(np.array(FEW) * [1, factor], B=2)
        (a, b), (c, d) = explorer.landscapes["least squares"].domain
        w, h = explorer.minimum
        assert a < w < b and c < h < d and explorer.excess["gradient descent"] < np.inf


def test_the_poster_is_small_and_has_words():
    explorer = MinibatchExplorer()
    png = explorer.poster()
    assert png.startswith(b"\x89PNG") and len(png) < 70_000
    for words in ("a line through 40 samples", "After 800 gradient evaluations",
                  "SGD with 800 steps of 1 sample", "GD with 20 steps of 40 samples"):
        assert words in explorer.alt
    assert MinibatchExplorer(alt="Mine.").alt == "Mine."
    assert len(MinibatchExplorer(active=()).poster()) < 60_000


# The page ---------------------------------------------------------------------------------------------------
SETTINGS = [
    {}, {"B": 1, "seed": 2**32 - 1, "replace": False}, {"B": 40, "replace": False, "η": 0.4},
    {"B": 13, "evaluations": 3900, "samples_seed": 77, "start": (2.5, -2.0)}, {"evaluations": 3},
    {"samples": FEW, "B": 2, "η": 0.05}, {"η": 1.0, "evaluations": 600},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_page_runs_what_python_runs(browser, settings):
    """Same batches, same paths, from the page's own code; paths agree relative to their size."""
    explorer = MinibatchExplorer(**settings)
    page = browser.new_page()
    page.goto("about:blank")
    theirs = page.evaluate("""async ([stage, module, state]) => {
        const { load, descend, batches, normals } = await import(stage);
        const { empirical, minibatch } = await import(module);
        const { spec, seed, replace } = state, { samples: own, drawn, last } = spec.minibatch;
        const code = await load({ rule: spec.rules[0].javascript, ...spec.formulas });
        const number = normals(last - state.samples_seed);
        const made = (k) => code.drawn([number(2 * k), number(2 * k + 1)]);
        const samples = own ?? Array.from({ length: drawn }, (_, k) => made(k));
        const data = empirical(code, samples), N = samples.length;
        const paths = [1, state.B, N].map((size, k) => {
            const rule = { ...code.rule, initial: [] }, steps = Math.floor(state.steps / size);
            const drawn = minibatch(code, data, batches(seed, N, size, replace));
            return descend(k < 2 ? drawn : data.functions, rule, state.start, [state.η], steps, spec.limit);
        });
        return { samples, paths, minimum: data.minimum, scale: data.scale(state.start) };
    }""", [code("stage"), code("minibatch"), explorer.state])
    page.close()
    np.testing.assert_allclose(theirs["samples"], explorer.samples, rtol=1e-13)
    np.testing.assert_allclose(theirs["minimum"], explorer.minimum, rtol=1e-11)
    assert theirs["scale"] == pytest.approx(explorer.noise_scale, rel=1e-10)
    for name, run in zip(NAMES, theirs["paths"], strict=True):
        ours = explorer.path[name]
        last = int(ours.diverged) - 1 if ours.diverged else len(ours.θ) - 1
        assert run["diverged"] == ours.diverged and len(run["path"]) == last + 1
        assert (np.abs(run["path"] - ours.θ[:last + 1]) / (1 + np.abs(ours.θ[:last + 1]))).max() < 1e-9


def test_columns_of_the_plot_hold_the_loss_of_their_evaluations(browser):
    page = browser.new_page()
    page.goto("about:blank")
    edges = [1, 2, 3.5, 8, 20, 60]
    loss = [9.0, 7.0, 8.0, 5.0, 1.0, 2.0]
    found = page.evaluate("async ([module, ...rest]) => (await import(module)).columns(...rest)",
                          [code("minibatch"), loss, 4, edges])
    page.close()
    known = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5]
    for cell, a, b in zip(found, edges, edges[1:], strict=False):
        inside = {known[min(e, 20)] for e in range(int(a), int(np.ceil(b)))}
        assert cell == {"low": min(loss[k] for k in inside), "high": max(loss[k] for k in inside),
                        "mean": pytest.approx(np.mean([loss[k] for k in inside]))}


def table(page):
    """The table by rows: {label: [steps × batch, L − L*, where it ends]}."""
    rows = [[cell.inner_text() for cell in row.locator("th, td").all()]
            for row in page.locator("[data-readout] tbody tr").all()]
    assert not re.search("NaN|undefined|null|Infinity", str(rows)), rows
    return {head: cells for head, *cells in rows}


def number(text):
    """A number as the page writes it."""
    raised = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")
    text = re.sub("(^|·)10(?=[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+$)", lambda f: "e" if f[1] else "1e", text)
    return float(text.translate(raised))


def agrees(page, explorer):
    """The page's table against Python's paths."""
    words = table(page)
    for name, run in explorer.path.items():
        steps, L, ends = words[explorer.rules[name].label]
        last = int(run.diverged) - 1 if run.diverged else len(run.θ) - 1
        assert steps == f"{last} × {explorer.size(name)}"
        if run.diverged:
            assert ends == f"diverged at step {run.diverged}"
        elif explorer.excess[name] > 1e-9:
            assert number(L) == pytest.approx(explorer.excess[name], rel=0.06)
    assert number(words["start"][1]) == pytest.approx(
        float(explorer.data.loss(explorer.start)) - explorer.data.loss(explorer.minimum), rel=0.01)
    scale = number(words["start"][2].split("noise scale ")[1])
    assert scale == pytest.approx(explorer.noise_scale, rel=0.06)


def pictures(page):
    """Map, samples, loss and strip as they are drawn."""
    return page.evaluate("""['.explorer-paths', '.minibatch-samples canvas', '.minibatch > canvas',
        '.minibatch-strip'].map((q) => document.querySelector(q).toDataURL())""")


def still(page):
    return page.evaluate("document.querySelector('.explorer-plane canvas').toDataURL()")


def slider(page, trait):
    return page.locator(f"input[data-trait={trait}]")


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_table_says_what_python_computes(show, settings):
    explorer = MinibatchExplorer(**settings)
    page = show(explorer)
    agrees(page, explorer)
    assert page.problems == []


@pytest.mark.parametrize("file", [False, True])
def test_batch_size_and_budget_follow_the_keyboard(show, file):
    explorer = MinibatchExplorer()
    page = show(explorer, file=file)
    for key, B in (("ArrowRight", 9), ("Home", 1), ("End", 40), ("ArrowLeft", 39)):
        before = pictures(page)
        slider(page, "B").press(key)
        settle(page)
        explorer.B = B
        assert slider(page, "B").get_attribute("aria-valuetext") == str(B)
        agrees(page, explorer)
        assert all(a != b for a, b in zip(before, pictures(page), strict=True))
    for key, spent, said in (("Home", 1, "1"), ("End", 4000, "100 epochs")):
        slider(page, "steps").press(key)
        settle(page)
        explorer.evaluations = spent
        assert slider(page, "steps").get_attribute("aria-valuetext") == said
        agrees(page, explorer)
    assert page.problems == []


def test_new_batches_are_those_of_the_next_seed_and_reset_brings_all_back(show):
    explorer = MinibatchExplorer(seed=20)
    page = show(explorer)
    first, before, ground = table(page), pictures(page), still(page)
    page.get_by_role("button", name="New batches").click()
    settle(page)
    explorer.seed = 21
    agrees(page, explorer)
    after = table(page)
    assert [after[name] == first[name] for name in ("GD", "SGD", "Minibatch")] == [True, False, False]
    page.get_by_role("checkbox", name="with replacement").click()
    settle(page)
    explorer.replace = False
    agrees(page, explorer)
    page.get_by_role("button", name="New samples").click()
    slider(page, "η").press("PageUp")
    slider(page, "B").press("End")
    page.get_by_role("button", name="Reset").click()
    page.mouse.move(0, 0)
    settle(page)
    assert page.get_by_role("checkbox", name="with replacement").is_checked()
    assert table(page) == first and pictures(page) == before and still(page) == ground
    assert page.problems == []


def test_new_samples_move_the_map_the_minimum_and_the_ticks(show):
    explorer = MinibatchExplorer()
    page = show(explorer)
    place = ".explorer-control:has([data-trait=η]) .explorer-tick.of-theory"
    for seed in (2, 3):
        before, ground, tick = pictures(page), still(page), page.locator(place).get_attribute("style")
        page.get_by_role("button", name="New samples").click()
        settle(page)
        explorer.samples_seed = seed
        agrees(page, explorer)
        assert still(page) != ground and page.locator(place).get_attribute("style") != tick
        assert all(a != b for a, b in zip(before, pictures(page), strict=True))
    assert page.problems == []


def test_samples_of_ones_own_are_not_redrawn(show):
    page = show(MinibatchExplorer(FEW, B=2))
    assert page.get_by_role("button", name="New samples").count() == 0
    assert page.get_by_role("button", name="New batches").is_visible()


def test_the_start_follows_mouse_finger_and_keyboard(show):
    for touch in (False, True):
        page = show(MinibatchExplorer(), width=375 if touch else 1280, has_touch=touch)
        frame = page.locator(".explorer-frame").bounding_box()
        x, y = frame["x"] + 0.8 * frame["width"], frame["y"] + 0.2 * frame["height"]
        page.touchscreen.tap(x, y) if touch else page.mouse.click(x, y)
        settle(page)
        for key, w in ((None, 2.5), ("ArrowLeft", 2.45)):
            if key:
                page.locator("[data-handle=start]").press(key)
                settle(page)
            words = table(page)
            start = [number(v) for v in re.match(r"θ = \((.*), (.*)\)", words["start"][2]).groups()]
            assert start == pytest.approx([w, 1.5], abs=0.02)
            data, lowest = MinibatchExplorer().data, MinibatchExplorer().minimum
            assert number(words["start"][1]) == pytest.approx(data.loss(start) - data.loss(lowest), rel=0.03)
        assert page.problems == []


def test_a_sample_shows_its_line_of_no_loss(show):
    explorer = MinibatchExplorer()
    page = show(explorer)
    chooser = page.get_by_role("slider", name="sample, with its line of no loss on the map")
    before = pictures(page)
    assert chooser.get_attribute("aria-valuetext") == "none"
    order = np.argsort(explorer.samples[:, 0], kind="stable")
    for key, n in (("ArrowRight", order[0]), ("ArrowRight", order[1]), ("End", order[-1]),
                   ("ArrowRight", order[-1]), ("ArrowLeft", order[-2]), ("Home", order[0])):
        chooser.press(key)
        settle(page)
        assert chooser.get_attribute("aria-valuetext").startswith(f"sample {n + 1} of 40, x ")
        assert chooser.get_attribute("aria-valuenow") == str(n + 1)
    assert [a == b for a, b in zip(before, pictures(page), strict=True)] == [False, False, True, True]
    chooser.press("Escape")
    settle(page)
    assert chooser.get_attribute("aria-valuetext") == "none" and pictures(page) == before
    assert page.problems == []


def test_the_mouse_shows_a_sample_and_a_click_keeps_it(show):
    explorer = MinibatchExplorer()
    page = show(explorer)
    chooser = page.locator("[data-samples]")
    box, (x, y) = chooser.bounding_box(), explorer.samples.T
    n = int(np.argmax(y))
    u = (x[n] - x.min() + 0.08 * np.ptp(x)) / (1.16 * np.ptp(x))
    v = (y[n] - y.min() + 0.08 * np.ptp(y)) / (1.16 * np.ptp(y))
    at = box["x"] + 34 + u * (box["width"] - 38), box["y"] + 4 + (1 - v) * (box["height"] - 24)
    said = f"sample {n + 1} of 40"
    page.mouse.move(*at)
    settle(page)
    assert chooser.get_attribute("aria-valuetext").startswith(said)
    page.mouse.move(5, 5)
    settle(page)
    assert chooser.get_attribute("aria-valuetext") == "none"
    page.mouse.click(*at)
    page.mouse.move(5, 5)
    settle(page)
    assert chooser.get_attribute("aria-valuetext").startswith(said)
    page.mouse.click(*at)
    page.mouse.move(5, 5)
    settle(page)
    assert chooser.get_attribute("aria-valuetext") == "none"
    assert page.problems == []


def test_the_tick_of_the_noise_scale_follows_the_start(show):
    page = show(MinibatchExplorer())
    tick = page.locator(".explorer-control:has([data-trait=B]) .of-theory.explorer-tick")
    here = tick.get_attribute("style")
    page.locator("[data-handle=start]").press("Shift+ArrowDown")
    settle(page)
    assert tick.get_attribute("style") != here
    frame = page.locator(".explorer-frame").bounding_box()
    w, b = MinibatchExplorer().minimum  # there the slope is none: no batch is large enough
    u, v = (w + 1.5) / 5, (2.5 - b) / 5
    page.mouse.click(frame["x"] + u * frame["width"], frame["y"] + v * frame["height"])
    settle(page)
    assert tick.count() == 0
    assert page.problems == []


def test_paths_can_be_switched_off_one_by_one(show):
    page = show(MinibatchExplorer())
    for name in ("SGD", "Minibatch", "GD"):
        page.get_by_role("button", name=name, exact=True).click()
        settle(page)
        assert name not in table(page)
    assert list(table(page)) == ["start"]
    assert page.problems == []


def test_no_control_breaks_at_its_ends(show):
    for settings in ({}, {"samples": FEW, "B": 2, "replace": False}):
        page = show(MinibatchExplorer(**settings))
        for trait in ("η", "B", "steps"):
            for key in ("Home", "End"):
                slider(page, trait).press(key)
                settle(page)
                assert len(table(page)) == 4
                assert re.fullmatch("[−\\d.·⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+( epochs?)?",
                                    slider(page, trait).get_attribute("aria-valuetext"))
        page.locator("[data-handle=start]").focus()
        for key in [*["Shift+ArrowRight"] * 11, *["Shift+ArrowDown"] * 11]:
            page.keyboard.press(key)
        slider(page, "steps").press("Home")
        settle(page)
        assert len(table(page)) == 4
        assert page.problems == []


def test_everything_works_by_keyboard_alone(show):
    page = show(MinibatchExplorer())
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("""() => { const e = document.activeElement, d = e.dataset;
            const name = "samples" in d ? "samples" : e.className;
            return d.handle || d.chip || d.trait || name || e.tagName; }"""))
    assert {"start", "samples", "η", "B", "steps", "replace", *NAMES, "minibatch-batches", "minibatch-fresh",
            "explorer-reset"} <= reached
    assert page.problems == []


def test_the_plots_are_labelled(show):
    page = show(MinibatchExplorer())
    assert {"B = 1", "B = 8", "B = 40", "progress of its best step"} <= set(page.evaluate("words"))
    label = page.locator(".minibatch > canvas").get_attribute("aria-label")
    assert "SGD, batches of 1: " in label and "after 800 steps" in label and "after 20 steps" in label
    label = page.locator(".minibatch-strip").get_attribute("aria-label")
    assert f"The noise scale is {MinibatchExplorer().noise_scale:.1f}" in label


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_is_accessible_and_nothing_sticks_out(show, dark, width):
    page = show(MinibatchExplorer(caption="Batches."), dark=dark, width=width)
    assert blemishes(page) == []


def test_the_formulas_are_generated():
    """The page gets each law as code of its SymPy expression, and the samples from their own formula."""
    spec = MinibatchExplorer().spec
    for name, formula in FORMULAS.items():
        assert spec["formulas"][name] == formula.javascript
    assert spec["formulas"]["share True"] == share[True].javascript
    drawn = FORMULAS["drawn"](normals(2**32 - 1 - 5, 40, 2))
    assert np.array_equal(MinibatchExplorer(samples_seed=5).samples, drawn)
