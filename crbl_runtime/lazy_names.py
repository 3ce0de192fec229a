"""Names of a package that are imported when they are first used (PEP 562).

A command imports its package before anything else, and must answer `--help`, or report what is missing, without
loading torch, onnx or OpenCV.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from crbl_runtime.errors import CRBLError, UnavailableError
from crbl_runtime.installation import broken_installation


def lazy_names(
    package: str, public: Sequence[str], places: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions `__getattr__` and `__dir__` of a package.

    Args:
        package: its `__name__`. public: its `__all__`.
        places: for each lazy name the module within the package that has it, as "module" or, under another name
            there, as "module:name".

    Returns:
        `__getattr__`, which raises AttributeError for a name that is not in `places`, and UnavailableError where the
        runtime's own dependencies are missing or broken; and `__dir__`.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = places[name].partition(":")
        return getattr(_imported(f"{package}.{module}"), attribute or name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *public})

    return get, names


def _imported(module: str) -> ModuleType:
    try:
        return import_module(module)
    except CRBLError:
        raise
    except Exception as error:  # Half-removed packages, and those built for another numpy, raise errors of any type.
        broken = broken_installation()
        if broken is None:
            raise
        raise UnavailableError(broken) from error
