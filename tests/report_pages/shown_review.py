"""A review page as a person sees and uses it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

NONE = "–"


@dataclass(frozen=True)
class Shown:
    """A review page in a browser."""

    page: "Page"

    def model(self, variant: str) -> "Locator":
        """The part of the panel that moves a model's threshold."""
        return self.page.locator(f".threshold[data-model={variant}]")

    def move(self, variant: str, threshold: float) -> None:
        """Type a threshold, and leave the field."""
        field = self.model(variant).get_by_label("Threshold", exact=True)
        field.fill(repr(threshold))
        field.blur()

    def threshold(self, variant: str) -> float:
        """What the field says."""
        return float(self.model(variant).get_by_label("Threshold", exact=True).input_value())

    def assume(self, missed_anomaly: float, false_alarm: float, rate: float | None) -> None:
        """Type what mistakes cost and the defect rate."""
        panel = self.page.locator(".consequences")
        panel.get_by_label("cost of a missed anomaly").fill(str(missed_anomaly))
        panel.get_by_label("cost of a false alarm").fill(str(false_alarm))
        panel.get_by_label("defect rate").fill("" if rate is None else str(rate))

    def numbers(self) -> dict[tuple[str, str], tuple[float | None, str]]:
        """Every metric of every model, by both names: its value as the page reckoned it, and as it is read."""
        cells = self.page.locator("tr[data-metric] td").evaluate_all(
            "cells => cells.map(cell => [cell.parentElement.dataset.metric, cell.dataset.of, "
            "cell.querySelector('data')?.value ?? null, cell.innerText])"
        )
        return {(metric, of): (None if value is None else float(value), text) for metric, of, value, text in cells}

    def metric(self, name: str, of: str) -> float | None:
        """A metric as the page reckoned it; None where it shows none."""
        return self.numbers()[name, of][0]

    def confusion(self, of: str) -> list[list[int]]:
        """The confusion matrix as scikit-learn has it: a row for each label, a column for each decision."""
        cells = self.page.locator(f"table.confusion[data-of={of}] td[data-count]").all_inner_texts()
        return [[int(text.replace(",", "")) for text in cells[place : place + 2]] for place in (0, 2)]

    def group(self, name: str) -> None:
        """Show a group of images, such as "mistakes"."""
        self.page.locator(f"[data-group={name}]").click()

    def images(self) -> list[int]:
        """The numbers of the images that are shown, in order, which must be few enough to be on the page at once."""
        tiles = self.page.locator(".tile").evaluate_all(
            "tiles => tiles.map(tile => [tile.getBoundingClientRect(), tile.dataset.image])"
            ".map(([{ x, y }, image]) => [y, x, Number(image)])"
        )
        shown = [image for _, _, image in sorted(tiles)]
        assert str(len(shown)) == self.page.locator(".shown").inner_text().split(" ")[0]
        return shown

    def tile(self, image: int) -> "Locator":
        """The tile of an image that is on the page."""
        return self.page.locator(f".tile[data-image='{image}']")

    def selected(self) -> int | None:
        """The number of the image that keys act on."""
        tile = self.page.locator(".tile.selected")
        return int(tile.get_attribute("data-image") or "") if tile.count() else None

    def pressed(self, image: int) -> str | None:
        """Which of an image's buttons is pressed: "right", "wrong" or None."""
        pressed = self.tile(image).locator(".mark-buttons [aria-pressed=true]")
        return pressed.get_attribute("class") if pressed.count() else None

    def says(self) -> str:
        """What is said of the images shown and of the last key."""
        return self.page.locator(".shown").inner_text()
