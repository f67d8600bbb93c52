"""Initial weights, and what they do to signals and gradients on their way through the layers.

A layer with a inputs and b outputs computes z = Wh and passes φ(z) on. Backwards it receives δ = ∂L/∂z and
passes φ′·Wᵀδ on, with the slope φ′ of the layer below. Independent weights of mean 0 and variance v
multiply the mean square of a signal by FORWARD = a·v·q with q = E[φ(z)²]/E[z²], and that of a gradient by
BACKWARD = b·v·p with p = E[φ′(z)²]. A deep network needs both factors close to 1. The rules for v follow
from these two expressions.
"""

import math
from dataclasses import dataclass

import numpy as np
import sympy as sp

from helpers.checks import count, finite_array, lookup, number
from helpers.landscapes import Landscape, landscape
from helpers.networks import Network, Objective, activation
from helpers.symbolic import Formula, as_expression

# Rules for the variance of a weight

a, b, v, q, p = sp.symbols("a b v q p", positive=True)

FORWARD = a * v * q
BACKWARD = b * v * p


def gaussian_mean(expression, z):
    """E[f(z)] for z ~ N(0, 1), by exact integration over the two half-lines.

    `expression` is f, a SymPy expression of the symbol `z`. Raises ValueError where SymPy finds no closed
    form.

    >>> z = sp.Symbol("z", real=True)
    >>> gaussian_mean(sp.Max(0, z) ** 2, z), gaussian_mean(z**4, z)
    (1/2, 3)
    """
    expression = as_expression(expression, [z], "the function to be averaged")
    u = sp.Symbol("u", positive=True)  # on a half-line a kink at 0 is out of sight
    both = expression.subs(z, u) + expression.subs(z, -u)
    mean = sp.integrate(sp.simplify(both) * sp.exp(-(u**2) / 2) / sp.sqrt(2 * sp.pi), (u, 0, sp.oo))
    if mean.has(sp.Integral):
        raise ValueError(f"the Gaussian mean of {expression} has no closed form that SymPy finds")
    return sp.simplify(mean)


def _rule(condition):
    (variance,) = sp.solve(condition - 1, v)
    return Formula([a, b], variance)


_HALF = sp.Rational(1, 2)  # both moments of ReLU; the tests compare with gaussian_mean

VARIANCE = {
    "lecun": _rule(FORWARD.subs(q, 1)),
    "xavier": _rule((FORWARD + BACKWARD).subs({q: 1, p: 1}) / 2),
    "he": _rule(FORWARD.subs(q, _HALF)),
}
"""The variance of a weight in a layer with a inputs and b outputs, by rule."""

SCHEMES = (*VARIANCE, "orthogonal", "constant")
DISTRIBUTIONS = ("normal", "uniform")


def variance(scheme, inputs, outputs):
    """The variance that a rule gives to the weights of a layer with a = `inputs` and b = `outputs`.

    LeCun et al. (1998) 1/a, Glorot and Bengio (2010) 2/(a + b), He et al. (2015) 2/a.

    >>> float(variance("xavier", 100, 50)), float(variance("he", 100, 50))
    (0.013333333333333334, 0.02)
    """
    rule = lookup(VARIANCE, scheme, "rule")
    return rule(count(inputs, "inputs", 1), count(outputs, "outputs", 1))


def initial(net, size, rng, scheme="xavier", scale=1.0, distribution="normal"):
    """Weights to begin with: θ (*size, d) for `net`; biases are 0.

    `scheme`: a rule of VARIANCE; "orthogonal", matrices with orthonormal rows or columns; "constant", every
    weight equal to the standard deviation of Xavier's rule. `scale` multiplies the weights. `distribution`
    is "normal" or "uniform", the latter on (−√(3v), √(3v)). `size` is a whole number or a tuple, () for a
    single network; `rng` a numpy Generator.

    >>> net = Network((100, 100, 10))
    >>> θ = initial(net, 5, np.random.default_rng(0), "he")
    >>> θ.shape == (5, net.d), round(float(net.layers(θ)[0][0].std()), 3)
    (True, 0.142)
    """
    if scheme not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme!r}; the accepted ones are {', '.join(map(repr, SCHEMES))}")
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"distribution must be 'normal' or 'uniform', not {distribution!r}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
    size = tuple(count(k, "size") for k in (size if isinstance(size, (tuple, list)) else (size,)))
    scale = number(scale, "scale", 0)
    θ = np.zeros((*size, net.d))
    for W, _ in net.layers(θ):  # views: writing into W fills θ
        outputs, inputs = W.shape[-2:]
        if scheme == "constant":
            W[...] = scale * np.sqrt(variance("xavier", inputs, outputs))
        elif scheme == "orthogonal":
            W[...] = scale * _orthogonal(W.shape, rng)
        elif distribution == "uniform":
            W[...] = scale * np.sqrt(3 * variance(scheme, inputs, outputs)) * rng.uniform(-1, 1, W.shape)
        else:
            W[...] = scale * np.sqrt(variance(scheme, inputs, outputs)) * rng.standard_normal(W.shape)
    if isinstance(net, DeepNetwork):
        for γ in net.gains(θ):
            γ[...] = 1.0
    return θ


def _orthogonal(shape, rng):
    """Random matrices with orthonormal columns, or rows if there are fewer of them."""
    *lead, m, n = shape
    Q, R = np.linalg.qr(rng.standard_normal((*lead, max(m, n), min(m, n))))
    sign = np.sign(np.diagonal(R, axis1=-2, axis2=-1))  # without it Q would not be uniformly distributed
    Q = Q * sign[..., None, :]
    return Q if m >= n else np.swapaxes(Q, -1, -2)


# What the weights do: measured

@dataclass(frozen=True, eq=False)
class Signal:
    """Mean squares, layer by layer: `forward` of z and `backward` of δ = ∂(cᵀf)/∂z, both (..., depth).

    `activations`: what the layers pass on, a list of (..., n, m_l).

    >>> net, rng = Network((4, 8, 8), activation="tanh"), np.random.default_rng(0)
    >>> sent = signal(net, initial(net, (), rng), rng.normal(size=(10, 4)), rng)
    >>> sent.forward.shape, sent.backward.shape
    ((2,), (2,))
    """

    forward: np.ndarray
    backward: np.ndarray
    activations: list


def signal(net, θ, x, rng):
    """The signal that x (n, m₀) sends forward through the layers, and a gradient on its way back. θ (..., d).

    The gradient is that of cᵀf(x), with c drawn anew for each sample from N(0, 1): a mean square of 1 at
    the output. Squares are averaged over units and samples.

    >>> net = Network((50, 50, 50), activation="linear")
    >>> rng = np.random.default_rng(1)
    >>> sent = signal(net, initial(net, 400, rng), np.ones((1, 50)), rng)
    >>> [round(float(m), 1) for m in sent.forward.mean(0)], sent.backward.shape
    ([1.0, 1.0], (400, 2))
    """
    z, h = _forward(net, θ, x)
    δ = rng.standard_normal(z[-1].shape)
    layers, φ = net.layers(θ), net.activation
    back = [δ]
    for (W, _), below in zip(layers[:0:-1], z[-2::-1], strict=True):
        δ = (δ @ W) * φ.slope(below)
        back.append(δ)
    return Signal(_mean_squares(z), _mean_squares(back[::-1]), h)


def _forward(net, θ, x):
    θ, x = finite_array(θ, "θ", net.d), finite_array(x, "x", net.widths[0])
    if x.ndim != 2:
        raise ValueError(f"x must have shape (n, {net.widths[0]}), not {x.shape}")
    return net.forward(θ, x)


def _mean_squares(layers):
    return np.stack([(z**2).mean(axis=(-2, -1)) for z in layers], axis=-1)


def jacobian_singular_values(net, θ, x):
    """Singular values of ∂z_l/∂x at one input x (m₀,), descending, a list of (..., min(m₀, m_l)) by layer.

    The layers are l = 1, 2, …; the Jacobian is a product, one factor a layer,
    ∂z_l/∂x = W_l·diag(φ′(z_{l−1}))·∂z_{l−1}/∂x.

    >>> net = Network((8, 8, 8), activation="linear")
    >>> θ = initial(net, (), np.random.default_rng(0), "orthogonal")
    >>> [bool(np.allclose(s, 1)) for s in jacobian_singular_values(net, θ, np.zeros(8))]
    [True, True]
    """
    x = finite_array(x, "x", net.widths[0])
    if x.ndim != 1:
        raise ValueError(f"x must be one input of shape ({net.widths[0]},), not {x.shape}")
    z, _ = _forward(net, θ, x[None])
    J, values = None, []
    for k, (W, _) in enumerate(net.layers(θ)):
        J = W if J is None else W @ (net.activation.slope(z[k - 1])[..., 0, :, None] * J)
        values.append(np.linalg.svd(J, compute_uv=False))
    return values


# What the weights do: exact laws for random weights

def log_growth(width, name="linear", scale=1.0):
    """(mean, variance) of ln(‖h′‖²/‖h‖²) for a layer h′ = φ(Wh) with `width` inputs and outputs.

    W is Gaussian with the variance that keeps the mean square (1/width, or 2/width for ReLU), times scale².
    Then ‖h′‖²/‖h‖² = scale²·(2/K̄)·(χ²_K/2) with K = width units at work, for ReLU each with probability ½,
    and K̄ their mean number. E ln(χ²_K/2) = ψ(K/2), its variance ψ′(K/2). Layers are independent: over L
    layers both are L times as large. (A ReLU layer is dead with probability 2^−width; the mean is over
    those that are not.)

    >>> mean, spread = log_growth(100)
    >>> round(mean, 4), round(spread, 4)
    (-0.01, 0.0202)
    """
    width, scale = count(width, "width", 1), number(scale, "scale", 0, above=True)
    ψ, ψ1 = _digamma(width), _trigamma(width)
    if name == "linear":
        weights, working = np.ones(1), np.array([width])
    elif name == "relu":
        working = np.arange(1, width + 1)
        weights = np.array([math.comb(width, int(k)) / (2**width - 1) for k in working])
    else:
        raise ValueError(f"an exact law is known for 'linear' and 'relu', not for {name!r}")
    mean = weights @ ψ[working - 1]
    spread = weights @ (ψ1[working - 1] + (ψ[working - 1] - mean) ** 2)
    average = width if name == "linear" else width / 2
    return float(mean + np.log(2 * scale**2 / average)), float(spread)


def lyapunov(width, scale=1.0):
    """Mean growth per layer of ln σ_k, for products of Gaussian matrices with entries N(0, scale²/width).

    ½[ψ((width − k + 1)/2) + ln(2/width)] + ln scale for k = 1 … width: (width,). Each value holds for deep
    products; their *sum*, the mean of ln|det W|, holds at every depth. Source: Newman (1986).

    >>> lyapunov(2).round(4).tolist()
    [-0.2886, -0.9818]
    """
    width, scale = count(width, "width", 1), number(scale, "scale", 0, above=True)
    return (_digamma(width)[::-1] + np.log(2 / width)) / 2 + np.log(scale)


def _digamma(n):
    """ψ(k/2) for k = 1 … n, from ψ(x + 1) = ψ(x) + 1/x."""
    return _ladder(n, -np.euler_gamma - 2 * np.log(2), -np.euler_gamma, lambda x: 1 / x)


def _trigamma(n):
    """ψ′(k/2) for k = 1 … n, from ψ′(x + 1) = ψ′(x) − 1/x²."""
    return _ladder(n, np.pi**2 / 2, np.pi**2 / 6, lambda x: -1 / x**2)


def _ladder(n, at_half, at_one, step):
    values = [at_half, at_one]
    while len(values) < n:
        values.append(values[-2] + step((len(values) - 1) / 2))
    return np.array(values[:n])


def gaussian_nodes(step=0.05, end=8.5):
    """Nodes and weights for means over N(0, 1): the midpoint rule, whose error for smooth functions is tiny.

    The nodes are symmetric, with none at 0, where ReLU has its kink: E[max(0, u)²] = ½ comes out exactly.

    >>> u, weight = gaussian_nodes()
    >>> round(float(weight @ u**4), 12), round(float(weight @ np.maximum(u, 0) ** 2), 12)
    (3.0, 0.5)
    """
    u = np.arange(step / 2, end, step)
    u = np.concatenate((-u[::-1], u))
    weight = np.exp(-(u**2) / 2)
    return u, weight / weight.sum()


def wide_limit(name, gain, depth, start=1.0):
    """(forward, backward): mean squares of z and of δ by layer, in the limit of infinitely wide layers.

    forward_{l+1} = gain·E[φ(√forward_l·u)²] from forward_1 = `start`, and backwards, from 1 at the last
    layer, backward_l = gain·E[φ′(√forward_l·u)²]·backward_{l+1}, u ~ N(0, 1); `gain` is a·v, which is b·v
    as well. Both have shape (depth,). Source: Poole et al. (2016), Schoenholz et al. (2017).

    >>> forward, backward = wide_limit("relu", 2.0, 30)
    >>> round(float(forward[-1]), 9), round(float(backward[0]), 9)
    (1.0, 1.0)
    """
    φ, depth = activation(name), count(depth, "depth", 1)
    gain, start = number(gain, "gain", 0), number(start, "start", 0)
    u, weight = gaussian_nodes()
    forward, slope = [start], []
    for _ in range(depth - 1):
        z = np.sqrt(forward[-1]) * u
        forward.append(gain * weight @ φ(z) ** 2)
        slope.append(gain * weight @ φ.slope(z) ** 2)
    backward = np.cumprod([1.0, *slope[::-1]])[::-1]
    return np.array(forward), backward


# Flat places in one dimension

def terrace(width=4.0, slope=0.01, edge=8.0):
    """A plateau on a slope of 1: L′ = 1 − (1 − ε)·[tanh k(x + w/2) − tanh k(x − w/2)]/2.

    On the terrace, |x| < w/2, the slope is ε; outside it is 1. w = `width`, ε = `slope`, and k = `edge`
    says how sharply the one turns into the other.

    >>> terrace(4).gradient([[0.0], [4.0]]).round(6).tolist()
    [[0.01], [1.0]]
    """
    w, ε = number(width, "width", 0, above=True), number(slope, "slope", 0, 1, above=True, below=True)
    k = number(edge, "edge", 0, above=True)
    x = sp.Symbol("x", real=True)
    w, ε, k = (sp.nsimplify(value) for value in (w, ε, k))
    ramp = sp.log(sp.cosh(k * (x + w / 2))) - sp.log(sp.cosh(k * (x - w / 2)))
    reach = float(w / 2) + 2
    return Landscape("terrace", x - (1 - ε) * ramp / (2 * k), x, (-reach, reach), start=(reach,),
                     about=f"a plateau of width {float(w):g} and slope {float(ε):g}")


_x0, _x1, _η = sp.symbols("x_0 x_1 eta", real=True)

TANH_STEPS = Formula(
    [_x0, _x1, _η],
    ((_x0 - _x1) / 2 + (sp.sinh(2 * _x0) - sp.sinh(2 * _x1)) / 4) / _η,
)
"""(1/η)∫cosh²x dx from x₁ to x₀: the steps that gradient flow on L = tanh x takes from x₀ down to x₁."""


def crossing_steps(land, x0, x1, η):
    """How many steps gradient descent takes from x₀ to x₁ on a loss of one parameter, for small ηL″.

    It is

        (1/η) ∫ dx/|L′|  +  ½ ln |L′(x₁)/L′(x₀)| .

    The first term is the time of gradient flow; the second corrects for steps of finite length (the
    modified equation of Euler's method), and what is left over is of order η. Scalars, or arrays that
    broadcast. Raises ValueError if the way from x₀ to x₁ is not downhill all along.

    >>> round(float(crossing_steps("cubic", 1.0, 0.1, 0.01)), 2)
    297.7
    """
    land = _one_parameter(land)
    x0, x1, η = np.broadcast_arrays(*(finite_array(value, name) for value, name in
                                      ((x0, "x0"), (x1, "x1"), (η, "η"))))
    flow, coarse = (_flow_time(land, x0, x1, panels) for panels in (400, 300))
    if not np.allclose(flow, coarse, rtol=1e-3):  # where the integral diverges, the two differ
        raise ValueError(f"the slope of {land.name!r} must not vanish between {x0} and {x1}")
    ends = np.abs([land.gradient(end[..., None])[..., 0] for end in (x0, x1)])
    return flow / η + np.log(ends[1] / ends[0]) / 2


def _flow_time(land, x0, x1, panels):
    """∫ dx/|L′| between x₀ and x₁, by Gauss–Legendre quadrature on equal panels."""
    node, weight = np.polynomial.legendre.leggauss(8)
    share = ((np.arange(panels)[:, None] + (node + 1) / 2) / panels).ravel()
    x = x0[..., None] + (x1 - x0)[..., None] * share
    slope = land.gradient(x[..., None])[..., 0] * np.sign(x0 - x1)[..., None]
    if not (slope > 0).all():
        raise ValueError(f"the way from {x0} to {x1} on {land.name!r} must lead downhill all along")
    return np.abs(x1 - x0) * ((1 / slope) @ (np.tile(weight, panels) / (2 * panels)))


def steps_to_cross(land, x0, x1, η, limit=100_000):
    """The first step at which gradient descent has reached or passed x₁ from x₀; −1 beyond `limit`.

    By running it, for arrays of x₀, x₁ and η that broadcast.

    >>> steps_to_cross("tanh", 4.0, 0.0, 0.1).tolist()
    3750
    """
    land, limit = _one_parameter(land), count(limit, "limit")
    x0, x1, η = np.broadcast_arrays(*(finite_array(value, name) for value, name in
                                      ((x0, "x0"), (x1, "x1"), (η, "η"))))
    side, x = np.sign(x1 - x0), x0.copy()
    steps = np.where(side == 0, 0, -1)
    for t in range(1, limit + 1):
        x = x - η * land.gradient(x[..., None])[..., 0]
        steps = np.where((steps < 0) & (side * (x - x1) >= 0), t, steps)
        if (steps >= 0).all():
            break
    return steps


def _one_parameter(land):
    land = landscape(land)
    if land.d != 1:
        raise ValueError(f"the loss must have one parameter, but {land.name!r} has {land.d}")
    return land


def clipped(gradient, longest):
    """The gradient function θ -> g·min(1, longest/‖g‖): directions stay, no step is longer than η·longest.

    `gradient` maps θ (..., d) to (..., d); each run is clipped by its own length. Source: Pascanu et al.
    (2013).

    >>> clipped(lambda θ: 3 * θ, 5.0)(np.array([[3.0, 4.0], [0.3, 0.4]])).round(12).tolist()
    [[3.0, 4.0], [0.9, 1.2]]
    """
    if not callable(gradient):
        raise TypeError(f"gradient must be a function θ -> ∇L(θ), not {gradient!r}")
    longest = number(longest, "longest", 0, above=True)

    def short(θ):
        g = np.asarray(gradient(θ))
        length = np.linalg.norm(g, axis=-1, keepdims=True)
        return g * (longest / np.maximum(length, longest))

    return short


# Networks that keep their own signal in order

class DeepNetwork(Network):
    """A network whose hidden layers are batch-normalized, have skip connections, or both.

    A hidden layer takes h to φ(y), or with `skip` to h + φ(y) where it has as many outputs as inputs. y =
    Wh + b, or with `normalize`, for every unit and over the n samples of the batch,

        z = Wh,    ẑ = (z − mean z)/√(var z + ε),    y = γẑ + b.

    θ holds the weights and biases of a Network of these widths and then, with `normalize`, the γ of every
    hidden unit. `forward` returns the pre-activations y. Source: Ioffe and Szegedy (2015), He et al.
    (2016).

    >>> net = DeepNetwork((2, 5, 1), normalize=True)
    >>> net.d, Network((2, 5, 1)).d
    (26, 21)
    """

    ε = 1e-5

    def __init__(self, widths, activation="tanh", loss="squared", normalize=False, skip=False):
        super().__init__(widths, activation, loss)
        for value, name in ((normalize, "normalize"), (skip, "skip")):
            if not isinstance(value, (bool, np.bool_)):
                raise TypeError(f"{name} must be True or False, not {value!r}")
        self.normalize, self.skip = bool(normalize), bool(skip)

    @property
    def d(self):
        """The number of parameters."""
        return self._weights + self.normalize * sum(self.widths[1:-1])

    @property
    def _weights(self):
        return sum(m * k for m, k in self.shapes)

    def __repr__(self):
        extras = "".join(f", {name}=True" for name in ("normalize", "skip") if getattr(self, name))
        return f"DeepNetwork({self.widths}, {self.activation.name!r}, {self.loss.name!r}{extras})"

    def gains(self, θ):
        """The γ of each hidden layer: views (..., m_l) of θ (..., d); an empty list without normalization."""
        ends = self._weights + np.cumsum([0, *self.widths[1:-1]])
        return [θ[..., i:j] for i, j in zip(ends[:-1], ends[1:], strict=True)] if self.normalize else []

    def pack(self, layers):
        """θ (..., d) of the layers [(W, b), …], with every γ = 1."""
        θ = super().pack(layers)
        return np.concatenate([θ, np.ones((*θ.shape[:-1], self.d - self._weights))], axis=-1)

    def forward(self, θ, x, statistics=None):
        """(y, h): pre-activations [y⁽¹⁾, …, f] and signals [x, h⁽¹⁾, …, f], each (..., n, m) of its layer.

        θ (..., d), x (n, m₀). With normalization mean and variance are those of x, unless `statistics`
        gives others.
        """
        y, h, *_ = self._run(θ, x, statistics)
        return y, h

    def statistics(self, θ, x):
        """[(mean z, var z), …] of each hidden layer on the batch x, to be used on other samples."""
        return self._run(θ, x)[3]

    def output(self, θ, x, statistics=None):
        """f(x): θ (..., d), x (n, m₀) -> (..., n, m_L)."""
        return self.forward(θ, x, statistics)[0][-1]

    def on(self, x, y):
        """The mean loss on samples x (n, m₀) with targets y (n, m_L), as a function of θ."""
        return DeepObjective(self, x, y)

    def _run(self, θ, x, given=None):
        θ = np.asarray(θ)
        layers, γ = self.layers(θ), self.gains(θ)
        h, y, standard, statistics = [np.asarray(x)], [], [], []
        for k, (W, b) in enumerate(layers):
            z, b = h[-1] @ np.swapaxes(W, -1, -2), b[..., None, :]
            if k == len(layers) - 1:
                return [*y, z + b], [*h, z + b], standard, statistics
            if self.normalize:
                mean = z.mean(axis=-2, keepdims=True) if given is None else given[k][0]
                spread = ((z - mean) ** 2).mean(axis=-2, keepdims=True) if given is None else given[k][1]
                standard.append((z - mean) / np.sqrt(spread + self.ε))
                statistics.append((mean, spread))
                y.append(γ[k][..., None, :] * standard[k] + b)
            else:
                y.append(z + b)
            h.append(self.activation(y[k]) + (h[k] if self._skips(k) else 0))

    def _skips(self, k):
        return self.skip and self.widths[k] == self.widths[k + 1]


class DeepObjective(Objective):
    """L(θ) of a DeepNetwork on n samples: loss, gradient and accuracy. Its Hessian is not written out.

    >>> objective = DeepNetwork((1, 3, 1), normalize=True).on([[0.0], [1.0]], [0.0, 1.0])
    >>> objective.gradient(np.zeros((4, objective.d))).shape
    (4, 13)
    """

    def gradient(self, θ):
        """∇L(θ) by back-propagation, through the batch means and variances too: θ (..., d) -> (..., d).

        With a bar for ∂L/∂: z̄ = γ/√(var + ε) · (ȳ − mean ȳ − ẑ·mean(ȳẑ)), for every unit over the batch.
        """
        net = self.net
        θ = np.asarray(θ)
        y, h, standard, statistics = net._run(θ, self.x)
        layers, γ = net.layers(θ), net.gains(θ)
        gradient = np.empty(np.broadcast_shapes(θ.shape), dtype=y[-1].dtype)
        slopes, gains = net.layers(gradient), net.gains(gradient)
        ȳ = z̄ = net.loss.slope(y[-1], self.y) / self.n
        for k in reversed(range(net.depth)):
            W, b = slopes[k]
            W[...] = np.swapaxes(z̄, -1, -2) @ h[k]
            b[...] = ȳ.sum(axis=-2)
            if k == 0:
                return gradient
            h̄ = z̄ @ layers[k][0] + (h̄ if k < net.depth - 1 and net._skips(k) else 0)  # noqa: F821
            ȳ = z̄ = h̄ * net.activation.slope(y[k - 1])
            if net.normalize:
                ẑ = standard[k - 1]
                gains[k - 1][...] = (ȳ * ẑ).sum(axis=-2)
                centred = ȳ - ȳ.mean(axis=-2, keepdims=True) - ẑ * (ȳ * ẑ).mean(axis=-2, keepdims=True)
                z̄ = γ[k - 1][..., None, :] / np.sqrt(statistics[k - 1][1] + net.ε) * centred

    def _unknown(self, *_):
        raise TypeError(
            "second derivatives and sample gradients are those of a plain Network; for Hessian-vector "
            "products of this one, use central_hvp of helpers.curvature with its gradient"
        )

    hessian = hvp = sample_gradients = _unknown
