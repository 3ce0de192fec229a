"""An array of a Keras file with its layer's name and its own, the same for every layout of such files."""

from dataclasses import dataclass

from crbl_training.keras.efficientnet_layers import split_layer_name
from crbl_training.keras.hdf5_reader import StoredArray


@dataclass(frozen=True)
class NamedArray:
    """An array of a layer.

    Attributes:
        stored: where it lies in the file.
        models: names of the models around its layer, outermost first; empty for a layer of the model itself.
        layer: the layer's name, without what renames all layers of a backbone.
        renaming: that renaming, such as "model1_*"; None for a layer that is no backbone's.
        variable: the array's name within the layer, such as "gamma".
    """

    stored: StoredArray
    models: tuple[str, ...]
    layer: str
    renaming: str | None
    variable: str

    @classmethod
    def of_layer(cls, stored: StoredArray, models: tuple[str, ...], layer: str, variable: str) -> "NamedArray":
        """The array of a layer whose name in the file is `layer`."""
        name, renaming = split_layer_name(layer) or (layer, None)
        if name.endswith("_dwconv") and variable == "kernel":
            variable = "depthwise_kernel"  # Keras 3's name of it.
        return cls(stored, models, name, renaming, variable)
