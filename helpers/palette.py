"""The colours of the book, each as a pair: in light mode, in dark mode; dashes and markers of the rules.

Matplotlib and the explorers both read them here. The hues keep apart for colour-blind
readers as well, and wherever two of them meet in one figure, a dash pattern or a marker says the same thing
again.
"""

INK = ("#1f2933", "#e6eaee")
SOFT = ("#52606d", "#9aa7b4")
LINE = ("#d5dbe1", "#37424d")
PAPER = ("#ffffff", "#12181e")
LOW = ("#96b0c8", "#406280")
HIGH = ("#f7f9fb", "#161d24")

RULE = {
    "gradient descent": ("#bf3f0d", "#ff922b"),
    "momentum": ("#1864ab", "#4dabf7"),
    "nesterov": ("#07775a", "#38d9a9"),
    "adagrad": ("#7a5c00", "#ffd43b"),
    "adagrad mean": ("#47720a", "#a9e34b"),
    "rmsprop": ("#a61e4d", "#faa2c1"),
    "adam": ("#862e9c", "#da77f2"),
    "adamw": ("#364fc7", "#91a7ff"),
    "amsgrad": ("#00696e", "#66d9e8"),
    "perturbed": ("#1864ab", "#4dabf7"),
    "negative curvature": ("#07775a", "#38d9a9"),
    "newton": ("#862e9c", "#da77f2"),
    "saddle-free newton": ("#7a5c00", "#ffd43b"),
    "minibatch": ("#1864ab", "#4dabf7"),
    "SGD": ("#862e9c", "#da77f2"),
    "thermal": ("#bf3f0d", "#ff922b"),
    "turned round": ("#07775a", "#38d9a9"),
}

LOOK = {
    "gradient descent": ((), "circle"),
    "momentum": ((8, 3), "square"),
    "nesterov": ((2, 3), "up"),
    "adagrad": ((10, 3, 2, 3), "diamond"),
    "adagrad mean": ((5, 2), "down"),
    "rmsprop": ((8, 2, 2, 2, 2, 2), "pentagon"),
    "adam": ((4, 4), "hexagon"),
    "adamw": ((1, 2), "plus"),
    "amsgrad": ((6, 2, 2, 2), "star"),
    "perturbed": ((4, 4), "square"),
    "negative curvature": ((8, 3), "up"),
    "newton": ((2, 3), "diamond"),
    "saddle-free newton": ((10, 3, 2, 3), "down"),
    "minibatch": ((), "square"),
    "SGD": ((), "up"),
    "thermal": ((6, 4), "circle"),
    "turned round": ((2, 4), "square"),
}
"""How the path of a rule is dashed, in pixels of the page, and the shape of its marker."""

KIND = {
    "minimum": ("#237534", "#69db7c"),
    "saddle": ("#a65200", "#ffd43b"),
    "maximum": ("#c92a2a", "#ff8787"),
    "degenerate": ("#495057", "#ced4da"),
}
