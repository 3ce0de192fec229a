"""Runs the model of a case on DirectML, beside the CPU provider."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from windows.operators.case import Case
from windows.operators.gemm_with_activation import gemm_with_activation
from windows.operators.one_node import one_node_model

# Of the output's scale. Integers and what is only moved must be equal, but have a difference of 0 anyway.
LARGEST_DIFFERENCE = {"float16": 2e-3}
LARGEST_DIFFERENCE_ELSEWHERE = 1e-4
GEMM_WITH_ACTIVATION = Case("Gemm", 13, "float", "its result an output, and into a Sigmoid")


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        kind: "runs", "differs", "refused", "cannot compile" (Direct3D's failure 80004005), "fails", or "not run there".
        detail: the reason, or what it was compared with if that was not the CPU provider.
        difference: the largest from the CPU provider's output, relative to the output's scale.
    """

    kind: str
    detail: str = ""
    difference: float | None = None


def outcome(case: Case) -> Outcome:
    """Needs a DirectML that starts; gives no memory back."""
    model, fed = gemm_with_activation() if case == GEMM_WITH_ACTIVATION else one_node_model(case)
    try:
        found, providers = _on_directml(model, fed)
    except Exception as error:  # onnxruntime's own types have no public base.
        return _failure(" ".join(str(error).split()))
    if providers != {"DmlExecutionProvider"}:
        return Outcome("not run there", f"by {', '.join(sorted(providers)) or 'no provider'}")
    expected, detail = _expected(model, fed)
    difference = max(map(_difference, found, expected))
    limit = LARGEST_DIFFERENCE.get(case.element, LARGEST_DIFFERENCE_ELSEWHERE)
    return Outcome("runs" if difference <= limit else "differs", detail, float(f"{difference:.1e}"))


def _on_directml(model: onnx.ModelProto, fed: dict[str, NDArray[Any]]) -> tuple[list[NDArray[Any]], set[str]]:
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
        )
        found = session.run(None, fed)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    names = {each["args"]["provider"] for each in events if each["cat"] == "Node" and "provider" in each["args"]}
    return found, names


def _expected(model: onnx.ModelProto, fed: dict[str, NDArray[Any]]) -> tuple[list[NDArray[Any]], str]:
    """The CPU provider's outputs; where it has no such kernel those of ONNX's reference."""
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, fed), ""
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        return ReferenceEvaluator(model).run(None, fed), "compared with ONNX's reference: the CPU provider has no kernel"


def _difference(found: NDArray[Any], expected: NDArray[Any]) -> float:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return float("inf")
    distance = np.abs(found.astype(np.float64) - expected.astype(np.float64)).max()
    return float(distance / max(float(np.abs(expected.astype(np.float64)).max()), np.finfo(np.float64).tiny))


def _failure(message: str) -> Outcome:
    """The reason without what onnxruntime puts around it."""
    if "assigned to the default CPU EP" in message:
        return Outcome("refused", "left to the CPU")
    if "80004005" in message:
        return Outcome("cannot compile", "80004005")
    code = re.search(r"\b8[0-9A-F]{7}\b.*", message)
    return Outcome("fails", (code.group() if code else message)[:200])
