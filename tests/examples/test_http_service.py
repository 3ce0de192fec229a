"""The HTTP service: a real server process on the loopback address, asked as clients ask it."""

import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from crbl_runtime import Detector, Prediction

for package in ("fastapi", "uvicorn", "python_multipart"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[examples]'")

PROGRAM = Path(__file__).parents[2] / "examples" / "http_service" / "http_service.py"
IN_FLIGHT = 32
REQUESTS = 240
SECONDS = 60
PNG = {"Content-Type": "image/png"}
FORM = {"Content-Type": "multipart/form-data; boundary=edge"}


def start(model: Path) -> tuple[subprocess.Popen[str], int]:
    """The server's process and the port that it has chosen."""
    command = [sys.executable, PROGRAM, model, "--provider", "cpu", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
            return process, int(found[1])
    raise AssertionError("the server did not start")


@pytest.fixture(scope="module")
def port(model: Path) -> Iterator[int]:
    """Of a server that runs as long as this module's tests."""
    process, port = start(model)
    yield port
    process.kill()
    process.communicate()


def ask(port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """The answer's status and its JSON."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def form(*files: bytes, name: str = "image") -> bytes:
    """A multipart body with these files, and a field that is none."""
    parts = [b'Content-Disposition: form-data; name="comment"\r\n\r\nfrom the left camera']
    parts += [
        f'Content-Disposition: form-data; name="{name}"; filename="사진.png"\r\n\r\n'.encode() + file for file in files
    ]
    return b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--\r\n"


def many_pixels() -> bytes:
    """A small PNG file of 50,010,000 pixels."""
    file = io.BytesIO()
    Image.new("1", (5_001, 10_000)).save(file, "PNG")
    return file.getvalue()


def as_json(prediction: Prediction) -> dict[str, Any]:
    """What the service must answer."""
    names = (
        *("is_anomaly", "label", "probability", "calibrated_probability", "logit", "threshold"),
        *("region_found", "box", "notes", "provider"),
    )
    found: dict[str, Any] = json.loads(json.dumps({name: getattr(prediction, name) for name in names}))
    return found


def test_many_requests_at_a_time_each_have_the_answer_of_their_image(
    port: int, detector: Detector, images: list[Path]
) -> None:
    expected = [as_json(detector.predict(image)) for image in images]
    assert len({prediction["logit"] for prediction in expected}) > len(images) / 2

    def answer(number: int) -> tuple[int, Any]:
        content = images[number % len(images)].read_bytes()
        body, headers = (content, PNG) if number % 2 else (form(content), FORM)
        return ask(port, "POST", "/predict", body, headers)

    with ThreadPoolExecutor(IN_FLIGHT) as clients:
        answers = list(clients.map(answer, range(REQUESTS)))
    assert answers == [(200, expected[number % len(images)]) for number in range(REQUESTS)]


def test_health_says_where_which_model_runs(port: int, detector: Detector) -> None:
    status, health = ask(port, "GET", "/health")
    assert status == 200
    assert health == {"provider": "cpu", "model_sha256": detector.contract.payload_sha256}


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"", PNG, 400, "body is empty"),
        (form(), FORM, 400, "0 files"),
        (form(b"one", b"two"), FORM, 400, "2 files"),
        (form(b""), FORM, 400, "is empty"),
        (b"no form", FORM, 400, ""),
        (b"no form", {"Content-Type": "multipart/form-data"}, 400, "boundary"),
        (b'{"image": ""}', {"Content-Type": "application/json"}, 415, "application/json"),
        (b"%PNG", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "image/*"),
        (b"this is no image", PNG, 415, "bytes: "),
        (form(b"this is no image"), FORM, 415, "bytes: "),
        (b"this is no image", {}, 415, "bytes: "),
        (b"\x89PNG\r\n\x1a\n", PNG, 422, "damaged"),
        (many_pixels(), PNG, 413, "pixels"),
    ],
)
def test_what_cannot_be_predicted_has_an_error_with_its_reason(
    port: int, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    found, answer = ask(port, "POST", "/predict", body, headers)
    assert (found, list(answer)) == (status, ["detail"])
    assert words in answer["detail"]


def test_image_that_is_cut_off_has_the_detectors_error_and_no_path(
    port: int, detector: Detector, images: list[Path], model: Path
) -> None:
    cut_off = images[0].read_bytes()[:-500]
    with pytest.raises(Exception, match="bytes: ") as error:
        detector.predict(cut_off)
    status, answer = ask(port, "POST", "/predict", cut_off, PNG)
    assert (status, answer) == (422, {"detail": str(error.value)})
    assert str(model.parent) not in answer["detail"]
    assert str(Path.cwd()) not in answer["detail"]


def test_body_that_is_too_long_is_refused_before_it_comes(port: int) -> None:
    with closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Length", "20000001")
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read()) == {"detail": "The body is longer than 20,000,000 bytes."}


def test_client_that_only_sends_at_first_sees_that_its_body_is_too_long(port: int) -> None:
    for headers in (PNG, FORM, PNG | {"Transfer-Encoding": "chunked"}):
        with closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
            pieces = (bytes(1_000_000) for _ in range(30))
            length = {} if "Transfer-Encoding" in headers else {"Content-Length": "30000000"}
            connection.request("POST", "/predict", pieces, headers | length, encode_chunked=not length)
            assert connection.getresponse().status == 413


def test_body_of_the_greatest_length_is_read(port: int) -> None:
    status, _ = ask(port, "POST", "/predict", bytes(20_000_000), PNG)
    assert status == 415


def test_client_that_goes_away_leaves_the_service_as_it_was(port: int, images: list[Path]) -> None:
    for _ in range(IN_FLIGHT + 1):
        with closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
            connection.putrequest("POST", "/predict")
            connection.putheader("Content-Length", "1000")
            connection.endheaders(b"only the beginning")
    assert ask(port, "POST", "/predict", images[0].read_bytes(), PNG)[0] == 200


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a process could answer")
def test_requests_in_flight_are_finished_before_it_ends(model: Path, detector: Detector, images: list[Path]) -> None:
    process, port = start(model)
    connections = [HTTPConnection("127.0.0.1", port, timeout=SECONDS) for _ in range(8)]
    for connection, image in zip(connections, images, strict=False):
        connection.putrequest("POST", "/predict")
        for name, value in (*PNG.items(), ("Content-Length", str(image.stat().st_size)), ("Expect", "100-continue")):
            connection.putheader(name, value)
        connection.endheaders()
        # The server says so as soon as it begins to wait for the body.
        assert connection.sock.recv(len(b"HTTP/1.1 100 Continue\r\n\r\n")).startswith(b"HTTP/1.1 100")
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    assert any("Waiting for connections to close" in line or "Shutting down" in line for line in process.stderr)
    for connection, image in zip(connections, images, strict=False):
        connection.send(image.read_bytes())
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (200, as_json(detector.predict(image)))
        connection.close()
    # uvicorn ends by the signal that it was sent, after all else is done.
    assert process.wait(SECONDS) in (0, -signal.SIGTERM)
    assert "Application shutdown complete" in process.communicate()[1]
