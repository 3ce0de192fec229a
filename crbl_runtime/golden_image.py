"""A small image file whose pixels are known, decoded and prepared: does this machine compute them too?"""

import base64
import hashlib

import cv2
import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import features

from crbl_runtime.image import decode
from crbl_runtime.preprocessing import PreprocessingSpec, prepare

# A JPEG of 67 x 57 pixels, made by formula: a dark mottled object on a light ground, colour at half the resolution,
# turned by its EXIF orientation. In the source, because tools that pack applications leave data files out.
GOLDEN_IMAGE = base64.b64decode(
    """
/9j/4AAQSkZJRgABAQAAAQABAAD/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8L
CwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0dHx8fExciJCIeJBweHx7/2wBDAQUFBQcGBw4ICA4eFBEUHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4e
Hh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh7/wAARCABDADkDASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAA
AgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVW
V1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx
8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEI
FEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaX
mJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwD6E8ba2fDfhe71r7N9
qNtszF5mzdudV64OPvZ6dqu6JetqmhWGpeT5Qu7aOfy927ZvUNjOBnGetYPxfsru9+HWqW1lbT3M7eSEihjLu2JkJwByeAT+Fa/gmKW38H6LBNFJ
DNHp8COjqVZWEaggg9CD2rD2svbOPS343Z6PsKawMan2+dr5WXT1vqabEA8jI7U5MAbiMVBql7p+nQLcale21pEzbRJPKsalsE4ySOcA/lVBPFfh
Zl/5GXRvr9ui/wDiq3jd7I4pOK6m0oyvXrUiKOR1pqKFPzflUq8E46UrXMJojI65Gaj+T+4KnkOCFHpTMVUQQz5nUiub+IniZPCnhibUwiSXDMsN
rG+dryN0zjsAGbtnbjIJFdKcA46ZHOK8H/aSuy3iDSbF9oigtTOhA+YtI5U5Oen7tcfU0sPSdWaijab5Y3POdfuNY12/e91O8uLq6JOfMckBck7R
2UZJwowBngVXgslUBSjBWGR7VqaXdKqtvXeTxg+tSzSCFizk4PBHYGvdwjnTupR0PHrOVP4DW8BeMNe8GTFI7l73TGwDZzsSiDdk+Xz8hOW5HHOS
DgY+ldLv7HU7CDUNPuVuLWdd8cidCP5gg8EHkEEGvki5vcjy1UcDgA8V6h+zr4h+zahceHbliY73NxbEj/lqq/OOB3Rc8nA2eprlxlHmvUW5phsU
21GTPcGAJJU80zB9KVmXGRnPrSeYa83Q9BK5Gr845Oa+afiRM+t+PNYkFsIvKuWgXLZyIgI89B125x2zjmvpUkfQivAvjLpz6P4tnnijZIL8GeNh
uILH/WAk992TgdAw6dK2wfMp+47M58fJqCaXU4rb5SrEAokHQg1LKrSI2QCM/MD0JrDnunZQqko4PJqzaXs0ke2RyxXruNfR0qbUL31OSTVSHKi5
HahiPLG3PLe1eh/AjTxN44lu3geSO1tHeOTkLHIxCAEjjJUyYB9Ce3HnMU0rruDsqjgD1HrXuPwG0W8sNEvtVvRKg1J4/s8ciYJjQNh+vRi5wCBw
oPIIrz8daMb3ObDQ5sTFW2PTduOhzSbV/uimg/Pz0FO8xPU/lXh3Pc16EBOTkj8Kw/Gnh208UaG+mXbunzCWGRescgBAOO45IIPYnocEbRb5c4FJ
nHbI71cbp6HRKCas0fJ3i3wxq2g6u1tqlk6Rlz5bqpMcuMco2ORyPcZ5APFZM0RLYVm/vEEYBr7Bu4La8ga2uoIp4HxujlQMrYORkHjqKp2miaFa
3iXVrpGn29xHnZLHaorLkYOCBkcEj8a7lippHNKlpyrY8t+FHw5mnaLWfEtrLBDGT5GnzR7WYg9XU8hc9FP3u/y/e9qVu5GSaZuXdnFYXjvxBqPh
7SIr3S9Au9eme4ERtrfduVSrHedqscAqB0/i61y8tSvNQWre3QzShQj+Z0J+Ugr0NLt965HwB4q1fxJ9uGq+E77w/wDZ/L8v7SX/AH27dnG5F6bR
6/eFdVn2pVqNSjNwnuvNP8hwlGpHmWxC44WgcMQOlFFKGx2SG5JbHbFNjJIOfWiit4/CZImj5JzUigbWOO9FFcrMpdBhJ34zT8D0oopJDP/Z
"""
)

# SHA-256 of its pixels: decoded, and prepared by the default spec of each region.
DECODED_SHA256 = "fe63ef389eea2f6c07db6a5a2d10b2e5f6be4a6925b2633ef365ff5455cc5bcb"
PREPARED_SHA256 = {
    "object": "9f7f4976bf011828a10272e21fa5c3f3624d3435c9cc160e29bcdb7dc8aa7be5",
    "border": "39438ed0617c8aa5ea95ccdd14d5ce9e080afbac5865afbf3d38327a3831a206",
    "whole": "b0bcefd4bf325f7398383eb97a5a0f786541017c681a4dc699ec1033e09b032b",
}


def golden_image_sha256(spec: PreprocessingSpec) -> str:
    """SHA-256 of the golden image's prepared pixels, uint8 [image_size, image_size, 3], as this machine computes it."""
    return _sha256(prepare(GOLDEN_IMAGE, spec).pixels)


def golden_image_difference(spec: PreprocessingSpec, expected: str) -> str | None:
    """Whether this machine prepares images otherwise than another one did, and which part of it.

    Args:
        expected: what `golden_image_sha256` gave there.

    Returns:
        what differs and what to do, None where nothing differs.
    """
    if golden_image_sha256(spec) == expected:
        return None
    if _sha256(decode(GOLDEN_IMAGE)) != DECODED_SHA256:
        decoder = features.version_feature("libjpeg_turbo")
        part = f"decodes JPEG files (Pillow {PIL.__version__}, {f'libjpeg-turbo {decoder}' if decoder else 'libjpeg'})"
        wheel = "pillow"
    else:
        part = f"cuts out or resizes images (OpenCV {cv2.__version__})"
        wheel = "opencv-python-headless"
    return (
        f"This machine {part} to other pixels than expected, so a model may decide otherwise here than where it was "
        f"exported. Install {wheel} as a wheel: pip install --force-reinstall --only-binary=:all: {wheel}"
    )


def known_pixels_difference() -> str | None:
    """As `golden_image_difference`, for the default spec of each region and the hashes that crbl knows."""
    found = (golden_image_difference(PreprocessingSpec(region), sha256) for region, sha256 in PREPARED_SHA256.items())
    return next((difference for difference in found if difference is not None), None)


def _sha256(pixels: NDArray[np.uint8]) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()
