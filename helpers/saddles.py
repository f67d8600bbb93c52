"""Saddles: rules that leave them and one that does not, how long it takes, and how common saddles are."""

import sympy as sp

from helpers.optimizers import Δ, D, UpdateRule, g, gradient_descent, r, η, θ, λi, ξ

p = sp.Symbol("p", real=True)


def _cut(step):
    """A step no longer than Δ; where slope and curvature are both zero there is none."""
    return sp.Piecewise((0, sp.Eq(g, 0)), (sp.Max(-Δ, sp.Min(Δ, step)), True))


def _rule(name, label, step, source):
    return UpdateRule(name, label, ((θ, θ - step),), show=((p, step),), source=source)


perturbed = UpdateRule(
    "perturbed",
    "Perturbed GD",
    ((θ, θ - η * g + sp.sqrt(2 * η * D) * ξ),),
    stable_below=sp.Integer(2),
    source="jin2021",
)
newton = _rule("newton", "Newton", _cut(g / λi), "dauphin2014")
saddle_free = _rule("saddle-free newton", "Saddle-free Newton", _cut(g / sp.Abs(λi)), "dauphin2014")
negative_curvature = _rule(
    "negative curvature",
    "Negative curvature",
    sp.Piecewise((η * g, λi >= 0), (sp.Max(r, η * g), g >= 0), (sp.Min(-r, η * g), True)),
    "jin2017",
)

ESCAPE = {
    rule.name: rule for rule in (gradient_descent, perturbed, negative_curvature, newton, saddle_free)
}
