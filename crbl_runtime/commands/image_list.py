"""Which images crbl-predict is to predict: files, folders, and a list of both on standard input."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.counted import counted
from crbl_runtime.errors import DataError, UsageError
from crbl_runtime.image_folder import find_images, search
from crbl_runtime.left_out import LeftOut, left_out_lines
from crbl_runtime.path_list import read_path_list

STANDARD_INPUT = "-"
NAMED = 3


@dataclass(frozen=True)
class ImageList:
    """Images in the order in which they are predicted.

    Attributes:
        images: those that were named, and those in the folders that were named.
        roots: the folders that were named, and those of the images that were named.
        left_out: what was not taken of each folder.
        named_again: how many times a list names an image once more.
        among_results: how many are not taken because they lie in a folder that results are written to.
    """

    images: tuple[Path, ...]
    roots: frozenset[Path]
    left_out: tuple[LeftOut, ...]
    named_again: int
    among_results: int

    def lines(self) -> list[str]:
        """What was not taken, a line each."""
        lines = left_out_lines(self.left_out)
        if self.named_again:
            lines.append(f"The list names images again, {counted(self.named_again, 'time')}: each was predicted once")
        if self.among_results:
            lines.append(f"Left out of the folders for results: {counted(self.among_results, 'image')}")
        return lines


@dataclass(frozen=True)
class _Found:
    images: tuple[Path, ...]
    roots: frozenset[Path]
    left_out: tuple[LeftOut, ...]
    named_again: int


def list_images(sources: Sequence[str], results: Sequence[Path], *, recursive: bool) -> ImageList:
    """The images that were named and those in folders. One that is missing among others is listed, and fails later.

    Args:
        sources: images, folders of images, and at most one `-`, for a list of the same on standard input. Each image
            of such a list is taken once: programs that search folders name both a folder and what is in it.
        results: folders that results are written to. What lies there is not taken: it is of an earlier run.
        recursive: whether folders in a folder are searched.

    Raises:
        UsageError: nothing was named, or standard input twice.
        DataError: all that was named is missing, or there is no image in a folder or a list.
    """
    if not sources:
        raise UsageError("No images were named. Expected MODEL.onnx followed by images or folders.")
    if sources.count(STANDARD_INPUT) > 1:
        raise UsageError("Standard input (-) was named twice, and can be read once. Name it once.")
    named = [_listed() if source == STANDARD_INPUT else [Path(source)] for source in sources]
    if not any(os.path.exists(path) for paths in named for path in paths):  # noqa: PTH110 - see _is_folder
        missing = names([path for paths in named for path in paths])
        raise DataError(f"There is no {missing}. Name images or folders of images after MODEL.onnx.")
    places = [Path(os.path.realpath(folder)) for folder in results]
    found = [
        _find(paths, places, recursive=recursive, listed=source == STANDARD_INPUT)
        for source, paths in zip(sources, named, strict=True)
    ]
    images = [image for part in found for image in part.images]
    kept = _outside(images, places)
    if not kept:
        place = f" outside of {names(results)}, where results are written" if images else ""
        raise DataError(f"There are no images{place}. Name images or folders of images after MODEL.onnx.")
    return ImageList(
        images=tuple(kept),
        roots=frozenset(root for part in found for root in part.roots),
        left_out=tuple(left_out for part in found for left_out in part.left_out),
        named_again=sum(part.named_again for part in found),
        among_results=len(images) - len(kept),
    )


def names(paths: Sequence[Path | str]) -> str:
    """The first of some paths, for a message."""
    return ", ".join(map(str, paths[:NAMED])) + (", …" if len(paths) > NAMED else "")


def _listed() -> list[Path]:
    if sys.stdin is None:
        raise UsageError("Standard input is closed, and a list of images was to come from it (-).")
    paths = read_path_list(sys.stdin.buffer.read())
    if not paths:
        raise DataError("The list of images on standard input is empty. Expected one path a line.")
    return [Path(path) for path in paths]


def _find(paths: Sequence[Path], places: Sequence[Path], *, recursive: bool, listed: bool) -> _Found:
    images: list[Path] = []
    roots: set[Path] = set()
    left_out: list[LeftOut] = []
    for path in paths:
        if not _is_folder(path):
            images.append(path)
            roots.add(path.parent)
            continue
        # A folder with no images is a mistake where a person has named it.
        content = (search if listed else find_images)(path, _below(path, places), recursive=recursive)
        images += content.images
        left_out.append(content.left_out)
        roots.add(path)
    once = tuple(dict.fromkeys(images))
    return _Found(once, frozenset(roots), tuple(left_out), len(images) - len(once))


def _is_folder(path: Path) -> bool:
    # Path.is_dir raises where a name is too long, which is a result like that of any other path that is none.
    return os.path.isdir(path)  # noqa: PTH112


def _below(folder: Path, places: Sequence[Path]) -> list[Path]:
    """Those places that are in a folder, as a search of it names them."""
    home = Path(os.path.realpath(folder))
    return [folder / place.relative_to(home) for place in places if place.is_relative_to(home)]


def _outside(images: Sequence[Path], places: Sequence[Path]) -> list[Path]:
    """The images that lie in none of the places. Each folder is asked for once."""
    inside = {folder: _is_in(folder, places) for folder in {image.parent for image in images}} if places else {}
    return [image for image in images if not inside.get(image.parent)]


def _is_in(folder: Path, places: Sequence[Path]) -> bool:
    home = Path(os.path.realpath(folder))
    return any(home.is_relative_to(place) for place in places)
