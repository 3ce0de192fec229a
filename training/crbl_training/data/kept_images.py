"""Prepared images, held in memory or kept in a file that is made where it is not there."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import imagehash
import numpy as np
import PIL
import torch
from torch import Tensor

from crbl_runtime.errors import DataError, OutputError, first_line
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.version import __version__
from crbl_training.data.image_storage import ImageStorage, require_space
from crbl_training.data.in_threads import in_threads
from crbl_training.data.mapped_images import MappedImages
from crbl_training.data.prepare_all import Keep, PreparedFacts, prepare_all, refuse_unusable, why_unusable
from crbl_training.data.prepared_file import FACTS_BYTES, NotReadError, read_prepared, write_prepared
from crbl_training.file_hash import file_hash
from crbl_training.process_group import broadcast_from_rank0, current_shard

SCHEMA_VERSION = 2
# Another version of any of these may give other pixels or other fingerprints.
COMPUTED_BY = (SCHEMA_VERSION, __version__, cv2.__version__, np.__version__, PIL.__version__, imagehash.__version__)
UNREADABLE = "unreadable"


def keep_in_memory(paths: Sequence[Path], spec: PreprocessingSpec, name: str) -> tuple[Tensor, PreparedFacts]:
    """The images that can be decoded, uint8 [N, image_size, image_size, 3], and what else is known of all."""
    images = torch.empty(len(paths), spec.image_size, spec.image_size, 3, dtype=torch.uint8)
    places = iter(images)
    facts = prepare_all(paths, spec, name, lambda pixels: next(places).copy_(torch.from_numpy(pixels)))
    return images[: len(facts.fingerprints)], facts


def keep_in_file(
    file: Path, paths: Sequence[Path], spec: PreprocessingSpec, name: str, storage: ImageStorage, *, skip_bad: bool
) -> tuple[MappedImages, PreparedFacts, str]:
    """The same in a file; and how that came about, as the end of a sentence. In a group of processes rank 0 makes it.

    A file that is there is used if its images have the same content and were prepared in the same way, and if its
    own content is what was written.

    Raises:
        OutputError: there is no space for it, or it cannot be written.
        DataError: an image cannot be decoded and `skip_bad` is False; or files change meanwhile.
    """
    made_from = _made_from(paths, spec, name)
    how = ""
    if current_shard().rank == 0:
        how = _find_or_make(file, made_from, paths, spec, name, storage, skip_bad=skip_bad)
    broadcast_from_rank0([torch.zeros(1)])  # The others wait for this, until the file is there.
    try:
        images, facts = read_prepared(file, made_from, check=False)
    except NotReadError as reason:
        raise DataError(
            f"{file} cannot be used: {reason}. --out must be a folder that all machines share, and the images must "
            "stay as they are while the command runs."
        ) from None
    unusable = {number: why_unusable(paths[number], spec) for number in facts.unusable}
    return images, replace(facts, unusable=unusable), how


def _find_or_make(
    file: Path,
    made_from: str,
    paths: Sequence[Path],
    spec: PreprocessingSpec,
    name: str,
    storage: ImageStorage,
    *,
    skip_bad: bool,
) -> str:
    try:
        read_prepared(file, made_from, check=True)
        return "read again, as an earlier run made it"
    except NotReadError as error:
        reason = error
    had_file = file.is_file()
    if had_file:
        _remove(file)  # First, for the disk may not have space for both.
    require_space(file, len(paths) * (spec.image_size**2 * 3 + FACTS_BYTES), storage)

    def prepare(keep: Keep) -> PreparedFacts:
        facts = prepare_all(paths, spec, name, keep)
        if not skip_bad:
            refuse_unusable(facts, len(paths), name)
        return facts

    write_prepared(file, made_from, spec.image_size, prepare)
    return f"made anew, because {reason}" if had_file else "made now"


def _remove(file: Path) -> None:
    try:
        file.unlink()
    except OSError as error:
        raise OutputError(
            f"{file} is out of date and cannot be removed ({error.strerror or first_line(error)}). "
            "Close it in other programs, or name another --out."
        ) from error


def _made_from(paths: Sequence[Path], spec: PreprocessingSpec, name: str) -> str:
    """What prepared images depend on: SHA-256 over the files' content, in order, and what computes them."""
    digest = hashlib.sha256(json.dumps([spec.to_dict(), COMPUTED_BY], sort_keys=True).encode())
    for content in in_threads(_content, paths, f"Hashing {name} images"):
        digest.update(f"\n{content}".encode())
    return digest.hexdigest()


def _content(path: Path) -> str:
    try:
        return file_hash(path)
    except OSError:
        return UNREADABLE  # Preparing it says why.
