"""The pages of the nights: who sees them, what they say, and how many queries they ask."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from collector.models import Project
from foundation.models import User
from tests import pages
from training.domain import snapshots
from training.enums import RunState, StageName
from training.models import Run
from training.web import words

pytestmark = pytest.mark.django_db
LIST, NIGHT, PROGRESS = "/runs/euro/", "/runs/euro/2026-11-21/", "/runs/euro/2026-11-21/progress"


@pytest.fixture
def project() -> Project:
    return pages.make_project()


@pytest.fixture
def rosa(project: Project) -> User:
    return pages.make_user("rosa@example.org", reviews=project)


@pytest.fixture
def member(client: Client, rosa: User) -> Client:
    client.force_login(rosa)
    return client


# --- who sees them -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", [LIST, NIGHT])
def test_pages_for_anonymous_lead_to_the_login(client: Client, project: Project, address: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={address}")


def test_progress_for_anonymous_says_sign_in(client: Client, project: Project) -> None:
    answer = client.get(PROGRESS, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["title"]) == (401, "Sign in needed")


@pytest.mark.parametrize("address", [LIST, NIGHT, PROGRESS])
def test_pages_for_a_stranger_are_refused(client: Client, project: Project, address: str) -> None:
    pages.make_run(project)
    client.force_login(pages.make_user("otto@example.org", reviews=pages.make_project("signs", "Sign digits")))
    assert client.get(address).status_code == 403


@pytest.mark.parametrize("address", ["/runs/pounds/", "/runs/euro/2026-11-20/", "/runs/euro/2026-02-31/"])
def test_pages_of_what_is_not_there(member: Client, project: Project, address: str) -> None:
    assert member.get(address).status_code == 404


# --- the list ------------------------------------------------------------------------------------------------------
def test_list_without_nights_says_how_to_start_one(member: Client) -> None:
    assert "nightly --project euro" in member.get(LIST).content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_the_same_queries_however_long(
    member: Client, project: Project, count: int, django_assert_num_queries: Any
) -> None:
    for day in range(count):
        pages.make_run(project, pages.NIGHT - timedelta(days=day))
    with django_assert_num_queries(6):  # session, user, project, membership, runs, stages
        answer = member.get(LIST)
    assert len(answer.context["rows"]) == count


def test_list_draws_accuracy_from_two_nights_on(member: Client, project: Project) -> None:
    pages.make_run(project)
    assert member.get(LIST).context["charts"] == []
    pages.make_run(project, pages.NIGHT - timedelta(days=1), RunState.KEPT)
    chart = member.get(LIST).context["charts"][0]
    assert [mark.is_published for mark in chart.marks] == [False, True]
    assert chart.words == "Golden accuracy from 97.5% on 2026-11-20 to 97.5% on 2026-11-21"


def test_list_continues_with_older_nights(member: Client, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.web.runs.NIGHTS_A_PAGE", 2)
    for day in range(3):
        pages.make_run(project, pages.NIGHT - timedelta(days=day))
    assert '<a href="?before=2026-11-20">Older nights</a>' in member.get(LIST).content.decode()
    older = member.get(LIST, {"before": "2026-11-20"})
    assert [str(row["night"]) for row in older.context["rows"]] == ["2026-11-19"]


def test_list_before_something_that_is_no_date(member: Client) -> None:
    assert member.get(LIST, {"before": "yesterday"}).status_code == 400


# --- one night -----------------------------------------------------------------------------------------------------
def test_night_says_decision_figures_files_and_labels(member: Client, project: Project) -> None:
    run = pages.make_run(project)
    page = member.get(NIGHT).content.decode()
    shown = [
        f"Published release {run.release}",
        "2.1 points more than the model in production",
        "1,282",
        "97.5%",
        "Head on cached features",
        "mobilenet_v3_small",
        "LiteRT, 8-bit",
        "ai-edge-litert 2.3.0",
        "0.6%",
        "something else",
        "95.2%",
    ]
    assert [text for text in shown if text not in page] == []
    assert "run.js" not in page  # nothing left to watch


def test_night_judged_by_the_photographers_it_learned_from_says_so(member: Client, project: Project) -> None:
    run = pages.make_run(project)
    result = {**pages.SNAPSHOT, "optimistic": True, "note": snapshots.OPTIMISTIC}
    run.stages.filter(name=StageName.SNAPSHOT).update(result=result)
    assert b"The accuracy is optimistic: same photographer on both sides." in member.get(NIGHT).content


def test_night_says_how_often_a_shaking_hand_changes_the_answer(member: Client, project: Project) -> None:
    pages.make_run(project)
    said = "4.2% of photos change their answer within a second (4 views of each of 166 golden photos)."
    assert said in member.get(NIGHT).content.decode()


def test_night_with_a_model_in_production_shakes_both(member: Client, project: Project) -> None:
    run = pages.make_run(project)
    theirs = {"stability": {**pages.EVALUATE["stability"], "photos_flipped": 0.051}}
    run.stages.filter(name=StageName.EVALUATE).update(result={**pages.EVALUATE, "production": theirs})
    assert "golden photos); with the model in production before, 5.1%." in member.get(NIGHT).content.decode()


def test_night_from_before_hands_were_shaken_says_nothing_of_it(member: Client, project: Project) -> None:
    run = pages.make_run(project)
    older = {name: value for name, value in pages.EVALUATE.items() if name != "stability"}
    run.stages.filter(name=StageName.EVALUATE).update(result=older)
    assert "change their answer" not in member.get(NIGHT).content.decode()


def test_night_that_only_began_shows_what_there_is_and_watches(member: Client, project: Project) -> None:
    Run.objects.create(project=project, night=pages.NIGHT)
    page = member.get(NIGHT).content.decode()
    assert "Waiting for a training worker." in page
    assert f'data-progress-url="{PROGRESS}"' in page
    assert "run.js" in page


def test_night_that_failed_says_why(member: Client, project: Project) -> None:
    Run.objects.create(project=project, night=pages.NIGHT, state=RunState.FAILED, why="Two photos are too few.")
    page = member.get(NIGHT).content.decode()
    assert "Failed: Two photos are too few." in page
    assert "notice-bad" in page


@pytest.mark.parametrize("stages", [1, 3])
def test_night_asks_the_same_queries_however_far_it_is(
    member: Client, project: Project, stages: int, django_assert_num_queries: Any
) -> None:
    run = Run.objects.create(project=project, night=pages.NIGHT, state=RunState.RUNNING)
    for name in StageName.values[:stages]:
        pages.add_stage(run, name)
    with django_assert_num_queries(6):  # session, user, project, membership, run, stages
        member.get(PROGRESS)
    # besides, the nights before, their stages, the stage that judged, and suspicions
    with django_assert_num_queries(10):
        member.get(NIGHT)


def test_progress_tells_stage_step_and_time(member: Client, project: Project) -> None:
    now = {"stage": "fit", "step": 3, "total": 40, "eta_s": 61.5, "message": "epoch 3", "at": "2026-11-21T01:02:03Z"}
    run = Run.objects.create(project=project, night=pages.NIGHT, state=RunState.RUNNING, progress=now)
    pages.add_stage(run, StageName.SNAPSHOT)
    progress = member.get(PROGRESS).json()
    assert progress["now"] == now
    states = {stage["name"]: stage["state"] for stage in progress["stages"]}
    assert (states["snapshot"], states["embed"], states["fit"]) == ("done", "waiting", "running")
    assert (progress["state_words"], progress["is_finished"]) == ("running", False)


# --- words ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("share", "said"),
    [(None, "\N{EN DASH}"), (0.0, "0.0%"), (0.9637, "96.4%"), (0.99999, "99.9%"), (1.0, "100.0%")],
)
def test_percent_never_rounds_up_to_perfect(share: float | None, said: str) -> None:
    assert words.percent(share) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "\N{EN DASH}"), (0.04, "0.0 s"), (59.4, "59.4 s"), (75.2, "1 min 15 s"), (3660, "1 h 1 min")],
)
def test_duration_in_words(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said
