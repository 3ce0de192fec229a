"""device.py: a broken driver costs a reason, never the process."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch

from crbl_runtime.errors import UnavailableError, UsageError
from crbl_training.devices import device as device_module
from crbl_training.devices.device import ChosenDevice, choose_device, get_device
from made_torch_directml import ADAPTERS, WORKING, WRONG_WITH_TILED_RESOURCES


@pytest.fixture
def no_directml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_directml", None)


@pytest.mark.usefixtures("no_directml")
def test_directml_that_is_not_installed_is_a_reason():
    with pytest.raises(UnavailableError, match=r"torch-directml is not installed.*train-directml.*--device auto"):
        choose_device("directml")


@pytest.mark.usefixtures("no_directml")
def test_auto_falls_to_the_cpu_and_says_why(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    chosen = choose_device("auto")
    assert chosen.kind == "cpu"
    assert chosen.torch_device() == torch.device("cpu")
    assert [reason.split(":")[0] for reason in chosen.rejected] == ["directml", "cuda"]
    assert "not installed" in chosen.rejected[0]
    assert "torch sees no CUDA device" in chosen.rejected[1]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise OSError('libd3d12.so: cannot open')", r"cannot be used here \(OSError: libd3d12\.so: cannot open\)"),
        ("import os; os._exit(0)", r"trying it ended the process \(code 0\)"),
        ("names = []\ndef device_count(): return 0", "there is no adapter"),
        ("def device_count(): raise RuntimeError('unknown error')", r"\(RuntimeError: unknown error\)"),
        (WORKING + "def device(index): return torch.device('meta')", "cannot be used here"),
    ],
    ids=["OSError", "silent exit", "no adapter", "no count", "no values"],
)
def test_directml_that_fails_is_a_reason(install_torch_directml, code, reason):
    install_torch_directml(code)
    with pytest.raises(UnavailableError, match=reason):
        choose_device("directml")


@pytest.mark.skipif(
    sys.platform == "win32" or importlib.util.find_spec("torch_directml") is None,
    reason="needs the torch-directml wheel on a system without DirectX",
)
def test_the_genuine_wheel_without_directx_is_a_reason():
    with pytest.raises(UnavailableError, match=r"cannot be used here|there is no adapter|ended the process"):
        choose_device("directml")


@pytest.mark.skipif(importlib.util.find_spec("torch_directml") is None, reason="needs the torch-directml wheel")
def test_the_genuine_wheel_can_disable_tiled_resources():
    spec = importlib.util.find_spec("torch_directml")
    assert spec is not None
    assert spec.origin is not None
    source = ast.parse(Path(spec.origin).with_name("device.py").read_text(encoding="utf-8"))
    functions = {node.name: ast.unparse(node.args) for node in source.body if isinstance(node, ast.FunctionDef)}
    assert functions["disable_tiled_resources"] == "is_disabled"


def test_directml_that_hangs_is_given_up(install_torch_directml, monkeypatch):
    install_torch_directml("import time; time.sleep(20)\n" + ADAPTERS)
    monkeypatch.setattr(device_module, "PROBE_SECONDS", 2)
    with pytest.raises(UnavailableError, match="did not answer within 2 s; update it"):
        choose_device("directml")


def test_auto_survives_a_crashing_driver(install_torch_directml, monkeypatch):
    install_torch_directml("import os; os.abort()")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    chosen = choose_device("auto")
    assert chosen.kind == "cpu"
    assert re.search(r"trying it ended the process \(code -?\d+\); update the graphics driver", chosen.rejected[0])


def test_working_directml_goes_first_with_its_name(install_torch_directml):
    install_torch_directml("print('driver greets')\n" + WORKING)
    chosen = choose_device("auto", 1)
    assert (chosen.kind, chosen.device_index, chosen.name) == ("directml", 1, "Radeon Two")
    assert chosen.rejected == ()
    assert chosen.torch_device() == torch.device("cpu")  # what the stand-in calls its device


def test_adapter_that_is_not_there_is_named_with_those_that_are_and_never_touched(install_torch_directml):
    install_torch_directml(ADAPTERS + "def device(index): import os; os.abort()")
    with pytest.raises(UnavailableError, match=r"adapter 2 was asked for.*0: 'Radeon One', 1: 'Radeon Two'"):
        choose_device("directml", 2)
    with pytest.raises(UsageError, match="device index is -1, expected"):
        choose_device("directml", -1)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_a_driver_prints_in_another_code_page_is_passed_over(install_torch_directml, stream):
    printing = f"import atexit, sys\ngreet = lambda: sys.{stream}.buffer.write(b'\\xb1\\xd7 driver\\n')\n"
    install_torch_directml(printing + "greet(); atexit.register(greet)\n" + WORKING)
    assert choose_device("directml").name == "Radeon One"


def test_a_driver_that_crashes_with_a_message_in_another_code_page_is_a_reason(install_torch_directml):
    install_torch_directml("import os, sys; sys.stderr.buffer.write(b'\\xb1\\xd7'); sys.stderr.flush(); os._exit(7)")
    with pytest.raises(UnavailableError, match=r"trying it ended the process \(code 7\)"):
        choose_device("directml")


def test_tiled_resources_are_disabled_before_the_first_use_in_both_processes(install_torch_directml):
    install_torch_directml(WRONG_WITH_TILED_RESOURCES)
    with pytest.raises(UnavailableError, match="cannot be used here"):
        choose_device("directml")
    chosen = choose_device("auto", tiled_resources=False)
    assert (chosen.kind, chosen.name) == ("directml", "Radeon One")
    assert chosen.description == "Radeon One, without tiled resources"
    assert chosen.torch_device() == torch.device("cpu")  # what the stand-in calls its device
    assert get_device("directml", tiled_resources=False) == torch.device("cpu")


def test_a_torch_directml_that_cannot_do_without_tiled_resources_is_named(install_torch_directml):
    install_torch_directml(WORKING)
    reason = "torch-directml has no disable_tiled_resources.*--no-tiled-resources.*Install torch-directml 0.2.5"
    with pytest.raises(UnavailableError, match=reason):
        choose_device("directml", tiled_resources=False)
    with pytest.raises(UnavailableError, match=reason):
        ChosenDevice("directml", 0, "Radeon One", tiled_resources=False).torch_device()


@pytest.mark.usefixtures("no_directml")
@pytest.mark.parametrize(("kind", "reason"), [("cpu", "--device directml"), ("auto", "directml: .*not installed")])
def test_a_device_that_has_no_tiled_resources_is_not_asked_to_do_without(monkeypatch, kind, reason):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=rf"--no-tiled-resources is for DirectML only.* is cpu.*{reason}"):
        choose_device(kind, tiled_resources=False)


def test_cuda_that_is_not_there_is_a_reason(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnavailableError, match="torch sees no CUDA device"):
        choose_device("cuda")


def test_cuda_adapter_is_chosen_by_index(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"Card {index}")
    assert choose_device("cuda", 1).torch_device() == torch.device("cuda", 1)
    with pytest.raises(UnavailableError, match="adapter 2 was asked for"):
        choose_device("cuda", 2)


@pytest.mark.parametrize("kind", ["gpu", "CPU", ""])
def test_unknown_kind_is_refused_with_the_known_ones(kind):
    with pytest.raises(UsageError, match="expected auto, directml, cuda, cpu"):
        choose_device(kind)


@pytest.mark.parametrize(("threads", "name"), [(1, "CPU, 1 thread"), (2, "CPU, 2 threads")])
def test_the_cpu_tells_its_threads(monkeypatch, threads, name):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert choose_device("cpu").name == name


def test_get_device_is_torch_s():
    assert get_device("cpu") == torch.device("cpu")
