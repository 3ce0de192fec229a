"""What users choose from, by name. Imports nothing: a command offers the choices before it loads OpenCV."""

# The regions of an image and the channel orders of a network, see `preprocessing.PreprocessingSpec`.
REGIONS = ("object", "border", "whole")
CHANNEL_ORDERS = ("rgb", "bgr")

# Execution providers, best first, with onnxruntime's names for them.
EXECUTION_PROVIDERS = {
    "directml": "DmlExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}

# The CPU and every GPU provider that works here.
ALL_PROVIDERS = "all"
