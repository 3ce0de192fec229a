"""Which images the review page shows, in which order, and that their names are nothing but names."""

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from report_pages.conftest import Open
from report_pages.shown_review import Shown
from review_pages import FOLDERS, KINDS, NAMES, MadeReview, made_review

if TYPE_CHECKING:
    from playwright.sync_api import Browser

expect = pytest.importorskip("playwright.sync_api").expect

# So tall that all of some images are on the page at once.
TALL = (1280, 6000)
IMAGES = 60


@pytest.fixture(scope="module")
def few() -> MadeReview:
    return made_review(Path("/data/부품"), images=IMAGES)


@pytest.fixture(scope="module")
def few_path(few: MadeReview, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few.write(tmp_path_factory.mktemp("few") / "report.html")


@pytest.fixture
def tall(few_path: Path, open_page: Open) -> Shown:
    return Shown(open_page(few_path, window=TALL))


def test_the_groups_hold_the_images_that_they_name(few: MadeReview, tall: Shown) -> None:
    crop, full = 0.2, 0.6
    tall.move("crop", crop)
    tall.move("full", full)
    decisions, margins = few.decisions(crop, full)["combined"], few.margins(crop, full)
    unreadable = sorted(set(range(IMAGES)) - set(few.predicted.tolist()))
    groups = {
        "all": list(range(IMAGES)),
        "anomalies": few.predicted[decisions == 1],
        "normal": few.predicted[decisions == 0],
        "mistakes": few.predicted[decisions != few.labels],
        "near": few.predicted[np.abs(margins) <= 1],
        "unreadable": unreadable,
        "unmarked": few.predicted,
    }
    for name, expected in groups.items():
        assert len(expected) > 0
        tall.group(name)
        assert sorted(tall.images()) == sorted(map(int, expected)), name
        assert tall.page.locator(f"[data-group={name}] .count").inner_text() == str(len(expected))
    tall.group("unreadable")
    expect(tall.tile(unreadable[0])).to_contain_text("the file is cut off")


def test_images_are_found_by_folder_kind_and_name(few: MadeReview, tall: Shown) -> None:
    paths = few.data["paths"]
    for folder in FOLDERS:
        tall.page.get_by_label("Folder").select_option(label=folder or "./")
        expected = [number for number, path in enumerate(paths) if path.rpartition("/")[0] == folder.rstrip("/")]
        assert sorted(tall.images()) == expected
    tall.page.get_by_label("Folder").select_option(label="all folders")
    for kind in KINDS:
        tall.page.get_by_label("Kind").select_option(label=kind)
        assert sorted(tall.images()) == [number for number, each in enumerate(few.data["kinds"]) if each == kind]
    tall.page.get_by_label("Kind").select_option(label="all kinds")
    for text in ("PART_001", "한글", "onerror", "부품/"):
        tall.page.get_by_label("Search names").fill(text)
        composed = [unicodedata.normalize("NFC", path).lower() for path in paths]
        expected = [number for number, path in enumerate(composed) if text.lower() in path]
        assert len(expected) > 0
        assert sorted(tall.images()) == expected


def test_filters_that_lead_nowhere_say_so_and_lead_back(tall: Shown) -> None:
    nothing = tall.page.locator(".nothing")
    tall.group("marked")
    expect(nothing).to_contain_text("No image is marked.")
    nothing.get_by_role("button", name="Show all images").click()
    expect(nothing).to_have_count(0)
    assert len(tall.images()) == IMAGES
    tall.group("mistakes")
    tall.page.get_by_label("Search names").fill("no such name")
    expect(nothing).to_contain_text("There are such images, but none of this folder, kind and name.")
    tall.page.keyboard.press("Tab")
    tall.page.keyboard.press("j")
    assert tall.selected() is None


def test_the_orders_sort_by_what_they_name(few: MadeReview, tall: Shown) -> None:
    margins, numbers = few.margins(), few.predicted
    toward_mistake = np.where(few.labels == 1, -margins, margins)
    keys = {
        "combined score": margins,
        "score of crop": few.logits["crop"],
        "score of full": few.logits["full"],
        "nearest to the threshold": -np.abs(margins),
        "furthest from the label": toward_mistake,
    }
    order = tall.page.get_by_label("Order")
    for name, key in keys.items():
        order.select_option(label=name)
        expected = numbers[np.argsort(-key, kind="stable")].tolist()
        assert tall.images()[: len(numbers)] == expected, name
    order.select_option(label="combined score")
    tall.page.get_by_label("reversed").check()
    assert tall.images()[: len(numbers)] == numbers[np.argsort(margins, kind="stable")].tolist()
    tall.page.get_by_label("reversed").uncheck()
    order.select_option(label="name")
    tall.page.get_by_label("Folder").select_option(label=FOLDERS[1])
    tall.page.get_by_label("Search names").fill("part_")
    shown = tall.images()
    assert len(shown) > 10
    assert shown == sorted(shown)


def test_names_and_kinds_are_text_wherever_they_are(few: MadeReview, tall: Shown) -> None:
    tall.page.on("dialog", lambda dialog: pytest.fail(f"a name was run: {dialog.message}"))
    elements = tall.page.evaluate("document.querySelectorAll('[src=x], svg, b, script').length")
    for number, name in enumerate(NAMES):
        # By their numbers: half of a pair of UTF-16 does not come through as text.
        characters = "name => [name.textContent, name.title].map(text => [...text].map(each => each.codePointAt(0)))"
        text, title = tall.tile(number).locator(".name").evaluate(characters)
        assert text == [ord(character) for character in name]
        assert title == [ord(character) for character in few.data["paths"][number]]
    for kind in KINDS:
        expect(tall.page.locator(".tile .label bdi").get_by_text(kind, exact=True).first).to_be_visible()
    assert tall.page.title() == few.data["title"]
    tall.tile(0).locator(".open").click()
    detail = tall.page.locator("dialog.detail")
    expect(detail.locator("h2")).to_have_text(few.paths()[0])
    expect(detail).to_contain_text("its ICC profile was ignored")
    # The page itself has two scripts of data and one that runs.
    assert elements == 3
    assert tall.page.evaluate("document.querySelectorAll('[src=x], svg, b, script').length") == elements


def test_the_page_runs_no_other_script_and_asks_for_nothing(few_path: Path, browser: "Browser") -> None:
    page = browser.new_page()
    page.goto(few_path.as_uri())
    ran = page.evaluate(
        """async () => {
            const script = document.createElement("script");
            const refused = (set) => { try { set(); return "set"; } catch (error) { return error.name; } };
            const asText = refused(() => { script.textContent = "window.ran = 1"; });
            const asHtml = refused(() => { document.body.innerHTML = "<b>x</b>"; });
            const asHandler = refused(() => document.body.setAttribute("onclick", "window.ran = 1"));
            script.append("window.ran = 1");
            document.body.append(script);
            const fetched = await fetch("data:text/plain,x").then(() => "fetched", (error) => error.name);
            return [asText, asHtml, asHandler, fetched, window.ran ?? "nothing ran"];
        }"""
    )
    assert ran == ["TypeError", "TypeError", "TypeError", "TypeError", "nothing ran"]
    page.close()
