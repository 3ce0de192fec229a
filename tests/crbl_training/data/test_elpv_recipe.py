"""training/recipes/elpv.py: a fixed split that keeps identical images together, and files that crbl-train reads."""

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from crbl_runtime.errors import UsageError
from loaded_program import loaded_program

PROJECT = Path(__file__).parents[3]
RECIPE = PROJECT / "training" / "recipes" / "elpv.py"


elpv = loaded_program(RECIPE)


def run_recipe(*arguments: str | Path, before: str = "pass") -> subprocess.CompletedProcess[str]:
    """Run the recipe as a user would; `before` is Python that runs first, to make a package seem missing."""
    code = f"import runpy, sys; sys.path.insert(0, {str(PROJECT)!r}); {before}; sys.argv = sys.argv[1:]"
    code += "; runpy.run_path(sys.argv[0], run_name='__main__')"
    return subprocess.run([sys.executable, "-c", code, RECIPE, *arguments], capture_output=True, text=True)


def make_cells(count: int, cell_type: str = "mono", probability: float = 1.0, first: int = 1) -> list:
    """Cells whose images all differ."""
    images = [np.full((4, 4), n % 251, np.uint8) + np.uint8(n // 251) * np.eye(4, dtype=np.uint8) for n in range(count)]
    return [elpv.Cell(first + n, image, probability, cell_type) for n, image in enumerate(images)]


def test_shares_are_kept_within_every_stratum():
    mono = make_cells(100, "mono", 1.0)
    poly = [
        elpv.Cell(cell.number + 100, cell.image + np.uint8(1 << 7), 0.0, "poly") for cell in make_cells(40, "poly", 0.0)
    ]
    cells = mono + poly
    counts = Counter((cell.cell_type, name) for cell, name in zip(cells, elpv.split(cells), strict=True))
    assert [counts["mono", name] for name in ("train", "validation", "test")] == [70, 15, 15]
    assert [counts["poly", name] for name in ("train", "validation", "test")] == [28, 6, 6]


def test_split_depends_on_the_images_alone():
    cells = make_cells(60)
    by_number = dict(zip((cell.number for cell in cells), elpv.split(cells), strict=True))
    backwards = cells[::-1]
    assert dict(zip((cell.number for cell in backwards), elpv.split(backwards), strict=True)) == by_number
    assert elpv.split_hash(backwards, elpv.split(backwards)) == elpv.split_hash(cells, elpv.split(cells))


def test_identical_images_share_a_split_even_with_other_labels():
    cells = make_cells(60)
    repeats = [elpv.Cell(cell.number + 60, cell.image.copy(), 0.0, "poly") for cell in cells]
    splits = elpv.split(cells + repeats)
    assert splits[:60] == splits[60:]
    assert set(splits) == {"train", "validation", "test"}


def test_another_seed_gives_another_split_of_the_same_shares():
    cells = make_cells(60)
    first, second = elpv.split(cells, 1), elpv.split(cells, 2)
    assert first == elpv.split(cells) != second
    assert Counter(first) == Counter(second)
    assert elpv.split_hash(cells, first, 1) != elpv.split_hash(cells, second, 2)


def test_changed_label_changes_the_split_hash():
    cells = make_cells(20)
    splits = elpv.split(cells)
    relabelled = [elpv.Cell(1, cells[0].image, 0.0, "mono"), *cells[1:]]
    assert elpv.split_hash(relabelled, splits) != elpv.split_hash(cells, splits)


@pytest.mark.parametrize(("probability", "impurity"), [(0.0, 0), (1 / 3, 0), (0.5, 1), (2 / 3, 1)])
def test_half_is_an_impurity(probability, impurity):
    assert make_cells(1, probability=probability)[0].impurity == impurity


def test_folder_with_other_images_is_refused(tmp_path):
    stray = tmp_path / "train" / "class_0" / "holiday.png"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"")
    with pytest.raises(UsageError, match="holiday"):
        elpv.refuse_other_files(tmp_path, ["train/class_0/cell0001.png"])


def test_missing_package_ends_with_3_and_the_command_that_installs_it(tmp_path):
    answer = run_recipe(tmp_path / "out", before="sys.modules['elpv_dataset'] = None")
    assert answer.returncode == 3
    assert "pip install elpv-dataset" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_all_solar_cells_arrive(tmp_path):
    utils = pytest.importorskip("elpv_dataset.utils", reason="needs: pip install elpv-dataset")
    answer = run_recipe(tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "Split hash c0ae84af6ed24d5ee99d387f69da3630be2970671a96611d813c837794dd7949" in answer.stdout
    assert "CC BY-NC-SA 4.0" in answer.stdout

    images, probabilities, _ = utils.load_dataset()
    label_of: dict[Path, int] = {}
    for label in (0, 1):
        label_of.update(dict.fromkeys((tmp_path / "train" / f"class_{label}").iterdir(), label))
    for name in ("validation", "test"):
        with (tmp_path / f"{name}.csv").open(newline="", encoding="utf-8-sig") as file:
            label_of.update({tmp_path / row["image_path"]: int(row["impurity"]) for row in csv.DictReader(file)})
    assert len(label_of) == len(images) == 2624
    for path, label in label_of.items():
        place = int(path.stem.removeprefix("cell")) - 1
        assert label == (probabilities[place] >= 0.5)
        assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), images[place])
