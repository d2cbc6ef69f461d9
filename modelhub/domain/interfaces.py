"""When the interface number rises: only when an app compiled against it would have to change its code."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelhub.models import Release

FIRST = 1


def choose_iface(project_slug: str, *, labels: Sequence[Mapping[str, str]], input_contract: Mapping[str, Any]) -> int:
    """The interface number of a release to come: the newest one, or the next where an app would break.

    An app may rely on anything that was published under its number, so a label that any of those releases had must
    stay, and size and output must be the same. A new label does not raise the number.
    """
    newest = (
        Release.objects.filter(project_slug=project_slug).order_by("-iface").values_list("iface", flat=True).first()
    )
    if newest is None:
        return FIRST
    published = Release.objects.filter(project_slug=project_slug, iface=newest).values_list("labels", "input_contract")
    fits = all(
        _slugs(old_labels) <= _slugs(labels) and _shape(old_contract) == _shape(input_contract)
        for old_labels, old_contract in published
    )
    return newest if fits else newest + 1


def _slugs(labels: Iterable[Mapping[str, str]]) -> set[str]:
    return {label["slug"] for label in labels}


def _shape(contract: Mapping[str, Any]) -> tuple[Any, ...]:
    """The parts of the input contract that an app's code depends on; the rest the client reads from the document."""
    return contract.get("size"), contract.get("channels"), contract.get("range"), contract.get("output")
