"""Labelled images in folders: one for normal images, one or more for anomalies."""

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError
from crbl_runtime.hidden_names import is_hidden
from crbl_runtime.image_folder import find_images, search
from crbl_runtime.left_out import LeftOut, Reason
from crbl_training.data.class_words import class_of

# Names that need no mention, as they are in the documentation.
DOCUMENTED_FOLDERS = (("class_0", "class_1"), ("normal", "anomaly"), ("good", "bad"))
OTHER_PAIRS = (("OK", "NG"), ("pass", "fail"), ("0", "1"), ("정상", "불량"), ("양품", "불량품"))
CLASSES_OPTION = "--classes NORMAL,ANOMALY[,ANOMALY…]"
SHOWN = 5


@dataclass(frozen=True)
class ClassFolders:
    """What the class folders of a folder hold.

    Attributes:
        images: each with its label, 0 normal or 1 anomaly.
        told: which folders were guessed to be which class, and which were left out, as texts.
        left_out: what else is beside the class folders, and in each of them.
    """

    images: tuple[tuple[Path, int], ...]
    told: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def read_class_folders(folder: Path, classes: Sequence[str]) -> ClassFolders:
    """The images of a folder's class folders and below.

    Args:
        classes: the names of the folder of normal images and of those of anomalies; if empty, there must be one folder
            of each class by a usual name, and no other folder with images.

    Raises:
        DataError: naming the folders and the remedy.
    """
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not is_hidden(entry))
    if classes:
        chosen = [_named(folder, name, names) for name in classes]
        left_out = [name for name in names if name not in chosen and _holds_images(folder / name)]
    else:
        chosen, left_out = list(_usual(folder, names)), []
    contents = [find_images(folder / name) for name in chosen]
    within = sorted((content.left_out for content in contents), key=lambda found: found.folder)
    return ClassFolders(
        images=tuple((path, min(place, 1)) for place, content in enumerate(contents) for path in content.images),
        told=tuple(_told(chosen, guessed=not classes, left_out=left_out)),
        left_out=(_beside(folder, chosen), *within),
    )


def _beside(folder: Path, chosen: Sequence[str]) -> LeftOut:
    """What is in a folder and in none of its class folders; images that are there are no data either."""
    content = search(folder, passing_over=[folder / name for name in chosen])
    outside = [(Reason.OUTSIDE, path.relative_to(folder)) for path in content.images]
    return replace(content.left_out, entries=tuple(sorted([*content.left_out.entries, *outside])))


def _usual(folder: Path, names: Sequence[str]) -> tuple[str, str]:
    """The folders of normal images and of anomalies, by their usual names."""
    known = {name: _class_of_folder(name) for name in names}
    of_class = [[name for name, label in known.items() if label == wanted] for wanted in (0, 1)]
    others = [name for name in names if known[name] is None and _holds_images(folder / name)]
    if not any(of_class):
        expected = ", ".join("/".join(pair) for pair in DOCUMENTED_FOLDERS)
        found = f" It has {_listed(others)}." if others else ""
        raise DataError(
            f"{folder} has no class folders. Expected two folders named {expected} with images in them, or "
            f"{CLASSES_OPTION}.{found}"
        )
    of_class = [_filled(folder, of_one) for of_one in of_class]
    if any(len(of_one) > 1 for of_one in of_class):
        known_names = [name for of_one in of_class for name in of_one]
        raise DataError(
            f"{folder} has the class folders {_listed(known_names)}. Say which to use with {CLASSES_OPTION}."
        )
    normal, anomaly = ((of_one or [""])[0] for of_one in of_class)
    if others:
        everything = ",".join(name for name in (normal or "NORMAL", anomaly, *others) if name)
        beside = " and ".join(name for name in (normal, anomaly) if name)
        raise DataError(
            f"{folder} has {_listed(others)} beside {beside}, and it is not known which class that is. Name the folder "
            f"of normal images and then those of anomalies, as in --classes {everything}; others are left out."
        )
    if not normal or not anomaly:
        lacking, there = ("anomalies", normal) if normal else ("normal images", anomaly)
        raise DataError(
            f"{folder} has no folder {_partner(there)} with {lacking} beside {there}. Both classes are needed: put "
            "some there, or name images of both classes in a CSV file."
        )
    return normal, anomaly


def _class_of_folder(name: str) -> int | None:
    """The class that a folder's name tells, perhaps after a number: OK, 0_normal, 02. NG."""
    label = class_of(name)
    return label if label is not None else class_of(re.sub(r"^[0-9]+[\s._-]+", "", name))


def _named(folder: Path, wanted: str, names: Sequence[str]) -> str:
    if wanted in names:
        return wanted
    found = [name for name in names if _key(name) == _key(wanted)]
    if not found:
        raise DataError(f"{folder} has no folder {wanted}, which --classes names. It has {_listed(names) or 'none'}.")
    if len(found) > 1:
        raise DataError(f"{folder} has {_listed(found)}. Write --classes {wanted} as one of them is written.")
    return found[0]


def _told(chosen: Sequence[str], *, guessed: bool, left_out: Sequence[str]) -> list[str]:
    told = []
    if guessed and tuple(map(_key, chosen)) not in DOCUMENTED_FOLDERS:
        told += [f"{chosen[0]} = normal", f"{chosen[1]} = anomaly"]
    if left_out:
        told.append(f"{counted(len(left_out), 'folder')} left out ({_listed(left_out)})")
    return told


def _partner(name: str) -> str:
    """What the other folder is called in the pair that a folder belongs to, else anomaly or normal."""
    pairs = DOCUMENTED_FOLDERS + OTHER_PAIRS
    partners = {_key(one): other for pair in pairs for one, other in (pair, pair[::-1])}
    return partners.get(_key(name), ("anomaly", "normal")[_class_of_folder(name) or 0])


def _filled(folder: Path, names: list[str]) -> list[str]:
    """Of several folders for one class those that hold images; all of them if none does."""
    return [name for name in names if len(names) == 1 or _holds_images(folder / name)] or names


def _holds_images(folder: Path) -> bool:
    return bool(search(folder).images)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
