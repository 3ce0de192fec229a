"""A crop and a full model together."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from crbl_runtime import Calibration, CombinedDetector, CombinedPrediction, Detector, ImageError, UsageError
from crbl_runtime.image_file import decode as decode_module
from public_commands import Trained
from rewritten_model import rewritten


@pytest.fixture(scope="module")
def models(small: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One network twice, as a crop and as a full model with another threshold."""
    folder = tmp_path_factory.mktemp("models")
    for variant, threshold in (("crop", 0.2), ("full", 0.6)):
        content = rewritten(small.read_bytes(), variant=variant, threshold=threshold)
        (folder / f"{variant}.onnx").write_bytes(content)
    return folder / "crop.onnx", folder / "full.onnx"


@pytest.fixture(scope="module")
def paths(photographs: Path) -> list[Path]:
    return sorted(photographs.iterdir())[:8]


def test_an_image_is_anomalous_where_either_model_finds_it_so(crop: Trained, full: Trained, grains: Path) -> None:
    paths = sorted((grains / "images" / "test").rglob("*.png"))[:12]
    with (
        Detector(crop.model, "cpu") as of_crop,
        Detector(full.model, "cpu") as of_full,
        CombinedDetector(crop.model, full.model, "cpu") as combined,
    ):
        for path in paths:
            found = combined.predict(path)
            assert (found.crop, found.full) == (of_crop.predict(path), of_full.predict(path))
            assert found.is_anomaly == (found.crop.probability > 0.01 or found.full.probability > 0.5)
            assert found.label == ("anomaly" if found.is_anomaly else "normal")


def test_many_images_are_predicted_in_order_and_failures_given(models: tuple[Path, Path], paths: list[Path]) -> None:
    with CombinedDetector(*models, "cpu", workers=2) as combined:
        expected = [combined.predict(path) for path in paths]
        found = list(combined.predict_many([*paths, b"no image"], on_error="return"))
    assert isinstance(found.pop(), ImageError)
    assert all(isinstance(each, CombinedPrediction) for each in found)
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one, CombinedPrediction)
        assert [one.crop.logit, one.full.logit] == pytest.approx([other.crop.logit, other.full.logit], abs=2e-5)


def test_each_model_has_its_own_calibration_and_no_decision_changes(
    models: tuple[Path, Path], paths: list[Path], tmp_path: Path
) -> None:
    # It makes probabilities over both thresholds of all images.
    calibration = Calibration("platt", slope=0.25, intercept=5.0, images=40, anomalies=12, data_hash="")
    crop = tmp_path / "crop.onnx"
    crop.write_bytes(rewritten(models[0].read_bytes(), calibration=calibration))
    with CombinedDetector(*models, "cpu") as plain, CombinedDetector(crop, models[1], "cpu") as calibrated:
        for path in paths:
            before, after = plain.predict(path), calibrated.predict(path)
            assert after.crop.calibrated_probability == calibration.probability(after.crop.logit)
            assert replace(after.crop, calibrated_probability=None) == before.crop
            assert (after.full, after.is_anomaly, after.label) == (before.full, before.is_anomaly, before.label)
            assert after.full.calibrated_probability is None
            assert after.crop.calibrated_probability > after.crop.threshold > after.crop.probability


def test_each_image_is_decoded_once(
    models: tuple[Path, Path], paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    right = decode_module.decode_file
    monkeypatch.setattr(decode_module, "decode_file", lambda *given: decoded.append(given) or right(*given))
    with CombinedDetector(*models, "cpu") as combined:
        decoded.clear()  # The golden image was decoded at the load.
        combined.predict(paths[0])
        list(combined.predict_many(paths))
    assert len(decoded) == 1 + len(paths)


def test_the_order_of_the_files_is_free_and_both_variants_are_needed(models: tuple[Path, Path]) -> None:
    crop, full = models
    with CombinedDetector(full, crop, "cpu") as combined:
        assert (combined.crop.path, combined.full.path) == models
    with pytest.raises(UsageError, match="Both models are of the variant full, expected a crop and a full one"):
        CombinedDetector(full, full, "cpu")


def test_each_threshold_can_be_given(models: tuple[Path, Path], paths: list[Path]) -> None:
    with CombinedDetector(*models, "cpu", crop_threshold=1.0, full_threshold=0.0) as combined:
        found = combined.predict(paths[0])
    assert (found.crop.threshold, found.full.threshold) == (1.0, 0.0)
    assert (found.crop.is_anomaly, found.full.is_anomaly, found.is_anomaly) == (False, True, True)
    assert found.crop.threshold_given
    with CombinedDetector(*models, "cpu") as combined:
        found = combined.predict(paths[0])
    assert (found.crop.threshold, found.full.threshold, found.crop.threshold_given) == (0.2, 0.6, False)
    with pytest.raises(UsageError, match="give crop_threshold, full_threshold or both"):
        CombinedDetector(*models, "cpu", threshold=0.5)
    with pytest.raises(UsageError, match="expected a probability"):
        CombinedDetector(*models, "cpu", full_threshold=2)


def test_models_that_decode_in_two_ways_are_refused_unless_told(
    models: tuple[Path, Path], small: Path, tmp_path: Path
) -> None:
    with Detector(small, "cpu", bit_depth=12) as detector:
        spec = detector.preprocessing
    other = tmp_path / "full12.onnx"
    golden = detector.contract.golden_image
    content = rewritten(small.read_bytes(), variant="full", preprocessing=spec, golden_image=golden)
    other.write_bytes(content)
    with pytest.raises(UsageError, match="exported for a bit depth of None, the full model for 12"):
        CombinedDetector(models[0], other, "cpu")
    with CombinedDetector(models[0], other, "cpu", bit_depth=12) as combined:
        assert combined.crop.preprocessing.bit_depth == 12


def test_it_travels_and_is_closed(models: tuple[Path, Path], paths: list[Path]) -> None:
    with CombinedDetector(*models, "cpu", full_threshold=0.9, max_pixels=10**6) as combined:
        copy = pickle.loads(pickle.dumps(combined))
        assert copy.predict(paths[0]) == combined.predict(paths[0])
        copy.close()
    with pytest.raises(UsageError, match="closed"):
        combined.predict(paths[0])
    with pytest.raises(UsageError, match="closed"):
        combined.predict_many(paths)
