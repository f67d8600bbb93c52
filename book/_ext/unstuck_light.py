"""What a page loads: as little as it can, from the site alone.

The theme and the extensions bring thirty files of styles and scripts, most of which no page uses. When the
pages are written, this extension joins the styles into one file without the rules that nothing on the site
matches, and the scripts into one deferred file; it draws the icons into the pages, lets pictures wait until
they are near the window, and writes down the content security policy that all pages obey.
"""

import base64
import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from html import escape, unescape
from pathlib import Path
from posixpath import join, normpath

import tinycss2
from docutils import nodes
from PIL import Image, ImageChops, ImageStat
from sphinx.util import logging

logger = logging.getLogger(__name__)

SHEET, BUNDLE = "site.css", "site.js"
OURS = ("palette.css", "explorers.css", "unstuck.css")  # all their rules stay
# Only some pages load these: those with explorers, the search.
APART = ("explorers.js", "searchtools.js", "language_data.js", "searchindex.js")
ICONS = "scripts/fontawesome.js"  # a megabyte that draws a dozen icons
FAMILIES = ("fas", "far", "fab", "fa-solid", "fa-regular", "fa-brands")
SETTINGS = ("window.MathJax", "DOCUMENTATION_OPTIONS")  # in the bundle; of no use here
NEEDLESS = (ICONS, "mathjax/startup.js")  # the icons are drawn in the pages; formulas.js loads MathJax

STYLE = re.compile(r'\s*<link\b(?=[^>]*rel="stylesheet")[^>]*href="[^"]*?_static/(?!noscript)([^"?]+)[^"]*"'
                   r'[^>]*>')
SCRIPT = re.compile(r'\s*<script\b[^>]*\bsrc="([^"?]+)[^"]*"[^>]*></script>')
INLINE = re.compile(r"\s*<script>(.*?)</script>", re.DOTALL)
PRELOAD = re.compile(r'\s*<link rel="preload"[^>]*>')
THEME = re.compile(r'<script data-cfasync="false">.*?</script>', re.DOTALL)
CLICK = re.compile(r'\sonclick="(?:window\.print|toggleFullScreen)\(\)"')
ICON = re.compile(r'<(i|span)\b([^>]*?)\sclass="((?:[^"]*\s)?fa(?:[srb]|-solid|-regular|-brands)\s[^"]*)"'
                  r'([^>]*)></\1>')
# Names, punctuation and spaces in code have the colour of all text: half of a chapter's elements are these.
PLAIN = re.compile(r'<span class="[npw]">([^<]*)</span>')
FORMULA = re.compile(r'([(\[“]*)(<span class="math [^"]*")>(\\\(.*?\\\))</span>([,.;:!?)\]”]*)', re.DOTALL)
DISPLAY = re.compile(r'(<div class="math [^>]*)>((?:(?!</div>).)*?\\\[.*?\\\])', re.DOTALL)
# What TeX says without taking room, takes much room for, or spells.
SILENT = r"\\(?:text|math\w+|operatorname|[td]?frac|left|right|[bB]igg?[lrm]?|displaystyle)(?![a-z])"
SIGN = r"\\(?:[lg]e|ne|to|in|approx|propto|times|cdot)(?![a-z])|[=<>+]|(?<=[\w)}] )-"
SPELLED = r"\\(max|min|ln|exp|log|cosh?|sin|tanh|det|tr)(?![a-z])"
IMAGE = re.compile(r"<img\b[^>]*>")
POSTER = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/]+={0,2})"')

# The theme leaves "auto" to a script that comes after the page: a dark page would flash white first.
CHOOSE_THEME = """
    {
      const page = document.documentElement.dataset, dark = matchMedia("(prefers-color-scheme: dark)");
      let mode = null;
      try { mode = localStorage.getItem("mode"); } catch { /* a browser that keeps nothing */ }
      page.mode = mode || "auto";
      page.theme = page.mode === "auto" ? (dark.matches ? "dark" : "light") : page.mode;
    }
  """

# The theme makes what scrolls reachable by keyboard, again after each change of the page, which then has to
# be laid out, with all that is folded away. unstuck.js does it when it can matter.
THOROUGH = '"complete"===document.readyState?O():window.addEventListener("load",O)'

# data: carries the explorers' modules, so that they need no server; inline styles are MathJax's, Bootstrap's.
POLICY = ("default-src 'none'; base-uri 'none'; form-action 'self'; connect-src 'self'; font-src 'self'; "
          "img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' data: {scripts}")


# ----------------------------------------------------------------------------------------------------- styles
def names(selector):
    """The classes and ids that a selector needs; none of those in :not(…), :is(…), […]."""
    plain = re.sub(r'"[^"]*"|\[[^\]]*\]', "", selector)
    while (shorter := re.sub(r":[\w-]+\([^()]*\)", "", plain)) != plain:
        plain = shorter
    return set(re.findall(r"[.#]((?:[\w-]|\\.)+)", plain))


def used(rules, words):
    """The rules, as text, without those for elements whose classes or ids are not among the words."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [s for s in split(rule.prelude) if words is None or names(s) <= words]
            if selectors:
                kept.append(f"{','.join(selectors)}{{{tight(rule.content)}}}")
        elif rule.type == "at-rule" and rule.content is None:
            if rule.lower_at_keyword not in ("charset", "import"):
                kept.append(rule.serialize())
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports", "layer", "container"):
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            if inside := used(inner, words):
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inside}}}")
        elif rule.type == "at-rule":
            kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{tight(rule.content)}}}")
        elif rule.type == "error":
            raise ValueError(f"a style sheet has an error: {rule.message}")
    return "\n".join(kept)


def split(prelude):
    """The selectors of a rule."""
    parts = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return [tinycss2.serialize(part).strip() for part in parts]


def tight(tokens):
    """Declarations on one line, without comments."""
    return re.sub(r"\s+", " ", tinycss2.serialize([t for t in tokens if t.type != "comment"])).strip()


def sheet(static, name, words):
    """One style sheet as text that can stand in _static: what it imports comes first, with new addresses."""
    text = (static / name).read_text("utf-8")
    folder = name.rpartition("/")[0]

    def address(found):
        return f'url("{normpath(join(folder, found[2]))}")'

    imported = [normpath(join(folder, n)) for n in re.findall(r'@import\s+(?:url\()?"([^"]+)"\)?;', text)]
    licences = re.findall(r"/\*!.*?\*/", text, re.DOTALL)
    rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    own = used(rules, None if name in OURS else words)
    own = re.sub(r"url\(([\"']?)(?![\"']?(?:data:|#|\w+:|/))([^\"')]+)\1\)", address, own)
    return "\n".join([*(sheet(static, n, words) for n in imported), *dict.fromkeys(licences), own])


# ------------------------------------------------------------------------------------------------------ pages
@cache
def icons(file):
    """Font Awesome's icons as {name: (width, height, path)}, from the theme's script that would draw them."""
    shapes = {}
    icon = r'[{,]"?([\w-]+)"?:\[(\d+),(\d+),\[([^\]]*)\],"[0-9a-f]+","([^"]+)"\]'
    for name, width, height, others, path in re.findall(icon, file.read_text("utf-8")):  # the solid set last
        shapes |= dict.fromkeys([name, *re.findall(r'"([\w-]+)"', others)], (width, height, path))
    return shapes


def draw_icon(shapes, found):
    """An <i class="fa-solid fa-sun"> as the picture that Font Awesome's script would put there."""
    _, before, classes, after = found.groups()
    name = next((c[3:] for c in classes.split() if c.startswith("fa-") and c[3:] in shapes), None)
    if name is None:
        return found[0]  # the theme's icon font may have it
    width, height, path = shapes[name]
    rest = re.sub(r'\stitle="[^"]*"', "", before + after)  # the button has a name, and the picture is hidden
    classes = " ".join(c for c in classes.split() if c not in FAMILIES)  # they would ask for the icon font
    return (f'<svg class="svg-inline--fa {classes}"{rest} aria-hidden="true" '
            f'viewBox="0 0 {width} {height}"><path fill="currentColor" d="{path}"></path></svg>')


def place_poster(site, root, found):
    """A poster as a file beside the other pictures: in the page it would delay all that follows."""
    png = base64.b64decode(found[1])
    name = f"_images/poster-{hashlib.sha256(png).hexdigest()[:16]}.png"
    if not (site / name).exists():
        (site / "_images").mkdir(exist_ok=True)
        (site / name).write_bytes(png)
    return f'src="{root}{name}"'


def keep_room(found):
    """A formula within a line with about the width that it will have, so that its line does not move much.

    No line ends between a formula and a comma or a bracket beside it.
    """
    before, start, tex, after = found.groups()
    drawn, signs = re.subn(SIGN, "", re.sub(SILENT, "", unescape(tex)).replace(r"\sqrt", "SS"))
    letters = re.sub(r"\\[a-zA-Z]+", "x", re.sub(SPELLED, r"\1", drawn))
    letters = re.sub(r"[{}\s_^]|\\.", "", letters)
    capitals = len(re.findall("[A-Z]", letters))
    width = 0.58 * len(letters) + 0.24 * capitals + 1.6 * signs
    formula = f'{start} style="--room: {width:.1f}em">{tex}</span>'
    return f'<span class="together">{before}{formula}{after}</span>' if before or after else formula


def keep_height(found):
    """A formula on lines of its own with about their height."""
    tall, lines = re.search(r"\\([td]?frac|sum|int|prod|sqrt)(?![a-z])", found[2]), found[2].count(r"\\")
    height = 5.9 + 3.1 * lines if tall else 4.1 + 1.7 * lines
    return f'{found[1]} style="--room: {height:.1f}rem">{found[2]}'


def place_images(text):
    """Pictures with their sizes, so that nothing moves when they come; all but the first wait."""
    first = None

    def place(found):
        nonlocal first
        tag = found[0]
        first = first or tag
        if size := re.search(r'style="width: (\d+)px; height: (\d+)px;"', tag):
            tag = tag.replace(size[0], f'width="{size[1]}" height="{size[2]}"')
        waits = "" if found[0] is first else 'loading="lazy" '
        return tag.replace("<img ", f'<img {waits}decoding="async" ', 1)

    before, article, content = text.partition("<article")
    return before + article + IMAGE.sub(place, content)


def parts(text):
    """What a page loads, as the theme wrote it: {"styles": files, "scripts": files, "inline": scripts}."""
    files = [name.rpartition("_static/")[2] for name in SCRIPT.findall(text)]
    inline = [body for body in INLINE.findall(text) if not body.strip().startswith(SETTINGS)]
    return {"styles": STYLE.findall(text), "inline": list(dict.fromkeys(inline)),
            "scripts": [name for name in files if name not in (*APART, *NEEDLESS)]}


def lighten(text, site, loads):
    """A page as Sphinx wrote it, made light: two files for all styles and scripts, its pictures in place."""
    root = re.search(r'data-content_root="([^"]*)"', text)[1]

    def script(found):
        name = found[1].rpartition("_static/")[2]
        needless = name in (*loads["scripts"], *NEEDLESS)
        if needless or (name == "explorers.js" and "data-explorer=" not in text):
            return ""
        return found[0] if " defer" in found[0] else found[0].replace("<script ", "<script defer ", 1)

    def inline(found):
        needless = found[1].strip().startswith(SETTINGS) or found[1] in loads["inline"]
        return "" if needless else found[0]

    text = PRELOAD.sub("", STYLE.sub("", INLINE.sub(inline, SCRIPT.sub(script, text))))
    bundle = (f'<script>{CHOOSE_THEME}</script>\n  <link rel="stylesheet" href="{root}_static/{SHEET}?v=0">\n'
              f'  <script defer src="{root}_static/{BUNDLE}?v=0"></script>')
    text = THEME.sub(lambda _: bundle, text, count=1)
    shapes = icons(site / "_static" / ICONS)
    text = DISPLAY.sub(keep_height, FORMULA.sub(keep_room, text))
    text = PLAIN.sub(r"\1", CLICK.sub("", ICON.sub(lambda found: draw_icon(shapes, found), text)))
    return place_images(POSTER.sub(lambda found: place_poster(site, root, found), text))


def policy(pages):
    """The content security policy that all pages obey: their own inline scripts by their hashes.

    It is written to `_headers`, from which hosts of static sites take what they send with each page. It is
    not in the pages: there it would also stop what readers and testers bring along.
    """
    digests = {hashlib.sha256(body.encode()).digest() for text in pages for body in INLINE.findall(text)}
    hashes = (f"'sha256-{base64.b64encode(digest).decode()}'" for digest in sorted(digests))
    return f"/*\n  Content-Security-Policy: {POLICY.format(scripts=' '.join(hashes))}\n"


def join_files(app, site, loads, pages):
    """Write the two files, and return {file: a short hash of what it says}."""
    static = site / "_static"
    words = set()
    for text in pages.values():
        for value in re.findall(r'\s(?:class|id)="([^"]*)"', text):
            words |= set(value.split())
    scripts = [(static / name).read_text("utf-8") for name in loads["scripts"]]
    for text in (*scripts, (static / "explorers.js").read_text("utf-8")):
        words |= set(re.findall(r"[\w-]+", text))
    settings = [f"window.MathJax = {json.dumps(app.config.mathjax3_config)};", *loads["inline"]]
    source = re.sub(r"^//# sourceMappingURL=.*$", "", "\n;\n".join(scripts), flags=re.MULTILINE)
    if THOROUGH not in source:
        logger.warning("the theme's script is another one than unstuck_light.py was written for")
    files = {SHEET: "\n".join(sheet(static, name, words) for name in loads["styles"]),
             BUNDLE: "\n;\n".join([*settings, source.replace(THOROUGH, "0")])}
    for name, text in files.items():
        (static / name).write_text(text, encoding="utf-8")
    return {name: hashlib.sha256(text.encode()).hexdigest()[:8] for name, text in files.items()}


def lighten_site(app, exception):
    """Rewrite the pages that Sphinx has just written, and the files that all of them load."""
    if exception or app.builder.format != "html":
        return
    site, memory = Path(app.outdir), Path(app.doctreedir) / "light.json"
    pages = {file: file.read_text("utf-8") for file in site.rglob("*.html")
             if not {"_static", "_sources"} & set(file.relative_to(site).parts)}
    new = {file: text for file, text in pages.items() if ICONS in text}
    written = [site / f"{name}.html" for name in sorted(app.env.found_docs) if site / f"{name}.html" in new]
    if written:
        loads = parts(new[written[0]])  # alike on all pages
        memory.write_text(json.dumps(loads), encoding="utf-8")
    elif memory.exists():
        loads = json.loads(memory.read_text("utf-8"))
    else:
        return  # no page is the theme's
    pages |= {file: lighten(text, site, loads) for file, text in new.items()}
    hashes = join_files(app, site, loads, pages)
    for file, text in pages.items():
        for name, value in hashes.items():
            text = re.sub(rf"/{re.escape(name)}\?v=\w+", f"/{name}?v={value}", text)
        if text != file.read_text("utf-8"):
            file.write_text(text, encoding="utf-8")
    (site / "_headers").write_text(policy(pages.values()), encoding="utf-8")
    with ThreadPoolExecutor(2) as pool:
        saved = sum(pool.map(fewer_colours, (site / "_images").glob("*.png")))
    if saved:
        logger.info("pictures: %d kB less", saved / 1000)


# --------------------------------------------------------------------------------------------------- pictures
def fewer_colours(file):
    """Store a picture with a palette where nobody can see that; return the bytes saved."""
    with Image.open(file) as picture:
        if picture.mode != "RGBA":
            return 0
        few = picture.quantize(256, method=Image.Quantize.FASTOCTREE)
        apart = ImageStat.Stat(ImageChops.difference(picture, few.convert("RGBA")))
        before = file.stat().st_size
        if max(apart.rms) > 2:  # of 255: beyond that, smooth shadings show bands
            return 0
        few.save(file, optimize=True)
        return before - file.stat().st_size


# ----------------------------------------------------------------------------------------- for search engines
def describe(app, page, template, context, doctree):
    """Give a page a description: the beginning of its first paragraph that stands without formulas."""
    if doctree is None or 'name="description"' in (context.get("metatags") or ""):
        return
    plain = (p for p in doctree.findall(nodes.paragraph) if not p.next_node(nodes.math))
    texts = (" ".join(paragraph.astext().split()) for paragraph in plain)
    text = next((t for t in texts if len(t) >= 60), f"{context['title']}, a page of {app.config.html_title}.")
    if len(text) > 160:
        text = text[:160].rpartition(" ")[0] + " …"
    meta = f'<meta name="description" content="{escape(text)}" />'
    context["metatags"] = (context.get("metatags") or "") + meta


def setup(app):
    app.connect("html-page-context", describe)
    app.connect("build-finished", lighten_site, priority=900)  # after unstuck_site has put its files in place
    return {"parallel_read_safe": True, "parallel_write_safe": True}
