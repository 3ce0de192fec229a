"""The words by which people call the two classes, in folder names and in tables."""

import re
import unicodedata

CLASS_WORDS = (
    (
        *("0", "class_0", "normal", "good", "ok", "okay", "pass", "passed", "accept", "accepted"),
        *("clean", "non_defective", "defect_free", "no_defect"),
        *("정상", "정상품", "양품", "양호", "합격", "적합", "이상없음"),
        *("良品", "正常", "合格"),
    ),
    (
        *("1", "class_1", "anomaly", "anomalies", "anomalous", "abnormal", "bad", "ng", "not_good", "fail", "failed"),
        *("reject", "rejected", "defect", "defects", "defective", "faulty", "impurity"),
        *("불량", "불량품", "이상", "비정상", "불합격", "부적합", "결함", "이물"),
        *("不良", "不良品", "异常", "異常", "不合格"),
    ),
)
"""Words for normal, and words for anomaly. Only what means the same to everybody: never a bare N or P."""

BOOLEANS = {"false": 0, "no": 0, "true": 1, "yes": 1}
"""Words of a table only, in a column that says whether an image is an anomaly."""

_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]*)?(e[+-]?[0-9]+)?")


def word_key(word: str) -> str:
    """What two words must share to count as the same: case, spaces, hyphens, underscores and full-width letters do not
    matter, and numbers are compared as numbers ("1", "1.00", "1,0" and "1.0E+00").
    """
    key = re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", word).casefold())
    number = unicodedata.normalize("NFKC", word).strip().casefold()
    return f"{float(number.replace(',', '.')):g}" if _NUMBER.fullmatch(number) else key


def class_of(word: str) -> int | None:
    """0 for a word that means normal, 1 for one that means anomaly, None for all others."""
    return _CLASS_OF.get(word_key(word))


_CLASS_OF = {word_key(word): label for label, words in enumerate(CLASS_WORDS) for word in words}
