"""Diagnoses of PyTorch models with 10⁵ parameters, where torch is installed; left out elsewhere."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss

from helpers.data import digits
from helpers.diagnosis import diagnose, from_torch

X, Y = (torch.as_tensor(part) for part in digits())
X, Y = X[:300].float(), Y[:300].long()


def mlp(*widths, activation=torch.nn.Tanh, seed=0):
    torch.manual_seed(seed)
    layers = []
    for m, k in zip(widths, widths[1:], strict=False):
        layers += [torch.nn.Linear(m, k), activation()]
    return torch.nn.Sequential(*layers[:-1])


def train(model, η, steps, B=None):
    """The losses of a run of plain SGD, or of gradient descent."""
    draw = torch.Generator().manual_seed(1)
    rule = torch.optim.SGD(model.parameters(), lr=η)
    losses = []
    for _ in range(steps):
        batch = slice(None) if B is None else torch.randint(len(X), (B,), generator=draw)
        loss = cross_entropy(model(X[batch]), Y[batch])
        rule.zero_grad()
        loss.backward()
        rule.step()
        losses.append(loss.item())
    return losses


def report(model, η, losses, **more):
    given = from_torch(model, cross_entropy, (X, Y), **more)
    assert 95_000 < len(given["θ"]) < 105_000
    found = diagnose(**given, η=η, losses=losses, rng=np.random.default_rng(0))
    assert found.cost["total"] <= 100
    return found


def test_stalled_at_a_saddle():
    model = mlp(64, 1300, 10)
    for part in model.parameters():
        torch.nn.init.zeros_(part)
    found = report(model, 0.5, train(model, 0.5, 150))
    assert (found.verdict, found.confidence) == ("strict saddle", "high")


def test_stalled_in_a_noise_ball():
    model = mlp(64, 1300, 10)
    losses = train(model, 0.05, 1000, B=2)
    found = report(model, 0.05, losses[-300:], B=2, rng=np.random.default_rng(1))
    assert (found.verdict, found.confidence) == ("noise ball", "high")


def test_stalled_by_vanishing_gradients():
    model = mlp(64, *[100] * 10, 10, activation=torch.nn.Sigmoid)
    found = report(model, 0.1, train(model, 0.1, 30))
    assert (found.verdict, found.confidence) == ("vanishing gradients", "high")
    assert len(found.curves["layer norms"]) == 11


def test_bouncing_at_a_rate_that_is_too_large():
    model = mlp(64, 1300, 10)
    assert report(model, 2.5, train(model, 2.5, 60)).verdict == "bouncing"


def test_still_descending():
    model = mlp(64, 1300, 10)
    found = report(model, 0.03, train(model, 0.03, 40))
    assert (found.verdict, found.confidence) == ("still descending", "high")


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), (None, 1e-5)])
def test_what_is_handed_over_is_that_of_the_model(dtype, tolerance):
    model = mlp(3, 4, 2)
    x, y = torch.randn(7, 3), torch.randn(7, 2)
    given = from_torch(model, mse_loss, (x, y), dtype=dtype, B=5, n=6, rng=np.random.default_rng(0))
    before = [part.detach().clone() for part in model.parameters()]
    θ, v = given["θ"], np.random.default_rng(1).normal(size=26)
    double = mlp(3, 4, 2).double()
    loss = mse_loss(double(x.double()), y.double())
    assert given["loss"](θ) == pytest.approx(loss.item(), rel=tolerance)
    g = torch.cat([part.reshape(-1) for part in torch.autograd.grad(loss, double.parameters())]).numpy()
    np.testing.assert_allclose(given["gradient"](θ), g, rtol=0, atol=tolerance)
    θ = θ.astype(float)
    if dtype:
        difference = given["gradient"](θ + 1e-5 * v) - given["gradient"](θ - 1e-5 * v)
        np.testing.assert_allclose(given["hvp"](θ, v), difference / 2e-5, rtol=0, atol=1e-8)
    assert given["layers"] == {"0": slice(0, 16), "2": slice(16, 26)}
    rows = given["sample_gradients"](θ)
    assert rows.shape == (6, 26) and len(np.unique(rows.round(6), axis=0)) > 3
    assert (given["sample_gradients"](θ) == rows).all()
    whole = from_torch(model, mse_loss, (x, y), dtype=dtype, B=7, n=2, rng=np.random.default_rng(0))
    np.testing.assert_allclose(whole["sample_gradients"](θ)[1], g, rtol=0, atol=10 * tolerance)
    assert all((one == two).all() for one, two in zip(before, model.parameters(), strict=True))


def test_dropout_is_named():
    model = torch.nn.Sequential(torch.nn.Linear(64, 20), torch.nn.Dropout(), torch.nn.Linear(20, 10))
    with pytest.raises(ValueError, match="without dropout"):
        diagnose(**from_torch(model, cross_entropy, (X, Y)), rng=np.random.default_rng(0))
    diagnose(**from_torch(model.eval(), cross_entropy, (X, Y)), rng=np.random.default_rng(0))


def test_batches_need_a_generator():
    with pytest.raises(TypeError, match="rng must be a numpy.random.Generator"):
        from_torch(mlp(64, 10), cross_entropy, (X, Y), B=5)
    with pytest.raises(ValueError, match="B must lie between 1 and 300"):
        from_torch(mlp(64, 10), cross_entropy, (X, Y), B=301, rng=np.random.default_rng(0))
