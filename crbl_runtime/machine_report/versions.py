"""The versions that are installed, against those that CRBL was tested with."""

import platform
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from crbl_runtime.installation import DEPENDENCIES, installed_distributions, pip_command
from crbl_runtime.machine_report.finding import PURPOSES, Finding


@dataclass(frozen=True)
class Range:
    """From the lowest version that is supported to the newest that was tested, None where none was."""

    lowest: str
    newest: str | None


# The lower bounds are those of pyproject.toml. What is between them was not tested.
PYTHON = Range("3.11", "3.11")
RUNTIME = {
    "numpy": Range("1.26", "2.4.6"),
    "opencv-python-headless": Range("4.8", "5.0.0.93"),
    "pillow": Range("11.3", "13.0.0"),
    "click": Range("8.1", "8.5.1"),
    "tqdm": Range("4.66", "4.70.1"),
}
ONNXRUNTIMES = {
    "onnxruntime": Range("1.20", "1.32.0"),
    "onnxruntime-windowsml": Range("1.23.2", "1.30.0"),
    "onnxruntime-directml": Range("1.20", "1.24.4"),
    "onnxruntime-gpu": Range("1.20", None),
    "onnxruntime-openvino": Range("1.20", None),
}


@dataclass(frozen=True)
class Installed:
    """A package, or Python itself.

    Attributes:
        name: of the distribution. version: None where it is not installed. lowest, newest: see `Range`.
        state: "tested" (from the lowest to the newest), "newer" (by its first two numbers), "older", "not tested", or
            "missing".
    """

    name: str
    version: str | None
    lowest: str
    newest: str | None
    state: str


def installed(ranges: dict[str, Range]) -> tuple[Installed, ...]:
    return tuple(_installed(name, installed_version(name), known) for name, known in ranges.items())


def runtime_packages() -> tuple[Installed, ...]:
    """What the runtime is built on, and what is there in its place, such as opencv-python."""
    known = {**RUNTIME, **ONNXRUNTIMES}
    others = {
        name: Range(known[dependency.distributions[0]].lowest, None)
        for dependency in DEPENDENCIES.values()
        for name in installed_distributions(dependency)
        if name not in known
    }
    return installed({**known, **others})


def python_version() -> Installed:
    return _installed("Python", platform.python_version(), PYTHON)


def version_findings(found: tuple[Installed, ...], breaks: tuple[str, ...] = PURPOSES) -> tuple[Finding, ...]:
    """About those that are older than what is supported."""
    return tuple(
        Finding(
            each.name,
            f"{each.name} {each.version} is older than {each.lowest}, the lowest version that is supported.",
            ("Install Python 3.12.",)
            if each.name == "Python"
            # Without ">=": shells of Windows would take it for the name of a file to write to.
            else (pip_command("install", ["--upgrade", each.name]),),
            breaks,
        )
        for each in found
        if each.state == "older"
    )


def _installed(name: str, found: str | None, known: Range) -> Installed:
    return Installed(name, found, known.lowest, known.newest, _state(found, known))


def _state(found: str | None, known: Range) -> str:
    if found is None:
        return "missing"
    numbers = _numbers(found)
    if numbers < _numbers(known.lowest):
        return "older"
    if known.newest is None:
        return "not tested"
    return "newer" if numbers[:2] > _numbers(known.newest)[:2] else "tested"


def _numbers(version: str) -> tuple[int, ...]:
    """Those of the release, without what says that it is a preliminary or a local one: "2.4.1rc1+cu121" -> 2, 4, 1."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, release[0].split("."))) if release else ()


def installed_version(name: str) -> str | None:
    """Of a distribution, None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
