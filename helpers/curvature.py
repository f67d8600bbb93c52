"""Curvature without the Hessian matrix: its products with vectors, its extreme eigenvalues.

The Hessian of d parameters has d² entries. One product Hv costs one or two gradients, whatever d is, and the
products are enough for the largest and the smallest eigenvalue.
"""

import numpy as np

from helpers.checks import count, finite_array, number

SMALL = 1e-30  # of the complex step: h² is far below the last digit, and nothing is subtracted
STEP = 3e-6  # of central differences: the error is about h² + 1e-16/h, and this is near the best balance


def complex_step_hvp(gradient, θ, v, h=SMALL):
    """Hv = Im ∇L(θ + ihv) / h, for one gradient in complex arithmetic; the error is of order h².

    ∇L(θ + ihv) = ∇L(θ) + ihHv − h²(…): the imaginary part holds Hv, and no two close numbers are subtracted.
    So h can be tiny, and the product is exact to rounding. `gradient` maps θ (..., d) to (..., d), and must
    be analytic: |x|, max or a conjugate inside it give wrong numbers without a warning. θ and v: (..., d).

    Raises TypeError for a gradient that drops the imaginary part, ValueError for shapes that do not fit.
    Source: Martins, Sturdza and Alonso (2003).

    >>> complex_step_hvp(lambda θ: θ**3, [1.0, 2.0], [1.0, 1.0]).tolist()
    [3.0, 12.0]
    """
    θ, v, h = *_point_and_direction(θ, v), number(h, "h", 0, above=True)
    return _slope(gradient, θ + 1j * h * v, complex).imag / h


def central_hvp(gradient, θ, v, h=STEP):
    """Hv ≈ ‖v‖ [∇L(θ + hu) − ∇L(θ − hu)] / 2h with u = v/‖v‖, for two gradients; the error is of order h².

    Rounding adds an error of order 1e-16/h, so h must not be too small either; the default suits a θ whose
    size is about 1. Any smooth `gradient` will do. Shapes and errors as in `complex_step_hvp`.

    >>> np.round(central_hvp(lambda θ: θ**3, [1.0, 2.0], [1.0, 1.0]), 6).tolist()
    [3.0, 12.0]
    """
    θ, v, h = *_point_and_direction(θ, v), number(h, "h", 0, above=True)
    size = np.linalg.norm(v, axis=-1, keepdims=True)
    u = v / np.where(size > 0, size, 1)
    return size * (_slope(gradient, θ + h * u) - _slope(gradient, θ - h * u)) / (2 * h)


def complex_step_hessian(gradient, θ, h=SMALL):
    """The whole Hessian, column by column Heⱼ: d complex gradients for d² entries. θ (..., d) -> (..., d, d).

    >>> complex_step_hessian(lambda θ: θ**3, [1.0, 2.0]).tolist()
    [[3.0, 0.0], [0.0, 12.0]]
    """
    θ = finite_array(θ, "θ")
    if θ.ndim == 0:
        raise ValueError("θ must have shape (..., d), with the coordinates on the last axis")
    return np.stack([complex_step_hvp(gradient, θ, e, h) for e in np.eye(θ.shape[-1])], axis=-1)


def power_iteration(hvp, d, k, rng):
    """(λ, u): the eigenvalue of largest size after k products u ← Hu/‖Hu‖, and its eigenvector, (d,).

    The error of λ shrinks in each step by the factor (λ′/λ)², where λ′ is the second largest in size.
    `hvp`, `d`, `k`, `rng` as in `krylov`, k ≥ 2.

    >>> λ, u = power_iteration(lambda v: np.array([1.0, -3.0]) * v, 2, 40, np.random.default_rng(0))
    >>> round(λ, 9)
    -3.0
    """
    d, k = count(d, "d", 1), count(k, "k", 2)
    u = _random_direction(d, rng)
    for _ in range(k):
        w = _product(hvp, u)
        λ, size = float(u @ w), np.linalg.norm(w)
        if size == 0:
            return 0.0, u
        u = w / size
    return λ, u


def krylov(hvp, d, k, rng):
    """(T, Q): a symmetric H in the space of v, Hv, H²v, …: the tridiagonal T = QᵀHQ, (k, k), and Q, (d, k).

    The columns q₁ … q_k of Q are orthonormal. `hvp` maps v (d,) to Hv (d,) and is called k ≤ d times; fewer
    times, with smaller T and Q, if the space ends earlier. `rng`, a numpy Generator, draws the first v.
    After j < k products T would be T[:j, :j].

    Raises ValueError when a product is not finite, of the wrong shape, or not that of a symmetric matrix.
    Source: Golub and Van Loan, Matrix Computations, 4th edition, chapter 10.

    >>> T, Q = krylov(lambda v: np.array([-3.0, 1.0, 10.0]) * v, 3, 3, np.random.default_rng(0))
    >>> bool(abs(T[0, 2]) < 1e-12), T.shape, Q.shape
    (True, (3, 3), (3, 3))
    """
    d = count(d, "d", 1)
    k = count(k, "k", 1, d)
    Q, α, β = np.empty((k, d)), [], []
    q = _random_direction(d, rng)
    for j in range(k):
        Q[j] = q
        w = _product(hvp, q)
        if j and abs(Q[j - 1] @ w - β[-1]) > 1e-4 * np.linalg.norm(w) + 1e-4 * β[-1]:
            raise ValueError("hvp must be the product with a symmetric matrix; this one is not symmetric")
        α.append(q @ w)
        for _ in range(2):  # against all earlier q, twice: rounding would let them creep back
            w = w - Q[: j + 1].T @ (Q[: j + 1] @ w)
        β.append(np.linalg.norm(w))
        if β[-1] <= 1e-12 * np.abs(α + β).max():
            break
        q = w / β[-1]
    k = len(α)
    return np.diag(α) + np.diag(β[: k - 1], 1) + np.diag(β[: k - 1], -1), Q[:k].T


def lanczos(hvp, d, k, rng):
    """(λ, U): k Ritz values and vectors of a symmetric H that is known only by its products v -> Hv.

    They are the eigenvalues of T and Q times its eigenvectors, T and Q of `krylov`. λ is ascending, (k,), and
    approaches eigenvalues of H, the outermost first; the columns of U, (d, k), approach their eigenvectors.
    Arguments and errors as in `krylov`.

    >>> H = np.diag([-3.0, 1.0, 2.0, 10.0])
    >>> λ, U = lanczos(lambda v: H @ v, 4, 4, np.random.default_rng(0))
    >>> np.round(λ, 9).tolist()
    [-3.0, 1.0, 2.0, 10.0]
    """
    T, Q = krylov(hvp, d, k, rng)
    λ, S = np.linalg.eigh(T)
    return λ, Q @ S


def _point_and_direction(θ, v):
    θ, v = finite_array(θ, "θ"), finite_array(v, "v")
    if θ.ndim == 0 or v.ndim == 0 or θ.shape[-1] != v.shape[-1]:
        raise ValueError(
            f"θ and v must have the same number of coordinates, not shapes {θ.shape} and {v.shape}"
        )
    return θ, v


def _slope(gradient, θ, kind=float):
    """gradient(θ), checked."""
    if not callable(gradient):
        raise TypeError(f"gradient must be a function θ -> ∇L(θ), not {gradient!r}")
    g = np.asarray(gradient(θ))
    if g.shape != θ.shape:
        raise ValueError(f"the gradient of points of shape {θ.shape} must have the same shape, not {g.shape}")
    if kind is complex and not np.iscomplexobj(g):
        raise TypeError("the gradient drops the imaginary part of θ; central_hvp takes such a function")
    return g


def _random_direction(d, rng):
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
    v = rng.normal(size=d)
    return v / np.linalg.norm(v)


def _product(hvp, v):
    """hvp(v), checked."""
    w = finite_array(hvp(v), "hvp(v)")
    if w.shape != v.shape:
        raise ValueError(f"hvp must map a vector of shape {v.shape} to one of that shape, not {w.shape}")
    return w
