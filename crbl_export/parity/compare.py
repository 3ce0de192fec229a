"""The parity gate: does the file decide as the trained model does?"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_export.divergence.first_divergence import Disagreement, DivergentNode, bisect
from crbl_export.parity.reference import Reference, reference_logits
from crbl_runtime.decision import threshold_logit
from crbl_runtime.detector import Detector
from crbl_runtime.errors import ImageError, NotFiniteError, ParityError, UsageError
from crbl_runtime.image import ImageInput
from crbl_runtime.preprocessing import PreparedImage, prepare
from crbl_training.checkpoint import Checkpoint

REPORT_SCHEMA_VERSION = 2
# Single precision against double differs by rounding alone; the file may differ ten times as much, since other
# orders of summation are no errors, and 1e-4 always, which at any threshold moves a probability by at most 2.5e-5.
ROUNDING_FACTOR = 10.0
SMALLEST_LIMIT = 1e-4


@dataclass(frozen=True)
class ParityReport:
    """What the gate measured. All errors are largest |differences| of logits against float64 PyTorch.

    Attributes:
        images: how many were compared. unreadable: names of those that could not be.
        images_hash: SHA-256 over the content of all compared images.
        error_torch: of float32 PyTorch. error_onnx: of the model file. limit: what error_onnx may be.
        median_error_torch, median_error_onnx, median_limit: the same of half of the images. One image on which
            the network magnifies rounding raises `limit`, and a wrong file could hide behind it; it does not raise
            this one.
        worst_image: where error_onnx was seen.
        margin, max_flips: what was granted: how near to the threshold a decision may differ without counting, and
            the share of the images whose decision may differ all the same.
        flips: decisions that differ although the float64 logit is farther than `margin` from the threshold.
        flips_within_margin: those that differ nearer to it.
        failures: why the gate failed, empty where it passed.
        fault: the first node of the graph that computes something else than PyTorch, where the gate failed and there
            is one.
    """

    schema_version: int
    provider: str
    onnxruntime: str
    images: int
    unreadable: tuple[str, ...]
    images_source: str
    images_hash: str
    threshold: float
    error_torch: float
    error_onnx: float
    limit: float
    median_error_torch: float
    median_error_onnx: float
    median_limit: float
    margin: float
    worst_image: str
    flips: int
    flips_within_margin: int
    max_flips: float
    failures: tuple[str, ...]
    fault: DivergentNode | None = None

    @property
    def passed(self) -> bool:
        """Whether the file may be shipped."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """As JSON types; None for a number that is NaN or infinite."""
        values: dict[str, Any] = _as_json(asdict(self))
        return values | {"passed": self.passed}


@dataclass(frozen=True)
class ParitySet:
    """Real images that file and model are compared on, with what PyTorch says of them.

    Attributes:
        names: N names. contents: N encoded images, as read from disk, or uint8 arrays. images: uint8 [N, s, s, 3].
        unreadable: names of images that cannot be decoded. source: where the images come from, in words.
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
    """SHA-256 over encoded images or arrays, in order."""
    digest = hashlib.sha256()
    for content in contents:
        part = content if isinstance(content, bytes) else content.tobytes()
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def read_parity_set(checkpoint: Checkpoint, paths: Sequence[Path], source: str) -> ParitySet:
    """Read images and ask PyTorch about them. Images that cannot be decoded are left out and named.

    Raises:
        ParityError: none of them can be compared.
    """
    names: list[str] = []
    contents: list[bytes] = []
    prepared: list[PreparedImage] = []
    unreadable: list[str] = []
    for path in tqdm(paths, desc="Reading images", unit="", leave=False, disable=None):
        try:
            content = path.read_bytes()
            prepared.append(prepare(content, checkpoint.preprocessing))
        except (ImageError, OSError):
            unreadable.append(str(path))
            continue
        names.append(str(path))
        contents.append(content)
    if not names:
        raise ParityError(f"Nothing was compared: none of the {len(paths)} images of {source} can be read.")
    images = np.stack([image.pixels for image in prepared])
    return ParitySet(tuple(names), tuple(contents), reference_logits(checkpoint, images), tuple(unreadable), source)


def check_parity(
    model: Path,
    checkpoint: Checkpoint,
    images: ParitySet,
    *,
    provider: str = "cpu",
    tolerance: float | None = None,
    max_flips: float = 0.0,
    margin: float | None = None,
) -> ParityReport:
    """Compare a model file with its checkpoint on real images, from file bytes to decision.

    Args:
        tolerance: allowed |difference| of a logit; None for the larger of ten times PyTorch's own rounding and 1e-4.
        max_flips: share of the images, 0 to under 1, whose decision may differ outside the margin.
        margin: a decision nearer to the threshold than this may differ; None for as near as `tolerance` comes out.

    Raises:
        UsageError: the file was exported from another checkpoint, or an option is out of range.
        ModelFileError, UnavailableError, WrongResultsError: see `Detector`.
    """
    with Detector(model, provider) as detector:
        exported_from = detector.contract.training.get("checkpoint_hash")
        if exported_from != checkpoint.hash:
            raise UsageError(
                f"{model} was exported from the checkpoint {str(exported_from)[:12]}, not from {checkpoint.hash[:12]}. "
                "Name the checkpoint it comes from, or export again."
            )
        progress = tqdm(
            images.contents, desc=f"Model file, {detector.provider.kind}", unit="", leave=False, disable=None
        )
        predicted = [_predict(detector, content) for content in progress]
        logits = np.array([logit for logit, _ in predicted])
        report = compare(
            images,
            logits,
            np.array([decision for _, decision in predicted]),
            threshold=detector.contract.threshold,
            provider=detector.provider.kind,
            tolerance=tolerance,
            max_flips=max_flips,
            margin=margin,
        )
        if report.passed:
            return report
        number = _most_telling(images.reference, logits)
        bisection = bisect(
            onnx.load(model),
            checkpoint,
            Disagreement(
                prepare(images.contents[number], checkpoint.preprocessing).pixels,
                float(logits[number]),
                float(images.reference.float64[number]),
                report.limit,
            ),
            provider=detector.provider,
            precision=detector.contract.precision,
        )
    remarks = (bisection.remark,) if bisection.remark else ()
    return replace(report, fault=bisection.fault, failures=(*report.failures, *remarks))


def _predict(detector: Detector, content: ImageInput) -> tuple[float, bool]:
    """Logit and decision; NaN, and no anomaly, where the network does not give a number."""
    try:
        prediction = detector.predict(content)
    except NotFiniteError:
        return math.nan, False
    return prediction.logit, prediction.is_anomaly


def _most_telling(reference: Reference, logits: NDArray[np.float64]) -> int:
    """The image on which the file is wrong the most for what rounding is worth there."""
    errors = _errors(logits, reference.float64)
    rounding = np.minimum(_errors(reference.float32, reference.float64), 1.0)
    # PyTorch's error may be small by chance.
    return int(np.argmax(errors / (rounding + np.median(rounding) + SMALLEST_LIMIT / ROUNDING_FACTOR)))


def compare(
    images: ParitySet,
    logits: NDArray[np.float64],
    decisions: NDArray[np.bool_],
    *,
    threshold: float,
    provider: str,
    tolerance: float | None = None,
    max_flips: float = 0.0,
    margin: float | None = None,
) -> ParityReport:
    """Hold a file's logits [N] and decisions [N] against PyTorch's. Anything not finite fails.

    Raises:
        ParityError: there is nothing to compare. UsageError: `tolerance` or `max_flips` is out of range.
    """
    if not 0 <= max_flips < 1:
        raise UsageError(f"max_flips is {max_flips}, expected a share from 0 to less than 1.")
    if tolerance is not None and not 0 <= tolerance < math.inf:
        raise UsageError(f"The tolerance is {tolerance}, expected a number that is not negative.")
    double, single = images.reference.float64, images.reference.float32
    if len(double) == 0 or len(double) != len(logits):
        raise ParityError(f"Nothing was compared: {len(double)} reference logits, {len(logits)} of the file.")
    finite = all(bool(np.isfinite(values).all()) for values in (double, single, logits))
    errors, rounding = _errors(logits, double), _errors(single, double)
    error_torch, error_onnx = float(np.max(rounding)), float(np.max(errors))
    median_error_torch, median_error_onnx = float(np.median(rounding)), float(np.median(errors))
    limit, median_limit = (
        tolerance if tolerance is not None else max(ROUNDING_FACTOR * worth, SMALLEST_LIMIT)
        for worth in (error_torch, median_error_torch)
    )
    boundary = threshold_logit(threshold)
    differs = decisions != (double > boundary)
    margin = margin if margin is not None else limit
    near = np.abs(double - boundary) <= margin
    flips = int(np.sum(differs & ~near))
    failures = []
    if not finite:
        failures.append("a logit is NaN or infinite")
    elif error_onnx > limit:
        failures.append(f"a logit is off by {error_onnx:.3g}, at most {limit:.3g} is allowed")
    elif median_error_onnx > median_limit:
        failures.append(
            f"half of the logits are off by {median_error_onnx:.3g} or more, at most {median_limit:.3g} is allowed"
        )
    if flips > max_flips * len(double):
        allowed = f", at most {max_flips:.3g} of them may" if max_flips else ""
        failures.append(f"{flips} of {len(double)} decisions differ{allowed}")
    return ParityReport(
        schema_version=REPORT_SCHEMA_VERSION,
        provider=provider,
        onnxruntime=onnxruntime.__version__,
        images=len(double),
        unreadable=images.unreadable,
        images_source=images.source,
        images_hash=images.hash,
        threshold=threshold,
        error_torch=error_torch,
        error_onnx=error_onnx,
        limit=limit,
        median_error_torch=median_error_torch,
        median_error_onnx=median_error_onnx,
        median_limit=median_limit,
        margin=margin,
        worst_image=images.names[int(np.argmax(errors))],
        flips=flips,
        flips_within_margin=int(np.sum(differs & near)),
        max_flips=max_flips,
        failures=tuple(failures),
    )


def _errors(logits: NDArray[np.float64], double: NDArray[np.float64]) -> NDArray[np.float64]:
    """|differences|; infinite where one is not a number."""
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        errors = np.abs(logits.astype(np.float64) - double)
    return np.where(np.isnan(errors), np.inf, errors)


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
