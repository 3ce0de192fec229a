"""pretrained.py: every tensor of the file arrives, or the file is refused by name."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import (
    EfficientNet,
    efficientnet_b0,
    efficientnet_b1,
    efficientnet_v2_s,
    mobilenet_v3_small,
)

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
    digest = hashlib.sha256((tmp_path / "w.ckpt").read_bytes()).hexdigest()
    assert origin == f"file w.ckpt, tf_efficientnet_b0, as an entry of the file says, SHA-256 {digest}"
    assert_holds(backbone, timm_state)


def lively(network: nn.Module) -> nn.Module:
    """Random weights whose BatchNorms have seen images, as trained ones have: else all features are next to nothing."""
    torch.manual_seed(2)
    layers = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for layer in layers:
        layer.momentum = None
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.rand(4, 3, 65, 65))
    return network.eval()


WARNING = "NOT the features that it was trained with, fit to fine-tune or as a start, not to reproduce its results"


@pytest.fixture(scope="module")
def of_torchvision() -> EfficientNet:
    return lively(efficientnet_b0(num_classes=10))


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Of 65 px, one more than a multiple of 32: there symmetric padding and TensorFlow's are the same."""
    return torch.rand(2, 3, 65, 65, generator=torch.Generator().manual_seed(3))


def assert_same_features(one: Tensor, other: Tensor) -> None:
    assert one.std() > 0.05
    torch.testing.assert_close(one, other, rtol=0, atol=1e-4 * float(other.abs().max()))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"model": {f"module.{name}": tensor for name, tensor in state.items()}, "epoch": 3},
        lambda state: {"state_dict": {f"net.{name}": tensor for name, tensor in state.items()}, "hyper_parameters": {}},
    ],
)
def test_torchvision_s_network_computes_the_same_where_padding_is_the_same_and_the_difference_is_said(
    tmp_path, backbone, of_torchvision, images, wrap
):
    torch.save(wrap(of_torchvision.state_dict()), tmp_path / "w.pth")
    origin = load_pretrained(backbone, str(tmp_path / "w.pth"), trust_pickle=True)
    assert origin.startswith("file w.pth, torchvision's efficientnet_b0, BatchNorms scaled from eps 1e-5 to 1e-3")
    assert WARNING in origin
    with torch.no_grad():
        features = backbone.eval()(images)
        assert_same_features(features, of_torchvision.features(images))
        even = images[..., :64, :64]
        assert (backbone(even) - of_torchvision.features(even)).abs().max() > 0.1 * features.abs().max()


def test_timm_s_efficientnet_b0_computes_the_same_where_padding_is_the_same(tmp_path, backbone, images):
    network = lively(timm.create_model("efficientnet_b0", pretrained=False))
    save_file(network.state_dict(), tmp_path / "efficientnet_b0.ra_in1k.safetensors")
    origin = load_pretrained(backbone, str(tmp_path / "efficientnet_b0.ra_in1k.safetensors"))
    assert "timm's efficientnet_b0, as its name says, BatchNorms scaled" in origin
    assert WARNING in origin
    with torch.no_grad():
        assert_same_features(backbone.eval()(images), network.forward_features(images))


def test_batchnorms_of_the_network_that_fits_are_not_scaled(tmp_path, backbone, timm_state):
    save_file(timm_state, tmp_path / "w.safetensors")
    assert WARNING not in load_pretrained(backbone, str(tmp_path / "w.safetensors"))
    assert_holds(backbone, timm_state)


def test_another_head_than_torchvision_s_own_is_left_out(tmp_path, backbone, of_torchvision):
    state = {f"net.{name}": tensor for name, tensor in of_torchvision.features.state_dict(prefix="features.").items()}
    save_file(state | {"head.weight": torch.ones(2)}, tmp_path / "w.safetensors")
    assert ", without head.weight, SHA-256 " in load_pretrained(backbone, str(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("make", [efficientnet_b1, efficientnet_v2_s])
def test_other_sizes_of_torchvision_are_told_by_their_blocks(tmp_path, backbone, make):
    save_file(make().features.state_dict(prefix="features."), tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"its stages have [\d, ]+ blocks, expected 1, 2, 2, 3, 3, 4, 1\."):
        load_pretrained(backbone, str(tmp_path / "w.safetensors"))


def test_another_network_is_called_what_it_is(tmp_path, backbone):
    torch.save(mobilenet_v3_small().state_dict(), tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"w\.pth holds a MobileNetV3 of torchvision, expected an Effic"):
        load_pretrained(backbone, str(tmp_path / "w.pth"), trust_pickle=True)


def test_a_network_that_nobody_knows_is_named_by_its_tensors(tmp_path, backbone):
    save_file({"trunk.0.weight": torch.ones(2)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"conv_stem\.weight is missing"):
        load_pretrained(backbone, str(tmp_path / "w.safetensors"))


def test_long_trained_network_of_another_shape_is_named_by_its_tensors(tmp_path, backbone, timm_state):
    state = timm_state | {"blocks.9.weight": torch.ones(1), "bn1.num_batches_tracked": torch.tensor(700_000)}
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"blocks\.9\.weight is not part of the model"):
        load_pretrained(backbone, str(tmp_path / "w.safetensors"))


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


def test_weights_of_another_size_are_refused_with_their_blocks(tmp_path, backbone):
    state = timm.create_model("tf_efficientnet_b1", pretrained=False).state_dict()
    torch.save(state, tmp_path / "b1.pth")
    with pytest.raises(CheckpointError, match=r"its stages have 2, 3, 3, 4, 4, 5, 2 blocks, expected 1, 2, 2, 3"):
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
    assert "crbl-train --weights-help" in answer.stdout
    assert "--weights PATH" in answer.stdout
    assert "--weights none" in answer.stdout
