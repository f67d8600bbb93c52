"""A race of all update rules from one start, and the effective learning rate of each coordinate."""

from dataclasses import replace

import numpy as np
import sympy as sp

from helpers import palette
from helpers.explorers.explorer import MATPLOTLIB, look, module
from helpers.explorers.landscape import LandscapeExplorer, _hyper
from helpers.optimizers import HYPER, RULES, η

LANDSCAPES = ("ravine", "Rosenbrock", "worst network", "Himmelblau", "Styblinski–Tang", "saddle")
ACTIVE = ("gradient descent", "momentum", "adagrad", "adam")
STARTS = {"Styblinski–Tang": (-0.5, 4.5)}  # its own one lies on a line of symmetry
NEAR = 0.01  # a path has arrived within this share of the view from a critical point
ADAPTIVE = replace(HYPER[η], letter="η_adaptive", value=0.1)


class RaceExplorer(LandscapeExplorer):
    """A race of update rules from one start that can be dragged, and each coordinate's effective rate.

    Beside the map stand two plots, one for each coordinate: the effective learning rate (`UpdateRule.rate`)
    of every rule against the step, and the bound 2/Hᵢᵢ that the curvature along this coordinate sets to
    gradient descent. It is drawn where it is one line: for a constant Hessian, or along the path of a single
    rule.

    Rules whose rate adapts to the gradient move by about η in a step, others by η times the gradient: one η
    cannot serve both, so those have an η of their own, `η_adaptive`. The other settings are those of
    LandscapeExplorer. `rates` and `arrived` are the numbers of plot and table.

    Raises ValueError or TypeError for settings that make no sense.

    >>> race = RaceExplorer("ravine", steps=100)
    >>> race.rates["adam"][[0, -1]].round(4).tolist()
    [[0.0556, 0.0044], [0.2138, 0.0214]]
    >>> race.arrived
    {'gradient descent': None, 'momentum': 64, 'adagrad': None, 'adam': 70}
    """

    kind = "race"
    _esm = module(kind)
    poster_size = (8.4, 4.4)
    keeps_rates = True

    η_adaptive = _hyper(ADAPTIVE)

    def __init__(self, landscapes=LANDSCAPES, rules=tuple(RULES), *, active=None, steps=200, **settings):
        several = [rules] if isinstance(rules, str) or not hasattr(rules, "__iter__") else rules
        names = [getattr(r, "name", r) for r in several]
        if active is None:
            active = [name for name in ACTIVE if name in names] or names
        self._active_first = tuple(active)
        super().__init__(landscapes, rules, active=active, steps=steps, **settings)

    def _hyper_of(self, rule):
        if rule.rate is None:
            raise ValueError("rules must have an effective learning rate, "
                             f"but none is known for {rule.name!r}")
        adapts = bool(rule.rate.free_symbols & set(rule.states))
        return tuple(ADAPTIVE if adapts and h.symbol == η else h for h in rule.hyper)

    def _view(self, land):
        view = super()._view(land)
        if land.name in STARTS:
            view["start"] = list(STARTS[land.name])
        constant = not sp.Matrix(land.hessian_expression).free_symbols
        return view | {"rate": land.spec()["rate"] or view["rate"], "constant": constant}

    def _make_spec(self):
        spec = super()._make_spec()
        return spec | {"letters": [letter for letter in spec["letters"] if letter != "ε"], "near": NEAR}

    @property
    def rates(self):
        """{rule: effective rates (steps, 2)}, NaN from the step in which it diverges."""
        return {name: run.rate for name, run in self.path.items()}

    @property
    def arrived(self):
        """{rule: the step from which it stays at a critical point, within 1 % of the view, or None}."""
        found, view = {}, self._views[self.landscape]
        size = np.ptp(view["domain"], axis=1)
        points = np.array([p["θ"] for p in view["critical"]]).reshape(-1, 2)
        for name, run in self.path.items():
            far = np.linalg.norm((run.θ[:, None] - points) / size, axis=-1)
            near = far < NEAR
            stays = near[::-1].cumprod(0)[::-1].any(1)
            found[name] = None if run.diverged or not stays.any() else int(stays.argmax())
        return found

    def settings(self):
        first, named = super().settings()
        named["rules"] = (named["rules"][0], tuple(RULES))
        every = tuple(name for name in ACTIVE if name in self.rules) or tuple(self.rules)
        named["active"] = (self.active, every)
        return [] if first == [LANDSCAPES] else first, named

    def _describe(self):
        """Alt text: the race in words."""
        where = {name: f" (there from step {step})" if step else "" for name, step in self.arrived.items()}
        ends = []
        for name, run in self.path.items():
            end = "diverges" if run.diverged else f"ends at L = {run.loss[-1]:.3g}{where[name]}"
            rate = run.rate[np.isfinite(run.rate).all(1)]
            last = f" with rates {rate[-1, 0]:.2g} and {rate[-1, 1]:.2g}" if len(rate) else ""
            ends.append(f"{self.rules[name].label} {end}{last}")
        title, (x, y) = self.landscapes[self.landscape].title, self.start
        runs = f" From ({x:.3g}, {y:.3g}): {'; '.join(ends)}." if ends else ""
        return (f"Contour map of the loss “{title}” with the paths of update rules.{runs} Beside the map, "
                "the effective learning rate of each coordinate against the step.")

    def draw(self, figure):
        """The poster: the map, and the effective rates of both coordinates."""
        self._draw_map(figure.add_axes((0.045, 0.06, 0.4845, 0.925)))
        labels = self._views[self.landscape]["labels"]
        known = np.concatenate([[[0.1, 0.1]], *self.rates.values()])
        ends = np.nanmin(known) / 1.5, np.nanmax(known) * 1.5
        for i, bottom in enumerate((0.56, 0.09)):
            ax = figure.add_axes((0.61, bottom, 0.38, 0.37))
            for name, rates in self.rates.items():
                colour, marker = palette.RULE.get(name, palette.INK)[0], look(self.rules[name])["marker"]
                t = np.arange(1, len(rates) + 1)
                ax.plot(t, rates[:, i], color=colour, linewidth=1.4, marker=MATPLOTLIB[marker], markersize=5,
                        markerfacecolor="white", markevery=max(1, len(rates) // 5))
            ax.set(yscale="log", ylim=ends, title=f"effective rate of {labels[i]}")
            ax.title.set(fontsize=10, color=palette.INK[0])
            ax.minorticks_off()
            ax.tick_params(colors=palette.SOFT[0], labelsize=8, length=2)
            for side in ("top", "right"):
                ax.spines[side].set_visible(False)
        ax.set_xlabel("step", fontsize=9, labelpad=0)
        return True
