"""The name map is complete on both sides."""

import pytest

from crbl_training.keras.efficientnet_layers import LAYERS, split_layer_name
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from keras_files import LAYERS as KERAS_LAYERS


def test_every_array_of_keras_is_a_tensor_of_timm_and_the_other_way_round() -> None:
    timm = {
        name: tuple(tensor.shape)
        for name, tensor in EfficientNetB0FeatureExtractor().state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    mapped = [array for layer in LAYERS for array in layer.arrays]
    assert {array.timm: tuple(array.shape[axis] for axis in array.axes) for array in mapped} == timm
    assert len(mapped) == len(timm) == 309


def test_layers_and_shapes_are_keras() -> None:
    keras = {(layer.name, key): shape for layer in KERAS_LAYERS for key, shape in layer.shapes.items()}
    assert {(layer.name, array.variable): array.shape for layer in LAYERS for array in layer.arrays} == keras


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stem_conv", ("stem_conv", "*")),
        ("model1_block1a_se_reduce", ("block1a_se_reduce", "model1_*")),
        ("block2a_expand_bn_noisy", ("block2a_expand_bn", "*_noisy")),
        ("a/block6d_project_conv_2", ("block6d_project_conv", "a/*_2")),
        ("block2a_expand_activation", None),
        ("block8a_bn", None),
        ("block2c_bn", None),
        ("mystem_conv", None),
        ("top_convolution", None),
        ("predictions", None),
    ],
)
def test_a_layer_is_recognised_under_a_renaming(name: str, expected: tuple[str, str] | None) -> None:
    assert split_layer_name(name) == expected
