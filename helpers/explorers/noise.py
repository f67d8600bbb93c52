"""Random numbers that Python and the browser draw alike: `normals` and `batches` here and in stage.js."""

import numpy as np

from helpers.checks import count

SEEDS = (0, 2**32 - 1)


def _mix(x):
    """Bits that look unrelated for neighbours x: the finalizer of MurmurHash3 (Appleby); arrays of uint32."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def uniforms(seed, n):
    """The first n numbers between 0 and 1 of a stream: (bits + ½)/2³², where number k has its own bits.

    >>> u = uniforms(1, 1000)
    >>> u.shape, bool(((u > 0) & (u < 1)).all()), bool((uniforms(1, 5) == u[:5]).all())
    ((1000,), True, True)
    """
    golden = np.uint32(0x9E3779B9)
    with np.errstate(over="ignore"):  # 32-bit arithmetic wraps around on purpose
        start = _mix(np.uint32([count(seed, "seed", *SEEDS)]) * golden + np.uint32(1))
        bits = _mix(start + golden * np.arange(1, n + 1, dtype=np.uint32))
    return (bits + 0.5) / 2**32


def normals(seed, *shape):
    """The first standard normal numbers of the stream `seed`, an array of the given shape, row after row.

    √(−2 ln u) cos 2πv and √(−2 ln u) sin 2πv for pairs u, v of `uniforms` (Box and Muller 1958). In the
    browser `normals(seed)(k)` is number k of the same stream. (Mathematics takes a NumPy Generator.)

    Raises TypeError or ValueError when the seed is no whole number in [0, 2³²).

    >>> normals(0, 2, 2).round(3).tolist()
    [[0.454, -1.453], [0.879, 0.453]]
    """
    n = int(np.prod(shape))
    u, v = uniforms(seed, n + n % 2).reshape(-1, 2).T
    radius, angle = np.sqrt(-2 * np.log(u)), 2 * np.pi * v
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=-1).ravel()[:n].reshape(shape)


def batches(seed, N, B, steps, replace=False):
    """Sample numbers of the first `steps` batches of B out of N in the stream `seed`: (steps, B).

    With `replace=True` every sample is ⌊uN⌋. Without, an epoch is a permutation of the N samples (Fisher and
    Yates 1938, from the last place to the first), cut into ⌊N/B⌋ batches; the N mod B samples that are left
    over sit out that epoch. All batch sizes read the same stream: they cut the same order of samples.

    Raises ValueError where 1 ≤ B ≤ N does not hold.

    >>> batches(1, 4, 2, 4).tolist()
    [[2, 0], [3, 1], [2, 3], [0, 1]]
    """
    N = count(N, "N", 1)
    B, steps = count(B, "B", 1, N), count(steps, "steps")
    if replace:
        return (uniforms(seed, steps * B) * N).astype(int).reshape(steps, B)
    per = N // B
    epochs = -(-steps // per)
    u, order = uniforms(seed, epochs * N).reshape(epochs, N), np.tile(np.arange(N), (epochs, 1))
    each = np.arange(epochs)
    for k in range(N - 1, 0, -1):
        j = (u[:, k] * (k + 1)).astype(int)
        order[each, k], order[each, j] = order[each, j], order[each, k]
    return order[:, :per * B].reshape(-1, B)[:steps]
