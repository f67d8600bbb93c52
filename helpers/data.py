"""Real data: 1797 images of handwritten digits, and what a classifier needs to be trained on them."""

from importlib.resources import files

import numpy as np

from helpers.checks import count


def digits():
    """(x, y): 8 × 8 images of handwritten digits, x (1797, 64) in [0, 1], and their classes y (1797,), 0 … 9.

    Row after row of an image; 0 is paper, 1 is ink, in steps of 1/16. These are the images of the test set of
    Alpaydin and Kaynak's "Optical Recognition of Handwritten Digits", which is licensed under CC BY 4.0.
    Source: alpaydin1998.

    >>> x, y = digits()
    >>> x.shape, y[:10].tolist()
    ((1797, 64), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    with files("helpers").joinpath("datasets/digits.npz").open("rb") as file, np.load(file) as stored:
        return stored["images"] / 16.0, stored["classes"].astype(int)


def one_hot(y, k):
    """Classes y (...), whole numbers from 0 to k − 1, as rows with a single 1: (..., k).

    >>> one_hot([2, 0], 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    y, k = np.asarray(y), count(k, "k", 1)
    if y.dtype.kind not in "iu":
        raise TypeError(f"y must be whole numbers, the classes, not an array of {y.dtype}")
    if y.size and not (y.min() >= 0 and y.max() < k):
        raise ValueError(f"the classes must lie between 0 and {k - 1}, but y has {y.min()} to {y.max()}")
    return np.eye(k)[y]


def split(x, y, n_train, rng):
    """((x, y) of n_train samples, (x, y) of all the others), drawn at random without replacement.

    x and y have the samples on their first axis; 1 ≤ n_train ≤ n − 1.

    >>> x, y = digits()
    >>> (x_train, y_train), (x_test, y_test) = split(x, y, 1000, np.random.default_rng(0))
    >>> x_train.shape, y_test.shape
    ((1000, 64), (797,))
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) < 2:
        raise ValueError(
            f"x and y must have the same number of samples, 2 or more, not shapes {x.shape} and {y.shape}"
        )
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
    n_train = count(n_train, "n_train", 1, len(x) - 1)
    order = rng.permutation(len(x))
    train, test = order[:n_train], order[n_train:]
    return (x[train], y[train]), (x[test], y[test])
