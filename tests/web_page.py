"""The page of examples/web, built as its README says and driven in a real Chromium."""

import base64
import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fetched_tools import locked_packages
from foreign_programs import program

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROJECT = Path(__file__).parents[1] / "examples" / "web"
MILLISECONDS = 600_000

READ_CARDS = """cards => cards.map(card => ({
    name: card.querySelector("h3").textContent,
    error: card.querySelector(".error")?.textContent ?? null,
    notes: [...card.querySelectorAll(":scope > .note")].map(note => note.textContent),
    label: card.querySelector(".decision strong")?.textContent ?? null,
    isAnomaly: card.classList.contains("anomaly"),
    predictions: [...card.querySelectorAll(".prediction")].map(prediction => ({
        variant: prediction.classList.contains("crop") ? "crop" : "full",
        label: prediction.querySelector("figcaption strong").textContent,
        probability: Number(prediction.querySelector(".probability data").value),
        logit: Number(prediction.querySelector(".logit data").value),
        calibrated: Number(prediction.querySelector(".calibrated data")?.value ?? NaN),
        region: prediction.querySelector(".region").textContent,
        provider: prediction.querySelector(".provider").textContent,
        cells: Number(prediction.querySelector(".cells data")?.value ?? NaN),
    })),
}))"""

DROP = """([name, content]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(content), byte => byte.charCodeAt(0))], name));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, cancelable: true }));
}"""


@dataclass(frozen=True)
class DroppedFile:
    """A file as the page sees it: its name need not be one that this system allows."""

    name: str
    content: bytes

    @classmethod
    def at(cls, path: Path) -> "DroppedFile":
        """The file at a path."""
        return cls(path.name, path.read_bytes())


class WebPage:
    """The page in a browser's tab, in English unless the tab has another language."""

    def __init__(self, page: "Page", address: str) -> None:
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(MILLISECONDS)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))
        page.goto(address)
        page.locator(".drop").wait_for()

    def give(self, *files: DroppedFile) -> None:
        """Choose files and wait until all is done."""
        self.choose(*files)
        self.wait()

    def give_paths(self, *paths: Path) -> None:
        """Choose files on this disk, which may be large, and wait until all is done."""
        self.page.set_input_files(".drop input", list(paths))
        self.wait()

    def choose(self, *files: DroppedFile) -> None:
        """Choose files and wait for nothing."""
        as_playwright = [
            {"name": file.name, "mimeType": "application/octet-stream", "buffer": file.content} for file in files
        ]
        self.page.set_input_files(".drop input", as_playwright)  # type: ignore[arg-type]

    def drop(self, file: DroppedFile) -> None:
        """Drop one file on the page and wait until all is done."""
        self.page.evaluate(DROP, [file.name, base64.b64encode(file.content).decode()])
        self.wait()

    def wait(self) -> None:
        """Until no model is loading and no image waits for its turn."""
        for selector in (".loading", ".result.waiting"):
            self.page.locator(selector).first.wait_for(state="detached")

    def cards(self) -> list[dict[str, Any]]:
        """What is shown for each image."""
        cards: list[dict[str, Any]] = self.page.locator(".result").evaluate_all(READ_CARDS)
        return cards

    def overlays(self, numbers: Sequence[int]) -> list[NDArray[np.uint8]]:
        """The pictures of these images, uint8 [h, w, 3], of each model one after the other."""
        script = '(cards, wanted) => wanted.flatMap(number => [...cards[number].querySelectorAll("figure > canvas")])'
        canvases = f'({script})(cards, wanted).map(canvas => canvas.toDataURL("image/png"))'
        texts = self.page.locator(".result").evaluate_all(f"(cards, wanted) => {canvases}", list(numbers))
        files = (base64.b64decode(text.partition(",")[2]) for text in texts)
        return [np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files]

    def model_errors(self) -> list[str]:
        """What is said about model files that were refused."""
        return self.page.locator(".model-list > .error").all_inner_texts()

    def models(self) -> list[str]:
        """The text of each model's card."""
        return self.page.locator(".model").all_inner_texts()


def built_page(folder: Path) -> Path:
    """The page, built in a copy of the project in `folder`, after its types were checked."""
    project = folder / "web"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (project / "node_modules").symlink_to(locked_packages(PROJECT), target_is_directory=True)
    for script in ("check", "build"):
        run = subprocess.run([program("npm"), "run", script], cwd=project, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
    return project / "dist" / "crbl.html"
