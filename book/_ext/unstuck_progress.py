"""Progress in the exercises: where progress.js is loaded, and what it has to know of other pages.

A page marks a place for a chapter's progress with `<span data-progress="05_momentum"></span>`. There the
build adds the names of that chapter's questions, as its cells made them: no number of questions is typed.
"""

import re

from docutils import nodes
from sphinx.util import logging

QUESTION = re.compile(r'<figure[^>]* data-explorer="question" id="([\w-]+)"')
PLACE = re.compile(r'<span data-progress="(\w+)">')
logger = logging.getLogger(__name__)


def known(env):
    """({page: names of its questions}, {page: chapters whose progress it shows}) of the pages read so far."""
    if not hasattr(env, "unstuck_progress"):
        env.unstuck_progress = {}, {}
    return env.unstuck_progress


def forget(app, env, docname):
    for table in known(env):
        table.pop(docname, None)


def note(app, doctree):
    """Note the questions and the places of a page that has been read."""
    text = "".join(node.astext() for node in doctree.findall(nodes.raw))
    for table, pattern in zip(known(app.env), (QUESTION, PLACE), strict=True):
        if names := pattern.findall(text):
            table[app.env.docname] = list(dict.fromkeys(names))


def chapters(env):
    """{chapter: names of its questions}, a chapter being the last part of its page's name."""
    return {page.rpartition("/")[2]: names for page, names in known(env)[0].items()}


def rewrite(app, env):
    """Pages with places for progress are written again when the questions of a chapter have changed."""
    now, places = chapters(env), known(env)[1]
    for page, names in places.items():
        for name in set(names) - set(now):
            logger.warning("data-progress names %r, which is no chapter with questions", name, location=page)
    before, env.unstuck_questions = getattr(env, "unstuck_questions", None), now
    return [] if before == now else list(places)


def fill(app, page, template, context, doctree):
    """The names of the questions into the places of a page, and the script where there is something to do."""
    body, questions = context.get("body") or "", chapters(app.env)

    def named(found):
        return f'{found[0][:-1]} data-questions="{" ".join(questions.get(found[1], ()))}">'

    if PLACE.search(body) or QUESTION.search(body):
        app.add_js_file("progress.js", loading_method="defer")
        context["body"] = PLACE.sub(named, body)


def setup(app):
    app.connect("env-purge-doc", forget)
    app.connect("doctree-read", note)
    app.connect("env-get-updated", rewrite)
    app.connect("html-page-context", fill)
    return {"parallel_read_safe": False, "parallel_write_safe": True, "env_version": 1}
