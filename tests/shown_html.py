"""What a page shows that is made of a piece of HTML, read by Python's own parser."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

Attributes = dict[str, str]
# These have no end tag.
EMPTY = ("img", "br")


@dataclass
class ShownHTML:
    """Attributes:
    tags: every element, in order, with its attributes. text: all text. rows: the tables' rows, cell by cell.
    titles: the tooltips of the SVG elements.
    """

    tags: list[tuple[str, Attributes]] = field(default_factory=list)
    text: str = ""
    rows: list[list[str]] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, content: str) -> "ShownHTML":
        """Read it; every element must be closed in its turn."""
        shown = cls()
        reader = _Reader(shown)
        reader.feed(content)
        reader.close()
        assert reader.open == [], "elements that are not closed"
        return shown

    def facts(self) -> dict[str, str]:
        """The rows that have two cells, as name and value."""
        return dict(row for row in self.rows if len(row) == 2)

    def attributes(self, tag: str) -> list[Attributes]:
        """Of every element of this kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    def require_harmless(self) -> None:
        """Nothing in it runs, and nothing is fetched."""
        assert {name for name, _ in self.tags} <= {
            "div", "span", "table", "thead", "tbody", "tr", "th", "td", "img", "svg", "g", "rect", "text", "title",
        }  # fmt: skip
        for _, attributes in self.tags:
            assert not [name for name in attributes if name.startswith("on")]
            assert attributes.get("src", "data:").startswith("data:")


class _Reader(HTMLParser):
    def __init__(self, shown: ShownHTML) -> None:
        super().__init__()
        self.shown, self.open = shown, list[str]()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.shown.tags.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in EMPTY:
            self.open.append(tag)
        if tag == "tr":
            self.shown.rows.append([])
        if tag in ("td", "th"):
            self.shown.rows[-1].append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.shown.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.shown.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.shown.rows[-1][-1] += data
        if self.open and self.open[-1] == "title":
            self.shown.titles.append(data)
