"""Frozen activations, computed once and cached in a file for every later epoch and run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from crbl_runtime.errors import UsageError
from crbl_training.data.disk_space import spare_bytes
from crbl_training.data.rows_in_file import RowsInFile, write_rows
from crbl_training.model.memory_layout import in_quickest_layout
from crbl_training.options import CACHE_GIGABYTES, GIGABYTE
from crbl_training.process_group import current_shard
from crbl_training.train.activations import ActivationSource, ComputedActivations, ImageByImage
from crbl_training.train.content_key import content_key

# How activations are computed from the weights: other ways round differently.
COMPUTED_BY = "BatchNorm folded into convolutions, channels_last"
# Rows of a file that are computed at a time.
FILLED_AT_ONCE = 32


@dataclass(frozen=True)
class CacheSettings:
    """Whether and where frozen activations are cached.

    Attributes:
        folder: where the files lie; whatever is in it may be deleted between runs.
        mode: "auto" (where possible, else the reason is told), "on" (or fail) or "off". budget: bytes, of each file.
    """

    folder: Path
    mode: str = "auto"
    budget: int = CACHE_GIGABYTES * GIGABYTE

    def why_not_cached(self, path: Path, size: int) -> str | None:
        """Why a file of so many bytes is neither read nor written; None where it may be."""
        needed = f"{size / GIGABYTE:.1f} GB would be needed"
        if self.mode == "off":
            return "the cache is off"
        if size > self.budget:
            return f"{needed}, --cache-budget is {self.budget / GIGABYTE:g} GB"
        if not path.is_file() and size > (spare := spare_bytes(self.folder)):
            return f"{needed}, the disk has {spare / GIGABYTE:.1f} GB to spare"
        return None


NO_CACHE = CacheSettings(Path(), "off")


@dataclass(frozen=True)
class CachedActivations:
    """Reads activations from a file.

    Attributes:
        rows: float32 [images * views, values], an image's views one after the other.
        shapes: of one image's activations in either backbone. views: how many of each image there are.
    """

    rows: RowsInFile
    shapes: tuple[torch.Size, torch.Size]
    views: int
    device: torch.device

    def __call__(self, images: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.from_numpy(self.rows[(images * self.views + views).numpy()])
        first, second = rows.split([shape.numel() for shape in self.shapes], dim=1)
        shapes = ((len(rows), *shape) for shape in self.shapes)
        first, second = (values.reshape(shape) for values, shape in zip((first, second), shapes, strict=True))
        # In the layout of computed activations, so that what follows computes the same bits.
        return in_quickest_layout(first.to(self.device)), in_quickest_layout(second.to(self.device))


def activation_source(
    source: ComputedActivations, views: int, settings: CacheSettings, name: str
) -> tuple[ActivationSource, str]:
    """The activations from a file, made now if need be, or else computed at each use; and a sentence that tells which.

    On the CPU both give the same bits, because the images are computed one by one either way. Only views that are
    new in every epoch, which no file could hold, are computed a batch at a time: with several threads that is quicker.

    Args:
        views: how many views of each image there are, 0 when every epoch draws new ones.
        name: what the images are, for the sentence.

    Raises:
        UsageError: the mode is "on" and the activations can't be cached.
    """
    try:
        return _cached_activations(source, views, settings, name)
    except _NotCachedError as reason:
        if settings.mode == "on":
            raise UsageError(f"--cache on, but activations of the {name} images can't be cached: {reason}.") from None
        computed = source if views == 0 else _repeatable(source)
        return computed, f"Frozen layers run anew for each batch of {name} images: {reason}"


class _NotCachedError(Exception):
    """Why activations are computed at each use."""


def _cached_activations(
    source: ComputedActivations, views: int, settings: CacheSettings, name: str
) -> tuple[CachedActivations, str]:
    if settings.mode == "off":
        raise _NotCachedError("the cache is off")
    if source.model.trainable == "all":
        raise _NotCachedError("none is frozen")
    if current_shard().world_size > 1:
        raise _NotCachedError("several processes train")
    if views == 0:
        raise _NotCachedError("every epoch draws new views (--views N fixes N of each image)")
    shapes = _shapes(source)
    size = len(source.images) * views * _values(shapes) * 4
    path = settings.folder / f"activations_{_key(source, views)}.npy"
    reason = settings.why_not_cached(path, size)
    if reason is not None:
        raise _NotCachedError(reason)
    found = path.is_file()
    if not found:
        _fill(path, source, views, _values(shapes), name)
    done = "read from" if found else "cached in"
    sentence = f"Frozen layers of {name} images {done} {path} ({size / 1e6:,.0f} MB)"
    return CachedActivations(RowsInFile.open(path), shapes, views, source.device), sentence


def _shapes(source: ComputedActivations) -> tuple[torch.Size, torch.Size]:
    first, second = source(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
    return first.shape[1:], second.shape[1:]


def _values(shapes: tuple[torch.Size, torch.Size]) -> int:
    return sum(shape.numel() for shape in shapes)


def _key(source: ComputedActivations, views: int) -> str:
    """What the activations depend on: frozen weights, images, how they are seen, and what computes them."""
    rest = {
        "trainable": source.model.trainable,
        "spec": source.spec.to_dict(),
        "views": [repr(source.augmentation), source.seed, views] if source.augmentation is not None else [],
        "computed_by": [COMPUTED_BY, torch.__version__, source.device.type, torch.get_num_threads()],
    }
    return content_key(source.model.frozen_state().values(), source.images, rest)


def _repeatable(source: ComputedActivations) -> ActivationSource:
    # On a GPU one image alone would leave most of it idle, and nothing promises the same bits there.
    return ImageByImage(source) if source.device.type == "cpu" else source


def _fill(path: Path, source: ComputedActivations, views: int, values: int, name: str) -> None:
    repeatable, count = _repeatable(source), len(source.images) * views
    batches = tqdm(
        torch.arange(count).split(FILLED_AT_ONCE),
        desc=f"Frozen layers, {name}",
        unit="batch",
        leave=False,
        disable=None,
    )
    activations = (repeatable(batch // views, batch % views) for batch in batches)
    blocks = (torch.cat([each.flatten(1).cpu() for each in pair], dim=1).numpy() for pair in activations)
    write_rows(path, blocks, (count, values), np.float32)
