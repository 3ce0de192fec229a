"""HDF5 files from unknown sources, read within limits.

What is refused before it costs anything: links that lead elsewhere (soft, external), an object reached twice (cycles),
more than MAX_OBJECTS objects or MAX_DEPTH levels, arrays stored outside the file or computed from others, compound,
variable-length and object types, other filters than gzip and shuffle, chunks over MAX_CHUNK_BYTES or more than
MAX_CHUNKS of them, text attributes over MAX_TEXT_BYTES, files over MAX_FILE_BYTES. An array is only read after its
declared shape was found to be the expected one, and each chunk is inflated to its declared size and no further: HDF5's
own gzip filter would follow a bomb until memory ends.
"""

import itertools
import math
import mmap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
from numpy.typing import NDArray

from crbl_runtime.errors import CheckpointError

MAX_FILE_BYTES = 2 * 1024**3
MAX_OBJECTS = 20_000
MAX_DEPTH = 16
MAX_CHUNK_BYTES = 64 * 1024**2
MAX_CHUNKS = 4096
MAX_TEXT_BYTES = 32 * 1024**2
MAX_NAMES = 20_000
# What variable-length text can make of its file at most: every name may point at the longest text in it.
MAX_UNFOLDED_TEXT_BYTES = 1024**3

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_GLOBAL_HEAP_SIGNATURE = b"GCOL\x01\x00\x00\x00"
_GZIP, _SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE
# What h5py and zlib raise on bytes that make no sense.
_DAMAGE = (
    OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, MemoryError,
    zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class StoredArray:
    """An array that lies in the file and was not read yet.

    Attributes:
        path: where it lies, components separated by "/". shape, dtype: as declared.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    _dataset: h5py.Dataset

    def read(self, expected: tuple[int, ...]) -> NDArray[Any]:
        """The values, of the declared type.

        Args:
            expected: the shape it must have; nothing is read where it has another.

        Raises:
            CheckpointError: another shape, never written, damaged, or stored in a way that Keras does not use.
        """
        if self.shape != expected:
            raise CheckpointError(f"{self.path} has the shape {self.shape}, expected {expected}.")
        with _damage_as_errors(self.path):
            values = _read_chunks(self) if self._dataset.chunks else _read_whole(self)
        return np.asarray(values)


class Hdf5Tree:
    """The arrays and the text attributes of an open file.

    Attributes:
        arrays: by path. groups: the paths of all groups, the root as "". skipped: groups that were not looked into.
    """

    def __init__(self, file: h5py.File, longest_text: int, skip: frozenset[str]) -> None:
        self.arrays: dict[str, StoredArray] = {}
        self.groups: dict[str, h5py.Group] = {}
        self.skipped: list[str] = []
        self._longest_text = longest_text
        self._seen: set[int] = set()
        self._walk(file, "", 0, skip)

    def text(self, group: str, name: str) -> str | None:
        """A text attribute, None where there is none.

        Raises:
            CheckpointError: it is no text, or longer than MAX_TEXT_BYTES.
        """
        values = self._attribute(group, name)
        if values is None:
            return None
        return values[0] if len(values) == 1 else _not_text(group, name)

    def names(self, group: str, name: str) -> list[str] | None:
        """A list of names, None where there is none; Keras splits long ones into name0, name1, …

        Raises:
            CheckpointError: it is no list of texts, or longer than MAX_NAMES.
        """
        whole = self._attribute(group, name)
        if whole is not None or self._attribute(group, f"{name}0") is None:
            return whole
        pieces = itertools.takewhile(
            lambda piece: piece is not None, (self._attribute(group, f"{name}{i}") for i in itertools.count())
        )
        return [text for piece in pieces if piece is not None for text in piece]

    def _walk(self, group: h5py.Group, path: str, depth: int, skip: frozenset[str]) -> None:
        self.groups[path] = group
        if depth > MAX_DEPTH:
            raise CheckpointError(f"{path} lies deeper than {MAX_DEPTH} groups: this is no file that Keras wrote.")
        if len(group) + len(self._seen) > MAX_OBJECTS:
            raise CheckpointError(f"The file has more than {MAX_OBJECTS} objects: this is no file that Keras wrote.")
        for name in group:
            inner = _joined(path, name)
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise CheckpointError(f"{inner} is a link to somewhere else. Keras writes none: save the model again.")
            if inner in skip:
                self.skipped.append(inner)
                continue
            child = group[name]
            address = h5py.h5o.get_info(child.id).addr
            if address in self._seen:
                raise CheckpointError(f"{inner} can be reached twice in the file. Keras writes no such file.")
            self._seen.add(address)
            if isinstance(child, h5py.Group):
                self._walk(child, inner, depth + 1, skip)
            elif isinstance(child, h5py.Dataset):
                self.arrays[inner] = _stored_array(inner, child)
            else:
                raise CheckpointError(f"{inner} is neither a group nor an array. Keras writes no such file.")

    def _attribute(self, group: str, name: str) -> list[str] | None:
        with _damage_as_errors(f"The attribute {name} of the group '{group}'"):
            attributes = self.groups[group].attrs
            if name not in attributes:
                return None
            stored = attributes.get_id(name)
            count, string = math.prod(stored.shape or ()), h5py.check_string_dtype(stored.dtype)
            if string is None and count:
                _not_text(group, name)
            length = self._longest_text if string is not None and string.length is None else stored.dtype.itemsize
            if count > MAX_NAMES or count * length > MAX_UNFOLDED_TEXT_BYTES:
                _too_large(group, name)
            values: Any = np.atleast_1d(np.asarray(attributes[name], dtype=object)) if count else []
            texts = [
                value.decode("utf-8") if isinstance(value, bytes) else _proper_text(str(value)) for value in values
            ]
        if sum(map(len, texts)) > MAX_TEXT_BYTES:
            _too_large(group, name)
        return texts


@contextmanager
def open_hdf5(path: Path, skip: frozenset[str] = frozenset()) -> Iterator[Hdf5Tree]:
    """Open a file for reading; what in it cannot be read becomes a CheckpointError, here and inside the block.

    Args:
        skip: paths of groups that are not looked into.

    Raises:
        CheckpointError: not HDF5, truncated, damaged or outside the limits above.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}. Name a .h5, .weights.h5 or .keras file that Keras wrote.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CheckpointError(f"{path} is larger than {MAX_FILE_BYTES // 1024**3} GiB: this is no file of this model.")
    with path.open("rb") as start:
        if start.read(8) != HDF5_SIGNATURE:
            raise CheckpointError(f"{path} is no HDF5 file. Name a .h5, .weights.h5 or .keras file that Keras wrote.")
    with _damage_as_errors(str(path)):
        file = h5py.File(path, "r", locking=False)
    with file:
        with _damage_as_errors(str(path)):
            tree = Hdf5Tree(file, _longest_text(path), skip)
        yield tree


def _stored_array(path: str, dataset: h5py.Dataset) -> StoredArray:
    if dataset.dtype.kind not in "fiub" or dataset.dtype.hasobject or dataset.shape is None:
        raise CheckpointError(f"{path} has the type {dataset.dtype}, expected numbers. Keras writes no such file.")
    if dataset.is_virtual or dataset.external:
        raise CheckpointError(f"{path} takes its values from other files. Keras writes none: save the model again.")
    return StoredArray(path, tuple(dataset.shape), dataset.dtype, dataset)


def _read_whole(array: StoredArray) -> NDArray[Any]:
    if array._dataset.id.get_storage_size() != math.prod(array.shape) * array.dtype.itemsize:
        raise CheckpointError(f"{array.path} was never written, or only partly. Save the model again.")
    return np.asarray(array._dataset[()])


def _read_chunks(array: StoredArray) -> NDArray[Any]:
    dataset = array._dataset
    steps = _filters(array)
    chunk_bytes = math.prod(dataset.chunks) * array.dtype.itemsize
    starts = [range(0, size, step) for size, step in zip(array.shape, dataset.chunks, strict=True)]
    count = math.prod(len(axis) for axis in starts)
    if chunk_bytes > MAX_CHUNK_BYTES or count > MAX_CHUNKS:
        raise CheckpointError(f"{array.path} is stored in {count} chunks of {chunk_bytes} bytes, beyond all measure.")
    values = np.empty(array.shape, array.dtype)
    for start in itertools.product(*starts):
        stored = dataset.id.get_chunk_info_by_coord(start)
        if stored.byte_offset is None or not 0 < stored.size <= chunk_bytes + 4096:
            raise CheckpointError(f"{array.path} was never written, or only partly. Save the model again.")
        mask, content = dataset.id.read_direct_chunk(start)
        for step in reversed([step for i, step in enumerate(steps) if not mask & (1 << i)]):
            content = _inflated(content, chunk_bytes) if step == _GZIP else _unshuffled(content, array.dtype.itemsize)
        chunk = np.frombuffer(content, array.dtype).reshape(dataset.chunks)
        target = tuple(slice(first, first + step) for first, step in zip(start, dataset.chunks, strict=True))
        room = values[target].shape
        values[target] = chunk[tuple(slice(0, size) for size in room)]
    return values


def _filters(array: StoredArray) -> list[int]:
    properties = array._dataset.id.get_create_plist()
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    if filters not in ([], [_GZIP], [_SHUFFLE], [_SHUFFLE, _GZIP]):
        raise CheckpointError(
            f"{array.path} is compressed with other filters than gzip ({filters}). Save it with gzip."
        )
    return filters


def _inflated(content: bytes, size: int) -> bytes:
    inflated = zlib.decompressobj().decompress(content, size + 1)
    if len(inflated) != size:
        raise ValueError(f"a chunk holds other than its {size} bytes")
    return inflated


def _unshuffled(content: bytes, item_size: int) -> bytes:
    return np.frombuffer(content, np.uint8).reshape(item_size, -1).T.tobytes()


def _longest_text(path: Path) -> int:
    """An upper bound for a variable-length text of the file: the size of its largest global heap.

    HDF5 File Format Specification version 3.0, III.E: "GCOL", version, reserved, then eight bytes of size.
    """
    longest = 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = content.find(_GLOBAL_HEAP_SIGNATURE)
        while found >= 0:
            longest = max(longest, int.from_bytes(content[found + 8 : found + 16], "little"))
            found = content.find(_GLOBAL_HEAP_SIGNATURE, found + 8)
    return longest


def _joined(path: str, name: str) -> str:
    # Keras of some versions on Windows wrote "layers\\conv2d\\vars" as the name of one group.
    name = _proper_text(name).replace("\\", "/")
    return f"{path}/{name}" if path else name


def _proper_text(text: str) -> str:
    """h5py lets bytes that are no UTF-8 pass as lone surrogates, which nothing can print."""
    text.encode("utf-8")
    return text


def _not_text(group: str, name: str) -> NoReturn:
    raise CheckpointError(f"The attribute {name} of the group '{group}' is no text. Keras writes no such file.")


def _too_large(group: str, name: str) -> NoReturn:
    raise CheckpointError(f"The attribute {name} of the group '{group}' is larger than any that Keras writes.")


@contextmanager
def _damage_as_errors(what: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise CheckpointError(f"{what} is truncated or damaged ({error}). Copy it again, or save it again.") from error
