"""Labelled images on disk: folders by class, or a table."""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.image_folder import find_images

CLASS_FOLDERS = (("class_0", "class_1"), ("normal", "anomaly"), ("good", "bad"))
PATH_COLUMNS = ("image_path", "path")
LABEL_COLUMNS = ("impurity", "label")
LABEL_WORDS = {"0": 0, "1": 1, "normal": 0, "anomaly": 1, "good": 0, "bad": 1, "class_0": 0, "class_1": 1}
SPLITS = ("train", "validation", "test")
SPLIT_WORDS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
CLASS_NAMES = ("normal (class_0)", "anomaly (class_1)")
VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class LabelledImage:
    """An image's path and its label: 0 normal, 1 anomaly."""

    path: Path
    label: int


@dataclass(frozen=True)
class Split:
    """Images to train on and images to validate on, both with both classes.

    Attributes:
        validation_source: where the validation images come from, as text.
    """

    train: tuple[LabelledImage, ...]
    validation: tuple[LabelledImage, ...]
    validation_source: str


def read_labelled(source: Path, image_folder: Path | None = None) -> tuple[LabelledImage, ...]:
    """All labelled images of a folder with two class folders, or of a CSV file.

    Args:
        source: the folder (class_0/class_1, normal/anomaly or good/bad, searched recursively), or the CSV (columns
            image_path or path, and impurity or label).
        image_folder: what the CSV's paths are relative to; by default the CSV's own folder.

    Raises:
        DataError: naming the file and the remedy.
    """
    images = tuple(image for image, _ in _read_with_split(source, image_folder))
    require_both_classes(images, source)
    return images


def read_split(data: Path, validation: Path | None, image_folder: Path | None, seed: int) -> Split:
    """Training and validation images.

    Validation images come from `validation` if given, else from the table's `split` column, else a fifth of each
    class is set aside, the same fifth for the same seed.

    Raises:
        DataError: as `read_labelled`, or where a class has fewer images than can be split.
    """
    rows = _read_with_split(data, image_folder)
    if validation is not None:
        train = tuple(image for image, split in rows if split in ("", "train"))
        require_both_classes(train, data)
        return Split(train, read_labelled(validation, image_folder), f"given: {validation.name}")
    if any(split for _, split in rows):
        train = tuple(image for image, split in rows if split == "train")
        held_out = tuple(image for image, split in rows if split == "validation")
        require_both_classes(train, data, "split train")
        require_both_classes(held_out, data, "split validation")
        return Split(train, held_out, f"the column 'split' of {data.name}")
    images = tuple(image for image, _ in rows)
    require_both_classes(images, data)
    return _set_aside(images, data, seed)


def read_images(source: Path, image_folder: Path | None, split: str | None) -> tuple[LabelledImage, ...]:
    """The labelled images of a folder or a table, to measure a model on.

    Args:
        source, image_folder: as `read_labelled`. split: which rows of a table with the column 'split': one of SPLITS.

    Raises:
        UsageError: the table has that column and `split` is None, or the other way round. DataError: as
            `read_labelled`.
    """
    rows = _read_with_split(source, image_folder)
    has_splits = any(row_split for _, row_split in rows)
    if has_splits and split is None:
        raise UsageError(f"{source} has a column 'split'. Choose the images with --split {'|'.join(SPLITS)}.")
    if split is not None and not has_splits:
        raise UsageError(f"--split {split} was given, but {source} has no column 'split'. Leave the option out.")
    images = tuple(image for image, row_split in rows if split is None or row_split == split)
    require_both_classes(images, source, f"split {split}" if split is not None else "")
    return images


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
    entries = sorted(f"{hashlib.sha256(image.path.read_bytes()).hexdigest()} {image.label}" for image in images)
    return hashlib.sha256("\n".join(entries).encode()).hexdigest()


def _read_with_split(source: Path, image_folder: Path | None) -> list[tuple[LabelledImage, str]]:
    if source.is_dir():
        return [(image, "") for image in _read_folders(source)]
    if source.is_file():
        return _read_table(source, image_folder if image_folder is not None else source.parent)
    raise DataError(f"There is no {source}. Name a folder with two class folders, or a CSV file.")


def _read_folders(folder: Path) -> list[LabelledImage]:
    names = next((pair for pair in CLASS_FOLDERS if any((folder / name).is_dir() for name in pair)), None)
    if names is None:
        expected = ", ".join("/".join(pair) for pair in CLASS_FOLDERS)
        raise DataError(f"{folder} has no class folders. Expected two folders named {expected} with images in them.")
    for name in names:
        if not (folder / name).is_dir():
            raise DataError(f"{folder} has no folder {name}. Both classes are needed: {names[0]} and {names[1]}.")
    return [LabelledImage(path, label) for label, name in enumerate(names) for path in find_images(folder / name)]


def _read_table(table: Path, image_folder: Path) -> list[tuple[LabelledImage, str]]:
    try:
        # utf-8-sig: spreadsheet programs put a byte order mark in front.
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table} cannot be read as a CSV file ({error}). Save it as CSV in UTF-8.") from error
    if not rows:
        raise DataError(f"{table} has no rows. Expected a header line and one line for each image.")
    path_column = _column(table, rows[0][1], PATH_COLUMNS)
    label_column = _column(table, rows[0][1], LABEL_COLUMNS)
    has_splits = bool((rows[0][1].get("split") or "").strip())
    images, missing = [], []
    for number, row in rows:
        label = (row[label_column] or "").strip().lower()
        split = (row.get("split") or "").strip().lower()
        if label not in LABEL_WORDS:
            raise DataError(
                f"{table}, line {number}: the label is {row[label_column]!r}, expected 0 (normal) or 1 (anomaly)."
            )
        if split and split not in SPLIT_WORDS:
            raise DataError(f"{table}, line {number}: the split is {split!r}, expected train, validation or test.")
        if bool(split) != has_splits:
            raise DataError(f"{table}, line {number}: the split is given in some lines only. Fill in all, or none.")
        path = image_folder / (row[path_column] or "").strip()
        if not path.is_file():
            missing.append(f"line {number}: {path}")
        images.append((LabelledImage(path, LABEL_WORDS[label]), SPLIT_WORDS.get(split, "")))
    if missing:
        shown = "; ".join(missing[:5]) + (f"; and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise DataError(
            f"{table}: there is no file for {len(missing)} of {counted(len(rows), 'image')} ({shown}). "
            "Paths are relative to the table's folder, or to --images if given."
        )
    return images


def _column(table: Path, row: dict[str, str], names: tuple[str, ...]) -> str:
    for name in names:
        if name in row:
            return name
    raise DataError(f"{table} has the columns {', '.join(map(str, row))}, expected one named {' or '.join(names)}.")


def _set_aside(images: tuple[LabelledImage, ...], source: Path, seed: int) -> Split:
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
    return Split(tuple(train), tuple(held_out), f"{VALIDATION_SHARE:.0%} of {source.name}, set aside with seed {seed}")


def _order(seed: int, name: str) -> bytes:
    # Names of files need not be UTF-8.
    return hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).digest()
