"""Which files and folders no person meant as data: hidden ones, and those that systems keep for themselves."""

import os
import stat
import sys

SERVICE_FOLDERS = frozenset(
    name.casefold()
    for name in (
        # Synology DSM: thumbnails, recycle bin, snapshots, work files. Sources: immich pull request 12566;
        # Synology's help, "Create a Shared Folder" (#recycle; TerraMaster's TOS has the same); photoprism issue 555.
        *("@eaDir", "#recycle", "#snapshot", "@sharesnap", "@tmp"),
        # QNAP QTS: recycle bin, snapshots, converted media. Sources: jellyfin pull request 3099 (IgnorePatterns.cs);
        # nova-video-player/aos-AVP issue 1308.
        *("@Recycle", "@Recently-Snapshot", "@Transcode"),
        # NetApp ONTAP and Hitachi NAS over SMB; over NFS it is .snapshot. Source: Hitachi's Snapshot Administration
        # Guide, "Accessing snapshots through NFS exports and SMB shares".
        "~snapshot",
        # Windows: recycle bins of Vista and later, of NTFS and FAT before it, and restore points. Sources: Raymond
        # Chen, "Why does the Recycle Bin have different file system names on FAT and NTFS?"; duplicati issue 2495.
        *("$RECYCLE.BIN", "RECYCLER", "RECYCLED", "System Volume Information"),
        # macOS: the second half of its ZIP archives, and what it leaves on file servers. Source: macOS.gitignore of
        # github/gitignore.
        *("__MACOSX", "Network Trash Folder", "Temporary Items"),
        # What fsck of ext2 to ext4 recovers. Source: mklost+found(8).
        "lost+found",
    )
)
"""Names of folders, compared without case. All that begin with a dot are hidden anyway (.@__thumb, .Trashes, .zfs)."""

# Windows, winnt.h. The attribute SYSTEM alone does not count: Windows sets it on folders with an icon of their own
# (PathMakeSystemFolder).
HIDDEN_ATTRIBUTE = stat.FILE_ATTRIBUTE_HIDDEN


def is_hidden(entry: os.DirEntry[str]) -> bool:
    """Whether a file or a folder is hidden by its name or its system, or is a folder that a system keeps for itself.

    Raises:
        OSError: the system cannot say what it is.
    """
    if entry.name.startswith("."):
        return True
    if entry.name.casefold() in SERVICE_FOLDERS and entry.is_dir(follow_symlinks=False):
        return True
    # Elsewhere names say it all, and asking costs a call for each file.
    return sys.platform in ("win32", "darwin") and has_hidden_flag(entry.stat(follow_symlinks=False))


def has_hidden_flag(status: os.stat_result) -> bool:
    """Whether Windows (an attribute) or macOS (a flag, chflags(1)) hides what has this status."""
    attributes, flags = getattr(status, "st_file_attributes", 0), getattr(status, "st_flags", 0)
    return bool(attributes & HIDDEN_ATTRIBUTE or flags & stat.UF_HIDDEN)
