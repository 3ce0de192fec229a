"""Standard output and error: every character in every code page, and each result on a line of its own."""

import codecs
import io
import os
import sys
import unicodedata
from contextlib import suppress
from typing import TextIO, cast

# Control characters, halves of characters, and separators of lines and paragraphs.
NOT_ON_A_LINE = ("Cc", "Cs", "Zl", "Zp")


def accept_every_character() -> None:
    r"""From now on, print what a stream's encoding lacks as \xNN, \uNNNN or \UNNNNNNNN, as Python writes it."""
    sys.stdout, sys.stderr = _accepting(sys.stdout), _accepting(sys.stderr)


def _accepting(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # Closed from the start, or what another program put in its place.
    if codecs.lookup(stream.encoding).name == "ascii":
        # Not by reconfigure: click takes ASCII for a mistake, and would write UTF-8 with question marks.
        return cast(TextIO, codecs.getwriter("ascii")(stream.buffer, "backslashreplace"))
    stream.reconfigure(errors="backslashreplace")
    return stream


def printable(text: str) -> str:
    r"""The text on one line: control characters, line ends and what is no character at all as \xNN or \uNNNN."""
    if text.isprintable():  # Nearly always, and a hundred times as fast.
        return text
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in NOT_ON_A_LINE
        else character
        for character in text
    )


def give_up_stdout() -> None:
    """Let what is still to be printed go nowhere, so that Python does not fail on it once more when it ends."""
    with suppress(OSError, ValueError):  # Where the stream is no file, nothing is left to be done.
        target = os.open(os.devnull, os.O_WRONLY)
        os.dup2(target, sys.stdout.fileno())
        os.close(target)
