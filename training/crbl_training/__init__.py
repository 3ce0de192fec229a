"""CRBL in PyTorch: the model, its training and its checkpoints."""

from crbl_training.device import get_device
from crbl_training.model.bilinear_pooling import BilinearPooling
from crbl_training.model.crbl import CRBLDualModel, create_crop_model, create_full_model
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor

__all__ = [
    "BilinearPooling",
    "CRBLDualModel",
    "EfficientNetB0FeatureExtractor",
    "create_crop_model",
    "create_full_model",
    "get_device",
]
