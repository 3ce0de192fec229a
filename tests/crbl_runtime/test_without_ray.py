"""Where Ray is not installed, and where it is but not Ray Data."""

import sys

import pytest

from crbl_runtime.errors import UnavailableError
from crbl_runtime.ray import score, scored


def test_an_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(UnavailableError, match=r"needs Ray Data, which is not there.*\.\[.*ray\]"):
        score("images", "crop.onnx", "scores")
    with pytest.raises(UnavailableError, match="needs Ray Data"):
        scored(None, "crop.onnx")  # type: ignore[arg-type]
