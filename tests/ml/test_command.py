"""The command as a supervisor and as a person meet it: its exit status, and problems that say what to do."""

import json
from pathlib import Path

from tests.ml import making
from training.ml import contract


def the_problem(ran: making.Ran) -> dict[str, str]:
    """The only line, of a command that found the input at fault."""
    (event,) = ran.events
    assert ran.status == 2
    assert event.pop("event") == "problem"
    assert set(event) == {"what", "value", "allowed", "do"}
    return {str(name): str(value) for name, value in event.items()}


def test_command_when_asked_for_help_lists_the_stages_in_order() -> None:
    ran = making.run_command("--help")
    text = "\n".join(ran.lines)
    places = [text.index(f"  {stage} ") for stage in (*contract.STAGES, "all")]
    assert ran.status == 0
    assert places == sorted(places)


def test_command_with_an_unknown_stage_names_those_there_are() -> None:
    problem = the_problem(making.run_command("learn", "--spec", "s", "--in", "w"))
    assert problem["what"] == "The command is not usable"
    assert "learn" in problem["value"]


def test_command_without_a_work_folder_names_it(tmp_path: Path) -> None:
    making.make_work(tmp_path, [])
    ran = making.run_command("fit", "--spec", tmp_path / "spec.json", "--in", tmp_path / "nowhere")
    problem = the_problem(ran)
    assert problem["what"] == "The work folder is missing"
    assert problem["value"].endswith("nowhere')") or problem["value"].endswith("nowhere")
    assert problem["do"] == "Check --in."


def test_command_with_a_spec_of_several_faults_prints_a_line_for_each(tmp_path: Path) -> None:
    making.make_work(tmp_path, [], arch="resnet50", seed=-1)
    ran = making.run_command("embed", "--spec", tmp_path / "spec.json", "--in", tmp_path)
    assert ran.status == 2
    assert [event["what"] for event in ran.of("problem")] == [
        "arch in the spec is not usable", "seed in the spec is not usable",
    ]  # fmt: skip


def test_command_with_corrupted_weights_ends_with_2_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{not safetensors")
    work = making.make_work(tmp_path / "work", pretrained=str(tmp_path / "bad.safetensors"))
    problem = the_problem(making.run_command("start", "--spec", work / "spec.json", "--in", work))
    assert problem["what"] == "The weights file is corrupted or not safetensors"
    assert "bad.safetensors" in problem["value"]
    assert problem["allowed"] == "a whole .safetensors file"
    assert problem["do"] == "Copy or download it again."
    assert not (work / "start" / "result.json").exists()


def test_command_all_ends_at_the_first_stage_that_fails(tmp_path: Path) -> None:
    work = making.make_work(tmp_path, [])
    ran = making.run_command("all", "--spec", work / "spec.json", "--in", work)
    assert the_problem(ran)["what"] == "The manifest is empty"
    assert not (work / "fit").exists()


def test_command_all_with_an_out_folder_refuses_it(tmp_path: Path) -> None:
    work = making.make_work(tmp_path, [])
    ran = making.run_command("all", "--spec", work / "spec.json", "--in", work, "--out", tmp_path / "there")
    assert the_problem(ran)["what"] == "--out is for a single stage"


def test_command_for_people_prints_sentences_on_stderr_and_no_json(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(making.make_spec(arch="resnet50")), "utf-8")
    ran = making.run_command("embed", "--spec", tmp_path / "spec.json", "--in", tmp_path, "--human")
    assert (ran.status, ran.lines) == (2, [])
    assert "problem: arch in the spec is not usable (resnet50). Allowed: one of squeezenet1_0" in ran.stderr
