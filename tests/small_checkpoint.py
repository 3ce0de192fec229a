"""A checkpoint that needs no training and little time."""

import skimage.data
import torch

from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_runtime.variant import CROP
from crbl_training.checkpoint import Checkpoint
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.network_input import network_input
from crbl_training.weights.batchnorm_calibration import calibrate_batchnorm


def small_checkpoint(**spec: object) -> Checkpoint:
    """Random weights with BatchNorm statistics of photographs, 64 px."""
    torch.manual_seed(3)
    preprocessing = PreprocessingSpec(region="whole", image_size=64, **spec)  # type: ignore[arg-type]
    network = CRBLDualModel("after-150")
    photograph = torch.from_numpy(skimage.data.astronaut()[:512, :512])
    tiles = photograph.unfold(0, 64, 64).unfold(1, 64, 64).flatten(0, 1).permute(0, 2, 3, 1)
    for backbone in (network.backbone1, network.backbone2):
        calibrate_batchnorm(backbone, [network_input(tiles, preprocessing)])
    return Checkpoint(CROP, network.state_dict(), preprocessing, 0.01, "a test")


def decided_checkpoint() -> Checkpoint:
    """The small checkpoint with a head that gives logits of about 1, as a trained one does, instead of 5e-4."""
    checkpoint = small_checkpoint()
    checkpoint.state["classifier.weight"].mul_(2000)
    return checkpoint
