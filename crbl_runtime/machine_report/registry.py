"""Values of the registry of Windows."""

import sys


def registry_value(key: str, name: str) -> str | int | None:
    """A value below HKEY_LOCAL_MACHINE, None where it is missing or cannot be read."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            value, _ = winreg.QueryValueEx(opened, name)
    except OSError:
        return None
    return value if isinstance(value, str | int) else str(value)
