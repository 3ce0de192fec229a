"""Programs beside the packages, as modules."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def loaded_program(path: Path) -> ModuleType:
    """The program of a file, which is run but for its main part."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    # Dataclasses look their module up.
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module
