"""Where the initial weights of a backbone come from, as users name it."""

from pathlib import Path

from crbl_runtime.errors import UsageError

# https://huggingface.co/timm/tf_efficientnet_b0.in1k and .../tf_efficientnet_b0.ns_jft_in1k
TIMM_NAMES = {"imagenet": "tf_efficientnet_b0.in1k", "noisy-student": "tf_efficientnet_b0.ns_jft_in1k"}


def require_source(source: str) -> None:
    """Make sure that a source is "imagenet", "noisy-student", "none" or a file that exists.

    Raises:
        UsageError: it is none of these.
    """
    if source not in (*TIMM_NAMES, "none") and not Path(source).is_file():
        raise UsageError(
            f"--weights {source}: no such file. Expected {', '.join(TIMM_NAMES)}, none, or the path of a weights file."
        )
