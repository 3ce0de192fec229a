"""Heatmaps of a set of images, computed by PyTorch."""

import numpy as np
import torch
from numpy.typing import NDArray

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.data.mapped_images import Images
from crbl_training.evaluation.network_outputs import network_outputs
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.folded_copy import folded_copy


def predict_heatmaps(
    model: CRBLDualModel, images: Images, spec: PreprocessingSpec, device: torch.device
) -> NDArray[np.float32]:
    """Heatmaps of prepared images, uint8 [N, H, W, 3] -> float32 [N, h, w]; each adds up to its logit less the bias.

    The model is left in eval mode. A folded copy computes them, as it does in `predict_logits`.
    """
    network = folded_copy(model.eval())
    maps = network_outputs(lambda x: network.heatmap(*network.features(x)), images, spec, device, "Heatmaps")
    return np.asarray(maps.numpy(), np.float32)
