"""Gauss and Legendre's nodes on panels: a function known there is a polynomial of degree 15 in each panel."""

import numpy as np

PER_PANEL = 16
X, W = np.polynomial.legendre.leggauss(PER_PANEL)
"""Nodes and weights on [−1, 1]."""

_P = np.polynomial.legendre.legvander(X, PER_PANEL)
SERIES = (_P[:, :PER_PANEL] * W[:, None]).T * (np.arange(PER_PANEL) + 0.5)[:, None]
"""From values at the nodes to the coefficients of Legendre's polynomials Pₖ."""

_k = np.arange(1, PER_PANEL)
_PRIMITIVE = np.zeros((PER_PANEL + 1, PER_PANEL))  # ∫₋₁ˣ Pₖ = (Pₖ₊₁ − Pₖ₋₁)/(2k + 1), and ∫₋₁ˣ P₀ = P₁ + P₀
_PRIMITIVE[[0, 1], 0] = 1
_PRIMITIVE[_k + 1, _k], _PRIMITIVE[_k - 1, _k] = 1 / (2 * _k + 1), -1 / (2 * _k + 1)
RUNNING = _P @ _PRIMITIVE @ SERIES
"""From values at the nodes to ∫₋₁ˣ up to each node."""


def panel_nodes(edges):
    """The nodes of the panels between edges (n + 1,): (n, 16).

    >>> panel_nodes(np.array([0.0, 1.0, 3.0])).mean(axis=1).round(12).tolist()
    [0.5, 2.0]
    """
    return (edges[:-1, None] + edges[1:, None]) / 2 + np.diff(edges)[:, None] / 2 * X


def panel_weights(edges):
    """The weights of `panel_nodes`: (n, 16).

    >>> edges = np.array([0.0, 1.0, 3.0])
    >>> round(float((panel_weights(edges) * panel_nodes(edges) ** 2).sum()), 12)
    9.0
    """
    return np.diff(edges)[:, None] / 2 * W


def legendre(θ, low, high):
    """P₀ … P₁₅ at θ (...) in the panels from low (...) to high (...): (..., 16).

    Times SERIES it is what interpolates values at the nodes.

    >>> square = panel_nodes(np.array([0.0, 2.0]))[0] ** 2
    >>> (legendre(np.array([1.5]), 0.0, 2.0) @ SERIES @ square).round(12).tolist()
    [2.25]
    """
    return np.polynomial.legendre.legvander(2 * (θ - low) / (high - low) - 1, PER_PANEL - 1)
