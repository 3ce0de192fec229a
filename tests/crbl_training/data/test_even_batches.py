"""even_batches.py: batches of one size that leave nobody out."""

import pytest
import torch

from crbl_training.data.even_batches import batches_of_size, even_size


@pytest.mark.parametrize(("count", "size"), [(1, 1), (12, 12), (32, 32), (33, 17), (40, 20), (100, 25), (0, 1)])
def test_size_is_the_smallest_for_the_fewest_batches(count, size):
    assert even_size(count, at_most=32) == size


@pytest.mark.parametrize("count", [1, 7, 8, 9, 23])
def test_every_row_comes_in_order_and_the_last_batch_is_filled_up(count):
    batches = list(batches_of_size(torch.arange(count), 8))
    assert {len(batch) for batch in batches} == {8}
    together = torch.cat(batches)
    assert together[:count].tolist() == list(range(count))
    assert together[count:].tolist() == [row % count for row in range(count, len(together))]
