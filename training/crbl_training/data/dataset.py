"""Labelled images on disk: folders by class, or a table."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.left_out import LeftOut
from crbl_training.data.class_folders import read_class_folders
from crbl_training.data.dataset_format import USUAL_FORMAT, DatasetFormat
from crbl_training.data.table import read_table

SPLITS = ("train", "validation", "test")
CLASS_NAMES = ("normal (class_0)", "anomaly (class_1)")
VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class LabelledImage:
    """An image's path and its label: 0 normal, 1 anomaly."""

    path: Path
    label: int


@dataclass(frozen=True)
class Listing:
    """Labelled images.

    Attributes:
        reading: what was guessed or left out to read them, one line of text; None where nothing was.
        left_out: what else is in the folders that they are in; nothing of a table.
    """

    images: tuple[LabelledImage, ...]
    reading: str | None = None
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Split:
    """Images to train on and images to validate on, both with both classes.

    Attributes:
        validation_source: where the validation images come from, as text.
        readings: for each folder or table in which something was guessed or left out, what it was, in one line.
        left_out: what else is in the folders that they are in; nothing of a table.
    """

    train: tuple[LabelledImage, ...]
    validation: tuple[LabelledImage, ...]
    validation_source: str
    readings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class _Source:
    """A folder's or a table's images, each with its split ("train", "validation", "test", or empty)."""

    images: tuple[LabelledImage, ...]
    splits: tuple[str, ...]
    reading: str | None
    left_out: tuple[LeftOut, ...] = ()

    def of(self, *splits: str) -> tuple[LabelledImage, ...]:
        return tuple(image for image, split in zip(self.images, self.splits, strict=True) if split in splits)


def read_labelled(
    source: Path, image_folder: Path | None = None, dataset_format: DatasetFormat = USUAL_FORMAT
) -> tuple[LabelledImage, ...]:
    """All labelled images of a folder with class folders, or of a table.

    Args:
        source: the folder, or the table: a header line, and in each line an image's path and its label.
        image_folder: what the table's paths are relative to; by default the table's own folder.

    Raises:
        DataError: naming the file and the remedy. UsageError: the format names a column that the table does not have.
    """
    return _read_both_classes(source, image_folder, dataset_format).images


def read_split(
    data: Path,
    validation: Path | None,
    image_folder: Path | None,
    seed: int,
    dataset_format: DatasetFormat = USUAL_FORMAT,
) -> Split:
    """Training and validation images.

    Validation images come from `validation` if given, else from the table's `split` column, else a fifth of each
    class is set aside, the same fifth for the same seed.

    Raises:
        DataError, UsageError: as `read_labelled`. DataError: a class has fewer images than can be split.
    """
    read = _read(data, image_folder, dataset_format)
    if validation is not None:
        train = read.of("", "train")
        require_both_classes(train, data)
        given = _read_both_classes(validation, image_folder, dataset_format)
        return Split(train, given.images, f"given: {validation.name}", *_said(read, given))
    if any(read.splits):
        train, held_out = read.of("train"), read.of("validation")
        require_both_classes(train, data, "split train")
        require_both_classes(held_out, data, "split validation")
        return Split(train, held_out, f"the column 'split' of {data.name}", *_said(read))
    require_both_classes(read.images, data)
    train, held_out = _set_aside(read.images, data, seed)
    return Split(train, held_out, f"{VALIDATION_SHARE:.0%} of {data.name}, set aside with seed {seed}", *_said(read))


def read_images(
    source: Path, image_folder: Path | None, split: str | None, dataset_format: DatasetFormat = USUAL_FORMAT
) -> Listing:
    """The labelled images of a folder or a table, to measure a model on.

    Args:
        source, image_folder: as `read_labelled`. split: which rows of a table with the column 'split': one of SPLITS.

    Raises:
        UsageError: the table has that column and `split` is None, or the other way round. DataError, UsageError: as
            `read_labelled`.
    """
    read = _read(source, image_folder, dataset_format)
    has_splits = any(read.splits)
    if has_splits and split is None:
        raise UsageError(f"{source} has a column 'split'. Choose the images with --split {'|'.join(SPLITS)}.")
    if split is not None and not has_splits:
        raise UsageError(f"--split {split} was given, but {source} has no column 'split'. Leave the option out.")
    images = read.images if split is None else read.of(split)
    require_both_classes(images, source, f"split {split}" if split is not None else "")
    return Listing(images, read.reading, read.left_out)


def require_both_classes(images: Sequence[LabelledImage], source: Path | str, split: str = "") -> None:
    """Raise DataError, which names `source` and `split`, unless some images are normal and some anomalous."""
    where = f"{source} ({split})" if split else str(source)
    if not images:
        raise DataError(f"{where} holds no images.")
    missing = missing_class([image.label for image in images])
    if missing is not None:
        raise DataError(
            f"{where} holds {counted(len(images), 'image')} but none that is {missing}. Both classes are needed."
        )


def missing_class(labels: Sequence[int]) -> str | None:
    """The name of the class that none of the labels (0 or 1) has; None where both occur."""
    return next((name for label, name in enumerate(CLASS_NAMES) if label not in labels), None)


def data_hash(images: Sequence[LabelledImage]) -> str:
    """SHA-256 over the content and label of all images, in any order of theirs."""
    entries = sorted(f"{file_hash(image.path)} {image.label}" for image in images)
    return hashlib.sha256("\n".join(entries).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_both_classes(source: Path, image_folder: Path | None, dataset_format: DatasetFormat) -> _Source:
    read = _read(source, image_folder, dataset_format)
    require_both_classes(read.images, source)
    return read


def _read(source: Path, image_folder: Path | None, dataset_format: DatasetFormat) -> _Source:
    if source.is_dir():
        found = read_class_folders(source, dataset_format.classes)
        images = tuple(LabelledImage(path, label) for path, label in found.images)
        return _Source(images, ("",) * len(images), _reading(source, found.told), found.left_out)
    if source.is_file():
        rows, told = read_table(source, image_folder if image_folder is not None else source.parent, dataset_format)
        images = tuple(LabelledImage(row.path, row.label) for row in rows)
        return _Source(images, tuple(row.split for row in rows), _reading(source, told))
    raise DataError(f"There is no {source}. Name a folder with two class folders, or a CSV file.")


def _said(*sources: _Source) -> tuple[tuple[str, ...], tuple[LeftOut, ...]]:
    """What was guessed to read the sources, and what else is in their folders."""
    readings = tuple(source.reading for source in sources if source.reading is not None)
    return readings, tuple(left_out for source in sources for left_out in source.left_out)


def _reading(source: Path, told: Sequence[str]) -> str | None:
    return f"{source.name}: {', '.join(told)}" if told else None


def _set_aside(
    images: tuple[LabelledImage, ...], source: Path, seed: int
) -> tuple[tuple[LabelledImage, ...], tuple[LabelledImage, ...]]:
    train: list[LabelledImage] = []
    held_out: list[LabelledImage] = []
    for label in (0, 1):
        of_class = [image for image in images if image.label == label]
        if len(of_class) < 2:
            raise DataError(f"{source} has one image of class_{label}; at least two are needed to set one aside.")
        # Ordered by a hash of seed and name: the same images wherever the folder lies, whatever is added later.
        of_class.sort(key=lambda image: _order(seed, image.path.name))
        count = max(1, round(len(of_class) * VALIDATION_SHARE))
        held_out += of_class[:count]
        train += of_class[count:]
    return tuple(train), tuple(held_out)


def _order(seed: int, name: str) -> bytes:
    # Names of files need not be UTF-8.
    return hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).digest()
