"""The Fokker–Planck equation on a grid: density, spectrum and escape times in one dimension, one time in two.

The density p(θ, t) of particles that move by dθ = −L′(θ)dt + √(2D(θ)) dW, in Itô's sense, obeys

    ∂p/∂t = −∂J/∂θ,    J = −L′p − ∂(Dp)/∂θ,

with J the probability current. In q = Dp and Φ = ∫L′/D it reads J = −(q′ + Φ′q). Where J and Φ′ are constant
from one cell to the next, that equation has an exact solution: the scheme of Scharfetter and Gummel (1969),

    i → i ± 1 at the rate (Dᵢ/h²) Ber(±ΔΦ),    Ber(z) = z/(eᶻ − 1),    ΔΦ the rise from one cell to the other
    on the right.

A grid so becomes a Markov chain that jumps between neighbours. Its rates are never negative, it is in
detailed balance with e^{−Φ}/D exactly, and its errors are of the order h².
"""

import math
from functools import cached_property

import numpy as np

from helpers.checks import count, finite_array, number

ENDS = {None: (), "low": ("low",), "high": ("high",), "both": ("low", "high")}
SMALLEST = math.log(1e-300)  # of a decay rate
DENSE = 1500  # the most cells for which a full matrix is made
_GAUSS = np.polynomial.legendre.leggauss(4)


def bernoulli(z):
    """Ber(z) = z/(eᶻ − 1), exact to rounding for every z: 1 at 0, −z far left, 0 far right. z (...) -> (...).

    >>> bernoulli([0.0, -800.0, 800.0]).tolist()
    [1.0, 800.0, 0.0]
    >>> float(bernoulli(1e-9)) == 1 - 5e-10
    True
    """
    z = finite_array(z, "z")
    with np.errstate(over="ignore"):
        return np.where(z == 0, 1.0, z / np.expm1(np.where(z == 0, 1.0, z)))


class FokkerPlanck:
    """The Fokker–Planck equation of a one-dimensional process on N equal cells of [low, high].

    `process`: a Diffusion, or anything with `gradient(θ)`, L′ of θ (..., 1), and `D(θ)` > 0, the diffusion
    constant in units of the loss. Time is that of the process, η times iterations for SGD. No particle passes
    `low` or `high`; at the ends that `absorbing` names ("low", "high" or "both"), it disappears.

    `θ` (N,): the middles of the cells; `faces` (N + 1,): their ends; `h`: their width; densities are per unit
    of θ. `rates`: (up, down), each (N,), the rates i → i + 1 and i → i − 1.

    Raises ValueError or TypeError for a process of more than one dimension, a D that is not positive, an
    empty interval or fewer than 3 cells. Source: Scharfetter and Gummel (1969); Risken (1996).

    >>> from helpers.diffusion import Diffusion
    >>> fp = FokkerPlanck(Diffusion("double well", 1 / 16), -2.6, 2.6, N=400)
    >>> fp
    FokkerPlanck(400 cells of [-2.6, 2.6])
    >>> [round(float(λ), 6) for λ in fp.spectrum(2)]
    [0.0, 0.007446]
    """

    def __init__(self, process, low, high, N=400, absorbing=None):
        low, high, N = number(low, "low"), number(high, "high"), count(N, "N", 3, 1_000_000)
        if not low < high:
            raise ValueError(f"low must be less than high, not {low:g} and {high:g}")
        if not isinstance(absorbing, (str, type(None))) or absorbing not in ENDS:
            raise ValueError(f"absorbing must be None, 'low', 'high' or 'both', not {absorbing!r}")
        for method in ("gradient", "D"):
            if not callable(getattr(process, method, None)):
                raise TypeError(f"process must be a Diffusion or have gradient(θ) and D(θ), not {process!r}")
        self.process, self.low, self.high, self.N, self.absorbing = process, low, high, N, absorbing
        self.h = (high - low) / N
        self.faces = low + self.h * np.arange(N + 1)
        self.θ = self.faces[:-1] + self.h / 2

    def __repr__(self):
        ends = {None: "", "both": ", absorbing at both ends"}.get(
            self.absorbing, f", absorbing at the {self.absorbing} end"
        )
        return f"FokkerPlanck({self.N} cells of [{self.low:g}, {self.high:g}]{ends})"

    def _slope_and_D(self, θ):
        """L′ and D at θ (...)."""
        slope = np.asarray(self.process.gradient(θ[..., None]), dtype=float)
        D = np.asarray(self.process.D(θ[..., None]), dtype=float)
        if slope.shape != (*θ.shape, 1):
            raise ValueError(f"process must have one dimension, but its gradient has shape {slope.shape}")
        while D.ndim > θ.ndim:  # a diagonal or a matrix of one entry
            D = D[..., 0]
        D = np.broadcast_to(D, θ.shape)
        if not (np.isfinite(slope).all() and np.isfinite(D).all() and (D > 0).all()):
            raise ValueError("on the whole interval L′ must be finite, and D finite and more than 0")
        return slope[..., 0], D

    def _rise(self, start, end):
        """ΔΦ = ∫L′/D from `start` to `end`, both (n,)."""
        x, w = _GAUSS
        half = (end - start)[:, None] / 2
        slope, D = self._slope_and_D(start[:, None] + half * (1 + x))
        return (half * w * slope / D).sum(axis=-1)

    @cached_property
    def _ΔΦ(self):
        """ΔΦ over each step: from `low` to the first middle, from middle to middle, to `high`. (N + 1,)"""
        points = np.concatenate([[self.low], self.θ, [self.high]])
        return self._rise(points[:-1], points[1:])

    @cached_property
    def rates(self):
        """(up, down), each (N,): the rates i → i + 1 and i → i − 1. From an absorbing end they lead out."""
        _, D = self._slope_and_D(self.θ)
        length = np.full(self.N + 1, self.h)
        length[[0, -1]] = self.h / 2  # from a middle to the end itself
        open_ = np.ones(self.N + 1)
        open_[0], open_[-1] = "low" in ENDS[self.absorbing], "high" in ENDS[self.absorbing]
        conductance = open_ / (self.h * length)
        up = D * conductance[1:] * bernoulli(self._ΔΦ[1:])
        down = D * conductance[:-1] * bernoulli(-self._ΔΦ[:-1])
        return up, down

    @cached_property
    def central_rates(self):
        """(up, down) of plain central differences, D/h² ∓ L′/2h at each face: negative where |L′|h > 2D.

        For comparison; nothing here computes with them.
        """
        slope, _ = self._slope_and_D(self.faces)
        _, D = self._slope_and_D(self.θ)
        up, down = D / self.h**2 - slope[1:] / (2 * self.h), D / self.h**2 + slope[:-1] / (2 * self.h)
        up[-1] = down[0] = 0.0
        return up, down

    @cached_property
    def generator(self):
        """Q (N, N): the rates as a matrix, ∂p/∂t = pQ; its rows add up to 0 except at absorbing ends."""
        up, down = self.rates
        self._need_few_cells("generator")
        return np.diag(-(up + down)) + np.diag(up[:-1], 1) + np.diag(down[1:], -1)

    def _need_few_cells(self, what):
        if self.N > DENSE:
            raise ValueError(f"{what} makes full matrices: it takes at most {DENSE} cells, not {self.N}")

    @cached_property
    def _log_density(self):
        """ln(e^{−Φ}/D), 0 at its largest: (N,)."""
        Φ = np.concatenate([[0.0], np.cumsum(self._ΔΦ[1:-1])])
        log = -Φ - np.log(self._slope_and_D(self.θ)[1])
        return log - log.max()

    @cached_property
    def stationary(self):
        """The density e^{−Φ}/D (N,), ∫p dθ = 1. With an absorbing end it is that of closed ends."""
        p = np.exp(self._log_density)
        return p / (p.sum() * self.h)

    def current(self, p):
        """J at each face (..., N + 1) of a density p (..., N): positive to the right, 0 at a closed end.

        >>> from helpers.diffusion import Diffusion
        >>> fp = FokkerPlanck(Diffusion("double well", 0.1), -2.5, 2.5, N=100)
        >>> bool(abs(fp.current(fp.stationary)).max() < 1e-12)
        True
        """
        p, (up, down) = finite_array(p, "p", self.N), self.rates
        J = np.zeros((*p.shape[:-1], self.N + 1))
        J[..., 1:] += self.h * up * p
        J[..., :-1] -= self.h * down * p
        return J

    # The spectrum. In units of √p, −Q is BᵀB, where B has a row √up_i, −√down_{i+1} for each open face.
    # Nothing is subtracted in B, so that even a λ₁ of 1e−18 beside rates of 1e6 keeps its digits.

    @cached_property
    def _rows(self):
        """Squares of the two entries in each row of B: rates from the left and from the right of a face."""
        up, down = self.rates
        ends = ENDS[self.absorbing]
        kept = slice(0 if "low" in ends else 1, self.N + ("high" in ends))
        return np.append(0.0, up)[kept], np.append(down, 0.0)[kept]

    def spectrum(self, k=2):
        """The k smallest decay rates λ₀ ≤ λ₁ ≤ … of −Q: (k,), ascending, each to some 12 digits.

        Closed ends have λ₀ = 0, the stationary density, and λ₁ is the rate at which two wells come to
        balance: the sum of the rates of leaving them. With an absorbing end λ₀ is the rate of escape.

        Bisection of ln λ: as many eigenvalues lie below λ as BBᵀ − λ has negative pivots, and their recursion
        subtracts nothing but λ. Source: Golub and Van Loan, chapter 8; Demmel and Kahan (1990).
        """
        k = count(k, "k", 1, self.N)
        left, right = (rates.tolist() for rates in self._rows)
        zeros = self.N - len(left)  # those of BᵀB that BBᵀ does not have; −1 for one that only BBᵀ has
        top = math.log(4 * max(rates.max() for rates in self.rates))

        def eigenvalue(j):
            low, high = SMALLEST, top
            while high - low > 1e-13:
                middle = (low + high) / 2
                if _below(math.exp(middle), left, right) > j:
                    high = middle
                else:
                    low = middle
            return math.exp((low + high) / 2)

        return np.array([eigenvalue(j - zeros) if j >= zeros else 0.0 for j in range(k)])

    @cached_property
    def _all_modes(self):
        """(λ, U): all decay rates, ascending, and orthonormal eigenvectors of BᵀB in the rows of U."""
        self._need_few_cells("modes")
        left, right = self._rows
        first = int("low" not in ENDS[self.absorbing])
        B = np.zeros((len(left), self.N + 2))
        rows = np.arange(len(left))
        B[rows, rows + first], B[rows, rows + first + 1] = np.sqrt(left), -np.sqrt(right)
        _, σ, U = np.linalg.svd(B[:, 1:-1], full_matrices=True)
        return np.append(σ, np.zeros(self.N - len(σ)))[::-1] ** 2, U[::-1]

    def modes(self, k=2):
        """(λ, ψ): the k slowest modes, decay rates (k,) and densities ψ (k, N): p = Σ cⱼψⱼ e^{−λⱼt}.

        ψ₀ is the stationary density; with an absorbing end it is the quasi-stationary one, of particles that
        have not escaped for long. Both have ∫ψ₀ dθ = 1. The others have ∫ψ²/p dθ = 1, p being `stationary`,
        and are positive at the far right.

        >>> from helpers.diffusion import Diffusion
        >>> λ, ψ = FokkerPlanck(Diffusion("double well", 1 / 16), -2.6, 2.6, N=200).modes(2)
        >>> round(float(λ[1]), 5), ψ[1, 60] < 0 < ψ[1, 140]
        (0.00745, np.True_)
        """
        k = count(k, "k", 1, self.N)
        λ, U = self._all_modes
        last = [row[np.flatnonzero(np.abs(row) > np.abs(row).max() / 100)[-1]] for row in U[:k]]
        ψ = U[:k] * np.sign(last)[:, None] * np.sqrt(self.stationary / self.h)
        ψ[0] = np.abs(ψ[0]) / (np.abs(ψ[0]).sum() * self.h)  # of one sign, except for rounding
        return λ[:k].copy(), ψ

    # The density in time

    def evolve(self, p0, times):
        """p(θ, t) (..., N) at `times` (...) from p0: a density (N,) on the cells, or a point to start from.

        p(t) = p0·e^{tQ}. With m the largest rate of leaving a cell and R = I + Q/m,
        e^{tQ} = Σₖ e^{−mt}(mt)ᵏ/k! Rᵏ for mt ≤ 1, and longer times by squaring. Only positive numbers are
        added: no density is ever negative, and what does not leave by an absorbing end adds up to ∫p0 dθ.
        Takes a fraction of a second for 400 cells, for any number of times.

        >>> from helpers.diffusion import Diffusion
        >>> fp = FokkerPlanck(Diffusion("double well", 1 / 16), -2.6, 2.6, N=100)
        >>> p = fp.evolve(-1.0, [0.0, 1.0, 1e4])
        >>> (p.sum(axis=1) * fp.h).round(6).tolist(), bool(np.allclose(p[2], fp.stationary))
        ([1.0, 1.0, 1.0], True)
        """
        self._need_few_cells("evolve")
        times = finite_array(times, "times")
        if (times < 0).any():
            raise ValueError("times must not be negative")
        start, t = self._start(p0) * self.h, times.ravel()
        # two more states, for what has left at either end: so all rows add up to 1, and rounding cannot grow
        up, down = (np.pad(rates, 1) for rates in self.rates)
        m = (up + down).max()
        stay = 1 - (up + down) / m

        def jump(P):
            """PR"""
            result = P * stay
            result[..., 1:] += P[..., :-1] * (up[:-1] / m)
            result[..., :-1] += P[..., 1:] * (down[1:] / m)
            return result

        def short(P, mt):
            """P e^{tQ} for mt ≤ 1."""
            weight = np.exp(-mt)
            result = weight * P
            for k in range(1, 20):
                P, weight = jump(P), weight * mt / k
                result = result + weight * P
            return result

        whole, rest = np.divmod(m * t, 1.0)
        p = short(np.tile(np.pad(start, 1), (len(t), 1)), rest[:, None])
        P = short(np.eye(self.N + 2), 1.0)
        while whole.any():
            whole, odd = np.divmod(whole, 2)
            p[odd > 0] = p[odd > 0] @ P
            P = P @ P
            P /= P.sum(axis=1, keepdims=True)
        return p[:, 1:-1].reshape(*times.shape, self.N) / self.h

    def _start(self, p0):
        if np.ndim(p0) == 0:
            # in the two nearest cells, with the right mean
            a = number(p0, "the start", self.low, self.high)
            return np.array([np.interp(a, self.θ, e) for e in np.eye(self.N)]) / self.h
        p0 = finite_array(p0, "p0", self.N)
        if p0.ndim != 1 or (p0 < 0).any():
            raise ValueError(f"p0 must be one density ({self.N},) without negative values")
        return p0

    # The mean time to a point

    def mean_first_passage(self, a, c):
        """The mean time from a (...) until c is reached for the first time: (...).

        On cells of about the same width, from the far end to c, which absorbs. With τᵢ the mean time from
        cell i to cell i + 1, upᵢτᵢ = 1 + downᵢτᵢ₋₁: all terms are positive, so that every digit is kept even
        where e^{ΔL/D} is huge. The time is the sum of τ from a to c.

        >>> from helpers.diffusion import Diffusion
        >>> fp = FokkerPlanck(Diffusion("double well", 1 / 16), -2.6, 2.6, N=400)
        >>> round(float(fp.mean_first_passage(-1.0, 1.0)), 1)
        277.0
        """
        a, c = finite_array(a, "a"), number(c, "c", self.low, self.high)
        if not ((self.low <= a) & (a <= self.high)).all():
            raise ValueError(f"a must lie between {self.low:g} and {self.high:g}")
        if not ((a <= c).all() or (a >= c).all()):
            raise ValueError("all starts a must lie on the same side of c")
        if (a == c).all():
            return np.zeros(a.shape)[()]
        rightwards = (a <= c).all()
        low, high = (self.low, c) if rightwards else (c, self.high)
        N = max(3, math.ceil(self.N * (high - low) / (self.high - self.low)))
        fp = FokkerPlanck(self.process, low, high, N, "high" if rightwards else "low")
        forward, back = fp.rates if rightwards else (rates[::-1] for rates in fp.rates[::-1])
        τ, to_next = 0.0, []
        for f, b in zip(forward.tolist(), back.tolist(), strict=True):
            τ = (1 + b * τ) / f
            to_next.append(τ)
        T = np.append(np.cumsum(to_next[::-1])[::-1], 0.0)  # from the far end to c
        if rightwards:
            return np.interp(a, np.append(fp.θ, c), T)
        return np.interp(a, np.append(c, fp.θ), T[::-1])


def _below(λ, left, right):
    """How many eigenvalues of BBᵀ are less than λ > 0: the number of negative pivots of BBᵀ − λ."""
    negative, s, pivot = 0, 1.0, 1.0
    for q, e in zip(left, right, strict=True):
        s = q * (s / pivot) - λ
        pivot = e + s or 1e-300
        negative += pivot < 0
    return negative


# Two parameters

def mean_first_passage_plane(process, a, c, box, n=60):
    """The mean time from the point a (2,) until the first of two coordinates reaches c, for a constant D.

    `process`: a Diffusion of two parameters. `box`: ((low, high), (low, high)), which no particle leaves; its
    first side ends at c. The rates are those of one dimension, along both axes, between the points of grids
    of n and of 2n steps a side; their errors of order h² are removed by extrapolation. The lines x = const
    are eliminated one by one, from the far wall to c: some 3n linear systems of up to 2n + 1 unknowns.

    >>> from helpers.diffusion import Diffusion
    >>> from helpers.landscapes import Landscape
    >>> import sympy as sp
    >>> x, y = sp.symbols("x y", real=True)
    >>> box = (-2, 1), (-2, 2)
    >>> gutter = Landscape("gutter", (x**2 - 1) ** 2 / 4 + y**2 / 2, (x, y), box)
    >>> round(mean_first_passage_plane(Diffusion(gutter, 1 / 16), [-1, 0], 1, box), 2)
    277.05
    """
    a, c, n = finite_array(a, "a", 2), number(c, "c"), count(n, "n", 4, 400)
    if getattr(process, "d", None) != 2:
        raise ValueError(f"process must have two parameters; {process!r} has not")
    box = finite_array(box, "box")
    if box.shape != (2, 2) or not (box[:, 0] < box[:, 1]).all() or box[0, 1] != c:
        raise ValueError(f"box must be two pairs (low, high), the first of them ending at c = {c:g}")
    if a.shape != (2,) or not ((box[:, 0] <= a) & (a <= box[:, 1])).all():
        raise ValueError("a must be a point of the box")
    D = np.unique(process.D(np.stack(np.meshgrid(*(np.linspace(*side, 9) for side in box)), axis=-1)))
    if len(D) > 1 or not D[0] > 0:
        raise ValueError("D must be one positive number on the whole box")
    coarse, fine = (_plane_time(process, a, box, D[0], steps) for steps in (n, 2 * n))
    return float((4 * fine - coarse) / 3)


def _plane_time(process, a, box, D, n):
    """The mean time from a on a grid of n steps a side, 0 on its last line."""
    x, y = (np.linspace(*side, n + 1) for side in box)
    L = process.loss(np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1))
    rates = []
    for axis, line in enumerate((x, y)):
        rise, mobility = np.diff(L, axis=axis) / D, D / (line[1] - line[0]) ** 2
        wall = [(0, 0), (0, 0)]
        for sign, side in ((1, (0, 1)), (-1, (1, 0))):
            wall[axis] = side
            rates.append(np.pad(mobility * bernoulli(sign * rise), wall))
    right, left, up, down = rates
    for wall in (right[0], up[:, 0], down[:, -1]):
        wall *= 2  # the cell of a point on a wall is half as wide
    jumps, steps = None, []  # T on line i is `jumps` times T on line i + 1, plus a constant
    for i in range(n):
        matrix = np.diag(sum(rate[i] for rate in rates)) - np.diag(up[i, :-1], 1) - np.diag(down[i, 1:], -1)
        waits = np.ones(n + 1)
        if i:
            matrix, waits = matrix - left[i][:, None] * jumps, waits + left[i] * steps[-1][1]
        solved = np.linalg.solve(matrix, np.column_stack([np.diag(right[i]), waits]))
        jumps = solved[:, :-1]
        steps.append((jumps, solved[:, -1]))
    T = np.zeros((n + 1, n + 1))
    for i in reversed(range(n)):
        T[i] = steps[i][0] @ T[i + 1] + steps[i][1]
    return np.interp(a[0], x, [np.interp(a[1], y, line) for line in T])
