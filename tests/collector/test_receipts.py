"""Receipts: the server recognises its own, also after its key was changed, and nobody else can make one."""

import dataclasses
import datetime as dt
import json
import uuid

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.receipts import Receipt
from tests.collector.conftest import Phone, jpeg

RECEIPT = Receipt(uuid.UUID(int=7), "ab" * 32, 2_483_112, dt.datetime(2026, 11, 21, 9, 30, 1, 250_999, dt.UTC))


def test_receipt_is_proven_by_its_own_signature() -> None:
    assert RECEIPT.is_proven_by(RECEIPT.signature)


@pytest.mark.parametrize(
    "change",
    [
        {"photo_id": uuid.UUID(int=8)},
        {"sha256": "ab" * 31 + "ac"},
        {"size_bytes": 2_483_113},
        {"received_at": RECEIPT.received_at + dt.timedelta(milliseconds=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_signature_covers_each_member(change: dict) -> None:
    assert not dataclasses.replace(RECEIPT, **change).is_proven_by(RECEIPT.signature)


@given(st.text(max_size=100))
def test_invented_signature_proves_nothing(signature: str) -> None:
    assert not RECEIPT.is_proven_by(signature)


def test_receipt_of_an_earlier_key_stays_proven(settings: LazySettings) -> None:
    signature = RECEIPT.signature
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key"
    assert RECEIPT.is_proven_by(signature)
    settings.SECRET_KEY_FALLBACKS = []
    assert not RECEIPT.is_proven_by(signature)


@given(st.datetimes(timezones=st.just(dt.UTC), min_value=dt.datetime(2020, 1, 1)))  # noqa: DTZ001 -- hypothesis adds the zone
def test_receipt_that_went_through_json_is_proven(moment: dt.datetime) -> None:
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    back = dt.datetime.fromisoformat(text).astimezone(dt.timezone(dt.timedelta(hours=5, minutes=45)))
    sent = dataclasses.replace(RECEIPT, received_at=moment)
    assert dataclasses.replace(RECEIPT, received_at=back).is_proven_by(sent.signature)


@pytest.mark.django_db
def test_put_answers_with_a_receipt_that_is_proven(alice: Phone) -> None:
    said = json.loads(alice.put(jpeg())["Daybreak-Receipt"])
    moment = dt.datetime.fromisoformat(said["received_at"])
    receipt = Receipt(uuid.UUID(said["photo"]), said["sha256"], said["size_bytes"], moment)
    assert receipt.is_proven_by(said["signature"])
