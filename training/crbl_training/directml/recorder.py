"""Record every operator that code calls for tensors on the device, those inside composites too."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import DispatchKey
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from crbl_training.directml.call_facts import call_facts
from crbl_training.directml.kernel import Kernel, kernel_of
from crbl_training.directml.stand_in import compute, concerns_device

# Composites that the list of known-bad operators names, and that are taken apart before operators are dispatched.
TAKEN_APART_EARLY = ("one_hot", "quantile", "nanquantile")
# A composite that calls no other operator: torch makes this view itself, on every device.
MADE_BY_TORCH = ("aten::detach",)


@dataclass(frozen=True)
class OperatorCall:
    """One call of an operator.

    Attributes:
        operator: "aten::name.overload". kernel: what computes it on torch-directml.
        inside: the composites it was called by, outermost first.
        facts: see `call_facts`.
    """

    operator: str
    kernel: Kernel
    inside: tuple[str, ...] = ()
    facts: frozenset[str] = frozenset()


@contextmanager
def record_operators() -> Iterator[Counter[OperatorCall]]:
    """Record the operators called inside the block on `STAND_IN_DEVICE`: yields the calls and how often each was made.

    What touches no tensor on the device is left alone: reading and augmenting images, drawing masks, the metrics.

    Not seen: what torch-directml's kernels do inside, and its own `reshape`; autocast, which knows no such device;
    copies between two adapters; and the other turn where a composite asks whether a tensor is of a subclass.
    """
    calls: Counter[OperatorCall] = Counter()
    # torch.tensor(..., device=...) fills a tensor on the CPU and copies it: let the copy be seen.
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        with _EarlyComposites(calls), _Operators(calls):
            yield calls
    finally:
        torch._C._set_only_lift_cpu_tensors(before)


class _Operators(TorchDispatchMode):
    """Records what is dispatched below autograd, and takes composites apart as torch does on a GPU."""

    def __init__(self, calls: Counter[OperatorCall]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._calls = calls
        self._inside: tuple[str, ...] = ()

    def __torch_dispatch__(self, operator: OpOverload, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not concerns_device(args, kwargs):
            return operator(*args, **kwargs)
        kernel, inside = kernel_of(operator), self._inside
        if kernel.composite is None or operator.name() in MADE_BY_TORCH:
            results = compute(operator, args, kwargs)
        else:
            self._inside = (*inside, operator.name())
            try:
                with self:
                    results = operator._op_dk(kernel.composite, *args, **kwargs)
            finally:
                self._inside = inside
        self._calls[OperatorCall(operator.name(), kernel, inside, call_facts(operator, args, kwargs, results))] += 1
        return results


class _EarlyComposites(TorchFunctionMode):
    """Records the composites of `TAKEN_APART_EARLY`."""

    def __init__(self, calls: Counter[OperatorCall]) -> None:
        super().__init__()
        self._calls = calls

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in TAKEN_APART_EARLY and concerns_device(args, kwargs):
            kernel = Kernel(composite=DispatchKey.CompositeImplicitAutograd)
            self._calls[OperatorCall(f"aten::{name}", kernel)] += 1
        return function(*args, **kwargs)
