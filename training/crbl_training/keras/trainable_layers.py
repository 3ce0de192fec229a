"""Which layers were trainable when the file was written, and so which variant it is, where the file records it.

Two things record it: the `trainable` flags of a configuration, and the order of weight_names of a model within the
model. Keras lists what is trainable first, then the rest, each in the order of the layers; a frozen model is in that
order throughout.
"""

from dataclasses import dataclass

from crbl_runtime.variant import CROP, FULL, Variant
from crbl_training.keras.backbones import LayerGroup
from crbl_training.keras.efficientnet_layers import LAYERS, split_layer_name
from crbl_training.keras.model_config import ConfigLayer

# Layer 150 is block5c_se_expand in qubvel's efficientnet; in keras.applications, which counts other layers without
# weights, it stands before block5c_dwconv.
FIRST_TRAINABLE_OF_CROP = ("block5c_se_expand", "block5c_dwconv")
_POSITION = {
    (layer.name, array.variable): (i, j) for i, layer in enumerate(LAYERS) for j, array in enumerate(layer.arrays)
}
_STATISTICS = ("moving_mean", "moving_variance")


@dataclass(frozen=True)
class Trainable:
    """What was trainable.

    Attributes:
        seen: as text, for messages. variant: the variant that this is, None where it is neither.
    """

    seen: str
    variant: Variant | None


def trainable_layers(backbones: tuple[LayerGroup, ...], config: ConfigLayer | None) -> Trainable | None:
    """What was trainable in the backbones, None where the file does not record it."""
    sets = [_from_flags(backbone, config) if config else _from_order(backbone) for backbone in backbones]
    if not sets or any(names is None for names in sets):
        return None
    if any(names != sets[0] for names in sets):
        return Trainable("the two backbones have different trainable layers", None)
    return _named(sets[0] or frozenset())


def _named(trainable: frozenset[str]) -> Trainable:
    names = [layer.name for layer in LAYERS]
    if not trainable:
        return Trainable("all layers of the backbones were frozen", FULL)
    if len(trainable) == len(names):
        return Trainable("all layers of the backbones were trainable", None)
    first = next(name for name in names if name in trainable)
    if trainable != frozenset(names[names.index(first) :]):
        return Trainable(
            f"{len(trainable)} of {len(names)} layers of the backbones were trainable, here and there", None
        )
    variant = CROP if first in FIRST_TRAINABLE_OF_CROP else None
    return Trainable(f"the layers of the backbones from {first} on were trainable", variant)


def _from_order(backbone: LayerGroup) -> frozenset[str] | None:
    if backbone.renaming is None or not backbone.models:
        return None
    order = [(array.layer, array.variable) for array in backbone.arrays]
    if not set(order) <= set(_POSITION):
        return None
    positions = [_POSITION[key] for key in order]
    drops = [i for i in range(1, len(positions)) if positions[i] < positions[i - 1]]
    if not drops:
        return frozenset()
    first_part = order[: drops[0]]
    if len(drops) > 1 or any(variable in _STATISTICS for _, variable in first_part):
        return None
    return frozenset(layer for layer, _ in first_part)


def _from_flags(backbone: LayerGroup, config: ConfigLayer | None) -> frozenset[str] | None:
    model, trainable = config, True
    for name in backbone.models:
        model = model.layer_named.get(name) if model else None
        trainable = trainable and model is not None and model.trainable
    if model is None:
        return None
    names = set()
    for layer in model.layers:
        split = split_layer_name(layer.name)
        if (
            split
            and (backbone.models or split[1] == backbone.renaming)
            and not layer.class_name.startswith("ZeroPadding")
        ):
            names.add(split[0] if trainable and layer.trainable else None)
    return frozenset(name for name in names if name) if names else None
