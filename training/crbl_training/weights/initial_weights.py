"""The weights a model starts from: a checkpoint, pretrained backbones, or random ones."""

from collections.abc import Sequence

import torch

from crbl_runtime.errors import UsageError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.checkpoint import Checkpoint, load_exactly
from crbl_training.data.prepared_dataset import PreparedDataset
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from crbl_training.model.network_input import network_input
from crbl_training.weights.batchnorm_calibration import calibrate_batchnorm
from crbl_training.weights.pretrained import load_pretrained
from crbl_training.weights.source import TIMM_NAMES

PRETRAINED = tuple(TIMM_NAMES)
CALIBRATION_IMAGES = 256
CALIBRATION_BATCH = 32


def load_start(model: CRBLDualModel, start: Checkpoint) -> str:
    """Fill the whole model from a checkpoint; returns which one, as text."""
    load_exactly(model, start.state, "--from-checkpoint")
    return f"checkpoint {start.hash[:12]}"


def load_backbones(
    model: CRBLDualModel, weights: Sequence[str], train: PreparedDataset, spec: PreprocessingSpec, *, trust_pickle: bool
) -> str:
    """Fill both backbones; returns where their weights come from, as text.

    Args:
        weights: no source for ImageNet's and Noisy Student's, one for both backbones, or one for each: a source of
            `load_pretrained`, or "none" for random weights with BatchNorm statistics of training images.

    Raises:
        UsageError: there are more than two sources. What `load_pretrained` raises.
    """
    if len(weights) > 2:
        raise UsageError(f"--weights was given {len(weights)} times, expected once or twice (there are two backbones).")
    sources = {0: PRETRAINED, 1: (*weights, *weights), 2: weights}[len(weights)]
    origins = []
    for backbone, source in zip((model.backbone1, model.backbone2), sources, strict=True):
        if source == "none":
            origins.append(_calibrate_random(backbone, train, spec))
        else:
            origins.append(load_pretrained(backbone, source, trust_pickle=trust_pickle))
    return "; ".join(f"backbone {number}: {origin}" for number, origin in enumerate(origins, start=1))


def _calibrate_random(backbone: EfficientNetB0FeatureExtractor, train: PreparedDataset, spec: PreprocessingSpec) -> str:
    chosen = torch.randperm(len(train.images))[:CALIBRATION_IMAGES]
    # In batches of even size: one image alone has no variance where its feature map is a single cell.
    batches = train.images[chosen].tensor_split(-(-len(chosen) // CALIBRATION_BATCH))
    calibrate_batchnorm(backbone, [network_input(batch, spec) for batch in batches])
    return f"random, BatchNorm statistics from {len(chosen)} training images"
