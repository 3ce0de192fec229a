"""A probability for people."""


def probability_text(value: float) -> str:
    """Four digits, and never a 0 or a 1 that is none."""
    if 0 < value < 0.0001:
        return f"{value:.1e}"
    return "> 0.9999" if 0.9999 < value < 1 else f"{value:.4f}"
