"""The recorded images that this machine has, prepared, and the first step in which it computes other pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_runtime.errors import ImageError, ParityError, UsageError
from crbl_runtime.image_folder import find_images
from crbl_runtime.left_out import LeftOut
from crbl_runtime.preprocessing import PreparedImage, PreprocessingSpec
from crbl_runtime.self_test import self_test_images
from crbl_runtime.verification.record import ParityRecord, RecordedImage, content_sha256, prepare_and_hash

Content = bytes | NDArray[np.uint8]

# The steps from a file to a logit: a difference begins in the first one in which a machine computes something else.
STAGES = ("decoding", "preparing", "network")


@dataclass(frozen=True)
class PreparedHere:
    """A recorded image as this machine prepares it.

    Attributes:
        recorded: what the record says of it. prepared: what the network is given here.
        stage: of `STAGES`; the pixels are other ones from there on, or equal where it is "network".
    """

    recorded: RecordedImage
    prepared: PreparedImage
    stage: str


@dataclass(frozen=True)
class ImagesHere:
    """The images of a record on this machine.

    Attributes:
        prepared: those that are here, at least one.
        missing: names of those that are not here with the same content. unreadable: of those that cannot be decoded.
        left_out: what else is in the folder; empty where the images are made by formula.
    """

    prepared: tuple[PreparedHere, ...]
    missing: tuple[str, ...]
    unreadable: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()

    def names_of(self, stage: str) -> tuple[str, ...]:
        """The images whose pixels are other ones from this stage on."""
        return tuple(image.recorded.name for image in self.prepared if image.stage == stage)


def read_images_here(record: ParityRecord, folder: Path | None, spec: PreprocessingSpec) -> ImagesHere:
    """Find the recorded images by their content, whatever their names are now, and prepare them.

    Args:
        folder: where they are; None where the images are made by formula.

    Raises:
        UsageError: no folder was named. DataError: it holds no images. ParityError: none of the recorded ones is here.
    """
    contents, left_out = _contents(record, folder, spec)
    prepared, missing, unreadable = [], [], []
    for image in tqdm(record.images, desc="Preparing images", unit="", leave=False, disable=None):
        content = contents.get(image.sha256.file)
        if content is None:
            missing.append(image.name)
            continue
        try:
            prepared.append(_prepare(image, content, spec))
        except ImageError:
            unreadable.append(image.name)
    if not prepared:
        raise ParityError(
            f"Nothing was compared: none of the {len(record.images)} images of the report is here and readable. "
            "Name the folder with the images that the model file was exported with."
        )
    return ImagesHere(tuple(prepared), tuple(missing), tuple(unreadable), left_out)


def _contents(
    record: ParityRecord, folder: Path | None, spec: PreprocessingSpec
) -> tuple[dict[str, Content], tuple[LeftOut, ...]]:
    """What is here, by the SHA-256 of its content, and what was left out of the folder."""
    if record.made_images:
        return {content_sha256(image): image for image in self_test_images(spec.image_size)}, ()
    if folder is None:
        raise UsageError(f"The report is about {len(record.images)} image files. Name the folder that holds them.")
    wanted = {image.sha256.file for image in record.images}
    contents: dict[str, Content] = {}
    found = find_images(folder)
    for path in found.images:
        content = path.read_bytes()
        sha256 = content_sha256(content)
        if sha256 in wanted:
            contents[sha256] = content
    return contents, (found.left_out,)


def _prepare(recorded: RecordedImage, content: Content, spec: PreprocessingSpec) -> PreparedHere:
    prepared, sha256 = prepare_and_hash(content, spec)
    if sha256.decoded != recorded.sha256.decoded:
        return PreparedHere(recorded, prepared, "decoding")
    return PreparedHere(recorded, prepared, "network" if sha256.prepared == recorded.sha256.prepared else "preparing")
