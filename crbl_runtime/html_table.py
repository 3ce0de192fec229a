"""A table in HTML, for what shows itself in a notebook."""

from collections.abc import Sequence
from html import escape

# All of it is said here, because notebooks and sites have styles of their own for tables. No colour of letters or of
# the page is set: light and dark pages keep theirs.
TABLE = "border-collapse:collapse;border:0;margin:6px 0;font-size:13px;color:inherit;width:auto;display:table"
ROW = "background:none;border:0"
CELL = (
    "padding:2px 16px 2px 0;border:0;text-align:left;vertical-align:top;background:none;"
    "font-variant-numeric:tabular-nums"
)
HEADER_CELL = f"{CELL};font-weight:bold"


def html_table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> str:
    """A table of texts, which are escaped.

    Args:
        rows: texts, cell by cell. header: the texts above them; none for a table without.
    """
    top = f"<thead>{_row(header, 'th', HEADER_CELL)}</thead>" if header else ""
    body = "".join(_row(row, "td", CELL) for row in rows)
    return f'<table class="crbl" style="{TABLE}">{top}<tbody>{body}</tbody></table>'


def html_text(text: str) -> str:
    """A text from anywhere as HTML: nothing in it is markup, and a byte that is no UTF-8 is `\\udcNN`."""
    return escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _row(texts: Sequence[str], kind: str, style: str) -> str:
    wraps = ("nowrap", *("normal" for _ in texts[1:]))
    cells = "".join(
        f'<{kind} style="{style};white-space:{wrap}">{html_text(text)}</{kind}>'
        for text, wrap in zip(texts, wraps, strict=True)
    )
    return f'<tr style="{ROW}">{cells}</tr>'
