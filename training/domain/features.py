"""The feature store: what a backbone said of a photo is computed once, and kept in packs for every later night.

A pack's row is there before its first byte and goes after its last, so nothing is ever stored that nobody knows of:
``write`` makes a row and its file, ``make_ready`` shows it to readers, in the transaction of whoever wrote it. A pack
never changes. To take an erased photo out, or to make one pack of many, a new one takes the place of old ones in one
transaction, and files of rows that are gone are deleted. Killed between any two lines, the next call goes on.
"""

import hashlib
import logging
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from collector.domain import photos
from collector.models import Project
from foundation import blobs, jobs
from training.domain.folders import TIDY, work_folder
from training.enums import PackState
from training.ml import contract
from training.models import FeaturePack

logger = logging.getLogger(__name__)
MOST_PACKS = 12  # of one key, after tidying
FORGOTTEN = timedelta(days=1)  # a pack that is still being written then has lost its writer
HEADER_BYTES = 4096  # more than a pack's header takes


def known(project: Project, key: str) -> set[bytes]:
    """The sha256 of every photo whose features are stored under the key; 32 bytes a photo are read."""
    while True:
        found: set[bytes] = set()
        for pack in _ready(project, key):
            digests = _read_digests(pack)
            if digests is None:
                break  # replaced this very moment, or lost: look again
            found.update(digests)
        else:
            return found


def bring(project: Project, keys: Sequence[str], folder: Path) -> None:
    """All packs of the keys as files of the folder. One that is lost meanwhile is left out: it is only a saving."""
    folder.mkdir(exist_ok=True)
    while True:
        packs = {folder / f"{pack.pk}.safetensors": pack for pack in _ready(project, *keys)}
        for stale in set(folder.iterdir()) - packs.keys():
            stale.unlink()
        if all(path.exists() or _fetch(pack, path) for path, pack in packs.items()):
            return


def write(project: Project, key: str, path: Path) -> FeaturePack:
    """Stores a pack that nobody reads yet. Raises ``contract.PackBrokenError``, ``blobs.StorageFull``."""
    head = contract.open_pack(path).head
    if head.key != key:
        raise contract.PackBrokenError(f"features under {head.key}, wanted {key}")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    pack = FeaturePack.objects.create(project=project, key=key, sha256=sha256, photos=head.photos)
    blobs.write(blob_key(pack), path)
    return pack


def make_ready(pack: FeaturePack) -> None:
    """Shows a written pack to readers, in the caller's transaction. Of the same bytes, only those that came first."""
    mine = FeaturePack.objects.filter(pk=pack.pk, state=PackState.WRITING)
    try:
        with transaction.atomic():
            mine.update(state=PackState.READY)
    except IntegrityError:
        mine.update(state=PackState.GONE)


def retire(pack: FeaturePack) -> None:
    """Takes a pack from the readers; ``sweep`` deletes it."""
    FeaturePack.objects.filter(pk=pack.pk).update(state=PackState.GONE)


def blob_key(pack: FeaturePack) -> str:
    """Where a pack lies. Its own place, whatever it holds: deleting one never touches another's bytes."""
    return f"features/{pack.pk}-{pack.sha256}"


# --- tidying -------------------------------------------------------------------------------------------------------
def tidy_soon(project: Project) -> None:
    """Adds the job that tidies, where there is something to tidy."""
    packs = FeaturePack.objects.filter(project=project)
    many = packs.filter(state=PackState.READY).values("key").annotate(count=Count("pk")).filter(count__gt=MOST_PACKS)
    if _left_over(project).exists() or _unseen(project)[0].exists() or many.exists():
        with transaction.atomic():
            jobs.requeue(TIDY, str(project.pk))


def tidy(project_id: int) -> None:
    """Drops features of photos that are erased, makes few packs of many, and deletes what nobody reads.

    Any number of times, by anybody: whoever claims the project's job does it.
    """
    lease = jobs.claim(TIDY, str(project_id))
    if lease is None:
        return
    project = Project.objects.get(pk=project_id)
    with jobs.holding(lease), work_folder(lease) as work:
        forget_erased(project, work)
        merge(project, work)
        sweep(project)
        jobs.finish(lease)


def forget_erased(project: Project, work: Path) -> None:
    """Takes every photo that is no longer accepted out of the packs. Only packs not seen since an erasure are read.

    The number of erased photos is the clock: it only ever rises, and no late commit can pass it.
    """
    unseen, seen = _unseen(project)
    due = list(unseen)
    accepted = _accepted(project) if due else set()
    for pack in due:
        digests = _read_digests(pack)
        if digests is not None and not accepted.issuperset(digests):
            _replace([pack], work, accepted, seen)
        FeaturePack.objects.filter(pk=pack.pk).update(erasures_seen=seen)


def merge(project: Project, work: Path) -> None:
    """Makes one pack of the smallest where a key has more than ``MOST_PACKS``: half of them stay as they are.

    So a row is copied a few times in its life, not every night.
    """
    ready = FeaturePack.objects.filter(project=project, state=PackState.READY)
    for key in ready.order_by("key").values_list("key", flat=True).distinct():
        packs = sorted(_ready(project, key), key=lambda pack: pack.photos)
        if len(packs) > MOST_PACKS:
            _replace(packs[: len(packs) - MOST_PACKS // 2], work)


def sweep(project: Project) -> None:
    """Deletes the files of packs that are gone, then their rows; also what a killed writer left."""
    for pack in _left_over(project):
        retire(pack)  # a writer that is still alive finds it gone
        blobs.delete(blob_key(pack))
        pack.delete()


def _replace(packs: Sequence[FeaturePack], work: Path, keep: Collection[bytes] | None = None, seen: int = 0) -> None:
    """One new pack for these, unless somebody else replaced one of them meanwhile."""
    paths = [work / f"{pack.pk}.safetensors" for pack in packs]
    if not all(_fetch(pack, path) for pack, path in zip(packs, paths, strict=True)):
        return
    joined = work / "joined.safetensors"
    photos_left = contract.join_packs(joined, [contract.open_pack(path) for path in paths], keep)
    new = write(packs[0].project, packs[0].key, joined) if photos_left else None
    old = FeaturePack.objects.filter(pk__in=[pack.pk for pack in packs], state=PackState.READY)
    with transaction.atomic():
        if len(old.select_for_update().values_list("pk")) == len(packs):
            old.update(state=PackState.GONE)
            if new:
                make_ready(new)
                FeaturePack.objects.filter(pk=new.pk).update(erasures_seen=seen)
        elif new:
            retire(new)
    for path in (*paths, joined):
        path.unlink(missing_ok=True)


def _ready(project: Project, *keys: str) -> "QuerySet[FeaturePack]":
    packs = FeaturePack.objects.filter(project=project, key__in=keys, state=PackState.READY)
    return packs.select_related("project").order_by("pk")


def _left_over(project: Project) -> "QuerySet[FeaturePack]":
    packs = FeaturePack.objects.filter(project=project)
    lost = packs.filter(state=PackState.WRITING, created_at__lt=Now() - FORGOTTEN)
    return packs.filter(state=PackState.GONE) | lost


def _unseen(project: Project) -> "tuple[QuerySet[FeaturePack], int]":
    """Packs that were not looked at since a photo was erased, and how many are erased."""
    erased = photos.erased_photos(project).count()
    packs = FeaturePack.objects.filter(project=project, state=PackState.READY).select_related("project")
    return packs.exclude(erasures_seen=erased), erased


def _accepted(project: Project) -> set[bytes]:
    rows = photos.accepted_photos(project).values_list("normalised_sha256", flat=True)
    return {bytes.fromhex(sha256) for sha256 in rows.iterator(chunk_size=10_000)}


def _read_digests(pack: FeaturePack) -> tuple[bytes, ...] | None:
    """None, and the pack is taken from the readers, where the storage has not got it whole."""
    try:
        with blobs.open_range(blob_key(pack), 0, HEADER_BYTES + pack.photos * 32) as file:
            return contract.read_digests(file, contract.read_head(file))
    except (blobs.BlobMissing, contract.PackBrokenError) as error:
        _give_up(pack, error)
        return None


def _fetch(pack: FeaturePack, path: Path) -> bool:
    try:
        contract.open_pack(blobs.fetch(blob_key(pack), path))
    except (blobs.BlobMissing, contract.PackBrokenError) as error:
        path.unlink(missing_ok=True)
        _give_up(pack, error)
        return False
    return True


def _give_up(pack: FeaturePack, error: Exception) -> None:
    """Of a pack that was replaced a moment ago nothing is left to be done."""
    if FeaturePack.objects.filter(pk=pack.pk, state=PackState.READY).update(state=PackState.GONE):
        logger.warning("features.lost pack=%s photos=%s error=%r; computed anew", pack.pk, pack.photos, error)
