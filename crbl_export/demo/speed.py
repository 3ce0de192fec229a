"""Milliseconds per image of PyTorch and of the model file."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from crbl_runtime.detector import Detector
from crbl_runtime.preprocessing import PreparedImage, PreprocessingSpec
from crbl_training.checkpoint import Checkpoint
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.network_input import network_input


@dataclass(frozen=True)
class Speed:
    """Median milliseconds for one prepared image, one at a time, on the CPU."""

    pytorch: float
    model_file: float


def measure_speed(checkpoint: Checkpoint, model_file: Path, prepared: list[PreparedImage]) -> Speed:
    """Both take each image in turn, so that a busy machine slows both."""
    model = checkpoint.build_model()
    images = torch.from_numpy(np.stack([each.pixels for each in prepared]))
    pytorch, file = [], []
    with Detector(model_file, "cpu", threads=torch.get_num_threads()) as detector:
        for image, each in zip(images, prepared, strict=True):
            batch = image.unsqueeze(0)
            pytorch.append(_milliseconds(_logits, model, batch, checkpoint.preprocessing))
            file.append(_milliseconds(detector.predict_prepared, [each]))
    return Speed(statistics.median(pytorch), statistics.median(file))


@torch.no_grad()
def _logits(model: CRBLDualModel, images: Tensor, spec: PreprocessingSpec) -> Tensor:
    return model(network_input(images, spec))  # type: ignore[no-any-return]


def _milliseconds(call: Callable[..., object], *arguments: object) -> float:
    started = time.perf_counter()
    call(*arguments)
    return (time.perf_counter() - started) * 1000
