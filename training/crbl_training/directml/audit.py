"""Compare the operators of a training step with the registered ones and with the known-bad ones."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from crbl_training.directml.call_facts import base_name
from crbl_training.directml.kernel import registered_operators
from crbl_training.directml.known_bad import EVERY_OPERATOR, known_bad
from crbl_training.directml.recorder import OperatorCall

CPU_FALLBACK = "CPU fallback"
COMPOSITE = "torch, of other operators"


@dataclass(frozen=True)
class Finding:
    """Why an operator must not be in a training step.

    Attributes:
        operator: its name. inside: the composites it was called by, outermost first.
        effect: what happens on torch-directml. reason: why, or what to write instead. source: how that is known.
    """

    operator: str
    inside: tuple[str, ...]
    effect: str
    reason: str
    source: str

    def __str__(self) -> str:
        called_by = f" (inside {' > '.join(self.inside)})" if self.inside else ""
        return f"{self.operator}{called_by} {self.effect}: {self.reason}"


@dataclass(frozen=True)
class AuditedOperator:
    """One operator of the step.

    Attributes:
        operator: its name. times: how often it was called.
        computed_by: the registered entry, "torch, of other operators" for a composite, or "CPU fallback".
        findings: each once; none for a good operator.
    """

    operator: str
    times: int
    computed_by: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class OperatorReport:
    """What the audit found. `source`: of the list of registered operators."""

    operators: tuple[AuditedOperator, ...]
    source: str

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all operators."""
        return tuple(finding for operator in self.operators for finding in operator.findings)

    @property
    def passed(self) -> bool:
        """Whether torch-directml computes every operator itself, and none that is known to be bad."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self) | {"passed": self.passed}


def audit(calls: Counter[OperatorCall]) -> OperatorReport:
    """Compare calls, as `record_operators` returns them, with both lists."""
    by_operator = defaultdict(list)
    for call in calls:
        by_operator[call.operator].append(call)
    rows = [
        AuditedOperator(
            operator,
            sum(calls[call] for call in its_calls),
            _computed_by(its_calls[0]),
            tuple(dict.fromkeys(finding for call in its_calls for finding in _findings(call))),
        )
        for operator, its_calls in sorted(by_operator.items())
    ]
    return OperatorReport(tuple(rows), registered_operators().source)


def _computed_by(call: OperatorCall) -> str:
    return call.kernel.registered or (COMPOSITE if call.kernel.composite is not None else CPU_FALLBACK)


def _findings(call: OperatorCall) -> Iterator[Finding]:
    known = [
        entry
        for entry in known_bad()
        if entry.operator in (EVERY_OPERATOR, base_name(call.operator)) and (not entry.when or entry.when in call.facts)
    ]
    for entry in known:
        yield Finding(call.operator, call.inside, entry.effect, entry.reason, entry.source)
    if _computed_by(call) == CPU_FALLBACK and not any(entry.operator == base_name(call.operator) for entry in known):
        reason = "torch-directml registers no kernel for it"
        yield Finding(call.operator, call.inside, "falls back to the CPU", reason, registered_operators().source)
