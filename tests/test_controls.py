"""Every control of every explorer on the built site, moved to its ends: no error, no number that is none, and
words that Python computes again from the settings that the page has reached."""

import functools
import itertools
import math
import re

import numpy as np
import pytest
from conftest import ROOT
from test_site import PAGES

from helpers import explorers
from helpers.optimizers import descend

WATCH, WALK = ((ROOT / f"tests/controls_{name}.js").read_text(encoding="utf-8") for name in ("watch", "walk"))
PHONE = {"width": 375, "height": 740, "has_touch": True, "is_mobile": True}
SETTINGS = {"light": {}, "dark": {"dark": True}, "phone": PHONE, "dark phone": PHONE | {"dark": True}}
RUNS = 3  # of the paths that a figure shows, so many are computed again after each move
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
NUMBER = re.compile(r"(-?)([\d.]+)?·?(?:10([⁰¹²³⁴-⁹⁻]+))?")


# Numbers in words -------------------------------------------------------------------------------------------
def number(words):
    """(value, half a unit of its last digit) of a number that a page shows."""
    plain = words.replace("−", "-").strip()
    if plain in ("∞", "-∞"):
        return float(plain.replace("∞", "inf")), 0.0
    sign, mantissa, power = NUMBER.fullmatch(plain).groups()
    unit = 10.0 ** (int((power or "0").translate(RAISED)))
    last = len((mantissa or "").partition(".")[2])
    return float(f"{sign}{mantissa or 1}") * unit, 0.51 * unit * 10.0**-last


def says(words, value, digits=3):
    """Whether words are this number, to the digits that are shown: one less beside a power of ten."""
    shown, off = number(words)
    if not math.isfinite(value) or not math.isfinite(shown):
        return shown == value
    lost = 0.6 * 10.0 ** (1 - digits + ("10" in words and words[-1] in "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return abs(shown - value) <= max(off, lost * abs(value), 1e-300)


# What Python says -------------------------------------------------------------------------------------------
def twin_of(kind, spec):
    """The explorer in Python that a figure was made from; it computes only what it is asked for."""
    if kind == "question":
        return None
    lands, rules = ([v["name"] for v in spec.get(part, ()) if "name" in v] if kind != "guess" else []
                    for part in ("landscapes", "rules"))
    twin = {
        "landscape": lambda: explorers.LandscapeExplorer(lands, rules),
        "curve": lambda: explorers.CurveExplorer(lands, rules, together=spec["together"] or None),
        "escape": lambda: explorers.EscapeExplorer(lands, rules),
        "race": lambda: explorers.RaceExplorer(lands, rules),
        "momentum": lambda: explorers.MomentumExplorer(
            [v["momentum"]["λ"][1] for v in spec["landscapes"]], rules),
        "hill": lambda: explorers.HillExplorer(lands, rules[0]),
        "minibatch": explorers.MinibatchExplorer,
        "particles": explorers.ParticlesExplorer,
        "signal": lambda: explorers.SignalExplorer(activations=[a["name"] for a in spec["activations"]]),
        "guess": explorers.GuessExplorer,
    }[kind]()
    twin.unobserve_all()
    return twin


def last(run):
    """The row of a run where its path ends."""
    return int(run.diverged) - 1 if run.diverged else len(run.θ) - 1


def is_chaotic(run_from, start):
    """Whether rounding alone decides where a run ends: starts a few units of the last digit away tell."""
    start = np.asarray(start, dtype=float)
    runs = [run_from(start + shift * np.maximum(np.abs(start), 1e-9)) for shift in (0, 2e-13, -3e-13)]
    ends = np.array([run.θ[last(run)] for run in runs])
    return len({int(run.diverged) for run in runs}) > 1 or bool(
        (np.ptp(ends, axis=0) > 1e-6 * np.maximum(1, np.abs(ends[0]))).any())


def end_of(words, run):
    """What is wrong with the words about an end, or None: a run that diverges is said to, with its step."""
    found = re.search(r"diverged at step (\d+)", words)
    return None if (int(found[1]) if found else 0) == run.diverged else f"diverged at {run.diverged}"


def of_landscape(twin, name, cells, run):
    land, θ = twin.landscapes[twin.landscape], run.θ[last(run)]
    L, steep = float(land.loss(θ)), float(np.linalg.norm(land.gradient(θ)))
    if not says(cells[0], L) or not says(cells[1], steep):
        return f"L is {L}, |∇L| is {steep}"
    return end_of(cells[2], run)


def of_race(twin, name, cells, run):
    L = float(twin.landscapes[twin.landscape].loss(run.θ[last(run)]))
    if not says(cells[0], L):
        return f"L is {L}"
    if cells[1] == "–":
        return None if not last(run) else "it has made a step"
    rates, shown = run.rate[last(run) - 1], cells[1].split(", ")  # equal ones are written once
    if not all(says(text, float(rates[i]), 2) for i, text in enumerate(shown * (3 - len(shown)))):
        return f"the rates are {rates}"
    return end_of(cells[2], run)


def of_escape(twin, name, cells, run):
    step, law = int(twin._leaving(run)), twin.laws.get(name)
    if (-1 if cells[0] == f"not in {twin.steps}" else int(cells[0])) != step:
        return f"it leaves at {step}"
    never = cells[1].startswith(("never", "–"))
    if law is not None and not (never if law == math.inf else says(cells[1], law)):
        return f"the law says {law}"
    return end_of(cells[2], run) if "diverged" in cells[2] else None


def of_minibatch(twin, name, cells, run):
    if cells[0] != f"{last(run)} × {twin.size(name)}":
        return f"{last(run)} steps of {twin.size(name)}"
    low = float(twin.data.loss(twin.minimum))
    excess = float(twin.data.loss(run.θ[last(run)])) - low
    if not says(cells[1], excess) and abs(excess) > 1e-13 * low:  # below it, rounding
        return f"L − L* is {excess}"
    return end_of(cells[2], run)


def of_momentum(twin, name, cells, run):
    twin.path = {name: run}
    rate, measured, (steps, law) = max(twin.rates[name]), twin.measured[name][2], twin.closer[name]
    if not says(cells[0], rate) and abs(rate - 1) > 1e-6:
        return f"the rate is {rate}"
    if cells[1] != "–" and not says(cells[1], measured) and abs(number(cells[1])[0] - measured) > 2e-3:
        return f"measured is {measured}"
    if run.diverged:
        return end_of(cells[2], run)
    more, after, theory = re.fullmatch(r"(more than )?(\d+) \((.*)\)", cells[2]).groups()
    if int(after) != (twin.steps if steps is None else steps) or bool(more) != (steps is None):
        return f"it is closer after {steps}"
    return None if (law == math.inf if theory == "never" else says(theory, law)) else f"by theory {law}"


OF = {"landscape": of_landscape, "race": of_race, "escape": of_escape, "minibatch": of_minibatch,
      "momentum": of_momentum}


def check_map(twin, seen, turn):
    """What is wrong in the table of a map with paths, or None; other paths with each turn."""
    if not twin.rules:
        return None
    start, *table = [row for row in seen["rows"] if row not in seen["own"]]
    names = {rule.label: name for name, rule in twin.rules.items()}
    if [names.get(row[0]) for row in table] != list(twin.active):
        return f"the table has {[row[0] for row in table]}"
    x, y = (f"{v + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−") for v in twin.start)
    if f"θ = ({x}, {y})" not in start[3]:
        return f"the start is {twin.start}, not {start[3]}"
    some = itertools.islice(itertools.cycle(table), turn, turn + min(RUNS, len(table))) if table else ()
    for head, *cells in some:
        run_from = functools.partial(twin._descend, names[head])
        fault = OF[twin.kind](twin, names[head], cells, run_from(np.asarray(twin.start)))
        if fault and not is_chaotic(run_from, twin.start):
            return f"{head}: {fault}; the page says {cells}"
    return check_plane(twin, seen) if twin.kind == "momentum" else None


def check_plane(twin, seen):
    """The directions of the momentum explorer."""
    twin.active = sorted({*twin.active, twin.plane})
    for row, rate, motion, λ in zip(seen["own"], twin.rates[twin.plane], twin.motions, twin.λ, strict=True):
        right = says(row[2], rate) or abs(rate - 1) < 1e-6
        if not (says(row[1], λ * twin.η) and right and row[4] == motion):
            return f"ηλ, rate and motion are {λ * twin.η}, {rate}, {motion}, not {row}"
    return None


def check_curve(twin, seen, turn):
    step, both = twin.step, twin.together
    rows = [row for row in seen["rows"] if "start" not in row[0]]
    if len(rows) != (len(twin.shown) if both else len(twin.active)):
        return f"the table has {[row[0] for row in rows]}"
    for k, row in enumerate(rows):
        land, rule = twin.shown[k if both else 0], twin.rules[twin.active[0 if both else k]]
        hyper = {h.letter: getattr(twin, h.letter) for h in rule.hyper}
        run_from = functools.partial(descend, land, rule=rule, steps=twin.steps, **hyper)
        fault = of_curve(land, run_from([twin.start]), step, row, seen["verdicts"][k])
        if fault and not is_chaotic(run_from, [twin.start]):
            return f"{row}: {fault}"
    return None


def of_curve(land, run, step, row, verdict):
    at = min(step, last(run))
    if not row[0].endswith(f"step {at}"):
        return f"the step is {at}"
    for text, f in zip(row[1:], (lambda θ: θ, land.loss, land.gradient, land.hessian), strict=True):
        value = float(np.ravel(f(run.θ[at]))[0])
        if not says(text, value) and abs(value) > 1e-9:
            return f"{value} is shown as {text}"
    found = re.search(r"diverged at step (\d+)", verdict)
    gone = int(run.diverged) if step >= run.diverged else 0
    return None if (int(found[1]) if found else 0) == gone else f"diverged at {gone}: {verdict}"


def check_hill(twin, seen, turn):
    """The ball as a curve, and the strip over β."""
    if fault := check_curve(twin, seen, turn):
        return fault
    parts = re.search(r"Where the ball comes to rest .*?: (.*)", seen["strip"])[1].split(", ")
    names = ["left valley", "right valley"]
    for name, edge in (part.split(" up to ") for part in parts if " up to " in part):
        if twin.β < float(edge) - 6e-4:
            end, told = int(twin.ends(twin.β)), names.index(name) if name in names else -1
            return None if end == told else f"it ends in {end}: {parts}"
        if twin.β < float(edge) + 6e-4:  # too close to tell
            return None
    return None


def check_particles(twin, seen, turn):
    table = {row[0]: row[1:] for row in seen["rows"]}
    try:
        chain = twin.chain
    except ValueError:  # η is so large that particles run away
        chain = dict.fromkeys(("left", "right"), math.nan)
    rows = {"exact, η → 0": twin.exact, "Kramers, η → 0 and D → 0": twin.kramers, "exact, steps of η": chain}
    for k, side in enumerate(("left", "right")):
        there = table["in the long run, η → 0"][k]
        if abs(float(there.removesuffix(" %")) - 100 * twin.share[side]) > 0.051:
            return f"the share on the {side} is {twin.share[side]}, not {there}"
        for label, values in rows.items():
            text, value = table[label][k], values[side]
            if text == "–" and label.endswith("of η") and (seen["warning"] or math.isnan(value)):
                continue  # the step is too long: who flies over a wall starts again
            if text == "–" or not (says(text, value) or abs(number(text)[0] - value) < 2e-4 * value):
                return f"{label}, {side}: {value}, not {text}"
    parts = [float(text.removesuffix(" %")) for text in table["particles there now"]]
    t, steps = re.match(r"time t = ([\d.]+) \((\d+) steps", seen["clock"][0]).groups()
    if abs(sum(parts) - 100) > 0.11 or abs(float(t) - int(steps) * twin.η) > 0.051:
        return f"shares {parts}; {steps} steps of {twin.η} are not {t}"
    return None


def check_signal(twin, seen, turn):
    sent, depth, rows = twin.signals, twin.depth, {row[0]: row[1:] for row in seen["rows"]}
    for head, values in (("signal h", sent.forward), ("between samples", sent.apart),
                         ("gradient ∂L/∂h", sent.backward)):
        first, end, factor = rows[head]
        if not (says(first, values[1], 2) and says(end, values[depth], 2)):
            return f"{head}: {values[1]} and {values[depth]}, not {rows[head]}"
        p, q = values[[depth, 1] if head.startswith("gradient") else [1, depth]]
        known = depth > 1 and p > 0 and q > 0
        if (factor != "–") != known or (known and not says(factor[2:], (q / p) ** (1 / (depth - 1)))):
            return f"{head}: from {p} to {q} in {depth} layers is not {factor} per layer"
    shut = next(row for head, row in rows.items() if head.startswith(("units", "saturated")))
    for text, value in zip(shut[:2], sent.saturated[[0, -1]], strict=True):
        share = {"< 1 %": 0.25, "> 99 %": 99.75}.get(text)
        if abs((float(text.removesuffix(" %")) if share is None else share) - 100 * value) > 0.51:
            return f"{value} of the units are shut, not {text}"
    return None


def check_guess(twin, seen, turn):
    at, words = next(s["shown"] for s in seen["sliders"] if s["trait"] == "step").split(": ")
    t, before = twin.step, len(twin.run.θ) - 1
    later = twin.cured is not None and t > before
    run, k = (twin.cured, t - before) if later else (twin.run, min(t, before))
    gone = run.diverged and k >= run.diverged
    if int(at) != t or not (words == "diverged" if gone else says(words.removeprefix("loss "), run.loss[k])):
        return f"update {t}: {run.loss[k]}, diverged {run.diverged}, not {words}"
    if twin.guess is None:
        return "the answer is out" if seen["told"] else None
    outcome, told = seen["told"]
    if outcome.startswith("Right") != (twin.guess == twin.answer) or twin.report().verdict not in outcome:
        return f"the verdict is {twin.report().verdict}: {outcome}"
    if twin.cured is not None and twin.cured.diverged:
        step = before + int(twin.cured.diverged)
        return None if f"diverged at update {step}." in told else f"diverged at {step}: {told}"
    return "it has not diverged" if "diverged at" in told else None


CHECKS = {"curve": check_curve, "hill": check_hill, "particles": check_particles, "signal": check_signal,
          "guess": check_guess}


def check_places(twin, seen):
    """Sliders and handles stand where the settings are, and say so."""
    for slider in seen["sliders"]:
        value, text = seen["state"].get(slider["trait"]), slider["shown"]
        if not 0 <= slider["at"] <= 1 or slider["text"] != text:
            return f"the slider {slider}"
        plain = isinstance(value, (int, float)) and NUMBER.fullmatch(text.replace("−", "-"))
        if plain and not says(text, value, 2) and abs(number(text)[0] - value) > 0.006:
            return f"{slider['trait']} is {value}, not {text}"
    for handle in seen["handles"]:
        if not handle["low"] - 1e-9 <= handle["now"] <= handle["high"] + 1e-9 or not handle["text"]:
            return f"the handle {handle}"
        if handle["name"] in ("start", "point"):
            θ = np.atleast_1d(seen["state"][handle["name"]])
            ends = np.array([twin.domain] if len(θ) == 1 else twin.landscapes[twin.landscape].domain)
            share = np.clip((θ - ends[:, 0]) / np.ptp(ends, axis=1), 0, 1)
            share[1:] = 1 - share[1:]  # a page counts from the top
            if np.abs(share - handle["place"][:len(θ)]).max() > 0.01:
                return f"{handle['name']} at {θ} stands at {handle['place']}"
    return None


def fault(twin, seen, turn):
    """What is wrong in what a page says at one moment, or None."""
    if seen["strange"]:
        return f"drawn or written: {seen['strange']}"
    if twin is None:  # a question
        return None if "".join(seen["said"]) or seen["what"] == "as it stands" else "no word about the answer"
    if seen["playing"]:  # its words come ten times a second
        return None
    twin.set_state({name: value for name, value in seen["state"].items() if name != "path"})
    if twin.kind == "minibatch" and twin.samples_seed != getattr(twin, "drawn_for", 1):
        twin._redraw(None)
        twin.drawn_for = twin.samples_seed
    return check_places(twin, seen) or CHECKS.get(twin.kind, check_map)(twin, seen, turn)


# ------------------------------------------------------------------------------------------------------------
@functools.cache
def kinds(site, name):
    """The explorers on a page, in its order."""
    text = (site / name).read_text(encoding="utf-8")
    return re.findall(r'<figure[^>]* data-explorer="(\w+)"', text)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", PAGES)
def test_no_control_breaks_its_figure(site, site_page, name, setting):
    """All moves in light mode on a desktop. In the other three, of each kind of explorer the first figure: to
    the ends, alone and together."""
    earlier = {kind for page in PAGES[:PAGES.index(name)] for kind in kinds(site, page)} | {"question"}
    chosen = [n for n, kind in enumerate(kinds(site, name)) if setting == "light" or kind not in earlier]
    if not chosen:
        return
    page = site_page(name, before=WATCH, **SETTINGS[setting])
    for n in chosen:
        figure = page.locator("figure[data-explorer]").nth(n)
        kind, spec = figure.evaluate("f => [f.dataset.explorer, f.model.get('spec')]")
        page.evaluate("watched.strange.length = 0")
        said, twin = page.evaluate(WALK, [n, setting == "light", "phone" in setting]), twin_of(kind, spec)
        found = [(turn, seen, fault(twin, seen, turn)) for turn, seen in enumerate(said)]
        faults = [f"{turn}. {seen['what']}: {words}" for turn, seen, words in found if words]
        assert faults == [] and page.problems == [], f"{kind} {n} on {name}"


LATE = """async (n) => {
  const host = document.querySelectorAll("figure[data-explorer]")[n], real = window.requestAnimationFrame;
  const seen = (css) => [...host.querySelectorAll(css)].filter((e) => e.checkVisibility());
  const frame = () => new Promise(real), sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const set = (share) => seen("input[type=range]").forEach((e) => {
    e.value = Math.round(share * e.max);
    e.dispatchEvent(new Event("input", { bubbles: true }));
  });
  const choose = (e, k) => { e.selectedIndex = k; e.dispatchEvent(new Event("change", { bubbles: true })); };
  const moves = [...seen("[data-chip]").map((chip) => () => chip.click()), () => set(0.9), () => set(0.1),
    ...seen("select").flatMap((e) => [...e.options].map((_, k) => () => choose(e, k)))];
  host.scrollIntoView();
  for (const chip of seen("[data-chip][aria-pressed=false]")) chip.click();
  for (const move of moves) {
    // after these the last words are still to come
    for (const share of [0.5, 0.3, 0.5]) { set(share); await frame(); await frame(); }
    window.requestAnimationFrame = (f) => setTimeout(() => real(f), 250);
    move();
    await sleep(200);
    window.requestAnimationFrame = real;
    await sleep(200);
  }
}"""


@pytest.mark.parametrize("kind", ["landscape", "curve", "escape", "race", "momentum", "minibatch", "hill",
                                  "signal"])
def test_words_wait_for_their_picture(site, site_page, kind):
    """A frame that comes late: no timer writes about settings for which no path has been computed."""
    name = next(page for page in PAGES if kind in kinds(site, page))
    page = site_page(name, before=WATCH)
    page.evaluate(LATE, kinds(site, name).index(kind))
    assert page.evaluate("watched.strange") == [] and page.problems == []
