"""Diagnoses of JAX models, where jax is installed; left out elsewhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.data import digits
from helpers.diagnosis import diagnose, from_jax

X, Y = digits()
X, Y = jnp.asarray(X[:200]), jnp.asarray(Y[:200])


def loss(params):
    (W1, b1), (W2, b2) = params
    f = jnp.tanh(X @ W1 + b1) @ W2 + b2
    return -jax.nn.log_softmax(f)[jnp.arange(len(Y)), Y].mean()


def network(scale, hidden=1300):
    draw = np.random.default_rng(0)
    return [
        (jnp.asarray(scale * draw.normal(size=(m, k)) / np.sqrt(m)), jnp.zeros(k))
        for m, k in ((64, hidden), (hidden, 10))
    ]


def train(params, η, steps):
    slope = jax.jit(jax.value_and_grad(loss))
    losses = []
    for _ in range(steps):
        L, g = slope(params)
        losses.append(float(L))
        params = jax.tree.map(lambda part, by: part - η * by, params, g)
    return params, losses


@pytest.mark.parametrize("scale, η, steps, verdict", [(0.0, 0.5, 200, "strict saddle"),
                                                      (1.0, 0.03, 40, "still descending")])
def test_a_network_of_a_hundred_thousand_parameters(scale, η, steps, verdict):
    params, losses = train(network(scale), η, steps)
    report = diagnose(**from_jax(loss, params), η=η, losses=losses, rng=np.random.default_rng(0))
    assert report.verdict == verdict and report.cost["total"] <= 100


def test_the_product_is_that_of_the_gradient():
    given = from_jax(loss, network(1.0, hidden=5))
    draw = np.random.default_rng(1)
    θ, v = given["θ"].astype(float), draw.normal(size=given["θ"].size)
    slope = (given["gradient"](θ + 1e-2 * v) - given["gradient"](θ - 1e-2 * v)) / 2e-2
    np.testing.assert_allclose(given["hvp"](θ, v), slope, rtol=0, atol=2e-3)
    assert given["loss"](θ) == pytest.approx(float(loss(network(1.0, hidden=5))), rel=1e-5)
