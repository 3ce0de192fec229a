"""batches.py: half and half like two decks of cards, and batches of one size that leave no image out."""

from collections import Counter

import pytest
import torch

from crbl_training.data.batches import balanced_batches, batches_of_size, even_size

LABELS = torch.tensor([1.0 if n % 9 == 4 else 0.0 for n in range(100)])  # 11 anomalies among 100


@pytest.mark.parametrize(("batch_size", "anomalous"), [(8, 4), (7, 3), (2, 1), (32, 16)])
def test_every_batch_is_full_and_half_and_half(batch_size, anomalous):
    for indices in balanced_batches(LABELS, batch_size, seed=1, epoch=1):
        assert len(indices) == batch_size
        assert LABELS[indices].sum() == anomalous


def test_an_epoch_sees_as_many_images_as_there_are():
    assert len(balanced_batches(LABELS, 8, seed=1, epoch=1)) == 13
    assert len(balanced_batches(LABELS, 100, seed=1, epoch=1)) == 1
    assert len(balanced_batches(LABELS, 1000, seed=1, epoch=1)) == 1


@pytest.mark.parametrize("epoch", range(4))
def test_no_image_comes_again_before_all_of_its_class_did(epoch):
    drawn = torch.cat(balanced_batches(LABELS, 8, seed=3, epoch=epoch))
    for label in (0.0, 1.0):
        deck = set(torch.nonzero(LABELS.eq(label)).flatten().tolist())
        dealt = [index for index in drawn.tolist() if index in deck]
        for start in range(0, len(dealt), len(deck)):
            a_round = dealt[start : start + len(deck)]
            assert len(set(a_round)) == len(a_round)
        counts = Counter(dealt)
        assert max(counts.values()) - min(counts[index] for index in deck) <= 1
    assert all(count > 1 for index, count in Counter(drawn.tolist()).items() if LABELS[index] == 1)


def test_a_pure_function_of_seed_and_epoch():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    one = torch.cat(balanced_batches(LABELS, 8, seed=3, epoch=2))
    torch.manual_seed(99)
    assert torch.equal(one, torch.cat(balanced_batches(LABELS, 8, seed=3, epoch=2)))
    assert not torch.equal(one, torch.cat(balanced_batches(LABELS, 8, seed=3, epoch=3)))
    assert not torch.equal(one, torch.cat(balanced_batches(LABELS, 8, seed=4, epoch=2)))
    torch.manual_seed(0)
    assert torch.equal(torch.get_rng_state(), state)


def test_rounds_of_the_smaller_class_differ_in_order():
    drawn = torch.cat(balanced_batches(LABELS, 8, seed=3, epoch=0)).tolist()
    dealt = [index for index in drawn if LABELS[index] == 1]
    assert dealt[:11] != dealt[11:22]


def test_any_seed_a_user_may_give_works():
    assert len(balanced_batches(LABELS, 8, seed=2**63 - 1, epoch=30)) == 13


def test_neighbouring_seeds_and_epochs_do_not_repeat_each_other():
    # seed * 1_000_003 + epoch gave these two the same order.
    later = torch.cat(balanced_batches(LABELS, 8, seed=0, epoch=1_000_003))
    assert not torch.equal(later, torch.cat(balanced_batches(LABELS, 8, seed=1, epoch=0)))


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
