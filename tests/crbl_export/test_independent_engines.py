"""Engines that share no code with onnxruntime read the same numbers out of the file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from onnx.reference import ReferenceEvaluator

from crbl_export.parity.reference import reference_logits
from crbl_runtime.preprocessing import prepare
from crbl_training.checkpoint import load_checkpoint
from public_commands import Trained

TOLERANCE = 2e-4
OUTPUTS = ("probability", "logit", "heatmap")


@dataclass(frozen=True)
class Case:
    """Two real images, and what float64 PyTorch and onnxruntime say of them."""

    file: Path
    images: np.ndarray
    logits: np.ndarray
    onnxruntime: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def case(crop: Trained, photographs: Path) -> Case:
    checkpoint = load_checkpoint(crop.checkpoint)
    paths = [photographs / "coffee_0.png", photographs / "chelsea_2.png"]
    images = np.stack([prepare(path, checkpoint.preprocessing).pixels for path in paths])
    answers = onnxruntime.InferenceSession(crop.model).run(list(OUTPUTS), {"image": images})
    return Case(
        crop.model, images, reference_logits(checkpoint, images).double, dict(zip(OUTPUTS, answers, strict=True))
    )


def assert_agrees(answers: dict[str, np.ndarray], case: Case) -> None:
    assert np.ptp(case.logits) > 10 * TOLERANCE, "two images that look the same to the model prove little"
    assert np.max(np.abs(answers["logit"] - case.logits)) <= TOLERANCE
    for name in OUTPUTS:
        assert answers[name].dtype == np.float32
        assert answers[name].shape == case.onnxruntime[name].shape
        assert np.max(np.abs(answers[name] - case.onnxruntime[name])) <= TOLERANCE, name


def test_openvino_agrees(case: Case) -> None:
    core = openvino.Core()
    # Else OpenVINO computes in half precision where the processor can.
    compiled = core.compile_model(case.file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled({"image": case.images})
    assert_agrees({name: results[name] for name in OUTPUTS}, case)


def test_the_reference_evaluator_of_onnx_agrees(case: Case) -> None:
    """Numpy code that follows the operators' definitions word by word."""
    answers = ReferenceEvaluator(onnx.load(case.file)).run(list(OUTPUTS), {"image": case.images})
    assert_agrees(dict(zip(OUTPUTS, answers, strict=True)), case)
