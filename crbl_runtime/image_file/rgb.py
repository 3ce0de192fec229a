"""From the samples an image holds to RGB uint8: bit depth, grey, alpha and orientation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]


def to_8_bit(samples: Samples) -> NDArray[np.uint8]:
    """Samples uint8 or uint16 of any shape -> uint8; 16-bit values are divided by 257 and rounded to nearest.

    257 because it maps 65535 to 255 and 257·v back to v. The divisor is odd, so there are no ties.
    """
    if samples.dtype == np.uint8:
        return samples.view(np.uint8)
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def flatten(samples: Samples) -> NDArray[np.uint8]:
    """Samples [H, W] or [H, W, C], uint8 or uint16 -> RGB uint8 [H, W, 3].

    C = 1 is grey, 2 grey and alpha, 3 RGB, 4 RGBA. Alpha is straight (not premultiplied); it is composited on white,
    in integers, rounded to nearest, after 16-bit has become 8-bit. Opaque 8-bit RGB comes back as it is, uncopied.
    """
    colour, alpha = _split(to_8_bit(samples))
    if alpha is None:
        return colour
    weight = alpha.astype(np.uint16)
    premultiplied: NDArray[np.uint16] = (colour * weight + 127) // 255
    return _over_white(premultiplied, weight)


def flatten_premultiplied(samples: Samples) -> NDArray[np.uint8]:
    """Samples [H, W, 4] with colour already multiplied by alpha -> RGB uint8 [H, W, 3] on white.

    Since 255·(255 − alpha)/255 is whole, this equals `flatten` of the straight image whenever the premultiplication
    was rounded to nearest. Colour above its alpha is not a possible premultiplied value and saturates at white.
    """
    colour, alpha = _split(to_8_bit(samples))
    assert alpha is not None
    return _over_white(colour.astype(np.uint16), alpha.astype(np.uint16))


def expand_palette(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Indices [H, W], each below n, and a palette [n, 3] RGB or [n, 4] RGBA -> RGB uint8 [H, W, 3]."""
    # Compositing n colours gives the same pixels as compositing H x W of them.
    colours: NDArray[np.uint8] = flatten(palette[np.newaxis])[0]
    return colours[indices]


def make_white(rgb: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """RGB [H, W, 3] with the pixels of the mask [H, W] white: a colour key is alpha that is 0 or 255."""
    return np.where(where[..., np.newaxis], np.uint8(255), rgb)


def upright(rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn an image as its EXIF orientation, 1 to 8, says (EXIF 2.32, tag 0x0112).

    5 to 8 exchange height and width.
    """
    turned: NDArray[Any] = rgb.transpose(1, 0, 2) if orientation >= 5 else rgb
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


def _split(samples: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Samples [H, W] or [H, W, C] -> RGB [H, W, 3] and alpha [H, W, 1] or None."""
    if samples.ndim == 2:
        samples = samples[..., np.newaxis]
    has_alpha = samples.shape[2] in (2, 4)
    alpha = samples[..., -1:] if has_alpha else None
    colour = samples[..., :-1] if has_alpha else samples
    if colour.shape[2] == 1:
        colour = np.repeat(colour, 3, axis=2)
    return np.ascontiguousarray(colour), alpha


def _over_white(premultiplied: NDArray[np.uint16], alpha: NDArray[np.uint16]) -> NDArray[np.uint8]:
    on_white: NDArray[np.uint16] = np.minimum(premultiplied + (255 - alpha), 255)
    return on_white.astype(np.uint8)
