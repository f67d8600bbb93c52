"""Losses that are means over samples, minibatches of them, and the laws of their noise.

The loss is L(θ) = (1/N) Σ ℓ(θ; zₙ). A minibatch b of B samples gives the gradient

    g_b(θ) = (1/B) Σ ∇ℓ(θ; zₙ) over n ∈ b,

whose mean is ∇L(θ), and whose covariance is C(θ)/B where samples are drawn with replacement, C being the
covariance of the gradient of one sample. Gradient descent is B = N without replacement, and stochastic
gradient descent is B = 1.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy as sp

from helpers import symbolic
from helpers.checks import count, finite_array, lookup, number
from helpers.landscapes import Landscape
from helpers.networks import batch_of
from helpers.optimizers import g, η, θ, λ
from helpers.optimizers import rule as find_rule
from helpers.symbolic import Formula, as_expression, numpy_function

# Losses of one sample


@dataclass(frozen=True, eq=False)
class SampleLoss:
    """ℓ(θ; z), the loss on one sample: an expression of the `variables` θ and of the numbers z of a `sample`.

    `title` and `about` are for the reader. `on(samples)` makes the mean over samples of it.

    Raises TypeError or ValueError for a loss that is no expression of these symbols.

    >>> w, x, y = sp.symbols("w x y", real=True)
    >>> line = SampleLoss("line", (w * x - y) ** 2 / 2, variables=w, sample=(x, y))
    >>> line.on([[1.0, 2.0], [2.0, 2.0]]).gradient([0.0]).tolist()
    [-3.0]
    """

    name: str
    expression: sp.Expr
    variables: tuple
    sample: tuple
    title: str = ""
    about: str = ""

    def __post_init__(self):
        def fix(field, value):
            object.__setattr__(self, field, value)

        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"the name of a loss must be a non-empty string, not {self.name!r}")
        for field in ("variables", "sample"):
            value = getattr(self, field)
            fix(field, tuple(value) if isinstance(value, (tuple, list)) else (value,))
        symbols = (*self.variables, *self.sample)
        if (
            not self.variables
            or not self.sample
            or not all(isinstance(s, sp.Symbol) for s in symbols)
            or len(set(symbols)) < len(symbols)
        ):
            raise TypeError(
                "variables and sample must each be one or more SymPy symbols, all of them different, not "
                f"{self.variables!r} and {self.sample!r}"
            )
        fix("expression", as_expression(self.expression, symbols, f"the loss {self.name!r}"))
        fix("title", self.title or self.name[0].upper() + self.name[1:])

    @property
    def d(self):
        """The number of parameters."""
        return len(self.variables)

    @cached_property
    def gradient_expression(self):
        """∇ℓ as a list of d expressions."""
        return [symbolic.derivative(self.expression, v) for v in self.variables]

    @cached_property
    def hessian_expression(self):
        """∇²ℓ as d lists of d expressions."""
        return [[symbolic.derivative(slope, v) for v in self.variables] for slope in self.gradient_expression]

    @cached_property
    def formulas(self):
        """ℓ, ∇ℓ and ∇²ℓ as a dict of three formulas of θ and z."""
        parts = {
            "loss": self.expression,
            "gradient": self.gradient_expression,
            "hessian": self.hessian_expression,
        }
        return {name: Formula([self.variables, self.sample], part) for name, part in parts.items()}

    @cached_property
    def quadratic(self):
        """Is ℓ a polynomial of degree 2 at most in θ?"""
        return not any(e.free_symbols & set(self.variables) for row in self.hessian_expression for e in row)

    @cached_property
    def latex(self):
        """ℓ as LaTeX."""
        return symbolic.latex(self.expression)

    @cached_property
    def javascript(self):
        """JavaScript of ℓ, ∇ℓ and ∇²ℓ: ({loss: (θ, z) => …, gradient: …, hessian: …}), of two arrays."""
        parts = ", ".join(f"{name}: {formula.javascript}" for name, formula in self.formulas.items())
        return f"({{{parts}}})"

    def on(self, samples):
        """The mean of ℓ over samples (N, k), as a function of θ: an EmpiricalLoss. For k = 1 also (N,)."""
        return EmpiricalLoss(self, samples)

    def _repr_latex_(self):
        θ, z = (", ".join(symbolic.latex(s) for s in group) for group in (self.variables, self.sample))
        return rf"$\ell({θ};\, {z}) = {self.latex}$"

    def __repr__(self):
        return f"SampleLoss({self.name!r}, {self.expression})"


class EmpiricalLoss:
    """L(θ) = (1/N) Σ ℓ(θ; zₙ) on `samples` (N, k), and its parts: any number of points θ (..., d) at once.

    >>> data = sample_loss("least squares").on([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]])
    >>> data, data.loss([2.0, 1.0]), data.gradient([[2.0, 0.0], [2.0, 1.0]]).tolist()
    (EmpiricalLoss('least squares', 3 samples), np.float64(0.0), [[-1.0, -1.0], [0.0, 0.0]])
    """

    def __init__(self, sample_loss, samples):
        if not isinstance(sample_loss, SampleLoss):
            raise TypeError(f"sample_loss must be a SampleLoss, not {sample_loss!r}")
        self.sample_loss, k = sample_loss, len(sample_loss.sample)
        samples = finite_array(samples, "samples")
        if k == 1 and samples.ndim == 1:
            samples = samples[:, None]
        if samples.ndim != 2 or samples.shape[1] != k or len(samples) == 0:
            raise ValueError(f"samples must have shape (N, {k}) with N at least 1, not {samples.shape}")
        self.samples = samples
        self._columns = [np.ascontiguousarray(column) for column in samples.T]

    @property
    def N(self):
        """The number of samples."""
        return len(self.samples)

    @property
    def d(self):
        """The number of parameters."""
        return self.sample_loss.d

    def __repr__(self):
        return f"EmpiricalLoss({self.sample_loss.name!r}, {self.N} samples)"

    @cached_property
    def _numpy(self):
        loss = self.sample_loss
        parts = {
            "loss": [loss.expression],
            "gradient": loss.gradient_expression,
            "hessian": [entry for row in loss.hessian_expression for entry in row],
        }
        return {
            name: numpy_function([*loss.variables, *loss.sample], entries) for name, entries in parts.items()
        }

    def _entries(self, part, θ, batch=None):
        """The entries of ℓ, ∇ℓ or ∇²ℓ on each sample of the batch (all of them by default), (..., B) each."""
        θ = self._points(θ)
        columns = self._columns if batch is None else [column[batch] for column in self._columns]
        return self._numpy[part](*(θ[..., i, None] for i in range(self.d)), *columns)

    def _points(self, θ):
        θ = np.asarray(θ)
        if self.d == 1 and θ.ndim == 0:
            θ = θ[None]
        if θ.ndim == 0 or θ.shape[-1] != self.d:
            raise ValueError(
                f"{self.sample_loss.name!r} has {self.d} parameter(s): θ needs shape (..., {self.d}), "
                f"not {θ.shape}"
            )
        return θ

    def loss(self, θ):
        """L(θ): θ (..., d) -> (...)."""
        return self._entries("loss", θ)[0].mean(axis=-1)

    def gradient(self, θ):
        """∇L(θ): θ (..., d) -> (..., d)."""
        return np.stack([entry.mean(axis=-1) for entry in self._entries("gradient", θ)], axis=-1)

    def hessian(self, θ):
        """H(θ): θ (..., d) -> (..., d, d)."""
        H = np.stack([entry.mean(axis=-1) for entry in self._entries("hessian", θ)], axis=-1)
        return H.reshape(*H.shape[:-1], self.d, self.d)

    def sample_losses(self, θ):
        """ℓ(θ; zₙ) of each sample: θ (..., d) -> (..., N)."""
        return self._entries("loss", θ)[0]

    def sample_gradients(self, θ):
        """∇ℓ(θ; zₙ) of each sample: θ (..., d) -> (..., N, d)."""
        return np.stack(self._entries("gradient", θ), axis=-1)

    def sample_hessians(self, θ):
        """∇²ℓ(θ; zₙ) of each sample: θ (..., d) -> (..., N, d, d)."""
        H = np.stack(self._entries("hessian", θ), axis=-1)
        return H.reshape(*H.shape[:-1], self.d, self.d)

    def sample_norms(self, θ):
        """|∇ℓ(θ; zₙ)| of each sample: θ (..., d) -> (..., N)."""
        return np.linalg.norm(self.sample_gradients(θ), axis=-1)

    def batch_loss(self, θ, batch):
        """The mean loss on a batch of sample numbers: θ (..., d), batch (B,) or (..., B) -> (...)."""
        return self._entries("loss", θ, batch_of(batch, self.N))[0].mean(axis=-1)

    def batch_gradient(self, θ, batch):
        """The mean gradient on a batch of sample numbers: θ (..., d) -> (..., d).

        `batch` is (B,) for all runs, or (..., B), one for each.

        >>> data = sample_loss("location").on([0.0, 2.0, 6.0])
        >>> data.batch_gradient([[1.0], [1.0]], [[0, 1], [2, 2]]).tolist()
        [[0.0], [-5.0]]
        """
        return self._batch_gradient(θ, batch_of(batch, self.N))

    def _batch_gradient(self, θ, batch):
        return np.stack([entry.mean(axis=-1) for entry in self._entries("gradient", θ, batch)], axis=-1)

    @cached_property
    def expression(self):
        """L as a SymPy expression of θ. A term f(θ)h(z) becomes f(θ) times the mean of h."""
        loss = self.sample_loss
        total, left = sp.S.Zero, sp.S.Zero
        for term in sp.Add.make_args(sp.expand(loss.expression)):
            of_z, of_θ = term.as_independent(*loss.variables, as_Add=False)
            if of_θ.free_symbols & set(loss.sample):
                left += term
            else:
                (values,) = numpy_function(loss.sample, [of_z])(*self._columns)
                total += sp.Float(float(values.mean())) * of_θ
        if left:
            rows = (left.subs(dict(zip(loss.sample, row, strict=True))) for row in self.samples.tolist())
            total += sp.Add(*rows) / self.N
        return total

    def landscape(self, domain, start=None, **more):
        """L as a Landscape, so that every figure and explorer of a loss of few parameters can show it.

        `domain` and `start` as in Landscape; `more`: its other fields, such as title.

        >>> data = sample_loss("location").on([0.0, 2.0])
        >>> data.landscape((-3, 3)).loss([[1.0], [2.0]]).tolist()
        [0.5, 1.0]
        """
        more = {"name": self.sample_loss.name} | more
        return Landscape(
            expression=self.expression,
            variables=self.sample_loss.variables,
            domain=domain,
            start=start,
            **more,
        )

    @property
    def javascript(self):
        """JavaScript of ℓ, ∇ℓ and ∇²ℓ, see SampleLoss."""
        return self.sample_loss.javascript

    def minimum(self, start=None):
        """θ* (d,), where ∇L = 0 and H is positive definite, by Newton's method; exact where ℓ is quadratic.

        Raises ValueError where Newton's method finds no minimum from `start` (zeros by default).

        >>> sample_loss("location").on([0.0, 2.0, 7.0]).minimum().tolist()
        [3.0]
        """
        θ = finite_array(np.zeros(self.d) if start is None else start, "start", self.d).copy()
        for _ in range(2 if self.sample_loss.quadratic else 100):
            H, g = self.hessian(θ), self.gradient(θ)
            if not (np.isfinite(H).all() and np.linalg.eigvalsh(H)[0] > 1e-12 * np.abs(H).max()):
                raise ValueError("Newton's method finds no minimum from here: the Hessian is not positive")
            step = np.linalg.solve(H, g)
            θ = θ - step
            if np.abs(step).max() <= 1e-14 * max(1.0, np.abs(θ).max()):
                break
        else:
            if not self.sample_loss.quadratic:
                raise ValueError("Newton's method finds no minimum from here in 100 steps")
        return θ


w, b, x, y, z, u, v = sp.symbols("w b x y z u v", real=True)
_θ = sp.Symbol("theta", real=True)
_s = w * x + b

LEAST_SQUARES = SampleLoss(
    "least squares",
    (w * x + b - y) ** 2 / 2,
    (w, b),
    (x, y),
    about="a line through points, its slope and its height",
)
LOGISTIC = SampleLoss(  # ln(1 + eˢ) − ys for y = 0 or 1
    "logistic",
    sp.log(2 * sp.cosh(_s / 2)) + _s / 2 - y * _s,
    (w, b),
    (x, y),
    title="Logistic regression",
    about="two classes, y = 0 and y = 1, on a line",
)
LOCATION = SampleLoss(
    "location", (_θ - z) ** 2 / 2, (_θ,), (z,), about="the mean of numbers; the noise does not depend on θ"
)
TILTED_WELL = SampleLoss(
    "tilted well",
    (_θ**2 - 1) ** 2 / 4 - z * _θ,
    (_θ,),
    (z,),
    about="two valleys; each sample tilts them in its own way",
)
TILTED_SADDLE = SampleLoss(
    "tilted saddle",
    x**2 / 2 - y**2 / 2 + y**4 / 4 - u * x - v * y,
    (x, y),
    (u, v),
    about="a saddle between two valleys; each sample tilts it in its own way",
)

SAMPLE_LOSSES = {loss.name: loss for loss in (LEAST_SQUARES, LOGISTIC, LOCATION, TILTED_WELL, TILTED_SADDLE)}


def sample_loss(name):
    """The loss of the gallery called `name`; a SampleLoss is passed through.

    >>> sample_loss("least squares").expression
    (b + w*x - y)**2/2
    """
    return name if isinstance(name, SampleLoss) else lookup(SAMPLE_LOSSES, name, "loss")


# Batches


def batches(N, B, steps, rng, replace=False, runs=(), epochs=True):
    """Sample numbers of `steps` batches of B out of N, for every run: (steps, *runs, B).

    With `replace=True` every sample is drawn from all N. Without, an epoch is a permutation of the N samples,
    cut into ⌊N/B⌋ batches; the N mod B samples that are left over sit out that epoch, and the next one is
    shuffled anew. `epochs=False` draws every batch afresh: different samples within it, independent of the
    batches before. `runs` is a number or a shape; every run has batches of its own.

    Raises ValueError where 1 ≤ B ≤ N does not hold (with replacement B may exceed N).

    >>> batches(6, 2, 3, np.random.default_rng(0)).tolist()
    [[3, 2], [5, 4], [0, 1]]
    """
    draw = _Draw(N, B, rng, replace, epochs)
    steps = count(steps, "steps")
    runs = tuple(count(n, "runs") for n in (runs if isinstance(runs, (tuple, list)) else (runs,)))
    found = np.empty((steps, *runs, draw.B), dtype=np.intp)
    for k in range(steps):
        found[k] = draw(runs)
    return found


class _Draw:
    """Draws the next batch of every run: see `batches`."""

    def __init__(self, N, B, rng, replace, epochs):
        self.N = count(N, "N", 1)
        for value, name in ((replace, "replace"), (epochs, "epochs")):
            if not isinstance(value, (bool, np.bool_)):
                raise TypeError(f"{name} must be True or False, not {value!r}")
        self.B = count(B, "B", 1) if replace else count(B, "B", 1, self.N)
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
        self.rng, self.replace, self.epochs = rng, replace, epochs
        self.order, self.at = None, 0

    def __call__(self, runs):
        if self.replace:
            return self.rng.integers(self.N, size=(*runs, self.B))
        fresh = self.order is None or self.order.shape[:-1] != runs
        if fresh:
            self.order = np.empty((*runs, self.N), dtype=np.intp)
            self.order[...] = np.arange(self.N)
        if fresh or not self.epochs or self.at + self.B > self.N:
            self.rng.permuted(self.order, axis=-1, out=self.order)
            self.at = 0
        self.at += self.B
        return self.order[..., self.at - self.B : self.at]


class Minibatch:
    """The loss `data` seen through minibatches of B samples: a target for `descend`.

    `gradient(θ)` draws the next batch and returns its mean gradient; every run, every leading axis of θ, has
    batches of its own, or all have the same with `common=True`. `replace` and `epochs` as in `batches`.
    `loss` and `hessian` are those of all samples. `evaluations` is how many gradients of a sample each run
    has cost so far. `data` is an EmpiricalLoss, a networks.Objective, or anything with N, d, loss, gradient
    and batch_gradient.

    B = N without replacement is gradient descent, to the last digit, and draws nothing.

    >>> from helpers.optimizers import descend
    >>> data = sample_loss("location").on([0.0, 2.0, 4.0])
    >>> sgd = Minibatch(data, 1, np.random.default_rng(0))
    >>> descend(sgd, [0.0], steps=3, η=lambda t: 1 / t).end.tolist(), sgd.evaluations
    ([2.0], 3)
    """

    def __init__(self, data, B, rng, replace=False, common=False, epochs=True):
        _check_data(data)
        if not isinstance(common, (bool, np.bool_)):
            raise TypeError(f"common must be True or False, not {common!r}")
        self.data, self.common = data, bool(common)
        self._draw = _Draw(data.N, B, rng, replace, epochs)
        self.B, self.replace = self._draw.B, self._draw.replace
        self.evaluations = 0
        if hasattr(data, "hessian"):
            self.hessian = data.hessian

    @classmethod
    def given(cls, data, batches):
        """The same with batches that are known already: (steps, B), or (steps, ..., B), one for every run.

        Raises ValueError when a descent asks for more batches than there are.

        >>> data = sample_loss("location").on([0.0, 2.0, 4.0])
        >>> Minibatch.given(data, [[0, 1], [1, 2]]).gradient([0.0]).tolist()
        [-1.0]
        """
        _check_data(data)
        batches = batch_of(batches, data.N)
        if batches.ndim < 2:
            raise ValueError(f"batches must have shape (steps, ..., B), not {batches.shape}")
        self = cls(data, batches.shape[-1], np.random.default_rng(0), replace=True)
        self._draw = _Given(batches)
        return self

    @property
    def N(self):
        """The number of samples."""
        return self.data.N

    @property
    def d(self):
        """The number of parameters."""
        return self.data.d

    def loss(self, θ):
        """L(θ), of all samples: θ (..., d) -> (...)."""
        return self.data.loss(θ)

    def gradient(self, θ):
        """The gradient on the next batch: θ (..., d) -> (..., d)."""
        θ = np.asarray(θ)
        self.evaluations += self.B
        if self.B == self.N and not self.replace:
            return self.data.gradient(θ)
        batch = self._draw(() if self.common else θ.shape[:-1])
        unchecked = getattr(self.data, "_batch_gradient", self.data.batch_gradient)
        return unchecked(θ, batch)

    def __repr__(self):
        how = "with" if self.replace else "without"
        return f"Minibatch({self.data!r}, B={self.B}, {how} replacement)"


def _check_data(data):
    missing = [name for name in ("N", "d", "loss", "gradient", "batch_gradient") if not hasattr(data, name)]
    if missing:
        raise TypeError(
            "data must be an EmpiricalLoss, a networks.Objective, or have N, d, loss, gradient and "
            f"batch_gradient, but {data!r} has no {missing[0]}"
        )


class _Given:
    """Hands out batches that are known beforehand."""

    def __init__(self, batches):
        self.batches, self.k = batches, 0

    def __call__(self, runs):
        if self.k == len(self.batches):
            raise ValueError(f"there are batches for {len(self.batches)} steps, and no more")
        self.k += 1
        return self.batches[self.k - 1]


# The noise of a batch


def noise_covariance(data, θ):
    """C(θ) = (1/N) Σ (∇ℓₙ − ∇L)(∇ℓₙ − ∇L)ᵀ, of one sample's gradient: θ (..., d) -> (..., d, d).

    >>> noise_covariance(sample_loss("location").on([0.0, 2.0]), [0.0]).tolist()
    [[1.0]]
    """
    g = data.sample_gradients(θ)
    g = g - g.mean(axis=-2, keepdims=True)
    return np.swapaxes(g, -1, -2) @ g / g.shape[-2]


_B, _N, _C = sp.symbols("B N C", positive=True)

with_replacement = Formula([_B], 1 / _B)
"""The covariance of a batch gradient over C, for B samples drawn with replacement."""

without_replacement = Formula([_B, _N], (_N - _B) / (_B * (_N - 1)))
"""The same for B different samples out of N > 1: sampling from a finite population. It is 0 at B = N.

>>> float(without_replacement(1, 10)), float(without_replacement(10, 10))
(1.0, 0.0)
"""


def batch_factor(B, N, replace=False):
    """1/B with replacement, (N − B)/(B(N − 1)) without: the covariance of a batch gradient, over C.

    Exact for every batch by itself; batches of one epoch are correlated, each two by −C/(N − 1). B may be an
    array.

    >>> batch_factor([1, 2, 5], 5).tolist()
    [1.0, 0.375, 0.0]
    """
    N, B = count(N, "N", 1), finite_array(B, "B")
    if not (B >= 1).all() or not (replace or (B <= N).all()):
        raise ValueError(f"B must be at least 1{'' if replace else f' and at most N = {N}'}, not {B}")
    if replace:
        return with_replacement(B)
    return without_replacement(B, N) if N > 1 else np.zeros(B.shape)[()]


def batch_covariance(C, B, N, replace=False):
    """The covariance of the gradient of a batch of B samples: C (..., d, d) times `batch_factor`.

    >>> batch_covariance([[8.0]], 2, 5).tolist(), batch_covariance([[8.0]], 2, 5, replace=True).tolist()
    ([[3.0]], [[4.0]])
    """
    return np.asarray(batch_factor(B, N, replace))[..., None, None] * finite_array(C, "C")


# One step: how much a larger batch helps

_G, _q, _h, _f, _scale = sp.symbols("G q h c B_noise", nonnegative=True)
_fall = η * _G - η**2 / 2 * (_q + _f * _h)
(_best,) = sp.solve(sp.diff(_fall, η), η)

expected_decrease = Formula([η, _f, _G, _q, _h], _fall)
"""E[L(θ) − L(θ − ηg_b)] = ηG − ½η²(q + ch) on a quadratic: G = |∇L|², q = gᵀHg, h = tr HC.

c is the `batch_factor`: 1/B with replacement.
"""

best_rate = Formula([_f, _G, _q, _h], _best)
"""The η of the largest expected decrease: G/(q + ch) = η_max/(1 + c𝓑), with η_max = G/q and 𝓑 = h/q.

With replacement c = 1/B, and B = 𝓑 halves the rate.

>>> float(best_rate(0, 2.0, 4.0, 40.0)), float(best_rate(1 / 10, 2.0, 4.0, 40.0))
(0.5, 0.25)
"""

best_decrease = Formula([_f, _G, _q, _h], sp.factor(_fall.subs(η, _best)))
"""The expected decrease at the best rate: ½ η_max G/(1 + c𝓑)."""

steps_factor = Formula([_B, _scale], 1 + _scale / _B)
"""Steps to a given loss, over those that exact gradients need, at the best rate: 1 + 𝓑/B.

It holds while G, q and h keep their proportions; along a whole training it is a model. Source:
mccandlish2018.
"""

examples_factor = Formula([_B, _scale], 1 + _B / _scale)
"""Examples to a given loss, over the fewest that any B needs: 1 + B/𝓑. At B = 𝓑 both factors are 2."""


@dataclass(frozen=True, eq=False)
class OneStep:
    """What a step from θ is worth on the quadratic model: see `one_step`.

    `gradient2` |∇L|² (...), `curvature` gᵀHg (...), `noise` tr HC (...); N samples.

    >>> step = one_step(sample_loss("location").on([0.0, 2.0]), [3.0])
    >>> float(step.gradient2), float(step.curvature), float(step.noise), float(step.best_rate(1))
    (4.0, 4.0, 1.0, 0.8)
    """

    gradient2: np.ndarray
    curvature: np.ndarray
    noise: np.ndarray
    N: int

    @property
    def noise_scale(self):
        """𝓑 = tr HC/gᵀHg: the batch size from which on a larger batch pays less and less. (...)"""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.noise / self.curvature

    def decrease(self, η, B, replace=False):
        """The expected decrease of the loss with rate η and batches of B."""
        return expected_decrease(η, *self._numbers(B, replace))

    def best_rate(self, B, replace=False):
        """The rate η with the largest expected decrease."""
        return best_rate(*self._numbers(B, replace))

    def best_decrease(self, B, replace=False):
        """The expected decrease at that rate."""
        return best_decrease(*self._numbers(B, replace))

    def _numbers(self, B, replace):
        return batch_factor(B, self.N, replace), self.gradient2, self.curvature, self.noise


def one_step(data, θ):
    """What one step with batches of `data` from θ (..., d) is worth: a OneStep, exact where L is quadratic.

    E[L(θ − ηg_b)] = L − η|∇L|² + ½η²(gᵀHg + tr HC/B). Source: mccandlish2018, section 2.2.

    >>> step = one_step(sample_loss("location").on([0.0, 2.0]), [3.0])
    >>> float(step.noise_scale), float(step.best_rate(1)), float(step.best_rate(2))
    (0.25, 0.8, 1.0)
    """
    _need(data, "sample_gradients", "hessian")
    θ = finite_array(θ, "θ", data.d)
    gradients, H = data.sample_gradients(θ), data.hessian(θ)
    g = gradients.mean(axis=-2)
    off = gradients - g[..., None, :]
    noise = (off * (off @ H)).sum(axis=(-2, -1)) / data.N
    return OneStep((g**2).sum(axis=-1), np.einsum("...i,...ij,...j->...", g, H, g), noise, data.N)


def noise_scale(data, θ):
    """tr C/|∇L|², the "simple" gradient noise scale, a number of samples: θ (..., d) -> (...).

    It is tr HC/gᵀHg, the one of `one_step`, where H is a multiple of I; in general it can be far from it.
    Source: mccandlish2018.

    >>> float(noise_scale(sample_loss("location").on([0.0, 2.0]), [3.0]))
    0.25
    """
    _need(data, "sample_norms", "gradient")
    g2 = (data.gradient(θ) ** 2).sum(axis=-1)
    trace = np.maximum((data.sample_norms(θ) ** 2).mean(axis=-1) - g2, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return trace / g2


def _need(data, *methods):
    for name in methods:
        if not callable(getattr(data, name, None)):
            raise TypeError(f"data must have a method {name}(θ), but {data!r} has none")


# The noise ball: where a constant rate keeps θ

_i, _j, _m, _k = sp.symbols("lambda_i lambda_j m k", positive=True)


@lru_cache
def linear_form(rule):
    """(K, k, a) of a rule whose step is s ← Ks + kg, with g taken at a·s; s = (θ, *states).

    Raises ValueError for a rule that is not linear in its states and g.

    >>> linear_form(find_rule("momentum"))
    (Matrix([
    [1, -beta*eta],
    [0,      beta]]), Matrix([
    [-eta],
    [   1]]), Matrix([[1, 0]]))
    """
    rule = find_rule(rule)
    names, new = [θ, *rule.states], {}
    for symbol, expression in rule.update:
        new[symbol] = sp.expand(sp.sympify(expression).subs(new))
    column = sp.Matrix([new.get(name, name) for name in names])
    K, k, a = column.jacobian(names), column.jacobian([g]), sp.Matrix([rule.at]).jacobian(names)
    letters = {h.symbol for h in rule.hyper}
    if (K.free_symbols | k.free_symbols | a.free_symbols) - letters or sp.expand(
        column - K * sp.Matrix(names) - k * g
    ) != sp.zeros(len(names), 1):
        raise ValueError(
            f"{rule.name!r} is not linear in θ and g; gradient descent, momentum and nesterov are"
        )
    return K, k, a


@lru_cache
def stationary_formula(rule="gradient descent"):
    """The stationary covariance of θᵢ and θⱼ on ½Σλᵢθᵢ² as a Formula of (c, λᵢ, λⱼ, *hyper-parameters).

    c is the covariance of the gradient's noise in these two coordinates, the same in every step and
    independent from step to step. With the rule's step M = K + λk·a it solves P = MᵢPMⱼᵀ + ckkᵀ, exactly,
    whatever η.

    >>> stationary_formula().expression
    c*eta/(-eta*lambda_i*lambda_j + lambda_i + lambda_j)
    """
    rule = find_rule(rule)
    K, k, a = linear_form(rule)
    c, n = sp.Symbol("c", real=True), len(k)
    one_way = sp.kronecker_product(K + _i * k * a, K + _j * k * a)
    P = (sp.eye(n * n) - one_way).LUsolve(c * sp.kronecker_product(k, k))
    return Formula([c, _i, _j, *(h.symbol for h in rule.hyper)], _ratio(P[0]))


def _ratio(expression):
    """A positive expression as one fraction, factored, with every factor positive where η is small."""
    small = {η: sp.Rational(1, 10), _i: 1, _j: 2, λ: 1}

    def positive(part):
        factors = sp.Mul.make_args(part)
        values = [f.subs(small).subs({s: sp.S.Half for s in f.free_symbols}) for f in factors]
        return sp.Mul(*(-f if value < 0 else f for f, value in zip(factors, values, strict=True)))

    above, below = sp.fraction(sp.factor(expression))
    return positive(above) / positive(below)


@lru_cache
def stationary_variance(rule="gradient descent"):
    """The stationary variance of θ on ½λθ² as a Formula of (σ², λ, *hyper-parameters).

    Gradient descent: ησ²/(λ(2 − ηλ)), and for η → 0 ησ²/(2λ). Momentum:
    ησ²(1 + β)/(λ(1 − β)(2(1 + β) − ηλ)), for η → 0 that of gradient descent with the rate η/(1 − β).

    >>> float(stationary_variance()(1.0, 2.0, 0.5))
    0.25
    >>> float(stationary_variance("momentum")(1.0, 2.0, 0.5, 0.5))
    0.375
    """
    law = stationary_formula(rule)
    c, σ2 = law.arguments[0], sp.Symbol("sigma", positive=True) ** 2
    same = _ratio(law.expression.subs({_i: λ, _j: λ, c: σ2}))
    name = sp.Symbol("sigma^2", positive=True)
    return Formula([name, λ, *law.arguments[3:]], same.subs(σ2, name))


def stationary_covariance(H, C, η, rule=None, **hyper):
    """The stationary covariance (d, d) of θ on ½θᵀHθ, when every gradient carries noise of covariance C.

    C is that of one step, C(θ*)/B for batches with replacement (`batch_covariance`). Exact for any η for
    which the mean converges, where the noise neither depends on θ nor on the steps before. Where it depends
    on θ, as in least squares, `Moments` is exact; where it depends on the epoch, `reshuffled_covariance`.

    `rule` is one that is linear in g: gradient descent, momentum or nesterov, with its hyper-parameters. By
    default it is momentum where a β is given, and gradient descent where none is.

    Raises ValueError where H is not positive definite, or the rule diverges.

    >>> stationary_covariance([[1.0, 0.0], [0.0, 4.0]], np.eye(2), 0.1).round(6).tolist()
    [[0.052632, 0.0], [0.0, 0.015625]]
    """
    rule = find_rule(rule or ("momentum" if "β" in hyper else "gradient descent"))
    values = rule.check({"η": number(η, "η", 0, above=True)} | hyper)
    c, λs, U = _eigen(H, C)
    if not values["η"] * λs[-1] < rule.stable(**values):
        raise ValueError(
            f"{rule.name} diverges: ηλ = {values['η'] * λs[-1]:.4g}, and it must be less than "
            f"{rule.stable(**values):.4g}"
        )
    P = stationary_formula(rule)(c, λs[:, None], λs, *values.values())
    return U @ P @ U.T


def _eigen(H, C):
    """(C in the basis of H's eigenvectors, eigenvalues, eigenvectors); H must be positive definite."""
    H, C = finite_array(H, "H"), finite_array(C, "C")
    for matrix, name in ((H, "H"), (C, "C")):
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T):
            raise ValueError(
                f"{name} must be a symmetric matrix (d, d), not an array of shape {matrix.shape}"
            )
    if H.shape != C.shape:
        raise ValueError(f"H and C must have the same shape, not {H.shape} and {C.shape}")
    λs, U = np.linalg.eigh(H)
    if not λs[0] > 0:
        raise ValueError(f"H must be positive definite, but it has the eigenvalue {λs[0]:.4g}")
    return U.T @ C @ U, λs, U


def _sum(a, n):
    """1 + a + … + aⁿ⁻¹"""
    return (1 - a**n) / (1 - a)


_a, _b = 1 - η * _i, 1 - η * _j
_c = sp.Symbol("c", real=True)

epoch_noise = Formula(
    [_c, _i, _j, η, _B, _N, _k],
    η**2 * _c / (_N - 1) * (_N / _B * _sum(_a * _b, _k) - _sum(_a, _k) * _sum(_b, _k)),
)
"""The covariance of θᵢ and θⱼ that the first k batches of an epoch add, from its start: gradient descent.

With aᵢ = 1 − ηλᵢ the sum −η Σ aᵏ⁻¹⁻ˢξₛ is added, and batches of an epoch have the covariances
Cov(ξₛ, ξₛ) = c(N − B)/(B(N − 1)) and Cov(ξₛ, ξᵣ) = −c/(N − 1).
"""


def reshuffled_covariance(H, C, η, B, N, k=0):
    """The covariance (d, d) of θ at the end of an epoch, or after k batches of one, without replacement.

    C is the covariance of *one sample's* gradient. Exact on ½θᵀHθ where the noise does not depend on θ, for
    gradient descent and batches that are cut from a permutation of the N samples, ⌊N/B⌋ an epoch (`batches`).
    Where B divides N, the noise of an epoch's batches adds up to zero. What is left of it at the end of an
    epoch is of the order η³ while ηλN/B is small; the noise ball with replacement is of the order η. Where
    the curvature differs between samples, as in least squares, this is no more than the right order of
    magnitude: what the curvature of one batch makes of the noise before it is of the same order, and the
    mean moves away from the minimum by an amount of the order η.

    Raises ValueError where H is not positive definite, gradient descent diverges, or k is not in [0, N/B].

    >>> ball = stationary_covariance([[1.0]], [[1.0]], 0.1)
    >>> end = reshuffled_covariance([[1.0]], [[1.0]], 0.1, 1, 10)
    >>> ball.round(4).tolist(), end.round(4).tolist()
    ([[0.0526]], [[0.0048]])
    """
    η, N = number(η, "η", 0, above=True), count(N, "N", 1)
    B = count(B, "B", 1, N)
    m = N // B
    k = count(k, "k", 0, m)
    c, λs, U = _eigen(H, C)
    if not η * λs[-1] < 2:
        raise ValueError(f"gradient descent diverges: ηλ = {η * λs[-1]:.4g}, and it must be less than 2")
    if N == 1:
        return np.zeros_like(c)
    both = (1 - η * λs[:, None]) * (1 - η * λs)
    end = epoch_noise(c, λs[:, None], λs, η, B, N, m) / (1 - both**m)
    return U @ (both**k * end + epoch_noise(c, λs[:, None], λs, η, B, N, k)) @ U.T


# Least squares: mean and covariance of θ, exactly


class Moments:
    """Mean and covariance of θ under minibatches of a loss that is quadratic in θ, exactly, at every step.

    There ∇ℓₙ = Hₙ(θ − θ*) + gₙ, with gₙ the gradient at the minimum θ*, so that the noise depends on θ. A
    step s ← F_b s + f_b is linear in s = (θ − θ*, states), with F_b and f_b means over the batch, and second
    moments follow the linear map

        E ssᵀ ← E[(F_b s + f_b)(F_b s + f_b)ᵀ],    E[F_b ⊗ F_b] = F ⊗ F + c (E[Fₙ ⊗ Fₙ] − F ⊗ F),

    c being the `batch_factor`. Batches must be independent from step to step: with replacement, or without
    and `epochs=False`. (Within an epoch they are not: see `reshuffled_covariance`.)

    `rule` and its hyper-parameters as in `stationary_covariance`. `minimum` is θ* (d,), `H` is the Hessian.

    Raises ValueError for a loss that is not quadratic or has no minimum.

    >>> data = sample_loss("location").on([0.0, 2.0])
    >>> Moments(data, 1, η=0.5).covariance.round(4).tolist(), Moments(data, 1, η=0.5).radius
    ([[0.3333]], 0.25)
    """

    def __init__(self, data, B, rule="gradient descent", replace=True, **hyper):
        if not isinstance(data, EmpiricalLoss) or not data.sample_loss.quadratic:
            raise ValueError(f"data must be an EmpiricalLoss whose ℓ is quadratic in θ, not {data!r}")
        self.data, self.rule = data, find_rule(rule)
        values = self.rule.check(hyper)
        values = {letter: number(value, letter) for letter, value in values.items()}
        K, k, a = (
            np.array(part.subs({h.symbol: values[h.letter] for h in self.rule.hyper}), dtype=float)
            for part in linear_form(self.rule)
        )
        self.minimum, d = data.minimum(), data.d
        self.H = data.hessian(self.minimum)
        self.factor = float(batch_factor(B, data.N, replace))
        Hₙ = np.broadcast_to(data.sample_hessians(self.minimum), (data.N, d, d))
        gₙ = data.sample_gradients(self.minimum)
        gₙ = gₙ - gₙ.mean(axis=0)
        n = len(k) * d
        if n > 40:
            raise ValueError(f"second moments of {n} numbers are too many: at most 40 are accepted")
        F = np.zeros((data.N, n + 1, n + 1))
        F[:, :n, :n] = np.kron(K, np.eye(d)) + np.kron(k @ a, Hₙ)
        F[:, :n, n] = np.kron(k[:, 0], gₙ)
        F[:, n, n] = 1.0
        self._F, self._n = F, n

    def _transfer(self, F):
        """E[F_b ⊗ F_b]."""
        n, mean = F.shape[-1], F.mean(axis=0)
        off = (F - mean).reshape(len(F), n * n)
        spread = (off.T @ off / len(F)).reshape(n, n, n, n)
        return np.kron(mean, mean) + self.factor * spread.transpose(0, 2, 1, 3).reshape(n * n, n * n)

    @cached_property
    def radius(self):
        """The factor by which E|s − s̃|² of two runs on the same batches shrinks in a step, in the long run.

        Second moments settle where it is less than 1. It is also the rate of E|θ − θ*|² where one θ* fits
        every sample; elsewhere the mean, which settles at its own and often slower rate, has a share in it.
        """
        n = self._n
        return float(np.abs(np.linalg.eigvals(self._transfer(self._F[:, :n, :n]))).max())

    @cached_property
    def covariance(self):
        """The stationary covariance of θ (d, d); ValueError where there is none."""
        if not self.radius < 1:
            raise ValueError(
                f"the second moments do not settle: they grow by a factor {self.radius:.4g} in a step"
            )
        n, d = self._n, self.data.d
        f = self._F[:, :n, n]
        noise = self.factor * (f.T @ f / len(f)).ravel()
        return np.linalg.solve(np.eye(n * n) - self._transfer(self._F[:, :n, :n]), noise).reshape(n, n)[
            :d, :d
        ]

    @property
    def excess(self):
        """E[L(θ)] − L(θ*) = ½ tr HΣ in the stationary state."""
        return float((self.H * self.covariance).sum() / 2)

    def path(self, start, steps):
        """(mean (steps + 1, d), covariance (steps + 1, d, d), E[L(θ)] (steps + 1,)) from a start (d,)."""
        start, steps, d, n = (
            finite_array(start, "start", self.data.d),
            count(steps, "steps"),
            self.data.d,
            self._n,
        )
        if start.ndim != 1:
            raise ValueError(f"start must have shape ({d},), not {start.shape}")
        s = np.zeros(n + 1)
        s[:d], s[n] = start - self.minimum, 1.0
        T, second = self._transfer(self._F), np.empty((steps + 1, (n + 1) ** 2))
        second[0] = np.outer(s, s).ravel()
        for k in range(steps):
            second[k + 1] = T @ second[k]
        second = second.reshape(-1, n + 1, n + 1)
        mean, square = second[:, :d, n], second[:, :d, :d]
        loss = self.data.loss(self.minimum) + (self.H * square).sum(axis=(-2, -1)) / 2
        return self.minimum + mean, square - mean[:, :, None] * mean[:, None, :], loss


def stable_rate(data, B, replace=True):
    """The η below which E|θ − θ*|² of gradient descent on batches of B settles: exact for quadratic losses.

    It is 1/μ, with μ the largest eigenvalue of (H ⊗ I + I ⊗ H)⁻¹ E[H_b ⊗ H_b], and at most 2/λ_max. Small
    batches need small steps: it grows about linearly with B at first, and levels off where the curvature
    takes over. Batches as in `Moments`.

    >>> data = sample_loss("least squares").on([[1.0, 0.0], [-1.0, 1.0]])
    >>> [round(stable_rate(data, B), 4) for B in (1, 4, 1000)]
    [1.0, 1.6, 1.998]
    """
    moments = Moments(data, B, replace=replace)
    H, F = moments.H, moments._F[:, : data.d, : data.d]
    η = moments.rule.defaults["η"]
    spread = moments._transfer((np.eye(data.d) - F) / η)  # F = I − ηHₙ
    both = np.kron(H, np.eye(data.d)) + np.kron(np.eye(data.d), H)
    return float(1 / np.linalg.eigvals(np.linalg.solve(both, spread)).real.max())
