"""folder_words.py: what the names of folders tell, and what they never tell."""

import pytest

from crbl_training.data.folder_words import is_mask_folder, is_unjudged, kind_of, masked_stem, names_defect


@pytest.mark.parametrize(
    "name", ["scratch", "Scratches", "dents", "crack_2", "broken_large", "scratchHead", "02. bent wire", "오염", "긁힘"]
)
def test_a_flaw_by_its_name(name):
    assert names_defect(name)


@pytest.mark.parametrize(
    "name",
    [
        *[
            "no_scratch",
            "without dents",
            "scratch_unsure",
            "crack-free",
            "repaired_scratch",
            "scratch ok",
            "not_broken",
        ],
        *["patches", "chip", "void", "spots", "cut", "missing"],
        *["color", "thread", "part_7", "background", "screws", "unsure", "2024-05-01", "", "scratch_test"],
    ],
)
def test_what_is_no_flaw_or_not_for_sure(name):
    assert not names_defect(name)


@pytest.mark.parametrize("name", ["unsure", "Unsure 2", "Background", "others", "to_review", "보류", "unlabelledParts"])
def test_what_nobody_has_judged(name):
    assert is_unjudged(name)


@pytest.mark.parametrize("name", ["fold", "print", "metal_contamination", "cable_swap", "combined", "thread_side"])
def test_kinds_of_mvtec_are_not_taken_for_unjudged(name):
    assert not is_unjudged(name)


def test_masks_by_the_name_of_their_folder_or_file():
    assert all(is_mask_folder(name, ()) for name in ("ground_truth", "Ground Truth", "masks", "gt", "mask_dir"))
    assert is_mask_folder("crack_mask", ("crack", "good"))
    assert not is_mask_folder("missing_mask", ("good",))
    stems = {
        name: masked_stem(name) for name in ("000_mask", "10000_GT", "0576_label", "a ground_truth", "mask", "a_b")
    }
    assert stems == {
        "000_mask": "000",
        "10000_GT": "10000",
        "0576_label": "0576",
        "a ground_truth": "a",
        "mask": None,
        "a_b": None,
    }


@pytest.mark.parametrize("name", ["anomaly", "NG", "1", "02. NG", "images", "good"])
def test_what_names_no_kind(name):
    assert kind_of(name) == ""
