"""First passages of 4000 particles: particle-steps a second, beside NumPy's normal generator alone and peers.

Each normal number costs more than the rest of a step, so that the generator sets the bound for a diffusion.
"""

from importlib.util import find_spec

import numpy as np
import sympy as sp

from benchmarks import best
from helpers.diffusion import SGD, Diffusion, centred, first_passages, pool_loss
from helpers.landscapes import stretch

PARTICLES, STEPS, REPEATS = 4000, 500, 12
η, D, σ = 0.05, 1 / 16, 2.0
x = sp.Symbol("x", real=True)
POOL = centred(np.random.default_rng(3).exponential(1, 1000), σ)


def generator(dtype):
    """As many normal numbers, and nothing else."""
    rng, out = np.random.default_rng(0), np.empty((8, PARTICLES), dtype)

    def run():
        for _ in range(0, STEPS, 8):
            rng.standard_normal(out=out, dtype=dtype)

    return run


def ours(process, dtype=np.float32):
    """`first_passages` for the same number of steps."""

    def run():
        first_passages(
            process,
            -1,
            1,
            η,
            PARTICLES,
            np.random.default_rng(0),
            horizon=STEPS * η,
            burn_in=0,
            dtype=dtype,
        )

    return run


def plain_numpy():
    """The loop that one would write first."""
    rng, θ, events = np.random.default_rng(0), -np.ones(PARTICLES), 0
    for _ in range(STEPS):
        θ = θ - η * θ * (θ**2 - 1) + np.sqrt(2 * η * D) * rng.normal(size=PARTICLES)
        arrived = θ >= 1
        events += arrived.sum()
        θ[arrived] = -1
    return events


def plain_sgd(B):
    """The same with batches: the gradient of each sample, and their mean."""
    rng, θ, events = np.random.default_rng(0), -np.ones(PARTICLES), 0
    for _ in range(STEPS):
        z = POOL[rng.integers(len(POOL), size=(PARTICLES, B))]
        θ = θ - η * (θ[:, None] * (θ[:, None] ** 2 - 1) - z).mean(axis=1)
        arrived = θ >= 1
        events += arrived.sum()
        θ[arrived] = -1
    return events


def in_torch():
    """PyTorch, in place, float32."""
    import torch

    θ, ξ, slope = torch.full((PARTICLES,), -1.0), torch.empty(PARTICLES), torch.empty(PARTICLES)
    amplitude, events = (2 * η * D) ** 0.5, torch.zeros((), dtype=torch.int64)
    with torch.no_grad():
        for _ in range(STEPS):
            torch.mul(θ, θ, out=slope).sub_(1).mul_(θ)
            θ.sub_(slope, alpha=η).add_(ξ.normal_(), alpha=amplitude)
            arrived = θ >= 1
            events += arrived.sum()
            θ.masked_fill_(arrived, -1.0)
    return int(events)


def main():
    well = Diffusion("double well", D)
    peers = {
        "generator alone, float32": generator(np.float32),
        "generator alone, float64": generator(np.float64),
        "Diffusion, float32, constant D": ours(well),
        "Diffusion, float64, constant D": ours(well, np.float64),
        "Diffusion, float32, D(x) = (1 + x²)/16": ours(Diffusion("double well", (1 + x**2) / 16)),
        "Diffusion, float32, two wells, D = g′²/16": ours(Diffusion("two wells", stretch().diff() ** 2 / 16)),
        "plain NumPy, constant D": plain_numpy,
        "SGD, float32, B = 2": ours(SGD(pool_loss().on(POOL), 2)),
        "SGD, float32, B = 5": ours(SGD(pool_loss().on(POOL), 5)),
        "plain NumPy, SGD, B = 2": lambda: plain_sgd(2),
        "plain NumPy, SGD, B = 5": lambda: plain_sgd(5),
    }
    missing = find_spec("torch") is None
    if not missing:
        peers["PyTorch, float32, constant D"] = in_torch
    print(f"first passages in the double well: {PARTICLES} particles, {STEPS} steps")
    print(f"best of {REPEATS}, taking turns\n")
    times = best(list(peers.values()), REPEATS)
    print(f"{'':46} {'million particle-steps a second':>32} {'of the generator':>17}")
    for name, seconds in zip(peers, times, strict=True):
        print(f"{name:46} {PARTICLES * STEPS / seconds / 1e6:32.1f} {times[0] / seconds:17.2f}")
    if missing:
        print("torch is not installed: nothing to compare with (pip install torch)")
