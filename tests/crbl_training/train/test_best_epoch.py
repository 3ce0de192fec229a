"""best_epoch.py: which of two epochs is better, by each metric and in a tie."""

from dataclasses import replace

import pytest
import torch

from crbl_training.evaluation.metrics import compute_metrics
from crbl_training.options import BEST_BY
from crbl_training.train.best_epoch import BEST_BY_LABELS, badness, is_better

BEST = replace(
    compute_metrics(torch.tensor([-1.0, 2.0]), torch.tensor([0.0, 1.0]), 0.5),
    loss=0.5, auroc=0.8, average_precision=0.7,
)  # fmt: skip


@pytest.mark.parametrize("best_by", BEST_BY)
def test_the_first_epoch_is_the_best_and_an_equal_one_is_not_better(best_by):
    assert is_better(BEST, None, best_by)
    assert not is_better(replace(BEST, accuracy=1.0), BEST, best_by)
    assert best_by in BEST_BY_LABELS


@pytest.mark.parametrize(
    ("best_by", "better", "worse"),
    [("loss", {"loss": 0.4, "auroc": 0.1}, {"loss": 0.6, "auroc": 0.9}),
     ("auroc", {"auroc": 0.81, "loss": 9.0}, {"auroc": 0.79, "loss": 0.1}),
     ("average-precision", {"average_precision": 0.71, "loss": 9.0}, {"average_precision": 0.6, "auroc": 1.0})],
)  # fmt: skip
def test_the_chosen_metric_alone_decides(best_by, better, worse):
    assert is_better(replace(BEST, **better), BEST, best_by)
    assert not is_better(replace(BEST, **worse), BEST, best_by)
    assert badness(replace(BEST, **better), best_by) < badness(BEST, best_by) < badness(replace(BEST, **worse), best_by)


@pytest.mark.parametrize("best_by", ["auroc", "average-precision"])
def test_of_equal_scores_the_lower_loss_is_better(best_by):
    assert is_better(replace(BEST, loss=0.49), BEST, best_by)
    assert not is_better(replace(BEST, loss=0.51), BEST, best_by)
