"""Explorers: figures that a reader can take hold of, in a live notebook and on a static page alike."""

from importlib import import_module

# Where each explorer is at home. The build reads this table too, to know which chapters a module can affect.
HOME = {
    "CurveExplorer": "helpers.explorers.curve",
    "EscapeExplorer": "helpers.explorers.escape",
    "GuessExplorer": "helpers.explorers.guess",
    "HillExplorer": "helpers.explorers.hill",
    "LandscapeExplorer": "helpers.explorers.landscape",
    "MinibatchExplorer": "helpers.explorers.minibatch",
    "MomentumExplorer": "helpers.explorers.momentum",
    "ParticlesExplorer": "helpers.explorers.particles",
    "Question": "helpers.explorers.question",
    "RaceExplorer": "helpers.explorers.race",
    "SignalExplorer": "helpers.explorers.signal",
}
__all__ = list(HOME)


def __getattr__(name):
    """An explorer, whose module is read when it is first asked for: a chapter shows two or three of them."""
    if name not in HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(HOME[name]), name)


def __dir__():
    return __all__
