"""Runs the notebooks whose outputs may have changed, and no others, several at a time.

Jupyter Book would keep the outputs of a notebook as long as its cells stay the same, whatever becomes of the
code that they call, and it would run one notebook after another. Here each stored run has a fingerprint.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from fingerprint import Helpers, environment, fingerprint
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import create_nb_reader
from sphinx.util import logging

ROOT = Path(__file__).parents[2]
AT_ONCE = min(max(os.cpu_count() or 2, 2), 4)
logger = logging.getLogger(__name__)


def join_streams(notebook):
    """Make one text of consecutive pieces of a stream: MyST-NB would end each of them with a line break."""
    for cell in notebook.cells:
        joined = []
        for output in cell.get("outputs", []):
            last = joined[-1] if joined else None
            if last and output.output_type == last.output_type == "stream" and output.name == last.name:
                last.text += output.text
            else:
                joined.append(output)
        if cell.cell_type == "code":
            cell.outputs = joined


class Runs:
    """The stored runs in `folder`. MyST-NB finds one by the cells; here the fingerprint must be right too."""

    def __init__(self, folder):
        self.cache = get_cache(folder)
        records = self.cache.list_cache_records()
        self.by_print = {record.data.get("fingerprint"): record for record in records}
        self.seconds = {Path(record.uri).name: record.data.get("execution_seconds", 0) for record in records}
        self.used = set()

    def current(self, notebook, path, mark):
        """Whether there is a run with the fingerprint `mark`. If so, MyST-NB will find it."""
        record = self.by_print.get(mark)
        if record is None:
            return False
        try:
            found = self.cache.match_cache_notebook(notebook)
        except KeyError:
            found = None
        if found is None or found.data.get("fingerprint") != mark:  # only captions or tags have changed
            ran = code_cells(self.cache.get_cache_bundle(record.pk).nb)
            for cell, old in zip(code_cells(notebook), ran, strict=True):
                cell.outputs, cell.execution_count = old.outputs, old.execution_count
            found = self.store(notebook, path, mark, record.data["execution_seconds"])
        self.used.add(found.hashkey)
        return True

    def store(self, notebook, path, mark, seconds):
        data = {"execution_seconds": seconds, "fingerprint": mark}
        bundle = CacheBundleIn(notebook, str(path), data=data)
        record = self.cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
        self.used.add(record.hashkey)
        return record

    def forget_others(self):
        """Remove the runs that no notebook of the book uses any more."""
        for record in self.cache.list_cache_records():
            if record.hashkey not in self.used:
                self.cache.remove_cache(record.pk)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def read_notebooks(env):
    """{document: (path, notebook)} of all pages that hold cells."""
    found = {}
    for name in sorted(env.found_docs):
        path = Path(env.doc2path(name))
        text = path.read_text(encoding="utf-8")
        if reader := create_nb_reader(str(path), env.myst_config, env.mystnb_config, text):
            found[name] = path, reader.read(text)
    return found


def run_notebooks(app, env, added, changed, removed):
    """Run what has no stored run, the longest first; return the documents, for Sphinx to read them again."""
    runs, helpers, packages = Runs(env.mystnb_config.execution_cache_path), Helpers(ROOT), environment(ROOT)
    stale = {}
    for name, (path, notebook) in read_notebooks(env).items():
        mark = fingerprint(notebook, path.parent, helpers, packages)
        if not runs.current(notebook, path, mark):
            stale[name] = path, notebook, mark
    runs.forget_others()

    def run(path, notebook):
        logger.info("running %s", path.name)
        timeout = app.config.nb_execution_timeout
        return single_nb_execution(notebook, cwd=str(path.parent), timeout=timeout, allow_errors=False)

    def length(item):
        path = item[0]
        return runs.seconds.get(path.name, 0), path.stat().st_size

    with ThreadPoolExecutor(AT_ONCE) as pool:
        order = sorted(stale.values(), key=length, reverse=True)
        waiting = {pool.submit(run, path, notebook): (path, mark) for path, notebook, mark in order}
        for future in as_completed(waiting):
            (path, mark), result = waiting[future], future.result()
            if result.err is None:  # a notebook that failed is run again by MyST-NB, which reports it
                logger.info("%s ran in %.1f s", path.name, result.time)
                join_streams(result.nb)
                runs.store(result.nb, path, mark, result.time)
    return list(stale)


def forget_figures(app, exception):
    """Remove the figures of earlier builds; MyST-NB names each by a hash of what it shows."""
    if exception:
        return
    shown = {Path(name).name for name in app.env.images}
    for folder in (Path(app.outdir).parent / "jupyter_execute", Path(app.outdir) / "_images"):
        for file in folder.rglob("*.png"):
            if re.fullmatch("[0-9a-f]{64}", file.stem) and file.name not in shown:
                file.unlink()


def setup(app):
    os.environ["BOOK_STATIC"] = "site"  # the kernels inherit it: explorers then give their static HTML
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # several kernels run at once
    app.connect("env-get-outdated", run_notebooks)
    app.connect("build-finished", forget_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
