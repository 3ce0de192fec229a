"""A stand-in for a GPU: its tensors have their values on the CPU, so that a training step for a GPU runs anywhere."""

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves, tree_map_only

# Of the devices whose backward pass torch runs without a driver, the one it treats most like torch-directml's: no
# kernels of its own, so that composites take the same turns (fused dropout, overrideable convolution).
STAND_IN_DEVICE = torch.device("lazy", 0)


class StandIn(Tensor):
    """A tensor that reports `STAND_IN_DEVICE` as its device. Usable only while `record_operators` is open.

    Attributes:
        on_cpu: its values.
    """

    on_cpu: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, on_cpu: Tensor) -> "StandIn":
        wrapper: StandIn = Tensor._make_wrapper_subclass(
            cls,
            on_cpu.size(),
            strides=on_cpu.stride(),
            storage_offset=on_cpu.storage_offset(),
            dtype=on_cpu.dtype,
            device=STAND_IN_DEVICE,
        )
        wrapper.on_cpu = on_cpu
        return wrapper

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, operator: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> NoReturn:
        raise RuntimeError(f"{operator} on a tensor of the stand-in device, outside of record_operators.")

    def __repr__(self, *, tensor_contents: Any = None) -> NoReturn:  # type: ignore[override]
        raise RuntimeError("Printing a device tensor raises on torch-directml. Print tensor.cpu().")


def concerns_device(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an operator gets a tensor of the stand-in device, or is to make one."""
    return _is_stand_in(kwargs.get("device")) or any(isinstance(leaf, StandIn) for leaf in tree_leaves((args, kwargs)))


def compute(operator: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the operator gives, computed on the CPU; its tensors are on the stand-in device."""
    cpu_args, cpu_kwargs = tree_map_only(StandIn, lambda tensor: tensor.on_cpu, (args, kwargs))
    leaves = kwargs.get("device") is not None and not _is_stand_in(kwargs["device"])
    if _is_stand_in(kwargs.get("device")):
        cpu_kwargs["device"] = torch.device("cpu")
    results = _ON_CPU.get(operator.name(), operator)(*cpu_args, **cpu_kwargs)
    written = written_arguments(operator, args, kwargs)
    for tensor in written.values():
        if isinstance(tensor, StandIn) and tensor.shape != tensor.on_cpu.shape:
            # An empty tensor to write into was given its shape.
            with torch._C._DisableTorchDispatch():
                tensor.data = StandIn(tensor.on_cpu)

    def give_back(returned: Any, result: Any) -> Any:
        if returned.alias_info is not None and returned.alias_info.is_write:
            return written[frozenset(returned.alias_info.before_set)]
        return result if leaves else tree_map_only(Tensor, StandIn, result)

    returns = operator._schema.returns
    if len(returns) > 1:
        return tuple(map(give_back, returns, results))
    return give_back(returns[0], results) if returns else None


def written_arguments(operator: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[frozenset[str], Any]:
    """The arguments that the operator writes into, by the names its schema gives their memory."""
    written = {}
    for place, argument in enumerate(operator._schema.arguments):
        if argument.alias_info is None or not argument.alias_info.is_write:
            continue
        value = args[place] if place < len(args) else kwargs[argument.name]
        written[frozenset(argument.alias_info.before_set)] = value
    return written


def _is_stand_in(device: Any) -> bool:
    return device is not None and torch.device(device).type == STAND_IN_DEVICE.type


def _convolution_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: Any, padding: Any, dilation: Any, *rest: Any
) -> Any:
    transposed, output_padding, groups, wanted = rest
    bias_sizes = [weight.shape[1] * groups if transposed else weight.shape[0]]
    return torch.ops.aten.convolution_backward(
        gradient, x, weight, bias_sizes, stride, padding, dilation, transposed, output_padding, groups, wanted
    )


# What the CPU has under another name.
_ON_CPU: dict[str, Callable[..., Any]] = {
    "aten::convolution_overrideable": torch.ops.aten.convolution,
    "aten::convolution_backward_overrideable": _convolution_backward,
}
