"""Judge pictures with a CRBL model file. Needs numpy, OpenCV and onnxruntime, nothing else."""

from crbl_runtime.contract import ModelContract
from crbl_runtime.decision import combined_is_anomaly
from crbl_runtime.detector import Detector, Prediction
from crbl_runtime.errors import (
    CRBLError,
    DataError,
    InputError,
    ModelFileError,
    PictureError,
    UnavailableError,
    UsageError,
)
from crbl_runtime.picture import decode
from crbl_runtime.preprocessing import PreparedPicture, PreprocessingSpec, prepare
from crbl_runtime.version import __version__

__all__ = [
    "CRBLError",
    "DataError",
    "Detector",
    "InputError",
    "ModelContract",
    "ModelFileError",
    "PictureError",
    "Prediction",
    "PreparedPicture",
    "PreprocessingSpec",
    "UnavailableError",
    "UsageError",
    "__version__",
    "combined_is_anomaly",
    "decode",
    "prepare",
]
