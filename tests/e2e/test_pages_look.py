"""Every page, light and dark, wide and narrow: nothing serious for axe, nothing wider than the screen, no broken rule.

With DAYBREAK_SCREENSHOTS set to a folder, each page is saved there to be looked at.
"""

import itertools
import os
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from collector.domain import contributions, projects, results, reviews, suspicions
from collector.enums import PhotoState, Role
from collector.models import Photo, Project, Volunteer
from foundation.models import User
from tests import pages
from tests.e2e.conftest import SignIn
from training.enums import RunState, StageName
from training.models import Run, Stage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SERIOUS = {"serious", "critical"}
SIGHTS: list[tuple[Literal["light", "dark"], int, int]] = [
    ("light", 1280, 800),
    ("light", 820, 1180),
    ("light", 360, 740),
    ("dark", 360, 740),
    ("dark", 1280, 800),
]
JUDGED = {("light", 1280), ("dark", 360)}  # both sets of colours, both layouts; the other two add only time
STATUS = {"not-a-member": 403, "not-found": 404}  # all others: 200


def before_nothing(page: Page) -> None:
    page.wait_for_load_state("networkidle")


def before_review(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('#stage img:not([hidden])')?.naturalWidth > 0")


def before_choosing(key: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        before_review(page)
        page.keyboard.press(key)

    return act


def before_conflict(page: Page) -> None:
    before_review(page)
    first = page.locator("#stage img:not([hidden])").get_attribute("data-photo")
    reviews.reject_photo(uuid.UUID(first), by=User.objects.get(email="bob@example.org"), reason="unsafe")
    page.keyboard.press("a")
    page.wait_for_selector(".notice-warn")


def before_grid(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('#grid .tile:not([hidden]) img')?.naturalWidth > 0")
    page.keyboard.press("Home")
    page.keyboard.press("2")


def before_filtering(page: Page) -> None:
    before_review(page)
    page.locator(".filters summary").click()


def before_details(page: Page) -> None:
    before_review(page)
    page.goto(page.locator("#details").get_attribute("href") or "")


def before_progress(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('#live-now').textContent.includes('epoch')")


LOOKS: dict[str, tuple[str, str | None, Callable[[Page], None]]] = {
    "login": ("/login/", None, before_nothing),
    "home": ("/", "rosa", before_nothing),
    "home-empty": ("/", "nobody", before_nothing),
    "review": ("/review/euro/", "rosa", before_review),
    "review-reasons": ("/review/euro/", "rosa", before_choosing("r")),
    "review-labels": ("/review/euro/", "rosa", before_choosing("l")),
    "review-help": ("/review/euro/", "rosa", before_choosing("?")),
    "review-conflict": ("/review/euro/", "rosa", before_conflict),
    "review-grid": ("/review/euro/?view=grid", "rosa", before_grid),
    "review-filter": ("/review/euro/", "rosa", before_filtering),
    "review-accepted": ("/review/euro/?shown=accepted", "rosa", before_nothing),
    "review-photo": ("/review/euro/", "rosa", before_details),
    "review-pace": ("/review/euro/pace/", "rosa", before_nothing),
    "review-reverts": ("/review/euro/reverts/?since=2026-01-01T00:00", "rosa", before_nothing),
    "review-empty": ("/review/signs/", "rosa", before_nothing),
    "coverage": ("/coverage/euro/", "rosa", before_nothing),
    "coverage-empty": ("/coverage/signs/", "rosa", before_nothing),
    "runs": ("/runs/euro/", "rosa", before_nothing),
    "runs-empty": ("/runs/signs/", "rosa", before_nothing),
    "run-published": ("/runs/euro/2026-11-21/", "ada", before_nothing),
    "model-card": ("/runs/euro/2026-11-21/card/", "rosa", before_nothing),
    "run-first": ("/runs/euro/2026-11-16/", "rosa", before_nothing),
    "run-live": ("/runs/euro/2026-11-22/", "rosa", before_progress),
    "run-failed": ("/runs/euro/2026-11-18/", "rosa", before_nothing),
    "not-a-member": ("/review/euro/", "nobody", before_nothing),
    "not-found": ("/nowhere", "rosa", before_nothing),
}


@pytest.fixture
def people() -> dict[str | None, User | None]:
    """A project in the middle of its life, another one that is new, and who looks at them."""
    euro = pages.make_project()
    rosa = pages.make_user("rosa@example.org", reviews=euro, display_name="Rosa Luxen")
    projects.add_member(euro, rosa, Role.LEAD)
    projects.add_member(pages.make_project("signs", "Sign language digits"), rosa)
    pages.make_user("bob@example.org", reviews=euro, display_name="Bob")
    anna, challenge = pages.make_volunteer("Anna from Antwerp")[0], pages.make_challenge(euro)
    for label in ("5", "10", "20", "5", "10"):
        pages.make_photo(euro, anna, label, challenge)
    pages.accept_many(euro, anna)
    make_nights(euro, [pages.make_photo(euro, anna, label, challenge) for label in ("20", "20", "10", "5", "other")])
    hand_over(euro, [anna, pages.make_volunteer("Bert from Bruges")[0]])
    ada = pages.make_user("ada@example.org", display_name="Ada")
    projects.add_member(euro, ada, Role.ADMIN)
    return {None: None, "rosa": rosa, "ada": ada, "nobody": pages.make_user("nobody@example.org")}


def make_nights(euro: Project, golden: list[Photo]) -> None:
    now = {"stage": "fit", "step": 7, "total": 40, "eta_s": 95, "message": "epoch 7, loss 0.31", "at": ""}
    live = Run.objects.create(project=euro, night=pages.NIGHT + timedelta(days=1), state=RunState.RUNNING, progress=now)
    for name in (StageName.SNAPSHOT, StageName.CHOOSE, StageName.START, StageName.EMBED):
        pages.add_stage(live, name)
    Photo.objects.filter(pk__in=[photo.pk for photo in golden]).update(state=PhotoState.ACCEPTED)
    pages.add_answers(pages.make_run(euro), [(photo, "10", 0.999 - at / 9) for at, photo in enumerate(golden)])
    kept = pages.make_run(euro, pages.NIGHT - timedelta(days=1), RunState.KEPT, why="Not better by enough.")
    pages.measure(kept, accuracy=0.958, size=1_640_000, photos=1_241)
    pages.measure(pages.make_run(euro, pages.NIGHT - timedelta(days=2)), accuracy=0.951, size=1_902_000, photos=1_210)
    why = "The label “50 euros” has 3 photos; allowed is at least 5. Collect more, or set it to collecting."
    failed = Run.objects.create(project=euro, night=pages.NIGHT - timedelta(days=3), state=RunState.FAILED, why=why)
    pages.add_stage(failed, StageName.SNAPSHOT)
    pages.measure(pages.make_run(euro, pages.NIGHT - timedelta(days=5)), accuracy=0.872, size=2_730_000, photos=804)


def hand_over(euro: Project, people: list[Volunteer]) -> None:
    """What a night tells of people, labels and conditions."""
    helped, hindered = people
    measured = [
        contributions.Measured(helped.pk, 48, 9, 2, 2, 13, {"20": 6, "5": 1}),
        contributions.Measured(hindered.pk, 12, 1, 2, -5, 3),
    ]
    contributions.record(euro, pages.NIGHT, measured)
    labels, conditions = list(euro.labels.all()), list(euro.conditions.all())
    rows = [
        results.Measured(label.pk, condition.pk, 11 - at % 4, 12, 0.55, 0.98)
        for at, (label, condition) in enumerate(itertools.product(labels, conditions))
    ]
    results.record(euro, pages.NIGHT, rows)
    photos = Photo.objects.filter(project=euro, state=PhotoState.ACCEPTED, normalised_at__isnull=False)
    found = [suspicions.Suspected(photo.pk, labels[0].pk, 0.93 - at / 20) for at, photo in enumerate(photos[:3])]
    suspicions.record(euro, pages.NIGHT, found)
    Stage.objects.filter(run__night=pages.NIGHT, name=StageName.GATE).update(
        result={"withheld": {"coreml int8": "changes 1.2% of the fp32 answers, more than 1%"}}
    )


@pytest.mark.parametrize("name", LOOKS)
def test_page_in_every_light_and_width(name: str, people: dict[Any, User | None], open_as: SignIn) -> None:
    path, who, prepare = LOOKS[name]
    page = open_as(people[who], "/healthz")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(f"Uncaught {error}"))
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == STATUS.get(name, 200)
    prepare(page)
    for scheme, width, height in SIGHTS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        save_picture(page, f"{name}-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if (scheme, width) in JUDGED:
            assert find_serious(page) == []
    assert [text for text in complaints if is_complaint(text)] == []


def test_night_on_paper(people: dict[Any, User | None], open_as: SignIn, tmp_path: Path) -> None:
    page = open_as(people["rosa"], "/runs/euro/2026-11-21/", scheme="dark", width=680)  # A4 between its margins
    page.wait_for_load_state("networkidle")
    page.emulate_media(media="print")
    save_picture(page, "run-published-print")
    assert page.locator("nav:visible, .top:visible, .button:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 680
    cut_off = "[...document.querySelectorAll('.table-wrap')].filter(each => each.scrollWidth > each.clientWidth).length"
    assert page.evaluate(cut_off) == 0
    folder = Path(os.environ.get("DAYBREAK_SCREENSHOTS", tmp_path))
    assert page.pdf(path=folder / "run-published.pdf", prefer_css_page_size=True).startswith(b"%PDF")


def is_complaint(text: str) -> bool:
    return "Content Security Policy" in text or "Uncaught" in text


def find_serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes']]}"
        for each in found
        if each["impact"] in SERIOUS
    ]


def save_picture(page: Page, name: str) -> None:
    if folder := os.environ.get("DAYBREAK_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
