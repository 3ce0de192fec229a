"""What landmarks tell of all images: computed a tile at a time, and kept in a file as long as the cache may."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from crbl_training.data.rows_in_file import RowsInFile, write_rows
from crbl_training.train.activation_cache import CacheSettings
from crbl_training.train.head_start.feature_maps import FeatureMaps, Tile
from crbl_training.train.head_start.gram_matrix import gram_columns

# Rows that are read at a time: 8 MB with 1,000 landmarks.
READ_AT_ONCE = 1024


# float64 [N, r]: `features[int64 [n]]`, `features.shape` and `len(features)` are what both have.
Features: TypeAlias = NDArray[np.float64] | RowsInFile


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
        return RowsInFile.open(path), f"read from {path} ({megabytes})"
    write_rows(path, tiles, shape, np.float64)
    return RowsInFile.open(path), f"cached in {path} ({megabytes})"


def _in_memory(tiles: Iterable[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.float64]:
    features, done = np.empty(shape), 0
    for rows in tiles:
        features[done : done + len(rows)] = rows
        done += len(rows)
    return features
