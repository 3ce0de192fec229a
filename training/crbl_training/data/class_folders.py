"""Labelled images in folders: one for normal images, one or more for anomalies."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError
from crbl_runtime.image_folder import find_images, search
from crbl_runtime.left_out import LeftOut, Reason
from crbl_training.data.class_words import class_of
from crbl_training.data.folder_words import is_mask_folder, kind_of, masked_stem, names_defect
from crbl_training.data.subfolders import holds_images, listed, same_folder, subfolders

# Names that need no mention, as they are in the documentation.
DOCUMENTED_FOLDERS = (("class_0", "class_1"), ("normal", "anomaly"), ("good", "bad"))
OTHER_PAIRS = (("OK", "NG"), ("pass", "fail"), ("0", "1"), ("정상", "불량"), ("양품", "불량품"))
CLASSES_OPTION = "--classes NORMAL,ANOMALY[,ANOMALY…]"


@dataclass(frozen=True)
class FolderImage:
    """An image in a folder.

    Attributes:
        label: 0 normal, 1 anomaly. kind: of anomaly, from the name of a folder; empty where none tells it.
        split: "train", "validation", "test", or empty.
    """

    path: Path
    label: int
    kind: str
    split: str = ""


@dataclass(frozen=True)
class ClassFolders:
    """What the class folders of a folder hold.

    Attributes:
        told: which folders were guessed to be which class, and what was left out, as texts.
        left_out: what else is beside the class folders, and in each of them.
    """

    images: tuple[FolderImage, ...]
    told: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Classes:
    """The names of the folders of normal images and of those of anomalies."""

    normal: tuple[str, ...]
    anomalies: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, those of normal images first."""
        return self.normal + self.anomalies

    def label(self, name: str) -> int:
        """0 for a folder of normal images, 1 for one of anomalies."""
        return int(name not in self.normal)


def read_class_folders(folder: Path, classes: Sequence[str]) -> ClassFolders:
    """The images of a folder's class folders and below.

    Args:
        classes: the names of the folder of normal images and of those of anomalies; if empty, there must be one folder
            of each class by a usual name, or one of normal images beside others that are named after defects, and no
            other folder with images but masks.

    Raises:
        DataError: naming the folders and the remedy.
    """
    names = subfolders(folder)
    chosen = named_classes(folder, classes, names) if classes else _usual(folder, names)
    beside = [name for name in names if name not in chosen.names and holds_images(folder / name)]
    masks = [name for name in beside if is_mask_folder(name, names)]
    left_out = [name for name in beside if name not in masks]
    found = [read_class_folder(folder / name, chosen.label(name)) for name in chosen.names]
    told = (
        *([] if classes else told_classes(chosen)),
        *told_left_out(left_out),
        *told_masks(sum(of_one.masks for of_one in found), masks),
    )
    return ClassFolders(
        images=tuple(image for of_one in found for image in of_one.images),
        told=told,
        left_out=(
            beside_classes(folder, (*chosen.names, *masks)),
            *sorted((of_one.left_out for of_one in found), key=lambda of_one: of_one.folder),
        ),
    )


@dataclass(frozen=True)
class ClassFolder:
    """The images of one class folder. masks: how many masks are among them and were not taken."""

    images: tuple[FolderImage, ...]
    masks: int
    left_out: LeftOut


def read_class_folder(folder: Path, label: int, split: str = "") -> ClassFolder:
    """The images of one class folder and below, without the masks among them.

    The kind of an anomaly is the folder's name, or the name of the folder in it where its own only names the class
    (anomaly/scratch).

    Raises:
        DataError: there are none.
    """
    content = find_images(folder)
    names = {path.with_suffix("") for path in content.images}
    pictures = [path for path in content.images if not _is_mask(path.relative_to(folder), folder, names)]
    if not pictures:
        raise DataError(f"{folder} holds {counted(len(content.images), 'mask')} and no other image.")
    own_kind = kind_of(folder.name)
    kinds = [(own_kind or _kind_below(path.relative_to(folder))) if label else "" for path in pictures]
    images = tuple(FolderImage(path, label, kind, split) for path, kind in zip(pictures, kinds, strict=True))
    return ClassFolder(images, len(content.images) - len(pictures), content.left_out)


def named_classes(folder: Path, classes: Sequence[str], names: Sequence[str]) -> Classes:
    """The folders that --classes names, the first one of normal images.

    Args:
        names: of the folders that there are.

    Raises:
        DataError: one of them is not there.
    """
    chosen = tuple(_named(folder, name, names) for name in classes)
    return Classes(chosen[:1], chosen[1:])


def beside_classes(folder: Path, chosen: Collection[str]) -> LeftOut:
    """What is in a folder and in none of its class folders; images that are there are no data either."""
    content = search(folder, passing_over=[folder / name for name in chosen])
    outside = [(Reason.OUTSIDE, path.relative_to(folder)) for path in content.images]
    return replace(content.left_out, entries=tuple(sorted([*content.left_out.entries, *outside])))


def class_of_folder(name: str) -> int | None:
    """The class that a folder's name tells, perhaps after a number: OK, 0_normal, 02. NG, abnormal_dir."""
    plain = re.sub(r"[ _-]dir$", "", name, flags=re.IGNORECASE)
    label = class_of(plain)
    return label if label is not None else class_of(re.sub(r"^[0-9]+[\s._-]+", "", plain))


def told_classes(chosen: Classes) -> list[str]:
    """Which folders were taken for which class, where their names are not the documented ones."""
    if tuple(map(same_folder, chosen.names)) in DOCUMENTED_FOLDERS:
        return []
    return [f"{' and '.join(chosen.normal)} = normal", f"{' and '.join(chosen.anomalies)} = anomaly"]


def told_left_out(names: Sequence[str]) -> list[str]:
    """That folders with images were left out."""
    return [f"{counted(len(names), 'folder')} left out ({listed(names)})"] if names else []


def told_masks(masks: int, folders: Sequence[str]) -> list[str]:
    """That masks were not read as images."""
    told = [f"{counted(masks, 'mask')} left out"] if masks else []
    return told + ([f"the masks in {listed(folders)} left out"] if folders else [])


def _usual(folder: Path, names: Sequence[str]) -> Classes:
    """The folders of normal images and of anomalies, by their usual names."""
    known = {name: class_of_folder(name) for name in names}
    of_class = [[name for name, label in known.items() if label == wanted] for wanted in (0, 1)]
    others = [
        name
        for name in names
        if known[name] is None and not is_mask_folder(name, names) and holds_images(folder / name)
    ]
    if not any(of_class):
        expected = ", ".join("/".join(pair) for pair in DOCUMENTED_FOLDERS)
        found = f" It has {listed(others)}." if others else ""
        raise DataError(
            f"{folder} has no class folders. Expected two folders named {expected} with images in them, or "
            f"{CLASSES_OPTION}.{found}"
        )
    of_class = [_filled(folder, of_one) for of_one in of_class]
    if any(len(of_one) > 1 for of_one in of_class):
        known_names = [name for of_one in of_class for name in of_one]
        raise DataError(
            f"{folder} has the class folders {listed(known_names)}. Say which to use with {CLASSES_OPTION}."
        )
    normal, anomaly = ((of_one or [""])[0] for of_one in of_class)
    kinds = [name for name in others if names_defect(name)] if normal and not anomaly else []
    unclear = [name for name in others if name not in kinds]
    if unclear:
        raise DataError(unknown_folders(folder, unclear, normal, anomaly, *kinds))
    if kinds:
        return Classes((normal,), tuple(kinds))
    if not normal or not anomaly:
        lacking, there = ("anomalies", normal) if normal else ("normal images", anomaly)
        raise DataError(
            f"{folder} has no folder {_partner(there)} with {lacking} beside {there}. Both classes are needed: put "
            "some there, or name images of both classes in a CSV file."
        )
    return Classes((normal,), (anomaly,))


def unknown_folders(folder: Path, others: Sequence[str], *known: str) -> str:
    """What to say where it is not known which class some folders are.

    Args:
        others: those. known: the names of the folder of normal images and of that of anomalies; empty for none.
    """
    normal, *anomalies = known
    everything = ",".join(name for name in (normal or "NORMAL", *anomalies, *others) if name)
    beside = " and ".join(name for name in known if name)
    return (
        f"{folder} has {listed(others)} beside {beside}, and it is not known which class that is. Name the folder "
        f"of normal images and then those of anomalies, as in --classes {everything}; others are left out."
    )


def _is_mask(path: Path, folder: Path, names: Collection[Path]) -> bool:
    """Whether an image below a class folder is a mask, by a folder on the way to it or by its own name.

    Args:
        path: relative to the class folder. names: the paths of all images there, without suffixes.
    """
    if any(is_mask_folder(part, ()) for part in path.parts[:-1]):
        return True
    stem = masked_stem(path.stem)
    parent = folder / path.parent
    return stem is not None and (parent / stem in names or (path.parent.name != "" and parent.parent / stem in names))


def _kind_below(path: Path) -> str:
    """The kind that the first folder tells which tells one."""
    return next((kind for kind in map(kind_of, path.parts[:-1]) if kind), "")


def _named(folder: Path, wanted: str, names: Sequence[str]) -> str:
    if wanted in names:
        return wanted
    found = [name for name in names if same_folder(name) == same_folder(wanted)]
    if not found:
        raise DataError(f"{folder} has no folder {wanted}, which --classes names. It has {listed(names) or 'none'}.")
    if len(found) > 1:
        raise DataError(f"{folder} has {listed(found)}. Write --classes {wanted} as one of them is written.")
    return found[0]


def _partner(name: str) -> str:
    """What the other folder is called in the pair that a folder belongs to, else anomaly or normal."""
    pairs = DOCUMENTED_FOLDERS + OTHER_PAIRS
    partners = {same_folder(one): other for pair in pairs for one, other in (pair, pair[::-1])}
    return partners.get(same_folder(name), ("anomaly", "normal")[class_of_folder(name) or 0])


def _filled(folder: Path, names: list[str]) -> list[str]:
    """Of several folders for one class those that hold images; all of them if none does."""
    return [name for name in names if len(names) == 1 or holds_images(folder / name)] or names
