"""What a page of Markdown holds: headings, code and links, as a reader sees them."""

import html
import re
from functools import cache
from pathlib import Path

import markdown

EXTENSIONS = ("fenced_code", "tables")


@cache
def rendered(page: Path) -> str:
    return markdown.markdown(page.read_text(encoding="utf-8"), extensions=EXTENSIONS)


def heading_levels(page: Path) -> list[int]:
    return [int(level) for level in re.findall(r"<h([1-6])>", rendered(page))]


def code_blocks(page: Path) -> list[str]:
    """The text of fenced and indented blocks."""
    blocks = re.findall(r"<pre><code[^>]*>(.*?)</code></pre>", rendered(page), re.DOTALL)
    return [html.unescape(block) for block in blocks]


def code_spans(page: Path) -> list[str]:
    without_blocks = re.sub(r"<pre>.*?</pre>", "", rendered(page), flags=re.DOTALL)
    return [html.unescape(text) for text in re.findall(r"<code>(.*?)</code>", without_blocks, re.DOTALL)]


def without_comments(block: str) -> list[str]:
    return [line.split(" #")[0].rstrip() for line in block.splitlines()]


def links(page: Path) -> list[str]:
    found = re.findall(r'(?:href|src)="([^"]+)"', rendered(page))
    return [html.unescape(link) for link in found if not link.startswith(("http:", "https:", "mailto:", "data:"))]
