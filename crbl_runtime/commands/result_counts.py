"""What crbl-predict says at its end, counted as the results come: it keeps none of them."""

from typing import TYPE_CHECKING

from crbl_runtime.commands.image_result import ImageResult
from crbl_runtime.counted import counted
from crbl_runtime.standard_streams import printable

if TYPE_CHECKING:
    from crbl_runtime.detector import Prediction

NAMED_FAILURES = 1000
"""How many images that failed are named once more at the end."""


class ResultCounts:
    """How many images were predicted, are anomalous or failed, and on what it ran.

    Attributes:
        failures: what was wrong with the first NAMED_FAILURES images that failed.
    """

    def __init__(self) -> None:
        self.predicted = 0
        self.anomalous = 0
        self.failed = 0
        self.failures: list[str] = []
        self._unclear = 0
        self._first: Prediction | None = None

    @property
    def results(self) -> int:
        """How many results there are."""
        return self.predicted + self.failed

    def add(self, result: ImageResult) -> None:
        """Count one more."""
        if result.error is not None:
            self.failed += 1
            if len(self.failures) < NAMED_FAILURES:
                self.failures.append(result.error)
            return
        self.predicted += 1
        self.anomalous += result.is_anomaly
        self._unclear += result.bit_depth_unclear
        self._first = self._first or result.predictions[0]

    def summary_lines(self) -> list[str]:
        """The counts, on what it ran, and what there is to be warned of."""
        summary = f"{counted(self.predicted, 'image')} predicted, {self.anomalous} anomalous" + (
            f", {self.failed} failed" if self.failed else ""
        )
        if self._first is None:
            return [summary]
        lines = [f"{summary} (on {self._first.provider})"]
        if self._first.fallback:
            lines.append(f"Fallback: {self._first.fallback}")
        if self._unclear:
            from crbl_runtime.image_file.bit_depth import unclear_depth_text

            lines.append(f"Warning: {unclear_depth_text(self._unclear)}")
        # One machine prepares all images, those of a second model too.
        return [*lines, f"Warning: {self._first.preparation}"] if self._first.preparation else lines

    def failure_lines(self) -> list[str]:
        """The images that failed, each with its reason; none where none has failed."""
        if not self.failed:
            return []
        others = self.failed - len(self.failures)
        return [
            f"{counted(self.failed, 'image')} could not be predicted:",
            *(f"  {printable(failure)}" for failure in self.failures),
            *([f"  … and {others} more, with their results"] if others else []),
        ]
