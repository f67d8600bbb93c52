"""Update rules, each written once as SymPy expressions, and the one loop that runs them.

A rule says where it takes the gradient g, and how it updates its state and θ, coordinate by coordinate.
Momentum:

    v ← βv + g,    θ ← θ − ηv.

It may draw noise ξ, and it may use curvature: then its coordinates are those along the eigenvectors of the
Hessian, and λᵢ is the eigenvalue that belongs to each.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import sympy as sp

from helpers import palette
from helpers.checks import count, finite_array, lookup, number
from helpers.critical_points import eigen2
from helpers.landscapes import Landscape, landscape
from helpers.symbolic import Formula, as_expression, javascript_function, latex, numpy_function

DIVERGED = 1e6  # a run has diverged when a coordinate is larger than this, or not finite
POINTS_AT_ONCE = 100_000  # of a long path the loss is taken in pieces that stay in the processor's cache

θ, g, v, s, m = sp.symbols("theta g v s m", real=True)
t = sp.Symbol("t", real=True)
ξ = sp.Symbol("xi", real=True)  # standard normal noise, fresh in every step and coordinate
λi = sp.Symbol("lambda_i", real=True)  # the eigenvalue of the Hessian that belongs to the coordinate
η, β, β1, β2, ρ, ε, λ = sp.symbols("eta beta beta_1 beta_2 rho varepsilon lambda", nonnegative=True)
D, r, Δ = sp.symbols("D r Delta", nonnegative=True)


@dataclass(frozen=True)
class Hyper:
    """A hyper-parameter: symbol, letter in Python, what it is, default, and the ends of its slider.

    >>> HYPER[β].letter, HYPER[β].label, HYPER[β].check(0.5)
    ('β', 'momentum', 0.5)
    """

    symbol: sp.Symbol
    letter: str
    label: str
    value: float
    low: float
    high: float
    log: bool = False
    memory: bool = False  # a factor of forgetting: anything from 0 to just below 1 is accepted

    def check(self, value, where=""):
        """`value`, if it is possible, as a float or a float64 array; `low` and `high` are only slider ends.

        A schedule, any function of the step, is returned as it is: its values are checked step by step.
        """
        name = f"the {self.label} {self.letter}{where}"
        ends = {"low": 0, "high": 1, "below": True} if self.memory else {"low": 0, "above": self.log}
        if callable(value):
            return value
        if np.ndim(value) == 0:
            return number(value[()] if isinstance(value, np.ndarray) else value, name, **ends)
        array = finite_array(value, name)
        for extreme in (array.min(), array.max()) if array.size else ():
            number(float(extreme), name, **ends)
        return array

    def at(self, value, t):
        """The value in step t of what `check` has let pass: itself, or that of a schedule, checked."""
        if not callable(value):
            return value
        if callable(value := value(t)):
            raise TypeError(
                f"a schedule of the {self.label} {self.letter} must return numbers, not {value!r}"
            )
        return self.check(value, f" in step {t}")

    def spec(self):
        return {
            "letter": self.letter,
            "latex": latex(self.symbol),
            "label": self.label,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "log": self.log,
        }


HYPER = {
    h.symbol: h
    for h in (
        Hyper(η, "η", "learning rate", 0.1, 1e-3, 1.0, log=True),
        Hyper(β, "β", "momentum", 0.9, 0.0, 0.99, memory=True),
        Hyper(β1, "β1", "memory of the gradient", 0.9, 0.0, 0.99, memory=True),
        Hyper(β2, "β2", "memory of its square", 0.999, 0.0, 0.9999, memory=True),
        Hyper(ρ, "ρ", "memory of squared gradients", 0.9, 0.0, 0.999, memory=True),
        Hyper(ε, "ε", "small constant", 1e-8, 1e-10, 1e-2, log=True),
        Hyper(λ, "λ", "weight decay", 0.01, 0.0, 1.0),
        Hyper(D, "D", "noise strength", 1e-6, 1e-12, 1e-1, log=True),
        Hyper(r, "r", "least step", 0.1, 1e-3, 1.0, log=True),
        Hyper(Δ, "Δ", "longest step", 0.5, 1e-2, 10.0, log=True),
    )
}


@dataclass(frozen=True, eq=False)
class UpdateRule:
    """An optimizer's update, elementwise: a sequence of (symbol, expression), carried out from top to bottom.

    Every symbol but θ that is assigned is a state, and starts at zero. An expression may use θ, the
    gradient g, the step number t = 1, 2, …, the states (new values once assigned), hyper-parameters, and
    standard normal noise ξ. With λi in it the rule is a `curved` one: it acts on the coordinates of θ and g
    along the eigenvectors of the Hessian at θ, λi being their eigenvalues; such a rule adds a step to θ and
    remembers nothing.
    `at` is where g is taken; θ itself by default. `rate`, where given, is the effective learning rate of a
    coordinate, which may depend on the states after they are updated, on t and on hyper-parameters: the
    factor that stands before the gradient or its average. `stable_below` is the bound on ηλ below which the
    rule converges on a quadratic of curvature λ, where known. `show` names expressions that the printed
    formula gives a symbol of their own, such as Adam's m̂.

    >>> rule("momentum").step([1.0], [2.0], [[0.5]], 1, {"η": 0.1, "β": 0.9})
    (array([0.755]), [array([2.45])])
    """

    name: str
    label: str
    update: tuple
    at: sp.Expr = θ
    rate: sp.Expr | None = None
    stable_below: sp.Expr | None = None
    show: tuple = ()
    source: str = ""
    values: dict = field(default_factory=dict)

    def __post_init__(self):
        if not self.update or self.update[-1][0] != θ:
            raise ValueError(f"the update of {self.name!r} must end by assigning θ")
        allowed = {θ, g, t, ξ, λi, *self.states, *HYPER}
        for symbol, expression in self.update:
            as_expression(expression, allowed, f"the update of {symbol} in {self.name!r}")
        as_expression(self.at, allowed - {g, ξ, λi}, f"the place of the gradient in {self.name!r}")
        if self.rate is not None:
            as_expression(self.rate, allowed - {θ, g, ξ, λi}, f"the effective rate of {self.name!r}")
        if self.curved:
            step = sp.sympify(self.update[-1][1]) - θ
            if self.states or self.at != θ or sp.simplify(step.diff(θ)) != 0:
                raise ValueError(
                    f"{self.name!r} uses the curvature, so it must have the form θ ← θ + step; the step may "
                    "depend on g, λi, ξ, t and hyper-parameters only, and g is taken at θ"
                )

    @property
    def states(self):
        """The symbols that the rule remembers from step to step."""
        return tuple(symbol for symbol, _ in self.update if symbol != θ)

    @cached_property
    def _symbols(self):
        return self.at.free_symbols.union(*(sp.sympify(e).free_symbols for _, e in self.update))

    @property
    def noisy(self):
        """Whether the rule draws noise."""
        return ξ in self._symbols

    @property
    def curved(self):
        """Whether the rule uses the Hessian."""
        return λi in self._symbols

    @cached_property
    def hyper(self):
        """The hyper-parameters that occur, in the order of the book."""
        used = self._symbols
        return tuple(
            h if symbol not in self.values else Hyper(**(h.__dict__ | {"value": self.values[symbol]}))
            for symbol, h in HYPER.items()
            if symbol in used
        )

    @property
    def defaults(self):
        """The default hyper-parameters by letter."""
        return {h.letter: h.value for h in self.hyper}

    @property
    def initial(self):
        """The states before the first step."""
        return [0.0] * len(self.states)

    @cached_property
    def _new(self):
        """[θ, states…] after a step, in terms of everything before it."""
        new = {}
        for symbol, expression in self.update:
            new[symbol] = sp.sympify(expression).subs(new, simultaneous=True)
        return [new[θ], *(new[symbol] for symbol in self.states)]

    @cached_property
    def _letters(self):
        return [h.symbol for h in self.hyper]

    @cached_property
    def _step(self):
        return numpy_function([θ, g, t, ξ, λi, *self.states, *self._letters], self._new)

    @cached_property
    def _at(self):
        return numpy_function([θ, *self.states, *self._letters], [self.at])

    @cached_property
    def _rate(self):
        return numpy_function([t, *self.states, *self._letters], [self.rate])

    def check(self, hyper):
        """All hyper-parameters by letter: `hyper`, else the defaults; unknown or impossible ones raise."""
        if unknown := set(hyper) - set(self.defaults):
            raise TypeError(
                f"{self.name!r} has no hyper-parameter {', '.join(map(repr, sorted(unknown)))}; "
                f"it takes {', '.join(self.defaults)}"
            )
        return {h.letter: h.check(hyper.get(h.letter, h.value)) for h in self.hyper}

    def place(self, θ, states, hyper):
        """Where the gradient is taken."""
        return self._at(θ, *states, *(hyper[h.letter] for h in self.hyper))[0]

    def rate_of(self, states, t, hyper):
        """The effective learning rate of every coordinate in step t, from the states after that step.

        >>> rule("adagrad").rate_of([np.array([4.0, 0.25])], 1, {"η": 0.1, "ε": 1e-8}).round(6).tolist()
        [0.05, 0.2]
        """
        if self.rate is None:
            raise ValueError(f"no effective learning rate is known for {self.name!r}")
        return self._rate(t, *states, *(hyper[h.letter] for h in self.hyper))[0]

    def step(self, θ, g, states, t, hyper, ξ=0.0, λi=0.0):
        """One step: (θ, states) from θ, gradient g, states, step number t and hyper-parameters by letter.

        ξ and λi are the noise and the curvature, for rules that use them; all are taken coordinate by
        coordinate, those of a curved rule along the eigenvectors.
        """
        θ, *states = self._step(θ, g, t, ξ, λi, *states, *(hyper[h.letter] for h in self.hyper))
        return θ, states

    @cached_property
    def latex(self):
        """The update as lines of an aligned environment."""
        place = (
            "" if self.at == θ else rf"g &= \nabla L({latex(self.at, factors=[*HYPER, *self.states, θ])}) \\ "
        )
        reading_order = [*HYPER, *(name for name, _ in self.show), *self.states, g, θ, ξ, λi]
        lines = []
        for symbol, expression in self.update:
            first = [symbol] if symbol != θ else [*(name for name, _ in self.show), *self.states, θ]
            text = latex(_named(sp.sympify(expression), self.show), factors=reading_order, first=first)
            lines.append(rf"{latex(symbol)} &\leftarrow {text}")
        named = "".join(rf"{latex(name)} &= {latex(meaning)} \\ " for name, meaning in self.show)
        return (
            r"\begin{aligned} " + place + r" \\ ".join(lines[:-1] + [named + lines[-1]]) + r" \end{aligned}"
        )

    @cached_property
    def javascript(self):
        """JavaScript for one coordinate, an object of functions of arrays of states s and hyper-parameters h.

        at: (θ, s, h) => …, step: (θ, g, s, t, h, ξ, λ) => [θ, …s], and rate: (s, t, h) => …, or null.
        """
        at = javascript_function([θ, self.states, self._letters], self.at)
        step = javascript_function([θ, g, self.states, t, self._letters, ξ, λi], self._new)
        rate = (
            "null" if self.rate is None else javascript_function([self.states, t, self._letters], self.rate)
        )
        kind = f"noisy: {str(self.noisy).lower()}, curved: {str(self.curved).lower()}"
        return f"({{at: {at}, step: {step}, rate: {rate}, {kind}}})"

    @cached_property
    def stable_javascript(self):
        """JavaScript of the bound on ηλ as a function of the hyper-parameters, or None."""
        return (
            None
            if self.stable_below is None
            else javascript_function([self._letters], sp.sympify(self.stable_below))
        )

    def stable(self, **hyper):
        """The bound on ηλ below which the rule converges on a quadratic of curvature λ.

        >>> rule("momentum").stable(β=0.9)
        3.8
        """
        if self.stable_below is None:
            raise ValueError(f"no bound is known for {self.name!r}")
        values = self.check(hyper)
        bound = Formula([*self._letters], sp.sympify(self.stable_below))(
            *(values[h.letter] for h in self.hyper)
        )
        return float(bound) if np.ndim(bound) == 0 else bound

    def spec(self):
        """What an explorer sends to the browser, as plain JSON."""
        return {
            "name": self.name,
            "label": self.label,
            "latex": self.latex,
            "colour": list(palette.RULE.get(self.name, palette.INK)),
            "hyper": [h.spec() for h in self.hyper],
            "initial": self.initial,
            "javascript": self.javascript,
            "stable": self.stable_javascript,
        }

    def _repr_latex_(self):
        return f"${self.latex}$"

    def __repr__(self):
        return (
            f"UpdateRule({self.name!r}, {', '.join(f'{k}={value:g}' for k, value in self.defaults.items())})"
        )


def _named(expression, names):
    for name, meaning in names:
        expression = expression.subs(meaning, name)
    return expression


s_max = sp.Symbol("s_{\\max}", real=True)
_m_hat, _s_hat = sp.Symbol(r"\hat{m}"), sp.Symbol(r"\hat{s}", positive=True)
_debiased = ((_m_hat, m / (1 - β1**t)), (_s_hat, s / (1 - β2**t)))
_largest = (_debiased[0], (_s_hat, s_max / (1 - β2**t)))
_adam = ((m, β1 * m + (1 - β1) * g), (s, β2 * s + (1 - β2) * g**2))


def _per_root(square):
    """η/(√square + ε), the effective rate of the adaptive rules."""
    return η / (sp.sqrt(square) + ε)


def _rule(name, label, state, rate, direction=g, decay=0, **more):
    """The rule θ ← θ − rate·direction − decay, after its states."""
    update = (*state, (θ, θ - rate * direction - decay))
    return UpdateRule(name, label, update, rate=rate, **more)


gradient_descent = _rule("gradient descent", "GD", (), η, stable_below=sp.Integer(2))
momentum = _rule("momentum", "Momentum", ((v, β * v + g),), η, v, stable_below=2 + 2 * β, source="polyak1964")
nesterov = _rule(
    "nesterov",
    "Nesterov",
    ((v, β * v + g),),
    η,
    v,
    at=θ - η * β * v,
    stable_below=(2 + 2 * β) / (1 + 2 * β),
    source="nesterov1983",
)
adagrad = _rule("adagrad", "AdaGrad", ((s, s + g**2),), _per_root(s), source="duchi2011")
adagrad_mean = _rule("adagrad mean", "AdaGrad, mean", ((s, s + g**2),), _per_root(s / t), source="lee2021")
rmsprop = _rule("rmsprop", "RMSProp", ((s, ρ * s + (1 - ρ) * g**2),), _per_root(s), source="tieleman2012")
_adaptive = {"state": _adam, "rate": _per_root(_debiased[1][1]), "direction": _debiased[0][1]}
adam = _rule("adam", "Adam", **_adaptive, show=_debiased, source="kingma2015")
adamw = _rule("adamw", "AdamW", **_adaptive, decay=η * λ * θ, show=_debiased, source="loshchilov2019")
amsgrad = _rule(
    "amsgrad",
    "AMSGrad",
    (*_adam, (s_max, sp.Max(s_max, s))),
    _per_root(_largest[1][1]),
    _largest[0][1],
    show=_largest,
    source="reddi2018",
)

RULES = {
    r.name: r
    for r in (
        gradient_descent,
        momentum,
        nesterov,
        adagrad,
        adagrad_mean,
        rmsprop,
        adam,
        adamw,
        amsgrad,
    )
}


def rule(name):
    """The update rule called `name`; an UpdateRule is passed through.

    >>> rule("adam").defaults
    {'η': 0.1, 'β1': 0.9, 'β2': 0.999, 'ε': 1e-08}
    """
    return name if isinstance(name, UpdateRule) else lookup(RULES, name, "rule")


_find = rule  # `descend` has an argument of that name


@dataclass(frozen=True, eq=False)
class Descent:
    """A run of `steps` steps: θ (rows, ..., d); loss (rows, ...) or None; diverged (...), a step or 0.

    Row k is θ after step t[k]; with every=1 that is step k, and there are steps + 1 rows. `rate`, if it was
    asked for, is (rows − 1, ..., d): row k is the effective learning rate of every coordinate in step
    t[k + 1], and NaN from the step in which a run diverges.

    >>> run = descend("ravine", [1.0, 1.0], steps=3, η=0.01)
    >>> run.θ.shape, run.loss.shape, int(run.diverged)
    ((4, 2), (4,), 0)
    """

    θ: np.ndarray
    diverged: np.ndarray
    rule: UpdateRule
    hyper: dict
    t: np.ndarray
    rate: np.ndarray | None = None
    loss_of: Callable | None = None

    @cached_property
    def loss(self):
        """The loss along the path, (rows, ...), computed when asked for; None where the target has none."""
        if self.loss_of is None:
            return None
        points = max(1, self.θ[0].size // self.θ.shape[-1])
        rows = max(1, POINTS_AT_ONCE // points)
        parts = [self.loss_of(self.θ[k : k + rows]) for k in range(0, len(self.θ), rows)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @property
    def end(self):
        """θ after the last step: (..., d)."""
        return self.θ[-1]

    @property
    def steps(self):
        """How many steps were taken."""
        return int(self.t[-1])

    def __repr__(self):
        runs = self.diverged.size
        settings = ", ".join(f"{k}={_short(value)}" for k, value in self.hyper.items())
        head = f"{self.rule.label} ({settings}), {self.steps} steps"
        if runs > 1:
            return f"{head}, {runs} starts, {int((self.diverged > 0).sum())} diverged"
        if self.diverged.any():
            return f"{head}: diverged at step {int(self.diverged.max())}"
        end = ", ".join(f"{value:.4g}" for value in self.end.ravel() + 0.0)
        loss = "" if self.loss is None else f", L = {float(self.loss[-1].squeeze()):.4g}"
        return f"{head}: θ = ({end}){loss}"


def _short(value):
    """A hyper-parameter for `repr`: 0.1, 0.01 … 1 for an array, a schedule's own name."""
    if callable(value):
        return getattr(value, "__name__", repr(value))
    return f"{value:g}" if np.ndim(value) == 0 else f"{value.min():g} … {value.max():g}"


def eigenbasis(H):
    """(λ, U): eigenvalues ascending, (..., d), and eigenvectors as columns, (..., d, d), of a symmetric H.

    Two by two it is the closed form `eigen2` that the figures on a page use, and larger ones go to LAPACK.
    Where H is not finite, λ is NaN.

    >>> λ, U = eigenbasis(np.array([[0.0, -2.0], [-2.0, 0.0]]))
    >>> λ.tolist(), np.round(U[:, 0], 4).tolist()
    ([-2.0, 2.0], [0.7071, 0.7071])
    """
    finite = np.isfinite(H).all(axis=(-1, -2))
    H = np.where(finite[..., None, None], H, 0.0)
    if H.shape[-1] == 2:
        e = eigen2(H[..., 0, 0], H[..., 0, 1], H[..., 1, 1])
        λ, c, s = e[..., :2], e[..., 2], e[..., 3]
        U = np.stack([c, -s, s, c], axis=-1).reshape(H.shape)
    else:
        λ, U = np.linalg.eigh(H)
    return np.where(finite[..., None], λ, np.nan), U


def descend(target, start, rule="gradient descent", steps=100, every=1, rng=None, rates=False, **hyper):
    """Run an update rule from one start or from many at once.

    `target` is a Landscape, its name in the gallery, any object with `gradient` (and, if it has them, `loss`,
    `hessian` and the dimension `d`), or a function θ (..., d) -> ∇L (..., d). `start` has shape (..., d);
    leading axes are independent runs. `every=k` keeps only every k-th point of the path, and the last. A rule
    with noise needs `rng`, a numpy Generator. `rates=True` keeps the effective learning rates too. All
    arithmetic is float64.

    Hyper-parameters are given by letter: η=0.1, β=0.9. Each is a number, an array with a value for every run,
    or a schedule: a function of the step t = 1, 2, … that returns either. The shapes of arrays are broadcast
    with the leading axes of `start`.

    A run that has diverged stays at its last good point, and its step number stands in `.diverged`; 0 means
    that it did not.

    >>> from helpers.landscapes import Landscape, landscape
    >>> descend(landscape("saddle"), [1.0, 0.0], steps=3, η=0.25).θ.tolist()
    [[1.0, 0.0], [0.5, 0.0], [0.25, 0.0], [0.125, 0.0]]
    >>> descend(landscape("ravine"), [1.0, 1.0], steps=400, η=0.1)
    GD (η=0.1), 400 steps: diverged at step 35
    >>> descend("saddle", [1.0, 0.0], steps=2, η=np.array([0.125, 0.25])).end[:, 0].tolist()
    [0.5625, 0.25]
    >>> descend("saddle", [1.0, 0.0], steps=2, η=lambda t: 0.25 / t).end.tolist()
    [0.375, 0.0]
    """
    update, steps, every = _find(rule), count(steps, "steps"), count(every, "every", 1)
    hyper = update.check(hyper)
    if isinstance(target, str):
        target = landscape(target)
    gradient = getattr(target, "gradient", target)
    if not callable(gradient):
        raise TypeError(
            "target must be a Landscape, an object with a method gradient, or a function that returns the "
            f"gradient, not {target!r}"
        )
    hessian, loss = getattr(target, "hessian", None), getattr(target, "loss", None)
    if update.curved and hessian is None:
        raise TypeError(f"{update.name!r} uses the curvature, so target must have a method hessian(θ)")
    if update.noisy and not callable(getattr(rng, "standard_normal", None)):
        raise TypeError(f"{update.name!r} draws noise, so rng must be a numpy Generator, not {rng!r}")
    if rates and update.rate is None:
        raise ValueError(f"no effective learning rate is known for {update.name!r}, so rates must be False")
    now = finite_array(start, "start", getattr(target, "d", None))
    if now.ndim == 0:
        raise ValueError("start must have shape (..., d), with the coordinates on the last axis")
    runs = _runs(update, hyper, now.shape[:-1])
    start = np.broadcast_to(now, (*runs, now.shape[-1]))
    apart = type(target) is Landscape  # its formulas take the coordinates one by one: each lies in one piece
    if apart:
        gradient = _by_coordinate(target)
    settings = [None if callable(value) else _of_runs(value, runs) for value in hyper.values()]
    schedules = [(i, h) for i, h in enumerate(update.hyper) if callable(hyper[h.letter])]
    moved, step = update.at != θ, update._step.code

    kept = np.array([*range(0, steps, every), steps])
    path = _empty((len(kept), *start.shape), apart)
    path[0] = start
    now = path[0].copy(order="K")
    rate = _empty((len(kept) - 1, *start.shape), apart) if rates else None
    diverged, stopped = np.zeros(runs, dtype=int), None
    states = [np.zeros_like(now) for _ in update.states]
    noise = 0.0
    with np.errstate(all="ignore"):  # a run that overflows is found in the loop
        for k in range(1, steps + 1):
            for i, h in schedules:
                settings[i] = _of_runs(h.at(hyper[h.letter], k), runs)
            slope = gradient(update._at(now, *states, *settings)[0] if moved else now)
            slope = np.asarray(slope, dtype=np.float64)
            if slope.shape != now.shape:
                raise ValueError(
                    f"the gradient of {now.shape} points has shape {slope.shape}; it must have the same shape"
                )
            if update.noisy:
                noise = rng.standard_normal(now.shape)
            if update.curved:
                new = now + _curved_step(update, slope, hessian(now), k, settings, noise)
            else:
                new, *states = step(now, slope, np.float64(k), noise, 0.0, *states, *settings)
                if np.shape(new) != now.shape:  # an update that is constant
                    new = np.broadcast_to(new, now.shape)
            if stopped is not None:
                new = np.where(stopped, now, new)
            if new.size and not (new.max() <= DIVERGED and new.min() >= -DIVERGED):  # no, too, if one is NaN
                diverged[~(np.abs(new) <= DIVERGED).all(axis=-1)] = k
                stopped = np.empty_like(now, dtype=bool)
                stopped[...] = (diverged > 0)[..., None]
                new = np.where(stopped, now, new)
            now = new
            if k % every == 0 or k == steps:
                row = -(-k // every)
                path[row] = now
                if rates:
                    rate[row - 1] = update._rate(k, *states, *settings)[0]
                    if stopped is not None:
                        rate[row - 1][stopped] = np.nan
    return Descent(path, diverged, update, hyper, kept, rate, loss if callable(loss) else None)


def _empty(shape, apart):
    """An array of the shape (rows, ..., d), in memory as (rows, d, ...) if the coordinates lie apart."""
    return np.moveaxis(np.empty((shape[0], shape[-1], *shape[1:-1])), 1, -1) if apart else np.empty(shape)


def _by_coordinate(land):
    """∇L of a Landscape without its care for input of all kinds: float64 θ (..., d), in θ's own layout."""
    code = land.formulas["gradient"].code

    def gradient(θ):
        slope = np.empty_like(θ)
        for k, entry in enumerate(code(*np.moveaxis(θ, -1, 0))):
            slope[..., k] = entry
        return slope

    return gradient


def _runs(update, hyper, runs):
    """The leading axes of all runs: those of the start and of every hyper-parameter, broadcast together."""
    shapes = {"start": runs}
    for h in update.hyper:
        shapes[h.letter] = np.shape(h.at(hyper[h.letter], 1))
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        shown = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape)
        raise ValueError(
            f"the leading axes of the start and the hyper-parameters do not fit together: {shown}"
        ) from None


def _of_runs(value, runs):
    """A number as it is; an array with its axes where those of the runs are, and one for the coordinates."""
    if np.ndim(value) == 0:
        return np.float64(value)  # 1/0 is infinite here, as in an array
    try:
        return np.broadcast_to(value, runs)[..., None]
    except ValueError:
        raise ValueError(
            f"a schedule returned an array of shape {np.shape(value)}, which does not fit the runs {runs}"
        ) from None


def _curved_step(update, g, H, t, settings, ξ):
    """The step of a curved rule: taken along each eigenvector, then turned back."""
    λ, U = eigenbasis(H)
    along = np.einsum("...ji,...j->...i", U, g)
    step = update._step(np.zeros_like(along), along, t, ξ, λ, *settings)[0]
    return np.einsum("...ij,...j->...i", U, step)
