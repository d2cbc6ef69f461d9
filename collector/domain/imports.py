"""Bringing a collection of photos in: first everything is checked, then photo after photo, as often as you like.

A photo's id is made of the project and its bytes, so the same photo is stored once: twice in a source, or in a second
run after the first was interrupted. It takes the way of every photo: received, normalised, reviewed.
"""

import hashlib
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import connection, transaction

from collector.domain import normalising, projects, reviews, uploads
from collector.domain.import_plans import Plan, known_labels
from collector.domain.sources import Item, Source
from collector.enums import PhotoState, Role
from collector.models import Label, Photo, Project, Volunteer
from foundation.models import User
from foundation.problems import Problem

NAMESPACE = uuid.UUID("6f0c1f9e-52c5-4d8e-9d1e-3d3c1f1b7a54")  # of the ids of imported photos; never change it
IMPORTER = "import@daybreak.invalid"
THREADS = 2  # each with a sandbox of its own
LISTED = 200  # refusals kept for the summary; all are counted
PATIENCE_S = 60  # for a worker that took a photo's job before we did


@dataclass
class Summary:
    """What an import did. ``photos`` are all of the source; ``already`` were there, or are twice in it."""

    photos: int = 0
    new: int = 0
    already: int = 0
    accepted: int = 0
    unreadable: int = 0
    contradictions: int = 0
    volunteers: int = 0
    labels_created: list[str] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run_import(
    source: Source, project: Project, plan: Plan, *, accept: bool, on_photo: Callable[[], None] = lambda: None
) -> Summary:
    """Store, normalise and (``accept``) accept every photo of a checked source; ``on_photo`` is called after each.

    What cannot be read is counted and listed, and the rest goes on. Where storage or database fail the error is
    raised; running the same import again takes up where it stopped.
    """
    started = time.monotonic()
    importer = _Importer(project, plan, _importing_user(project) if accept else None)
    importer.import_all(source.items(), on_photo)
    summary = importer.summary
    summary.photos, summary.notes = plan.count, source.notes
    summary.volunteers = len(plan.volunteers - {""})
    summary.seconds = round(time.monotonic() - started, 1)
    return summary


class _Importer:
    """The state two threads share: labels, volunteers and the summary."""

    def __init__(self, project: Project, plan: Plan, reviewer: User | None) -> None:
        self.summary = Summary()
        self._project, self._plan, self._reviewer = project, plan, reviewer
        self._lock = threading.Lock()
        self._labels = self._take_labels()
        self._volunteers: dict[str, Volunteer] = {}

    def import_all(self, items: Iterator[Item], on_photo: Callable[[], None]) -> None:
        stop = threading.Event()

        def work() -> None:
            try:
                while not stop.is_set():
                    with self._lock:
                        item = next(items, None)
                    if item is None:
                        return
                    self._import_one(item)
                    on_photo()
            finally:
                connection.close()  # this thread's own

        with ThreadPoolExecutor(THREADS, thread_name_prefix="import") as threads:
            running = [threads.submit(work) for _ in range(THREADS)]
            try:
                for thread in running:
                    thread.result()
            finally:
                stop.set()

    def _import_one(self, item: Item) -> None:
        try:
            data = item.read()
            photo, is_new = self._store(item, data)
        except (zipfile.BadZipFile, EOFError) as error:
            return self._refuse(item, f"The zip is damaged here: {error}.")
        except Problem as problem:
            return self._refuse(item, problem.detail)
        with self._lock:
            self.summary.new += is_new
            self.summary.already += not is_new
        if photo.state == PhotoState.UNREADABLE:
            return self._refuse(item, photo.unreadable_reason)
        label = self._labels[item.label]
        if not is_new and photo.claimed_label_id != (label.pk if label else None):
            return self._contradict(item, photo)
        return self._accept(photo)

    def _store(self, item: Item, data: bytes) -> tuple[Photo, bool]:
        sha256 = hashlib.sha256(data).hexdigest()
        photo_id = uuid.uuid5(NAMESPACE, f"{self._project.slug}/{sha256}")
        split = item.split or self._plan.splits.get(item.volunteer, ("", ""))[0]
        upload = uploads.Upload(
            photo_id=photo_id,
            project=self._project,
            sha256=sha256,
            label=self._labels[item.label],
            pinned_split=split,
        )
        try:
            is_new = uploads.receive_photo(upload, [data], by=self._volunteer(item.volunteer)).is_new
        except Problem as problem:
            # Stored before under another volunteer, or erased at a volunteer's wish: it stays as it is.
            if problem.kind not in {"unknown-photo", "photo-deleted"}:
                raise
            is_new = False
        if is_new:
            _normalise(photo_id)
        photo = Photo.objects.select_related("claimed_label").get(pk=photo_id)
        if photo.state == PhotoState.RECEIVED and not is_new:  # an earlier import was interrupted here
            _normalise(photo_id)
            photo.refresh_from_db()
        return photo, is_new

    def _accept(self, photo: Photo) -> None:
        if self._reviewer is None or photo.state != PhotoState.AWAITING_REVIEW or photo.label_id is None:
            return
        try:
            reviews.accept_photo(photo.pk, by=self._reviewer)
        except Problem as problem:
            if problem.kind != "already-reviewed":  # a person was quicker
                raise
            return
        with self._lock:
            self.summary.accepted += 1

    def _volunteer(self, name: str) -> Volunteer:
        with self._lock:
            if name not in self._volunteers:
                self._volunteers[name], _ = Volunteer.objects.get_or_create(
                    import_project=self._project,
                    import_name=name,
                    defaults={"is_known": bool(name), "nickname": name[:60]},
                )
            return self._volunteers[name]

    def _take_labels(self) -> dict[str, Label | None]:
        known = known_labels(self._project)
        taken: dict[str, Label | None] = {"": None}
        with transaction.atomic():
            for written in filter(None, self._plan.labels):
                label = known.get(written.lower()) or known.get(projects.label_slug(written))
                if label is None:
                    label = projects.add_label(self._project, projects.label_slug(written), name=written)
                    known[label.slug] = label
                    self.summary.labels_created.append(label.slug)
                taken[written] = label
        return taken

    def _refuse(self, item: Item, reason: str) -> None:
        with self._lock:
            self.summary.unreadable += 1
            if len(self.summary.refused) < LISTED:
                self.summary.refused.append({"photo": item.where, "reason": reason})

    def _contradict(self, item: Item, photo: Photo) -> None:
        there = photo.claimed_label.slug if photo.claimed_label else "no label"
        with self._lock:
            self.summary.contradictions += 1
            if len(self.summary.refused) < LISTED:
                reason = f"This photo is stored already, as '{there}'; it was left so."
                self.summary.refused.append({"photo": item.where, "reason": reason})


def _normalise(photo_id: uuid.UUID) -> None:
    until = time.monotonic() + PATIENCE_S
    while not normalising.normalise_photo(photo_id):
        is_waiting = Photo.objects.filter(pk=photo_id, state=PhotoState.RECEIVED).exists()
        if not is_waiting or time.monotonic() > until:
            return
        time.sleep(0.05)  # a worker heard the doorbell and has it


def _importing_user(project: Project) -> User:
    user = User.objects.filter(email=IMPORTER).first()
    if user is None:
        user = User.objects.create_user(IMPORTER, None, display_name="Import")  # without a password nobody signs in
    projects.add_member(project, user, Role.REVIEWER)
    return user
