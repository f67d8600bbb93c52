"""What the book asks of Sphinx beyond Jupyter Book.

Explorers live without a kernel, the site asks no other host for anything, and what failed fails again.
"""

import gc
import hashlib
import re
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from sphinx.util.fileutil import copy_asset

from helpers import palette

ROOT = Path(__file__).parents[2]


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
    for part in ("startup.js", "core.js", "input/tex.js", "input/tex/extensions", "output/chtml.js",
                 "output/chtml/fonts/tex.js", "output/chtml/fonts/woff-v2", "a11y/assistive-mml.js"):
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


def ask_the_registry(app, uri):
    """Whether a DOI exists, the registry says to programs too; publishers turn them away."""
    return re.sub(r"^https://doi\.org/(?=10\.)", "https://doi.org/api/handles/", uri)


def finish(app, exception):
    """Make a build that failed fail again when it is repeated: its pages would count as read."""
    if app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        copy_asset(str(ROOT / "book/_static"), str(static))  # Sphinx skips it if no page changed
    strict = app.warningiserror or app.keep_going  # with both options Sphinx clears the first
    if exception or (strict and app._warncount):
        Path(app.doctreedir, "environment.pickle").unlink(missing_ok=True)


def own_code():
    """A hash of the extensions: a changed one has to write every page again."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def setup(app):
    # Reading stored pages makes millions of objects, among which Python would look for circles all the time.
    gc.set_threshold(200_000, 20, 100)
    app.add_config_value("unstuck_code", own_code(), "env")
    app.connect("builder-inited", write_static)
    app.connect("env-get-updated", number_chapters, priority=900)
    app.connect("html-page-context", drop_widget_state, priority=900)
    app.connect("linkcheck-process-uri", ask_the_registry)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
