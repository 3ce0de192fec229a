"""All pictures of a set, decoded and cut to their region once, before the first epoch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from crbl_runtime.errors import DataError, PictureError
from crbl_runtime.preprocessing import PreparedPicture, PreprocessingSpec, prepare
from crbl_training.dataset import LabelledPicture


@dataclass(frozen=True)
class PreparedSet:
    """Pictures as the network sees them.

    Attributes:
        images: uint8 [N, image_size, image_size, 3], RGB. labels: float32 [N], 0 or 1. paths: N paths.
        regions_missing: how many pictures had no object and were taken whole.
    """

    images: Tensor
    labels: Tensor
    paths: tuple[Path, ...]
    regions_missing: int


def prepare_set(pictures: Sequence[LabelledPicture], spec: PreprocessingSpec, name: str) -> PreparedSet:
    """Prepare all pictures, with a progress bar.

    Raises:
        DataError: listing every picture that cannot be decoded.
    """
    with ThreadPoolExecutor() as threads:
        results = threads.map(lambda picture: _prepare_or_error(picture.path, spec), pictures)
        prepared = list(
            tqdm(results, total=len(pictures), desc=f"Reading {name} pictures", unit="", leave=False, disable=None)
        )
    errors = [result for result in prepared if isinstance(result, PictureError)]
    if errors:
        listed = "\n  ".join(str(error) for error in errors)
        raise DataError(f"{len(errors)} of {len(pictures)} {name} pictures cannot be used:\n  {listed}")
    good = [result for result in prepared if isinstance(result, PreparedPicture)]
    return PreparedSet(
        images=torch.stack([torch.from_numpy(picture.pixels) for picture in good]),
        labels=torch.tensor([float(picture.label) for picture in pictures]),
        paths=tuple(picture.path for picture in pictures),
        regions_missing=sum(not picture.region_found for picture in good),
    )


def _prepare_or_error(path: Path, spec: PreprocessingSpec) -> PreparedPicture | PictureError:
    try:
        return prepare(path, spec)
    except PictureError as error:
        return error
