"""From a logit to a calibrated probability, and what no calibration may hold."""

import math
from typing import Any

import pytest

from crbl_runtime.calibration import Calibration, calibration_from_json, calibration_to_json

PLATT = Calibration("platt", slope=2.0, intercept=-1.0, images=40, anomalies=12, data_hash="0123")
VALUES = calibration_to_json(PLATT) or {}


def test_probability_is_the_sigmoid_of_the_two_numbers() -> None:
    assert PLATT.probability(0.5) == 0.5
    assert PLATT.probability(2.0) == pytest.approx(1 / (1 + math.exp(-3)))
    assert PLATT.probability(-2.0) == pytest.approx(math.exp(-5) / (1 + math.exp(-5)))
    half = Calibration("temperature", slope=0.5, intercept=0.0, images=40, anomalies=12, data_hash="")
    assert half.probability(0.0) == 0.5
    assert half.probability(2.0) + half.probability(-2.0) == pytest.approx(1)


def test_no_finite_logit_is_too_large_and_the_order_stays() -> None:
    steep = Calibration("platt", slope=1e308, intercept=-1e308, images=40, anomalies=12, data_hash="")
    for calibration in (PLATT, steep):
        found = [calibration.probability(logit) for logit in (-3e38, -900.0, -2.0, 0.0, 1.0, 2.0, 900.0, 3e38)]
        assert found == sorted(found)
        assert (found[0], found[-1]) == (0, 1)


def test_json_and_back_is_the_same() -> None:
    assert calibration_from_json(VALUES) == PLATT
    assert calibration_from_json(VALUES | {"slope": 2, "intercept": -1}) == PLATT
    assert calibration_from_json(calibration_to_json(None)) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "isotonic"}, "method is 'isotonic', expected temperature or platt"),
        ({"slope": 0.0}, "slope is 0.0, expected a positive number"),
        ({"slope": -0.5}, "slope is -0.5"),
        ({"slope": math.inf}, "slope is inf"),
        ({"slope": math.nan}, "slope is nan"),
        ({"slope": "2"}, "slope is '2'"),
        ({"slope": True}, "slope is True"),
        ({"slope": 10**400}, "too large"),
        ({"intercept": math.nan}, "intercept is nan"),
        ({"intercept": -math.inf}, "intercept is -inf"),
        ({"intercept": None}, "intercept is None"),
        ({"method": "temperature"}, "intercept is -1.0, expected a number, and 0 for a temperature"),
        ({"images": 12}, "12 images with 12 anomalies"),
        ({"images": 40.0}, "images is 40.0"),
        ({"anomalies": 0}, "expected images of both classes"),
        ({"anomalies": True}, "anomalies is True"),
        ({"data_hash": None}, "data_hash is None"),
        ({"temperature": 1.0}, "expected method, slope, intercept, images, anomalies, data_hash"),
    ],
)
def test_what_is_no_calibration_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, OverflowError), match=message):
        calibration_from_json(VALUES | change)


@pytest.mark.parametrize("values", [[], "platt", 1.5, {}, {"slope": 1.0}])
def test_what_is_not_even_its_form_is_refused(values: object) -> None:
    with pytest.raises(ValueError, match="the calibration is "):
        calibration_from_json(values)
