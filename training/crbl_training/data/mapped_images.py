"""Prepared images that stay in their file, and are read when they are asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from crbl_training.data.rows_in_file import read_rows


@dataclass(frozen=True)
class MappedImages:
    """Images in a file, indexed as a tensor of them would be; what is given out is a copy.

    Pickled by its path: another process opens the file by itself.

    Attributes:
        path: the file, absolute. offset: where its first image begins, in bytes.
        shape: of all images, uint8: (N, H, W, 3).
    """

    path: Path
    offset: int
    shape: tuple[int, int, int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Tensor | int) -> Tensor:
        """Images int64 [n] -> uint8 [n, H, W, 3], or one image's number -> uint8 [H, W, 3]; negative ones count from
        the end.

        Raises:
            IndexError: there is no such image. TypeError: the index is neither. DataError: see `read_rows`.
        """
        if isinstance(index, Tensor):
            if index.dtype != torch.int64 or index.ndim != 1:
                raise TypeError(f"Images are indexed by int64 [n], not by {index.dtype} {list(index.shape)}.")
            return self._read(index.numpy())
        return self._read(np.array([index], np.int64))[0]

    def _read(self, numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Tensor:
        outside = numbers[(numbers < -len(self)) | (numbers >= len(self))]
        if len(outside):
            raise IndexError(f"There is no image {outside[0]} among {len(self)}.")
        rows = read_rows(self.path, numbers % len(self), offset=self.offset, shape=self.shape[1:], dtype=np.uint8)
        return torch.from_numpy(rows)


# uint8 [N, H, W, 3], RGB: `images[int64 [n]]`, `images[number]` and `len(images)` are what both have.
Images: TypeAlias = Tensor | MappedImages
