"""Where this user's programs keep what they can find out again."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """The folder for crbl, which may not exist yet: %LOCALAPPDATA% on Windows, ~/Library/Caches on macOS, else
    $XDG_CACHE_HOME or ~/.cache (XDG Base Directory Specification).
    """
    if os.name == "nt":
        # Not the roaming folder, which follows the user to other computers.
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "crbl" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "crbl"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crbl"
