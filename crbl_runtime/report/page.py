"""A page of report_pages/ filled in with data: one HTML file that loads nothing."""

import base64
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

# In the page, once for the data and once for the pictures; see report_pages/build.mjs.
FILLED_IN = "<!-- filled in -->"


def filled_page(package: str, page: str, data: Mapping[str, Any], pictures: Iterable[bytes] = ()) -> str:
    """The text of a page that shows `data`.

    Args:
        package, page: where the page is, such as "crbl_runtime.report" and "review.html".
        data: JSON types; numbers must be finite.
        pictures: WebP files, which the data names by their numbers.
    """
    start, between, end = _page(package, page).split(FILLED_IN)
    # In a script element only "<" could end it. All else that is not ASCII is escaped by json: a file's name may hold
    # bytes that UTF-8 lacks.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    lines = "\n".join(f"webp;base64,{base64.b64encode(picture).decode()}" for picture in pictures)
    return f"{start}{text}{between}{lines}{end}"


@cache
def _page(package: str, page: str) -> str:
    return files(package).joinpath(page).read_text(encoding="utf-8")
