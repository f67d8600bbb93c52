"""Questions: what can be asked, and how a page checks the answers, by mouse and by keyboard."""


import numpy as np
import pytest

from helpers.explorers.explorer import data_url, module, source
from helpers.explorers.question import Question, as_text, readable

NUMBER = {"answer": 0.5, "tolerance": 0.005, "explanation": "2/λ = ½.",
          "hints": {2.0: r"Divide by $\lambda$.", 0.25: "You forgot the 2."}}
CHOICE = {"choices": ["none", "two", "four"], "answer": "four", "hints": {"two": "Look once more."},
          "explanation": "One between each pair of minima."}


# What can be asked

@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"prompt": ""}, ValueError, "the prompt must not be empty"),
    ({"prompt": 3}, TypeError, "the prompt must be a string"),
    ({"prompt": "What is $x?"}, ValueError, r"a \$ without its partner"),
    ({"answer": None}, TypeError, "needs its answer"),
    ({"answer": float("nan")}, ValueError, "answer must be finite"),
    ({"answer": "1/2"}, TypeError, "answer must be a number"),
    ({"answer": True}, TypeError, "answer must be a number"),
    ({"tolerance": -0.1}, ValueError, "tolerance must be finite and at least 0"),
    ({"tolerance": "wide"}, TypeError, "tolerance must be a number"),
    ({"relative": 0.1, "tolerance": 0.1}, ValueError, "not both"),
    ({"relative": 1.0}, ValueError, "less than 1"),
    ({"answer": 0}, ValueError, "an answer of 0 needs a tolerance"),
    ({"hints": {0.503: "Round it."}, "tolerance": 0.005}, ValueError, "would never be seen"),
    ({"hints": {"two": "No."}}, TypeError, "a wrong answer that gets a hint must be a number"),
    ({"hints": {2: ""}}, ValueError, "must not be empty"),
    ({"hints": ["No."]}, TypeError, "hints must be a dict"),
    ({"unit": 5}, TypeError, "unit must be a string"),
    ({"name": 5}, TypeError, "name must be a string"),
    ({"explanation": 5}, TypeError, "explanation must be a string"),
    ({"answer": "six", "choices": ["one", "two"]}, ValueError, "answer must be one of the choices 'one'"),
    ({"answer": "one", "choices": ["one"]}, ValueError, "two or more different strings"),
    ({"answer": "one", "choices": ["one", "one"]}, ValueError, "two or more different strings"),
    ({"answer": "one", "choices": "one"}, TypeError, "choices must be a list"),
    ({"answer": "one", "choices": [1, 2]}, TypeError, "a choice must be a string"),
    ({"answer": "one", "choices": ["one", "two"], "hints": {"one": "Yes."}}, ValueError, "needs no hint"),
    ({"answer": "one", "choices": ["one", "two"], "hints": {"six": "!"}}, ValueError, "hints must answer"),
    ({"answer": "one", "choices": ["one", "two"], "tolerance": 0.1}, ValueError, "tolerance goes with a"),
    ({"answer": "one", "choices": ["one", "two"], "unit": "m"}, ValueError, "unit goes with a number"),
])
def test_a_question_that_cannot_be_asked_says_why(settings, error, words):
    with pytest.raises(error, match=words):
        Question(**({"prompt": "How much?", "answer": 0.5} | settings))


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="tolerence"):
        Question("How much?", answer=1.0, tolerence=0.1)


@pytest.mark.parametrize(("settings", "right", "wrong"), [
    ({"answer": 1.5, "tolerance": 0.01}, [1.5, 1.49, 1.51], [1.4899, 1.5101, -1.5]),
    ({"answer": -200, "relative": 0.1}, [-180, -220], [-179, 200, 0]),
    ({"answer": 7}, [7, 7.07], [7.08, 0]),
    ({"answer": 1 / 3, "tolerance": 0}, [1 / 3], [0.3333]),
    ({"answer": 0, "tolerance": 1e-3}, [0, 1e-3, -1e-3], [2e-3]),
    ({"answer": np.float64(2.5)}, [np.float64(2.5)], [2]),
])
def test_tolerances(settings, right, wrong):
    question = Question("How much?", **settings)
    assert [question.check(v) for v in right] == [True] * len(right)
    assert [question.check(v) for v in wrong] == [False] * len(wrong)


def test_value_and_correct_are_traits():
    seen, number, choice = [], Question("How much?", **NUMBER), Question("How many?", **CHOICE)
    number.observe(lambda change: seen.append(change.new), "correct")
    assert (number.value, number.correct) == (None, None)
    for value in (2, 0.5, None):
        number.value = value
    assert seen == [False, True, None]
    choice.value = "four"
    assert choice.correct is True
    with pytest.raises(ValueError, match="value must be one of the choices"):
        choice.value = "five"
    with pytest.raises(ValueError, match="value must be finite"):
        number.value = float("inf")
    with pytest.raises(TypeError, match="value must be a number"):
        number.value = "one"


def test_nothing_gives_the_answer_away():
    question = Question("How much?", answer=0.3721, hints={5: "A secret."}, explanation="secret", name="q1")
    page = question.static_html()
    assert repr(question) == "Question('How much?', name='q1')"
    assert "0.3721" not in page and "secret" not in page and "How much?" in page


def test_words_reach_the_page_as_text(monkeypatch):
    question = Question("Is <b>1</b> < 2 & more?", choices=["<i>yes</i>", "no"], answer="no")
    page = question.static_html()
    assert "&lt;b&gt;1&lt;/b&gt; &lt; 2 &amp; more?" in page and "<li>&lt;i&gt;yes&lt;/i&gt;</li>" in page
    assert "The worked solution stands below" in " ".join(page.split())
    monkeypatch.setenv("BOOK_STATIC", "site")
    assert question._repr_mimebundle_()[0]["text/html"] == page


@pytest.mark.parametrize(("tex", "plain"), [
    (r"At $\eta < 2/\lambda_{\max}$", "At η < 2/λ_max"),
    (r"\(\tfrac12 v^\top H v\)", "½ vᵀ H v"),
    (r"$\frac{2 + 2\beta}{\lambda}$", "(2 + 2β)/λ"),
    (r"$10^{-3}$ and $w_1 w_2^2$", "10⁻³ and w₁ w₂²"),
    (r"$\sqrt{\kappa - 1} \approx \Delta L$", "√(κ − 1) ≈ Δ L"),
    (r"$\lVert \nabla L \rVert \le \varepsilon$", "‖ ∇ L ‖ ≤ ε"),
    (r"It costs \$5 and $x' = \mathrm{sign}(x)$", "It costs $5 and x′ = sign(x)"),
])
def test_formulas_have_a_plain_form(tex, plain):
    assert readable(tex) == plain
    assert as_text(tex)["plain"] == plain and "$" not in as_text(tex)["tex"].replace("$5", "")
    assert as_text("no formula") == "no formula"


# In the browser

def answer(page, text):
    page.locator("input[type=text]").fill(text)
    page.locator("input[type=text]").press("Enter")
    return page.get_by_role("status").inner_text()


def test_a_number_is_checked_on_the_page(open_page):
    page = open_page(Question(r"Above which $\eta$ does it diverge?", **NUMBER))
    assert page.get_by_role("textbox", name="Above which η does it diverge?").count() == 1
    assert page.get_by_role("status").inner_text() == ""
    assert answer(page, "2") == "Not yet. Divide by λ."
    assert page.locator("input[type=text]").get_attribute("aria-invalid") == "true"
    assert answer(page, "0.25") == "Not yet. You forgot the 2."
    assert answer(page, "7").startswith("Not yet. Think it over")
    assert answer(page, "−0.5") == "Almost. The size is right, the sign is not."
    assert answer(page, "0,52").startswith("Close.")
    assert answer(page, "about half").startswith("Please write a number")
    assert page.locator("input[type=text]").get_attribute("aria-invalid") is None
    assert answer(page, "") == answer(page, "1/0") == answer(page, "NaN")
    for text in ("0.5", "0,5", ".5", "1/2", "5e-1", "+0.500", "5·10⁻¹", "50%", "η=.5", "−1/−2", "0.505", "½"):
        assert answer(page, text) == "Right. 2/λ = ½.", text
    page.locator("input[type=text]").fill("3")  # a new attempt takes the old verdict away
    assert page.get_by_role("status").inner_text() == ""
    page.get_by_role("button", name="Check").click()
    assert page.get_by_role("status").inner_text().startswith("Not yet.")
    assert page.problems == []


def test_a_choice_by_mouse_and_by_keyboard(open_page):
    page = open_page(Question("How many saddles?", **CHOICE))
    status, check = page.get_by_role("status"), page.get_by_role("button", name="Check")
    check.click()
    assert status.inner_text() == "Please choose one of the answers."
    page.locator(".question").get_by_text("two").click()
    check.click()
    assert status.inner_text() == "Not yet. Look once more."
    page.locator(".question").get_by_text("none").click()
    assert status.inner_text() == ""
    page.keyboard.press("Enter")
    assert status.inner_text().startswith("Not this one.")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert status.inner_text() == "Right. One between each pair of minima."
    assert page.get_by_role("group", name="How many saddles?").count() == 1
    for key, kind in (("Tab", "submit"), ("Shift+Tab", "radio")):  # the choices are one stop
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.type") == kind
    assert page.problems == []


def test_several_questions_on_a_narrow_page_do_not_disturb_one_another(open_page):
    page = open_page(Question("One?", answer=1, unit="steps"), Question("Two?", answer=2),
                     Question("Three?", **CHOICE), Question("Four?", **CHOICE), width=375)
    page.locator("input[type=text]").nth(1).fill("2")
    page.keyboard.press("Enter")
    assert [t.strip() for t in page.get_by_role("status").all_inner_texts()] == ["", "Right.", "", ""]
    page.locator("input[type=radio]").nth(0).check()
    page.locator("input[type=radio]").nth(4).check()
    assert page.locator("input:checked").count() == 2
    page.locator("input[type=text]").nth(0).fill("1 steps")
    page.keyboard.press("Enter")
    assert page.get_by_role("status").first.inner_text().strip() == "Right."
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.problems == []


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_without_javascript_the_question_is_plain(open_page):
    page = open_page(Question("How many saddles?", **CHOICE), java_script_enabled=False)
    text = page.locator("figure").inner_text()
    assert "How many saddles?" in text and "four" in text and "The worked solution stands below" in text


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_on_paper_the_question_stands(open_page):
    page = open_page(Question("How many saddles?", **CHOICE))
    assert not page.locator(".question-poster").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".question-poster").is_visible()
    assert not page.locator(".question").is_visible()


MATHJAX = """<script>
window.typeset = [];
window.MathJax = {startup: {promise: new Promise((done) => setTimeout(done, 50))},
  typesetPromise: async (nodes) => { for (const node of nodes) { typeset.push(node.textContent); } }};
</script>"""


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_mathjax_typesets_what_contains_formulas(open_page):
    page = open_page(Question(r"Above which $\eta$ does it diverge?", **NUMBER), head=MATHJAX)
    page.wait_for_function("() => typeset.length == 1")
    answer(page, "2")
    page.wait_for_function("() => typeset.length == 2")
    assert page.evaluate("typeset") == [r"Above which \(\eta\) does it diverge?", r"Divide by \(\lambda\)."]
    assert page.problems == []


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_render_returns_its_clean_up_and_follows_the_model(open_page):
    question = Question("How much?", **NUMBER)
    page = open_page(question)
    said = page.evaluate("""async ([code, stage, state]) => {
      const { StaticModel } = await import(stage), { default: explorer } = await import(code);
      const el = document.createElement("div"), model = new StaticModel(state);
      document.body.append(el);
      const stop = explorer.render({ model, el });
      model.set("value", 2);
      const texts = [el.querySelector("[role=status]").textContent, el.querySelector("input").value];
      stop();
      model.set("value", 0.5);
      return [...texts, el.childElementCount];
    }""", [data_url(module("question")), data_url(source("stage.js")), question.state])
    assert said == ["Not yet. Divide by λ.", "2", 0]


NUMBERS = {
    "1": 1, "-2": -2, "−2": -2, "–2": -2, "1,5": 1.5, "1.": 1, ".5": 0.5, "1/4": 0.25, "3e-4": 3e-4,
    "3E4": 3e4, "2·10^-3": 2e-3, "2*10^(-3)": 2e-3, "2 × 10⁻³": 2e-3, "10^-2": 0.01, "10⁻²": 0.01,
    "-10²": -100, "25%": 0.25, "x=4": 4, "≈ 4": 4, "1 000": 1000, "¼": 0.25, "4 steps": 4, "4steps": 4}
NONE = ["", "1½", "1/0", "0/0", "abc", "1,000.5", "1.2.3", "1,2,3", "--1", "NaN", "Infinity", "1e999",
        "1/2/3", "0x10", "5²", "4 step"]


@pytest.mark.parametrize("open_page", ["file"], indirect=True)
def test_what_counts_as_a_number(open_page):
    page = open_page(Question("How much?", **NUMBER))
    parse = """async ([code, texts]) => {
      const { parse } = await import(code);
      return texts.map((text) => parse(text, "steps"));
    }"""
    code = data_url(module("question"))
    assert page.evaluate(parse, [code, list(NUMBERS)]) == pytest.approx(list(NUMBERS.values()), rel=1e-15)
    assert page.evaluate(parse, [code, NONE]) == [None] * len(NONE)
