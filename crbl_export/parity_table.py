"""A parity report for people."""

from crbl_export.parity import ParityReport


def parity_lines(report: ParityReport) -> list[str]:
    """The report as lines of text, the verdict last."""
    lines = [
        f"Parity on {report.pictures} pictures ({report.pictures_source}), provider {report.provider}",
        f"  largest |logit error| of float32 PyTorch  {report.error_torch:.2e}  (against float64 PyTorch)",
        f"  largest |logit error| of the file         {report.error_file:.2e}  (at most {report.limit:.2e})",
        f"  decisions flipped at p > {report.threshold:g}: {report.flips}, "
        f"and {report.flips_within_margin} within the margin of {report.limit:.2e} around the threshold",
    ]
    if report.unreadable:
        lines.append(f"  {len(report.unreadable)} pictures could not be read: {', '.join(report.unreadable[:5])}")
    lines.append("  PASSED" if report.passed else f"  FAILED: {'; '.join(report.failures)} ({report.worst_picture})")
    return lines
