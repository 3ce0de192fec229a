"""gram_matrix.py and head_weights.py: what the model's own pooling gives, in blocks and tiles of any size."""

import numpy as np
import pytest
import torch
from torch import Tensor

from crbl_training.model.bilinear_pooling import BilinearPooling
from crbl_training.model.crbl import create_full_model
from crbl_training.train.head_start import feature_maps, gram_matrix
from crbl_training.train.head_start.feature_maps import FeatureMaps
from crbl_training.train.head_start.gram_matrix import gram_columns, gram_of
from crbl_training.train.head_start.head_weights import head_weights

IMAGES = 7


@pytest.fixture(scope="module")
def drawn() -> tuple[Tensor, Tensor]:
    """Two feature maps of 7 images, as SiLU leaves them: mostly small, some channels of an image all zero."""
    torch.manual_seed(0)
    first, second = torch.nn.functional.silu(torch.randn(2, IMAGES, 1280, 2, 2))
    first[1, :100] = 0
    return first, second


@pytest.fixture(scope="module")
def pooled(drawn) -> Tensor:
    """Their pooled features, float64 [7, 1638400]."""
    return BilinearPooling()(*(each.double() for each in drawn))


@pytest.fixture
def maps(drawn) -> FeatureMaps:
    first, second = drawn
    return FeatureMaps(create_full_model(), lambda images, views: (first[images], second[images]), IMAGES)


@pytest.mark.parametrize(("tile_bytes", "block_bytes"), [(2**29, 2**26), (3 * 8 * 4 * 1280, 2**18)])
def test_gram_matrix_is_that_of_the_models_pooling(maps, pooled, monkeypatch, tile_bytes, block_bytes):
    monkeypatch.setattr(feature_maps, "TILE_BYTES", tile_bytes)
    monkeypatch.setattr(gram_matrix, "BLOCK_BYTES", block_bytes)
    assert len(maps.tile_images) == (1 if tile_bytes == 2**29 else 3)
    expected = (pooled @ pooled.T).numpy()
    np.testing.assert_allclose(gram_matrix.gram_matrix(maps), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rows_at_once", [3, 1024])
def test_columns_and_landmarks_are_parts_of_the_gram_matrix(maps, pooled, monkeypatch, rows_at_once):
    monkeypatch.setattr(gram_matrix, "ROWS_AT_ONCE", rows_at_once)
    expected, numbers = (pooled @ pooled.T).numpy(), torch.tensor([0, 3, 6])
    landmarks = maps.of(numbers)
    np.testing.assert_allclose(gram_of(landmarks), expected[numbers][:, numbers], rtol=0, atol=1e-6)
    tiles = list(gram_columns(maps, landmarks))
    assert len(tiles) == -(-IMAGES // rows_at_once)
    np.testing.assert_allclose(np.concatenate(tiles), expected[:, numbers], rtol=0, atol=1e-6)


def test_head_weights_are_the_weighted_sum_of_the_pooled_features(maps, pooled):
    weights = torch.tensor([3.0, -1.0, 0.5, 0.0, 2.0, -4.0, 1.0], dtype=torch.float64)
    tiles = [maps.of(torch.tensor([0, 1, 2])), maps.of(torch.tensor([3, 4, 5, 6]))]
    torch.testing.assert_close(head_weights(tiles, weights.numpy()), weights @ pooled, rtol=0, atol=1e-6)
