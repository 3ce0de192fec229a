"""Feature maps of the training images as they are: not augmented, and from a network that is not learning."""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from crbl_runtime.errors import NotFiniteError
from crbl_training.data.batches import batches_of_size, even_size
from crbl_training.evaluation.network_outputs import EVALUATION_BATCH
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.train.activations import ActivationSource

# Of one tile's feature maps, in bytes: those of 3,276 images of 128 px. Two tiles are in memory at most.
TILE_BYTES = 2**29


@dataclass(frozen=True)
class Tile:
    """Feature maps of some images.

    Attributes:
        first, second: of either backbone, float32 [n, C, positions], on the CPU.
    """

    first: Tensor
    second: Tensor

    def __len__(self) -> int:
        return len(self.first)


@dataclass
class FeatureMaps:
    """Gives the feature maps of a set of images, in tiles that fit into memory.

    Attributes:
        model: on its device. source: its frozen activations, of the images as they are. count: how many images.
    """

    model: CRBLDualModel
    source: ActivationSource
    count: int
    _last: tuple[int, Tile] | None = field(default=None, init=False)

    @cached_property
    def tile_images(self) -> list[Tensor]:
        """Which images are in which tile: int64 each, ascending."""
        at_once = max(TILE_BYTES // (4 * sum(shape.numel() for shape in self._shapes)), 1)
        return list(torch.arange(self.count).split(at_once))

    def tile(self, number: int) -> Tile:
        """The tile of this number. The last one is kept, so that a single tile is computed once."""
        if self._last is None or self._last[0] != number:
            self._last = None
            self._last = number, self.of(self.tile_images[number])
        return self._last[1]

    def of(self, images: Tensor) -> Tile:
        """The feature maps of these images, int64 [n].

        Raises:
            NotFiniteError: a feature is NaN or infinite.
        """
        first, second = (torch.empty(len(images), *shape) for shape in self._shapes)
        done = 0
        for batch in batches_of_size(images, even_size(len(images), EVALUATION_BATCH)):
            for maps, some in zip((first, second), self._of_batch(batch), strict=True):
                maps[done : done + len(batch)] = some[: len(images) - done]
            done += len(batch)
        if not bool(first.isfinite().all() and second.isfinite().all()):
            raise NotFiniteError(
                "The backbones gave NaN or infinite features, so the head can't be solved. "
                "Check --weights, or try --device cpu to see whether the graphics driver computes wrongly."
            )
        return Tile(first, second)

    @cached_property
    def _shapes(self) -> tuple[torch.Size, torch.Size]:
        """Of one image's maps, (C, positions) for either backbone."""
        first, second = self._of_batch(torch.zeros(1, dtype=torch.int64))
        return first.shape[1:], second.shape[1:]

    @torch.no_grad()
    def _of_batch(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.model.eval()
        first, second = self.model.features_from_frozen(*self.source(images, torch.zeros_like(images)))
        return first.cpu().flatten(2), second.cpu().flatten(2)
