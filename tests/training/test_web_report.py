"""A night's page as a report: how it did on the golden photos, its mistakes, and the nights before it."""

from collections import Counter
from datetime import timedelta
from typing import Any, BinaryIO

import pytest
from django.test import Client

from collector.domain import photos, projects
from collector.enums import DeletionCause, PhotoState
from collector.models import Photo, Project, Volunteer
from foundation import blobs
from tests import pages
from tests.training import photos_kit as kit
from training.domain import answers
from training.domain.splits import pseudonym
from training.domain.stages import blob_key
from training.enums import RunState, StageName
from training.models import Run
from training.web import charts

pytestmark = pytest.mark.django_db
NIGHT = "/runs/euro/2026-11-21/"


@pytest.fixture
def project() -> Project:
    return pages.make_project()


@pytest.fixture
def anna() -> Volunteer:
    return kit.make_volunteers(1)[0]


@pytest.fixture
def member(client: Client, project: Project) -> Client:
    client.force_login(pages.make_user("rosa@example.org", reviews=project))
    return client


def accept(project: Project, by: Volunteer, label: str = "20", count: int = 1) -> list[Photo]:
    return kit.accept(project, by, label, count)


def text_of(client: Client, path: str = NIGHT) -> str:
    """The page with every gap as one space."""
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def shown_mistakes(client: Client) -> list[tuple[str, str]]:
    """(thumbnail, details) of each, as the page has them."""
    return [(one["thumbnail"], one["details"]) for one in client.get(NIGHT).context["mistakes"]]


def addresses_of(photo: Photo) -> tuple[str, str]:
    return f"/photos/{photo.pk}/thumbnail", f"/review/euro/photos/{photo.pk}/"


# --- probabilities -------------------------------------------------------------------------------------------------
def test_report_says_and_draws_how_far_probabilities_can_be_believed(member: Client, project: Project) -> None:
    pages.make_run(project)
    page = text_of(member)
    assert "This night&#x27;s candidate: its probabilities are off by 3.1 points in the mean" in page
    assert "The model in use: its probabilities are off by 4.2 points" in page
    assert "The candidate is not more over-confident than the model in use, but less by 0.7 points." in page
    assert page.count('<circle class="reliability-ours"') == page.count('<circle class="reliability-theirs"') == 8
    assert "20 photos: 65.0% sure, 70.0% right (this night&#x27;s candidate)" in page


def test_report_of_a_first_release_draws_its_own_probabilities_alone(member: Client, project: Project) -> None:
    run = pages.make_run(project)
    alone = {name: pages.GATE["figures"]["calibration"][name] for name in ("photos", "candidate")}
    run.stages.filter(name=StageName.GATE).update(result={"figures": {"calibration": alone}})
    page = text_of(member)
    assert ('class="reliability-ours"' in page, 'class="reliability-theirs"' in page) == (True, False)


def test_report_without_probabilities_has_no_picture_of_them(member: Client, project: Project) -> None:
    pages.make_run(project).stages.filter(name=StageName.GATE).update(result={"figures": {}})
    assert "reliability" not in text_of(member).replace("reliability.css", "")


# --- queries -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 3])
def test_report_asks_the_same_queries_however_much_there_is(
    member: Client, project: Project, count: int, django_assert_num_queries: Any
) -> None:
    run = pages.make_run(project)
    for day in range(1, count + 1):
        pages.make_run(project, pages.NIGHT - timedelta(days=day))
    people = kit.make_volunteers(count)
    pages.add_answers(run, [(accept(project, who)[0], "10", 0.7) for who in people])
    # session, user, project, membership, run, stages, nights, their stages, answers' file, volunteers, guests, photos,
    # suspicions
    with django_assert_num_queries(13):
        answer = member.get(NIGHT)
    assert len(answer.context["mistakes"]) == count
    assert len(answer.context["earlier_rows"]) == count + 1


def test_report_reads_one_file_however_many_nights(
    member: Client, project: Project, anna: Volunteer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    for day in range(3):
        run = pages.make_run(project, pages.NIGHT - timedelta(days=day))
        pages.add_answers(run, [(accept(project, anna)[0], "10", 0.7)])
    really_open = blobs.open

    def note(key: str) -> BinaryIO:
        opened.append(key)
        return really_open(key)

    monkeypatch.setattr(blobs, "open", note)
    member.get(NIGHT)
    assert len(opened) == 1


# --- label by label ------------------------------------------------------------------------------------------------
def test_labels_come_worst_first_with_intervals_beside_production(member: Client, project: Project) -> None:
    pages.make_run(project)
    answer = member.get(NIGHT)
    rows = answer.context["labels"]
    assert [row["slug"] for row in rows] == ["20", "other", "10", "5"]
    assert (rows[0]["candidate"]["words"], rows[0]["candidate"]["interval"]) == ("95.2%", "84.2% to 98.7%")
    assert (rows[0]["production"]["words"], rows[0]["production"]["interval"]) == ("90.5%", "77.9% to 96.2%")
    assert "By the model in use" in answer.content.decode()


def test_label_that_production_does_not_know_says_so(member: Client, project: Project) -> None:
    pages.make_run(project)
    page = text_of(member)
    assert page.count("not known to it") == 1


def test_first_night_has_no_column_of_production(member: Client, project: Project) -> None:
    run = pages.make_run(project)
    run.stages.filter(name=StageName.EVALUATE).update(result={**pages.EVALUATE, "production": None})
    assert "By the model in use" not in text_of(member)


# --- what was taken for what ---------------------------------------------------------------------------------------
def test_confusions_as_a_table_and_a_sentence(member: Client, project: Project, anna: Volunteer) -> None:
    run = pages.make_run(project)
    wrong = [(photo, "10", 0.7) for photo in accept(project, anna, "20", 3)]
    pages.add_answers(run, [*wrong, (accept(project, anna, "5")[0], "20", 0.6)], right=40)
    found = member.get(NIGHT).context["confusions"]
    assert found["said"] == (
        "4 of 44 golden photos were named wrongly. Most often: 20 euros taken for 10 euros (3), "
        "5 euros taken for 20 euros (1)."
    )
    assert found["columns"] == ["5 euros", "10 euros", "20 euros", "something else"]
    assert [[cell["count"] for cell in row["cells"]] for row in found["rows"]] == [
        [10, 0, 1, 0], [0, 10, 0, 0], [0, 3, 10, 0], [0, 0, 0, 10],
    ]  # fmt: skip


def test_confusions_of_a_night_without_mistakes(member: Client, project: Project) -> None:
    pages.add_answers(pages.make_run(project), [], right=40)
    page = text_of(member)
    assert "All 40 golden photos were named rightly." in page
    assert "The surest mistakes" not in page


def test_few_labels_are_all_shown() -> None:
    assert answers.labels_to_show(Counter({("a", "a"): 5}), ["b", "a"]) == ["b", "a"]


def test_many_labels_are_shown_where_they_were_confused() -> None:
    slugs = [f"l{at:02}" for at in range(20)]
    counts = Counter({(slug, slug): 9 for slug in slugs}) + Counter({("l03", "l17"): 2})
    assert answers.labels_to_show(counts, slugs) == ["l03", "l17"]


def test_more_confused_labels_than_fit_are_those_with_the_most_mistakes() -> None:
    slugs = [f"l{at:02}" for at in range(30)]
    counts = Counter({(slugs[at], "l00"): at for at in range(1, 30)})
    assert answers.labels_to_show(counts, slugs) == ["l00", *slugs[-11:]]


# --- the surest mistakes -------------------------------------------------------------------------------------------
def test_mistakes_are_the_surest_first_and_lead_to_review(member: Client, project: Project, anna: Volunteer) -> None:
    less, more = accept(project, anna, "20", 2)
    pages.add_answers(pages.make_run(project), [(less, "10", 0.55), (more, "5", 0.991)])
    assert shown_mistakes(member) == [addresses_of(more), addresses_of(less)]
    page = text_of(member)
    assert "<strong>20 euros</strong> <span>taken for 5 euros</span>" in page
    assert "99.1% sure" in page


def test_mistakes_are_at_most_twelve(member: Client, project: Project, anna: Volunteer) -> None:
    wrong = [(photo, "10", 0.5 + at / 100) for at, photo in enumerate(accept(project, anna, "20", 14))]
    pages.add_answers(pages.make_run(project), wrong)
    assert shown_mistakes(member) == [addresses_of(photo) for photo, _, _ in wrong[:1:-1]]


@pytest.mark.parametrize("state", [PhotoState.DELETED, PhotoState.REJECTED, PhotoState.AWAITING_REVIEW])
def test_mistakes_leave_out_photos_that_are_no_longer_accepted(
    member: Client, project: Project, anna: Volunteer, state: PhotoState
) -> None:
    gone, stays = accept(project, anna, "20", 2)
    pages.add_answers(pages.make_run(project), [(gone, "10", 0.9), (stays, "10", 0.8)])
    if state == PhotoState.DELETED:
        photos.mark_erased([gone.pk], DeletionCause.OWNER)
    else:
        Photo.objects.filter(pk=gone.pk).update(state=state)
    assert shown_mistakes(member) == [addresses_of(stays)]
    assert str(gone.pk) not in text_of(member)


def test_mistakes_that_are_all_gone_say_so(member: Client, project: Project, anna: Volunteer) -> None:
    gone = accept(project, anna)[0]
    pages.add_answers(pages.make_run(project), [(gone, "10", 0.9)])
    photos.mark_erased([gone.pk], DeletionCause.OWNER)
    assert "None of the photos that were named wrongly is accepted any more" in text_of(member)


def test_mistake_that_was_relabelled_says_so(member: Client, project: Project, anna: Volunteer) -> None:
    photo = accept(project, anna)[0]
    pages.add_answers(pages.make_run(project), [(photo, "10", 0.9)])
    Photo.objects.filter(pk=photo.pk).update(label=projects.get_label(project, "10"))
    assert "90.0% sure; relabelled since: 10 euros" in text_of(member)


def test_mistake_of_a_guest_who_turned_out_to_be_somebody(member: Client, project: Project, anna: Volunteer) -> None:
    photo = accept(project, anna)[0]
    pages.add_answers(pages.make_run(project), [(photo, "10", 0.9)])
    into = kit.make_volunteers(1)[0]
    Volunteer.objects.filter(pk=anna.pk).update(merged_into=into)
    Photo.objects.filter(pk=photo.pk).update(volunteer=into)
    assert shown_mistakes(member) == [addresses_of(photo)]


def test_mistake_of_a_night_that_was_split_by_burst(member: Client, project: Project, anna: Volunteer) -> None:
    run = pages.make_run(project)
    photo = accept(project, anna)[0]
    stage = pages.add_answers(run, [(photo, "10", 0.9)])
    body = blobs.read(blob_key(stage.files["predictions.jsonl"]))
    name = pseudonym(project.split_secret, "volunteer", anna.pk)
    blobs.write(blob_key(stage.files["predictions.jsonl"]), body.replace(name.encode(), b"f" * 32))
    run.stages.filter(name=StageName.SNAPSHOT).update(result={**pages.SNAPSHOT, "optimistic": True})
    assert shown_mistakes(member) == [addresses_of(photo)]


def test_mistakes_never_show_photos_of_another_project(member: Client, project: Project, anna: Volunteer) -> None:
    signs = pages.make_project("signs", "Sign digits")
    pages.add_answers(pages.make_run(project), [(accept(signs, anna)[0], "10", 0.9)])
    assert shown_mistakes(member) == []


# --- what is missing -----------------------------------------------------------------------------------------------
def test_night_whose_answers_are_missing_says_so(member: Client, project: Project, anna: Volunteer) -> None:
    stage = pages.add_answers(pages.make_run(project), [(accept(project, anna)[0], "10", 0.9)])
    blobs.delete(blob_key(stage.files["predictions.jsonl"]))
    page = text_of(member)
    assert "The file with this night&#x27;s single answers is missing from the storage" in page
    assert "95.2%" in page  # what the row knows is told all the same


def test_night_that_kept_no_answers_says_so(member: Client, project: Project) -> None:
    pages.make_run(project)
    assert "This night kept no predictions.jsonl" in text_of(member)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (RunState.RUNNING, "Nothing has been judged on the golden photos yet."),
        (RunState.FAILED, "This night ended before it judged anything on the golden photos."),
    ],
)
@pytest.mark.parametrize("stages", [[], [StageName.SNAPSHOT]])
def test_night_that_judged_nothing_says_so(
    member: Client, project: Project, state: RunState, said: str, stages: list[StageName]
) -> None:
    run = Run.objects.create(project=project, night=pages.NIGHT, state=state)
    for name in stages:
        pages.add_stage(run, name)
    page = text_of(member)
    assert said in page
    assert ("This night has frozen no photos" in page) is (not stages)
    assert "Named rightly" not in page


# --- beside earlier nights -----------------------------------------------------------------------------------------
def test_first_night_has_nothing_to_be_compared_with(member: Client, project: Project) -> None:
    pages.make_run(project)
    page = text_of(member)
    assert "There is no earlier night of Euro notes" in page
    assert "New since" not in page


def test_nights_are_drawn_and_listed_with_their_releases(member: Client, project: Project) -> None:
    pages.make_run(project)
    pages.make_run(project, pages.NIGHT - timedelta(days=1), RunState.KEPT)
    answer = member.get(NIGHT)
    accuracy, size = answer.context["earlier_charts"]
    assert [mark.is_published for mark in accuracy["sizes"][0].marks] == [False, True]
    assert size["title"] == "Size of the file “LiteRT, 8-bit”"
    assert size["sizes"][0].words == "Size of LiteRT, 8-bit from 1.6\xa0MB on 2026-11-20 to 1.6\xa0MB on 2026-11-21"
    assert [row["release"] for row in answer.context["earlier_rows"]] == ["2026-11-21.1", ""]
    assert "release 2026-11-21.1" in text_of(member)


def test_nights_after_this_one_are_not_among_the_earlier(member: Client, project: Project) -> None:
    pages.make_run(project)
    pages.make_run(project, pages.NIGHT + timedelta(days=1))
    assert member.get(NIGHT).context["earlier_rows"] == []


def test_nights_beside_are_thirty(member: Client, project: Project) -> None:
    for day in range(32):
        run = Run.objects.create(project=project, night=pages.NIGHT - timedelta(days=day), state=RunState.KEPT)
        pages.add_stage(run, StageName.EVALUATE)
    rows = member.get(NIGHT).context["earlier_rows"]
    assert (len(rows), rows[-1]["night"]) == (30, pages.NIGHT - timedelta(days=29))


@pytest.mark.parametrize(
    ("largest", "top"), [(1, 1), (900, 1024), (1024, 1024), (1_655_000, 2 << 20), (3_300_000, 5 << 20)]
)
def test_axis_of_bytes_ends_at_a_round_number(largest: int, top: int) -> None:
    assert charts.ceiling_of(largest) == top


# --- what was new --------------------------------------------------------------------------------------------------
def freeze(project: Project, day: int, **fields: Any) -> Run:
    """A night that many days before, with such a snapshot."""
    run = Run.objects.create(project=project, night=pages.NIGHT - timedelta(days=day), state=RunState.KEPT)
    stage = pages.add_stage(run, StageName.SNAPSHOT)
    stage.result = {**pages.SNAPSHOT, **fields}
    stage.save(update_fields=["result"])
    return run


def labels(**photos_by_slug: int) -> list[dict[str, Any]]:
    return [
        {"slug": slug, "name": slug.title(), "photos": count, "train": count - 1, "golden": 1}
        for slug, count in photos_by_slug.items()
    ]


def test_news_count_from_the_last_night_that_froze_photos(member: Client, project: Project) -> None:
    freeze(project, 0, photos=130, volunteers=9, labels=labels(five=60, ten=40, fifty=30))
    Run.objects.create(project=project, night=pages.NIGHT - timedelta(days=1), state=RunState.FAILED)
    freeze(project, 2, photos=100, volunteers=8, labels=labels(five=48, ten=40, old=12))
    freeze(project, 3, photos=1, volunteers=1, labels=labels(five=1))
    page = text_of(member)
    assert 'New since <a href="/runs/euro/2026-11-19/">the night of 19 November 2026</a>' in page
    assert member.get(NIGHT).context["news"]["changes"] == [
        "30 more photos", "1 more volunteer", "new label: Fifty", "label no longer taught: Old",
    ]  # fmt: skip
    assert "Photos by label: Five, 12 more." in page


def test_news_of_a_night_with_fewer_photos(member: Client, project: Project) -> None:
    freeze(project, 0, photos=99, volunteers=8)
    freeze(project, 1, photos=100, volunteers=8)
    assert member.get(NIGHT).context["news"]["changes"] == ["1 fewer photo", "as many volunteers as before"]


# --- none of these -------------------------------------------------------------------------------------------------
def test_report_tells_what_answering_none_of_these_does_to_golden_photos(member: Client, project: Project) -> None:
    pages.make_run(project)
    page = text_of(member)
    assert '5 times as bad as none <span class="pill">of this project</span>' in page
    assert '81.1% sure</td> <td class="number">84.4%<span class="interval small muted">68.2% to 93.1% of 32' in page
    assert "Learned from 131 of them that reviewers rejected" in page


def test_report_says_how_many_rejected_photos_are_missing(member: Client, project: Project) -> None:
    run = pages.make_run(project)
    lacking = {**pages.EVALUATE["rejection"], "thresholds": [], "why": "12 photos are few; needed are 60"}
    run.stages.filter(name=StageName.EVALUATE).update(result={**pages.EVALUATE, "rejection": lacking})
    assert "It always answers: no threshold could be learned. 12 photos are few; needed are 60." in text_of(member)


def test_report_without_golden_photos_of_nothing_gives_no_share(member: Client, project: Project) -> None:
    run = pages.make_run(project)
    (row, *_) = pages.EVALUATE["rejection"]["thresholds"]
    alone = {**pages.EVALUATE["rejection"], "thresholds": [{**row, "negatives": {"photos": 0, "none": 0}}]}
    run.stages.filter(name=StageName.EVALUATE).update(result={**pages.EVALUATE, "rejection": alone})
    assert "none to measure on" in text_of(member)
