"""Models that predict an image in a millisecond, and images for them."""

import shutil
from pathlib import Path

import pytest

from small_model import small_model


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the variant full that sees the whole image, has a heatmap of 8 x 8 cells, and the threshold 0.5."""
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    path.write_bytes(small_model("fp32"))
    return path


@pytest.fixture
def images(photographs: Path, tmp_path: Path) -> Path:
    """A folder with two photographs, one in a folder in it, and one in a folder in that."""
    folder = tmp_path / "images"
    for number, name in enumerate(("a.png", "b.png", "부품/c.png", "부품/깊이/d.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photographs / f"coffee_{number}.png", folder / name)
    return folder
