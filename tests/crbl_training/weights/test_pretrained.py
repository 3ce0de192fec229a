"""pretrained.py: every tensor of the file arrives, or the file is refused by name."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import efficientnet_b0

from crbl_runtime.errors import CheckpointError, UnavailableError, UsageError
from crbl_training.model.feature_extractor import EfficientNetB0FeatureExtractor
from crbl_training.weights.pretrained import TIMM_NAMES, load_pretrained, read_pth
from crbl_training.weights.torchvision_names import from_torchvision


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


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".PTH"])
def test_timm_file_arrives_whole(tmp_path, backbone, timm_state, suffix):
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(timm_state, path)
    else:
        torch.save(timm_state, path)
    assert load_pretrained(backbone, str(path), trust_pickle=True) == f"file weights{suffix}"
    assert_holds(backbone, timm_state)


def test_state_dict_inside_a_training_file_arrives_whole(tmp_path, backbone, timm_state):
    torch.save({"epoch": 3, "state_dict": timm_state}, tmp_path / "w.pth")
    load_pretrained(backbone, str(tmp_path / "w.pth"), trust_pickle=True)
    assert_holds(backbone, timm_state)


def test_torchvision_file_arrives_whole(tmp_path, backbone):
    torch.manual_seed(2)
    network = efficientnet_b0()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    load_pretrained(backbone, str(tmp_path / "w.pth"), trust_pickle=True)
    assert_holds(backbone, from_torchvision(network.state_dict()))


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


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"epoch": 3}, torch.zeros(3)])
def test_pth_without_named_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"expected a dict of named tensors"):
        read_pth(tmp_path / "w.pth", trust_pickle=True)


@pytest.mark.parametrize("source", ["ImageNet", "nowhere.pth", "."])
def test_unknown_source_names_what_is_known(backbone, source):
    with pytest.raises(UsageError, match=r"no such file\. Expected imagenet, noisy-student, none, or the path"):
        load_pretrained(backbone, source)


def test_unknown_kind_of_file_names_the_known_ones(tmp_path, backbone):
    (tmp_path / "w.onnx").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"unknown kind of file, expected one ending in \.safetensors, \.pth"):
        load_pretrained(backbone, str(tmp_path / "w.onnx"))


class CreatesFile:
    """A pickle that runs code: it creates a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def dump(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


@pytest.mark.parametrize("write", [torch.save, dump])
def test_code_in_a_pickle_is_not_run(tmp_path, backbone, write):
    mark = tmp_path / "ran"
    write({"conv_stem.weight": CreatesFile(mark)}, tmp_path / "hostile.pth")
    with pytest.raises(CheckpointError, match=r"hostile\.pth cannot be read"):
        load_pretrained(backbone, str(tmp_path / "hostile.pth"), trust_pickle=True)
    assert not mark.exists()


@pytest.mark.parametrize("version", ["2.4.1", "2.5.1+cpu", "1.13.0"])
def test_old_torch_reads_a_pickle_only_when_trusted(tmp_path, monkeypatch, version):
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pth")
    monkeypatch.setattr(torch, "__version__", version)
    with pytest.raises(UnavailableError, match=r"CVE-2025-32434.*\.safetensors file, or --trust-pickle"):
        read_pth(tmp_path / "w.pth")
    assert torch.equal(read_pth(tmp_path / "w.pth", trust_pickle=True)["a"], torch.ones(2))


@pytest.mark.parametrize("version", ["2.6.0", "2.14.1+cu130", "3.0.0a0+git1"])
def test_new_torch_reads_a_pickle(tmp_path, monkeypatch, version):
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pth")
    monkeypatch.setattr(torch, "__version__", version)
    assert torch.equal(read_pth(tmp_path / "w.pth")["a"], torch.ones(2))


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
