"""The parity gate on every execution provider that this machine has."""

import logging
from pathlib import Path

from crbl_export.parity.compare import compare
from crbl_export.parity.image_set import ImageSet
from crbl_export.parity.limits import Limits
from crbl_export.parity.predictions import predict_images
from crbl_export.parity.record import parity_record
from crbl_export.parity.report import ParityGate, ParityReport
from crbl_runtime.detector import Detector
from crbl_runtime.each_provider import on_each_provider
from crbl_runtime.errors import ParityError, UsageError, WrongResultsError
from crbl_runtime.options import ALL_PROVIDERS

logger = logging.getLogger("crbl_export")


def check_providers(
    model: Path, images: ImageSet, limits: Limits | None = None, provider: str = ALL_PROVIDERS
) -> ParityGate:
    """Run the gate on one provider or on all.

    Args:
        limits: what the file may differ; None for the default ones.
        provider: "all" for the CPU and every GPU provider that starts, else as for `check_provider`.

    Raises:
        ParityError: a provider computes wrongly already in the self-test of the file. Else see `check_provider`.
    """

    def check(kind: str) -> list[ParityReport]:
        try:
            return [check_provider(model, images, limits, kind)]
        except WrongResultsError as error:
            raise ParityError(str(error)) from error

    checked = on_each_provider(provider, check)
    for kind, reason in checked.not_started.items():
        logger.warning("%s was not checked: %s", kind, reason)
    return ParityGate(checked.results, checked.not_started, parity_record(model, images, checked.results[0]), images)


def check_provider(model: Path, images: ImageSet, limits: Limits | None = None, provider: str = "cpu") -> ParityReport:
    """Compare a model file with PyTorch on one provider, from the bytes of the images to the decision.

    Args:
        limits: what the file may differ; None for the default ones.
        provider: "auto", "directml", "cuda" or "cpu", as for `Detector`.

    Raises:
        UsageError: the file was exported from another checkpoint than the images' reference logits come from.
        ModelFileError, UnavailableError, WrongResultsError: see `Detector`. ParityError: see `compare`.
    """
    # A file that is wrong on the CPU is what the gate is to find, down to the node, and not to be refused before it.
    with Detector(model, provider, cpu_self_test=False) as detector:
        exported_from = detector.contract.training.get("checkpoint_hash")
        if exported_from != images.checkpoint_hash:
            raise UsageError(
                f"{model} was exported from the checkpoint {str(exported_from)[:12]}, not from "
                f"{images.checkpoint_hash[:12]}. Name the checkpoint it comes from, or export again."
            )
        return compare(images, predict_images(detector, images), limits if limits is not None else Limits())
