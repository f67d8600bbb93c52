"""Many small networks at once, in NumPy and in PyTorch: time and agreement, printed as a table.

Both compute the same numbers, in float64.
"""

import numpy as np

from benchmarks import best
from helpers.networks import Network, minimize_gradient_norm

REPEATS = 15
NETWORKS, SAMPLES, WIDTHS = 200, 64, (1, 5, 5, 1)


def peers(net, x, y, θ, v):
    """{name: function} of loss, gradient, hvp and hessian for all networks at once, with torch.func."""
    import torch
    from torch.func import grad, hessian, jvp, vmap

    x, y, θ, v = (torch.as_tensor(array, dtype=torch.float64) for array in (x, y, θ, v))

    def loss(θ):
        signal, start = x, 0
        for layer, (m, k) in enumerate(net.shapes):
            matrix = θ[start : start + m * k].reshape(m, k)
            start += m * k
            signal = signal @ matrix[:, :-1].T + matrix[:, -1]
            if layer < net.depth - 1:
                signal = torch.tanh(signal)
        return ((signal - y) ** 2).sum() / (2 * len(x))

    batched = {
        "loss": vmap(loss),
        "gradient": vmap(grad(loss)),
        "hessian": vmap(hessian(loss)),
    }
    hvp = vmap(lambda θ, v: jvp(grad(loss), (θ,), (v,))[1])
    return {name: lambda f=f: f(θ) for name, f in batched.items()} | {"hvp": lambda: hvp(θ, v)}


def main():
    rng = np.random.default_rng(0)
    net = Network(WIDTHS)
    x = np.linspace(-1, 1, SAMPLES)[:, None]
    objective = net.on(x, np.sinc(5 * x))
    θ, v = rng.normal(size=(2, NETWORKS, net.d))
    ours = {
        "loss": lambda: objective.loss(θ),
        "gradient": lambda: objective.gradient(θ),
        "hvp": lambda: objective.hvp(θ, v),
        "hessian": lambda: objective.hessian(θ),
    }
    print(f"{NETWORKS} networks {WIDTHS}, {net.d} parameters each, {SAMPLES} samples, all at once")
    print(f"best of {REPEATS}, taking turns\n")
    try:
        theirs = peers(net, x, objective.y, θ, v)
    except ImportError:
        print("PyTorch is not installed: nothing to compare with (pip install torch)\n")
        print(f"{'':10} {'NumPy, ms':>12}")
        for name, function in ours.items():
            print(f"{name:10} {1e3 * best([function], REPEATS)[0]:12.2f}")
    else:
        print(f"{'':10} {'NumPy, ms':>12} {'torch.func, ms':>15} {'torch / ours':>13} {'difference':>11}")
        for name, function in ours.items():
            a, b = best([function, theirs[name]], REPEATS)
            difference = np.abs(function() - theirs[name]().numpy()).max()
            print(f"{name:10} {1e3 * a:12.2f} {1e3 * b:15.2f} {b / a:13.2f} {difference:11.0e}")
    steps = 20
    (taken,) = best([lambda: minimize_gradient_norm(objective, θ, steps)], 3)
    print(f"\nLevenberg–Marquardt on |∇L|: {steps / taken:.0f} steps a second for all {NETWORKS} networks")
