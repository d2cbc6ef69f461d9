"""A picture of what a capture profile does to a project's own photos, drawn by a child: no torch in this process."""

import shutil
import tempfile
from itertools import islice
from pathlib import Path

from collector.domain import photos as collected
from collector.models import Photo, Project
from foundation import blobs
from foundation.problems import Problem
from training.ml import contract
from training.runner import children

PHOTOS = 4  # one a row
LIMIT_S = 300.0
NAME = "picture"


def draw_picture(project: Project, file: Path) -> int:
    """Write a JPEG of some accepted photos beside 24 changed versions of them; returns how many photos it shows.

    Raises Problem ``no-picture``: nothing accepted yet, or the drawing failed, with the reason.
    """
    shown = choose_photos(project)
    if not shown:
        raise _refused(project, "no photo is accepted yet", do="Accept photos in review first.")
    with tempfile.TemporaryDirectory(prefix="daybreak-picture-") as scratch:
        work = Path(scratch)
        try:
            _lay_out(project, shown, work)
            order = children.order_for(NAME, work, work / NAME, threads=1, limit_s=LIMIT_S)
            children.run_child(order, hear=lambda _line: None, beat=lambda: None)
            shutil.copyfile(work / NAME / f"{NAME}.jpg", file)
        except (children.StageProblemError, children.StageDiedError, blobs.BlobMissing) as error:
            raise _refused(project, str(error)) from error
    return len(shown)


def choose_photos(project: Project) -> list[Photo]:
    """At most four accepted photos, of as many labels as there are: one of each label in turn, then whatever else."""
    accepted = collected.accepted_photos(project).filter(label__isnull=False).select_related("label")
    one_each = accepted.order_by("label__position", "label__slug", "pk").distinct("label__position", "label__slug")
    first = list(islice(one_each, PHOTOS))
    rest = accepted.exclude(pk__in=[photo.pk for photo in first])
    return [*first, *rest[: PHOTOS - len(first)]]


def _lay_out(project: Project, shown: list[Photo], work: Path) -> None:
    """The folder the command wants: spec, manifest, bytes. Pseudonyms are not needed, the folder goes at once."""
    for folder in ("snapshot", "photos", "tmp"):
        (work / folder).mkdir()
    lines = []
    for photo in shown:
        slug = photo.label.slug if photo.label else ""
        lines.append(contract.ManifestPhoto(str(photo.pk), photo.normalised_sha256, slug, "anyone", "train"))
        blobs.fetch(collected.normalised_key(photo.pk), work / "photos" / f"{photo.normalised_sha256}.jpg")
    contract.write_manifest(work / "snapshot" / "manifest.jsonl", lines)
    spec = contract.RunSpec(
        project=project.slug,
        labels=tuple(contract.Label(label.slug, label.name) for label in project.labels.all()),
        arch=next(iter(project.architectures), ""),
        input=contract.InputContract.of_size(project.input_size),
        pretrained="scratch",
        capture_profile=project.capture_profile,
    )
    contract.write_json(work / "spec.json", spec.to_json())


def _refused(project: Project, why: str, do: str = "Mend that and try again.") -> Problem:
    return Problem("no-picture", 409, f"No picture of {project.slug} can be drawn: {why.rstrip('.')}.", do=do)
