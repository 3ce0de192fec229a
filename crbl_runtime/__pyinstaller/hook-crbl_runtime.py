"""The modules that the runtime imports by their names when they are first used, which PyInstaller cannot see."""

from PyInstaller import isolated


def modules_of_public_names() -> list[str]:
    """Where what the package offers is written: no commands, and nothing that needs packages of an extra."""
    import crbl_runtime

    return sorted({getattr(getattr(crbl_runtime, name), "__module__", "crbl_runtime") for name in crbl_runtime.__all__})


# In a process of its own, so that the build itself imports no OpenCV.
hiddenimports = isolated.call(modules_of_public_names)
