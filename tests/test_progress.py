"""Progress in the exercises: kept in the reader's browser, shown on the page and on the landing page."""

import json
import re

import pytest
from conftest import ROOT, blemishes, settle

from helpers.explorers import Question

SCRIPT = (ROOT / "book/_static/progress.js").read_text("utf-8")
HALF = Question("How much is half of one?", answer=0.5, name="half")
SADDLES = Question("How many saddles?", answer="four", choices=["none", "two", "four"])
LINE = ".progress-line"
KEY = "unstuck.progress"
STAYS = " Your answers stay in this browser."

PLACES = """<ol><li>Chapter <span data-progress="page" data-questions="{}"></span></li>
  <li>Other <span data-progress="other" data-questions="question-000000 question-000001"></span></li></ol>"""
REFUSED = """Object.defineProperty(window, "localStorage", {
    get() { throw new DOMException("", "SecurityError"); } })"""
FULL = """Storage.prototype.setItem = () => { throw new DOMException("", "QuotaExceededError"); }"""


@pytest.fixture
def exercises(show, monkeypatch):
    """`exercises(question, …)`: a chapter with these questions and the book's own script."""

    def open_page(*questions, places="", before="", **context):
        heading = f'<section id="exercises"><h2>Exercises</h2>{places}</section>'
        head = f"<script>{before}</script><script type=module>{SCRIPT}</script>"
        return show(*questions, figures=heading, head=head, **context)

    return open_page


def line(page):
    return page.locator(LINE).locator("span").inner_text().strip()


def kept(page):
    return json.loads(page.evaluate(f"localStorage.getItem('{KEY}')") or "null")


def keep(page, value):
    page.evaluate("([key, value]) => localStorage.setItem(key, value)",
                  [KEY, value if isinstance(value, str) else json.dumps(value)])


def again(page):
    page.reload()
    page.wait_for_function("() => [...document.querySelectorAll('figure')].every((f) => f.dataset.ready)")
    settle(page)


def answer(page, text):
    page.locator("input[type=text]").fill(text)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("file", [False, True])
def test_what_was_answered_is_there_again(exercises, file):
    page = exercises(HALF, SADDLES, file=file)
    assert line(page) == "This page checks your answers to 2 questions." + STAYS
    assert not page.get_by_role("button", name="Clear").is_visible() and kept(page) is None
    answer(page, "1/2")
    assert line(page) == "1 of 2 answered right." + STAYS
    page.get_by_label("two").check()
    page.get_by_role("button", name="Check").nth(1).click()
    assert line(page) == "1 of 2 answered right." + STAYS
    words = page.get_by_role("status").all_inner_texts()

    again(page)
    assert page.locator("input[type=text]").input_value() == "1/2"  # as it was given
    assert page.get_by_label("two").is_checked()
    assert page.get_by_role("status").all_inner_texts() == words and words[0].startswith("Right.")
    assert line(page) == "1 of 2 answered right." + STAYS
    page.get_by_label("four").check()
    page.get_by_role("button", name="Check").nth(1).click()
    assert line(page) == "2 of 2 answered right." + STAYS
    assert kept(page) == {"version": 1, "answers": {"page": {
        HALF.anchor: [0.5, True, "1/2"], SADDLES.anchor: ["four", True, "four"]}}}
    assert page.problems == []


def test_answers_can_be_taken_back(exercises):
    page = exercises(HALF, SADDLES)
    keep(page, {"version": 1, "answers": {"other": {"question-000000": [1, True, "1"]}}})
    answer(page, "0.5")
    answer(page, "what?")  # no number: there is no answer any more
    assert line(page).startswith("This page checks") and list(kept(page)["answers"]) == ["other"]
    assert page.locator("input[type=text]").input_value() == "what?"
    answer(page, "0.25")
    page.get_by_label("none").check()
    page.get_by_role("button", name="Check").nth(1).click()
    assert line(page).startswith("0 of 2 answered right.")
    page.get_by_role("button", name="Clear this chapter’s answers").click()
    assert line(page).startswith("This page checks")
    assert page.locator("input[type=text]").input_value() == "" and page.locator("input:checked").count() == 0
    assert [words.strip() for words in page.get_by_role("status").all_inner_texts()] == ["", ""]
    assert list(kept(page)["answers"]) == ["other"]  # the other chapters stay
    again(page)
    assert page.locator("input[type=text]").input_value() == ""
    assert page.problems == []


GARBAGE = ["", "{", "null", "[]", "1", '"x"', "{}", '{"version":2,"answers":{"page":{}}}', '{"version":1}',
           '{"version":1,"answers":[]}', '{"version":1,"answers":{"page":null}}',
           '{"version":1,"answers":{"page":{"ID":5}}}',
           '{"version":1,"answers":{"page":{"ID":[null,true,""]}}}',
           '{"version":1,"answers":{"page":{"ID":[{},true]}}}',
           '{"version":1,"answers":{"page":{"ID":["2",true]}}}',
           '{"version":1,"answers":{"page":{"ID":[0.5,"yes"]}}}',
           '{"version":1,"answers":{"__proto__":{"ID":[]}}}']


def test_what_others_left_in_the_storage_does_no_harm(exercises):
    page = exercises(HALF)
    for garbage in GARBAGE:
        keep(page, garbage.replace("ID", HALF.anchor))
        again(page)
        assert page.locator("input[type=text]").input_value() == "", garbage
        answer(page, "0.5")
        assert line(page) == "1 of 1 answered right." + STAYS, garbage
    assert page.problems == []


@pytest.mark.parametrize("trouble", [REFUSED, FULL])
def test_a_browser_that_keeps_nothing(exercises, trouble):
    page = exercises(HALF, SADDLES, before=trouble)
    answer(page, "0.5")
    stays = "This browser keeps no answers: they last until you leave the page."
    assert line(page) == f"1 of 2 answered right. {stays}"
    assert page.get_by_role("status").first.inner_text().startswith("Right.")
    page.get_by_role("button", name="Clear this chapter’s answers").click()
    assert line(page).startswith("This page checks")
    again(page)
    assert page.locator("input[type=text]").input_value() == ""
    assert page.problems == []


def test_an_answer_to_other_words_is_forgotten(exercises):
    changed = Question("How much is half of two?", answer=1.0, name="half")
    assert changed.anchor != HALF.anchor
    page = exercises(changed)
    keep(page, {"version": 1, "answers": {"page": {HALF.anchor: [0.5, True, "0.5"]}}})
    again(page)
    assert page.locator("input[type=text]").input_value() == "" and kept(page) is None
    assert line(page) == "This page checks your answer." + STAYS


def test_an_answer_that_is_judged_otherwise_now_is_judged_anew(exercises):
    page = exercises(HALF)
    keep(page, {"version": 1, "answers": {"page": {HALF.anchor: [0.3, True, "0.3"]}}})
    again(page)
    assert line(page) == "0 of 1 answered right." + STAYS
    assert page.get_by_role("status").inner_text().startswith("Not yet.")


def test_two_pages_at_once_do_not_overwrite_one_another(exercises):
    page = exercises(HALF, SADDLES)
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_label("four").wait_for()
    answer(page, "0.5")
    other.wait_for_function(f"() => document.querySelector('{LINE}').textContent.startsWith('1 of 2')")
    other.get_by_label("four").check()
    other.get_by_role("button", name="Check").nth(1).click()
    assert line(other) == "2 of 2 answered right." + STAYS
    page.wait_for_function(f"() => document.querySelector('{LINE}').textContent.startsWith('2 of 2')")
    assert set(kept(page)["answers"]["page"]) == {HALF.anchor, SADDLES.anchor}


def test_the_landing_page_shows_all_chapters_and_forgets(exercises):
    page = exercises(places=PLACES.format(HALF.anchor))
    assert page.locator("ol").inner_text().split("\n") == ["Chapter", "Other"]
    assert not page.locator(LINE).is_visible()
    keep(page, {"version": 1, "answers": {
        "page": {HALF.anchor: [0.5, True, "0.5"], "question-ffffff": [1, True, "1"]},
        "other": {"question-000001": [1, False, "1"]}}})
    again(page)
    assert page.locator("ol").inner_text().split("\n") == ["Chapter 1 of 1 right", "Other 0 of 2 right"]
    assert line(page) == "1 of 3 questions answered right." + STAYS
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.get_by_role("button", name="Forget my answers").click()
    assert kept(page) is not None
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    page.get_by_role("button", name="Forget my answers").click()
    assert asked == 2 * ["Forget your answers to all questions of the book?"]
    assert kept(page) is None and not page.locator(LINE).is_visible()
    assert page.locator("ol").inner_text().split("\n") == ["Chapter", "Other"]
    assert page.problems == []


# The built book

def test_the_build_names_the_questions_of_each_chapter(site):
    landing = (site / "book/intro.html").read_text("utf-8")
    places = dict(re.findall(r'<span data-progress="(\w+)" data-questions="([^"]*)">', landing))
    chapters = {path.stem: re.findall(r'data-explorer="question" id="([\w-]+)"', path.read_text("utf-8"))
                for path in sorted(site.glob("book/0*.html"))}
    assert {name: names.split() for name, names in places.items()} == chapters
    assert all(names and len(set(names)) == len(names) for names in chapters.values())


def test_from_a_chapter_to_the_landing_page(site_page):
    page = site_page("book/02_hessian.html")
    first = page.locator("figure[data-explorer=question]").first
    total = page.locator("figure[data-explorer=question]").count()
    heading = page.locator("#exercises > h2")
    assert heading.locator("+ p").get_attribute("class") == "progress-line"
    assert line(page) == f"This page checks your answers to {total} questions." + STAYS
    field = first.locator("input").first
    field.fill("0.123") if field.get_attribute("type") == "text" else field.check()
    first.get_by_role("button", name="Check").click()
    assert re.match(rf"[01] of {total} answered right\.", line(page))
    assert [v for v in blemishes(page) if "progress" in str(v)] == []
    home = page.context.new_page()
    home.goto(page.url.replace("02_hessian", "intro"))
    assert re.fullmatch(rf"[01] of {total} right", home.locator("[data-progress='02_hessian']").inner_text())
    assert home.locator("[data-progress]:not(:empty)").count() == 1
    assert re.match(r"[01] of \d\d questions answered right\.", line(home))
    home.close()
    assert page.problems == []


def test_without_javascript_nothing_of_it_shows(site_page):
    page = site_page("book/intro.html", java_script_enabled=False)
    text = page.locator("main").inner_text()
    assert "answered right" not in text and "Forget" not in text
    assert page.locator(LINE).count() == 0
