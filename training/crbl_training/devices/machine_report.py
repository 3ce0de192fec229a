"""What this machine can do for CRBL, and why not more. Works where torch is missing, too."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from crbl_runtime.detector import Detector
from crbl_runtime.errors import CRBLError, UnavailableError
from crbl_runtime.golden_image import known_pixels_difference
from crbl_runtime.installation import conflicts, how_to_install
from crbl_runtime.provider_trial import TriedProvider, try_providers
from crbl_runtime.version import __version__
from crbl_runtime.windows_on_arm import about_this_processor
from crbl_training.options import DEVICE_KINDS

PACKAGES = (
    *("numpy", "opencv-python-headless"),
    *("onnxruntime", "onnxruntime-directml", "onnxruntime-windowsml", "onnxruntime-gpu"),
    *("torch", "torchvision", "torch-directml", "timm", "onnx"),
)


@dataclass(frozen=True)
class TrainingDevice:
    """A device for crbl-train: `name` is what it calls itself if it works, `reason` why it does not."""

    kind: str
    name: str | None
    reason: str | None


@dataclass(frozen=True)
class ModelFileState:
    """A model file on this machine: whether it is whole, and where it would run.

    Attributes:
        payload_sha256: of the file, checked; None where it cannot be used. provider: what it would run on, or None.
        remarks: why it cannot be used, or not on a better provider, or not with the same pixels.
    """

    path: str
    payload_sha256: str | None
    provider: str | None
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class MachineReport:
    """Versions, execution providers, training devices and model files.

    Attributes:
        about_processor: what is possible on this processor, where that is not all; else None.
        packages: the installed version of each, None if it is not installed.
        execution_providers: those that this onnxruntime was built with, each tried.
        conflicts: which packages were installed twice, into the same files, and how that is mended.
        preparation: how this machine prepares images otherwise than others, None where it does not.
        training_devices: best first. model_files: those that were named.
    """

    crbl: str
    python: str
    platform: str
    about_processor: str | None
    packages: dict[str, str | None]
    execution_providers: tuple[TriedProvider, ...]
    conflicts: tuple[str, ...]
    preparation: str | None
    training_devices: tuple[TrainingDevice, ...]
    model_files: tuple[ModelFileState, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)


def report_machine(model_files: Sequence[Path] = ()) -> MachineReport:
    """What is installed, and every execution provider, training device and model file, each tried."""
    return MachineReport(
        crbl=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        about_processor=about_this_processor(),
        packages={name: _installed_version(name) for name in PACKAGES},
        execution_providers=try_providers(),
        conflicts=conflicts(),
        preparation=known_pixels_difference(),
        training_devices=_training_devices(),
        model_files=tuple(map(_load_model_file, model_files)),
    )


def _load_model_file(path: Path) -> ModelFileState:
    try:
        with Detector(path) as detector:
            report, contract = detector.provider_report, detector.contract
    except CRBLError as error:
        return ModelFileState(str(path), None, None, (str(error),))
    remarks = (*report.rejected, *([report.preparation] if report.preparation else []))
    return ModelFileState(str(path), contract.payload_sha256, report.provider.kind, remarks)


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
