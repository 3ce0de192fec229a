"""Which kernel torch's dispatcher picks for an operator on torch-directml."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import torch
from torch import DispatchKey
from torch._ops import OpOverload

# In the dispatcher's order.
COMPOSITES = (
    DispatchKey.CompositeExplicitAutogradNonFunctional,
    DispatchKey.CompositeExplicitAutograd,
    DispatchKey.CompositeImplicitAutograd,
)


@dataclass(frozen=True)
class OperatorList:
    """The operators that torch-directml registers kernels for, as "aten::name.overload", and where the list is from."""

    source: str
    operators: frozenset[str]


@dataclass(frozen=True)
class Kernel:
    """What computes an operator.

    Attributes:
        registered: the entry of the list that computes it. Where `composite` is None too, torch-directml sends it to
            the CPU.
        composite: the dispatch key of torch's own kernel that computes it from other operators.
    """

    registered: str | None = None
    composite: DispatchKey | None = None


@cache
def registered_operators() -> OperatorList:
    """The list that comes with the package."""
    content = json.loads((files("crbl_training.directml") / "operators.json").read_text(encoding="utf-8"))
    return OperatorList(content["source"], frozenset(content["operators"]))


@cache
def kernel_of(operator: OpOverload) -> Kernel:
    """The kernel for a tensor of torch-directml.

    The order is the dispatcher's (computeDispatchTableEntryWithDebug): the backend's own kernel, the structured one
    that ends in its .out entry, torch's composites, and the backend's fallback to the CPU last.
    https://github.com/pytorch/pytorch/blob/v2.4.1/aten/src/ATen/core/dispatch/OperatorEntry.cpp
    """
    name = operator.name()
    known = registered_operators().operators
    if name in known:
        return Kernel(registered=name)
    out = _structured_entry(operator)
    if out is not None:
        return Kernel(registered=out if out in known else None)
    return Kernel(composite=next((key for key in COMPOSITES if _has_kernel(name, key)), None))


def _has_kernel(name: str, key: DispatchKey) -> bool:
    has: bool = torch._C._dispatch_has_kernel_for_dispatch_key(name, key.name)
    return has


def _structured_entry(operator: OpOverload) -> str | None:
    """What a structured operator ends in: its overload that writes into given tensors. None if it is not structured."""
    if not _has_kernel(operator.name(), DispatchKey.CompositeExplicitAutogradNonFunctional):
        return None
    packet = getattr(torch.ops.aten, operator._schema.name.removeprefix("aten::").removesuffix("_"))
    wanted = [str(argument.type) for argument in operator._schema.arguments]
    for overload in packet.overloads():
        schema = getattr(packet, overload)._schema
        name = f"{schema.name}.{schema.overload_name}"
        given = [str(argument.type) for argument in schema.arguments if not argument.is_out]
        # Torch's own .out kernels, made of the functional operator, are not structured.
        if len(given) < len(schema.arguments) and given == wanted and not _has_kernel(name, COMPOSITES[1]):
            return name
    return None
