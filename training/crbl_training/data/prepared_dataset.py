"""All images of a set, decoded and cut to their region once, before the first epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError
from crbl_runtime.image_file.bit_depth import unclear_depth_text
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.dataset import LabelledImage, require_both_classes
from crbl_training.data.fingerprint import Fingerprint
from crbl_training.data.image_storage import MEGABYTE, ImageStorage, file_for
from crbl_training.data.kept_images import keep_in_file, keep_in_memory
from crbl_training.data.mapped_images import Images
from crbl_training.data.prepare_all import refuse_unusable


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
        stored: where the images are and why there, as text; empty where nobody asked.
        sizes: N, of the decoded images: width and height in pixels.
    """

    images: Images
    labels: Tensor
    paths: tuple[Path, ...]
    regions_missing: int
    fingerprints: tuple[Fingerprint, ...] = ()
    skipped: tuple[str, ...] = ()
    bit_depth_unclear: tuple[Path, ...] = ()
    kinds: tuple[str, ...] = ()
    stored: str = ""
    sizes: tuple[tuple[int, int], ...] = ()

    @property
    def bytes_in_memory(self) -> int:
        """How much memory the images take."""
        return self.images.numel() if isinstance(self.images, Tensor) else 0

    @property
    def labelled_images(self) -> tuple[LabelledImage, ...]:
        """Path, label and kind of each image."""
        kinds = self.kinds or ("",) * len(self.paths)
        return tuple(
            LabelledImage(path, int(label), kind)
            for path, label, kind in zip(self.paths, self.labels.tolist(), kinds, strict=True)
        )


def prepare_dataset(
    images: Sequence[LabelledImage],
    spec: PreprocessingSpec,
    name: str,
    *,
    skip_bad: bool = False,
    storage: ImageStorage | None = None,
) -> PreparedDataset:
    """Prepare all images, with a progress bar.

    Args:
        name: the name of the set in messages. skip_bad: leave out images that cannot be decoded.
        storage: where the images are kept; None for in memory, however many they are.

    Raises:
        DataError: listing every image that cannot be decoded; with `skip_bad` only where a class has none left.
        UsageError, OutputError: the images are too many for the storage's budget, and cannot be kept in a file.
    """
    paths = [image.path for image in images]
    size = len(paths) * spec.image_size**2 * 3
    pixels: Images
    file = file_for(storage, name, size) if storage is not None else None
    if storage is None or file is None:
        pixels, facts = keep_in_memory(paths, spec, name)
        stored = f"{pixels.numel() / MEGABYTE:,.0f} MB in memory" if storage is not None else ""
    else:
        pixels, facts, how = keep_in_file(file, paths, spec, name, storage, skip_bad=skip_bad)
        stored = f"in {file}, because {storage.reason(size)}; {how}"
    if not skip_bad:
        refuse_unusable(facts, len(paths), name)
    usable = [image for number, image in enumerate(images) if number not in facts.unusable]
    if facts.unusable:
        require_both_classes(usable, f"The {name} set without its unreadable images")
    return PreparedDataset(
        images=pixels,
        labels=torch.tensor([float(image.label) for image in usable]),
        paths=tuple(image.path for image in usable),
        regions_missing=facts.regions_missing,
        fingerprints=facts.fingerprints,
        skipped=tuple(facts.unusable.values()),
        bit_depth_unclear=tuple(paths[number] for number in facts.bit_depth_unclear),
        kinds=tuple(image.kind for image in usable) if any(image.kind for image in usable) else (),
        stored=stored,
        sizes=facts.sizes,
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
    if prepared.stored:
        lines.append(f"{len(prepared.paths):,} {name} images prepared: {prepared.stored}")
    if not prepared.skipped:
        return lines
    left_out = counted(
        len(prepared.skipped), f"{name} image was left out, since it", f"{name} images were left out, since they"
    )
    return [*lines, f"{left_out} cannot be used:", *(f"  {message}" for message in prepared.skipped)]
