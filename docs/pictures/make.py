"""Makes the README's pictures of pages from a stack that runs here: ``make demo`` first, then ``make pictures``.

The loop (loop.svg) is drawn by hand. The pages are photographed as a reviewer sees them, light and
dark; where too little waits for review, volunteers send rendered photos first, over HTTP like any phone.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import httpx
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SIZE = (1200, 760)
PEOPLE, PHOTOS = (5, 8, 11, 14, 17, 20), 7  # whose photos show well in a README, and how many each sends
WAIT_S = 60.0
NAMES = ("review", "grid", "coverage", "run")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main() -> int:
    """Find the stack, sign in, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("DAYBREAK_HOME", ROOT / ".daybreak")))
    parser.add_argument("--project", help="default: the one with the latest release")
    given = parser.parse_args()
    notes = given.home / "run" / "dev.json"
    if not notes.exists():
        print(f"No stack runs in {given.home}. Start one with `make demo`, leave it running, then try again.")
        return 2
    url = str(json.loads(notes.read_text("utf-8"))["url"])
    sys.path.insert(0, str(ROOT))
    os.environ.update(DAYBREAK_HOME=str(given.home), DJANGO_SETTINGS_MODULE="config.settings")
    import django

    django.setup()
    pages = find_pages(url, given.project)
    take_pictures(url, pages)
    return 0


def find_pages(url: str, slug: str | None) -> dict[str, Any]:
    """Which addresses to photograph, and the session cookie of somebody who may see them."""
    from django.test import Client

    from collector.domain import queues
    from collector.enums import PhotoState
    from collector.models import Photo, Project
    from foundation.models import User
    from training.models import Run

    published = Run.objects.filter(state="published").select_related("project")
    run = (published.filter(project__slug=slug) if slug else published).first()
    if run is None:
        raise SystemExit("No night has published here yet. `make demo` makes two; then try again.")
    project: Project = run.project
    if queues.count_waiting([project]).get(project.pk, 0) < len(PEOPLE) * PHOTOS // 2:  # some look alike: one stack
        for number in PEOPLE:
            send_photos(url, project.slug, [label.slug for label in project.labels.all()], number)
        wait_until(lambda: not Photo.objects.filter(state=PhotoState.RECEIVED).exists(), "photos to be normalised")
    client = Client()
    client.force_login(project.members.first() or User.objects.filter(is_superuser=True)[0])
    cookie = client.cookies["sessionid"].value
    return {
        "cookie": cookie,
        "review": f"/review/{project.slug}/?order=newest",
        "grid": f"/review/{project.slug}/?order=newest&view=grid",
        "coverage": f"/coverage/{project.slug}/",
        "run": f"/runs/{project.slug}/{run.night}/",
    }


def send_photos(url: str, project: str, labels: list[str], number: int) -> None:
    """Send the rendered photos of one person as a phone does."""
    from collector.domain import consents
    from config.demo import renderer

    person = renderer.draw_photographer(number, client=False)
    with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as api:
        guest = api.post("/guests", json={"consent_version": consents.current_text().version}).raise_for_status().json()
        for count in range(PHOTOS):
            label = labels[(count + number) % len(labels)]
            body = renderer.render_photo(person, label, count)
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            api.put(
                f"/photos/{uuid.uuid4()}",
                params={"project": project, "label": label},
                content=body,
                headers={"Authorization": f"Bearer {guest['token']}", "Content-Digest": f"sha-256=:{digest}:"},
            ).raise_for_status()


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Ask every quarter of a second, for a minute."""
    end = time.monotonic() + WAIT_S
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit(f"Waited {WAIT_S:.0f} s for {what}, in vain. Does the worker run? See logs/ in the home.")
        time.sleep(0.25)


def take_pictures(url: str, pages: dict[str, Any]) -> None:
    """Photograph the pages, light and dark."""
    from playwright.sync_api import sync_playwright

    debian = Path("/usr/bin/chromium")
    found = os.environ.get("CHROMIUM") or (str(debian) if debian.exists() else None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        for scheme in SCHEMES:
            width, height = SIZE
            context = browser.new_context(
                base_url=url, viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
            )
            context.add_cookies([{"name": "sessionid", "value": pages["cookie"], "url": url}])
            page = context.new_page()
            for name in NAMES:
                page.goto(pages[name])
                page.wait_for_load_state("networkidle")
                save(page.screenshot(), HERE / f"{name}-{scheme}.webp")
            context.close()
        browser.close()


def save(png: bytes, path: Path) -> None:
    """As WebP: a tenth of the PNG, and every place that shows a README knows it."""
    Image.open(io.BytesIO(png)).convert("RGB").save(path, "WEBP", quality=86, method=6)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    raise SystemExit(main())
