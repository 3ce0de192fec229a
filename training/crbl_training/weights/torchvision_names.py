"""torchvision's names for the tensors of EfficientNet-B0, as timm's."""

import re

from torch import Tensor

_INSIDE_BLOCK = {
    # torchvision numbers the layers of a block: expansion, depthwise, squeeze-excitation, projection.
    False: {"0.0": "conv_pw", "0.1": "bn1", "1.0": "conv_dw", "1.1": "bn2", "2.fc1": "se.conv_reduce",
            "2.fc2": "se.conv_expand", "3.0": "conv_pwl", "3.1": "bn3"},
    # The blocks of the first stage have no expansion.
    True: {"0.0": "conv_dw", "0.1": "bn1", "1.fc1": "se.conv_reduce", "1.fc2": "se.conv_expand", "2.0": "conv_pw",
           "2.1": "bn2"},
}  # fmt: skip
_OUTSIDE = {"features.0.0": "conv_stem", "features.0.1": "bn1", "features.8.0": "conv_head", "features.8.1": "bn2"}


def from_torchvision(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of torchvision's `efficientnet_b0`; unknown names stay as they are."""
    return {_rename(name): tensor for name, tensor in state.items()}


def _rename(name: str) -> str:
    layer, _, variable = name.rpartition(".")
    if layer in _OUTSIDE:
        return f"{_OUTSIDE[layer]}.{variable}"
    match = re.fullmatch(r"features\.([1-7])\.(\d+)\.block\.(.+)", layer)
    if match is None:
        return name
    stage, block, inside = int(match[1]), match[2], match[3]
    known = _INSIDE_BLOCK[stage == 1]
    return f"blocks.{stage - 1}.{block}.{known[inside]}.{variable}" if inside in known else name
