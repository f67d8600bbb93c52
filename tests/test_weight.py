"""What a page of the site loads, when it loads it, and what it is allowed to load."""

import gzip
import json
import re
import sys

import pytest
from conftest import ROOT
from test_site import NOTEBOOKS, PAGES

sys.path.insert(0, str(ROOT / "book/_ext"))

WATCH = """
window.shifts = []; window.refused = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
document.addEventListener("securitypolicyviolation",
  (e) => refused.push(`${e.violatedDirective}: ${e.blockedURI} ${e.sample}`));
"""
UNSET = "document.querySelectorAll('.math:not(:has(mjx-container))').length"


def article(site, name):
    return (site / name).read_text(encoding="utf-8").partition("<article")[2]


SEEN = [(name, 1280) for name in PAGES] + [(name, 375) for name in NOTEBOOKS]


@pytest.mark.parametrize("name, width", SEEN)
def test_a_page_loads_little_and_nothing_moves(new_page, address, name, width):
    page, answers = new_page(address, width=width), []
    page.add_init_script(WATCH)
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{address}/{name}", wait_until="load")
    page.evaluate("formulas.all()")
    page.evaluate("document.fonts.ready")
    page.wait_for_load_state("networkidle")
    loaded = [a for a in answers if a.url.startswith(address)]
    weight = sum(len(gzip.compress(a.body(), 6)) for a in loaded)
    assert len(loaded) <= 40 and weight <= 900_000, (len(loaded), weight)
    assert [a.url for a in loaded if "fontawesome" in a.url] == [], "icons are drawn into the pages"
    assert sum(page.evaluate("shifts")) < 0.1
    assert page.evaluate(UNSET) == 0
    assert page.problems == []


@pytest.mark.parametrize("name", PAGES)
def test_pictures_wait_and_have_sizes(site, name):
    pictures = re.findall(r"<img\b[^>]*>", article(site, name))
    assert all('loading="lazy"' in picture for picture in pictures[1:])
    for picture in pictures:
        assert "width=" in picture and "height=" in picture, picture
        assert 'src="data:' not in picture, "it would delay all that follows it in the page"


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("name", NOTEBOOKS[::3])
def test_a_link_into_a_page_stays_where_it_leads(new_page, site, address, name, width):
    anchor = re.findall(r'<div class="math[^"]*" id="(equation-[^"]+)"', article(site, name))[-1]
    page = new_page(address, width=width)
    page.add_init_script(WATCH)
    page.goto(f"{address}/{name}#{anchor}", wait_until="load")
    page.evaluate("formulas.all()")
    page.wait_for_timeout(500)
    top = page.evaluate("(id) => document.getElementById(id).getBoundingClientRect().top", anchor)
    assert 0 <= top < 450


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_line_ends_between_a_formula_and_a_comma(site, name):
    formula = r'<span class="math [^>]*>\\\([^<]*\\\)</span>[,.;:!?)]'
    loose = re.findall(rf'(?<!together">)(?<!together">[(“\[]){formula}', article(site, name))
    assert loose == [] and re.search(f'together">{formula}', article(site, name))


def test_formulas_near_the_window_come_first_and_paper_has_them_all(new_page, address):
    page = new_page(address)
    page.add_init_script("window.requestIdleCallback = () => 0;")  # the browser never has time
    page.goto(f"{address}/book/07_kramers_escape.html", wait_until="load")
    page.evaluate("MathJax.startup.promise")
    page.wait_for_timeout(300)
    assert page.evaluate("""[...document.querySelectorAll(".math")]
        .filter((e) => e.getBoundingClientRect().top < innerHeight)
        .every((e) => e.querySelector("mjx-container"))""")
    assert page.evaluate(UNSET) > 100
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(UNSET) == 0


def test_formulas_far_away_wait_for_a_rest_and_then_come_by_themselves(new_page, address):
    page = new_page(address)
    page.add_init_script("""window.came = [];
        new MutationObserver((changes) => {
          for (const node of changes.flatMap((change) => [...change.addedNodes]))
            if (node.nodeName === "MJX-CONTAINER") came.push(performance.now());
        }).observe(document, { subtree: true, childList: true });""")
    page.goto(f"{address}/book/07_kramers_escape.html", wait_until="load")
    page.wait_for_function(f"() => {UNSET} === 0", timeout=60_000)
    pauses = page.evaluate("came.slice(1).map((time, k) => time - came[k])")
    assert max(pauses) > 2400
    assert page.problems == []


def test_formulas_do_not_wait_where_the_reader_goes(new_page, address):
    page = new_page(address)
    page.add_init_script("window.requestIdleCallback = () => 0;")  # the browser never has time
    page.goto(f"{address}/book/07_kramers_escape.html", wait_until="load")
    page.evaluate("MathJax.startup.promise")
    page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
    page.wait_for_function("""() => [...document.querySelectorAll(".math")]
        .filter((e) => Math.abs(e.getBoundingClientRect().top - innerHeight / 2) < innerHeight / 2)
        .every((e) => e.querySelector("mjx-container"))""")
    assert page.evaluate(UNSET) > 100


@pytest.fixture
def guarded(new_page, site):
    """`guarded(base)`: a page whose documents come with the policy that `_headers` holds."""
    policy = (site / "_headers").read_text(encoding="utf-8").partition("Content-Security-Policy: ")[2].strip()
    meta = f'<head><meta http-equiv="Content-Security-Policy" content="{policy}">'

    def open_page(base):
        def answer(route):
            name = route.request.url.removeprefix(f"{base}/").partition("?")[0]
            text = (site / name).read_text(encoding="utf-8")
            route.fulfill(body=text.replace("<head>", meta, 1), content_type="text/html; charset=utf-8")

        page = new_page(base)
        page.add_init_script(WATCH)
        page.route(re.compile(r"\.html(\?|$)"), answer)
        return page

    return open_page


@pytest.mark.parametrize("file", [False, True], ids=["served", "file"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_obeys_the_policy(new_page, guarded, site, address, name, file):
    base = site.as_uri() if file else address
    page = new_page(base) if file else guarded(base)  # from disk no policy comes
    page.goto(f"{base}/{name}", wait_until="load")
    for explorer in page.locator("[data-explorer]").all():
        explorer.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-explorer]')].every((e) => e.dataset.ready === 'true')")
    page.evaluate("formulas.all()")
    assert page.evaluate("window.refused ?? []") == []
    assert page.problems == []


def test_the_policy_is_narrow_and_bites(guarded, site, address):
    where, _, policy = (site / "_headers").read_text(encoding="utf-8").partition("Content-Security-Policy: ")
    assert where.split() == ["/*"]
    rules = dict(part.split(" ", 1) for part in policy.strip().split("; "))
    assert rules["default-src"] == "'none'"
    unsafe = {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "http:", "blob:"}
    assert not unsafe & set(rules["script-src"].split())
    page = guarded(address)
    page.goto(f"{address}/book/claims.html")
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.foreign = 1";
        document.body.append(script);
        document.body.append(Object.assign(new Image(), { src: "https://example.org/picture.png" }));
    }""")
    page.wait_for_function("refused.length === 2")
    assert page.evaluate("window.foreign") is None


def test_pages_leave_alone_what_a_reader_brings_along(new_page, address):
    page = new_page(address)
    page.goto(f"{address}/book/claims.html")
    page.add_script_tag(content="window.foreign = 1")
    assert page.evaluate("window.foreign") == 1


def test_the_search_finds_under_the_policy(guarded, address):
    page = guarded(address)
    page.goto(f"{address}/search.html?q=saddle")
    page.wait_for_selector("#search-results li a")
    assert page.problems == []


def test_the_buttons_of_the_header_work(new_page, address):
    page = new_page(address)
    page.add_init_script("window.print = () => { window.printed = true; };")
    page.goto(f"{address}/book/05_momentum.html")
    assert page.locator(".article-header-buttons svg").count() >= 4
    page.locator(".dropdown-download-buttons > button").click()
    page.locator(".btn-download-pdf-button").click()
    assert page.evaluate("window.printed")
    page.locator(".btn-fullscreen-button").click()
    page.wait_for_function("document.fullscreenElement !== null")


def test_each_page_has_a_title_and_a_description_of_its_own(site):
    pages = [(site / name).read_text(encoding="utf-8") for name in PAGES]
    found = [re.search(r'<meta name="description" content="([^"]*)"', page) for page in pages]
    descriptions = [text and text[1] for text in found]
    assert all(text and 40 <= len(text) <= 200 for text in descriptions), descriptions
    assert len(set(descriptions)) == len(descriptions)


def test_style_rules_that_match_nothing_are_left_out(tmp_path):
    from unstuck_light import sheet

    (tmp_path / "deep").mkdir()
    (tmp_path / "base.css").write_text("body{margin:0} .gone{color:red}")
    (tmp_path / "deep/a.css").write_text("""/*! licence */ @import "../base.css"; /* words */
        .here, .gone { background: url(dot.png) } .gone .here { top: 0 }
        a:not(.gone) > b[title=".gone"] { left: 0 } :is(.gone, .here) { right: 0 }
        @media print { .gone { top: 1px } .here { top: 2px } } @media screen { .gone { top: 3px } }
        @font-face { font-family: x; src: url("x.woff") } .here::after { content: "}" }""")
    text = re.sub(r"\s+", "", sheet(tmp_path, "deep/a.css", {"here"}))
    assert text.startswith("body{margin:0}/*!licence*/")
    assert '.here{background:url("deep/dot.png")}' in text and "@mediaprint{.here{top:2px}}" in text
    assert 'a:not(.gone)>b[title=".gone"]{left:0}' in text and ":is(.gone,.here){right:0}" in text
    assert 'url("deep/x.woff")' in text and 'content:"}"' in text
    for gone in (".gone.here", "screen", "words", "red", "1px", "@import"):
        assert gone not in text


def test_the_settings_of_mathjax_reach_the_pages(site):
    bundle = (site / "_static/site.js").read_text(encoding="utf-8")
    settings = json.loads(re.match(r"window\.MathJax = (\{.*\});\n", bundle)[1])
    assert settings["tex"]["macros"]["R"] == r"\mathbb{R}"
