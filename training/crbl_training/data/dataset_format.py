"""What a user says about the form of a data set where it cannot be known: columns, labels and class folders."""

from dataclasses import dataclass

from crbl_runtime.errors import UsageError
from crbl_training.data.class_words import word_key


@dataclass(frozen=True)
class DatasetFormat:
    """How to read a folder or a table; what is empty is found out by the usual names.

    Attributes:
        image_column, label_column: the names of a table's columns. normal_labels, anomaly_labels: what a table's
            labels mean, before all words that are known. classes: the folder of normal images, then one or more
            folders of anomalies; all others are left out.

    Raises:
        UsageError: a label is to mean both, or the classes are fewer than two or not different.
    """

    image_column: str | None = None
    label_column: str | None = None
    normal_labels: tuple[str, ...] = ()
    anomaly_labels: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        normal = {word_key(label) for label in self.normal_labels}
        both = [label for label in self.anomaly_labels if word_key(label) in normal]
        if both:
            raise UsageError(f"--normal-label and --anomaly-label both name {both[0]!r}. Name each label once.")
        if self.classes and len({name.casefold() for name in self.classes}) < max(2, len(self.classes)):
            raise UsageError(
                f"--classes is {','.join(self.classes)}, expected the folder of normal images and then one or more "
                "folders of anomalies, all different: --classes OK,NG."
            )

    @property
    def names_columns_or_labels(self) -> bool:
        """Whether something is said that only a table has."""
        return bool(self.image_column or self.label_column or self.normal_labels or self.anomaly_labels)


USUAL_FORMAT = DatasetFormat()
"""Nothing is said: all is found out by the usual names."""
