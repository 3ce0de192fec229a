"""BatchNorm statistics for backbones that start from random weights."""

import torch
from torch import Tensor, nn

from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor


@torch.no_grad()
def calibrate_batchnorm(backbone: EfficientNetB0FeatureExtractor, batches: list[Tensor]) -> None:
    """Set every BatchNorm's mean and variance to those seen on `batches`; leaves the backbone in eval mode.

    Without this the features of a random backbone are useless: its frozen BatchNorms would stay at mean 0 and
    variance 1, and the feature map comes out around 1e-5 whatever the image.

    Args:
        batches: network inputs, float [N, 3, H, W] each, N at least 2.
    """
    backbone.eval()
    layers = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # None is how torch is asked for the plain average over all batches.
        layer.train()
    for batch in batches:
        backbone(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()
