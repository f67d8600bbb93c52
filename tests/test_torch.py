"""The update rules against torch.optim, where torch is installed; left out elsewhere (see conftest.py)."""

import numpy as np
import pytest
import torch

from helpers.landscapes import ravine
from helpers.optimizers import descend

OPTIMIZERS = {
    "gradient descent": lambda p: torch.optim.SGD(p, lr=0.02),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.8),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.8, nesterov=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.02, eps=1e-8),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.9, eps=1e-8),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.01),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.02, amsgrad=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_hundred_steps_of_torch(name):
    start = [-1.8, 0.9]
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer, path = OPTIMIZERS[name]([w]), [np.array(start)]
    for _ in range(200):
        optimizer.zero_grad()
        ((w[0] ** 2 + 4 * w[1] ** 2) / 2).backward()
        optimizer.step()
        path.append(w.detach().numpy().copy())
    hyper = {"β": 0.8} if name in ("momentum", "nesterov") else {}
    run = descend(ravine(4), start, name, steps=200, η=0.02, **hyper)
    ours = run.θ
    if name == "nesterov":
        # torch stores the point where the next gradient is taken, θ − ηβv, with v = (θ before − θ after)/η
        v = np.concatenate([np.zeros((1, 2)), -np.diff(run.θ, axis=0)]) / 0.02
        ours = run.θ - 0.02 * 0.8 * v
    np.testing.assert_allclose(ours, path, rtol=0, atol=1e-9)
