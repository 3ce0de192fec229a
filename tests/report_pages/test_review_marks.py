"""Marks are kept, and become the table that crbl-train reads."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crbl_runtime.csv_file import write_csv
from crbl_training.data.dataset import read_images
from report_pages.conftest import Open
from report_pages.shown_review import Shown
from review_pages import MadeReview, made_review

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect

NO_STORAGE = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('forbidden'); } });"


def mark(shown: Shown, image: int, button: str) -> None:
    shown.tile(image).locator(f".mark-buttons .{button}").click()


def test_marks_outlive_the_page_and_are_of_its_images_alone(
    review: MadeReview, shown: Shown, path: Path, tmp_path: Path
) -> None:
    first, second = review.by_margin()[:2]
    mark(shown, first, "right")
    mark(shown, second, "wrong")
    shown.page.reload()
    assert [shown.pressed(first), shown.pressed(second)] == ["right", "wrong"]
    other = made_review(Path("/data"), images=20).write(tmp_path / "other.html")
    shown.page.goto(other.as_uri())
    expect(shown.page.locator(".tile").first).to_be_visible()
    assert "No image is marked" in shown.page.locator(".marks").inner_text()


def test_a_mark_is_a_label_and_stays_one_when_the_decision_changes(review: MadeReview, shown: Shown) -> None:
    image = review.by_margin()[0]
    mark(shown, image, "right")
    expect(shown.tile(image)).to_contain_text("marked: anomaly")
    shown.move("crop", 1)
    shown.move("full", 1)
    shown.group("marked")
    expect(shown.tile(image)).to_contain_text("marked: anomaly")
    assert shown.pressed(image) == "wrong"
    expect(shown.page.locator(".marks")).to_contain_text(
        "right for 0 of 0 images called anomalous, and for 0 of 1 called normal"
    )
    mark(shown, image, "wrong")
    expect(shown.page.locator(".nothing")).to_contain_text("No image is marked.")


def test_all_marks_are_removed_and_brought_back(review: MadeReview, shown: Shown) -> None:
    for image in review.by_margin()[:3]:
        mark(shown, image, "right")
    shown.page.get_by_role("button", name="Remove all marks").click()
    assert "No image is marked" in shown.page.locator(".marks").inner_text()
    shown.page.locator(".marks").get_by_role("button", name="Undo").click()
    expect(shown.page.locator(".marks")).to_contain_text("3 images are marked")


def test_two_windows_keep_the_marks_of_both(review: MadeReview, path: Path, open_page: Open) -> None:
    first, second = Shown(open_page(path)), Shown(open_page(path))
    one, other = review.by_margin()[:2]
    mark(first, one, "right")
    expect(second.tile(one)).to_contain_text("marked: anomaly")
    mark(second, other, "wrong")
    expect(first.tile(other)).to_contain_text("marked: normal")
    expect(first.page.locator(".marks")).to_contain_text("2 images are marked")


def test_where_the_browser_keeps_nothing_the_page_says_so_and_works(
    review: MadeReview, path: Path, open_page: Open
) -> None:
    shown = Shown(open_page(path, script=NO_STORAGE))
    image = review.by_margin()[0]
    mark(shown, image, "right")
    assert shown.pressed(image) == "right"
    expect(shown.page.locator(".marks .problem")).to_contain_text("marks are lost when it is closed")


def test_marks_that_cannot_be_read_are_reported(review: MadeReview, path: Path, open_page: Open) -> None:
    name = f"crbl-marks-{review.data['id']}"
    shown = Shown(open_page(path, script=f"localStorage.setItem('{name}', '[[0, 7]]');"))
    expect(shown.page.locator(".marks .problem")).to_contain_text("could not be read")


@pytest.fixture
def on_disk(tmp_path: Path) -> MadeReview:
    """Images that exist, among them with names that a table must write otherwise."""
    review = made_review(tmp_path / "=1+1", images=40)
    for path in map(Path, review.paths()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return review


def exported(page: "Page", button: str, to: Path) -> Path:
    with page.expect_download() as download:
        page.locator(".marks").get_by_role("button", name=button).click()
    download.value.save_as(to)
    return to


def require_table(table: Path, review: MadeReview, labels: Mapping[int, int]) -> None:
    """The table is what the project's own writer makes of these labels, and the trainer reads it so."""
    paths = [Path(path) for path in review.paths()]
    expected = table.with_suffix(".expected.csv")
    write_csv(expected, ["image_path", "impurity"], [[paths[image], label] for image, label in sorted(labels.items())])
    assert table.read_bytes() == expected.read_bytes()
    images = read_images(table, None, None).images
    assert [(image.path, image.label) for image in images] == [
        (paths[image], label) for image, label in sorted(labels.items())
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_the_marked_images_are_a_table_that_crbl_train_takes(
    on_disk: MadeReview, tmp_path: Path, open_page: Open
) -> None:
    shown = Shown(open_page(on_disk.write(tmp_path / "report.html"), window=(1280, 4000)))
    button = shown.page.locator(".marks").get_by_role("button", name="Export the 0 marked images")
    expect(button).to_be_disabled()
    labels = {}
    decisions = dict(zip(on_disk.predicted.tolist(), on_disk.decisions(0.01, 0.5)["combined"].tolist(), strict=True))
    for place, (image, decision) in enumerate(decisions.items()):
        right = place % 3 != 0
        mark(shown, image, "right" if right else "wrong")
        labels[image] = decision if right else 1 - decision
    table = exported(shown.page, f"Export the {len(labels)} marked images", tmp_path / "marked.csv")
    require_table(table, on_disk, labels)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_all_labelled_images_are_exported_with_the_marks_applied(
    on_disk: MadeReview, tmp_path: Path, open_page: Open
) -> None:
    shown = Shown(open_page(on_disk.write(tmp_path / "report.html")))
    # A decision that is wrong by the label and right by the mark, and one that is the other way round.
    disagreeing, agreeing = (shown_first(shown, group) for group in ("mistakes", "all"))
    labels = dict(zip(on_disk.predicted.tolist(), on_disk.labels.tolist(), strict=True))
    for image, group in ((disagreeing, "mistakes"), (agreeing, "all")):
        shown.group(group)
        mark(shown, image, "right")
        labels[image] = 1
    assert labels[disagreeing] != on_disk.labels[list(on_disk.predicted).index(disagreeing)]
    table = exported(shown.page, f"Export all {len(labels)} labelled images", tmp_path / "all.csv")
    require_table(table, on_disk, labels)


def shown_first(shown: Shown, group: str) -> int:
    shown.group(group)
    return int(shown.page.locator(".tile").first.get_attribute("data-image") or "")


def test_marks_of_one_class_alone_are_no_training_set_and_the_page_says_so(review: MadeReview, shown: Shown) -> None:
    first, second = review.by_margin()[:2]
    mark(shown, first, "right")
    expect(shown.page.locator(".marks")).to_contain_text("needs images of both classes")
    mark(shown, second, "wrong")
    expect(shown.page.locator(".marks")).not_to_contain_text("needs images of both classes")
