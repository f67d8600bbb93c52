"""Imports point one way, the mathematics knows no widget and no plot, and code is printed in one place."""

import ast
import re
from graphlib import TopologicalSorter

import pytest
from conftest import ROOT

HELPERS = ROOT / "helpers"
GROUND = {"symbolic", "checks", "quadrature", "palette"}
SEEN = {"explorers", "figures", "glue"}
MODULES = {path.stem: path for path in HELPERS.glob("*.py") if path.stem != "__init__"}
MATHEMATICS = sorted(MODULES.keys() - SEEN)
SCREEN = {"anywidget", "ipywidgets", "traitlets", "matplotlib", "PIL", "IPython", "jupyter_core"}
PRINTS_CODE = ("lambdify", "jscode", "javascript_code", "pycode", "ccode", "sympy.printing", "LatexPrinter",
               "sp.latex", "sympy.latex")


def imported(path):
    """The dotted names that a module imports, anywhere in it: helpers.saddles, sympy.printing.latex, …"""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name} imports relatively, by dots"
            found |= {f"{node.module}.{name.name}" for name in node.names} | {node.module}
    return found


def of_helpers(names):
    """The modules of helpers among them, without the package before their names."""
    parts = {name.split(".")[1] for name in names if name.startswith("helpers.")}
    return parts & (MODULES.keys() | {"explorers"})


@pytest.mark.parametrize("name", MATHEMATICS)
def test_the_mathematics_imports_no_explorer_no_figure_and_nothing_of_a_screen(name):
    names = imported(MODULES[name])
    assert of_helpers(names) & SEEN == set()
    assert {n.split(".")[0] for n in names} & SCREEN == set()
    if name in GROUND:
        assert of_helpers(names) <= GROUND, "the ground stands on nothing else"


def test_the_mathematics_imports_without_a_circle():
    TopologicalSorter({name: of_helpers(imported(path)) for name, path in MODULES.items()}).prepare()


def test_figures_and_explorers_do_not_know_each_other():
    assert "explorers" not in of_helpers(imported(MODULES["figures"]))
    for path in HELPERS.glob("explorers/*.py"):
        assert "figures" not in of_helpers(imported(path)), path.name


def test_only_one_module_prints_code():
    """Here, and in no other module: SymPy's printers and lambdify."""
    for path in sorted(HELPERS.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found = [word for word in PRINTS_CODE if re.search(rf"\b{re.escape(word)}\b", text)]
        assert bool(found) == (path.name == "symbolic.py"), f"{path.name}: {found}"


def test_the_page_names_each_module_in_its_layer():
    text = (ROOT / "book/architecture.md").read_text(encoding="utf-8")
    rows = {row[0]: set(re.findall(r"`(\w+)`", row[1]))
            for row in re.findall(r"^\| ([\w ]+) \| (.*?) \| .*\|$", text, re.M)}
    assert rows["what one sees"] == SEEN and rows["the ground"] == GROUND
    assert rows["the mathematics"] == set(MATHEMATICS) - GROUND
    for name in re.findall(r"`(tests/\w+\.py)`", text):
        assert (ROOT / name).exists(), name
