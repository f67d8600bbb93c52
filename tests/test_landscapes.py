"""Landscapes: the gallery against independent derivatives and known values, and what is refused."""

import json

import numpy as np
import pytest
import sympy as sp

from helpers.landscapes import (
    GALLERY,
    Landscape,
    double_well,
    landscape,
    ravine,
    stretch,
    styblinski_tang,
    tilted_double_well,
    two_wells,
    worst_network,
)

x, y, w = sp.symbols("x y w", real=True)
ALL = pytest.mark.parametrize("land", GALLERY.values(), ids=GALLERY)


def points_in(land, n=200, seed=0):
    low, high = np.array(land.domain).T
    return np.random.default_rng(seed).uniform(low, high, (n, land.d))


def complex_step(function, θ, h=1e-30):
    """∂f/∂θ without cancellation: Im f(θ + ih)/h, one coordinate at a time, on a new last axis."""
    return np.stack([function(θ + 1j * h * e).imag / h for e in np.eye(θ.shape[-1])], axis=-1)


@ALL
def test_gradient_and_hessian_against_the_complex_step(land):
    θ = points_in(land)
    for ours, independent in (
        (land.gradient(θ), complex_step(land.loss, θ)),
        (land.hessian(θ), complex_step(land.gradient, θ)),
    ):
        assert np.abs(ours - independent).max() / np.abs(independent).max() < 1e-13


@ALL
def test_gradient_against_finite_differences(land):
    θ, h = points_in(land), 1e-3
    # five points: the error of order h⁴ stays below the bar even on the ripples of the empirical risk
    stencil = (
        sum(
            c * np.stack([land.loss(θ + k * h * e) for e in np.eye(land.d)], -1)
            for k, c in ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
        )
        / h
    )
    assert np.abs(land.gradient(θ) - stencil).max() / np.abs(stencil).max() < 1e-8


@ALL
def test_shapes_and_symmetry(land):
    θ = points_in(land, 12).reshape(3, 4, land.d)
    assert land.loss(θ).shape == (3, 4)
    assert land.gradient(θ).shape == (3, 4, land.d)
    H = land.hessian(θ)
    assert H.shape == (3, 4, land.d, land.d)
    np.testing.assert_array_equal(H, np.swapaxes(H, -1, -2))
    assert land.loss(θ[0, 0]) == land.loss(θ)[0, 0]


@ALL
def test_start_lies_in_the_picture_and_spec_is_json(land):
    assert all(low <= s <= high for s, (low, high) in zip(land.start, land.domain, strict=True))
    spec = json.loads(json.dumps(land.spec(), allow_nan=False))
    assert spec["javascript"] == land.javascript
    assert len(spec["labels"]) == len(spec["domain"]) == land.d
    assert land.title and land.about


@pytest.mark.parametrize(
    "name, θ, L",
    [
        ("risk", [1.0], -1.0),
        ("empirical risk", [1.0], -1.2),
        ("cubic", [2.0], 8.0),
        ("tilted double well", [1.0], 0.05),
        ("double well", [2.0], 9 / 4),
        ("two wells", [0.0], 1 / 4),
        ("hill", [2.0], 4 / 3),
        ("tanh", [4.0], np.tanh(4.0)),
        ("saddle", [3.0, 2.0], 5.0),
        ("monkey saddle", [1.0, 2.0], -11.0),
        ("worst network", [0.0, 7.0], 1.0),
        ("maximum", [0.0, 0.0], 1.0),
        ("ravine", [2.0, 2.0], 52.0),
        ("Rosenbrock", [-1.0, 1.0], 4.0),
        ("Himmelblau", [3.0, 2.0], 0.0),
        ("Styblinski–Tang", [1.0, 1.0], -10.0),
    ],
)
def test_known_values(name, θ, L):
    assert landscape(name).loss(θ) == pytest.approx(L, abs=1e-14)


def test_the_lectures_numbers():
    assert landscape("tanh").gradient([4.0])[0] == pytest.approx(0.00134095, rel=1e-5)
    np.testing.assert_array_equal(landscape("worst network").hessian([0.0, 0.0]), [[0, -2], [-2, 0]])
    w1 = np.array([0.5, 1.0, 3.0])
    valley = np.stack([w1, 1 / w1], axis=-1)
    λ = np.linalg.eigvalsh(landscape("worst network").hessian(valley))
    np.testing.assert_allclose(λ, np.stack([0 * w1, 2 * (w1**2 + w1**-2)], -1), atol=1e-12)


def test_families_of_landscapes():
    np.testing.assert_array_equal(ravine(κ=9).hessian([1.0, 1.0]), [[1, 0], [0, 9]])
    assert styblinski_tang(4).loss([[-2.903534] * 4]) == pytest.approx(4 * -39.16617, rel=1e-6)
    assert tilted_double_well(0).expression == (sp.Symbol("x", real=True) ** 2 - 1) ** 2 / 4
    assert worst_network(sample=2, target=3).loss([1.5, 1.0]) == 0


@pytest.mark.parametrize("k", [0.4, 1, 1.2, 9.0])
def test_double_wells_have_the_curvatures_that_their_k_promises(k):
    well = double_well(k)
    points = np.array([[-1.0], [0.0], [1.0]]) / np.sqrt(k)
    np.testing.assert_allclose(well.loss(points), [0, 1 / 4, 0], atol=1e-15)
    np.testing.assert_allclose(well.gradient(points), 0, atol=1e-15)
    np.testing.assert_allclose(well.hessian(points)[:, 0, 0], [2 * k, -k, 2 * k], rtol=1e-14)
    np.testing.assert_allclose(well.domain[0], np.array([-1.8, 1.8]) / np.sqrt(k))
    θ = np.linspace(-1, 1, 7)[:, None]
    np.testing.assert_allclose(well.loss(θ), double_well().loss(np.sqrt(k) * θ), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("ρ, δ", [(1.5, 0.1), (3.0, 0.05), (0.5, 0.1), (1, 0.1)])
def test_two_wells_of_one_depth_whose_curvatures_differ(ρ, δ):
    land = two_wells(ρ, δ)
    bottoms = []
    for low, high in ((-1.5, -0.5), (0.2 / ρ, 1.5 / ρ)):
        for _ in range(60):  # bisection on the slope
            middle = (low + high) / 2
            low, high = (middle, high) if land.gradient([middle])[0] < 0 else (low, middle)
        bottoms.append([low])
    np.testing.assert_allclose(land.loss(bottoms), 0, atol=1e-15)
    assert land.loss([0.0]) == 1 / 4 and land.gradient([0.0])[0] == 0
    # tanh(x/δ) has reached ±1 but for some e^{−2|x|/δ} there
    np.testing.assert_allclose(land.hessian(bottoms)[:, 0, 0], [2, 2 * ρ**2], rtol=6e-3 if ρ == 3 else 1e-4)
    assert all(low < b[0] < high for b, (low, high) in zip(bottoms, land.domain * 2, strict=True))


def test_two_wells_of_the_same_curvature_are_the_double_well():
    θ = np.linspace(-1.8, 1.8, 9)[:, None]
    np.testing.assert_array_equal(two_wells(ρ=1).loss(θ), double_well().loss(θ))


def test_far_from_the_wells_nothing_overflows():
    land, far = two_wells(), np.array([[-5.0], [5.0]])
    slope = 1 + 0.25 * (1 + np.tanh(far / 0.1))
    g = far + 0.25 * (far + 0.1 * (np.abs(far) / 0.1 - np.log(2)))  # ln cosh u = |u| − ln 2 for large |u|
    np.testing.assert_allclose(land.loss(far), ((g**2 - 1) ** 2 / 4)[:, 0], rtol=1e-13)
    np.testing.assert_allclose(land.gradient(far), g * (g**2 - 1) * slope, rtol=1e-13)
    steep = two_wells(ρ=2, δ=0.01)
    assert all(np.isfinite(f(far)).all() for f in (steep.loss, steep.gradient, steep.hessian))


def test_labels_and_latex():
    assert landscape("worst network").labels == ["w₁", "w₂"]
    assert landscape("worst network").latex == r"\left(1 - w_{1} w_{2}\right)^{2}"
    assert styblinski_tang(3).labels == ["x₁", "x₂", "x₃"]


def test_one_dimension_takes_plain_numbers_for_domain_and_start():
    parabola = Landscape("parabola", x**2, x, (-1, 1), start=0.5)
    assert parabola.domain == ((-1.0, 1.0),)
    assert parabola.start == (0.5,)
    assert parabola.loss(3.0) == 9.0


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        (("a", w * x, x, (0, 1)), ValueError, "contains w; it may contain only x"),
        (("a", "no ( expression", x, (0, 1)), TypeError, "must be a SymPy expression"),
        (("a", sp.oo, x, (0, 1)), ValueError, "finite real expression"),
        (("a", x, (), ()), TypeError, "one or more different SymPy symbols"),
        (("a", x, (x, x), ((0, 1), (0, 1))), TypeError, "different SymPy symbols"),
        (("a", x, "x", (0, 1)), TypeError, "different SymPy symbols"),
        (("a", x, x, (1, 1)), ValueError, "low < high"),
        (("a", x, x, (2, 1)), ValueError, "low < high"),
        (("a", x, x, (0, np.nan)), ValueError, "domain must be finite"),
        (("a", x, (x, y), (0, 1)), ValueError, "domain must be 2 pair"),
        (("a", x, x, ()), ValueError, "domain must be 1 pair"),
        (("a", x, x, None), ValueError, "domain must be 1 pair"),
        (("", x, x, (0, 1)), TypeError, "non-empty string"),
        (("a", x, x, (0, 1), [np.nan]), ValueError, "start must be finite"),
        (("a", x, x, (0, 1), [1, 2]), ValueError, "start must have 1 coordinate"),
        (("a", x, x, (0, 1), ["b"]), TypeError, "start must be numbers"),
    ],
)
def test_what_is_no_landscape_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        Landscape(*arguments)


@pytest.mark.parametrize("method", ["loss", "gradient", "hessian"])
def test_points_of_the_wrong_dimension_are_refused(method):
    for θ in ([1.0], [1.0, 2.0, 3.0], 1.0, np.zeros((2, 3))):
        with pytest.raises(ValueError, match=r"has 2 parameter\(s\): θ needs shape"):
            getattr(landscape("saddle"), method)(θ)


@pytest.mark.parametrize(
    "make, bad, error",
    [
        (ravine, 0.5, ValueError),
        (ravine, np.nan, ValueError),
        (ravine, "steep", TypeError),
        (styblinski_tang, 0, ValueError),
        (styblinski_tang, 2.5, ValueError),
        (styblinski_tang, 9, ValueError),
        (tilted_double_well, np.inf, ValueError),
        (double_well, 0, ValueError),
        (double_well, "steep", TypeError),
        (two_wells, 0.0, ValueError),
        (two_wells, None, TypeError),
        (lambda δ: two_wells(δ=δ), 0.001, ValueError),
        (lambda δ: stretch(δ=δ), "soft", TypeError),
    ],
)
def test_families_refuse_impossible_parameters(make, bad, error):
    with pytest.raises(error):
        make(bad)


@pytest.mark.parametrize("name", ["rosenbrok", "", None, 3, ["saddle"]])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(ValueError, match="unknown landscape .* 'risk', 'empirical risk'"):
        landscape(name)


# The hill: what momentum does there


def valley(β, **settings):
    """Where a ball that starts at the hill's own start ends: -1 shallow, 4/3 deep."""
    from helpers.optimizers import descend

    run = descend("hill", landscape("hill").start, "momentum", steps=4000, every=4000, β=β, **settings)
    assert not run.diverged.any()
    return run.end[..., 0]


def test_the_hill_has_a_shallow_valley_a_barrier_and_a_deeper_valley():
    hill = landscape("hill")
    points = np.array([[-1.0], [0.0], [4 / 3]])
    np.testing.assert_allclose(hill.gradient(points), 0, atol=1e-14)
    np.testing.assert_allclose(hill.loss(points), [-11 / 12, 0, -160 / 81], rtol=1e-14)
    np.testing.assert_allclose(hill.hessian(points)[:, 0, 0], [7, -4, 28 / 3], rtol=1e-14)
    (low, high), (start,) = hill.domain[0], hill.start
    assert low < start < -1 and hill.gradient([start]) < 0  # on the left slope
    assert min(hill.loss([low]), hill.loss([high])) > hill.loss([start]) > 0  # the picture holds the ball


@pytest.mark.parametrize("η", [0.007, 0.015, 0.03, 0.05])
def test_on_the_hill_momentum_decides_the_valley_in_bands(η):
    β = np.linspace(0, 0.99, 100)
    end = valley(β, η=η)
    deep = np.abs(end - 4 / 3) < 1e-3
    np.testing.assert_allclose(end, np.where(deep, 4 / 3, -1), atol=1e-3)
    assert not deep[0]  # plain gradient descent
    crossing = β[deep.argmax()]
    assert 0.7 < crossing < 0.92  # the more momentum, the fewer steps of the ball are lost to friction
    back = ~deep & (β > crossing)
    assert back.any() and β[back.argmax()] > crossing + 0.05


def test_at_the_settings_of_the_explorers_the_default_momentum_crosses_the_hill():
    rate = landscape("hill").spec()["rate"]
    assert rate["limit"] == pytest.approx(2 / 7, rel=1e-4)
    np.testing.assert_allclose(valley(np.array([0, 0.9]), η=rate["value"]), [-1, 4 / 3], atol=1e-6)
