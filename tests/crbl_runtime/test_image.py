"""What goes into `decode` and what comes out, whatever the way in."""

import io
import mmap
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageCms, ImageFile

from crbl_runtime.errors import (
    ImageDamagedError,
    ImageError,
    ImageKindError,
    ImageReadError,
    ImageTooLargeError,
    ImageValueError,
    UsageError,
)
from crbl_runtime.image import MAX_FILE_BYTES, decode, decode_image, describe
from crbl_runtime.path_length import readable_path
from crbl_runtime.preprocessing import PreprocessingSpec, prepare

COLOUR = skimage.data.astronaut()[60:161, 180:317]
GREY = skimage.data.camera()[100:201, 150:287]
ALPHA = np.random.default_rng(0).integers(0, 256, GREY.shape, np.uint8)


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def pil_pixels(content: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(content))
    return np.asarray(image.convert("RGB") if image.mode in ("P", "CMYK") else image)


PHOTOGRAPH = Image.fromarray(COLOUR)
FILES = {
    "jpeg": saved(PHOTOGRAPH, "JPEG", quality=85),
    "png": saved(PHOTOGRAPH, "PNG"),
    "bmp": saved(PHOTOGRAPH, "BMP"),
    "tiff": saved(PHOTOGRAPH, "TIFF", compression="tiff_lzw"),
    "webp": saved(PHOTOGRAPH, "WEBP", quality=80),
    "gif": saved(PHOTOGRAPH.quantize(200), "GIF"),
    "ppm": saved(PHOTOGRAPH, "PPM"),
    "jpeg 2000": saved(PHOTOGRAPH, "JPEG2000"),
    "avif": saved(PHOTOGRAPH, "AVIF"),
    "mpo": saved(PHOTOGRAPH, "MPO", save_all=True, append_images=[Image.fromarray(255 - COLOUR)]),
    "cmyk jpeg": saved(PHOTOGRAPH.convert("CMYK"), "JPEG"),
    "grey jpeg": saved(Image.fromarray(GREY), "JPEG"),
    "grey png": saved(Image.fromarray(GREY), "PNG"),
    "rgba png": saved(Image.fromarray(np.dstack([COLOUR, ALPHA])), "PNG"),
    "rgba webp": saved(Image.fromarray(np.dstack([COLOUR, ALPHA])), "WEBP", lossless=True, exact=True),
    "rgba tiff": saved(Image.fromarray(np.dstack([COLOUR, ALPHA])), "TIFF"),
    "16-bit png": saved(Image.fromarray(GREY.astype(np.uint16) * 201), "PNG"),
    "16-bit tiff": saved(Image.fromarray(GREY.astype(np.uint16) * 201), "TIFF"),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_same_image_gives_the_same_bits_through_every_way_in(kind: str, tmp_path: Path) -> None:
    content = FILES[kind]
    path = tmp_path / f"{kind}.image"
    path.write_bytes(content)
    with path.open("rb") as file, path.open("rb", buffering=0) as unbuffered:
        ways = [
            str(path),
            path,
            content,
            bytearray(content),
            memoryview(content),
            io.BytesIO(content),
            file,
            unbuffered,
            Image.open(io.BytesIO(content)),
            Image.open(path),
            pil_pixels(content),
        ]
        images = [decode(way) for way in ways]
    assert images[0].std() > 20  # A real image, not a blank one.
    for image in images:
        assert image.shape == (101, 137, 3)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert image.flags.writeable
        assert np.array_equal(image, images[0])


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "ppm", "jpeg 2000"])
def test_a_lossless_file_gives_the_pixels_that_were_saved(kind: str) -> None:
    assert np.array_equal(decode(FILES[kind]), COLOUR)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("size", [(137, 101), (64, 64), (1, 1), (3, 17)])
def test_opencv_and_pillow_decode_a_jpeg_to_the_same_bits(
    size: tuple[int, int], subsampling: str, progressive: bool
) -> None:
    image = PHOTOGRAPH.resize(size)
    content = saved(image, "JPEG", subsampling=subsampling, progressive=progressive, quality=70, optimize=True)
    assert np.array_equal(decode(content), pil_pixels(content))


@pytest.mark.parametrize("name", ["rocket.jpg", "retina.jpg", "hubble_deep_field.jpg", "coffee.png", "page.png"])
def test_photographs_of_others_decode_as_in_pillow(name: str) -> None:
    path = Path(skimage.data.__file__).parent / name
    expected = np.asarray(Image.open(path).convert("RGB"))
    assert np.array_equal(decode(path), expected)
    assert np.array_equal(decode(Image.open(path)), expected)


@pytest.mark.parametrize(
    "name", ["with space.png", "불순물 사진.png", "Prüfling_№7 (été).png", "写真\U0001f600.png", "no extension"]
)
def test_paths_may_hold_any_character(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "폴더 ö"
    folder.mkdir()
    (folder / name).write_bytes(FILES["png"])
    assert np.array_equal(decode(str(folder / name)), COLOUR)


def test_a_path_may_be_longer_than_260_characters(tmp_path: Path) -> None:
    path = tmp_path / ("긴 이름의 폴더 " * 9).strip() / ("x" * 200) / "y" / ".." / "사진.png"
    assert len(str(path)) > 300
    folder = readable_path(path.parents[2])
    (folder / "y").mkdir(parents=True)
    (folder / path.name).write_bytes(FILES["png"])
    for way in (path, str(path), path.as_posix()):
        assert np.array_equal(decode(way), COLOUR)
    missing = path.with_name("missing.png")
    assert refused(missing).startswith(f"{missing}: no such file. Check the path")


def test_the_format_is_told_by_the_content(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(FILES["png"])
    assert np.array_equal(decode(path), COLOUR)


def test_a_file_object_is_read_from_where_it_stands() -> None:
    file = io.BytesIO(b"header" + FILES["png"])
    file.seek(6)
    assert np.array_equal(decode(file), COLOUR)


@pytest.mark.parametrize("layout", ["every second byte", "backwards", "rows", "columns first", "16-bit", "read-only"])
def test_a_memoryview_of_any_layout_is_taken_as_its_bytes(layout: str) -> None:
    content = FILES["png"] + bytes(len(FILES["png"]) % 2)
    rows = np.frombuffer(content, np.uint8).reshape(2, -1)
    views = {
        "every second byte": memoryview(np.repeat(np.frombuffer(content, np.uint8), 2).tobytes())[::2],
        "backwards": memoryview(content[::-1])[::-1],
        "rows": memoryview(content).cast("B", (2, len(content) // 2)),
        "columns first": memoryview(np.asfortranarray(rows)),
        "16-bit": memoryview(content).cast("H"),
        "read-only": memoryview(bytearray(content)).toreadonly(),
    }
    assert np.array_equal(decode(views[layout]), COLOUR)


def test_paths_and_bytes_of_numpy_are_paths_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "사진.png"
    path.write_bytes(FILES["png"])
    (numpy_path,) = np.array([str(path)])
    assert np.array_equal(decode(numpy_path), COLOUR)
    assert np.array_equal(decode(np.bytes_(FILES["bmp"])), COLOUR)


def test_other_file_objects_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(FILES["png"])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert np.array_equal(decode(mapped), COLOUR)  # type: ignore[arg-type]
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("a.png", FILES["png"])
        with archive.open("a.png") as member:
            assert np.array_equal(decode(member), COLOUR)  # type: ignore[arg-type]


def test_a_result_shares_no_memory_with_its_input() -> None:
    array = COLOUR.copy()
    image = decode(array)
    image[:] = 0
    assert np.array_equal(array, COLOUR)


def test_every_16_bit_value_is_divided_by_257_and_rounded_to_nearest() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = [(2 * value + 257) // 514 for value in range(65536)]
    assert decode(values)[..., 0].ravel().tolist() == expected
    edges = np.array([[0, 128, 129, 257, 385, 386, 65406, 65407, 65535]], np.uint16)
    assert decode(edges)[0, :, 1].tolist() == [0, 0, 1, 1, 1, 2, 254, 255, 255]


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_byte_order_does_not_matter(order: str) -> None:
    assert np.array_equal(decode((COLOUR.astype(np.uint16) * 257).astype(order)), COLOUR)


def test_every_colour_under_every_alpha_is_composited_on_white_and_rounded_to_nearest() -> None:
    colour, alpha = np.meshgrid(np.arange(256), np.arange(256))
    exact = (2 * (colour * alpha + 255 * (255 - alpha)) + 255) // 510
    image = decode(np.dstack([colour, colour, colour, alpha]).astype(np.uint8))
    assert np.array_equal(image, np.repeat(exact[..., np.newaxis], 3, axis=2))


def test_16_bit_alpha_is_scaled_down_before_compositing() -> None:
    pixel = np.array([[[1000, 30000, 65535, 33000]]], np.uint16)
    small = [(value + 128) // 257 for value in (1000, 30000, 65535, 33000)]
    assert np.array_equal(decode(pixel), decode(np.array([[small]], np.uint8)))


@pytest.mark.parametrize("shape", [GREY.shape, (*GREY.shape, 1)])
def test_grey_is_repeated(shape: tuple[int, ...]) -> None:
    assert np.array_equal(decode(GREY.reshape(shape)), np.dstack([GREY, GREY, GREY]))


def test_array_views_of_any_layout_are_taken() -> None:
    assert np.array_equal(decode(COLOUR[::-2, ::3]), COLOUR[::-2, ::3])
    assert np.array_equal(decode(np.asfortranarray(COLOUR)), COLOUR)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (COLOUR.astype(np.float32) / 255, "float32 have no agreed range"),
        (COLOUR.astype(np.float64), "float64"),
        (COLOUR.astype(np.int64), "int64"),
        (COLOUR.astype(np.int8), "int8"),
        (COLOUR.astype(np.uint32), "uint32"),
        (COLOUR.astype(object), "object"),
        (COLOUR.transpose(2, 0, 1), "the shape is not an image's"),
        (COLOUR[np.newaxis], "the shape is not an image's"),
        (COLOUR[..., :2], "the shape is not an image's"),
        (GREY[0], "the shape is not an image's"),
        (np.uint8(7), "not an image"),
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
        (np.zeros((0, 0), np.uint16), "no pixels"),
    ],
)
def test_arrays_that_could_only_be_guessed_at_are_refused(array: Any, told: str) -> None:
    with pytest.raises(ImageError, match=told):
        decode(array)


def test_a_refused_array_is_told_what_to_give_instead() -> None:
    with pytest.raises(ImageError, match=r"^numpy array float32 \[4, 5, 3\]: .*uint8 \(0 to 255\) or uint16"):
        decode(np.zeros((4, 5, 3), np.float32))


PALETTE_IMAGE = PHOTOGRAPH.quantize(100)
TRANSLUCENT_PALETTE = np.linspace(0, 255, 100).astype(np.uint8)


def over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = alpha[..., np.newaxis].astype(int)
    return (2 * (colour * weight + 255 * (255 - weight)) + 255) // 510


def grey3(values: np.ndarray) -> np.ndarray:
    return np.dstack([values, values, values])


def palette_colours() -> np.ndarray:
    return np.array(PALETTE_IMAGE.getpalette()).reshape(-1, 3)[np.asarray(PALETTE_IMAGE)]


def with_info(image: Image.Image, **info: Any) -> Image.Image:
    copy = image.copy()
    copy.info.update(info)
    return copy


def pil_modes() -> dict[str, tuple[Image.Image, np.ndarray]]:
    bilevel = Image.fromarray(GREY).convert("1")
    grey_alpha = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)])
    palette_alpha = PALETTE_IMAGE.convert("PA")
    palette_alpha.putalpha(Image.fromarray(ALPHA))
    rgbx = Image.frombytes("RGBX", PHOTOGRAPH.size, np.dstack([COLOUR, ALPHA]).tobytes())
    deep = GREY.astype(np.uint16) * 257
    return {
        "1": (bilevel, grey3(np.where(np.asarray(bilevel), 255, 0))),
        "L": (Image.fromarray(GREY), grey3(GREY)),
        "LA": (grey_alpha, over_white(grey3(GREY), ALPHA)),
        "P": (PALETTE_IMAGE, palette_colours()),
        "P, translucent": (
            with_info(PALETTE_IMAGE, transparency=TRANSLUCENT_PALETTE.tobytes()),
            over_white(palette_colours(), TRANSLUCENT_PALETTE[np.asarray(PALETTE_IMAGE)]),
        ),
        "P, one transparent": (
            with_info(PALETTE_IMAGE, transparency=7),
            np.where(np.asarray(PALETTE_IMAGE)[..., np.newaxis] == 7, 255, palette_colours()),
        ),
        "PA": (palette_alpha, over_white(palette_colours(), ALPHA)),
        "RGB": (PHOTOGRAPH, COLOUR),
        "RGB, transparent": (
            with_info(PHOTOGRAPH, transparency=tuple(map(int, COLOUR[50, 60]))),
            np.where((COLOUR[50, 60] == COLOUR).all(axis=2, keepdims=True), 255, COLOUR),
        ),
        "L, transparent": (
            with_info(Image.fromarray(GREY), transparency=int(GREY[5, 6])),
            grey3(np.where(GREY[5, 6] == GREY, 255, GREY)),
        ),
        "RGBA": (Image.fromarray(np.dstack([COLOUR, ALPHA])), over_white(COLOUR, ALPHA)),
        "RGBX": (rgbx, COLOUR),
        "I;16": (Image.fromarray(deep), grey3(GREY)),
        "I": (Image.fromarray(deep.astype(np.int32)), grey3(GREY)),
        "CMYK": (PHOTOGRAPH.convert("CMYK"), COLOUR),
        "YCbCr": (PHOTOGRAPH.convert("YCbCr"), np.asarray(PHOTOGRAPH.convert("YCbCr").convert("RGB"))),
    }


@pytest.mark.parametrize("mode", pil_modes())
def test_pil_images_of_every_exact_mode(mode: str) -> None:
    image, expected = pil_modes()[mode]
    assert image.mode == mode.split(",")[0]
    assert np.array_equal(decode(image), expected)
    assert decode(image).flags.writeable


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (Image.fromarray(GREY.astype(np.float32)), "PIL mode 'F' has no exact conversion"),
        (Image.fromarray(GREY.astype(np.int32) * 1000), r"values from \d+ to \d+, where 0 to 65535 is expected"),
        (Image.fromarray(GREY.astype(np.int32) - 300), "values from -"),
        (PHOTOGRAPH.convert("HSV"), "PIL mode 'HSV' has no exact conversion"),
        (PHOTOGRAPH.convert("RGBA").convert("RGBa"), "PIL mode 'RGBa' has no exact conversion"),
        (with_info(PHOTOGRAPH, transparency=(300, 2, 3)), r"transparency \[300, 2, 3\] does not fit"),
        (with_info(PHOTOGRAPH, transparency=3), r"transparency \[3\] does not fit"),
        (Image.new("RGB", (0, 5)), "0 x 5"),
        (Image.open(io.BytesIO(FILES["png"][:-3000])), "PIL image RGB 137 x 101: damaged image: Pillow cannot load it"),
    ],
)
def test_pil_images_that_could_only_be_guessed_at_are_refused(image: Image.Image, told: str) -> None:
    with pytest.raises(ImageError, match=told):
        decode(image)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_pil_image_is_turned_as_its_file_would_be(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(PHOTOGRAPH, file_format, exif=exif)
    assert np.array_equal(decode(Image.open(io.BytesIO(content))), decode(content))


def test_a_subclass_of_pil_image_is_one() -> None:
    class Annotated(Image.Image):
        pass

    image = PHOTOGRAPH.copy()
    image.__class__ = Annotated
    assert np.array_equal(decode(image), COLOUR)


def refused(image: Any) -> str:
    with pytest.raises(ImageError) as caught:
        decode(image)
    return str(caught.value)


def test_what_is_not_there_or_no_file_is_told_so(tmp_path: Path) -> None:
    missing = tmp_path / "missing 사진.png"
    assert refused(missing).startswith(f"{missing}: no such file. Check the path")
    assert refused(tmp_path).startswith(f"{tmp_path}: a folder, where an image is expected")
    assert "a folder" in refused("")
    too_long = r"A name in it is too long: 5000 characters|File name too long.*Check the path and the drive\."
    assert re.search(too_long, refused(tmp_path / ("x" * 5000)))
    assert "cannot be read" in refused("nul\0byte.png")
    empty = tmp_path / "empty.png"
    empty.touch()
    assert refused(empty).startswith(f"{empty}: empty")
    assert refused(b"").startswith("bytes: empty")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="every file is readable to this user")
def test_a_file_without_permission_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(FILES["png"])
    path.chmod(0)
    assert "no permission" in refused(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refused(tmp_path / "pipe")


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert f"more than the limit of {MAX_FILE_BYTES:,}" in refused(path)


def test_a_file_object_without_end_is_read_to_the_limit_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        def readinto(self, buffer: Any) -> int:
            buffer[:] = bytes(len(buffer))
            return len(buffer)

        def readable(self) -> bool:
            return True

    monkeypatch.setattr("crbl_runtime.image.MAX_FILE_BYTES", 2**22)
    assert "file object: the file is too long" in refused(Endless())


def test_file_objects_that_give_no_bytes_are_told_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "text.png"
    path.write_text("text", encoding="utf-8")
    with path.open(encoding="utf-8") as file:
        assert "Open the file with 'rb'" in refused(file)
    assert "cannot be read" in refused(file)
    with path.open("ab") as file:
        assert "open for reading" in refused(file)
    read = io.BytesIO(FILES["png"])
    read.read()
    assert refused(read).startswith("file object: empty")


@pytest.mark.parametrize("buffering", [0, -1])
@pytest.mark.parametrize("content", [FILES["png"][:-20], b"no image", b""])
def test_a_file_object_stands_where_it_stood_when_it_is_refused(content: bytes, buffering: int, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"header" + content)
    with path.open("rb", buffering=buffering) as file:
        for opened in (file, io.BytesIO(b"header" + content)):
            opened.seek(6)
            refused(opened)
            assert opened.tell() == 6


def test_a_file_object_stands_where_it_stood_whatever_it_is_refused_for(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO(FILES["png"] + bytes(2**21))
    file.seek(0)
    for arguments, error in (({"max_pixels": 9}, ImageTooLargeError), ({"scale": 2}, UsageError)):
        with pytest.raises(error):
            decode(file, **arguments)  # type: ignore[arg-type]
        assert file.tell() == 0
    monkeypatch.setattr("crbl_runtime.image.MAX_FILE_BYTES", 2**20)
    assert "the file is too long" in refused(file)
    assert file.tell() == 0
    monkeypatch.undo()
    assert np.array_equal(decode(file), COLOUR)
    assert file.tell() == len(file.getvalue())


def test_a_file_object_that_cannot_seek_or_fails_is_told(tmp_path: Path) -> None:
    class Stream(io.BytesIO):
        def tell(self) -> int:
            raise OSError("a stream has no position")

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise EOFError("the connection was lost")

    assert np.array_equal(decode(Stream(FILES["png"])), COLOUR)
    assert "damaged image" in refused(Stream(FILES["png"][:-20]))
    assert refused(Broken()).startswith("file object: cannot be read (the connection was lost)")
    archive = tmp_path / "images.zip"
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("a.png", FILES["png"])
    changed = bytearray(archive.read_bytes())
    changed[200] ^= 1
    with zipfile.ZipFile(io.BytesIO(changed)) as damaged, damaged.open("a.png") as member:
        assert refused(member).startswith("a.png: cannot be read (Bad CRC-32")


@pytest.mark.parametrize("kind", FILES)
def test_the_limit_of_pixels_is_checked_for_every_format_before_it_is_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, pixels = FILES[kind], COLOUR.shape[0] * COLOUR.shape[1]
    ways = (content, io.BytesIO(content), Image.open(io.BytesIO(content)))
    assert all(decode(way, max_pixels=pixels).shape == COLOUR.shape for way in ways)

    def load(image: Image.Image) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    for way in (content, io.BytesIO(content), Image.open(io.BytesIO(content))):
        with pytest.raises(
            ImageTooLargeError, match=f"declares 137 x 101 pixels, more than the limit of {pixels - 1:,} "
        ):
            decode(way, max_pixels=pixels - 1)


def test_a_greater_limit_of_pixels_is_taken() -> None:
    wide = saved(Image.new("1", (2**14, 2**13 + 8)), "PNG")
    with pytest.raises(ImageTooLargeError, match="limit of 134,217,728 pixels"):
        decode(wide)
    with pytest.raises(ImageTooLargeError, match="limit of 134,250,000 pixels"):
        decode(wide, max_pixels=134_250_000)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"bit_depth": 0}, "bit_depth is 0"),
        ({"bit_depth": 17}, "bit_depth is 17"),
        ({"bit_depth": 12.0}, "bit_depth is 12.0"),
        ({"bit_depth": True}, "bit_depth is True"),
        ({"max_pixels": 0}, "max_pixels is 0"),
        ({"max_pixels": 1e6}, "max_pixels is 1000000.0"),
        ({"max_pixels": None}, "max_pixels is None"),
        ({"channel_order": "BGR"}, "channel_order is 'BGR', expected one of rgb, bgr"),
        ({"channel_order": None}, "channel_order is None"),
        ({"scale": 0}, "scale is 0"),
        ({"scale": -1.0}, "scale is -1.0"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"scale": float("inf")}, "scale is inf"),
        ({"scale": "255"}, "scale is '255'"),
        ({"scale": True}, "scale is True"),
    ],
)
def test_arguments_out_of_range_are_named(arguments: dict[str, Any], told: str) -> None:
    for image in (FILES["png"], COLOUR, COLOUR / 255):
        with pytest.raises(UsageError, match=re.escape(told)):
            decode(image, **arguments)


@pytest.mark.parametrize("arguments", [{"channel_order": "bgr"}, {"scale": 255}])
def test_what_is_about_arrays_is_refused_for_files_and_pil_images(arguments: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(FILES["png"])
    for image in (path, str(path), FILES["png"], memoryview(FILES["png"]), io.BytesIO(FILES["png"]), PHOTOGRAPH):
        with pytest.raises(UsageError, match=r"channel_order and scale are about arrays.*Leave both out"):
            decode(image, **arguments)


def test_errors_tell_by_their_type_what_is_wrong(tmp_path: Path) -> None:
    """So that a program waits for a file that is still being written, and answers a client by what is wrong."""
    closed = Image.open(io.BytesIO(FILES["png"]))
    closed.close()
    released = memoryview(bytearray(FILES["png"]))
    released.release()
    wrong: dict[type[ImageError], list[Any]] = {
        ImageReadError: [tmp_path / "missing.png", tmp_path, "nul\0", io.StringIO("text"), closed, released],
        ImageDamagedError: [b"", FILES["png"][:-20], FILES["jpeg"][:-20], FILES["tiff"][:-20], FILES["png"][:50]],
        ImageKindError: [b"%PDF-1.7", PHOTOGRAPH.convert("HSV"), COLOUR / 255, 7, saved(PHOTOGRAPH, "ICO")],
        ImageValueError: [Image.fromarray(GREY.astype(np.int32) - 300)],
        ImageTooLargeError: [np.broadcast_to(np.uint8(0), (2**20, 2**20))],
    }
    for kind, images in wrong.items():
        assert issubclass(kind, ImageError)
        for image in images:
            with pytest.raises(kind) as caught:
                decode(image)
            assert str(caught.value).startswith(f"{describe(image)}: ")
    with pytest.raises(ImageValueError, match="more than the 1,023 of the 10 bits"):
        decode(FILES["16-bit png"], 10)


def test_a_closed_pil_image_is_told_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    for kind in ("png", "jpeg", "tiff", "16-bit png"):
        path.write_bytes(FILES[kind])
        with Image.open(path) as image:
            pass
        assert "the PIL image or its file is closed. Give it while it is open" in refused(image)
        file = io.BytesIO(FILES[kind])
        image = Image.open(file)
        file.close()
        assert "the PIL image or its file is closed" in refused(image)


@pytest.mark.parametrize("kind", FILES)
def test_a_pil_image_that_was_loaded_needs_no_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(FILES[kind])
    with Image.open(path) as image:
        image.load()
    expected = decode(FILES[kind])
    assert np.array_equal(decode(image), expected)
    copy = image.copy()
    image.close()
    with pytest.raises(ImageReadError, match="is closed"):
        decode(image)
    assert np.array_equal(decode(copy), expected)


def test_too_little_memory_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(image: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    for image in (FILES["png"], Image.open(io.BytesIO(FILES["png"]))):
        with pytest.raises(ImageTooLargeError, match="not enough memory"):
            decode(image)


@pytest.mark.parametrize("thing", [None, 7, 1.5, ["a.png"], object(), Path, ("a", "b")])
def test_other_objects_are_told_what_to_give(thing: Any) -> None:
    assert "Give a path, bytes, a file object opened with 'rb', a numpy array or a PIL image" in refused(thing)


SUPPORTED = "Save it as one of JPEG, PNG, BMP, TIFF, WebP, GIF, PPM, JPEG 2000, AVIF and"


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"x", bytes(1000), b"\xff\xd8"])
def test_what_is_no_image_is_told_which_formats_are_supported(content: bytes) -> None:
    assert f"not an image of a supported format (it starts with {content[:8]!r}). {SUPPORTED}" in refused(content)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("PSD", b"8BPS\0\x01" + bytes(100)),
        ("EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        ("FLI", bytes(4) + b"\x12\xaf\x01\0\x08\0\x08\0\x08\0\0\0" + bytes(200)),
        ("ICO", saved(PHOTOGRAPH, "ICO", sizes=[(16, 16)])),
        ("PCX", saved(PHOTOGRAPH, "PCX")),
        ("SGI", saved(PHOTOGRAPH, "SGI")),
    ],
)
def test_formats_that_nobody_asked_for_are_refused_by_name(kind: str, content: bytes) -> None:
    assert f"bytes: {kind} is not read. {SUPPORTED}" in refused(content)


def test_describe_names_what_was_given(tmp_path: Path) -> None:
    path = tmp_path / "a 사진.png"
    path.write_bytes(FILES["png"])
    assert describe(path) == describe(str(path)) == str(path)
    assert describe(b"abc") == "bytes"
    assert describe(np.zeros((2, 3), np.uint16)) == "numpy array uint16 [2, 3]"
    assert describe(PHOTOGRAPH) == "PIL image RGB 137 x 101"
    assert describe(Image.open(path)) == str(path)
    assert describe(io.BytesIO()) == "file object"
    assert describe(None) == "object of type builtins.NoneType"
    with path.open("rb") as file:
        assert describe(file) == str(path)


def test_messages_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "cut 사진.png"
    path.write_bytes(FILES["png"][:-20])
    with pytest.raises(ImageError, match=re.escape(f"{path}: damaged image")):
        decode(path)


def test_what_has_no_part_in_the_pixels_is_noted() -> None:
    first_only = ("only the first of its frames or pages was used",)
    animation = {"save_all": True, "append_images": [Image.fromarray(255 - COLOUR)]}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("PNG", "WEBP", "GIF", "MPO", "AVIF"):
        assert decode_image(saved(PHOTOGRAPH, kind, **animation)).notes == first_only
    for kind in ("PNG", "TIFF", "WEBP", "JPEG"):
        content = saved(PHOTOGRAPH, kind, icc_profile=profile)
        assert decode_image(content).notes == ("its ICC profile was ignored",)
        assert decode_image(Image.open(io.BytesIO(content))).notes == ("its ICC profile was ignored",)
        assert np.array_equal(decode(content), decode(saved(PHOTOGRAPH, kind)))
    assert all(decode_image(FILES[kind]).notes == () for kind in FILES if kind != "mpo")


def test_what_is_noted_reaches_the_prepared_image() -> None:
    content = saved(PHOTOGRAPH, "PNG", save_all=True, append_images=[PHOTOGRAPH])
    assert prepare(content, PreprocessingSpec(region="whole")).notes == decode_image(content).notes != ()
