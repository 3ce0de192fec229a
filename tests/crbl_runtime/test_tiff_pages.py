"""TIFFs of several pages: previews are skipped, wherever they stand, and further images are said."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from crbl_runtime.errors import ImageError
from crbl_runtime.image import decode, decode_image
from image_files import COLOUR, GREY

PREVIEW, MASK, SUBFILE_TYPE = 1, 4, 255
SMALL = np.ascontiguousarray(COLOUR[::5, ::5])


def pages(*images: tuple[np.ndarray, dict[str, object]]) -> bytes:
    """A TIFF of these pages, each an array and what tifffile is told about it."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for samples, options in images:
            writer.write(samples, metadata=None, **options)
    return file.getvalue()


def test_previews_and_masks_are_skipped() -> None:
    preview = (SMALL, {"subfiletype": PREVIEW})
    mask = (GREY > 100, {"subfiletype": MASK})
    old_preview = (SMALL, {"extratags": [(SUBFILE_TYPE, 3, 1, 2, True)]})
    image = (COLOUR, {})
    for content in (
        pages(preview, image),
        pages(preview, preview, image),
        pages(old_preview, image),
        pages(preview, image, mask, mask),
        pages(preview, image, preview),
    ):
        decoded = decode_image(content)
        assert np.array_equal(decoded.pixels, COLOUR)
        assert decoded.notes == ()


def test_16_bit_colour_is_read_whole_from_a_later_page() -> None:
    deep = COLOUR.astype(np.uint16) * 257 - 100 * (COLOUR > 0)
    content = pages((SMALL, {"subfiletype": PREVIEW}), (deep.astype(np.uint16), {}))
    assert np.array_equal(decode(content), decode(deep.astype(np.uint16)))


def test_more_than_one_image_is_said() -> None:
    for count in (2, 3):
        content = pages((SMALL, {"subfiletype": PREVIEW}), *[(COLOUR, {})] * count)
        assert decode_image(content).notes == (f"only the first of its {count} pages was used",)


def test_where_all_are_marked_as_previews_the_first_is_used() -> None:
    for count in (1, 2):
        assert np.array_equal(decode(pages(*[(SMALL, {"subfiletype": PREVIEW})] * count)), SMALL)


def test_another_page_that_pillow_does_not_read_is_no_obstacle() -> None:
    content = pages((COLOUR, {}), (np.zeros((4, 5, 3), np.float32), {"photometric": "rgb"}))
    decoded = decode_image(content)
    assert np.array_equal(decoded.pixels, COLOUR)
    assert decoded.notes == ("only the first of its 2 pages was used",)


def test_a_pil_image_is_read_as_its_file(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    path.write_bytes(pages((SMALL, {"subfiletype": PREVIEW}), (COLOUR, {}), (255 - COLOUR, {})))
    with Image.open(path) as image:
        assert np.array_equal(decode(image), COLOUR)
        assert image.tell() == 0
        image.seek(2)  # The user's own choice.
        decoded = decode_image(image)
        assert np.array_equal(decoded.pixels, 255 - COLOUR)
        assert decoded.notes == ()
    with Image.open(path) as image:
        image.load()
    assert np.array_equal(decode(image), SMALL)  # What is left when the file is closed.


def test_the_limits_are_those_of_the_page_that_is_used() -> None:
    limit = SMALL.shape[0] * SMALL.shape[1]
    content = pages((SMALL, {"subfiletype": PREVIEW}), (COLOUR, {}))
    for given in (content, Image.open(io.BytesIO(content))):
        with pytest.raises(ImageError, match="more than the limit"):
            decode(given, max_pixels=limit)
