"""What the name of a folder tells beside the two classes: a kind of defect, masks, images that nobody has judged."""

import re
import unicodedata
from collections.abc import Collection

from crbl_training.data.class_words import class_of, word_key

DEFECT_WORDS = frozenset(
    (
        *("scratch", "scratched", "dent", "dented", "crack", "cracked", "hole", "pinhole", "broken", "breakage"),
        *(
            "chipped",
            "contamination",
            "contaminated",
            "dirt",
            "dirty",
            "stain",
            "stained",
            "rust",
            "rusty",
            "corrosion",
        ),
        *("bent", "deformation", "deformed", "damage", "damaged", "burr", "blister", "pitted", "porosity", "crazing"),
        *("fracture", "fractured", "discoloration", "discolored", "discolouration", "discoloured", "misplaced"),
        *("misalignment", "misaligned", "melted", "burnt", "torn", "wrinkle", "squeezed", "poke", "flaw"),
        *("delamination", "warped", "peeling"),
        *("스크래치", "긁힘", "찍힘", "눌림", "크랙", "균열", "깨짐", "파손", "오염", "얼룩", "기포", "변색"),
        *("찌그러짐", "변형", "이물질"),
    )
)
"""What means a flaw to everybody, in the names of MVTec AD, VisA and NEU-DET above all. Not patch, chip, spot or void,
which are tiles of images, parts, or no label to others; nor a colour or the name of a part.
"""

UNJUDGED_WORDS = frozenset(
    (
        *("unsure", "uncertain", "unknown", "unclear", "ambiguous", "borderline", "maybe", "questionable", "doubtful"),
        *("doubt", "undecided", "unlabeled", "unlabelled", "unclassified", "unsorted", "untagged", "unannotated"),
        *("other", "misc", "miscellaneous", "rest", "review", "recheck", "check", "todo", "pending", "hold", "suspect"),
        *("background", "empty", "calibration", "reference", "golden", "template", "sample", "example", "demo"),
        *("backup", "bak", "old", "new", "archive", "archived", "tmp", "temp", "trash", "deleted", "removed", "copy"),
        *("duplicate", "ignore", "ignored", "skip", "skipped", "exclude", "excluded", "unused", "raw", "original"),
        *("image", "img", "picture", "data", "prediction", "output", "result", "heatmap", "overlay", "thumbnail"),
        *("train", "training", "validation", "valid", "val", "test", "testing"),
        *("보류", "미정", "기타", "애매", "미분류", "배경", "확인필요", "재검", "재확인"),
    )
)
"""What names images of no class, or of one that nobody knows."""

NEGATIONS = frozenset(("no", "not", "non", "without", "free", "un", "repaired", "fixed", "reworked", "removed"))
MASK_FOLDERS = frozenset(("groundtruth", "groundtruths", "gt", "mask", "masks", "gtmask", "gtmasks", "maskdir"))
MASK_ENDINGS = ("mask", "masks", "gt", "label", "groundtruth")
PLAIN_FOLDERS = frozenset(
    ("image", "images", "img", "imgs", "rgb", "data", "train", "training", "val", "valid", "test")
)
"""Folders on the way to images that name no kind of anything."""


def names_defect(name: str) -> bool:
    """Whether a folder's name says that its images show a flaw: scratch_head, Dents, 02 broken large."""
    words = _words(name)
    judged = not is_unjudged(name) and not words & NEGATIONS and not any(class_of(word) == 0 for word in words)
    return judged and bool(words & DEFECT_WORDS)


def is_unjudged(name: str) -> bool:
    """Whether a folder's name says that nobody knows what its images show, or that they show no part."""
    return bool(_words(name) & UNJUDGED_WORDS)


def is_mask_folder(name: str, siblings: Collection[str]) -> bool:
    """Whether a folder holds masks: ground_truth, Masks, and crack_mask beside crack."""
    key = word_key(name)
    owners = {f"{word_key(sibling)}{ending}" for sibling in siblings for ending in MASK_ENDINGS}
    return key in MASK_FOLDERS or key in owners


def masked_stem(stem: str) -> str | None:
    """The name of the image that a mask belongs to (000_mask -> 000), None where a file is not named as a mask."""
    match = re.fullmatch(r"(.+)[ _-](?:mask|masks|gt|label|ground_?truth)", stem, re.IGNORECASE)
    return match[1] if match else None


def kind_of(name: str) -> str:
    """The kind of anomaly that a folder or a cell names: itself, or nothing where it names a class or is no name."""
    without_number = re.sub(r"^[0-9]+[\s._-]+", "", name)
    plain = word_key(name) in PLAIN_FOLDERS or class_of(name) is not None or class_of(without_number) is not None
    return "" if plain else unicodedata.normalize("NFC", name)


def _words(name: str) -> frozenset[str]:
    """The words of a name, in lower case, each as it is and without the ending of a plural."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", name))
    words = re.findall(r"[^\W\d_]+", apart.casefold())
    return frozenset(form for word in words for form in (word, word.removesuffix("s"), word.removesuffix("es")))
