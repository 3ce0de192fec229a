"""hub.py: the hub is asked once, and not at all for what lies in its cache."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from crbl_runtime.errors import UnavailableError
from crbl_training.weights.hub import fetch_from_hub

COMMIT = "0" * 40


class Hub(HTTPServer):
    """A hub on this machine that answers every request with one status, and keeps what it was asked."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.status = status
        self.asked: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def go_online(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Put the hub at another address; its client reads the environment only once, at its import."""
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture(params=[503, 404, 403])
def hub(request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub(request.param)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    go_online(monkeypatch, f"http://127.0.0.1:{hub.server_port}")
    yield hub
    hub.shutdown()
    thread.join()
    hub.server_close()


def test_a_hub_that_does_not_give_the_file_is_asked_once(hub):
    with pytest.raises(UnavailableError, match=f"{hub.status}.*--weights PATH.*--weights none") as refusal:
        fetch_from_hub("timm/network", "model.safetensors")
    assert f"http://127.0.0.1:{hub.server_port}/timm/network/resolve/main/model.safetensors" in str(refusal.value)
    assert [path for path in hub.asked if "timm" in path] == ["/timm/network/resolve/main/model.safetensors"]


def test_no_connection_is_named_as_the_reason(cache, monkeypatch):
    go_online(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match=r"could not be downloaded .*[Cc]onnect"):
        fetch_from_hub("timm/network", "model.safetensors")


def test_what_is_in_the_cache_is_taken_without_asking(hub, cache):
    repository = cache / "models--timm--network"
    cached = repository / "snapshots" / COMMIT / "model.safetensors"
    for path, content in ((cached, b"weights"), (repository / "refs" / "main", COMMIT.encode())):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    assert fetch_from_hub("timm/network", "model.safetensors") == cached
    assert hub.asked == []
