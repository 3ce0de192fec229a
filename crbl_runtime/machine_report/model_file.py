"""A model file on this machine."""

from dataclasses import dataclass
from pathlib import Path

from crbl_runtime.errors import CRBLError


@dataclass(frozen=True)
class ModelFileState:
    """Whether a model file is whole, and where it would run.

    Attributes:
        payload_sha256: of the file, checked; None where it cannot be used. provider: what it would run on, or None.
        remarks: why it cannot be used, or not on a better provider, or not with the same pixels.
    """

    path: str
    payload_sha256: str | None
    provider: str | None
    remarks: tuple[str, ...]


def load_model_file(path: Path) -> ModelFileState:
    from crbl_runtime.detector import Detector

    try:
        with Detector(path) as detector:
            report, contract = detector.provider_report, detector.contract
    except CRBLError as error:
        return ModelFileState(str(path), None, None, (str(error),))
    remarks = (*report.rejected, *([report.preparation] if report.preparation else []))
    return ModelFileState(str(path), contract.payload_sha256, report.provider.kind, remarks)
