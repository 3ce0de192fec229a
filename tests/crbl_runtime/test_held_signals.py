"""held_signals.py: a signal waits for the end of a block, is not lost, and a second one does not wait."""

import os
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from crbl_runtime.ending import TerminatedInterrupt, stopping_on_sigterm
from crbl_runtime.held_signals import signals_held


@pytest.fixture(autouse=True)
def python_handles_ctrl_c() -> Iterator[None]:
    # A shell that runs the tests in its background has told them to ignore it.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_acts_at_the_end_of_the_block(number: signal.Signals) -> None:
    done: list[int] = []
    with stopping_on_sigterm():
        with pytest.raises(KeyboardInterrupt) as stopped:
            _hold([number], done)
        assert done == [number]
        assert isinstance(stopped.value, TerminatedInterrupt) == (number == signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_a_second_signal_acts_at_once() -> None:
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        _hold([signal.SIGINT, signal.SIGINT], done)
    assert done == [signal.SIGINT]


def test_without_a_signal_nothing_happens_and_the_handlers_are_those_of_before() -> None:
    def handler(number: int, frame: FrameType | None) -> None:
        raise AssertionError

    signal.signal(signal.SIGINT, handler)
    with signals_held():
        pass
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.skipif(os.name == "nt", reason="there is no such default there")
def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals_held():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def _hold(numbers: list[signal.Signals], done: list[int]) -> None:
    with signals_held():
        for number in numbers:
            signal.raise_signal(number)
            done.append(number)
