"""Files of one backbone as the start of a training."""

from pathlib import Path

import pytest
import torch

from crbl_runtime.errors import CheckpointError
from crbl_training.checkpoint import Checkpoint
from crbl_training.keras.backbone_weights import load_backbone_weights
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from keras_files import Backbone, KerasFile, Weights, keras_applications

FORMS = {
    "legacy": KerasFile.write_legacy_weights, "whole": KerasFile.write_whole_model,
    "counted": KerasFile.write_weights, "archive": KerasFile.write_archive,
}  # fmt: skip


@pytest.mark.parametrize("keras", [2, 3])
@pytest.mark.parametrize("classifier", [False, True], ids=["notop", "top"])
@pytest.mark.parametrize("family", ["qubvel", "applications"])
@pytest.mark.parametrize("form", FORMS)
def test_one_backbone_of_any_form_is_timms(
    form: str, family: str, classifier: bool, keras: int, weights: Weights, path: Path, converted: Checkpoint
) -> None:
    backbone = Backbone(2, None) if family == "qubvel" else keras_applications(None, 2, second_rescaling=True)
    file = KerasFile(weights, (backbone,), head=False, keras=keras, classifier=classifier, image_size=None)
    FORMS[form](file, path)
    state = load_backbone_weights(path)
    EfficientNetB0FeatureExtractor().load_state_dict(state)
    assert all(torch.equal(values, converted.state[f"backbone2.{name}"]) for name, values in state.items())


def test_a_whole_model_is_refused(weights: Weights, path: Path) -> None:
    KerasFile(weights).write_legacy_weights(path)
    with pytest.raises(CheckpointError, match=r"is a whole model with 2 backbones.*crbl-convert"):
        load_backbone_weights(path)


def test_another_network_is_refused(weights: Weights, path: Path) -> None:
    KerasFile(weights, (), head=False, classifier=True).write_legacy_weights(path)
    with pytest.raises(CheckpointError, match="no layers of an EfficientNet-B0"):
        load_backbone_weights(path)
