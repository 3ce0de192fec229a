""".keras files: a zip of a configuration, metadata and an HDF5 file of weights, unpacked within limits.

Refused: encrypted entries, other compression than deflate (others may ask for gigabytes to unpack a byte), names that
lead out of the archive, two entries of one name, more than MAX_ENTRIES entries, entries that declare or hold more than
their limit.
"""

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from crbl_runtime.errors import CheckpointError

MAX_ENTRIES = 1000
MAX_FILE_BYTES = 2 * 1024**3
MAX_WEIGHTS_BYTES = 512 * 1024**2
MAX_TEXT_BYTES = 32 * 1024**2
PORTION_BYTES = 1024**2

ZIP_SIGNATURE = b"PK\x03\x04"
WEIGHTS, CONFIG, METADATA = "model.weights.h5", "config.json", "metadata.json"
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError, KeyError,
    IndexError,
)  # fmt: skip


@dataclass(frozen=True)
class KerasArchive:
    """What a .keras file holds.

    Attributes:
        weights: where the HDF5 file was unpacked to; gone when the block ends. config, metadata: JSON texts.
    """

    weights: Path
    config: str
    metadata: str


@contextmanager
def open_archive(path: Path) -> Iterator[KerasArchive]:
    """Unpack a .keras file into a temporary folder.

    Raises:
        CheckpointError: damaged, no .keras file, or outside the limits above.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield _unpacked(path, Path(folder) / "weights.h5")


def _unpacked(path: Path, weights: Path) -> KerasArchive:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CheckpointError(f"{path} is larger than {MAX_FILE_BYTES // 1024**3} GiB: this is no file of this model.")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked_entries(path, archive)
            with weights.open("wb") as target:
                _copy(archive, entries[WEIGHTS], target, MAX_WEIGHTS_BYTES)
            texts = {name: _text(archive, entries[name]) for name in (CONFIG, METADATA)}
    except _DAMAGE as error:
        raise CheckpointError(f"{path} is a damaged .keras file ({error}). Copy it again, or save it again.") from error
    return KerasArchive(weights, texts[CONFIG], texts[METADATA])


def _checked_entries(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > MAX_ENTRIES:
        raise CheckpointError(f"{path} has {len(infos)} entries, a .keras file has a few. Keras wrote no such file.")
    entries = {info.filename: info for info in infos}
    outside = [name for name in entries if "\\" in name or ":" in name or _leads_out(PurePosixPath(name))]
    if outside or len(entries) != len(infos):
        raise CheckpointError(f"{path} has entries that Keras never writes: {outside[:3] or 'two of one name'}.")
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
        raise CheckpointError(f"{path} is compressed with other means than deflate. Save the model again with Keras.")
    missing = [name for name in (WEIGHTS, CONFIG, METADATA) if name not in entries]
    if missing:
        raise CheckpointError(f"{path} is a zip file without {', '.join(missing)}, so no .keras file.")
    return entries


def _leads_out(name: PurePosixPath) -> bool:
    return name.is_absolute() or ".." in name.parts


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: BinaryIO, limit: int) -> None:
    if entry.file_size > limit:
        raise CheckpointError(f"{entry.filename} unpacks to {entry.file_size} bytes; this model has at most {limit}.")
    # zipfile reads no further than the declared size, and raises where the content goes on.
    with archive.open(entry) as source:
        shutil.copyfileobj(source, target, PORTION_BYTES)


def _text(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    if entry.file_size > MAX_TEXT_BYTES:
        raise CheckpointError(
            f"{entry.filename} unpacks to {entry.file_size} bytes, at most {MAX_TEXT_BYTES} are read."
        )
    # Read without a size, zipfile inflates whatever there is before it looks at the declared size.
    with archive.open(entry) as source:
        return source.read(entry.file_size).decode("utf-8")
