"""What a page of report_pages/ was filled in with."""

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTENT = re.compile(r'<script type="(?:application/json|text/plain)" id="(data|pictures)">([^<]*)</script>')


@dataclass(frozen=True)
class FilledPage:
    """The data of a page, and its pictures as WebP files."""

    data: dict[str, Any]
    pictures: tuple[bytes, ...]

    @classmethod
    def read(cls, path: Path) -> "FilledPage":
        """What is in a page; fails where it is not whole, and where something else ends its script elements."""
        page = path.read_text(encoding="utf-8")
        assert page.endswith("</html>\n")
        content = dict(CONTENT.findall(page))
        assert set(content) == {"data", "pictures"}
        lines = content["pictures"].splitlines()
        assert all(line.startswith("webp;base64,") for line in lines)
        return cls(
            json.loads(content["data"], parse_constant=_refuse),
            tuple(base64.b64decode(line.partition(",")[2], validate=True) for line in lines),
        )


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON.")
