"""Which execution providers were compared, and why the others were not."""

from dataclasses import dataclass

from crbl_export.parity.report import ParityGate
from crbl_runtime.options import EXECUTION_PROVIDERS
from crbl_runtime.provider_candidates import providers_here

COMPARED, NOT_STARTED, NOT_ASKED_FOR, NOT_HERE = "compared", "not started", "not asked for", "not here"


@dataclass(frozen=True)
class ProviderState:
    """An execution provider: its name, what was done with it, and onnxruntime's reason where it did not start."""

    kind: str
    state: str
    reason: str = ""


def provider_states(gate: ParityGate) -> list[ProviderState]:
    """Those that were compared first, then the others that there are."""
    compared = [ProviderState(report.provider, COMPARED) for report in gate.reports]
    not_started = [ProviderState(kind, NOT_STARTED, reason) for kind, reason in gate.not_checked.items()]
    known = {state.kind for state in (*compared, *not_started)}
    here = providers_here()
    others = [
        ProviderState(kind, NOT_ASKED_FOR if kind in here else NOT_HERE)
        for kind in EXECUTION_PROVIDERS
        if kind not in known
    ]
    return [*compared, *not_started, *others]
