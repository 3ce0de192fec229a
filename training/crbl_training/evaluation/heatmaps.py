"""Logits of a set of images, and where they come from, computed by PyTorch."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.mapped_images import Images
from crbl_training.evaluation.network_outputs import network_outputs
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.folded_copy import folded_copy


def predict_logits_and_heatmaps(
    model: CRBLDualModel, images: Images, spec: PreprocessingSpec, device: torch.device
) -> tuple[Tensor, NDArray[np.float32]]:
    """Prepared images, uint8 [N, H, W, 3] -> the logits of `predict_logits`, and heatmaps, float32 [N, h, w].

    Each heatmap adds up to its logit less the bias. The model is left in eval mode.
    """
    network = folded_copy(model.eval())

    def compute(x: Tensor) -> tuple[Tensor, Tensor]:
        features = network.features(x)
        return network.logits(*features), network.heatmap(*features)

    logits, maps = network_outputs(compute, images, spec, device)
    return logits, np.asarray(maps.numpy(), np.float32)
