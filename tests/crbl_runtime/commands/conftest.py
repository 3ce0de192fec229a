"""Images for the commands."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def images(photographs: Path, tmp_path: Path) -> Path:
    """A folder with two photographs, one in a folder in it, and one in a folder in that."""
    folder = tmp_path / "images"
    for number, name in enumerate(("a.png", "b.png", "부품/c.png", "부품/깊이/d.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photographs / f"coffee_{number}.png", folder / name)
    return folder
