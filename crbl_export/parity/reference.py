"""What PyTorch says: in float64, which anchors the gate, and in float32, which says how much rounding is worth."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.checkpoint import Checkpoint
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.network_input import network_input

BATCH = 16


@dataclass(frozen=True)
class Reference:
    """Logits of the PyTorch model: float64 [N] each, computed in float64 and in float32."""

    float64: NDArray[np.float64]
    float32: NDArray[np.float64]


def reference_logits(checkpoint: Checkpoint, images: NDArray[np.uint8]) -> Reference:
    """Logits of prepared images, uint8 [N, size, size, 3]."""
    model = checkpoint.build_model()
    float32 = _logits(model, images, checkpoint.preprocessing, torch.float32, "PyTorch, float32")
    float64 = _logits(model.double(), images, checkpoint.preprocessing, torch.float64, "PyTorch, float64")
    return Reference(float64, float32)


@torch.no_grad()
def _logits(
    model: CRBLDualModel, images: NDArray[np.uint8], spec: PreprocessingSpec, dtype: torch.dtype, name: str
) -> NDArray[np.float64]:
    logits = []
    with tqdm(total=len(images), desc=name, unit="", leave=False, disable=None) as progress:
        for part in torch.from_numpy(images).split(BATCH):
            logits.append(model(network_input(part, spec, dtype)).double().numpy())
            progress.update(len(part))
    return np.concatenate(logits)
