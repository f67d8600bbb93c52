"""The landing page: its cell shows what the text says, and its map and its questions know every chapter."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from helpers.critical_points import find_critical_points
from helpers.explorers import LandscapeExplorer

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "book/intro.md").read_text(encoding="utf-8")
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
LECTURES = next(part["chapters"] for part in TOC["parts"] if part["caption"] == "Lectures")
CHAPTERS = [Path(chapter["file"]).name for chapter in LECTURES]
PHONE = {"width": 375, "height": 740}


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


def test_each_chapter_has_a_question_and_a_section_that_answers_it():
    table = TEXT[TEXT.index("## Which chapter answers my question"):TEXT.index("## Three ways")]
    rows = re.findall(r"^\| ([A-Z][^|]*[.?]) \| (.*) \|$", table, re.M)
    assert len(rows) >= 15 and all(re.search(r"\]\(\w+\.ipynb#", answer) for _, answer in rows)
    assert {name for _, answer in rows for name in re.findall(r"\]\((\d\d_\w+)\)", answer)} == set(CHAPTERS)
    for _, answer in rows:  # “Chapter 5” is a link to chapter 5, and its sections are in that chapter
        for number, name in re.findall(r"\[[Cc]hapter (\d)\]\((\d\d_\w+)\)", answer):
            assert int(name[:2]) == int(number)
        sections = set(re.findall(r"\]\((\d\d_\w+)\.ipynb#", answer))
        assert sections == set(re.findall(r"\]\((\d\d_\w+)\)", answer))


def test_the_map_has_a_card_for_each_chapter_in_their_order(site_page):
    page = site_page("book/intro.html")
    cards = page.locator(".story li")
    links = cards.locator("a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    assert links == [f"{name}.html" for name in CHAPTERS]
    hooks = cards.locator("[data-progress]").evaluate_all("spans => spans.map(s => s.dataset.progress)")
    assert hooks == CHAPTERS
    assert cards.locator("svg[aria-hidden=true]").count() == len(CHAPTERS)
    for n, card in enumerate(cards.all(), 1):
        assert len(card.inner_text()) > 40
        card.scroll_into_view_if_needed()
        box = card.bounding_box()
        assert box["width"] > 180, n
        at = {"x": box["x"] + box["width"] - 8, "y": box["y"] + box["height"] - 8}
        hit = page.evaluate("({x, y}) => document.elementFromPoint(x, y)?.closest('a')?.href", at)
        assert hit and hit.endswith(links[n - 1]), "all of the card is the link"


def test_the_keyboard_walks_through_the_map(site_page):
    page = site_page("book/intro.html")
    page.locator(".story a").first.focus()
    for name in CHAPTERS[1:]:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == f"{name}.html"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{CHAPTERS[-1]}.html")


def test_the_explorer_stands_above_the_fold(site_page):
    box = site_page("book/intro.html").locator("[data-explorer] .explorer-panes").bounding_box()
    assert box["y"] + box["height"] <= 900, "on a desktop all of it"
    map_ = site_page("book/intro.html", **PHONE).locator("[data-explorer] .explorer-plane").bounding_box()
    assert map_["y"] + map_["height"] / 2 < PHONE["height"], "on a telephone half of its map"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_telephone_shows_every_card_whole(site_page, dark):
    page = site_page("book/intro.html", dark=dark, **PHONE)
    outside = page.evaluate("""() => [...document.querySelectorAll('.story *, table *')]
        .filter((e) => e.getBoundingClientRect().right > innerWidth || e.getBoundingClientRect().left < 0)
        .map((e) => e.outerHTML.slice(0, 80))""")
    assert outside == [] and page.evaluate("document.documentElement.scrollWidth <= innerWidth")
