"""Tells timm's `efficientnet_b0` from `tf_efficientnet_b0`, whose tensors have the same names and shapes.

They differ in padding and in BatchNorm's eps, which no tensor shows: what tells them apart is what the file, its
neighbour config.json or its name says, and how long a training in PyTorch it has seen.
"""

import argparse
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

_ARCHITECTURE = re.compile(r"(?:hf[-_]hub:)?(?:timm/)?(tf_)?efficientnet_b0(?:[._].*)?", re.IGNORECASE)
_IN_NAME = re.compile(r"(?<![a-z0-9])(tf_)?efficientnet_b0(?![0-9])", re.IGNORECASE)
# The cache of huggingface_hub keeps a model in a folder of this name: models--timm--tf_efficientnet_b0.in1k.
_HUB_FOLDER = "models--timm--"
_LONGEST_CONFIG = 1024**2
_DEPTH = 5
# A training on ImageNet from nothing takes more batches (1.28 million images, 90 epochs, 1024 in a batch: 112,600) and
# a fine-tuning fewer; `tf_efficientnet_b0` was converted from TensorFlow, and its BatchNorms have counted none.
TRAINED_FROM_NOTHING = 100_000


@dataclass(frozen=True)
class Architecture:
    """Which of the networks of the same shapes tensors are of.

    Attributes:
        tensorflow: whether it is `tf_efficientnet_b0`, whose padding and eps this model has. text: which and why.
    """

    tensorflow: bool
    text: str


TORCHVISION = Architecture(False, "torchvision's efficientnet_b0")
# What is said of a network whose tensors are taken although it is another one.
ADAPTED = (
    "BatchNorms scaled from eps 1e-5 to 1e-3, padding TensorFlow's and not its own symmetric one: NOT the features "
    "that it was trained with, fit to fine-tune or as a start, not to reproduce its results (--image-size 129, or "
    "another multiple of 32 and 1 more, gives them)"
)


def timm_architecture(content: object, state: dict[str, Tensor], path: Path) -> Architecture:
    """Which of timm's two networks tensors with timm's names are of, as far as it can be seen.

    Args:
        content: all that the file holds. state: the backbone's tensors. path: the file.
    """
    sayings: tuple[tuple[str, Iterable[re.Match[str] | None]], ...] = (
        ("an entry of the file", map(_ARCHITECTURE.fullmatch, _texts(content, _DEPTH))),
        ("config.json beside it", map(_ARCHITECTURE.fullmatch, _texts(_neighbour_config(path), _DEPTH))),
        ("its name", map(_IN_NAME.search, [path.name, *(part for part in path.parts if _HUB_FOLDER in part)])),
    )
    for who, matches in sayings:
        tensorflow = {bool(match[1]) for match in matches if match}
        if tensorflow == {True}:
            return Architecture(True, f"tf_efficientnet_b0, as {who} says")
        if tensorflow == {False}:
            return Architecture(False, f"timm's efficientnet_b0, as {who} says")
    batches = max((int(tensor) for name, tensor in state.items() if _is_count(name, tensor)), default=0)
    if batches >= TRAINED_FROM_NOTHING:
        return Architecture(
            False,
            f"taken for timm's efficientnet_b0, since it was trained in PyTorch for {batches:,} batches (if it is "
            f"tf_efficientnet_b0 all the same, put that into the file's name: tf_efficientnet_b0_{path.name})",
        )
    return Architecture(
        True,
        "taken for tf_efficientnet_b0 (TensorFlow's padding, BatchNorm eps 1e-3), which the file itself does not say",
    )


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
