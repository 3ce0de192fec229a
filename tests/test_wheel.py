"""The wheel: what is in it, and that it is a slim runtime where no extra is installed."""

import os
import subprocess
import sys
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
    made = run(sys.executable, "-m", "venv", folder, folder=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    installed = run(programs / "python", "-m", "pip", "install", wheel, folder=folder)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return programs


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
    code = "import crbl_runtime, sys; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = run(programs / "python", "-c", code, folder=programs)
    assert loaded.returncode == 0, loaded.stderr
    assert "'crbl_runtime'" in loaded.stdout
    for package in ("torch", "torchvision", "onnx", "timm", "sklearn", "matplotlib"):
        assert f"'{package}'" not in loaded.stdout


def test_without_extras_none_of_their_packages_is_installed(programs):
    listed = run(programs / "python", "-m", "pip", "list", "--format=freeze", folder=programs)
    installed = {line.partition("==")[0].lower() for line in listed.stdout.splitlines()}
    assert "crbl" in installed
    assert not installed & {"torch", "torchvision", "onnx", "onnxsim", "onnxscript", "timm", "scikit-learn", "h5py"}


def test_predict_works_without_extras(programs):
    answer = run(programs / "crbl-predict", "--help", folder=programs)
    assert answer.returncode == 0, answer.stderr
    assert "Usage: crbl-predict" in answer.stdout


@pytest.mark.parametrize(("command", "extra"), [("crbl-train", "train"), ("crbl-export", "export")])
def test_command_without_its_extra_ends_with_3_and_says_how_to_install_it(programs, command, extra):
    answer = run(programs / command, "--help", folder=programs)
    assert answer.returncode == 3
    assert f'pip install "crbl[{extra}]"' in answer.stderr
