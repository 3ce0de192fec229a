"""counted.py: one is singular, all else plural."""

import pytest

from crbl_training.counted import counted


@pytest.mark.parametrize(("number", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images")])
def test_the_noun_follows_the_number(number, text):
    assert counted(number, "image") == text


def test_a_verb_follows_it_too():
    assert [counted(number, "image is", "images are") for number in (1, 3)] == ["1 image is", "3 images are"]
