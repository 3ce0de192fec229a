"""The images that a model file and PyTorch are compared on: which they are, and how they are read."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_export.parity.contents_hash import contents_hash
from crbl_export.parity.reference import Reference, reference_logits
from crbl_export.trained_model import TrainedModel
from crbl_runtime.counted import counted
from crbl_runtime.errors import ImageError, ParityError, UsageError
from crbl_runtime.image_folder import find_images
from crbl_runtime.left_out import LeftOut
from crbl_runtime.self_test import self_test_images
from crbl_runtime.verification.record import ImageHashes, prepare_and_hash
from crbl_training.evaluation.scores import scored_images


@dataclass(frozen=True)
class ImageFiles:
    """Which images to compare on.

    Attributes:
        paths: image files; none for the images of the self-test, which are made by formula.
        source: where they come from, in words.
        left_out: what else is in the folder that was named; empty where none was.
    """

    paths: tuple[Path, ...]
    source: str
    left_out: tuple[LeftOut, ...] = ()


MADE_IMAGES = ImageFiles((), "images made by formula, no real ones")


@dataclass(frozen=True)
class ImageSet:
    """N images on which a model file is compared with PyTorch, with PyTorch's logits.

    Attributes:
        names: N names. contents: N encoded images, as read from disk, or uint8 arrays. hashes: of each of them.
        pixels: uint8 [N, size, size, 3], the same images prepared for the network.
        reference: PyTorch's logits. checkpoint_hash: of the checkpoint whose model gave them.
        unreadable: names of images that cannot be decoded. source: where the images come from, in words.
        made: whether they are made by formula and no real ones.
    """

    names: tuple[str, ...]
    contents: tuple[bytes | NDArray[np.uint8], ...]
    hashes: tuple[ImageHashes, ...]
    pixels: NDArray[np.uint8]
    reference: Reference
    checkpoint_hash: str
    unreadable: tuple[str, ...]
    source: str
    made: bool

    @property
    def hash(self) -> str:
        """SHA-256 over all contents, in order."""
        return contents_hash(sha256.file for sha256 in self.hashes)


def choose_images(checkpoint_path: Path, folder: Path | None, *, allow_made_images: bool = False) -> ImageFiles:
    """The images of a user's folder, else the run's validation images, else, if allowed, those made by formula.

    Raises:
        UsageError: there are no real images.
        InputError: the folder is missing or holds no images.
    """
    if folder is not None:
        content = find_images(folder)
        return ImageFiles(content.images, f"the folder {folder.resolve().name}", (content.left_out,))
    found = scored_images(checkpoint_path)
    if found:
        return ImageFiles(tuple(found), f"the validation images of {checkpoint_path.name}")
    if allow_made_images:
        return MADE_IMAGES
    raise UsageError(
        f"There are no real images to compare on: the validation images of {checkpoint_path.name} are not recorded or "
        "not there any more. Name a folder with --verify, or take images made by formula with --allow-made-images; the "
        "model card will say so."
    )


def read_image_set(files: ImageFiles, trained: TrainedModel) -> ImageSet:
    """Read and prepare images, and compute PyTorch's logits. Images that cannot be decoded are left out and named.

    Raises:
        ParityError: none of them can be compared.
    """
    names: list[str] = []
    contents: list[bytes | NDArray[np.uint8]] = []
    hashes: list[ImageHashes] = []
    pixels: list[NDArray[np.uint8]] = []
    unreadable: list[str] = []
    given = _given(files, trained.preprocessing.image_size)
    for name, image in tqdm(given, desc="Reading images", unit="", leave=False, disable=None):
        try:
            content = image.read_bytes() if isinstance(image, Path) else image
            prepared, sha256 = prepare_and_hash(content, trained.preprocessing)
        except (ImageError, OSError):
            unreadable.append(name)
            continue
        names.append(name)
        contents.append(content)
        hashes.append(sha256)
        pixels.append(prepared.pixels)
    if not names:
        raise ParityError(f"Nothing was compared: of {counted(len(given), 'image')} ({files.source}) none can be read.")
    stacked = np.stack(pixels)
    return ImageSet(
        names=tuple(names),
        contents=tuple(contents),
        hashes=tuple(hashes),
        pixels=stacked,
        reference=reference_logits(trained, stacked),
        checkpoint_hash=trained.checkpoint.hash,
        unreadable=tuple(unreadable),
        source=files.source,
        made=files == MADE_IMAGES,
    )


def _given(files: ImageFiles, image_size: int) -> list[tuple[str, Path | NDArray[np.uint8]]]:
    """Names, with files or, where there are none, images made by formula."""
    if files == MADE_IMAGES:
        return [(f"made {number}", image) for number, image in enumerate(self_test_images(image_size))]
    return list(zip(_names(files.paths), files.paths, strict=True))


def _names(paths: tuple[Path, ...]) -> list[str]:
    """The paths below the folder that they share, with slashes on every system: nothing of the machine's folders."""
    absolute = [path.absolute() for path in paths]
    try:
        folder = os.path.commonpath([path.parent for path in absolute])
    except ValueError:  # On Windows they may lie on several drives.
        return [path.name for path in paths]
    return [path.relative_to(folder).as_posix() for path in absolute]
