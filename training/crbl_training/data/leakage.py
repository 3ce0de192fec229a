"""Validation images that are in the training set too: they make all metrics look better than they are.

Identical means equal decoded pixels; near-identical means a perceptual hash that differs in few bits.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError
from crbl_training.data.fingerprint import HASH_BITS, NEAR_LIMIT
from crbl_training.data.prepared_dataset import PreparedDataset

SHOWN = 5


@dataclass(frozen=True)
class Duplicate:
    """A validation image and the training image that is identical to it, or the nearest of the near-identical.

    Attributes:
        distance: bits of the perceptual hash that differ, 0 to NEAR_LIMIT; None for identical images.
        same_label: whether both are normal, or both anomalous.
    """

    validation: Path
    training: Path
    distance: int | None
    same_label: bool

    def __str__(self) -> str:
        """One line of text."""
        how = "is" if self.distance is None else f"is nearly ({self.distance} of {HASH_BITS} bits differ)"
        return f"{self.validation} {how} {self.training}{'' if self.same_label else ', with another label'}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "validation": str(self.validation),
            "training": str(self.training),
            "distance": self.distance,
            "same_label": self.same_label,
        }


@dataclass(frozen=True)
class Leakage:
    """What was found.

    Attributes:
        identical, near_identical: one entry a validation image, in their order.
        two_labels: pairs of identical images, of either set, the first labelled normal and the second anomalous.
    """

    identical: tuple[Duplicate, ...]
    near_identical: tuple[Duplicate, ...]
    two_labels: tuple[tuple[Path, Path], ...]

    def counts(self) -> dict[str, int]:
        """How many of each kind. The model file holds these alone, because paths would reveal folders."""
        return {
            "identical": len(self.identical),
            "near_identical": len(self.near_identical),
            "two_labels": len(self.two_labels),
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON types."""
        return {
            "identical": [duplicate.to_dict() for duplicate in self.identical],
            "near_identical": [duplicate.to_dict() for duplicate in self.near_identical],
            "two_labels": [[str(normal), str(anomalous)] for normal, anomalous in self.two_labels],
            "near_identical_means": f"at most {NEAR_LIMIT} of {HASH_BITS} bits of the perceptual hash differ",
        }


def find_leakage(train: PreparedDataset, validation: PreparedDataset) -> Leakage:
    """Compare all validation images with all training images."""
    identical = _identical_images(train, validation)
    nearest, distances = _nearest(_bits(validation), _bits(train))
    return Leakage(
        identical=tuple(identical.values()),
        near_identical=tuple(
            _duplicate(train, int(nearest[number]), validation, number, int(distances[number]))
            for number in range(len(validation.paths))
            if number not in identical and distances[number] <= NEAR_LIMIT
        ),
        two_labels=_with_two_labels(train, validation),
    )


def refuse_leakage(leakage: Leakage) -> None:
    """Raise DataError, which lists the images, if a validation image is in the training set or nearly so."""
    duplicates = [*leakage.identical, *leakage.near_identical]
    if duplicates:
        listed = "\n  ".join(map(str, duplicates))
        raise DataError(
            f"{_summary(leakage)}:\n  {listed}\nTake them out of one of the sets, or leave --fail-on-leakage out."
        )


def refuse_two_labels(*sets: PreparedDataset) -> None:
    """Raise DataError, which lists the pairs, if an image is both normal and anomalous, in one set or in two."""
    found = _with_two_labels(*sets)
    if found:
        pairs = [f"{normal} is normal, {anomalous} is anomalous" for normal, anomalous in found]
        raise DataError(
            f"{counted(len(pairs), 'image is', 'images are')} in both classes, with the same pixels:\n  "
            + "\n  ".join(pairs)
            + "\nTake each of them out of one of the classes, or out of both."
        )


def leakage_lines(leakage: Leakage) -> list[str]:
    """What was found, as lines of text; long lists are shortened, metrics.json has all of them."""
    duplicates = [*leakage.identical, *leakage.near_identical]
    if not duplicates:
        lines = ["Leakage: no validation image is in the training set, nor one that is nearly the same."]
    else:
        lines = [
            f"Leakage: {_summary(leakage)}. The metrics will look better than they should.",
            *_shortened([str(duplicate) for duplicate in duplicates]),
        ]
    return lines


def _summary(leakage: Leakage) -> str:
    identical = counted(len(leakage.identical), "validation image is", "validation images are")
    nearly = counted(len(leakage.near_identical), "more is", "more are")
    return f"{identical} also in the training set, and {nearly} nearly the same as one there"


def _shortened(lines: Sequence[str]) -> list[str]:
    left_out = [f"  and {len(lines) - SHOWN} more, see metrics.json"] if len(lines) > SHOWN else []
    return [f"  {line}" for line in lines[:SHOWN]] + left_out


def _identical_images(train: PreparedDataset, validation: PreparedDataset) -> dict[int, Duplicate]:
    """By the index of the validation image."""
    first: dict[str, int] = {}
    for number, fingerprint in enumerate(train.fingerprints):
        first.setdefault(fingerprint.pixels, number)
    return {
        number: _duplicate(train, first[fingerprint.pixels], validation, number, None)
        for number, fingerprint in enumerate(validation.fingerprints)
        if fingerprint.pixels in first
    }


def _duplicate(
    train: PreparedDataset, in_train: int, validation: PreparedDataset, in_validation: int, distance: int | None
) -> Duplicate:
    same_label = bool(train.labels[in_train] == validation.labels[in_validation])
    return Duplicate(validation.paths[in_validation], train.paths[in_train], distance, same_label)


def _with_two_labels(*sets: PreparedDataset) -> tuple[tuple[Path, Path], ...]:
    """For each image that occurs with both labels, the first path of either."""
    paths: defaultdict[str, dict[int, Path]] = defaultdict(dict)
    for images in sets:
        for fingerprint, image in zip(images.fingerprints, images.labelled_images, strict=True):
            paths[fingerprint.pixels].setdefault(image.label, image.path)
    return tuple((by_label[0], by_label[1]) for by_label in paths.values() if len(by_label) == 2)


def _nearest(validation: NDArray[np.uint8], train: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row of `validation` the first of the rows of `train` in which the fewest bits differ, and how many.

    All pairs are compared, by OpenCV's Hamming distance: 2 * 10^9 pairs take ten seconds of a core and no memory.
    """
    distances, nearest = cv2.batchDistance(validation, train, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=1)
    return nearest[:, 0].astype(np.int64), distances[:, 0].astype(np.int64)


def _bits(images: PreparedDataset) -> NDArray[np.uint8]:
    """The bits of the perceptual hashes, eight to a byte: [N, HASH_BITS / 8]."""
    joined = b"".join(fingerprint.perceptual for fingerprint in images.fingerprints)
    return np.frombuffer(joined, np.uint8).reshape(-1, HASH_BITS // 8)
