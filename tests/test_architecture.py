"""The arrows between packages and rooms: who may import whom, read from the source without importing it."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PACKAGES = {
    "crbl_runtime": PROJECT / "crbl_runtime",
    "crbl_training": PROJECT / "training" / "crbl_training",
    "crbl_export": PROJECT / "crbl_export",
}
MAY_IMPORT = {
    "crbl_runtime": {"crbl_runtime"},
    "crbl_training": {"crbl_training", "crbl_runtime"},
    "crbl_export": {"crbl_export", "crbl_training", "crbl_runtime"},
}
# Later floors of crbl_training may import earlier ones. Rooms of one floor do not import each other.
FLOORS = (
    ("seeds", "process_group", "image_grid", "options", "file_names", "file_hash"),
    ("model",),
    ("data", "checkpoint"),
    ("keras",),
    ("weights", "devices"),
    ("evaluation",),
    ("report",),
    ("train",),
    ("directml",),
    ("commands",),
    ("__main__",),
)

# onnxruntime.quantization imports ml_dtypes, which neither onnxruntime nor onnx before 1.19 declares. What is in
# onnxruntime.transformers imports it, too, in places.
NEVER_IMPORTED = ("onnxruntime.quantization", "onnxruntime.transformers")


@cache
def modules(package: str) -> dict[str, Path]:
    """The source file of each module of a package, by the module's name."""
    folder = PACKAGES[package]
    files = {path: (package, *path.relative_to(folder).with_suffix("").parts) for path in folder.rglob("*.py")}
    return {".".join(name[:-1] if name[-1] == "__init__" else name): path for path, name in files.items()}


@cache
def all_modules() -> frozenset[str]:
    return frozenset(name for package in PACKAGES for name in modules(package))


@cache
def imported_modules(path: Path) -> tuple[str, ...]:
    """The project's modules that a file imports anywhere in it, in functions too, but not for type checkers alone."""
    return tuple(_imports(ast.parse(path.read_text(encoding="utf-8"))))


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: a relative import, whose target this test does not see"
            # `from package import x` imports package.x where that is a module.
            names = {f"{child.module}.{alias.name}" for alias in child.names}
            targets = {name if name in all_modules() else str(child.module) for name in names}
        else:
            targets = {alias.name for alias in child.names} if isinstance(child, ast.Import) else set()
        yield from (name for name in sorted(targets) if name.split(".")[0] in PACKAGES)
        yield from _imports(child)


def room(module: str) -> str:
    """crbl_training.data.grains.scene -> data."""
    return module.split(".")[1] if "." in module else ""


def floor(module: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room(module) in rooms)


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_between_packages_go_one_way(package: str) -> None:
    wrong = [
        f"{name} imports {target}"
        for name, path in modules(package).items()
        for target in imported_modules(path)
        if target.split(".")[0] not in MAY_IMPORT[package]
    ]
    assert wrong == []


def test_every_room_of_the_trainer_has_a_floor() -> None:
    rooms = {room(name) for name in modules("crbl_training")} - {""}
    assert rooms - {name for names in FLOORS for name in names} == set()


def test_arrows_inside_the_trainer_go_to_earlier_floors() -> None:
    wrong = [
        f"{name} imports {target}"
        for name, path in modules("crbl_training").items()
        for target in imported_modules(path)
        if target.startswith("crbl_training")
        # The package's own __init__ belongs to no floor: it hands names on to users and is imported by none of us.
        if name == "crbl_training"
        or target == "crbl_training"
        or (room(target) != room(name) and floor(target) >= floor(name))
    ]
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_in_a_circle(package: str) -> None:
    graph = {
        name: {target for target in imported_modules(path) if target != name} for name, path in modules(package).items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_what_needs_packages_that_nobody_declares(package: str) -> None:
    wrong = [
        f"{name} imports {target}"
        for name, path in modules(package).items()
        for target in _named_by_imports(ast.parse(path.read_text(encoding="utf-8")))
        if f"{target}.".startswith(tuple(f"{module}." for module in NEVER_IMPORTED))
    ]
    assert wrong == []


def _named_by_imports(tree: ast.Module) -> Iterator[str]:
    """The full name of all that is imported anywhere in a file, whether it is a module or not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_one_module_of_the_runtime_imports_onnxruntime_and_it_fits_on_a_screen() -> None:
    found = modules("crbl_runtime")
    importing = [
        name
        for name, path in found.items()
        if any(
            target.partition(".")[0] == "onnxruntime"
            for target in _named_by_imports(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    assert importing == ["crbl_runtime.onnxruntime_boundary"]
    assert len(found[importing[0]].read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.parametrize("package", ["crbl_runtime", "crbl_training"])
def test_tests_follow_the_arrows_of_their_package(package: str) -> None:
    # The runtime's tests may compare with the trainer's numbers only through files that the public commands wrote.
    wrong = [
        f"{path.relative_to(PROJECT)} imports {target}"
        for path in sorted((PROJECT / "tests" / package).rglob("*.py"))
        for target in imported_modules(path)
        if target.split(".")[0] not in MAY_IMPORT[package]
    ]
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_of_a_package_is_a_package(package: str) -> None:
    """Else tools that collect packages by their __init__.py leave it out. The model card's programs are data."""
    folders = {path.parent for path in modules(package).values()}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file() and folder.name != "snippets"] == []
