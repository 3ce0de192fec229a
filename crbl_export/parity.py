"""The parity gate: does the file decide as the trained model does?"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_export.reference import Reference, reference_logits
from crbl_runtime.decision import threshold_logit
from crbl_runtime.detector import Detector
from crbl_runtime.errors import ParityError, PictureError, UsageError
from crbl_runtime.preprocessing import PreparedPicture, prepare
from crbl_training.checkpoint import Checkpoint

REPORT_SCHEMA_VERSION = 1
# Single precision against double differs by rounding alone; the file may differ ten times as much, since other
# orders of summation are no errors, and 1e-4 always, which at any threshold moves a probability by at most 2.5e-5.
ROUNDING_FACTOR = 10.0
SMALLEST_LIMIT = 1e-4


@dataclass(frozen=True)
class ParityReport:
    """What the gate measured. All errors are largest |differences| of logits against float64 PyTorch.

    Attributes:
        pictures: how many were compared. unreadable: names of those that could not be.
        pictures_hash: SHA-256 over the content of all compared pictures.
        error_torch: of float32 PyTorch. error_file: of the model file. limit: what error_file may be.
        worst_picture: where error_file was seen.
        flips: decisions that differ although the float64 logit is farther than `limit` from the threshold.
        flips_within_margin: those that differ nearer to it.
        failures: why the gate failed, empty where it passed.
    """

    schema_version: int
    provider: str
    onnxruntime: str
    pictures: int
    unreadable: tuple[str, ...]
    pictures_source: str
    pictures_hash: str
    threshold: float
    error_torch: float
    error_file: float
    limit: float
    worst_picture: str
    flips: int
    flips_within_margin: int
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the file may be shipped."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self) | {
            "passed": self.passed,
            "unreadable": list(self.unreadable),
            "failures": list(self.failures),
        }


@dataclass(frozen=True)
class ParitySet:
    """Real pictures that file and model are compared on, with what PyTorch says of them.

    Attributes:
        names: N names. contents: N encoded pictures, as read from disk, or uint8 arrays. images: uint8 [N, s, s, 3].
        unreadable: names of pictures that cannot be decoded. source: where the pictures come from, in words.
    """

    names: tuple[str, ...]
    contents: tuple[bytes | NDArray[np.uint8], ...]
    reference: Reference
    unreadable: tuple[str, ...]
    source: str

    @property
    def hash(self) -> str:
        """SHA-256 over all contents, in order."""
        return contents_hash(self.contents)


def contents_hash(contents: Sequence[bytes | NDArray[np.uint8]]) -> str:
    """SHA-256 over encoded pictures or arrays, in order."""
    digest = hashlib.sha256()
    for content in contents:
        part = content if isinstance(content, bytes) else content.tobytes()
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def read_parity_set(checkpoint: Checkpoint, paths: Sequence[Path], source: str) -> ParitySet:
    """Read pictures and ask PyTorch about them. Pictures that cannot be decoded are left out and named.

    Raises:
        ParityError: none of them can be compared.
    """
    names: list[str] = []
    contents: list[bytes] = []
    prepared: list[PreparedPicture] = []
    unreadable: list[str] = []
    for path in tqdm(paths, desc="Reading pictures", unit="", leave=False, disable=None):
        try:
            content = path.read_bytes()
            prepared.append(prepare(content, checkpoint.preprocessing))
        except (PictureError, OSError):
            unreadable.append(str(path))
            continue
        names.append(str(path))
        contents.append(content)
    if not names:
        raise ParityError(f"Nothing was compared: none of the {len(paths)} pictures of {source} can be read.")
    images = np.stack([picture.pixels for picture in prepared])
    return ParitySet(tuple(names), tuple(contents), reference_logits(checkpoint, images), tuple(unreadable), source)


def check_parity(
    model: Path, checkpoint: Checkpoint, pictures: ParitySet, *, provider: str = "cpu", tolerance: float | None = None
) -> ParityReport:
    """Compare a model file with its checkpoint on real pictures, from file bytes to decision.

    Args:
        tolerance: allowed |difference| of a logit; None for the larger of ten times PyTorch's own rounding and 1e-4.

    Raises:
        UsageError: the file was exported from another checkpoint. ModelFileError, UnavailableError: see `Detector`.
    """
    with Detector(model, provider) as detector:
        exported_from = detector.contract.training.get("checkpoint_hash")
        if exported_from != checkpoint.hash:
            raise UsageError(
                f"{model} was exported from the checkpoint {str(exported_from)[:12]}, not from {checkpoint.hash[:12]}. "
                "Name the checkpoint it comes from, or export again."
            )
        progress = tqdm(
            pictures.contents, desc=f"Model file, {detector.provider.kind}", unit="", leave=False, disable=None
        )
        predictions = [detector.predict(content) for content in progress]
        threshold = detector.contract.threshold
        return compare(
            pictures,
            np.array([prediction.logit for prediction in predictions]),
            np.array([prediction.is_anomaly for prediction in predictions]),
            threshold=threshold,
            provider=detector.provider.kind,
            tolerance=tolerance,
        )


def compare(
    pictures: ParitySet,
    logits: NDArray[np.float64],
    decisions: NDArray[np.bool_],
    *,
    threshold: float,
    provider: str,
    tolerance: float | None = None,
) -> ParityReport:
    """Hold a file's logits [N] and decisions [N] against PyTorch's. Anything not finite fails.

    Raises:
        ParityError: there is nothing to compare.
    """
    double, single = pictures.reference.double, pictures.reference.single
    if len(double) == 0 or len(double) != len(logits):
        raise ParityError(f"Nothing was compared: {len(double)} reference logits, {len(logits)} of the file.")
    finite = all(bool(np.isfinite(values).all()) for values in (double, single, logits))
    with np.errstate(invalid="ignore"):  # infinity minus infinity; `finite` says so already
        errors = np.abs(logits.astype(np.float64) - double)
    error_torch = float(np.max(np.abs(single - double)))
    error_file = float(np.max(errors))
    limit = tolerance if tolerance is not None else max(ROUNDING_FACTOR * error_torch, SMALLEST_LIMIT)
    boundary = threshold_logit(threshold)
    differs = decisions != (double > boundary)
    near = np.abs(double - boundary) <= limit
    flips = int(np.sum(differs & ~near))
    failures = []
    if not finite:
        failures.append("a logit is NaN or infinite")
    elif error_file > limit:
        failures.append(f"a logit is off by {error_file:.3g}, at most {limit:.3g} is allowed")
    if flips:
        failures.append(f"{flips} of {len(double)} decisions differ")
    return ParityReport(
        schema_version=REPORT_SCHEMA_VERSION,
        provider=provider,
        onnxruntime=onnxruntime.__version__,
        pictures=len(double),
        unreadable=pictures.unreadable,
        pictures_source=pictures.source,
        pictures_hash=pictures.hash,
        threshold=threshold,
        error_torch=error_torch,
        error_file=error_file,
        limit=limit,
        worst_picture=pictures.names[int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))],
        flips=flips,
        flips_within_margin=int(np.sum(differs & near)),
        failures=tuple(failures),
    )
