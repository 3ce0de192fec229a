"""From a checkpoint to a model file that was proven to decide as PyTorch does."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crbl_export.directml.check import check_directml
    from crbl_export.export import export_checkpoint
    from crbl_export.gate import check_parity
    from crbl_export.model_card.card import model_card as model_card_text
    from crbl_export.options import ExportOptions
    from crbl_export.parity.image_set import ImageFiles, choose_images
    from crbl_export.parity.limits import Limits, limits_of
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
    "limits_of",
    "model_card_text",
]

# Imported when asked for: the commands import this package first, and --help must not wait for torch.
_PLACES = {
    "ExportOptions": "crbl_export.options",
    "ImageFiles": "crbl_export.parity.image_set",
    "Limits": "crbl_export.parity.limits",
    "ParityGate": "crbl_export.parity.report",
    "ParityReport": "crbl_export.parity.report",
    "check_directml": "crbl_export.directml.check",
    "check_parity": "crbl_export.gate",
    "choose_images": "crbl_export.parity.image_set",
    "export_checkpoint": "crbl_export.export",
    "limits_of": "crbl_export.parity.limits",
    # The folder already has the name of the function.
    "model_card_text": "crbl_export.model_card.card:model_card",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
