"""The architecture that a whole-model file describes (model_config, config.json), read as data and never built.

Keras would run a Lambda layer's code or import a custom class when it loads such a file; here only names, flags,
numbers and connections are looked at.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crbl_runtime.errors import CheckpointError

MAX_LEVELS = 8
MAX_LAYERS = 10_000


@dataclass(frozen=True)
class ConfigLayer:
    """One layer of a model.

    Attributes:
        name, class_name: Keras's. trainable: its own flag. settings: its configuration, JSON types.
        inputs: names of the layers it takes its input from, in the order of the call.
        call: constants it was called with, by name, JSON types. layers: what it contains, for a model within the model.
    """

    name: str
    class_name: str
    trainable: bool
    settings: dict[str, Any]
    inputs: tuple[str, ...]
    call: dict[str, Any]
    layers: tuple["ConfigLayer", ...]

    @cached_property
    def layer_named(self) -> dict[str, "ConfigLayer"]:
        """What it contains, by name."""
        return {layer.name: layer for layer in self.layers}

    @property
    def kind(self) -> str:
        """The class in snake case, as Keras counts layers in .weights.h5 files."""
        return snake_case(self.class_name)


def snake_case(class_name: str) -> str:
    """DepthwiseConv2D -> depthwise_conv2d, as Keras does it when it names groups."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def parse_model_config(text: str) -> ConfigLayer | None:
    """The model that a configuration describes; None where it names no layers (a subclassed model).

    Raises:
        CheckpointError: no JSON, or not as Keras writes it.
    """
    try:
        model = _layer(json.loads(text), 0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"The model's configuration in the file cannot be read ({type(error).__name__}: {error}). "
            "Save the weights alone with model.save_weights(...) and convert those."
        ) from error
    return model if model.layers else None


def _layer(entry: dict[str, Any], level: int) -> ConfigLayer:
    settings = entry["config"]
    if isinstance(settings, list):
        settings = {"layers": settings}
    inner = settings.get("layers", [])
    if level > MAX_LEVELS or len(inner) > MAX_LAYERS:
        raise ValueError(f"more than {MAX_LEVELS} levels or {MAX_LAYERS} layers")
    nodes = entry.get("inbound_nodes", [])
    return ConfigLayer(
        name=str(entry.get("name") or settings.get("name", "")),
        class_name=str(entry["class_name"]),
        trainable=settings.get("trainable", True) is not False,
        settings={key: value for key, value in settings.items() if key != "layers"},
        inputs=tuple(dict.fromkeys(_input_names(nodes))),
        call=_call(nodes),
        layers=tuple(_layer(layer, level + 1) for layer in inner if isinstance(layer, dict)),
    )


def _input_names(node: Any) -> Iterator[str]:
    """Keras 2 writes a tensor as [layer, node, output, ...], Keras 3 as {"config": {"keras_history": [layer, ...]}}."""
    if isinstance(node, dict):
        if "keras_history" in node:
            yield str(node["keras_history"][0])
        else:
            for value in node.values():
                yield from _input_names(value)
    elif isinstance(node, list):
        if len(node) >= 3 and isinstance(node[0], str) and all(type(index) is int for index in node[1:3]):
            yield node[0]
            node = node[3:]
        for value in node:
            yield from _input_names(value)


def _call(nodes: Any) -> dict[str, Any]:
    """The other arguments of the layer's first call, where operators have their constants.

    Keras 2 writes [[name, 0, 0, {"y": 255.0}]], Keras 3 [{"args": [tensor, 255.0], "kwargs": {}}].
    """
    node = nodes[0] if isinstance(nodes, list) and nodes else None
    if isinstance(node, dict):
        arguments = node.get("args")
        return {"y": arguments[1]} if isinstance(arguments, list) and len(arguments) == 2 else {}
    if isinstance(node, list) and node and isinstance(node[0], list):
        node = node[0]
    constants = node[3] if isinstance(node, list) and len(node) > 3 else None
    return constants if isinstance(constants, dict) else {}
