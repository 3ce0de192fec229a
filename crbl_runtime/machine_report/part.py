"""What the trainer and the exporter add to the report, where they are installed."""

import importlib
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from crbl_runtime.installation import how_to_install
from crbl_runtime.machine_report.finding import EXPORT, PURPOSES, TRAIN, Finding
from crbl_runtime.machine_report.versions import Installed

# Modules with a function `machine_part`, by what they are about. The runtime imports neither package, and is installed
# without them, too: so they are named here, and looked for.
MODULES = {TRAIN: "crbl_training.devices.machine_part", EXPORT: "crbl_export.machine_part"}


@dataclass(frozen=True)
class Part:
    """Of one package.

    Attributes:
        packages: what it needs. values: what it adds to the JSON, by name. lines: the same as text, a heading first.
        findings: what is wrong.
    """

    packages: tuple[Installed, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def parts(purpose: str | None) -> tuple[Part, ...]:
    """What is to be told of the trainer and the exporter.

    Args:
        purpose: one of `PURPOSES`, for what that alone needs; None for all.
    """
    needed = MODULES if purpose is None else list(MODULES)[: PURPOSES.index(purpose)]
    return tuple(_part(name, asked_for=purpose is not None) for name in needed)


def _part(name: str, asked_for: bool) -> Part:
    package = MODULES[name].partition(".")[0]
    if find_spec(package) is None:
        missing = Finding(
            package,
            f"{package} is not installed: this is the runtime alone.",
            (how_to_install(f"default,{name}"),),
            (name,),
        )
        return Part(findings=(missing,) if asked_for else ())
    part: Part = importlib.import_module(MODULES[name]).machine_part()
    return part
