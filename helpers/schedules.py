"""Learning rates that change with the step t = 1, 2, …, each written once as a SymPy expression.

Each starts with η at t = 1, a warm-up excepted. `descend` takes one in the place of a number.
"""

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from helpers.checks import count, finite_array, number
from helpers.optimizers import HYPER, t, η
from helpers.symbolic import Formula, javascript_function, latex

t0, γ, low, every, T, Tw = sp.symbols(r"t_0 gamma \eta_{\min} n T T_w", nonnegative=True)
_SYMBOL = {"η": η, "t0": t0, "γ": γ, "low": low, "every": every, "steps": T}

_INVERSE_TIME = η / (1 + (t - 1) / t0)
_INVERSE_SQRT = η / sp.sqrt(t)
_COSINE = low + (η - low) * (1 + sp.cos(sp.pi * sp.Min(t - 1, T) / T)) / 2
_STEP_DECAY = η * γ ** sp.floor((t - 1) / every)
_WARM_UP = sp.Min(1, t / Tw)


@dataclass(frozen=True, eq=False)
class Schedule:
    """A function of the step t: a name, an expression of t and further symbols, and {symbol: value}.

    A value is a number, or an array with one for every run of a `descend`; t may be an array too, and both
    are broadcast. `.latex` keeps the symbols.

    >>> inverse_time(0.5, t0=2)(3)
    0.25
    >>> inverse_sqrt(1.0)([1, 4, 16]).tolist()
    [1.0, 0.5, 0.25]
    """

    name: str
    expression: sp.Expr
    values: dict

    @cached_property
    def _formula(self):
        return Formula([t, *self.values], self.expression)

    def __call__(self, t):
        """The value in step t: a float, or an array where t or a value is one."""
        t = finite_array(t, "the step t")
        if (t < 1).any():
            raise ValueError(f"the steps t are 1, 2, …, so t must be at least 1, not {t.min():g}")
        value = self._formula(t, *self.values.values())
        return float(value) if np.ndim(value) == 0 else value

    @property
    def latex(self):
        """The expression as LaTeX, in letters."""
        one = sp.Symbol("1")  # it leads a sum: 1 + (t − 1)/t₀
        expression = self.expression.replace(lambda e: e.is_Add and 1 in e.args, lambda e: e - 1 + one)
        return latex(expression, factors=[η, γ, t], first=[one, low])

    @property
    def javascript(self):
        """JavaScript, t => value; ValueError for a schedule with a value for every run."""
        if any(np.ndim(value) for value in self.values.values()):
            raise ValueError(f"{self!r} has a value for every run, and JavaScript is for a single one")
        function = javascript_function([t, tuple(self.values)], self.expression)
        return f"(t) => ({function})(t, {json.dumps([float(v) for v in self.values.values()])})"

    def _repr_latex_(self):
        return f"${self.latex}$"

    def __repr__(self):
        return self.name


def _schedule(name, expression, **values):
    shown = ", ".join(
        f"{letter}={value:g}" if np.ndim(value) == 0 else f"{letter}={value.min():g} … {value.max():g}"
        for letter, value in values.items()
    )
    return Schedule(
        f"{name}({shown})", expression, {_SYMBOL[letter]: value for letter, value in values.items()}
    )


def _rate(value):
    """A learning rate, or an array of them, that is possible."""
    if callable(value):
        raise TypeError(f"the learning rate η of a schedule must be a number or an array, not {value!r}")
    return HYPER[η].check(value)


def constant(η):
    """η in every step.

    >>> constant(0.1)(1000)
    0.1
    """
    return _schedule("constant", _SYMBOL["η"], η=_rate(η))


def inverse_time(η, t0):
    """η/(1 + (t − 1)/t₀): from η down to a half after t₀ steps, then like ηt₀/t.

    With gradient noise the sum of the rates diverges and that of their squares converges, so that the noise
    dies out and every distance can still be covered. Source: Robbins and Monro (1951).

    >>> inverse_time(0.1, t0=10)(11)
    0.05
    """
    return _schedule("inverse_time", _INVERSE_TIME, η=_rate(η), t0=number(t0, "the time t0", 0, above=True))


def inverse_sqrt(η):
    """η/√t.

    >>> inverse_sqrt(0.1)(4)
    0.05
    """
    return _schedule("inverse_sqrt", _INVERSE_SQRT, η=_rate(η))


def cosine(η, steps, low=0):
    """low + ½(η − low)(1 + cos π(t − 1)/T): half a wave from η to `low`, T = `steps`; `low` from then on.

    Raises ValueError for a `low` above η. Source: Loshchilov and Hutter (2017).

    >>> cosine(0.1, steps=100)(51)
    0.05
    """
    η, steps, low = _rate(η), count(steps, "steps", 1), number(low, "low", 0)
    if np.any(low > np.asarray(η)):
        raise ValueError(f"low must not be more than η, but it is {low:g}")
    return _schedule("cosine", _COSINE, η=η, steps=steps, low=low)


def step_decay(η, γ, every):
    """η γ^⌊(t − 1)/n⌋: times γ, 0 < γ ≤ 1, after every n = `every` steps.

    >>> [step_decay(1.0, γ=0.5, every=10)(t) for t in (10, 11, 21)]
    [1.0, 0.5, 0.25]
    """
    γ = number(γ, "the factor γ", 0, 1, above=True)
    return _schedule("step_decay", _STEP_DECAY, η=_rate(η), γ=γ, every=count(every, "every", 1))


def warm_up(schedule, steps):
    """min(1, t/T) times a schedule, or times a number: a rise in T = `steps` equal steps.

    >>> [warm_up(0.1, steps=4)(t) for t in (1, 2, 4, 9)]
    [0.025, 0.05, 0.1, 0.1]
    """
    schedule = schedule if isinstance(schedule, Schedule) else constant(schedule)
    if Tw in schedule.values:
        raise ValueError(f"{schedule!r} has a warm-up already")
    steps = count(steps, "steps", 1)
    return Schedule(
        f"warm_up({schedule!r}, steps={steps})", _WARM_UP * schedule.expression, schedule.values | {Tw: steps}
    )
