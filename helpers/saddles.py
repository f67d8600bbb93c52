"""Saddles: rules that leave them and one that does not, how long it takes, and how common saddles are."""

import sympy as sp

from helpers.optimizers import Δ, D, UpdateRule, g, gradient_descent, r, η, θ, λi, ξ

p = sp.Symbol("p", real=True)


FLAT = sp.Rational(1, 10**8)  # a curvature below it is rounding: no step divides by it


def _cut(step):
    """A step no longer than Δ."""
    return sp.Max(-Δ, sp.Min(Δ, step))


def _rule(name, label, step, source):
    return UpdateRule(name, label, ((θ, θ - step),), show=((p, step),), source=source)


perturbed = UpdateRule(
    "perturbed",
    "Perturbed GD",
    ((θ, θ - η * g + sp.sqrt(2 * η * D) * ξ),),
    stable_below=sp.Integer(2),
    source="jin2021",
)
newton = _rule("newton", "Newton", _cut(λi * g / sp.Max(λi**2, FLAT**2)), "dauphin2014")
saddle_free = _rule(
    "saddle-free newton", "Saddle-free Newton", _cut(g / sp.Max(sp.Abs(λi), FLAT)), "dauphin2014"
)
negative_curvature = _rule(
    "negative curvature",
    "Negative curvature",
    sp.Piecewise((η * g, λi >= 0), (sp.Max(r, η * g), g >= 0), (sp.Min(-r, η * g), True)),
    "jin2017",
)

ESCAPE = {
    rule.name: rule for rule in (gradient_descent, perturbed, negative_curvature, newton, saddle_free)
}
