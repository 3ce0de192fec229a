"""What crbl-doctor tells of training: torch, and each device tried. Works where torch is missing, too."""

import os
import sys
from dataclasses import asdict, dataclass

from crbl_runtime.errors import UnavailableError
from crbl_runtime.installation import how_to_install
from crbl_runtime.machine_report.finding import EXPORT, TRAIN, Finding, install_command
from crbl_runtime.machine_report.part import Part
from crbl_runtime.machine_report.versions import Range, installed, installed_version, version_findings
from crbl_training.options import DEVICE_KINDS

# The lower bounds of pyproject.toml, and the newest that was tested.
VERSIONS = {
    "torch": Range("2.4.1", "2.14.1"),
    "torchvision": Range("0.19.1", "0.29.1"),
    "torch-directml": Range("0.2.5", "0.2.5"),
    "timm": Range("1.0.9", "1.0.31"),
}
# What torch-directml was built for.
PINNED_TORCH = "2.4.1"


@dataclass(frozen=True)
class TrainingDevice:
    """A device for crbl-train: `name` is what it calls itself if it works, `reason` why it does not."""

    kind: str
    name: str | None
    reason: str | None


def machine_part() -> Part:
    """Each training device, tried."""
    reason = _why_not_importable()
    if reason is None:
        devices = tuple(map(_try_device, DEVICE_KINDS))
    else:
        devices = tuple(TrainingDevice(kind, None, f"{reason} {how_to_install('train')}") for kind in DEVICE_KINDS)
    packages = installed(VERSIONS)
    return Part(
        packages=packages,
        values={"training_devices": [asdict(device) for device in devices]},
        lines=(
            "Training devices (crbl-train)",
            *(f"  {each.kind:24} {f'works: {each.name}' if each.reason is None else each.reason}" for each in devices),
        ),
        findings=(
            *(
                _device_findings(devices)
                if reason is None
                else [_finding("trainer", reason, "default,train", breaks=(TRAIN, EXPORT))]
            ),
            *version_findings(packages, (TRAIN, EXPORT)),
        ),
    )


def trainer_problem() -> str | None:
    """Why the trainer cannot be imported, and how it is installed; None where it can."""
    reason = _why_not_importable()
    return None if reason is None else f"{reason} {how_to_install('train')}"


def _why_not_importable() -> str | None:
    """Torch is missing or broken, or what the trainer needs beside it."""
    try:
        import crbl_training.devices.device  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: torch is there, a library of its own is not.
        return f"The trainer cannot be imported ({error})."
    return None


def _try_device(kind: str) -> TrainingDevice:
    from crbl_training.devices.device import probe_device

    try:
        return TrainingDevice(kind, probe_device(kind), None)
    except UnavailableError as error:
        return TrainingDevice(kind, None, str(error))


def _device_findings(devices: tuple[TrainingDevice, ...]) -> list[Finding]:
    works = {device.kind: device.reason is None for device in devices}
    if not any(works.values()):
        return [_finding("training", "No device works, not even the CPU.", "default,train", breaks=(TRAIN,))]
    if works["cuda"] or works["directml"]:
        return []
    directml = next(device for device in devices if device.kind == "directml")
    return _directml_findings(directml.reason or "", installed_version("torch-directml"), installed_version("torch"))


def _directml_findings(reason: str, torch_directml: str | None, torch: str | None) -> list[Finding]:
    """About torch-directml where it does not work, and nothing else trains on a card."""
    extra = "default,train-directml"
    if torch_directml is None:
        could_be = os.name == "nt" and sys.version_info < (3, 13)
        text = "torch-directml is not installed, so that crbl-train cannot use a card with DirectX 12."
        return [_finding("torch-directml", text, extra)] if could_be else []
    if torch is not None and torch.partition("+")[0] != PINNED_TORCH:
        text = f"torch-directml {torch_directml} is made for torch {PINNED_TORCH}, and torch {torch} is installed."
        return [_finding("torch-directml", text, extra)]
    return [
        Finding(
            "torch-directml",
            f"torch-directml {torch_directml} is installed and does not work: {reason}",
            ("Update the graphics driver; docs/directml.md tells what the reason means.",),
        )
    ]


def _finding(about: str, text: str, extra: str, breaks: tuple[str, ...] = ()) -> Finding:
    return Finding(about, text, (install_command(extra),), breaks)
