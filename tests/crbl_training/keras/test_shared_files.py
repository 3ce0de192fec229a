"""Files that genuine TensorFlow wrote, and what it answered; they lie beside the repository, in shared/keras."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from crbl_runtime.variant import CROP
from crbl_training.checkpoint import Checkpoint
from crbl_training.keras.convert import Choices, convert
from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.network_input import network_input

SHARED = Path(__file__).resolve().parents[4] / "shared" / "keras"
FILES = ("crbl_crop.legacy_w.h5", "crbl_full.legacy_w.h5", "crbl_crop.weights.h5", "nested_plain.keras")
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="there is no ../shared/keras with files of TensorFlow")


@pytest.fixture(scope="module")
def checkpoints() -> list[Checkpoint]:
    variants = {"crbl_full.legacy_w.h5": None, "crbl_crop.legacy_w.h5": None}
    return [convert(SHARED / name, Choices(variant=variants.get(name, CROP))) for name in FILES]


@pytest.fixture(scope="module")
def model(checkpoints: list[Checkpoint]) -> CRBLDualModel:
    return checkpoints[0].build_model()


def seen(checkpoint: Checkpoint, images: np.ndarray) -> Tensor:
    return network_input(torch.from_numpy(images), checkpoint.preprocessing)


def test_all_files_are_the_same_model_to_the_bit(checkpoints: list[Checkpoint]) -> None:
    assert [checkpoint.variant.name for checkpoint in checkpoints[:2]] == ["crop", "full"]
    first = checkpoints[0].state
    for other in (checkpoint.state for checkpoint in checkpoints[1:]):
        assert other.keys() == first.keys()
        assert all(torch.equal(other[name], first[name]) for name in first)


@torch.no_grad()
def test_logits_and_features_are_those_of_genuine_keras(checkpoints: list[Checkpoint], model: CRBLDualModel) -> None:
    reference = np.load(SHARED / "ref_k2.npz")
    first, second = model.features(seen(checkpoints[0], reference["x_uint8_128"]))
    for features, name in ((first, "feat1_128"), (second, "feat2_128")):
        assert np.abs(features.permute(0, 2, 3, 1).numpy() - reference[name]).max() <= 5e-5
    logits = model.logits(first, second)
    assert np.abs(logits.numpy() - reference["logit_128"]).max() <= 2e-4
    assert np.abs(torch.sigmoid(logits).numpy() - reference["prob_128"]).max() <= 5e-5


@pytest.mark.parametrize("size", [101, 75])
@torch.no_grad()
def test_odd_sizes_pad_as_keras_does(size: int, checkpoints: list[Checkpoint], model: CRBLDualModel) -> None:
    reference = np.load(SHARED / "ref_k2.npz")
    features = model.backbone1(seen(checkpoints[0], reference[f"x_uint8_{size}"]))
    assert np.abs(features.permute(0, 2, 3, 1).numpy() - reference[f"feat1_{size}"]).max() <= 5e-5
