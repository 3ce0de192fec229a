"""A model without training and its file, made once for all tests of the exporter."""

import shutil
from pathlib import Path

import pytest

from crbl_export.model_file import ModelFile
from crbl_training.checkpoint import save_checkpoint
from made_once import MadeOnce
from public_commands import Trained, run_command
from small_checkpoint import decided_checkpoint

# TorchScript writes it, in a tenth of the time that dynamo takes.
QUICK_OPSET = 17


@pytest.fixture(scope="session")
def few_photographs(photographs: Path, made_once: MadeOnce) -> Path:
    """A folder with 8 tiles of real photographs, one of each photograph."""

    def fill(folder: Path) -> None:
        for path in photographs.glob("*_0.png"):
            shutil.copy(path, folder)

    return made_once.folder("few_photographs", fill)


@pytest.fixture(scope="session")
def small(few_photographs: Path, made_once: MadeOnce) -> Trained:
    """A checkpoint of random weights, 64 px, and its file of opset 17; nobody may write into its folder."""

    def fill(folder: Path) -> None:
        _, checkpoint = save_checkpoint(decided_checkpoint(), folder / "CRBL_250101_pytorch_directml_crop")
        exported = run_command(
            "crbl-export",
            *("--variant", "crop", "--opset", QUICK_OPSET, "--heatmap"),
            *("--checkpoint", checkpoint, "--verify", few_photographs),
        )
        assert exported.returncode == 0, exported.stderr

    return Trained.in_folder(made_once.folder("small", fill))


@pytest.fixture(scope="session")
def small_half(small: Trained, few_photographs: Path, made_once: MadeOnce) -> Trained:
    """The small checkpoint, and its file with weights in half precision; nobody may write into its folder."""

    def fill(folder: Path) -> None:
        exported = run_command(
            "crbl-export",
            *("--variant", "crop", "--opset", QUICK_OPSET, "--heatmap", "--precision", "fp16"),
            *("--checkpoint", small.checkpoint, "--verify", few_photographs, "-o", folder / "half.onnx"),
        )
        assert exported.returncode == 0, exported.stderr
        (folder / "stdout.txt").write_text(exported.stdout, encoding="utf-8")

    return Trained(small.checkpoint, made_once.folder("small_half", fill) / "half.onnx")


@pytest.fixture
def small_file(small: Trained) -> ModelFile:
    """The small model's graph and contract, to be broken by a test."""
    return ModelFile.from_bytes(small.model.read_bytes(), "small.onnx")
