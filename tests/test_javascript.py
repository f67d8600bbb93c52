"""The JavaScript that pages run, in a real engine, against the NumPy that notebooks run."""

import itertools
import json

import numpy as np
import pytest

from helpers.critical_points import ZERO, classify, eigen2, quadratic_form, quadratic_model
from helpers.explorers.explorer import data_url, source
from helpers.landscapes import GALLERY
from helpers.optimizers import DIVERGED, RULES, descend
from helpers.saddles import ESCAPE

CLOSE = 1e-12


@pytest.fixture(scope="module")
def run(browser):
    """`run("(stage, …arguments) => …", …)`: call a function with the module stage.js and JSON arguments."""
    page = browser.new_page()
    page.goto("about:blank")
    page.evaluate("async (url) => { window.stage = await import(url); }", data_url(source("stage.js")))

    def call(function, *arguments):
        answer = page.evaluate(f"""async (text) => {{
            const plain = (key, v) => ArrayBuffer.isView(v) ? [...v] : Object.is(v, NaN) ? "NaN" : v;
            return JSON.stringify(await ({function})(window.stage, ...JSON.parse(text)), plain);
        }}""", json.dumps(arguments))
        return json.loads(answer)

    yield call
    page.close()


def difference(ours, theirs):
    """The largest difference, relative to the value, or to the median where cancellation leaves little."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape
    scale = np.maximum(np.abs(theirs), np.median(np.abs(theirs)))
    return float(np.max(np.abs(ours - theirs) / np.where(scale > 0, scale, 1)))


def points(land, n, seed=0):
    low, high = np.array(land.domain).T
    return np.random.default_rng(seed).uniform(low, high, (n, land.d))


@pytest.mark.parametrize("name", GALLERY)
def test_loss_gradient_and_hessian_agree_at_1000_points(run, name):
    land = GALLERY[name]
    θ = points(land, 1000)
    L, g, H = run("""async ({ load }, text, points) => {
        const { land } = await load({ land: text });
        return ["loss", "gradient", "hessian"].map((part) => points.map((p) => land[part](p)));
    }""", land.javascript, θ.tolist())
    assert difference(L, land.loss(θ)) < CLOSE
    assert difference(g, land.gradient(θ)) < CLOSE
    assert difference(H, land.hessian(θ)) < CLOSE


@pytest.mark.parametrize("name", RULES)
def test_a_single_step_agrees_from_1000_states(run, name):
    r, rng = RULES[name], np.random.default_rng(1)
    n = 1000
    θ, g = rng.normal(0, 2, n), rng.normal(0, 3, n)
    t = rng.integers(1, 300, n)
    positive = [str(symbol).startswith("s") for symbol in r.states]
    states = [np.abs(rng.normal(0, 2, n)) if p else rng.normal(0, 2, n) for p in positive]

    def draw(h):
        return 10 ** rng.uniform(*np.log10([h.low, h.high]), n) if h.log else rng.uniform(h.low, h.high, n)

    hyper = {h.letter: draw(h) for h in r.hyper}
    place = np.broadcast_to(r.place(θ, states, hyper), n)
    new, after = r.step(θ, g, states, t, hyper)
    cases = [[a, b, c, d, e] for a, b, c, d, e in zip(
        θ.tolist(), g.tolist(), np.array(states).reshape(len(states), n).T.tolist(), t.tolist(),
        np.array(list(hyper.values())).T.tolist(), strict=True)]
    at, steps = run("""async ({ load }, text, cases) => {
        const { rule } = await load({ rule: text });
        return [cases.map(([x, , s, , h]) => rule.at(x, s, h)), cases.map((c) => rule.step(...c))];
    }""", r.javascript, cases)
    assert difference(at, place) < CLOSE
    for k, expected in enumerate([new, *after]):
        assert difference(np.array(steps)[:, k], expected) < CLOSE


@pytest.mark.parametrize("name", RULES)
def test_effective_rates_agree_with_those_of_a_run(run, name):
    """Along one path, to its end where it diverges; a rule of one's own may have none."""
    land, r = GALLERY["worst network"], RULES[name]
    for start, η in (([1.1, 0.4], 0.02), ([1.7, -1.2], 5.0)):
        ours = descend(land, start, r, steps=50, rates=True, η=η)
        theirs = run("""async ({ load, descend }, texts, initial, start, hyper, limit) => {
            const { land, rule } = await load(texts), from = { ...rule, initial };
            return [true, false].map((rates) => descend(land, from, start, hyper, 50, limit, { rates }));
        }""", {"land": land.javascript, "rule": r.javascript}, r.initial, start,
                     [ours.hyper[h.letter] for h in r.hyper], DIVERGED)
        last = ours.diverged - 1 if ours.diverged else 50
        assert len(theirs[0]["rates"]) == len(theirs[0]["path"]) - 1 == last
        if last:
            np.testing.assert_allclose(theirs[0]["rates"], ours.rate[:last], rtol=1e-9)
        assert "rates" not in theirs[1] and theirs[1]["path"] == theirs[0]["path"]
    assert RULES["adam"].rate is not None and "rate: null" in ESCAPE["newton"].javascript


@pytest.mark.parametrize("name", ESCAPE)
def test_a_single_step_with_noise_and_curvature_agrees_from_1000_states(run, name):
    r, rng = ESCAPE[name], np.random.default_rng(4)
    θ, g, ξ, λ = rng.normal(0, [[2], [3], [1], [2]], (4, 1000))
    g[:50] = 0  # a direction without slope is a case of its own
    hyper = {h.letter: 10 ** rng.uniform(*np.log10([h.low, h.high]), 1000) for h in r.hyper}
    new, _ = r.step(θ, g, [], 1, hyper, ξ, λ)
    cases = [[x, slope, [], 1, list(h), e, k] for x, slope, e, k, *h in np.array(
        [θ, g, ξ, λ, *hyper.values()]).T.tolist()]
    steps = run("""async ({ load }, text, cases) => {
        const { rule } = await load({ rule: text });
        return cases.map((c) => rule.step(...c)[0]);
    }""", r.javascript, cases)
    assert difference(steps, new) < CLOSE


class Recorded:
    """A generator that gives out numbers that are known beforehand."""

    def __init__(self, numbers):
        self.numbers = iter(numbers)

    def standard_normal(self, shape):
        return np.reshape(next(self.numbers), shape)


@pytest.mark.parametrize("name", ["saddle", "worst network", "Himmelblau"])
@pytest.mark.parametrize("update", ESCAPE)
def test_paths_with_noise_and_curvature_agree(run, name, update):
    """Wherever a twin one ulp away agrees: Newton's path from a ridge is decided by the last digit."""
    land, r, steps = GALLERY[name], ESCAPE[update], 60
    noise = np.random.default_rng(5).standard_normal((steps, 2))
    hyper = {"η": 0.01} if "η" in r.defaults else {}
    compared = 0
    for start in points(land, 12, seed=6):
        ours = descend(land, start, r, steps, rng=Recorded(noise), **hyper)
        twin = descend(land, np.nextafter(start, np.inf), r, steps, rng=Recorded(noise), **hyper)
        if np.abs(twin.θ - ours.θ).max() > 1e-11:
            continue
        compared += 1
        theirs = run("""async ({ load, descend }, texts, start, hyper, steps, limit, numbers) => {
            const { land, rule, eigen } = await load(texts);
            return descend(land, { ...rule, initial: [] }, start, hyper, steps, limit,
                { eigen, noise: (t) => numbers[t - 1] });
        }""", {"land": land.javascript, "rule": r.javascript, "eigen": eigen2.javascript}, start.tolist(),
                     [ours.hyper[h.letter] for h in r.hyper], steps, DIVERGED, noise.tolist())
        assert theirs["diverged"] == ours.diverged
        assert np.abs(np.array(theirs["path"]) - ours.θ[: len(theirs["path"])]).max() < 1e-9
    assert compared >= 8


@pytest.mark.parametrize("name", GALLERY)
def test_paths_of_200_steps_agree_wherever_they_are_determined(run, name):
    """A path that moves by more than 1e-11 where its start is one ulp off is determined by nobody.

    A second twin takes every gradient one ulp away, now on this side, now on that. Both are needed: where
    RMSProp has settled in a minimum, it divides the rounding error of the gradient by itself and jumps, and
    the first twin, which has met its sibling there, jumps along.
    """
    land, starts = GALLERY[name], points(GALLERY[name], 6, seed=2)

    def shaken():
        sides = itertools.cycle([np.inf, -np.inf])
        return lambda θ: land.gradient(np.nextafter(θ, next(sides)))

    rate = land.spec()["rate"]
    compared = total = 0
    for r in RULES.values():
        η = rate["value"] if rate and r.stable_below is not None else 0.05
        ours = descend(land, starts, rule=r, steps=200, η=η)
        twins = [descend(land, np.nextafter(starts, np.inf), rule=r, steps=200, η=η),
                 descend(shaken(), starts, rule=r, steps=200, η=η)]
        hyper = [ours.hyper[h.letter] for h in r.hyper]
        theirs = run("""async ({ load, descend }, texts, initial, starts, hyper, limit) => {
            const { land, rule } = await load(texts);
            return starts.map((start) => descend(land, { ...rule, initial }, start, hyper, 200, limit));
        }""", {"land": land.javascript, "rule": r.javascript}, r.initial, starts.tolist(), hyper, DIVERGED)
        for k, found in enumerate(theirs):
            total += 1
            size = 1 + np.abs(ours.θ[:, k])
            apart = [(np.abs(twin.θ[:, k] - ours.θ[:, k]) / size).max() for twin in twins]
            if max(apart) > 1e-11 or any(twin.diverged[k] != ours.diverged[k] for twin in twins):
                continue
            compared += 1
            assert found["diverged"] == ours.diverged[k]
            last = ours.diverged[k] - 1 if ours.diverged[k] else 200
            assert len(found["path"]) == len(found["loss"]) == last + 1
            assert (np.abs(found["path"] - ours.θ[:last + 1, k]) / size[:last + 1]).max() < 1e-9
            loss = ours.loss[:last + 1, k]
            assert (np.abs(found["loss"] - loss) / (1 + np.abs(loss))).max() < 1e-9
    assert compared > 0.4 * total


def test_the_closed_forms_agree(run):
    rng = np.random.default_rng(3)
    H, v, g = rng.normal(0, 3, (1000, 3)), rng.normal(0, 1, (1000, 2)), rng.normal(0, 2, (1000, 2))
    flat = H[:, [0, 1, 1, 2]]
    theirs = run("""async ({ load }, texts, H, flat, v, g) => {
        const { eigen, form, model } = await load(texts);
        return [H.map((h) => eigen(...h)), flat.map((h, k) => form(h, v[k])),
                flat.map((h, k) => model(1.5, g[k], h, v[k]))];
    }""", {"eigen": eigen2.javascript, "form": quadratic_form(2).javascript,
           "model": quadratic_model(2).javascript}, H.tolist(), flat.tolist(), v.tolist(), g.tolist())
    assert difference(theirs[0], eigen2(*H.T)) < CLOSE
    assert difference(theirs[1], quadratic_form(2)(flat, v)) < CLOSE
    assert difference(theirs[2], quadratic_model(2)(1.5, g, flat, v)) < CLOSE
    matrices = flat.reshape(-1, 2, 2)
    assert difference(np.array(theirs[0])[:, :2], np.linalg.eigvalsh(matrices)) < CLOSE
    directions = np.array(theirs[0])[:, 2:]
    assert np.abs(np.linalg.norm(directions, axis=-1) - 1).max() < 1e-15
    residual = np.einsum("nij,nj->ni", matrices, directions) - np.array(theirs[0])[:, :1] * directions
    assert np.abs(residual).max() < 1e-13 * np.abs(H).max() * 10


def test_the_second_order_test_gives_the_same_verdict(run):
    rng = np.random.default_rng(4)
    values = rng.choice([-3.0, -1.0, -1e-5, -1e-9, 0.0, 1e-9, 1e-5, 1.0, 3.0], (400, 2))
    judge = "({ classify }, values, zero) => values.map((v) => classify(v, zero))"
    theirs = run(judge, values.tolist(), ZERO)
    assert [(v["kind"], v["index"]) for v in theirs] == [classify(v) for v in values]


@pytest.mark.parametrize("name", [n for n, r in RULES.items() if r.stable_below is not None])
def test_the_stability_bound_of_a_slider_agrees(run, name):
    r = RULES[name]
    values = [{**r.defaults, "β": β} if "β" in r.defaults else r.defaults for β in (0.0, 0.3, 0.9)]
    theirs = run("async ({ load }, text, values) => values.map((await load({ f: text })).f)",
                 r.stable_javascript, [[v[h.letter] for h in r.hyper] for v in values])
    assert difference(theirs, [r.stable(**v) for v in values]) < CLOSE


def test_divergence_ends_a_path_at_its_last_good_point(run):
    land, r = GALLERY["cubic"], RULES["gradient descent"]
    found = run("""async ({ load, descend }, texts, limit) => {
        const { land, rule } = await load(texts);
        return descend(land, { ...rule, initial: [] }, [-1], [0.5], 200, limit);
    }""", {"land": land.javascript, "rule": r.javascript}, DIVERGED)
    ours = descend(land, [-1.0], rule=r, steps=200, η=0.5)
    assert found["diverged"] == ours.diverged > 0
    assert found["path"][-1] == ours.end.tolist()
    assert np.isfinite(found["loss"]).all()


# What the stage draws with ----------------------------------------------------------------------------------
def test_numbers_are_written_for_reading(run):
    shown = run("({ format }, values) => values.map((v) => format(v))",
                [0, 9.394, -1.2, 0.02, 0.00123, 3.1e-12, -2e7, 1e-8, 12345, 99999.9])
    assert shown == ["0", "9.39", "−1.20", "0.0200", "0.00123", "3.1·10⁻¹²", "−2.0·10⁷", "1.0·10⁻⁸", "12345",
                     "1.0·10⁵"]
    assert run("({ format }) => [NaN, Infinity, -Infinity].map((v) => format(v))") == ["undefined", "∞", "−∞"]
    assert run("({ format }) => format(0.05, 3, true)") == "0.05"
    assert run("({ format }) => [9.96e-9, 9.6e-34].map((v, k) => format(v, 3 - k))") == ["1.0·10⁻⁸", "10⁻³³"]
    assert run("({ coordinates }) => coordinates([1.724, -0.001])") == "(1.72, 0.00)"


@pytest.mark.parametrize("scale", [
    "linear(-2, 5)", "log(1e-4, 3)", "symlog(-1e6, 1e3)", "complement(0, .9999)"])
def test_scales_go_there_and_back(run, scale):
    u = np.linspace(0, 1, 41).tolist()
    back = run(f"(stage, u) => {{ const {{ linear, log, symlog, complement }} = stage, s = {scale}; "
               "return [u.map((x) => s.at(s.value(x))), s.value(0) === s.low, s.value(1) === s.high]; }", u)
    assert np.abs(np.array(back[0]) - u).max() < 1e-9 and back[1:] == [True, True]


def test_contour_lines_lie_on_their_level_and_join(run):
    """x² + y² = 1: every end of a segment lies on the circle; the joined line is closed and 2π long."""
    lines = run("""({ sample, contours, polylines }) => {
        const n = 101, values = sample(([x, y]) => x * x + y * y, [[-1.5, 1.5], [-1.5, 1.5]], n);
        return polylines(contours(values, n, n, 1)).map((line) => line.map((v) => v * 3 / (n - 1) - 1.5));
    }""")
    assert len(lines) == 1
    xy = np.reshape(lines[0], (-1, 2))
    assert np.abs(np.hypot(*xy.T) - 1).max() < 1e-3
    assert np.abs(xy[0] - xy[-1]).max() < 1e-9
    assert np.hypot(*np.diff(xy, axis=0).T).sum() == pytest.approx(2 * np.pi, rel=1e-3)


def test_contours_pass_by_what_is_not_finite(run):
    values = "[NaN, 1, 0, Infinity, 0, 1, 1, 0, 0]"
    assert run(f"({{ contours }}) => contours({values}, 3, 3, 0.5).every(Number.isFinite)")


def test_a_clipped_segment_lies_in_the_box_and_on_its_line(run):
    rng = np.random.default_rng(5)
    segments = rng.normal(50, 10.0 ** rng.uniform(1, 7, (500, 1)), (500, 4))
    clipped = run("({ clip }, segments) => segments.map((s) => clip(...s, 100, 80, 0))", segments.tolist())
    for (x0, y0, x1, y1), part in zip(segments, clipped, strict=True):
        t = np.linspace(0, 1, 20001)
        x, y = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
        inside = (x >= 0) & (x <= 100) & (y >= 0) & (y <= 80)
        assert part is not None or not inside.any()
        if part is not None:
            a, b, c, d = part
            assert min(a, b, c, d) >= -1e-6 and max(a, c) <= 100 + 1e-6 and max(b, d) <= 80 + 1e-6
            line = (a - x0) * (y1 - y0) - (b - y0) * (x1 - x0)
            assert abs(line) <= 1e-9 * (np.hypot(x1 - x0, y1 - y0) ** 2 + 1)


@pytest.mark.parametrize("name", [name for name, land in GALLERY.items() if land.d == 2])
def test_levels_rise_and_share_the_map(run, name):
    land = GALLERY[name]
    levels, index = run("""async ({ load, sample, levels, bandIndex }, text, domain) => {
        const { land } = await load({ land: text });
        const values = sample(land.loss, domain, 121), found = levels(values, 15);
        return [found, bandIndex(values, found)];
    }""", land.javascript, land.domain)
    assert 10 <= len(levels) <= 15 and (np.diff(levels) > 0).all()
    share = np.bincount(np.clip(np.floor(index).astype(int) + 1, 0, len(levels))) / len(index)
    assert share.max() < 0.45 and (share > 0).all()


def test_a_constant_loss_has_no_levels(run):
    assert run("({ levels }) => levels(new Float64Array(400).fill(2))") == []


@pytest.mark.parametrize("width", [120, 232, 335])
def test_labels_never_overlap(run, width):
    rng = np.random.default_rng(width)
    for _ in range(50):
        items = [{"at": rng.uniform(0, width), "width": rng.uniform(5, 90), "rank": int(rng.integers(0, 3))}
                 for _ in range(8)]
        kept = run("({ placeLabels }, items, width) => placeLabels(items, width, 6)", items, width)
        ends = [(k["left"], k["left"] + k["width"]) for k in kept]
        assert ends and all(a[1] + 6 <= b[0] + 1e-9 for a, b in itertools.pairwise(ends))
        assert all(left >= 0 and right <= width + 1e-9 for left, right in ends)
        first = min(items, key=lambda item: item["rank"])["rank"]
        assert any(k["rank"] == first for k in kept)


@pytest.mark.parametrize("curves, kind", [
    ([[9.4, 1.0, 1e-9]], "log"), ([[1.0, 0.0, 0.0]], "log"), ([[0.0, 0.0]], "linear"),
    ([[2.0, -50.0]], "linear"), ([[2.0, -1e12]], "symlog"), ([], "log"),
    ([[1.0, 1e24]], "log"), ([[-3.0]], "linear")])
def test_the_loss_plot_has_a_scale_for_any_loss(run, curves, kind):
    found, ticks, low, high = run("""({ lossScale }, curves) => {
        const { kind, scale, ticks, text } = lossScale(curves);
        return [kind, ticks.map((v) => [scale.at(v), text(v)]), scale.low, scale.high];
    }""", curves)
    assert found == kind and low < high and ticks
    assert all(-1e-9 <= at <= 1 + 1e-9 and "NaN" not in text for at, text in ticks)
