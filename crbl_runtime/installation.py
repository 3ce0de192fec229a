"""What the runtime is built on: whether it is whole on this machine, and how it is installed, for messages."""

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from crbl_runtime.errors import UnavailableError, first_line
from crbl_runtime.shell_command import shell_command


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


# The distributions of onnxruntime that have an extra in pyproject.toml. Those for Windows can be meant nowhere else.
ONNXRUNTIME_OF_EXTRA = {
    "windowsml": "onnxruntime-windowsml",
    "directml": "onnxruntime-directml",
    "cuda": "onnxruntime-gpu",
    "openvino": "onnxruntime-openvino",
    "cpu": "onnxruntime",
}
FOR_WINDOWS = ("onnxruntime-windowsml", "onnxruntime-directml")
# What the extra "default" has for this system.
_ONNXRUNTIME = "onnxruntime-windowsml" if os.name == "nt" else "onnxruntime"

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
            *dict.fromkeys((_ONNXRUNTIME, *ONNXRUNTIME_OF_EXTRA.values())),
            *("onnxruntime-qnn", "onnxruntime-rocm", "onnxruntime-migraphx", "onnxruntime-training"),
        ),
    ),
}


# The whole project, and the runtime alone (packaging/runtime).
THIS_PROJECT = Dependency("crbl_runtime", "__version__", ("crbl", "crbl-runtime"))


@dataclass(frozen=True)
class Problem:
    """What is wrong with a package: `fact` is a sentence, `commands` are the lines that mend it, in this order."""

    fact: str
    commands: tuple[str, ...]

    def __str__(self) -> str:
        *before, last = self.commands
        return (
            f"{self.fact} Mend it with: {before[0]}\nand then: {last}"
            if before
            else f"{self.fact} Install it with: {last}"
        )


def how_to_install(extra: str = "default") -> str:
    """A sentence that tells how to install the project with an extra of pyproject.toml."""
    return f'In the project\'s folder, install it with: pip install ".[{extra}]", or: python setup_directml.py install'


def require_whole(package: str) -> None:
    """Make sure that a package which was imported is more than an empty folder.

    Raises:
        UnavailableError: it is not; with the distributions at fault and the commands that mend it.
    """
    problem = _problem(DEPENDENCIES[package])
    if problem is not None:
        raise UnavailableError(str(problem))


def broken_installation() -> str | None:
    """What is wrong with the first package of `DEPENDENCIES` that cannot be used, and the commands that mend it."""
    problem = next(filter(None, map(_problem, DEPENDENCIES.values())), None)
    return None if problem is None else str(problem)


def broken_packages() -> tuple[Problem, ...]:
    """All packages that cannot be used; numpy alone, where it is one of them, because the others import it."""
    numpy, *others = DEPENDENCIES.values()
    problem = _problem(numpy)
    return (problem,) if problem is not None else tuple(filter(None, map(_problem, others)))


def conflicts() -> tuple[Problem, ...]:
    """Each package that several distributions have installed into the same files, this one among them."""
    return tuple(
        Problem(
            f"{_listed(installed)} are installed together and overwrite each other's files.",
            _remedy(dependency, installed),
        )
        for dependency in (*DEPENDENCIES.values(), THIS_PROJECT)
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


def _problem(dependency: Dependency) -> Problem | None:
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
        if name == "onnxruntime":
            fact += f" It is what the extra default has for this system; there are also {', '.join(_other_extras())}."
    elif len(installed) == 1:
        fact = f"{installed[0]} is installed, but {name} cannot be imported ({reason})."
    else:
        fact = (
            f"{_listed(installed)} are installed together and overwrite each other's files, so that {name} cannot be "
            f"imported ({reason})."
        )
    return Problem(fact, _remedy(dependency, installed))


def _remedy(dependency: Dependency, installed: Sequence[str]) -> tuple[str, ...]:
    """All go, because each takes files of the others with it; then one comes back."""
    if dependency is THIS_PROJECT:
        again = pip_command("install", [".[default]"])
        where = "(in the project's folder; the runtime alone is in ./packaging/runtime)"
        return pip_command("uninstall", installed), f"{again}    {where}"
    return reinstalled(installed, _wanted(dependency, installed))


def reinstalled(installed: Sequence[str], wanted: str) -> tuple[str, ...]:
    """The commands that put one distribution in the place of those that are installed."""
    install = pip_command("install", [wanted])
    return (pip_command("uninstall", installed), install) if installed else (install,)


def _wanted(dependency: Dependency, installed: Sequence[str]) -> str:
    """The project's own choice; but an onnxruntime that somebody has asked for by its extra, where it is the only one.

    Plain onnxruntime counts for nothing, because other packages bring it.
    """
    asked_for = [name for name in installed if name in ONNXRUNTIME_OF_EXTRA.values() and _can_be_meant(name)]
    return asked_for[0] if len(asked_for) == 1 else dependency.distributions[0]


def _can_be_meant(onnxruntime: str) -> bool:
    return onnxruntime != "onnxruntime" and (os.name == "nt" or onnxruntime not in FOR_WINDOWS)


def _other_extras() -> list[str]:
    return [extra for extra, name in ONNXRUNTIME_OF_EXTRA.items() if name != _ONNXRUNTIME and _can_be_meant(name)]


def pip_command(action: str, distributions: Sequence[str]) -> str:
    """The line that does it ("install", "uninstall") in this environment; those that uv made have no pip."""
    if find_spec("pip") is None:
        words = ["uv", "pip", action, "--python", sys.executable, *distributions]
    else:
        words = [sys.executable, "-m", "pip", action, *(["-y"] if action == "uninstall" else []), *distributions]
    return shell_command(words)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
