"""The contact sheet: its colours mean what its legend says, and it refuses what it could not show truly."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from crbl_export.demo.contact_sheet import (
    TILE,
    SheetEntry,
    draw_contact_sheet,
    overlay,
    shared_limit,
    write_contact_sheet,
)
from crbl_runtime.errors import UsageError
from crbl_training.image_grid import MARGIN, PADDING

GREY_VIEW = np.full((128, 128, 3), 120, np.uint8)
GREEN_FRAME, RED_FRAME = (31, 138, 76), (207, 46, 46)
TITLE, CAPTION = "Held-out images", "Drawn at random; costs $1 and $2."


def entry(heatmap: NDArray[np.float32], correct: bool = True) -> SheetEntry:
    image = np.random.default_rng(0).integers(0, 256, (95, 108, 3)).astype(np.uint8)
    return SheetEntry(image, "dark pit", 0.2, 0.7, True, correct, heatmap, GREY_VIEW)


def cells(value: float) -> NDArray[np.float32]:
    return np.full((4, 4), value, np.float32)


def count(sheet: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((sheet == np.array(colour, np.uint8)).all(axis=-1).sum())


def test_red_is_towards_anomaly_blue_towards_normal_and_zero_leaves_grey() -> None:
    heatmap = np.zeros((4, 4), np.float32)
    heatmap[0, 0], heatmap[3, 3] = 2.0, -2.0
    tinted = overlay(GREY_VIEW, heatmap, limit=2.0, side=160).astype(int)

    red, _, blue = tinted[8, 8]
    assert red > blue + 100
    red, _, blue = tinted[-8, -8]
    assert blue > red + 100
    assert np.ptp(tinted[8, -8]) == 0
    # Smoothing invents no contribution of the other sign beside a cell.
    assert np.all(tinted[:80, :80, 0] >= tinted[:80, :80, 2])


def test_the_tint_grows_with_the_contribution_up_to_the_limit() -> None:
    tints = [overlay(GREY_VIEW, cells(value), limit=1.0, side=64)[32, 32].astype(int) for value in (0.2, 0.6, 1, 5)]
    redness = [np.ptp(tint) for tint in tints]
    assert redness[0] < redness[1] < redness[2] == redness[3]


def test_all_images_share_one_scale() -> None:
    def first_redness(second: float) -> float:
        sheet = draw_contact_sheet([entry(cells(0.5)), entry(cells(second))], TITLE, CAPTION).astype(int)
        left = MARGIN + 2 * PADDING + TILE
        tile = sheet[200:280, left : left + TILE]
        return float((tile[..., 0] - tile[..., 2]).mean())

    assert first_redness(second=0.5) > 2 * first_redness(second=5.0) > 0


def test_the_limit_is_the_98th_percentile_of_two_digits_and_one_extreme_cell_does_not_set_it() -> None:
    heatmaps = [cells(0.1234) for _ in range(20)]
    heatmaps[3][1, 2] = -40.0
    assert shared_limit(heatmaps) == 0.12
    assert shared_limit([cells(0.0)]) == 1.0


def test_the_frame_is_green_or_red_for_right_or_wrong() -> None:
    right = draw_contact_sheet([entry(cells(0.1))], TITLE, CAPTION)
    wrong = draw_contact_sheet([entry(cells(0.1), correct=False)], TITLE, CAPTION)
    assert count(right, GREEN_FRAME) > 1000 > count(right, RED_FRAME)
    assert count(wrong, RED_FRAME) > 1000 > count(wrong, GREEN_FRAME)


def test_what_is_printed_follows_the_entry() -> None:
    base = entry(cells(0.1))
    sheet = draw_contact_sheet([base], TITLE, CAPTION)
    changes = [
        replace(base, probability_crop=0.3),
        replace(base, probability_full=0.8),
        replace(base, truth="crack"),
        replace(base, decision=False),
    ]
    drawn = [draw_contact_sheet([changed], TITLE, CAPTION) for changed in changes]
    assert all(other.shape == sheet.shape and not np.array_equal(other, sheet) for other in drawn)


def test_every_entry_has_its_place_and_a_long_caption_its_lines() -> None:
    four = draw_contact_sheet([entry(cells(0.1))] * 4, TITLE, CAPTION)
    five = draw_contact_sheet([entry(cells(0.1))] * 5, TITLE, CAPTION)
    wordy = draw_contact_sheet([entry(cells(0.1))] * 4, TITLE, CAPTION * 12)
    assert four.dtype == np.uint8
    assert four.shape[1:] == five.shape[1:]
    assert five.shape[0] > four.shape[0]
    assert wordy.shape[0] > four.shape[0]
    assert count(five, GREEN_FRAME) == pytest.approx(count(four, GREEN_FRAME) * 5 / 4, rel=0.05)


def test_the_file_holds_the_drawn_pixels(tmp_path: Path) -> None:
    entries = [entry(cells(0.4)), entry(cells(-0.4), correct=False)]
    write_contact_sheet(tmp_path / "sheet.png", entries, TITLE, CAPTION)
    read = cv2.cvtColor(cv2.imread(str(tmp_path / "sheet.png")), cv2.COLOR_BGR2RGB)
    assert np.array_equal(read, draw_contact_sheet(entries, TITLE, CAPTION))


@pytest.mark.parametrize(
    ("heatmaps", "message"),
    [
        ([], "at least one"),
        ([cells(0.1), np.zeros((7, 7), np.float32)], "one shape"),
        ([cells(0.1), cells(np.nan)], "not finite"),
    ],
)
def test_what_cannot_be_shown_truly_is_refused(
    heatmaps: list[NDArray[np.float32]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        write_contact_sheet(tmp_path / "sheet.png", [entry(heatmap) for heatmap in heatmaps], TITLE, CAPTION)
    assert list(tmp_path.iterdir()) == []
