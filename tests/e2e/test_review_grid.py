"""The grid in a real browser: a screen at once, but what was marked; leases and filters as two reviewers meet them."""

import pytest
from playwright.sync_api import Page, Route, expect

from collector.domain import projects
from collector.enums import PhotoState, Role
from collector.models import Photo, Project, Review, Volunteer
from foundation.models import User
from tests import pages
from tests.e2e.conftest import SignIn, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GRID = "/review/euro/?order=oldest&view=grid"


def wait_for_screen(page: Page, count: int) -> None:
    page.wait_for_selector("html[data-ready=review]")
    page.wait_for_function(
        """count => { const images = [...document.querySelectorAll("#grid .tile:not([hidden]) img")];
                      return images.length === count && images.every((img) => img.naturalWidth > 0) }""",
        arg=count,
    )


def states() -> list[tuple[str, str]]:
    """State and reason of every photo, oldest first."""
    reasons = dict(Review.objects.filter(action="reject", undone_by=None).values_list("photo_id", "reason"))
    found = Photo.objects.order_by("received_at", "pk").values_list("pk", "state")
    return [(state, reasons.get(pk, "")) for pk, state in found]


def test_grid_by_keyboard_alone_accepts_all_but_the_marked(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    for _ in range(5):
        pages.make_photo(project, anna)
    page = open_as(rosa, GRID)
    wait_for_screen(page, 5)
    for key in ("g", "g", "ArrowRight", "2", "ArrowRight", "ArrowRight", "x", "x", "ArrowRight", "x"):
        page.keyboard.press(key)  # there and back; mark the second; the fourth twice, so not; and the fifth
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Nothing is waiting for review")).to_be_visible()
    wait_until_saved(page)
    accepted, rejected = (PhotoState.ACCEPTED, ""), (PhotoState.REJECTED, "not_visible")
    assert states() == [accepted, rejected, accepted, accepted, rejected]
    assert Review.objects.values("decision").distinct().count() == 1


def test_grid_focus_stays_when_more_photos_come(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    for _ in range(63):  # more than the page brings along
        pages.make_photo(project, anna)
    page, asked = open_as(rosa, "/review/"), list[Route]()
    page.route("**/queue?*", lambda route: asked.append(route))  # noqa: PLW0108 -- Playwright takes no built-in
    page.goto(GRID)
    wait_for_screen(page, 60)
    page.keyboard.press("ArrowRight")
    focused = page.evaluate("document.activeElement.dataset.photo")
    asked[0].continue_()
    expect(page.locator("#grid .tile")).to_have_count(63)
    assert page.evaluate("document.activeElement.dataset.photo") == focused
    page.keyboard.press("2")
    expect(page.locator(f".tile[data-photo='{focused}'] .tile-mark")).to_have_text("not visible")


def test_grid_screen_is_undone_as_one_step(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    for _ in range(4):
        pages.make_photo(project, anna)
    page = open_as(rosa, GRID)
    wait_for_screen(page, 4)
    page.keyboard.press("a")
    wait_until_saved(page)
    page.keyboard.press("z")
    wait_for_screen(page, 4)
    wait_until_saved(page)
    assert {state for state, _ in states()} == {PhotoState.AWAITING_REVIEW}


def test_grid_undo_reaches_back_before_the_page_was_loaded(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    for _ in range(3):
        pages.make_photo(project, anna)
    page = open_as(rosa, GRID)
    wait_for_screen(page, 3)
    page.keyboard.press("a")
    wait_until_saved(page)
    page.reload()
    page.wait_for_selector("html[data-ready=review]")
    page.keyboard.press("z")
    wait_for_screen(page, 3)
    assert {state for state, _ in states()} == {PhotoState.AWAITING_REVIEW}


def test_grid_relabels_a_marked_photo_and_leaves_the_unnamed(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    first, unnamed = pages.make_photo(project, anna), pages.make_photo(project, anna, label=None)
    page = open_as(rosa, GRID)
    wait_for_screen(page, 2)
    page.locator(f'.tile[data-photo="{first.pk}"]').focus()
    page.keyboard.press("l")
    page.keyboard.press("2")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Only the 1 you skipped are left")).to_be_visible()
    wait_until_saved(page)
    first.refresh_from_db()
    assert (first.state, first.label and first.label.slug) == (PhotoState.ACCEPTED, "10")
    assert Photo.objects.get(pk=unnamed.pk).state == PhotoState.AWAITING_REVIEW


def test_grid_by_touch_marks_what_is_pressed(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    photos = [pages.make_photo(project, anna) for _ in range(3)]
    page = open_as(rosa, GRID, width=360, height=640, touch=True)
    wait_for_screen(page, 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(f'.tile[data-photo="{photos[1].pk}"]').tap()
    page.get_by_role("button", name="Accept these 3").tap()
    wait_until_saved(page)
    accepted = (PhotoState.ACCEPTED, "")
    assert states() == [accepted, (PhotoState.REJECTED, "wrong_object"), accepted]


def test_private_photo_is_erased_by_one_key_and_does_not_come_back(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    private, other = pages.make_photo(project, anna), pages.make_photo(project, anna)
    page = open_as(rosa, "/review/euro/?order=oldest")
    expect(page.get_by_text("There is no way back.")).to_be_visible()
    page.wait_for_function(
        "id => document.querySelector(`#stage img[data-photo='${id}']:not([hidden])`)?.naturalWidth > 0",
        arg=str(private.pk),
    )
    page.keyboard.press("p")
    wait_until_saved(page)
    page.keyboard.press("z")
    expect(page.locator("#status")).to_contain_text("nothing of yours left to undo")
    private.refresh_from_db()
    assert (private.state, private.deleted_because) == (PhotoState.DELETED, "privacy")
    assert Photo.objects.get(pk=other.pk).state == PhotoState.AWAITING_REVIEW


def test_two_reviewers_are_never_given_the_same_photo(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    for _ in range(30):
        pages.make_photo(project, anna)
    bob = pages.make_user("bob@example.org", reviews=project)
    seen = []
    for user in (rosa, bob):
        page = open_as(user, "/review/euro/?order=oldest")
        page.wait_for_selector("html[data-ready=review]")
        seen.append({img.get_attribute("data-photo") for img in page.locator("#stage img").all()})
    assert all(seen)
    assert not seen[0] & seen[1]


def test_photos_of_a_closed_page_are_given_to_others(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    photo = pages.make_photo(project, anna)
    bob = pages.make_user("bob@example.org", reviews=project)
    page = open_as(rosa, "/review/euro/")
    page.wait_for_selector("html[data-ready=review]")
    waiting = open_as(bob, "/review/euro/")
    expect(waiting.get_by_role("heading", name="The rest is on other reviewers' screens")).to_be_visible()
    page.goto("/")  # away: what was held is let go
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    waiting.reload()
    expect(waiting.locator(f'#stage img[data-photo="{photo.pk}"]')).to_be_visible()


def test_filters_live_in_the_address_and_combine(
    project: Project, anna: Volunteer, rosa: User, open_as: SignIn
) -> None:
    wanted = pages.make_photo(project, anna, "10")
    pages.make_photo(project, anna, "5")
    page = open_as(rosa, "/review/euro/")
    page.wait_for_selector("html[data-ready=review]")
    page.locator(".filters summary").click()
    page.get_by_label("Label", exact=True).select_option("10 euros")
    page.wait_for_url("**label=10**")
    expect(page.locator(f'#stage img[data-photo="{wanted.pk}"]')).to_be_visible()
    expect(page.locator("#left")).to_have_text("1")
    expect(page.locator(".filters summary")).to_contain_text("10 euros")


def test_lead_decides_anew_on_a_rejected_photo(project: Project, anna: Volunteer, rosa: User, open_as: SignIn) -> None:
    photo = pages.make_photo(project, anna)
    lead = pages.make_user("lead@example.org")
    projects.add_member(project, lead, Role.LEAD)
    page = open_as(rosa, "/review/euro/?order=oldest")
    page.wait_for_function("() => document.querySelector('#stage img:not([hidden])')?.naturalWidth > 0")
    page.keyboard.press("r")
    page.keyboard.press("1")
    wait_until_saved(page)
    looking = open_as(rosa, "/review/euro/?shown=rejected")
    expect(looking.get_by_text("only a lead may decide anew")).to_be_visible()
    deciding = open_as(lead, "/review/euro/?shown=rejected")
    deciding.wait_for_function("() => document.querySelector('#stage img:not([hidden])')?.naturalWidth > 0")
    deciding.keyboard.press("a")
    wait_until_saved(deciding)
    photo.refresh_from_db()
    assert photo.state == PhotoState.ACCEPTED
    assert list(photo.reviews.order_by("pk").values_list("action", flat=True)) == ["reject", "undo", "accept"]
