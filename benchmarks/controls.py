"""How long a page stands still when a control is moved, on the built site: `python -m benchmarks.controls`.

Every control of every explorer is moved to its ends, as in tests/test_controls.py, while Chromium records the
tasks of the page's thread (pages can be named: book/intro.html). A task counts with the time that the
processor spent on it, so that a busy machine does not matter much; more than 100 ms would be seen as a frozen
frame. A figure with such a task is tried again.
"""

import functools
import json
import shutil
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build/html"
SLOW, TRIES, SHOWN = 100, 3, 5  # milliseconds; how often a figure with slow moves is tried; moves printed
READY = "() => [...document.querySelectorAll('[data-explorer]')].every((e) => e.dataset.ready === 'true')"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def longest(trace):
    """{move: milliseconds of the longest task that led to it} from a trace in which moves are marked."""
    marks = sorted((e["ts"], e["name"], e["pid"], e["tid"]) for e in trace
                   if e.get("cat") == "blink.user_timing" and e["ph"] in "IRi")
    thread = {mark[2:] for mark in marks}
    tasks = sorted((e["ts"], e.get("tdur", 0) / 1000) for e in trace
                   if e["name"].endswith("RunTask") and (e["pid"], e["tid"]) in thread)
    found, k = {}, 0
    for at, name, *_ in marks:
        while k < len(tasks) and tasks[k][0] < at:
            found[name] = max(found.get(name, 0), tasks[k][1])
            k += 1
    return found


def measure(browser, address, number, thorough=True):
    """The moves of one figure of a page, {move: milliseconds}, and its kind."""
    watch, walk = ((ROOT / f"tests/controls_{name}.js").read_text() for name in ("watch", "walk"))
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)
    page.add_init_script(watch)
    page.goto(address)
    for explorer in page.locator("[data-explorer]").all():
        explorer.scroll_into_view_if_needed()
    page.wait_for_function(READY)
    page.wait_for_timeout(500)
    browser.start_tracing(page=page, categories=["toplevel", "blink.user_timing"])
    page.evaluate("performance.mark('load')")
    page.evaluate(walk, [number, thorough, False])
    trace = json.loads(browser.stop_tracing())["traceEvents"]
    page.close()
    return {move: ms for move, ms in longest(trace).items() if move != "load"}


def figures(text):
    """The kinds of the explorers on a page, in its order."""
    return [part.split('"')[1] for part in text.split("data-explorer=")[1:] if part.startswith('"')]


def main(names=()):
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("Playwright is not installed: no page can be measured (pip install -r requirements-test.txt)")
        return
    names = names or sorted(str(page.relative_to(HTML)) for page in HTML.glob("book/*.html"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(HTML)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"the longest task after each move of a control, in milliseconds; best of up to {TRIES}\n")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu"])
        for name in names:
            for number, kind in enumerate(figures((HTML / name).read_text(encoding="utf-8"))):
                if kind == "question":
                    continue
                times = {}
                for _ in range(TRIES):
                    found = measure(browser, f"http://127.0.0.1:{server.server_port}/{name}", number)
                    times = {move: min(ms, times.get(move, ms)) for move, ms in found.items()}
                    if max(times.values()) <= SLOW:
                        break
                slowest = sorted(times.items(), key=lambda item: -item[1])[:SHOWN]
                words = ", ".join(f"{move} {ms:.0f}" for move, ms in slowest)
                print(f"{name} {kind}: {len(times)} moves, {words}", flush=True)
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1:])
