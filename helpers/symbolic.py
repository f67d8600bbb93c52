"""SymPy expressions as LaTeX, as NumPy functions and as JavaScript functions.

This is the only place in the book that prints code. NumPy and JavaScript are printed from the same common
subexpressions, so that they round alike.
"""

from functools import cached_property, lru_cache

import numpy as np
import sympy as sp
from sympy.printing.jscode import JavascriptCodePrinter
from sympy.printing.latex import LatexPrinter


class _JavaScript(JavascriptCodePrinter):
    """SymPy's JavaScript printer, with short powers as products and an error where it would print no code."""

    def _print_Pow(self, power):
        base, exponent = power.as_base_exp()
        if exponent == sp.S.Half:
            return f"Math.sqrt({self._print(base)})"
        if exponent == -1:
            return f"(1/{self.parenthesize(base, 1000, strict=True)})"
        if exponent.is_Integer and 2 <= abs(exponent) <= 4:
            factor = self.parenthesize(base, 1000, strict=True)
            product = "*".join([factor] * abs(int(exponent)))
            return f"({product})" if exponent > 0 else f"(1/({product}))"
        return f"Math.pow({self._print(base)}, {self._print(exponent)})"

    def _print_NumberSymbol(
        self, number
    ):  # pi, EulerGamma: the plain printer declares a variable inside the expression
        return repr(float(number))

    def _print_not_supported(self, expression):
        raise TypeError(
            f"{type(expression).__name__} has no JavaScript; use +, −, ·, /, powers, exp, log, "
            "trigonometric and hyperbolic functions, Abs, Min, Max, sign or Piecewise"
        )

    _print_Sum = _print_Product = _print_Integral = _print_Derivative = _print_Mod = emptyPrinter = (
        _print_not_supported
    )


_PRINTER = _JavaScript({"contract": False})


class _Latex(LatexPrinter):
    """SymPy's LaTeX printer, with the positive terms of a sum first: 1 − w₁w₂, not −w₁w₂ + 1."""

    first = ()

    def _as_ordered_terms(self, expression, order=None):
        def place(term):
            rank = next((k for k, symbol in enumerate(self.first) if term.has(symbol)), len(self.first))
            return term.could_extract_minus_sign(), rank

        return sorted(super()._as_ordered_terms(expression, order), key=place)

    def _print_Rational(self, number):
        """10⁻⁸, not 1/100000000."""
        power = len(str(number.q)) - 1
        if number.p == 1 and power > 2 and number.q == 10**power:
            return f"10^{{-{power}}}"
        return super()._print_Rational(number)

    def _print_Mul(self, product):
        """√(2ηD), not √2 √η √D; and 1/√(ab), not 1/(√a √b)."""
        for sign in (1, -1):
            roots = [f for f in product.args if f.is_Pow and f.exp == sign * sp.S.Half]
            if len(roots) > 1:
                root = sp.Pow(sp.Mul(*(f.base for f in roots)), sp.S.Half, evaluate=False)
                joined = sp.Symbol(self._print(root))  # a name that prints as the root
                rest = (f for f in product.args if f not in roots)
                return self._print(sp.Mul(joined**sign, *rest))
        return super()._print_Mul(product)


def as_expression(expression, allowed=None, what="the expression"):
    """The SymPy expression of real, finite numbers that `expression` stands for.

    Raises TypeError when it is no scalar expression, and ValueError when it contains infinities or symbols
    other than `allowed`.

    >>> as_expression(2, (), "a constant")
    2
    """
    try:
        expression = sp.sympify(expression, strict=True)
    except (sp.SympifyError, TypeError, AttributeError) as error:
        raise TypeError(f"{what} must be a SymPy expression, not {expression!r}") from error
    if not isinstance(expression, sp.Expr) or getattr(expression, "is_Matrix", False):
        raise TypeError(f"{what} must be a scalar SymPy expression, not {type(expression).__name__}")
    if expression.has(sp.nan, sp.oo, -sp.oo, sp.zoo, sp.I):
        raise ValueError(f"{what} must be a finite real expression, not {expression}")
    if allowed is not None and (free := expression.free_symbols - set(allowed)):
        raise ValueError(
            f"{what} contains {_names(free)}; it may contain only {_names(allowed) or 'numbers'}"
        )
    return expression


def _names(symbols):
    return ", ".join(sorted(str(s) for s in symbols))


def derivative(expression, symbol):
    """∂expression/∂symbol, taken almost everywhere.

    At the kink of |x| or max(0, x) SymPy would answer with a Dirac delta, which no program can evaluate: it
    is set to 0. See also `with_tanh`.

    >>> x = sp.Symbol("x", real=True)
    >>> derivative(derivative(abs(x), x), x), derivative(sp.log(sp.cosh(x)), x)
    (0, tanh(x))
    """
    result = with_tanh(sp.diff(expression, symbol))
    return result.replace(sp.DiracDelta, lambda *_: sp.S.Zero).replace(
        sp.Heaviside, lambda a, *_: sp.Piecewise((1, a > 0), (sp.S.Half, sp.Eq(a, 0)), (0, True))
    )


def with_tanh(expression):
    """The same with tanh u for sinh u/cosh u, which would be ∞/∞ for large u.

    >>> u = sp.Symbol("u", real=True)
    >>> with_tanh(sp.diff(sp.log(sp.cosh(u)), u))
    tanh(u)
    """

    def over_cosh(part):
        return part.is_Mul and any(
            f.is_Pow and f.base.func == sp.cosh and f.exp.is_negative for f in part.args
        )

    return expression.replace(
        over_cosh, lambda part: part.replace(sp.sinh, lambda u: sp.tanh(u) * sp.cosh(u))
    )


def _shared(expressions, symbols=None):
    """Common subexpressions; the names cannot collide with an argument or a reserved word."""
    return sp.cse(expressions, symbols=sp.numbered_symbols("_x"), list=True)


_EXTREMES = {"_maximum": np.maximum, "_minimum": np.minimum}


def _pairwise(extreme):
    """Max(a, b, c) as _maximum(a, _maximum(b, c)): SymPy's own printing of Max and Min does not broadcast."""
    name = sp.Function("_maximum" if isinstance(extreme, sp.Max) else "_minimum")
    *rest, last = sp.ordered(extreme.args)
    for term in reversed(rest):
        last = name(term, last)
    return last


def numpy_function(arguments, expressions):
    """A function of the symbols `arguments` that returns the list of `expressions`, broadcast together.

    Its attribute `code` is the generated function within. That one takes float64 arrays and numbers as they
    are, and returns a number where an expression is constant: for loops where every microsecond counts.

    >>> x, y = sp.symbols("x y")
    >>> [a.tolist() for a in numpy_function([x, y], [x * y, sp.Integer(2)])(np.array([1.0, 2.0]), 3.0)]
    [[3.0, 6.0], [2.0, 2.0]]
    """
    return _numpy_function(tuple(arguments), tuple(expressions))


@lru_cache(maxsize=1024)
def _numpy_function(arguments, expressions):
    # plain names: a symbol may be called lambda or θ'
    plain = [sp.Symbol(f"_a{i}", real=True) for i in range(len(arguments))]
    swap = dict(zip(arguments, plain, strict=True))
    expressions = [
        e.xreplace(swap).replace(lambda part: isinstance(part, (sp.Max, sp.Min)), _pairwise)
        for e in expressions
    ]
    code = sp.lambdify(plain, expressions, modules=[_EXTREMES, "numpy"], cse=_shared)

    def function(*values):
        values = [np.asarray(v) for v in values]
        kind = np.result_type(np.float64, *values)  # complex where a complex step comes in
        values = [v.astype(kind, copy=False) for v in values]
        with np.errstate(all="ignore"):  # Piecewise evaluates every branch; callers report divergence
            results = [np.asarray(r, dtype=kind) for r in code(*values)]
        shape = np.broadcast_shapes(*{a.shape for a in (*results, *values)})
        return [r if r.shape == shape else np.broadcast_to(r, shape) for r in results]

    function.code = code
    return function


def javascript_function(arguments, expressions):
    """The text of a JavaScript arrow function.

    `arguments`: symbols (numbers in JavaScript) and tuples of symbols (arrays). `expressions`: an
    expression, or nested lists of them (arrays).

    >>> x, y = sp.symbols("x y")
    >>> javascript_function([(x, y)], [x**2, y])
    '(a0) => { return [(a0[0]*a0[0]), a0[1]]; }'
    """
    swap = {}
    for i, argument in enumerate(arguments):
        if isinstance(argument, (tuple, list, sp.Tuple)):
            swap |= {s: sp.Symbol(f"a{i}[{k}]", real=True) for k, s in enumerate(argument)}
        else:
            swap[argument] = sp.Symbol(f"a{i}", real=True)
    flat = [e.xreplace(swap) for e in _flatten(expressions)]
    common, flat = _shared(flat)
    lines = [f"const {s} = {_PRINTER.doprint(e)};" for s, e in common]
    values = iter([_PRINTER.doprint(e) for e in flat])
    names = ", ".join(f"a{i}" for i in range(len(arguments)))
    return f"({names}) => {{ {' '.join([*lines, f'return {_nest(expressions, values)};'])} }}"


def _flatten(expressions):
    if isinstance(expressions, (list, tuple)):
        return [e for part in expressions for e in _flatten(part)]
    return [sp.sympify(expressions)]


def _nest(expressions, values):
    if isinstance(expressions, (list, tuple)):
        return "[" + ", ".join(_nest(part, values) for part in expressions) + "]"
    return next(values)


def latex(expression, factors=(), first=()):
    """The LaTeX of an expression, equation or matrix.

    Symbols in `factors` stand in that order in a product; terms of a sum that contain a symbol of `first`
    lead it.

    >>> w, η = sp.symbols("w_1 eta")
    >>> latex(1 - w), latex(w * η), latex(w * η, factors=[η, w])
    ('1 - w_{1}', '\\\\eta w_{1}', '\\\\eta w_{1}')
    """
    stand_in = {
        s: sp.Symbol(f"_{k:02d}", **s.assumptions0) for k, s in enumerate(factors)
    }  # products are sorted by name
    names = {stand_in[s]: LatexPrinter().doprint(s) for s in factors}
    printer = _Latex({"mat_delim": "[", "ln_notation": True, "symbol_names": names})
    printer.first = [stand_in.get(s, s) for s in first]
    return printer.doprint(expression.xreplace(stand_in) if factors else expression)


class Formula:
    """A formula, written once: `.latex` prints it, calling it runs NumPy, `.javascript` is for browsers.

    `arguments` are symbols (scalars) and tuples of symbols (vectors: the last axis of an array in NumPy, an
    array in JavaScript). `expression` is a scalar expression, a list of expressions (a vector) or a list of
    lists (a matrix). Leading axes broadcast: they are independent evaluations.

    >>> a, b = sp.symbols("a b")
    >>> mean = Formula([(a, b)], (a + b) / 2)
    >>> mean([[1.0, 3.0], [5.0, 7.0]]).tolist()
    [2.0, 6.0]
    >>> mean.javascript
    '(a0) => { return (1/2)*a0[0] + (1/2)*a0[1]; }'
    """

    def __init__(self, arguments, expression):
        self.arguments = tuple(tuple(a) if isinstance(a, (tuple, list)) else a for a in arguments)
        self.expression = expression
        symbols = _flatten([list(a) if isinstance(a, tuple) else a for a in self.arguments])
        for entry in _flatten(expression):
            as_expression(entry, symbols)
        self._symbols = symbols
        self._shape = np.shape(np.array(expression, dtype=object))

    @cached_property
    def _numpy(self):
        return numpy_function(self._symbols, _flatten(self.expression))

    @property
    def code(self):
        """The generated function of all symbols one by one that returns the list of entries: no checks."""
        return self._numpy.code

    def __call__(self, *values):
        if len(values) != len(self.arguments):
            raise TypeError(f"the formula takes {len(self.arguments)} arguments, not {len(values)}")
        components = []
        for argument, value in zip(self.arguments, values, strict=True):
            value = np.asarray(value)
            if not isinstance(argument, tuple):
                components.append(value)
            elif value.ndim and value.shape[-1] == len(argument):
                components.extend(value[..., k] for k in range(len(argument)))
            else:
                raise ValueError(
                    f"the last axis must have length {len(argument)}, but the shape is {value.shape}"
                )
        entries = self._numpy(*components)
        if not self._shape:
            return entries[0][()]
        return np.stack(entries, axis=-1).reshape(*np.shape(entries[0]), *self._shape)

    @cached_property
    def javascript(self):
        """The formula as the text of a JavaScript arrow function."""
        return javascript_function(self.arguments, self.expression)

    @cached_property
    def latex(self):
        """The formula's right-hand side as LaTeX."""
        matrix = len(self._shape) > 0
        return latex(sp.Matrix(self.expression) if matrix else self.expression)
