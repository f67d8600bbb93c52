"""The page of claims: a row for each sentence, links to cells that decide, and no way to drift."""

import io
import re
import sys

import pytest
from conftest import HTML, ROOT
from docutils import nodes

EVERY = range(1, 45)


@pytest.fixture(scope="module")
def page(browser, site):
    page = browser.new_page()
    page.goto(site.joinpath("book/claims.html").as_uri())
    yield page
    page.close()


def test_a_row_for_each_claim(page):
    rows = page.locator("table.claims tbody tr")
    assert [row.locator("td").first.inner_text() for row in rows.all()] == [f"C{n}" for n in EVERY]
    for row in rows.all():
        assert row.locator("p.measured a.verdict").count() >= 1


def test_each_verdict_links_to_a_cell_that_computes_it(page):
    """The anchor stands in a cell that glues this claim, and the verdict is the chapter's."""
    found = page.locator("table.claims a.verdict").evaluate_all(
        "links => links.map(a => [a.getAttribute('href'), a.innerText, a.closest('tr').cells[0].innerText])")
    for address, verdict, number in found:
        file, anchor = address.split("#")
        text = HTML.joinpath("book", file).read_text("utf-8")
        assert anchor == f"claim-{number.lower()}"
        cell = re.search(rf'<div class="cell[^>]*claim-{number}\b.*?id="{anchor}".*?</pre>', text, re.S)[0]
        assert "glue" in cell and number in re.sub("<.*?>", "", cell)
        assert re.search(rf"<p>{number}</p></td>.*?>{re.escape(verdict)}<", text, re.S)


# A book of two pages

CHAPTER = """---
orphan: true
---
# A chapter

| no. | the claim | verdict | what the cells show |
| --- | --- | --- | --- |
| C5 | A step lowers the loss | holds | By $x^2$, {number}. |

:::{{container}} {tag}
print("holds")
:::
"""
CLAIMS = """# The claims

```{claims}
- C5: A step lowers the *loss*.
```
"""


@pytest.fixture
def build(tmp_path, monkeypatch):
    """build(chapter, claims) -> (HTML of the page of claims, warnings); the same book each time."""
    from sphinx.application import Sphinx

    monkeypatch.setattr(sys, "path", [str(ROOT / "book/_ext"), *sys.path])
    source = tmp_path / "source"
    source.joinpath("book").mkdir(parents=True)
    settings = {"extensions": ["myst_parser", "unstuck_claims"], "root_doc": "book/claims",
                "myst_enable_extensions": ["colon_fence", "dollarmath"]}

    def tag_cells(app, doctree):  # as MyST-NB does it; Docutils would write claim-c5
        for cell in doctree.findall(nodes.container):
            cell["classes"] = ["cell", *(name.replace("claim-c", "tag_claim-C") for name in cell["classes"])]

    def build(number=1, tag="claim-c5", claims=CLAIMS):
        for name, text in (("claims", claims), ("01_chapter", CHAPTER.format(number=number, tag=tag))):
            file = source / f"book/{name}.md"
            if not file.exists() or file.read_text("utf-8") != text:
                file.write_text(text, "utf-8")
        warnings = io.StringIO()
        app = Sphinx(source, None, tmp_path / "html", tmp_path / "trees", "html", settings, None, warnings)
        app.connect("doctree-read", tag_cells, priority=100)
        app.build()
        said = [line for line in warnings.getvalue().splitlines() if "already registered" not in line]
        return tmp_path.joinpath("html/book/claims.html").read_text("utf-8"), "\n".join(said)

    return build


def test_the_row_of_a_chapter(build):
    html, warnings = build()
    assert not warnings
    assert '<a class="verdict holds reference internal" href="01_chapter.html#claim-c5">holds</a>' in html
    assert "1 claims have 1 verdicts" in html and "A step lowers the <em>loss</em>." in html
    assert "MathJax" in html or "mathjax" in html


def test_a_changed_number_changes_the_page_in_the_same_build(build):
    assert ", 1." in build()[0]
    assert ", 2." in build(number=2)[0]


@pytest.mark.parametrize(("chapter", "said"), [
    ({"tag": "hide-input"}, "claim C5 has a row or a cell, but not both"),
    ({"tag": "claim-c6"}, "claim C6 has a row or a cell, but not both"),
    ({"claims": CLAIMS.replace("C5", "C6")}, "claim C5 has a sentence or a verdict, but not both"),
    ({"claims": CLAIMS.replace("C5: ", "")}, "each claim must begin with its number"),
])
def test_a_dropped_claim_is_a_warning(build, chapter, said):
    """And warnings are errors where the book is built."""
    assert said in build(**chapter)[1]
