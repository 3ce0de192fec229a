"""What the tests of the examples share: a small model file, which needs no trainer, and real images."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crbl_runtime import Detector
from rewritten_model import rewritten
from small_model import small_model

# Between the probabilities that the small model gives, so that it finds photographs of both kinds.
THRESHOLD = 6.5e-4


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model file with a heatmap, 64 px."""
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(rewritten(small_model("fp32"), threshold=THRESHOLD))
    return path


@pytest.fixture(scope="session")
def detector(model: Path) -> Iterator[Detector]:
    """What every example's results must be equal to."""
    with Detector(model, provider="cpu") as detector:
        yield detector


@pytest.fixture(scope="session")
def images(photographs: Path) -> list[Path]:
    """Forty tiles of real photographs."""
    return sorted(photographs.glob("*.png"))
