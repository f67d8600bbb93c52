"""Explorers: figures that a reader can take hold of, in a live notebook and on a static page alike."""

from helpers.explorers.curve import CurveExplorer
from helpers.explorers.escape import EscapeExplorer
from helpers.explorers.guess import GuessExplorer
from helpers.explorers.hill import HillExplorer
from helpers.explorers.landscape import LandscapeExplorer
from helpers.explorers.minibatch import MinibatchExplorer
from helpers.explorers.momentum import MomentumExplorer
from helpers.explorers.particles import ParticlesExplorer
from helpers.explorers.question import Question
from helpers.explorers.race import RaceExplorer
from helpers.explorers.signal import SignalExplorer

__all__ = [
    "CurveExplorer",
    "EscapeExplorer",
    "GuessExplorer",
    "HillExplorer",
    "LandscapeExplorer",
    "MinibatchExplorer",
    "MomentumExplorer",
    "ParticlesExplorer",
    "Question",
    "RaceExplorer",
    "SignalExplorer",
]
