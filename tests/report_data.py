"""What Python has filled into a page of report_pages/, read back."""

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FilledIn:
    """The data of a page, and its pictures: WebP files."""

    data: dict[str, Any]
    pictures: tuple[bytes, ...]


def read_report(path: Path) -> FilledIn:
    """What a whole page holds; fails where it is not whole."""
    page = path.read_text(encoding="utf-8")
    assert page.endswith("</html>\n")
    data, pictures = (
        re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', page, re.DOTALL)[1]
        for name in ("data", "pictures")
    )
    files = [base64.b64decode(line.removeprefix("webp;base64,")) for line in pictures.split("\n")] if pictures else []
    return FilledIn(json.loads(data, parse_constant=_refuse), tuple(files))


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON.")
