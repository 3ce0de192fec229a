"""crbl-doctor: what the machine can do, and the audit of DirectML's operators."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import torch
from click.testing import CliRunner, Result

from crbl_runtime.provider_candidates import providers_here
from crbl_runtime.version import __version__
from crbl_training.commands.doctor import main
from crbl_training.directml import recorded_training
from crbl_training.directml.recorder import record_operators
from crbl_training.directml.stand_in import STAND_IN_DEVICE
from public_commands import Trained


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_versions_providers_and_devices_are_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = run()
    assert result.exit_code == 0, result.output
    assert f"crbl {__version__}, Python {sys.version.split()[0]}" in result.output
    providers, devices = result.output.split("Training devices")
    assert "\n  cpu                      works\n" in providers
    assert len(re.findall(r"^  (cpu|directml|cuda) ", providers, re.MULTILINE)) == len(providers_here())
    described = [*providers.splitlines(), *devices.splitlines()]
    lines = dict(line.split(maxsplit=1) for line in described if line.count(" ") > 2)
    assert lines["torch"] == torch.__version__.split("+")[0] or lines["torch"] == torch.__version__
    assert lines["cpu"].startswith("works: CPU, ")
    assert lines["cuda"].startswith("torch sees no CUDA device")


def test_json_says_the_same(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    report = json.loads(run("--json").output)
    assert [each["kind"] for each in report["execution_providers"]] == list(providers_here())
    assert report["execution_providers"][0] == {"kind": "cpu", "reason": None}
    assert report["conflicts"] == []
    assert [device["kind"] for device in report["training_devices"]] == ["directml", "cuda", "cpu"]
    cuda, cpu = report["training_devices"][1:]
    assert cuda["name"] is None
    assert "CUDA" in cuda["reason"]
    assert cpu["reason"] is None
    assert cpu["name"]


def test_the_pixels_of_this_machine_are_told():
    assert "the golden image has the pixels that it has everywhere" in run().output
    assert json.loads(run("--json").output)["preparation"] is None


def test_a_model_file_is_whole_or_the_exit_code_is_1(crop: Trained, tmp_path: Path):
    whole = run(str(crop.model))
    assert whole.exit_code == 0, whole.output
    assert "whole (payload " in whole.output
    assert "runs on cpu" in whole.output
    damaged = bytearray(crop.model.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.onnx").write_bytes(damaged)
    told = run(str(crop.model), str(tmp_path / "damaged.onnx"), "--json")
    assert told.exit_code == 1
    first, second = json.loads(told.output)["model_files"]
    assert (first["provider"], len(first["payload_sha256"])) == ("cpu", 64)
    assert second["payload_sha256"] is None
    assert "is damaged or was changed after its export" in second["remarks"][0]


def test_two_that_own_the_same_files_are_a_warning(tmp_path, monkeypatch):
    for name in ("onnxruntime", "onnxruntime_directml", "opencv_python"):
        (tmp_path / f"{name}-1.0.dist-info").mkdir()
        (tmp_path / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Name: {name.replace('_', '-')}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    told = run()
    assert told.exit_code == 0
    assert told.output.count("are installed together and overwrite each other's files") == 2


def test_a_broken_opencv_ends_with_3(tmp_path):
    (tmp_path / "cv2.py").write_text("raise ImportError('DLL load failed')")
    code = "from crbl_training.commands import crbl_doctor; crbl_doctor()"
    search_path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": search_path})
    assert (told.returncode, told.stdout) == (3, "")
    assert "cv2 cannot be imported (DLL load failed)" in told.stderr


# An installation without torch: this process's, in which torch cannot be found.
WITHOUT_TORCH = """
import sys
for name in ("torch", "torchvision", "timm"):
    sys.modules[name] = None
sys.argv = ["crbl-doctor", *sys.argv[1:]]
from crbl_training.commands import crbl_doctor
crbl_doctor()
"""


def run_without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *arguments], capture_output=True, text=True)


def test_without_torch_the_rest_is_told_and_every_device_has_a_reason():
    told = run_without_torch("--json")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert report["execution_providers"]
    assert len(report["training_devices"]) == 3
    for device in report["training_devices"]:
        assert 'pip install ".[train]"' in device["reason"]


def test_ops_without_torch_is_an_environment_error():
    told = run_without_torch("--ops")
    assert told.returncode == 3
    assert 'pip install ".[train]"' in told.stderr
    assert "Traceback" not in told.stderr


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


def test_the_console_script_is_declared():
    project = Path(__file__).resolve().parents[3] / "pyproject.toml"
    assert 'crbl-doctor = "crbl_training.commands:crbl_doctor"' in project.read_text(encoding="utf-8")
