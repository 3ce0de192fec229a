"""architecture.py: timm's two networks of the same shapes are told apart by what the file says and has seen."""

import argparse
import json

import pytest
import torch

from crbl_training.weights.architecture import TRAINED_FROM_NOTHING, timm_architecture

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
    said = timm_architecture(entry("tf_efficientnet_b0"), counted(900_000), tmp_path / "w.pth")
    assert (said.tensorflow, said.text) == (True, "tf_efficientnet_b0, as an entry of the file says")
    said = timm_architecture(entry("efficientnet_b0"), counted(0), tmp_path / "tf_efficientnet_b0.pth")
    assert (said.tensorflow, said.text) == (False, "timm's efficientnet_b0, as an entry of the file says")


def test_config_of_the_hub_decides(tmp_path):
    for name, tensorflow in (("tf_efficientnet_b0", True), ("efficientnet_b0", False)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"architecture": name, "num_classes": 1000}))
        said = timm_architecture({}, counted(0), tmp_path / name / "model.safetensors")
        assert said.tensorflow == tensorflow
        assert said.text.endswith("config.json beside it says")


@pytest.mark.parametrize("config", ["no json", "[]", '{"architecture": 3}', '{"architecture": "resnet18"}'])
def test_config_that_says_nothing_is_passed_over(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    assert "taken for tf_" in timm_architecture({}, counted(0), tmp_path / "w.pth").text


@pytest.mark.parametrize(
    "name", ["efficientnet_b0_ra-3dd342df.pth", "EfficientNet_B0.pt", "my_efficientnet_b0.bin",
             "models--timm--efficientnet_b0.ra_in1k/x"]
)  # fmt: skip
def test_name_of_the_other_network_is_believed(tmp_path, name):
    said = timm_architecture({}, counted(0), tmp_path / name)
    assert (said.tensorflow, said.text) == (False, "timm's efficientnet_b0, as its name says")


@pytest.mark.parametrize(
    "name", ["tf_efficientnet_b0_ns-c0e6a31c.pth", "TF_EfficientNet_B0.pt",
             "models--timm--tf_efficientnet_b0.in1k/snapshots/0/x"]
)  # fmt: skip
def test_name_that_fits_is_believed_even_after_a_long_training(tmp_path, name):
    said = timm_architecture({}, counted(TRAINED_FROM_NOTHING), tmp_path / name)
    assert (said.tensorflow, said.text) == (True, "tf_efficientnet_b0, as its name says")


def test_training_from_nothing_is_told_from_fine_tuning_and_the_way_out_is_named(tmp_path):
    path = tmp_path / "efficientnet_b0s" / "w.pth"
    long = timm_architecture({}, counted(TRAINED_FROM_NOTHING), path)
    assert not long.tensorflow
    assert "taken for timm's efficientnet_b0" in long.text
    assert "for 100,000 batches" in long.text
    assert "tf_efficientnet_b0_w.pth" in long.text
    short = timm_architecture({}, counted(TRAINED_FROM_NOTHING - 1), path)
    assert short.tensorflow
    assert short.text.startswith("taken for tf_efficientnet_b0 (TensorFlow's padding, BatchNorm eps 1e-3)")


def test_entries_that_contradict_each_other_decide_nothing(tmp_path):
    content = {"student": "efficientnet_b0", "teacher": "tf_efficientnet_b0"}
    assert "taken for tf_" in timm_architecture(content, counted(0), tmp_path / "w.pth").text
