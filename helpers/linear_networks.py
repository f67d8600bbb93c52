"""Linear networks with one hidden layer: every critical point, its loss and its index in closed form.

f(x) = W₂W₁x, without biases, with the squared loss L = (1/2n) Σ ‖W₂W₁xᵢ − yᵢ‖². Let Σxx = (1/n) Σ xᵢxᵢᵀ, Σyx
and Σyy likewise, and Σyx Σxx^(−½) = Σₖ sₖuₖvₖᵀ a singular value decomposition, s₁ > s₂ > … > s_p > 0. Then

    L = ½‖W₂W₁Σxx^(½) − Σₖ sₖuₖvₖᵀ‖² + ½(tr Σyy − Σₖ λₖ),    λₖ = sₖ²,

and θ is a critical point exactly where W₂W₁Σxx^(½) is the part of that sum that belongs to a subset S of the
components, and the rows of W₁Σxx^(½) and the columns of W₂ have no share in the others. Source: baldi1989.
"""

from itertools import combinations

import numpy as np

from helpers.networks import Network, _parameters

DISTINCT = 1e-8  # strengths closer than this, relative to the largest, are taken for equal


class LinearNetwork:
    """The network f = W₂W₁x on samples x (n, m₀), y (n, m₁), with `hidden` units, and its critical points.

    `strengths` are the p = min(m₀, m₁) leading eigenvalues λₖ of Σyx Σxx⁻¹ Σxy, largest first. A subset of
    components is a tuple of positions in `strengths`, counted from 0. `objective` is the loss of `net`.

    The subset says everything: the loss and the index of a critical point follow from it (`loss`, `index`).
    Critical points of one subset differ by invertible changes W₁ → GW₁, W₂ → W₂G⁻¹ of the hidden units, and,
    where fewer components than units are in use, by what the unused units pick up that leads nowhere. So no
    critical point is isolated, and every Hessian is singular: count its negative eigenvalues.

    Raises ValueError where Σxx is singular, or strengths are zero or equal: the subsets do not say all then.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(50, 3))
    >>> lin = LinearNetwork(x, x @ np.diag([3.0, 2.0, 1.0]), hidden=2)
    >>> lin.subsets()
    [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    >>> [lin.index(S) for S in lin.subsets()]
    [6, 2, 3, 4, 0, 1, 2]
    """

    def __init__(self, x, y, hidden):
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        x, y = (s[:, None] if s.ndim == 1 else s for s in (x, y))
        for values, name in ((x, "x"), (y, "y")):
            if values.ndim != 2:
                raise ValueError(f"{name} must have shape (n, m), not {values.shape}")
        self.net = Network((x.shape[1], hidden, y.shape[1]), "linear", "squared", bias=False)
        self.objective = self.net.on(x, y)
        x, y, n = self.objective.x, self.objective.y, self.objective.n

        variances, axes = np.linalg.eigh(x.T @ x / n)
        if not variances[0] > 1e-12 * variances[-1]:
            raise ValueError("Σxx must be invertible: the inputs must span all their dimensions")
        self._root = axes * np.sqrt(variances) @ axes.T  # Σxx^(½)
        self._whiten = axes / np.sqrt(variances) @ axes.T  # Σxx^(−½)
        self._u, s, vt = np.linalg.svd(y.T @ x / n @ self._whiten, full_matrices=False)
        self._v = vt.T
        self.strengths = s**2
        gaps = -np.diff(self.strengths, append=0.0)
        if not (gaps > DISTINCT * self.strengths[0]).all():
            raise ValueError(
                "the strengths, eigenvalues of Σyx Σxx⁻¹ Σxy, must be distinct and not zero, but they are "
                + ", ".join(f"{λ:.6g}" for λ in self.strengths)
            )
        self._floor = (y**2).sum() / (2 * n)  # ½ tr Σyy, the loss of the zero network

    @property
    def hidden(self):
        """The number of hidden units."""
        return self.net.widths[1]

    def __repr__(self):
        strengths = ", ".join(f"{λ:.4g}" for λ in self.strengths)
        return f"LinearNetwork({self.net.widths}, strengths {strengths})"

    def subsets(self):
        """All subsets of at most `hidden` components, small ones first."""
        p = len(self.strengths)
        return [S for k in range(min(self.hidden, p) + 1) for S in combinations(range(p), k)]

    def _subset(self, subset):
        subset = tuple(int(k) for k in subset)
        if sorted(subset) not in [list(S) for S in self.subsets()]:
            raise ValueError(
                f"a subset holds at most {self.hidden} different numbers from 0 to "
                f"{len(self.strengths) - 1}, not {subset}"
            )
        return tuple(sorted(subset))

    def loss(self, subset):
        """½ tr Σyy − ½ Σ λₖ over the subset: the loss of every critical point of that subset."""
        return float(self._floor - self.strengths[list(self._subset(subset))].sum() / 2)

    def index(self, subset):
        """How many eigenvalues of the Hessian are negative, at every critical point of the subset S.

        One for each pair of a component j in S and a stronger one i outside it: the unit that carries j gains
        by turning to i. And one for each pair of an unused unit and any component outside S, p − |S| of them:

            #{(i, j): i ∉ S, j ∈ S, λᵢ > λⱼ} + (hidden − |S|)(p − |S|).

        With A = W₂, B = W₁Σxx^(½) the second variation at a critical point is
        ½‖δA·B + A·δB‖² − Σ_{i∉S} sᵢ uᵢᵀδA·δB vᵢ. It falls apart: with α = uᵢᵀδA and β = δB vᵢ, a pair (i, j)
        has the form ½(sⱼα² + sⱼβ²) − sᵢαβ, whose eigenvalues are (sⱼ ± sᵢ)/2, and an unused unit has
        ½qα² − sᵢαβ + ½rβ² with qr = 0, which has one negative eigenvalue whatever q, r ≥ 0 are. The rest is
        a square. So the count also holds where unused units are not zero.
        """
        S = self._subset(subset)
        outside = set(range(len(self.strengths))) - set(S)
        stronger = sum(i < j for i in outside for j in S)  # the strengths descend
        return stronger + (self.hidden - len(S)) * len(outside)

    def point(self, subset, rng=None):
        """θ (d,) of a critical point of the subset.

        Without `rng` the balanced one: unit k carries the k-th component of the subset, W₂ = u√s and
        W₁Σxx^(½) = √s vᵀ; unused units are zero. A numpy Generator `rng` moves it along its orbit by a random
        invertible G, of condition number at most e².

        >>> rng = np.random.default_rng(1)
        >>> lin = LinearNetwork(rng.normal(size=(20, 2)), rng.normal(size=(20, 3)), hidden=2)
        >>> bool(np.abs(lin.objective.gradient(lin.point((1,), rng))).max() < 1e-14)
        True
        """
        S = list(self._subset(subset))
        root = self.strengths[S] ** 0.25
        W1 = np.zeros((self.hidden, self.net.widths[0]))
        W2 = np.zeros((self.net.widths[2], self.hidden))
        W1[: len(S)] = (root * self._v[:, S]).T @ self._whiten
        W2[:, : len(S)] = root * self._u[:, S]
        if rng is not None:
            if not isinstance(rng, np.random.Generator):
                raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
            left, right = (np.linalg.qr(rng.normal(size=(self.hidden,) * 2))[0] for _ in range(2))
            scale = np.exp(rng.uniform(-1, 1, self.hidden))
            W1, W2 = left * scale @ right @ W1, W2 @ right.T / scale @ left.T
        return self.net.pack([(W1, None), (W2, None)])

    def end_to_end(self, θ):
        """W₂W₁: θ (..., d) -> (..., m₁, m₀)."""
        W1, W2 = self.net.matrices(θ)
        return W2 @ W1

    def which(self, θ, tolerance=1e-3):
        """The subset that a critical point θ (d,) belongs to, or a list of them for θ (N, d).

        It is read from the end-to-end matrix. Where that is further than `tolerance` (relative) from the one
        of every subset the answer is None: such a point is not critical.

        >>> lin = LinearNetwork(np.eye(3), np.diag([3.0, 2.0, 1.0]), hidden=2)
        >>> lin.which(lin.point((0, 2))), lin.which(np.ones(12))
        ((0, 2), None)
        """
        θ = _parameters(θ, self.net.d)
        if θ.ndim > 2:
            raise ValueError(f"θ must have shape (d,) or (N, d), not {θ.shape}")
        signal = self.end_to_end(θ) @ self._root  # W₂W₁Σxx^(½)
        s = np.sqrt(self.strengths)
        share = np.einsum("mk,...mj,jk->...k", self._u, signal, self._v) / s
        used = share > 0.5
        closest = np.einsum("mk,...k,jk->...mj", self._u, used * s, self._v)
        critical = np.linalg.norm(signal - closest, axis=(-2, -1)) <= tolerance * np.linalg.norm(s)
        critical &= used.sum(axis=-1) <= self.hidden
        found = [
            tuple(np.flatnonzero(u).tolist()) if good else None
            for u, good in zip(np.atleast_2d(used), np.atleast_1d(critical), strict=True)
        ]
        return found if θ.ndim == 2 else found[0]
