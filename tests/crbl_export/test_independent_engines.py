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
from crbl_export.trained_model import TrainedModel
from crbl_runtime.preprocessing import prepare
from crbl_training.checkpoint import load_checkpoint
from public_commands import Trained

TOLERANCE = 2e-4
OUTPUTS = ("probability", "logit", "heatmap")


@dataclass(frozen=True)
class Case:
    """Two real images, and what float64 PyTorch and onnxruntime give for them."""

    file: Path
    images: np.ndarray
    logits: np.ndarray
    onnxruntime: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def case(small: Trained, photographs: Path) -> Case:
    trained = TrainedModel.of(load_checkpoint(small.checkpoint))
    paths = [photographs / "coffee_0.png", photographs / "chelsea_2.png"]
    images = np.stack([prepare(path, trained.preprocessing).pixels for path in paths])
    answers = onnxruntime.InferenceSession(small.model).run(list(OUTPUTS), {"image": images})
    logits = reference_logits(trained, images).float64
    return Case(small.model, images, logits, dict(zip(OUTPUTS, answers, strict=True)))


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
