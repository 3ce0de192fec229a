"""A Keras file of any form: its content, with the arrays still in the file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crbl_runtime.errors import CheckpointError
from crbl_training.file_hash import file_hash
from crbl_training.keras.backbones import LayerRoles, find_roles
from crbl_training.keras.counted_layout import CONTAINERS, count_of_kind, read_counted
from crbl_training.keras.hdf5_reader import Hdf5Tree, open_hdf5
from crbl_training.keras.keras_archive import ZIP_SIGNATURE, open_archive
from crbl_training.keras.legacy_layout import LAYER_NAMES, read_legacy
from crbl_training.keras.model_config import ConfigLayer, parse_model_config
from crbl_training.keras.named_array import NamedArray
from crbl_training.keras.trainable_layers import Trainable, trainable_layers

LEGACY_WEIGHTS = "legacy weights (save_weights, .h5)"
WHOLE_MODEL = "whole model (save, .h5)"
COUNTED_WEIGHTS = "weights by class (save_weights, .weights.h5)"
ARCHIVE = "Keras archive (save, .keras)"

OPTIMIZER_GROUPS = frozenset({"optimizer", "optimizer_weights", "model_weights/optimizer_weights", "_optimizer"})


@dataclass(frozen=True)
class KerasModel:
    """What a Keras file holds.

    Attributes:
        form: one of the four above. keras_version: None where the file does not record it.
        sha256: of the file as it lies on disk.
        layer_names: all layers in Keras's order; those with weights where the file records no others.
        roles: its arrays by their role in the model. leftover: arrays in the file that belong to no layer.
        skipped: groups that are no weights of the model, such as the optimizer's.
        rescalings: how many Rescaling layers there are, None where the file does not record it.
        config: the architecture, None where the file has none.
        trainable: what was trainable, None where the file does not record it.
    """

    form: str
    keras_version: str | None
    sha256: str
    layer_names: tuple[str, ...]
    roles: LayerRoles
    leftover: tuple[str, ...]
    skipped: tuple[str, ...]
    rescalings: int | None
    config: ConfigLayer | None
    trainable: Trainable | None

    @property
    def image_size(self) -> int | None:
        """Side of the square the model's input is declared as, None where the file does not record it."""
        for layer in self.config.layers if self.config else ():
            shape = layer.settings.get("batch_input_shape") or layer.settings.get("batch_shape")
            if isinstance(shape, list) and len(shape) == 4 and isinstance(shape[1], int) and shape[1] == shape[2]:
                return shape[1]
        return None


@contextmanager
def open_keras_model(path: Path) -> Iterator[KerasModel]:
    """Open a Keras file of any form. Its arrays can be read inside the block.

    Raises:
        CheckpointError: no Keras file, damaged, or none that Keras could have written.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}. Name a .h5, .weights.h5 or .keras file that Keras wrote.")
    sha256 = file_hash(path)
    with path.open("rb") as file:
        start = file.read(len(ZIP_SIGNATURE))
    if start == ZIP_SIGNATURE:
        with open_archive(path) as archive, open_hdf5(archive.weights, OPTIMIZER_GROUPS) as tree:
            config = parse_model_config(archive.config)
            yield _counted_model(ARCHIVE, _version(archive.metadata), sha256, tree, config)
        return
    with open_hdf5(path, OPTIMIZER_GROUPS) as tree:
        if tree.names("", LAYER_NAMES) is not None:
            yield _legacy_model(LEGACY_WEIGHTS, "", sha256, tree, None)
        elif "model_weights" in tree.groups:
            text = tree.text("", "model_config")
            config = parse_model_config(text) if text else None
            yield _legacy_model(WHOLE_MODEL, "model_weights", sha256, tree, config)
        elif any(path.split("/")[0] in CONTAINERS for path in tree.groups):
            yield _counted_model(COUNTED_WEIGHTS, None, sha256, tree, None)
        else:
            raise CheckpointError(
                f"{path} is an HDF5 file, but none that Keras writes: it has neither layer_names nor layers. "
                "Name a file that model.save or model.save_weights wrote."
            )


def _legacy_model(form: str, root: str, sha256: str, tree: Hdf5Tree, config: ConfigLayer | None) -> KerasModel:
    content = read_legacy(tree, root)
    roles = find_roles(content.arrays, config)
    used = {array.stored.path for array in content.arrays}
    flat = not any(backbone.models for backbone in roles.backbones)
    version = tree.text(root, "keras_version") or tree.text("", "keras_version")
    return KerasModel(
        form=form,
        keras_version=version,
        sha256=sha256,
        layer_names=content.layer_names,
        roles=roles,
        leftover=tuple(path for path in tree.arrays if path not in used),
        skipped=tuple(tree.skipped),
        rescalings=sum("rescaling" in name for name in content.layer_names) if flat else None,
        config=config,
        trainable=trainable_layers(roles.backbones, config),
    )


def _counted_model(
    form: str, version: str | None, sha256: str, tree: Hdf5Tree, config: ConfigLayer | None
) -> KerasModel:
    # A Dropout of Keras 3 may store the state of its random numbers.
    seeds = tuple(path for path in tree.arrays if "seed_generator" in path)
    for path in seeds:
        del tree.arrays[path]
    arrays = read_counted(tree, config)
    roles = find_roles(arrays, config)
    with_weights = dict.fromkeys(array.models[0] if array.models else _own_name(array) for array in arrays)
    return KerasModel(
        form=form,
        keras_version=version,
        sha256=sha256,
        layer_names=tuple(layer.name for layer in config.layers) if config else tuple(with_weights),
        roles=roles,
        leftover=(),
        skipped=(*tree.skipped, *seeds),
        rescalings=count_of_kind(tree, "rescaling"),
        config=config,
        trainable=trainable_layers(roles.backbones, config) if config else None,
    )


def _own_name(array: NamedArray) -> str:
    return (array.renaming or "*").replace("*", array.layer)


def _version(metadata: str) -> str | None:
    try:
        values: Any = json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"metadata.json of the .keras file is no JSON ({error}). Save the model again."
        ) from error
    return str(values["keras_version"]) if isinstance(values, dict) and "keras_version" in values else None
