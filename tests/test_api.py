"""The API reference: each public name once, each docstring whole, on pages that can be read and found."""

import doctest
import importlib
import inspect
import pkgutil
import re
import sys

import pytest
from conftest import HTML, ROOT
from sphinx.pycode import ModuleAnalyzer

import helpers

sys.path.insert(0, str(ROOT / "book/_ext"))
import unstuck_api  # noqa: E402

MODULES = [m.name for m in pkgutil.walk_packages(helpers.__path__, "helpers.") if not m.ispkg]
PAGES = sorted((ROOT / "book/api").glob("*.md"))

# Why a public function or class has no example of its own.
REASONS = {
    "needs PyTorch or JAX, which the book does not install: tests/test_torch_diagnosis.py and …jax…":
        ("helpers.diagnosis.from_torch", "helpers.diagnosis.from_jax"),
    "publishes into a notebook: tests/test_glue.py": ("helpers.glue.glue",),
}
REASON = {name: reason for reason, names in REASONS.items() for name in names}


def public(module):
    """{dotted name: function or class} that a module defines for others."""
    things = vars(importlib.import_module(module)).items()
    return {f"{module}.{name}": thing for name, thing in things
            if not name.startswith("_") and getattr(thing, "__module__", None) == module
            and (inspect.isclass(thing) or inspect.isroutine(inspect.unwrap(thing)))}


def documented_data(module):
    """{dotted name: docstring} of the formulas and tables that a module documents."""
    found = ModuleAnalyzer.for_module(module).find_attr_docs()
    return {f"{module}.{name}": "\n".join(lines) for (scope, name), lines in found.items()
            if not scope and not name.startswith("_")}


EVERY = {name: thing for module in MODULES for name, thing in public(module).items()}
DATA = {name: text for module in MODULES for name, text in documented_data(module).items()}


def test_every_module_stands_on_one_page():
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    listed = [name for text in texts for name in re.findall(r"automodule:: ([\w.]+)", text)]
    assert sorted(listed) == sorted(MODULES)


def test_every_public_name_appears_exactly_once(site):
    pages = [(site / f"book/api/{page.stem}.html").read_text(encoding="utf-8") for page in PAGES]
    found = [name for page in pages for name in re.findall(r'id="(helpers\.[\w.]+)"', page)]
    for name in EVERY.keys() | DATA.keys():
        assert found.count(name) == (1 if name.isascii() else 0), name


@pytest.mark.parametrize("name", sorted(EVERY))
def test_a_docstring_has_a_line_that_ends_in_a_period_and_an_example(name):
    text = inspect.getdoc(EVERY[name]) if EVERY[name].__doc__ else ""
    summary, *rest = text.split("\n")
    assert re.search(r"[.?]$", summary) and not any(rest[:1]), f"one line with a period, not {summary!r}"
    assert (">>> " in text) != (name in REASON), "neither an example nor a reason why not, or both"


@pytest.mark.parametrize("name", sorted(name for name, text in DATA.items() if ">>>" in text))
def test_the_example_of_a_formula_holds(name):
    module = importlib.import_module(name.rpartition(".")[0])
    test = doctest.DocTestParser().get_doctest(DATA[name], dict(vars(module)), name, None, 0)
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("text, expected", [
    (["Of |x| and a*b, `x` (..., d)."], [r"Of \|x\| and a\*b, \ :py:obj:`x`\  (..., d)."]),
    (["Code `f(x) = 2` stays."], [r"Code \ ``f(x) = 2``\  stays."]),
    (["It moves by", "", "    θ ← θ − η_t g", "", "each step."],
     ["It moves by", "", ".. code-block:: none", "", "   θ ← θ − η_t g", "", "each step."]),
    ([">>> 1 + 1", "2"], [">>> 1 + 1", "2"]),
    (["- one `a`", "  and more;", "- two."], [r"- one \ :py:obj:`a`\  and more;", "- two."]),
    (["Source: adam2015, not eve2015."], ["Source: :cite:`adam2015`, not eve2015."]),
    (["From file://, a_b_."], [r"From file\://, a\_b\_."]),
])
def test_plain_text_becomes_what_it_means(text, expected):
    assert unstuck_api.restructured(text, {"adam2015"})[:-1] == expected


@pytest.mark.parametrize("page", [p.stem for p in PAGES if p.stem != "index"])
def test_a_page_has_no_trace_of_markup(site, page):
    html = (site / f"book/api/{page}.html").read_text(encoding="utf-8")
    article = html[html.index("<article"):html.index("</article>")]
    article = re.sub(r"<(pre|code).*?</\1>", "", article, flags=re.S)
    words = re.sub(r"<[^>]*>", "", article)
    assert "`" not in words and "system-message" not in article and ":py:obj:" not in words
    assert not re.search(r"0x[0-9a-f]{6}|&lt;(function|class)", article), "an address or a type"


def test_a_formula_is_shown_from_its_own_expression(site):
    from helpers.saddles import escape_steps

    html = (site / "book/api/saddles.html").read_text(encoding="utf-8")
    entry = html[html.index('id="helpers.saddles.escape_steps"'):]
    assert escape_steps.latex in entry[:entry.index("</dd>")]


def test_the_list_on_the_page_leads_to_each_entry(site_page):
    page = site_page("book/api/diffusion.html")
    links = page.locator(".bd-sidebar-secondary a.nav-link").evaluate_all("a => a.map(e => e.hash)")
    assert len(links) > 20
    found = [page.evaluate("(hash) => document.querySelectorAll(hash).length", link) for link in links]
    assert found == [1] * len(links)
    assert page.problems == []


@pytest.mark.parametrize("word", ["escape_steps_exact", "FokkerPlanck"])
def test_the_search_finds_a_function(site_page, word):
    page = site_page("search.html")
    page.goto(f"{page.url}?q={word}")
    link = page.locator("#search-results a").first
    link.wait_for()
    assert word in page.locator("#search-results").inner_text()
    addresses = page.locator("#search-results a").evaluate_all("a => a.map(e => e.href)")
    assert any("/book/api/" in address and word in address for address in addresses)


def test_a_telephone_wraps_the_longest_signature(site_page):
    page = site_page("book/api/explorers.html", width=375, height=740)
    wide = page.evaluate("""() => [...document.querySelectorAll('dt.sig')]
        .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.innerText)""")
    assert wide == []


def test_the_pages_are_in_the_table_of_contents():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert [page.stem for page in PAGES if f"book/api/{page.stem}\n" not in toc] == []
    assert (HTML / "book/architecture.html").exists()
