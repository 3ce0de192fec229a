"""What no mistake of a kind is worth, which the bootstrap cannot see."""

from typing import TYPE_CHECKING

from crbl_runtime.counted import counted

if TYPE_CHECKING:
    from crbl_training.evaluation.metrics import Metrics


def without_mistakes(metrics: "Metrics") -> list[str]:
    """A sentence for each kind of mistake of which there is none.

    By the rule of three (Hanley and Lippman-Hand, JAMA 249, 1983, 1743).
    """
    anomalous = metrics.missed_anomaly + metrics.true_anomaly
    normal = metrics.true_normal + metrics.false_alarm
    sentences = []
    if metrics.missed_anomaly == 0:
        sentences.append(f"No anomaly of {anomalous} was missed: of others, up to {min(1, 3 / anomalous):.1%} may be.")
    if metrics.false_alarm == 0:
        sentences.append(
            f"No false alarm on {counted(normal, 'image')}: on others, up to {min(1, 3 / normal):.1%} may be."
        )
    return sentences
