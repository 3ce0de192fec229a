"""The comparison with recorded outputs of Keras sees what is wrong, and never passes on nothing."""

from pathlib import Path

import numpy as np
import pytest

from crbl_runtime.errors import InputError, ParityError
from crbl_training.checkpoint import Checkpoint
from crbl_training.keras.recorded_outputs import compare_with_keras
from crbl_training.options import KERAS_TOLERANCE
from keras_files import REFERENCE

IMAGES = np.zeros((2, 32, 32, 3), np.uint8)
LOGITS = np.zeros(2, np.float32)


def test_genuine_outputs_agree(converted: Checkpoint) -> None:
    seen: list[tuple[int, int]] = []
    comparison = compare_with_keras(converted, REFERENCE, lambda done, total: seen.append((done, total)))
    assert comparison.passed
    assert comparison.largest <= KERAS_TOLERANCE
    assert (comparison.images, comparison.flipped) == (8, 0)
    assert seen == [(number, 8) for number in range(1, 9)]


def test_one_changed_weight_is_seen(converted: Checkpoint) -> None:
    weight = converted.state["backbone1.blocks.3.1.conv_pwl.weight"]
    changed = weight.clone()
    changed[5, 9] += 0.1
    state = {**converted.state, "backbone1.blocks.3.1.conv_pwl.weight": changed}
    other = Checkpoint(converted.variant, state, converted.preprocessing, 0.5, "", {})
    assert not compare_with_keras(other, REFERENCE).passed


def test_a_folder_is_all_its_files_and_flips_are_counted(converted: Checkpoint, tmp_path: Path) -> None:
    reference = np.load(REFERENCE)
    for number in (0, 1):
        logits = reference["logit"][number : number + 1, None].astype(np.float32)
        np.savez(tmp_path / f"{number}.npz", images=reference["images"][number : number + 1], logits=-logits)
    comparison = compare_with_keras(converted, tmp_path)
    assert comparison.images == 2
    assert not comparison.passed
    border = -np.log(1 / converted.threshold - 1)
    expected = sum((logit > border) != (-logit > border) for logit in reference["logit"][:2])
    assert comparison.flipped == expected


@pytest.mark.parametrize("logit", [np.nan, np.inf])
def test_what_is_not_finite_never_agrees(logit: float, converted: Checkpoint, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, logits=LOGITS + np.float32(logit))
    assert not compare_with_keras(converted, tmp_path / "a.npz").passed


@pytest.mark.parametrize("count", [1, 8])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_probabilities_in_place_of_logits_are_refused(
    count: int, shape: tuple[int, ...], converted: Checkpoint, tmp_path: Path
) -> None:
    reference = np.load(REFERENCE)
    probabilities = reference["prob"][:count].reshape(shape)
    np.savez(tmp_path / "a.npz", images=reference["images"][:count], logits=probabilities)
    with pytest.raises(InputError, match=r"has probabilities in place of logits.*before the sigmoid"):
        compare_with_keras(converted, tmp_path / "a.npz")


def test_logits_between_0_and_1_pass_and_other_values_there_are_marked(converted: Checkpoint, tmp_path: Path) -> None:
    reference = np.load(REFERENCE)
    images, logits = reference["images"], reference["logit"]
    inside = (logits >= 0) & (logits <= 1)
    assert inside.any()
    np.savez(tmp_path / "a.npz", images=images[inside], logits=logits[inside])
    assert compare_with_keras(converted, tmp_path / "a.npz").passed
    np.savez(tmp_path / "a.npz", images=images, logits=reference["prob"].astype(np.float16))
    comparison = compare_with_keras(converted, tmp_path / "a.npz")
    assert comparison.recorded_in_0_to_1
    assert not comparison.passed
    assert not compare_with_keras(converted, REFERENCE).recorded_in_0_to_1


def test_nothing_compared_is_a_failure(converted: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match="nothing was compared"):
        compare_with_keras(converted, tmp_path)
    np.savez(tmp_path / "empty.npz", images=IMAGES[:0], logits=LOGITS[:0])
    with pytest.raises(ParityError, match="nothing was compared"):
        compare_with_keras(converted, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        {"images": IMAGES},
        {"logits": LOGITS},
        {"images": IMAGES.astype(np.float32), "logits": LOGITS},
        {"images": IMAGES[:, :16], "logits": LOGITS},
        {"images": IMAGES[..., :1], "logits": LOGITS},
        {"images": IMAGES, "logits": LOGITS[:1]},
        {"images": IMAGES, "logits": np.zeros((2, 2), np.float32)},
        {"images": IMAGES, "logits": np.array([None, None])},
    ],
    ids=["no logits", "no images", "float images", "small images", "grey images", "too few", "two logits", "objects"],
)
def test_other_content_is_refused(content: dict[str, np.ndarray], converted: Checkpoint, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(InputError):
        compare_with_keras(converted, tmp_path / "a.npz")


def test_what_is_no_npz_is_refused(converted: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"no zip")
    with pytest.raises(InputError, match="is no npz file"):
        compare_with_keras(converted, tmp_path / "a.npz")
    with pytest.raises(InputError, match="no file or folder"):
        compare_with_keras(converted, tmp_path / "nowhere.npz")
