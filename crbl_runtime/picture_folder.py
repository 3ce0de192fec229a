"""Which files of a folder are pictures."""

from pathlib import Path

from crbl_runtime.errors import DataError

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def find_pictures(folder: Path) -> list[Path]:
    """All picture files in a folder and below, by suffix, sorted by path.

    Raises:
        DataError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Name a folder with pictures in it.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    if not found:
        raise DataError(f"{folder} holds no pictures. Expected files ending in {' '.join(sorted(PICTURE_SUFFIXES))}.")
    return found
