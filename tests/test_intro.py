"""The landing page: its cell shows what the text says, and its map is the table of contents."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from helpers.critical_points import find_critical_points
from helpers.explorers import LandscapeExplorer

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "book/intro.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def explorer():
    (cell,) = re.findall(r"```\{code-cell\} ipython3\n(.*?)```", TEXT, re.S)
    setup, call = re.sub(r"^:.*\n", "", cell, flags=re.M).split("\n\n", 2)[-2:]
    names = {}
    exec(setup, names)
    return eval(call, names)


def test_the_explorer_shows_what_the_text_says(explorer):
    assert isinstance(explorer, LandscapeExplorer) and explorer.steps == 60
    gd, momentum = explorer.path["gradient descent"], explorer.path["momentum"]
    land = explorer.landscapes["worst network"]
    (saddle,) = find_critical_points(land).points
    assert np.linalg.norm(gd.end - saddle.θ) < 0.3 and gd.loss[-1] > 0.9, "still at the saddle"
    assert momentum.loss[-1] < 0.01, "momentum has arrived"
    explorer.steps = 300
    assert explorer.path["gradient descent"].loss[-1] < 1e-6, "with more steps it leaves"
    explorer.start = (1.5, -1.5)
    assert explorer.path["gradient descent"].loss[-1] == pytest.approx(1), "on the diagonal it never will"


def test_linked_chapters_exist_and_others_are_not_linked():
    rows = re.findall(r"^\| (\d) \| (.*?) \|", TEXT, re.M)
    assert [int(number) for number, _ in rows] == list(range(1, 10))
    linked = {link for _, title in rows for link in re.findall(r"\]\((\w+)\)", title)}
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = next(part["chapters"] for part in toc["parts"] if part["caption"] == "Lectures")
    assert {f"book/{name}" for name in linked} == {chapter["file"] for chapter in chapters}
