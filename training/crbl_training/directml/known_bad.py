"""Operators that torch-directml sends to the CPU, computes wrongly or cannot run, each with its reason and source."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

EVERY_OPERATOR = "*"


@dataclass(frozen=True)
class KnownBad:
    """An entry of the list.

    Attributes:
        operator: without its overload, "aten::lerp"; "*" for every one.
        when: the fact about a call (see `call_facts`) that it takes; empty for every call.
        effect: what happens. reason: why, or what to write instead. source: how that is known.
    """

    operator: str
    when: str
    effect: str
    reason: str
    source: str


@cache
def known_bad() -> tuple[KnownBad, ...]:
    """The list that comes with the package."""
    content = json.loads((files("crbl_training.directml") / "known_bad.json").read_text(encoding="utf-8"))
    return tuple(
        KnownBad(
            entry["operator"],
            entry.get("when", ""),
            entry["effect"],
            entry["reason"],
            content["sources"][entry["source"]],
        )
        for entry in content["entries"]
    )
