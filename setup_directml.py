"""One command on a fresh machine: makes .venv, installs what this machine can use, runs the demo or the tests.

Standard library only, in the syntax of Python 3.8, so that an old Python gets as far as naming the one it needs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
TORCH_EXTRAS, DIRECTML_EXTRAS = "export,test", "train-directml,export,test"
MARKER = "crbl-installed"
PROGRAMS = "Scripts" if os.name == "nt" else "bin"
# With these, another environment would reach into this one.
FOREIGN_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "__PYVENV_LAUNCHER__")


class SetupError(Exception):
    """What prevents the set-up on this machine, and what to do about it."""


@dataclass(frozen=True)
class Machine:
    """What the choice depends on: platform.system(), platform.machine() in lower case, and the versions."""

    system: str
    processor: str
    python: tuple[int, int]
    is_64_bit: bool = True
    has_nvidia_card: bool = False

    @property
    def is_x64(self) -> bool:
        return self.is_64_bit and self.processor in ("amd64", "x86_64")


def main(arguments: list[str]) -> int:
    """Do what the command line asks for and return its exit code: 3 where the machine cannot be set up."""
    options, passed_on = parse(arguments)
    environment = options.venv.resolve()
    try:
        machine = this_machine()
        extras, reason = choose(machine, directml=options.directml)
        print(f"{machine.system} {machine.processor}: extras {extras}, in {environment}\n  {reason}", flush=True)
        if options.dry_run:
            return 0
        install(PROJECT, environment, machine, extras)
    except SetupError as error:
        print(f"\nCannot set up. {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on.", file=sys.stderr)
        return 130
    programs = environment / PROGRAMS
    if options.command == "install":
        activate = f"{programs}\\Activate.ps1" if machine.system == "Windows" else f"source {programs}/activate"
        print(f"Ready. Next:\n  {activate}\n  crbl-demo\n  crbl-train --help")
        return 0
    command = [programs / "crbl-demo"] if options.command == "demo" else [programs / "python", "-m", "pytest"]
    return run([*map(str, command), *passed_on])


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """This script's options, and the arguments for the demo or pytest: unknown ones, and all after `--`, in order."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    rest = "Other arguments go to the demo or to pytest: python setup_directml.py test -k preprocessing"
    parser = argparse.ArgumentParser("setup_directml.py", description=__doc__, epilog=rest, allow_abbrev=False)
    parser.add_argument("command", choices=("demo", "test", "install"), help="what to run once all is installed")
    parser.add_argument("--dry-run", action="store_true", help="print what would be installed and why, and stop")
    parser.add_argument("--directml", action="store_true", help="install torch-directml, whatever would be chosen")
    parser.add_argument("--venv", type=Path, default=PROJECT / ".venv", metavar="FOLDER", help="in place of .venv")
    options, unknown = parser.parse_known_args(arguments[:cut])
    passed_on = unknown + arguments[cut + 1 :]
    if options.command == "install" and passed_on:
        parser.error("install takes no further arguments: " + " ".join(passed_on))
    return options, passed_on


def this_machine() -> Machine:
    system, processor, is_64_bit = platform.system(), platform.machine().lower(), sys.maxsize > 2**32
    return Machine(system, processor, sys.version_info[:2], is_64_bit, nvidia_card_listed())


def nvidia_card_listed() -> bool:
    program = shutil.which("nvidia-smi")
    try:
        answer = subprocess.run([program, "-L"], capture_output=True, timeout=20) if program else None
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer is not None and answer.returncode == 0 and b"GPU " in answer.stdout


def choose(machine: Machine, *, directml: bool = False) -> tuple[str, str]:
    """The extras for a machine and why; SetupError where its Python or its system has no torch to install."""
    version = "{}.{}".format(*machine.python)
    launcher = "py -3.12" if machine.system == "Windows" else "python3.12"
    get_python = f"Install Python 3.12 and use it: {launcher} setup_directml.py"
    if machine.python < (3, 11):
        raise SetupError(f"This is Python {version}, and Python 3.11 or newer is needed. {get_python}")
    if not machine.is_64_bit:
        raise SetupError("This is a 32-bit Python, and torch needs a 64-bit one. Install the 64-bit Python 3.12.")
    if machine.system == "Darwin" and machine.is_x64:
        raise SetupError("torch 2.4 or newer is not made for macOS on Intel. On an Apple chip use the arm64 Python.")
    if directml:
        if machine.system == "Darwin" or not machine.is_x64 or machine.python > (3, 12):
            raise SetupError(
                "torch-directml is for Windows and Linux on x64 with Python 3.11 or 3.12, and this is "
                f"{machine.system} on {machine.processor} with Python {version}. Leave out --directml. {get_python}"
            )
        needs = "" if machine.system == "Windows" else " On Linux it needs WSL 2; elsewhere training uses the CPU."
        return DIRECTML_EXTRAS, f"torch-directml, because --directml asks for it.{needs}"
    if machine.system != "Windows" or not machine.is_x64:
        return TORCH_EXTRAS, "torch from the package index, because DirectML is for Windows on x64."
    if machine.has_nvidia_card:
        return TORCH_EXTRAS, (
            "torch from the package index, because nvidia-smi lists an NVIDIA card. The index has a CPU build for "
            "Windows: to train on the card, install the CUDA build that pytorch.org names into .venv afterwards."
        )
    if machine.python > (3, 12):
        return TORCH_EXTRAS, (
            f"torch for the CPU, because DirectML training needs Python 3.11 or 3.12 and this is {version}. "
            f"{get_python}. Predicting uses DirectML all the same (onnxruntime-directml)."
        )
    return DIRECTML_EXTRAS, "torch-directml, because this is Windows on x64 without an NVIDIA card."


def install(project: Path, environment: Path, machine: Machine, extras: str) -> None:
    """Make the environment where it is missing and let pip install the project with the extras.

    A marker in the environment holds a hash of what decides its packages; with the same hash nothing has to be done.

    Raises:
        SetupError: the folder is something else, this Python lacks venv or pip, or pip failed.
    """
    facts = [(project / "pyproject.toml").read_text(encoding="utf-8"), extras, sys.version, project, environment]
    wanted = hashlib.sha256(repr(facts).encode()).hexdigest()
    marker = environment / MARKER
    if marker.is_file() and marker.read_text() == wanted:
        return
    python = make_environment(environment, machine)
    marker.unlink(missing_ok=True)
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    print("Installing; torch is large, so the first time takes minutes ...", flush=True)
    if run([*pip, "install", "--progress-bar", "off", "--editable", f"{project}[{extras}]"]):
        raise SetupError("pip failed with the messages above. Solve what they name and run this again.")
    if (
        machine.system == "Windows"
        and machine.is_x64
        and any(environment.glob("Lib/site-packages/onnxruntime-*.dist-info"))
    ):
        # Plain onnxruntime has overwritten files that onnxruntime-directml owns too.
        run([*pip, "uninstall", "--yes", "onnxruntime"])
        if run([*pip, "install", "--force-reinstall", "--no-deps", "onnxruntime-directml>=1.20"]):
            raise SetupError("onnxruntime-directml could not be installed again; pip's messages are above.")
    marker.write_text(wanted)


def make_environment(environment: Path, machine: Machine) -> str:
    """The environment's Python; makes the environment where there is none, and repairs one without pip.

    Raises:
        SetupError: the folder holds something else or another Python, or venv fails.
    """
    config = environment / "pyvenv.cfg"
    version = "{}.{}".format(*machine.python)
    if environment.exists() and not config.is_file() and any(environment.iterdir()):
        raise SetupError(f"{environment} is no virtual environment. Name another folder with --venv FOLDER.")
    if config.is_file() and f" = {version}." not in config.read_text(encoding="utf-8"):
        raise SetupError(f"{environment} is not of Python {version}. Delete it, or name another folder with --venv.")
    try:
        venv.create(environment, with_pip=True, symlinks=os.name != "nt")
    except (OSError, subprocess.CalledProcessError) as error:
        remedy = f"On Debian and Ubuntu: sudo apt install python{version}-venv."
        raise SetupError(f"venv could not make {environment} ({error}). {remedy}") from error
    return str(environment / PROGRAMS / "python")


def run(command: list[str]) -> int:
    """Run a command in the project folder; its exit code, or 128 + the signal that ended it."""
    variables = {name: value for name, value in os.environ.items() if name not in FOREIGN_VARIABLES}
    process = subprocess.Popen(command, cwd=PROJECT, env=variables)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        code = process.wait()  # The command got the same Ctrl+C and is the one to end.
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
