"""The build itself: what failed once fails again, although Sphinx has stored the pages that it read."""

import re
import subprocess
import sys

from conftest import ROOT

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book/_ext")!r})
import unstuck_site

def setup(app):
    app.connect("build-finished", unstuck_site.finish)
"""


def build(folder):
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", ".", "_build"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_build_that_failed_fails_again_when_repeated(tmp_path):
    (tmp_path / "conf.py").write_text(CONF)
    index = tmp_path / "index.rst"
    index.write_text("Title\n=====\n\n:ref:`nowhere`\n")
    for _ in range(2):
        run = build(tmp_path)
        assert run.returncode and "nowhere" in run.stderr
    index.write_text("Title\n=====\n")
    assert build(tmp_path).returncode == 0


def test_pieces_of_one_stream_become_one_text():
    sys.path.insert(0, str(ROOT / "book/_ext"))
    from nbformat.v4 import new_code_cell, new_notebook, new_output
    from unstuck_site import join_streams

    pieces = [("stdout", "a = "), ("stdout", "1\n"), ("stderr", "!"), ("stdout", "b")]
    outputs = [new_output("stream", name=name, text=text) for name, text in pieces]
    notebook = new_notebook(cells=[new_code_cell("", outputs=outputs)])
    join_streams(notebook)
    assert [o.text for o in notebook.cells[0].outputs] == ["a = 1\n", "!", "b"]


def test_a_chapter_has_the_number_of_its_file(tmp_path):
    connect = 'app.connect("build-finished", unstuck_site.finish)'
    number = 'app.connect("env-get-updated", unstuck_site.number_chapters, priority=900)'
    more = f"{connect}\n    {number}\n\nnumfig = True\n"
    (tmp_path / "conf.py").write_text(CONF.replace(connect, more))
    (tmp_path / "dot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    index = tmp_path / "index.rst"
    index.write_text("Title\n=====\n\n.. toctree::\n   :numbered:\n\n   01_a\n   07_b\n")
    for name in ("01_a", "07_b"):
        label = f"fig-{name[-1]}"
        figure = f".. _{label}:\n\n.. figure:: dot.svg\n\n   Caption\n\nSee :numref:`{label}`.\n"
        (tmp_path / f"{name}.rst").write_text(f"Chapter\n=======\n\nPart\n----\n\n{figure}")
    for _ in range(2):
        run = build(tmp_path)
        assert run.returncode == 0, run.stderr
        for name, number in (("01_a", 1), ("07_b", 7)):
            page = (tmp_path / f"_build/{name}.html").read_text()
            text = re.sub(r"<[^>]*>", "", page)
            assert f"{number}. Chapter" in text and f"{number}.1. Part" in text
            assert text.count(f"Fig. {number}.1") == 2, "the figure and the reference to it"
        assert "7. Chapter" in re.sub(r"<[^>]*>", "", (tmp_path / "_build/index.html").read_text())
