"""Momentum, computed: its rates on a quadratic, and a ball with friction on a hill.

On ½λθ² one step is linear: (θ, ηv) ← M·(θ, ηv). M depends on ηλ and β alone, and its two eigenvalues μ say
everything: whether the run converges, how fast, and whether it swings.
"""

import math

import numpy as np
import sympy as sp

from helpers.checks import count, finite_array, number
from helpers.landscapes import Landscape, landscape
from helpers.optimizers import RULES, UpdateRule, descend, g, m, β, η, θ
from helpers.symbolic import Formula

ηλ = sp.Symbol("etalambda", nonnegative=True)
κ, λ = sp.symbols("kappa lambda", positive=True)
t, a, γ = sp.symbols("t a gamma", nonnegative=True)

ANALYSED = ("gradient descent", "momentum", "nesterov")

lecture_momentum = UpdateRule(
    "momentum, lecture",
    "Momentum, lecture's form",
    ((m, β * m - η * g), (θ, θ + m)),
    stable_below=2 + 2 * β,
    source="lee2021",
)
"""m ← βm − ηg, θ ← θ + m: the path of v ← βv + g, θ ← θ − ηv as long as η does not change."""


# On a quadratic


def iteration_matrix(name):
    """M of one step on ½λθ², from the rule's own update: (θ, ηv) ← M·(θ, ηv), in terms of ηλ and β.

    Gradient descent has v = 0. Raises ValueError for a rule that is not linear on a quadratic.

    >>> iteration_matrix("momentum")
    Matrix([
    [1 - etalambda, -beta],
    [    etalambda,  beta]])
    """
    if name not in ANALYSED:
        raise ValueError(f"the rule must be one of {', '.join(map(repr, ANALYSED))}, not {name!r}")
    r = RULES[name]
    new = [sp.sympify(part).subs(g, λ * r.at) for part in r._new]
    M = sp.zeros(2, 2)
    M[: len(new), : len(new)] = sp.Matrix(new).jacobian([θ, *r.states])
    scale = sp.diag(1, η)
    return (scale * M * scale.inv()).subs(λ, ηλ / η).applyfunc(sp.simplify)


def _discriminant(M):
    return sp.factor(M.trace() ** 2 - 4 * M.det())


def _radius(M):
    """The larger |μ|: √det M where the eigenvalues are complex, else (|tr M| + √discriminant)/2."""
    inner = _discriminant(M)
    real = (sp.Abs(M.trace()) + sp.sqrt(sp.Abs(inner))) / 2
    return sp.Piecewise((sp.sqrt(sp.Abs(M.det())), inner < 0), (real, True))


_matrices = {name: iteration_matrix(name) for name in ANALYSED}

trace = {name: Formula([ηλ, β], M.trace()) for name, M in _matrices.items()}
"""The sum of the two eigenvalues of M, by rule."""

discriminant = {name: Formula([ηλ, β], _discriminant(M)) for name, M in _matrices.items()}
"""(tr M)² − 4 det M, by rule: negative where μ is complex and the motion under-damped.

>>> float(discriminant["momentum"](0.25, 0.25))
0.0
"""

spectral_radius = {name: Formula([ηλ, β], _radius(M)) for name, M in _matrices.items()}
"""The larger |μ|, by rule: the factor by which the distance shrinks in a step, in the long run.

>>> float(spectral_radius["momentum"](1.0, 0.25))
0.5
"""


def stability_bound(name):
    """The ηλ at which the run ceases to converge, from M: where an eigenvalue reaches −1.

    The characteristic polynomial at −1 is 1 + tr M + det M; it is positive below the bound. The other two
    conditions of Jury, det M < 1 and 1 − tr M + det M > 0, hold up to there.

    >>> stability_bound("momentum")
    2*beta + 2
    """
    M = iteration_matrix(name)
    (bound,) = sp.solve(1 + M.trace() + M.det(), ηλ)
    return sp.factor(bound) if name == "nesterov" else sp.expand(bound)


_r, _q = sp.sqrt(κ), sp.sqrt(3 * κ + 1)
_optimum = {
    "gradient descent": [2 / (κ + 1), 0, (κ - 1) / (κ + 1)],
    "momentum": [(2 / (_r + 1)) ** 2, ((_r - 1) / (_r + 1)) ** 2, (_r - 1) / (_r + 1)],
    "nesterov": [4 / (3 * κ + 1), (_q - 2) / (_q + 2), 1 - 2 / _q],
}
optimum = {name: Formula([κ], [sp.sympify(part) for part in parts]) for name, parts in _optimum.items()}
"""(ηλ₁, β, rate) with the best rate for all eigenvalues from λ₁ to κλ₁, by rule; κ (...) -> (..., 3).

Sources: Polyak (1964), Lessard, Recht and Packard (2016).

>>> optimum["momentum"](25.0).round(4).tolist()
[0.1111, 0.4444, 0.6667]
"""


def optimal(name, κ):
    """(η, β, rate) of the best η and β for eigenvalues between 1 and κ ≥ 1; divide η by the smallest one.

    κ is a number or an array of them, and η, β and rate have its shape.

    >>> [round(float(part), 4) for part in optimal("gradient descent", 3.0)]
    [0.5, 0.0, 0.5]
    """
    if name not in ANALYSED:
        raise ValueError(f"the rule must be one of {', '.join(map(repr, ANALYSED))}, not {name!r}")
    κ = finite_array(κ, "κ")
    if not (κ >= 1).all():
        raise ValueError("the condition number κ must be at least 1")
    best = optimum[name](κ)
    return tuple(np.maximum(best[..., k], 0)[()] for k in range(3))  # Nesterov's β is −0 at κ = 1


double_root = Formula([a, t], (1 + (1 - a) * t) * a**t)
"""θₜ/θ₀ from v₀ = 0 where both eigenvalues of M are the same μ = a: momentum's and Nesterov's.

M is then defective: beside μᵗ there is tμᵗ. θ₁ = (1 − ηλ)θ₀ and 1 − ηλ = 2μ − μ² fix the factor.

>>> float(double_root(0.5, 2.0))
0.5
"""


# A ball with friction: θ″ = −L′(θ) − γθ′

time_step = Formula([η, β], sp.sqrt(2 * η / (1 + β)))
"""The time h that a step takes, if momentum is to be θ″ = −∇L − γθ′ with central differences.

(θ₊ − 2θ + θ₋)/h² + γ(θ₊ − θ₋)/(2h) = −∇L is θ₊ − θ = β(θ − θ₋) − η∇L with η = h²/(1 + γh/2) and
β = (1 − γh/2)/(1 + γh/2). `friction` is that γ.

>>> float(time_step(0.01, 1.0))
0.1
"""

friction = Formula([η, β], (1 - β) * sp.sqrt(2 / (η * (1 + β))))
"""γ of the ball that momentum imitates: about (1 − β)/√η. See `time_step`.

>>> round(float(friction(0.01, 0.9)), 4)
1.026
"""

_c = γ**2 * η / 2
momentum_of = Formula([η, γ], (2 + _c - sp.sqrt(_c**2 + 8 * _c)) / 2)
"""The β of a ball with friction γ at learning rate η: `friction` solved for β.

>>> round(float(friction(0.01, momentum_of(0.01, 0.7))), 6)
0.7
"""

_L, _before, _after = sp.symbols("L theta_before theta_after", real=True)
energy = Formula([_L, _before, _after, η], _L + ((_after - _before) / 2) ** 2 / (2 * η))
"""L(θₜ) + u²/2 with the speed u = (θₜ₊₁ − θₜ₋₁)/(2√η), one step being a time of √η: (...) -> (...).

In these units the ball has mass 1, and its energy falls along the path by what friction takes. With the
square of `time_step` in place of η it is the energy to second order in the step.

>>> float(energy(1.0, 0.0, 0.2, 0.02))
1.25
"""


def _hill(land, start, top):
    land = landscape(land)
    if not isinstance(land, Landscape) or land.d != 1:
        raise ValueError("the hill must be a Landscape of one parameter")
    return land, number(start, "start"), number(top, "top")


def passes(θ, top):
    """How often a path (steps + 1, ..., 1) goes over `top`, from either side: (...).

    >>> passes(np.array([[-1.0], [0.5], [-0.5], [-1.0]]), 0.0).tolist()
    2
    """
    beyond = finite_array(θ, "θ", 1)[..., 0] > top
    return (beyond[1:] != beyond[:-1]).sum(0)


def roll(land, start, γ, T=30.0, dt=0.02):
    """θ(t) (steps + 1, ..., 1) of a ball at rest at `start`, θ″ = −L′ − γθ′, for every γ (...); Runge–Kutta.

    It is not written with `descend`, so that the two can be compared.

    >>> roll("hill", -1.8, [10.0])[-1].round(2).tolist()
    [[-1.0]]
    """
    land, start, _ = _hill(land, start, 0.0)
    γ, dt, T = finite_array(γ, "γ"), number(dt, "dt", 0, above=True), number(T, "T", 0, above=True)
    slope = land.formulas["gradient"].code

    def force(x, u):
        return u, -slope(x)[0] - γ * u

    x, u = np.full(γ.shape, start), np.zeros(γ.shape)
    path = np.empty((round(T / dt) + 1, *γ.shape, 1))
    for k in range(len(path)):
        path[k, ..., 0] = x
        x1, u1 = force(x, u)
        x2, u2 = force(x + dt / 2 * x1, u + dt / 2 * u1)
        x3, u3 = force(x + dt / 2 * x2, u + dt / 2 * u2)
        x4, u4 = force(x + dt * x3, u + dt * u3)
        x, u = x + dt / 6 * (x1 + 2 * x2 + 2 * x3 + x4), u + dt / 6 * (u1 + 2 * u2 + 2 * u3 + u4)
    return path


def _last_true(test, low, high, rounds=4, among=33):
    """The border between low, where `test` holds, and high, where it does not; each of (...) by itself."""
    low, high = np.broadcast_arrays(np.asarray(low, float), np.asarray(high, float))
    for _ in range(rounds):
        tried = np.linspace(low, high, among)
        k = np.logical_and.accumulate(test(tried)).sum(0)  # how many hold before the first that does not
        left, right = np.clip(k - 1, 0, among - 1), np.clip(k, 0, among - 1)
        low, high = (np.take_along_axis(tried, i[None], 0)[0] for i in (left, right))
    return (low + high) / 2


def critical_friction(land, start, top, n=1, most=20.0):
    """The largest γ < `most` with which the ball still goes over `top` n times, by integration.

    >>> round(float(critical_friction("hill", -1.8, 0.0)), 3)
    1.182
    """
    land, start, top = _hill(land, start, top)
    n = count(n, "n", 1, 20)

    def over(γ):
        return passes(roll(land, start, γ), top) >= n

    if not over(np.zeros(1))[0]:
        raise ValueError(f"even without friction the ball does not go over the top {n} times")
    return float(_last_true(over, 0.0, number(most, "most", 0, above=True)))


def first_order_friction(land, start, top, points=4000):
    """The γ that uses up the energy to spare, L(start) − L(top) = γ∫√(2(L(start) − L)) dθ, in first order.

    The work of friction is γ∫θ′ dθ; the speed θ′ is taken from the ball without friction, which is faster, so
    that the true critical γ is larger.

    >>> 0 < first_order_friction("hill", -1.8, 0.0) < critical_friction("hill", -1.8, 0.0)
    True
    """
    land, start, top = _hill(land, start, top)
    edges = np.linspace(start, top, count(points, "points", 2) + 1)
    L = land.loss(((edges[1:] + edges[:-1]) / 2)[:, None])
    spare = float(land.loss([start]) - land.loss([top]))
    if spare <= 0 or L.max() >= land.loss([start]):
        raise ValueError("the ball must start above everything between start and top")
    speed = np.sqrt(2 * (land.loss([start]) - L))
    return spare / float(speed.sum() * abs(top - start) / points)


def critical_momentum(land, start, top, η, n=1, steps=4000):
    """The smallest β with which `descend` takes the ball over `top` n times, for every η (...), by trial.

    Among the β of each η a run that passes n times is sought from β = 0.999 downwards, so bands in which n is
    missed again are not entered. NaN where not even 0.999 passes.

    >>> round(float(critical_momentum("hill", -1.8, 0.0, 0.01)), 3)
    0.882
    """
    land, start, top = _hill(land, start, top)
    n, η = count(n, "n", 1, 20), finite_array(η, "η")

    def over(β):
        run = descend(land, [start], "momentum", steps, η=np.broadcast_to(η, β.shape), β=β)
        return (passes(run.θ, top) >= n) & (run.diverged == 0)

    high = np.full(η.shape, 0.999)
    found = _last_true(over, high, np.zeros(η.shape))
    return np.where(over(high[None])[0], found, math.nan)[()]


# A constant gradient

drift = Formula([η, β, t], η / (1 - β) * (t - β * (1 - β**t) / (1 - β)))
"""How far t steps lead from v₀ = 0 if the gradient is 1 on average: η/(1 − β) a step, less the start.

>>> float(drift(0.1, 0.5, 2.0))
0.25
"""
