"""How much of a disk large files may take."""

import shutil
from pathlib import Path

# What a disk must have left beside them, for checkpoints and everybody else.
SPARE_BYTES = 2 * 10**9


def spare_bytes(folder: Path) -> int:
    """How many bytes may be written to a folder, which need not be there yet; 0 or more."""
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return max(shutil.disk_usage(existing).free - SPARE_BYTES, 0)
