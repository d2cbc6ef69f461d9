"""Publishing: once however often it is asked, whole however it is killed, and never backwards."""

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from foundation import blobs
from foundation.problems import Problem
from modelhub.domain import documents, files, releases, signing
from modelhub.models import Artifact, Channel, Document, Release
from tests.modelhub.making import CONTRACT, LABELS, make_file, make_files, publish

PAIRS = {
    ("ios", "coreml"), ("ios", "litert"), ("ios", "onnx"),
    ("android", "litert"), ("android", "onnx"), ("linux", "litert"), ("linux", "onnx"),
}  # fmt: skip


def counts() -> tuple[int, int, int, int]:
    return Release.objects.count(), Artifact.objects.count(), Channel.objects.count(), Document.objects.count()


@pytest.mark.django_db
def test_publish_makes_release_artifacts_channel_and_a_document_for_each_pair(hub: Path) -> None:
    release = publish(make_files(hub))
    assert (release.version, release.iface) == ("2026-11-21.1", 1)
    assert counts() == (1, 4, 1, 7)
    assert set(Document.objects.values_list("platform", "runtime")) == PAIRS
    assert set(Document.objects.values_list("seq", flat=True)) == {1}
    for artifact in release.artifacts.all():
        assert blobs.copy_sha(files.key_of(artifact.sha256)) == artifact.sha256
    assert releases.current("mugs") == release
    assert releases.latest_of(["mugs", "cups"]) == {"mugs": release}


@pytest.mark.django_db
def test_publish_without_core_ml_has_no_document_for_it(hub: Path) -> None:
    publish(make_files(hub))
    publish(make_files(hub, "b")[:3], origin="run:2")
    assert set(Document.objects.values_list("platform", "runtime")) == PAIRS - {("ios", "coreml")}


@pytest.mark.django_db
def test_publish_twice_is_one_release(hub: Path) -> None:
    first = publish(make_files(hub))
    assert publish(make_files(hub, "other bytes")) == first
    assert counts() == (1, 4, 1, 7)
    assert Channel.objects.get().seq == 1


@pytest.mark.django_db
def test_publish_again_the_same_night_counts_on(hub: Path) -> None:
    versions = [publish(make_files(hub, str(n)), origin=f"run:{n}").version for n in range(11)]
    assert versions == [f"2026-11-21.{n}" for n in range(1, 12)]
    assert Channel.objects.get().seq == 11


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same_origin", [True, False])
def test_publish_at_once_is_one_release_an_origin(hub: Path, same_origin: bool) -> None:
    artifacts = make_files(hub)
    made: list[Release] = []

    def run(number: int) -> None:
        try:
            made.append(publish(artifacts, origin="run:1" if same_origin else f"run:{number}"))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = 1 if same_origin else 4
    assert len(made) == 4
    assert {one.version for one in made} == {f"2026-11-21.{n}" for n in range(1, expected + 1)}
    assert (Release.objects.count(), Channel.objects.get().seq) == (expected, expected)


class Killed(BaseException):
    """As SIGKILL: no handler of ours runs."""


STEPS: list[tuple[Any, str]] = [
    (files, "store"),
    (releases, "_next_version"),
    (releases, "_point"),
    (documents, "write_documents"),
    (signing, "sign"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("module", "name"), STEPS, ids=[name for _, name in STEPS])
def test_publish_when_killed_leaves_no_row_and_the_next_call_finishes(
    hub: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: bool
) -> None:
    real: Callable[..., Any] = getattr(module, name)

    def dies(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(module, name, dies)
    with pytest.raises(Killed):
        publish(make_files(hub))
    assert counts() == (0, 0, 0, 0)
    monkeypatch.undo()
    assert publish(make_files(hub)).version == "2026-11-21.1"
    assert counts() == (1, 4, 1, 7)


@pytest.mark.django_db
def test_publish_mends_a_blob_that_was_stored_damaged(hub: Path) -> None:
    file = make_file(hub, b"model " * 100)
    blobs.write(files.key_of(file.sha256), b"half of it")
    publish([file])
    assert blobs.copy_sha(files.key_of(file.sha256)) == file.sha256


@pytest.mark.django_db
def test_publish_when_the_storage_gives_back_other_bytes_publishes_nothing(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "copy_sha", lambda _key: "0" * 64)
    with pytest.raises(Problem) as caught:
        publish(make_files(hub))
    assert caught.value.kind == "artifact-damaged"
    assert counts() == (0, 0, 0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"size_bytes": 3}])
def test_publish_of_a_file_that_changed_since_it_was_measured_is_refused(hub: Path, change: dict[str, Any]) -> None:
    file = dataclasses.replace(make_file(hub, b"model " * 100), **change)
    with pytest.raises(Problem) as caught:
        publish([file])
    assert caught.value.kind == "artifact-damaged"
    assert not blobs.exists(files.key_of(file.sha256))


@pytest.mark.django_db
def test_publish_without_a_key_publishes_nothing(hub: Path, settings: Any, tmp_path: Path) -> None:
    settings.HUB_KEY_FILE = tmp_path / "none"
    with pytest.raises(Problem, match="make_keys"):
        publish(make_files(hub))
    assert counts() == (0, 0, 0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"labels": []}, "invalid-release"),
        ({"labels": [LABELS[0], LABELS[0]]}, "invalid-release"),
        ({"project_slug": "mugs/../x"}, "invalid-release"),
        ({"channel": ""}, "invalid-release"),
    ],
)
def test_publish_of_what_cannot_be_delivered_is_refused(hub: Path, changes: dict[str, Any], kind: str) -> None:
    with pytest.raises(Problem) as caught:
        publish(make_files(hub), **changes)
    assert caught.value.kind == kind
    assert caught.value.allowed


@pytest.mark.django_db
def test_publish_of_no_file_a_variant_twice_or_another_runtime_is_refused(hub: Path) -> None:
    file = make_file(hub, b"model")
    for artifacts in ([], [file, file], [dataclasses.replace(file, runtime="tensorrt")]):
        with pytest.raises(Problem):
            publish(artifacts)
    assert counts() == (0, 0, 0, 0)


THIRD = {"slug": "jug", "name": "A jug"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "iface"),
    [
        ({}, 1),
        ({"labels": [*LABELS, THIRD]}, 1),
        ({"labels": LABELS[::-1]}, 1),
        ({"labels": [LABELS[0], THIRD]}, 2),
        ({"input_contract": CONTRACT | {"size": 64}}, 2),
        ({"input_contract": CONTRACT | {"output": {"name": "logits", "activation": "none"}}}, 2),
        ({"input_contract": CONTRACT | {"normalise": {"where": "in_graph", "mean": [0, 0, 0], "std": [1, 1, 1]}}}, 1),
    ],
)
def test_iface_rises_only_when_an_app_would_break(hub: Path, changes: dict[str, Any], iface: int) -> None:
    publish(make_files(hub))
    assert publish(make_files(hub, "b"), origin="run:2", **changes).iface == iface


@pytest.mark.django_db
def test_iface_keeps_a_label_that_came_later(hub: Path) -> None:
    publish(make_files(hub))
    publish(make_files(hub, "b"), origin="run:2", labels=[*LABELS, THIRD])
    assert publish(make_files(hub, "c"), origin="run:3").iface == 2  # apps may know the jug by now


@pytest.mark.django_db
def test_phones_of_the_old_interface_keep_their_channel(hub: Path) -> None:
    old = publish(make_files(hub))
    new = publish(make_files(hub, "b"), origin="run:2", input_contract=CONTRACT | {"size": 64})
    assert list(Channel.objects.order_by("iface").values_list("iface", "seq", "release")) == [
        (1, 1, old.pk),
        (2, 1, new.pk),
    ]
    assert releases.current("mugs") == new


@pytest.mark.django_db
def test_rollback_is_a_higher_number_that_points_to_the_older_release(hub: Path) -> None:
    old = publish(make_files(hub))
    publish(make_files(hub, "b"), origin="run:2")
    channel = releases.point_channel("mugs", "stable", old.version)
    assert (channel.seq, channel.release) == (3, old)
    assert releases.current("mugs") == old
    document = Document.objects.get(platform="linux", runtime="litert")
    assert document.seq == 3
    assert old.version.encode() in bytes(document.payload)


@pytest.mark.django_db
def test_rollback_twice_changes_nothing(hub: Path) -> None:
    old = publish(make_files(hub))
    publish(make_files(hub, "b"), origin="run:2")
    assert [releases.point_channel("mugs", "stable", old.version).seq for _ in range(2)] == [3, 3]


@pytest.mark.django_db
def test_rollback_command_says_what_follows(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(make_files(hub))
    publish(make_files(hub, "b"), origin="run:2")
    call_command("rollback", "mugs", "2026-11-21.1")
    assert "points to 2026-11-21.1 under number 3" in capsys.readouterr().out


@pytest.mark.django_db
def test_rollback_to_what_is_not_there_lists_what_is(hub: Path) -> None:
    publish(make_files(hub))
    with pytest.raises(CommandError, match=r"no release '2025-01-01\.1'.*Allowed: 2026-11-21\.1"):
        call_command("rollback", "mugs", "2025-01-01.1")
    with pytest.raises(CommandError, match="no channel 'beta'"):
        call_command("rollback", "mugs", "2026-11-21.1", "--channel=beta")


@pytest.mark.django_db
def test_best_of_the_last_days_by_a_metric(hub: Path) -> None:
    for number, accuracy in enumerate([0.91, 0.97, 0.93], start=1):
        publish(make_files(hub, str(number)), origin=f"run:{number}", metrics={"golden_accuracy": accuracy})
    best = releases.best_of("mugs")
    assert best is not None
    assert best.metrics == {"golden_accuracy": 0.97}
    assert releases.best_of("mugs", metric="none of these") is None
    assert releases.best_of("mugs", days=0) is None


@pytest.mark.django_db
def test_current_before_the_first_release_is_none() -> None:
    assert releases.current("mugs") is None
    assert releases.latest_of(["mugs"]) == {}
