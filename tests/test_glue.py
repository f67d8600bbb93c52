import numpy as np
import pytest

from helpers.glue import glue, record


@pytest.mark.parametrize("value, text", [
    (2, "2"), (np.int64(3), "3"), (0.123456789, "0.123457"), (np.float64(1) / 3, "0.333333"),
    ("saddle", "'saddle'"), (float("nan"), "nan"), (1e-12, "1e-12"),
])
def test_a_record_holds_plain_python_text(value, text):
    data, metadata = record("name", value)
    assert data == {"application/papermill.record/text/plain": text}
    assert metadata["scrapbook"]["name"] == "name"


@pytest.mark.parametrize("name, value", [
    ("", 1), (3, 1), ("x", None), ("x", True), ("x", np.zeros(2)), ("x", 1j),
])
def test_what_cannot_be_quoted_is_refused(name, value):
    with pytest.raises(TypeError, match="must be"):
        glue(name, value)
