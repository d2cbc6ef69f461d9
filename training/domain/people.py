"""The volunteers behind a night's pseudonyms, for the night itself."""

import uuid
from collections import Counter
from datetime import date

from collector.domain import contributions, volunteers
from collector.models import Project
from training.domain import manifests
from training.domain.shifts import Shift
from training.domain.splits import pseudonym
from training.enums import Side, StageName


def people_of(project: Project) -> dict[str, uuid.UUID]:
    """Pseudonym to volunteer, of everybody with an accepted photo; guests who turned out to be somebody lead there."""
    pairs = [*volunteers.merged_pairs(), *((who, who) for who in volunteers.photographers_of(project))]
    return {pseudonym(project.split_secret, "volunteer", then): now for then, now in pairs}


def order_volunteers(shift: Shift) -> list[str]:
    """The pseudonyms of those whose contribution tonight shall measure, most wanted first.

    First who gave photos since theirs was measured, then whose was measured longest ago; so that all have their turn,
    however few a night can afford. Until then they keep what was measured last. Bursts of unknown people have none.
    """
    snapshot = shift.run.stages.get(name=StageName.SNAPSHOT)
    with shift.holding():
        lines = manifests.read_lines(snapshot)
        counts = Counter(line["volunteer"] for line in lines if line["side"] == Side.TRAIN and line["weight"] > 0)
    known = people_of(shift.run.project)
    before = contributions.latest_of(shift.run.project)

    def rank(name: str) -> tuple[bool, date, int, str]:
        last = before.get(known[name])
        is_new = last is None or counts[name] > last.photos
        return (not is_new, last.night if last else date.min, -counts[name], name)

    return sorted(
        (name for name, count in counts.items() if name in known and count >= contributions.LEAST_PHOTOS), key=rank
    )
