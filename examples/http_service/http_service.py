"""POST /predict answers with the decision on an image, which is the body itself or the one file of a form."""

import argparse
import asyncio
import json
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message

from crbl_runtime import Detector, ImageError, ImageKindError, ImageTooLargeError, NotFiniteError

MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
# Requests whose bodies are in memory. Those that come later wait unread, and none is sent away.
AT_A_TIME = 32
SECONDS_TO_SEND = 60
SECONDS_TO_STOP = 5


# The most specific kind decides.
STATUS = {ImageTooLargeError: 413, ImageKindError: 415, ImageError: 422, NotFiniteError: 422}


class TooLongError(Exception):
    """A body of more than MAX_BYTES."""

    def __str__(self) -> str:
        return f"The body is longer than {MAX_BYTES:,} bytes."


def create_app(model: Path, provider: str = "auto") -> FastAPI:
    """The service, with one detector for all requests of the process, from its start to its end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with (
            Detector(model, provider, max_pixels=MAX_PIXELS) as app.state.detector,
            ThreadPoolExecutor(os.cpu_count()) as app.state.threads,
        ):
            yield

    app = FastAPI(title="CRBL", lifespan=lifespan, docs_url=None, redoc_url=None)
    turns = asyncio.Semaphore(AT_A_TIME)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        detector: Detector = app.state.detector
        return {"provider": detector.provider.kind, "model_sha256": detector.contract.payload_sha256}

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, Any]:
        async with turns:
            image = await image_in(request)
            detector: Detector = app.state.detector
            loop = asyncio.get_running_loop()
            prediction = await loop.run_in_executor(app.state.threads, detector.predict, image)
        names = (
            *("is_anomaly", "label", "probability", "calibrated_probability", "logit", "threshold"),
            *("region_found", "box", "notes", "provider"),
        )
        return {name: getattr(prediction, name) for name in names}

    for kind, status in STATUS.items():
        app.add_exception_handler(kind, partial(refusal, status=status))

    @app.exception_handler(TooLongError)
    async def too_long(request: Request, error: TooLongError) -> Response:
        answer = json.dumps({"detail": str(error)}).encode()
        headers = {"Connection": "close", "Content-Length": str(len(answer))}
        return StreamingResponse(answer_and_read_on(answer, request), 413, headers, "application/json")

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=400)  # Nobody reads it.

    return app


async def refusal(request: Request, error: Exception, status: int) -> Response:
    """The runtime's own words: of an image that came as bytes they name no path."""
    return JSONResponse({"detail": str(error)}, status)


async def image_in(request: Request) -> bytes:
    """The image's bytes, of at most MAX_BYTES of body; of a longer one no more than that is read."""
    kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    if not kind.startswith("image/") and kind not in ("application/octet-stream", "multipart/form-data"):
        raise HTTPException(415, f"The body is {kind}. Send an image as image/*, or a form as multipart/form-data.")
    if int(request.headers.get("content-length", 0)) > MAX_BYTES:
        raise TooLongError
    length = 0

    async def receive() -> Message:
        nonlocal length
        message = await request.receive()
        length += len(message.get("body", b""))
        if length > MAX_BYTES:
            raise TooLongError
        return message

    limited = Request(request.scope, receive)
    try:
        async with asyncio.timeout(SECONDS_TO_SEND):
            image = await file_of_form(limited) if kind == "multipart/form-data" else await limited.body()
    except TimeoutError:
        raise HTTPException(408, f"The body was not there after {SECONDS_TO_SEND} seconds.") from None
    if not image:
        raise HTTPException(400, "There is no image: the body is empty.")
    return image


async def file_of_form(request: Request) -> bytes:
    """The content of a form's only file, whatever its field's name."""
    async with request.form() as form:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if len(files) != 1:
            raise HTTPException(400, f"The form has {len(files)} files. Send one image a request.")
        return await files[0].read()


async def answer_and_read_on(answer: bytes, request: Request) -> AsyncIterator[bytes]:
    """Answer, then drop what still comes: clients that only send at first would see a broken connection, no answer."""
    yield answer
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(SECONDS_TO_STOP):
            async for _ in request.stream():
                pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a file that crbl-export wrote")
    parser.add_argument("--provider", default="auto")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in [127.0.0.1]")
    parser.add_argument("--port", type=int, default=8000, help="[8000]")
    options = parser.parse_args()
    uvicorn.run(create_app(options.model, options.provider), host=options.host, port=options.port)
