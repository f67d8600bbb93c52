"""Binder, Colab and the launch buttons: what leads where, and what is installed there."""

import json
import os
import re
import shutil
import subprocess
import sys
import types
import zipfile
from types import SimpleNamespace

import nbformat
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_ext"))
from unstuck_launch import COLAB_BRANCH, INSTALL, point_to_notebooks, repository, with_install, write_colab

NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
BINDER = ROOT / ".venv/binder-env"


def git(folder, *arguments):
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


# Where the address comes from


@pytest.mark.parametrize("environment, expected", [
    ({"GITHUB_REPOSITORY": "a/b"}, ("a/b", "main")),
    ({"GITHUB_REPOSITORY": "a/b", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "next",
      "GITHUB_HEAD_REF": ""}, ("a/b", "next")),
    ({"GITHUB_REPOSITORY": "a/b", "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}, ("a/b", "main")),
    ({"GITHUB_REPOSITORY": "a/b", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "12/merge",
      "GITHUB_HEAD_REF": "mend"}, ("a/b", "main")),
])
def test_the_address_comes_from_the_environment(environment, expected, tmp_path):
    assert repository(tmp_path, environment) == expected


@pytest.mark.parametrize("remote, slug", [
    ("https://github.com/someone/a-fork", "someone/a-fork"),
    ("https://github.com/someone/a-fork.git", "someone/a-fork"),
    ("git@github.com:someone/a.fork.git", "someone/a.fork"),
    ("ssh://git@github.com/someone/fork/", "someone/fork"),
    ("https://example.org/someone/fork.git", None),
    ("/srv/fork", None),
])
def test_the_address_comes_from_the_remote(tmp_path, remote, slug):
    git(tmp_path, "init", "-q")
    assert repository(tmp_path, {}) == (None, None)
    git(tmp_path, "remote", "add", "origin", remote)
    assert repository(tmp_path, {}) == ((slug, "main") if slug else (None, None))


def test_no_file_names_the_repository():
    kinds = ("*", "binder/*", "book/**/*", "helpers/**/*", "tests/*", "tools/*", ".github/**/*")
    files = [path for kind in kinds
             for path in ROOT.glob(kind) if path.is_file() and "__pycache__" not in path.parts]
    typed = re.compile(r"(?:github\.com|github\.io|mybinder\.org/v2|colab\.research\.google\.com/github)[/:]"
                       r"[\w.-]+/[\w.-]*unstuck", re.IGNORECASE)
    assert files and [f for f in files if typed.search(f.read_bytes().decode("utf-8", "ignore"))] == []


# Buttons


def buttons(page, suffix):
    env = SimpleNamespace(all_docs={"book/x"}, doc2path=lambda name: f"/r/{name}{suffix}")
    url = "https://colab.research.google.com/github/a/b/blob/next/one/book/x.ipynb"
    launch = [{"text": "Binder", "url": "u"}, {"text": "Colab", "url": url}]
    context = {"header_buttons": [{"label": "download"}, {"label": "launch-buttons", "buttons": launch}]}
    point_to_notebooks(SimpleNamespace(env=env), page, "", context, None)
    return context["header_buttons"]


def test_the_button_of_colab_leads_to_the_notebook_that_installs_the_helpers():
    download, launch = buttons("book/x", ".ipynb")
    binder, colab = (b["url"] for b in launch["buttons"])
    assert binder == "u"
    assert colab == f"https://colab.research.google.com/github/a/b/blob/{COLAB_BRANCH}/book/x.ipynb"


@pytest.mark.parametrize("page, suffix", [("book/x", ".md"), ("search", ".ipynb")])
def test_a_page_that_is_no_notebook_launches_nothing(page, suffix):
    assert [b["label"] for b in buttons(page, suffix)] == ["download"]


def test_a_site_that_knows_no_address_has_no_launch_button(site):
    known, _ = repository()
    for path in NOTEBOOKS:
        text = (site / "book" / f"{path.stem}.html").read_text(encoding="utf-8")
        places = re.findall(r"https://(?:mybinder\.org|colab\.research\.google\.com)/[^\"]*", text)
        assert len(places) == (2 if known else 0)
        assert all(known in place and place.endswith(f"book/{path.name}") for place in places)


# Colab


def run_install(monkeypatch, modules):
    """What the cell does where `modules` can be imported: the lines for pip, and the calls to Colab."""
    from IPython.core.inputtransformer2 import TransformerManager

    code = TransformerManager().transform_cell(INSTALL.format(slug="someone/fork", branch="main"))
    done = []
    shell = SimpleNamespace(run_line_magic=lambda name, line: done.append(f"{name} {line}"))
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module(done))
    exec(code, {"get_ipython": lambda: shell})
    return done


def test_the_line_for_colab_does_nothing_elsewhere(monkeypatch):
    assert "google.colab" not in sys.modules
    assert run_install(monkeypatch, {}) == []


def test_the_line_for_colab_installs_from_the_same_repository(monkeypatch):
    def colab(done):
        module = types.ModuleType("google.colab")
        module.output = SimpleNamespace(enable_custom_widget_manager=lambda: done.append("widgets"))
        return module

    done = run_install(monkeypatch, {"google": lambda _: types.ModuleType("google"), "google.colab": colab})
    assert done == ['pip install -q "git+https://github.com/someone/fork@main"', "widgets"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_for_colab_is_the_chapter_and_one_cell_before_its_code(path):
    stored = nbformat.read(path, as_version=4)
    notebook = with_install(nbformat.read(path, as_version=4), "someone/fork", "main")
    nbformat.validate(notebook)
    (k,) = [k for k, cell in enumerate(notebook.cells) if "google.colab" in cell.source]
    assert not any(cell.cell_type == "code" for cell in notebook.cells[:k])
    del notebook.cells[k]
    assert notebook == stored


def test_the_build_writes_the_notebooks_for_colab(tmp_path, monkeypatch):
    docs = {f"book/{path.stem}": path for path in NOTEBOOKS} | {"book/intro": ROOT / "book/intro.md"}
    app = SimpleNamespace(outdir=tmp_path / "html", srcdir=ROOT, builder=SimpleNamespace(format="html"),
                          env=SimpleNamespace(all_docs=docs, doc2path=docs.get))
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/fork")
    write_colab(app, None)
    written = sorted((tmp_path / "colab/book").iterdir())
    assert [path.name for path in written] == [path.name for path in NOTEBOOKS]
    assert all("someone/fork@" in path.read_text(encoding="utf-8") for path in written)
    write_colab(app, RuntimeError())
    assert not (tmp_path / "colab").exists(), "a build that failed leaves nothing to publish"


def test_the_package_that_colab_installs_holds_every_file_of_the_helpers(tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "helpers", tree / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(tree)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    kinds = {".py", ".js", ".css", ".mplstyle", ".npz"}
    there = {p.relative_to(ROOT).as_posix() for p in (ROOT / "helpers").rglob("*") if p.suffix in kinds}
    assert there and there <= packed


# Binder


def test_the_plan_of_the_image_installs_what_running_needs_and_no_more():
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    plan = "\n".join(line for line in run.stdout.splitlines() if not line.startswith("#"))
    version = (ROOT / "binder/runtime.txt").read_text().strip().removeprefix("python-")
    assert f"for python={version}" in run.stderr
    assert re.findall(r"pip install --no-cache-dir -r \"?([\w./-]+)", plan) == ["binder/requirements.txt"]
    for needless in ("requirements-test", "jupyter-book", "playwright", "postBuild", "apt.txt"):
        assert needless not in plan


def test_binder_has_the_versions_that_the_book_is_built_with():
    def pinned(name):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        return {line for line in lines if line and not line.startswith("#")}

    assert pinned("binder/requirements.txt") <= pinned("requirements.txt")


def test_the_chapters_are_tested_in_the_environment_of_binder():
    """`make test` runs every notebook with this kernel: the environment is made from Binder's list alone."""
    if not BINDER.exists():
        pytest.skip("make test makes this environment and runs the notebooks in it")
    spec = json.loads((BINDER / "share/jupyter/kernels/binder/kernel.json").read_text(encoding="utf-8"))
    python = BINDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    assert spec["argv"][0] == str(python)
    code = """import importlib.util as u
names = "jupyter_book sphinx myst_nb nbval pytest hypothesis playwright torch scipy sklearn pandas".split()
print([name for name in names if u.find_spec(name)])
import helpers, numpy, matplotlib, sympy, anywidget, ipywidgets"""
    run = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd=ROOT / "book",
                         env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
    assert run.stdout.strip() == "[]", run.stderr
