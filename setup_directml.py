"""One command on a fresh machine: makes .venv, installs what this machine can use, runs the demo or the tests.

    python setup_directml.py demo       set up, then run the demo
    python setup_directml.py test       set up, then run the tests
    python setup_directml.py install    set up only, and say what to type next

--directml installs torch-directml where another torch would be picked: beside an NVIDIA card, or on Linux.

Standard library only, in the syntax of Python 3.8, so that an old Python gets as far as saying that it is too old.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
DIRECTML_EXTRAS = ("train-directml", "export", "test")
OLDEST_PYTHON = (3, 11)
NEWEST_DIRECTML_PYTHON = (3, 12)
STAMP = "crbl-setup.json"
UNFINISHED = {"state": "unfinished"}
LOG = "install.log"
CANNOT_SET_UP = 3

# pip's own words for what goes wrong on other people's machines, and what to do about each; the first match counts.
PIP_FAILURES = (
    (
        r"No space left on device|Errno 28|not enough space on the disk",
        "The disk became full while installing. Free some space (pip unpacks in the temporary folder first: "
        "if that is on a small disk, set TMPDIR, on Windows TEMP, to a folder on a larger one) and run this again.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "The package index was reached, but its certificate could not be checked, as happens behind a company proxy. "
        "Set PIP_CERT to your company's certificate file and run this again.",
    ),
    (
        r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|ProtocolError"
        r"|Max retries exceeded|Temporary failure in name resolution|getaddrinfo failed|Network is unreachable",
        "No network: pip could not reach the package index. Check the connection (behind a proxy, set HTTPS_PROXY) "
        "and run this again; what was downloaded is kept.",
    ),
    (
        r"Windows Long Path support",
        "A file name became longer than the 260 characters that Windows allows. Move the project to a short path such "
        "as C:\\crbl, or switch Windows long paths on, and run this again.",
    ),
    (
        r"No matching distribution found for (?P<package>[A-Za-z0-9_.-]+)",
        "pip found no {package} for this Python and this system. Either the package index is not the usual one "
        "(pip config list shows which it is), or this Python is too new for {package}: Python 3.11 and 3.12 are the "
        "safest choice.",
    ),
    (
        r"Permission denied|Access is denied|WinError 5|WinError 32",
        "A file could not be written. Close every program that uses .venv (an editor, a running Python) and run this "
        "again.",
    ),
)


class SetupError(Exception):
    """What stands in the way on this machine and what to do about it, in one paragraph."""


@dataclass(frozen=True)
class Machine:
    """What the choice depends on."""

    system: str
    """As platform.system() says: Windows, Linux, Darwin."""
    machine: str
    """As platform.machine() says: AMD64, x86_64, arm64, aarch64."""
    python: tuple[int, int]
    """Major and minor version."""
    nvidia_card: bool
    """Whether nvidia-smi lists a card. Only Windows is asked; elsewhere nothing depends on it."""

    @property
    def windows_x64(self) -> bool:
        return self.system == "Windows" and self.machine.upper() == "AMD64"


@dataclass(frozen=True)
class Choice:
    """What to install, why, and the disk space that takes, download included."""

    extras: tuple[str, ...]
    reasons: tuple[str, ...]
    gigabytes: int


def main(arguments: list[str]) -> int:
    """Do what the command line says and return its exit code."""
    options, passed_on = parse(arguments)
    environment = options.venv.resolve()
    try:
        machine = this_machine()
        choice = choose_directml(machine) if options.directml else choose(machine)
        print(describe(machine, choice, environment), flush=True)
        if options.dry_run:
            return 0
        set_up(PROJECT, environment, machine, choice)
    except SetupError as problem:
        print(f"\nCannot set up. {problem}", file=sys.stderr)
        return CANNOT_SET_UP
    except KeyboardInterrupt:
        print("\nStopped. The same command starts over.", file=sys.stderr)
        return 130
    if options.command == "install":
        print(next_steps(machine, environment))
        return 0
    return run(command_line(options.command, environment, machine) + passed_on)


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Split the command line into this script's options and what is passed on to the demo or to pytest.

    Unknown arguments, and all after `--`, are passed on in their order; `install` has nobody to pass them to.
    """
    own, after = arguments, []
    if "--" in arguments:
        cut = arguments.index("--")
        own, after = arguments[:cut], arguments[cut + 1 :]
    parser = argparse.ArgumentParser(
        prog="setup_directml.py",
        description="Make .venv, install what this machine can use, and run the demo or the tests in it.",
        epilog="Other arguments go to the demo or to pytest: python setup_directml.py test -k preprocessing",
        allow_abbrev=False,
    )
    parser.add_argument("command", choices=("demo", "test", "install"), help="what to run once all is installed")
    parser.add_argument("--dry-run", action="store_true", help="say what would be installed and why, and stop")
    parser.add_argument(
        "--directml", action="store_true", help="install torch-directml even if another torch would be picked"
    )
    parser.add_argument("--venv", type=Path, default=PROJECT / ".venv", metavar="FOLDER", help="in place of .venv")
    options, unknown = parser.parse_known_args(own)
    if options.command == "install" and unknown + after:
        parser.error("install takes no further arguments: " + " ".join(unknown + after))
    return options, unknown + after


def this_machine() -> Machine:
    system = platform.system()
    return Machine(
        system=system,
        machine=platform.machine() if sys.maxsize > 2**32 else "32-bit",
        python=sys.version_info[:2],
        nvidia_card=system == "Windows" and nvidia_card_listed(),
    )


def nvidia_card_listed() -> bool:
    """Whether nvidia-smi is there and lists a card; False too when it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    try:
        answer = subprocess.run([program, "-L"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and b"GPU " in answer.stdout


def choose(machine: Machine) -> Choice:
    """Pick the extras of pyproject.toml for `machine`.

    Raises:
        SetupError: its Python is too old or 32-bit, or torch has no packages for it.
    """
    version = "{}.{}".format(*machine.python)
    if machine.python < OLDEST_PYTHON:
        raise SetupError(
            f"This is Python {version}, and Python 3.11 or newer is needed. {how_to_get_python(machine.system)}"
        )
    if machine.machine == "32-bit":
        raise SetupError("This is a 32-bit Python, and torch is made for 64-bit ones. Install the 64-bit Python 3.12.")
    if machine.system == "Darwin" and machine.machine == "x86_64":
        raise SetupError(
            "torch 2.4 or newer is not made for macOS on Intel. On a Mac with an Apple chip, this is a Python for "
            "Intel: install the arm64 one and run this script with it."
        )
    if not machine.windows_x64:
        return Choice(
            ("export", "test"),
            ("torch from the package index, because DirectML is for Windows on x64.",),
            gigabytes=10 if machine.system == "Linux" else 4,  # There it brings CUDA along.
        )
    if machine.nvidia_card:
        return Choice(
            ("export", "test"),
            (
                "torch from the package index, because nvidia-smi lists an NVIDIA card.",
                "For Windows the index has a CPU build of torch. To train on the card, install the CUDA build that "
                "pytorch.org names for it into .venv afterwards; it is left alone from then on.",
            ),
            gigabytes=4,
        )
    if machine.python > NEWEST_DIRECTML_PYTHON:
        return Choice(
            ("export", "test"),
            (
                f"torch for the CPU, because DirectML training needs Python 3.11 or 3.12 and this is {version}.",
                "To train on the graphics card: install Python 3.12 (winget install Python.Python.3.12), then run "
                "this script as: py -3.12 setup_directml.py",
                "Predicting goes through DirectML all the same (onnxruntime-directml).",
            ),
            gigabytes=4,
        )
    return Choice(
        DIRECTML_EXTRAS,
        (f"torch-directml, because this is Windows on x64 with Python {version} and no NVIDIA card.",),
        gigabytes=4,
    )


def choose_directml(machine: Machine) -> Choice:
    """The extras of pyproject.toml with torch-directml, for who asks for it.

    Raises:
        SetupError: there is no torch-directml for this machine's system, processor or Python.
    """
    if machine.system not in ("Windows", "Linux") or machine.machine.upper() not in ("AMD64", "X86_64"):
        raise SetupError(
            f"torch-directml is made for Windows and Linux on x64, and this is {machine.system} on {machine.machine}. "
            "Leave out --directml."
        )
    if not OLDEST_PYTHON <= machine.python <= NEWEST_DIRECTML_PYTHON:
        raise SetupError(
            "torch-directml needs Python 3.11 or 3.12, and this is {}.{}. ".format(*machine.python)
            + how_to_get_python(machine.system)
        )
    if machine.system == "Windows":
        return Choice(DIRECTML_EXTRAS, ("torch-directml, because --directml asks for it.",), gigabytes=4)
    return Choice(
        DIRECTML_EXTRAS,
        (
            "torch-directml, because --directml asks for it.",
            "On Linux it needs the DirectX libraries of WSL 2; without them training falls to CUDA or the CPU.",
        ),
        gigabytes=10,
    )


def how_to_get_python(system: str) -> str:
    if system == "Windows":
        return "Install Python 3.12 (winget install Python.Python.3.12) and use: py -3.12 setup_directml.py"
    if system == "Darwin":
        return "Install Python 3.12 (brew install python@3.12) and use: python3.12 setup_directml.py"
    return "Install Python 3.11 or 3.12 from your distribution and use: python3.12 setup_directml.py"


def describe(machine: Machine, choice: Choice, environment: Path) -> str:
    head = "{} {}, Python {}.{}: extras {}, in {}".format(
        machine.system, machine.machine, *machine.python, ",".join(choice.extras), environment
    )
    return "\n".join([head, *(f"  {reason}" for reason in choice.reasons)])


def set_up(project: Path, environment: Path, machine: Machine, choice: Choice) -> None:
    """Bring `environment` to the state that pyproject.toml and `choice` ask for; do nothing where it is there already.

    A stamp file in the environment says what was installed and for which project folder. While this works it says
    that the environment is unfinished, and one that stayed so is made anew.

    Raises:
        SetupError: with what stands in the way.
    """
    found, wanted = read_stamp(environment), stamp_of(project, environment, machine, choice)
    if found == wanted and not (machine.windows_x64 and plain_onnxruntime_records(environment)):
        return
    prepare_folder(environment, machine, found, choice.gigabytes)
    (environment / LOG).unlink(missing_ok=True)
    write_stamp(environment, UNFINISHED)
    python = python_of(environment, machine.system)
    if not python.is_file():
        print("Making the virtual environment ...", flush=True)
        logged([sys.executable, "-m", "venv", str(environment)], project, environment / LOG)
    try:
        if import_problem(python, environment, "import pip"):
            logged([str(python), "-m", "ensurepip", "--default-pip"], project, environment / LOG)
        if only_project_differs(found, wanted):
            print("Pointing the environment at this folder ...", flush=True)
            pip_install(python, project, environment, "--no-deps", "--editable", ".")
        else:
            print("Installing; torch is large, so the first time takes minutes ...", flush=True)
            pip_install(python, project, environment, "--editable", ".[{}]".format(",".join(choice.extras)))
        if machine.windows_x64:
            leave_one_onnxruntime(python, project, environment)
        check_imports(python, project, environment, machine)
    except SetupError:
        (environment / STAMP).unlink()  # pip tidied up behind itself: what is there can be kept.
        raise
    write_stamp(environment, wanted)


def stamp_of(project: Path, environment: Path, machine: Machine, choice: Choice) -> dict[str, str]:
    """What decides which packages an environment holds, and the two folders whose paths are written into it."""
    return {
        "state": "complete",
        "environment": str(environment),
        "project": str(project),
        "python": "{}.{}".format(*machine.python),
        "extras": ",".join(choice.extras),
        "pyproject.toml": hashlib.sha256((project / "pyproject.toml").read_bytes()).hexdigest(),
    }


def read_stamp(environment: Path) -> dict[str, str]:
    """The environment's stamp; empty where this script has not been."""
    stamp = environment / STAMP
    if not stamp.is_file():
        return {}
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except ValueError:
        return UNFINISHED  # The machine went down while it was written.


def write_stamp(environment: Path, stamp: dict[str, str]) -> None:
    (environment / STAMP).write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def only_project_differs(found: dict[str, str], wanted: dict[str, str]) -> bool:
    """Whether the same packages serve another copy of the project, as a kept environment does for each fresh clone."""
    return {**found, "project": ""} == {**wanted, "project": ""} and found != wanted


def reason_to_make_anew(environment: Path, machine: Machine, found: dict[str, str]) -> str:
    """Why an environment that this script made cannot be built upon, or an empty string."""
    if found == UNFINISHED:
        return "was left unfinished"
    if found and found["environment"] != str(environment):
        return "was moved, and its programs name their old place"
    if found and environment_version(environment) != machine.python:
        return "is of another Python version"
    return ""


def prepare_folder(environment: Path, machine: Machine, found: dict[str, str], gigabytes: int) -> None:
    """Leave `environment` as a folder that may be installed into: a new one, or one of this Python's version.

    Raises:
        SetupError: the folder is somebody else's, the disk too full, or venv missing from this Python.
    """
    reason = reason_to_make_anew(environment, machine, found)
    if reason:
        if Path(sys.prefix).resolve() == environment:
            raise SetupError(
                f"{environment} {reason}. It must be made anew, but this script runs with its Python: deactivate it "
                "and run this with the Python that you installed."
            )
        print(f"{environment} {reason}: making it anew.", flush=True)
        remove(environment)
    version = environment_version(environment)
    if version not in (None, machine.python) or (version is None and has_files(environment)):
        what = "is of Python {}.{}".format(*version) if version else "is no virtual environment"
        raise SetupError(
            f"{environment} was not made by this script and {what}. Rename or delete it, or name another folder with "
            "--venv FOLDER, and run this again."
        )
    if version is None:
        require_venv_module(machine)
        require_disk_space(environment, gigabytes)
    try:
        environment.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"The folder {environment} cannot be made: {error}.") from error


def has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def remove(environment: Path) -> None:
    try:
        shutil.rmtree(environment)
    except OSError as error:
        raise SetupError(
            f"{environment} could not be deleted: {error}. Close every program that uses it and run this again."
        ) from error


def environment_version(environment: Path) -> tuple[int, int] | None:
    """The Python version of the virtual environment, or None where there is none."""
    try:
        config = (environment / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    version = re.search(r"^version\w* *= *(\d+)\.(\d+)", config, flags=re.MULTILINE)
    return (int(version.group(1)), int(version.group(2))) if version else None


def require_venv_module(machine: Machine) -> None:
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    raise SetupError(
        "This Python comes without venv and ensurepip. On Debian and Ubuntu: sudo apt install "
        "python{}.{}-venv. On Windows this is an embeddable Python: install the ordinary one and use that.".format(
            *machine.python
        )
    )


def require_disk_space(environment: Path, gigabytes: int) -> None:
    existing = next(folder for folder in (environment, *environment.parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free / 1e9
    if free < gigabytes:
        raise SetupError(
            f"The disk of {existing} has {free:.1f} GB free, and about {gigabytes} GB are needed (torch is most of "
            "it). Free some, or name a folder on another disk with --venv FOLDER."
        )


def python_of(environment: Path, system: str) -> Path:
    return environment / "Scripts" / "python.exe" if system == "Windows" else environment / "bin" / "python"


def program_of(environment: Path, system: str, name: str) -> Path:
    return python_of(environment, system).with_name(f"{name}.exe" if system == "Windows" else name)


def pip_install(python: Path, project: Path, environment: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off"]
    logged([*command, *arguments], project, environment / LOG)


def logged(command: list[str], folder: Path, log: Path) -> str:
    """Run `command` in `folder`, append its output to `log`, print the few lines worth seeing, return the output.

    Raises:
        SetupError: the command failed; says why as far as its output tells, with the end of that.
    """
    lines = []
    with log.open("a", encoding="utf-8") as file:
        file.write("$ " + " ".join(command) + "\n")
        file.flush()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**clean_variables(), "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        with process:
            for line in process.stdout:
                file.write(line)
                lines.append(line)
                if worth_showing(line):
                    print("  " + line.strip()[:110], flush=True)
    if process.returncode:
        tail = "".join(f"    {line}" for line in lines[-12:])
        print(f"\n{tail}\n  (all of it: {log})", file=sys.stderr, flush=True)
        raise SetupError(diagnose("".join(lines)))
    return "".join(lines)


def clean_variables() -> dict[str, str]:
    """This process's variables without those with which another environment would reach into ours."""
    foreign = {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "__PYVENV_LAUNCHER__"}
    return {name: value for name, value in os.environ.items() if name not in foreign}


def worth_showing(line: str) -> bool:
    """Whether a line of pip's explains a wait: a download of 50 MB or more, or the start of unpacking."""
    size = re.search(r"^\s*Downloading .*\((\d+)(?:\.\d+)? MB\)", line)
    large = size is not None and int(size.group(1)) >= 50
    return large or re.search(r"^\s*Downloading .* GB\)", line) is not None or line.startswith("Installing collected")


def diagnose(output: str) -> str:
    """What pip's or venv's `output` means and what to do about it."""
    for pattern, advice in PIP_FAILURES:
        match = re.search(pattern, output)
        if match:
            return advice.format(**match.groupdict())
    return "Installing failed with the messages above. Solve what they name and run this again."


def plain_onnxruntime_records(environment: Path) -> list[Path]:
    """The record of the plain onnxruntime package, which overwrites files of onnxruntime-directml; Windows only."""
    return list((environment / "Lib" / "site-packages").glob("onnxruntime-*.dist-info"))


def leave_one_onnxruntime(python: Path, project: Path, environment: Path) -> None:
    """Where both packages are installed, remove the plain one and put back the files that they share."""
    if not plain_onnxruntime_records(environment):
        return
    print("Replacing the plain onnxruntime, which breaks onnxruntime-directml ...", flush=True)
    logged([str(python), "-m", "pip", "uninstall", "--yes", "onnxruntime"], project, environment / LOG)
    pip_install(python, project, environment, "--force-reinstall", "--no-deps", "onnxruntime-directml>=1.20")


def check_imports(python: Path, project: Path, environment: Path, machine: Machine) -> None:
    """See with the environment's own Python that the project can be imported, and DirectML where it belongs."""
    code = "import crbl_runtime, crbl_export, crbl_training"
    problem = import_problem(python, environment, code)
    if problem:
        remedy = "Run this again" if str(project).isascii() else "Move it to a path of English letters only"
        raise SetupError(f"The project in {project} was installed but cannot be imported ({problem}). {remedy}.")
    code = "import onnxruntime"
    if machine.windows_x64:
        code += "; assert 'DmlExecutionProvider' in onnxruntime.get_available_providers(), 'no DmlExecutionProvider'"
    problem = import_problem(python, environment, code)
    if problem:
        raise SetupError(
            f"onnxruntime was installed but does not work ({problem}). On Windows it needs the Microsoft Visual C++ "
            "Redistributable (x64): install that and run this again."
        )
    if machine.windows_x64:
        print("onnxruntime has its DirectML provider.", flush=True)


def import_problem(python: Path, environment: Path, code: str) -> str:
    """The last line of what `code` says when it fails, or an empty string."""
    command = [str(python), "-I", "-c", code]
    answer = subprocess.run(command, cwd=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = answer.stdout.decode("utf-8", "replace").strip().splitlines() or [f"exit code {answer.returncode}"]
    return lines[-1] if answer.returncode else ""


def command_line(command: str, environment: Path, machine: Machine) -> list[str]:
    if command == "demo":
        return [str(program_of(environment, machine.system, "crbl-demo"))]
    return [str(python_of(environment, machine.system)), "-m", "pytest"]


def run(command: list[str]) -> int:
    """Run `command` in the project folder and return its exit code; one that a signal ended gives 128 + the signal."""
    process = subprocess.Popen(command, cwd=PROJECT, env=clean_variables())
    while True:
        try:
            code = process.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:
            pass  # It got the same Ctrl+C and is the one to end.


def next_steps(machine: Machine, environment: Path) -> str:
    if machine.system == "Windows":
        folder = environment / "Scripts"
        activate = f"{folder}\\Activate.ps1     (PowerShell; in cmd: {folder}\\activate.bat)"
    else:
        activate = f"source {environment}/bin/activate"
    return "\n  ".join(["Ready. Next:", activate, "crbl-demo", "crbl-train --help"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
