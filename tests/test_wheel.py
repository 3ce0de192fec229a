"""The wheels: of the project, a slim runtime where no extra but `default` is installed; and of the runtime alone."""

import json
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[1]
OTHER_ENVIRONMENTS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `command` in `folder` with nothing of this environment or of the project's folder on the import path."""
    variables = {name: value for name, value in os.environ.items() if name not in OTHER_ENVIRONMENTS}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


def built(source: Path, folder: Path) -> Path:
    made = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, source, folder=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(PROJECT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def runtime_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(PROJECT / "packaging" / "runtime", tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a new environment that holds the wheel and what it requires for predicting."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)  # Without pip: this environment's pip can fill another one.
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    installed = pip_in(programs, "install", "--no-compile", f"{wheel}[default]")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return programs


def pip_in(programs: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "pip", "--python", programs / "python", *arguments, folder=programs)


def test_wheel_holds_the_three_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "crbl_runtime",
        "crbl_export",
        "crbl_training",
    }
    assert "crbl_runtime/py.typed" in names
    assert not [name for name in names if name.endswith((".pyc", ".ipynb", ".pth", ".onnx"))]


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for package in (PROJECT / "crbl_runtime", PROJECT / "crbl_export", PROJECT / "training" / "crbl_training"):
        for file in package.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert file.relative_to(package.parent).as_posix() in names


def test_the_runtime_works_where_nothing_else_is_installed(programs):
    # All that the package offers, since it imports most of that when it is first used.
    loaded = run(programs / "python", "-c", "from crbl_runtime import *", folder=programs)
    assert (loaded.returncode, loaded.stderr) == (0, "")


def test_without_other_extras_none_of_their_packages_is_installed(programs):
    listed = pip_in(programs, "list", "--format=freeze")
    installed = {line.partition("==")[0].lower() for line in listed.stdout.splitlines()}
    assert "crbl" in installed
    assert not installed & {"torch", "torchvision", "onnx", "onnxsim", "onnxscript", "timm", "scikit-learn", "h5py"}


@pytest.mark.parametrize("command", ["crbl-predict", "crbl-train", "crbl-export"])
def test_help_works_without_other_extras(programs, command):
    answer = run(programs / command, "--help", folder=programs)
    assert answer.returncode == 0, answer.stderr
    assert f"Usage: {command}" in answer.stdout


@pytest.mark.parametrize(("command", "extra"), [("crbl-train", "train"), ("crbl-export", "export")])
def test_command_without_its_extra_ends_with_3_and_says_how_to_install_it(programs, command, extra, tmp_path):
    for name in ("normal/1.png", "normal/2.png", "anomaly/3.png", "anomaly/4.png", "checkpoint.pth"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    given = ("--data", tmp_path) if command == "crbl-train" else ("--checkpoint", tmp_path / "checkpoint.pth")
    answer = run(programs / command, "--variant", "crop", *given, folder=programs)
    assert answer.returncode == 3, answer.stderr
    assert f'pip install ".[{extra}]"' in answer.stderr


# Of the runtime, but not of its wheel, which has no commands.
NO_LIBRARY = (
    "commands/",
    "machine_report/",
    "report/",
    "verification/",
    "benchmark/",
    "ray/",
    "command_line.py",
    "ending.py",
)


def runtime_files() -> dict[str, bytes]:
    """Those of the repository that belong into the runtime's wheel, by their names there."""
    runtime = PROJECT / "crbl_runtime"
    paths = [path for path in runtime.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    named = {path.relative_to(runtime).as_posix(): path for path in paths}
    return {
        f"crbl_runtime/{name}": path.read_bytes() for name, path in named.items() if not name.startswith(NO_LIBRARY)
    }


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode("utf-8"))


def test_the_runtime_s_wheel_is_small_and_has_every_file_of_the_library_as_it_is(runtime_wheel):
    with zipfile.ZipFile(runtime_wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
        license_text = [archive.read(name) for name in archive.namelist() if name.endswith("/LICENSE")]
    assert files == runtime_files()
    assert license_text == [(PROJECT / "LICENSE").read_bytes()]
    assert runtime_wheel.stat().st_size < 150_000


def test_the_runtime_s_wheel_needs_what_the_project_needs(wheel, runtime_wheel):
    whole, alone = metadata(wheel), metadata(runtime_wheel)
    assert (alone["Name"], alone["Version"]) == ("crbl-runtime", whole["Version"])
    assert alone["Requires-Python"] == whole["Requires-Python"]
    extras = alone.get_all("Provides-Extra")
    assert sorted(extras) == ["cpu", "cuda", "default", "directml", "heic", "openvino", "windowsml"]
    of_commands = {each for each in needed(whole, extras) if each.startswith(("click", "tqdm"))}
    assert len(of_commands) == 2
    assert needed(alone, extras) == needed(whole, extras) - of_commands
    of_the_wheel = declared(PROJECT / "packaging" / "runtime")
    assert "scripts" not in of_the_wheel
    assert of_the_wheel["entry-points"] == declared(PROJECT)["entry-points"]


def needed(metadata: Message, extras: list[str]) -> set[str]:
    """What is needed in any case, and for some extras."""
    asked = map(Requirement, metadata.get_all("Requires-Dist"))
    of_others = [f"extra == '{extra}'" for extra in metadata.get_all("Provides-Extra") if extra not in extras]
    return {str(each) for each in asked if not any(extra in str(each).replace('"', "'") for extra in of_others)}


def declared(folder: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


@pytest.fixture(scope="module")
def runtime_beside(programs: Path, runtime_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runtime's wheel, installed; where it is on the search path, its files are found first."""
    folder = tmp_path_factory.mktemp("beside")
    installed = pip_in(programs, "install", "--no-compile", "--no-deps", "--target", folder, runtime_wheel)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return folder


IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
sys.modules["click"] = sys.modules["tqdm"] = None  # As where they are not installed.
import crbl_runtime
for found in pkgutil.walk_packages(crbl_runtime.__path__, "crbl_runtime."):
    if "__pyinstaller" not in found.name:
        importlib.import_module(found.name)
        print(found.name)
"""


def test_every_module_of_the_runtime_s_wheel_can_be_imported_without_the_rest(programs, runtime_beside):
    imported = run(programs / "python", "-c", IMPORT_ALL, runtime_beside, folder=programs)
    assert imported.returncode == 0, imported.stderr
    assert "crbl_runtime.detector" in imported.stdout.split()


DOCTOR = """
import sys
sys.path.append(sys.argv.pop(1))
sys.argv[0] = "crbl-doctor"
from crbl_runtime.commands import crbl_doctor
crbl_doctor()
"""


def test_both_wheels_in_one_environment_are_a_conflict_that_the_doctor_tells(programs, runtime_beside):
    alone = run(programs / "crbl-doctor", "--for", "predict", folder=programs)
    assert alone.returncode == 0, alone.stdout + alone.stderr
    told = run(programs / "python", "-c", DOCTOR, runtime_beside, "--for", "predict", "--json", folder=programs)
    assert told.returncode == 3, told.stdout + told.stderr
    (conflict,) = json.loads(told.stdout)["conflicts"]
    assert conflict.startswith("crbl and crbl-runtime are installed together")
    assert "packaging/runtime" in conflict
