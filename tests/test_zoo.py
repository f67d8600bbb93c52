"""`diagnose` on the zoo; and the zoo's labels, each by brute force: spectra, and how the run would go on.

Whoever changes a threshold of `diagnose` looks at one half only, pytest -k "not held", until it is settled.
"""

from functools import cache

import numpy as np
import pytest
from zoo import (
    BOUNCING,
    DESCENDING,
    DIVERGING,
    EXPLODING,
    LABELS,
    MINIMUM,
    NOISE,
    PLATEAU,
    SADDLE,
    UNDECIDED,
    VALLEY,
    VANISHING,
    ZOO,
)
from zoo_held_out import HELD_OUT

from helpers.curvature import central_hvp, lanczos
from helpers.diagnosis import diagnose
from helpers.optimizers import descend

HALVES = {"to tune on": ZOO, "held out": HELD_OUT}
BOTH = [*ZOO, *HELD_OUT]
OPTIONAL = {"loss", "sample_gradients", "batch", "hvp", "η", "losses", "layers"}
WHOLE = 600  # up to this d the whole Hessian is formed


def name(s):
    return f"{s}, held out" if s in HELD_OUT else str(s)


def of(*labels):
    return pytest.mark.parametrize("s", [s for s in BOTH if s.label in labels], ids=name)


# The labels


def products(given):
    return given.get("hvp") or (lambda θ, v: central_hvp(given["gradient"], θ, v))


@cache
def spectrum(s):
    """(λ, |uᵀg|): all eigenvalues and the gradient along each; where d is large those that Lanczos finds."""
    given = s.make()
    θ, hvp = given["θ"], products(given)
    if len(θ) > WHOLE:
        λ, u = lanczos(lambda v: hvp(θ, v), len(θ), 80, np.random.default_rng(0))
    else:
        H = np.stack([hvp(θ, e) for e in np.eye(len(θ))])
        assert np.abs(H - H.T).max() <= 1e-5 * np.abs(H).max()
        λ, u = np.linalg.eigh((H + H.T) / 2)
    return λ, u, given["gradient"](θ) @ u


def gain(s, share=1e-6):
    """What is still to be won downhill where the loss is convex: ½ Σ (uᵀg)²/λ over λ > share·max|λ|."""
    λ, _, along = spectrum(s)
    curved = λ > share * np.abs(λ).max()
    return (along[curved] ** 2 / λ[curved]).sum() / 2


def scale(s):
    """What the loss has varied by in the run, or would on the way from θ to the origin."""
    given = s.make()
    losses = np.asarray(given.get("losses", [0.0]))
    return max(np.ptp(losses), np.abs(spectrum(s)[0]).max() * (given["θ"] ** 2).sum() / 2)


def path(given, start, η, steps):
    """(θ, g) along gradient descent, (steps + 1, d) each."""
    run = descend(given["gradient"], start, steps=steps, η=η)
    return run.θ, np.stack([given["gradient"](θ) for θ in run.θ])


def fall(given, start, η, steps):
    """By how much the loss falls along gradient descent from `start`, by the trapezoidal rule for ∫ g·dθ."""
    θ, g = path(given, start, η, steps)
    return -((g[1:] + g[:-1]) / 2 * np.diff(θ, axis=0)).sum()


@pytest.mark.parametrize("half", HALVES)
def test_each_half_has_every_verdict_three_times(half):
    zoo = HALVES[half]
    assert len(zoo) >= 36
    assert min(sum(s.label == label for s in zoo) for label in LABELS) >= 3


def test_no_two_situations_are_the_same():
    assert len({s.name for s in BOTH}) == len({s.why for s in BOTH}) == len(BOTH)
    starts = [s.make()["θ"] for s in BOTH]
    assert all(
        a.shape != b.shape or not np.allclose(a, b) for k, a in enumerate(starts) for b in starts[:k]
    )


@of(*LABELS)
def test_what_is_handed_over_belongs_together(s):
    given = s.make()
    θ, gradient = given["θ"], given["gradient"]
    assert set(given) - {"θ", "gradient", "rng"} <= OPTIONAL
    assert θ.ndim == 1 and np.isfinite(θ).all()
    g = gradient(θ)
    assert g.shape == θ.shape and (gradient(θ) == g).all()
    v = np.random.default_rng(1).normal(size=θ.shape)
    v /= np.linalg.norm(v)
    size = max(1, np.linalg.norm(θ))
    h = 1e-5 * size
    if "loss" in given and s.label != DIVERGING:  # thrown out, a loss is rounded too much for a difference
        slope = (given["loss"](θ + h * v) - given["loss"](θ - h * v)) / (2 * h)
        curved = np.linalg.norm(gradient(θ + h * v) - gradient(θ - h * v)) / (2 * h)
        noise = 1e-16 * abs(given["loss"](θ)) / h
        assert slope == pytest.approx(v @ g, rel=1e-4, abs=1e-6 * curved * size + 10 * noise)
    if "hvp" in given:
        Hv, differences = given["hvp"](θ, v), central_hvp(gradient, θ, v, 1e-7 * size)
        assert np.linalg.norm(Hv - differences) < 1e-4 * np.linalg.norm(Hv) + 1e-7 * np.linalg.norm(g)
    if "sample_gradients" in given:
        rows = given["sample_gradients"](θ)
        assert rows.shape[1:] == θ.shape and len(rows) >= 30
        off = np.linalg.norm(rows.mean(axis=0) - g)
        spread = np.sqrt(rows.var(axis=0).sum() / len(rows))
        assert off < 1e-9 * (1 + np.linalg.norm(g)) if given.get("batch") else off < 3 * spread
    if "losses" in given and "loss" in given:
        last = [v for v in given["losses"] if np.isfinite(v)][-1]
        assert last == pytest.approx(float(given["loss"](θ)), rel=1e-9, abs=1e-12)
    if "layers" in given:
        places = np.concatenate([np.arange(len(θ))[part] for part in given["layers"].values()])
        assert (np.sort(places) == np.arange(len(θ))).all()


def newton_leads_to_rest(s):
    """A critical point is near: the Newton step takes away nearly all of the gradient that is left."""
    given = s.make()
    λ, u, along = spectrum(s)
    kept = np.abs(λ) > 1e-3 * np.abs(λ).max()
    left = given["gradient"](given["θ"] - u[:, kept] @ (along[kept] / λ[kept]))
    rounding = 1e-9 * np.abs(λ).max() * np.linalg.norm(given["θ"])
    return np.linalg.norm(left) < 0.1 * np.linalg.norm(along) + rounding


@of(SADDLE)
def test_a_saddle_is_left_along_its_negative_curvature_only(s):
    given = s.make()
    λ, u, along = spectrum(s)
    assert λ[0] < -0.01 * λ[-1]
    side = -np.sign(along[0]) or 1.0
    out = 0.05 * max(1, np.linalg.norm(given["θ"])) * side * u[:, 0]
    won = fall(given, given["θ"] + out, 0.1 / np.abs(λ).max(), 1500)
    assert won > 0
    assert gain(s) < 0.01 * won  # by gradient steps, where the loss rises
    assert along[λ < 0] ** 2 @ (1 / -λ[λ < 0]) < 0.01 * won  # as yet it is near the saddle
    assert newton_leads_to_rest(s)


@of(MINIMUM)
def test_a_minimum_curves_upwards_in_every_direction(s):
    λ, *_ = spectrum(s)
    assert λ[0] > 1e-3 * λ[-1]
    assert gain(s, 0) < 1e-6 * scale(s)
    assert newton_leads_to_rest(s) or len(λ) < len(s.make()["θ"])


@of(MINIMUM)
def test_a_minimum_is_sharp_where_the_rate_is_near_its_limit(s):
    given = s.make()
    if "η" in given and s.sharp is not None:
        limit = given["η"] * spectrum(s)[0][-1]
        assert limit > 1.7 if s.sharp else limit < 1.3


@of(VALLEY)
def test_a_valley_is_flat_and_no_way_leads_down(s):
    given = s.make()
    λ, _, along = spectrum(s)
    top = np.abs(λ).max()
    flat = np.abs(λ) < 1e-6 * top
    assert flat.any() and λ[0] > -1e-6 * top
    assert gain(s) < 1e-6 * scale(s)
    assert np.linalg.norm(along[flat]) * np.linalg.norm(given["θ"]) < 1e-6 * scale(s)
    losses = given.get("losses", [0.0])
    assert losses[-1] <= losses[0] + 1e-12 * abs(losses[0])


def scan(given, step=0.1, steps=80):
    """Loss, relative to θ, and |∇L| along steps of equal length downhill and uphill."""
    losses, slopes = [0.0], []
    for way in (-1, 1):
        θ, level = given["θ"], 0.0
        for _ in range(steps):
            g = given["gradient"](θ)
            slopes.append(np.linalg.norm(g))
            θ = θ + way * step * g / max(slopes[-1], 1e-300)
            level += way * step * slopes[-1]
            losses.append(level)
    return np.array(losses), np.array(slopes)


@of(PLATEAU)
def test_a_plateau_is_flat_beside_what_lies_around_it(s):
    given = s.make()
    around, slopes = scan(given)
    g = np.linalg.norm(given["gradient"](given["θ"]))
    assert slopes.max() > 50 * g
    assert slopes.max() > 2 * np.abs(spectrum(s)[0]).max() * 8  # more than the curvature here lets expect
    if "losses" in given:
        recent = np.asarray(given["losses"])[len(given["losses"]) // 2 :]
        assert 0 <= recent[0] - recent[-1] < 0.02 * np.ptp(around)
    down = given["gradient"](given["θ"]) / g
    ahead = [given["gradient"](given["θ"] - s * down) @ down for s in np.linspace(0, 1, 11)]
    assert min(ahead) > 0  # nothing holds it: the way down goes on


def turns(g):
    """The cosine between each gradient of a run and the next."""
    g = g / np.maximum(np.linalg.norm(g, axis=1, keepdims=True), 1e-300)
    return (g[1:] * g[:-1]).sum(axis=1)


@of(BOUNCING)
def test_bouncing_steps_reverse_and_a_smaller_rate_ends_them(s):
    given = s.make()
    θ, g = path(given, given["θ"], given["η"], 40)
    assert np.median(turns(g)) < -0.5
    assert np.linalg.norm(g[-1]) > 0.3 * np.linalg.norm(g[0])
    assert (g[0] @ g[0]) / np.abs(spectrum(s)[0]).max() > 1e-4 * scale(s)  # it is not at rest
    assert np.abs(θ).max() < 100 * np.abs(given["θ"]).max()
    slow = path(given, given["θ"], given["η"] / 8, 400)[1]
    assert np.linalg.norm(slow[-1]) < 0.3 * np.linalg.norm(g, axis=1).mean()


@of(NOISE)
def test_a_noise_ball_is_level_and_full_gradients_would_go_below_it(s):
    given = s.make()
    η = given.get("η") or 0.3 / spectrum(s)[0][-1]
    losses = given["losses"]
    first, second = losses[: len(losses) // 2], losses[len(losses) // 2 :]
    below = fall(given, given["θ"], η, 500)
    assert below > 0
    assert 0.2 < (np.diff(losses) > 0).mean() < 0.8
    assert abs(first.mean() - second.mean()) < 3 * losses.std() * np.sqrt(2 / _independent(losses))
    g = given["gradient"](given["θ"])
    if "sample_gradients" in given:
        rows = given["sample_gradients"](given["θ"])
        assert g @ g < 0.5 * rows.var(axis=0).sum() / given.get("batch", 1)
    assert η * spectrum(s)[0][-1] < 1.5


def _independent(losses):
    """How many independent values a stationary series is worth, from its autocorrelation."""
    off = losses - losses.mean()
    correlation = np.array([off[k:] @ off[: len(off) - k] for k in range(len(off) // 4)]) / (off @ off)
    until = int(np.argmax(correlation < 0)) or len(correlation)
    return len(losses) / (2 * correlation[:until].sum() - 1) / 2


@of(VANISHING, EXPLODING)
def test_gradients_change_from_layer_to_layer(s):
    given = s.make()
    g = given["gradient"](given["θ"])
    size = np.log10([np.sqrt((g[part] ** 2).mean()) for part in given["layers"].values()])
    depth = np.arange(len(size))
    slope = np.polyfit(depth, size, 1)[0] * depth[-1]
    assert abs(np.corrcoef(depth, size)[0, 1]) > 0.85
    assert slope > 2 if s.label == VANISHING else slope < -1.5


@of(DESCENDING)
def test_a_descent_goes_on_as_its_steps_promise(s):
    given = s.make()
    η, losses = given["η"], given["losses"]
    g = given["gradient"](given["θ"])
    step = fall(given, given["θ"], η, 1)
    assert 0.5 < step / (η * g @ g) < 1.5
    assert (np.diff(losses) < 0).mean() > 0.9
    tenth = -(len(losses) // 10) - 1
    assert losses[tenth] - losses[-1] > 0.002 * (losses[0] - losses[-1])  # and still does
    more = len(losses) - 1
    assert fall(given, given["θ"], η, more) > 0.2 * fall(given, given["θ"], η, 20 * more)
    assert fall(given, given["θ"], η, more) > 0.03 * (losses[0] - losses[-1])


@of(DIVERGING)
def test_a_divergence_grows(s):
    given = s.make()
    if "losses" in given:
        losses = np.asarray(given["losses"])
        start = losses[: len(losses) // 2]
        assert not np.isfinite(losses).all() or losses[-1] - losses[0] > 100 * np.ptp(start)
    if "losses" not in given or "sample_gradients" not in given:  # else it is noise that throws it out
        with np.errstate(over="ignore", invalid="ignore"):
            _, g = path(given, given["θ"], given["η"], 3)
        assert (np.diff(np.linalg.norm(g, axis=1)) > 0).all() or np.abs(g).max() > 1e6


@of(UNDECIDED)
def test_what_is_undecided_could_be_either(s):
    given = s.make()
    assert "η" not in given and "losses" not in given
    λ = spectrum(s)[0][-1]
    assert gain(s) > 0.02 * fall(given, given["θ"], 0.5 / λ, 500) > 0  # it is not at rest
    assert gain(s) > 1e-3 * scale(s)
    slow = path(given, given["θ"], 0.05 / λ, 20)[1]
    assert turns(slow).min() > 0.9  # one rate descends
    fast = [path(given, given["θ"], η, 10)[1] for η in (2 / λ, 5 / λ, 20 / λ)]
    assert min(turns(g).min() for g in fast) < 0  # others turn back


# The verdicts


@cache
def diagnosis(s):
    return diagnose(**s.make())


def confusion(zoo):
    """How often which verdict is given to which label: (labels, verdicts)."""
    table = np.zeros((len(LABELS), len(LABELS)), dtype=int)
    for s in zoo:
        table[LABELS.index(s.label), LABELS.index(diagnosis(s).verdict)] += 1
    return table


def as_text(table):
    """The table with the labels down the side and the verdicts in the same order along the top."""
    head = " " * 29 + "".join(f"{label[:8]:>9}" for label in LABELS)
    rows = (f"{label:29}" + "".join(f"{n or '·':>9}" for n in row)
            for label, row in zip(LABELS, table, strict=True))
    return "\n".join([head, *rows])


def wrong(zoo):
    return [f"{s}: {diagnosis(s).verdict}, {diagnosis(s).confidence} confidence"
            for s in zoo if diagnosis(s).verdict != s.label]


@pytest.mark.parametrize("half", HALVES)
def test_the_confusion_table(half, capsys):
    zoo = HALVES[half]
    right = len(zoo) - len(wrong(zoo))
    with capsys.disabled():
        print(f"\n\nThe half {half}: {right} of {len(zoo)} right; labels down, verdicts across")
        print(as_text(confusion(zoo)), *wrong(zoo), sep="\n")


def test_nine_of_ten_held_out_situations_are_right():
    decidable = [s for s in HELD_OUT if s.label != UNDECIDED]
    assert len(wrong(HELD_OUT)) <= 0.1 * len(HELD_OUT)
    assert len(wrong(decidable)) <= 0.1 * len(decidable)
    assert sum(diagnosis(s).verdict == UNDECIDED for s in decidable) <= 0.1 * len(decidable)


@of(SADDLE, MINIMUM)
def test_no_saddle_or_minimum_is_mistaken_with_confidence(s):
    assert diagnosis(s).verdict == s.label or diagnosis(s).confidence == "low"


@of(MINIMUM)
def test_sharp_minima_are_called_sharp(s):
    if diagnosis(s).verdict == MINIMUM and s.sharp is not None and "η" in s.make():
        assert diagnosis(s).sharp is s.sharp


def scaled(given, c):
    """The same run on the loss cL, with the rate η/c."""
    found = dict(given)
    for name in ("gradient", "loss", "sample_gradients"):
        if name in given:
            found[name] = lambda θ, f=given[name]: c * np.asarray(f(θ))
    if "hvp" in given:
        found["hvp"] = lambda θ, v: c * given["hvp"](θ, v)
    if "losses" in given:
        found["losses"] = c * np.asarray(given["losses"])
    if "η" in given:
        found["η"] = given["η"] / c
    return found


def rotated(given, rng):
    """The same run in other coordinates, θ → Qθ with a product Q of three reflections."""
    mirrors = rng.normal(size=(3, len(given["θ"])))
    mirrors /= np.linalg.norm(mirrors, axis=1, keepdims=True)

    def turn(v, mirrors=mirrors):
        for m in mirrors:
            v = v - 2 * (v @ m)[..., None] * m
        return v

    def back(v):
        return turn(v, mirrors[::-1])

    found = given | {"θ": turn(given["θ"]), "gradient": lambda θ: turn(given["gradient"](back(θ)))}
    if "loss" in given:
        found["loss"] = lambda θ: given["loss"](back(θ))
    if "sample_gradients" in given:
        found["sample_gradients"] = lambda θ: turn(given["sample_gradients"](back(θ)))
    if "hvp" in given:
        found["hvp"] = lambda θ, v: turn(given["hvp"](back(θ), back(v)))
    return found


@pytest.mark.parametrize("c", [1e-3, 1e3])
@of(*LABELS)
def test_the_unit_of_the_loss_does_not_matter(s, c):
    assert diagnose(**scaled(s.make(), c)).verdict == diagnosis(s).verdict


@of(*(label for label in LABELS if label not in (VANISHING, EXPLODING)))
def test_the_coordinates_do_not_matter(s):
    given = s.make()
    if "layers" not in given:
        assert diagnose(**rotated(given, np.random.default_rng(7))).verdict == diagnosis(s).verdict
