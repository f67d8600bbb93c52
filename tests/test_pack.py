"""The ZIP of the site: unpacked anywhere it works from disk, and it holds no more than that needs."""

import sys
from zipfile import ZipFile

import pytest
from conftest import READY, ROOT, settle

sys.path.insert(0, str(ROOT / "tools"))
import pack

PICTURES = "canvases => canvases.map(canvas => canvas.toDataURL()).join()"


@pytest.fixture(scope="module")
def unpacked(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a folder, with spaces & ümlauts")
    pack.main(site, folder / "unstuck.zip")
    with ZipFile(folder / "unstuck.zip") as archive:
        archive.extractall(folder)
    return folder / "unstuck"


def test_the_zip_opens_from_disk_and_its_explorers_work(unpacked, new_page):
    page = new_page(unpacked.as_uri())
    page.goto((unpacked / "index.html").as_uri())
    page.wait_for_url("**/book/intro.html")
    page.get_by_role("link", name="Critical points").first.click()
    page.wait_for_url("**/book/01_critical_points.html")
    for explorer in page.locator("[data-explorer]").all():
        explorer.scroll_into_view_if_needed()
    page.wait_for_function(READY)
    figure = page.locator("figure[data-explorer=landscape]").first
    words, canvases = figure.locator("[data-readout]").first, figure.locator("canvas")
    before = words.inner_text(), canvases.evaluate_all(PICTURES)
    ring = figure.locator("[data-handle=start]")
    ring.scroll_into_view_if_needed()
    box = ring.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 40, steps=4)
    page.mouse.up()
    settle(page)
    after = words.inner_text(), canvases.evaluate_all(PICTURES)
    assert before[0] != after[0] and before[1] != after[1]
    page.wait_for_selector("mjx-container", state="attached")
    page.wait_for_load_state("networkidle")
    assert page.problems == []


def test_the_zip_holds_what_pages_use_and_nothing_else(site, unpacked):
    names = {file.relative_to(unpacked).as_posix() for file in unpacked.rglob("*") if file.is_file()}
    pages = {file.relative_to(site).as_posix() for file in site.rglob("*.html")}
    assert pages <= names
    assert not [name for name in names if name.endswith(".map") or "/." in f"/{name}"]


def test_an_image_of_an_earlier_build_stays_out_and_the_same_site_gives_the_same_zip(tmp_path):
    site = tmp_path / "html"
    (site / "_images").mkdir(parents=True)
    (site / "index.html").write_text('<img src="_images/now.png">')
    for name in ("_images/now.png", "_images/before.png", ".buildinfo", "objects.inv", "a.js.map"):
        (site / name).write_text(name)
    assert [name for name, _ in pack.files(site)] == ["_images/now.png", "index.html"]
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    pack.pack(site, first)
    (site / "index.html").touch()
    pack.pack(site, second)
    assert first.read_bytes() == second.read_bytes()


def test_without_a_site_the_tool_says_what_to_do(tmp_path):
    with pytest.raises(SystemExit, match="run make book first"):
        pack.main(tmp_path, tmp_path / "x.zip")
