"""The images that a model file and PyTorch are compared on: which they are, and how they are read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_export.parity.contents_hash import contents_hash
from crbl_export.parity.reference import Reference, reference_logits
from crbl_export.trained_model import TrainedModel
from crbl_runtime.errors import ImageError, ParityError
from crbl_runtime.image_folder import find_images
from crbl_runtime.preprocessing import prepare
from crbl_runtime.self_test import self_test_images
from crbl_training.evaluation.scores import scored_images


@dataclass(frozen=True)
class ImageFiles:
    """Which images to compare on.

    Attributes:
        paths: image files; none for the synthetic images of the self-test. source: where they come from, in words.
    """

    paths: tuple[Path, ...]
    source: str


SYNTHETIC = ImageFiles((), "synthetic images, no real ones")


@dataclass(frozen=True)
class ImageSet:
    """N images on which a model file is compared with PyTorch, with PyTorch's logits.

    Attributes:
        names: N names. contents: N encoded images, as read from disk, or uint8 arrays.
        pixels: uint8 [N, size, size, 3], the same images prepared for the network.
        reference: PyTorch's logits. checkpoint_hash: of the checkpoint whose model gave them.
        unreadable: names of images that cannot be decoded. source: where the images come from, in words.
    """

    names: tuple[str, ...]
    contents: tuple[bytes | NDArray[np.uint8], ...]
    pixels: NDArray[np.uint8]
    reference: Reference
    checkpoint_hash: str
    unreadable: tuple[str, ...]
    source: str

    @property
    def hash(self) -> str:
        """SHA-256 over all contents, in order."""
        return contents_hash(self.contents)


def choose_images(checkpoint_path: Path, folder: Path | None) -> ImageFiles:
    """The images of a user's folder, else the run's validation images, else the synthetic self-test images.

    Raises:
        InputError: the folder is missing or holds no images.
    """
    if folder is not None:
        return ImageFiles(tuple(find_images(folder)), str(folder))
    found = scored_images(checkpoint_path)
    return ImageFiles(tuple(found), f"the validation images of {checkpoint_path.name}") if found else SYNTHETIC


def read_image_set(files: ImageFiles, trained: TrainedModel) -> ImageSet:
    """Read and prepare images, and compute PyTorch's logits. Images that cannot be decoded are left out and named.

    Raises:
        ParityError: none of them can be compared.
    """
    names: list[str] = []
    contents: list[bytes | NDArray[np.uint8]] = []
    pixels: list[NDArray[np.uint8]] = []
    unreadable: list[str] = []
    given = _given(files, trained.preprocessing.image_size)
    for name, image in tqdm(given, desc="Reading images", unit="", leave=False, disable=None):
        try:
            content = image.read_bytes() if isinstance(image, Path) else image
            pixels.append(prepare(content, trained.preprocessing).pixels)
        except (ImageError, OSError):
            unreadable.append(name)
            continue
        names.append(name)
        contents.append(content)
    if not names:
        raise ParityError(f"Nothing was compared: none of the {len(given)} images of {files.source} can be read.")
    prepared = np.stack(pixels)
    return ImageSet(
        names=tuple(names),
        contents=tuple(contents),
        pixels=prepared,
        reference=reference_logits(trained, prepared),
        checkpoint_hash=trained.checkpoint.hash,
        unreadable=tuple(unreadable),
        source=files.source,
    )


def _given(files: ImageFiles, image_size: int) -> list[tuple[str, Path | NDArray[np.uint8]]]:
    """Names, with files or, where there are none, synthetic images."""
    if files == SYNTHETIC:
        return [(f"synthetic {number}", image) for number, image in enumerate(self_test_images(image_size))]
    return [(str(path), path) for path in files.paths]
