"""The build itself: which notebooks run again, and that what failed once fails again."""

import json
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
from conftest import ROOT
from myst_nb.core.config import NbParserConfig
from myst_parser.config.main import MdParserConfig
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers import explorers

sys.path.insert(0, str(ROOT / "book/_ext"))
import fingerprint
import unstuck_run

CHAPTERS = sorted(ROOT.glob("book/*.ipynb"))

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
    pieces = [("stdout", "a = "), ("stdout", "1\n"), ("stderr", "!"), ("stdout", "b")]
    outputs = [new_output("stream", name=name, text=text) for name, text in pieces]
    notebook = new_notebook(cells=[new_code_cell("", outputs=outputs)])
    unstuck_run.join_streams(notebook)
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


# A book with a page for each way to reach a module. Nothing is run: a run only notes that it took place.
HELPERS = {
    "__init__.py": "",
    "base.py": "",
    "mean.py": "from helpers import base",
    "loss.py": "def loss():\n    from helpers.mean import mean",
    "alone.py": "",
    "data.py": "files('helpers').joinpath('datasets/points.npz')",
    "datasets/points.npz": "1 2 3",
    "explorers/__init__.py": "from importlib import import_module\n"
                             "HOME = {'A': 'helpers.explorers.a', 'B': 'helpers.explorers.b'}\n"
                             "def __getattr__(name):\n    return getattr(import_module(HOME[name]), name)",
    "explorers/a.py": "from .stage import stage\nA = 1",
    "explorers/b.py": "from .. import base\nfrom . import stage\nB = 1",
    "explorers/stage.py": "",
    "explorers/stage.js": "",
}
PAGES = {
    "loss": "from helpers.loss import loss",
    "data": "import helpers.data as d",
    "a": "from helpers.explorers import A",
    "b": "def later():\n    from helpers.explorers import B",
    "plain": "1 + 1\nopen('notes.txt')",
}
SECONDS = {"plain": 1.0, "data": 2.0, "b": 3.0, "loss": 4.0, "a": 5.0}
TOP = "---\nfile_format: mystnb\nkernelspec: {name: python3, display_name: Python 3}\n---\n\n# Text\n\n"
ALL = set(PAGES)


class Book:
    """The scratch book in `folder`; `build()` says which pages ran, in order."""

    def __init__(self, folder):
        self.folder, self.ran, self.failing = folder, [], set()
        for name, text in HELPERS.items():
            self.write(f"helpers/{name}", text)
        self.write("binder/requirements.txt", "-e .\nnumpy>=2\n")
        self.write("book/notes.txt", "notes")
        for name, code in PAGES.items():
            self.write_page(name, code)
        env = SimpleNamespace(found_docs=set(PAGES), doc2path=self.path, myst_config=MdParserConfig())
        env.mystnb_config = NbParserConfig(execution_cache_path=str(folder / "cache"))
        self.env, self.app = env, SimpleNamespace(config=SimpleNamespace(nb_execution_timeout=9))

    def path(self, name):
        return str(self.folder / "book" / (name + (".md" if name == "b" else ".ipynb")))

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write_page(self, name, code, text="Text", **metadata):
        if name == "b":  # a page in Markdown with a cell, as the landing page is
            self.write("book/b.md", f"{TOP}{text}\n\n```{{code-cell}} python3\n{code}\n```\n")
            return
        cells = [new_markdown_cell(text), new_code_cell(code, metadata=metadata)]
        nbformat.write(new_notebook(cells=cells), self.path(name))

    def run(self, notebook, cwd, **options):
        code = "".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
        name = next(name for name, text in PAGES.items() if text in code)
        self.ran.append(name)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = [new_output("stream", text=f"run {len(self.ran)}")]
        failed = ValueError() if name in self.failing else None
        return SimpleNamespace(nb=notebook, time=SECONDS[name], err=failed)

    def build(self):
        self.ran.clear()
        read_again = unstuck_run.run_notebooks(self.app, self.env, set(), set(), set())
        assert set(read_again) == set(self.ran), "what ran is read again"
        return list(self.ran)

    def stored(self, name):
        """What MyST-NB will find for a page."""
        cache = unstuck_run.get_cache(self.env.mystnb_config.execution_cache_path)
        return cache.merge_match_into_notebook(unstuck_run.read_notebooks(self.env)[name][1])[1]


@pytest.fixture
def book(tmp_path, monkeypatch):
    book = Book(tmp_path)
    monkeypatch.setattr(unstuck_run, "ROOT", tmp_path)
    monkeypatch.setattr(unstuck_run, "AT_ONCE", 1)
    monkeypatch.setattr(unstuck_run, "single_nb_execution", book.run)
    assert set(book.build()) == ALL and book.build() == []
    return book


@pytest.mark.parametrize("changed, expected", [
    ("helpers/base.py", {"loss", "b"}), ("helpers/mean.py", {"loss"}), ("helpers/loss.py", {"loss"}),
    ("helpers/alone.py", set()), ("helpers/__init__.py", ALL - {"plain"}),
    ("helpers/data.py", {"data"}), ("helpers/datasets/points.npz", {"data"}),
    ("helpers/explorers/__init__.py", {"a", "b"}), ("helpers/explorers/a.py", {"a"}),
    ("helpers/explorers/b.py", {"b"}), ("helpers/explorers/stage.py", {"a", "b"}),
    ("helpers/explorers/stage.js", set()), ("book/notes.txt", {"plain"}),
    ("helpers/table.csv", ALL),  # nobody says that he reads it
])
def test_a_change_runs_the_notebooks_that_it_can_affect_and_no_others(book, changed, expected):
    path = book.folder / changed
    path.write_text((path.read_text() if path.exists() else "") + "\n# changed")
    assert set(book.build()) == expected
    assert book.build() == []


def test_a_page_runs_when_its_code_changes_not_when_its_text_does(book):
    before = {name: book.stored(name).cells[-1].outputs for name in PAGES}
    for name, code in PAGES.items():
        book.write_page(name, code, text="Other words", tags=["hide-input"], mystnb={"image": {"alt": "…"}})
    assert book.build() == []
    for name in PAGES:
        assert book.stored(name).cells[-1].outputs == before[name], "the same outputs"
    assert book.stored("a").cells[-1].metadata["tags"] == ["hide-input"]
    book.write_page("loss", PAGES["loss"] + "\nloss()")
    assert book.build() == ["loss"]
    book.write_page("loss", PAGES["loss"] + "\nloss()", tags=["raises-exception"])
    assert book.build() == ["loss"], "this tag steers the run"


def test_other_packages_run_everything_again(book, monkeypatch):
    version = unstuck_run.environment(book.folder)
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in version and "numpy" in version
    monkeypatch.setattr(unstuck_run, "environment", lambda root: version + "!")
    assert set(book.build()) == ALL


def test_what_a_requirement_needs_counts_as_well():
    packages = fingerprint.installed(ROOT / "binder/requirements.txt")
    assert {"numpy", "matplotlib", "sympy", "anywidget", "ipykernel", "pillow"} <= packages.keys()
    assert not {"sphinx", "pytest"} & packages.keys()


def test_a_run_that_failed_is_not_stored(book):
    book.failing = {"a"}
    book.write("helpers/explorers/a.py", "A = 2")
    assert book.build() == ["a"] and book.build() == ["a"]
    with pytest.raises(KeyError):
        book.stored("a")
    book.failing = set()
    assert book.build() == ["a"] and book.build() == []


def test_the_store_keeps_one_run_for_each_page(book):
    for k in range(3):
        book.write("helpers/__init__.py", f"k = {k}")
        book.write_page("plain", PAGES["plain"] + f" + {k}")
        assert set(book.build()) == ALL
        assert len(list((book.folder / "cache/executed").iterdir())) == len(PAGES)
    book.env.found_docs = {"a", "b"}
    book.build()
    assert len(list((book.folder / "cache/executed").iterdir())) == 2


def test_the_longest_notebook_of_the_last_build_runs_first(book):
    book.write("helpers/__init__.py", "other = 1")
    assert book.build() == ["a", "loss", "b", "data"]


def test_the_largest_runs_first_where_no_time_is_known(book):
    for k, name in enumerate(PAGES):
        book.write_page(name, PAGES[name], text="more " * 200 * k)
    shutil.rmtree(book.folder / "cache")
    assert book.build() == list(PAGES)[::-1]


def test_a_figure_that_no_page_shows_any_more_goes(tmp_path):
    now, before = f"{'a' * 64}.png", f"{'b' * 64}.png"
    for folder in ("jupyter_execute/book", "html/_images"):
        (tmp_path / folder).mkdir(parents=True)
        for name in (now, before, "logo.png"):
            (tmp_path / folder / name).touch()
    env = SimpleNamespace(images={f"_build/jupyter_execute/book/{now}": ({"book/01"}, now)})
    app = SimpleNamespace(env=env, outdir=tmp_path / "html")
    unstuck_run.forget_figures(app, ValueError())
    assert len(list(tmp_path.rglob("*.png"))) == 6, "a build that failed removes nothing"
    unstuck_run.forget_figures(app, None)
    assert {file.name for file in tmp_path.rglob("*.png")} == {now, "logo.png"}
    assert len(list(tmp_path.rglob("*.png"))) == 4


@pytest.mark.parametrize("code", [
    "import helpers", "import helpers.base", "from helpers import *", "%run more.py", "exec(text)",
    "import importlib\nimportlib.import_module(name)", "from importlib import import_module as get",
    "__import__(name)", "import subprocess", "import runpy", "get_ipython().run_line_magic('run', 'x')",
])
def test_what_is_unclear_depends_on_everything(book, code):
    helpers = fingerprint.Helpers(book.folder)
    assert set(helpers.needed([code])) >= set(helpers.modules.values())


@pytest.mark.parametrize("code, expected", [
    ("from helpers import explorers", {"a", "b", "stage", "base"}),
    ("from helpers.explorers import *", {"a", "b", "stage", "base"}),
    ("from helpers.explorers import HOME", {"a", "b", "stage", "base"}),
    ("from helpers.explorers import a", {"a", "stage"}),
    ("from helpers.explorers.b import B", {"b", "stage", "base"}),
    ("import numpy\n%pip install numpy", set()),
])
def test_what_an_import_reaches(book, code, expected):
    found = {file.stem for file in fingerprint.Helpers(book.folder).needed([code])}
    assert found - {"__init__"} == expected


def test_an_explorer_is_where_the_table_says():
    for name in explorers.__all__:
        assert getattr(explorers, name).__module__ == explorers.HOME[name]
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = explorers.Nothing
    assert "Question" in dir(explorers)


LOADED = """
import json, sys
for code in json.load(sys.stdin):
    for name in [name for name in sys.modules if name.partition(".")[0] == "helpers"]:
        del sys.modules[name]
    exec(code)
    print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.partition(".")[0] == "helpers"]))
"""


def test_every_module_that_a_chapter_loads_is_one_that_it_depends_on():
    codes = [[c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code"] for path in CHAPTERS]
    imports = ["\n".join(re.findall(r"(?m)^(?:from|import) .*$", "\n".join(code))) for code in codes]
    command = [sys.executable, "-c", LOADED]
    run = subprocess.run(command, input=json.dumps(imports), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    helpers = fingerprint.Helpers(ROOT)
    for path, code, line in zip(CHAPTERS, codes, run.stdout.splitlines(), strict=True):
        needed = set(map(str, helpers.needed(code)))
        assert set(json.loads(line)) <= needed, path.name
        assert len(needed) < len(helpers.modules) - 5, f"{path.name} seems to depend on everything"
