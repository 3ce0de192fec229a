"""Keras files as Keras writes them, made here with h5py: the seeded weights in every layout, of Keras 2 and 3.

The layouts were learnt from files of Keras 2.15 and 3.15. The weights are those of seeded_reference.npz:
keys "{backbone}/{layer}/{variable}", and the outputs of genuine Keras for them are in that file.
"""

import io
import json
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

REFERENCE = Path(__file__).parent / "data" / "seeded_reference.npz"
PIXELS = 1280 * 1280
STATISTICS = ("moving_mean", "moving_variance")
# name, blocks, kernel, channels in, channels out, expansion.
STAGES = (
    ("block1", 1, 3, 32, 16, 1), ("block2", 2, 3, 16, 24, 6), ("block3", 2, 5, 24, 40, 6), ("block4", 3, 3, 40, 80, 6),
    ("block5", 3, 5, 80, 112, 6), ("block6", 4, 5, 112, 192, 6), ("block7", 1, 3, 192, 320, 6),
)  # fmt: skip

Shapes = dict[str, tuple[int, ...]]
Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class KerasLayer:
    """A layer: its name, its class, the shapes of its arrays in Keras's order."""

    name: str
    class_name: str
    shapes: Shapes = field(default_factory=dict)


def _convolution(name: str, kernel: int, inputs: int, outputs: int, bias: bool = False) -> KerasLayer:
    shapes: Shapes = {"kernel": (kernel, kernel, inputs, outputs)}
    return KerasLayer(name, "Conv2D", shapes | ({"bias": (outputs,)} if bias else {}))


def _batch_norm(name: str, channels: int) -> KerasLayer:
    return KerasLayer(name, "BatchNormalization", dict.fromkeys(("gamma", "beta", *STATISTICS), (channels,)))


def backbone_layers() -> list[KerasLayer]:
    """The layers of EfficientNet-B0 that matter to a file, in order of creation."""
    layers = [
        _convolution("stem_conv", 3, 3, 32),
        _batch_norm("stem_bn", 32),
        KerasLayer("stem_activation", "Activation"),
    ]
    for name, blocks, kernel, channels_in, channels_out, expansion in STAGES:
        for index in range(blocks):
            inputs = channels_in if index == 0 else channels_out
            block, wide = f"{name}{chr(97 + index)}_", inputs * expansion
            if expansion > 1:
                layers += [_convolution(f"{block}expand_conv", 1, inputs, wide), _batch_norm(f"{block}expand_bn", wide)]
            layers += [
                KerasLayer(f"{block}dwconv", "DepthwiseConv2D", {"depthwise_kernel": (kernel, kernel, wide, 1)}),
                _batch_norm(f"{block}bn", wide),
                _convolution(f"{block}se_reduce", 1, wide, inputs // 4, bias=True),
                _convolution(f"{block}se_expand", 1, inputs // 4, wide, bias=True),
                _convolution(f"{block}project_conv", 1, wide, channels_out),
                _batch_norm(f"{block}project_bn", channels_out),
            ]
    return [*layers, _convolution("top_conv", 1, 320, 1280), _batch_norm("top_bn", 1280)]


LAYERS = backbone_layers()
AFTER_150 = [layer.name for layer in LAYERS][[layer.name for layer in LAYERS].index("block5c_se_expand") :]
TRAINABLE = {"crop": AFTER_150, "full": [], "all": [layer.name for layer in LAYERS]}


def seeded_weights() -> dict[str, NDArray[np.float32]]:
    """The weights that the outputs in seeded_reference.npz belong to."""
    reference = np.load(REFERENCE)
    weights: dict[str, NDArray[np.float32]] = {}
    for backbone in (1, 2):
        for layer in LAYERS:
            for variable, shape in layer.shapes.items():
                key = f"{backbone}/{layer.name}/{variable}"
                weights[key] = reference[key] if variable in STATISTICS else _drawn(key, variable, shape)
    kernel = _random("head/kernel").standard_normal((PIXELS, 1))
    weights["head/kernel"] = (float(reference["head_scale"]) * kernel).astype(np.float32)
    weights["head/bias"] = reference["head_bias"]
    return weights


def _random(key: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(key.encode()) & 0x7FFFFFFF)


def _drawn(key: str, variable: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    random = _random(key)
    if variable == "gamma":
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    if variable in ("beta", "bias"):
        return (0.3 * random.standard_normal(shape)).astype(np.float32)
    fan = np.prod(shape[:2] if variable == "depthwise_kernel" else shape[:3])
    return (np.sqrt(2 / fan) * random.standard_normal(shape)).astype(np.float32)


@dataclass(frozen=True)
class Backbone:
    """One backbone as a file has it.

    Attributes:
        number: 1 or 2, which of the weights it has. model: name of the model around it, None for a flat one.
        layer: how its layers are called, with {} for the original name.
        variable_scope: how their variables are called, likewise; a renaming after creation does not reach them.
        before: layers between the input and the first convolution: class, settings and arrays of each.
    """

    number: int
    model: str | None
    layer: str = "{}"
    variable_scope: str = "{}"
    before: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = ()

    def renamed(self, name: str) -> str:
        return self.layer.format(name)

    def front_layers(self) -> list[tuple[KerasLayer, dict[str, Any], dict[str, Any]]]:
        named = []
        for position, (class_name, settings, arrays) in enumerate(self.before):
            name = self.renamed(f"{class_name.lower()}{'' if position < 2 else '_1'}")
            named.append((KerasLayer(name, class_name), settings, arrays))
        return named


NESTED = (
    Backbone(1, "EfficientNetB0_imagenetWeight", "model1_{}"),
    Backbone(2, "EfficientNetB0_noisy-studentWeight", "model2_{}"),
)
FLAT = (Backbone(1, None, "{}_imagenet"), Backbone(2, None, "{}_noisy"))
IMAGENET = {"mean": (0.485, 0.456, 0.406), "variance": (0.229, 0.224, 0.225), "count": 0}


def keras_applications(model: str | None, number: int, second_rescaling: bool, layer: str = "{}") -> Backbone:
    """A backbone of keras.applications, with ImageNet's statistics."""
    before = [
        ("Rescaling", {"scale": 1 / 255, "offset": 0.0}, {}),
        ("Normalization", {"mean": None, "variance": None}, IMAGENET),
    ]
    if second_rescaling:
        before.append(
            ("Rescaling", {"scale": [float(1 / np.sqrt(std)) for std in IMAGENET["variance"]], "offset": 0.0}, {})
        )
    return Backbone(number, model, layer, before=tuple(before))


@dataclass(frozen=True)
class KerasFile:
    """What is to be written.

    Attributes:
        weights: by key, see `seeded_weights`. backbones: in the order of the join. head: whether the CRBL head follows.
        keras: 2 or 3. trainable: "crop", "full" or "all". image_size: of the input, None for any.
        classifier: whether a backbone alone has its own classifier. between: layers before both backbones.
    """

    weights: Weights
    backbones: Sequence[Backbone] = NESTED
    head: bool = True
    keras: int = 2
    trainable: str = "crop"
    image_size: int | None = 128
    classifier: bool = False
    between: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = ()

    def write_legacy_weights(self, path: Path) -> Path:
        """model.save_weights("x.h5")."""
        with h5py.File(path, "w") as file:
            self._legacy(file)
        return path

    def write_whole_model(self, path: Path) -> Path:
        """model.save("x.h5"), compiled: with an optimizer's arrays."""
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = json.dumps(self.config())
            self._legacy(file.create_group("model_weights"))
            file.create_dataset("optimizer_weights/adam/momentum", data=np.ones(3, np.float32))
        return path

    def write_weights(
        self, path: Path | io.BytesIO, container: str = "layers", separator: str = "/"
    ) -> Path | io.BytesIO:
        """model.save_weights("x.weights.h5"); Keras of some versions on Windows took "\\" for the separator."""
        with h5py.File(path, "w") as file:
            file.create_group("vars")
            for place, name, arrays in self._counted(container):
                group = file.create_group(separator.join([*place, "vars"]))
                if self.keras == 3:
                    group.attrs["name"] = name
                for number, values in enumerate(arrays):
                    group.create_dataset(str(number), data=values)
            file.create_dataset("optimizer/vars/0", data=np.ones(3, np.float32))
        return path

    def write_archive(self, path: Path) -> Path:
        """model.save("x.keras")."""
        content = io.BytesIO()
        self.write_weights(content)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": self.version}))
            archive.writestr("config.json", json.dumps(self.config()))
            archive.writestr("model.weights.h5", content.getvalue())
        return path

    @property
    def version(self) -> str:
        return {2: "2.15.0", 3: "3.15.1"}[self.keras]

    def _arrays(self, backbone: Backbone, layer: KerasLayer) -> dict[str, Any]:
        return {variable: self.weights[f"{backbone.number}/{layer.name}/{variable}"] for variable in layer.shapes}

    def _head(self) -> dict[str, Any]:
        if self.head:
            return {"kernel": self.weights["head/kernel"], "bias": self.weights["head/bias"]}
        return {"kernel": np.ones((1280, 10), np.float32), "bias": np.ones(10, np.float32)} if self.classifier else {}

    # The legacy layout

    def _legacy(self, root: h5py.Group) -> None:
        groups = list(self._legacy_groups())
        root.attrs["layer_names"] = [name.encode() for name, _ in groups]
        root.attrs["backend"] = b"tensorflow"
        root.attrs["keras_version"] = self.version.encode()
        for name, arrays in [*groups, ("top_level_model_weights", {})]:
            group = root.create_group(name)
            group.attrs["weight_names"] = [weight.encode() for weight in arrays]
            for weight, values in arrays.items():
                group.create_dataset(weight, data=values)

    def _legacy_groups(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "input_1", {}
        flat = [backbone for backbone in self.backbones if backbone.model is None]
        for backbone in flat:
            for layer, _, arrays in backbone.front_layers():
                yield layer.name, {self._weight_name(layer.name, variable): one for variable, one in arrays.items()}
        for layer in LAYERS if flat else ():
            for backbone in flat:
                scope = backbone.variable_scope.format(layer.name)
                arrays = self._arrays(backbone, layer)
                yield backbone.renamed(layer.name), {self._weight_name(scope, key): one for key, one in arrays.items()}
        for backbone in self.backbones:
            if backbone.model is not None:
                yield backbone.model, self._model_arrays(backbone)
        yield "lambda", {}
        if self._head():
            yield "predictions", {self._weight_name("predictions", key): one for key, one in self._head().items()}

    def _model_arrays(self, backbone: Backbone) -> dict[str, Any]:
        """What is trainable first, then the rest, each in the order of the layers."""
        trainable, frozen = {}, {}
        for layer, _, arrays in backbone.front_layers():
            frozen |= {self._weight_name(layer.name, variable): one for variable, one in arrays.items()}
        for layer in LAYERS:
            for variable, values in self._arrays(backbone, layer).items():
                learns = layer.name in TRAINABLE[self.trainable] and variable not in STATISTICS
                scope = backbone.variable_scope.format(layer.name)
                (trainable if learns else frozen)[self._weight_name(scope, variable)] = values
        return trainable | frozen

    def _weight_name(self, scope: str, variable: str) -> str:
        if self.keras == 2:
            return f"{scope}/{variable}:0"
        return f"{scope}/{variable.removeprefix('depthwise_')}"

    # The layout by class and counter

    def _counted(self, container: str) -> Iterator[tuple[list[str], str, list[Any]]]:
        numbers: dict[tuple[str, ...], int] = defaultdict(int)

        def place(models: tuple[str, ...], class_name: str) -> list[str]:
            kind = {
                "Conv2D": "conv2d", "DepthwiseConv2D": "depthwise_conv2d", "BatchNormalization": "batch_normalization",
                "InputLayer": "input_layer",
            }.get(class_name, class_name.lower())  # fmt: skip
            number = numbers[*models, kind]
            numbers[*models, kind] += 1
            return [*models, container, f"{kind}_{number}" if number else kind]

        yield place((), "InputLayer"), "input_1", []
        flat = [backbone for backbone in self.backbones if backbone.model is None]
        for backbone in flat:
            for layer, _, arrays in backbone.front_layers():
                yield place((), layer.class_name), layer.name, list(arrays.values())
        for layer in LAYERS if flat else ():
            for backbone in flat:
                yield (
                    place((), layer.class_name),
                    backbone.renamed(layer.name),
                    list(self._arrays(backbone, layer).values()),
                )
        for backbone in self.backbones:
            if backbone.model is not None:
                around = tuple(place((), "Functional"))
                yield list(around), backbone.model, []
                for layer, _, arrays in backbone.front_layers():
                    yield place(around, layer.class_name), layer.name, list(arrays.values())
                for layer in LAYERS:
                    own = list(self._arrays(backbone, layer).values())
                    yield place(around, layer.class_name), backbone.renamed(layer.name), own
        yield place((), "Lambda"), "lambda", []
        if self._head():
            yield place((), "Dense"), "predictions", list(self._head().values())

    # The configuration

    def config(self) -> dict[str, Any]:
        """model_config of a whole model; its Lambda layer carries code that must not run."""
        layers = [self._input_layer("input_1")]
        before = "input_1"
        for class_name, settings, call in self.between:
            layers.append(self._entry(class_name, class_name.lower(), [before], settings, call))
            before = class_name.lower()
        flat = [backbone for backbone in self.backbones if backbone.model is None]
        chains = [self._chain(backbone, before) for backbone in flat]
        layers += [entry for entries in zip(*chains, strict=True) for entry in entries]
        for backbone in self.backbones:
            if backbone.model is not None:
                inner = [self._input_layer("input_2"), *self._chain(backbone, "input_2")]
                layers.append(self._entry("Functional", backbone.model, [before], {"layers": inner}))
        ends = [backbone.model or backbone.renamed("top_bn") for backbone in self.backbones]
        layers.append(
            self._entry("Lambda", "lambda", ends, {"function": ["raise SystemExit('code in a file was run')"]})
        )
        if self._head():
            layers.append(self._entry("Dense", "predictions", ["lambda"], {"units": 1}))
        return {"class_name": "Functional", "config": {"name": "model", "layers": layers}}

    def _chain(self, backbone: Backbone, before: str) -> list[dict[str, Any]]:
        entries = []
        for layer, settings, _ in backbone.front_layers():
            entries.append(self._entry(layer.class_name, layer.name, [before], settings))
            before = layer.name
        for layer in LAYERS:
            name, trainable = backbone.renamed(layer.name), layer.name in TRAINABLE[self.trainable]
            entries.append(self._entry(layer.class_name, name, [before], {"trainable": trainable}))
            before = name
        return entries

    def _input_layer(self, name: str) -> dict[str, Any]:
        key = "batch_input_shape" if self.keras == 2 else "batch_shape"
        return self._entry("InputLayer", name, [], {key: [None, self.image_size, self.image_size, 3]})

    def _entry(
        self,
        class_name: str,
        name: str,
        inputs: list[str],
        settings: dict[str, Any],
        call: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        nodes: list[Any] = []
        if inputs and self.keras == 2:
            tensors = [[one, 0, 0, call or {}] for one in inputs]
            nodes = tensors if class_name == "TFOpLambda" else [tensors]
        elif inputs:
            histories = [{"class_name": "__keras_tensor__", "config": {"keras_history": [one, 0, 0]}} for one in inputs]
            arguments = [histories if len(histories) > 1 else histories[0], *(call or {}).values()]
            nodes = [{"args": arguments, "kwargs": {}}]
        return {"class_name": class_name, "name": name, "config": {"name": name} | settings, "inbound_nodes": nodes}
