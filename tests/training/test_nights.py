"""Real nights on a tiny project: the first release, a night without news, a new label, and the command for them."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from collector.domain import contributions, projects, results
from collector.enums import LabelState
from collector.models import Project
from foundation import blobs, jobs
from foundation.enums import JobState
from modelhub.domain import releases
from tests.training import nights_kit as kit
from training.domain import answers, nights, queries, reports, stages
from training.domain.folders import KIND
from training.domain.shifts import NightStoppedError, Told
from training.enums import PackState, RunState, StageName
from training.models import FeaturePack, Run, Stage

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("committed")]
LABELS = ("red", "green", "blue")
SECOND, THIRD, FOURTH = (kit.NIGHT + timedelta(days=days) for days in (1, 2, 3))


@pytest.fixture(scope="module")
def project(committed: None, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = kit.make_project("colours", weights)
    # The file of start weights is of the first network: the second is left out when one is chosen.
    projects.change_settings(made, architectures=["squeezenet1_1", "mnasnet0_5"])
    kit.add_photos(made, tmp_path_factory.mktemp("photos"), labels=LABELS)
    return made


@pytest.fixture(scope="module")
def first(project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, Any]]:
    """The first night, run by the command, and the figures it wrote."""
    out = tmp_path_factory.mktemp("json") / "night.json"
    call_command("nightly", "--project", "colours", "--night", str(kit.NIGHT), "--json", str(out))
    return queries.get_run(project, kit.NIGHT), json.loads(out.read_text())


def test_the_first_night_publishes_a_release(project: Project, first: tuple[Run, dict[str, Any]]) -> None:
    run, _ = first
    assert (run.state, run.decision, run.release) == (RunState.PUBLISHED, "publish", "2026-11-21.1")
    assert run.why.startswith("the first release: right on ")
    release = releases.current("colours")
    assert release
    assert (release.version, release.origin) == (run.release, f"run:{run.pk}")
    assert [label["slug"] for label in release.labels] == list(LABELS)
    job = jobs.find(KIND, str(run.pk))
    assert job
    assert job.state == JobState.DONE


def test_every_stage_has_one_row_and_stored_files(first: tuple[Run, dict[str, Any]]) -> None:
    run, _ = first
    rows = list(run.stages.order_by("pk"))
    assert [row.name for row in rows] == list(kit.STAGE_NAMES)
    assert all(blobs.copy_sha(stages.blob_key(sha)) == sha for row in rows for sha in row.files.values())
    assert all(row.cpu_seconds > 0.1 for row in rows if row.name in kit.CHILD_STAGES)
    assert not list((Path(settings.DAYBREAK_HOME) / "work").iterdir())


def test_the_json_has_exactly_the_agreed_members(first: tuple[Run, dict[str, Any]]) -> None:
    run, found = first
    assert set(found) == {
        "run", "night", "snapshot", "strategy", "candidate", "stability", "cost", "choice", "artifacts", "gate",
        "release", "seconds", "cpu_seconds", "cpu_seconds_by_stage",
    }  # fmt: skip
    assert set(found["snapshot"]) == {"photos", "labels", "volunteers", "train", "golden"}
    assert set(found["strategy"]) == {"name", "why"}
    assert set(found["candidate"]) == {"arch", "golden_accuracy", "golden_balanced_accuracy"}
    assert set(found["cost"]) == {"multiply_adds", "bytes_int8", "latency_ms", "machine"}
    artifact = {"runtime", "precision", "bytes", "sha256", "golden_accuracy", "flips_vs_fp32", "verified_by"}
    assert {frozenset(each) for each in found["artifacts"]} == {frozenset(artifact)}
    assert {(each["runtime"], each["precision"]) for each in found["artifacts"]} == {
        ("coreml", "fp16"), ("coreml", "int8"), ("litert", "fp32"), ("litert", "int8"), ("onnx", "fp32"),
    }  # fmt: skip
    assert found["gate"] == {"decision": "publish", "why": run.why}
    assert (found["run"], found["night"], found["release"]) == (run.pk, "2026-11-21", "2026-11-21.1")
    assert (found["snapshot"]["photos"], found["snapshot"]["labels"], found["snapshot"]["volunteers"]) == (108, 3, 12)
    assert list(found["seconds"]) == list(kit.STAGE_NAMES)
    assert found["cpu_seconds"] > 5


def test_a_project_without_rejected_photos_publishes_a_model_that_always_answers(
    first: tuple[Run, dict[str, Any]],
) -> None:
    run, _ = first
    rejection = reports.rejection(run)
    assert rejection
    assert "0 photos by 0 volunteers were rejected" in rejection["why"]
    release = releases.current("colours")
    assert release
    assert release.rejection is None


def test_network_is_chosen_of_those_that_have_start_weights(first: tuple[Run, dict[str, Any]]) -> None:
    choice = first[1]["choice"]
    assert first[1]["candidate"]["arch"] == choice["arch"] == "squeezenet1_1"
    assert [row["arch"] for row in choice["candidates"]] == ["squeezenet1_1"]
    assert [row["arch"] for row in choice["left_out"]] == ["mnasnet0_5"]
    assert choice["photos"] == first[1]["snapshot"]["train"]
    stored = FeaturePack.objects.filter(key=choice["keys"]["squeezenet1_1"], state=PackState.READY)
    assert sum(pack.photos for pack in stored) == choice["photos"]
    assert set(first[0].stages.get(name=StageName.CHOOSE).files) == {"result.json"}


def test_artifacts_that_flip_answers_are_not_in_the_release(first: tuple[Run, dict[str, Any]]) -> None:
    run, found = first
    release = releases.current("colours")
    assert release
    shipped = {(each.runtime, each.precision) for each in release.artifacts.all()}
    steady = {(each["runtime"], each["precision"]) for each in found["artifacts"] if each["flips_vs_fp32"] <= 0.01}
    assert shipped == steady
    withheld = run.stages.get(name=StageName.GATE).result["withheld"]
    assert len(withheld) == len(found["artifacts"]) - len(shipped)


def test_pages_can_tell_everything(first: tuple[Run, dict[str, Any]]) -> None:
    run, found = first
    progress = queries.progress_of(run)
    assert {stage["state"] for stage in progress["stages"]} == {"done"}
    assert progress["now"] is None
    assert reports.headline(run).startswith("Published release 2026-11-21.1: the first release")
    rows = reports.label_rows(run)
    assert [row["slug"] for row in rows] == list(LABELS)
    assert sum(row["golden"] for row in rows) == found["snapshot"]["golden"]
    assert all(0 <= row["candidate"]["low"] <= row["recall"] <= row["candidate"]["high"] <= 1 for row in rows)
    told = answers.read_answers(run)
    assert told.photos == found["snapshot"]["golden"]
    assert told.photos - told.wrong == sum(row["candidate"]["correct"] for row in rows)


def test_the_night_hands_over_whose_photos_helped_and_how_each_label_did(
    project: Project, first: tuple[Run, dict[str, Any]]
) -> None:
    _, found = first
    people = contributions.of_night(project, kit.NIGHT)
    assert [(row.photos, row.low <= row.fixed - row.broken <= row.high) for row in people] == [(9, True)] * 9
    rows = results.of_night(project, kit.NIGHT)
    assert [row.label.slug for row in rows] == list(LABELS)
    assert sum(row.photos for row in rows) == found["snapshot"]["golden"]


def test_a_finished_night_is_not_run_again(
    first: tuple[Run, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = first
    before = kit.rows_of(run)
    call_command("nightly", "--project", "colours", "--night", str(kit.NIGHT))
    assert "Published release 2026-11-21.1" in capsys.readouterr().out
    assert kit.rows_of(run) == before


def test_a_night_without_new_photos_reuses_every_stage_and_keeps_the_model(
    project: Project, first: tuple[Run, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("nightly", "--project", "colours", "--night", str(SECOND))
    run = queries.get_run(project, SECOND)
    assert (run.state, run.decision, run.release) == (RunState.KEPT, "keep", "")
    assert "Kept last night's model: nothing has changed since the model in use was trained" in capsys.readouterr().out
    rows = queries.stages_of(run)
    before = queries.stages_of(first[0])
    for name in kit.CHILD_STAGES:
        assert (rows[name].reused_from, rows[name].output_digest) == (before[name], before[name].output_digest)
    assert sum(row.cpu_seconds for row in rows.values()) < 2
    assert StageName.PUBLISH not in rows
    assert releases.current("colours").version == "2026-11-21.1"


def test_a_new_label_earns_the_next_release(
    project: Project, first: tuple[Run, dict[str, Any]], tmp_path: Path
) -> None:
    label = projects.add_label(project, "white", name="White", state=LabelState.COLLECTING)
    kit.add_photos(project, tmp_path, labels=("white",))
    projects.start_teaching(label)
    told: list[Told] = []
    run = nights.run_night(nights.find_or_add_run(project, THIRD).pk, listen=told.append)
    assert run
    assert (run.state, run.release) == (RunState.PUBLISHED, "2026-11-23.1"), run.why
    assert "it answers the new label white" in run.why or "better than the model in use" in run.why
    calibration = run.stages.get(name=StageName.GATE).result["figures"]["calibration"]
    assert calibration["candidate"]["bins"]
    assert calibration["other"]["bins"]
    assert calibration["photos"] == sum(one["photos"] for one in calibration["other"]["bins"])
    assert [one["slug"] for one in releases.current("colours").labels] == [*LABELS, "white"]
    assert run.inputs["production"]["run"] == first[0].pk
    embedded = run.stages.get(name=StageName.EMBED).result
    white = next(row["train"] for row in reports.label_rows(run) if row["slug"] == "white")
    assert (embedded["reused"], embedded["photos"] - embedded["reused"]) == (first[1]["snapshot"]["train"], white)
    probed = run.stages.get(name=StageName.CHOOSE).result
    assert (probed["reused"], probed["photos"]) == (first[1]["snapshot"]["train"], embedded["photos"])
    assert {one.stage for one in told} == set(kit.STAGE_NAMES) - {StageName.ANNOUNCE}


def test_a_stopped_night_is_given_back_and_nothing_runs_on(project: Project, tmp_path: Path) -> None:
    run = nights.find_or_add_run(project, FOURTH, "scratch")
    seen: list[Told] = []
    with pytest.raises(NightStoppedError):
        nights.run_night(run.pk, listen=seen.append, should_stop=lambda: any(one.stage == "embed" for one in seen))
    run.refresh_from_db()
    job = jobs.find(KIND, str(run.pk))
    assert job
    assert (run.state, job.state, job.attempts) == (RunState.QUEUED, JobState.QUEUED, 0)
    assert [row.name for row in run.stages.all()] == ["snapshot", "choose", "start"]
    assert not list((Path(settings.DAYBREAK_HOME) / "work").iterdir())


@pytest.mark.parametrize("kind", ["corrupted", "of another network"])
def test_bad_start_weights_fail_the_night_in_words(project: Project, tmp_path: Path, weights: Path, kind: str) -> None:
    path = tmp_path / "start.safetensors"
    path.write_bytes(weights.read_bytes()[:5000] if kind == "corrupted" else weights.read_bytes())
    other = kit.make_project("other", weights) if not Project.objects.filter(slug="other").exists() else None
    if other:
        kit.add_photos(other, tmp_path / "photos", labels=LABELS, volunteers=10, each=2)
    if kind == "of another network":
        Project.objects.filter(slug="other").update(architectures=["mobilenet_v2"])
    with pytest.raises(SystemExit) as left:
        call_command("nightly", "--project", "other", "--night", str(kit.NIGHT), "--pretrained", str(path))
    assert left.value.code == 1
    run = Run.objects.get(project__slug="other")
    assert run.state == RunState.FAILED
    said = {
        "corrupted": "The weights file is corrupted",
        "of another network": "The weights file is not of mobilenet_v2",
    }
    assert run.why.startswith(said[kind])
    assert Stage.objects.filter(run=run).count() == 2  # the snapshot and the choice of the only network stay


def test_start_weights_that_vanished_fail_the_night_in_words(project: Project, weights: Path) -> None:
    Project.objects.filter(slug="colours").update(pretrained="/gone/weights.safetensors")
    run = nights.run_night(nights.find_or_add_run(project, FOURTH + timedelta(days=1)).pk)
    Project.objects.filter(slug="colours").update(pretrained=str(weights))
    assert run
    assert run.why.startswith("The start weights /gone/weights.safetensors cannot be read (No such file or directory).")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--project", "nothing"], "There is no project called 'nothing'."),
        (
            ["--project", "colours", "--pretrained", "/gone/w.safetensors"],
            "There are no start weights at /gone/w.safetensors",
        ),
        (["--project", "colours", "--json", "/gone/night.json"], "name a file in a folder that exists"),
        (["--project", "colours", "--json", "night.json", "--detach"], "leave out --detach or --json"),
        (["--project", "colours", "--night", "tonight"], "'tonight' is not a date"),
    ],
)
def test_wrong_usage_is_said_and_starts_nothing(project: Project, options: list[str], said: str) -> None:
    before = Run.objects.count()
    with pytest.raises(CommandError, match=said.replace("(", ".").replace(")", ".")) as refused:
        call_command("nightly", *options)
    assert refused.value.returncode in {1, 2}  # from the command line argparse's own errors leave with 2
    assert Run.objects.count() == before


def test_detach_leaves_the_night_to_the_worker(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    night = FOURTH + timedelta(days=2)
    call_command("nightly", "--project", "colours", "--night", str(night), "--detach")
    run = queries.get_run(project, night)
    assert run.state == RunState.QUEUED
    assert f"Run {run.pk}, the night of {night}, is the training worker's." in capsys.readouterr().out
