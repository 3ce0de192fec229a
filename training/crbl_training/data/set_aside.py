"""Which images are kept apart from those that a model learns from: the same ones for the same seed."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crbl_runtime.errors import DataError

if TYPE_CHECKING:
    from crbl_training.data.dataset import LabelledImage

VALIDATION_SHARE = 0.2


def set_aside_validation(
    images: Sequence["LabelledImage"], source: Path | str, seed: int
) -> tuple[tuple["LabelledImage", ...], tuple["LabelledImage", ...]]:
    """Images to train on, and a fifth of each class to validate on.

    Args:
        source: where they are from, for messages.

    Raises:
        DataError: a class has a single image.
    """
    train: list[LabelledImage] = []
    held_out: list[LabelledImage] = []
    for label in (0, 1):
        of_class = [image for image in images if image.label == label]
        if len(of_class) < 2:
            raise DataError(
                f"{source} has one image of class_{label}; at least two are needed to set one aside. Add some, or name "
                "images for validation with --val."
            )
        # Ordered by a hash of seed and name: the same images wherever the folder lies, whatever is added later.
        of_class.sort(key=lambda image: _order(seed, image.path.name))
        count = max(1, round(len(of_class) * VALIDATION_SHARE))
        held_out += of_class[:count]
        train += of_class[count:]
    return tuple(train), tuple(held_out)


def share_of_each_kind(images: Sequence["LabelledImage"], seed: int, share: float) -> set["LabelledImage"]:
    """A share of the normal images, and of each kind of anomaly; of either part at least one image, if there are two.

    Kinds of one image each are shared out together; if there is but one of them, it is not in the share.

    Args:
        share: more than 0, less than 1.
    """
    count = Counter((image.label, image.kind) for image in images)
    groups: defaultdict[tuple[int, str], list[LabelledImage]] = defaultdict(list)
    for image in images:
        alone = count[image.label, image.kind] == 1
        groups[image.label, "" if alone else image.kind].append(image)
    taken: set[LabelledImage] = set()
    for of_kind in groups.values():
        of_kind.sort(key=lambda image: _order(seed, f"test {image.kind} {image.path.name}"))
        taken.update(of_kind[: min(len(of_kind) - 1, max(1, round(len(of_kind) * share)))])
    return taken


def _order(seed: int, name: str) -> bytes:
    # Names of files need not be UTF-8.
    return hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).digest()
