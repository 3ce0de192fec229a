"""torchvision_names.py: every tensor gets the name that timm has for it, whatever stands before."""

from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision import models

from crbl_runtime.errors import CheckpointError
from crbl_training.weights.torchvision_names import timm_names, torchvision_prefix

PATH = Path("w.pth")


def shapes(state: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items() if not name.startswith("classifier")}


@pytest.fixture(scope="module")
def network() -> models.EfficientNet:
    with torch.device("meta"):
        return models.efficientnet_b0()


@pytest.fixture(scope="module")
def expected() -> dict[str, torch.Size]:
    with torch.device("meta"):
        return shapes(timm.create_model("tf_efficientnet_b0").state_dict())


@pytest.mark.parametrize(
    ("wrap", "prefix", "outer"),
    [
        (lambda network: network, "features.", ""),
        (lambda network: nn.Sequential(network), "0.features.", "0."),
        (lambda network: network.features, "", ""),
        (lambda network: nn.Sequential(*list(network.children())[:-1]), "0.", "0."),
        (lambda network: nn.ModuleDict({"module": network}), "module.features.", "module."),
    ],
)
def test_names_are_those_of_timm_behind_the_same_prefix(network, expected, wrap, prefix, outer):
    state = wrap(network).state_dict()
    assert torchvision_prefix(state, PATH) == prefix
    named = timm_names(state, prefix)
    assert len(named) == len(state)
    own = {name.removeprefix(outer): tensor for name, tensor in named.items()}
    assert shapes(own) == expected


@pytest.mark.parametrize("make", [models.mobilenet_v3_small, models.convnext_tiny, models.resnet18, models.swin_t])
def test_other_networks_of_torchvision_are_no_efficientnet(make):
    with torch.device("meta"):
        assert torchvision_prefix(make().state_dict(), PATH) is None


def test_two_networks_are_refused_by_their_names(network):
    two = nn.ModuleDict({"student": network, "teacher": network})
    with pytest.raises(CheckpointError, match=r"2 networks \(student\.features\., teacher\.features\.\)"):
        torchvision_prefix(two.state_dict(), PATH)
