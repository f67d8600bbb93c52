"""Diffusions and SGD of many particles: one step, the bookkeeping of a run, and its statistics."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
import sympy as sp

from helpers.chain import Chain
from helpers.critical_points import find_critical_points
from helpers.diffusion import (
    SGD,
    Diffusion,
    MatrixDiffusion,
    Passages,
    centred,
    first_passages,
    occupation,
    passage_interval,
    pool_loss,
    simulate,
)
from helpers.kramers import mean_first_passage, occupation_exact
from helpers.landscapes import Landscape, double_well, landscape, stretch, two_wells
from helpers.minibatch import noise_covariance, sample_loss
from helpers.networks import Network
from helpers.saddles import perturbed

x, y = landscape("saddle").variables
SLOPE = Diffusion(Landscape("slope", -x, x, (-2, 12), start=0.0), 0)  # a step is η to the right
LEFT = (-math.inf, 0)


def rng(seed):
    return np.random.default_rng(seed)


def pool(σ=2.0):
    return centred(rng(3).exponential(1, 1000), σ)


def within(measured, exact):
    """Is it within three standard errors of the exact value?"""
    return abs(measured.τ - exact) < 3 * measured.error


# One step

PROCESSES = {
    "constant": Diffusion("double well", 0.04),
    "where it is sharp": Diffusion("two wells", 0.05 * stretch().diff() ** 2),
    "turned round": Diffusion("two wells", 0.05 / stretch().diff() ** 2),
    "kink": Diffusion("double well", (1 + sp.Abs(x)) / 20),
    "no noise": Diffusion("double well", 0),
    "plane": Diffusion("Himmelblau", (1 + x**2 + y**2) / 10),
    "diagonal": Diffusion("worst network", [0.1, 0.3]),
}
ALL = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


@ALL
def test_the_step_is_that_of_perturbed_gradient_descent(process):
    θ, ξ = rng(0).uniform(-1.5, 1.5, (50, process.d)), rng(1).normal(size=(50, process.d))
    D = process.D(θ)
    D = D[:, None] if D.shape == (50,) else D
    step, _ = perturbed.step(θ, process.gradient(θ), [], 1, {"η": 0.03, "D": D}, ξ=ξ)
    np.testing.assert_allclose(process.step(θ, ξ, 0.03), step, rtol=1e-13, atol=1e-15)


@ALL
def test_a_walk_takes_these_steps(process):
    start, η = rng(0).uniform(-1.2, 1.2, (7, process.d)), 0.01
    before = start
    for k, found in zip(range(40), process.walk(start, η, rng(2)), strict=False):
        θ = np.stack(found, axis=-1)
        noise = (θ - before + η * process.gradient(before)) / np.sqrt(2 * η)
        D = process.D(before)
        D = np.broadcast_to(D[:, None] if D.ndim == 1 else D, θ.shape)
        ξ = noise / np.sqrt(np.where(D > 0, D, 1))
        np.testing.assert_allclose(process.step(before, ξ, η), θ, rtol=1e-10, atol=1e-12)
        if k == 0:  # and the noise is that of the generator, in order
            drawn = rng(2).standard_normal((process.d, 7)).T
            np.testing.assert_allclose(ξ, drawn * (D > 0), atol=1e-9)
        before = θ.copy()


@ALL
def test_javascript_takes_the_same_steps(process, browser):
    page = browser.new_page()
    θ, ξ = rng(0).uniform(-1.5, 1.5, (100, process.d)), rng(1).normal(size=(100, process.d))
    values = page.evaluate(
        """([text, θ, ξ]) => {
        const f = eval(text);
        return θ.map((p, k) => [f.loss(p), f.gradient(p), f.D(p), f.step(p, ξ[k], 0.02)].flat());
    }""",
        [process.javascript, θ.tolist(), ξ.tolist()],
    )
    page.close()
    parts = (process.loss(θ), process.gradient(θ), process.D(θ), process.step(θ, ξ, 0.02))
    ours = np.concatenate([part.reshape(100, -1) for part in parts], axis=1)
    np.testing.assert_allclose(values, ours, rtol=1e-12, atol=1e-13)


def test_latex_shows_the_slope_and_the_noise():
    assert Diffusion("double well", 0.1).latex == r"x + \sqrt{2 \eta D} \xi - \eta x \left(x^{2} - 1\right)"
    noisy = Diffusion("double well", (1 + x**2) / 10).latex
    assert r"\sqrt{2 \eta \left(\frac{x^{2}}{10} + \frac{1}{10}\right)} \xi" in noisy
    assert Diffusion("worst network", [0.1, 0.3]).latex.count(r" \\ ") == 1
    assert "D_{w_{2}}" in Diffusion("worst network", [0.1, 0.3]).latex


def test_shapes_of_gradient_and_D():
    θ = np.zeros((3, 4, 2))
    for D, shape in (0.1, (3, 4)), (x**2 + 1, (3, 4)), ([0.1, x**2], (3, 4, 2)):
        process = Diffusion("saddle", D)
        assert process.gradient(θ).shape == (3, 4, 2) and process.hessian(θ).shape == (3, 4, 2, 2)
        assert process.D(θ).shape == shape
        assert process.step(θ, θ, 0.1).shape == (3, 4, 2)


@pytest.mark.parametrize(
    "D, error, words",
    [
        (-0.1, ValueError, "D must be finite and at least 0"),
        (math.nan, ValueError, "D must be finite"),
        ("much", TypeError, "D must be a number"),
        (True, TypeError, "D must be a number"),
        (x - 1, ValueError, "D must be at least 0 on the domain"),
        (y, ValueError, "D contains y"),
        ([0.1, 0.2], ValueError, "one entry for each"),
        (sp.Integer(-1), ValueError, "at least 0"),
    ],
)
def test_what_is_no_diffusion_constant_is_refused(D, error, words):
    with pytest.raises(error, match=words):
        Diffusion("double well", D)


# Minibatches

ROWS = {
    "pool": (pool_loss().on([-2.0, 0.5, 1.5]), [0.3]),
    "stretched pool": (pool_loss("double well", stretch()).on([-2.0, 0.5, 1.5]), [0.3]),
    "logistic": (sample_loss("logistic").on([[-2.0, 0.0], [0.5, 1.0], [1.5, 1.0]]), [0.4, -0.1]),
    "tilted saddle": (sample_loss("tilted saddle").on([[-2.0, 0.0], [0.5, 1.0], [1.5, -1.0]]), [0.4, -0.1]),
    "network": (Network((1, 2, 1)).on([[-2.0], [0.5], [1.5]], [[1.0], [0.0], [2.0]]), np.arange(7) / 9),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("replace", [True, False])
def test_every_batch_is_drawn_as_often_as_chance_would(name, replace):
    data, start = ROWS[name]
    n, η = 4000, 0.1
    batches = np.array(list(itertools.product(range(3), repeat=2)))
    if not replace:
        batches = batches[batches[:, 0] != batches[:, 1]]
    walk = SGD(data, 2, replace=replace).walk(np.tile(start, (n, 1)), η, rng(4))
    before, seen = np.tile(start, (n, 1)), []
    for _ in range(2):
        θ = np.stack(next(walk), axis=-1)
        reach = before[:, None] - η * np.stack([data.batch_gradient(before, b) for b in batches], axis=1)
        distance = np.abs(reach - θ[:, None]).max(axis=-1)
        assert distance.min(axis=1).max() < 1e-12
        seen.append((distance < 1e-9).argmax(axis=1))  # i, j and j, i are one batch: the first of them
        before = θ.copy()
    one = np.unique(seen[0], return_counts=True)[1] / n
    weight = np.array([2 if b[0] < b[1] else 1 for b in batches if b[0] <= b[1]]) / len(batches)
    assert np.abs(one - weight).max() < 4 * np.sqrt(weight.max() / n)
    both = np.unique(seen[0] * 9 + seen[1], return_counts=True)[1] / n  # and each step draws anew
    assert np.abs(both - np.outer(weight, weight).ravel()).max() < 4 * weight.max() / np.sqrt(n)


def test_without_replacement_all_sets_of_samples_are_alike():
    data, n = sample_loss("location").on(2.0 ** np.arange(7)), 35000  # the sum of a set tells which it is
    (θ,) = next(SGD(data, 3, replace=False).walk(np.zeros((n, 1)), 0.5, rng(8)))
    sums, seen = np.unique(np.round(6 * θ), return_counts=True)
    assert len(sums) == 35 and np.abs(seen - 1000).max() < 4 * math.sqrt(1000)


@pytest.mark.parametrize("name", ROWS)
def test_all_samples_without_replacement_are_gradient_descent(name):
    data, start = ROWS[name]
    walk = SGD(data, 3, replace=False).walk(np.tile(start, (5, 1)), 0.1, rng(0))
    θ = np.tile(start, (5, 1))
    for _ in range(3):
        θ = θ - 0.1 * data.gradient(θ)
        np.testing.assert_allclose(np.stack(next(walk), axis=-1), θ, atol=1e-14)


@pytest.mark.parametrize("name", ["pool", "tilted saddle", "logistic"])
def test_a_temperature_adds_noise_of_its_own(name):
    data, start = ROWS[name]
    sgld = SGD(data, 3, temperature=0.5, replace=False)  # no noise but the temperature's
    walk, n, θ, noise = (
        sgld.walk(np.tile(start, (20000, 1)), 0.1, rng(5)),
        20000,
        np.tile(start, (20000, 1)),
        [],
    )
    for _ in range(2):
        expected = θ - 0.1 * data.gradient(θ)
        θ = np.stack(next(walk), axis=-1)
        noise.append(θ - expected)
    off = np.concatenate(noise, axis=-1)  # of both steps, which are independent
    assert np.abs(off.mean(axis=0)).max() < 4 * np.sqrt(0.1 / n)
    np.testing.assert_allclose(np.cov(off.T), 0.1 * np.eye(2 * data.d), atol=0.1 * 4 * np.sqrt(2 / n))


def test_a_gradient_that_is_linear_in_the_sample_is_noticed():
    linear = {name for name, (data, _) in ROWS.items() if SGD(data, 2).linear}
    assert linear == {"pool", "stretched pool", "tilted saddle"}


@pytest.mark.parametrize("replace, factor", [(True, 1 / 4), (False, 96 / 4 / 99)])
def test_the_diffusion_of_sgd_has_the_covariance_of_its_gradient(replace, factor):
    z, θ = centred(rng(0).exponential(1, 100), 1.5) + 0.2, np.linspace(-1.5, 1.2, 9)[:, None]
    for data in pool_loss("double well", stretch()).on(z), sample_loss("location").on(z):
        process = SGD(data, 4, temperature=0.3, replace=replace).diffusion(0.05)
        assert isinstance(process, Diffusion)
        D = 0.05 * factor / 2 * noise_covariance(data, θ)[:, 0, 0] + 0.3
        np.testing.assert_allclose(process.D(θ), D, rtol=1e-12)
        np.testing.assert_allclose(process.gradient(θ), data.gradient(θ), rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(
            process.loss(θ) - process.loss([0.0]), data.loss(θ) - data.loss([0.0]), rtol=1e-11, atol=1e-13
        )


def test_on_a_centred_pool_the_loss_is_the_well_and_D_is_exact():
    k = 1.2
    g = sp.sqrt(sp.nsimplify(k)) * x
    process = SGD(pool_loss("double well", g).on(pool(2.0)), 3).diffusion(0.1)
    θ = np.linspace(-1.2, 1.2, 7)[:, None]
    assert float(process.D([0.7])) == pytest.approx(0.1 * 4 * k / (2 * 3), rel=1e-14)
    np.testing.assert_allclose(process.loss(θ), double_well(k).loss(θ), rtol=1e-13)
    two = SGD(pool_loss("double well", stretch()).on(pool(2.0)), 3).diffusion(0.1)
    np.testing.assert_allclose(two.loss(θ), two_wells().loss(θ), rtol=1e-12, atol=1e-15)


def test_a_matrix_of_noise_where_there_are_several_parameters():
    data, θ = ROWS["logistic"][0], np.array([0.4, -0.1])
    process = SGD(data, 2, temperature=0.01).diffusion(0.1)
    assert isinstance(process, MatrixDiffusion)
    D = 0.1 / 4 * noise_covariance(data, θ) + 0.01 * np.eye(2)
    np.testing.assert_allclose(process.D(θ), D, rtol=1e-13)
    n = 20000
    found = np.stack(next(process.walk(np.tile(θ, (n, 1)), 0.1, rng(6))), axis=-1)
    off = found - (θ - 0.1 * data.gradient(θ))
    error = np.sqrt((D**2 + np.outer(np.diag(D), np.diag(D))) / n)  # of an entry of a covariance
    assert (np.abs(np.cov(off.T) / 0.2 - D) < 4 * error).all()
    one = MatrixDiffusion(pool_loss().on([-1.0, 1.0]), 0.25)
    assert one.D([[0.0], [1.0]]).shape == (2,)


def test_a_pool_is_centred_and_scaled():
    z = centred([3.0, 5.0, 13.0], 0.5)
    assert z.mean() == pytest.approx(0, abs=1e-15) and z.std() == pytest.approx(0.5)


# The bookkeeping of a run, where nothing is left to chance: 4 steps of ¼ from 0 to 1


def run(process=SLOPE, start=0.0, target=1.0, particles=3, burn_in=0, **more):
    return first_passages(process, start, target, 0.25, particles, rng(0), burn_in=burn_in, **more)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "horizon, burn_in, arrivals",
    [(3, 0, 3), (0.75, 0, 0), (1, 0, 1), (1.25, 0.5, 1), (2.5, 0.5, 3), (0.75, 1, 0)],
)
def test_arrivals_and_time_are_counted_after_the_burn_in(horizon, burn_in, arrivals, dtype):
    found = run(horizon=horizon, burn_in=burn_in, dtype=dtype)
    assert (found.events, found.exposure, found.steps) == (3 * arrivals, 3 * horizon, horizon * 4)
    assert found.rate == arrivals / horizon
    assert found.times is None


def test_a_run_ends_after_so_many_events_or_at_its_horizon():
    found = run(events=4)
    assert (found.events, found.steps, found.exposure) == (6, 8, 6.0)
    assert run(events=4, horizon=1).events == 3
    assert run(events=1, horizon=3).steps == run(events=3, horizon=3).steps == 4


def test_each_particle_goes_back_to_its_own_start():
    starts = [[0.0], [0.5], [0.75]]
    found = run(start=starts, horizon=3)
    assert found.events == 3 + 6 + 12
    last = run(start=starts, horizon=3, target=lambda θ: θ[:, 0] >= 1)
    assert last.events == found.events


def test_without_renewal_each_particle_is_counted_once():
    found = run(start=[[0.0], [0.5], [0.75]], horizon=10, renew=False)
    assert found.times.tolist() == [0.25, 0.5, 1.0]
    assert (found.events, found.exposure, found.steps) == (3, 1.75, 4)
    censored = run(start=[[0.0], [0.5], [0.75]], horizon=0.5, renew=False)
    assert (censored.events, censored.exposure) == (2, 0.25 + 0.5 + 0.5)
    delayed = run(start=[[0.0], [0.5], [0.75]], horizon=0.5, renew=False, burn_in=0.25)
    assert delayed.times.tolist() == [0.25, 0.25]  # the third went back during the burn-in


def test_targets_on_either_side_and_in_the_plane():
    down = Diffusion(Landscape("slope", x, x, (-2, 2)), 0)
    assert run(down, start=0.5, target=-0.5, horizon=2).events == 6
    diagonal = Diffusion(Landscape("slope", -x - 2 * y, (x, y), ((-2, 2),) * 2), 0)
    found = run(diagonal, start=[0.0, 0.0], target=lambda θ: θ.sum(axis=-1) >= 3, horizon=2)
    assert found.events == 6


def test_shares_of_time():
    def share(region, steps, η=0.25, **more):
        return occupation(SLOPE, 0.0, region, η, 3, steps, rng(0), **({"burn_in": 0} | more))

    assert share((1, 2), 8) == (0.5, 0)  # 1, 1¼, 1½ and 1¾ of ¼ … 2
    assert share((1, 2), 4, burn_in=1) == (0.75, 0)
    assert share(lambda θ: θ[:, 0] < 5, 600, η=1 / 64) == (319 / 600, 0)  # more steps than a byte can count
    assert share((-math.inf, math.inf), 511) == (1, 0)
    starts = [[0.0], [0.0], [1.0], [1.0]]
    two = occupation(SLOPE, starts, (1, 10), 0.25, 4, 3, rng(0), burn_in=0)
    assert two.share == 0.5 and two.error == pytest.approx(np.std([0, 0, 1, 1], ddof=1) / 2)


def test_snapshots():
    t, θ = simulate(SLOPE, [[0.0], [1.0]], 0.25, 9, rng(0), particles=2, every=4)
    assert t.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(θ[..., 0], [[0, 1], [1, 2], [2, 3]])
    assert θ.dtype == np.float64 and simulate(SLOPE, 0, 0.1, 3, rng(0)).θ.shape == (4, 1, 1)


def test_the_same_seed_gives_the_same_run():
    process = Diffusion("double well", 0.1)
    a, b = (first_passages(process, -1, 1, 0.05, 200, rng(9), horizon=20) for _ in range(2))
    assert (a.events, a.exposure) == (b.events, b.exposure)


@pytest.mark.parametrize(
    "process", [Diffusion("double well", 0.05), SGD(pool_loss().on(pool()), 4)], ids=["diffusion", "SGD"]
)
def test_memory_does_not_grow_with_the_steps(process):
    def peak(horizon):
        tracemalloc.start()
        first_passages(process, -1, 1, 0.05, 500, rng(0), horizon=horizon)
        occupation(process, -1, LEFT, 0.05, 500, int(20 * horizon), rng(0))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(5)  # what is made once
    assert peak(200) < 1.2 * peak(10)


# What a run says


def test_few_events_say_little_and_none_says_so():
    none = Passages(0, 50.0, 10, 100, 0.05)
    assert (none.rate, none.τ, none.error) == (0, math.inf, math.inf)
    low, high = none.interval()
    assert low == pytest.approx(50 / -math.log(0.025), rel=0.01) and high == math.inf
    assert repr(none) == "Passages: none in a time of 50, so τ > 13.63 (95 %)"
    few = Passages(4, 50.0, 10, 100, 0.05)
    assert few.τ == 12.5 and few.error == 6.25
    assert repr(few) == "Passages: τ = 12.5 ± 6.2 from 4 event(s): too few to say more"
    assert repr(Passages(400, 50.0, 10, 100, 0.05)) == "Passages: τ = 0.125 ± 0.0063 from 400 event(s)"


@pytest.mark.parametrize("level", [0.68, 0.95, 0.99])
@pytest.mark.parametrize("mean", [3.0, 10.0, 30.0, 100.0, 1000.0])
def test_the_interval_holds_the_rate_as_often_as_it_says(mean, level):
    """Of a Poisson count exactly: at least as often, and not much oftener."""
    n = np.arange(0, int(mean + 12 * math.sqrt(mean)) + 30)
    log = n * math.log(mean) - mean - np.array([math.lgamma(k + 1) for k in n])
    ends = np.array([Passages(int(k), 1.0, 1, 1, 1.0).interval(level) for k in n])
    covered = np.exp(log)[(1 / ends[:, 1] <= mean) & (mean <= 1 / ends[:, 0])].sum()
    assert level - 0.002 < covered < level + (1 - level) * min(1, 2.5 / math.sqrt(mean))


def test_the_interval_is_that_of_a_poisson_count():
    garwood = {0: (0, 3.689), 3: (0.6187, 8.767), 10: (4.795, 18.39), 100: (81.36, 121.6)}  # exact, 95 %
    for n, ends in garwood.items():
        np.testing.assert_allclose(passage_interval(n, 1.0, 1.959964), ends, rtol=0.03 if n < 10 else 0.002)


def test_the_interval_of_real_runs_holds_the_exact_time():
    process = Diffusion("double well", 0.25 / 2)
    T, held = Chain(process, 0.05).mean_first_passage(-1, 1), 0
    for seed in range(150):
        low, high = first_passages(process, -1, 1, 0.05, 60, rng(seed), horizon=20).interval()
        held += low < T < high
    assert abs(held / 150 - 0.957) < 3 * math.sqrt(0.957 * 0.043 / 150)  # .957: a Poisson count of mean 29


# Laws, against values that are exact for the very step η


@pytest.mark.parametrize("q", [2, 3, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_escape_times_of_a_thermal_particle(q, dtype):
    process = Diffusion("double well", 0.25 / q)
    found = first_passages(process, -1, 1, 0.05, 2000, rng(q), events=2000, dtype=dtype)
    assert within(found, Chain(process, 0.05).mean_first_passage(-1, 1))


def test_escape_times_on_a_tilted_well_both_ways():
    process = Diffusion("tilted double well", 0.25 / 3)
    left, right = (p.θ[0] for p in find_critical_points(landscape("tilted double well")).of("minimum"))
    for a, c in (left, right), (right, left):
        found = first_passages(process, a, c, 0.05, 2000, rng(1), events=10000)
        assert within(found, Chain(process, 0.05).mean_first_passage(a, c))


@pytest.mark.parametrize("B", [2, 3])
def test_escape_times_of_sgd_on_a_pool(B):
    process = SGD(pool_loss().on(pool()), B)
    found = first_passages(process, -1, 1, 0.1, 2000, rng(B), events=3000)
    assert within(found, Chain(process, 0.1).mean_first_passage(-1, 1))


def test_escape_times_where_the_noise_depends_on_the_place():
    process = PROCESSES["where it is sharp"]
    for a, c in (-0.98267, 0.67822), (0.67822, -0.98267):
        found = first_passages(process, a, c, 0.02, 2000, rng(3), events=2000)
        assert within(found, Chain(process, 0.02).mean_first_passage(a, c))


@pytest.mark.parametrize(
    "kind, D", [("thermal", 1), ("SGD", stretch().diff() ** 2), ("turned", stretch().diff() ** -2)]
)
def test_shares_of_flat_and_sharp_wells(kind, D):
    process = Diffusion("two wells", D * sp.Rational(1, 8))
    starts = np.where(np.arange(2000) % 2, -0.98, 0.68)[:, None]
    found = occupation(process, starts, LEFT, 0.05, 2000, 6000, rng(6), burn_in=300)
    exact = Chain(process, 0.05).occupation(LEFT)
    assert abs(found.share - exact) < 3 * found.error < 0.03
    bounds = {"thermal": (0.55, 0.65), "SGD": (0.85, 0.9), "turned": (0.07, 0.12)}[kind]
    assert bounds[0] < found.share < bounds[1]


def test_the_spread_in_a_bowl_is_exact_at_any_step():
    process = Diffusion("ravine", [0.3, 0.1])
    _, θ = simulate(process, [0, 0], 0.04, 500, rng(0), particles=20000, every=500)
    λ, D = np.array([1, 25]), np.array([0.3, 0.1])
    variance = D / (λ * (1 - 0.04 * λ / 2))
    assert (np.abs(θ[-1].var(axis=0) / variance - 1) < 3 * math.sqrt(2 / 20000)).all()
    assert abs(np.corrcoef(θ[-1].T)[0, 1]) < 3 / math.sqrt(20000)


# Pitfalls: each test fails without the remedy


def test_censoring_the_mean_of_the_finished_runs_is_far_too_small():
    process = Diffusion("double well", 0.25 / 3)
    chain = Chain(process, 0.05)
    τ = 1 / chain.escape_rate(-1, 1)
    found = first_passages(process, -1, 1, 0.05, 8000, rng(0), horizon=τ, renew=False, burn_in=10)
    assert within(found, τ)
    finished = (1 - 2 / math.e) / (1 - 1 / math.e)  # of an exponential time that is cut at its mean
    assert finished == pytest.approx(0.418, abs=5e-4)
    assert abs(found.times.mean() / τ - finished) < 3 * found.times.std() / τ / math.sqrt(found.events)


def test_without_burn_in_a_short_run_sees_too_few_escapes():
    process = Diffusion("double well", 0.25 / 2)
    T = Chain(process, 0.05).mean_first_passage(-1, 1)
    short = {"horizon": 3, "particles": 10000, "start": -1, "target": 1, "η": 0.05}
    assert within(first_passages(process, rng=rng(1), **short), T)
    raw = first_passages(process, rng=rng(1), burn_in=0, **short)
    assert raw.τ > 1.5 * T and not within(raw, T)


def test_absorbing_at_the_barrier_is_too_late_by_part_of_a_step():
    """The chain sees the barrier .5826 √(2Dη) further away. Source: Chernoff (1965)."""
    process, η = Diffusion("double well", 0.25 / 2), 0.02
    found = first_passages(process, -1, 0, η, 4000, rng(2), events=20000)
    exact = Chain(process, η).mean_first_passage(-1, 0)
    assert within(found, exact)
    assert not within(found, mean_first_passage(process, -1, 0)) and exact > 1.08 * mean_first_passage(
        process, -1, 0
    )
    shifted = mean_first_passage(process, -1, 0.5826 * math.sqrt(2 * 0.125 * η))
    assert exact == pytest.approx(shifted, rel=0.015)
    far = first_passages(process, -1, 1, η, 4000, rng(2), events=10000)
    assert within(far, mean_first_passage(process, -1, 1))


def test_a_pool_that_is_not_centred_tilts_the_well():
    z = pool(2.0)

    def τ(mean):  # ΔL/D = 5
        return mean_first_passage(SGD(pool_loss().on(z + mean), 4).diffusion(0.1), -1, 1)

    assert τ(0.002) / τ(0) == pytest.approx(0.96, abs=0.005)
    assert τ(-0.002) / τ(0) == pytest.approx(1.04, abs=0.005)
    raw = 2 / math.sqrt(1000)  # what the mean of 1000 raw samples is, typically
    assert τ(-raw) / τ(0) > 3 and τ(raw) / τ(0) < 0.35
    found = first_passages(SGD(pool_loss().on(z + raw), 2), -1, 1, 0.1, 2000, rng(3), events=4000)
    assert not within(found, Chain(SGD(pool_loss().on(z), 2), 0.1).mean_first_passage(-1, 1))
    assert within(found, Chain(SGD(pool_loss().on(z + raw), 2), 0.1).mean_first_passage(-1, 1))


def test_the_step_itself_prefers_the_flat_well():
    """The spread in a well of curvature H grows by 1/(1 − ηH/2): Δ log ratio ≈ η(H_s − H_f)/4."""
    process, η = Diffusion("two wells", 0.125), 0.1
    starts = np.where(np.arange(4000) % 2, -0.98, 0.68)[:, None]
    found = occupation(process, starts, LEFT, η, 4000, 6000, rng(4), burn_in=200)
    assert found.share - occupation_exact(process, LEFT) > 3 * found.error
    assert abs(found.share - Chain(process, η).occupation(LEFT)) < 3 * found.error
    cold, η = Diffusion("two wells", 0.25 / 4), 0.02
    step, limit = (p / (1 - p) for p in (Chain(cold, η).occupation(LEFT), occupation_exact(cold, LEFT)))
    assert math.log(step / limit) == pytest.approx(η * (4.5 - 2) / 4, rel=0.05)


def test_rounding_to_float32_does_not_stop_the_drift():
    """A drift of less than the last digit in a step is lost without noise, and kept on average with it."""
    bowl, η, steps, n = Landscape("bowl", x**2 / 2, x, (-2, 2)), 2e-8, 5000, 2000
    still = simulate(Diffusion(bowl, 0), 1.0, η, 50, rng(0), every=50, dtype=np.float32).θ[-1]
    assert still == 1  # the problem
    D = 0.001
    θ = simulate(Diffusion(bowl, D), 1.0, η, steps, rng(0), particles=n, every=steps, dtype=np.float32).θ[-1]
    drift = (θ.astype(float) - 1).mean()
    error = math.sqrt(2 * D * η * steps / n)
    assert abs(drift + η * steps) < 3 * error < η * steps / 3


# Bad input


GOOD = {
    "process": Diffusion("double well", 0.1),
    "start": -1,
    "target": 1,
    "η": 0.05,
    "particles": 10,
    "rng": rng(0),
    "horizon": 1,
}


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"process": landscape("double well")}, TypeError, "process must be a Diffusion, an SGD"),
        ({"rng": 3}, TypeError, "rng must be a numpy.random.Generator"),
        ({"η": 0}, ValueError, "η must be finite and more than 0"),
        ({"η": "small"}, TypeError, "η must be a number"),
        ({"particles": 0}, ValueError, "particles must lie between"),
        ({"particles": 2.5}, TypeError, "particles must be a whole number"),
        ({"start": [0, 0]}, ValueError, "start must have 1 coordinate"),
        ({"start": math.nan}, ValueError, "start must be finite"),
        ({"start": np.zeros((3, 1))}, ValueError, r"start must have shape \(1,\) or \(10, 1\)"),
        ({"target": "far"}, TypeError, "target must be a number"),
        ({"target": -1}, ValueError, "on one side of the target"),
        ({"target": lambda θ: θ[:, 0] < 0}, ValueError, "the start lies in the target"),
        ({"target": lambda θ: θ[:, 0]}, ValueError, r"target must return booleans of shape \(10,\)"),
        ({"target": lambda θ: θ > 0}, ValueError, r"target must return booleans of shape \(10,\)"),
        ({"horizon": None}, ValueError, "give a horizon, a number of events, or both"),
        ({"horizon": 0}, ValueError, "horizon must be finite and more than 0"),
        ({"horizon": math.inf}, ValueError, "horizon must be finite"),
        ({"events": 0}, ValueError, "events must lie between"),
        ({"burn_in": -1}, ValueError, "burn_in must be finite and at least 0"),
        ({"η": 1}, ValueError, "η must be less than 2/2, or no particle stays"),
        ({"start": 0.3}, ValueError, "no minimum, .* give burn_in"),
        ({"dtype": np.float16}, ValueError, "dtype must be float32 or float64"),
        (
            {"process": Diffusion("saddle", 0.1), "start": [0, 0], "target": 1},
            TypeError,
            "with 2 parameters target must be a function",
        ),
    ],
)
def test_impossible_runs_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        first_passages(**(GOOD | change))


@pytest.mark.parametrize(
    "region, error, words",
    [
        ((1, 0), ValueError, "low < high"),
        (3, TypeError, "region must be a pair"),
        ((0, 1, 2), TypeError, "region must be a pair"),
        (("a", 1), TypeError, "region must be a pair"),
        (lambda θ: θ[:, 0], ValueError, r"region must return booleans of shape \(10,\)"),
    ],
)
def test_impossible_regions_are_refused(region, error, words):
    with pytest.raises(error, match=words):
        occupation(GOOD["process"], -1, region, 0.05, 10, 10, rng(0))


def test_a_region_of_two_parameters_is_a_function():
    with pytest.raises(TypeError, match="region must be a function"):
        occupation(Diffusion("ravine", 0.1), [0, 0], (0, 1), 0.01, 10, 10, rng(0))
    with pytest.raises(ValueError, match="particles must lie between 2"):
        occupation(GOOD["process"], -1, LEFT, 0.05, 1, 10, rng(0))


def test_steps_that_are_too_long_say_so():
    runaway = Diffusion("double well", 5.0)

    def never(θ):
        return np.zeros(len(θ), dtype=bool)

    for call in (
        lambda: first_passages(runaway, -1, never, 1.0, 100, rng(0), horizon=500, burn_in=0),
        lambda: occupation(runaway, -1, LEFT, 1.0, 100, 500, rng(0), burn_in=0),
        lambda: simulate(runaway, -1, 1.0, 500, rng(0), particles=10),
    ):
        with pytest.raises(ValueError, match="too long a step: a particle ran away"):
            call()


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: SGD(landscape("double well"), 2), TypeError, "data must be an EmpiricalLoss"),
        (lambda: SGD(pool_loss().on([1.0, 2.0]), 0), ValueError, "B must lie between"),
        (lambda: SGD(pool_loss().on([1.0, 2.0]), 3, replace=False), ValueError, "B must lie between"),
        (lambda: SGD(pool_loss().on([1.0, 2.0]), 2, temperature=-1), ValueError, "temperature must be"),
        (lambda: SGD(pool_loss().on([1.0, 2.0]), 2).diffusion(0), ValueError, "η must be"),
        (lambda: MatrixDiffusion(pool_loss().on([1.0, 2.0]), -1.0), ValueError, "factor must be"),
        (lambda: pool_loss("saddle"), ValueError, "one parameter"),
        (lambda: pool_loss("double well", y), ValueError, "g contains y"),
        (lambda: centred([1.0, 1.0]), ValueError, "not all the same"),
        (lambda: centred([1.0]), ValueError, "not all the same"),
        (lambda: centred([1.0, 2.0], 0), ValueError, "σ must be"),
        (lambda: Passages(1, 1.0, 1, 1, 1.0).interval(1), ValueError, "level must be"),
        (lambda: simulate(GOOD["process"], -1, 0.1, 0, rng(0)), ValueError, "steps must lie"),
        (lambda: simulate(GOOD["process"], -1, 0.1, 10, rng(0), every=0), ValueError, "every must lie"),
        (lambda: occupation(GOOD["process"], -1, LEFT, 0.1, 10, 0, rng(0)), ValueError, "steps must lie"),
    ],
)
def test_impossible_settings_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
