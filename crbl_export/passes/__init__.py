"""Changes to the exported graph, each in a file of its own with the reason for it."""

from crbl_export.passes.canonical_form import canonical_form
from crbl_export.passes.constants_as_initializers import constants_as_initializers
from crbl_export.passes.drop_zero_bias import drop_zero_bias
from crbl_export.passes.fold_padding import fold_padding
from crbl_export.passes.leave_out_defaults import leave_out_defaults
from crbl_export.passes.order_nodes import order_nodes
from crbl_export.passes.reduce_rows_first import reduce_rows_first
from crbl_export.passes.reshape_without_allowzero import reshape_without_allowzero
from crbl_export.passes.simplify import simplify

PASSES = (
    simplify,
    constants_as_initializers,
    fold_padding,
    reduce_rows_first,
    reshape_without_allowzero,
    drop_zero_bias,
    leave_out_defaults,
    order_nodes,
    canonical_form,
)
