"""setup_directml.py with a real virtual environment and real pip, offline: a tiny project stands for this one."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch
from zipfile import ZipFile

import pytest

import setup_directml
from setup_directml import MARKER, TORCH_EXTRAS, Machine, SetupError, has_package, install, main, program

SCRIPT = Path(setup_directml.__file__)
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs a shell script or POSIX signals")
HERE, WINDOWS = (Machine(system, "x86_64", sys.version_info[:2]) for system in ("Linux", "Windows"))


def windows(python, adapters=None, about="slow", emulated=False):
    return Machine("Windows", "amd64", python, False, emulated, adapters, about)


PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
OTHERS = Machine("Linux", "aarch64", (3, 14)), Machine("Darwin", "arm64", (3, 12))
BACKEND = "from shutil import *\ndef build_editable(to, *_, it='tiny-2-py3-none-any.whl'): return copy(it, to) and it"
EXTRAS = (
    "Provides-Extra: default\nProvides-Extra: export\nProvides-Extra: test\n"
    "Requires-Dist: onnxruntime-windowsml; extra == 'default'\n"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The tiny project and its environment, set up while another environment reaches in."""
    project, other = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("other")
    for name in ("tiny", "onnxruntime", "onnxruntime_directml", "onnxruntime_windowsml"):
        file, info = f"{name.partition('_')[0]}.py", f"{name}-2.dist-info"
        with ZipFile(project / f"{name}-2-py3-none-any.whl", "w") as wheel:
            wheel.writestr(file, f"# {name}")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 2\n{EXTRAS}")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", f"{file},,\n{info}/METADATA,,\n{info}/RECORD,,\n")
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "backend.py").write_text(BACKEND)
    (project / "pytest.py").write_text("import sys; sys.exit(7 if '.venv' in sys.prefix else 8)")
    (other / "pip.py").write_text("raise SystemExit('the pip of another environment')")
    given = {"PYTHONPATH": str(other), "PIP_TARGET": str(other), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project)}
    with patch.dict(os.environ, given), patch.multiple(setup_directml, PROJECT=project, this_machine=lambda: HERE):
        install(project, project / ".venv", HERE, TORCH_EXTRAS)
        yield project, project / ".venv"


@pytest.mark.parametrize(
    ("machine", "arguments", "printed"),
    [
        (
            windows((3, 11)),
            "test",
            "extras default,train-directml,export,test, .* NVIDIA card \\(cards that are not known: slow",
        ),
        (
            windows((3, 12), ("RX 7800",)),
            "test",
            "extras default,train-directml,export,test, .* NVIDIA card \\(RX 7800\\)",
        ),
        (
            windows((3, 11), (), "Basic: computed in software"),
            "test",
            "extras default,export,test, .*Basic: comp.*the card's driver",
        ),
        (windows((3, 11), ()), "test --directml", "extras default,train-directml,export,test"),
        (windows((3, 13), ()), "test", "extras default,export,test, .* py -3.12"),
        (windows((3, 11), ("Adreno",), emulated=True), "test", "extras default,train-directml,export,test, .*Adreno"),
        (
            windows((3, 12), ("Adreno",), emulated=True),
            "test",
            "extras default,export,test, .*emulated.*3.11 for x64 gets it",
        ),
        (windows((3, 12), emulated=True), "test --directml", "^\nCannot set up. .*emulated.* 3.11 for x64"),
        (
            Machine("Windows", "arm64", (3, 12)),
            "test",
            "^\nCannot set up. .*opencv.* Python 3.11 for x64",
        ),
        (Machine("Windows", "amd64", (3, 12), True), "test", "extras default,export,test, .*CPU build .* CUDA build"),
        (
            Machine("Windows", "amd64", (3, 13)),
            "demo",
            "extras default,export,test, .* py -3.12 .*onnxruntime-windowsml",
        ),
        *((machine, "test", "extras default,export,test, .* Windows on x64") for machine in OTHERS),
        (Machine("Linux", "x86_64", (3, 11)), "install", "extras default,export,test, .* Windows on x64"),
        (
            Machine("Linux", "x86_64", (3, 12)),
            "test --directml",
            "extras default,train-directml,export,test, .* WSL 2 only",
        ),
        (Machine("Windows", "amd64", (3, 10)), "test", "^\nCannot set up. .* 3.10, and Python 3.11 .* py -3.12"),
        (Machine("Linux", "x86_64", (3, 8)), "test --directml", "^\nCannot set up. .* 3.8, and Python 3.11"),
        (Machine("Windows", "32-bit", (3, 12)), "test --directml", "^\nCannot set up. .* 64-bit Python 3.12"),
        (Machine("Darwin", "x86_64", (3, 12)), "test", "^\nCannot set up. .* Intel.* arm64"),
        (Machine("Linux", "aarch64", (3, 12)), "test --directml", "^\nCannot set up. .* Linux on aarch64"),
        (Machine("Windows", "amd64", (3, 13)), "test --directml", "^\nCannot set up. .* is 3.13. .* py -3.12"),
    ],
)
def test_machine_gets_what_it_can_use_and_why(machine, arguments, printed, tmp_path, monkeypatch, capsys):
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 8))  # What an old Python reads to get so far.
    monkeypatch.setattr(setup_directml, "this_machine", lambda: machine)
    code = main([*arguments.split(), "--dry-run", "--venv", str(tmp_path / "environment")])
    output, error = capsys.readouterr()
    assert re.search(printed, output + error, re.DOTALL)
    declared = SCRIPT.with_name("pyproject.toml").read_text(encoding="utf-8")
    assert all(f"\n{extra} = [" in declared for extra in setup_directml.DIRECTML_EXTRAS.split(","))
    assert (code, error.count("\n")) == ((3, 2) if error else (0, 0))
    assert not list(tmp_path.iterdir()), "a dry run writes nothing"


@pytest.mark.parametrize(
    ("built_for", "machine", "identifier", "processor", "emulated"),
    [
        ("win-amd64", "AMD64", "AMD64 Family 25", "amd64", False),
        ("win-amd64", "AMD64", "ARMv8 (64-bit)", "amd64", True),  # Python 3.11
        ("win-amd64", "ARM64", "", "amd64", True),  # Python 3.12
        ("win-arm64", "ARM64", "ARMv8 (64-bit)", "arm64", False),
    ],
)
def test_windows_tells_for_which_processor_python_is_and_whether_it_is_emulated(
    built_for, machine, identifier, processor, emulated, monkeypatch
):
    monkeypatch.setattr(setup_directml.platform, "system", lambda: "Windows")
    monkeypatch.setattr(setup_directml.platform, "machine", lambda: machine)
    monkeypatch.setattr(setup_directml.sysconfig, "get_platform", lambda: built_for)
    monkeypatch.setenv("PROCESSOR_IDENTIFIER", identifier)
    found = setup_directml.this_machine()
    assert (found.processor, found.emulated) == (processor, emulated)
    if os.name != "nt":  # Elsewhere there is nothing to list, which is said.
        assert found.adapters is None
        assert "WinDLL" in found.about_adapters


def test_a_program_that_lists_adapters_and_ends_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(setup_directml, "PROJECT", tmp_path)
    assert setup_directml.directx_adapters() == (None, "listing them ended the program that did it")


@POSIX
def test_nvidia_card_counts_only_when_listed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not setup_directml.nvidia_card_listed()
    for script, listed in (("echo 'GPU 0: RTX'", True), ("echo 'GPU 0: RTX'; exit 6", False), ("echo none", False)):
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
        assert setup_directml.nvidia_card_listed() is listed
        assert not setup_directml.this_machine().has_nvidia_card, "only on Windows is it asked"


@pytest.mark.parametrize("arguments", [["install", "--extras"], ["tset"], []])
def test_wrong_usage_ends_with_2(arguments):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


@POSIX
def test_ctrl_c_ends_with_130_once_pip_has_ended_and_another_signal_with_its_number(monkeypatch, capfd):
    pip = "import os, time; time.sleep(0.3); os.kill(os.getppid(), 2); time.sleep(0.3); print('tidied'); exit(1)"
    monkeypatch.setattr(setup_directml, "install", lambda *_: setup_directml.run([sys.executable, "-c", pip]))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A job in the background starts with it ignored.
    assert main(["install"]) == 130
    assert capfd.readouterr().out.endswith("tidied\n")
    assert setup_directml.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 15)"]) == 128 + 15


def test_second_start_only_runs_the_command_and_pip_runs_for_other_extras_or_another_project(installed, tmp_path):
    with patch.object(subprocess, "Popen", wraps=subprocess.Popen) as started:
        assert main(["test", "-x", "--venv", str(installed[1]), "b", "--", "--dry-run"]) == 7
    assert [call.args[0][1:] for call in started.mock_calls] == [["-m", "pytest", "-x", "b", "--dry-run"]]
    shutil.copy(installed[0] / "pyproject.toml", tmp_path)
    for project, extras in [(installed[0], "test"), (tmp_path, "test"), (installed[0], TORCH_EXTRAS)]:
        with patch.object(setup_directml, "run", return_value=0) as run:
            install(project, installed[1], HERE, extras)
            install(project, installed[1], HERE, extras)
        assert [call.args[0][-1] for call in run.mock_calls] == [f"{project}[{extras}]"]


def test_failing_pip_is_shown_and_tried_again(installed, capfd):
    project, environment = installed
    (project / "backend.py").write_text("raise SystemError('broken on purpose')")
    (project / "pyproject.toml").write_text(PYPROJECT + "# changed\n")
    assert main(["install", "--venv", str(environment)]) == 3
    assert re.search("broken on purpose(?s:.*)\nCannot set up. pip failed.*\n$", capfd.readouterr().err)
    assert not (environment / MARKER).exists()
    (project / "backend.py").write_text(BACKEND)
    assert main(["install", "--venv", str(environment)]) == 0
    assert re.search(r"Successfully installed tiny(?s:.*)Ready. Next:\n  source .*activate", capfd.readouterr().out)


def test_what_is_in_the_way_is_named_and_left_alone(tmp_path):
    for name, message in {"letter": "no virtual environment", "pyvenv.cfg": "not of Python", MARKER: "moved"}.items():
        (tmp_path / name).write_text(message)
        with pytest.raises(SetupError, match=message):
            install(SCRIPT.parent, tmp_path, HERE, "test")
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(SetupError, match="no virtual environment"):
        install(SCRIPT.parent, tmp_path / "letter", HERE, "test")
    with patch.object(setup_directml, "run", return_value=1), pytest.raises(SetupError, match=r"python3\.\d+-venv"):
        install(SCRIPT.parent, tmp_path / "environment", HERE, "test")


@pytest.mark.parametrize("rival", ["onnxruntime", "onnxruntime-directml"])
def test_another_onnxruntime_is_removed_on_windows_even_when_stopped_half_way(rival, installed):
    project, environment = installed
    assert setup_directml.run([program(environment, "python"), "-m", "pip", "install", "-q", rival]) == 0
    module = next(environment.rglob("onnxruntime.py"))
    with patch.dict(os.environ, PIP_FIND_LINKS=""), pytest.raises(SetupError, match="could not be installed again"):
        install(project, environment, WINDOWS, TORCH_EXTRAS)
    assert not module.exists()
    install(project, environment, WINDOWS, TORCH_EXTRAS)
    assert not has_package(environment, rival.replace("-", "_"))
    assert "windowsml" in module.read_text()
