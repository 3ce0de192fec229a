"""What several test files of the runtime share."""

from pathlib import Path

import pytest

from small_model import small_model


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of the variant full for images of 64 x 64 pixels, which it predicts in a millisecond, untrained.

    It sees the whole image, has a heatmap of 8 x 8 cells, and the threshold 0.5.
    """
    path = tmp_path_factory.mktemp("model") / "작은.onnx"
    path.write_bytes(small_model("fp32"))
    return path
