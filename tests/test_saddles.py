"""Escape steps, escape laws against exact chains and Monte Carlo, the cascade, random Hessians, ends."""

import json
import math
import subprocess

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import saddles
from helpers.landscapes import GALLERY, Landscape, landscape, x, y
from helpers.networks import Network
from helpers.optimizers import descend
from helpers.saddles import (
    ESCAPE,
    Cascade,
    cascade_growth,
    cascade_run,
    cascade_steps,
    ends,
    escape_step,
    escape_step_by_products,
    escape_steps,
    escape_steps_exact,
    escape_steps_noise,
    escape_steps_random,
    escape_time_noise,
    escape_time_noise_exact,
    field_index_shares,
    field_index_shares_by_goe,
    field_minimum_share,
    gaussian_field_hessian,
    goe,
    goe_minimum_law,
    goe_minimum_probability,
    minimum_share,
    noise_start,
    pivots,
    run_until_left,
    steps_to_leave,
)

LAWS = {name: law for name, law in vars(saddles).items() if isinstance(law, saddles.Law)}
ORIGIN, DOWN = [0.0, 0.0], [0.0, 1.0]
BOWL = Landscape("bowl", x**2 + 3 * y**2, (x, y), ((-1, 1), (-1, 1)))


def error(sample):
    return sample.std(ddof=1) / math.sqrt(sample.size)


# The step


@pytest.mark.parametrize("name", [n for n, land in GALLERY.items() if land.d == 2])
def test_the_step_follows_the_lowest_eigenvector_downhill_as_the_model_says(name):
    land, rng = landscape(name), np.random.default_rng(1)
    low, high = np.array(land.domain).T
    θ, ε = rng.uniform(low, high, (3, 4, 2)), np.array([1e-4, -2e-4])
    step = escape_step(land, θ, ε)
    g, H = land.gradient(θ), land.hessian(θ)
    assert step.u.shape == θ.shape and step.λ.shape == (3, 4) and step.actual.shape == (3, 4, 2)
    np.testing.assert_allclose(np.linalg.norm(step.u, axis=-1), 1)
    np.testing.assert_allclose(np.einsum("abij,abj->abi", H, step.u), step.λ[..., None] * step.u,
                               atol=1e-9 * np.abs(H).max())
    assert (step.λ <= np.linalg.eigvalsh(H)[..., 0] + 1e-9 * np.abs(H).max()).all()
    assert (step.slope <= 0).all()
    np.testing.assert_allclose(step.slope, np.einsum("abi,abi->ab", step.u, g))
    for k in (0, 1):
        np.testing.assert_allclose(step.predicted[..., k], ε[k] * step.slope + step.λ * ε[k] ** 2 / 2)
        exact = land.loss(θ + ε[k] * step.u) - land.loss(θ)
        np.testing.assert_array_equal(step.actual[..., k], exact)


@given(λ=st.floats(-5, -0.1), turn=st.floats(0, math.pi), ε=st.floats(-2, 2))
@settings(max_examples=40, deadline=None)
def test_on_a_quadratic_the_prediction_is_exact(λ, turn, ε):
    c, s = math.cos(turn), math.sin(turn)
    H = np.array([[c, -s], [s, c]]) @ np.diag([λ, 2.0]) @ np.array([[c, s], [-s, c]])
    step = escape_step(Quadratic(H), np.zeros(2), ε)
    assert step.predicted == pytest.approx(λ * ε**2 / 2, abs=1e-12)
    assert step.actual == pytest.approx(step.predicted, abs=1e-12)
    assert np.abs(step.u).max() == step.u.max()  # without a slope: the side of the largest coordinate


class Quadratic:
    """½θᵀHθ, an objective that is no Landscape."""

    def __init__(self, H):
        self.H, self.d = H, len(H)

    def loss(self, θ):
        return np.einsum("...i,ij,...j->...", θ, self.H, θ) / 2

    def gradient(self, θ):
        return θ @ self.H

    def hessian(self, θ):
        return np.broadcast_to(self.H, (*θ.shape, self.d))


def test_at_a_critical_point_the_side_does_not_hang_on_rounding():
    land = Landscape("ridge", (x + y) ** 2 - (x - y) ** 2, (x, y), ((-1, 1), (-1, 1)))
    for tiny in (1e-14, -1e-14):  # u = ±(1, −1)/√2, two coordinates of equal size
        u = escape_step(land, [tiny, -tiny], 0.1).u
        np.testing.assert_allclose(u, np.array([1, -1]) / math.sqrt(2))
        u = escape_step(land, [1e9 * tiny, -1e9 * tiny], 0.1).u
        np.testing.assert_allclose(u, np.sign(tiny) * np.array([1, -1]) / math.sqrt(2))


def test_the_error_of_the_prediction_is_of_third_order_in_general_and_fourth_where_the_loss_is_even():
    ε = np.geomspace(1e-3, 1e-1, 9)
    cubic = Landscape("cubic saddle", x**2 - y**2 + y**3 / 3, (x, y), ((-2, 2), (-2, 2)))
    for land, order in ((cubic, 3), (landscape("worst network"), 4)):
        step = escape_step(land, ORIGIN, ε)
        slope = np.polyfit(np.log(ε), np.log(np.abs(step.actual - step.predicted)), 1)[0]
        assert slope == pytest.approx(order, abs=0.01)


def test_many_parameters_with_products_alone():
    net = Network((8, 60, 60, 2))
    rng = np.random.default_rng(3)
    objective = net.on(rng.normal(size=(40, 8)), rng.normal(size=(40, 2)))
    θ = 0.3 * rng.normal(size=net.d)
    step = escape_step_by_products(objective, θ, 0.01, 80, np.random.default_rng(0))
    assert net.d > 4000 and step.λ < 0
    np.testing.assert_allclose(step.u @ objective.hvp(θ, step.u), step.λ, rtol=1e-8)  # λ = uᵀHu
    assert np.linalg.norm(objective.hvp(θ, step.u) - step.λ * step.u) < 1e-3 * abs(step.λ)
    assert step.actual == pytest.approx(step.predicted, rel=0.05) and step.actual < 0


def test_products_agree_with_the_hessian_with_and_without_an_hvp():
    net, rng = Network((2, 4, 1)), np.random.default_rng(5)
    objective = net.on(rng.normal(size=(12, 2)), rng.normal(size=12))
    θ = rng.normal(size=net.d)
    exact = escape_step(objective, θ, [0.01, 0.1])
    for target in (objective, WithoutProducts(objective)):
        step = escape_step_by_products(target, θ, [0.01, 0.1], net.d, np.random.default_rng(0))
        assert step.λ == pytest.approx(exact.λ, rel=1e-6)
        np.testing.assert_allclose(step.u, exact.u, atol=1e-5)
        np.testing.assert_allclose(step.actual, exact.actual, rtol=1e-4)


class WithoutProducts:
    def __init__(self, objective):
        self.d, self.loss, self.gradient = objective.d, objective.loss, objective.gradient


# The laws


def chain(a, σ, N, rng, y, R=1.0):
    """First t with |y| ≥ R of y ← ay + σξ, by running it."""
    T, here = np.zeros(N, dtype=int), np.flatnonzero(np.abs(y) < R)
    y = y[here]
    while here.size:
        y = a * y + σ * rng.normal(size=y.size)
        T[here] += 1
        inside = np.abs(y) < R
        here, y = here[inside], y[inside]
    return T


@pytest.mark.parametrize("δ", [1e-1, 1e-4, 1e-9, -1e-12])
@pytest.mark.parametrize("λ, η", [(-2.0, 0.1), (-0.3, 0.5), (-1.0, 0.01)])
def test_steps_of_gradient_descent_are_the_ceiling_of_the_law(δ, λ, η):
    path = descend(lambda θ: λ * θ, [δ], steps=3000, η=η)
    assert steps_to_leave(path, [0.0]) == math.ceil(escape_steps(δ, λ, η))
    assert steps_to_leave(path, [0.0], R=0.5) == math.ceil(escape_steps(δ, λ, η, 0.5))


def test_the_laws_are_those_of_the_facts():
    E = 0.5772156649015329
    assert escape_steps(1e-3, -2.0, 0.1, 0.5) == pytest.approx(math.log(500) / math.log(1.2))
    assert escape_steps_random(1e-3, -2.0, 0.1, 0.5) == pytest.approx(
        (math.log(500) + (E + math.log(2)) / 2) / math.log(1.2) + 0.5)
    assert escape_time_noise(1e-4, -2.0, 0.5) == pytest.approx(math.log(4 * 0.25 / 1e-4) / 4 + E / 4)
    assert noise_start(1e-4, -2.0, 0.1) ** 2 == pytest.approx(2 * 0.1 * 1e-4 / (1.2**2 - 1))
    assert escape_steps_noise(1e-4, -2.0, 0.1, 0.5) == pytest.approx(
        escape_steps_random(noise_start(1e-4, -2.0, 0.1), -2.0, 0.1, 0.5))
    assert goe_minimum_law(3) == pytest.approx(3 ** (-9 / 4))
    assert math.log(cascade_growth(0.1, 2.0, 1.0)) == pytest.approx(1.2063, abs=5e-5)


@pytest.mark.parametrize("name", LAWS)
def test_each_law_is_one_expression_in_three_languages(name):
    law = LAWS[name]
    rng = np.random.default_rng(4)
    values = rng.uniform(0.05, 0.3, (20, len(law.arguments)))
    values[:, [k for k, a in enumerate(law.arguments) if a == saddles.λ]] *= -1
    script = f"const f = {law.javascript}; console.log(JSON.stringify({json.dumps(values.tolist())}" \
             ".map(v => f(...v))))"
    answer = json.loads(subprocess.run(["node", "-e", script], capture_output=True, check=True).stdout)
    np.testing.assert_allclose(answer, law(*values.T), rtol=1e-14)
    assert "gamma}" not in law.latex and "EulerGamma" not in law.latex
    assert " + 1" not in law.latex


def test_the_law_reads_well():
    assert escape_steps.latex == (
        r"\frac{\ln{\left(\frac{R}{\left|{\delta}\right|} \right)}}"
        r"{\ln{\left(1 + \eta \left|{\lambda}\right| \right)}}")


@pytest.mark.parametrize("kind", [
    dict(s=1e-3), dict(s=0.5), dict(s=3.0), dict(D=1e-6), dict(D=1e-3), dict(D=1e-2), dict(D=0.3),
    dict(s=0.01, D=1e-3), dict(s=0.3, D=1e-2), dict(s=0.01, D=0.1), dict(s=2.0, D=0.1)], ids=str)
def test_exact_mean_against_running_the_chain(kind):
    λ, η, N, R, rng = -1.5, 0.1, 40_000, 0.8, np.random.default_rng(11)
    s, D = kind.get("s", 0.0), kind.get("D", 0.0)
    T = chain(1 - η * λ, math.sqrt(2 * η * D), N, rng, s * rng.normal(size=N), R)
    assert abs(T.mean() - escape_steps_exact(λ, η, R, **kind)) < 3 * error(T)


def test_the_two_exact_methods_agree_where_the_noise_cannot_come_back():
    a, σ = 1.1, 0.1 / saddles.RETURN
    for s in (0.0, 0.003, 0.05, 1.0):
        assert saddles._mean_by_nystrom(a, σ, 1.0, s) == pytest.approx(
            saddles._mean_without_return(a, σ, 1.0, s), rel=1e-11)
    # and with stronger noise they must not: to forget that y can come back makes the mean too long
    methods = saddles._mean_without_return, saddles._mean_by_nystrom
    too_long, exact = (mean(1.1, 0.1, 1.0, 0.0) for mean in methods)
    assert too_long > 1.002 * exact


def test_nystrom_does_not_depend_on_its_panels(monkeypatch):
    before = [saddles._mean_by_nystrom(1.05, σ, 1.0, s) for σ in (0.02, 0.3, 2.0) for s in (0.0, 0.2)]
    gauss = saddles._gauss
    monkeypatch.setattr(saddles, "_gauss", lambda R, width: gauss(R, width / 2.7))
    after = [saddles._mean_by_nystrom(1.05, σ, 1.0, s) for σ in (0.02, 0.3, 2.0) for s in (0.0, 0.2)]
    np.testing.assert_allclose(before, after, rtol=1e-11)


def test_the_laws_are_limits_of_the_exact_means():
    for s in (1e-2, 1e-3, 1e-4):  # relative error O(s²), and a ripple of the ceiling that is far smaller
        exact = escape_steps_exact(-1.0, 0.1, s=s)
        assert escape_steps_random(s, -1.0, 0.1) == pytest.approx(exact, rel=s**2)
    for D in (1e-3, 1e-4, 1e-5):
        assert escape_steps_noise(D, -1.0, 0.1) == pytest.approx(
            escape_steps_exact(-1.0, 0.1, D=D), rel=D / 5)
        assert escape_time_noise(D, -1.0) == pytest.approx(escape_time_noise_exact(D, -1.0), rel=D)


def test_exact_time_is_the_double_integral_and_the_limit_of_small_steps():
    t, w = np.polynomial.legendre.leggauss(60)
    for D, λ, R in ((0.1, -1.0, 1.0), (1.0, -0.5, 2.0)):
        κ, y, v = -λ / D, R * (t + 1) / 2, R * w / 2
        inner = np.array([(k / 2 * w * np.exp(κ * (k * (t + 1) / 2) ** 2 / 2)).sum() for k in y])
        integral = (v * np.exp(-κ * y**2 / 2) * inner).sum() / D
        assert escape_time_noise_exact(D, λ, R) == pytest.approx(integral, rel=1e-12)
    assert escape_time_noise_exact(0.1, -1e-9) == pytest.approx(1 / 0.2, rel=1e-6)  # diffusion alone
    # a chain passes R by .5826 standard deviations of its noise on average: shift R, and O(η) is left
    for η in (4e-3, 2e-3):
        shifted = escape_time_noise_exact(0.1, -1.0, 1 + 0.5826 * math.sqrt(2 * η * 0.1))
        assert η * escape_steps_exact(-1.0, η, D=0.1) == pytest.approx(shifted, rel=η)


def test_perturbed_gradient_descent_leaves_a_real_saddle_after_the_exact_mean():
    rng, η, D = np.random.default_rng(21), 0.05, 1e-4
    start = np.zeros((4000, 2))
    T = run_until_left("saddle", start, "perturbed", ORIGIN, u=DOWN, rng=rng, η=η, D=D)
    assert abs(T.mean() - escape_steps_exact(-2.0, η, D=D)) < 3 * error(T)


def test_random_starts_leave_after_the_exact_mean():
    start = 0.01 * np.random.default_rng(22).normal(size=(4000, 2))
    T = run_until_left("saddle", start, "gradient descent", ORIGIN, u=DOWN, η=0.1)
    assert abs(T.mean() - escape_steps_exact(-2.0, 0.1, s=0.01)) < 3 * error(T)
    assert abs(T.mean() - escape_steps_random(0.01, -2.0, 0.1)) < 3 * error(T)


# When a run has left


def test_steps_to_leave_and_running_agree_also_across_blocks():
    start = np.geomspace(1e-8, 3.0, 24).reshape(4, 6)[..., None] * [0.6, 0.8]
    path = descend("saddle", start, steps=120, η=0.1)
    for u in (None, DOWN):
        first = steps_to_leave(path, [0.1, 0.0], 0.7, u)
        assert first.shape == (4, 6)
        np.testing.assert_array_equal(run_until_left("saddle", start, "gradient descent", [0.1, 0.0], 0.7,
                                                     120, u, η=0.1), first)
        away = path.θ - [0.1, 0.0]
        size = np.abs(away @ DOWN) if u else np.linalg.norm(away, axis=-1)
        for k in np.ndindex(4, 6):
            assert (size[(slice(first[k]), *k)] < 0.7).all() and size[(first[k], *k)] >= 0.7
    assert (steps_to_leave(path.θ, [0.1, 0.0], 0.7) == steps_to_leave(path, [0.1, 0.0], 0.7)).all()


def test_never_is_minus_one_and_a_start_outside_is_zero():
    start, gd = [[1.0, 0.0], [1.0, 1e-3], [1.0, 1.5]], "gradient descent"
    assert steps_to_leave(descend("saddle", start, steps=60), ORIGIN, u=DOWN).tolist() == [-1, 38, 0]
    assert run_until_left("saddle", start, gd, ORIGIN, steps=60, u=DOWN).tolist() == [-1, 38, 0]
    assert run_until_left("saddle", start, gd, ORIGIN, steps=37, u=DOWN).tolist() == [-1, -1, 0]


def test_a_direction_need_not_have_length_one():
    path = descend("saddle", [0.5, 1e-3], steps=60)
    assert steps_to_leave(path, ORIGIN, u=[0.0, -5.0]) == steps_to_leave(path, ORIGIN, u=DOWN)


def test_a_path_with_gaps_answers_in_steps():
    path = descend("saddle", [0.0, 1e-3], steps=60, every=7)
    assert steps_to_leave(path, ORIGIN) == 42  # 38 is the step; 42 the first that was kept


def test_newton_does_not_leave_and_saddle_free_newton_does():
    θ = np.random.default_rng(2).uniform(-0.3, 0.3, (50, 2))
    left = {rule: run_until_left("worst network", θ, rule, ORIGIN, 0.8, 300, rng=np.random.default_rng(0))
            for rule in ESCAPE}
    assert (left["newton"] == -1).all()
    assert all((left[rule] > 0).all() for rule in ESCAPE if rule != "newton")
    assert left["saddle-free newton"].max() < left["gradient descent"].max()


# The cascade


def test_log_space_equals_float64_while_float64_can():
    rng = np.random.default_rng(8)
    for d in (1, 2, 3, 4):
        start = rng.uniform(0.05, 1.3, (30, d)) * rng.choice([-1, 1], (30, d))
        np.testing.assert_array_equal(cascade_run(Cascade(d), start, η=0.1), cascade_steps(d, start=start))
    start = rng.uniform(0.05, 1.0, (30, 3))
    np.testing.assert_array_equal(
        cascade_run(Cascade(3, L=3.0, γ=0.5, R=0.8), start, η=0.2, steps=20_000),
        cascade_steps(3, 0.2, 3.0, 0.5, 0.8, start))


def test_the_cascade_grows_by_the_law():
    steps = cascade_steps(14)
    growth = np.diff(np.log(steps))
    law = math.log(cascade_growth(0.1, 2.0, 1.0))
    assert growth[-1] == pytest.approx(law, abs=1e-6)
    slope = np.polyfit(np.arange(2, 13), np.log(np.cumsum(steps)[1:12]), 1)[0]
    assert slope == pytest.approx(1.2066, abs=0.01)
    assert cascade_steps(14, 0.05, 1.0, 2.0).sum(-1) < steps.sum()
    total = [cascade_steps(12, start=s).sum() for s in (0.42, 0.45, 0.5)]
    assert [6.5e6 < t < 8.5e6 for t in total] == [True] * 3


def test_float64_gets_stuck_where_the_exact_count_goes_on():
    least = math.log2(5e-324)
    assert 3337 * math.log2(0.8) < least < 3336 * math.log2(0.8)
    run = cascade_run(Cascade(8), [0.45] * 8, steps=12_000, η=0.1)
    assert run[:6].tolist() == cascade_steps(6).tolist() and run[6:].tolist() == [-1, -1]
    assert cascade_steps(8)[6] < 12_500


def test_noise_makes_every_saddle_take_the_same_time():
    η, D, d = 0.1, 1e-4, 12
    spent = cascade_run(Cascade(d), np.full((300, d), 0.45), "perturbed", 2000, np.random.default_rng(6),
                        η=η, D=D)
    assert (spent >= 0).all() and spent.sum(1).max() < 1000
    s = math.sqrt(2 * η * D / (1 - 0.8**2))  # where the stable directions have come to rest
    exact = escape_steps_exact(-1.0, η, s=s, D=D)
    later = spent[:, 3:].astype(float)  # the first ones still remember the start
    assert abs(later.mean() - exact) < 3 * error(later)
    slope = np.polyfit(np.arange(3, d), later.mean(0), 1)[0]
    assert abs(slope) < 3 * later.std(ddof=1) / math.sqrt(300 * ((np.arange(3, d) - 7) ** 2).sum())


def test_the_cascade_is_a_loss_with_its_derivatives():
    cascade = Cascade(4, L=3.0, γ=0.5, R=0.8)
    θ = np.random.default_rng(0).uniform(-2, 2, (200, 4))
    h = 1e-6
    numeric = np.stack([(cascade.loss(θ + h * e) - cascade.loss(θ - h * e)) / (2 * h) for e in np.eye(4)], -1)
    apart = (np.abs(np.abs(θ) - 0.8) > 1e-3).all(-1)  # at |θ_j| = R it has a kink
    np.testing.assert_allclose(cascade.gradient(θ)[apart], numeric[apart], atol=1e-8)
    numeric = np.stack([(cascade.gradient(θ + h * e) - cascade.gradient(θ - h * e)) / (2 * h)
                        for e in np.eye(4)], -1)
    np.testing.assert_allclose(cascade.hessian(θ)[apart], numeric[apart], atol=1e-8)
    assert set(cascade.saddle(θ)) == {0, 1, 2, 3, 4}
    saddle = np.array([1.6, -1.6, 0.0, 0.0])
    assert not cascade.gradient(saddle).any()
    assert np.diag(cascade.hessian(saddle)).tolist() == [3.0, 3.0, -0.5, 3.0]


def test_the_loss_of_the_cascade_only_falls_and_drops_by_a_little_where_a_coordinate_leaves():
    cascade = Cascade(4)
    run = descend(cascade, [0.45] * 4, steps=700, η=0.1)
    assert (np.diff(run.loss) <= 0).all()
    assert run.loss[-1] == pytest.approx(-4 * 3 / 2)
    edge = np.array([1.0, 0.2, 0.1, 0.1])
    drop = cascade.loss(edge * [1 - 1e-12, 1, 1, 1]) - cascade.loss(edge)
    assert drop == pytest.approx(3 / 2 * 0.2**2, abs=1e-9)


# Ends


def test_ends_knows_points_curves_and_neither():
    θ = [[3.0, 2.0], [3.0, 2.0005], [3.0, 2.002], [0.0, 0.0]]
    found = saddles.find_critical_points(landscape("Himmelblau")).points
    k = ends("Himmelblau", θ)
    assert k[0] == k[1] >= 0 and found[k[0]].θ.tolist() == [3.0, 2.0] and (k[2:] == -1).all()
    valley = [[0.25, 4.0], [-40.0, -0.025], [1.0, 1.0 + 1e-3], [1.0, 1.01], [0.0, 0.0], [0.0, 3.0]]
    assert ends("worst network", valley).tolist() == [1, 1, 1, -1, 0, -1]
    assert ends("worst network", [[1.0, 1.01]], near=0.02).tolist() == [1]
    assert ends("worst network", [[0.6, 0.6]], near=0.9).tolist() == [0]  # near both: points come first
    steep = [[-40.0, -0.0249], [-0.0249, -40.0]]  # 0.16 along one axis, 0.0001 across
    assert ends("worst network", steep).tolist() == [1, 1]
    assert ends("worst network", np.zeros((2, 3, 2))).shape == (2, 3)


def test_newton_is_drawn_to_saddles_and_the_others_are_not():
    land = landscape("Himmelblau")
    found = saddles.find_critical_points(land).points
    θ = np.random.default_rng(9).uniform(-4, 4, (400, 2))
    saddle = np.array([p.kind == "saddle" for p in found] + [False])  # the last one: nowhere
    share = {}
    for rule, η in (("gradient descent", {"η": 0.01}), ("newton", {}), ("saddle-free newton", {})):
        k = ends(land, descend(land, θ, ESCAPE[rule], 1500, every=1500, **η).end)
        assert (k >= 0).mean() > 0.99
        share[rule] = saddle[k].mean()
    assert share["gradient descent"] == share["saddle-free newton"] == 0
    assert share["newton"] > 0.2


# Random Hessians

EXACT = {
    1: sp.Rational(1, 2),
    2: (2 - sp.sqrt(2)) / 4,
    3: sp.Rational(1, 4) - 1 / (sp.sqrt(2) * sp.pi),
    4: (4 - sp.sqrt(2)) / 16 - 1 / (2 * sp.pi),
    5: sp.Rational(1, 8) - (8 + sp.sqrt(2)) / (24 * sp.pi),
}


@pytest.mark.parametrize("n", EXACT)
def test_exact_probability_of_a_positive_definite_matrix(n):
    assert sp.simplify(goe_minimum_probability(n) - EXACT[n]) == 0


def test_exact_probability_for_ten():
    assert float(sp.N(goe_minimum_probability(10), 30)) == pytest.approx(2.26565e-14, rel=3e-6)
    # ln p / (n² ln 3 / 4) -> −1, slowly
    ratio = [float(sp.log(goe_minimum_probability(n)) / sp.log(goe_minimum_law(n))) for n in range(2, 11)]
    assert (np.diff(ratio) < 0).all() and 1 < ratio[-1] < 1.2


@pytest.mark.parametrize("n", EXACT)
def test_monte_carlo_meets_the_exact_probability(n):
    size, rng = 400_000, np.random.default_rng(40 + n)
    p = float(EXACT[n])
    share, _ = minimum_share(goe(n, size, rng))
    assert abs(share - p) < 3 * math.sqrt(p * (1 - p) / size)


def test_minimum_share_and_its_error():
    H = np.array([np.diag(v) for v in [(1.0, 2.0), (1.0, -2.0), (-1.0, 2.0), (-1.0, -2.0)]])
    assert minimum_share(H) == (0.25, math.sqrt(0.25 * 0.75 / 4))
    assert minimum_share(-H) == minimum_share(H)


def test_moments_of_the_ensembles():
    size, δ = 400_000, np.eye(3)
    pair = np.einsum("ik,jl->ijkl", δ, δ) + np.einsum("il,jk->ijkl", δ, δ)
    trace = np.einsum("ij,kl->ijkl", δ, δ)
    for draw, expected in ((goe, pair), (gaussian_field_hessian, pair + trace)):
        H = draw(3, size, np.random.default_rng(1)).reshape(size, 9)
        second = (H.T @ H / size).reshape(3, 3, 3, 3)
        fourth = ((H**2).T @ H**2 / size).reshape(3, 3, 3, 3)
        assert (np.abs(second - expected) < 4 * np.sqrt(fourth / size)).all()
        np.testing.assert_array_equal(H.reshape(-1, 3, 3), H.reshape(-1, 3, 3).transpose(0, 2, 1))


def test_the_field_s_covariance_is_a_fourth_derivative():
    r, s = sp.symbols("r1:4", real=True), sp.Symbol("s", positive=True)
    C = sp.exp(-s) + s**2 * sp.cos(s)  # any smooth C(‖r‖²/2)
    field = C.subs(s, sum(k**2 for k in r) / 2)
    second = sp.diff(C, s, 2).subs(s, 0)
    for i, j, k, m in ((0, 0, 0, 0), (0, 0, 1, 1), (0, 1, 0, 1), (0, 1, 2, 2), (0, 1, 1, 1)):
        value = sp.diff(field, r[i], r[j], r[k], r[m]).subs(dict.fromkeys(r, 0))
        assert value == second * ((i == j) * (k == m) + (i == k) * (j == m) + (i == m) * (j == k))


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_pivots_have_the_determinant_and_the_inertia(n):
    H = goe(n, 500, np.random.default_rng(n))
    before = H.copy()
    p = pivots(H)
    np.testing.assert_allclose(p.prod(-1), np.linalg.det(H), rtol=1e-7)
    np.testing.assert_array_equal((p < 0).sum(-1), (np.linalg.eigvalsh(H) < 0).sum(-1))
    np.testing.assert_array_equal(pivots(H[:1]), p[:1])
    np.testing.assert_array_equal(H, before)


SHARES = {1: 0.5, 2: 0.25, 3: 0.25 - 18 * math.sqrt(10) / (116 * math.sqrt(15)), 4: 0.0602, 5: 0.0288}


@pytest.mark.parametrize("n", SHARES)
def test_share_of_minima_in_a_gaussian_field(n):
    digits = 5e-5 if n > 3 else 0  # the known values of n = 4, 5 are rounded
    share, se = field_minimum_share(n, 200_000, np.random.default_rng(60 + n))
    assert abs(share - SHARES[n]) < 3 * se + digits and se < 0.002
    shares, errors = field_index_shares_by_goe(n, 100_000, np.random.default_rng(70 + n))
    assert abs(shares[0] - SHARES[n]) < 3 * errors[0] + digits and errors[0] < 0.0012


def test_two_ways_to_the_shares_of_every_index_and_their_errors():
    direct, error_of_direct = field_index_shares(3, 200_000, np.random.default_rng(1))
    by_goe, error_by_goe = field_index_shares_by_goe(3, 100_000, np.random.default_rng(2))
    assert direct.sum() == pytest.approx(1) and by_goe.sum() == pytest.approx(1)
    assert (np.abs(direct - by_goe) < 3 * np.hypot(error_of_direct, error_by_goe)).all()
    for method, size in ((field_index_shares, 2000), (field_index_shares_by_goe, 500)):
        runs = np.array([method(2, size, np.random.default_rng(k))[0] for k in range(300)])
        claimed = method(2, 100 * size, np.random.default_rng(9))[1] * 10
        # the standard deviation of 300 runs is known to 4 %
        np.testing.assert_allclose(runs.std(0, ddof=1), claimed, rtol=0.15)


# Bad input

QUIET = np.random.default_rng(0)


@pytest.mark.parametrize("call, kind, says", [
    (lambda: escape_step("saddle", [0.0], 0.1), ValueError, "2 coordinates"),
    (lambda: escape_step("saddle", ORIGIN, math.nan), ValueError, "ε must be finite"),
    (lambda: escape_step(Quadratic(np.eye(2)).gradient, ORIGIN, 0.1), TypeError, "loss, gradient, hessian"),
    (lambda: escape_step("sadle", ORIGIN, 0.1), ValueError, "unknown landscape"),
    (lambda: escape_step_by_products("saddle", np.zeros((2, 2)), 0.1, 2, QUIET), ValueError, "one point"),
    (lambda: escape_step_by_products("saddle", ORIGIN, 0.1, 3, QUIET), ValueError, "k must lie"),
    (lambda: escape_step_by_products("saddle", ORIGIN, 0.1, 2, 0), TypeError, "Generator"),
    (lambda: escape_steps(1e-3, 2.0, 0.1), ValueError, "λ must be negative"),
    (lambda: escape_steps(0.0, -2.0, 0.1), ValueError, "δ must not be 0"),
    (lambda: escape_steps(1e-3, -2.0, 0.0), ValueError, "η must be more than 0"),
    (lambda: escape_steps(1e-3, -2.0, 0.1, -1.0), ValueError, "R must be more than 0"),
    (lambda: escape_steps(1e-3, -2.0), TypeError, "4 arguments"),
    (lambda: escape_steps_random(-1e-3, -2.0, 0.1), ValueError, "s must be more than 0"),
    (lambda: escape_steps_noise("a", -2.0, 0.1), TypeError, "D must be numbers"),
    (lambda: cascade_growth(0.6, 2.0, 1.0), ValueError, "no finite value"),
    (lambda: escape_time_noise_exact(0.0, -1.0), ValueError, "D must be"),
    (lambda: escape_time_noise_exact(0.1, 1.0), ValueError, "λ must be"),
    (lambda: escape_steps_exact(-1.0, 0.1), ValueError, "must not both be 0"),
    (lambda: escape_steps_exact(1.0, 0.1, s=1.0), ValueError, "λ must be"),
    (lambda: escape_steps_exact(-1.0, 0.1, s=-1.0), ValueError, "s must be"),
    (lambda: escape_steps_exact(-1e-3, 1e-3, D=1e-6), ValueError, "larger η"),
    (lambda: steps_to_leave([0.0, 1.0], [0.0]), ValueError, "path must have shape"),
    (lambda: steps_to_leave([[0.0, 1.0]], [0.0]), ValueError, "centre must have 2"),
    (lambda: steps_to_leave([[0.0, 1.0]], ORIGIN, 0.0), ValueError, "R must be"),
    (lambda: steps_to_leave([[0.0, 1.0]], ORIGIN, u=ORIGIN), ValueError, "u must be one direction"),
    (lambda: run_until_left("saddle", ORIGIN, "momentum", ORIGIN), ValueError, "remembers"),
    (lambda: run_until_left("saddle", ORIGIN, "gd", ORIGIN), ValueError, "unknown rule"),
    (lambda: run_until_left("saddle", ORIGIN, "perturbed", ORIGIN), TypeError, "rng"),
    (lambda: run_until_left("saddle", 0.0, "newton", ORIGIN), ValueError, "start"),
    (lambda: Cascade(0), ValueError, "d must lie"),
    (lambda: Cascade(2, γ=-1.0), ValueError, "γ must be"),
    (lambda: Cascade(2).loss([0.0]), ValueError, "2 coordinates"),
    (lambda: cascade_steps(3, 0.5), ValueError, "less than 1"),
    (lambda: cascade_steps(3, start=[0.1, 0.0, 0.1]), ValueError, "start must not be 0"),
    (lambda: cascade_steps(3, start=[0.1, 0.1]), ValueError, "3 coordinates"),
    (lambda: cascade_steps(2.5), TypeError, "d must be"),
    (lambda: cascade_run("saddle", ORIGIN), TypeError, "must be a Cascade"),
    (lambda: ends("saddle", ORIGIN, near=0.0), ValueError, "near must be"),
    (lambda: ends("saddle", [0.0]), ValueError, "2 coordinates"),
    (lambda: goe(0, 5, QUIET), ValueError, "n must lie"),
    (lambda: goe(2, 5, 1), TypeError, "Generator"),
    (lambda: goe_minimum_probability(13), ValueError, "n must lie"),
    (lambda: goe_minimum_probability(2.0), TypeError, "whole number"),
    (lambda: pivots(np.eye(2)), ValueError, "shape"),
])
def test_bad_input_says_what_is_accepted(call, kind, says):
    with pytest.raises(kind, match=says):
        call()


def test_a_rule_that_counts_its_steps_cannot_be_cut_into_blocks():
    from helpers.optimizers import UpdateRule, g, t, η, θ

    fading = UpdateRule("fading", "Fading", ((θ, θ - η * g / t),))
    with pytest.raises(ValueError, match="remembers"):
        run_until_left("saddle", ORIGIN, fading, ORIGIN)


def test_a_minimum_has_no_way_down():
    step = escape_step(BOWL, ORIGIN, 0.1)
    assert step.λ == 2 and step.actual > 0 and repr(step).startswith("EscapeStep: λ = 2")
    assert repr(escape_step(BOWL, np.zeros((3, 2)), [0.1, 0.2])) == "EscapeStep: 3 point(s), 2 length(s)"
