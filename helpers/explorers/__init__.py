"""Explorers: figures that a reader can take hold of, in a live notebook and on a static page alike."""

from helpers.explorers.curve import CurveExplorer
from helpers.explorers.landscape import LandscapeExplorer
from helpers.explorers.question import Question

__all__ = ["CurveExplorer", "LandscapeExplorer", "Question"]
