"""The digits: the numbers that the UCI repository documents, and what is refused."""

import zlib
from pathlib import Path

import numpy as np
import pytest

import helpers
from helpers.data import digits, one_hot, split


def test_the_digits_are_those_of_the_repository():
    x, y = digits()
    assert x.shape == (1797, 64) and x.dtype == np.float64
    assert y.shape == (1797,) and y.dtype.kind == "i"
    # samples of each class: the table for the test set in the repository's optdigits.names
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert set(np.unique(x * 16)) == set(range(17))
    first = [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]  # the first two rows of the first 0
    assert (x[0, :16] * 16).tolist() == first and y[0] == 0
    assert zlib.crc32((x * 16).astype(np.uint8).tobytes()) == 4087501628


def test_the_file_is_small_and_each_call_gives_its_own_arrays():
    assert (Path(helpers.__file__).parent / "datasets/digits.npz").stat().st_size < 60_000
    x, _ = digits()
    x[:] = 0
    assert digits()[0].max() == 1


def test_one_hot_is_the_inverse_of_argmax():
    y = digits()[1]
    rows = one_hot(y, 10)
    assert rows.shape == (1797, 10) and (rows.sum(axis=1) == 1).all() and (rows.argmax(axis=1) == y).all()
    assert one_hot([[0, 1]], 2).tolist() == [[[1, 0], [0, 1]]]
    assert one_hot(np.empty(0, dtype=int), 3).shape == (0, 3)


def test_a_split_uses_every_sample_once_and_keeps_pairs_together():
    x = np.arange(40.0).reshape(20, 2)
    (x1, y1), (x2, y2) = split(x, x[:, 0] + 0.5, 13, np.random.default_rng(5))
    assert x1.shape == (13, 2) and x2.shape == (7, 2)
    assert sorted(np.concatenate([x1, x2])[:, 0]) == x[:, 0].tolist()
    assert (np.concatenate([y1, y2]) == np.concatenate([x1, x2])[:, 0] + 0.5).all()
    assert not (x1[:, 0] == np.sort(x1[:, 0])).all()  # in random order
    again = split(x, x[:, 0], 13, np.random.default_rng(5))
    assert (again[0][0] == x1).all()


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda rng: one_hot([0.5], 2), TypeError, "whole numbers"),
        (lambda rng: one_hot([0, 2], 2), ValueError, "between 0 and 1, but y has 0 to 2"),
        (lambda rng: one_hot([-1, 0], 2), ValueError, "between 0 and 1, but y has -1 to 0"),
        (lambda rng: one_hot([0], 0), ValueError, "k must lie between 1"),
        (lambda rng: split(np.ones((3, 2)), np.ones(4), 1, rng), ValueError, "same number of samples"),
        (lambda rng: split(np.ones((1, 2)), np.ones(1), 1, rng), ValueError, "2 or more"),
        (lambda rng: split(1.0, 2.0, 1, rng), ValueError, "same number of samples"),
        (lambda rng: split(np.ones((3, 2)), np.ones(3), 3, rng), ValueError, "between 1 and 2"),
        (lambda rng: split(np.ones((3, 2)), np.ones(3), 0, rng), ValueError, "between 1 and 2"),
        (lambda rng: split(np.ones((3, 2)), np.ones(3), 1, 7), TypeError, "numpy.random.Generator, not int"),
    ],
)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call(np.random.default_rng(0))
