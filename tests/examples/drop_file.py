"""Drops a file on a window, as file managers do: the part of the source in XDND 5.

    python drop_file.py X Y FILE

X and Y are a point of the screen of DISPLAY. Ends with 1 where no window takes it.
"""

import sys
from pathlib import Path
from typing import Any

from Xlib import X, display
from Xlib.protocol import event

VERSION = 5


def window_that_takes_files(server: Any, window: Any) -> Any:
    """The first one at or below `window`, the uppermost first, or None."""
    for child in reversed(window.query_tree().children):
        found = window_that_takes_files(server, child)
        if found is not None:
            return found
    return window if window.get_full_property(server.intern_atom("XdndAware"), X.AnyPropertyType) else None


def drop(server: Any, x: int, y: int, path: Path) -> None:
    """Say that a file comes, and where it is; let it go when that is allowed, and hand it over when it is asked for."""
    root = server.screen().root
    target = window_that_takes_files(server, root)
    if target is None:
        sys.exit("no window takes files")
    source = root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)

    def say(message: str, *values: int) -> None:
        data = (32, [source.id, *values, *[0] * (4 - len(values))])
        target.send_event(event.ClientMessage(window=target, client_type=server.intern_atom(message), data=data))

    source.set_selection_owner(server.intern_atom("XdndSelection"), X.CurrentTime)
    say("XdndEnter", VERSION << 24, server.intern_atom("text/uri-list"))
    say("XdndPosition", 0, x << 16 | y, X.CurrentTime, server.intern_atom("XdndActionCopy"))
    while True:
        came = server.next_event()
        if came.type == X.SelectionRequest:
            came.requestor.change_property(came.property, came.target, 8, f"{path.as_uri()}\r\n".encode())
            fields = {name: getattr(came, name) for name in ("time", "requestor", "selection", "target", "property")}
            came.requestor.send_event(event.SelectionNotify(**fields))
        elif came.type == X.ClientMessage and came.client_type == server.intern_atom("XdndStatus"):
            say("XdndDrop", 0, X.CurrentTime)
        elif came.type == X.ClientMessage and came.client_type == server.intern_atom("XdndFinished"):
            return


if __name__ == "__main__":
    drop(display.Display(), int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
