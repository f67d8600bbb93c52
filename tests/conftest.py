"""What the tests share: a browser, the built site, and pages that note what a reader would trip over."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build/html"
CHROMIUM = next(filter(None, map(shutil.which, (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync"]

# Peers are optional: tests against them are left out, aloud, where the peer is missing.
PEERS = {"torch": "test_torch*.py"}
_missing = {peer: glob for peer, glob in PEERS.items()
            if importlib.util.find_spec(peer) is None and list(ROOT.joinpath("tests").glob(glob))}
collect_ignore_glob = list(_missing.values())


def pytest_report_header():
    return [f"{peer} is not installed: {glob} is not collected" for peer, glob in _missing.items()]


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


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def address(site):
    """The site on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def site_page(browser, site, address):
    """`site_page("book/intro.html")` opens a page, waits for its explorers, and returns Playwright's page.

    `file=True` opens it from the folder, not from the server; keywords that are not named here go to
    `browser.new_context`. `page.problems`: requests to other hosts, failed ones, errors on the console.
    """
    contexts = []

    def open_page(name, *, file=False, dark=False, width=1280, height=900, **context):
        contexts.append(browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", **context))
        page = contexts[-1].new_page()
        page.problems = []
        base = site.as_uri() if file else address
        page.on("request", lambda r: r.url.startswith((base, "data:", "blob:"))
                or page.problems.append(f"asks {r.url[:120]}"))
        page.on("requestfailed", lambda r: page.problems.append(f"request failed: {r.url[:120]}"))
        page.on("response", lambda r: r.status >= 400 and page.problems.append(f"{r.status}: {r.url[:120]}"))
        page.on("console", lambda m: m.type == "error" and page.problems.append(f"console: {m.text[:200]}"))
        page.on("pageerror", lambda e: page.problems.append(f"error: {str(e)[:200]}"))
        page.goto(f"{base}/{quote(name, safe='/#')}", wait_until="load")
        if context.get("java_script_enabled", True):
            # Explorers may wait until they are near the viewport.
            for explorer in page.locator("[data-explorer]").all():
                explorer.scroll_into_view_if_needed()
            page.wait_for_function(
                "[...document.querySelectorAll('[data-explorer]')].every(e => e.dataset.ready == 'true')")
            page.evaluate("scrollTo(0, 0)")
            page.evaluate("window.MathJax?.startup?.promise")
        return page

    yield open_page
    for context in contexts:
        context.close()
