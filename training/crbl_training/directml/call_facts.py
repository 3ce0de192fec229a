"""Facts about one call of an operator, named as the conditions in known_bad.json."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves

from crbl_training.directml.stand_in import StandIn, written_arguments

FOUR_GIBIBYTES = 4 * 2**30
LOSES_NAN = ("aten::clamp", "aten::clamp_min", "aten::clamp_max", "aten::relu", "aten::maximum")
TAKES_CPU_TENSORS = ("aten::copy", "aten::_to_copy", "aten::index")


def base_name(operator: str) -> str:
    """ "aten::lerp_.Scalar" -> "aten::lerp": without the overload and the sign of writing in place."""
    return operator.split(".")[0].removesuffix("_")


def call_facts(operator: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], results: Any) -> frozenset[str]:
    """The element types of all tensors on the device, and what else known_bad.json asks about."""
    return frozenset(_facts(operator, args, kwargs, results))


def _facts(operator: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], results: Any) -> Iterator[str]:
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    on_device = [tensor for tensor in given if isinstance(tensor, StandIn)]
    everywhere = on_device + [leaf for leaf in tree_leaves(results) if isinstance(leaf, StandIn)]
    yield from (str(tensor.dtype).removeprefix("torch.") for tensor in everywhere)
    name = base_name(operator.name())
    if any(tensor.dtype == torch.bool for tensor in on_device) and any(map(torch.is_floating_point, on_device)):
        yield "bool with float"
    if any(tensor.numel() * tensor.element_size() > FOUR_GIBIBYTES for tensor in everywhere):
        yield "over 4 GiB"
    if any(tensor.dtype == torch.int64 and _exceeds_int32(tensor.on_cpu) for tensor in on_device):
        yield "int64 beyond 2^31"
    if name in LOSES_NAN and any(bool(tensor.on_cpu.isnan().any()) for tensor in on_device):
        yield "NaN"
    if name == "aten::constant_pad_nd" and any(pad < 0 for pad in args[1][::2]):
        yield "negative front pad"
    if name.startswith("aten::reflection_pad") and args[-1][::2] != args[-1][1::2]:
        yield "one-sided padding"
    if name == "aten::copy" and (kwargs.get("non_blocking") or args[2:] == (True,)):
        yield "non-blocking copy"
    if any(value is torch.channels_last for value in (*args, *kwargs.values())):
        yield "channels_last"
    if torch.is_inference_mode_enabled():
        yield "inference mode"
    if name not in TAKES_CPU_TENSORS and any(tensor.dim() and not isinstance(tensor, StandIn) for tensor in given):
        yield "CPU tensor among device tensors"
    followed = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in on_device)
    written = written_arguments(operator, args, kwargs).values()
    if followed and any(isinstance(tensor, StandIn) and tensor._is_view() for tensor in written):
        yield "write into a view under autograd"


def _exceeds_int32(values: Tensor) -> bool:
    return values.numel() > 0 and int(values.abs().max()) >= 2**31
