"""Configurations are read as data."""

import json

import pytest

from crbl_runtime.errors import CheckpointError
from crbl_training.keras.backbones import join_order
from crbl_training.keras.model_config import parse_model_config, snake_case
from keras_files import FLAT, NESTED, KerasFile


@pytest.mark.parametrize("keras", [2, 3])
def test_layers_inputs_and_constants_are_read_in_both_ways_of_writing(keras: int) -> None:
    between = (("TFOpLambda" if keras == 2 else "TrueDivide", {"function": "math.truediv"}, {"y": 255.0}),)
    model = parse_model_config(json.dumps(KerasFile({}, NESTED, head=False, keras=keras, between=between).config()))
    assert model is not None
    assert model.layers[1].call == {"y": 255.0}
    assert model.layers[1].inputs == ("input_1",)
    assert model.layer_named["lambda"].inputs == tuple(backbone.model for backbone in NESTED)
    assert len(model.layer_named["EfficientNetB0_imagenetWeight"].layers) > 130


@pytest.mark.parametrize("keras", [2, 3])
def test_the_join_names_the_backbones_in_its_own_order(keras: int) -> None:
    for backbones in (NESTED, NESTED[::-1]):
        model = parse_model_config(json.dumps(KerasFile({}, backbones, head=False, keras=keras).config()))
        assert model is not None
        assert join_order(model) == tuple(backbone.model for backbone in backbones)
    model = parse_model_config(json.dumps(KerasFile({}, FLAT[::-1], head=False, keras=keras).config()))
    assert model is not None
    assert join_order(model) == ("*_noisy", "*_imagenet")


def test_classes_are_called_as_keras_calls_their_groups() -> None:
    names = ("Conv2D", "DepthwiseConv2D", "BatchNormalization", "Functional", "InputLayer", "Dense", "Rescaling")
    snakes = ["conv2d", "depthwise_conv2d", "batch_normalization", "functional", "input_layer", "dense", "rescaling"]
    assert [snake_case(name) for name in names] == snakes


def test_a_subclassed_model_has_no_layers() -> None:
    assert parse_model_config('{"class_name": "MyModel", "config": {}}') is None


@pytest.mark.parametrize(
    "text", ["", "3", "null", "[]", '{"config": {}}', '{"class_name": "M", "config": {"layers": 3}}']
)
def test_what_keras_does_not_write_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match="configuration in the file cannot be read"):
        parse_model_config(text)


def test_models_within_models_without_end_are_refused() -> None:
    entry: dict[str, object] = {"class_name": "M", "config": {}}
    for _ in range(20):
        entry = {"class_name": "M", "config": {"layers": [entry]}}
    with pytest.raises(CheckpointError, match="more than 8 levels"):
        parse_model_config(json.dumps(entry))


def test_connections_that_run_in_a_circle_end() -> None:
    layers = [
        {"class_name": "A", "name": "a", "config": {}, "inbound_nodes": [[["b", 0, 0, {}]]]},
        {"class_name": "B", "name": "b", "config": {}, "inbound_nodes": [[["a", 0, 0, {}]]]},
    ]
    model = parse_model_config(json.dumps({"class_name": "M", "config": {"layers": layers}}))
    assert model is not None
    assert join_order(model) == ()
