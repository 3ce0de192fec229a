"""The seeded weights, once for all tests of Keras files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crbl_training.checkpoint import Checkpoint
from crbl_training.keras.convert import Choices, convert
from keras_files import KerasFile, Weights, seeded_weights


@pytest.fixture(scope="session")
def weights() -> Weights:
    """The weights that seeded_reference.npz has genuine Keras's outputs for."""
    return seeded_weights()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Where to write a file; removed after the test, since each has 40 MB."""
    yield tmp_path / "model.h5"
    for file in tmp_path.iterdir():
        file.unlink()


@pytest.fixture(scope="session")
def converted(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """The seeded crop model, converted from legacy weights."""
    path = tmp_path_factory.mktemp("keras") / "crop.h5"
    checkpoint = convert(KerasFile(weights).write_legacy_weights(path), Choices())
    path.unlink()
    return checkpoint
