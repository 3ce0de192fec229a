"""Makes the pictures of README from a finished demo: its contact sheet, and the pages of the commands in a browser.

Usage, with the project installed with the extra test, and Chromium:

    crbl-demo --out demo
    python docs/make_pictures.py demo
"""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from crbl_export.demo.public_command import run_public_command
from crbl_runtime.atomic_file import write_bytes
from crbl_runtime.errors import OutputError, UnavailableError, UsageError

DOCS = Path(__file__).resolve().parent
CONTACT_SHEET = "contact_sheet.png"
CONTACT_SHEET_WIDTH = 1000
PAGE_WIDTH = 1280
# README shows them, and every clone carries them.
MOST_BYTES = 300_000
PALETTES = (256, 128)
# A palette is bettered until no more pixels than these get another colour of it. Unbettered it lacks pale heatmaps.
FEW_PIXELS = 5000


@dataclass(frozen=True)
class PagePicture:
    """A picture of a page that a command makes.

    Attributes:
        file: of the picture. height: of the page's upper part that is on it, in pixels.
        command: its words, but for `--report` and the folder. A word with * is the one file of that pattern.
    """

    file: str
    height: int
    command: tuple[str, ...]


PAGES = (
    PagePicture("review.png", 900, ("crbl-evaluate", "crop.onnx", "--data", "grains/test.csv")),
    PagePicture(
        "parity.png",
        1110,
        ("crbl-parity", "crop.onnx", "--checkpoint", "runs/crop/*.safetensors", "--verify", "grains/images/test"),
    ),
)


@click.command(epilog="Example: python docs/make_pictures.py demo")
@click.argument("demo", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=DOCS, help="Default: the folder of this program.")
def main(demo: Path, out: Path) -> None:
    """Make the pictures of README from the folder of a finished DEMO."""
    sheet = Image.open(demo / CONTACT_SHEET)
    height = round(CONTACT_SHEET_WIDTH / sheet.width * sheet.height)
    write_picture(out / CONTACT_SHEET, sheet.resize((CONTACT_SHEET_WIDTH, height), Image.Resampling.LANCZOS))
    with chromium() as browser, TemporaryDirectory() as folder:
        for picture in PAGES:
            report = Path(folder) / Path(picture.file).stem
            name, *words = (with_pattern_expanded(word, demo) for word in picture.command)
            run_public_command(name, *words, "--report", report, folder=demo)
            write_picture(out / picture.file, screenshot(browser, report / "report.html", picture.height))


def with_pattern_expanded(word: str, folder: Path) -> str:
    """The word, or the path below `folder` of the one file that it stands for."""
    if "*" not in word:
        return word
    found = [path.relative_to(folder).as_posix() for path in folder.glob(word)]
    if len(found) != 1:
        raise UsageError(f"{folder} has {len(found)} files {word}, expected one. Name the folder of a finished demo.")
    return found[0]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise UnavailableError(f"None of {', '.join(names)} is on the path. Install Chromium.")
    with sync_playwright() as playwright:
        # The sandbox needs rights that a container does not give, and what is opened here is our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def screenshot(browser: Browser, page: Path, height: int) -> Image.Image:
    """The upper part of a page in English and light colours, 1280 pixels wide."""
    context = browser.new_context(viewport={"width": PAGE_WIDTH, "height": height}, locale="en", color_scheme="light")
    opened = context.new_page()
    opened.goto(page.resolve().as_uri())
    opened.locator("canvas").first.wait_for()
    taken = opened.screenshot()
    context.close()
    return Image.open(io.BytesIO(taken))


def write_picture(path: Path, picture: Image.Image) -> None:
    """Write a PNG with as many colours as fit."""
    for colours in PALETTES:
        file = io.BytesIO()
        picture.convert("RGB").quantize(colours, kmeans=FEW_PIXELS).save(file, "PNG", optimize=True)
        content = file.getvalue()
        if len(content) <= MOST_BYTES:
            write_bytes(path, content)
            click.echo(f"{path}: {len(content) // 1000} kB, {colours} colours")
            return
    raise OutputError(f"{path} would have {len(content)} bytes, expected at most {MOST_BYTES}. Show less on it.")


if __name__ == "__main__":
    main()
