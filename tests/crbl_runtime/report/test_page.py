"""Filling in a page: whatever the data hold, they stay data."""

from pathlib import Path

import pytest

from crbl_runtime.report.page import filled_page
from filled_page import FilledPage

HOSTILE = [
    '"><img src=x onerror=alert(1)>.png',
    "</script><script>alert(1)</script>",
    "<!-- filled in -->",
    "곡물.png",
    "latin-\udcfc.png",
    "\u2028\u2029\0",
]


def test_data_and_pictures_come_back_as_they_were(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    data = {"names": HOSTILE, "number": 0.1, "nothing": None}
    page.write_text(filled_page("crbl_runtime.report", "review.html", data, [b"one", b"<two>"]), encoding="utf-8")
    assert FilledPage.read(page) == FilledPage(data, (b"one", b"<two>"))


def test_no_tag_comes_from_the_data() -> None:
    empty = filled_page("crbl_runtime.report", "review.html", {})
    hostile = filled_page("crbl_runtime.report", "review.html", {"names": HOSTILE}, [b"<img>"])
    assert hostile.count("<") == empty.count("<")


def test_what_json_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        filled_page("crbl_runtime.report", "review.html", {"auroc": float("nan")})
