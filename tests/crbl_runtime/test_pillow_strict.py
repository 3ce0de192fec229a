"""What the host has set in Pillow and in `warnings` changes no result, and is as it was afterwards."""

import io
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageFile

from crbl_runtime.errors import ImageError
from crbl_runtime.image import decode
from image_files import COLOUR, PHOTOGRAPH, png_file, png_header, png_rows, saved, tiff

EXIF_BEYOND_ITS_END = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\0\0\0\xff\xff\0\0"


def files_that_pillow_warns_of() -> list[bytes]:
    odd_tiff = tiff(COLOUR, photometric="rgb", extratags=[(65000, 2, 0, "text", True)])
    entry = odd_tiff.index(struct.pack("<HH", 65000, 2))
    odd_tiff = odd_tiff[: entry + 4] + struct.pack("<II", 1000, 2**31) + odd_tiff[entry + 12 :]
    return [
        saved(PHOTOGRAPH, "JPEG", exif=EXIF_BEYOND_ITS_END),
        saved(PHOTOGRAPH, "PNG", exif=EXIF_BEYOND_ITS_END),
        odd_tiff,
    ]


def test_pillow_does_warn_of_these_files() -> None:
    for content in files_that_pillow_warns_of():
        with pytest.warns(UserWarning, match="Truncated File Read|Corrupt EXIF"):
            Image.open(io.BytesIO(content)).getexif()


@pytest.mark.parametrize("action", ["error", "always"])
def test_warnings_of_pillow_are_neither_printed_nor_raised(action: str, capfd: pytest.CaptureFixture[str]) -> None:
    contents = files_that_pillow_warns_of()
    with warnings.catch_warnings():
        warnings.simplefilter(action)  # type: ignore[arg-type]
        before = list(warnings.filters)
        for content in contents:
            decode(content)
        assert warnings.filters == before
    assert capfd.readouterr() == ("", "")


def test_an_image_between_pillows_warning_and_its_limit_decodes_silently(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", COLOUR.shape[0] * COLOUR.shape[1] - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("PNG", "TIFF", "GIF", "JPEG", "WEBP"):
            assert decode(saved(PHOTOGRAPH, kind)).shape == COLOUR.shape
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        with pytest.raises(ImageError, match="declares too many pixels"):
            decode(saved(PHOTOGRAPH, "PNG"))
    assert capfd.readouterr() == ("", "")


def test_the_hosts_leave_to_load_truncated_files_does_not_count_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"):
        content = saved(PHOTOGRAPH, kind)
        for image in (content[: len(content) // 2], content[: len(content) * 9 // 10]):
            with pytest.raises(ImageError):
                decode(image)
        assert decode(content).shape == COLOUR.shape
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
    cut = Image.open(io.BytesIO(saved(PHOTOGRAPH, "PNG")[:-3000]))
    with pytest.raises(ImageError, match="Pillow cannot load it"):
        decode(cut)


def test_many_threads_decode_what_one_does_and_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    rows = png_rows(COLOUR, 8)
    height, width, _ = COLOUR.shape
    contents = [
        *files_that_pillow_warns_of(),
        *(saved(PHOTOGRAPH, kind) for kind in ("PNG", "TIFF", "WEBP")),
        saved(PHOTOGRAPH, "PNG")[:-2000],
        png_file(png_header(width, height), rows),
    ]

    def outcome(content: bytes) -> str:
        try:
            return str(decode(content).sum())
        except ImageError as error:
            return str(error)

    expected = [outcome(content) for content in contents]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(outcome, contents * 20)) == expected * 20
        assert warnings.filters == before
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
    assert np.array_equal(decode(contents[3]), COLOUR)
