"""The diagnosis: its numbers against exact ones, its cost, what it says of misuse, its text and its figure.

The verdicts on many situations, and their invariance, are tests of the zoo (test_zoo.py).
"""

import math
import tracemalloc

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
import sympy as sp
from matplotlib import pyplot as plt
from zoo import EXPLODING, NOISE, ZOO

from helpers import diagnosis, figures
from helpers.data import digits, one_hot
from helpers.diagnosis import CHAPTERS, DECISIVE, MEANING, VERDICTS, cost, diagnose
from helpers.initialization import initial
from helpers.landscapes import Landscape, landscape, ravine, worst_network
from helpers.linear_networks import LinearNetwork
from helpers.networks import Network
from helpers.optimizers import descend

TURN = np.linalg.qr(np.random.default_rng(5).normal(size=(4, 4)))[0]
BOWL = TURN * [1.0, 2.0, 5.0, 8.0] @ TURN.T
PASS = TURN * [-2.0, 2.0, 5.0, 8.0] @ TURN.T
GUTTER = TURN * [0.0, 2.0, 5.0, 8.0] @ TURN.T
NEAR = 1e-4 * np.array([1.0, -2.0, 1.0, 0.5])


def rng(seed=0):
    return np.random.default_rng(seed)


def quadratic(H, **more):
    """What is known of L = ½θᵀHθ."""
    return {"gradient": lambda θ: H @ θ, "loss": lambda θ: θ @ H @ θ / 2, "rng": rng(), **more}


def value(report, name):
    return report.numbers[name][0]


# Numbers


def test_the_steps_turn_by_rate_times_curvature():
    report = diagnose(TURN[:, 3], **quadratic(BOWL, η=0.11))
    assert value(report, "turn") == pytest.approx(0.88, rel=1e-12)
    assert value(report, "sharpness") == pytest.approx(0.88, rel=1e-8)


@pytest.mark.parametrize("H, lowest", [(BOWL, 1 / 8), (PASS, -2 / 8), (GUTTER, 0)])
@pytest.mark.parametrize("hvp", [False, True])
def test_the_lowest_curvature_and_the_way_are_those_of_the_hessian(H, lowest, hvp):
    θ = NEAR + 0.0
    report = diagnose(θ, **quadratic(H), hvp=(lambda θ, v: H @ v) if hvp else None)
    assert value(report, "lowest") == pytest.approx(lowest, abs=1e-9)
    λ, U = np.linalg.eigh(H)
    step = np.where(np.abs(λ) > 1e-6, U.T @ θ, 0)
    assert value(report, "way") == pytest.approx(np.linalg.norm(step), rel=1e-6)
    assert value(report, "miss") < 1e-6


def test_newtons_step_finds_a_saddle_where_the_line_along_the_gradient_is_straight():
    report = diagnose([1e-3, 1e-3], lambda θ: np.array([-2.0, 2.0]) * θ, rng=rng())  # gᵀHg = 0
    assert value(report, "miss") < 1e-6 and value(report, "way") == pytest.approx(math.sqrt(2) * 1e-3)


def test_eigenvalues_converge_from_products_alone():
    λ = np.concatenate([[-3.0], np.linspace(1, 10, 500), [50.0]])
    report = diagnose(1e-3 * rng(1).normal(size=502), lambda θ: λ * θ, rng=rng())
    assert value(report, "lowest") == pytest.approx(-3 / 50, rel=1e-3)
    assert report.verdict == "strict saddle"


def test_a_tiny_negative_curvature_is_found_beside_a_gradient_that_has_none_of_it():
    λ = np.concatenate([[-0.004], np.linspace(0.2, 1, 49)])
    for seed in range(5):
        report = diagnose(1e-5 * rng(seed).normal(size=50), lambda θ: λ * θ + 0.04 * θ**3, rng=rng(seed))
        assert value(report, "lowest") == pytest.approx(-0.004, rel=1e-3)
        assert value(report, "miss") < 1e-3  # the Krylov space of g is whole, too
        assert report.verdict == "strict saddle"


def test_the_gradient_itself_is_among_the_directions_that_are_searched():
    λ, θ = np.linspace(1, 10, 500), np.zeros(500)
    θ[[3, 200, 490]] = 1e-3
    report = diagnose(θ, lambda θ: λ * θ, rng=rng())
    assert value(report, "way") == pytest.approx(1e-3 * math.sqrt(3), rel=1e-6)


def test_what_newtons_step_leaves_at_a_degenerate_zero_and_on_a_tail():
    cubic = diagnose([1e-3], lambda θ: 3 * θ**2, rng=rng())
    assert value(cubic, "miss") == pytest.approx(1 / 4, rel=1e-4)
    tail = diagnose([6.0], lambda θ: 1 / np.cosh(θ) ** 2, rng=rng())
    assert value(tail, "miss") == pytest.approx(math.exp(-1), rel=1e-3)
    assert tail.verdict == cubic.verdict == "plateau"


def test_a_step_that_no_curvature_ends_is_no_step():
    ramp = diagnose([0.2, 0.1], lambda θ: np.stack([1.0 + 0 * θ[0], θ[1]]), rng=rng())
    assert value(ramp, "way") == math.inf and value(ramp, "miss") > 0.9
    assert ramp.verdict == "undecided"


def test_a_walk_along_negative_curvature_wins_half_its_square():
    θ = NEAR
    λ, U = np.linalg.eigh(PASS)
    c = U.T @ (PASS @ θ)
    won = 4 * abs(c[0]) + 2 * 4**2 / 2  # four times R = 1 along u: the loss of a quadratic, exact
    promised = (c[1:] ** 2 / λ[1:]).sum() / 2
    assert value(diagnose(θ, **quadratic(PASS)), "promise") == pytest.approx(won / promised, rel=1e-6)


def test_noise_is_one_where_the_loss_of_sgd_is_level():
    # θ ← (1 − η)θ + ηξ with ξ ~ (0, s²/B) keeps E θ² = ηs²/B(2 − η)
    η, B, d = 0.3, 3, 400
    rows = rng(2).normal(size=(50, d))
    rows -= rows.mean(axis=0)
    s = rows.var(axis=0, ddof=1)
    θ = np.sqrt(η * s / (B * (2 - η)))
    given = {"gradient": lambda θ: θ, "sample_gradients": lambda θ: θ + rows, "batch": B, "η": η}
    ratios = [value(diagnose(θ, **given, rng=rng(k)), "noise") for k in range(40)]
    assert np.mean(ratios) == pytest.approx(1, abs=3 * np.std(ratios) / math.sqrt(40))
    assert np.std(ratios) < 0.2


def test_noise_that_is_far_too_loud_for_the_slope_means_that_the_run_does_not_feel_it():
    rows = rng(2).normal(size=(50, 4))
    rows -= rows.mean(axis=0)
    run = {"sample_gradients": lambda θ: BOWL @ θ + rows, "η": 0.1}
    assert diagnose(NEAR, **quadratic(BOWL, **run)).verdict == "local minimum"
    λ, U = np.linalg.eigh(BOWL)
    level = U @ np.sqrt(0.1 * (rows @ U).var(axis=0) / (λ * (2 - 0.1 * λ)))
    assert diagnose(level, **quadratic(BOWL, **run)).verdict == "noise ball"


def test_a_batch_of_more_rows_has_less_noise():
    rows = rng(2).normal(size=(50, 4))
    rows -= rows.mean(axis=0)
    given = quadratic(BOWL, sample_gradients=lambda θ: BOWL @ θ + rows, η=0.1)
    one, many = (diagnose(np.ones(4), **given | {"batch": B, "rng": rng()}) for B in (1, 10))
    for name in ("noise", "noise / signal"):
        assert value(one, name) == pytest.approx(10 * value(many, name))


def test_gradients_by_layer_are_slopes_of_a_parameter():
    sizes, factor = [3, 40, 7, 12, 2], 0.25
    ends = np.cumsum([0, *sizes])
    layers = {f"layer {k}": slice(*ends[k : k + 2]) for k in range(5)}
    g = np.concatenate([np.full(size, factor ** (4 - k)) for k, size in enumerate(sizes)])
    report = diagnose(np.zeros(64), lambda θ: g + θ, layers=layers, rng=rng())
    assert value(report, "layers") == pytest.approx(factor**4)
    assert list(report.curves["layer norms"].values()) == pytest.approx(factor ** np.arange(4, -1, -1.0))
    assert report.verdict == "vanishing gradients"
    indices = {name: np.arange(64)[part] for name, part in layers.items()}
    assert value(diagnose(np.zeros(64), lambda θ: g + θ, layers=indices, rng=rng()), "layers") == (
        value(report, "layers")
    )
    back = {name: layers[name] for name in reversed(layers)}
    back = diagnose(np.zeros(64), lambda θ: g + θ, layers=back, rng=rng())
    assert back.verdict == "exploding gradients" and value(back, "layers") == pytest.approx(factor**-4)


def test_the_rows_show_vanishing_where_their_mean_is_at_rest():
    scales = np.repeat([1e-4, 1e-3, 1e-2, 1e-1, 1.0], 3)
    rows = rng(1).choice([-1.0, 1.0], (40, 15)) * scales
    rows -= rows.mean(axis=0)
    layers = {f"layer {k}": slice(3 * k, 3 * k + 3) for k in range(5)}
    given = {"layers": layers, "η": 0.1, "rng": rng()}
    θ = np.zeros(15)
    assert diagnose(θ, lambda θ: θ, **given).verdict == "local minimum"
    report = diagnose(θ, lambda θ: θ, sample_gradients=lambda θ: θ + rows, **given)
    assert report.verdict == "vanishing gradients"


def test_products_show_vanishing_where_the_gradient_is_at_rest():
    x, y = digits()
    net = Network((64, *[20] * 12, 10), "sigmoid", "cross-entropy")
    objective = net.on(x[:60], one_hot(y[:60], 10))
    run = descend(objective, initial(net, (), rng()), steps=400, η=0.5)  # the last biases are learnt, no more
    given = {"η": 0.5, "losses": run.loss[-200:], "rng": rng()}
    assert diagnose(run.end, objective.gradient, **given).verdict == "valley with flat directions"
    ends = np.cumsum([0, *(m * k for m, k in net.shapes)]).tolist()
    layers = {f"layer {k}": slice(*ends[k - 1 : k + 1]) for k in range(1, len(ends))}
    assert diagnose(run.end, objective.gradient, layers=layers, **given).verdict == "vanishing gradients"


def test_losses_fall_rise_and_grow():
    θ, given = np.ones(4), quadratic(BOWL)
    line = diagnose(θ, **given, losses=np.linspace(2, 1, 101))
    assert value(line, "fall") == pytest.approx(0.5, rel=0.03) and value(line, "rises") == 0
    assert line.verdict == "still descending"
    teeth = diagnose(θ, **given, losses=3 + np.resize([0.1, -0.1], 100))
    assert value(teeth, "rises") == pytest.approx(0.5, abs=0.03) and teeth.verdict == "undecided"
    assert abs(value(teeth, "fall")) < 0.02  # of their range, which is 0.2: blocks of six and of seven losses
    growing = diagnose(θ, **given, losses=1.2 ** np.arange(100))
    assert value(growing, "growth") > 100 and growing.verdict == "diverging"
    assert growing.cost["total"] == 0
    quiet = diagnose(θ, **given, losses=np.float32(2) + 1e-7 * rng().normal(size=100).astype(np.float32))
    assert value(quiet, "rises") == 0  # the rounding of float32 is no noise


def test_losses_may_be_no_numbers_and_theta_too_where_they_diverged():
    report = diagnose([np.nan, np.inf], lambda θ: θ, losses=[1.0, 5.0, np.inf, np.nan], rng=rng())
    assert (report.verdict, report.confidence) == ("diverging", "high")


# Verdicts


def test_a_point_and_its_kind():
    verdicts = [diagnose(NEAR, **quadratic(H)).verdict for H in (BOWL, PASS, GUTTER, -BOWL)]
    assert verdicts == ["local minimum", "strict saddle", "valley with flat directions", "strict saddle"]


@pytest.mark.parametrize("ηλ, sharp", [(0.5, False), (1.4, False), (1.7, True), (2.5, True)])
def test_a_minimum_is_sharp_for_a_rate(ηλ, sharp):
    report = diagnose(1e-9 * NEAR, **quadratic(BOWL, η=ηλ / 8))
    assert report.verdict == "local minimum" and report.sharp is sharp
    assert ("barely" in report.try_this) == sharp
    assert diagnose(NEAR, **quadratic(BOWL)).sharp is None


@pytest.mark.parametrize("ηλ, verdict", [(1e-4, "still descending"), (0.5, "still descending"),
                                         (1.99, "bouncing"), (2.01, "bouncing"), (3.0, "diverging")])
def test_a_rate_decides_between_descent_bouncing_and_divergence(ηλ, verdict):
    assert diagnose(TURN[:, 3], **quadratic(BOWL, η=ηλ / 8)).verdict == verdict


def test_every_critical_point_of_a_linear_network():
    x = rng(1).normal(size=(60, 4))
    lin = LinearNetwork(x, x @ np.diag([3.0, 2.0, 1.2, 0.7])[:, :3], hidden=2)
    for S in lin.subsets():
        report = diagnose(lin.point(S, rng(2)), lin.objective.gradient, loss=lin.objective.loss, rng=rng(3))
        assert report.verdict == ("strict saddle" if lin.index(S) else "valley with flat directions"), S


def test_a_run_from_saddle_to_minimum():
    hill = landscape("hill")
    run = descend(hill, [1e-7], steps=60, η=0.1)
    given = {"gradient": hill.gradient, "loss": hill.loss, "η": 0.1, "rng": rng()}
    verdicts = [diagnose(run.θ[t], **given, losses=run.loss[: t + 1].ravel()).verdict for t in (8, 60)]
    assert verdicts == ["strict saddle", "local minimum"]


def test_undecided_names_what_would_decide():
    bare = diagnose([0.7, 0.6], ravine(10).gradient, rng=rng())
    assert bare.verdict == "undecided" and bare.confidence == "low"
    assert "the learning rate η" in bare.missing and "the latest losses" in bare.missing
    assert diagnose([0.7, 0.6], ravine(10).gradient, η=0.199, rng=rng()).verdict == "bouncing"
    restless = diagnose(np.ones(4), **quadratic(BOWL), losses=40 + rng().normal(size=100))
    assert restless.verdict == "undecided" and "the learning rate η" in restless.missing


def test_float32_gradients_do():
    saddle = ravine(10)
    report = diagnose(
        [1e-5, 1e-6], lambda θ: saddle.gradient(θ).astype(np.float32), η=0.05, rng=rng(), loss=saddle.loss
    )
    assert report.verdict == "local minimum" and value(report, "lowest") == pytest.approx(0.1, rel=1e-3)


def test_one_seed_one_report():
    net = Network((2, 6, 1))
    x = rng(1).normal(size=(30, 2))
    objective, θ = net.on(x, np.sin(x[:, 0])), initial(net, (), rng(2))
    one, two, other = (diagnose(θ, objective.gradient, η=0.1, rng=rng(seed)) for seed in (3, 3, 4))
    assert str(one) == str(two)
    assert one.verdict == other.verdict


@pytest.mark.parametrize("c", [1e-6, 1e6])
def test_the_unit_of_the_loss_changes_no_number(c):
    θ, losses = 1e-2 * TURN @ [1.0, 2.0, 3.0, 4.0], np.geomspace(3, 1, 50)
    rows = rng(1).normal(size=(20, 4))
    rows -= rows.mean(axis=0)

    def report(c):
        return diagnose(
            θ, lambda θ: c * PASS @ θ, loss=lambda θ: c * θ @ PASS @ θ / 2, η=0.1 / c, losses=c * losses,
            sample_gradients=lambda θ: c * (PASS @ θ + rows), rng=rng(),
        )

    for name, (number, *_) in report(1.0).numbers.items():
        assert value(report(c), name) == pytest.approx(number, rel=1e-5, abs=1e-7), name


def test_a_minimum_is_sure_where_a_run_shows_its_scale():
    end = TURN @ [3.0, 0, 0, 0]
    given = {"θ": end + 0.01 * TURN[:, 0], "gradient": lambda θ: BOWL @ (θ - end), "rng": rng()}
    bare, seen = diagnose(**given), diagnose(**given, losses=np.geomspace(9, 5e-5, 60))
    assert bare.verdict == "local minimum" == seen.verdict
    assert (bare.confidence, seen.confidence) == ("low", "high")


def test_descent_is_sure_only_with_the_rate_and_without_noise():
    θ, losses = np.ones(4), np.linspace(2, 1, 101)
    rows = 100 * rng(1).normal(size=(60, 4))
    rows -= rows.mean(axis=0)
    sure = diagnose(θ, **quadratic(BOWL, η=0.01), losses=losses)
    blind = diagnose(θ, **quadratic(BOWL), losses=losses)
    noisy = diagnose(θ, **quadratic(BOWL, η=0.01, sample_gradients=lambda θ: BOWL @ θ + rows), losses=losses)
    assert [r.verdict for r in (sure, blind, noisy)] == ["still descending"] * 3
    assert [r.confidence for r in (sure, blind, noisy)] == ["high", "low", "low"]
    assert blind.missing == ["the learning rate η"]


def test_a_descent_beside_a_saddle_is_not_sure():
    # along x the run comes in, slowly; along y, where it has not moved, the loss falls
    gradient = lambda θ: np.array([0.05 * θ[0], θ[1] ** 3 - θ[1]])  # noqa: E731
    run = descend(gradient, [1.0, 1e-9], steps=120, η=0.1)
    losses = 0.025 * run.θ[:, 0] ** 2
    report = diagnose(run.end, gradient, η=0.1, losses=losses, rng=rng())
    assert (report.verdict, report.confidence) == ("still descending", "low")
    assert value(report, "promise") > 10


@pytest.mark.parametrize("losses", [
    np.concatenate([3 + 0.5 * rng(1).normal(size=10), np.linspace(2.5, 1.5, 10)]),
    np.concatenate([np.linspace(3, 2, 10), [2.05], np.linspace(1.9, 1, 9)]),
])
def test_a_few_losses_that_jump_show_no_trend(losses):
    assert diagnose(np.ones(4), **quadratic(BOWL, η=0.01), losses=losses).verdict == "undecided"


def test_a_noise_ball_that_wanders_is_no_descent():
    """Where each loss is close to the last one, a level drifts by chance, and its trend is less sure."""
    η, runs = 0.3, 2000
    θ, draws = np.zeros((400, runs)), rng().normal(size=(400, runs))
    for t in range(1, 400):
        θ[t] = (1 - η) * θ[t - 1] + η * draws[t]
    said = [diagnose(end, lambda θ: θ, η=η, losses=path[200:] ** 2 / 2, rng=rng()).verdict
            for end, path in zip(θ[-1][:, None], θ.T, strict=True)]
    assert said.count("still descending") < runs / 1000
    assert said.count("noise ball") > 0.99 * runs


@pytest.mark.parametrize("lost", ["sample_gradients", "η"])
@pytest.mark.parametrize(
    "s", [s for s in ZOO if s.label == NOISE and "sample_gradients" in s.make()], ids=str
)
def test_few_losses_are_sure_of_noise_only_with_the_rate_and_the_noise_of_a_step(s, lost):
    """A short record goes up and down by chance; a longer one tells, or noise that is measured."""
    given = s.make()
    L = given["losses"]
    assert diagnose(**given | {"losses": L[-31:]}).confidence == "high"
    del given[lost]
    assert all(diagnose(**given | {"losses": L[-n:]}).confidence == "low" for n in (12, 20, 31))
    for n in (32, 64, len(L)):
        report = diagnose(**given | {"losses": L[-n:]})
        assert (report.verdict, report.confidence) == (NOISE, "high")


def test_a_wall_long_ago_does_not_hide_a_descent():
    run = descend(ravine(κ=1000), [1.0, 3.0], steps=100, η=1e-3)
    report = diagnose(run.end, ravine(κ=1000).gradient, η=1e-3, losses=run.loss, rng=rng())
    plain = (run.loss[50] - run.loss[-1]) / np.ptp(run.loss)
    assert value(report, "fall") > 50 * plain


def test_the_error_of_a_trend_knows_that_deviations_last():
    rises, naive, said = [], [], []
    for seed in range(200):
        y, jumps = np.zeros(300), rng(seed).normal(size=300)
        for t in range(1, 300):
            y[t] = 0.8 * y[t - 1] + jumps[t]
        slope, error = diagnosis._line(y[100:])
        rises.append(200 * slope), naive.append(200 * error), said.append(diagnosis._drift(y[100:]))
    assert np.std(rises) == pytest.approx(np.mean(said), rel=0.15)
    assert np.std(rises) > 2.5 * np.mean(naive)


def test_steps_that_overshoot_kinks_are_no_noise():
    x, y = digits()
    net = Network((64, 6, 10), loss="cross-entropy")
    objective = net.on(x[:100], one_hot(y[:100], 10))
    run = descend(objective, initial(net, (), rng(1)), steps=60, η=60.0)  # the loss has facets
    report = diagnose(run.end, objective.gradient, η=60.0, losses=run.loss, rng=rng())
    assert value(report, "sharpness") < 0.1 and value(report, "rises") > 0.3
    assert report.verdict == "bouncing"


def test_a_monkey_saddle_is_not_surely_strict():
    monkey = lambda θ: np.array([3 * θ[0] ** 2 - 3 * θ[1] ** 2, -6 * θ[0] * θ[1]])  # noqa: E731
    run = descend(monkey, [1.0, 0.0], steps=800, η=0.05)
    assert diagnose(run.end, monkey, η=0.05, rng=rng()).confidence == "low"


def test_a_plain_that_nobody_crosses_is_not_sure():
    tail = {"gradient": landscape("tanh").gradient, "θ": np.array([4.5])}
    assert diagnose(**tail, rng=rng()).verdict == "plateau"
    assert diagnose(**tail, rng=rng()).confidence == "low"
    assert diagnose(**tail, η=0.1, rng=rng()).confidence == "high"


@pytest.mark.parametrize("jump, verdict, confidence", [
    (0, "plateau", "high"), (1e-4, "plateau", "low"), (5e-3, "undecided", "low"),
])
def test_on_a_plain_the_loss_falls_if_slowly(jump, verdict, confidence):
    """Where it goes up now and then a plain is not sure; where the jumps hide its fall, nothing is."""
    tanh = landscape("tanh")
    run = descend(tanh, [4.0], steps=300, η=0.1)
    losses = run.loss.copy()
    losses[5::10] += jump
    report = diagnose(run.end, tanh.gradient, η=0.1, losses=losses, rng=rng())
    assert (report.verdict, report.confidence) == (verdict, confidence)


@pytest.mark.parametrize("far", [6, 8, 12, 16])
@pytest.mark.parametrize("n", [0, 6])
def test_a_pace_is_measured_beside_what_lies_around(far, n):
    """Steps that win next to nothing of a well are no descent, though the curvature here knows of no more."""
    x, y = sp.symbols("x y", real=True)
    well = Landscape("well", -1 / (1 + x**2 + y**2) ** 2, [x, y], [(-5, 5)] * 2)
    run = descend(well, [far, 0.3], steps=200, η=0.3)
    report = diagnose(run.end, well.gradient, η=0.3, losses=run.loss[-n:] if n else None, rng=rng())
    assert run.loss[-1] - descend(well, run.end, steps=100, η=0.3).loss[-1] < 0.001
    assert (report.verdict, report.confidence) == ("plateau", "low")


# Scales: what may not matter, and what is said where it cannot be known


@pytest.mark.parametrize("c", [-10, 10])
@pytest.mark.parametrize("s", ZOO, ids=str)
def test_a_constant_added_to_the_loss_does_not_matter(s, c):
    given = s.make()
    moved = dict(given)
    if "loss" in given:
        moved["loss"] = lambda θ: given["loss"](θ) + c
    if "losses" in given:
        moved["losses"] = np.asarray(given["losses"]) + c
    report = diagnose(**moved)
    assert report.verdict == s.label
    assert report.confidence == diagnose(**s.make()).confidence


def in_units(given, c):
    """The same run with parameters cθ."""
    found = given | {"θ": c * given["θ"], "gradient": lambda θ: given["gradient"](θ / c) / c}
    if "loss" in given:
        found["loss"] = lambda θ: given["loss"](θ / c)
    if "sample_gradients" in given:
        found["sample_gradients"] = lambda θ: given["sample_gradients"](θ / c) / c
    if "hvp" in given:
        found["hvp"] = lambda θ, v: given["hvp"](θ / c, v) / c**2
    if "η" in given:
        found["η"] = given["η"] * c**2
    return found


@pytest.mark.parametrize("c", [0.01, 100])
@pytest.mark.parametrize("s", ZOO, ids=str)
def test_the_unit_of_the_parameters_is_a_guess_only_where_confidence_is_low(s, c):
    report = diagnose(**in_units(s.make(), c))
    assert report.verdict == s.label or report.confidence == "low"
    if c > 1:
        assert report.verdict == s.label


@pytest.mark.parametrize("n", [10, 20, 40])
@pytest.mark.parametrize("s", [s for s in ZOO if "losses" in s.make()], ids=str)
def test_few_losses_are_not_believed_too_much(s, n):
    given = s.make()
    report = diagnose(**given | {"losses": given["losses"][-n:]})
    assert report.verdict == s.label or report.confidence == "low"


@pytest.mark.parametrize("s", [s for s in ZOO if s.label == NOISE], ids=str)
def test_what_noise_does_by_chance_is_no_descent(s):
    given = s.make()
    L, said = given["losses"], []
    for n in (10, 20, 32, 64):
        for end in range(len(L), n, -(len(L) - n) // 8 or -1):
            said.append(diagnose(**given | {"losses": L[end - n : end], "rng": rng()}))
    assert not any(r.verdict == "still descending" and r.confidence == "high" for r in said)
    assert np.mean([r.verdict == NOISE for r in said]) > 0.6


def test_a_run_that_leaves_a_saddle_descends_whatever_the_level():
    saddle = landscape("saddle")
    run = descend(saddle, [1.7, 1e-4], steps=80, η=0.1)
    for c in (-100, 0, 100):
        report = diagnose(run.end, saddle.gradient, η=0.1, losses=run.loss[-60:] + c, rng=rng())
        assert (report.verdict, report.confidence) == ("still descending", "high")


def test_a_well_far_away_leaves_a_plain_where_losses_creep():
    x, y = sp.symbols("x y", real=True)
    well = Landscape("well", -sp.exp(-(x**2 + y**2) / 2), [x, y], [(-5, 5)] * 2)
    for far in (3.8, 4.0, 4.25, 4.5, 5.0, 6.0, 8.0):
        run = descend(well, [far, 0.3], steps=200, η=0.1)
        for n in (20, 200):
            report = diagnose(run.end, well.gradient, η=0.1, losses=run.loss[-n:], rng=rng())
            assert report.verdict == "plateau" or (report.verdict, report.confidence) == (
                "still descending", "low"
            )
            assert report.verdict == "plateau" or far < 4.5


def test_the_losses_tell_the_length_of_a_small_run():
    valley = next(s for s in ZOO if s.name == "along the valley of rosenbrock")
    report = diagnose(**in_units(valley.make(), 0.01))
    assert (report.verdict, report.confidence) == ("still descending", "high")
    assert value(report, "way") > 0.05


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1e4])
def test_flat_directions_are_flat_in_every_unit(c):
    run = descend(lambda θ: (θ @ θ - 1) * θ, 0.1 * rng(46).normal(size=100), steps=100, η=0.3)
    sphere = {"θ": run.end, "gradient": lambda θ: (θ @ θ - 1) * θ, "rng": rng()}
    assert diagnose(**in_units(sphere, c)).verdict == "valley with flat directions"


def test_a_parabola_has_no_length_of_its_own():
    for H, verdict in ((BOWL, "local minimum"), (PASS, "strict saddle")):
        bare = diagnose(NEAR, **quadratic(H))
        assert (bare.verdict, bare.confidence) == (verdict, "low")  # NEAR is near beside 1 only
        start = NEAR + TURN[:, 3]
        run = descend(lambda θ, H=H: H @ θ, start, steps=60, η=0.1)
        losses = ((run.θ @ H) * run.θ).sum(axis=-1) / 2
        at = 60 if H is BOWL else 6
        seen = diagnose(run.θ[at], **quadratic(H), η=0.1, losses=losses[: at + 1])
        assert seen.verdict == verdict
        assert seen.confidence == "high" or at < 8  # eight losses show how far the run has come


def test_a_landscape_that_bends_shows_its_length():
    hill = {"gradient": landscape("hill").gradient, "θ": np.array([1e-6])}
    assert diagnose(**hill, rng=rng()).confidence == "high"
    for c in (0.01, 100):  # bends at R/100, or at 100R
        report = diagnose(**in_units(hill, c), rng=rng())
        assert report.confidence == "low"


def test_the_way_of_a_run_is_told_by_its_losses():
    run = descend(ravine(κ=5), [1.0, 1.0], steps=300, η=0.01)
    way = np.linalg.norm(np.diff(run.θ, axis=0), axis=1).sum()
    assert diagnosis._travelled(run.loss, 0.01) == pytest.approx(way, rel=0.03)
    assert diagnosis._travelled(np.resize([1.0, 2.0], 50), 0.1) == 0


def test_a_minimum_is_not_sure_where_curvature_changes_on_the_way():
    run = descend(worst_network(), [1e-3, -5e-4], steps=60, η=0.1)  # to the valley w₁w₂ = 1, not yet there
    report = diagnose(run.end, worst_network().gradient, η=0.1, losses=run.loss, rng=rng())
    assert value(report, "lowest") > 2e-4 and report.confidence == "low"


# Cost


@pytest.mark.parametrize("extras", range(16))
@pytest.mark.parametrize("budget", [60, 100, 141])
def test_the_cost_is_stated_beforehand(extras, budget):
    calls = dict.fromkeys(("gradient", "loss", "hvp", "sample_gradients"), 0)

    def counted(name, function):
        def call(*arguments):
            calls[name] += 1
            return function(*arguments)

        return call

    λ = np.concatenate([[-1e-4], np.geomspace(0.01, 10, 199)])
    rows = rng(1).normal(size=(12, 200))
    rows -= rows.mean(axis=0)
    optional = {
        "loss": counted("loss", lambda θ: λ @ θ**2 / 2 + (θ**4).sum()),
        "hvp": counted("hvp", lambda θ, v: (λ + 12 * θ**2) * v),
        "sample_gradients": counted("sample_gradients", lambda θ: λ * θ + 4 * θ**3 + rows),
        "η": 0.05,
    }
    given = {name: part for k, (name, part) in enumerate(optional.items()) if extras >> k & 1}
    report = diagnose(0.1 * rng(2).normal(size=200), counted("gradient", lambda θ: λ * θ + 4 * θ**3),
                      **given, budget=budget, rng=rng())
    stated = cost(budget, **dict.fromkeys(given, True))
    assert {name: report.cost[name] for name in calls} == calls
    assert all(report.cost[name] <= stated[name] for name in stated)
    spent = calls["gradient"] + 2 * calls["hvp"] + calls["sample_gradients"]
    assert report.cost["total"] == spent <= stated["total"] <= budget


def test_memory_is_linear_in_the_parameters():
    peaks = []
    for d in (20_000, 40_000):
        λ = np.linspace(-0.1, 1, d)
        tracemalloc.start()
        diagnose(np.full(d, 0.01), lambda θ, λ=λ: λ * θ, η=0.1, rng=rng())
        peaks.append(tracemalloc.get_traced_memory()[1] / (8 * d))
        tracemalloc.stop()
    assert max(peaks) < 95
    assert peaks[1] == pytest.approx(peaks[0], rel=0.05)


def test_a_network_of_a_hundred_thousand_parameters_without_signal():
    x, y = digits()
    some = np.concatenate([np.flatnonzero(y == k)[:3] for k in range(10)])  # as many of each: 0 is critical
    net = Network((64, 1333, 10), loss="cross-entropy")
    objective = net.on(x[some], one_hot(y[some], 10))
    assert 99_000 < net.d < 101_000
    report = diagnose(np.zeros(net.d), objective.gradient, loss=objective.loss, rng=rng())
    assert report.verdict == "strict saddle" and report.cost["total"] <= 100


# Misuse


def noisy(θ, draw=np.random.default_rng(1)):  # noqa: B008
    return θ * (1 + 0.1 * draw.normal())


GOOD = {"θ": np.ones(3), "gradient": lambda θ: 2 * θ}
ROWS = rng(1).normal(size=(20, 3))
MISUSE = {
    "no gradient": ({"gradient": None}, TypeError, "needs gradient"),
    "no function": ({"gradient": np.ones(3)}, TypeError, "gradient must be a function"),
    "nothing returned": ({"gradient": lambda θ: None}, TypeError, "gradient.* it is nothing"),
    "gradient too short": ({"gradient": lambda θ: θ[:2]}, ValueError, r"shape \(3,\) of θ, not \(2,\)"),
    "NaN gradient": ({"gradient": lambda θ: θ * np.nan}, ValueError, "gradient.* contains NaN"),
    "random gradient": ({"gradient": noisy}, ValueError, "function of θ alone"),
    "θ of many runs": ({"θ": np.ones((2, 3))}, ValueError, r"shape \(d,\).* not \(2, 3\)"),
    "θ empty": ({"θ": []}, ValueError, r"not \(0,\)"),
    "θ words": ({"θ": ["a", "b"]}, TypeError, "θ must be real numbers"),
    "θ NaN": ({"θ": [1.0, np.nan, 0.0]}, ValueError, "θ must be finite"),
    "another loss": ({"loss": lambda θ: 2 * θ @ θ}, ValueError, "does not match loss"),
    "loss of another sign": ({"loss": lambda θ: -θ @ θ}, ValueError, "does not match loss"),
    "weight decay left out": ({"loss": lambda θ: θ @ θ + 0.3 * (θ**2).sum()}, ValueError, "not match loss"),
    "loss of many samples": ({"loss": lambda θ: θ**2}, ValueError, "loss.* one number"),
    "NaN loss": ({"loss": lambda θ: np.nan}, ValueError, "loss.* finite"),
    "loss no function": ({"loss": 3.0}, TypeError, "loss must be a function"),
    "complex gradient": ({"gradient": lambda θ: θ + 0j}, TypeError, "gradient.* real numbers"),
    "gradients of parts": ({"gradient": lambda θ: (θ[:1], θ[1:])}, TypeError, "gradient.* it is tuple"),
    "times 1.05": ({"gradient": lambda θ: 2.1 * θ, "loss": lambda θ: θ @ θ}, ValueError, "not match loss"),
    "loss of words": ({"loss": lambda θ: "low"}, TypeError, "loss.* it is str"),
    "hvp of another sign": ({"hvp": lambda θ, v: -2 * v}, ValueError, "hvp does not match gradient"),
    "rows of words": ({"sample_gradients": lambda θ: [["a"]]}, TypeError, "sample_gradients.* it is list"),
    "losses with a gap": ({"losses": [2.0, None, 1.0]}, TypeError, "losses must be real numbers"),
    "another hvp": ({"hvp": lambda θ, v: 3 * v}, ValueError, "hvp does not match gradient"),
    "hvp of another shape": ({"hvp": lambda θ, v: v[:2]}, ValueError, "hvp.* shape"),
    "hvp of θ alone": ({"hvp": lambda θ, v: θ}, ValueError, "hvp does not match gradient"),
    "one row": ({"sample_gradients": lambda θ: 2 * θ[None]}, ValueError, "sample_gradients.* n at least 2"),
    "rows of another shape": ({"sample_gradients": lambda θ: ROWS.T}, ValueError, r"shape \(n, 3\)"),
    "NaN rows": ({"sample_gradients": lambda θ: ROWS * np.nan}, ValueError, "sample_gradients.* finite"),
    "rows of another loss": ({"sample_gradients": lambda θ: ROWS - 9}, ValueError, "standard errors"),
    "batch 0": ({"batch": 0}, ValueError, "batch must lie between 1"),
    "η 0": ({"η": 0.0}, ValueError, "η must be finite and more than 0"),
    "η words": ({"η": "small"}, TypeError, "η must be a number"),
    "losses of many runs": ({"losses": np.ones((5, 2))}, ValueError, r"losses must have shape \(n,\)"),
    "no losses": ({"losses": []}, ValueError, "losses must have shape"),
    "losses words": ({"losses": ["low"]}, TypeError, "losses must be real numbers"),
    "layers no dict": ({"layers": [slice(0, 2)]}, TypeError, "layers must be a dict"),
    "layers beyond θ": ({"layers": {"first": [0, 7]}}, ValueError, "'first'.* below 3"),
    "layers empty": ({"layers": {"first": slice(0, 0)}}, ValueError, "'first'.* empty"),
    "rng a seed": ({"rng": 0}, TypeError, "numpy.random.Generator"),
    "budget too small": ({"budget": 10}, ValueError, "budget must lie between 60"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_named_in_one_sentence(name):
    wrong, kind, words = MISUSE[name]
    with pytest.raises(kind, match=words) as caught:
        diagnose(**{"rng": rng(), **GOOD, **wrong})
    message = str(caught.value)
    assert "\n" not in message and ". " not in message and len(message) < 200


@pytest.mark.parametrize("part", [slice(0, 1950), slice(1950, 2260), slice(500, 501)])
def test_a_gradient_that_leaves_something_out_is_named(part):
    x, y = digits()
    objective = Network((64, 30, 10), loss="cross-entropy").on(x[:200], one_hot(y[:200], 10))

    def partial(θ):
        g = objective.gradient(θ)
        g[part] = 0
        return g

    θ = initial(objective.net, (), rng())
    diagnose(θ, objective.gradient, loss=objective.loss, rng=rng())
    with pytest.raises(ValueError, match="gradient does not match loss"):
        diagnose(θ, partial, loss=objective.loss, rng=rng())


@pytest.mark.parametrize("c", [1e-4, 1, 1e4])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_gradients_that_change_at_once_are_not_accused(c, kind):
    chaos = [s for s in ZOO if s.label == EXPLODING]
    assert len(chaos) == 3
    for s in chaos:
        given = in_units(s.make(), c)
        for name in {"gradient", "hvp"} & set(given):
            given[name] = lambda *at, f=given[name]: f(*at).astype(kind)
        assert diagnose(**given).verdict == EXPLODING


def test_a_run_that_has_recovered_from_nan_does_not_diverge():
    losses = np.concatenate([[3.0, np.inf, np.nan], np.linspace(2, 1, 60)])
    assert diagnose(np.ones(4), **quadratic(BOWL, η=0.01), losses=losses).verdict == "still descending"
    assert diagnose(np.ones(4), **quadratic(BOWL, η=0.01), losses=losses[:3]).verdict == "diverging"


def test_a_right_gradient_is_not_accused():
    for θ in (np.zeros(3), np.full(3, 1e-9), np.full(3, 50.0)):
        diagnose(θ, lambda θ: np.sinh(θ), loss=lambda θ: np.cosh(θ).sum(), hvp=lambda θ, v: np.cosh(θ) * v,
                 rng=rng())
    bare = rng(4)
    diagnose(np.zeros(3), lambda θ: θ + 1e-17 * bare.normal(size=3), rng=rng())  # random in the rounding only


def test_what_the_reader_gave_is_left_alone():
    θ, losses = np.ones(3), np.linspace(2, 1, 20)
    given = {"hvp": lambda θ, v: np.multiply(v, 2, out=v), "loss": lambda θ: np.square(θ, out=θ).sum()}
    diagnose(θ, lambda θ: np.multiply(θ, 2, out=θ), losses=losses, η=0.1, rng=rng(), **given)
    assert (θ == 1).all() and (losses == np.linspace(2, 1, 20)).all()


# The report


def test_every_verdict_has_a_chapter_and_an_advice():
    assert set(VERDICTS) == set(DECISIVE)
    for chapter, advice in VERDICTS.values():
        assert chapter in CHAPTERS and advice.endswith(".")
    assert all(name in MEANING for names in DECISIVE.values() for name in names)


def test_the_table_of_criteria_has_every_number():
    rows = {line.split()[0] for line in diagnosis.__doc__.splitlines() if line.startswith("    ")}
    assert rows >= {name for name in MEANING if " " not in name}


def test_the_report_as_text():
    report = diagnose(NEAR, **quadratic(PASS))
    lines = str(report).splitlines()
    assert lines[0] == "strict saddle (low confidence)"
    assert lines[-2:] == ["Read: chapter 3, Escaping saddles.",
                          f"Cost: {report.cost['total']} gradient evaluations."]
    marked = [line.split()[1] for line in lines if line.startswith(">")]
    assert marked == report.decisive == ["lowest", "promise"]
    listed = [line[2:].split()[0] for line in lines if line[:2] in ("> ", "  ") and line[2:3].strip()]
    assert listed == [*marked, *(name for name in report.numbers if name not in marked)]
    row = next(line for line in lines if line.startswith("> lowest"))
    assert row.split()[2:] == ["-0.25", "-0.001"]
    after = lines[lines.index(row) + 1]
    assert after == "    lowest curvature / largest; below: saddle; above 0.0002: minimum;"
    assert lines[lines.index(row) + 2] == "    between: flat"
    assert "sharp for this rate" in str(diagnose(1e-9 * NEAR, **quadratic(BOWL, η=0.24)))
    assert "Would decide: the learning rate η." in str(diagnose([0.7, 0.6], ravine(10).gradient, rng=rng()))


def test_numbers_in_sentences_are_short():
    assert [diagnosis._about(v) for v in (993.9, 0.0264, 2.94e9, 1.0)] == ["990", "0.026", "2.9e+09", "1"]


@pytest.mark.parametrize("s", ZOO, ids=str)
def test_the_text_fits_a_page(s):
    report = diagnose(**s.make())
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 78
    assert all(len(line) <= 38 for line in lines if line[:2] in ("> ", "  ") and line[2:3].strip())


@pytest.mark.parametrize("given, x", [
    (quadratic(PASS), "curvatures found, in order"),
    (quadratic(PASS, losses=np.linspace(2, 1, 20)), "the latest losses"),
    (quadratic(PASS, losses=[1.0, np.inf]), "the latest losses"),
])
def test_the_report_as_a_figure(given, x):
    report = diagnose(NEAR, **given)
    fig, axes = figures.subplots("wide", 1, 2)
    line, dots = figures.diagnosis(axes, report)
    assert axes[0].get_xlabel() == x and axes[0].get_title("left").startswith(report.verdict)
    assert len(dots) == len(report.numbers)
    if dots:
        at = dict(zip(list(report.numbers)[::-1], (dot.get_xdata()[0] for dot in dots), strict=True))
        assert at["lowest"] == pytest.approx(math.log10(250), abs=1e-6)  # −¼ against −0.001
        assert at["promise"] == 3 and at["miss"] == -3  # beyond the ends
        words = [text.get_text() for text in axes[1].texts]
        assert "−0.25" in words and len(words) == len(dots)
    if "losses" in given:
        assert line.get_ydata()[0] == given["losses"][0]
    else:
        np.testing.assert_allclose(line.get_ydata(), [-2, 2, 5, 8], rtol=1e-6)
    plt.close(fig)
