"""Measure every page of the table of contents with Lighthouse, on a desktop and on a phone (make lighthouse).

    python tools/lighthouse.py [--site FOLDER] [--runs N] [--only desktop|phone] [--json FILE] [page ...]

The built site is served on loopback as a static host does it, with gzip. Each figure is the median of N runs.
The exit status is 1 where a page misses a bar. Lighthouse is npm's: it is installed into .lighthouse where it
is missing.
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
VERSION = 13
FLAGS = ("--headless=new --no-sandbox --disable-gpu --disable-background-networking "
         "--disable-component-update --disable-sync")
BARS = {kind: {"performance": fast, "accessibility": 100, "best-practices": 100, "seo": 100}
        for kind, fast in (("desktop", 95), ("phone", 70))}
TEXTS = ("application/javascript", "application/json", "image/svg+xml")
DETAILS = {"first-contentful-paint": "first paint", "largest-contentful-paint": "largest paint",
           "total-blocking-time": "blocked", "cumulative-layout-shift": "shift",
           "total-byte-weight": "weight"}


class Gzipped(SimpleHTTPRequestHandler):
    """Files as a static host gives them: texts gzipped, connections kept open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            return self.send_error(404)
        body, kind = path.read_bytes(), self.guess_type(path)
        self.send_response(200)
        if kind.startswith("text/") or kind in TEXTS:
            body, kind = gzip.compress(body, 6), f"{kind}; charset=utf-8"
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "max-age=600")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def serve(folder):
    """A server of the folder on a free port of loopback, and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Gzipped, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


def pages(entry=None):
    """The pages of the table of contents, in its order: book/intro.html, …"""
    entry = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")) if entry is None else entry
    own = [f"{entry[key]}.html" for key in ("root", "file") if key in entry]
    parts = (part for key in ("parts", "chapters", "sections") for part in entry.get(key, ()))
    return own + [page for part in parts for page in pages(part)]


def program():
    """The path of Lighthouse, installed first where it is missing; a sentence where it cannot be."""
    found = ROOT / ".lighthouse/node_modules/.bin/lighthouse"
    if not found.exists():
        if not shutil.which("npm"):
            sys.exit("make lighthouse needs npm, to install Lighthouse: install Node.js 22 or newer first.")
        print(f"installing Lighthouse {VERSION} into .lighthouse")
        command = ["npm", "install", "--prefix", found.parents[2], "--no-fund", "--no-audit", "--silent"]
        if subprocess.run([*command, f"lighthouse@{VERSION}"]).returncode:
            sys.exit(f"npm could not install Lighthouse {VERSION}.")
    return found


def measure(lighthouse, url, kind):
    """The report of one run: scores of 0…100 by category, the figures behind them, the audits that failed."""
    preset = ["--preset=desktop"] if kind == "desktop" else []
    command = [lighthouse, url, "--quiet", "--output=json", f"--chrome-flags={FLAGS}", *preset]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"Lighthouse failed on {url}:\n{run.stderr}")
    report = json.loads(run.stdout)
    scores = {name: round(100 * (part["score"] or 0)) for name, part in report["categories"].items()
              if name in BARS[kind]}
    details = {name: report["audits"][name]["numericValue"] for name in DETAILS}
    spotless = [audit for name in BARS[kind] if name != "performance"
                for audit in report["categories"][name]["auditRefs"]]
    missed = sorted({a["id"] for a in spotless if a["weight"] and report["audits"][a["id"]]["score"] == 0})
    return scores, details, missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=ROOT / "_build/html")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--only", choices=BARS)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("pages", nargs="*", help="some pages only: book/intro.html")
    options = parser.parse_args()
    if not (options.site / "index.html").exists():
        sys.exit("There is no built site: run make book first.")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser:
        os.environ.setdefault("CHROME_PATH", browser)
    lighthouse = program()
    server, address = serve(options.site)
    print(f"{'page':44}{'':9}perf  acc best  seo   paint largest blocked  shift  weight")
    table, failures = [], 0
    for page in options.pages or pages():
        for kind, bars in BARS.items():
            if options.only not in (None, kind):
                continue
            runs = [measure(lighthouse, f"{address}/{page}", kind) for _ in range(options.runs)]
            scores = {name: round(statistics.median(r[0][name] for r in runs)) for name in bars}
            first, largest, blocked, shift, weight = (
                statistics.median(r[1][name] for r in runs) for name in DETAILS)
            below = [name for name in bars if scores[name] < bars[name]]
            failures += bool(below)
            marks = "".join(f"{scores[name]:5}" for name in bars)
            print(f"{page:44}{kind:8}{marks}{first / 1000:6.2f} s{largest / 1000:6.2f} s{blocked:5.0f} ms"
                  f"{shift:7.3f}{weight / 1000:5.0f} kB", *(f"below the bar: {name}" for name in below),
                  *runs[-1][2], flush=True)
            table.append({"page": page, "kind": kind, "scores": scores, "runs": [r[1] for r in runs]})
    server.shutdown()
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), encoding="utf-8")
    if failures:
        sys.exit(f"{failures} of {len(table)} measurements are below a bar.")


if __name__ == "__main__":
    main()
