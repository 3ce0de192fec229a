"""All images of a set, decoded and cut to their region once, before the first epoch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError, ImageError
from crbl_runtime.image_file.bit_depth import unclear_depth_text
from crbl_runtime.preprocessing import PreparedImage, PreprocessingSpec, decode_for, prepare_decoded
from crbl_training.data.dataset import LabelledImage, require_both_classes
from crbl_training.data.fingerprint import Fingerprint, fingerprint


@dataclass(frozen=True)
class PreparedDataset:
    """Images as the network sees them.

    Attributes:
        images: uint8 [N, image_size, image_size, 3], RGB. labels: float32 [N], 0 or 1. paths: N paths.
        regions_missing: how many images had no object and were taken whole.
        fingerprints: N, of the decoded images.
        skipped: one message for each image that could not be used and was left out.
        bit_depth_unclear: paths of the 16-bit images of which it is not known how many bits they use.
        kinds: N, of anomaly, empty for normal and unknown; none at all where nothing tells any.
    """

    images: Tensor
    labels: Tensor
    paths: tuple[Path, ...]
    regions_missing: int
    fingerprints: tuple[Fingerprint, ...] = ()
    skipped: tuple[str, ...] = ()
    bit_depth_unclear: tuple[Path, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def labelled_images(self) -> tuple[LabelledImage, ...]:
        """Path, label and kind of each image."""
        kinds = self.kinds or ("",) * len(self.paths)
        return tuple(
            LabelledImage(path, int(label), kind)
            for path, label, kind in zip(self.paths, self.labels.tolist(), kinds, strict=True)
        )


@dataclass(frozen=True)
class _Read:
    image: LabelledImage
    prepared: PreparedImage
    fingerprint: Fingerprint


def prepare_dataset(
    images: Sequence[LabelledImage], spec: PreprocessingSpec, name: str, *, skip_bad: bool = False
) -> PreparedDataset:
    """Prepare all images, with a progress bar.

    Args:
        name: the name of the set in messages. skip_bad: leave out images that cannot be decoded.

    Raises:
        DataError: listing every image that cannot be decoded; with `skip_bad` only where a class has none left.
    """
    with ThreadPoolExecutor() as threads:
        results = threads.map(lambda image: _read_or_error(image, spec), images)
        prepared = list(
            tqdm(results, total=len(images), desc=f"Reading {name} images", unit="", leave=False, disable=None)
        )
    errors = tuple(str(result) for result in prepared if isinstance(result, ImageError))
    if errors and not skip_bad:
        listed = "\n  ".join(errors)
        raise DataError(
            f"{len(errors)} of {counted(len(images), f'{name} image')} cannot be used:\n  {listed}\n"
            "Mend or remove them, or go on without them with --skip-bad."
        )
    good = [result for result in prepared if isinstance(result, _Read)]
    if errors:
        require_both_classes([read.image for read in good], f"The {name} set without its unreadable images")
    return PreparedDataset(
        images=torch.stack([torch.from_numpy(read.prepared.pixels) for read in good]),
        labels=torch.tensor([float(read.image.label) for read in good]),
        paths=tuple(read.image.path for read in good),
        regions_missing=sum(not read.prepared.region_found for read in good),
        fingerprints=tuple(read.fingerprint for read in good),
        skipped=errors,
        bit_depth_unclear=tuple(read.image.path for read in good if read.prepared.bit_depth_unclear),
        kinds=tuple(read.image.kind for read in good) if any(read.image.kind for read in good) else (),
    )


def require_known_bit_depth(prepared: PreparedDataset, name: str) -> None:
    """Make sure that no image is seen too dark.

    Raises:
        DataError: of some 16-bit images it is not known how many bits they use.
    """
    unclear = prepared.bit_depth_unclear
    if unclear:
        first = f"{unclear[0]}{', …' if len(unclear) > 1 else ''}"
        raise DataError(f"In the {name} set ({first}): {unclear_depth_text(len(unclear))}")


def description_lines(prepared: PreparedDataset, name: str, region: str) -> list[str]:
    """How many images the set holds and which were left out, as lines of text."""
    anomalous = int(prepared.labels.sum())
    images = counted(len(prepared.paths), f"{name} image")
    line = f"{images}: {len(prepared.paths) - anomalous} normal, {anomalous} anomalous"
    if prepared.regions_missing:
        line += f" (no {region} found in {prepared.regions_missing}: taken whole)"
    lines = [line, *([unclear_depth_text(len(prepared.bit_depth_unclear))] if prepared.bit_depth_unclear else [])]
    if not prepared.skipped:
        return lines
    left_out = counted(
        len(prepared.skipped), f"{name} image was left out, since it", f"{name} images were left out, since they"
    )
    return [*lines, f"{left_out} cannot be used:", *(f"  {message}" for message in prepared.skipped)]


def _read_or_error(image: LabelledImage, spec: PreprocessingSpec) -> _Read | ImageError:
    try:
        decoded = decode_for(image.path, spec)
        return _Read(image, prepare_decoded(decoded, spec), fingerprint(decoded.pixels))
    except ImageError as error:
        return error
