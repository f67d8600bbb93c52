"""Critical points of a landscape, ∇L(θ) = 0: where they are, and what the Hessian says of them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from helpers.checks import finite_array
from helpers.symbolic import Formula, latex

ZERO = 1e-7  # an eigenvalue below this share of the largest one (or of 1) counts as zero

a, b, c = sp.symbols("a b c", real=True)
_half = (a - c) / 2
_half_gap = sp.sqrt(_half**2 + b**2)
_side = sp.Piecewise((1, b >= 0), (-1, True))
_u = [  # a multiple of the eigenvector, without a difference of close numbers
    sp.Piecewise((-b, _half >= 0), (-_side * (_half_gap - _half), True)),
    sp.Piecewise((1, sp.Eq(_half_gap, 0)), (_half_gap + _half, _half >= 0), (sp.Abs(b), True)),
]
_length = sp.sqrt(_u[0] ** 2 + _u[1] ** 2)
eigen2 = Formula(
    [a, b, c],
    [(a + c) / 2 - _half_gap, (a + c) / 2 + _half_gap, _u[0] / _length, _u[1] / _length],
)
"""Eigenvalues λ₁ ≤ λ₂ of [[a, b], [b, c]] and the eigenvector of λ₁, of length 1 with u₂ ≥ 0.

That of λ₂ is (−u₂, u₁). Algebra only, no angles: the eigenvectors of diagonal matrices are exact.
"""


@lru_cache
def quadratic_model(d):
    """L(θ′ + v) ≈ L + gᵀv + ½vᵀHv as a Formula of (L, g, H, v): H as its d·d entries row by row.

    >>> quadratic_model(2)(1.0, [0.0, 0.0], [0.0, -2.0, -2.0, 0.0], [0.5, 0.5])
    np.float64(0.5)
    """
    L, g, v, H = (
        sp.Symbol("L", real=True),
        *(sp.Matrix(d, 1, sp.symbols(f"{k}_1:{d + 1}", real=True)) for k in "gv"),
        sp.Matrix(d, d, sp.symbols(f"h_1:{d + 1}_1:{d + 1}", real=True)),
    )
    return Formula([L, tuple(g), tuple(H), tuple(v)], L + g.dot(v) + (v.T * H * v)[0] / 2)


@lru_cache
def quadratic_form(d):
    """vᵀHv as a Formula of (H, v): H as its d·d entries row by row. Twice the curvature term of the model.

    >>> quadratic_form(2)([0.0, -2.0, -2.0, 0.0], [1.0, 1.0])
    np.float64(-4.0)
    """
    v, H = (
        sp.Matrix(d, 1, sp.symbols(f"v_1:{d + 1}", real=True)),
        sp.Matrix(d, d, sp.symbols(f"h_1:{d + 1}_1:{d + 1}", real=True)),
    )
    return Formula([tuple(H), tuple(v)], (v.T * H * v)[0])


def classify(eigenvalues):
    """(kind, index) of a critical point from its Hessian's eigenvalues; the index counts the negative ones.

    All positive: minimum. All negative: maximum. Some of each sign: saddle, also beside zeros. Otherwise
    there is a zero and no pair of opposite signs: degenerate, the second-order test says nothing.

    >>> classify([2.0, 3.0]), classify([-2.0, 2.0]), classify([-1.0, -2.0]), classify([0.0, 4.0])
    (('minimum', 0), ('saddle', 1), ('maximum', 2), ('degenerate', 0))
    """
    λ = finite_array(eigenvalues, "eigenvalues")
    if λ.ndim != 1 or not λ.size:
        raise ValueError(f"eigenvalues must be a non-empty list of numbers, not of shape {λ.shape}")
    zero = ZERO * max(1.0, float(np.abs(λ).max()))
    positive, negative = int((λ > zero).sum()), int((λ < -zero).sum())
    if positive and negative:
        kind = "saddle"
    elif positive + negative < λ.size:
        kind = "degenerate"
    else:
        kind = "minimum" if positive else "maximum"
    return kind, negative


def diagnose(landscape, θ):
    """L, |∇L|, the Hessian's eigenvalues and the verdict at one point: a kind, or "not critical".

    >>> from helpers.landscapes import landscape
    >>> report = diagnose(landscape("worst network"), [0.0, 0.0])
    >>> report["kind"], report["index"], report["eigenvalues"].tolist()
    ('saddle', 1, [-2.0, 2.0])
    """
    θ = finite_array(θ, "θ", landscape.d)
    if θ.ndim != 1:
        raise ValueError(f"diagnose takes one point of {landscape.d} coordinates, not shape {θ.shape}")
    g, H = landscape.gradient(θ), landscape.hessian(θ)
    λ = np.linalg.eigvalsh(H)
    kind, index = classify(λ)
    steepness = float(np.linalg.norm(g))
    critical = steepness <= ZERO * max(1.0, float(np.abs(λ).max()))
    return {
        "loss": float(landscape.loss(θ)),
        "gradient_norm": steepness,
        "eigenvalues": λ,
        "index": index,
        "kind": kind if critical else "not critical",
    }


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """A point with ∇L = 0: θ, loss, Hessian's eigenvalues, kind, index; exact `expression` where known.

    >>> from helpers.landscapes import landscape
    >>> (point,) = find_critical_points(landscape("worst network")).points
    >>> point.kind, point.index, point.eigenvalues.tolist()
    ('saddle', 1, [-2.0, 2.0])
    """

    θ: np.ndarray
    loss: float
    eigenvalues: np.ndarray
    kind: str
    index: int
    lowest: bool = (
        False  # the loss reaches the landscape's lower bound: a global minimum, whatever the Hessian says
    )
    expression: tuple | None = None

    @property
    def verdict(self):
        """The kind in words, with a saddle's index."""
        if self.kind == "saddle":
            return f"saddle of index {self.index}"
        return "global minimum, though degenerate" if self.kind == "degenerate" and self.lowest else self.kind

    def spec(self):
        return {
            "θ": self.θ.tolist(),
            "loss": self.loss,
            "eigenvalues": self.eigenvalues.tolist(),
            "kind": self.kind,
            "index": self.index,
            "lowest": self.lowest,
            "verdict": self.verdict,
        }

    def __repr__(self):
        where, λ = (", ".join(f"{_snap(v):.4g}" for v in values) for values in (self.θ, self.eigenvalues))
        return f"({where}): L = {_snap(self.loss):.4g}, eigenvalues {λ}: {self.verdict}"


def _snap(value):
    """`value` with rounding noise around zero removed, for printing."""
    return 0.0 if abs(value) < 1e-12 else float(value)


@dataclass(frozen=True, eq=False)
class CriticalCurve:
    """A curve of critical points, θ = `expression`(`parameter`), such as a valley floor.

    >>> from helpers.landscapes import landscape
    >>> (valley,) = find_critical_points(landscape("worst network")).curves
    >>> valley
    valley of minima: (1/w_2, w_2) for every w_2
    """

    landscape: object
    expression: tuple
    parameter: sp.Symbol

    @property
    def label(self):
        """What to write beside the curve."""
        loss = sp.simplify(
            self.landscape.expression.subs(
                dict(zip(self.landscape.variables, self.expression, strict=True)), simultaneous=True
            )
        )
        lowest = loss.is_number and float(loss) == self.landscape.lower_bound
        return "valley of minima" if lowest else "critical curve"

    @property
    def kind(self):
        """Always degenerate: along the curve the curvature is zero."""
        return "degenerate"

    def sample(self, domain, n=400):
        """The curve inside the domain, as a list of polylines of shape (k, d)."""
        low, high = np.array(domain, dtype=float).T
        t = np.linspace(low.min(), high.max(), 2 * n)[:, None]
        with np.errstate(all="ignore"):
            θ = Formula([(self.parameter,)], list(self.expression))(t)
            inside = (np.isfinite(θ) & (θ >= low) & (θ <= high)).all(axis=-1)
        pieces = np.split(np.arange(len(t)), np.flatnonzero(np.diff(inside.astype(int))) + 1)
        return [θ[k] for k in pieces if len(k) > 1 and inside[k[0]]]

    def spec(self, domain):
        return {
            "kind": self.kind,
            "label": self.label,
            "polylines": [np.round(line, 4).tolist() for line in self.sample(domain)],
        }

    def __repr__(self):
        return f"{self.label}: ({', '.join(map(str, self.expression))}) for every {self.parameter}"


@dataclass(frozen=True, eq=False)
class CriticalSet:
    """The critical points and curves of a landscape; `exact`: solved symbolically, complete in ℝᵈ.

    >>> from helpers.landscapes import landscape
    >>> found = find_critical_points(landscape("worst network"))
    >>> found.exact, len(found.points), len(found.curves)
    (True, 1, 1)
    """

    points: tuple
    curves: tuple
    exact: bool
    everywhere: bool = False  # a constant loss: every point is critical

    def of(self, kind):
        """The points of one kind."""
        return tuple(p for p in self.points if p.kind == kind)

    def __repr__(self):
        found = "\n".join(map(repr, (*self.points, *self.curves)))
        return "every point is critical" if self.everywhere else found or "no critical point"


@lru_cache(maxsize=64)
def find_critical_points(landscape):
    """All critical points of `landscape`: symbolically where SymPy can, else numerically inside its domain.

    A polynomial gradient is solved through a Gröbner basis with exact real roots, so the list is complete
    in ℝᵈ; curves of critical points come from SymPy's solver. Anything else starts Newton's method from a
    grid over the domain.

    >>> from helpers.landscapes import landscape
    >>> find_critical_points(landscape("worst network"))
    (0, 0): L = 1, eigenvalues -2, 2: saddle of index 1
    valley of minima: (1/w_2, w_2) for every w_2
    """
    if all(g == 0 for g in landscape.gradient_expression):
        return CriticalSet((), (), True, everywhere=True)
    solved = _solve(landscape)
    points, curves = ([], []) if solved is None else solved
    if solved is None:
        points = [(θ, None) for θ in _search(landscape)]
    points.sort(key=lambda p: tuple(np.round(p[0], 6)))
    return CriticalSet(
        tuple(_describe(landscape, θ, exact) for θ, exact in points),
        tuple(CriticalCurve(landscape, *curve) for curve in curves),
        solved is not None,
    )


def stability_limit(landscape):
    """The largest rate at which gradient descent can settle: η = 2/λmax, at the minimum of least λmax.

    On a valley of minima it is the place of least curvature that counts. Without a minimum, the positive
    curvature of the saddles decides. None where no critical point curves upwards.

    >>> from helpers.landscapes import landscape
    >>> stability_limit(landscape("worst network"))
    0.5
    """
    found = find_critical_points(landscape)
    top = [float(p.eigenvalues[-1]) for p in found.of("minimum")]
    for curve in found.curves:
        θ = np.concatenate([np.empty((0, landscape.d)), *curve.sample(landscape.domain, n=2000)])
        λmax = np.linalg.eigvalsh(landscape.hessian(θ))[:, -1] if len(θ) else np.zeros(1)
        top += (
            [float(λmax.min())] if λmax.min() > 1e-3 * λmax.max() else []
        )  # where it vanishes there is no limit
    top = top or [float(p.eigenvalues[-1]) for p in found.points if p.kind == "saddle"]
    top = [λ for λ in top if λ > ZERO]
    return float(f"{2 / min(top):.5g}") if top else None


def _describe(landscape, θ, exact):
    θ = np.where(np.abs(θ) < 1e-14, 0.0, θ)
    λ = np.linalg.eigvalsh(landscape.hessian(θ)) + 0.0
    kind, index = classify(λ)
    loss = float(landscape.loss(θ))
    lowest = landscape.lower_bound is not None and loss - landscape.lower_bound <= 1e-12 * max(1.0, abs(loss))
    return CriticalPoint(θ, loss, λ, kind, index, lowest, exact)


def _solve(landscape):
    """([(θ, exact or None), …], [(expressions, parameter), …]), or None without a complete answer."""
    gradient, variables = landscape.gradient_expression, landscape.variables
    if not all(g.is_polynomial(*variables) for g in gradient):
        return _solve_by_factors(landscape)
    gradient = [sp.nsimplify(g, rational=True) for g in gradient]
    if any(not g.free_symbols and g != 0 for g in gradient):
        return [], []
    basis = sp.groebner([g for g in gradient if g != 0], *variables, order="lex")
    if basis.is_zero_dimensional:
        return list(_real_roots(landscape, basis)), []
    points, curves = [], []
    for solution in sp.solve(gradient, variables, dict=True):
        θ = tuple(solution.get(v, v) for v in variables)
        free = set().union(*(sp.sympify(t).free_symbols for t in θ))
        if len(free) > 1:
            return None
        if free:
            curves.append((θ, free.pop()))
        elif all(t.is_real for t in θ):
            points.append((np.array([float(t) for t in θ]), θ))
    on_a_curve = [θ for θ, _ in points if any(_on(curve, θ) for curve in curves)]
    return [p for p in points if not any(p[0] is θ for θ in on_a_curve)], curves


def _on(curve, θ):
    expressions, parameter = curve
    k = next(i for i, e in enumerate(expressions) if e == parameter)
    at = [sp.sympify(e).subs(parameter, θ[k]) for e in expressions]
    return all(v.is_finite and abs(float(v) - t) < ZERO for v, t in zip(at, θ, strict=True))


def _solve_by_factors(landscape):
    """Critical points where derivatives are a positive factor times a polynomial, as on a Gaussian hill."""
    reduced = []
    for g in landscape.gradient_expression:
        if len(g.atoms(sp.Function)) > 3:  # a mean over samples has no such factor, and factoring takes ages
            return None
        kept = [f for f in sp.Mul.make_args(sp.factor(g)) if not (f.is_positive or f.is_negative)]
        reduced.append(sp.Mul(*kept))
    if not all(r.is_polynomial(*landscape.variables) for r in reduced):
        return None
    if any(r.is_number for r in reduced):
        return [], []
    basis = sp.groebner(reduced, *landscape.variables, order="lex")
    return (list(_real_roots(landscape, basis)), []) if basis.is_zero_dimensional else None


def _real_roots(landscape, basis, digits=60):
    """Real solutions of a zero-dimensional lexicographic Gröbner basis, from its last variable upwards.

    Where the later coordinates are rational the next one is an exact algebraic number; elsewhere it follows
    from rational approximations of `digits` digits, and counts if it satisfies the basis to a third of them.
    """
    variables = landscape.variables
    tolerance = sp.Rational(1, 10 ** (digits // 3))
    partial = [()]
    for k in reversed(range(len(variables))):
        here = [p for p in basis.exprs if p.free_symbols <= set(variables[k:]) and p.has(variables[k])]
        extended = {}
        for known in partial:
            exact = all(r.is_Rational for r in known)
            near = [r if exact else _rational(r, digits) for r in known]
            values = dict(zip(variables[k + 1 :], near, strict=True))
            left = [sp.Poly(p.subs(values), variables[k]) for p in here if _leads(p, variables[k], values)]
            if not left:
                continue
            simplest = min(left, key=lambda p: p.degree())
            if exact:
                roots = sp.real_roots(simplest)
            else:
                found = simplest.nroots(n=digits, maxsteps=500)
                roots = [sp.re(r) for r in found if abs(sp.im(r)) < tolerance]
            for r in roots:
                values[variables[k]] = _rational(r, digits)
                if all(abs(p.subs(values)) < tolerance for p in here):
                    extended[tuple(round(float(q), 12) for q in (r, *known))] = (r, *known)
        partial = list(extended.values())
    for root in partial:
        neat = not any(r.has(sp.Float, sp.CRootOf) for r in root)
        yield np.array([float(r) for r in root]), root if neat else None


def _rational(r, digits):
    """A rational number within `digits` digits of r; exact arithmetic then keeps all of them."""
    return sp.Rational(r.evalf(digits))


def _leads(polynomial, variable, values):
    """Whether the leading coefficient in `variable` is not zero once the later variables are known."""
    return abs(sp.LC(polynomial, variable).subs(values)) > sp.Rational(1, 10**15)


def _search(landscape, n=None, steps=200):
    """Newton's method on ∇L = 0 from a grid over the domain, all starts at once.

    Newton is drawn to critical points of every kind, which makes it a poor optimizer and a good detective.
    """
    n = n or (401 if landscape.d == 1 else int(np.ceil(2000 ** (1 / landscape.d))))
    low, high = np.array(landscape.domain).T
    axes = [np.linspace(lo, hi, n) for lo, hi in landscape.domain]
    θ = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, landscape.d)
    reach = 0.05 * (high - low)
    for _ in range(steps):
        g, H = landscape.gradient(θ), landscape.hessian(θ)
        good = np.isfinite(g).all(-1) & np.isfinite(H).all((-2, -1))
        θ, g, H = θ[good], g[good], H[good]
        step = -np.einsum("nij,nj->ni", np.linalg.pinv(H, rcond=1e-12, hermitian=True), g)
        θ = θ + step / np.maximum(
            1, np.abs(step / reach).max(-1, keepdims=True)
        )  # never further than 5 % of the domain
        θ = θ[((θ >= low - reach) & (θ <= high + reach)).all(-1)]
    size = np.abs(landscape.hessian(θ)).max((-2, -1)) if len(θ) else np.empty(0)
    critical = np.linalg.norm(landscape.gradient(θ), axis=-1) <= 1e-12 * (1 + size)
    # where the gradient dies out at a distance, any far point passes for critical: ask for curvature, too
    critical &= (size > 1e-9) | (np.abs(landscape.gradient(θ + reach)).max(-1) > 1e-9)
    inside = ((θ >= low) & (θ <= high)).all(-1)
    found = []
    for point in θ[critical & inside]:
        if not any(np.abs(point - other).max() < 1e-5 * (high - low).max() for other in found):
            found.append(point)
    return found


def latex_points(found):
    """The exact coordinates of the points as LaTeX, for those that have them.

    >>> from helpers.landscapes import landscape
    >>> latex_points(find_critical_points(landscape("worst network")))
    ['\\\\left( 0, \\\\  0\\\\right)']
    """
    return [latex(sp.Tuple(*p.expression)) for p in found.points if p.expression is not None]
