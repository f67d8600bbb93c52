"""Stalled runs: guess why from the loss alone, then see the landscape, the numbers and what remedies do."""

import functools
import math
import re
from dataclasses import dataclass

import numpy as np
import sympy as sp

from helpers import palette
from helpers.checks import count
from helpers.diagnosis import CHAPTERS, VERDICTS, diagnose
from helpers.explorers.explorer import Checked, Explorer, look, module
from helpers.explorers.landscape import Noise
from helpers.explorers.noise import normals
from helpers.landscapes import Landscape, landscape, ravine, styblinski_tang, w1, w2, worst_network, x, y
from helpers.optimizers import DIVERGED, RULES, D, UpdateRule, descend, g, v, β, η, θ, ξ

SEEN, MORE = 200, 200  # updates that the reader sees at first, and those with a remedy
LATEST = 100  # of them, of which the alt text speaks
DRAWN = 64  # noisy gradients that it is given
LITTLE = 0.05  # the variance of a little noise
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

noisy = UpdateRule("noisy momentum", "SGD with momentum", ((v, β * v + g + sp.sqrt(D) * ξ), (θ, θ - η * v)))

contradiction = Landscape(
    "contradiction", (1 - w1 * w2) ** 2 + sp.Rational(1, 4), (w1, w2), ((-2, 2), (-2, 2)),
    title="The worst network on clashing samples", lower_bound=0.25)
lifted = Landscape(
    "lifted", (styblinski_tang().expression + 80) / 80, (x, y), ((-4.2, 4.2), (-4.2, 4.2)),
    title="Four valleys, of which one is the deepest")
terrace = Landscape(
    "terrace", (2 - sp.tanh(x + 4) - sp.tanh(x - 4)) / 2 + y**2 / 20, (x, y), ((-6.5, 6.5), (-6.5, 6.5)),
    title="Two steps of tanh, with a terrace between them")
gutter = Landscape(
    "gutter", x**2 / 8 + 2 * sp.log(sp.cosh(2 * y)), (x, y), ((-4.5, 4.5), (-4.5, 4.5)),
    title="A gutter that falls gently along x", lower_bound=0)


@dataclass(frozen=True)
class Case:
    """A run that has stalled: the right verdict, where it happened, how, and why in a sentence.

    >>> [case.answer for case in CASES][:2]
    ['strict saddle', 'still descending']
    """

    answer: str
    landscape: Landscape
    start: tuple
    η: float
    elsewhere: tuple
    why: str
    D: float = 0.0  # variance of the gradient's noise, in each coordinate
    seed: int = 1


CASES = (
    Case("strict saddle", contradiction, (1.3, -1.30000004), 0.03, (-0.4, 1.7),
         "Along the way that the run came, the loss rises on both sides. Across it the loss falls."),
    Case("still descending", landscape("Rosenbrock"), (-1.2, 1.68), 0.001, (1.5, -0.5),
         "The valley is curved and its floor almost level: every update wins something, but little."),
    Case("bouncing", worst_network(), (0.1, 1.3), 0.66, (0.6, 1.2),
         "No noise is at work: each update leaps across the valley, and lands about as high behind it."),
    Case("local minimum", lifted, (0.9, 4.0), 0.25, (-0.6, -3.9),
         "All ways lead up. Lower valleys exist, but nothing at this place tells of them."),
    Case("noise ball", ravine(κ=5), (-1.2, -0.4), 0.1, (1.7, 1.2),
         "The slope leads to the middle, and the noise of the batches drives the run out again.",
         D=6.0, seed=5),
    Case("plateau", terrace, (-5.6, 4.0), 1.0, (2.2, -4.0),
         "Nothing holds the run. The next step down lies ahead, but here the slope is tiny."),
    Case("bouncing", gutter, (-4.2, 0.6), 0.35, (3.0, -2.4),
         "Two places at the same height take turns: the loss is level, and the run is not at rest."),
    Case("valley with flat directions", contradiction, (-0.4, 1.7), 0.012, (0.6, -1.8),
         "Across the valley the loss rises, and along it the loss is the same. This is the best there is."),
)


@dataclass(frozen=True)
class Remedy:
    """Something to try: what a button says, and the settings of a run that it changes.

    >>> REMEDIES["momentum"]
    Remedy(label='Momentum 0.9', rate=1.0, β=0.9, noise=0.0, restart=False)
    """

    label: str
    rate: float = 1.0
    β: float = 0.0
    noise: float = 0.0
    restart: bool = False


REMEDIES = {
    "noise": Remedy("A little noise", noise=LITTLE),
    "rate / 3": Remedy("Rate ÷ 3", rate=1 / 3),
    "rate / 10": Remedy("Rate ÷ 10", rate=1 / 10),
    "momentum": Remedy("Momentum 0.9", β=0.9),
    "new start": Remedy("A new start", restart=True),
}
SUGGESTED = {"strict saddle": "noise", "bouncing": "rate / 3", "noise ball": "rate / 10",
             "local minimum": "new start", "plateau": "momentum", "still descending": "momentum",
             "valley with flat directions": None}
ANSWERS = tuple(verdict for verdict in VERDICTS if verdict in SUGGESTED)


def _descend(case, start, η, β, D, seed, steps):
    land, noise = case.landscape, Noise(seed, steps)
    if D:
        return descend(land, start, noisy, steps, rng=noise, η=η, β=β, D=D)
    return descend(land, start, "momentum", steps, η=η, β=β)


@functools.cache
def _run(k):
    case = CASES[k - 1]
    return _descend(case, case.start, case.η, 0.0, case.D, case.seed, SEEN)


@functools.cache
def _cured(k, name):
    case, remedy = CASES[k - 1], REMEDIES[name]
    start = case.elsewhere if remedy.restart else tuple(_run(k).end)
    return _descend(case, start, case.η * remedy.rate, remedy.β, case.D + remedy.noise, case.seed + 1, MORE)


@functools.cache
def _report(k):
    case, run, more = CASES[k - 1], _run(k), {}
    land = case.landscape
    if case.D:
        rows = math.sqrt(case.D) * normals(case.seed + 2, DRAWN, 2)
        more["sample_gradients"] = lambda θ: land.gradient(θ) + rows
    return diagnose(run.end, land.gradient, loss=land.loss, η=case.η, losses=run.loss,
                    rng=np.random.default_rng(0), **more)


def _one_of(name, known):
    def check(_, value):
        if value is not None and value not in known:
            raise ValueError(f"{name} must be None or one of {', '.join(map(repr, known))}, not {value!r}")
        return value

    return Checked(check)


class GuessExplorer(Explorer):
    """Eight stalled runs: from the loss alone, guess why; then the landscape opens.

    A case shows the loss of `SEEN` updates, and `answers` to choose from. After a guess there are the map
    with the path, what `diagnose` measured at its end, and remedies, each of which continues the run. The
    page keeps the score.

    Traits: `case`, its number from 1; `guess`, one of `answers`, or None before it; `remedy`, one of
    "noise", "rate / 3", "rate / 10", "momentum", "new start", or None; `step`, the update that is marked on
    the curve and the map. Another case starts without a guess, a guess without a remedy.

    `answer` is the right one, `report(case)` the Diagnosis, `run` and `cured` are the Descents before and
    after the remedy.

    Raises ValueError or TypeError for settings that make no sense.

    >>> explorer = GuessExplorer(case=7, guess="local minimum")
    >>> explorer.answer, explorer.report().verdict
    ('bouncing', 'bouncing')
    """

    kind = "guess"
    _esm = module(kind)
    poster_size = (7.0, 3.4)

    case = Checked(lambda _, value: count(value, "case", 1, len(CASES)), 1)
    guess = _one_of("guess", ANSWERS)
    remedy = _one_of("remedy", tuple(REMEDIES))
    step = Checked(lambda _, value: count(value, "step", 0, SEEN + MORE), SEEN)

    def __init__(self, *, case=1, guess=None, remedy=None, step=None, caption="", alt=""):
        step = SEEN + MORE * (remedy is not None) if step is None else step
        super().__init__(case=case, guess=guess, remedy=remedy, step=step, caption=caption, alt=alt)
        self.alt = self.alt or self._describe()
        self.spec = _spec()
        self.observe(self._turn, "case")
        self.observe(self._open, "guess")
        self.observe(self._treat, "remedy")

    def _set(self, **values):
        for name in set(values) - self._told:
            setattr(self, name, values[name])

    def _turn(self, _):
        self._set(guess=None, remedy=None, step=SEEN)

    def _open(self, change):
        self._set(remedy=None)

    def _treat(self, change):
        self._set(step=SEEN + MORE * (change.new is not None))

    @property
    def cases(self):
        """How many cases there are."""
        return len(CASES)

    @property
    def answers(self):
        """The answers to choose from."""
        return ANSWERS

    @property
    def answer(self):
        """The right answer."""
        return CASES[self.case - 1].answer

    @property
    def run(self):
        """The run that has stalled, a Descent."""
        return _run(self.case)

    @property
    def cured(self):
        """How it goes on with the remedy, a Descent; None without one."""
        return None if self.remedy is None else _cured(self.case, self.remedy)

    def report(self, case=None):
        """What `diagnose` finds at the end of a case; of this one if none is given."""
        return _report(self.case if case is None else count(case, "case", 1, len(CASES)))

    def settings(self):
        last = SEEN + MORE * (self.remedy is not None)
        return [], {"case": (self.case, 1), "guess": (self.guess, None), "remedy": (self.remedy, None),
                    "step": (self.step, last)}

    def _describe(self):
        """Alt text: what is seen before the guess, and no more."""
        L = self.run.loss
        low, high = (f"{v:.3g}" for v in (L[-LATEST:].min(), L[-LATEST:].max()))
        late = f"it stays at {low}" if low == high else f"it lies between {low} and {high}"
        return (f"The loss of a run in {SEEN} updates: it begins at {L[0]:.2g}, and in the last {LATEST} "
                f"updates {late}. Below it, answers to choose from: {', '.join(ANSWERS)}.")

    def draw(self, figure):
        """The poster: the loss, and the answers. Nothing is given away."""
        ax = figure.add_axes((0.075, 0.36, 0.91, 0.62))
        L = self.run.loss
        ax.plot(L, color=palette.INK[0], linewidth=1.6)
        ax.set(xlim=(0, SEEN), xlabel="update", ylabel="loss")
        ax.tick_params(colors=palette.SOFT[0], labelsize=8, length=2)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["bottom", "left"]].set_color(palette.LINE[0])
        place, row = 0.075, 0.16
        for answer in ANSWERS:
            wide = 0.012 + 0.0096 * len(answer)
            if place + wide > 0.99:
                place, row = 0.075, row - 0.12
            figure.text(place, row, answer, fontsize=9, color=palette.SOFT[0], va="center", bbox={
                "boxstyle": "round,pad=0.4,rounding_size=0.9", "facecolor": "none",
                "edgecolor": palette.LINE[0]})
            place += wide + 0.03
        return True


@functools.cache
def _spec():
    """What only the browser needs: the cases with their code and reports, the answers and the remedies."""
    cases, lands = [], {}
    for k, case in enumerate(CASES, 1):
        land = case.landscape
        if land.name not in lands:
            lands[land.name] = {"title": land.title, "labels": land.labels, "domain": land.domain,
                                "javascript": land.javascript}
        cases.append({"answer": case.answer, "landscape": land.name, "start": list(case.start), "η": case.η,
                      "D": case.D, "seed": case.seed, "elsewhere": list(case.elsewhere), "why": case.why,
                      "report": _plain(_report(k))})
    remedies = [{"name": name, **vars(remedy)} for name, remedy in REMEDIES.items()]
    rules = {name: {"javascript": rule.javascript, "initial": rule.initial, "hyper": list(rule.defaults)}
             for name, rule in (("plain", RULES["momentum"]), ("noisy", noisy))}
    looks = {part: look(RULES[name]) | {"colour": list(palette.RULE[name])}
             for part, name in (("seen", "gradient descent"), ("more", "momentum"))}
    return {"cases": cases, "landscapes": lands, "answers": list(ANSWERS), "remedies": remedies,
            "suggested": SUGGESTED, "rules": rules, "looks": looks, "seen": SEEN, "more": MORE,
            "limit": DIVERGED}


def _powers(words):
    """Words with 1.8e+02 as 180 and 9.1e+09 as 9.1·10⁹.

    >>> _powers("between 1.8e+02 and 3e-07")
    'between 180 and 3·10⁻⁷'
    """
    def written(found):
        number, power = found[1], int(found[2])
        if 0 < power < 4:
            return f"{float(found[0]):.0f}"
        return f"{number}·10{str(power).translate(RAISED)}"

    return re.sub(r"(\d(?:\.\d+)?)e([+-]\d+)", written, words)


def _plain(report):
    """A Diagnosis as plain JSON."""
    numbers = [{"name": name, "value": value if math.isfinite(value) else None, "threshold": threshold,
                "meaning": meaning.replace("`", ""), "decisive": name in report.decisive}
               for name, (value, threshold, meaning) in report.numbers.items()]
    return {"verdict": report.verdict, "confidence": report.confidence, "numbers": numbers,
            "reasons": [_powers(reason) for reason in report.reasons], "try": report.try_this,
            "chapter": report.chapter, "title": CHAPTERS[report.chapter], "cost": report.cost["total"]}
