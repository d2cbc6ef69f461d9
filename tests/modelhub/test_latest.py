"""The update check, as phones see it: bodies, headers, and the number of queries are the specification."""

import base64
import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from modelhub.client.keys import open_envelope, read_keys
from modelhub.domain import signing
from modelhub.domain.releases import Release
from tests.modelhub.making import CONTRACT, FIVE, LABELS, NHWC

URL = "/models/latest"
SIGNED = "application/vnd.daybreak.models+dsse+json"
pytestmark = pytest.mark.django_db


def ask(client: Client, *, accept: str = "*/*", **changes: str) -> Any:
    return client.get(URL, FIVE | changes, headers={"accept": accept})


def test_latest_is_a_signed_envelope(client: Client, release: Release) -> None:
    response = ask(client)
    assert response.status_code == 200
    assert response["Content-Type"] == SIGNED
    envelope = json.loads(response.content)
    assert envelope["payloadType"] == "application/vnd.daybreak.models+json"
    assert [one["keyid"] for one in envelope["signatures"]] == [signing.public_keys()[0].keyid]
    key = base64.b64encode(signing.public_keys()[0].raw).decode()
    assert open_envelope(response.content, read_keys(key)) == ask(client, accept="application/json").content


def test_latest_bare_says_everything_a_phone_needs(client: Client, release: Release) -> None:
    document = ask(client, accept="application/json").json()
    issued = document.pop("issued")
    assert document.pop("expires") > issued
    (described,) = document.pop("releases")
    assert document == {
        "spec": 1,
        "project": "mugs",
        "channel": "stable",
        "iface": 1,
        "platform": "linux",
        "runtime": "litert",
        "seq": 1,
        "poll": {"interval_s": 14_400, "jitter": 0.2, "min_s": 900},
        "directive": None,
        "revoked": [],
    }
    artifacts = described.pop("artifacts")
    assert described == {
        "version": "2026-11-21.1",
        "rollout": {"salt": "2026-11-21.1", "from": 0, "ramp": [[issued, 1_000_000]]},
        "input": CONTRACT,
        "labels": LABELS,
        "golden_vectors": [],
    }
    published = {one.precision: one for one in release.artifacts.filter(runtime="litert")}
    assert {one["precision"] for one in artifacts} == {"int8", "fp32"} == set(published)
    for one in artifacts:
        sha256 = published[one["precision"]].sha256
        assert one == {
            "runtime": "litert",
            "precision": one["precision"],
            "format": "tflite",
            "size_bytes": published[one["precision"]].size_bytes,
            "sha256": sha256,
            "path": f"/m/sha256/{sha256[:2]}/{sha256}",
            "deltas": [],
            "tensor_input": NHWC,
            "golden_accuracy": 0.95,
        }


def test_latest_headers_let_a_cache_serve_the_fleet(client: Client, release: Release) -> None:
    response = ask(client)
    assert response["Cache-Control"] == (
        "public, max-age=300, s-maxage=60, stale-while-revalidate=600, stale-if-error=86400"
    )
    assert response["Vary"] == "Accept"
    assert response["ETag"].startswith('"sha256-')
    assert not response.cookies


def test_latest_costs_one_query(
    client: Client, release: Release, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        etag = ask(client)["ETag"]
    with django_assert_num_queries(1):
        response = client.get(URL, FIVE, headers={"if-none-match": etag})
    assert response.status_code == 304


def test_latest_when_known_is_304_without_body(client: Client, release: Release) -> None:
    etag = ask(client)["ETag"]
    for header in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = client.get(URL, FIVE, headers={"if-none-match": header})
        assert (response.status_code, response.content) == (304, b"")
        assert response["ETag"] == etag
        assert "max-age=300" in response["Cache-Control"]
        assert response["Vary"] == "Accept"
    assert client.get(URL, FIVE, headers={"if-none-match": '"other"'}).status_code == 200


def test_latest_etag_differs_between_envelope_and_bare(client: Client, release: Release) -> None:
    assert ask(client)["ETag"] != ask(client, accept="application/json")["ETag"]


def test_latest_head_has_the_headers_of_get(client: Client, release: Release) -> None:
    get, head = ask(client), client.head(URL, FIVE)
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head[name] for name in ("ETag", "Content-Type", "Content-Length")} == {
        name: get[name] for name in ("ETag", "Content-Type", "Content-Length")
    }


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", SIGNED),
        ("application/*", SIGNED),
        (SIGNED, SIGNED),
        ("application/json", "application/json"),
        (f"{SIGNED};q=0.5, application/json", "application/json"),
        (f"application/json, {SIGNED}", "application/json"),
        ("text/html, */*;q=0.1", SIGNED),
        ("application/json;q=0, */*", SIGNED),
    ],
)
def test_latest_accept_chooses_the_type(client: Client, release: Release, accept: str, content_type: str) -> None:
    assert ask(client, accept=accept)["Content-Type"] == content_type


def test_latest_without_accept_is_signed(client: Client, release: Release) -> None:
    assert client.get(URL, FIVE)["Content-Type"] == SIGNED


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/xml;q=0.9", "application/json;q=0"])
def test_latest_with_another_accept_is_406(client: Client, release: Release, accept: str) -> None:
    response = ask(client, accept=accept)
    assert response.status_code == 406
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == "/problems/not-acceptable"
    assert SIGNED in response.json()["allowed"]


def test_latest_with_unknown_parameter_is_400_that_lists_the_five(client: Client, release: Release) -> None:
    response = client.get(URL, FIVE | {"install_id": "7"})
    assert response.status_code == 400
    problem = response.json()
    assert problem["type"] == "/problems/unknown-parameter"
    assert problem["detail"] == "Unknown query parameter: install_id."
    assert problem["allowed"] == "project, channel, iface, platform, runtime"
    assert problem["do"].startswith("Leave it out")


@pytest.mark.parametrize("name", list(FIVE))
def test_latest_without_one_of_the_five_is_400(client: Client, release: Release, name: str) -> None:
    response = client.get(URL, {key: value for key, value in FIVE.items() if key != name})
    assert response.status_code == 400
    assert response.json()["detail"] == f"The parameter {name} is missing."


def test_latest_with_a_parameter_twice_is_400(client: Client, release: Release) -> None:
    response = client.get(f"{URL}?project=mugs&project=mugs&channel=stable&iface=1&platform=linux&runtime=litert")
    assert response.status_code == 400
    assert response.json()["detail"] == "The parameter project is there more than once."


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("project", "mugs\x00", "letters, digits"),
        ("channel", "stable/..", "letters, digits"),
        ("iface", "0", "a whole number"),
        ("iface", "01", "a whole number"),
        ("iface", "+1", "a whole number"),
        ("iface", "1.0", "a whole number"),
        ("iface", "\u0661", "a whole number"),
        ("iface", "9999999999999", "a whole number"),
        ("platform", "windows", "ios, android, linux"),
        ("runtime", "tflite", "coreml, litert, onnx"),
    ],
)
def test_latest_with_a_wrong_value_is_400(
    client: Client, release: Release, name: str, value: str, allowed: str
) -> None:
    problem = ask(client, **{name: value}).json()
    assert problem["status"] == 400
    assert value in problem["detail"]
    assert allowed in problem["allowed"]


@pytest.mark.parametrize(
    ("changes", "kind", "allowed"),
    [
        ({"project": "cups"}, "unknown-project", ""),
        ({"channel": "beta"}, "unknown-channel", "stable"),
        ({"iface": "7"}, "unknown-iface", "1"),
        ({"runtime": "coreml"}, "no-artifact", "linux with litert"),
    ],
)
def test_latest_for_what_is_not_published_is_404(
    client: Client, release: Release, changes: dict[str, str], kind: str, allowed: str
) -> None:
    response = ask(client, **changes)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "public, max-age=60"
    assert response.json()["type"] == f"/problems/{kind}"
    assert allowed in response.json()["allowed"]
    assert response.json()["do"]


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_latest_only_reads(release: Release, method: str) -> None:
    response = getattr(Client(enforce_csrf_checks=True), method)(URL)
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"
    assert response.json()["type"] == "/problems/method-not-allowed"


def test_key_is_named_for_people(client: Client) -> None:
    response = client.get("/models/key")
    (key,) = response.json()["keys"]
    assert key["algorithm"] == "ed25519"
    assert len(base64.b64decode(key["public_key"])) == 32
    assert key["keyid"] == signing.keyid_of(base64.b64decode(key["public_key"]))
    assert response["Cache-Control"] == "public, max-age=300"


def test_key_before_set_up_says_what_to_do(client: Client, settings: Any, tmp_path: Any) -> None:
    settings.HUB_KEY_FILE = tmp_path / "none"
    response = client.get("/models/key")
    assert response.status_code == 503
    assert "make_keys" in response.json()["do"]
