"""How many photos of one moment end in one stack, and how many of different moments: rendered, on the real path.

Volunteers send bursts of rendered notes (config.demo.bursts), three scenes of each label so that there is something to
confuse them with; each photo is received, normalised and placed by the code that production runs, on embedded services
of its own. ``stir`` is how much the hand moves within a burst: 0 stores the same frame anew, 1 tries to hold still,
3 does not.
"""

import hashlib
import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.lines import emit
from config.demo.bursts import render_burst
from config.demo.currency import NOTES
from config.demo.renderer import draw_photographer

if TYPE_CHECKING:
    from collector.models import Project

PEOPLE, SCENES, FRAMES = 10, 6, 4
STIRS = {0.0: "stored anew", 1.0: "held still", 2.0: "unsteady", 3.0: "moving"}
LEAST = {"stored anew": 1.0, "held still": 0.95}  # of the pairs of one moment, in one stack
MOST_FALSE = 0.01  # of the same, the photos in a stack with another scene
SCENES_A_LABEL = 3


@dataclass(frozen=True)
class Sent:
    """One photo after it was placed: who sent it, which moment it shows, how it looks, its stack."""

    person: int
    scene: tuple[int, int]
    look64: int | None
    stack: uuid.UUID


@dataclass(frozen=True)
class Found:
    """Shares of all pairs of one moment, of all bursts, of all photos."""

    near_pairs: float  # at most 10 bits apart
    joined_pairs: float  # in one stack, be it by way of a third
    whole_bursts: float
    false_joins: float


def main() -> bool:
    """Prints recall and false joins at every stir, and for what another volunteer sends again."""
    with embedded_services():
        from collector.domain import projects

        met = []
        for stir, name in STIRS.items():
            project = projects.create_project(
                f"bursts-{stir:.0f}", name="Bursts", labels=[(note.slug, note.slug) for note in NOTES]
            )
            found = judge(send_bursts(project, range(PEOPLE), SCENES, FRAMES, stir))
            met += _report(name, found)
        copies = projects.create_project("copies", name="Copies", labels=[(note.slug, note.slug) for note in NOTES])
        share = judge(send_copies(copies, range(PEOPLE), SCENES)).joined_pairs
        met.append(share >= LEAST["stored anew"])
        emit(f"copies by another volunteer: pairs in one stack of {PEOPLE * SCENES}", share, target=1.0, met=met[-1])
    return all(met)


def send_bursts(project: "Project", people: Sequence[int], scenes: int, frames: int, stir: float) -> list[Sent]:
    """Each person sends their scenes, one burst after the other."""
    sent = []
    for seed in people:
        person, volunteer = draw_photographer(seed, client=False), _volunteer()
        for number in range(scenes):
            slug = NOTES[number // SCENES_A_LABEL].slug
            burst = render_burst(person, slug, number, frames, stir=stir)
            sent += [_send(project, volunteer, slug, photo, (seed, number)) for photo in burst]
    return sent


def send_copies(project: "Project", people: Sequence[int], scenes: int) -> list[Sent]:
    """Each scene twice, the second time stored anew and by somebody else."""
    sent = []
    for seed in people:
        person, first, second = draw_photographer(seed, client=False), _volunteer(), _volunteer()
        for number in range(scenes):
            slug = NOTES[number // SCENES_A_LABEL].slug
            photos = render_burst(person, slug, number, 2, stir=0)
            for photo, volunteer in zip(photos, (first, second), strict=True):
                sent.append(_send(project, volunteer, slug, photo, (seed, number)))
    return sent


def judge(sent: Sequence[Sent]) -> Found:
    """What was found of what there was to find. Stacks as they are at the end, after all joining."""
    bursts: dict[tuple[int, int], list[Sent]] = {}
    stacks: dict[uuid.UUID, set[tuple[int, int]]] = {}
    for photo in _with_final_stacks(sent):
        bursts.setdefault(photo.scene, []).append(photo)
        stacks.setdefault(photo.stack, set()).add(photo.scene)
    pairs = [pair for burst in bursts.values() for pair in itertools.combinations(burst, 2)]
    mixed = {stack for stack, scenes in stacks.items() if len(scenes) > 1}
    return Found(
        near_pairs=_share(_bits(one, other) <= 10 for one, other in pairs),
        joined_pairs=_share(one.stack == other.stack for one, other in pairs),
        whole_bursts=_share(len({photo.stack for photo in burst}) == 1 for burst in bursts.values()),
        false_joins=_share(photo.stack in mixed for burst in bursts.values() for photo in burst),
    )


def _with_final_stacks(sent: Sequence[Sent]) -> Iterator[Sent]:
    from collector.models import Photo

    moved = dict(Photo.objects.filter(pk__in={photo.stack for photo in sent}).values_list("pk", "stack"))
    for photo in sent:
        yield Sent(photo.person, photo.scene, photo.look64, moved[photo.stack] or photo.stack)


def _bits(one: Sent, other: Sent) -> int:
    if one.look64 is None or other.look64 is None:
        return 64
    return ((one.look64 ^ other.look64) & (1 << 64) - 1).bit_count()


def _share(answers: Iterator[bool]) -> float:
    said = list(answers)
    return round(sum(said) / len(said), 4)


def _send(project: "Project", volunteer: object, slug: str, photo: bytes, scene: tuple[int, int]) -> Sent:
    from collector.domain import normalising, projects, uploads
    from collector.models import Photo, Volunteer

    assert isinstance(volunteer, Volunteer)
    upload = uploads.Upload(
        photo_id=uuid.uuid4(),
        project=project,
        sha256=hashlib.sha256(photo).hexdigest(),
        label=projects.get_label(project, slug),
    )
    uploads.receive_photo(upload, [photo], by=volunteer)
    normalising.normalise_photo(upload.photo_id)
    placed = Photo.objects.get(pk=upload.photo_id)
    assert placed.stack is not None, placed.unreadable_reason
    return Sent(scene[0], scene, placed.look64, placed.stack)


def _volunteer() -> object:
    from collector.models import Volunteer

    return Volunteer.objects.create()


def _report(name: str, found: Found) -> list[bool]:
    least = LEAST.get(name)
    most = None if least is None else MOST_FALSE
    met = [least is None or found.joined_pairs >= least, most is None or found.false_joins <= most]
    emit(f"bursts {name}: pairs within 10 bits", found.near_pairs)
    emit(f"bursts {name}: pairs in one stack", found.joined_pairs, target=least, met=met[0] if least else None)
    emit(f"bursts {name}: bursts wholly in one stack", found.whole_bursts)
    emit(
        f"bursts {name}: photos in a stack with another scene",
        found.false_joins,
        target=most,
        met=met[1] if most else None,
    )
    return met


@contextmanager
def embedded_services() -> Iterator[None]:
    """A database, Redis and a storage of our own, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="daybreak-bursts-"))
    os.environ.update(DAYBREAK_HOME=str(home), DJANGO_SETTINGS_MODULE="config.settings", LOG_LEVEL="WARNING")
    for name in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL"):
        os.environ.pop(name, None)
    import django
    from django.core.management import call_command

    from collector.normaliser import sandbox
    from foundation import services

    try:
        services.ensure(home)
        django.setup()
        call_command("migrate", verbosity=0)
        yield
    finally:
        sandbox.close()
        services.release(home, wait_s=20)
        shutil.rmtree(home, ignore_errors=True)
