"""Markdown that stays what it was meant to be, whatever text is put into it."""

import json
import re
from collections.abc import Sequence
from typing import Any

_SPECIAL = re.compile(r"([\\`*_\[\]|~#$])")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def plain(value: object) -> str:
    """A value of the metadata as text on one line: it can be neither markup nor HTML, nor the end of a table's cell."""
    return _SPECIAL.sub(r"\\\1", _one_line(value).translate(_HTML))


def code(value: object) -> str:
    """A value in a code span, for hashes and names; grave accents become apostrophes, bars broken bars."""
    return f"`{_one_line(value).replace('`', chr(39)).replace('|', chr(0xA6)) or ' '}`"


def as_json(value: Any) -> str:
    """A value of a kind that nobody foresaw, complete, in a code span."""
    return code(json.dumps(value, sort_keys=True, ensure_ascii=False))


def number(value: Any, digits: int = 6) -> str:
    """A number with so many significant digits; what is no number, as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return plain(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def steps(items: Sequence[str]) -> str:
    """A numbered list."""
    return "\n".join(f"{place}. {item}" for place, item in enumerate(items, start=1))


def bullets(items: Sequence[str]) -> str:
    """A list."""
    return "\n".join(f"- {item}" for item in items)


def _one_line(value: object) -> str:
    return " ".join(_UNPRINTABLE.sub(" ", str(value)).split())
