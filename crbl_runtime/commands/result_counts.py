"""What crbl-predict says at its end, counted as the results come: it keeps none of them."""

from typing import TYPE_CHECKING

from crbl_runtime.commands.image_result import ImageResult
from crbl_runtime.counted import counted
from crbl_runtime.standard_streams import printable

if TYPE_CHECKING:
    from crbl_runtime.prediction import Prediction

NAMED_FAILURES = 1000
"""How many images that failed are named once more at the end."""


class ResultCounts:
    """How many images were predicted, are anomalous or failed, and on what it ran.

    Attributes:
        exit_code: what the command ends with for the images that failed; 0 where none has.
    """

    def __init__(self) -> None:
        self.predicted = 0
        self.anomalous = 0
        self.failed = 0
        self.exit_code = 0
        self._failures: list[str] = []
        self._unclear = 0
        self._last: tuple[Prediction, ...] = ()

    @property
    def results(self) -> int:
        """How many images have a result, be it that they failed."""
        return self.predicted + self.failed

    def add(self, result: ImageResult) -> None:
        """Count one more."""
        if result.error is not None:
            self.failed += 1
            # A network that gives no numbers comes before images that cannot be read.
            self.exit_code = min(self.exit_code or result.exit_code, result.exit_code)
            if self.failed <= NAMED_FAILURES:
                self._failures.append(result.error)
            return
        self.predicted += 1
        self.anomalous += result.is_anomaly
        self._unclear += result.bit_depth_unclear
        self._last = result.predictions

    def summary_lines(self) -> list[str]:
        """The counts, on what it ran, which thresholds were given, and what there is to be warned of."""
        summary = f"{counted(self.predicted, 'image')} predicted, {self.anomalous} anomalous" + (
            f", {self.failed} failed" if self.failed else ""
        )
        if not self._last:
            return [summary]
        # What happens on the way stays true to the end: a device that was removed, and where it went on.
        first = self._last[0]
        given = [f"{each.threshold:g} for {each.variant}" for each in self._last if each.threshold_given]
        lines = [f"{summary} (on {first.provider})"]
        if given:
            lines.append(f"Thresholds given, in place of the model files': {', '.join(given)}")
        if first.fallback:
            lines.append(f"Fallback: {first.fallback}")
        removed = dict.fromkeys(each.device_removed for each in self._last if each.device_removed)
        lines += [f"Warning: {each}" for each in removed]
        if self._unclear:
            from crbl_runtime.image_file.bit_depth import unclear_depth_text

            lines.append(f"Warning: {unclear_depth_text(self._unclear)}")
        # One machine prepares all images, those of a second model too.
        return [*lines, f"Warning: {first.preparation}"] if first.preparation else lines

    def failure_lines(self) -> list[str]:
        """The images that failed, each with its reason; none where none has failed."""
        if not self.failed:
            return []
        others = self.failed - len(self._failures)
        return [
            f"{counted(self.failed, 'image')} could not be predicted:",
            *(f"  {printable(failure)}" for failure in self._failures),
            *([f"  … and {others} more, each said in its result"] if others else []),
        ]
