"""Which versions made the file."""

from typing import Any

from crbl_export.model_card.facts import ModelFacts
from crbl_export.model_card.markdown import as_json, number, plain, table


def version_section(facts: ModelFacts) -> str:
    """Of the training and of the export; other settings of the export below."""
    export = dict(facts.contract.export)
    exported = _versions(export.pop("versions", None))
    trained = _versions(facts.training.get("versions"))
    # A converted checkpoint has them beside everything else.
    trained |= {key: plain(facts.training[key]) for key in ("python", "torch") if key in facts.training}
    packages = sorted({*exported, *trained})
    rows = [[package, trained.get(package, "—"), exported.get(package, "—")] for package in packages]
    settings = [[plain(key), _setting(value)] for key, value in sorted(export.items())]
    return f"{table(['Package', 'Training or conversion', 'Export'], rows)}\n\n{table(['Export', ''], settings)}"


def _versions(versions: Any) -> dict[str, str]:
    if not isinstance(versions, dict):
        return {}
    return {plain(package): plain(version) for package, version in versions.items()}


def _setting(value: Any) -> str:
    return number(value) if isinstance(value, int | float | str) else as_json(value)
