"""How long noise needs to cross a barrier: exact integrals in one dimension, and laws of leading order.

Everywhere dθ = −∇L(θ) dt + √(2D(θ)) dW in Itô's sense, a is a minimum, b the top of a barrier and c a point
behind it. Exact values ask a `process` for `gradient(θ)` (..., 1) and `D(θ)` (...,), as a
`helpers.diffusion.Diffusion` has them. Laws are formulas of the curvatures H_a > 0 and H_b < 0, of the
barrier's height ΔL = L(b) − L(a) and of D.
"""

import math

import numpy as np
import sympy as sp

from helpers.checks import finite_array, number
from helpers.symbolic import Formula

# Laws: the leading order for D ≪ ΔL

H_a, D, D_a, D_b, ΔL = sp.symbols("H_a D D_a D_b DeltaL", positive=True)
H_b = sp.Symbol("H_b", negative=True)

kramers_time = Formula([H_a, H_b, ΔL, D], 2 * sp.pi / sp.sqrt(H_a * sp.Abs(H_b)) * sp.exp(ΔL / D))
"""The mean time from a to behind b, 2π/√(H_a|H_b|)·e^{ΔL/D}, for D ≪ ΔL in one dimension (Kramers 1940).

Half of the particles that reach b fall back: the mean time to b itself is half of it.

>>> round(float(kramers_time(2.0, -1.0, 0.25, 0.25 / 6)), 2)
1792.37
"""

# Exact values: Φ = ∫L′/D on panels, each with the nodes of Gauss and Legendre

_n = 16
_X, _W = np.polynomial.legendre.leggauss(_n)
_P = np.polynomial.legendre.legvander(_X, _n)
_SERIES = (_P[:, :_n] * _W[:, None]).T * (np.arange(_n) + 0.5)[:, None]  # values -> coefficients of Pₖ
_k = np.arange(1, _n)
_PRIMITIVE = np.zeros((_n + 1, _n))  # of ∫₋₁ˣ Pₖ = (Pₖ₊₁ − Pₖ₋₁)/(2k + 1), and ∫₋₁ˣ P₀ = P₁ + P₀
_PRIMITIVE[[0, 1], 0] = 1
_PRIMITIVE[_k + 1, _k], _PRIMITIVE[_k - 1, _k] = 1 / (2 * _k + 1), -1 / (2 * _k + 1)
_RUNNING = _P @ _PRIMITIVE @ _SERIES  # values -> ∫₋₁ˣ up to each node

_DEEP = 45.0  # where the integrals end, the density is less than e⁻⁴⁵ of its largest
_STEEP = 3.0  # Φ changes by no more in one panel


class _Panels:
    """Φ(θ) = ∫L′/D and D on panels that cover all of a process, or all of it on one side of the last point.

    Each of the `points` is the edge of a panel. `mirrored`: the process of −θ.
    """

    def __init__(self, process, points, until_last=False, mirrored=False):
        self._process, self._sign = process, -1.0 if mirrored else 1.0
        self.edges = self._refine(self._cover(np.unique(points), until_last))
        self.h = np.diff(self.edges)
        slope, self.D = self._slope(_nodes(self.edges))
        self.Φ, self.Φ_edges = self.running(slope)
        lowest = self.Φ_edges.min()
        self.Φ -= lowest
        self.Φ_edges -= lowest

    def _slope(self, θ):
        """L′/D and D."""
        θ = self._sign * θ[..., None]
        D = _diffusion_constant(self._process, θ)
        return self._sign * np.asarray(self._process.gradient(θ))[..., 0] / D, D

    def _rise(self, edges):
        """Φ at the edges, from 0 at the first."""
        slope, _ = self._slope(_nodes(edges))
        return np.concatenate([[0.0], np.cumsum(slope @ _W * np.diff(edges) / 2)])

    def _cover(self, points, until_last):
        landscape = getattr(self._process, "landscape", None)
        domain = np.sort(self._sign * np.ravel(getattr(landscape, "domain", (-1.0, 1.0))))
        low, high = min(domain[0], points[0]), points[-1] if until_last else max(domain[1], points[-1])
        edges = np.unique([*np.linspace(low, high, 33), *points])
        for side in (0,) if until_last else (0, -1):
            step = (high - low) / 16
            while (Φ := self._rise(edges))[side] < Φ.min() + _DEEP:
                new = edges[side] + (step if side else -step)
                if not abs(new) < 1e6:
                    sign = "+" if (side == -1) == (self._sign > 0) else "−"
                    raise ValueError(f"the process is not confined: towards {sign}∞ L does not grow enough")
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
            slope, D = self._slope((low + high)[:, None] / 2 + h / 2 * _X)
            bad = np.abs(slope * h).max(axis=1) > _STEEP
            for values in (slope * h, np.log(D)):
                bad |= np.abs(values @ _SERIES[-2:].T).max(axis=1) > 1e-12
            bad &= high - low > least
            done.append(low[~bad])
            low, high = low[bad], high[bad]
            middle = (low + high) / 2
            pairs = np.concatenate([np.stack([low, middle], axis=1), np.stack([middle, high], axis=1)])
        return np.unique(np.concatenate(done))

    def running(self, values):
        """∫ of `values` from the first edge: up to each node, and up to each edge."""
        edges = np.concatenate([[0.0], np.cumsum(values @ _W * self.h / 2)])
        return edges[:-1, None] + values @ _RUNNING.T * self.h[:, None] / 2, edges

    def edge(self, points):
        """The numbers of the edges that the points are."""
        return np.searchsorted(self.edges, points)


def _nodes(edges):
    return (edges[:-1, None] + edges[1:, None]) / 2 + np.diff(edges)[:, None] / 2 * _X


def _diffusion_constant(process, θ):
    """D (...,) at θ (..., 1); it must be positive."""
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
    panels = _Panels(_process(process), [*np.ravel(sign * a), sign * c], until_last=True, mirrored=mirrored)
    start = panels.edge(sign * a)
    if panels.Φ_edges[start.min() :].max() > 650 / moment:
        raise ValueError(f"the barrier is beyond a float: ΔL/D must be less than about {650 // moment}")
    speed = np.exp(-panels.Φ) * panels.D ** (α - 1)
    scale = np.exp(np.minimum(panels.Φ, 700)) * panels.D**-α  # the far side, where m is 0, may be higher
    passed, passed_edges = panels.running(scale * panels.running(speed)[0])
    T = passed_edges[-1] - passed_edges[start]
    if moment == 2:
        left = passed_edges[-1] - passed  # the mean time from each node
        _, edges = panels.running(2 * scale * panels.running(speed * left)[0])
        T = edges[-1] - edges[start]
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
    panels = _Panels(_process(process), np.ravel(grid))
    speed = np.exp(-panels.Φ) * panels.D ** (α - 1)
    total = panels.running(speed)[1][-1]
    D = _diffusion_constant(process, grid[..., None])
    return np.exp(-panels.Φ_edges[panels.edge(grid)]) * D ** (α - 1) / total


def occupation_exact(process, region, convention=0.0):
    """The share of its time that the process spends in `region`, a pair (low, high): ∞ is accepted.

    >>> from helpers.diffusion import Diffusion
    >>> round(float(occupation_exact(Diffusion("double well", 0.1), (-math.inf, 0))), 6)
    0.5
    """
    low, high = _interval(region)
    α = number(convention, "convention", 0, 1)
    ends = [end for end in (low, high) if math.isfinite(end)]
    panels = _Panels(_process(process), ends or [0.0])
    _, share = panels.running(np.exp(-panels.Φ) * panels.D ** (α - 1))
    at_high = share[-1] if math.isinf(high) else share[panels.edge(high)]
    at_low = 0.0 if math.isinf(low) else share[panels.edge(low)]
    return (at_high - at_low) / share[-1]


def _interval(region):
    """(low, high) with low < high."""
    try:
        low, high = (float(end) for end in region)
    except (TypeError, ValueError) as error:
        raise TypeError(f"region must be a pair of numbers (low, high), not {region!r}") from error
    if not low < high:
        raise ValueError(f"region must be a pair (low, high) with low < high, not {region!r}")
    return low, high
