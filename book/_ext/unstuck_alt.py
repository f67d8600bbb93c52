"""Numbers in alternative texts.

The text beside a figure says {glue:text}`gap:.2f`. So may the alternative text in the metadata of the cell
that draws it, which MyST-NB takes as it stands.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from myst_nb.core.variables import format_plain_text
from sphinx.util import logging

GLUED = re.compile(r"\{glue:text\}`(?P<name>[^`:]+)(?::(?P<format>[^`]+))?`")
logger = logging.getLogger(__name__)


def fill(text, values):
    """`text` with its glued numbers; `values`: {name: what a cell glued, as Python writes it}.

    >>> fill("It ends at {glue:text}`end:.1f`.", {"end": "0.7071"})
    'It ends at 0.7.'
    """
    return GLUED.sub(lambda m: format_plain_text(values[m["name"]], m["format"] or "s"), text)


def fill_images(app, doctree):
    """Fill in the alternative texts of a page that was read; an unknown name is a warning."""
    images = [image for image in doctree.findall(nodes.image) if GLUED.search(image.get("alt", ""))]
    if not images:
        return
    file = Path(app.env.mystnb_config.output_folder, f"{app.env.docname}.glue.json")
    glued = json.loads(file.read_text("utf-8")) if file.exists() else {}
    values = {name: output["data"]["text/plain"] for name, output in glued.items()}
    for image in images:
        try:
            image["alt"] = fill(image["alt"], values)
        except KeyError as error:
            where = app.env.docname
            logger.warning("an alternative text names %s, which no cell glues", error, location=where)


def setup(app):
    app.connect("doctree-read", fill_images)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
