"""VisA as it is published: OBJECT/Data/Images/Normal and Anomaly, Data/Masks, and image_anno.csv with kinds of anomaly.

Zou et al., SPot-the-Difference Self-Supervised Pre-training for Anomaly Detection and Segmentation, 2022;
https://github.com/amazon-science/spot-diff. Its splits are tables (split_csv/*.csv) for all objects.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crbl_training.data.class_folders import ClassFolders, FolderImage, read_class_folders
from crbl_training.data.folder_words import kind_of
from crbl_training.data.subfolders import subfolders
from crbl_training.data.table_text import read_table_text

VISA_IMAGES = Path("Data", "Images")
ANNOTATIONS = "image_anno.csv"
COLUMNS = ("image", "label")
SPLIT_TABLES = "split_csv"


def read_visa_object(folder: Path, classes: Sequence[str]) -> ClassFolders:
    """The images of one object of VisA, with their kinds of anomaly where image_anno.csv is there.

    Args:
        classes: see `read_class_folders`, of the folders in Data/Images.

    Raises:
        DataError: as `read_class_folders`, and what `read_table_text` raises of image_anno.csv.
    """
    found = read_class_folders(folder / VISA_IMAGES, classes)
    if not (folder / ANNOTATIONS).is_file():
        return found
    kinds = _annotated_kinds(folder / ANNOTATIONS)
    images = tuple(replace(image, kind=_kind(image, kinds)) for image in found.images)
    return replace(found, images=images, told=(*found.told, f"kinds of anomaly by {ANNOTATIONS}"))


def visa_folder(table: Path) -> Path | None:
    """VisA's own folder, which the paths in its tables are relative to; None for any other table."""
    folder = table.parent.parent
    of_visa = table.parent.name == SPLIT_TABLES and any(
        (folder / name / VISA_IMAGES).is_dir() for name in subfolders(folder)
    )
    return folder if of_visa else None


def _kind(image: FolderImage, kinds: dict[tuple[str, str], str]) -> str:
    return kinds.get((image.path.parent.name, image.path.name), "") if image.label else ""


def _annotated_kinds(table: Path) -> dict[tuple[str, str], str]:
    """By the names of an image and of its folder; several kinds at once (bent,melt) are one of their own."""
    text = read_table_text(table, lambda name: name in COLUMNS, lambda: COLUMNS)
    if not set(COLUMNS) <= set(text.header):
        return {}
    image, label = (text.header.index(name) for name in COLUMNS)
    paths = [Path(row.cells[image]) for row in text.rows]
    return {
        (path.parent.name, path.name): kind_of(row.cells[label]) for path, row in zip(paths, text.rows, strict=True)
    }
