"""Colours are used for words as well: each has to be readable on paper and on a light tint of itself."""

import pytest

from helpers import palette

PAIRS = {**palette.RULE, **palette.KIND, "ink": palette.INK, "soft": palette.SOFT}


def channels(colour):
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


def luminance(rgb):
    """Relative luminance as WCAG 2 defines it."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAIRS)
def test_every_colour_is_readable(name, mode):
    colour, paper = channels(PAIRS[name][mode]), channels(palette.PAPER[mode])
    tint = [0.1 * c + 0.9 * p for c, p in zip(colour, paper, strict=True)]
    assert min(contrast(colour, paper), contrast(colour, tint)) >= 4.5


@pytest.mark.parametrize("name", PAIRS)
def test_a_picture_stays_readable_when_dark_mode_turns_it_over(name):
    # unstuck.css: invert(.92) hue-rotate(180deg), as filters are defined
    inverted = [0.92 * (255 - c) + 0.08 * c for c in channels(PAIRS[name][0])]
    grey = 2 * sum(share * c for share, c in zip((0.213, 0.715, 0.072), inverted, strict=True))
    turned = [min(max(grey - c, 0), 255) for c in inverted]
    assert contrast(turned, channels(palette.PAPER[1])) >= 4.5
