"""The files that a table names, although it was written on another machine or in another folder.

A path is taken as written where that file exists, also as crbl_runtime/csv_file.py writes names that a table cannot
hold. Else its longest tail is looked for among the images of the folder:
D:\\inspection\\OK\\a.png is OK/a.png, or a.png where only that is there. Case and Unicode's normal forms (macOS
takes Hangul apart) count only where two files differ in nothing else.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from crbl_runtime.csv_file import path_from_text
from crbl_runtime.errors import DataError
from crbl_runtime.image_folder import find_images

Parts = tuple[str, ...]


@dataclass(frozen=True)
class ListedFile:
    """A file that a table names.

    Attributes:
        path: where it is. tail: by how many of its last parts it was found; 0 where it is as written. respelled: its
            case or Unicode form is another one. backslashes: they were read as separators.
        removed, put: the beginning of the path as written, and what is there in its place, relative to the folder;
            nothing removed where the path is absolute and exists.
    """

    path: Path
    tail: int = 0
    respelled: bool = False
    backslashes: bool = False
    removed: Parts = ()
    put: Parts = ()


@dataclass(frozen=True)
class NoFile:
    """Why a path that a table names leads to no file, as text; empty if there is nothing to say."""

    reason: str = ""


def find_listed_files(folder: Path, written: Sequence[str]) -> list[ListedFile | NoFile]:
    """Find each file that a table names.

    Args:
        folder: what relative paths are relative to, and where the tails of paths are looked for.
        written: the paths as the table has them.
    """
    as_written = [_as_written(folder, text) for text in written]
    if all(as_written):
        return [file for file in as_written if file is not None]
    images = _by_tails(folder)
    found = [file or _by_tail(folder, text, images) for file, text in zip(as_written, written, strict=True)]
    return _without_strays(found)


def names_in(folder: Path) -> set[str]:
    """The names of all images in a folder and of the folders that they are in, in Unicode's form NFC."""
    return {_nfc(part) for path in _images(folder) for part in path.relative_to(folder).parts}


def same_name(one: str, other: str) -> bool:
    """Whether two written paths name the same file on a machine that ignores case."""
    return _keys(_anchored(one)) == _keys(_anchored(other))


def _as_written(folder: Path, text: str) -> ListedFile | None:
    for meant in (Path(text), path_from_text(text)):
        if _is_file(folder / meant):
            return ListedFile(folder / meant, removed=() if meant.is_absolute() else ("",))
    if "\\" in text and _is_file(folder / text.replace("\\", "/")):
        return ListedFile(folder / text.replace("\\", "/"), backslashes=True, removed=("",))
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # A name that the file system cannot have is no file's.
        return False


def _by_tail(folder: Path, text: str, images: dict[Parts, list[Parts]]) -> ListedFile | NoFile:
    written = _anchored(text)
    keys = _keys(written)
    longest = next((count for count in range(len(keys) - 1, 0, -1) if keys[-count:] in images), 0)
    if not longest:
        return NoFile()
    best = images[keys[-longest:]]
    # Two files that end alike: what lies where the tail says, from the folder on, goes before a copy further below.
    best = [parts for parts in best if len(parts) == longest] or best
    best = [parts for parts in best if _same_letters(written[-longest:], parts[-longest:])] or best
    if len(best) > 1:
        return NoFile(f"could be {' or '.join('/'.join(parts) for parts in best[:2])}")
    file = best[0]
    whole = longest == len(file) and written[:-longest] == ("",)
    return ListedFile(
        folder.joinpath(*file),
        tail=0 if whole else longest,
        respelled=written[-longest:] != file[-longest:],
        removed=keys[:-longest],
        put=_keys(file[:-longest]),
    )


def _without_strays(found: Sequence[ListedFile | NoFile]) -> list[ListedFile | NoFile]:
    """Refuse files that are not where the others show that they ought to be.

    Where D:\\parts\\OK\\a.png is OK/a.png, D:\\parts\\OK\\b.png must be OK/b.png. If that is missing, NG/b.png has the
    longest tail, and is another image.
    """
    moves = {(file.removed, file.put) for file in found if isinstance(file, ListedFile) and file.removed}
    return [NoFile() if isinstance(file, ListedFile) and _strays(file, moves) else file for file in found]


def _strays(file: ListedFile, moves: set[tuple[Parts, Parts]]) -> bool:
    if not file.tail:
        return False
    for removed, put in moves:
        if len(removed) < len(file.removed) and file.removed[: len(removed)] == removed:
            return True
        if removed == file.removed and len(put) < len(file.put) and file.put[: len(put)] == put:
            return True
    return False


def _by_tails(folder: Path) -> dict[Parts, list[Parts]]:
    """The parts, relative to the folder, of all its images, by the keys of each of their tails."""
    images = defaultdict(list)
    for path in _images(folder):
        parts = path.relative_to(folder).parts
        keys = _keys(parts)
        for start in range(len(keys)):
            images[keys[start:]].append(parts)
    return dict(images)


def _images(folder: Path) -> list[Path]:
    try:
        return list(find_images(folder).images)
    except DataError:  # There are none. What the table names is then missing, and reported as such.
        return []


def _anchored(text: str) -> Parts:
    """A path's root (a drive, a share, a slash, or nothing where it is relative) and its parts."""
    path = PureWindowsPath(text)  # Takes slashes for separators, too.
    return (path.anchor, *(part for part in path.parts[bool(path.anchor) :] if part != ".."))


def _same_letters(one: Parts, other: Parts) -> bool:
    return tuple(map(_nfc, one)) == tuple(map(_nfc, other))


def _keys(parts: Parts) -> Parts:
    return tuple(map(_key, parts))


def _key(part: str) -> str:
    return _nfc(part).casefold()


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
