"""Hostile and broken .keras files end in a typed error, within the limits."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from crbl_runtime.errors import CheckpointError
from crbl_training.keras import keras_archive
from crbl_training.keras.keras_model import open_keras_model
from keras_files import KerasFile, Weights

MEBIBYTE = 1024**2
Entries = dict[str, bytes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.keras"


@pytest.fixture(scope="module")
def entries(weights: Weights) -> Entries:
    content = io.BytesIO()
    KerasFile(weights, head=False).write_weights(content)
    return {
        "metadata.json": b"{}",
        "config.json": b'{"class_name": "x", "config": {}}',
        "model.weights.h5": content.getvalue(),
    }


def write(path: Path, entries: Entries, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def opened(path: Path) -> None:
    with open_keras_model(path) as model:
        assert len(model.roles.backbones) == 2


def test_an_archive_that_is_whole_is_read(path: Path, entries: Entries) -> None:
    write(path, entries, zipfile.ZIP_DEFLATED)
    opened(path)


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "C:\\outside", "assets\\..\\outside"])
def test_names_that_lead_out_are_refused(name: str, path: Path, entries: Entries) -> None:
    write(path, entries | {name: b"x"})
    with pytest.raises(CheckpointError, match="entries that Keras never writes"):
        opened(path)


@pytest.mark.parametrize("missing", ["metadata.json", "config.json", "model.weights.h5"])
def test_a_zip_without_a_part_is_refused(missing: str, path: Path, entries: Entries) -> None:
    write(path, {name: content for name, content in entries.items() if name != missing})
    with pytest.raises(CheckpointError, match=f"without {missing}"):
        opened(path)


def test_two_entries_of_one_name_are_refused(path: Path, entries: Entries) -> None:
    write(path, entries)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", b"{}")
    with pytest.raises(CheckpointError, match="two of one name"):
        opened(path)


def test_very_many_entries_are_refused(path: Path, entries: Entries) -> None:
    write(path, entries | {f"assets/{number}": b"" for number in range(2000)})
    with pytest.raises(CheckpointError, match="has 2003 entries"):
        opened(path)


def test_other_compression_is_refused(path: Path, entries: Entries) -> None:
    write(path, entries | {"model.weights.h5": b"small"}, zipfile.ZIP_LZMA)
    with pytest.raises(CheckpointError, match="other means than deflate"):
        opened(path)


@pytest.mark.parametrize(("entry", "limit"), [("model.weights.h5", 512), ("config.json", 32)])
def test_a_bomb_is_refused_before_it_is_unpacked(entry: str, limit: int, path: Path, entries: Entries) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            if name != entry:
                archive.writestr(name, content)
        with archive.open(entry, "w") as target:
            for _ in range(limit + 1):
                target.write(bytes(MEBIBYTE))
    assert path.stat().st_size < 40 * MEBIBYTE
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=f"{entry} unpacks to"):
        opened(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MEBIBYTE


def test_a_bomb_that_lies_about_its_size_is_refused(path: Path, entries: Entries) -> None:
    """256 MiB that the directory of the archive declares as 1 MiB."""
    bomb, declared = 256 * MEBIBYTE, MEBIBYTE
    write(path, entries | {"config.json": bytes(bomb)}, zipfile.ZIP_DEFLATED)
    content = path.read_bytes()
    assert content.count(bomb.to_bytes(4, "little")) >= 1
    path.write_bytes(content.replace(bomb.to_bytes(4, "little"), declared.to_bytes(4, "little")))
    tracemalloc.start()
    with pytest.raises(CheckpointError):
        opened(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * MEBIBYTE


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_archive_is_refused(share: float, path: Path, entries: Entries) -> None:
    write(path, entries)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match="damaged"):
        opened(path)


@pytest.mark.parametrize(
    ("entry", "content"),
    [
        ("config.json", b"no JSON"),
        ("config.json", b"[1, 2]"),
        ("config.json", b"[" * 100_000),
        ("config.json", b"\xff"),
        ("config.json", b'{"class_name": "x", "config": {"layers": [{"class_name": "y"}]}}'),
        ("metadata.json", b"no JSON"),
        ("metadata.json", b"[" * 100_000),
        ("model.weights.h5", b"no HDF5"),
    ],
)  # fmt: skip
def test_a_part_that_is_not_what_keras_writes_is_refused(
    entry: str, content: bytes, path: Path, entries: Entries
) -> None:
    write(path, entries | {entry: content})
    with pytest.raises(CheckpointError):
        opened(path)


def test_nothing_is_left_in_the_temporary_folder(
    path: Path, tmp_path: Path, entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(keras_archive.tempfile, "tempdir", str(folder))
    write(path, entries)
    opened(path)
    write(path, entries | {"config.json": b"no JSON"})
    with pytest.raises(CheckpointError):
        opened(path)
    assert list(folder.iterdir()) == []
