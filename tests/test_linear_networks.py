"""Linear networks: the closed forms of Baldi and Hornik against what is measured at critical points."""

from itertools import combinations

import numpy as np
import pytest

from helpers.linear_networks import LinearNetwork
from helpers.networks import Network, find_critical
from helpers.optimizers import descend

BAR = 1e-6
SIZES = [(3, 3, 2), (4, 3, 3), (3, 4, 3), (2, 5, 3), (5, 2, 4), (4, 4, 1), (4, 1, 2), (1, 3, 2), (4, 4, 4)]


def linear_network(inputs, outputs, hidden, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, inputs)) @ rng.normal(size=(inputs, inputs))
    return LinearNetwork(x, x @ rng.normal(size=(inputs, outputs)) + rng.normal(size=(40, outputs)), hidden)


def negative(objective, θ):
    """How many eigenvalues of the Hessian are negative; those of the orbits are zero up to rounding."""
    values = np.linalg.eigvalsh(objective.hessian(θ))
    scale = np.abs(values).max(axis=-1, keepdims=True)
    assert not ((np.abs(values) > 1e-9 * scale) & (np.abs(values) < 1e-7 * scale)).any()  # a clear gap
    return (values < -1e-8 * scale).sum(axis=-1)


def test_the_strengths_are_the_eigenvalues_of_the_regression():
    lin = linear_network(4, 3, 2)
    x, y = lin.objective.x, lin.objective.y
    Σ = y.T @ x @ np.linalg.inv(x.T @ x) @ x.T @ y / len(x)
    np.testing.assert_allclose(lin.strengths, np.linalg.eigvalsh(Σ)[::-1], rtol=1e-10)
    best = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]  # with all components: least squares
    lin = linear_network(4, 3, 3)
    assert lin.loss((0, 1, 2)) == pytest.approx((best**2).sum() / (2 * len(x)), rel=1e-10)


@pytest.mark.parametrize("inputs, outputs, hidden", SIZES)
def test_every_subset_has_its_critical_points(inputs, outputs, hidden):
    lin = linear_network(inputs, outputs, hidden)
    rng = np.random.default_rng(1)
    p = min(inputs, outputs)
    assert set(lin.subsets()) == {S for k in range(min(p, hidden) + 1) for S in combinations(range(p), k)}
    for S in lin.subsets():
        θ = np.stack([lin.point(S), *(lin.point(S, rng) for _ in range(3))])
        assert np.abs(lin.objective.gradient(θ)).max() < 1e-12
        np.testing.assert_allclose(lin.objective.loss(θ), lin.loss(S), rtol=1e-12)
        assert (negative(lin.objective, θ) == lin.index(S)).all()
        assert lin.which(θ) == [S] * 4 and lin.which(θ[0]) == S
    assert not np.allclose(θ[1], θ[2])


@pytest.mark.parametrize("inputs, outputs", [(5, 2), (2, 5)])
def test_the_index_also_holds_where_unused_units_are_not_zero(inputs, outputs):
    """Unused units may listen to inputs that explain nothing, or speak to outputs that nothing explains."""
    lin = linear_network(inputs, outputs, 4)
    rng = np.random.default_rng(2)
    for S in lin.subsets():
        W1, W2 = (A.copy() for A in lin.net.matrices(lin.point(S)))
        idle = slice(len(S), None)
        if inputs > outputs:
            W1[idle] = _without_share(lin, rng.normal(size=(4 - len(S), inputs)))
        else:
            mute = rng.normal(size=(outputs, 4 - len(S)))
            W2[:, idle] = mute - lin._u @ (lin._u.T @ mute)
        θ = lin.net.pack([(W1, None), (W2, None)])
        assert np.abs(θ).sum() > np.abs(lin.point(S)).sum() + 0.5
        assert np.abs(lin.objective.gradient(θ)).max() < 1e-12
        assert negative(lin.objective, θ) == lin.index(S)
        assert lin.which(θ) == S


def _without_share(lin, rows):
    """`rows` of W₁Σxx^(½) with no share in any component, as rows of W₁."""
    return (rows - rows @ lin._v @ lin._v.T) @ lin._whiten


def test_only_the_best_subset_is_a_minimum():
    for hidden in (1, 2, 3, 4):
        lin = linear_network(3, 3, hidden)
        k = min(hidden, 3)
        assert [S for S in lin.subsets() if lin.index(S) == 0] == [tuple(range(k))]
        losses = [lin.loss(S) for S in lin.subsets()]
        assert min(losses) == lin.loss(tuple(range(k)))


def test_a_point_that_is_not_critical_belongs_to_no_subset():
    lin = linear_network(3, 3, 2)
    θ = lin.point((0, 2))
    assert lin.which(1.1 * θ) is None
    assert lin.which(np.stack([θ, 1.1 * θ])) == [(0, 2), None]
    assert lin.which(1.0001 * θ) == (0, 2)


def test_a_deep_linear_network_has_a_saddle_without_a_negative_eigenvalue():
    """Kawaguchi (2016): with two hidden layers, θ = 0 is critical and its whole Hessian vanishes."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20, 3))
    y = x @ rng.normal(size=(3, 2))
    deep, shallow = Network((3, 4, 4, 2), "linear", bias=False), Network((3, 4, 2), "linear", bias=False)
    deep, shallow = deep.on(x, y), shallow.on(x, y)
    origin = np.zeros(deep.d)
    assert (deep.gradient(origin) == 0).all() and (deep.hessian(origin) == 0).all()
    assert (shallow.gradient(np.zeros(shallow.d)) == 0).all()
    assert np.linalg.eigvalsh(shallow.hessian(np.zeros(shallow.d))).min() < -0.1
    # a saddle all the same: the loss falls along some directions and rises along their mirror images, like ε³
    v = rng.normal(size=deep.d)
    change = [deep.loss(s * 1e-2 * v) - deep.loss(origin) for s in (-1, 1)]
    assert change[0] * change[1] < 0
    assert abs(change[0] + change[1]) < 1e-2 * abs(change[0] - change[1])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda x: LinearNetwork(x[:, :1] * [1, 1, 1], x, 2), "Σxx must be invertible"),
        (lambda x: LinearNetwork(x[:2], x[:2], 2), "Σxx must be invertible"),
        (lambda x: LinearNetwork(x, x[:, :1] * [1, 2, 3], 2), "distinct and not zero"),
        (lambda x: LinearNetwork(x, 0 * x, 2), "distinct and not zero"),
        (lambda x: LinearNetwork(x, x * [3, 1, 0], 2), "distinct and not zero"),
        (lambda x: LinearNetwork(x, x[:4], 2), "as many samples"),
        (lambda x: LinearNetwork(x[None], x, 2), "must have shape"),
        (lambda x: LinearNetwork(x, x, 0), "a width must lie between 1"),
        (lambda x: LinearNetwork(_white(x), _white(x), 2), "distinct and not zero"),
        (lambda x: linear_network(3, 3, 2).loss((0, 1, 2)), "at most 2 different numbers from 0 to 2"),
        (lambda x: linear_network(3, 3, 2).index((3,)), "from 0 to 2"),
        (lambda x: linear_network(3, 3, 2).point((1, 1)), "different numbers"),
        (lambda x: linear_network(3, 3, 2).which(np.ones(5)), "12 parameters"),
        (lambda x: linear_network(3, 3, 2).which(np.ones((1, 1, 12))), r"\(d,\) or \(N, d\)"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(np.random.default_rng(0).normal(size=(30, 3)))


def _white(x):
    return np.linalg.qr(x)[0] * np.sqrt(len(x))  # all strengths equal 1


def test_the_generator_must_be_one():
    with pytest.raises(TypeError, match="numpy.random.Generator, not int"):
        linear_network(3, 3, 2).point((0,), rng=3)


@pytest.mark.parametrize("inputs, outputs, hidden", [(3, 3, 2), (4, 3, 3), (3, 4, 3), (4, 4, 2)])
def test_the_critical_points_that_are_found_are_those_of_the_closed_form(inputs, outputs, hidden):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(40, inputs))
    y = x @ rng.normal(size=(inputs, outputs)) + 0.3 * rng.normal(size=(40, outputs))
    lin = LinearNetwork(x, y, hidden)
    found = find_critical(lin.objective, rng.normal(size=(400, lin.net.d)), steps=100)
    assert found.critical.mean() > 0.95
    subsets = lin.which(found.θ[found.critical])
    assert set(subsets) == set(lin.subsets())  # every subset, and nothing else
    closed = np.array([lin.loss(S) for S in subsets])
    assert np.abs(found.loss[found.critical] - closed).max() < BAR
    assert (found.index[found.critical] == [lin.index(S) for S in subsets]).all()
    assert (negative(lin.objective, found.θ[found.critical]) == found.index[found.critical]).all()


def test_gradient_flow_from_small_weights_passes_the_saddles_in_order():
    """Saxe, McClelland and Ganguli (2014): components are learnt one after the other, strongest first."""
    rng = np.random.default_rng(5)
    x = np.linalg.qr(rng.normal(size=(30, 3)))[0] * np.sqrt(30)
    lin = LinearNetwork(x, x @ np.diag([8.0, 3.0, 1.0]), hidden=3)
    run = descend(lin.objective, 1e-6 * rng.normal(size=lin.net.d), steps=6000, η=0.01)
    stays = [(np.abs(run.loss - lin.loss(tuple(range(k)))) < 0.01).sum() for k in range(4)]
    assert min(stays) > 50 and lin.which(run.end) == (0, 1, 2)
    order = [np.abs(run.loss - lin.loss(tuple(range(k)))).argmin() for k in range(4)]
    assert order == sorted(order)
