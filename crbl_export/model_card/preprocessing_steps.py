"""A preprocessing spec in words and numbers, for programs that prepare their images themselves."""

from crbl_runtime.preprocessing import LEAST_DRAFT, PreprocessingSpec


def preparation_steps(spec: PreprocessingSpec) -> list[str]:
    """From an image file to the bytes that the network is given, one sentence or two a step."""
    return [_decoding(spec), *_draft(spec), *_region_steps(spec), *_resize_steps(spec), _order(spec)]


def scaling_in_the_graph(spec: PreprocessingSpec) -> str:
    """What the graph does with the bytes, so that no program does it twice."""
    order = "" if spec.channel_order == "rgb" else "the channels are turned from RGB to BGR, "
    scaled = f"{order}each value is divided by {spec.divisor:g}"
    if spec.mean != (0.0, 0.0, 0.0) or spec.std != (1.0, 1.0, 1.0):
        scaled += (
            f", then {list(spec.mean)} is subtracted and the result divided by {list(spec.std)}, channel by channel"
        )
    return f"{scaled}."


def region_in_words(spec: PreprocessingSpec) -> str:
    """What of an image is predicted."""
    if spec.region == "object":
        return "the largest dark object, cut out of the image"
    if spec.region == "border":
        return f"the image without its first {spec.border} rows and {spec.border} columns"
    return "the whole image"


def _decoding(spec: PreprocessingSpec) -> str:
    bits = spec.bit_depth if spec.bit_depth is not None else 16
    divided = "by 257" if bits == 16 else f"by {2**bits - 1:,} / 255, since they use {bits} of their bits,"
    return (
        "Decode the file to RGB with 8 bits a channel: turn it as its EXIF orientation says; divide 16-bit values "
        f"{divided} and round, unless the file declares another bit depth; repeat grey in all three channels; expand a "
        "palette; put transparent pixels on white."
    )


def _draft(spec: PreprocessingSpec) -> list[str]:
    if not spec.fast_decode:
        return []
    divides, region = "its width and its height", "a side"
    if spec.region == "border" and spec.border:
        divides, region = f"its width, its height and {spec.border}", "a side of the region"
    return [
        "Let the decoder of a JPEG give it at 1/8, 1/4 or 1/2 of its size (libjpeg: `scale_denom`): the first of them "
        f"whose divisor divides {divides} and leaves {region} at least {LEAST_DRAFT * spec.image_size} pixels; else in "
        "full, as all other files. Rows and columns below are those of the full size: divide them, too."
    ]


def _region_steps(spec: PreprocessingSpec) -> list[str]:
    if spec.region == "whole":
        return ["Keep the whole image."]
    if spec.region == "border":
        return [
            f"Drop the first {spec.border} rows and the first {spec.border} columns. An image of no more rows or "
            "columns than that is kept whole."
        ]
    bottom = (
        []
        if spec.object_bottom is None
        else [f"Where y + h is greater than {spec.object_bottom}, set h = {spec.object_bottom} − y."]
    )
    return [
        f"Make a mask of the pixels whose grey value, 0.299 R + 0.587 G + 0.114 B rounded, is at most "
        f"{spec.object_threshold}.",
        "Find the outer contours of the mask (OpenCV: `RETR_EXTERNAL`, `CHAIN_APPROX_SIMPLE`), take the one with the "
        "largest `contourArea`, and its bounding box: x, y, width w, height h.",
        *bottom,
        "Cut out the box less one pixel on every side: rows y + 1 to y + h − 2, columns x + 1 to x + w − 2, both "
        "included. Without a contour, or where w or h is at most 2, keep the whole image, and tell the user so.",
    ]


def _resize_steps(spec: PreprocessingSpec) -> list[str]:
    size = f"{spec.image_size} × {spec.image_size}"
    last = (
        f"Turn the values into 64-bit floating-point numbers, resize to {size} pixels, bicubic (OpenCV: `INTER_CUBIC`, "
        "which does not smooth before it shrinks), without keeping the proportions, then round each value v to "
        "floor(v + 0.5) and limit it to 0 to 255. On 8-bit values builds of OpenCV differ from each other."
    )
    if spec.region != "object":
        return [last]
    return [
        f"Resize to {spec.object_size} × {spec.object_size} pixels by area (OpenCV: `INTER_AREA`, on 8-bit values), "
        "without keeping the proportions.",
        last,
    ]


def _order(spec: PreprocessingSpec) -> str:
    count = spec.image_size * spec.image_size * 3
    trained = "" if spec.channel_order == "rgb" else " The network was trained on BGR; the graph turns the channels."
    return (
        f"Hand over the {count:,} bytes as they are: rows from the top, pixels from the left, **R before G before B**. "
        f"OpenCV decodes to BGR and System.Drawing stores BGR: swap first.{trained}"
    )
