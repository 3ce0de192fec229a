"""A disk that is full or read-only: a typed error, and nothing half-written."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crbl_export.model_card.beside_model import replacing_with_card
from crbl_runtime.errors import OutputError
from public_commands import Trained, run_command


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("this system has no mount command")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"a disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def export_to(crop: Trained, target: Path, *options: str) -> str:
    """What crbl-export says; it must end with the exit code of a machine that lacks something."""
    result = run_command("crbl-export", "--variant", "crop", "--checkpoint", crop.checkpoint, *options, "-o", target)
    assert result.returncode == 3, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_full_disk(crop: Trained, small_disk: Path) -> None:
    old = small_disk / "model.onnx"
    old.write_bytes(b"the old file")
    said = export_to(crop, old, "--opset", "17", "--force")
    assert "model.onnx cannot be written (No space left on device)" in said
    assert old.read_bytes() == b"the old file"
    assert list(small_disk.iterdir()) == [old]


def test_a_read_only_disk(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with (
        pytest.raises(OutputError, match=r"Read-only file system.*another place with -o"),
        replacing_with_card(small_disk / "model.onnx"),
    ):
        pass
    assert list(small_disk.iterdir()) == []


def test_something_else_in_the_place_of_the_file(crop: Trained, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").mkdir()
    (tmp_path / "a file").touch()
    before = sorted(tmp_path.rglob("*"))
    for target in (tmp_path / "model.onnx", tmp_path / "a file" / "model.onnx"):
        with pytest.raises(OutputError, match="cannot be written"), replacing_with_card(target) as candidate:
            candidate.write_bytes(crop.model.read_bytes())
    assert sorted(tmp_path.rglob("*")) == before
