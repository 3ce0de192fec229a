"""Repeat the proof of a model file on this machine, from the bytes of the images to the decisions."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crbl_runtime.detector import Detector
from crbl_runtime.each_provider import ResultsByProvider, on_each_provider
from crbl_runtime.errors import UsageError
from crbl_runtime.left_out import LeftOut, left_out_as_json
from crbl_runtime.options import ALL_PROVIDERS
from crbl_runtime.verification.compare import ProviderComparison, compare_provider
from crbl_runtime.verification.images_here import ImagesHere, read_images_here
from crbl_runtime.verification.record import ParityRecord, content_sha256


@dataclass(frozen=True)
class Verification:
    """What repeating the proof gave.

    Attributes:
        recorded: how many images the record has.
        missing: names of those that are not here with the same content. unreadable: of those that cannot be decoded.
        decoded_otherwise, prepared_otherwise: names of those whose pixels are other ones from there on.
        limit: what |logit difference| the gate allowed where the file was exported. margin: as in the record.
        providers: one each. wrong: providers that fail the self-test, and why. not_checked: those that do not start.
        left_out: what of the folder was not looked at.
    """

    recorded: int
    missing: tuple[str, ...]
    unreadable: tuple[str, ...]
    decoded_otherwise: tuple[str, ...]
    prepared_otherwise: tuple[str, ...]
    limit: float
    margin: float
    providers: tuple[ProviderComparison, ...]
    wrong: dict[str, str]
    not_checked: dict[str, str]
    left_out: tuple[LeftOut, ...]

    @property
    def passed(self) -> bool:
        """Whether the file decides here as PyTorch did, on every provider and on all images that could be compared."""
        return bool(self.providers) and not self.wrong and all(provider.passed for provider in self.providers)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self) | {"left_out": left_out_as_json(self.left_out), "passed": self.passed}


def verify(model: Path, record: ParityRecord, folder: Path | None, provider: str = ALL_PROVIDERS) -> Verification:
    """Compare what a model file decides here with what PyTorch decided where it was exported.

    Args:
        record: of this very file. folder: where its images are; None where they are made by formula.
        provider: "all" for the CPU and every GPU provider that starts, or "auto", "directml", "cuda", "cpu".

    Raises:
        UsageError: the record belongs to another file, or no folder was named. DataError: the folder holds no images.
        ParityError: none of the images is here, so that nothing was compared.
        ModelFileError: the file is damaged or no CRBL model. UnavailableError: the provider that was named is not here.
    """
    # Its self-test comes with the comparison.
    with Detector(model, "cpu", cpu_self_test=False) as detector:
        spec = detector.contract.preprocessing
    _require_same_file(model, record)
    images = read_images_here(record, folder, spec)
    compared = on_each_provider(provider, lambda kind: [compare_provider(model, kind, images.prepared, record.margin)])
    return _verification(record, images, compared)


def _require_same_file(model: Path, record: ParityRecord) -> None:
    found = content_sha256(model.read_bytes())
    if found != record.model_sha256:
        raise UsageError(
            f"The report is about a model file with the SHA-256 {record.model_sha256[:12]}…, but {model} has "
            f"{found[:12]}…. Name the model file and the report of one export."
        )


def _verification(
    record: ParityRecord, images: ImagesHere, compared: ResultsByProvider[ProviderComparison]
) -> Verification:
    return Verification(
        recorded=len(record.images),
        missing=images.missing,
        unreadable=images.unreadable,
        decoded_otherwise=images.names_of("decoding"),
        prepared_otherwise=images.names_of("preparing"),
        limit=record.limit,
        margin=record.margin,
        providers=compared.results,
        wrong=compared.wrong,
        not_checked=compared.not_started,
        left_out=images.left_out,
    )
