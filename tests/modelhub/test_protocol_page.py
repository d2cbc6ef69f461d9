"""docs/protocol.md is what other people's phones are built from, so its examples and vectors are run."""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from modelhub.api.latest import FIELDS
from modelhub.client.answers import Request, Seen, accept
from modelhub.client.choices import place_of
from modelhub.client.classifying import least_probability
from modelhub.client.faults import Refused
from modelhub.client.keys import PAYLOAD_TYPE, open_envelope, pae, read_keys
from modelhub.client.pictures import cut
from modelhub.domain import documents, signing
from modelhub.domain.releases import Release
from modelhub.models import Document

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
SEED = bytes(range(32))
ASKED = Request(project="mugs", channel="stable", iface=1, platform="linux", runtime="litert")


def block(name: str) -> str:
    found = re.search(rf"^```\w+ {name}\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/protocol.md has no block {name}"
    return found[1]


def whole_document() -> bytes:
    return open_envelope(block("document-envelope").encode(), read_keys(block("public-key")))


def test_vector_of_pae() -> None:
    expected = pae(PAYLOAD_TYPE, b'{"spec":1}')
    assert expected == signing.pae(signing.PAYLOAD_TYPE, b'{"spec":1}')
    assert block("pae").encode() == expected == bytes.fromhex(block("pae-hex").replace("\n", ""))
    assert f'`{{"spec":1}}`, {len(expected)} bytes' in PAGE


def test_vector_of_the_envelope_verifies_and_nothing_else() -> None:
    keys = read_keys(block("public-key"))
    envelope = json.loads(block("envelope"))
    assert open_envelope(json.dumps(envelope).encode(), keys) == b'{"spec":1}'
    assert envelope["signatures"][0]["keyid"] == signing.keyid_of(base64.b64decode(block("public-key")))
    unwrapped = base64.b64encode(Ed25519PrivateKey.from_private_bytes(SEED).sign(b'{"spec":1}')).decode()
    for change in ({"payload": base64.b64encode(b'{"spec":2}').decode()}, {"signatures": [{"sig": unwrapped}]}):
        with pytest.raises(Refused):
            open_envelope(json.dumps(envelope | change).encode(), keys)


def test_vector_of_the_document_is_accepted_and_refused_as_said() -> None:
    payload = whole_document()
    on_time = datetime(2026, 11, 22, tzinfo=UTC)
    document = accept(payload, ASKED, None, device_clock=on_time)
    assert document.seq == 12
    assert document.releases[0].rejection is None  # as in documents from before there was one
    with pytest.raises(Refused, match="number 13 was seen"):
        accept(payload, ASKED, Seen(13, document.issued, ""), device_clock=on_time)
    with pytest.raises(Refused, match="expired"):
        accept(payload, ASKED, None, device_clock=datetime(2026, 11, 28, 2, 10, tzinfo=UTC))


def test_vector_of_places() -> None:
    vectors = json.loads(block("places"))
    assert [place_of(one["salt"], one["seed"]) for one in vectors] == [one["place"] for one in vectors]


@pytest.mark.parametrize("one", json.loads(block("rejections"))["answers"], ids=str)
def test_vector_of_rejections(one: dict[str, Any]) -> None:
    rejection = json.loads(block("rejections"))["rejection"] | {"cost": one["cost"]}
    assert (one["top"] >= least_probability(rejection)) is one["is_answer"]


@pytest.mark.parametrize("one", json.loads(block("cuts")), ids=lambda one: "x".join(map(str, one["photo"])))
def test_vector_of_cuts(one: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    scaled: list[tuple[int, int]] = []
    boxes: list[tuple[int, ...]] = []
    resize, crop = Image.Image.resize, Image.Image.crop

    def watch_resize(self: Image.Image, size: tuple[int, int], *more: Any) -> Image.Image:
        scaled.append(size)
        return resize(self, size, *more)

    def watch_crop(self: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
        boxes.append(box)
        return crop(self, box)

    monkeypatch.setattr(Image.Image, "resize", watch_resize)
    monkeypatch.setattr(Image.Image, "crop", watch_crop)
    square = cut(
        Image.new("RGB", tuple(one["photo"])), one["size"], {"short_side": one["short_side"], "antialias": True}
    )
    assert scaled == [tuple(one["scaled"])]
    assert boxes[0][:2] == tuple(one["corner"])
    assert square.size == (one["size"], one["size"])


def test_vector_of_content_digest() -> None:
    digest = base64.b64encode(hashlib.sha256(b"daybreak\n").digest()).decode()
    assert block("content-digest") == f"sha-256=:{digest}:"


def shape(value: Any) -> Any:
    """Names and nesting, without values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [shape(value[0])]
    return type(value).__name__


@pytest.mark.django_db
def test_example_document_has_the_fields_the_server_sends(release: Release) -> None:
    sent = json.loads(bytes(Document.objects.get(platform="linux", runtime="litert").payload))
    shown = json.loads(whole_document())
    for document in (sent, shown):
        del document["releases"][0]["artifacts"][0]["tensor_input"]  # the file's own
    assert shape(sent) == shape(shown)
    assert sent["poll"] == shown["poll"] == documents.POLL


def test_page_names_the_parameters_in_the_order_phones_send_them() -> None:
    assert list(ASKED.query()) == list(FIELDS)
    assert "project=mugs&channel=stable&iface=1&platform=linux&runtime=litert" in PAGE
