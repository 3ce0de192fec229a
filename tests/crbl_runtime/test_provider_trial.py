"""Each execution provider is tried in a process of its own, whatever becomes of that."""

import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from crbl_runtime import provider_trial
from crbl_runtime.execution_provider import Provider
from crbl_runtime.provider_trial import TRIAL_MODEL, TriedProvider, failure_in_this_process, try_providers
from crbl_runtime.session import Session


def test_the_cpu_works_and_is_named_first() -> None:
    assert try_providers()[0] == TriedProvider("cpu", None)


def test_the_small_model_is_what_its_comment_says() -> None:
    model = onnx.load_model_from_string(TRIAL_MODEL)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Cast", "Transpose", "Conv", "Sigmoid", "ReduceMean"]
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 17}
    (weights,) = map(onnx.numpy_helper.to_array, model.graph.initializer)
    assert np.array_equal(weights.ravel(), (np.arange(weights.size) % 7 - 3) / 256)


def test_a_provider_that_this_onnxruntime_lacks_has_a_reason() -> None:
    reason = failure_in_this_process(Provider("cuda"))
    assert reason is not None
    assert "cuda, device 0" in reason


def test_a_wrong_result_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Session.run
    results = iter([0.01, 0.0])
    monkeypatch.setattr(Session, "run", lambda *given: {"logit": right(*given)["logit"] + next(results)})
    reason = failure_in_this_process(Provider("cpu"))
    assert reason is not None
    assert "it computes wrongly: a small model's result is off by 0.01" in reason


def test_a_process_that_ends_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that ends at once stands in for a Python that a driver takes with it."""
    program = shutil.which("false")
    if program is None:
        pytest.skip("there is no program that does nothing but fail")
    python = tmp_path / "python"
    python.symlink_to(program)
    monkeypatch.setattr(sys, "executable", str(python))
    assert try_providers()[0].reason == ("trying it ended the process (exit code 1). Update the graphics driver.")


def test_a_process_that_hangs_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_trial, "SECONDS", 0.01)
    reason = try_providers()[0].reason
    assert reason is not None
    assert reason.startswith("there was no answer within 0.01 seconds")
