"""Least squares with its samples: gradient descent, minibatches and single samples on one map."""

import math

import numpy as np
import sympy as sp

from helpers import palette
from helpers.checks import count, finite_array
from helpers.explorers.explorer import MATPLOTLIB, Checked, flag, look, module
from helpers.explorers.landscape import STEPS, LandscapeExplorer
from helpers.explorers.noise import SEEDS, batches, normals
from helpers.minibatch import LEAST_SQUARES, Minibatch
from helpers.optimizers import UpdateRule, descend, g, η, θ
from helpers.symbolic import Formula

SIZES = (2, 200)  # numbers of samples
DRAWN = 40
DOMAIN = ((-1.5, 3.5), (-2.5, 2.5))
START = (-1.0, 1.9)
RULES = tuple(UpdateRule(name, label, ((θ, θ - η * g),), stable_below=2)
              for name, label in (("SGD", "SGD"), ("minibatch", "Minibatch"), ("gradient descent", "GD")))

ξ1, ξ2 = sp.symbols("xi_1 xi_2", real=True)
_x = sp.Rational(7, 10) + sp.Rational(4, 5) * ξ1
drawn = Formula([(ξ1, ξ2)], [_x, sp.Rational(6, 5) * _x + sp.Rational(2, 5) + sp.Rational(7, 10) * ξ2])

B, N, λ = sp.symbols("B N lambda", positive=True)
S, c = sp.symbols("S c", nonnegative=True)


def by_moments(loss, expressions):
    """The means over samples of polynomials in θ, split: (moments(z) -> (k,), means of the symbols m, m).

    Each term f(θ)h(z) becomes f(θ)m, where m stands for the mean of h: with the k means at hand, a value at θ
    costs the same for any number of samples.

    >>> moments, (mean,), m = by_moments(LEAST_SQUARES, [LEAST_SQUARES.expression])
    >>> L = Formula([LEAST_SQUARES.variables, m], mean)
    >>> float(L([2.0, 1.0], moments([[0.0, 0.0], [1.0, 5.0]]).mean(axis=0)))
    1.25
    """
    found, split = [], []
    for expression in expressions:
        terms = {}
        for term in sp.Add.make_args(sp.expand(expression)):
            of_z, of_θ = term.as_independent(*loss.variables, as_Add=False)
            terms[of_θ] = terms.get(of_θ, 0) + of_z
        if any(of_θ.free_symbols & set(loss.sample) for of_θ in terms):
            raise ValueError(f"{expression} is no sum of terms f(θ)h(z)")
        found += [of_z for of_z in terms.values() if of_z not in found]
        split.append(terms)
    m = sp.symbols(f"m:{len(found)}", real=True)
    means = [sp.Add(*(m[found.index(of_z)] * of_θ for of_θ, of_z in terms.items())) for terms in split]
    return Formula([loss.sample], found), means, m


def _formulas(loss):
    """What the browser computes with, all of it from ℓ; m are the moments of the samples."""
    (w, b), (x, y) = θ_, z = loss.variables, loss.sample
    slopes = loss.gradient_expression
    moments, (L, ww, wb, bb), m = by_moments(
        loss, [loss.expression, slopes[0] ** 2, slopes[0] * slopes[1], slopes[1] ** 2])
    gradient = sp.Matrix([sp.diff(L, v) for v in θ_])
    H = sp.hessian(L, θ_)
    C = sp.Matrix([[ww, wb], [wb, bb]]) - gradient * gradient.T
    noise, slope = (H * C).trace(), (gradient.T * H * gradient)[0]
    (lowest,) = sp.solve(list(gradient), θ_, dict=True)
    return {
        "moments": moments, "drawn": drawn,
        "mean loss": Formula([θ_, m], L), "mean gradient": Formula([θ_, m], list(gradient)),
        "mean hessian": Formula([θ_, m], H.tolist()), "minimum": Formula([m], [lowest[v] for v in θ_]),
        "sample gradient": loss.formulas["gradient"],
        "scale": Formula([θ_, m], noise / slope),  # tr(HC)/gᵀHg
        "rise": Formula([θ_, m, η, c], η * (η * (slope + c * noise) / 2 - gradient.dot(gradient))),
        "floor": Formula([θ_, m, η, c], η * c * C.trace() / 4),
        "line": Formula([θ_, x], sp.solve(loss.expression, y)[0]),  # the y of no loss
        "valley": Formula([w, z], sp.solve(loss.expression, b)[0]),  # the b of no loss
    }


FORMULAS = _formulas(LEAST_SQUARES)
share = {  # c: how much of the covariance C of one sample's gradient is in that of a batch
    True: Formula([B, N], 1 / B),
    False: Formula([B, N], (N - B) / (B * sp.Max(N - 1, 1))),
}
progress = Formula([S, c], 1 / (1 + c * S))  # of the best step, as a share of that with the whole gradient
limit = Formula([λ], 2 / λ)  # the rate above which gradient descent diverges


def _samples(seed):
    """The samples of a seed, (DRAWN, 2); their stream is not that of the batches."""
    return drawn(normals(SEEDS[1] - seed, DRAWN, 2))


def _sample(explorer, value):
    return None if value is None else count(value, "sample", 0, explorer.N - 1)


class MinibatchExplorer(LandscapeExplorer):
    """Least squares: the map of L(w, b) with paths of GD, minibatches and SGD, beside the samples.

    All paths are θ ← θ − ηg with the mean gradient g of a batch: of all N samples (GD), of `B`, of one (SGD).
    Each spends `evaluations` gradients of a sample, so SGD takes that many steps and GD a number N times
    smaller. A plot shows L − L* against gradient evaluations. On the map a dashed line goes round the noise
    ball of each path: inside, a step raises L on average, so that paths no longer fall but wander.

    `samples` are points (x, y), shape (N, 2); by default 40 that `samples_seed` numbers and the reader can
    redraw. `seed` numbers the batches, drawn with replacement or, with `replace=False`, as epochs of
    permutations. `sample` is the number of one that is marked, with its line of no loss on the map. `start`,
    `active` (of "SGD", "minibatch", "gradient descent") and `η` are those of LandscapeExplorer.

    `path` are the runs that the page shows, `batches(name)` their batches, `data` the EmpiricalLoss,
    `minimum` its θ*, `excess` L − L* at the ends, `noise_scale` tr(HC)/gᵀHg at the start (McCandlish et
    al. 2018).

    Raises ValueError or TypeError for settings that make no sense.

    >>> explorer = MinibatchExplorer(B=10, evaluations=400)
    >>> {name: len(run.θ) - 1 for name, run in explorer.path.items()}
    {'SGD': 400, 'minibatch': 40, 'gradient descent': 10}
    """

    kind = "minibatch"
    _esm = module(kind)
    poster_size = (8.4, 4.4)

    B = Checked(lambda explorer, value: count(value, "the batch size B", 1, explorer.N))
    replace = flag("replace")
    samples_seed = Checked(lambda _, value: count(value, "samples_seed", *SEEDS), 1)
    sample = Checked(_sample)

    def __init__(self, samples=None, *, B=8, η=0.15, evaluations=800, replace=True, samples_seed=1,
                 sample=None, start=None, **settings):
        self._own = None if samples is None else _checked(samples)
        samples_seed = count(samples_seed, "samples_seed", *SEEDS)
        self._take(_samples(samples_seed) if samples is None else self._own)
        if unknown := set(settings) - {"active", "seed", "caption", "alt"}:
            raise TypeError(f"unknown setting {', '.join(map(repr, sorted(unknown)))}; the settings are "
                            "samples, B, η, evaluations, replace, samples_seed, sample, start, active, seed, "
                            "caption and alt")
        self.samples_seed, self.replace, self.B, self.sample = samples_seed, replace, B, sample
        self._home = {name: getattr(self, name) for name in ("B", "replace", "samples_seed", "sample")}
        steps = count(evaluations, "evaluations", *STEPS)
        super().__init__(self._land(), RULES, start=start, steps=steps, η=η, **settings)
        self.observe(self._run, ["B", "replace"])
        self.observe(self._redraw, "samples_seed")

    # -- the samples and their loss
    def _take(self, samples):
        self.data = LEAST_SQUARES.on(samples)
        self.minimum = self.data.minimum()
        self._lowest = float(self.data.loss(self.minimum))

    def _land(self):
        domain, start = (DOMAIN, START) if self._own is None else self._window()
        return self.data.landscape(domain, start=start)

    def _window(self):
        """A square around the minimum as wide as the noise ball of one sample asks for, and a start in it."""
        spread = math.sqrt(2 * self._lowest / np.linalg.eigvalsh(self.data.hessian(self.minimum))[0])
        half = float(f"{max(4 * spread, 0.5 * float(np.abs(self.minimum).max()), 1e-3):.1g}")
        middle = np.round(self.minimum / half, 1) * half
        domain = tuple((float(m - half), float(m + half)) for m in middle)
        return domain, tuple((middle + half * np.array([-0.8, 0.76])).tolist())

    @property
    def samples(self):
        """The samples (x, y): (N, 2)."""
        return self.data.samples

    @property
    def N(self):
        """The number of samples."""
        return self.data.N

    def _redraw(self, _):
        if self._own is None:
            self._take(_samples(self.samples_seed))
            land = self._land()
            self.landscapes = {land.name: land}
            self._views = {land.name: self._view(land)}
            self._run()

    # -- the paths
    @property
    def evaluations(self):
        """How many gradients of a sample each path may spend."""
        return self.steps

    @evaluations.setter
    def evaluations(self, value):
        self.steps = count(value, "evaluations", *STEPS)

    def size(self, name):
        """The batch size of a path: 1, B or N."""
        return {"SGD": 1, "minibatch": self.B, "gradient descent": self.N}[name]

    def batches(self, name):
        """The sample numbers of each step of a path: (steps, batch size). Gradient descent takes all."""
        size = self.size(name)
        steps = self.steps // size
        if name == "gradient descent":
            return np.tile(np.arange(self.N), (steps, 1))
        return batches(self.seed, self.N, size, steps, self.replace)

    def _descend(self, name, start):
        drawn = self.batches(name)
        whole = name == "gradient descent" or not len(drawn)
        target = self.data if whole else Minibatch.given(self.data, drawn)
        return descend(target, start, rule=self.rules[name], steps=len(drawn), η=self.η)

    @property
    def excess(self):
        """{path: L − L* where it ends}."""
        return {name: float(self.data.loss(run.θ[-1])) - self._lowest for name, run in self.path.items()}

    @property
    def noise_scale(self):
        """tr(HC)/gᵀHg at the start: with such a batch, the best step gets half as far as with all samples."""
        return float(FORMULAS["scale"](self.start, self.moments))

    @property
    def moments(self):
        """The means over the samples that L and its noise consist of."""
        return FORMULAS["moments"](self.samples).mean(axis=0)

    def rise(self, name, θ):
        """The mean change of L in one step of a path from θ (..., 2): (...). Above 0 in its noise ball."""
        return FORMULAS["rise"](θ, self.moments, self.η, self._share(name))

    def _share(self, name):
        return 0.0 if name == "gradient descent" else share[self.replace](self.size(name), self.N)

    # -- what the browser gets
    def _make_spec(self):
        spec = super()._make_spec()
        formulas = FORMULAS | {"progress": progress, "limit": limit,
                               "share True": share[True], "share False": share[False]}
        spec["formulas"] |= {name: formula.javascript for name, formula in formulas.items()}
        own = None if self._own is None else self._own.tolist()
        return spec | {"minibatch": {"samples": own, "drawn": DRAWN, "last": SEEDS[1], "home": self._home,
                                     "most": max(self.steps, min(100 * self.N, STEPS[1]))}}

    def settings(self):
        _, named = super().settings()
        own = None if self._own is None else tuple(map(tuple, self._own.tolist()))
        named = {"B": (self.B, 8), "η": (self.η, 0.15), "evaluations": (self.steps, 800),
                 "replace": (self.replace, True), "seed": (self.seed, 1),
                 "samples_seed": (self.samples_seed, 1), "sample": (self.sample, None),
                 "start": named["start"], "active": named["active"]}
        return [] if own is None else [own], named

    def _describe(self):
        """Alt text: the paths in words."""
        runs = []
        for name, run in self.path.items():
            end = "diverges" if run.diverged else f"ends with L − L* = {self.excess[name]:.2g}"
            runs.append(f"{self.rules[name].label} with {self._steps(name)} {end}")
        at = f" After {self.steps} gradient evaluations, {'; '.join(runs)}." if runs else ""
        θ = f"({self.start[0]:.3g}, {self.start[1]:.3g})"
        return (f"Contour map of the mean squared loss of a line through {self.N} samples, over its slope w "
                f"and its height b, with paths from {θ}.{at} Beside the map, the samples with the lines of "
                "these paths, and L − L* against gradient evaluations.")

    def _steps(self, name):
        size = self.size(name)
        return f"{self.steps // size} steps of {size} sample{'s' * (size > 1)}"

    # -- the poster
    def draw(self, figure):
        """The poster: the map with the paths, the samples with their lines, and the loss."""
        self._draw_map(figure.add_axes((0.045, 0.06, 0.4845, 0.925)))
        self._draw_samples(figure.add_axes((0.6, 0.56, 0.39, 0.425)))
        self._draw_loss(figure.add_axes((0.6, 0.11, 0.39, 0.34)))
        return True

    def _draw_map(self, ax):
        super()._draw_map(ax)
        land = self.landscapes[self.landscape]
        θ = land.grid(161)
        for name in self.active:
            if self._share(name):
                ax.contour(θ[..., 0], θ[..., 1], self.rise(name, θ), [0], colors=[palette.RULE[name][0]],
                           linewidths=1.2, linestyles="dashed")
        ax.xaxis.set_label_coords(0.56, -0.02)
        ax.yaxis.set_label_coords(-0.025, 0.56)

    def _draw_samples(self, ax):
        x, y = self.samples.T
        ends = np.array([x.min(), x.max()]) + np.array([-0.06, 0.06]) * (np.ptp(x) or 1)
        ax.plot(x, y, "o", color=palette.SOFT[0], markersize=3.5, markeredgewidth=0)
        for name, run in self.path.items():
            line = FORMULAS["line"](run.θ[-1], ends)
            ax.plot(ends, line, color=palette.RULE[name][0], linewidth=1.5)
        ax.set(xlim=ends, ylim=(y.min() - 0.1 * (np.ptp(y) or 1), y.max() + 0.1 * (np.ptp(y) or 1)),
               xlabel="x", ylabel="y")
        self._plain(ax)

    def _draw_loss(self, ax):
        for name, run in self.path.items():
            size, L = self.size(name), self.data.loss(run.θ) - self._lowest
            marker, colour = MATPLOTLIB[look(self.rules[name])["marker"]], palette.RULE[name][0]
            spent = np.maximum(size * np.arange(len(L)), 0.8)
            ax.plot(spent, np.maximum(L, 1e-12), color=colour, linewidth=1.2, drawstyle="steps-post")
            ax.plot(spent[-1], L[-1], marker, color=colour, markerfacecolor="white", markersize=5)
        top = max(float(self.data.loss(self.start)) - self._lowest, 1e-6)
        ax.set(xscale="log", yscale="log", xlim=(0.8, 1.1 * max(self.steps, 10)), ylim=(1e-4 * top, 4 * top),
               xlabel="gradient evaluations", ylabel="L − L*")
        self._plain(ax)

    @staticmethod
    def _plain(ax):
        ax.tick_params(colors=palette.SOFT[0], labelsize=8, length=2)
        ax.minorticks_off()
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)


def _checked(samples):
    samples = finite_array(samples, "samples")
    if samples.ndim != 2 or samples.shape[1] != 2:
        raise ValueError(f"samples must be points (x, y), shape (N, 2), but their shape is {samples.shape}")
    if not SIZES[0] <= len(samples) <= SIZES[1]:
        raise ValueError(f"there must be {SIZES[0]} to {SIZES[1]} samples, not {len(samples)}")
    if not np.ptp(samples[:, 0]) > 1e-6 * np.abs(samples[:, 0]).max():
        raise ValueError("samples must not all have the same x, or no line fits them best")
    return samples
