"""Labelled images in folders by split: train/good, test/good and test/scratch, as MVTec AD has them.

So have MVTec LOCO AD, BTAD and MPDD, and VisA after its own program. Their masks (ground_truth) are no images.
https://www.mvtec.com/company/research/datasets/mvtec-ad
"""

from collections.abc import Sequence
from pathlib import Path

from crbl_runtime.errors import DataError
from crbl_runtime.left_out import LeftOut
from crbl_training.data.class_folders import (
    Classes,
    ClassFolder,
    ClassFolders,
    beside_classes,
    class_of_folder,
    named_classes,
    read_class_folder,
    told_classes,
    told_left_out,
    told_masks,
    unknown_folders,
)
from crbl_training.data.folder_words import is_mask_folder, is_unjudged
from crbl_training.data.split_words import SPLIT_WORDS, SPLITS
from crbl_training.data.subfolders import holds_images, listed, same_folder, subfolders


def split_folders(folder: Path) -> dict[str, str]:
    """The split of each folder in `folder` that is named after one, in the order of SPLITS.

    It is empty where there is none for training, or a folder that is named after a class: then these are no splits.
    """
    names = subfolders(folder)
    splits = {name: SPLIT_WORDS[same_folder(name)] for name in names if same_folder(name) in SPLIT_WORDS}
    if "train" not in splits.values() or any(class_of_folder(name) is not None for name in names):
        return {}
    return dict(sorted(splits.items(), key=lambda item: SPLITS.index(item[1])))


def read_split_folders(folder: Path, splits: dict[str, str], classes: Sequence[str]) -> ClassFolders:
    """The images of the class folders in each folder of a split, with their splits.

    Args:
        splits: what `split_folders` gives. classes: as `read_class_folders`; if empty, folders with names that are
            known to be normal's are normal, and all others anomalies of a kind, as in MVTec AD; what is named as if
            nobody knew it, or is beside a folder that is named after all anomalies, is not.

    Raises:
        DataError: naming the folders and the remedy.
    """
    _require_one_each(folder, splits)
    inside = {
        split: [name for name in subfolders(folder / split) if holds_images(folder / split / name)] for split in splits
    }
    names = sorted({name for of_split in inside.values() for name in of_split})
    pictures = [name for name in names if not is_mask_folder(name, names)]
    chosen = named_classes(folder, classes, names) if classes else _usual(folder, pictures)
    found = [
        (split, read_class_folder(folder / split / name, chosen.label(name), splits[split]))
        for split, of_split in inside.items()
        for name in chosen.names
        if name in of_split
    ]
    masks = [name for name in names if name not in chosen.names and is_mask_folder(name, names)]
    beside = [name for name in subfolders(folder) if name not in splits and holds_images(folder / name)]
    outer_masks = [name for name in beside if is_mask_folder(name, ())]
    told = (
        *([] if classes else [f"splits {' and '.join(splits)}", *told_classes(chosen)]),
        *told_left_out([name for name in pictures if name not in chosen.names]),
        *told_left_out([name for name in beside if name not in outer_masks]),
        *told_masks(sum(of_one.masks for _, of_one in found), [*outer_masks, *masks]),
    )
    return ClassFolders(
        images=tuple(image for _, of_one in found for image in of_one.images),
        told=told,
        left_out=(
            beside_classes(folder, [*splits, *outer_masks]),
            *(beside_classes(folder / split, [*chosen.names, *masks]) for split in splits),
            *_left_out_within(found),
        ),
    )


def _left_out_within(found: Sequence[tuple[str, ClassFolder]]) -> list[LeftOut]:
    return sorted((of_one.left_out for _, of_one in found), key=lambda of_one: of_one.folder)


def _require_one_each(folder: Path, splits: dict[str, str]) -> None:
    for split in SPLITS:
        names = [name for name, of_name in splits.items() if of_name == split]
        if len(names) > 1:
            raise DataError(f"{folder} has the folders {listed(names)}, which are both for {split}. Keep one of them.")


def _usual(folder: Path, names: Sequence[str]) -> Classes:
    known = {name: class_of_folder(name) for name in names}
    normal = [name for name in names if known[name] == 0]
    anomalies = [name for name in names if known[name] == 1]
    others = [name for name in names if known[name] is None]
    if not normal:
        has = f"; they have {listed(names)}" if names else ""
        raise DataError(
            f"The folders for splits in {folder} have no folder of normal images, such as train/good{has}. Name it, "
            "and then those of anomalies, with --classes NORMAL,ANOMALY[,ANOMALY…]."
        )
    unclear = others if anomalies else [name for name in others if is_unjudged(name)]
    if unclear:
        sure = [name for name in others if name not in unclear]
        raise DataError(unknown_folders(folder, unclear, normal[0], *anomalies, *sure))
    return Classes(tuple(normal), tuple(anomalies + others))
