"""Update rules against textbook loops and textbook results, and the one loop that runs them."""

import json

import numpy as np
import pytest
import sympy as sp

from helpers.landscapes import landscape, ravine
from helpers.optimizers import (
    DIVERGED,
    RULES,
    UpdateRule,
    adam,
    descend,
    eigenbasis,
    g,
    gradient_descent,
    m,
    momentum,
    nesterov,
    rule,
    η,
    θ,
    λ,
    λi,
    ξ,
)
from helpers.saddles import ESCAPE, negative_curvature, newton, perturbed, saddle_free

SQRT = np.sqrt


def textbook(name, gradient, start, steps, η, β=0.9, β1=0.9, β2=0.999, ρ=0.9, ε=1e-8, λ=0.01):
    """The rules as plain loops, written from the papers rather than from the book's definitions."""
    w = np.array(start, dtype=float)
    v, second, largest, path = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w), [w]
    for k in range(1, steps + 1):
        d = gradient(w - η * β * v) if name == "nesterov" else gradient(w)
        if name == "gradient descent":
            w = w - η * d
        elif name in ("momentum", "nesterov"):
            v = β * v + d
            w = w - η * v
        elif name.startswith("adagrad"):
            second = second + d**2
            w = w - η * d / (SQRT(second / k if name.endswith("mean") else second) + ε)
        elif name == "rmsprop":
            second = ρ * second + (1 - ρ) * d**2
            w = w - η * d / (SQRT(second) + ε)
        else:
            v, second = β1 * v + (1 - β1) * d, β2 * second + (1 - β2) * d**2
            largest = np.maximum(largest, second)
            decay = η * λ * w if name == "adamw" else 0
            under = (largest if name == "amsgrad" else second) / (1 - β2**k)
            w = w - η * (v / (1 - β1**k)) / (SQRT(under) + ε) - decay
        path.append(w)
    return np.array(path)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_against_a_textbook_loop(name):
    land = landscape("worst network")
    starts = np.random.default_rng(0).uniform(-1.2, 1.2, (50, 2))
    run = descend(land, starts, name, steps=200, η=0.02)
    assert not run.diverged.any()
    np.testing.assert_allclose(run.θ, textbook(name, land.gradient, starts, 200, η=0.02), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("gradient descent", 1 - 0.1 * 2, 0.8 - 0.1 * 1.6),
        ("momentum", 0.8, 0.8 - 0.1 * (0.5 * 2 + 1.6)),
        ("nesterov", 0.8, 0.8 - 0.1 * (0.5 * 2 + 2 * (0.8 - 0.1 * 0.5 * 2))),
        ("adagrad", 0.9, 0.9 - 0.1 * 1.8 / np.sqrt(4 + 1.8**2)),
        ("adagrad mean", 0.9, 0.9 - 0.1 * 1.8 / np.sqrt((4 + 1.8**2) / 2)),
        ("adam", 0.9, None),
        ("adamw", 0.9 - 0.1 * 0.01, None),
        ("amsgrad", 0.9, None),
        ("rmsprop", 1 - 0.1 * 2 / np.sqrt(0.1 * 4), None),
    ],
)
def test_first_steps_by_hand(name, first, second):
    hyper = {"β": 0.5} if "β" in RULES[name].defaults else {}
    θ = descend(lambda w: 2 * w, [1.0], name, steps=2, η=0.1, **hyper).θ[:, 0]
    assert θ[1] == pytest.approx(first, rel=1e-7)
    if second is not None:
        assert θ[2] == pytest.approx(second, rel=1e-7)


def rate(run, skip, target=0.0):
    """Contraction a step, by regression of ln‖θ‖ on the step after `skip` steps."""
    distance = np.linalg.norm(run.θ - target, axis=-1)
    t = np.flatnonzero(distance > 1e-280)
    t = t[t >= skip]
    return np.exp(np.polyfit(t, np.log(distance[t]), 1)[0])


@pytest.mark.parametrize("κ", [4, 25, 100])
def test_gradient_descent_contracts_by_kappa_minus_one_over_kappa_plus_one(κ):
    run = descend(ravine(κ), [1.0, 1.0], steps=400, η=2 / (1 + κ))
    assert rate(run, 50) == pytest.approx((κ - 1) / (κ + 1), rel=1e-6)


@pytest.mark.parametrize("κ", [4, 25, 100])
def test_momentum_replaces_kappa_by_its_square_root(κ):
    root = np.sqrt(κ)
    best = (root - 1) / (root + 1)
    run = descend(ravine(κ), [1.0, 1.0], momentum, steps=1000, η=(2 / (1 + root)) ** 2, β=best**2)
    # a double eigenvalue: distance ∝ t·rateᵗ, so the slope of the logarithm exceeds ln(rate) by about 1/t
    assert rate(run, 300) == pytest.approx(best, rel=0.01)
    assert best < (κ - 1) / (κ + 1)


@pytest.mark.parametrize("name", ["gradient descent", "momentum", "nesterov"])
@pytest.mark.parametrize("β", [0.0, 0.5, 0.9])
def test_stability_bound_is_sharp(name, β):
    hyper = {"β": β} if name != "gradient descent" else {}
    bound = RULES[name].stable(**hyper)
    λ = 3.0
    for share, converges in ((0.99, True), (1.01, False)):
        run = descend(lambda w: λ * w, [1.0], name, steps=6000, η=share * bound / λ, **hyper)
        assert (run.diverged == 0) == converges
        assert not converges or abs(run.end[0]) < 1e-6


def test_the_stability_bound_of_a_rule_without_one_is_an_error():
    assert adam.stable_javascript is None
    with pytest.raises(ValueError, match="no bound is known for 'adam'"):
        adam.stable()


def test_the_two_conventions_of_momentum_are_one_path():
    """v ← βv + g, θ ← θ − ηv and m ← βm − ηg, θ ← θ + m agree while η is constant."""
    land, w, m = landscape("Himmelblau"), np.array([0.0, -4.5]), np.zeros(2)
    run = descend(land, w, momentum, steps=100, η=0.002, β=0.9)
    for k in range(100):
        m = 0.9 * m - 0.002 * land.gradient(w)
        w = w + m
        np.testing.assert_allclose(run.θ[k + 1], w, rtol=1e-9)


def test_adam_ignores_the_scale_of_the_loss():
    runs = [
        descend(lambda w, c=c: c * 2 * w, [1.0, -2.0], adam, steps=50, η=0.05, ε=1e-10).θ for c in (1.0, 1e4)
    ]
    np.testing.assert_allclose(*runs, atol=1e-8)


def test_many_starts_are_one_start_many_times():
    starts = np.random.default_rng(1).uniform(-1, 1, (3, 4, 2))
    for name in RULES:
        together = descend(landscape("Rosenbrock"), starts, name, steps=30, η=1e-3)
        alone = descend(landscape("Rosenbrock"), starts[2, 1], name, steps=30, η=1e-3)
        assert (
            together.θ.shape == (31, 3, 4, 2)
            and together.loss.shape == (31, 3, 4)
            and together.diverged.shape == (3, 4)
        )
        np.testing.assert_allclose(together.θ[:, 2, 1], alone.θ, rtol=1e-12)


def test_an_exact_critical_point_holds_every_rule_without_decay():
    for name in RULES:
        run = descend("worst network", [0.0, 0.0], name, steps=20, η=0.1)
        assert (run.θ == 0).all()


@pytest.mark.parametrize("name", RULES)
def test_divergence_is_a_step_number_and_never_a_nan(name):
    run = descend(landscape("cubic"), [[-1.0], [0.5]], name, steps=4000, η=0.9)
    assert np.isfinite(run.θ).all() and np.isfinite(run.loss).all()
    assert (np.abs(run.θ) <= DIVERGED).all()
    for k, path in zip(run.diverged, run.θ[..., 0].T, strict=True):
        if k:
            assert (path[k:] == path[k - 1]).all()
            assert path[k - 2] != path[k - 1]


def test_when_gradient_descent_diverges():
    run = descend(
        ravine(25), [[1.0, 1.0], [1.0, 0.0]], steps=400, η=0.1
    )  # the second start has nothing along the steep axis
    k = int(np.ceil(np.log(1e6) / np.log(1.5)))  # |1 − 0.1·25| = 1.5 a step, until a million
    assert run.diverged.tolist() == [k, 0]
    assert "diverged at step" in repr(descend(ravine(25), [1.0, 1.0], steps=400, η=0.1))
    assert "2 starts, 1 diverged" in repr(run)


def test_divergence_at_the_first_step():
    run = descend(ravine(25), [1.0, 1.0], steps=3, η=1e9)
    assert run.diverged == 1
    assert (run.θ == 1).all()


def test_a_gradient_that_is_not_finite_counts_as_divergence():
    run = descend(lambda w: np.where(w < 0.5, np.nan, 1.0), [1.0], steps=20, η=0.1)
    assert run.diverged == 7
    assert run.end[0] == pytest.approx(0.4)


def test_zero_steps():
    run = descend("saddle", [1.0, 2.0], steps=0)
    assert run.θ.tolist() == [[1.0, 2.0]] and run.diverged == 0 and run.loss is not None


def test_the_caller_keeps_the_start():
    start = np.array([1.0, 2.0])
    run = descend("saddle", start, steps=5)
    assert start.tolist() == [1, 2]
    run.θ[0] = 0
    assert start.tolist() == [1, 2]


@pytest.mark.parametrize(
    "settings, error, words",
    [
        ({"start": [1.0]}, ValueError, "start must have 2 coordinates"),
        ({"start": [1, 2, 3]}, ValueError, "start must have 2"),
        ({"start": [np.nan, 1]}, ValueError, "start must be finite"),
        ({"start": [np.inf, 1]}, ValueError, "start must be finite"),
        ({"start": ["a", 1]}, TypeError, "start must be numbers"),
        ({"start": None}, (TypeError, ValueError), "start must"),
        ({"rule": "sgdd"}, ValueError, "unknown rule 'sgdd'; the accepted ones are 'gradient descent'"),
        ({"rule": 3}, ValueError, "unknown rule"),
        ({"steps": -1}, ValueError, "steps must lie between 0"),
        ({"steps": 1.5}, TypeError, "steps must be a whole number"),
        ({"steps": True}, TypeError, "whole number"),
        ({"η": -0.1}, ValueError, "learning rate η must be finite and more than 0"),
        ({"η": 0}, ValueError, "more than 0"),
        ({"η": np.nan}, ValueError, "more than 0"),
        ({"η": np.inf}, ValueError, "finite"),
        ({"η": "fast"}, TypeError, "number"),
        (
            {"rule": "momentum", "β": 1.0},
            ValueError,
            "momentum β must be finite and at least 0 and less than 1",
        ),
        ({"rule": "momentum", "β": -0.1}, ValueError, "at least 0"),
        ({"β": 0.9}, TypeError, "no hyper-parameter 'β'; it takes η"),
        ({"target": "rosenbrok"}, ValueError, "unknown landscape"),
        ({"target": 3}, TypeError, "target must be a Landscape"),
        ({"target": lambda w: w[:1]}, ValueError, "must have the same shape"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(settings, error, words):
    call = {"target": "saddle", "start": [1.0, 2.0]} | settings
    with pytest.raises(error, match=words):
        descend(call.pop("target"), call.pop("start"), **call)


@pytest.mark.parametrize("name", RULES)
def test_spec_is_json(name):
    spec = json.loads(json.dumps(rule(name).spec(), allow_nan=False))
    assert spec["name"] == name and spec["javascript"].startswith("({at: ")
    assert [h["letter"] for h in spec["hyper"]] == list(rule(name).defaults)
    assert len(spec["initial"]) == len(rule(name).states)


def test_printed_updates():
    assert gradient_descent.latex == r"\begin{aligned} \theta &\leftarrow \theta - \eta g \end{aligned}"
    assert r"v &\leftarrow \beta v + g \\ \theta &\leftarrow \theta - \eta v" in momentum.latex
    assert r"g &= \nabla L(\theta - \eta \beta v)" in nesterov.latex
    assert r"\frac{\eta \hat{m}}{\sqrt{\hat{s}} + \varepsilon}" in adam.latex


def test_a_reader_can_write_a_rule():
    signed = UpdateRule("sign descent", "Sign", ((θ, θ - η * sp.sign(g)),))
    assert descend("ravine", [1.0, 1.0], signed, steps=3, η=0.25).end.tolist() == [0.25, 0.25]
    with pytest.raises(ValueError, match="must end by assigning θ"):
        UpdateRule("empty", "Empty", ())
    with pytest.raises(ValueError, match="contains q"):
        UpdateRule("free", "Free", ((θ, θ - sp.Symbol("q") * g),))


def test_a_readers_own_rule_runs_in_explorers_and_figures():
    from helpers import figures
    from helpers.explorers import LandscapeExplorer

    signed = UpdateRule("sign descent", "Sign", ((θ, θ - η * sp.sign(g)),))
    explorer = LandscapeExplorer("ravine", rules=(signed, "gradient descent"), start=(1, 1), steps=3, η=0.25)
    assert explorer.path["sign descent"].end.tolist() == [0.25, 0.25]
    assert "Math.sign" in explorer.static_html()
    _, ax = figures.subplots("square")
    figures.path(ax, explorer.path["sign descent"])
    figures.loss_curves(ax, explorer.path["sign descent"])


class Quadratic:
    """½(θ − c)ᵀH(θ − c) in any number of dimensions: an object with a gradient, and no Landscape."""

    def __init__(self, H, c):
        self.H, self.c, self.d = H, c, len(c)

    def loss(self, θ):
        return 0.5 * np.einsum("...i,ij,...j->...", θ - self.c, self.H, θ - self.c)

    def gradient(self, θ):
        return (θ - self.c) @ self.H

    def hessian(self, θ):
        return np.broadcast_to(self.H, (*np.shape(θ), self.d))


def quadratic(d, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(d, d))
    return Quadratic(A + A.T, rng.normal(size=d)), rng.normal(size=(5, d))


@pytest.mark.parametrize("d", [2, 3, 6])
def test_a_full_newton_step_on_a_quadratic_ends_at_its_critical_point(d):
    target, starts = quadratic(d)
    assert (np.linalg.eigvalsh(target.H)[[0, -1]] * [-1, 1] > 0).all()  # a saddle
    run = descend(target, starts, newton, steps=1, Δ=1e6)
    np.testing.assert_allclose(run.end, np.broadcast_to(target.c, starts.shape), atol=1e-9)


@pytest.mark.parametrize("d", [2, 3, 6])
def test_saddle_free_newton_is_the_gradient_through_the_absolute_hessian(d):
    target, starts = quadratic(d)
    λ, U = np.linalg.eigh(target.H)
    expected = starts - target.gradient(starts) @ (U / np.abs(λ)) @ U.T
    np.testing.assert_allclose(descend(target, starts, saddle_free, steps=1, Δ=1e6).end, expected, atol=1e-9)
    # along each eigenvector: on the saddle's way in it arrives, on its way out the distance doubles
    away = (expected - target.c) @ U
    np.testing.assert_allclose(away, np.where(λ < 0, 2, 0) * ((starts - target.c) @ U), atol=1e-9)


@pytest.mark.parametrize("d", [2, 4])
def test_no_newton_step_is_longer_than_the_longest_step_along_any_eigenvector(d):
    target, starts = quadratic(d)
    _, U = np.linalg.eigh(target.H)
    for update in (newton, saddle_free):
        step = (descend(target, starts, update, steps=1, Δ=0.1).end - starts) @ U
        assert np.abs(step).max() == pytest.approx(0.1) and (np.abs(step) < 0.1 + 1e-12).all()


@pytest.mark.parametrize("d", [2, 5])
def test_the_step_along_negative_curvature_is_downhill_and_at_least_r(d):
    target, starts = quadratic(d)
    λ, U = np.linalg.eigh(target.H)
    run = descend(target, np.vstack([starts, target.c]), negative_curvature, steps=1, η=0.01, r=0.2)
    step, slope = (run.end - run.θ[0]) @ U, target.gradient(run.θ[0]) @ U
    expected = np.where(λ < 0, np.maximum(0.2, 0.01 * np.abs(slope)), 0.01 * np.abs(slope))
    np.testing.assert_allclose(np.abs(step), expected, atol=1e-12)
    assert (step[:-1] * slope[:-1] < 0).all() and (run.loss[1] < run.loss[0]).all()


def test_curved_rules_rest_where_slope_and_curvature_are_zero_or_rounding():
    for update in (newton, saddle_free, negative_curvature):
        assert descend("monkey saddle", [0.0, 0.0], update, steps=5).end.tolist() == [0.0, 0.0]
    valley = np.array([1.7, 1 / 1.7])  # a valley of minima: one eigenvalue is 0 up to rounding
    for update in (newton, saddle_free):
        end = descend("worst network", valley + [1e-3, 1e-3], update, steps=50).end
        assert np.linalg.norm(end - valley) < 3e-3


def test_two_dimensions_take_the_closed_form_and_agree_with_lapack():
    H = np.random.default_rng(2).normal(size=(200, 2, 2))
    H = H + H.swapaxes(-1, -2)
    λ, U = eigenbasis(H)
    np.testing.assert_allclose(λ, np.linalg.eigvalsh(H), atol=1e-12)
    np.testing.assert_allclose(np.einsum("nij,nj,nkj->nik", U, λ, U), H, atol=1e-12)


def test_a_hessian_that_is_not_finite_ends_the_run_in_words():
    H = np.full((2, 2), np.inf)
    for d in (2, 3):
        target = Quadratic(np.eye(d), np.zeros(d))
        target.hessian = lambda θ, d=d: np.full((*θ.shape, d), np.inf)
        assert descend(target, np.ones(d), newton, steps=3).diverged == 1
    assert np.isnan(eigenbasis(H)[0]).all()


def test_noise_has_variance_two_eta_D_in_every_step_and_coordinate():
    η, D, n = 0.1, 1e-3, 20_000
    rng = np.random.default_rng(3)
    run = descend(np.zeros_like, np.zeros((n, 3)), perturbed, steps=50, rng=rng, η=η, D=D)
    steps = np.diff(run.θ, axis=0)
    variance = (steps**2).mean(axis=(0, 1))
    np.testing.assert_allclose(variance, 2 * η * D, rtol=3 * np.sqrt(2 / (50 * n)))
    assert abs(np.mean(steps[1:] * steps[:-1])) < 3 * 2 * η * D / np.sqrt(49 * 3 * n)  # no memory
    assert abs(np.mean(steps[..., 0] * steps[..., 1])) < 3 * 2 * η * D / np.sqrt(50 * n)  # no coupling


def test_the_same_seed_gives_the_same_noise_and_another_seed_another():
    def path(seed):
        return descend("saddle", [0.3, 0.0], perturbed, steps=30, rng=np.random.default_rng(seed)).θ

    first, again, other = path(1), path(1), path(2)
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize("steps, every", [(10, 3), (9, 3), (7, 1), (5, 9), (0, 4)])
def test_every_keeps_each_kth_point_and_the_last(steps, every):
    whole = descend("worst network", [[1.2, 0.3], [0.1, -0.4]], "momentum", steps=steps, η=0.05)
    part = descend("worst network", [[1.2, 0.3], [0.1, -0.4]], "momentum", steps=steps, every=every, η=0.05)
    rows = sorted({*range(0, steps + 1, every), steps})
    assert part.t.tolist() == rows and part.steps == steps
    assert (part.θ == whole.θ[rows]).all() and (part.loss == whole.loss[rows]).all()


def test_a_rule_that_mixes_curvature_with_memory_is_refused():
    with pytest.raises(ValueError, match="uses the curvature"):
        UpdateRule("odd", "Odd", ((m, m + g), (θ, θ - η * m / λi)))
    with pytest.raises(ValueError, match="uses the curvature"):
        UpdateRule("odd", "Odd", ((θ, θ * (1 - η) - g / λi),))
    with pytest.raises(ValueError, match="uses the curvature"):
        UpdateRule("odd", "Odd", ((θ, θ - g / λi),), at=θ - η)
    with pytest.raises(ValueError, match="place of the gradient"):
        UpdateRule("odd", "Odd", ((θ, θ - η * g),), at=θ + ξ)


@pytest.mark.parametrize(
    "target, update, settings, error, message",
    [
        (lambda θ: θ, newton, {}, TypeError, r"must have a method hessian"),
        ("saddle", perturbed, {}, TypeError, r"rng must be a numpy Generator, not None"),
        ("saddle", perturbed, {"rng": 3}, TypeError, r"rng must be a numpy Generator, not 3"),
        ("saddle", newton, {"Δ": 0}, ValueError, r"more than 0"),
        ("saddle", newton, {"η": 0.1}, TypeError, r"it takes Δ"),
        ("saddle", gradient_descent, {"every": 0}, ValueError, r"every must lie between 1"),
    ],
)
def test_settings_of_the_rules_at_saddles_are_checked(target, update, settings, error, message):
    with pytest.raises(error, match=message):
        descend(target, [1.0, 0.5], update, **settings)


def test_the_rules_at_saddles_print_what_they_do():
    assert r"\theta + \sqrt{2 \eta D} \xi - \eta g" in perturbed.latex
    assert r"\theta - p" in newton.latex and r"10^{-8}" in saddle_free.latex
    assert [update.curved for update in ESCAPE.values()] == [False, False, True, True, True]
    assert [update.noisy for update in ESCAPE.values()] == [False, True, False, False, False]


# Hyper-parameters that differ from run to run, or from step to step


@pytest.mark.parametrize("name", RULES)
def test_a_value_for_every_run_is_many_runs_of_one_value(name):
    rates, starts = np.array([0.01, 0.03, 0.1]), np.array([[1.2, -0.3], [0.4, 0.4]])
    memory = next((h.letter for h in RULES[name].hyper if h.memory), None)
    memories = {memory: np.array([[0.5], [0.9]])} if memory else {}
    run = descend(ravine(4), starts[:, None], name, steps=25, η=rates, **memories)
    assert run.θ.shape == (26, 2, 3, 2) and run.loss.shape == (26, 2, 3)
    for i, start in enumerate(starts):
        for j, rate in enumerate(rates):
            hyper = {letter: float(values[i, 0]) for letter, values in memories.items()}
            alone = descend(ravine(4), start, name, steps=25, η=float(rate), **hyper)
            np.testing.assert_allclose(run.θ[:, i, j], alone.θ, rtol=1e-12, atol=1e-15)


def test_runs_grow_with_the_hyper_parameters():
    run = descend(ravine(4), [1.0, 1.0], "momentum", steps=9, η=[[0.01], [0.1]], β=[0.0, 0.5, 0.9])
    assert run.θ.shape == (10, 2, 3, 2) and run.diverged.shape == (2, 3)
    assert repr(run) == "Momentum (η=0.01 … 0.1, β=0 … 0.9), 9 steps, 6 starts, 0 diverged"
    assert run.hyper["η"].tolist() == [[0.01], [0.1]]
    one = descend(ravine(4), [1.0, 1.0], steps=3, η=np.array(0.1))
    assert one.θ.shape == (4, 2) and one.hyper == {"η": 0.1}


@pytest.mark.parametrize("β", [0.5, lambda t: 0.5, np.array(0.5)])
def test_a_schedule_takes_the_place_of_its_own_hyper_parameter(β):
    plain = descend(ravine(4), [1.0, -1.0], "momentum", steps=20, η=0.1, β=0.5)
    assert (descend(ravine(4), [1.0, -1.0], "momentum", steps=20, η=0.1, β=β).θ == plain.θ).all()
    assert (descend(ravine(4), [1.0, -1.0], "momentum", steps=20, η=lambda t: 0.1, β=β).θ == plain.θ).all()


@pytest.mark.parametrize("name", RULES)
def test_the_first_step_is_step_one_of_a_schedule(name):
    asked = []

    def rate(t):
        asked.append(t)
        return 0.1 / t

    run = descend(ravine(4), [1.0, -1.0], name, steps=3, η=rate)
    assert asked[-3:] == [1, 2, 3] and all(type(t) is int for t in asked)
    first = descend(ravine(4), [1.0, -1.0], name, steps=1, η=0.1)
    assert (run.θ[1] == first.end).all()
    assert "η=rate" in repr(run)


def test_a_rate_that_falls_like_one_over_t_averages():
    """θ ← θ − (θ − zₜ)/t is the mean of z₁ … zₜ."""
    z = np.random.default_rng(8).normal(size=(50, 3))
    draws = iter(z)
    run = descend(lambda θ: θ - next(draws), np.zeros(3), steps=50, η=lambda t: 1 / t)
    np.testing.assert_allclose(run.end, z.mean(0), rtol=1e-12)


@pytest.mark.parametrize(
    "hyper, error, words",
    [
        ({"η": [0.1, -0.1]}, ValueError, "learning rate η must be finite and more than 0, not -0.1"),
        ({"η": [0.1, np.nan]}, ValueError, "learning rate η must be finite"),
        ({"η": ["a"]}, TypeError, "learning rate η must be numbers"),
        ({"β": [0.5, 1.0]}, ValueError, "momentum β must be finite and at least 0 and less than 1, not 1"),
        ({"η": [0.1, 0.2, 0.3]}, ValueError, r"do not fit together: start \(2,\), η \(3,\)"),
        ({"η": lambda t: 0.3 - 0.1 * t}, ValueError, "learning rate η in step 3 must be .* more than 0"),
        ({"η": lambda t: "fast"}, TypeError, "learning rate η in step 1 must be a number"),
        ({"η": lambda t: np.full(2 if t < 3 else 5, 0.1)}, ValueError, r"shape \(5,\), .* the runs \(2,\)"),
        ({"η": lambda t: lambda t: 0.1}, TypeError, "a schedule of the learning rate η must return numbers"),
    ],
)
def test_impossible_values_of_runs_and_schedules_are_refused(hyper, error, words):
    with pytest.raises(error, match=words):
        descend("saddle", [[1.0, 0.0], [0.5, 0.5]], "momentum", steps=4, **hyper)


def test_the_stability_bound_of_many_values_at_once():
    np.testing.assert_allclose(momentum.stable(β=[0.0, 0.5, 0.9]), [2, 3, 3.8])


# The effective learning rate


def textbook_rate(name, gradients, η=0.02, β2=0.999, ρ=0.9, ε=1e-8):
    """η over what stands under it, from the gradients of all steps: sums, not recursions."""
    n = len(gradients)
    k = np.arange(1, n + 1)
    if name in ("gradient descent", "momentum", "nesterov"):
        return np.full(gradients.shape, η)
    if name.startswith("adagrad"):
        square = np.cumsum(gradients**2, axis=0) / (k[:, None] if name.endswith("mean") else 1)
    else:
        memory = ρ if name == "rmsprop" else β2
        weight = np.tril((1 - memory) * memory ** np.maximum(k[:, None] - k, 0))
        square = weight @ gradients**2
        square = np.maximum.accumulate(square) if name == "amsgrad" else square
        square = square / (1 if name == "rmsprop" else 1 - β2 ** k[:, None])
    return η / (SQRT(square) + ε)


@pytest.mark.parametrize("name", RULES)
def test_effective_rates_against_sums_over_all_gradients(name):
    land, update = landscape("worst network"), RULES[name]
    run = descend(land, [1.1, 0.4], name, steps=60, rates=True, η=0.02)
    v = np.zeros_like(run.θ)  # Nesterov's gradients are taken ahead: v = (θ before − θ)/η
    v[1:] = -np.diff(run.θ, axis=0) / 0.02
    at = run.θ - (0.02 * 0.9 * v if update.at != θ else 0)
    np.testing.assert_allclose(run.rate, textbook_rate(name, land.gradient(at[:-1])), rtol=1e-9)


@pytest.mark.parametrize("name", ["gradient descent", "adagrad", "adagrad mean", "rmsprop"])
def test_the_effective_rate_is_what_the_gradient_is_multiplied_by(name):
    run = descend("worst network", [1.1, 0.4], name, steps=40, rates=True, η=0.02)
    slope = landscape("worst network").gradient(run.θ[:-1])
    np.testing.assert_allclose(np.diff(run.θ, axis=0), -run.rate * slope, rtol=0, atol=1e-14)


@pytest.mark.parametrize("steps, every", [(12, 3), (11, 4), (5, 9)])
def test_rates_are_kept_with_the_points(steps, every):
    starts, η = np.array([[1.1, 0.4], [0.2, 0.3]]), np.array([0.01, 0.02])
    whole = descend("worst network", starts, "adam", steps=steps, rates=True, η=η)
    part = descend("worst network", starts, "adam", steps=steps, every=every, rates=True, η=η)
    assert whole.rate.shape == (steps, 2, 2) and part.rate.shape == (len(part.t) - 1, 2, 2)
    assert (part.rate == whole.rate[part.t[1:] - 1]).all()
    assert descend("worst network", starts, "adam", steps=3).rate is None


def test_rates_end_where_a_run_diverges():
    run = descend(ravine(25), [[1.0, 1.0], [1.0, 0.0]], steps=60, rates=True, η=0.1)
    k = run.diverged[0]
    assert run.diverged[1] == 0 and (run.rate[:, 1] == 0.1).all()
    assert (run.rate[: k - 1, 0] == 0.1).all() and np.isnan(run.rate[k - 1 :, 0]).all()


def test_the_largest_square_never_lets_the_rate_of_amsgrad_rise():
    starts = np.random.default_rng(3).uniform(-1.2, 1.2, (40, 2))
    rates = {
        n: descend("Himmelblau", starts, n, 300, rates=True, η=0.1, β2=0.9).rate for n in ("adam", "amsgrad")
    }
    corrected = rates["amsgrad"] / np.sqrt(1 - 0.9 ** np.arange(1, 301))[:, None, None]  # without the hat
    assert (np.diff(corrected, axis=0) <= 1e-12).all()
    assert (np.diff(rates["adam"], axis=0) > 1e-3).any()


def test_a_rule_without_an_effective_rate_says_so():
    with pytest.raises(ValueError, match="no effective learning rate is known for 'newton', so rates"):
        descend("saddle", [1.0, 0.5], newton, rates=True)
    with pytest.raises(ValueError, match="no effective learning rate is known for 'newton'"):
        newton.rate_of([], 1, newton.defaults)
    with pytest.raises(ValueError, match="effective rate of 'odd' contains g"):
        UpdateRule("odd", "Odd", ((θ, θ - η * g),), rate=g)


# What is left out for speed changes nothing


class Plain:
    """A landscape's functions without the landscape: descend takes its general way."""

    def __init__(self, land):
        self.loss, self.gradient, self.d = land.loss, land.gradient, land.d


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (0,)])
@pytest.mark.parametrize("name", RULES)
def test_a_landscape_takes_a_shorter_way_to_the_same_points(name, shape):
    land = landscape("Himmelblau")
    starts = np.random.default_rng(4).uniform(-6, 6, (*shape, 2))  # at this rate some diverge
    short, long = (descend(target, starts, name, 60, rates=True, η=0.03) for target in (land, Plain(land)))
    assert short.θ.shape == long.θ.shape == (61, *shape, 2) and short.rate.shape == (60, *shape, 2)
    np.testing.assert_allclose(short.θ, long.θ, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(short.loss, long.loss, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(short.rate, long.rate, rtol=1e-9)
    assert (short.diverged == long.diverged).all()
    if name == "gradient descent" and shape == (7,):
        assert 0 < (short.diverged > 0).sum() < 7


@pytest.mark.parametrize("target", [landscape("ravine"), lambda w: w * [1.0, 25.0]])
def test_runs_that_diverge_at_different_steps_all_rest(target):
    starts = np.array([[1.0, 1e-3], [1.0, 0.0], [1.0, 1.0], [0.5, 1e4]])
    run = descend(target, starts, steps=60, η=0.1)
    expected = [int(np.ceil(np.log(1e6 / y) / np.log(1.5))) if y else 0 for y in starts[:, 1]]
    assert run.diverged.tolist() == expected and len(set(expected)) == 4
    for k, path in zip(expected, np.moveaxis(run.θ, 1, 0), strict=True):
        assert (path[k or 60 :] == path[(k or 61) - 1]).all()


def test_the_loss_of_a_path_is_computed_when_it_is_asked_for():
    asked = []

    class Counted(Plain):
        def __init__(self, land):
            super().__init__(land)
            self.loss = lambda θ: asked.append(θ.shape) or land.loss(θ)

    run = descend(Counted(landscape("saddle")), np.ones((60_000, 2)), steps=4, η=0.1)
    assert asked == []
    first = run.loss
    assert asked == [(1, 60_000, 2)] * 5  # in pieces
    assert run.loss is first and len(asked) == 5
    assert (first == landscape("saddle").loss(run.θ)).all()
    assert descend(lambda w: w, [1.0], steps=2).loss is None


def test_an_update_may_be_constant_and_may_divide_by_zero():
    still = UpdateRule("still", "Still", ((m, sp.Integer(1)), (θ, sp.Integer(3) + 0 * η)))
    run = descend("saddle", np.zeros((4, 2)), still, steps=2)
    assert run.θ.shape == (3, 4, 2) and (run.end == 3).all()
    broken = UpdateRule("broken", "Broken", ((θ, θ - g * sp.exp(1 / λ)),))
    assert descend("saddle", [1.0, 1.0], broken, steps=2, λ=0).diverged == 1


def test_the_target_never_sees_its_arrays_change():
    seen = []

    def gradient(w):
        seen.append((w, w.copy()))
        return w

    for name in RULES:
        descend(gradient, [1.0, 2.0], name, steps=5)
    assert all((now == then).all() for now, then in seen)
