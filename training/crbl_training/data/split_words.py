"""The words by which people call the splits of a data set, in folder names and in tables."""

SPLITS = ("train", "validation", "test")
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "학습", "훈련"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "검증"), "validation"),
    **dict.fromkeys(("test", "testing", "시험", "평가", "테스트"), "test"),
}
