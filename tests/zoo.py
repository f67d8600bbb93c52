"""Stalled runs, with the right answer for each: the half of the zoo that `diagnose` is tuned on.

A situation is what somebody whose training has stalled could hand over: parameters, a gradient, and more or
less of the rest. Its label is what an expert would say who sees everything: the landscape, the whole run,
and how it goes on. `zoo_held_out` has as many others, of the same kinds; test_zoo.py checks the labels by
brute force. `sample_gradients` are gradients of minibatches as large as those of the run where nothing is
said of `batch`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy as sp

from helpers.data import digits, one_hot
from helpers.initialization import initial, terrace
from helpers.landscapes import Landscape, landscape, ravine, styblinski_tang, worst_network
from helpers.linear_networks import LinearNetwork
from helpers.minibatch import Minibatch, SampleLoss, batches, sample_loss
from helpers.networks import Network, minimize_gradient_norm
from helpers.optimizers import descend

SADDLE, MINIMUM, VALLEY, PLATEAU = "strict saddle", "local minimum", "valley with flat directions", "plateau"
BOUNCING, NOISE, DIVERGING, DESCENDING = "bouncing", "noise ball", "diverging", "still descending"
VANISHING, EXPLODING, UNDECIDED = "vanishing gradients", "exploding gradients", "undecided"
LABELS = (DIVERGING, BOUNCING, NOISE, VANISHING, EXPLODING, SADDLE, MINIMUM, VALLEY, PLATEAU, DESCENDING,
          UNDECIDED)


@dataclass(frozen=True, eq=False)
class Situation:
    """A stalled run: its name, the right verdict, one sentence that says why, and what it hands over.

    `make()` is a dict of the keyword arguments of `diagnose`; `sharp` is what a minimum should be called,
    where the learning rate is known.
    """

    name: str
    label: str
    why: str
    build: Callable
    sharp: bool | None = None

    def make(self):
        return {**self.build(), "rng": np.random.default_rng(0)}

    def __repr__(self):
        return f"{self.name} ({self.label})"


def into(zoo):
    """A decorator for functions that build what a situation hands over; it adds the situation to `zoo`."""

    def situation(label, why, sharp=None):
        def add(build):
            zoo.append(Situation(build.__name__.replace("_", " "), label, why, cache(build), sharp))
            return build

        return add

    return situation


# What situations are made of


class Turned:
    """A loss of few parameters in d dimensions: in turned coordinates φ = Qθ it is L(φ₁ … φₖ) + ½ Σ cⱼφⱼ².

    Q is a product of three reflections, so that a product with it costs little; `curvatures` are the c of the
    other d − k coordinates, and `inside` turns φ (d,) into θ.
    """

    def __init__(self, target, rng, curvatures=()):
        self.target, self.k, self.c = target, target.d, np.asarray(curvatures, dtype=float)
        self.d = self.k + len(self.c)
        mirrors = rng.normal(size=(3, self.d))
        self.mirrors = mirrors / np.linalg.norm(mirrors, axis=1, keepdims=True)

    def _reflected(self, θ, mirrors):
        for m in mirrors:
            θ = θ - 2 * (θ @ m)[..., None] * m
        return θ

    def outside(self, θ):
        return self._reflected(θ, self.mirrors)

    def inside(self, φ):
        return self._reflected(φ, self.mirrors[::-1])

    def loss(self, θ):
        φ = self.outside(np.asarray(θ))
        return self.target.loss(φ[..., : self.k]) + (self.c * φ[..., self.k :] ** 2).sum(axis=-1) / 2

    def gradient(self, θ):
        φ = self.outside(np.asarray(θ))
        slopes = self.target.gradient(φ[..., : self.k]), self.c * φ[..., self.k :]
        return self.inside(np.concatenate(slopes, axis=-1))

    def hvp(self, θ, v):
        φ, u = self.outside(np.asarray(θ)), self.outside(np.asarray(v))
        Hu = np.einsum("...ij,...j->...i", self.target.hessian(φ[..., : self.k]), u[..., : self.k])
        return self.inside(np.concatenate((Hu, self.c * u[..., self.k :]), axis=-1))


class Decayed:
    """The loss of a network or of samples with weight decay: L(θ) + ½μ|θ|²."""

    def __init__(self, data, μ):
        self.data, self.μ, self.N, self.d = data, μ, data.N, data.d

    def loss(self, θ):
        return self.data.loss(θ) + self.μ * (np.asarray(θ) ** 2).sum(axis=-1) / 2

    def gradient(self, θ):
        return self.data.gradient(θ) + self.μ * θ

    def batch_gradient(self, θ, batch):
        return self.data.batch_gradient(θ, batch) + self.μ * θ

    def hessian(self, θ):
        return self.data.hessian(θ) + self.μ * np.eye(self.d)

    def hvp(self, θ, v):
        return self.data.hvp(θ, v) + self.μ * v


def seen(target, θ, *parts, **more):
    """What is handed over: θ, the gradient, those of "loss" and "hvp" that are named, and `more`."""
    given = {"θ": np.array(θ, dtype=float), "gradient": target.gradient}
    if "loss" in parts:
        given["loss"] = target.loss
    if "hvp" in parts:
        products = getattr(target, "hvp", None)
        given["hvp"] = products or (lambda θ, v: target.hessian(θ) @ v)
    return given | more


def after(target, start, η, steps, *parts, last=200, **more):
    """The end of a run of gradient descent, or of SGD on a Minibatch: `seen`, with η and the last losses."""
    run = descend(target, start, steps=steps, η=η)
    losses = run.loss[max(0, steps + 1 - last) :]
    full = target.data if isinstance(target, Minibatch) else target
    return seen(full, run.end, *parts, η=η, losses=losses, **more)


def draws(data, B, n, rng):
    """The function θ -> gradients of n minibatches of B samples, (n, d); always the same minibatches."""
    chosen = batches(data.N, B, 1, rng, runs=n, epochs=False)[0]
    return lambda θ: data.batch_gradient(θ, chosen)


def sgd(data, start, η, steps, B, rng, *parts, last=200, n=64, **more):
    """The end of a run of SGD with batches of B, and n minibatch gradients; those of samples if n = 0."""
    if n == 0:
        more |= {"sample_gradients": data.sample_gradients, "batch": B}
    else:
        more["sample_gradients"] = draws(data, B, n, rng)
    return after(Minibatch(data, B, rng), start, η, steps, *parts, last=last, **more)


def by_layer(net):
    """{name: slice} of the parameters of each layer."""
    ends = np.cumsum([0, *(m * k for m, k in net.shapes)])
    return {f"layer {k}": slice(int(ends[k - 1]), int(ends[k])) for k in range(1, len(ends))}


def some_digits(n, classes=10, skip=0):
    """n images of the first `classes` digits, and their classes one-hot."""
    images, kinds = digits()
    images, kinds = images[kinds < classes][skip : skip + n], kinds[kinds < classes][skip : skip + n]
    return images, one_hot(kinds, classes)


def settled(objective, θ, steps=60):
    """θ moved to the critical point near it, by Levenberg–Marquardt on |∇L|."""
    return minimize_gradient_norm(objective, θ, steps=steps).θ


def regression(n, rng, noise=0.0, m=2):
    """Inputs (n, m) and targets (n,) of a smooth function, with noise."""
    x = rng.uniform(-1.5, 1.5, (n, m))
    return x, np.sin(2 * x[:, 0]) + x[:, -1] ** 2 / 2 + noise * rng.normal(size=n)


ZOO = []
situation = into(ZOO)


_w, _b, _x, _y = sp.symbols("w b x y", real=True)


# Strict saddles


@situation(SADDLE, "gradient descent came in along x and has hardly begun to leave along y, where it falls")
def the_saddle():
    return after(landscape("saddle"), [1.7, 1e-6], 0.1, 40, "loss")


@situation(SADDLE, "0 is critical with curvatures ±2, and θ is 1e-4 away from it; nothing else is known")
def the_worst_network_at_zero():
    turned = Turned(worst_network(), np.random.default_rng(1))
    return seen(turned, turned.inside(np.array([1e-4, -0.5e-4])))


@situation(SADDLE, "the critical point of the empty subset, where all units are unused, has index 6")
def a_linear_network_without_signal():
    lin = _linear()
    θ = lin.point((), np.random.default_rng(3)) + 1e-5 * np.random.default_rng(4).normal(size=lin.net.d)
    return seen(lin.objective, θ, "loss", "hvp")


@situation(SADDLE, "a run from small weights dwells where one component is learnt and the next is not")
def a_linear_network_between_two_steps():
    lin = _linear()
    start = 1e-5 * np.random.default_rng(5).normal(size=lin.net.d)
    run = descend(lin.objective, start, steps=110, η=0.05)
    learnt = np.flatnonzero(run.loss < 1.01 * lin.loss((0,)))
    at = learnt[np.argmin(np.linalg.norm(lin.objective.gradient(run.θ[learnt]), axis=-1))]
    return seen(lin.objective, run.θ[at], "loss", η=0.05, losses=run.loss[: at + 1])


@cache
def _linear():
    x = np.random.default_rng(2).normal(size=(60, 4))
    return LinearNetwork(x, x @ np.diag([3.0, 2.0, 1.2, 0.7])[:, :3], hidden=2)


@situation(SADDLE, "one falling direction with curvature −32 among 200; the others rise, with 5 to 76")
def a_saddle_of_himmelblau_in_200_dimensions():
    turned = Turned(landscape("Himmelblau"), np.random.default_rng(6), np.geomspace(5, 50, 198))
    φ = np.zeros(200)
    φ[:2] = minimize_gradient_norm(landscape("Himmelblau"), [0.1, 2.9], steps=50).θ
    return seen(turned, turned.inside(φ + 1e-6 * np.random.default_rng(7).normal(size=200)), "loss", "hvp",
                η=0.005)


@situation(SADDLE, "hidden units that started equal stay equal, and the best of such networks is no minimum")
def a_network_of_equal_units():
    x, y = regression(40, np.random.default_rng(8))
    net = Network((2, 3, 1))
    start = initial(net, (), np.random.default_rng(0), "constant")
    return after(Decayed(net.on(x, y), 0.01), start, 0.15, 1500, "loss", "hvp", last=300)


# Local minima


@situation(MINIMUM, "a minimum in five coordinates, all with curvature above 15; the loss there is negative",
           sharp=False)
def a_minimum_of_styblinski_and_tang():
    return after(styblinski_tang(5), [-2.0, -3.5, 2.2, -2.5, 3.0], 0.01, 200, "loss")


@situation(MINIMUM, "a quadratic with curvatures 1 to 100 whose descent has come to an end")
def a_bowl_in_300_dimensions():
    rng = np.random.default_rng(9)
    bowl = Turned(landscape("ravine"), rng, rng.uniform(1, 100, 298))
    return after(bowl, rng.normal(size=300), 0.012, 700, "loss", last=701)


@situation(MINIMUM, "weight decay makes a convex loss strictly convex, and Newton's method has found its end")
def logistic_regression_with_weight_decay():
    x, y = some_digits(120, 3)
    decayed = Decayed(Network((64, 3), loss="cross-entropy").on(x, y), 0.05)
    return seen(decayed, settled(decayed, np.zeros(decayed.d), 30), "loss")


@situation(MINIMUM, "samples differ, but descent on all of them has reached the least squares, and rests",
           sharp=False)
def least_squares_by_full_batches():
    rng = np.random.default_rng(10)
    x = rng.normal(size=50)
    data = sample_loss("least squares").on(np.stack([x, 2 * x - 1 + rng.normal(size=50)], axis=1))
    return after(data, [0.0, 0.0], 0.3, 400, "loss", last=100, sample_gradients=data.sample_gradients,
                 batch=50)


@situation(MINIMUM, "the shallow valley of the hill holds it: a minimum, if not the lowest, and ηλ = 1.9",
           sharp=True)
def the_shallow_valley_of_the_hill():
    return after(landscape("hill"), [-1.3], 1.9 / 7, 300, "loss")


@situation(MINIMUM, "a network with weight decay whose Hessian has no eigenvalue near zero", sharp=False)
def a_network_with_weight_decay():
    x, y = regression(40, np.random.default_rng(11), noise=0.1)
    decayed = Decayed(Network((2, 2, 1)).on(x, y), 0.01)
    end = descend(decayed, initial(decayed.data.net, (), np.random.default_rng(12)), steps=1500, η=0.2).end
    return seen(decayed, settled(decayed, end, 20), "hvp", η=0.1)


# Valleys with flat directions


@situation(VALLEY, "any w₁w₂ = 1 will do: one curvature is zero, the other about 5")
def the_worst_network_at_its_end():
    return after(worst_network(), [1.7, -0.3], 0.1, 300, "loss")


@situation(VALLEY, "all components are learnt; changes W₁ → GW₁, W₂ → W₂G⁻¹ leave the loss as it is")
def a_linear_network_at_its_minimum():
    lin = _linear()
    return seen(lin.objective, lin.point((0, 1), np.random.default_rng(13)), "loss", "hvp", η=0.05)


@situation(VALLEY, "41 parameters fit 6 points exactly: at least 35 directions are flat")
def more_parameters_than_points():
    x, y = regression(6, np.random.default_rng(14))
    net = Network((2, 10, 1))
    objective = net.on(x, y)
    run = descend(objective, initial(net, (), np.random.default_rng(15)), steps=1500, η=0.15)
    return seen(objective, settled(objective, run.end, 40), "loss", η=0.15)


@situation(VALLEY, "one number added to all outputs changes no probability: 5 directions of 15 are flat")
def softmax_regression():
    rng = np.random.default_rng(16)
    x, y = rng.normal(size=(80, 4)), one_hot(rng.integers(0, 3, 80), 3)
    objective = Network((4, 3), loss="cross-entropy").on(x, y)
    return after(objective, np.zeros(15), 0.5, 600, "loss", last=300)


@situation(VALLEY, "a hundred directions of 400 have no curvature at all, the others 1 to 20")
def a_gutter_in_400_dimensions():
    rng = np.random.default_rng(17)
    gutter = Turned(ravine(κ=20), rng, np.repeat([0.0, 1.0, 5.0], [100, 150, 148]))
    return after(gutter, rng.normal(size=400), 0.05, 400, last=401)


# Plateaus


@situation(PLATEAU, "tanh at 3.9: slope and curvature are a thousandth of those in the middle")
def the_tail_of_tanh():
    return after(landscape("tanh"), [4.0], 0.1, 300, "loss")


@situation(PLATEAU, "it rolled down a slope of 1 and now crosses a terrace with slope 0.01")
def a_terrace():
    return after(terrace(4), [3.5], 0.05, 500, "loss", last=501)


@situation(PLATEAU, "away from the hill the plain is flat in every direction, and the loss hardly changes")
def the_plain_around_a_hill():
    return after(landscape("maximum"), [0.3, 0.2], 0.5, 60, "loss")


NEURON = SampleLoss("neuron", ((1 + sp.tanh((_w * _x + _b) / 2)) / 2 - _y) ** 2 / 2, (_w, _b), (_x, _y))


@situation(PLATEAU, "a sigmoid neuron, surely wrong on half of the samples: its slope there is about 1e-5")
def a_saturated_neuron():
    rng = np.random.default_rng(18)
    x = rng.uniform(0.5, 1.5, 40)
    data = NEURON.on(np.stack([x, (x > 1).astype(float)], axis=1))
    return after(data, [-10.0, -3.0], 0.5, 200, "loss")


@situation(PLATEAU, "the slope of x³ vanishes at 0 where nothing holds it, and below the loss falls on")
def the_inflection_of_the_cubic():
    return after(landscape("cubic"), [1.0], 0.05, 1500, "loss", last=1501)


@situation(PLATEAU, "a far tail in 60 dimensions; the learning rate and the losses are not known")
def a_tail_in_60_dimensions():
    turned = Turned(landscape("tanh"), np.random.default_rng(19), np.zeros(59))
    φ = np.zeros(60)
    φ[0] = 4.5
    return seen(turned, turned.inside(φ), "loss", "hvp")


# Bouncing


@situation(BOUNCING, "ηλ = 2.2 at the minimum: it jumps from one side to the other, in a cycle of two steps")
def a_double_well():
    return after(Landscape("double well", (_x**2 - 1) ** 2 / 4, _x, (-2, 2)), [0.4], 1.1, 400, "loss")


@situation(BOUNCING, "ηλ = 1.999 across the ravine: each step reverses the last, the loss hardly falls")
def a_ravine_at_the_edge():
    return after(ravine(κ=100), [1.0, 0.5], 0.01999, 600, "loss", last=100)


@situation(BOUNCING, "the rate is right for the valley's floor and too large for its walls")
def rosenbrock_with_a_large_rate():
    return after(landscape("Rosenbrock"), [0.5, 0.3], 0.0036, 600, "loss")


@situation(BOUNCING, "a network on digits at a rate at which the loss jumps up and down, above its floor")
def a_network_with_a_large_rate():
    x, y = some_digits(100, 4)
    rng = np.random.default_rng(20)
    noisy = np.where(rng.random(100)[:, None] < 0.3, y[rng.permutation(100)], y)
    decayed = Decayed(Network((64, 12, 4), loss="cross-entropy").on(x, noisy), 0.01)
    return after(decayed, initial(decayed.data.net, (), rng), 1.2, 300, "loss", last=100)


@situation(BOUNCING, "a cycle of two steps across one direction of a hundred; the losses are not known")
def a_double_well_in_100_dimensions():
    turned = Turned(Landscape("double well", (_x**2 - 1) ** 2 / 4, _x, (-2, 2)), np.random.default_rng(21),
                    np.linspace(0.1, 1, 99))
    run = descend(turned, np.full(100, 0.3), steps=600, η=1.15)
    return seen(turned, run.end, "loss", "hvp", η=1.15)


# Noise balls


@situation(NOISE, "each step follows one of 50 numbers, and their mean is within the noise of a step")
def the_mean_of_numbers():
    rng = np.random.default_rng(22)
    return sgd(sample_loss("location").on(rng.normal(size=50)), [3.0], 0.2, 400, 1, rng, "loss")


@situation(NOISE, "a line through noisy points with batches of 2: the loss dances above its floor")
def least_squares_by_small_batches():
    rng = np.random.default_rng(23)
    x = rng.normal(size=100)
    data = sample_loss("least squares").on(np.stack([x, 2 * x - 1 + rng.normal(size=100)], axis=1))
    return sgd(data, [0.0, 0.0], 0.4, 500, 2, rng, "loss", n=0)


@situation(NOISE, "softmax regression, batches of 5: the full gradient is far below that of a batch")
def digits_by_small_batches():
    rng = np.random.default_rng(24)
    x, y = some_digits(300)
    noisy = np.where(rng.random(300)[:, None] < 0.3, one_hot(rng.integers(0, 10, 300), 10), y)
    data = Decayed(Network((64, 10), loss="cross-entropy").on(x, noisy), 0.02)
    return sgd(data, np.zeros(data.d), 0.1, 900, 5, rng)


@situation(NOISE, "the loss goes up and down about a level, at ηλ = 0.4; only noise can do that")
def a_tilted_well_without_sample_gradients():
    rng = np.random.default_rng(25)
    data = sample_loss("tilted well").on(rng.normal(size=400) * 0.5)
    return after(Minibatch(data, 1, rng), [0.5], 0.2, 500, "loss")


@situation(NOISE, "a small network with weight decay, batches of 2, long after the loss has stopped falling")
def a_network_by_small_batches():
    rng = np.random.default_rng(26)
    x, y = regression(80, rng, noise=0.5)
    data = Decayed(Network((2, 3, 1)).on(x, y), 0.01)
    return sgd(data, initial(data.data.net, (), rng), 0.1, 1200, 2, rng, "loss", last=500)


# Gradients by layer


@situation(VANISHING, "ten layers of sigmoids: each passes on about a quarter of the gradient")
def ten_layers_of_sigmoids():
    x, y = some_digits(60)
    net = Network((64, *[20] * 9, 10), "sigmoid", "cross-entropy")
    return after(net.on(x, y), initial(net, (), np.random.default_rng(27)), 0.3, 12, "loss",
                 layers=by_layer(net))


@situation(VANISHING, "fifteen layers of tanh with half the weights they need: half is lost in each layer")
def fifteen_layers_of_small_tanh():
    x, y = regression(50, np.random.default_rng(28))
    net = Network((2, *[16] * 14, 1))
    θ = initial(net, (), np.random.default_rng(29), scale=0.5)
    return seen(net.on(x, y), θ, "loss", "hvp", layers=by_layer(net))


@situation(VANISHING, "twelve layers of ReLU with half the weights of He, for which a sum is to be learnt")
def twelve_layers_of_small_relu():
    x, _ = some_digits(60, 4)
    net = Network((64, *[24] * 11, 1), "relu")
    θ = initial(net, (), np.random.default_rng(30), "he", scale=0.5)
    return seen(net.on(x, x.sum(axis=1) / 20), θ, "loss", layers=by_layer(net))


@situation(EXPLODING, "fifteen layers of tanh with ten times the weights they need: gradients grow backwards")
def fifteen_layers_of_large_tanh():
    x, y = some_digits(60)
    net = Network((64, *[24] * 14, 10), "tanh", "cross-entropy")
    θ = initial(net, (), np.random.default_rng(31), scale=10)
    return seen(net.on(x, y), θ, "loss", layers=by_layer(net))


@situation(EXPLODING, "ten layers: the gradient of the first one is a thousand times that of the last")
def ten_layers_of_large_tanh():
    x, y = some_digits(60)
    net = Network((64, *[40] * 9, 10), "tanh", "cross-entropy")
    θ = initial(net, (), np.random.default_rng(32), scale=10)
    return seen(net.on(x, y), θ, "loss", "hvp", layers=by_layer(net))


@situation(EXPLODING, "weights of four times the size: each layer back the gradient grows, by half only")
def fifteen_layers_of_tanh_somewhat_too_large():
    x, y = regression(40, np.random.default_rng(33))
    net = Network((2, *[24] * 14, 1))
    θ = initial(net, (), np.random.default_rng(34), scale=4)
    return seen(net.on(x, y), θ, "loss", layers=by_layer(net))


# Still descending


@situation(DESCENDING, "half of the way along a ravine with condition number 1000: slow, and steady")
def along_a_ravine():
    return after(ravine(κ=1000), [1.8, 0.5], 0.001, 600, "loss")


@situation(DESCENDING, "separable classes have no minimum: the loss falls for ever, like 1/t")
def separable_classes():
    x = np.random.default_rng(35).uniform(0.2, 2, 40) * np.repeat([-1, 1], 20)
    data = sample_loss("logistic").on(np.stack([x, (x > 0).astype(float)], axis=1))
    return after(data, [0.0, 0.0], 1.0, 80, "loss", last=81)


@situation(DESCENDING, "a network in the middle of its training, whose layers differ by no more than usual")
def a_network_in_training():
    x, y = some_digits(150)
    net = Network((64, 16, 16, 10), loss="cross-entropy")
    return after(net.on(x, y), initial(net, (), np.random.default_rng(36)), 0.1, 120, "loss", last=60,
                 layers=by_layer(net))


@situation(DESCENDING, "the first steps with small batches: the gradient stands well above its noise")
def digits_early_by_small_batches():
    rng = np.random.default_rng(37)
    x, y = some_digits(200)
    data = Network((64, 10), loss="cross-entropy").on(x, y)
    return sgd(data, np.zeros(data.d), 0.05, 60, 20, rng, "loss", last=50)


@situation(DESCENDING, "it follows the curved floor of Rosenbrock's valley, and the minimum is far ahead")
def along_the_valley_of_rosenbrock():
    return after(landscape("Rosenbrock"), [-1.2, 1.0], 0.0007, 900, "loss", last=300)


# Diverging


@situation(DIVERGING, "ηλ = 2.5 across the ravine: the loss is multiplied by 2.25 in each step")
def a_ravine_beyond_the_edge():
    return after(ravine(κ=25), [1.0, 1e-4], 0.1, 30, "loss", last=25)


@situation(DIVERGING, "the quartic throws it further out in each step, until the loss is no number")
def a_quartic_thrown_out():
    run = descend(landscape("Himmelblau"), [4.5, 4.0], steps=20, η=0.05)
    at = run.diverged - 1  # one more step, and the loss overflows
    losses = np.array([*run.loss[: at + 1], np.inf, np.nan])
    return seen(landscape("Himmelblau"), run.θ[at], "loss", η=0.05, losses=losses)


@situation(DIVERGING, "a linear network with a rate so large that the loss grows from step to step")
def a_linear_network_blowing_up():
    lin = _linear()
    start = lin.point((0, 1)) + 1e-3 * np.random.default_rng(38).normal(size=lin.net.d)
    run = descend(lin.objective, start, steps=60, η=0.6)
    at = int(run.diverged) - 2
    return seen(lin.objective, run.θ[at], "loss", "hvp", η=0.6, losses=run.loss[: at + 1])


@situation(DIVERGING, "ηλ is 3 in fifty directions, and every step is longer than the last")
def a_bowl_thrown_out():
    rng = np.random.default_rng(39)
    bowl = Turned(ravine(κ=30), rng, np.repeat([1.0, 30.0], [50, 50]))
    return seen(bowl, descend(bowl, rng.normal(size=102), steps=12, η=0.1).end, η=0.1)


# Too little is known


@situation(UNDECIDED, "somewhere on a slope; without a rate and without losses it may descend, or bounce")
def a_point_on_a_slope():
    return seen(ravine(κ=10), [0.7, 0.6], "loss")


@situation(UNDECIDED, "a network at its start: no run is known that could be stuck")
def a_network_at_its_start():
    x, y = regression(40, np.random.default_rng(40))
    net = Network((2, 8, 1))
    return seen(net.on(x, y), initial(net, (), np.random.default_rng(41)), "loss", "hvp")


@situation(UNDECIDED, "a gradient that is not small, in 30 dimensions, and nothing else")
def a_gradient_and_nothing_else():
    rng = np.random.default_rng(42)
    bowl = Turned(ravine(κ=4), rng, rng.uniform(1, 5, 28))
    return seen(bowl, rng.normal(size=30))
