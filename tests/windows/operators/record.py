"""What was found, as a JSON file: recorded.json. The page in docs/ and the quick test are made from it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from windows.operators.case import Case
from windows.operators.outcome import Outcome

RECORDED = Path(__file__).with_name("recorded.json")


@dataclass(frozen=True)
class Row:
    """A case, what crbl-check says about its model (nothing if it finds it sound), and the outcome in each
    distribution, by the name of its environment."""

    case: Case
    findings: tuple[str, ...]
    outcomes: dict[str, Outcome]


@dataclass(frozen=True)
class Record:
    """All rows; the day in ISO form; and the versions by package."""

    date: str
    versions: dict[str, str]
    rows: tuple[Row, ...]


def to_json(record: Record) -> str:
    """A row a line."""
    rows = ",\n".join("  " + json.dumps(asdict(row)) for row in record.rows)
    head = json.dumps({"date": record.date, "versions": record.versions}, indent=1)
    return f'{head[:-2]},\n "rows": [\n{rows}\n ]\n}}\n'


def recorded(path: Path = RECORDED) -> Record:
    """Read again."""
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        Row(
            Case(**row["case"]),
            tuple(row["findings"]),
            {name: Outcome(**outcome) for name, outcome in row["outcomes"].items()},
        )
        for row in content["rows"]
    ]
    return Record(content["date"], content["versions"], tuple(rows))
