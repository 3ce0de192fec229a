"""config.py: a config from Python is that of the command, and what it cannot mean is refused at once."""

from pathlib import Path

import pytest

from crbl_runtime.errors import UsageError
from crbl_training import training_config
from crbl_training.train import run
from crbl_training.train.config import TrainingConfig
from public_commands import run_command


def config_of_command(monkeypatch: pytest.MonkeyPatch, data: Path, *options: object) -> TrainingConfig:
    """What crbl-train would train by."""
    taken: list[TrainingConfig] = []
    monkeypatch.setattr(run, "run_training", lambda config, *_: taken.append(config))
    finished = run_command("crbl-train", "--data", data / "train", "--device", "cpu", "--out", data / "out", *options)
    assert finished.returncode == 0, finished.stderr
    return taken[0]


@pytest.mark.parametrize("variant", ["crop", "full"])
def test_what_is_not_given_is_what_the_command_takes(
    variant: str, monkeypatch: pytest.MonkeyPatch, grain_folder: Path
) -> None:
    assert training_config(variant) == config_of_command(monkeypatch, grain_folder, "--variant", variant)


def test_what_is_given_is_what_the_options_give(monkeypatch: pytest.MonkeyPatch, grain_folder: Path) -> None:
    options = (
        "--variant", "crop", "--recipe", "original", "--epochs", 3, "--lr", 1e-3, "--trainable", "head",
        "--threshold", "recall=0.9", "--region", "whole", "--image-size", 64, "--bit-depth", 12,
        "--imagenet-normalization", "--weights", "none", "--seed", 5, "--defect-rate", 0.1,
    )  # fmt: skip
    config = training_config(
        "crop",
        recipe_name="original",
        epochs=3,
        learning_rate=1e-3,
        trainable="head",
        threshold_rule="recall=0.9",
        region="whole",
        image_size=64,
        bit_depth=12,
        imagenet_normalization=True,
        weights=("none",),
        seed=5,
        defect_rate=0.1,
    )
    assert config == config_of_command(monkeypatch, grain_folder, *options)


def test_what_means_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="'Crop', expected 'crop' or 'full'"):
        training_config("Crop")
    with pytest.raises(UsageError, match="The threshold rule is 'f2'"):
        training_config("crop", threshold_rule="f2")
    with pytest.raises(UsageError, match="epochs is 0"):
        training_config("crop", epochs=0)
    with pytest.raises(TypeError, match="epoch"):
        training_config("crop", epoch=3)
