"""The proof of a model file in the form in which other machines can repeat it."""

from pathlib import Path

from crbl_export.parity.image_set import ImageSet
from crbl_export.parity.report import ParityReport
from crbl_runtime.decision import threshold_logit
from crbl_runtime.verification.record import ParityRecord, RecordedImage, content_sha256


def parity_record(model: Path, images: ImageSet, report: ParityReport) -> ParityRecord:
    """What `crbl-verify` needs: hashes of the images, PyTorch's float64 logits, and what the gate allowed.

    Args:
        model: the file. images: what it was compared on. report: of the gate, for its limits.
    """
    boundary = threshold_logit(report.threshold)
    return ParityRecord(
        model_sha256=content_sha256(model.read_bytes()),
        images_source=images.source,
        made_images=images.made,
        limit=report.limit,
        margin=report.margin,
        images=tuple(
            RecordedImage(name, sha256, float(logit), bool(logit > boundary))
            for name, sha256, logit in zip(images.names, images.hashes, images.reference.float64, strict=True)
        ),
    )
