"""Which pages of a TIFF are images of their own, and which are previews or masks of others."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from PIL import Image, TiffImagePlugin

# TIFF 6.0, section 8: bits of NewSubfileType, and a value of SubfileType, which older programs write.
NEW_SUBFILE_TYPE, SUBFILE_TYPE = 254, 255
REDUCED, MASK = 1, 4
OLD_REDUCED = 2


def full_pages(image: Image.Image) -> tuple[int, ...]:
    """The pages, from 0, that are neither previews nor masks; (0,) where all are marked as such, or for no TIFF.

    Leaves a TIFF on the page where it was.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return (0,)
    position = image.tell()
    pages = tuple(page for page, is_full in enumerate(_are_full(image)) if is_full)
    if image.tell() != position:
        image.seek(position)
    return pages or (0,)


@contextmanager
def on_full_page(image: Image.Image) -> Iterator[tuple[int, ...]]:
    """Within the block a TIFF that stood on its first page stands on its first full page; gives all full pages."""
    pages = full_pages(image)
    if image.tell() or not pages[0]:
        yield pages
        return
    image.seek(pages[0])
    try:
        yield pages
    finally:
        image.seek(0)


def _are_full(image: TiffImagePlugin.TiffImageFile) -> Iterator[bool]:
    """Whether each page is full; of a file that was closed after loading no page can be told."""
    for page in count():
        try:
            image.seek(page)
        except (EOFError, ValueError, AttributeError):
            return
        except (SyntaxError, OSError):
            pass  # A kind that Pillow does not read, which is no reason not to use another page; its tags are known.
        kind = image.tag_v2.get(NEW_SUBFILE_TYPE, 0)
        old_preview = image.tag_v2.get(SUBFILE_TYPE) == OLD_REDUCED
        yield not (old_preview or (isinstance(kind, int) and kind & (REDUCED | MASK)))
