"""Parameters that diffuse: Langevin dynamics and SGD, thousands of particles at once, and how long they stay.

A particle at θ on the loss L moves by

    dθ = −∇L(θ) dt + √(2D(θ)) dW,    in Itô's sense; time t = η × iterations,

and one Euler–Maruyama step of it is θ ← θ − η∇L(θ) + √(2ηD(θ)) ξ with ξ ~ N(0, 1), the step of perturbed
gradient descent. Stochastic gradient descent takes θ ← θ − ηg_b(θ) instead, with the gradient g_b of a
minibatch. To leading order in η it is the diffusion whose D is ηC/(2B), with C the covariance of the
gradient of one sample.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import sympy as sp

from helpers import symbolic
from helpers.checks import count, finite_array, interval, number
from helpers.landscapes import Landscape, landscape
from helpers.minibatch import Minibatch, SampleLoss, _Draw, batch_factor, noise_covariance
from helpers.optimizers import D, g, η, θ, ξ
from helpers.saddles import perturbed
from helpers.symbolic import Formula, as_expression, numpy_function

r = sp.Symbol("r", positive=True)  # √(2η), which a run computes once
z = sp.Symbol("z", real=True)
((_, _STEP),) = perturbed.update  # θ − ηg + √(2ηD)ξ
LIMIT = 10**9  # steps; of all particles together, where a run is told only how many events to wait for

euler_maruyama = Formula([θ, g, D, ξ, η], _STEP)
"""θ − ηg + √(2ηD) ξ, coordinate by coordinate: the step of perturbed gradient descent."""


def _step(variables, slopes, Ds, noise):
    """θ − ηg + √(2ηD)ξ of each coordinate."""
    return [
        _STEP.subs({D: d, g: slope, θ: x, ξ: w}, simultaneous=True)
        for x, slope, d, w in zip(variables, slopes, Ds, noise, strict=True)
    ]


def _kicks(d):
    """ξ, or ξ₁ … ξ_d."""
    return (ξ,) if d == 1 else sp.symbols(f"xi_1:{d + 1}", real=True)


def _changes(step, variables, noise):
    """What a step adds to θ, for a loop: √(2η) is a number r, and a polynomial drift is a nest of products.

    Drift and noise are added up before they meet θ: in float32 a short drift alone would be rounded away.
    The noise may change its sign, uξ for |u|ξ, since ξ is symmetric. Every product begins with its numbers.
    """
    changes = []
    for e, x in zip(step, variables, strict=True):
        drift = e.subs(dict.fromkeys(noise, 0)) - x
        kick = (e - x - drift).subs(η, r**2 / 2)
        kick = sp.Mul(*(f.args[0] if f.func == sp.Abs else f for f in sp.Mul.make_args(kick)))
        if drift.is_polynomial(*variables):
            drift = sp.horner(drift, *variables)
        change = sp.factor_terms(drift) + sp.factor_terms(kick)
        changes.append(change.evalf())  # numbers like √6 would turn float32 into float64
    return changes


def _bracketed(expression):
    """Its LaTeX, as a factor of a product."""
    text = symbolic.latex(expression)
    return rf"\left({text}\right)" if expression.is_Add or text[0] in "-0123456789" else text


# Processes


class Diffusion:
    """dθ = −∇L(θ) dt + √(2D(θ)) dW in Itô's sense, and its Euler–Maruyama step.

    `land` is a Landscape or its name. `D` is the diffusion constant, in units of the loss: a number, a
    SymPy expression of the landscape's variables, or a list of d of them, one for each coordinate. With a
    constant D = T it is Langevin dynamics at the temperature T.

    Raises ValueError or TypeError for a D that is negative on the landscape's domain, or no such expression.

    >>> x = landscape("double well").variables[0]
    >>> cooler = Diffusion("double well", (1 + x**2) / 100)
    >>> cooler.gradient([0.5]).tolist(), float(cooler.D([0.5]))
    ([-0.375], 0.0125)
    >>> cooler.step([0.5], [0.0], 0.1).tolist()
    [0.5375]
    """

    def __init__(self, land, D):
        self.landscape, d = landscape(land), landscape(land).d
        diagonal = isinstance(D, (list, tuple))
        if diagonal and len(D) != d:
            raise ValueError(f"D must have one entry for each of the {d} parameter(s), not {len(D)}")
        parts = [self._checked(part) for part in (D if diagonal else [D])]
        self.D_expression = parts if diagonal else parts[0]
        self._parts = parts if diagonal else parts * d

    def _checked(self, part):
        land = self.landscape
        if isinstance(part, sp.Expr) and part.free_symbols:
            part = symbolic.with_tanh(as_expression(part, land.variables, "D"))
            (found,) = numpy_function(land.variables, [part])(*np.moveaxis(_sample(land), -1, 0))
            if not (found >= 0).all():
                raise ValueError(
                    f"D must be at least 0 on the domain of {land.name!r}, but it reaches {found.min():.4g}"
                )
            return part
        value = number(float(part) if isinstance(part, sp.Expr) else part, "D", low=0)
        return sp.nsimplify(value, rational=True)

    @property
    def d(self):
        """The number of parameters."""
        return self.landscape.d

    @cached_property
    def formulas(self):
        """The loss L, gradient ∇L and D as formulas of θ, and the step as one of (θ, ξ, η)."""
        land, noise = self.landscape, _kicks(self.d)
        step = _step(land.variables, land.gradient_expression, self._parts, noise)
        return {
            "loss": land.formulas["loss"],
            "gradient": land.formulas["gradient"],
            "D": Formula([land.variables], self.D_expression),
            "step": Formula([land.variables, noise, η], step),
        }

    @property
    def step(self):
        """θ − η∇L(θ) + √(2ηD(θ)) ξ as a Formula: θ (..., d), ξ (..., d), η -> (..., d)."""
        return self.formulas["step"]

    def loss(self, θ):
        """L(θ): θ (..., d) -> (...)."""
        return self.landscape.loss(θ)

    def gradient(self, θ):
        """∇L(θ): θ (..., d) -> (..., d)."""
        return self.landscape.gradient(θ)

    def hessian(self, θ):
        """H(θ): θ (..., d) -> (..., d, d)."""
        return self.landscape.hessian(θ)

    def D(self, θ):
        """D(θ): θ (..., d) -> (...), or (..., d) where every coordinate has its own."""
        return self.formulas["D"](self.landscape._points(θ))

    @cached_property
    def latex(self):
        """The step's right-hand side as LaTeX, a line for each coordinate; a number D is written as D."""
        land, lines = self.landscape, []
        for x, slope, d, w in zip(
            land.variables, land.gradient_expression, self._parts, _kicks(self.d), strict=True
        ):
            slope = sp.Symbol(_bracketed(slope), positive=True)
            alike = len(set(self._parts)) == 1
            name = ("D" if alike else f"D_{{{symbolic.latex(x)}}}") if d.is_number else _bracketed(d)
            (line,) = _step([x], [slope], [sp.Symbol(name, positive=True)], [w])
            lines.append(symbolic.latex(line, factors=[η, sp.Symbol(name, positive=True), slope], first=[x]))
        return r" \\ ".join(lines)

    @cached_property
    def javascript(self):
        """A JavaScript object: loss, gradient and D are functions of θ, and step is one of (θ, ξ, η)."""
        parts = ", ".join(f"{name}: {formula.javascript}" for name, formula in self.formulas.items())
        return f"({{{parts}}})"

    def __repr__(self):
        return f"Diffusion({self.landscape.name!r}, D = {self.D_expression})"

    @cached_property
    def _move(self):
        noise = _kicks(self.d)
        changes = _changes(self.step.expression, self.landscape.variables, noise)
        return numpy_function([η, r, *self.landscape.variables, *noise], changes).code

    def walk(self, start, η, rng, dtype=np.float64):
        """One step after the other, without end: yields the list of the d coordinates, each (particles,).

        start (particles, d). Between two steps the coordinates may be changed in place. Nothing is checked.
        """
        x, move, root = _columns(start, dtype), self._move, math.sqrt(2 * η)
        noise = np.empty((_block(x), len(x), len(x[0])), dtype)
        while True:
            rng.standard_normal(out=noise, dtype=dtype)
            for kick in noise:
                _add(x, move(η, root, *x, *kick))
                yield x


def _sample(land):
    """Points all over the domain."""
    n = max(3, round(2000 ** (1 / land.d)))
    axes = [np.linspace(low, high, n) for low, high in land.domain]
    return np.stack(np.meshgrid(*axes), axis=-1)


def _columns(start, dtype):
    return [np.array(column, dtype=dtype) for column in np.moveaxis(start, -1, 0)]


def _add(x, changes):
    for coordinate, change in zip(x, changes, strict=True):
        coordinate += change


def _block(x, width=1):
    """How many steps' random numbers are drawn at once: some 100 kB, which stay in the cache."""
    return max(1, 2**15 // (len(x) * len(x[0]) * width))


# SGD


def pool_loss(well="double well", g=None):
    """ℓ(θ; z) = V(g(θ)) − z·g(θ), a SampleLoss: each sample z tilts the wells of V in its own way.

    `well` is a Landscape of one variable, or its name, and `g` an expression of that variable (θ itself by
    default). For samples z of mean 0 and variance σ² the loss is L = V(g) exactly, and SGD on B samples drawn
    with replacement has D = ησ²g′²/(2B).

    >>> pool_loss("double well").on([-2.0, 2.0]).loss([[0.0], [1.0]]).tolist()
    [0.25, 0.0]
    """
    well = landscape(well)
    if well.d != 1:
        raise ValueError(f"pool_loss takes a loss of one parameter, but {well.name!r} has {well.d}")
    (variable,) = well.variables
    g = variable if g is None else as_expression(g, well.variables, "g")
    return SampleLoss(f"pool on {well.name}", well.expression.subs(variable, g) - z * g, variable, z)


def centred(z, σ=1.0):
    """σ(z − z̄)/std(z): numbers of mean 0 and standard deviation σ, as `pool_loss` needs them.

    A mean that is not 0 would tilt the wells, and an escape time depends exponentially on it.

    >>> centred([0.0, 1.0, 2.0, 5.0], σ=2).round(3).tolist()
    [-2.138, -1.069, 0.0, 3.207]
    """
    z, σ = finite_array(z, "z"), number(σ, "σ", low=0, above=True)
    if z.ndim != 1 or z.size < 2 or z.min() == z.max():
        raise ValueError("z must be a list of numbers that are not all the same")
    z = z - z.mean()
    return σ * z / z.std()


class SGD:
    """θ ← θ − ηg_b(θ) with the gradient g_b on a minibatch of B samples of `data`, fresh in every step.

    With a `temperature` T > 0 it is SGLD, θ ← θ − ηg_b(θ) + √(2ηT) ξ. `data` is an EmpiricalLoss, a
    networks.Objective, or anything that minibatch.Minibatch accepts; batches are drawn with replacement, or
    without, B different samples independent of the batches before. Every particle has batches of its own.

    Source of the step with T: welling2011.

    >>> data = pool_loss().on([-2.0, 2.0])
    >>> SGD(data, B=4).diffusion(0.1)
    Diffusion('pool on double well', D = 1/20)
    """

    def __init__(self, data, B, temperature=0.0, replace=True):
        Minibatch(data, B, np.random.default_rng(0), replace=replace, epochs=False)  # checks data and B
        self.data, self.B, self.replace = data, int(B), bool(replace)
        self.temperature = number(temperature, "temperature", low=0)

    @property
    def d(self):
        """The number of parameters."""
        return self.data.d

    def loss(self, θ):
        """L(θ), of all samples: θ (..., d) -> (...)."""
        return self.data.loss(θ)

    def gradient(self, θ):
        """∇L(θ), of all samples: θ (..., d) -> (..., d)."""
        return self.data.gradient(θ)

    def hessian(self, θ):
        """H(θ), of all samples: θ (..., d) -> (..., d, d)."""
        return self.data.hessian(θ)

    @cached_property
    def linear(self):
        """Is ∇ℓ linear in z? Then the gradient of a batch is that at its mean z: one evaluation, not B."""
        loss = getattr(self.data, "sample_loss", None)
        return loss is not None and all(_linear(e, loss.sample) for e in loss.gradient_expression)

    def __repr__(self):
        warm = f", temperature={self.temperature:g}" if self.temperature else ""
        return f"SGD({self.data!r}, B={self.B}{warm})"

    def diffusion(self, η, domain=(-2, 2)):
        """The diffusion that SGD with rate η is to leading order: D(θ) = ηcC(θ)/2 + T.

        c is the `batch_factor`, 1/B with replacement. For one parameter, and ∇ℓ linear in the sample, it is a
        Diffusion, whose landscape has the given `domain`. Otherwise it is a MatrixDiffusion.

        >>> SGD(pool_loss().on([-1.0, 1.0]), B=1, temperature=0.25).diffusion(0.5).D([0.0])
        np.float64(0.5)
        """
        η = number(η, "η", low=0, above=True)
        c = float(batch_factor(self.B, self.data.N, self.replace))
        if self.d > 1 or not self.linear:
            return MatrixDiffusion(self.data, η * c / 2, self.temperature)
        loss = self.data.sample_loss
        (slope,) = loss.gradient_expression
        tilt = sp.Matrix([sp.diff(slope, one) for one in loss.sample])  # ∇ℓ = … + tilt·z
        mean, covariance = _moments(self.data.samples)
        C = (tilt.T * sp.Matrix(covariance) * tilt)[0]
        part = sp.nsimplify(η * c / 2, rational=True)
        D = sp.factor_terms(part * C + sp.nsimplify(self.temperature, rational=True))
        at_mean = loss.expression.subs(dict(zip(loss.sample, mean, strict=True)))
        expression = at_mean if _linear(loss.expression, loss.sample) else self.data.expression
        return Diffusion(Landscape(loss.name, expression, loss.variables, domain), D)

    @cached_property
    def _move(self):
        """The step of all coordinates from θ, the batch's mean z, ξ, η and √(2η), where ∇ℓ is linear in z."""
        loss, noise = self.data.sample_loss, _kicks(self.d)
        T = sp.nsimplify(self.temperature, rational=True)
        step = _step(loss.variables, loss.gradient_expression, [T] * self.d, noise)
        changes = _changes(step, loss.variables, noise)
        return numpy_function([η, r, *loss.variables, *loss.sample, *noise], changes).code

    def walk(self, start, η, rng, dtype=np.float64):
        """One step after the other, without end: see Diffusion.walk."""
        start = np.asarray(start, dtype=dtype)
        return (self._walk_on_means if self.linear else self._walk)(start, η, rng, dtype)

    def _walk_on_means(self, start, η, rng, dtype):
        x, root = _columns(start, dtype), math.sqrt(2 * η)
        (n, d), B, move = start.shape, self.B, self._move
        pools = [np.ascontiguousarray(column / B, dtype) for column in self.data.samples.T]
        steps = _block(x, B)
        kicks = np.zeros((steps, d, n), dtype)
        draw = self._numbers(rng, steps, n)
        while True:
            batch = draw()
            means = np.stack([pool[batch].sum(axis=0) for pool in pools], axis=1)
            if self.temperature:
                rng.standard_normal(out=kicks, dtype=dtype)
            for mean, kick in zip(means, kicks, strict=True):
                _add(x, move(η, root, *x, *mean, *kick))
                yield x

    def _numbers(self, rng, steps, n):
        """A function that draws the sample numbers (B, steps, n) of n particles for some steps."""
        N, B = self.data.N, self.B
        short = np.min_scalar_type(N - 1)  # short numbers are drawn faster

        def any_of_all():
            return rng.integers(N, size=(B, steps, n), dtype=short)

        def different():
            batch = any_of_all().reshape(B, -1)
            again = np.arange(batch.shape[1])
            while len(again):  # a batch in which a sample stands twice is drawn anew
                ordered = np.sort(batch[:, again], axis=0)
                again = again[(ordered[1:] == ordered[:-1]).any(axis=0)]
                batch[:, again] = rng.integers(N, size=(B, len(again)), dtype=short)
            return batch.reshape(B, steps, n)

        if self.replace:
            return any_of_all
        if B * (B - 1) < N:
            return different
        draw = _Draw(N, B, rng, replace=False, epochs=False)  # for large B shuffling is cheaper
        return lambda: np.stack([draw((n,)).T for _ in range(steps)], axis=1)

    def _walk(self, start, η, rng, dtype):
        θ = np.array(start, dtype)
        draw = self._numbers(rng, 1, len(θ))
        gradient = getattr(self.data, "_batch_gradient", self.data.batch_gradient)
        kick = np.zeros_like(θ)
        while True:
            (batch,) = np.moveaxis(draw(), 0, -1)
            if self.temperature:
                rng.standard_normal(out=kick, dtype=dtype)
            θ = euler_maruyama(θ, gradient(θ, batch), self.temperature, kick, η).astype(dtype, copy=False)
            yield list(θ.T)


def _linear(expression, symbols):
    """Is it a polynomial of degree 1 at most in these symbols?"""
    return not any(sp.diff(expression, s).free_symbols & set(symbols) for s in symbols)


def _moments(samples):
    """Mean and covariance of samples (N, k) as lists of rational numbers; a mean that is rounding is 0."""
    mean, spread = samples.mean(axis=0), samples.std(axis=0)
    mean = np.where(np.abs(mean) <= 1e-12 * spread, 0, mean)
    off = samples - mean

    def rational(value):
        near = sp.Rational(value).limit_denominator(10**6)  # 4, where rounding has left 3.9999999999999996
        return near if abs(near - value) <= 1e-13 * abs(value) else sp.nsimplify(value, rational=True)

    covariance = off.T @ off / len(off)
    return [rational(m) for m in mean], [[rational(c) for c in row] for row in covariance]


class MatrixDiffusion:
    """dθ = −∇L(θ) dt + √(2D(θ)) dW with D(θ) = factor·C(θ) + T, from the gradients of the samples of `data`.

    C(θ) is the covariance of one sample's gradient, and √D is a matrix R with RRᵀ = D. Meant for a few
    parameters: each step of each particle takes the gradients of all samples.

    >>> data = pool_loss().on([-1.0, 1.0])
    >>> MatrixDiffusion(data, 0.25, 1.0).D([[0.0], [2.0]]).tolist()
    [1.25, 1.25]
    """

    def __init__(self, data, factor, temperature=0.0):
        self.data, self.factor = data, number(factor, "factor", low=0)
        self.temperature = number(temperature, "temperature", low=0)

    @property
    def d(self):
        """The number of parameters."""
        return self.data.d

    def gradient(self, θ):
        """∇L(θ): θ (..., d) -> (..., d)."""
        return self.data.gradient(θ)

    def hessian(self, θ):
        """H(θ): θ (..., d) -> (..., d, d)."""
        return self.data.hessian(θ)

    def D(self, θ):
        """D(θ): θ (..., d) -> (..., d, d), or (...) for one parameter."""
        D = self.factor * noise_covariance(self.data, θ) + self.temperature * np.eye(self.d)
        return D[..., 0, 0] if self.d == 1 else D

    def walk(self, start, η, rng, dtype=np.float64):
        """One step after the other, without end: see Diffusion.walk."""
        θ = np.array(start, dtype)
        while True:
            λ, U = np.linalg.eigh(self.D(θ).reshape(len(θ), self.d, self.d))
            root = U * np.sqrt(np.maximum(λ, 0))[:, None]
            kick = (root @ rng.standard_normal(θ.shape, dtype=dtype)[..., None])[..., 0]
            θ = euler_maruyama(θ, self.gradient(θ), 1.0, kick, η).astype(dtype, copy=False)
            yield list(θ.T)


# First passages

_events, _exposure, _normal = sp.symbols("N E q", nonnegative=True)

passage_rate = Formula([_events, _exposure], _events / _exposure)
"""λ̂ = N/E: events over exposure, the maximum likelihood estimate of a rate, censored runs included."""


def _byar(n, sign):
    """Half the χ² quantile with 2n degrees of freedom, by the cube of Wilson and Hilferty."""
    return n * (1 - 1 / (9 * n) + sign * _normal / (3 * sp.sqrt(n))) ** 3


passage_interval = Formula(
    [_events, _exposure, _normal],
    [
        sp.Piecewise((_byar(sp.Max(_events, 1), -1) / _exposure, _events > 0), (0, True)),
        _byar(_events + 1, 1) / _exposure,
    ],
)
"""The interval (low, high) of a rate of which N events were seen in the exposure E; q = 1.96 for 95 %.

That of a Poisson count, in Byar's approximation, right to 3 % from three events on; with no event at all the
rate still has an upper bound. Source: Breslow & Day (1987), section 2.3.

>>> passage_interval(0, 100.0, 1.96).round(4).tolist(), passage_interval(100, 100.0, 1.96).round(3).tolist()
([0.0, 0.0367], [0.814, 1.216])
"""


@dataclass(frozen=True, eq=False)
class Passages:
    """First passages that were counted: `events` in the time `exposure` that all `particles` were under way.

    Time is η × iterations. `steps` were counted, after the burn-in. `times` holds the passage times of the
    particles that arrived, in order, where each was let go once; otherwise it is None.

    >>> passages = Passages(events=25, exposure=500.0, particles=10, steps=1000, η=0.1)
    >>> passages.rate, passages.τ
    (0.05, 20.0)
    """

    events: int
    exposure: float
    particles: int
    steps: int
    η: float
    times: np.ndarray | None = None

    @property
    def rate(self):
        """λ̂ = events/exposure."""
        return float(passage_rate(self.events, self.exposure))

    @property
    def τ(self):
        """The mean first-passage time 1/λ̂, and infinity where nothing arrived."""
        return 1 / self.rate if self.events else math.inf

    @property
    def error(self):
        """The standard error of τ, τ/√events, and infinity where nothing arrived."""
        return self.τ / math.sqrt(self.events) if self.events else math.inf

    def interval(self, level=0.95):
        """The interval (low, high) of τ that holds the mean first-passage time with this probability.

        Where no particle arrived it has a lower end, and the upper one is infinity.
        """
        level = number(level, "level", 0, 1, above=True, below=True)
        low, high = passage_interval(self.events, self.exposure, NormalDist().inv_cdf((1 + level) / 2))
        return 1 / float(high), 1 / float(low) if low else math.inf

    def __repr__(self):
        if not self.events:
            low = self.interval()[0]
            return f"Passages: none in a time of {self.exposure:.4g}, so τ > {low:.4g} (95 %)"
        few = "" if self.events >= 10 else ": too few to say more"
        return f"Passages: τ = {self.τ:.4g} ± {self.error:.2g} from {self.events} event(s){few}"


def first_passages(
    process,
    start,
    target,
    η,
    particles,
    rng,
    *,
    horizon=None,
    events=None,
    burn_in=None,
    renew=True,
    dtype=np.float32,
):
    """How often particles that start at `start` reach `target`: Passages, with the mean first-passage time.

    `process` is a Diffusion, an SGD, or anything with d and walk. `start` (d,) is a minimum, or (particles,
    d). `target`: for one parameter a number c, whose far side as seen from the start is absorbing; or a
    function of θ (n, d) that returns n booleans. Steps are of length `η`, and time is η × iterations.

    A particle that arrives is counted and put back at its start (`renew`), so that the rate is the inverse of
    the mean first-passage time, by the law of renewals. The first `burn_in` units of time, 20/H_a by default
    with H_a the smallest curvature at the start, are not counted. With `renew=False` each particle is counted
    once, no burn-in is left out by default, and the times of arrival are kept.

    The run ends after the time `horizon` for every particle, or as soon as it has counted `events`, or after
    10⁹ steps, of all particles together, where no horizon is given. Numbers are float32 in the loop
    (`dtype`), and no array grows with the steps.

    Raises ValueError where a particle starts in the target, or where the steps are so long that θ overflows.

    >>> escape = first_passages(
    ...     Diffusion("double well", 0.25 / 2), -1, 1, 0.05, 500, np.random.default_rng(0), events=1000
    ... )
    >>> 36 < escape.τ < 46, round(escape.error / escape.τ, 3)
    (True, 0.032)
    """
    start, walk, η = _checked(process, start, η, particles, rng, dtype)
    arrived = _target(target, start)
    if horizon is None and events is None:
        raise ValueError("say when the run ends: give a horizon, a number of events, or both")
    most = math.inf if events is None else count(events, "events", 1, LIMIT)
    steps = LIMIT // particles if horizon is None else _steps(horizon, "horizon", η)
    if burn_in is None:
        burn_in = _settling(process, start, η) if renew else 0.0
    before = _steps(burn_in, "burn_in", η, low=0)
    columns = _columns(start, dtype)
    found, exposed, under_way, times = 0, 0, particles, []
    waiting = np.ones(particles, dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(-before + 1, steps + 1):
            x = next(walk)
            exposed += under_way * (k > 0)
            here = arrived(x)
            if np.count_nonzero(here):
                if k > 0:
                    new = np.count_nonzero(here if renew else here & waiting)
                    found += new
                    if not renew:
                        under_way -= new
                        times.append(np.full(new, k * η))
                        waiting &= ~here
                for coordinate, at in zip(x, columns, strict=True):
                    coordinate[here] = at[here]
            if k % 256 == 0:
                _finite(x, η)
            if found >= most or not under_way:
                break
        _finite(x, η)
    times = None if renew else np.concatenate([[], *times])
    return Passages(found, exposed * η, particles, max(k, 0), η, times)


def _checked(process, start, η, particles, rng, dtype):
    """The starts (particles, d), the walk and η."""
    if not hasattr(process, "d") or not callable(getattr(process, "walk", None)):
        raise TypeError(f"process must be a Diffusion, an SGD, or have d and walk, not {process!r}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, not {dtype!r}")
    particles, η = count(particles, "particles", 1), number(η, "η", low=0, above=True)
    start = finite_array(start, "start", process.d)
    if start.ndim > 2 or (start.ndim == 2 and len(start) != particles):
        raise ValueError(
            f"start must have shape ({process.d},) or ({particles}, {process.d}), not {start.shape}"
        )
    start = np.broadcast_to(start, (particles, process.d))
    return start, process.walk(start, η, rng, np.dtype(dtype)), η


def _steps(time, name, η, low=1):
    """A time as a number of steps."""
    time = number(time, name, low=0, above=low > 0)
    return count(math.ceil(time / η - 1e-9), f"{name}/η", low, LIMIT)


def _settling(process, start, η):
    """20/H_a, with H_a the smallest curvature at the start, where the step must be stable."""
    λ = np.linalg.eigvalsh(process.hessian(start[:1]))[0] if hasattr(process, "hessian") else [0]
    if not λ[0] > 0:
        raise ValueError("the start is no minimum, so that its curvature sets no burn-in: give burn_in")
    if not η * λ[-1] < 2:
        raise ValueError(f"η must be less than 2/{λ[-1]:.4g}, or no particle stays at its start, not {η:g}")
    return 20 / float(λ[0])


def _target(target, start):
    """A function of the list of coordinates: which particles have arrived?"""
    if callable(target):

        def arrived(x):
            return np.asarray(target(np.stack(x, axis=-1)))
    else:
        c = number(target, "target")
        if start.shape[1] != 1:
            raise TypeError(
                f"with {start.shape[1]} parameters target must be a function of θ, not {target!r}"
            )
        if not ((start > c).all() or (start < c).all()):
            raise ValueError(f"all particles must start on one side of the target {c:g}, and none on it")
        beyond = np.greater_equal if start[0, 0] < c else np.less_equal

        def arrived(x):
            return beyond(x[0], c)

    first = _booleans(arrived, start, "target")
    if first.any():
        raise ValueError("the start lies in the target already")
    return arrived


def _finite(x, η):
    if not all(np.isfinite(coordinate).all() for coordinate in x):
        raise ValueError(f"η = {η:g} is too long a step: a particle ran away to infinity")


# Where particles are


class Share(NamedTuple):
    """A share of time and its standard error.

    >>> Share(0.25, 0.01)
    Share(share=0.25, error=0.01)
    """

    share: float
    error: float


def occupation(process, start, region, η, particles, steps, rng, *, burn_in=None, dtype=np.float32):
    """The share of time that particles spend in `region`, in `steps` steps: a Share(share, error).

    The error is that of the mean over particles, which are independent. `region`: for one parameter a pair
    (low, high); or a function of θ (n, d) that returns n booleans. `start` (d,) or (particles, d). The first
    `burn_in` units of time, 20/H_a by default as in `first_passages`, are not counted: to compare two wells,
    start in both or let it last for many escapes.

    >>> bowl = Diffusion("ravine", 0.1)
    >>> share = occupation(
    ...     bowl, [0, 0], lambda θ: θ[:, 0] > 0, 0.01, 1000, 500, np.random.default_rng(0)
    ... )
    >>> abs(share.share - 0.5) < 3 * share.error, share.error < 0.02
    (True, True)
    """
    start, walk, η = _checked(process, start, η, particles, rng, dtype)
    inside, particles = _region(region, start), count(particles, "particles", 2)
    steps = count(steps, "steps", 1, LIMIT)
    before = _steps(_settling(process, start, η) if burn_in is None else burn_in, "burn_in", η, low=0)
    total, lately = np.zeros(particles), np.zeros(particles, dtype=np.uint8)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(before):
            x = next(walk)
        for k in range(1, steps + 1):
            x = next(walk)
            lately += inside(x).view(np.uint8)
            if k % 255 == 0 or k == steps:  # a byte counts to 255
                total += lately
                lately[:] = 0
                _finite(x, η)
    shares = total / steps
    return Share(float(shares.mean()), float(shares.std(ddof=1) / math.sqrt(particles)))


def _region(region, start):
    if callable(region):

        def inside(x):
            return np.asarray(region(np.stack(x, axis=-1)))
    else:
        low, high = interval(region, "region")
        if start.shape[1] != 1:
            raise TypeError(
                f"with {start.shape[1]} parameters region must be a function of θ, not {region!r}"
            )

        def inside(x):
            return (x[0] >= low) & (x[0] < high)

    _booleans(inside, start, "region")
    return inside


def _booleans(function, start, name):
    """What the function says of the start, once it is known to be one boolean for each particle."""
    found = function(_columns(start, start.dtype))
    if found.shape != (len(start),) or found.dtype != bool:
        raise ValueError(
            f"{name} must return booleans of shape ({len(start)},) for θ of shape {start.shape}, "
            f"not {found.dtype} of shape {found.shape}"
        )
    return found


class Snapshots(NamedTuple):
    """Times t (k,) and where the particles were then, θ (k, particles, d).

    >>> simulate(Diffusion("double well", 0.1), -1, 0.01, 100, np.random.default_rng(0)).θ.shape
    (101, 1, 1)
    """

    t: np.ndarray
    θ: np.ndarray


def simulate(process, start, η, steps, rng, *, particles=1, every=1, dtype=np.float64):
    """Particles from `start` for `steps` steps of length η: Snapshots of the start and of each `every` steps.

    `start` (d,) or (particles, d).

    >>> t, θ = simulate(Diffusion("double well", 0.1), -1, 0.01, 100, np.random.default_rng(0), every=50)
    >>> t.tolist(), θ.shape
    ([0.0, 0.5, 1.0], (3, 1, 1))
    """
    start, walk, η = _checked(process, start, η, particles, rng, dtype)
    steps, every = count(steps, "steps", 1, LIMIT), count(every, "every", 1, LIMIT)
    t = η * np.arange(0, steps + 1, every)
    kept = np.empty((len(t), *start.shape), dtype)
    kept[0] = start
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(1, steps + 1):
            x = next(walk)
            if k % every == 0:
                kept[k // every] = np.stack(x, axis=-1)
                _finite(x, η)
    return Snapshots(t, kept)
