"""Which network a state dict is of, told by the names of its tensors, so that a wrong file can be called what it is."""

import re
from pathlib import Path

from torch import Tensor

from crbl_runtime.errors import CheckpointError

_STAGES = (1, 2, 2, 3, 3, 4, 1)
_BLOCK = re.compile(r"(?:.*\.)?blocks\.(\d+)\.(\d+)\..+")
_TIMM_STEM = re.compile(r"(?:.*\.)?conv_stem\.weight")
# The end of a name that only this network has, and what it is called; the first that is found counts.
_NETWORKS = (
    (r"_conv_stem\.weight", "an EfficientNet of the package efficientnet_pytorch"),
    (r"embeddings\.convolution\.weight", "an EfficientNet of the package transformers"),
    (r"relative_position_bias_table", "a Swin Transformer"),
    (r"attn\.qkv\.weight|encoder_layer_0\.[\w.]+|attention\.query\.weight|layers\.0\.[\w.]*q_proj\.weight",
     "a vision transformer"),
    (r"layer1\.0\.conv1\.weight", "a ResNet"),
    (r"denseblock1\.denselayer1\.norm1\.weight", "a DenseNet"),
    (r"(?:conv_)?dw(?:conv)?\.weight|features\.1\.0\.layer_scale|layer_scale_parameter", "a ConvNeXt"),
    (r"features\.1\.block\.0\.0\.weight", "a MobileNetV3 of torchvision"),
    (r"features\.1\.conv\.0\.0\.weight", "a MobileNetV2 of torchvision"),
    (r"trunk_output\.block1\.[\w.-]+|s1\.b1\.conv1\.conv\.weight", "a RegNet"),
    (r"Conv2d_1a_3x3\.conv\.weight", "an Inception network"),
    (r"features\.3\.squeeze\.weight", "a SqueezeNet"),
    (r"features\.[036]\.weight", "a VGG or an AlexNet"),
    (r"model\.0\.conv\.weight", "a YOLO detector"),
)  # fmt: skip


def require_efficientnet_b0(state: dict[str, Tensor], path: Path) -> None:
    """Refuse what is seen to be another network than EfficientNet-B0, by its name.

    Args:
        state: by timm's names where it is an EfficientNet. path: the file, for messages.

    Raises:
        CheckpointError: it is a network of `_NETWORKS`, or one whose stages have other numbers of blocks.
    """
    if not any(map(_TIMM_STEM.fullmatch, state)):
        name = _network(state)
        if name is not None:
            raise CheckpointError(
                f"{path} holds {name}, expected an EfficientNet-B0: timm's tf_efficientnet_b0 or efficientnet_b0, "
                "torchvision's efficientnet_b0, or Keras's EfficientNetB0."
            )
        return
    blocks = {(int(match[1]), int(match[2])) for match in map(_BLOCK.fullmatch, state) if match}
    stages = (
        tuple(sum(stage == number for stage, _ in blocks) for number in range(1 + max(blocks)[0])) if blocks else ()
    )
    if stages not in ((), _STAGES):
        raise CheckpointError(
            f"{path} holds another network than EfficientNet-B0: its stages have {_listed(stages)} blocks, expected "
            f"{_listed(_STAGES)}. Save the weights of timm's tf_efficientnet_b0 or of torchvision's efficientnet_b0."
        )


def _network(state: dict[str, Tensor]) -> str | None:
    for pattern, name in _NETWORKS:
        if any(re.fullmatch(rf"(?:.*\.)?(?:{pattern})", tensor) for tensor in state):
            return name
    return None


def _listed(counts: tuple[int, ...]) -> str:
    return ", ".join(map(str, counts))
