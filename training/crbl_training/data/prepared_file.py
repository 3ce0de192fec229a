"""Prepared images in a file, which a later run reads again if it was made from the same images in the same way.

An uncompressed ZIP archive with two members: `images` has the pixels, uint8 [N, H, W, 3], and `facts.json` what else is
known of them. ZIP has a checksum of either, and its table of contents comes last, so that it is missing where a file
was cut off.
"""

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from crbl_runtime.atomic_file import replacing
from crbl_runtime.errors import first_line
from crbl_training.data.fingerprint import Fingerprint
from crbl_training.data.mapped_images import MappedImages
from crbl_training.data.prepare_all import Keep, PreparedFacts

IMAGES, FACTS = "images", "facts.json"
# What `facts.json` says of an image takes less than this.
FACTS_BYTES = 300
# A member's own header: its length, and where in it the lengths of its name and of its extra field are.
HEADER_BYTES, HEADER_LENGTHS = 30, 26
# What any damage makes of reading an archive.
_DAMAGES = (zipfile.BadZipFile, OSError, EOFError, LookupError, ValueError, TypeError, RuntimeError, struct.error)


class NotReadError(Exception):
    """Why the images of a file are not used, as text."""


def write_prepared(path: Path, made_from: str, image_size: int, prepare: Callable[[Keep], PreparedFacts]) -> None:
    """Write a file of prepared images; until it is whole, and after a kill, there is none of its name.

    Args:
        made_from: what must be equal for the file to be read again. image_size: side of the images.
        prepare: calls the function that it is given for each image, one after the other, and returns what is known of
            all. What it raises leaves no file.

    Raises:
        OutputError: see `replacing`.
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(zipfile.ZipInfo(IMAGES), "w", force_zip64=True) as images:
            facts = prepare(lambda pixels: images.write(pixels.tobytes()))
        archive.writestr(zipfile.ZipInfo(FACTS), json.dumps(_to_json(facts, made_from, image_size)))


def read_prepared(path: Path, made_from: str, *, check: bool) -> tuple[MappedImages, PreparedFacts]:
    """The images of a file that `write_prepared` wrote; why images are unusable is left empty.

    Args:
        check: read all pixels once to see that none of them changed.

    Raises:
        NotReadError: there is no file, it is damaged, or it was made from something else.
    """
    if not path.is_file():
        raise NotReadError("there was no file yet")
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read(FACTS))
            if content["made_from"] != made_from:
                raise NotReadError(
                    "the file was made from other images, with other preprocessing or by other versions of packages"
                )
            facts, member = _from_json(content), archive.getinfo(IMAGES)
            shape = (len(facts.fingerprints), content["image_size"], content["image_size"], 3)
            if member.file_size != np.prod(shape) or (check and archive.testzip() is not None):
                raise NotReadError("the file was damaged: its pixels changed")
            return MappedImages(path.absolute(), _beginning(path, member), shape), facts
    except _DAMAGES as error:
        raise NotReadError(f"the file was damaged: {first_line(error)}") from error


def _beginning(path: Path, member: zipfile.ZipInfo) -> int:
    """Where in the archive a member's content begins."""
    with path.open("rb") as file:
        file.seek(member.header_offset + HEADER_LENGTHS)
        name, extra = struct.unpack("<HH", file.read(4))
    return member.header_offset + HEADER_BYTES + int(name) + int(extra)


def _to_json(facts: PreparedFacts, made_from: str, image_size: int) -> dict[str, Any]:
    return {
        "made_from": made_from,
        "image_size": image_size,
        "unusable": list(facts.unusable),
        "regions_missing": facts.regions_missing,
        "bit_depth_unclear": facts.bit_depth_unclear,
        "pixels": [each.pixels for each in facts.fingerprints],
        "perceptual": [each.perceptual.hex() for each in facts.fingerprints],
        "sizes": facts.sizes,
    }


def _from_json(content: dict[str, Any]) -> PreparedFacts:
    fingerprints = zip(content["pixels"], map(bytes.fromhex, content["perceptual"]), strict=True)
    return PreparedFacts(
        unusable=dict.fromkeys(content["unusable"], ""),
        regions_missing=content["regions_missing"],
        bit_depth_unclear=tuple(content["bit_depth_unclear"]),
        fingerprints=tuple(Fingerprint(*each) for each in fingerprints),
        sizes=tuple((width, height) for width, height in content["sizes"]),
    )
