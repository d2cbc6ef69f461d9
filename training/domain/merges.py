"""Guests who turned out to be somebody: if either has trained, the person trains from now on and leaves golden.

What has judged never trains all the same: the photos that were golden are left out for ever, and new ones teach.
"""

from collections import defaultdict
from collections.abc import Mapping

from collector.domain import volunteers
from collector.models import Project
from foundation import blobs
from training.domain.manifests import read_lines
from training.domain.seen import pseudonym
from training.enums import Side, StageName
from training.models import Stage


def sides_of_merged(project: Project, stored: Mapping[str, str]) -> dict[str, str]:
    """What to write down besides ``stored`` or instead of it, for ever.

    The person gets one side: train if they or one of the guests they were has trained, else golden if one has judged.
    Where both happened, the photos of the last night that were golden stay so, each by its own name.
    """
    names: dict[str, set[str]] = defaultdict(set)  # a person's pseudonym -> all they went by
    for guest, into in volunteers.merged_pairs():
        person, alias = (pseudonym(project.split_secret, "volunteer", one) for one in (into, guest))
        names[person] |= {person, alias}
    changed: dict[str, str] = {}
    judged: set[str] = set()  # pseudonyms under which a person that trains was golden
    for person, aliases in names.items():
        sides = {alias: stored[f"v:{alias}"] for alias in aliases if f"v:{alias}" in stored}
        if not sides:
            continue
        side = Side.TRAIN if Side.TRAIN in sides.values() else Side.GOLDEN
        if stored.get(f"v:{person}") != side:
            changed[f"v:{person}"] = side
        if side == Side.TRAIN:
            judged |= {alias for alias, before in sides.items() if before == Side.GOLDEN}
    return changed | (_golden_photos_of(project, judged, stored) if judged else {})


def _golden_photos_of(project: Project, judged: set[str], stored: Mapping[str, str]) -> dict[str, str]:
    last = Stage.objects.filter(run__project=project, name=StageName.SNAPSHOT).order_by("-pk").first()
    if last is None or not last.files:
        return {}
    try:
        lines = (f"p:{line['photo']}" for line in read_lines(last) if line["volunteer"] in judged)
        return {name: Side.GOLDEN.value for name in lines if name not in stored}
    except blobs.BlobMissing:
        return {}
