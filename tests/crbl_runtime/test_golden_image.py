"""A machine that computes other pixels says so when it loads a model."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from crbl_runtime import Detector, golden_image
from crbl_runtime.golden_image import PREPARED_SHA256, golden_image_difference, golden_image_sha256
from crbl_runtime.options import REGIONS
from crbl_runtime.preprocessing import PreprocessingSpec
from public_commands import Trained
from rewritten_model import rewritten


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("ipp", [True, False])
def test_this_machine_prepares_the_golden_image_to_the_known_pixels(region: str, ipp: bool) -> None:
    before = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(ipp)
    assert golden_image_sha256(PreprocessingSpec(region=region)) == PREPARED_SHA256[region]
    cv2.ipp.setUseIPP(before)


def test_a_decoder_with_other_pixels_is_told_from_an_opencv_with_other_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, right = PreprocessingSpec(region="object"), golden_image.decode

    def brighter(file: bytes) -> np.ndarray:
        return right(file) + np.uint8(1)

    resized = golden_image_difference(spec, "0" * 64)
    assert resized is not None
    assert f"OpenCV {cv2.__version__}" in resized
    monkeypatch.setattr(golden_image, "decode", brighter)
    decoded = golden_image_difference(spec, "0" * 64)
    assert decoded is not None
    assert "decodes JPEG files (Pillow" in decoded
    assert golden_image_difference(spec, PREPARED_SHA256["object"]) is None


def test_a_model_of_a_machine_with_other_pixels_is_used_and_reported(
    crop: Trained, photographs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "other.onnx").write_bytes(rewritten(crop.model.read_bytes(), golden_image="1" * 64))
    with caplog.at_level(logging.WARNING, "crbl_runtime"), Detector(tmp_path / "other.onnx") as detector:
        prediction = detector.predict(photographs / "coffee_0.png")
    assert detector.provider_report.preparation is not None
    assert "to other pixels than expected" in detector.provider_report.preparation
    assert prediction.preparation == detector.provider_report.preparation
    assert detector.provider_report.preparation in caplog.text
    with Detector(crop.model) as detector:
        assert detector.provider_report.preparation is None
