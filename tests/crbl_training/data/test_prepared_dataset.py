"""prepared_dataset.py: every image as the runtime prepares it, or a list of all that cannot be used."""

import numpy as np
import pytest
import torch
from PIL import Image

from crbl_runtime.errors import DataError
from crbl_runtime.preprocessing import PreprocessingSpec, prepare
from crbl_training.data.dataset import LabelledImage
from crbl_training.data.prepared_dataset import description_lines, prepare_dataset


@pytest.mark.parametrize("region", ["object", "border", "whole"])
def test_images_are_those_of_the_runtime_in_order(images, region):
    spec = PreprocessingSpec(region, image_size=48)
    prepared = prepare_dataset(images, spec, "training")
    assert prepared.images.dtype == torch.uint8
    assert prepared.images.shape == (9, 48, 48, 3)
    for image, listed in zip(prepared.images, images, strict=True):
        assert np.array_equal(image.numpy(), prepare(listed.path, spec).pixels)
    assert prepared.labels.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert prepared.labels.dtype == torch.float32
    assert prepared.paths == tuple(image.path for image in images)
    assert prepared.regions_missing == (1 if region == "object" else 0)


def test_all_unreadable_images_are_listed_at_once(images):
    images[1].path.write_bytes(b"")
    images[4].path.write_bytes(images[4].path.read_bytes()[:200])
    images[6].path.write_text("this is no image")
    images[7].path.unlink()
    with pytest.raises(DataError, match="4 of 9 validation images cannot be used") as refusal:
        prepare_dataset(images, PreprocessingSpec("whole"), "validation")
    *lines, remedy = str(refusal.value).splitlines()[1:]
    assert "--skip-bad" in remedy
    assert len(lines) == 4
    for line, number in zip(lines, (1, 4, 6, 7), strict=True):
        assert str(images[number].path) in line


def test_unreadable_images_are_left_out_on_request_and_named(images):
    images[4].path.write_bytes(images[4].path.read_bytes()[:200])
    images[7].path.unlink()
    spec = PreprocessingSpec("whole", image_size=48)
    whole = prepare_dataset([image for image in images if image not in (images[4], images[7])], spec, "x")
    prepared = prepare_dataset(images, spec, "training", skip_bad=True)
    assert torch.equal(prepared.images, whole.images)
    assert torch.equal(prepared.labels, whole.labels)
    assert prepared.paths == whole.paths
    assert prepared.labelled_images == tuple(image for image in images if image not in (images[4], images[7]))
    assert len(prepared.fingerprints) == 7
    assert [str(images[number].path) in message for number, message in zip((4, 7), prepared.skipped, strict=True)]
    lines = description_lines(prepared, "training", "whole")
    assert lines[:2] == [
        "7 training images: 4 normal, 3 anomalous",
        "2 training images were left out, since they cannot be used:",
    ]
    assert [line.strip() for line in lines[2:]] == list(prepared.skipped)
    assert whole.skipped == ()


def test_a_class_that_has_no_readable_image_left_is_an_error(images):
    for image in images:
        if image.label == 1:
            image.path.write_bytes(b"")
    with pytest.raises(DataError, match=r"The training set without its unreadable images .*none that is anomaly"):
        prepare_dataset(images, PreprocessingSpec("whole"), "training", skip_bad=True)


def test_no_readable_image_at_all_is_an_error(images):
    for image in images:
        image.path.write_bytes(b"")
    with pytest.raises(DataError, match="without its unreadable images holds no images"):
        prepare_dataset(images, PreprocessingSpec("whole"), "training", skip_bad=True)


def test_the_sizes_are_those_of_the_files_as_they_are_seen(tmp_path):
    turned = Image.Exif()
    turned[274] = 6  # Orientation: a quarter turn.
    Image.new("RGB", (1024, 768)).save(tmp_path / "draft.jpg")
    Image.new("RGB", (300, 200)).save(tmp_path / "turned.jpg", exif=turned)
    (tmp_path / "broken.png").touch()
    listed = [LabelledImage(tmp_path / name, label) for label, name in enumerate(("draft.jpg", "turned.jpg"))]
    spec = PreprocessingSpec("whole", image_size=48, fast_decode=True)
    prepared = prepare_dataset([*listed, LabelledImage(tmp_path / "broken.png", 0)], spec, "training", skip_bad=True)
    assert prepared.sizes == ((1024, 768), (200, 300))
