"""prepared_set.py: every picture as the runtime prepares it, or a list of all that cannot be used."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from crbl_runtime.errors import DataError
from crbl_runtime.preprocessing import PreprocessingSpec, prepare
from crbl_training.dataset import LabelledPicture
from crbl_training.prepared_set import description_lines, prepare_set


@pytest.fixture
def pictures(tmp_path: Path) -> list[LabelledPicture]:
    """Eight pictures of a dark object on white, and a ninth with none."""
    random = np.random.default_rng(0)
    pictures = []
    for number in range(9):
        pixels = np.full((90, 100, 3), 250, np.uint8)
        if number < 8:
            pixels[20 : 50 + number, 30:70] = random.integers(0, 120, (30 + number, 40, 3))
        path = tmp_path / f"{number}.png"
        assert cv2.imwrite(str(path), pixels)
        pictures.append(LabelledPicture(path, number % 2))
    return pictures


@pytest.mark.parametrize("region", ["object", "border", "whole"])
def test_pictures_are_those_of_the_runtime_in_order(pictures, region):
    spec = PreprocessingSpec(region, image_size=48)
    prepared = prepare_set(pictures, spec, "training")
    assert prepared.images.dtype == torch.uint8
    assert prepared.images.shape == (9, 48, 48, 3)
    for image, picture in zip(prepared.images, pictures, strict=True):
        assert np.array_equal(image.numpy(), prepare(picture.path, spec).pixels)
    assert prepared.labels.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert prepared.labels.dtype == torch.float32
    assert prepared.paths == tuple(picture.path for picture in pictures)
    assert prepared.regions_missing == (1 if region == "object" else 0)


def test_all_unreadable_pictures_are_listed_at_once(pictures):
    pictures[1].path.write_bytes(b"")
    pictures[4].path.write_bytes(pictures[4].path.read_bytes()[:200])
    pictures[6].path.write_text("this is no picture")
    pictures[7].path.unlink()
    with pytest.raises(DataError, match="4 of 9 validation pictures cannot be used") as refusal:
        prepare_set(pictures, PreprocessingSpec("whole"), "validation")
    *lines, remedy = str(refusal.value).splitlines()[1:]
    assert "--skip-bad" in remedy
    assert len(lines) == 4
    for line, number in zip(lines, (1, 4, 6, 7), strict=True):
        assert str(pictures[number].path) in line


def test_unreadable_pictures_are_left_out_on_request_and_named(pictures):
    pictures[4].path.write_bytes(pictures[4].path.read_bytes()[:200])
    pictures[7].path.unlink()
    spec = PreprocessingSpec("whole", image_size=48)
    whole = prepare_set([picture for picture in pictures if picture not in (pictures[4], pictures[7])], spec, "x")
    prepared = prepare_set(pictures, spec, "training", skip_bad=True)
    assert torch.equal(prepared.images, whole.images)
    assert torch.equal(prepared.labels, whole.labels)
    assert prepared.paths == whole.paths
    assert prepared.pictures == tuple(picture for picture in pictures if picture not in (pictures[4], pictures[7]))
    assert len(prepared.fingerprints) == 7
    assert [str(pictures[number].path) in message for number, message in zip((4, 7), prepared.skipped, strict=True)]
    said = description_lines(prepared, "training", "whole")
    assert said[:2] == [
        "7 training pictures: 4 normal, 3 anomalous",
        "2 training pictures were left out, since they cannot be used:",
    ]
    assert [line.strip() for line in said[2:]] == list(prepared.skipped)
    assert whole.skipped == ()


def test_a_class_that_has_no_readable_picture_left_is_an_error(pictures):
    for picture in pictures:
        if picture.label == 1:
            picture.path.write_bytes(b"")
    with pytest.raises(DataError, match=r"The training set without its unreadable pictures .*none that is anomaly"):
        prepare_set(pictures, PreprocessingSpec("whole"), "training", skip_bad=True)


def test_no_readable_picture_at_all_is_an_error(pictures):
    for picture in pictures:
        picture.path.write_bytes(b"")
    with pytest.raises(DataError, match="without its unreadable pictures holds no pictures"):
        prepare_set(pictures, PreprocessingSpec("whole"), "training", skip_bad=True)
