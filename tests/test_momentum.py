"""Momentum on a quadratic, on a hill and under noise: against runs, eigenvalues, searches, exact motion."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.landscapes import Landscape, landscape, x
from helpers.momentum import ANALYSED as RULES
from helpers.momentum import (
    critical_friction,
    critical_momentum,
    discriminant,
    double_root,
    drift,
    first_order_friction,
    friction,
    iteration_matrix,
    lecture_momentum,
    momentum_of,
    optimal,
    passes,
    roll,
    spectral_radius,
    stability_bound,
    time_step,
    trace,
    ηλ,
)
from helpers.optimizers import RULES as ALL
from helpers.optimizers import descend, rule, β
from helpers.symbolic import Formula

MATRICES = {name: Formula([ηλ, β], iteration_matrix(name).tolist()) for name in RULES}


def matrix(name, a, b):
    return MATRICES[name](a, b)


def hyper(name, **values):
    return {letter: values[letter] for letter in rule(name).defaults}


@pytest.mark.parametrize("name", RULES)
@settings(deadline=None)
@given(a=st.floats(0.01, 3), b=st.floats(0, 0.99), λ=st.floats(0.1, 10))
def test_powers_of_the_matrix_are_the_run(name, a, b, λ):
    M, η = matrix(name, a, b), a / λ
    run = descend(lambda θ: λ * θ, [1.0], name, steps=8, **hyper(name, η=η, β=b))
    state = np.array([1.0, 0.0])
    for t in range(9):
        assert run.θ[t, 0] == pytest.approx(state[0], rel=1e-9, abs=1e-9 * np.abs(state).max())
        state = M @ state


@pytest.mark.parametrize("name", RULES)
@settings(deadline=None)
@given(a=st.floats(0.01, 4), b=st.floats(0, 0.99))
def test_rate_and_kind_of_motion_are_those_of_the_eigenvalues(name, a, b):
    μ = np.linalg.eigvals(matrix(name, a, b))
    spread = float(discriminant[name](a, b))
    assert float(trace[name](a, b)) == pytest.approx(μ.sum().real, abs=1e-12)
    assert spread == pytest.approx(((μ[0] - μ[1]) ** 2).real, abs=1e-7)
    # where the two meet, an eigenvalue is only as exact as the root of a rounding error
    assert float(spectral_radius[name](a, b)) == pytest.approx(np.abs(μ).max(), rel=1e-7, abs=1e-7)
    if abs(spread) > 1e-6:
        assert (spread < 0) == bool(np.iscomplex(μ).any())


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("b", [0.0, 0.3, 0.9, 0.99])
def test_the_rate_reaches_1_at_the_bound_that_the_rule_states(name, b):
    bound = rule(name).stable(**({} if name == "gradient descent" else {"β": b}))
    below = np.linspace(1e-3, 1 - 1e-6, 500) * bound
    assert (spectral_radius[name](below, b) < 1).all()
    assert (spectral_radius[name](bound * np.array([1 + 1e-6, 1.1, 2]), b) > 1).all()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("κ", [1.5, 4, 25, 1000])
def test_no_other_step_and_momentum_are_better(name, κ):
    η, b, rate = optimal(name, κ)
    λ = np.geomspace(1, κ, 401)
    reached = spectral_radius[name](η * λ, b).max()
    assert reached == pytest.approx(rate, rel=1e-6), "what it promises"
    search = np.random.default_rng(4)
    far = search.uniform(-1, 1, (4000, 2)) * 10.0 ** search.uniform(-4, 0, (4000, 1))
    near = η * np.exp(far[:, :1]), np.clip(b + far[:, 1:] * (1 - b), 0, 0.9999)
    if name == "gradient descent":
        near = near[0], np.zeros_like(near[1])
    assert spectral_radius[name](near[0] * λ, near[1]).max(-1).min() >= rate - 1e-9, "what others reach"


def test_momentum_needs_the_root_of_the_condition_number():
    κ = np.array([1e4, 1e6])
    steps = {name: -1 / np.log(optimal(name, κ)[2]) for name in RULES}
    assert steps["gradient descent"] / κ == pytest.approx([0.5, 0.5], rel=1e-3)
    assert steps["momentum"] / np.sqrt(κ) == pytest.approx([0.5, 0.5], rel=1e-3)
    assert steps["nesterov"] / np.sqrt(κ) == pytest.approx([0.75**0.5] * 2, rel=2e-2)


@pytest.mark.parametrize("name", RULES)
def test_the_bound_from_the_matrix_is_the_one_that_the_rule_states(name):
    assert sp.simplify(stability_bound(name) - ALL[name].stable_below) == 0


@pytest.mark.parametrize(("name", "κ"), [("momentum", 9.0), ("momentum", 400.0), ("nesterov", 25.0)])
def test_a_double_root_is_followed_exactly(name, κ):
    η, b, rate = optimal(name, κ)
    λ = np.array([1.0, κ]) if name == "momentum" else np.array([1.0])
    run = descend(lambda θ: λ * θ, np.ones(λ.size), name, steps=60, η=η, β=b)
    μ = np.array([rate, -rate])[: λ.size]
    assert np.allclose(discriminant[name](η * λ, b), 0, atol=1e-14)
    assert np.allclose(run.θ, double_root(μ, np.arange(61)[:, None]), rtol=1e-6, atol=1e-15)


def test_the_lectures_form_has_the_same_path_until_the_rate_changes():
    land, steps = landscape("Rosenbrock"), 60
    forms = "momentum", lecture_momentum
    ours, theirs = (descend(land, land.start, r, steps, η=5e-4, β=0.9) for r in forms)
    assert np.abs(ours.θ - theirs.θ).max() < 1e-12

    def dropped(t):
        return 0.1 if t <= 30 else 0.01

    ours, theirs = (descend(lambda θ: np.ones(1), [0.0], r, 400, η=dropped, β=0.9)
                    for r in ("momentum", lecture_momentum))
    assert np.allclose(ours.θ[:31], theirs.θ[:31], atol=1e-13)
    v = (1 - 0.9**30) / 0.1
    assert (ours.end - theirs.end).item() == pytest.approx(0.9 / 0.1 * (0.1 - 0.01) * v)


@pytest.mark.parametrize("b", [0.0, 0.5, 0.95])
def test_a_constant_gradient_leads_as_far_as_the_law_says(b):
    run = descend(lambda θ: np.ones(1), [0.0], "momentum", 50, η=0.02, β=b)
    assert np.allclose(-run.θ[:, 0], drift(0.02, b, np.arange(51)), rtol=1e-12, atol=1e-15)


def test_momentum_is_the_damped_motion_in_central_differences():
    """θ″ = −θ − γθ′ from θ = 1 has a closed form; with the first step halved, the error falls like η."""
    γ, errors = 0.5, []
    for η in (4e-3, 1e-3, 2.5e-4):
        b = float(momentum_of(η, γ))
        assert float(friction(η, b)) == pytest.approx(γ)
        h, n = float(time_step(η, b)), round(6 / float(time_step(η, b)))
        ω, t = np.sqrt(1 - γ**2 / 4), h * np.arange(n + 1)
        exact = np.exp(-γ * t / 2) * (np.cos(ω * t) + γ / (2 * ω) * np.sin(ω * t))
        path = [1.0, 1 - h**2 / 2 + γ * h**3 / 6]
        for _ in range(n - 1):
            path.append(path[-1] + b * (path[-1] - path[-2]) - η * path[-1])
        errors.append(np.abs(path - exact).max())
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx([2, 2], abs=0.1)
    assert float(friction(1e-6, 0.999)) * 1e-3 == pytest.approx(1e-3, rel=1e-3)


def test_the_integrated_ball_follows_the_closed_form():
    bowl = Landscape("bowl", x**2 / 2, x, (-2, 2))
    γ = np.array([0.0, 0.5])
    path, t = roll(bowl, 1.0, γ, T=6.0)[..., 0], np.linspace(0, 6, 301)[:, None]
    ω = np.sqrt(1 - γ**2 / 4)
    exact = np.exp(-γ * t / 2) * (np.cos(ω * t) + γ / (2 * ω) * np.sin(ω * t))
    assert np.abs(path - exact).max() < 1e-8


def test_energy_predicts_the_momentum_that_crosses():
    γ = [critical_friction("hill", -1.8, 0.0, n) for n in (1, 2, 3)]
    assert γ[0] > γ[1] > γ[2]
    η = 0.01 / 4.0 ** np.arange(3)
    for n in (1, 2):
        found = critical_momentum("hill", -1.8, 0.0, η, n)
        off = np.abs(friction(η, found) / γ[n - 1] - 1)
        assert (off < 0.2 * η / η[0]).all(), "the error falls like η"
        before = descend("hill", [-1.8], "momentum", 3000, η=η, β=found - 2e-5)
        behind = descend("hill", [-1.8], "momentum", 3000, η=η, β=found + 2e-5)
        assert (passes(before.θ, 0.0) < n).all() and (passes(behind.θ, 0.0) >= n).all()


def test_little_energy_to_spare_is_lost_in_first_order():
    off = []
    for start in (-1.5, -1.44, -1.43):
        exact, first = critical_friction("hill", start, 0.0, most=2), first_order_friction("hill", start, 0.0)
        off.append(exact / first - 1)
    assert off[0] > off[1] > off[2] > 0 and off[2] < 0.05


def test_passes_are_counted_from_both_sides():
    path = np.array([[-1.0, -1.0], [1.0, -0.5], [-1.0, 0.0], [2.0, -0.1]])[..., None]
    assert passes(path, 0.0).tolist() == [3, 0]


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: iteration_matrix("adam"), ValueError, "must be one of"),
    (lambda: optimal("rmsprop", 2), ValueError, "must be one of"),
    (lambda: optimal("momentum", 0.5), ValueError, "condition number"),
    (lambda: optimal("momentum", [2, 0.5]), ValueError, "condition number"),
    (lambda: optimal("momentum", float("nan")), ValueError, "finite"),
    (lambda: roll("saddle", 0.0, 1.0), ValueError, "one parameter"),
    (lambda: roll("hill", 0.0, 1.0, dt=0.0), ValueError, "dt must be"),
    (lambda: critical_friction("hill", -1.2, 0.0), ValueError, "without friction"),
    (lambda: critical_friction("hill", "left", 0.0), TypeError, "start must be"),
    (lambda: critical_momentum("hill", -1.8, 0.0, 0.01, n=0), ValueError, "n must lie"),
    (lambda: first_order_friction("hill", -1.2, 0.0), ValueError, "start above"),
])
def test_what_makes_no_sense_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_what_never_crosses_is_nan():
    assert np.isnan(critical_momentum("hill", -1.2, 0.0, np.array([0.01, 0.001]))).all()
