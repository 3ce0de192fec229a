"""Numbers that JSON has."""

import math
from typing import Any


def without_nan(value: Any) -> Any:
    """JSON types with None in the place of each number that JSON lacks: NaN and the infinite ones."""
    match value:
        case dict():
            return {key: without_nan(each) for key, each in value.items()}
        case list() | tuple():
            return [without_nan(each) for each in value]
        case float():
            return value if math.isfinite(value) else None
    return value
