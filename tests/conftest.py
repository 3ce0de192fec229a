"""What tests of several packages share: real images, and models trained and exported by the public commands."""

import os
from pathlib import Path

import cv2
import pytest
import skimage.data

from real_line import Trained, run_command

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket", "retina", "hubble_deep_field", "brick", "gravel")
TILE = 100
TILES_EACH = 5


def pytest_configure() -> None:
    """Shard the cores among the processes that test: threads that wait for each other's cores are slower than none."""
    processes = os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    if processes is not None:
        os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // int(processes), 1)))


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 40 tiles of real photographs, 100 px square, PNG."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in PHOTOGRAPHS:
        image = getattr(skimage.data, name)()
        for number in range(TILES_EACH):
            y, x = 37 * number, 61 * number
            tile = image[y : y + TILE, x : x + TILE]
            bgr = cv2.cvtColor(tile, cv2.COLOR_RGB2BGR if tile.ndim == 3 else cv2.COLOR_GRAY2BGR)
            assert cv2.imwrite(str(folder / f"{name}_{number}.png"), bgr)
    return folder


@pytest.fixture(scope="session")
def grains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's images: 64 to train on, 16 to validate on, 24 to test on."""
    from crbl_training.data.grains import write_dataset

    folder = tmp_path_factory.mktemp("grains") / "data"
    write_dataset(folder, seed=7, train=64, validation=16, test=24)
    return folder


def _train_and_export(variant: str, grains: Path, folder: Path) -> Trained:
    trained = run_command(
        "crbl-train",
        *("--variant", variant, "--data", grains / "train", "--val", grains / "validation.csv"),
        *("--weights", "none", "--epochs", 2, "--lr", 1e-3, "--device", "cpu", "--out", folder),
    )
    assert trained.returncode == 0, trained.stderr
    checkpoint = next(folder.glob("*.safetensors"))
    exported = run_command("crbl-export", "--variant", variant, "--checkpoint", checkpoint, "--heatmap")
    assert exported.returncode == 0, exported.stderr
    return Trained(checkpoint, checkpoint.with_suffix(".onnx"))


@pytest.fixture(scope="session")
def crop(grains: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A trained and exported crop model."""
    return _train_and_export("crop", grains, tmp_path_factory.mktemp("crop"))


@pytest.fixture(scope="session")
def full(grains: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A trained and exported full model."""
    return _train_and_export("full", grains, tmp_path_factory.mktemp("full"))
