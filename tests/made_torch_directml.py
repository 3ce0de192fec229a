"""A module that passes for torch_directml where there is no adapter."""

ADAPTERS = """
names = ["Radeon One\\0", "Radeon Two\\0"]
def device_count(): return len(names)
def device_name(index): return names[index]
"""

WORKING = (
    ADAPTERS
    + """
import torch
def device(index): return torch.device("cpu")
"""
)

# It computes only without tiled resources. As in the genuine one, the first use of the device decides which it has.
WRONG_WITH_TILED_RESOURCES = (
    ADAPTERS
    + """
import functools, torch
tiled = True
def disable_tiled_resources(is_disabled):
    global tiled
    tiled = not is_disabled
@functools.cache
def device(index): return torch.device("meta" if tiled else "cpu")
"""
)

# It answers the probe, which runs in a process of its own, and cannot train.
BREAKS_IN_TRAINING = (
    WORKING
    + """
import sys
def device(index): return torch.device("meta" if "crbl_training" in sys.modules else "cpu")
"""
)
