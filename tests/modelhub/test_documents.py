"""Signing anew: the number stays, the times move, and nobody is left with an expired document."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from foundation.problems import Problem
from modelhub import tasks
from modelhub.client.keys import open_envelope, read_keys
from modelhub.domain import documents, signing
from modelhub.domain.releases import Release
from modelhub.models import Document
from tests.modelhub.making import make_files, publish

pytestmark = pytest.mark.django_db


def read(document: Document) -> dict[str, Any]:
    return dict(json.loads(bytes(document.payload)))


def one() -> Document:
    return Document.objects.get(platform="linux", runtime="litert")


def grow_old(share: float) -> None:
    """As if the documents were issued a share of their life ago."""
    age = documents.lifetime() * share
    for document in Document.objects.all():
        document.issued_at -= age
        document.expires_at -= age
        document.save()


def test_document_lives_as_long_as_the_setting_says(release: Release, settings: Any) -> None:
    document = one()
    assert document.expires_at - document.issued_at == timedelta(hours=settings.HUB_EXPIRES_H)
    payload = read(document)
    assert datetime.strptime(payload["issued"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) == document.issued_at
    assert datetime.strptime(payload["expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) == document.expires_at
    assert payload["seq"] == document.seq


def test_document_says_when_not_to_answer_where_that_was_learned(hub: Path) -> None:
    learned = {"score": "top_probability", "cost": 5, "thresholds": [{"cost": 5, "threshold": 0.8}]}
    publish(make_files(hub), rejection=learned)
    assert read(one())["releases"][0]["rejection"] == learned


def test_document_of_a_release_that_always_answers_says_nothing_of_it(release: Release) -> None:
    assert "rejection" not in read(one())["releases"][0]


def test_refresh_leaves_fresh_documents_alone(release: Release) -> None:
    grow_old(0.4)
    before = bytes(one().envelope)
    assert documents.refresh_documents() == 0
    assert bytes(one().envelope) == before


def test_refresh_of_half_spent_documents_keeps_number_and_moves_times(release: Release) -> None:
    grow_old(0.6)
    before = one()
    tasks.refresh_documents()
    after = one()
    assert after.pk == before.pk
    assert after.seq == before.seq == 1
    assert after.issued_at > before.issued_at
    assert after.expires_at > timezone.now() + documents.lifetime() * 0.9
    changed = {key for key, value in read(after).items() if value != read(before)[key]}
    assert changed <= {"issued", "expires"}


def test_refresh_by_hand_takes_all(release: Release, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("refresh_documents")
    call_command("refresh_documents", "--all")
    assert capsys.readouterr().out.splitlines() == [
        "Signed the documents of 0 channel(s) anew.",
        "Signed the documents of 1 channel(s) anew.",
    ]


def test_times_never_go_back_though_the_clock_does(release: Release, hub: Path) -> None:
    ahead = timezone.now().replace(microsecond=0) + timedelta(days=3)
    Document.objects.update(issued_at=ahead)
    publish(make_files(hub, "b"), origin="run:2")
    assert one().issued_at == ahead + timedelta(seconds=1)
    assert one().expires_at == ahead + timedelta(seconds=1) + documents.lifetime()


def test_documents_after_a_change_of_key_are_signed_by_the_new_one(release: Release, settings: Any) -> None:
    old = signing.public_keys()[0]
    settings.HUB_KEY_FILE.unlink()
    assert signing.make_keys(settings.HUB_KEY_FILE)
    new = signing.public_keys()[-1]
    assert signing.public_keys() == [old, new]  # apps pin both until the old one is gone
    documents.refresh_documents(everything=True)
    keys = read_keys(str(signing.public_file(settings.HUB_KEY_FILE)))
    assert open_envelope(bytes(one().envelope), keys[1:]) == bytes(one().payload)


def test_key_is_private_and_never_replaced(settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path: Path = settings.HUB_KEY_FILE
    before = path.read_bytes()
    call_command("make_keys")
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    said = capsys.readouterr().out
    assert "Kept" in said
    assert signing.public_file(path).read_text().strip() in said
    assert sorted(one.name for one in path.parent.iterdir()) == ["hub.ed25519", "hub.ed25519.pub"]


def test_key_of_another_kind_is_refused(settings: Any) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    pem = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    settings.HUB_KEY_FILE.write_bytes(pem)
    with pytest.raises(Problem, match="Ed25519"):
        signing.sign(b"{}")
