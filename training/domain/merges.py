"""Guests who turned out to be somebody: their photos keep the side of the split they were on."""

from collections.abc import Mapping

from collector.domain import volunteers
from collector.models import Project
from foundation import blobs
from training.domain.manifests import read_lines
from training.domain.splits import pseudonym
from training.enums import StageName
from training.models import Stage


def sides_of_merged(project: Project, stored: Mapping[str, str]) -> dict[str, str]:
    """What to write down besides ``stored``, for ever.

    A person who is on no side yet takes the guest's. Where the two were on different sides, the photos that the last
    night took from the guest keep the guest's: what has trained never judges, and what has judged never trains.
    """
    added: dict[str, str] = {}
    apart: dict[str, str] = {}  # guest's pseudonym -> side
    for guest, into in volunteers.merged_pairs():
        guest_name, name = (pseudonym(project.split_secret, "volunteer", one) for one in (guest, into))
        side = stored.get(f"v:{guest_name}")
        if side is None:
            continue
        if side != (stored.get(f"v:{name}") or added.setdefault(f"v:{name}", side)):
            apart[guest_name] = side
    return added | (_photos_of(project, apart, stored) if apart else {})


def _photos_of(project: Project, apart: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, str]:
    last = Stage.objects.filter(run__project=project, name=StageName.SNAPSHOT).order_by("-pk").first()
    if last is None or not last.files:
        return {}
    try:
        found = {
            f"p:{line['photo']}": apart[line["volunteer"]] for line in read_lines(last) if line["volunteer"] in apart
        }
    except blobs.BlobMissing:
        return {}
    return {name: side for name, side in found.items() if name not in stored}
