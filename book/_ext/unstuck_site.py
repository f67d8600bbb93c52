"""What the book asks of Sphinx beyond Jupyter Book.

Notebooks are run again when the code behind them changed, explorers live without a kernel, and the site asks
no other host for anything.
"""

import hashlib
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from sphinx.util import logging
from sphinx.util.fileutil import copy_asset

from helpers import palette

ROOT = Path(__file__).parents[2]
logger = logging.getLogger(__name__)


def fingerprint():
    """A hash of what outputs depend on besides the cells; not of .js and .css, which pages load."""
    helpers = ROOT / "helpers"
    kinds = ("*.py", "*.mplstyle", "*.npz")
    files = sorted([*(f for kind in kinds for f in helpers.rglob(kind)), ROOT / "requirements.txt"])
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def choose_cache(app, config):
    """One cache of executed notebooks for each state of the helpers; caches of older states go."""
    caches = Path(app.outdir).parent / ".jupyter_cache"
    current = caches / fingerprint()
    for old in caches.glob("*"):
        if old != current and old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
    config.nb_execution_cache_path = str(current)


def add_launch_buttons(app, config):
    """Binder links, only where the repository's address is known."""
    slug = os.environ.get("GITHUB_REPOSITORY")
    if not slug:
        command = ["git", "-C", str(ROOT), "remote", "get-url", "origin"]
        remote = subprocess.run(command, capture_output=True, text=True).stdout if shutil.which("git") else ""
        found = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?\s*$", remote)
        slug = found and found[1]
    options = config.html_theme_options
    options.pop("repository_url", None)  # Jupyter Book's own address is the default
    options["launch_buttons"] = {}
    if slug:
        options["repository_url"] = f"https://github.com/{slug}"
        options["repository_branch"] = os.environ.get("GITHUB_REF_NAME", "main")
        options["use_repository_button"] = True
        options["launch_buttons"] = {"notebook_interface": "jupyterlab", "binderhub_url": "https://mybinder.org"}


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


def run_notebooks(app, env, docnames):
    """Run the notebooks that are not in the cache, two at a time; Sphinx would run them one after another."""
    cache = get_cache(app.config.nb_execution_cache_path)
    stale = []
    for name in docnames:
        path = Path(env.doc2path(name))
        if path.suffix == ".ipynb":
            notebook = nbformat.read(path, as_version=4)
            try:
                cache.match_cache_notebook(notebook)
            except KeyError:
                stale.append((path, notebook))

    def run(item):
        path, notebook = item
        logger.info("running %s", path.name)
        timeout = app.config.nb_execution_timeout
        return path, single_nb_execution(notebook, cwd=str(path.parent), timeout=timeout, allow_errors=False)

    with ThreadPoolExecutor(2) as pool:
        for path, result in pool.map(run, stale):
            if result.err is None:  # a notebook that failed is run again by MyST-NB, which reports it
                logger.info("%s ran in %.1f s", path.name, result.time)
                join_streams(result.nb)
                bundle = CacheBundleIn(result.nb, str(path), data={"execution_seconds": result.time})
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def number_chapters(app, env):
    """A chapter's number is the one in its file's name, also while chapters before it are missing."""
    for name, numbers in env.toc_secnumbers.items():
        file = re.match(r"(\d\d)_", Path(name).name)
        if not file or not numbers:
            continue
        chapter = int(file[1])
        env.toc_secnumbers[name] = {anchor: n and (chapter, *n[1:]) for anchor, n in numbers.items()}
        for figures in env.toc_fignumbers.get(name, {}).values():
            figures.update({key: (chapter, *n[1:]) if len(n) > 1 else n for key, n in figures.items()})
        titles = [env.titles[name], *env.tocs[name].findall(lambda node: isinstance(node, nodes.reference))]
        for title in titles:
            if title.get("secnumber"):
                title["secnumber"] = [chapter, *title["secnumber"][1:]]
    return []  # no further page has to be written


def palette_css():
    """The palette as CSS variables: --ink, --rule-adam, --kind-saddle, …"""
    pairs = {name.lower(): getattr(palette, name) for name in ("INK", "SOFT", "LINE", "PAPER", "LOW", "HIGH")}
    pairs |= {f"rule-{name.replace(' ', '-')}": pair for name, pair in palette.RULE.items()}
    pairs |= {f"kind-{name}": pair for name, pair in palette.KIND.items()}
    light, dark = (" ".join(f"--{name}: {pair[mode]};" for name, pair in pairs.items()) for mode in (0, 1))
    return f":root {{ {light} }}\nhtml[data-theme=dark] {{ {dark} }}\n"


def write_static(app):
    """MathJax, the palette, and the script and style of the explorers, into the site's own _static."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    mathjax = Path(find_spec("mathjax").origin).parent / "static/mathjax/es5"
    for part in ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts/woff-v2"):
        target = static / "mathjax" / part
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_asset(str(mathjax / part), str(target if (mathjax / part).is_dir() else target.parent))
    (static / "palette.css").write_text(palette_css(), encoding="utf-8")
    app.add_css_file("palette.css", priority=400)
    if find_spec("helpers.explorers"):
        from helpers.explorers.explorer import site_script, site_style

        (static / "explorers.js").write_text(site_script(), encoding="utf-8")
        (static / "explorers.css").write_text(site_style(), encoding="utf-8")
        app.add_js_file("explorers.js", loading_method="defer")
        app.add_css_file("explorers.css")


def drop_widget_state(app, page, template, context, doctree):
    """Leave out the state of all widgets, which only a widget manager would read: half of a page's weight."""
    context["script_files"] = [
        file for file in context.get("script_files", [])
        if "widget-state" not in getattr(file, "attributes", {}).get("type", "")
    ]


def finish(app, exception):
    """Make a build that failed fail again when it is repeated: its pages would count as read."""
    if app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        copy_asset(str(ROOT / "book/_static"), str(static))  # Sphinx skips it if no page changed
        basic, theme = static / "basic.css", static / "styles/theme.css"
        if basic.exists() and theme.exists():  # one request less before the page can be painted
            rules = basic.read_text("utf-8").replace("url(file.png)", "url(../file.png)")
            merged = theme.read_text("utf-8").replace('@import "../basic.css";', rules)
            theme.write_text(merged, encoding="utf-8")
    strict = app.warningiserror or app.keep_going  # with both options Sphinx clears the first
    if exception or (strict and app._warncount):
        Path(app.doctreedir, "environment.pickle").unlink(missing_ok=True)


def setup(app):
    os.environ["BOOK_STATIC"] = "site"  # the kernels inherit it: explorers then give their static HTML
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two kernels run at once
    app.connect("config-inited", choose_cache, priority=1)
    app.connect("config-inited", add_launch_buttons, priority=1)
    app.connect("builder-inited", write_static)
    app.connect("env-before-read-docs", run_notebooks)
    app.connect("env-get-updated", number_chapters, priority=900)
    app.connect("html-page-context", drop_widget_state, priority=900)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
