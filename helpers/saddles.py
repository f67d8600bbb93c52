"""Saddles: rules that leave them and one that does not, how long it takes, and how common saddles are."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy as sp

from helpers import optimizers
from helpers.checks import count, finite_array, number
from helpers.critical_points import find_critical_points
from helpers.curvature import central_hvp, lanczos
from helpers.landscapes import landscape
from helpers.optimizers import Δ, D, Descent, UpdateRule, descend, g, gradient_descent, r, η, θ, λi, ξ
from helpers.optimizers import rule as find_rule
from helpers.symbolic import Formula, latex

p = sp.Symbol("p", real=True)


FLAT = sp.Rational(1, 10**8)  # a curvature below it is rounding: no step divides by it


def _cut(step):
    """A step no longer than Δ."""
    return sp.Max(-Δ, sp.Min(Δ, step))


def _rule(name, label, step, source):
    return UpdateRule(name, label, ((θ, θ - step),), show=((p, step),), source=source)


perturbed = UpdateRule(
    "perturbed",
    "Perturbed GD",
    ((θ, θ - η * g + sp.sqrt(2 * η * D) * ξ),),
    stable_below=sp.Integer(2),
    source="jin2021",
)
newton = _rule("newton", "Newton", _cut(λi * g / sp.Max(λi**2, FLAT**2)), "dauphin2014")
saddle_free = _rule(
    "saddle-free newton", "Saddle-free Newton", _cut(g / sp.Max(sp.Abs(λi), FLAT)), "dauphin2014"
)
negative_curvature = _rule(
    "negative curvature",
    "Negative curvature",
    sp.Piecewise((η * g, λi >= 0), (sp.Max(r, η * g), g >= 0), (sp.Min(-r, η * g), True)),
    "jin2017",
)

ESCAPE = {rule.name: rule for rule in (gradient_descent, perturbed, negative_curvature, newton, saddle_free)}


# The step along the most negative curvature


@dataclass(frozen=True, eq=False)
class EscapeStep:
    """A step εu along the eigenvector of the smallest eigenvalue: what the model predicts and what happens.

    u (..., d), λ (...) and slope = uᵀg (...) belong to the points; ε has its own shape, and `predicted` and
    `actual`, the changes of the loss, have the shape of the points followed by that of ε.

    >>> step = escape_step("worst network", [0.0, 0.0], [0.1, 0.2])
    >>> step.predicted.round(6).tolist(), step.actual.round(6).tolist()
    ([-0.01, -0.04], [-0.009975, -0.0396])
    """

    u: np.ndarray
    λ: np.ndarray
    slope: np.ndarray
    ε: np.ndarray
    predicted: np.ndarray
    actual: np.ndarray

    def __repr__(self):
        steps = np.broadcast_to(self.ε, self.actual.shape).ravel()
        if len(steps) > 1:
            return f"EscapeStep: {self.λ.size} point(s), {self.ε.size} length(s)"
        λ, predicted, actual = (float(v.ravel()[0]) for v in (self.λ, self.predicted, self.actual))
        return f"EscapeStep: λ = {λ:.4g}, ε = {steps[0]:.4g}, predicted {predicted:.4g}, actual {actual:.4g}"


def escape_step(target, θ, ε):
    """From θ a step εu, Hu = λu with the smallest λ: the change of the loss, εuᵀg + ½λε², and the actual one.

    At a critical point g = 0, and the change is uᵀHu ε²/2 = ½λε². Elsewhere u is the side that points
    downhill, uᵀg ≤ 0. Where uᵀg = 0, to rounding, both sides are alike, and the one whose largest coordinate
    is positive is taken. `target` is a Landscape, its name, or any object with `loss`, `gradient` and
    `hessian`; θ (..., d) and ε of any shape: every ε is tried from every θ.

    >>> escape_step("worst network", [0.0, 0.0], 0.1)
    EscapeStep: λ = -2, ε = 0.1, predicted -0.01, actual -0.009975
    """
    target = _target(target, "loss", "gradient", "hessian")
    θ, ε = _points(target, θ), finite_array(ε, "ε")
    λ, U = np.linalg.eigh(target.hessian(θ))
    return _take(target, θ, ε, λ[..., 0], U[..., 0])


def escape_step_by_products(target, θ, ε, k, rng):
    """`escape_step` without the Hessian: u and λ from k products Hv, as Lanczos combines them.

    For one point of thousands of parameters. λ is at least the smallest eigenvalue, since λ = uᵀHu for the u
    that is found; so a negative λ proves a way down, however small k is. `target` has `loss` and `gradient`;
    the products come from its `hvp(θ, v)`, or else from differences of gradients. θ has shape (d,); `rng`, a
    numpy Generator, draws the first vector. Source: Lanczos, see `helpers.curvature`.

    >>> escape_step_by_products("worst network", [0.0, 0.0], 0.1, 2, np.random.default_rng(0))
    EscapeStep: λ = -2, ε = 0.1, predicted -0.01, actual -0.009975
    """
    target = _target(target, "loss", "gradient")
    θ, ε = _points(target, θ), finite_array(ε, "ε")
    if θ.ndim != 1:
        raise ValueError(f"escape_step_by_products takes one point, of shape (d,), not shape {θ.shape}")
    if callable(getattr(target, "hvp", None)):

        def product(v):
            return target.hvp(θ, v)
    else:

        def product(v):
            return central_hvp(target.gradient, θ, v)

    λ, U = lanczos(product, θ.size, k, rng)
    return _take(target, θ, ε, λ[0], U[:, 0])


def _take(target, θ, ε, λ, u):
    """The EscapeStep along the downhill one of ±u."""
    slope = np.einsum("...i,...i->...", u, target.gradient(θ))
    first = np.abs(u).round(9).argmax(-1)[..., None]  # rounded, so that equals are equal on every computer
    largest = np.take_along_axis(u, first, -1)[..., 0]
    level = np.abs(slope) <= 1e-12 * np.maximum(1, np.abs(λ))
    side = np.where(level, np.sign(largest), -np.sign(slope))
    u, slope, λ = u * side[..., None], slope * side, np.asarray(λ)
    apart = (..., *[None] * ε.ndim)  # the axes of ε follow those of the points
    there = θ[apart + (slice(None),)] + ε[..., None] * u[apart + (slice(None),)]
    actual = target.loss(there) - target.loss(θ)[apart]
    return EscapeStep(u, λ, slope, ε, ε * slope[apart] + λ[apart] * ε**2 / 2, actual)


def _target(target, *methods):
    """A Landscape for its name; anything else must have the methods."""
    target = landscape(target) if isinstance(target, str) else target
    if missing := [name for name in methods if not callable(getattr(target, name, None))]:
        raise TypeError(f"target must have the method(s) {', '.join(missing)}; {target!r} has not")
    return target


def _points(target, θ):
    θ = finite_array(θ, "θ", getattr(target, "d", None))
    if θ.ndim == 0:
        raise ValueError("θ must have shape (..., d), with the coordinates on the last axis")
    return θ


# How long it takes to leave: along the unstable direction, y ← (1 + η|λ|) y + √(2ηD) ξ until |y| ≥ R

δ, λ = sp.symbols("delta lambda", real=True)
R, s, L, γ = sp.symbols("R s L gamma", positive=True)
n = sp.Symbol("n", positive=True)
_growth = sp.log(1 + η * sp.Abs(λ))


class Law(Formula):
    """A Formula of positive numbers; only λ is negative, δ has either sign. R = 1 if it is left out.

    >>> escape_steps(0.0, -1.0, 0.1)
    Traceback (most recent call last):
    ValueError: δ must not be 0: exactly from the saddle, gradient descent never leaves
    """

    _letters = {η: "η", λ: "λ", δ: "δ", γ: "γ"}

    def __call__(self, *values):
        if self.arguments[-1] == R and len(values) == len(self.arguments) - 1:
            values = (*values, 1.0)
        for symbol, value in zip(self.arguments, values, strict=False):
            name = self._letters.get(symbol, str(symbol))
            value = finite_array(value, name)
            if symbol == λ and not (value < 0).all():
                raise ValueError("λ must be negative: without negative curvature there is no way to escape")
            if symbol == δ and (value == 0).any():
                raise ValueError("δ must not be 0: exactly from the saddle, gradient descent never leaves")
            if symbol not in (λ, δ) and not (value > 0).all():
                raise ValueError(f"{name} must be more than 0")
        result = super().__call__(*values)
        if not np.isfinite(result).all():
            raise ValueError("the law has no finite value for these numbers")
        return result

    @cached_property
    def latex(self):
        """The formula's right-hand side as LaTeX: Euler's constant is γ_E, and 1 comes first in a sum."""
        one = sp.Symbol("1")
        expression = self.expression.subs(sp.EulerGamma, sp.Symbol("gamma_E")).replace(
            lambda e: e.is_Add and 1 in e.args, lambda e: e - 1 + one
        )
        return latex(expression, factors=[η, *self.arguments], first=[one])


escape_steps = Law([δ, λ, η, R], sp.log(R / sp.Abs(δ)) / _growth)
"""Steps of gradient descent on ½λy², λ < 0, from |δ| to R. The first step at R or beyond is its ceiling.

>>> round(float(escape_steps(1e-6, -2.0, 0.1)), 3)
75.776
"""


def _mean(variance):
    """Mean steps from N(0, s²), s ≪ R: E ln|z| = −(γ_E + ln 2)/2, and ½ is the mean effect of a ceiling."""
    return (sp.log(2 * R**2 / variance) + sp.EulerGamma) / (2 * _growth) + sp.S.Half


_noise_variance = 2 * D / (sp.Abs(λ) * (2 + η * sp.Abs(λ)))

escape_steps_random = Law([s, λ, η, R], _mean(s**2))
"""Mean steps of gradient descent for starts δ ~ N(0, s²), s ≪ R.

It is [ln(R/s) + (γ_E + ln 2)/2]/ln(1 + η|λ|) + ½, because E ln|z| = −(γ_E + ln 2)/2 for a standard normal z;
the ½ is the mean effect of the ceiling. `escape_steps_exact` has no such limit.

>>> round(float(escape_steps_random(1e-3, -1.0, 0.1)), 3)
79.641
"""

noise_start = Law([D, λ, η], sp.Pow(_noise_variance, sp.S.Half, evaluate=False))
"""The s of random starts that noise of strength D, from exactly the saddle, is worth.

yₜ = (1 + η|λ|)ᵗ zₜ with zₜ → N(0, s²), s² = 2ηD/((1 + η|λ|)² − 1) = 2D/(|λ| (2 + η|λ|)).

>>> round(float(noise_start(1e-4, -1.0, 0.1)), 6)
0.009759
"""

escape_steps_noise = Law([D, λ, η, R], _mean(_noise_variance))
"""Mean steps with noise of strength D from exactly the saddle, s ≪ R: the law above from `noise_start`.

>>> round(float(escape_steps_noise(1e-6, -1.0, 0.1)), 3)
79.897
"""

escape_time_noise = Law([D, λ, R], (sp.log(2 * sp.Abs(λ) * R**2 / D) + sp.EulerGamma) / (2 * sp.Abs(λ)))
"""Mean time, η times steps as η → 0, with noise of strength D ≪ |λ|R² from exactly the saddle.

>>> round(float(escape_time_noise(1e-4, -1.0)), 3)
5.24
"""


def escape_time_noise_exact(D, λ, R=1.0):
    """Mean time until dy = |λ|y dt + √(2D) dW from y = 0 reaches ±R: the law above without its limit D → 0.

    It is the double integral of the mean first-passage time, (1/D) ∫₀ᴿ e^{−κy²/2} ∫₀ʸ e^{κz²/2} dz dy with
    κ = |λ|/D, and equals (R²/2D) ₂F₂(1, 1; 3/2, 2; −κR²/2). Without curvature it would be R²/2D.

    >>> round(escape_time_noise_exact(0.1, -1.0), 4), round(float(escape_time_noise(0.1, -1.0)), 4)
    (1.7241, 1.7865)
    """
    D, R = number(D, "D", 0, above=True), number(R, "R", 0, above=True)
    λ = number(λ, "λ", high=0, below=True)
    series = sp.hyper((1, 1), (sp.Rational(3, 2), 2), λ * R**2 / (2 * D))
    return R**2 / (2 * D) * float(series.evalf())


RETURN = 7.0  # standard deviations of noise between the pull outwards at R and a step back inside


def escape_steps_exact(λ, η, R=1.0, s=0.0, D=0.0):
    """E[T] exactly: T the first t with |y| ≥ R, y ← (1 + η|λ|) y + √(2ηD) ξ from y₀ ~ N(0, s²).

    D = 0 is gradient descent from random starts, s = 0 perturbed gradient descent from exactly the saddle.
    While the noise cannot bring y back inside, E[T] = Σₜ P(T > t) = Σₜ P(|yₜ| < R), and yₜ is normal.
    Stronger noise needs the mean m(y) from every y, which solves m(y) = 1 + ∫ m(z) p(z|y) dz over (−R, R):
    Nyström's method, with Gauss points much closer than the kernel p is wide.

    Raises ValueError when nothing would ever move (s = D = 0).

    >>> round(escape_steps_exact(-1.0, 0.1, s=1e-3), 3), round(float(escape_steps_random(1e-3, -1.0, 0.1)), 3)
    (79.641, 79.641)
    """
    λ, η = number(λ, "λ", high=0, below=True), number(η, "η", 0, above=True)
    R, s, D = number(R, "R", 0, above=True), number(s, "s", 0), number(D, "D", 0)
    if s == D == 0:
        raise ValueError("s and D must not both be 0: exactly from the saddle, gradient descent never leaves")
    a, σ = 1 + η * -λ, math.sqrt(2 * η * D)
    if (a - 1) * R >= RETURN * σ:
        return _mean_without_return(a, σ, R, s)
    return _mean_by_nystrom(a, σ, R, s)


def _mean_without_return(a, σ, R, s):
    mean, variance = 0.0, s**2
    while True:
        inside = math.erf(R / math.sqrt(2 * variance)) if variance else 1.0
        mean += inside
        if inside < 1e-17:
            return mean
        variance = a**2 * variance + σ**2


def _mean_by_nystrom(a, σ, R, s):
    z, w = _gauss(R, 4 * σ)
    if len(z) > 4000:
        raise ValueError("noise this weak beside R, at a curvature this small, needs a larger η")

    def kernel(y):  # m is even: (0, R) stands for both halves
        return (_normal((z - a * y[:, None]) / σ) + _normal((z + a * y[:, None]) / σ)) / σ * w

    m = np.linalg.solve(np.eye(len(z)) - kernel(z), np.ones(len(z)))
    if s == 0:
        return float(1 + kernel(np.zeros(1))[0] @ m)
    y, v = _gauss(min(R, 10 * s), min(s, σ))  # a start at R or beyond takes no step at all
    return float(2 * (v * _normal(y / s) / s) @ (1 + kernel(y) @ m))


def _gauss(R, width):
    """Gauss points and weights on (0, R), 16 to each panel no wider than `width`."""
    x, w = np.polynomial.legendre.leggauss(16)
    panels = math.ceil(R / width)
    half = R / panels / 2
    return (half * (2 * np.arange(panels)[:, None] + 1 + x)).ravel(), np.tile(half * w, panels)


def _normal(x):
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def steps_to_leave(path, centre, R=1.0, u=None):
    """The first step at which ‖θ − centre‖ ≥ R, or |uᵀ(θ − centre)| ≥ R along a direction u; −1 if never.

    `path` is a Descent or an array (steps + 1, ..., d); the answer has shape (...). From a Descent that kept
    only every k-th point, the answer is the first of those.

    >>> from helpers.optimizers import descend
    >>> steps_to_leave(descend("saddle", [1.0, 1e-3], steps=60, η=0.1), [0.0, 0.0], u=[0.0, 1.0]).tolist()
    38
    """
    θ, t = (path.θ, path.t) if isinstance(path, Descent) else (finite_array(path, "path"), None)
    if θ.ndim < 2:
        raise ValueError(f"path must have shape (steps + 1, ..., d), not {θ.shape}")
    t = np.arange(len(θ)) if t is None else t
    outside = _outside(θ, *_exit(θ.shape[-1], centre, R, u))
    return np.where(outside.any(0), t[outside.argmax(0)], -1)


def run_until_left(target, start, rule, centre, R=1.0, steps=10_000, u=None, rng=None, **hyper):
    """`steps_to_leave` for many starts (..., d) at once, without keeping their paths: (...), −1 if never.

    `target`, `rule`, `rng` and the hyper-parameters are those of `descend`; a name of ESCAPE is accepted as a
    rule. A run stops when it has left. The rule must not remember anything from step to step.

    >>> start = [[1.0, 1e-3], [1.0, 0.0]]
    >>> run_until_left("saddle", start, "gradient descent", [0.0, 0.0], u=[0.0, 1.0]).tolist()
    [38, -1]
    """
    rule, target = find_rule(ESCAPE.get(rule, rule) if isinstance(rule, str) else rule), _target(target)
    steps = count(steps, "steps")
    if rule.states or any(sp.sympify(e).has(optimizers.t) for _, e in rule.update):
        raise ValueError(f"{rule.name!r} remembers earlier steps; use descend and steps_to_leave")
    start = finite_array(start, "start", getattr(target, "d", None))
    if start.ndim == 0:
        raise ValueError("start must have shape (..., d), with the coordinates on the last axis")
    θ = start.reshape(-1, start.shape[-1]).copy()
    centre, R, u = _exit(start.shape[-1], centre, R, u)
    left = np.where(_outside(θ, centre, R, u), 0, -1)
    here, t = np.flatnonzero(left < 0), 0
    slope = target if rule.curved else getattr(target, "gradient", target)  # without it, no loss on the way
    while t < steps and here.size:
        run = descend(slope, θ[here], rule, min(BLOCK, steps - t), rng=rng, **hyper)
        first = steps_to_leave(run, centre, R, u)
        left[here] = np.where(first < 0, -1, t + first)
        θ[here], t = run.end, t + run.steps
        here = here[first < 0]
    return left.reshape(start.shape[:-1])


BLOCK = 50  # steps between two looks at who has left


def _exit(d, centre, R, u):
    centre, R = finite_array(centre, "centre", d), number(R, "R", 0, above=True)
    if u is not None:
        u = finite_array(u, "u", d)
        if u.ndim != 1 or not u.any():
            raise ValueError("u must be one direction of shape (d,) that is not zero")
        u = u / np.linalg.norm(u)
    return centre, R, u


def _outside(θ, centre, R, u):
    away = θ - centre
    return (np.linalg.norm(away, axis=-1) if u is None else np.abs((away * u).sum(-1))) >= R


# Many saddles in a row


@dataclass(frozen=True)
class Cascade:
    """d saddles in a row, after Du et al. (2017): coordinate k leaves the k-th while all later ones shrink.

    With k the first coordinate of |θ_k| < R, the loss is

        ½L Σ_{j<k} (|θ_j| − 2R)² − ½γ θ_k² + ½L Σ_{j>k} θ_j² − ½(L + γ)R² (k − 1):

    coordinates that have left are drawn to 2R, the k-th one is pushed away from 0 with curvature −γ, the
    others are drawn to 0 with curvature L. While it waits, a coordinate shrinks by 1 − ηL in every step, and
    later has to grow back at only 1 + ηγ: that is why every saddle takes longer than all before it together.

    What the original has and this toy leaves out: a smooth loss (here ∇L jumps where a coordinate passes R,
    and the loss then drops a little, by ½(L + γ) θ²_{k+1}), a bounded domain and its mirrored copies, and the
    proof. What it keeps: saddles in a row, their curvatures, and the exponential number of steps.

    >>> cascade = Cascade(3)
    >>> cascade.saddle([[0.2, 0.1, 0.1], [1.5, 0.1, 0.1]]).tolist()
    [0, 1]
    >>> cascade.gradient([1.5, 0.1, 0.1]).tolist()
    [-1.0, -0.1, 0.2]
    """

    d: int
    L: float = 2.0
    γ: float = 1.0
    R: float = 1.0

    def __post_init__(self):
        count(self.d, "d", 1, 1000)
        for name in ("L", "γ", "R"):
            number(getattr(self, name), name, 0, above=True)

    def saddle(self, θ):
        """How many saddles lie behind θ (..., d): the number of leading coordinates with |θ_j| ≥ R."""
        return (np.abs(_points(self, θ)) >= self.R).cumprod(-1).sum(-1)

    def _parts(self, θ):
        """θ, the number k of saddles behind it, and the curvature of each coordinate."""
        θ, k = _points(self, θ), self.saddle(θ)
        return θ, k, np.where(np.arange(self.d) == k[..., None], -self.γ, self.L)

    def _away(self, θ, k):
        """Each coordinate's distance from the point that it is drawn to or pushed from."""
        return θ - np.where(np.arange(self.d) < k[..., None], 2 * self.R * np.sign(θ), 0.0)

    def loss(self, θ):
        """L(θ): (..., d) -> (...)."""
        θ, k, λ = self._parts(θ)
        return (λ * self._away(θ, k) ** 2).sum(-1) / 2 - k * (self.L + self.γ) * self.R**2 / 2

    def gradient(self, θ):
        """∇L(θ): (..., d) -> (..., d)."""
        θ, k, λ = self._parts(θ)
        return λ * self._away(θ, k)

    def hessian(self, θ):
        """H(θ), diagonal: (..., d) -> (..., d, d)."""
        return self._parts(θ)[-1][..., None] * np.eye(self.d)


def cascade_steps(d, η=0.1, L=2.0, γ=1.0, R=1.0, start=0.45):
    """Steps that gradient descent spends at each of d saddles in a row: (..., d) whole numbers, exactly.

    Up to the k-th saddle coordinate k has shrunk by (1 − ηL) in each of T steps; there it grows by 1 + ηγ:

        t = ⌈[ln(R/|θ_k|) − T ln(1 − ηL)] / ln(1 + ηγ)⌉.

    Logarithms carry what float64 cannot: from T = 3337 on, 0.8ᵀ is less than its least positive number, and
    what it rounds to never moves again. `start` is a number, or an array (..., d), and 0 nowhere.

    >>> cascade_steps(6).tolist()
    [9, 30, 100, 334, 1116, 3729]
    """
    d, η = count(d, "d", 1, 40), number(η, "η", 0, above=True)
    L, γ, R = (number(v, k, 0, above=True) for v, k in ((L, "L"), (γ, "γ"), (R, "R")))
    if η * L >= 1:
        raise ValueError(f"η·L must be less than 1, so that waiting coordinates shrink; it is {η * L:g}")
    start = np.abs(finite_array(start, "start"))
    start = np.full(d, start) if start.ndim == 0 else _check_axis(start, d)
    if not start.all():
        raise ValueError("start must not be 0 in any coordinate: gradient descent would never leave")
    shrink, grow = -math.log1p(-η * L), math.log1p(η * γ)
    t, T = np.zeros(start.shape), np.zeros(start.shape[:-1])
    for k in range(d):
        t[..., k] = np.ceil(np.maximum((np.log(R / start[..., k]) + T * shrink) / grow, 0))
        T = T + t[..., k]
    return t.astype(np.int64)


def _check_axis(start, d):
    if start.shape[-1] != d:
        raise ValueError(
            f"start must be a number or have {d} coordinates on its last axis, not {start.shape}"
        )
    return start


cascade_growth = Law([η, L, γ], 1 - sp.log(1 - η * L) / sp.log(1 + η * γ))
"""The factor from the steps of k saddles to those of k + 1: T ← [1 − ln(1 − ηL)/ln(1 + ηγ)] T + constant.

>>> round(float(np.log(cascade_growth(0.1, 2.0, 1.0))), 4)
1.2063
"""


def cascade_run(cascade, start, rule="gradient descent", steps=10_000, rng=None, **hyper):
    """Steps that a rule really spends at each saddle, by running it: starts (..., d) -> (..., d).

    −1 marks the saddle that a run had not left after `steps` steps, and all later ones. Arguments as in
    `run_until_left`.

    >>> cascade_run(Cascade(4), [0.45] * 4, steps=1000, η=0.1).tolist()
    [9, 30, 100, 334]
    """
    if not isinstance(cascade, Cascade):
        raise TypeError(f"cascade must be a Cascade, not {cascade!r}")
    rule, steps = find_rule(ESCAPE.get(rule, rule) if isinstance(rule, str) else rule), count(steps, "steps")
    start = finite_array(start, "start", cascade.d)
    θ, t = start.reshape(-1, cascade.d), 0
    spent = np.zeros(θ.shape, dtype=np.int64)
    target = cascade if rule.curved else cascade.gradient
    while t < steps and (cascade.saddle(θ) < cascade.d).any():
        run = descend(target, θ, rule, min(BLOCK, steps - t), rng=rng, **hyper)
        at = cascade.saddle(run.θ[:-1])
        spent += np.stack([(at == k).sum(0) for k in range(cascade.d)], axis=-1)
        θ, t = run.end, t + run.steps
    spent[np.arange(cascade.d) >= cascade.saddle(θ)[:, None]] = -1
    return spent.reshape(start.shape)


# Where a rule ends


def ends(target, θ, near=1e-3):
    """Which critical point each θ (..., d) has reached: k for `points[k]` of `find_critical_points`, (...).

    A θ within `near` of the j-th critical curve, and of no point, counts as len(points) + j; one that is near
    nothing counts as −1.

    >>> ends("worst network", [[0.0, 0.0], [2.0, 0.5], [1.0, 0.0]]).tolist()
    [0, 1, -1]
    """
    land, near = landscape(target), number(near, "near", 0, above=True)
    θ, found = _points(land, θ), find_critical_points(land)
    result = np.full(θ.shape[:-1], -1)
    for k, point in enumerate(found.points):
        result[np.linalg.norm(θ - point.θ, axis=-1) <= near] = k
    for j, curve in enumerate(found.curves, len(found.points)):
        result[(result < 0) & (_distance(θ, curve) <= near)] = j
    return result


def _distance(θ, curve):
    """From points (..., d) to a curve c(t), by Gauss and Newton: t ← t + c′ᵀ(θ − c)/‖c′‖²."""
    c, slope = (
        Formula([(curve.parameter,)], [sp.diff(e, curve.parameter, k) for e in curve.expression])
        for k in (0, 1)
    )
    k = curve.expression.index(curve.parameter)  # one coordinate is the parameter itself
    t = θ[..., k : k + 1]
    with np.errstate(all="ignore"):
        for _ in range(8):
            v = slope(t)
            t = t + ((θ - c(t)) * v).sum(-1, keepdims=True) / (v * v).sum(-1, keepdims=True)
        return np.nan_to_num(np.linalg.norm(θ - c(t), axis=-1), nan=np.inf)


# Random Hessians: how likely is it that no direction leads down?


def goe(n, size, rng):
    """`size` random symmetric matrices of the Gaussian orthogonal ensemble: (size, n, n).

    (A + Aᵀ)/√2 with independent standard normal A: E[H_ij H_kl] = δ_ik δ_jl + δ_il δ_jk, so the variance is 1
    off the diagonal and 2 on it, and every rotation of H is as likely as H.

    >>> goe(3, 2, np.random.default_rng(0)).shape
    (2, 3, 3)
    """
    A = _generator(rng).normal(size=(count(size, "size", 1), *2 * (count(n, "n", 1, 200),)))
    return (A + A.transpose(0, 2, 1)) / math.sqrt(2)


def gaussian_field_hessian(n, size, rng):
    """Hessians of an isotropic Gaussian random field at a given point: (size, n, n).

    A field of covariance E[φ(x) φ(y)] = C(‖x − y‖²/2) has E[φ_ij φ_kl] = ∂ᵢ∂ⱼ∂ₖ∂ₗ C at x = y, and the chain
    rule leaves C″(0) (δ_ij δ_kl + δ_ik δ_jl + δ_il δ_jk). The last two terms are those of `goe`. The first
    is a common term ζI, ζ ~ N(0, 1), independent of the rest: all eigenvalues move up or down together. Here
    C″(0) = 1. The slope φ_i is independent of φ_kl, because third derivatives of C are odd; so the condition
    φ_i = 0 of a critical point changes nothing. Source: Bray and Dean (2007), Fyodorov (2004).

    >>> gaussian_field_hessian(3, 5, np.random.default_rng(0)).shape
    (5, 3, 3)
    """
    return goe(n, size, rng) + rng.normal(size=(size, 1, 1)) * np.eye(n)


def pivots(H):
    """The pivots of symmetric matrices (size, n, n) in Gauss's elimination: (size, n).

    Their product is det H, and (Sylvester) as many of them are negative as eigenvalues are. This is faster
    than eigenvalues by far, for many small matrices. There is no exchange of rows: meant for random matrices,
    of which almost none has a pivot near 0.

    >>> pivots(np.array([[[0.5, 1.0], [1.0, 0.0]]])).tolist()
    [[0.5, -2.0]]
    """
    H = finite_array(H, "H")
    if H.ndim != 3 or H.shape[1] != H.shape[2]:
        raise ValueError(f"H must have shape (size, n, n), not {H.shape}")
    S = np.ascontiguousarray(H.transpose(1, 2, 0))  # entry by entry: every operation runs over all matrices
    S = S.copy() if np.shares_memory(S, H) else S
    n = len(S)
    with np.errstate(divide="ignore", invalid="ignore"):
        for k in range(n - 1):
            for i in range(k + 1, n):
                S[i, k + 1 :] -= (S[i, k] / S[k, k]) * S[k, k + 1 :]
    return S[np.arange(n), np.arange(n)].T


def minimum_share(H):
    """(share, standard error) of matrices (size, n, n) whose eigenvalues are all positive.

    The share of maxima is the same on average wherever −H is as likely as H.

    >>> minimum_share(np.array([[[1.0]], [[-1.0]]]))[0]
    0.5
    """
    positive = (pivots(H) > 0).all(-1)
    p = float(positive.mean())
    return p, math.sqrt(p * (1 - p) / len(positive))


def field_index_shares(n, size, rng):
    """(shares, standard errors), (n + 1,) each: critical points of an isotropic Gaussian field by index.

    The critical points of a field are not a random draw of `gaussian_field_hessian`: on average, a region
    holds ∫E[δ(∇φ) |det H|] dx of them (Kac and Rice), since ∇φ passes through 0 the more often, the less
    ∇φ turns when φ moves. So each Hessian counts with the weight |det H|:

        share of index k = E[|det H|; k negative eigenvalues] / E[|det H|].

    The standard errors are those of a ratio of two means.

    >>> shares, errors = field_index_shares(2, 20_000, np.random.default_rng(0))
    >>> bool(abs(shares[0] - 0.25) < 3 * errors[0])
    True
    """
    p = pivots(gaussian_field_hessian(n, size, rng))
    weight = np.abs(p.prod(-1))
    of_index = np.arange(n + 1) == (p < 0).sum(-1)[:, None]
    shares = weight @ of_index / weight.sum()
    errors = np.sqrt((weight[:, None] ** 2 * (of_index - shares) ** 2).sum(0)) / weight.sum()
    return shares, errors


def field_index_shares_by_goe(n, size, rng):
    """`field_index_shares` with errors that are many times smaller, from eigenvalues of `goe`(n + 1).

    For H = M + ζI, M from `goe`(n) and x = −ζ, the weight |det H| = ∏|μᵢ − x| turns the density of M's
    eigenvalues, ∏_{i<j} |μᵢ − μⱼ| e^{−Σμ²/4}, into that of the n + 1 eigenvalues μ₁ … μₙ, x of `goe`, but for
    e^{−x²/2} in the place of e^{−x²/4}. H has index k when x is the (k + 1)-th in order. So

        share of index k = E[e^{−x_{k+1}²/4}] / Σⱼ E[e^{−xⱼ²/4}],   x₁ ≤ … ≤ x_{n+1} the eigenvalues of `goe`.

    No determinant is left that would let a few Hessians decide. Source: Fyodorov (2004).

    >>> shares, errors = field_index_shares_by_goe(2, 20_000, np.random.default_rng(0))
    >>> bool(abs(shares[0] - 0.25) < 3 * errors[0] < 0.004)
    True
    """
    x = np.linalg.eigvalsh(goe(count(n, "n", 1, 199) + 1, size, rng))
    weight = np.exp(-(x**2) / 4)
    total = weight.sum(-1, keepdims=True)
    shares = weight.sum(0) / total.sum()
    return shares, np.sqrt(((weight - shares * total) ** 2).sum(0)) / total.sum()


def field_minimum_share(n, size, rng):
    """(share, standard error) of minima among the critical points of an isotropic Gaussian field.

    For n = 1, 2, 3 exactly 1/2, 1/4 and 1/4 − 18√10/(116√15).

    >>> share, error = field_minimum_share(1, 1000, np.random.default_rng(0))
    >>> bool(abs(share - 0.5) < 3 * error)
    True
    """
    shares, errors = field_index_shares(n, size, rng)
    return float(shares[0]), float(errors[0])


@lru_cache
def goe_minimum_probability(n):
    """P(all n eigenvalues of `goe` are positive), exact, as a SymPy number; n ≤ 12.

    The density of the eigenvalues is ∏_{i<j} |λⱼ − λᵢ| e^{−Σλ²/2} (after scaling), over Mehta's constant
    (2π)^{n/2} ∏ Γ(1 + j/2)/Γ(3/2). Over all λ > 0 it integrates to n! times the Pfaffian (de Bruijn 1955) of

        a_ij = ∫∫_{x<y} (xⁱyʲ − xʲyⁱ) e^{−(x²+y²)/2} dx dy,   i, j = 0 … n − 1,

    bordered by ∫xⁱ e^{−x²/2} dx if n is odd. In polar coordinates these are Γ functions and integrals of
    powers of cos and sin. Source of the asymptotic law `goe_minimum_law`: Dean and Majumdar (2006).

    >>> goe_minimum_probability(1), round(float(goe_minimum_probability(3)), 7)
    (1/2, 0.0249209)
    """
    n = count(n, "n", 1, 12)
    a = {
        (i, j): 2 ** sp.Rational(i + j, 2) * sp.gamma(sp.Rational(i + j, 2) + 1) * (_arc(i, j) - _arc(j, i))
        for i in range(n)
        for j in range(i + 1, n)
    }
    for i in range(n if n % 2 else 0):
        a[i, n] = 2 ** sp.Rational(i - 1, 2) * sp.gamma(sp.Rational(i + 1, 2))

    @lru_cache
    def pfaffian(rows):
        first, *rest = rows or (None,)
        return (
            sp.expand(
                sum(
                    (-1) ** k * a[first, j] * pfaffian(tuple(rest[:k] + rest[k + 1 :]))
                    for k, j in enumerate(rest)
                )
            )
            if rows
            else sp.S.One
        )

    mehta = (2 * sp.pi) ** sp.Rational(n, 2) * sp.prod(
        sp.gamma(1 + sp.Rational(j, 2)) / sp.gamma(sp.Rational(3, 2)) for j in range(1, n + 1)
    )
    return sp.expand(sp.factorial(n) * pfaffian(tuple(range(n + n % 2))) / mehta)


@lru_cache
def _arc(i, j):
    """∫ cosⁱφ sinʲφ dφ from π/4 to π/2, by parts until a power is 0 or 1."""
    half = sp.sqrt(2) / 2  # cos and sin of π/4
    if i >= 2:
        return (-(half ** (i + j)) + (i - 1) * _arc(i - 2, j)) / (i + j)
    if j >= 2:
        return (half ** (i + j) + (j - 1) * _arc(i, j - 2)) / (i + j)
    return {(0, 0): sp.pi / 4, (1, 0): 1 - half, (0, 1): half, (1, 1): sp.Rational(1, 4)}[i, j]


goe_minimum_law = Law([n], sp.exp(-(n**2) * sp.log(3) / 4))
"""How fast the probability falls: e^{−n² ln 3/4} to leading order in the exponent (Dean and Majumdar 2006).

>>> round(float(goe_minimum_law(5) / goe_minimum_probability(5)), 1)
7.4
"""


def _generator(rng):
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
    return rng
