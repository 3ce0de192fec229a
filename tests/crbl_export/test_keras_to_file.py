"""From a Keras file to decisions: what the runtime computes is what genuine Keras computed."""

from pathlib import Path

import numpy as np
import pytest

from crbl_runtime import Detector
from keras_files import REFERENCE, KerasFile, seeded_weights
from public_commands import run_command

# Largest |difference| of a logit from genuine Keras that a converted model may have.
TOLERANCE = 2e-4
SHARED = Path(__file__).resolve().parents[3] / "shared" / "keras"


def through_the_line(source: Path, variant: str, few_photographs: Path, folder: Path) -> Path:
    converted = run_command(
        "crbl-convert", source, "--variant", variant, "--region", "whole", "-o", folder / "converted.pth"
    )
    assert converted.returncode == 0, converted.stderr
    exported = run_command(
        "crbl-export",
        *("--variant", variant, "--checkpoint", folder / "converted.pth"),
        *("--opset", 17, "--verify", few_photographs, "-o", folder / "model.onnx"),
    )
    assert exported.returncode == 0, exported.stderr
    return folder / "model.onnx"


def test_seeded_weights_in_a_legacy_file(few_photographs: Path, tmp_path: Path) -> None:
    source = tmp_path / "keras.h5"
    KerasFile(seeded_weights()).write_legacy_weights(source)
    reference = np.load(REFERENCE)
    with Detector(through_the_line(source, "crop", few_photographs, tmp_path)) as detector:
        logits = np.array([prediction.logit for prediction in detector.predict_many(reference["images"])])
    assert np.max(np.abs(logits - reference["logit"].ravel())) <= TOLERANCE


@pytest.mark.skipif(not SHARED.is_dir(), reason="the large files of genuine Keras are not here (shared/keras)")
@pytest.mark.parametrize(
    ("name", "variant"),
    [("crbl_crop.legacy_w.h5", "crop"), ("crbl_full.legacy_w.h5", "full"), ("nested_plain.keras", "crop")],
)
def test_genuine_keras_files(name: str, variant: str, few_photographs: Path, tmp_path: Path) -> None:
    reference = np.load(SHARED / "ref_k2.npz")
    with Detector(through_the_line(SHARED / name, variant, few_photographs, tmp_path)) as detector:
        predictions = list(detector.predict_many(reference["x_uint8_128"]))
    logits = np.array([prediction.logit for prediction in predictions])
    expected = reference["logit_128"].ravel()
    assert np.max(np.abs(logits - expected)) <= TOLERANCE
    threshold = 0.01 if variant == "crop" else 0.5
    assert [prediction.is_anomaly for prediction in predictions] == (reference["prob_128"].ravel() > threshold).tolist()
