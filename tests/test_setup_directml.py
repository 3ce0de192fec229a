"""setup_directml.py: what it picks for each machine, what it says when it can't, and when it installs again.

Real virtual environments and real pip, offline: a tiny project with a build backend of its own stands for this one.
"""

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import setup_directml
from setup_directml import Choice, Machine, SetupError, choose, choose_directml, diagnose, parse, set_up

SCRIPT = Path(setup_directml.__file__)
HERE = Machine("Linux", "x86_64", sys.version_info[:2], nvidia_card=False)
TINY = Choice(extras=("export", "test"), reasons=(), gigabytes=0)

BACKEND = """
import pathlib, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("tiny.pth", str(pathlib.Path.cwd()))
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n"
                       "Provides-Extra: export\\nProvides-Extra: test\\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "tiny.pth,,\\ntiny-1.dist-info/METADATA,,\\n"
                       "tiny-1.dist-info/WHEEL,,\\ntiny-1.dist-info/RECORD,,\\n")
    return name
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def make_tiny_project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    for module in ("crbl_runtime", "crbl_export", "crbl_training", "onnxruntime"):
        (folder / f"{module}.py").write_text("")
    return folder


@pytest.fixture(scope="module")
def shared_environment(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("setup")
    return make_tiny_project(folder / "project"), folder / "project" / ".venv"


@pytest.fixture
def installed(shared_environment: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The tiny project and its environment, set up; one environment serves all tests that ask."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    project, environment = shared_environment
    set_up(project, environment, HERE, TINY)
    return project, environment


def log_of(environment: Path) -> str:
    return (environment / setup_directml.LOG).read_text(encoding="utf-8")


def stamp_of(environment: Path) -> dict[str, str]:
    return json.loads((environment / setup_directml.STAMP).read_text(encoding="utf-8"))


# What it picks


@pytest.mark.parametrize("python", [(3, 11), (3, 12)])
def test_windows_without_nvidia_card_gets_the_directml_stack(python):
    assert choose(Machine("Windows", "AMD64", python, nvidia_card=False)).extras == ("train-directml", "export", "test")


@pytest.mark.parametrize(
    "machine",
    [
        Machine("Windows", "AMD64", (3, 12), nvidia_card=True),
        Machine("Windows", "AMD64", (3, 13), nvidia_card=False),
        Machine("Windows", "ARM64", (3, 12), nvidia_card=False),
        Machine("Linux", "x86_64", (3, 11), nvidia_card=False),
        Machine("Linux", "aarch64", (3, 14), nvidia_card=False),
        Machine("Darwin", "arm64", (3, 12), nvidia_card=False),
    ],
)
def test_all_others_get_torch_from_the_index(machine):
    assert choose(machine).extras == ("export", "test")


@pytest.mark.parametrize(
    "machine",
    [
        Machine("Windows", "AMD64", (3, 12), nvidia_card=True),
        Machine("Linux", "x86_64", (3, 11), nvidia_card=False),
    ],
)
def test_torch_directml_is_had_for_the_asking(machine):
    assert choose(machine).extras == ("export", "test")
    assert choose_directml(machine).extras == ("train-directml", "export", "test")


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine("Darwin", "arm64", (3, 12), False), "Darwin on arm64"),
        (Machine("Linux", "aarch64", (3, 12), False), "Linux on aarch64"),
        (Machine("Windows", "32-bit", (3, 12), False), "Windows on 32-bit"),
        (Machine("Windows", "AMD64", (3, 13), False), "3.13"),
        (Machine("Linux", "x86_64", (3, 10), False), "3.10"),
    ],
)
def test_where_there_is_no_torch_directml_asking_says_why(machine, said):
    with pytest.raises(SetupError, match=said):
        choose_directml(machine)


def test_extras_exist_in_pyproject():
    text = SCRIPT.with_name("pyproject.toml").read_text(encoding="utf-8")
    for extra in choose(Machine("Windows", "AMD64", (3, 11), nvidia_card=False)).extras:
        assert f"\n{extra} = [" in text


def test_python_too_new_for_directml_is_told_how_to_get_an_older_one():
    reasons = " ".join(choose(Machine("Windows", "AMD64", (3, 13), nvidia_card=False)).reasons)
    for said in ("3.11 or 3.12", "py -3.12 setup_directml.py", "onnxruntime-directml"):
        assert said in reasons


def test_nvidia_card_on_windows_is_told_that_the_index_has_a_cpu_build():
    assert "CPU build" in " ".join(choose(Machine("Windows", "AMD64", (3, 12), nvidia_card=True)).reasons)


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine("Windows", "AMD64", (3, 10), nvidia_card=False), "Python 3.10, and Python 3.11 .* py -3.12"),
        (Machine("Linux", "x86_64", (3, 8), nvidia_card=False), "Python 3.8, and Python 3.11"),
        (Machine("Windows", "32-bit", (3, 12), nvidia_card=False), "64-bit Python 3.12"),
        (Machine("Darwin", "x86_64", (3, 12), nvidia_card=False), "Intel.* arm64"),
    ],
)
def test_machines_that_cannot_be_set_up_are_told_why(machine, said):
    with pytest.raises(SetupError, match=said):
        choose(machine)


def test_old_python_reads_the_script_far_enough_to_complain():
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for nvidia-smi is a shell script")
@pytest.mark.parametrize(
    ("script", "listed"),
    [
        ("echo 'GPU 0: NVIDIA RTX A2000 (UUID: GPU-1)'", True),
        ("echo 'No devices were found'; exit 6", False),
        ("echo 'No devices were found'", False),
    ],
)
def test_nvidia_card_counts_only_when_listed(script, listed, tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert setup_directml.nvidia_card_listed() is listed


def test_without_nvidia_smi_there_is_no_card(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not setup_directml.nvidia_card_listed()


# The command line


def test_dry_run_says_the_choice_and_touches_nothing(tmp_path):
    environment = tmp_path / "environment"
    command = [sys.executable, str(SCRIPT), "test", "--dry-run", "--venv", str(environment)]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0
    assert "extras" in answer.stdout
    assert str(environment) in answer.stdout
    assert not environment.exists()


def test_machine_that_cannot_be_set_up_ends_with_3(monkeypatch, capsys):
    monkeypatch.setattr(setup_directml, "this_machine", lambda: Machine("Linux", "x86_64", (3, 9), nvidia_card=False))
    assert setup_directml.main(["test", "--dry-run"]) == 3
    assert "Python 3.11 or newer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "passed_on"),
    [
        (["test"], []),
        (["test", "-k", "name", "-x", "tests/test_wheel.py"], ["-k", "name", "-x", "tests/test_wheel.py"]),
        (["demo", "--dry-run", "--out", "here"], ["--out", "here"]),
        (["demo", "--", "--dry-run", "--help"], ["--dry-run", "--help"]),
    ],
)
def test_other_arguments_are_passed_on_in_order(arguments, passed_on):
    assert parse(arguments)[1] == passed_on


@pytest.mark.parametrize("arguments", [["install", "--extras"], ["tset"], []])
def test_wrong_usage_ends_with_2(arguments):
    with pytest.raises(SystemExit) as stop:
        parse(arguments)
    assert stop.value.code == 2


def test_exit_code_of_the_command_is_passed_through():
    assert setup_directml.run([sys.executable, "-c", "raise SystemExit(7)"]) == 7


# What stands in the way


def test_full_disk_is_named_before_anything_is_made(tmp_path):
    with pytest.raises(SetupError, match="10000000 GB are needed"):
        set_up(make_tiny_project(tmp_path / "p"), tmp_path / "environment", HERE, Choice((), (), gigabytes=10_000_000))
    assert not (tmp_path / "environment").exists()


def test_missing_ensurepip_names_the_debian_package(tmp_path, monkeypatch):
    monkeypatch.setattr(setup_directml.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"apt install python3\.\d+-venv"):
        set_up(make_tiny_project(tmp_path / "p"), tmp_path / "environment", HERE, TINY)


def test_folder_with_other_things_in_it_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(SetupError, match="is no virtual environment"):
        set_up(make_tiny_project(tmp_path / "p"), tmp_path, HERE, TINY)
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_somebody_elses_environment_of_another_python_is_left_alone(tmp_path):
    environment = tmp_path / "environment"
    environment.mkdir()
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.9.2\n")
    with pytest.raises(SetupError, match=r"is of Python 3\.9"):
        set_up(make_tiny_project(tmp_path / "p"), environment, HERE, TINY)
    assert (environment / "pyvenv.cfg").exists()


def test_no_network_is_recognised_in_what_pip_says(installed, monkeypatch, capsys):
    project, environment = installed
    with socket.socket() as closed:  # Bound and not listening: connecting is refused at once.
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/simple")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_RETRIES", "1")
        for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
            monkeypatch.delenv(name, raising=False)
        python = setup_directml.python_of(environment, "Linux")
        with pytest.raises(SetupError, match="No network"):
            setup_directml.pip_install(python, project, environment, "six")
    assert "No matching distribution" in capsys.readouterr().err
    assert "No matching distribution" in log_of(environment)


def test_package_that_the_index_lacks_is_named(installed):
    project, environment = installed
    python = setup_directml.python_of(environment, "Linux")
    with pytest.raises(SetupError, match="pip found no six "):
        setup_directml.pip_install(python, project, environment, "six")


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk became full"),
        ("Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "PIP_CERT"),
        (
            "HINT: This error might have occurred since this system does not have Windows Long Path support",
            "short path",
        ),
        ("[WinError 5] Access is denied: 'C:\\\\crbl\\\\.venv\\\\Scripts\\\\python.exe'", "Close every program"),
        ("error: subprocess-exited-with-error", "messages above"),
    ],
)
def test_advice_fits_what_pip_says(output, advice):
    assert advice in diagnose(output)


def test_only_large_downloads_and_the_unpacking_are_shown():
    shown = [
        "  Downloading torch-2.4.1-cp311-cp311-win_amd64.whl (199.3 MB)\n",
        "Installing collected packages: mpmath, torch\n",
    ]
    hidden = [
        "Collecting torch\n",
        "  Downloading six-1.16.0-py2.py3-none-any.whl (11 kB)\n",
        "  Downloading a (9.1 MB)\n",
    ]
    assert [line for line in shown + hidden if setup_directml.worth_showing(line)] == shown


# When it installs again


def test_second_time_nothing_is_started(installed, monkeypatch):
    def refuse(*command, **options):
        raise AssertionError(f"started {command}")

    monkeypatch.setattr(setup_directml.subprocess, "Popen", refuse)
    monkeypatch.setattr(setup_directml.subprocess, "run", refuse)
    set_up(*installed, HERE, TINY)


def test_changed_pyproject_installs_again(installed):
    project, environment = installed
    with (project / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    (environment / setup_directml.LOG).unlink()
    set_up(project, environment, HERE, TINY)
    assert "Successfully installed tiny" in log_of(environment)


def test_other_extras_install_again(installed):
    project, environment = installed
    set_up(project, environment, HERE, Choice(("export",), (), gigabytes=0))
    assert stamp_of(environment)["extras"] == "export"


def test_killed_run_is_repaired(installed):
    project, environment = installed
    setup_directml.write_stamp(environment, setup_directml.UNFINISHED)
    shutil.rmtree(next(environment.rglob("site-packages/pip")))
    (environment / "half").write_text("written")
    set_up(project, environment, HERE, TINY)
    assert not (environment / "half").exists()
    assert stamp_of(environment)["state"] == "complete"


def test_failed_install_keeps_what_is_there_and_is_tried_again(installed):
    project, environment = installed
    (project / "backend.py").write_text("raise SystemError('broken on purpose')")
    (project / "pyproject.toml").write_text(PYPROJECT + "# broken\n")
    with pytest.raises(SetupError):
        set_up(project, environment, HERE, TINY)
    (environment / "kept").write_text("")
    (project / "backend.py").write_text(BACKEND)
    set_up(project, environment, HERE, TINY)
    assert (environment / "kept").exists()
    assert "Successfully installed tiny" in log_of(environment)


def test_kept_environment_is_pointed_at_a_fresh_clone(installed, tmp_path):
    project, environment = installed
    clone = tmp_path / "clone"
    shutil.copytree(project, clone, ignore=shutil.ignore_patterns(".venv"))
    set_up(clone, environment, HERE, TINY)
    assert "--no-deps" in log_of(environment)
    python = setup_directml.python_of(environment, "Linux")
    code = "import crbl_runtime; print(crbl_runtime.__file__)"
    assert subprocess.check_output([python, "-I", "-c", code], text=True).strip() == str(clone / "crbl_runtime.py")


def test_moved_environment_is_made_anew(installed, tmp_path):
    project, environment = installed
    moved = tmp_path / "moved"
    shutil.copytree(environment, moved, symlinks=True)
    set_up(project, moved, HERE, TINY)
    assert str(moved) in (moved / "bin" / "pip").read_text().splitlines()[0]


def test_variables_of_another_environment_do_no_harm(installed, tmp_path, monkeypatch):
    project, environment = installed
    (tmp_path / "pip.py").write_text("raise SystemExit('the pip of another environment')")
    (tmp_path / "crbl_runtime.py").write_text("raise SystemExit('the package of another environment')")
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "PIP_TARGET"):
        monkeypatch.setenv(name, str(tmp_path))
    (project / "pyproject.toml").write_text(PYPROJECT + "# with another environment active\n")
    set_up(project, environment, HERE, TINY)
    assert "Successfully installed tiny" in log_of(environment)


# One onnxruntime


def make_wheel(folder: Path, distribution: str, content: str) -> None:
    info = f"{distribution}-1.30.dist-info"
    with zipfile.ZipFile(folder / f"{distribution}-1.30-py3-none-any.whl", "w") as wheel:
        wheel.writestr("onnxruntime/__init__.py", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.30\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.skipif(os.name == "nt", reason="stands in for Windows by links that look like its folders")
def test_plain_onnxruntime_is_replaced_on_windows(tmp_path, monkeypatch, capsys):
    project = make_tiny_project(tmp_path / "project")
    (project / "onnxruntime.py").unlink()
    make_wheel(tmp_path, "onnxruntime_directml", "def get_available_providers(): return ['DmlExecutionProvider']")
    make_wheel(tmp_path, "onnxruntime", "def get_available_providers(): return ['CPUExecutionProvider']")
    environment = project / ".venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    (environment / "Scripts").symlink_to("bin")
    (environment / "bin" / "python.exe").symlink_to("python")
    (environment / "Lib").symlink_to(Path("lib") / "python{}.{}".format(*sys.version_info))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    pip = [environment / "bin" / "python", "-m", "pip", "install", "-q"]
    subprocess.run([*pip, "onnxruntime-directml"], check=True)
    windows = Machine("Windows", "AMD64", sys.version_info[:2], nvidia_card=False)
    set_up(project, environment, windows, TINY)
    capsys.readouterr()

    subprocess.run([*pip, "onnxruntime"], check=True)
    set_up(project, environment, windows, TINY)

    said = capsys.readouterr().out
    assert "Replacing the plain onnxruntime" in said
    assert "DirectML provider" in said
    assert not list(environment.rglob("onnxruntime-*.dist-info"))


def test_windows_without_the_directml_provider_is_not_called_set_up(installed):
    project, environment = installed
    python = setup_directml.python_of(environment, "Linux")
    windows = Machine("Windows", "AMD64", sys.version_info[:2], nvidia_card=False)
    with pytest.raises(SetupError, match=r"onnxruntime was installed but does not work .*Redistributable"):
        setup_directml.check_imports(python, project, environment, windows)


def test_project_that_cannot_be_imported_is_not_called_set_up(installed):
    project, environment = installed
    python = setup_directml.python_of(environment, "Linux")
    (project / "crbl_export.py").rename(project / "elsewhere.py")
    try:
        with pytest.raises(SetupError, match="No module named 'crbl_export'"):
            setup_directml.check_imports(python, project, environment, HERE)
    finally:
        (project / "elsewhere.py").rename(project / "crbl_export.py")


def test_install_says_what_to_type_next():
    windows = Machine("Windows", "AMD64", (3, 12), nvidia_card=False)
    assert "Activate.ps1" in setup_directml.next_steps(windows, Path("C:/crbl/.venv"))
    assert "source /crbl/.venv/bin/activate" in setup_directml.next_steps(HERE, Path("/crbl/.venv"))
