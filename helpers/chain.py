"""The chain that a computer runs: escape times and occupation at a finite step η, not in its limit.

One step in one dimension is

    θ ← θ − ηL′(θ) + r(θ) z̄,

with z̄ a standard normal and r = √(2ηD) for a diffusion (Euler and Maruyama's step), or z̄ the mean of the
numbers z of a minibatch, less their mean over all samples. Its mean first-passage times and its stationary
density solve linear integral equations, which Gauss and Legendre's nodes turn into matrices. For small steps
the time to cross a barrier grows like e^{w/η}; `escape_exponent` gives w from the cumulants of z.
"""

import math

import numpy as np
import sympy as sp

from helpers.checks import count, finite_array, interval, number
from helpers.kramers import diffusion_constant
from helpers.quadrature import PER_PANEL, SERIES, W, X, legendre, panel_nodes, panel_weights
from helpers.symbolic import Formula, numpy_function

q, σ = sp.symbols("q sigma", real=True)

# Laws of z, the random number of one sample


class Gaussian:
    """z ~ N(0, σ²): K(q) = ln E e^{qz} = σ²q²/2.

    >>> float(Gaussian(σ=2).K(1.0))
    2.0
    """

    formula = Formula([q, σ], σ**2 * q**2 / 2)
    slope = Formula([q, σ], sp.diff(formula.expression, q))

    def __init__(self, σ=1.0):
        self.σ = number(σ, "σ", 0, above=True)
        self.support = (-math.inf, math.inf)
        self.domain = (-math.inf, math.inf)

    def K(self, q):
        """ln E e^{qz}."""
        return self.formula(q, self.σ)

    def K_slope(self, q):
        """dK/dq."""
        return self.slope(q, self.σ)

    def _both(self, q):
        return self.K(q), self.K_slope(q)

    def mean(self, B):
        """The law of the mean of B numbers."""
        return _NormalMean(self.σ / math.sqrt(B))


class Exponential:
    """z + σ exponential with mean σ: mean 0, standard deviation σ and K(q) = −σq − ln(1 − σq), q < 1/σ.

    >>> round(float(Exponential().K(0.5)), 4)
    0.1931
    """

    formula = Formula([q, σ], -σ * q - sp.log(1 - σ * q))
    slope = Formula([q, σ], sp.simplify(sp.diff(formula.expression, q)))

    def __init__(self, σ=1.0):
        self.σ = number(σ, "σ", 0, above=True)
        self.support = (-self.σ, math.inf)
        self.domain = (-math.inf, 1 / self.σ)

    K, K_slope, _both = Gaussian.K, Gaussian.K_slope, Gaussian._both

    def mean(self, B):
        """The law of the mean of B numbers."""
        return _GammaMean(self.σ, B)


class Pool:
    """z drawn from N given numbers, less their mean: K(q) = ln (1/N) Σ e^{q(zₙ − z̄)}.

    >>> round(float(Pool([0.0, 2.0]).K(1.0)), 4)
    0.4338
    """

    def __init__(self, z):
        z = finite_array(z, "z")
        if z.size < 2 or np.ptp(z) == 0:
            raise ValueError("z must be at least two different numbers")
        self.z = np.sort(z.ravel() - z.mean())
        self.σ = float(self.z.std())
        self.support = (float(self.z[0]), float(self.z[-1]))
        self.domain = (-math.inf, math.inf)

    def _both(self, q):
        """K and dK/dq, which need the same exponentials."""
        q = np.asarray(q, dtype=float)
        top = np.maximum(q * self.z[0], q * self.z[-1])  # so that none overflows: z is in order
        weights = np.exp(q[..., None] * self.z - top[..., None])
        total = weights.sum(axis=-1)
        return np.log(total / len(self.z)) + top, weights @ self.z / total

    def K(self, q):
        """ln E e^{qz}."""
        return self._both(q)[0]

    def K_slope(self, q):
        """dK/dq."""
        return self._both(q)[1]

    def mean(self, B):
        """The law of the mean of B numbers, drawn with replacement."""
        return _PoolMean(self.z, B)


# Laws of z̄, the mean over a batch: its `std`, P(z̄ < u) and P(z̄ ≥ u), each to its last digit, and its density


class _NormalMean:
    support = (-math.inf, math.inf)

    def __init__(self, std):
        self.std = std

    def density(self, u):
        return np.exp(-((u / self.std) ** 2) / 2) / (self.std * math.sqrt(2 * math.pi))

    def below(self, u):
        return _erfc(-u / (self.std * math.sqrt(2))) / 2

    def above(self, u):
        return self.below(-u)


class _GammaMean:
    """B(z̄/σ + 1) is the waiting time s for B events of rate 1."""

    def __init__(self, σ, B):
        self.σ, self.B, self.std, self.support = σ, B, σ / math.sqrt(B), (-σ, math.inf)

    def _time(self, u):
        return np.maximum(self.B * (u / self.σ + 1), 0)

    def density(self, u):
        return np.where(u >= -self.σ, _poisson(self.B - 1, self._time(u)) * self.B / self.σ, 0)

    def above(self, u):
        return sum(_poisson(k, self._time(u)) for k in range(self.B))

    def below(self, u):
        s = self._time(u)
        early = np.minimum(s, self.B)  # where 1 − above(u) would lose digits
        series = sum(_poisson(k, early) for k in range(self.B, 2 * self.B + 60))
        return np.where(s < self.B, series, 1 - self.above(u))


def _poisson(k, s):
    """e^{−s}sᵏ/k!."""
    return np.exp(k * np.log(np.maximum(s, 1e-300)) - s - math.lgamma(k + 1))


_erfc = np.vectorize(math.erfc, otypes=[float])
_FINE, _ATOMS = 8192, 1500


class _PoolMean:
    """Atoms of the mean of B draws: B-fold convolution by the power of the characteristic function (FFT)."""

    density = None

    def __init__(self, z, B):
        p, half = np.full(len(z), 1 / len(z)), 0.0
        self.std = math.sqrt((z**2).mean() / B)
        if B > 1 or len(z) > _ATOMS:
            low, (p, step) = B * z[0], _split(z, p, _FINE)
            size = 2 ** math.ceil(math.log2(B * _FINE + 1))
            p = np.fft.irfft(np.fft.rfft(p, size) ** B, size)[: B * (_FINE - 1) + 1]
            z = (low + step * np.arange(len(p))) / B
            seen = p > 1e-19
            z, p = z[seen], p[seen]
            low, (p, step) = z[0], _split(z, p, _ATOMS)
            z, half = low + step * np.arange(_ATOMS), step / 2
        self.z, self.p = z, p / p.sum()
        self.support = (z[0], z[-1])
        # of equal steps, each atom is spread over one; otherwise the cells have no width
        self._ends = np.concatenate([z - half, [z[-1] + half]]) if half else z
        self._below = np.concatenate([[0.0], np.cumsum(self.p)])
        self._above = np.concatenate([np.cumsum(self.p[::-1])[::-1], [0.0]])

    def _at(self, u, values):
        if len(self._ends) > len(self.z):
            return np.interp(u, self._ends, values)
        return values[np.searchsorted(self.z, u)]

    def below(self, u):
        return self._at(u, self._below)

    def above(self, u):
        return self._at(u, self._above)


def _split(z, p, n):
    """Masses at z moved to n equal steps from z[0] to z[-1], each to its two neighbours: the mean stays."""
    step = (z[-1] - z[0]) / (n - 1)
    place = (z - z[0]) / step
    left = np.minimum(place.astype(int), n - 2)
    share = place - left
    return (
        np.bincount(left, p * (1 - share), minlength=n) + np.bincount(left + 1, p * share, minlength=n),
        step,
    )


# One step, whatever makes the noise


class _Step:
    """θ ← θ − ηL′(θ) + r(θ)z̄ of a diffusion, of minibatches, or of L′ and a law of z, for θ (...,)."""

    def __init__(self, process, η, law=None, B=1):
        self.η, self.B = number(η, "η", 0, above=True), count(B, "B", 1)
        self.target, self.law = process, law
        if law is not None:
            if not isinstance(law, (Gaussian, Exponential, Pool)):
                raise TypeError(f"law must be a Gaussian, an Exponential or a Pool, not {law!r}")
            self.r = lambda θ: np.full(θ.shape, self.η)
        elif hasattr(process, "data"):
            self.B, self.target, self.law = process.B, process.data, Pool(process.data.samples)
            β = numpy_function(process.data.sample_loss.variables, [_slope_in_z(process)])
            self.r = lambda θ: -self.η * β(θ)[0]
        else:
            self.law = Gaussian()
            self.r = lambda θ: np.sqrt(2 * self.η * diffusion_constant(process, θ[..., None]))
        if not callable(getattr(self.target, "gradient", None)) or getattr(self.target, "d", 1) != 1:
            raise TypeError(f"process must have gradient(θ) of one parameter; {process!r} has not")
        self.mean = self.law.mean(self.B)

    def slope(self, θ):
        """L′(θ)."""
        return np.asarray(self.target.gradient(θ[..., None]))[..., 0]

    def drift(self, θ):
        """θ − ηL′(θ)."""
        return θ - self.η * self.slope(θ)

    def tilt(self, θ):
        """The slope of the exponent: q*B/r, where K(q*) = q*·ηL′/r."""
        r = self.r(θ)
        with np.errstate(divide="ignore", invalid="ignore"):  # where there is no noise
            return _tilt(self.law, self.η * self.slope(θ) / r) * self.B / r


def _slope_in_z(process):
    """β of ∇ℓ = α(θ) + β(θ)z."""
    loss = process.data.sample_loss
    if loss.d != 1 or len(loss.sample) != 1:
        raise ValueError("the chain of minibatches needs one parameter, and samples of one number")
    (slope,), (z,) = loss.gradient_expression, loss.sample
    β = sp.diff(slope, z)
    if β.has(z) and (β := sp.simplify(β)).has(z):
        raise ValueError(f"the slope of ℓ must be linear in {z}, but it is {slope}")
    if getattr(process, "temperature", 0) or not getattr(process, "replace", True):
        raise ValueError("the chain of minibatches draws with replacement, at temperature 0")
    return β


def _tilt(law, s):
    """q* ≠ 0 with K(q*) = q*s, for each s: 0 where s = 0, and ±∞ where no sample is as large as s."""
    result = np.array(2 * s / law.σ**2)  # the limit of small s
    low, high = law.support
    result[(s <= low) | (s >= high)] *= math.inf
    rest = (s > low) & (s < high) & (np.abs(s) > 1e-4 * law.σ)
    s, q = s[rest], result[rest]
    end = np.where(s > 0, law.domain[1], law.domain[0])

    # beyond the root K − qs is positive and convex, so that Newton's method comes down to it from there
    q = np.where(np.abs(q) < np.abs(end), q, end / 2)
    for _ in range(60):
        if not (before := law.K(q) <= q * s).any():
            break
        q = np.where(before, np.clip(2 * q, (q + np.minimum(end, 0)) / 2, (q + np.maximum(end, 0)) / 2), q)
    for _ in range(60):
        K, slope = law._both(q)
        with np.errstate(invalid="ignore"):
            step = np.nan_to_num((K - q * s) / (slope - s), posinf=0)  # no step from the end of the domain
        q = q - step
        if (np.abs(step) <= 1e-13 * np.abs(q)).all():
            break
    result[rest] = q
    return result


def escape_exponent(process, a, b, law=None, B=1):
    """w in τ ~ e^{w/η} for small η: the time from the minimum a over the barrier b, by noise of any law.

    w = B∫ₐᵇ q*(θ)/ρ(θ) dθ with K(q*) = q*L′/ρ, where the gradient of one sample is L′ − ρz and K is the
    `law` of z: its cumulants, not its variance alone. `process` is an SGD on samples, whose pool is the law;
    or anything with `gradient(θ)`, with `law` and `B`, and then ρ = 1. For Gaussian noise q* = 2L′/σ², so
    that w = 2B ΔL/σ²; the same holds for every law where |L′| ≪ σ. It is ∞ where no sample points uphill.

    Source: freidlin2012, for small steps of any law.

    >>> from helpers.landscapes import landscape
    >>> well = landscape("double well")
    >>> [round(float(escape_exponent(well, -1, 0, law)), 3) for law in (Gaussian(), Exponential())]
    [0.5, 0.353]
    >>> round(float(escape_exponent(well, 1, 0, Exponential())), 3)
    0.828
    """
    if law is None and not hasattr(process, "data"):
        raise TypeError("escape_exponent takes an SGD on samples, or a law of z")
    step = _Step(process, 1.0, law, B)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    a, b = number(a, "a"), number(b, "b")
    θ = (a + b) / 2 + (b - a) / 2 * nodes
    w = (step.tilt(θ) * weights).sum() * (b - a) / 2
    if not w > 0:
        raise ValueError(f"the loss must rise from a = {a:g} to b = {b:g}")
    return w


# The chain


def _integral(values, θ):
    """∫ from the first θ, by trapezoids."""
    return np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2 * np.diff(θ))])


_LOST = 1e-6  # a chain that leaves the domain on the wrong side more often has no time of arrival
_WIDTH = 3.0  # of a panel, in standard deviations of one step


class _Elimination:
    """I − K for K ≥ 0 with the row sums 1 − e, one state after the other: no subtraction, no digit lost.

    With K and e each to its last digit, what it solves is so too, however close I − K comes to being
    singular: e is what the diagonal would lose to rounding. Source: Grassmann, Taksar and Heyman (1985).
    """

    def __init__(self, K, e):
        K, e, n = K.copy(), e.copy(), len(K)
        pivots, block = np.empty(n), 32  # in blocks, so that the bulk of it is products of matrices
        for first in range(0, n, block):
            end = min(first + block, n)
            for k in range(first, end):
                done = slice(first, k)
                K[k, k + 1 :] += K[k, done] @ K[done, k + 1 :]
                e[k] += K[k, done] @ e[done]
                pivots[k] = e[k] + K[k, k + 1 :].sum()
                K[k + 1 :, k] = (K[k + 1 :, k] + K[k + 1 :, done] @ K[done, k]) / pivots[k]
            done = slice(first, end)
            K[end:, end:] += K[end:, done] @ K[done, end:]
            e[end:] += K[end:, done] @ e[done]
        self.K, self.pivots = K, pivots

    def solve(self, f):
        """u with (I − K)u = f, for f (n,) or (n, m)."""
        K, u = self.K, np.array(f, dtype=float)
        for k in range(len(K)):
            u[k + 1 :] += np.multiply.outer(K[k + 1 :, k], u[k])
        for k in reversed(range(len(K))):
            u[k] = (u[k] + K[k, k + 1 :] @ u[k + 1 :]) / self.pivots[k]
        return u

    def stationary(self):
        """μ with μK = μ and Σμ = 1, but for the losses e, which must be next to nothing."""
        μ = np.ones(len(self.K))
        for k in reversed(range(len(μ) - 1)):
            μ[k] = μ[k + 1 :] @ self.K[k + 1 :, k]
        return μ / μ.sum()


class Chain:
    """The chain θ ← θ − ηL′(θ) + r(θ)z̄ in one dimension, exactly: no limit of small η, no random numbers.

    `process` is a Diffusion (Euler and Maruyama's step), or an SGD on samples whose slope is linear in one
    number z, drawn with replacement. With a `law` of z (Gaussian, Exponential, Pool) and a batch size B it is
    anything with `gradient(θ)`, and the step is θ − η(L′ − z̄). Times are η × iterations.

    With Gaussian steps times are exact to some ten digits. The steps of a pool have no density: times and
    shares are good to about 10⁻⁴ then, and the density of θ to 10⁻².

    Raises ValueError where η is so large that the chain runs away, or so small that the matrix would be too
    large: then the integrals of `helpers.kramers` are exact enough.

    >>> from helpers.diffusion import Diffusion
    >>> chain = Chain(Diffusion("double well", 0.25 / 6), η=0.02)
    >>> round(float(chain.mean_first_passage(-1, 1)), 1)
    1931.7
    """

    def __init__(self, process, η, law=None, B=1):
        self.process, self.step, self.η = process, _Step(process, η, law, B), float(η)
        domain = getattr(getattr(process, "landscape", process), "domain", None)
        self._hull = np.ravel((-1.0, 1.0) if domain is None else domain)

    def _cover(self, points, passage=False):
        """(low, high, lowest): the chain is next to never outside, and most likely at the lowest point.

        In the course of a `passage` between the points it may be so at a probability of e⁻⁴⁰ of the passage.
        """
        θ = np.linspace(min(self._hull[0], *points), max(self._hull[1], *points), 101)
        span, rare = np.ptp(θ), 40
        tilt = self._tilt(θ, span)
        height = _integral(tilt, θ)
        if passage:
            rare += height[(θ >= min(points)) & (θ <= max(points))].max() - height.min()
        for side in (-1, 1):
            for _ in range(15):  # outward by a fifth, up to three times the width
                end = -1 if side > 0 else 0
                if height[end] > height.min() + rare:
                    break
                new = θ[end] + side * span / 100 * np.arange(1, 21)
                order = np.argsort(θ := np.append(θ, new))
                θ, tilt = θ[order], np.append(tilt, self._tilt(new, span))[order]
                height = _integral(tilt, θ)
        inside = θ[height <= height.min() + rare]
        margin = 4 * np.abs(self.step.r(inside[[0, -1]])) * self.step.mean.std
        low, high = min(inside[0] - margin[0], *points), max(inside[-1] + margin[1], *points)
        return low, high, θ[height.argmin()]

    def _tilt(self, θ, span):
        """The slope of the exponent, as a finite number also where no sample points uphill."""
        return np.nan_to_num(self.step.tilt(θ), posinf=1e3 / span, neginf=-1e3 / span)

    def _panels(self, low, high):
        """Edges at steps of `_WIDTH` standard deviations of what one step adds."""
        θ = np.linspace(low, high, 4001)
        width = np.abs(self.step.r(θ)) * self.step.mean.std * _WIDTH
        place = _integral(1 / np.maximum(width, (high - low) / 400), θ)
        n = max(8, math.ceil(place[-1]))
        if n > 200:
            raise ValueError(
                f"η = {self.η:g} makes steps too small for a matrix; mean_first_passage and the other "
                "integrals of helpers.kramers hold in this limit"
            )
        return np.interp(np.linspace(0, place[-1], n + 1), place, θ)

    def _kernel(self, θ, edges):
        """K (len(θ), nodes) with E[u(next θ)] = Σ K u(nodes) for u that vanishes outside the edges."""
        drift, r = self.step.drift(θ)[:, None], self.step.r(θ)[:, None]
        if self.step.mean.density is None:
            return self._atoms(drift, r, edges)
        y = panel_nodes(edges).ravel()
        K = self.step.mean.density((y - drift) / r) / r * panel_weights(edges).ravel()
        if math.isfinite(lowest := self.step.mean.support[0]):
            self._at_the_edge(K, drift, r, drift + r * lowest, edges)
        return K

    def _at_the_edge(self, K, drift, r, end, edges):
        """The panels in which the density begins, at `end`, get nodes of their own."""
        rows = np.flatnonzero((end[:, 0] > edges[0]) & (end[:, 0] < edges[-1]))
        end, drift, r = end[rows], drift[rows], r[rows]
        panel = np.searchsorted(edges, end[:, 0]) - 1
        low, high = edges[panel, None], edges[panel + 1, None]
        y = (end + high) / 2 + (high - end) / 2 * X
        mass = self.step.mean.density((y - drift) / r) / r * W * (high - end) / 2
        basis = legendre(y, low, high) @ SERIES
        K[rows[:, None], panel[:, None] * PER_PANEL + np.arange(PER_PANEL)] = np.einsum(
            "iq,iqj->ij", mass, basis
        )

    def _atoms(self, drift, r, edges):
        """E u = Σ p u(drift + rz), with u a polynomial in each panel."""
        z, p, panels = self.step.mean.z, self.step.mean.p, len(edges) - 1
        K = np.zeros((len(drift), panels, PER_PANEL))
        for i in range(0, len(drift), 32):
            y = drift[i : i + 32] + r[i : i + 32] * z
            panel = np.searchsorted(edges, y, side="right") - 1
            inside = (panel >= 0) & (panel < panels)
            row, column = np.nonzero(inside)
            y, panel = y[inside], panel[inside]
            low, high = edges[panel], edges[panel + 1]
            basis = legendre(y, low, high)
            place, size = row * panels + panel, len(K[i : i + 32]) * panels
            sums = [np.bincount(place, weights, minlength=size) for weights in (basis * p[column, None]).T]
            K[i : i + 32] = np.stack(sums, axis=-1).reshape(-1, panels, PER_PANEL) @ SERIES
        return K.reshape(len(drift), -1)

    def _leaves(self, θ, point, side):
        """The probability that the next step from θ is at the point or beyond, on its side ±1."""
        r, mean = self.step.r(θ), self.step.mean
        u = (point - self.step.drift(θ)) / r
        return np.where(r * side > 0, mean.above(u), mean.below(u))

    def _before(self, a, c):
        """Until c is reached: edges, nodes, the probability of a loss elsewhere, and I − K."""
        low, high, _ = self._cover((a, c), passage=True)
        edges, side = (self._panels(low, c), 1) if a < c else (self._panels(c, high), -1)
        nodes, far = panel_nodes(edges).ravel(), edges[0] if a < c else edges[-1]

        def arrives(θ):
            return self._leaves(θ, c, side)

        def is_lost(θ):
            return self._leaves(θ, far, -side)

        ends = arrives(nodes) + is_lost(nodes)
        return edges, nodes, is_lost, _Elimination(self._kernel(nodes, edges), ends)

    def mean_first_passage(self, a, c):
        """The mean time from a until the chain first is at c or beyond, either side of it: η × iterations."""
        a, c = number(a, "a"), number(c, "c")
        if a == c:
            return 0.0
        edges, nodes, is_lost, before = self._before(a, c)
        start = np.array([a])
        u = before.solve(np.stack([np.ones(len(nodes)), is_lost(nodes)], axis=1))
        steps, lost = (np.stack([[1.0], is_lost(start)], axis=1) + self._kernel(start, edges) @ u)[0]
        if not lost < _LOST:
            raise ValueError(f"the chain with η = {self.η:g} runs away before it arrives at {c:g}")
        return self.η * steps

    def escape_rate(self, a, c):
        """Arrivals at c or beyond in a unit of time, by a chain that has forgotten its start on a's side.

        It is (1 − Λ)/η with Λ the largest eigenvalue of the chain that ends at c: what a run counts that
        discards a burn-in after each arrival.
        """
        a, c = number(a, "a"), number(c, "c")
        _, nodes, _, before = self._before(a, c)
        u, escape = np.ones(len(nodes)), math.inf
        for _ in range(100):
            u, last = before.solve(u), escape
            escape = 1 / u.max()
            u *= escape
            if abs(escape - last) <= 1e-12 * escape:
                break
        return escape / self.η

    def _stationary(self, points):
        """Nodes and their weights μ in the stationary state: E f = Σ μ f(nodes)."""
        low, high, lowest = self._cover(points)
        edges = self._panels(low, high)
        nodes = panel_nodes(edges).ravel()
        order = np.argsort(-np.abs(nodes - lowest))  # so that every state leads to one that is still there
        nodes, K = nodes[order], self._kernel(nodes, edges)[np.ix_(order, order)]
        is_lost = self._leaves(nodes, high, 1) + self._leaves(nodes, low, -1)
        μ = _Elimination(K, is_lost).stationary()
        if not μ @ is_lost < _LOST:
            raise ValueError(f"the chain with η = {self.η:g} has no stationary state: it runs away")
        return nodes, μ

    def occupation(self, region):
        """The share of its steps that the chain spends in `region`, a pair (low, high): ∞ is accepted."""
        low, high = interval(region, "region")
        nodes, μ = self._stationary([end for end in (low, high) if math.isfinite(end)])
        beyond = [
            1.0 if point == -math.inf else 0.0 if point == math.inf else self._leaves(nodes, point, 1)
            for point in (low, high)
        ]
        return μ @ np.broadcast_to(beyond[0] - beyond[1], μ.shape)

    def stationary_density(self, grid):
        """The density of θ after many steps: grid (n,) or (n, 1) -> (n,).

        That of minibatches, whose numbers are countable, is a mean over a quarter of a step's spread.
        """
        grid = finite_array(grid, "grid")
        grid = grid[..., 0] if grid.ndim > 1 and grid.shape[-1] == 1 else grid
        nodes, μ = self._stationary([grid.min(), grid.max()])
        r, mean = self.step.r(nodes), self.step.mean
        if mean.density is not None:
            return mean.density((grid[..., None] - self.step.drift(nodes)) / r) / r @ μ
        half = np.abs(self.step.r(np.ravel(grid))).mean() * mean.std / 8
        above = [self._leaves(nodes, grid[..., None] + end, 1) @ μ for end in (-half, half)]
        return (above[0] - above[1]) / (2 * half)
