"""The two variants of the model and what belongs to each."""

from dataclasses import dataclass

from crbl_runtime.errors import UsageError


@dataclass(frozen=True)
class Variant:
    """What sets one variant apart.

    Attributes:
        name: as users type it, case-sensitive.
        region: the region its images are cut to by default.
        threshold: an image is anomalous when its probability is greater than this.
        trainable: which parameters are trained by default: "after-150" (from Keras layer 150 on) or "head".
    """

    name: str
    region: str
    threshold: float
    trainable: str


CROP = Variant("crop", region="object", threshold=0.01, trainable="after-150")
FULL = Variant("full", region="border", threshold=0.5, trainable="head")
VARIANTS = {variant.name: variant for variant in (CROP, FULL)}


def get_variant(name: str) -> Variant:
    """The variant of that name.

    Raises:
        UsageError: there is none; names are case-sensitive.
    """
    if name not in VARIANTS:
        raise UsageError(f"The variant is {name!r}, expected 'crop' or 'full' (lower case).")
    return VARIANTS[name]
