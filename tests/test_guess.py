"""Guessing why a run has stalled: cases, verdicts and remedies, and what a reader can do on a page."""

import re

import numpy as np
import pytest
from conftest import blemishes, settle
from matplotlib.figure import Figure

from helpers.explorers import GuessExplorer
from helpers.explorers.explorer import data_url, module, source
from helpers.explorers.guess import ANSWERS, CASES, LITTLE, MORE, REMEDIES, SEEN, SUGGESTED, noisy
from helpers.explorers.noise import normals

ALL = range(1, len(CASES) + 1)
KEPT = 40  # updates at the end over which losses are averaged


def late(run):
    return run.loss[-KEPT:].mean()


# Settings ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"case": 0}, ValueError, "case must lie between 1 and 8"),
    ({"case": 9}, ValueError, "case must lie between 1 and 8"),
    ({"case": 1.5}, TypeError, "case must be a whole number"),
    ({"guess": "saddle"}, ValueError, "guess must be None or one of 'bouncing', .* not 'saddle'"),
    ({"guess": "diverging"}, ValueError, "guess must be None or one of"),
    ({"remedy": "prayer"}, ValueError, "remedy must be None or one of 'noise', 'rate / 3', .* not 'prayer'"),
    ({"step": 401}, ValueError, "step must lie between 0 and 400"),
    ({"step": "last"}, TypeError, "step must be a whole number"),
    ({"caption": 3}, TypeError, "caption must be a string"),
])
def test_settings_that_make_no_sense_say_why(settings, error, words):
    with pytest.raises(error, match=words):
        GuessExplorer(**settings)


def test_an_assignment_that_makes_no_sense_changes_nothing():
    explorer = GuessExplorer(case=2)
    for name, value in (("case", 12), ("guess", "luck"), ("remedy", "luck"), ("step", -1)):
        before = getattr(explorer, name)
        with pytest.raises(ValueError, match=name):
            setattr(explorer, name, value)
        assert getattr(explorer, name) == before


@pytest.mark.parametrize("settings", [
    {}, {"case": 3}, {"case": 5, "guess": "plateau"}, {"guess": "bouncing", "remedy": "momentum"},
    {"case": 8, "guess": "local minimum", "remedy": "noise", "step": 250}, {"step": 7},
])
def test_the_repr_makes_the_explorer_again(settings):
    explorer = GuessExplorer(**settings)
    again = eval(repr(explorer))
    assert repr(again) == repr(explorer) and again.state == explorer.state
    if not settings:
        assert repr(explorer) == "GuessExplorer()"


def test_another_case_starts_without_a_guess_and_a_guess_without_a_remedy():
    explorer = GuessExplorer(guess="plateau", remedy="noise")
    assert explorer.step == SEEN + MORE
    explorer.guess = "bouncing"
    assert (explorer.remedy, explorer.step) == (None, SEEN)
    explorer.remedy = "momentum"
    assert explorer.step == SEEN + MORE
    explorer.case = 2
    assert (explorer.guess, explorer.remedy, explorer.step) == (None, None, SEEN)


def test_a_message_from_the_browser_keeps_all_that_it_says():
    explorer = GuessExplorer()
    explorer.set_state({"case": 4, "guess": "plateau", "remedy": "noise", "step": 300})
    assert (explorer.case, explorer.guess, explorer.remedy, explorer.step) == (4, "plateau", "noise", 300)


def test_nothing_is_given_away_beforehand():
    for k in ALL:
        explorer = GuessExplorer(case=k, guess=CASES[k - 1].answer, remedy="noise")
        fresh = GuessExplorer(case=k)
        assert explorer.alt == fresh.alt and explorer.poster() == fresh.poster()
        assert fresh.poster().startswith(b"\x89PNG") and len(fresh.poster()) < 40_000
        assert all(fresh.alt.count(answer) == 1 for answer in ANSWERS)
        words = fresh.alt.split(" Below it, ")[0].lower()
        assert not any(answer in words for answer in ANSWERS)
        assert CASES[k - 1].landscape.title not in fresh.alt
        figure = Figure()
        fresh.draw(figure)
        assert [text.get_text() for text in figure.texts] == list(ANSWERS)
    assert "begins at 7.5, and in the last 100 updates it stays at 1.25" in GuessExplorer().alt
    assert GuessExplorer(alt="Mine.").alt == "Mine."


# Cases ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("k", ALL)
def test_diagnose_finds_the_answer(k):
    """From what its run hands over; the report that the page shows is that one."""
    explorer = GuessExplorer(case=k)
    report = explorer.report()
    assert report.verdict == explorer.answer == CASES[k - 1].answer
    assert report is explorer.report(k) and report.cost["total"] <= 100
    shown = explorer.spec["cases"][k - 1]["report"]
    assert shown["verdict"] == report.verdict and shown["try"] == report.try_this
    assert [n["name"] for n in shown["numbers"] if n["decisive"]] == [
        name for name in report.numbers if name in report.decisive]
    assert all(n["value"] is None or np.isfinite(n["value"]) for n in shown["numbers"])
    with pytest.raises(ValueError, match="case must lie between 1 and 8"):
        explorer.report(9)


def eigenvalues(k):
    return np.linalg.eigvalsh(CASES[k - 1].landscape.hessian(GuessExplorer(case=k).run.end))


def test_the_landscapes_are_what_the_answers_say():
    """From the whole Hessian and the whole run, without diagnose."""
    end = {k: GuessExplorer(case=k).run for k in ALL}
    slope = {k: np.linalg.norm(CASES[k - 1].landscape.gradient(end[k].end)) for k in ALL}
    assert slope[1] < 0.02 and eigenvalues(1)[0] < -1.9
    assert slope[2] > 1 and (np.diff(end[2].loss[20:]) < 0).all()
    assert slope[4] < 1e-4 and (eigenvalues(4) > 0.1).all()
    assert np.ptp(CASES[4].landscape.loss(end[5].θ[50:])) > 0.5 and eigenvalues(5).max() * CASES[4].η < 1
    assert slope[6] < 0.02 and np.abs(eigenvalues(6)).max() < 0.2 and end[6].loss[-1] > 0.99
    assert slope[8] < 1e-5 and abs(eigenvalues(8)[0]) < 1e-6 < eigenvalues(8)[1]
    for k in (3, 7):  # each step reverses the one before, for good
        steps = np.diff(end[k].θ[100:], axis=0)
        assert ((steps[1:] * steps[:-1]).sum(-1) < 0).mean() > 0.6 and slope[k] > 0.1
    steps = np.diff(end[7].θ[-20:], axis=0)
    np.testing.assert_allclose(steps[1:], -steps[:-1], atol=1e-6)
    assert not any(run.diverged.any() for run in end.values())


def test_curves_that_look_alike_have_different_causes():
    """Scaled to their fall, five of them are level and at their lowest for the last half; two are rough."""
    level, rough = [], []
    for k in ALL:
        explorer = GuessExplorer(case=k)
        half = explorer.run.loss[SEEN // 2:]
        spread = np.ptp(half) / np.ptp(explorer.run.loss)
        if spread < 0.01:
            level.append(explorer.answer)
        elif (np.diff(half) > 0).mean() > 0.3:
            rough.append(explorer.answer)
    assert sorted(level) == ["bouncing", "local minimum", "plateau", "strict saddle",
                             "valley with flat directions"]
    assert sorted(rough) == ["bouncing", "noise ball"]


def test_every_answer_occurs_and_only_those():
    assert {case.answer for case in CASES} == set(ANSWERS) == set(SUGGESTED)
    assert GuessExplorer().answers == ANSWERS and GuessExplorer().cases == len(CASES) == 8


# Remedies ---------------------------------------------------------------------------------------------------
def outcome(k, name):
    explorer = GuessExplorer(case=k, guess=ANSWERS[0], remedy=name)
    return late(explorer.cured), late(explorer.run)


@pytest.mark.parametrize("k", [k for k in ALL if SUGGESTED[CASES[k - 1].answer]])
def test_the_remedy_that_is_suggested_helps(k):
    after, before = outcome(k, SUGGESTED[CASES[k - 1].answer])
    assert after < 0.4 * before


def test_in_the_valley_nothing_helps():
    for name in REMEDIES:
        after, before = outcome(8, name)
        assert 0.25 - 1e-9 < after < 0.27 and before == pytest.approx(0.25, abs=1e-4)


@pytest.mark.parametrize(("k", "name"), [
    (1, "rate / 10"), (2, "rate / 3"), (2, "rate / 10"), (4, "rate / 3"), (4, "rate / 10"), (4, "momentum"),
    (4, "noise"), (5, "momentum"), (6, "rate / 3"), (6, "rate / 10"), (7, "momentum"), (7, "noise"),
    (7, "new start")])
def test_the_remedy_of_another_case_does_not_help(k, name):
    after, before = outcome(k, name)
    assert after > 0.9 * before


def test_a_remedy_goes_on_from_the_end_with_its_own_settings():
    for k in ALL:
        for name, remedy in REMEDIES.items():
            explorer, case = GuessExplorer(case=k, guess=ANSWERS[0], remedy=name), CASES[k - 1]
            run = explorer.cured
            start = case.elsewhere if remedy.restart else explorer.run.end
            assert run.θ[0].tolist() == list(start) and len(run.θ) == MORE + 1
            rate = case.η * {"rate / 3": 1 / 3, "rate / 10": 1 / 10}.get(name, 1)
            D = case.D + LITTLE * (name == "noise")
            ξ = normals(case.seed + 1, MORE, 2)[0]
            first = start - rate * (case.landscape.gradient(start) + np.sqrt(D) * ξ)
            np.testing.assert_allclose(run.θ[1], first, rtol=1e-12, atol=1e-15)
            assert run.hyper["β"] == 0.9 * (name == "momentum")
            assert (run.rule is noisy) == bool(D)
    assert GuessExplorer().cured is None


# The page ---------------------------------------------------------------------------------------------------
def test_the_page_runs_what_python_runs(browser):
    """All cases, all remedies: paths within 1e-9, beyond which only a run that diverges may differ."""
    explorer = GuessExplorer()
    page = browser.new_page()
    page.goto("about:blank")
    theirs = page.evaluate("""async ([module, spec]) => {
        const { course, codeOf } = await import(module), code = await codeOf(spec);
        const names = [null, ...spec.remedies.map((r) => r.name)];
        return spec.cases.map((_, k) => Object.fromEntries(names.map((name) => {
            const { seen, more } = course(code, spec, k, name), run = more ?? seen;
            return [String(name), [run.path, run.diverged, seen.path.length]];
        })));
    }""", [data_url(module("guess")), explorer.spec])
    page.close()
    for k in ALL:
        for name, (path, diverged, length) in theirs[k - 1].items():
            explorer = GuessExplorer(case=k, guess=ANSWERS[0], remedy=None if name == "null" else name)
            run = explorer.cured or explorer.run
            assert diverged == int(run.diverged) and length == SEEN + 1
            ours = run.θ[:len(path)]
            assert len(path) == (diverged or len(run.θ))
            assert np.abs(np.array(path) - ours).max() < 1e-9 * max(1, np.abs(ours).max()), (k, name)


def test_what_a_remedy_did_in_words(browser):
    page = browser.new_page()
    page.goto("about:blank")
    kinds, tops = page.evaluate("""async (module) => {
        const { effect, ceiling } = await import(module), before = { loss: [9, 9, 9, 9, 2] };
        const after = (v, diverged = 0) => effect(before, { loss: [9, 9, 9, 9, v], diverged });
        return [[after(1), after(1.9), after(3), after(1e9, 7)],
            [null, [1, 2.5], [1, 1e30], [0.5]].map((more) => ceiling([1, 2], more))];
    }""", data_url(module("guess")))
    page.close()
    assert [k["kind"] for k in kinds] == ["lower", "level", "higher", "diverged"]
    assert (kinds[0]["before"], kinds[0]["after"]) == (2, 1)
    assert tops == pytest.approx([2.08, 2.6, 3.12, 2.08])


def said(page, *words, where=".guess-below"):
    """The text below the map, as soon as it contains the words."""
    page.wait_for_function("""([where, words]) => {
        const part = document.querySelector(where);
        return part.checkVisibility() && words.every((w) => part.innerText.includes(w));
    }""", arg=[where, words], timeout=10_000)
    text = page.locator(where).inner_text()
    assert not re.search("NaN|undefined|null|Infinity", text), text
    return text


def choose(page, answer):
    page.locator(f"[data-answer='{answer}']").click()


def turn(page, k):
    page.locator(f"[data-case='{k}']").click()


def score(page):
    return page.locator("[data-score]").inner_text()


def picture(page, of=".explorer-plane canvas:nth-child(2)"):
    return page.evaluate("(of) => document.querySelector(of).toDataURL()", of)


@pytest.mark.parametrize("file", [False, True])
def test_all_cases_from_the_guess_to_the_remedy(show, file):
    page = show(GuessExplorer(), file=file)
    for k in ALL:
        case = CASES[k - 1]
        assert page.locator(".guess-cover").is_visible() and not page.locator(".guess-below").is_visible()
        before = page.locator(".guess").inner_text()
        assert case.landscape.title not in before and case.why not in before
        guess = case.answer if k % 2 else "plateau" if case.answer != "plateau" else "noise ball"
        choose(page, guess)
        a = case.answer if case.answer.endswith("ing") else f"a {case.answer}"
        head = f"Right: it is {a}." if k % 2 else f"Not a {guess}: it is {a}."
        said(page, head, case.why, "Measured at the end of the run", case.answer)
        assert not page.locator(".guess-cover").is_visible()
        assert page.get_by_text(case.landscape.title, exact=True).is_visible()
        assert score(page).startswith(f"{(k + 1) // 2} of {k} right")
        name = SUGGESTED[case.answer]
        stars = page.locator(".is-suggested")
        assert stars.count() == (name is not None)
        page.locator(f"[data-remedy='{name or 'momentum'}']").click()
        text = said(page, "the loss hardly changes, from" if name is None else "the loss falls from")
        assert GuessExplorer(case=k).report().try_this in text
        if k < 8:
            page.get_by_role("button", name="Next case").click()
    assert "all cases seen" in score(page)
    page.get_by_role("button", name="Reset").click()
    settle(page)
    assert score(page) == "8 cases" and page.locator(".guess-cover").is_visible()
    assert page.problems == []


def test_the_map_is_not_drawn_before_the_guess(show):
    page = show(GuessExplorer(case=4))
    painted = """() => [...document.querySelectorAll('.explorer-plane canvas')].map((c) =>
        c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v))"""
    settle(page)
    assert page.evaluate(painted) == [False, False]
    choose(page, "plateau")
    settle(page)
    assert page.evaluate(painted) == [True, True]


def test_the_first_guess_counts_and_is_kept(show):
    page = show(GuessExplorer())
    choose(page, "plateau")
    said(page, "Not a plateau: it is a strict saddle.")
    page.locator("[data-answer='strict saddle']").dispatch_event("click")  # too late
    settle(page)
    said(page, "Not a plateau")
    assert score(page) == "0 of 1 right"
    turn(page, 3)
    settle(page)
    assert page.locator(".guess-cover").is_visible()
    turn(page, 1)
    said(page, "Not a plateau")
    assert page.locator("[data-case='1']").get_attribute("aria-label") == "case 1, wrong"
    assert page.locator("[data-case='3']").get_attribute("aria-label") == "case 3"
    assert page.problems == []


def test_a_remedy_can_be_taken_back_and_one_that_diverges_says_so(show):
    page = show(GuessExplorer(case=3, guess="noise ball"))
    said(page, "Not a noise ball: it is bouncing.")
    page.locator("[data-remedy=noise]").click()
    diverged = int(GuessExplorer(case=3, remedy="noise").cured.diverged)
    said(page, f"the loss grows without bound: diverged at update {SEEN + diverged}")
    assert "diverged" in page.locator("[data-trait=step]").get_attribute("aria-valuetext")
    page.locator("[data-remedy=noise]").click()
    settle(page)
    assert "grows" not in said(page, "What the report suggests")
    assert page.locator("[data-trait=step]").get_attribute("aria-valuetext").startswith("200: loss")
    assert page.problems == []


def test_the_slider_marks_an_update_on_the_curve_and_on_the_map(show):
    page = show(GuessExplorer(case=7, guess="plateau"))
    step = page.locator("[data-trait=step]")
    page.wait_for_timeout(1500)
    rest = picture(page), picture(page, ".explorer-main canvas")
    step.press("Home")
    settle(page)
    loss = GuessExplorer(case=7).run.loss[0]
    assert step.get_attribute("aria-valuetext") == f"0: loss {loss:.3g}"
    assert picture(page) != rest[0] and picture(page, ".explorer-main canvas") != rest[1]
    for _ in range(3):
        step.press("ArrowRight")
    settle(page)
    assert step.get_attribute("aria-valuetext").startswith("3: loss")
    step.press("End")
    settle(page)
    assert (picture(page), picture(page, ".explorer-main canvas")) == rest


def test_all_numbers_can_be_seen(show):
    page = show(GuessExplorer(case=1, guess="plateau"))
    rows = page.locator("[data-readout] tbody tr")
    report = GuessExplorer().report()
    assert rows.count() == len(report.decisive)
    button = page.get_by_role("button", name=f"All {len(report.numbers)} numbers")
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    assert rows.count() == len(report.numbers)
    assert page.get_by_role("button", name="Only what decided").get_attribute("aria-expanded") == "true"
    said(page)


def test_a_screen_reader_hears_the_outcome(show):
    page = show(GuessExplorer(case=6))
    spoken = page.locator("[role=status]")
    assert spoken.inner_text() == ""
    choose(page, "plateau")
    heard = "(words) => document.querySelector('[role=status]').textContent.startsWith(words)"
    page.wait_for_function(heard, arg="Right: it is a plateau.")
    page.locator("[data-remedy=momentum]").click()
    page.wait_for_function(heard, arg="Momentum 0.9: the loss falls")
    page.get_by_role("button", name="Next case").click()
    page.wait_for_function(heard, arg="Case 7 of 8.")


def test_everything_works_by_keyboard_alone(show):
    page = show(GuessExplorer())
    reached = []
    for _ in range(18):
        page.keyboard.press("Tab")
        data = page.evaluate("({ ...document.activeElement.dataset })")
        reached.append(data.get("answer", data.get("trait")))
        if reached[-1] == "local minimum":
            page.keyboard.press("Enter")
            break
    assert "step" in reached and "bouncing" in reached
    said(page, "Not a local minimum")
    while page.evaluate("document.activeElement.dataset.remedy") != "noise":
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    said(page, "A little noise: the loss falls from 1.25 to")
    while "Next" not in page.evaluate("document.activeElement.textContent"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settle(page)
    assert page.evaluate("document.activeElement.dataset.case") == "2"
    assert page.locator(".guess-cover").is_visible()


def test_fingers_can_choose(show):
    page = show(GuessExplorer(), width=375, has_touch=True)
    page.locator("[data-answer=bouncing]").tap()
    said(page, "Not bouncing: it is a strict saddle.")
    page.locator("[data-remedy=noise]").tap()
    said(page, "the loss falls")
    assert page.problems == []


def test_who_wants_no_motion_sees_the_path_at_once(show):
    page = show(GuessExplorer(case=2), reduced_motion="reduce")
    choose(page, "plateau")
    settle(page)
    first = picture(page)
    page.wait_for_timeout(400)
    assert picture(page) == first


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("settings", [{}, {"case": 2, "guess": "local minimum", "remedy": "momentum"}])
def test_the_page_is_accessible_and_nothing_sticks_out(show, dark, width, settings):
    page = show(GuessExplorer(caption="A stalled run.", **settings), dark=dark, width=width)
    assert blemishes(page) == []
    assert page.problems == []


def test_the_map_stays_where_it_was_when_it_opens(show):
    page = show(GuessExplorer(case=5))
    before = page.locator(".explorer-plane").bounding_box()
    choose(page, "valley with flat directions")
    settle(page)
    assert page.locator(".explorer-plane").bounding_box() == before


def test_python_moves_the_page_and_the_clean_up_leaves_nothing(show):
    explorer = GuessExplorer()
    page = show(explorer)
    text, left = page.evaluate("""async ([code, stage, state]) => {
      const { StaticModel } = await import(stage), { default: explorer } = await import(code);
      const el = document.createElement('div'), model = new StaticModel(state);
      document.body.append(el);
      const stop = await explorer.render({ model, el });
      model.set('case', 7);
      model.set('guess', 'bouncing');
      await new Promise((done) => setTimeout(done, 50));
      const text = el.querySelector('.guess-below').textContent;
      stop();
      await new Promise((done) => setTimeout(done, 1500));
      const listeners = [...model.listeners.values()].reduce((n, calls) => n + calls.size, 0);
      return [text, [listeners, el.childElementCount]];
    }""", [data_url(module("guess")), data_url(source("stage.js")), explorer.state])
    assert text.startswith("Right: it is bouncing.")
    assert left == [0, 0] and page.problems == []
