"""The documentation's site as HTML: what its pages link to, load and say."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself: of a link only with these relations.
LOADED_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "prefetch"}
LOADING_ATTRIBUTES = ("src", "srcset", "poster", "data")
OF_ANOTHER_HOST = re.compile(r"^(?:[a-z]+:)?//", re.IGNORECASE)
IN_STYLES = re.compile(r"(?:url\(|@import)\s*['\"]?((?:[a-z]+:)?//[^'\")\s]+)", re.IGNORECASE)


@dataclass
class Page:
    """An HTML file of the site.

    Attributes:
        path: within the site. links: targets of `<a>`. loaded: what a browser fetches for it. anchors: ids and names.
        language: of `<html>`. text: what is read, with single spaces. paragraphs: the text of each `<p>`.
    """

    path: Path
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    language: str = ""
    text: str = ""
    paragraphs: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page
        self.texts: list[str] = []
        self.silent = 0
        self.paragraph: list[str] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.page.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "html":
            self.page.language = values.get("lang", "")
        if tag == "a" and "href" in values:
            self.page.links.append(values["href"])
        if tag == "link" and LOADED_RELATIONS & set(values.get("rel", "").split()):
            self.page.loaded.append(values["href"])
        self.page.loaded += [values[name] for name in LOADING_ATTRIBUTES if values.get(name)]
        self.page.loaded += IN_STYLES.findall(values.get("style", ""))
        self.silent += tag in ("script", "style")
        if tag == "p":
            self.paragraph = []

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style")
        if tag == "p" and self.paragraph is not None:
            self.page.paragraphs.append("".join(self.paragraph))
            self.paragraph = None

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.texts.append(data)
        if self.paragraph is not None:
            self.paragraph.append(data)


@dataclass(frozen=True)
class Site:
    """The folder of a built site."""

    folder: Path

    @cached_property
    def pages(self) -> dict[Path, Page]:
        """By their path within the site."""
        return {
            file.relative_to(self.folder): _read(file, file.relative_to(self.folder))
            for file in sorted(self.folder.rglob("*.html"))
        }

    def links_that_lead_nowhere(self) -> list[str]:
        """Of links within the site, those whose file or anchor is not there, each after its page."""
        return [
            f"{page.path}: {link}"
            for page in self.pages.values()
            for link in page.links + page.loaded
            if not urlsplit(link).scheme and not self._is_there(page, link)
        ]

    def loaded_from_other_hosts(self) -> list[str]:
        """What a browser would fetch from elsewhere: named in a page or in a style sheet."""
        styles = [*self.folder.rglob("*.css")]
        found = [
            f"{page.path}: {url}" for page in self.pages.values() for url in page.loaded if OF_ANOTHER_HOST.match(url)
        ]
        return found + [
            f"{style.name}: {url}" for style in styles for url in IN_STYLES.findall(style.read_text("utf-8"))
        ]

    def target(self, page: Page, link: str) -> Path:
        """The path within the site that a link of the page leads to."""
        path = unquote(urlsplit(link).path)
        if not path:
            return page.path
        # A page for what is not found is shown in any folder, so that its links begin at the root.
        beginning = self.folder if path.startswith("/") else self.folder / page.path.parent
        whole = (beginning / path.lstrip("/")).resolve()
        return whole.relative_to(self.folder.resolve()) / ("index.html" if whole.is_dir() else "")

    def _is_there(self, page: Page, link: str) -> bool:
        try:
            target = self.target(page, link)
        except ValueError:  # Outside of the site.
            return False
        anchor = unquote(urlsplit(link).fragment)
        if anchor and target in self.pages:
            return anchor in self.pages[target].anchors
        return (self.folder / target).is_file()


def _read(file: Path, path: Path) -> Page:
    page = Page(path)
    reader = _Reader(page)
    reader.feed(file.read_text(encoding="utf-8"))
    page.text = " ".join("".join(reader.texts).split())
    return page
