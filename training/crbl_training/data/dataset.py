"""Labelled images on disk: folders by class, or a table."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.left_out import LeftOut
from crbl_training.data.dataset_format import USUAL_FORMAT, DatasetFormat
from crbl_training.data.folder_layouts import read_folder
from crbl_training.data.set_aside import VALIDATION_SHARE, set_aside_validation, share_of_each_kind
from crbl_training.data.split_words import SPLITS
from crbl_training.data.table import read_table
from crbl_training.data.visa import visa_folder
from crbl_training.file_hash import file_hash

CLASS_NAMES = ("normal (class_0)", "anomaly (class_1)")


@dataclass(frozen=True)
class LabelledImage:
    """An image's path, its label (0 normal, 1 anomaly), and the kind of anomaly, empty for normal and unknown."""

    path: Path
    label: int
    kind: str = ""


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
        held_out: the test images that are left when a share of them is trained on; none where none is.
        readings: for each folder or table in which something was guessed or left out, what it was, in one line.
        left_out: what else is in the folders that they are in; nothing of a table.
    """

    train: tuple[LabelledImage, ...]
    validation: tuple[LabelledImage, ...]
    validation_source: str
    readings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    held_out: tuple[LabelledImage, ...] = ()


@dataclass(frozen=True)
class _Source:
    """A folder's or a table's images, each with its split ("train", "validation", "test", or empty)."""

    images: tuple[LabelledImage, ...]
    splits: tuple[str, ...]
    reading: str | None
    left_out: tuple[LeftOut, ...] = ()

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits that there are."""
        return tuple(split for split in SPLITS if split in self.splits)

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
        DataError: naming the file and the remedy.
        UsageError: the format names a column that the table does not have.
    """
    return _read_both_classes(source, image_folder, dataset_format).images


def read_split(
    data: Path,
    validation: Path | None = None,
    image_folder: Path | None = None,
    seed: int = 0,
    dataset_format: DatasetFormat = USUAL_FORMAT,
    test_share: float | None = None,
) -> Split:
    """Training and validation images.

    Validation images come from `validation` if given, else from the split of that name, else a fifth of each class is
    set aside, the same fifth for the same seed.

    Args:
        test_share: this share of each kind of test images is trained and validated on, too, chosen by the seed; more
            than 0 and less than 1. None for no test image.

    Raises:
        DataError: as `read_labelled`; or a class has fewer images than can be split, or only the test images have
            anomalies and no share of them is asked for.
        UsageError: as `read_labelled`; or a share of none is asked for.
    """
    read = _read(data, image_folder, dataset_format)
    if test_share is None:
        _refuse_training_without_anomalies(read, data)
    else:
        read = _train_on_share(read, data, seed, test_share)
    held_out = read.of("test") if test_share is not None else ()
    if validation is not None:
        train = read.of("", "train")
        require_both_classes(train, data)
        given = _read_both_classes(validation, image_folder, dataset_format)
        return Split(train, given.images, f"given: {validation.name}", *_said(read, given), held_out)
    if not any(read.splits):
        require_both_classes(read.images, data)
        train, set_aside = set_aside_validation(read.images, data, seed)
        return Split(
            train, set_aside, f"{VALIDATION_SHARE:.0%} of {data.name}, set aside with seed {seed}", *_said(read)
        )
    train, set_aside = read.of("train"), read.of("validation")
    require_both_classes(train, data, "split train")
    if set_aside:
        require_both_classes(set_aside, data, "split validation")
        where = "column 'split'" if data.is_file() else "folders"
        return Split(train, set_aside, f"the {where} of {data.name}", *_said(read), held_out)
    and_test = f" with {test_share:.0%} of its test images" if test_share is not None else ""
    of_what = f"the split train of {data.name}{and_test}"
    train, set_aside = set_aside_validation(train, of_what, seed)
    where_from = f"{VALIDATION_SHARE:.0%} of {of_what}, set aside with seed {seed}"
    return Split(train, set_aside, where_from, *_said(read), held_out)


def read_images(
    source: Path, image_folder: Path | None, split: str | None, dataset_format: DatasetFormat = USUAL_FORMAT
) -> Listing:
    """The labelled images of a folder or a table, to measure a model on.

    Args:
        source, image_folder: as `read_labelled`. split: which images where there are splits: one of SPLITS.

    Raises:
        UsageError: there are splits and `split` is None, or the other way round. DataError, UsageError: as
            `read_labelled`.
    """
    read = _read(source, image_folder, dataset_format)
    has_splits = any(read.splits)
    if has_splits and split is None:
        has = "a column 'split'" if source.is_file() else f"images for {' and '.join(read.split_names)}"
        raise UsageError(f"{source} has {has}. Choose the images with --split {'|'.join(SPLITS)}.")
    if split is not None and not has_splits:
        lacks = "column 'split'" if source.is_file() else "folders for splits"
        raise UsageError(f"--split {split} was given, but {source} has no {lacks}. Leave the option out.")
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


def _read_both_classes(source: Path, image_folder: Path | None, dataset_format: DatasetFormat) -> _Source:
    read = _read(source, image_folder, dataset_format)
    require_both_classes(read.images, source)
    return read


def _read(source: Path, image_folder: Path | None, dataset_format: DatasetFormat) -> _Source:
    if source.is_dir():
        found = read_folder(source, dataset_format.classes)
        images = tuple(LabelledImage(image.path, image.label, image.kind) for image in found.images)
        splits = tuple(image.split for image in found.images)
        return _Source(images, splits, _reading(source, found.told), found.left_out)
    if source.is_file():
        relative_to = image_folder or visa_folder(source) or source.parent
        rows, told = read_table(source, relative_to, dataset_format)
        images = tuple(LabelledImage(row.path, row.label, row.kind) for row in rows)
        return _Source(images, tuple(row.split for row in rows), _reading(source, told))
    raise DataError(f"There is no {source}. Name a folder with two class folders, or a CSV file.")


def _said(*sources: _Source) -> tuple[tuple[str, ...], tuple[LeftOut, ...]]:
    """What was guessed to read the sources, and what else is in their folders."""
    readings = tuple(source.reading for source in sources if source.reading is not None)
    return readings, tuple(left_out for source in sources for left_out in source.left_out)


def _reading(source: Path, told: Sequence[str]) -> str | None:
    return f"{source.name}: {', '.join(told)}" if told else None


def _refuse_training_without_anomalies(read: _Source, source: Path) -> None:
    train, test = read.of("train"), read.of("test")
    anomalies = sum(image.label for image in test)
    if train and anomalies and not any(image.label for image in (*train, *read.of("validation"))):
        raise DataError(
            f"{source} has no anomalies among its {counted(len(train), 'training image')}, and CRBL learns from both "
            f"classes. Its test images hold {counted(anomalies, 'anomaly', 'anomalies')}: --split-test 0.5 trains and "
            "validates on half of each kind there, and holds the other half out for crbl-evaluate."
        )


def _train_on_share(read: _Source, source: Path, seed: int, share: float) -> _Source:
    """The source with a share of each kind of its test images in the split train.

    Where the validation images lack a class (MVTec LOCO AD), they are in the split train, too.
    """
    if "test" not in read.splits:
        raise UsageError(f"--split-test takes a share of the test images, and {source} has none. Leave it out.")
    validation = read.of("validation")
    trained_on = share_of_each_kind(read.of("test"), seed, share)
    if missing_class([image.label for image in validation]) is not None:
        trained_on |= set(validation)
    splits = tuple(
        "train" if image in trained_on else split for image, split in zip(read.images, read.splits, strict=True)
    )
    changed = replace(read, splits=splits)
    require_both_classes(changed.of("test"), source, "held out")
    return changed
