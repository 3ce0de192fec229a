"""Many images: lazily, in order, in threads, and what becomes of those that fail."""

import gc
import itertools
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from crbl_runtime import Detector, ImageError, Prediction, UsageError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.predict_many import AHEAD, IMAGES_OF_A_WORKER

WORKERS = 3
BATCH = 4
# Besides what waits in order, one part that is given out, and one that is made up.
MOST_AHEAD = (AHEAD * WORKERS + 2) * max(BATCH, IMAGES_OF_A_WORKER)


@pytest.fixture(params=["each in a thread", "in batches"])
def detector(request: pytest.FixtureRequest, small: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Detector]:
    """As on the CPU, and as on a GPU, for which the CPU stands in."""
    with Detector(small, "cpu", workers=WORKERS, batch_size=BATCH) as detector:
        if request.param == "in batches":
            provider = Provider("openvino")
            monkeypatch.setattr(Provider, "to_onnxruntime", lambda provider: ("CPUExecutionProvider", {}))
            monkeypatch.setattr(Provider, "onnxruntime_name", "CPUExecutionProvider")
            inference = detector.model._inference
            inference.report = type(inference.report)(provider, ())
        yield detector


@pytest.fixture(scope="module")
def paths(photographs: Path) -> list[Path]:
    return sorted(photographs.iterdir())[:11]


def names_of_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("crbl")]


def wait_until_no_thread_is_left() -> None:
    end = time.monotonic() + 60
    while names_of_threads():
        assert time.monotonic() < end, names_of_threads()
        time.sleep(0.01)


def test_the_order_is_that_of_the_images(detector: Detector, paths: list[Path]) -> None:
    expected = [detector.predict(path).logit for path in paths]
    found = [prediction.logit for prediction in detector.predict_many(iter(paths))]
    assert found == pytest.approx(expected, abs=2e-5)
    assert len(set(expected)) == len(paths)


def test_images_are_taken_as_they_are_needed_and_never_all(detector: Detector, paths: list[Path]) -> None:
    taken = itertools.count()
    many = (paths[next(taken) % len(paths)] for _ in range(2_000))
    predictions = detector.predict_many(many)
    assert next(taken) == 0, "nothing happens before the first prediction is asked for"
    for _ in range(20):
        next(predictions)
    assert next(taken) <= 20 + MOST_AHEAD
    predictions.close()
    wait_until_no_thread_is_left()


@pytest.mark.parametrize("end", ["closed", "forgotten", "used up", "failed", "never begun"])
def test_threads_end_with_the_iterator(detector: Detector, paths: list[Path], end: str) -> None:
    images = [*paths[:3], b"", *paths] if end == "failed" else paths
    predictions = detector.predict_many(images)
    if end != "never begun":
        next(predictions)
    match end:
        case "closed" | "never begun":
            predictions.close()
        case "forgotten":
            del predictions
            gc.collect()
        case "used up":
            assert len(list(predictions)) == len(paths) - 1
        case "failed":
            with pytest.raises(ImageError):
                list(predictions)
    wait_until_no_thread_is_left()
    assert isinstance(detector.predict(paths[0]), Prediction)


def test_an_image_that_fails_is_raised_left_out_or_given(
    detector: Detector, paths: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    images = [paths[0], b"no image", paths[1], Path("missing.png"), paths[2]]
    raising = detector.predict_many(images)
    next(raising)
    with pytest.raises(ImageError, match="not an image"):
        next(raising)
    given = list(detector.predict_many(images, on_error="return"))
    assert [isinstance(each, Prediction) for each in given] == [True, False, True, False, True]
    assert isinstance(given[3], ImageError)
    assert "missing.png" in str(given[3])
    with caplog.at_level(logging.WARNING):
        skipped = list(detector.predict_many(images, on_error="skip"))
    assert skipped == [each for each in given if isinstance(each, Prediction)]
    assert caplog.text.count("Left out: ") == 2
    with pytest.raises(UsageError, match="on_error is 'ignore', expected one of raise, skip, return"):
        detector.predict_many(images, on_error="ignore")


def test_an_iterable_that_fails_is_raised_after_what_came_before_it(detector: Detector, paths: list[Path]) -> None:
    def images() -> Iterator[Path]:
        yield from paths[:3]
        raise RuntimeError("the camera is gone")

    predictions = detector.predict_many(images())
    assert [isinstance(next(predictions), Prediction) for _ in range(3)] == [True] * 3
    with pytest.raises(RuntimeError, match="the camera is gone"):
        next(predictions)
    wait_until_no_thread_is_left()


def test_the_memory_of_images_that_were_predicted_is_free(detector: Detector, photographs: Path) -> None:
    image = np.asarray(np.zeros((50, 50, 3), np.uint8))
    alive: set[int] = set()

    class Image(np.ndarray):
        def __del__(self) -> None:
            alive.discard(id(self))

    def images() -> Iterator[np.ndarray]:
        for _ in range(200):
            one = image.copy().view(Image)
            alive.add(id(one))
            yield one

    most = 0
    for _ in detector.predict_many(images()):
        most = max(most, len(alive))
    assert most <= MOST_AHEAD


def test_the_threshold_can_be_given(detector: Detector, paths: list[Path]) -> None:
    predictions = list(detector.predict_many(paths, threshold=0.0))
    assert all(prediction.is_anomaly and prediction.threshold_given for prediction in predictions)
    with pytest.raises(UsageError, match=r"The threshold is 1\.5, expected a probability"):
        detector.predict_many(paths, threshold=1.5)


def test_a_closed_detector_predicts_no_more(small: Path, paths: list[Path]) -> None:
    detector = Detector(small, "cpu")
    begun = detector.predict_many(itertools.cycle(paths))
    next(begun)
    detector.close()
    with pytest.raises(UsageError, match="closed"):
        list(begun)
    with pytest.raises(UsageError, match="closed"):
        detector.predict_many(paths)
    wait_until_no_thread_is_left()
