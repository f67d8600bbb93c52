"""The build itself: what failed once fails again, although Sphinx has stored the pages that it read."""

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
