"""network_names.py: other networks are called what they are."""

from pathlib import Path

import pytest
import timm
import torch
from torchvision import models

from crbl_runtime.errors import CheckpointError
from crbl_training.weights.network_names import require_efficientnet_b0

PATH = Path("w.pth")


def names_of(make, **settings):
    """A state dict without values: made on no device."""
    with torch.device("meta"):
        return make(**settings).state_dict()


@pytest.mark.parametrize("prefix", ["", "module.", "model.backbone."])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (models.resnet18, "a ResNet"),
        (models.vit_b_32, "a vision transformer"),
        (models.swin_t, "a Swin Transformer"),
        (models.densenet121, "a DenseNet"),
        (models.convnext_tiny, "a ConvNeXt"),
        (models.mobilenet_v3_small, "a MobileNetV3 of torchvision"),
        (models.mobilenet_v2, "a MobileNetV2 of torchvision"),
        (lambda: timm.create_model("regnetx_002"), "a RegNet"),
        (models.vgg11, "a VGG or an AlexNet"),
        (models.squeezenet1_1, "a SqueezeNet"),
        (lambda: timm.create_model("vit_tiny_patch16_224"), "a vision transformer"),
        (lambda: timm.create_model("resnet18"), "a ResNet"),
        (lambda: timm.create_model("convnext_atto"), "a ConvNeXt"),
        (lambda: timm.create_model("regnety_002"), "a RegNet"),
    ],
)
def test_other_networks_are_named(make, name, prefix):
    state = {f"{prefix}{tensor}": value for tensor, value in names_of(make).items()}
    with pytest.raises(CheckpointError, match=rf"w\.pth holds {name}, expected an EfficientNet-B0: timm's"):
        require_efficientnet_b0(state, PATH)


@pytest.mark.parametrize("name", ["_conv_stem.weight", "efficientnet.embeddings.convolution.weight"])
def test_efficientnets_of_other_packages_are_named(name):
    with pytest.raises(CheckpointError, match="holds an EfficientNet of the package"):
        require_efficientnet_b0({name: torch.ones(1), "_blocks.0._bn1.weight": torch.ones(1)}, PATH)


@pytest.mark.parametrize(
    "name", ["tf_efficientnet_b1", "efficientnet_b2", "tf_efficientnetv2_b0", "mobilenetv3_small_050"]
)
def test_other_networks_of_timm_with_the_same_names_are_told_by_their_blocks(name):
    with pytest.raises(CheckpointError, match=r"its stages have [\d, ]+ blocks, expected 1, 2, 2, 3, 3, 4, 1\."):
        require_efficientnet_b0(names_of(timm.create_model, model_name=name), PATH)


@pytest.mark.parametrize("prefix", ["", "module.model."])
def test_efficientnet_b0_is_let_through_and_so_is_what_nobody_knows(prefix):
    state = names_of(timm.create_model, model_name="efficientnet_b0")
    require_efficientnet_b0({f"{prefix}{name}": tensor for name, tensor in state.items()}, PATH)
    require_efficientnet_b0({"something.weight": torch.ones(1)}, PATH)
