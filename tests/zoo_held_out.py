"""The other half of the zoo: situations that nobody looks at while the thresholds of `diagnose` are chosen.

They are of the kinds of `zoo`, on other losses, data, networks and dimensions.
"""

import numpy as np
import sympy as sp
from zoo import (
    BOUNCING,
    DESCENDING,
    DIVERGING,
    EXPLODING,
    MINIMUM,
    NOISE,
    PLATEAU,
    SADDLE,
    UNDECIDED,
    VALLEY,
    VANISHING,
    Decayed,
    Turned,
    after,
    by_layer,
    draws,
    into,
    regression,
    seen,
    settled,
    sgd,
    some_digits,
)

from helpers.initialization import DeepNetwork, initial, terrace
from helpers.landscapes import Landscape, landscape, styblinski_tang, tilted_double_well, worst_network
from helpers.linear_networks import LinearNetwork
from helpers.minibatch import Minibatch, SampleLoss, batches, sample_loss
from helpers.networks import Network
from helpers.optimizers import descend

HELD_OUT = []
situation = into(HELD_OUT)
_x, _y, _z, _u, _v = sp.symbols("x y z u v", real=True)
_w1, _w2, _w3 = sp.symbols("w_1 w_2 w_3", real=True)


# Strict saddles


@situation(SADDLE, "samples tilt it here and there, on average not at all: the run rests between two valleys")
def the_mean_of_tilted_saddles():
    tilts = np.random.default_rng(101).normal(size=(100, 2))
    data = sample_loss("tilted saddle").on(tilts - tilts.mean(axis=0))
    return after(data, [1.2, 1e-5], 0.2, 30, "loss")


@situation(SADDLE, "only the weakest of four components is not learnt: one falling direction of 40")
def a_linear_network_that_lacks_one_component():
    rng = np.random.default_rng(102)
    x = rng.normal(size=(80, 6))
    mixed = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    y = x @ (mixed * [3.0, 2.5, 2.0, 1.2, 0, 0])[:, :4] + 0.3 * rng.normal(size=(80, 4))
    lin = LinearNetwork(x, y, hidden=4)
    return seen(lin.objective, lin.point((0, 1, 2), rng) + 1e-6 * rng.normal(size=lin.net.d), "loss")


@situation(SADDLE, "an autoencoder of digits has found their mean image and dwells before the next component")
def a_linear_autoencoder_of_digits():
    x, _ = some_digits(60)
    objective = Network((64, 4, 64), "linear", bias=False).on(x, x)
    start = 1e-5 * np.random.default_rng(103).normal(size=objective.d)
    run = descend(objective, start, steps=120, η=0.02)
    at = _slowest(objective, run, 30)
    return seen(objective, run.θ[at], "loss", "hvp", η=0.02, losses=run.loss[: at + 1])


def _slowest(objective, run, first):
    """The step from `first` on at which the gradient is smallest."""
    return first + int(np.argmin([np.linalg.norm(objective.gradient(θ)) for θ in run.θ[first:]]))


@situation(SADDLE, "a network that began with all weights zero: only the bias of its output has learnt")
def a_network_from_zero():
    x, y = regression(60, np.random.default_rng(104))
    objective = Network((2, 5, 1)).on(x, y + x[:, 0])
    return after(objective, np.zeros(objective.d), 0.3, 100, "loss", last=101)


@situation(SADDLE, "one of four coordinates is on the barrier of its double well, in 50 turned dimensions")
def on_a_barrier_of_styblinski_and_tang():
    turned = Turned(styblinski_tang(4), np.random.default_rng(105), np.linspace(8, 40, 46))
    φ = np.zeros(50)
    φ[:4] = settled(styblinski_tang(4), [-2.9, 0.15, 2.7, -2.9])
    return after(turned, turned.inside(φ + 1e-7), 0.02, 12, last=13)


@situation(SADDLE, "a minimum of the network with two units, each of them split into two that do the same")
def a_network_of_split_units():
    x, y = regression(50, np.random.default_rng(201))
    small, twice = Network((2, 2, 1)), Network((2, 4, 1))
    decayed = Decayed(small.on(x, y), 0.003)
    end = descend(decayed, initial(small, (), np.random.default_rng(107)), steps=1500, η=0.2).end
    (W, b), (V, c) = small.layers(settled(decayed, end, 20))
    θ = twice.pack([(np.repeat(W, 2, axis=0), np.repeat(b, 2)), (np.repeat(V, 2, axis=1) / 2, c)])
    split = Decayed(twice.on(x, y), 0.003)
    return seen(split, settled(split, descend(split, θ, steps=800, η=0.2).end, 20), "loss", "hvp", η=0.2)


# Local minima


@situation(MINIMUM, "one of the four minima of Himmelblau's function; ηλ = 1.8 there", sharp=True)
def a_minimum_of_himmelblau():
    return after(landscape("Himmelblau"), [3.2, 1.6], 1.8 / 82.3, 300, "loss", last=150)


@situation(MINIMUM, "a quadratic in 800 dimensions with curvatures 0.2 to 20, all but solved", sharp=False)
def a_bowl_in_800_dimensions():
    rng = np.random.default_rng(108)
    bowl = Turned(Landscape("bowl", (_x**2 + 20 * _x**2) / 2, _x, (-1, 1)), rng, rng.uniform(0.2, 20, 799))
    return after(bowl, rng.normal(size=800), 0.05, 900, "loss", "hvp", last=901)


@situation(MINIMUM, "ridge regression of the digit's number on its image, near its only minimum")
def ridge_regression_on_digits():
    x, y = some_digits(200)
    ridge = Decayed(Network((64, 1)).on(x, y @ np.arange(10) / 10), 0.05)
    return seen(ridge, settled(ridge, np.zeros(65), 20) + 1e-7 * np.random.default_rng(109).normal(size=65))


@situation(MINIMUM, "a network with weight decay: its 16 curvatures lie between 0.01 and 2", sharp=False)
def three_units_with_weight_decay():
    x, y = regression(60, np.random.default_rng(110), noise=0.1, m=3)
    decayed = Decayed(Network((3, 3, 1)).on(x, y), 0.01)
    end = descend(decayed, initial(decayed.data.net, (), np.random.default_rng(111)), steps=1500, η=0.2).end
    return seen(decayed, settled(decayed, end, 20), "loss", "hvp", η=0.2)


@situation(MINIMUM, "classes overlap, so there is a minimum, and full batches have reached it", sharp=False)
def overlapping_classes_by_full_batches():
    rng = np.random.default_rng(112)
    x = rng.normal(size=90)
    data = sample_loss("logistic").on(np.stack([x, (x + rng.normal(size=90) > 0.3).astype(float)], axis=1))
    return after(data, [0.0, 0.0], 2.0, 500, "loss", last=250, sample_gradients=data.sample_gradients,
                 batch=90)


@situation(MINIMUM, "the upper of two wells, in a parameter that is counted in hundreds; little is known")
def the_upper_well():
    far = tilted_double_well(0.1).expression.subs(sp.Symbol("x", real=True), _x / 200)
    wells = Landscape("wells", far, _x, (-500, 500))
    return seen(wells, descend(wells, [190.0], steps=900, η=3000.0).end, "loss")


# Valleys with flat directions


@situation(VALLEY, "every point of the parabola y = x² is a minimum, and a run has come down to one of them")
def a_parabola_of_minima():
    curved = Landscape("parabola", (_y - _x**2) ** 2, (_x, _y), ((-2, 2), (-1, 3)))
    return after(curved, [-0.8, 2.0], 0.06, 400, "loss")


@situation(VALLEY, "three linear layers at their best: changes of basis between them leave the loss alone")
def three_linear_layers_at_their_end():
    rng = np.random.default_rng(113)
    x = rng.normal(size=(60, 4))
    net = Network((4, 3, 3, 2), "linear", bias=False)
    objective = net.on(x, x @ rng.normal(size=(4, 2)) + 0.2 * rng.normal(size=(60, 2)))
    return after(objective, initial(net, (), rng, "orthogonal"), 0.05, 1200, "loss", last=300)


@situation(VALLEY, "24 hidden units fit 15 images exactly: of 1810 directions at most 150 are curved")
def random_features_that_fit():
    x, y = some_digits(15, skip=40)
    net = Network((64, 24, 10))
    (W, b), (V, _) = net.layers(initial(net, (), np.random.default_rng(114)))
    h = np.column_stack([np.tanh(x @ W.T + b), np.ones(15)])
    last = np.linalg.lstsq(h, y, rcond=None)[0].T
    return seen(net.on(x, y), net.pack([(W, b), (last[:, :-1], last[:, -1])]), "loss", "hvp")


@situation(VALLEY, "three weights in a row, turned: where their product is 1 two directions are flat")
def three_weights_in_a_row():
    row = Landscape("row", (1 - _w1 * _w2 * _w3) ** 2 / 2, (_w1, _w2, _w3), ((-2, 2),) * 3)
    turned = Turned(row, np.random.default_rng(115))
    return after(turned, turned.inside(np.array([1.4, 0.6, 0.8])), 0.1, 300)


@situation(VALLEY, "two inputs that always agree: only the sum of their weights matters, and points scatter")
def two_inputs_that_agree():
    rng = np.random.default_rng(116)
    x = rng.normal(size=70)
    pairs = np.stack([x, 3 * x + rng.normal(size=70)], axis=1)
    twins = SampleLoss("twins", ((_w1 + _w2) * _x - _y) ** 2 / 2, (_w1, _w2), (_x, _y))
    return after(twins.on(pairs), [0.0, 1.0], 0.2, 200, "loss")


# Plateaus


@situation(PLATEAU, "a well lies ahead, but seven units away its pull is a hundredth of the strongest")
def far_from_a_well():
    well = Landscape("well", -1 / (1 + _x**2 + _y**2), (_x, _y), ((-8, 8), (-8, 8)))
    return after(well, [5.5, 4.5], 0.3, 150, "loss", last=151)


@situation(PLATEAU, "a terrace of slope 0.004 in 40 dimensions, none of which has any curvature there")
def a_terrace_in_40_dimensions():
    turned = Turned(terrace(3, 0.004, 12), np.random.default_rng(117), np.zeros(39))
    φ = np.zeros(40)
    φ[0] = 2.5
    return after(turned, turned.inside(φ), 0.1, 300, "loss", last=301)


class Unit:
    """A sigmoid unit on images, with squared loss: θ (65,) are its weights, and its bias last."""

    d = 65

    def __init__(self, x, y):
        self.x, self.y = np.column_stack([x, np.ones(len(x))]), y

    def loss(self, θ):
        return ((self._output(θ) - self.y) ** 2).mean(axis=-1) / 2

    def gradient(self, θ):
        p = self._output(θ)
        return ((p - self.y) * p * (1 - p)) @ self.x / len(self.y)

    def _output(self, θ):
        return (1 + np.tanh(np.asarray(θ) @ self.x.T / 2)) / 2


@situation(PLATEAU, "a sigmoid unit with bias −12 says no to every image, and its slope is some 1e-6")
def a_unit_that_says_no():
    x, y = some_digits(120)
    start = np.append(0.1 * np.random.default_rng(118).normal(size=64), -12.0)
    return after(Unit(x, y[:, 1]), start, 0.5, 100, "loss", last=101)


@situation(PLATEAU, "the fifth power is flat about 0 and falls on behind it; descent from 1 crawls there")
def the_inflection_of_the_fifth_power():
    return after(Landscape("fifth power", _x**5, _x, (-1.5, 1.5)), [1.0], 0.05, 1000, "loss", last=1001)


@situation(PLATEAU, "far outside a Gaussian well in three of thirty dimensions; no losses, no learning rate")
def outside_a_gaussian_well():
    well = Landscape("well", -sp.exp(-(_x**2 + _y**2 + _z**2) / 2), (_x, _y, _z), ((-5, 5),) * 3)
    turned = Turned(well, np.random.default_rng(119), np.zeros(27))
    φ = np.zeros(30)
    φ[:3] = [2.5, -2.0, 2.4]
    return seen(turned, turned.inside(φ), "loss", "hvp")


@situation(PLATEAU, "a sum of two tanh, both saturated at the wrong end")
def a_sum_of_two_tanh():
    upper = Landscape("shelf", sp.tanh(_x) + sp.tanh(_y), (_x, _y), ((-5, 5), (-5, 5)))
    return after(upper, [3.6, 4.1], 0.2, 150, last=100)


# Bouncing


@situation(BOUNCING, "the slope of ln cosh is at most 1, and a step of 2.6 carries it from side to side")
def logarithm_of_cosh():
    return after(Landscape("ln cosh", sp.log(sp.cosh(_x)), _x, (-3, 3)), [0.3], 2.6, 200, "loss")


@situation(BOUNCING, "the flattest minimum of w₁w₂ = 1 has curvature 4, and η = 0.53 is too much for it")
def the_worst_network_with_a_large_rate():
    return after(worst_network(), [1.3, 0.9], 0.53, 400, "loss")


@situation(BOUNCING, "walls of curvature 9 in two of 300 dimensions, and η = 0.25; losses are not known")
def two_walls_in_300_dimensions():
    walls = sp.log(sp.cosh(3 * _x)) + sp.log(sp.cosh(3 * _y + _x))
    rng = np.random.default_rng(120)
    turned = Turned(Landscape("walls", walls, (_x, _y), ((-1, 1), (-1, 1))), rng, rng.uniform(0.3, 2, 298))
    return seen(turned, descend(turned, 0.3 * rng.normal(size=300), steps=500, η=0.25).end, "loss", η=0.25)


@situation(BOUNCING, "softmax regression on digits, convex, at a rate at which it never comes to rest")
def softmax_regression_with_a_large_rate():
    x, y = some_digits(150)
    rng = np.random.default_rng(121)
    noisy = np.where(rng.random(150)[:, None] < 0.3, y[rng.permutation(150)], y)
    data = Decayed(Network((64, 10), loss="cross-entropy").on(x, noisy), 0.01)
    return after(data, np.zeros(data.d), 2.5, 300, "loss", last=150)


@situation(BOUNCING, "a network on a regression whose loss jumps between two levels")
def a_regression_with_a_large_rate():
    x, y = regression(50, np.random.default_rng(122))
    net = Network((2, 6, 1))
    return after(net.on(x, y), initial(net, (), np.random.default_rng(123)), 1.1, 1200, "hvp", last=120)


@situation(BOUNCING, "least squares at ηλ = 1.996, on all samples: it overshoots each time by nearly as much")
def least_squares_at_the_edge():
    rng = np.random.default_rng(124)
    x = rng.normal(size=60) + 1.5
    data = sample_loss("least squares").on(np.stack([x, x - 1 + 0.3 * rng.normal(size=60)], axis=1))
    λ = np.linalg.eigvalsh(data.hessian(np.zeros(2)))[-1]
    return after(data, [2.0, 1.0], 1.996 / λ, 300, "loss", last=150)


# Noise balls


@situation(NOISE, "a noisy run stays in one of two valleys, and wanders about its bottom")
def a_tilted_well_by_batches_of_two():
    rng = np.random.default_rng(125)
    return sgd(sample_loss("tilted well").on(rng.normal(size=200) * 0.6), [1.5], 0.15, 600, 2, rng, "loss")


@situation(NOISE, "overlapping classes, one sample a step at η = 1: the loss stays above its floor")
def overlapping_classes_one_by_one():
    rng = np.random.default_rng(126)
    x = rng.normal(size=150)
    data = sample_loss("logistic").on(np.stack([x, (x + rng.normal(size=150) > 0).astype(float)], axis=1))
    return sgd(data, [0.0, 0.0], 1.0, 800, 1, rng, "loss", n=0, last=300)


@situation(NOISE, "a network on digits with wrong labels among them and weight decay, by batches of 4")
def a_network_on_wrong_labels():
    rng = np.random.default_rng(127)
    x, y = some_digits(200)
    noisy = np.where(rng.random(200)[:, None] < 0.4, one_of(rng, 200), y)
    data = Decayed(Network((64, 6, 10), loss="cross-entropy").on(x, noisy), 0.03)
    return sgd(data, initial(data.data.net, (), rng), 0.15, 900, 4, rng, "loss", last=300, n=48)


def one_of(rng, n):
    """n random classes of ten, one-hot."""
    return np.eye(10)[rng.integers(0, 10, n)]


@situation(NOISE, "twenty weights by batches of 4: the loss goes up and down at a rate that is small enough")
def twenty_weights_without_sample_gradients():
    rng = np.random.default_rng(128)
    x = rng.normal(size=(100, 20))
    data = Network((20, 1)).on(x, x @ rng.normal(size=20) + 2 * rng.normal(size=100))
    return after(Minibatch(data, 4, rng), np.zeros(21), 0.05, 600, "loss", last=250)


@situation(NOISE, "the mean of 400 numbers by batches of 4; the learning rate is not known")
def the_mean_of_numbers_at_an_unknown_rate():
    rng = np.random.default_rng(129)
    data = sample_loss("location").on(rng.normal(size=400) * 3 + 100)
    given = sgd(data, [90.0], 0.3, 500, 4, rng, "loss")
    return {name: value for name, value in given.items() if name != "η"}


@situation(NOISE, "all that was written down are losses of batches, and they have been level for a long time")
def losses_of_batches():
    rng = np.random.default_rng(130)
    x = rng.normal(size=120)
    data = sample_loss("least squares").on(np.stack([x, 1 - x + rng.normal(size=120)], axis=1))
    chosen = batches(120, 3, 500, rng)
    run = descend(Minibatch.given(data, chosen), [3.0, 2.0], steps=500, η=0.25)
    losses = np.array([data.batch_loss(θ, batch) for θ, batch in zip(run.θ, chosen, strict=False)])
    return seen(data, run.end, η=0.25, losses=losses[-250:], sample_gradients=draws(data, 3, 80, rng))


# Gradients by layer


@situation(VANISHING, "eight layers of sigmoids before the first step: each takes three quarters or more")
def eight_layers_of_sigmoids():
    x, y = regression(50, np.random.default_rng(131))
    net = Network((2, *[30] * 7, 1), "sigmoid")
    return seen(net.on(x, y), initial(net, (), np.random.default_rng(132)), "loss", layers=by_layer(net))


@situation(VANISHING, "twelve layers of tanh with weights too small by 0.4, a few steps after the start")
def twelve_layers_of_small_tanh():
    x, y = some_digits(50, 5)
    net = Network((64, *[20] * 11, 5), loss="cross-entropy")
    return after(net.on(x, y), initial(net, (), np.random.default_rng(133), scale=0.4), 0.2, 8, "loss",
                 layers=by_layer(net))


@situation(VANISHING, "twenty linear layers that halve the signal, and a target that is not zero on average")
def twenty_small_linear_layers():
    rng = np.random.default_rng(134)
    net = Network((3, *[12] * 19, 1), "linear")
    x = rng.normal(size=(40, 3))
    return seen(net.on(x, 2 + x[:, 0]), initial(net, (), rng, "orthogonal", scale=0.6), "loss", "hvp",
                layers=by_layer(net))


@situation(VANISHING, "ten layers of ReLU with the uniform weights that many libraries take by default")
def ten_layers_of_relu_with_small_uniform_weights():
    rng = np.random.default_rng(135)
    x, _ = some_digits(60)
    net = Network((64, *[32] * 9, 1), "relu")
    θ = initial(net, (), rng, "lecun", scale=3**-0.5, distribution="uniform")
    return seen(net.on(x, x.mean(axis=1) * 4), θ, "loss", layers=by_layer(net))


@situation(EXPLODING, "fifty batch-normalized layers of ReLU: signals keep their size, gradients do not")
def fifty_normalized_layers():
    x, y = some_digits(40)
    net = DeepNetwork((64, *[16] * 49, 10), "relu", "cross-entropy", normalize=True)
    θ = initial(net, (), np.random.default_rng(136))
    places = np.arange(net.d)
    gains = [*net.gains(places), places[:0]]  # each layer's own come after all weights
    layers = {name: np.append(places[part], more) for (name, part), more in
              zip(by_layer(net).items(), gains, strict=True)}
    return seen(net.on(x, y), θ, "loss", layers=layers)


@situation(EXPLODING, "twenty layers of tanh with five times the weights they need")
def twenty_layers_of_large_tanh():
    x, y = regression(30, np.random.default_rng(137), m=4)
    net = Network((4, *[20] * 19, 1))
    θ = initial(net, (), np.random.default_rng(138), scale=5)
    return seen(net.on(x, y), θ, "loss", layers=by_layer(net))


@situation(EXPLODING, "twelve layers of steep sigmoids: the few that are not saturated multiply the gradient")
def twelve_layers_of_steep_sigmoids():
    x, y = some_digits(50)
    net = Network((64, *[40] * 11, 10), "sigmoid", "cross-entropy")
    θ = initial(net, (), np.random.default_rng(139), scale=40)
    return seen(net.on(x, y), θ, "loss", layers=by_layer(net))


@situation(EXPLODING, "eight layers of tanh, uniform weights eight times too large, on digits")
def eight_layers_of_large_tanh():
    x, y = some_digits(60, 6)
    net = Network((64, *[48] * 7, 6), "tanh", "squared")
    θ = initial(net, (), np.random.default_rng(140), scale=8, distribution="uniform")
    return seen(net.on(x, y), θ, "loss", "hvp", layers=by_layer(net))


# Still descending


@situation(DESCENDING, "curvatures over three decades in 400 dimensions: the loss falls by a power of time")
def a_wide_spectrum():
    rng = np.random.default_rng(141)
    bowl = Turned(Landscape("bowl", _x**2 / 2, _x, (-1, 1)), rng, np.geomspace(1e-3, 1, 399))
    return after(bowl, bowl.inside(rng.normal(size=400)), 0.5, 150, "loss", "hvp", last=101)


@situation(DESCENDING, "a ReLU network on digits halfway down, trained on all samples, which differ")
def a_relu_network_in_training():
    x, y = some_digits(100)
    net = Network((64, 16, 10), "relu", "cross-entropy")
    objective = net.on(x, y)
    return after(objective, initial(net, (), np.random.default_rng(142), "he"), 0.1, 100, "loss", last=80,
                 sample_gradients=objective.sample_gradients, batch=100)


@situation(DESCENDING, "it rolls down the side of the hill, and the losses are those of the last steps only")
def down_the_hill():
    return after(landscape("hill"), [0.1], 0.01, 60, "loss", last=20)


@situation(DESCENDING, "the first epochs of a regression by batches of 10: noise, and a clear way down")
def a_regression_early():
    rng = np.random.default_rng(143)
    x, y = regression(100, rng, noise=0.1)
    data = Network((2, 8, 1)).on(x, y + 1.5)
    return sgd(data, initial(data.net, (), rng), 0.03, 30, 10, rng, "loss", last=31)


@situation(DESCENDING, "it has left the saddle behind: the curvature is still negative, the slope is large")
def leaving_a_saddle():
    tilts = np.random.default_rng(144).normal(size=(100, 2))
    data = sample_loss("tilted saddle").on(tilts - tilts.mean(axis=0))
    return after(data, [1.0, 0.01], 0.1, 41, "loss", last=42)


@situation(DESCENDING, "two digits that can be told apart: the loss falls for ever, ever more slowly")
def two_digits():
    x, y = some_digits(80, 2)
    objective = Network((64, 2), loss="cross-entropy").on(x, y)
    return after(objective, np.zeros(objective.d), 0.3, 120, last=100)


# Diverging


@situation(DIVERGING, "least squares at ηλ = 2.2: the loss grows by 1.44 a step, from a small beginning")
def least_squares_beyond_the_edge():
    rng = np.random.default_rng(145)
    x = rng.normal(size=60)
    data = sample_loss("least squares").on(np.stack([x, x + 0.3 * rng.normal(size=60)], axis=1))
    λ = np.linalg.eigvalsh(data.hessian(np.zeros(2)))[-1]
    return after(data, [0.5, 0.2], 2.2 / λ, 40, "loss", last=30)


@situation(DIVERGING, "a ReLU network with squared loss at ten times a sensible rate: its loss has no bound")
def a_relu_network_blowing_up():
    x, y = some_digits(80)
    net = Network((64, 16, 16, 10), "relu")
    return _blown_up(net.on(x, y), initial(net, (), np.random.default_rng(146), "he"), 2.0, 60)


def _blown_up(target, start, η, steps):
    """The last point before a run leaves every bound, and the losses up to it, then infinity."""
    run = descend(target, start, steps=steps, η=η)
    at = int(run.diverged) - 1
    return seen(target, run.θ[at], "loss", η=η, losses=np.append(run.loss[: at + 1], np.inf))


@situation(DIVERGING, "thrown out of Rosenbrock's valley, further in each step")
def out_of_the_valley_of_rosenbrock():
    return _blown_up(landscape("Rosenbrock"), [-1.2, 1.0], 0.0065, 60)


@situation(DIVERGING, "too far up a quartic in 20 dimensions for η = 0.3: each step is longer than the last")
def a_double_well_thrown_out():
    wells = Landscape("wells", (_x**2 - 1) ** 2 / 4 + (_y**2 - 1) ** 2 / 4, (_x, _y), ((-2, 2), (-2, 2)))
    rng = np.random.default_rng(147)
    turned = Turned(wells, rng, rng.uniform(0.5, 1, 18))
    φ = rng.normal(size=20)
    φ[:2] = [3.2, 0.7]
    return seen(turned, turned.inside(φ), η=0.3)


@situation(DIVERGING, "ηλ is about 1, but a step on a single sample overshoots five times, and throws it out")
def least_squares_thrown_out_by_single_samples():
    rng = np.random.default_rng(148)
    x = rng.normal(size=(100, 10))
    data = Network((10, 1)).on(x, x.sum(axis=1) + rng.normal(size=100))
    return sgd(data, np.ones(11), 0.55, 25, 1, rng, "loss", n=0, last=26)


# Too little is known


@situation(UNDECIDED, "a network halfway through its training, without its losses and its rate")
def a_network_halfway():
    x, y = some_digits(80, 4)
    net = Network((64, 12, 4), loss="cross-entropy")
    objective = net.on(x, y)
    end = descend(objective, initial(net, (), np.random.default_rng(149)), steps=40, η=0.1).end
    return seen(objective, end, "loss", layers=by_layer(net))


@situation(UNDECIDED, "on the wall of Rosenbrock's valley: it may come down it, or jump across it")
def on_the_wall_of_rosenbrock():
    return seen(landscape("Rosenbrock"), [0.2, 0.3], "loss", "hvp")


@situation(UNDECIDED, "gradients of batches whose mean is as large as their noise, at an unknown rate")
def as_much_signal_as_noise():
    rng = np.random.default_rng(150)
    x = rng.normal(size=(60, 5))
    data = Network((5, 1)).on(x, x @ np.ones(5) + rng.normal(size=60))
    return seen(data, 0.5 * np.ones(6), "loss", sample_gradients=draws(data, 6, 40, rng))
