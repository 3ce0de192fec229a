"""From a Keras file to a checkpoint."""

import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from crbl_runtime.errors import CheckpointError, UsageError
from crbl_runtime.preprocessing import IMAGENET_MEAN, IMAGENET_STD, PreprocessingSpec
from crbl_runtime.variant import Variant
from crbl_training.checkpoint import Checkpoint
from crbl_training.keras.backbones import LayerGroup
from crbl_training.keras.input_scaling import InputScaling, Triple, input_scaling
from crbl_training.keras.keras_model import KerasModel, open_keras_model
from crbl_training.keras.state_dict import crbl_state
from crbl_training.model.network_input import network_input

DEFAULT_IMAGE_SIZE = 128


@dataclass(frozen=True)
class Choices:
    """The user's choices; None where the file or the variant decides.

    Attributes:
        variant: which variant the file must be. swap_backbones: take the second backbone for the first.
        channel_order: the order the network was fed. divisor, mean, std: how it was scaled, in that order.
        imagenet_normalization: as in torchvision: /255, minus ImageNet's mean, by its standard deviation.
        region, image_size, bit_depth: of the preprocessing spec.
        threshold: above which a probability is an anomaly, 0 to 1.
    """

    variant: Variant | None = None
    swap_backbones: bool = False
    channel_order: str = "rgb"
    divisor: float | None = None
    mean: Triple | None = None
    std: Triple | None = None
    imagenet_normalization: bool = False
    region: str | None = None
    image_size: int | None = None
    bit_depth: int | None = None
    threshold: float | None = None


def convert(path: Path, choices: Choices) -> Checkpoint:
    """The same model in PyTorch; every array of the file is used once, every parameter is filled.

    Raises:
        CheckpointError: no Keras file, damaged, another model, or another variant than the one asked for.
        UsageError: choices that contradict each other, or neither they nor the file give something that is needed.
    """
    with open_keras_model(path) as model:
        variant = _variant(model, choices.variant)
        first, second = _backbones(model)
        if choices.swap_backbones:
            first, second = second, first
        state = crbl_state(model, (first, second))
        scaling = _scaling(model, choices)
        image_size = choices.image_size or model.image_size or DEFAULT_IMAGE_SIZE
        provenance = {
            "converted_from": {
                "file": path.name,
                "sha256": model.sha256,
                "form": model.form,
                "keras_version": model.keras_version,
                "backbone1": first.name,
                "backbone2": second.name,
                "swapped": choices.swap_backbones,
                "trainable": model.trainable.seen if model.trainable else None,
                "input_assumed": scaling.assumed,
            },
            "python": platform.python_version(),
            "torch": str(torch.__version__),
        }
    spec = _preprocessing(variant, image_size, scaling, choices)
    threshold = variant.threshold if choices.threshold is None else choices.threshold
    if not 0 <= threshold <= 1:
        raise UsageError(f"The threshold is {threshold}, expected a probability from 0 to 1.")
    source = f"default of the variant {variant.name}" if choices.threshold is None else "given at conversion"
    checkpoint = Checkpoint(variant, state, spec, threshold, source, provenance)
    _require_finite_logit(checkpoint)
    return checkpoint


def _variant(model: KerasModel, asked: Variant | None) -> Variant:
    recorded = model.trainable.variant if model.trainable else None
    if asked is None and recorded is None:
        seen = f": {model.trainable.seen}" if model.trainable else ""
        raise UsageError(
            f"The file does not record whether it is crop or full{seen}. Add --variant crop or --variant full."
        )
    if asked and recorded and asked != recorded:
        assert model.trainable is not None
        raise CheckpointError(
            f"--variant {asked.name} was asked for, but in the file {model.trainable.seen}, which is the variant "
            f"{recorded.name}. Use --variant {recorded.name}, or name the other file."
        )
    variant = asked or recorded
    assert variant is not None
    return variant


def _backbones(model: KerasModel) -> tuple[LayerGroup, LayerGroup]:
    backbones = model.roles.backbones
    if len(backbones) != 2:
        found = ", ".join(backbone.name for backbone in backbones) or "none"
        hint = (
            "The weights of one backbone start a training: crbl-train --weights FILE."
            if len(backbones) == 1
            else "crbl-convert --inspect lists what is in it."
        )
        raise CheckpointError(
            f"The model has two EfficientNet-B0 backbones, the file has {len(backbones)} ({found}). {hint}"
        )
    return backbones[0], backbones[1]


def _preprocessing(variant: Variant, image_size: int, scaling: InputScaling, choices: Choices) -> PreprocessingSpec:
    return PreprocessingSpec(
        region=choices.region or variant.region,
        image_size=image_size,
        channel_order=choices.channel_order,
        divisor=scaling.divisor,
        mean=scaling.mean,
        std=scaling.std,
        bit_depth=choices.bit_depth,
    )


def _scaling(model: KerasModel, choices: Choices) -> InputScaling:
    by_hand = (choices.divisor, choices.mean, choices.std)
    if choices.imagenet_normalization:
        if any(value is not None for value in by_hand):
            raise UsageError(
                "--imagenet-normalization already sets what --divisor, --mean and --std set. Give one or the other."
            )
        if choices.channel_order == "bgr":
            return InputScaling(255.0, IMAGENET_MEAN[::-1], IMAGENET_STD[::-1])
        return InputScaling(255.0, IMAGENET_MEAN, IMAGENET_STD)
    # Where everything is given the file is not read for it: it may not have it.
    found = InputScaling() if all(value is not None for value in by_hand) else input_scaling(model)
    divisor, mean, std = by_hand
    return InputScaling(
        found.divisor if divisor is None else divisor,
        found.mean if mean is None else mean,
        found.std if std is None else std,
        found.assumed if by_hand == (None, None, None) else None,
    )


def _require_finite_logit(checkpoint: Checkpoint) -> None:
    """Build the model with exactly these weights and run it once.

    Raises:
        CheckpointError: its logit is not finite.
    """
    network = checkpoint.build_model()
    size = checkpoint.preprocessing.image_size
    grey = torch.full((1, size, size, 3), 128, dtype=torch.uint8)
    with torch.no_grad():
        logits = network(network_input(grey, checkpoint.preprocessing))
    if not torch.isfinite(logits).all():
        raise CheckpointError("The converted model's logit for a grey image is not finite: the training had failed.")
