"""The Korean pages have the headings, code and links of the English ones."""

import os
from collections import Counter
from pathlib import Path

import pytest

from markdown_pages import code_blocks, code_spans, heading_levels, links, without_comments

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.name for page in (DOCS / "ko").glob("*.md"))


def targets(page: Path) -> Counter[str]:
    """What a page links to, without anchors; a Korean page counts as the English one, and the other language not."""
    whole = [page.parent / link.partition("#")[0] for link in links(page) if not link.startswith("#")]
    relative = [Path(os.path.relpath(target, DOCS)).as_posix() for target in whole]
    found = Counter(name.replace("README.ko.md", "README.md").removeprefix("ko/") for name in relative)
    found.pop(page.name, None)
    return found


def test_there_are_pages() -> None:
    assert PAGES == ["choosing.md", "keras.md", "start.md"]


@pytest.mark.parametrize("name", PAGES)
def test_it_has_the_same_headings_code_and_links(name: str) -> None:
    english, korean = DOCS / name, DOCS / "ko" / name
    assert heading_levels(english) == heading_levels(korean)
    blocks = [list(map(without_comments, code_blocks(page))) for page in (english, korean)]
    assert blocks[0] == blocks[1]
    assert targets(english) == targets(korean)
    spans = [Counter(" ".join(span.split()) for span in code_spans(page)) for page in (english, korean)]
    assert spans[0] == spans[1]
    for page, other in ((english, f"ko/{name}"), (korean, f"../{name}")):
        assert other in links(page)
