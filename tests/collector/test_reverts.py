"""Taking back the decisions of a person, a device or some hours: what the preview says is what happens, once."""

import datetime as dt
import os
import subprocess
import sys
import time
import uuid
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from collector.domain import photos, reverts, undoing
from collector.domain.reverts import Scope
from collector.enums import PhotoState
from collector.models import Device, Photo, Project, Revert, Review
from foundation import jobs
from foundation.models import Job, User
from foundation.problems import Problem
from tests.collector.conftest import Phone
from tests.collector.racing import at_once
from tests.collector.reviewing import accept, reject, relabel, shoot, states, taken

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
ACCEPTED, REJECTED, WAITING = PhotoState.ACCEPTED, PhotoState.REJECTED, PhotoState.AWAITING_REVIEW
CHILD = """
import sys
import django
django.setup()
from collector.domain import reverts
reverts.PART = 1
reverts.work_off(int(sys.argv[1]))
"""


def revert_all(project: Project, scope: Scope, by: User) -> Revert:
    """Look, confirm, and let the worker do it: what was seen is what is done."""
    seen = reverts.preview(project, scope, by=by)
    revert = reverts.start(project, scope, seen.newest_review, by=by)
    assert reverts.work_off(revert.pk)
    revert.refresh_from_db()
    assert revert.finished_at is not None
    assert (revert.found, revert.reverted) == (seen.found, seen.found)
    return revert


# --- whose ---------------------------------------------------------------------------------------------------------
def test_revert_of_a_reviewer_takes_back_all_of_theirs_and_nobody_elses(
    alice: Phone, rosa: User, vera: User, lena: User, notes: Project
) -> None:
    mine, bad, theirs = shoot(alice), shoot(alice), shoot(alice)
    taken(relabel(mine), reject(bad), by=rosa)
    taken(accept(theirs), by=vera)
    assert revert_all(notes, Scope(reviewer=rosa.pk), lena).reverted == 2
    assert states(mine, bad, theirs) == [WAITING, WAITING, ACCEPTED]
    assert Photo.objects.get(pk=mine.pk).label == mine.claimed_label
    assert set(Review.objects.filter(action="undo").values_list("reviewer", flat=True)) == {lena.pk}


def test_revert_of_a_volunteer_or_a_device(alice: Phone, bob: Phone, rosa: User, lena: User, notes: Project) -> None:
    hers, other, his = shoot(alice), shoot(alice), shoot(bob)
    device = Device.objects.get(volunteer=alice.volunteer)
    Photo.objects.filter(pk=hers.pk).update(device=device)
    taken(accept(hers), accept(other), accept(his), by=rosa)
    revert_all(notes, Scope(device=device.pk), lena)
    assert states(hers, other, his) == [WAITING, ACCEPTED, ACCEPTED]
    revert_all(notes, Scope(volunteer=alice.volunteer.pk), lena)
    assert states(hers, other, his) == [WAITING, WAITING, ACCEPTED]


@pytest.mark.django_db(transaction=True)
def test_revert_of_hours_ends_before_the_last_moment(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    sent = [shoot(alice) for _ in range(3)]
    for photo in sent:
        taken(accept(photo), by=rosa)  # each in a transaction, so at a moment of its own
    moments = [review.created_at for review in Review.objects.order_by("pk")]
    revert_all(notes, Scope(since=moments[1], until=moments[2]), lena)
    assert states(*sent) == [ACCEPTED, WAITING, ACCEPTED]
    revert_all(notes, Scope(reviewer=rosa.pk, until=moments[1]), lena)
    assert states(*sent) == [WAITING, WAITING, ACCEPTED]


def test_scope_members_must_all_hold(alice: Phone, bob: Phone, rosa: User, lena: User, notes: Project) -> None:
    taken(accept(shoot(alice)), by=rosa)
    nobody = Scope(reviewer=rosa.pk, volunteer=bob.volunteer.pk)
    seen = reverts.preview(notes, nobody, by=lena)
    assert (seen.found, seen.newest_review, seen.sample) == (0, 0, [])


def test_reviewer_number_0_is_nobody_and_not_everybody(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=rosa)
    revert = reverts.start(notes, Scope(reviewer=0), 1 << 60, by=lena)
    reverts.work_off(revert.pk)
    assert states(photo) == [ACCEPTED]


def test_another_projects_decisions_stay(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    photo = shoot(alice)
    taken(accept(photo), by=rosa)
    root = User.objects.create_superuser("root@example.org")
    coins = Project.objects.create(slug="coins", name="Coins")
    assert revert_all(coins, Scope(reviewer=rosa.pk), root).reverted == 0
    assert states(photo) == [ACCEPTED]


# --- what stands ---------------------------------------------------------------------------------------------------
def test_decisions_taken_after_the_preview_stand(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    before, after = shoot(alice), shoot(alice)
    taken(accept(before), by=rosa)
    seen = reverts.preview(notes, Scope(reviewer=rosa.pk), by=lena)
    taken(accept(after), by=rosa)
    revert = reverts.start(notes, Scope(reviewer=rosa.pk), seen.newest_review, by=lena)
    assert reverts.work_off(revert.pk)
    revert.refresh_from_db()
    assert states(before, after) == [WAITING, ACCEPTED]
    assert (revert.found, revert.reverted) == (1, 1)


def test_erased_and_undone_photos_are_not_counted(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    erased, private, undone, kept = (shoot(alice) for _ in range(4))
    taken(accept(erased), reject(private, "privacy"), accept(kept), by=rosa)
    undoing.undo(notes, taken(accept(undone), by=rosa), by=rosa)
    photos.delete_photo(alice.volunteer, erased.pk)
    assert revert_all(notes, Scope(reviewer=rosa.pk), lena).reverted == 1
    assert states(erased, private, undone, kept) == [PhotoState.DELETED, PhotoState.DELETED, WAITING, WAITING]


def test_photo_decided_anew_by_others_since_stays(
    alice: Phone, rosa: User, vera: User, lena: User, notes: Project
) -> None:
    photo = shoot(alice)
    decision = taken(accept(photo), by=rosa)
    seen = reverts.preview(notes, Scope(reviewer=rosa.pk), by=lena)
    undoing.undo(notes, decision, by=rosa)
    taken(reject(photo), by=vera)
    revert = reverts.start(notes, Scope(reviewer=rosa.pk), seen.newest_review, by=lena)
    assert reverts.work_off(revert.pk)
    assert states(photo) == [REJECTED]


# --- who may, and what is refused ----------------------------------------------------------------------------------
def test_only_a_lead_may_look_or_start(rosa: User, charlie: User, notes: Project) -> None:
    scope = Scope(reviewer=rosa.pk)
    for by in (rosa, charlie):
        for act in (partial(reverts.preview, notes, scope), partial(reverts.start, notes, scope, 1)):
            with pytest.raises(Problem) as refused:
                act(by=by)
            assert refused.value.kind == "not-a-lead"
    assert not Revert.objects.exists()
    assert not Job.objects.filter(kind=reverts.REVERT).exists()


def test_scope_of_everything_is_refused(lena: User, notes: Project) -> None:
    with pytest.raises(Problem) as refused:
        reverts.start(notes, Scope(), 1, by=lena)
    assert refused.value.kind == "empty-scope"


@pytest.mark.parametrize("count", [1, 3])
def test_preview_asks_the_same_queries_however_many(
    alice: Phone, rosa: User, lena: User, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    sent = [shoot(alice) for _ in range(count)]
    taken(*[accept(photo) for photo in sent], by=rosa)
    notes = sent[0].project
    with django_assert_num_queries(3):
        seen = reverts.preview(notes, Scope(reviewer=rosa.pk), by=lena)
        assert len([(one.photo, one.reviewer, one.label) for one in seen.sample]) == seen.found == count


# --- worked off in parts -------------------------------------------------------------------------------------------
def test_scope_is_kept_as_it_was_said(lena: User, notes: Project) -> None:
    moment = dt.datetime(2026, 11, 21, 14, tzinfo=dt.UTC)
    scope = Scope(reviewer=1, volunteer=uuid.uuid4(), device=2, since=moment, until=moment + dt.timedelta(hours=1))
    revert = reverts.start(notes, scope, 1, by=lena)
    assert reverts._from_json(Revert.objects.get(pk=revert.pk).scope) == scope


def test_worker_that_comes_twice_does_it_once(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    taken(accept(shoot(alice)), by=rosa)
    revert = revert_all(notes, Scope(reviewer=rosa.pk), lena)
    assert not reverts.work_off(revert.pk)
    assert Review.objects.filter(action="undo").count() == 1


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_do_it_once(alice: Phone, rosa: User, lena: User, notes: Project) -> None:
    taken(*[accept(shoot(alice)) for _ in range(5)], by=rosa)
    revert = reverts.start(notes, Scope(reviewer=rosa.pk), 1 << 60, by=lena)
    assert sorted(at_once(*[lambda: reverts.work_off(revert.pk)] * 4)) == [False, False, False, True]
    assert Review.objects.filter(action="undo").count() == 5


@pytest.mark.django_db(transaction=True)
def test_worker_killed_between_two_parts_is_followed_by_one_that_goes_on(
    alice: Phone, rosa: User, lena: User, notes: Project
) -> None:
    sent = [shoot(alice) for _ in range(40)]
    taken(*[accept(photo) for photo in sent], by=rosa)
    revert = reverts.start(notes, Scope(reviewer=rosa.pk), 1 << 60, by=lena)
    database = settings.DATABASES["default"]
    url = f"postgresql://{database['USER']}@{str(database['HOST']).replace('/', '%2F')}/{database['NAME']}"
    worker = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(revert.pk)], cwd=ROOT, env={**os.environ, "DATABASE_URL": url}
    )
    end = time.monotonic() + 60
    while Revert.objects.get().reverted < 3 and time.monotonic() < end:
        time.sleep(0.005)
    worker.kill()
    worker.wait()
    half = Revert.objects.get()
    assert (3 <= half.reverted < len(sent), half.finished_at) == (True, None)
    assert states(*sent).count(WAITING) == half.reverted
    assert reverts.work_off(revert.pk)
    whole = Revert.objects.get()
    assert (whole.reverted, whole.finished_at is not None) == (len(sent), True)
    assert Review.objects.filter(action="undo").values("undoes").distinct().count() == len(sent)
    job = jobs.find(reverts.REVERT, str(revert.pk))
    assert job is not None
    assert (job.state, job.attempts) == ("done", 2)
