"""Losses that are means over samples, minibatches of them, and the laws of their noise.

The loss is L(θ) = (1/N) Σ ℓ(θ; zₙ). A minibatch b of B samples gives the gradient

    g_b(θ) = (1/B) Σ ∇ℓ(θ; zₙ) over n ∈ b,

whose mean is ∇L(θ), and whose covariance is C(θ)/B where samples are drawn with replacement, C being the
covariance of the gradient of one sample. Gradient descent is B = N without replacement, and stochastic
gradient descent is B = 1.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from helpers import symbolic
from helpers.checks import count, finite_array, lookup
from helpers.landscapes import Landscape
from helpers.networks import batch_of
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
        return [_derivative(self.expression, v) for v in self.variables]

    @cached_property
    def hessian_expression(self):
        """∇²ℓ as d lists of d expressions."""
        return [[_derivative(slope, v) for v in self.variables] for slope in self.gradient_expression]

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


def _derivative(expression, symbol):
    """∂expression/∂symbol, with tanh u for sinh u/cosh u, which would be ∞/∞ for large u."""
    return symbolic.derivative(expression, symbol).replace(sp.sinh, lambda u: sp.tanh(u) * sp.cosh(u))


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
    runs = (runs,) if isinstance(runs, (int, np.integer)) else tuple(runs)
    runs = tuple(count(n, "runs") for n in runs)
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
