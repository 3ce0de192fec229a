"""The files of a source."""

import logging
import os
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from crbl_runtime.csv_file import path_text
from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.hidden_names import SERVICE_FOLDERS
from crbl_runtime.image_folder import IMAGE_SUFFIXES, find_images
from crbl_runtime.ray.location import Location, locate

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

logger = logging.getLogger("crbl_runtime")

Places: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

SUFFIXES = {"images": IMAGE_SUFFIXES, "parquet": frozenset((".parquet",)), "webdataset": frozenset((".tar",))}
"""The formats of a source, with what the names of their files end in, in lower case."""


def locate_all(places: Places, filesystem: "FileSystem | None") -> list[Location]:
    """Where the places of a source are.

    Raises:
        UsageError: they are on several file systems, or there are none.
    """
    several = (places,) if isinstance(places, str | os.PathLike) else tuple(places)
    locations = [locate(place, filesystem) for place in several]
    if len({(location.filesystem is None, location.prefix) for location in locations}) != 1:
        raise UsageError(
            f"{len(locations)} places were given as the source: {', '.join(map(str, locations)) or 'none'}. Expected "
            "at least one, and all of them on this machine or in one object store."
        )
    return locations


def format_of(locations: Sequence[Location], given: str | None) -> str:
    """The format of a source: what was given, or what the names of the places end in.

    Raises:
        UsageError: it is none of SUFFIXES, or the names tell of several.
    """
    if given is not None and given not in SUFFIXES:
        raise UsageError(f"format is {given!r}, expected one of {', '.join(SUFFIXES)}, or None.")
    found = {given or _named_format(location) for location in locations}
    if len(found) > 1:
        raise UsageError(f"The source is of several formats: {', '.join(sorted(found))}. Score them one by one.")
    return found.pop()


def _named_format(location: Location) -> str:
    suffix = PurePosixPath(location.path).suffix.lower()
    return next((name for name, suffixes in SUFFIXES.items() if suffix in suffixes), "images")


def find_files(locations: Sequence[Location], format: str) -> list[str]:
    """All files of a format in the places and below, once each, sorted; as their file system calls them.

    Hidden ones are left out, see `image_folder.find_images`; names that begin with `_`, as cameras give them, are not,
    though Ray's readers pass over them. A file that was named itself is taken whatever its name is.

    Raises:
        DataError: a place is missing or cannot be read, or there is no such file.
    """
    files = {file for location in locations for file in _find(location, format)}
    if not files:
        raise _nothing_found(locations, format)
    return sorted(files)


def _find(location: Location, format: str) -> list[str]:
    from pyarrow.fs import FileSelector, FileType, LocalFileSystem

    filesystem = location.filesystem or LocalFileSystem()
    try:
        kind = filesystem.get_file_info(location.path).type
        if kind == FileType.NotFound:
            raise DataError(f"There is no {location}. Name a file, a folder, or what an object store calls one.")
        if kind == FileType.File:
            return [location.path]
        if location.filesystem is None and format == "images":
            return _find_images(Path(location.path))
        infos = filesystem.get_file_info(FileSelector(location.path, recursive=True))
    except OSError as error:
        raise DataError(f"{location} cannot be listed ({error}). Check the address and who may read it.") from error
    suffixes = SUFFIXES[format]
    return [
        info.path
        for info in infos
        if info.type == FileType.File
        and PurePosixPath(info.path).suffix.lower() in suffixes
        and not _is_hidden(info.path[len(location.path) :])
    ]


def _find_images(folder: Path) -> list[str]:
    try:
        content = find_images(folder)
    except DataError as error:
        raise DataError(f"{error} For tables or archives give format='parquet' or format='webdataset'.") from error
    if content.left_out:
        logger.warning("%s", content.left_out)
    return [path_text(path) for path in content.images]


def _is_hidden(path: str) -> bool:
    names = [name for name in path.split("/") if name]
    return any(name.startswith(".") for name in names) or any(name.casefold() in SERVICE_FOLDERS for name in names[:-1])


def _nothing_found(locations: Sequence[Location], format: str) -> DataError:
    suffixes: Collection[str] = SUFFIXES[format]
    return DataError(
        f"{', '.join(map(str, locations))} holds no {format}: expected files ending in {' '.join(sorted(suffixes))}."
    )
