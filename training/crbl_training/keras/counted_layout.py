"""The layout of `.weights.h5` files of Keras 2.12 and later, and of the weights in .keras files: layers by class.

A group is called after its layer's class, the second of that class gets "_1" and so on in order of creation:
layers/functional/layers/conv2d_7/vars/0. The layers' real names are in a `name` attribute of each vars
group (Keras 3), by the model's configuration (.keras) or, where there is neither, by the count itself: a backbone has
65 conv2d, 16 depthwise_conv2d and 49 batch_normalization, two that lie side by side take turns.
"""

import re
from collections import defaultdict
from dataclasses import dataclass

from crbl_runtime.errors import CheckpointError
from crbl_training.counted import counted
from crbl_training.keras.efficientnet_layers import BATCH_NORM, CONV, DEPTHWISE, LAYERS
from crbl_training.keras.hdf5_reader import Hdf5Tree, StoredArray
from crbl_training.keras.model_config import ConfigLayer
from crbl_training.keras.named_array import NamedArray

# Keras 2.12 called the container after an attribute of its own.
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
VARIABLES = {
    CONV: ("kernel", "bias"),
    DEPTHWISE: ("depthwise_kernel", "bias"),
    BATCH_NORM: ("gamma", "beta", "moving_mean", "moving_variance"),
    "dense": ("kernel", "bias"),
    "normalization": ("mean", "variance", "count"),
}
LAYERS_OF_KIND = {
    kind: [layer.name for layer in LAYERS if layer.kind == kind] for kind in (CONV, DEPTHWISE, BATCH_NORM)
}


@dataclass(frozen=True, order=True)
class Counted:
    """A layer by its class in snake case and its number among the layers of that class."""

    kind: str
    number: int


@dataclass(frozen=True)
class _Place:
    """Where an array lies: the layers around it, outermost first, itself last; its number among its layer's arrays."""

    layers: tuple[Counted, ...]
    variable: int


def read_counted(tree: Hdf5Tree, config: ConfigLayer | None) -> tuple[NamedArray, ...]:
    """The arrays, ordered by class and number.

    Raises:
        CheckpointError: a place that Keras does not write, or counts that fit no model with such backbones.
    """
    places = {_place(path): stored for path, stored in tree.arrays.items()}
    ordered = sorted(places.items(), key=lambda item: (item[0].layers, item[0].variable))
    names = _names_in_config(config) if config else _names_in_file(tree)
    backbones = {} if names else _names_by_count([place for place, _ in ordered])
    return tuple(_named(place, stored, names, backbones) for place, stored in ordered)


def count_of_kind(tree: Hdf5Tree, kind: str) -> int:
    """How many layers of a class the file has, with or without arrays."""
    ends = (path.rsplit("/", 2) for path in tree.groups if path.endswith("/vars"))
    return sum(len(end) == 3 and _counted(end[1]).kind == kind for end in ends)


def _named(
    place: _Place,
    stored: StoredArray,
    names: dict[tuple[Counted, ...], str],
    backbones: dict[tuple[Counted, ...], tuple[str, str]],
) -> NamedArray:
    kind = place.layers[-1].kind
    variables = VARIABLES.get(kind, ())
    variable = variables[place.variable] if place.variable < len(variables) else str(place.variable)
    models = tuple(names.get(place.layers[: i + 1], _label(place.layers[i])) for i in range(len(place.layers) - 1))
    if place.layers in backbones:
        layer, renaming = backbones[place.layers]
        return NamedArray(stored, models, layer, renaming, variable)
    return NamedArray.of_layer(stored, models, names.get(place.layers, _label(place.layers[-1])), variable)


def _place(path: str) -> _Place:
    *steps, variables, number = path.split("/")
    containers, layers = steps[::2], steps[1::2]
    if variables != "vars" or not number.isdecimal() or not layers or len(containers) != len(layers):
        raise CheckpointError(f"{path} is not where Keras puts an array of a layer. Save the weights again with Keras.")
    if any(container not in CONTAINERS for container in containers):
        raise CheckpointError(f"{path} belongs to no layer of a model made of layers. A subclassed model is not read.")
    return _Place(tuple(map(_counted, layers)), int(number))


def _counted(group: str) -> Counted:
    match = re.match(r"^(.*?)_(\d{1,9})$", group)
    return Counted(match[1], int(match[2])) if match else Counted(group, 0)


def _label(layer: Counted) -> str:
    return f"{layer.kind}_{layer.number}" if layer.number else layer.kind


def _names_in_file(tree: Hdf5Tree) -> dict[tuple[Counted, ...], str]:
    names = {}
    for path in tree.groups:
        steps = path.split("/")
        if steps[-1] == "vars" and len(steps) > 1:
            name = tree.text(path, "name")
            if name is not None:
                names[tuple(map(_counted, steps[1:-1:2]))] = name
    return names


def _names_in_config(model: ConfigLayer) -> dict[tuple[Counted, ...], str]:
    names: dict[tuple[Counted, ...], str] = {}
    numbers: dict[str, int] = defaultdict(int)
    for layer in model.layers:
        counted = Counted(layer.kind, numbers[layer.kind])
        numbers[layer.kind] += 1
        names[(counted,)] = layer.name
        names.update({(counted, *inner): name for inner, name in _names_in_config(layer).items()})
    return names


def _names_by_count(places: list[_Place]) -> dict[tuple[Counted, ...], tuple[str, str]]:
    """For each layer of a backbone: its name, and which of the backbones side by side it belongs to."""
    siblings: dict[tuple[tuple[Counted, ...], str], set[Counted]] = defaultdict(set)
    for place in places:
        siblings[place.layers[:-1], place.layers[-1].kind].add(place.layers[-1])
    names = {}
    for (models, kind), layers in siblings.items():
        expected = LAYERS_OF_KIND.get(kind)
        if expected is None:
            continue
        side_by_side = len(layers) // len(expected)
        if side_by_side not in (1, 2) or len(layers) % len(expected):
            found = counted(len(layers), "layer")
            raise CheckpointError(
                f"The file has {found} of the class {kind} side by side, one EfficientNet-B0 has "
                f"{len(expected)}: this is another model. crbl-convert --inspect lists what is in it."
            )
        for position, layer in enumerate(sorted(layers)):
            backbone, index = position % side_by_side, position // side_by_side
            renaming = "*" if side_by_side == 1 else ("* (even numbers)", "* (odd numbers)")[backbone]
            names[(*models, layer)] = (expected[index], renaming)
    return names
