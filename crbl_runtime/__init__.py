"""Predict images with a CRBL model file. Needs numpy, OpenCV, Pillow and onnxruntime, and no PyTorch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crbl_runtime.decision import combined_is_anomaly
from crbl_runtime.errors import (
    CRBLError,
    DataError,
    ImageError,
    InputError,
    ModelFileError,
    UnavailableError,
    UsageError,
)
from crbl_runtime.version import __version__

if TYPE_CHECKING:
    from crbl_runtime.contract import ModelContract
    from crbl_runtime.detector import Detector, Prediction
    from crbl_runtime.image import decode
    from crbl_runtime.preprocessing import PreparedImage, PreprocessingSpec, prepare

__all__ = [
    "CRBLError",
    "DataError",
    "Detector",
    "ImageError",
    "InputError",
    "ModelContract",
    "ModelFileError",
    "Prediction",
    "PreparedImage",
    "PreprocessingSpec",
    "UnavailableError",
    "UsageError",
    "__version__",
    "combined_is_anomaly",
    "decode",
    "prepare",
]

# Imported when first used: a command answers --help and a wrong option without OpenCV and onnxruntime.
_MODULES = {
    "Detector": "detector",
    "ModelContract": "contract",
    "Prediction": "detector",
    "PreparedImage": "preprocessing",
    "PreprocessingSpec": "preprocessing",
    "decode": "image",
    "prepare": "preprocessing",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
