"""The review page in a real browser: what the keys do is what the database says afterwards, row by row."""

import re
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from collector.domain import reviews
from collector.enums import LabelState, PhotoState, RejectReason, ReviewAction
from collector.models import Photo, Project, Review, Volunteer
from foundation.models import User
from tests import pages
from tests.e2e.conftest import SignIn, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGE = "/review/euro/?order=oldest"
DECISIONS = "**/decisions"


@pytest.fixture
def bob(project: Project) -> User:
    return pages.make_user("bob@example.org", reviews=project, display_name="Bob")


def wait_for_photo(page: Page, photo: Photo) -> None:
    """Until this very photo is painted."""
    page.wait_for_selector("html[data-ready=review]")
    page.wait_for_function(
        """id => { const img = document.querySelector(`#stage img[data-photo="${id}"]:not([hidden])`);
                   return img && img.complete && img.naturalWidth > 0 }""",
        arg=str(photo.pk),
    )


def press(page: Page, photo: Photo, *keys: str) -> None:
    """Press keys once the photo they are meant for can be seen."""
    wait_for_photo(page, photo)
    for key in keys:
        page.keyboard.press(key)


def rows(photo: Photo) -> list[tuple[str, str, str | None, str | None]]:
    """Each review of a photo, oldest first: action, reason, label, what it takes back."""
    found = Review.objects.filter(photo=photo).select_related("label", "undoes").order_by("pk")
    return [
        (each.action, each.reason, each.label.slug if each.label else None, each.undoes.action if each.undoes else None)
        for each in found
    ]


def state(photo: Photo) -> tuple[str, str | None]:
    photo = Photo.objects.select_related("label").get(pk=photo.pk)
    return photo.state, photo.label.slug if photo.label else None


# --- by keyboard alone ---------------------------------------------------------------------------------------------
def test_keyboard_alone_accepts_rejects_relabels_and_undoes(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    first, second, third, fourth, fifth = (pages.make_photo(project, anna) for _ in range(5))
    page = open_as(rosa, PAGE)
    press(page, first, "a")
    press(page, second, "r", "3")  # the third reason: unsafe
    press(page, third, "l", "2")  # the second label: 10 euros
    press(page, fourth, "a")
    press(page, fifth, "Control+z")  # the fourth comes back,
    press(page, fourth, "z")  # the third as well,
    press(page, third, "l", *"some", "Enter")  # and gets its label by name
    press(page, fourth, "r", "Escape", "r", "7")
    press(page, fifth, "a")
    expect(page.get_by_role("heading", name="Nothing is waiting for review")).to_be_focused()
    expect(page.locator(".progress-words")).to_have_text(re.compile(r"0 left\s*5 done this session"))
    wait_until_saved(page)

    assert rows(first) == [("accept", "", "5", None)]
    assert rows(second) == [("reject", "unsafe", "5", None)]
    standing = [row for row in rows(third) if row[0] != ReviewAction.UNDO][-1]
    assert standing == ("relabel", "", "other", None)
    assert [row for row in rows(fourth) if row[0] != ReviewAction.UNDO][-1] == (
        "reject",
        "technically_unusable",
        "5",
        None,
    )
    assert rows(fifth) == [("accept", "", "5", None)]
    assert [state(photo) for photo in (first, second, third, fourth, fifth)] == [
        (PhotoState.ACCEPTED, "5"),
        (PhotoState.REJECTED, "5"),
        (PhotoState.ACCEPTED, "other"),
        (PhotoState.REJECTED, "5"),
        (PhotoState.ACCEPTED, "5"),
    ]
    assert set(Review.objects.values_list("reviewer", flat=True)) == {rosa.pk}
    seen = dict(Photo.objects.values_list("pk", "normalised_sha256"))
    assert all(review.normalised_sha256 == seen[review.photo_id] for review in Review.objects.all())


def test_undo_after_saving_is_a_row_of_its_own(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    photo, other = pages.make_photo(project, anna), pages.make_photo(project, anna)
    page = open_as(rosa, PAGE)
    press(page, photo, "a")
    wait_until_saved(page)
    press(page, other, "z")
    wait_for_photo(page, photo)
    wait_until_saved(page)
    assert rows(photo) == [("accept", "", "5", None), ("undo", "", None, "accept")]
    assert state(photo) == (PhotoState.AWAITING_REVIEW, "5")


def test_undo_reaches_back_before_the_page_was_loaded(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    photo, waiting = pages.make_photo(project, anna), pages.make_photo(project, anna)
    reviews.accept_photo(photo.pk, by=rosa)
    page = open_as(rosa, PAGE)
    press(page, waiting, "z")
    wait_for_photo(page, photo)
    expect(page.locator("#status")).to_contain_text("Your decision is undone.")
    assert state(photo)[0] == PhotoState.AWAITING_REVIEW


def test_key_held_down_counts_once(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    first, second = pages.make_photo(project, anna), pages.make_photo(project, anna)
    page = open_as(rosa, PAGE)
    wait_for_photo(page, first)
    for _ in range(5):
        page.keyboard.down("a")  # without "up" between them, all but the first are repeats
    page.keyboard.up("a")
    wait_for_photo(page, second)
    wait_until_saved(page)
    assert Review.objects.count() == 1


def test_keys_are_text_while_someone_types(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    photo = pages.make_photo(project, anna)
    page = open_as(rosa, PAGE)
    press(page, photo, "l", "/", *"10")
    expect(page.locator("#label-filter")).to_have_value("10")
    expect(page.locator("#label-choices button:visible")).to_have_count(1)
    assert not Review.objects.exists()
    page.keyboard.press("Enter")
    wait_until_saved(page)
    assert state(photo) == (PhotoState.ACCEPTED, "10")


def test_single_keys_can_be_switched_off(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    photo = pages.make_photo(project, anna)
    page = open_as(rosa, PAGE)
    press(page, photo, "?")
    page.get_by_label("Single keys decide").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#status")).to_contain_text("nothing of yours left to undo")
    assert not Review.objects.exists()


def test_photo_that_cannot_be_seen_cannot_be_judged(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    pages.make_photo(project, anna)
    page = open_as(rosa, "/login/")
    page.route("**/photos/**", lambda route: route.fulfill(status=500))
    page.goto(PAGE)
    expect(page.get_by_text("This photo could not be loaded.")).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator("#status")).to_contain_text("cannot be judged")
    page.unroute("**/photos/**")
    page.get_by_role("button", name="Load it again").click()
    expect(page.locator("#stage-words")).to_be_hidden()
    assert not Review.objects.exists()


def test_photo_without_a_label_must_be_named(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    photo = pages.make_photo(project, anna, label=None)
    page = open_as(rosa, PAGE)
    wait_for_photo(page, photo)
    expect(page.get_by_role("button", name="Accept")).to_be_disabled()
    press(page, photo, "a", "l", "1")
    wait_until_saved(page)
    assert rows(photo) == [("relabel", "", "5", None)]


def test_skipped_photos_come_back_at_the_end(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    first, second = pages.make_photo(project, anna), pages.make_photo(project, anna)
    page = open_as(rosa, PAGE)
    press(page, first, "s")
    press(page, second, "a")
    page.get_by_role("button", name="Show the skipped photos").click()
    press(page, first, "a")
    wait_until_saved(page)
    assert Review.objects.count() == 2


def test_long_queue_is_fetched_ahead(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    photos = [pages.make_photo(project, anna) for _ in range(26)]  # more than one batch of 20
    page = open_as(rosa, PAGE)
    for photo in photos:
        press(page, photo, "a")
    wait_until_saved(page)
    assert list(Review.objects.order_by("pk").values_list("photo_id", flat=True)) == [photo.pk for photo in photos]


# --- other people, bad lines ---------------------------------------------------------------------------------------
def test_conflict_with_another_reviewer_is_told_in_words(
    project: Project, anna: Volunteer, rosa: User, bob: User, open_as: SignIn
) -> None:
    photo, following = pages.make_photo(project, anna), pages.make_photo(project, anna)
    page = open_as(rosa, PAGE)
    wait_for_photo(page, photo)
    reviews.reject_photo(photo.pk, by=bob, reason=RejectReason.NOT_VISIBLE)
    press(page, photo, "a")
    told = (
        "Not saved (claimed as 5 euros): Bob has already rejected this photo (not visible). Go on with the next photo."
    )
    expect(page.locator("#notices")).to_contain_text(told)
    expect(page.locator("#done")).to_have_text("0")
    press(page, following, "a")
    wait_until_saved(page)
    assert rows(photo) == [("reject", "not_visible", "5", None)]
    assert rows(following) == [("accept", "", "5", None)]


def test_decisions_without_a_server_are_kept_and_sent_again(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    first, second, third = (pages.make_photo(project, anna) for _ in range(3))
    page = open_as(rosa, PAGE)
    page.route(DECISIONS, lambda route: route.abort())
    press(page, first, "a")
    press(page, second, "r", "1")
    wait_for_photo(page, third)
    expect(page.locator("#notices")).to_contain_text("2 decisions are kept here")
    assert not Review.objects.exists()
    page.unroute(DECISIONS)
    page.get_by_role("button", name="Try now").click()
    wait_until_saved(page)
    expect(page.locator("#notices")).to_be_empty()
    assert [rows(first), rows(second)] == [[("accept", "", "5", None)], [("reject", "wrong_object", "5", None)]]


def test_decisions_not_sent_survive_a_reload(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    first, second = pages.make_photo(project, anna), pages.make_photo(project, anna)
    page = open_as(rosa, PAGE)
    page.route(DECISIONS, lambda route: route.abort())
    press(page, first, "a")
    expect(page.locator("#notices")).to_contain_text("1 decision is kept here")
    warned: list[Dialog] = []

    def leave(dialog: Dialog) -> None:
        warned.append(dialog)
        dialog.accept()

    page.on("dialog", leave)
    page.reload()
    assert [dialog.type for dialog in warned] == ["beforeunload"]
    wait_for_photo(page, second)  # the first is decided, though the server does not know it yet
    page.unroute(DECISIONS)
    page.get_by_role("button", name="Try now").click()
    wait_until_saved(page)
    assert rows(first) == [("accept", "", "5", None)]


def test_answer_lost_on_the_way_does_not_count_twice(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    photo, other = pages.make_photo(project, anna), pages.make_photo(project, anna)
    page = open_as(rosa, PAGE)
    lost: list[Any] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            return route.continue_()
        lost.append(route.fetch())  # the server takes the decision,
        return route.abort()  # and the browser never hears of it

    page.route(DECISIONS, lose_the_first)
    press(page, photo, "a")
    press(page, other, "z")  # undone before it is known whether the decision arrived
    wait_until_saved(page)
    assert rows(photo) == [("accept", "", "5", None), ("undo", "", None, "accept")]
    wait_for_photo(page, photo)
    expect(page.locator(".notice-warn")).to_have_count(0)


def test_undo_whose_answer_is_lost_is_sent_again_and_takes_back_one_decision(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    kept, undone, waiting = (pages.make_photo(project, anna) for _ in range(3))
    for photo in (kept, undone):
        reviews.accept_photo(photo.pk, by=rosa)
    page = open_as(rosa, PAGE)

    lost: list[Any] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            return route.continue_()
        lost.append(route.fetch())
        return route.abort()

    page.route("**/undo", lose_the_first)
    press(page, waiting, "z")
    wait_until_saved(page)
    wait_for_photo(page, undone)
    assert state(kept)[0] == PhotoState.ACCEPTED
    assert state(undone)[0] == PhotoState.AWAITING_REVIEW


def test_photo_whose_label_was_retired_meanwhile_comes_back_at_the_end(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    photo, following = pages.make_photo(project, anna, "20"), pages.make_photo(project, anna)
    page = open_as(rosa, PAGE)
    wait_for_photo(page, photo)
    project.labels.filter(slug="20").update(state=LabelState.RETIRED)
    press(page, photo, "a")
    expect(page.locator("#notices")).to_contain_text("The label '20 euros' is retired. Choose another label")
    press(page, following, "a")
    page.get_by_role("button", name="Show the skipped photos").click()
    press(page, photo, "l", "1")
    wait_until_saved(page)
    assert rows(photo) == [("relabel", "", "5", None)]


def test_session_that_ended_asks_to_sign_in_and_loses_nothing(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    photo = pages.make_photo(project, anna)
    page = open_as(rosa, PAGE)
    wait_for_photo(page, photo)
    page.context.clear_cookies(name="sessionid")
    press(page, photo, "a")
    expect(page.locator("#notices")).to_contain_text("You are signed out; 1 decision is kept here.")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in (new tab)").click()
    login = opened.value
    login.get_by_label("E-mail address").fill("rosa@example.org")
    login.get_by_text("I have a password").click()
    login.get_by_label("Password").fill("correct horse")
    login.get_by_role("button", name="Sign in").click()
    expect(login.get_by_role("heading", name="Projects")).to_be_visible()
    page.bring_to_front()  # coming back is enough
    wait_until_saved(page)
    assert rows(photo) == [("accept", "", "5", None)]


# --- by touch ------------------------------------------------------------------------------------------------------
def test_narrow_screen_by_touch(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    first, second, third = (pages.make_photo(project, anna) for _ in range(3))
    page = open_as(rosa, PAGE, width=360, height=640, touch=True)
    wait_for_photo(page, first)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.documentElement.scrollHeight") <= 640  # photo and buttons at once
    for name in ("Accept", "Reject", "Relabel", "Undo", "Skip"):
        box = page.get_by_role("button", name=re.compile(f"^{name}")).bounding_box()
        assert box is not None
        assert box["height"] >= 44
    page.get_by_role("button", name=re.compile("^Accept")).tap()
    wait_for_photo(page, second)
    page.get_by_role("button", name="Reject").tap()
    page.get_by_role("button", name="duplicate").tap()
    wait_for_photo(page, third)
    page.get_by_role("button", name="Relabel").tap()
    page.get_by_role("button", name="20 euros").tap()
    wait_until_saved(page)
    assert [state(photo) for photo in (first, second, third)] == [
        (PhotoState.ACCEPTED, "5"),
        (PhotoState.REJECTED, "5"),
        (PhotoState.ACCEPTED, "20"),
    ]
