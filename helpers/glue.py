"""Numbers for the text: a cell publishes a value under a name, and the text between the cells quotes it."""

import numbers

from IPython.display import publish_display_data

_PREFIX = "application/papermill.record/"  # MyST-NB reads these records; front ends show nothing


def record(name, value):
    """The MIME bundle and the metadata that publish `value` under `name`.

    A number keeps six significant digits: later ones differ between processors.

    >>> record("ratio", 1 / 3)  # doctest: +ELLIPSIS
    ({'application/papermill.record/text/plain': '0.333333'}, {'scrapbook': {...}})
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"the name of a glued value must be a non-empty string, not {name!r}")
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        value = int(value)
    elif isinstance(value, numbers.Real) and not isinstance(value, bool):
        value = float(f"{float(value):.6g}")
    elif not isinstance(value, str):
        raise TypeError(f"{name!r} must be a number or a string to be glued, not {type(value).__name__}")
    return {f"{_PREFIX}text/plain": repr(value)}, {"scrapbook": {"name": name, "mime_prefix": _PREFIX}}


def glue(name, value):
    """Publish `value` (a number or a string), so that the text can say ``{glue:text}`name:.3f```.

    Does what `myst_nb.glue` does, without Sphinx: a notebook in Binder has no Sphinx.
    """
    data, metadata = record(name, value)
    publish_display_data(data, metadata)
