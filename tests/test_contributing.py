"""CONTRIBUTING.md keeps its word: the explorer and the chapter that it builds work as they stand there."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXPLORER, CHAPTER = re.split(r"^## A new chapter$", TEXT, flags=re.M)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of what the recipes need, and `run(*arguments)` of Python in it."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("helpers", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests", "book"):
        (folder / name).mkdir()
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, folder / name)

    def run(*arguments):
        outer = ("PYTEST_", "BOOK_STATIC", "PYTHONPATH")
        env = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
        env["PYTHONPATH"] = str(folder)  # before the installed helpers
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)

    run.folder = folder
    return run


def test_the_recipe_of_the_explorer_gives_one_that_draws_and_passes_its_test(copy):
    files = dict(re.findall(r"^\*\*`([\w./]+)`\*\*\n\n```\w+\n(.*?)^```$", EXPLORER, re.M | re.S))
    explorer = ["helpers/explorers/factor.js", "helpers/explorers/factor.py"]
    assert sorted(files) == [*explorer, "tests/test_factor.py"]
    for name, text in files.items():
        (copy.folder / name).write_text(text, encoding="utf-8")
    init = copy.folder / "helpers/explorers/__init__.py"
    (line,) = re.findall(r"^\*\*3\..*?```python\n(.*?)\n```$", EXPLORER, re.M | re.S)
    before, after = init.read_text(encoding="utf-8").split("\nHOME = {\n")
    init.write_text(f"{before}\nHOME = {{\n{line}\n{after}", encoding="utf-8")
    (cell,) = re.findall(r"^\*\*5\..*?```python\n(.*?)\n```$", EXPLORER, re.M | re.S)
    shown = copy("-c", cell.replace("\nFactorExplorer(", "\nprint(FactorExplorer(") + ")")
    assert shown.stdout == "FactorExplorer(η=0.5)\n", shown.stderr
    run = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    tests = copy(*run, "tests/test_factor.py", "helpers/explorers/factor.py")
    assert tests.returncode == 0 and "10 passed" in tests.stdout, tests.stdout + tests.stderr
    style = copy("-m", "ruff", "check", "--no-cache", *(name for name in files if name.endswith(".py")))
    assert style.returncode == 0, style.stdout


def test_the_recipe_of_the_chapter_gives_one_that_runs_and_keeps_the_house_rules(copy):
    (script,) = re.findall(r"^```python\n(# make_chapter.py\n.*?)^```$", CHAPTER, re.M | re.S)
    made = copy("-c", script)
    assert made.returncode == 0, made.stderr
    (name,) = set(re.findall(r"refresh (book/[\w.]+)", CHAPTER))
    refreshed = copy("tools/notebooks.py", "refresh", name)
    assert refreshed.returncode == 0, refreshed.stdout + refreshed.stderr
    checked = copy("tools/notebooks.py", "check", name)
    assert checked.returncode == 0, checked.stdout
    stored = (copy.folder / name).read_text(encoding="utf-8")
    assert "|θ| = 1.38e+04" in stored and "'holds'" in stored and "Question(" in stored


def test_every_command_that_is_named_exists():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for name in ("CONTRIBUTING.md", "README.md", "book/intro.md", "book/architecture.md"):
        named = set(re.findall(r"`make ([\w-]+)", (ROOT / name).read_text(encoding="utf-8")))
        assert named <= targets, name
