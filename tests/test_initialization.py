"""Initial weights, the laws of signals through layers, flat places, clipping and batch normalization."""

import numpy as np
import pytest
import sympy as sp

from helpers import initialization as init
from helpers.initialization import DeepNetwork, initial, signal
from helpers.landscapes import Landscape
from helpers.networks import ACTIVATIONS, Network, z


def rng(seed=0):
    return np.random.default_rng(seed)


def complex_gradient(loss, θ, h=1e-30):
    """∇L by complex steps, one coordinate at a time: independent of any back-propagation."""
    return np.stack([loss(θ + 1j * h * e).imag / h for e in np.eye(θ.shape[-1])], axis=-1)


def within(sample, exact, errors=3):
    """The mean over the first axis lies within so many standard errors of `exact`."""
    mean, error = sample.mean(0), sample.std(0, ddof=1) / np.sqrt(len(sample))
    assert (np.abs(mean - exact) <= errors * error).all(), (mean, exact, error)


# Rules

def test_gaussian_means_are_exact():
    relu, linear = ACTIVATIONS["relu"], ACTIVATIONS["linear"]
    assert init.gaussian_mean(relu.expression**2, z) == sp.Rational(1, 2) == init._HALF
    assert init.gaussian_mean(relu.derivatives[1] ** 2, z) == sp.Rational(1, 2)
    assert init.gaussian_mean(linear.expression**2, z) == 1
    assert init.gaussian_mean(sp.cos(z), z) == sp.exp(-sp.Rational(1, 2))


def test_a_gaussian_mean_without_closed_form_is_refused():
    with pytest.raises(ValueError, match="closed form"):
        init.gaussian_mean(sp.tanh(z) ** 2, z)


def test_rules_are_those_of_the_papers():
    rules = {name: rule.expression for name, rule in init.VARIANCE.items()}
    assert rules == {"lecun": 1 / init.a, "xavier": 2 / (init.a + init.b), "he": 2 / init.a}
    assert init.variance("xavier", 3, 5) == 0.25


def test_xavier_uniform_has_the_range_of_the_lecture():
    net = Network((40, 60))
    W, _ = net.layers(initial(net, 200, rng(), "xavier", distribution="uniform"))[0]
    bound = np.sqrt(6 / 100)
    assert np.abs(W).max() <= bound
    assert np.abs(W).max() > 0.9999 * bound
    within(W.reshape(-1), 0)


@pytest.mark.parametrize("scheme", ["lecun", "xavier", "he"])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_weights_have_the_variance_of_their_rule(scheme, distribution):
    net = Network((30, 50, 20))
    layers = net.layers(initial(net, 100, rng(3), scheme, 1.5, distribution))
    for (W, bias), (inputs, outputs) in zip(layers, [(30, 50), (50, 20)], strict=True):
        within(W.reshape(-1) ** 2, 2.25 * init.variance(scheme, inputs, outputs))
        assert not bias.any()


def test_normal_and_uniform_differ_in_their_fourth_moment():
    net = Network((50, 50))
    for distribution, kurtosis in (("normal", 3.0), ("uniform", 1.8)):
        W = net.layers(initial(net, 40, rng(4), "lecun", distribution=distribution))[0][0].reshape(-1)
        within(W**4 * 50**2, kurtosis)


def test_orthogonal_weights_are_orthogonal_and_of_random_sign():
    net = Network((6, 6, 3, 8), bias=False)
    square, flat, tall = (W for W, _ in net.layers(initial(net, 300, rng(), "orthogonal", 2.0)))
    assert np.allclose(square @ square.swapaxes(-1, -2), 4 * np.eye(6))
    assert np.allclose(flat @ flat.swapaxes(-1, -2), 4 * np.eye(3))
    assert np.allclose(tall.swapaxes(-1, -2) @ tall, 4 * np.eye(3))
    within(square[:, 0, 0], 0)  # QR alone gives entries of one sign
    within(np.linalg.det(square / 2), 0)


def test_constant_weights_are_equal():
    net = Network((4, 5, 2))
    θ = initial(net, (), rng(), "constant", 3.0)
    assert θ.shape == (net.d,)
    assert np.all(net.layers(θ)[0][0] == 3 * np.sqrt(2 / 9))


def test_size_may_have_several_axes():
    net = Network((2, 3, 1))
    assert initial(net, (4, 5), rng()).shape == (4, 5, net.d)


@pytest.mark.parametrize(
    ("keywords", "error", "sentence"),
    [
        ({"scheme": "glorot"}, ValueError, "'xavier'"),
        ({"scheme": None}, ValueError, "unknown scheme"),
        ({"distribution": "cauchy"}, ValueError, "'normal' or 'uniform'"),
        ({"scale": -1}, ValueError, "at least 0"),
        ({"scale": "big"}, TypeError, "scale must be a number"),
        ({"rng": 3}, TypeError, "numpy.random.Generator"),
        ({"size": 2.5}, TypeError, "whole number"),
        ({"size": -1}, ValueError, "between 0"),
    ],
)
def test_initial_refuses_what_it_cannot_do(keywords, error, sentence):
    arguments = {"size": 3, "rng": rng()} | keywords
    with pytest.raises(error, match=sentence):
        initial(Network((2, 3, 1)), **arguments)


def test_variance_refuses_unknown_rules_and_empty_layers():
    with pytest.raises(ValueError, match="unknown rule"):
        init.variance("orthogonal", 2, 3)
    with pytest.raises(ValueError, match="between 1"):
        init.variance("he", 0, 3)


# Signals

@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu"])
def test_signal_is_the_mean_square_of_z_and_of_its_gradient(name):
    net = Network((3, 4, 5, 2), activation=name)
    θ = initial(net, 6, rng(1)) + 0.1 * rng(5).normal(size=net.d)  # at z = 0 ReLU has a kink
    x = rng(2).normal(size=(1, 3))
    sent = signal(net, θ, x, rng(7))
    pre = net.forward(θ, x)[0]
    assert np.allclose(sent.forward, np.stack([(v**2).mean((-1, -2)) for v in pre], -1), rtol=1e-12)
    c = rng(7).standard_normal((6, 1, 2))
    for k, run in enumerate(θ):  # with one sample the gradient by a bias is δ of its unit
        g = complex_gradient(lambda θ, k=k: (c[k] * net.output(θ, x)).sum((-1, -2)), run)
        biases = [bias for _, bias in net.layers(g)]
        assert np.allclose(sent.backward[k], [(bias**2).mean() for bias in biases], rtol=1e-9)
    assert [h.shape for h in sent.activations] == [(1, 3), (6, 1, 4), (6, 1, 5), (6, 1, 2)]


@pytest.mark.parametrize(("name", "gain"), [("linear", 1.0), ("relu", 0.5)])
def test_mean_squares_are_multiplied_by_the_factors_of_the_chapter(name, gain):
    net = Network((20, 40, 30, 50, 25), activation=name)
    x = rng(5).normal(size=(3, 20))
    r = rng(11)
    sent = signal(net, initial(net, 4000, r, "xavier"), x, r)
    a, b = np.array(net.widths[:-1]), np.array(net.widths[1:])
    v = 2 / (a + b)
    forward = (x**2).mean() * np.cumprod(a * v * np.array([1, gain, gain, gain]))
    backward = np.cumprod([1.0, *(b * v * gain)[:0:-1]])[::-1]
    within(sent.forward, forward)
    within(sent.backward, backward)


def test_signal_refuses_inputs_of_the_wrong_shape():
    net = Network((3, 4, 1))
    for x in (np.zeros(3), np.zeros((2, 4)), np.full((2, 3), np.nan)):
        with pytest.raises(ValueError, match="x must"):
            signal(net, np.zeros(net.d), x, rng())


@pytest.mark.parametrize("name", ["tanh", "linear"])
def test_singular_values_are_those_of_the_jacobian(name):
    net = Network((4, 6, 3, 5), activation=name)
    θ, x = initial(net, 2, rng(1), scale=1.3), rng(2).normal(size=4)
    values = init.jacobian_singular_values(net, θ, x)
    h = 1e-6
    for k, s in enumerate(values):
        columns = [(net.forward(θ, (x + h * e)[None])[0][k] - net.forward(θ, (x - h * e)[None])[0][k])[:, 0]
                   for e in np.eye(4)]
        J = np.stack(columns, -1) / (2 * h)
        assert np.allclose(s, np.linalg.svd(J, compute_uv=False), rtol=1e-7, atol=1e-8)


def test_singular_values_want_one_input():
    net = Network((4, 3, 1))
    with pytest.raises(ValueError, match="one input"):
        init.jacobian_singular_values(net, np.zeros(net.d), np.zeros((2, 4)))


# Exact laws

def test_digamma_and_trigamma_at_half_integers():
    ψ, ψ1 = init._digamma(41), init._trigamma(41)
    for k in (1, 2, 3, 10, 41):
        assert abs(ψ[k - 1] - float(sp.digamma(sp.Rational(k, 2)).evalf())) < 1e-13
        assert abs(ψ1[k - 1] - float(sp.polygamma(1, sp.Rational(k, 2)).evalf())) < 1e-13


@pytest.mark.parametrize(
    ("name", "width", "scale"), [("linear", 5, 1.0), ("linear", 30, 0.8), ("relu", 12, 1.2)]
)
def test_log_growth_against_random_layers(name, width, scale):
    runs = 20000
    gain = 2 if name == "relu" else 1
    W = rng(8).normal(size=(runs, width, width)) * scale * np.sqrt(gain / width)
    h = W @ np.ones(width)
    h = np.maximum(h, 0) if name == "relu" else h
    square = (h**2).sum(-1)
    growth = np.log(square[square > 0] / width)
    mean, spread = init.log_growth(width, name, scale)
    within(growth, mean)
    within((growth - mean) ** 2, spread)


def test_log_growth_is_known_for_two_activations():
    with pytest.raises(ValueError, match="'linear' and 'relu'"):
        init.log_growth(10, "tanh")


def test_lyapunov_exponents_add_up_to_the_determinant_and_lead_the_product():
    W = rng(9).normal(size=(4000, 6, 6)) * 0.9 / np.sqrt(6)
    law = init.lyapunov(6, 0.9)
    within(np.log(np.abs(np.linalg.det(W))), law.sum())
    assert (np.diff(law) < 0).all()
    v, growth = np.ones((4000, 6, 1)), []
    for layer in range(40):  # the top exponent, by following one vector through many layers
        w = W[(np.arange(4000) + 97 * layer) % 4000] @ v
        size = np.linalg.norm(w, axis=-2, keepdims=True)
        growth.append(np.log(size / np.linalg.norm(v, axis=-2, keepdims=True))[:, 0, 0])
        v = w / size
    assert abs(np.mean(growth) - law[0]) < 0.01


@pytest.mark.parametrize(("name", "gain"), [("tanh", 1.0), ("tanh", 1.7), ("sigmoid", 1.0), ("relu", 2.0)])
def test_wide_limit_against_a_wide_network(name, gain):
    n, depth = 400, 8
    net = Network((n,) * (depth + 1), activation=name, bias=False)
    r = rng(3)
    x = np.ones((1, n)) / np.sqrt(gain)  # so that the first mean square is 1
    sent = [signal(net, initial(net, (), r, "lecun", np.sqrt(gain)), x, r) for _ in range(12)]
    forward, backward = init.wide_limit(name, gain, depth)
    assert np.allclose(np.mean([s.forward for s in sent], 0), forward, rtol=0.12)
    assert np.allclose(np.mean([s.backward for s in sent], 0), backward, rtol=0.2)
    assert forward[0] == backward[-1] == 1.0


# Flat places

def test_the_law_at_tanh():
    exact = (4 / 2 + np.sinh(8) / 4) / 0.1
    assert np.isclose(init.TANH_STEPS(4.0, 0.0, 0.1), exact, rtol=1e-14)
    slope = 1 - np.tanh(4) ** 2
    assert np.isclose(init.crossing_steps("tanh", 4.0, 0.0, 0.1), exact - np.log(slope) / 2, rtol=1e-12)
    x0, η = np.array([2.0, 3.0, 4.0, 4.5]), np.array([0.05, 0.1, 0.2, 0.4])
    measured = init.steps_to_cross("tanh", x0, 0.0, η)
    assert (np.abs(measured - init.crossing_steps("tanh", x0, 0.0, η)) < 1).all()
    uncorrected = init.TANH_STEPS(x0, 0.0, η)
    assert (np.abs(measured - uncorrected) > 1).all()


def test_the_law_on_a_way_to_the_right():
    x = sp.Symbol("x", real=True)
    mirrored = Landscape("mirrored", sp.tanh(-x), x, (-5, 5))
    for count in (init.crossing_steps, init.steps_to_cross):
        assert np.isclose(count(mirrored, -4.0, 0.0, 0.1), count("tanh", 4.0, 0.0, 0.1))


def test_steps_that_are_not_enough_or_not_needed():
    assert init.steps_to_cross("cubic", 1.0, 0.0, 0.05, limit=500) == -1
    assert init.steps_to_cross("cubic", 1.0, 1.0, 0.05) == 0
    assert init.steps_to_cross("cubic", [1.0, 1.0], [0.85, 0.849], 0.05).tolist() == [1, 2]
    assert init.steps_to_cross("cubic", [1.0, 1.0], [0.5, 0.0], 0.05, limit=50).tolist()[1] == -1


def test_uphill_there_is_no_crossing():
    with pytest.raises(ValueError, match="downhill"):
        init.crossing_steps("tanh", 0.0, 4.0, 0.1)
    with pytest.raises(ValueError, match="must not vanish"):
        init.crossing_steps("cubic", 1.0, -1.0, 0.1)
    for function in (init.crossing_steps, init.steps_to_cross):
        with pytest.raises(ValueError, match="one parameter"):
            function("saddle", 1.0, 0.0, 0.1)


def test_a_terrace_has_the_slopes_it_promises():
    land = init.terrace(width=6, slope=0.02, edge=8)
    x = np.array([-5.0, -2.5, 0.0, 2.5, 5.0])[:, None]
    k = 8
    exact = 1 - 0.98 * (np.tanh(k * (x + 3)) - np.tanh(k * (x - 3))) / 2
    assert np.allclose(land.gradient(x), exact, atol=1e-12)
    assert np.allclose(land.gradient(x)[:, 0], [1, 0.02, 0.02, 0.02, 1], atol=1e-3)
    wider = [init.steps_to_cross(init.terrace(w, 0.02), w / 2 + 1, -w / 2 - 1, 0.1) for w in (4, 6)]
    assert abs(wider[1] - wider[0] - 2 / (0.1 * 0.02)) <= 1


@pytest.mark.parametrize("arguments", [{"width": 0}, {"slope": 0}, {"slope": 1}, {"edge": -1}])
def test_a_terrace_refuses_what_is_none(arguments):
    with pytest.raises(ValueError, match="must be"):
        init.terrace(**arguments)


def test_clipping_shortens_each_run_by_itself_and_never_lengthens():
    g = rng().normal(size=(50, 7)) * np.geomspace(1e-3, 1e3, 50)[:, None]
    short = init.clipped(lambda θ: θ, 2.0)(g)
    length = np.linalg.norm(g, axis=-1)
    assert np.allclose(np.linalg.norm(short, axis=-1), np.minimum(length, 2.0))
    assert np.allclose(short * length[:, None], g * np.linalg.norm(short, axis=-1)[:, None])
    assert (init.clipped(lambda θ: θ, 2.0)(np.zeros(3)) == 0).all()


def test_clipping_refuses_what_it_cannot_clip():
    with pytest.raises(TypeError, match="a function"):
        init.clipped(np.zeros(3), 1.0)
    with pytest.raises(ValueError, match="more than 0"):
        init.clipped(lambda θ: θ, 0.0)


# Batch normalization and skip connections

def deep(activation="tanh", loss="squared", **flags):
    net = DeepNetwork((3, 4, 4, 5, 2), activation, loss, **flags)
    r = rng(6)
    x, y = r.normal(size=(7, 3)), r.uniform(0.1, 1, size=(7, 2))
    θ = initial(net, 3, r) + 0.3 * r.normal(size=(3, net.d))
    return net, net.on(x, y / y.sum(-1, keepdims=True)), θ


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "linear"])
def test_gradient_equals_the_complex_step(activation, loss, normalize, skip):
    _, objective, θ = deep(activation, loss, normalize=normalize, skip=skip)
    for run, g in zip(θ, objective.gradient(θ), strict=True):
        assert np.allclose(g, complex_gradient(objective.loss, run), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("flags", [{"normalize": True}, {"skip": True}, {"normalize": True, "skip": True}])
def test_gradient_of_relu_equals_central_differences(flags):
    _, objective, θ = deep("relu", **flags)
    h = 1e-6
    for run, g in zip(θ, objective.gradient(θ), strict=True):
        near = run + h * np.concatenate([np.eye(len(run)), -np.eye(len(run))])
        plus, minus = np.split(objective.loss(near), 2)
        assert np.allclose(g, (plus - minus) / (2 * h), rtol=1e-6, atol=1e-8)


def test_without_extras_it_is_the_plain_network():
    net, objective, θ = deep()
    plain = Network(net.widths).on(objective.x, objective.y)
    assert net.d == plain.d
    assert np.allclose(objective.loss(θ), plain.loss(θ), rtol=1e-13)
    assert np.allclose(objective.gradient(θ), plain.gradient(θ), rtol=1e-11, atol=1e-14)


def test_normalized_units_have_mean_b_and_spread_gamma():
    net, objective, θ = deep(normalize=True)
    y, _ = net.forward(θ, objective.x)
    for values, (_, b), γ in zip(y, net.layers(θ), net.gains(θ), strict=False):
        assert np.allclose(values.mean(-2), b, atol=1e-12)
        assert np.allclose(values.std(-2), np.abs(γ), rtol=1e-3)


def test_the_scale_of_normalized_weights_does_not_matter():
    net, objective, θ = deep(normalize=True)
    larger = θ.copy()
    for W, _ in net.layers(larger)[:-1]:
        W *= 1000.0
    small = 1e-4  # ε counts less the larger the weights are
    assert np.allclose(objective.loss(larger), objective.loss(1.0 * larger), rtol=small)
    again = larger.copy()
    for W, _ in net.layers(again)[:-1]:
        W *= 7.0
    assert np.allclose(objective.loss(again), objective.loss(larger), rtol=1e-8)
    g = net.layers(objective.gradient(larger))[1][0]
    W = net.layers(larger)[1][0]
    assert (np.abs((g * W).sum((-1, -2))) < 1e-8 * np.linalg.norm(g) * np.linalg.norm(W)).all()


def test_statistics_of_one_batch_serve_another():
    net, objective, θ = deep(normalize=True)
    known = net.statistics(θ, objective.x)
    whole = net.output(θ, objective.x)
    assert np.allclose(net.output(θ, objective.x, known), whole, rtol=1e-12)
    one = net.output(θ, objective.x[:1], known)
    assert np.allclose(one, whole[:, :1], rtol=1e-12)
    assert not np.allclose(net.output(θ, objective.x[:1]), one)


def test_the_output_layer_never_skips():
    objective = DeepNetwork((3, 3, 3), skip=True).on(rng(1).normal(size=(4, 3)), np.ones((4, 3)))
    θ = rng(2).normal(size=objective.d)
    assert np.allclose(objective.gradient(θ), complex_gradient(objective.loss, θ), rtol=1e-9)
    assert (objective.output(np.zeros(objective.d)) == 0).all()


def test_skip_connections_pass_the_signal_on():
    net = DeepNetwork((3, 3, 3, 1), skip=True)
    x = rng().normal(size=(5, 3))
    _, h = net.forward(np.zeros(net.d), x)
    assert (h[2] == x).all()


def test_initial_sets_gains_to_one_and_pack_too():
    net = DeepNetwork((3, 4, 5, 2), normalize=True)
    θ = initial(net, 2, rng())
    assert all((γ == 1).all() for γ in net.gains(θ))
    assert np.array_equal(net.pack(net.layers(θ)), θ)
    assert net.d == Network((3, 4, 5, 2)).d + 9


def test_deep_networks_refuse_what_they_cannot_do():
    with pytest.raises(TypeError, match="normalize must be True or False"):
        DeepNetwork((2, 3, 1), normalize=1)
    objective = DeepNetwork((2, 3, 1), skip=True).on([[0.0, 1.0]], [1.0])
    for method in (objective.hessian, objective.sample_gradients):
        with pytest.raises(TypeError, match="plain Network.*central_hvp"):
            method(np.zeros(objective.d))
    assert repr(objective.net) == "DeepNetwork((2, 3, 1), 'tanh', 'squared', skip=True)"
    with pytest.raises(ValueError, match="parameters"):
        objective.gradient(np.zeros(5))
