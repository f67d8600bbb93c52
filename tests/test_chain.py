"""The chain of a finite step against closed forms, its limit, real runs and the cumulants of its noise."""

import math

import numpy as np
import pytest
import sympy as sp

from helpers import chain as chains
from helpers.chain import Chain, Exponential, Gaussian, Pool, escape_exponent
from helpers.diffusion import SGD, Diffusion, first_passages, occupation, pool_loss
from helpers.fokker_planck import FokkerPlanck
from helpers.kramers import mean_first_passage, occupation_exact
from helpers.landscapes import Landscape, double_well, ravine, two_wells, x
from helpers.minibatch import SampleLoss, sample_loss, z

WELL = double_well()
BOWL = Landscape("bowl", x**2 / 2, x, (-1, 1))
FLAT = (-math.inf, 0)

draws = np.random.default_rng(3).exponential(1, 1000)
POOL = (draws - draws.mean()) / draws.std()
normal = np.random.default_rng(0).normal(size=1000)
NORMAL_POOL = 2 * (normal - normal.mean()) / normal.std()


def digits(value, printed):
    """`value`, rounded to the digits of the `printed` one."""
    return f"{float(value):.{len(printed.partition('.')[2])}f}"


# Laws of z and of z̄


@pytest.mark.parametrize("law", [Gaussian(0.7), Exponential(1.3), Pool([0.0, 1.0, 5.0])])
def test_cumulants(law):
    """K″(0) = σ², K(0) = K′(0) = 0, and the slope is the derivative."""
    q = np.array([-0.4, -0.1, 0.0, 0.2, 0.5])
    h = 1e-5
    assert law.K_slope(q) == pytest.approx((law.K(q + h) - law.K(q - h)) / (2 * h), abs=1e-8)
    assert law.K(0.0) == pytest.approx(0) and law.K_slope(0.0) == pytest.approx(0, abs=1e-14)
    assert (law.K_slope(h) - law.K_slope(-h)) / (2 * h) == pytest.approx(law.σ**2, rel=1e-6)


def test_cumulants_are_logarithms_of_means():
    u = np.linspace(-1, 60, 400001)
    mean = np.trapezoid(np.exp(0.5 * u - (u + 1)), u)
    assert Exponential(1).K(0.5) == pytest.approx(math.log(mean), rel=1e-6)
    numbers = np.array([1.0, 2.0, 6.0])
    assert Pool(numbers).K(0.3) == pytest.approx(math.log(np.exp(0.3 * (numbers - 3)).mean()))
    assert Pool(numbers).K(2000.0) == pytest.approx(2000 * 3 - math.log(3))  # no overflow


@pytest.mark.parametrize("law", [Gaussian(0.7), Exponential(1.3), Pool(POOL)])
@pytest.mark.parametrize("B", [1, 2, 5, 300])
def test_means_of_batches(law, B):
    """Mean 0, standard deviation σ/√B, and what is below and above adds up to 1."""
    mean = law.mean(B)
    assert mean.std == pytest.approx(law.σ / math.sqrt(B))
    u = np.linspace(-1.5, 3, 41)
    assert mean.below(u) + mean.above(u) == pytest.approx(np.ones(41), abs=1e-12)
    if mean.density is None:
        assert mean.p @ mean.z == pytest.approx(0, abs=1e-12)
        assert mean.p @ mean.z**2 == pytest.approx(mean.std**2, rel=2e-5)
    else:
        low = max(mean.support[0], -12.0)
        fine = low + (30 - low) * (np.arange(2_000_000) + 0.5) / 2_000_000
        p = mean.density(fine) * (30 - low) / 2_000_000
        assert [p.sum(), p @ fine, p @ fine**2] == pytest.approx([1, 0, mean.std**2], abs=1e-5)
        inside = fine < 0.3
        assert p[inside].sum() == pytest.approx(float(mean.below(np.array(0.3))), abs=1e-5)
        assert mean.density(np.array(mean.support[0] - 1)) == 0


def test_pool_by_hand():
    """All pairs, and all triples, of a small pool."""
    numbers = np.random.default_rng(1).normal(size=40)
    numbers -= numbers.mean()
    for B in (2, 3):
        sums = numbers
        for _ in range(B - 1):
            sums = np.add.outer(sums, numbers).ravel()
        u = np.linspace(-1, 1, 9)
        by_hand = (sums[:, None] / B < u).mean(axis=0)
        assert Pool(numbers).mean(B).below(u) == pytest.approx(by_hand, abs=2e-3)


def test_small_tails_keep_their_digits():
    gauss, gamma = Gaussian().mean(1), Exponential().mean(2)
    tail = math.erfc(10 / math.sqrt(2)) / 2
    assert float(gauss.above(10.0)) == pytest.approx(tail, rel=1e-10, abs=0)
    assert float(gauss.below(-10.0)) == pytest.approx(tail, rel=1e-10, abs=0)
    assert float(gamma.below(-1 + 1e-8)) == pytest.approx(2e-16, rel=1e-6, abs=0)  # s²/2, s = 2·10⁻⁸
    assert float(gamma.above(49.0)) == pytest.approx(101 * math.exp(-100), rel=1e-12, abs=0)


def test_laws_refuse():
    with pytest.raises(ValueError, match="σ must be"):
        Gaussian(0)
    with pytest.raises(ValueError, match="σ must be"):
        Exponential(-1)
    for bad in ([1.0], [2.0, 2.0]):
        with pytest.raises(ValueError, match="two different numbers"):
            Pool(bad)


# The exponent


@pytest.mark.parametrize(
    "law, right, left",
    [(Exponential(), ".353", ".828"), (Gaussian(), ".500", ".500"), (Pool(POOL), ".382", ".775")],
)
def test_exponents(law, right, left):
    assert digits(escape_exponent(WELL, -1, 0, law), right) == "0" + right
    assert digits(escape_exponent(WELL, 1, 0, law), left) == "0" + left


def test_exponent_of_the_ideal_exponential_by_hand():
    """K(q) = qs: from one side to the other by bisection."""

    def root(s):
        low, high = (1e-9, 1 - 1e-15) if s > 0 else (-1e6, -1e-9)
        for _ in range(200):
            middle = (low + high) / 2
            beyond = (-middle - math.log1p(-middle)) / middle > s  # K(q)/q grows with q
            low, high = (low, middle) if beyond else (middle, high)
        return low

    for a in (-1, 1):
        nodes, weights = np.polynomial.legendre.leggauss(60)
        θ = a / 2 * (1 - nodes)
        w = sum(u * root(t**3 - t) for t, u in zip(θ, weights, strict=True)) * -a / 2
        assert escape_exponent(WELL, a, 0, Exponential()) == pytest.approx(w, rel=1e-9)


@pytest.mark.parametrize("B", [1, 4])
@pytest.mark.parametrize("k", [1, 4])
def test_exponent_of_minibatches(B, k):
    """ℓ = V(√kθ) − z√kθ has the exponent of the pool, times B/k."""
    data = pool_loss(g=sp.sqrt(k) * x).on(POOL)
    w = escape_exponent(SGD(data, B), -1 / math.sqrt(k), 0)
    assert w == pytest.approx(B / k * escape_exponent(WELL, -1, 0, Pool(POOL)), rel=1e-9)


def test_exponent_where_the_slope_is_small():
    """|L′| ≪ σ: 2ΔL/σ², whatever the law; a larger B is no larger σ."""
    for law in (Exponential(100), Pool(100 * POOL)):
        assert escape_exponent(WELL, -1, 0, law) == pytest.approx(0.5 / 100**2, rel=0.005)
    ratios = [escape_exponent(WELL, -1, 0, Exponential(), B) / (0.5 * B) for B in (1, 64)]
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-12) and ratios[0] < 0.75


def test_exponent_is_infinite_where_no_sample_points_uphill():
    assert escape_exponent(WELL, -1, 0, Pool([-0.1, 0.1])) == math.inf
    with pytest.raises(ValueError, match="must rise"):
        escape_exponent(WELL, 0, 1, Gaussian())
    with pytest.raises(TypeError, match="SGD on samples, or a law"):
        escape_exponent(Diffusion(WELL, 0.1), -1, 0)
    with pytest.raises(TypeError, match="law must be"):
        escape_exponent(WELL, -1, 0, "exponential")


# Times


def test_step_size_bias():
    """ΔL/D = 6, η = .02: −.5 % at +1, and +8.3 % at the barrier, where a shift predicts +8.9 %."""
    process = Diffusion(WELL, 0.25 / 6)
    chain = Chain(process, 0.02)
    bias = [chain.mean_first_passage(-1, c) / mean_first_passage(process, -1, c) - 1 for c in (1, 0)]
    assert [digits(100 * b, ".5") for b in bias] == ["-0.5", "8.3"]
    shifted = mean_first_passage(process, -1, 0.5826 * math.sqrt(2 * 0.25 / 6 * 0.02))
    assert digits(100 * (shifted / mean_first_passage(process, -1, 0) - 1), ".9") == "8.9"


def test_bias_is_of_first_order():
    process = Diffusion(WELL, 0.25 / 6)
    exact = mean_first_passage(process, -1, 1)
    bias = [Chain(process, η).mean_first_passage(-1, 1) / exact - 1 for η in (0.01, 0.005, 0.0025)]
    assert bias[0] / bias[1] == pytest.approx(2, rel=0.06) and bias[1] / bias[2] == pytest.approx(2, rel=0.06)


@pytest.mark.parametrize("ratio", [20, 40, 80])
def test_high_barriers_keep_their_digits(ratio):
    """The bias goes on smoothly where 1 − Λ is far below the rounding of 1."""
    bias = [
        Chain(Diffusion(WELL, 0.25 / r), 0.02).mean_first_passage(-1, 1)
        / mean_first_passage(Diffusion(WELL, 0.25 / r), -1, 1)
        - 1
        for r in (ratio - 2, ratio, ratio + 2)
    ]
    assert -0.01 < bias[1] < -0.005 and abs(bias[0] - 2 * bias[1] + bias[2]) < 1e-6


def test_mirrored_and_refined(monkeypatch):
    process = Diffusion(WELL, (2 + x) / 60)
    mirrored = Diffusion(WELL, (2 - x) / 60)
    T, rate = Chain(process, 0.03).mean_first_passage(-1, 1), Chain(process, 0.03).escape_rate(-1, 1)
    assert Chain(mirrored, 0.03).mean_first_passage(1, -1) == pytest.approx(T, rel=1e-10)
    assert Chain(mirrored, 0.03).escape_rate(1, -1) == pytest.approx(rate, rel=1e-9)
    monkeypatch.setattr(chains, "_WIDTH", 1.7)
    assert Chain(process, 0.03).mean_first_passage(-1, 1) == pytest.approx(T, rel=1e-9)
    assert Chain(process, 0.03).mean_first_passage(1, 1) == 0


def test_rate_is_the_slowest_mode():
    """As η → 0 it is the lowest eigenvalue with an absorbing end, which F–P has on a grid."""
    process = Diffusion(WELL, 0.25 / 4)
    (λ, *_) = FokkerPlanck(process, -2.6, 1.0, 1600, absorbing="high").spectrum(1)
    gaps = [Chain(process, η).escape_rate(-1, 1) / λ - 1 for η in (0.02, 0.01, 0.005)]
    assert 2 < gaps[0] / gaps[1] < 2.5 and 2 < gaps[1] / gaps[2] < 2.5 and 0 < gaps[2] < 1e-3


def run(step, start, c, particles):
    """The numbers of steps until each particle has reached c, from the definition of the chain."""
    θ, steps, counts = np.full(particles, float(start)), 0, []
    while len(θ):
        θ, steps = step(θ), steps + 1
        away = θ < c if start < c else θ > c
        counts.extend([steps] * int((~away).sum()))
        θ = θ[away]
    return np.array(counts)


@pytest.mark.parametrize("a, η", [(-1, 0.1), (1, 0.25)])
def test_exponential_noise_against_runs(a, η):
    rng, slope = np.random.default_rng(11), WELL.gradient
    counts = run(lambda θ: θ - η * (slope(θ[:, None])[:, 0] - rng.exponential(1, len(θ)) + 1), a, -a, 3000)
    exact = Chain(WELL, η, Exponential()).mean_first_passage(a, -a)
    assert abs(η * counts.mean() - exact) < 3 * η * counts.std() / math.sqrt(len(counts))


def test_gaussian_noise_against_runs():
    rng, process, η = np.random.default_rng(12), Diffusion(WELL, (2 + x) / 20), 0.1
    counts = run(lambda θ: process.step(θ[:, None], rng.normal(size=(len(θ), 1)), η)[:, 0], -1, 1, 3000)
    exact = Chain(process, η).mean_first_passage(-1, 1)
    assert abs(η * counts.mean() - exact) < 3 * η * counts.std() / math.sqrt(len(counts))


@pytest.mark.parametrize("B, η", [(1, 0.05), (3, 0.15)])
def test_minibatches_against_runs(B, η):
    """Real minibatches of a pool of exponential numbers."""
    process = SGD(pool_loss(g=sp.sinh(x)).on(1.5 * POOL), B)
    found = first_passages(process, [-0.8], 0.8, η, 2000, np.random.default_rng(13), events=8000)
    exact = Chain(process, η).mean_first_passage(-0.8, 0.8)
    assert abs(found.τ - exact) < 3 * found.error


def test_noise_that_vanishes_at_the_barrier():
    """g = θ²: at the top nothing but the drift moves; the chain and its exponent are finite."""
    process = SGD(pool_loss(g=x**2).on(POOL), 2)
    assert escape_exponent(process, 1, 0.2) > 0
    assert Chain(process, 0.05).mean_first_passage(1, 0.2) > 0


def test_law_and_pool_agree():
    """A pool as a law, and the same pool as samples, are one chain."""
    one = Chain(WELL, 0.1, Pool(NORMAL_POOL), 2).mean_first_passage(-1, 1)
    other = Chain(SGD(pool_loss().on(NORMAL_POOL), 2), 0.1).mean_first_passage(-1, 1)
    tilted = Chain(SGD(sample_loss("tilted well").on(NORMAL_POOL), 2), 0.1).mean_first_passage(-1, 1)
    assert one == pytest.approx(other, rel=2e-4) and tilted == pytest.approx(other, rel=2e-4)


def test_a_larger_batch_does_not_repair_the_gaussian_limit():
    """At a fixed B/η the exponent (B/η)∫q*dθ is the same for every B, and so is its gap to the Gaussian."""
    gaps = []
    for B in (2, 8):
        η = 0.05 * B / 2
        pool = Chain(WELL, η, Pool(POOL * 1.4), B).mean_first_passage(-1, 1)
        gauss = Chain(WELL, η, Gaussian(1.4), B).mean_first_passage(-1, 1)
        gaps.append(pool / gauss - 1)
    assert gaps[0] == pytest.approx(gaps[1], rel=0.25) and gaps[0] < -0.1


@pytest.mark.parametrize("a, printed, every", [(-1, ".346", ".353"), (1, ".826", ".828")])
def test_slope_of_the_exponential_chain(a, printed, every):
    """log τ against 1/η over 6…30: .346 and .826 as the exponents .353 and .828 say, not .5."""
    rates = np.arange(6, 31)
    τ = [Chain(WELL, 1 / r, Exponential()).mean_first_passage(a, -a) for r in rates]
    slope = np.polyfit(rates, np.log(τ), 1)[0]
    assert slope == pytest.approx(float(printed), abs=6e-4)
    assert abs(slope - float(every)) < 0.01


def test_escape_law_of_the_chain():
    """The slopes of log τ at the very η that are measured, a little above those of the diffusion."""

    def sgd(B, k=1):
        return SGD(pool_loss(g=sp.sqrt(sp.nsimplify(k)) * x).on(NORMAL_POOL), B)

    B = np.array([2, 3, 4, 5])
    τ = [Chain(sgd(int(b)), 0.1).mean_first_passage(-1, 1) for b in B]
    assert np.polyfit(B, np.log(τ), 1)[0] == pytest.approx(1.2099, abs=3e-4)
    rates = np.array([10, 15, 20])
    τ = [Chain(sgd(2), 1 / r).mean_first_passage(-1, 1) for r in rates]
    assert np.polyfit(rates, np.log(τ), 1)[0] == pytest.approx(0.2419, abs=1e-4)
    inverse_k = np.array([0.4, 0.6, 0.8, 1.0, 1.2])
    τ = [Chain(sgd(2, 1 / i), 0.05).mean_first_passage(-math.sqrt(i), math.sqrt(i)) for i in inverse_k]
    assert np.polyfit(inverse_k, np.log(τ / inverse_k), 1)[0] == pytest.approx(4.858, abs=2e-3)


# The stationary state


@pytest.mark.parametrize("η", [0.1, 0.7])
def test_harmonic_chain(η):
    """On ½θ² the chain is linear: a normal density of variance 2D/(2 − η)."""
    D = 0.3
    grid = np.linspace(-2, 2, 9)
    variance = 2 * D / (2 - η)
    expected = np.exp(-(grid**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    chain = Chain(Diffusion(BOWL, D), η)
    assert chain.stationary_density(grid) == pytest.approx(expected, rel=1e-8)
    assert chain.stationary_density(grid[:, None]) == pytest.approx(expected, rel=1e-8)
    share = math.erf(1 / math.sqrt(2 * variance))
    assert chain.occupation((-1, 1)) == pytest.approx(share, rel=1e-9)


def test_a_well_far_from_the_origin():
    """Where the well lies does not matter, nor how far beyond it the grid goes."""
    moved = Diffusion(Landscape("moved", (x - 3) ** 2 / 2, x, (2, 4)), 0.02)
    here = Chain(Diffusion(BOWL, 0.02), 0.1).stationary_density([-0.2, 0.0, 0.3])
    there = Chain(moved, 0.1).stationary_density([-3.0, 2.8, 3.0, 3.3, 5.0])
    assert there[1:4] == pytest.approx(here, rel=1e-8) and max(there[0], there[4]) < 1e-15
    # a pool leads nowhere near the ends of the grid, and those lead to the well
    pool = Chain(moved, 0.1, Pool(POOL / 5)).stationary_density([-3.0, 3.0, 5.0])
    assert pool[1] > 1 and max(pool[0], pool[2]) < 1e-15


@pytest.mark.parametrize("law", [Exponential(1.2), Pool(POOL * 1.2)])
def test_harmonic_chain_of_any_law(law):
    """Its mean is 0, its variance ησ²/(B(2 − η)), and its third cumulant Bη³κ₃/(B³(1 − (1 − η)³))."""
    η, B = 0.3, 2
    chain = Chain(BOWL, η, law, B)
    grid = np.linspace(-1.5, 4, 4001)
    p = chain.stationary_density(grid) * (grid[1] - grid[0])
    variance = η * law.σ**2 / (B * (2 - η))
    third = (POOL * 1.2) ** 3 if isinstance(law, Pool) else np.array([2 * 1.2**3])
    skew = η**3 * third.mean() / (B**2 * (1 - (1 - η) ** 3))
    blur = 0 if isinstance(law, Exponential) else (η * law.σ / math.sqrt(B) / 4) ** 2 / 12
    assert [p.sum(), p @ grid, p @ grid**2] == pytest.approx([1, 0, variance + blur], abs=1e-3 * variance)
    assert p @ grid**3 == pytest.approx(skew, rel=0.01)


@pytest.mark.parametrize(
    "ratio, printed",
    [(2, (".606", ".867", ".091")), (3, (".607", ".915", ".029")), (4, (".608", ".948", ".0085"))],
)
def test_two_wells_at_a_finite_step(ratio, printed):
    """η = .05, flat H = 2 and sharp H = 4.5: thermal, SGD, and the noise turned round."""
    slope = 1 + (1 + sp.tanh(10 * x)) / 4
    D = sp.Rational(1, 4 * ratio)
    for noise, share in zip((D, D * slope**2, D / slope**2), printed, strict=True):
        assert digits(Chain(Diffusion(two_wells(), noise), 0.05).occupation(FLAT), share) == "0" + share


def test_the_step_itself_prefers_flat_wells():
    """Δ log ratio ≈ η(H_s − H_f)/4 beside the density e^{−L/D}."""
    process = Diffusion(two_wells(), sp.Rational(1, 20))
    exact = occupation_exact(process, FLAT)

    def shift(η):
        share = Chain(process, η).occupation(FLAT)
        return math.log(share / (1 - share)) - math.log(exact / (1 - exact))

    assert shift(0.005) == pytest.approx(0.005 * 2.5 / 4, rel=0.1)
    assert shift(0.01) / shift(0.005) == pytest.approx(2, rel=0.1)


def test_occupation_against_runs():
    process = SGD(pool_loss(g=2 * x).on(POOL * 1.6), 1)
    exact = Chain(process, 0.03).occupation((-0.6, 0.1))
    found = occupation(process, [0.0], (-0.6, 0.1), 0.03, 1000, 4000, np.random.default_rng(5), burn_in=60)
    assert abs(found.share - exact) < 3 * found.error


def test_shares_add_up():
    chain = Chain(Diffusion(WELL, 0.05), 0.05)
    assert chain.occupation(FLAT) == pytest.approx(0.5, abs=1e-10)
    assert chain.occupation((-0.5, 0)) + chain.occupation((0, math.inf)) == pytest.approx(
        chain.occupation((-0.5, math.inf)), abs=1e-10
    )


# What it refuses


@pytest.mark.parametrize("η, what", [(3.0, "runs away before"), (1e-5, "too small")])
def test_steps_too_large_or_too_small(η, what):
    with pytest.raises(ValueError, match=what):
        Chain(Diffusion(WELL, 0.25 / 6), η).mean_first_passage(-1, 1)


@pytest.mark.parametrize("η", [1.0, 3.0])
def test_no_stationary_state(η):
    with pytest.raises(ValueError, match="no stationary state"):
        Chain(Diffusion(WELL, 0.25 / 6), η).occupation(FLAT)


def test_refuses():
    with pytest.raises(ValueError, match="η must be"):
        Chain(Diffusion(WELL, 0.1), 0)
    with pytest.raises(TypeError, match="gradient"):
        Chain("double well", 0.1, Gaussian())
    with pytest.raises(TypeError, match="gradient"):
        Chain(Diffusion(ravine(), 0.1), 0.1)
    with pytest.raises(ValueError, match="one parameter"):
        Chain(SGD(sample_loss("least squares").on([[0.0, 1.0], [1.0, 0.0]]), 1), 0.1)
    with pytest.raises(ValueError, match="linear in z"):
        square = SampleLoss("square", (x - z**2) ** 2, x, z)
        Chain(SGD(square.on([0.0, 1.0, 2.0]), 1), 0.1)
    for more in ({"temperature": 0.1}, {"replace": False}):
        with pytest.raises(ValueError, match="with replacement, at temperature 0"):
            Chain(SGD(pool_loss().on([-1.0, 1.0]), 1, **more), 0.1)
