"""Adaptive rates taken apart: rules with a piece removed or added, their exact first steps, telling losses.

Every variant is made from the expressions of the rule itself, so that it differs in one place only.
"""

import sympy as sp

from helpers.checks import finite_array, number
from helpers.landscapes import Landscape
from helpers.optimizers import HYPER, UpdateRule, g, t, β1, β2, θ, λ
from helpers.optimizers import rule as find_rule


def uncorrected(rule):
    """The rule without its bias correction: the divisors 1 − β₁ᵗ and 1 − β₂ᵗ become 1.

    Raises ValueError for a rule that corrects nothing. Source: kingma2015, section 3.

    >>> from helpers.optimizers import rule
    >>> uncorrected("adam").step([0.0], [2.0], [[0.0], [0.0]], 1, rule("adam").defaults)[0].round(4).tolist()
    [-0.3162]
    """
    rule = find_rule(rule)
    powers = {β1**t: 0, β2**t: 0}
    update = tuple((symbol, sp.sympify(e).subs(powers)) for symbol, e in rule.update)
    if update == tuple((symbol, sp.sympify(e)) for symbol, e in rule.update):
        raise ValueError(f"{rule.name!r} corrects no bias, so there is none to leave out")
    rate = None if rule.rate is None else rule.rate.subs(powers)
    return _variant(rule, f"{rule.name} uncorrected", f"{rule.label}, uncorrected", update, rate)


def penalized(rule):
    """The rule on L + ½λ‖θ‖²: its gradient is g + λθ. In AdamW the decay stays outside of the adaptive rate.

    Raises ValueError for a rule that takes its gradient elsewhere than at θ, or has a weight decay already.

    >>> penalized("gradient descent").step([1.0], [0.0], [], 1, {"η": 0.1, "λ": 0.5})[0].tolist()
    [0.95]
    """
    rule = find_rule(rule)
    if rule.at != θ:
        raise ValueError(f"{rule.name!r} takes its gradient elsewhere, so λθ cannot be added to it at θ")
    if "λ" in rule.defaults:
        raise ValueError(f"{rule.name!r} has a weight decay λ already")
    update = tuple((symbol, sp.sympify(e).subs(g, g + λ * θ)) for symbol, e in rule.update)
    return _variant(rule, f"{rule.name} L2", f"{rule.label} with L2", update, rule.rate)


def projected(rule, low, high):
    """The rule with every coordinate put back to [low, high] after each step: θ ← max(low, min(high, ·)).

    Raises ValueError where low < high does not hold.

    >>> projected("gradient descent", -1, 1).step([0.5], [-9.0], [], 1, {"η": 0.1})[0].tolist()
    [1.0]
    """
    rule = find_rule(rule)
    low, high = (sp.nsimplify(number(end, name)) for end, name in ((low, "low"), (high, "high")))
    if low >= high:
        raise ValueError(f"low must be less than high, not {low} and {high}")
    *states, (_, step) = rule.update
    update = (*states, (θ, sp.Max(low, sp.Min(high, step))))
    return _variant(rule, f"{rule.name} on [{low}, {high}]", f"{rule.label}, projected", update, rule.rate)


def _variant(rule, name, label, update, rate):
    return UpdateRule(name, label, update, at=rule.at, rate=rate, source=rule.source)


def exact_steps(rule, gradients, **values):
    """[Δθ₁, Δθ₂, …]: the steps that the rule takes on given gradients, as SymPy expressions.

    `gradients` are numbers or expressions, taken in turn whatever θ is; a rule that uses θ itself starts at
    θ = 0. Hyper-parameters given by letter are put in (exactly: a string such as "1/10" or a SymPy number);
    the others stay symbols.

    >>> a = sp.Symbol("a", positive=True)
    >>> [sp.simplify(step) for step in exact_steps("adam", [a, a], ε=0)]
    [-eta, -eta]
    """
    rule = find_rule(rule)
    letters = {h.letter: h.symbol for h in HYPER.values()}
    if unknown := set(values) - set(rule.defaults):
        raise TypeError(f"{rule.name!r} has no hyper-parameter {', '.join(map(repr, sorted(unknown)))}; "
                        f"it takes {', '.join(rule.defaults)}")
    known = {letters[letter]: sp.sympify(value) for letter, value in values.items()}
    now, steps = {θ: sp.S.Zero, **dict.fromkeys(rule.states, sp.S.Zero)}, []
    for k, gradient in enumerate(gradients, 1):
        before = now[θ]
        for symbol, expression in rule.update:
            now[symbol] = sp.sympify(expression).subs(now | known | {g: gradient, t: k}, simultaneous=True)
        steps.append(now[θ] - before)
    return steps


class Rounds:
    """A target for `descend` whose gradient changes from step to step: `gradients` in turn, again and again.

    In step t the loss is the line aθ with a = gradients[(t − 1) mod n], the same for every coordinate and
    every run; `loss` is their mean over one round. The object counts its steps: each run needs a fresh one.

    >>> from helpers.optimizers import descend
    >>> descend(Rounds([3, -1, -1]), [0.0], steps=3, η=0.1).θ[:, 0].round(6).tolist()
    [0.0, -0.3, -0.2, -0.1]
    """

    d = 1

    def __init__(self, gradients):
        self.gradients = finite_array(gradients, "gradients")
        if self.gradients.ndim != 1 or not self.gradients.size:
            raise ValueError(f"gradients must be a list of numbers, not of shape {self.gradients.shape}")
        self.steps = 0

    def gradient(self, θ):
        """The slope of this step, at every θ (..., 1); asking for it ends the step."""
        slope = self.gradients[self.steps % self.gradients.size]
        self.steps += 1
        return slope + 0.0 * θ

    def loss(self, θ):
        """The mean loss over one round: θ (..., 1) -> (...)."""
        return self.gradients.mean() * finite_array(θ, "θ", 1)[..., 0]


def reddi(C=3):
    """Reddi et al.'s example on [−1, 1]: slope C in steps 1, 4, 7, …, and −1 in the two between, C > 2.

    The mean slope (C − 2)/3 is positive, so θ = −1 is best. Source: reddi2018, theorem 1.

    >>> reddi(3).loss([[-1.0], [1.0]]).round(6).tolist()
    [-0.333333, 0.333333]
    """
    return Rounds([number(C, "C", 2, above=True), -1.0, -1.0])


def turned(land, degrees):
    """A landscape of two parameters, turned about the origin by an angle; the domain stays what it was.

    The start turns with it, so that a run of a rule that treats all directions alike turns, too.

    >>> from helpers.landscapes import ravine
    >>> turned(ravine(3), 45).hessian([0.0, 0.0]).round(6).tolist()
    [[2.0, -1.0], [-1.0, 2.0]]
    """
    if not isinstance(land, Landscape) or land.d != 2:
        raise ValueError(f"turned takes a landscape of two parameters, not {land!r}")
    angle = sp.pi * sp.nsimplify(number(degrees, "degrees")) / 180
    c, s = sp.cos(angle), sp.sin(angle)
    x, y = land.variables
    expression = land.expression.subs({x: c * x + s * y, y: c * y - s * x}, simultaneous=True)
    a, b = land.start
    start = (float(c * a - s * b), float(s * a + c * b))
    return Landscape(f"{land.name}, turned", expression, land.variables, land.domain, start=start,
                     title=f"{land.title}, turned by {number(degrees, 'degrees'):g}°",
                     lower_bound=land.lower_bound, source=land.source)
