"""kept_images.py, prepared_file.py: a file of prepared images is read again, or made anew and that is said."""

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from crbl_runtime.errors import DataError, OutputError, UsageError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data import disk_space, kept_images
from crbl_training.data.dataset import LabelledImage
from crbl_training.data.image_storage import ImageStorage, image_storage
from crbl_training.data.mapped_images import MappedImages
from crbl_training.data.prepared_dataset import PreparedDataset, prepare_dataset

SPEC = PreprocessingSpec("object", image_size=32)
SIZE = 9 * 32 * 32 * 3


@pytest.fixture
def storage(tmp_path: Path) -> ImageStorage:
    """A folder, and one byte of memory too little for the nine images."""
    return image_storage(tmp_path / "prepared", SIZE - 1)


def prepared(
    images: list[LabelledImage], storage: ImageStorage | None, spec: PreprocessingSpec = SPEC, **options: bool
) -> PreparedDataset:
    return prepare_dataset(images, spec, "training", storage=storage, **options)


def same(one: PreparedDataset, other: PreparedDataset) -> bool:
    numbers = torch.arange(len(one.paths))
    return (
        len(one.images) == len(other.images) == len(numbers)
        and torch.equal(one.images[numbers], other.images[numbers])
        and torch.equal(one.labels, other.labels)
        and replace(one, images=0, labels=0, stored="") == replace(other, images=0, labels=0, stored="")
    )


def test_within_the_budget_in_memory_and_past_it_in_a_file(images, storage, tmp_path):
    in_memory = prepared(images, replace(storage, budget=SIZE))
    assert isinstance(in_memory.images, torch.Tensor)
    assert in_memory.stored == "0 MB in memory"
    assert in_memory.bytes_in_memory == SIZE
    assert not storage.folder.exists()
    in_file = prepared(images, storage)
    assert isinstance(in_file.images, MappedImages)
    assert in_file.bytes_in_memory == 0
    path = tmp_path / "prepared" / "training.zip"
    assert in_file.stored == f"in {path}, because 0 MB are more than --memory-budget 2.7647e-05 GB; made now"
    assert same(in_file, in_memory)
    assert in_file.regions_missing == 1
    assert [each.name for each in storage.folder.iterdir()] == ["training.zip"]
    again = prepared(images, storage)
    assert again.stored.endswith("GB; read again, as an earlier run made it")
    assert same(again, in_memory)


def test_what_other_sets_hold_counts(images, storage):
    beside = replace(storage, budget=2 * SIZE).beside(SIZE + 1)
    assert "because 0 MB are with 0 MB of other images more than" in prepared(images, beside).stored
    assert "in memory" in prepared(images, replace(storage, budget=2 * SIZE).beside(SIZE)).stored


def test_by_default_half_of_the_free_memory(images, tmp_path, monkeypatch):
    monkeypatch.setattr("crbl_training.data.image_storage.free_memory", lambda: 2 * SIZE - 2)
    assert (
        "are more than half of the free memory, 0.0 GB (--memory-budget); made"
        in prepared(images, image_storage(tmp_path / "prepared", None)).stored
    )
    monkeypatch.setattr("crbl_training.data.image_storage.free_memory", lambda: 2 * SIZE)
    assert "in memory" in prepared(images, image_storage(tmp_path / "prepared", None)).stored


def test_without_a_folder_too_many_images_are_refused(images):
    with pytest.raises(UsageError, match=r"0 MB are more than --memory-budget 0 GB. Name a folder by --out"):
        prepared(images, image_storage(None, 0))


def test_labels_and_places_do_not_matter_and_content_does(images, storage, tmp_path):
    prepared(images, storage)
    moved = [LabelledImage(shutil.copy(each.path, tmp_path / f"moved{n}.png"), 1) for n, each in enumerate(images)]
    again = prepared(moved, storage)
    assert "read again" in again.stored
    assert again.paths == tuple(each.path for each in moved)
    assert again.labels.tolist() == [1] * 9
    times = images[2].path.stat()
    other = cv2.imread(str(images[2].path))
    other[25, 40] += 1
    assert cv2.imwrite(str(images[2].path), other)
    os.utime(images[2].path, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = prepared(images, storage)
    assert "made anew, because the file was made from other images" in changed.stored
    assert same(changed, prepared(images, None))


@pytest.mark.parametrize(
    "change",
    [
        lambda images, spec: (images[::-1], spec),
        lambda images, spec: (images[:-1], spec),
        lambda images, spec: (images, replace(spec, region="whole")),
        lambda images, spec: (images, replace(spec, image_size=33)),
        lambda images, spec: (images, replace(spec, object_threshold=100)),
    ],
    ids=["order", "fewer", "region", "size", "threshold"],
)
def test_other_images_or_preprocessing_make_it_anew(images, storage, change):
    prepared(images, storage)
    others, spec = change(images, SPEC)
    small = replace(storage, budget=0)
    made = prepared(others, small, spec)
    assert "; made anew, because the file was made from other images, with other preprocessing or by" in made.stored
    assert same(made, prepared(others, None, spec))
    assert "read again" in prepared(others, small, spec).stored


def test_other_versions_make_it_anew(images, storage, monkeypatch):
    prepared(images, storage)
    monkeypatch.setattr(kept_images, "COMPUTED_BY", ("another",))
    assert "made anew" in prepared(images, storage).stored


def pixel_flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


def facts_flipped(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"regions_missing": 1', b'"regions_missing": 7'))


def without_images(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        facts = archive.read("facts.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("facts.json", facts)


def fewer_pixels(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        facts, pixels = archive.read("facts.json"), archive.read("images")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", pixels[:-1])
        archive.writestr("facts.json", facts)


@pytest.mark.parametrize(
    "damage",
    [
        pixel_flipped,
        facts_flipped,
        without_images,
        fewer_pixels,
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[: SIZE // 2]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("this is no archive"),
    ],
    ids=["pixel", "facts", "no images", "fewer pixels", "last byte", "half", "empty", "text"],
)
def test_a_damaged_file_is_made_anew_and_that_is_said(images, storage, damage):
    prepared(images, storage)
    damage(storage.folder / "training.zip")
    made = prepared(images, storage)
    assert "; made anew, because the file was damaged: " in made.stored
    assert same(made, prepared(images, None))
    assert "read again" in prepared(images, storage).stored


def test_a_kill_leaves_no_file_and_the_next_run_removes_what_it_left(images, storage, tmp_path):
    dying = """
import os, signal, sys
from pathlib import Path
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data import prepare_all
from crbl_training.data.dataset import LabelledImage
from crbl_training.data.image_storage import image_storage
from crbl_training.data.prepared_dataset import prepare_dataset

whole = prepare_all.fingerprint
def fingerprint(pixels):
    if threads.pop():
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(pixels)
threads = [True, False, False, False, False, False]
prepare_all.fingerprint = fingerprint
images = [LabelledImage(path, 0) for path in sorted(Path(sys.argv[1]).iterdir())]
spec, storage = PreprocessingSpec("object", image_size=32), image_storage(Path(sys.argv[2]), 0)
prepare_dataset(images, spec, "training", storage=storage)
"""
    arguments = (str(tmp_path / "images"), str(storage.folder))
    assert subprocess.run([sys.executable, "-c", dying, *arguments]).returncode == -signal.SIGKILL
    (left,) = storage.folder.iterdir()
    assert left.name.startswith(".training."), "no half file under the name of a whole one"
    made = prepared(images, storage)
    assert made.stored.endswith("; made now")
    assert [each.name for each in storage.folder.iterdir()] == ["training.zip"]
    assert same(made, prepared(images, None))


def test_a_run_within_the_budget_removes_what_a_kill_left_too(images, storage):
    storage.folder.mkdir()
    (storage.folder / ".training.0123456789abcdef.zip").write_bytes(b"half")
    prepared(images, replace(storage, budget=SIZE))
    assert list(storage.folder.iterdir()) == []


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(("missing", "enough"), [(1, False), (0, True)])
def test_a_full_disk_is_seen_before_it_is_full(images, storage, monkeypatch, missing, enough):
    needed = SIZE + 9 * 300
    free = disk_space.SPARE_BYTES + needed - missing
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, free))
    if enough:
        assert "made now" in prepared(images, storage).stored
        return
    with pytest.raises(OutputError, match=r"0 MB are needed, and the disk has 0 MB to spare. Make room, name another"):
        prepared(images, storage)
    assert not storage.folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's size")
def test_a_disk_that_becomes_full_leaves_nothing(images, storage):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, before[1]))
    try:
        with pytest.raises(OutputError, match=r"training\.zip cannot be written"):
            prepared(images, storage)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not storage.folder.exists()


def test_unreadable_images_are_left_out_and_named_when_the_file_is_read_again(images, storage):
    images[4].path.write_bytes(images[4].path.read_bytes()[:200])
    images[7].path.unlink()
    with pytest.raises(DataError, match=r"2 of 9 training images cannot be used"):
        prepared(images, storage)
    assert not storage.folder.exists()
    in_memory = prepared(images, None, skip_bad=True)
    made, again = (prepared(images, storage, skip_bad=True) for _ in range(2))
    assert "made now" in made.stored
    assert "read again" in again.stored
    assert len(made.images) == 7
    assert same(made, in_memory)
    assert same(again, in_memory)
    with pytest.raises(DataError, match=r"2 of 9 training images cannot be used"):
        prepared(images, storage)


def test_an_image_that_can_be_read_again_makes_it_anew(images, storage):
    missing = images[7].path.read_bytes()
    images[7].path.unlink()
    prepared(images, storage, skip_bad=True)
    images[7].path.write_bytes(missing)
    made = prepared(images, storage, skip_bad=True)
    assert "made anew" in made.stored
    assert len(made.images) == 9


@pytest.mark.parametrize("obstacle", [Path.touch, lambda path: (path / "training.zip").mkdir(parents=True)])
def test_something_in_its_place_is_an_error(images, storage, obstacle: Callable[[Path], object]):
    obstacle(storage.folder)
    with pytest.raises(OutputError, match="cannot be written"):
        prepared(images, storage)
