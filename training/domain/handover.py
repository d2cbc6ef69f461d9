"""What a night tells the collector: whose photos helped, how each label does by condition, which labels look wrong."""

import json
import uuid
from collections import Counter
from collections.abc import Mapping

from django.db import transaction

from collector.domain import contributions, results, suspicions
from collector.models import Project
from foundation import blobs, jobs
from training.domain import manifests, queries, sightings, stages
from training.domain.answers import Mistake
from training.domain.intervals import wilson
from training.domain.judging import PREDICTIONS
from training.domain.people import people_of
from training.domain.shifts import NightFailedError, Shift
from training.domain.splits import pseudonym
from training.enums import StageName
from training.models import Stage

CONTRIBUTIONS, SUSPICIONS = "contributions.json", "suspicions.jsonl"
Tally = Counter[tuple[int, int | None, bool]]  # label, condition or None, whether it was named rightly


def hand_over(shift: Shift) -> None:
    """Gives the collector what the night measured; after a kill again, with the same outcome.

    Raises ``jobs.LeaseLost``, and ``NightFailedError`` where the stage's files are missing from the storage.
    """
    done = queries.stages_of(shift.run)
    project, night = shift.run.project, shift.run.night
    try:
        with shift.holding():
            people = _read_contributions(done[StageName.EVALUATE], project)
            tallied = _tally(done[StageName.EVALUATE], project)
            suspected = _read_suspicions(done, project)
    except blobs.BlobMissing as error:
        raise NightFailedError(f"What the night measured is missing from the storage ({error}).") from None
    shift.beat()
    with transaction.atomic():
        jobs.require(shift.lease)
        contributions.record(project, night, people)
        results.record(project, night, _with_intervals(tallied))
        suspicions.record(project, night, suspected)


def _read_contributions(stage: Stage, project: Project) -> list[contributions.Measured]:
    if CONTRIBUTIONS not in stage.files:  # the night began under a version that measured none
        return []
    measured = json.loads(blobs.read(stages.blob_key(stage.files[CONTRIBUTIONS])))["volunteers"]
    known = people_of(project) if measured else {}
    found: dict[uuid.UUID, contributions.Measured] = {}
    for one in sorted(measured, key=lambda one: int(one["photos"])):  # a guest merged since: the one with more photos
        if who := known.get(one["volunteer"]):
            found[who] = contributions.Measured(**{**one, "volunteer": who})
    return list(found.values())


def _read_suspicions(done: Mapping[str, Stage], project: Project) -> list[suspicions.Suspected]:
    """Those of photos that are still accepted under the label that the night learned from."""
    if SUSPICIONS not in done[StageName.FIT].files:  # as above
        return []
    lines = manifests.read_lines(done[StageName.FIT], SUSPICIONS)
    named = [Mistake(one["photo"], one["volunteer"], one["label"], one["likely"], one["margin"]) for one in lines]
    is_by_volunteer = not done[StageName.SNAPSHOT].result["optimistic"]
    seen = sightings.find_photos(project, named, most=len(named), by_volunteer=is_by_volunteer)
    labels = dict(project.labels.values_list("slug", "pk")) if seen else {}
    return [
        suspicions.Suspected(one.photo_id, labels[one.mistake.answer], one.mistake.probability)
        for one in seen
        if one.label_now == one.mistake.truth and one.mistake.answer in labels
    ]


def _tally(stage: Stage, project: Project) -> Tally:
    answers = {
        line["photo"]: (line["label"], line["answer"] == line["label"])
        for line in manifests.read_lines(stage, PREDICTIONS)
    }
    labels = dict(project.labels.values_list("slug", "pk"))
    tally: Tally = Counter((labels[slug], None, is_right) for slug, is_right in answers.values() if slug in labels)
    for photo, conditions in results.confirmed_photos(project):
        slug, is_right = answers.get(pseudonym(project.split_secret, "photo", photo), ("", False))
        if slug in labels:
            tally.update((labels[slug], condition, is_right) for condition in conditions)
    return tally


def _with_intervals(tally: Mapping[tuple[int, int | None, bool], int]) -> list[results.Measured]:
    cells = {(label, condition) for label, condition, _ in tally}
    return [_measured(*cell, tally) for cell in sorted(cells, key=lambda cell: (cell[0], cell[1] or 0))]


def _measured(label: int, condition: int | None, tally: Mapping[tuple[int, int | None, bool], int]) -> results.Measured:
    correct = tally.get((label, condition, True), 0)
    photos = correct + tally.get((label, condition, False), 0)
    low, high = wilson(correct, photos)
    return results.Measured(label, condition, correct, photos, low, high)
