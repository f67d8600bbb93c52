"""A race away from a saddle: who leaves it, after how many steps, and what the laws say."""

import math

import numpy as np
import sympy as sp

from helpers import palette
from helpers.checks import finite_array, lookup, number
from helpers.explorers.explorer import MATPLOTLIB, look, module, shown
from helpers.explorers.landscape import LandscapeExplorer
from helpers.optimizers import RULES, D, η
from helpers.saddles import ESCAPE, R, escape_steps, escape_steps_noise, steps_to_leave, δ, λ
from helpers.symbolic import Formula

LANDSCAPES = ("saddle", "worst network", "Himmelblau")
NEAREST = 1e-12  # the least distance on the slider, beside 0
HOME = 1e-6  # the distance of a start that is not given
POINTS = 20  # distances at which the plot measures

_growth = escape_steps.expression
LAWS = {
    name: Formula([δ, λ, R, η, D], law)
    for name, law in {
        "gradient descent": _growth,
        "perturbed": sp.Min(_growth, escape_steps_noise.expression),
        "saddle-free newton": _growth.subs(η, 1 / sp.Abs(λ)),  # its full step −g/|λ| is a rate of 1/|λ|
    }.items()
}
NEVER = ("newton",)  # its full step ends at the saddle


def strict_saddle(land, at=None):
    """(θ*, u₁, λ₁): the saddle in the landscape's view nearest to `at`, by default to the middle.

    λ₁ < 0 is the lowest eigenvalue of the Hessian there and u₁ its eigenvector.

    Raises ValueError where the view has no saddle.

    >>> from helpers.landscapes import landscape
    >>> strict_saddle(landscape("saddle"))
    ((0.0, 0.0), (0.0, 1.0), -2.0)
    """
    low, high = np.array(land.domain).T
    points = [p["θ"] for p in land.spec()["critical"] if p["kind"] == "saddle"]
    points = [θ for θ in points if (low <= θ).all() and (θ <= high).all()]
    if not points:
        raise ValueError(f"{land.name!r} has no saddle with a negative eigenvalue in its view to escape from")
    place = (low + high) / 2 if at is None else np.asarray(at)
    θ = min(points, key=lambda θ: np.linalg.norm((θ - place) / (high - low)))
    λ, U = np.linalg.eigh(land.hessian(θ))
    u = U[:, 0] * np.sign(U[np.argmax(np.abs(U[:, 0]) > 0.5), 0])
    for exact in (0.0, math.sqrt(0.5), 1.0):  # to the bit, or the other coordinate would leak into δ
        u = np.where(np.abs(np.abs(u) - exact) < 1e-12, np.copysign(exact, u), u) + 0.0
    return tuple(map(float, θ)), tuple(u.tolist()), float(λ[0])


def along(θ, escape):
    """u₁ᵀ(θ − θ*): (..., 2) -> (...).

    >>> along([3.0, -0.5], {"saddle": [0.0, 0.0], "u": [0.0, 1.0]}).item()
    -0.5
    """
    return ((np.asarray(θ) - escape["saddle"]) * escape["u"]).sum(-1)


def displaced(θ, escape, distance):
    """θ moved along u₁ until |u₁ᵀ(θ − θ*)| is `distance`, on its side; its other coordinate stays.

    >>> displaced([1.0, -0.5], {"saddle": [0.0, 0.0], "u": [0.0, 1.0]}, 1e-3).tolist()
    [1.0, -0.001]
    """
    (u, v), saddle = escape["u"], np.array(escape["saddle"])
    away = np.asarray(θ) - saddle
    side = -1.0 if u * away[0] + v * away[1] < 0 else 1.0
    other = v * away[0] - u * away[1]
    return saddle + [side * distance * u + other * v, side * distance * v - other * u]


def _radius(land, spec, θ):
    """How far out a rule has left: a quarter of the view, or half way to what else is critical there."""
    critical = [p["θ"] for p in spec["critical"]]
    critical += [p for curve in spec["curves"] for line in curve["polylines"] for p in line]
    far = np.linalg.norm(np.array(critical) - θ, axis=1)
    room = min(np.diff(land.domain).min() / 4, (far[far > 1e-6] / 2).min(initial=math.inf))
    power = 10.0 ** math.floor(math.log10(room))
    return float(f"{math.floor(room / power + 1e-9) * power:.1g}")


def _home(land, escape):
    """A start at distance HOME; aside of the saddle if the stable direction is straight: laws hold there."""
    saddle, u = np.array(escape["saddle"]), np.array(escape["u"])
    across = np.array([u[1], -u[0]])
    low, high = np.array(land.domain).T
    ends = np.where(across > 0, high, low)
    room = min((end - p) / c for end, p, c in zip(ends, saddle, across, strict=True) if c)
    aside = float(f"{0.6 * room:.1g}")
    line = saddle + np.linspace(0, aside, 9)[1:, None] * across
    straight = bool(np.abs(land.gradient(line) @ u).max() < 1e-9)
    return displaced(saddle + across * (aside if straight else 0.0), escape, HOME)


class EscapeExplorer(LandscapeExplorer):
    """A race of update rules away from a saddle θ* of L(θ), from a start that can be dragged.

    δ = |u₁ᵀ(θ − θ*)| is the start's distance along the unstable direction u₁, the eigenvector of the lowest
    eigenvalue λ₁ < 0 of the Hessian at θ*. A rule has left at the first step with |u₁ᵀ(θ − θ*)| ≥ R. A plot
    shows the steps that each rule needs against δ, beside the laws

        gradient descent: ln(R/δ)/ln(1 + η|λ₁|),    saddle-free Newton: ln(R/δ)/ln 2,

    and for perturbed GD the smaller of the first and what noise needs from the saddle itself, on average
    (`escape_steps` and `escape_steps_noise` of helpers.saddles).

    `landscapes`, `rules`, `start`, `seed` and the rest are those of LandscapeExplorer. `δ` moves the start
    along u₁ to that distance; as an attribute it can be read and set. `saddle` is a point near the saddle
    that is meant, by default the middle of the view; `R` is the escape radius. Both are for the first
    landscape, the others find their own. `left`, `laws` and `sweep()` are the numbers of table and plot.

    Raises ValueError for a landscape without a saddle, and ValueError or TypeError for settings that make no
    sense.

    >>> race = EscapeExplorer("saddle", rules=("gradient descent", "newton"), δ=1e-6, η=0.1)
    >>> race.left, round(race.laws["gradient descent"], 2)
    ({'gradient descent': 76, 'newton': None}, 75.78)
    """

    kind = "escape"
    _esm = module(kind)
    poster_size = (8.4, 4.4)

    def __init__(self, landscapes=LANDSCAPES, rules=tuple(ESCAPE), *, δ=None, saddle=None, R=None, start=None,
                 steps=300, **settings):
        several = [rules] if isinstance(rules, str) or not hasattr(rules, "__iter__") else rules
        rules = [lookup(RULES | ESCAPE, r, "rule") if isinstance(r, str) else r for r in several]
        if saddle is not None:
            saddle = finite_array(saddle, "saddle", 2)
            if saddle.shape != (2,):
                raise ValueError("saddle must be one point of two coordinates, "
                                 f"but its shape is {saddle.shape}")
        R = None if R is None else number(R, "the escape radius R", 0, above=True)
        self._asked = {"saddle": saddle, "R": R}
        self._escapes = {}
        super().__init__(landscapes, rules, start=start, steps=steps, **settings)
        if δ is not None:
            self.δ = δ
            self._given["start"] = self.start
            self.spec = self._make_spec()
            self.alt = settings.get("alt") or self._describe()

    def _view(self, land):
        """The landscape's view, with its saddle and a start beside it."""
        asked = {"saddle": None, "R": None} if self._escapes else self._asked
        view = super()._view(land)
        θ, u, λ = strict_saddle(land, asked["saddle"])
        far = asked["R"] or _radius(land, view, θ)
        escape = {"saddle": list(θ), "u": list(u), "λ": λ, "R": far,
                  "distances": np.geomspace(NEAREST, far, POINTS).tolist()}
        low, high = np.array(land.domain).T
        ends = np.array([displaced(θ, escape, far), displaced(θ, escape, -far)])
        if (ends < low).any() or (ends > high).any():
            raise ValueError(f"the escape radius R must stay in the view of {land.name!r}, but {far:g} from "
                             f"the saddle at ({θ[0]:.4g}, {θ[1]:.4g}) lies outside")
        self._escapes[land.name] = escape
        return view | {"start": _home(land, escape).tolist(), "escape": escape}

    def _make_spec(self):
        laws = {name: law.javascript for name, law in LAWS.items() if name in self.rules}
        spec = super()._make_spec()
        spec["formulas"] |= {f"law {name}": text for name, text in laws.items()}
        never = [name for name in self.rules if name in NEVER]
        return spec | {"escape": {"laws": list(laws), "never": never, "low": NEAREST}}

    @property
    def _escape(self):
        return self._escapes[self.landscape]

    @property
    def saddle(self):
        """The saddle θ* of the landscape that is shown."""
        return tuple(self._escape["saddle"])

    @property
    def R(self):
        """The escape radius."""
        return self._escape["R"]

    @property
    def δ(self):
        """The start's distance from the saddle along the unstable direction."""
        return abs(float(along(self.start, self._escape)))

    @δ.setter
    def δ(self, value):
        self.start = displaced(self.start, self._escape, number(value, "the distance δ", 0)).tolist()

    def _leaving(self, run):
        """First step of a run with |u₁ᵀ(θ − θ*)| ≥ R, −1 where there is none: (...)."""
        return steps_to_leave(run, self.saddle, self.R, u=self._escape["u"])

    @property
    def left(self):
        """{rule: the step at which it has left the saddle, or None}."""
        steps = {name: int(self._leaving(run)) for name, run in self.path.items()}
        return {name: step if step >= 0 else None for name, step in steps.items()}

    @property
    def laws(self):
        """{rule: number of steps by its law, infinite for never}, for the rules that have one."""
        return {name: float(self._law(name, self.δ)) for name in self.active if name in (*LAWS, *NEVER)}

    def _law(self, name, distance):
        if name in NEVER:
            return np.full(np.shape(distance), math.inf)
        hyper = (getattr(self, letter) or math.nan for letter in ("η", "D"))
        return np.maximum(LAWS[name](distance, self._escape["λ"], self.R, *hyper), 0)

    def sweep(self):
        """(δ (n,), {rule: steps to leave (n,)}) with −1 for more than `steps`: the points of the plot.

        The other coordinate of the start stays, and every run draws the same noise.
        """
        distances = np.array([0.0, *self._escape["distances"]])
        starts = np.array([displaced(self.start, self._escape, v) for v in distances])
        return distances, {name: self._leaving(self._descend(name, starts)) for name in self.active}

    def settings(self):
        first, named = super().settings()
        named["rules"] = (named["rules"][0], tuple(ESCAPE))
        named["steps"] = (self.steps, 300)
        if first == [LANDSCAPES]:
            first = []
        home = _home(self.landscapes[self.landscape], self._escape)
        # six digits of a start do not hold a small distance, so it has an entry of its own
        moved = np.abs(displaced(home, self._escape, self.δ) - self.start).max() > 1e-9
        named["start"] = (self.start if moved else None, None)
        named["δ"] = (self.δ, HOME if abs(self.δ / HOME - 1) > 1e-3 else self.δ)
        if self.landscape == self._first:
            asked = self._asked
            named["saddle"] = (None if asked["saddle"] is None else tuple(asked["saddle"].tolist()), None)
            named["R"] = (asked["R"], None)
        return first, named

    def _describe(self):
        """Alt text: the race in words."""
        race = []
        for name, step in self.left.items():
            law = self.laws.get(name, math.nan)
            says = f" (by its law {law:.1f})" if math.isfinite(law) else ""
            does = f"does not leave in {self.steps} steps" if step is None else f"leaves after {step} steps"
            race.append(f"{self.rules[name].label} {does}{says}")
        title, (x, y) = self.landscapes[self.landscape].title, self.saddle
        runs = f" From distance δ = {shown(self.δ)}, {', '.join(race)}." if race else ""
        return (f"Contour map of the loss “{title}” with a strip of half-width R = {self.R:g} around its "
                f"saddle at ({x:.3g}, {y:.3g}).{runs} Beside the map, the steps to leave against δ.")

    def draw(self, figure):
        """The poster: the map with the strip around the saddle, and the steps to leave against δ."""
        self._draw_map(figure.add_axes((0.045, 0.06, 0.4845, 0.925)))
        self._draw_sweep(figure.add_axes((0.6, 0.125, 0.39, 0.845)))
        return True

    def _draw_map(self, ax):
        super()._draw_map(ax)
        view = ax.axis()
        saddle, u = np.array(self.saddle), np.array(self._escape["u"])
        for side in (-self.R, self.R):
            edge = saddle + side * u
            ax.axline(edge, edge + (u[1], -u[0]), color=palette.INK[0], linewidth=1, linestyle=(0, (4, 3)))
        ax.axis(view)
        ax.xaxis.set_label_coords(0.56, -0.02)
        ax.yaxis.set_label_coords(-0.025, 0.56)

    def _draw_sweep(self, ax):
        distances, measured = self.sweep()
        zero, edge = NEAREST / 30, 2 * self.R  # 0 has a place of its own on the logarithmic axis
        grid = np.geomspace(NEAREST, self.R, 200)
        laws = {name: self._law(name, grid) for name in measured if name in LAWS}
        top = max([1, *(law.max() for law in laws.values()), *(steps.max() for steps in measured.values())])
        top = min(self.steps, 1.06 * top)
        never = any((steps < 0).any() for steps in measured.values())
        for name, steps in measured.items():
            marker = MATPLOTLIB[look(self.rules[name])["marker"]]
            colour = palette.RULE.get(name, palette.INK)[0]
            if name in laws:
                law = np.where(laws[name] <= top, laws[name], np.nan)
                ax.plot(grid, law, color=colour, linewidth=1.2, alpha=0.6)
            ax.plot(np.where(distances > 0, distances, zero), np.where(steps < 0, 1.08 * top, steps), marker,
                    color=colour, markerfacecolor="white", markersize=4.5, label=self.rules[name].label)
        ax.axvline(max(self.δ, zero), color=palette.INK[0], linewidth=1, linestyle=(0, (2, 3)))
        decades = np.array([-12, -9, -6, -3, 0])
        decades = decades[10.0**decades <= self.R]
        ax.set(xscale="log", xlim=(zero / 3, edge), ylim=(0, (1.14 if never else 1) * top),
               xlabel="distance δ of the start", ylabel="steps to leave")
        ax.set_xticks([zero, *10.0**decades], ["0", *(f"$10^{{{k}}}$" for k in decades)])
        ax.minorticks_off()
        ticks = [t for t in ax.get_yticks() if t <= top]
        ax.set_yticks([*ticks, *[1.08 * top] * never], [*(f"{t:g}" for t in ticks), *["never"] * never])
        if measured:
            ax.legend(loc="upper right", bbox_to_anchor=(1, 0.88), fontsize=8, frameon=False)
        ax.tick_params(colors=palette.SOFT[0], labelsize=8, length=2)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
