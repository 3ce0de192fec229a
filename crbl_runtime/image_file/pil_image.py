"""The samples of a PIL image, in the modes whose meaning is exact, and what else of it counts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crbl_runtime.errors import ImageKindError, ImageValueError
from crbl_runtime.image_file.limits import damaged
from crbl_runtime.image_file.samples import Samples

DIRECT_MODES = frozenset(["1", "L", "LA", "RGB", "RGBA", "RGBX", "I;16", "I;16L", "I;16B", "I;16N", "I"])
CONVERTED_MODES = {"P": "RGBA", "PA": "RGBA", "YCbCr": "RGB", "CMYK": "RGB"}
GREY_STEP = {"L;2": 85, "L;4": 17}
ORIENTATION = 0x0112


def samples_of(image: Image.Image, name: str) -> Samples:
    """The samples of a loaded PIL image: uint8 or uint16, [H, W] or [H, W, C].

    Raises:
        ImageKindError: the mode has no exact conversion. ImageValueError: values beyond 16 bits.
        ImageDamagedError: the palette is too short.
    """
    if image.mode in CONVERTED_MODES:
        _check_palette(image, name)
        return np.array(image.convert(CONVERTED_MODES[image.mode]))
    if image.mode not in DIRECT_MODES:
        raise ImageKindError(
            f"{name}: PIL mode {image.mode!r} has no exact conversion to RGB. "
            f"Convert it by your own rule, for instance image.convert('RGB')."
        )
    pixels: NDArray[Any] = np.asarray(image)
    if image.mode == "1":
        return np.where(pixels, np.uint8(255), np.uint8(0))
    if image.mode == "I" and (pixels.min() < 0 or pixels.max() > 65535):
        raise ImageValueError(
            f"{name}: PIL mode 'I' with values from {pixels.min()} to {pixels.max()}, where 0 to 65535 is expected. "
            f"Scale it to 16 bits by your own rule."
        )
    if image.mode == "RGBX":
        pixels = pixels[..., :3]
    return pixels.astype(np.uint8) if pixels.dtype.itemsize == 1 else pixels.astype(np.uint16)


def colour_key(image: Image.Image) -> NDArray[Any] | None:
    """The transparent colour of a PIL image without alpha and palette, or None; known in full before it is loaded."""
    key = image.info.get("transparency")
    if key is None or image.mode in ("P", "PA", "LA", "RGBA", "RGBX"):
        return None
    # Pillow spreads grey of 2 and 4 bits over 0 to 255, but not the key it is compared with.
    tile: Any = getattr(image, "tile", None)
    return np.atleast_1d(np.asarray(key)) * (GREY_STEP.get(tile[0][3], 1) if image.mode == "L" and tile else 1)


def make_white(rgb: NDArray[np.uint8], samples: Samples, key: NDArray[Any] | None, name: str) -> NDArray[np.uint8]:
    """RGB [H, W, 3], white where the samples [H, W] or [H, W, C] that it was made from equal the colour key [C].

    Raises:
        ImageKindError: the key does not fit the samples.
    """
    if key is None:
        return rgb
    channels = samples.reshape(*rgb.shape[:2], -1)
    if key.dtype.kind not in "iu" or key.shape != channels.shape[2:] or key.max() > np.iinfo(samples.dtype).max:
        raise ImageKindError(
            f"{name}: transparency {key.tolist()} does not fit the image's mode. "
            f"Give the path of the file, or remove image.info['transparency']."
        )
    return np.where((channels == key).all(axis=2, keepdims=True), np.uint8(255), rgb)


def orientation(image: Image.Image) -> int:
    """The orientation, 1 to 8, in the EXIF block of a PIL image; 1 (upright) where it gives none.

    An unreadable block counts as none: cameras write many such, and the pixels are sound without it.
    """
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif") or b"")
        value = exif.get(ORIENTATION)
    except Exception:  # Whatever Pillow makes of bytes that are no EXIF block.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _check_palette(image: Image.Image, name: str) -> None:
    if image.palette is None or image.mode not in ("P", "PA"):
        return
    largest = int(np.asarray(image.getchannel(0) if image.mode == "PA" else image).max())
    colours = len(image.palette.palette) // len(image.palette.mode)
    if largest >= colours:
        raise damaged(name, f"a pixel has palette index {largest} and the palette {colours} colours")
