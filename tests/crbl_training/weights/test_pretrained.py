"""pretrained.py: every tensor of the file arrives, or the file is refused by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import efficientnet_b0, mobilenet_v3_small

from crbl_runtime.errors import CheckpointError, UsageError
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from crbl_training.weights.pretrained import load_pretrained
from crbl_training.weights.source import TIMM_NAMES


@pytest.fixture(scope="module")
def timm_state() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return timm.create_model("tf_efficientnet_b0", pretrained=False).state_dict()


@pytest.fixture(scope="module")
def backbone() -> EfficientNetB0FeatureExtractor:
    """A backbone that each test fills anew."""
    return EfficientNetB0FeatureExtractor()


def assert_holds(backbone: EfficientNetB0FeatureExtractor, state: dict[str, Tensor]) -> None:
    own = backbone.state_dict()
    assert own.keys() == {name for name in state if not name.startswith("classifier.")}
    assert all(torch.equal(tensor, state[name]) for name, tensor in own.items())


def save_legacy(state: dict[str, Tensor], path: Path) -> None:
    torch.save(state, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("suffix", ["", ".PTH", ".ckpt", ".bin", ".pth.tar", ".h5"])
@pytest.mark.parametrize("write", [torch.save, save_file, save_legacy])
def test_timm_file_of_any_name_arrives_whole_and_what_it_is_taken_for_is_said(
    tmp_path, backbone, timm_state, suffix, write
):
    path = tmp_path / f"weights{suffix}"
    write(timm_state, path)
    origin = load_pretrained(backbone, str(path), trust_pickle=True)
    assert origin.startswith(f"file weights{suffix}, taken for tf_efficientnet_b0 (TensorFlow's padding")
    assert_holds(backbone, timm_state)


def test_checkpoint_of_a_training_program_arrives_whole(tmp_path, backbone, timm_state):
    wrapped = {f"module._orig_mod.{name}": tensor for name, tensor in timm_state.items() if "num_batches" not in name}
    content = {"epoch": 3, "arch": "tf_efficientnet_b0.in1k", "model": {"state_dict": wrapped}, "optimizer": {}}
    torch.save(content, tmp_path / "w.ckpt")
    origin = load_pretrained(backbone, str(tmp_path / "w.ckpt"), trust_pickle=True)
    assert origin == "file w.ckpt, tf_efficientnet_b0, as an entry of the file says"
    assert_holds(backbone, timm_state)


@pytest.mark.parametrize(
    "wrap", [lambda state: state, lambda state: {"model": {f"module.{n}": state[n] for n in state}}]
)
def test_torchvision_is_refused_with_the_reason_and_the_files_that_fit(tmp_path, backbone, wrap):
    torch.save(wrap(efficientnet_b0().state_dict()), tmp_path / "w.pth")
    message = r"torchvision's EfficientNet.*pads symmetrically.*eps 1e-5.*timm's tf_efficientnet_b0\.\*.*\.h5"
    with pytest.raises(CheckpointError, match=message):
        load_pretrained(backbone, str(tmp_path / "w.pth"), trust_pickle=True)


def test_another_network_of_torchvision_is_not_called_an_efficientnet(tmp_path, backbone):
    torch.save(mobilenet_v3_small().state_dict(), tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"conv_stem\.weight is missing"):
        load_pretrained(backbone, str(tmp_path / "w.pth"), trust_pickle=True)


def test_long_trained_network_of_another_shape_is_named_by_its_tensors(tmp_path, backbone, timm_state):
    state = timm_state | {"blocks.9.weight": torch.ones(1), "bn1.num_batches_tracked": torch.tensor(700_000)}
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"blocks\.9\.weight is not part of the model"):
        load_pretrained(backbone, str(tmp_path / "w.safetensors"))


def test_timm_efficientnet_b0_is_refused_and_nothing_is_loaded(tmp_path, backbone, timm_state):
    before = backbone.conv_stem.weight.clone()
    content = {"arch": "efficientnet_b0", "state_dict": {name: tensor + 1 for name, tensor in timm_state.items()}}
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"timm's efficientnet_b0, as an entry of the file says"):
        load_pretrained(backbone, str(tmp_path / "w.pth"), trust_pickle=True)
    assert torch.equal(backbone.conv_stem.weight, before)


@pytest.mark.parametrize("write", [torch.save, save_file])
def test_values_that_are_not_finite_are_refused_by_name_and_number(tmp_path, backbone, timm_state, write):
    state = {name: tensor.clone() for name, tensor in timm_state.items()}
    state["blocks.3.1.bn2.bias"][:3] = float("nan")
    state["conv_stem.weight"][0, 0, 0, 0] = float("-inf")
    state["bn1.running_var"][4] = -1
    write(state, tmp_path / "w")
    with pytest.raises(CheckpointError) as caught:
        load_pretrained(backbone, str(tmp_path / "w"), trust_pickle=True)
    for broken in ("blocks.3.1.bn2.bias (3 of 480", "conv_stem.weight (1 of 864", "bn1.running_var (1 of 32"):
        assert broken in str(caught.value)


def test_weights_that_lack_a_tensor_are_refused_and_nothing_is_loaded(tmp_path, backbone, timm_state):
    before = backbone.conv_stem.weight.clone()
    state = {name: tensor + 1 for name, tensor in timm_state.items() if name != "blocks.3.1.bn2.bias"}
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"w\.safetensors .*: blocks\.3\.1\.bn2\.bias is missing\.$"):
        load_pretrained(backbone, str(tmp_path / "w.safetensors"))
    assert torch.equal(backbone.conv_stem.weight, before)


def test_weights_of_another_network_are_refused_with_names(tmp_path, backbone):
    state = timm.create_model("tf_efficientnet_b1", pretrained=False).state_dict()
    torch.save(state, tmp_path / "b1.pth")
    with pytest.raises(CheckpointError, match=r"blocks\.0\.1\.conv_dw\.weight is not part of the model.*and \d+ more"):
        load_pretrained(backbone, str(tmp_path / "b1.pth"), trust_pickle=True)


@pytest.mark.parametrize(
    ("name", "content"), [("w.safetensors", b"\x08\0\0\0\0\0\0\0damaged!"), ("w.pth", b"PK\x03\x04"), ("w.pt", b"")]
)  # fmt: skip
def test_damaged_file_is_named(tmp_path, backbone, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        load_pretrained(backbone, str(tmp_path / name), trust_pickle=True)


@pytest.mark.parametrize("source", ["ImageNet", "nowhere.pth", "."])
def test_unknown_source_names_what_is_known(backbone, source):
    with pytest.raises(UsageError, match=r"no such file\. Expected imagenet, noisy-student, none, or the path"):
        load_pretrained(backbone, source)


def test_names_are_two_different_downloads():
    configurations = {name: timm.get_pretrained_cfg(full) for name, full in TIMM_NAMES.items()}
    assert configurations["imagenet"].hf_hub_id == "timm/tf_efficientnet_b0.in1k"
    assert configurations["noisy-student"].hf_hub_id == "timm/tf_efficientnet_b0.ns_jft_in1k"


OFFLINE = """
from crbl_runtime.errors import UnavailableError
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from crbl_training.weights.pretrained import load_pretrained
try:
    load_pretrained(EfficientNetB0FeatureExtractor(), "noisy-student")
except UnavailableError as error:
    print(error)
"""


def test_without_network_the_remedies_are_named(tmp_path):
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "TORCH_HOME": str(tmp_path)}
    answer = subprocess.run([sys.executable, "-c", OFFLINE], capture_output=True, text=True, env=environment)
    assert answer.returncode == 0, answer.stderr
    assert "tf_efficientnet_b0.ns_jft_in1k/resolve/main/model.safetensors could not be downloaded" in answer.stdout
    assert "--weights PATH" in answer.stdout
    assert "--weights none" in answer.stdout
