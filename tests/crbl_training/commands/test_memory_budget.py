"""--memory-budget of crbl-train and crbl-evaluate: a file in place of memory changes nothing but where images are."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from crbl_training.train import loop
from public_commands import run_command

QUICK = ("--weights", "none", "--epochs", 1, "--batch-size", 8, "--image-size", 32, "--device", "cpu")
pytestmark = pytest.mark.usefixtures("few_resamples")


@pytest.fixture(scope="module")
def data(grain_folder: Path) -> tuple[object, ...]:
    return ("--data", grain_folder / "train", "--val", grain_folder / "validation.csv")


def crbl_train(data: tuple[object, ...], out: Path, *options: object) -> CompletedProcess[str]:
    return run_command("crbl-train", "--variant", "full", *data, "--out", out, *QUICK, *options)


@pytest.fixture(scope="module")
def in_memory(data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that holds its images in memory, and what it printed."""
    out = tmp_path_factory.mktemp("memory") / "run"
    answer = crbl_train(data, out)
    assert answer.returncode == 0, answer.stderr
    return out, answer.stdout


def test_a_run_that_was_stopped_and_resumed_with_a_file_gives_the_same_bits(data, in_memory, tmp_path, monkeypatch):
    assert "16 training images prepared: 0 MB in memory\n" in in_memory[1]
    assert "8 validation images prepared: 0 MB in memory\n" in in_memory[1]
    assert not (in_memory[0] / "prepared_images").exists()

    whole, steps = loop.TrainingStep.run, iter([False, True])

    def stopped(*arguments: object) -> object:
        if next(steps):
            raise KeyboardInterrupt
        return whole(*arguments)

    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(loop.TrainingStep, "run", stopped)
        assert crbl_train(data, out, "--memory-budget", 0.00003, "--save-steps", 1).returncode != 0
    assert sorted(path.name for path in (out / "prepared_images").iterdir()) == ["training.zip"]

    answer = crbl_train(data, out, "--memory-budget", 0, "--resume")
    assert answer.returncode == 0, answer.stderr
    files = out / "prepared_images"
    because = "because 0 MB are more than --memory-budget 0 GB"
    training = f"in {files / 'training.zip'}, {because}; read again, as an earlier run made it"
    validation = f"in {files / 'validation.zip'}, {because}; made now"
    assert f"16 training images prepared: {training}\n" in answer.stdout
    assert f"8 validation images prepared: {validation}\n" in answer.stdout
    assert "Resumed at epoch 1, step 2" in answer.stdout
    metrics, expected = (json.loads((each / "metrics.json").read_text()) for each in (out, in_memory[0]))
    assert metrics["prepared_images"] == {"training": training, "validation": validation}
    assert metrics["checkpoint_hash"] == expected["checkpoint_hash"]
    assert metrics["validation"] == expected["validation"]
    assert metrics["leakage"] == expected["leakage"]


def test_evaluation_of_a_file_gives_the_same_scores(grain_folder, in_memory, tmp_path):
    checkpoint = next(in_memory[0].glob("*.safetensors"))

    def evaluate(out: Path, *options: object) -> CompletedProcess[str]:
        data = ("--data", grain_folder / "validation.csv", "--out", out)
        return run_command("crbl-evaluate", checkpoint, *data, "--device", "cpu", *options)

    assert evaluate(tmp_path / "memory").returncode == 0
    answer = evaluate(tmp_path / "file", "--memory-budget", 0)
    assert answer.returncode == 0, answer.stderr
    assert f"8 labelled images prepared: in {tmp_path / 'file' / 'prepared_images' / 'labelled.zip'}, " in answer.stdout
    for name in ("scores.csv", "worst_mistakes.png"):
        assert (tmp_path / "file" / name).read_bytes() == (tmp_path / "memory" / name).read_bytes()


def test_evaluation_past_the_budget_without_a_folder_names_the_remedy(grain_folder, in_memory):
    checkpoint = next(in_memory[0].glob("*.safetensors"))
    data = ("--data", grain_folder / "validation.csv")
    answer = run_command("crbl-evaluate", checkpoint, *data, "--device", "cpu", "--memory-budget", 0)
    assert answer.returncode == 2
    assert "0 MB are more than --memory-budget 0 GB. Name a folder by --out" in answer.stderr


def test_augmented_images_are_shown_from_a_file_too(data, tmp_path):
    for name, budget in (("memory.png", 1), ("file.png", 0)):
        answer = crbl_train(data, tmp_path / "run", "--show-augment", tmp_path / name, "--memory-budget", budget)
        assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "memory.png").read_bytes() == (tmp_path / "file.png").read_bytes()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["prepared_images"]


@pytest.mark.parametrize("budget", ["-1", "nan", "inf", "much"])
@pytest.mark.parametrize("option", ["--memory-budget", "--cache-budget"])
def test_budgets_that_are_none_are_wrong_usage(data, tmp_path, option, budget):
    answer = crbl_train(data, tmp_path / "run", option, budget)
    assert answer.returncode == 2
    assert f"Invalid value for '{option}'" in answer.stderr
    assert not (tmp_path / "run").exists()
