"""What every explorer shares: checked traits, one ES module for live and static pages, a poster, a repr.

An explorer is an anywidget: in JupyterLab, Binder, Colab and VS Code its traits sync with Python. Where a
page is built without a kernel (the environment variable BOOK_STATIC is set), its MIME bundle carries the same
module's static rendering.
"""

import base64
import hashlib
import html
import io
import json
import os
import re
from functools import cache
from pathlib import Path

import anywidget
import sympy
import traitlets

from helpers import palette

HERE = Path(__file__).parent
IMPORT = re.compile(r'"\./(\w+)\.js"')
VARIABLES = ("INK", "SOFT", "LINE", "PAPER", "LOW", "HIGH")


class Checked(traitlets.TraitType):
    """A synced trait whose values pass through `check(explorer, value)`, which returns them clean or raises.

    What it raises is no TraitError but the plain ValueError or TypeError of `helpers.checks`.

    >>> class Pair(traitlets.HasTraits):
    ...     size = Checked(lambda explorer, value: abs(value), 1)
    >>> Pair(size=-2).size
    2
    """

    def __init__(self, check, default=None):
        self.check = check
        super().__init__(default_value=default)
        self.tag(sync=True)

    def validate(self, explorer, value):
        return self.check(explorer, value)


def text(name):
    """A trait that accepts a string.

    >>> class Named(traitlets.HasTraits):
    ...     name = text("name")
    >>> Named(name="valley").name
    'valley'
    """

    def check(_, value):
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a string, not {value!r}")
        return value

    return Checked(check, "")


def flag(name):
    """A trait that accepts True or False.

    >>> class Switch(traitlets.HasTraits):
    ...     on = flag("on")
    >>> Switch(on=True).on
    True
    """

    def check(_, value):
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, not {value!r}")
        return value

    return Checked(check, False)


DASHES = [list(dash) for dash, _ in palette.LOOK.values()]
MATPLOTLIB = {"circle": "o", "square": "s", "up": "^", "diamond": "D", "down": "v", "pentagon": "p",
              "hexagon": "h", "plus": "P", "star": "*"}


def look(rule):
    """A rule's dash pattern and marker: they say the same as its colour, for readers who see no colours.

    >>> from helpers.optimizers import rule
    >>> look(rule("momentum"))
    {'dash': [8, 3], 'marker': 'square'}
    """
    dash, marker = palette.LOOK.get(rule.name, ((), "circle"))
    return {"dash": list(dash), "marker": marker}


def bound_label(rule):
    """The rate below which a rule is stable, as a slider's tick says it: (2+2β)/λ_max.

    >>> from helpers.optimizers import rule
    >>> bound_label(rule("gradient descent")), bound_label(rule("momentum"))
    ('2/λ_max', '(2+2β)/λ_max')
    """
    if rule.stable_below is None:
        return None
    letters = {h.symbol: sympy.Symbol(h.letter) for h in rule.hyper}
    top, bottom = sympy.fraction(sympy.sympify(rule.stable_below).xreplace(letters))

    def plain(expression):
        joined = "+".join(sorted(sympy.sstr(t).replace("*", "") for t in sympy.Add.make_args(expression)))
        return f"({joined})" if "+" in joined else joined

    return f"{plain(top)}/" + ("λ_max" if bottom == 1 else f"({plain(bottom)}λ_max)")


def source(name):
    """The text of a file beside this one.

    >>> source("stage.css").startswith("/*")
    True
    """
    return (HERE / name).read_text(encoding="utf-8")


def data_url(javascript):
    """A module as a URL that needs no server: it works in JupyterLab, on a page and from file://.

    >>> data_url("export default 1")
    'data:text/javascript;base64,ZXhwb3J0IGRlZmF1bHQgMQ=='
    """
    return "data:text/javascript;base64," + base64.b64encode(javascript.encode()).decode()


@cache
def module(name):
    """The ES module `name`.js with its imports of ./….js inlined as data: URLs.

    >>> "./stage.js" in module("race")
    False
    """
    return IMPORT.sub(lambda found: f'"{data_url(module(found[1]))}"', source(f"{name}.js"))


def _needed(kinds):
    """The modules `kinds` and all that they import, as {name: text}."""
    modules = {}
    for kind in kinds:
        if kind not in modules:
            modules[kind] = source(f"{kind}.js")
            modules = _needed(IMPORT.findall(modules[kind])) | modules
    return modules


@cache
def site_style():
    """The style sheet of the explorers: the palette as CSS variables, light and dark, then stage.css.

    >>> "--paper:#ffffff" in site_style()
    True
    """
    colours = {name.lower(): getattr(palette, name) for name in VARIABLES} | palette.KIND

    def variables(mode):
        return "".join(f"--{name}:{pair[mode]};" for name, pair in colours.items()) + f"--dark:{mode};"

    dark = variables(1) + "color-scheme:dark"
    undecided = "html:not([data-theme]) body:not([data-jp-theme-light]) .explorer-figure"
    return "\n".join((
        f".explorer-figure {{{variables(0)}color-scheme:light}}",
        f"html[data-theme=dark] .explorer-figure, [data-jp-theme-light=false] .explorer-figure {{{dark}}}",
        f"@media (prefers-color-scheme: dark) {{ {undecided} {{{dark}}} }}",
        source("stage.css"),
    ))


@cache
def site_script(*kinds):
    """One classic script that brings every explorer of a page to life (or those of the given kinds).

    It imports its modules from data: URLs, so it asks no host for anything and works from file:// as well; a
    policy of `script-src 'self' data:` suffices. Where the page has a promise `painted`, it waits for that.

    >>> "mountAll" in site_script("race")
    True
    """
    shared = ("stage", "page")
    kinds = kinds or tuple(sorted(path.stem for path in HERE.glob("*.js") if path.stem not in shared))
    modules = json.dumps(_needed((*kinds, "page")))
    return f"""(() => {{
  const modules = {modules}, urls = {{}};
  const inlined = (name) =>
    modules[name].replace(/"\\.\\/(\\w+)\\.js"/g, (_, other) => `"${{url(other)}}"`);
  const scheme = "data:text/javascript;charset=utf-8,";
  const url = (name) => (urls[name] ??= scheme + encodeURIComponent(inlined(name)));
  const kinds = {json.dumps(kinds)}, load = (kind) => import(url(kind));
  const mount = async () => {{
    await window.painted;
    const {{ mountAll }} = await import(url("page"));
    mountAll(document, load, kinds);
  }};
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
  else mount();
}})();
""".replace("</", "<\\/")


def shown(value):
    """A setting in a repr: numbers to six digits, so that it is stored alike on every machine.

    >>> shown(1 / 3), shown((1.0, "adam"))
    ('0.333333', "(1, 'adam')")
    """
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (tuple, list)):
        inside = ", ".join(shown(v) for v in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


class Explorer(anywidget.AnyWidget):
    """The base of all explorers; a subclass has `kind` (its ES module), `_esm = module(kind)`, `settings()`.

    `caption` stands below the figure, `alt` describes it to readers who do not see it, `spec` is what only
    the browser needs: generated code, ranges, labels.

    >>> from helpers.explorers import CurveExplorer
    >>> explorer = CurveExplorer("double well")
    >>> explorer.kind, "caption" in explorer.state
    ('curve', True)
    """

    kind = ""
    _css = site_style()

    caption = text("caption")
    alt = text("alt")
    spec = traitlets.Dict().tag(sync=True)

    _told = frozenset()  # the traits that the browser is just setting itself

    def set_state(self, sync_data):
        """Take what the browser sends, first what the other settings are checked against."""
        first = ("landscape", "steps")
        self._told = frozenset(sync_data)
        try:
            super().set_state(dict(sorted(sync_data.items(), key=lambda item: item[0] not in first)))
        finally:
            self._told = frozenset()

    def settings(self):
        """([positional values], {name: (value, default)}); the repr leaves out what equals its default."""
        raise NotImplementedError

    def draw(self, figure):
        """Draw the poster on a Matplotlib figure; return False where there is nothing to draw."""
        return False

    poster_size = (5.5, 5.5)

    def __repr__(self):
        first, named = self.settings()
        parts = [shown(v) for v in first]
        parts += [f"{name}={shown(value)}" for name, (value, default) in named.items() if value != default]
        return f"{type(self).__name__}({', '.join(parts)})"

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        data["text/plain"] = repr(self)
        if where := os.environ.get("BOOK_STATIC"):
            data["text/html"] = self.static_html(alone=where != "site")
        return data, metadata

    @property
    def anchor(self):
        """The figure's name in addresses: it stays while its settings do, wherever on a page it stands."""
        return f"{self.kind}-{hashlib.sha256(repr(self).encode()).hexdigest()[:6]}"

    @property
    def state(self):
        """The synced traits that the browser needs to start, as plain JSON."""
        foreign = ("layout", "tabbable", "tooltip")
        own = [key for key in self.keys if not key.startswith("_") and key not in foreign]
        return json.loads(json.dumps({key: getattr(self, key) for key in own}))

    def static_html(self, alone=False):
        """The figure for a page without a kernel; `alone`: with the style and script that a site provides."""
        state = json.dumps(self.state, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        figure = (f'<figure class="explorer-figure" data-explorer="{self.kind}" id="{self.anchor}">'
                  f'<script type="application/json">{state}</script>{self.fallback()}{caption}</figure>')
        if not alone:
            return figure
        return f"<style>{site_style()}</style>{figure}<script>{site_script(self.kind)}</script>"

    def fallback(self):
        """What a reader without JavaScript sees, and everyone while the page loads and on paper."""
        png = base64.b64encode(self.poster()).decode()
        width, height = (round(100 * side) for side in self.poster_size)
        size = f'width="{width}" height="{height}"'
        return png and (f'<img class="explorer-poster" alt="{html.escape(self.alt)}" {size} '
                        f'src="data:image/png;base64,{png}">')

    def poster(self):
        """The figure as a PNG with a transparent background, in few colours so that it stays small."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from PIL import Image

        figure = Figure(figsize=self.poster_size)
        FigureCanvasAgg(figure)
        if self.draw(figure) is False:
            return b""
        large, small = io.BytesIO(), io.BytesIO()
        figure.savefig(large, format="png", dpi=150, transparent=True)
        image = Image.open(large).convert("RGBA").quantize(64, method=Image.Quantize.FASTOCTREE)
        image.save(small, format="png", optimize=True)
        return small.getvalue()
