"""The role of each array of a file: of a backbone, of the head, of the input's normalisation, or of none of them."""

from collections import defaultdict
from dataclasses import dataclass

from crbl_training.keras.efficientnet_layers import split_layer_name
from crbl_training.keras.model_config import ConfigLayer
from crbl_training.keras.named_array import NamedArray
from crbl_training.model.feature_extractor import FEATURE_CHANNELS

HEAD_KERNEL_SHAPE = (FEATURE_CHANNELS * FEATURE_CHANNELS, 1)


@dataclass(frozen=True)
class LayerGroup:
    """Arrays that belong together: those of a backbone, or of one layer elsewhere.

    Attributes:
        name: what the file calls them. models, renaming: see NamedArray.
    """

    name: str
    models: tuple[str, ...]
    renaming: str | None
    arrays: tuple[NamedArray, ...]


@dataclass(frozen=True)
class LayerRoles:
    """The arrays of a file by their role in the model.

    Attributes:
        backbones: in the order in which the model joins them. heads: layers whose kernel has the head's shape.
        normalizations: Keras Normalization layers. denses: other dense layers, such as a backbone's own classifier.
        rest: everything else.
    """

    backbones: tuple[LayerGroup, ...]
    heads: tuple[LayerGroup, ...]
    normalizations: tuple[LayerGroup, ...]
    denses: tuple[LayerGroup, ...]
    rest: tuple[NamedArray, ...]


def find_roles(arrays: tuple[NamedArray, ...], config: ConfigLayer | None) -> LayerRoles:
    """Sort arrays by their role in the model.

    Args:
        arrays: in the file's order of layers, which is that in which the join takes the backbones.
        config: where there is one, the order is taken from the join itself.
    """
    backbones = _groups([array for array in arrays if array.renaming is not None])
    backbones.sort(key=lambda group: _join_position(group, config))
    others = _groups([array for array in arrays if array.renaming is None])
    normalizations = [group for group in others if {array.variable for array in group.arrays} >= {"mean", "variance"}]
    kernels = {id(group): _kernel_shape(group) for group in others}
    denses = [group for group in others if len(kernels[id(group)]) == 2]
    heads = [group for group in denses if kernels[id(group)] == HEAD_KERNEL_SHAPE]
    known = [*normalizations, *denses]
    return LayerRoles(
        backbones=tuple(backbones),
        heads=tuple(heads),
        normalizations=tuple(normalizations),
        denses=tuple(group for group in denses if group not in heads),
        rest=tuple(array for group in others if group not in known for array in group.arrays),
    )


def _groups(arrays: list[NamedArray]) -> list[LayerGroup]:
    members: dict[tuple[tuple[str, ...], str], list[NamedArray]] = defaultdict(list)
    for array in arrays:
        members[array.models, array.layer if array.renaming is None else array.renaming].append(array)
    groups = []
    for (models, last), own in members.items():
        steps = models if own[0].renaming == "*" else (*models, last)
        groups.append(LayerGroup("/".join(steps) or "the model itself", models, own[0].renaming, tuple(own)))
    return groups


def _kernel_shape(group: LayerGroup) -> tuple[int, ...]:
    return next((array.stored.shape for array in group.arrays if array.variable == "kernel"), ())


def _join_position(group: LayerGroup, config: ConfigLayer | None) -> int:
    order = join_order(config) if config else ()
    key = group.models[0] if group.models else group.renaming
    return order.index(key) if key in order else len(order)


def join_order(model: ConfigLayer) -> tuple[str, ...]:
    """In which order the model's output depends on its backbones: names of models within it, or renamings.

    The join takes its inputs in the order of its call, so following all inputs, first to last, gives it.
    """
    order: dict[str, tuple[str, ...]] = {}
    for layer in model.layers:
        split = split_layer_name(layer.name)
        if layer.layers:
            order[layer.name] = (layer.name,)
        elif split and not layer.class_name.startswith("Input"):
            order[layer.name] = (split[1],)
        else:
            inputs = (found for name in layer.inputs for found in order.get(name, ()))
            order[layer.name] = tuple(dict.fromkeys(inputs))
    return max(order.values(), key=len, default=())
