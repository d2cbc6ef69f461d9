"""A real Chromium, and people who are signed in to it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from collector.models import Project, Volunteer
from foundation.models import User
from tests import pages

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
SignIn = Callable[..., Page]


def find_chromium() -> str | None:
    """CHROMIUM, or where Debian puts it, or on the PATH; None leaves the choice to Playwright's own download."""
    debian = Path("/usr/bin/chromium")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return os.environ.get("CHROMIUM") or (str(debian) if debian.exists() else found)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Playwright's synchronous interface keeps an event loop in this thread, which Django takes for asynchronous code.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGS)
        except Error as error:
            pytest.skip(
                "NO BROWSER TEST WAS RUN: no Chromium starts here. Install one (apt install chromium, or playwright "
                f"install chromium), or point CHROMIUM at it. Playwright says: {error}"
            )
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_as(browser: Browser, live_server: object) -> Iterator[SignIn]:
    """Call ``open_as(user, path, width=..., height=..., scheme=..., touch=...)`` for a page of a window of its own."""
    contexts: list[BrowserContext] = []

    def open_page(
        user: User | None,
        path: str,
        *,
        width: int = 1280,
        height: int = 800,
        scheme: str = "light",
        touch: bool = False,
    ) -> Page:
        context = browser.new_context(
            base_url=str(live_server),
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            has_touch=touch,
            is_mobile=touch,
            reduced_motion="reduce",  # so that two screenshots of one page are the same
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": str(live_server)}])
        page = context.new_page()
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def wait_until_saved(page: Page) -> None:
    """Until the server has taken everything that was decided on the review page."""
    expect(page.locator("#sending")).to_have_text("All saved")


@pytest.fixture
def project() -> Project:
    return pages.make_project()


@pytest.fixture
def anna() -> Volunteer:
    return pages.make_volunteer("Anna")[0]


@pytest.fixture
def rosa(project: Project) -> User:
    return pages.make_user("rosa@example.org", reviews=project, display_name="Rosa")
