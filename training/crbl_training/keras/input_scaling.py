"""What the Keras model does to its input before the first convolution, as divisor, mean and standard deviation.

What is assumed, and overridden by giving a field of `InputScaling` by hand:
- A model that scales nothing itself was fed images / 255.
- A model with a Rescaling layer of its own (keras.applications, or Rescaling before both backbones) was fed 0 to 255.
  Whoever divided by 255 all the same gives the divisor 65025.
- keras.applications with ImageNet weights stores the standard deviation where Keras expects the variance, and since
  Keras 2.9 divides by its root once more (https://github.com/tensorflow/tensorflow/issues/49930). Where the file has no
  configuration and does not list its layers, that second division is taken to be there when the variance is ImageNet's
  standard deviation and the file's Keras is not older.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crbl_runtime.errors import CheckpointError
from crbl_runtime.preprocessing import IMAGENET_STD
from crbl_training.keras.backbones import LayerGroup
from crbl_training.keras.efficientnet_layers import split_layer_name
from crbl_training.keras.keras_model import KerasModel
from crbl_training.keras.model_config import ConfigLayer

Triple = tuple[float, float, float]

# Layers that leave an image's values as they are when the model predicts.
_NEUTRAL = ("InputLayer", "ZeroPadding2D", "Dropout", "SpatialDropout2D", "GaussianNoise", "Identity")
# Operators between a tensor and a constant: TensorFlow's names in Keras 2, Keras 3's own.
_DIVISIONS = ("math.truediv", "math.divide", "TrueDivide", "Divide")
_PRODUCTS = ("math.multiply", "Multiply")
_DIFFERENCES = ("math.subtract", "Subtract")
_KERAS_WITH_SECOND_DIVISION = (2, 9)
_SMALLEST_STD = 1e-7  # Keras's epsilon, the floor of Normalization's standard deviation.


@dataclass(frozen=True)
class InputScaling:
    """The network sees (x / divisor - mean) / std, x from 0 to 255; mean and std per channel in the network's order.

    `assumed` names what the file does not record, None where it records everything.
    """

    divisor: float = 255.0
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    assumed: str | None = None


UNSCALED = InputScaling(assumed="the model scales nothing itself, so it is taken to have been fed images / 255")
_FED_TO_255 = "the model scales by itself, so it is taken to have been fed 0 to 255"


@dataclass(frozen=True)
class _Affine:
    """(x / divisor - mean) / std, built up layer by layer."""

    divisor: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def scaled(self, factors: tuple[float, ...]) -> "_Affine":
        if self.mean == (0.0,) * 3 and self.std == (1.0,) * 3 and len(set(factors)) == 1:
            return replace(self, divisor=_tidy(self.divisor / factors[0]))
        return replace(self, std=tuple(std / factor for std, factor in zip(self.std, factors, strict=True)))

    def shifted(self, offsets: tuple[float, ...]) -> "_Affine":
        terms = zip(self.mean, self.std, offsets, strict=True)
        return replace(self, mean=tuple(mean - offset * std for mean, std, offset in terms))


def input_scaling(model: KerasModel) -> InputScaling:
    """The scaling of a model's input.

    Raises:
        CheckpointError: the backbones scale differently, or a layer in front of them cannot be read.
    """
    normalizations = [_mean_and_std(group) for group in model.roles.normalizations]
    if model.config:
        found = [_from_config(model, backbone) for backbone in model.roles.backbones]
    else:
        found = [_without_config(model, values) for values in normalizations] or [UNSCALED]
    if any(scaling != found[0] for scaling in found):
        raise CheckpointError(
            f"The backbones scale their input differently ({'; '.join(map(str, found))}), which this model cannot. "
            "If that is a mistake of the file, give --divisor, --mean and --std."
        )
    return found[0]


def _without_config(model: KerasModel, values: tuple[Triple, Triple]) -> InputScaling:
    once = _Affine(255.0, *values)
    twice = once.scaled(tuple(1 / math.sqrt(one) for one in IMAGENET_STD))
    if model.rescalings is not None:
        divided_again = model.rescalings >= 2 * len(model.roles.normalizations)
        return _finished(twice if divided_again else once, _FED_TO_255)
    stores_std = np.allclose(np.square(values[1]), IMAGENET_STD, atol=1e-4)
    if _version(model.keras_version) >= _KERAS_WITH_SECOND_DIVISION and stores_std:
        return _finished(
            twice, f"{_FED_TO_255}, and to be keras.applications with ImageNet weights, {_otherwise(once)}"
        )
    return _finished(
        once, f"{_FED_TO_255}, and not to be keras.applications with ImageNet weights, {_otherwise(twice)}"
    )


def _otherwise(other: _Affine) -> str:
    return f"or else give --std {' '.join(f'{_tidy(one):g}' for one in other.std)}"


def _from_config(model: KerasModel, backbone: LayerGroup) -> InputScaling:
    assert model.config is not None
    affine: _Affine | None = None
    for layer in _before_stem(model.config, backbone):
        affine = _after(affine, layer, model)
    return _finished(affine, _FED_TO_255) if affine else UNSCALED


def _before_stem(config: ConfigLayer, backbone: LayerGroup) -> Iterator[ConfigLayer]:
    """The layers between the model's input and a backbone's first convolution, front to back."""
    chain: list[ConfigLayer] = []
    models = [config]
    for name in backbone.models:
        inner = models[-1].layer_named.get(name)
        if inner is None:
            raise CheckpointError(f"The model {name} has weights in the file but is not in its configuration.")
        models.append(inner)
    for depth in reversed(range(len(models))):
        target = backbone.models[depth] if depth < len(backbone.models) else _stem(models[depth], backbone)
        chain += _ancestors(models[depth], target)
    yield from reversed(chain)


def _stem(model: ConfigLayer, backbone: LayerGroup) -> str:
    for layer in model.layers:
        split = split_layer_name(layer.name)
        if (
            split
            and split[0] == "stem_conv"
            and layer.kind == "conv2d"
            and (backbone.models or split[1] == backbone.renaming)
        ):
            return layer.name
    raise CheckpointError(f"{backbone.name} has weights in the file but its stem_conv is not in the configuration.")


def _ancestors(model: ConfigLayer, name: str) -> Iterator[ConfigLayer]:
    """What feeds a layer, back to front, for as long as it is one layer after another."""
    layer, seen = model.layer_named[name], {name}
    while layer.inputs:
        before = model.layer_named.get(layer.inputs[0])
        if before is None or before.name in seen:
            raise CheckpointError(
                f"The layer {layer.name} takes its input from {layer.inputs[0]}, which is not before it."
            )
        seen.add(before.name)
        yield before
        layer = before


def _after(affine: _Affine | None, layer: ConfigLayer, model: KerasModel) -> _Affine | None:
    """The scaling up to and including a layer; None for as long as nothing was scaled."""
    if layer.class_name in _NEUTRAL or layer.class_name.startswith("Random"):
        return affine
    if layer.layers and all(one.class_name in _NEUTRAL or one.class_name.startswith("Random") for one in layer.layers):
        return affine
    # Whatever scales was made for values from 0 to 255.
    before = affine or _Affine(1.0, (0.0,) * 3, (1.0,) * 3)
    if layer.class_name == "Rescaling":
        scaled = before.scaled(_nonzero(_triple(layer.settings.get("scale"), layer), layer))
        return scaled.shifted(_triple(layer.settings.get("offset", 0.0), layer))
    if layer.class_name == "Normalization":
        mean, std = _normalization_of(layer, model)
        # After a Rescaling the divisor is known; a Normalization alone works on 0 to 255.
        return before.shifted(tuple(-one for one in mean)).scaled(tuple(1 / one for one in std))
    operator = str(layer.settings.get("function")) if layer.class_name == "TFOpLambda" else layer.class_name
    if operator in _DIVISIONS:
        return before.scaled(tuple(1 / one for one in _factors(layer)))
    if operator in _PRODUCTS:
        return before.scaled(_factors(layer))
    if operator in _DIFFERENCES:
        return before.shifted(tuple(-one for one in _triple(layer.call.get("y"), layer)))
    raise CheckpointError(
        f"The layer {layer.name} ({layer.class_name}) stands between the input and the backbones, and what it does to "
        "an image cannot be read from the file. Say what it amounts to with --divisor, --mean and --std."
    )


def _normalization_of(layer: ConfigLayer, model: KerasModel) -> tuple[Triple, Triple]:
    if layer.settings.get("mean") is not None:
        variance = _triple(layer.settings.get("variance"), layer)
        return _triple(layer.settings["mean"], layer), _root(variance)
    groups = [group for group in model.roles.normalizations if group.arrays[0].layer == layer.name]
    values = [_mean_and_std(group) for group in groups or model.roles.normalizations]
    if not values or any(one != values[0] for one in values):
        raise CheckpointError(
            f"Which statistics the layer {layer.name} has cannot be found out. Give --divisor, --mean, --std."
        )
    return values[0]


def _mean_and_std(group: LayerGroup) -> tuple[Triple, Triple]:
    values = {}
    for array in group.arrays:
        if array.variable in ("mean", "variance"):
            if math.prod(array.stored.shape) != 3:
                raise CheckpointError(f"{array.stored.path} has the shape {array.stored.shape}, expected 3 values.")
            values[array.variable] = tuple(_tidy(one) for one in array.stored.read(array.stored.shape).reshape(-1))
    return _checked(values["mean"], group), _root(_checked(values["variance"], group))


def _checked(values: tuple[float, ...], group: LayerGroup) -> Triple:
    if len(values) != 3 or not all(math.isfinite(one) and abs(one) < 1e9 for one in values):
        raise CheckpointError(f"{group.name} holds {values}, expected three finite numbers.")
    return (values[0], values[1], values[2])


def _root(variance: Triple) -> Triple:
    first, second, third = (max(math.sqrt(max(one, 0.0)), _SMALLEST_STD) for one in variance)
    return first, second, third


def _triple(value: Any, layer: ConfigLayer) -> Triple:
    """A number or three numbers, as nested lists or as Keras writes a tensor or an array."""
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        value = value["config"].get("value")
    flat = np.asarray(value, dtype=object).reshape(-1).tolist()
    numbers = [
        one for one in flat if isinstance(one, (int, float)) and not isinstance(one, bool) and math.isfinite(one)
    ]
    if len(numbers) != len(flat) or len(flat) not in (1, 3):
        raise CheckpointError(
            f"The layer {layer.name} scales by {str(value)[:80]}, expected a number or three numbers."
        )
    first, second, third = map(float, numbers * 3 if len(numbers) == 1 else numbers)
    return first, second, third


def _factors(layer: ConfigLayer) -> Triple:
    return _nonzero(_triple(layer.call.get("y"), layer), layer)


def _nonzero(values: Triple, layer: ConfigLayer) -> Triple:
    if min(values) <= 0:
        raise CheckpointError(f"The layer {layer.name} scales by {values}, expected numbers greater than 0.")
    return values


def _finished(affine: _Affine, assumed: str) -> InputScaling:
    mean, std = (tuple(_tidy(one) for one in values) for values in (affine.mean, affine.std))
    return InputScaling(affine.divisor, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]), assumed)


def _tidy(value: Any) -> float:
    """The shortest number that is the same float32: 0.485 for what float32 makes of 0.485."""
    return float(str(np.float32(value)))


def _version(text: str | None) -> tuple[int, ...]:
    numbers = (text or "").split(".")[:2]
    return tuple(int(number) for number in numbers) if all(number.isdecimal() for number in numbers) else (0,)
