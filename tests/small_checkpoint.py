"""A checkpoint that needs no training and little time."""

from functools import cache
from typing import Any

import skimage.data
import torch
from torch import Tensor

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.variant import CROP
from crbl_training.checkpoint import Checkpoint
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.network_input import network_input
from crbl_training.weights.batchnorm_calibration import calibrate_batchnorm


def small_checkpoint(image_size: int = 64, **spec: Any) -> Checkpoint:
    """Random weights with BatchNorm statistics of photographs."""
    preprocessing = PreprocessingSpec(region="whole", image_size=image_size, **spec)
    state = {name: tensor.clone() for name, tensor in _state(preprocessing).items()}
    return Checkpoint(CROP, state, preprocessing, 0.01, "a test")


def decided_checkpoint(image_size: int = 64) -> Checkpoint:
    """The small checkpoint with a head that gives logits of about 1, as a trained one does, instead of 5e-4."""
    checkpoint = small_checkpoint(image_size)
    checkpoint.state["classifier.weight"].mul_(2000)
    return checkpoint


@cache
def _state(preprocessing: PreprocessingSpec) -> dict[str, Tensor]:
    torch.manual_seed(3)
    network = CRBLDualModel("after-150")
    size = preprocessing.image_size
    photograph = torch.from_numpy(skimage.data.astronaut()[:512, :512])
    tiles = photograph.unfold(0, size, 64).unfold(1, size, 64).flatten(0, 1).permute(0, 2, 3, 1)
    for backbone in (network.backbone1, network.backbone2):
        calibrate_batchnorm(backbone, [network_input(tiles, preprocessing)])
    return network.state_dict()
