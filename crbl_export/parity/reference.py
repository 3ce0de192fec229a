"""PyTorch's logits: in float64, which anchors the gate, and in float32, which shows how much rounding is worth."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from crbl_export.trained_model import TrainedModel
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.network_input import network_input

BATCH = 16


@dataclass(frozen=True)
class Reference:
    """Logits of the PyTorch model: float64 [N] each, computed in float64 and in float32."""

    float64: NDArray[np.float64]
    float32: NDArray[np.float64]

    @property
    def error_torch(self) -> float:
        """The largest |difference| of the two: what rounding is worth."""
        return float(np.max(np.abs(self.float32 - self.float64)))


def reference_logits(trained: TrainedModel, pixels: NDArray[np.uint8]) -> Reference:
    """Logits of prepared images, uint8 [N, size, size, 3]."""
    return Reference(
        float64=float64_logits(trained, pixels),
        float32=_logits(trained.float32, pixels, trained.preprocessing, torch.float32),
    )


def float64_logits(trained: TrainedModel, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Logits of prepared images, uint8 [N, size, size, 3], computed in float64."""
    return _logits(trained.float64, pixels, trained.preprocessing, torch.float64)


@torch.no_grad()
def _logits(
    network: CRBLDualModel, pixels: NDArray[np.uint8], spec: PreprocessingSpec, dtype: torch.dtype
) -> NDArray[np.float64]:
    logits = []
    name = f"PyTorch, {str(dtype).removeprefix('torch.')}"
    with tqdm(total=len(pixels), desc=name, unit="", leave=False, disable=None) as progress:
        for batch in torch.split(torch.from_numpy(pixels), BATCH):
            logits.append(network(network_input(batch, spec, dtype)).double().numpy())
            progress.update(len(batch))
    return np.concatenate(logits)
