"""prediction_html.py: what a notebook shows is what the prediction holds, and nothing of it is markup."""

from dataclasses import replace

import numpy as np
import pytest

from crbl_runtime.heatmap_overlay import full_colour, tinted
from crbl_runtime.heatmap_svg import NEUTRAL, WIDEST_WITH_NUMBERS
from crbl_runtime.prediction import CombinedPrediction, Prediction
from shown_html import ShownHTML

HOSTILE = "<script>alert(1)</script><img src=x onerror=\"alert('1')\">&amp;"

CROP = Prediction(
    probability=0.9312,
    logit=2.605,
    calibrated_probability=None,
    is_anomaly=True,
    label="anomaly",
    threshold=0.25,
    threshold_given=False,
    variant="crop",
    region_found=True,
    box=(15, 11, 71, 75),
    notes=(),
    bit_depth_unclear=False,
    provider="cpu",
    fallback=None,
    device_removed=None,
    preparation=None,
    heatmap=np.array([[1.5, -0.25, 0.0], [0.125, 0.5, 0.75]], np.float32),
)
FULL = replace(CROP, variant="full", probability=0.0311, logit=-3.4389, is_anomaly=False, label="normal", heatmap=None)


def shown(prediction: Prediction | CombinedPrediction) -> ShownHTML:
    found = ShownHTML.of(prediction._repr_html_())
    found.require_harmless()
    return found


def test_the_numbers_shown_are_those_of_the_prediction() -> None:
    card = shown(CROP)
    assert card.facts() == {
        "probability": "0.9312",
        "threshold (the mark)": "0.25, of the model file",
        "logit": "+2.6050",
        "variant": "crop",
        "region": "71 × 75 pixels at (15, 11)",
        "provider": "cpu",
    }
    assert card.text.startswith("anomaly")
    _track, bar, mark = card.attributes("rect")[:3]
    assert (bar["width"], mark["x"]) == ("93.12%", "25.00%")


def test_what_is_not_as_it_should_be_is_shown() -> None:
    facts = shown(
        replace(
            CROP,
            threshold_given=True,
            region_found=False,
            calibrated_probability=0.4,
            fallback="directml: not here",
            device_removed="reset",
            preparation="another OpenCV",
            bit_depth_unclear=True,
            notes=("its ICC profile was ignored",),
        )
    ).facts()
    assert facts["threshold (the mark)"] == "0.25, as was asked"
    assert facts["region"] == "no object was found, so the whole image: 71 × 75 pixels at (15, 11)"
    assert facts["calibrated probability"] == "0.4000"
    assert (facts["fallback"], facts["device removed"]) == ("directml: not here", "reset")
    assert (facts["preparation"], facts["note"]) == ("another OpenCV", "its ICC profile was ignored")
    assert facts["bit depth"].startswith("1 image has 16 bits a sample")


@pytest.mark.parametrize("name", ["label", "variant", "provider", "fallback", "device_removed", "preparation", "notes"])
def test_text_from_elsewhere_is_text_and_no_markup(name: str) -> None:
    changed = replace(CROP, **{name: (HOSTILE,) if name == "notes" else HOSTILE})
    card = shown(changed)
    assert HOSTILE in card.text
    assert len(card.tags) <= len(shown(CROP).tags) + 3  # One more row of the table.


def test_bytes_of_a_name_that_are_no_utf8_are_shown_as_text() -> None:
    content = replace(CROP, notes=("a\udcff.png",))._repr_html_()
    assert "a\\udcff.png" in content.encode("utf-8").decode("utf-8")


def test_the_cells_of_the_heatmap_add_up_to_the_logit_less_the_bias() -> None:
    card = shown(CROP)
    cells = [float(title.partition(": ")[2]) for title in card.titles]
    assert cells == CROP.heatmap.ravel().tolist()
    assert sum(cells) == pytest.approx(2.625)
    assert "2 × 3 cells over the region add up to +2.6250; with the bias -0.0200 that is the logit" in card.text
    assert [title.partition(":")[0] for title in card.titles[2:4]] == ["row 1, column 3", "row 2, column 1"]
    for number in ("+1.50", "-0.25", "+0.00", "+0.75"):
        assert number in card.text


def test_the_colours_are_those_of_the_overlay() -> None:
    squares = [rect["fill"] for rect in shown(CROP).attributes("rect")[3:9]]
    neutral = np.full((2, 3, 3), NEUTRAL, np.float32)
    expected = tinted(neutral, CROP.heatmap / full_colour(CROP.heatmap)).reshape(-1, 3)
    assert squares == ["#" + bytes(colour.tolist()).hex() for colour in expected]


def test_a_map_of_many_cells_has_its_numbers_as_tooltips() -> None:
    side = WIDEST_WITH_NUMBERS + 1
    heatmap = np.linspace(-1, 1, side * side, dtype=np.float32).reshape(side, side)
    card = shown(replace(CROP, heatmap=heatmap))
    assert len(card.titles) == side * side
    assert sum(float(title.partition(": ")[2]) for title in card.titles) == pytest.approx(heatmap.sum(), abs=1e-4)
    assert len(card.attributes("text")) == 3  # Those of the scale.
    assert len(shown(CROP).attributes("text")) == 3 + 6


def test_without_a_heatmap_there_is_none() -> None:
    card = shown(FULL)
    assert card.titles == []
    assert "cells" not in card.text


def test_a_combined_prediction_shows_its_decision_and_both_cards() -> None:
    combined = CombinedPrediction(True, "NG", CROP, FULL)
    content = combined._repr_html_()
    shown(combined)
    assert content.index(">NG<") < content.index(CROP._repr_html_()) < content.index(FULL._repr_html_())
