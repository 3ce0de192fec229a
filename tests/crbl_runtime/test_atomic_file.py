"""The old file or the new one, whatever happens."""

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crbl_runtime.atomic_file import replacing, replacing_together, require_writable, write_bytes, write_text
from crbl_runtime.errors import OutputError

WRITER = """
import sys
from pathlib import Path
from crbl_runtime.atomic_file import write_bytes
while True:
    for letter in (b"a", b"b"):
        write_bytes(Path(sys.argv[1]), letter * 3_000_000)
"""


def test_content_and_permissions_are_those_of_an_ordinary_file(tmp_path: Path) -> None:
    path, ordinary = tmp_path / "folder" / "new.txt", tmp_path / "ordinary.txt"
    write_text(path, "Größe\n")
    ordinary.write_text("x")
    assert path.read_bytes() == "Größe\n".encode()
    assert path.stat().st_mode == ordinary.stat().st_mode


def test_the_umask_of_the_process_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread that makes a file at that moment would make it with the wrong permissions."""

    def change(mask: int) -> int:
        raise AssertionError(f"the umask was set to {mask:o}")

    monkeypatch.setattr(os, "umask", change)
    write_bytes(tmp_path / "file", b"content")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_files_get_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    former = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"content")
    finally:
        os.umask(former)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire"):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_kill_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    delays = random.Random(0)
    for _ in range(10):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(delays.uniform(0, 0.15))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        content = path.read_bytes()
        assert len(content) == 3_000_000
        assert len(set(content)) == 1


def write_run(folder: Path, run: str) -> None:
    with replacing_together(folder, always="b.json") as new:
        for name in ("a.csv", "b.json", "c.png"):
            write_text(new / name, run)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() if path.is_file() else "" for path in folder.iterdir()}


def test_several_files_are_replaced_together(tmp_path: Path) -> None:
    write_run(tmp_path / "made" / "for it", "first")
    write_run(tmp_path / "made" / "for it", "second")
    assert contents(tmp_path / "made" / "for it") == dict.fromkeys(["a.csv", "b.json", "c.png"], "second")


def test_a_block_that_fails_replaces_none_of_several_files(tmp_path: Path) -> None:
    write_run(tmp_path, "first")

    def write_half() -> None:
        with replacing_together(tmp_path, always="b.json") as new:
            write_text(new / "a.csv", "second")
            raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire"):
        write_half()
    assert contents(tmp_path) == dict.fromkeys(["a.csv", "b.json", "c.png"], "first")


@pytest.mark.parametrize(
    ("moved", "stuck"),
    [("old", "a.csv"), ("old", "c.png"), ("new", "a.csv"), ("new", "b.json"), ("new", "c.png")],  # b.json never leaves.
)
def test_no_folder_has_files_of_two_runs_where_one_cannot_be_replaced(
    moved: str, stuck: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, "first")
    rename = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        """As Windows does while a spreadsheet has the file open."""
        into_place = Path(target) == tmp_path / stuck and rename_is_new(self)
        if into_place if moved == "new" else self == tmp_path / stuck:
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    def rename_is_new(source: Path) -> bool:
        return source.name == stuck and source.parent.parent == tmp_path

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        write_run(tmp_path, "second")
    assert contents(tmp_path) == dict.fromkeys(["a.csv", "b.json", "c.png"], "first")


KILLED = """
import os, sys
from pathlib import Path
from crbl_runtime.atomic_file import replacing_together
folder, renames_left = Path(sys.argv[1]), int(sys.argv[2])
rename = Path.replace

def counted(source, target):
    global renames_left
    if renames_left == 0:
        os._exit(9)
    renames_left -= 1
    return rename(source, target)

Path.replace = counted
with replacing_together(folder, always="b.json") as new:
    for name in ("a.csv", "b.json", "c.png"):
        (new / name).write_text("second")
"""


def test_killed_at_any_rename_one_file_is_there_and_the_others_are_its_own(tmp_path: Path) -> None:
    found = []
    for renames in itertools.count():
        folder = tmp_path / str(renames)
        write_run(folder, "first")
        ended = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(renames)], check=False).returncode
        seen = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
        assert set(seen.values()) == {seen["b.json"]}
        found.append((seen["b.json"], len(seen)))
        if ended == 0:
            break
        assert ended == 9
    assert found[0] == ("first", 3)
    assert found[-1] == ("second", 3)
    assert ("first", 1) in found
    assert ("second", 1) in found


def test_a_folder_in_the_place_of_one_of_several_files(tmp_path: Path) -> None:
    (tmp_path / "b.json").mkdir()
    with pytest.raises(OutputError, match="a folder of that name"):
        write_run(tmp_path, "first")
    assert contents(tmp_path) == {"b.json": ""}


def test_what_can_be_written_is_tried_without_a_trace(tmp_path: Path) -> None:
    write_text(tmp_path / "old.csv", "old")
    require_writable(tmp_path / "old.csv", tmp_path / "new.csv", tmp_path / "folders" / "to make" / "new.csv")
    assert contents(tmp_path) == {"old.csv": "old"}


def test_what_cannot_be_written_is_refused_with_the_path_and_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    write_text(tmp_path / "file", "content")
    cases = [
        (tmp_path / "folder.csv", "a folder of that name is in its place"),
        (tmp_path / "file" / "new.csv", "file is a file and no folder"),
        (tmp_path / "file" / "deeper" / "new.csv", "file is a file and no folder"),
        (tmp_path / ("x" * 300 + ".csv"), "name.* too long"),
    ]
    if os.name != "nt":
        os.mkfifo(tmp_path / "pipe")
        cases += [(tmp_path / "pipe", "a device or a pipe"), (Path(os.devnull), "a device or a pipe")]
    before = contents(tmp_path)
    for path, reason in cases:
        for attempt in (require_writable, lambda path: write_text(path, "new")):
            with pytest.raises(OutputError, match=f"(?i){reason}") as raised:
                attempt(path)
            assert str(path) in str(raised.value)
    assert contents(tmp_path) == before
    assert not Path(os.devnull).is_file()


def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    write_text(tmp_path / "old.csv", "old")
    (tmp_path / "old.csv").chmod(0o444)
    with contextlib.suppress(PermissionError), (tmp_path / "old.csv").open("rb+"):
        pytest.skip("nothing is read-only to this user")
    with pytest.raises(OutputError, match=r"old\.csv"):
        require_writable(tmp_path / "old.csv")


FULL = """
import resource, sys
from pathlib import Path
from crbl_runtime.atomic_file import require_writable, write_text
from crbl_runtime.errors import OutputError
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
require_writable(path)
try:
    write_text(path, "x" * 10000)
except OutputError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 8192))
try:
    require_writable(path)
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_disk_that_is_full_is_noticed_when_it_is_tried_or_written(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", FULL, tmp_path / "out" / "a.csv"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert [line.count("a.csv cannot be written (File too large)") for line in ended.stdout.splitlines()] == [1, 1]
    assert list(tmp_path.iterdir()) == []
