"""Execute the notebooks and write them with their outputs, as Markdown: python docs/render_notebooks.py FOLDER.

FOLDER gets train_crbl.md, inference_crbl.md and their images. It needs the extras default, export and notebooks.
"""

import argparse
import os
import sys
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
    changed: NotebookNode = nbformat.from_dict(notebook)
    (cell,) = (cell for cell in changed.cells if "parameters" in cell.metadata.get("tags", ()))
    lines = cell.source.splitlines()
    for name, value in settings.items():
        found = [number for number, line in enumerate(lines) if line.startswith(f"{name} = ")]
        if len(found) != 1:
            raise ValueError(f"The notebook has {len(found)} lines that begin with {name} =, expected one.")
        lines[found[0]] = f"{name} = {value!r}"
    cell.source = "\n".join(lines)
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
    """Write NAME.md, and the images that it shows to NAME_files. What was written to stderr is no part of it."""
    page = folder / f"{name}.md"
    names = {"unique_key": name, "output_files_dir": f"{name}_files"}
    text, resources = MarkdownExporter().from_notebook_node(_without_stderr(notebook), names)
    text = text.replace("![png](", "![What this cell shows](")
    # An image has several forms, of which the page shows one.
    shown = {folder / path: content for path, content in resources["outputs"].items() if f"({path})" in text}
    for path, content in shown.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    page.write_text(text, encoding="utf-8")
    return page


def _without_stderr(notebook: NotebookNode) -> NotebookNode:
    """What is written there is about this machine: it is printed for who runs this program."""
    changed: NotebookNode = nbformat.from_dict(notebook)
    for cell in changed.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                print(output.text, file=sys.stderr)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return changed


def main() -> None:
    """Run both notebooks, the training once with each variant, because the other notebook needs both."""
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
