"""Notebooks in a live JupyterLab: an explorer linked with an ipywidgets slider; every explorer mounted."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from nbformat.v4 import new_code_cell, new_notebook, writes

from helpers import explorers

CELLS = ["""
import ipywidgets
from helpers.explorers import LandscapeExplorer
explorer = LandscapeExplorer("worst network", rules=("gradient descent",), steps=50, caption="c", alt="a")
slider = ipywidgets.FloatSlider(explorer.η, min=0.001, max=0.2, step=0.001, readout_format=".6f")
link = ipywidgets.link((slider, "value"), (explorer, "η"))
shown = ipywidgets.HTML()
def show(change=None):
    end = explorer.path["gradient descent"].end
    shown.value = f"<code id=state>{explorer.η:.3f} {explorer.start[0]:.3f} {end[0]:.4f}</code>"
explorer.observe(show)
show()
""", "explorer", "slider", "shown"]

KINDS = [name for name in explorers.__all__ if name not in ("LandscapeExplorer", "Question")]
ALL = ["""
import ipywidgets
from IPython.display import display
from helpers import explorers
heard = ipywidgets.HTML("<code id=heard></code>")
def note(change):
    heard.value = f"<code id=heard>{type(change.owner).__name__}</code>"
display(heard)
""" + f"for name in {KINDS}:" + """
    explorer = getattr(explorers, name)(**({"landscapes": "risk"} if name == "CurveExplorer" else {}))
    display(explorer)
    explorer.observe(note)
"""]


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab on loopback that serves a folder with the two notebooks."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for name, cells in {"linked": CELLS, "all": ALL}.items():
        notebook = new_notebook(cells=[new_code_cell(source.strip()) for source in cells], metadata=kernel)
        (notebooks / f"{name}.ipynb").write_text(writes(notebook), encoding="utf-8")
    settings = tmp_path / "JUPYTERLAB_SETTINGS/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    settings.joinpath("notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = ("JUPYTER_CONFIG", "JUPYTER_RUNTIME", "JUPYTERLAB_SETTINGS", "JUPYTERLAB_WORKSPACES")
    environment = os.environ | {f"{name}_DIR": str(tmp_path / name) for name in folders}
    environment.pop("BOOK_STATIC", None)
    log = (tmp_path / "lab.log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
         f"--port={port}",
         "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--expose-app-in-browser",
         "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
         f"--ServerApp.root_dir={notebooks}"],
        env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                with urllib.request.urlopen(f"{address}/api/status", timeout=5) as answer:
                    json.load(answer)
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "lab.log").read_text()
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(20)
        log.close()


RUN_ALL = """async (path) => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = await app.commands.execute('docmanager:open', {path, factory: 'Notebook'});
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  await app.commands.execute('notebook:run-all-cells');
}"""


CHANGED = "([part, old]) => document.querySelector('#state').innerText.split(' ')[part] !== old"
OWN = 'input[type=range][data-trait="η"]'
READOUT = ".widget-slider .widget-readout"


def test_a_slider_moves_an_explorer_and_the_explorer_moves_the_slider(browser, lab):
    context = browser.new_context(viewport={"width": 1400, "height": 1800})
    page = context.new_page()
    foreign = []
    own_addresses = (lab, lab.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(own_addresses) or foreign.append(r.url))
    page.goto(f"{lab}/lab/tree/linked.ipynb?reset", wait_until="load", timeout=60_000)
    page.wait_for_function("window.jupyterapp", timeout=60_000)
    page.evaluate(RUN_ALL, "linked.ipynb")
    state = page.locator("#state")
    state.wait_for(timeout=60_000)

    def in_python():
        """η and the first coordinate of the start, as Python's traits have them."""
        return state.inner_text().split()[:2]

    # The ipywidgets slider: Python's trait and the explorer's own slider follow.
    rate, own_value = in_python()[0], page.locator(OWN).input_value()
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.focus()
    for _ in range(5):
        handle.press("ArrowRight")
    page.wait_for_function(CHANGED, arg=[0, rate])
    page.wait_for_function("([own, old]) => document.querySelector(own).value !== old", arg=[OWN, own_value])

    # The explorer's slider: the ipywidgets slider follows through Python.
    page.wait_for_timeout(300)  # the last of the five steps may still be on its way
    rate, shown = in_python()[0], page.locator(READOUT).first.inner_text()
    for _ in range(3):
        page.locator(OWN).press("ArrowLeft")
    page.wait_for_function(CHANGED, arg=[0, rate])
    page.wait_for_function(
        "([own, old]) => document.querySelector(own).innerText !== old", arg=[READOUT, shown])

    # The start, by keyboard and by mouse: Python's start follows, and so does the path that it computes.
    start = page.locator('[data-handle="start"]')
    before = in_python()[1]
    start.press("ArrowLeft")
    page.wait_for_function(CHANGED, arg=[1, before])
    page.wait_for_timeout(300)
    before, end = in_python()[1], state.inner_text().split()[2]
    start.scroll_into_view_if_needed()
    box = start.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y - 60, steps=5)
    page.mouse.up()
    page.wait_for_function(CHANGED, arg=[1, before])
    page.wait_for_function(CHANGED, arg=[2, end])
    assert foreign == []
    context.close()


def test_every_explorer_lives_and_python_hears_its_first_slider(browser, lab):
    context = browser.new_context(viewport={"width": 1400, "height": 1400})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda e: errors.append(str(e)[:300]))
    page.goto(f"{lab}/lab/tree/all.ipynb?reset", wait_until="load", timeout=60_000)
    page.wait_for_function("window.jupyterapp", timeout=60_000)
    page.evaluate(RUN_ALL, "all.ipynb")
    count = "(n) => document.querySelectorAll('.jp-OutputArea .explorer-live [role=group]').length >= n"
    page.wait_for_function(count, arg=len(KINDS), timeout=60_000)
    shown = page.locator(".jp-OutputArea .explorer-live")
    assert shown.count() == len(KINDS)
    for k, name in enumerate(KINDS):
        slider = shown.nth(k).locator("input[type=range]:visible").first
        slider.scroll_into_view_if_needed()
        slider.press("ArrowLeft")
        page.wait_for_function("(name) => document.querySelector('#heard').innerText === name", arg=name)
    assert errors == []
    context.close()
