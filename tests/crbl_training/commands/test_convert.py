"""crbl-convert as a user runs it: the files it leaves, what it prints, and the exit codes of what cannot work."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from crbl_runtime.errors import CheckpointError, ParityError, UsageError
from crbl_training.checkpoint import load_checkpoint
from crbl_training.commands.convert import main
from crbl_training.options import KERAS_TOLERANCE
from keras_files import REFERENCE, KerasFile, seeded_weights
from public_commands import run_command


def convert_here(*arguments: str | Path) -> None:
    """The command in this process, which saves the seconds that starting torch takes."""
    main.main([str(argument) for argument in arguments], "crbl-convert", standalone_mode=False)


@pytest.fixture(scope="module")
def crop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The seeded crop model as legacy weights."""
    path = tmp_path_factory.mktemp("keras") / "crop.h5"
    yield KerasFile(seeded_weights()).write_legacy_weights(path)
    path.unlink()


def test_the_whole_way_in_one_command(crop: Path, tmp_path: Path) -> None:
    """Convert, compare with genuine Keras, write both files."""
    options = ("--variant", "crop", "--check", REFERENCE, "-o", tmp_path / "out.pth", "--json")
    answer = run_command("crbl-convert", crop, *options)
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert report["comparison"]["passed"]
    assert report["comparison"]["largest"] <= KERAS_TOLERANCE
    assert report["written"] == [str(tmp_path / "out.pth"), str(tmp_path / "out.safetensors")]
    checkpoint = load_checkpoint(tmp_path / "out.pth", "crop")
    assert checkpoint.hash == report["state_hash"]
    origin = checkpoint.provenance["converted_from"]
    assert (origin["form"], origin["keras_version"]) == ("legacy weights (save_weights, .h5)", "2.15.0")
    assert len(origin["sha256"]) == 64
    assert checkpoint.provenance["compared_with_keras"]["images"] == 8
    assert torch.load(tmp_path / "out.pth", weights_only=True).keys() == checkpoint.state.keys()


def test_inspect_says_what_the_file_is(crop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    convert_here(crop, "--inspect")
    text = capsys.readouterr().out
    for seen in ("legacy weights", "2.15.0", "EfficientNetB0_imagenetWeight (309 arrays), then", "predictions", "crop"):
        assert seen in text
    convert_here(crop, "--inspect", "--json")
    description = json.loads(capsys.readouterr().out)
    assert description["variant"] == "crop"
    assert [one["arrays"] for one in description["backbones"]] == [309, 309]
    assert description["layers"][-1] == "predictions"
    assert description["leftover"] == []


def test_a_model_that_differs_from_keras_is_not_written(
    crop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ParityError, match="nothing was written"):
        convert_here(crop, "--swap-backbones", "--check", REFERENCE, "-o", tmp_path / "out.pth")
    assert "1 decision flipped" in capsys.readouterr().out
    with pytest.raises(ParityError):
        convert_here(crop, "--channel-order", "bgr", "--check", REFERENCE, "-o", tmp_path / "out.pth")
    assert list(tmp_path.iterdir()) == []


def test_values_that_look_like_probabilities_are_suspected_in_the_error(crop: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.load(REFERENCE)["images"][:1], logits=np.array([0.123]))
    with pytest.raises(ParityError, match=r"lie from 0 to 1, as probabilities do.*Try --channel-order"):
        convert_here(crop, "--check", tmp_path)


def test_a_comparison_alone_writes_nothing(crop: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.load(REFERENCE)["images"][:1], logits=np.load(REFERENCE)["logit"][:1])
    convert_here(crop, "--check", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_choices_reach_the_checkpoint(crop: Path, tmp_path: Path) -> None:
    choices = ["--divisor", "127.5", "--mean", "1", "1", "1", "--channel-order", "bgr", "--region", "whole"]
    convert_here(
        crop,
        *choices,
        "--image-size",
        "64",
        "--bit-depth",
        "14",
        "--threshold",
        "0.3",
        "-o",
        tmp_path / "out.safetensors",
    )
    checkpoint = load_checkpoint(tmp_path / "out.safetensors")
    spec = checkpoint.preprocessing
    assert (spec.divisor, spec.mean, spec.channel_order, spec.region) == (127.5, (1.0, 1.0, 1.0), "bgr", "whole")
    assert (spec.image_size, spec.bit_depth, checkpoint.threshold) == (64, 14, 0.3)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--variant", "full", "-o", "out.pth"], CheckpointError),
        ([], UsageError),
        (["-o", "out.onnx"], UsageError),
        (["--inspect", "-o", "out.pth"], UsageError),
        (["--imagenet-normalization", "--divisor", "1", "-o", "out.pth"], UsageError),
        (["--image-size", "8", "-o", "out.pth"], UsageError),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    arguments: list[str], error: type[Exception], crop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        convert_here(crop, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_ends_with_exit_code_2_and_a_message(tmp_path: Path) -> None:
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    options = ("--variant", "crop", "-o", tmp_path / "out.pth")
    answer = run_command("crbl-convert", tmp_path / "broken.h5", *options)
    assert answer.returncode == 2
    assert answer.stderr.startswith("Error: ")
    assert "Traceback" not in answer.stderr
