"""What must be known of a run: where its model comes from, and what a resumed run must have in common with it."""

import platform
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
import timm
import torch

from crbl_training.data.dataset import Split, data_hash
from crbl_training.data.leakage import Leakage
from crbl_training.data.prepared_dataset import (
    PreparedDataset,
)
from crbl_training.devices.device import ChosenDevice
from crbl_training.process_group import current_shard
from crbl_training.train.config import TrainingConfig


def provenance_of(config: TrainingConfig, chosen: ChosenDevice, origin: str, split: Split) -> dict[str, Any]:
    """How the model was trained, JSON types.

    Args:
        origin: where the initial weights come from, as text.
    """
    return {
        "recipe_name": config.recipe_name,
        "recipe": asdict(config.recipe),
        "trainable": config.trainable,
        "seed": config.seed,
        "device": f"{chosen.kind}: {chosen.description}",
        "processes": current_shard().world_size,
        "weights": origin,
        "validation_source": split.validation_source,
        "held_out_data_hash": data_hash(split.held_out) if split.held_out else None,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "timm": timm.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


def image_counts(train_set: PreparedDataset, validation_set: PreparedDataset, leakage: Leakage) -> dict[str, Any]:
    """How many images there are of either set, and how many of them are in both."""
    return {
        "train_images": len(train_set.paths),
        "validation_images": len(validation_set.paths),
        "images_skipped": len(train_set.skipped) + len(validation_set.skipped),
        "leakage": leakage.counts(),
    }


def identity_of(config: TrainingConfig, origin: str, hashes: dict[str, str]) -> dict[str, Any]:
    """What a resumed run must have in common with the one that it goes on with, see `StateFile`."""
    recipe = asdict(config.recipe)
    if config.recipe.scheduler == "plateau":
        del recipe["epochs"]  # A plateau does not know how many epochs are to come: a run may be prolonged.
    return {
        "variant": config.variant.name,
        "trainable": config.trainable,
        "preprocessing": config.spec.to_dict(),
        "seed": config.seed,
        "weights": origin,
        **recipe,
        **hashes,
    }


def threshold_source(config: TrainingConfig) -> str:
    """Where the threshold comes from that training begins with, as text."""
    if config.start is None:
        return f"the default of the variant {config.variant.name}"
    return f"kept from checkpoint {config.start.hash[:12]}: {config.start.threshold_source}"
