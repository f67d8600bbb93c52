"""Why does a run not get on? From gradients that anyone can compute to a verdict, with its numbers.

`diagnose` measures a few numbers without units and decides by a short list of rules. Below, g = ∇L(θ), H is
the Hessian, known by its products alone, λ₁ its lowest curvature with eigenvector u₁, λ its largest curvature
in size, C the covariance of one update's gradient, and R the length that parameters have: the larger of |θ|
and of the way that the losses tell of, Σ√(η·fall of an update), but 1 where both are less.

    number        what is measured                                      threshold  beyond it
    growth        the losses' rise / their range in the first quarter          10  diverging
    layers        |g| a parameter, first layer / last, as a straight line       30  exploding; 1/30: vanishing
    turn          1 − g′·g/|g|², where g′ is the gradient one step on         1.5  each step undoes the last
    sharpness     ηλ                                                            2  no such minimum can hold
    noise         ½η tr(HC) / (1 − turn/2)|g|²: loss by noise / gain            ¼  noise ball
    fall          of the losses, in their last half / their range            0.01  still descending
    rises         how often the loss moves up, when it moves                  0.2  noise, or a large rate
    way           length of the Newton step / R                              0.05  within: critical point near
    miss          slope after it, or where that along g should end / |g|      0.2  within: it is there
    lowest        λ₁/λ                                                     −0.001  below: negative curvature
                                                                           0.0002  within: flat directions
    promise       what a walk along ±u₁ wins / what the slopes promise         10  the saddle holds the run
    steepness     largest |∇L| within 2R, along ±g / |g|                       10  plateau, together with
    bend          largest |∇L − g| / distance, there / curvature along g        3  the curvature further out

At rest g is rounding; then `layers` looks at the rows of `sample_gradients`, or else at products Hv. With
ReLU, weights that are too large in all layers make all gradients large alike, so that `layers` shows
nothing: such a run bounces or diverges.

None of them changes when L becomes cL + c′ and η becomes η/c, or when θ is turned. For `fall`, the range of
the losses counts as 1/500 of the relief at least, by how much L changes along ±g within 2R, where L bends
there: on a plain they have seen little of their surroundings. Where L does not bend, their range counts as
twice the relief at most: it may be that of a wall, long ago. A trend among losses that jump must be four
times its standard error, and among fewer than 32 of them none is believed.

That R is at least 1 is a guess, and the only place where the unit of θ comes in. Confidence in what hangs on
it is high only where |θ| or the way is more than R/4, or the curvature along g changes between R/16 and 2R,
or |g| is the rounding of zero. It is low, too, where two scales disagree: where losses fall by a good part of
their range and by next to nothing of the relief, or a plain has curvatures for which η is large.

Some thresholds follow from theory. A step −ηg that meets the curvature λ multiplies the gradient by 1 − ηλ,
and turn = 2 returns to where it came from. The noise is 1 on average where the loss of SGD is stationary.
The Newton step leaves ¼ of the slope at the degenerate zero of
x³, 1/e on the tail of tanh where nothing is to be found, and less than ⅛ where the Hessian changes by less
than ¼ on the way (Kantorovich's condition). The others say what counts as orders of magnitude.
"""

import math
import textwrap
from dataclasses import dataclass, field

import numpy as np

from helpers.checks import count, number

GROWTH, LAYERS, TURN, SHARPNESS, NOISE, FALL, RISES = 10, 30, 1.5, 2, 0.25, 0.01, 0.2
BESIDE, SHORT = 1 / 500, 32  # of the relief, as range of the losses; losses that show no trend in their jumps
WAY, MISS, LOWEST, FLAT, PROMISE, STEEPNESS, BEND = 0.05, 0.2, -1e-3, 2e-4, 10, 10, 3

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
    "diverging": (6, "Go back to the last good parameters and divide the learning rate by ten."),
    "exploding gradients": (8, "Start again from smaller weights, or clip the gradient."),
    "bouncing": (6, "Divide the learning rate by three."),
    "noise ball": (4, "Divide the learning rate by ten, or take larger batches."),
    "vanishing gradients": (8, "Start again from weights that keep the size of signals (Xavier, He)."),
    "strict saddle": (3, "Step along the direction of negative curvature, or add a little noise once."),
    "local minimum": (7, "Stop here, or start again from elsewhere: nothing near is lower."),
    "valley with flat directions": (2, "Stop here; where the valley is flat, validation data may choose."),
    "plateau": (8, "Take longer steps until the loss moves: momentum, or rates that adapt to small slopes."),
    "still descending": (5, "Go on. Momentum makes it faster."),
    "undecided": (9, "Make the measurement that is missing, and ask again."),
}
"""What `diagnose` can say, in its order of precedence: the chapter to read, and one thing to try."""

DECISIVE = {
    "diverging": ("growth", "turn"),
    "exploding gradients": ("layers",),
    "bouncing": ("turn", "sharpness", "rises"),
    "noise ball": ("noise", "rises", "fall"),
    "vanishing gradients": ("layers",),
    "strict saddle": ("lowest", "promise"),
    "local minimum": ("way", "miss", "lowest"),
    "valley with flat directions": ("way", "miss", "lowest"),
    "plateau": ("fall", "steepness", "bend"),
    "still descending": ("fall",),
    "undecided": (),
}
"""The numbers that speak for each verdict."""

MEANING = {
    "growth": (GROWTH, "rise of the losses / their range in the first quarter; above: diverging"),
    "layers": (LAYERS, "slope of the first layer / of the last; above: exploding, below 1/30: vanishing"),
    "turn": (TURN, "η × curvature along the steps that come; above: each step undoes the last"),
    "sharpness": (SHARPNESS, "η × largest curvature; above: no minimum as sharp as this holds the run"),
    "noise": (NOISE, "what an update loses by noise / what it gains by slope; above: noise ball"),
    "noise / signal": (1, "mean square of the noise of an update / of the gradient"),
    "fall": (FALL, "fall of the losses in their last half / their range; above: still descending"),
    "rises": (RISES, "how often the loss goes up, when it moves; above: noise, or too large a rate"),
    "way": (WAY, "length of the Newton step / length of θ; below: a critical point would be near"),
    "miss": (MISS, "gradient left after the Newton step; below: a critical point is there"),
    "lowest": (LOWEST, "lowest curvature / largest; below: saddle; above 0.0002: minimum; between: flat"),
    "promise": (PROMISE, "gain along negative curvature / gain that slopes promise; above: saddle"),
    "steepness": (STEEPNESS, "steepest slope further out / here; above: plateau, with `bend`"),
    "bend": (BEND, "curvature further out / here; above: plateau, with `steepness`"),
}


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What `diagnose` found: `print` shows it, `figures.diagnosis` draws it.

    `verdict` is a key of VERDICTS, `confidence` "high" or "low". `numbers` maps the name of a measurement to
    (value, threshold, meaning), `decisive` names those that decided, `reasons` are sentences. `sharp` says of
    a minimum whether ηλ is above 1.5, near the limit of 2; it is None where η is not known, and at everything
    else. `cost` counts the evaluations, "total" in gradients: a Hessian-vector product counts two. `missing`
    are measurements that would decide. `curves` holds what a figure shows: losses, curvatures, and the slope
    by layer, the root mean square of its part of the gradient.

    >>> report = diagnose([0.0], lambda θ: 2 * θ, rng=np.random.default_rng(0))
    >>> report.verdict, report.confidence, report.cost["total"] <= 100
    ('local minimum', 'high', True)
    """

    verdict: str
    confidence: str
    numbers: dict
    reasons: list
    sharp: bool | None = None
    cost: dict = field(default_factory=dict)
    missing: list = field(default_factory=list)
    curves: dict = field(default_factory=dict)

    @property
    def decisive(self):
        """The names of the numbers that decided."""
        return [name for name in DECISIVE[self.verdict] if name in self.numbers]

    @property
    def chapter(self):
        """The number of the chapter to read."""
        return VERDICTS[self.verdict][0]

    @property
    def try_this(self):
        """One thing to try."""
        if self.verdict == "local minimum" and self.sharp:
            return "Divide the learning rate by two: at this rate the minimum barely holds the run."
        return VERDICTS[self.verdict][1]

    def __str__(self):
        sharp = {True: ", sharp for this rate", False: ", not sharp for this rate", None: ""}[self.sharp]
        lines = [f"{self.verdict}{sharp} ({self.confidence} confidence)", *self.reasons]
        if self.numbers:
            lines += ["", f"  {'':14}{'here':>11}{'threshold':>11}"]
        for name in sorted(self.numbers, key=lambda name: name not in self.decisive):
            value, threshold, meaning = self.numbers[name]
            mark = ">" if name in self.decisive else " "
            lines.append(f"{mark} {name:14}{value:11.3g}{threshold:11g}")
            lines += [f"    {meaning}"] * (mark == ">")
        lines += [""] * bool(self.numbers)
        lines += [f"Would decide: {measurement}." for measurement in self.missing]
        lines += [f"Try: {self.try_this}", f"Read: chapter {self.chapter}, {CHAPTERS[self.chapter]}."]
        lines.append(f"Cost: {self.cost['total']} gradient evaluations.")
        return "\n".join(_wrapped(line) for line in lines)


def _wrapped(line, width=76):
    """A line of the report in lines that fit a page; those that go on are indented as it is."""
    return textwrap.fill(line, width, subsequent_indent=line[: len(line) - len(line.lstrip())])


def cost(budget=100, *, loss=False, sample_gradients=False, hvp=False, η=False):
    """At most how many evaluations a diagnosis takes, said beforehand: {name: number}.

    The keywords say what will be given. A Hessian-vector product counts as two gradients in "total", the
    call of `sample_gradients` as one, and losses are not counted.

    >>> cost()
    {'gradient': 99, 'hvp': 0, 'sample_gradients': 0, 'loss': 0, 'total': 99}
    >>> cost(hvp=True, η=True)
    {'gradient': 35, 'hvp': 32, 'sample_gradients': 0, 'loss': 0, 'total': 99}
    """
    gradients, products = _plan(budget, loss, sample_gradients, hvp, η)
    used = {
        "gradient": gradients if hvp else gradients + 2 * products,
        "hvp": products if hvp else 0,
        "sample_gradients": int(bool(sample_gradients)),
        "loss": 4 * bool(loss),
    }
    return used | {"total": gradients + 2 * products + used["sample_gradients"]}


def _plan(budget, loss, sample_gradients, hvp, η):
    """How many gradients the measurements take, and how many Hessian-vector products remain."""
    budget = count(budget, "budget", 60)
    slope, newton, walk, around = 2, 2, 7, 12
    gradients = slope + newton + walk + around + 8 * bool(η) + 6 * bool(loss) + 4 * bool(hvp)
    return gradients, (budget - gradients - bool(sample_gradients)) // 2


def diagnose(θ, gradient, *, loss=None, sample_gradients=None, batch=1, hvp=None, η=None, losses=None,
             layers=None, rng, budget=100):
    """Why does a run not get on? A Diagnosis of the parameters θ (d,) that it has now.

    `gradient(θ)` (d,) of the whole training loss is all that it needs. The more of the rest is given, the
    more it can tell apart:

    - `loss(θ)`, the training loss, a number: then the gradient is checked against it;
    - `sample_gradients(θ)` (n, d): n independent gradients, of samples or of minibatches, whose mean
      estimates ∇L; `batch` says how many of these rows one update of the run averages: 1 where the rows are
      its minibatches, B where they are samples and its batches hold B;
    - `hvp(θ, v)` (d,): Hessian-vector products; otherwise they are made of gradient differences;
    - `η`: the learning rate of a run θ ← θ − η·(gradient);
    - `losses` (n,): the latest training losses, one per update or per fixed number of updates;
    - `layers`: {name: slice or index array} into θ, from the input to the output.

    `rng` is a numpy Generator, `budget` the number of gradient evaluations that may be spent: see `cost`.
    Memory: some 90 vectors of d numbers, and the rows of `sample_gradients`
    three times.

    Raises TypeError or ValueError, with one sentence, for what does not fit together: shapes, NaN, a gradient
    that is no function of θ alone, or not that of the loss.

    >>> from helpers.landscapes import landscape
    >>> from helpers.optimizers import descend
    >>> saddle, rng = landscape("saddle"), np.random.default_rng(0)
    >>> run = descend(saddle, [1.7, 1e-6], steps=40, η=0.1)
    >>> report = diagnose(run.end, saddle.gradient, η=0.1, losses=run.loss, rng=rng)
    >>> report.verdict, report.confidence, report.chapter
    ('strict saddle', 'high', 3)
    """
    run = _Run(θ, gradient, loss, sample_gradients, batch, hvp, η, losses, layers, rng, budget)
    m = {"diverged": False}
    with np.errstate(all="ignore"):  # what is not finite is looked for
        _history(run, m)
        for measure in () if m["diverged"] else MEASURES:
            measure(run, m)
    verdict, sure, reason, missing = _decide(m)
    numbers = {name: (float(m[name]), *MEANING[name]) for name in MEANING if name in m}
    sharp = bool(m["sharpness"] > TURN) if verdict == "local minimum" and "sharpness" in m else None
    curves = {name: m[name] for name in ("losses", "curvatures", "layer norms") if name in m}
    return Diagnosis(verdict, "high" if sure else "low", numbers, [reason], sharp, run.cost, missing, curves)


# What the reader gives, checked and counted


class _Run:
    def __init__(self, θ, gradient, loss, sample_gradients, batch, hvp, η, losses, layers, rng, budget):
        if gradient is None:
            raise TypeError("a diagnosis needs gradient, a function θ (d,) -> ∇L(θ) (d,), but there is none")
        given = {"gradient": gradient, "loss": loss, "sample_gradients": sample_gradients, "hvp": hvp}
        for name, function in given.items():
            if function is not None and not callable(function):
                raise TypeError(f"{name} must be a function of θ, not {type(function).__name__}")
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
        self.functions, self.rng = given, rng
        self.θ, self.ε = _real(θ, "θ").astype(np.float64), np.finfo(np.float64).eps  # of the gradient's kind
        if self.θ.ndim != 1 or not self.θ.size:
            raise ValueError(f"θ must have shape (d,), all parameters in one vector, not {self.θ.shape}")
        self.d = self.θ.size
        self.batch = count(batch, "batch", 1)
        self.η = None if η is None else number(η, "η", 0, above=True)
        self.losses = None if losses is None else _losses(losses)
        self.travelled = _travelled(self.losses, self.η)
        self.known = max(float(np.linalg.norm(self.θ)), self.travelled)
        self.R = max(1.0, self.known)
        self.layers = None if layers is None else _slices(layers, self.d)
        extras = [given[name] is not None for name in ("loss", "sample_gradients", "hvp")]
        _, products = _plan(budget, *extras, η is not None)
        self.products = products - 4 * extras[1] - extras[2]  # for the noise, and to check hvp
        self.cost = dict.fromkeys(("gradient", "hvp", "sample_gradients", "loss", "total"), 0)
        self.rows = None

    def _spend(self, name, price):
        self.cost[name] += 1
        self.cost["total"] += price

    def gradient(self, θ):
        """∇L at one point."""
        self._spend("gradient", 1)
        g = _real(self.functions["gradient"](θ.copy()), "gradient(θ)")
        if g.shape != θ.shape:
            raise ValueError(f"gradient(θ) must have the shape {θ.shape} of θ, not {g.shape}")
        if g.dtype in (np.float16, np.float32):
            self.ε = max(self.ε, float(np.finfo(g.dtype).eps))
        return g.astype(np.float64)

    def loss(self, θ):
        """L at one point."""
        self._spend("loss", 0)
        L = _real(self.functions["loss"](θ.copy()), "loss(θ)")
        if L.size != 1:
            raise ValueError(f"loss(θ) must be one number, not an array of shape {L.shape}")
        return float(L.reshape(()))

    def difference(self, v, h):
        """Hv for a v of length 1, from gradients."""
        return (self.gradient(self.θ + h * v) - self.gradient(self.θ - h * v)) / (2 * h)

    def product(self, v):
        """Hv for a v of length 1."""
        if self.functions["hvp"] is None:
            return self.difference(v, self.ε**0.4 * self.R)
        self._spend("hvp", 2)
        w = _real(self.functions["hvp"](self.θ.copy(), v.copy()), "hvp(θ, v)")
        if w.shape != v.shape:
            raise ValueError(f"hvp(θ, v) must have the shape {v.shape} of v, not {w.shape}")
        return w.astype(np.float64)

    def direction(self):
        """A random direction."""
        v = self.rng.standard_normal(self.d)
        return v / np.linalg.norm(v)


def _real(given, name):
    """An array of real numbers, of whatever library."""
    try:
        numbers = np.asarray(given)
        if numbers.dtype.kind == "O":
            numbers = np.array([float(number) for number in numbers])
        if numbers.dtype.kind not in "biuf":
            raise TypeError(f"no real numbers: {numbers.dtype}")
    except (TypeError, ValueError, RuntimeError) as error:
        kind = "nothing" if given is None else type(given).__name__
        raise TypeError(f"{name} must be real numbers that NumPy can read, but it is {kind}") from error
    return numbers


def _losses(losses):
    L = _real(losses, "losses").astype(np.float64)
    if L.ndim != 1 or not L.size:
        raise ValueError(f"losses must have shape (n,), one number after another, not {L.shape}")
    broken = np.flatnonzero(~np.isfinite(L))
    if broken.size and broken[-1] < L.size - 1:
        L = L[broken[-1] + 1 :]  # it has recovered since
    return L


def _travelled(L, η):
    """How far the run came in these losses: η|g|² is what a step wins, and √(η·η|g|²) how long it is."""
    if L is None or η is None or not np.isfinite(L).all():
        return 0.0
    won = -np.diff(np.minimum.accumulate(L))  # new lows only: up and down is no way
    return float(np.sqrt(η * won).sum())


def _slices(layers, d):
    if not isinstance(layers, dict) or not layers:
        raise TypeError("layers must be a dict {name: slice or index array}, from the input to the output")
    for name, part in layers.items():
        try:
            size = np.empty(d, dtype=bool)[part if isinstance(part, slice) else np.asarray(part)].size
        except (IndexError, TypeError) as error:
            raise ValueError(f"layer {name!r} must be a slice or an array of indices below {d}") from error
        if not size:
            raise ValueError(f"layer {name!r} must hold at least one of the {d} parameters, but it is empty")
    return layers


# Measurements: each adds its numbers to m


def _history(run, m):
    """The losses: do they fall, jump, or grow?"""
    L = run.losses
    if L is None:
        return
    m["losses"], m["diverged"] = L, not np.isfinite(L).all()
    n = len(L)
    if m["diverged"] or n < 8:
        return
    largest = np.abs(L).max() or 1.0
    above, tenth = L - L.min(), max(1, n // 10)
    early = np.ptp(L[: max(2, n // 4)]) + 1e-12 * largest
    m["growth"] = above[-tenth:].mean() / early
    grows = above[-tenth:].mean() > 1.3 * above[-2 * tenth : -tenth].mean()
    m["diverged"] = bool(m["growth"] > GROWTH and grows)
    m["range"] = float(np.ptp(L))


def _line(y):
    """Slope of the straight line through y₀, y₁, …, and its standard error."""
    t = np.arange(len(y)) - (len(y) - 1) / 2
    slope = t @ y / (t @ t)
    left = y - y.mean() - slope * t
    return slope, math.sqrt(left @ left / max(1, len(y) - 2) / (t @ t))


def _drift(y):
    """Standard error of the rise of a line through y, whose deviations are correlated with the next ones."""
    slope, error = _line(y)
    left = y - y.mean() - slope * (np.arange(len(y)) - (len(y) - 1) / 2)
    ρ = np.clip(left[1:] @ left[:-1] / max(left @ left, 1e-300), 0, 0.9)
    return len(y) * error * math.sqrt((1 + ρ) / (1 - ρ))


def _slope(run, m):
    """The gradient here, twice."""
    if not np.isfinite(run.θ).all():
        raise ValueError("θ must be finite, but it contains NaN or infinity; give the last θ that was finite")
    run.g, again = run.gradient(run.θ), run.gradient(run.θ)
    if not np.isfinite(run.g).all():
        raise ValueError("gradient(θ) must be finite, but it contains NaN or infinity at the θ given")
    size = np.linalg.norm(run.g)
    apart = np.linalg.norm(again - run.g)
    if apart > max(1e-8, 100 * run.ε) * size and _random(run):
        raise ValueError(
            f"gradient must be a function of θ alone, but two calls at one θ differ by {apart / size:.1%}; "
            "give it all samples or one fixed batch, without dropout"
        )
    m["|g|"], m["R"] = float(size), run.R


def _random(run):
    """Does the gradient also change from call to call where it is not the rounding of zero?"""
    run.products -= 1
    at = run.θ + 1e-3 * run.R * run.direction()
    first, second = run.gradient(at), run.gradient(at)
    return np.linalg.norm(second - first) > max(1e-8, 100 * run.ε) * np.linalg.norm(first)


def _by_layer(run, m):
    """How the gradient grows or fades from layer to layer."""
    if run.layers is None:
        return
    parts = [part if isinstance(part, slice) else np.asarray(part) for part in run.layers.values()]

    def sizes(rows):
        return np.array([np.sqrt(np.mean(rows[:, part] ** 2)) for part in parts])

    norms = sizes(run.g[None] if run.rows is None else run.rows)  # rows do not vanish where their mean does
    if run.rows is None and (m["rounding"] or m.get("close", False)):
        loud = m["|g|"] * m["R"] > 1e-12 * m["scale"] and norms[0] > LAYERS * norms[-1]
        norms = norms if loud else sizes(run.spread[None])  # nor does Hv
    m["layer norms"] = dict(zip(run.layers, norms.tolist(), strict=True))
    if len(norms) >= 4 and norms.max() > 0:
        logs = np.log(np.maximum(norms, 1e-30 * norms.max()))
        slope, _ = _line(logs)
        m["layers"] = math.exp(-slope * (len(logs) - 1))
        m["layers line"] = abs(np.corrcoef(np.arange(len(logs)), logs)[0, 1]) if np.ptp(logs) else 0.0


def _ahead(run, m):
    """The next steps of plain gradient descent: do they reverse, do they grow?"""
    if run.η is None:
        return
    θ, g, turns, cosines, norms = run.θ, run.g, [], [], [m["|g|"]]
    for _ in range(8):
        θ = θ - run.η * g
        new = run.gradient(θ)
        norms.append(float(np.linalg.norm(new)))
        if not np.isfinite(norms[-1]) or not norms[-2]:
            break
        turns.append(1 - new @ g / norms[-2] ** 2)
        cosines.append(new @ g / (norms[-1] * norms[-2]) if norms[-1] else 0.0)
        g = new
    m["turn"] = float(np.median(turns)) if turns else math.inf if norms[0] else 0.0
    m["back"] = bool(cosines) and float(np.median(cosines)) < -0.5
    m["first turn"], m["turns ahead"] = (turns[0], max(turns)) if turns else (m["turn"],) * 2
    m["stretch"] = norms[-1] / norms[0] if norms[0] else 0.0
    if not np.isfinite(m["stretch"]):
        m["stretch"] = math.inf


def _check(run, m):
    """Is the gradient that of the loss, and hvp its derivative?"""
    u = run.direction()  # it meets what g leaves out
    downhill = -run.g / (m["|g|"] or 1)
    mixed = downhill + (u if u @ downhill >= 0 else -u)
    if run.functions["loss"] is not None:
        m["loss"] = run.loss(run.θ)
        if not np.isfinite(m["loss"]):
            raise ValueError("loss(θ) must be finite, but it is NaN or infinite at the θ given")
        if wrong := _mismatch(run, m["loss"], (mixed / np.linalg.norm(mixed), u)):
            raise ValueError(
                "gradient does not match loss: along a short line the loss changes by "
                f"{wrong[0]:.3g}, and by {wrong[1]:.3g} according to the gradient"
            )
    if run.functions["hvp"] is not None:
        w = run.product(u)
        size = np.linalg.norm(w)
        lengths = run.R * run.ε ** (1 / 3), run.R * run.ε ** (2 / 3)
        long, short = (run.difference(u, h) for h in lengths)
        near = [np.linalg.norm(long - w), np.linalg.norm(short - w)]
        rounding = np.cbrt(run.ε) * m["|g|"] / run.R
        known = not np.linalg.norm(long - short) > 0.1 * np.linalg.norm(short) + 10 * rounding
        if known and not min(near) <= 0.1 * size + 10 * rounding:
            raise ValueError(
                "hvp does not match gradient: Hv differs from the derivative of the gradient along v by "
                f"{min(near) / size if size else math.inf:.0%}"
            )


def _mismatch(run, start, ways):
    """(rise of the loss, rise that the gradient says) on a short line, where both are known and differ."""
    lengths, tries, k = run.R * np.array([1e-2, 1e-6, 1e-10]), 3, 0
    for u in ways:
        wrong = None
        while tries and k < 3:
            r, tries, k = lengths[k], tries - 1, k + 1
            rise = run.loss(run.θ + r * u) - start
            first, middle, last = run.g @ u, *(run.gradient(run.θ + part * r * u) @ u for part in (0.5, 1))
            said, unsure = r * (first + 4 * middle + last) / 6, 3 * r * abs(first - 2 * middle + last)
            larger = max(abs(rise), abs(said))
            if not larger > 1e4 * run.ε * abs(start):  # below the rounding of the loss, or NaN
                continue
            apart, wrong = abs(rise - said), None
            if apart <= 0.01 * larger:
                k -= 1  # this length serves the next way too
                break
            if apart > 0.01 * larger + unsure:
                wrong = rise, said
        if wrong:
            return wrong
    return None


def _curvatures(run, m):
    """Ritz values and vectors of H in the span of g, Hg, …, and of a random v, Hv, …"""
    k = min(run.d, run.products)
    Q, W = np.empty((k, run.d)), np.empty((k, run.d))
    j = 0
    heads = [run.g, run.direction()]
    while j < k and heads:
        i = min(j % 3, len(heads) - 1, 1)  # the Newton step needs Hᵏg, the ends Hᵏv, and twice as many
        v, size = heads[i], np.linalg.norm(heads[i])
        for _ in range(2):  # against all earlier q, twice: rounding would let them creep back
            v = v - Q[:j].T @ (Q[:j] @ v)
        if not np.linalg.norm(v) > 1e-8 * size:
            del heads[i]
            continue
        Q[j] = v / np.linalg.norm(v)
        W[j] = heads[i] = run.product(Q[j])
        j += 1
    Q, W = Q[:j], W[:j]
    if not np.isfinite(W).all():
        raise ValueError("the products with the Hessian must be finite, but they contain NaN or infinity")
    run.spread = np.sqrt(np.einsum("jd,jd->d", W, W))
    T = Q @ W.T
    μ, S = np.linalg.eigh((T + T.T) / 2)  # the Ritz vectors are the columns of QᵀS
    run.μ, run.S, run.Q, run.u = μ, S, Q, S[:, 0] @ Q
    run.M = float(np.abs(μ).max())
    run.c = (Q @ run.g) @ S
    m["curvatures"], m["complete"] = μ, j == run.d
    m["unsure"] = float(np.linalg.norm(S[:, 0] @ W - μ[0] * run.u))
    if run.M > 0:
        m["lowest"], m["unsure"] = float(μ[0] / run.M), m["unsure"] / run.M
    if run.η is not None:
        m["sharpness"] = run.η * run.M


def _newton(run, m):
    """The way to the critical point that g and H promise, and what is there."""
    μ, c, M = run.μ, run.c, run.M
    rounding = max(1e-8, 100 * run.ε) * M
    m["rounding"] = m["|g|"] <= rounding * run.R
    m["at rest"] = m["|g|"] <= rounding * run.known  # in any unit of θ
    m["least"] = max(m.get("range", 0.0), M * (run.R / 30) ** 2 / 2)
    m["scale"] = m["least"] if "range" in m else M * run.R**2 / 2
    if not M or not m["|g|"]:
        return
    step = -c / np.where(μ, μ, np.inf)
    kept = (np.abs(μ) > max(1e-6, 10 * run.ε**0.6) * M) & (np.abs(step) <= run.R)
    left = float(np.linalg.norm(c[~kept]))
    step = np.where(kept, step, 0)
    new = run.gradient(run.θ + (run.S @ step) @ run.Q)
    m["way"] = float(np.linalg.norm(step) / run.R) if left < 0.9 * m["|g|"] else math.inf
    m["miss"] = float(np.linalg.norm(new)) / m["|g|"]
    along = float(c**2 @ μ) / m["|g|"] ** 2  # the curvature along g: where the slope of this line would end
    if along and m["|g|"] / abs(along) < run.R:
        new = run.gradient(run.θ - run.g / along)
        m["miss"] = min(m["miss"], abs(float(new @ run.g)) / m["|g|"] ** 2)
    m["bent"] = float(c**2 @ np.abs(μ)) / m["|g|"] ** 2
    m["gain"] = float(np.abs(c * step) @ (μ > 0)) / 2
    m["gain left"] = left * run.R
    m["close"] = m["way"] < WAY / 50 and m["miss"] < MISS and m["gain left"] < 1e-3 * m["scale"]
    if run.travelled > run.known / 10 and not m["miss"] < MISS:  # R = 1 is a guess for parabolas only
        run.R = m["R"] = run.known


def _noise(run, m):
    """What noise costs an update, beside what the slope gains."""
    if run.functions["sample_gradients"] is None:
        return
    run._spend("sample_gradients", 1)
    G = _real(run.functions["sample_gradients"](run.θ.copy()), "sample_gradients(θ)").astype(np.float64)
    if G.ndim != 2 or G.shape[1] != run.d or len(G) < 2:
        raise ValueError(f"sample_gradients(θ) must have shape (n, {run.d}), n at least 2, not {G.shape}")
    if not np.isfinite(G).all():
        raise ValueError("sample_gradients(θ) must be finite, but they contain NaN or infinity")
    n = len(G)
    mean = G.mean(axis=0)
    C = (G - mean) / math.sqrt(n - 1)
    K = C @ C.T
    noise, signal = K.trace(), m["|g|"] ** 2
    if n >= 10 and np.sum((mean - run.g) ** 2) > 30 * noise / n + 1e-4 * signal:
        raise ValueError(
            "the mean of sample_gradients does not match gradient: it is off by "
            f"{np.linalg.norm(mean - run.g) / math.sqrt(noise / n):.0f} standard errors"
        )
    if not noise:
        return
    run.rows = G
    bends = []
    for _ in range(4):  # E vᵀHv = tr HC for v = Σ ±cᵢ
        v = run.rng.choice([-1.0, 1.0], n) @ C
        size = np.linalg.norm(v)
        bends.append(v @ run.product(v / size) * size if size else 0.0)
    m["noise / signal"] = noise / run.batch / signal if signal else math.inf
    rate = 1 / run.M if run.η is None and run.M else run.η or 0.0
    worth = signal * max(0.1, 1 - m.get("first turn", 0.0) / 2)
    price = rate * np.mean(bends) / run.batch / 2
    m["noise"] = price / worth if worth else math.inf
    # so far above its mean, 1, the ratio is in one of a hundred noise balls: χ² with k degrees of freedom
    k = noise**2 / np.sum(K**2)
    m["too quiet"] = 3 * k / 2 / math.exp(2 / k * (math.log(0.01) + math.lgamma(k / 2 + 1)))


def _walk(run, m):
    """What a walk along the lowest curvature wins, beside what the slopes promise."""
    if not m.get("lowest", 0.0) < LOWEST:
        return
    u, c, μ = run.u, run.c[0], run.μ[0]
    u, c = (-u, -c) if c > 0 else (u, c)  # downhill
    distance, slope, won, best = 0.0, c, 0.0, 0.0
    for r in run.R * 2.0 ** np.array([-9, -6, -4, -2, 0, 2]):
        new = run.gradient(run.θ + r * u) @ u
        won -= (r - distance) * (slope + new) / 2
        distance, slope, best = r, new, max(best, won)
    promised = m.get("gain", 0.0) + m.get("gain left", 0.0)
    m["promise"] = best / promised if promised else math.inf if best > 0 else 0.0
    m["way along"] = abs(c / μ) / run.R
    at = run.gradient(run.θ - c / μ * u) @ u  # the critical point lies behind, at −c/μ
    m["miss along"] = abs(at) / max(abs(c), 1e-8 * run.M * run.R)


def _around(run, m):
    """The gradient further out, uphill and downhill."""
    u = run.g / m["|g|"] if m["|g|"] else run.direction()
    steepest, secants, levels = 0.0, [], [0.0]
    for side in (-1, 1):
        distance, slope, level, before = 0.0, run.g @ u, 0.0, None
        for r in run.R * 2.0 ** np.array([-6, -4, -2, -1, 0, 1]):
            g = run.gradient(run.θ + side * r * u)
            if not np.isfinite(g).all():
                break
            steepest = max(steepest, float(np.linalg.norm(g)))
            secant = (g - run.g) / r
            before = secant if before is None else before
            secants.append((r, np.linalg.norm(secant), np.linalg.norm(secant - before)))
            level += side * (r - distance) * (slope + g @ u) / 2
            distance, slope = r, g @ u
            levels.append(level)
    bend = max((size for _, size, _ in secants), default=0.0)
    m["steepness"] = steepest / m["|g|"] if m["|g|"] else math.inf if steepest else 0.0
    here = m.get("bent", run.M)
    m["bend"] = bend / here if here else math.inf if bend else 0.0
    m["bend all"] = bend / run.M if run.M else m["bend"]
    m["around"], m["relief"] = steepest * run.R, float(np.ptp(levels))
    changed = [r / run.R for r, size, change in secants if change > 0.2 * size]
    confirmed = bool(changed) and min(changed) > 1 / 16
    m["sized"] = run.known > run.R / 4 or confirmed or m["at rest"]


def _trend(run, m):
    """Do the losses still fall, beside their range, their jumps, and what lies around?"""
    bent = m["bend all"] > BEND
    least = max(m["least"], bent * m["relief"])
    if run.η is not None and least:
        m["promised fall"] = 100 * run.η * m["|g|"] ** 2 * (1 - m["turn"] / 2)
        m["pace"] = m["promised fall"] / least
    if "range" not in m:
        return
    L, n = m["losses"], len(m["losses"])
    half = L[n // 2 :]
    kind = np.float32 if (L.astype(np.float32) == L).all() else np.float64
    rounding = 4 * np.finfo(kind).eps * np.abs(L).max()
    if bent:
        whole = max(m["range"], BESIDE * m["relief"])
    else:
        whole = max(min(m["range"], 2 * m["relief"]), BESIDE / 10 * m["relief"])
    whole = max(whole, 10 * rounding) or 1.0
    blocks = np.array([block.mean() for block in np.array_split(half, min(8, len(half)))])
    slope, error = _line(blocks)
    fall, error = -slope * len(blocks), max(error * len(blocks), _drift(half))
    m["fall"], m["fall error"] = fall / whole, error / whole
    m["fall of range"] = fall / m["range"] if m["range"] else 0.0
    m["fall of relief"] = fall / m["relief"] if m["relief"] else math.inf
    m["unrest"] = float(np.ptp(half) / whole)
    steps = np.diff(half)
    moved = np.abs(steps) > max(rounding, 1e-6 * whole)
    parts = np.array_split(steps, 2), np.array_split(moved, 2)
    up = [(part[true] > 0).mean() if true.mean() > 0.1 else 0.0 for part, true in zip(*parts, strict=True)]
    m["rises"] = float(min(up))  # a fluctuation that has died out is none
    m["short"] = n < SHORT
    most = (np.diff(L) > rounding).mean() if m["short"] else max(up)
    m["trend"] = most < 0.05 or (not m["short"] and m["fall"] > 4 * m["fall error"])


MEASURES = (_slope, _ahead, _check, _curvatures, _newton, _noise, _by_layer, _walk, _around, _trend)


# Rules: each looks for one kind of trouble, and returns (verdict, sure, reason, what is missing) or None


def _decide(m):
    """The verdict of the first rule that holds."""
    if not m["diverged"]:
        _conclude(m)
    for rule in (_growing, _exploding, _unstable, _drowned, _vanishing, _critical, _flat, _moving):
        if found := rule(m):
            return found
    missing = [name for name, key in NEEDED.items() if key not in m]
    missing += ["more of the latest losses"] if m.get("short") else []
    return "undecided", False, "None of the situations fits.", missing


NEEDED = {"the learning rate η": "turn", "the latest losses": "fall"}


def _about(number):
    """A number in words: 990, not 9.9e+02."""
    return f"{float(f'{number:.2g}'):g}"


def _conclude(m):
    """What several rules ask for."""
    get = m.get
    m["noisy"] = get("rises", 0.0) > RISES
    m["falling"] = get("trend", False) and get("fall", 0.0) > FALL
    m["still"] = not m["falling"] and get("unrest", 0.0) < 5 * FALL
    m["promised"] = get("gain", math.inf) + get("gain left", 0.0)
    m["found"] = get("miss", math.inf) < MISS
    there = m["rounding"] or (get("way along", math.inf) < 2 * WAY and m["miss along"] < MISS)
    m["pays"] = get("lowest", 0.0) < LOWEST and there and m["promise"] > PROMISE
    m["resting"] = m["rounding"] or get("close", False)


def _growing(m):
    """Losses that have grown out of their range."""
    if m["diverged"]:
        if "growth" not in m:
            return "diverging", True, "The losses are not finite any more.", []
        L = m["losses"]
        sure = len(L) >= SHORT or (np.diff(L[len(L) // 2 :]) > 0).all()
        reason = f"The losses have grown to {_about(m['growth'])} times their first range."
        return "diverging", sure, reason, []
    return None


def _exploding(m):
    """Gradients that grow by orders of magnitude on their way back through the layers."""
    return _by_orders(m, "exploding gradients") if m.get("layers", 1.0) > LAYERS else None


def _vanishing(m):
    """Gradients that fade by orders of magnitude on their way back through the layers."""
    return _by_orders(m, "vanishing gradients") if m.get("layers", 1.0) < 1 / LAYERS else None


def _by_orders(m, verdict):
    if m["layers line"] < 0.8:
        return None
    reason = f"From the last layer back to the first the gradient changes by a factor {_about(m['layers'])}."
    return verdict, not 0.01 < m["layers"] < 100, reason, []


def _unstable(m):
    """Steps that reverse and get longer, or at least not shorter."""
    if "turn" not in m or m["resting"]:
        return None
    if m["turn"] > TURN and m.get("rises", 0.0) > 0.9 and m["fall"] < -10 * FALL:
        return "diverging", m["growth"] > GROWTH or m["stretch"] > 3, "The loss rises with every update.", []
    if m["turn"] > TURN and "fall" not in m and m["stretch"] > 10:
        reason = f"Eight more steps multiply the gradient by {_about(m['stretch'])}."
        return "diverging", m["stretch"] > 100, reason, []
    if (m["turn"] > TURN or m["back"]) and m["stretch"] > 0.5:
        reason = f"The next steps meet η × curvature = {_about(m['turn'])}, reverse, and do not get shorter."
        return "bouncing", m["turn"] > 1.8, reason, []
    sharp = m["sharpness"] > SHARPNESS
    jumps = m["noisy"] if "rises" in m else m["stretch"] > 0.5 and m["turn"] > 0.5
    beyond = m["turn"] > 1 and "noise" not in m  # each step ends behind the lowest point on its line
    if jumps and (sharp or (m["noisy"] and (beyond or m["turns ahead"] > TURN))):
        most = max(m["sharpness"], m["turns ahead"])
        return "bouncing", False, f"η × curvature reaches {_about(most)}, and the loss goes up and down.", []
    return None


def _drowned(m):
    """Noise that takes as much as the slope gives."""
    if m["falling"] or not (m["noisy"] or "rises" not in m):
        return None
    known, price = "turn" in m, m.get("noise", 0.0)
    if NOISE < price < m.get("too quiet", 0.0) * (100 if m["noisy"] else 1):
        reason = f"In an update, what noise takes over what the slope gives is {_about(price)}."
        if known:
            return "noise ball", m["noisy"] or price > 2 * NOISE, reason, []
        if m["noisy"] or m["noise / signal"] > 10:
            return "noise ball", m["noisy"] and not m["short"], reason, ["the learning rate η"]
    if known and m["noisy"] and "noise" not in m and m["sharpness"] < 1.8:
        reason = (
            f"The loss goes up {m['rises']:.0%} of the time, though η × curvature is only "
            f"{_about(m['sharpness'])}: only noise can do that."
        )
        sure = m["turns ahead"] < 1 and not m["short"]
        return "noise ball", sure, reason, ["gradients of samples or minibatches"]
    if m["noisy"] and not m["resting"]:
        missing = [] if known else ["the learning rate η"]
        missing += [] if "noise" in m else ["gradients of samples or minibatches"]
        missing += ["more of the latest losses"] if m["short"] else []
        return "undecided", False, "The loss fluctuates, by noise or by a rate that is too large.", missing
    return None


def _critical(m):
    """A critical point: of which kind?"""
    lowest = m.get("lowest")
    if lowest is None:
        return None
    if lowest < LOWEST:
        if not (m["pays"] and m.get("gain", 0.0) < 0.01 * m["scale"]):
            return None
        won = _about(m["promise"])
        reason = f"A walk along the lowest curvature wins {won} times what the slopes promise."
        clear = lowest < 3 * LOWEST and m["promise"] > 3 * PROMISE and (m["rounding"] or m["found"])
        return "strict saddle", clear and m["sized"], reason, []
    near = m.get("way", math.inf) < WAY and m["found"] and m["promised"] < 0.01 * m["scale"]
    if not (m["resting"] or (near and not m["falling"])):
        return None
    sure = m["sized"] and (m["resting"] or "range" in m)
    if lowest < FLAT:
        reason = f"The slope is negligible; the lowest curvature is {lowest:.1g} of the largest."
        return "valley with flat directions", sure and (m["complete"] or lowest < FLAT / 3), reason, []
    reason = f"The slope is negligible, and the lowest curvature is {lowest:.2g} of the largest."
    # the Hessian changes by about 2·miss on the way: what is positive here may be zero there
    sure = sure and (m["rounding"] or lowest > 10 * m["miss"]) and (m["complete"] or lowest > 3 * m["unsure"])
    return "local minimum", sure, reason, []


def _flat(m):
    """Slope and curvature that are small beside those further out."""
    if m["noisy"] or not m["still"]:
        return None
    if not m["|g|"] and "lowest" not in m:
        return "plateau", True, "Slope and curvature are both zero.", []
    seen = "fall" in m
    if m["steepness"] > STEEPNESS * (1 if seen else 3) and m["bend"] > BEND * (1 if seen else 3):
        if not seen and m["bend all"] < 3 * BEND and m.get("pace", 0.0) > FALL:
            return None
        if not seen and m.get("promised fall", 0.0) > FALL * m["around"]:
            return None
        steep, bent = _about(m["steepness"]), _about(m["bend"])
        reason = f"Further out it is {steep} times as steep and {bent} times as curved."
        if "sharpness" in m:  # curvature would allow far longer steps
            slow = m["sharpness"] < 0.1
        else:
            slow = not (m.get("trend") and m["fall of range"] > FALL)
        sure = slow and m["sized"] and m.get("rises", 0.0) < 0.05 and (seen or "sharpness" in m)
        return "plateau", m["bend all"] > BEND * (1 if seen else 10) and sure, reason, []
    if seen or m.get("pace", math.inf) < FALL / 3:
        return "plateau", False, "The loss hardly changes, though no critical point is near.", []
    return None


def _moving(m):
    """A loss that falls."""
    if m["falling"]:
        reason = f"In their last half the losses fell by {_about(m['fall'])} of their range."
        creeps = m["fall of relief"] < (FALL if m["bend all"] > BEND else FALL / 100)
        missing = [] if "turn" in m else ["the learning rate η"]  # it may bounce on its way
        other = creeps or m["pays"] or m.get("noise", 0.0) > NOISE  # a plain, a saddle, a noise ball ahead
        return "still descending", not (other or missing), reason, missing
    if "fall" not in m and m.get("pace", 0.0) > FALL:
        reason = f"A hundred updates would win {_about(m['pace'])} of the loss."
        return "still descending", False, reason, ["the latest losses"]
    return None


# Models of other libraries


def from_torch(model, loss, data, *, B=None, n=32, rng=None, dtype="float64"):
    """What `diagnose` needs of a PyTorch model: a dict of θ, gradient, loss, hvp and layers.

    `loss(model(x), y)` is the mean loss on `data` = (x, y): all of the training data, or a fixed part of it.
    With `B`, the run's batch size, and a numpy Generator `rng` there are `sample_gradients` too, those of n
    minibatches. The model itself stays as it is; put it into the mode (train or eval) in which its loss does
    not change from call to call. What is flat in float32 need not be: `dtype` says in which precision to
    compute, None in the model's own.

        report = diagnose(**from_torch(model, loss, (x, y)), η=0.1, losses=losses, rng=rng)
    """
    import torch
    from torch.func import functional_call

    parts = dict(model.named_parameters())
    sizes = [part.numel() for part in parts.values()]
    first = next(iter(parts.values()))
    kind = first.dtype if dtype is None else getattr(torch, dtype)

    def cast(tensor):
        return tensor.to(kind) if torch.is_floating_point(tensor) else tensor

    x, y = map(cast, data)
    rest = {name: cast(tensor) for name, tensor in model.named_buffers()}

    def flat(θ):
        return torch.as_tensor(θ, dtype=kind, device=first.device).requires_grad_()

    def value(θ, x, y):
        pieces = zip(parts, θ.split(sizes), parts.values(), strict=True)
        return loss(functional_call(model, {k: v.view_as(p) for k, v, p in pieces} | rest, (x,)), y)

    def slope(θ, x, y, graph=False):
        return torch.autograd.grad(value(θ, x, y), θ, create_graph=graph)[0]

    def hvp(θ, v):
        θ, v = flat(θ), flat(v).detach()
        return torch.autograd.grad(slope(θ, x, y, graph=True) @ v, θ)[0].cpu().numpy()

    given = {
        "θ": torch.cat([part.detach().reshape(-1) for part in parts.values()]).cpu().numpy(),
        "gradient": lambda θ: slope(flat(θ), x, y).cpu().numpy(),
        "loss": lambda θ: value(flat(θ), x, y).item(),
        "hvp": hvp,
        "layers": _modules(parts, sizes),
    }
    if B is not None:
        chosen = torch.as_tensor(_batches(len(x), B, n, rng), device=x.device)
        given["sample_gradients"] = lambda θ: np.stack(
            [slope(flat(θ), x[batch], y[batch]).cpu().numpy() for batch in chosen]
        )
    return given


def from_jax(loss, params):
    """What `diagnose` needs of a JAX model: a dict of θ, gradient, loss and hvp.

    `loss(params)` is the training loss, a scalar, of the tree `params`. Its precision is JAX's: float32
    unless jax_enable_x64 is set.
    """
    import jax
    from jax.flatten_util import ravel_pytree

    θ, unravel = ravel_pytree(params)
    value = jax.jit(lambda θ: loss(unravel(θ)))
    slope = jax.jit(jax.grad(value))
    product = jax.jit(lambda θ, v: jax.jvp(slope, (θ,), (v,))[1])
    kind = θ.dtype
    return {
        "θ": np.asarray(θ),
        "gradient": lambda θ: np.asarray(slope(θ.astype(kind))),
        "loss": lambda θ: float(value(θ.astype(kind))),
        "hvp": lambda θ, v: np.asarray(product(θ.astype(kind), v.astype(kind))),
    }


def _modules(parts, sizes):
    """{name of a module: slice of its parameters}, in the order of the parameters."""
    layers, start = {}, 0
    for name, size in zip(parts, sizes, strict=True):
        module = name.rpartition(".")[0] or name
        layers[module] = slice(layers[module].start if module in layers else start, start + size)
        start += size
    return layers


def _batches(N, B, n, rng):
    """n random batches of B of N samples: (n, B)."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
    B = count(B, "B", 1, N)
    return np.stack([rng.choice(N, B, replace=False) for _ in range(count(n, "n", 2))])
