"""The glossary: each term in both languages, with a meaning and the section of a chapter that treats it."""

import re

import nbformat
import pytest
from conftest import ROOT

TEXT = (ROOT / "book/notation.md").read_text(encoding="utf-8")
GLOSSARY = re.search(r"^````\{glossary\}\n:sorted:\n\n(.*?)^````$", TEXT, re.M | re.S)[1]
ENTRIES = [entry.split("\n") for entry in GLOSSARY.strip().split("\n\n")]
CHAPTERS = {path.name: "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
            for path in sorted((ROOT / "book").glob("*.ipynb"))}


def test_the_glossary_is_long_and_names_nothing_twice():
    names = [name for english, chinese, _ in ENTRIES for name in (english, chinese)]
    assert len(ENTRIES) >= 60 and len(set(names)) == len(names)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0])
def test_a_term_has_both_names_a_meaning_and_its_section(entry):
    english, chinese, meaning = entry
    assert english.isprintable() and re.search("[\u4e00-\u9fff]", chinese)
    link = r"\[Chapter (\d)\]\((\d\d_\w+\.ipynb)#[^)]+\)"
    sentence, number, name = re.fullmatch(rf"  (.*) {link}", meaning).groups()
    assert len(sentence) > 12 and sentence.endswith(".") and name in CHAPTERS and int(name[:2]) == int(number)
    words = [word[:7] for word in re.findall(r"\w{4,}", english.lower())]
    assert any(word in CHAPTERS[name].lower() for word in words), f"{name} uses none of {words}"


def test_both_names_of_a_term_are_anchors_on_the_page(site):
    page = (site / "book/notation.html").read_text(encoding="utf-8")
    terms = [re.sub("<.*?>|#", "", term) for term in re.findall(r'<dt id="term-[^"]+">(.*?)</dt>', page)]
    assert len(terms) == 2 * len(ENTRIES) and {"critical point", "鞍点"} <= set(terms)
