"""All pictures of a set, decoded and cut to their region once, before the first epoch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from crbl_runtime.errors import DataError, PictureError
from crbl_runtime.picture import decode
from crbl_runtime.preprocessing import PreparedPicture, PreprocessingSpec, prepare
from crbl_training.dataset import LabelledPicture, require_both_classes
from crbl_training.fingerprint import Fingerprint, fingerprint


@dataclass(frozen=True)
class PreparedSet:
    """Pictures as the network sees them.

    Attributes:
        images: uint8 [N, image_size, image_size, 3], RGB. labels: float32 [N], 0 or 1. paths: N paths.
        regions_missing: how many pictures had no object and were taken whole.
        fingerprints: N, of the decoded pictures.
        skipped: one message for each picture that could not be used and was left out.
    """

    images: Tensor
    labels: Tensor
    paths: tuple[Path, ...]
    regions_missing: int
    fingerprints: tuple[Fingerprint, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[LabelledPicture, ...]:
        """Path and label of each picture."""
        return tuple(
            LabelledPicture(path, int(label)) for path, label in zip(self.paths, self.labels.tolist(), strict=True)
        )


@dataclass(frozen=True)
class _Read:
    picture: LabelledPicture
    prepared: PreparedPicture
    fingerprint: Fingerprint


def prepare_set(
    pictures: Sequence[LabelledPicture], spec: PreprocessingSpec, name: str, *, skip_bad: bool = False
) -> PreparedSet:
    """Prepare all pictures, with a progress bar.

    Args:
        name: what messages call the set. skip_bad: leave out pictures that cannot be decoded.

    Raises:
        DataError: listing every picture that cannot be decoded; with `skip_bad` only where a class has none left.
    """
    with ThreadPoolExecutor() as threads:
        results = threads.map(lambda picture: _read_or_error(picture, spec), pictures)
        prepared = list(
            tqdm(results, total=len(pictures), desc=f"Reading {name} pictures", unit="", leave=False, disable=None)
        )
    errors = tuple(str(result) for result in prepared if isinstance(result, PictureError))
    if errors and not skip_bad:
        listed = "\n  ".join(errors)
        raise DataError(
            f"{len(errors)} of {len(pictures)} {name} pictures cannot be used:\n  {listed}\n"
            "Mend or remove them, or go on without them with --skip-bad."
        )
    good = [result for result in prepared if isinstance(result, _Read)]
    if errors:
        require_both_classes([read.picture for read in good], f"The {name} set without its unreadable pictures")
    return PreparedSet(
        images=torch.stack([torch.from_numpy(read.prepared.pixels) for read in good]),
        labels=torch.tensor([float(read.picture.label) for read in good]),
        paths=tuple(read.picture.path for read in good),
        regions_missing=sum(not read.prepared.region_found for read in good),
        fingerprints=tuple(read.fingerprint for read in good),
        skipped=errors,
    )


def description_lines(prepared: PreparedSet, name: str, region: str) -> list[str]:
    """What the set holds and what was left out of it, for people."""
    anomalous = int(prepared.labels.sum())
    line = f"{len(prepared.paths)} {name} pictures: {len(prepared.paths) - anomalous} normal, {anomalous} anomalous"
    if prepared.regions_missing:
        line += f" (no {region} found in {prepared.regions_missing}: taken whole)"
    if not prepared.skipped:
        return [line]
    left_out = f"{len(prepared.skipped)} {name} pictures were left out, since they cannot be used:"
    return [line, left_out, *(f"  {message}" for message in prepared.skipped)]


def _read_or_error(picture: LabelledPicture, spec: PreprocessingSpec) -> _Read | PictureError:
    try:
        pixels = decode(picture.path)
        return _Read(picture, prepare(pixels, spec), fingerprint(pixels))
    except PictureError as error:
        return error
