"""One small night, every stage by the command: what each leaves, what is said meanwhile, and how the command ends."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.ml import making
from tests.ml.conftest import Night
from training.ml import contract
from training.ml.workspace import sha256_of

FILES_PHONES_GET = {
    "coreml-fp16": ("mlpackage.zip", "compress/coreml-fp16.mlpackage.zip"),
    "coreml-int8": ("mlpackage.zip", "compress/coreml-int8.mlpackage.zip"),
    "onnx-fp32": ("onnx", "compress/model.onnx"),
    "litert-fp32": ("tflite", "litert/litert-fp32.tflite"),
    "litert-int8": ("tflite", "litert/litert-int8.tflite"),
}
MEMBERS = {
    "start": {"stage", "backbone", "note", "is_stopgap"},
    "embed": {"stage", "backbone", "photos", "note"},
    "fit": {"stage", "strategy", "curves", "model"},
    "evaluate": {
        "stage", "photos", "golden_accuracy", "golden_balanced_accuracy", "per_label", "antialias_off_accuracy",
        "stability", "cost", "production",
    },
    "verify": {"stage", "artifacts"},
}  # fmt: skip
GOLDEN = 18  # photos: three volunteers, three labels, two each


def copy_of(night: Night, folder: Path, *stages: str) -> Path:
    """The work folder again, with some stages finished."""
    for name in ("snapshot", "photos", *stages):
        shutil.copytree(night.work / name, folder / name)
    shutil.copy(night.work / "spec.json", folder / "spec.json")
    return folder


@pytest.mark.parametrize("stage", contract.STAGES)
def test_stage_leaves_exactly_the_files_the_contract_names(night: Night, stage: str) -> None:
    found = {path.relative_to(night.work / stage).as_posix() for path in (night.work / stage).rglob("*")}
    unneeded = {"careless.safetensors", "unlabelled.safetensors"}  # small photos are not shrunk, and all have labels
    assert found == {*contract.STAGE_FILES[stage], "result.json"} - unneeded


def test_stages_write_into_their_own_folders_only(night: Night) -> None:
    assert {path.name for path in night.work.iterdir()} == {"spec.json", "snapshot", "photos", *contract.STAGES}
    assert {path.name for path in (night.work / "snapshot").iterdir()} == {"manifest.jsonl"}


@pytest.mark.parametrize("stage", MEMBERS)
def test_result_of_a_stage_has_the_members_the_contract_names(night: Night, stage: str) -> None:
    assert set(night.result(stage)) >= MEMBERS[stage]
    assert night.result(stage)["stage"] == stage


def test_every_line_of_stdout_is_an_event_and_each_stage_ends_with_its_result(night: Night) -> None:
    events = night.ran.events
    assert all(contract.parse_line(line) is not None for line in night.ran.lines)
    results = [event["stage"] for event in events if event["event"] == "result"]
    assert results == list(contract.STAGES)
    assert events[-1]["event"] == "result"
    for before, after in pairwise(events):
        assert before["stage"] == after["stage"] or before["event"] == "result"


def test_result_line_is_what_result_json_says(night: Night) -> None:
    for event in night.ran.of("result"):
        assert event["result"] == night.result(event["stage"])


def test_every_stage_but_none_says_how_far_it_is(night: Night) -> None:
    assert {event["stage"] for event in night.ran.of("progress")} == set(contract.STAGES)
    assert all(0 <= event["step"] <= event["total"] for event in night.ran.of("progress"))


def test_fit_says_how_it_learned_and_why(night: Night) -> None:
    strategy = night.result("fit")["strategy"]
    assert strategy["name"] == "head on cached features"
    assert "3 labels from 30 photos" in strategy["why"]


def test_model_json_holds_labels_in_order_the_input_contract_the_seed_and_the_snapshot(night: Night) -> None:
    about = contract.read_json(night.work / "fit" / "model.json")
    assert [label["slug"] for label in about["labels"]] == list(making.LABELS)
    assert about["input"] == contract.InputContract.of_size(making.SIZE).to_json()
    assert (about["arch"], about["seed"]) == ("squeezenet1_0", 7)
    assert about["snapshot"] == sha256_of(night.work / "snapshot" / "manifest.jsonl")
    assert about["strategy"] == night.result("fit")["strategy"]


def test_evaluate_judges_the_golden_photos_only(night: Night) -> None:
    lines = [json.loads(line) for line in (night.work / "evaluate" / "predictions.jsonl").read_text().splitlines()]
    golden = {
        p.photo: p for p in contract.read_manifest(night.work / "snapshot" / "manifest.jsonl") if p.side == "golden"
    }
    assert [line["photo"] for line in lines] == list(golden)
    assert all(set(line) == {"photo", "volunteer", "label", "answer", "probability"} for line in lines)
    assert all(
        (line["label"], line["volunteer"]) == (golden[line["photo"]].label, golden[line["photo"]].volunteer)
        for line in lines
    )
    assert all(line["answer"] in making.LABELS and 1 / 3 <= line["probability"] <= 1 for line in lines)


def test_evaluate_s_scores_are_those_of_its_predictions(night: Night) -> None:
    result = night.result("evaluate")
    lines = [json.loads(line) for line in (night.work / "evaluate" / "predictions.jsonl").read_text().splitlines()]
    hits = [line["answer"] == line["label"] for line in lines]
    assert result["photos"] == GOLDEN
    assert result["golden_accuracy"] == pytest.approx(sum(hits) / GOLDEN, abs=1e-6)
    assert result["golden_balanced_accuracy"] == pytest.approx(sum(hits) / GOLDEN, abs=1e-6)  # labels are as many
    assert {slug: score["photos"] for slug, score in result["per_label"].items()} == dict.fromkeys(making.LABELS, 6)
    assert result["antialias_off_accuracy"] == result["golden_accuracy"]  # no photo is larger than the input
    assert result["production"] is None


def test_evaluate_says_what_an_answer_costs(night: Night) -> None:
    cost = night.result("evaluate")["cost"]
    assert 45e6 < cost["multiply_adds"] < 60e6  # SqueezeNet 1.0's 819 million at 224 px, at 64 px
    assert 0 < cost["latency_ms"] < 1000
    assert cost["machine"]


@pytest.mark.parametrize("name", ["coreml-int8", "litert-int8"])
def test_8_bit_weights_are_nearly_all_of_an_8_bit_file(night: Night, name: str) -> None:
    share = night.result("evaluate")["cost"]["bytes_int8"] / night.artifacts()[name].bytes
    assert 0.85 < share < 1


def test_head_on_features_of_coloured_shapes_is_far_above_chance(night: Night) -> None:
    assert night.result("evaluate")["golden_accuracy"] > 0.6


@pytest.mark.parametrize("name", FILES_PHONES_GET)
def test_artifact_is_described_as_it_lies_there(night: Night, name: str) -> None:
    artifact = night.artifacts()[name]
    kind, file = FILES_PHONES_GET[name]
    path = night.work / file
    assert (artifact.format, artifact.file) == (kind, file)
    assert (artifact.bytes, artifact.sha256) == (path.stat().st_size, sha256_of(path))


def test_verify_knows_every_file_and_no_other(night: Night) -> None:
    assert set(night.artifacts()) == set(FILES_PHONES_GET)


@pytest.mark.parametrize("name", FILES_PHONES_GET)
def test_artifact_is_verified_on_every_golden_photo_and_says_by_what(night: Night, name: str) -> None:
    artifact = night.artifacts()[name]
    lines = [
        json.loads(line) for line in (night.work / "verify" / f"predictions-{name}.jsonl").read_text().splitlines()
    ]
    ours = [json.loads(line) for line in (night.work / "evaluate" / "predictions.jsonl").read_text().splitlines()]
    hits = sum(line["answer"] == line["label"] for line in lines)
    flips = sum(line["answer"] != other["answer"] for line, other in zip(lines, ours, strict=True))
    assert artifact.golden_accuracy == pytest.approx(hits / GOLDEN, abs=1e-6)
    assert artifact.flips_vs_fp32 == pytest.approx(flips / GOLDEN, abs=1e-6)
    assert artifact.verified_by.startswith(("the file, run by", "program, weights and labels read back"))
    assert bool(artifact.mark) == (flips / GOLDEN > 0.01)


def test_core_ml_files_are_not_said_to_have_been_run_by_core_ml(night: Night) -> None:
    assert "not run by Core ML" in night.artifacts()["coreml-int8"].verified_by


LAYOUTS = {"coreml": ("image", [1, 3, 64, 64]), "onnx": ("NCHW", [1, 3, 64, 64]), "litert": ("NHWC", [1, 64, 64, 3])}


@pytest.mark.parametrize("name", FILES_PHONES_GET)
def test_artifact_says_how_it_wants_its_pixels(night: Night, name: str) -> None:
    wanted = night.artifacts()[name].tensor_input
    layout, shape = LAYOUTS[name.partition("-")[0]]
    assert (wanted["name"], wanted["channels"], wanted["range"]) == ("image", "RGB", [0, 255])
    assert wanted["layout"] == layout
    assert layout == "image" or wanted["shape"] == shape
    assert wanted["dtype"] == ("uint8" if layout == "image" else "float32")


def test_stage_run_again_with_the_same_seed_writes_the_same_model(night: Night, tmp_path: Path) -> None:
    making.run_stage("fit", night.work, tmp_path)
    assert sha256_of(tmp_path / "model.safetensors") == sha256_of(night.work / "fit" / "model.safetensors")
    assert (tmp_path / "model.json").read_bytes() == (night.work / "fit" / "model.json").read_bytes()


def test_model_of_old_features_and_a_part_of_new_ones_is_that_of_all_at_once(night: Night, tmp_path: Path) -> None:
    work = copy_of(night, tmp_path, "start")
    train = [photo for photo in contract.read_manifest(work / "snapshot" / "manifest.jsonl") if photo.side == "train"]
    keep = {bytes.fromhex(photo.sha256) for photo in train[::2]}
    (work / "features").mkdir()
    whole = contract.open_pack(night.work / "embed" / "features.safetensors")
    contract.join_packs(work / "features" / "known.safetensors", [whole], keep)
    new = [photo for photo in train if bytes.fromhex(photo.sha256) not in keep]
    contract.write_manifest(work / contract.PART, new)
    for photo in train:
        if photo not in new:
            (work / "photos" / f"{photo.sha256}.jpg").unlink()  # what is known is not looked at
    assert making.run_stage("embed", work)["photos"] == len(new) < len(train)
    making.run_stage("fit", work)
    mine, whole_one = (load_file(folder / "fit" / "model.safetensors") for folder in (work, night.work))
    assert all(torch.allclose(mine[name], whole_one[name], rtol=1e-3, atol=1e-3) for name in whole_one)


def test_features_of_another_input_contract_are_not_used(night: Night, tmp_path: Path) -> None:
    work = copy_of(night, tmp_path, "start", "embed")
    spec = contract.read_json(work / "spec.json")
    (work / "spec.json").write_text(json.dumps(spec | {"input": {"size": 48}}), "utf-8")
    with pytest.raises(contract.ProblemsFoundError, match="Features of photos are missing"):
        making.run_stage("fit", work)


def test_evaluate_with_a_model_in_production_scores_both(night: Night, tmp_path: Path) -> None:
    work = copy_of(night, tmp_path, "start", "fit")
    shutil.copytree(night.work / "fit", work / "production")
    result = making.run_stage("evaluate", work)
    assert result["production"]["golden_accuracy"] == result["golden_accuracy"]
    assert result["production"]["stability"] == result["stability"]
    line = json.loads((work / "evaluate" / "predictions.jsonl").read_text().splitlines()[0])
    assert line["production_answer"] == line["answer"]
    assert line["production_probability"] == line["probability"]


def test_verify_of_a_file_that_was_changed_afterwards_refuses_it(night: Night, tmp_path: Path) -> None:
    work = copy_of(night, tmp_path, "evaluate", "compress", "litert")
    with (work / "compress" / "coreml-fp16.mlpackage.zip").open("ab") as file:
        file.write(b"x")
    with pytest.raises(contract.ProblemsFoundError, match="not the file its stage wrote"):
        making.run_stage("verify", work)


def test_stage_before_its_turn_names_the_one_that_is_missing(night: Night, tmp_path: Path) -> None:
    work = copy_of(night, tmp_path)
    with pytest.raises(contract.ProblemsFoundError, match="Stage start has not finished"):
        making.run_stage("fit", work)


def test_stage_that_fails_on_a_second_try_does_not_look_finished(night: Night, tmp_path: Path) -> None:
    work = copy_of(night, tmp_path, "embed", "fit", "evaluate")
    (work / "fit" / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(contract.ProblemsFoundError, match="weights cannot be used"):
        making.run_stage("evaluate", work)
    assert not (work / "evaluate" / "result.json").exists()


@pytest.mark.slow
def test_compress_and_litert_run_again_write_the_same_bytes(night: Night, tmp_path: Path) -> None:
    for stage in ("compress", "litert"):
        making.run_stage(stage, night.work, tmp_path / stage)
        for name in contract.STAGE_FILES[stage]:
            assert sha256_of(tmp_path / stage / name) == sha256_of(night.work / stage / name), name
