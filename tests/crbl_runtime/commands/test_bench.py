"""crbl-bench: every provider and batch size measured, computing rightly, in a form that can be shown to anybody."""

import getpass
import json
import platform
import shutil
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from crbl_runtime import provider_choice
from crbl_runtime.errors import WrongResultsError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.options import EXECUTION_PROVIDERS
from public_commands import Trained, run_command

SHORT = ("--seconds", 0.05)


@pytest.fixture(autouse=True)
def onnxruntime_prints_as_before() -> Any:
    """The command is run in this process, and keeps onnxruntime quiet in its own."""
    yield
    onnxruntime.set_default_logger_severity(2)


def measured(*arguments: object, code: int = 0) -> dict[str, Any]:
    result = run_command("crbl-bench", *arguments, *SHORT, "--json")
    assert result.returncode == code, result.stderr
    values: dict[str, Any] = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    return values


def test_a_table_names_the_fastest(crop: Trained) -> None:
    result = run_command("crbl-bench", crop.model, "--provider", "cpu", "--batch-size", 1, "--batch-size", 2, *SHORT)
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("  cpu ")]
    assert [row[1] for row in rows] == ["1", "2"]
    assert "crop, one image at a time: cpu, " in result.stdout
    assert "crop, many images: cpu, " in result.stdout
    assert "they are of this machine" in result.stdout


def test_json_has_what_an_issue_needs_and_nothing_private(crop: Trained, full: Trained, tmp_path: Path) -> None:
    report = measured(crop.model, full.model, "--provider", "cpu", "--batch-size", 1, "--batch-size", 8)
    assert (report["schema_version"], report["passed"]) == (2, True)
    assert report["machine"]["onnxruntime"]
    assert [model["variant"] for model in report["models"]] == ["crop", "full"]
    for model, file in zip(report["models"], (crop.model, full.model), strict=True):
        assert (model["file"], model["wrong"], model["not_measured"]) == (file.name, {}, {})
        assert len(model["payload_sha256"]) == 64
        assert [(each["provider"], each["batch_size"]) for each in model["measurements"]] == [("cpu", 1), ("cpu", 8)]
        for each in model["measurements"]:
            assert each["latency"]["calls"] >= 1
            assert min(each["latency"]["p50"], each["first_call"], each["load"]) > 0
            assert 0 < each["largest_error"] < 1e-3
            assert each["largest_difference_from_cpu"] < 1e-4
            assert each["images_per_second"] == pytest.approx(
                1000 * each["batch_size"] / each["latency"]["p50"], abs=0.1
            )
    assert [sentence.partition(":")[0] for sentence in report["recommendation"]] == [
        *("crop, one image at a time", "crop, many images"),
        *("full, one image at a time", "full, many images"),
    ]
    text = json.dumps(report)
    private = [str(crop.model.parent), str(Path.home()), platform.node(), getpass.getuser()]
    assert not [word for word in private if len(word) > 4 and word in text]


def test_it_is_short_enough_for_an_issue(crop: Trained) -> None:
    result = run_command("crbl-bench", crop.model, "--provider", "cpu", *SHORT, "--json")
    assert result.stdout.count("\n") < 30
    assert max(map(len, result.stdout.splitlines())) < 400


def test_a_provider_that_is_not_here_ends_with_3_and_a_file_that_is_no_model_with_2(
    crop: Trained, tmp_path: Path
) -> None:
    absent = run_command("crbl-bench", crop.model, "--provider", "cuda", *SHORT)
    assert (absent.returncode, absent.stdout) == (3, "")
    assert "no cuda provider" in absent.stderr
    damaged = Path(shutil.copy(crop.model, tmp_path / "damaged.onnx"))
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"\0" * 9)
    refused = run_command("crbl-bench", damaged, *SHORT)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert run_command("crbl-bench", crop.model, "--batch-size", 0).returncode == 2


def test_of_all_providers_those_that_do_not_start_are_told_and_a_wrong_one_fails(
    crop: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU provider stands in for a GPU's."""
    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: available)
    (model,) = measured(crop.model, "--batch-size", 1)["models"]
    assert "was asked for, but onnxruntime chose" in model["not_measured"]["cuda"]
    monkeypatch.setitem(EXECUTION_PROVIDERS, "directml", "CPUExecutionProvider")
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(Provider, "to_onnxruntime", lambda provider: ("CPUExecutionProvider", {}))
    (model,) = measured(crop.model, "--batch-size", 1)["models"]
    assert [each["provider"] for each in model["measurements"]] == ["cpu", "directml"]

    def wrong(*given: object) -> None:
        raise WrongResultsError("directml computes wrongly.")

    monkeypatch.setattr(provider_choice, "run_self_test", wrong)
    report = measured(crop.model, "--provider", "directml", code=1)
    assert "computes wrongly" in report["models"][0]["wrong"]["directml"]
    assert not report["passed"]
