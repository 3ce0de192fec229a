"""image_grid.py: every image, word and colour that is asked for is on the sheet, unchanged."""

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from crbl_training.image_grid import (
    PADDING,
    Caption,
    Cell,
    Legend,
    Section,
    draw_image_grid,
    write_png,
)

TILE = 40
NOISE = np.random.default_rng(0).integers(0, 256, (TILE, TILE, 3)).astype(np.uint8)
RED, GREEN = "#c80a14", "#0ac814"


def one_colour(value: int, height: int = TILE, width: int = TILE) -> NDArray[np.uint8]:
    return np.full((height, width, 3), value, np.uint8)


def sheet_of(*sections: Section, notes: tuple[str, ...] = (), columns: int = 2) -> NDArray[np.uint8]:
    return draw_image_grid("Title", notes, sections, columns=columns, tile=TILE)


def box_of(sheet: NDArray[np.uint8], colour: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of what has this grey value."""
    rows, columns = np.nonzero((sheet == colour).all(axis=2))
    return (
        int(columns.min()), int(rows.min()),
        int(columns.max() - columns.min()) + 1, int(rows.max() - rows.min()) + 1,
    )  # fmt: skip


def letters(sheet: NDArray[np.uint8], colour: str) -> NDArray[np.intp]:
    """The columns of all pixels that have exactly this colour."""
    rgb = np.array([int(colour[index : index + 2], 16) for index in (1, 3, 5)], np.uint8)
    return np.nonzero((sheet == rgb).all(axis=2))[1]


def test_an_image_of_the_tile_s_size_keeps_its_pixels() -> None:
    sheet = sheet_of(Section(None, [Cell([NOISE], [])]))
    places = np.argwhere((sheet == NOISE[0, 0]).all(axis=2)).tolist()
    assert any(np.array_equal(sheet[top : top + TILE, left : left + TILE], NOISE) for top, left in places)


def test_cells_fill_rows_and_each_section_begins_a_new_one() -> None:
    first = Section("First", [Cell([one_colour(value)], []) for value in (1, 2, 3)])
    second = Section("Second", [Cell([one_colour(4)], [])])
    sheet = sheet_of(first, second)
    left, tops = zip(*(box_of(sheet, value)[:2] for value in (1, 2, 3, 4)), strict=True)
    assert left[0] == left[2] == left[3] < left[1]
    assert tops[0] == tops[1] < tops[2] < tops[3]
    without_headings = sheet_of(Section(None, first.cells), Section(None, second.cells))
    assert without_headings.shape[0] < sheet.shape[0]


@pytest.mark.parametrize(("height", "width"), [(10, 20), (100, 200)])
def test_an_image_is_fitted_in_its_own_proportions(height: int, width: int) -> None:
    sheet = sheet_of(Section(None, [Cell([one_colour(7, height, width)], [])]))
    assert box_of(sheet, 7)[2:] == (TILE, TILE // 2)


def test_captions_stand_where_they_are_told_to_in_their_colour() -> None:
    line = [Caption("■", at=0, colour=RED), Caption("■", at=2, align="right", colour=GREEN)]
    sheet = sheet_of(Section(None, [Cell([one_colour(1), one_colour(2)], [line])]))
    first, second = box_of(sheet, 1), box_of(sheet, 2)
    assert second[0] == first[0] + TILE + PADDING
    assert first[0] <= letters(sheet, RED).min() <= letters(sheet, RED).max() < first[0] + 20
    right_end = second[0] + TILE
    assert right_end - 20 < letters(sheet, GREEN).min() <= letters(sheet, GREEN).max() <= right_end


def test_a_frame_has_its_colour_and_surrounds_the_cell() -> None:
    sheet = sheet_of(Section(None, [Cell([one_colour(1)], [], RED), Cell([one_colour(2)], [], GREEN)]))
    red, green = letters(sheet, RED), letters(sheet, GREEN)
    left, _, width, _ = box_of(sheet, 1)
    assert red.min() < left
    assert left + width <= red.max() < green.min()
    assert len(red) == pytest.approx(len(green), rel=0.1)


def test_a_long_note_is_wrapped_and_the_sheet_makes_room_for_it() -> None:
    section = Section(None, [Cell([one_colour(1)], [])])
    short, long = (sheet_of(section, notes=(words,)) for words in ("word", "word " * 60))
    assert long.shape[1] == short.shape[1]
    assert box_of(long, 1)[1] > box_of(short, 1)[1] + 100


def test_the_legend_is_at_the_right_with_its_words() -> None:
    legend = Legend(one_colour(9, 16, 50), ([Caption("what", at=-0.1, align="right", colour=RED)], [Caption("0")]))
    cells = [Cell([one_colour(1)], [])] * 4
    sheet = draw_image_grid("Title", ["a", "b"], [Section(None, cells)], columns=4, tile=TILE, legend=legend)
    left, top, width, height = box_of(sheet, 9)
    assert (width, height) == (50, 16)
    assert left + width > sheet.shape[1] - 30
    assert letters(sheet, RED).max() < left
    assert top + height < box_of(sheet, 1)[1]


def test_words_of_any_kind_are_drawn_without_a_complaint() -> None:
    texts = ["$x_1$ {a}.png", "그림 알갱이.png", "\u202e\U0001f600.png", "two\nlines"]
    cells = [Cell([one_colour(1)], [[Caption(text, colour=RED)]]) for text in texts]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sheet = draw_image_grid("$A$ 모델", [texts[0]], [Section(texts[1], cells)], columns=4, tile=TILE)
    assert len(letters(sheet, RED)) > 50


def test_the_file_holds_the_drawn_pixels(tmp_path: Path) -> None:
    sheet = sheet_of(Section(None, [Cell([NOISE], [])]))
    write_png(tmp_path / "sheet.png", sheet)
    assert np.array_equal(cv2.cvtColor(cv2.imread(str(tmp_path / "sheet.png")), cv2.COLOR_BGR2RGB), sheet)
