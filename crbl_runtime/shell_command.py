"""A command as a line that a shell takes."""

import os
from collections.abc import Sequence


def shell_command(words: Sequence[str]) -> str:
    """The words as one line for the shell of this system: what needs quotes has them."""
    if os.name == "nt":
        from subprocess import list2cmdline  # Only here: it takes a fifth of the time of importing the runtime.

        return list2cmdline(words)
    from shlex import join

    return join(words)
