"""Figures in one look: functions that draw on a given Axes and return the artists that they made.

    fig, ax = subplots("wide")
    landscape(ax, land)
    critical_points(ax, find_critical_points(land))
    path(ax, run)

Importing this module sets the style. Colours come from `helpers.palette`, sizes from SIZES: no figure chooses
its own.
"""

from importlib.resources import files

import matplotlib as mpl
import numpy as np
from matplotlib import patheffects
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.patches import FancyBboxPatch

from helpers import critical_points as criticality
from helpers import palette
from helpers.checks import finite_array, lookup

SIZES = {"wide": (7.0, 3.6), "square": (4.8, 4.6), "pair": (7.0, 3.2), "row": (7.0, 2.7), "grid": (7.0, 6.8),
         "tall": (7.0, 8.8)}
"""Width and height in inches. An inch is a hundred pixels of the page; its column is seven wide."""

INK, SOFT, LINE = palette.INK[0], palette.SOFT[0], palette.LINE[0]
LOW, HIGH = palette.LOW[0], palette.HIGH[0]
RULE = {name: colours[0] for name, colours in palette.RULE.items()}
KIND = {kind: colours[0] for kind, colours in palette.KIND.items()}

DASH = {name: dash for name, (dash, _) in palette.LOOK.items()}
"""How the path of a rule is dashed, in pixels as in the explorers: no figure rests on colour alone."""

GLYPH = {"minimum": {"marker": "o", "s": 62},
         "saddle": {"marker": "x", "s": 62, "linewidths": 2.6},
         "maximum": {"marker": "^", "s": 95},
         "degenerate": {"marker": "D", "s": 52, "facecolors": "none", "linewidths": 2}}
"""The marker of each kind of critical point; the explorers draw the same ones."""

BANDS = 14
SHADES = LinearSegmentedColormap.from_list("landscape", [LOW, HIGH])


def use_style():
    """Set the book's style, and in a notebook figures of double resolution, shown at their size.

    >>> use_style()
    >>> mpl.rcParams["text.color"] == INK
    True
    """
    plt.style.use(str(files("helpers") / "book.mplstyle"))
    cycle = [RULE[name] for name in ("momentum", "gradient descent", "nesterov", "adam", "adagrad")]
    mpl.rcParams["axes.prop_cycle"] = mpl.cycler(color=cycle)
    for key in ("text.color", "axes.labelcolor", "axes.titlecolor"):
        mpl.rcParams[key] = INK
    for key in ("axes.edgecolor", "xtick.color", "ytick.color"):
        mpl.rcParams[key] = SOFT
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("retina", bbox_inches=None)  # the whole canvas: sizes stay those of SIZES


def size(name):
    """The figure size (width, height) in inches that the book calls `name`.

    >>> size("wide")
    (7.0, 3.6)
    """
    return lookup(SIZES, name, "figure size")


def subplots(name="wide", rows=1, columns=1, **keywords):
    """`plt.subplots` in one of the book's sizes, with a layout that leaves room for labels.

    >>> fig, axes = subplots("wide", columns=2)
    >>> len(axes), fig.get_size_inches().tolist()
    (2, [7.0, 3.6])
    >>> plt.close(fig)
    """
    return plt.subplots(rows, columns, figsize=size(name), layout="constrained", **keywords)


def figure(name="wide"):
    """`plt.figure` in one of the book's sizes, for Axes of different kinds.

    >>> fig = figure("wide")
    >>> fig.get_size_inches().tolist()
    [7.0, 3.6]
    >>> plt.close(fig)
    """
    return plt.figure(figsize=size(name), layout="constrained")


def halo(width=2.6):
    """A light rim that keeps a label readable on a landscape.

    >>> halo()[0].__class__.__name__
    'withStroke'
    """
    return [patheffects.withStroke(linewidth=width, foreground=HIGH, alpha=0.85)]


def note(ax, text, at, offset=(8, 6), colour=INK, **keywords):
    """Write `text` beside the point `at`, `offset` points away; returns the text.

    >>> fig, ax = subplots()
    >>> note(ax, "saddle", (0, 0)).get_text()
    'saddle'
    >>> plt.close(fig)
    """
    side = {"ha": "left" if offset[0] > 0 else "right" if offset[0] < 0 else "center",
            "va": "bottom" if offset[1] > 0 else "top" if offset[1] < 0 else "center"}
    return ax.annotate(text, at, xytext=offset, textcoords="offset points", color=colour, path_effects=halo(),
                       **{"fontsize": 10, "zorder": 8} | side | keywords)


# Landscapes

def levels(loss, bands=BANDS):
    """Values of the loss that divide a picture of it into `bands` bands.

    Levels at equal heights crowd on the steep flanks, levels at quantiles crowd on the plains. Between the
    two, both a plain and a cliff keep their shape.

    >>> levels(np.linspace(0.0, 1.0, 11), bands=2).round(3).tolist()
    [0.0, 0.5, 1.0]
    """
    loss = np.sort(finite_array(loss, "loss").ravel())
    if loss[0] == loss[-1]:
        return loss[0] + np.linspace(0, 1, bands + 1)
    rank, height = np.linspace(0, 1, loss.size), (loss - loss[0]) / (loss[-1] - loss[0])
    return np.interp(np.linspace(0, 1, bands + 1), 0.65 * rank + 0.35 * height, loss)


def landscape(ax, land, n=241, bands=BANDS):
    """Filled contours of L over the domain, dark where the loss is low, with thin level lines.

    Returns the two contour sets (bands, lines).

    >>> from helpers import landscapes
    >>> fig, ax = subplots()
    >>> bands, lines = landscape(ax, landscapes.landscape("ravine"), n=21, bands=5)
    >>> len(bands.levels), len(lines.levels)
    (6, 4)
    >>> plt.close(fig)
    """
    if land.d != 2:
        raise ValueError(f"landscape draws losses of two parameters, but {land.name!r} has {land.d}")
    θ = land.grid(n)
    loss = land.loss(θ)
    at = levels(loss, bands)
    x, y = θ[..., 0], θ[..., 1]
    shades = SHADES(np.linspace(0, 1, bands))
    filled = ax.contourf(x, y, loss, levels=at, colors=shades, extend="both", zorder=0)
    lines = ax.contour(x, y, loss, levels=at[1:-1], colors=[SOFT], linewidths=0.5, alpha=0.55, zorder=1)
    _frame(ax, land)
    return filled, lines


def _frame(ax, land):
    """Equal scales, the domain as limits, the variables as labels."""
    ax.set(xlim=land.domain[0], ylim=land.domain[1], aspect="equal")
    ax.set_xlabel(_math(land.variables[0]))
    ax.set_ylabel(_math(land.variables[1]), rotation=0, ha="right", va="center")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0)
    ax.locator_params(nbins=5)


def _math(symbol):
    from helpers.symbolic import latex

    return f"${latex(symbol)}$"


def surface(ax, land, n=61):
    """The loss of two parameters as a surface in space, on an Axes made with projection="3d".

    >>> from helpers import landscapes
    >>> fig = figure()
    >>> surface(fig.add_subplot(projection="3d"), landscapes.landscape("saddle"), n=5).__class__.__name__
    'Poly3DCollection'
    >>> plt.close(fig)
    """
    if land.d != 2:
        raise ValueError(f"surface draws losses of two parameters, but {land.name!r} has {land.d}")
    θ = land.grid(n)
    sheet = ax.plot_surface(θ[..., 0], θ[..., 1], land.loss(θ), cmap=SHADES, rcount=n, ccount=n, linewidth=0,
                            antialiased=False, shade=False, zorder=0)
    ax.set_xlabel(_math(land.variables[0]), labelpad=-6)
    ax.set_ylabel(_math(land.variables[1]), labelpad=-6)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis.set_ticks([])
        axis.line.set_color(LINE)
    ax.set_box_aspect((1, 1, 0.72), zoom=1.12)
    return sheet


def curve(ax, land, n=601, **style):
    """The loss of one parameter against it; `style` goes to `ax.plot`. Returns the line.

    >>> from helpers import landscapes
    >>> fig, ax = subplots()
    >>> len(curve(ax, landscapes.landscape("double well"), n=11).get_xdata())
    11
    >>> plt.close(fig)
    """
    if land.d != 1:
        raise ValueError(f"curve draws losses of one parameter, but {land.name!r} has {land.d}")
    θ = land.grid(n)
    (line,) = ax.plot(θ[:, 0], land.loss(θ), **{"color": INK, "linewidth": 2, "label": land.title} | style)
    ax.set(xlabel=_math(land.variables[0]), ylabel="loss $L$", xlim=land.domain[0])
    return line


# What lies on them

def critical_points(ax, found, names=True):
    """Mark every critical point of `found` (a CriticalSet) with the glyph of its kind, and curves as dots.

    On an Axes with a curve the points lie at their loss. `names` writes each kind once, beside one of its
    points; without it, `ax.legend()` explains the glyphs. Returns a dict kind -> artist.

    >>> from helpers import landscapes
    >>> fig, ax = subplots()
    >>> sorted(critical_points(ax, criticality.find_critical_points(landscapes.landscape("saddle"))))
    ['saddle']
    >>> plt.close(fig)
    """
    artists, labels, taken = {}, {}, []
    for curve in found.curves:
        colour = KIND["minimum" if "minim" in curve.label else curve.kind]
        for θ in curve.sample([ax.get_xlim(), ax.get_ylim()]):
            (dots,) = ax.plot(*θ.T, color=colour, linestyle=(0, (0.1, 1.9)), linewidth=3, zorder=4)
            dots.set_label("_" if curve.label in artists else curve.label)
            artists.setdefault(curve.label, dots)
            labels.setdefault(curve.label, []).extend(θ[len(θ) // 8:-len(θ) // 8:len(θ) // 24 or 1])
            taken.extend(θ[::4])
    for kind in GLYPH:
        points = [(*p.θ, p.loss) if len(p.θ) == 1 else p.θ for p in found.of(kind)]
        if points:
            artists[kind] = _glyphs(ax, kind, np.array(points))
            labels[kind] = points
            taken.extend(points)
    if names:
        one_parameter = any(len(p.θ) == 1 for p in found.points)
        if one_parameter and "minimum" in labels:
            low, high = ax.get_ylim()
            lowest = min(loss for _, loss in labels["minimum"])
            ax.set_ylim(bottom=min(low, lowest - 0.1 * (high - lowest)))  # room for its name below it
        _write(ax, labels, taken, sides={"minimum": -1, "maximum": 1} if one_parameter else {})
    return artists


def _glyphs(ax, kind, at):
    """The glyphs of one kind, each above a light rim that keeps it apart from what lies below."""
    style = {"color": KIND[kind], "linewidths": 1.2} | GLYPH[kind]
    if "facecolors" in style:
        style["edgecolors"] = style.pop("color")
    elif style["marker"] != "x":
        style["edgecolors"] = HIGH
    return ax.scatter(*at.T, **style, zorder=6, label=kind, path_effects=halo(style["linewidths"] + 2.2))


def _write(ax, labels, taken, sides):
    """Write each label beside one of its points, where it meets the fewest glyphs and other labels.

    `labels`: text -> possible points; `taken`: points to avoid; `sides`: text -> 1 (above) or −1 (below).
    """
    ax.figure.draw_without_rendering()  # settles the layout, in which a point of type has a size
    point = ax.figure.dpi / 72
    frame = ax.get_window_extent()
    spots = ax.transData.transform(np.array(taken))
    boxes = [(u - 5 * point, v - 5 * point, u + 5 * point, v + 5 * point) for u, v in spots]
    for text, points in labels.items():
        width, height = 6.9 * len(text) * point, 11 * point
        offsets = [(9, 6), (9, -6), (-9, 6), (-9, -6), (0, 9), (0, -9)]
        if text in sides:
            offsets = [(0, 9 * sides[text])]
        best = None
        for at in points:
            u, v = ax.transData.transform(at)
            for dx, dy in offsets:
                left = u + dx * point - width * (dx < 0 or (not dx) / 2)
                low = v + dy * point - height * (dy < 0)
                box = (left, low, left + width, low + height)
                meets = sum(_overlap(box, other) > 0 for other in boxes)
                outside = 1 - _overlap(box, frame.extents) / (width * height)
                cost = meets + 10 * outside + 0.01 * offsets.index((dx, dy))
                if best is None or cost < best[0] - 1e-9:
                    best = (cost, at, (dx, dy), box)
        note(ax, text, best[1], best[2], weight="bold")
        boxes.append(best[3])


def _overlap(box, other):
    """The area that two boxes (left, low, right, high) share."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0) * max(height, 0)


def path(ax, run, land=None, label=None, **style):
    """The path of a run (what `descend` returns) in its rule's colour and dash, from an open ring to a dot.

    In one parameter the ball rolls along the curve of its losses; a run on a gradient function needs the
    landscape `land` for that. A run from many starts draws them all. Returns the lines.

    >>> from helpers.optimizers import descend
    >>> fig, ax = subplots()
    >>> [line.get_label() for line in path(ax, descend("ravine", [1.0, 1.0], steps=5, η=0.02))]
    ['GD']
    >>> plt.close(fig)
    """
    colour = style.pop("color", RULE.get(run.rule.name, INK))
    θ = run.θ.reshape(len(run.θ), -1, run.θ.shape[-1])
    if θ.shape[-1] == 1:
        if run.loss is None and land is None:
            raise ValueError("the path of one parameter needs its losses: give the landscape as `land`")
        loss = run.loss if land is None else land.loss(run.θ)
        θ = np.concatenate([θ, loss.reshape(*θ.shape[:2], 1)], axis=-1)
    elif θ.shape[-1] != 2:
        raise ValueError(f"path draws runs of one or two parameters, not {θ.shape[-1]}")
    dash = [length / 1.8 for length in DASH.get(run.rule.name, ())]
    style = {"linestyle": (0, dash) if dash else "-", "linewidth": 1.8} | style
    style = {"marker": ".", "markersize": 4, "zorder": 5} | style
    lines = [ax.plot(*θ[:, k].T, color=colour, label="_", **style)[0] for k in range(θ.shape[1])]
    lines[0].set_label(label or run.rule.label)
    ends = {"marker": "o", "linestyle": "none", "zorder": 7}
    ax.plot(*θ[0].T, color=HIGH, markeredgecolor=colour, markeredgewidth=1.8, markersize=8, **ends)
    ax.plot(*θ[-1].T, color=colour, markeredgecolor=HIGH, markeredgewidth=1, markersize=6.5, **ends)
    return lines


def loss_curves(ax, runs, labels=None, floor=0.0, log=True):
    """L − `floor` against the step, one line a run, with its label at its end. Returns the lines.

    `floor` is the lowest loss there is, where it is known: on a logarithmic axis a straight line is a rate.

    >>> from helpers.optimizers import descend
    >>> fig, ax = subplots()
    >>> len(loss_curves(ax, descend("ravine", [1.0, 1.0], steps=5, η=0.02)))
    1
    >>> plt.close(fig)
    """
    runs = runs if isinstance(runs, (list, tuple)) else [runs]
    labels = labels or [run.rule.label for run in runs]
    lines, ends = [], []
    for run, label in zip(runs, labels, strict=True):
        if run.loss is None:
            raise ValueError("a run on a gradient function has no losses to draw; run it on a Landscape")
        loss = run.loss.reshape(len(run.loss), -1) - floor
        if log:
            loss = np.where(loss > 0, loss, np.nan)
        lines += ax.plot(loss, color=RULE.get(run.rule.name, INK), linewidth=1.8, label=label)
        ends.append((label, loss[:, 0], RULE.get(run.rule.name, INK)))
    if log:
        ax.set_yscale("log")
    for label, loss, colour in ends:
        last = int(np.flatnonzero(np.isfinite(loss))[-1])
        note(ax, label, (last, loss[last]), (6, 0), colour, weight="bold", annotation_clip=False)
    ax.set(xlabel="step $t$", ylabel="loss $L$" if not floor else "loss above its minimum")
    return lines


# Curvature

def quadratic_model(ax, land, θ0, reach=None, n=121, colour=INK):
    """The quadratic model L(θ′) + gᵀv + ½vᵀHv around θ′ = `θ0`: dashed level lines, or a dashed parabola.

    `reach` is how far it is drawn, by default a third of the domain. Returns the contour set or the line.

    >>> from helpers import landscapes
    >>> fig, ax = subplots()
    >>> quadratic_model(ax, landscapes.landscape("double well"), [0.0]).get_label()
    'quadratic model'
    >>> plt.close(fig)
    """
    θ0 = finite_array(θ0, "θ0", land.d).reshape(land.d)
    spans = np.array([high - low for low, high in land.domain])
    half = spans / 3 if reach is None else np.full(land.d, float(reach))
    if land.d > 2:
        raise ValueError(f"quadratic_model draws losses of one or two parameters; {land.name!r} has {land.d}")
    axes = [np.linspace(-h, h, n) for h in half]
    v = np.stack(np.meshgrid(*axes), axis=-1) if land.d == 2 else axes[0][:, None]
    L, g, H = land.loss(θ0), land.gradient(θ0), land.hessian(θ0)
    model = criticality.quadratic_model(land.d)(L, g, H.ravel(), v)
    if land.d == 1:
        return ax.plot(θ0[0] + v[:, 0], model, color=colour, linestyle=(0, (4, 2.2)), linewidth=1.6, zorder=3,
                       label="quadratic model")[0]
    model = np.where(((v / half) ** 2).sum(-1) <= 1, model, np.nan)  # an ellipse: the model has no corners
    at = levels(model[np.isfinite(model)], 7)[1:-1]
    return ax.contour(θ0[0] + v[..., 0], θ0[1] + v[..., 1], model, levels=at, colors=[colour],
                      linestyles=[(0, (4, 2.2))], linewidths=1.1, zorder=3)


def eigenvectors(ax, land, θ0, length=None, labels=True):
    """The Hessian's eigenvectors at `θ0` as double arrows with their eigenvalues. Returns the arrows.

    Where the loss curves up they are solid and green, down dashed and red, not at all dashed and grey.

    >>> from helpers import landscapes
    >>> fig, ax = subplots()
    >>> len(eigenvectors(ax, landscapes.landscape("saddle"), [0.0, 0.0]))
    2
    >>> plt.close(fig)
    """
    if land.d != 2:
        raise ValueError(f"eigenvectors draws losses of two parameters, but {land.name!r} has {land.d}")
    θ0 = finite_array(θ0, "θ0", 2).reshape(2)
    λ, U = np.linalg.eigh(land.hessian(θ0))
    length = length or min(high - low for low, high in land.domain) / 6
    flat = criticality.ZERO * max(1.0, np.abs(λ).max())
    arrows = []
    for value, u in zip(λ, U.T, strict=True):
        u = u if (u[0], u[1]) > (0, 0) else -u
        kind = "degenerate" if abs(value) <= flat else "minimum" if value > 0 else "maximum"
        style = {"arrowstyle": "<->", "color": KIND[kind], "linestyle": "-" if value > flat else (0, (4, 2)),
                 "linewidth": 2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 12, "path_effects": halo(3.4)}
        arrows.append(ax.annotate("", θ0 + length * u, xytext=θ0 - length * u, zorder=6, arrowprops=style))
        if labels:
            shown = f"{value:.3g}".replace("-", "−") if abs(value) > flat else "0"
            note(ax, f"λ = {shown}", θ0 + length * u, (4 + 4 * abs(u[0]), 5 if u[1] >= 0 else -5),
                 colour=KIND[kind], weight="bold")
    return arrows


# Diagnoses

def diagnosis(axes, report, decades=3):
    """A Diagnosis on two Axes: what it looked at, and each number over its threshold.

    On the left the gradient by layer where that decided, else the losses, else the curvatures that were
    found. On the right every measurement is a dot at log₁₀(value / threshold), at most `decades` to either
    side: right of the line it is beyond its threshold. Filled dots in bold type are the numbers that decided.
    Returns (line, dots).

    >>> from helpers.diagnosis import diagnose
    >>> fig, axes = subplots(columns=2)
    >>> line, dots = diagnosis(axes, diagnose([0.0], lambda θ: 2 * θ, rng=np.random.default_rng(0)))
    >>> len(dots) > 1
    True
    >>> plt.close(fig)
    """
    left, right = axes
    curves = report.curves
    if "layers" in report.decisive:
        norms = curves["layer norms"]
        (line,) = left.semilogy(range(1, len(norms) + 1), list(norms.values()), "o-", color=INK, markersize=4)
        left.set(xlabel="layer, from the input", ylabel="slope")
    elif "losses" in curves:
        losses = curves["losses"]
        (line,) = left.plot(np.where(np.isfinite(losses), losses, np.nan), color=INK, linewidth=1.6)
        left.set(xlabel="the latest losses", ylabel="loss $L$")
    else:
        λ = curves.get("curvatures", np.array([]))
        (line,) = left.plot(λ, "o", color=INK, markersize=4)
        left.axhline(0, color=SOFT, linewidth=0.8, zorder=0)
        left.set(xlabel="curvatures found, in order", ylabel=r"$\lambda$")
        left.set_xticks([])
    left.set_title(f"{report.verdict}\n({report.confidence} confidence)", fontsize=11)

    names, dots = list(report.numbers)[::-1], []
    if not names:  # the losses alone decided
        right.set_axis_off()
        return line, dots
    for row, name in enumerate(names):
        value, threshold, _ = report.numbers[name]
        ratio = value / threshold
        at = np.clip(np.log10(ratio), -decades, decades) if ratio > 0 else -decades
        decided = name in report.decisive
        colour = KIND["saddle"] if decided else SOFT
        dots += right.plot(at, row, "o", color=colour, markersize=8, zorder=4, clip_on=False,
                           markerfacecolor=colour if decided else HIGH)
        text = f"{value:.3g}".replace("-", "−").replace("inf", "∞")
        right.annotate(text, (1.03, row), xycoords=("axes fraction", "data"), va="center", fontsize=9,
                       weight="bold" if decided else "normal", annotation_clip=False)
    right.axvline(0, color=INK, linewidth=1)
    right.set_yticks(range(len(names)), names)
    for label in right.get_yticklabels():
        label.set_weight("bold" if label.get_text() in report.decisive else "normal")
    ticks = [-decades, 0, decades]
    right.set_xticks(ticks, [f"1/{10**decades}", "threshold", f"{10**decades}×"])
    right.set(xlim=(-decades - 0.3, decades + 0.3), ylim=(-0.7, len(names) - 0.3))
    right.grid(axis="y", color=LINE, linewidth=0.6)
    return line, dots


def decision_tree(ax):
    """The questions that `diagnose` asks, from top to bottom, with the thresholds of `helpers.diagnosis`.

    The first question that is answered with yes decides; its box holds the verdict and the chapter to read.
    Returns the texts of the verdicts.

    >>> fig, ax = subplots()
    >>> decision_tree(ax)[0].get_text()
    'diverging'
    >>> plt.close(fig)
    """
    from helpers import diagnosis as d

    here = f"way < {d.WAY}, miss < {d.MISS} and"
    rows = (
        ("Do the losses grow out of their range?", f"growth > {d.GROWTH}", "diverging"),
        ("Do gradients grow towards the first layer?", f"layers > {d.LAYERS}", "exploding gradients"),
        ("Does each step undo the last?", f"turn > {d.TURN}, or ηλ > {d.SHARPNESS} and rises > {d.RISES}",
         "bouncing"),
        ("Does noise take what the slope gives?", f"noise > {d.NOISE} and rises > {d.RISES}", "noise ball"),
        ("Do gradients fade towards the first layer?", f"layers < 1/{d.LAYERS}", "vanishing gradients"),
        ("Does a walk along u₁ pay?", f"λ₁/λ < −{-d.LOWEST:g} and promise > {d.PROMISE}", "strict saddle"),
        ("Is it critical, with all curvatures positive?", f"{here} λ₁/λ > {d.FLAT:g}", "local minimum"),
        ("Is it critical, with a flat direction?", f"{here} |λ₁/λ| small", "valley with flat directions"),
        ("Is it steeper and more curved further out?",
         f"fall < {d.FALL}, steepness > {d.STEEPNESS}, bend > {d.BEND}", "plateau"),
        ("Does the loss still fall?", f"fall > {d.FALL}", "still descending"),
    )
    found, last = [], len(rows)
    arrow = {"arrowstyle": "-|>", "color": SOFT, "shrinkA": 0, "shrinkB": 0}
    for k, (question, numbers, verdict) in enumerate([*rows, ("", "", "undecided")]):
        y, x = -k, 0.67 if k < last else 0.0
        name = verdict.replace(" flat", "\nflat")
        up, down = (0.02, -0.07) if name == verdict else (-0.08, -0.13)
        high = 0.35 if name == verdict else 0.43
        ax.add_patch(FancyBboxPatch((x, y - high), 0.33, 2 * high, mutation_aspect=8, facecolor=HIGH,
                                    boxstyle="round,pad=0,rounding_size=0.015", edgecolor=INK, linewidth=1.2))
        found.append(ax.text(x + 0.165, y + up, name, ha="center", va="bottom", fontsize=12, weight="bold",
                             linespacing=1.05))
        ax.text(x + 0.165, y + down, f"chapter {d.VERDICTS[verdict][0]}", ha="center", va="top", fontsize=12,
                color=SOFT)
        if k == last:
            break
        ax.text(0, y + 0.04, question, va="bottom", fontsize=13, color=INK)
        ax.text(0, y - 0.06, numbers, va="top", fontsize=11.5, color=SOFT)
        ax.annotate("yes ", (0.665, y), xytext=(0.618, y), va="center", ha="right", fontsize=12, color=SOFT,
                    arrowprops=arrow)
        ax.annotate("", (0.03, y - 0.64), xytext=(0.03, y - 0.38), arrowprops=arrow)
        ax.text(0.05, y - 0.51, "no", va="center", fontsize=12, color=SOFT)
    ax.set(xlim=(-0.005, 1.005), ylim=(-last - 0.4, 0.4))
    ax.set_axis_off()
    return found


def colour(name):
    """The colour of a rule, of a kind of critical point, or "ink", "soft", "line", as a hex string.

    >>> colour("saddle") == KIND["saddle"]
    True
    """
    plain = {"ink": INK, "soft": SOFT, "line": LINE, "low": LOW, "high": HIGH}
    return lookup(plain | KIND | RULE, name, "colour")


def tint(name, share=0.5):
    """A colour mixed with paper: `share` of it remains.

    >>> tint("ink", 0.0)
    (1.0, 1.0, 1.0)
    """
    paper = np.array(to_rgb(palette.PAPER[0]))
    return tuple((share * np.array(to_rgb(colour(name))) + (1 - share) * paper).tolist())


use_style()
