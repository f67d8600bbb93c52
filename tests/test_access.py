"""The built site for everybody: the keyboard alone, a screen reader, no JavaScript, paper, zoom."""

import io
import re

import pypdfium2 as pdfium
import pytest
from conftest import ROOT, settle
from test_site import NOTEBOOKS, PAGES, UNFOLD

# What a key can reach, in the order of the page. Of radio buttons of one name Tab reaches one only.
REACHABLE = """() => [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')]
  .filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({visibilityProperty: true})
    && !e.closest('[inert]')
    && (e.type !== 'radio' || e === (document.querySelector(`[name="${e.name}"]:checked`)
                                     ?? document.querySelector(`[name="${e.name}"]`))))"""

# What stands out of the focused element: is it in sight, and has it a ring that can be seen?
FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const part = e.getBoundingClientRect().height ? e : e.firstElementChild;
  const box = part.getClientRects()[0], faults = [];
  // The ring may be around a choice or a card as a whole.
  const styles = [getComputedStyle(part), getComputedStyle(e, '::after'), getComputedStyle(e.parentElement)];
  const style = styles.find((s) => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1.5);
  const x = (Math.max(0, box.left) + Math.min(innerWidth, box.right)) / 2;
  const y = (Math.max(0, box.top) + Math.min(innerHeight, box.bottom)) / 2;
  const top = document.elementFromPoint(x, y);
  const shown = top && (e.contains(top) || top.contains(e) || e.closest('.explorer-plane')?.contains(top));
  if (!shown) faults.push('is out of sight');
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = (colour) => [.2126, .7152, .0722].reduce((sum, share, k) => {
    const v = rgba(colour)[k] / 255;
    return sum + share * (v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  }, 0);
  let ground = e.parentElement;
  while (ground && rgba(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
  const a = light(style?.outlineColor ?? 'white');
  const b = light(ground ? getComputedStyle(ground).backgroundColor : 'white');
  const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (!style) faults.push('has no ring');
  else if (contrast < 3) faults.push(`has a ring of contrast ${contrast.toFixed(1)}`);
  return {stop: e.dataset.stop, faults, html: e.outerHTML.slice(0, 120)};
}"""


@pytest.mark.parametrize("name", PAGES)
def test_the_tab_key_visits_everything_in_order_and_in_sight(site_page, name):
    dark = PAGES.index(name) % 2 == 1
    page = site_page(name, dark=dark, reduced_motion="reduce")
    page.evaluate(UNFOLD)
    settle(page)
    number = page.evaluate(f"() => ({REACHABLE})().map((e, k) => {{ e.dataset.stop = k; }}).length")
    assert page.locator("[tabindex]:not([tabindex^='-'], [tabindex='0'])").count() == 0
    stops, faults = [], []
    for _ in range(number + 3):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None:
            break
        stops.append(found["stop"])
        faults += [f"{found['html']} {fault}" for fault in found["faults"]]
    assert not faults, "\n".join(faults)
    assert stops == [str(k) for k in range(number)]


@pytest.mark.parametrize("name", NOTEBOOKS[::2])
def test_the_keyboard_reaches_what_scrolls_also_when_it_was_folded_away(site_page, name):
    blocks = """(folded) => {
        const all = [...document.querySelectorAll("pre, .cell_output > .output, mjx-container[display]")];
        const scrolls = (e) => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1;
        return all.filter((e) => Boolean(e.closest("details:not([open])")) === folded)
            .map((e) => [scrolls(e), e.tabIndex === 0]);
    }"""
    page = site_page(name, width=375)
    settle(page)
    shown, folded = page.evaluate(blocks, False), page.evaluate(blocks, True)
    assert all(scrolls == stop for scrolls, stop in shown) and any(stop for _, stop in folded) is False
    page.evaluate(UNFOLD)
    settle(page)
    opened = page.evaluate(blocks, False)
    assert len(opened) == len(shown) + len(folded)
    assert all(scrolls == stop for scrolls, stop in opened) and any(stop for _, stop in opened)


def test_the_skip_link_leads_past_the_side_bar(site_page):
    page = site_page(PAGES[1])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_side_bar_search_and_folds_open_and_close_with_keys(site_page):
    page = site_page(PAGES[1], width=375, height=740)
    focused = "document.activeElement.closest(%r) !== null"
    for button, dialog in ((".primary-toggle", "#pst-primary-sidebar-modal"),
                           (".secondary-toggle", "#pst-secondary-sidebar-modal"),
                           (".header-article-items__end .search-button", "#pst-search-dialog")):
        page.locator(button).focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{dialog}[open]")
        assert page.evaluate(focused % dialog), dialog
        page.keyboard.press("Escape")
        page.wait_for_selector(f"{dialog}:not([open])", state="attached")
        page.wait_for_selector(f"{button}:focus")
    for fold in ("details.hide > summary", "details.solution > summary"):
        summary = page.locator(fold).first
        summary.focus()
        page.keyboard.press("Enter")
        assert summary.evaluate("(e) => e.parentElement.open")
        page.keyboard.press("Space")
        assert not summary.evaluate("(e) => e.parentElement.open")


@pytest.mark.parametrize("name", PAGES)
def test_a_screen_reader_meets_order_and_names(site_page, name):
    page = site_page(name)
    levels = page.evaluate("""() => [...document.querySelectorAll('h1, h2, h3, h4, h5, h6, [role=heading]')]
        .filter((e) => e.checkVisibility()).map((e) => +(e.ariaLevel ?? e.tagName[1]))""")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False)), levels
    assert page.locator("html").get_attribute("lang") == "en"
    landmarks = page.evaluate("""() => [...document.querySelectorAll('nav, [role=navigation]')]
        .map((e) => e.ariaLabel ?? document.getElementById(e.getAttribute('aria-labelledby')).innerText)""")
    assert all(landmarks) and len(set(landmarks)) == len(landmarks), landmarks
    links = page.evaluate("""() => [...document.querySelectorAll('a[href]')]
        .map((e) => (e.ariaLabel ?? e.innerText) || e.querySelector('img')?.alt || e.textContent)""")
    assert not {"", "#", "here", "link", "this", "click here"} & {link.strip().lower() for link in links}
    headless = page.evaluate("""() => [...document.querySelectorAll('.bd-article table')]
        .filter((e) => !e.querySelector('th')).map((e) => e.outerHTML.slice(0, 200))""")
    assert headless == []
    # A formula is read from MathML, and no formula is a stop of the Tab key.
    silent = page.evaluate("""() => [...document.querySelectorAll('mjx-container')]
        .filter((e) => !e.querySelector('math') || (e.tabIndex >= 0 && !e.hasAttribute('display'))).length""")
    assert silent == 0
    chinese = page.evaluate("""() => {
        const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
        const plain = [];
        for (let text; (text = walk.nextNode());)
          if (/\\p{Script=Han}/u.test(text.data) && !text.parentElement.closest('[lang^=zh], script'))
            plain.push(text.data);
        return plain; }""")
    assert chinese == []


def test_a_live_region_is_polite(site_page):
    for name in PAGES:
        page = site_page(name)
        loud = page.evaluate("""() => [...document.querySelectorAll('[aria-live=assertive], [role=alert]')]
            .map((e) => e.outerHTML.slice(0, 120))""")
        assert loud == []
        page.close()


# Without JavaScript

DARKNESS = """() => {
  const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).reduce((sum, v) => sum + +v, 0) / 765;
  const [page, title] = ['body', 'h1'].map((name) => getComputedStyle(document.querySelector(name)));
  return [light(page.backgroundColor), light(title.color)];
}"""


@pytest.mark.parametrize("name", PAGES)
def test_without_javascript_a_page_is_whole(site_page, name):
    page = site_page(name, java_script_enabled=False)
    assert page.evaluate(DARKNESS)[0] > .8 > .4 > page.evaluate(DARKNESS)[1]
    dead = page.evaluate("""() => [...document.querySelectorAll('button, input, select, dialog')]
        .filter((e) => e.checkVisibility()).map((e) => e.outerHTML.slice(0, 120))""")
    assert dead == [], "a control that does nothing"
    missing = page.evaluate("""() => [...document.querySelectorAll('.bd-article img')]
        .filter((e) => !e.closest('details:not([open])') && !(e.checkVisibility() && e.alt.length > 15
            && (e.loading === 'lazy' || e.naturalWidth))).map((e) => e.outerHTML.slice(0, 120))""")
    assert missing == []
    bare = page.evaluate("""() => [...document.querySelectorAll('figure[data-explorer]')].filter((e) =>
        e.dataset.explorer === 'question' ? !e.innerText.trim()
        : !(e.querySelector('img.explorer-poster') && e.innerText.includes('JavaScript'))).length""")
    assert bare == 0
    # Formulas are there in TeX, and solutions and code unfold.
    formulas = page.locator(".bd-article :is(span, div).math").all_text_contents()
    assert all(re.search(r"\\[(\[]", formula) for formula in formulas)
    fold = page.locator(".bd-article details > summary").first
    if fold.count():
        fold.click()
        assert fold.evaluate("(e) => e.nextElementSibling.checkVisibility()")
    assert [problem for problem in page.problems if not problem.startswith("request failed")] == []
    # The narrow page, in a dark room
    page = site_page(name, java_script_enabled=False, width=375, dark=True)
    assert page.evaluate(DARKNESS)[0] < .3 < .6 < page.evaluate(DARKNESS)[1]
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.get_by_text("The chapters", exact=True).click()
    for _ in range(50):  # the page glides there
        if page.evaluate("scrollY"):
            break
        page.wait_for_timeout(100)
    assert page.evaluate("scrollY") > 0
    links = page.locator("#pst-primary-sidebar nav a")
    assert links.first.is_visible() and links.count() >= len(PAGES)


# Paper

@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_prints_whole(site_page, name):
    page = site_page(name, dark=True)
    title, heading = (page.locator(f".bd-article {h}").last.inner_text().strip("# \n").split(". ", 1)[-1]
                      for h in ("h1", "h2"))
    paper = pdfium.PdfDocument(io.BytesIO(page.pdf(format="A4", print_background=False)))
    texts = [sheet.get_textpage().get_text_range() for sheet in paper]
    text = " ".join(" ".join(texts).split())
    assert title in text and heading in text
    assert "\\(" not in text, "every formula is typeset"
    assert "Solution to" in text and "Show the code" not in text
    assert page.evaluate("document.documentElement.dataset.theme") == "dark", "the screen is as it was"
    assert page.locator("details[open]").count() == 0
    for number, sheet in enumerate(paper, 1):
        pixels = sheet.render(scale=.25, grayscale=True).to_numpy()
        assert pixels[0, 0] > 250, "paper is white"
        dark_rows = (pixels < 200).any(axis=1).nonzero()[0]
        if number < len(paper):
            assert dark_rows[-1] > .5 * len(pixels), f"page {number} of {len(paper)} ends in a blank half"
    page.emulate_media(media="print", color_scheme="light")
    screen_only = "button, input, select, nav, dialog, .headerlink"
    assert page.locator(f":is({screen_only}):visible").all_inner_texts() == []
    figures = page.evaluate("""() => [...document.querySelectorAll('[data-explorer]')].filter((e) =>
        ![...e.querySelectorAll('img, .question-poster')].some((part) => part.checkVisibility())).length""")
    assert figures == 0


# Zoom, and the reader's own colours

@pytest.mark.parametrize("name", PAGES)
def test_at_twice_the_size_nothing_is_cut(site_page, name):
    page = site_page(name, width=640, height=450)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_forced_colours_leave_the_controls_visible(site_page):
    page = site_page(PAGES[1], forced_colors="active")
    looks = page.evaluate("""() => [...document.querySelectorAll('.explorer-live input[type=range]')]
        .map((e) => getComputedStyle(e).appearance)""")
    assert looks and set(looks) == {"auto"}, "the browser draws sliders where it removes our backgrounds"
    pressed, plain = (page.locator(f".explorer-chip[aria-pressed={p}]").first for p in ("true", "false"))
    ground = "(e) => getComputedStyle(e).backgroundColor"
    assert pressed.evaluate(ground) != plain.evaluate(ground)


def test_the_tests_know_every_chapter():
    assert len(NOTEBOOKS) == len(list(ROOT.glob("book/*.ipynb")))
