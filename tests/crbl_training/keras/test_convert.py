"""Every form, layout and renaming becomes the same model, and that model answers as genuine Keras."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from crbl_runtime.errors import CheckpointError, UsageError
from crbl_runtime.variant import CROP, FULL
from crbl_training.checkpoint import Checkpoint
from crbl_training.keras.convert import Choices, convert
from crbl_training.model.network_input import network_input
from keras_files import FLAT, NESTED, REFERENCE, Backbone, KerasFile, KerasLayer, Weights

AUTO_NAMED = (Backbone(1, "model"), Backbone(2, "model_1"))
RELOADED = tuple(replace(backbone, variable_scope=backbone.layer) for backbone in NESTED)
FLAT_RELOADED = tuple(replace(backbone, variable_scope=backbone.layer) for backbone in FLAT)
FIRST_UNRENAMED = (Backbone(1, None), Backbone(2, None, "{}_2"))

LEGACY, WHOLE = KerasFile.write_legacy_weights, KerasFile.write_whole_model
COUNTED, ARCHIVE = KerasFile.write_weights, KerasFile.write_archive
FORMS = {"legacy": LEGACY, "whole": WHOLE, "counted": COUNTED, "archive": ARCHIVE}
LAYOUTS = {
    "nested": NESTED, "auto-named": AUTO_NAMED, "reloaded": RELOADED, "flat": FLAT, "flat-reloaded": FLAT_RELOADED,
    "first-unrenamed": FIRST_UNRENAMED,
}  # fmt: skip
Write = Callable[[KerasFile, Path], Path]


def test_logits_and_features_are_those_of_genuine_keras(converted: Checkpoint) -> None:
    reference = np.load(REFERENCE)
    model = converted.build_model()
    with torch.no_grad():
        x = network_input(torch.from_numpy(reference["images"]), converted.preprocessing)
        first, second = model.features(x)
        logits = model.logits(first, second)
        exact = converted.build_model().double()(
            network_input(torch.from_numpy(reference["images"]), converted.preprocessing, torch.float64)
        )
    # In float32 the order of summation, and so the number of threads, is worth up to 7e-5 here; in float64 nothing.
    assert np.abs(exact.numpy() - reference["logit"].ravel()).max() <= 5e-5
    assert np.abs(logits.numpy() - reference["logit"].ravel()).max() <= 2e-4
    for features, name in ((first, "feature1"), (second, "feature2")):
        difference = np.abs(features[:2].permute(0, 2, 3, 1).numpy() - reference[name]).max()
        assert difference <= 5e-5 * np.abs(reference[name]).max()


CASES = [
    *((form, layout, keras) for form in FORMS for layout in ("nested", "flat") for keras in (2, 3)),
    *((form, layout, 2) for form in ("legacy", "whole") for layout in ("auto-named", "reloaded", "flat-reloaded")),
    *((form, "first-unrenamed", 3) for form in FORMS),
    ("legacy", "flat-reloaded", 3),
    ("archive", "auto-named", 2),
]


@pytest.mark.parametrize(("form", "layout", "keras"), CASES)
def test_every_form_and_layout_is_the_same_model(
    form: str, layout: str, keras: int, weights: Weights, path: Path, converted: Checkpoint
) -> None:
    FORMS[form](KerasFile(weights, LAYOUTS[layout], keras=keras), path)
    checkpoint = convert(path, Choices(variant=CROP))
    assert checkpoint.hash == converted.hash
    origin = checkpoint.provenance["converted_from"]
    assert len(origin["sha256"]) == 64
    assert origin["keras_version"] == (None if form == "counted" else {2: "2.15.0", 3: "3.15.1"}[keras])


def test_a_file_of_keras_2_12_on_windows_is_the_same_model(weights: Weights, path: Path, converted: Checkpoint) -> None:
    KerasFile(weights).write_weights(path, container="_layer_checkpoint_dependencies", separator="\\")
    assert convert(path, Choices(variant=CROP)).hash == converted.hash


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("backbones", [NESTED, FLAT], ids=["nested", "flat"])
def test_the_join_decides_which_backbone_is_first(
    form: str, backbones: tuple[Backbone, Backbone], weights: Weights, path: Path, converted: Checkpoint
) -> None:
    FORMS[form](KerasFile(weights, backbones[::-1]), path)
    as_joined = convert(path, Choices(variant=CROP))
    assert torch.equal(as_joined.state["backbone1.conv_stem.weight"], converted.state["backbone2.conv_stem.weight"])
    assert convert(path, Choices(variant=CROP, swap_backbones=True)).hash == converted.hash


def test_the_join_of_a_configuration_is_more_than_the_order_of_layers(
    weights: Weights, path: Path, converted: Checkpoint
) -> None:
    """Keras lists layers by depth, so a layer more in front of one backbone turns the list but not the join."""

    class TurnedFile(KerasFile):
        def config(self) -> dict[str, object]:
            return KerasFile(weights, NESTED).config()

    TurnedFile(weights, NESTED[::-1]).write_whole_model(path)
    assert convert(path, Choices()).hash == converted.hash


@pytest.mark.parametrize("write", [LEGACY, WHOLE, ARCHIVE])
@pytest.mark.parametrize("keras", [2, 3])
@pytest.mark.parametrize("variant", [CROP, FULL], ids=["crop", "full"])
def test_the_variant_is_read_from_the_file(variant, keras: int, write: Write, weights: Weights, path: Path) -> None:
    write(KerasFile(weights, trainable=variant.name, keras=keras), path)
    checkpoint = convert(path, Choices())
    assert checkpoint.variant == variant
    assert checkpoint.preprocessing.region == variant.region
    assert checkpoint.threshold == variant.threshold
    other = FULL if variant == CROP else CROP
    seen = "from block5c_se_expand on were trainable" if variant == CROP else "all layers of the backbones were frozen"
    with pytest.raises(CheckpointError, match=rf"--variant {other.name} was asked for.*{seen}"):
        convert(path, Choices(variant=other))


@pytest.mark.parametrize("write", [LEGACY, ARCHIVE])
def test_a_model_that_is_neither_variant_needs_to_be_told(write: Write, weights: Weights, path: Path) -> None:
    write(KerasFile(weights, trainable="all"), path)
    with pytest.raises(
        UsageError, match=r"all layers of the backbones were trainable.*--variant crop or --variant full"
    ):
        convert(path, Choices())
    assert convert(path, Choices(variant=FULL)).variant == FULL


def test_choices_end_in_the_preprocessing_spec(weights: Weights, path: Path) -> None:
    KerasFile(weights, image_size=224).write_archive(path)
    spec = convert(path, Choices()).preprocessing
    assert (spec.image_size, spec.channel_order, spec.divisor, spec.mean, spec.std) == (
        224,
        "rgb",
        255,
        (0, 0, 0),
        (1, 1, 1),
    )
    chosen = Choices(channel_order="bgr", imagenet_normalization=True, region="whole", image_size=96, threshold=0.25)
    checkpoint = convert(path, chosen)
    spec = checkpoint.preprocessing
    assert (spec.region, spec.image_size, checkpoint.threshold) == ("whole", 96, 0.25)
    assert (spec.channel_order, spec.mean, spec.std) == ("bgr", (0.406, 0.456, 0.485), (0.225, 0.224, 0.229))


@pytest.mark.parametrize(
    "choices", [Choices(imagenet_normalization=True, divisor=1.0), Choices(threshold=1.5), Choices(image_size=8)]
)
def test_choices_that_cannot_be_are_refused(choices: Choices, weights: Weights, path: Path) -> None:
    KerasFile(weights).write_legacy_weights(path)
    with pytest.raises(UsageError):
        convert(path, choices)


Change = Callable[[np.ndarray], np.ndarray | None]


@dataclass(frozen=True)
class ChangedFile(KerasFile):
    """A file whose array top_bn/beta of the second backbone was changed; None leaves it out."""

    change: Change = np.asarray

    def _arrays(self, backbone: Backbone, layer: KerasLayer) -> dict[str, np.ndarray]:
        arrays = super()._arrays(backbone, layer)
        if (backbone.number, layer.name) == (2, "top_bn"):
            arrays["beta"] = self.change(arrays["beta"])
        return {name: values for name, values in arrays.items() if values is not None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: None, r"top_bn/beta is missing, for backbone2\.bn2\.bias"),
        (
            lambda values: values[:-1],
            r"top_bn/beta:0 has the shape \(1279,\), expected \(1280,\) for backbone2\.bn2\.bias",
        ),
        (lambda values: values * np.nan, r"top_bn/beta:0 holds values that are NaN or infinite \(1280 of 1280\)"),
        (lambda values: values + np.float64(1e-12), "is float64 and does not fit float32"),
    ],
    ids=["missing", "shape", "not-finite", "float64"],
)
def test_an_array_that_does_not_fit_is_named(change: Change, message: str, weights: Weights, path: Path) -> None:
    ChangedFile(weights, change=change).write_legacy_weights(path)
    with pytest.raises(CheckpointError, match=message):
        convert(path, Choices())


def test_one_changed_weight_is_another_model(weights: Weights, path: Path, converted: Checkpoint) -> None:
    """What all tests above rest on: the hash sees one value of one array."""
    key = "2/block6c_se_reduce/bias"
    values = weights[key].copy()
    values[7] = np.nextafter(values[7], np.float32(1e9))
    KerasFile({**weights, key: values}).write_legacy_weights(path)
    assert convert(path, Choices()).hash != converted.hash


@pytest.mark.parametrize(
    ("place", "shape"),
    [
        ("stray/kernel:0", (3,)),
        ("EfficientNetB0_imagenetWeight/stem_conv/bias:0", (32,)),
        ("predictions/scale:0", (1,)),
    ],
)
def test_an_array_that_nobody_lists_is_left_over(
    place: str, shape: tuple[int, ...], weights: Weights, path: Path
) -> None:
    KerasFile(weights).write_legacy_weights(path)
    with h5py.File(path, "a") as file:
        file[place] = np.zeros(shape, np.float32)
    with pytest.raises(CheckpointError, match=f"{place} belongs to no layer of this model"):
        convert(path, Choices())


def test_an_array_that_the_model_has_no_place_for_is_left_over(weights: Weights, path: Path) -> None:
    KerasFile(weights).write_weights(path)
    with h5py.File(path, "a") as file:
        file["layers/functional/layers/conv2d/vars/1"] = np.zeros(32, np.float32)
        file["layers/embedding/vars/0"] = np.zeros(32, np.float32)
    with pytest.raises(
        CheckpointError, match=r"(?s)embedding/vars/0 belongs to no layer.*conv2d/vars/1 belongs to no layer"
    ):
        convert(path, Choices(variant=CROP))


def test_the_random_state_of_a_dropout_is_no_weight(weights: Weights, path: Path, converted: Checkpoint) -> None:
    KerasFile(weights, keras=3).write_weights(path)
    with h5py.File(path, "a") as file:
        file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, np.uint32)
    assert convert(path, Choices(variant=CROP)).hash == converted.hash


@pytest.mark.parametrize("form", ["legacy", "counted"])
def test_another_number_of_backbones_is_refused(form: str, weights: Weights, path: Path) -> None:
    FORMS[form](KerasFile(weights, NESTED[:1]), path)
    with pytest.raises(CheckpointError, match="two EfficientNet-B0 backbones, the file has 1"):
        convert(path, Choices(variant=CROP))
    FORMS[form](KerasFile(weights, (*NESTED, Backbone(1, "third"))), path)
    with pytest.raises(CheckpointError, match="two EfficientNet-B0 backbones, the file has 3"):
        convert(path, Choices(variant=CROP))


def test_a_head_of_another_shape_is_named(weights: Weights, path: Path) -> None:
    two_classes = {**weights, "head/kernel": np.zeros((1280, 2), np.float32), "head/bias": np.zeros(2, np.float32)}
    KerasFile(two_classes).write_legacy_weights(path)
    with pytest.raises(CheckpointError, match=r"the head/kernel is missing, for classifier\.weight"):
        convert(path, Choices())
