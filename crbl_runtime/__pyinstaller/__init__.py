"""What PyInstaller needs to know about this package; it finds this through the entry point `pyinstaller40`."""

from pathlib import Path


def hook_folders() -> list[str]:
    """Where the hooks are: a file `hook-MODULE.py` for each module that has one."""
    return [str(Path(__file__).parent)]
