"""The extras of pyproject.toml: which of them bring an onnxruntime, and that each environment gets exactly one."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from crbl_export.machine_part import VERSIONS as EXPORTER
from crbl_runtime.installation import ONNXRUNTIME_OF_EXTRA
from crbl_runtime.machine_report.versions import ONNXRUNTIMES, PYTHON, RUNTIME
from crbl_training.devices.machine_part import VERSIONS as TRAINER

PROJECT = Path(__file__).parents[1]
DECLARED: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = DECLARED["optional-dependencies"]

WINDOWS_X64 = {"sys_platform": "win32", "platform_machine": "AMD64"}
WINDOWS_ARM64 = {"sys_platform": "win32", "platform_machine": "ARM64"}
LINUX = {"sys_platform": "linux", "platform_machine": "x86_64"}
MACOS = {"sys_platform": "darwin", "platform_machine": "arm64"}


def onnxruntimes(requirements: list[str], machine: dict[str, str]) -> list[str]:
    """What these requirements, and the extras of the project that they name, install of onnxruntime on a machine."""
    found: list[str] = []
    for requirement in map(Requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate(machine):
            continue
        if requirement.name == DECLARED["name"]:
            for extra in sorted(requirement.extras):
                found += onnxruntimes(EXTRAS[extra], machine)
        elif requirement.name.startswith("onnxruntime"):
            found.append(requirement.name)
    return found


def test_the_project_itself_asks_for_none_because_an_extra_could_not_take_it_away() -> None:
    for machine in (WINDOWS_X64, WINDOWS_ARM64, LINUX, MACOS):
        assert onnxruntimes(DECLARED["dependencies"], machine) == []


@pytest.mark.parametrize("extra", ["default", "test-runtime", "test"])
@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (WINDOWS_X64, "onnxruntime-windowsml"),
        (WINDOWS_ARM64, "onnxruntime-windowsml"),
        (LINUX, "onnxruntime"),
        (MACOS, "onnxruntime"),
    ],
)
def test_default_is_what_the_platform_should_have_and_the_tests_take_it(
    extra: str, machine: dict[str, str], expected: str
) -> None:
    assert onnxruntimes(EXTRAS[extra], machine) == [expected]


@pytest.mark.parametrize("extra", [name for name in EXTRAS if name not in ("default", "test-runtime", "test")])
def test_every_other_extra_brings_the_one_that_messages_name_or_none(extra: str) -> None:
    expected = [ONNXRUNTIME_OF_EXTRA[extra]] if extra in ONNXRUNTIME_OF_EXTRA else []
    for machine in (WINDOWS_X64, LINUX):
        assert onnxruntimes(EXTRAS[extra], machine) == expected


def lower_bounds() -> dict[str, str]:
    """By distribution, of all that is declared anywhere."""
    bounds: dict[str, str] = {}
    for requirement in map(
        Requirement, [*DECLARED["dependencies"], *(each for extra in EXTRAS.values() for each in extra)]
    ):
        for specifier in requirement.specifier:
            if specifier.operator in (">=", "=="):
                bounds.setdefault(requirement.name, specifier.version)
    return bounds


def test_crbl_doctor_knows_the_lower_bounds() -> None:
    bounds = lower_bounds()
    # Its development release, which alone there is.
    bounds["torch-directml"] = bounds["torch-directml"].partition(".dev")[0]
    known = {**RUNTIME, **ONNXRUNTIMES, **TRAINER, **EXPORTER}
    assert {name: each.lowest for name, each in known.items()} == {name: bounds[name] for name in known}
    assert DECLARED["requires-python"] == f">={PYTHON.lowest}"
    assert {Requirement(each).name for each in DECLARED["dependencies"]} == set(RUNTIME)
    assert set(ONNXRUNTIME_OF_EXTRA.values()) == set(ONNXRUNTIMES)
