"""Whether Ray Data is there."""

from importlib import import_module

from crbl_runtime.errors import UnavailableError
from crbl_runtime.installation import how_to_install


def require_ray() -> None:
    """Make sure that Ray Data can be imported.

    Raises:
        UnavailableError: it cannot.
    """
    try:
        import_module("ray.data")
        import_module("pyarrow.parquet")
    except ImportError as error:
        raise UnavailableError(
            f"crbl_runtime.ray needs Ray Data, which is not there ({error}). {how_to_install('ray')}"
        ) from error
