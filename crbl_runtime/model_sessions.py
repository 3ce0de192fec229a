"""The sessions of one model file: one for each provider and batch size, opened when it is first needed."""

import threading
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.errors import UnavailableError, UsageError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.forked import in_each_forked_child, never_end
from crbl_runtime.session import Session


class ModelSessions:
    """A model file's content and the sessions that run it. A forked child opens its own when it first needs them.

    Args:
        model: the file's content. source: its name, for messages.
        batch_size: images of a session on a provider that needs a fixed batch, at least 1.
    """

    def __init__(self, model: bytes, source: str, batch_size: int) -> None:
        self._model = model
        self._source = source
        self._batch_size = batch_size
        self._sessions: dict[tuple[Provider, int | None], Session] = {}
        self._opening = threading.Lock()
        self._closed = False
        self._forked = False
        _in_this_process.add(self)

    def session(self, provider: Provider, batch: int | None = None) -> Session:
        """The session on this provider whose batch is fixed to this size, or free where it is None.

        Raises:
            UsageError: the sessions were closed. ModelFileError, UnavailableError: see `Session`.
        """
        key = (provider, batch)
        session = self._sessions.get(key)
        if session is not None:
            return session
        # Each session takes the model's memory once more: threads that come first together open one, not one each.
        with self._opening:
            self.require_open()
            if key not in self._sessions:
                self._sessions[key] = self._open(provider, batch)
            return self._sessions[key]

    def run(self, provider: Provider, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """uint8 [N, size, size, 3], N at least 1 -> all outputs by name, float32 with N rows.

        Where the provider needs a fixed batch, images are given in batches of that size, the last one filled up.

        Raises:
            UsageError: the sessions were closed. ModelFileError, UnavailableError: see `Session`.
        """
        if not provider.fixed_batch:
            return self.session(provider).run(images)
        size = 1 if len(images) == 1 else self._batch_size
        session = self.session(provider, size)
        batches = [_run_filled_up(session, images[start : start + size], size) for start in range(0, len(images), size)]
        return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}

    def require_open(self) -> None:
        """Make sure that `close` was not called.

        Raises:
            UsageError: it was.
        """
        if self._closed:
            raise UsageError("This detector was closed. Make a new one.")

    def close_others(self, provider: Provider) -> None:
        """Close the sessions of all other providers and give their memory back."""
        self._sessions = {key: session for key, session in self._sessions.items() if key[0] == provider}

    def close_all(self) -> None:
        """Close all sessions and give their memory back; they are opened again where they are needed."""
        self._sessions = {}

    def close(self) -> None:
        """Give all memory back. No session can be used or opened afterwards."""
        with self._opening:
            self._closed = True
            self._sessions = {}
            self._model = b""

    def begin_anew_in_child(self) -> None:
        """Leave the sessions to the process that this one was forked from; a thread of it may hold the lock, too."""
        for session in self._sessions.values():
            never_end(session)
        self._sessions = {}
        self._opening = threading.Lock()
        self._forked = True

    def _open(self, provider: Provider, batch: int | None) -> Session:
        try:
            return Session(self._model, provider, batch, self._source)
        except UnavailableError as error:
            if not self._forked:
                raise
            raise UnavailableError(
                f"{error} This process was forked from one that had the model open, and a GPU that was used before a "
                "fork cannot be used after it. Make the Detector after the fork, or start processes by 'spawn'."
            ) from error


_in_this_process: "WeakSet[ModelSessions]" = WeakSet()


def _begin_anew_in_child() -> None:
    for sessions in _in_this_process:
        sessions.begin_anew_in_child()


in_each_forked_child(_begin_anew_in_child)


def _run_filled_up(session: Session, images: NDArray[np.uint8], size: int) -> dict[str, NDArray[np.float32]]:
    missing = size - len(images)
    batch = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images
    return {name: output[: len(images)] for name, output in session.run(batch).items()}
