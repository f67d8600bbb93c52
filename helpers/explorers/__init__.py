"""Explorers: figures that a reader can take hold of, in a live notebook and on a static page alike."""

from helpers.explorers.landscape import LandscapeExplorer

try:  # until these files are here
    from helpers.explorers.curve import CurveExplorer
    from helpers.explorers.question import Question
except ModuleNotFoundError:
    CurveExplorer = Question = None

__all__ = ["CurveExplorer", "LandscapeExplorer", "Question"]
