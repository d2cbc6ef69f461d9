"""What volunteers agree to: numbered texts, and who agreed to which."""

from django.db.models import Exists, OuterRef

from collector.models import Consent, ConsentText, Volunteer
from foundation.problems import Problem

FIRST_VERSION = "2026-11"
FIRST_TEXT = """\
The photos you send teach an app to recognise what they show. Reviewers of this project look at each of them; nobody
else does, unless you agree to that separately. We remove the place, the device's number and everything else that a
camera writes into a file. Please photograph no faces, names or papers of anybody.

Photos that were accepted train models, which are given to the app's users; the photos themselves are not. You may look
at your photos, take them with you and erase them at any time, one by one or all at once. An erased photo is not used
for any later training.
"""


def current_text() -> ConsentText:
    """The text to agree to now: the newest one. The first is part of the product, so there always is one."""
    newest = ConsentText.objects.order_by("-published_at", "-pk").first()
    if newest is None:
        newest, _ = ConsentText.objects.get_or_create(version=FIRST_VERSION, defaults={"body": FIRST_TEXT})
    return newest


def get_current_text(version: str) -> ConsentText:
    """The current text, if that is its version. Raises Problem ``unknown-consent-version``."""
    text = current_text()
    if version != text.version:
        raise Problem(
            "unknown-consent-version",
            400,
            f"The consent text {version!r} is not the current one.",
            allowed=text.version,
            do="Show the current consent text and ask again.",
        )
    return text


def publish_text(version: str, body: str) -> ConsentText:
    """Publish a new text, current from now on. The same again changes nothing.

    Raises Problem ``consent-version-taken`` (409) where the version has another text: what people agreed to never
    changes, so other words are another version.
    """
    current_text()  # the product's own text stays the first, whatever is published after it
    version, body = version.strip(), body.replace("\r\n", "\n").strip() + "\n"
    text, is_new = ConsentText.objects.get_or_create(version=version, defaults={"body": body})
    if not is_new and text.body != body:
        raise Problem(
            "consent-version-taken",
            409,
            f"The consent text {version!r} is published, with other words.",
            do="Give the new words a version of their own.",
        )
    return text


def newer_version(volunteer: Volunteer) -> str:
    """The version of the current text where the volunteer has not agreed to it yet; empty where they have."""
    agreed = Consent.objects.filter(text=OuterRef("pk"), volunteer=volunteer)
    newest = ConsentText.objects.annotate(is_agreed=Exists(agreed)).order_by("-published_at", "-pk").first()
    return newest.version if newest is not None and not newest.is_agreed else ""


def agree(volunteer: Volunteer, text: ConsentText) -> Consent:
    """Record that the volunteer agreed. Agreeing again changes nothing: the first time is the proof."""
    consent, _ = Consent.objects.get_or_create(volunteer=volunteer, text=text)
    return consent


def latest_consent(volunteer: Volunteer) -> Consent | None:
    """What the volunteer agreed to last; None for those of an import, for whom the importer answers."""
    return volunteer.consents.select_related("text").order_by("-agreed_at", "-pk").first()
