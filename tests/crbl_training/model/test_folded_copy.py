"""folded_copy.py: the copy gives what the layers give, for every form of padding, and leaves them as they are."""

import copy

import pytest
import torch
from torch import Tensor, nn

from crbl_training.model.crbl import CRBLDualModel
from crbl_training.model.folded_copy import FoldedFrozenPart, folded_copy
from crbl_training.model.sync_batchnorm import convert_sync_batchnorm
from crbl_training.options import TRAINABLE
from crbl_training.weights.batchnorm_calibration import calibrate_batchnorm

# Relative to the largest value.
TOLERANCE = 1e-5
EXACT = 1e-12
# Odd and even sides of every stage: of the input, and of what each stride leaves of it.
SIZES = [(64, 64), (33, 33), (75, 64), (32, 101), (96, 47)]


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """Random weights, those of the BatchNorms too; calibrated on noise as the tests have it."""
    torch.manual_seed(3)
    model = CRBLDualModel("all")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    for backbone in (model.backbone1, model.backbone2):
        calibrate_batchnorm(backbone, [torch.rand(4, 3, 64, 64)])
    return model.state_dict()


def model_of(weights: dict[str, Tensor], trainable: str) -> CRBLDualModel:
    model = CRBLDualModel(trainable)
    model.load_state_dict(weights)
    return model


def difference(given: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    assert given.shape == expected.shape
    return float((given - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("trainable", TRAINABLE)
@torch.no_grad()
def test_frozen_part_computes_what_the_model_computes_at_every_size(weights, trainable):
    model = model_of(weights, trainable).double().train()  # As in training, where what is frozen stays in eval mode.
    folded = FoldedFrozenPart.of(model)
    for height, width in SIZES:
        x = torch.rand(2, 3, height, width, dtype=torch.float64)
        for given, expected in zip(folded(x), model.frozen_activations(x), strict=True):
            assert difference(given, expected) <= EXACT, (height, width)
            assert given.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("trainable", TRAINABLE)
@torch.no_grad()
def test_in_float32_rounding_is_all_that_differs(weights, trainable):
    model = model_of(weights, trainable).train()
    folded, exact = FoldedFrozenPart.of(model), copy.deepcopy(model).double()
    for height, width in SIZES:
        x = torch.rand(2, 3, height, width)
        for given, plain, expected in zip(
            folded(x), model.frozen_activations(x), exact.frozen_activations(x.double()), strict=True
        ):
            # Fifty layers of random weights enlarge rounding, the model's own beyond the tolerance at some sizes.
            own = difference(plain, expected)
            assert difference(given, plain) <= max(TOLERANCE, 3 * own), (height, width)
            assert own <= TOLERANCE or trainable == "head"


@torch.no_grad()
def test_whole_model_gives_the_logits_that_it_gives_in_eval_mode(weights):
    model = model_of(weights, "after-150").double().train()
    x = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    folded = folded_copy(model)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    assert model.training
    model.eval()
    assert difference(folded(x), model(x)) <= EXACT
    for given, features in zip(folded.features(x), model.features(x), strict=True):
        assert difference(given, features) <= EXACT


@pytest.mark.parametrize("trainable", TRAINABLE)
def test_model_stays_as_it_is_to_the_bit(weights, trainable):
    model = model_of(weights, trainable).train()
    before = copy.deepcopy(model.state_dict())
    learns = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    modes = {name: module.training for name, module in model.named_modules()}
    FoldedFrozenPart.of(model)(torch.rand(1, 3, 32, 32))
    folded_copy(model)
    assert model.state_dict().keys() == before.keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
        assert tensor.is_contiguous(), name
    assert {name: parameter.requires_grad for name, parameter in model.named_parameters()} == learns
    assert {name: module.training for name, module in model.named_modules()} == modes


@torch.no_grad()
def test_folded_weights_are_float64_rounded_once(weights):
    model = model_of(weights, "head")
    first, _ = model.frozen_layers()
    batchnorm = first.bn1
    scale = batchnorm.weight.double() / (batchnorm.running_var.double() + batchnorm.eps).sqrt()
    shift = batchnorm.bias.double() - batchnorm.running_mean.double() * scale
    folded = folded_copy(first).conv_stem
    exact = first.conv_stem.weight.double() * scale.view(-1, 1, 1, 1)
    # Half of float32's spacing, which lies between 2^-24 and 2^-23 of the value.
    assert ((folded.weight.double() - exact).abs() <= exact.abs() * 2**-24).all()
    assert ((folded.bias.double() - shift).abs() <= shift.abs() * 2**-24).all()


@torch.no_grad()
def test_batchnorms_of_several_processes_fold_like_those_of_one(weights):
    model = model_of(weights, "after-150")
    expected = folded_copy(model).state_dict()
    convert_sync_batchnorm(model)
    given = folded_copy(model).state_dict()
    assert given.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in given.items())


@torch.no_grad()
def test_in_bfloat16_it_is_as_exact_as_the_layers_are(weights):
    model = model_of(weights, "after-150").eval()
    folded, x = FoldedFrozenPart.of(model), torch.rand(4, 3, 64, 64)
    exact = model.frozen_activations(x)
    with torch.autocast("cpu", torch.bfloat16):
        given, plain = folded(x), model.frozen_activations(x)
    for one, other, expected in zip(given, plain, exact, strict=True):
        assert one.dtype == other.dtype == torch.bfloat16
        error, plain_error = ((each.float() - expected).norm() / expected.norm() for each in (one, other))
        assert 1e-4 < error < 1.2 * plain_error
