"""Which files of a folder are images."""

from pathlib import Path

from crbl_runtime.errors import DataError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def find_images(folder: Path) -> list[Path]:
    """All image files in a folder and below, by suffix, sorted by path.

    Raises:
        DataError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Name a folder with images in it.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not found:
        raise DataError(f"{folder} holds no images. Expected files ending in {' '.join(sorted(IMAGE_SUFFIXES))}.")
    return found
