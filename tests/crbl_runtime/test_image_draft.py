"""`fast_decode`: large JPEGs decoded at a part of their size, off unless a spec asks for it."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

from crbl_runtime.errors import ImageDamagedError, ImageTooLargeError, UsageError
from crbl_runtime.image import decode, decode_image
from crbl_runtime.image_file.decode_options import DraftLimits
from crbl_runtime.preprocessing import PreparedImage, PreprocessingSpec, decode_for, prepare
from image_files import saved

PHOTOGRAPH = Image.fromarray(skimage.data.coffee())  # 600 x 400 pixels.
LARGE = PHOTOGRAPH.resize((1024, 768))
JPEG = saved(LARGE, "JPEG", quality=90)
WHOLE, BORDER = PreprocessingSpec("whole", image_size=48), PreprocessingSpec("border", image_size=48)
FAST = replace(WHOLE, fast_decode=True)


def drafted(content: bytes, scale: int) -> np.ndarray:
    """What Pillow makes of a JPEG at a part of its size."""
    image = Image.open(io.BytesIO(content))
    image.draft(None, (image.width // scale, image.height // scale))
    assert image.size == tuple(-(-length // scale) for length in Image.open(io.BytesIO(content)).size)
    return np.asarray(image.convert("RGB"))


def note(scale: int) -> str:
    return f"decoded at 1/{scale} of its size (fast_decode)"


def test_it_is_off_by_default() -> None:
    for spec in (WHOLE, BORDER, PreprocessingSpec("object")):
        assert spec.fast_decode is False
        assert decode_for(JPEG, spec) == decode_image(JPEG)
    assert decode_image(JPEG).draft_scale == 1
    assert prepare(JPEG, WHOLE) == prepare(decode(JPEG), WHOLE)


@pytest.mark.parametrize("spec", [WHOLE, BORDER])
def test_a_spec_with_it_is_another_spec(spec: PreprocessingSpec) -> None:
    fast = replace(spec, fast_decode=True)
    assert fast.hash != spec.hash
    assert PreprocessingSpec.from_dict(fast.to_dict()) == fast


def test_a_large_jpeg_is_decoded_at_an_eighth_and_its_box_is_in_its_own_pixels() -> None:
    prepared = prepare(JPEG, FAST)
    expected = prepare(drafted(JPEG, 8), WHOLE)
    assert prepared == PreparedImage(expected.pixels, True, (0, 0, 1024, 768), notes=(note(8),))
    difference = np.abs(prepared.pixels.astype(int) - prepare(JPEG, WHOLE).pixels)
    assert 0 < difference.mean() < 16  # The same picture, of other pixels.


@pytest.mark.parametrize(
    ("width", "height", "image_size", "scale"),
    [
        (1024, 768, 48, 8),
        (768, 768, 48, 8),
        (760, 768, 48, 4),  # An eighth of 760 is 95, less than twice 48.
        (1024, 768, 49, 4),
        (1024, 768, 96, 4),
        (1024, 768, 97, 2),
        (1024, 768, 192, 2),
        (1024, 768, 193, 1),
        (96, 96, 48, 1),
        (192, 200, 48, 2),
        (190, 200, 48, 1),
        (1020, 768, 48, 4),  # 8 does not divide 1020.
        (1022, 768, 48, 2),
        (1023, 768, 48, 1),
        (1024, 767, 48, 1),
    ],
)
def test_a_draft_has_twice_the_image_size_and_whole_pixels(
    width: int, height: int, image_size: int, scale: int
) -> None:
    content = saved(PHOTOGRAPH.resize((width, height)), "JPEG")
    decoded = decode_for(content, replace(FAST, image_size=image_size))
    assert decoded.draft_scale == scale
    assert np.array_equal(decoded.pixels, drafted(content, scale))
    assert min(decoded.pixels.shape[:2]) >= 2 * image_size or scale == 1
    assert decoded.notes == ((note(scale),) if scale > 1 else ())


def test_small_jpegs_and_files_of_other_formats_are_untouched() -> None:
    small = saved(PHOTOGRAPH.resize((150, 120)), "JPEG")
    assert prepare(small, FAST) == prepare(small, WHOLE)
    for kind, options in (("PNG", {}), ("WEBP", {}), ("TIFF", {"compression": "jpeg"}), ("JPEG2000", {})):
        content = saved(LARGE, kind, **options)
        assert prepare(content, FAST) == prepare(content, WHOLE)
    pixels = decode(JPEG)
    for image in (pixels, Image.fromarray(pixels)):
        assert prepare(image, FAST) == prepare(image, WHOLE)


@pytest.mark.parametrize(("border", "scale"), [(0, 8), (8, 8), (16, 8), (4, 4), (12, 4), (2, 2), (6, 2), (3, 1)])
def test_a_border_is_cut_off_where_it_is_whole_pixels_of_the_draft(border: int, scale: int) -> None:
    spec = PreprocessingSpec("border", image_size=40, border=border)
    prepared = prepare(JPEG, replace(spec, fast_decode=True))
    inner = drafted(JPEG, scale)[border // scale :, border // scale :]
    assert np.array_equal(prepared.pixels, prepare(inner, PreprocessingSpec("whole", image_size=40)).pixels)
    assert prepared.box == (border, border, 1024 - border, 768 - border) == prepare(JPEG, spec).box
    assert prepared.region_found


def test_the_region_within_the_border_has_twice_the_image_size() -> None:
    spec = PreprocessingSpec("border", image_size=48, border=8, fast_decode=True)
    for height, scale in ((768, 4), (776, 8)):  # 768 / 8 is 96, of which the border takes a row.
        content = saved(PHOTOGRAPH.resize((1024, height)), "JPEG")
        assert decode_for(content, spec).draft_scale == scale


def test_an_object_is_not_looked_for_in_a_draft() -> None:
    with pytest.raises(UsageError, match='fast_decode is True with the region "object"'):
        PreprocessingSpec("object", fast_decode=True)
    with pytest.raises(UsageError, match="fast_decode is 1, expected True or False"):
        PreprocessingSpec("whole", fast_decode=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_draft_is_turned_as_its_file_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(LARGE, "JPEG", exif=exif)
    prepared = prepare(content, replace(BORDER, fast_decode=True))
    assert prepared.notes == (note(4),)
    assert prepared.box == prepare(content, BORDER).box
    image = Image.fromarray(drafted(content, 4))
    image.getexif()[0x0112] = orientation
    turned = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(prepared.pixels, prepare(turned[1:, 1:], WHOLE).pixels)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("L", {}),
        ("CMYK", {}),
        ("RGB", {"progressive": True}),
        ("RGB", {"subsampling": "4:4:4"}),
        ("RGB", {"subsampling": "4:2:2"}),
        ("RGB", {"restart_marker_rows": 1}),
    ],
)
def test_jpegs_of_every_kind_are_drafted_and_damage_is_found_as_without(mode: str, options: dict[str, Any]) -> None:
    content = saved(LARGE.convert(mode), "JPEG", **options)
    decoded = decode_for(content, FAST)
    assert decoded.draft_scale == 8
    assert np.array_equal(decoded.pixels, drafted(content, 8))
    start = content.index(b"\xff\xda")
    for cut in np.linspace(start + 20, len(content) - 3, 12).astype(int):
        with pytest.raises(ImageDamagedError):
            decode_for(content[:cut], FAST)
    if "progressive" not in options:  # One that is cut within its last scan has all its rows.
        for cut in np.linspace(start + 20, len(content) * 9 // 10, 8).astype(int):
            with pytest.raises(ImageDamagedError):
                decode_for(content[:cut] + b"\xff\xd9", FAST)
    grey = saved(Image.new(mode, LARGE.size, (128,) * len(mode) if len(mode) > 1 else 128), "JPEG", **options)
    assert decode_for(grey, FAST).draft_scale == 8


def test_the_first_image_of_several_is_drafted() -> None:
    content = saved(LARGE, "MPO", save_all=True, append_images=[ImageOps.invert(LARGE)])
    decoded = decode_for(content, FAST)
    assert decoded.notes == ("only the first of its frames or pages was used", note(8))
    assert np.array_equal(decoded.pixels, drafted(content, 8))


def test_every_way_in_gives_the_same_draft_and_leaves_a_pil_image_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "사진.jpg"
    path.write_bytes(JPEG)
    expected = prepare(JPEG, FAST)
    with path.open("rb") as file, Image.open(path) as image:
        for way in (path, str(path), bytearray(JPEG), memoryview(JPEG), file, image, Image.open(io.BytesIO(JPEG))):
            assert prepare(way, FAST) == expected
        assert image.size == (1024, 768)
        assert np.array_equal(np.asarray(image), decode(JPEG))
    with Image.open(path) as own:
        own.draft("RGB", (512, 384))  # By its owner, whose image this is.
        assert prepare(own, FAST).box == (0, 0, 512, 384)


def test_the_limit_of_pixels_is_that_of_the_whole_image() -> None:
    with pytest.raises(ImageTooLargeError, match="declares 1024 x 768 pixels"):
        prepare(JPEG, FAST, max_pixels=1024 * 768 - 1)
    assert prepare(JPEG, FAST, max_pixels=1024 * 768).box == (0, 0, 1024, 768)


def test_limits_may_be_given_without_a_spec() -> None:
    assert decode_image(JPEG, draft=DraftLimits(96)).pixels.shape == (96, 128, 3)
    assert decode_image(JPEG, draft=DraftLimits(97)).pixels.shape == (192, 256, 3)
