"""model/feature_extractor.py: timm's tf_efficientnet_b0 to the bit, and what is frozen stays as it was."""

import pytest
import timm
import torch
from torch import nn

from crbl_training.model.drop_path import DropPath
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor


@pytest.fixture(scope="module")
def timm_network() -> nn.Module:
    """timm's network with BatchNorm statistics that let something through."""
    torch.manual_seed(5)
    network = timm.create_model("tf_efficientnet_b0", pretrained=False).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        network(torch.rand(4, 3, 128, 128))
    return network.eval()


@pytest.fixture(scope="module")
def loaded(timm_network: nn.Module) -> EfficientNetB0FeatureExtractor:
    """Our backbone with the same weights."""
    backbone = EfficientNetB0FeatureExtractor()
    state = {name: t.clone() for name, t in timm_network.state_dict().items() if not name.startswith("classifier.")}
    backbone.load_state_dict(state, strict=True)
    return backbone.eval()


@pytest.mark.parametrize(("height", "width"), [(128, 128), (101, 101), (75, 64), (33, 33), (32, 32)])
@torch.no_grad()
def test_features_equal_timm_to_the_bit(timm_network, loaded, height, width):
    x = torch.rand(2, 3, height, width)
    features = loaded(x)
    assert features.shape == (2, 1280, -(-height // 32), -(-width // 32))
    assert features.std() > 1e-2
    assert torch.equal(features, timm_network.forward_features(x))


def test_tensors_carry_timm_names_and_shapes(timm_network, loaded):
    expected = {n: t.shape for n, t in timm_network.state_dict().items() if not n.startswith("classifier.")}
    assert {name: tensor.shape for name, tensor in loaded.state_dict().items()} == expected


def test_batchnorm_is_tensorflow_s(loaded):
    layers = [module for module in loaded.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(layers) == 49
    assert {(layer.eps, layer.momentum) for layer in layers} == {(1e-3, 0.01)}


def test_no_convolution_pads_at_the_front_by_itself(loaded):
    assert not [module for module in loaded.modules() if type(module).__name__ == "Conv2dSame"]
    assert loaded.conv_stem.stride == (2, 2)


def test_freezing_before_layer_150_leaves_exactly_what_follows():
    backbone = EfficientNetB0FeatureExtractor()
    backbone.freeze_before_layer_150()
    learning = {name for name, parameter in backbone.named_parameters() if parameter.requires_grad}
    everything = [name for name, _ in backbone.named_parameters()]
    # The parameters stand in the order of the layers, so what learns is the tail, less what comes before the expansion
    # of the squeeze-excitation of block 4.2.
    first = everything.index("blocks.4.2.se.conv_expand.weight")
    assert learning == set(everything[first:]) - {"bn1.weight", "bn1.bias"}
    assert {name for name in learning if name.startswith("blocks.4.")} == {
        "blocks.4.2.se.conv_expand.weight", "blocks.4.2.se.conv_expand.bias", "blocks.4.2.conv_pwl.weight",
        "blocks.4.2.bn3.weight", "blocks.4.2.bn3.bias",
    }  # fmt: skip


def test_train_leaves_frozen_batchnorm_and_drop_path_in_eval():
    backbone = EfficientNetB0FeatureExtractor()
    backbone.freeze_before_layer_150()
    backbone.train()
    modules = dict(backbone.named_modules())
    batchnorm = {n: m.training for n, m in modules.items() if isinstance(m, nn.BatchNorm2d)}
    tail = ("blocks.5.", "blocks.6.", "bn2")
    assert batchnorm == {name: name.startswith(tail) or name == "blocks.4.2.bn3" for name in batchnorm}
    drop_paths = {n: m.training for n, m in modules.items() if isinstance(m, DropPath)}
    assert drop_paths == {name: name.startswith((*tail, "blocks.4.2.")) for name in drop_paths}
    assert any(drop_paths.values())
    assert not all(drop_paths.values())


def test_frozen_backbone_is_deterministic_under_train(loaded):
    backbone = EfficientNetB0FeatureExtractor()
    backbone.load_state_dict(loaded.state_dict())
    backbone.freeze()
    backbone.train()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(backbone(x), loaded(x))
    assert not [module for module in backbone.drop_paths() if module.training]


def test_drop_path_rate_grows_to_the_recipe_s():
    rates = [module.drop_prob for module in EfficientNetB0FeatureExtractor().drop_paths()]
    assert rates == sorted(rates)
    # timm grows the rate with the depth i of N = 16 blocks: 0.2 i / N.
    assert rates[-1] == pytest.approx(0.2 * 15 / 16)


def test_eval_ends_all_training_behaviour():
    backbone = EfficientNetB0FeatureExtractor()
    backbone.train()
    backbone.eval()
    assert not [name for name, module in backbone.named_modules() if module.training]
