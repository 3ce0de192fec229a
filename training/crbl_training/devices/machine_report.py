"""What this machine can do for CRBL, and why not more. Works where torch is missing, too."""

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import onnxruntime

from crbl_runtime.errors import UnavailableError
from crbl_runtime.golden_image import known_pixels_difference
from crbl_runtime.installation import how_to_install
from crbl_runtime.version import __version__
from crbl_training.options import DEVICE_KINDS

PACKAGES = (
    *("numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-directml"),
    *("torch", "torchvision", "torch-directml", "timm", "onnx"),
)
BOTH_INSTALLED = (
    "onnxruntime and onnxruntime-directml overwrite each other's files. Uninstall both, then install crbl again."
)


@dataclass(frozen=True)
class TrainingDevice:
    """A device for crbl-train: `name` is what it calls itself if it works, `reason` why it does not."""

    kind: str
    name: str | None
    reason: str | None


@dataclass(frozen=True)
class MachineReport:
    """Versions, execution providers and training devices.

    Attributes:
        packages: the installed version of each, None if it is not installed.
        execution_providers: onnxruntime's, best first. providers_warning: what is wrong with them, if anything.
        preparation: how this machine prepares images otherwise than others, None where it does not.
        training_devices: best first.
    """

    crbl: str
    python: str
    platform: str
    packages: dict[str, str | None]
    execution_providers: tuple[str, ...]
    providers_warning: str | None
    preparation: str | None
    training_devices: tuple[TrainingDevice, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)


def report_machine() -> MachineReport:
    """What is installed, which execution providers there are, and every training device, each of which is tried."""
    packages = {name: _installed_version(name) for name in PACKAGES}
    both = packages["onnxruntime"] and packages["onnxruntime-directml"]
    return MachineReport(
        crbl=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        packages=packages,
        execution_providers=tuple(onnxruntime.get_available_providers()),
        providers_warning=BOTH_INSTALLED if both else None,
        preparation=known_pixels_difference(),
        training_devices=_training_devices(),
    )


def torch_missing(error: Exception) -> str:
    """The sentence for a failed import of torch, or of what the trainer needs beside it."""
    return f"The trainer cannot be imported ({error}). {how_to_install('train')}"


def _installed_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _training_devices() -> tuple[TrainingDevice, ...]:
    try:
        import crbl_training.devices.device  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: torch is there, a library of its own is not.
        return tuple(TrainingDevice(kind, None, torch_missing(error)) for kind in DEVICE_KINDS)
    return tuple(map(_try_device, DEVICE_KINDS))


def _try_device(kind: str) -> TrainingDevice:
    from crbl_training.devices.device import probe_device

    try:
        return TrainingDevice(kind, probe_device(kind), None)
    except UnavailableError as error:
        return TrainingDevice(kind, None, str(error))
