"""docs/make_pictures.py, on the folder of a small demo."""

import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from crbl_runtime.errors import OutputError, UsageError
from foreign_programs import chromium
from loaded_program import loaded_program
from public_commands import Trained

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def make_pictures() -> ModuleType:
    """The program."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    return loaded_program(PROJECT / "docs" / "make_pictures.py")


def test_a_finished_demo_gives_every_picture(
    make_pictures: ModuleType, crop: Trained, grains: Path, tmp_path: Path
) -> None:
    chromium()  # Skips the test where there is none.
    demo = tmp_path / "demo"
    runs = demo / "runs" / "crop"
    runs.mkdir(parents=True)
    shutil.copytree(grains, demo / "grains")
    shutil.copy(crop.model, demo / "crop.onnx")
    shutil.copy(crop.checkpoint, runs)
    Image.fromarray(np.zeros((1410, 1402, 3), np.uint8)).save(demo / "contact_sheet.png")
    make_pictures.main([str(demo), "--out", str(tmp_path / "docs")], standalone_mode=False)
    sizes = {path.name: Image.open(path).size for path in (tmp_path / "docs").iterdir()}
    pages = {picture.file: (1280, picture.height) for picture in make_pictures.PAGES}
    assert sizes == {"contact_sheet.png": (1000, 1006), **pages}
    assert len(Image.open(tmp_path / "docs" / "parity.png").convert("RGB").getcolors(100_000) or []) > 20


def test_a_picture_that_is_too_large_is_refused(
    make_pictures: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_pictures, "MOST_BYTES", 1000)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    with pytest.raises(OutputError, match="at most 1000"):
        make_pictures.write_picture(tmp_path / "noise.png", Image.fromarray(noise))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_two_demos_is_refused(make_pictures: ModuleType, tmp_path: Path) -> None:
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"2 files \*\.pth, expected one"):
        make_pictures.with_pattern_expanded("*.pth", tmp_path)
