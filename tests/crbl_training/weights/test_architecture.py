"""architecture.py: timm's two networks of the same shapes are told apart by what the file says and has seen."""

import argparse
import json

import pytest
import torch

from crbl_runtime.errors import CheckpointError
from crbl_training.weights.architecture import TRAINED_FROM_NOTHING, require_tensorflow_padding

ENTRIES = [
    lambda name: {"arch": name},
    lambda name: {"model_name": f"timm/{name}.ns_jft_in1k"},
    lambda name: {"args": argparse.Namespace(model=name)},
    lambda name: {"hyper_parameters": {"encoder": f"hf-hub:timm/{name}.in1k"}},
    lambda name: {"metadata": {"architecture": f"{name}_ap"}},
]


def counted(batches: int) -> dict[str, torch.Tensor]:
    return {"bn1.num_batches_tracked": torch.tensor(batches), "bn2.num_batches_tracked": torch.tensor(batches)}


@pytest.mark.parametrize("entry", ENTRIES)
def test_entry_of_the_file_decides(tmp_path, entry):
    path = tmp_path / "w.pth"
    assert require_tensorflow_padding(entry("tf_efficientnet_b0"), counted(900_000), path).endswith(
        "an entry of the file says"
    )
    with pytest.raises(
        CheckpointError, match=r"timm's efficientnet_b0, as an entry of the file says.*pads symmetrically"
    ):
        require_tensorflow_padding(entry("efficientnet_b0"), counted(0), tmp_path / "tf_efficientnet_b0.pth")


def test_config_of_the_hub_decides(tmp_path):
    for name in ("tf_efficientnet_b0", "efficientnet_b0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"architecture": name, "num_classes": 1000}))
    said = require_tensorflow_padding({}, counted(0), tmp_path / "tf_efficientnet_b0" / "model.safetensors")
    assert said.endswith("config.json beside it says")
    with pytest.raises(CheckpointError, match=r"as config\.json beside it says"):
        require_tensorflow_padding({}, counted(0), tmp_path / "efficientnet_b0" / "model.safetensors")


@pytest.mark.parametrize("config", ["no json", "[]", '{"architecture": 3}', '{"architecture": "resnet18"}'])
def test_config_that_says_nothing_is_passed_over(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    assert "taken for" in require_tensorflow_padding({}, counted(0), tmp_path / "w.pth")


@pytest.mark.parametrize(
    "name", ["efficientnet_b0_ra-3dd342df.pth", "EfficientNet_B0.pt", "my_efficientnet_b0.bin",
             "models--timm--efficientnet_b0.ra_in1k/x"]
)  # fmt: skip
def test_name_of_the_other_network_is_refused(tmp_path, name):
    with pytest.raises(CheckpointError, match="as its name says"):
        require_tensorflow_padding({}, counted(0), tmp_path / name)


@pytest.mark.parametrize(
    "name", ["tf_efficientnet_b0_ns-c0e6a31c.pth", "TF_EfficientNet_B0.pt",
             "models--timm--tf_efficientnet_b0.in1k/snapshots/0/x"]
)  # fmt: skip
def test_name_that_fits_is_believed_even_after_a_long_training(tmp_path, name):
    said = require_tensorflow_padding({}, counted(TRAINED_FROM_NOTHING), tmp_path / name)
    assert said == "tf_efficientnet_b0, as its name says"


def test_training_from_nothing_is_refused_and_fine_tuning_is_not(tmp_path):
    path = tmp_path / "efficientnet_b0s" / "w.pth"
    with pytest.raises(CheckpointError, match=r"for 100,000 batches.*tf_efficientnet_b0_w\.pth"):
        require_tensorflow_padding({}, counted(TRAINED_FROM_NOTHING), path)
    said = require_tensorflow_padding({}, counted(TRAINED_FROM_NOTHING - 1), path)
    assert said.startswith("taken for tf_efficientnet_b0 (TensorFlow's padding, BatchNorm eps 1e-3)")


def test_entries_that_contradict_each_other_decide_nothing(tmp_path):
    content = {"student": "efficientnet_b0", "teacher": "tf_efficientnet_b0"}
    assert "taken for" in require_tensorflow_padding(content, counted(0), tmp_path / "w.pth")
