"""The page's text."""

from crbl_export.parity.report import ParityGate
from crbl_export.parity.report_page.page_data import ParityRun, page_data
from crbl_runtime.preprocessing import decode_for
from crbl_runtime.report.page import filled_page
from crbl_runtime.report.webp import to_webp


def parity_page(run: ParityRun, gate: ParityGate) -> str:
    """One HTML file that shows whether a model file decides as PyTorch does, and by how much it is off on which image.

    Args:
        run: what was compared, and how. gate: what was measured; the page shows its numbers and computes none anew.
    """
    page = page_data(run, gate)
    spec = run.model.contract.preprocessing
    pictures = [to_webp(decode_for(gate.images.contents[number], spec).pixels) for number in page.pictured]
    return filled_page("crbl_export.parity.report_page", "parity.html", page.data, pictures)
