"""The gradient and the few directions of large curvature: a tiny subspace, noise, and reparametrization.

The Hessian of a classifier with k classes often has about k large eigenvalues and a bulk of small ones. After
a few steps the gradient may lie almost wholly in the span of those k eigenvectors (Gur-Ari et al. 2018).
Whether training *happens* there is another question (Song et al. 2025): project the gradient, and see.
"""

from dataclasses import dataclass

import numpy as np

from helpers.checks import count, finite_array, number
from helpers.curvature import lanczos
from helpers.data import one_hot
from helpers.landscapes import landscape
from helpers.minibatch import noise_covariance
from helpers.networks import Network
from helpers.optimizers import eigenbasis

EQUAL = 1e-9  # eigenvalues that differ by less than this share of the largest count as equal
PARTS = ("top", "rest")


def softmax_clusters(rng, d=40, k=10, σ=0.1, n=500):
    """Linear softmax regression of k clusters: an Objective of d·k weights and no bias.

    Sample i belongs to class i mod k and is x = e_class + σξ, with ξ ~ N(0, 1) in each of d ≥ k coordinates,
    so that the class means are orthonormal. `rng` is a numpy Generator.

    >>> softmax_clusters(np.random.default_rng(0))
    Network((40, 10), 'tanh', 'cross-entropy', bias=False).on(500 samples)
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
    k = count(k, "k", 2, 1000)
    d, n, σ = count(d, "d", k, 10_000), count(n, "n", 1), number(σ, "σ", 0)
    y = np.arange(n) % k
    x = np.eye(k, d)[y] + σ * rng.standard_normal((n, d))
    return Network((d, k), loss="cross-entropy", bias=False).on(x, one_hot(y, k))


def top_share(g, H, k, rng=None, steps=None):
    """f_top = ‖projection of g on the eigenvectors of the k largest eigenvalues of H‖²/‖g‖²: (...).

    g (..., d) and H (..., d, d); or g (d,) and H a function v (d,) -> Hv (d,), for thousands of parameters:
    then `steps` products in Lanczos's method find the eigenvectors (by default 4k + 40), and `rng` draws the
    first vector. A direction at random has f_top = k/d on average. Where the k-th eigenvalue is one of
    several equal ones, "the k largest" leave a choice, and f_top is its mean over all of them; Lanczos's
    method finds only one vector of such a group.

    Raises ValueError where g is 0, which has no direction. Source: Gur-Ari et al. (2018).

    >>> g = np.array([3.0, 1.0, 2.0])
    >>> round(float(top_share(g, np.diag([5.0, 4.0, -9.0]), k=1)), 6)
    0.642857
    >>> round(float(top_share(g, np.eye(3), k=1)), 6)
    0.333333
    """
    g = finite_array(g, "g")
    if g.ndim == 0 or not (size := (g**2).sum(axis=-1)).all():
        raise ValueError("g must have shape (..., d) and must not be 0, which has no direction")
    d = g.shape[-1]
    k = count(k, "k", 1, d)
    if callable(H):
        if g.ndim != 1:
            raise ValueError(f"with products Hv, g must be one gradient, of shape (d,), not {g.shape}")
        steps = count(min(d, 4 * k + 40) if steps is None else steps, "steps", k, d)
        _, U = lanczos(H, d, steps, rng)
        return ((U[:, -k:].T @ g) ** 2).sum() / size
    H = finite_array(H, "H", d)
    if H.ndim < 2 or H.shape[-2] != d:
        raise ValueError(f"H must have shape (..., {d}, {d}), not {H.shape}")
    λ, U = eigenbasis(H)
    last = λ[..., -k, None]
    near = EQUAL * np.abs(λ).max(axis=-1, keepdims=True)
    above, equal = λ > last + near, np.abs(λ - last) <= near
    left = (k - above.sum(axis=-1, keepdims=True)) / equal.sum(axis=-1, keepdims=True)
    weight = above + equal * left
    return (weight * _along(U, g) ** 2).sum(axis=-1) / size


def _along(U, g):
    """Uᵀg: U (..., d, k), g (..., d) -> (..., k)."""
    return (np.swapaxes(U, -1, -2) @ g[..., None])[..., 0]


class Projected:
    """A target whose gradient is projected: on the k top eigenvectors of the Hessian, or on all the rest.

    `target` has `gradient`, `hessian` and `loss`: a Landscape, an Objective, a Minibatch. With part="top" the
    gradient is UUᵀg, with part="rest" it is g − UUᵀg; the columns of U are the eigenvectors of the k largest
    eigenvalues of the Hessian *at θ*, for each run its own. `every=m` finds them anew only for every m-th
    gradient, since they cost d³ and turn slowly: take a new Projected for each descent then. Use it as the
    target of `descend`.

    Raises ValueError or TypeError for a target without a Hessian or an unknown part. Source: Song, Ahn and
    Yun (2025).

    >>> from helpers.optimizers import descend
    >>> top = Projected("ravine", 1, "top")
    >>> descend(top, [1.0, 1.0], steps=100, η=0.02).end.round(6).tolist()
    [1.0, 0.0]
    """

    def __init__(self, target, k, part="top", every=1):
        target = landscape(target) if isinstance(target, str) else target
        if missing := [m for m in ("gradient", "hessian", "loss") if not callable(getattr(target, m, None))]:
            raise TypeError(f"target must have the method(s) {', '.join(missing)}; {target!r} has not")
        if part not in PARTS:
            raise ValueError(f"part must be 'top' or 'rest', not {part!r}")
        self.target, self.part = target, part
        self.k, self.every = count(k, "k", 1, getattr(target, "d", 10_000)), count(every, "every", 1)
        self.loss, self.hessian = target.loss, target.hessian
        self._U, self._age = None, 0

    @property
    def d(self):
        """The number of parameters."""
        return self.target.d

    def gradient(self, θ):
        """The projected gradient: θ (..., d) -> (..., d)."""
        θ = np.asarray(θ)
        if self._U is None or self._U.shape[:-1] != θ.shape or self._age == self.every:
            self._U, self._age = eigenbasis(self.target.hessian(θ))[1][..., -self.k :], 0
        self._age += 1
        g = np.asarray(self.target.gradient(θ))
        top = (self._U @ _along(self._U, g)[..., None])[..., 0]
        return top if self.part == "top" else g - top

    def __repr__(self):
        return f"Projected({self.target!r}, k={self.k}, {self.part!r})"


# One function, many Hessians


def scaling(net, α, layer=0):
    """The factors (..., d) by which `rescale` multiplies θ: α, 1/α and 1. α (...) > 0.

    >>> scaling(Network((2, 1, 1), "relu"), 5.0).tolist()
    [5.0, 5.0, 5.0, 0.2, 1.0]
    """
    if not isinstance(net, Network):
        raise TypeError(f"net must be a Network, not {net!r}")
    if net.activation.name not in ("relu", "linear"):
        raise ValueError(
            f"φ(αz) = αφ(z) must hold: 'relu' and 'linear' are accepted, not {net.activation.name!r}"
        )
    if net.depth < 2:
        raise ValueError(f"there must be a hidden layer to rescale, but {net!r} has none")
    layer, α = count(layer, "layer", 0, net.depth - 2), finite_array(α, "α")
    if not (α > 0).all():
        raise ValueError("α must be more than 0")
    factors = [np.ones((*α.shape, m, k)) for m, k in net.shapes]
    factors[layer] *= α[..., None, None]
    weights = factors[layer + 1][..., :-1] if net.bias else factors[layer + 1]
    weights /= α[..., None, None]
    return np.concatenate([f.reshape(*α.shape, -1) for f in factors], axis=-1)


def rescale(net, θ, α, layer=0):
    """Other parameters of the same function: a layer's weights and biases times α, the next weights over α.

    φ(αz) = αφ(z) for a ReLU and α > 0, so that f(x) is the same for every x, and so is the loss on any data.
    θ (..., d), α (...) broadcast together. `layer` counts from 0; the layer must not be the last one.

    Raises ValueError for another activation or α ≤ 0. Source: Dinh et al. (2017).

    >>> net = Network((2, 3, 1), "relu")
    >>> θ = np.random.default_rng(0).normal(size=net.d)
    >>> bool(np.allclose(net.output(rescale(net, θ, 5.0), [[1.0, 2.0]]), net.output(θ, [[1.0, 2.0]])))
    True
    """
    t = scaling(net, α, layer)
    return finite_array(θ, "θ", net.d) * t


def rescale_hessian(net, H, α, layer=0):
    """The Hessian at `rescale(net, θ, α)` from that at θ: Hᵢⱼ/(tᵢtⱼ), with t = `scaling`. (..., d, d).

    The chain rule for L(Tθ) = L(θ) with a diagonal T: gradients become T⁻¹∇L, Hessians T⁻¹HT⁻¹. The signs of
    the eigenvalues stay, their sizes do not: the trace can be made as large as one likes, the function never
    changes.

    >>> net = Network((2, 1, 1), "relu")
    >>> rescale_hessian(net, np.eye(net.d), 5.0).diagonal().round(6).tolist()
    [0.04, 0.04, 0.04, 25.0, 1.0]
    """
    t, H = scaling(net, α, layer), finite_array(H, "H", net.d)
    return H / (t[..., :, None] * t[..., None, :])


# Noise against curvature


@dataclass(frozen=True, eq=False)
class NoiseAndCurvature:
    """The Hessian's eigenvalues λ (..., d), ascending, and the noise uᵢᵀCuᵢ (..., d) along its eigenvectors.

    `ratio` (...) is tr C/tr H, and `alignment` (...) is tr(CH)/(‖C‖‖H‖), the cosine of the angle between the
    two matrices: 1 where C is a multiple of H.

    >>> from helpers.minibatch import sample_loss
    >>> found = noise_against_curvature(sample_loss("location").on([0.0, 2.0]), [1.0])
    >>> found.λ.tolist(), found.noise.tolist(), float(found.ratio), float(found.alignment)
    ([1.0], [1.0], 1.0, 1.0)
    """

    λ: np.ndarray
    noise: np.ndarray
    ratio: np.ndarray
    alignment: np.ndarray

    def __repr__(self):
        if self.ratio.ndim:
            return f"NoiseAndCurvature: {self.ratio.size} points"
        return f"NoiseAndCurvature: tr C/tr H = {self.ratio:.4g}, alignment {self.alignment:.4g}"


def noise_against_curvature(objective, θ):
    """C(θ), the covariance of one sample's gradient, against the Hessian H(θ), in the eigenbasis of H.

    `objective`: an Objective of a network, or an EmpiricalLoss: anything with sample_gradients(θ) and
    hessian(θ). θ (..., d). For the cross-entropy, a model that fits and many samples, C ≈ H: both are then
    the Fisher information. A step of SGD with batches of B has the noise η²C/B, hence D = ηC/(2B).

    >>> from helpers.minibatch import sample_loss
    >>> data = sample_loss("least squares").on([[1.0, 1.0], [2.0, 1.0], [3.0, 5.0]])
    >>> noise_against_curvature(data, data.minimum()).λ.shape
    (2,)
    """
    for method in ("sample_gradients", "hessian"):
        if not callable(getattr(objective, method, None)):
            raise TypeError(f"objective must have a method {method}(θ), but {objective!r} has none")
    θ = finite_array(θ, "θ", getattr(objective, "d", None))
    H, C = objective.hessian(θ), noise_covariance(objective, θ)
    λ, U = eigenbasis(H)
    noise = np.einsum("...ji,...jk,...ki->...i", U, C, U, optimize=True)
    sizes = np.linalg.norm(C, axis=(-2, -1)) * np.linalg.norm(H, axis=(-2, -1))
    ratio = np.trace(C, axis1=-2, axis2=-1) / np.trace(H, axis1=-2, axis2=-1)
    return NoiseAndCurvature(λ, noise, ratio, (C * H).sum(axis=(-2, -1)) / sizes)
