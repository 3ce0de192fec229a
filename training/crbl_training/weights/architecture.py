"""Tells timm's `efficientnet_b0` and torchvision's from `tf_efficientnet_b0`, whose tensors have the same shapes.

They differ in padding and in BatchNorm's eps, which no tensor shows: what tells them apart is what the file, its
neighbour config.json or its name says, and how long a training in PyTorch it has seen.
"""

import argparse
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from torch import Tensor

from crbl_runtime.errors import CheckpointError

_ARCHITECTURE = re.compile(r"(?:hf[-_]hub:)?(?:timm/)?(tf_)?efficientnet_b0(?:[._].*)?", re.IGNORECASE)
_IN_NAME = re.compile(r"(?<![a-z0-9])(tf_)?efficientnet_b0(?![0-9])", re.IGNORECASE)
# The cache of huggingface_hub keeps a model in a folder of this name: models--timm--tf_efficientnet_b0.in1k.
_HUB_FOLDER = "models--timm--"
_LONGEST_CONFIG = 1024**2
_DEPTH = 5
# A training on ImageNet from nothing takes more batches (1.28 million images, 90 epochs, 1024 in a batch: 112,600) and
# a fine-tuning fewer; `tf_efficientnet_b0` was converted from TensorFlow, and its BatchNorms have counted none.
TRAINED_FROM_NOTHING = 100_000
# A convolution of the first block, which torchvision's other networks have under other names.
_TORCHVISION_BLOCK = "features.1.0.block.0.0.weight"

_DIFFERENCE = (
    "it pads symmetrically and has BatchNorm eps 1e-5, but this model pads as TensorFlow does and has eps 1e-3, so "
    "that the same weights give other features. Files that fit: timm's tf_efficientnet_b0.*, Keras's EfficientNetB0 "
    "(.h5, .keras); or --weights imagenet or noisy-student."
)


def refuse_torchvision(state: dict[str, Tensor], path: Path) -> None:
    """Refuse torchvision's EfficientNet, told by its names.

    Raises:
        CheckpointError: the tensors have those names.
    """
    if any(f".{name}".endswith(f".{_TORCHVISION_BLOCK}") for name in state):
        raise CheckpointError(f"{path} holds torchvision's EfficientNet, which does not fit: {_DIFFERENCE}")


def require_tensorflow_padding(content: object, state: dict[str, Tensor], path: Path) -> str:
    """Make sure, as far as it can be seen, that tensors with timm's names are those of `tf_efficientnet_b0`.

    Args:
        content: all that the file holds. state: the backbone's tensors. path: the file.

    Returns:
        what the tensors are taken for and why, as text.

    Raises:
        CheckpointError: they are those of `efficientnet_b0`.
    """
    sayings: tuple[tuple[str, Iterable[re.Match[str] | None]], ...] = (
        ("an entry of the file", map(_ARCHITECTURE.fullmatch, _texts(content, _DEPTH))),
        ("config.json beside it", map(_ARCHITECTURE.fullmatch, _texts(_neighbour_config(path), _DEPTH))),
        ("its name", map(_IN_NAME.search, [path.name, *(part for part in path.parts if _HUB_FOLDER in part)])),
    )
    for who, matches in sayings:
        tensorflow = {bool(match[1]) for match in matches if match}
        if tensorflow == {True}:
            return f"tf_efficientnet_b0, as {who} says"
        if tensorflow == {False}:
            raise CheckpointError(
                f"{path} holds timm's efficientnet_b0, as {who} says, which does not fit: {_DIFFERENCE}"
            )
    batches = max((int(tensor) for name, tensor in state.items() if _is_count(name, tensor)), default=0)
    if batches >= TRAINED_FROM_NOTHING:
        raise CheckpointError(
            f"{path} was trained in PyTorch for {batches:,} batches, as timm's efficientnet_b0 was and "
            f"tf_efficientnet_b0 was not. The former does not fit: {_DIFFERENCE} If it is tf_efficientnet_b0 all the "
            f"same, put that into the file's name: tf_efficientnet_b0_{path.name}."
        )
    return "taken for tf_efficientnet_b0 (TensorFlow's padding, BatchNorm eps 1e-3), which the file itself does not say"


def _is_count(name: str, tensor: Tensor) -> bool:
    return name.endswith("num_batches_tracked") and tensor.numel() == 1


def _texts(content: object, depth: int) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif depth and isinstance(content, argparse.Namespace):
        yield from _texts(vars(content), depth - 1)
    elif depth and isinstance(content, dict):
        for value in content.values():
            yield from _texts(value, depth - 1)


def _neighbour_config(path: Path) -> object:
    """The config.json that the Hugging Face hub keeps beside weights; None where there is none that can be read."""
    config = path.with_name("config.json")
    try:
        return json.loads(config.read_bytes()) if config.stat().st_size <= _LONGEST_CONFIG else None
    except (OSError, ValueError, RecursionError):
        return None  # It is not the file that was named: what it cannot tell, the other hints may.
