"""Checks of what a reader passes in: each says in one sentence what was wrong and what is accepted."""

import math
import numbers

import numpy as np


def finite_array(value, name, d=None):
    """`value` as a float64 array of finite numbers whose last axis has length `d`.

    >>> finite_array([1, 2], "start", d=2).tolist()
    [1.0, 2.0]
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers, not {value!r}") from error
    if d == 1 and array.ndim == 0:
        array = array[None]
    if d is not None and (array.ndim == 0 or array.shape[-1] != d):
        raise ValueError(
            f"{name} must have {d} coordinate{'s' * (d > 1)} on its last axis, but its shape is {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but it contains NaN or infinity")
    return array


def number(value, name, low=-math.inf, high=math.inf, above=False, below=False):
    """`value` as a float in [low, high]; `above` and `below` leave out the ends.

    >>> number(0.5, "β", 0, 1, below=True)
    0.5
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    value = float(value)
    inside = (value > low if above else value >= low) and (value < high if below else value <= high)
    if not math.isfinite(value) or not inside:
        left = f"{'more than' if above else 'at least'} {low:g}" if low > -math.inf else ""
        right = f"{'less than' if below else 'at most'} {high:g}" if high < math.inf else ""
        accepted = " and ".join(part for part in ("finite", left, right) if part)
        raise ValueError(f"{name} must be {accepted}, not {value:g}")
    return value


def count(value, name, low=0, high=10_000_000):
    """`value` as an int in [low, high].

    >>> count(200, "steps")
    200
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must lie between {low} and {high}, not {value}")
    return int(value)


def interval(value, name):
    """`value` as two floats (low, high) with low < high; −∞ and ∞ are accepted.

    >>> interval((-math.inf, 0), "region")
    (-inf, 0.0)
    """
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a pair of numbers (low, high), not {value!r}") from error
    if not low < high:
        raise ValueError(f"{name} must be a pair (low, high) with low < high, not {value!r}")
    return low, high


def lookup(table, key, what):
    """`table[key]`, or an error that names every key that is accepted.

    >>> lookup({"a": 1}, "a", "letter")
    1
    """
    if isinstance(key, str) and key in table:
        return table[key]
    raise ValueError(f"unknown {what} {key!r}; the accepted ones are {', '.join(repr(k) for k in table)}")
