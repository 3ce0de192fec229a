"""directml/kernel.py: the carried list is the wheel's, and the kernel it leads to is the one the dispatcher picks."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import DispatchKey

from crbl_training.directml.kernel import Kernel, kernel_of, registered_operators

SHARED_LIST = Path(__file__).resolve().parents[4] / "shared" / "directml" / "torch_directml_ops.json"
aten = torch.ops.aten


@pytest.mark.parametrize(
    ("operator", "registered"),
    [
        (aten.native_batch_norm.default, "aten::native_batch_norm"),
        (aten.add.Tensor, "aten::add.out"),
        (aten.add_.Tensor, "aten::add.out"),
        (aten.sigmoid_backward.default, "aten::sigmoid_backward.grad_input"),
        (aten.max.dim, "aten::max.dim_max"),
    ],
)
def test_registered_operators_are_computed_by_their_entry(operator, registered) -> None:
    assert kernel_of(operator) == Kernel(registered=registered)


@pytest.mark.parametrize(
    "operator",
    [
        aten.lerp.Scalar,  # structured, its .out entry is not registered
        aten.clamp.Tensor,  # of another overload than the registered one
        aten.silu_backward.default,
        aten.std.correction,
    ],
)
def test_others_go_to_the_cpu(operator) -> None:
    assert kernel_of(operator) == Kernel()


@pytest.mark.parametrize(
    ("operator", "key"),
    [
        (aten.convolution.default, DispatchKey.CompositeExplicitAutograd),
        (aten.linear.default, DispatchKey.CompositeImplicitAutograd),
        (aten.new_empty_strided.default, DispatchKey.CompositeExplicitAutogradNonFunctional),
    ],
)
def test_composites_are_taken_apart(operator, key) -> None:
    assert kernel_of(operator) == Kernel(composite=key)


@pytest.mark.skipif(not SHARED_LIST.is_file(), reason="needs ../shared/directml/torch_directml_ops.json")
def test_the_carried_list_is_the_one_it_was_taken_from() -> None:
    original = json.loads(SHARED_LIST.read_text(encoding="utf-8"))
    assert registered_operators().operators == set(original["operators"])
    assert len(registered_operators().operators) == 318


# The wheel's native library loads on Linux where its own folder is on the loader's path; only devices are missing.
WHEEL_SCRIPT = """
import json, torch, torch_directml_native
tables = {}
for name in torch._C._dispatch_get_all_op_names():
    rows = torch._C._dispatch_dump_table(name).splitlines() if name.startswith("aten::") else []
    tables[name] = next((row for row in rows if row.startswith("PrivateUse1:")), "")
registered = torch._C._dispatch_get_registrations_for_dispatch_key("PrivateUse1")
print(json.dumps({"registered": registered, "tables": tables}))
"""


@pytest.fixture(scope="module")
def wheel() -> dict:
    native = importlib.util.find_spec("torch_directml_native")
    if native is None or sys.platform != "linux":
        pytest.skip("needs the torch-directml wheel on Linux")
    folders = [Path(native.origin).parent / "torch_directml", Path(torch.__file__).parent / "lib"]
    environment = os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(map(str, folders))}
    answer = subprocess.run([sys.executable, "-c", WHEEL_SCRIPT], env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_the_carried_list_is_what_the_wheel_registers(wheel) -> None:
    assert registered_operators().operators == set(wheel["registered"])


def test_the_kernel_is_the_one_the_wheels_dispatcher_picks(wheel) -> None:
    known, compared = registered_operators().operators, 0
    for name, row in wheel["tables"].items():
        packet, _, overload = name.removeprefix("aten::").partition(".")
        operator = getattr(getattr(aten, packet, None), overload or "default", None)
        if not row or operator is None:
            continue
        kernel = kernel_of(operator)
        if "[backend fallback]" in row:
            expected = {Kernel()}
        elif "NonFunctional" in row:
            composite = Kernel(composite=DispatchKey.CompositeExplicitAutogradNonFunctional)
            expected = {composite, Kernel(), *map(Kernel, known)}
        elif "[default backend kernel]" in row:
            expected = {Kernel(composite=DispatchKey.CompositeExplicitAutograd)}
        elif "[math kernel]" in row:
            expected = {Kernel(composite=DispatchKey.CompositeImplicitAutograd)}
        else:
            expected = {Kernel(registered=name)}
        assert kernel in expected, (name, row)
        compared += 1
    assert compared > 2000
