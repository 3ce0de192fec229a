"""What fewer landmarks cost a solved head: AUROC on ELPV by the Gram matrices that elpv_table.py has computed.

    python benchmarks/elpv_table.py OUT --weights FILE --only "full, recommended"
    python benchmarks/landmarks.py OUT [--splits 3]

For each split, the training cells are divided into four folds. The landmarks come from the cells that are learnt from,
all of which the regression sees; AUROC is that on the cells held out, the mean of the folds at the best C.
"""

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from crbl_training.data.dataset import read_labelled
from crbl_training.train.head_start.chosen_images import choose_images
from crbl_training.train.head_start.kernel_features import exact_features
from crbl_training.train.head_start.logistic_regression import fit

COUNTS = (100, 200, 400, 700, 1000)
STRENGTHS = (1.0, 10.0, 100.0)
FOLDS = 4
BALANCED = (1.0, 1.0)


@click.command()
@click.argument("out", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--splits", default=3, show_default=True)
def main(out: Path, splits: int) -> None:
    """Print a line for each split and number of landmarks."""
    for split in range(1, splits + 1):
        (path,) = (out / f"cache_trained_{split}").glob("gram_*.npy")
        labels = np.array([image.label for image in read_labelled(out / f"elpv_{split}" / "train")])
        gram = np.load(path)
        for count in COUNTS:
            click.echo(f"split {split}  {count:5d} landmarks of {len(labels)}  AUROC {auroc(gram, labels, count):.4f}")


def auroc(gram: NDArray[np.float64], labels: NDArray[np.int64], count: int) -> float:
    """Of so many landmarks."""
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(labels, labels))
    return max(float(np.mean([_of_fold(gram, labels, count, c, *fold) for fold in folds])) for c in STRENGTHS)


def _of_fold(
    gram: NDArray[np.float64],
    labels: NDArray[np.int64],
    count: int,
    c: float,
    learnt: NDArray[np.int64],
    held_out: NDArray[np.int64],
) -> float:
    landmarks = learnt[choose_images(labels[learnt], count, seed=0)]
    features = gram[:, landmarks] @ exact_features(gram[np.ix_(landmarks, landmarks)]).back
    classifier = fit(features[learnt], labels[learnt], BALANCED, c)
    return float(roc_auc_score(labels[held_out], classifier.logits(features[held_out])))


if __name__ == "__main__":
    main()
