"""A race away from a saddle: who leaves it, after how many steps, and what the laws say."""

import math

import numpy as np
import sympy as sp

from helpers import palette
from helpers.checks import finite_array, number
from helpers.critical_points import ZERO
from helpers.explorers.explorer import MATPLOTLIB, look, module
from helpers.explorers.landscape import LandscapeExplorer
from helpers.landscapes import Landscape
from helpers.saddles import ESCAPE
from helpers.symbolic import Formula

NEAREST = 1e-12  # the least distance from the stable direction on the slider, beside 0
POINTS = 20  # distances at which the plot measures

δ, R = sp.symbols("delta R", positive=True)
λ = sp.Symbol("lambda", negative=True)
η, D = sp.symbols("eta D", positive=True)
_growth = sp.log(R / δ) / sp.log(1 + η * -λ)
_noise = (sp.log(2 * -λ * R**2 / D) + sp.EulerGamma) / (2 * -λ) / η
LAWS = {
    "gradient descent": _growth,
    "perturbed": sp.Min(_growth, _noise),
    "saddle-free newton": sp.log(R / δ) / sp.log(2),  # a full step along −g/|λ| doubles the distance
}
LAWS = {name: Formula([δ, λ, R, η, D], law) for name, law in LAWS.items()}
NEVER = ("newton",)  # its full step ends at the saddle


def strict_saddle(land, at=None):
    """(θ*, u₁, λ₁) of a saddle in the landscape's view: the one nearest to `at`, by default to the middle.

    Raises ValueError where the view has no saddle.

    >>> from helpers.landscapes import landscape
    >>> strict_saddle(landscape("saddle"))
    ((0.0, 0.0), (0.0, 1.0), -2.0)
    """
    low, high = np.array(land.domain).T
    inside = [p for p in land.spec()["critical"]
              if p["kind"] == "saddle" and (low <= p["θ"]).all() and (p["θ"] <= high).all()]
    if not inside:
        raise ValueError(f"{land.name!r} has no saddle with a negative eigenvalue in its view to escape from")
    place = (low + high) / 2 if at is None else at
    θ = min((p["θ"] for p in inside), key=lambda θ: np.linalg.norm((np.array(θ) - place) / (high - low)))
    λ, U = np.linalg.eigh(land.hessian(θ))
    u = np.round(U[:, 0], 15)  # (0, 1) and (s, s) exactly: the other coordinate then stays out of this one
    u = u * np.sign(u[np.argmax(np.abs(u) > 0.5)])
    return tuple(float(v) for v in θ), tuple((u + 0.0).tolist()), float(λ[0])


def _radius(land, θ):
    """How far from the saddle a rule has left it: a quarter of the view, or half way to what else is flat."""
    spec = land.spec()
    flat = [p["θ"] for p in spec["critical"]] + [p for c in spec["curves"] for line in c["polylines"] for p in line]
    far = np.linalg.norm(np.array(flat) - θ, axis=1)
    low, high = np.array(land.domain).T
    room = min([(high - low).min() / 4, *(far[far > 1e-6] / 2)])
    power = 10.0 ** math.floor(math.log10(room))
    return float(f"{math.floor(room / power + 1e-9) * power:.1g}")


class EscapeExplorer(LandscapeExplorer):
    """A race of update rules away from a saddle θ* of L(θ), from a start that can be dragged.

    δ = |u₁ᵀ(θ − θ*)| is the start's distance along the unstable direction u₁, the eigenvector of the Hessian's
    negative eigenvalue λ₁ at θ*. A rule has left at the first step with |u₁ᵀ(θ − θ*)| ≥ R. A plot shows the
    steps that each rule needs against δ, beside the laws

        gradient descent ln(R/δ)/ln(1 + η|λ₁|),  saddle-free Newton ln(R/δ)/ln 2,

    and for perturbed GD the smaller of the first and (ln(2|λ₁|R²/D) + γ)/(2|λ₁|η) (`helpers.saddles`).

    `landscapes`, `rules`, `start`, `seed` and the rest are those of LandscapeExplorer. `δ` moves the start along
    u₁ to that distance; as an attribute it can be read and set. `saddle` is a point near the saddle that is
    meant, `R` the escape radius; both belong to the first landscape, by default they are found in the view.
    `left`, `laws` and `sweep()` give the numbers of the table and of the plot.

    Raises ValueError for a landscape without a saddle, and ValueError or TypeError for settings that make no
    sense.

    >>> race = EscapeExplorer("saddle", rules=("gradient descent", "newton"), δ=1e-6, η=0.1)
    >>> race.left, round(race.laws["gradient descent"], 2)
    ({'gradient descent': 76, 'newton': None}, 75.78)
    """

    poster_size = (8.4, 4.4)

    def __init__(self, landscapes=("saddle", "worst network", "Himmelblau"), rules=tuple(ESCAPE), *, δ=None,
                 saddle=None, R=None, start=None, steps=300, **settings):
        several = [rules] if isinstance(rules, str) or not hasattr(rules, "__iter__") else rules
        rules = [ESCAPE.get(rule, rule) if isinstance(rule, str) else rule for rule in several]
        self._wanted = {"saddle": None if saddle is None else finite_array(saddle, "saddle", 2), "R": R}
        self._escapes = {}
        if δ is not None and start is not None:
            raise ValueError("give the start or its distance δ, not both")
        super().__init__(landscapes, rules, start=start, steps=steps, **settings)
        if δ is not None:
            self.δ = δ
            self._given["start"] = self.start
            self.spec = self._make_spec()
            if not settings.get("alt"):
                self.alt = self._describe()

    def _view(self, land):
        """The landscape's view with its saddle; the start lies 10⁻⁶ from its stable direction."""
        wanted = {"saddle": None, "R": None} if self._escapes else self._wanted
        θ, u, λ = strict_saddle(land, wanted["saddle"])
        far = _radius(land, θ) if wanted["R"] is None else number(wanted["R"], "R", 0, above=True)
        low, high = np.array(land.domain).T
        θ, u = np.array(θ), np.array(u)
        if (θ - far * u < low).any() or (θ + far * u > high).any():
            raise ValueError(f"R must leave the points at distance R in the view of {land.name!r}, "
                             f"but {far:g} is too far")
        escape = {"saddle": θ.tolist(), "u": u.tolist(), "λ": λ, "R": far,
                  "distances": np.geomspace(NEAREST, far, POINTS).tolist()}
        self._escapes[land.name] = escape
        # a start beside the saddle where the stable direction is straight, so that the laws hold there
        across = np.array([u[1], -u[0]])
        room = min((e - p) / c for e, p, c in zip(np.where(across > 0, high, low), θ, across, strict=True) if c)
        aside = float(f"{0.6 * room:.1g}")
        straight = np.abs(land.gradient(θ + np.linspace(0, aside, 9)[1:, None] * across) @ u).max() < 1e-9
        begin = displaced(θ + across * aside * bool(straight), escape, 1e-6)
        view = super()._view(land)
        scaled = any(r.stable_below is None and any(h.letter == "η" for h in r.hyper) and r.name not in ESCAPE
                     for r in self.rules.values())
        rate = view["rate"] if scaled or land.spec()["rate"] is None else land.spec()["rate"]
        return view | {"start": begin.tolist(), "escape": escape, "rate": rate}

    def _make_spec(self):
        formulas = {name: law.javascript for name, law in LAWS.items() if name in self.rules}
        spec = super()._make_spec()
        never = [name for name in self.rules if name in NEVER]
        return spec | {"escape": {"laws": list(formulas), "never": never, "low": NEAREST},
                       "formulas": spec["formulas"] | {f"law {name}": js for name, js in formulas.items()}}

    @property
    def saddle(self):
        """The saddle θ* of the landscape that is shown."""
        return tuple(self._escapes[self.landscape]["saddle"])

    @property
    def R(self):
        """The escape radius."""
        return self._escapes[self.landscape]["R"]

    @property
    def δ(self):
        """The start's distance from the saddle along the unstable direction."""
        return abs(float(along(self.start, self._escapes[self.landscape])))

    @δ.setter
    def δ(self, value):
        value = number(value, "the distance δ", 0)
        self.start = displaced(self.start, self._escapes[self.landscape], value).tolist()

    def _left(self, θ):
        """First step with |u₁ᵀ(θ − θ*)| ≥ R for paths (steps + 1, ..., 2); −1 where there is none."""
        out = np.abs(along(θ, self._escapes[self.landscape])) >= self.R
        return np.where(out.any(axis=0), out.argmax(axis=0), -1)

    @property
    def left(self):
        """{rule: the step at which it has left the saddle, or None}."""
        steps = {name: int(self._left(run.θ)) for name, run in self.path.items()}
        return {name: k if k >= 0 else None for name, k in steps.items()}

    @property
    def laws(self):
        """{rule: the number of steps by its law}, infinite where it never leaves; rules without a law are left out."""
        return {name: self._law(name, self.δ) for name in self.active if name in LAWS or name in NEVER}

    def _law(self, name, distance):
        if name not in LAWS:
            return math.inf if name in NEVER else math.nan
        escape = self._escapes[self.landscape]
        letters = [getattr(self, letter) or math.nan for letter in ("η", "D")]
        return float(max(0.0, LAWS[name](distance, escape["λ"], escape["R"], *letters)))

    def sweep(self):
        """(δ, {rule: steps to leave, −1 for more than `steps`}): the points of the plot, the noise the same in all."""
        escape = self._escapes[self.landscape]
        distances = np.array([0.0, *escape["distances"]])
        starts = np.array([displaced(self.start, escape, v) for v in distances])
        return distances, {name: self._left(self._descend(name, starts).θ) for name in self.active}

    def settings(self):
        first, named = super().settings()
        steps = named.pop("steps")
        if "η" in named or named:
            named["rules"] = (named["rules"][0], tuple(ESCAPE))
        home = self._first == self.landscape
        asked = {k: v for k, v in self._wanted.items() if v is not None and home}
        extra = {k: (tuple(v.tolist()) if k == "saddle" else float(v), None) for k, v in asked.items()}
        if first == [("saddle", "worst network", "Himmelblau")]:
            first = []
        return first, named | {"steps": (steps[0], 300)} | extra

    def _describe(self):
        left = [f"{self.rules[name].label} {'after step ' + str(k) if k is not None else 'not at all'}"
                for name, k in self.left.items()]
        race = f" Each leaves the saddle: {', '.join(left)}." if left else ""
        return (f"{super()._describe()}{race} Beside it, the steps to leave the saddle against the start's distance δ "
                f"from its stable direction, here δ = {self.δ:.1e}.")

    def draw(self, figure):
        """The poster: the map with the strip around the saddle, and the steps to leave against the distance."""
        self._draw_map(figure.add_axes((0.04, 0.06, 0.48, 0.925)))
        self._draw_sweep(figure.add_axes((0.58, 0.13, 0.41, 0.83)))
        return True

    def _draw_map(self, ax):
        super()._draw_map(ax)
        limits = ax.axis()
        escape = self._escapes[self.landscape]
        θ, u, far = np.array(escape["saddle"]), np.array(escape["u"]), escape["R"]
        for side in (-far, far):
            ax.axline(θ + side * u, θ + side * u + (u[1], -u[0]), color=palette.INK[0], linewidth=1,
                      linestyle=(0, (4, 3)))
        ax.axis(limits)

    def _draw_sweep(self, ax):
        distances, measured = self.sweep()
        places = np.where(distances > 0, distances, NEAREST / 30)
        known = [steps[steps >= 0].max(initial=0) for steps in measured.values()]
        known += [law for law in map(lambda name: self._law(name, NEAREST), self.active) if math.isfinite(law)]
        top = min(self.steps, 1.1 * max(known, default=self.steps)) or 1
        for name, steps in measured.items():
            style, colour = look(self.rules[name]), palette.RULE.get(name, palette.INK)[0]
            if name in LAWS:
                grid = np.geomspace(NEAREST, self.R, 200)
                ax.plot(grid, [self._law(name, v) for v in grid], color=colour, linewidth=1.2, alpha=0.7)
            ax.plot(places, np.where(steps >= 0, steps, 1.08 * top), MATPLOTLIB[style["marker"]], color=colour,
                    markerfacecolor="white", markersize=5, linestyle="none")
        ax.axvline(max(self.δ, NEAREST / 30), color=palette.INK[0], linewidth=1, linestyle=(0, (2, 3)))
        ax.axhline(1.03 * top, color=palette.LINE[0], linewidth=1)
        ax.text(NEAREST / 60, 1.12 * top, "never, or later", color=palette.SOFT[0], fontsize=8, va="bottom")
        ax.set(xscale="log", xlim=(NEAREST / 90, 2 * self.R), ylim=(0, 1.2 * top),
               xlabel="distance δ of the start", ylabel="steps to leave")
        marks = [10.0**k for k in range(-12, 1, 3)]
        ax.set_xticks([NEAREST / 30, *marks], ["0", *(f"$10^{{{round(math.log10(v))}}}$" for v in marks)])
        ax.minorticks_off()
        ax.tick_params(colors=palette.SOFT[0], labelsize=8, length=2)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)


def along(θ, escape):
    """u₁ᵀ(θ − θ*): (..., 2) -> (...)."""
    return (np.asarray(θ) - escape["saddle"]) @ np.array(escape["u"])


def displaced(θ, escape, distance):
    """θ moved along u₁ until |u₁ᵀ(θ − θ*)| is `distance`, on the side where it is; its other coordinate stays.

    >>> escape = {"saddle": [0.0, 0.0], "u": [0.0, 1.0]}
    >>> displaced([1.0, -0.5], escape, 1e-3).tolist()
    [1.0, -0.001]
    """
    (u, v), saddle = escape["u"], np.array(escape["saddle"])
    away = np.asarray(θ) - saddle
    side = -1.0 if u * away[0] + v * away[1] < 0 else 1.0
    other = v * away[0] - u * away[1]
    return saddle + [side * distance * u + other * v, side * distance * v - other * u]
