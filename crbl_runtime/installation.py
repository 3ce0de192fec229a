"""What the runtime is built on: whether it is whole on this machine, and how it is installed, for messages."""

import importlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from crbl_runtime.errors import UnavailableError, first_line


@dataclass(frozen=True)
class Dependency:
    """A package of others.

    Attributes:
        module: what is imported. needed: a name in it that a folder without its files lacks, though the import works.
        distributions: all that install this module, into the same files; the one that the project asks for is first.
    """

    module: str
    needed: str
    distributions: tuple[str, ...]


# The markers of pyproject.toml.
_FOR_WINDOWS = {"AMD64": "onnxruntime-directml", "ARM64": "onnxruntime-windowsml"}
_ONNXRUNTIME = _FOR_WINDOWS.get(platform.machine(), "onnxruntime") if os.name == "nt" else "onnxruntime"
# The project's own choice first.
_ONNXRUNTIMES = dict.fromkeys((_ONNXRUNTIME, "onnxruntime", "onnxruntime-directml", "onnxruntime-windowsml"))

# In this order, because the later ones import the first.
DEPENDENCIES = {
    "numpy": Dependency("numpy", "ndarray", ("numpy",)),
    "PIL": Dependency("PIL.Image", "open", ("pillow", "pillow-simd")),
    "cv2": Dependency(
        "cv2",
        "resize",
        (
            *("opencv-python-headless", "opencv-python"),
            *("opencv-contrib-python", "opencv-contrib-python-headless", "opencv-python-rolling"),
        ),
    ),
    "onnxruntime": Dependency(
        "onnxruntime",
        "InferenceSession",
        (
            *_ONNXRUNTIMES,
            *("onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-qnn"),
            *("onnxruntime-rocm", "onnxruntime-migraphx", "onnxruntime-training"),
        ),
    ),
}


def how_to_install(extra: str = "") -> str:
    """A sentence that tells how to install the project with an extra of pyproject.toml, or with none."""
    target = f'".[{extra}]"' if extra else "."
    return f"In the project's folder, install it with: pip install {target}, or: python setup_directml.py install"


def require_whole(package: str) -> None:
    """Make sure that a package which was imported is more than an empty folder.

    Raises:
        UnavailableError: it is not; with the distributions at fault and the commands that mend it.
    """
    problem = _problem(DEPENDENCIES[package])
    if problem is not None:
        raise UnavailableError(problem)


def broken_installation() -> str | None:
    """What is wrong with the first package of `DEPENDENCIES` that cannot be used, and the commands that mend it."""
    return next(filter(None, map(_problem, DEPENDENCIES.values())), None)


def conflicts() -> tuple[str, ...]:
    """A sentence for each package that several distributions have installed into the same files."""
    return tuple(
        f"{_listed(installed)} are installed together and overwrite each other's files. {_remedy(dependency)}"
        for dependency in DEPENDENCIES.values()
        if len(installed := installed_distributions(dependency)) > 1
    )


def installed_distributions(dependency: Dependency) -> list[str]:
    """Those of a dependency's distributions that are installed."""
    from importlib.metadata import PackageNotFoundError, distribution

    installed = []
    for name in dependency.distributions:
        try:
            distribution(name)
        except PackageNotFoundError:
            continue
        installed.append(name)
    return installed


def _problem(dependency: Dependency) -> str | None:
    try:
        module = importlib.import_module(dependency.module)
    except Exception as error:  # Half-removed packages, and those built for another numpy, raise errors of any type.
        reason = first_line(error)
    else:
        if hasattr(module, dependency.needed):
            return None
        reason = "its folder is there, but its files are gone"
    installed = installed_distributions(dependency)
    name = dependency.module.partition(".")[0]
    if not installed:
        fact = f"The package {dependency.distributions[0]} is not installed: {name} cannot be imported ({reason})."
    elif len(installed) == 1:
        fact = f"{installed[0]} is installed, but {name} cannot be imported ({reason})."
    else:
        fact = (
            f"{_listed(installed)} are installed together and overwrite each other's files, so that {name} cannot be "
            f"imported ({reason})."
        )
    return f"{fact} {_remedy(dependency)}"


def _remedy(dependency: Dependency) -> str:
    """All go, because each takes files of the others with it; then one comes back."""
    installed = installed_distributions(dependency)
    install = _installer("install", [_wanted(dependency, installed)])
    if not installed:
        return f"Install it with: {install}"
    return f"Mend it with: {_installer('uninstall', installed)}\nand then: {install}"


def _wanted(dependency: Dependency, installed: Sequence[str]) -> str:
    """The project's own choice; but CUDA, where somebody has installed it, and DirectML cannot be meant."""
    wanted = dependency.distributions[0]
    return "onnxruntime-gpu" if wanted == "onnxruntime" and "onnxruntime-gpu" in installed else wanted


def _installer(action: str, distributions: Sequence[str]) -> str:
    """A command line for this environment; those that uv made have no pip."""
    if find_spec("pip") is None:
        words = ["uv", "pip", action, "--python", sys.executable, *distributions]
    else:
        words = [sys.executable, "-m", "pip", action, *(["-y"] if action == "uninstall" else []), *distributions]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
