"""In which of the known ways a folder holds labelled images."""

from collections.abc import Sequence
from pathlib import Path

from crbl_runtime.errors import DataError
from crbl_training.data.class_folders import ClassFolders, class_of_folder, read_class_folders
from crbl_training.data.normal_test_folders import normal_test_folders, read_normal_test_folders
from crbl_training.data.split_folders import read_split_folders, split_folders
from crbl_training.data.subfolders import listed, subfolders
from crbl_training.data.visa import VISA_IMAGES, read_visa_object


def read_folder(folder: Path, classes: Sequence[str]) -> ClassFolders:
    """The labelled images of a folder.

    Known are class folders, such folders by split (MVTec AD and its like), VisA's folder of one object, and the
    folders that anomalib's Folder takes, with normal images for testing in a folder of their own.

    Args:
        classes: see `read_class_folders`.

    Raises:
        DataError: naming what is missing and the remedy.
    """
    if (folder / VISA_IMAGES).is_dir():
        return read_visa_object(folder, classes)
    splits = split_folders(folder)
    if splits:
        return read_split_folders(folder, splits, classes)
    if not classes and normal_test_folders(folder):
        return read_normal_test_folders(folder)
    _refuse_several(folder)
    return read_class_folders(folder, classes)


def _refuse_several(folder: Path) -> None:
    """Refuse the folder of a whole benchmark, in which each object is a data set of its own."""
    names = subfolders(folder)
    if any(class_of_folder(name) is not None for name in names):
        return
    objects = [
        name
        for name in names
        if (folder / name / VISA_IMAGES).is_dir() or "test" in split_folders(folder / name).values()
    ]
    if objects:
        how_many = "a data set" if len(objects) == 1 else "several data sets"
        raise DataError(
            f"{folder} holds {how_many} ({listed(objects)}), expected the folder of one: --data {folder / objects[0]}."
        )
