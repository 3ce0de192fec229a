"""What several test files of the runtime share."""

from pathlib import Path

import pytest

from small_model import small_model


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model file of 64 x 64 pixels that needs no training, of the variant full."""
    path = tmp_path_factory.mktemp("model") / "작은.onnx"
    path.write_bytes(small_model("fp32"))
    return path
