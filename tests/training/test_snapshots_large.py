"""A snapshot's memory is that of its people: photos pass through."""

import gc
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.snapshots.filling import fill
from collector.enums import PhotoState
from collector.models import Photo
from foundation import jobs
from tests.training.nights_kit import NIGHT
from training.domain import snapshots, splits
from training.domain.folders import KIND
from training.domain.shifts import Shift
from training.ml import contract
from training.models import Run

FEW, MANY = 4_000, 16_000  # by 160 people


@pytest.mark.slow
@pytest.mark.django_db
def test_a_snapshot_four_times_as_large_needs_no_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "COMPARED_AT_ONCE", 500)  # a million are 50 times the usual, these 32 times this
    fill("large", MANY)
    many = freeze(tmp_path / "many")
    others = Photo.objects.order_by("pk").values_list("pk", flat=True)[FEW:]
    Photo.objects.filter(pk__in=list(others)).update(state=PhotoState.REJECTED)
    few = freeze(tmp_path / "few")
    assert many < 1.25 * few


def freeze(work: Path) -> int:
    """Freezes what is accepted; the peak in bytes of what Python and numpy had taken meanwhile."""
    work.mkdir()
    run = Run.objects.create(project_id=Photo.objects.first().project_id, night=NIGHT + timedelta(days=len(work.name)))
    jobs.add(KIND, str(run.pk))
    lease = jobs.claim(KIND, str(run.pk))
    assert lease
    gc.collect()
    tracemalloc.start()
    frozen = snapshots.freeze(Shift(run, lease, work))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    with (work / "snapshot" / "manifest.jsonl").open() as file:
        assert sum(1 for _ in file) == frozen.snapshot.photos > FEW * 0.9
    assert contract.read_json(work / "snapshot" / "snapshot.json")["digest"] == frozen.snapshot.digest
    return peak
