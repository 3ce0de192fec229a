"""One command on a fresh machine: makes .venv, installs what this machine can use, runs the demo or the tests."""
# Standard library only, in the syntax of Python 3.8, so that an old Python gets as far as naming the one it needs.

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
TORCH_EXTRAS, DIRECTML_EXTRAS = "default,export,test", "default,train-directml,export,test"
X64 = ("amd64", "x86_64")
# What the extra default has on Windows.
WINDOWS_ONNXRUNTIME = "onnxruntime-windowsml"
MARKER = "crbl-installed"
EMULATED = (
    "This Python {} for x64 is emulated on arm64, and pip takes Python 3.12 and newer for arm64 there, for which "
    "torch-directml is not made."
)
# With these, another environment would reach into this one.
FOREIGN_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "__PYVENV_LAUNCHER__")


class SetupError(Exception):
    """What prevents the set-up on this machine, and what to do about it."""


@dataclass(frozen=True)
class Machine:
    """What the choice depends on.

    `system` is platform.system(); `processor` what Python was built for, "amd64" or "arm64" for example, or "32-bit";
    `emulated` whether the computer has another one. `adapters` are the names of the cards with DirectX 12, None where
    they are not known, and `about_adapters` is why there are none, or why they are not known.
    """

    system: str
    processor: str
    python: tuple[int, int]
    has_nvidia_card: bool = False
    emulated: bool = False
    adapters: tuple[str, ...] | None = None
    about_adapters: str = ""

    @property
    def taken_for_arm64(self) -> bool:
        """Whether pip takes this x64 Python for one of the computer's own processor."""
        return self.emulated and self.python > (3, 11)


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
        if options.command == "demo":
            return run([program(environment, "crbl-demo"), *passed_on])
        if options.command == "test":
            return run([program(environment, "python"), "-m", "pytest", *passed_on])
    except SetupError as error:
        print(f"\nCannot set up. {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on.", file=sys.stderr)
        return 130
    windows = machine.system == "Windows"
    activate = f'& "{environment}\\Scripts\\Activate.ps1"' if windows else f'source "{environment}/bin/activate"'
    print(f"Ready. Next:\n  {activate}\n  crbl-demo\n  crbl-train --help")
    return 0


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
    system, processor = platform.system(), platform.machine().lower() if sys.maxsize > 2**32 else "32-bit"
    if system != "Windows":  # Only there does the choice depend on the card, and drivers may take seconds to answer.
        return Machine(system, processor, sys.version_info[:2])
    # An x64 Python that is emulated on arm64 says AMD64 until 3.11 and ARM64 from 3.12 on.
    emulated = sysconfig.get_platform() == "win-amd64" and (
        processor == "arm64" or os.environ.get("PROCESSOR_IDENTIFIER", "").startswith("ARM")
    )
    processor = "amd64" if emulated else processor
    return Machine(system, processor, sys.version_info[:2], nvidia_card_listed(), emulated, *directx_adapters())


def directx_adapters() -> tuple[tuple[str, ...] | None, str]:
    """The names of the cards with DirectX 12, None where they cannot be listed; and why none, or why not."""
    # -I: else the files beside that program could be taken for modules of Python.
    command = [sys.executable, "-I", str(PROJECT / "crbl_runtime" / "directx_adapters.py")]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=60)
        found = json.loads(answer.stdout.decode("utf-8", "replace").splitlines()[-1])
    except subprocess.TimeoutExpired:
        return None, "listing them took more than a minute"
    except (OSError, ValueError, IndexError):
        return None, "listing them ended the program that did it"
    if found["error"]:
        return None, found["error"]
    reasons = [f"{adapter['name']}: {adapter['reason']}" for adapter in found["adapters"] if adapter["reason"]]
    usable = tuple(adapter["name"] for adapter in found["adapters"] if not adapter["reason"])
    return usable, f"DirectX: {found['none']}" if found["none"] else ", ".join(reasons)


def nvidia_card_listed() -> bool:
    try:
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and b"GPU " in answer.stdout


def choose(machine: Machine, *, directml: bool = False) -> tuple[str, str]:
    """The extras for a machine and why; SetupError where its Python or its system has no torch to install."""
    version = "{}.{}".format(*machine.python)
    launcher = "py -3.12" if machine.system == "Windows" else "python3.12"
    get_python = f"Install Python 3.12 and use it: {launcher} setup_directml.py"
    if machine.python < (3, 11):
        raise SetupError(f"This is Python {version}, and Python 3.11 or newer is needed. {get_python}")
    if machine.processor == "32-bit":
        raise SetupError("This is a 32-bit Python, and torch needs a 64-bit one. Install the 64-bit Python 3.12.")
    if machine.system == "Windows" and machine.processor == "arm64":
        raise SetupError(
            "This Python is for Windows on arm64, for which opencv-python-headless and torch have no packages. Install "
            "Python 3.11 for x64, which Windows runs on arm64 too, and use it. docs/directml.md has what is known."
        )
    if machine.system == "Darwin" and machine.processor in X64:
        raise SetupError("torch 2.4 or newer is not made for macOS on Intel. On an Apple chip use the arm64 Python.")
    if directml:
        if machine.system not in ("Windows", "Linux") or machine.processor not in X64:
            here = f"{machine.system} on {machine.processor}"
            raise SetupError(f"torch-directml is for Windows and Linux on x64, and this is {here}. Omit --directml.")
        if machine.python > (3, 12):
            raise SetupError(f"torch-directml needs Python 3.11 or 3.12, and this is {version}. {get_python}")
        if machine.taken_for_arm64:
            raise SetupError(f"{EMULATED.format(version)} Install Python 3.11 for x64 and use it.")
        return DIRECTML_EXTRAS, "torch-directml, because --directml asks for it. It works on Windows and in WSL 2 only."
    if machine.system != "Windows" or machine.processor not in X64:
        return TORCH_EXTRAS, "torch from the package index, because DirectML is for Windows on x64."
    if machine.has_nvidia_card:
        return TORCH_EXTRAS, (
            "torch from the package index, because nvidia-smi lists an NVIDIA card. The index has a CPU build for "
            "Windows: to train on the card, install the CUDA build that pytorch.org names into .venv afterwards."
        )
    if machine.taken_for_arm64:
        return TORCH_EXTRAS, (
            f"torch for the CPU. {EMULATED.format(version)} Python 3.11 for x64 gets it. Predicting uses "
            "onnxruntime-windowsml, which has DirectML."
        )
    if machine.python > (3, 12):
        return TORCH_EXTRAS, (
            f"torch for the CPU, because DirectML training needs Python 3.11 or 3.12 and this is {version}. "
            f"{get_python}. Predicting uses DirectML all the same (onnxruntime-windowsml)."
        )
    if machine.adapters == ():
        return TORCH_EXTRAS, (
            "torch for the CPU, because Windows lists no graphics card with DirectX 12, which torch-directml trains on "
            f"({machine.about_adapters}). Install the card's driver and run this again; or give --directml."
        )
    names = ", ".join(machine.adapters) if machine.adapters else f"cards that are not known: {machine.about_adapters}"
    return DIRECTML_EXTRAS, f"torch-directml, because this is Windows on x64 without an NVIDIA card ({names})."


def install(project: Path, environment: Path, machine: Machine, extras: str) -> None:
    """Make the environment where it is missing and let pip install the project with the extras.

    A marker in the environment holds its path and a hash of what decides its packages: where it is right, nothing is
    done. A run that was killed leaves none, and pip runs again.

    Raises:
        SetupError: the folder is something else, this Python lacks venv or pip, or pip failed.
    """
    facts = [(project / "pyproject.toml").read_text(encoding="utf-8"), extras, sys.version, project]
    wanted = f"{environment}\n{hashlib.sha256(repr(facts).encode()).hexdigest()}"
    marker = environment / MARKER
    found = marker.read_text(encoding="utf-8") if marker.is_file() else ""
    if found == wanted and not rivals_of_onnxruntime(environment, machine):
        return
    if found and found.splitlines()[0] != str(environment):
        raise SetupError(f"{environment} was moved, and its programs name their old place. Delete it and try again.")
    make_environment(environment, "{}.{}".format(*machine.python))
    marker.unlink(missing_ok=True)
    pip = [program(environment, "python"), "-m", "pip", "--disable-pip-version-check"]
    print("Installing; torch is large, so the first time takes minutes ...", flush=True)
    if run([*pip, "install", "--editable", f"{project}[{extras}]"]):
        raise SetupError("pip failed with the messages above. Solve what they name and run this again.")
    rivals = rivals_of_onnxruntime(environment, machine)
    if rivals:
        print(f"Removing {' and '.join(rivals)}, which overwrites files of {WINDOWS_ONNXRUNTIME} ...", flush=True)
        # All go, the record of the right one first: wherever a run is stopped, the next one finds what to repair.
        failed = run([*pip, "uninstall", "--yes", WINDOWS_ONNXRUNTIME, *rivals])
        if failed or run([*pip, "install", "--no-deps", WINDOWS_ONNXRUNTIME]):
            raise SetupError(f"{WINDOWS_ONNXRUNTIME} could not be installed again; pip's messages are above.")
    marker.write_text(wanted, encoding="utf-8")


def rivals_of_onnxruntime(environment: Path, machine: Machine) -> list[str]:
    """What owns the same files as the onnxruntime of the extra default: other packages ask for the plain one, and the
    other one was that of an older version of this project."""
    names = ["onnxruntime", "onnxruntime-directml"] if machine.system == "Windows" else []
    return [name for name in names if has_package(environment, name.replace("-", "_"))]


def make_environment(environment: Path, version: str) -> None:
    """Make the environment where there is none with pip; SetupError where the folder is something else."""
    config = environment / "pyvenv.cfg"
    if environment.is_file() or (environment.is_dir() and not config.is_file() and any(environment.iterdir())):
        raise SetupError(f"{environment} is no virtual environment. Name another folder with --venv FOLDER.")
    if config.is_file() and f" = {version}." not in config.read_text(encoding="utf-8", errors="replace"):
        raise SetupError(f"{environment} is not of Python {version}. Delete it, or name another folder with --venv.")
    if Path(program(environment, "python")).is_file() and has_package(environment, "pip"):
        return  # On Windows its Python may be running, and venv could not write it again.
    if run([sys.executable, "-m", "venv", str(environment)]):
        remedy = f"Where this Python lacks venv or ensurepip, on Debian: sudo apt install python{version}-venv."
        raise SetupError(f"venv could not make {environment}; its messages are above. {remedy}")


def has_package(environment: Path, name: str) -> bool:
    """Whether the environment has the whole package; pip writes its RECORD last."""
    folders = ("Lib/site-packages", "lib/python*/site-packages")
    return any(record for folder in folders for record in environment.glob(f"{folder}/{name}-*.dist-info/RECORD"))


def program(environment: Path, name: str) -> str:
    return str(environment / "Scripts" / f"{name}.exe" if os.name == "nt" else environment / "bin" / name)


def run(command: list[str]) -> int:
    """The exit code of a command run in the project folder, 128 + the signal that ended it; raises after Ctrl+C."""
    variables = {name: value for name, value in os.environ.items() if name not in FOREIGN_VARIABLES}
    process = subprocess.Popen(command, cwd=PROJECT, env=variables)
    interrupted = False
    while process.returncode is None:
        try:
            process.wait()
        except KeyboardInterrupt:
            interrupted = True  # The command got the same Ctrl+C, and is left to end by itself.
    if interrupted and process.returncode:
        raise KeyboardInterrupt
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
