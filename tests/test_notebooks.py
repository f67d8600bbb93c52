"""The stored notebooks: their canonical form, and the tool that keeps it."""

import importlib.util

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

_spec = importlib.util.spec_from_file_location("notebooks", ROOT / "tools/notebooks.py")
notebooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(notebooks)

STORED = sorted((ROOT / "book").rglob("*.ipynb"))


@pytest.mark.parametrize("path", STORED, ids=lambda p: p.stem)
def test_stored_notebooks_are_canonical_and_keep_the_house_rules(path):
    assert list(notebooks.problems(path)) == []


FIGURE = {"text/plain": "<Figure size 640x480 with 1 Axes>", "image/png": "iVBORw0KGgo="}
DRAWN = {"mystnb": {"image": {"alt": "A curve."}, "figure": {"caption": "The loss.", "name": "fig-loss"}}}


def store(tmp_path, *cells, change=notebooks.canonical):
    path = tmp_path / "chapter.ipynb"
    path.write_text(notebooks.text_of(change(new_notebook(cells=list(cells)))), encoding="utf-8")
    return path


def code(source="x = 1", outputs=(), **metadata):
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def printed(text="0.5\n", name="stdout"):
    return new_output("stream", name=name, text=text)


def test_canonical_numbers_cells_and_drops_what_nbval_does_not_compare():
    words = {"text/plain": "LandscapeExplorer('saddle')"}
    view = words | {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    drawing = code(outputs=[new_output("display_data", data=FIGURE)], collapsed=True)
    explorer = code(outputs=[new_output("execute_result", data=view, execution_count=7)])
    notebook = new_notebook(cells=[new_markdown_cell("# A"), code(), drawing, explorer])
    notebook.metadata = {"kernelspec": {"name": "other"}, "toc": {}}
    notebook = notebooks.canonical(notebook)
    assert [c.execution_count for c in notebook.cells[1:]] == [1, 2, 3]
    assert notebook.cells[2].outputs[0].data == {"text/plain": FIGURE["text/plain"]}
    assert not notebook.cells[2].metadata
    assert notebook.cells[3].outputs[0] == {
        "output_type": "execute_result", "execution_count": 3, "metadata": {}, "data": words}
    assert notebook.metadata == notebooks.METADATA
    assert notebooks.canonical(notebook) == notebook


def test_canonical_empties_a_cell_whose_output_is_not_compared():
    cell = code(outputs=[printed()], tags=["nbval-ignore-output"], reason="a clock")
    assert notebooks.canonical(new_notebook(cells=[cell])).cells[0].outputs == []


def test_a_figure_with_its_words_is_accepted(tmp_path):
    good = code(outputs=[printed("slope 2.25\n"), new_output("display_data", data=FIGURE)], **DRAWN)
    assert list(notebooks.problems(store(tmp_path, good))) == []


@pytest.mark.parametrize("cell, sentence", [
    (code(outputs=[new_output("display_data", data=FIGURE)], **DRAWN), "prints nothing"),
    (code(outputs=[printed(), new_output("display_data", data=FIGURE)]), "without metadata mystnb.image.alt"),
    (code(tags=["nbval-skip"]), "does not say why"),
    (code(tags=["nbval-ignore-output"], reason=" "), "does not say why"),
    (code("import sys\nsys.path.append('..')"), "sys.path"),
    (code("plt.plot([1, 2]);"), "semicolon"),
    (code(" "), "is empty"),
    (code("\n".join("x = 1" for _ in range(21))), "has 21 lines"),
    (code(outputs=[printed(name="stderr")]), "stderr"),
    (code(outputs=[printed("rate 0.12345678\n")]), "six significant digits"),
    (code(outputs=[new_output("error", ename="ValueError", evalue="no", traceback=[])]), "ends in an error"),
])
def test_what_breaks_a_house_rule_is_named(tmp_path, cell, sentence):
    assert any(sentence in problem for problem in notebooks.problems(store(tmp_path, cell, code(), code())))


def test_a_notebook_that_is_not_canonical_is_named(tmp_path):
    path = store(tmp_path, code(), change=lambda notebook: notebook)
    assert any("not in canonical form" in problem for problem in notebooks.problems(path))


def test_refresh_runs_a_notebook_and_a_second_time_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("BOOK_STATIC", "1")
    read = code("import os\nos.environ.get('BOOK_STATIC', 'unset')")
    path = store(tmp_path, read, code("print(1)\nprint(2)"))
    notebooks.refresh(path)
    first = path.read_text(encoding="utf-8")
    outputs = [cell.outputs for cell in nbformat.reads(first, as_version=4).cells]
    assert outputs[0][0].data == {"text/plain": "'unset'"} and outputs[1][0].text == "1\n2\n"
    notebooks.refresh(path)
    assert path.read_text(encoding="utf-8") == first
    assert list(notebooks.problems(path)) == []
