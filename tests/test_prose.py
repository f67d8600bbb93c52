"""The words beside the code: numbers, alternative texts, exercises and links."""

import ast
import base64
import html
import json
import re
import sys
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from test_notebooks import notebooks
from test_site import PAGES

sys.path.insert(0, str(ROOT / "book/_ext"))
from unstuck_alt import GLUED, fill  # noqa: E402

SOURCES = [source for page in PAGES for source in (ROOT / page).parent.glob(f"{(ROOT / page).stem}.*")]
CHAPTERS = [source for source in SOURCES if source.suffix == ".ipynb"]
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@cache
def tree(source):
    return ast.parse(source)


def calls(cell):
    """(name, call) of each call of a plain name in a cell."""
    nodes = ast.walk(tree(cell.source))
    return [(n.func.id, n) for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]


def keywords(call):
    return {keyword.arg: keyword.value for keyword in call.keywords}


def strings(node):
    """All words of an expression, those of f-strings too."""
    constants = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
    return " ".join(value for value in constants if isinstance(value, str))


# Numbers: what a cell computes is glued, not typed

NUMBER = re.compile(r"(?<![\w.\\])(\d+(?:\.\d+)?)(e[-+]?\d+)?(?!\w|\.\d)")
NO_PROSE = "|".join((
    r"(?ms:^(`{3,})(?:\w+)?$.*?^\1$)",             # code between fences
    r"(?m:^:\w+:.*$|^#+ .*$|^\s*\d+\\?\. )",       # options, headings, numbers of a list
    r"\{[\w:]+\}`[^`]*`|(?<=\])\([^)]*\)",         # roles and addresses
    r"\b[Cc]hapters? \d+|\bC\d+\b|\d+(?:°| degrees)",
))


def spoken(text):
    """The text without code, roles, addresses, exponents and indices; numbers as Python writes them."""
    text = re.sub(NO_PROSE, " ", text)
    text = re.sub(r"(?<=\d)(?:\\[,;]| |\{,\})(?=\d{3}\b)", "", text)
    text = re.sub(r"\s*(?:\\cdot|\\times|·|×)\s*10\^(?:\{([-−]?\d+)\}|(\d))",
                  lambda m: f"e{(m[1] or m[2]).replace('−', '-')}", text)
    text = re.sub(r"(?<=\de)−(?=\d)", "-", text)
    return re.sub(r"[\^_](?:\{[^{}]*\}|\\?\w)", " ", text)


def typed(text):
    """(word, value, half a unit of its last digit, whether per cent) of numbers of two significant digits."""
    text = spoken(text)
    for found in NUMBER.finditer(text):
        whole, _, decimals = found[1].partition(".")
        digits = (whole + decimals).lstrip("0") if decimals else whole.strip("0")
        if len(digits) >= 2:
            power = int(found[2][1:]) if found[2] else 0
            share = re.match(r"\s*(?:\\?%|per cent)", text[found.end():])
            yield found[0], float(found[0]), 0.5 * 10.0 ** (power - len(decimals)), bool(share)


def shown(cell):
    """The numbers that a cell prints or glues, without their signs."""
    for output in cell.outputs:
        data = output.get("data", {})
        text = output.get("text") or "\n".join(v for k, v in data.items() if k.endswith("text/plain"))
        if not re.match(r"\w+(?:Explorer|Question|Rule)\(|<Figure|<IPython", text):
            yield from (float(found[0]) for found in NUMBER.finditer(text))


DRAWING = {"note", "text", "set", "set_xlim", "set_ylim", "set_xticks", "legend", "tint", "subplots"}


def given(cell):
    """The numbers that stand in a cell's code, and as such in the text: what it starts from.

    Less the places of words and lines in a drawing, and the wrong answers of questions.
    """
    drawing = [node for node in ast.walk(tree(cell.source)) if isinstance(node, ast.Call)
               and isinstance(node.func, ast.Attribute) and node.func.attr in DRAWING]
    hints = [keywords(call)["hints"] for _, call in calls(cell) if "hints" in keywords(call)]
    left_out = {node for part in (*drawing, *hints) for node in ast.walk(part)}
    return {abs(node.value) for node in ast.walk(tree(cell.source))
            if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node not in left_out}


def described(cell):
    """(what, words) of a cell's words for readers: alternative texts, captions, and what a question says."""
    if cell.cell_type == "markdown":
        yield "text", cell.source
        return
    mystnb = cell.metadata.get("mystnb", {})
    for part, key in (("image", "alt"), ("figure", "caption")):
        yield key, mystnb.get(part, {}).get(key, "")
    for _, call in calls(cell):
        for key, value in keywords(call).items():
            if key in ("alt", "caption", "explanation", "hints"):
                yield key, strings(value)


def typed_copies(notebook):
    """Sentences about numbers that are typed although the notebook computes them."""
    inputs = set().union(*map(given, code_of(notebook)))
    results = [value for cell in code_of(notebook) for value in shown(cell)]
    for number, cell in enumerate(notebook.cells):
        for what, words in described(cell):
            for word, value, half, share in typed(words):
                if round(value / 100, 6) in inputs if share else value in inputs:
                    continue
                slack = half * (1 + 1e-9)
                if any(abs(r - value) <= slack or share and abs(100 * r - value) <= slack for r in results):
                    yield f"cell {number}, {what}: {word} is typed, and a cell computes it: glue it"
                elif what in ("alt", "caption"):
                    yield f"cell {number}, {what}: {word} stands nowhere in the code: glue it, or use words"


@each_chapter
def test_a_number_that_a_cell_computes_is_not_typed(path):
    assert list(typed_copies(read(path))) == []


def printed(text):
    return new_output("stream", name="stdout", text=text)


def glued(text, name="share"):
    return new_output("display_data", data={"application/papermill.record/text/plain": text},
                      metadata={"scrapbook": {"name": name}})


COMPUTES = new_code_cell("η = 0.15\nfigures.note(ax, 'end', (372, 45))\nprint(f(η))",
                         outputs=[printed("ends at -1.0904 after 372 steps\n"), glued("0.4527")])


@pytest.mark.parametrize(("words", "found"), [
    ("It ends at $-1.09$.", ["1.09"]), ("It takes 372 steps.", ["372"]), ("| a | 0.453 |", ["0.453"]),
    ("about 45 % of them", ["45"]), ("45.3 per cent", ["45.3"]), ("$4.5 \\cdot 10^{-1}$", ["4.5e-1"]),
    ("```{solution} ex-a\n:class: dropdown\nSo 1.0904.\n```", ["1.0904"]),
    ("It ends at {glue:text}`end:.2f`.", []), ("with $\\eta = 0.15$", []),
    ("15 % and $1.1e−9$", []), ("```python\nrun(372)\n```", []),
    ("$x^{372}$, $x_{372}$, [there](page#372), chapter 372", []), ("1.10 or 1.08 or 373", []),
    ("1 of them", []), ("$1\\,372$ and 1 372, a turn of 372°", []),
])
def test_typed_copies_are_found(words, found):
    notebook = new_notebook(cells=[COMPUTES, new_markdown_cell(words)])
    assert [sentence.split()[3] for sentence in typed_copies(notebook)] == found


@pytest.mark.parametrize("cell", [
    new_code_cell("draw()", metadata={"mystnb": {"image": {"alt": "The run ends at −1.09."}}}),
    new_code_cell("draw()", metadata={"mystnb": {"figure": {"caption": "The run takes 372 steps."}}}),
    new_code_cell("Explorer(alt='The run takes '\n'372 steps.')"),
    new_code_cell("Explorer(caption=f'After 372 steps it ends at {x}.')"),
    new_code_cell("Question('Steps?', answer=n, hints={372: 'After 372 steps it is still there.'})"),
    new_code_cell("draw()", metadata={"mystnb": {"image": {"alt": "The run ends at −1.25, nearly."}}}),
])
def test_typed_copies_are_found_in_what_cells_say(cell):
    assert len(list(typed_copies(new_notebook(cells=[COMPUTES, cell])))) == 1


# Alternative texts

def poor_descriptions(notebook):
    """Sentences about pictures and explorers without words for readers who do not see them."""
    for number, cell in enumerate(notebook.cells):
        for what, alt, caption in pictures(cell):
            if not re.match(r"[A-Zθ0-9].*[.?]$", alt) or len(alt.split()) < 6:
                yield f"cell {number}, {what}: the alternative text is no sentence: {alt!r}"
            if alt == caption:
                yield f"cell {number}, {what}: the alternative text repeats the caption"


def pictures(cell):
    """(what, alternative text, caption) of what a cell shows; the caption of a Markdown image is empty."""
    if cell.cell_type == "markdown":
        images = re.findall(r"!\[([^\]]*)\]\(|(<img\b[^>]*>)", cell.source)
        for alt, tag in images:
            yield "image", alt or "".join(re.findall(r'\balt="([^"]*)"', tag)), ""
        return
    if notebooks.draws(cell):
        mystnb = cell.metadata.get("mystnb", {})
        yield "figure", mystnb.get("image", {}).get("alt", ""), mystnb.get("figure", {}).get("caption", "")
    explorers = {name for text in notebooks.texts(cell) for name in re.findall(r"^(\w+Explorer)\(", text)}
    for name, call in calls(cell):
        if name in explorers:
            said = {key: strings(value) for key, value in keywords(call).items()}
            yield name, said.get("alt", ""), said.get("caption", "")


@each_chapter
def test_every_picture_is_described(path):
    assert list(poor_descriptions(read(path))) == []
    assert any(True for cell in read(path).cells for _ in pictures(cell))


DRAWN = new_output("display_data", data={"text/plain": "<Figure size 700x360 with 1 Axes>"})
SHOWN = new_output("execute_result", data={"text/plain": "CurveExplorer('risk')"}, execution_count=1)
GOOD = "The loss falls from left to right."


def drawing(alt, caption="Loss."):
    figure = {"image": {"alt": alt}, "figure": {"caption": caption}}
    return new_code_cell("draw()", outputs=[DRAWN], metadata={"mystnb": figure})


@pytest.mark.parametrize(("cell", "findings"), [
    (drawing(GOOD), 0), (drawing("Figure."), 1), (drawing(""), 1), (drawing(GOOD, GOOD), 1),
    (new_code_cell("plt.show()", outputs=[DRAWN]), 2),
    (new_code_cell(f"CurveExplorer('risk', alt='{GOOD}', caption='Loss.')", outputs=[SHOWN]), 0),
    (new_code_cell("CurveExplorer('risk', caption='Loss.')", outputs=[SHOWN]), 1),
    (new_code_cell("CurveExplorer('risk').ends"), 0),
    (new_markdown_cell(f"![{GOOD}](a.svg)"), 0), (new_markdown_cell("![](a.svg)"), 2),
    (new_markdown_cell('<img src="a.svg">'), 2), (new_markdown_cell(f'<img src="a.svg" alt="{GOOD}">'), 0),
])
def test_poor_descriptions_are_found(cell, findings):
    assert len(list(poor_descriptions(new_notebook(cells=[cell])))) == findings


@pytest.mark.parametrize("path", [*(ROOT.glob("*.md")), *(ROOT / "book").glob("*.md")], ids=lambda p: p.stem)
def test_images_of_pages_are_described(path):
    page = new_notebook(cells=[new_markdown_cell(path.read_text("utf-8"))])
    assert list(poor_descriptions(page)) == []


def test_numbers_are_filled_into_alternative_texts():
    values = {"a": "0.256", "b": "'−1'"}
    assert fill("From {glue:text}`a:.1f` to {glue:text}`b`.", values) == "From 0.3 to −1."
    with pytest.raises(KeyError):
        fill("{glue:text}`c`", {})


@each_chapter
def test_the_site_has_the_filled_texts(site, path):
    page = html.unescape((site / "book" / path.stem).with_suffix(".html").read_text("utf-8"))
    values = glued_in(read(path))
    for cell in read(path).cells:
        if GLUED.search(alt := cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")):
            assert f'alt="{fill(alt, values)}"' in page


# Exercises

def glued_in(notebook):
    """{name: text} of what the cells of a notebook have glued."""
    outputs = [o for cell in code_of(notebook) for o in cell.outputs if "scrapbook" in o.get("metadata", {})]
    return {o.metadata["scrapbook"]["name"]: next(iter(o.data.values())) for o in outputs}


def exercises(notebook):
    """{label: [its text and what stands before its solution, the calls that ask, its solution]}."""
    found, label = {}, None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            asked = [call for name, call in calls(cell) if name == "Question"]
            assert not asked or "remove-input" in notebooks.tags(cell), f"{label}: the code says the answer"
            if asked:
                found[label][1].extend(asked)
            continue
        if label and not found[label][2]:
            found[label][0] += cell.source.partition("```")[0]
        parts = re.findall(r"^(`{3,})\{(exercise|solution)\}(.*?)\n(.*?)^\1$", cell.source, re.M | re.S)
        for _, kind, title, body in parts:
            if kind == "exercise":
                label = re.search(r"^:label: (\S+)$", body, re.M)[1]
                assert label not in found, f"two exercises {label}"
                found[label] = [body, [], None]
            else:
                assert found[title.strip()][2] is None, f"two solutions of {title.strip()}"
                found[title.strip()][2] = body
    return found


def check_exercises(found):
    for label, (_, questions, solution) in found.items():
        assert questions, f"{label}: no question that the page checks"
        assert solution and ":class: dropdown" in solution, f"{label}: no folded solution"


@each_chapter
def test_each_exercise_has_one_folded_solution_and_a_question(path):
    found = exercises(read(path))
    assert len(found) >= 4
    check_exercises(found)


@each_chapter
def test_names_of_questions_are_unique(path):
    names = [keywords(call)["name"].value for cell in code_of(read(path)) for name, call in calls(cell)
             if name == "Question"]
    assert len(set(names)) == len(names) and all(name.startswith(f"c{int(path.stem[:2])}-") for name in names)


def keys(site, path):
    """{name: what the page knows of the question}."""
    page = (site / "book" / path.stem).with_suffix(".html").read_text("utf-8")
    found = re.findall(r'"name": ?"([^"]+)", ?"choices".*?"key": ?"([^"]+)"', page)
    return {name: json.loads(base64.b64decode(key)) for name, key in found}


WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
FRACTION = re.compile(r"\\[td]?frac(?:\{(\d+)\}\{(\d+)\}|(\d)\s*(\d))|(?<![\d.])(\d+)/([1-9]\d*)(?![\d.])")


def quoted(text):
    """The numbers that a reader finds in a text, without signs; fractions and small words are among them."""
    for found in FRACTION.finditer(text):
        top, bottom = (int(digits) for digits in found.groups() if digits)
        yield top / bottom
    yield from (float(found[0]) for found in NUMBER.finditer(spoken(text)))
    yield from (WORDS[word] for word in re.findall(r"\w+", text.lower()) if word in WORDS)


def poor_question(expression, key, solution, values, text):
    """Sentences about a question with a number for an answer; `values` are what the chapter has glued."""
    answer, slack = key["answer"], key["slack"]
    if not any(isinstance(node, ast.Name) for node in ast.walk(expression)):
        yield "the answer is typed: compute it"
    if not any(abs(number - abs(answer)) <= slack for number in quoted(fill(solution, values))):
        yield f"the solution does not say {answer:g}"
    if any(abs(value - abs(answer)) <= half for _, value, half, _ in typed(solution)):
        yield f"the solution types {answer:g}: glue it"
    near = [1.1 * answer, 0.9 * answer, 2 * answer, answer / 2, -answer]
    if float(answer).is_integer() and abs(answer) < 50:
        near += [answer + 1, answer - 1]
    yield from (f"accepts {wrong:g} for {answer:g}" for wrong in near if abs(wrong - answer) <= slack)
    if slack > max(0.011 * abs(answer), 0.51 * float(answer).is_integer()) and "per cent" not in text:
        yield f"accepts ± {slack:g} of {answer:g}, and the text does not say so"
    hints = sorted((wrong, width) for wrong, _, width in key["hints"])
    for (one, width), (other, _) in pairwise(hints):
        if other - one <= width:
            yield f"the hints for {one:g} and {other:g} overlap"


@each_chapter
def test_each_question_agrees_with_its_solution(site, path):
    chapter, known, found = read(path), keys(site, path), []
    values = glued_in(chapter)
    for label, (text, questions, solution) in exercises(chapter).items():
        for asked in map(keywords, questions):
            if "choices" not in asked:
                key = known[asked["name"].value]
                poor = poor_question(asked["answer"], key, solution, values, text)
                found += [f"{label}: {sentence}" for sentence in poor]
    assert found == []


KEY = {"answer": 0.25, "slack": 0.002, "hints": [[0.5, "", 0.002], [4.0, "", 0.002]]}


@pytest.mark.parametrize(("expression", "key", "solution", "findings"), [
    ("1 / λ", {}, "So $\\tfrac14$.", 0), ("1 / λ", {}, "So {glue:text}`quarter:.2f`.", 0),
    ("0.25", {}, "So $1/4$.", 1), ("1 / λ", {}, "So 0.25.", 1), ("1 / λ", {}, "So 4.", 1),
    ("1 / λ", {"slack": 0.03}, "So $1/4$.", 3),
    ("1 / λ", {"hints": [[0.5, "", 0.1], [0.55, "", 0.1]]}, "So $1/4$.", 1),
    ("n", {"answer": 7, "slack": 1}, "So seven.", 5), ("n", {"answer": 7, "slack": 0.5}, "So seven.", 0),
])
def test_poor_questions_are_found(expression, key, solution, findings):
    found = list(poor_question(ast.parse(expression), KEY | key, solution, {"quarter": "0.25"}, "How many?"))
    assert len(found) == findings, found


ASKS = "```{exercise} A\n:label: ex-a\nHow?\n```"
SOLVES = "````{solution} ex-a\n:class: dropdown\nSo.\n````"


@pytest.mark.parametrize(("cells", "error"), [
    ([ASKS, SOLVES], "no question"), ([ASKS, "Question('How?')"], "no folded solution"),
    ([ASKS, "Question('How?')", SOLVES.replace(":class: dropdown", "")], "no folded solution"),
    ([ASKS, "Question('How?')", f"{SOLVES}\n\n{SOLVES}"], "two solutions"),
    ([f"{ASKS}\n\n{ASKS}"], "two exercises"),
])
def test_incomplete_exercises_are_found(cells, error):
    hidden = {"tags": ["remove-input"]}
    notebook = new_notebook(cells=[new_markdown_cell(cell) if cell.startswith("`") else
                                   new_code_cell(cell, metadata=hidden) for cell in cells])
    with pytest.raises(AssertionError, match=error):
        check_exercises(exercises(notebook))


# Links

class Page(HTMLParser):
    """The anchors of a page, and what it links to."""

    ADDRESSES = {"href", "xlink:href", "src", "srcset", "action", "poster", "data"}

    def __init__(self, file):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (tag, name) == ("a", "name"):
                self.anchors.add(value)
            elif name in self.ADDRESSES and value:
                self.links.append(value)


def dead_links(site):
    """Links of the pages in a folder that lead to no file of it, or to no anchor of a page."""
    files = (file for file in site.rglob("*.html") if "_static" not in file.parts)
    pages = {file.resolve(): Page(file) for file in sorted(files)}
    for file, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchor = unquote(parts.fragment)
            if not target.is_file() or (anchor and target in pages and anchor not in pages[target].anchors):
                yield f"{file.relative_to(site.resolve())}: {link}"


def test_links_within_the_site_lead_somewhere(site):
    assert list(dead_links(site)) == []


@pytest.mark.parametrize(("link", "alive"), [
    ('<a href="b.html">', True), ('<a href="c.html">', False), ("<a href='b.html#gr%C3%BC%C3%9Fe'>", True),
    ('<a href="b.html#x&amp;y">', True), ('<a href="b.html#there">', False),
    ('<a href="#here" id="here">', True),
    ('<a href="#here">', False), ('<a href="b.html?q=1#named">', True), ('<img src="no.png" alt="">', False),
    ('<svg><a xlink:href="b.html#there"></a></svg>', False), ('<svg><a href="b.html"></a></svg>', True),
    ('<form action="search.html">', False), ('<a href="folder/">', False), ('<a href="folder/d.html">', True),
    ('<a href="https://example.org/c">', True), ('<a href="mailto:a@example.org">', True),
])
def test_dead_links_are_found(tmp_path, link, alive):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/d.html").write_text('<a href="../b.html#x%26y">back</a>', encoding="utf-8")
    (tmp_path / "b.html").write_text('<p id="grüße"><p id="x&amp;y"><a name="named">', encoding="utf-8")
    (tmp_path / "a.html").write_text(link, encoding="utf-8")
    assert len(list(dead_links(tmp_path))) == (not alive)


def slug(heading):
    """The anchor that a heading of a Markdown file has where it is shown."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("file", sorted(ROOT.glob("*.md")), ids=lambda file: file.stem)
def test_files_that_link_to_files_of_the_repository(file):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", file.read_text("utf-8")):
        parts = urlsplit(link)
        target = ROOT / unquote(parts.path) if parts.path else file
        if parts.scheme:
            continue
        headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.M) if target.suffix == ".md" else ()
        if not target.exists() or (parts.fragment and parts.fragment not in map(slug, headings)):
            broken.append(link)
    assert broken == []
