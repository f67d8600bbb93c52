"""The ravine beside the plane of ηλ and β: what step length and momentum do to each eigen-direction."""

from dataclasses import replace

import numpy as np
import sympy as sp

from helpers import palette
from helpers.checks import number
from helpers.explorers.explorer import MATPLOTLIB, Checked, look, module, shown
from helpers.explorers.landscape import LandscapeExplorer, _mix
from helpers.landscapes import ravine
from helpers.momentum import ANALYSED as RULES
from helpers.momentum import discriminant, optimal, spectral_radius, trace
from helpers.optimizers import HYPER, β
from helpers.symbolic import Formula

FACTOR = 1000  # "closer" means that many times closer to the minimum than the start
TINY = 1e-140  # a size below this has come to rest; its square is still a number
SETTLES = 1 - 1e-9  # a rate below this is below 1, beyond rounding
CONDITION = (25, 4, 100)
NAMES = {"over": "over-damped", "under": "under-damped", "critical": "critical", "flipping": "flipping",
         "unstable": "unstable"}
LEVELS = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 1.0)

ρ = sp.Symbol("rho", positive=True)
steps_to_shrink = Formula([ρ], sp.log(FACTOR) / -sp.log(ρ))


def sizes(path, coordinate=None):
    """√(|θₜ₋₁|² + |θₜ|²), the size of the state in step t = 1, 2, …; of one coordinate where it is given.

    >>> sizes(np.array([[3.0, 0.0], [4.0, 0.0]])).tolist()
    [5.0]
    """
    θ = path if coordinate is None else path[:, [coordinate]]
    return np.sqrt((θ[1:] ** 2).sum(-1) + (θ[:-1] ** 2).sum(-1))


def measured_rate(sizes):
    """The factor by which sizes shrink in a step: slope of their logarithms over the second half.

    >>> round(measured_rate(0.5 ** np.arange(20)), 12)
    0.5
    """
    rest = np.flatnonzero(~(sizes > TINY))
    kept = sizes[:rest[0]] if rest.size else sizes
    kept = kept[len(kept) // 2:]
    if len(kept) < 2:
        return 0.0 if rest.size else np.nan
    t = np.arange(len(kept)) - (len(kept) - 1) / 2
    return float(np.exp(t @ np.log(kept) / (t @ t)))


def closer(path):
    """The step from which a path (steps + 1, d) stays FACTOR times closer to 0 than it began, or None.

    >>> closer(0.5 ** np.arange(12)[:, None])
    10
    """
    far = np.linalg.norm(path, axis=-1)
    last = np.flatnonzero(far > far[0] / FACTOR)[-1] if far[0] else -1
    return int(last) + 1 if last + 1 < len(path) else None


def _plane(explorer, value):
    if value not in explorer.planes:
        known = ", ".join(map(repr, explorer.planes))
        raise ValueError(f"plane must be one of {known}, not {value!r}")
    return value


def _ravine(κ):
    κ = number(κ, "the condition number κ", 1, 1e4, above=True)
    return replace(ravine(κ), name=f"ravine, κ = {κ:g}", title=f"Ravine, κ = {κ:g}")


class MomentumExplorer(LandscapeExplorer):
    """The ravine ½(x² + κy²) with its paths, beside the plane of ηλ and β, each steering the other.

    A point for each eigenvalue, λ₁ = 1 and λ₂ = κ, lies at (ηλ, β); both lie at the same height, and on the
    logarithmic axis their distance is ln κ. The plane shows the rate max |μ| of the rule `plane`: level
    lines of it, the border between over-damped and under-damped motion, and where it is unstable. It also
    marks the best place for both points.

    `κ` is one condition number or several, for a menu. `plane` is "momentum" or "nesterov". `start`, `steps`
    and the rest are those of LandscapeExplorer. `rates`, `measured` and `closer` are the numbers of the
    tables; `best` is the optimum of the plane's rule, and `jump()` goes there.

    Raises ValueError or TypeError for settings that make no sense.

    >>> explorer = MomentumExplorer(25, η=0.1, β=0.5)
    >>> [round(rate, 4) for rate in explorer.rates["momentum"]]
    [0.7071, 0.7071]
    """

    kind = "momentum"
    _esm = module(kind)
    poster_size = (8.4, 4.4)

    plane = Checked(_plane, "momentum")

    def __init__(self, κ=CONDITION, rules=RULES, *, active=None, plane=None, steps=100, **settings):
        several = κ if isinstance(κ, (list, tuple)) else [κ]
        names = [rules] if isinstance(rules, str) or not hasattr(rules, "__iter__") else list(rules)
        names = [getattr(r, "name", r) for r in names]
        if unknown := [name for name in names if name not in RULES]:
            raise ValueError(f"a MomentumExplorer compares {', '.join(map(repr, RULES))}, "
                             f"not {', '.join(map(repr, unknown))}")
        self.planes = [name for name in names if name != "gradient descent"]
        if not self.planes:
            raise ValueError("rules must contain 'momentum' or 'nesterov'; "
                             "gradient descent has no plane of its own")
        self._κ = {}
        lands = [_ravine(v) for v in several]
        self._κ = {land.name: float(v) for land, v in zip(lands, several, strict=True)}
        self.plane = plane = self.planes[0] if plane is None else plane
        if active is None:
            active = [name for name in names if name in ("gradient descent", plane)]
        super().__init__(lands, names, active=active, steps=steps, **settings)

    def _view(self, land):
        """The view with its eigenvalues, the best place for each rule, and rates that fit the plane."""
        view, κ = super()._view(land), self._κ[land.name]
        low, high = float(f"{0.05 / κ:.1e}"), float(f"{6 / κ:.1e}")
        rate = view["rate"] | {"low": low, "high": high, "value": float(f"{1 / κ:.2g}")}
        best = {name: _best(name, κ) for name in self.planes}
        return view | {"rate": rate, "momentum": {"λ": [1.0, κ], "span": [low, high * κ], "best": best}}

    def _make_spec(self):
        spec = super()._make_spec()
        for name in self.rules:
            spec["formulas"][f"radius {name}"] = spectral_radius[name].javascript
            spec["formulas"][f"discriminant {name}"] = discriminant[name].javascript
            spec["formulas"][f"trace {name}"] = trace[name].javascript
        spec["formulas"]["shrink"] = steps_to_shrink.javascript
        ends = (HYPER[β].low, HYPER[β].high)
        return spec | {"momentum": {"planes": self.planes, "plane": self.plane, "names": NAMES, "β": ends,
                                    "factor": FACTOR, "tiny": TINY, "levels": LEVELS}}

    @property
    def κ(self):
        """The condition number of the ravine that is shown."""
        return self._κ[self.landscape]

    @property
    def λ(self):
        """The eigenvalues (1, κ) of the Hessian."""
        return 1.0, self.κ

    @property
    def best(self):
        """{"η": …, "β": …, "rate": …} of the plane's rule at this κ."""
        return _best(self.plane, self.κ)

    def jump(self):
        """Go to the best η and β, as the button on the page does."""
        best = self.best
        self.η, self.β = best["η"], best["β"]

    @property
    def rates(self):
        """{rule: (rate along λ₁, rate along λ₂)} by theory, of the active rules."""
        return {name: tuple(float(spectral_radius[name](self.η * λ, self.β)) for λ in self.λ)
                for name in self.active}

    @property
    def motions(self):
        """(motion along λ₁, motion along λ₂) of the plane's rule, in words."""
        return tuple(_motion(self.plane, self.η * λ, self.β) for λ in self.λ)

    @property
    def measured(self):
        """{rule: (rate along λ₁, rate along λ₂, rate of both)} as the paths show them."""
        found = {}
        for name, run in self.path.items():
            path = run.θ[:run.diverged or None]
            found[name] = tuple(measured_rate(sizes(path, i)) for i in (0, 1, None))
        return found

    @property
    def closer(self):
        """{rule: (steps until FACTOR times closer, or None; the same by theory)}."""
        rates = {name: max(pair) for name, pair in self.rates.items()}
        return {name: (None if run.diverged else closer(run.θ), _needed(rates[name]))
                for name, run in self.path.items()}

    def settings(self):
        _, named = super().settings()
        first = [self.landscape, *(name for name in self.landscapes if name != self.landscape)]
        κ = tuple(_plain(self._κ[name]) for name in first)
        rules = tuple(self.rules)
        named["rules"] = (rules, RULES)
        named["active"] = (self.active, tuple(n for n in rules if n in ("gradient descent", self.plane)))
        named["plane"] = (self.plane, self.planes[0])
        named["steps"] = (self.steps, 100)
        return [] if κ == CONDITION else [κ if len(κ) > 1 else κ[0]], named

    def _describe(self):
        """Alt text: the plane and the paths in words."""
        places = [f"λ{'₁₂'[i]} = {λ:g} at ηλ = {shown(self.η * λ)}, {motion}"
                  for i, (λ, motion) in enumerate(zip(self.λ, self.motions, strict=True))]
        runs = []
        for name, (steps, theory) in self.closer.items():
            does = f"is {FACTOR} times closer after {steps} steps" if steps else "does not get there in time"
            runs.append(f"{self.rules[name].label} {does} (by theory {theory:.3g})")
        rule = self.rules[self.plane].label
        return (f"Contour map of a ravine with condition number {self.κ:g}, beside the plane of ηλ and β for "
                f"{rule} with level lines of the rate per step. At β = {shown(self.β)}: {'; '.join(places)}."
                f"{' ' + ', '.join(runs) + '.' if runs else ''}")

    def draw(self, figure):
        """The poster: the map with its paths, and the plane with the two points."""
        plane = figure.add_axes((0.045, 0.06, 0.4845, 0.925))
        self._draw_map(plane)
        plane.xaxis.set_label_coords(0.56, -0.02)
        plane.yaxis.set_label_coords(-0.025, 0.56)
        self._draw_plane(figure.add_axes((0.595, 0.1, 0.395, 0.885)))
        return True

    def _draw_plane(self, ax):
        low, high = self._views[self.landscape]["momentum"]["span"]
        a, b = np.meshgrid(np.geomspace(low, high, 301), np.linspace(0, HYPER[β].high, 201))
        rate, edge = spectral_radius[self.plane](a, b), discriminant[self.plane](a, b)
        cells = len(LEVELS)
        shades = [_mix(palette.LOW[0], palette.HIGH[0], q) for q in np.linspace(0, 1, cells)]
        ax.contourf(a, b, rate, (0, *LEVELS), colors=shades)
        ax.contourf(a, b, rate, (1, np.inf), colors=[_mix(palette.KIND["maximum"][0], "#ffffff", 0.85)])
        ax.contour(a, b, rate, LEVELS[:-1], colors=[palette.INK[0]], linewidths=0.6, alpha=0.4)
        ax.contour(a, b, rate, [1], colors=[palette.KIND["maximum"][0]], linewidths=1.6)
        ax.contour(a, b, edge, [0], colors=[palette.INK[0]], linewidths=1.1, linestyles="dashed")
        regions = {"over": (rate < SETTLES) & (edge > 0) & (trace[self.plane](a, b) > 0),
                   "under": (rate < SETTLES) & (edge < 0), "unstable": rate >= SETTLES}
        for name, region in regions.items():
            place = np.exp(np.log(a[region]).mean()), b[region].mean()
            ink = palette.KIND["maximum"][0] if name == "unstable" else palette.INK[0]
            ax.text(*place, NAMES[name], ha="center", va="center", fontsize=9, color=ink,
                    rotation=90 if name == "unstable" else 0, weight="bold")
        colour = palette.RULE[self.plane][0]
        best = self.best
        ax.plot([best["η"] * λ for λ in self.λ], [best["β"]] * 2, "o--", color=palette.INK[0],
                markerfacecolor="white", markersize=5, linewidth=1.2)
        marker = MATPLOTLIB[look(self.rules[self.plane])["marker"]]
        ax.plot([self.η * λ for λ in self.λ], [self.β] * 2, f"{marker}-", color=colour, linewidth=3,
                markerfacecolor="white", markersize=9, markeredgewidth=2)
        ax.yaxis.set_label_coords(-0.07, 0.94)
        ax.set(xscale="log", xlim=(low, high), ylim=(0, HYPER[β].high), xlabel="ηλ", ylabel="β")
        ax.tick_params(colors=palette.SOFT[0], labelsize=8, length=2)
        ax.minorticks_off()
        for spine in ax.spines.values():
            spine.set_color(palette.LINE[0])


def _best(name, κ):
    """The best η and β of a rule for the eigenvalues 1 and κ, and its rate there."""
    return dict(zip(("η", "β", "rate"), map(float, optimal(name, κ)), strict=True))


def _motion(name, a, b):
    """How an eigen-direction moves at ηλ = a and β = b, in a word."""
    edge = float(discriminant[name](a, b))
    if not float(spectral_radius[name](a, b)) < SETTLES:
        return NAMES["unstable"]
    if abs(edge) < 1e-5:
        return NAMES["critical"]
    return NAMES["under" if edge < 0 else "flipping" if float(trace[name](a, b)) < 0 else "over"]


def _needed(rate):
    """ln FACTOR/−ln ρ steps, and infinitely many where the rate is 1 or more."""
    return float(steps_to_shrink(rate)) if rate < SETTLES else np.inf


def _plain(κ):
    return int(κ) if κ == int(κ) else κ
