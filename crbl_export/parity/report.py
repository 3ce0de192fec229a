"""What the parity gate measured."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from crbl_export.parity.compared_images import ComparedImages
from crbl_export.parity.image_set import ImageSet
from crbl_export.parity.predictions import FilePredictions
from crbl_export.parity.rounding_effect import RoundingEffect
from crbl_runtime.report.without_nan import without_nan
from crbl_runtime.verification.record import ParityRecord

REPORT_SCHEMA_VERSION = 3
# Of a report, but not of its JSON.
BY_IMAGE = ("predictions", "by_image")


@dataclass(frozen=True)
class DivergentNode:
    """The first node of a graph that computes something else than PyTorch: where the error jumps.

    Attributes:
        node: name in the graph. operator: ONNX's name of it.
        pytorch: the part of the PyTorch model and the operator there that it was compared with.
        error_before: the largest error among the values it reads. error_after: of the value it gives. Both are the
            largest |difference| from float64 PyTorch as a share of the largest |value| there; 0 where it reads the
            image alone, infinite where one of the two is not finite.
        position: of the largest difference, an index into the value. value_onnx, value_reference: both sides there.
        cause: what follows from that about the node.
    """

    node: str
    operator: str
    pytorch: str
    error_before: float
    error_after: float
    position: tuple[int, ...]
    value_onnx: float
    value_reference: float
    cause: str


@dataclass(frozen=True)
class ParityReport:
    """What the gate measured on one execution provider.

    All errors are largest |differences| of logits against float64 PyTorch.

    Attributes:
        images: how many were compared.
        unreadable: names of those that could not be.
        images_hash: SHA-256 over the content of all compared images.
        error_torch: of float32 PyTorch.
        error_onnx: of the model file.
        limit: what error_onnx may be.
        median_error_torch: as error_torch, of half of the images.
        median_error_onnx: as error_onnx, of half of the images.
        median_limit: what median_error_onnx may be. One image on which the network magnifies rounding raises `limit`,
            and a wrong file could hide behind it; it does not raise this one.
        worst_image: where error_onnx was seen.
        margin: how near to the threshold a decision may differ without counting.
        max_flips: the share of the images whose decision may differ all the same.
        flips: decisions that differ although the float64 logit is farther than `margin` from the threshold.
        flips_within_margin: those that differ nearer to it.
        failures: why the gate failed, empty where it passed.
        predictions: what the file gave, image by image; not part of `to_dict`, as the next one.
        by_image: how far it is off, image by image.
        divergence: the first divergent node of the graph, where the gate failed, somebody looked for it and there is
            one.
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
    predictions: FilePredictions = field(repr=False, compare=False)
    by_image: ComparedImages = field(repr=False, compare=False)
    divergence: DivergentNode | None = None

    @property
    def passed(self) -> bool:
        """Whether the file may be shipped."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """As JSON types; None for a number that is NaN or infinite."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name not in BY_IMAGE}
        values["divergence"] = asdict(self.divergence) if self.divergence is not None else None
        return {**without_nan(values), "passed": self.passed}

    def summary(self) -> dict[str, Any]:
        """What of the report travels in the model file: nothing that names the machine's folders."""
        values = self.to_dict()
        return {key: float(f"{values[key]:.2g}") if isinstance(values[key], float) else values[key] for key in SUMMARY}


SUMMARY = (
    "provider", "onnxruntime", "images", "images_source", "images_hash", "error_torch", "error_onnx", "limit", "margin",
    "max_flips", "flips", "flips_within_margin",
)  # fmt: skip


@dataclass(frozen=True)
class ParityGate:
    """What the gate measured, provider by provider.

    Attributes:
        reports: one a provider, the CPU's first.
        not_checked: providers that this onnxruntime has but that do not start here, and why.
        record: what other machines need to repeat the proof.
        images: what was compared; not part of `to_dict`.
        rounding: what rounding to half changed, for a file of fp16.
    """

    reports: tuple[ParityReport, ...]
    not_checked: dict[str, str]
    record: ParityRecord
    images: ImageSet = field(repr=False, compare=False)
    rounding: RoundingEffect | None = None

    @property
    def passed(self) -> bool:
        """Whether the file may be shipped: it passed on every provider."""
        return all(report.passed for report in self.reports)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "schema_version": REPORT_SCHEMA_VERSION,
            "passed": self.passed,
            "reports": [report.to_dict() for report in self.reports],
            "not_checked": self.not_checked,
            "rounding": asdict(self.rounding) if self.rounding is not None else None,
            "record": self.record.to_dict(),
        }
