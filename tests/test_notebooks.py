"""training/notebooks: they run from top to bottom, call what is public, and are saved without outputs."""

import ast
import re
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from loaded_program import loaded_program
from public_commands import Trained

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((PROJECT / "training" / "notebooks").glob("*.ipynb"))
OURS = ("crbl_runtime", "crbl_training", "crbl_export")
SAVED_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


render_notebooks = loaded_program(PROJECT / "docs" / "render_notebooks.py")


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: NotebookNode, cell_id: str) -> list[NotebookNode]:
    (cell,) = (cell for cell in notebook.cells if cell.id == cell_id)
    return cell.outputs


def shown(notebook: NotebookNode, cell_id: str, kind: str) -> str:
    """What the last output of a cell is for a page, as this MIME type."""
    return outputs(notebook, cell_id)[-1].data[kind]


def printed(notebook: NotebookNode, cell_id: str) -> str:
    return "".join(output.text for output in outputs(notebook, cell_id) if output.get("name") == "stdout")


def imports(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """The module and the name of all that is imported from it; the name of a module that is imported whole is empty."""
    for node in ast.walk(ast.parse("\n".join(cell.source for cell in code_cells(notebook)))):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def test_both_are_there() -> None:
    assert [path.name for path in NOTEBOOKS] == ["inference_crbl.ipynb", "train_crbl.ipynb"]


@every_notebook
def test_it_is_saved_without_outputs_and_without_a_machine(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata == SAVED_METADATA
    for cell in code_cells(notebook):
        assert (cell.outputs, cell.execution_count) == ([], None)
    assert [dict(cell.metadata) for cell in notebook.cells if cell.metadata] == [{"tags": ["parameters"]}]


@every_notebook
def test_the_model_type_is_the_first_line(path: Path) -> None:
    first = code_cells(read(path))[0]
    assert first.source.startswith('MODEL_TYPE = "crop"')
    assert first.metadata.tags == ["parameters"]


@every_notebook
def test_it_imports_public_names_and_starts_no_program(path: Path) -> None:
    found = list(imports(read(path)))
    private = [(module, name) for module, name in found if module.startswith(OURS) and name not in public(module)]
    assert private == []
    assert {module for module, _ in found if not module.startswith(OURS)} <= {"pathlib", "numpy", "PIL"}


def public(module: str) -> list[str]:
    return list(import_module(module).__all__)


@every_notebook
def test_its_page_in_the_documentation_is_of_the_notebook_as_it_is_now(path: Path) -> None:
    page = (PROJECT / "docs" / "notebooks" / f"{path.stem}.md").read_text(encoding="utf-8")
    cells = [cell.source for cell in code_cells(read(path))]
    assert re.findall(r"^```python\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE) == cells
    pictures = re.findall(r"\]\(([^)]+\.png)\)", page)
    assert pictures
    assert all((PROJECT / "docs" / "notebooks" / picture).is_file() for picture in pictures)


def test_a_setting_that_is_not_there_is_an_error() -> None:
    notebook = read(NOTEBOOKS[0])
    changed = render_notebooks.with_settings(notebook, {"MODEL_TYPE": "full", "IMAGES": 3})
    assert code_cells(changed)[0].source.splitlines()[0] == "MODEL_TYPE = 'full'"
    assert code_cells(notebook)[0].source.startswith('MODEL_TYPE = "crop"')
    with pytest.raises(ValueError, match="0 lines that begin with IMAGE ="):
        render_notebooks.with_settings(notebook, {"IMAGE": 3})


@pytest.mark.slow
def test_training_runs_from_images_to_a_proven_model_file(tmp_path: Path) -> None:
    settings = {"TRAINING_IMAGES": 24, "VALIDATION_IMAGES": 8, "TEST_IMAGES": 8, "EPOCHS": 1, "DEVICE": "cpu"}
    run = render_notebooks.execute(render_notebooks.TRAINING, tmp_path, settings)
    assert "24 to train on, 8 to validate on, 8 to test on" in printed(run, "read")
    assert "0 (the solved head)" in shown(run, "history", "text/html")
    assert "8 images at the threshold" in shown(run, "evaluate", "text/html")
    assert "cpu: 8 images, 0 decisions flipped" in printed(run, "export")
    assert (tmp_path / "demo" / "crop.onnx").is_file()

    page = render_notebooks.write_markdown(run, tmp_path / "site", "train_crbl")
    text = page.read_text(encoding="utf-8")
    for cell_id in ("show", "mistakes"):
        assert shown(run, cell_id, "image/png")
    pictures = sorted((tmp_path / "site" / "train_crbl_files").iterdir())
    assert len(pictures) == 2
    assert all(f"](train_crbl_files/{picture.name})" in text for picture in pictures)
    assert str(tmp_path) not in text


def test_inference_shows_predictions_of_one_model_and_of_both(
    tmp_path: Path, crop: Trained, full: Trained, grains: Path
) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(grains / "images" / "test", folder / "grains" / "images" / "test")
    shutil.copy(crop.model, folder / "crop.onnx")
    shutil.copy(full.model, folder / "full.onnx")
    run = render_notebooks.execute(render_notebooks.INFERENCE, tmp_path, {"IMAGES": 5, "PROVIDER": "cpu"})
    assert "crop model on cpu, 24 images" in printed(run, "open")
    assert "4 × 4 cells over the region add up to" in shown(run, "predict", "text/html")
    assert shown(run, "overlay", "image/png")
    assert len(printed(run, "predict_many").splitlines()) == 5
    assert "by both models" in shown(run, "combined", "text/html")
    text = render_notebooks.write_markdown(run, tmp_path / "site", "inference_crbl").read_text(encoding="utf-8")
    assert shown(run, "combined", "text/html") in text
