"""Networks: every derivative against an independent one, for all activations, losses and shapes."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers.curvature import complex_step_hessian
from helpers.landscapes import Landscape, landscape
from helpers.networks import (
    ACTIVATIONS,
    LOSSES,
    Activation,
    Network,
    Objective,
    activation,
    find_critical,
    minimize_gradient_norm,
    newton_residual,
)
from helpers.optimizers import descend
from helpers.symbolic import numpy_function

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


# ------------------------------------------------------------------------------------- activations and losses

FORMS = {
    "tanh": (np.tanh, lambda s: np.cosh(s) ** -2, lambda s: -2 * np.tanh(s) * np.cosh(s) ** -2),
    "relu": (lambda s: np.maximum(s, 0), lambda s: np.heaviside(s, 0.5), lambda s: 0 * s),
    "sigmoid": (
        lambda s: 1 / (1 + np.exp(-s)),
        lambda s: np.exp(-s) / (1 + np.exp(-s)) ** 2,
        lambda s: np.exp(-s) * (np.exp(-s) - 1) / (1 + np.exp(-s)) ** 3,
    ),
    "linear": (lambda s: s, lambda s: 0 * s + 1, lambda s: 0 * s),
}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_an_activation_and_its_derivatives(name):
    a, values = activation(name), np.array([-3.0, -0.7, 0.0, 0.4, 2.5])
    for got, form in zip((a(values), a.slope(values), a.bend(values)), FORMS[name], strict=True):
        near(got, form(values), 1e-14)
    near(np.stack(a.jet(values)), np.stack([a(values), a.slope(values), a.bend(values)]), 1e-15)
    assert a.jet(values.reshape(5, 1))[1].shape == (5, 1) and len(a.jet(values, 1)) == 2
    if a.written is not None:
        assert sp.simplify((a.written - a.expression).rewrite(sp.exp)) == 0
    assert a.javascript.startswith("({value: (a0) => {") and "slope: (a0) => {" in a.javascript


def test_activations_stay_finite_far_out():
    far = np.array([-1e4, -800.0, -400.0, 400.0, 800.0, 1e4])
    for a in ACTIVATIONS.values():
        assert np.isfinite(np.stack(a.jet(far))).all()


def test_relu_takes_the_middle_slope_at_its_kink():
    """One unit with z = 0 exactly: f = w·max(0, z), so ∂L/∂z takes φ′(0) = ½."""
    objective = Network((1, 1, 1), "relu").on([[1.0]], [[0.0]])
    gradient = objective.gradient([0.0, 0.0, 2.0, 1.0])  # z = 0, f = 1, L = ½f²
    assert gradient.tolist() == [1.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_losses_are_those_of_their_symbolic_definitions(classes):
    f, target = sp.symbols(f"f:{classes}", real=True), sp.symbols(f"y:{classes}", real=True)
    norm = sp.log(sum(map(sp.exp, f)))
    definitions = {
        "squared": sum((a - b) ** 2 for a, b in zip(f, target, strict=True)) / 2,
        "cross-entropy": -sum(b * (a - norm) for a, b in zip(f, target, strict=True)),
    }
    rng = np.random.default_rng(classes)
    outputs, y = 3 * rng.normal(size=(4, classes)), rng.dirichlet(np.ones(classes), 4)
    assert set(definitions) == set(LOSSES)
    for name, loss in LOSSES.items():
        slopes = [sp.diff(definitions[name], a) for a in f]
        bends = [sp.diff(s, a) for s in slopes for a in f]
        values = numpy_function([*f, *target], [definitions[name], *slopes, *bends])(*outputs.T, *y.T)
        near(loss.value(outputs, y), values[0], 1e-12)
        near(loss.slope(outputs, y), np.stack(values[1 : classes + 1], -1), 1e-12)
        near(loss.bend(outputs, y).reshape(4, -1), np.stack(values[classes + 1 :], -1), 1e-12)


def test_the_cross_entropy_does_not_overflow():
    loss = LOSSES["cross-entropy"]
    f, y = np.array([1000.0, 0.0, -1000.0]), np.array([0.0, 1.0, 0.0])
    assert loss.value(f, y) == 1000 and loss.slope(f, y).tolist() == [1, -1, 0]
    assert (loss.bend(f, y) == 0).all()
    near(loss.value(f + 1e-20j * np.array([1, 2, 3]), y).imag, -1e-20)  # complex steps survive the shift


# --------------------------------------------------------------------------------------------------- networks


def test_theta_holds_each_unit_with_its_bias():
    net = Network((2, 3, 1))
    assert (net.d, net.depth, net.widths) == (13, 2, (2, 3, 1))
    θ = np.arange(26.0).reshape(2, 13)
    (W1, b1), (W2, b2) = net.layers(θ)
    assert W1.shape == (2, 3, 2) and b1.shape == (2, 3) and W2.shape == (2, 1, 3) and b2.shape == (2, 1)
    assert W1[0].tolist() == [[0, 1], [3, 4], [6, 7]]
    assert b1[0].tolist() == [2, 5, 8] and b2[0].tolist() == [12]
    assert (net.pack(net.layers(θ)) == θ).all()
    W1[0, 0, 0] = 99  # views
    assert θ[0, 0] == 99
    assert net.pack([(W1, None), (W2, None)])[0].tolist()[2] == 0
    plain = Network((2, 3, 1), bias=False)
    assert plain.d == 9 and plain.layers(np.arange(9.0))[0][1] is None
    assert (plain.pack(plain.layers(np.arange(9.0))) == np.arange(9.0)).all()
    assert net.pack([(W1[0], b1), (W2, b2[0])]).shape == (2, 13)  # leading axes broadcast


def test_forward_returns_every_signal():
    net, rng = Network((2, 3, 4, 2), "sigmoid"), np.random.default_rng(0)
    θ, x = rng.normal(size=(5, net.d)), rng.normal(size=(7, 2))
    before, signals = net.forward(θ, x)
    assert [s.shape for s in before] == [(5, 7, 3), (5, 7, 4), (5, 7, 2)]
    assert [s.shape for s in signals] == [(7, 2), (5, 7, 3), (5, 7, 4), (5, 7, 2)]
    W, b = net.layers(θ)[1]
    near(before[1][3, 4], W[3] @ signals[1][3, 4] + b[3], 1e-14)
    near(signals[2], activation("sigmoid")(before[1]), 1e-15)
    assert (signals[-1] == before[-1]).all() and (net.output(θ, x) == before[-1]).all()


def test_an_objective_descends():
    x = np.linspace(-1, 1, 20)
    objective = Network((1, 4, 1)).on(x, np.sin(3 * x))
    start = np.random.default_rng(0).normal(size=(6, objective.d))
    run = descend(objective, start, steps=200, η=0.1)
    assert (run.loss[-1] < 0.5 * run.loss[0]).all() and run.θ.shape == (201, 6, 13)
    assert (np.diff(run.loss, axis=0) < 1e-3).all()


def test_accuracy_counts_the_largest_outputs():
    net = Network((2, 2), "linear", "cross-entropy")
    objective = net.on([[1, 0], [0, 1], [2, 1]], [[1, 0], [0, 1], [0, 1]])
    identity = net.pack([(np.eye(2), None)])
    assert objective.accuracy(identity) == pytest.approx(2 / 3)
    assert objective.accuracy(np.stack([identity, -identity])).tolist() == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: Network(3), TypeError, "widths must be whole numbers"),
        (lambda: Network("23"), TypeError, "widths must be whole numbers"),
        (lambda: Network((3,)), ValueError, "at least inputs and outputs"),
        (lambda: Network((3, 0, 1)), ValueError, "a width must lie between 1"),
        (lambda: Network((3, 1.5)), TypeError, "a width must be a whole number"),
        (lambda: Network((3, 1), "swish"), ValueError, "unknown activation 'swish'; .*'tanh', 'relu'"),
        (lambda: Network((3, 1), loss="hinge"), ValueError, "unknown loss 'hinge'"),
        (lambda: Network((3, 1), loss="cross-entropy"), ValueError, "at least 2 outputs"),
        (lambda: Network((3, 1), bias=1), TypeError, "bias must be True or False"),
        (lambda: Activation("bad", "bad", sp.Symbol("q")), ValueError, "may contain only z"),
        (lambda: NET.layers(np.ones(4)), ValueError, r"5 parameters: θ needs shape \(\.\.\., 5\)"),
        (lambda: NET.layers(1.0), ValueError, "5 parameters"),
        (lambda: NET.layers(["a"] * 5), TypeError, "θ must be numbers"),
        (lambda: NET.pack([(np.ones((2, 1)), None)] * 2), ValueError, "has 1 layers, not 2"),
        (lambda: NET.pack([(np.ones((2, 4)), None)]), ValueError, r"shape \(\.\.\., 1, 4\)"),
        (lambda: NET.pack([(np.ones((1, 4)), np.ones(2))]), ValueError, r"shape \(\.\.\., 1\)"),
        (lambda: Network((1, 1), bias=False).pack([([[1]], [1])]), ValueError, "has no biases"),
        (lambda: NET.output(np.ones(5), np.ones((2, 3))), ValueError, r"x must have shape \(n, 4\)"),
        (lambda: NET.on(np.ones((2, 4)), np.ones(3)), ValueError, "as many samples, not 2 and 3"),
        (lambda: NET.on(np.ones((0, 4)), np.ones(0)), ValueError, "n at least 1"),
        (lambda: NET.on(np.full((2, 4), np.nan), np.ones(2)), ValueError, "x must be finite"),
        (lambda: NET.on(np.ones((2, 4)), np.ones(2)).accuracy(np.ones(5)), ValueError, "at least 2 outputs"),
        (lambda: Network((1, 2), loss="cross-entropy").on([1.0], [[1.0, 1.0]]), ValueError, "add up to 1"),
        (lambda: Network((1, 2), loss="cross-entropy").on([1.0], [[2.0, -1.0]]), ValueError, "add up to 1"),
        (lambda: Objective("net", [1.0], [1.0]), TypeError, "net must be a Network"),
        (lambda: minimize_gradient_norm(bowl, 1.0), ValueError, r"shape \(\.\.\., d\)"),
        (lambda: minimize_gradient_norm(bowl, [1.0, 2.0], steps=0), ValueError, "steps must lie between 1"),
        (lambda: minimize_gradient_norm(bowl, [1.0, 2.0], μ=0), ValueError, "μ must be .*more than 0"),
        (lambda: minimize_gradient_norm(bowl, [np.inf, 2.0]), ValueError, "θ must be finite"),
        (lambda: find_critical(bowl, [1.0, 2.0], tolerance=0), ValueError, "tolerance must be"),
        (lambda: newton_residual(bowl, [1.0, 2.0], cutoff=2), ValueError, "cutoff must be"),
    ],
)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


# ------------------------------------------------------------------------- critical points and flat gradients

NET = Network((4, 1))
bowl = landscape("ravine")


def test_the_newton_step_and_its_residual():
    x = sp.symbols("x:3", real=True)
    box = ((-1, 1),) * 3
    tilted = Landscape("tilted", x[0] ** 2 - 3 * x[1] ** 2 + x[2] / 10, x, box)
    θ = np.array([[0.5, 0.2, 0.3], [0.0, 0.0, 0.0]])
    newton = newton_residual(tilted, θ)
    near(newton.step, [[-0.5, -0.2, 0.0], [0.0, 0.0, 0.0]], 1e-14)
    near(newton.gradient_norm, [np.sqrt(1 + 1.44 + 0.01), 0.1], 1e-14)
    near(newton.residual, [0.1 / np.sqrt(2.45), 1.0], 1e-14)
    near(newton.size, [np.hypot(0.5, 0.2), 0.0], 1e-14)
    assert newton.index.tolist() == [1, 1]
    near(newton.eigenvalues, [[-6, 0, 2]] * 2, 1e-14)
    # the cut-off is relative: a curvature of 0.001 beside 1 counts or not
    narrow = Landscape("narrow", x[0] ** 2 / 2 + x[1] ** 2 / 2000, x[:2], box[:2])
    assert newton_residual(narrow, [0.0, 1.0], cutoff=1e-2).residual == 1
    assert newton_residual(narrow, [0.0, 1.0], cutoff=1e-4).residual == 0
    small = Landscape("small", narrow.expression / 1000, x[:2], box[:2])
    assert newton_residual(small, [0.0, 1.0], cutoff=1e-4).residual == 0
    assert newton_residual(narrow, [0.0, 0.0]).residual == 0  # no gradient, nothing left over


def test_levenberg_marquardt_takes_the_step_of_its_formula():
    x = np.linspace(-1, 1, 9)
    objective = Network((1, 3, 1)).on(x, x**2)
    θ = np.random.default_rng(0).normal(size=(5, objective.d))
    run = minimize_gradient_norm(objective, θ, steps=1, μ=2.0)
    g, H = objective.gradient(θ), objective.hessian(θ)
    taken = 0
    for k in range(5):
        μ = 2.0 * np.mean(np.linalg.eigvalsh(H[k]) ** 2)
        trial = θ[k] - np.linalg.solve(H[k] @ H[k] + μ * np.eye(len(g[k])), H[k] @ g[k])
        better = np.linalg.norm(objective.gradient(trial)) < np.linalg.norm(g[k])
        near(run.θ[k], trial if better else θ[k], 1e-10)
        assert run.accepted[k] == better
        taken += better
    assert taken > 0


def test_the_damping_follows_its_rule():
    """Twenty steps of one network beside a plain loop, with refusals in a row."""
    x = np.linspace(-1, 1, 9)
    objective = Network((1, 3, 1)).on(x, np.sin(4 * x))
    θ = start = 2 * np.random.default_rng(3).normal(size=objective.d)
    μ, refused, norms, longest = None, 0, [], 0
    for _ in range(20):
        g, H = objective.gradient(θ), objective.hessian(θ)
        μ = 1e-7 * np.mean(np.linalg.eigvalsh(H) ** 2) if μ is None else μ
        s = -np.linalg.solve(H @ H + μ * np.eye(len(g)), H @ g)
        after = objective.gradient(θ + s)
        if after @ after < g @ g:
            gain = (g @ g - after @ after) / (g @ g - np.sum((g + H @ s) ** 2))
            θ, μ, refused = θ + s, μ * max(1 / 3, 1 - (2 * gain - 1) ** 3), 0
        else:
            refused += 1
            μ *= 2**refused
        longest = max(longest, refused)
        norms.append(np.linalg.norm(objective.gradient(θ)))
    run = minimize_gradient_norm(objective, start, steps=20, μ=1e-7)
    np.testing.assert_allclose(run.history[1:], norms, rtol=1e-5)
    assert longest >= 2 and 10 < run.accepted < 20


def test_the_gradient_never_grows_and_runs_do_not_see_each_other():
    x = np.linspace(-1, 1, 16)
    objective = Network((1, 4, 1)).on(x, np.sin(4 * x))
    θ = np.random.default_rng(1).normal(size=(2, 3, objective.d))
    keep = θ.copy()
    run = minimize_gradient_norm(objective, θ, steps=30)
    assert (θ == keep).all() and run.θ.shape == θ.shape and run.history.shape == (31, 2, 3)
    assert (np.diff(run.history, axis=0) <= 0).all() and (run.gradient_norm < run.history[0]).all()
    near(run.gradient_norm, np.linalg.norm(objective.gradient(run.θ), axis=-1), 1e-12)
    alone = minimize_gradient_norm(objective, θ[1, 2], steps=30)
    np.testing.assert_allclose(alone.θ, run.θ[1, 2], rtol=1e-6)
    assert alone.gradient_norm.shape == () and 0 < alone.accepted <= 30


def test_it_converges_quadratically_to_saddles_too():
    found = find_critical(landscape("Himmelblau"), [[-0.2, -1.0], [3.1, 2.2], [0.1, 2.8]], steps=20)
    assert found.critical.all() and found.index.tolist() == [2, 0, 1] and not found.flat.any()
    assert (found.gradient_norm < 1e-11).all()
    near(found.loss, landscape("Himmelblau").loss(found.θ), 1e-15)


def test_a_gradient_that_only_is_flat_is_told_from_a_critical_point():
    x, y = sp.symbols("x y", real=True)
    # L = x³/3 + x/10 + y²: |∇L| is least at the origin, where H∇L = 0, but no critical point exists
    step = Landscape("step", x**3 / 3 + x / 10 + y**2, (x, y), ((-1, 1), (-1, 1)))
    found = find_critical(step, [[0.4, 0.3], [-0.5, 0.2]], steps=60)
    assert np.abs(found.θ).max() < 1e-4 and found.flat.all() and not found.critical.any()
    near(found.gradient_norm, [0.1, 0.1], 1e-6)
    assert repr(found) == "2 points: 0 critical, 2 gradient-flat, 0 undecided"


def test_levenberg_marquardt_survives_a_hessian_that_vanishes():
    run = minimize_gradient_norm(Network((1, 1, 1, 1), "linear", bias=False).on([1.0], [1.0]), np.zeros(3), 5)
    assert (run.θ == 0).all() and run.gradient_norm == 0 and run.accepted == 0
    stuck = minimize_gradient_norm(Network((1, 1), bias=False).on([0.0], [1.0]), [0.5], 5)
    assert stuck.gradient_norm == 0
    x, y = sp.symbols("x y", real=True)
    slope = minimize_gradient_norm(Landscape("slope", x + y, (x, y), ((-1, 1), (-1, 1))), [0.5, 0.5], 5)
    assert slope.θ.tolist() == [0.5, 0.5] and slope.gradient_norm == np.sqrt(2)  # nothing to gain anywhere
