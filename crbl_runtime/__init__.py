"""Predict images with a CRBL model file. Needs numpy, OpenCV, Pillow and onnxruntime, and no PyTorch."""

from typing import TYPE_CHECKING

from crbl_runtime.decision import combined_is_anomaly
from crbl_runtime.errors import (
    CRBLError,
    DataError,
    DeviceRemovedError,
    ImageDamagedError,
    ImageError,
    ImageKindError,
    ImageReadError,
    ImageTooLargeError,
    ImageValueError,
    InputError,
    ModelFileError,
    NotFiniteError,
    UnavailableError,
    UsageError,
    WrongResultsError,
)
from crbl_runtime.lazy_names import lazy_names
from crbl_runtime.version import __version__

if TYPE_CHECKING:
    from crbl_runtime.calibration import Calibration
    from crbl_runtime.combined_detector import CombinedDetector
    from crbl_runtime.contract import ModelContract
    from crbl_runtime.detector import Detector
    from crbl_runtime.heatmap_overlay import draw_overlay
    from crbl_runtime.image import decode
    from crbl_runtime.prediction import CombinedPrediction, Prediction
    from crbl_runtime.preprocessing import PreparedImage, PreprocessingSpec, prepare
    from crbl_runtime.provider_candidates import register_execution_provider
    from crbl_runtime.provider_choice import ProviderReport

__all__ = [
    "CRBLError",
    "Calibration",
    "CombinedDetector",
    "CombinedPrediction",
    "DataError",
    "Detector",
    "DeviceRemovedError",
    "ImageDamagedError",
    "ImageError",
    "ImageKindError",
    "ImageReadError",
    "ImageTooLargeError",
    "ImageValueError",
    "InputError",
    "ModelContract",
    "ModelFileError",
    "NotFiniteError",
    "Prediction",
    "PreparedImage",
    "PreprocessingSpec",
    "ProviderReport",
    "UnavailableError",
    "UsageError",
    "WrongResultsError",
    "__version__",
    "combined_is_anomaly",
    "decode",
    "draw_overlay",
    "prepare",
    "register_execution_provider",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "Calibration": "calibration",
        "CombinedDetector": "combined_detector",
        "CombinedPrediction": "prediction",
        "Detector": "detector",
        "ModelContract": "contract",
        "Prediction": "prediction",
        "PreparedImage": "preprocessing",
        "PreprocessingSpec": "preprocessing",
        "ProviderReport": "provider_choice",
        "decode": "image",
        "draw_overlay": "heatmap_overlay",
        "prepare": "preprocessing",
        "register_execution_provider": "provider_candidates",
    },
)
