"""The symbolic core: one expression, three renderings."""

import numpy as np
import pytest
import sympy as sp

from helpers.symbolic import Formula, as_expression, derivative, javascript_function, latex, numpy_function

x, y, κ = sp.symbols("x y kappa", real=True)
LOSSES = [
    x**2 - y**2,
    sp.exp(-x * y) / (1 + x**2),
    sp.tanh(x) * sp.cos(sp.pi * y),
    sp.Max(0, x - y) ** 2,
    abs(x) ** 3 + y,
    sp.Piecewise((x**2, x < y), (y, True)),
    sp.sqrt(1 + x**2) + sp.log(2 + y**2),
    sp.atan2(y, x),
    x**-2 + sp.Integer(3),
]


@pytest.mark.parametrize("expression", LOSSES, ids=str)
def test_numpy_says_what_sympy_says(expression):
    points = np.random.default_rng(1).normal(size=(20, 2))
    values = Formula([(x, y)], expression)(points)
    exact = [float(expression.subs({x: sp.Float(a, 40), y: sp.Float(b, 40)})) for a, b in points]
    np.testing.assert_allclose(values, exact, rtol=1e-13, atol=1e-15)


def test_leading_axes_are_independent_evaluations_and_constants_broadcast():
    matrix = Formula([(x, y)], [[x * y, 2], [3, y]])
    points = np.random.default_rng(2).normal(size=(5, 4, 2))
    values = matrix(points)
    assert values.shape == (5, 4, 2, 2)
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values[3, 1], matrix(points[3, 1]))
    np.testing.assert_array_equal(values[..., 0, 1], 2.0)


def test_formula_of_scalars_and_vectors_together():
    line = Formula([κ, (x, y)], κ * x + y)
    np.testing.assert_array_equal(line([1.0, 2.0], [[1.0, 5.0], [1.0, 5.0]]), [6.0, 7.0])
    assert line(2.0, [1.0, 5.0]) == 7.0
    assert np.ndim(line(2.0, [1.0, 5.0])) == 0


def test_complex_arguments_stay_complex():
    square = Formula([(x,)], x**2)
    assert square([1 + 1e-30j]).imag == 2e-30


@pytest.mark.parametrize("name", ["lambda", "var", "in", "theta'", "η", "x0", "a0", "_x0", "Math", "numpy"])
def test_any_name_of_a_symbol_is_safe(name):
    symbol = sp.Symbol(name, real=True)
    formula = Formula([symbol], (symbol + 1) ** 2 + sp.sin((symbol + 1) ** 2))
    assert formula(1.0) == pytest.approx(4 + np.sin(4), rel=1e-15)
    assert name not in formula.javascript.replace("a0", "") or name in ("in", "x0", "_x0", "Math", "a0")


def test_derivatives_at_kinks_are_zero_not_deltas():
    for kinked in (abs(x), sp.Max(0, x), sp.Heaviside(x), sp.sign(x) * x):
        second = derivative(derivative(kinked, x), x)
        assert not second.has(sp.DiracDelta)
        assert Formula([x], second)(np.array([-1.0, 0.0, 1.0])).tolist() == [0, 0, 0]
        javascript_function([x], second)
    assert Formula([x], derivative(sp.Max(0, x), x))(np.array([-1.0, 0.0, 1.0])).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(
    "expression, text",
    [
        (x**2, "(a0*a0)"),
        ((x + y) ** 3, "((a0 + a1)*(a0 + a1)*(a0 + a1))"),
        (1 / x, "(1/a0)"),
        (sp.sqrt(x), "Math.sqrt(a0)"),
        (sp.pi * x, "Math.PI*a0"),
        (sp.EulerGamma * x, "0.5772156649015329*a0"),
        (-(x**2), "-(a0*a0)"),
        (x / y**2, "a0/(a1*a1)"),
    ],
)
def test_javascript_text(expression, text):
    assert javascript_function([x, y], expression) == f"(a0, a1) => {{ return {text}; }}"


def test_javascript_shares_subexpressions():
    code = javascript_function([(x, y)], [sp.sin(x * y), sp.cos(sp.sin(x * y))])
    assert code.count("Math.sin") == 1


@pytest.mark.parametrize(
    "expression",
    [
        sp.erf(x),
        sp.DiracDelta(x),
        sp.Function("f")(x),
        sp.Sum(x, (y, 0, 3)),
        sp.Integral(sp.exp(x**2), x),
        sp.besselj(0, x),
        2 * sp.Mod(x, 2),
    ],
    ids=str,
)
def test_what_has_no_javascript_says_so(expression):
    with pytest.raises(TypeError, match=r"has no JavaScript; use \+"):
        javascript_function([x], expression)


@pytest.mark.parametrize(
    "bad, error, words",
    [
        (x * κ, ValueError, "contains kappa; it may contain only x, y"),
        (sp.oo, ValueError, "finite real"),
        (sp.nan, ValueError, "finite real"),
        (sp.I * x, ValueError, "finite real"),
        (sp.Eq(x, y), TypeError, "scalar SymPy"),
        (sp.Matrix([x]), TypeError, "scalar SymPy"),
        (object(), TypeError, "must be a SymPy expression"),
        ("x +", TypeError, "must be a SymPy expression"),
        (None, TypeError, "SymPy expression"),
        ([x], TypeError, "SymPy expression"),
    ],
)
def test_what_is_no_expression_is_refused(bad, error, words):
    with pytest.raises(error, match=words):
        as_expression(bad, (x, y), "the loss")


def test_formula_refuses_wrong_arguments():
    formula = Formula([(x, y)], x + y)
    with pytest.raises(TypeError, match="takes 1 arguments, not 2"):
        formula([1, 2], 3)
    with pytest.raises(ValueError, match="last axis must have length 2"):
        formula([1, 2, 3])
    with pytest.raises(ValueError, match="contains kappa"):
        Formula([(x, y)], κ * x)


def test_latex_reads_as_a_person_writes():
    assert latex(1 - x * y) == "1 - x y"
    assert latex(x**2 - y**2) == "x^{2} - y^{2}"
    assert latex(y * κ, factors=[κ, y]) == r"\kappa y"
    assert latex(y**2 + x, first=[x]) == "x + y^{2}"
    assert Formula([(x, y)], [[x, 0], [0, y]]).latex == r"\left[\begin{matrix}x & 0\\0 & y\end{matrix}\right]"


def test_numpy_function_is_silent_where_a_branch_is_undefined(recwarn):
    root = numpy_function([x], [sp.Piecewise((sp.log(x), x > 0), (0, True)), 1 / x])
    assert root(np.array([-1.0, 0.0]))[0].tolist() == [0, 0]
    assert not recwarn.list


def test_roots_that_multiply_stand_under_one_root():
    a, b, c = sp.symbols("a b c", positive=True)
    assert latex(sp.sqrt(2) * sp.sqrt(a)) == r"\sqrt{2 a}"
    assert latex(1 - sp.sqrt(a) * sp.sqrt(b) / 3) == r"1 - \frac{\sqrt{a b}}{3}"
    assert latex(sp.sqrt(a) * sp.sqrt(b) * c) == r"\sqrt{a b} c"
    assert latex(sp.sqrt(a) * c) == r"\sqrt{a} c"


def test_maxima_and_minima_broadcast_in_numpy_and_nest():
    x, y = sp.symbols("x y")
    clip = Formula([x, y], sp.Piecewise((0, sp.Eq(x, 7)), (sp.Max(-y, sp.Min(y, x), -10), True)))
    assert clip([-20.0, -1.0, 0.5, 3.0, 7.0], 2.0).tolist() == [-2, -1, 0.5, 2, 0]
    assert clip(3.0, [1.0, 5.0]).tolist() == [1, 3]
