"""How long noise needs to cross a barrier: exact integrals in one dimension, and laws of leading order.

Everywhere dθ = −∇L(θ) dt + √(2D(θ)) dW in Itô's sense, a is a minimum, b the top of a barrier and c a point
behind it. Exact values ask a `process` for `gradient(θ)` (..., 1) and `D(θ)` (...,), as a
`helpers.diffusion.Diffusion` has them. Laws are formulas of the curvatures H_a > 0 and H_b < 0, of the
barrier's height ΔL = L(b) − L(a) and of D.
"""

import math

import numpy as np
import sympy as sp

from helpers import landscapes
from helpers.checks import count, finite_array, interval, number
from helpers.optimizers import η
from helpers.quadrature import RUNNING, SERIES, W, X, panel_nodes
from helpers.symbolic import Formula

# Laws: the leading order for D ≪ ΔL

H_a, D, D_a, D_b, L_a, L_b, B = sp.symbols("H_a D D_a D_b L_a L_b B", positive=True)
H_b, α, s, n = sp.symbols("H_b alpha s n", real=True)
ΔL, ΔΦ = sp.Symbol(r"\Delta L", positive=True), sp.Symbol(r"\Delta\Phi", real=True)
_K = sp.Symbol("K_b", positive=True)  # |H_b| while SymPy works


class Law(Formula):
    """A Formula of H_b < 0 and of other letters, of which α, s, ΔΦ and n may have either sign.

    >>> kramers_time(2.0, 1.0, 0.25, 0.05)
    Traceback (most recent call last):
    ValueError: H_b must be less than 0: the curvature at the top of a barrier
    """

    def __init__(self, arguments, expression):
        super().__init__(arguments, expression.subs(_K, sp.Abs(H_b)))

    def __call__(self, *values):
        for symbol, value in zip(self.arguments, values, strict=False):
            name = "η" if symbol == η else symbol.name.replace(r"\Delta ", "Δ")
            value = finite_array(value, name)
            if symbol == H_b and not (value < 0).all():
                raise ValueError("H_b must be less than 0: the curvature at the top of a barrier")
            if symbol not in (H_b, α, s, ΔΦ, n) and not (value > 0).all():
                raise ValueError(f"{name} must be more than 0")
        return super().__call__(*values)


kramers_time = Law([H_a, H_b, ΔL, D], 2 * sp.pi / sp.sqrt(H_a * _K) * sp.exp(ΔL / D))
"""The mean time from a to behind b, 2π/√(H_a|H_b|)·e^{ΔL/D}, for D ≪ ΔL in one dimension.

Half of the particles that reach b fall back: the mean time to b itself is half of it. Source: kramers1940.

>>> round(float(kramers_time(2.0, -1.0, 0.25, 0.25 / 6)), 2)
1792.39
"""


def eyring_kramers(H_a, H_b, ΔL, D):
    """The mean time over a saddle b, (2π/|λ₁(b)|)·√(|det H_b|/det H_a)·e^{ΔL/D}, for D ≪ ΔL.

    H_a, H_b (..., d, d) are the Hessians at the minimum a and at b, λ₁(b) is the one negative eigenvalue of
    H_b; ΔL and D > 0 broadcast with the leading axes. For d = 1 it is `kramers_time`. Source: berglund2013.

    Raises ValueError where H_a is not positive definite, or H_b has not exactly one negative eigenvalue.

    >>> round(float(eyring_kramers([[2.0, 0.0], [0.0, 3.0]], [[-1.0, 0.0], [0.0, 3.0]], 0.25, 0.25 / 6)), 2)
    1792.39
    """
    λ_a, λ_b = (np.linalg.eigvalsh(_square(H, name)) for H, name in ((H_a, "H_a"), (H_b, "H_b")))
    ΔL, D = finite_array(ΔL, "ΔL"), finite_array(D, "D")
    if λ_a.shape[-1] != λ_b.shape[-1]:
        raise ValueError("H_a and H_b must have the same number of rows")
    if not (λ_a > 0).all():
        raise ValueError(f"H_a must be positive definite, but it has the eigenvalue {λ_a.min():.4g}")
    if not ((λ_b[..., 0] < 0) & (λ_b[..., 1:] > 0).all(axis=-1)).all():
        raise ValueError("H_b must have exactly one negative eigenvalue, and none that is 0")
    if not ((D > 0).all() and (ΔL > 0).all()):
        raise ValueError("ΔL and D must be more than 0")
    ratio = np.prod(np.abs(λ_b) / λ_a, axis=-1)
    return 2 * np.pi / -λ_b[..., 0] * np.sqrt(ratio) * np.exp(ΔL / D)


def _square(H, name):
    H = finite_array(H, name)
    if H.ndim < 2 or H.shape[-1] != H.shape[-2]:
        raise ValueError(f"{name} must have shape (..., d, d), not {H.shape}")
    return H


L2, L3, L4, _z, _ε = sp.symbols("L_2 L_3 L_4 z epsilon", real=True)


def _normal_mean(polynomial):
    """The mean over z ~ N(0, 1/L₂): of z²ᵐ it is (2m − 1)!!/L₂ᵐ."""
    terms = sp.Poly(polynomial, _z).terms()
    return sum(c * sp.factorial2(k - 1) / L2 ** (k // 2) for (k,), c in terms if k % 2 == 0)


_beyond = sp.exp(-(L3 * _z**3 / 6 * _ε + L4 * _z**4 / 24 * _ε**2))  # θ = εz, ε = √D: what is left of e^{−L/D}
_second = (sp.diff(_beyond, _ε, 2) / 2).subs(_ε, 0).doit()

laplace_coefficient = Formula([L2, L3, L4], sp.expand(_normal_mean(sp.expand(_second))))
"""c in ∫e^{−L/D} ≈ √(2πD/L₂)·(1 + cD) at a minimum with the derivatives L₂, L₃, L₄: 5L₃²/(24L₂³) − L₄/(8L₂²).

It is the term of order D of Laplace's method.

>>> float(laplace_coefficient(2.0, -6.0, 6.0))
0.75
"""


def next_order(landscape, a, b):
    """c_a + c_b in τ = `kramers_time`·(1 + (c_a + c_b)D + …), from the derivatives of L at a and of −L at b.

    a and b are numbers: a minimum and a maximum of a landscape of one parameter, or of its name.

    >>> next_order("double well", -1, 0)
    1.5
    """
    land, total = _one_parameter(landscape), 0.0
    for point, sign, what in ((number(a, "a"), 1, "minimum"), (number(b, "b"), -1, "maximum")):
        L1, *rest = (_derivative(land, order, point) for order in (1, 2, 3, 4))
        if not (abs(L1) < 1e-6 * abs(rest[0]) and sign * rest[0] > 0):
            raise ValueError(f"{point:g} is no {what} of {land.name!r} with a curvature")
        total += float(laplace_coefficient(*(sign * part for part in rest)))
    return total


def _derivative(land, order, θ):
    (x,) = land.variables
    return float(Formula([x], sp.diff(land.expression, x, order))(θ))


# Where D depends on θ

_mass = D_a ** (α - 1) * sp.sqrt(2 * sp.pi * D_a / H_a)  # ∫m around a, with Φ″ = H_a/D_a
_wall = D_b**-α * sp.sqrt(2 * sp.pi * D_b / _K)  # ∫s around b

_R = sp.Symbol("R", positive=True)  # a ratio, D_b/D_a and later L_b/L_a

convention_time = Law(
    [H_a, H_b, D_a, D_b, ΔΦ, α],
    (sp.simplify((_mass * _wall).subs(D_b, _R * D_a)) * sp.exp(ΔΦ)).subs(_R, D_b / D_a),
)
"""The mean time from a to behind b where D depends on θ, for noise in the sense of α; ΔΦ = ∫ₐᵇ L′/D.

α = 0 is Itô, ½ is Stratonovich, 1 is anti-Itô. It is ∫m ∫s with Laplace's method, m and s being the
densities of `mean_first_passage`. In Itô's sense, which is that of SGD, the factor is √(D_b/D_a).

>>> float(convention_time(1.0, -1.0, 1.0, 4.0, 0.0, 0.0) / (2 * np.pi))
2.0
"""

CONVENTIONS = {"Itô": sp.S.Zero, "Stratonovich": sp.S.Half, "anti-Itô": sp.S.One}

convention_prefactor = {
    name: Law([H_a, H_b], sp.simplify((_mass * _wall).subs({D_a: H_a, D_b: _K, α: value})))
    for name, value in CONVENTIONS.items()
}
"""What stands before e^{ΔΦ} where D ∝ |H| near a and b: 2π/H_a, 2π/√(H_a|H_b|) and 2π/|H_b|.

>>> [float(prefactor(4.0, -1.0) / (2 * np.pi)) for prefactor in convention_prefactor.values()]
[0.25, 0.5, 1.0]
"""


def ito_time(process, a, b, convention=0.0):
    """`convention_time` of a process with D(θ): 2π/√(H_a|H_b|)·√(D_b/D_a)·exp ∫ₐᵇ L′/D in Itô's sense.

    `process` has `gradient`, `D` and `hessian`, as a Diffusion has.

    >>> from helpers.diffusion import Diffusion
    >>> round(float(ito_time(Diffusion("double well", 0.25 / 6), -1, 0)), 2)
    1792.39
    """
    a, b, α = number(a, "a"), number(b, "b"), number(convention, "convention", 0, 1)
    H = [float(process.hessian(np.array([point]))[0, 0]) for point in (a, b)]
    if not (H[0] > 0 > H[1]):
        raise ValueError(
            f"a must be a minimum and b a maximum, but the curvatures are {H[0]:.4g}, {H[1]:.4g}"
        )
    sign = 1.0 if a < b else -1.0
    panels = _Panels(_process(process), [sign * a, sign * b], until_last=True, mirrored=sign < 0)
    ΔΦ = panels.Φ_edges[-1] - panels.Φ_edges[panels.edge(sign * a)]
    D = diffusion_constant(process, np.array([[a], [b]]))
    return convention_time(*H, *D, ΔΦ, α)


# SGD: what Xie, Sato and Sugiyama state, and Mori, Ziyin, Liu and Ueda

sgd_time = Law(
    [H_a, H_b, ΔL, B, η, s],
    2 * sp.pi / _K * sp.exp(2 * B * ΔL / η * (s / H_a + (1 - s) / _K)),
)
"""The mean time over a barrier for noise with D = η|H|/(2B), as xie2021 states it; s is between 0 and 1.

s is the share of the climb that has the curvature H_a: see `climb_share`. The factor 2π/|H_b| is that of
anti-Itô noise; SGD is Itô's, with 2π/H_a: see `convention_prefactor`.

>>> round(float(sgd_time(2.0, -1.0, 0.25, 1, 0.5, 0.5) / (2 * np.pi * np.exp(0.75))), 9)
1.0
"""

_u, _v = sp.symbols("u v", positive=True)  # the distances of a and b from the point where parabolas meet
_climbs = H_a * _u**2 / 2, _K * _v**2 / 2

climb_share = Law(
    [H_a, H_b], sp.simplify((_climbs[0] / sum(_climbs)).subs(_v, sp.solve(H_a * _u - _K * _v, _v)[0]))
)
"""s where L is two parabolas that meet with one slope, H_a u = |H_b|v: s = |H_b|/(H_a + |H_b|).

So s depends on both curvatures, and the exponent of `sgd_time` is not linear in 1/H_a with H_b held fixed.

>>> float(climb_share(3.0, -1.0))
0.25
"""


def two_parabolas(H_a=1, H_b=-1, ΔL=1):
    """The Landscape of two parabolas that meet with one slope: a minimum at 0, then a maximum ΔL above it.

    L″ is H_a up to where they meet, and H_b from there on. It falls to −∞ behind the maximum, so a process on
    it is confined on the left only.

    >>> two_parabolas(H_a=1, H_b=-1, ΔL=1).loss([[0.0], [1.0], [2.0]]).tolist()
    [0.0, 0.5, 1.0]
    """
    H_a = sp.nsimplify(number(H_a, "H_a", 0, above=True), rational=True)
    H_b = sp.nsimplify(number(H_b, "H_b", high=0, below=True), rational=True)
    ΔL = sp.nsimplify(number(ΔL, "ΔL", 0, above=True), rational=True)
    share = climb_share.expression.subs(dict(zip(climb_share.arguments, (H_a, H_b), strict=True)))
    u, x = sp.sqrt(2 * share * ΔL / H_a), landscapes.x
    b = u - H_a * u / H_b
    return landscapes.Landscape(
        "two parabolas",
        sp.Piecewise((H_a * x**2 / 2, x < u), (ΔL + H_b * (x - b) ** 2 / 2, True)),
        x,
        (-2 * u, 2 * b - u),
        start=(0,),
        about="a well and a barrier, each of one curvature",
    )


def curvature_noise(landscape, η, B):
    """D = η|L″(θ)|/(2B) as an expression: gradient noise in proportion to the curvature, as in xie2021.

    >>> curvature_noise("double well", 1, 1)
    Abs(3*x**2 - 1)/2
    """
    land, B = _one_parameter(landscape), count(B, "B", 1)
    η = sp.nsimplify(number(η, "η", 0, above=True), rational=True)
    ((H,),) = land.hessian_expression
    return η * sp.Abs(sp.expand(H)) / (2 * B)


def literal_climb(landscape):
    """∫L′/L″ dθ: the exponent of a climb from a minimum by `curvature_noise`, in units of 2B/η.

    At an inflection point L″ = 0 and L′ ≠ 0, and it diverges: noise that is |L″| ends there, while the slope
    still points back, so that no path gets over. The noise of samples does not end there.

    >>> climb = literal_climb("double well")
    >>> climb, sp.limit(climb, landscapes.x, -1 / sp.sqrt(3), "-")
    (x**2/6 - log(3*x**2 - 1)/9, oo)
    """
    land = _one_parameter(landscape)
    ((H,),), (slope,), (x,) = land.hessian_expression, land.gradient_expression, land.variables
    return sp.integrate(sp.cancel(slope / H), x)


_L = sp.Symbol("L", positive=True)
_itô = convention_time.expression.subs({α: 0, D_a: η * H_a * L_a / B, D_b: η * H_a * L_a * _R / B})
_climb = sp.integrate(B / (η * H_a * _L), (_L, L_a, L_a * _R))  # ∫L′/D dθ = ∫dL/D
_power = sp.simplify(sp.expand_log(_climb) / sp.log(_R))

mori_rate = Law([H_a, H_b, L_a, L_b, B, η], sp.powsimp(_R**-_power / _itô.subs(ΔΦ, 0)).subs(_R, L_b / L_a))
"""Escapes in a unit of time on the square loss, where D = ηH_a L(θ)/B: noise as large as the loss itself.

It is 1/`convention_time` in Itô's sense, as ∫L′/D = (B/(ηH_a)) ln(L_b/L_a): a power of the losses,
(1/2π)√(H_a|H_b|)·(L_b/L_a)^{−(1/2 + B/(ηH_a))}, in place of an exponential. Source: mori2022.

>>> round(float(mori_rate(1.0, -1.0, 1.0, 2.0, 1, 0.5) * 2 * np.pi / 2**-2.5), 9)
1.0
"""

mori_exponent = Law([H_a, B, η, n], B / (η * H_a) + 1 - n / 2)
"""The power of L_b/L_a with which the rate falls in n dimensions with the noise 2D = 2(ηH_a/B)L in each.

In the clock dt′ = L dt the process is −∇ln L dt′ + √(2c) dW with c = ηH_a/B, and `eyring_kramers` holds for
ln L, whose Hessians are H/L: its rate falls like (1/L_b)(L_b/L_a)^{n/2 − 1/c}, and t′ runs L_a times as fast.

>>> float(mori_exponent(1.0, 1, 0.5, 1))
2.5
"""


def _one_parameter(landscape):
    land = landscapes.landscape(landscape)
    if land.d != 1:
        raise ValueError(f"this takes a loss of one parameter, but {land.name!r} has {land.d}")
    return land


# Exact values: Φ = ∫L′/D on panels

_DEEP = 45.0  # where the integrals end, the density is less than e⁻⁴⁵ of its largest
_STEEP = 3.0  # Φ changes by no more in one panel


class _Panels:
    """Φ(θ) = ∫L′/D and D on panels that cover all of a process, or all of it on one side of the last point.

    Each of the `points` is the edge of a panel. `mirrored`: the process of −θ. Panels are halved where L′/D
    is not smooth: around a jump down to 10⁻¹⁰.
    """

    def __init__(self, process, points, α=0.0, until_last=False, mirrored=False):
        self._process, self._sign, self._α = process, -1.0 if mirrored else 1.0, α
        self.edges = self._refine(self._cover(np.unique(points), until_last))
        self.h = np.diff(self.edges)
        slope, self.D = self._slope(panel_nodes(self.edges))
        self.Φ, self.Φ_edges = self.running(slope)
        lowest = self.Φ_edges.min()
        self.Φ -= lowest
        self.Φ_edges -= lowest

    def _slope(self, θ):
        """L′/D and D."""
        θ = self._sign * θ[..., None]
        D = diffusion_constant(self._process, θ)
        return self._sign * np.asarray(self._process.gradient(θ))[..., 0] / D, D

    def _height(self, edges):
        """−ln m = Φ + (1 − α) ln D at the edges, but for a constant."""
        slope, _ = self._slope(panel_nodes(edges))
        rise = np.concatenate([[0.0], np.cumsum(slope @ W * np.diff(edges) / 2)])
        return rise + (1 - self._α) * np.log(self._slope(edges)[1])

    def _cover(self, points, until_last):
        landscape = getattr(self._process, "landscape", None)
        domain = np.sort(self._sign * np.ravel(getattr(landscape, "domain", (-1.0, 1.0))))
        low, high = min(domain[0], points[0]), points[-1] if until_last else max(domain[1], points[-1])
        edges = np.unique([*np.linspace(low, high, 33), *points])
        for side in (0,) if until_last else (0, -1):
            step = (high - low) / 16
            while (height := self._height(edges))[side] < height.min() + _DEEP:
                new = edges[side] + (step if side else -step)
                if not abs(new) < 1e6:
                    sign = "+" if (side == -1) == (self._sign > 0) else "−"
                    raise ValueError(f"the process is not confined: its density stays towards {sign}∞")
                edges = np.sort([*edges, new])
                step *= 1.3
        return edges

    def _refine(self, edges):
        """Panels halved until a polynomial follows L′/D and ln D in each, and Φ is not too steep."""
        done, least = [edges[-1:]], 1e-10 * max(1.0, np.ptp(edges))
        pairs = np.stack([edges[:-1], edges[1:]], axis=1)
        while len(pairs):
            low, high = pairs.T
            h = (high - low)[:, None]
            slope, D = self._slope((low + high)[:, None] / 2 + h / 2 * X)
            bad = np.abs(slope * h).max(axis=1) > _STEEP
            for values in (slope * h, np.log(D)):
                bad |= np.abs(values @ SERIES[-2:].T).max(axis=1) > 1e-12
            small = high - low <= least
            if (endless := small & (np.abs(slope * h).max(axis=1) > _STEEP)).any():
                where = self._sign * low[endless][0]
                raise ValueError(f"∫L′/D diverges near θ = {where:.4g}: no noise there leads uphill")
            bad &= ~small
            done.append(low[~bad])
            low, high = low[bad], high[bad]
            middle = (low + high) / 2
            pairs = np.concatenate([np.stack([low, middle], axis=1), np.stack([middle, high], axis=1)])
        return np.unique(np.concatenate(done))

    def within(self, values):
        """∫ of `values` from the first edge of each panel: up to its nodes, and over all of it."""
        return values @ RUNNING.T * self.h[:, None] / 2, values @ W * self.h / 2

    def running(self, values):
        """∫ of `values` from the first edge: up to each node, and up to each edge."""
        nodes, panels = self.within(values)
        edges = np.concatenate([[0.0], np.cumsum(panels)])
        return edges[:-1, None] + nodes, edges

    def times(self, f):
        """∫ s(y) ∫ m(z) f(z) dz dy from the first edge, with the densities of scale and of speed.

        e^Φ ∫ e^{−Φ} is carried from panel to panel as one number, so that neither factor overflows.
        """
        φ = self.Φ - self.Φ_edges[:-1, None]
        scale, speed = np.exp(φ) * self.D**-self._α, np.exp(-φ) * self.D ** (self._α - 1)
        inner, whole_inner = self.within(speed * f)
        once, whole_once = self.within(scale)
        both, whole_both = self.within(scale * inner)
        carried, rise = np.zeros(len(φ)), np.exp(np.diff(self.Φ_edges))
        for k in range(len(φ) - 1):
            carried[k + 1] = rise[k] * (carried[k] + whole_inner[k])
        edges = np.concatenate([[0.0], np.cumsum(carried * whole_once + whole_both)])
        return edges[:-1, None] + carried[:, None] * once + both, edges

    def density(self):
        """m(θ) at the nodes, but for a factor."""
        return np.exp(-self.Φ) * self.D ** (self._α - 1)

    def edge(self, points):
        """The numbers of the edges that the points are."""
        return np.searchsorted(self.edges, points)


def diffusion_constant(process, θ):
    """D (...,) at θ (..., 1); it must be positive.

    >>> from helpers.diffusion import Diffusion
    >>> diffusion_constant(Diffusion("double well", 0.1), np.zeros((3, 1))).tolist()
    [0.1, 0.1, 0.1]
    """
    D = np.asarray(process.D(θ), dtype=float)
    D = D[..., 0] if D.ndim == θ.ndim and D.shape[-1] == 1 else np.broadcast_to(D, θ.shape[:-1])
    if not (D > 0).all():
        raise ValueError(f"D must be positive everywhere, but at θ = {θ[~(D > 0)][0, 0]:.4g} it is not")
    return D


def _process(process):
    if missing := [name for name in ("gradient", "D") if not callable(getattr(process, name, None))]:
        raise TypeError(f"process must have the method(s) {', '.join(missing)}; {process!r} has not")
    if getattr(process, "d", 1) != 1:
        raise ValueError(f"this needs a process of one parameter, not of {process.d}")
    return process


def mean_first_passage(process, a, c, moment=1, convention=0.0):
    """The exact mean time T from a until c is first reached: ∫ₐᶜ s(y) ∫₋∞ʸ m(z) dz dy, for a < c.

    s = e^Φ and m = e^{−Φ}/D, with Φ = ∫L′/D, are the densities of scale and speed of the process; for a > c
    it is the same, mirrored. `a` may be an array of starts, all on one side of c. `moment=2` gives the mean
    of the squared time. `convention` α reads the noise as Itô (0), Stratonovich (½) or anti-Itô (1) do, where
    D depends on θ: s = e^Φ D^{−α} and m = e^{−Φ} D^{α−1}. Units: as η times iterations. Exact to about ten
    digits; a jump of D or L′ costs some of them.

    Raises ValueError where the process is not confined on the side of a, or T is beyond a float's range.
    Source: Gardiner (2009), section 5.5.

    >>> from helpers.diffusion import Diffusion
    >>> round(float(mean_first_passage(Diffusion("double well", 0.25 / 6), -1, 1)), 3)
    1941.774
    """
    a, c = finite_array(a, "a"), number(c, "c")
    α = number(convention, "convention", 0, 1)
    if moment not in (1, 2):
        raise ValueError(f"moment must be 1 or 2, not {moment!r}")
    mirrored = bool((a > c).any())
    sign = -1.0 if mirrored else 1.0
    if mirrored and not (a >= c).all():
        raise ValueError("all starts must lie on one side of c")
    points = [*np.ravel(sign * a), sign * c]
    panels = _Panels(_process(process), points, α, until_last=True, mirrored=mirrored)
    start = panels.edge(sign * a)
    with np.errstate(over="ignore", invalid="ignore"):
        passed, edges = panels.times(1.0)
        if moment == 2:
            _, edges = panels.times(2 * (edges[-1] - passed))  # 2m times the mean time from each node
        T = edges[-1] - edges[start]
    if not np.isfinite(T).all():
        raise ValueError("the mean time is beyond the range of a float: ΔL/D must be less than about 700")
    return T[()]


def stationary_density(process, grid, convention=0.0):
    """The density p(θ) ∝ e^{−∫L′/D}/D of the process after a long time: grid (n,) or (n, 1) -> (n,).

    `convention` as in `mean_first_passage`: e^{−∫L′/D} D^{α−1}.

    >>> from helpers.diffusion import Diffusion
    >>> p = stationary_density(Diffusion("double well", 0.25), [-1.0, 0.0, 1.0])
    >>> round(float(p[0] / p[1]), 4), bool(np.isclose(p[0], p[2]))
    (2.7183, True)
    """
    grid, α = finite_array(grid, "grid"), number(convention, "convention", 0, 1)
    grid = grid[..., 0] if grid.ndim > 1 and grid.shape[-1] == 1 else grid
    panels = _Panels(_process(process), np.ravel(grid), α)
    total = panels.running(panels.density())[1][-1]
    D = diffusion_constant(process, grid[..., None])
    return np.exp(-panels.Φ_edges[panels.edge(grid)]) * D ** (α - 1) / total


def occupation_exact(process, region, convention=0.0):
    """The share of its time that the process spends in `region`, a pair (low, high): ∞ is accepted.

    >>> from helpers.diffusion import Diffusion
    >>> round(float(occupation_exact(Diffusion("double well", 0.1), (-math.inf, 0))), 6)
    0.5
    """
    (low, high), α = interval(region, "region"), number(convention, "convention", 0, 1)
    ends = [end for end in (low, high) if math.isfinite(end)]
    panels = _Panels(_process(process), ends or [0.0], α)
    _, share = panels.running(panels.density())
    at_high = share[-1] if math.isinf(high) else share[panels.edge(high)]
    at_low = 0.0 if math.isinf(low) else share[panels.edge(low)]
    return (at_high - at_low) / share[-1]
