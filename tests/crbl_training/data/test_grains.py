"""The demo's images: every one fits the preprocessing, shows its impurity, and cannot be told by its mean colour."""

import csv
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from crbl_runtime.errors import UsageError
from crbl_training.data.grains import IMPURITIES, make_grain, write_dataset

LAST_ROW_OF_CROP = 89
BORDER_OF_FULL = 4


def object_box(pixels: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    mask = (cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) <= 150).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    x, y, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea))
    return x, y, width, height


@pytest.mark.parametrize("impurity", [None, *IMPURITIES])
def test_the_grain_is_the_largest_dark_contour_and_lies_above_the_cut(impurity: str | None) -> None:
    for seed in range(8):
        grain = make_grain(seed, impurity)
        height, width, channels = grain.pixels.shape
        assert grain.pixels.dtype == np.uint8
        assert channels == 3
        assert 99 <= height <= 101
        assert 99 <= width <= 101
        assert grain.impurity == impurity

        _, top, box_width, box_height = object_box(grain.pixels)
        assert 60 <= box_width <= 96
        assert 60 <= box_height <= 96
        # A fibre that hangs out below the grain may be cut, the grain itself never.
        if impurity != "fibre":
            assert top + box_height <= LAST_ROW_OF_CROP


@pytest.mark.parametrize("impurity", IMPURITIES)
def test_the_impurity_is_visible_where_both_variants_look(impurity: str) -> None:
    for seed in range(8):
        dirty, clean = make_grain(seed, impurity).pixels, make_grain(seed, None).pixels
        visible = np.abs(dirty.astype(int) - clean).max(axis=-1) > 15

        left, top, width, height = object_box(dirty)
        in_crop = visible[top : min(top + height, LAST_ROW_OF_CROP), left : left + width]
        assert in_crop.sum() >= 60
        assert visible[BORDER_OF_FULL:, BORDER_OF_FULL:].sum() >= 60
        # Elsewhere the image is the clean one to the bit: nothing but the impurity gives it away.
        assert (dirty == clean).all(axis=-1).mean() > 0.35


def test_edges_tell_the_classes_apart() -> None:
    # What a backbone with random weights can learn from; on images without it the demo would show guesses.
    clean = np.array([edge_strength(make_grain(seed, None).pixels) for seed in range(36)])
    dirty = np.array(
        [edge_strength(make_grain(1000 + seed, IMPURITIES[seed % len(IMPURITIES)]).pixels) for seed in range(36)]
    )
    auroc = (dirty[:, None] > clean[None]).mean()
    assert auroc > 0.95


def edge_strength(pixels: NDArray[np.uint8]) -> float:
    """How much the grain's inside varies from pixel to pixel, sensor noise blurred away."""
    inside = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 1)[25:70, 25:75]
    return float(cv2.Laplacian(inside, cv2.CV_32F).std())


def test_mean_colour_does_not_tell_the_classes_apart() -> None:
    clean = np.array([make_grain(seed, None).pixels.mean(axis=(0, 1)) for seed in range(60)])
    dirty = np.array(
        [make_grain(1000 + seed, IMPURITIES[seed % len(IMPURITIES)]).pixels.mean(axis=(0, 1)) for seed in range(60)]
    )
    # The share of pairs in which the dirty image is brighter is the AUROC of the mean as a score.
    auroc = (dirty[:, None] > clean[None]).mean(axis=(0, 1))
    assert np.all(np.abs(auroc - 0.5) < 0.15)


def test_the_same_seed_gives_the_same_image_and_another_seed_another_one() -> None:
    assert np.array_equal(make_grain(5, "crack").pixels, make_grain(5, "crack").pixels)
    assert make_grain(5, "crack").pixels.tobytes() != make_grain(6, "crack").pixels.tobytes()


def test_an_unknown_impurity_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UsageError, match=r"'mould'.*crack"):
        make_grain(0, "mould")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_dataset_is_balanced_complete_and_the_same_every_time(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_dataset(tmp_path / name, seed=3, train=24, validation=6, test=12)
    write_dataset(tmp_path / "other", seed=4, train=2, validation=0, test=0)
    first = contents(tmp_path / "first")
    assert first == contents(tmp_path / "second")
    assert first["train/class_0/0000_clean.png"] != contents(tmp_path / "other")["train/class_0/0000_clean.png"]

    assert len(first) == 24 + 6 + 12 + 2
    images = [content for name, content in first.items() if name.endswith(".png")]
    assert len(set(images)) == len(images)
    dirty = [file.stem.split("_", 1)[1] for file in (tmp_path / "first/train/class_1").iterdir()]
    assert Counter(dirty) == dict.fromkeys(IMPURITIES, 2)
    assert len(list((tmp_path / "first/train/class_0").iterdir())) == 12

    for part, count in (("validation", 6), ("test", 12)):
        with (tmp_path / "first" / f"{part}.csv").open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["image_path", "impurity"]
        assert Counter(row["impurity"] for row in rows) == {"0": count // 2, "1": count // 2}
        assert {row["image_path"] for row in rows} == {name for name in first if name.startswith(f"images/{part}/")}
        assert all((row["impurity"] == "0") == row["image_path"].endswith("_clean.png") for row in rows)


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"old")
    with pytest.raises(UsageError, match="not empty"):
        write_dataset(tmp_path, seed=0, train=2, validation=2, test=2)
    assert contents(tmp_path) == {"old.png": b"old"}


def test_a_negative_count_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 or more"):
        write_dataset(tmp_path / "new", seed=0, train=2, validation=-1, test=2)
    assert not (tmp_path / "new").exists()
