"""A ball with momentum on a hill: in which valley it ends for each β, and its energy against the barrier."""

import numpy as np

from helpers import palette
from helpers.checks import finite_array
from helpers.explorers.curve import CurveExplorer
from helpers.explorers.explorer import module, shown
from helpers.landscapes import landscape as find_landscape
from helpers.momentum import energy
from helpers.optimizers import descend
from helpers.optimizers import rule as find_rule

HIGHEST = 0.99  # the strip's last β
PATIENCE = 3000  # steps after which a ball that has not come to rest is given up
CALM = 0.25  # a ball with less than this share of the energy that leads out of its valley rests there
SCAN = 401  # values of β that are tried


def valleys(land):
    """The valleys of a loss of one parameter, from left to right, as dicts.

    x, loss and curvature are those of the minimum; left and right are the tops beside it, or the ends of the
    picture, and rim is the lower one's height: the energy that leads out.

    >>> [(v["x"], v["rim"]) for v in valleys(find_landscape("hill"))]
    [(-1.0, 0.0), (1.3333333333333333, 0.0)]
    """
    low, high = land.domain[0]
    points = [p for p in land.spec()["critical"] if low < p["θ"][0] < high]
    tops = [low, *(p["θ"][0] for p in points if p["kind"] == "maximum"), high]
    heights = land.loss(np.array(tops)[:, None])
    found = []
    for p in points:
        k = int(np.searchsorted(tops, p["θ"][0]))
        rim = float(min(heights[k - 1:k + 1]))
        if p["kind"] == "minimum" and p["loss"] < rim:
            found.append({"x": p["θ"][0], "loss": p["loss"], "curvature": p["eigenvalues"][0],
                          "left": float(tops[k - 1]), "right": float(tops[k]), "rim": rim})
    return found


class HillExplorer(CurveExplorer):
    """A ball with momentum on a loss with valleys: which valley it ends in, for each β at once.

    Below the curve a strip over β from 0 to 0.99 has the colour of the valley in which the ball comes to
    rest, with a tick at each β at which it only just crosses; beside the curve stands the ball's energy
    (`energy`) against the height of the barrier. Both follow the start and η.

    `landscapes`: a name of the gallery, a Landscape, or a list of them (the reader then has a menu); each has
    two valleys at least. `rule` is one with a momentum β. `start`, `steps`, `step`, β and η are those of
    CurveExplorer. `ends(β)` and `crossings` are the numbers of the strip.

    Raises ValueError for a landscape with fewer valleys and for a rule without β, and ValueError or TypeError
    for settings that make no sense.

    >>> hill = HillExplorer(η=0.01)
    >>> hill.ends([0.5, 0.9, 0.975]).tolist(), hill.crossings[:2].round(3).tolist()
    ([0, 1, 0], [0.882, 0.97])
    """

    kind = "hill"
    _esm = module(kind)
    poster_size = (7.0, 4.4)

    def __init__(self, landscapes="hill", rule="momentum", *, steps=100, **settings):
        rule = find_rule(rule)
        if "β" not in rule.defaults:
            raise ValueError(f"rule must be one with a momentum β, not {rule.name!r}")
        several = landscapes if isinstance(landscapes, (list, tuple)) else [landscapes]
        self.rule, self._valleys = rule, {}
        for land in map(find_landscape, several):
            if land.d != 1:
                continue  # the base class says why not
            self._valleys[land.name] = valleys(land)
            if len(self._valleys[land.name]) < 2:
                raise ValueError(f"{land.name!r} must have two valleys at least, with a barrier between them")
        if unknown := {"rules", "active", "together"} & set(settings):
            raise TypeError(f"unknown setting {', '.join(map(repr, sorted(unknown)))}; "
                            "a HillExplorer shows one ball and follows one rule")
        super().__init__(landscapes, (rule,), together=False, steps=steps, **settings)
        if not self.β <= HIGHEST:
            raise ValueError(f"β must lie between 0 and {HIGHEST}, where the strip ends, not at {self.β:g}")

    def _view(self, land):
        return super()._view(land) | {"valleys": self._valleys[land.name]}

    def _make_spec(self):
        scan = {"highest": HIGHEST, "patience": PATIENCE, "calm": CALM, "count": SCAN}
        return super()._make_spec() | {"formulas": {"energy": energy.javascript}, "scan": scan}

    def ends(self, β):
        """In which valley, counted from the left, the ball comes to rest: (...) -> (...).

        −1 where it does not: no minimum can hold it at this η, or it diverges, or it takes too long.
        """
        β = finite_array(β, "β")
        land, wells = self.landscapes[self.landscape], self._valleys[self.landscape]
        hyper = {h.letter: getattr(self, h.letter) for h in self.rule.hyper} | {"β": β}
        run = descend(land, [self.start], rule=self.rule, steps=PATIENCE, **hyper)
        θ = np.broadcast_to(run.θ[..., 0], (PATIENCE + 1, *β.shape))
        height = np.broadcast_to(run.loss, θ.shape)[:-1]
        E = energy(height, np.concatenate([θ[:1], θ[:-2]]), θ[1:], hyper["η"])
        good = np.arange(1, PATIENCE + 1).reshape(-1, *(1,) * β.ndim)
        good = (run.diverged == 0) | (good < run.diverged)
        bound = self.rule.stable(**hyper)
        end, first = np.full(β.shape, -1), np.full(β.shape, PATIENCE)
        for k, v in enumerate(wells):
            calm = (v["left"] < θ[:-1]) & (θ[:-1] < v["right"]) & good
            calm &= (E - v["loss"] <= CALM * (v["rim"] - v["loss"])) & (self.η * v["curvature"] < bound)
            step = np.where(calm.any(0), calm.argmax(0), PATIENCE)
            end, first = np.where(step < first, k, end), np.minimum(step, first)
        return end

    @property
    def crossings(self):
        """The values of β between which the ball ends in the same valley: (n,), ascending.

        Neighbours among 401 values are compared; intervals shorter than theirs may be missed.
        """
        β = 1 - (1 - HIGHEST) ** np.linspace(0, 1, SCAN)
        end = self.ends(β)
        k = np.flatnonzero(np.diff(end))
        low, high, below, n = β[k], β[k + 1], end[k], np.arange(len(k))
        for _ in range(3):  # 65 values at a time between each two neighbours
            among = np.linspace(low, high, 65)
            same = np.logical_and.accumulate(self.ends(among) == below).sum(0)
            low, high = among[same - 1, n], among[np.minimum(same, 64), n]
        return (low + high) / 2

    def settings(self):
        first, named = super().settings()
        for name in ("rules", "active", "together"):
            named.pop(name, None)
        named = {"rule": (self.rule.name, "momentum")} | named | {"steps": (self.steps, 100)}
        return [] if first == ["hill"] else first, named

    def valley_name(self, k):
        """What valley k, counted from the left, is called."""
        n = len(self._valleys[self.landscape])
        names = ("left valley", "right valley") if n == 2 else [f"valley {i + 1}" for i in range(n)]
        article = "the " if n == 2 else ""
        return article + names[k] if k >= 0 else "no valley"

    def _describe(self):
        """Alt text: the ball, and what the strip says."""
        crossings, end = self.crossings, self.valley_name(int(self.ends(self.β)))
        at = ", ".join(f"{v:.3f}" for v in crossings[:4]) + (" and more" if len(crossings) > 4 else "")
        changes = f"The end changes at β = {at}." if len(crossings) else "No β up to 0.99 changes that."
        return (f"{super()._describe()} A strip below says where the ball comes to rest for each β: with "
                f"β = {shown(self.β)} in {end}. {changes}")

    def draw(self, figure):
        """The poster: the curve with the ball's steps, and the strip over β."""
        super().draw(figure)
        ax = figure.axes[0]
        ax.set_position((0.06, 0.34, 0.925, 0.65))
        wells, land = self._valleys[self.landscape], self.landscapes[self.landscape]
        shades = dict(zip(np.argsort([v["loss"] for v in wells])[::-1], np.linspace(0.3, 0.95, len(wells)),
                          strict=True))
        bottom, blue = ax.get_ylim()[0], palette.LOW[0]
        for k, v in enumerate(wells):
            x = np.linspace(v["left"], v["right"], 201)
            ax.fill_between(x, land.loss(x[:, None]), bottom, color=blue, alpha=shades[k], linewidth=0)
        ax.axhline(max(v["rim"] for v in wells), color=palette.INK[0], linewidth=1, linestyle=(0, (4, 3)))
        strip = figure.add_axes((0.06, 0.13, 0.925, 0.075))
        β = 1 - (1 - HIGHEST) ** np.linspace(0, 1, SCAN)
        u, end = np.linspace(0, 1, SCAN), self.ends(β)
        edges = [0, *(np.flatnonzero(np.diff(end)) + 1), SCAN]
        for a, b in zip(edges[:-1], edges[1:], strict=True):
            k = int(end[a])
            if k >= 0:
                strip.axvspan(u[a], u[min(b, SCAN - 1)], color=blue, alpha=shades[k], linewidth=0)
            if b - a > SCAN / 6:
                words = self.valley_name(k).removeprefix("the ")
                strip.text((u[a] + u[min(b, SCAN - 1)]) / 2, 0.5, words, ha="center", va="center", fontsize=9,
                           color=palette.INK[0])
        at = np.log(1 - self.β) / np.log(1 - HIGHEST)
        strip.axvline(at, color=palette.INK[0], linewidth=2)
        ticks = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99]
        strip.set(xlim=(0, 1), ylim=(0, 1), yticks=[], xlabel="β")
        strip.set_xticks([np.log(1 - t) / np.log(1 - HIGHEST) for t in ticks], [f"{t:g}" for t in ticks])
        strip.tick_params(colors=palette.SOFT[0], labelsize=8, length=2)
        for spine in strip.spines.values():
            spine.set_color(palette.LINE[0])
        return True
