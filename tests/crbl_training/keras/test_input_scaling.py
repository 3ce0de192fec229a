"""What the Keras model does to its input ends in the preprocessing spec."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crbl_runtime.errors import CheckpointError
from crbl_runtime.preprocessing import PreprocessingSpec
from crbl_training.keras.convert import Choices, convert
from crbl_training.keras.input_scaling import InputScaling, input_scaling
from crbl_training.keras.keras_model import open_keras_model
from keras_files import NESTED, Backbone, KerasFile, Weights, keras_applications

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ROOT_OF_STD = pytest.approx((0.47853944, 0.4732864, 0.47434166), abs=1e-7)
NONE, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

LEGACY, WHOLE = KerasFile.write_legacy_weights, KerasFile.write_whole_model
COUNTED, ARCHIVE = KerasFile.write_weights, KerasFile.write_archive
FORMS = {"legacy": LEGACY, "whole": WHOLE, "counted": COUNTED, "archive": ARCHIVE}


def applications(flat: bool, second_rescaling: bool) -> tuple[Backbone, Backbone]:
    if flat:
        return (
            keras_applications(None, 1, second_rescaling, "a_{}"),
            keras_applications(None, 2, second_rescaling, "b_{}"),
        )
    return (keras_applications("efficientnetb0", 1, second_rescaling), keras_applications("b0", 2, second_rescaling))


def scaling_of(path: Path) -> InputScaling:
    with open_keras_model(path) as model:
        return input_scaling(model)


def spec_of(path: Path, choices: Choices) -> PreprocessingSpec:
    return convert(path, choices).preprocessing


@pytest.mark.parametrize("flat", [False, True], ids=["nested", "flat"])
@pytest.mark.parametrize("form", FORMS)
def test_imagenet_weights_of_keras_applications_scale_as_torchvision(
    form: str, flat: bool, weights: Weights, path: Path
) -> None:
    FORMS[form](KerasFile(weights, applications(flat, second_rescaling=True)), path)
    scaling = scaling_of(path)
    assert (scaling.divisor, scaling.mean) == (255.0, MEAN)
    assert scaling.std == pytest.approx(STD, abs=1e-7)


@pytest.mark.parametrize(("form", "flat"), [("whole", False), ("counted", False), ("archive", True), ("legacy", True)])
def test_without_the_second_rescaling_the_root_of_the_variance_divides(
    form: str, flat: bool, weights: Weights, path: Path
) -> None:
    FORMS[form](KerasFile(weights, applications(flat, second_rescaling=False), keras=3), path)
    scaling = scaling_of(path)
    assert (scaling.divisor, scaling.mean, scaling.std) == (255.0, MEAN, ROOT_OF_STD)


def test_what_a_legacy_file_does_not_tell_is_said_and_can_be_overruled(weights: Weights, path: Path) -> None:
    KerasFile(weights, applications(flat=False, second_rescaling=False)).write_legacy_weights(path)
    checkpoint = convert(path, Choices())
    assert checkpoint.preprocessing.std == pytest.approx(STD, abs=1e-7)
    assumed = checkpoint.provenance["converted_from"]["input_assumed"]
    assert assumed.endswith("or else give --std 0.478539 0.473286 0.474342")
    overruled = (0.478539, 0.473286, 0.474342)
    spec = spec_of(path, Choices(std=overruled, divisor=65025.0))
    assert (spec.divisor, spec.mean, spec.std) == (65025.0, MEAN, overruled)


Layer = tuple[str, dict[str, Any], dict[str, Any]]
RESCALING: Layer = ("Rescaling", {"scale": 1 / 127.5, "offset": -1.0}, {})
CONSTANTS: Layer = ("Normalization", {"mean": [10.0, 20.0, 30.0], "variance": [4.0, 9.0, 16.0]}, {})
FLIP: Layer = ("RandomFlip", {}, {})


def operator(keras: int, name: str, y: Any) -> Layer:
    functions = {"TrueDivide": "math.truediv", "Multiply": "math.multiply", "Subtract": "math.subtract"}
    return ("TFOpLambda", {"function": functions[name]}, {"y": y}) if keras == 2 else (name, {}, {"y": y})


@pytest.mark.parametrize("keras", [2, 3])
@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (lambda keras: (RESCALING,), (127.5, ONE, ONE)),
        (lambda keras: (FLIP, CONSTANTS), (1.0, (10.0, 20.0, 30.0), (2.0, 3.0, 4.0))),
        (lambda keras: (operator(keras, "TrueDivide", 255.0),), (255.0, NONE, ONE)),
        (lambda keras: (operator(keras, "Multiply", 0.5),), (2.0, NONE, ONE)),
        (lambda keras: (operator(keras, "Subtract", 127.5),), (1.0, (127.5,) * 3, ONE)),
        (lambda keras: (RESCALING, operator(keras, "TrueDivide", [1.0, 2.0, 4.0])), (127.5, ONE, (1.0, 2.0, 4.0))),
    ],
    ids=["rescaling", "constants", "divide", "multiply", "subtract", "divide-by-channel"],
)
def test_layers_before_both_backbones_are_read(
    between: Callable[[int], tuple[Layer, ...]], expected: object, keras: int, weights: Weights, path: Path
) -> None:
    KerasFile(weights, NESTED, keras=keras, between=between(keras)).write_archive(path)
    scaling = scaling_of(path)
    assert (scaling.divisor, scaling.mean, scaling.std) == expected


@pytest.mark.parametrize(
    "layer", [("Cropping2D", {"cropping": 4}, {}), ("TFOpLambda", {"function": "math.pow"}, {"y": 2})]
)
def test_a_layer_that_cannot_be_read_needs_to_be_told(layer: Layer, weights: Weights, path: Path) -> None:
    KerasFile(weights, between=(layer,)).write_whole_model(path)
    with pytest.raises(CheckpointError, match=r"cannot be read from the file\. Say what it amounts to with --divisor"):
        scaling_of(path)
    assert spec_of(path, Choices(imagenet_normalization=True)).std == STD
    assert spec_of(path, Choices(divisor=255.0, mean=NONE, std=ONE)).divisor == 255.0


def test_backbones_that_scale_differently_are_refused(weights: Weights, path: Path) -> None:
    backbones = (keras_applications("efficientnetb0", 1, True), Backbone(2, "noisy-student"))
    KerasFile(weights, backbones).write_archive(path)
    with pytest.raises(CheckpointError, match="The backbones scale their input differently"):
        scaling_of(path)
