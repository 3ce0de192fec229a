"""threshold_option.py: what --threshold may say."""

import pytest

from crbl_runtime.commands.threshold_option import parse_thresholds, threshold_for
from crbl_runtime.errors import UsageError


@pytest.mark.parametrize("text", ["0.3", "crop=0.3", " 0.3", "3e-1"])
def test_of_one_model_a_number_is_enough(text: str) -> None:
    assert threshold_for("crop", parse_thresholds([text], models=1)) == 0.3


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("1", 1)])
def test_the_ends_of_the_range_are_thresholds(text: str, value: float) -> None:
    assert threshold_for("full", parse_thresholds([text], models=1)) == value


def test_without_the_option_the_file_decides() -> None:
    assert threshold_for("full", parse_thresholds([], models=1)) is None


def test_of_two_models_each_has_its_own() -> None:
    assert parse_thresholds(["full=0.9", "crop=0.3"], models=2) == {"full": 0.9, "crop": 0.3}
    assert parse_thresholds(["full=0.9"], models=2) == {"full": 0.9}


@pytest.mark.parametrize(
    ("texts", "models", "said"),
    [
        (["1.1"], 1, "no probability"),
        (["-0.1"], 1, "no probability"),
        (["nan"], 1, "no probability"),
        (["half"], 1, "no probability"),
        (["0,3"], 1, "no probability"),
        (["crop="], 1, "no probability"),
        (["Crop=0.3"], 1, "names the model 'Crop'"),
        (["=0.3"], 1, "names the model ''"),
        (["0.3"], 2, "Say which one it is for: --threshold crop=0.3"),
        (["0.3", "0.4"], 1, "Give one"),
        (["0.3", "crop=0.4"], 1, "Give one"),
        (["crop=0.3", "crop=0.4"], 2, "Give one"),
    ],
)
def test_what_is_no_threshold_or_not_clear_is_refused(texts: list[str], models: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_thresholds(texts, models)


def test_a_threshold_for_the_other_variant_is_refused() -> None:
    with pytest.raises(UsageError, match=r"full=0\.3 is for a full model, and a crop model was named"):
        threshold_for("crop", {"full": 0.3})
