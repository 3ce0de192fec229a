"""Which of the compared images a page shows one by one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crbl_export.parity.compared_images import ComparedImages

LARGEST_ERRORS = 6
NEAREST = 6
# Of a file that decides wrongly on many thousands the first hundred say as much as all.
FLIPS = 100


@dataclass(frozen=True)
class ShownImages:
    """Numbers of images.

    Attributes:
        largest_errors: those on which the model file is off the most, the largest error first.
        flips, flips_within_margin: those whose decision differs, the farthest from the threshold first.
        nearest: those whose float64 logit is nearest to the threshold, the nearest first; none where the threshold is
            0 or 1.
    """

    largest_errors: tuple[int, ...]
    flips: tuple[int, ...]
    flips_within_margin: tuple[int, ...]
    nearest: tuple[int, ...]

    @property
    def all(self) -> set[int]:
        """The numbers of all of them."""
        return {*self.largest_errors, *self.flips, *self.flips_within_margin, *self.nearest}


def shown_images(compared: ComparedImages) -> ShownImages:
    """Choose among the images that were compared."""
    flipped, distances = compared.flipped, compared.flipped.distances
    by_distance = np.argsort(distances, kind="stable")
    farthest_first = by_distance[::-1]
    return ShownImages(
        largest_errors=_first(np.argsort(-compared.error_onnx, kind="stable"), LARGEST_ERRORS),
        flips=_first(farthest_first[flipped.outside_margin[farthest_first]], FLIPS),
        flips_within_margin=_first(farthest_first[flipped.within_margin[farthest_first]], FLIPS),
        nearest=_first(by_distance[np.isfinite(distances[by_distance])], NEAREST),
    )


def _first(numbers: NDArray[np.intp], count: int) -> tuple[int, ...]:
    return tuple(numbers[:count].tolist())
