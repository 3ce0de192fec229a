"""The page that predicts in a browser: as crbl_runtime does, and with no connection to anything."""

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from crbl_runtime import CombinedDetector, CombinedPrediction, Detector, Prediction
from crbl_runtime.calibration import Calibration
from crbl_runtime.contract import METADATA_KEY, SelfTest
from crbl_runtime.golden_image import GOLDEN_IMAGE, golden_image_sha256
from crbl_runtime.heatmap_overlay import draw_overlay
from crbl_runtime.image import decode
from crbl_runtime.payload import UNKNOWN_SHA256, with_payload_sha256
from foreign_programs import chromium
from public_commands import Trained
from rewritten_model import rewritten
from small_model import small_model
from twenty_images import image_files
from web_page import PROJECT, DroppedFile, WebPage, built_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[test]'")

REFUSED = {"border_17_grey_16_bits.png": "16 bits", "object_12_16_bits.tif": "Not JPEG, PNG, WebP or BMP"}
LARGEST_DIFFERENCE = 2e-3
SMALL = DroppedFile("small.onnx", small_model("fp32"))
# WebGPU that is computed by the processor: it shows that the page's way to it is right, and nothing about its speed.
SOFTWARE_WEBGPU = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
# What browsers that protect against fingerprinting do to a page that reads pixels.
NOISE = """
    const read = OffscreenCanvasRenderingContext2D.prototype.getImageData;
    OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...box) {
        const image = read.apply(this, box);
        for (let at = 0; at < image.data.length; at += 40) image.data[at] ^= 1;
        return image;
    };
"""


class Open(Protocol):
    """Opens the page in a tab of its own."""

    def __call__(self, address: str | None = None, script: str = "", **context: Any) -> WebPage: ...


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as it is built."""
    return built_page(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium, with a software adapter for WebGPU."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium(), args=["--no-sandbox", *SOFTWARE_WEBGPU])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: "Browser", page_file: Path) -> Iterator[Open]:
    """A tab with the page, from its folder unless another address is given; nothing may go wrong or out in it."""
    opened: list[WebPage] = []

    def open_one(address: str | None = None, script: str = "", **context: Any) -> WebPage:
        tab = browser.new_context(**({"locale": "en-GB"} | context)).new_page()
        tab.add_init_script(script)
        opened.append(WebPage(tab, address or page_file.as_uri()))
        return opened[-1]

    yield open_one
    for page in opened:
        assert page.errors == []
        assert len(page.requests) == 1, page.requests
        page.page.context.close()


def middle_threshold(probabilities: list[float]) -> float:
    """A threshold with images on both sides, and none close to it."""
    ordered = sorted(probabilities)
    third = len(ordered) // 3
    low, high = max(zip(ordered[third:-third], ordered[third + 1 :], strict=False), key=lambda pair: pair[1] - pair[0])
    return (low + high) / 2


def at_middle_threshold(content: bytes, images: list[Path], folder: Path, **contract: Any) -> Path:
    """The model with another contract and a threshold between its probabilities for these images."""
    file = folder / "model.onnx"
    file.write_bytes(rewritten(content, **contract))
    with Detector(file, "cpu") as detector:
        threshold = middle_threshold([prediction.probability for prediction in detector.predict_many(images)])
    file.write_bytes(rewritten(content, threshold=threshold, **contract))
    return file


def require_same(shown: dict[str, Any], expected: Prediction) -> None:
    """One model's numbers on the page are those of crbl_runtime."""
    assert expected.heatmap is not None
    assert shown["variant"] == expected.variant
    assert shown["label"] == expected.label
    assert shown["logit"] == pytest.approx(expected.logit, abs=LARGEST_DIFFERENCE)
    assert shown["probability"] == pytest.approx(expected.probability, abs=LARGEST_DIFFERENCE / 4)
    assert shown["cells"] == pytest.approx(float(expected.heatmap.sum()), abs=LARGEST_DIFFERENCE)
    x, y, width, height = expected.box
    found = f"found: {width} × {height} at ({x}, {y})"
    assert shown["region"] == (found if expected.region_found else "not found: the whole image was used")


def require_same_picture(shown: NDArray[np.uint8], image: Path, expected: Prediction) -> None:
    """The picture with the heatmap is that of crbl_runtime, above whose caption it is, but for rounding."""
    drawn = draw_overlay(decode(image), expected)
    height, width = shown.shape[:2]
    left = (drawn.shape[1] - width) // 2
    difference = np.abs(shown.astype(int) - drawn[:height, left : left + width])
    assert difference.max() <= 3, image.name
    assert difference.mean() < 0.2, image.name


def combined(crop: Path, full: Path, images: list[Path]) -> list[CombinedPrediction]:
    """What crbl_runtime predicts; among it both decisions."""
    with CombinedDetector(crop, full, "cpu") as detector:
        expected = list(detector.predict_many(images))
    assert {prediction.is_anomaly for prediction in expected} == {True, False}
    return expected


def test_decides_as_the_runtime(
    open_page: Open, crop: Trained, full: Trained, grains: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    images = [path for path in image_files() if path.name not in REFUSED]
    images += sorted((grains / "images" / "test").glob("*.png"))[:6]
    crop_file = at_middle_threshold(crop.model.read_bytes(), images, tmp_path_factory.mktemp("crop"))
    full_file = at_middle_threshold(full.model.read_bytes(), images, tmp_path_factory.mktemp("full"))
    with Detector(full_file, "cpu") as detector:
        whole = replace(detector.contract.preprocessing, region="whole")
    whole_file = at_middle_threshold(
        full.model.read_bytes(),
        images,
        tmp_path_factory.mktemp("whole"),
        preprocessing=whole,
        golden_image=golden_image_sha256(whole),
    )
    page = open_page()
    page.choose(*map(DroppedFile.at, images))
    assert page.page.locator(".result.waiting").count() == len(images) >= 20
    both = (crop_file, full_file)
    for given, pair in [(both, both), ((whole_file,), (crop_file, whole_file))]:
        page.give_paths(*given)
        assert page.model_errors() == []
        assert all("prepared here to the same pixels" in model for model in page.models())
        cards, expected = page.cards(), combined(*pair, images)
        assert [card["name"] for card in cards] == [image.name for image in images]
        assert [card["label"] for card in cards] == [prediction.label for prediction in expected]
        assert [card["isAnomaly"] for card in cards] == [prediction.is_anomaly for prediction in expected]
        for card, prediction in zip(cards, expected, strict=True):
            for shown, one in zip(card["predictions"], (prediction.crop, prediction.full), strict=True):
                require_same(shown, one)
        some = range(0, len(images), 4)
        drawn = [(images[number], one) for number in some for one in (expected[number].crop, expected[number].full)]
        for picture, (image, one) in zip(page.overlays(some), drawn, strict=True):
            require_same_picture(picture, image, one)
    assert "has taken the place of the full model" in page.page.locator(".model-list > .note").inner_text()


def with_contract(**changes: Any) -> bytes:
    """The small model with other values in its contract's JSON, under a right hash."""
    model = onnx.load_model_from_string(SMALL.content)
    (entry,) = (entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    values = json.loads(entry.value) | {"payload_sha256": UNKNOWN_SHA256} | changes
    entry.value = json.dumps(values, sort_keys=True)
    return with_payload_sha256(model.SerializeToString(deterministic=True))


def test_model_files_that_are_refused(open_page: Open) -> None:
    content = SMALL.content
    spec = json.loads(onnx.load_model_from_string(content).metadata_props[0].value)["preprocessing"]
    wrong = SelfTest((1.0, 2.0, 3.0, 4.0), 1e-3)
    refused = {
        "damaged or was changed after its export": with_one_bit_changed(content),
        "is no CRBL model": content[: len(content) // 2],
        "carries no contract": b"",
        "schema version 99, this page knows the versions 3, 4": with_contract(schema_version=99),
        '(arithmetic: "cubic-uint8")': with_contract(preprocessing=spec | {"arithmetic": "cubic-uint8"}),
        "(fog: 1)": with_contract(fog=1),
        "(threshold: 1.5)": with_contract(threshold=1.5),
        "(fast_decode)": with_contract(preprocessing=spec | {"fast_decode": True}),
        "WebAssembly computes wrongly": rewritten(content, self_test=wrong),
    }
    page = open_page()
    for sentence, file in refused.items():
        page.give(DroppedFile("refused.onnx", file))
        (error,) = page.model_errors()
        assert sentence in error
        assert page.models() == []
    page.give(SMALL)
    assert page.model_errors() == []
    assert "passed: the logits of four images" in page.models()[0]


def with_one_bit_changed(content: bytes) -> bytes:
    """In the middle of it."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A file of an image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_images_that_are_refused_and_the_others_go_on(open_page: Open, model: Path, images: list[Path]) -> None:
    image = Image.open(images[0]).convert("RGB")
    png, jpeg, webp, bmp = images[0].read_bytes(), *(encoded(image, kind) for kind in ("JPEG", "WEBP", "BMP"))
    turned = Image.Exif()
    turned[0x0112] = 6
    refused = {
        "cut.png": (png[: len(png) // 2], "cut off"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "cut off"),
        "rows.jpg": (jpeg[: len(jpeg) // 2] + b"\xff\xd9", "rows are missing"),
        "cut.webp": (webp[: len(webp) // 2], "cut off"),
        "cut.bmp": (bmp[:-10], "cut off"),
        "changed.png": (with_one_bit_changed(png), "check sums"),
        "empty.png": (b"", "cut off"),
        "text.png": (b"no image", "Not JPEG, PNG, WebP or BMP"),
        "inks.jpg": (encoded(image.convert("CMYK"), "JPEG"), "CMYK"),
        "turned.webp": (encoded(image, "WEBP", exif=turned), "A WebP that is turned"),
        "turned.png": (encoded(image, "PNG", exif=turned), "A PNG that is turned"),
        "16_bits.bmp": (
            b"BM" + encoded(image, "BMP")[2:28] + b"\x10\0" + encoded(image, "BMP")[30:],
            "A BMP of a rare kind",
        ),
    } | {name: ((image_files()[0].parent / name).read_bytes(), sentence) for name, sentence in REFUSED.items()}
    files = [DroppedFile(name, content) for name, (content, _) in refused.items()]
    page = open_page()
    page.give(DroppedFile.at(images[1]), *files, DroppedFile.at(model), DroppedFile.at(images[2]))
    first, *cards, last = page.cards()
    for card, (name, (_, sentence)) in zip(cards, refused.items(), strict=True):
        assert card["name"] == name
        assert sentence in (card["error"] or ""), name
        assert card["predictions"] == []
    with Detector(model, "cpu") as detector:
        for card, path in [(first, images[1]), (last, images[2])]:
            require_same(card["predictions"][0], detector.predict(path))
    assert f", {len(refused)} not predicted" in page.page.locator(".counts").inner_text()


def test_formats_that_give_the_same_pixels(open_page: Open, images: list[Path], tmp_path: Path) -> None:
    """With a model that was calibrated."""
    calibration = Calibration("platt", slope=0.7, intercept=4.5, images=50, anomalies=20, data_hash="")
    model = tmp_path / "model.onnx"
    model.write_bytes(rewritten(SMALL.content, calibration=calibration))
    image = Image.open(images[0]).convert("RGB")
    turned = Image.Exif()
    turned[0x0112] = 8
    alpha = Image.fromarray(np.arange(100 * 100).reshape(100, 100).astype(np.uint8))
    transparent = Image.merge("RGBA", [*image.split(), alpha])
    kinds = {
        "palette.png": encoded(image.quantize(20), "PNG"),
        "grey.png": encoded(image.convert("L"), "PNG", icc_profile=b"ignored"),
        "one_bit.png": encoded(image.convert("1"), "PNG"),
        "transparent.png": encoded(transparent, "PNG"),
        "progressive.jpg": encoded(image, "JPEG", progressive=True, subsampling=2),
        "turned.jpg": encoded(image.crop((0, 0, 100, 71)), "JPEG", exif=turned),
        "grey_128.jpg": encoded(Image.new("RGB", (64, 48), (128, 128, 128)), "JPEG"),
        "lossy.webp": encoded(image, "WEBP", quality=60),
        "lossless.webp": encoded(transparent, "WEBP", lossless=True, exact=True),
        "colour.bmp": encoded(image, "BMP"),
        "grey.bmp": encoded(image.convert("L"), "BMP"),
    }
    page = open_page()
    page.give(DroppedFile.at(model), *(DroppedFile(name, content) for name, content in kinds.items()))
    cards = page.cards()
    with Detector(model, "cpu") as detector:
        for card, (name, content) in zip(cards, kinds.items(), strict=True):
            assert card["error"] is None, name
            expected = detector.predict(content)
            require_same(card["predictions"][0], expected)
            assert card["predictions"][0]["calibrated"] == pytest.approx(expected.calibrated_probability, abs=1e-4)
    assert [card["name"] for card in cards if card["notes"] == ["Its ICC profile was ignored."]] == ["grey.png"]


def test_a_name_is_shown_and_never_interpreted(open_page: Open, model: Path, images: list[Path]) -> None:
    name = '"><img src=x onerror=alert(1)>.png'
    page = open_page()
    page.drop(DroppedFile(f"{name}.onnx", model.read_bytes()))
    page.drop(DroppedFile(name, images[0].read_bytes()))
    page.drop(DroppedFile(f"<b>{name}", b"no image"))
    assert [card["name"] for card in page.cards()] == [name, f"<b>{name}"]
    assert page.page.locator(".model h3").inner_text() == f"{name}.onnx"
    assert page.page.locator("img, b").count() == 0


def test_has_no_connection_to_anything(open_page: Open, page_file: Path) -> None:
    """Served over HTTP, where nothing but the page itself forbids it to ask for more."""
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = page_file.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 (the name is the base class's)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = open_page(f"http://127.0.0.1:{server.server_port}/crbl.html")
    page.give(SMALL)
    assert len(page.models()) == 1
    assert asked == ["/crbl.html"]
    tried = page.page.evaluate(
        """async () => {
            const refused = [];
            await fetch("/fetched").catch(() => refused.push("fetch"));
            await new Promise(done => {
                const image = new Image();
                image.onerror = () => done(refused.push("image"));
                image.onload = done;
                image.src = "/image.png";
            });
            try { new Function("return 1")(); } catch { refused.push("code from text"); }
            try { document.body.innerHTML = "<p>"; } catch { refused.push("markup from text"); }
            navigator.sendBeacon("/beacon", "data");
            return refused;
        }"""
    )
    assert tried == ["fetch", "image", "code from text", "markup from text"]
    page.page.wait_for_timeout(300)
    server.shutdown()
    assert asked == ["/crbl.html"]
    page.errors.clear()  # What the browser said about the attempts.
    page.requests[1:] = []


def test_webgpu_is_used_where_it_is_and_said_where_not(open_page: Open, model: Path, images: list[Path]) -> None:
    page = open_page()
    adapter = page.page.evaluate("async () => (await navigator.gpu?.requestAdapter())?.info.architecture ?? null")
    if adapter != "swiftshader":
        pytest.skip(f"this Chromium has no software adapter for WebGPU, but {adapter}")
    page.give(DroppedFile.at(model), *map(DroppedFile.at, images[:3]))
    assert "WebGPU is not used: here it would be computed by the processor" in page.models()[0]
    on_processor = page.cards()
    page.page.select_option(".provider-choice", "webgpu")
    page.page.locator(".model .provider.webgpu").wait_for()
    page.wait()
    assert [card["predictions"][0]["provider"] for card in on_processor] == ["WebAssembly"] * 3
    cards = page.cards()
    assert [card["predictions"][0]["provider"] for card in cards] == ["WebGPU"] * 3
    with Detector(model, "cpu") as detector:
        for card, path in zip(cards, images[:3], strict=True):
            require_same(card["predictions"][0], detector.predict(path))


def test_webgpu_that_does_not_start(open_page: Open, model: Path, images: list[Path]) -> None:
    page = open_page(script="Object.defineProperty(navigator, 'gpu', { value: undefined });")
    page.give(DroppedFile.at(model), DroppedFile.at(images[0]))
    assert "WebGPU is not used: this browser has none." in page.models()[0]
    page.page.select_option(".provider-choice", "webgpu")
    page.page.locator(".model-list > .error").wait_for()
    assert "WebGPU does not start" in page.model_errors()[0]
    page.page.select_option(".provider-choice", "wasm")
    page.page.locator(".model .provider.wasm").wait_for()
    page.wait()
    assert page.cards()[0]["predictions"][0]["provider"] == "WebAssembly"


def test_a_browser_that_changes_pixels_is_noticed(open_page: Open) -> None:
    page = open_page(script=NOISE)
    page.give(SMALL, DroppedFile("transparent.png", encoded(Image.new("LA", (8, 8), (9, 99)), "PNG")))
    assert "This browser decodes or resizes images to other pixels" in page.models()[0]
    assert "this browser rounds otherwise" in page.cards()[0]["error"]


def test_two_languages_on_a_narrow_screen(open_page: Open, images: list[Path]) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, locale="ko-KR")
    page.give(
        SMALL, DroppedFile(f"{'0123456789' * 12}.png", images[0].read_bytes()), DroppedFile("cut.png", b"\x89PNG")
    )
    text = page.page.locator("#page").inner_text()
    assert "히트맵" in text
    assert "Heatmap" not in text
    assert page.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.page.locator("button.language").click()
    text = page.page.locator("#page").inner_text()
    assert "Heatmap" in text
    assert "히트맵" not in text
    assert page.page.evaluate("() => document.documentElement.lang") == "en"
    assert page.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.page.locator(".heading button").click()
    assert page.cards() == []


def test_files_of_the_page_are_those_of_the_runtime() -> None:
    assert (PROJECT / "src" / "preprocessing" / "golden_image.jpg").read_bytes() == GOLDEN_IMAGE
    every = np.asarray(Image.open(PROJECT / "src" / "image_file" / "every_transparency.png"))
    alpha, value = np.mgrid[0:256, 0:256]
    assert np.array_equal(every, np.dstack([value, alpha]))
