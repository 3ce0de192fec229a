"""One detector among many threads, in a loop of asyncio, and many detectors one after another."""

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from at_the_same_time import at_the_same_time
from crbl_runtime import Detector
from crbl_runtime.session import Session
from public_commands import Trained

THREADS = 16


@pytest.fixture
def threads_that_switch_all_the_time() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("threads_that_switch_all_the_time")
def test_sixteen_threads_get_the_bits_of_one(crop: Trained, photographs: Path) -> None:
    paths = sorted(photographs.iterdir())[:THREADS]
    with Detector(crop.model, "cpu") as detector:
        expected = [detector.predict(path) for path in paths]
        assert at_the_same_time([partial(detector.predict, path) for path in paths]) == expected
        many = [list(found) for found in at_the_same_time([partial(detector.predict_many, paths[:3])] * 4)]
        assert many[1:] == many[:1] * 3


def test_asyncio_threads_share_a_detector(small: Path, photographs: Path) -> None:
    paths = sorted(photographs.iterdir())[:8]

    async def predict_all(detector: Detector) -> list[float]:
        found = await asyncio.gather(*(asyncio.to_thread(detector.predict, path) for path in paths))
        return [prediction.logit for prediction in found]

    with Detector(small, "cpu") as detector:
        assert asyncio.run(predict_all(detector)) == [detector.predict(path).logit for path in paths]


def test_detectors_that_were_closed_or_forgotten_leave_nothing(small: Path, photographs: Path) -> None:
    image = photographs / "coffee_0.png"
    before = set(map(id, _sessions()))
    closed = []
    threads = threading.active_count()
    for number in range(200):
        detector = Detector(small, "cpu", cpu_self_test=False)
        if number % 50 == 0:
            next(detector.predict_many([image, image]))
        if number % 2:
            detector.close()
            closed.append(detector)
        del detector
    gc.collect()
    assert set(map(id, _sessions())) <= before
    assert threading.active_count() == threads


def _sessions() -> list[Session]:
    return [thing for thing in gc.get_objects() if isinstance(thing, Session)]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/statm")
def test_detectors_that_were_closed_give_their_memory_back(crop: Trained) -> None:
    """A model has 39 MB: of sessions that stay, ten are more than the limit."""
    closed: list[Detector] = []
    before = _open_and_close(crop.model, 10, closed)
    assert _open_and_close(crop.model, 20, closed) - before < 200 * 2**20


def _open_and_close(model: Path, rounds: int, closed: list[Detector]) -> int:
    """The memory of the process afterwards, in bytes, with all detectors still there."""
    for _ in range(rounds):
        closed.append(Detector(model, "cpu"))
        closed[-1].close()
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
