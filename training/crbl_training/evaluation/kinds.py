"""How many anomalies of each kind are found, with an interval for images of the same kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crbl_training.evaluation.bootstrap import LEVEL, Interval
from crbl_training.evaluation.wilson import wilson_interval

SHOWN = 20
METHOD = "Wilson score interval"
SOURCE = "Wilson, JASA 22 (1927) 209-212; Brown, Cai and DasGupta, Statistical Science 16 (2001) 101-133"


@dataclass(frozen=True)
class KindRecall:
    """The anomalies of one kind.

    Attributes:
        kind: its name; empty for those of which none is told, where others have one.
        images: how many there are. found: how many of them are called anomalous.
    """

    kind: str
    images: int
    found: int

    @property
    def recall(self) -> float:
        """The share of them that is found, 0 to 1."""
        return self.found / self.images

    @property
    def interval(self) -> Interval:
        """Where the recall of other images of this kind lies: see `wilson_interval`."""
        return wilson_interval(self.found, self.images)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        low, high = self.interval.low, self.interval.high
        return {
            "kind": self.kind,
            "images": self.images,
            "found": self.found,
            "recall": self.recall,
            "interval": [low, high],
        }


def recall_by_kind(
    kinds: Sequence[str], truth: NDArray[np.int64], decisions: NDArray[np.int64]
) -> tuple[KindRecall, ...]:
    """The recall of each kind of anomaly, in the order of their names; nothing where no anomaly has a kind.

    Args:
        kinds: N, or none at all. truth, decisions: [N], 0 normal, 1 anomaly.
    """
    if not any(kinds):
        return ()
    of_anomalies = [(kind, int(found)) for kind, label, found in zip(kinds, truth, decisions, strict=True) if label]
    names = sorted({kind for kind, _ in of_anomalies})
    found = {name: [decision for kind, decision in of_anomalies if kind == name] for name in names}
    return tuple(KindRecall(name, len(found[name]), sum(found[name])) for name in names)


def kinds_to_dict(recalls: Sequence[KindRecall]) -> dict[str, Any]:
    """The recall of each kind and how its interval was computed, as JSON types; nothing where there are no kinds."""
    if not recalls:
        return {}
    method = {"level": LEVEL, "method": METHOD, "source": SOURCE}
    return {"recall_by_kind": [of_kind.to_dict() for of_kind in recalls], "recall_by_kind_method": method}


def kind_lines(recalls: Sequence[KindRecall]) -> list[str]:
    """A line for each kind; of very many those with the lowest recall, metrics.json has all."""
    if not recalls:
        return []
    shown = sorted(recalls, key=lambda of_kind: of_kind.recall)[:SHOWN] if len(recalls) > SHOWN else list(recalls)
    width = max(18, *(len(_name(of_kind)) for of_kind in shown))
    lines = [
        f"  {_name(of_kind):{width}} {of_kind.recall:8.4f}   {of_kind.interval.low:.4f} to {of_kind.interval.high:.4f}"
        f"   {of_kind.found} of {of_kind.images}"
        for of_kind in shown
    ]
    more = [f"  and {len(recalls) - SHOWN} kinds with a higher recall"] if len(recalls) > SHOWN else []
    return [f"  {'recall by kind':{width}} {'value':>8}   95 % interval      found", *lines, *more]


def _name(of_kind: KindRecall) -> str:
    return of_kind.kind or "(no kind)"
