"""The built site as a reader meets it, in Chromium: every page of the table of contents."""

import re

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, settle


def _files(entry):
    for key in ("root", "file"):
        if key in entry:
            yield f"{entry[key]}.html"
    for part in (*entry.get("parts", ()), *entry.get("chapters", ()), *entry.get("sections", ())):
        yield from _files(part)


PAGES = list(_files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))))
NOTEBOOKS = [page for page in PAGES if (ROOT / page).with_suffix(".ipynb").exists()]


@pytest.mark.parametrize("file", [False, True], ids=["served", "file"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_nobody_else_and_reports_no_error(site_page, name, file):
    page = site_page(name, file=file)
    page.evaluate("document.fonts.ready")
    page.wait_for_load_state("networkidle")
    assert page.problems == []


@pytest.mark.parametrize("name", PAGES)
def test_a_telephone_shows_the_page_without_scrolling_sideways(site_page, name):
    page = site_page(name, width=375, height=740)
    too_wide = page.evaluate("""() => [...document.querySelectorAll('main *')]
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .slice(0, 5).map(e => e.outerHTML.slice(0, 120))""")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, too_wide


# Unfold everything; use what can be used: boxes ticked, buttons pressed, a wrong answer to every question.
UNFOLD = "() => document.querySelectorAll('details').forEach((details) => { details.open = true; })"
USE = """() => {
  const each = (selector, use) => document.querySelectorAll(`.explorer-live ${selector}`).forEach(use);
  each('input[type=checkbox]:not(:checked)', (box) => box.click());
  each('[aria-pressed=false]', (chip) => chip.click());
  each('input[type=text]', (field) => { field.value = 'nothing'; });
  each('input[type=radio]', (choice) => choice.click());
  each('form button', (check) => check.click());
}"""


def barriers(page, where=""):
    """What axe finds, of any impact; of formulas it reads the MathML, not the glyphs."""
    context = {"exclude": [["mjx-math"]]}
    options = {"resultTypes": ["violations"], "rules": {"label-content-name-mismatch": {"enabled": True}}}
    found = Axe().run(page, context=context, options=options).response["violations"]
    return [f"{where}: {v['id']}: {node['html'][:160]}" for v in found for node in v["nodes"]]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_barrier(site_page, name):
    page = site_page(name)
    page.evaluate(UNFOLD)
    settle(page)
    found = []
    for width, mode in ((1280, "light"), (375, "dark")):  # all four take twice as long
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=mode)
        page.wait_for_function("(mode) => document.documentElement.dataset.theme === mode", arg=mode)
        settle(page)
        found += barriers(page, f"{width} px, {mode}")
        if (width, mode) == (1280, "light"):
            page.evaluate(USE)
    assert found == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_barrier_in_what_opens(site_page, dark):
    page = site_page("book/references.html", dark=dark, width=375)
    for button, dialog in ((".primary-toggle", "#pst-primary-sidebar-modal"),
                           (".header-article-items__end .search-button", "#pst-search-dialog")):
        page.locator(button).click()
        page.wait_for_selector(f"{dialog}[open]")
        settle(page)
        assert barriers(page, dialog) == []
        page.keyboard.press("Escape")


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_has_a_caption_and_an_alternative_text(site_page, name):
    page = site_page(name)
    pictures = page.evaluate("""() => [...document.querySelectorAll('.bd-article img')].map(i => ({
        source: i.getAttribute('src').slice(0, 80), alt: i.alt,
        caption: i.closest('figure')?.querySelector('figcaption')?.innerText ?? '' }))""")
    for picture in pictures:
        # MyST-NB's default is the path of the image, which says nothing.
        assert len(picture["alt"]) > 15 and "/" not in picture["alt"].split()[0], picture
        assert len(picture["caption"]) > 15, picture
    explorers = page.evaluate("""() => [...document.querySelectorAll('figure[data-explorer]')].map(e => ({
        kind: e.dataset.explorer, ready: e.dataset.ready,
        caption: e.querySelector('figcaption')?.innerText ?? '' }))""")
    for explorer in explorers:
        assert explorer["ready"] == "true", explorer
        assert explorer["kind"] == "question" or len(explorer["caption"]) > 15, explorer


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_shows_its_figures_as_explorers_or_pictures(site, name):
    text = (site / name).read_text(encoding="utf-8")
    assert "widget-view" not in text, "a widget's view needs a kernel, which the site has not"
    assert "widget-state" not in text, "nothing on the site reads it, and it is half of a page's weight"
    assert "data-explorer=" in text or "<figure" in text


def test_the_pages_name_no_other_host_for_scripts_styles_or_fonts(site):
    for name in PAGES:
        text = (site / name).read_text(encoding="utf-8")
        assert re.findall(r'<(?:script|link|img|iframe)\b[^>]*(?:src|href)="(?:https?:)?//[^"]*"', text) == []
