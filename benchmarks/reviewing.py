"""A scripted reviewer in Chromium, with 50 ms added to every round trip: photos an hour, and what a key costs.

Single view: each key is pressed only after the photo is painted; 20% are rejected with a reason, 5% undone and decided
again. Grid: all thumbnails painted, 10% marked one by one. Afterwards the database must agree with the script's list.
REVIEWING_PHOTOS sets how many photos each part has.
"""

import hashlib
import os
import random
import shutil
import tempfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.lines import emit, skip
from benchmarks.serving import serving

ROUND_TRIP_MS = 50
SINGLE_AN_HOUR, GRID_AN_HOUR, KEY_MS = 4_000, 12_000, 100
PHOTOS = int(os.environ.get("REVIEWING_PHOTOS", "240"))
SLUG = "bench"
REASONS = ["wrong_object", "not_visible", "unsafe", "screen_or_print", "duplicate", "not_this_challenge"]
PAINTED = """([selector, count]) => new Promise((resolve) => {
  const look = () => {
    const images = [...document.querySelectorAll(selector)];
    const painted = images.length >= count && images.every((image) => image.complete && image.naturalWidth > 0);
    const ids = images.map((image) => image.closest("[data-photo]").dataset.photo);
    requestAnimationFrame(painted ? () => resolve(ids) : look);
  };
  look();
})"""
Expected = dict[str, tuple[str, str]]  # photo -> state, reason


def main() -> bool:
    """Fill, review, compare; returns whether every target was met."""
    home = Path(tempfile.mkdtemp(prefix="daybreak-reviewing-"))
    os.environ |= {"DAYBREAK_HOME": str(home), "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "WARNING"}
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright keeps an event loop in this thread
    from foundation import services

    services.ensure(home)
    try:
        return _measure()
    finally:
        services.release(home, wait_s=20)
        shutil.rmtree(home, ignore_errors=True)


def _measure() -> bool:
    import django

    django.setup()
    from django.core.management import call_command
    from playwright.sync_api import Error, sync_playwright

    call_command("migrate", verbosity=0)
    cookie = _fill()
    with serving(workers=2, threads=8) as url, sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
        except Error as error:
            skip("reviewing", f"No Chromium starts here: {error}")
            return True
        page = browser.new_context(base_url=url, viewport={"width": 1440, "height": 900}).new_page()
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])
        slow = page.context.new_cdp_session(page)
        slow.send("Network.enable")
        conditions = {"offline": False, "latency": ROUND_TRIP_MS, "downloadThroughput": -1, "uploadThroughput": -1}
        slow.send("Network.emulateNetworkConditions", conditions)
        expected: Expected = {}
        met = _single(page, expected)
        met &= _grid(page, expected)
        browser.close()
    return _agrees(expected) and met


def _single(page: Any, expected: Expected) -> bool:
    page.goto(f"/review/{SLUG}/?order=oldest&until=2099-01-01")
    page.wait_for_selector("html[data-ready=review]")
    chance, keys = random.Random(1), []
    [now] = _painted(page, "#stage img:not([hidden])", 1)
    begun, done = time.perf_counter(), 0
    while done < PHOTOS:
        reason = chance.randrange(6) if chance.random() < 0.2 else None
        asked = time.perf_counter()
        now, before = _decide(page, now, reason), now
        keys.append((time.perf_counter() - asked) * 1000)
        expected[before] = ("rejected", REASONS[reason]) if reason is not None else ("accepted", "")
        done += 1
        if chance.random() < 0.05:
            page.keyboard.press("z")
            _until_shown(page, before)
            now = _decide(page, before, None)
            expected[before] = ("accepted", "")
    an_hour = PHOTOS * 3600 / (time.perf_counter() - begun)
    _until_saved(page)
    p95 = sorted(keys)[int(len(keys) * 0.95)]
    emit("reviewing: photos an hour, single", round(an_hour), target=SINGLE_AN_HOUR, met=an_hour >= SINGLE_AN_HOUR)
    limit = KEY_MS + ROUND_TRIP_MS
    emit("reviewing: p95 ms from key to next photo painted", round(p95, 1), target=limit, met=p95 < limit)
    return an_hour >= SINGLE_AN_HOUR and p95 < limit


def _decide(page: Any, now: str, reason: int | None) -> str:
    """Press the keys for one photo, and wait until the next is painted."""
    if reason is not None:
        page.keyboard.press("r")
    page.keyboard.press("a" if reason is None else str(reason + 1))
    [after] = _painted(page, f'#stage img:not([hidden]):not([data-photo="{now}"])', 1)
    return after


def _until_shown(page: Any, photo: str) -> None:
    _painted(page, f'#stage img:not([hidden])[data-photo="{photo}"]', 1)


def _grid(page: Any, expected: Expected) -> bool:
    page.goto(f"/review/{SLUG}/?order=oldest&view=grid")
    page.wait_for_selector("html[data-ready=review]")
    chance, done = random.Random(2), 0
    begun = time.perf_counter()
    while done < 2 * PHOTOS:
        photos = _painted(page, "#grid .tile:not([hidden]) img", 60)
        for photo in photos:
            expected[photo] = ("accepted", "")
            if chance.random() < 0.1:
                reason = chance.randrange(6)
                page.locator(f'.tile[data-photo="{photo}"]').focus()
                page.keyboard.press(str(reason + 1))
                expected[photo] = ("rejected", REASONS[reason])
        page.keyboard.press("a")
        page.wait_for_function("id => !document.querySelector(`.tile[data-photo='${id}']`)", arg=photos[0])
        done += len(photos)
    an_hour = done * 3600 / (time.perf_counter() - begun)
    _until_saved(page)
    emit("reviewing: photos an hour, grid", round(an_hour), target=GRID_AN_HOUR, met=an_hour >= GRID_AN_HOUR)
    return an_hour >= GRID_AN_HOUR


def _painted(page: Any, selector: str, count: int) -> list[str]:
    found: list[str] = page.evaluate(PAINTED, [selector, count])
    return found


def _until_saved(page: Any) -> None:
    page.wait_for_function("() => document.getElementById('sending').textContent === 'All saved'", timeout=60_000)


def _agrees(expected: Expected) -> bool:
    """Whether every photo is in the database as the script decided last, and no other photo was touched."""
    from collector.models import Photo, Review

    reasons = dict(
        Review.objects.filter(action="reject", undone_by=None).order_by("pk").values_list("photo_id", "reason")
    )
    decided = Photo.objects.filter(state__in=["accepted", "rejected"]).values_list("pk", "state")
    found = {str(pk): (state, reasons.get(pk, "") if state == "rejected" else "") for pk, state in decided}
    differing = sum(found.get(photo) != said for photo, said in expected.items()) + len(found.keys() - expected.keys())
    emit("reviewing: rows that differ from the script", differing, target=0, met=differing == 0)
    return differing == 0


def _fill() -> str:
    """Photos of made-up notes, normalised, none alike; returns a session of their reviewer."""
    from django.test import Client

    from collector.domain import guests, normalising, projects, uploads
    from collector.domain.consents import current_text
    from collector.models import Photo
    from foundation.models import User

    project = projects.create_project(SLUG, name="Bench", second_opinion_share=0, gold_share=0)
    label = projects.add_label(project, "note", name="A note")
    device, _ = guests.register_guest(current_text().version)
    wanted = 3 * PHOTOS + 200  # the grid's screens are full to the end
    with ProcessPoolExecutor() as pool:
        for body in pool.map(_render, range(wanted), chunksize=8):
            upload = uploads.Upload(
                photo_id=uuid.uuid4(), project=project, sha256=hashlib.sha256(body).hexdigest(), label=label
            )
            uploads.receive_photo(upload, [body], by=device.volunteer)
            normalising.normalise_photo(upload.photo_id)
    # What happens to look alike is no stack here: every photo is judged by itself.
    Photo.objects.update(stack=None, is_top=True)
    user = User.objects.create_user("bench@example.org", display_name="Bench")
    projects.add_member(project, user)
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def _render(number: int) -> bytes:
    from config.demo import currency, renderer

    person = renderer.draw_photographer(number % 40, client=False)
    return renderer.render_photo(person, currency.NOTES[number % len(currency.NOTES)].slug, number)
