"""Python's and the browser's normal numbers are the same, and they are normal."""

import numpy as np
import pytest

from helpers.explorers.explorer import data_url, source
from helpers.explorers.noise import normals, uniforms


def test_the_same_numbers_in_the_browser(browser):
    page = browser.new_page()
    seeds = [0, 1, 12345, 2**31, 2**32 - 1]
    found = page.evaluate("""async ([stage, seeds]) => {
      const { normals } = await import(stage);
      return seeds.map(normals).map((z) => Array.from({ length: 500 }, (_, k) => z(k)));
    }""", [data_url(source("stage.js")), seeds])
    page.close()
    np.testing.assert_allclose(found, [normals(seed, 500) for seed in seeds], rtol=1e-13, atol=1e-15)


def test_known_numbers():
    """By hand, with Python's whole numbers."""
    def mix(x):
        x = (x ^ x >> 16) * 0x85EBCA6B % 2**32
        x = (x ^ x >> 13) * 0xC2B2AE35 % 2**32
        return x ^ x >> 16

    for seed in (0, 5, 2**32 - 1):
        start = mix((seed * 0x9E3779B9 + 1) % 2**32)
        u, v = ((mix((start + k * 0x9E3779B9) % 2**32) + 0.5) / 2**32 for k in (1, 2))
        radius = (-2 * np.log(u)) ** 0.5
        expected = [radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)]
        np.testing.assert_allclose(normals(seed, 2), expected, rtol=1e-14)


def test_shapes_are_cut_from_one_stream():
    long = normals(3, 1000)
    assert np.array_equal(normals(3, 7), long[:7])  # an odd count, too
    assert np.array_equal(normals(3, 10, 2, 5), long[:100].reshape(10, 2, 5))
    assert normals(3, 0).shape == (0,)
    assert not np.isin(normals(4, 1000), long).any()


def test_the_numbers_are_standard_normal_and_independent():
    n = 10**6
    z = normals(1, n)
    assert np.isfinite(z).all()
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - mean) < 3 * (variance / n) ** 0.5
    for a, b in ((z[:-1], z[1:]), (z[:-2], z[2:]), (z[::2] ** 2 - 1, z[1::2] ** 2 - 1), (z, normals(2, n))):
        assert abs((a * b).mean()) < 3 * (a * b).std() / a.size**0.5
    shares = np.histogram(uniforms(1, n), bins=100, range=(0, 1))[0]
    assert ((shares - n / 100) ** 2 / (n / 100)).sum() < 99 + 3 * (2 * 99) ** 0.5


@pytest.mark.parametrize(("seed", "error"), [
    (-1, ValueError), (2**32, ValueError), (1.0, TypeError), ("a", TypeError)])
def test_a_seed_is_a_whole_number(seed, error):
    with pytest.raises(error, match="seed must"):
        normals(seed, 3)
