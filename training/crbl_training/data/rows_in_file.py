"""Rows of numbers in a file, of which a few are read at a time.

Read, and not mapped into memory: what was touched of a mapped file counts as resident, after an epoch all of it; a
page that is missing draws in its neighbours, which random images do not need (ten times their size was seen, for images
of 12 kB); and a disk that fails ends the process.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from crbl_runtime.atomic_file import remove_temporaries, replacing
from crbl_runtime.errors import DataError, first_line


@dataclass(frozen=True)
class RowsInFile:
    """Rows of a .npy file, indexed by their numbers as the array would be; what is given out is a copy.

    Attributes:
        path: the file, absolute. offset: where in it the first row begins, in bytes.
        shape: of the array, (N, values). dtype: of its values.
    """

    path: Path
    offset: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    @classmethod
    def open(cls, path: Path) -> "RowsInFile":
        """The rows of a file that `write_rows` made."""
        mapped = np.load(path, mmap_mode="r")
        return cls(path.absolute(), mapped.offset, mapped.shape, mapped.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """Rows int64 [n], each from 0 -> [n, values]. Raises DataError, see `read_rows`."""
        return read_rows(self.path, numbers, offset=self.offset, shape=self.shape[1:], dtype=self.dtype)


def write_rows(path: Path, blocks: Iterable[NDArray[Any]], shape: tuple[int, int], dtype: DTypeLike) -> None:
    """Write a .npy file, atomically, some rows at a time.

    Args:
        blocks: rows of the dtype, C-contiguous, [n, values] each, N in all. shape: (N, values).
    """
    remove_temporaries(path)
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for rows in blocks:
            file.write(rows.data)


def read_rows(
    path: Path, numbers: NDArray[np.int64], *, offset: int, shape: tuple[int, ...], dtype: DTypeLike
) -> NDArray[Any]:
    """Read some of the rows that lie one after the other in a file.

    The file is opened for each call, so that any thread or process may read it, also after a fork.

    Args:
        numbers: which rows, int64 [n], each from 0 and less than the number of rows. offset: where row 0 begins, in
            bytes. shape, dtype: of one row.

    Returns:
        [n, *shape].

    Raises:
        DataError: the file is gone, or shorter than it was.
    """
    rows = np.empty((len(numbers), *shape), dtype)
    try:
        with path.open("rb", buffering=0) as file:
            for row, number in zip(rows, numbers.tolist(), strict=True):
                file.seek(offset + number * row.nbytes)
                if file.readinto(row) != row.nbytes:
                    raise OSError(None, "it is shorter than it was")
    except OSError as error:
        raise DataError(
            f"{path} cannot be read any more ({error.strerror or first_line(error)}). It must stay as it is until the "
            "run has ended: start the command again, with --resume if it was crbl-train."
        ) from error
    return rows
