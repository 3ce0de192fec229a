"""model/bilinear_head.py: the fused head against the composition of stock operators it stands for."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from crbl_training.model import bilinear_head
from crbl_training.model.bilinear_head import DROPOUT, bilinear_logits
from crbl_training.model.bilinear_pooling import BilinearPooling

FORMULA = 1e-12  # the root floor that makes the backward pass the derivative of the forward pass


def stock_logits(first: Tensor, second: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.linear(BilinearPooling()(first, second), weight, bias).squeeze(1)


def make_inputs(images: int, channels: int, dtype: torch.dtype, height: int = 2, width: int = 3) -> list[Tensor]:
    """Feature maps whose products have either sign and stay clear of 0, where the root has no derivative."""
    torch.manual_seed(channels)
    shape = (images, channels, height, width)
    signs = [torch.randint(0, 2, (1, channels, 1, 1)) * 2 - 1 for _ in range(2)]
    maps = [(torch.rand(shape, dtype=dtype) + 0.1) * sign for sign in signs]
    weight = torch.randn(1, channels * channels, dtype=dtype)
    return [tensor.requires_grad_() for tensor in (*maps, weight, torch.randn(1, dtype=dtype))]


def gradients_of(logits: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    upstream = torch.linspace(-1, 2, len(logits), dtype=logits.dtype)
    return torch.autograd.grad((logits * upstream).sum(), inputs)


@pytest.fixture(params=["one tile", "tiles", "as on a GPU"])
def arrangement(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the work is cut: small maps are one tile; real ones are several, of which the last may be smaller; on a GPU
    several images are worked on at once.
    """
    if request.param == "tiles":
        monkeypatch.setattr(bilinear_head, "TILE_VALUES", 40)
    if request.param == "as on a GPU":
        monkeypatch.setattr(bilinear_head, "_images_at_once", lambda first: 2)
        monkeypatch.setattr(bilinear_head, "_tile_height", lambda first: first.shape[1])
    return request.param


@pytest.mark.parametrize("channels", [1, 7, 16, 33])
def test_float64_equals_the_stock_composition(channels, arrangement):
    inputs = make_inputs(3, channels, torch.float64)
    stock, fused = stock_logits(*inputs), bilinear_logits(*inputs, root_floor=FORMULA)
    torch.testing.assert_close(fused, stock, rtol=1e-9, atol=1e-9)
    for actual, expected in zip(gradients_of(fused, inputs), gradients_of(stock, inputs), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("channels", [33, 1280])
def test_float32_equals_the_stock_composition_within_1e_4(channels):
    inputs = make_inputs(3, channels, torch.float32, 4, 4)
    stock, fused = stock_logits(*inputs), bilinear_logits(*inputs, root_floor=FORMULA)
    assert (fused - stock).norm() <= 1e-4 * stock.norm()
    for actual, expected in zip(gradients_of(fused, inputs), gradients_of(stock, inputs), strict=True):
        assert (actual - expected).norm() <= 1e-4 * expected.norm()


def test_gradients_with_dropout_are_the_numerical_ones(arrangement):
    inputs = make_inputs(2, 5, torch.float64)

    def dropped(*tensors: Tensor) -> Tensor:
        return bilinear_logits(*tensors, dropout_seeds=torch.arange(len(tensors[0])), root_floor=FORMULA)

    assert torch.autograd.gradcheck(dropped, inputs, eps=1e-7, atol=1e-6, rtol=1e-5)


def recovered_mask(inputs: list[Tensor], seeds: Tensor) -> Tensor:
    """The dropout mask of each image, read off the gradient of the weight: [N, C * C]."""
    first, second, weight, bias = inputs
    masks = []
    logits = bilinear_logits(first, second, weight, bias, dropout_seeds=seeds)
    pooled = BilinearPooling()(first, second)
    for n in range(len(first)):
        (gradient,) = torch.autograd.grad(logits[n], weight, retain_graph=True)
        masks.append(gradient[0] / pooled[n].detach())
    return torch.stack(masks)


def test_dropout_keeps_half_and_doubles_it(arrangement):
    mask = recovered_mask(make_inputs(3, 101, torch.float64), torch.tensor([1, 2, 1]))
    remains = mask > 1
    torch.testing.assert_close(mask, remains.double() / (1 - DROPOUT), rtol=1e-6, atol=1e-9)
    # Five standard deviations of the mean of that many fair coins.
    assert abs(remains.double().mean() - 0.5) < 5 * 0.5 / math.sqrt(remains.numel())
    assert len(torch.unique(remains[0].view(101, 101), dim=0)) == 101
    assert not torch.equal(remains[0], remains[1])
    assert torch.equal(remains[0], remains[2])


@pytest.mark.parametrize("channels", [7, 16, 33])
def test_logits_in_training_are_the_stock_composition_under_the_same_mask(channels, arrangement):
    inputs = make_inputs(3, channels, torch.float64)
    first, second, weight, bias = inputs
    seeds = torch.tensor([9, 2**62 - 1, 0])
    mask = recovered_mask(inputs, seeds)
    expected = (BilinearPooling()(first, second) * mask * weight).sum(1) + bias
    torch.testing.assert_close(bilinear_logits(*inputs, dropout_seeds=seeds), expected, rtol=1e-9, atol=1e-9)


def test_same_seed_drops_the_same_and_another_seed_does_not():
    inputs = make_inputs(2, 16, torch.float32)
    results = [bilinear_logits(*inputs, dropout_seeds=torch.tensor([seed, seed])) for seed in (4, 4, 5)]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert torch.equal(bilinear_logits(*inputs), bilinear_logits(*inputs))


def test_an_image_s_mask_is_its_own_whatever_stands_beside_it(arrangement):
    first, second, weight, bias = make_inputs(3, 16, torch.float32)
    seeds = torch.tensor([7, 8, 9])
    together = bilinear_logits(first, second, weight, bias, dropout_seeds=seeds)
    alone = bilinear_logits(first[1:2], second[1:2], weight, bias, dropout_seeds=seeds[1:2])
    assert torch.equal(together[1:2], alone)


def test_first_map_s_channel_is_major():
    first, second, weight, bias = make_inputs(2, 6, torch.float64)
    swapped = weight.view(6, 6).T.reshape(1, 36)
    one = bilinear_logits(first, second, weight, bias)
    torch.testing.assert_close(bilinear_logits(second, first, swapped, bias), one)
    assert not torch.allclose(bilinear_logits(second, first, weight, bias), one)


@pytest.mark.parametrize("needed", [(0,), (1,), (2,), (3,), (2, 3), (0, 2)])
def test_only_what_needs_a_gradient_gets_one(needed):
    inputs = make_inputs(2, 5, torch.float64)
    expected = gradients_of(bilinear_logits(*inputs), inputs)
    some = [tensor.detach().clone().requires_grad_(n in needed) for n, tensor in enumerate(inputs)]
    (bilinear_logits(*some) * torch.linspace(-1, 2, 2, dtype=torch.float64)).sum().backward()
    for n, tensor in enumerate(some):
        if n in needed:
            torch.testing.assert_close(tensor.grad, expected[n])
        else:
            assert tensor.grad is None


def test_no_gradient_asked_for_is_no_graph():
    inputs = [tensor.detach() for tensor in make_inputs(2, 5, torch.float32)]
    assert not bilinear_logits(*inputs, dropout_seeds=torch.arange(2)).requires_grad


@pytest.mark.parametrize("root_floor", [FORMULA, 1e-4])
def test_products_of_zero_give_the_bias_and_finite_gradients(root_floor):
    first, second, weight, bias = make_inputs(2, 4, torch.float32)
    inputs = [torch.zeros_like(first).requires_grad_(), torch.zeros_like(second).requires_grad_(), weight, bias]
    logits = bilinear_logits(*inputs, root_floor=root_floor)
    assert torch.equal(logits, bias.detach().expand(2))
    assert all(torch.isfinite(gradient).all() for gradient in gradients_of(logits, inputs))


def test_one_dead_channel_leaves_everything_finite():
    inputs = make_inputs(2, 4, torch.float32)
    inputs[0] = inputs[0].detach().index_fill(1, torch.tensor([2]), 0).requires_grad_()
    logits = bilinear_logits(*inputs)
    assert torch.isfinite(logits).all()
    assert all(torch.isfinite(gradient).all() for gradient in gradients_of(logits, inputs))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_shows_in_its_image_s_logit_alone(value):
    first, second, weight, bias = (tensor.detach() for tensor in make_inputs(3, 4, torch.float32))
    first[1, 0, 0, 0] = value
    assert torch.isfinite(bilinear_logits(first, second, weight, bias)).tolist() == [True, False, True]


def test_no_images_give_no_logits_and_no_gradient(arrangement):
    first, second, weight, bias = make_inputs(2, 7, torch.float32)
    logits = bilinear_logits(first[:0], second[:0], weight, bias, dropout_seeds=torch.arange(0))
    assert logits.shape == (0,)
    assert all(gradient.count_nonzero() == 0 for gradient in gradients_of(logits, [first, second, weight, bias]))


def test_root_floor_changes_gradients_of_small_products_and_never_the_logits():
    inputs = make_inputs(2, 6, torch.float64)
    inputs[0] = (inputs[0].detach() * 1e-6).requires_grad_()
    exact, floored = (bilinear_logits(*inputs, root_floor=floor) for floor in (FORMULA, 1e-3))
    assert torch.equal(exact, floored)
    steep, gentle = (gradients_of(logits, inputs)[0].norm() for logits in (exact, floored))
    assert gentle < 0.5 * steep


def test_gradients_are_those_of_the_formula_with_its_own_root_floor(arrangement):
    first, second, weight, _ = inputs = make_inputs(3, 9, torch.float64)
    root_floor = 0.25
    expected = []
    for a, b in zip(first.detach().flatten(2), second.detach().flatten(2), strict=True):
        product, matrix = a @ b.T / a.shape[1], weight.detach().view(9, 9)
        squared_norm = product.abs().sum()
        centred = (matrix * product / product.abs().sqrt()).sum() / squared_norm.sqrt()
        slope = matrix / (2 * product.abs().clamp_min(root_floor).sqrt() * squared_norm.sqrt())
        slope -= centred / (2 * squared_norm) * product.sign()
        expected.append(torch.stack([slope @ b, slope.T @ a]) / a.shape[1])
        assert (product.abs() < root_floor).any()
        assert (product.abs() > root_floor).any()
    logits = bilinear_logits(*inputs, root_floor=root_floor)
    actual = torch.stack(torch.autograd.grad(logits.sum(), inputs[:2]), 1).flatten(3)
    torch.testing.assert_close(actual, torch.stack(expected), rtol=1e-8, atol=1e-9)


def test_backward_keeps_no_product_between_the_passes():
    inputs = make_inputs(4, 32, torch.float32)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor.numel()) or tensor, lambda t: t):
        bilinear_logits(*inputs, dropout_seeds=torch.arange(4))
    # The weight itself is the only thing of C * C values: no product, no mask.
    assert sorted(saved)[-1] == 32 * 32
    assert sum(size >= 32 * 32 for size in saved) == 1
