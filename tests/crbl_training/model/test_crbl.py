"""model/crbl.py: which of the model's parameters learn, and that nothing else moves."""

import pytest
import torch
from torch import nn

from crbl_runtime.errors import UsageError
from crbl_training import CRBLDualModel, create_crop_model, create_full_model
from crbl_training.model.drop_path import DropPath

HEAD = {"classifier.weight", "classifier.bias"}


def trainable_names(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def test_crop_learns_what_follows_keras_layer_150():
    model = create_crop_model()
    assert count(model) == 8_139_833
    tail = ("blocks.4.2.se.conv_expand.", "blocks.4.2.conv_pwl.", "blocks.4.2.bn3.", "blocks.5.", "blocks.6.",
            "conv_head.", "bn2.")  # fmt: skip
    names = [name for name, _ in model.backbone1.named_parameters() if name.startswith(tail)]
    expected = {f"{backbone}.{name}" for backbone in ("backbone1", "backbone2") for name in names}
    assert trainable_names(model) == expected | HEAD


def test_full_learns_the_head_alone():
    model = create_full_model()
    assert count(model) == 1_638_401
    assert trainable_names(model) == HEAD


def test_all_learns_everything():
    model = CRBLDualModel("all")
    assert count(model) == sum(parameter.numel() for parameter in model.parameters())


def test_unknown_choice_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"'tail'.*after-150, head, all"):
        CRBLDualModel("tail")


def test_choice_can_be_changed_on_a_model_in_training():
    model = create_crop_model().train()
    model.set_trainable("head")
    assert trainable_names(model) == HEAD
    assert not [n for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d | DropPath) and m.training]
    model.set_trainable("all")
    assert all(m.training for m in model.modules() if isinstance(m, nn.BatchNorm2d | DropPath))


def test_training_steps_move_the_statistics_of_trainable_batchnorm_only():
    torch.manual_seed(0)
    model = create_crop_model().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.rand(2, 3, 64, 64)).sum().backward()
        optimizer.step()
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    statistics = {
        f"{name}.{kind}"
        for name, module in model.named_modules()
        if isinstance(module, nn.BatchNorm2d) and module.weight.requires_grad
        for kind in ("running_mean", "running_var", "num_batches_tracked")
    }
    assert {name for name in moved if "running_" in name or "num_batches" in name} == statistics
    assert moved - statistics <= trainable_names(model)


def test_eval_is_deterministic_and_train_is_not():
    model = create_crop_model().eval()
    x = torch.rand(2, 3, 33, 40)
    with torch.no_grad():
        assert torch.equal(model(x), model(x))
        assert model(x).shape == (2,)
        model.train()
        assert not torch.equal(model(x), model(x))


def test_logits_of_the_whole_are_the_linear_layer_on_the_pooling():
    model = create_full_model().eval()
    first, second = torch.randn(2, 1280, 2, 2), torch.randn(2, 1280, 2, 2)
    with torch.no_grad():
        stock = model.classifier(model.pooling(first, second)).squeeze(1)
        torch.testing.assert_close(model.logits(first, second), stock, rtol=1e-4, atol=1e-6)


def test_heatmap_of_an_image_sums_to_its_logit():
    torch.manual_seed(1)
    model = create_full_model().eval()
    first, second = torch.randn(2, 1280, 4, 3), torch.randn(2, 1280, 4, 3)
    with torch.no_grad():
        heatmap = model.heatmap(first, second)
        centred = model.logits(first, second) - model.classifier.bias
    assert heatmap.shape == (2, 4, 3)
    torch.testing.assert_close(heatmap.sum((1, 2)), centred, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("trainable", ["after-150", "head", "all"])
def test_what_is_frozen_and_the_rest_make_the_whole_to_the_bit(trainable):
    torch.manual_seed(2)
    model = CRBLDualModel(trainable).eval()
    x = torch.rand(2, 3, 70, 64)
    with torch.no_grad():
        frozen = model.frozen_activations(x)
        assert torch.equal(model.logits_from_frozen(*frozen), model(x))


@pytest.mark.parametrize(
    ("trainable", "shape"), [("after-150", (112, 4, 4)), ("head", (1280, 2, 2)), ("all", (3, 64, 64))]
)
def test_frozen_activations_need_no_gradient_and_reach_as_far_as_they_can(trainable, shape):
    model = CRBLDualModel(trainable).train()
    for activation in model.frozen_activations(torch.rand(2, 3, 64, 64)):
        assert activation.shape == (2, *shape)
        assert not activation.requires_grad
    learning = {id(p) for p in model.parameters() if p.requires_grad}
    model.logits_from_frozen(*model.frozen_activations(torch.rand(2, 3, 64, 64))).sum().backward()
    assert learning == {id(p) for p in model.parameters() if p.grad is not None}
