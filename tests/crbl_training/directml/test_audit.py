"""directml/audit.py: a training step has no finding, and each known trap is one."""

import json
from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crbl_training.directml.audit import Finding, OperatorReport, audit
from crbl_training.directml.known_bad import known_bad
from crbl_training.directml.recorded_training import record_training
from crbl_training.directml.recorder import record_operators
from crbl_training.directml.stand_in import STAND_IN_DEVICE
from crbl_training.model.crbl import TRAINABLE
from crbl_training.model.same_padding import SamePaddingConv2d
from crbl_training.train.optimizer import Adam


@pytest.fixture(scope="module", params=TRAINABLE)
def report(request: pytest.FixtureRequest) -> OperatorReport:
    return audit(record_training(request.param))


def test_training_has_no_finding(report: OperatorReport) -> None:
    assert report.passed, "\n".join(map(str, report.findings))


def test_the_whole_of_training_was_seen(report: OperatorReport) -> None:
    times = {row.operator: row.times for row in report.operators}
    for part in (
        "aten::convolution_overrideable",  # forward pass, both backbones
        "aten::log1p",  # loss
        "aten::bmm.out",  # head
        "aten::addcdiv_",  # Adam
        "aten::linalg_vector_norm",  # clipping
        "aten::copy_",  # to the device and back
    ):
        assert times.get(part, 0) > 0, part
    # What is for the CPU is none of the device's business: augmentation, masks, metrics.
    assert not times.keys() & {"aten::grid_sampler_2d", "aten::random_.from", "aten::randint", "aten::sort"}


def test_no_batchnorm_is_computed_but_those_that_learn(report: OperatorReport) -> None:
    operators = {row.operator for row in report.operators}
    assert ("aten::native_batch_norm" in operators) == ("aten::native_batch_norm_backward" in operators)


def test_the_report_is_json(report: OperatorReport) -> None:
    told = json.loads(json.dumps(report.to_dict()))
    assert told["passed"] is True
    assert {"operator", "times", "computed_by", "findings"} == told["operators"][0].keys()


def findings_on(code: Callable[[], object]) -> tuple[Finding, ...]:
    with record_operators() as calls:
        code()
    return audit(calls).findings


def step_with(optimizer: Callable[..., torch.optim.Optimizer]) -> None:
    network = nn.Linear(4, 1).to(STAND_IN_DEVICE)
    network(torch.rand(2, 4).to(STAND_IN_DEVICE)).sum().backward()
    optimizer(network.parameters(), lr=1e-3).step()


def backward_through(module: nn.Module, *shape: int) -> None:
    x = torch.rand(*shape).to(STAND_IN_DEVICE).requires_grad_()
    module.to(STAND_IN_DEVICE)(x).sum().backward()


def some(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.ones(*shape).to(dtype).to(STAND_IN_DEVICE)


def assign_under_autograd() -> None:
    whole = some(4, 4)
    whole[1:] = some(3, 4).requires_grad_()
    whole.sum().backward()


def infer() -> None:
    with torch.inference_mode():
        some(2) + 1


FALLS_BACK, WRONG, RAISES = "falls back to the CPU", "computes wrongly", "raises"
ABORTS, UNKNOWN = "aborts the process", "is not known to be right"
TRAPS = {
    "torch.optim.Adam": (lambda: step_with(torch.optim.Adam), "aten::lerp_.Scalar", FALLS_BACK),
    "AdamW": (lambda: step_with(torch.optim.AdamW), "aten::lerp_.Scalar", FALLS_BACK),
    "BCEWithLogitsLoss": (
        lambda: nn.BCEWithLogitsLoss()(some(3).requires_grad_(), some(3)).backward(),
        "aten::log_sigmoid_forward",
        FALLS_BACK,
    ),
    "BCELoss": (lambda: nn.BCELoss()(some(3).requires_grad_(), some(3)), "aten::binary_cross_entropy", FALLS_BACK),
    "BCELoss backward": (
        lambda: nn.BCELoss()(some(3).requires_grad_(), some(3)).backward(),
        "aten::binary_cross_entropy_backward",
        FALLS_BACK,
    ),
    "std": (lambda: some(3).std(), "aten::std.correction", FALLS_BACK),
    "var_mean": (lambda: torch.var_mean(some(3)), "aten::var_mean.correction", FALLS_BACK),
    "median": (lambda: some(3).median(), "aten::median", FALLS_BACK),
    "bincount": (lambda: some(3, dtype=torch.int64).bincount(), "aten::bincount", FALLS_BACK),
    "nan_to_num": (lambda: some(3).nan_to_num(), "aten::nan_to_num.out", FALLS_BACK),
    "copysign": (lambda: some(3).copysign(some(3)), "aten::copysign.Tensor", FALLS_BACK),
    "gradient of index_select": (
        lambda: some(3, 2).requires_grad_().index_select(0, some(2, dtype=torch.int64)).sum().backward(),
        "aten::index_add",
        FALLS_BACK,
    ),
    "grid_sample": (
        lambda: F.grid_sample(some(1, 1, 4, 4), some(1, 4, 4, 2), align_corners=False),
        "aten::grid_sampler_2d",
        FALLS_BACK,
    ),
    "an operator nobody wrote about": (lambda: torch.special.bessel_j0(some(3)), "aten::special_bessel_j0", FALLS_BACK),
    "bilinear resize": (
        lambda: F.interpolate(some(1, 1, 4, 4), size=8, mode="bilinear"),
        "aten::upsample_bilinear2d",
        WRONG,
    ),
    "gradient of hardswish": (lambda: backward_through(nn.Hardswish(), 3), "aten::hardswish_backward", WRONG),
    "gradient of gelu": (lambda: backward_through(nn.GELU(), 3), "aten::gelu_backward", WRONG),
    "bool times float": (lambda: (some(3) > 0) * some(3), "aten::mul.Tensor", WRONG),
    "quantile": (lambda: some(3).quantile(0.5), "aten::quantile", WRONG),
    "affine_grid": (
        lambda: F.affine_grid(some(1, 2, 3), (1, 1, 4, 4), align_corners=False),
        "aten::affine_grid_generator",
        WRONG,
    ),
    "one-sided reflection": (
        lambda: F.pad(some(1, 1, 4, 4), (1, 0, 0, 0), mode="reflect"),
        "aten::reflection_pad2d",
        WRONG,
    ),
    "over 4 GiB": (lambda: some(1).expand(2**31), "aten::expand", WRONG),
    "large int64": (lambda: torch.tensor([2**40]).to(STAND_IN_DEVICE) + 1, "aten::add.Tensor", WRONG),
    "eye": (lambda: torch.eye(3, device=STAND_IN_DEVICE), "aten::eye", WRONG),
    "NaN in clamp": (lambda: (some(3) * float("nan")).clamp(min=0), "aten::clamp", WRONG),
    "NaN in relu": (lambda: (some(3) * float("nan")).relu(), "aten::relu", WRONG),
    "assignment into a slice": (assign_under_autograd, "aten::copy_", WRONG),
    "1.0 - x": (lambda: 1.0 - some(3), "aten::rsub.Scalar", RAISES),
    "timm's Conv2dSame": (
        lambda: backward_through(timm.layers.Conv2dSame(1, 1, 3, stride=2), 1, 1, 5, 5),
        "aten::constant_pad_nd",
        RAISES,
    ),
    "gradient of LayerNorm": (
        lambda: backward_through(nn.LayerNorm(4), 2, 4),
        "aten::native_layer_norm_backward",
        RAISES,
    ),
    "one_hot": (lambda: F.one_hot(some(3, dtype=torch.int64), 2), "aten::one_hot", RAISES),
    "float64": (lambda: some(3).double(), "aten::_to_copy", RAISES),
    "float64 inside": (lambda: some(3).sum(dtype=torch.float64), "aten::sum.dim_IntList", RAISES),
    "inference_mode": (infer, "aten::add.Tensor", RAISES),
    "channels_last": (lambda: some(1, 3, 4, 4).to(memory_format=torch.channels_last), "aten::_to_copy", RAISES),
    "channels_last by a transposed copy": (
        lambda: some(2, 4, 4, 3, dtype=torch.uint8).permute(0, 3, 1, 2).float(),
        "aten::empty.memory_format",
        RAISES,
    ),
    "a CPU tensor among them": (lambda: some(3) + torch.ones(3), "aten::add.Tensor", RAISES),
    "bfloat16": (lambda: some(3).bfloat16(), "aten::_to_copy", ABORTS),
    "complex": (lambda: some(3).to(torch.complex64), "aten::_to_copy", ABORTS),
    "float16": (lambda: some(3).half(), "aten::_to_copy", UNKNOWN),
    "non_blocking": (lambda: torch.ones(3).to(STAND_IN_DEVICE, non_blocking=True), "aten::copy_", UNKNOWN),
}


@pytest.mark.parametrize(("code", "operator", "effect"), TRAPS.values(), ids=TRAPS)
def test_each_trap_is_found(code, operator, effect) -> None:
    found = [(finding.operator, finding.effect) for finding in findings_on(code)]
    assert (operator, effect) in found


def test_every_entry_about_a_fact_names_one_that_is_looked_for() -> None:
    import inspect

    from crbl_training.directml import call_facts

    looked_for = inspect.getsource(call_facts)
    for entry in known_bad():
        is_dtype = isinstance(getattr(torch, entry.when, None), torch.dtype)
        assert not entry.when or is_dtype or f'yield "{entry.when}"' in looked_for, entry


SOUND = {
    "our Adam": lambda: step_with(Adam),
    "our SAME convolution": lambda: backward_through(SamePaddingConv2d(1, 1, 3, stride=2), 1, 1, 5, 6),
    "a pad at the back": lambda: backward_through(nn.ZeroPad2d((0, 1, 0, 1)), 1, 1, 4, 4),
    "SiLU": lambda: backward_through(nn.SiLU(), 3),
    "Dropout": lambda: backward_through(nn.Dropout(), 3),
    "BatchNorm": lambda: backward_through(nn.BatchNorm2d(2), 3, 2, 4, 4),
    "SGD": lambda: step_with(torch.optim.SGD),
    "RMSprop": lambda: step_with(torch.optim.RMSprop),
    "-x + 1.0": lambda: -some(3) + 1.0,
    "a number to the CPU": lambda: some(3).sum().item(),
    "float64 on the CPU": lambda: some(3).cpu().double(),
    "assignment without autograd": lambda: some(4)[1:].copy_(some(3)),
    "a scalar of the CPU": lambda: some(3) * torch.tensor(2.0),
}


@pytest.mark.parametrize("code", SOUND.values(), ids=SOUND)
def test_what_was_seen_to_be_right_passes(code) -> None:
    assert findings_on(code) == ()


def test_a_finding_names_the_composite_it_stands_in() -> None:
    (finding,) = findings_on(lambda: nn.BCEWithLogitsLoss()(some(3), some(3)))
    assert finding.inside[0] == "aten::binary_cross_entropy_with_logits"
    assert str(finding).startswith("aten::log_sigmoid_forward (inside aten::binary_cross_entropy_with_logits")
    assert "max(z, 0) - z y + log1p(exp(-|z|))" in str(finding)
    assert finding.source


def test_the_step_with_a_stock_loss_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = nn.BCEWithLogitsLoss()
    monkeypatch.setattr("crbl_training.train.step.training_loss", lambda logits, labels, *rest: stock(logits, labels))
    effects = {(finding.operator, finding.effect) for finding in audit(record_training("head")).findings}
    assert ("aten::log_sigmoid_forward", FALLS_BACK) in effects
