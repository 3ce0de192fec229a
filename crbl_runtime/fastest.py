"""Which execution provider predicts an image in the least time here: measured once, and remembered.

A GPU is not always faster: a small network on a small card may wait longer for the transfer than the CPU computes.
"""

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.adapters import adapters
from crbl_runtime.atomic_file import write_text
from crbl_runtime.cache_folder import cache_folder
from crbl_runtime.contract import ModelContract
from crbl_runtime.errors import OutputError, UnavailableError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.model_sessions import ModelSessions
from crbl_runtime.onnxruntime_boundary import VERSION
from crbl_runtime.provider_choice import ProviderReport, choose_provider, working_providers
from crbl_runtime.self_test import IMAGES, self_test_images
from crbl_runtime.timed_calls import timed_calls

SECONDS = 1.0
"""Longest time of measuring one provider, but for its last call."""
CALLS, WARM_UP = 50, 4


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        date: when. milliseconds: of one image, the median, by provider.
    """

    date: str
    milliseconds: dict[str, float]

    @property
    def fastest(self) -> str:
        """The provider with the least time."""
        return min(self.milliseconds, key=self.milliseconds.__getitem__)

    def __str__(self) -> str:
        times = ", ".join(f"{kind} {time:.2f} ms" for kind, time in self.milliseconds.items())
        return f"{self.fastest} is used, because it was fastest for one image on {self.date}: {times}."


def choose_fastest(candidates: Sequence[Provider], sessions: ModelSessions, contract: ModelContract) -> ProviderReport:
    """The candidate that takes the least time, of those that start and compute rightly.

    What was measured is remembered in the user's cache folder, for this machine, its adapters with their drivers, this
    version of onnxruntime and this model file. A remembered provider has to pass the self-test all the same; where it
    does not, all are measured again.

    Raises:
        UnavailableError, WrongResultsError: as `choose_provider`.
    """
    path = _folder() / f"{_key(candidates, contract)}.json"
    remembered = _read(path)
    if remembered is not None:
        of_kind = [candidate for candidate in candidates if candidate.kind == remembered.fastest]
        try:
            report = choose_provider(of_kind, sessions, contract)
        except UnavailableError:
            pass  # It worked once and does not now; measuring again finds out why and says so.
        else:
            return replace(report, measured=f"{remembered} `crbl-doctor --forget` lets it be measured again.")
    tested = working_providers(candidates, sessions, contract)
    images = cycle(np.split(self_test_images(contract.preprocessing.image_size), IMAGES))
    times = {each.kind: _milliseconds(partial(_run_next, sessions, each, images)) for each in tested.working}
    measured = Measured(datetime.now(UTC).strftime("%Y-%m-%d"), times)
    (fastest,) = (provider for provider in tested.working if provider.kind == measured.fastest)
    return ProviderReport(fastest, tested.rejected, measured=f"{measured}{_write(path, measured)}")


def forget() -> int:
    """Delete all that was remembered.

    Returns:
        how many files that were.
    """
    files = sorted(_folder().glob("*.json"))
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


def _run_next(sessions: ModelSessions, provider: Provider, images: Iterator[NDArray[np.uint8]]) -> None:
    sessions.run(provider, next(images))


def _milliseconds(call: Callable[[], object]) -> float:
    """The median of one call. The first ones are to warm up."""
    for _ in range(WARM_UP):
        call()
    return round(median(timed_calls(call, SECONDS, CALLS)), 3)


def _folder() -> Path:
    return cache_folder() / "fastest"


def _key(candidates: Sequence[Provider], contract: ModelContract) -> str:
    facts = {
        "machine": [platform.node(), platform.machine(), platform.processor(), os.cpu_count()],
        "adapters": [[each.kind, each.index, each.name, each.driver] for each in adapters()],
        "onnxruntime": VERSION,
        "candidates": [repr(candidate) for candidate in candidates],
        "file": contract.payload_sha256,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> Measured | None:
    """What is remembered; None where that is nothing, or was damaged and is to be written again."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Measured(str(values["date"]), {str(kind): float(ms) for kind, ms in values["milliseconds"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(path: Path, measured: Measured) -> str:
    """Remember it; a remark where that is impossible."""
    text = json.dumps({"date": measured.date, "milliseconds": measured.milliseconds}, indent=1)
    try:
        write_text(path, text)
    except OutputError as error:
        return f" It could not be remembered: {error}"
    return ""
