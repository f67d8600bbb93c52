"""Exact times and densities against closed forms and equations they obey; laws against the exact values."""

import doctest
import math
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import kramers
from helpers.diffusion import SGD, Diffusion, pool_loss
from helpers.kramers import (
    climb_share,
    convention_prefactor,
    convention_time,
    curvature_noise,
    eyring_kramers,
    ito_time,
    kramers_time,
    laplace_coefficient,
    literal_climb,
    mean_first_passage,
    mori_exponent,
    mori_rate,
    next_order,
    occupation_exact,
    sgd_time,
    stationary_density,
    two_parabolas,
)
from helpers.landscapes import Landscape, double_well, ravine, tilted_double_well, two_wells, x
from helpers.saddles import escape_time_noise_exact

WELL = double_well()
SIDES = {"Itô": 0.0, "Stratonovich": 0.5, "anti-Itô": 1.0}


class Process:
    """L′ and D as functions of one number, without a landscape."""

    def __init__(self, slope, D):
        self._slope, self._D = slope, D

    def gradient(self, θ):
        return self._slope(θ)

    def D(self, θ):
        return self._D(θ[..., 0]) + 0 * θ[..., 0]


def digits(value, printed):
    """`value`, rounded to the digits of the `printed` one."""
    return f"{float(value):.{len(printed.partition('.')[2])}f}"


def test_examples_below_laws():
    """The examples of docstrings that pytest does not find: those below a name."""
    text = "\n".join(part for part in Path(kramers.__file__).read_text().split('"""') if ">>>" in part)
    test = doctest.DocTestParser().get_doctest(text, dict(vars(kramers)), "kramers", None, 0)
    assert len(test.examples) > 15
    assert doctest.DocTestRunner().run(test).failed == 0


# Exact mean times


@pytest.mark.parametrize(
    "ratio, to_far, far_ratio, to_top, top_ratio",
    [
        (2, "41.0343", "1.2500", "18.43", "1.123"),
        (4, "277.0546", "1.1421", "135.78", "1.120"),
        (6, "1941.774", "1.0833", "967.8", "1.080"),
        (8, "14000.14", "1.0571", "6996.8", "1.057"),
    ],
)
def test_quartic_well(ratio, to_far, far_ratio, to_top, top_ratio):
    D = 0.25 / ratio
    law, process = kramers_time(2.0, -1.0, 0.25, D), Diffusion(WELL, D)
    T, T0 = mean_first_passage(process, -1, 1), mean_first_passage(process, -1, 0)
    assert digits(T, to_far) == to_far and digits(T / law, far_ratio) == far_ratio
    assert digits(T0, to_top) == to_top and digits(2 * T0 / law, top_ratio) == top_ratio


@pytest.mark.parametrize(
    "start, target, ratios",
    [(-1, 1, ("1.240", "1.160", "1.099", "1.068")), (1, -1, ("1.240", "1.127", "1.074", "1.051"))],
)
def test_tilted_well(start, target, ratios):
    """Deep to shallow and back: from minimum to minimum, in units of the law with its own ΔL."""
    land = tilted_double_well(0.05)
    points = np.sort(np.roots([1, 0, -1, 0.05]).real)
    a, b, c = points if start < 0 else points[::-1]
    H = land.hessian([[a], [b]])[:, 0, 0]
    ΔL = float(land.loss([b]) - land.loss([a]))
    assert digits(ΔL, ".30186") == ("0.30186" if start < 0 else "0.20189")
    for ratio, printed in zip((2, 4, 6, 8), ratios, strict=True):
        D = ΔL / ratio
        T = mean_first_passage(Diffusion(land, sp.Float(D)), a, c)
        assert digits(T / kramers_time(*H, ΔL, D), printed) == printed


def test_slope_of_the_exact_time():
    """log T against 1/D over ΔL/D = 2…6: .2409, and .2476 without the next order; not ΔL = .25."""
    ratios = np.arange(2, 7)
    D = 0.25 / ratios
    T = np.array([mean_first_passage(Diffusion(WELL, float(one)), -1, 1) for one in D])
    assert digits(np.polyfit(1 / D, np.log(T), 1)[0], ".2409") == "0.2409"
    assert digits(np.polyfit(1 / D, np.log(T / (1 + 1.5 * D)), 1)[0], ".2476") == "0.2476"


@pytest.mark.parametrize("k", [0.25, 1, 4])
def test_a_narrower_well_is_left_sooner_by_its_curvature(k):
    """L(√k θ): T ∝ 1/k, exactly, with constant D."""
    D, c = 0.06, 1 / math.sqrt(k)
    T = mean_first_passage(Diffusion(double_well(k), D), -c, c)
    assert k * T == pytest.approx(mean_first_passage(Diffusion(WELL, D), -1, 1), rel=1e-10)


@settings(deadline=None, max_examples=30)
@given(H=st.floats(0.2, 5), D=st.floats(0.02, 2), c=st.floats(0.1, 2))
def test_upside_down_parabola_between_two_ends(H, D, c):
    """From 0 to ±c on −½Hθ², as one side and a wall of slope W: the hypergeometric law of chapter 3.

    Inside the wall there is room for 1/W, at each visit of the foot: ∫₀ᶜ e^{−Hy²/2D} dy of them.
    """
    W = 1e3
    T = mean_first_passage(Process(lambda θ: np.where(θ > 0, -H * θ, -W), lambda θ: D), 0, c)
    visits = math.sqrt(math.pi * D / (2 * H)) * math.erf(c * math.sqrt(H / (2 * D)))
    expected = escape_time_noise_exact(D, -H, c) + visits / W
    assert pytest.approx(expected, rel=1e-9) == T


def test_harmonic_well():
    """½θ² from 0 to c: √π ∫₀^{c/√2D} e^{v²}(1 + erf v) dv."""
    D, c = 0.3, 1.1
    v = sp.Symbol("v", positive=True)
    exact = sp.sqrt(sp.pi) * sp.Integral(sp.exp(v**2) * (1 + sp.erf(v)), (v, 0, c / math.sqrt(2 * D)))
    process = Diffusion(Landscape("bowl", x**2 / 2, x, (-2, 2)), D)
    assert mean_first_passage(process, 0, c) == pytest.approx(float(exact.evalf(15)), rel=1e-12)


D_HERE = (1 + sp.sin(2 * x) / 2) / 20


@pytest.mark.parametrize("α", [0, 0.5, 1])
@pytest.mark.parametrize("side", [-1, 1])
def test_times_obey_their_equation(α, side):
    """D T″ + (αD′ − L′) T′ = −1, and −2T for the second moment, by differences of T over its start."""
    process = Diffusion(WELL, D_HERE)
    h, c = 0.01, 1.5 * side
    θ = -0.8 + h * np.arange(7)
    T, S = (mean_first_passage(process, θ, c, moment=m, convention=α) for m in (1, 2))
    slope, D = process.gradient(θ[:, None])[:, 0], process.D(θ[:, None])
    D_slope = np.array([float(sp.diff(D_HERE, x).subs(x, t)) for t in θ])
    first = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60
    second = np.array([2, -27, 270, -490, 270, -27, 2]) / 180

    def generator(f):
        return D[3] * (second @ f) / h**2 + (α * D_slope[3] - slope[3]) * (first @ f) / h

    assert generator(T) == pytest.approx(-1, abs=1e-5)
    assert generator(S) == pytest.approx(-2 * T[3], rel=1e-5)


def test_stratonovich_is_a_change_of_the_variable():
    """With y = ∫dθ/√D the noise is constant in Stratonovich's sense, and the slope is L′/√D."""
    D = sp.cosh(x) ** 2 / 20
    here = Diffusion(WELL, D)

    def slope(y):  # y = arctan sinh θ, and dθ/dy = cosh θ
        θ = np.arcsinh(np.tan(np.clip(y, -1.5, 1.5)))
        return (θ**3 - θ) / np.cosh(θ) + 1e3 * (y - np.clip(y, -1.5, 1.5))

    start, end = np.arctan(np.sinh([-1.0, 0.5]))
    there = mean_first_passage(Process(slope, lambda y: 1 / 20), start, end)
    # the wall at |y| = 1.5 cuts off a tail of 10⁻⁸
    assert there == pytest.approx(mean_first_passage(here, -1, 0.5, convention=0.5), rel=1e-7)


def test_mirrored_and_many_starts():
    process = Diffusion(tilted_double_well(0.05), (2 + x) / 60)
    mirrored = Diffusion(tilted_double_well(-0.05), (2 - x) / 60)
    starts = np.array([[-1.2, -0.9], [0.0, 0.7]])
    T = mean_first_passage(process, starts, 0.9)
    assert T.shape == (2, 2)
    again = mean_first_passage(mirrored, -starts, -0.9)
    assert again == pytest.approx(T, rel=1e-12)
    assert [mean_first_passage(process, a, 0.9) for a in starts.ravel()] == pytest.approx(T.ravel(), rel=1e-9)
    assert mean_first_passage(process, 0.9, 0.9) == 0


def test_times_add_up():
    process = Diffusion(WELL, 0.04)
    way = [mean_first_passage(process, *pair) for pair in ((-1, 0.3), (0.3, 1), (-1, 1))]
    assert way[0] + way[1] == pytest.approx(way[2], rel=1e-12)


@pytest.mark.parametrize("ratio", [40, 300, 600])
def test_no_overflow(ratio):
    D = 0.25 / ratio
    T = mean_first_passage(Diffusion(WELL, D), -1, 1)
    # the next order, and that is all: the third is of the order D²
    assert T / kramers_time(2.0, -1.0, 0.25, D) == pytest.approx(1 + 1.5 * D, abs=8 * D**2)


def test_a_long_way_down_behind_the_barrier():
    """What lies far below on the far side changes nothing but the time to fall there."""
    land = two_parabolas(1, -1, 1)
    near, far = (mean_first_passage(Diffusion(land, 0.05), 0, c) for c in (4, 40))
    fall = math.log(38 / 2)  # θ′ = θ − b
    assert far - near == pytest.approx(fall, rel=0.02)


def test_a_jump_of_D():
    """The limit of ever steeper ones, whose distance is of the order of their width."""
    jump = Process(lambda θ: θ, lambda θ: np.where(θ < 0.47, 0.1, 0.4))
    smooth = [
        Process(lambda θ: θ, lambda θ, w=w: 0.25 + 0.15 * np.tanh((θ - 0.47) / w)) for w in (1e-3, 1e-4)
    ]
    T, *near = (mean_first_passage(process, 0, 1) for process in (jump, *smooth))
    assert (T - near[0]) / (T - near[1]) == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(
    "process, a, c, message",
    [
        (
            Diffusion(Landscape("slope", x, x, (-1, 1)), 1),
            -1,
            1,
            "its density stays towards −∞",
        ),
        (
            Diffusion(Landscape("slope", -x, x, (-1, 1)), 1),
            1,
            -1,
            r"its density stays towards \+∞",
        ),
        (Diffusion(ravine(), 1), 0, 1, "one parameter, not of 2"),
        (Process(lambda θ: θ, lambda θ: -1.0), 0, 1, "D must be positive everywhere"),
        (Diffusion(WELL, 0.0), -1, 1, "D must be positive everywhere"),
        (Diffusion(WELL, curvature_noise(WELL, 0.1, 2)), -1, 0, "diverges near θ = -0.577"),
        (Diffusion(WELL, 0.25 / 800), -1, 1, "beyond the range of a float"),
        (Diffusion(WELL, 0.1), [-1, 1], 0, "one side of c"),
        (Diffusion(WELL, 0.1), math.nan, 0, "a must be finite"),
        (Diffusion(WELL, 0.1), 0, math.inf, "c must be finite"),
    ],
)
def test_what_has_no_mean_time(process, a, c, message):
    with pytest.raises(ValueError, match=message):
        mean_first_passage(process, a, c)


def test_bad_arguments():
    process = Diffusion(WELL, 0.1)
    with pytest.raises(TypeError, match="must have the method"):
        mean_first_passage(WELL, -1, 1)
    with pytest.raises(ValueError, match="moment must be 1 or 2"):
        mean_first_passage(process, -1, 1, moment=3)
    with pytest.raises(ValueError, match="convention must be"):
        mean_first_passage(process, -1, 1, convention=2)
    for region in ((1, 0), (0, 0), (math.nan, 1)):
        with pytest.raises(ValueError, match="low < high"):
            occupation_exact(process, region)
    for region in (0, "ab", (1, 2, 3)):
        with pytest.raises(TypeError, match="pair of numbers"):
            occupation_exact(process, region)


# Densities


@pytest.mark.parametrize("α", [0, 0.5, 1])
def test_stationary_density_carries_no_current(α):
    """−L′p − (Dp)′ + αD′p = 0, and ∫p = 1."""
    process = Diffusion(WELL, D_HERE)
    grid = np.linspace(-2.5, 2.5, 1001)
    p = stationary_density(process, grid[:, None], convention=α)
    assert p.shape == grid.shape and np.trapezoid(p, grid) == pytest.approx(1, abs=1e-7)
    h, D = grid[1] - grid[0], process.D(grid[:, None])
    D_slope = np.gradient(D, h)
    current = -process.gradient(grid[:, None])[:, 0] * p - np.gradient(D * p, h) + α * D_slope * p
    assert np.abs(current[2:-2]).max() < 2e-3 * np.abs(np.gradient(D * p, h)).max()
    share = occupation_exact(process, (-0.5, 1.2), convention=α)
    inside = (grid >= -0.5 - 1e-12) & (grid <= 1.2 + 1e-12)
    assert share == pytest.approx(np.trapezoid(p[inside], grid[inside]), abs=1e-4)


def test_heavy_tails():
    """½θ² with D = (1 + θ²)/2: p ∝ (1 + θ²)⁻², whose tail is a power, since the noise grows with θ."""
    process = Process(lambda θ: θ, lambda θ: (1 + θ**2) / 2)
    assert occupation_exact(process, (-1, 1)) == pytest.approx(0.5 + 1 / math.pi, rel=1e-10)
    grid = np.array([-30.0, 0.0, 2.0])
    assert stationary_density(process, grid) == pytest.approx(2 / math.pi / (1 + grid**2) ** 2, rel=1e-9)


def test_shares_add_up():
    process = Diffusion(WELL, D_HERE)
    parts = [(-math.inf, -1), (-1, 0.2), (0.2, math.inf)]
    assert sum(occupation_exact(process, part) for part in parts) == pytest.approx(1, abs=1e-12)
    assert occupation_exact(process, (-math.inf, math.inf)) == 1


@pytest.mark.parametrize(
    "ratio, thermal, sgd, leading, turned",
    [
        (2, "0.598", "0.868", "0.872", "0.085"),
        (3, "0.599", "0.916", "0.923", "0.027"),
        (4, "0.600", "0.948", "0.954", "0.008"),
        (5, "0.600", "0.9692", "0.973", "0.002"),
    ],
)
def test_two_wells(ratio, thermal, sgd, leading, turned):
    """The share of the flat well: thermal, SGD's noise, and the same noise the other way round."""
    ρ, δ = sp.Rational(3, 2), sp.Rational(1, 10)
    slope, D = 1 + (ρ - 1) * (1 + sp.tanh(x / δ)) / 2, sp.Rational(1, 4 * ratio)
    flat = (-math.inf, 0)
    for noise, printed in ((D, thermal), (D * slope**2, sgd), (D / slope**2, turned)):
        assert digits(occupation_exact(Diffusion(two_wells(), noise), flat), printed) == printed
    odds = float(ρ**2) * math.exp(ratio * (1 - 1 / float(ρ) ** 2))
    assert digits(odds / (1 + odds), leading) == leading


# Laws


@settings(deadline=None, max_examples=30)
@given(H_a=st.floats(0.1, 10), H_b=st.floats(-10, -0.1), ratio=st.floats(0, 20), D=st.floats(0.01, 2))
def test_one_dimension_of_eyring_kramers(H_a, H_b, ratio, D):
    ΔL = (ratio + 0.01) * D
    law = kramers_time(H_a, H_b, ΔL, D)
    assert eyring_kramers([[H_a]], [[H_b]], ΔL, D) == pytest.approx(law, rel=1e-12)
    assert convention_time(H_a, H_b, D, D, ΔL / D, 0.3) == pytest.approx(law, rel=1e-12)


def test_eyring_kramers_turns_with_its_axes():
    rng = np.random.default_rng(0)
    U = np.linalg.qr(rng.normal(size=(5, 3, 3)))[0]
    at_a, at_b = np.diag([2.0, 3.0, 5.0]), np.diag([4.0, -1.0, 7.0])
    turned = eyring_kramers(U @ at_a @ np.swapaxes(U, 1, 2), U @ at_b @ np.swapaxes(U, 1, 2), 0.3, 0.1)
    expected = 2 * np.pi * math.sqrt(4 * 7 / (2 * 3 * 5)) * math.exp(3)
    assert turned == pytest.approx(np.full(5, expected), rel=1e-10)
    narrower = eyring_kramers(at_a, at_b @ np.diag([4, 1, 1]), 0.3, 0.1)  # a narrower pass takes longer
    assert narrower == pytest.approx(2 * expected)


@pytest.mark.parametrize(
    "H_a, H_b, ΔL, D, message",
    [
        ([[-1.0]], [[-1.0]], 1, 1, "positive definite"),
        ([[1.0]], [[1.0]], 1, 1, "exactly one negative"),
        (np.eye(2), -np.eye(2), 1, 1, "exactly one negative"),
        (np.eye(2), np.diag([-1.0, 0.0]), 1, 1, "none that is 0"),
        (np.eye(2), [[-1.0]], 1, 1, "same number of rows"),
        ([1.0], [[-1.0]], 1, 1, "shape"),
        ([[1.0]], [[-1.0]], 1, 0, "more than 0"),
        ([[1.0]], [[-1.0]], -1, 1, "more than 0"),
    ],
)
def test_eyring_kramers_refuses(H_a, H_b, ΔL, D, message):
    with pytest.raises(ValueError, match=message):
        eyring_kramers(H_a, H_b, ΔL, D)


def test_laws_refuse_wrong_signs():
    with pytest.raises(ValueError, match="H_b must be less than 0"):
        kramers_time(2.0, 1.0, 0.25, 0.1)
    with pytest.raises(ValueError, match="ΔL must be more than 0"):
        kramers_time(2.0, -1.0, -0.25, 0.1)
    with pytest.raises(ValueError, match="η must be more than 0"):
        sgd_time(2.0, -1.0, 0.25, 1, 0.0, 0.5)
    with pytest.raises(TypeError, match="takes 4 arguments"):
        kramers_time(2.0, -1.0, 0.25)


def test_laplace_coefficient():
    """From ∫e^{−L/D}: as in facts, and against the integral itself, whose error is then of the order D²."""
    L2, L3, L4 = kramers.L2, kramers.L3, kramers.L4
    assert sp.expand(laplace_coefficient.expression - (5 * L3**2 / (24 * L2**3) - L4 / (8 * L2**2))) == 0
    c, θ = float(laplace_coefficient(2.0, -1.5, 4.0)), np.linspace(-3, 3, 20001)
    errors = []
    for D in (0.02, 0.01, 0.005):
        total = np.trapezoid(np.exp(-(θ**2 - 0.25 * θ**3 + θ**4 / 6) / D), θ)
        errors.append(total / math.sqrt(math.pi * D) - 1 - c * D)
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("tilt", [0.0, 0.05, -0.1])
def test_next_order(tilt):
    """What is left beyond 1 + (c_a + c_b)D is of the order D²."""
    land = tilted_double_well(tilt)
    a, b, c = np.sort(np.roots([1, 0, -1, tilt]).real)
    H = land.hessian([[a], [b]])[:, 0, 0]
    ΔL, factor = float(land.loss([b]) - land.loss([a])), next_order(land, a, b)
    left = []
    for D in (0.002, 0.001):
        T = mean_first_passage(Diffusion(land, D), a, c)
        left.append(T / kramers_time(*H, ΔL, D) - 1 - factor * D)
    assert left[0] / left[1] == pytest.approx(4, rel=0.05)
    if tilt == 0:
        assert factor == 1.5


def test_next_order_refuses():
    with pytest.raises(ValueError, match="is no minimum"):
        next_order("double well", 0, 0)
    with pytest.raises(ValueError, match="is no maximum"):
        next_order("double well", -1, 1)
    with pytest.raises(ValueError, match="is no minimum"):
        next_order("double well", -0.9, 0)
    with pytest.raises(ValueError, match="one parameter"):
        next_order("ravine", 0, 1)


# Where D depends on θ


@pytest.mark.parametrize("α", SIDES.values())
def test_the_law_for_any_D(α):
    """T/law → 1 with an error of the order of the noise, in each sense of it."""
    errors = []
    for small in (0.1, 0.05):
        process = Diffusion(WELL, small * D_HERE)
        T = mean_first_passage(process, -1, 1, convention=α)
        errors.append(T / ito_time(process, -1, 0, convention=α) - 1)
    assert abs(errors[0]) < 0.02 and errors[0] / errors[1] == pytest.approx(2, rel=0.1)


def test_the_three_prefactors():
    """2π/H_a, 2π/√(H_a|H_b|), 2π/|H_b|, from integrals alone, for D ∝ |H| on two parabolas."""
    for H_a, H_b in ((4, -1), (1, -4)):
        land = two_parabolas(H_a, H_b, 1)
        process = Diffusion(land, curvature_noise(land, 0.5, 32))
        b = math.sqrt(2 * float(climb_share(H_a, H_b)) / H_a) * (1 - H_a / H_b)
        assert land.loss([b]) == pytest.approx(1) and land.gradient([b])[0] == pytest.approx(0, abs=1e-12)
        exponent = 2 * 32 / 0.5 * (climb_share(H_a, H_b) / H_a + (1 - climb_share(H_a, H_b)) / -H_b)
        expected = {"Itô": 1 / H_a, "Stratonovich": 1 / math.sqrt(-H_a * H_b), "anti-Itô": -1 / H_b}
        for name, value in SIDES.items():
            factor = float(convention_prefactor[name](H_a, H_b))
            assert factor == pytest.approx(2 * math.pi * expected[name])
            T = mean_first_passage(process, 0, b + 8, convention=value)
            assert T / math.exp(exponent) == pytest.approx(factor, rel=2e-4)
            assert ito_time(process, 0, b, value) / math.exp(exponent) == pytest.approx(factor, rel=1e-8)
        # Xie, Sato and Sugiyama's formula is the anti-Itô one
        stated = sgd_time(H_a, H_b, 1, 32, 0.5, climb_share(H_a, H_b))
        assert stated == pytest.approx(mean_first_passage(process, 0, b + 8, convention=1), rel=2e-4)


def test_s_is_not_free():
    """s from where the parabolas meet; the exponent is linear in 1/k, but not in 1/H_a alone."""
    top = sp.Abs(kramers.H_b)
    assert sp.simplify(climb_share.expression - top / (kramers.H_a + top)) == 0
    for H_a, H_b in ((3, -1), (0.5, -2)):
        land = two_parabolas(H_a, H_b, 1)
        meet = -land.domain[0][0] / 2  # the domain begins two such steps to the left of the minimum
        assert land.loss([meet]) == pytest.approx(climb_share(H_a, H_b), rel=1e-12)
        around = land.gradient([[meet - 1e-9], [meet + 1e-9]])
        assert around[0, 0] == pytest.approx(around[1, 0], abs=1e-7)

    def exponent(H_a, H_b):
        return np.log(sgd_time(H_a, H_b, 1.0, 1, 1.0, climb_share(H_a, H_b)) * -H_b / (2 * np.pi))

    k = np.array([0.5, 1.0, 2.0])
    assert exponent(k * 2, -k) * k == pytest.approx(np.full(3, exponent(2, -1)), rel=1e-12)
    H_a = 1 / np.array([0.25, 0.5, 0.75])
    assert abs(np.diff(exponent(H_a, -1.0), 2)) > 0.1


def test_two_parabolas_refuse():
    with pytest.raises(ValueError, match="H_b must be"):
        two_parabolas(1, 1, 1)
    with pytest.raises(ValueError, match="H_a must be"):
        two_parabolas(0, -1, 1)


def test_literal_noise_ends_at_the_inflection():
    climb = literal_climb("double well")
    assert sp.simplify(sp.diff(climb, x) - (x**3 - x) / (3 * x**2 - 1)) == 0
    assert sp.limit(climb, x, -1 / sp.sqrt(3), "-") == sp.oo
    assert curvature_noise("double well", 0.5, 4).subs(x, -1) == sp.Rational(1, 8)  # η·2/(2B)
    with pytest.raises(ValueError, match="one parameter"):
        literal_climb("ravine")
    with pytest.raises(ValueError, match="a must be a minimum"):
        ito_time(Diffusion(WELL, 0.1), 0, -1)


# The square loss


def test_power_law():
    """D = ηhL/B on a quartic well lifted by 1/10: 1/rate is the exact time as η → 0."""
    lifted = Landscape("lifted", WELL.expression + sp.Rational(1, 10), x, (-1.8, 1.8))
    errors = []
    for η in (0.02, 0.01):
        process = Diffusion(lifted, sp.nsimplify(η) * 2 * lifted.expression)
        rate = mori_rate(2.0, -1.0, 0.1, 0.35, 1, η)
        power = 3.5 ** -(0.5 + 1 / (η * 2))
        assert rate == pytest.approx(math.sqrt(2) / (2 * math.pi) * power)
        assert 1 / rate == pytest.approx(ito_time(process, -1, 0), rel=1e-9)
        errors.append(mean_first_passage(process, -1, 1) * rate - 1)
    assert abs(errors[1]) < 0.1 and errors[0] / errors[1] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_power_law_in_n_dimensions(n):
    """The change of clock: the rate of ln L, with Hessians H/L, times L_a."""
    h, c, L_a = 2.0, 0.1, 0.3
    at_a, at_b = np.diag([h] * n), np.diag([-1.0] + [h] * (n - 1))
    rates = [L_a / eyring_kramers(at_a / L_a, at_b / (R * L_a), math.log(R), c) for R in (2.0, 4.0)]
    power = -math.log(rates[1] / rates[0]) / math.log(2)
    assert power == pytest.approx(mori_exponent(h, 1, c / h, n), rel=1e-12)
    if n == 1:
        assert rates[0] == pytest.approx(mori_rate(h, -1.0, L_a, 2 * L_a, 1, c / h), rel=1e-12)


# SGD on samples with a known answer: ℓ = V(g) − z·g, g = √k θ, σ = 2


def sgd(B, k=1):
    z = np.random.default_rng(0).normal(size=1000)
    return SGD(pool_loss(g=sp.sqrt(sp.nsimplify(k)) * x).on(2 * (z - z.mean()) / z.std()), B)


def slope(u, τ):
    return np.polyfit(u, np.log(τ), 1)[0]


def test_escape_law_of_sgd():
    """log τ against B, 1/η and 1/k: the exact slopes 1.208, .2399 and 4.82 beside 1.25, .25 and 5."""
    B = np.array([2, 3, 4, 5])
    τ = [mean_first_passage(sgd(int(b)).diffusion(0.1), -1, 1) for b in B]
    assert digits(slope(B, τ), "1.208") == "1.208"
    rates = np.array([10, 15, 20])
    τ = np.array([mean_first_passage(sgd(2).diffusion(1 / r), -1, 1) for r in rates])
    assert digits(slope(rates, τ), ".2399") == "0.2399"
    assert digits(slope(rates, τ * rates), ".309") == "0.309"  # in iterations
    inverse_k = np.array([0.4, 0.6, 0.8, 1.0, 1.2])
    τ = [mean_first_passage(sgd(2, 1 / i).diffusion(0.05), -math.sqrt(i), math.sqrt(i)) for i in inverse_k]
    assert digits(slope(inverse_k, τ / inverse_k), "4.82") == "4.82"
    # without the factor k: a wrong slope with a fine correlation
    assert slope(inverse_k, τ) == pytest.approx(6.17, abs=0.005)
    assert digits(np.corrcoef(inverse_k, np.log(τ))[0, 1], ".9995") == "0.9995"


def test_uncentred_samples_tilt_the_well():
    """At ΔL/D = 5 a mean of .002 changes τ by 4 %, and one of .063 by a factor 3.6 or .33."""

    def τ(tilt):
        return mean_first_passage(Diffusion(tilted_double_well(tilt), 0.05), -1, 1)

    ratios = [τ(tilt) / τ(0) for tilt in (0.002, -0.002, 0.063, -0.063)]
    assert ratios[:2] == pytest.approx([1.04, 0.96], abs=0.005)
    assert [digits(ratios[2], "3.6"), digits(ratios[3], "0.33")] == ["3.6", "0.33"]
