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
