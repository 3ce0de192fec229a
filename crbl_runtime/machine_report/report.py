"""All that crbl-doctor tells."""

import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crbl_runtime.adapters.adapter import Listed
from crbl_runtime.adapters.listing import listed_adapters
from crbl_runtime.installation import Problem, broken_packages, conflicts
from crbl_runtime.machine_report.characters import Characters, character_findings, characters
from crbl_runtime.machine_report.finding import PURPOSES, Finding
from crbl_runtime.machine_report.model_file import ModelFileState, load_model_file
from crbl_runtime.machine_report.operating_system import (
    OperatingSystem,
    operating_system,
    operating_system_findings,
)
from crbl_runtime.machine_report.part import Part, parts
from crbl_runtime.machine_report.registered_providers import RegisteredProviders, registered_providers
from crbl_runtime.machine_report.versions import Installed, python_version, runtime_packages, version_findings
from crbl_runtime.version import __version__
from crbl_runtime.windows_on_arm import about_this_processor

if TYPE_CHECKING:
    from crbl_runtime.provider_trial import TriedProvider

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class MachineReport:
    """Versions, adapters, execution providers, model files, and what is wrong.

    Attributes:
        about_processor: what is possible on this processor, where that is not all; else None.
        broken: packages that cannot be used. Where there is one, no provider and no model file is tried.
        conflicts: packages that were installed twice, into the same files.
        execution_providers: those that this onnxruntime was built with, each tried.
        preparation: how this machine prepares images otherwise than others, None where it does not.
        parts: of the trainer and the exporter. findings: all that is wrong or could be better.
    """

    crbl: str
    python: Installed
    platform: str
    operating_system: OperatingSystem
    about_processor: str | None
    characters: Characters
    packages: tuple[Installed, ...]
    broken: tuple[Problem, ...]
    conflicts: tuple[Problem, ...]
    adapters: dict[str, Listed]
    execution_providers: tuple["TriedProvider", ...]
    registered_providers: RegisteredProviders
    preparation: str | None
    model_files: tuple[ModelFileState, ...]
    parts: tuple[Part, ...]
    findings: tuple[Finding, ...]

    def broken_for(self, purpose: str) -> bool:
        """Whether something of what it needs is broken."""
        return any(purpose in finding.breaks for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        packages = (*self.packages, *(package for part in self.parts for package in part.packages))
        values: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "crbl": self.crbl,
            "python": self.python.version,
            "platform": self.platform,
            "operating_system": asdict(self.operating_system),
            "about_processor": self.about_processor,
            "characters": asdict(self.characters),
            "packages": {package.name: package.version for package in packages},
            "versions": [asdict(package) for package in (self.python, *packages)],
            "conflicts": [str(conflict) for conflict in self.conflicts],
            "adapters": [asdict(adapter) for listed in self.adapters.values() for adapter in listed.adapters],
            "no_adapters": {kind: listed.problem for kind, listed in self.adapters.items() if listed.problem},
            "execution_providers": [asdict(provider) for provider in self.execution_providers],
            "registered_providers": asdict(self.registered_providers),
            "preparation": self.preparation,
        }
        for part in self.parts:
            values |= part.values
        model_files = [asdict(file) for file in self.model_files]
        return values | {"model_files": model_files, "findings": [asdict(finding) for finding in self.findings]}


def report_machine(model_files: Sequence[Path] = (), purpose: str | None = None) -> MachineReport:
    """What is installed, and every adapter, execution provider and model file, each tried.

    Args:
        purpose: one of `PURPOSES`, to leave out what it does not need; None for all.
    """
    broken = broken_packages()
    found_conflicts = conflicts()
    python, system, encodings = python_version(), operating_system(), characters()
    packages = runtime_packages()
    adapters = listed_adapters()
    tried, registered, preparation, provider_remarks = _tried(broken, adapters)
    found_parts = parts(purpose)
    return MachineReport(
        crbl=__version__,
        python=python,
        platform=platform.platform(),
        operating_system=system,
        about_processor=about_this_processor(),
        characters=encodings,
        packages=packages,
        broken=broken,
        conflicts=found_conflicts,
        adapters=adapters,
        execution_providers=tried,
        registered_providers=registered,
        preparation=preparation,
        model_files=tuple(_untried(path, broken[0]) if broken else load_model_file(path) for path in model_files),
        parts=found_parts,
        findings=(
            *_problems(broken),
            *_problems(found_conflicts),
            *operating_system_findings(system),
            *version_findings((python, *packages)),
            *provider_remarks,
            *(finding for part in found_parts for finding in part.findings),
            *character_findings(encodings),
        ),
    )


def _tried(
    broken: Sequence[Problem], adapters: dict[str, Listed]
) -> tuple[tuple["TriedProvider", ...], RegisteredProviders, str | None, tuple[Finding, ...]]:
    """What takes working packages."""
    if broken:
        return (), RegisteredProviders((), "a package that it takes cannot be used"), None, ()
    from crbl_runtime.golden_image import known_pixels_difference
    from crbl_runtime.machine_report.providers import provider_findings
    from crbl_runtime.onnxruntime_boundary import print_errors_only
    from crbl_runtime.provider_trial import try_providers

    print_errors_only()
    tried = try_providers()
    return tried, registered_providers(), known_pixels_difference(), provider_findings(tried, adapters)


def _untried(path: Path, problem: Problem) -> ModelFileState:
    return ModelFileState(str(path), None, None, (f"It was not tried. {problem}",))


def _problems(problems: Iterable[Problem]) -> Iterable[Finding]:
    return (Finding("packages", problem.fact, problem.commands, PURPOSES) for problem in problems)
