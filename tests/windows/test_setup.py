"""setup_directml.py, dry-run under the genuine Windows Pythons that are here."""

import ctypes
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
# As run_tests.sh has them; elsewhere there is the one that runs this.
PYTHONS = sorted(Path(sys.base_prefix).parent.glob("python3??/python.exe")) or [Path(sys.executable)]


def dry_run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [python, PROJECT / "setup_directml.py", "install", "--dry-run", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def listed(python: Path) -> dict[str, Any]:
    command = [python, "-I", PROJECT / "crbl_runtime" / "directx_adapters.py"]
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    values: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return values


def usable(python: Path) -> list[str]:
    return [adapter["name"] for adapter in listed(python)["adapters"] if adapter["reason"] is None]


def under_wine() -> bool:
    windll: Any = ctypes.WinDLL  # type: ignore[attr-defined]
    return hasattr(windll("ntdll"), "wine_get_version")


@pytest.fixture(params=PYTHONS, ids=lambda path: path.parent.name)
def python(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def version(python: Path) -> tuple[int, int]:
    command = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    major, minor = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(major), int(minor)


def test_it_names_the_extras_that_this_python_can_have(python: Path) -> None:
    told = dry_run(python)
    assert (told.returncode, told.stderr) == (0, "")
    assert listed(python)["error"] is None
    assert told.stdout.startswith(f"Windows {platform.machine().lower()}: extras ")
    if version(python) > (3, 12):
        assert "extras default,export,test," in told.stdout
        assert "py -3.12" in told.stdout
    elif usable(python):
        assert "extras default,train-directml,export,test," in told.stdout
        assert all(name in told.stdout for name in usable(python))
    else:
        assert "extras default,export,test," in told.stdout
        assert "no graphics card with DirectX 12" in told.stdout


def test_the_adapters_are_those_of_this_machine(python: Path) -> None:
    if not under_wine():
        pytest.skip("what this machine has is not known")
    assert bool(usable(python)) == bool(os.environ.get("DISPLAY")), "Wine has a card where it has a display"


def test_adapters_are_numbered_in_order_and_a_card_has_its_driver_s_version(python: Path) -> None:
    found = listed(python)["adapters"]
    assert [adapter["index"] for adapter in found] == list(range(len(found)))
    for adapter in found:
        assert adapter["name"]
        assert adapter["driver"] is None or re.fullmatch(r"\d+(\.\d+){3}", adapter["driver"])
        assert adapter["driver"] is not None or adapter["reason"] is not None


def test_directml_by_name_is_refused_where_torch_directml_is_not_made_for_this_python(python: Path) -> None:
    told = dry_run(python, "--directml")
    if version(python) > (3, 12):
        assert told.returncode == 3
        assert "torch-directml needs Python 3.11 or 3.12" in told.stderr
    else:
        assert told.returncode == 0
        assert "extras default,train-directml,export,test," in told.stdout
