"""Adam from many starts in one call, beside the same by hand, in PyTorch and in optax, printed as a table.

All take the same steps of the same rule in float64, and the difference of their last points is printed.
"""

from importlib.util import find_spec

import numpy as np

from benchmarks import best
from helpers.landscapes import landscape
from helpers.optimizers import descend

STARTS, STEPS, REPEATS = 10_000, 1000, 12
η, β1, β2, ε = 0.01, 0.9, 0.999, 1e-8


def in_place(start, steps, path=None):
    """Hand-written NumPy that makes no array in its loop: each coordinate lies in one piece."""
    θ = np.ascontiguousarray(start.T)
    m, s, g, a = (np.zeros_like(θ) for _ in range(4))
    r = np.zeros_like(θ[0])
    for t in range(1, steps + 1):
        np.multiply(θ[0], θ[1], out=r)  # the gradient of (1 − w₁w₂)²
        r -= 1
        r *= 2
        np.multiply(r, θ[1], out=g[0])
        np.multiply(r, θ[0], out=g[1])
        m *= β1
        np.multiply(g, 1 - β1, out=a)
        m += a
        s *= β2
        g *= g
        g *= 1 - β2
        s += g
        np.divide(s, 1 - β2**t, out=a)
        np.sqrt(a, out=a)
        a += ε
        np.divide(m, a, out=a)
        a *= η / (1 - β1**t)
        θ -= a
        if path is not None:
            path[t] = θ
    return θ.T


def in_place_with_path(start, steps):
    """The same, and every point is kept."""
    path = np.empty((steps + 1, *start.T.shape))
    path[0] = start.T
    in_place(start, steps, path)
    return path.swapaxes(1, 2)


def loop_of_vectors(starts, steps):
    """A Python loop over the starts: NumPy on the two coordinates of each."""
    ends = []
    for w in starts:
        m, s = np.zeros(2), np.zeros(2)
        for t in range(1, steps + 1):
            g = 2 * (w[0] * w[1] - 1) * w[::-1]
            m = β1 * m + (1 - β1) * g
            s = β2 * s + (1 - β2) * g**2
            w = w - η * (m / (1 - β1**t)) / (np.sqrt(s / (1 - β2**t)) + ε)
        ends.append(w)
    return np.array(ends)


def loop_of_numbers(starts, steps):
    """A Python loop over the starts without NumPy: plain numbers."""
    ends = []
    for x, y in starts.tolist():
        mx = my = sx = sy = 0.0
        for t in range(1, steps + 1):
            r = 2 * (x * y - 1)
            gx, gy = r * y, r * x
            mx, my = β1 * mx + (1 - β1) * gx, β1 * my + (1 - β1) * gy
            sx, sy = β2 * sx + (1 - β2) * gx * gx, β2 * sy + (1 - β2) * gy * gy
            rate, unbiased = η / (1 - β1**t), 1 - β2**t
            x, y = x - rate * mx / ((sx / unbiased) ** 0.5 + ε), y - rate * my / ((sy / unbiased) ** 0.5 + ε)
        ends.append((x, y))
    return np.array(ends)


def in_torch(start, steps, foreach):
    """torch.optim.Adam on one tensor of all starts, with the gradient by hand."""
    import torch

    w = torch.tensor(start)
    w.grad = torch.empty_like(w)
    optimizer = torch.optim.Adam([w], lr=η, betas=(β1, β2), eps=ε, foreach=foreach)
    with torch.no_grad():
        for _ in range(steps):
            torch.mul((w[:, 0] * w[:, 1] - 1).mul_(2)[:, None], w.flip(-1), out=w.grad)
            optimizer.step()
    return w.numpy()


def in_optax():
    """optax.adam under jit, with the gradient by hand; the loop is compiled too."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import optax

    optimizer = optax.adam(η, b1=β1, b2=β2, eps=ε)

    def step(state, _):
        w, inner = state
        g = 2 * (w[:, :1] * w[:, 1:] - 1) * w[:, ::-1]
        updates, inner = optimizer.update(g, inner)
        return (optax.apply_updates(w, updates), inner), None

    @jax.jit
    def run(w):
        return jax.lax.scan(step, (w, optimizer.init(w)), length=STEPS)[0][0]

    return lambda start: np.asarray(run(jax.numpy.asarray(start)))


def main():
    start = np.random.default_rng(0).uniform(-1.5, 1.5, (STARTS, 2))
    land = landscape("worst network")

    def ours(**settings):
        return descend(land, start, "adam", STEPS, η=η, β1=β1, β2=β2, ε=ε, **settings)

    peers = {  # a function, and the share of the starts that it does
        "descend, the last point kept": (lambda: ours(every=STEPS).end, 1),
        "descend, every point kept": (lambda: ours().θ, 1),
        "NumPy by hand, in place, the last point kept": (lambda: in_place(start, STEPS), 1),
        "NumPy by hand, in place, every point kept": (lambda: in_place_with_path(start, STEPS), 1),
        "Python loop over starts, NumPy vectors": (lambda: loop_of_vectors(start[:4], STEPS), 4 / STARTS),
        "Python loop over starts, plain numbers": (lambda: loop_of_numbers(start[:40], STEPS), 40 / STARTS),
    }
    missing = [name for name in ("torch", "optax") if find_spec(name) is None]
    if "torch" not in missing:
        for name, foreach in (("foreach", True), ("single tensor", False)):
            peers[f"torch.optim.Adam, {name}"] = (lambda f=foreach: in_torch(start, STEPS, f), 1)
    if "optax" not in missing:
        run = in_optax()
        peers["optax.adam, jit"] = (lambda: run(start), 1)
    print(f"Adam on {land.name!r}: {STARTS} starts, {STEPS} steps, in one call")
    print(f"best of {REPEATS}, taking turns; a loop over starts does a few of them, and its time is scaled\n")
    times = best([function for function, _ in peers.values()], REPEATS)
    print(f"{'':46} {'s':>8} {'/ descend':>10} {'difference':>11}")
    taken = [time / share for time, (_, share) in zip(times, peers.values(), strict=True)]
    end = ours(every=STEPS).end
    for seconds, (name, (function, _)) in zip(taken, peers.items(), strict=True):
        kept = "every point" in name
        result = function()[-1] if kept else function()
        difference = np.abs(result - end[: len(result)]).max()
        print(f"{name:46} {seconds:8.3f} {seconds / taken[kept]:10.2f} {difference:11.0e}")
    for name in missing:
        print(f"{name} is not installed: nothing to compare with (pip install {name})")
