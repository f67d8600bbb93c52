"""Networks: every derivative against an independent one, for all activations, losses and shapes."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers.curvature import complex_step_hessian
from helpers.networks import ACTIVATIONS, LOSSES, Network

STEP = 1e-30  # of the complex step: exact to rounding, since nothing is subtracted
BAR = 1e-9


def data(net, n, rng):
    """Random samples that fit the network's loss."""
    x, y = rng.normal(size=(n, net.widths[0])), rng.normal(size=(n, net.widths[-1]))
    if net.loss.name == "cross-entropy":
        y = rng.dirichlet(np.ones(net.widths[-1]), n)
    return x, y


def near(a, b, bar=BAR):
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=bar, atol=bar)


def slow_loss(net, θ, x, y):
    """The mean loss of one network, sample by sample and unit by unit, from the definitions."""
    total = 0
    for sample, target in zip(x, y, strict=True):
        signal, start = list(sample), 0
        for layer, (k, m) in enumerate(zip(net.widths, net.widths[1:], strict=False)):
            before = []
            for _ in range(m):
                weights = θ[start : start + k]
                start += k
                before.append(sum(w * a for w, a in zip(weights, signal, strict=True)))
                if net.bias:
                    before[-1] = before[-1] + θ[start]
                    start += 1
            last = layer == net.depth - 1
            φ = {
                "tanh": np.tanh,
                "relu": lambda s: s if s.real > 0 else 0 * s,
                "sigmoid": lambda s: 1 / (1 + np.exp(-s)),
                "linear": lambda s: s,
            }[net.activation.name]
            signal = before if last else [φ(s) for s in before]
        if net.loss.name == "squared":
            total = total + sum((f - t) ** 2 for f, t in zip(signal, target, strict=True)) / 2
        else:
            norm = np.log(sum(np.exp(f) for f in signal))
            total = total - sum(t * (f - norm) for f, t in zip(signal, target, strict=True))
    return total / len(x)


@st.composite
def problems(draw):
    """A network of any kind, its objective, and parameters with leading axes."""
    loss = draw(st.sampled_from(sorted(LOSSES)))
    depth = draw(st.integers(1, 4))
    widths = [draw(st.integers(1, 6)) for _ in range(depth)]
    widths.append(draw(st.integers(2 if loss == "cross-entropy" else 1, 4)))
    net = Network(widths, draw(st.sampled_from(sorted(ACTIVATIONS))), loss, draw(st.booleans()))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lead = draw(st.sampled_from([(), (3,), (2, 3)]))
    x, y = data(net, draw(st.integers(1, 5)), rng)
    θ = rng.normal(size=(*lead, net.d))
    if net.activation.name == "relu":  # the derivatives are compared away from the kinks
        assume(all(np.abs(s).min() > 1e-6 for s in net.forward(θ, x)[0][:-1]))
    return net.on(x, y), θ, rng


@settings(max_examples=60, deadline=None)
@given(problems())
def test_every_derivative_agrees_with_a_complex_step(problem):
    objective, θ, rng = problem
    net, d = objective.net, objective.d
    one = θ.reshape(-1, d)[-1]
    loss = np.asarray(objective.loss(θ))
    near(loss.reshape(-1)[-1], slow_loss(net, one, objective.x, objective.y))

    steps = θ[..., None, :] + 1j * STEP * np.eye(d)
    near(objective.gradient(θ), objective.loss(steps).imag / STEP)
    near(objective.sample_gradients(θ).mean(axis=-2), objective.gradient(θ))
    H = complex_step_hessian(objective.gradient, θ)
    near(objective.hessian(θ), H)
    v = rng.normal(size=θ.shape)
    near(objective.hvp(θ, v), np.einsum("...ij,...j->...i", H, v))


@settings(max_examples=20, deadline=None)
@given(problems())
def test_leading_axes_are_independent_networks(problem):
    objective, θ, rng = problem
    rows = θ.reshape(-1, objective.d)
    for name in ("loss", "gradient", "hessian", "sample_gradients", "output"):
        many = getattr(objective, name)(rows)
        for k, row in enumerate(rows):
            near(many[k], getattr(objective, name)(row), 1e-12)
    directions = rng.normal(size=(4, 1, objective.d))
    near(objective.hvp(rows, directions)[2, 0], objective.hvp(rows[0], directions[2, 0]), 1e-12)
    assert objective.hvp(rows[0], directions[:, 0]).shape == (4, objective.d)
