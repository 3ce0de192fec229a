"""CRBL in PyTorch: the model, its training, its evaluation and its checkpoints."""

from typing import TYPE_CHECKING

from crbl_runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from crbl_training.checkpoint import load_checkpoint
    from crbl_training.data.dataset import read_labelled, read_split
    from crbl_training.devices.device import choose_device, get_device
    from crbl_training.evaluation.evaluated_model import open_model
    from crbl_training.evaluation.metrics import evaluate
    from crbl_training.evaluation.model_evaluation import evaluate_model
    from crbl_training.model.bilinear_pooling import BilinearPooling
    from crbl_training.model.crbl import CRBLDualModel, create_crop_model, create_full_model
    from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
    from crbl_training.train.config import TrainingConfig, training_config
    from crbl_training.train.run import run_training

__all__ = [
    "BilinearPooling",
    "CRBLDualModel",
    "EfficientNetB0FeatureExtractor",
    "TrainingConfig",
    "choose_device",
    "create_crop_model",
    "create_full_model",
    "evaluate",
    "evaluate_model",
    "get_device",
    "load_checkpoint",
    "open_model",
    "read_labelled",
    "read_split",
    "run_training",
    "training_config",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "BilinearPooling": "model.bilinear_pooling",
        "CRBLDualModel": "model.crbl",
        "EfficientNetB0FeatureExtractor": "model.feature_extractor",
        "TrainingConfig": "train.config",
        "choose_device": "devices.device",
        "create_crop_model": "model.crbl",
        "create_full_model": "model.crbl",
        "evaluate": "evaluation.metrics",
        "evaluate_model": "evaluation.model_evaluation",
        "get_device": "devices.device",
        "load_checkpoint": "checkpoint",
        "open_model": "evaluation.evaluated_model",
        "read_labelled": "data.dataset",
        "read_split": "data.dataset",
        "run_training": "train.run",
        "training_config": "train.config",
    },
)
