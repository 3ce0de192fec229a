"""DirectX's adapters: what becomes of the program's answer, and that a packed application does not start itself."""

import os
import subprocess
import sys
from typing import Any

import pytest

from crbl_runtime.adapters import Adapter, adapters
from crbl_runtime.adapters.directx import directx_listed, directx_listing
from crbl_runtime.answer_of_process import another_process_can_be_asked, answer_of_process
from crbl_runtime.errors import UnavailableError

CARD = {"index": 0, "name": "AMD Radeon RX 7800 XT", "driver": "32.0.12033.1030", "reason": None}
BASIC = {"index": 1, "name": "Microsoft Basic Render Driver", "driver": None, "reason": "computed in software"}


def answer(**given: Any) -> dict[str, Any]:
    return {"adapters": [], "none": None, "error": None} | given


def test_adapters_keep_their_numbers_and_reasons() -> None:
    listed = directx_listed(answer(adapters=[CARD, BASIC]))
    assert listed.problem is None
    assert listed.adapters == (
        Adapter("directml", 0, "AMD Radeon RX 7800 XT", "32.0.12033.1030", None),
        Adapter("directml", 1, "Microsoft Basic Render Driver", None, "computed in software"),
    )


def test_why_there_is_none_is_kept() -> None:
    none = directx_listed(answer(none="without any adapter (887A0004)"))
    assert none.adapters == ()
    assert none.problem == "DirectX is without any adapter (887A0004). Install the driver of the graphics card."
    failed = directx_listed(answer(error="OSError: EnumAdapters1 answers 887A0005"))
    assert failed.adapters == ()
    assert "887A0005" in str(failed.problem)


@pytest.mark.skipif(os.name == "nt", reason="Windows has DirectX")
def test_elsewhere_there_is_none() -> None:
    assert "for Windows" in str(directx_listing().problem)


def test_this_machine_numbers_each_kind_from_0() -> None:
    found = [adapter for adapter in adapters() if adapter.kind == "directml"]
    assert [adapter.index for adapter in found] == list(range(len(found)))


@pytest.mark.skipif(os.name != "nt", reason="needs Windows")
def test_a_packed_application_lists_them_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    before = directx_listing()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(subprocess, "run", None)
    assert directx_listing() == before


@pytest.mark.parametrize(
    ("frozen", "executable"), [(True, sys.executable), (False, "C:\\app\\app.exe"), (False, ""), (False, "python.exe")]
)
def test_an_application_never_starts_itself(frozen: bool, executable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert another_process_can_be_asked()
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    monkeypatch.setattr(sys, "executable", executable)
    monkeypatch.setattr(subprocess, "run", None)
    assert not another_process_can_be_asked()
    with pytest.raises(UnavailableError, match="no Python of its own"):
        answer_of_process("-c", "", seconds=1)
