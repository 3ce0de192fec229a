"""torchvision's names for the tensors of an EfficientNet-B0, turned into timm's."""

import re
from pathlib import Path

from torch import Tensor

from crbl_runtime.errors import CheckpointError

# The depthwise convolution of the first block, which torchvision's other networks have under other names. What stands
# before it differs: "features.", or nothing or "0." where the layers were taken out of the network.
_FIRST_BLOCK = re.compile(r"(.*\.)?1\.0\.block\.0\.0\.weight")
_IN_BLOCK = re.compile(r"([1-7])\.(\d+)\.block\.(\d)\.(\w+)\.(.+)")
_OUTSIDE = re.compile(r"([08]\.[01])\.(.+)")
# The parts of a block by their number, each with timm's name for it; the first block has no expansion.
_SQUEEZE = {"fc1": "se.conv_reduce", "fc2": "se.conv_expand"}
_FIRST_STAGE: dict[str, dict[str, str]] = {
    "0": {"0": "conv_dw", "1": "bn1"},
    "1": _SQUEEZE,
    "2": {"0": "conv_pw", "1": "bn2"},
}
_OTHER_STAGES: dict[str, dict[str, str]] = {
    "0": {"0": "conv_pw", "1": "bn1"},
    "1": {"0": "conv_dw", "1": "bn2"},
    "2": _SQUEEZE,
    "3": {"0": "conv_pwl", "1": "bn3"},
}
_BEFORE_AND_AFTER = {"0.0": "conv_stem", "0.1": "bn1", "8.0": "conv_head", "8.1": "bn2"}


def torchvision_prefix(state: dict[str, Tensor], path: Path) -> str | None:
    """What stands before torchvision's names of an EfficientNet's layers; None where there is no such network.

    Raises:
        CheckpointError: there are several.
    """
    prefixes = [match[1] or "" for match in map(_FIRST_BLOCK.fullmatch, state) if match]
    if len(prefixes) > 1:
        raise CheckpointError(
            f"{path} holds {len(prefixes)} networks ({', '.join(prefixes)}), expected one. "
            "Save the tensors of one of them alone."
        )
    return prefixes[0] if prefixes else None


def timm_names(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors with timm's names in place of torchvision's; others, such as a classifier's, keep theirs.

    Args:
        prefix: of `torchvision_prefix`.
    """
    # Where torchvision has "features", timm has nothing.
    outer = re.sub(r"(^|\.)features\.$", r"\1", prefix)
    return {
        f"{outer}{_timm_name(name.removeprefix(prefix))}" if name.startswith(prefix) else name: tensor
        for name, tensor in state.items()
    }


def _timm_name(name: str) -> str:
    block = _IN_BLOCK.fullmatch(name)
    if block is not None:
        stage, number, part, layer, rest = block.groups()
        parts = _FIRST_STAGE if stage == "1" else _OTHER_STAGES
        return f"blocks.{int(stage) - 1}.{number}.{parts.get(part, {}).get(layer, layer)}.{rest}"
    outside = _OUTSIDE.fullmatch(name)
    return f"{_BEFORE_AND_AFTER[outside[1]]}.{outside[2]}" if outside is not None else name
