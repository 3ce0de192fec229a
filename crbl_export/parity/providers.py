"""The parity gate on every execution provider that this machine has."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from crbl_export.options import ALL_PROVIDERS
from crbl_export.parity.compare import REPORT_SCHEMA_VERSION, ParityReport, ParitySet, check_parity
from crbl_runtime.errors import ParityError, UnavailableError, WrongResultsError
from crbl_runtime.options import EXECUTION_PROVIDERS
from crbl_training.checkpoint import Checkpoint

logger = logging.getLogger("crbl_export")


@dataclass(frozen=True)
class ParityGate:
    """What the gate measured, provider by provider.

    Attributes:
        reports: one a provider, the CPU's first. not_checked: providers that this onnxruntime has but that do not
            start here, and why.
    """

    reports: tuple[ParityReport, ...]
    not_checked: dict[str, str]

    @property
    def passed(self) -> bool:
        """Whether the file may be shipped: it passed on every provider."""
        return all(report.passed for report in self.reports)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "schema_version": REPORT_SCHEMA_VERSION,
            "passed": self.passed,
            "reports": [report.to_dict() for report in self.reports],
            "not_checked": self.not_checked,
        }


def check_providers(
    model: Path,
    checkpoint: Checkpoint,
    images: ParitySet,
    *,
    provider: str = ALL_PROVIDERS,
    tolerance: float | None = None,
    max_flips: float = 0.0,
    margin: float | None = None,
) -> ParityGate:
    """Run the gate on one provider or on all.

    Args:
        provider: "all" for the CPU and every GPU provider that starts, else as for `check_parity`, and so the others.

    Raises:
        ParityError: a provider computes wrongly already in the self-test of the file. Else see `check_parity`.
    """
    reports, not_checked = [], {}
    for kind in _providers_here() if provider == ALL_PROVIDERS else (provider,):
        try:
            report = check_parity(
                model, checkpoint, images, provider=kind, tolerance=tolerance, max_flips=max_flips, margin=margin
            )
            reports.append(report)
        except WrongResultsError as error:
            raise ParityError(str(error)) from error
        except UnavailableError as error:
            if provider != ALL_PROVIDERS:
                raise
            logger.warning("%s was not checked: %s", kind, error)
            not_checked[kind] = str(error)
    return ParityGate(tuple(reports), not_checked)


def _providers_here() -> tuple[str, ...]:
    """The CPU and the GPU providers of this onnxruntime."""
    available = onnxruntime.get_available_providers()
    return ("cpu", *(kind for kind, name in EXECUTION_PROVIDERS.items() if kind != "cpu" and name in available))
