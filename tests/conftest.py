"""What the tests share: a browser, the built site, and pages that note what a reader would trip over."""

import functools
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from helpers.explorers.explorer import site_script, site_style

# Tests and notebooks run side by side: threads of one matrix product would wait for those of another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build/html"
CHROMIUM = next(filter(None, map(shutil.which, (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync"]

# Peers are optional: tests against them are left out, aloud, where the peer is missing.
PEERS = {"torch": "test_torch*.py", "jax": "test_jax*.py"}
_missing = {peer: glob for peer, glob in PEERS.items()
            if importlib.util.find_spec(peer) is None and list(ROOT.joinpath("tests").glob(glob))}
collect_ignore_glob = list(_missing.values())
BROWSER = importlib.util.find_spec("playwright") is not None


def pytest_report_header():
    return [f"{peer} is not installed: {glob} is not collected" for peer, glob in _missing.items()] + (
        [] if BROWSER else ["playwright is not installed: what needs a browser is deselected"])


def pytest_collection_modifyitems(config, items):
    """Leave out what needs a browser where Playwright is missing, as it is for make test-oldest."""
    left_out = [item for item in items if not BROWSER and "browser" in getattr(item, "fixturenames", ())]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.fail("the browser tests need Chromium (Debian, Ubuntu: apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def site():
    """The folder of the built site; it is built first where there is none."""
    if not (HTML / "index.html").exists():
        if "PYTEST_XDIST_WORKER" in os.environ:
            pytest.fail("there is no built site: run make book first")
        command = Path(sys.executable).with_name("jupyter-book")
        subprocess.run([command, "build", ROOT, "-W", "-n", "--keep-going"], check=True)
    return HTML


PAGE = """<!doctype html><html lang="en"{theme}><head><meta charset="utf-8"><title>A page of explorers</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' file: data:
  {scripts}; style-src 'self' file: 'unsafe-inline'; img-src data:">
<link rel="stylesheet" href="explorers.css"><script defer src="explorers.js"></script>{head}
<style>body {{ max-width: 750px; margin: 20px auto; padding: 0 12px; font: 16px sans-serif;
background: light-dark(#fff, #12181e); color-scheme: light dark }}
h1 {{ color: light-dark(#000, #fff) }}</style></head>
<body><main><h1>Explorers</h1>{figures}<p style="height: 1200px"></p></main></body></html>"""

NOTE_WORDS = """window.words = [];
const canvas = CanvasRenderingContext2D.prototype, write = canvas.fillText;
canvas.fillText = function (text, ...at) { words.push(text); write.call(this, text, ...at); };"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def _served(folder):
    """A server of the folder on loopback, and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="session")
def address(site):
    """The site on loopback."""
    server, address = _served(site)
    yield address
    server.shutdown()


@pytest.fixture
def new_page(browser):
    """`new_page(base)`: a page whose `problems` are requests beyond `base`, failed ones, console errors."""
    contexts = []

    def open_page(base, *, dark=False, width=1280, height=900, **context):
        context = {"color_scheme": "dark" if dark else "light"} | context
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **context))
        page = contexts[-1].new_page()
        page.set_default_timeout(90_000)  # a busy machine is slow, not wrong
        page.problems = []
        page.on("request", lambda r: r.url.startswith((base, "data:", "blob:"))
                or page.problems.append(f"asks {r.url[:120]}"))
        page.on("requestfailed", lambda r: page.problems.append(f"request failed: {r.url[:120]}"))
        page.on("response",
                lambda r: r.status >= 400 and page.problems.append(f"{r.status}: {r.url[:120]}"))
        page.on("console", lambda m: m.type == "error" and page.problems.append(f"console: {m.text[:200]}"))
        page.on("pageerror", lambda e: page.problems.append(f"error: {str(e)[:200]}"))
        return page

    yield open_page
    for context in contexts:
        context.close()


READY = "() => [...document.querySelectorAll('[data-explorer]')].every((e) => e.dataset.ready === 'true')"


def wait_for_explorers(page):
    """Scroll through a page, since explorers wait until they are near the window, and back to its top."""
    for explorer in page.locator("[data-explorer]").all():
        explorer.scroll_into_view_if_needed()
    page.wait_for_function(READY)
    page.evaluate("scrollTo(0, 0)")


@pytest.fixture
def site_page(new_page, site, address):
    """`site_page("book/intro.html")` opens a page, waits for its explorers, and returns Playwright's page.

    `file=True` opens it from the folder, not from the server; `before` is a script that runs before those of
    the page; other keywords go to `new_page`.
    """

    def open_page(name, *, file=False, before="", **context):
        base = site.as_uri() if file else address
        page = new_page(base, **context)
        if before:
            page.add_init_script(before)
        page.goto(f"{base}/{quote(name, safe='/#')}", wait_until="load")
        if context.get("java_script_enabled", True):
            wait_for_explorers(page)
            page.evaluate("window.formulas?.all()")
        return page

    return open_page


@pytest.fixture
def show(new_page, tmp_path):
    """`show(explorer, …)`: a page with these explorers, drawn, from a server or (`file=True`) its folder.

    `window.words` are the texts that have been drawn on canvases. `theme`, `head` and `figures` are put into
    the page's HTML; other keywords go to `new_page`.
    """
    servers, number = [], itertools.count()

    def open_page(*explorers, file=False, theme="", head="", figures="", **context):
        folder = tmp_path / str(next(number))
        folder.mkdir()
        figures += "".join(e.static_html() for e in explorers)
        scripts = "'unsafe-inline'" if "<script" in head else ""
        html = PAGE.format(figures=figures, theme=theme, head=head, scripts=scripts)
        (folder / "page.html").write_text(html, encoding="utf-8")
        (folder / "explorers.js").write_text(site_script(), encoding="utf-8")
        (folder / "explorers.css").write_text(site_style(), encoding="utf-8")
        address = folder.as_uri()
        if not file:
            server, address = _served(folder)
            servers.append(server)
        page = new_page(address, **({"height": 1000} | context))
        page.on("console", lambda m: m.type == "warning" and page.problems.append(m.text))
        page.add_init_script(NOTE_WORDS)
        page.goto(f"{address}/page.html")
        if context.get("java_script_enabled", True):
            wait_for_explorers(page)
            settle(page)
        return page

    yield open_page
    for server in servers:
        server.shutdown()


@pytest.fixture(params=["file", "served"])
def open_page(request, show):
    """`show` both ways: the test runs twice."""
    return functools.partial(show, file=request.param == "file", width=800)


def settle(page):
    """Wait until what was changed has been drawn and written."""
    page.wait_for_timeout(280)


def blemishes(page):
    """What axe finds on a page, and what sticks out of its figures or makes it scroll sideways."""
    from axe_playwright_python.sync_playwright import Axe

    found = [(v["id"], [n["html"][:90] for n in v["nodes"]]) for v in Axe().run(page).response["violations"]]
    outside = page.evaluate("""() => [...document.querySelectorAll('.explorer-figure *')].filter((e) => {
        const box = e.getBoundingClientRect(), host = e.closest('.explorer-figure').getBoundingClientRect();
        return box.width && !e.closest('.explorer-spoken, svg')
            && (box.left < host.left - 1 || box.right > host.right + 1);
    }).map((e) => e.outerHTML.slice(0, 90))""")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        outside.append("the page is wider than its window")
    return found + outside


def watch_numbers(page):
    """Count in window.bad what is drawn from now on with numbers that are not finite, or texts of such."""
    page.evaluate("""() => {
      window.bad = 0;
      const strange = (v) => (typeof v === "number" ? !Number.isFinite(v) : /NaN|Infinity|undefined/.test(v));
      for (const kind of [CanvasRenderingContext2D, Path2D])
        for (const name of ["lineTo", "moveTo", "fillText", "fillRect", "rect"]) {
          const plain = kind.prototype[name];
          if (plain) kind.prototype[name] = function (...a) {
            window.bad += a.some(strange);
            return plain.apply(this, a);
          };
        }
    }""")
