"""Losses of one parameter: a ball to drag, and where the update rules take it, step by step."""

import numpy as np
import traitlets

from helpers import palette
from helpers.checks import count, finite_array
from helpers.critical_points import ZERO
from helpers.explorers.explorer import DASHES, MATPLOTLIB, Checked, Explorer, bound_label, look, module
from helpers.explorers.landscape import STEPS, _hyper, _landscape
from helpers.explorers.landscape import _active as _any_active
from helpers.landscapes import landscape as find_landscape
from helpers.optimizers import DIVERGED, HYPER, descend
from helpers.optimizers import rule as find_rule

CURVES = tuple(palette.RULE[name] for name in ("momentum", "gradient descent", "nesterov", "adam"))
"""The colours of curves that are shown together, the same as in `helpers.figures`."""


def _active(explorer, value):
    names = _any_active(explorer, value)
    if explorer.together and len(names) > 1:
        raise ValueError(f"curves that are shown together follow one rule at a time, not {', '.join(names)}")
    return names


def _start(explorer, value):
    x = finite_array(value, "start")
    if x.size != 1:
        raise ValueError(f"start must be one number, not {value!r}")
    low, high = explorer.domain
    if not low <= x.item() <= high:
        raise ValueError(f"start must lie in the picture, from {low:g} to {high:g}, not at {x.item():g}")
    return x.item()


class CurveExplorer(Explorer):
    """Losses of one parameter as curves, a ball to drag, and the steps of update rules from it.

    `landscapes`: a name of the gallery, a Landscape, or a list of up to four. Several are shown `together`:
    each is descended from one start by one rule, in the colour of its curve, and the balls part. With
    `together=False` the reader has a menu. `rules` and `active` are as in LandscapeExplorer; hyper-parameters
    are given by letter. Of `steps` steps the first `step` are shown (by default all).

    Traits: `landscape`, `start`, `active`, `steps`, `step` and the hyper-parameters. `path` is a trait, too:
    the runs that Python computes for these settings, {rule: Descent}, or {landscape: Descent} for curves that
    are shown together.

    Raises ValueError or TypeError for settings that make no sense.

    >>> explorer = CurveExplorer("tilted double well", start=1.5, steps=3, η=0.2)
    >>> explorer
    CurveExplorer('tilted double well', start=1.5, steps=3, η=0.2)
    >>> explorer.path["gradient descent"].end.round(3).tolist()
    [1.019]
    """

    kind = "curve"
    _esm = module(kind)
    poster_size = (7.0, 3.4)

    landscape = Checked(_landscape)
    active = Checked(_active, ())
    start = Checked(_start)
    steps = Checked(lambda _, value: count(value, "steps", *STEPS), 100)
    step = Checked(lambda explorer, value: count(value, "step", 0, explorer.steps), 0)
    path = traitlets.Dict()

    η, β, β1, β2, ρ, ε, λ, D, r, Δ = (_hyper(h) for h in HYPER.values())

    def __init__(self, landscapes=("risk", "empirical risk"), rules=("gradient descent",), *, together=None,
                 active=None, start=None, steps=100, step=None, caption="", alt="", **hyper):
        several = landscapes if isinstance(landscapes, (list, tuple)) else [landscapes]
        known = [find_landscape(name) for name in several]
        self.landscapes = {land.name: land for land in known}
        if not known or len(self.landscapes) < len(known):
            raise ValueError("landscapes must be one or more different landscapes")
        for land in known:
            if land.d != 1:
                raise ValueError(f"a CurveExplorer shows losses of one parameter, but {land.name!r} has "
                                 f"{land.d}" + "; a LandscapeExplorer shows those of two" * (land.d == 2))
        if together is not None and not isinstance(together, bool):
            raise TypeError(f"together must be True or False, not {together!r}")
        self.together = len(known) > 1 and together is not False
        if self.together and len(known) > len(CURVES):
            raise ValueError(f"at most {len(CURVES)} curves fit into one picture, not {len(known)}; "
                             "together=False gives a menu instead")
        one = isinstance(rules, str) or not hasattr(rules, "__iter__")
        rules = [find_rule(r) for r in ([rules] if one else rules)]
        self.rules = {r.name: r for r in rules}
        if len(self.rules) < len(rules):
            raise ValueError("rules must be different from one another")
        self.letters = {h.letter: h for r in rules for h in r.hyper}
        if unknown := set(hyper) - set(self.letters):
            raise TypeError(f"unknown setting {', '.join(map(repr, sorted(unknown)))}; "
                            f"the hyper-parameters of these rules are {', '.join(self.letters) or 'none'}")

        self._first = known[0].name
        self._views = {land.name: self._view(land) for land in known}
        everything = list(self.rules)[:1] if self.together else list(self.rules)
        self._active_default = tuple(everything)
        steps = count(steps, "steps", *STEPS)
        values = {letter: hyper.get(letter, self._default(self._first, letter)) for letter in self.letters}
        super().__init__(landscape=self._first, steps=steps, step=steps if step is None else step,
                         start=self._default(self._first, "start") if start is None else start,
                         active=everything if active is None else active, caption=caption, alt=alt, **values)
        self._given = {"start": self.start, **{letter: getattr(self, letter) for letter in values}}
        self.spec = self._make_spec()
        self.observe(self._turn, "landscape")
        self.observe(self._shorten, "steps")
        self.observe(self._run, ["landscape", "start", "active", "steps", *self.letters])
        self._run()
        self.alt = self.alt or self._describe()

    @property
    def shown(self):
        """The landscapes in the picture."""
        return list(self.landscapes.values()) if self.together else [self.landscapes[self.landscape]]

    @property
    def domain(self):
        """What the picture shows of the x axis."""
        low, high = np.transpose([land.domain[0] for land in self.shown])
        return float(low.min()), float(high.max())

    def _view(self, land):
        spec = land.spec()
        rate = spec["rate"] or {"limit": None, "low": 1e-3, "high": 1.0, "value": 0.1}
        if any(r.stable_below is None for r in self.rules.values()):  # rules that scale their steps need more
            rate = rate | {"high": max(rate["high"], float(f"{0.1 * np.ptp(land.domain[0]):.0e}"))}
        return spec | {"rate": rate}

    def _default(self, landscape, name):
        views = list(self._views.values()) if self.together else [self._views[landscape]]
        if name == "start":
            return views[0]["start"][0]
        return min(view["rate"]["value"] for view in views) if name == "η" else self.letters[name].value

    def _make_spec(self):
        """What only the browser needs; reset returns to the settings that were given at first."""
        views = []
        for k, (name, view) in enumerate(self._views.items()):
            rate = view["rate"] | {"value": self._default(name, "η") if "η" in self.letters else None}
            start = view["start"][0]
            if self.together or not k:
                start = self._given["start"]
                rate["value"] = self._given.get("η")
            if rate["value"] is not None:
                rate |= {"low": min(rate["low"], rate["value"]), "high": max(rate["high"], rate["value"])}
            n = k % len(CURVES)
            style = {"colour": CURVES[n], "dash": DASHES[n], "marker": list(MATPLOTLIB)[n]}
            views.append(view | style | {"start": start, "rate": rate})
        rules = []
        for r in self.rules.values():
            hyper = [h | {"value": self._given[h["letter"]]} for h in r.spec()["hyper"]]
            rules.append(r.spec() | look(r) | {"hyper": hyper, "bound": bound_label(r)})
        return {"landscapes": views, "rules": rules, "together": self.together, "domain": list(self.domain),
                "zero": ZERO, "limit": DIVERGED, "active": list(self.active)}

    def _turn(self, change):
        """Another landscape from the menu: its own start and rate."""
        names = {"start", "η"} & {"start", *self.letters} - self._told
        for name in () if self.together else names:
            first = change.new == self._first
            setattr(self, name, self._given[name] if first else self._default(change.new, name))

    def _shorten(self, change):
        if self.step > change.new or self.step == change.old:
            self.step = change.new

    def _run(self, _=None):
        def run(land, rule):
            hyper = {h.letter: getattr(self, h.letter) for h in rule.hyper}
            return descend(land, [self.start], rule=rule, steps=self.steps, **hyper)

        rules = [self.rules[name] for name in self.active]
        if self.together:
            self.path = {land.name: run(land, rule) for land in self.shown for rule in rules}
        else:
            self.path = {rule.name: run(self.shown[0], rule) for rule in rules}

    def settings(self):
        named = {"rules": (tuple(self.rules), ("gradient descent",)),
                 "active": (self.active, self._active_default),
                 "start": (self.start, self._default(self.landscape, "start")),
                 "steps": (self.steps, 100), "step": (self.step, self.steps)}
        for letter in self.letters:
            named[letter] = getattr(self, letter), self._default(self.landscape, letter)
        names = [self.landscape, *(name for name in self.landscapes if name != self.landscape)]
        if len(names) > 1:
            named |= {"together": (self.together, True)}
        return [tuple(names) if len(names) > 1 else names[0]], named

    def _ends(self):
        """Where each run ends, in words."""
        for name, run in self.path.items():
            label = self.landscapes[name].title if self.together else run.rule.label
            low, high = self.domain
            if run.diverged:
                end = f"diverges at step {int(run.diverged)}"
            elif not low <= run.end[0] <= high:
                end = "leaves the picture"
            else:
                end = f"ends at x = {run.end[0]:.3g}, L = {float(run.loss[-1]):.3g}"
            yield f"{label} {end}"

    def _describe(self):
        """Alt text: what the picture shows, in words."""
        curves = " and ".join(f"“{land.title}”" for land in self.shown)
        ends = "; ".join(self._ends())
        runs = f" From x = {self.start:.3g}: {ends}." if ends else ""
        return f"The loss {curves} against x.{runs}"

    def draw(self, figure):
        """The poster: the curves, their critical points and the steps from the start."""
        ax = figure.add_axes((0.06, 0.1, 0.925, 0.875))
        x = np.linspace(*self.domain, 601)
        heights = np.concatenate([land.loss(x[:, None]) for land in self.shown])
        low, high = heights.min(), heights.max()
        pad = 0.08 * (high - low) or 1.0
        size = 5 if self.together else 7
        for k, land in enumerate(self.shown):
            colour = CURVES[k][0] if self.together else palette.INK[0]
            dash = (0, [v / 2 for v in DASHES[k]]) if DASHES[k] else "-"
            ax.plot(x, land.loss(x[:, None]), color=colour, linestyle=dash, linewidth=2, label=land.title,
                    alpha=0.55 if self.together else 1)
            for p in self._views[land.name]["critical"]:
                ax.plot(p["θ"], p["loss"], {"minimum": "o", "maximum": "^", "degenerate": "D"}[p["kind"]],
                        color=palette.KIND[p["kind"]][0], markersize=size, markeredgecolor="white")
        for k, (name, run) in enumerate(self.path.items()):
            colour, marker = CURVES[k][0], list(MATPLOTLIB.values())[k]
            if not self.together:
                colour, marker = palette.RULE.get(name, palette.INK)[0], MATPLOTLIB[look(run.rule)["marker"]]
            θ, L = (np.clip(v[:self.step + 1], -1e6, 1e6) for v in (run.θ[:, 0], run.loss))
            ax.plot(θ, L, color=colour, marker=".", markersize=4, linewidth=0.8)
            ax.plot(θ[-1], L[-1], marker, color=colour, markeredgecolor="white", markersize=9)
            ax.plot(θ[0], L[0], "o", markersize=14, markerfacecolor="none", color=palette.INK[0],
                    markeredgewidth=2)
        x_label = self.shown[0].labels[0]
        ax.set(xlim=self.domain, ylim=(low - pad, high + pad), xlabel=x_label)
        ax.set_ylabel("L", rotation=0)
        ax.xaxis.set_label_coords(0.5, -0.06)
        ax.yaxis.set_label_coords(-0.03, 0.96)
        ax.tick_params(colors=palette.SOFT[0], labelsize=8, length=2)
        for side, spine in ax.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(palette.LINE[0])
        if self.together:
            ax.legend(frameon=False, fontsize=9, labelcolor=palette.INK[0])
        return True
