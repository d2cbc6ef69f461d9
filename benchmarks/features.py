"""CPU of a photo whose features are known, against looking at it: a night costs what is new, not what there is.

Looking: decoding phone-sized photos and running the backbone, the slope between few and many photos. Knowing: all that
a night does for each photo it has features of, between the frozen snapshot and the head: seeing what is missing, that
every photo is still accepted, bringing the packs, reading manifest and rows. CPU seconds of this process, threads and
all; the database's own are beside them. FEATURES_KNOWN=1000,10000 and FEATURES_ARCHES choose.
"""

import hashlib
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

from benchmarks import embedding
from benchmarks.bursts import embedded_services
from benchmarks.lines import emit
from training.ml.contract import InputContract, Label, ManifestPhoto, RunSpec, features_key, write_json, write_pack

if TYPE_CHECKING:
    from collector.models import Project
    from training.domain.shifts import Shift

KNOWN = tuple(int(count) for count in os.environ.get("FEATURES_KNOWN", "1000,10000,100000").split(","))
ARCHES = os.environ.get("FEATURES_ARCHES", "squeezenet1_0,mobilenet_v3_small").split(",")
TARGET = 0.01  # CPU of a known photo by that of a new one
FEW, MANY = 64, 192  # photos looked at
PACKS = 8
CONTRACT = InputContract.of_size(embedding.SIZE)
LABELS, VOLUNTEERS = ("five", "ten"), 100


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of this process and of the database's, and how much memory this one had at most."""

    ours: float
    database: float
    megabytes: float


def main() -> bool:
    """Prints the ratios; returns whether all were small enough."""
    looking = {arch: _look(arch) for arch in ARCHES}
    met = []
    with embedded_services():
        for count in KNOWN:
            project = _fill(count)
            for arch, seconds in looking.items():
                cpu = _know(project, arch, count)
                ratio = cpu.ours / count / seconds
                met.append(ratio <= TARGET)
                emit(
                    f"features: {arch}, ms of CPU for each of {count:,} known photos", round(1e3 * cpu.ours / count, 4),
                    baseline=round(1e3 * seconds, 3), ratio=round(ratio, 5), target=TARGET, met=met[-1],
                )  # fmt: skip
                emit(f"features: {arch}, the database's ms for each of {count:,}", round(1e3 * cpu.database / count, 4))
                emit(f"features: {arch}, MB of memory with {count:,}", round(cpu.megabytes))
    return all(met)


def _look(arch: str) -> float:
    """CPU seconds of one more photo."""
    from training.ml.embed import embed_photos
    from training.ml.engine import write_features
    from training.ml.networks import Network
    from training.ml.session import open_session

    session = open_session(write_features(Network(arch, CONTRACT, len(LABELS))), embedding.CORES)
    with tempfile.TemporaryDirectory(prefix="daybreak-features-") as folder:
        photos = embedding.draw(Path(folder), MANY)
        spent = []
        for some in (photos[:FEW], photos):
            began = time.process_time()
            for _ in embed_photos(session, Path(folder), some, CONTRACT, embedding.QUIET, threads=embedding.CORES):
                pass
            spent.append(time.process_time() - began)
    return (spent[1] - spent[0]) / (MANY - FEW)


def _fill(count: int) -> "Project":
    from collector.domain import projects
    from collector.enums import PhotoState, ReviewAction
    from collector.models import Photo, Review, Volunteer
    from foundation.models import User

    project = projects.create_project(f"known-{count}", name="Known", labels=[(slug, slug) for slug in LABELS])
    volunteers = Volunteer.objects.bulk_create(Volunteer(is_known=True) for _ in range(VOLUNTEERS))
    labels = list(project.labels.all())
    rows = (
        Photo(
            id=uuid.UUID(int=count * 10**7 + number), project=project, volunteer=volunteers[number % VOLUNTEERS],
            state=PhotoState.ACCEPTED, label=labels[number % 2], media_type="image/jpeg", size_bytes=1,
            sha256=_digest(count, number), normalised_sha256=_digest(count, number),
        )
        for number in range(count)
    )  # fmt: skip
    Photo.objects.bulk_create(rows, batch_size=2000)
    reviewer, _ = User.objects.get_or_create(email="reviewer@example.org")
    Review.objects.bulk_create(
        (
            Review(
                photo=photo, reviewer=reviewer, action=ReviewAction.ACCEPT, normalised_sha256=photo.normalised_sha256
            )
            for photo in Photo.objects.filter(project=project).iterator()
        ),
        batch_size=2000,
    )
    return project


def _know(project: "Project", arch: str, count: int) -> Cpu:
    from training.domain import embedding as stage
    from training.domain import materials
    from training.enums import StageName
    from training.ml.embed import read_features
    from training.ml.workspace import Work

    with tempfile.TemporaryDirectory(prefix="daybreak-features-") as folder:
        shift, spec = _begin(project, arch, count, Path(folder))
        database, began = _database_seconds(), time.process_time()
        assert stage.find_missing(shift) == []
        materials.materialise(shift, set())
        stage.bring_features(shift, StageName.FIT)
        materials.materialise(shift, set())
        rows = read_features(spec, Work(shift.work))
        spent = time.process_time() - began
        assert len(rows) == count
        megabytes = psutil.Process().memory_info().rss / 1e6
        return Cpu(spent, _database_seconds() - database, megabytes)


def _begin(project: "Project", arch: str, count: int, work: Path) -> "tuple[Shift, RunSpec]":
    """A claimed night that has frozen its photos and knows its backbone, with packs of all of them in the store."""
    from foundation import jobs
    from training.domain import folders, stages
    from training.domain.shifts import Shift
    from training.enums import StageName
    from training.models import Run, Stage

    night = date(2026, 11, 1 + ARCHES.index(arch))
    spec = RunSpec(project.slug, tuple(Label(slug, slug) for slug in LABELS), arch, CONTRACT)
    backbone = {"arch": arch, "source": "imagenet", "sha256": hashlib.sha256(arch.encode()).hexdigest()}
    run = Run.objects.create(project=project, night=night, inputs={"spec": spec.to_json()})
    jobs.add(folders.KIND, str(run.pk))
    lease = jobs.claim(folders.KIND, str(run.pk))
    assert lease
    shift = Shift(run, lease, work)
    _write_manifest(project, count, work)
    for name, result in {"start": {"backbone": backbone, "note": ""}, "embed": {"backbone": backbone}}.items():
        (work / name).mkdir()
        write_json(work / name / "result.json", result)
    started = Stage(run=run, name=StageName.START, result={"backbone": backbone, "note": ""})
    stages.write_row(shift, started)
    _store(project, arch, backbone["sha256"], count, work)
    return shift, spec


def _write_manifest(project: "Project", count: int, work: Path) -> None:
    from training.domain.splits import pseudonym
    from training.ml.contract import write_manifest

    def line(number: int) -> ManifestPhoto:
        name = pseudonym(project.split_secret, "photo", uuid.UUID(int=count * 10**7 + number))
        return ManifestPhoto(name, _digest(count, number), LABELS[number % 2], f"v{number % VOLUNTEERS}", "train")

    (work / "snapshot").mkdir()
    write_manifest(work / "snapshot" / "manifest.jsonl", map(line, range(count)))


def _store(project: "Project", arch: str, backbone: str, count: int, work: Path) -> None:
    from training.domain import features
    from training.ml.networks import Network

    width = Network(arch, CONTRACT, len(LABELS)).feature_count
    key = features_key(backbone, CONTRACT.to_json())
    for part in np.array_split(np.arange(count), PACKS):
        digests = [bytes.fromhex(_digest(count, int(number))) for number in part]
        write_pack(work / "pack", key, width, digests, _rows(digests, width))
        features.make_ready(features.write(project, key, work / "pack"))


def _rows(digests: Sequence[bytes], width: int) -> Iterator[bytes]:
    for digest in digests:
        yield (digest * (width // 16 + 1))[: 2 * width]


def _digest(count: int, number: int) -> str:
    return hashlib.sha256(f"{count} {number}".encode()).hexdigest()


def _database_seconds() -> float:
    """CPU of the database's process for our connection."""
    from django.db import connection

    connection.ensure_connection()
    times = psutil.Process(connection.connection.info.backend_pid).cpu_times()
    return times.user + times.system
