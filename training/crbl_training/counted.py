"""A number and what it counts, in the singular or the plural."""


def counted(number: int, one: str, several: str | None = None) -> str:
    """The number with its noun: counted(1, "image") is "1 image", counted(2, "image is", "images are") "2 images are".

    Args:
        number: 0 or more. one: what follows the number 1. several: what follows the others, by default `one` with s.
    """
    if number == 1:
        return f"1 {one}"
    return f"{number} {several if several is not None else one + 's'}"
