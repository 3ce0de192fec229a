"""What tests of several packages share: real images, and models trained and exported by the public commands."""

import os
from pathlib import Path

import cv2
import pytest

from made_once import MadeOnce
from public_commands import Trained, run_command

# Processes that test share the cores: threads that wait for each other's cores are slower than none. Set here rather
# than in a hook, because torch reads it once, and the conftest.py of a folder below may import torch before any hook.
PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if PROCESSES > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // PROCESSES, 1)))

# Wine lacks what OpenCV makes its threads with on Windows.
if os.name == "nt":
    cv2.setNumThreads(1)

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket", "retina", "hubble_deep_field", "brick", "gravel")
TILE = 100
TILES_EACH = 5


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let one run make the models that another one, which may have no torch, is to use, or try more changed files."""
    parser.addoption("--models", type=Path, help="Folder for the trained and exported models; those in it are used.")
    parser.addoption("--fuzz-rounds", type=int, default=2000, help="How many changed files of each kind are tried.")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> MadeOnce:
    """The folders that all processes of this run share, and with --models other runs too."""
    base = tmp_path_factory.getbasetemp()
    here = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return MadeOnce(pytestconfig.getoption("--models") or here)


@pytest.fixture(scope="session")
def photographs(made_once: MadeOnce) -> Path:
    """A folder with 40 tiles of real photographs, 100 px square, PNG."""

    def fill(folder: Path) -> None:
        import skimage.data

        for name in PHOTOGRAPHS:
            photograph = getattr(skimage.data, name)()
            for number in range(TILES_EACH):
                y, x = 37 * number, 61 * number
                tile = photograph[y : y + TILE, x : x + TILE]
                bgr = cv2.cvtColor(tile, cv2.COLOR_RGB2BGR if tile.ndim == 3 else cv2.COLOR_GRAY2BGR)
                assert cv2.imwrite(str(folder / f"{name}_{number}.png"), bgr)

    return made_once.folder("photographs", fill)


@pytest.fixture(scope="session")
def grains(made_once: MadeOnce) -> Path:
    """The demo's images: 64 to train on, 16 to validate on, 24 to test on."""

    def fill(folder: Path) -> None:
        from crbl_training.data.grains import write_dataset

        write_dataset(folder, seed=7, train=64, validation=16, test=24)

    return made_once.folder("grains", fill)


def _train_and_export(variant: str, opset: int, grains: Path, folder: Path) -> None:
    trained = run_command(
        "crbl-train",
        *("--variant", variant, "--data", grains / "train", "--val", grains / "validation.csv"),
        *("--weights", "none", "--epochs", 2, "--lr", 1e-3, "--threshold", "keep", "--device", "cpu", "--out", folder),
    )
    assert trained.returncode == 0, trained.stderr
    checkpoint = next(folder.glob("*.safetensors"))
    exported = run_command(
        "crbl-export", "--variant", variant, "--checkpoint", checkpoint, "--opset", opset, "--heatmap"
    )
    assert exported.returncode == 0, exported.stderr


@pytest.fixture(scope="session")
def crop(grains: Path, made_once: MadeOnce) -> Trained:
    """A trained crop model, exported at opset 18; nobody may write into its folder."""
    return Trained.in_folder(made_once.folder("crop", lambda folder: _train_and_export("crop", 18, grains, folder)))


@pytest.fixture(scope="session")
def full(grains: Path, made_once: MadeOnce) -> Trained:
    """A trained full model, exported at opset 17; nobody may write into its folder."""
    return Trained.in_folder(made_once.folder("full", lambda folder: _train_and_export("full", 17, grains, folder)))
