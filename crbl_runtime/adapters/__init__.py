"""The graphics adapters of this machine, with the numbers that onnxruntime has for them."""

from crbl_runtime.adapters.adapter import Adapter
from crbl_runtime.adapters.listing import adapters
from crbl_runtime.adapters.named import adapter_named

__all__ = ["Adapter", "adapter_named", "adapters"]
