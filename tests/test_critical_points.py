"""Critical points: known sets, verdicts, and what the second-order test cannot say."""

import numpy as np
import pytest
import sympy as sp

from helpers.critical_points import (
    classify,
    diagnose,
    eigen2,
    find_critical_points,
    quadratic_form,
    quadratic_model,
    stability_limit,
)
from helpers.landscapes import GALLERY, Landscape, landscape, styblinski_tang
from helpers.minibatch import sample_loss

x, y, z = sp.symbols("x y z", real=True)
SQUARE = ((-2, 2), (-2, 2))


def kinds(found):
    return sorted(p.kind for p in found.points)


@pytest.mark.parametrize("name", GALLERY)
def test_every_point_found_is_critical_and_well_described(name):
    land = GALLERY[name]
    for p in find_critical_points(land).points:
        λ = np.linalg.eigvalsh(land.hessian(p.θ))
        assert np.linalg.norm(land.gradient(p.θ)) < 1e-12 * (1 + np.abs(λ).max())
        np.testing.assert_allclose(p.eigenvalues, λ, atol=1e-12)
        assert p.loss == land.loss(p.θ)
        assert (p.kind, p.index) == classify(λ)


@pytest.mark.parametrize(
    "name, minima, saddles, maxima, degenerate",
    [
        ("risk", 2, 0, 1, 0),
        ("empirical risk", 7, 0, 6, 0),
        ("cubic", 0, 0, 0, 1),
        ("tilted double well", 2, 0, 1, 0),
        ("tanh", 0, 0, 0, 0),
        ("saddle", 0, 1, 0, 0),
        ("monkey saddle", 0, 0, 0, 1),
        ("worst network", 0, 1, 0, 0),
        ("maximum", 0, 0, 1, 0),
        ("ravine", 1, 0, 0, 0),
        ("Rosenbrock", 1, 0, 0, 0),
        ("Himmelblau", 4, 4, 1, 0),
        ("Styblinski–Tang", 4, 4, 1, 0),
    ],
)
def test_the_gallery(name, minima, saddles, maxima, degenerate):
    found = find_critical_points(GALLERY[name])
    counts = [len(found.of(kind)) for kind in ("minimum", "saddle", "maximum", "degenerate")]
    assert counts == [minima, saddles, maxima, degenerate]
    assert found.exact == (name not in ("risk", "empirical risk", "tanh"))


def test_one_dimensional_lists_agree_with_sign_changes_of_the_slope():
    for name in ("risk", "empirical risk"):
        θ = np.linspace(-1, 2, 300_001)[:, None]
        slope = GALLERY[name].gradient(θ)[:, 0]
        crossings = θ[:-1, 0][slope[:-1] * slope[1:] < 0]
        found = [p.θ[0] for p in find_critical_points(GALLERY[name]).points]
        np.testing.assert_allclose(found, crossings, atol=2e-5)


def test_worst_network_has_a_saddle_and_a_valley():
    found = find_critical_points(landscape("worst network"))
    (saddle,), (valley,) = found.points, found.curves
    assert saddle.kind == "saddle" and saddle.index == 1
    np.testing.assert_allclose(saddle.eigenvalues, [-2, 2])
    assert valley.label == "valley of minima" and valley.kind == "degenerate"
    lines = valley.sample(((-2, 2), (-2, 2)))
    assert len(lines) == 2
    for line in lines:
        np.testing.assert_allclose(line.prod(axis=-1), 1, rtol=1e-12)
        assert np.ptp(line[:, 0]) > 1.4  # from about 1/2 to 2


def test_curves_and_points_together():
    ring = find_critical_points(Landscape("ring", (x**2 + y**2 - 1) ** 2, (x, y), SQUARE, lower_bound=0))
    assert [p.kind for p in ring.points] == ["maximum"]
    θ = np.concatenate([line for curve in ring.curves for line in curve.sample(SQUARE)])
    np.testing.assert_allclose((θ**2).sum(-1), 1, rtol=1e-12)
    assert {c.label for c in ring.curves} == {"valley of minima"}


def test_a_degenerate_minimum_is_called_degenerate_and_global_where_a_bound_proves_it():
    bounded = Landscape("quartic", x**4 + y**4, (x, y), SQUARE, lower_bound=0)
    (p,) = find_critical_points(bounded).points
    assert (p.kind, p.verdict) == ("degenerate", "global minimum, though degenerate")
    (q,) = find_critical_points(Landscape("quartic", x**4 + y**4, (x, y), SQUARE)).points
    assert (q.kind, q.verdict) == ("degenerate", "degenerate")


def test_no_critical_point_and_only_critical_points():
    assert not find_critical_points(Landscape("plane", x + y, (x, y), SQUARE)).points
    constant = find_critical_points(Landscape("constant", sp.Integer(3), (x, y), SQUARE))
    assert constant.everywhere and repr(constant) == "every point is critical"


def test_exact_coordinates_where_they_are_neat():
    (p,) = find_critical_points(landscape("Rosenbrock")).points
    assert p.expression == (1, 1)
    three = find_critical_points(Landscape("three", x**4 - 2 * x**2 + y**2, (x, y), SQUARE))
    assert [p.expression for p in three.points] == [(-1, 0), (0, 0), (1, 0)]


def test_numerical_search_finds_every_critical_point_of_a_trigonometric_loss():
    egg = Landscape("egg box", sp.sin(x) * sp.sin(y), (x, y), ((-4, 4), (-4, 4)))
    found = find_critical_points(egg)
    assert [len(found.of(k)) for k in ("minimum", "saddle", "maximum")] == [2, 9, 2]
    rastrigin = x**2 + y**2 - 10 * sp.cos(2 * sp.pi * x) - 10 * sp.cos(2 * sp.pi * y)
    assert (
        len(
            find_critical_points(Landscape("Rastrigin", rastrigin, (x, y), ((-2.2, 2.2), (-2.2, 2.2)))).points
        )
        == 81
    )


def test_three_and_more_dimensions():
    found = find_critical_points(styblinski_tang(3))
    assert len(found.points) == 27
    assert sorted(p.index for p in found.points) == [0] * 8 + [1] * 12 + [2] * 6 + [3]


@pytest.mark.parametrize(
    "λ, kind, index",
    [
        ([1, 2], "minimum", 0),
        ([-1, -2], "maximum", 2),
        ([-1, 0, 2], "saddle", 1),
        ([0, 2], "degenerate", 0),
        ([0, -2], "degenerate", 1),
        ([0], "degenerate", 0),
        ([1e-9, 1], "degenerate", 0),
        ([1e6, 1e-3], "degenerate", 0),
        ([1e-3, 2e-3], "minimum", 0),
        ([-1e-3, 1e-3], "saddle", 1),
        ([-1, -1, 1], "saddle", 2),
        ([5], "minimum", 0),
    ],
)
def test_classify(λ, kind, index):
    assert classify(λ) == (kind, index)


@pytest.mark.parametrize(
    "bad, error",
    [
        ([], ValueError),
        ([[1.0]], ValueError),
        ([np.nan], ValueError),
        (["a"], TypeError),
        ([1, np.inf], ValueError),
        (None, (TypeError, ValueError)),
    ],
)
def test_classify_refuses(bad, error):
    with pytest.raises(error, match="eigenvalues must be"):
        classify(bad)


def test_diagnose_keeps_steep_points_apart_from_critical_ones():
    report = diagnose(landscape("worst network"), [1.0, 0.5])
    assert report["kind"] == "not critical" and report["gradient_norm"] > 0.1
    assert diagnose(landscape("worst network"), [2.0, 0.5])["kind"] == "degenerate"
    assert diagnose(landscape("tanh"), [4.0])["kind"] == "not critical"
    for bad in ([1.0], [np.nan, 0.0], [[0.0, 0.0], [1.0, 1.0]]):
        with pytest.raises(ValueError):
            diagnose(landscape("worst network"), bad)


def test_closed_forms_in_two_dimensions_against_linear_algebra():
    rng = np.random.default_rng(4)
    a, b, c = rng.normal(size=(3, 500))
    λ1, λ2, u1, u2 = np.moveaxis(eigen2(a, b, c), -1, 0)
    H = np.stack([np.stack([a, b], -1), np.stack([b, c], -1)], -1)
    np.testing.assert_allclose(np.stack([λ1, λ2], -1), np.linalg.eigvalsh(H), atol=1e-13)
    u = np.stack([u1, u2], -1)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", H, u), λ1[:, None] * u, atol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(u, axis=-1), 1, atol=1e-15)
    assert (u2 >= 0).all()


@pytest.mark.parametrize(
    "matrix, u",
    [
        ((2, 0, -2), (0, 1)),
        ((-2, 0, 2), (-1, 0)),
        ((0, -2, 0), (np.sqrt(0.5), np.sqrt(0.5))),
        ((1, 0, 1), (0, 1)),
        ((0, 0, 0), (0, 1)),
        ((-1, 1e-200, 1), (-1, 0)),
    ],
)
def test_eigenvectors_in_two_dimensions_are_exact_where_they_can_be(matrix, u):
    found = eigen2(*matrix)[2:]
    assert np.abs(found - u).max() < 2e-16 and found[1] >= 0
    assert abs(found[0]) != abs(found[1]) or u[0] == u[1]


@pytest.mark.parametrize("d", [1, 2, 5])
def test_quadratic_model_is_exact_on_quadratics(d):
    rng = np.random.default_rng(d)
    A = rng.normal(size=(d, d))
    H, g, v, L = A + A.T, rng.normal(size=d), rng.normal(size=(7, d)), 1.5
    expected = L + v @ g + np.einsum("ni,ij,nj->n", v, H, v) / 2
    np.testing.assert_allclose(quadratic_model(d)(L, g, H.ravel(), v), expected, rtol=1e-12)
    np.testing.assert_allclose(quadratic_form(d)(H.ravel(), v), np.einsum("ni,ij,nj->n", v, H, v), rtol=1e-12)


@pytest.mark.parametrize(
    "name, limit",
    [
        ("ravine", 2 / 25),
        ("Himmelblau", 0.024829),
        ("worst network", 0.5),
        ("saddle", 1.0),
        ("Rosenbrock", 0.0019968),
        ("cubic", None),
        ("tanh", None),
        ("maximum", None),
        ("monkey saddle", None),
    ],
)
def test_stability_limit(name, limit):
    assert stability_limit(landscape(name)) == (limit if limit is None else pytest.approx(limit, rel=1e-4))


def test_a_mean_over_many_samples_is_searched_not_factored():
    """Factoring the gradient of forty logistic losses would take longer than anybody waits."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, 40)
    data = sample_loss("logistic").on(np.column_stack([x, rng.random(40) < 1 / (1 + np.exp(-2 * x))]))
    (point,) = find_critical_points(data.landscape(((-4, 6), (-4, 4)))).points
    assert point.kind == "minimum" and np.abs(point.θ - data.minimum()).max() < 1e-9
