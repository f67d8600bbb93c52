"""Losses of two parameters: drag the start, race the rules, look at the quadratic model."""

import math

import numpy as np
import traitlets

from helpers import palette
from helpers.checks import count, finite_array, number
from helpers.critical_points import ZERO, eigen2, quadratic_form, quadratic_model
from helpers.explorers.explorer import MATPLOTLIB, Checked, Explorer, bound_label, flag, look, module
from helpers.explorers.noise import SEEDS, normals
from helpers.landscapes import landscape as find_landscape
from helpers.optimizers import DIVERGED, HYPER, descend
from helpers.optimizers import rule as find_rule

STEPS = (1, 5000)
GLYPH = {"minimum": "o", "maximum": "^", "saddle": "x", "degenerate": "D"}
PLURAL = {"minimum": "minima", "maximum": "maxima", "saddle": "saddles", "degenerate": "degenerate points"}


def _landscape(explorer, value):
    if value not in explorer.landscapes:
        known = ", ".join(map(repr, explorer.landscapes))
        raise ValueError(f"landscape must be one of {known}, not {value!r}")
    return value


def _active(explorer, value):
    if isinstance(value, str):
        value = (value,)
    try:
        names = {getattr(v, "name", v) for v in value}
    except TypeError as error:
        raise TypeError(f"active must be a list of rule names, not {value!r}") from error
    if unknown := names - set(explorer.rules):
        raise ValueError(f"active must name rules of this explorer ({', '.join(explorer.rules)}), "
                         f"not {', '.join(map(str, unknown))}")
    return tuple(name for name in explorer.rules if name in names)


def _point(name):
    def check(explorer, value):
        θ = finite_array(value, name, 2)
        if θ.shape != (2,):
            raise ValueError(f"{name} must be one point of two coordinates, but its shape is {θ.shape}")
        land = explorer.landscapes[explorer.landscape]
        low, high = np.array(land.domain).T
        if (θ < low).any() or (θ > high).any():
            (a, b), (c, d) = land.domain
            raise ValueError(f"{name} must lie in the view of {land.name!r}, "
                             f"[{a:g}, {b:g}] × [{c:g}, {d:g}]; ({θ[0]:g}, {θ[1]:g}) does not")
        return tuple(θ.tolist())

    return Checked(check)


def _hyper(hyper):
    def check(explorer, value):
        return None if value is None and hyper.letter not in explorer.letters else hyper.check(value)

    return Checked(check)


class Noise:
    """What a page draws, as the rng of `descend`: row t of normals(seed, steps, 2) in step t, in all runs.

    >>> bool((Noise(7, 3).standard_normal((2,)) == normals(7, 3, 2)[0]).all())
    True
    """

    def __init__(self, seed, steps):
        self.rows = iter(normals(seed, steps, 2))

    def standard_normal(self, shape):
        return np.broadcast_to(next(self.rows), shape)


class LandscapeExplorer(Explorer):
    """A map of L(θ): a start to drag, the paths of update rules from it, the quadratic model at a point θ′.

    `landscapes`: a name of the gallery, a Landscape, or a list of them (the reader then has a menu). `rules`:
    names or UpdateRules that the reader can switch on; `active` those that are on (by default all of them).
    `start` lies in the landscape's domain. Hyper-parameters are given by letter: η=0.1, β=0.9. `model=True`
    shows L(θ′) + gᵀv + ½vᵀHv at θ′ = `point`, and vᵀHv for the direction v of `angle` degrees. `seed` numbers
    the noise that rules with noise draw; the page draws the same.

    `landscape`, `start`, `active`, `steps`, `model`, `point`, `angle`, `seed` and the hyper-parameters are
    traits: set them, observe them, link them to ipywidgets. `path` is a trait, too: the Descent that Python
    runs with these settings for each active rule, {name: descend(...)}.

    Raises ValueError or TypeError for settings that make no sense.

    >>> explorer = LandscapeExplorer("saddle", start=(1, 0), steps=3, η=0.25)
    >>> explorer
    LandscapeExplorer('saddle', start=(1, 0), steps=3, η=0.25)
    >>> explorer.path["gradient descent"].end.tolist()
    [0.125, 0.0]
    """

    kind = "landscape"
    _esm = module(kind)
    poster_size = (4.4, 4.4)

    landscape = Checked(_landscape)
    active = Checked(_active, ())
    start = _point("start")
    steps = Checked(lambda _, value: count(value, "steps", *STEPS), 200)
    model = flag("model")
    point = _point("point")
    angle = Checked(lambda _, value: number(value, "angle", 0, 180), 30.0)
    seed = Checked(lambda _, value: count(value, "seed", *SEEDS), 1)
    path = traitlets.Dict()

    η, β, β1, β2, ρ, ε, λ, D, r, Δ = (_hyper(h) for h in HYPER.values())

    def __init__(self, landscapes="worst network", rules=("gradient descent",), *, active=None, start=None,
                 steps=200, model=False, point=None, angle=30.0, seed=1, caption="", alt="", **hyper):
        several = landscapes if isinstance(landscapes, (list, tuple)) else [landscapes]
        known = [find_landscape(name) for name in several]
        self.landscapes = {land.name: land for land in known}
        if not known or len(self.landscapes) < len(known):
            raise ValueError("landscapes must be one or more different landscapes")
        for land in known:
            if land.d != 2:
                other = "; a CurveExplorer shows losses of one" * (land.d == 1)
                raise ValueError("a LandscapeExplorer shows losses of two parameters, "
                                 f"but {land.name!r} has {land.d}{other}")
        several = [rules] if isinstance(rules, str) or not hasattr(rules, "__iter__") else rules
        rules = [find_rule(r) for r in several]
        self.rules = {r.name: r for r in rules}
        if len(self.rules) < len(rules):
            raise ValueError("rules must be different from one another")
        used = {h.letter: h for r in rules for h in self._hyper_of(r)}
        order = ("η", "η_adaptive", "β", "β1", "β2", "ρ", "λ", "D", "r", "Δ", "ε")
        self.letters = {letter: used[letter] for letter in order if letter in used}
        if unknown := set(hyper) - set(self.letters):
            raise TypeError(f"unknown setting {', '.join(map(repr, sorted(unknown)))}; "
                            f"the hyper-parameters of these rules are {', '.join(self.letters) or 'none'}")

        first = known[0]
        self._views = {land.name: self._view(land) for land in known}
        self._defaults = {letter: h.value for letter, h in self.letters.items()}
        start = self._views[first.name]["start"] if start is None else start
        values = {letter: hyper.get(letter, self._default(first.name, letter)) for letter in self.letters}
        point = self._views[first.name]["point"] if point is None else point
        active = list(self.rules) if active is None else active
        super().__init__(landscape=first.name, start=start, active=active, steps=steps, model=model,
                         point=point, angle=angle, seed=seed, caption=caption, alt=alt, **values)
        self._given = {name: getattr(self, name) for name in ("start", "point", *values)}
        self._first = first.name
        self.spec = self._make_spec()
        self._run()
        self.alt = self.alt or self._describe()
        self.observe(self._turn, "landscape")
        self.observe(self._run, ["landscape", "start", "active", "steps", "seed", *self.letters])

    keeps_rates = False  # whether the runs bring their effective rates

    def _hyper_of(self, rule):
        """A rule's hyper-parameters, each with the letter of the trait that sets it."""
        return rule.hyper

    def _view(self, land):
        """A landscape as the browser gets it, with a start, a point for the model and a range of rates."""
        spec = land.spec()
        low, high = np.array(land.domain).T
        inside = [p for p in spec["critical"] if (low <= p["θ"]).all() and (p["θ"] <= high).all()]
        inside.sort(key=lambda p: p["kind"] != "saddle")
        spec["point"] = list(inside[0]["θ"]) if inside else spec["start"]
        rate = spec["rate"] or {"limit": None, "low": 1e-3, "high": 1.0, "value": 0.1}
        if any(r.stable_below is None for r in self.rules.values()):  # these scale their steps: larger rates
            rate = rate | {"high": max(rate["high"], float(f"{0.1 * (high - low).max():.0e}"))}
        return spec | {"rate": rate}

    def _default(self, landscape, name):
        view = self._views[landscape]
        if name == "η":
            return view["rate"]["value"]
        return tuple(view[name]) if name in ("start", "point") else self._defaults[name]

    def _make_spec(self):
        """What only the browser needs. The settings given at first are the defaults that reset returns to."""
        views = [dict(view) for view in self._views.values()]
        views[0] |= {"start": list(self.start), "point": list(self.point)}
        for view in views:
            rate = view["rate"]
            value = self._given.get("η", rate["value"]) if view is views[0] else rate["value"]
            low, high = min(rate["low"], value), max(rate["high"], value)
            view["rate"] = rate | {"value": value, "low": low, "high": high}
        rules = []
        for r in self.rules.values():
            hyper = [h.spec() | {"value": self._given[h.letter]} for h in self._hyper_of(r)]
            rules.append(r.spec() | look(r) | {"hyper": hyper, "bound": bound_label(r)})
        formulas = {"eigen": eigen2.javascript, "model": quadratic_model(2).javascript,
                    "form": quadratic_form(2).javascript}
        return {"landscapes": views, "rules": rules, "formulas": formulas, "zero": ZERO, "limit": DIVERGED,
                "steps": self.steps, "seed": self.seed, "letters": list(self.letters)}

    def _turn(self, change):
        """Another landscape from the menu: its own start, rate and point."""
        for name in {"start", "point", "η"} & {"start", "point", *self.letters} - self._told:
            first = change.new == self._first
            setattr(self, name, self._given[name] if first else self._default(change.new, name))

    def _run(self, _=None):
        self.path = {name: self._descend(name, self.start) for name in self.active}

    def _descend(self, name, start):
        """The run of a rule with the explorer's settings, from one start or several."""
        rule = self.rules[name]
        pairs = zip(rule.hyper, self._hyper_of(rule), strict=True)
        hyper = {h.letter: getattr(self, own.letter) for h, own in pairs}
        return descend(self.landscapes[self.landscape], start, rule=rule, steps=self.steps,
                       rng=Noise(self.seed, self.steps), rates=self.keeps_rates, **hyper)

    def settings(self):
        def own(*names):
            return {name: (getattr(self, name), self._default(self.landscape, name)) for name in names}

        rules = tuple(self.rules)
        named = {"rules": (rules, ("gradient descent",)), "active": (self.active, rules), **own("start"),
                 "steps": (self.steps, 200), **own(*self.letters), "model": (self.model, False)}
        if any(r.noisy for r in self.rules.values()):
            named["seed"] = (self.seed, 1)
        if self.model:
            named |= own("point") | {"angle": (self.angle, 30.0)}
        names = [self.landscape, *(name for name in self.landscapes if name != self.landscape)]
        return [tuple(names) if len(names) > 1 else names[0]], named

    def _describe(self):
        """Alt text: what the picture shows, in words."""
        land = self.landscapes[self.landscape]
        kinds = {}
        for p in self._views[land.name]["critical"]:
            kinds[p["kind"]] = kinds.get(p["kind"], 0) + 1
        points = [f"one {kind}" if n == 1 else f"{n} {PLURAL[kind]}" for kind, n in kinds.items()]
        points += sorted({f"a {c['label']}" for c in self._views[land.name]["curves"]})
        marked = f", with {' and '.join(points)}" if points else ""
        runs = []
        for name, run in self.path.items():
            end = "diverges" if run.diverged else f"ends at L = {run.loss[-1]:.3g}"
            runs.append(f"{self.rules[name].label} {end}")
        paths = f" From ({self.start[0]:.3g}, {self.start[1]:.3g}), {', '.join(runs)}." if runs else ""
        return f"Contour map of the loss “{land.title}”{marked}.{paths}"

    def draw(self, figure):
        """The poster: filled contours, critical points and the paths from the start."""
        self._draw_map(figure.add_axes((0.075, 0.06, 0.91, 0.925)))
        return True

    def _draw_map(self, ax):
        land, ink = self.landscapes[self.landscape], palette.INK[0]
        view, ((left, right), (bottom, top)) = self._views[land.name], land.domain
        θ = land.grid(161)
        L = land.loss(θ)
        u = np.sort(L[np.isfinite(L)])
        rise = np.linspace(0, 1, u.size) + np.log1p(30 * (u - u[0]) / (u[-1] - u[0])) / math.log1p(30)
        levels = np.unique(np.interp(np.linspace(0, 2, 17), rise, u))
        shades = [_mix(palette.LOW[0], palette.HIGH[0], q) for q in np.linspace(0, 1, len(levels) - 1)]
        ax.contourf(θ[..., 0], θ[..., 1], L, levels, colors=shades)
        ax.contour(θ[..., 0], θ[..., 1], L, levels[1:-1], colors=[palette.INK[0]], linewidths=0.7, alpha=0.2)
        for curve in view["curves"]:
            for line in curve["polylines"]:
                ax.plot(*np.transpose(line), ":", color=palette.KIND["minimum"][0], linewidth=2)
        for p in view["critical"]:
            kind = p["kind"]
            ax.plot(*p["θ"], GLYPH[kind], color=palette.KIND[kind][0], markersize=7, markeredgewidth=2)
        for name, run in self.path.items():
            style, colour = look(self.rules[name]), palette.RULE.get(name, palette.INK)[0]
            dashes = (0, [v / 1.5 for v in style["dash"]]) if style["dash"] else "-"
            path = np.clip(run.θ, -1e5, 1e5)
            ax.plot(*path.T, color=colour, linewidth=1.5, linestyle=dashes)
            ax.plot(*path[-1], MATPLOTLIB[style["marker"]], color=colour, markerfacecolor="white",
                    markersize=7, markeredgewidth=1.6)
        if self.rules:
            ax.plot(*self.start, "o", markersize=15, markerfacecolor="none", color=ink, markeredgewidth=2)
        if self.model:
            ax.plot(*self.point, "s", markersize=10, markerfacecolor="none", color=ink, markeredgewidth=2)
        ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=view["labels"][0], ylabel=view["labels"][1])
        ax.xaxis.set_label_coords(0.5, -0.02)
        ax.yaxis.set_label_coords(-0.015, 0.5)
        ax.tick_params(colors=palette.SOFT[0], labelsize=8, length=2)
        for spine in ax.spines.values():
            spine.set_color(palette.LINE[0])


def _mix(low, high, share):
    """The colour between two: at `low` for share 0, at `high` for share 1."""
    pairs = ((int(low[k:k + 2], 16), int(high[k:k + 2], 16)) for k in (1, 3, 5))
    return tuple(((1 - share) * a + share * b) / 255 for a, b in pairs)
