"""torchvision_names.py: torchvision's EfficientNet-B0, tensor for tensor."""

import torch
from torchvision.models import efficientnet_b0

from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from crbl_training.weights.torchvision_names import from_torchvision


def test_names_and_shapes_map_one_for_one():
    renamed = from_torchvision(efficientnet_b0().features.state_dict(prefix="features."))
    own = EfficientNetB0FeatureExtractor().state_dict()
    assert {name: tensor.shape for name, tensor in renamed.items()} == {name: t.shape for name, t in own.items()}


@torch.no_grad()
def test_renamed_weights_compute_the_same_squeeze_and_excitation_block():
    torch.manual_seed(0)
    network = efficientnet_b0().eval()
    backbone = EfficientNetB0FeatureExtractor().eval()
    backbone.load_state_dict(from_torchvision(network.features.state_dict(prefix="features.")))
    # A block of stride 1 pads alike on all sides, so that both libraries must agree but for BatchNorm's eps.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3
    for stage, block, channels in ((1, 0, 32), (2, 1, 24), (5, 2, 112)):
        x = torch.rand(2, channels, 8, 8)
        expected = network.features[stage][block](x)
        torch.testing.assert_close(backbone.blocks[stage - 1][block](x), expected, rtol=1e-4, atol=1e-6)


def test_unknown_names_stay():
    state = {"classifier.1.weight": torch.ones(1), "features.3.0.block.9.weight": torch.ones(1)}
    assert set(from_torchvision(state)) == set(state)
