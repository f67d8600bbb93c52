"""Minibatches: gradients against independent ones, and every law against all batches that there are."""

import itertools
import json
import math

import numpy as np
import pytest
import sympy as sp

from helpers.minibatch import (
    LEAST_SQUARES,
    LOCATION,
    LOGISTIC,
    SAMPLE_LOSSES,
    EmpiricalLoss,
    Minibatch,
    Moments,
    SampleLoss,
    batch_covariance,
    batch_factor,
    batches,
    epoch_noise,
    examples_factor,
    linear_form,
    noise_covariance,
    noise_scale,
    one_step,
    reshuffled_covariance,
    sample_loss,
    stable_rate,
    stationary_covariance,
    stationary_formula,
    stationary_variance,
    steps_factor,
)
from helpers.networks import ACTIVATIONS, LOSSES, Network
from helpers.optimizers import RULES, descend

STEP = 1e-30  # of the complex step: exact to rounding, since nothing is subtracted
LINEAR = {"gradient descent": {}, "momentum": {"β": 0.7}, "nesterov": {"β": 0.6}}


def near(a, b, bar=1e-12):
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=bar, atol=bar)


def generator(seed=0):
    return np.random.default_rng(seed)


def samples(loss, N, seed=0):
    values = generator(seed).normal(size=(N, len(loss.sample)))
    if loss is LOGISTIC:
        values[:, 1] = np.arange(N) % 2
    return values


def line(N, seed=0):
    """Least squares on N samples of a noisy line."""
    rng = generator(seed)
    x = rng.normal(0.5, 1, N)
    return LEAST_SQUARES.on(np.stack([x, 0.8 * x - 0.3 + rng.normal(0, 0.6, N)], axis=-1))


def numbers(N, seed=0):
    return LOCATION.on(generator(seed).normal(size=N))


def all_batches(N, B, replace):
    choose = itertools.product(range(N), repeat=B) if replace else itertools.combinations(range(N), B)
    return np.array(list(choose))


def covariance(values):
    """The covariance (d, d) of equally likely values (n, d)."""
    off = values - values.mean(axis=0)
    return off.T @ off / len(off)


def symmetric(d, seed, low=0.2):
    """A positive definite matrix."""
    A = generator(seed).normal(size=(d, d))
    return A @ A.T / d + low * np.eye(d)


# Losses of samples


@pytest.mark.parametrize("name", SAMPLE_LOSSES)
def test_gradients_and_hessians_are_derivatives_on_every_sample(name):
    loss = SAMPLE_LOSSES[name]
    data, θ = loss.on(samples(loss, 7)), generator(1).normal(size=(4, 3, loss.d))
    e = 1j * STEP * np.eye(loss.d)
    near(np.stack([data.sample_losses(θ + h).imag / STEP for h in e], -1), data.sample_gradients(θ))
    near(np.stack([data.sample_gradients(θ + h).imag / STEP for h in e], -1), data.sample_hessians(θ))
    near(data.sample_losses(θ).mean(-1), data.loss(θ))
    near(data.sample_gradients(θ).mean(-2), data.gradient(θ))
    near(data.sample_hessians(θ).mean(-3), data.hessian(θ))
    near(np.sqrt((data.sample_gradients(θ) ** 2).sum(-1)), data.sample_norms(θ))


def test_losses_are_what_their_names_say():
    s = [[2.0, 3.0]]
    near(LEAST_SQUARES.on(s).loss([0.5, 1.0]), 0.5)
    near(sample_loss("location").on([3.0]).loss([1.0]), 2.0)
    w, b, x = 0.7, -0.2, 1.3
    for y in (0, 1):
        p = 1 / (1 + math.exp(-(w * x + b)))
        near(LOGISTIC.on([[x, y]]).loss([w, b]), -math.log(p if y else 1 - p))
        near(LOGISTIC.on([[x, y]]).gradient([w, b]), [(p - y) * x, p - y])
    near(sample_loss("tilted well").on([0.5]).loss([2.0]), 9 / 4 - 1)
    near(sample_loss("tilted saddle").on([[1.0, 2.0]]).loss([1.0, 1.0]), 0.5 - 0.5 + 0.25 - 3)


def test_the_logistic_gradient_is_finite_far_away():
    data = LOGISTIC.on([[1.0, 0.0], [1.0, 1.0]])
    near(data.sample_gradients([4000.0, 0.0]), [[1.0, 1.0], [0.0, 0.0]])
    near(data.hessian([4000.0, 0.0]), np.zeros((2, 2)))


@pytest.mark.parametrize("name", SAMPLE_LOSSES)
def test_the_landscape_is_the_mean_over_the_samples(name):
    loss = SAMPLE_LOSSES[name]
    data = loss.on(samples(loss, 9))
    land = data.landscape([(-2, 2)] * loss.d, title="Mean")
    θ = generator(2).uniform(-2, 2, (20, loss.d))
    near(land.loss(θ), data.loss(θ))
    near(land.gradient(θ), data.gradient(θ))
    near(land.hessian(θ), data.hessian(θ))
    assert land.title == "Mean" and land.name == name


def test_the_mean_of_a_polynomial_has_no_term_for_every_sample():
    assert len(line(500).expression.args) == 6


def test_minimum_and_quadratic():
    assert [name for name, loss in SAMPLE_LOSSES.items() if loss.quadratic] == ["least squares", "location"]
    data = line(30)
    x, y = data.samples.T
    near(data.minimum(), np.polyfit(x, y, 1))
    near(numbers(11).minimum(), [numbers(11).samples.mean()])
    logistic = LOGISTIC.on([[-1.0, 0], [0.5, 0], [-0.2, 1], [1.0, 1]])
    near(logistic.gradient(logistic.minimum()), np.zeros(2))
    with pytest.raises(ValueError, match="finds no minimum"):
        LOGISTIC.on([[-1.0, 0], [1.0, 1]]).minimum()  # separable: the minimum is at infinity
    with pytest.raises(ValueError, match="finds no minimum"):
        LEAST_SQUARES.on([[1.0, 2.0]]).minimum()


def test_one_parameter_may_be_a_plain_number():
    assert numbers(3).loss(0.5) == numbers(3).loss([0.5])


def test_javascript_agrees(browser):
    page = browser.new_page()
    for loss in SAMPLE_LOSSES.values():
        z, θ = samples(loss, 50, seed=3), generator(4).normal(0, 2, (50, loss.d))
        found = page.evaluate(
            f"""(text) => {{
                const loss = {loss.javascript}, [θ, z] = JSON.parse(text);
                return ["loss", "gradient", "hessian"].map((part) => θ.map((p, n) => loss[part](p, z[n])));
            }}""",
            json.dumps([θ.tolist(), z.tolist()]),
        )
        for part, values in zip(("loss", "gradient", "hessian"), found, strict=True):
            near(values, loss.formulas[part](θ, z))
    page.close()


# Gradients of batches


@pytest.mark.parametrize("name", SAMPLE_LOSSES)
def test_batch_gradients_are_means_of_sample_gradients(name):
    loss = SAMPLE_LOSSES[name]
    data, rng = loss.on(samples(loss, 9)), generator(5)
    θ, shared, own = rng.normal(size=(4, 3, loss.d)), rng.integers(9, size=5), rng.integers(9, size=(4, 3, 5))
    each = data.sample_gradients(θ)
    near(data.batch_gradient(θ, shared), each[..., shared, :].mean(-2))
    near(data.batch_gradient(θ, own), np.take_along_axis(each, own[..., None], axis=-2).mean(-2))
    near(data.batch_gradient(θ[0, 0], own), data.sample_gradients(θ[0, 0])[own].mean(-2))
    near(data.batch_loss(θ, shared), data.sample_losses(θ)[..., shared].mean(-1))
    near(data.batch_gradient(θ, np.arange(9)), data.gradient(θ))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("φ", ACTIVATIONS)
def test_batch_gradients_of_networks_are_those_of_the_samples_alone(φ, loss, bias):
    net, rng = Network((3, 4, 2), φ, loss, bias), generator(6)
    x, y = rng.normal(size=(8, 3)), rng.dirichlet(np.ones(2), 8)
    whole, θ = net.on(x, y), rng.normal(size=(2, 3, net.d))
    assert whole.N == whole.n == 8
    shared, own = rng.integers(8, size=5), rng.integers(8, size=(2, 3, 5))
    near(whole.batch_gradient(θ, shared), net.on(x[shared], y[shared]).gradient(θ))
    expected = [[net.on(x[own[i, j]], y[own[i, j]]).gradient(θ[i, j]) for j in range(3)] for i in range(2)]
    near(whole.batch_gradient(θ, own), expected)
    near(whole.batch_gradient(θ[0, 0], own[0]), [net.on(x[b], y[b]).gradient(θ[0, 0]) for b in own[0]])
    near(whole.batch_gradient(θ, np.arange(8)), whole.gradient(θ))
    near(whole.sample_norms(θ), np.linalg.norm(whole.sample_gradients(θ), axis=-1))


def test_batch_gradients_of_a_network_against_a_complex_step():
    net, rng = Network((2, 3, 1)), generator(7)
    x, y, θ, batch = rng.normal(size=(6, 2)), rng.normal(size=6), rng.normal(size=net.d), [4, 1, 1]
    part = net.on(x[batch], y[batch])
    expected = part.loss(θ + 1j * STEP * np.eye(net.d)).imag / STEP
    near(net.on(x, y).batch_gradient(θ, batch), expected)


def test_least_squares_is_the_network_of_one_neuron():
    data, rng = line(12), generator(8)
    net = Network((1, 1)).on(*data.samples.T)
    θ, batch = rng.normal(size=(5, 2)), rng.integers(12, size=(5, 4))
    near(data.loss(θ), net.loss(θ))
    near(data.batch_gradient(θ, batch), net.batch_gradient(θ, batch))
    near(data.hessian(θ), net.hessian(θ))
    near(noise_covariance(data, θ), noise_covariance(net, θ))
    near(noise_scale(data, θ), noise_scale(net, θ))


# Batches


@pytest.mark.parametrize(("N", "B"), [(12, 1), (12, 3), (12, 12), (12, 5)])
def test_an_epoch_visits_every_sample_once_and_leaves_the_remainder_out(N, B):
    m = N // B
    found = batches(N, B, 3 * m, generator(), runs=4)
    assert found.shape == (3 * m, 4, B)
    epochs = np.moveaxis(found.reshape(3, m, 4, B), 2, 1).reshape(12, m * B)
    for epoch in epochs:
        assert len(set(epoch)) == m * B and set(epoch) <= set(range(N))
    if B < N:
        assert len({tuple(epoch) for epoch in epochs}) == 12  # each shuffled anew, for every run


def test_a_shorter_run_has_the_same_first_batches():
    first = batches(12, 5, 3, generator(), runs=(2,))
    assert (first == batches(12, 5, 9, generator(), runs=(2,))[:3]).all()


def test_kinds_of_batches():
    assert batches(5, 2, 0, generator()).shape == (0, 2)
    assert batches(5, 2, 3, generator(), runs=(2, 4)).shape == (3, 2, 4, 2)
    again = batches(3, 7, 200, generator(), replace=True)
    assert again.shape == (200, 7) and set(again.ravel()) == {0, 1, 2}
    fresh = batches(4, 3, 200, generator(), epochs=False)
    assert all(len(set(batch)) == 3 for batch in fresh)


@pytest.mark.parametrize("kind", [{"replace": True}, {}, {"epochs": False}])
def test_every_batch_is_as_likely_as_any_other(kind):
    """Pearson's χ² for the batch in its place in the epoch; 99.9 % of a fair draw stay below the bound."""
    found = batches(4, 2, 2, generator(9), runs=12_000, **kind)
    for place in found:
        _, counts = np.unique(place @ [4, 1], return_counts=True)
        expected = 12_000 / (16 if kind.get("replace") else 12)
        assert len(counts) == (16 if kind.get("replace") else 12)
        assert ((counts - expected) ** 2 / expected).sum() < (37.7 if kind.get("replace") else 31.3)


@pytest.mark.parametrize(("kind", "correlated"), [({"replace": True}, False), ({}, True),
                                                  ({"epochs": False}, False)])
def test_only_batches_of_an_epoch_know_of_each_other(kind, correlated):
    first, second = batches(6, 1, 2, generator(10), runs=6000, **kind)[..., 0]
    same = (first == second).sum()
    assert same == 0 if correlated else abs(same - 1000) < 3 * np.sqrt(6000 * 5 / 36)


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize(("N", "B"), [(5, 1), (5, 2), (5, 3), (4, 4), (1, 1)])
def test_mean_and_covariance_of_all_batches_there_are(N, B, replace):
    θ = np.array([0.7, -1.1])
    for data in (line(N), LOGISTIC.on(samples(LOGISTIC, N))):
        each = data.batch_gradient(θ, all_batches(N, B, replace))
        near(each.mean(axis=0), data.gradient(θ))
        near(covariance(each), batch_covariance(noise_covariance(data, θ), B, N, replace))


def test_covariance_of_two_batches_of_an_epoch():
    data, θ, N, B = line(5), np.array([0.4, 0.9]), 5, 2
    g = data.sample_gradients(θ)[np.array(list(itertools.permutations(range(N))))]
    first, second = g[:, :B].mean(axis=1), g[:, B : 2 * B].mean(axis=1)
    cross = (first - first.mean(0)).T @ (second - second.mean(0)) / len(g)
    near(cross, -noise_covariance(data, θ) / (N - 1))


def test_noise_covariance_of_many_points_at_once():
    data, θ = line(20), generator(11).normal(size=(3, 4, 2))
    C = noise_covariance(data, θ)
    near(C[1, 2], covariance(data.sample_gradients(θ[1, 2])))
    near(batch_factor(np.array([1, 20]), 20), [1.0, 0.0])


# Minibatch as a target of descend


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("common", [True, False])
def test_gradient_descent_is_b_equal_to_n_to_the_last_digit(rule, common):
    data, start = line(15), generator(12).normal(size=(3, 2))
    whole = Minibatch(data, 15, generator(), common=common)
    run, exact = (descend(target, start, rule, steps=30, η=0.05) for target in (whole, data))
    assert (run.θ == exact.θ).all() and (run.loss == exact.loss).all()
    assert whole.evaluations == 30 * 15


@pytest.mark.parametrize("kind", [{"replace": True}, {}, {"epochs": False}])
@pytest.mark.parametrize("common", [True, False])
def test_a_run_is_the_plain_loop_over_its_batches(kind, common):
    data, start, η = line(7), generator(13).normal(size=(4, 2)), 0.1
    sgd = Minibatch(data, 3, generator(14), common=common, **kind)
    run = descend(sgd, start, steps=9, η=η)
    drawn = batches(7, 3, 9, generator(14), runs=() if common else 4, **kind)
    θ = start.copy()
    for step in drawn:
        for r in range(4):
            rows = data.samples[step if common else step[r]]
            error = θ[r, 0] * rows[:, 0] + θ[r, 1] - rows[:, 1]
            θ[r] -= η * np.array([(error * rows[:, 0]).mean(), error.mean()])
    near(run.end, θ)
    near(run.loss[-1], data.loss(θ))
    assert sgd.evaluations == 27
    given = Minibatch.given(data, drawn)
    assert (descend(given, start, steps=9, η=η).θ == run.θ).all() and given.evaluations == 27
    with pytest.raises(ValueError, match="9 steps, and no more"):
        given.gradient(start)


def test_runs_have_batches_of_their_own_unless_they_share_them():
    data, start = line(20), np.zeros((5, 2))
    own = descend(Minibatch(data, 2, generator()), start, steps=4, η=0.1).end
    assert len(np.unique(own, axis=0)) == 5
    common = descend(Minibatch(data, 2, generator(), common=True), start, steps=4, η=0.1).end
    assert len(np.unique(common, axis=0)) == 1


def test_one_pass_with_the_rate_1_over_t_is_the_mean():
    data = numbers(50)
    end = descend(Minibatch(data, 1, generator()), [3.0], steps=50, η=lambda t: 1 / t).end
    near(end, data.minimum())


def test_networks_and_other_numbers_of_runs():
    net, rng = Network((2, 3, 1)), generator(15)
    data = net.on(rng.normal(size=(10, 2)), rng.normal(size=10))
    sgd = Minibatch(data, 4, generator(16))
    assert sgd.gradient(rng.normal(size=(3, net.d))).shape == (3, net.d)
    assert sgd.gradient(rng.normal(size=net.d)).shape == (net.d,)  # a new run begins a new epoch
    assert sgd.N == 10 and sgd.d == net.d and sgd.evaluations == 8
    near(sgd.hessian(np.ones(net.d)), data.hessian(np.ones(net.d)))


# The value of one step


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("B", [1, 2, 4])
def test_expected_decrease_over_all_batches(B, replace):
    data, θ, η = line(4), np.array([1.5, -0.5]), 0.3
    step = one_step(data, θ)
    after = data.loss(θ - η * data.batch_gradient(θ, all_batches(4, B, replace)))
    near(step.decrease(η, B, replace), data.loss(θ) - after.mean())


def test_the_best_rate_is_the_best_and_the_knee_stands_at_the_noise_scale():
    data, θ = line(60), generator(17).normal(size=(5, 2))
    step, B = one_step(data, θ), np.array([1, 3, 10, 60])[:, None]
    g, H, C = data.gradient(θ), data.hessian(θ), noise_covariance(data, θ)
    near(step.noise_scale, np.trace(H @ C, axis1=-2, axis2=-1) / np.einsum("ni,nij,nj->n", g, H, g))
    for replace in (True, False):
        best = step.best_rate(B, replace)
        near(step.decrease(best, B, replace), step.best_decrease(B, replace))
        for worse in (0.99, 1.01):
            assert (step.decrease(worse * best, B, replace) < step.best_decrease(B, replace)).all()
    η_max = step.gradient2 / step.curvature
    near(step.best_rate(B, True), η_max / (1 + step.noise_scale / B))
    near(step.best_decrease(B, True), η_max * step.gradient2 / 2 / (1 + step.noise_scale / B))
    near(step.best_rate(60), η_max)


def test_both_noise_scales_agree_where_the_curvature_is_the_same_everywhere():
    data, θ = numbers(30), np.array([[1.0], [3.0]])
    near(noise_scale(data, θ), one_step(data, θ).noise_scale)
    near(noise_scale(data, θ), data.samples.var() / (θ[:, 0] - data.samples.mean()) ** 2)
    assert noise_scale(LOCATION.on([1.0, 1.0]), [3.0]) == 0
    assert noise_scale(LOCATION.on([-1.0, 1.0]), [0.0]) == np.inf


def test_noise_scale_of_a_network():
    net, rng = Network((2, 3, 2), loss="cross-entropy"), generator(18)
    data = net.on(rng.normal(size=(9, 2)), np.eye(2)[rng.integers(2, size=9)])
    θ = rng.normal(size=(3, net.d))
    g, H, C = data.gradient(θ), data.hessian(θ), noise_covariance(data, θ)
    near(noise_scale(data, θ), np.trace(C, axis1=-2, axis2=-1) / (g**2).sum(-1))
    weighted = np.trace(H @ C, axis1=-2, axis2=-1) / np.einsum("ni,nij,nj->n", g, H, g)
    near(one_step(data, θ).noise_scale, weighted, 1e-10)


def test_steps_and_examples_trade_on_a_hyperbola():
    B, scale = generator(19).uniform(1, 100, (2, 20))
    near((steps_factor(B, scale) - 1) * (examples_factor(B, scale) - 1), np.ones(20))
    near(steps_factor(scale, scale), np.full(20, 2.0))
    near(B * steps_factor(B, scale), scale * examples_factor(B, scale))  # examples = B × steps


# The noise ball


def matrices(rule, λ, η, β=None):
    """One step of a rule on ½λθ², written by hand: s ← Ms + kξ for s = (θ, v)."""
    if rule == "gradient descent":
        return np.array([[1 - η * λ]]), np.array([-η])
    if rule == "momentum":
        return np.array([[1 - η * λ, -η * β], [λ, β]]), np.array([-η, 1.0])
    back = 1 - η * λ  # the gradient is λ(θ − ηβv)
    return np.array([[back, -η * β * back], [λ, β * back]]), np.array([-η, 1.0])


@pytest.mark.parametrize("rule", LINEAR)
def test_stationary_covariance_solves_the_lyapunov_equation(rule):
    H, C, η = symmetric(3, 20), symmetric(3, 21), 0.2
    λ, U = np.linalg.eigh(H)
    blocks = [matrices(rule, each, η, **LINEAR[rule]) for each in λ]
    n = len(blocks[0][1])
    M = np.zeros((3 * n, 3 * n))
    for i, (block, _) in enumerate(blocks):
        M[i * n : (i + 1) * n, i * n : (i + 1) * n] = block
    noise = np.kron(U.T @ C @ U, np.outer(blocks[0][1], blocks[0][1]))
    P = np.linalg.solve(np.eye(9 * n * n) - np.kron(M, M), noise.ravel()).reshape(3 * n, 3 * n)
    near(stationary_covariance(H, C, η, rule, **LINEAR[rule]), U @ P[::n, ::n] @ U.T, 1e-11)


def test_the_laws_in_one_dimension():
    σ2, λ, η, β = stationary_variance("momentum").arguments
    momentum = η * σ2 * (1 + β) / (λ * (1 - β) * (2 * (1 + β) - η * λ))
    assert sp.simplify(stationary_variance("momentum").expression - momentum) == 0
    assert sp.simplify(stationary_variance().expression - η * σ2 / (λ * (2 - η * λ))) == 0
    for rule in ("momentum", "nesterov"):  # without memory all are gradient descent
        same = stationary_variance(rule).expression.subs(β, 0) - stationary_variance().expression
        assert sp.simplify(same) == 0
        small = sp.limit(stationary_variance(rule).expression / η, η, 0)
        assert sp.simplify(small - σ2 / (2 * λ * (1 - β))) == 0
    assert "lambda" in stationary_formula("nesterov").latex
    near(stationary_covariance([[2.0]], [[1.0]], 0.5, β=0.5), [[0.375]])
    near(stationary_covariance([[2.0]], [[1.0]], 0.5), [[0.25]])


def simulated(target, rule, steps, runs, d, seed, **hyper):
    return descend(target, np.zeros((runs, d)), rule, steps=steps, every=steps, **hyper).end


def within_three_standard_errors(θ, mean, Σ):
    """Means of θ and of its products over independent runs (n, d)."""
    off = θ - mean
    products = off[:, :, None] * off[:, None, :]
    error = products.std(axis=0) / np.sqrt(len(θ))
    assert (np.abs(products.mean(axis=0) - Σ) < 3 * error).all()
    assert (np.abs(off.mean(axis=0)) < 3 * θ.std(axis=0) / np.sqrt(len(θ))).all()
    assert (error[np.diag_indices(len(Σ))] < 0.05 * Σ.diagonal()).all()


@pytest.mark.parametrize("rule", LINEAR)
def test_stationary_covariance_against_a_long_simulation(rule):
    H, C, η, rng = symmetric(2, 22, low=0.5), symmetric(2, 23), 0.3, generator(24)
    root = np.linalg.cholesky(C)

    def gradient(θ):
        return θ @ H + rng.standard_normal(θ.shape) @ root.T

    θ = simulated(gradient, rule, 150, 4000, 2, 24, η=η, **LINEAR[rule])
    within_three_standard_errors(θ, np.zeros(2), stationary_covariance(H, C, η, rule, **LINEAR[rule]))


# Least squares exactly


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("rule", LINEAR)
def test_moments_over_all_sequences_of_batches(rule, replace):
    data, B, steps, start = line(3), 2, 3, np.array([1.0, -2.0])
    choices = all_batches(3, B, replace)
    sequences = np.array(list(itertools.product(range(len(choices)), repeat=steps)))
    drawn = np.moveaxis(choices[sequences], 1, 0)  # (steps, runs, B)
    starts = np.tile(start, (len(sequences), 1))
    run = descend(Minibatch.given(data, drawn), starts, rule, steps=steps, η=0.3, **LINEAR[rule])
    moments = Moments(data, B, rule, replace, η=0.3, **LINEAR[rule])
    mean, Σ, loss = moments.path(start, steps)
    near(mean, run.θ.mean(axis=1))
    near(Σ, [covariance(θ) for θ in run.θ])
    near(loss, run.loss.mean(axis=1))


@pytest.mark.parametrize("rule", LINEAR)
def test_moments_settle_where_they_say(rule):
    moments = Moments(line(8), 2, rule, η=0.2, **LINEAR[rule])
    mean, Σ, loss = moments.path([1.0, 1.0], 2000)
    near(Σ[-1], moments.covariance)
    near(mean[-1], moments.minimum)
    near(loss[-1], moments.data.loss(moments.minimum) + moments.excess)


@pytest.mark.parametrize("rule", LINEAR)
def test_where_one_line_fits_all_samples_the_loss_falls_at_the_rate_of_the_radius(rule):
    x = generator(32).normal(size=8)
    moments = Moments(LEAST_SQUARES.on(np.stack([x, 2 * x + 1], axis=-1)), 2, rule, η=0.05, **LINEAR[rule])
    loss = moments.path([1.0, 1.0], 600)[2]
    assert (loss[600] / loss[400]) ** (1 / 200) == pytest.approx(moments.radius, rel=1e-4)


@pytest.mark.parametrize("kind", [{"replace": True}, {"replace": False, "epochs": False}])
def test_moments_of_least_squares_against_a_simulation(kind):
    data, B, η = line(10, seed=25), 3, 0.4
    θ = simulated(Minibatch(data, B, generator(26), **kind), "gradient descent", 120, 4000, 2, 26, η=η)
    moments = Moments(data, B, replace=kind["replace"], η=η)
    within_three_standard_errors(θ, moments.minimum, moments.covariance)
    constant = batch_covariance(noise_covariance(data, moments.minimum), B, 10, kind["replace"])
    leading = stationary_covariance(moments.H, constant, η)
    assert np.trace(moments.covariance) > 1.1 * np.trace(leading)  # noise of the curvature adds to it


@pytest.mark.parametrize("rule", LINEAR)
@pytest.mark.parametrize("replace", [True, False])
def test_noise_that_does_not_depend_on_the_place_is_the_plain_law(rule, replace):
    data, hyper = numbers(9), LINEAR[rule]
    C = batch_covariance(noise_covariance(data, [0.0]), 2, 9, replace)
    expected = stationary_covariance([[1.0]], C, 0.3, rule, **hyper)
    near(Moments(data, 2, rule, replace, η=0.3, **hyper).covariance, expected)


def test_with_small_steps_the_noise_at_the_minimum_decides():
    data = line(10)
    C = noise_covariance(data, data.minimum())
    exact = Moments(data, 1, η=1e-5).covariance
    near(exact / stationary_covariance(data.hessian(data.minimum()), C, 1e-5), np.ones((2, 2)), 1e-4)


def test_the_largest_stable_rate():
    data = line(12)
    rates = [stable_rate(data, B) for B in (1, 2, 4, 8, 1000)]
    assert rates == sorted(rates)
    for B, η in zip((1, 2, 4, 8), rates, strict=False):
        assert Moments(data, B, η=η).radius == pytest.approx(1, abs=1e-12)
        assert Moments(data, B, η=0.9 * η).radius < 1 < Moments(data, B, η=1.1 * η).radius
    limit = 2 / np.linalg.eigvalsh(data.hessian([0.0, 0.0]))[-1]
    assert stable_rate(data, 12, replace=False) == pytest.approx(limit, rel=1e-12)
    assert rates[0] < 0.7 * limit
    with pytest.raises(ValueError, match="do not settle"):
        _ = Moments(data, 1, η=1.01 * rates[0]).covariance


# Epochs


@pytest.mark.parametrize(("N", "B"), [(4, 1), (4, 2), (5, 2), (5, 5), (5, 3)])
def test_the_noise_of_an_epoch_over_all_permutations(N, B):
    H, η = symmetric(2, 27), 0.3
    ξ = generator(28).normal(size=(N, 2))
    ξ -= ξ.mean(axis=0)
    C, A, m = covariance(ξ), np.eye(2) - η * H, N // B
    order = np.array(list(itertools.permutations(range(N))))
    θ, added = np.zeros((len(order), 2)), [np.zeros((2, 2))]
    for k in range(m):
        θ = θ @ A - η * ξ[order[:, k * B : (k + 1) * B]].mean(axis=1)
        added.append(covariance(θ))
    power = np.linalg.matrix_power
    for k in range(m + 1):
        Σ = reshuffled_covariance(H, C, η, B, N, k)
        near(Σ, power(A, k) @ reshuffled_covariance(H, C, η, B, N) @ power(A, k) + added[k])
    near(Σ, reshuffled_covariance(H, C, η, B, N))  # after an epoch, as before it
    if B == N:
        near(Σ, np.zeros((2, 2)))


def test_reshuffling_against_a_simulation():
    data, B, η = numbers(12, seed=29), 3, 0.3
    C = noise_covariance(data, [0.0])
    end = simulated(Minibatch(data, B, generator(30)), "gradient descent", 40, 4000, 1, 30, η=η)
    within_three_standard_errors(end, data.minimum(), reshuffled_covariance([[1.0]], C, η, B, 12))
    middle = simulated(Minibatch(data, B, generator(31)), "gradient descent", 42, 4000, 1, 31, η=η)
    within_three_standard_errors(middle, data.minimum(), reshuffled_covariance([[1.0]], C, η, B, 12, k=2))


def test_reshuffling_leaves_noise_of_the_third_order():
    η = np.array([1e-4, 2e-4])
    ends = [float(reshuffled_covariance([[1.0]], [[1.0]], each, 1, 10)[0, 0]) for each in η]
    assert np.log2(ends[1] / ends[0]) == pytest.approx(3, abs=0.01)
    N, B, m = 10, 2, 5  # for B | N: m²η³λ·m·C/(24(N − 1)) to leading order, m steps an epoch
    small = float(reshuffled_covariance([[2.0]], [[3.0]], 1e-3, B, N)[0, 0])
    assert small == pytest.approx(1e-9 * 2 * 3 * m * (m * m - 1) / (24 * (N - 1)), rel=0.02)
    assert reshuffled_covariance([[1.0]], [[0.0]], 0.1, 1, 1).tolist() == [[0.0]]
    assert "lambda" in epoch_noise.latex


# Bad input

DATA = line(6)
w, x = sp.symbols("w x")


@pytest.mark.parametrize(("call", "error", "match"), [
    (lambda: SampleLoss("", w * x, w, x), TypeError, "non-empty string"),
    (lambda: SampleLoss("a", w * x, w, w), TypeError, "all of them different"),
    (lambda: SampleLoss("a", w * x, (), x), TypeError, "one or more SymPy symbols"),
    (lambda: SampleLoss("a", w * x, "w", x), TypeError, "SymPy symbols"),
    (lambda: SampleLoss("a", w * x + sp.Symbol("q"), w, x), ValueError, "contains q"),
    (lambda: sample_loss("absolute"), ValueError, "unknown loss 'absolute'"),
    (lambda: EmpiricalLoss("least squares", [[1.0, 2.0]]), TypeError, "must be a SampleLoss"),
    (lambda: LEAST_SQUARES.on([1.0, 2.0]), ValueError, r"shape \(N, 2\)"),
    (lambda: LEAST_SQUARES.on(np.empty((0, 2))), ValueError, "N at least 1"),
    (lambda: LEAST_SQUARES.on([[1.0, np.nan]]), ValueError, "must be finite"),
    (lambda: DATA.loss([1.0]), ValueError, r"needs shape \(..., 2\)"),
    (lambda: DATA.batch_gradient([1.0, 2.0], [0, 6]), ValueError, "numbered from 0 to 5"),
    (lambda: DATA.batch_gradient([1.0, 2.0], [-1]), ValueError, "numbered from 0 to 5"),
    (lambda: DATA.batch_gradient([1.0, 2.0], [0.5]), TypeError, "whole numbers"),
    (lambda: DATA.batch_gradient([1.0, 2.0], np.empty(0, int)), ValueError, "B at least 1"),
    (lambda: Network((1, 1)).on([0.0], [0.0]).batch_gradient([1.0, 2.0], [1]), ValueError, "from 0 to 0"),
    (lambda: batches(5, 6, 1, generator()), ValueError, "B must lie between 1 and 5"),
    (lambda: batches(5, 0, 1, generator()), ValueError, "B must lie"),
    (lambda: batches(0, 1, 1, generator()), ValueError, "N must lie"),
    (lambda: batches(5, 1, -1, generator()), ValueError, "steps must lie"),
    (lambda: batches(5, 1, 1, 0), TypeError, "numpy.random.Generator"),
    (lambda: batches(5, 1, 1, generator(), replace="no"), TypeError, "replace must be True or False"),
    (lambda: batches(5, 1, 1, generator(), epochs=1), TypeError, "epochs must be True or False"),
    (lambda: batches(5, 1, 1, generator(), runs=(-1,)), ValueError, "runs must lie"),
    (lambda: batches(5, 1, 1, generator(), runs="four"), TypeError, "runs must be a whole number"),
    (lambda: batches(5, 1, 1, generator(), runs=1.5), TypeError, "runs must be a whole number"),
    (lambda: Minibatch(LEAST_SQUARES, 1, generator()), TypeError, "has no N"),
    (lambda: Minibatch(DATA, 7, generator()), ValueError, "B must lie between 1 and 6"),
    (lambda: Minibatch(DATA, 1.5, generator()), TypeError, "B must be a whole number"),
    (lambda: Minibatch(DATA, 1, None), TypeError, "numpy.random.Generator"),
    (lambda: Minibatch(DATA, 1, generator(), common=2), TypeError, "common must be"),
    (lambda: Minibatch.given(DATA, [1, 2]), ValueError, "shape"),
    (lambda: Minibatch.given(DATA, [[6]]), ValueError, "numbered from 0 to 5"),
    (lambda: batch_factor(7, 6), ValueError, "at least 1 and at most N = 6"),
    (lambda: batch_factor(0, 6, replace=True), ValueError, "B must be at least 1"),
    (lambda: noise_scale(len, [0.0]), TypeError, "must have a method sample_norms"),
    (lambda: one_step(RULES, [0.0]), TypeError, "must have a method sample_gradients"),
    (lambda: linear_form("adam"), ValueError, "is not linear"),
    (lambda: linear_form("amsgrad"), ValueError, "is not linear"),
    (lambda: stationary_covariance([[1.0]], [[1.0]], 2.0), ValueError, "must be less than 2"),
    (lambda: stationary_covariance([[1.0]], [[1.0]], 3.0, β=0.4), ValueError, "must be less than 2.8"),
    (lambda: stationary_covariance([[-1.0]], [[1.0]], 0.1), ValueError, "positive definite"),
    (lambda: stationary_covariance([[1.0, 2.0]], [[1.0]], 0.1), ValueError, "symmetric"),
    (lambda: stationary_covariance(np.eye(2), [[1.0]], 0.1), ValueError, "same shape"),
    (lambda: stationary_covariance([[1.0]], [[1.0]], 0.1, γ=1), TypeError, "no hyper-parameter 'γ'"),
    (lambda: reshuffled_covariance([[1.0]], [[1.0]], 0.1, 2, 5, k=3), ValueError, "k must lie"),
    (lambda: reshuffled_covariance([[1.0]], [[1.0]], 2.0, 1, 5), ValueError, "must be less than 2"),
    (lambda: Moments(LOGISTIC.on([[0.0, 1.0]]), 1, η=0.1), ValueError, "quadratic in θ"),
    (lambda: Moments(DATA, 1, η=[0.1, 0.2]), TypeError, "η must be a number"),
    (lambda: Moments(DATA, 1, "rmsprop", η=0.1), ValueError, "is not linear"),
    (lambda: Moments(DATA, 1, η=0.1).path([[0.0, 0.0]], 3), ValueError, r"start must have shape \(2,\)"),
])
def test_bad_input_is_named(call, error, match):
    with pytest.raises(error, match=match):
        call()
