"""Keep the stored notebooks in one canonical form.

    python tools/notebooks.py refresh [files or folders]   run again, and store what came out
    python tools/notebooks.py check [files or folders]     say what is amiss; exit 1 if anything is

Canonical: cells numbered 1 … n in the order in which they ran; no images, no widget views, no metadata but
what the book uses; nothing stored below a cell that nbval ignores. Strict nbval compares what is left.
"""

import argparse
import os
import re
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
CELL_METADATA = {"tags", "mystnb", "reason"}  # "reason": why nbval does not compare the cell
UNCOMPARED = {"nbval-ignore-output", "nbval-skip"}
LONGEST_CELL = 20
LONGEST_MEDIAN = 9
FIGURE = re.compile(r"<Figure size .*>")
TOO_PRECISE = re.compile(r"(?<![\w.])[-+]?(\d+\.\d+)(?:[eE][-+]?\d+)?")


def tags(cell):
    return set(cell.metadata.get("tags", []))


def canonical(notebook):
    """The canonical form of a notebook that was run; its argument stays as it is."""
    notebook = deepcopy(notebook)
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    number = 0
    for i, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{i}")
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in CELL_METADATA})
        cell.source = cell.source.rstrip()
        cell.pop("attachments", None)
        if cell.cell_type != "code":
            continue
        number += 1
        cell.execution_count = number
        outputs = [] if "nbval-ignore-output" in tags(cell) else cell.outputs
        cell.outputs = [kept for kept in map(_canonical_output, outputs) if kept is not None]
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    return notebook


def _canonical_output(output):
    if "data" in output:
        views = [k for k in output.data if k.startswith("image/") or "widget-view" in k]
        for key in views:
            del output.data[key]
        output.metadata = nbformat.from_dict({k: v for k, v in output.metadata.items() if k == "scrapbook"})
        if not output.data:
            return None
    return output


def run(path):
    """The notebook at `path`, run from its first cell to its last in its own folder."""
    os.environ.pop("BOOK_STATIC", None)  # static HTML is for the site; a stored notebook keeps a line of text
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", coalesce_streams=True,
                            resources={"metadata": {"path": str(path.parent)}})
    return client.execute()


def text_of(notebook):
    return nbformat.writes(notebook, indent=1, ensure_ascii=False) + "\n"


def refresh(path):
    text = text_of(canonical(run(path)))
    changed = text != path.read_text(encoding="utf-8")
    if changed:
        path.write_text(text, encoding="utf-8")
    print(f"{path}: {'rewritten' if changed else 'unchanged'}", flush=True)


def texts(cell):
    """What a code cell shows in words: printed text and plain representations, less those of figures."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        else:
            for kind in ("text/plain", "text/markdown", "text/latex", "text/html"):
                text = output.get("data", {}).get(kind)
                if text and not FIGURE.fullmatch(text.strip()):
                    yield text


def draws(cell):
    return any(FIGURE.fullmatch(o.get("data", {}).get("text/plain", "").strip())
               or any(k.startswith("image/") for k in o.get("data", {})) for o in cell.outputs)


def problems(path):
    """Sentences that say what is wrong with the stored notebook."""
    stored = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(stored, as_version=4)
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        yield f"is no valid notebook: {error.message}"
        return
    if stored != text_of(canonical(notebook)):
        yield "is not in canonical form; `make refresh` rewrites it"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        for sentence in _cell_problems(number, cell):
            yield f"code cell {number}: {sentence}"
    lengths = [_length(cell) for cell in code]
    if lengths and statistics.median(lengths) > LONGEST_MEDIAN:
        yield f"the median code cell has {statistics.median(lengths):g} lines, more than {LONGEST_MEDIAN}"


def _length(cell):
    return len([line for line in cell.source.splitlines() if line.strip()])


def _cell_problems(number, cell):
    if cell.execution_count != number:
        yield f"its execution count is {cell.execution_count}"
    if not cell.source.strip():
        yield "is empty"
    if _length(cell) > LONGEST_CELL:
        yield f"has {_length(cell)} lines, more than {LONGEST_CELL}: plumbing belongs in helpers"
    if "sys.path" in cell.source:
        yield "touches sys.path; helpers is an installed package"
    if cell.source.rstrip().endswith(";"):
        yield "ends with a semicolon, which nbval does not honour: write _ = … or plt.show()"
    if tags(cell) & UNCOMPARED and not str(cell.metadata.get("reason", "")).strip():
        yield "is not compared by nbval, and its metadata does not say why (key \"reason\")"
    if any(o.output_type == "error" for o in cell.outputs) and "raises-exception" not in tags(cell):
        yield "ends in an error"
    if any(o.output_type == "stream" and o.name == "stderr" for o in cell.outputs):
        yield "writes to stderr"
    for text in texts(cell):
        for found in TOO_PRECISE.finditer(text):
            if len(found[1].replace(".", "").lstrip("0")) > 6:
                yield f"shows {found[0]}, more than six significant digits, which differ between processors"
    if draws(cell):
        mystnb = cell.metadata.get("mystnb", {})
        for what, key in (("image", "alt"), ("figure", "caption"), ("figure", "name")):
            if not str(mystnb.get(what, {}).get(key, "")).strip():
                yield f"draws a figure without metadata mystnb.{what}.{key}"
        if not any(texts(cell)):
            yield "draws a figure and prints nothing: print the quantity it shows; nbval compares no images"


def find(paths):
    for path in map(Path, paths):
        if not path.exists():
            sys.exit(f"{path} does not exist")
        inside = sorted(p for p in path.rglob("*.ipynb") if "checkpoint" not in str(p))
        yield from inside if path.is_dir() else [path]


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("command", choices=["refresh", "check"])
    parser.add_argument("paths", nargs="*", default=[Path(__file__).parents[1] / "book"])
    arguments = parser.parse_args()
    notebooks = list(find(arguments.paths))
    if arguments.command == "refresh":
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(refresh, notebooks))
    found = [f"{path}: {sentence}" for path in notebooks for sentence in problems(path)]
    print(*found, f"{len(notebooks)} notebooks, {len(found)} findings", sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
