"""Which opsets can be exported."""

# DirectML has no Conv from opset 22 on; ReduceMean and Pad take their present form from 18 on.
OPSETS = range(17, 21)
DEFAULT_OPSET = 18
