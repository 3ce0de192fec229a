"""What crbl-check says, beside what DirectML was seen to do on a software GPU (tests/windows/directml_operators.py)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from crbl_export.directml.check import check_directml
from windows.operators.case import Case
from windows.operators.case_model import case_model
from windows.operators.cases import all_cases
from windows.operators.outcome import Outcome
from windows.operators.page import disagrees, page
from windows.operators.record import Row, recorded, to_json

PROJECT = Path(__file__).parents[3]
SOUND = Row(Case("Abs", 13, "float"), (), {"directml": Outcome("runs"), "windowsml": Outcome("runs")})


def test_every_case_of_the_kernel_table_was_tried() -> None:
    table = json.loads((PROJECT / "crbl_export" / "directml" / "kernels.json").read_text(encoding="utf-8"))
    assert [row.case for row in recorded().rows] == all_cases(table["kernels"])


def test_the_check_says_what_was_recorded() -> None:
    for row in recorded().rows:
        model, _ = case_model(row.case)
        assert tuple(finding.reason for finding in check_directml(model).findings) == row.findings, row.case


def test_the_check_and_directml_agree_in_both_distributions() -> None:
    assert [row for row in recorded().rows if disagrees(row)] == []


def test_both_distributions_gave_the_same_outcomes() -> None:
    for row in recorded().rows:
        assert len({(each.kind, each.detail) for each in row.outcomes.values()}) == 1, row


def test_the_page_and_the_file_are_those_of_the_record(tmp_path: Path) -> None:
    record = recorded()
    assert (PROJECT / "docs" / "directml_operators.md").read_text(encoding="utf-8") == page(record)
    (tmp_path / "again.json").write_text(to_json(record), encoding="utf-8")
    assert recorded(tmp_path / "again.json") == record


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (SOUND, False),
        (replace(SOUND, findings=("no kernel",)), True),
        (replace(SOUND, outcomes={"directml": Outcome("runs"), "windowsml": Outcome("refused")}), True),
        (replace(SOUND, outcomes={"directml": Outcome("differs"), "windowsml": Outcome("differs")}), True),
        (replace(SOUND, outcomes={"directml": Outcome("cannot compile"), "windowsml": Outcome("runs")}), False),
        (replace(SOUND, findings=("trap",), outcomes={"directml": Outcome("fails")}), False),
    ],
)
def test_what_counts_as_a_disagreement(row: Row, expected: bool) -> None:
    assert disagrees(row) is expected


def test_a_disagreement_is_listed_before_the_rest() -> None:
    record = recorded()
    row = replace(SOUND, findings=("no such kernel",))
    text = page(replace(record, rows=(*record.rows, row)))
    assert "no such kernel" in text.partition("## How many")[0]
