"""One model file on one provider, with batches of one size."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.benchmark.latency import Latency, latency
from crbl_runtime.detector import Detector
from crbl_runtime.preprocessing import PreparedImage
from crbl_runtime.self_test import self_test_images
from crbl_runtime.timed_calls import milliseconds_since, timed_calls

Logits = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """What was measured. Times are milliseconds of `Detector.predict_prepared`, which holds no decoding of images.

    Attributes:
        load: to open the file, with its self-test. first_call: the first prediction, in which a GPU may still compile.
        images_per_second: batch size / median. largest_error: the largest |logit difference| from the float64 PyTorch
            model on the file's self-test images. largest_difference_from_cpu: the same from this machine's CPU.
    """

    provider: str
    batch_size: int
    load: float
    first_call: float
    latency: Latency
    images_per_second: float
    largest_error: float
    largest_difference_from_cpu: float


def measure(
    model: Path,
    provider: str,
    device_index: int,
    batch_size: int,
    seconds: float,
    images: Sequence[PreparedImage],
    of_cpu: Logits,
) -> Measurement:
    """Predict the file's self-test images, again and again, for a time.

    Args:
        seconds: of the timed calls together; one at least is made.
        images: `prepared_self_test_images` of the file. of_cpu: their logits on this machine's CPU.

    Raises:
        ModelFileError: the file is damaged or no CRBL model. UnavailableError: the provider does not work here.
        WrongResultsError: it computes wrongly.
    """
    started = time.perf_counter()
    with Detector(model, provider, device_index=device_index, batch_size=batch_size) as detector:
        load = milliseconds_since(started)
        batch = list(islice(cycle(images), batch_size))
        started = time.perf_counter()
        detector.predict_prepared(batch)
        first_call = milliseconds_since(started)
        times = timed_calls(lambda: detector.predict_prepared(batch), seconds)
        logits = logits_of(detector, images)
        expected = np.array(detector.contract.self_test.logits)
        kind = detector.provider.kind
    return Measurement(
        provider=kind,
        batch_size=batch_size,
        load=round(load, 3),
        first_call=round(first_call, 3),
        latency=latency(times),
        images_per_second=round(1000 * batch_size / float(np.median(times)), 1),
        largest_error=float(np.max(np.abs(logits - expected))),
        largest_difference_from_cpu=float(np.max(np.abs(logits - of_cpu))),
    )


def prepared_self_test_images(detector: Detector) -> list[PreparedImage]:
    """Those that the file's self-test has logits for."""
    size = detector.preprocessing.image_size
    return [PreparedImage(pixels, True, (0, 0, size, size)) for pixels in self_test_images(size)]


def logits_of(detector: Detector, images: Sequence[PreparedImage]) -> Logits:
    """float64 [N]."""
    return np.array([prediction.logit for prediction in detector.predict_prepared(images)])
