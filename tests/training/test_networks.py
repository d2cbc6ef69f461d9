"""Several networks: which names a project may give, and what the night's page says of them."""

from typing import Any

import pytest
from django.test import Client

from collector.domain import projects
from collector.models import Project
from foundation.problems import Problem
from tests import pages
from training.domain import networks
from training.enums import StageName
from training.ml import contract
from training.models import Run
from training.web.networks import say_cost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
NIGHT = "/runs/euro/2026-11-21/"


# --- names ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["vgg"], "There is no network vgg. Allowed: squeezenet1_0"),
        (["mobilenet_v2_0.5"], "Allowed: .*mobilenet_v2_0_5"),
        ([], "cannot be blank"),
        ("mnasnet0_5", "At least one network must be named"),
        (["mnasnet0_5", "mnasnet0_5"], "mnasnet0_5 is named twice"),
    ],
)
def test_project_with_networks_nobody_can_build_is_refused(names: object, said: str) -> None:
    with pytest.raises(Problem, match=said) as refused:
        projects.create_project("notes", name="Notes", architectures=names)
    assert refused.value.kind == "invalid-project"
    assert not Project.objects.exists()


def test_every_network_of_the_contract_may_be_named() -> None:
    assert networks.check(list(contract.ARCHES)) == []


def test_project_with_a_target_of_nothing_is_refused() -> None:
    with pytest.raises(Problem, match="cost target"):
        projects.create_project("notes", name="Notes", cost_target_m=0)


# --- the night's page ----------------------------------------------------------------------------------------------
@pytest.fixture
def run() -> Run:
    return pages.make_run(pages.make_project())


@pytest.fixture
def member(client: Client, run: Run) -> Client:
    client.force_login(pages.make_user("rosa@example.org", reviews=run.project))
    return client


def text_of(client: Client) -> str:
    return " ".join(client.get(NIGHT).content.decode().split())


def test_page_tells_every_candidate_s_figures_and_which_was_chosen(member: Client) -> None:
    choice = member.get(NIGHT).context["choice"]
    assert [(row["name"], row["accuracy"], row["millions"], row["is_chosen"]) for row in choice["rows"]] == [
        ("squeezenet1_1", "91.8%", "268", False),
        ("mobilenet_v3_small", "93.4%", "55", True),
        ("mnasnet1_0", "95.1%", "313", False),
    ]
    said = text_of(member)
    assert "the best of 3 networks by accuracy and cost" in said
    assert "mobilenet_v2_0_5 was left out: it has no start weights" in said
    assert "Accuracy against cost. squeezenet1_1: 91.8%, 268 million multiply-adds; mobilenet_v3_small" in said


def test_picture_of_the_choice_has_cheaper_on_the_left_and_better_on_top(member: Client) -> None:
    squeezenet, small, mnasnet = member.get(NIGHT).context["choice"]["picture"].dots
    assert small.x < squeezenet.x < mnasnet.x
    assert mnasnet.y < small.y < squeezenet.y
    assert [dot.is_chosen for dot in (squeezenet, small, mnasnet)] == [False, True, False]


@pytest.mark.parametrize("count", [0, 1])
def test_page_of_a_night_with_nothing_to_choose_from_draws_no_picture(member: Client, run: Run, count: int) -> None:
    result: dict[str, Any] = {**pages.CHOOSE, "candidates": pages.CHOOSE["candidates"][:count]}
    run.stages.filter(name=StageName.CHOOSE).update(result=result if count else {})
    choice = member.get(NIGHT).context["choice"]
    assert choice is None if not count else choice["picture"] is None


def test_page_names_the_network_that_was_chosen_not_the_first(member: Client, run: Run) -> None:
    run.stages.filter(name=StageName.CHOOSE).update(result={**pages.CHOOSE, "arch": "mnasnet1_0"})
    assert "on mnasnet1_0." in text_of(member)


def test_page_says_what_an_answer_costs_and_on_what_machine(member: Client) -> None:
    assert "One answer costs 55 million multiply-adds, 984.8\N{NO-BREAK SPACE}KB of 8-bit weights" in member.get(
        NIGHT
    ).content.decode().replace("&nbsp;", "\N{NO-BREAK SPACE}")
    assert "4.9 ms on one thread of the machine that trained it (a processor), which is no phone" in text_of(member)


def test_cost_that_nobody_measured_is_not_told() -> None:
    assert not say_cost(None)
