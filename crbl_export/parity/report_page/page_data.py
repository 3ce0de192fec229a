"""What the page is filled in with; its counterpart is report_pages/src/parity/parity_data.ts."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import onnx
import PIL
import torch
from scipy.special import expit

from crbl_export.model_card.facts import ModelFacts
from crbl_export.parity.report import ParityGate
from crbl_export.parity.report_page.provider_data import provider_data
from crbl_export.parity.report_page.provider_states import provider_states
from crbl_export.parity.report_page.shown_images import shown_images
from crbl_export.parity.text import gate_lines
from crbl_runtime.machine_report.operating_system import operating_system
from crbl_runtime.report.time_text import now
from crbl_runtime.report.without_nan import without_nan
from crbl_runtime.shell_command import shell_command
from crbl_runtime.version import __version__

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ParityRun:
    """What the page tells of a run of crbl-parity beside what the gate measured.

    Attributes:
        model: facts of the file. checkpoint: the name of its file.
        left_out: what of the folder was not taken, a line each folder.
        commands: words of command lines: "again", which makes the page once more; "json", which prints its numbers;
            "verify", which repeats the comparison without PyTorch.
    """

    model: ModelFacts
    checkpoint: str
    left_out: tuple[str, ...]
    commands: dict[str, Sequence[str]]


@dataclass(frozen=True)
class PageData:
    """JSON types for the page, and the numbers of the images whose pictures it names, in their order."""

    data: dict[str, Any]
    pictured: tuple[int, ...]


def page_data(run: ParityRun, gate: ParityGate) -> PageData:
    """All that the page shows; None stands for what is not a number."""
    images, contract = gate.images, run.model.contract
    shown = [shown_images(report.by_image) for report in gate.reports]
    pictured = tuple(sorted(set().union(*(each.all for each in shown))))
    data = {
        "schema": SCHEMA_VERSION,
        "created": now(),
        "version": __version__,
        "passed": gate.passed,
        "model": {
            "file": run.model.name,
            "size": run.model.size,
            "sha256": gate.record.model_sha256,
            "payloadSha256": contract.payload_sha256,
            "variant": contract.variant,
            "precision": contract.precision,
            "opset": run.model.opset,
            "threshold": contract.threshold,
            "thresholdSource": contract.threshold_source,
            "labels": contract.labels,
        },
        "checkpoint": {"file": run.checkpoint, "sha256": images.checkpoint_hash},
        "images": {
            "source": images.source,
            "made": images.made,
            "sha256": images.hash,
            "unreadable": images.unreadable,
            "leftOut": run.left_out,
            "names": images.names,
            "logits": images.reference.float64.tolist(),
            "probabilities": expit(images.reference.float64).tolist(),
            "decisions": [image.is_anomaly for image in gate.record.images],
            # Numbers in the order of the pictures, see filled_page.
            "pictures": {number: position for position, number in enumerate(pictured)},
        },
        "providers": [provider_data(report, each) for report, each in zip(gate.reports, shown, strict=True)],
        "providerStates": [asdict(state) for state in provider_states(gate)],
        "rounding": asdict(gate.rounding) if gate.rounding is not None else None,
        "machine": " ".join(asdict(operating_system()).values()),
        "versions": _versions(run.model, gate.reports[0].onnxruntime),
        "commands": {what: shell_command(words) for what, words in run.commands.items()},
        "printed": gate_lines(gate),
    }
    return PageData(without_nan(data), pictured)


def _versions(model: ModelFacts, onnxruntime: str) -> list[dict[str, Any]]:
    """Of each package: where the model was trained, where it was exported, and here; None where it was not in use."""
    here = {
        "crbl": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "pillow": PIL.__version__,
    }
    before = {package: (trained, exported) for package, trained, exported in model.versions}
    return [
        {"package": package, "trained": trained, "exported": exported, "here": here.get(package)}
        for package in sorted({*before, *here})
        for trained, exported in [before.get(package, (None, None))]
    ]
