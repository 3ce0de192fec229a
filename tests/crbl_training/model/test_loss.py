"""loss.py: cross-entropy as torch has it, at every logit."""

import pytest
import torch
from torch import nn

from crbl_training.model.loss import binary_cross_entropy, class_weights, training_loss

LOGITS = torch.cat([torch.linspace(-30, 30, 121), torch.tensor([-1e4, -104.0, -1e-20, 0.0, 1e-20, 104.0, 1e4])])


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_loss_equals_torch(label, dtype, tolerance):
    logits = LOGITS.to(dtype)
    labels = torch.full_like(logits, label)
    expected = nn.BCEWithLogitsLoss(reduction="none")(logits, labels)
    torch.testing.assert_close(binary_cross_entropy(logits, labels), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_gradient_is_probability_minus_label_at_zero_too(label):
    logits = LOGITS.double().requires_grad_()
    binary_cross_entropy(logits, torch.full_like(logits, label)).sum().backward()
    torch.testing.assert_close(logits.grad, torch.sigmoid(logits.detach()) - label, rtol=0, atol=1e-12)


@pytest.mark.parametrize("logit", [-3e38, -1e4, 1e4, 3e38])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_extreme_logits_stay_finite(logit, label):
    logits = torch.tensor([logit], requires_grad=True)
    loss = binary_cross_entropy(logits, torch.tensor([label]))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(logits.grad).all()


def test_nan_is_not_hidden():
    assert torch.isnan(binary_cross_entropy(torch.tensor([float("nan")]), torch.zeros(1))).all()


def test_class_weights_balance_88_percent_normal():
    assert class_weights(0.88) == pytest.approx((0.568, 4.167), abs=5e-4)
    assert class_weights(0.5) == (1, 1)


def test_weighted_loss_equals_torch_with_a_weight_for_each_image():
    torch.manual_seed(0)
    logits, labels = torch.randn(32) * 4, torch.randint(0, 2, (32,)).float()
    normal, anomaly = class_weights(0.88)
    weight = torch.where(labels == 1, anomaly, normal)
    expected = nn.BCEWithLogitsLoss(weight=weight)(logits, labels)
    torch.testing.assert_close(training_loss(logits, labels, (normal, anomaly)), expected, rtol=1e-6, atol=0)


def test_smoothing_draws_the_labels_and_leaves_the_class_weights():
    logits, labels = torch.tensor([1.0, -2.0]), torch.tensor([0.0, 1.0])
    expected = nn.BCEWithLogitsLoss(weight=torch.tensor([0.5, 4.0]))(logits, torch.tensor([0.05, 0.95]))
    torch.testing.assert_close(training_loss(logits, labels, (0.5, 4.0), label_smoothing=0.1), expected)
