"""Small dense networks, many at once: loss, gradient, exact Hessian, and points where the gradient vanishes.

Layer l = 1 … L of a network turns the signal a⁽ˡ⁻¹⁾ into

    z⁽ˡ⁾ = W⁽ˡ⁾a⁽ˡ⁻¹⁾ + b⁽ˡ⁾,    a⁽ˡ⁾ = φ(z⁽ˡ⁾),    a⁽⁰⁾ = x,

and its output is f = z⁽ᴸ⁾. All weights and biases stand in one vector θ (..., d), on the last axis; leading
axes are independent networks, and no function here loops over them.
"""

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from helpers.checks import count, finite_array, lookup, number
from helpers.symbolic import as_expression, derivative, javascript_function, latex, numpy_function

z, f, y = sp.symbols("z f y", real=True)


@dataclass(frozen=True, eq=False)
class Activation:
    """An activation φ(z): its expression, and φ, φ′ and φ″ as NumPy functions, LaTeX and JavaScript.

    `written` is the form that `latex` prints, where it is not the one that computes best. The slope at a kink
    is the mean of the slopes on its two sides: ReLU has φ′(0) = ½ and φ″(0) = 0 (see `symbolic.derivative`).

    >>> tanh = activation("tanh")
    >>> float(tanh(0.0)), float(tanh.slope(0.0)), round(float(tanh.bend(1.0)), 4)
    (0.0, 1.0, -0.6397)
    >>> activation("relu").slope([-1.0, 0.0, 2.0]).tolist()
    [0.0, 0.5, 1.0]
    """

    name: str
    label: str
    expression: sp.Expr
    written: sp.Expr | None = None

    def __post_init__(self):
        as_expression(self.expression, {z}, f"the activation {self.name!r}")

    @cached_property
    def derivatives(self):
        """The expressions [φ, φ′, φ″]."""
        slope = derivative(self.expression, z)
        return [self.expression, slope, derivative(slope, z)]

    @cached_property
    def _numpy(self):
        # φ, φ′ and φ″ share subexpressions: the tanh is computed once
        return [numpy_function([z], self.derivatives[: k + 1]) for k in range(3)]

    def jet(self, values, order=2):
        """[φ, φ′, φ″][: order + 1] at `values` of any shape, for little more than the price of φ."""
        return self._numpy[order](values)

    def __call__(self, values):
        """φ at `values` of any shape."""
        return self.jet(values, 0)[0]

    def slope(self, values):
        """φ′ at `values` of any shape."""
        return self.jet(values, 1)[1]

    def bend(self, values):
        """φ″ at `values` of any shape."""
        return self.jet(values, 2)[2]

    @cached_property
    def javascript(self):
        """JavaScript of φ and φ′: ({value: (z) => …, slope: (z) => …})."""
        value, slope, _ = self.derivatives
        return f"({{value: {javascript_function([z], value)}, slope: {javascript_function([z], slope)}}})"

    @cached_property
    def latex(self):
        """φ(z) as LaTeX."""
        return latex(self.expression if self.written is None else self.written)

    def __repr__(self):
        return f"Activation({self.name!r}, {self.expression})"


ACTIVATIONS = {
    a.name: a
    for a in (
        Activation("tanh", "tanh", sp.tanh(z)),
        Activation("relu", "ReLU", sp.Max(0, z)),
        # 1/(1 + e⁻ᶻ) itself has slope ∞/∞ where e⁻ᶻ overflows
        Activation("sigmoid", "sigmoid", (1 + sp.tanh(z / 2)) / 2, written=1 / (1 + sp.exp(-z))),
        Activation("linear", "linear", z),
    )
}


def activation(name):
    """The activation called `name`; an Activation is passed through.

    >>> activation("sigmoid")(0.0)
    array(0.5)
    """
    return name if isinstance(name, Activation) else lookup(ACTIVATIONS, name, "activation")


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss ℓ(f, y) of one sample: `value` (...), `slope` ∂ℓ/∂f (..., m), `bend` ∂²ℓ/∂f∂f (..., m, m).

    f and y have shape (..., m), the m outputs last.

    >>> LOSSES["squared"].value(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    np.float64(2.5)
    """

    name: str
    label: str
    latex: str
    value: Callable
    slope: Callable
    bend: Callable

    def __repr__(self):
        return f"Loss({self.name!r})"


_SQUARE = (f - y) ** 2 / 2
_square = numpy_function([f, y], [_SQUARE])
_square_slope = numpy_function([f, y], [derivative(_SQUARE, f)])
_square_bend = numpy_function([f, y], [derivative(derivative(_SQUARE, f), f)])


def _log_softmax(f):
    """f − ln Σ eᶠ; the largest f is taken out first, so that no exponential overflows."""
    f = f - f.real.max(axis=-1, keepdims=True)
    return f - np.log(np.exp(f).sum(axis=-1, keepdims=True))


def _cross_entropy_bend(f, y):
    p = np.exp(_log_softmax(f))
    return p[..., None] * np.eye(p.shape[-1]) - p[..., :, None] * p[..., None, :]


LOSSES = {
    loss.name: loss
    for loss in (
        Loss(
            "squared",
            "squared error",
            r"\frac{1}{2} \lVert f - y \rVert^2",
            lambda f, y: _square(f, y)[0].sum(axis=-1),
            lambda f, y: _square_slope(f, y)[0],
            lambda f, y: _square_bend(f, y)[0][..., None] * np.eye(np.shape(f)[-1]),
        ),
        Loss(  # Σ y = 1 makes ∂ℓ/∂f = softmax(f) − y
            "cross-entropy",
            "cross-entropy",
            r"-\sum_k y_k \ln \frac{e^{f_k}}{\sum_j e^{f_j}}",
            lambda f, y: -(y * _log_softmax(f)).sum(axis=-1),
            lambda f, y: np.exp(_log_softmax(f)) - y,
            _cross_entropy_bend,
        ),
    )
}


class Network:
    """A dense network: its widths, activation and loss; any number of parameter vectors θ (..., d) at once.

    `widths` = (m₀, …, m_L): the numbers of inputs, of units in each hidden layer, and of outputs. φ acts on
    the hidden layers, the output layer is linear. θ holds the matrices [W⁽ˡ⁾ b⁽ˡ⁾], layer after layer and
    row by row, so that each unit's weights stand together, its bias last.

    Raises ValueError or TypeError for widths, names or shapes that make no network.

    >>> net = Network((2, 5, 1))
    >>> net, net.d
    (Network((2, 5, 1), 'tanh', 'squared'), 21)
    >>> objective = net.on(x=[[0.0, 0.0], [1.0, 1.0]], y=[1.0, 1.0])
    >>> objective.loss(np.zeros((3, 21))).tolist()
    [0.5, 0.5, 0.5]
    """

    def __init__(self, widths, activation="tanh", loss="squared", bias=True):
        if isinstance(widths, (str, numbers.Number)) or not np.iterable(widths):
            raise TypeError(f"widths must be whole numbers such as (2, 5, 1), not {widths!r}")
        self.widths = tuple(count(m, "a width", 1, 100_000) for m in widths)
        if len(self.widths) < 2:
            raise ValueError(f"widths must name at least inputs and outputs, such as (2, 1), not {widths!r}")
        if not isinstance(bias, (bool, np.bool_)):
            raise TypeError(f"bias must be True or False, not {bias!r}")
        self.activation = _activation(activation)
        self.loss = loss if isinstance(loss, Loss) else lookup(LOSSES, loss, "loss")
        self.bias = bool(bias)
        if self.loss.name == "cross-entropy" and self.widths[-1] < 2:
            raise ValueError("the cross-entropy needs at least 2 outputs, one for each class, not 1")

    @property
    def depth(self):
        """L, the number of layers of weights."""
        return len(self.widths) - 1

    @cached_property
    def shapes(self):
        """The shapes of the matrices [W b], or W where there is no bias."""
        return [(m, k + self.bias) for k, m in zip(self.widths, self.widths[1:], strict=False)]

    @property
    def d(self):
        """The number of parameters."""
        return sum(m * k for m, k in self.shapes)

    def __repr__(self):
        bias = "" if self.bias else ", bias=False"
        return f"Network({self.widths}, {self.activation.name!r}, {self.loss.name!r}{bias})"

    def matrices(self, θ):
        """The matrices [W b] of the layers: views (..., m_out, m_in + 1) of θ; m_in without a bias."""
        θ = _parameters(θ, self.d)
        matrices, start = [], 0
        for m, k in self.shapes:
            matrices.append(θ[..., start : start + m * k].reshape(*θ.shape[:-1], m, k))
            start += m * k
        return matrices

    def layers(self, θ):
        """[(W, b), …]: views (..., m_out, m_in) and (..., m_out) of θ (..., d); b is None without a bias.

        >>> (W, b), _ = Network((2, 3, 1)).layers(np.arange(13.0))
        >>> W.tolist(), b.tolist()
        ([[0.0, 1.0], [3.0, 4.0], [6.0, 7.0]], [2.0, 5.0, 8.0])
        """
        return [(A[..., :-1], A[..., -1]) if self.bias else (A, None) for A in self.matrices(θ)]

    def pack(self, layers):
        """θ (..., d) of the layers [(W, b), …]: the inverse of `layers`. b may be None: zeros.

        >>> net = Network((2, 3, 1))
        >>> bool((net.pack(net.layers(np.arange(13.0))) == np.arange(13.0)).all())
        True
        """
        layers = list(layers)
        if len(layers) != self.depth:
            raise ValueError(f"{self!r} has {self.depth} layers, not {len(layers)}")
        parts = []
        for (W, b), m, k in zip(layers, self.widths[1:], self.widths, strict=False):
            W = np.asarray(W)
            if W.shape[-2:] != (m, k):
                raise ValueError(f"these weights must have shape (..., {m}, {k}), not {W.shape}")
            if self.bias:
                b = np.zeros(m) if b is None else np.asarray(b)
                if b.shape[-1:] != (m,):
                    raise ValueError(f"these biases must have shape (..., {m}), not {b.shape}")
                lead = np.broadcast_shapes(W.shape[:-2], b.shape[:-1])
                W = np.broadcast_to(W, (*lead, m, k))
                W = np.concatenate([W, np.broadcast_to(b, (*lead, m))[..., None]], axis=-1)
            elif b is not None:
                raise ValueError(f"{self!r} has no biases: b must be None")
            parts.append(W)
        return _flat(parts)

    def _signals(self, A, x, order):
        """Inputs ã of each layer, pre-activations z, and [φ, φ′, φ″][: order + 1] at each hidden z.

        Here, and in everything that differentiates, signals have shape (..., m, n), samples last, so that
        z = Aã is one product of matrices: A = [W b], and ã is a over a row of ones.
        """
        inputs, before, jets = [x], [], []
        for matrix in A[:-1]:
            before.append(matrix @ inputs[-1])
            jets.append(self.activation.jet(before[-1], order))
            inputs.append(self._with_ones(jets[-1][0]))
        before.append(A[-1] @ inputs[-1])
        return inputs, before, jets

    def _with_ones(self, a):
        if not self.bias:
            return a
        ã = np.empty((*a.shape[:-2], a.shape[-2] + 1, a.shape[-1]), dtype=a.dtype)
        ã[..., :-1, :], ã[..., -1, :] = a, 1.0
        return ã

    def forward(self, θ, x):
        """(z, a): pre-activations [z⁽¹⁾, …, z⁽ᴸ⁾] and signals [x, a⁽¹⁾, …, f], each (..., n, m) of its layer.

        θ (..., d), x (n, m₀).
        """
        x = _samples(x, "x", self.widths[0])
        _, before, jets = self._signals(self.matrices(θ), self._with_ones(x.T), 0)
        before = [np.swapaxes(s, -1, -2) for s in before]
        return before, [x, *(np.swapaxes(jet[0], -1, -2) for jet in jets), before[-1]]

    def output(self, θ, x):
        """f(x): θ (..., d), x (n, m₀) -> (..., n, m_L)."""
        return self.forward(θ, x)[0][-1]

    def on(self, x, y):
        """The mean loss on samples x (n, m₀) with targets y (n, m_L), as a function of θ: an Objective."""
        return Objective(self, x, y)


class Objective:
    """L(θ) = (1/n) Σ ℓ(f(xᵢ), yᵢ) of a network on n samples, with its exact derivatives.

    `x` (n, m₀) and `y` (n, m_L) as arrays; y may be given as (n,) where there is one output. Classes are
    given one-hot (`data.one_hot`). A complex θ passes through, so that a complex step can check derivatives.

    >>> line = Network((1, 1)).on(x=[[0.0], [1.0], [2.0]], y=[1.0, 3.0, 5.0])
    >>> line.loss([2.0, 1.0]), line.gradient([2.0, 0.0]).tolist()
    (np.float64(0.0), [-1.0, -1.0])
    >>> np.round(line.hessian([2.0, 1.0]), 6).tolist()
    [[1.666667, 1.0], [1.0, 1.0]]
    """

    def __init__(self, net, x, y):
        if not isinstance(net, Network):
            raise TypeError(f"net must be a Network, not {net!r}")
        self.net = net
        self.x = _samples(x, "x", net.widths[0])
        self.y = _samples(y, "y", net.widths[-1])
        if len(self.x) != len(self.y):
            raise ValueError(f"x and y must have as many samples, not {len(self.x)} and {len(self.y)}")
        if net.loss.name == "cross-entropy" and not (
            (self.y >= 0).all() and np.allclose(self.y.sum(axis=-1), 1, rtol=0, atol=1e-9)
        ):
            raise ValueError("for the cross-entropy each row of y must hold probabilities that add up to 1")
        self._x = net._with_ones(np.ascontiguousarray(self.x.T))
        self._rows = np.ascontiguousarray(self._x.T)  # a batch takes rows, each in one piece

    @property
    def d(self):
        """The number of parameters."""
        return self.net.d

    @property
    def n(self):
        """The number of samples."""
        return len(self.x)

    N = n  # as in helpers.minibatch

    def __repr__(self):
        return f"{self.net!r}.on({self.n} samples)"

    def output(self, θ):
        """f at every sample: θ (..., d) -> (..., n, m_L)."""
        return self.net.output(θ, self.x)

    def loss(self, θ):
        """L(θ): θ (..., d) -> (...)."""
        return self.net.loss.value(self.output(θ), self.y).mean(axis=-1)

    def accuracy(self, θ):
        """The share of samples whose largest output is that of their class: θ (..., d) -> (...)."""
        if self.net.widths[-1] < 2:
            raise ValueError("an accuracy needs at least 2 outputs, one for each class, not 1")
        return (self.output(θ).real.argmax(axis=-1) == self.y.argmax(axis=-1)).mean(axis=-1)

    def _forward(self, θ, order, x=None):
        A = self.net.matrices(θ)
        inputs, before, jets = self.net._signals(A, self._x if x is None else x, order)
        return A, inputs, before, jets

    def _weights(self, A):
        return A[..., :-1] if self.net.bias else A

    def _errors(self, A, f, jets, y=None):
        """δ⁽ˡ⁾ = ∂L/∂z⁽ˡ⁾ and e⁽ˡ⁾ = ∂L/∂a⁽ˡ⁾ of every layer, (..., m_l, n): back-propagation."""
        y = self.y if y is None else y
        δ = [_transpose(self.net.loss.slope(_transpose(f), y)) / f.shape[-1]]
        e = []
        for matrix, jet in zip(A[:0:-1], jets[::-1], strict=True):
            e.insert(0, _transpose(self._weights(matrix)) @ δ[0])
            δ.insert(0, jet[1] * e[0])
        return δ, e

    def gradient(self, θ):
        """∇L(θ) by back-propagation: θ (..., d) -> (..., d)."""
        return self._gradient(θ, self._x, self.y)

    def _gradient(self, θ, x, y):
        A, inputs, before, jets = self._forward(θ, 1, x)
        δ, _ = self._errors(A, before[-1], jets, y)
        return _flat([δ_l @ _transpose(ã) for δ_l, ã in zip(δ, inputs, strict=True)])

    def batch_gradient(self, θ, batch):
        """The gradient of the mean loss on a batch of sample numbers, from 0 to n − 1.

        θ (..., d), batch (B,) for all networks or (..., B), one for each -> (..., d). A batch that all
        networks share is the cheaper one.

        >>> line = Network((1, 1)).on(x=[[0.0], [1.0], [2.0]], y=[1.0, 3.0, 5.0])
        >>> line.batch_gradient([2.0, 0.0], [[0], [2]]).tolist()
        [[0.0, -1.0], [-2.0, -1.0]]
        """
        return self._batch_gradient(θ, batch_of(batch, self.n))

    def _batch_gradient(self, θ, batch):
        return self._gradient(θ, _transpose(self._rows[batch]), self.y[batch])

    def sample_gradients(self, θ):
        """∇ℓᵢ(θ) of each sample: θ (..., d) -> (..., n, d); their mean over the samples is ∇L."""
        A, inputs, before, jets = self._forward(θ, 1)
        δ, _ = self._errors(A, before[-1], jets)
        parts = [δ_l[..., :, None, :] * ã[..., None, :, :] for δ_l, ã in zip(δ, inputs, strict=True)]
        return self.n * _flat([np.moveaxis(part, -1, -3) for part in parts])

    def sample_norms(self, θ):
        """|∇ℓᵢ(θ)| of each sample: θ (..., d) -> (..., n), without the gradients themselves.

        The gradient of a sample in a layer is δãᵀ, whose length is |δ||ã|.
        """
        A, inputs, before, jets = self._forward(θ, 1)
        δ, _ = self._errors(A, before[-1], jets)
        squares = [
            (δ_l**2).sum(axis=-2) * (ã**2).sum(axis=-2) for δ_l, ã in zip(δ, inputs, strict=True)
        ]
        return self.n * np.sqrt(sum(squares))

    def hvp(self, θ, v):
        """H(θ)v without H, for the price of two gradients: θ and v (..., d), broadcast together, -> (..., d).

        The derivative of back-propagation along v, itself exact. Source: Pearlmutter (1994).
        """
        A, inputs, before, jets = self._forward(θ, 2)
        V = self.net.matrices(v)
        Rz, Ra = [], []  # R: the derivative along v
        for k, matrix in enumerate(A):
            Rz.append(V[k] @ inputs[k])
            if k:
                Rz[k] = Rz[k] + self._weights(matrix) @ Ra[k - 1]
            if k < len(jets):
                Ra.append(jets[k][1] * Rz[k])
        δ, e = self._errors(A, before[-1], jets)
        Rδ = (self._bend(before[-1]) * Rz[-1][..., None, :, :]).sum(axis=-2)
        parts = []
        for k in reversed(range(len(A))):
            part = Rδ @ _transpose(inputs[k])
            if k:
                self._weights(part)[...] += δ[k] @ _transpose(Ra[k - 1])  # the row of ones does not move
                Re = _transpose(self._weights(A[k])) @ Rδ + _transpose(self._weights(V[k])) @ δ[k]
                _, slope, bend = jets[k - 1]
                Rδ = slope * Re + bend * Rz[k - 1] * e[k - 1]
            parts.insert(0, part)
        return _flat(parts)

    def _bend(self, f):
        """∂²L/∂f∂f of every sample, (..., m_L, m_L, n)."""
        bend = self.net.loss.bend(np.swapaxes(f, -1, -2), self.y) / self.n
        return np.moveaxis(bend, -3, -1)

    def hessian(self, θ):
        """H(θ), exact: θ (..., d) -> (..., d, d).

        With Q = ∂δ⁽ˡ⁾/∂z⁽ᵏ⁾ and S = ∂a⁽ˡ⁻¹⁾/∂z⁽ᵏ⁾ of each sample, k ≤ l, the block of two layers is

            ∂²L / ∂A⁽ˡ⁾ᵢₐ ∂A⁽ᵏ⁾ⱼᵦ = Σ_samples (Qᵢⱼ ã⁽ˡ⁻¹⁾ₐ + δ⁽ˡ⁾ᵢ Sₐⱼ) ã⁽ᵏ⁻¹⁾ᵦ,    A = [W b],

        where S = 0 for k = l. Q and S go from k to k − 1 by one factor W⁽ᵏ⁾φ′, and the Q of a layer with
        itself goes from l to l − 1 by two factors and one term with φ″.
        """
        A, inputs, before, jets = self._forward(θ, 2)
        δ, e = self._errors(A, before[-1], jets)
        W = [self._weights(matrix) for matrix in A]
        lead = before[-1].shape[:-2]
        H = np.empty((*lead, self.d, self.d), dtype=before[-1].dtype)
        ends = np.cumsum([0, *(m * k for m, k in self.net.shapes)])

        own = self._bend(before[-1])  # ∂δ⁽ˡ⁾/∂z⁽ˡ⁾ (..., m_l, m_l, n)
        for top in reversed(range(self.net.depth)):  # the layers l and k, counted from 0
            Q, S = own, None
            for k in range(top, -1, -1):
                block = _sum_over_samples("ij,ab", Q, _outer(inputs[top], inputs[k]))
                if S is not None:  # the row of ones in ã does not depend on θ
                    self._weight_rows(block)[...] += _sum_over_samples("ib,aj", _outer(δ[top], inputs[k]), S)
                rows, columns = slice(ends[top], ends[top + 1]), slice(ends[k], ends[k + 1])
                H[..., rows, columns] = block.reshape(H[..., rows, columns].shape)
                if k < top:
                    H[..., columns, rows] = _transpose(H[..., rows, columns])
                if k:
                    slope = jets[k - 1][1][..., None, :, :]
                    Wᵀ = _transpose(W[k])[..., None, :, :]
                    Q = (Wᵀ @ Q) * slope
                    S = (np.eye(slope.shape[-2])[..., None] if k == top else Wᵀ @ S) * slope
                    if k == top:
                        below = Q  # ∂δ⁽ˡ⁾/∂z⁽ˡ⁻¹⁾ (..., m_l, m_l₋₁, n)
            if top:
                _, slope, bend = jets[top - 1]
                m = self.net.widths[top]
                own = _transpose(W[top]) @ below.reshape(*below.shape[:-2], m * self.n)
                own = own.reshape(*own.shape[:-1], m, self.n) * slope[..., :, None, :]
                own[..., range(m), range(m), :] += bend * e[top - 1]
        return H

    def _weight_rows(self, block):
        """The part of a block (..., i, a, j, b) whose a belongs to a weight, not to a bias."""
        return block[..., :, :-1, :, :] if self.net.bias else block


_activation = activation  # `Network` has an argument of that name


def _parameters(θ, d):
    θ = np.asarray(θ)
    if θ.dtype.kind not in "biufc":
        raise TypeError(f"θ must be numbers, not an array of {θ.dtype}")
    if θ.ndim == 0 or θ.shape[-1] != d:
        raise ValueError(f"the network has {d} parameters: θ needs shape (..., {d}), not {θ.shape}")
    return θ if θ.dtype.kind == "c" else θ.astype(np.float64, copy=False)


def batch_of(batch, n):
    """`batch` as an array (..., B) of sample numbers from 0 to n − 1.

    >>> batch_of([0, 2], 3).tolist()
    [0, 2]
    """
    batch = np.asarray(batch)
    if batch.dtype.kind not in "iu":
        raise TypeError(f"a batch must hold whole numbers, those of its samples, not {batch.dtype}")
    if batch.ndim == 0 or batch.shape[-1] == 0:
        raise ValueError(f"a batch must have shape (..., B) with B at least 1, not {batch.shape}")
    if batch.size and not (batch.min() >= 0 and batch.max() < n):
        raise ValueError(
            f"the samples are numbered from 0 to {n - 1}, but the batch has {batch.min()} to {batch.max()}"
        )
    return batch.astype(np.intp, copy=False)


def _samples(values, name, m):
    values = finite_array(values, name)
    if m == 1 and values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] != m or len(values) == 0:
        raise ValueError(f"{name} must have shape (n, {m}) with n at least 1, not {values.shape}")
    return values


def _transpose(A):
    return np.swapaxes(A, -1, -2)


def _flat(parts):
    """Matrices (..., m, k) of each layer as one array (..., d)."""
    lead = np.broadcast_shapes(*(part.shape[:-2] for part in parts))
    flat = [part.reshape(*part.shape[:-2], -1) for part in parts]
    return np.concatenate([np.broadcast_to(p, (*lead, p.shape[-1])) for p in flat], axis=-1)


def _outer(u, v):
    """uᵢvⱼ of every sample: (..., i, n), (..., j, n) -> (..., i, j, n)."""
    return u[..., :, None, :] * v[..., None, :, :]


def _sum_over_samples(indices, P, R):
    """Σ PᵢⱼRₐᵦ over the samples, as one product of matrices, with the result in the order (..., i, a, j, b).

    `indices` name those of P and R: "ij,ab" or "ib,aj".
    """
    (p, q, n), (r, s) = P.shape[-3:], R.shape[-3:-1]
    product = P.reshape(*P.shape[:-3], p * q, n) @ _transpose(R.reshape(*R.shape[:-3], r * s, n))
    product = product.reshape(*product.shape[:-2], p, q, r, s)
    first, second = indices.split(",")
    return np.moveaxis(product, [-4 + (first + second).index(c) for c in "iajb"], [-4, -3, -2, -1])


CUTOFF = 1e-4  # eigenvalues of H up to this share of the largest count as zero in a Newton step
ZERO = 1e-8  # and up to this share they count as zero, not as negative, in an index


@dataclass(frozen=True, eq=False)
class NewtonStep:
    """The shortest Newton step and what it leaves over: see `newton_residual`.

    `step` (..., d) and its length `size` (...); `gradient_norm` |∇L| (...); `residual` ‖Hs + ∇L‖/‖∇L‖ (...);
    `eigenvalues` of H (..., d), ascending, and `index` (...): how many of them are negative.

    >>> from helpers.landscapes import landscape
    >>> step = newton_residual(landscape("saddle"), [0.3, 0.4])
    >>> round(float(step.size), 6), round(float(step.gradient_norm), 6)
    (0.5, 1.0)
    """

    step: np.ndarray
    size: np.ndarray
    gradient_norm: np.ndarray
    residual: np.ndarray
    eigenvalues: np.ndarray

    @property
    def index(self):
        """How many eigenvalues are negative beyond rounding: below −1e-8·max|λ|. (...)"""
        scale = np.abs(self.eigenvalues).max(axis=-1, keepdims=True)
        return (self.eigenvalues < -ZERO * scale).sum(axis=-1)


def newton_residual(objective, θ, cutoff=CUTOFF):
    """Does the Hessian explain the gradient: is a critical point near θ, or is only the gradient flat?

    s = −H⁺∇L is the shortest of the steps that make ‖Hs + ∇L‖ least, and the residual ‖Hs + ∇L‖/‖∇L‖ is the
    share of the gradient in the kernel of H. Near a critical point θ*, ∇L ≈ H(θ − θ*) lies in the range of H,
    and the residual is near 0. Where minimising ‖∇L‖ has stalled, H∇L = 0 and ∇L lies in the kernel: the
    residual is near 1, the point is *gradient-flat*, and no critical point need be near. At a critical point
    that is met to rounding ∇L is noise, and the residual says nothing: look at |∇L| first.

    Eigenvalues of H with |λ| ≤ cutoff·max|λ| count as zero. A larger cutoff calls more points flat; a smaller
    one leaves steps s = −∇L/λ so long that the Hessian does not hold along them: look at `size` too.

    `objective`: anything with gradient(θ) and hessian(θ), a Landscape or an Objective; θ (..., d). Source:
    Frye et al. (2021).

    >>> from helpers.landscapes import landscape
    >>> near = newton_residual(landscape("saddle"), [0.1, 0.2])
    >>> near.step.tolist(), float(near.residual), int(near.index)
    ([-0.1, -0.2], 0.0, 1)
    >>> x, y = sp.symbols("x y", real=True)
    >>> from helpers.landscapes import Landscape
    >>> ramp = Landscape("ramp", x + y**2, (x, y), ((-1, 1), (-1, 1)))
    >>> float(newton_residual(ramp, [0.5, 0.0]).residual)
    1.0
    """
    θ, cutoff = finite_array(θ, "θ"), number(cutoff, "cutoff", 0, 1)
    g = objective.gradient(θ)
    λ, u = np.linalg.eigh(objective.hessian(θ))
    share = (_transpose(u) @ g[..., None])[..., 0]
    kept = np.abs(λ) > cutoff * np.abs(λ).max(axis=-1, keepdims=True)
    step = -(u @ np.where(kept, share / np.where(kept, λ, 1), 0)[..., None])[..., 0]
    norm, left = np.linalg.norm(g, axis=-1), np.linalg.norm(np.where(kept, 0, share), axis=-1)
    return NewtonStep(step, np.linalg.norm(step, axis=-1), norm, left / np.where(norm > 0, norm, 1), λ)


@dataclass(frozen=True, eq=False)
class GradientNormRun:
    """A run of `minimize_gradient_norm`: where it ended, θ (..., d), and |∇L| after each step.

    `history` (steps + 1, ...): |∇L|. `accepted` (...): how many of the steps were taken.

    >>> from helpers.landscapes import landscape
    >>> run = minimize_gradient_norm(landscape("saddle"), [[0.1, 0.2]], steps=5)
    >>> run.history.shape, run.accepted.tolist()
    ((6, 1), [5])
    """

    θ: np.ndarray
    history: np.ndarray
    accepted: np.ndarray

    @property
    def gradient_norm(self):
        """|∇L| at the end: (...)."""
        return self.history[-1]

    def __repr__(self):
        norms = self.gradient_norm
        return (
            f"{norms.size} runs of {len(self.history) - 1} steps on |∇L|: "
            f"median {np.median(norms):.1e}, least {norms.min():.1e}"
        )


def minimize_gradient_norm(objective, θ, steps=100, tolerance=1e-12, μ=1.0):
    """Levenberg–Marquardt on ½‖∇L‖², for all networks at once: the hunt for critical points of any index.

    Its step is

        s = −(H² + μI)⁻¹H∇L = −Re[(H + i√μ I)⁻¹∇L],

    where the second form does not square the condition number of H. A step is taken where it lowers |∇L|.
    Each network has its own μ, at first `μ` times the mean square of its eigenvalues; with r the fall of
    ‖∇L‖² over the fall that ‖∇L + Hs‖² promised, a step that is taken multiplies it by max(⅓, 1 − (2r − 1)³),
    steps refused in a row by 2, 4, 8, … A network rests when |∇L| ≤ tolerance. θ (..., d).
    (200 networks of 46 parameters on 64 samples take some 20 to 40 ms a step on one core.)

    What it finds need not be critical: ½‖∇L‖² has the gradient H∇L, which also vanishes where ∇L ≠ 0 lies in
    the kernel of H. `newton_residual` tells these points apart. Source: Frye et al. (2021); Nielsen (1999)
    for the rule for μ.

    >>> from helpers.landscapes import landscape
    >>> run = minimize_gradient_norm(landscape("worst network"), [[0.5, -0.4], [2.0, 1.0]], steps=30)
    >>> np.round(landscape("worst network").loss(run.θ), 9).tolist()
    [1.0, 0.0]
    """
    θ, steps = finite_array(θ, "θ"), count(steps, "steps", 1)
    tolerance, μ = number(tolerance, "tolerance", 0), number(μ, "μ", 0, above=True)
    if θ.ndim == 0:
        raise ValueError("θ must have shape (..., d), with the parameters on the last axis")
    shape, d = θ.shape[:-1], θ.shape[-1]
    θ = θ.reshape(-1, d).copy()
    g, H = np.array(objective.gradient(θ)), np.array(objective.hessian(θ))
    norm = np.linalg.norm(g, axis=-1)
    scale = (H**2).sum(axis=(-2, -1)) / d
    scale[scale == 0] = 1.0
    μ, refused = μ * scale, np.zeros(len(θ))
    accepted = np.zeros(len(θ), dtype=int)
    history = np.empty((steps + 1, len(θ)))
    history[0] = norm
    for t in range(1, steps + 1):
        at = np.flatnonzero(norm > tolerance)  # the networks that still move
        if at.size:
            shifted = H[at] + 1j * np.sqrt(μ[at])[:, None, None] * np.eye(d)
            s = -np.linalg.solve(shifted, g[at][..., None].astype(complex)).real
            promised = norm[at] ** 2 - np.linalg.norm(g[at] + (H[at] @ s)[..., 0], axis=-1) ** 2
            trial = θ[at] + s[..., 0]
            with np.errstate(all="ignore"):
                slope = objective.gradient(trial)
                size = np.linalg.norm(slope, axis=-1)
                taken = size < norm[at]  # false for NaN
                r = np.clip((norm[at] ** 2 - size**2) / promised, 0, 2)
            factor = np.where(taken, np.maximum(1 / 3, 1 - (2 * r - 1) ** 3), 2.0 ** (1 + refused[at]))
            # μ may fall until √μ is lost beside the eigenvalues, and rise until a step is lost beside θ
            μ[at] = np.clip(μ[at] * factor, 1e-30 * scale[at], 1e30 * scale[at])
            refused[at] = np.where(taken, 0, np.minimum(refused[at] + 1, 20))
            new = at[taken]
            θ[new], g[new], norm[new] = trial[taken], slope[taken], size[taken]
            if new.size:
                H[new] = objective.hessian(θ[new])
            accepted[new] += 1
        history[t] = norm
    return GradientNormRun(θ.reshape(*shape, d), history.reshape(-1, *shape), accepted.reshape(shape))


@dataclass(frozen=True, eq=False)
class CriticalSearch:
    """What `find_critical` found from each start: θ (..., d), its loss, index, |∇L|, Newton step and kind.

    `critical` (...): |∇L| is within the tolerance. `flat` (...): it is not, and the gradient lies in the
    kernel of H. The others are undecided: they were still on their way. `run` holds the path of |∇L|.

    >>> from helpers.landscapes import landscape
    >>> found = find_critical(landscape("saddle"), [[0.1, 0.2]])
    >>> found.critical.tolist(), found.index.tolist()
    ([True], [1])
    """

    θ: np.ndarray
    loss: np.ndarray
    newton: NewtonStep
    critical: np.ndarray
    run: GradientNormRun

    @property
    def gradient_norm(self):
        """|∇L|: (...)."""
        return self.newton.gradient_norm

    @property
    def index(self):
        """The number of negative eigenvalues: (...)."""
        return self.newton.index

    @property
    def residual(self):
        """‖Hs + ∇L‖/‖∇L‖ of the Newton step: (...)."""
        return self.newton.residual

    @property
    def flat(self):
        """Gradient-flat: not critical, and the residual is above 0.9. (...)"""
        return ~self.critical & (self.newton.residual > 0.9)

    def __repr__(self):
        n, critical, flat = self.critical.size, int(self.critical.sum()), int(self.flat.sum())
        return f"{n} points: {critical} critical, {flat} gradient-flat, {n - critical - flat} undecided"


def find_critical(objective, θ, steps=100, tolerance=1e-9, cutoff=CUTOFF):
    """Minimise |∇L| from each θ (..., d), and say of each end what it is: a CriticalSearch.

    A point is called critical where |∇L| ≤ `tolerance`; `cutoff` as in `newton_residual`.

    >>> from helpers.landscapes import landscape
    >>> found = find_critical(landscape("Himmelblau"), [[-0.2, -1.0], [3.1, 2.2]])
    >>> found, found.index.tolist()
    (2 points: 2 critical, 0 gradient-flat, 0 undecided, [2, 0])
    """
    tolerance = number(tolerance, "tolerance", 0, above=True)
    # it goes on below the tolerance: a degenerate point is approached slowly, and passes the bar on its way
    run = minimize_gradient_norm(objective, θ, steps, tolerance / 1000)
    newton = newton_residual(objective, run.θ, cutoff)
    critical = newton.gradient_norm <= tolerance
    return CriticalSearch(run.θ, objective.loss(run.θ), newton, critical, run)
