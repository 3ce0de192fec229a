"""A report that is written again and again while the work goes on that it tells of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crbl_runtime.errors import CRBLError, first_line
from crbl_training.report.pictures import Pictures
from crbl_training.report.report_file import ReportFile

RUNNING, FINISHED, STOPPED = "running", "finished", "stopped"


class LiveReport:
    """What is known so far, and the file that shows it.

    Attributes:
        data: JSON types; report_pages/src/training/training_data.ts explains them. pictures: those that the data names.
        has_begun: whether it was written, or tried to be.
    """

    def __init__(self, file: ReportFile, data: dict[str, Any], pictures: Pictures) -> None:
        self.file, self.data, self.pictures = file, data | {"status": RUNNING, "reason": None}, pictures
        self.has_begun = False

    def update(self, **changes: Any) -> None:
        """Change some of the data, JSON types, and write it."""
        self.data |= changes
        self.has_begun = True
        self.file.write(self.data, self.pictures.files)

    def finish(self, **changes: Any) -> None:
        """The same, and say that the work is done."""
        self.update(status=FINISHED, **changes)


@contextmanager
def live_report(
    path: Path, data: dict[str, Any], pictures: Pictures, notify: Callable[[str], None]
) -> Iterator[LiveReport]:
    """The report of what is done within the block; what ends the block early is said in it.

    Nothing is written before the first `update`, nor where the block ends without one.

    Args:
        data: what is known from the start. notify: is told once where the file cannot be written.
    """
    report = LiveReport(ReportFile(path, notify), data, pictures)
    try:
        yield report
    except BaseException as error:
        if report.has_begun:
            report.update(status=STOPPED, reason=_reason(error))
        raise


def _reason(error: BaseException) -> str | None:
    """None where somebody stopped it."""
    if isinstance(error, KeyboardInterrupt):
        return None
    return str(error) if isinstance(error, CRBLError) else f"{type(error).__name__}: {first_line(error)}"
