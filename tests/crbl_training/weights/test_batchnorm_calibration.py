"""batchnorm_calibration.py: random backbones that say something."""

import pytest
import torch
from torch import nn

from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from crbl_training.weights.batchnorm_calibration import calibrate_batchnorm


def batchnorms(backbone: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.fixture
def batches() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.rand(8, 3, 64, 64) for _ in range(2)]


@pytest.fixture
def backbone() -> EfficientNetB0FeatureExtractor:
    torch.manual_seed(1)
    return EfficientNetB0FeatureExtractor()


def test_features_become_alive(backbone, batches):
    backbone.eval()
    with torch.no_grad():
        before = backbone(batches[0]).std()
        calibrate_batchnorm(backbone, batches)
        after = backbone(batches[0]).std()
    assert before < 1e-3
    assert after > 0.1


def test_first_statistics_are_the_average_over_the_batches(backbone, batches):
    calibrate_batchnorm(backbone, batches)
    with torch.no_grad():
        stems = [backbone.conv_stem(batch) for batch in batches]
    mean = torch.stack([stem.mean((0, 2, 3)) for stem in stems]).mean(0)
    variance = torch.stack([stem.var((0, 2, 3)) for stem in stems]).mean(0)
    torch.testing.assert_close(backbone.bn1.running_mean, mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(backbone.bn1.running_var, variance, rtol=1e-4, atol=1e-6)


def test_parameters_momentum_and_mode_are_left_as_training_needs_them(backbone, batches):
    before = {name: parameter.clone() for name, parameter in backbone.named_parameters()}
    calibrate_batchnorm(backbone, batches)
    assert all(torch.equal(parameter, before[name]) for name, parameter in backbone.named_parameters())
    assert {layer.momentum for layer in batchnorms(backbone)} == {0.01}
    assert not [module for module in backbone.modules() if module.training]


def test_frozen_backbone_is_calibrated_too_and_repeats_exactly(backbone, batches):
    backbone.freeze()
    calibrate_batchnorm(backbone, batches)
    first = [layer.running_mean.clone() for layer in batchnorms(backbone)]
    assert all(mean.abs().max() > 0 for mean in first)
    calibrate_batchnorm(backbone, batches)
    assert all(torch.equal(a, b.running_mean) for a, b in zip(first, batchnorms(backbone), strict=True))
