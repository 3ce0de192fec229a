"""CRBL in PyTorch: the model, its training and its checkpoints."""

from importlib import import_module
from typing import Any

_HOMES = {
    "BilinearPooling": "crbl_training.model.bilinear_pooling",
    "CRBLDualModel": "crbl_training.model.crbl",
    "EfficientNetB0FeatureExtractor": "crbl_training.model.feature_extractor",
    "create_crop_model": "crbl_training.model.crbl",
    "create_full_model": "crbl_training.model.crbl",
    "get_device": "crbl_training.devices.device",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    # Imported when first used: the commands must be able to say that torch is missing before it is imported.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
