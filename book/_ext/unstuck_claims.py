"""The page of all claims: each sentence of the lectures with the verdicts that the chapters' cells computed.

The directive `{claims}` holds a list of sentences, "- C5: …". It becomes a table with a row for each, which
collects the rows C5 of the tables "What the lecture says, what we measured" in the chapters, as they were
built. Each verdict links to the cell that decides it, which has the tag claim-C5.
"""

import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

KIND = {"holds": "holds", "does not hold": "fails"}  # any other verdict names a condition
logger = logging.getLogger(__name__)


class claims_list(nodes.General, nodes.Element):
    """The sentences, until all chapters have been read: list items with a `number`."""


class Claims(SphinxDirective):
    has_content = True

    def run(self):
        self.env.unstuck_claims_page = self.env.docname
        place = claims_list()
        self.set_source_info(place)
        self.state.nested_parse(self.content, self.content_offset, place)
        for item in place.findall(nodes.list_item):
            text = next(item.findall(nodes.Text))
            found = re.match(r"C(\d+): ", text)
            if not found:
                raise self.error(f"each claim must begin with its number, as in “C5: ”, not {text[:20]!r}")
            text.parent.replace(text, nodes.Text(text[found.end():]))
            item["number"] = int(found[1])
        return [place]


def verdicts(doctree):
    """{number: row} of the rows (no., claim, verdict, what the cells show) of a chapter's table."""
    rows = [row for row in doctree.findall(nodes.row) if len(row) == 4]
    found = [(re.fullmatch(r"C(\d+)", row[0].astext()), row) for row in rows]
    return {int(number[1]): row for number, row in found if number}


def name_cells(app, doctree):
    """Anchors claim-c5 for cells that decide; a warning for a row or a cell without the other."""
    named = set()
    for cell in doctree.findall(nodes.container):
        numbers = [re.fullmatch(r"tag_claim-C(\d+)", name) for name in cell["classes"]]
        for number in filter(None, numbers):
            named.add(int(number[1]))
            cell.insert(0, nodes.target("", "", ids=[f"claim-c{number[1]}"]))
    for number in sorted(named ^ verdicts(doctree).keys()):
        logger.warning("claim C%s has a row or a cell, but not both", number, location=app.env.docname)


def collect(env):
    """{number: [(chapter, row), …]} over all chapters."""
    found = {}
    for chapter in sorted(name for name in env.found_docs if re.match(r"book/\d\d_", name)):
        for number, row in verdicts(env.get_doctree(chapter)).items():
            found.setdefault(number, []).append((chapter, row))
    return found


def rewrite(app, env):
    """The page of claims is written again when a row of a chapter has changed."""
    page = getattr(env, "unstuck_claims_page", None)
    if page is None:
        return []
    now = [(number, chapter, row.astext()) for number, rows in collect(env).items() for chapter, row in rows]
    before, env.unstuck_claims = getattr(env, "unstuck_claims", None), now
    return [] if now == before else [page]


class FillClaims(SphinxPostTransform):
    default_priority = 5  # before references are resolved

    def run(self):
        for place in list(self.document.findall(claims_list)):
            self.env.get_domain("math").data["has_equations"][self.env.docname] = True  # in the rows
            found, items = collect(self.env), list(place.findall(nodes.list_item))
            for number in sorted(found.keys() ^ {item["number"] for item in items}):
                logger.warning("claim C%s has a sentence or a verdict, but not both", number, location=place)
            place.replace_self([self.summary(found), self.table(items, found)])

    def summary(self, found):
        kinds = [KIND.get(row[2].astext(), "if") for rows in found.values() for _, row in rows]
        return nodes.paragraph("", (
            f"{len(found)} claims have {len(kinds)} verdicts, since several chapters may judge the same one: "
            f"it holds {kinds.count('holds')} times, holds under a condition {kinds.count('if')} times, and "
            f"does not hold {kinds.count('fails')} times."))

    def table(self, items, found):
        group = nodes.tgroup("", nodes.colspec(colwidth=8), nodes.colspec(colwidth=92), cols=2)
        heads = (nodes.paragraph("", text) for text in ("no.", "the claim, and what was measured"))
        group += nodes.thead("", nodes.row("", *(nodes.entry("", head) for head in heads)))
        group += nodes.tbody("", *(self.row(item, found.get(item["number"], [])) for item in items))
        return nodes.table("", group, classes=["claims"])

    def row(self, item, rows):
        number = nodes.entry("", nodes.paragraph("", f"C{item['number']}"))
        measured = (self.verdict(item["number"], chapter, row) for chapter, row in rows)
        return nodes.row("", number, nodes.entry("", *item.children, *measured), ids=[f"c{item['number']}"])

    def verdict(self, number, chapter, row):
        """Chapter 5: holds if …. What the cells show."""
        text, shown = row[2].astext(), row[3].deepcopy()
        for node in shown.findall(nodes.Element):
            node["ids"] = []  # those belong to the chapter
            if isinstance(node, pending_xref):
                node["refdoc"] = self.env.docname
        uri = f"{self.app.builder.get_relative_uri(self.env.docname, chapter)}#claim-c{number}"
        link = nodes.reference("", text, internal=True, refuri=uri, classes=["verdict", KIND.get(text, "if")])
        line = nodes.Text(f"Chapter {int(chapter[5:7])}: "), link, nodes.Text(". "), *shown[0].children
        return nodes.paragraph("", "", *line, classes=["measured"])


def setup(app):
    app.add_node(claims_list)
    app.add_directive("claims", Claims)
    app.add_post_transform(FillClaims)
    app.connect("doctree-read", name_cells)
    app.connect("env-get-updated", rewrite)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
