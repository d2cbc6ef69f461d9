"""The phone against the real server over real HTTP: polls, downloads, goes on after a cut, switches."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelhub.client.cli import main
from modelhub.domain import documents, releases, signing
from modelhub.domain.releases import Release
from tests.modelhub.making import make_files, publish
from tests.modelhub.wire import Line, line_to

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def published(hub: Path, transactional_db: None) -> Release:
    return publish(make_files(hub))


@pytest.fixture
def line(live_server: Any, published: Release) -> Iterator[Line]:
    with line_to(live_server.url) as line:
        yield line


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "phone"


def arguments(url: str, home: Path, *more: str) -> list[str]:
    from django.conf import settings

    key = str(signing.public_file(settings.HUB_KEY_FILE))
    return ["fetch", "--url", url, "--project", "mugs", "--key", key, "--home", str(home), "--json", *more]


@pytest.fixture
def fetch(line: Line, home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    def run(*more: str) -> tuple[int, dict[str, Any]]:
        status = main(arguments(line.url, home, *more))
        return status, json.loads(capsys.readouterr().out)

    return run


def current(home: Path) -> dict[str, Any]:
    return dict(json.loads((home / "current.json").read_text()))


def test_fetch_installs_the_published_file(fetch: Any, home: Path, published: Release) -> None:
    status, said = fetch()
    artifact = published.artifacts.get(runtime="litert", precision="int8")
    assert status == 0
    assert said == {
        "outcome": "installed",
        "why": "Installed release 2026-11-21.1 (litert int8, 1,000 bytes).",
        "seq": 1,
        "version": "2026-11-21.1",
        "sha256": artifact.sha256,
        "precision": "int8",
        "size_bytes": 1000,
        "received_bytes": 1000,
        "resumed_at": 0,
    }
    pointer = current(home)
    assert (home / pointer["file"]).read_bytes() == (b"a litert int8 " * 100)[:1000]
    assert (pointer["labels"], pointer["input"]) == (published.labels, published.input_contract)


def test_fetch_again_is_304_and_changes_nothing(fetch: Any, home: Path, line: Line) -> None:
    fetch()
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file() and path.name != "lock"}
    del line.requests[:]
    status, said = fetch()
    assert (status, said["outcome"], said["received_bytes"]) == (0, "unchanged", 0)
    (request,) = line.requests
    assert b"if-none-match" in request.lower()
    assert before == {
        path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file() and path.name != "lock"
    }


def test_fetch_sends_the_five_parameters_and_nothing_about_the_phone(fetch: Any, line: Line, home: Path) -> None:
    fetch()
    first = line.requests[0].decode()
    assert first.startswith(
        "GET /models/latest?project=mugs&channel=stable&iface=1&platform=linux&runtime=litert HTTP/1.1\r\n"
    )
    assert (home / "seed").read_text() not in b"".join(line.requests).decode()


@pytest.mark.parametrize(("wanted", "taken"), [("fp32", "fp32"), ("int8", "int8"), ("int4", "fp32")])
def test_fetch_takes_the_precision_asked_for_or_what_is_there(hub: Path, fetch: Any, wanted: str, taken: str) -> None:
    if wanted == "int4":
        publish(make_files(hub, "b")[1:], origin="run:2")
    assert fetch("--precision", wanted)[1]["precision"] == taken


def test_fetch_for_another_runtime_takes_its_file(fetch: Any, home: Path) -> None:
    assert fetch("--runtime", "onnx", "--precision", "fp32")[0] == 0
    assert current(home)["file"].endswith("model.onnx")


def test_fetch_when_cut_goes_on_where_it_stopped(fetch: Any, home: Path, line: Line) -> None:
    line.file_bytes = 300
    status, said = fetch()
    assert (status, said["received_bytes"]) == (0, 1000)  # 300 + 300 + 300 + 100
    assert line.broken == 3
    asked = [request.decode() for request in line.requests if request.startswith(b"GET /m/")]
    ranges = [next((row for row in one.lower().split("\r\n") if row.startswith("range")), "") for one in asked]
    assert ranges == ["", "range: bytes=300-", "range: bytes=600-", "range: bytes=900-"]
    assert ["if-range" in one.lower() for one in asked] == [False, True, True, True]


def test_fetch_that_stays_cut_keeps_what_came_for_the_next_call(fetch: Any, home: Path, line: Line) -> None:
    line.file_bytes = 100
    status, said = fetch()
    assert status == 4
    assert said["outcome"] == "trouble"
    assert "400 of 1,000 bytes" in said["why"]
    assert not (home / "current.json").exists()
    line.file_bytes = 10**9
    status, said = fetch()
    assert (status, said["resumed_at"], said["received_bytes"]) == (0, 400, 600)


def test_fetch_onto_a_part_of_other_bytes_is_refused_and_the_next_call_heals(
    fetch: Any, home: Path, published: Release
) -> None:
    sha256 = published.artifacts.get(runtime="litert", precision="int8").sha256
    (home / "downloads").mkdir(parents=True)
    (home / "downloads" / f"{sha256}.part").write_bytes(b"x" * 400)
    status, said = fetch()
    assert (status, said["outcome"]) == (3, "refused")
    assert sha256 in said["why"]
    assert fetch()[0] == 0


def test_fetch_onto_a_part_that_is_too_long_starts_over(fetch: Any, home: Path, published: Release) -> None:
    sha256 = published.artifacts.get(runtime="litert", precision="int8").sha256
    (home / "downloads").mkdir(parents=True)
    (home / "downloads" / f"{sha256}.part").write_bytes(b"x" * 4000)
    assert fetch()[1]["received_bytes"] == 1000


def test_fetch_of_a_new_release_switches_and_keeps_the_one_before(fetch: Any, home: Path, hub: Path) -> None:
    fetch()
    first = current(home)
    publish(make_files(hub, "b"), origin="run:2")
    status, said = fetch()
    assert (status, said["outcome"], said["version"], said["seq"]) == (0, "installed", "2026-11-21.2", 2)
    assert json.loads((home / "previous.json").read_text()) == first
    publish(make_files(hub, "c"), origin="run:3")
    fetch()
    assert sorted(path.name for path in (home / "models").iterdir()) == sorted(
        json.loads((home / name).read_text())["sha256"] for name in ("current.json", "previous.json")
    )


def test_fetch_follows_a_rollback_without_downloading(fetch: Any, home: Path, hub: Path) -> None:
    fetch()
    publish(make_files(hub, "b"), origin="run:2")
    fetch()
    releases.point_channel("mugs", "stable", "2026-11-21.1")
    status, said = fetch()
    assert (status, said["outcome"], said["version"], said["seq"]) == (0, "installed", "2026-11-21.1", 3)
    assert said["received_bytes"] == 0


def test_fetch_of_the_same_bytes_in_a_new_release_takes_its_labels(fetch: Any, home: Path, hub: Path) -> None:
    fetch()
    labels = [{"slug": "cup", "name": "A tea cup"}, {"slug": "mug", "name": "A mug"}]
    publish(make_files(hub), origin="run:2", labels=labels)
    status, said = fetch()
    assert (status, said["outcome"], said["received_bytes"]) == (0, "installed", 0)
    assert current(home)["labels"] == labels


def test_fetch_accepts_a_document_signed_anew(fetch: Any) -> None:
    fetch()
    documents.refresh_documents(everything=True)
    status, said = fetch()
    assert (status, said["outcome"], said["seq"]) == (0, "unchanged", 1)


def test_fetch_repairs_a_file_that_was_damaged_on_disk(fetch: Any, home: Path) -> None:
    fetch()
    path = home / current(home)["file"]
    path.write_bytes(b"rotten")
    status, said = fetch()
    assert (status, said["outcome"], said["received_bytes"]) == (0, "installed", 1000)
    assert path.stat().st_size == 1000


def test_fetch_without_a_server_is_trouble_and_the_model_stays(
    fetch: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch()
    before = (home / "current.json").read_bytes()
    status = main(arguments("http://127.0.0.1:9", home))
    assert status == 4
    assert "The model in use stays." in json.loads(capsys.readouterr().out)["why"]
    assert (home / "current.json").read_bytes() == before


def test_fetch_repeats_what_the_server_says(fetch: Any) -> None:
    status, said = fetch("--channel", "beta")
    assert status == 4
    assert "404" in said["why"]
    assert "no channel 'beta'. Allowed: stable." in said["why"]


def test_fetch_of_a_larger_file_than_allowed_is_refused(fetch: Any, home: Path) -> None:
    status, said = fetch("--max-mb", "0")
    assert status == 3
    assert "1,000 bytes; at most 0 are allowed" in said["why"]
    assert not (home / "current.json").exists()


def test_fetch_by_two_at_once_installs_once(line: Line, home: Path) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(main(arguments(line.url, home)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [0, 0, 0]
    assert sum(request.startswith(b"GET /m/") for request in line.requests) == 1


def test_fetch_when_killed_in_mid_download_goes_on(fetch: Any, line: Line, home: Path, hub: Path) -> None:
    fetch()
    before = (home / "current.json").read_bytes()
    publish(make_files(hub, "b"), origin="run:2")
    stalled = threading.Event()
    child = subprocess.Popen(  # its line gives 500 bytes and then nothing
        [sys.executable, "-m", "modelhub.client", *arguments(_stalling(line.url, stalled), home)],
        cwd=ROOT, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert stalled.wait(30)
    parts = home / "downloads"
    deadline = time.monotonic() + 20
    while not [part for part in parts.iterdir() if part.stat().st_size] and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert (home / "current.json").read_bytes() == before
    status, said = fetch()
    assert (status, said["version"]) == (0, "2026-11-21.2")
    assert said["resumed_at"] + said["received_bytes"] == 1000


def _stalling(url: str, stalled: threading.Event) -> str:
    """A server's front that passes the document, and of a file only the first half; then it is silent."""
    import http.client
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from urllib.parse import urlsplit

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = http.client.HTTPConnection(urlsplit(url).netloc)
            target.request("GET", self.path, headers=dict(self.headers))
            answer = target.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name in ("Content-Type", "Content-Length", "ETag"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.end_headers()
            half = self.path.startswith("/m/")
            self.wfile.write(body[:500] if half else body)
            if half:
                self.wfile.flush()
                stalled.set()
                time.sleep(60)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_key_may_be_the_saved_answer_of_the_server(fetch: Any, client: Any, tmp_path: Path) -> None:
    saved = tmp_path / "key.json"
    saved.write_bytes(client.get("/models/key").content)
    assert fetch("--key", str(saved))[0] == 0
