"""Compare a converted model with Keras's own logits, recorded in npz files."""

import math
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from crbl_runtime.decision import threshold_logit
from crbl_runtime.errors import InputError, ParityError
from crbl_training.checkpoint import Checkpoint
from crbl_training.model.network_input import network_input
from crbl_training.options import KERAS_TOLERANCE

# The sigmoid's derivative is 1/4 at most: what logits differ by, probabilities differ by a quarter of it.
STEEPEST_SIGMOID = 0.25
MAX_UNPACKED_BYTES = 2 * 1024**3
IMAGES, LOGITS = "images", ("logits", "logit")


@dataclass(frozen=True)
class Comparison:
    """How close the model is to Keras.

    Attributes:
        images: how many were compared. largest: the largest |difference| of two logits.
        flipped: how many images are decided differently at the checkpoint's threshold.
        recorded_in_0_to_1: whether all that was recorded lies there, as probabilities do and logits rarely.
    """

    images: int
    largest: float
    flipped: int
    recorded_in_0_to_1: bool

    @property
    def passed(self) -> bool:
        """Whether all logits agree within KERAS_TOLERANCE."""
        return self.largest <= KERAS_TOLERANCE


@dataclass(frozen=True)
class Recorded:
    """Images and Keras's logits: uint8 [N, H, W, 3], RGB, as large as the network saw them; float [N]."""

    images: NDArray[np.uint8]
    logits: NDArray[np.float64]


def compare_with_keras(
    checkpoint: Checkpoint, path: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> Comparison:
    """Run the images of an npz file, or of all npz files of a folder, and compare logits.

    Args:
        path: npz with `images` (uint8 [N, H, W, 3], RGB) and `logits` (float [N] or [N, 1]).
        progress: called with the number of images done and the number of all images.

    Raises:
        InputError: a file cannot be read or has other content, such as the probabilities that belong to the logits.
        ParityError: nothing was compared.
    """
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    recorded = [_read(file) for file in files]
    total = sum(len(one.images) for one in recorded)
    if total == 0:
        raise ParityError(f"{path} has no images, so nothing was compared. Record some (see the README) and try again.")
    expected = np.concatenate([one.logits for one in recorded])
    actual = np.array(_logits(checkpoint, recorded, lambda done: progress(done, total)))
    difference = np.abs(actual - expected)
    border = threshold_logit(checkpoint.threshold)
    comparison = Comparison(
        images=total,
        largest=float(difference.max()) if np.isfinite(difference).all() else math.inf,
        flipped=int(np.sum((actual > border) != (expected > border))),
        recorded_in_0_to_1=bool(((expected >= 0) & (expected <= 1)).all()),
    )
    if comparison.recorded_in_0_to_1 and not comparison.passed:
        _refuse_probabilities(actual, expected, path)
    return comparison


def _refuse_probabilities(actual: NDArray[np.float64], recorded: NDArray[np.float64], path: Path) -> None:
    probabilities = torch.sigmoid(torch.from_numpy(actual)).numpy()
    difference = float(np.abs(probabilities - recorded).max())
    if difference <= STEEPEST_SIGMOID * KERAS_TOLERANCE:
        raise InputError(
            f"{path} has probabilities in place of logits: they agree with those of the converted model within "
            f"{difference:.2g}, but large logits all have the probability 0 or 1, so that they prove little. Record "
            "the values before the sigmoid, as docs/keras.md shows."
        )


def _logits(checkpoint: Checkpoint, recorded: list[Recorded], progress: Callable[[int], None]) -> list[float]:
    model = checkpoint.build_model()
    logits: list[float] = []
    for one in recorded:
        for image in one.images:
            with torch.no_grad():
                x = network_input(torch.from_numpy(image.copy())[None], checkpoint.preprocessing)
                logits.append(model(x).item())
            progress(len(logits))
    return logits


def _read(path: Path) -> Recorded:
    if not path.is_file():
        raise InputError(f"There is no file or folder {path} to compare with.")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise InputError(f"{path} unpacks to {unpacked} bytes, at most {MAX_UNPACKED_BYTES} are read. Split it.")
        with np.load(path, allow_pickle=False) as content:
            name = next((one for one in LOGITS if one in content.files), None)
            if IMAGES not in content.files or name is None:
                raise InputError(
                    f"{path} holds {content.files[:8]}, expected the arrays images and logits (not probabilities)."
                )
            images, logits = content[IMAGES], np.asarray(content[name])
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is no npz file, or a damaged one ({error}). Record it again.") from error
    if (
        images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[3] != 3
        or (images.size and min(images.shape[1:3]) < 32)
    ):
        raise InputError(
            f"images in {path} is {images.dtype} {images.shape}, expected uint8 [N, H, W, 3], 32 px or more."
        )
    if logits.dtype.kind != "f" or logits.shape not in ((len(images),), (len(images), 1)):
        raise InputError(
            f"{name} in {path} is {logits.dtype} {logits.shape}, expected float [{len(images)}]: for each image the "
            "one value that the network has before its sigmoid."
        )
    return Recorded(images, logits.astype(np.float64).reshape(-1))
