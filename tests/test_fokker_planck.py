"""Fokker–Planck on a grid: exact balance, the table of λ₁, second order, independent solvers, bad input."""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.diffusion import SGD, Diffusion, pool_loss
from helpers.fokker_planck import FokkerPlanck, bernoulli, mean_first_passage_plane
from helpers.kramers import mean_first_passage, stationary_density
from helpers.landscapes import Landscape, double_well, tilted_double_well, two_wells, x, y

KRAMERS = math.sqrt(2) / math.pi  # λ₁ = (√2/π) e^{−ΔL/D} in the quartic well, to leading order
DEPTH = 0.25


class Process:
    """Any slope L′ and any D, as functions of θ (...)."""

    def __init__(self, slope, D):
        self.slope, self.constant = slope, D

    def gradient(self, θ):
        return self.slope(θ)

    def D(self, θ):
        return self.constant(θ[..., 0]) if callable(self.constant) else np.full(θ.shape[:-1], self.constant)


def quartic(ratio, N, **more):
    return FokkerPlanck(Process(double_well().gradient, DEPTH / ratio), -2.6, 2.6, N, **more)


def uneven(N=300, low=-2.4, high=2.3, **more):
    """A tilted well with a D that depends on the place."""
    process = Process(tilted_double_well().gradient, lambda θ: 0.06 * (1.3 + np.sin(2 * θ)))
    return FokkerPlanck(process, low, high, N, **more)


def symmetric(fp):
    """−Q in units of √p as a full symmetric matrix."""
    up, down = fp.rates
    side = -np.sqrt(up[:-1] * down[1:])
    return np.diag(up + down) + np.diag(side, 1) + np.diag(side, -1)


def spring(k=1.5, D=0.4, N=600, low=-4.0, high=4.0):
    """The Ornstein–Uhlenbeck process: L = ½kθ²."""
    return FokkerPlanck(Process(lambda θ: k * θ, D), low, high, N)


# Ber


def test_bernoulli_mirrors_its_formula_and_obeys_its_symmetry():
    z = np.array([-30.0, -2.0, -1e-3, 1e-3, 0.5, 30.0])
    np.testing.assert_allclose(bernoulli(z), z / (np.exp(z) - 1), rtol=1e-12)
    z = np.array([0.0, 1e-300, 1e-12, 1e-5, 0.3, 5.0, 700.0])
    np.testing.assert_allclose(bernoulli(-z), bernoulli(z) + z, rtol=1e-15)
    np.testing.assert_allclose(bernoulli(-z) * np.exp(-z), bernoulli(z), rtol=1e-14)
    tiny = np.array([1e-4, 1e-6, 1e-9, -1e-9])
    np.testing.assert_allclose(bernoulli(tiny), 1 - tiny / 2 + tiny**2 / 12, rtol=1e-15)
    np.testing.assert_array_equal(bernoulli([-1e5, 0.0, 1e5]), [1e5, 1.0, 0.0])


# Rates and balance


@pytest.mark.parametrize("fp", [quartic(2, 50), quartic(40, 400), uneven()])
def test_detailed_balance_is_exact_with_the_density_of_ito(fp):
    up, down = fp.rates
    assert (up >= 0).all() and (down >= 0).all()
    p = fp.stationary
    there, back = (p * up)[:-1], (p * down)[1:]
    usual = there > 1e-290
    np.testing.assert_allclose(there[usual], back[usual], rtol=1e-12)
    assert abs(p.sum() * fp.h - 1) < 1e-12
    assert np.abs(fp.current(p)).max() < 1e-11 * (up * p).max() * fp.h


def test_the_stationary_density_is_that_of_the_potential_and_of_ito():
    fp = quartic(4, 200)
    L = double_well().loss(fp.θ[:, None])
    np.testing.assert_allclose(np.log(fp.stationary / fp.stationary.max()), -(L - L.min()) * 16, atol=1e-9)
    fp = uneven(N=250)
    D = fp.process.D(fp.θ[:, None])
    fine = np.linspace(fp.θ[0], fp.θ[-1], 249 * 80 + 1)
    integrand = fp.process.gradient(fine[:, None])[:, 0] / fp.process.D(fine[:, None])
    steps = (integrand[1:] + integrand[:-1]) / 2 * (fine[1] - fine[0])
    Φ = np.concatenate([[0], np.cumsum(steps)])[::80]
    expected = np.exp(-Φ) / D
    np.testing.assert_allclose(fp.stationary, expected / (expected.sum() * fp.h), rtol=1e-5)


def test_rates_are_those_of_the_formula_for_constant_D():
    fp = quartic(4, 40)
    D, L = DEPTH / 4, double_well().loss(fp.θ[:, None])
    up, down = fp.rates
    rise = np.diff(L) / D
    np.testing.assert_allclose(up[:-1], D / fp.h**2 * bernoulli(rise), rtol=1e-11)
    np.testing.assert_allclose(down[1:], D / fp.h**2 * bernoulli(-rise), rtol=1e-11)
    assert up[-1] == down[0] == 0


@given(ratio=st.floats(0.5, 200), N=st.integers(3, 300), shift=st.floats(-1, 1))
@settings(max_examples=50, deadline=None)
def test_no_rate_is_negative_and_rows_add_up_to_nothing(ratio, N, shift):
    fp = FokkerPlanck(Process(double_well().gradient, DEPTH / ratio), -2.6 + shift, 2.6 + shift, N)
    up, down = fp.rates
    assert np.isfinite(up).all() and np.isfinite(down).all() and min(up.min(), down.min()) >= 0
    np.testing.assert_allclose(fp.generator.sum(axis=1), 0, atol=1e-12 * (up + down).max())
    np.testing.assert_allclose(fp.generator.diagonal(), -(up + down))


def test_central_differences_give_negative_rates_where_the_noise_is_weak():
    """Facts: for N = 400 on [−2.6, 2.6] from ΔL/D = 4 on, where |L′|h > 2D."""
    lowest = [min(rate.min() for rate in quartic(ratio, 400).central_rates) for ratio in (2, 4, 6, 8)]
    assert lowest[0] >= 0 and max(lowest[1:]) < 0
    for rates, central in zip(quartic(2, 6400).rates, quartic(2, 6400).central_rates, strict=True):
        np.testing.assert_allclose(rates, central, rtol=1e-3)


# The spectrum

TABLE = {2: (5.68183e-2, 0.9326, 1.0469), 4: (7.44490e-3, 0.9030, 1.0109),
         6: (1.03527e-3, 0.9278, 1.0019), 8: (1.42967e-4, 0.9467, 1.0003)}


@pytest.mark.parametrize("ratio", TABLE)
def test_the_table_of_decay_rates_holds_to_its_printed_digits(ratio):
    fp, (λ1, over_kramers, times_T) = quartic(ratio, 6400), TABLE[ratio]
    λ = fp.spectrum(2)
    assert λ[0] == 0
    assert f"{λ[1]:.5e}" == f"{λ1:.5e}"
    assert f"{λ[1] / (KRAMERS * math.exp(-ratio)):.4f}" == f"{over_kramers:.4f}"
    assert f"{λ[1] * fp.mean_first_passage(-1.0, 0.0):.4f}" == f"{times_T:.4f}"


@pytest.mark.parametrize("ratio", [2, 8])
def test_the_error_is_of_second_order(ratio):
    λ = [quartic(ratio, N).spectrum(2)[1] for N in (100, 200, 400, 800, 1600)]
    order = np.log2(np.diff(λ)[:-1] / np.diff(λ)[1:])
    np.testing.assert_allclose(order, 2, atol=0.05)
    assert abs(λ[2] / TABLE[ratio][0] - 1) < 4.1e-4


@pytest.mark.parametrize("absorbing", [None, "low", "high", "both"])
def test_bisection_agrees_with_a_full_matrix(absorbing):
    for fp in (uneven(N=120, absorbing=absorbing), quartic(3, 90, absorbing=absorbing)):
        full = np.linalg.eigvalsh(symmetric(fp))
        np.testing.assert_allclose(fp.spectrum(fp.N), full, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(fp.modes(fp.N)[0], full, rtol=1e-11, atol=1e-11)


def test_a_spring_has_the_spectrum_of_ornstein_and_uhlenbeck():
    np.testing.assert_allclose(spring(k=1.5).spectrum(5), 1.5 * np.arange(5), rtol=3e-4)
    # ends in the middle and far out: odd modes of the spring
    half = FokkerPlanck(Process(lambda θ: 1.5 * θ, 0.4), 0.0, 4.0, 600, "low")
    np.testing.assert_allclose(half.spectrum(3), 1.5 * np.array([1, 3, 5]), rtol=3e-4)


@pytest.mark.parametrize(("absorbing", "first"), [(None, 0.0), ("high", 0.5), ("both", 1.0)])
def test_free_diffusion_between_two_ends(absorbing, first):
    fp = FokkerPlanck(Process(np.zeros_like, 0.7), -1.0, 2.0, 500, absorbing)
    np.testing.assert_allclose(fp.spectrum(4), 0.7 * (np.pi * (first + np.arange(4)) / 3) ** 2, rtol=1e-4)


@pytest.mark.parametrize("ratio", [16, 40])
def test_tiny_rates_keep_their_digits(ratio):
    """λ₁T → 1 as the barrier grows, here with λ₁ down to 1e−18, far below rounding of the largest rate."""
    fp = quartic(ratio, 800)
    λ1 = fp.spectrum(2)[1]
    assert abs(λ1 * fp.mean_first_passage(-1.0, 0.0) - 1) < 1e-4
    assert λ1 == pytest.approx(KRAMERS * math.exp(-ratio), rel=0.06)
    assert λ1 == pytest.approx(fp.modes(2)[0][1], rel=1e-4)


def test_the_escape_rate_with_an_absorbing_end():
    for ratio, bar in ((4, 2e-2), (8, 5e-4)):
        fp = FokkerPlanck(Process(double_well().gradient, DEPTH / ratio), -2.6, 1.0, 800, "high")
        λ = fp.spectrum(1)[0]
        assert λ * fp.mean_first_passage(-1.0, 1.0) == pytest.approx(1, abs=bar)
        # the current that leaves from the quasi-stationary density is the rate itself
        ψ = fp.modes(1)[1][0]
        J = fp.current(ψ)
        assert J[-1] == pytest.approx(λ, rel=1e-9) and J[0] == 0 and (ψ > 0).all()


def test_modes_are_eigenvectors_and_normed():
    for fp in (uneven(), uneven(absorbing="low")):
        λ, ψ = fp.modes(6)
        np.testing.assert_allclose(ψ @ fp.generator, -λ[:, None] * ψ, atol=1e-8 * np.abs(ψ).max())
        assert ψ[0].sum() * fp.h == pytest.approx(1) and (ψ[0] >= 0).all()
        weight = (ψ[1:] ** 2 / fp.stationary).sum(axis=1) * fp.h
        np.testing.assert_allclose(weight, 1)
        for j, row in enumerate(ψ / np.sqrt(fp.stationary)):  # with j nodes, and positive at the far right
            signs = np.sign(row[np.abs(row) > 1e-6 * np.abs(row).max()])
            assert (np.diff(signs) != 0).sum() == j and signs[-1] == 1
    np.testing.assert_allclose(uneven().modes(1)[1][0], uneven().stationary, rtol=1e-6, atol=1e-12)


# In time


def test_the_density_of_a_spring_is_normal_at_all_times():
    k, D, a = 1.5, 0.4, 1.2
    fp = spring(k, D, N=800)
    times = np.array([[0.1, 0.3], [1.0, 20.0]])
    p = fp.evolve(a, times)
    mean = (p * fp.θ).sum(axis=-1) * fp.h
    variance = (p * fp.θ**2).sum(axis=-1) * fp.h - mean**2
    np.testing.assert_allclose(mean, a * np.exp(-k * times), rtol=2e-4, atol=1e-9)
    np.testing.assert_allclose(variance, D / k * (1 - np.exp(-2 * k * times)), rtol=1e-3)
    normal = np.exp(-((fp.θ - mean[..., None]) ** 2) / (2 * variance[..., None]))
    normal /= np.sqrt(2 * np.pi * variance[..., None])
    np.testing.assert_allclose(p, normal, atol=2e-3)


@pytest.mark.parametrize("absorbing", [None, "low", "both"])
def test_evolution_agrees_with_the_modes_and_keeps_what_it_must(absorbing):
    fp = uneven(120, -1.5, 1.4, absorbing=absorbing)
    times = np.array([0.0, 0.05, 1.0, 7.7, 1e3])
    p0 = np.exp(-((fp.θ + 0.5) ** 2) / 0.3)
    p0 /= p0.sum() * fp.h
    p = fp.evolve(p0, times)
    np.testing.assert_allclose(p[0], p0, atol=1e-14)
    λ, V = np.linalg.eigh(symmetric(fp))
    root = np.sqrt(fp.stationary)
    expected = root * ((np.exp(-λ * times[:, None]) * (V.T @ (p0 / root))) @ V.T)
    np.testing.assert_allclose(p, expected, atol=1e-9)
    assert (p >= 0).all()
    mass = p.sum(axis=1) * fp.h
    if absorbing is None:
        np.testing.assert_allclose(mass, 1, atol=1e-12)
    else:
        assert (np.diff(mass) < 0).all()
    # order and shape of the times do not matter
    np.testing.assert_allclose(fp.evolve(p0, times[::-1])[::-1], p, rtol=1e-12)
    np.testing.assert_allclose(fp.evolve(p0, 7.7), p[3], rtol=1e-12)


def test_long_times_end_in_the_stationary_density_from_anywhere():
    fp = quartic(8, 200)
    for start in (-2.59, 1.0, 2.6):
        np.testing.assert_allclose(fp.evolve(start, 1e7), fp.stationary, rtol=1e-6, atol=1e-14)
    fp = quartic(8, 60)  # and rounding does not add up, however long it takes
    np.testing.assert_allclose(fp.evolve(-1.0, [1e12, 1e16]), [fp.stationary] * 2, rtol=1e-6, atol=1e-14)


def test_the_slowest_mode_is_what_is_left():
    """After a while p − p∞ decays at λ₁ and has the shape of the first mode."""
    fp = quartic(5, 240)
    λ, ψ = fp.modes(2)
    t = np.array([30.0, 90.0])
    off = fp.evolve(-1.0, t) - fp.stationary
    assert np.log(np.abs(off[0]).max() / np.abs(off[1]).max()) / 60 == pytest.approx(λ[1], rel=1e-6)
    np.testing.assert_allclose(off[1] / np.abs(off[1]).max(), -ψ[1] / np.abs(ψ[1]).max(), atol=1e-8)


def test_the_current_carries_the_density():
    fp = uneven(N=200, absorbing="high")
    p = fp.evolve(-1.0, 3.0)
    J = fp.current(p)
    np.testing.assert_allclose(p @ fp.generator, -np.diff(J) / fp.h, atol=1e-9)
    later, earlier = fp.evolve(-1.0, [3.001, 2.999])
    lost = (earlier.sum() - later.sum()) * fp.h / 0.002
    assert lost == pytest.approx(J[-1], rel=1e-6)
    left = fp.θ < fp.faces[90]
    moved = ((later - earlier)[left].sum()) * fp.h / 0.002
    assert moved == pytest.approx(-J[90], rel=1e-5)


# Mean first passages

TIMES = {2: (41.0343, 18.43), 4: (277.0546, 135.78), 6: (1941.774, 967.8), 8: (14000.14, 6996.8)}


def as_printed(value, printed):
    return round(float(value), len(str(printed).split(".")[1])) == printed


@pytest.mark.parametrize("ratio", TIMES)
def test_the_table_of_first_passages(ratio):
    far, top = TIMES[ratio]
    coarse, fine = (quartic(ratio, N).mean_first_passage(-1.0, 1.0) for N in (3200, 6400))
    assert as_printed((4 * fine - coarse) / 3, far)  # without the error of second order
    assert fine == pytest.approx(far, rel=2e-6)
    assert as_printed(quartic(ratio, 6400).mean_first_passage(-1.0, 0.0), top)


@pytest.mark.parametrize("tilt", [0.05, -0.05])
def test_a_tilted_well_both_ways(tilt):
    """Facts: T/τ_K at ΔL/D = 2, 4, 6, 8 of the depth meant; ΔL = .30186 and .20189."""
    land = tilted_double_well(tilt)
    slope = np.polynomial.Polynomial([tilt, -1, 0, 1])
    left, top, right = np.sort(slope.roots().real)
    for a, c, table, depth in ((left, right, (1.240, 1.160, 1.099, 1.068), 0.30186),
                               (right, left, (1.240, 1.127, 1.074, 1.051), 0.20189)):
        a, c = (a, c) if tilt > 0 else (c, a)
        ΔL = land.loss([top]) - land.loss([a])
        assert abs(ΔL - depth) < 1e-5
        for ratio, expected in zip((2, 4, 6, 8), table, strict=True):
            fp = FokkerPlanck(Process(land.gradient, ΔL / ratio), -3.0, 3.0, 3000)
            H = np.sqrt(-land.hessian([a])[0, 0] * land.hessian([top])[0, 0])
            assert round(fp.mean_first_passage(a, c) * H / (2 * np.pi) * math.exp(-ratio), 3) == expected


def test_first_passages_solve_the_linear_equations():
    fp = uneven(N=200)
    inside = FokkerPlanck(fp.process, fp.low, 0.5, math.ceil(200 * 2.9 / 4.7), "high")
    T = np.linalg.solve(-inside.generator, np.ones(inside.N))
    np.testing.assert_allclose(fp.mean_first_passage(inside.θ, 0.5), T, rtol=1e-9)
    inside = FokkerPlanck(fp.process, 0.5, fp.high, math.ceil(200 * 1.8 / 4.7), "low")
    T = np.linalg.solve(-inside.generator, np.ones(inside.N))
    np.testing.assert_allclose(fp.mean_first_passage(inside.θ, 0.5), T, rtol=1e-9)


def test_first_passages_of_free_diffusion_by_hand():
    fp = FokkerPlanck(Process(np.zeros_like, 0.7), -1.0, 2.0, 300)
    a = np.array([-1.0, -0.3, 0.9, 1.5])
    np.testing.assert_allclose(fp.mean_first_passage(a, 1.5), ((2.5**2 - (a + 1) ** 2) / 1.4), rtol=1e-4)
    np.testing.assert_allclose(fp.mean_first_passage(2.0, 1.5), 0.5**2 / 1.4, rtol=1e-3)
    assert fp.mean_first_passage(0.4, 0.4) == 0.0


def test_the_flat_well_keeps_what_is_in_it():
    """Facts §3: the share of the flat well with thermal noise, with that of SGD, and turned round."""
    ρ, δ, D0 = 1.5, 0.1, 0.125
    land = two_wells(ρ, δ)

    def g1(θ):
        return 1 + (ρ - 1) * (1 + np.tanh(θ / δ)) / 2

    shares = []
    for D in (lambda θ: D0, lambda θ: D0 * g1(θ) ** 2, lambda θ: D0 / g1(θ) ** 2):
        process = Process(land.gradient, lambda θ, D=D: np.broadcast_to(D(θ), θ.shape))
        fp = FokkerPlanck(process, -2.6, 2.2, 2400)
        shares.append(fp.stationary[fp.θ < 0].sum() * fp.h)
    assert [f"{share:.3f}" for share in shares] == ["0.598", "0.868", "0.085"]


# The processes of the book


def test_a_diffusion_and_the_diffusion_of_sgd():
    thermal = Diffusion("double well", DEPTH / 4)
    λ1 = FokkerPlanck(thermal, -2.6, 2.6, 400).spectrum(2)[1]
    assert λ1 == pytest.approx(quartic(4, 400).spectrum(2)[1], rel=1e-9)

    class Matrix:
        gradient = staticmethod(thermal.gradient)

        def D(self, θ):
            return np.full((*θ.shape, 1), DEPTH / 4)

    diagonal = Diffusion("double well", [DEPTH / 4])
    sgd = SGD(pool_loss().on([-2.0, 2.0]), B=4).diffusion(0.125)  # σ = 2: D = ησ²/2B
    for same in (diagonal, Matrix(), sgd):
        np.testing.assert_allclose(
            FokkerPlanck(same, -2, 2, 50).rates, FokkerPlanck(thermal, -2, 2, 50).rates, rtol=1e-11
        )


@pytest.mark.parametrize("D", [DEPTH / 5, (2 + sp.sin(3 * x)) / 30])
def test_the_grid_and_the_integrals_agree(D):
    """The exact first-passage integral and the quadrature of e^{−Φ}/D, which know nothing of cells."""
    process = Diffusion(tilted_double_well(), D)
    for a, c in ((-1.0, 0.8), (0.9, -0.3)):
        coarse, fine = (FokkerPlanck(process, -2.8, 2.8, N).mean_first_passage(a, c) for N in (2000, 4000))
        assert (4 * fine - coarse) / 3 == pytest.approx(mean_first_passage(process, a, c), rel=2e-6)
    fp = FokkerPlanck(process, -2.8, 2.8, 1000)
    np.testing.assert_allclose(fp.stationary, stationary_density(process, fp.θ), rtol=1e-5, atol=1e-9)


# Bad input


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"low": 1.0, "high": 1.0}, ValueError, "low must be less than high"),
        ({"low": math.nan}, ValueError, "low must be finite"),
        ({"N": 2}, ValueError, "N must lie between 3 and"),
        ({"N": 10.5}, TypeError, "N must be a whole number"),
        ({"absorbing": "left"}, ValueError, "absorbing must be None, 'low', 'high' or 'both'"),
        ({"absorbing": 1}, ValueError, "absorbing must be None, 'low', 'high' or 'both'"),
        ({"process": 3}, TypeError, "process must be a Diffusion or have"),
    ],
)
def test_what_cannot_be_a_grid_says_so(change, error, message):
    arguments = {"process": Process(np.zeros_like, 1.0), "low": -1.0, "high": 1.0, "N": 10} | change
    with pytest.raises(error, match=message):
        FokkerPlanck(**arguments)


@pytest.mark.parametrize(
    ("process", "message"),
    [
        (Process(np.zeros_like, 0.0), "D finite and more than 0"),
        (Process(np.zeros_like, lambda θ: θ), "D finite and more than 0"),
        (Process(lambda θ: θ / 0.0, 1.0), "L′ must be finite"),
        (Process(lambda θ: np.repeat(θ, 2, axis=-1), 1.0), "one dimension"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_process_that_does_not_fit_says_so(process, message):
    with pytest.raises(ValueError, match=message):
        FokkerPlanck(process, -1.0, 1.0, 10).spectrum(1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda fp: fp.spectrum(0), ValueError, "k must lie between 1"),
        (lambda fp: fp.modes(51), ValueError, "k must lie between 1"),
        (lambda fp: fp.evolve(9.0, 1.0), ValueError, "the start must be finite and at least -1"),
        (lambda fp: fp.evolve(np.ones(3), 1.0), ValueError, "p0 must have 50 coordinates"),
        (lambda fp: fp.evolve(-np.ones(50), 1.0), ValueError, "without negative values"),
        (lambda fp: fp.evolve(0.0, -1.0), ValueError, "times must not be negative"),
        (lambda fp: fp.current(np.ones(3)), ValueError, "p must have 50 coordinates"),
        (lambda fp: fp.mean_first_passage(-5.0, 0.0), ValueError, "a must lie between"),
        (lambda fp: fp.mean_first_passage(0.0, 5.0), ValueError, "c must be"),
        (lambda fp: fp.mean_first_passage([-0.5, 0.5], 0.0), ValueError, "same side of c"),
        (lambda fp: bernoulli(math.inf), ValueError, "z must be finite"),
        (lambda fp: FokkerPlanck(fp.process, -1, 1, 2000).evolve(0.0, 1.0), ValueError, "at most 1500 cells"),
        (lambda fp: FokkerPlanck(fp.process, -1, 1, 2000).modes(), ValueError, "at most 1500 cells"),
        (lambda fp: FokkerPlanck(fp.process, -1, 1, 2000).generator, ValueError, "at most 1500 cells"),
    ],
)
def test_what_a_grid_cannot_answer_it_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call(FokkerPlanck(Process(np.zeros_like, 1.0), -1.0, 1.0, 50))


# Two parameters

BOX = (-2, 1), (-2, 2)


def plane(expression, D, a=(-1, 0), n=60, box=BOX):
    process = Diffusion(Landscape("plane", expression, (x, y), box), D)
    return mean_first_passage_plane(process, a, box[0][1], box, n)


@pytest.mark.parametrize("ratio", [2, 4, 6])
def test_a_coordinate_of_its_own_does_not_change_the_time(ratio):
    D = DEPTH / ratio
    exact = mean_first_passage(Diffusion("double well", D), -1.0, 1.0)
    assert plane((x**2 - 1) ** 2 / 4 + y**2 / 2, D) == pytest.approx(exact, rel=3e-5)


def test_walls_reflect_wherever_a_free_particle_starts():
    for start in ((-1.8, 0.3), (0.5, -2.0)):
        free = ((1 + 2) ** 2 - (start[0] + 2) ** 2) / (2 * 0.3)
        assert plane(0 * x, 0.3, start, n=20) == pytest.approx(free, rel=1e-9)


def test_a_slope_along_the_wall_is_felt():
    assert plane(y + 0 * x, 0.3, (0, 0), n=20) == pytest.approx((3**2 - 2**2) / 0.6, rel=1e-9)
    exact = mean_first_passage(Diffusion("double well", DEPTH / 3), -1.0, 1.0)
    aside = plane((x**2 - 1) ** 2 / 4 + 2 * (y - 0.4) ** 2, DEPTH / 3, (-1, 0.4))
    assert aside == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("width", [0.5, 4])
def test_the_plane_comes_to_eyring_and_kramers_as_the_noise_falls(width):
    side = 1 + (width - 1) * sp.exp(-2 * x**2)
    H_a = 2 * float(side.subs(x, -1))
    errors = []
    for ratio in (5, 10):
        law = 2 * math.pi * math.sqrt(width / H_a) * math.exp(ratio)
        errors.append(plane((x**2 - 1) ** 2 / 4 + side * y**2 / 2, DEPTH / ratio, n=80) / law - 1)
    assert 0 < errors[1] < 0.6 * errors[0] < 0.15


def test_the_plane_is_extrapolated():
    coupled = (x**2 - 1) ** 2 / 4 + (y - x / 2) ** 2
    coarse, fine = (plane(coupled, DEPTH / 4, (-1, -0.5), n) for n in (30, 90))
    assert coarse == pytest.approx(fine, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": (0, 0, 0)}, "a must have 2 coordinates"),
        ({"a": (-3, 0)}, "a must be a point of the box"),
        ({"c": 2}, "the first of them ending at c = 2"),
        ({"box": ((1, 1), (-2, 2))}, "box must be two pairs"),
        ({"n": 2}, "n must lie between 4 and 400"),
        ({"process": Process(np.zeros_like, 1.0)}, "process must have two parameters"),
        ({"process": Diffusion(Landscape("p", x + y, (x, y), BOX), 1 + x**2)}, "one positive number"),
        ({"process": Diffusion(Landscape("p", x + y, (x, y), BOX), 0)}, "one positive number"),
    ],
)
def test_what_no_plane_can_be_says_so(change, message):
    flat = Diffusion(Landscape("p", x + y, (x, y), BOX), 1)
    with pytest.raises(ValueError, match=message):
        mean_first_passage_plane(**{"process": flat, "a": (0, 0), "c": 1, "box": BOX, "n": 10} | change)
