"""Every command answers --help, a wrong option and a missing file before it loads anything heavy."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
IMAGE = PROJECT / "docs" / "contact_sheet.png"
# What a command may load for its answer, beside Python's own modules. colorama is what click writes with on Windows.
LIGHT = {"click", "colorama", "crbl_runtime", "crbl_training", "crbl_export", "public_commands"}

# Each refers to a file that is not there, or, in the demo's case, to a folder that is not the demo's.
MISSING = {
    "crbl-predict": [["missing.onnx", str(IMAGE)], ["missing.onnx", "other.onnx", str(IMAGE)]],
    "crbl-train": [
        ["--variant", "crop", "--data", "missing"],
        ["--variant", "crop", "--data", ".", "--val", "missing.csv"],
        ["--variant", "crop", "--data", ".", "--images", "missing"],
        ["--variant", "crop", "--data", ".", "--weights", "missing.pth"],
        ["--variant", "crop", "--data", ".", "--from-checkpoint", "missing.pth"],
    ],
    "crbl-evaluate": [
        ["missing.onnx", "--data", "."],
        [str(IMAGE), "--data", "missing.csv"],
        [str(IMAGE), "--data", ".", "--images", "missing"],
    ],
    "crbl-convert": [["missing.h5", "--inspect"], [str(IMAGE), "--check", "missing.npz"]],
    "crbl-doctor": [["missing.onnx"]],
    "crbl-export": [
        ["--variant", "crop", "--checkpoint", "missing.pth"],
        ["--variant", "crop", "--checkpoint", str(IMAGE), "--verify", "missing"],
        ["--variant", "crop"],
    ],
    "crbl-parity": [
        ["missing.onnx", "--checkpoint", str(IMAGE)],
        [str(IMAGE), "--checkpoint", "missing.pth"],
        [str(IMAGE), "--checkpoint", str(IMAGE), "--verify", "missing"],
    ],
    "crbl-check": [["missing.onnx"]],
    "crbl-verify": [
        ["missing.onnx", str(IMAGE), "."],
        [str(IMAGE), "missing.json", "."],
        [str(IMAGE), str(IMAGE), "missing"],
    ],
    "crbl-bench": [["missing.onnx"]],
    "crbl-demo": [["--out", str(PROJECT / "docs")]],
}
# Options that click can't check by itself, but that need nothing heavy to be checked.
WRONG = {
    "crbl-train": [
        ["--variant", "crop", "--data", ".", "--threshold", "best"],
        ["--variant", "crop", "--data", ".", "--threshold", "cost=0:1"],
        ["--variant", "crop", "--data", ".", "--defect-rate", "nan"],
        ["--variant", "crop", "--data", ".", "--batch-size", "1"],
        ["--variant", "crop", "--data", ".", "--folds", "1"],
    ],
    "crbl-evaluate": [
        [str(IMAGE), "--data", ".", "--threshold", "2"],
        [str(IMAGE), "--data", ".", "--threshold", "best"],
        [str(IMAGE), "--data", ".", "--defect-rate", "0"],
    ],
    "crbl-convert": [[str(IMAGE)]],
    "crbl-predict": [["missing.onnx"], [str(IMAGE)]],
}

# Runs one command several times, and tells after each time what it has loaded since the start.
ANSWERS = """
import json, sys
before = set(sys.modules)
from public_commands import run_command
name, *calls = json.loads(sys.argv[1])
for arguments in calls:
    result = run_command(name, *arguments)
    loaded = {module.partition(".")[0] for module in set(sys.modules) - before} - sys.stdlib_module_names
    print(json.dumps([result.returncode, result.stdout, result.stderr, sorted(loaded)]))
"""


@dataclass(frozen=True)
class Answer:
    """What a command gave back, and the packages outside Python's own library that it had loaded by then."""

    code: int
    stdout: str
    stderr: str
    loaded: set[str]


def answers(name: str, calls: list[list[str]], folder: Path) -> Iterator[Answer]:
    search_path = [str(PROJECT / "tests"), *filter(None, sys.path)]
    setting = f"import sys; sys.path[:0] = {search_path!r}\n"
    command = [sys.executable, "-c", setting + ANSWERS, json.dumps([name, *calls])]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    assert told.returncode == 0, told.stderr
    for line in told.stdout.splitlines():
        code, stdout, stderr, loaded = json.loads(line)
        yield Answer(code, stdout, stderr, set(loaded))


def test_every_command_is_tested_here() -> None:
    ours = {script.name for script in entry_points(group="console_scripts") if script.name.startswith("crbl-")}
    assert ours == set(MISSING)


@pytest.mark.parametrize("name", list(MISSING))
def test_help_and_wrong_options_and_missing_files_are_answered_before_anything_heavy_is_loaded(
    name: str, tmp_path: Path
) -> None:
    calls = [["--help"], ["--no-such-option"], *MISSING[name], *WRONG.get(name, [])]
    answered = list(answers(name, calls, tmp_path))
    assert len(answered) == len(calls)
    for call, answer in zip(calls, answered, strict=True):
        assert answer.loaded <= LIGHT, call
    help_answer, unknown_option, *others = answered
    assert help_answer.code == 0
    assert f"Usage: {name}" in help_answer.stdout
    assert "Example" in help_answer.stdout
    assert unknown_option.code == 2
    assert "No such option" in unknown_option.stderr
    for call, answer in zip(calls[2:], others, strict=True):
        assert answer.code == 2, (call, answer.stderr)
        assert "Error" in answer.stderr
        assert not answer.stdout


def test_images_that_are_all_missing_are_named_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    (answer,) = answers("crbl-predict", [["missing.onnx", "missing.png"]], tmp_path)
    assert (answer.code, answer.loaded - LIGHT) == (4, set())
    assert "There is no missing.png" in answer.stderr


def test_how_to_bring_the_weights_is_told_without_any_other_option_and_before_anything_heavy_is_loaded(
    tmp_path: Path,
) -> None:
    calls = [["--weights-help"], ["--variant", "crop", "--weights-help"]]
    for answer in answers("crbl-train", calls, tmp_path):
        assert (answer.code, answer.stderr, answer.loaded - LIGHT) == (0, "", set())
        for name in ("tf_efficientnet_b0.in1k", "tf_efficientnet_b0.ns_jft_in1k"):
            assert f"https://huggingface.co/timm/{name}/resolve/main/model.safetensors" in answer.stdout
            assert f"models--timm--{name}" in answer.stdout
        assert max(map(len, answer.stdout.splitlines())) < 200
