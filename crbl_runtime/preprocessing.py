"""From an image to what the network sees: one spec, one code, for the trainer, the exporter and the runtime."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crbl_runtime.bicubic import resize_bicubic
from crbl_runtime.compared_by_value import ComparedByValue
from crbl_runtime.errors import UsageError
from crbl_runtime.image import MAX_PIXELS, DecodedImage, ImageInput, decode_image
from crbl_runtime.image_file.decode_options import DraftLimits
from crbl_runtime.installation import require_whole
from crbl_runtime.options import BIT_DEPTHS, CHANNEL_ORDERS, REGIONS
from crbl_runtime.region import Region, border_region, object_region, whole_region

require_whole("cv2")

SMALLEST_IMAGE_SIZE = 32
# A draft's sides are at least this many times the image size: what the network sees is still made of more pixels.
LEAST_DRAFT = 2

# `resize` as it computes now; another way to compute it gets another name, so that no file is used with it unnoticed.
ARITHMETIC = "cubic-float64"

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PreprocessingSpec:
    """Everything that stands between an image and the network. Travels in checkpoints and model files.

    Attributes:
        region: "object" (the largest dark object), "border" (all but the first rows and columns) or "whole".
        image_size: side of the square the region is resized to, in pixels, at least 32.
        object_threshold: grey values up to this one belong to the object (0 to 255); region "object" only.
        object_bottom: row from which on nothing belongs to the object, None for none; region "object" only.
        object_size: side of the intermediate square the object is resized to by area; region "object" only.
        border: rows and columns dropped at the top and the left; region "border" only.
        channel_order: order of the channels the network was trained on; images and model inputs are RGB always.
        divisor: uint8 values are divided by this first.
        mean: per channel, in the network's channel order; subtracted after the division by `divisor`.
        std: per channel; divided by after that.
        arithmetic: how pixels are computed; this version of crbl knows `ARITHMETIC` alone.
        bit_depth: how many of their 16 bits the samples of 16-bit images use that do not declare it, one of BIT_DEPTHS;
            None where nobody said so: all 16, and where that is doubtful the prepared image says so.
        fast_decode: whether large JPEGs are decoded at a half, a quarter or an eighth of their size, which is faster
            and gives other pixels; never to less than twice `image_size`, and not for the region "object", whose
            outline would be found elsewhere.
    """

    region: str
    image_size: int = 128
    object_threshold: int = 150
    object_bottom: int | None = 89
    object_size: int = 100
    border: int = 4
    channel_order: str = "rgb"
    divisor: float = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    arithmetic: str = ARITHMETIC
    bit_depth: int | None = None
    fast_decode: bool = False

    def __post_init__(self) -> None:
        _require(self.region in REGIONS, f"region is {self.region!r}, expected one of {', '.join(REGIONS)}")
        _require(
            self.channel_order in CHANNEL_ORDERS,
            f"channel_order is {self.channel_order!r}, expected one of {', '.join(CHANNEL_ORDERS)}",
        )
        _require(
            _is_integer(self.image_size, SMALLEST_IMAGE_SIZE, 4096),
            f"image_size is {self.image_size!r}, expected a whole number of pixels from {SMALLEST_IMAGE_SIZE} to 4096",
        )
        _require(
            _is_integer(self.object_threshold, 0, 255),
            f"object_threshold is {self.object_threshold!r}, expected a grey value from 0 to 255",
        )
        _require(
            self.object_bottom is None or _is_integer(self.object_bottom, 1, 2**31),
            f"object_bottom is {self.object_bottom!r}, expected a row number of at least 1, or None",
        )
        _require(_is_integer(self.object_size, 1, 4096), f"object_size is {self.object_size!r}, expected 1 to 4096")
        _require(_is_integer(self.border, 0, 2**31), f"border is {self.border!r}, expected 0 or more rows")
        _require(self.arithmetic == ARITHMETIC, f"arithmetic is {self.arithmetic!r}, expected {ARITHMETIC!r}")
        _require(
            self.bit_depth is None or (_is_integer(self.bit_depth, 1, 16) and self.bit_depth in BIT_DEPTHS),
            f"bit_depth is {self.bit_depth!r}, expected one of {', '.join(map(str, BIT_DEPTHS))}, or None",
        )
        _require(isinstance(self.fast_decode, bool), f"fast_decode is {self.fast_decode!r}, expected True or False")
        _require(
            not (self.fast_decode and self.region == "object"),
            'fast_decode is True with the region "object": at a part of its size an image has its object elsewhere; '
            "leave fast_decode out for this model",
        )
        for name, values in (("divisor", (self.divisor,)), ("mean", self.mean), ("std", self.std)):
            _require(
                all(isinstance(value, (int, float)) and np.isfinite(value) for value in values)
                and (name == "divisor" or len(values) == 3)
                and (name == "mean" or all(value > 0 for value in values)),
                f"{name} is {values!r}, expected finite numbers, three for mean and std, positive for divisor and std",
            )

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON types; `from_dict` gives the same spec back."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PreprocessingSpec":
        """The spec that `to_dict` wrote.

        Raises:
            UsageError: a key is unknown or missing, or a value is out of range.
        """
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise UsageError(
                f"The preprocessing spec has the keys {sorted(values)}, expected exactly {sorted(known)}. "
                "It was written by another version of crbl: install that version, or export the model again."
            )
        triples: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) and len(value) == 3 else value for key, value in values.items()
        }
        return cls(**triples)

    @property
    def hash(self) -> str:
        """SHA-256 of the spec's canonical JSON; two specs that treat images differently never share it."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class PreparedImage(ComparedByValue):
    """What the network is given for one image.

    Attributes:
        pixels: uint8 [image_size, image_size, 3], RGB.
        region_found: False where no object was found and the whole image stands in for it.
        box: (x, y, width, height) of the region in the whole image, in its pixels.
        notes: what of the image's file has no part in its pixels, such as "its ICC profile was ignored".
        bit_depth_unclear: whether its samples have 16 bits, stay below 16384, and nobody said how many bits they use.
    """

    pixels: NDArray[np.uint8]
    region_found: bool
    box: tuple[int, int, int, int]
    notes: tuple[str, ...] = ()
    bit_depth_unclear: bool = False


def prepare(
    image: ImageInput,
    spec: PreprocessingSpec,
    *,
    channel_order: str = "rgb",
    scale: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> PreparedImage:
    """Decode an image, cut out its region and resize it.

    Args:
        image: as `decode` takes it.
        spec: what is cut out and how large it becomes, as in the model file.
        channel_order: of this image, see `decode`; the spec's own `channel_order` is that of the network.
        scale: of this image, see `decode`.
        max_pixels: of this image, see `decode`.

    Raises:
        ImageError: the image cannot be decoded.
        UsageError: an argument is out of range, or does not fit this image.
    """
    decoded = decode_for(image, spec, channel_order=channel_order, scale=scale, max_pixels=max_pixels)
    return prepare_decoded(decoded, spec)


def decode_for(
    image: ImageInput,
    spec: PreprocessingSpec,
    *,
    channel_order: str = "rgb",
    scale: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> DecodedImage:
    """Decode an image as the spec says: the first half of `prepare`, with its arguments and errors."""
    return decode_image(
        image,
        spec.bit_depth,
        channel_order=channel_order,
        scale=scale,
        max_pixels=max_pixels,
        draft=_draft_limits(spec),
    )


def prepare_decoded(image: DecodedImage, spec: PreprocessingSpec) -> PreparedImage:
    """The second half of `prepare`, for what `decode_for` gave with this spec."""
    region = find_region(image.pixels, spec, image.draft_scale)
    x, y, width, height = (image.draft_scale * length for length in region.box)
    box = (x, y, width, height)
    return PreparedImage(resize(region.pixels, spec), region.found, box, image.notes, image.bit_depth_unclear)


def find_region(pixels: NDArray[np.uint8], spec: PreprocessingSpec, draft_scale: int = 1) -> Region:
    """The part of a decoded image (uint8 [H, W, 3], RGB) that the spec asks for, in pixels of the decoded image.

    Args:
        draft_scale: see `DecodedImage`; it divides the spec's border.
    """
    if spec.region == "object":
        return object_region(pixels, spec.object_threshold, spec.object_bottom)
    if spec.region == "border":
        return border_region(pixels, spec.border // draft_scale)
    return whole_region(pixels)


def resize(pixels: NDArray[np.uint8], spec: PreprocessingSpec) -> NDArray[np.uint8]:
    """A region (uint8 [h, w, 3]) as a square of uint8 [image_size, image_size, 3], stretched as in training."""
    if spec.region == "object":
        pixels = _resize_by_area(pixels, spec.object_size)
    return resize_bicubic(pixels, spec.image_size)


def _draft_limits(spec: PreprocessingSpec) -> DraftLimits | None:
    if not spec.fast_decode:
        return None
    return DraftLimits(LEAST_DRAFT * spec.image_size, spec.border if spec.region == "border" else 0)


def _resize_by_area(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    resized = cv2.resize(np.ascontiguousarray(pixels), (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.uint8)


def _is_integer(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise UsageError(f"Preprocessing spec: {message}.")
