"""Hessian-vector products, Lanczos and power iteration against exact Hessians and numpy's eigenvalues."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.curvature import (
    central_hvp,
    complex_step_hessian,
    complex_step_hvp,
    krylov,
    lanczos,
    power_iteration,
)
from helpers.landscapes import GALLERY, landscape

ALL = pytest.mark.parametrize("land", GALLERY.values(), ids=GALLERY)


def points_and_directions(land, n=200, seed=0):
    rng = np.random.default_rng(seed)
    low, high = np.array(land.domain).T
    return rng.uniform(low, high, (n, land.d)), rng.normal(size=(n, land.d))


def exact(land, θ, v):
    return np.einsum("nij,nj->ni", land.hessian(θ), v)


@ALL
def test_complex_step_gives_the_exact_hessian(land):
    θ, v = points_and_directions(land)
    H = land.hessian(θ)
    assert np.abs(complex_step_hessian(land.gradient, θ) - H).max() / np.abs(H).max() < 1e-13
    assert np.abs(complex_step_hvp(land.gradient, θ, v) - exact(land, θ, v)).max() / np.abs(H).max() < 1e-13


@ALL
def test_central_differences_of_the_gradient_give_the_hessian(land):
    θ, v = points_and_directions(land)
    Hv = exact(land, θ, v)
    assert np.abs(central_hvp(land.gradient, θ, v) - Hv).max() / np.abs(Hv).max() < 1e-8


def test_orders_of_error():
    land = landscape("Himmelblau")
    θ, v = np.array([1.0, -2.0]), np.array([0.6, 0.8])
    # every derivative of its gradient beyond the third vanishes: the error is h² times a constant, exactly
    h = np.geomspace(1e-3, 1e-1, 9)
    for product in (central_hvp, complex_step_hvp):
        error = [np.linalg.norm(product(land.gradient, θ, v, h=k) - land.hessian(θ) @ v) for k in h]
        assert np.polyfit(np.log(h), np.log(error), 1)[0] == pytest.approx(2, abs=0.01)


def test_products_of_many_points_and_one_direction():
    land = landscape("Rosenbrock")
    θ, _ = points_and_directions(land, 12)
    v = np.array([1.0, 0.5])
    for product in (central_hvp, complex_step_hvp):
        np.testing.assert_allclose(product(land.gradient, θ.reshape(3, 4, 2), v).reshape(12, 2),
                                   land.hessian(θ) @ v, rtol=1e-5, atol=1e-4)


def symmetric(d, seed):
    A = np.random.default_rng(seed).normal(size=(d, d))
    return (A + A.T) / 2


@settings(max_examples=40, deadline=None)
@given(d=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_lanczos_finds_the_whole_spectrum_after_d_products(d, seed):
    H = symmetric(d, seed)
    λ, U = lanczos(lambda v: H @ v, d, d, np.random.default_rng(seed))
    np.testing.assert_allclose(λ, np.linalg.eigvalsh(H), atol=1e-9 * np.abs(H).max() * d)
    np.testing.assert_allclose(U.T @ U, np.eye(d), atol=1e-9)
    np.testing.assert_allclose(H @ U, U * λ, atol=1e-8 * np.abs(H).max() * d)


def test_krylov_turns_the_matrix_into_a_tridiagonal_one():
    H = symmetric(40, 7)
    T, Q = krylov(lambda v: H @ v, 40, 12, np.random.default_rng(0))
    np.testing.assert_allclose(Q.T @ H @ Q, T, atol=1e-12)
    np.testing.assert_allclose(Q.T @ Q, np.eye(12), atol=1e-13)
    fewer, _ = krylov(lambda v: H @ v, 40, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(T[:5, :5], fewer)


@pytest.mark.parametrize("seed", range(5))
def test_lanczos_finds_the_ends_of_the_spectrum_early(seed):
    H, calls = symmetric(300, seed), []
    λ, U = lanczos(lambda v: calls.append(1) or H @ v, 300, 100, np.random.default_rng(seed))
    true = np.linalg.eigvalsh(H)
    assert len(calls) == 100
    np.testing.assert_allclose(λ[[0, -1]], true[[0, -1]], rtol=1e-6)
    for k in (0, -1):
        assert np.linalg.norm(H @ U[:, k] - λ[k] * U[:, k]) < 1e-3 * np.abs(true).max()


def test_ritz_values_close_in_from_inside_and_stay_there():
    H = symmetric(60, 3)
    runs = (lanczos(lambda v: H @ v, 60, k, np.random.default_rng(0))[0] for k in range(1, 61))
    ends = np.array([λ[[0, -1]] for λ in runs])
    low, high = np.linalg.eigvalsh(H)[[0, -1]]
    assert (np.diff(ends[:, 0]) <= 1e-10).all() and (np.diff(ends[:, 1]) >= -1e-10).all()
    assert (ends[:, 0] >= low - 1e-10).all() and (ends[:, 1] <= high + 1e-10).all()


def test_full_orthogonalisation_leaves_no_ghosts():
    # well separated outer eigenvalues converge first; without it they come back as copies
    true = np.concatenate([np.linspace(0, 1, 190), 10.0 * np.arange(1, 11)])
    λ, _ = lanczos(lambda v: true * v, 200, 80, np.random.default_rng(0))
    np.testing.assert_allclose(λ[-10:], true[-10:], rtol=1e-10)
    assert (λ > 1.5).sum() == 10


def test_lanczos_ends_where_its_space_ends():
    λ, U = lanczos(lambda v: 3 * v, 50, 20, np.random.default_rng(0))
    assert λ.tolist() == pytest.approx([3.0]) and U.shape == (50, 1)
    λ, _ = lanczos(lambda v: np.where(np.arange(50) < 7, -1.0, 2.0) * v, 50, 20, np.random.default_rng(0))
    assert λ.tolist() == pytest.approx([-1.0, 2.0])
    assert lanczos(lambda v: 0 * v, 5, 3, np.random.default_rng(0))[0].tolist() == [0.0]


def test_lanczos_on_products_of_central_differences():
    land = landscape("Himmelblau")
    λ, _ = lanczos(lambda v: central_hvp(land.gradient, [3.0, 2.0], v), 2, 2, np.random.default_rng(0))
    np.testing.assert_allclose(λ, np.linalg.eigvalsh(land.hessian([3.0, 2.0])), rtol=1e-6)


def test_power_iteration():
    spectrum = np.array([-2.0, 0.5, 1.0, 1.6])
    rng = np.random.default_rng
    errors = [abs(power_iteration(lambda v: spectrum * v, 4, k, rng(1))[0] + 2) for k in range(10, 40)]
    assert np.polyfit(np.arange(30), np.log(errors), 1)[0] == pytest.approx(2 * np.log(0.8), abs=0.01)
    λ, u = power_iteration(lambda v: spectrum * v, 4, 200, rng(1))
    assert λ == pytest.approx(-2) and abs(u[0]) == pytest.approx(1)
    assert power_iteration(lambda v: 0 * v, 4, 5, rng(0))[0] == 0


def cube(θ):
    return θ**3


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("call, error, words", [
    (lambda: complex_step_hvp(cube, [1.0, 2.0], [1.0]), ValueError, "same number of coordinates"),
    (lambda: complex_step_hvp(cube, 1.0, 1.0), ValueError, "same number of coordinates"),
    (lambda: complex_step_hvp(cube, [np.nan], [1.0]), ValueError, "θ must be finite"),
    (lambda: complex_step_hvp(cube, ["a"], [1.0]), TypeError, "θ must be numbers"),
    (lambda: complex_step_hvp(cube, [1.0], [np.inf]), ValueError, "v must be finite"),
    (lambda: complex_step_hvp(cube, [1.0], [1.0], h=0), ValueError, "h must be finite and more than 0"),
    (lambda: complex_step_hvp(np.abs, [1.0], [1.0]), TypeError, "central_hvp takes such a function"),
    (lambda: complex_step_hvp(np.sum, [1.0, 2.0], [1.0, 1.0]), ValueError, "must have the same shape"),
    (lambda: complex_step_hvp("cube", [1.0], [1.0]), TypeError, "gradient must be a function"),
    (lambda: central_hvp(cube, [1.0], [1.0], h=-1), ValueError, "h must be finite and more than 0"),
    (lambda: central_hvp(cube, [1.0], [1.0, 2.0]), ValueError, "same number of coordinates"),
    (lambda: complex_step_hessian(cube, 1.0), ValueError, "coordinates on the last axis"),
    (lambda: lanczos(cube, 3, 4, RNG), ValueError, "k must lie between 1 and 3"),
    (lambda: lanczos(cube, 3, 0, RNG), ValueError, "k must lie between 1 and 3"),
    (lambda: lanczos(cube, 2.5, 1, RNG), TypeError, "d must be a whole number"),
    (lambda: lanczos(cube, 3, 2, 0), TypeError, "numpy.random.Generator"),
    (lambda: lanczos(lambda v: v[:1], 3, 2, RNG), ValueError, "one of that shape"),
    (lambda: lanczos(lambda v: v * np.nan, 3, 2, RNG), ValueError, "must be finite"),
    (lambda: lanczos(lambda v: np.triu(np.ones((3, 3))) @ v, 3, 3, RNG), ValueError, "not symmetric"),
    (lambda: power_iteration(cube, 3, 1, RNG), ValueError, "k must lie between 2"),
    (lambda: power_iteration(cube, 3, 5, None), TypeError, "numpy.random.Generator"),
])
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
