"""What landmarks tell of all images: computed a tile at a time, and kept in a file as long as the cache may."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.atomic_file import remove_temporaries, replacing
from crbl_training.data.rows_in_file import read_rows
from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.head_start.feature_maps import FeatureMaps, Tile
from crbl_training.train.head_start.gram_matrix import gram_columns

# Rows that are read at a time: 8 MB with 1,000 landmarks.
READ_AT_ONCE = 1024


@dataclass(frozen=True)
class FeaturesInFile:
    """Rows of a .npy file, float64 [N, r], indexed by numbers as the array would be.

    Attributes:
        path: the file. offset: where in it the first row begins, in bytes. shape: (N, r).
    """

    path: Path
    offset: int
    shape: tuple[int, int]

    @classmethod
    def open(cls, path: Path) -> "FeaturesInFile":
        """The rows of a file that `landmark_features` made."""
        mapped = np.load(path, mmap_mode="r")
        return cls(path, mapped.offset, mapped.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rows int64 [n] -> float64 [n, r]. Raises DataError, see `read_rows`."""
        return read_rows(self.path, numbers, offset=self.offset, shape=self.shape[1:], dtype=np.float64)


# float64 [N, r]: `features[int64 [n]]`, `features.shape` and `len(features)` are what both have.
Features: TypeAlias = NDArray[np.float64] | FeaturesInFile


def in_blocks(features: Features) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """All rows, in order, some at a time, and which they are."""
    for start in range(0, len(features), READ_AT_ONCE):
        stop = min(start + READ_AT_ONCE, len(features))
        yield slice(start, stop), features[np.arange(start, stop)]


def landmark_features(
    maps: FeatureMaps, landmarks: Tile, back: NDArray[np.float64], key: str, settings: CacheSettings
) -> tuple[Features, str]:
    """The features of all images, from their file, or computed and, where the settings allow, written to it; and where
    they come from.

    Args:
        back: of the landmarks' `KernelFeatures`, float64 [m, r].
        key: of all that the features depend on, see `gram_key`.
    """
    shape, path = (maps.count, back.shape[1]), settings.folder / f"landmark_features_{key}.npy"
    megabytes = f"{(size := 8 * shape[0] * shape[1]) / 1e6:,.0f} MB"
    tiles = (columns @ back for columns in gram_columns(maps, landmarks))
    reason = settings.why_not_cached(path, size)
    if reason is not None:
        return _in_memory(tiles, shape), f"not cached, {megabytes} in memory: {reason}"
    if path.is_file():
        return FeaturesInFile.open(path), f"read from {path} ({megabytes})"
    remove_temporaries(path)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
        for rows in tiles:
            file.write(rows.data)
    return FeaturesInFile.open(path), f"cached in {path} ({megabytes})"


def _in_memory(tiles: Iterable[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.float64]:
    features, done = np.empty(shape), 0
    for rows in tiles:
        features[done : done + len(rows)] = rows
        done += len(rows)
    return features
