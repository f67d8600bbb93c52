"""What the outputs of a notebook depend on: its code, the modules of helpers that it reaches, data, packages.

The modules are found in the text of the code, without running it. Where the text does not tell, because a
module is chosen at run time or a cell is not plain Python, a notebook depends on all of helpers.
"""

import ast
import hashlib
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PAGE = {".js", ".css"}  # pages load these files; no output holds them
UNCLEAR = {"__import__", "import_module", "importlib.util", "exec", "eval", "runpy", "subprocess", "system",
           "run_cell", "run_cell_magic", "run_line_magic"}
STEERS = {"raises-exception", "skip-execution"}  # other tags change what is shown, not what is run
PIP = re.compile(r"(?m)^(\s*)[%!]pip .*$")  # it installs packages, and those count anyway


class Helpers:
    """The package `helpers` below `root`: its modules by name, and its other files."""

    def __init__(self, root):
        self.root, self.modules, self.data = Path(root), {}, []
        for file in sorted((self.root / "helpers").rglob("*")):
            if file.suffix == ".py":
                name = ".".join(file.relative_to(self.root).with_suffix("").parts)
                self.modules[name.removesuffix(".__init__")] = file
            elif file.is_file() and file.suffix not in PAGE and "__pycache__" not in file.parts:
                self.data.append(file)
        trees = {name: ast.parse(file.read_bytes()) for name, file in self.modules.items()}
        self.homes = {name: _home(tree) for name, tree in trees.items() if self._is_package(name)}
        self.direct = {name: self._reached_by(tree, name) for name, tree in trees.items()}
        named = set().union(*(files for _, files in self.direct.values()))
        self.unnamed = set(self.data) - named  # nobody says that he reads these: all may

    def needed(self, codes):
        """The files of helpers, sorted, that texts of Python code may depend on."""
        try:
            trees = [ast.parse(PIP.sub(r"\1pass", code)) for code in codes]
        except SyntaxError:  # a magic command, for one
            return sorted([*self.modules.values(), *self.data])
        files, waiting, seen = set(self.unnamed), [], set()
        for tree in trees:
            modules, read = self._reached_by(tree, "")
            waiting += modules
            files |= read
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                modules, read = self.direct[name]
                waiting += modules
                files |= {self.modules[name]} | read
        return sorted(files)

    def _reached_by(self, tree, name):
        """({modules}, {data files}) that the code of the module `name` itself mentions, in functions too."""
        modules, files = set(), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                files |= {file for file in self.data if file.name in node.value}
            elif isinstance(node, ast.Import | ast.ImportFrom):
                modules |= self._imported(node, name)
            if not self.homes.get(name) and _words(node) & UNCLEAR:
                modules |= self.modules.keys()
        return modules, files

    def _imported(self, node, name):
        if isinstance(node, ast.Import):
            found = set()
            for alias in node.names:
                if alias.name.partition(".")[0] == "helpers":
                    # Without "as" the name helpers is bound, and any module may be reached through it.
                    found |= self._whole(alias.name) if alias.asname else self.modules.keys()
            return found
        base = node.module or ""
        if node.level:
            package = name if self._is_package(name) else name.rpartition(".")[0]
            above = package.split(".")[:len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *base.split(".")]).strip(".")
        if base.partition(".")[0] != "helpers":
            return set()
        found = self._parents(base)
        for alias in node.names:
            home = self.homes.get(base, {})
            if f"{base}.{alias.name}" in self.modules:
                found |= self._whole(f"{base}.{alias.name}")
            elif alias.name in home:
                found |= self._whole(home[alias.name])
            elif home or alias.name == "*":
                found |= self._whole(base)
        return found

    def _whole(self, name):
        """The module, the packages it lies in, and all modules to which its table HOME leads."""
        inside = {m for m in self.modules if m.startswith(f"{name}.")} if self._is_package(name) else set()
        return self._parents(name) | inside

    def _parents(self, name):
        parts = name.split(".")
        return {".".join(parts[:k]) for k in range(1, len(parts) + 1)} & self.modules.keys()

    def _is_package(self, name):
        return name in self.modules and self.modules[name].name == "__init__.py"


def _home(tree):
    """The table HOME of a package that reads a module when one of its names is first asked for."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == ["HOME"]:
            return ast.literal_eval(node.value)
    return {}


def _words(node):
    """The names that a piece of code uses or imports."""
    match node:
        case ast.Name(id=word) | ast.Attribute(attr=word):
            return {word}
        case ast.Import(names=names):
            return {alias.name for alias in names}
        case ast.ImportFrom(module=module, names=names):
            return {module, *(alias.name for alias in names), *(f"{module}.{alias.name}" for alias in names)}
    return set()


def installed(requirements):
    """{package: version} of what a file of requirements names and all that these need, as installed here."""
    lines = Path(requirements).read_text(encoding="utf-8").splitlines()
    waiting = [Requirement(line) for line in lines if line and line[0].isalpha()]
    found = {}
    while waiting:
        needed = waiting.pop()
        if needed.name in found or (needed.marker and not needed.marker.evaluate({"extra": ""})):
            continue
        try:
            package = distribution(needed.name)
        except PackageNotFoundError:
            continue  # such a build fails with a better message
        found[needed.name] = package.version
        waiting += map(Requirement, package.requires or [])
    return found


def environment(root):
    """The Python and the packages that cells run with, as one text."""
    packages = installed(Path(root) / "binder/requirements.txt")
    return f"Python {sys.version.split()[0]} {sorted(packages.items())}"


def fingerprint(notebook, folder, helpers, environment):
    """A hash of all that the outputs of `notebook`, run in `folder`, depend on."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    digest = hashlib.sha256(environment.encode())
    for cell in cells:
        steers = sorted(STEERS & set(cell.metadata.get("tags", [])))
        digest.update(f"\0{cell.source}\0{steers}".encode())
    codes = [cell.source for cell in cells]
    files = [(file.relative_to(helpers.root), file) for file in helpers.needed(codes)]
    strings = set(re.findall(r"""["']([\w./-]+\.\w+)["']""", "\n".join(codes)))
    files += [(name, file) for name in sorted(strings) if (file := Path(folder) / name).is_file()]
    for name, file in files:
        digest.update(f"\0{name}\0".encode() + file.read_bytes())
    return digest.hexdigest()
