"""What people call those of `Metrics` that have a meaning for other images."""

METRIC_LABELS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}
