"""The API reference: the docstrings of `helpers` as pages.

The docstrings are plain text: names between single backticks, indented formulas, examples behind >>>, keys of
book/references.bib after “Source:”. Here they become the reStructuredText that autodoc wants. Beside a
formula or an update rule stands its LaTeX, printed from the one expression that it is.
"""

import inspect
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

from helpers.optimizers import UpdateRule
from helpers.symbolic import Formula

BIB = Path(__file__).parents[1] / "references.bib"
QUOTED = re.compile(r"``(.+?)``(?!`)|`([^`]+)`")
NAME = re.compile(r"[^\W\d][\w.]*")
KEY = re.compile(r"\b[a-z]+\d{4}\b")
DEFAULT = re.compile(r"(<factory>|<class '([\w.]+)'>|<[^<>]*>)")


def keys():
    """The keys of the bibliography."""
    return set(re.findall(r"^@\w+\{(\w+),", BIB.read_text(encoding="utf-8"), re.M))


def plain(text, cited):
    """Text that means itself, but for the keys of the bibliography, which become citations."""
    escaped = re.sub(r"([\\*|_`]|:(?=//))", r"\\\1", text)  # and file:// is no link
    return KEY.sub(lambda key: f":cite:`{key[0]}`" if key[0] in cited else key[0], escaped)


def inline(text, cited):
    """A paragraph: what stands between backticks is code, and a link where it names something of the book."""
    parts, end = [], 0
    for found in QUOTED.finditer(text):
        code = found[1] or found[2]
        parts += [plain(text[end:found.start()], cited), r"\ ",
                  f":py:obj:`{code}`" if NAME.fullmatch(code) else f"``{code}``", r"\ "]
        end = found.end()
    return "".join([*parts, plain(text[end:], cited)])


def block(lines, cited):
    """One block between blank lines: an example, a list, indented formulas, or a paragraph."""
    if lines[0].startswith(">>>"):
        return lines
    if all(line.startswith(" ") for line in lines):
        return [".. code-block:: none", "", *(f"   {line.strip()}" for line in lines)]
    if lines[0].startswith("- "):
        items = re.split(r"\n- ", "\n".join(lines)[2:])
        return [f"- {inline(' '.join(item.split()), cited)}" for item in items]
    return [inline(" ".join(line.strip() for line in lines), cited)]


def restructured(lines, cited):
    """The lines of a docstring as lines of reStructuredText."""
    result = []
    for text in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        if text.strip():
            result += [*block(text.split("\n"), cited), ""]
    return result


def rewrite(app, what, name, thing, options, lines):
    if not name.startswith("helpers"):
        return
    formula = getattr(thing, "latex", None) if isinstance(thing, (Formula, UpdateRule)) else None
    text = restructured(lines, app.config.unstuck_cited)
    if formula and what in ("data", "attribute"):
        text[1:1] = ["", ".. math::", "", f"   {formula}", ""]
    lines[:] = text


def shorten(app, what, name, thing, options, signature, result):
    """No memory addresses, no types that take a line: a default that prints badly is an ellipsis."""
    if signature:
        signature = DEFAULT.sub(lambda found: (found[2] or "…").replace("numpy.", "np."), signature)
    if what == "class" and inspect.isclass(thing) and issubclass(thing, Exception):
        signature = None
    return signature, None


def name_entries(app, doctree):
    """Anchors that a style sheet's selector can name, as the theme's scripts ask: no dots, no Greek.

    What belongs to a class is left out of the list “On this page”.
    """
    objects = app.env.get_domain("py").objects
    for section in doctree.findall(nodes.section):
        section["ids"].sort(key=lambda name: "." in name)
    for signature in doctree.findall(addnodes.desc_signature):
        if signature["ids"]:
            name = f"{signature['module']}.{signature['fullname']}"
            anchor = re.sub(r"\W+", "-", signature["ids"][0], flags=re.ASCII)
            signature["ids"].insert(0, anchor)
            objects[name] = objects[name]._replace(node_id=anchor)
        if signature.get("class"):
            signature.parent["no-contents-entry"] = True


def leave_as_code(app, env, node, text):
    """What is quoted but is no entry of the reference stays code, without a warning."""
    if node.get("reftype") == "obj" and node.get("refdoc", "").startswith("book/api/"):
        return nodes.literal("", text.astext())


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.add_config_value("unstuck_cited", keys(), "env", [set])
    app.connect("autodoc-process-docstring", rewrite)
    app.connect("autodoc-process-signature", shorten)
    app.connect("doctree-read", name_entries, priority=100)  # before that list is made
    app.connect("missing-reference", leave_as_code)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
