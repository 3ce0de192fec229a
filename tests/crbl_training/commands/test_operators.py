"""crbl-doctor where the trainer is installed: training devices, the exporter, and the audit of DirectML's operators."""

import json
import subprocess
import sys
from collections import Counter

import pytest
import torch
from click.testing import CliRunner, Result

from crbl_runtime.commands.doctor import main
from crbl_runtime.machine_report.part import parts
from crbl_training.devices import machine_part
from crbl_training.devices.machine_part import PINNED_TORCH, TrainingDevice
from crbl_training.directml import recorded_training
from crbl_training.directml.recorder import record_operators
from crbl_training.directml.stand_in import STAND_IN_DEVICE


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_devices_and_versions_are_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = run()
    assert result.exit_code == 0, result.output
    lines = dict(line.split(maxsplit=1) for line in result.output.splitlines() if line.count(" ") > 2)
    assert lines["torch"].split()[0].split("+")[0] == torch.__version__.split("+")[0]
    assert lines["onnx"]
    assert lines["cpu"].startswith("works: CPU, ")
    assert lines["cuda"].startswith("torch sees no CUDA device")
    assert "what it needs can be imported" in result.output


def test_json_says_the_same_for_training_and_for_exporting(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    trained = run("--for", "train", "--json")
    assert trained.exit_code == 0, trained.output
    report = json.loads(trained.output)
    assert [device["kind"] for device in report["training_devices"]] == ["directml", "cuda", "cpu"]
    cuda, cpu = report["training_devices"][1:]
    assert cuda["name"] is None
    assert "CUDA" in cuda["reason"]
    assert cpu["reason"] is None
    assert cpu["name"]
    assert "exporter" not in report
    assert "onnx" not in report["packages"]
    exported = json.loads(run("--for", "export", "--json").output)
    assert exported["exporter"] == {"reasons": []}
    assert exported["packages"]["onnx"]
    assert exported["training_devices"] == report["training_devices"]


def without(*packages: str) -> str:
    """An installation without them: this process's, in which they cannot be found."""
    return f"""
import sys
for name in {packages!r}:
    sys.modules[name] = None
sys.argv = ["crbl-doctor", *sys.argv[1:]]
from crbl_runtime.commands import crbl_doctor
crbl_doctor()
"""


WITHOUT_TORCH = without("torch", "torchvision", "timm")


def run_without(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


def test_without_torch_the_rest_is_told_and_every_device_has_a_reason():
    told = run_without(WITHOUT_TORCH, "--json")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert report["execution_providers"]
    assert len(report["training_devices"]) == 3
    for device in report["training_devices"]:
        assert 'pip install ".[train]"' in device["reason"]
    (finding,) = (each for each in report["findings"] if each["about"] == "trainer")
    assert finding["breaks"] == ["train", "export"]
    assert 'pip install ".[default,train]"' in finding["remedy"][0]


@pytest.mark.parametrize(("purpose", "code"), [("predict", 0), ("train", 3), ("export", 3)])
def test_without_torch_only_predicting_works(purpose, code):
    assert run_without(WITHOUT_TORCH, "--for", purpose).returncode == code


def test_without_a_package_of_the_exporter_only_exporting_is_broken():
    # Without torch, too, importing which takes longest.
    told = run_without(without("onnxscript", "torch", "torchvision", "timm"), "--for", "export", "--json")
    assert told.returncode == 3
    (finding,) = (each for each in json.loads(told.stdout)["findings"] if each["about"] == "exporter")
    assert "onnxscript cannot be imported" in finding["finding"]
    assert finding["breaks"] == ["export"]
    assert 'pip install ".[default,export]"' in finding["remedy"][0]


def test_ops_without_torch_is_an_environment_error():
    told = run_without(WITHOUT_TORCH, "--ops")
    assert told.returncode == 3
    assert 'pip install ".[train]"' in told.stderr
    assert "Traceback" not in told.stderr


def test_predicting_needs_no_part_and_exporting_needs_the_trainer_s():
    assert parts("predict") == ()
    assert [list(part.values) for part in parts("export")] == [["training_devices"], ["exporter"]]


DEVICES = tuple(TrainingDevice(kind, None, "why not") for kind in ("directml", "cuda", "cpu"))
CPU_ONLY = (*DEVICES[:2], TrainingDevice("cpu", "CPU", None))
WITH_CUDA = (DEVICES[0], TrainingDevice("cuda", "Tesla T4", None), CPU_ONLY[2])


@pytest.mark.parametrize(
    ("devices", "torch_directml", "torch_version", "about", "told"),
    [
        (DEVICES, None, "2.14.1", "training", "No device works"),
        (WITH_CUDA, "0.2.5.dev240914", "2.14.1", None, ""),
        (CPU_ONLY, "0.2.5.dev240914", f"{PINNED_TORCH}+cpu", "torch-directml", "does not work: why not"),
        (CPU_ONLY, "0.2.5.dev240914", "2.14.1", "torch-directml", "is made for torch 2.4.1, and torch 2.14.1 is"),
    ],
)
def test_what_is_wrong_with_the_devices(devices, torch_directml, torch_version, about, told, monkeypatch):
    versions = {"torch-directml": torch_directml, "torch": torch_version}
    monkeypatch.setattr(machine_part, "installed_version", versions.get)
    findings = machine_part._device_findings(devices)
    assert [finding.about for finding in findings] == ([about] if about else [])
    for finding in findings:
        assert told in finding.finding
        assert finding.remedy
        assert finding.breaks == (("train",) if about == "training" else ())


def test_ops_passes_and_lists_operators_of_both_variants(monkeypatch):
    asked = []

    def record(trainable: str) -> Counter:
        asked.append(trainable)
        with record_operators() as calls:
            torch.ones(2).to(STAND_IN_DEVICE) + 1
        return calls

    monkeypatch.setattr(recorded_training, "record_training", record)
    result = run("--ops")
    assert result.exit_code == 0, result.output
    assert asked == ["after-150", "head"]
    rows = [line.split() for line in result.output.splitlines()]
    assert ["aten::add.Tensor", "2", "aten::add.out"] in rows
    assert "torch-directml computes all itself" in result.output


def test_ops_exits_with_1_on_a_finding(monkeypatch):
    def record(trainable: str) -> Counter:
        with record_operators() as calls:
            1.0 - torch.ones(2).to(STAND_IN_DEVICE)
        return calls

    monkeypatch.setattr(recorded_training, "record_training", record)
    result = run("--ops")
    assert result.exit_code == 1
    assert "raises: number - tensor; write -tensor + number" in result.output
    told = run("--ops", "--json")
    assert told.exit_code == 1
    report = json.loads(told.output)
    assert report["passed"] is False
    (row,) = (row for row in report["operators"] if row["findings"])
    assert row["operator"] == "aten::rsub.Scalar"
