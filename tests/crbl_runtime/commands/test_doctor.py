"""crbl-doctor: what this machine can do, what is wrong with it, and the exit code."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import cv2
import pytest
from click.testing import CliRunner, Result

import crbl_runtime
from crbl_runtime.commands.doctor import main
from crbl_runtime.machine_report.finding import PURPOSES, Finding
from crbl_runtime.machine_report.report import MachineReport, report_machine
from crbl_runtime.provider_candidates import providers_here
from crbl_runtime.version import __version__
from installed_metadata import add_distribution
from public_commands import Trained

PROJECT = Path(crbl_runtime.__file__).parents[1]
PACKAGES = Path(cv2.__file__).parents[1]
DOCTOR = """
import sys
sys.argv = ["crbl-doctor", *sys.argv[1:]]
from crbl_runtime.commands import crbl_doctor
crbl_doctor()
"""


def run(*arguments: str) -> Result:
    # The runtime's part alone; importing torch takes many seconds.
    return CliRunner().invoke(main, ["--for", "predict", *arguments])


def run_in_process(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """With packages that are looked for in the folder first."""
    search_path = os.pathsep.join(map(str, [folder, PROJECT, PACKAGES]))
    environment = os.environ | {"PYTHONPATH": search_path, "PYTHONUTF8": "1"} | variables
    command = [sys.executable, "-c", DOCTOR, *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment)


def section(output: str, heading: str) -> list[str]:
    lines = output.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(heading))
    following = lines[start + 1 :]
    end = next((number for number, line in enumerate(following) if not line.startswith("  ")), len(following))
    return following[:end]


@pytest.fixture(scope="module")
def told() -> str:
    result = run()
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    values: dict[str, Any] = json.loads(run("--json").output)
    return values


def test_versions_and_providers_are_told(told: str) -> None:
    assert told.startswith(f"crbl {__version__}, Python {sys.version.split()[0]}")
    providers = [line.split() for line in section(told, "Execution providers")]
    assert [line[0] for line in providers] == list(providers_here())
    assert ["cpu", "works"] in providers
    packages = dict(line.split(maxsplit=1) for line in section(told, "Packages"))
    assert packages["numpy"].split()[0] == __import__("numpy").__version__
    assert packages["Python"].split()[0] == sys.version.split()[0]
    assert "the golden image has the pixels that it has everywhere" in told


def test_json_says_the_same(report: dict[str, Any]) -> None:
    assert [each["kind"] for each in report["execution_providers"]] == list(providers_here())
    assert report["execution_providers"][0] == {"kind": "cpu", "reason": None}
    assert report["conflicts"] == []
    assert report["preparation"] is None
    assert report["python"] == sys.version.split()[0]
    assert report["operating_system"]["build"]
    versions = {each["name"]: each for each in report["versions"]}
    assert versions["numpy"]["version"] == report["packages"]["numpy"]
    assert set(versions) == {"Python", *report["packages"]}
    assert {kind for kind, why in report["no_adapters"].items() if why} <= {"directml", "cuda"}
    assert [finding for finding in report["findings"] if finding["breaks"]] == []


def test_each_finding_has_what_mends_it(report: dict[str, Any]) -> None:
    for finding in report["findings"]:
        assert finding["remedy"]
        assert all(finding["remedy"])


def test_what_only_the_trainer_needs_is_left_out_of_what_predicting_needs(report: dict[str, Any]) -> None:
    assert "training_devices" not in report
    assert "torch" not in report["packages"]


def test_a_model_file_is_whole_or_the_exit_code_is_1(crop: Trained, tmp_path: Path) -> None:
    whole = run(str(crop.model))
    assert whole.exit_code == 0, whole.output
    assert "whole (payload " in whole.output
    damaged = bytearray(crop.model.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.onnx").write_bytes(damaged)
    told = run(str(crop.model), str(tmp_path / "damaged.onnx"), "--json")
    assert told.exit_code == 1
    first, second = json.loads(told.output)["model_files"]
    assert len(first["payload_sha256"]) == 64
    assert second["payload_sha256"] is None
    assert second["remarks"]


def test_two_that_own_the_same_files_are_told_and_break_what_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("onnxruntime", "onnxruntime-directml", "onnxruntime-windowsml", "opencv-python"):
        add_distribution(name, "4.8.1", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    told = run()
    assert told.exit_code == 3
    findings = "\n".join(section(told.output, "Findings"))
    assert (
        findings.count("are installed together and overwrite each other's files. [breaks predict, train, export]") == 2
    )
    assert findings.count(" uninstall -y ") + findings.count("uv pip uninstall") == 2
    assert "opencv-python " in "".join(section(told.output, "Packages"))


def test_a_package_that_is_too_old_is_told_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_distribution("pillow", "10.4.0", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    told = run()
    assert told.exit_code == 3
    assert "10.4.0 (older than 11.3, the lowest that is supported)" in told.output
    assert "install --upgrade" in "".join(section(told.output, "Findings"))


NOT_LOADED = "raise ImportError('DLL load failed')"


def test_a_broken_package_is_told_with_all_that_can_be_told_without_it_and_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text(NOT_LOADED)
    told = run_in_process(tmp_path, "--for", "predict")
    assert told.returncode == 3
    assert "Traceback" not in told.stderr
    findings = section(told.stdout, "Findings")
    assert "cv2 cannot be imported (DLL load failed)." in findings[0]
    assert any("install opencv-python-headless" in line for line in findings)
    assert section(told.stdout, "Execution providers") == ["  not tried, because packages are broken"]
    assert section(told.stdout, "Characters and paths")


def test_each_broken_package_is_told_at_once(tmp_path: Path, crop: Trained) -> None:
    for name in ("cv2", "onnxruntime"):
        (tmp_path / f"{name}.py").write_text(NOT_LOADED)
    told = run_in_process(tmp_path, "--for", "predict", "--json", str(crop.model))
    assert told.returncode == 3
    report = json.loads(told.stdout)
    texts = [finding["finding"] for finding in report["findings"] if finding["about"] == "packages"]
    assert [name for name in ("cv2", "onnxruntime") if any(f"{name} cannot be imported" in text for text in texts)] == [
        "cv2",
        "onnxruntime",
    ]
    assert report["execution_providers"] == []
    (file,) = report["model_files"]
    assert file["payload_sha256"] is None
    assert file["remarks"][0].startswith("It was not tried.")


def test_numpy_alone_is_told_where_it_is_broken_because_the_others_import_it(tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text(NOT_LOADED)
    told = run_in_process(tmp_path, "--for", "predict", "--json")
    assert told.returncode == 3
    (finding,) = (each for each in json.loads(told.stdout)["findings"] if each["about"] == "packages")
    assert finding["finding"].startswith("numpy is installed, but numpy cannot be imported")


def test_the_exit_code_is_3_for_what_was_asked_for_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding("trainer", "It is broken.", ("mend it",), ("train", "export"))
    whole = report_machine((), "predict")
    assert [whole.broken_for(purpose) for purpose in PURPOSES] == [False, False, False]
    broken = replace(whole, findings=(finding,))
    assert [broken.broken_for(purpose) for purpose in PURPOSES] == [False, True, True]

    def reported(model_files: object, purpose: str | None) -> MachineReport:
        return broken

    monkeypatch.setattr("crbl_runtime.machine_report.report.report_machine", reported)
    codes = [CliRunner().invoke(main, asked).exit_code for asked in ([], *(["--for", each] for each in PURPOSES))]
    assert codes == [0, 0, 3, 3]


# An installation of the runtime alone: the packages of the project that are beside it cannot be found.
ALONE = """
import importlib.util, sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = classmethod(
    lambda cls, name, path=None, target=None: None
    if name in ("crbl_training", "crbl_export") else find(name, path, target)
)
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in type(finder).__name__.lower()]
"""


def run_alone(*arguments: str) -> subprocess.CompletedProcess[str]:
    search_path = os.pathsep.join(map(str, [PROJECT, PACKAGES]))
    command = [sys.executable, "-c", ALONE + DOCTOR, *arguments]
    environment = os.environ | {"PYTHONPATH": search_path}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_the_runtime_alone_tells_all_but_training_and_says_what_train_and_export_need() -> None:
    told = run_alone("--json")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert report["execution_providers"]
    assert "training_devices" not in report
    for purpose in ("train", "export"):
        asked = run_alone("--for", purpose, "--json")
        assert asked.returncode == 3
        findings = [each for each in json.loads(asked.stdout)["findings"] if purpose in each["breaks"]]
        assert "this is the runtime alone" in findings[-1]["finding"]
        assert f'pip install ".[default,{purpose}]"' in findings[-1]["remedy"][0]


def test_ops_of_the_runtime_alone_is_an_environment_error() -> None:
    told = run_alone("--ops")
    assert (told.returncode, told.stdout) == (3, "")
    assert "this is the runtime alone" in told.stderr


def test_forget_deletes_what_was_measured_and_nothing_else(tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path), "HOME": str(tmp_path)}
    where = "from crbl_runtime.cache_folder import cache_folder; print(cache_folder())"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [PROJECT, PACKAGES]))} | cache
    folder = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", where], capture_output=True, encoding="utf-8", env=environment
    ).stdout
    measured = Path(folder.strip()) / "fastest"
    measured.mkdir(parents=True)
    for name in ("a.json", "b.json", "kept.txt"):
        (measured / name).write_text("{}")
    first = run_in_process(tmp_path, "--forget", **cache)
    assert (first.returncode, first.stdout) == (0, "Measurements that were forgotten: 2\n")
    assert [path.name for path in measured.iterdir()] == ["kept.txt"]
    assert json.loads(run_in_process(tmp_path, "--forget", "--json", **cache).stdout) == {"forgotten": 0}


@pytest.mark.parametrize(
    "arguments", [["--ops", "--forget"], ["--ops", "--for", "train"], ["--forget", "--for", "predict"]]
)
def test_what_stands_alone_is_told(arguments: list[str]) -> None:
    with pytest.raises(crbl_runtime.UsageError, match="stand alone"):
        CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_ops_takes_no_model_files(crop: Trained) -> None:
    with pytest.raises(crbl_runtime.UsageError, match="without model files"):
        CliRunner().invoke(main, ["--ops", str(crop.model)], catch_exceptions=False)


def test_the_console_script_is_the_runtime_s() -> None:
    (script,) = entry_points(group="console_scripts", name="crbl-doctor")
    assert script.value == "crbl_runtime.commands:crbl_doctor"
