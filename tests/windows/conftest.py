"""Tests of genuine Windows programs: on Windows, or on Linux by run_tests.sh."""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Elsewhere none of them is run."""
    if os.name != "nt":
        reason = pytest.mark.skip(reason="for Windows, and for Linux by tests/windows/run_tests.sh")
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(reason)


@pytest.fixture(scope="session")
def directml() -> None:
    """DirectML starts. Under Wine run_tests.sh has seen to that, and then it must."""
    if "directml_on_wine" not in sys.modules:
        reason = _why_directml_does_not_start()
        if reason is not None:
            pytest.skip(f"no DirectX 12 adapter that DirectML takes ({reason})")


@pytest.fixture(scope="session")
def no_directml() -> None:
    """DirectML is there and does not start, as with a broken driver."""
    if "DmlExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has no DirectML")
    if _why_directml_does_not_start() is None:
        pytest.skip("DirectML starts here")


@pytest.fixture(scope="session")
def ansi_code_page() -> str:
    """What programs write where their output is no console: cp1252 or cp949 for example."""
    windll: Any = ctypes.WinDLL  # type: ignore[attr-defined]
    return f"cp{windll('kernel32').GetACP()}"


def _why_directml_does_not_start() -> str | None:
    from crbl_runtime.errors import UnavailableError
    from crbl_runtime.execution_provider import Provider
    from crbl_runtime.session import Session
    from small_model import small_model

    try:
        Session(small_model("fp32"), Provider("directml"), 1, "small.onnx")
    except UnavailableError as error:
        return str(error)
    return None
