"""A question whose answer the page checks, with hints for the wrong answers that are known."""

import base64
import html
import json
import re
import unicodedata

import traitlets

from helpers.checks import number
from helpers.explorers.explorer import Checked, Explorer, module

RELATIVE = 0.01  # how far off an answer may be where nothing else is said: 1 %


def _words(value, name):
    """`value` as a non-empty string whose dollar signs come in pairs."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {value!r}")
    if not value.strip():
        raise ValueError(f"{name} must not be empty")
    if len(re.findall(r"(?<!\\)\$", value)) % 2:
        raise ValueError(f"{name} has a $ without its partner; a plain dollar sign is written \\$: {value!r}")
    return value.strip()


def _value(question, value):
    if value is None:
        return None
    if question.choices:
        if value not in question.choices:
            accepted = ", ".join(map(repr, question.choices))
            raise ValueError(f"value must be one of the choices {accepted}, not {value!r}")
        return value
    return number(value, "value")


class Question(Explorer):
    """A question with one right answer: a number, or one of several choices.

    `answer`: a number, right within ± `tolerance`, or within the share `relative` of it (0.01 where neither
    is given); with `choices`, one of them. `hints`: {wrong answer: what to say to it}. `explanation` is shown
    after a right answer, `unit` stands behind the field. Readers may write 0.5, 0,5, 1/2, 5e-1 or 50 %.
    Words may contain LaTeX in $…$ or \\(…\\).

    Traits: `value`, the number or choice that was given (None before that); `correct`, True, False or None.

    Raises ValueError or TypeError for a question that cannot be asked.

    >>> question = Question("What is half of one?", answer=0.5, hints={2: "That is twice one."}, name="half")
    >>> question
    Question('What is half of one?', name='half')
    >>> question.value = 0.501
    >>> question.correct
    True
    """

    kind = "question"
    _esm = module(kind)

    value = Checked(_value)
    correct = traitlets.Bool(None, allow_none=True).tag(sync=True)

    def __init__(self, prompt, answer=None, *, tolerance=None, relative=None, choices=None, hints=None,
                 explanation="", unit="", name=""):
        self.prompt = _words(prompt, "the prompt")
        self.name, self.unit = (_optional(v, key) for v, key in ((name, "name"), (unit, "unit")))
        self.explanation = explanation and _words(explanation, "explanation")
        hints = {} if hints is None else hints
        if not isinstance(hints, dict):
            raise TypeError(f"hints must be a dict {{wrong answer: words}}, not {hints!r}")
        self.choices = () if choices is None else self._check_choices(choices)
        if self.choices:
            for key, given in (("tolerance", tolerance), ("relative", relative), ("unit", unit or None)):
                if given is not None:
                    raise ValueError(f"{key} goes with a number for an answer, not with choices")
            self._set_choice(answer, hints)
        else:
            self._set_number(answer, tolerance, relative, hints)
        self.hints = {key: _words(words, f"the hint for {key!r}") for key, words in self.hints.items()}
        super().__init__()
        self.spec = self._make_spec()
        self.observe(lambda change: setattr(self, "correct", self.check(change.new)), "value")

    @staticmethod
    def _check_choices(choices):
        if isinstance(choices, str) or not hasattr(choices, "__iter__"):
            raise TypeError(f"choices must be a list of strings, not {choices!r}")
        choices = tuple(_words(choice, "a choice") for choice in choices)
        if len(choices) < 2 or len(set(choices)) < len(choices):
            raise ValueError(f"choices must be two or more different strings, not {list(choices)}")
        return choices

    def _set_choice(self, answer, hints):
        accepted = ", ".join(map(repr, self.choices))
        if answer not in self.choices:
            raise ValueError(f"answer must be one of the choices {accepted}, not {answer!r}")
        for key in hints:
            if key not in self.choices:
                raise ValueError(f"hints must answer to choices ({accepted}), not to {key!r}")
        if answer in hints:
            raise ValueError(f"{answer!r} is right and needs no hint; `explanation` is shown after it")
        self.answer, self.hints = answer, dict(hints)

    def _set_number(self, answer, tolerance, relative, hints):
        if answer is None:
            raise TypeError("a question needs its answer: a number, or one of its choices")
        self.answer = number(answer, "answer")
        if tolerance is not None and relative is not None:
            raise ValueError("give a tolerance or a relative one, not both")
        if tolerance is not None:
            self.tolerance, self.relative = number(tolerance, "tolerance", 0), None
        else:
            self.relative = RELATIVE if relative is None else number(relative, "relative", 0, 1, below=True)
            self.tolerance = None
            if not self.answer:
                raise ValueError("an answer of 0 needs a tolerance: a share of 0 is 0")
        self.hints = {}
        for key, words in hints.items():
            key = number(key, "a wrong answer that gets a hint")
            if self.check(key):
                raise ValueError(f"the hint for {key:g} would never be seen: {key:g} counts as right "
                                 f"(the answer is {self.answer:g} ± {self.slack(self.answer):.3g})")
            self.hints[key] = words

    def slack(self, target):
        """How far from `target` a number may lie and still be taken for it: a hair more than asked."""
        asked = self.relative * abs(target or self.answer) if self.tolerance is None else self.tolerance
        return asked * (1 + 1e-9) + 1e-12 * max(abs(target), abs(self.answer))

    def check(self, value):
        """Whether `value` is right: True or False; None for None.

        >>> Question("π to two decimals?", answer=3.14, tolerance=0.005).check(3.1)
        False
        """
        if value is None:
            return None
        return value == self.answer if self.choices else abs(value - self.answer) <= self.slack(self.answer)

    def _make_spec(self):
        """What only the browser needs. What gives the answer away is encoded: nobody reads it by chance."""
        key = {"explanation": as_text(self.explanation)}
        if self.choices:
            key |= {"answer": self.choices.index(self.answer),
                    "hints": [[self.choices.index(k), as_text(words)] for k, words in self.hints.items()]}
        else:
            key |= {"answer": self.answer, "slack": self.slack(self.answer),
                    "hints": [[k, as_text(words), self.slack(k)] for k, words in self.hints.items()]}
        encoded = base64.b64encode(json.dumps(key, ensure_ascii=False).encode()).decode()
        choices = [{"name": choice, "label": as_text(choice)} for choice in self.choices]
        return {"prompt": as_text(self.prompt), "unit": as_text(self.unit), "name": self.name,
                "choices": choices, "key": encoded}

    def settings(self):
        """The prompt and the name: a stored notebook does not give the answer away."""
        return [self.prompt], {"name": (self.name, "")}

    def fallback(self):
        """The question on a page without JavaScript, and on paper."""
        choices = "".join(f"<li>{html.escape(readable(choice))}</li>" for choice in self.choices)
        choices = f"<ul>{choices}</ul>" if choices else ""
        unit = f" (in {html.escape(readable(self.unit))})" if self.unit else ""
        return (f'<div class="question-poster"><p>{html.escape(readable(self.prompt))}{unit}</p>{choices}'
                "<noscript><p>With JavaScript switched on, this page checks your answer. The worked solution "
                "stands below.</p></noscript></div>")


def _optional(value, name):
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {value!r}")
    return value and _words(value, name)


# Words with formulas: for MathJax where a page has it, in plain Unicode elsewhere

MATH = re.compile(r"(?<!\\)\$(.+?)(?<!\\)\$|\\\((.+?)\\\)", re.DOTALL)
GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
SIGNS = {  # a few; other Greek letters come by their Unicode names
    "cdot": "·", "times": "×", "pm": "±", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠",
    "approx": "≈", "sim": "∼", "propto": "∝", "infty": "∞", "to": "→", "leftarrow": "←", "partial": "∂",
    "nabla": "∇", "in": "∈", "sum": "∑", "prod": "∏", "int": "∫", "ldots": "…", "dots": "…", "cdots": "⋯",
    "top": "⊤", "prime": "′", "ell": "ℓ", "quad": " ", "left": "", "right": "", "lVert": "‖", "rVert": "‖",
    "|": "‖", ",": " ", ";": " ", "!": "", "lambda": "λ", "varepsilon": "ε", "varphi": "φ",
}
FRACTIONS = {("1", "2"): "½", ("1", "3"): "⅓", ("2", "3"): "⅔", ("1", "4"): "¼", ("3", "4"): "¾"}
SCRIPTS = {
    "^": dict(zip("0123456789+-−()nx⊤′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ⁿˣᵀ′", strict=True)),
    "_": dict(zip("0123456789+-−()ijknt", "₀₁₂₃₄₅₆₇₈₉₊₋₋₍₎ᵢⱼₖₙₜ", strict=True)),
}


def as_text(words):
    """Words for the page: a string, or {"tex", "plain"} where they contain formulas.

    >>> as_text("The rate"), as_text("The rate $\\\\eta$")
    ('The rate', {'tex': 'The rate \\\\(\\\\eta\\\\)', 'plain': 'The rate η'})
    """
    if not MATH.search(words):
        return words.replace("\\$", "$")
    tex = MATH.sub(lambda m: rf"\({m[1] or m[2]}\)", words).replace("\\$", "$")
    return {"tex": tex, "plain": readable(words)}


def readable(words):
    r"""The words with every formula in plain Unicode.

    >>> readable(r"The rate $\eta < \frac{2}{\lambda_{\max}}$ and $\tfrac12 w_1^2$")
    'The rate η < 2/λ_max and ½ w₁²'
    """
    return MATH.sub(lambda m: _plain(m[1] or m[2]), words).replace("\\$", "$")


def _plain(tex):
    def bracket(part):
        return part if re.fullmatch(r"[\w.′⁰¹²³₀-₉⁴-⁹]+", part) else f"({part})"

    def fraction(m):
        top, bottom = (_plain(part).strip() for part in (m[1] or m[3], m[2] or m[4]))
        return FRACTIONS.get((top, bottom)) or f"{bracket(top)}/{bracket(bottom)}"

    def script(m):
        part, table = _plain(m[2] or m[3]).strip(), SCRIPTS[m[1]]
        if all(c in table for c in part):
            return "".join(table[c] for c in part)
        return m[1] + (part if re.fullmatch(r"\w+", part) else f"({part})")

    def sign(m):
        name = m[1] or m[2]
        case = "CAPITAL" if name[0].isupper() else "SMALL"
        try:
            return SIGNS.get(name) or unicodedata.lookup(f"GREEK {case} LETTER {name.upper()}")
        except KeyError:
            return SIGNS.get(name, name)

    tex = re.sub(rf"\\[td]?frac(?:{GROUP}{GROUP}|(\d)\s*(\d))", fraction, tex)
    tex = re.sub(rf"\\sqrt{GROUP}", lambda m: "√" + bracket(_plain(m[1])), tex)
    tex = re.sub(rf"\\(?:mathrm|mathbf|mathbb|operatorname|text){GROUP}", lambda m: m[1], tex)
    tex = re.sub(rf"([_^])(?:{GROUP}|(\\[A-Za-z]+|\S))", script, tex)
    tex = re.sub(r"\\([A-Za-z]+)|\\(.)", sign, tex)
    return re.sub(r"\s+", " ", re.sub("[{}]", "", tex).replace("-", "−").replace("'", "′"))
