"""What is compared, and what passes: numbers without a model."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from crbl_export.parity.compare import compare
from crbl_export.parity.image_set import ImageSet
from crbl_export.parity.limits import Limits
from crbl_export.parity.predictions import FilePredictions
from crbl_export.parity.reference import Reference
from crbl_export.parity.report import ParityReport
from crbl_runtime.errors import ParityError, UsageError
from crbl_runtime.verification.record import ImageHashes


def image_set(float64: Sequence[float], float32: Sequence[float] | None = None) -> ImageSet:
    count = len(float64)
    reference = Reference(np.array(float64), np.array(float32 if float32 is not None else float64))
    return ImageSet(
        names=tuple(f"image {n}" for n in range(count)),
        contents=(b"",) * count,
        hashes=(ImageHashes("", "", ""),) * count,
        pixels=np.zeros((count, 32, 32, 3), np.uint8),
        reference=reference,
        checkpoint_hash="hash",
        unreadable=(),
        source="numbers",
        made=False,
    )


def predictions(logits: Sequence[float], is_anomaly: Sequence[bool] | None = None) -> FilePredictions:
    decisions = np.array(logits) > 0 if is_anomaly is None else np.array(is_anomaly)
    return FilePredictions(np.array(logits), expit(logits), decisions, threshold=0.5)


def compared(float64: Sequence[float], file: Sequence[float], limits: Limits | None = None) -> ParityReport:
    return compare(image_set(float64), predictions(file), limits if limits is not None else Limits())


def test_a_wrong_file_cannot_hide_behind_one_image_that_pytorch_itself_is_unsure_of() -> None:
    images = image_set([1.0, 2.0, 3.0], [1.0, 2.0, 3.001])
    wrong = compare(images, predictions([1.002, 2.002, 3.002]), Limits())
    assert wrong.error_onnx < wrong.limit
    assert not wrong.passed
    assert "half of the logits" in wrong.failures[0]
    rounded = compare(images, predictions([1.0, 2.0, 3.002]), Limits())
    assert rounded.passed, rounded.failures


def test_a_share_of_flips_can_be_allowed() -> None:
    float64, file = [-1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]
    assert not compared(float64, file, Limits(tolerance=0.1, max_flips=0.2)).passed
    report = compared(float64, file, Limits(tolerance=10))
    assert (report.flips, report.flips_within_margin, report.passed) == (0, 1, True)
    images, decided = image_set([1.0, 2.0, 3.0, 4.0]), predictions([1.0, 2.0, 3.0, 4.0], [False, True, True, True])
    assert "1 of 4 decisions differ" in compare(images, decided, Limits()).failures[0]
    allowed = compare(images, decided, Limits(max_flips=0.25))
    assert allowed.passed
    assert (allowed.flips, allowed.max_flips) == (1, 0.25)


@pytest.mark.parametrize("options", [{"max_flips": 1.0}, {"max_flips": -0.1}, {"tolerance": -1.0}])
def test_limits_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected a"):
        Limits(**options)


def test_the_report_names_the_worst_image_and_counts_flips() -> None:
    report = compared([-3.0, 0.5, 2.0], [-3.0, -0.5, 2.0])
    assert not report.passed
    assert report.worst_image == "image 1"
    assert (report.flips, report.flips_within_margin) == (1, 0)
    assert report.error_onnx == 1.0


def test_a_flip_nearer_to_the_threshold_than_rounding_is_no_failure() -> None:
    report = compared([5e-5, 2.0], [-2e-5, 2.0])
    assert report.passed
    assert (report.flips, report.flips_within_margin) == (0, 1)


def test_the_limit_grows_with_pytorch_s_own_rounding_and_can_be_set() -> None:
    images, file = image_set([1.0, 2.0], [1.0, 2.0005]), predictions([1.0, 2.004])
    assert compare(images, file, Limits()).passed
    assert not compare(images, file, Limits(tolerance=1e-3)).passed


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_logit_that_is_not_finite_fails(bad: float) -> None:
    report = compared([1.0, 2.0], [1.0, bad])
    assert not report.passed
    assert "NaN or infinite" in report.failures[0]
    assert report.worst_image == "image 1"
    assert report.to_dict()["error_onnx"] is None
    for images in (image_set([1.0, bad]), image_set([1.0, 2.0], [1.0, bad])):
        same = compare(images, predictions(list(images.reference.float64), [True, True]), Limits())
        assert "NaN or infinite" in same.failures[0]


def test_comparing_nothing_fails() -> None:
    with pytest.raises(ParityError, match="Nothing was compared"):
        compared([], [])
    with pytest.raises(ParityError, match="Nothing was compared"):
        compared([1.0, 2.0], [1.0])


def test_float32_logits_are_cast_up_before_they_are_subtracted() -> None:
    """In float32 100000.004 and 100000.0 are one number."""
    given = FilePredictions(np.array([1e5], np.float32), np.array([1.0]), np.array([True]), threshold=0.5)
    assert compare(image_set([1e5 + 0.003]), given, Limits(tolerance=1.0)).error_onnx == pytest.approx(0.003)


@pytest.mark.parametrize(("threshold", "decision"), [(0.0, True), (1.0, False)])
def test_a_threshold_at_the_end_of_the_scale_decides_all_alike(threshold: float, decision: bool) -> None:
    images = image_set([-3.0, 2.0])
    same = replace(predictions([-3.0, 2.0], [decision, decision]), threshold=threshold)
    assert compare(images, same, Limits()).passed
    other = replace(predictions([-3.0, 2.0], [decision, not decision]), threshold=threshold)
    assert compare(images, other, Limits()).flips == 1
