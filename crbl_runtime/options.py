"""What users choose from, by name. Imports nothing: a command offers the choices before it loads OpenCV."""

# The regions of an image and the channel orders of a network, see `preprocessing.PreprocessingSpec`.
REGIONS = ("object", "border", "whole")
CHANNEL_ORDERS = ("rgb", "bgr")

# How many bits cameras store in the 16 of a sample.
BIT_DEPTHS = (8, 10, 12, 14, 16)

# Of ONNX, that a model file can have. DirectML has no Conv from 22 on; ReduceMean and Pad take their present form from
# 18 on.
OPSETS = range(17, 21)

# Execution providers, best first, with onnxruntime's names for them.
EXECUTION_PROVIDERS = {
    "directml": "DmlExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
# Those that are tried where nobody has named one.
AUTOMATIC = ("directml", "cuda", "cpu")
# Before the name of an execution provider that is registered in the process, and not built into onnxruntime.
REGISTERED = "windowsml:"

# The CPU and every GPU provider that works here.
ALL_PROVIDERS = "all"


def is_registered(kind: str) -> bool:
    """Whether a provider is named as one that is registered in the process: REGISTERED and a name."""
    return kind.startswith(REGISTERED) and kind != REGISTERED


def provider_kinds() -> tuple[str, ...]:
    """What may be asked for as a provider, but for those that are registered."""
    return ("auto", "fastest", *EXECUTION_PROVIDERS)
