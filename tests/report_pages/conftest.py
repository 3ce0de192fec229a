"""A real browser for the pages, in which every error and every request is a failure."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from foreign_programs import chromium
from report_pages.shown_review import Shown
from review_pages import MadeReview, made_review

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WINDOW = (1280, 700)
# How long a page may take to become as it should be, on a machine that does much else: nothing is measured by it.
PATIENCE = 30_000


class Open(Protocol):
    """What `open_page` gives."""

    def __call__(
        self, path: Path, *, language: str = "en", window: tuple[int, int] = WINDOW, script: str = ""
    ) -> "Page": ...


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A headless Chromium of this machine; for a file only, because a process can drive one at a time."""
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=PATIENCE)
    with sync_api.sync_playwright() as playwright:
        # The sandbox needs rights that a container does not give, and what is opened here is our own.
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[Open]:
    """Open a page from disk: `open_page(path, language="ko", window=(390, 844))`, in a browser that knows nothing yet.

    The test fails if the page writes an error or a warning to the console, raises, or asks for anything but itself.
    """
    context = browser.new_context()
    wrong: list[str] = []

    def open_path(path: Path, *, language: str = "en", window: tuple[int, int] = WINDOW, script: str = "") -> "Page":
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.set_viewport_size({"width": window[0], "height": window[1]})
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"raised: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"asked: {dialog.message}"))
        page.on("request", lambda request: _require_own(request.url, wrong))
        if script:
            page.add_init_script(script)
        page.goto(f"{path.as_uri()}?lang={language}")
        return page

    yield open_path
    context.close()
    assert wrong == []


def _require_own(url: str, wrong: list[str]) -> None:
    if not (url.startswith(("data:", "blob:")) or re.fullmatch(r"file://[^?]*\.html(\?lang=..)?", url)):
        wrong.append(f"asked for {url[:200]}")


@pytest.fixture(scope="session")
def review() -> MadeReview:
    """What a page with two models shows, whose images do not exist."""
    return made_review(Path("/data/부품"))


@pytest.fixture(scope="session")
def path(review: MadeReview, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That page."""
    return review.write(tmp_path_factory.mktemp("review") / "report.html")


@pytest.fixture
def shown(path: Path, open_page: Open) -> Shown:
    """That page in a browser."""
    return Shown(open_page(path))
