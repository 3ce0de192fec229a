"""The layout of `save_weights("x.h5")` and, under model_weights/, of `save("x.h5")`: groups by layer, arrays by name.

The group of a layer has an attribute weight_names, the root has layer_names. A model within the model is one group with
the arrays of all its layers. Keras 2 writes "stem_conv/kernel:0", Keras 3 "stem_conv/kernel" and, at first, "kernel".
"""

import re
from dataclasses import dataclass

from crbl_runtime.errors import CheckpointError
from crbl_training.keras.efficientnet_layers import split_layer_name
from crbl_training.keras.hdf5_reader import Hdf5Tree
from crbl_training.keras.named_array import NamedArray

LAYER_NAMES, WEIGHT_NAMES = "layer_names", "weight_names"


@dataclass(frozen=True)
class LegacyContent:
    """The arrays in the order of the model's layers, and within each in the order of weight_names."""

    arrays: tuple[NamedArray, ...]
    layer_names: tuple[str, ...]


def read_legacy(tree: Hdf5Tree, root: str) -> LegacyContent:
    """The arrays of the tree below `root` ("" or "model_weights").

    Raises:
        CheckpointError: a name without its group or array.
    """
    layer_names = tree.names(root, LAYER_NAMES) or []
    arrays = []
    for layer in [*layer_names, "top_level_model_weights"]:
        group = f"{root}/{layer}" if root else layer
        if group not in tree.groups:
            if layer in layer_names:
                raise CheckpointError(f"The layer {layer} is in layer_names but not in the file: it is damaged.")
            continue
        for weight in tree.names(group, WEIGHT_NAMES) or []:
            path = f"{group}/{weight}"
            if path not in tree.arrays:
                raise CheckpointError(f"The array {path} is in weight_names but not in the file: it is damaged.")
            models, name, variable = _split(layer, weight)
            arrays.append(NamedArray.of_layer(tree.arrays[path], models, name, variable))
    return LegacyContent(tuple(arrays), tuple(layer_names))


def _split(group: str, weight: str) -> tuple[tuple[str, ...], str, str]:
    *scopes, variable = re.sub(r":\d+$", "", weight).split("/")
    if split_layer_name(group) or not scopes:
        return (), group, variable
    innermost = next((i for i in reversed(range(len(scopes))) if split_layer_name(scopes[i])), len(scopes) - 1)
    if scopes[innermost] == group:
        return (), group, variable
    return (group, *scopes[:innermost]), scopes[innermost], variable
