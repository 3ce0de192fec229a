"""setup_directml.py with a real virtual environment and real pip, offline: a tiny project stands for this one."""

import ast
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from unittest.mock import Mock

import pytest

import setup_directml
from setup_directml import Machine, SetupError, choose, install, parse

SCRIPT = Path(setup_directml.__file__)
POSIX = pytest.mark.skipif(os.name == "nt", reason="what stands in for another machine needs a shell or links")
HERE = Machine("Linux", "x86_64", sys.version_info[:2])
BACKEND = """
import pathlib, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / "tiny-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.pth", str(pathlib.Path.cwd()))
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n"
                       "Provides-Extra: export\\nProvides-Extra: test\\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    return "tiny-1-py3-none-any.whl"
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The tiny project and its environment, set up."""
    project = tmp_path_factory.mktemp("project")
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "backend.py").write_text(BACKEND)
    install(project, project / ".venv", HERE, "export,test")
    return project, project / ".venv"


@pytest.mark.parametrize(
    ("machine", "extras", "reason"),
    [
        (Machine("Windows", "amd64", (3, 11)), "train-directml,export,test", "Windows on x64 without an NVIDIA card"),
        (Machine("Windows", "amd64", (3, 12), has_nvidia_card=True), "export,test", "CPU build .* CUDA build"),
        (Machine("Windows", "amd64", (3, 13)), "export,test", "3.11 or 3.12.*py -3.12.*onnxruntime-directml"),
        (Machine("Windows", "arm64", (3, 12)), "export,test", "Windows on x64"),
        (Machine("Linux", "x86_64", (3, 11)), "export,test", "Windows on x64"),
        (Machine("Darwin", "arm64", (3, 12)), "export,test", "Windows on x64"),
    ],
)
def test_each_machine_gets_what_it_can_use_and_a_dry_run_prints_why(
    machine, extras, reason, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(setup_directml, "this_machine", lambda: machine)
    assert setup_directml.main(["test", "--dry-run", "--venv", str(tmp_path / "environment")]) == 0
    assert re.search(f"extras {extras}, in .*{reason}", capsys.readouterr().out, re.DOTALL)
    assert not list(tmp_path.iterdir()), "a dry run writes nothing"
    if machine.python < (3, 13) and machine.is_x64:
        extras = choose(machine, directml=True)[0]
        assert extras == "train-directml,export,test"
    project = SCRIPT.with_name("pyproject.toml").read_text(encoding="utf-8")
    assert all(f"\n{extra} = [" in project for extra in extras.split(","))


@pytest.mark.parametrize(
    ("machine", "directml", "message"),
    [
        (Machine("Windows", "amd64", (3, 10)), False, "Python 3.10, and Python 3.11 .* py -3.12"),
        (Machine("Linux", "x86_64", (3, 8)), False, "Python 3.8, and Python 3.11"),
        (Machine("Windows", "amd64", (3, 12), is_64_bit=False), False, "64-bit Python 3.12"),
        (Machine("Darwin", "x86_64", (3, 12)), False, "Intel.* arm64"),
        (Machine("Linux", "aarch64", (3, 12)), True, "Linux on aarch64"),
        (Machine("Windows", "amd64", (3, 13)), True, "with Python 3.13"),
    ],
)
def test_machines_that_cannot_be_set_up_are_told_why(machine, directml, message, monkeypatch, capsys):
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 8))  # What an old Python reads to get so far.
    with pytest.raises(SetupError, match=message):
        choose(machine, directml=directml)
    monkeypatch.setattr(setup_directml, "this_machine", lambda: machine)
    assert setup_directml.main(["test", *(["--directml"] if directml else [])]) == 3
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@POSIX
def test_nvidia_card_counts_only_when_listed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not setup_directml.nvidia_card_listed()
    for script, listed in (("echo 'GPU 0: RTX'", True), ("echo 'GPU 0: RTX'; exit 6", False), ("echo none", False)):
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
        assert setup_directml.nvidia_card_listed() is listed


def test_arguments_of_the_demo_and_of_pytest_are_passed_on_in_order_and_wrong_usage_ends_with_2():
    assert parse(["test", "-k", "name", "-x", "tests/a.py"])[1] == ["-k", "name", "-x", "tests/a.py"]
    assert parse(["demo", "--dry-run", "--out", "here"])[1] == ["--out", "here"]
    assert parse(["demo", "--", "--dry-run", "--help"])[1] == ["--dry-run", "--help"]
    for wrong in (["install", "--extras"], ["tset"], []):
        with pytest.raises(SystemExit, match="2"):
            parse(wrong)


def test_command_gives_its_exit_code_and_sees_no_variables_of_another_environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    assert setup_directml.run([sys.executable, "-c", "import os; exit(8 if 'PYTHONPATH' in os.environ else 7)"]) == 7


def test_pip_runs_again_only_when_something_has_changed(installed, monkeypatch, capfd):
    project, environment = installed
    monkeypatch.setattr(setup_directml.venv, "create", None)  # Nothing may be made the second time.
    install(project, environment, HERE, "export,test")
    assert capfd.readouterr().out == ""
    monkeypatch.undo()
    (project / "backend.py").write_text("raise SystemError('broken on purpose')")
    (project / "pyproject.toml").write_text(PYPROJECT + "# changed\n")
    with pytest.raises(SetupError, match="pip failed"):
        install(project, environment, HERE, "export,test")
    assert "broken on purpose" in "".join(capfd.readouterr()), "pip's own words are shown"
    (project / "backend.py").write_text(BACKEND)
    install(project, environment, HERE, "export,test")
    assert "Successfully installed tiny" in capfd.readouterr().out


def test_what_is_in_the_way_is_named_and_left_alone(tmp_path, monkeypatch):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(SetupError, match="is no virtual environment"):
        install(SCRIPT.parent, tmp_path, HERE, "test")
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.9.2\n")
    with pytest.raises(SetupError, match="is not of Python"):
        install(SCRIPT.parent, tmp_path, HERE, "test")
    assert (tmp_path / "letter.txt").read_text() == "mine"
    # Debian's Python without python3-venv has the module venv and fails in its last step.
    monkeypatch.setattr(setup_directml.venv, "create", Mock(side_effect=subprocess.CalledProcessError(1, "ensurepip")))
    with pytest.raises(SetupError, match=r"apt install python3\.\d+-venv"):
        install(SCRIPT.parent, tmp_path / "environment", HERE, "test")


@POSIX
def test_plain_onnxruntime_is_replaced_on_windows(installed, tmp_path, monkeypatch):
    project, environment = installed
    (environment / "Lib").symlink_to(Path("lib") / "python{}.{}".format(*sys.version_info))
    for name in ("onnxruntime_directml", "onnxruntime"):
        info = f"{name}-1.30.dist-info"
        with zipfile.ZipFile(tmp_path / f"{name}-1.30-py3-none-any.whl", "w") as wheel:
            wheel.writestr("onnxruntime/__init__.py", f"name = '{name}'")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.30\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", f"onnxruntime/__init__.py,,\n{info}/METADATA,,\n{info}/RECORD,,\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    pip = [environment / "bin" / "python", "-m", "pip", "install", "-q", "onnxruntime-directml", "onnxruntime"]
    subprocess.run(pip, check=True)
    install(project, environment, Machine("Windows", "amd64", sys.version_info[:2]), "export")
    assert not list(environment.rglob("onnxruntime-*.dist-info"))
    assert "directml" in next(environment.glob("lib/*/site-packages/onnxruntime/__init__.py")).read_text()
