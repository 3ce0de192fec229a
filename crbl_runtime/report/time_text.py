"""When something happened, for pages."""

from datetime import datetime


def now() -> str:
    """The time with its zone, ISO 8601."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
