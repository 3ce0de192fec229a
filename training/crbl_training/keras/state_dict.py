"""Keras's arrays as PyTorch's tensors: by name, each once, and nothing left over."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crbl_runtime.errors import CheckpointError
from crbl_training.keras.backbones import HEAD_KERNEL_SHAPE, LayerGroup
from crbl_training.keras.efficientnet_layers import BATCH_NORM, LAYERS
from crbl_training.keras.keras_model import KerasModel
from crbl_training.keras.named_array import NamedArray

SHOWN = 12


@dataclass(frozen=True)
class _Target:
    """Where an array goes: PyTorch's name, the shape it has in Keras, Keras's axes in PyTorch's order."""

    name: str
    shape: tuple[int, ...]
    axes: tuple[int, ...]


def crbl_state(model: KerasModel, backbones: tuple[LayerGroup, LayerGroup]) -> dict[str, Tensor]:
    """The state dict of `CRBLDualModel`.

    Args:
        backbones: the first and the second one of the model.

    Raises:
        CheckpointError: listing what is missing, left over, there twice, of the wrong shape or not finite.
    """
    roles = model.roles
    groups = [(backbone, f"backbone{i + 1}.", _backbone_targets()) for i, backbone in enumerate(backbones)]
    head = roles.heads[0] if roles.heads else LayerGroup("the head", (), None, ())
    groups.append((head, "classifier.", _HEAD_TARGETS))
    problems = [f"{backbone.name} is a third backbone" for backbone in roles.backbones if backbone not in backbones]
    problems += [f"{head.name} is a second head" for head in roles.heads[1:]]
    problems += _leftover(model, [array for dense in roles.denses for array in dense.arrays])
    return _filled(groups, problems)


def backbone_state(model: KerasModel, backbone: LayerGroup) -> dict[str, Tensor]:
    """The state dict of `EfficientNetB0FeatureExtractor`; the backbone's own classifier is left out.

    Raises:
        CheckpointError: as `crbl_state`.
    """
    return _filled([(backbone, "", _backbone_targets())], _leftover(model, []))


_HEAD_TARGETS = {
    ("", "kernel"): _Target("weight", HEAD_KERNEL_SHAPE, (1, 0)),
    ("", "bias"): _Target("bias", (1,), (0,)),
}


def _backbone_targets() -> dict[tuple[str, str], _Target]:
    return {
        (layer.name, array.variable): _Target(array.timm, array.shape, array.axes)
        for layer in LAYERS
        for array in layer.arrays
    }


def _leftover(model: KerasModel, unused: list[NamedArray]) -> list[str]:
    paths = [*(array.stored.path for array in (*model.roles.rest, *unused)), *model.leftover]
    return [f"{path} belongs to no layer of this model" for path in paths]


def _filled(
    groups: list[tuple[LayerGroup, str, dict[tuple[str, str], _Target]]], problems: list[str]
) -> dict[str, Tensor]:
    matched: list[tuple[NamedArray, str, _Target]] = []
    for group, prefix, targets in groups:
        given: dict[tuple[str, str], NamedArray] = {}
        for array in group.arrays:
            key = (array.layer if array.renaming is not None else "", array.variable)
            target = targets.get(key)
            if target is None:
                problems.append(f"{array.stored.path} belongs to no layer of this model")
            elif key in given:
                problems.append(f"{array.stored.path} is there twice, for {prefix}{target.name}")
            elif array.stored.shape != target.shape:
                problems.append(
                    f"{array.stored.path} has the shape {array.stored.shape}, expected {target.shape} "
                    f"for {prefix}{target.name}"
                )
            else:
                matched.append((array, prefix, target))
            given[key] = array
        problems += [
            f"{'/'.join(filter(None, (group.name, *key)))} is missing, for {prefix}{target.name}"
            for key, target in targets.items()
            if key not in given
        ]
    if problems:
        raise CheckpointError(_listed(problems))
    state = {prefix + target.name: _tensor(array, target) for array, prefix, target in matched}
    for _, prefix, _ in groups:
        state |= {
            f"{prefix}{name}.num_batches_tracked": torch.tensor(0) for name in _batch_norms() if prefix != "classifier."
        }
    return state


def _batch_norms() -> list[str]:
    return [layer.arrays[0].timm.removesuffix(".weight") for layer in LAYERS if layer.kind == BATCH_NORM]


def _tensor(array: NamedArray, target: _Target) -> Tensor:
    values = array.stored.read(target.shape)
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    if not np.isfinite(floats).all():
        count = np.count_nonzero(~np.isfinite(floats))
        raise CheckpointError(
            f"{array.stored.path} holds values that are NaN or infinite ({count} of {floats.size}). "
            "The training had failed."
        )
    if not np.array_equal(floats, values):
        raise CheckpointError(f"{array.stored.path} is {values.dtype} and does not fit float32. Save it as float32.")
    if array.variable == "moving_variance" and (floats < 0).any():
        raise CheckpointError(f"{array.stored.path} holds a negative variance: the file is damaged.")
    return torch.from_numpy(np.ascontiguousarray(floats.transpose(target.axes)))


def _listed(problems: list[str]) -> str:
    lines = "".join(f"\n  {problem}" for problem in problems[:SHOWN])
    more = f"\n  and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return (
        f"The file does not hold exactly the weights of this model, so nothing was written:{lines}{more}\n"
        "crbl-convert --inspect lists what is in it."
    )
