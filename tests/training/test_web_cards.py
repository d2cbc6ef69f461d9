"""The files of a night drawn size against accuracy, and its model card: to read, as Markdown, as JSON."""

import itertools
import json
from typing import Any

import pytest
from django.test import Client

from collector.domain import projects, results
from collector.models import Project
from tests import pages
from training.enums import RunState, StageName
from training.models import Run

pytestmark = pytest.mark.django_db
PAGE = "/runs/euro/2026-11-21/"
CARD = f"{PAGE}card/"
GATE = {"shipped": ["litert int8"], "withheld": {"coreml int8": "changes 3.0% of the fp32 answers, more than 1%"}}


@pytest.fixture
def project() -> Project:
    return pages.make_project()


@pytest.fixture
def run(project: Project) -> Run:
    made = pages.make_run(project)
    made.stages.filter(name=StageName.GATE).update(result=GATE)
    return made


@pytest.fixture
def member(client: Client, project: Project) -> Client:
    client.force_login(pages.make_user("rosa@example.org", reviews=project))
    return client


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def record_results(project: Project, conditions: int) -> None:
    labels = list(project.labels.all())
    rows = [
        results.Measured(label.pk, condition.pk, 8, 10, 0.49, 0.94)
        for label in labels
        for condition in project.conditions.all()[:conditions]
    ]
    results.record(project, pages.NIGHT, rows)


# --- size against accuracy -----------------------------------------------------------------------------------------
def test_files_come_the_smallest_first_with_interval_and_what_became_of_them(member: Client, run: Run) -> None:
    files = member.get(PAGE).context["files"]
    assert [(file["number"], file["name"], file["state"]) for file in files] == [
        (1, "LiteRT, 8-bit", "shipped"), (2, "Core ML, 8-bit", "withheld"), (3, "Core ML, 16-bit", "shipped"),
        (4, "LiteRT, 32-bit", "shipped"), (5, "ONNX, 32-bit", "shipped"),
    ]  # fmt: skip
    assert (files[0]["accuracy"], files[0]["interval"]) == ("96.9%", "93.2% to 98.7%")
    assert "changes 3.0% of the fp32 answers" in text_of(member, PAGE)


def test_withheld_file_is_no_link(member: Client, run: Run) -> None:
    page = text_of(member, PAGE)
    withheld, shipped = (member.get(PAGE).context["files"][at]["path"] for at in (1, 0))
    assert f'href="{shipped}"' in page
    assert withheld not in page


def test_files_of_a_night_that_kept_the_old_model_are_not_released(member: Client, project: Project) -> None:
    pages.make_run(project, state=RunState.KEPT)
    assert {file["state"] for file in member.get(PAGE).context["files"]} == {"not released"}


def test_plot_draws_larger_files_further_right_and_better_ones_higher(member: Client, run: Run) -> None:
    wide, narrow = member.get(PAGE).context["plots"]
    for plot in (wide, narrow):
        places = [mark.x for mark in plot.marks]
        assert places == sorted(places)
        assert all(b - a >= 19.9 for a, b in itertools.pairwise(places))
        assert all(mark.top <= mark.y <= mark.bottom for mark in plot.marks)
        assert plot.marks[2].y < plot.marks[0].y
        assert plot.left < places[0] < places[-1] <= plot.right + 9
    assert wide.marks[1].words == "Core ML, 8-bit, 1.6\xa0MB, 96.9% (93.2% to 98.7%), withheld"


def test_night_without_files_draws_none(member: Client, project: Project) -> None:
    Run.objects.create(project=project, night=pages.NIGHT, state=RunState.RUNNING)
    page = member.get(PAGE).context
    assert (page["files"], page["plots"]) == ([], [])


# --- the model card ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("conditions", [0, 5])
def test_card_asks_the_same_queries_however_much_there_is(
    member: Client, project: Project, run: Run, conditions: int, django_assert_num_queries: Any
) -> None:
    record_results(project, conditions)
    with django_assert_num_queries(7):  # session, user, project, membership, run, stages, results
        member.get(CARD)


def test_card_says_what_it_is_for_and_what_it_must_not_be_used_for(member: Client, run: Run) -> None:
    page = text_of(member, CARD)
    assert "it says which of 4 labels a photo shows (5 euros, 10 euros, 20 euros, something else)" in page
    assert "Photos of anything else" in page
    assert "None is stored for this project" in page


def test_card_tells_results_by_label_and_condition_with_intervals(member: Client, project: Project, run: Run) -> None:
    record_results(project, 2)
    page = member.get(CARD).context
    assert page["overall"] == {"share": "97.6%", "interval": "94.0% to 99.1%"}
    assert (page["labels"][2]["share"], page["labels"][2]["interval"]) == ("95.2%", "84.2% to 98.7%")
    assert [(row["slug"], row["correct"], row["photos"], row["share"]) for row in page["conditions"]] == [
        ("bright", 32, 40, "80.0%"),
        ("dim", 32, 40, "80.0%"),
    ]


def test_card_without_confirmed_conditions_says_so(member: Client, run: Run) -> None:
    assert "No golden photo has a confirmed condition" in text_of(member, CARD)


def test_card_names_the_licence_of_the_project(member: Client, project: Project, run: Run) -> None:
    projects.change_settings(project, licence="CC-BY-4.0")
    assert "CC-BY-4.0" in text_of(member, CARD)


def test_card_says_that_photos_were_erased_since(member: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(photos_erased=1)
    assert "Of those it learned from, 1 was erased since" in text_of(member, CARD)


def test_card_tells_from_when_to_answer_and_how_far_to_believe(member: Client, project: Project) -> None:
    pages.make_run(project)
    page = text_of(member, CARD)
    assert (
        "Where it is less than 81.1% sure, an app should answer none of these: so it does for 84.4% of photos that "
        "show no label, and for 5.6% of those that it names rightly." in page
    )
    assert "Its probabilities are off by 3.1% in the mean." in page


def test_card_of_a_night_that_learned_no_threshold_says_why(member: Client, project: Project, run: Run) -> None:
    nothing = {**pages.EVALUATE["rejection"], "thresholds": [], "why": "Too few rejected photos."}
    run.stages.filter(name=StageName.EVALUATE).update(result={**pages.EVALUATE, "rejection": nothing})
    page = text_of(member, CARD)
    assert "When to answer none of these is not known: Too few rejected photos." in page
    assert "Its probabilities" not in page  # the gate of this night did not look at them


def test_card_as_markdown_is_a_file_with_tables(member: Client, project: Project, run: Run) -> None:
    record_results(project, 1)
    answer = member.get(f"{PAGE}card.md")
    assert answer["Content-Type"] == "text/markdown"
    assert answer["Content-Disposition"] == 'attachment; filename="euro-2026-11-21-model-card.md"'
    lines = answer.content.decode().splitlines()
    assert lines[0] == "# Model card: Euro notes, release 2026-11-21.1"
    assert "| 20 euros | 95.2% | 84.2% to 98.7% | 42 | 282 |" in lines
    assert "| bright light | 80.0% | 65.2% to 89.5% | 40 |" in lines
    table = lines.index("| label | right on | 95% interval | golden photos | learned from |")
    assert [line.count("|") for line in lines[table : table + 6]] == [6] * 6


def test_card_as_json_holds_plain_figures(member: Client, run: Run) -> None:
    answer = member.get(f"{PAGE}card.json")
    card = json.loads(answer.content)
    assert set(card) == {
        "project", "night", "release", "labels", "conditions", "data", "training", "input", "results", "files", "gate",
        "licence",
    }  # fmt: skip
    assert (card["results"]["correct"], card["results"]["photos"]) == (164, 168)
    assert card["files"][1]["reason"].startswith("changes 3.0%")


def test_card_names_no_volunteer(member: Client, project: Project, run: Run) -> None:
    pages.make_volunteer("Zebedee")
    for path in (CARD, f"{PAGE}card.md", f"{PAGE}card.json"):
        assert "Zebedee" not in text_of(member, path)


def test_night_that_judged_nothing_has_no_card(member: Client, project: Project) -> None:
    Run.objects.create(project=project, night=pages.NIGHT, state=RunState.FAILED)
    answer = member.get(CARD)
    assert (answer.status_code, b"has no model card" in answer.content) == (404, True)
    assert "Model card" not in text_of(member, PAGE)


@pytest.mark.parametrize("path", [CARD, f"{PAGE}card.md", f"{PAGE}card.json"])
def test_card_is_for_members_alone(client: Client, run: Run, path: str) -> None:
    assert client.get(path).status_code == 302
    client.force_login(pages.make_user("eve@example.org"))
    assert client.get(path).status_code == 403


def test_page_of_the_night_leads_to_its_card(member: Client, run: Run) -> None:
    assert f'href="{CARD}"' in text_of(member, PAGE)
