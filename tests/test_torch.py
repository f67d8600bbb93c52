"""The update rules against torch.optim, where torch is installed; left out elsewhere (see conftest.py)."""

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from helpers.landscapes import ravine
from helpers.optimizers import RULES, descend
from helpers.schedules import cosine, inverse_sqrt, step_decay, warm_up

_rng = np.random.default_rng(0)
_turn = np.linalg.qr(_rng.normal(size=(5, 5)))[0]
FIVE = _turn * np.linspace(1, 8, 5) @ _turn.T  # a symmetric matrix with eigenvalues 1 … 8
AWAY = np.linalg.solve(FIVE, [4.0, -3.0, 2.0, 5.0, -6.0])  # every slope is steep there
SIDES = _rng.normal(size=(30, 3))  # samples times their sides ±1

PROBLEMS = {
    "bowl": (lambda w: (w[0] ** 2 + 4 * w[1] ** 2) / 2, ravine(4), [-1.8, 0.9]),
    "five": (lambda w: w @ torch.tensor(FIVE) @ w / 2, lambda w: w @ FIVE, AWAY),
    "logistic": (
        lambda w: torch.nn.functional.softplus(-torch.tensor(SIDES) @ w).mean() + 0.05 * (w**2).sum(),
        lambda w: -(SIDES / (1 + np.exp(w @ SIDES.T))[:, None]).mean(0) + 0.1 * w,
        [0.5, -2.0, 1.0],
    ),
}

OPTIMIZERS = {
    "gradient descent": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": "β"}),
    "nesterov": (torch.optim.SGD, {"momentum": "β", "nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {"eps": "ε"}),
    "rmsprop": (torch.optim.RMSprop, {"alpha": "ρ", "eps": "ε"}),
    "adam": (torch.optim.Adam, {"betas": ("β1", "β2"), "eps": "ε"}),
    "adamw": (torch.optim.AdamW, {"betas": ("β1", "β2"), "eps": "ε", "weight_decay": "λ"}),
    "amsgrad": (torch.optim.Adam, {"betas": ("β1", "β2"), "eps": "ε", "amsgrad": True}),
}

OTHER = {"β": 0.6, "β1": 0.7, "β2": 0.95, "ρ": 0.8, "ε": 1e-3, "λ": 0.2}


def torch_path(loss, start, optimizer, settings, hyper, schedule=None, steps=200):
    """Every point of torch.optim's run; hyper-parameters of torch by the letters of ours."""

    def translate(value):
        if isinstance(value, tuple):
            return tuple(map(translate, value))
        return hyper[value] if isinstance(value, str) else value

    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = optimizer([w], lr=hyper["η"], **{k: translate(v) for k, v in settings.items()})
    scheduler = schedule and schedule(optimizer)
    path = [np.array(start)]
    for _ in range(steps):
        optimizer.zero_grad()
        loss(w).backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        path.append(w.detach().numpy().copy())
    return np.array(path)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("values", [{}, OTHER], ids=["default", "other"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_hundred_steps_of_torch(name, values, problem):
    loss, target, start = PROBLEMS[problem]
    used = RULES[name].defaults
    # once there, a rule of unit steps bounces about the minimum and doubles every rounding error: stay away
    bouncing = name in ("rmsprop", "adam", "adamw", "amsgrad") and problem != "bowl"
    hyper = used | {k: v for k, v in values.items() if k in used} | {"η": 0.0005 if bouncing else 0.02}
    path = torch_path(loss, start, *OPTIMIZERS[name], hyper)
    run = descend(target, start, name, steps=200, **hyper)
    ours = run.θ
    if name == "nesterov":
        # torch stores the point where the next gradient is taken, θ − ηβv, with v = (θ before − θ after)/η
        v = np.concatenate([np.zeros((1, len(start))), -np.diff(run.θ, axis=0)]) / hyper["η"]
        ours = run.θ - hyper["η"] * hyper["β"] * v
    np.testing.assert_allclose(ours, path, rtol=0, atol=1e-9)
    assert np.abs(path[-1] - path[0]).max() > 0.05


SCHEDULES = {
    "cosine": (
        cosine(0.05, steps=200, low=0.001),
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=200, eta_min=0.001),
    ),
    "step decay": (
        step_decay(0.05, γ=0.5, every=30),
        lambda o: lr_scheduler.StepLR(o, step_size=30, gamma=0.5),
    ),
    "inverse sqrt": (inverse_sqrt(0.05), lambda o: lr_scheduler.LambdaLR(o, lambda k: (k + 1) ** -0.5)),
    "warm-up": (
        warm_up(0.05, steps=20),
        lambda o: lr_scheduler.LinearLR(o, start_factor=1 / 20, total_iters=19),
    ),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ["gradient descent", "adam", "adamw"])
def test_two_hundred_steps_with_the_schedulers_of_torch(name, schedule):
    ours, theirs = SCHEDULES[schedule]
    loss, target, start = PROBLEMS["bowl"]
    hyper = RULES[name].defaults | {"η": 0.05}
    path = torch_path(loss, start, *OPTIMIZERS[name], hyper, theirs)
    run = descend(target, start, name, steps=200, **hyper | {"η": ours})
    np.testing.assert_allclose(run.θ, path, rtol=0, atol=1e-9)
