"""From which onnxruntime on a file loads."""

import onnx

from crbl_runtime.onnx_messages import ONNX_DOMAINS

# Releases that read a higher opset, or a higher IR version, than those before them, and the highest ones they read:
# onnxruntime.ai/docs/reference/compatibility.html, "ONNX opset support". All were tried with the releases themselves
# (benchmarks/old_onnxruntime.py for the opsets of crbl-export). Older ones than the first were not. Opset 19 is read by
# 1.15 already, which has no kernel for its Cast.
RELEASES = (
    ("1.12", 17, 8),
    ("1.14", 18, 8),
    ("1.16", 19, 9),
    ("1.17", 20, 9),
    ("1.18", 21, 10),
    ("1.21", 22, 10),
    ("1.23", 23, 11),
)


def first_onnxruntime(model: onnx.ModelProto) -> str | None:
    """The first release that reads the model's opset and IR version, such as "1.14"; None where it is not known."""
    opset = opset_of(model)
    return next(
        (release for release, highest, newest in RELEASES if opset <= highest and model.ir_version <= newest), None
    )


def opset_of(model: onnx.ModelProto) -> int:
    """Of ONNX's own operators; 0 where the model has none of them."""
    return next((entry.version for entry in model.opset_import if entry.domain in ONNX_DOMAINS), 0)
