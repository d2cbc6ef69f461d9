"""The review page's addresses: what the page carries, what a decision answers, and that a repeat does no harm."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client

from collector.domain import queues
from collector.domain.filters import Filter
from collector.enums import PhotoState, RejectReason, ServedAs
from collector.models import Challenge, Hold, Opinion, Photo, Project, Review
from foundation.models import User
from tests.collector.conftest import Phone, check_problem
from tests.collector.reviewing import accept, reject, shoot, shoot_burst, states, taken

pytestmark = pytest.mark.django_db
PAGE = "/review/notes/"
QUEUE, DECISIONS, UNDO, RELEASE = (f"{PAGE}{name}" for name in ("queue", "decisions", "undo", "release"))
JSON = {"Accept": "application/json"}
OPINION = {"ten": 0.91, "five": 0.07}  # what the phone's model thought


@pytest.fixture
def reviewer(client: Client, rosa: User) -> Client:
    client.force_login(rosa)
    return client


def post(client: Client, address: str, body: Any) -> Any:
    sent = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(address, sent, content_type="application/json", headers=JSON)


def verdict(photo: Photo, action: str = "accept", **more: Any) -> dict[str, Any]:
    return {"photo": str(photo.pk), "action": action, **more}


def decide(client: Client, *verdicts: dict[str, Any], decision: str = "", **more: Any) -> list[dict[str, Any]]:
    body = {"decision": decision or str(uuid.uuid4()), "verdicts": verdicts, **more}
    answer = post(client, DECISIONS, body)
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def described(photo: Photo, **differing: Any) -> dict[str, Any]:
    address = f"/photos/{photo.pk}/"
    return {
        "id": str(photo.pk),
        "image": f"{address}normalised",
        "thumbnail": f"{address}thumbnail",
        "details": f"{PAGE}photos/{photo.pk}/",
        "label": {"slug": "five", "name": "5 euro"},
        "nickname": "",
        "challenge": "",
        "conditions": [],
        "remarks": ["small"],
        "also": [],
        **differing,
    }


# --- the page ------------------------------------------------------------------------------------------------------
def test_page_carries_its_first_photos_and_all_choices(reviewer: Client, alice: Phone, dim: Challenge) -> None:
    photo = shoot(alice, challenge=dim)
    Photo.objects.update(remarks=["too_dark"])
    answer = reviewer.get(PAGE)
    page = answer.content.decode()
    assert f'src="/photos/{photo.pk}/normalised"' in page
    assert all(reason.label in page for reason in RejectReason)
    assert all(name in page for name in ("5 euro", "10 euro"))
    start = answer.context["start"]
    said = {"challenge": dim.text, "conditions": ["dim light"], "remarks": ["too dark"]}
    assert start["photos"] == [described(photo, **said)]
    assert (start["left"], start["after"], start["may_decide"], start["again"]) == (1, "", True, False)
    assert start["urls"] == {"queue": QUEUE, "decisions": DECISIONS, "undo": UNDO, "release": RELEASE}


def test_page_without_photos_says_so(reviewer: Client) -> None:
    page = reviewer.get(PAGE).content.decode()
    assert "Nothing is waiting for review" in page
    assert '<div class="review-body" id="work" hidden>' in page


@pytest.mark.parametrize("query", ["", "?view=grid", "?shown=rejected&label=five"])
def test_page_needs_no_inline_script_or_style(reviewer: Client, alice: Phone, query: str) -> None:
    shoot(alice)
    page = reviewer.get(PAGE + query).content.decode()
    assert "style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count('<script type="module" src=') + page.count('type="application/json"')


def test_page_knows_what_undo_can_reach(reviewer: Client, rosa: User, alice: Phone) -> None:
    decision = taken(reject(shoot(alice)), by=rosa)
    said = [{"decision": str(decision), "words": "Rejected: not visible."}]
    assert reviewer.get(PAGE).context["start"]["history"] == said


def test_page_of_decided_photos_lets_only_a_lead_decide(client: Client, rosa: User, lena: User) -> None:
    for user, may in ((rosa, False), (lena, True)):
        client.force_login(user)
        start = client.get(PAGE, {"shown": "accepted"}).context["start"]
        assert (start["may_decide"], start["again"]) == (may, True)


@pytest.mark.parametrize("count", [1, 3])
def test_page_and_queue_ask_the_same_queries_however_many_wait(
    reviewer: Client, alice: Phone, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        shoot(alice)
    # Session, user, project, role; photos, holds, stacks, how many are left; past decisions; four for the filters;
    # the labels to choose from.
    with django_assert_num_queries(14):
        assert len(reviewer.get(PAGE).context["start"]["photos"]) == count
    with django_assert_num_queries(8):
        assert len(reviewer.get(QUEUE).json()["photos"]) == count


# --- the queue -----------------------------------------------------------------------------------------------------
def test_queue_goes_on_where_the_page_ended(reviewer: Client, alice: Phone) -> None:
    first, second, third = (shoot(alice) for _ in range(3))
    batch = reviewer.get(QUEUE, {"order": "oldest", "limit": "2"}).json()
    assert [photo["id"] for photo in batch["photos"]] == [str(first.pk), str(second.pk)]
    rest = reviewer.get(QUEUE, {"order": "oldest", "after": batch["after"]}).json()
    assert rest == {"photos": [described(third)], "after": "", "left": 3, "most": queues.COUNTED}


def test_queue_names_the_members_of_a_stack(reviewer: Client, alice: Phone) -> None:
    top, member = shoot_burst(alice, 2)
    also = [{"id": str(member.pk), "thumbnail": f"/photos/{member.pk}/thumbnail"}]
    assert reviewer.get(QUEUE).json()["photos"] == [described(top, also=also)]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"limit": "0"}, "invalid-filter"),
        ({"limit": "201"}, "invalid-filter"),
        ({"limit": "all"}, "invalid-filter"),
        ({"colour": "red"}, "invalid-filter"),
        ({"label": "\x00"}, "invalid-filter"),
        ({"after": "last"}, "invalid-cursor"),
        ({"label": "fifty"}, "unknown-label"),
        ({"condition": "dry"}, "unknown-condition"),
    ],
)
def test_queue_that_cannot_be_is_refused_in_words(reviewer: Client, query: dict[str, str], kind: str) -> None:
    check_problem(reviewer.get(QUEUE, query, headers=JSON), 404 if kind.startswith("unknown") else 400, kind)


def test_release_lets_others_have_the_photos(reviewer: Client, alice: Phone, rosa: User, vera: User) -> None:
    photo = shoot(alice)
    reviewer.get(QUEUE)
    assert not queues.serve(photo.project, Filter(), by=vera).photos
    assert reviewer.post(RELEASE, {"photos": f"{photo.pk},{uuid.uuid4()},"}).status_code == 204
    assert queues.serve(photo.project, Filter(), by=vera).photos == [photo]
    check_problem(reviewer.post(RELEASE, {"photos": "all"}, headers=JSON), 400, "malformed-id")
    assert Hold.objects.get().reviewer == vera


# --- decisions -----------------------------------------------------------------------------------------------------
def test_decision_answers_each_verdict_in_order(reviewer: Client, alice: Phone, rosa: User, vera: User) -> None:
    good, late, named = shoot(alice), shoot(alice), shoot(alice)
    taken(reject(late), by=vera)
    results = decide(reviewer, verdict(late), verdict(named, "relabel", label="ten"), verdict(good))
    assert [result["photo"] for result in results] == [str(photo.pk) for photo in (late, named, good)]
    assert results[0]["problem"]["detail"] == "Vera has already rejected this photo (not visible)."
    assert [result.get("model", "refused") for result in results] == ["refused", None, None]
    assert states(good, late, named) == [PhotoState.ACCEPTED, PhotoState.REJECTED, PhotoState.ACCEPTED]


def test_decision_sent_twice_is_recorded_once(reviewer: Client, alice: Phone) -> None:
    photo, decision = shoot(alice), str(uuid.uuid4())
    answers = [decide(reviewer, verdict(photo, "reject", reason="unsafe"), decision=decision) for _ in range(2)]
    assert answers == [[{"photo": str(photo.pk), "model": None}]] * 2
    assert Review.objects.count() == 1


def test_decision_carries_condition_and_stack(reviewer: Client, alice: Phone, dim: Challenge) -> None:
    top, member = shoot_burst(alice, 2, challenge=dim)
    decide(reviewer, verdict(top, condition_holds=False, also=[str(member.pk)]))
    assert set(Photo.objects.values_list("state", "condition_holds")) == {("accepted", False)}


def test_undo_brings_the_photos_back_and_twice_is_fine(reviewer: Client, alice: Phone) -> None:
    photo, decision = shoot(alice), str(uuid.uuid4())
    decide(reviewer, verdict(photo), decision=decision)
    for _ in range(2):
        assert post(reviewer, UNDO, {"decision": decision}).json() == {"photos": [described(photo)]}
    check_problem(post(reviewer, UNDO, {"decision": str(uuid.uuid4())}), 404, "unknown-decision")


def test_deciding_anew_is_a_leads(client: Client, rosa: User, lena: User, alice: Phone) -> None:
    photo = shoot(alice)
    taken(reject(photo), by=rosa)
    client.force_login(rosa)
    body = {"decision": str(uuid.uuid4()), "verdicts": [verdict(photo)], "again": True}
    check_problem(post(client, DECISIONS, body), 403, "not-a-lead")
    client.force_login(lena)
    assert "problem" not in decide(client, verdict(photo), again=True)[0]
    assert states(photo) == [PhotoState.ACCEPTED]


NIL = str(uuid.UUID(int=0))
ONE = {"photo": NIL, "action": "accept"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"null",
        b"[" * 100_000,
        {},
        {"decision": NIL, "verdicts": []},
        {"decision": "first", "verdicts": [ONE]},
        {"decision": NIL, "verdicts": [{"photo": 5, "action": "accept"}]},
        {"decision": NIL, "verdicts": [{**ONE, "action": "burn"}]},
        {"decision": NIL, "verdicts": [{**ONE, "action": "undo"}]},
        {"decision": NIL, "verdicts": [{**ONE, "label": "x" * 61}]},
        {"decision": NIL, "verdicts": [{**ONE, "also": [NIL] * 501}]},
        {"decision": NIL, "verdicts": [ONE] * 501},
        {"decision": NIL, "verdicts": [ONE], "because" * 40: 1},
    ],
)
def test_decision_that_makes_no_sense_is_refused_in_words(reviewer: Client, body: Any) -> None:
    check_problem(post(reviewer, DECISIONS, body), 400, "malformed-decision")
    check_problem(post(reviewer, UNDO, body), 400, "malformed-decision")


# --- what the model thought ----------------------------------------------------------------------------------------
def test_model_is_heard_in_no_payload_before_the_vote_and_in_the_answer_to_it(
    reviewer: Client, alice: Phone, rosa: User, vera: User, notes: Project
) -> None:
    first, asked = shoot(alice), shoot(alice)
    Photo.objects.update(scores=OPINION, disagreement=0.93, release="2026-11-20.1")
    taken(accept(asked), by=vera)
    Opinion.objects.create(photo=asked, reviewer=rosa, served_as=ServedAs.SECOND)
    before = [PAGE, f"{PAGE}?view=grid", QUEUE, *(f"{PAGE}photos/{photo.pk}/" for photo in (first, asked))]
    for address in before:
        said = reviewer.get(address).content.decode()
        assert str(first.pk) in said or str(asked.pk) in said
        assert not any(telling in said for telling in ("0.91", "0.93", "0.07", "2026-11-20.1"))
    for photo in (first, asked):
        told = {"photo": str(photo.pk), "model": {"label": "ten", "share": 0.91}}
        assert decide(reviewer, verdict(photo)) == [told]
