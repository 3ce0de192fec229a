"""Changes to the exported graph, each in a file of its own that says why it is made."""

import onnx

from crbl_export.passes.canonical_form import canonical_form
from crbl_export.passes.constants_as_initializers import constants_as_initializers
from crbl_export.passes.fold_padding import fold_padding
from crbl_export.passes.reduce_rows_first import reduce_rows_first
from crbl_export.passes.reshape_without_allowzero import reshape_without_allowzero
from crbl_export.passes.simplify import simplify

PASSES = (
    simplify,
    constants_as_initializers,
    fold_padding,
    reduce_rows_first,
    reshape_without_allowzero,
    canonical_form,
)


def apply_passes(model: onnx.ModelProto) -> onnx.ModelProto:
    """All passes, in order."""
    for change in PASSES:
        model = change(model)
    return model
