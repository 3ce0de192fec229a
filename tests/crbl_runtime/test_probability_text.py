"""probability_text.py: four digits for people."""

from crbl_runtime.probability_text import probability_text


def test_a_probability_is_never_rounded_to_certainty() -> None:
    values = [0.0, 1.3e-5, 0.25, 0.99999, 1.0]
    assert [probability_text(value) for value in values] == ["0.0000", "1.3e-05", "0.2500", "> 0.9999", "1.0000"]
