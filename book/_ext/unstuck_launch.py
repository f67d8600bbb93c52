"""Buttons that launch a chapter in Binder or Colab, and the notebooks that Colab opens.

The repository's address is typed nowhere: it comes from the environment of the build on GitHub, or from the
git remote `origin`, so that a fork launches the fork. Where neither names one, there are no buttons.

Colab fetches one notebook, without the package `helpers` beside it. Its notebooks therefore begin with a cell
that installs the package from that same address. They are written to _build/colab, and the branch `colab` of
the repository, to which the publishing workflow pushes them, is where Colab's buttons lead.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
COLAB_BRANCH = "colab"
INSTALL = """\
# In Colab: install the book's helpers and let widgets run. Elsewhere this cell does nothing.
import sys

if "google.colab" in sys.modules:
    %pip install -q "git+https://github.com/{slug}@{branch}"
    from google.colab import output

    output.enable_custom_widget_manager()"""


def repository(root=ROOT, environment=os.environ):
    """(owner/name, branch) of the repository on GitHub, or (None, None)."""
    slug, branch = environment.get("GITHUB_REPOSITORY"), "main"
    if slug:
        if environment.get("GITHUB_REF_TYPE") == "branch" and not environment.get("GITHUB_HEAD_REF"):
            branch = environment.get("GITHUB_REF_NAME", branch)  # neither a tag's name nor a pull request's
    elif shutil.which("git"):
        command = ["git", "-C", str(root), "remote", "get-url", "origin"]
        remote = subprocess.run(command, capture_output=True, text=True).stdout
        found = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?\s*$", remote)
        slug = found and found[1]
    return (slug, branch) if slug else (None, None)


def add_launch_buttons(app, config):
    """Tell the theme what it needs for its buttons."""
    slug, branch = repository()
    options = config.html_theme_options
    options.pop("repository_url", None)  # Jupyter Book's own address is the default
    options["launch_buttons"] = {}
    if slug:
        options["repository_url"] = f"https://github.com/{slug}"
        options["repository_branch"] = branch
        options["use_repository_button"] = True
        options["launch_buttons"] = {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        }


def point_to_notebooks(app, page, template, context, doctree):
    """Lead Colab's button to the branch with its notebooks; leave out what would launch a page of text."""
    groups = context.get("header_buttons", [])
    notebook = page in app.env.all_docs and Path(app.env.doc2path(page)).suffix == ".ipynb"
    context["header_buttons"] = [g for g in groups if notebook or g.get("label") != "launch-buttons"]
    for group in context["header_buttons"]:
        for button in group.get("buttons", ()):
            if button.get("text") == "Colab":
                button["url"] = re.sub(r"/blob/.*?/(?=book/)", f"/blob/{COLAB_BRANCH}/", button["url"])


def with_install(notebook, slug, branch):
    """The notebook with a first code cell that installs the helpers where, and only where, Colab runs it."""
    cell = nbformat.v4.new_code_cell(INSTALL.format(slug=slug, branch=branch), id="install")
    first = next(k for k, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells.insert(first, cell)
    return notebook


def write_colab(app, exception):
    """Write Colab's notebooks, in the folders that they have in the repository."""
    slug, branch = repository()
    folder = Path(app.outdir).parent / "colab"
    shutil.rmtree(folder, ignore_errors=True)
    if exception or not slug or app.builder.format != "html":
        return
    for name in sorted(app.env.all_docs):
        path = Path(app.env.doc2path(name))
        if path.suffix == ".ipynb":
            target = folder / path.relative_to(app.srcdir)
            target.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(with_install(nbformat.read(path, as_version=4), slug, branch), target)


def setup(app):
    app.connect("config-inited", add_launch_buttons, priority=1)
    app.connect("html-page-context", point_to_notebooks, priority=900)
    app.connect("build-finished", write_colab)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
