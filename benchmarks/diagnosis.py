"""A diagnosis beside ten epochs of training: a PyTorch MLP with 10⁵ parameters on the digits.

Every gradient of a diagnosis goes through all samples that it is given, and its price grows with their
number; a part of the training data will do, as long as it stays the same.
"""

import numpy as np

from benchmarks import best
from helpers.data import digits
from helpers.diagnosis import diagnose, from_torch

REPEATS = 3
WIDTHS, B, EPOCHS, η = (64, 1333, 10), 32, 10, 0.1


def main():
    print(f"a network {WIDTHS} on digits: a diagnosis beside {EPOCHS} epochs of SGD with batches of {B}")
    print(f"best of {REPEATS}, taking turns; at most 100 gradient evaluations, without their losses\n")
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: nothing to diagnose (pip install torch)")
        return
    from torch.nn.functional import cross_entropy

    images, kinds = digits()
    x, y = torch.as_tensor(images).float(), torch.as_tensor(kinds).long()

    def model():
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Linear(*WIDTHS[:2]), torch.nn.Tanh(), torch.nn.Linear(*WIDTHS[1:])
        )

    def train():
        trained, losses = model(), []
        rule = torch.optim.SGD(trained.parameters(), lr=η)
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(x)).split(B):
                loss = cross_entropy(trained(x[batch]), y[batch])
                rule.zero_grad()
                loss.backward()
                rule.step()
                losses.append(loss.item())
        return trained, losses

    trained, losses = train()

    def look(n, dtype):
        given = from_torch(trained, cross_entropy, (x[:n], y[:n]), dtype=dtype)
        return diagnose(**given, η=η, losses=losses, rng=np.random.default_rng(0))

    cases = [(n, dtype) for n in (200, len(x)) for dtype in ("float64", None)]
    functions = [train, *(lambda n=n, dtype=dtype: look(n, dtype) for n, dtype in cases)]
    training, *times = best(functions, REPEATS)
    print(f"{EPOCHS} epochs of {len(x)} samples, float32 {1e3 * training:10.0f} ms")
    for (n, dtype), taken in zip(cases, times, strict=True):
        report, kind = look(n, dtype), dtype or "float32"
        print(
            f"diagnosis on {n:4} samples, {kind} {1e3 * taken:10.0f} ms, {taken / training:5.2f} times that; "
            f"{report.cost['total']} gradient evaluations: {report.verdict}"
        )
