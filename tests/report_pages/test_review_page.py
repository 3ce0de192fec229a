"""The review page as a whole: its languages, its widths, pages with less to show, and pages with very much."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from report_pages.conftest import Open
from report_pages.shown_review import Shown
from review_pages import FOLDERS, KINDS, NAMES, MadeReview, made_review

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect

NARROW = (390, 844)
# All that is read or read out: text, and what stands in attributes.
TEXTS = """() => {
  const texts = [];
  const walker = document.createTreeWalker(document.getElementById("page"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) texts.push(walker.currentNode.data);
  for (const element of document.querySelectorAll("#page *")) {
    for (const name of ["aria-label", "title", "placeholder", "alt"]) texts.push(element.getAttribute(name) ?? "");
  }
  return texts;
}"""
# What has the same name in both languages.
NAMED_ALIKE = "CRBL AUROC ROC F1 crop full onnx crbl-train crbl-export --heatmap --data CSV Enter Esc English Language"


def everything_opened(page: "Page") -> list[str]:
    """The texts of the page with a mark, an image, the keys and an empty list opened one after the other."""
    texts = page.evaluate(TEXTS)
    for key in ("j", "r", "w", "Enter"):
        page.keyboard.press(key)
    texts += page.evaluate(TEXTS)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    texts += page.evaluate(TEXTS)
    page.keyboard.press("?")
    for group in ("marked", "unreadable", "mistakes"):
        page.locator(f"[data-group={group}]").click()
        page.get_by_role("searchbox").fill("no such name")
        texts += page.evaluate(TEXTS)
        page.get_by_role("searchbox").fill("")
    page.locator(".threshold input[type=text]").first.fill("2")
    texts += page.evaluate(TEXTS)
    page.locator(".threshold input[type=text]").first.blur()
    return [text for text in texts if text.strip()]


def test_in_korean_nothing_is_left_in_english(review: MadeReview, path: Path, open_page: Open) -> None:
    texts = everything_opened(open_page(path, language="ko"))
    data = [review.data["title"], review.data["folder"], *review.data["remarks"], *NAMES, *KINDS]
    data += [*review.data["paths"], *(path.rpartition("/")[2] for path in review.data["paths"])]
    data += [*FOLDERS[1:], *review.data["errors"].values(), *review.data["notes"]["0"]]
    data += [model[name] for model in review.data["models"] for name in ("file", "thresholdSource", "provider")]
    data = sorted({text.encode("utf-8", "replace").decode() for text in data}, key=len, reverse=True)
    left = set()
    for text in set(texts):
        known = text.encode("utf-8", "replace").decode()
        for name in data:
            known = known.replace(name, "")
        words = re.findall("[A-Za-z-]{2,}", known)
        left |= {word for word in words if word not in NAMED_ALIKE.split()}
    assert left == set()


def test_the_language_is_switched_and_stays(shown: Shown) -> None:
    expect(shown.page.locator("html")).to_have_attribute("lang", "en")
    shown.page.get_by_role("button", name="한국어").click()
    expect(shown.page.locator("html")).to_have_attribute("lang", "ko")
    expect(shown.page.locator(".called")).to_contain_text("이상으로 판정합니다")
    shown.page.goto(shown.page.url.partition("?")[0])
    expect(shown.page.locator(".called")).to_contain_text("이상으로 판정합니다")
    shown.page.get_by_role("button", name="English").click()
    expect(shown.page.locator(".called")).to_contain_text("are called anomalous")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_on_a_telephone_nothing_is_wider_than_the_screen(language: str, path: Path, open_page: Open) -> None:
    page = open_page(path, language=language, window=NARROW)
    widest = "() => Math.max(document.documentElement.scrollWidth, document.querySelector('.panel').scrollWidth)"
    expect(page.locator(".threshold")).to_have_count(0)
    assert page.evaluate(widest) <= NARROW[0]
    page.locator(".fold").click()
    expect(page.locator(".threshold")).to_have_count(2)
    for rules in page.locator(".rules summary").all():
        rules.click()
    assert page.evaluate(widest) <= NARROW[0]
    for panel in page.locator(".panel > *").all():
        place = panel.bounding_box()
        assert place is None or place["x"] + place["width"] <= NARROW[0]
    page.locator(".fold").click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    dialog = page.locator("dialog.detail")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")


def test_one_model_without_labels_and_heatmap(tmp_path: Path, open_page: Open) -> None:
    review = made_review(Path("/data"), variants=("full",), labelled=False, heatmap=False)
    shown = Shown(open_page(review.write(tmp_path / "report.html")))
    assert set(shown.numbers()) == {("called-anomalous", "full"), ("called-normal", "full")}
    assert shown.metric("called-anomalous", "full") == review.decisions(0.01, 0.5)["full"].sum()
    expect(shown.page.locator(".metrics")).to_contain_text("No label is known")
    for absent in (".confusion", ".curves", ".consequences", ".rules", ".heatmap"):
        expect(shown.page.locator(absent)).to_have_count(0)
    expect(shown.page.locator(".filters")).to_contain_text("No heatmap")
    shown.group("mistakes")
    expect(shown.page.locator(".nothing")).to_contain_text("no image is marked, so no decision can be a mistake")
    shown.group("all")
    image = review.by_margin()[0]
    shown.tile(image).locator(".mark-buttons .wrong").click()
    shown.group("mistakes")
    assert shown.images() == [image]
    shown.tile(image).locator(".open").click()
    expect(shown.page.locator("dialog.detail")).to_contain_text("No heatmap")


def test_labels_of_one_class_leave_what_cannot_be_measured_open(tmp_path: Path, open_page: Open) -> None:
    review = made_review(Path("/data"), images=40, variants=("crop",))
    review.data["labels"] = [None, *[0] * 39]
    shown = Shown(open_page(review.write(tmp_path / "report.html")))
    assert shown.metric("recall", "crop") is None
    assert shown.metric("auroc", "crop") is None
    assert shown.metric("accuracy", "crop") == pytest.approx(1 - review.decisions(0.01, 0.5)["crop"][1:].mean())
    expect(shown.page.locator(".metrics")).to_contain_text("all of one class")


def test_of_many_images_only_those_in_sight_are_in_the_document(tmp_path: Path, open_page: Open) -> None:
    images = 5000
    review = made_review(Path("/data"), images=images)
    page = open_page(review.write(tmp_path / "report.html"))
    expect(page.locator(".shown")).to_contain_text("5,000 of 5,000 images are shown.")
    assert 0 < page.locator("img").count() < 60
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    # Those without a prediction come last.
    expect(page.locator(f".tile[data-image='{images - 1}']")).to_be_visible()
    assert page.locator("img").count() < 60
    page.keyboard.press("j")
    expect(page.locator(f".tile[data-image='{review.by_margin()[0]}'] .open")).to_be_focused()
    expect(page.locator(".tile.selected")).to_be_in_viewport()
