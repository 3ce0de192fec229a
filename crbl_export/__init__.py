"""From a checkpoint to a model file that was proven to decide as PyTorch does."""

from typing import TYPE_CHECKING

from crbl_runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from crbl_export.directml.check import check_directml
    from crbl_export.export import export_checkpoint
    from crbl_export.gate import check_parity
    from crbl_export.model_card.card import model_card as model_card_text
    from crbl_export.options import ExportOptions
    from crbl_export.parity.image_set import ImageFiles, choose_images
    from crbl_export.parity.limits import Limits
    from crbl_export.parity.report import ParityGate, ParityReport

__all__ = [
    "ExportOptions",
    "ImageFiles",
    "Limits",
    "ParityGate",
    "ParityReport",
    "check_directml",
    "check_parity",
    "choose_images",
    "export_checkpoint",
    "model_card_text",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "ExportOptions": "options",
        "ImageFiles": "parity.image_set",
        "Limits": "parity.limits",
        "ParityGate": "parity.report",
        "ParityReport": "parity.report",
        "check_directml": "directml.check",
        "check_parity": "gate",
        "choose_images": "parity.image_set",
        "export_checkpoint": "export",
        # The folder already has the name of the function.
        "model_card_text": "model_card.card:model_card",
    },
)
