"""What of the folders with labelled images is in no data set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crbl_runtime.image_folder import search
from crbl_runtime.left_out import LeftOut, Reason
from crbl_training.data.dataset import LabelledImage


def left_out_of(source: Path | None, images: Sequence[LabelledImage]) -> tuple[LeftOut, ...]:
    """What of a folder with class folders was not read: beside them, and in each of them. Nothing of a table.

    Args:
        source: what the images were read from. images: all of them, and possibly others.

    Raises:
        DataError: a folder cannot be read.
    """
    if source is None or not source.is_dir():
        return ()
    below = [image.path.relative_to(source) for image in images if image.path.is_relative_to(source)]
    class_folders = sorted({source / path.parts[0] for path in below})
    beside = search(source, passing_over=class_folders)
    outside = [(Reason.OUTSIDE, path.relative_to(source)) for path in beside.images]
    entries = tuple(sorted([*beside.left_out.entries, *outside]))
    return (replace(beside.left_out, entries=entries), *(search(folder).left_out for folder in class_folders))
