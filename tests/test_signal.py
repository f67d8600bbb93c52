"""The signal explorer: the law of each layer, Python against the page, and what a reader can do with it."""

import math
import re

import mpmath
import numpy as np
import pytest
import sympy as sp
from axe_playwright_python.sync_playwright import Axe
from conftest import watch_numbers

from helpers.explorers.explorer import data_url, module, source
from helpers.explorers.noise import normals
from helpers.explorers.signal import (
    BOUNDS,
    SAMPLES,
    SCALES,
    VERDICTS,
    WIDTHS,
    SignalExplorer,
    propagate,
    rows,
    schemes,
    steepest,
    theory,
    verdict,
)
from helpers.initialization import gaussian_nodes, wide_limit
from helpers.networks import ACTIVATIONS, Activation, activation, z

DYING = Activation("late", "late ReLU", sp.Max(0, z - 2))  # most units shut: soon nothing is left
LEAKY = Activation("leaky", "leaky ReLU", sp.Max(z, z / 5))


# A network, forward and backward

def test_each_layer_is_phi_of_wh_and_the_gradient_is_the_derivative():
    depth, width, scale, seed = 4, 16, 1.3, 5
    for name in ACTIVATIONS:
        φ, sent = activation(name), propagate(name, depth, scale, width, seed)
        stream = normals(seed, 2 * SAMPLES * width + depth * width**2)
        G = stream[SAMPLES * width:2 * SAMPLES * width].reshape(SAMPLES, width)
        W = scale / width**0.5 * stream[2 * SAMPLES * width:].reshape(depth, width, width)
        assert np.array_equal(sent.h[0].ravel(), stream[:SAMPLES * width])
        assert np.array_equal(sent.gradients[-1], G)
        for layer in range(depth):
            expected = φ(np.einsum("ij,sj->si", W[layer], sent.h[layer]))
            np.testing.assert_allclose(sent.h[layer + 1], expected, rtol=1e-12, atol=1e-14)

        def loss(h, start, W=W, φ=φ, G=G):
            for layer in W[start:]:
                h = φ(h @ layer.T)
            return (G * h).sum()

        rng = np.random.default_rng(0)
        for start in range(depth + 1):
            direction, ε = rng.standard_normal(sent.h[start].shape), 1e-6
            up, down = (loss(sent.h[start] + s * ε * direction, start) for s in (1, -1))
            slope = (sent.gradients[start] * direction).sum()
            if name == "relu":  # a kink that lies within ε of a value would spoil the difference
                assert (up - down) / (2 * ε) == pytest.approx(slope, rel=1e-4)
            else:
                assert (up - down) / (2 * ε) == pytest.approx(slope, rel=1e-7, abs=1e-7)


def test_sizes_are_root_mean_squares():
    sent = propagate("tanh", 6, 2.0, 32, 1)
    np.testing.assert_allclose(sent.forward, [np.linalg.norm(h) / h.size**0.5 for h in sent.h])
    np.testing.assert_allclose(sent.backward, [np.linalg.norm(g) / g.size**0.5 for g in sent.gradients])
    np.testing.assert_allclose(sent.apart, [h.var(axis=0).mean() ** 0.5 for h in sent.h])
    # the slope of tanh is 1 − h², so 5 % of the steepest is |h| = √0.95
    np.testing.assert_allclose(sent.saturated, [np.mean(np.abs(h) > 0.95**0.5) for h in sent.h[1:]])
    assert sent.saturated.min() > 0.05


def test_a_deeper_network_has_the_same_first_layers():
    short, long = (propagate("relu", depth, 1.4, 16, 3) for depth in (5, 9))
    np.testing.assert_array_equal(short.h[5], long.h[5])


def test_differences_that_are_only_rounding_count_as_none():
    sent = propagate("sigmoid", 50, 1.0, 64)
    assert sent.apart[-1] == 0 and sent.forward[-1] > 0.4
    gone = int(np.argmin(sent.apart > 0))
    assert sent.apart[gone - 1] < 1e-11 and (sent.apart[gone:] == 0).all()


# Theory

def test_linear_and_relu_multiply_by_their_factor():
    for scale in (0.2, 1.0, 2**0.5, 5.0):
        for name, factor in (("linear", scale**2), ("relu", scale**2 / 2)):
            forward, backward = theory(name, 50, scale)
            powers = factor ** (np.arange(51) / 2)
            np.testing.assert_allclose(forward, powers, rtol=1e-11)
            np.testing.assert_allclose(backward, powers[::-1], rtol=1e-11)


def test_the_length_map_of_tanh_by_exact_integrals():
    """Against mpmath's integrals of tanh²(√q z) and (1 − tanh²(√q z))² over N(0, 1)."""

    def mean(f):
        return 2 * float(mpmath.quad(lambda v: f(v) * mpmath.npdf(v), mpmath.linspace(0, 12, 13)))

    for scale in (0.3, 1.0, 5.0):
        forward, backward = theory("tanh", 2, scale)
        square, factors = 1.0, []
        for layer in (1, 2):
            root = scale * math.sqrt(square)
            square = mean(lambda v, root=root: mpmath.tanh(root * v) ** 2)
            factors.append(scale**2 * mean(lambda v, root=root: mpmath.sech(root * v) ** 4))
            assert forward[layer] ** 2 == pytest.approx(square, rel=1e-11)
        np.testing.assert_allclose(backward**2, [factors[0] * factors[1], factors[1], 1], rtol=1e-11)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_limit_of_wide_layers_is_that_of_the_chapter(name):
    """`wide_limit` follows z instead of h: one more factor scale² forward."""
    scale = 0.8
    lengths, slopes = wide_limit(name, scale**2, 21, start=scale**2)
    forward, backward = theory(name, 20, scale)
    np.testing.assert_allclose(scale**2 * forward**2, lengths, rtol=1e-9)
    np.testing.assert_allclose(backward**2, slopes, rtol=1e-9)


def test_nodes_average_polynomials_exactly():
    nodes, weights = gaussian_nodes()
    for power, mean in ((0, 1), (1, 0), (2, 1), (4, 3), (6, 15)):
        assert weights @ nodes**power == pytest.approx(mean, abs=1e-10)
    assert weights @ np.maximum(nodes, 0) ** 2 == pytest.approx(0.5, abs=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("scale", [0.5, 1.0, 2**0.5])
def test_the_mean_over_networks_meets_the_theory(name, scale):
    """Three layers of 64 units: linear and ReLU exactly; the others up to terms of order 1/64."""
    runs = [propagate(name, 3, scale, 64, seed) for seed in range(200)]
    forward, backward = theory(name, 3, scale)
    for measured, expected in ((np.array([r.forward for r in runs]), forward),
                               (np.array([r.backward for r in runs]), backward)):
        squares = measured**2
        error = squares.std(axis=0, ddof=1) / len(runs) ** 0.5
        slack = 0 if name in ("linear", "relu") else 0.04 * expected**2
        assert (np.abs(squares.mean(axis=0) - expected**2) < 3 * error + slack).all()


# Settings

@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"activation": "swish"}, ValueError, "activation must be one of 'tanh', 'relu', 'sigmoid', 'linear'"),
    ({"activations": ["tanh", "swish"]}, ValueError, "unknown activation 'swish'"),
    ({"activations": []}, ValueError, "one or more different activations"),
    ({"activations": ["tanh", "tanh"]}, ValueError, "one or more different activations"),
    ({"activation": "relu", "activations": "tanh"}, ValueError, "must be one of 'tanh', not 'relu'"),
    ({"depth": 0}, ValueError, "depth must lie between 1 and 50"),
    ({"depth": 51}, ValueError, "depth must lie between 1 and 50"),
    ({"depth": 2.5}, TypeError, "depth must be a whole number"),
    ({"scale": 0.0}, ValueError, r"scale must be finite and at least 0\.04 and at most 5"),
    ({"scale": float("nan")}, ValueError, "scale must be finite"),
    ({"scale": 6}, ValueError, "at most 5"),
    ({"scale": "Kaiming"}, ValueError, "a number or one of '0.01 normal', 'Xavier', 'He', not 'Kaiming'"),
    ({"scale": None}, TypeError, "scale must be a number"),
    ({"width": 10}, ValueError, "width must be one of 16, 32, 64, not 10"),
    ({"width": "wide"}, TypeError, "width must be a whole number"),
    ({"seed": -1}, ValueError, "seed must lie between 0 and"),
    ({"seed": 1.5}, TypeError, "seed must be a whole number"),
    ({"caption": 3}, TypeError, "caption must be a string"),
])
def test_settings_that_make_no_sense_say_why(settings, error, words):
    with pytest.raises(error, match=words):
        SignalExplorer(**settings)


def test_traits_are_checked_and_signals_follow():
    explorer = SignalExplorer("tanh", depth=5, scale="0.01 normal", width=16)
    assert explorer.scale == 0.04
    explorer.scale, explorer.activation, explorer.depth, explorer.seed = "He", ACTIVATIONS["relu"], 7, 9
    explorer.width = 32
    assert (explorer.scale, explorer.activation) == (2**0.5, "relu")
    expected = propagate("relu", 7, 2**0.5, 32, 9)
    np.testing.assert_array_equal(explorer.signals.backward, expected.backward)
    for trait, value in (("depth", 0), ("scale", 9.0), ("width", 17), ("activation", "swish"), ("seed", -3)):
        with pytest.raises(ValueError):
            setattr(explorer, trait, value)
    explorer.set_state({"width": 64, "scale": 1.0, "depth": 3})
    assert (explorer.width, explorer.scale, explorer.depth) == (64, 1.0, 3)


def test_the_schemes_of_equal_widths():
    assert schemes(16) == {"0.01 normal": 0.04, "Xavier": 1.0, "He": 2**0.5}
    assert all(SCALES[0] <= s <= SCALES[1] for m in WIDTHS for s in schemes(m).values())


@pytest.mark.parametrize("explorer", [
    SignalExplorer(),
    SignalExplorer("relu", depth=50, scale="He", width=16, seed=7),
    SignalExplorer("tanh", scale="0.01 normal", activations=("tanh", "linear")),
    SignalExplorer("sigmoid", scale=0.731, activations=("sigmoid",)),
])
def test_the_repr_makes_the_explorer_again(explorer):
    again = eval(repr(explorer))
    assert repr(again) == repr(explorer) and again.state == explorer.state


def test_the_repr_names_what_differs():
    assert repr(SignalExplorer()) == "SignalExplorer('tanh')"
    assert repr(SignalExplorer("relu", scale=2**0.5)) == "SignalExplorer('relu', scale='He')"
    assert repr(SignalExplorer(depth=9, scale=3)) == "SignalExplorer('tanh', depth=9, scale=3)"


def test_verdicts_and_rows():
    for bound, before, after in zip(BOUNDS, VERDICTS, VERDICTS[1:], strict=False):
        assert (verdict(bound * 0.999), verdict(bound)) == (before, after)
    for depth in range(1, 51):
        chosen = rows(depth)
        assert chosen[0] == 1 and chosen[-1] == depth and len(chosen) == min(depth, 10)
        assert set(np.diff(chosen)) <= {depth // 10, (depth - 1) // 9, (depth - 1) // 9 + 1} | {1}
        assert (np.diff(chosen) > 0).all()


def test_steepest_slopes():
    assert [steepest(activation(name)) for name in ("tanh", "relu", "sigmoid", "linear")] == [1, 1, 0.25, 1]


@pytest.mark.parametrize(("settings", "words"), [
    (("tanh", {}), ["20 layers of 64 tanh units", "keep their shape", "gradient keeps its size"]),
    (("tanh", {"scale": 3.0}), ["pile up at the two ends", "the gradient grows"]),
    (("tanh", {"scale": 0.5}), ["collapse to a spike at zero", "signal vanishes", "gradient vanishes"]),
    (("linear", {"scale": 2.0}), ["spread out of the picture", "signal explodes", "gradient explodes"]),
    (("relu", {"scale": "He"}), ["ReLU", "keep their shape"]),
    (("sigmoid", {}), ["keep their shape", "signal keeps its size", "tells samples apart vanishes"]),
    (("tanh", {"depth": 1}), ["in one layer of 64 tanh units"]),
])
def test_alt_text_says_what_is_seen(settings, words):
    name, named = settings
    alt = SignalExplorer(name, **named).alt
    assert all(word in alt for word in words), alt


def test_the_static_html_carries_poster_alt_and_escaped_words():
    explorer = SignalExplorer("relu", caption="Is σ_w < 1?", depth=50, scale="He")
    page = explorer.static_html()
    assert "Is σ_w &lt; 1?" in page and "50 layers of 64 ReLU units" in page
    assert 'src="data:image/png;base64,' in page
    for other in (explorer, SignalExplorer(depth=1), SignalExplorer(DYING, activations=[DYING], depth=50)):
        assert 2000 < len(other.poster()) < 40_000


# In the browser

MODULES = [data_url(module("signal")), data_url(source("stage.js"))]
from_file = pytest.mark.parametrize("open_page", ["file"], indirect=True)


def readout(page, *words):
    """The readout, as soon as it contains the words; it is written at most every tenth of a second."""
    if words:
        has = "document.querySelector('[data-readout]').innerText.includes(word)"
        page.wait_for_function(f"(words) => words.every((word) => {has})", arg=words, timeout=10_000)
    else:
        page.wait_for_timeout(150)
    text = page.locator("[data-readout]").inner_text()
    assert not re.search("NaN|undefined|null|Infinity|∞", text), text
    return text


def picture(page):
    """The drawing, as a string that changes with it."""
    return page.evaluate("document.querySelector('.signal-picture').toDataURL()")


@from_file
@pytest.mark.parametrize(("name", "depth", "scale", "width", "seed"), [
    ("tanh", 50, 1.0, 64, 0), ("tanh", 30, 0.08, 64, 1), ("tanh", 6, 5.0, 32, 2), ("relu", 50, 2**0.5, 64, 3),
    ("relu", 50, 5.0, 16, 4), ("sigmoid", 20, 1.0, 64, 5), ("sigmoid", 50, 0.04, 16, 2**32 - 1),
    ("linear", 50, 5.0, 32, 6), ("linear", 50, 0.04, 16, 7), ("leaky", 50, 1.2, 32, 8),
    ("tanh", 1, 2.0, 16, 9),
])
def test_the_page_computes_what_numpy_computes(open_page, name, depth, scale, width, seed):
    explorer = SignalExplorer(activations=[*ACTIVATIONS, LEAKY])
    page = open_page(explorer)
    φ = explorer.activations[name]
    found = page.evaluate("""async ([code, stage, spec, name, depth, scale, width, seed]) => {
      const { network, propagate, theory } = await import(code), { load } = await import(stage);
      const a = spec.activations.find((a) => a.name === name), { φ } = await load({ φ: a.javascript });
      const net = network(seed, width, spec.samples), sent = propagate(net, φ, depth, scale, a.flat);
      const plain = { ...sent, h: sent.h.map((h) => Array.from(h)), gradient: Array.from(sent.gradient) };
      return { ...plain, theory: theory(φ, depth, scale, spec.nodes, spec.weights) };
    }""", [*MODULES, explorer.spec, name, depth, scale, width, seed])
    sent = propagate(φ, depth, scale, width, seed)

    def close(found, expected, atol=0.0):
        np.testing.assert_allclose(np.array(found, float), expected, rtol=1e-9, atol=atol)

    close(found["forward"], sent.forward)
    close(found["backward"], sent.backward)
    close(found["apart"], sent.apart, atol=1e-13)
    assert found["saturated"] == sent.saturated.tolist()
    for layer in range(depth + 1):
        h = sent.h[layer].ravel()
        close(found["h"][layer], h, atol=1e-9 * sent.forward[layer])
    close(found["gradient"], sent.gradients[0].ravel(), atol=1e-9 * sent.backward[0])
    forward, backward = theory(φ, depth, scale)
    close(found["theory"]["forward"], forward)
    close(found["theory"]["backward"], backward)


@from_file
def test_rows_verdicts_and_histograms_of_the_page(open_page):
    page = open_page(SignalExplorer())
    ratios = [10.0**k for k in range(-9, 10)] + list(BOUNDS)
    values = np.concatenate((np.linspace(-1.5, 1.5, 61), np.zeros(39)))
    slopes = np.where(np.abs(values) > 0.9, 0.01, 1.0)
    flat = {"domain": [-1, 1], "flat": 0.05, "zero": False}
    chosen, words, plain, zero = page.evaluate("""async ([code, most, ratios, bounds, words, h, s, view]) => {
      const { rows, verdict, histogram } = await import(code);
      const list = (o) => ({ ...o, shares: Array.from(o.shares), shut: Array.from(o.shut) });
      const depths = Array.from({ length: 50 }, (_, k) => k + 1);
      return [depths.map((depth) => rows(depth, most)), ratios.map((r) => verdict(r, bounds, words)),
        list(histogram(h, s, view, 10)), list(histogram(h, s, { ...view, zero: true }, 10))];
    }""", [MODULES[0], 10, ratios, list(BOUNDS), list(VERDICTS), values.tolist(), slopes.tolist(), flat])
    assert chosen == [rows(depth) for depth in range(1, 51)]
    assert words == [verdict(r) for r in ratios]
    expected = np.histogram(values, 10, (-1, 1))[0] / 100
    np.testing.assert_allclose(plain["shares"], expected, atol=0.011)  # rounding at the edges of bins
    assert sum(plain["shares"]) == pytest.approx(0.8) and plain["below"] == pytest.approx(0.1)
    assert plain["above"] == pytest.approx(0.1) and plain["zero"] == 0
    assert plain["shut"][0] == pytest.approx(0.02) and sum(plain["shut"][1:-1]) == 0
    assert zero["zero"] == pytest.approx(0.4) and sum(zero["shares"]) == pytest.approx(0.4)


def test_the_story_in_words(open_page):
    page = open_page(SignalExplorer("tanh", depth=30, scale="0.01 normal"))
    sent = propagate("tanh", 30, 0.08, 64)
    power = math.floor(math.log10(sent.backward[1] / sent.backward[-1]))
    raised = str(-power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    readout(page, "The gradient vanishes: at layer 1 it is", f"10⁻{raised} of that at", "signal vanishes")
    page.get_by_role("button", name="linear").click()
    page.locator('input[data-trait="scale"]').press("End")
    readout(page, "The gradient explodes", "times that at layer 30", "The signal explodes, to")
    page.get_by_role("button", name="tanh").click()
    readout(page, "explodes", "The signal keeps its size; 6", "% of layer 30 is saturated")
    page.get_by_role("button", name="sigmoid").click()
    page.get_by_role("button", name="Xavier").click()
    readout(page, "but what tells samples apart vanishes")
    page.get_by_role("button", name="ReLU").click()
    page.get_by_role("button", name="He", exact=True).click()
    readout(page, "The gradient keeps its size", "units at zero", "layer 30")
    assert page.problems == []


def test_the_table_shows_what_python_computes(open_page):
    explorer = SignalExplorer("tanh", depth=12, scale=1.7, width=32, seed=4)
    page = open_page(explorer)
    sent, two = explorer.signals, lambda v: f"{v:#.2g}".rstrip(".")
    lines = [line.split("\t") for line in readout(page).split("\n")]
    table = {line[0]: line[1:] for line in lines if len(line) > 2}
    shown = {"signal h": sent.forward, "between samples": sent.apart, "gradient ∂L/∂h": sent.backward}
    for row, values in shown.items():
        assert table[row][:2] == [two(values[1]), two(values[12])], row
    assert table["signal h"][2] == f"× {(sent.forward[12] / sent.forward[1]) ** (1 / 11):#.3g}"
    assert table["gradient ∂L/∂h"][2] == f"× {(sent.backward[1] / sent.backward[12]) ** (1 / 11):.2f}"
    assert table["saturated units"][:2] == [f"{round(100 * sent.saturated[k])} %" for k in (0, 11)]


def test_every_control_by_mouse_and_keyboard(open_page):
    page = open_page(SignalExplorer("tanh", depth=20, scale=1.2))
    seen = {picture(page)}

    def new(text):
        readout(page, text)
        assert picture(page) not in seen
        seen.add(picture(page))

    def changes(before):
        page.wait_for_function(
            "(before) => document.querySelector('[data-readout]').innerText !== before", arg=before)

    depth, scale = (page.locator(f'input[data-trait="{trait}"]') for trait in ("depth", "scale"))
    depth.press("ArrowRight")
    new("layer 21")
    depth.press("Home")
    new("One layer has nothing to lose")
    depth.press("End")
    new("layer 50")
    before = readout(page)
    scale.press("ArrowLeft")
    changes(before)
    assert scale.get_attribute("aria-valuetext") == "1.17"
    page.get_by_role("button", name="Xavier").press("Enter")
    assert scale.get_attribute("aria-valuetext") == "1.00"
    assert page.get_by_role("button", name="Xavier").get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="He", exact=True).get_attribute("aria-pressed") == "false"
    page.get_by_role("button", name="0.01 normal").click()
    assert scale.get_attribute("aria-valuetext") == "0.080"
    page.get_by_role("button", name="16").click()
    assert scale.get_attribute("aria-valuetext") == "0.080"  # σ_w stays, the rule's mark moves
    assert page.get_by_role("button", name="0.01 normal").get_attribute("aria-pressed") == "false"
    page.get_by_role("button", name="0.01 normal").click()
    assert scale.get_attribute("aria-valuetext") == "0.040"
    page.get_by_role("button", name="relu").click()
    new("units at zero")
    page.get_by_role("button", name="Reset").click()
    readout(page, "layer 20", "saturated units")
    first = readout(page)
    page.get_by_role("button", name="Draw again").click()
    changes(first)
    page.get_by_role("button", name="Reset").click()
    readout(page, first)
    assert page.problems == []


@from_file
def test_the_slider_meets_the_rules(open_page):
    page = open_page(SignalExplorer("relu", depth=3, scale=0.5))
    scale = page.locator('input[data-trait="scale"]')
    met = set()
    for _ in range(60):
        scale.press("ArrowRight")
        met |= set(page.locator(".signal-choice .explorer-chip[aria-pressed=true]").all_inner_texts())
    assert {"Xavier", "He"} <= met
    ticks = page.locator(".explorer-ticks").first.locator(".explorer-tick-text").all_inner_texts()
    assert {"0.01 normal", "Xavier", "He"} <= set(ticks)


def test_a_finger_moves_a_slider_on_a_narrow_page(open_page):
    page = open_page(SignalExplorer(caption="A caption."), width=375, has_touch=True)
    box = page.locator('input[data-trait="depth"]').bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] - 10, box["y"] + box["height"] / 2)
    page.wait_for_function("() => document.querySelector('[data-trait=depth]').value > 45")
    page.get_by_role("button", name="ReLU").tap()
    readout(page, "units at zero")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    parts = (".signal-picture", ".explorer-side", "[data-readout]")
    boxes = [page.locator(part).bounding_box() for part in parts]
    ends = [box["y"] + box["height"] for box in boxes]
    assert ends[0] <= boxes[1]["y"] and ends[1] <= boxes[2]["y"]
    assert all(box["width"] > 320 for box in boxes)  # the controls stand close to the picture
    assert page.problems == []


@from_file
@pytest.mark.parametrize("width", [375, 766])
def test_every_corner_of_the_settings(open_page, width):
    """Nothing that is not finite is said or drawn, at the ends of all sliders."""
    page = open_page(SignalExplorer(activations=[*ACTIVATIONS, DYING]), width=width)
    watch_numbers(page)
    chips = page.locator("[data-chip]")
    for name in (*[a.label for a in ACTIVATIONS.values()], DYING.label):
        page.locator(f'[data-chip="{name}"]').click()
        for units in ("16", "64"):
            page.locator(f'[data-chip="{units}"]').click()
            for depth in ("Home", "End"):
                page.locator('input[data-trait="depth"]').press(depth)
                for scale in ("Home", "End"):
                    page.locator('input[data-trait="scale"]').press(scale)
                    readout(page)
    assert chips.count() == 11 and page.evaluate("window.bad") == 0 and page.problems == []


@from_file
def test_a_signal_that_dies_is_said(open_page):
    page = open_page(SignalExplorer(DYING, activations=[DYING, "tanh"], depth=10))
    dead = int(np.argmax(propagate(DYING, 10, 1.0, 64).forward == 0))
    assert dead > 0
    readout(page, f"The signal dies: all units of layer {dead} are at zero.", "No gradient comes back.")
    assert page.problems == []


@from_file
def test_a_curve_ends_where_its_size_is_zero(open_page):
    page = open_page(SignalExplorer(DYING, activations=[DYING, "tanh"], depth=10))
    drawn = page.evaluate("""() => new Promise((done) => {
      const plain = Path2D.prototype.lineTo;
      let points = 0;
      Path2D.prototype.lineTo = function (...a) { points++; return plain.apply(this, a); };
      document.querySelector('.explorer-pair').previousSibling.click(); // the button of new numbers
      requestAnimationFrame(() => requestAnimationFrame(() => done(points)));
    })""")
    sent = propagate(DYING, 10, 1.0, 64, seed=1)
    curves = (sent.forward, sent.apart, sent.backward, *theory(DYING, 10, 1.0))
    points = sum(np.count_nonzero(curve) for curve in curves)
    assert points < 50 and drawn == 10 * (2 * 41 + 1) + points


@from_file
def test_new_numbers_are_only_drawn_when_they_are_needed(open_page):
    page = open_page(SignalExplorer())
    same = page.evaluate("""async (code) => {
      const { network } = await import(code), net = network(3, 16, 48), first = net.layer(2);
      const again = network(3, 16, 48).layer(5).W, once = net.layer(5);
      return [net.layer(5) === once, net.layer(2) === first, again.every((v, k) => v === once.W[k])];
    }""", MODULES[0])
    assert same == [True, True, True]


@from_file
def test_render_returns_its_clean_up_and_follows_the_model(open_page):
    explorer = SignalExplorer(depth=5)
    page = open_page(explorer)
    said = page.evaluate("""async ([code, stage, state]) => {
      const { StaticModel } = await import(stage), { default: explorer } = await import(code);
      const el = document.createElement('div'), model = new StaticModel(state);
      document.body.append(el);
      const stop = await explorer.render({ model, el });
      const wait = (ms) => new Promise((done) => setTimeout(done, ms));
      const text = () => el.querySelector('[data-readout]').innerText;
      model.set('depth', 17);
      model.set('activation', 'relu');
      for (let k = 0; k < 100 && !text().includes('layer 17'); k++) await wait(50);
      const found = text().includes('layer 17') && text().includes('units at zero');
      const depth = el.querySelector('[data-trait="depth"]').getAttribute('aria-valuetext');
      stop();
      model.set('depth', 3);
      await wait(200);
      const left = [...model.listeners.values()].reduce((n, calls) => n + calls.size, 0);
      return [found, depth, el.childElementCount, left];
    }""", [*MODULES, explorer.state])
    assert said == [True, "17 layers", 0, 0]
    assert page.problems == []


@from_file
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 766])
def test_axe_finds_no_barrier(open_page, scheme, width):
    page = open_page(SignalExplorer(scale=3.0, caption="A caption."), width=width, color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [f"{v['id']}: {node['html'][:160]}" for v in found for node in v["nodes"]] == []


@from_file
def test_the_picture_has_words_for_readers_who_do_not_see_it(open_page):
    page = open_page(SignalExplorer("linear", scale=2.0, depth=40))
    label = page.locator(".signal-picture").get_attribute("aria-label")
    assert "40 layers of 64 linear units, weight scale 2.00" in label and "The gradient explodes" in label
    spoken = page.locator("[role=status]")
    assert spoken.inner_text() == ""  # a page that loads stays silent
    page.locator('input[data-trait="scale"]').press("Home")
    page.wait_for_function("() => document.querySelector('[role=status]').textContent.includes('t vanishes')")


@from_file
def test_without_javascript_the_poster_stands(open_page):
    page = open_page(SignalExplorer(alt="Ten histograms, one above the other."), java_script_enabled=False)
    assert page.get_by_role("img", name="Ten histograms, one above the other.").is_visible()
