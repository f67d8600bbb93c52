"""Variants of rules, Reddi's rounds and turned landscapes, against loops and formulas written out here."""

import numpy as np
import pytest
import sympy as sp

from helpers.adaptive import Rounds, exact_steps, penalized, projected, reddi, turned, uncorrected
from helpers.landscapes import Landscape, landscape, ravine
from helpers.optimizers import RULES, descend, rule
from helpers.schedules import inverse_sqrt

a = sp.Symbol("a", positive=True)


def adam_loop(gradient, θ, steps, η, β1=0.9, β2=0.999, ε=1e-8, λ=0.0, correct=True):
    """Adam as a textbook writes it, with the penalty λθ in its gradient."""
    m = s = np.zeros_like(θ)
    path = [θ]
    for t in range(1, steps + 1):
        g = gradient(θ) + λ * θ
        m, s = β1 * m + (1 - β1) * g, β2 * s + (1 - β2) * g**2
        m_hat, s_hat = (m / (1 - β1**t), s / (1 - β2**t)) if correct else (m, s)
        θ = θ - η * m_hat / (np.sqrt(s_hat) + ε)
        path.append(θ)
    return np.array(path)


@pytest.mark.parametrize("correct", [True, False])
@pytest.mark.parametrize("λ", [0.0, 0.3])
def test_variants_of_adam_against_a_loop(correct, λ):
    land, variant = landscape("Rosenbrock"), rule("adam") if correct else uncorrected("adam")
    hyper = {"η": 0.01} | ({"λ": λ} if λ else {})
    found = descend(land, land.start, penalized(variant) if λ else variant, steps=200, **hyper).θ
    expected = adam_loop(land.gradient, np.array(land.start), 200, 0.01, λ=λ, correct=correct)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_uncorrected_changes_rate_and_step_alike():
    plain = uncorrected("amsgrad")
    run = descend("ravine", (-1.8, 0.9), plain, steps=1, η=0.1, rates=True)
    s = 0.001 * ravine().gradient(run.θ[0]) ** 2
    np.testing.assert_allclose(run.rate[0], 0.1 / (np.sqrt(s) + 1e-8), rtol=1e-12)
    assert plain.name != "amsgrad" and plain.name not in RULES


@pytest.mark.parametrize("name", ["gradient descent", "momentum", "adagrad", "adagrad mean", "rmsprop"])
def test_nothing_to_leave_uncorrected(name):
    with pytest.raises(ValueError, match="corrects no bias"):
        uncorrected(name)


def test_adam_without_its_additions_is_rmsprop():
    plain = descend("Himmelblau", (0.0, -4.5), uncorrected("adam"), steps=100, η=0.01, β1=0.0, β2=0.97)
    other = descend("Himmelblau", (0.0, -4.5), "rmsprop", steps=100, η=0.01, ρ=0.97)
    np.testing.assert_allclose(plain.θ, other.θ, rtol=0, atol=1e-12)


def test_penalty_is_the_gradient_of_a_square():
    land, λ = landscape("worst network"), sp.Rational(3, 10)
    w1, w2 = land.variables
    whole = Landscape("penalized", land.expression + λ * (w1**2 + w2**2) / 2, land.variables, land.domain)
    for name in ("gradient descent", "momentum", "rmsprop", "adam"):
        inside = descend(land, (1.5, -1.0), penalized(name), steps=50, η=0.02, λ=0.3).θ
        np.testing.assert_allclose(inside, descend(whole, (1.5, -1.0), name, steps=50, η=0.02).θ, atol=1e-12)


def test_penalty_and_decay_agree_for_gradient_descent_only():
    """θ ← θ − η(g + λθ) is θ ← θ − ηg − ηλθ; in Adam the two differ."""
    step = penalized("gradient descent").step([2.0], [0.5], [], 1, {"η": 0.1, "λ": 0.3})[0]
    assert step == pytest.approx(2.0 - 0.1 * 0.5 - 0.1 * 0.3 * 2.0, abs=1e-15)
    inside = descend("ravine", (-1.8, 0.9), penalized("adam"), steps=50, η=0.02, λ=0.3).end
    outside = descend("ravine", (-1.8, 0.9), "adamw", steps=50, η=0.02, λ=0.3).end
    assert np.abs(inside - outside).max() > 1e-3


@pytest.mark.parametrize("name, message", [("nesterov", "elsewhere"), ("adamw", "already")])
def test_penalty_refused(name, message):
    with pytest.raises(ValueError, match=message):
        penalized(name)


def test_projection():
    rng, low, high = np.random.default_rng(0), -1.5, 2.0
    θ, g = rng.uniform(-5, 5, 1000), rng.uniform(-50, 50, 1000)
    new, _ = projected("gradient descent", low, high).step(θ, g, [], 1, {"η": 0.1})
    np.testing.assert_allclose(new, np.clip(θ - 0.1 * g, low, high), rtol=0, atol=1e-12)
    assert (new == low).any() and (new == high).any()


def test_projection_keeps_states_and_rate():
    inside = projected("adam", -1000, 1000)
    free, bounded = (descend("ravine", (-1.8, 0.9), r, steps=80, rates=True) for r in ("adam", inside))
    np.testing.assert_array_equal(free.θ, bounded.θ)
    np.testing.assert_array_equal(free.rate, bounded.rate)


@pytest.mark.parametrize("ends", [(1, 1), (2, -2), (np.nan, 1), (0, np.inf)])
def test_projection_refused(ends):
    with pytest.raises(ValueError):
        projected("adam", *ends)


# The first steps


@pytest.mark.parametrize("name, memory", [("adam", {}), ("amsgrad", {"β2": "9/10"})])
def test_corrected_steps_on_a_straight_slope_have_length_η(name, memory):
    steps = exact_steps(name, [a] * 4, ε=0, **memory)
    assert all(sp.simplify(step + sp.Symbol("eta", nonnegative=True)) == 0 for step in steps)


def test_uncorrected_steps_on_a_straight_slope():
    """(1 − β₁ᵗ)/√(1 − β₂ᵗ)."""
    numbers = {"η": 1, "β1": "9/10", "β2": "999/1000", "ε": 0}
    for t, step in enumerate(exact_steps(uncorrected("adam"), [a] * 5, **numbers), 1):
        square = (1 - sp.Rational(9, 10) ** t) ** 2 / (1 - sp.Rational(999, 1000) ** t)
        assert sp.simplify(step**2 - square) == 0 and step.is_negative


@pytest.mark.parametrize("name", [name for name in RULES if name != "nesterov"])
def test_exact_steps_are_those_of_descend(name):
    slopes, η = [2.0, -0.5, 0.25, 3.0], 0.1
    run = descend(Rounds(slopes), [0.0], name, steps=4, η=η)
    values = {letter: sp.nsimplify(v) for letter, v in rule(name).defaults.items()} | {"η": "1/10"}
    exact = exact_steps(name, [sp.nsimplify(g) for g in slopes], **values)
    np.testing.assert_allclose(np.diff(run.θ[:, 0]), [float(step) for step in exact], rtol=0, atol=1e-14)


def test_exact_steps_refused():
    with pytest.raises(TypeError, match="'rmsprop' has no hyper-parameter 'β1'; it takes η, ρ, ε"):
        exact_steps("rmsprop", [1], β1=0)


# Reddi et al.


def test_rounds():
    target = Rounds([1.0, -2.0])
    slopes = [target.gradient(np.zeros((3, 2, 1))) for _ in range(5)]
    assert [g[0, 0, 0] for g in slopes] == [1, -2, 1, -2, 1] and slopes[0].shape == (3, 2, 1)
    assert target.loss(np.array([[2.0], [4.0]])).tolist() == [-1.0, -2.0]


@pytest.mark.parametrize("gradients", [[], [[1.0, 2.0]], [1.0, np.nan]])
def test_rounds_refused(gradients):
    with pytest.raises(ValueError):
        Rounds(gradients)


@pytest.mark.parametrize("C", [2, 1.5, -3, np.inf])
def test_reddi_needs_a_rare_slope_that_outweighs_the_others(C):
    with pytest.raises(ValueError):
        reddi(C)


@pytest.mark.parametrize("C", [3, 5])
@pytest.mark.parametrize("name, end", [("adam", 1), ("rmsprop", 1), ("amsgrad", -1), ("momentum", -1)])
def test_adam_goes_the_wrong_way_and_amsgrad_does_not(C, name, end):
    memory = 1 / (1 + C**2)
    hyper = {"β1": 0.0, "β2": memory} if "β1" in rule(name).defaults else {}
    hyper |= {"ρ": memory} if name == "rmsprop" else {}
    run = descend(reddi(C), [0.0], projected(name, -1, 1), steps=6000, η=inverse_sqrt(0.1), **hyper)
    assert run.end[0] == pytest.approx(end, abs=0.02)


def test_drift_of_a_round():
    """Once s is periodic, β₂ = 0.1, C = 3: it is 911/111, 191/111, 119/111 after the three slopes."""
    s = np.array([911, 191, 119]) / 111
    up = (np.array([-3, 1, 1]) / np.sqrt(s)).sum()
    for name, drift in (("adam", up), ("amsgrad", -1 / np.sqrt(s.max()))):
        θ = descend(reddi(3), [0.0], name, steps=303, η=0.1, β1=0.0, β2=0.1, ε=1e-12).θ[:, 0]
        assert (θ[303] - θ[300]) / 0.1 == pytest.approx(drift, abs=1e-10)


# Turned landscapes


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, -133.5, 360])
def test_turned_is_the_landscape_at_the_point_turned_back(degrees):
    land, α = landscape("Rosenbrock"), np.radians(degrees)
    x, y = np.random.default_rng(1).uniform(-2, 2, (2, 100))
    back = np.stack([np.cos(α) * x + np.sin(α) * y, np.cos(α) * y - np.sin(α) * x], axis=-1)
    other = turned(land, degrees)
    np.testing.assert_allclose(other.loss(np.stack([x, y], axis=-1)), land.loss(back), rtol=1e-11, atol=1e-9)
    assert other.loss(other.start) == pytest.approx(land.loss(land.start), rel=1e-11)


def test_a_turn_does_not_matter_to_gradient_descent_but_to_adagrad():
    land, other = ravine(20), turned(ravine(20), 45)
    for name, same in (("gradient descent", True), ("momentum", True), ("adagrad", False), ("adam", False)):
        near, far = (descend(z, z.start, name, steps=60, η=0.02) for z in (land, other))
        assert np.allclose(near.loss, far.loss, rtol=0, atol=1e-9) == same


@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adam", "amsgrad"])
def test_paths_do_not_depend_on_the_scale_of_a_coordinate(name):
    """c₁, c₂ are powers of two, so that the products are exact."""
    land, c = landscape("Rosenbrock"), np.array([2.0**-10, 2.0**6])
    plain = descend(land, land.start, name, steps=100, η=0.01, ε=1e-300).θ
    scaled = descend(lambda θ: c * land.gradient(θ), land.start, name, steps=100, η=0.01, ε=1e-300).θ
    np.testing.assert_array_equal(plain, scaled)


@pytest.mark.parametrize("land", [landscape("cubic"), "ravine", None])
def test_turned_refused(land):
    with pytest.raises(ValueError, match="two parameters"):
        turned(land, 45)
