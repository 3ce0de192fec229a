"""Execute the notebooks and write them with their outputs, as Markdown: python docs/render_notebooks.py FOLDER.

FOLDER gets train_crbl.md, inference_crbl.md and their images. It needs the extras default, export and notebooks.
"""

import argparse
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from nbformat import NotebookNode

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = PROJECT / "training" / "notebooks"
TRAINING, INFERENCE = NOTEBOOKS / "train_crbl.ipynb", NOTEBOOKS / "inference_crbl.ipynb"
SECONDS_PER_CELL = 1800


def with_settings(notebook: NotebookNode, settings: dict[str, Any]) -> NotebookNode:
    """The notebook with other values in its cell that is tagged `parameters`, in which each of them is on a line.

    Raises:
        ValueError: there is no such setting.
    """
    changed = NotebookNode(nbformat.from_dict(notebook))
    (cell,) = (cell for cell in changed.cells if "parameters" in cell.metadata.get("tags", ()))
    for name, value in settings.items():
        line = f"{name} = {value!r}"
        cell.source, found = re.subn(rf"^{name} = .*$", lambda _, line=line: line, cell.source, flags=re.MULTILINE)
        if found != 1:
            raise ValueError(f"The notebook has {found} lines that begin with {name} =, expected one.")
    return changed


def execute(path: Path, folder: Path, settings: dict[str, Any]) -> NotebookNode:
    """The notebook with the outputs of its cells, run in `folder` by this very Python.

    Raises:
        CellExecutionError: a cell has raised an error.
    """
    notebook = with_settings(nbformat.read(path, as_version=4), settings)
    packages = [str(PROJECT), str(PROJECT / "training"), os.environ.get("PYTHONPATH", "")]
    # No folder of kernels, so that none of another Python that is installed for this user is taken.
    kernel = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, kernel, timeout=SECONDS_PER_CELL, resources=resources, coalesce_streams=True)
    return client.execute(cleanup_kc=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(packages)})


def write_markdown(notebook: NotebookNode, folder: Path, name: str) -> Path:
    """Write NAME.md, and its images to NAME_files."""
    exporter = MarkdownExporter()
    text, resources = exporter.from_notebook_node(notebook, {"unique_key": name, "output_files_dir": f"{name}_files"})
    for relative, content in resources["outputs"].items():
        image = folder / relative
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(content)
    page = folder / f"{name}.md"
    page.write_text(text, encoding="utf-8")
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description="Execute the notebooks and write them with their outputs.")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        trained = execute(TRAINING, Path(work), {})
        # The full variant's solved head needs no epochs.
        execute(TRAINING, Path(work), {"MODEL_TYPE": "full", "EPOCHS": 0})
        predicted = execute(INFERENCE, Path(work), {})
    for notebook, path in ((trained, TRAINING), (predicted, INFERENCE)):
        print(write_markdown(notebook, folder, path.stem))


if __name__ == "__main__":
    main()
