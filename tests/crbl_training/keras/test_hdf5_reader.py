"""Hostile and broken HDF5 files end in a typed error, and cost no more than the limits say."""

import random
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from crbl_runtime.errors import CheckpointError
from crbl_training.keras import hdf5_reader
from crbl_training.keras.hdf5_reader import open_hdf5
from crbl_training.keras.keras_model import open_keras_model
from keras_files import FLAT, NESTED, KerasFile, Weights

MEBIBYTE = 1024**2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.h5"


def read_first(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    with open_hdf5(path) as tree:
        return next(iter(tree.arrays.values())).read(shape)


@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF\r\n\x1a\n", b"no HDF5 at all" * 100], ids=["empty", "signature", "text"]
)
def test_what_is_no_hdf5_is_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"is no HDF5 file|is truncated or damaged"):
        read_first(path, (1,))


def test_a_file_that_is_not_there_is_refused(path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no file"):
        read_first(path, (1,))


def soft_link(file: h5py.File) -> None:
    file["a"] = h5py.SoftLink("/b")


def external_link(file: h5py.File) -> None:
    file["a"] = h5py.ExternalLink("/etc/hostname", "/")


def cycle(file: h5py.File) -> None:
    group = file.create_group("a/b")
    group["c"] = file["a"]


def array_twice(file: h5py.File) -> None:
    file["a"] = np.zeros(3, np.float32)
    file["b"] = file["a"]


def depth(file: h5py.File) -> None:
    file.create_group("/".join("a" * 40))


def variable_length(file: h5py.File) -> None:
    file.create_dataset("a", (3,), dtype=h5py.vlen_dtype(np.float32))


def text(file: h5py.File) -> None:
    file.create_dataset("a", (3,), dtype=h5py.string_dtype())


def compound(file: h5py.File) -> None:
    file.create_dataset("a", (3,), dtype=[("x", "f4"), ("y", "i4")])


def reference(file: h5py.File) -> None:
    file.create_dataset("a", (3,), dtype=h5py.ref_dtype)


def external_storage(file: h5py.File) -> None:
    file.create_dataset("a", (3,), np.float32, external=[("/etc/hostname", 0, 12)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), np.float32)
    layout[:] = h5py.VirtualSource("/etc/hostname", "a", (3,))
    file.create_virtual_dataset("a", layout)


def named_type(file: h5py.File) -> None:
    file["a"] = np.dtype("f4")


@pytest.mark.parametrize(
    "make",
    [
        soft_link, external_link, cycle, array_twice, depth, variable_length, text, compound, reference,
        external_storage, virtual, named_type,
    ],
    ids=lambda make: make.__name__,
)  # fmt: skip
def test_what_keras_never_writes_is_refused(make: Callable[[h5py.File], None], path: Path) -> None:
    with h5py.File(path, "w") as file:
        make(file)
    with pytest.raises(CheckpointError):
        read_first(path, (3,))


def test_very_many_groups_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_reader, "MAX_OBJECTS", 50)
    with h5py.File(path, "w") as file:
        for number in range(60):
            file.create_group(f"group_{number}")
    with pytest.raises(CheckpointError, match="more than 50 objects"):
        read_first(path, (1,))


SHAPE = (1024, 256)


def never_written(file: h5py.File) -> None:
    file.create_dataset("a", SHAPE, np.float32, chunks=SHAPE)


def never_written_contiguous(file: h5py.File) -> None:
    file.create_dataset("a", SHAPE, np.float32)


def written_in_part(file: h5py.File) -> None:
    file.create_dataset("a", SHAPE, np.float32, chunks=(16, 256))[:16] = 1


def another_filter(file: h5py.File) -> None:
    file.create_dataset("a", data=np.ones(SHAPE, np.float32), chunks=SHAPE, compression="lzf")


def two_filters(file: h5py.File) -> None:
    file.create_dataset("a", data=np.ones(SHAPE, np.float32), chunks=SHAPE, compression="gzip", fletcher32=True)


def a_chunk_a_value(file: h5py.File) -> None:
    file.create_dataset("a", SHAPE, np.float32, chunks=(1, 1))


def chunks_beyond_the_array(file: h5py.File) -> None:
    file.create_dataset("a", SHAPE, np.float32, chunks=(8192, 8192), maxshape=(None, None), compression="gzip")


def huge_shape(file: h5py.File) -> None:
    file.create_dataset("a", (2**40, 256), np.float32, chunks=SHAPE)


def bomb(file: h5py.File) -> None:
    """A chunk of 1 MiB whose gzip stream goes on to 128 MiB, four times what may be in memory."""
    dataset = file.create_dataset("a", SHAPE, np.float32, chunks=SHAPE, compression="gzip")
    packer = zlib.compressobj(9)
    stream = b"".join(packer.compress(bytes(MEBIBYTE)) for _ in range(128)) + packer.flush()
    dataset.id.write_direct_chunk((0, 0), stream)


def short_chunk(file: h5py.File) -> None:
    dataset = file.create_dataset("a", SHAPE, np.float32, chunks=SHAPE, compression="gzip")
    dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(100)))


@pytest.mark.parametrize(
    "make",
    [
        never_written, never_written_contiguous, written_in_part, another_filter, two_filters, a_chunk_a_value,
        chunks_beyond_the_array, huge_shape, bomb, short_chunk,
    ],
    ids=lambda make: make.__name__,
)  # fmt: skip
def test_an_array_that_promises_more_than_it_holds_is_refused(make: Callable[[h5py.File], None], path: Path) -> None:
    with h5py.File(path, "w") as file:
        make(file)
    tracemalloc.start()
    with pytest.raises(CheckpointError):
        read_first(path, SHAPE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * MEBIBYTE


@pytest.mark.parametrize(
    "options", [{}, {"shuffle": True}, {"shuffle": True, "compression": "gzip"}, {"compression": "gzip"}]
)
def test_chunks_and_gzip_are_read_as_h5py_reads_them(options: dict[str, object], path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((50, 33)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=values, chunks=(16, 10), **options)
    assert np.array_equal(read_first(path, (50, 33)), values)


def test_texts_that_unfold_are_refused(path: Path) -> None:
    """3,000 names that may each be the longest text of the file: 3 GB from 1 MB."""
    with h5py.File(path, "w") as file:
        file.attrs["long"] = "x" * MEBIBYTE
        file.attrs.create("layer_names", ["a"] * 3000, dtype=h5py.string_dtype())
    with open_hdf5(path) as tree, pytest.raises(CheckpointError, match="larger than any that Keras writes"):
        tree.names("", "layer_names")


@pytest.mark.parametrize("value", [3.5, np.zeros(4), b"\xff\xfe"], ids=["number", "numbers", "no UTF-8"])
def test_an_attribute_that_is_no_text_is_refused(value: object, path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = value
    with open_hdf5(path) as tree, pytest.raises(CheckpointError):
        tree.text("", "layer_names")


def test_names_that_keras_parted_are_joined(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["weight_names0"], file.attrs["weight_names1"] = [b"a", b"b"], [b"c"]
    with open_hdf5(path) as tree:
        assert tree.names("", "weight_names") == ["a", "b", "c"]
        assert tree.names("", "layer_names") is None


def small_file(path: Path, write: Callable[[KerasFile, Path], object], weights: Weights) -> bytes:
    """A Keras file without the head, the larger half of it."""
    write(KerasFile(weights, NESTED if path.stem == "nested" else FLAT, head=False), path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "write", [KerasFile.write_legacy_weights, KerasFile.write_weights, KerasFile.write_whole_model]
)
def test_truncated_and_altered_files_end_in_a_typed_error_or_are_read(
    write: Callable[[KerasFile, Path], object], weights: Weights, tmp_path: Path
) -> None:
    whole = small_file(tmp_path / "nested.h5", write, weights)
    damaged = tmp_path / "damaged.h5"
    for share in (0.001, 0.1, 0.5, 0.9, 0.999):
        damaged.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(CheckpointError), open_keras_model(damaged):
            pass
    generator = random.Random(0)
    damaged.write_bytes(whole)
    for _ in range(40):
        beginning = bytearray(whole[:400_000])
        for _ in range(20):
            beginning[generator.randrange(len(beginning))] = generator.randrange(256)
        with damaged.open("r+b") as file:
            file.write(beginning)
        try:
            with open_keras_model(damaged) as model:
                assert model.roles is not None
        except CheckpointError:
            pass
    damaged.unlink()
