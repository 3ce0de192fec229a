"""DirectML for real: the runtime with a small model on its provider, beside the CPU provider."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from at_the_same_time import at_the_same_time
from crbl_runtime import Detector, UnavailableError
from crbl_runtime.image_folder import find_images
from small_model import small_model

pytestmark = pytest.mark.usefixtures("directml")

LARGEST_DIFFERENCE = 1e-4
BATCH = 4
THREADS = 8


@pytest.fixture(scope="module")
def images(photographs: Path) -> list[Path]:
    """Eleven: two batches, and one that has to be filled up."""
    return list(find_images(photographs).images[:11])


@pytest.fixture(scope="module", params=["fp32", "fp16"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / f"작은_{request.param}.onnx"
    path.write_bytes(small_model(request.param))
    return path


@pytest.fixture(scope="module")
def on_directml(model: Path) -> Iterator[Detector]:
    with Detector(model, batch_size=BATCH) as detector:
        yield detector


@pytest.fixture(scope="module")
def logits(model: Path, images: list[Path]) -> list[float]:
    """Of the CPU provider."""
    with Detector(model, "cpu") as detector:
        return [prediction.logit for prediction in detector.predict_many(images)]


def test_it_is_chosen_and_reported(on_directml: Detector, images: list[Path]) -> None:
    report = on_directml.provider_report
    assert (report.provider.kind, report.provider.device_index, report.fallback) == ("directml", 0, None)
    assert not report.provider.disable_metacommands
    prediction = on_directml.predict(images[0])
    assert (prediction.provider, prediction.fallback) == ("directml", None)


def test_one_image_and_a_last_batch_that_is_filled_up_give_the_logits_of_the_cpu(
    model: Path, on_directml: Detector, images: list[Path], logits: list[float]
) -> None:
    together = list(on_directml.predict_many(images))
    alone = [on_directml.predict(image) for image in images]
    for predictions in (together, alone):
        assert np.max(np.abs(np.array([each.logit for each in predictions]) - logits)) <= LARGEST_DIFFERENCE
    assert len({round(logit, 3) for logit in logits}) == len(images), "each image has a logit of its own"
    for prediction in together:
        assert prediction.heatmap is not None
        assert float(prediction.heatmap.sum()) == pytest.approx(prediction.logit, abs=LARGEST_DIFFERENCE)


def test_a_session_has_the_batch_that_it_was_opened_with(on_directml: Detector, images: list[Path]) -> None:
    list(on_directml.predict_many(images))
    session = on_directml.model.sessions.session(on_directml.provider, BATCH)
    size = on_directml.preprocessing.image_size
    with pytest.raises(UnavailableError, match=r"does not run on directml.*invalid dimensions for input"):
        session.run(np.zeros((3, size, size, 3), np.uint8))


def test_threads_take_turns_on_the_device_and_get_the_bits_of_one(
    on_directml: Detector, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [on_directml.predict(image).logit for image in images[:THREADS]]
    session = on_directml.model.sessions.session(on_directml.provider, 1)
    counting = CountedRuns(session._session)
    monkeypatch.setattr(session, "_session", counting)
    found = at_the_same_time([partial(on_directml.predict, image) for image in images[:THREADS]])
    assert [prediction.logit for prediction in found] == expected
    assert (counting.runs, counting.most_at_once) == (THREADS, 1)


class CountedRuns:
    """A session of onnxruntime, and how many threads are in it."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._running = 0
        self.runs = 0
        self.most_at_once = 0

    def get_outputs(self) -> Any:
        return self._session.get_outputs()

    def run(self, *arguments: Any) -> Any:
        self.runs += 1
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        results = self._session.run(*arguments)
        self._running -= 1
        return results
