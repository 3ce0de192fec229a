"""A disk that is full or read-only: a typed error, and nothing half-written."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crbl_export import export
from crbl_export.model_card.beside_model import replacing_with_card
from crbl_export.model_file import ModelFile
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


def test_a_full_disk(small: Trained, small_file: ModelFile, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = small_disk / "model.onnx"
    old.write_bytes(b"the old file")
    monkeypatch.setattr(export, "build_model_file", lambda trained, options: small_file)
    result = run_command(
        "crbl-export",
        "--variant",
        "crop",
        "--checkpoint",
        small.checkpoint,
        "--force",
        "--allow-made-images",
        "-o",
        old,
    )
    assert result.returncode == 3, result.stderr
    assert "Traceback" not in result.stderr
    assert "model.onnx cannot be written (No space left on device)" in result.stderr
    assert old.read_bytes() == b"the old file"
    assert list(small_disk.iterdir()) == [old]


def test_a_read_only_disk(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with (
        pytest.raises(OutputError, match=r"Read-only file system.*another place"),
        replacing_with_card(small_disk / "model.onnx"),
    ):
        pass
    assert list(small_disk.iterdir()) == []


def test_something_else_in_the_place_of_the_file(small: Trained, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").mkdir()
    (tmp_path / "a file").touch()
    before = sorted(tmp_path.rglob("*"))
    for target in (tmp_path / "model.onnx", tmp_path / "a file" / "model.onnx"):
        with pytest.raises(OutputError, match="cannot be written"), replacing_with_card(target) as (candidate, _):
            candidate.write_bytes(small.model.read_bytes())
    assert sorted(tmp_path.rglob("*")) == before


def test_what_the_gate_measured_is_said_where_the_file_does_not_get_its_name(
    small: Trained, small_file: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "build_model_file", lambda trained, options: small_file)
    rename = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        """As Windows does while another program has the model file open."""
        if Path(target) == tmp_path / "model.onnx":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    checkpoint = ("--variant", "crop", "--checkpoint", small.checkpoint)
    result = run_command("crbl-export", *checkpoint, "--allow-made-images", "-o", tmp_path / "model.onnx")
    assert result.returncode == 3
    assert "model.onnx cannot be written (Permission denied)" in result.stderr
    assert "largest |logit error| of the model file" in result.stderr
    assert list(tmp_path.iterdir()) == []
