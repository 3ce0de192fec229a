"""The spec as data, and the pixels it leads to."""

from dataclasses import fields, replace
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

from crbl_runtime.errors import UsageError
from crbl_runtime.preprocessing import ARITHMETIC, PreprocessingSpec, prepare


def bicubic(pixels: np.ndarray, size: int) -> np.ndarray:
    """In float64 and rounded once, written out."""
    resized = cv2.resize(pixels.astype(np.float64), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.floor(resized + 0.5), 0, 255)


PHOTOGRAPH = skimage.data.coffee()[100:230, 150:290]


def test_object_images_pass_through_100_pixels_by_area_before_cubic() -> None:
    image = np.full((100, 110, 3), 240, np.uint8)
    image[10:70, 20:90] = PHOTOGRAPH[:60, :70] // 2
    prepared = prepare(image, PreprocessingSpec(region="object"))
    x, y, width, height = prepared.box
    expected = cv2.resize(image[y : y + height, x : x + width], (100, 100), interpolation=cv2.INTER_AREA)
    assert prepared.region_found
    assert np.array_equal(prepared.pixels, bicubic(expected, 128))


def test_border_images_are_resized_by_cubic_alone() -> None:
    prepared = prepare(PHOTOGRAPH, PreprocessingSpec(region="border"))
    assert np.array_equal(prepared.pixels, bicubic(PHOTOGRAPH[4:, 4:], 128))


def test_whole_images_are_only_resized() -> None:
    prepared = prepare(PHOTOGRAPH, PreprocessingSpec(region="whole", image_size=64))
    assert np.array_equal(prepared.pixels, bicubic(PHOTOGRAPH, 64))


def test_an_image_without_an_object_is_taken_whole_and_none_is_found() -> None:
    prepared = prepare(np.full((90, 90, 3), 200, np.uint8), PreprocessingSpec(region="object"))
    assert not prepared.region_found
    assert prepared.box == (0, 0, 90, 90)


def test_a_spec_survives_json_with_the_same_hash() -> None:
    spec = PreprocessingSpec(region="object", channel_order="bgr", object_bottom=None, mean=(0.1, 0.2, 0.3))
    again = PreprocessingSpec.from_dict(spec.to_dict())
    assert again == spec
    assert again.hash == spec.hash


def test_every_field_changes_the_hash() -> None:
    spec = PreprocessingSpec(region="border")
    others: dict[str, Any] = {
        "region": "whole",
        "image_size": 96,
        "object_threshold": 140,
        "object_bottom": None,
        "object_size": 64,
        "border": 0,
        "channel_order": "bgr",
        "divisor": 1.0,
        "mean": (0.5, 0.0, 0.0),
        "std": (0.5, 1.0, 1.0),
        "bit_depth": 12,
        "fast_decode": True,
    }
    # Of the arithmetic there is one value, which is part of the hash all the same.
    assert {*others, "arithmetic"} == {field.name for field in fields(spec)}
    hashes = {spec.hash} | {replace(spec, **{name: value}).hash for name, value in others.items()}
    assert len(hashes) == len(others) + 1
    assert spec.to_dict()["arithmetic"] == ARITHMETIC


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "Object"),
        ("image_size", 31),
        ("image_size", 128.0),
        ("object_threshold", 256),
        ("object_bottom", 0),
        ("border", -1),
        ("channel_order", "RGB"),
        ("divisor", 0.0),
        ("mean", (0.0, 0.0)),
        ("std", (1.0, 0.0, 1.0)),
        ("std", (1.0, float("nan"), 1.0)),
        ("arithmetic", "cubic-uint8"),
    ],
)
def test_values_out_of_range_are_named(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        PreprocessingSpec.from_dict(PreprocessingSpec(region="object").to_dict() | {name: value})


def test_unknown_and_missing_keys_are_errors() -> None:
    values = PreprocessingSpec(region="object").to_dict()
    with pytest.raises(UsageError, match="gamma"):
        PreprocessingSpec.from_dict(values | {"gamma": 2.2})
    with pytest.raises(UsageError, match="expected exactly"):
        PreprocessingSpec.from_dict({key: value for key, value in values.items() if key != "border"})
