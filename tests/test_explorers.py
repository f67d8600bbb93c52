"""The Python side of the explorers: settings, what is refused, the repr, the MIME bundle, the traits."""

import base64
import json
import re

import ipywidgets
import numpy as np
import pytest
import sympy as sp

from helpers.explorers import LandscapeExplorer
from helpers.explorers.explorer import bound_label, module, shown, site_script, site_style
from helpers.landscapes import GALLERY, Landscape
from helpers.optimizers import RULES, descend

x, y = sp.symbols("x y", real=True)


def make(*arguments, **settings):
    return LandscapeExplorer(*(arguments or ("worst network",)), **settings)


# Settings ---------------------------------------------------------------------------------------------------
def test_what_is_not_given_comes_from_the_landscape():
    explorer = make("ravine")
    view = GALLERY["ravine"].spec()
    assert explorer.start == tuple(view["start"])
    assert explorer.η == view["rate"]["value"]
    assert explorer.active == ("gradient descent",)


def test_a_landscape_of_ones_own():
    bowl = Landscape("bowl", x**2 + 3 * y**2, (x, y), domain=((-1, 1), (-1, 1)), start=(0.5, 0.5))
    explorer = make(bowl, η=0.1, steps=5)
    expected = descend(bowl, (0.5, 0.5), steps=5, η=0.1)
    assert explorer.path["gradient descent"].θ.tolist() == expected.θ.tolist()


@pytest.mark.parametrize("settings, error, words", [
    ({"start": (1, 2, 3)}, ValueError, "start must have 2 coordinates"),
    ({"start": (float("nan"), 0)}, ValueError, "start must be finite"),
    ({"start": (9, 0)}, ValueError, r"start must lie in the view of 'worst network', \[-2, 2\] × \[-2, 2\]"),
    ({"start": [[1, 1]]}, ValueError, "one point"),
    ({"start": "here"}, TypeError, "start must be numbers"),
    ({"point": (9, 0)}, ValueError, "point must lie in the view"),
    ({"η": -0.1}, ValueError, "learning rate η must be finite and more than 0"),
    ({"η": None}, TypeError, "learning rate η must be a number"),
    ({"η": float("inf")}, ValueError, "finite"),
    ({"rules": "momentum", "β": 1.0}, ValueError, "momentum β must be .*less than 1"),
    ({"β": 0.5}, TypeError, "unknown setting 'β'; the hyper-parameters of these rules are η"),
    ({"rules": (), "η": 0.5}, TypeError, "of these rules are none"),
    ({"rules": "newton"}, ValueError, "unknown rule 'newton'; the accepted ones are 'gradient descent'"),
    ({"rules": ("adam", "adam")}, ValueError, "rules must be different"),
    ({"active": "adam"}, ValueError, r"active must name rules .* \(gradient descent\), not adam"),
    ({"active": 3}, TypeError, "active must be a list of rule names"),
    ({"active": ("hill climbing",)}, ValueError, r"rules of this explorer .*, not hill climbing"),
    ({"steps": 0}, ValueError, "steps must lie between 1 and 5000"),
    ({"steps": 2.5}, TypeError, "steps must be a whole number"),
    ({"model": 1}, TypeError, "model must be True or False"),
    ({"angle": 200}, ValueError, "angle must be .*at most 180"),
    ({"caption": 3}, TypeError, "caption must be a string"),
    ({"alt": None}, TypeError, "alt must be a string"),
])
def test_bad_settings_are_refused_with_a_sentence(settings, error, words):
    with pytest.raises(error, match=words):
        make(**settings)


@pytest.mark.parametrize("landscapes, error, words", [
    ("the Alps", ValueError, "unknown landscape 'the Alps'; the accepted ones are"),
    ("risk", ValueError, "losses of two parameters, but 'risk' has 1; a CurveExplorer shows"),
    ([], ValueError, "one or more different landscapes"),
    (["saddle", "saddle"], ValueError, "one or more different landscapes"),
    (7, ValueError, "unknown landscape 7"),
])
def test_bad_landscapes_are_refused_with_a_sentence(landscapes, error, words):
    with pytest.raises(error, match=words):
        make(landscapes)


@pytest.mark.parametrize("name, value, error", [
    ("start", (0, 5), ValueError), ("η", 0, ValueError), ("landscape", "saddle", ValueError),
    ("active", ("adam",), ValueError), ("steps", -1, ValueError), ("angle", float("nan"), ValueError),
    ("model", "yes", TypeError)])
def test_assignments_are_checked_and_leave_the_old_value(name, value, error):
    explorer = make()
    before = getattr(explorer, name)
    with pytest.raises(error):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before


# Traits -----------------------------------------------------------------------------------------------------
def test_the_path_is_what_descend_runs():
    rules = ("gradient descent", "momentum", "adam")
    explorer = make("worst network", rules=rules, start=(1.72, -1.2), β=0.8, η=0.02)
    assert tuple(explorer.path) == rules
    expected = descend("worst network", (1.72, -1.2), rule="momentum", steps=200, η=0.02, β=0.8)
    assert np.array_equal(explorer.path["momentum"].θ, expected.θ)


@pytest.mark.parametrize("name, value", [
    ("start", (0.5, 0.5)), ("η", 0.01), ("steps", 20), ("active", ()), ("β", 0.1)])
def test_the_path_follows_every_setting_and_can_be_observed(name, value):
    explorer, seen = make(rules=("gradient descent", "momentum")), []
    explorer.observe(lambda change: seen.append(change.new), "path")
    setattr(explorer, name, value)
    assert len(seen) == 1 and seen[0] is explorer.path
    for rule, run in explorer.path.items():
        hyper = {h.letter: getattr(explorer, h.letter) for h in RULES[rule].hyper}
        expected = descend("worst network", explorer.start, rule=rule, steps=explorer.steps, **hyper)
        assert np.array_equal(run.θ, expected.θ)


def test_divergence_is_a_step_number():
    assert make("ravine", η=0.1, start=(1, 1)).path["gradient descent"].diverged == 35


def test_sliders_and_explorers_can_be_linked():
    one, other = make(), make(start=(0.3, 0.4))
    slider = ipywidgets.FloatSlider(min=0.001, max=0.2, step=0.001, value=0.05)
    ipywidgets.link((slider, "value"), (one, "η"))
    ipywidgets.link((one, "start"), (other, "start"))
    slider.value = 0.011
    assert one.η == 0.011 and one.path["gradient descent"].hyper == {"η": 0.011}
    other.start = (1.0, 1.5)
    assert one.start == (1.0, 1.5)


def test_another_landscape_brings_its_own_start_and_rate_and_back():
    explorer = make(["worst network", "Himmelblau"], start=(0.5, 0.25), η=0.07)
    view = GALLERY["Himmelblau"].spec()
    explorer.landscape = "Himmelblau"
    assert explorer.start == tuple(view["start"]) and explorer.η == view["rate"]["value"]
    assert explorer.path["gradient descent"].loss[0] == GALLERY["Himmelblau"].loss(explorer.start)
    explorer.landscape = "worst network"
    assert explorer.start == (0.5, 0.25) and explorer.η == 0.07


def test_a_message_from_the_browser_may_name_the_start_before_the_landscape():
    explorer = make(["worst network", "Himmelblau"])
    explorer.set_state({"start": [-4.0, 4.5], "η": 0.003, "landscape": "Himmelblau"})
    assert explorer.landscape == "Himmelblau"
    explorer.set_state({"start": [-4.0, 4.5]})
    assert explorer.start == (-4.0, 4.5)


# The repr ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("settings, expected", [
    ({}, "LandscapeExplorer('worst network')"),
    ({"start": (1, -1.2), "β": 0.8, "rules": ("gradient descent", "momentum"), "active": ["momentum"]},
     "LandscapeExplorer('worst network', rules=('gradient descent', 'momentum'), active=('momentum',), "
     "start=(1, -1.2), β=0.8)"),
    ({"model": True, "point": (0.5, 0), "rules": ()},
     "LandscapeExplorer('worst network', rules=(), model=True, point=(0.5, 0))"),
    ({"steps": 20, "η": 1 / 30, "caption": "Words.", "alt": "More words."},
     "LandscapeExplorer('worst network', steps=20, η=0.0333333)"),
])
def test_the_repr_is_one_line_of_what_was_set(settings, expected):
    assert repr(make(**settings)) == expected


def test_the_repr_names_all_landscapes_and_follows_the_traits():
    explorer = make(["saddle", "ravine"])
    assert repr(explorer) == "LandscapeExplorer(('saddle', 'ravine'))"
    explorer.landscape = "ravine"
    explorer.start = (0.123456789, 1)
    assert repr(explorer) == "LandscapeExplorer(('ravine', 'saddle'), start=(0.123457, 1))"


def test_numbers_in_a_repr_have_six_digits():
    assert shown((1 / 3, "a", 2)) == "(0.333333, 'a', 2)"


# The MIME bundle --------------------------------------------------------------------------------------------
VIEW = "application/vnd.jupyter.widget-view+json"


def test_a_live_front_end_gets_the_widget_and_one_line_of_text(monkeypatch):
    monkeypatch.delenv("BOOK_STATIC", raising=False)
    explorer = make()
    data, _ = explorer._repr_mimebundle_()
    assert data["text/plain"] == repr(explorer) and data[VIEW]["model_id"] == explorer.model_id
    assert "text/html" not in data


def test_the_site_gets_state_and_poster_and_no_script_that_runs(monkeypatch):
    monkeypatch.setenv("BOOK_STATIC", "site")
    data, _ = make(caption="A <b>map</b>", alt='say "hi"')._repr_mimebundle_()
    text = data["text/html"]
    assert text.startswith('<figure class="explorer-figure" data-explorer="landscape" id="landscape-')
    assert re.findall("<script[^>]*>", text) == ['<script type="application/json">']
    assert "<figcaption>A &lt;b&gt;map&lt;/b&gt;</figcaption>" in text and 'alt="say &quot;hi&quot;"' in text
    state = json.loads(re.search(r'json">(.*?)</script>', text, re.S)[1])
    assert state["start"] == [1.7, -1.2] and state["landscape"] == "worst network"
    assert state["spec"]["landscapes"][0]["javascript"] == GALLERY["worst network"].javascript


def test_any_other_page_gets_everything_in_one_piece(monkeypatch):
    monkeypatch.setenv("BOOK_STATIC", "1")
    data, _ = make()._repr_mimebundle_()
    assert data["text/html"].startswith("<style>") and data["text/html"].endswith("</script>")
    assert 'src="http' not in data["text/html"] and "import(" in data["text/html"]


def test_the_text_of_a_page_cannot_end_its_script():
    assert "</script" not in site_script()
    hostile = make(caption="</script><script>alert(1)</script>").static_html()
    assert hostile.count("</script>") == 1


@pytest.mark.parametrize("name", [name for name, land in GALLERY.items() if land.d == 2])
def test_every_poster_is_small_and_has_words(name):
    explorer = make(name, rules=("gradient descent", "momentum"), model=True)
    png = explorer.poster()
    assert png.startswith(b"\x89PNG") and len(png) < 60_000
    assert GALLERY[name].title in explorer.alt and "GD" in explorer.alt


@pytest.mark.parametrize("name", ["landscape", "escape"])
def test_the_module_stands_alone(name):
    code = module(name)
    assert '"./' not in code and 'from "data:text/javascript;base64,' in code
    if name == "escape":  # it brings the map along, and the map its stage
        inside = re.search(r'render as map } from "data:text/javascript;base64,([^"]+)"', code)[1]
        assert base64.b64decode(inside).decode() == module("landscape")


def test_the_style_has_every_colour_for_both_modes():
    style = site_style()
    for selector in ("html[data-theme=dark]", "[data-jp-theme-light=false]", "prefers-color-scheme: dark"):
        assert selector in style
    assert style.count("--ink:") == style.count("--saddle:") == 3


def test_a_tick_says_which_bound_it_marks():
    labels = {name: bound_label(r) for name, r in RULES.items()}
    assert labels["gradient descent"] == "2/λ_max"
    assert labels["momentum"] == "(2+2β)/λ_max"
    assert labels["nesterov"] == "(2+2β)/((1+2β)λ_max)"
    assert labels["adam"] is None


def test_a_message_with_a_landscape_and_a_start_keeps_the_start():
    explorer = LandscapeExplorer(["worst network", "Himmelblau"])
    explorer.set_state({"start": [-4.0, 4.5], "η": 0.003, "landscape": "Himmelblau"})
    assert (explorer.landscape, explorer.start, explorer.η) == ("Himmelblau", (-4.0, 4.5), 0.003)
    explorer.landscape = "worst network"  # set from Python, it brings its own start again
    assert explorer.start == (1.7, -1.2)
