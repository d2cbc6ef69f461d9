"""The networks a project names: which there are."""

from training.ml.contract import ARCHES


def check(raw: object) -> list[str]:
    """Every fault of a project's list as a sentence; empty: it can be used. Named by the setting ``PROJECT_CHECKS``."""
    names = raw if isinstance(raw, list) else []
    if not names:
        return [f"At least one network must be named, of {', '.join(ARCHES)}."]
    unknown = [str(name) for name in names if name not in ARCHES]
    faults = [f"There is no network {', '.join(unknown)}. Allowed: {', '.join(ARCHES)}."] if unknown else []
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    return faults + [f"{', '.join(twice)} is named twice. Name each once."] * bool(twice)
