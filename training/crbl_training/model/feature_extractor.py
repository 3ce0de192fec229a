"""The backbone: EfficientNet-B0 as TensorFlow has it, without its classifier."""

from typing import Any

import timm
from timm.layers.drop import DropPath as TimmDropPath
from torch import Tensor, nn

from crbl_training.model.drop_path import DropPath
from crbl_training.model.same_padding import SamePaddingConv2d

FEATURE_CHANNELS = 1280
DROP_PATH_RATE = 0.2

# Keras layer 150 of qubvel's efficientnet (230 layers) is block5c_se_expand: from there on, in this naming.
AFTER_LAYER_150 = (
    "blocks.4.2.se.conv_expand.",
    "blocks.4.2.conv_pwl.",
    "blocks.4.2.bn3.",
    "blocks.5.",
    "blocks.6.",
    "conv_head.",
    "bn2.",
)

WHOLE_BLOCKS_BEFORE_LAYER_150 = (
    "conv_stem.",
    "bn1.",
    "blocks.0.",
    "blocks.1.",
    "blocks.2.",
    "blocks.3.",
    "blocks.4.0.",
    "blocks.4.1.",
)


class EfficientNetB0FeatureExtractor(nn.Module):
    """timm's `tf_efficientnet_b0` up to its last feature map; parameters carry timm's names.

    BatchNorm has eps 1e-3 and momentum 0.01 (0.99 in Keras's counting), padding is TensorFlow's SAME.
    """

    conv_stem: nn.Module
    bn1: nn.Module
    blocks: Any  # An nn.Sequential of stages, each an nn.Sequential of blocks.
    conv_head: nn.Module
    bn2: nn.Module

    def __init__(self) -> None:
        super().__init__()
        network: Any = timm.create_model("tf_efficientnet_b0", pretrained=False, drop_path_rate=DROP_PATH_RATE)
        _replace_same_convolutions(network)
        _replace_drop_paths(network)
        self.conv_stem = network.conv_stem
        self.bn1 = network.bn1
        self.blocks = network.blocks
        self.conv_head = network.conv_head
        self.bn2 = network.bn2
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.01

    def forward(self, x: Tensor) -> Tensor:
        """float [N, 3, H, W] (any H, W >= 32) -> feature map, float [N, 1280, ceil(H / 32), ceil(W / 32)]."""
        return self.after_layer_150(self.before_layer_150(x))

    def before_layer_150(self, x: Tensor) -> Tensor:
        """float [N, 3, H, W] -> the input of `blocks.4.2`, float [N, 112, ceil(H / 16), ceil(W / 16)].

        The whole blocks before Keras layer 150: all that the crop variant can compute once and for all.
        """
        activations: Tensor = self.whole_blocks_before_layer_150()(x)
        return activations

    def whole_blocks_before_layer_150(self) -> nn.Sequential:
        """What `before_layer_150` computes with, front to back; the same modules, no copies."""
        return nn.Sequential(self.conv_stem, self.bn1, self.blocks[:4], self.blocks[4][:2])

    def after_layer_150(self, x: Tensor) -> Tensor:
        """The input of `blocks.4.2` -> feature map."""
        x = self.blocks[5:](self.blocks[4][2:](x))
        feature_map: Tensor = self.bn2(self.conv_head(x))
        return feature_map

    def freeze_before_layer_150(self) -> None:
        """Leave only what follows Keras layer 150 trainable (the crop variant)."""
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name.startswith(AFTER_LAYER_150))

    def freeze(self) -> None:
        """Leave nothing trainable (the full variant)."""
        self.requires_grad_(False)

    def train(self, mode: bool = True) -> "EfficientNetB0FeatureExtractor":
        """Like nn.Module.train, but what is frozen stays in eval mode, as in Keras.

        A BatchNorm is frozen with its own parameters, drop-path with the block it stands in.
        """
        super().train(mode)
        for stage in self.blocks:
            for block in stage.children():
                if not any(parameter.requires_grad for parameter in block.parameters()):
                    block.eval()
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
                module.eval()
        return self

    def drop_paths(self) -> list[DropPath]:
        """The stochastic-depth layers, front to back."""
        return [module for module in self.modules() if isinstance(module, DropPath)]


def _replace_same_convolutions(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and type(child).__name__ == "Conv2dSame":
            setattr(module, name, SamePaddingConv2d.like(child))
        else:
            _replace_same_convolutions(child)


def _replace_drop_paths(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, TimmDropPath):
            setattr(module, name, DropPath(child.drop_prob))
        else:
            _replace_drop_paths(child)
