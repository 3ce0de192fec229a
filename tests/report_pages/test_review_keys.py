"""The review page is used with the keyboard alone."""

import pytest

from report_pages.shown_review import Shown
from review_pages import MadeReview

expect = pytest.importorskip("playwright.sync_api").expect


def test_keys_go_through_the_images_and_mark_them(review: MadeReview, shown: Shown) -> None:
    press, order = shown.page.keyboard.press, review.by_margin()
    press("r")
    assert "No image is selected" in shown.says()
    press("j")
    assert shown.selected() == order[0]
    for key in "jkk":
        press(key)
    assert shown.selected() == order[0]
    press("r")
    press("w")
    assert shown.selected() == order[2]
    assert [shown.pressed(image) for image in order[:3]] == ["right", "wrong", None]
    expect(shown.page.locator(".marks")).to_contain_text("2 images are marked: 1 as anomaly, 1 as normal.")
    press("u")
    assert shown.selected() == order[1]
    assert [shown.pressed(image) for image in order[:3]] == ["right", None, None]
    press("k")
    press("x")
    assert shown.pressed(order[0]) is None
    press("u")
    assert shown.pressed(order[0]) == "right"
    press("u")
    assert shown.pressed(order[0]) is None
    press("u")
    assert "nothing to undo" in shown.says()


def test_marking_stays_at_the_image_where_that_is_wanted(review: MadeReview, shown: Shown) -> None:
    shown.page.get_by_label("Go to the next image after a key marks one").uncheck()
    for key in "jrw":
        shown.page.keyboard.press(key)
    assert shown.selected() == review.by_margin()[0]
    assert shown.pressed(review.by_margin()[0]) == "wrong"


def test_what_has_no_decision_cannot_be_marked(shown: Shown) -> None:
    shown.group("unreadable")
    shown.page.keyboard.press("j")
    shown.page.keyboard.press("r")
    assert "no decision" in shown.says()
    assert "No image is marked" in shown.page.locator(".marks").inner_text()


def test_keys_change_the_overlay(shown: Shown) -> None:
    opacity = "getComputedStyle(document.querySelector('.tile .heatmap')).opacity"
    assert shown.page.evaluate(opacity) == "0.6"
    for key in "[[]":
        shown.page.keyboard.press(key)
    assert shown.page.evaluate(opacity) == "0.5"
    shown.page.keyboard.press("h")
    expect(shown.page.locator(".heatmap")).to_have_count(0)
    shown.page.keyboard.press("h")
    expect(shown.page.locator(".heatmap")).not_to_have_count(0)


def test_keys_open_and_close_an_image(review: MadeReview, shown: Shown) -> None:
    press, order = shown.page.keyboard.press, review.by_margin()
    detail = shown.page.locator("dialog.detail")
    for key in ("j", "Enter"):
        press(key)
    expect(detail).to_contain_text("1 of 120")
    expect(detail.locator("h2")).to_have_text(review.paths()[order[0]])
    press("r")
    expect(detail).to_contain_text("2 of 120")
    press("k")
    expect(detail.locator(".mark-buttons .right")).to_have_attribute("aria-pressed", "true")
    press("Enter")
    expect(detail).to_have_count(0)
    assert shown.selected() == order[0]
    # The focus is where it was, so that the next key goes on from there.
    press("Enter")
    expect(detail).to_contain_text("1 of 120")
    press("Escape")
    expect(detail).to_have_count(0)
    press("j")
    assert shown.selected() == order[1]


def test_a_key_lists_the_keys_and_no_other_acts_meanwhile(shown: Shown) -> None:
    listed = shown.page.locator("dialog.help")
    shown.page.keyboard.press("?")
    expect(listed).to_contain_text("undo the last mark")
    shown.page.keyboard.press("j")
    shown.page.keyboard.press("?")
    expect(listed).to_have_count(0)
    assert shown.selected() is None


def test_keys_are_letters_where_a_name_is_typed(shown: Shown) -> None:
    search = shown.page.get_by_label("Search names")
    search.focus()
    shown.page.keyboard.type("jr?")
    assert search.input_value() == "jr?"
    assert shown.selected() is None
    expect(shown.page.locator("dialog")).to_have_count(0)


def test_with_hangul_the_place_of_a_key_counts(review: MadeReview, shown: Shown) -> None:
    pressed = "([key, code]) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, code, bubbles: true }))"
    for key in (["ㅓ", "KeyJ"], ["ㄱ", "KeyR"]):
        shown.page.evaluate(pressed, key)
    assert shown.pressed(review.by_margin()[0]) == "right"


def test_a_key_with_control_is_the_browsers(shown: Shown) -> None:
    shown.page.keyboard.press("Control+j")
    assert shown.selected() is None
