"""What of this machine explains its figures, and nothing that tells whose it is."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version

from crbl_runtime import onnxruntime_boundary
from crbl_runtime.adapters import Adapter, adapters
from crbl_runtime.installation import DEPENDENCIES, installed_distributions
from crbl_runtime.version import __version__


@dataclass(frozen=True)
class Machine:
    """Versions, processor and its cores; without the names of computer, user and folders.

    Attributes:
        onnxruntime: the installed distributions by name, with their versions. adapters: the graphics adapters, each
            with its provider, number, name and driver.
    """

    crbl: str
    python: str
    platform: str
    processor: str
    cores: int | None
    onnxruntime: dict[str, str]
    adapters: tuple[str, ...]


def this_machine() -> Machine:
    distributions = installed_distributions(DEPENDENCIES["onnxruntime"])
    return Machine(
        crbl=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        processor=platform.machine(),
        cores=os.cpu_count(),
        onnxruntime={name: version(name) for name in distributions} or {"unknown": onnxruntime_boundary.VERSION},
        adapters=tuple(map(_described, adapters())),
    )


def _described(adapter: Adapter) -> str:
    driver = f"driver {adapter.driver}" if adapter.driver else "driver unknown"
    unusable = f", cannot be used: {adapter.reason}" if adapter.reason else ""
    return f"{adapter.kind} {adapter.index}: {adapter.name}, {driver}{unusable}"
