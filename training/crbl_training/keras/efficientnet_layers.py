"""EfficientNet-B0's layers as Keras calls them, and what each array of theirs is called in timm.

The names are those of qubvel's `efficientnet` and of keras.applications, which agree; the sizes are table 1 of Tan, Le,
"EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019.
"""

import re
from dataclasses import dataclass

CONV, DEPTHWISE, BATCH_NORM = "conv2d", "depthwise_conv2d", "batch_normalization"

# Per stage: blocks, kernel, input channels, output channels, expansion.
_STAGES = (
    (1, 3, 32, 16, 1),
    (2, 3, 16, 24, 6),
    (2, 5, 24, 40, 6),
    (3, 3, 40, 80, 6),
    (3, 5, 80, 112, 6),
    (4, 5, 112, 192, 6),
    (1, 3, 192, 320, 6),
)

_HWIO_TO_OIHW = (3, 2, 0, 1)
_HWCM_TO_CMHW = (2, 3, 0, 1)
_SAME = (0,)


@dataclass(frozen=True)
class LayerArray:
    """One array of the backbone.

    Attributes:
        variable: Keras's name of it. shape: in Keras.
        timm: name of the timm parameter or buffer. axes: Keras's axes in the order that timm has them.
    """

    variable: str
    shape: tuple[int, ...]
    timm: str
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One layer with weights: its Keras name, its Keras class in snake case, its arrays in Keras's order."""

    name: str
    kind: str
    arrays: tuple[LayerArray, ...]


def _conv(name: str, timm: str, kernel: int, inputs: int, outputs: int, bias: bool = False) -> Layer:
    arrays = [LayerArray("kernel", (kernel, kernel, inputs, outputs), f"{timm}.weight", _HWIO_TO_OIHW)]
    if bias:
        arrays.append(LayerArray("bias", (outputs,), f"{timm}.bias", _SAME))
    return Layer(name, CONV, tuple(arrays))


def _depthwise(name: str, timm: str, kernel: int, channels: int) -> Layer:
    array = LayerArray("depthwise_kernel", (kernel, kernel, channels, 1), f"{timm}.weight", _HWCM_TO_CMHW)
    return Layer(name, DEPTHWISE, (array,))


def _batch_norm(name: str, timm: str, channels: int) -> Layer:
    pairs = (
        ("gamma", "weight"), ("beta", "bias"), ("moving_mean", "running_mean"), ("moving_variance", "running_var"),
    )  # fmt: skip
    arrays = (LayerArray(keras, (channels,), f"{timm}.{torch}", _SAME) for keras, torch in pairs)
    return Layer(name, BATCH_NORM, tuple(arrays))


def _block(keras: str, timm: str, kernel: int, inputs: int, outputs: int, expansion: int) -> list[Layer]:
    wide = inputs * expansion
    squeezed = max(1, inputs // 4)
    expand = [
        _conv(f"{keras}_expand_conv", f"{timm}.conv_pw", 1, inputs, wide),
        _batch_norm(f"{keras}_expand_bn", f"{timm}.bn1", wide),
    ]
    bn, project, project_bn = ("bn1", "conv_pw", "bn2") if expansion == 1 else ("bn2", "conv_pwl", "bn3")
    return [
        *(expand if expansion != 1 else []),
        _depthwise(f"{keras}_dwconv", f"{timm}.conv_dw", kernel, wide),
        _batch_norm(f"{keras}_bn", f"{timm}.{bn}", wide),
        _conv(f"{keras}_se_reduce", f"{timm}.se.conv_reduce", 1, wide, squeezed, bias=True),
        _conv(f"{keras}_se_expand", f"{timm}.se.conv_expand", 1, squeezed, wide, bias=True),
        _conv(f"{keras}_project_conv", f"{timm}.{project}", 1, wide, outputs),
        _batch_norm(f"{keras}_project_bn", f"{timm}.{project_bn}", outputs),
    ]


def _backbone() -> list[Layer]:
    layers = [_conv("stem_conv", "conv_stem", 3, 3, 32), _batch_norm("stem_bn", "bn1", 32)]
    for stage, (blocks, kernel, inputs, outputs, expansion) in enumerate(_STAGES):
        for index in range(blocks):
            keras, timm = f"block{stage + 1}{'abcd'[index]}", f"blocks.{stage}.{index}"
            layers += _block(keras, timm, kernel, inputs if index == 0 else outputs, outputs, expansion)
    return [*layers, _conv("top_conv", "conv_head", 1, 320, 1280), _batch_norm("top_bn", "bn2", 1280)]


# In the order of the forward pass, which is also the order in which Keras creates and counts them.
LAYERS: tuple[Layer, ...] = tuple(_backbone())
LAYER_NAMED = {layer.name: layer for layer in LAYERS}

_NAME_IN = re.compile(
    r"^(?P<prefix>(?:.*[^A-Za-z0-9])?)"
    rf"(?P<name>{'|'.join(sorted(map(re.escape, LAYER_NAMED), key=len, reverse=True))})"
    r"(?P<suffix>(?:[^A-Za-z].*)?)$"
)


def split_layer_name(name: str) -> tuple[str, str] | None:
    """("model1_stem_conv_2") -> ("stem_conv", "model1_*_2"): which layer, and how this backbone's layers are renamed.

    None where the name is that of no layer of the backbone with weights.
    """
    match = _NAME_IN.match(name)
    return (match["name"], f"{match['prefix']}*{match['suffix']}") if match else None
