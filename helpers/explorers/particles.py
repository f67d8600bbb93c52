"""Thousands of particles in two wells: who crosses the ridge, how long it takes, and where the crowd ends."""

import math
from functools import lru_cache

import numpy as np
import sympy as sp

from helpers import palette
from helpers.chain import Chain
from helpers.checks import count, number
from helpers.diffusion import Diffusion
from helpers.explorers.explorer import Checked, Explorer, module
from helpers.explorers.noise import SEEDS, normals
from helpers.kramers import (
    convention_time,
    ito_time,
    mean_first_passage,
    occupation_exact,
    stationary_density,
)
from helpers.landscapes import Landscape
from helpers.optimizers import D, g, η, θ, ξ
from helpers.saddles import perturbed
from helpers.symbolic import Formula, derivative

NOISES = ("thermal", "SGD", "turned round")
WELLS = ("left", "right")
DEPTHS = (0.15, 0.35)
CURVATURES = (1.5, 8.0)
STRENGTHS = (0.03, 0.3)
BATCHES = (1, 16)
RATES = (0.01, 0.25)
SPEEDS = (1, 2, 4, 8, 16, 32)
VIEW = (-1.9, 1.9)
TOP = 0.62  # the loss at the upper edge of the picture
FAR = 4.0  # a particle beyond this is thrown out: the step was too long for the walls
CLASSES = 24  # of age, for the life table
POSTED = 300  # steps until the poster
BINS = 84
SPAN = 16.0  # the classes cover this many times 1/H of the flatter well

x = sp.Symbol("x", real=True)
y, m = sp.symbols("y m", real=True)
ΔL, p, q, D0, σ, B, H, s = sp.symbols("DeltaL p q D_0 sigma B H s", positive=True)
P = (ΔL, p, q, D0, η)  # depth, g′ on the left and on the right, strength of the noise where g′ = 1, step

_rise = sp.exp(20 * x)  # e^{2x/δ}, δ = 0.1
_g = p * x + (q - p) / 20 * sp.log((1 + _rise) / 2)
_stretch = p + (q - p) * _rise / (1 + _rise)
_gradient = sp.diff(ΔL * (y**2 - 1) ** 2, y).subs(y, _g) * _stretch  # the chain rule: one exp and one log
_D = {"thermal": D0, "SGD": D0 * _stretch**2, "turned round": D0 / _stretch**2}
((_, _STEP),) = perturbed.update  # θ − ηg + √(2ηD)ξ

FORMULAS = {
    "g": Formula([x, P], _g),
    "loss": Formula([x, P], ΔL * (_g**2 - 1) ** 2),
    "curvature": Formula([x, P], derivative(_gradient, x)),
    "slope": Formula([H, ΔL], sp.sqrt(H / (8 * ΔL))),
    "strength": Formula([B, η, σ], η * σ**2 / (2 * B)),
    "batch": Formula([D0, η, σ], η * σ**2 / (2 * D0)),
    "kramers": convention_time,
    "bell": Formula([y, m, s], sp.exp(-(((y - m) / s) ** 2) / 2) / (s * sp.sqrt(2 * sp.pi))),
}
for _name, _strength in _D.items():
    _step = _STEP.subs({θ: x, g: _gradient, D: _strength}, simultaneous=True)
    _mean = _step.subs(ξ, 0)
    FORMULAS |= {
        f"step {_name}": Formula([x, ξ, P], _mean + sp.powdenest(sp.diff(_step, ξ), force=True) * ξ),
        f"next {_name}": Formula([x, P], [_mean, sp.powdenest(sp.diff(_step, ξ), force=True)]),
        f"rates {_name}": Formula([x, P], [_gradient / _strength, 1 / _strength]),
    }

_n = 16
_X, _W = np.polynomial.legendre.leggauss(_n)
_values = np.linalg.inv(np.polynomial.legendre.legvander(_X, _n - 1))
_RUNNING = np.polynomial.legendre.legvander(_X, _n) @ np.polynomial.legendre.legint(_values, lbnd=-1)


def two_valleys(ΔL, H_left, H_right):
    """ΔL (g² − 1)² of one parameter: two wells of depth ΔL with the ridge at 0 and these curvatures.

    g stretches each side: g′ = √(H/(8ΔL)), and it changes within about 0.1 of the ridge. With depth ¼ and
    curvatures 2 and 4.5 it is `helpers.landscapes.two_wells`.

    >>> two_valleys(0.25, 2.0, 4.5).hessian([[-0.982671], [0.678219]]).round(3)[:, 0, 0].tolist()
    [2.0, 4.5]
    """
    at = _numbers(ΔL, H_left, H_right)
    name = f"two wells of depth {ΔL:.4g}, curvatures {H_left:.4g} and {H_right:.4g}"
    return Landscape(name, FORMULAS["loss"].expression.subs(at), x, VIEW, lower_bound=0)


def _numbers(depth, H_left, H_right):
    """The numbers that ΔL, p and q stand for."""
    slopes = (float(FORMULAS["slope"](h, depth)) for h in (H_left, H_right))
    return dict(zip((ΔL, p, q), (depth, *slopes), strict=True))


def _named(names, what):
    def check(_, value):
        if value not in names:
            raise ValueError(f"{what} must be one of {', '.join(map(repr, names))}, not {value!r}")
        return value

    return Checked(check, names[0])


def _between(what, ends, default):
    return Checked(lambda _, value: number(value, what, *ends), default)


def _speed(_, value):
    if count(value, "speed") not in SPEEDS:
        raise ValueError(f"speed must be one of {', '.join(map(str, SPEEDS))} steps a frame, not {value}")
    return int(value)


class ParticlesExplorer(Explorer):
    """Thousands of particles in two wells of depth ΔL: who crosses the ridge, and where the crowd ends.

    θ ← θ − ηL′(θ) + √(2ηD(θ)) ξ in the loss of `two_valleys`, from the minimum of one well, `start`. Noise:

        "thermal": D is constant,    "SGD": D = D₀g′²,    "turned round": D = D₀/g′²,

    the last two with D₀ = ησ²/(2B). "SGD" is exactly stochastic gradient descent with batches of B samples of
    ℓ(θ; z) = ΔL (g² − 1)² − zg, z ~ N(0, σ²). Below the particles stands their histogram beside the density
    of theory; a table has each well's share and the mean time from its minimum to the other one, measured
    with its 95 % interval, beside exact values and the leading order of Kramers' law.

    `ΔL` (0.15 to 0.35), the curvatures `H_left` and `H_right` (1.5 to 8), `D` (0.03 to 0.3), `B` (1 to 16),
    `η` (0.01 to 0.25), `start` ("left" or "right"), `speed` (steps a frame: 1, 2, 4 … 32), `noise` and `seed`
    are traits. `σ` and the number of `particles` are fixed. `share`, `exact`, `chain` and `kramers` are the
    numbers of the table that theory gives, by well.

    Raises ValueError or TypeError for settings that make no sense.

    >>> crowd = ParticlesExplorer("SGD", B=4, η=0.05)
    >>> crowd
    ParticlesExplorer('SGD')
    >>> round(crowd.share["left"], 3), round(crowd.exact["right"], 2)
    (0.894, 8.95)
    """

    kind = "particles"
    _esm = module(kind)
    poster_size = (7.0, 4.6)

    noise = _named(NOISES, "noise")
    ΔL = _between("the depth ΔL", DEPTHS, 0.25)
    H_left = _between("the curvature H_left", CURVATURES, 2.0)
    H_right = _between("the curvature H_right", CURVATURES, 4.5)
    D = _between("the diffusion constant D", STRENGTHS, 0.1)
    B = Checked(lambda _, value: count(value, "the batch size B", *BATCHES), 4)
    η = _between("the learning rate η", RATES, 0.05)
    start = _named(WELLS, "start")
    speed = Checked(_speed, 2)
    seed = Checked(lambda _, value: count(value, "seed", *SEEDS), 0)

    def __init__(self, noise="thermal", *, ΔL=0.25, H_left=2.0, H_right=4.5, D=0.1, B=4, η=0.05, σ=4.0,
                 start="right", particles=4000, speed=2, seed=0, caption="", alt=""):
        self.σ = number(σ, "the noise σ of a sample", 0, 20, above=True)
        self.particles = count(particles, "particles", 100, 20_000)
        if self.particles % 2:
            raise ValueError(f"particles must be even, not {particles}: random numbers come in pairs")
        super().__init__(noise=noise, ΔL=ΔL, H_left=H_left, H_right=H_right, D=D, B=B, η=η, start=start,
                         speed=speed, seed=seed, caption=caption, alt=alt)
        self.spec = self._make_spec()
        self.alt = self.alt or self._describe()

    # What theory says

    @property
    def strength(self):
        """D₀: the constant D of thermal noise, and D where g′ = 1 of the others."""
        return self.D if self.noise == "thermal" else float(FORMULAS["strength"](self.B, self.η, self.σ))

    @property
    def process(self):
        """The Diffusion that the particles follow."""
        return _process(self.noise, self.strength, self.ΔL, self.H_left, self.H_right)

    @property
    def minima(self):
        """The minimum of each well: {"left": θ, "right": θ}."""
        return dict(zip(WELLS, map(float, _minima(self._parameters)), strict=True))

    @property
    def _parameters(self):
        at = _numbers(self.ΔL, self.H_left, self.H_right)
        return [*at.values(), self.strength, self.η]

    @property
    def share(self):
        """The share of its time that a particle spends on each side of the ridge, for η → 0."""
        left = float(occupation_exact(self.process, (-math.inf, 0.0)))
        return {"left": left, "right": 1 - left}

    @property
    def exact(self):
        """The exact mean time from each minimum to the other one, for η → 0, in units of η × iterations."""
        left, right = self.minima.values()
        return {"left": float(mean_first_passage(self.process, left, right)),
                "right": float(mean_first_passage(self.process, right, left))}

    @property
    def chain(self):
        """The same for steps of this η: the chain that the page runs. ValueError where η is too large."""
        (left, right), chain = self.minima.values(), Chain(self.process, self.η)
        return {"left": float(chain.mean_first_passage(left, right)),
                "right": float(chain.mean_first_passage(right, left))}

    @property
    def kramers(self):
        """The leading order of the same for η → 0 and weak noise: `helpers.kramers.ito_time`."""
        return {well: float(ito_time(self.process, at, 0.0)) for well, at in self.minima.items()}

    # The figure

    def _make_spec(self):
        given = {name: getattr(self, name) for name in _TRAITS}
        return {
            "formulas": {name: formula.javascript for name, formula in FORMULAS.items()},
            "noises": [{"name": name, "colour": palette.RULE[name]} for name in NOISES],
            "ranges": {"ΔL": DEPTHS, "H_left": CURVATURES, "H_right": CURVATURES, "D": STRENGTHS,
                       "B": BATCHES, "η": RATES},
            "speeds": SPEEDS, "σ": self.σ, "particles": self.particles, "view": VIEW, "top": TOP, "far": FAR,
            "classes": CLASSES, "bins": BINS, "span": SPAN, "given": given,
            "nodes": _X.tolist(), "weights": _W.tolist(), "running": _RUNNING.tolist(),
        }

    def settings(self):
        defaults = {"ΔL": 0.25, "H_left": 2.0, "H_right": 4.5, "D": 0.1, "B": 4, "η": 0.05, "σ": 4.0,
                    "start": "right", "particles": 4000, "speed": 2, "seed": 0}
        first = [] if self.noise == "thermal" else [self.noise]
        return first, {name: (getattr(self, name), default) for name, default in defaults.items()}

    def walk(self, steps):
        """Where the particles are after `steps` steps from the start, as on the page: (particles,)."""
        step, at = FORMULAS[f"step {self.noise}"].code, self._parameters
        x = np.full(self.particles, self.minima[self.start])
        with np.errstate(all="ignore"):  # too long a step throws particles out
            for kick in normals(self.seed, steps, self.particles):
                (x,) = step(x, kick, *at)
        return x

    def draw(self, figure):
        """The poster: the wells with the particles on their way, and their histogram beside the density."""
        x, colour = self.walk(POSTED), palette.RULE[self.noise][0]
        x = x[np.abs(x) < FAR]
        grid = np.linspace(*VIEW, 401)
        wells = figure.add_axes((0.01, 0.36, 0.98, 0.63))
        loss = FORMULAS["loss"](grid, self._parameters)
        wells.fill_between(grid, loss, -0.06, color=palette.LOW[0], alpha=0.25, linewidth=0)
        wells.plot(grid, loss, color=palette.SOFT[0], linewidth=2)
        lift = (np.arange(len(x)) * 0.6180339887 % 1) ** 1.7
        height = FORMULAS["loss"](x, self._parameters) + 0.006 + 0.07 * lift
        wells.plot(x, height, ".", color=colour, alpha=0.4, markersize=2.5, markeredgewidth=0)
        wells.set(xlim=VIEW, ylim=(-0.06, TOP))
        below = figure.add_axes((0.01, 0.09, 0.98, 0.25))
        each = np.full(len(x), BINS / np.ptp(VIEW) / self.particles)
        below.hist(x, bins=BINS, range=VIEW, weights=each, color=colour, alpha=0.4, rwidth=0.9)
        below.plot(grid, stationary_density(self.process, grid), color=palette.INK[0], linewidth=1.8)
        flat = self.H_left < self.H_right
        names = ("flat", "sharp") if flat else ("sharp", "flat")
        if self.H_left == self.H_right:
            names = ("left", "right")
        below.set_xticks([*self.minima.values()], names, fontsize=9, color=palette.INK[0])
        below.set(xlim=VIEW)
        for ax in (wells, below):
            ax.set_yticks([])
            for spine in ax.spines.values():
                spine.set_visible(False)
        wells.set_xticks([])
        below.tick_params(length=0)
        return True

    def _describe(self):
        """Alt text: the wells, the noise and what theory says of them."""
        share, exact = self.share, self.exact
        noise = {"thermal": "thermal noise", "SGD": "the noise of SGD", "turned round": "noise turned round"}
        there = next(well for well in WELLS if well != self.start)
        return (f"{self.particles} particles under {noise[self.noise]} in two wells of depth {self.ΔL:.3g}, "
                f"with curvature {self.H_left:.3g} on the left and {self.H_right:.3g} on the right. They "
                f"start in the {self.start} well and reach the {there} one after a mean time of "
                f"{exact[self.start]:.3g}. In the long run {100 * share['left']:.1f} % of them are in the "
                "left well. Below, a histogram of the particles beside the density of theory.")


@lru_cache(maxsize=64)
def _process(noise, strength, *wells):
    """The Diffusion in these wells; SymPy needs a moment for it."""
    return Diffusion(two_valleys(*wells), _D[noise].subs(_numbers(*wells) | {D0: strength}))


_TRAITS = ("noise", "ΔL", "H_left", "H_right", "D", "B", "η", "start", "speed", "seed")


def _minima(parameters):
    """The two places with g = ∓1, by bisection."""
    low, high = np.array([-FAR, 0.0]), np.array([0.0, FAR])
    for _ in range(60):
        middle = (low + high) / 2
        below = FORMULAS["g"](middle, parameters) < np.array([-1.0, 1.0])
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2
