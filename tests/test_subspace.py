"""The tiny subspace: shares with ties, the toy over seeds, projected descents, rescaled networks, noise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.curvature import complex_step_hessian
from helpers.data import digits, one_hot
from helpers.landscapes import landscape
from helpers.minibatch import Minibatch, noise_covariance, sample_loss
from helpers.networks import Network
from helpers.optimizers import descend
from helpers.subspace import (
    Projected,
    noise_against_curvature,
    rescale,
    rescale_hessian,
    scaling,
    softmax_clusters,
    top_share,
)

SEEDS = range(12)


def symmetric(rng, *shape):
    A = rng.normal(size=(*shape, shape[-1]))
    return A + np.swapaxes(A, -1, -2)


def random_start(net, runs, rng):
    """Weights N(0, 1/inputs), no biases: θ (runs, d)."""
    return net.pack([(rng.normal(size=(runs, m, k)) / math.sqrt(k), None)
                     for k, m in zip(net.widths, net.widths[1:], strict=False)])


def small_digits(hidden=6, loss="cross-entropy", n=300):
    """Digits at 4 × 4 points, and a network with one hidden layer of tanh."""
    x, y = digits()
    x = x.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return Network((16, hidden, 10), "tanh", loss).on(x[:n], one_hot(y[:n], 10))


# The share of the gradient


@given(d=st.integers(1, 9), data=st.data(), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_share_is_that_of_the_projection(d, data, seed):
    k, rng = data.draw(st.integers(1, d)), np.random.default_rng(seed)
    H, g = symmetric(rng, 2, 3, d), rng.normal(size=(2, 3, d))
    f = top_share(g, H, k)
    assert f.shape == (2, 3)
    for i in np.ndindex(2, 3):
        λ, U = np.linalg.eigh(H[i])
        P = U[:, np.argsort(λ)[d - k:]]
        assert f[i] == pytest.approx((np.linalg.norm(P @ P.T @ g[i]) / np.linalg.norm(g[i])) ** 2, abs=1e-10)
    np.testing.assert_allclose(top_share(3.7 * g, 0.2 * H, k), f, atol=1e-10)
    np.testing.assert_allclose(top_share(g, H, d), 1)
    turned = top_share(g, -H, d - k) if k < d else 0  # the k largest of H are the k least of −H
    np.testing.assert_allclose(f + turned, 1, atol=1e-10)


def test_ties_count_by_their_share_and_do_not_depend_on_rounding():
    g = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    H = np.diag([7.0, 3.0, 3.0, 3.0, 1.0])
    expected = [1, 1 + 29 / 3, 1 + 2 * 29 / 3, 30, 55]
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    for k, share in enumerate(expected, 1):
        assert top_share(g, H, k) == pytest.approx(share / 55, abs=1e-12)
        assert top_share(Q @ g, Q @ H @ Q.T, k) == pytest.approx(share / 55, abs=1e-9)


def test_a_direction_at_random_has_the_share_k_of_d():
    rng = np.random.default_rng(5)
    f = top_share(rng.normal(size=(4000, 12)), symmetric(rng, 12), 3)
    assert abs(f.mean() - 3 / 12) < 3 * f.std(ddof=1) / math.sqrt(f.size)


def test_products_find_what_the_matrix_shows():
    objective = small_digits()
    θ = descend(objective, random_start(objective.net, 1, np.random.default_rng(2))[0], steps=20, η=0.5).end
    g, H = objective.gradient(θ), objective.hessian(θ)
    exact = top_share(g, H, 5)
    by_products = top_share(g, lambda v: objective.hvp(θ, v), 5, rng=np.random.default_rng(3))
    assert by_products == pytest.approx(exact, rel=1e-6)
    few = top_share(g, lambda v: H @ v, 5, rng=np.random.default_rng(3), steps=5)
    assert few != pytest.approx(exact, rel=1e-3)


# The toy


def toy_shares(seed, steps=(0, 10, 100)):
    objective = softmax_clusters(np.random.default_rng(seed))
    path = descend(objective, np.zeros(400), steps=steps[-1], η=0.1)
    θ = path.θ[list(steps)]
    return top_share(objective.gradient(θ), objective.hessian(θ), 10)


def test_the_toy_learns_in_its_top_ten_directions():
    """Facts §5: .12 → .63 → .998 at steps 0, 10, 100; no seed is given, so each lies within two spreads."""
    shares = np.array([toy_shares(seed) for seed in SEEDS])
    mean, spread = shares.mean(axis=0), shares.std(axis=0, ddof=1)
    assert (np.abs(mean - [0.12, 0.63, 0.998]) < 2 * spread).all()
    assert (np.diff(shares, axis=1) > 0).all() and (shares[:, 2] > 0.99).all()
    assert round(mean[0], 2) == 0.12 and 0.05 < spread[1] < 0.15  # halfway, seeds differ


def test_the_toy_at_zero_weights_by_hand():
    """H = (I/k − 11ᵀ/k²) ⊗ XᵀX/n: nine equal eigenvalues for each one of XᵀX/n; so the tenth is a tie."""
    objective = softmax_clusters(np.random.default_rng(1))
    x, y, n = objective.x, objective.y, objective.n
    assert x.shape == (500, 40) and (y.sum(axis=0) == 50).all()
    means = y.T @ x / 50
    np.testing.assert_allclose(means @ means.T, np.eye(10), atol=0.15)
    _, V = np.linalg.eigh(x.T @ x / n)
    G = (y - 0.1).T @ x / n
    expected = (np.sum((G @ V[:, -1]) ** 2) + np.sum((G @ V[:, -2]) ** 2) / 9) / np.sum(G**2)
    assert toy_shares(1, (0,))[0] == pytest.approx(expected, rel=1e-9)


def test_a_small_tanh_network_on_the_same_data_does_not_do_it():
    base = softmax_clusters(np.random.default_rng(0))
    objective = Network((40, 5, 10), "tanh", "cross-entropy").on(base.x, base.y)
    start = random_start(objective.net, 3, np.random.default_rng(1))
    path = descend(objective, start, steps=300, every=100, η=0.1)
    shares = top_share(objective.gradient(path.θ), objective.hessian(path.θ), 10)
    assert shares.shape == (4, 3) and (shares[1:] < 0.05).all()
    assert (path.loss[-1] < 0.8 * path.loss[0]).all()  # and yet it learns


# Projected descents


def test_the_two_parts_add_up_and_are_at_right_angles():
    objective, rng = small_digits(), np.random.default_rng(4)
    θ = random_start(objective.net, 2, rng)
    top, rest = (Projected(objective, 7, part).gradient(θ) for part in ("top", "rest"))
    g = objective.gradient(θ)
    np.testing.assert_allclose(top + rest, g, atol=1e-12)
    np.testing.assert_allclose((top * rest).sum(axis=-1), 0, atol=1e-10)
    share = (top**2).sum(axis=-1) / (g**2).sum(axis=-1)
    np.testing.assert_allclose(share, top_share(g, objective.hessian(θ), 7), rtol=1e-9)
    np.testing.assert_allclose(Projected(objective, objective.d).gradient(θ), g, atol=1e-12)


def test_on_a_quadratic_each_part_moves_its_own_coordinates():
    ravine = landscape("ravine")  # curvatures 1 and 25
    top = descend(Projected(ravine, 1, "top"), [1.0, 1.0], steps=10, η=0.02).end
    rest = descend(Projected("ravine", 1, "rest"), [1.0, 1.0], steps=10, η=0.02).end
    np.testing.assert_allclose(top, [1.0, 0.5**10])
    np.testing.assert_allclose(rest, [0.98**10, 1.0])


def test_the_subspace_follows_the_point_as_often_as_it_is_told():
    class Counting:
        calls = 0

        def __init__(self, target):
            self.loss, self.gradient, self.d, self.target = target.loss, target.gradient, 2, target

        def hessian(self, θ):
            self.calls += 1
            return self.target.hessian(θ)

    for every, calls in ((1, 12), (5, 3)):
        target = Counting(landscape("Himmelblau"))
        descend(Projected(target, 1, "top", every), [[0.5, -4.5], [1.0, 1.0]], steps=12, η=0.001)
        assert target.calls == calls
    # other runs have other directions, even before the old ones are due
    often = Projected("Himmelblau", 1, "top", every=100)
    for θ in ([0.5, -4.5], [[0.5, -4.5], [2.5, 0.0]]):
        fresh = Projected("Himmelblau", 1, "top").gradient(np.array(θ))
        np.testing.assert_array_equal(often.gradient(np.array(θ)), fresh)
    # the direction belongs to the point: on a curved valley it turns
    turned = Projected("Himmelblau", 1, "top")
    first, second = turned.gradient(np.array([0.5, -4.5])), turned.gradient(np.array([2.5, 0.0]))
    assert abs(first @ second) < 0.99 * np.linalg.norm(first) * np.linalg.norm(second)


def test_training_in_the_top_subspace_stops_and_in_the_rest_goes_on():
    """Song, Ahn and Yun (2025): SGD on digits; the gradient's top part is noise across the valley."""
    objective, rng = small_digits(), np.random.default_rng(0)
    start = random_start(objective.net, 3, rng)
    warm = descend(Minibatch(objective, 50, rng), start, steps=100, η=0.2).end
    fall = {}
    for part in ("top", "rest"):
        sgd = Minibatch(objective, 50, np.random.default_rng(7))
        path = descend(Projected(sgd, 10, part, every=5), warm, steps=60, η=0.2)
        fall[part] = path.loss[0] - path.loss[-1]
    full = descend(Minibatch(objective, 50, np.random.default_rng(7)), warm, steps=60, η=0.2)
    fall["all"] = full.loss[0] - full.loss[-1]
    assert (fall["all"] > 0.1).all()
    assert (fall["top"] < 0.05 * fall["all"]).all()
    assert (fall["rest"] > 0.9 * fall["all"]).all()


def test_in_the_toy_it_is_the_other_way_round():
    """Where nearly all of the gradient lies in the top subspace, that part is what learns."""
    objective = softmax_clusters(np.random.default_rng(0))
    warm = descend(objective, np.zeros(400), steps=100, η=0.1).end
    full = descend(objective, warm, steps=50, η=0.1).loss
    parts = [Projected(objective, 10, part, every=10) for part in ("top", "rest")]
    top, rest = (descend(part, warm, steps=50, η=0.1).loss for part in parts)
    assert full[0] - full[-1] > 0.25
    assert top[0] - top[-1] > 0.99 * (full[0] - full[-1])
    assert rest[0] - rest[-1] < 0.01 * (full[0] - full[-1])


# Rescaling


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("widths", "layer"), [((3, 4, 2), 0), ((3, 4, 5, 2), 0), ((3, 4, 5, 2), 1)])
@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
def test_a_rescaled_network_is_the_same_function_with_another_hessian(widths, layer, bias, loss):
    rng = np.random.default_rng(3)
    net = Network(widths, "relu", loss, bias=bias)
    x = rng.normal(size=(12, 3))
    objective = net.on(x, rng.dirichlet(np.ones(2), 12))
    θ, α = rng.normal(size=net.d), np.array([0.2, 1.0, 7.0])
    there = rescale(net, θ, α, layer)
    assert there.shape == (3, net.d)
    np.testing.assert_allclose(there[1], θ)
    same = np.broadcast_to(net.output(θ, x), (3, 12, 2))
    np.testing.assert_allclose(net.output(there, x), same, rtol=1e-10)
    H = rescale_hessian(net, objective.hessian(θ), α, layer)
    np.testing.assert_allclose(H, objective.hessian(there), rtol=1e-9, atol=1e-9 * np.abs(H).max())
    slope = objective.gradient(θ) / scaling(net, α, layer)
    np.testing.assert_allclose(objective.gradient(there), slope, rtol=1e-8, atol=1e-12)
    W, b = net.layers(there[2])[layer]
    np.testing.assert_allclose(W, 7 * net.layers(θ)[layer][0])
    if bias:
        np.testing.assert_allclose(b, 7 * net.layers(θ)[layer][1])
        np.testing.assert_allclose(net.layers(there[2])[layer + 1][1], net.layers(θ)[layer + 1][1])


def test_the_sharpness_of_a_minimum_can_be_made_as_large_as_one_likes():
    rng = np.random.default_rng(8)
    net = Network((2, 3, 1), "relu")
    θ = rng.normal(size=net.d)
    x = rng.normal(size=(40, 2))
    objective = net.on(x, net.output(θ, x))  # θ is a global minimum
    H = objective.hessian(θ)
    α = np.array([1.0, 10.0, 100.0])
    there = rescale_hessian(net, H, α)
    λ = np.linalg.eigvalsh(there)
    np.testing.assert_allclose(objective.loss(rescale(net, θ, α)), 0, atol=1e-25)
    assert (np.diff(λ[:, -1]) > 0).all() and λ[2, -1] / λ[1, -1] == pytest.approx(100, rel=0.01)
    assert np.trace(there[2]) > 1000 * np.trace(H)


# Noise against curvature


def test_noise_is_that_of_the_covariance_in_the_basis_of_the_hessian():
    objective = small_digits(hidden=2, n=60)
    θ = random_start(objective.net, 2, np.random.default_rng(6))
    found = noise_against_curvature(objective, θ)
    C, H = noise_covariance(objective, θ), objective.hessian(θ)
    np.testing.assert_allclose(H, complex_step_hessian(objective.gradient, θ), atol=1e-10)
    for i in range(2):
        λ, U = np.linalg.eigh(H[i])
        np.testing.assert_allclose(found.λ[i], λ, atol=1e-12)
        g = objective.sample_gradients(θ[i]) @ U
        big = np.abs(λ) > 1e-6  # beyond, eigenvectors of equal eigenvalues may turn
        np.testing.assert_allclose(found.noise[i][big], g.var(axis=0)[big], rtol=1e-6)
        assert found.noise[i].sum() == pytest.approx(np.trace(C[i]))
        assert found.ratio[i] == pytest.approx(np.trace(C[i]) / np.trace(H[i]))
        cosine = np.trace(C[i] @ H[i]) / np.linalg.norm(C[i]) / np.linalg.norm(H[i])
        assert found.alignment[i] == pytest.approx(cosine)
        assert (found.λ[i] * found.noise[i]).sum() == pytest.approx(np.trace(C[i] @ H[i]))


def test_noise_and_curvature_agree_where_the_model_is_true():
    """Labels drawn from the model itself: both are the Fisher information; far from it they are not."""
    rng = np.random.default_rng(9)
    net = Network((4, 3), loss="cross-entropy")
    x, θ = rng.normal(size=(20_000, 4)), rng.normal(size=net.d)
    p = np.exp(net.output(θ, x))
    p /= p.sum(axis=1, keepdims=True)
    y = (rng.random((len(x), 1)) > p.cumsum(axis=1)).sum(axis=1)
    objective = net.on(x, one_hot(y, 3))
    true, far = noise_against_curvature(objective, np.stack([θ, -θ])), 1
    assert true.alignment[0] > 0.999 and true.ratio[0] == pytest.approx(1, abs=0.02)
    assert true.ratio[far] > 2
    large = true.λ[0] > 0.01
    np.testing.assert_allclose(true.noise[0][large], true.λ[0][large], rtol=0.1)


def test_noise_of_one_parameter_by_hand():
    found = noise_against_curvature(sample_loss("location").on([0.0, 2.0, 7.0]), [0.5])
    assert found.λ.tolist() == [1.0] and found.noise[0] == pytest.approx(np.var([0.0, 2.0, 7.0]))
    assert found.alignment == pytest.approx(1) and "alignment 1" in repr(found)


# Bad input

NET, TANH = Network((2, 3, 1), "relu"), Network((2, 3, 1))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: top_share(np.zeros(2), np.eye(2), 1), ValueError, "g must .* not be 0"),
        (lambda: top_share([[1.0, 0.0], [0.0, 0.0]], np.eye(2), 1), ValueError, "g must .* not be 0"),
        (lambda: top_share(1.0, np.eye(1), 1), ValueError, "shape"),
        (lambda: top_share([1.0, 2.0], np.eye(2), 3), ValueError, "k must lie between 1 and 2"),
        (lambda: top_share([1.0, 2.0], np.eye(3), 1), ValueError, "H must have 2 coordinates"),
        (lambda: top_share([1.0, 2.0], np.ones((3, 2)), 1), ValueError, "H must have shape"),
        (lambda: top_share([1.0, math.nan], np.eye(2), 1), ValueError, "g must be finite"),
        (lambda: top_share(np.ones((2, 2)), lambda v: v, 1), ValueError, "must be one gradient"),
        (lambda: top_share(np.ones(2), lambda v: v, 1), TypeError, "rng must be"),
        (lambda: softmax_clusters(3), TypeError, "rng must be"),
        (lambda: softmax_clusters(np.random.default_rng(0), d=5), ValueError, "d must lie between 10"),
        (lambda: softmax_clusters(np.random.default_rng(0), σ=-1.0), ValueError, "σ must be"),
        (lambda: Projected(lambda θ: θ, 1), TypeError, "gradient, hessian, loss"),
        (lambda: Projected("ravine", 1, "all"), ValueError, "part must be 'top' or 'rest'"),
        (lambda: Projected("ravine", 3), ValueError, "k must lie between 1 and 2"),
        (lambda: Projected("ravine", 1, every=0), ValueError, "every must lie between"),
        (lambda: rescale(TANH, np.zeros(13), 2.0), ValueError, "'relu' and 'linear' are accepted"),
        (lambda: rescale(3, np.zeros(13), 2.0), TypeError, "net must be a Network"),
        (lambda: rescale(NET, np.zeros(13), 0.0), ValueError, "α must be more than 0"),
        (lambda: rescale(NET, np.zeros(13), -1.0), ValueError, "α must be more than 0"),
        (lambda: rescale(NET, np.zeros(12), 2.0), ValueError, "θ must have 13 coordinates"),
        (lambda: rescale(NET, np.zeros(13), 2.0, layer=1), ValueError, "layer must lie between 0 and 0"),
        (lambda: rescale(Network((2, 1), "relu"), np.zeros(3), 2.0), ValueError, "a hidden layer"),
        (lambda: rescale_hessian(NET, np.eye(4), 2.0), ValueError, "H must have 13 coordinates"),
        (lambda: noise_against_curvature(landscape("ravine"), [0.0, 0.0]), TypeError, "sample_gradients"),
    ],
)
def test_bad_input_says_what_is_accepted(call, error, message):
    with pytest.raises(error, match=message):
        call()
