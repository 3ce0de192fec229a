"""What became of a case on DirectML."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        kind: "runs", "differs", "refused", "cannot compile" (Direct3D's failure 80004005), "fails", or "not run there".
        detail: the reason, or what it was compared with if that was not the CPU provider.
        difference: the largest from the CPU provider's output, relative to the output's scale.
    """

    kind: str
    detail: str = ""
    difference: float | None = None
