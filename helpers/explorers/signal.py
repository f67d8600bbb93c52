"""A signal on its way through a deep network, and the gradient on its way back."""

import math
from dataclasses import dataclass

import numpy as np

from helpers import palette
from helpers.checks import count, number
from helpers.explorers.explorer import Checked, Explorer, module
from helpers.explorers.noise import SEEDS, normals
from helpers.initialization import gaussian_nodes, wide_limit
from helpers.networks import ACTIVATIONS
from helpers.networks import activation as find_activation

SAMPLES = 48  # a multiple of 4: the browser takes them by fours
DEPTHS = (1, 50)
WIDTHS = (16, 32, 64)
SCALES = (0.04, 5.0)
SATURATED = 0.05  # a unit is saturated where its slope is below this share of the steepest one
BLURRED = 2.0**-40  # differences between samples below this share of the values are lost to rounding
BOUNDS = (1e-3, 0.2, 5.0, 1e3)
VERDICTS = ("vanishes", "shrinks", "keeps its size", "grows", "explodes")
WIDEST = 4.0  # histograms of unbounded activations end here
ROWS, BINS = 10, 41

FORWARD = ("#1864ab", "#4dabf7")
BACKWARD = ("#bf3f0d", "#ff922b")


def schemes(width):
    """The scale σ_w that the known rules stand for where all layers have `width` units.

    Normal numbers of deviation 0.01; Glorot and Bengio (2010), variance 1/width; He et al. (2015), 2/width.

    >>> schemes(64)
    {'0.01 normal': 0.08, 'Xavier': 1.0, 'He': 1.4142135623730951}
    """
    return {"0.01 normal": 0.01 * math.sqrt(width), "Xavier": 1.0, "He": math.sqrt(2)}


@dataclass(frozen=True, eq=False)
class Signals:
    """Root mean squares over units and samples, layer by layer; the input is layer 0.

    `forward` of h, `apart` of what h differs by from its mean over the samples, `backward` of ∂L/∂h: each
    (depth + 1,). `saturated`: share of units in layers 1 … depth whose slope is below 5 % of the steepest.
    `h` and `gradients` are the values themselves, lists of (samples, width).

    >>> propagate("tanh", depth=3, scale=1.0, width=16).forward.shape
    (4,)
    """

    forward: np.ndarray
    apart: np.ndarray
    backward: np.ndarray
    saturated: np.ndarray
    h: list
    gradients: list


def steepest(φ):
    """The greatest |φ′|, on a fine grid.

    >>> from helpers.networks import activation
    >>> steepest(activation("tanh")), steepest(activation("sigmoid"))
    (1.0, 0.25)
    """
    return float(np.abs(φ.slope(np.linspace(-8, 8, 16_001))).max())


def propagate(activation, depth, scale, width, seed=0, samples=SAMPLES):
    """h ← φ(Wh) through the layers and ∂L/∂h ← Wᵀ(φ′ ⊙ ∂L/∂h) back: Signals.

    W ~ N(0, scale²/width), no biases. The inputs and the gradient ∂L/∂h at the output are standard normal.
    All numbers come from `normals(seed)`, in this order: inputs, gradient, W of layer 1, 2, …; so a deeper
    network has the same first layers.

    >>> sent = propagate("linear", depth=30, scale=0.2, width=64)
    >>> f"{sent.forward[-1]:.1e}, {0.2**30:.1e}"
    '8.6e-22, 1.1e-21'
    """
    φ = find_activation(activation)
    block = samples * width
    stream = normals(seed, 2 * block + depth * width**2)
    h, g = (stream[k * block:(k + 1) * block].reshape(samples, width) for k in (0, 1))
    W = scale / math.sqrt(width) * stream[2 * block:].reshape(depth, width, width)
    signal, slopes = [h], []
    for layer in W:
        z = signal[-1] @ layer.T
        signal.append(φ(z))
        slopes.append(φ.slope(z))
    back = [g]
    for layer, slope in zip(W[::-1], slopes[::-1], strict=True):
        back.append((slope * back[-1]) @ layer)

    def size(values):
        return np.array([math.sqrt(np.mean(v**2)) for v in values])

    forward, apart = size(signal), size([v - v.mean(axis=0) for v in signal])
    saturated = np.array([np.mean(np.abs(slope) < SATURATED * steepest(φ)) for slope in slopes])
    apart[apart < BLURRED * forward] = 0
    return Signals(forward, apart, size(back[::-1]), saturated, signal, back[::-1])


def theory(activation, depth, scale):
    """What `forward` and `backward` are in infinitely wide layers: two arrays (depth + 1,).

    The pre-activations are then normal with variance q = σ_w²·E[h²], and per layer E[h²] becomes E[φ(√q z)²]
    and the mean square of the gradient is multiplied by χ = σ_w²·E[φ′(√q z)²] (Poole et al. 2016; Schoenholz
    et al. 2017). Linear: σ_w² both ways, ReLU: σ_w²/2.

    >>> forward, backward = theory("relu", depth=10, scale=2.0)
    >>> (forward[-1] ** 2).round(6), (backward[0] ** 2).round(6)
    (np.float64(1024.0), np.float64(1024.0))
    """
    z, δ = wide_limit(activation, scale**2, depth + 1, start=scale**2)
    return np.sqrt(z) / scale, np.sqrt(δ)


def verdict(ratio):
    """What happens to a size that is multiplied by `ratio` on the whole way, in words.

    >>> [verdict(r) for r in (1e-9, 0.02, 0.7, 30.0, 1e12)]
    ['vanishes', 'shrinks', 'keeps its size', 'grows', 'explodes']
    """
    return VERDICTS[sum(ratio >= bound for bound in BOUNDS)]


def rows(depth, most=ROWS):
    """The layers whose histograms are drawn: all, or `most` of them evenly, with the first and the last.

    >>> rows(4), rows(50)
    ([1, 2, 3, 4], [1, 6, 12, 17, 23, 28, 34, 39, 45, 50])
    """
    n = min(depth, most)
    return [1 + int((depth - 1) * k / max(1, n - 1) + 0.5) for k in range(n)]


def _activation(explorer, value):
    value = getattr(value, "name", value)
    if value not in explorer.activations:
        known = ", ".join(map(repr, explorer.activations))
        raise ValueError(f"activation must be one of {known}, not {value!r}")
    return value


def _scale(value, width):
    if isinstance(value, str):
        known = schemes(width)
        if value not in known:
            raise ValueError(f"scale must be a number or one of {', '.join(map(repr, known))}, not {value!r}")
        return known[value]
    return number(value, "scale", *SCALES)


def _width(_, value):
    if count(value, "width") not in WIDTHS:
        raise ValueError(f"width must be one of {', '.join(map(str, WIDTHS))}, not {value}")
    return int(value)


class SignalExplorer(Explorer):
    """What depth does to a signal going forward and to a gradient coming back.

    A network of `depth` layers of `width` units without biases: h ← φ(Wh), W ~ N(0, scale²/width). Histograms
    of the activations h layer by layer; beside them, against the layer, the root mean squares of h and of
    ∂L/∂h. The 48 inputs and the gradient at the output are standard normal; `seed` draws them and W.

    `activation`, `depth` (1 to 50), `scale` (0.04 to 5, or "0.01 normal", "Xavier", "He"), `width` (16, 32 or
    64) and `seed` are traits. `activations`: the names (or Activations) that the reader can choose from.
    `signals` is what the page shows, computed by NumPy: `propagate`.

    Raises ValueError or TypeError for settings that make no sense.

    >>> explorer = SignalExplorer("relu", depth=10, scale="He")
    >>> explorer
    SignalExplorer('relu', depth=10, scale='He')
    >>> explorer.signals.forward.shape
    (11,)
    """

    kind = "signal"
    _esm = module(kind)
    poster_size = (7.0, 5.4)

    activation = Checked(_activation, "tanh")
    depth = Checked(lambda _, value: count(value, "depth", *DEPTHS), 20)
    scale = Checked(lambda explorer, value: _scale(value, explorer.width), 1.0)
    width = Checked(_width, 64)
    seed = Checked(lambda _, value: count(value, "seed", *SEEDS), 0)

    def __init__(self, activation="tanh", *, depth=20, scale=1.0, width=64, seed=0,
                 activations=tuple(ACTIVATIONS), caption="", alt=""):
        one = isinstance(activations, str) or not hasattr(activations, "__iter__")
        several = [find_activation(a) for a in ([activations] if one else activations)]
        self.activations = {a.name: a for a in several}
        if not several or len(self.activations) < len(several):
            raise ValueError("activations must be one or more different activations")
        width = _width(self, width)
        super().__init__(activation=activation, depth=depth, scale=_scale(scale, width), width=width,
                         seed=seed, caption=caption, alt=alt)
        self.spec = self._make_spec()
        self.alt = self.alt or self._describe()

    @property
    def signals(self):
        """The Signals of these settings."""
        return propagate(self.activations[self.activation], self.depth, self.scale, self.width, self.seed)

    def view(self, name):
        """How an activation is drawn: where its histograms end, and which slopes count as flat."""
        φ = self.activations[name]
        values = φ(np.linspace(-30, 30, 61))
        low, high = round(float(values.min()), 9), round(float(values.max()), 9)
        return {"domain": [max(low, -WIDEST), min(high, WIDEST)], "open": [low < -WIDEST, high > WIDEST],
                "flat": SATURATED * steepest(φ), "zero": float(φ(-1.0)) == 0}

    def _make_spec(self):
        """What only the browser needs; reset returns to the settings that were given at first."""
        z, w = (half[half.size // 2:] for half in gaussian_nodes())  # they are symmetric
        given = {name: getattr(self, name) for name in ("activation", "depth", "scale", "width", "seed")}
        return {
            "activations": [self.view(name) | {"name": name, "label": φ.label, "javascript": φ.javascript}
                            for name, φ in self.activations.items()],
            "schemes": [{"name": name, "scales": {str(m): schemes(m)[name] for m in WIDTHS}}
                        for name in schemes(WIDTHS[0])],
            "samples": SAMPLES, "depths": list(DEPTHS), "widths": list(WIDTHS), "scales": list(SCALES),
            "rows": ROWS, "bins": BINS, "bounds": list(BOUNDS), "verdicts": list(VERDICTS),
            "nodes": z.tolist(), "weights": w.tolist(), "forward": FORWARD, "backward": BACKWARD,
            "given": given,
        }

    def settings(self):
        names = tuple(self.activations)
        rule = next((name for name, s in schemes(self.width).items() if s == self.scale), self.scale)
        return [self.activation], {
            "depth": (self.depth, 20), "scale": (rule, "Xavier"), "width": (self.width, 64),
            "seed": (self.seed, 0), "activations": (names, tuple(ACTIVATIONS))}

    def _describe(self):
        """Alt text: what the picture shows, in words."""
        sent, label = self.signals, self.activations[self.activation].label
        forward, apart = sent.forward[-1] / sent.forward[1], sent.apart[-1] / sent.apart[1]
        back = sent.backward[1] / sent.backward[-1]
        shape = "keep their shape"
        if sent.saturated[-1] > 0.25 and not self.view(self.activation)["zero"]:
            shape = "pile up at the two ends"
        elif forward < BOUNDS[1]:
            shape = "collapse to a spike at zero"
        elif forward > BOUNDS[2]:
            shape = "spread out of the picture"
        layers = f"{self.depth} layers" if self.depth > 1 else "one layer"
        ways = (f" From layer 1 to layer {self.depth} the signal {verdict(forward)} (factor {forward:.2g})"
                + f", what tells samples apart {verdict(apart)}" * (verdict(apart) != verdict(forward))
                + f"; on the way back the gradient {verdict(back)} (factor {back:.2g}).")
        return (f"Histograms of the activations in {layers} of {self.width} {label} units, weight scale "
                f"{self.scale:.3g}: they {shape}." + ways * (self.depth > 1))

    def draw(self, figure):
        """The poster: histograms by layer, and the sizes of signal and gradient beside them."""
        sent, view = self.signals, self.view(self.activation)
        left, right = (figure.add_axes((x, 0.08, w, 0.84)) for x, w in ((0.05, 0.54), (0.66, 0.32)))
        chosen, layers, blue = rows(self.depth), np.arange(self.depth + 1), FORWARD[0]
        tall = 0.94 * min(np.diff(chosen), default=0.7)
        low, high = view["domain"]
        for layer in chosen:
            h = sent.h[layer][sent.h[layer] != 0] if view["zero"] else sent.h[layer]
            shares = np.histogram(h, BINS, (low, high))[0] / sent.h[layer].size
            outline = layer - tall * shares / max(shares.max(), 1.2 / BINS)
            bars = {"edges": np.linspace(low, high, BINS + 1), "baseline": layer}
            left.stairs(outline, **bars, fill=True, color=blue, alpha=0.35)
            left.stairs(outline, **bars, color=blue, linewidth=1)
        ideals = theory(self.activations[self.activation], self.depth, self.scale)
        looks = zip((sent.forward, sent.backward), ideals, (blue, BACKWARD[0]), "v^", strict=True)
        for values, ideal, colour, marker in looks:
            right.plot(np.where(ideal > 0, ideal, np.nan), layers, "--", color=colour, linewidth=1)
            right.plot(np.where(values > 0, values, np.nan), layers, color=colour, linewidth=2, marker=marker,
                       markevery=chosen, markersize=7, markeredgecolor="white")
        right.axvline(1, color=palette.SOFT[0], linewidth=0.8, zorder=0)
        right.set_xscale("log")
        right.set_xlim(min(right.get_xlim()[0], 1e-2), max(right.get_xlim()[1], 1e2))
        right.set(yticks=chosen, yticklabels=[])
        left.set(xlim=(low, high), xticks=[low, (low + high) / 2, high], yticks=chosen)
        right.grid(axis="y", color=palette.LINE[0], linewidth=0.6)
        right.minorticks_off()
        for ax, title in ((left, "Activations h, layer by layer"), (right, "Sizes of h (▾) and ∂L/∂h (▴)")):
            ax.set_ylim(self.depth, min(0, 1 - tall))
            ax.set_title(title, fontsize=9, fontweight="bold", loc="left", color=palette.INK[0])
            ax.tick_params(colors=palette.SOFT[0], labelsize=8, length=0)
            for spine in ax.spines.values():
                spine.set_visible(False)
        return True
