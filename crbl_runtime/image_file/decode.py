"""The bytes of an image file -> RGB uint8. Pillow decodes; what it does not notice is checked here."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from crbl_runtime.compared_by_value import ComparedByValue
from crbl_runtime.errors import ImageDamagedError, ImageError, ImageKindError, ImageReadError, ImageTooLargeError
from crbl_runtime.image_file.bit_depth import DeclaredDepth, declared_depth, used_bits
from crbl_runtime.image_file.decode_options import DecodeOptions
from crbl_runtime.image_file.decoded_image import DecodedImage
from crbl_runtime.image_file.draft import draft_notes, draft_scale, make_draft
from crbl_runtime.image_file.exact_samples import PREMULTIPLIED, exact_rawmodes, exact_samples
from crbl_runtime.image_file.limits import check_size, damaged
from crbl_runtime.image_file.missing_rows import check_after_decoding, check_before_decoding
from crbl_runtime.image_file.pil_image import colour_key, make_white, orientation, samples_of
from crbl_runtime.image_file.pillow_strict import strict_pillow
from crbl_runtime.image_file.samples import Samples, flatten, to_8_bit, upright
from crbl_runtime.image_file.tiff_pages import on_full_page
from crbl_runtime.image_file.tiff_rows import check_kind

# An MPO file (several JPEGs in one) opens as a JPEG. Importing the plug-ins here spares `open` the other forty.
FORMATS = tuple(
    str(plugin.format)
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        PpmImagePlugin.PpmImageFile,
        Jpeg2KImagePlugin.Jpeg2KImageFile,
        AvifImagePlugin.AvifImageFile,
    )
)
SUPPORTED = "JPEG, PNG, BMP, TIFF, WebP, GIF, PPM, JPEG 2000, AVIF and, with pillow-heif installed, HEIC"
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def decode_file(content: bytes, name: str, options: DecodeOptions) -> DecodedImage:
    """Decode the bytes of an image file: upright, on white.

    The format is told by the content, never by the name. Sizes are checked before any pixel is decoded.

    Args:
        content: the whole file.
        name: what messages call it.
        options: its bit depth, the limit of its pixels, and whether it may be decoded as a draft.

    Raises:
        ImageError: empty, of no supported format, cut off, damaged, too large or of an unsupported kind.
    """
    if not content:
        raise ImageDamagedError(f"{name}: empty, there is nothing to decode. Copy or export the image again.")
    with _errors_named(name, "Pillow cannot decode it"):
        return _decode(content, name, options)


def decode_pil(image: Image.Image, name: str, options: DecodeOptions) -> DecodedImage:
    """A PIL image -> as `decode_file`. Of one that is loaded already only what Pillow stored can be seen.

    Raises:
        ImageError: it cannot be loaded, is too large or of a mode that could only be guessed at.
    """
    _require_open(image, name)
    content = _file_of(image, options)
    if content is not None:
        return decode_file(content, name, options)
    with _errors_named(name, "Pillow cannot load it"), on_full_page(image) as pages:
        check_size(image.width, image.height, name, options.max_pixels)
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            check_kind(image.tag_v2, name)
        header = _Header.of(image, pages, None)
        image.load()
        return _finished(image, samples_of(image, name), header, options.bit_depth, name)


@contextmanager
def _errors_named(name: str, what: str) -> Iterator[None]:
    """Strict Pillow, whose errors are turned into those of this image: `what` is what Pillow could not do."""
    with strict_pillow():
        try:
            yield
        except ImageError:
            raise
        except MemoryError as error:
            raise ImageTooLargeError(
                f"{name}: there is not enough memory to decode it. Scale or crop the image first."
            ) from error
        except Exception as error:  # Pillow and its plug-ins raise anything on damaged files.
            raise damaged(name, f"{what} ({type(error).__name__}: {error})") from error


def _decode(content: bytes, name: str, options: DecodeOptions) -> DecodedImage:
    image = _open(content, name)
    with on_full_page(image) as pages:
        check_size(image.width, image.height, name, options.max_pixels)
        check_before_decoding(image, content, name, options.max_pixels)
        header, rawmodes = _Header.of(image, pages, content), exact_rawmodes(image)
        scale = draft_scale(image, options.draft)
        make_draft(image, scale)
        image.load()
        check_after_decoding(image, content, name, scale)
        samples = exact_samples(image, content, rawmodes) if rawmodes else samples_of(image, name)
        premultiplied = bool(rawmodes) and rawmodes[0].startswith(PREMULTIPLIED)
        decoded = _finished(image, samples, header, options.bit_depth, name, premultiplied=premultiplied)
        return replace(decoded, draft_scale=scale, notes=decoded.notes + draft_notes(scale))


@dataclass(frozen=True, eq=False)
class _Header(ComparedByValue):
    """What is known of an image before it is loaded, and not always afterwards."""

    notes: tuple[str, ...]
    colour_key: NDArray[Any] | None
    declared_depth: DeclaredDepth | None

    @classmethod
    def of(cls, image: Image.Image, pages: tuple[int, ...], content: bytes | None) -> "_Header":
        return cls(_notes(image, pages), colour_key(image), declared_depth(image, content))


def _finished(
    image: Image.Image,
    samples: Samples,
    header: _Header,
    bit_depth: int | None,
    name: str,
    *,
    premultiplied: bool = False,
) -> DecodedImage:
    """The samples of a loaded image as RGB uint8, on white, upright by its EXIF block."""
    used = used_bits(samples, header.declared_depth, bit_depth, name)
    rgb = flatten(to_8_bit(samples, used.bits, used.shift), premultiplied=premultiplied)
    pixels = upright(make_white(rgb, samples, header.colour_key, name), orientation(image))
    return DecodedImage(pixels, header.notes + used.notes, used.unclear)


def _notes(image: Image.Image, pages: tuple[int, ...]) -> tuple[str, ...]:
    """What of an image, loaded or not, has no part in its pixels: one clause each, for the host's report."""
    notes = []
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if len(pages) > 1 and image.tell() == pages[0]:  # Any other page of a PIL image was chosen by who gave it.
            notes.append(f"only the first of its {len(pages)} pages was used")
    elif _is_animated(image):
        notes.append("only the first of its frames or pages was used")
    if image.info.get("icc_profile"):
        notes.append("its ICC profile was ignored")
    return tuple(notes)


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except ValueError:  # A GIF that was loaded before its file was closed: it has its pixels, and no count of frames.
        return False


def _require_open(image: Image.Image, name: str) -> None:
    """Make sure that a PIL image has its pixels, or the file that they are to be loaded from.

    Raises:
        ImageReadError: it is closed.
    """
    if _is_closed(image):
        raise ImageReadError(
            f"{name}: the PIL image or its file is closed. Give it while it is open, or a copy that was made then."
        )


def _is_closed(image: Image.Image) -> bool:
    if getattr(image, "tile", None):  # There is something to load.
        file = getattr(image, "fp", None)
        return file is None or bool(getattr(file, "closed", False))
    try:
        _ = image.im
    except ValueError:  # Raised by Pillow for the pixels of an image that was closed, loaded or not.
        return True
    except AssertionError:  # Not loaded yet, by a plug-in that has no tiles.
        return False
    return False


def _file_of(image: Image.Image, options: DecodeOptions) -> bytes | None:
    """The file of a PIL image that is not loaded yet, where loading it would lose bits or take no draft; else None."""
    if not isinstance(image, ImageFile.ImageFile) or image.fp is None or image.tell():
        return None
    if not exact_rawmodes(image) and draft_scale(image, options.draft) == 1:
        return None
    position = image.fp.tell()
    image.fp.seek(0)
    content = image.fp.read()
    image.fp.seek(position)
    return content


def _open(content: bytes, name: str) -> ImageFile.ImageFile:
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        remedy = "Scale or crop the image first. The limit is Pillow's own, PIL.Image.MAX_IMAGE_PIXELS."
        raise ImageTooLargeError(f"{name}: declares too many pixels: {error} {remedy}") from error
    except UnidentifiedImageError as error:
        if content[4:8] != b"ftyp" or content[8:12] not in HEIC_BRANDS:
            raise _unidentified(content, name) from error
        return _open_heic(content, name)


def _open_heic(content: bytes, name: str) -> ImageFile.ImageFile:
    try:
        from pillow_heif import HeifImageFile  # Not a dependency; nor is it registered in the host's Pillow.
    except ImportError as error:
        what = "HEIC is read with the package pillow-heif, which is missing"
        remedy = "Install it with `pip install pillow-heif`, or save the image as PNG."
        raise ImageKindError(f"{name}: {what}. {remedy}") from error
    heic: ImageFile.ImageFile = HeifImageFile(io.BytesIO(content))
    return heic


def _unidentified(content: bytes, name: str) -> ImageError:
    """The error for a file that no plug-in opened: damaged, of another format, or no image."""
    if kind := _accepted(content, FORMATS):
        return damaged(name, f"its {kind} header is cut off, corrupt or of a kind that Pillow does not read")
    Image.init()
    kind = _accepted(content, tuple(Image.OPEN))
    what = f"{kind} is not read" if kind else f"not an image of a supported format (it starts with {content[:8]!r})"
    return ImageKindError(f"{name}: {what}. Save it as one of {SUPPORTED}.")


def _accepted(content: bytes, kinds: tuple[str, ...]) -> str:
    """The first of these formats to whose plug-in the file's first bytes are its own; empty where there is none."""
    for kind in kinds:
        accept = Image.OPEN[kind][1]
        with suppress(Exception):  # Plug-ins may fail on fewer bytes than they expect.
            if accept is not None and accept(content[:16]) is True:
                return kind
    return ""
