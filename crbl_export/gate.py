"""The parity gate with its diagnosis: does a model file decide as its PyTorch model, and if not, which node is it?"""

from dataclasses import replace
from pathlib import Path

from crbl_export.divergence.diagnosis import with_divergence
from crbl_export.options import PRECISIONS
from crbl_export.parity.image_set import ImageFiles, ImageSet, read_image_set
from crbl_export.parity.limits import Limits
from crbl_export.parity.providers import check_providers
from crbl_export.parity.reference import float64_logits
from crbl_export.parity.report import ParityGate
from crbl_export.parity.rounding_effect import RoundingEffect, rounding_effect
from crbl_export.precision.rounded import as_stored
from crbl_export.trained_model import TrainedModel
from crbl_runtime.detector import Detector
from crbl_runtime.errors import ModelFileError
from crbl_runtime.options import ALL_PROVIDERS
from crbl_training.checkpoint import Checkpoint


def check_parity(
    model: Path, checkpoint: Checkpoint, images: ImageFiles, limits: Limits | None = None, provider: str = "cpu"
) -> ParityGate:
    """Compare a model file with the checkpoint it was exported from, from the bytes of images to decisions.

    Args:
        limits: what the file may differ; None for the default ones.
        provider: "all" for the CPU and every GPU provider that starts, or "auto", "directml", "cuda", "cpu".

    Returns:
        a report for each provider; in each that failed the first node that computes something else than PyTorch.

    Raises:
        UsageError: the file was exported from another checkpoint.
        CheckpointError: the checkpoint cannot be built.
        ParityError: there is nothing to compare, or a provider computes wrongly already in the file's self-test.
        ModelFileError: see `Detector`; or its precision is not known.
        UnavailableError: see `Detector`.
    """
    trained = TrainedModel.of(checkpoint)
    stored = as_stored(trained, _precision_of(model))
    compared = read_image_set(images, stored)
    gate = run_gate(model, stored, compared, limits, provider)
    return replace(gate, rounding=measure_rounding(trained, stored, compared))


def run_gate(
    model: Path, trained: TrainedModel, images: ImageSet, limits: Limits | None, provider: str = ALL_PROVIDERS
) -> ParityGate:
    """As `check_parity`, with the PyTorch model built, `as_stored` in the file's precision, and the images read."""
    return with_divergence(check_providers(model, images, limits, provider), model, trained, images)


def measure_rounding(trained: TrainedModel, stored: TrainedModel, compared: ImageSet) -> RoundingEffect | None:
    """What rounding the weights changes, None where they are stored as they were trained.

    Args:
        stored: the model as the file holds it. compared: images with its logits.

    Raises:
        ParityError: it changes too much.
    """
    if stored is trained:
        return None
    unrounded = float64_logits(trained, compared.pixels)
    return rounding_effect(compared.reference.float64, unrounded, trained.checkpoint.threshold)


def _precision_of(model: Path) -> str:
    with Detector(model, "cpu", cpu_self_test=False) as detector:
        precision = detector.contract.precision
    if precision not in PRECISIONS:
        raise ModelFileError(
            f"{model} has the precision {precision!r} in its contract, expected {' or '.join(PRECISIONS)}. "
            "Export the model again."
        )
    return precision
