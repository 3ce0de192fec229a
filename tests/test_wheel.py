"""The wheel: what is in it, and that it is a slim runtime where no extra is installed."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[1]
OTHER_ENVIRONMENTS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `command` in `folder` with nothing of this environment or of the project's folder on the import path."""
    variables = {name: value for name, value in os.environ.items() if name not in OTHER_ENVIRONMENTS}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, PROJECT, folder=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a new environment that holds the wheel and what it requires, no extras."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)  # Without pip: this environment's pip can fill another one.
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    installed = pip_in(programs, "install", "--no-compile", wheel)
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


def test_runtime_loads_no_training_package(programs):
    # All that the package offers, since it imports most of that when it is first used.
    code = "from crbl_runtime import *; import sys; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = run(programs / "python", "-c", code, folder=programs)
    assert loaded.returncode == 0, loaded.stderr
    for package in ("crbl_runtime", "cv2", "onnxruntime"):
        assert f"'{package}'" in loaded.stdout
    for package in ("torch", "torchvision", "onnx", "timm", "sklearn", "matplotlib"):
        assert f"'{package}'" not in loaded.stdout


def test_without_extras_none_of_their_packages_is_installed(programs):
    listed = pip_in(programs, "list", "--format=freeze")
    installed = {line.partition("==")[0].lower() for line in listed.stdout.splitlines()}
    assert "crbl" in installed
    assert not installed & {"torch", "torchvision", "onnx", "onnxsim", "onnxscript", "timm", "scikit-learn", "h5py"}


@pytest.mark.parametrize("command", ["crbl-predict", "crbl-train", "crbl-export"])
def test_help_works_without_extras(programs, command):
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
