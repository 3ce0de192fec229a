"""Decodes and prepares the images of a set, one after the other, and notes what else is to be known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError, ImageError
from crbl_runtime.preprocessing import PreparedImage, PreprocessingSpec, decode_for, prepare_decoded
from crbl_training.data.fingerprint import Fingerprint, fingerprint
from crbl_training.data.in_threads import in_threads

# Takes the next image, uint8 [H, W, 3].
Keep: TypeAlias = Callable[[NDArray[np.uint8]], object]


@dataclass(frozen=True)
class PreparedFacts:
    """What is known of a set of images beside their pixels. Images are numbered as they were listed, from 0.

    Attributes:
        unusable: for each image that cannot be decoded its number and why, as text.
        regions_missing: how many of the others had no object and were taken whole.
        bit_depth_unclear: numbers of those of which it is not known how many bits they use.
        fingerprints: of all images but the unusable ones, in order. sizes: of the same, as decoded: width and height
            in pixels.
    """

    unusable: dict[int, str]
    regions_missing: int
    bit_depth_unclear: tuple[int, ...]
    fingerprints: tuple[Fingerprint, ...]
    sizes: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Read:
    prepared: PreparedImage
    fingerprint: Fingerprint
    size: tuple[int, int]


def prepare_all(paths: Sequence[Path], spec: PreprocessingSpec, name: str, keep: Keep) -> PreparedFacts:
    """Prepare all images that can be decoded, in order, and hand each one over to `keep`.

    Args:
        name: the name of the set, for the progress bar.
    """
    unusable: dict[int, str] = {}
    regions_missing = 0
    unclear: list[int] = []
    fingerprints: list[Fingerprint] = []
    sizes: list[tuple[int, int]] = []
    results = in_threads(lambda path: _read_or_error(path, spec), paths, f"Reading {name} images")
    for number, result in enumerate(results):
        if isinstance(result, ImageError):
            unusable[number] = str(result)
            continue
        keep(result.prepared.pixels)
        fingerprints.append(result.fingerprint)
        sizes.append(result.size)
        regions_missing += not result.prepared.region_found
        if result.prepared.bit_depth_unclear:
            unclear.append(number)
    return PreparedFacts(unusable, regions_missing, tuple(unclear), tuple(fingerprints), tuple(sizes))


def refuse_unusable(facts: PreparedFacts, count: int, name: str) -> None:
    """Raise DataError, which lists them, if some of the `count` images cannot be decoded."""
    if facts.unusable:
        listed = "\n  ".join(facts.unusable.values())
        raise DataError(
            f"{len(facts.unusable)} of {counted(count, f'{name} image')} cannot be used:\n  {listed}\n"
            "Mend or remove them, or go on without them with --skip-bad."
        )


def why_unusable(path: Path, spec: PreprocessingSpec) -> str:
    """Why an image that could not be decoded before cannot be now.

    Raises:
        DataError: it can.
    """
    result = _read_or_error(path, spec)
    if isinstance(result, _Read):
        raise DataError(f"{path} could not be decoded a moment ago, and now it can. Start again when it is whole.")
    return str(result)


def _read_or_error(path: Path, spec: PreprocessingSpec) -> _Read | ImageError:
    try:
        decoded = decode_for(path, spec)
        height, width = (side * decoded.draft_scale for side in decoded.pixels.shape[:2])
        return _Read(prepare_decoded(decoded, spec), fingerprint(decoded.pixels), (width, height))
    except ImageError as error:
        return error
