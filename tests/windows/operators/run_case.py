"""Runs the model of a case on DirectML, beside the CPU provider."""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

from windows.operators.case import Case
from windows.operators.case_model import case_model
from windows.operators.one_node import Array
from windows.operators.outcome import Outcome

# Of the output's scale: two units of a float16, and for the rest what the self-test of a model file allows.
LARGEST_DIFFERENCE = 1e-4
LARGEST_DIFFERENCE_OF_FLOAT16 = 2e-3

REASONS = ("This is an invalid model", "Failed to find node output or a constant initializer producing output")


def run_case(case: Case) -> Outcome:
    """Needs a DirectML that starts; gives no memory back."""
    model, fed = case_model(case)
    try:
        found, providers = _on_directml(model, fed)
    except Exception as error:  # onnxruntime's own types have no public base.
        return _failure(_message(error))
    if providers != {"DmlExecutionProvider"}:
        return Outcome("not run there", f"by {', '.join(sorted(providers)) or 'no provider'}")
    expected, detail = _expected(model, fed)
    difference = max(map(_difference, found, expected))
    limit = LARGEST_DIFFERENCE_OF_FLOAT16 if case.element == "float16" else LARGEST_DIFFERENCE
    return Outcome("runs" if difference <= limit else "differs", detail, float(f"{difference:.1e}"))


def _on_directml(model: onnx.ModelProto, fed: dict[str, Array]) -> tuple[list[Array], set[str]]:
    """The outputs, and which providers computed nodes, which onnxruntime's profile tells."""
    options = onnxruntime.SessionOptions()
    options.enable_mem_pattern = False
    options.log_severity_level = 4
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    options.enable_profiling = True
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(
            model.SerializeToString(),
            options,
            providers=[("DmlExecutionProvider", {"device_id": 0})],
            disabled_optimizers=["ConstantFolding"],  # It would replace Shape by its result.
            enable_fallback=0,  # To the CPU, which hides the reason.
        )
        found = session.run(None, fed)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    names = {each["args"]["provider"] for each in events if each["cat"] == "Node" and "provider" in each["args"]}
    return found, names


def _expected(model: onnx.ModelProto, fed: dict[str, Array]) -> tuple[list[Array], str]:
    """The CPU provider's outputs; where it has no such kernel those of ONNX's reference."""
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, fed), ""
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        expected = ReferenceEvaluator(model).run(None, fed)
        return list(expected), "beside ONNX's reference: the CPU provider has no kernel"


def _difference(found: Array, expected: Array) -> float:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return float("inf")
    distance = np.abs(found.astype(np.float64) - expected.astype(np.float64)).max()
    return float(distance / max(float(np.abs(expected.astype(np.float64)).max()), np.finfo(np.float64).tiny))


def _message(error: Exception) -> str:
    """In one line. On a Korean Windows onnxruntime's messages may have bytes of its code page, and then the real error
    is hidden in the one of decoding them."""
    text = error.object.decode("ascii", "replace") if isinstance(error, UnicodeDecodeError) else str(error)
    return " ".join(text.split())


def _failure(message: str) -> Outcome:
    """The reason without what onnxruntime puts around it, and without words in the language of the machine."""
    if "assigned to the default CPU EP" in message:
        return Outcome("refused", "left to the CPU")
    if "80004005" in message:
        return Outcome("cannot compile", "80004005")
    code = re.search(r"\b8[0-9A-F]{7}\b", message)
    known = [reason for reason in REASONS if reason in message]
    return Outcome("fails", code.group() if code else (known or [message])[0])
