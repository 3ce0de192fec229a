"""What DirectX and onnxruntime say, in the user's language and without the folders of a build machine."""

import os
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from crbl_runtime.errors import UnavailableError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.onnxruntime_reason import REMEDIES, onnxruntime_reason
from crbl_runtime.options import EXECUTION_PROVIDERS
from crbl_runtime.session import Session
from public_commands import Trained

BEFORE_CODE = (
    rb"[ONNXRuntimeError] : 1 : FAIL : D:\a\_work\1\s\onnxruntime\core\providers\dml\DmlExecutionProvider\src"
    rb"\ExecutionProvider.cpp(97)\onnxruntime_pybind11_state.pyd!00007FFA6E4D2F41: (caller: 00007FFA6E4D1B2C) "
    rb"Exception(1) tid(2c) "
)
KOREAN = "장치 인터페이스 또는 기능 수준이 이 시스템에서 지원되지 않습니다.\r\n"


def from_pybind(content: bytes) -> UnicodeDecodeError:
    """What Python raises where pybind11 hands over a message that is no UTF-8."""
    with pytest.raises(UnicodeDecodeError) as caught:
        content.decode("utf-8")
    return caught.value


def test_a_message_in_a_korean_code_page_keeps_its_code_and_gets_a_remedy() -> None:
    reason = onnxruntime_reason(from_pybind(BEFORE_CODE + b"887A0004 " + KOREAN.encode("cp949")))
    assert reason.startswith("887A0004 ")
    assert "DirectX 12" in reason
    assert "remote desktop" in reason
    assert "\n" not in reason
    assert "_work" not in reason


@pytest.mark.skipif(os.name != "nt", reason="the ANSI code page is Windows' own")
def test_a_message_in_this_windows_code_page_is_readable() -> None:
    reason = onnxruntime_reason(from_pybind(BEFORE_CODE + b"887A0004 \xb5 " + KOREAN.encode("mbcs", "replace")))
    assert KOREAN.encode("mbcs", "replace").decode("mbcs").strip().rstrip(".") in reason


@pytest.mark.parametrize("code", REMEDIES)
def test_every_known_code_has_a_remedy_once(code: str) -> None:
    message = BEFORE_CODE.decode() + f"{code} The words of the system.\n\nStacktrace:\n{code} again"
    reason = onnxruntime_reason(RuntimeError(message))
    assert reason == f"{code} The words of the system: {REMEDIES[code]}"


def test_an_unknown_code_is_given_as_it_is() -> None:
    reason = onnxruntime_reason(RuntimeError(BEFORE_CODE.decode() + "80070057 The parameter is incorrect.\r\n"))
    assert reason == "80070057 The parameter is incorrect"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "[ONNXRuntimeError] : 1 : FAIL : /onnxruntime_src/onnxruntime/core/framework/x.cc:481 void f() No kernel",
            "void f() No kernel",
        ),
        ("[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model failed\nmore", "Load model failed"),
        ("Load model from /home/user/crop.onnx failed", "Load model from /home/user/crop.onnx failed"),
        ("", "RuntimeError"),
    ],
)
def test_other_messages_lose_the_build_machine_alone(message: str, expected: str) -> None:
    assert onnxruntime_reason(RuntimeError(message)) == expected


def test_a_driver_that_refuses_is_unavailable_with_its_reason(crop: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in at the boundary to onnxruntime, since no driver here refuses."""

    def refuse(*given: Any, **options: Any) -> None:
        (BEFORE_CODE + b"887A0005 " + KOREAN.encode("cp949")).decode("utf-8")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    with pytest.raises(UnavailableError, match=r"does not start on directml, device 1 .*887A0005.*removed or reset"):
        Session(crop.model.read_bytes(), Provider("directml", 1), None, "crop.onnx")


def test_a_device_that_is_lost_in_a_run_is_unavailable_with_its_reason(
    crop: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXECUTION_PROVIDERS, "directml", "CPUExecutionProvider")
    monkeypatch.setattr(Provider, "to_onnxruntime", lambda provider: ("CPUExecutionProvider", {}))
    session = Session(crop.model.read_bytes(), Provider("directml"), None, "crop.onnx")

    class Lost:
        def get_outputs(self) -> list[Any]:
            return []

        def run(self, *given: Any) -> None:
            raise RuntimeError(BEFORE_CODE.decode() + "887A0006 The device will not respond.")

    session._session = Lost()
    with pytest.raises(UnavailableError, match=r"does not run on directml, device 0 .*887A0006"):
        session.run(None)  # type: ignore[arg-type]


def test_a_model_that_cannot_be_loaded_says_why_without_a_build_path(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="cannot be loaded") as caught:
        Session(b"no model", Provider("cpu"), None, "text.onnx")
    assert "onnxruntime_src" not in str(caught.value)
