"""Standard normal numbers that Python and the browser draw alike: `normals` here and in stage.js."""

import numpy as np

from helpers.checks import count

SEEDS = (0, 2**32 - 1)


def _mix(x):
    """Bits that look unrelated for neighbours x: the finalizer of MurmurHash3 (Appleby); arrays of uint32."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def uniforms(seed, n):
    """The first n numbers between 0 and 1 of a stream: (bits + ½)/2³², where number k has its own bits."""
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
