"""The page about the operators, from what was recorded."""

from collections import Counter
from collections.abc import Iterator

from windows.operators.outcome import Outcome
from windows.operators.record import Record, Row

HEAD = """# What DirectML runs, operator by operator

Made by `tests/windows/directml_operators.py` on {date}; not edited by hand. **DirectML ran on a GPU that is computed
in software. Nothing of this was run on a real card**, whose driver may do better or worse.

| What | Version |
|---|---|
{versions}

## How it was found

For each operator in the table of `crbl-check` (`crbl_export/directml/kernels.json`) and each version of its definition
that the opsets 17 to 20 select, in float32 and one or two other types, a model of one node ran on onnxruntime's
DirectML provider in both distributions, with the fallback to the CPU forbidden and nothing that could be computed
beforehand. Its outputs were compared with those of the CPU provider: the difference is the largest one, relative to the
output's scale, and may be 1e-4, or 2e-3 for float16. Models that `crbl-check` refuses were tried, too.

| Outcome | Meaning |
|---|---|
| runs | on DirectML, as on the CPU but for the difference in brackets |
| differs | on DirectML, with other results than on the CPU |
| refused | DirectML does not take the node; onnxruntime would compute it on the CPU |
| fails | the model cannot be loaded or run |
| cannot be told | the software GPU fails to compile it (80004005), which says nothing about a real card |

`Type` is that of the tensors that the table is about; `an output, and into Sigmoid` is a second node behind the first,
with both results as outputs of the model.
"""

CORRECTED = """
When this was first tried there were four disagreements, the same in both distributions, and `crbl-check` was corrected:

- It passed a `Cast` of floats to bool. DirectML rounds towards 0 there, and makes false of -0.5, 0.5 and what is
  negative.
- It passed `Conv`, `MatMul` and `BatchNormalization` whose result is an output and goes into an activation too, which
  it refused for `Gemm` alone.
- It refused every `Einsum`. Equations with up to two inputs, eight letters and no ellipsis run.
- It refused every `Reshape` with `allowzero=1`. Only where the target has a -1 does the model fail to load.
"""


def page(record: Record) -> str:
    """The whole page, in Markdown."""
    versions = "\n".join(f"| {name} | {version} |" for name, version in record.versions.items())
    disagreeing = [row for row in record.rows if disagrees(row)]
    parts = [
        HEAD.format(date=record.date, versions=versions),
        "## Where crbl-check and DirectML disagree\n",
        "\n".join(_table(record, disagreeing)) if disagreeing else "Nowhere, as far as it can be told here.",
        CORRECTED,
        "\n## How many\n",
        "\n".join(_counts(record)),
        "\n## All that was tried\n\n`crbl-check` says *sound* where it finds nothing against the model.\n",
        "\n".join(_table(record, list(record.rows))),
    ]
    return "\n".join(parts) + "\n"


def disagrees(row: Row) -> bool:
    """Whether one distribution runs what crbl-check refuses, or does not run what it finds sound."""
    runs = {outcome.kind == "runs" for outcome in row.outcomes.values() if outcome.kind != "cannot compile"}
    return bool(row.findings) in runs


def _counts(record: Record) -> Iterator[str]:
    names = list(record.rows[0].outcomes)
    yield f"| Outcome | {' | '.join(_package(name) for name in names)} |"
    yield "|---|" + "---|" * len(names)
    counts = [Counter(_words(row.outcomes[name]).partition(" (")[0] for row in record.rows) for name in names]
    for kind in sorted(set().union(*counts)):
        yield f"| {kind} | {' | '.join(str(count[kind]) for count in counts)} |"


def _table(record: Record, rows: list[Row]) -> Iterator[str]:
    names = list(record.rows[0].outcomes)
    yield f"| Operator | Since | Type | Form | crbl-check | {' | '.join(_package(name) for name in names)} |"
    yield "|---|---|---|---|---|" + "---|" * len(names)
    for row in rows:
        case = row.case
        cells = [case.operator, str(case.since_version), case.element, f"`{case.form}`" if case.form else ""]
        cells += ["; ".join(row.findings) or "sound", *(_words(row.outcomes[name]) for name in names)]
        yield f"| {' | '.join(cells)} |"


def _package(environment: str) -> str:
    return f"onnxruntime-{environment}"


def _words(outcome: Outcome) -> str:
    if outcome.kind == "cannot compile":
        return f"cannot be told ({outcome.detail})"
    difference = "" if outcome.difference is None else f"{outcome.difference:g}"
    details = ", ".join(each for each in (difference, outcome.detail) if each)
    return f"{outcome.kind} ({details})" if details else outcome.kind
