"""Losses of a few parameters, each written once as a SymPy expression, and the gallery of the lectures."""

import math
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from helpers import symbolic
from helpers.checks import finite_array, lookup, number

SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, eq=False)
class Landscape:
    """A loss L(θ): its expression, and L, ∇L and the Hessian H as NumPy functions, LaTeX and JavaScript.

    Parameters: `name`; `expression`, a SymPy expression of `variables` (d symbols); `domain`, d pairs (low,
    high) that a figure shows; `start`, a point from which a descent is worth watching; `title`, `about` and
    `source` for the reader; `lower_bound`, a number that L is known never to fall below, so that a point
    that reaches it is a global minimum whatever its Hessian says.

    The parameters θ are the last axis: θ (..., d) gives L (...), ∇L (..., d) and H (..., d, d).

    Raises TypeError or ValueError for a loss that is no expression of exactly these variables, or an empty
    domain.

    >>> x, y = sp.symbols("x y", real=True)
    >>> bowl = Landscape("bowl", x**2 + 3 * y**2, (x, y), domain=((-1, 1), (-1, 1)))
    >>> bowl.loss([1.0, 2.0]).tolist(), bowl.gradient([1.0, 2.0]).tolist(), bowl.hessian([1.0, 2.0]).tolist()
    (13.0, [2.0, 12.0], [[2.0, 0.0], [0.0, 6.0]])
    """

    name: str
    expression: sp.Expr
    variables: tuple
    domain: tuple
    start: tuple | None = None
    title: str = ""
    about: str = ""
    source: str = ""
    lower_bound: float | None = None

    def __post_init__(self):
        def fix(field, value):
            object.__setattr__(self, field, value)

        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"a landscape's name must be a non-empty string, not {self.name!r}")
        variables = self.variables if isinstance(self.variables, (tuple, list)) else (self.variables,)
        if (
            not variables
            or not all(isinstance(v, sp.Symbol) for v in variables)
            or len(set(variables)) < len(variables)
        ):
            raise TypeError(f"variables must be one or more different SymPy symbols, not {self.variables!r}")
        fix("variables", tuple(variables))
        fix(
            "expression",
            symbolic.as_expression(self.expression, self.variables, f"the loss of {self.name!r}"),
        )
        domain = self.domain
        if self.d == 1 and np.shape(domain) == (2,):
            domain = (domain,)
        if np.shape(domain) != (self.d, 2):
            raise ValueError(
                f"domain must be {self.d} pair(s) (low, high), one for each variable, not {self.domain!r}"
            )
        domain = tuple((float(a), float(b)) for a, b in finite_array(domain, "domain"))
        if any(low >= high for low, high in domain):
            raise ValueError(
                f"domain must not be empty: low < high is needed in each pair, not {self.domain!r}"
            )
        fix("domain", domain)
        middle = [(a + b) / 2 for a, b in domain]
        start = finite_array(middle if self.start is None else self.start, "start", self.d)
        fix("start", tuple(float(v) for v in start))
        fix("title", self.title or self.name[0].upper() + self.name[1:])
        if self.lower_bound is not None:
            fix("lower_bound", number(self.lower_bound, "lower_bound"))

    @property
    def d(self):
        """The number of parameters."""
        return len(self.variables)

    @cached_property
    def gradient_expression(self):
        """∇L as a list of d expressions."""
        return [symbolic.derivative(self.expression, v) for v in self.variables]

    @cached_property
    def hessian_expression(self):
        """H as d lists of d expressions: Hᵢⱼ = ∂²L/∂θᵢ∂θⱼ."""
        return [[symbolic.derivative(g, v) for v in self.variables] for g in self.gradient_expression]

    @cached_property
    def formulas(self):
        """L, ∇L and H as a dict of three formulas of θ."""
        parts = {
            "loss": self.expression,
            "gradient": self.gradient_expression,
            "hessian": self.hessian_expression,
        }
        return {name: symbolic.Formula([self.variables], part) for name, part in parts.items()}

    def loss(self, θ):
        """L(θ): θ (..., d) -> (...)."""
        return self.formulas["loss"](self._points(θ))

    def gradient(self, θ):
        """∇L(θ): θ (..., d) -> (..., d)."""
        return self.formulas["gradient"](self._points(θ))

    def hessian(self, θ):
        """H(θ): θ (..., d) -> (..., d, d)."""
        return self.formulas["hessian"](self._points(θ))

    def _points(self, θ):
        θ = np.asarray(θ)
        if self.d == 1 and θ.ndim == 0:
            θ = θ[None]
        if θ.ndim == 0 or θ.shape[-1] != self.d:
            raise ValueError(
                f"{self.name!r} has {self.d} parameter(s): θ needs shape (..., {self.d}), not {θ.shape}"
            )
        return θ

    @cached_property
    def latex(self):
        """L as LaTeX."""
        return symbolic.latex(self.expression)

    @cached_property
    def javascript(self):
        """L, ∇L and H as the text of a JavaScript object of three functions of an array of d numbers."""
        parts = ", ".join(f"{name}: {formula.javascript}" for name, formula in self.formulas.items())
        return f"({{{parts}}})"

    @property
    def labels(self):
        """The variables as plain text: w₁."""
        return [
            re.sub(r"_?\{?(\d+)\}?$", lambda m: m[1].translate(SUBSCRIPT), v.name) for v in self.variables
        ]

    def grid(self, n=201):
        """θ on a regular grid of the domain: shape (n, d) in one dimension, (n, n, d) in two."""
        axes = [np.linspace(low, high, n) for low, high in self.domain]
        return np.stack(np.meshgrid(*axes), axis=-1) if self.d > 1 else axes[0][:, None]

    def _repr_latex_(self):
        arguments = ", ".join(symbolic.latex(v) for v in self.variables)
        return f"$L({arguments}) = {self.latex}$"

    def __repr__(self):
        return f"Landscape({self.name!r}, {self.expression})"

    def spec(self):
        """What an explorer sends to the browser, as plain JSON."""
        from helpers import critical_points  # it stands on this module

        found = critical_points.find_critical_points(self)
        limit = critical_points.stability_limit(self)
        return {
            "name": self.name,
            "title": self.title,
            "latex": self.latex,
            "labels": self.labels,
            "d": self.d,
            "domain": [list(pair) for pair in self.domain],
            "start": list(self.start),
            "javascript": self.javascript,
            "critical": [p.spec() for p in found.points],
            "curves": [c.spec(self.domain) for c in found.curves],
            "rate": limit
            and {
                "limit": limit,
                "low": _round(limit / 500),
                "high": _round(4 * limit),
                "value": _round(limit / 10),
            },
        }


def _round(value):
    """To one significant digit: ends of a slider that a person would choose."""
    return float(f"{value:.0e}")


def landscape(name):
    """The landscape of the gallery called `name`; a Landscape is passed through.

    >>> landscape("cubic").expression
    x**3
    """
    return name if isinstance(name, Landscape) else lookup(GALLERY, name, "landscape")


x, y = sp.symbols("x y", real=True)
w1, w2 = sp.symbols("w_1 w_2", real=True)


def worst_network(sample=1, target=1):
    """(ŷ − w₁w₂x)²: two weights in a row, no bias, no activation, one training pair (`sample` x, `target` ŷ).

    >>> worst_network().loss([[0.0, 0.0], [1.0, 1.0]]).tolist()
    [1.0, 0.0]
    """
    sample, target = sp.nsimplify(number(sample, "sample")), sp.nsimplify(number(target, "target"))
    return Landscape(
        "worst network",
        (target - w1 * w2 * sample) ** 2,
        (w1, w2),
        ((-2, 2), (-2, 2)),
        start=(1.7, -1.2),
        title="The worst network",
        lower_bound=0,
        source="lee2021",
        about="one neuron, one weight, one more weight, one training pair",
    )


def ravine(κ=25):
    """½(x² + κy²): a quadratic valley whose curvatures differ by the condition number κ ≥ 1.

    >>> ravine(κ=100).hessian([0.0, 0.0]).tolist()
    [[1.0, 0.0], [0.0, 100.0]]
    """
    κ = sp.nsimplify(number(κ, "κ", low=1))
    return Landscape(
        "ravine",
        (x**2 + κ * y**2) / 2,
        (x, y),
        ((-2, 2), (-2, 2)),
        start=(-1.8, 0.9),
        lower_bound=0,
        about=f"a quadratic with condition number {κ}",
    )


def styblinski_tang(d=2):
    """½ Σ (θᵢ⁴ − 16θᵢ² + 5θᵢ), a double well in each of d coordinates.

    >>> styblinski_tang(3).loss([0.0, 0.0, 1.0])
    np.float64(-5.0)
    """
    if isinstance(d, bool) or not isinstance(d, int) or not 1 <= d <= 8:
        raise ValueError(f"d must be a whole number from 1 to 8, not {d!r}")
    θ = {1: (x,), 2: (x, y)}.get(d) or sp.symbols(f"x_1:{d + 1}", real=True)
    return Landscape(
        "Styblinski–Tang",
        sum(t**4 - 16 * t**2 + 5 * t for t in θ) / 2,
        θ,
        ((-5, 5),) * d,
        start=(0.6,) * d,
        about="a double well in each coordinate",
        source="kramers2021",
    )


def tilted_double_well(tilt=0.05):
    """(x² − 1)²/4 + tilt·x: two wells, the left one deeper where the tilt is positive.

    >>> tilted_double_well(0.1).loss([[-1.0], [1.0]]).tolist()
    [-0.1, 0.1]
    """
    tilt = sp.nsimplify(number(tilt, "tilt"))
    return Landscape(
        "tilted double well",
        (x**2 - 1) ** 2 / 4 + tilt * x,
        x,
        (-1.8, 1.8),
        start=(1.6,),
        about="two wells of different depth",
        source="kramers2021",
    )


def double_well(k=1):
    """(kx² − 1)²/4: wells of depth ¼ at ±1/√k. Their curvature is 2k, and that of the barrier between is −k.

    >>> double_well(k=4).hessian([[-0.5], [0.0]])[:, 0, 0].tolist()
    [8.0, -4.0]
    """
    k = sp.nsimplify(number(k, "k", low=0, above=True))
    edge = 1.8 / math.sqrt(k)
    return Landscape(
        "double well",
        (k * x**2 - 1) ** 2 / 4,
        x,
        (-edge, edge),
        start=(-1 / math.sqrt(k),),
        lower_bound=0,
        about="two wells of the same depth and curvature",
        source="kramers2021",
    )


def stretch(ρ=1.5, δ=0.1):
    """g(x) with g(0) = 0 and g′(x) = 1 + (ρ − 1)(1 + tanh(x/δ))/2, which goes from 1 on the left to ρ.

    >>> stretch(ρ=3, δ=0.5).subs(x, 0), stretch(ρ=3, δ=0.5).diff(x).subs(x, 0)
    (0, 2)
    """
    ρ = sp.nsimplify(number(ρ, "ρ", low=0, above=True))
    δ = sp.nsimplify(number(δ, "δ", low=0.01))  # below it cosh(x/δ) would overflow at |x| = 7
    return x + (ρ - 1) * (x + δ * sp.log(sp.cosh(x / δ))) / 2


def two_wells(ρ=1.5, δ=0.1):
    """(g² − 1)²/4 of the `stretch` g: a flat well on the left and a sharp one on the right, both of depth ¼.

    The curvature is 2 at the bottom of the left well and 2ρ² at that of the right one: it changes within
    about δ of the barrier.

    >>> two_wells(ρ=1.5).hessian([[-0.982671], [0.678219]]).round(3)[:, 0, 0].tolist()
    [2.0, 4.5]
    """
    g = stretch(ρ, δ)
    return Landscape(
        "two wells",
        (g**2 - 1) ** 2 / 4,
        x,
        (-1.8, 1.8 / ρ),
        start=(-1.0,),
        lower_bound=0,
        about="two wells of the same depth: the left one is flat, the right one is sharp",
        source="xie2021",
    )


_RISK = x * sp.cos(sp.pi * x)

GALLERY = {
    land.name: land
    for land in (
        Landscape(
            "risk", _RISK, x, (-1, 2), start=(0.2,), source="d2l", about="the loss over the whole population"
        ),
        Landscape(
            "empirical risk",
            _RISK + sp.cos(5 * sp.pi * x) / 5,
            x,
            (-1, 2),
            start=(0.2,),
            source="d2l",
            about="the loss over a finite sample: the risk with ripples",
        ),
        Landscape(
            "cubic",
            x**3,
            x,
            (-1.5, 1.5),
            start=(1.0,),
            source="d2l",
            about="slope and curvature vanish together at 0",
        ),
        tilted_double_well(),
        double_well(),
        two_wells(),
        Landscape(
            "hill",
            (9 * x**4 - 4 * x**3 - 24 * x**2) / 12,  # slope (x + 1) x (3x − 4)
            x,
            (-2.1, 2.4),
            start=(-1.8,),
            title="The hill",
            about="a slope into a shallow valley, a barrier, and a deeper valley behind it",
        ),
        Landscape(
            "tanh",
            sp.tanh(x),
            x,
            (-5, 5),
            start=(4.0,),
            source="d2l",
            about="almost flat, yet never critical",
        ),
        Landscape(
            "saddle",
            x**2 - y**2,
            (x, y),
            ((-2, 2), (-2, 2)),
            start=(1.7, 0.02),
            source="d2l",
            about="up along x, down along y",
        ),
        Landscape(
            "monkey saddle",
            x**3 - 3 * x * y**2,
            (x, y),
            ((-1.5, 1.5), (-1.5, 1.5)),
            start=(1.2, 0.3),
            about="three ways down, and a Hessian that vanishes",
        ),
        worst_network(),
        Landscape(
            "maximum",
            sp.exp(-(x**2 + 2 * y**2) / 2),
            (x, y),
            ((-3, 3), (-3, 3)),
            start=(0.3, 0.2),
            source="lee2021",
            about="a hill with a plain around it",
        ),
        ravine(),
        Landscape(
            "Rosenbrock",
            (1 - x) ** 2 + 100 * (y - x**2) ** 2,
            (x, y),
            ((-2, 2), (-1, 3)),
            start=(-1.2, 1.0),
            title="Rosenbrock's valley",
            about="a curved valley, easy to enter and hard to follow",
            lower_bound=0,
        ),
        Landscape(
            "Himmelblau",
            (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
            (x, y),
            ((-5, 5), (-5, 5)),
            start=(0.0, -4.5),
            title="Himmelblau's function",
            about="four minima, four saddles, one maximum",
            lower_bound=0,
        ),
        styblinski_tang(),
    )
}
