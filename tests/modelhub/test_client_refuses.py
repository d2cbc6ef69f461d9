"""What a phone must not believe. After each refusal every file of the home is as it was."""

import base64
import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from modelhub.client.answers import Request, Seen, accept
from modelhub.client.choices import is_admitted, place_of
from modelhub.client.cli import main
from modelhub.client.faults import Refused
from modelhub.client.keys import PAYLOAD_TYPE, open_envelope, pae
from tests.modelhub.making import CONTRACT, LABELS, NHWC
from tests.modelhub.wire import Answers, answering

OURS, THEIRS = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PUBLIC = base64.b64encode(OURS.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
MODEL = b"model " * 100
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make(**changes: Any) -> dict[str, Any]:
    """A document as the server makes it, issued a minute ago."""
    issued = timezone.now() - timedelta(minutes=1)
    sha256 = digest(MODEL)
    artifact = {
        "runtime": "litert", "precision": "int8", "format": "tflite", "size_bytes": len(MODEL), "sha256": sha256,
        "path": f"/m/sha256/{sha256[:2]}/{sha256}", "deltas": [], "tensor_input": NHWC, "golden_accuracy": 0.9,
    }  # fmt: skip
    release = {
        "version": "2026-11-21.1",
        "rollout": {"salt": "2026-11-21.1", "from": 0, "ramp": [[iso(issued), 1_000_000]]},
        "artifacts": [artifact], "input": CONTRACT, "labels": LABELS, "golden_vectors": [],
    }  # fmt: skip
    return {
        "spec": 1, "project": "mugs", "channel": "stable", "iface": 1, "platform": "linux", "runtime": "litert",
        "seq": 5, "issued": iso(issued), "expires": iso(issued + timedelta(days=7)),
        "poll": {"interval_s": 14_400, "jitter": 0.2, "min_s": 900},
        "directive": None, "revoked": [], "releases": [release],
    } | changes  # fmt: skip


def with_artifact(**changes: Any) -> dict[str, Any]:
    document = make(seq=6)
    document["releases"][0]["artifacts"][0] |= changes
    return document


def sign(document: Any, *keys: Ed25519PrivateKey, payload_type: str = PAYLOAD_TYPE, raw: bytes = b"") -> bytes:
    payload = raw or json.dumps(document).encode()
    signatures = [
        {"keyid": "ed25519:0000", "sig": base64.b64encode(key.sign(pae(payload_type, payload))).decode()}
        for key in keys or (OURS,)
    ]
    encoded = base64.b64encode(payload).decode()
    return json.dumps({"payloadType": payload_type, "payload": encoded, "signatures": signatures}).encode()


@pytest.fixture
def server() -> Iterator[Answers]:
    with answering() as answers:
        answers.file(make()["releases"][0]["artifacts"][0]["path"], MODEL)
        answers.document(sign(make()))
        yield answers


Fetch = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "phone"


@pytest.fixture
def fetch(server: Answers, home: Path, capsys: pytest.CaptureFixture[str]) -> Fetch:
    def run(key: str = PUBLIC, *more: str) -> tuple[int, str]:
        options = ["--url", server.url, "--project", "mugs", "--key", key, "--home", str(home), "--json", *more]
        status = main(["fetch", *options])
        return status, json.loads(capsys.readouterr().out)["why"]

    return run


def everything(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def tampered() -> bytes:
    envelope = json.loads(sign(make(seq=6)))
    document = make(seq=6, poll={})
    return json.dumps(envelope | {"payload": base64.b64encode(json.dumps(document).encode()).decode()}).encode()


def with_rejection(**changes: Any) -> dict[str, Any]:
    document = make(seq=6)
    learned = {"score": "top_probability", "cost": 5, "thresholds": [{"cost": 5, "threshold": 0.8}]}
    document["releases"][0]["rejection"] = learned | changes
    return document


def other_file(path: str) -> dict[str, Any]:
    return with_artifact(sha256=digest(b"other"), size_bytes=5, path=path)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "forged by another key": (lambda: sign(make(seq=6), THEIRS), "No signature of the document is by the key given"),
    "changed after signing": (tampered, "No signature"),
    "signed for another purpose": (lambda: sign(make(seq=6), payload_type="text/plain"), "'text/plain'"),
    "without signatures": (lambda: json.dumps(json.loads(sign(make())) | {"signatures": []}).encode(), "No signature"),
    "truncated": (lambda: sign(make(seq=6))[:-20], "not a DSSE envelope"),
    "empty": (lambda: b"", "not a DSSE envelope"),
    "a login page": (lambda: b"<html>Welcome to the hotel</html>", "not a DSSE envelope"),
    "another encoding": (lambda: sign(make(seq=6)).decode().encode("utf-16"), "not a DSSE envelope"),
    "a list": (lambda: b"[]", "not a DSSE envelope"),
    "deeply nested": (lambda: b"[" * 200_000, "not a DSSE envelope"),
    "bare JSON": (lambda: json.dumps(make(seq=6)).encode(), "not a DSSE envelope"),
    "oversize": (lambda: sign(make(seq=6, note="x" * 300_000)), "longer than 262,144 bytes"),
    "older number": (lambda: sign(make(seq=4)), "number 4; number 5 was seen already"),
    "older issue of the number": (
        lambda: sign(make(issued=iso(timezone.now() - timedelta(days=1)))),
        "times never go back",
    ),
    "higher number issued earlier": (
        lambda: sign(make(seq=6, issued=iso(timezone.now() - timedelta(days=1)))),
        "times never go back",
    ),
    "absurd jump": (lambda: sign(make(seq=2_000_000)), "jumps from number 5 to 2000000"),
    "expired": (lambda: sign(make(seq=6, expires=iso(timezone.now() - timedelta(seconds=5)))), "expired at"),
    "expires before issue": (lambda: sign(make(seq=6, expires="2020-01-01T00:00:00Z")), "before it was issued"),
    "mixed project": (lambda: sign(make(seq=6, project="cups")), "for project 'cups'; asked was 'mugs'"),
    "mixed channel": (lambda: sign(make(seq=6, channel="beta")), "for channel 'beta'"),
    "mixed iface": (lambda: sign(make(seq=6, iface=2)), "for iface 2"),
    "iface that is no number": (lambda: sign(make(seq=6, iface=True)), "for iface True"),
    "mixed platform": (lambda: sign(make(seq=6, platform="ios")), "for platform 'ios'"),
    "mixed runtime": (lambda: sign(make(seq=6, runtime="onnx")), "for runtime 'onnx'"),
    "a later spec": (lambda: sign(make(seq=6, spec=2)), "spec 2; this client knows 1"),
    "number that is no number": (lambda: sign(make(seq="6")), "malformed"),
    "number of a boolean": (lambda: sign(make(seq=True)), "malformed"),
    "missing field": (lambda: sign({k: v for k, v in make(seq=6).items() if k != "revoked"}), "'revoked'"),
    "payload that is no JSON": (lambda: sign(None, raw=b"\x00\xff"), "not JSON"),
    "payload that is no object": (lambda: sign([1]), "not a JSON object"),
    "unknown directive": (lambda: sign(make(seq=6, directive="use_embedded")), "'use_embedded'"),
    "malformed rollout": (
        lambda: sign(make(seq=6, releases=[make()["releases"][0] | {"rollout": {}}])),
        "rollout rule is malformed",
    ),
    "file on another server": (lambda: sign(other_file("//evil.example/x")), "malformed"),
    "file at an address": (lambda: sign(other_file("https://evil.example/x")), "malformed"),
    "file of a huge size": (lambda: sign(with_artifact(sha256="1" * 64, size_bytes=10**12)), "at most 200,000,000"),
    "threshold beyond 1": (
        lambda: sign(with_rejection(thresholds=[{"cost": 5, "threshold": 1.5}])),
        "malformed",
    ),
    "no threshold at all": (lambda: sign(with_rejection(thresholds=[])), "malformed"),
    "digest that leaves the folder": (lambda: sign(with_artifact(sha256="../../../../etc/passwd")), "malformed"),
}


def test_score_of_a_later_server_is_left_alone(fetch: Fetch, server: Answers, home: Path) -> None:
    server.document(sign(with_rejection(score="energy", thresholds=[{"below": 3}])))
    assert fetch()[0] == 0
    assert json.loads((home / "current.json").read_text())["rejection"] is None


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_everything_stays(fetch: Fetch, server: Answers, home: Path, name: str) -> None:
    assert fetch()[0] == 0
    before = everything(home)
    body, said = REFUSED[name]
    server.document(body())
    status, why = fetch()
    assert status == 3, why
    assert said in why
    assert everything(home) == before


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"MODEL " * 100, "has SHA-256"),
        (MODEL + b"more", "longer than the 600 bytes"),
    ],
)
def test_wrong_file_is_refused_and_the_old_model_stays(
    fetch: Fetch, server: Answers, home: Path, body: bytes, said: str
) -> None:
    assert fetch()[0] == 0
    before = (home / "current.json").read_bytes()
    document = with_artifact(sha256=digest(b"what was signed"), path="/m/new")
    server.document(sign(document))
    server.file("/m/new", body)
    status, why = fetch()
    assert status == 3
    assert said in why
    assert (home / "current.json").read_bytes() == before
    assert not list((home / "downloads").iterdir())


def test_file_that_ends_early_is_trouble(fetch: Fetch, server: Answers, home: Path) -> None:
    server.document(sign(with_artifact(size_bytes=len(MODEL) + 1)))
    status, why = fetch()
    assert status == 4, why
    assert not (home / "current.json").exists()


def test_answer_for_another_range_is_refused(fetch: Fetch, server: Answers, home: Path) -> None:
    (home / "downloads").mkdir(parents=True)
    (home / "downloads" / f"{digest(MODEL)}.part").write_bytes(MODEL[:100])
    path = make()["releases"][0]["artifacts"][0]["path"]
    server.file(path, MODEL[50:], 206, Content_Range="bytes 50-599/600")
    status, why = fetch()
    assert status == 3
    assert "bytes 50-599/600" in why


def test_server_that_knows_no_ranges_sends_the_whole(fetch: Fetch, server: Answers, home: Path) -> None:
    (home / "downloads").mkdir(parents=True)
    (home / "downloads" / f"{digest(MODEL)}.part").write_bytes(b"x" * 100)
    assert fetch()[0] == 0


def test_server_in_trouble_is_asked_once(fetch: Fetch, server: Answers) -> None:
    path = make()["releases"][0]["artifacts"][0]["path"]
    server.file(path, b'{"detail": "The bytes are not in the storage."}', 503)
    status, why = fetch()
    assert status == 4
    assert "503: The bytes are not in the storage." in why
    assert sum(asked.startswith("/m/") for asked, _ in server.asked) == 1


def test_another_key_is_refused_though_the_server_says_304(fetch: Fetch, server: Answers) -> None:
    server.document(sign(make()), ETag='"one"')
    assert fetch()[0] == 0
    server.document(b"", 304)
    assert fetch()[0] == 0
    other = base64.b64encode(THEIRS.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    assert fetch(other)[0] == 3


def test_304_for_ever_ends_with_the_document(fetch: Fetch, server: Answers, home: Path) -> None:
    server.document(sign(make(expires=iso(timezone.now() + timedelta(seconds=2)))), ETag='"one"')
    assert fetch()[0] == 0
    server.document(b"", 304)
    time.sleep(2.1)
    status, why = fetch()
    assert status == 3
    assert "expired" in why
    assert (home / "current.json").exists()


def test_304_that_was_not_asked_for_is_trouble(fetch: Fetch, server: Answers) -> None:
    server.document(b"", 304)
    assert fetch()[0] == 4


def test_first_contact_believes_no_absurd_number(fetch: Fetch, server: Answers, home: Path) -> None:
    server.document(sign(make(seq=1_000_001)))
    assert fetch()[0] == 3
    assert not (home / "current.json").exists()


def test_one_good_signature_of_several_is_enough(fetch: Fetch, server: Answers) -> None:
    server.document(sign(make(), THEIRS, OURS))
    assert fetch()[0] == 0


def test_unknown_fields_are_left_alone(fetch: Fetch, server: Answers) -> None:
    server.document(sign(make(later={"idea": 1})))
    assert fetch()[0] == 0


def test_revoked_file_is_not_chosen_and_not_used(
    fetch: Fetch, server: Answers, home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert fetch()[0] == 0
    server.document(sign(make(seq=6, revoked=[digest(MODEL)])))
    status, why = fetch()
    assert (status, why) == (0, "No release is for this phone yet.")
    assert main(["classify", "photo.jpg", "--home", str(home)]) == 3
    assert "was revoked" in capsys.readouterr().err


def test_release_of_a_ramp_to_come_is_not_taken(fetch: Fetch, server: Answers) -> None:
    document = make()
    later = iso(timezone.now() + timedelta(days=1))
    document["releases"][0]["rollout"]["ramp"] = [[later, 1_000_000]]
    server.document(sign(document))
    assert fetch() == (0, "No release is for this phone yet.")


def test_clock_set_back_revives_nothing() -> None:
    request = Request(project="mugs", channel="stable", iface=1, platform="linux", runtime="litert")
    document = make(issued="2026-11-21T12:00:00Z", expires="2026-11-28T12:00:00Z")
    payload = json.dumps(document).encode()
    in_1970 = datetime(1970, 1, 1, tzinfo=UTC)
    assert accept(payload, request, None, device_clock=in_1970).seq == 5
    later = Seen(5, NOW + timedelta(days=7), "0" * 64)
    newer = json.dumps(document | {"seq": 6, "issued": iso(later.issued), "expires": iso(later.issued)}).encode()
    with pytest.raises(Refused):
        accept(newer, request, later, device_clock=in_1970)
    with pytest.raises(Refused, match="Two different documents"):
        accept(payload, request, Seen(5, NOW, "0" * 64), device_clock=NOW)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--key", "c2hvcnQ="], "wrong length"),
        (["--key", "not base64!"], "cannot be read"),
        (["--key", "/nowhere/key.pub"], "cannot be read"),
        (["--project", "../x"], "--project is '../x'"),
        (["--iface", "0"], "--iface is 0"),
        (["--url", "localhost:8000"], "allowed is http://"),
    ],
)
def test_fetch_called_wrongly_says_what_is_allowed(fetch: Fetch, home: Path, change: list[str], said: str) -> None:
    status, why = fetch(PUBLIC, *change)
    assert status == 2
    assert said in why
    assert not home.exists()


@given(body=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_refused_in_words(body: bytes) -> None:
    with pytest.raises(Refused):
        open_envelope(body, [OURS.public_key()])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(sorted(make())), value=JSON)
def test_any_value_in_a_signed_field_is_believed_or_refused(name: str, value: Any) -> None:
    request = Request(project="mugs", channel="stable", iface=1, platform="linux", runtime="litert")
    payload = json.dumps(make(**{name: value})).encode()
    with contextlib.suppress(Refused):
        assert accept(payload, request, None, device_clock=NOW).seq >= 1


@given(seed=st.text("0123456789abcdef", min_size=32, max_size=32), salt=st.text(max_size=20))
def test_rollout_that_widens_loses_nobody(seed: str, salt: str) -> None:
    place = place_of(salt, seed)
    assert 0 <= place < 1_000_000
    for share in (10_000, 250_000, 1_000_000):
        rule = {"salt": salt, "from": 0, "ramp": [["2026-11-21T03:00:00Z", share]]}
        assert is_admitted(rule, seed=seed, clock=NOW) == (place < share)
