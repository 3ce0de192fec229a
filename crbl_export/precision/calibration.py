"""The pictures that 8-bit ranges are measured on."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_runtime.errors import DataError, PictureError
from crbl_runtime.picture_folder import find_pictures
from crbl_runtime.preprocessing import PreprocessingSpec, prepare


@dataclass(frozen=True)
class CalibrationSet:
    """Prepared pictures, uint8 [N, size, size, 3], and the SHA-256 over their pixels, in order."""

    images: NDArray[np.uint8]
    hash: str


def read_calibration(folder: Path, spec: PreprocessingSpec) -> CalibrationSet:
    """All pictures in a folder and below, prepared as the runtime prepares them.

    Raises:
        DataError: there is no such folder, no picture in it, or one that cannot be read; it is named.
    """
    images = []
    for path in tqdm(find_pictures(folder), desc="Reading calibration pictures", unit="", leave=False, disable=None):
        try:
            images.append(prepare(path, spec).pixels)
        except PictureError as error:
            raise DataError(f"{path} cannot be calibrated on ({error}). Remove it from {folder}.") from error
    stacked = np.stack(images)
    return CalibrationSet(stacked, hashlib.sha256(stacked.tobytes()).hexdigest())
