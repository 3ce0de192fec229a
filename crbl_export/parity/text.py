"""A parity report for people."""

from crbl_export.parity.report import DivergentNode, ParityGate, ParityReport
from crbl_export.parity.rounding_effect import LARGEST_EFFECT, RoundingEffect
from crbl_runtime.counted import counted


def gate_lines(gate: ParityGate) -> list[str]:
    """What the gate measured, as lines of text."""
    lines = [line for report in gate.reports for line in parity_lines(report)]
    return lines if gate.rounding is None else [*lines, rounding_line(gate.rounding)]


def parity_lines(report: ParityReport) -> list[str]:
    """The report as lines of text, the verdict last."""
    lines = [
        f"Parity on {counted(report.images, 'image')} ({report.images_source}), provider {report.provider}",
        f"  SHA-256 of the images                     {report.images_hash[:16]}…",
        f"  largest |logit error| of float32 PyTorch  {report.error_torch:.2e}  (against float64 PyTorch)",
        f"  largest |logit error| of the model file   {report.error_onnx:.2e}  (at most {report.limit:.2e})",
        f"  median |logit error| of the model file    {report.median_error_onnx:.2e}  "
        f"(at most {report.median_limit:.2e})",
        f"  decisions flipped at p > {report.threshold:g}: {report.flips}, "
        f"and {report.flips_within_margin} within the margin of {report.margin:.2e} around the threshold",
    ]
    if report.unreadable:
        lines.append(
            f"  {counted(len(report.unreadable), 'image')} could not be read: {', '.join(report.unreadable[:5])}"
        )
    if report.divergence is not None:
        lines += ["  First divergent node:", *(f"    {line}" for line in divergence_lines(report.divergence))]
    lines.append("  PASSED" if report.passed else f"  FAILED: {'; '.join(report.failures)} ({report.worst_image})")
    return lines


def rounding_line(effect: RoundingEffect) -> str:
    """What rounding to half changed, as a line of text."""
    return (
        f"Weights rounded to half precision: a logit moves by at most {effect.error:.2e} "
        f"(at most {LARGEST_EFFECT:g} is allowed), {effect.flips} decisions flip"
    )


def divergence_lines(divergence: DivergentNode) -> list[str]:
    """Where the error jumps, as lines of text."""
    return [
        f"{divergence.node} (operator {divergence.operator}), compared with {divergence.pytorch} of PyTorch",
        f"error before {divergence.error_before:.2e}, after {divergence.error_after:.2e}, "
        "as a share of the largest value",
        f"value at {list(divergence.position)}: {divergence.value_onnx:.7g} in the model file, "
        f"{divergence.value_reference:.7g} in float64 PyTorch",
        divergence.cause,
    ]
