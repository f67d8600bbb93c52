"""Pages for everybody: with the keyboard alone, with a screen reader, without JavaScript, on paper.

What the theme and docutils leave open is mended in the HTML that they write: nobody waits for a script.
"""

import re
from pathlib import Path

from sphinx_exercise.nodes import solution_node

STILL = "A still picture of a live figure: with JavaScript switched on, you can change it and run it."
CHINESE = re.compile(r"[\u3400-\u9fff](?:[\u3001-\u9fff\uff0c]*[\u3400-\u9fff])?")

MENDED = [
    # A page for the printer with a second h1, and a place for advertisements: both of the theme, both hidden.
    (r'<div id="jb-print-docs-body".*?</nav>\s*</div>\s*</div>\s*</div>', ""),
    (r"<div class=.\S+items__end[^>]*>\s*<div[^>]*>\s*<div id=.ethical.*?</div></div>\s*</div>", ""),
    # The name of a control has to contain the words that it shows.
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    (r'(<button class="btn search-button-field[^>]*?) aria-label="Search"', r"\1"),
    (r'(<i class="theme-switch[^>]*?) title="[^"]*"', r"\1"),
    (r'title="Toggle primary sidebar"', 'title="The chapters" aria-label="The chapters"'),
    (r'title="Toggle secondary sidebar"', 'title="On this page" aria-label="On this page"'),
    # Everything belongs to a landmark with a name.
    (r'<div class="sidebar-primary-item">(?=\s*<a class="navbar-brand)',
     '<div class="sidebar-primary-item" role="navigation" aria-label="Title page">'),
    (r'<div class="sidebar-primary-item">(?=\s*<button class="btn search-button)',
     '<div class="sidebar-primary-item" role="search">'),
    (r'<form class="bd-search', '<form role="search" class="bd-search'),
    (r'<div class="prev-next-area"', r'\g<0> role="navigation" aria-label="Neighbours"'),
    (r'<dialog id="pst-search-dialog"', r'\g<0> aria-label="Search"'),
    (r'<dialog id="pst-primary-sidebar-modal"', r'\g<0> aria-label="The chapters"'),
    (r'<dialog id="pst-secondary-sidebar-modal"', r'\g<0> aria-label="On this page"'),
    (r'<summary>(?=<span class="toctree-toggle")', '<summary aria-label="The pages of this part">'),
    # The headings of a page begin with its title.
    (r'<p aria-level="2" class="caption" role="heading">', '<p class="caption">'),
    # docutils calls the bibliography a list, but its entries are no list items.
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
    (r'(<div class="citation"[^>]*?) role="doc-biblioentry"', r"\1"),
    # A folded solution, and what stands in exercises and proofs: sphinx-exercise gives all of them one id.
    (r'(<details [^>]*class="[^"]*solution[^>]*>\s*)<p class="admonition-title">(.*?)</p>',
     lambda m: f'{m[1]}<summary class="admonition-title">{re.sub(r"</?a[^>]*>", "", m[2])}</summary>'),
    (r'<section id="(?:exercise|solution|proof)-content">', "<section>"),
    # The words on a link to a heading are one sign; its name says more.
    (r'(<a class="headerlink" [^>]*title=("[^"]*"))>#</a>', r'\1 aria-label=\2>#</a>'),
    # Without JavaScript
    (r'(<figure class="explorer-figure"[^>]*data-explorer="(?!question")[^>]*>.*?)(?=</figure>)',
     rf"\1<noscript><p>{STILL}</p></noscript>"),
]
MENDED = [(re.compile(pattern, re.DOTALL), replacement) for pattern, replacement in MENDED]


def mend(html, static):
    """The HTML of a page, mended; `static` is the way from the page to the folder _static."""
    for pattern, replacement in MENDED:
        html = pattern.sub(replacement, html)
    head = f'<noscript><link rel="stylesheet" href="{static}/noscript.css"/></noscript>\n'
    html = html.replace("</head>", head + "</head>", 1)
    chapters = '<noscript><a href="#pst-primary-sidebar">The chapters</a></noscript>'
    html = re.sub(r'<div class="header-article-items__start">', rf"\g<0>{chapters}", html, count=1)
    return re.sub(r"<script\b.*?</script>|(?<=>)[^<>]+(?=<)", mark_chinese, html, flags=re.DOTALL)


def mark_chinese(found):
    """Chinese words in a text between two tags, marked as such; scripts stay as they are."""
    words = found[0]
    return words if words.startswith("<") else CHINESE.sub(r'<span lang="zh">\g<0></span>', words)


def mend_pages(app):
    """Mend what the templates give: Sphinx has no event between this and the file."""
    if app.builder.format != "html":
        return
    render = app.builder.templates.render

    def mended(template, context):
        html = render(template, context)
        return mend(html, context["pathto"]("_static", 1)) if "</head>" in html else html

    app.builder.templates.render = mended


def visit_solution(self, node):
    """A solution that folds is what HTML has for it, and works without a script."""
    tag = "details" if "dropdown" in node["classes"] else "div"
    self.body.append(self.starttag(node, tag, CLASS="admonition"))


def depart_solution(self, node):
    self.body.append("</details>\n" if "dropdown" in node["classes"] else "</div>\n")


def rules(css):
    """The rules of a style sheet as pairs (selector or @media …, what stands in the braces)."""
    css, at = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL), 0
    while (opening := css.find("{", at)) >= 0:
        depth, end = 1, opening
        while depth and (brace := re.compile("[{}]").search(css, end + 1)):
            end = brace.start()
            depth += 1 if css[end] == "{" else -1
        yield css[at:opening].split(";")[-1].strip(), css[opening + 1:end]
        at = end + 1


def themed(css, mode):
    """The rules for one mode, for pages on which no script has chosen a mode."""
    chosen = ""
    for selector, block in rules(css):
        if selector.startswith("@media") and "print" not in selector:
            inner = themed(block, mode)
            chosen += inner and f"{selector} {{\n{inner}}}\n"
        elif not selector.startswith("@"):
            this = re.compile(rf'\[data-theme="?{mode}"?\]')
            parts = [part.strip() for part in re.split(r",(?![^(]*\))", selector) if this.search(part)]
            if parts:
                chosen += this.sub("[data-theme=auto]", ", ".join(parts)) + f" {{{block}}}\n"
    return chosen


def write_noscript(app, exception):
    """The style sheet of pages without JavaScript: light or dark as the system is, and no dead buttons."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    page = out / app.builder.get_target_uri(app.config.root_doc)
    html = page.read_text(encoding="utf-8")
    html = re.sub(r"<noscript>.*?</noscript>", "", html, flags=re.DOTALL)
    sheets = re.findall(r'<link[^>]*href="([^"?]*\.css)[^>]*rel="stylesheet"|'
                        r'<link[^>]*rel="stylesheet"[^>]*href="([^"?]*\.css)', html)
    css = "\n".join((page.parent / (a or b)).read_text(encoding="utf-8") for a, b in sheets)
    css += "\n".join(re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL))
    own = (Path(__file__).parents[1] / "_static/noscript.css").read_text(encoding="utf-8")
    sheet = (f"@media (prefers-color-scheme: light), print {{\n{themed(css, 'light')}}}\n"
             f"@media screen and (prefers-color-scheme: dark) {{\n{themed(css, 'dark')}}}\n{own}")
    (out / "_static/noscript.css").write_text(sheet, encoding="utf-8")


def setup(app):
    app.setup_extension("sphinx_exercise")
    app.add_node(solution_node, override=True, html=(visit_solution, depart_solution))
    app.connect("builder-inited", mend_pages)
    app.connect("build-finished", write_noscript, priority=990)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
