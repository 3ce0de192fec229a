"""Text of a model file as Markdown in which it stays text: no markup, no HTML, no end of a table's cell.

These functions return `Markup`, which the template prints as it is; it puts everything else through `plain`.
"""

import json
import re
from typing import Any

from markupsafe import Markup

_SPECIAL = re.compile(r"([\\`*_\[\]|~#$])")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")

NOT_RECORDED = Markup("not recorded")


def plain(value: object) -> Markup:
    """A value as text on one line; `Markup` as it is."""
    if isinstance(value, Markup):
        return value
    return Markup(_SPECIAL.sub(r"\\\1", _one_line(value).translate(_HTML)))


def code_line(value: object) -> Markup:
    """A value for a line of a code block, where only the end of the line has a meaning."""
    return Markup(_one_line(value))


def code(value: object) -> Markup:
    """A value in a code span, for hashes and names; grave accents become apostrophes, bars broken bars."""
    if value is None:
        return NOT_RECORDED
    return Markup(f"`{_one_line(value).replace('`', chr(39)).replace('|', chr(0xA6)) or ' '}`")


def number(value: object, digits: int = 6) -> Markup:
    """A number with so many significant digits; a value of another kind as text."""
    if value is None:
        return NOT_RECORDED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return plain(value)
    return Markup(f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}")


def scalar(value: Any) -> Markup:
    """A number or a text; a value of another kind complete as JSON, in a code span."""
    if isinstance(value, int | float | str):
        return number(value)
    return code(json.dumps(value, sort_keys=True, ensure_ascii=False))


def recorded(value: Any) -> Markup:
    """A value of the provenance; a dict as its keys and values, None as "not recorded"."""
    if value is None:
        return NOT_RECORDED
    if isinstance(value, dict):
        return Markup(", ".join(f"{plain(key)} {plain(part)}" for key, part in sorted(value.items())))
    return scalar(value)


def measured(value: Any, key: str) -> Markup:
    """A value of the parity report; hashes in a code span, float numbers with two digits."""
    if key.endswith("hash"):
        return code(value)
    return Markup(f"{value:.1e}") if isinstance(value, float) else scalar(value)


def interval(value: Any) -> Markup:
    """The two ends of an interval, four digits each."""
    if isinstance(value, list) and len(value) == 2:
        return Markup(f"{number(value[0], 4)} to {number(value[1], 4)}")
    return NOT_RECORDED if value is None else plain(value)


def in_words(key: str) -> Markup:
    """A key of the provenance as a title: train_images gives "Train images"."""
    words = plain(key.replace("_", " "))
    return Markup(words[:1].upper() + words[1:])


def _one_line(value: object) -> str:
    return " ".join(_UNPRINTABLE.sub(" ", str(value)).split())
