"""blockwise_regression.py and landmark_features.py: the same classifier, whichever way its rows are read."""

import numpy as np
import pytest

from crbl_runtime.errors import DataError
from crbl_training.data.rows_in_file import RowsInFile
from crbl_training.train.head_start import landmark_features
from crbl_training.train.head_start.blockwise_regression import fit_in_blocks
from crbl_training.train.head_start.landmark_features import in_blocks
from crbl_training.train.head_start.logistic_regression import GRID, fit

WEIGHTS = (0.568, 4.167)


@pytest.fixture
def drawn():
    """Rows of lengths near 1 that overlap, 90 normal and 30 anomalous: rows, labels."""
    random, labels = np.random.default_rng(0), np.repeat([0, 1], [90, 30])
    rows = random.normal(size=(120, 12)) * np.geomspace(0.5, 1e-3, 12)
    rows[:, 1] += 0.2 * labels
    return rows, labels


@pytest.fixture
def in_file(drawn, tmp_path) -> RowsInFile:
    path = tmp_path / "rows.npy"
    np.save(path, drawn[0])
    return RowsInFile.open(path)


@pytest.mark.parametrize("c", [GRID[0], 1.0, GRID[-1]])
def test_it_is_scikit_learns_minimum(drawn, in_file, monkeypatch, c):
    monkeypatch.setattr(landmark_features, "READ_AT_ONCE", 50)
    rows, labels = drawn
    expected = fit(rows, labels, WEIGHTS, c).coefficients
    found = fit_in_blocks(in_file, labels, WEIGHTS, c).coefficients
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_blocks_of_a_file_are_those_of_the_array(drawn, in_file, monkeypatch):
    monkeypatch.setattr(landmark_features, "READ_AT_ONCE", 50)
    blocks = list(in_blocks(in_file))
    assert [(part.start, part.stop) for part, _ in blocks] == [(0, 50), (50, 100), (100, 120)]
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in blocks]), drawn[0])
    np.testing.assert_array_equal(in_file[np.array([7, 3])], drawn[0][[7, 3]])


def test_a_file_that_is_gone_or_cut_short_is_a_data_error(in_file):
    with in_file.path.open("rb+") as file:
        file.truncate(2000)
    with pytest.raises(DataError, match="shorter than it was"):
        in_file[np.array([119])]
    in_file.path.unlink()
    with pytest.raises(DataError, match=r"rows\.npy cannot be read any more"):
        in_file[np.array([0])]
