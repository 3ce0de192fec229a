"""The folders of anomalib's Folder: normal_dir and abnormal_dir, and normal_test_dir with normal images for testing.

anomalib trains on the first and tests on the others (anomalib.data.Folder).
"""

import re
from pathlib import Path

from crbl_runtime.errors import DataError
from crbl_training.data.class_folders import (
    Classes,
    ClassFolders,
    beside_classes,
    class_of_folder,
    read_class_folder,
    told_classes,
    told_masks,
    unknown_folders,
)
from crbl_training.data.folder_words import is_mask_folder, names_defect
from crbl_training.data.subfolders import holds_images, subfolders

_FOR_TESTING = re.compile(r"[ _-]test([ _-]dir)?$", re.IGNORECASE)


def normal_test_folders(folder: Path) -> tuple[str, ...]:
    """The folders of normal images for testing: normal_test, good-test, normal_test_dir."""
    return tuple(name for name in subfolders(folder) if _is_for_testing(name) and _class_of(name) == 0)


def read_normal_test_folders(folder: Path) -> ClassFolders:
    """The images of such folders: normal ones are for training, those of normal_test and all anomalies for testing.

    Raises:
        DataError: the folder of normal images for training is missing, or it is not known what a folder is.
    """
    names = subfolders(folder)
    filled = [name for name in names if holds_images(folder / name)]
    masks = [name for name in filled if is_mask_folder(name, names)]
    pictures = [name for name in filled if name not in masks]
    normal = [name for name in pictures if _class_of(name) == 0]
    anomalies = [name for name in pictures if _class_of(name) == 1 or names_defect(name)]
    for_training = [name for name in normal if not _is_for_testing(name)]
    others = [name for name in pictures if name not in (*normal, *anomalies)]
    if not for_training:
        raise DataError(
            f"{folder} has {' and '.join(normal) or 'no normal images'} and no folder with normal images to train on. "
            "Name it normal or good."
        )
    if others:
        raise DataError(unknown_folders(folder, others, for_training[0], *anomalies))
    chosen = Classes(tuple(normal), tuple(anomalies))
    found = [
        read_class_folder(folder / name, chosen.label(name), "train" if name in for_training else "test")
        for name in chosen.names
    ]
    return ClassFolders(
        images=tuple(image for of_one in found for image in of_one.images),
        told=(
            *told_classes(chosen),
            f"all but {' and '.join(for_training)} for testing",
            *told_masks(sum(of_one.masks for of_one in found), masks),
        ),
        left_out=(beside_classes(folder, [*chosen.names, *masks]), *(of_one.left_out for of_one in found)),
    )


def _is_for_testing(name: str) -> bool:
    return _FOR_TESTING.search(name) is not None


def _class_of(name: str) -> int | None:
    return class_of_folder(_FOR_TESTING.sub("", name))
