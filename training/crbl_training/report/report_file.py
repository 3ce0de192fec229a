"""The file of a report, which may be rewritten often, and which no work depends on."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from crbl_runtime.atomic_file import write_text
from crbl_runtime.errors import OutputError
from crbl_runtime.report.page import filled_page
from crbl_runtime.report.time_text import now
from crbl_runtime.report.without_nan import without_nan
from crbl_runtime.version import __version__
from crbl_training.process_group import current_shard

# Raised whenever the page of another version could not show the data.
SCHEMA = 1


class ReportFile:
    """An HTML file that is replaced as a whole. In a group of processes rank 0 writes it.

    Where it cannot be written, that is said once, and the work goes on: the next time it is tried again.

    Attributes:
        problem: why it could not be written the last time; None where it could.
    """

    def __init__(self, path: Path, notify: Callable[[str], None]) -> None:
        self.path = path
        self.problem: str | None = None
        self._notify = notify
        self._said = False

    def write(self, data: dict[str, Any], pictures: Iterable[bytes] = ()) -> None:
        """Replace the file by the page with this data (JSON types) and these pictures (WebP)."""
        if current_shard().rank > 0:
            return
        about = {"schema": SCHEMA, "version": __version__, "written": now()}
        page = filled_page("crbl_training.report", "training.html", without_nan(about | data), pictures)
        try:
            write_text(self.path, page)
        except OutputError as error:
            self.problem = str(error)
            if not self._said:
                self._notify(f"The report is not written, and all else goes on. {error}")
            self._said = True
        else:
            self.problem = None

    def to_dict(self) -> dict[str, Any]:
        """What metrics.json holds about it."""
        return {"file": self.path.name, "problem": self.problem}
