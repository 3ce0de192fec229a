"""The metadata of a model file, and what happens where it is wrong."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from crbl_runtime.calibration import Calibration, calibration_to_json
from crbl_runtime.contract import ModelContract, SelfTest
from crbl_runtime.errors import ModelFileError
from crbl_runtime.preprocessing import PreprocessingSpec

CONTRACT = ModelContract(
    variant="crop",
    threshold=0.01,
    threshold_source="a test",
    labels=("normal", "anomaly"),
    preprocessing=PreprocessingSpec(region="object"),
    precision="fp32",
    training={"checkpoint_hash": "abc"},
    export={"opset": 18},
    parity=None,
    self_test=SelfTest((0.25, -1.5, 0.0, 3.0), 1e-3),
    golden_image="0" * 64,
)
CALIBRATION = Calibration("platt", slope=1.25, intercept=-2.0, images=40, anomalies=12, data_hash="ab" * 32)
CALIBRATION_VALUES = calibration_to_json(CALIBRATION) or {}
OTHER_ARITHMETIC = CONTRACT.preprocessing.to_dict() | {"arithmetic": "cubic-uint8"}


def test_json_and_back_is_the_same_contract() -> None:
    assert ModelContract.from_json(CONTRACT.to_json(), "file") == CONTRACT


def test_a_calibration_travels_with_the_contract() -> None:
    calibrated = replace(CONTRACT, calibration=CALIBRATION)
    assert json.loads(calibrated.to_json()) == json.loads(CONTRACT.to_json()) | {"calibration": CALIBRATION_VALUES}
    assert ModelContract.from_json(calibrated.to_json(), "file") == calibrated


def test_contracts_of_schema_3_are_read_and_have_no_calibration() -> None:
    values = json.loads(CONTRACT.to_json()) | {"schema_version": 3}
    del values["calibration"]
    assert ModelContract.from_json(json.dumps(values), "file") == CONTRACT
    with pytest.raises(ModelFileError, match=r"with the keys .*'calibration'"):
        ModelContract.from_json(json.dumps(values | {"calibration": None}), "file")
    with pytest.raises(ModelFileError, match="with the keys"):
        ModelContract.from_json(json.dumps(values | {"schema_version": 4}), "file")


def test_the_same_contract_is_the_same_text() -> None:
    reordered = replace(CONTRACT, training={"b": 1, "a": 2})
    assert reordered.to_json() == replace(CONTRACT, training={"a": 2, "b": 1}).to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"schema_version": 1},
            "schema version 1, this crbl knows the versions 3, 4.*With this crbl export the model again",
        ),
        ({"schema_version": 10**6}, "schema version 1000000.*Upgrade crbl: pip install --upgrade crbl"),
        ({"schema_version": "3"}, "schema version '3'"),
        ({"schema_version": [3]}, r"schema version \[3\]"),
        ({"surprise": 1}, "surprise"),
        ({"calibration": CALIBRATION_VALUES | {"slope": -1.0}}, "slope is -1.0, expected a positive.*Export the model"),
        ({"calibration": CALIBRATION_VALUES | {"slope": math.nan}}, "slope is nan"),
        ({"calibration": CALIBRATION_VALUES | {"intercept": 10**400}}, "damaged contract"),
        ({"calibration": {"slope": 1.0}}, "the calibration is .*expected method, slope"),
        ({"calibration": []}, r"the calibration is \[\]"),
        ({"labels": ["normal"]}, "damaged contract"),
        ({"threshold": "high"}, "damaged contract"),
        ({"preprocessing_hash": "0" * 64}, "changed after the export"),
        ({"preprocessing": {"region": "object"}}, "damaged contract.*export the model again"),
        ({"preprocessing": OTHER_ARITHMETIC}, "arithmetic is 'cubic-uint8'.*Export the model again"),
        ({"self_test": {}}, "damaged contract"),
        ({"self_test": {"logits": [0.5] * 3, "tolerance": 1e-3}}, "expected 4 finite logits"),
        ({"self_test": {"logits": [0.5] * 3 + [math.nan], "tolerance": 1e-3}}, "expected 4 finite logits"),
        ({"self_test": {"logits": [0.5] * 4, "tolerance": math.inf}}, "expected 4 finite logits"),
        ({"self_test": {"logits": [0.5] * 4, "tolerance": -1e-3}}, "expected 4 finite logits"),
        ({"self_test": {"logits": [10**400] * 4, "tolerance": 1e-3}}, "damaged contract"),
        ({"threshold": 10**400}, "damaged contract"),
        ({"threshold": 1.5}, "expected a probability from 0 to 1"),
        ({"threshold": math.nan}, "expected a probability from 0 to 1"),
        ({"labels": "no"}, "labels is 'no'"),
        ({"labels": ["normal", 1]}, "expected two texts"),
        ({"variant": "Crop"}, "the variant is 'Crop', expected one of crop, full"),
        ({"variant": ["crop"]}, "damaged contract"),
        ({"training": []}, r"training is \[\]"),
        ({"parity": "passed"}, "parity is 'passed'"),
        ({"golden_image": None}, "golden_image is None"),
    ],
)
def test_a_contract_that_is_not_known_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    values = json.loads(CONTRACT.to_json()) | change
    with pytest.raises(ModelFileError, match=message) as caught:
        ModelContract.from_json(json.dumps(values), "grain.onnx")
    assert "grain.onnx" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"text"', "[" * 100_000, "9" * 5_000, '{"schema_version": 1e999}']
)
def test_what_is_no_contract_is_refused(text: str) -> None:
    with pytest.raises(ModelFileError):
        ModelContract.from_json(text, "grain.onnx")
