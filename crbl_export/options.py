"""What users choose from, and defaults. Imports nothing: a command offers the choices before it loads torch."""

# DirectML has no Conv from opset 22 on; ReduceMean and Pad take their present form from 18 on.
OPSETS = range(17, 21)
DEFAULT_OPSET = 18

# The CPU and every GPU provider that works here.
ALL_PROVIDERS = "all"
