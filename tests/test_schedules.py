"""Schedules: exact values, laws, what descend makes of them, and the same numbers in JavaScript."""

import json

import numpy as np
import pytest
import sympy as sp

from helpers.landscapes import ravine
from helpers.optimizers import RULES, descend, t, η
from helpers.schedules import (
    Schedule,
    constant,
    cosine,
    inverse_sqrt,
    inverse_time,
    step_decay,
    warm_up,
)

STEPS = np.arange(1, 61)
EVERY = {
    "constant": constant(0.3),
    "inverse time": inverse_time(0.3, t0=7),
    "inverse sqrt": inverse_sqrt(0.3),
    "cosine": cosine(0.3, steps=40, low=0.01),
    "step decay": step_decay(0.3, γ=0.5, every=9),
    "warm-up": warm_up(0.3, steps=12),
    "warm-up, then cosine": warm_up(cosine(0.3, steps=50), steps=12),
}


def textbook(name, t):
    """The same schedules as plain Python."""
    return {
        "constant": 0.3,
        "inverse time": 0.3 * 7 / (7 + t - 1),
        "inverse sqrt": 0.3 / t**0.5,
        "cosine": 0.01 + 0.29 * (1 + np.cos(np.pi * (t - 1) / 40)) / 2 if t <= 40 else 0.01,
        "step decay": 0.3 * 0.5 ** ((t - 1) // 9),
        "warm-up": 0.3 * t / 12 if t < 12 else 0.3,
        "warm-up, then cosine": (t / 12 if t < 12 else 1)
        * (0.3 * (1 + np.cos(np.pi * (t - 1) / 50)) / 2 if t <= 50 else 0),
    }[name]


@pytest.mark.parametrize("name", EVERY)
def test_values_step_by_step_and_all_at_once(name):
    schedule = EVERY[name]
    expected = [textbook(name, int(k)) for k in STEPS]
    np.testing.assert_allclose(schedule(STEPS), expected, rtol=1e-13, atol=1e-17)
    assert [schedule(int(k)) for k in STEPS] == schedule(STEPS).tolist()
    assert type(schedule(3)) is float


@pytest.mark.parametrize("name", EVERY)
def test_the_first_step_takes_the_rate_and_no_later_one_more(name):
    values = EVERY[name](STEPS)
    assert values[0] == pytest.approx(0.3 / 12 if name.startswith("warm") else 0.3, rel=1e-15)
    assert (values <= 0.3).all() and (values >= 0).all()
    rises = np.diff(values) > 1e-15
    assert not rises[11:].any() and rises[:11].all() == name.startswith("warm")


def test_laws():
    far = np.array([1e6, 1e7])
    assert inverse_time(0.3, t0=7)(far) * far == pytest.approx(0.3 * 7, rel=1e-5)
    assert inverse_sqrt(0.3)(far) * np.sqrt(far) == pytest.approx(0.3, rel=1e-14)
    half = cosine(0.4, steps=100, low=0.2)
    assert half(51) == pytest.approx(0.3) and half(101) == half(500) == 0.2
    assert half(26) + half(76) == pytest.approx(0.6)  # point symmetric about the middle


@pytest.mark.parametrize("name", [n for n in EVERY if n != "warm-up, then cosine"])
@pytest.mark.parametrize("rule", RULES)
def test_a_run_with_a_schedule_is_the_run_whose_rate_is_set_by_hand(name, rule):
    """One step at a time, with the states carried over by the rule itself."""
    update, schedule = RULES[rule], EVERY[name]
    run = descend(ravine(4), [1.2, -0.3], rule, steps=40, η=schedule)
    θ, states = np.array([1.2, -0.3]), update.initial
    for k in range(1, 41):
        hyper = update.defaults | {"η": textbook(name, k)}
        g = ravine(4).gradient(update.place(θ, states, hyper))
        θ, states = update.step(θ, g, states, k, hyper)
        np.testing.assert_allclose(run.θ[k], θ, rtol=1e-12, atol=1e-13)
    assert run.hyper["η"] is schedule and repr(schedule) in repr(run)


def test_a_schedule_with_a_rate_for_every_run_is_many_runs():
    rates = np.array([0.01, 0.02, 0.05])
    start = np.array([[1.2, -0.3], [0.4, 0.4]])[:, None]
    together = descend("worst network", start, "momentum", steps=30, η=warm_up(inverse_sqrt(rates), 5))
    assert together.θ.shape == (31, 2, 3, 2)
    for k, rate in enumerate(rates):
        alone = descend("worst network", start[:, 0], "momentum", steps=30, η=warm_up(inverse_sqrt(rate), 5))
        np.testing.assert_allclose(together.θ[:, :, k], alone.θ, rtol=1e-13)
    table = inverse_sqrt(rates)(STEPS[:, None])
    np.testing.assert_allclose(table, rates / np.sqrt(STEPS)[:, None], rtol=1e-15)


def test_noise_dies_out_if_and_only_if_the_rate_does():
    """g = θ + ξ: after t steps of 1/t, θ is an average of t draws, E θ² = 1/t; with η constant it stays."""
    rng, n, steps = np.random.default_rng(0), 20_000, 100

    def noisy(θ):
        return θ + rng.standard_normal(θ.shape)

    falling = descend(noisy, np.ones((n, 1)), steps=steps, every=steps, η=inverse_time(1.0, t0=1)).end
    assert (falling**2).mean() == pytest.approx(1 / steps, rel=3 * np.sqrt(2 / n))
    fixed = descend(noisy, np.ones((n, 1)), steps=steps, every=steps, η=constant(0.5)).end
    assert (fixed**2).mean() == pytest.approx(0.5 / (2 - 0.5), rel=3 * np.sqrt(2 / n))


def test_printed_schedules():
    assert repr(EVERY["inverse time"]) == "inverse_time(η=0.3, t0=7)"
    assert repr(EVERY["warm-up"]) == "warm_up(constant(η=0.3), steps=12)"
    assert repr(inverse_sqrt(np.array([0.1, 0.2]))) == "inverse_sqrt(η=0.1 … 0.2)"
    assert EVERY["inverse time"].latex == r"\frac{\eta}{1 + \frac{t - 1}{t_{0}}}"
    assert EVERY["inverse sqrt"]._repr_latex_() == r"$\frac{\eta}{\sqrt{t}}$"
    assert r"1 + \cos{" in EVERY["cosine"].latex and r" + \eta_{\min}" in EVERY["cosine"].latex
    assert r"\min\left(1, \frac{t}{T_{w}}\right)" in EVERY["warm-up"].latex


def test_a_reader_can_write_a_schedule():
    k = sp.Symbol("k", positive=True)
    own = Schedule("exponential(k=0.1)", η * sp.exp(-k * (t - 1)), {η: 0.2, k: 0.1})
    assert own(11) == pytest.approx(0.2 * np.exp(-1))
    assert descend("ravine", [1.0, 0.0], steps=1, η=own).end[0] == pytest.approx(0.8)


def test_javascript_gives_the_same_numbers(browser):
    page = browser.new_page()
    for name, schedule in EVERY.items():
        theirs = json.loads(
            page.evaluate(
                f"steps => JSON.stringify(steps.map({schedule.javascript}))", [int(k) for k in STEPS]
            )
        )
        np.testing.assert_allclose(theirs, schedule(STEPS), rtol=1e-13, atol=1e-17, err_msg=name)
    page.close()
    with pytest.raises(ValueError, match="has a value for every run"):
        inverse_sqrt(np.array([0.1, 0.2])).javascript  # noqa: B018


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: constant(0), ValueError, "learning rate η must be finite and more than 0"),
        (lambda: constant([0.1, -0.1]), ValueError, "more than 0"),
        (lambda: constant("fast"), TypeError, "must be a number"),
        (lambda: constant(abs), TypeError, "must be a number or an array"),
        (lambda: inverse_time(0.1, 0), ValueError, "the time t0 must be finite and more than 0"),
        (lambda: cosine(0.1, 0), ValueError, "steps must lie between 1"),
        (lambda: cosine(0.1, 2.5), TypeError, "steps must be a whole number"),
        (lambda: cosine(0.1, 10, low=0.2), ValueError, "low must not be more than η"),
        (lambda: cosine([0.1, 0.3], 10, low=0.2), ValueError, "low must not be more than η"),
        (lambda: cosine(0.1, 10, low=-1), ValueError, "low must be finite and at least 0"),
        (lambda: step_decay(0.1, 1.5, 10), ValueError, "the factor γ must be .* at most 1"),
        (lambda: step_decay(0.1, 0, 10), ValueError, "the factor γ must be finite and more than 0"),
        (lambda: step_decay(0.1, 0.5, 0), ValueError, "every must lie between 1"),
        (lambda: warm_up(0.1, 0), ValueError, "steps must lie between 1"),
        (lambda: warm_up(warm_up(0.1, 5), 5), ValueError, "has a warm-up already"),
        (lambda: constant(0.1)(0), ValueError, "must be at least 1, not 0"),
        (lambda: constant(0.1)("a"), TypeError, "the step t must be numbers"),
        (
            lambda: descend("saddle", [1.0, 0.0], steps=12, η=cosine(0.1, 10)),
            ValueError,
            "the learning rate η in step 11 must be finite and more than 0",
        ),
    ],
)
def test_bad_input_is_refused_with_a_sentence(make, error, words):
    with pytest.raises(error, match=words):
        make()
