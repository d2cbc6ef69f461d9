"""What a run is asked to do: read whole or refused whole, and the same after a round trip."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ml import making
from training.ml import contract

SLUGS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
BYTES = st.floats(0.5, 255.0, allow_nan=False)
JSON = st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=8), max_size=3)


@st.composite
def contracts(draw: st.DrawFn) -> contract.InputContract:
    size = draw(st.integers(32, 512))
    rule = contract.ResizeRule(draw(st.integers(size, 4 * size)), antialias=draw(st.booleans()))
    return contract.InputContract(
        size, rule, draw(st.tuples(BYTES, BYTES, BYTES)), draw(st.tuples(BYTES, BYTES, BYTES))
    )


@st.composite
def specs(draw: st.DrawFn) -> contract.RunSpec:
    slugs = draw(st.lists(SLUGS, min_size=2, max_size=5, unique=True))
    return contract.RunSpec(
        project=draw(SLUGS),
        labels=tuple(contract.Label(slug, draw(st.text(max_size=8))) for slug in slugs),
        arch=draw(st.sampled_from(contract.ARCHES)),
        input=draw(contracts()),
        pretrained=draw(st.sampled_from(["imagenet", "scratch", "/weights/some.safetensors"])),
        seed=draw(st.integers(0, 2**32 - 1)),
        strategy=draw(st.sampled_from(contract.STRATEGIES)),
        fit_budget_s=draw(st.integers(1, 86_400)),
        threads=draw(st.integers(1, 256)),
        capture_profile=draw(JSON),
    )


def problems_of(raw: object) -> list[contract.Problem]:
    with pytest.raises(contract.ProblemsFoundError) as caught:
        contract.RunSpec.from_json(raw)
    return list(caught.value.problems)


@given(specs())
def test_spec_after_a_round_trip_is_the_same(spec: contract.RunSpec) -> None:
    assert contract.RunSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@given(contracts())
def test_input_contract_after_a_round_trip_is_the_same(found: contract.InputContract) -> None:
    assert contract.InputContract.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_input_contract_of_a_size_says_everything_a_phone_must_do() -> None:
    assert contract.InputContract.from_json({"size": 224}).to_json() == {
        "size": 224,
        "orientation": "upright",
        "colour": "sRGB",
        "resize": {
            "mode": "short_side_then_center_crop",
            "short_side": 224,
            "filter": "bilinear",
            "antialias": True,
        },
        "channels": "RGB",
        "range": [0, 255],
        "normalise": {
            "where": "in_graph",
            "mean": list(contract.IMAGENET_MEAN),
            "std": list(contract.IMAGENET_STD),
        },
        "output": {"name": "probabilities", "activation": "softmax"},
    }


def test_spec_with_the_least_members_has_defaults_for_the_rest() -> None:
    spec = contract.RunSpec.from_json({
        "spec": 1, "project": "shapes", "arch": "mobilenet_v2", "labels": [{"slug": "a"}, {"slug": "b", "name": "Bee"}],
    })  # fmt: skip
    assert spec.labels == (contract.Label("a", "a"), contract.Label("b", "Bee"))
    assert (spec.input.size, spec.pretrained, spec.strategy, spec.threads) == (224, "imagenet", "auto", 2)


def test_spec_with_several_faults_tells_all_of_them_at_once() -> None:
    raw = making.make_spec(arch="resnet50", seed=-1, threads="two", input={"size": 8}, pretrained="here.pt")
    told = {problem.what.partition(" ")[0]: problem for problem in problems_of(raw)}
    assert set(told) == {"arch", "seed", "threads", "size", "pretrained"}
    assert told["arch"].value == "resnet50"
    assert "squeezenet1_0" in told["arch"].allowed
    assert told["size"].allowed == "a whole number from 32 to 512"
    assert all(problem.do for problem in told.values())


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "of a newer kind": ({"spec": 2}, "spec in the spec"),
    "with an unknown member": ({"colour": "red"}, "colour in the spec"),
    "without a project": ({"project": ""}, "project in the spec"),
    "with one label": ({"labels": [{"slug": "a", "name": "A"}]}, "labels in the spec"),
    "with a label twice": ({"labels": [{"slug": "a", "name": "A"}] * 2}, "labels in the spec"),
    "with a label that is no object": ({"labels": ["a", "b"]}, "labels in the spec"),
    "with an unknown strategy": ({"strategy": "hope"}, "strategy in the spec"),
    "with a strategy that is no text": ({"strategy": ["auto"]}, "strategy in the spec"),
    "with a flag for a number": ({"seed": True}, "seed in the spec"),
    "with a capture profile that is no object": ({"capture_profile": 3}, "capture_profile in the spec"),
    "with another output": ({"input": {"size": 64, "output": {"name": "logits"}}}, "output in input"),
    "with normalisation outside": ({"input": {"size": 64, "normalise": {"where": "app"}}}, "where in input.normalise"),
    "with a spread of zero": ({"input": {"size": 64, "normalise": {"std": [1, 0, 1]}}}, "std in input.normalise"),
    "that shrinks below the size": (
        {"input": {"size": 64, "resize": {"short_side": 32}}},
        "short_side in input.resize",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_spec_at_fault_is_refused_by_the_member_s_name(fault: str) -> None:
    changes, named = FAULTS[fault]
    assert [problem for problem in problems_of(making.make_spec(**changes)) if problem.what.startswith(named)]


@pytest.mark.parametrize("raw", [None, 3, "spec", [], [{}]])
def test_spec_that_is_no_object_is_refused(raw: object) -> None:
    assert problems_of(raw)[0].what == "the spec is not usable"


@given(st.recursive(JSON, lambda inner: st.dictionaries(st.sampled_from(contract.RunSpec.__slots__), inner)))
def test_spec_of_any_json_is_read_or_refused_with_reasons(raw: dict[str, Any]) -> None:
    assert all(problem.what and problem.allowed for problem in problems_of(raw))


def test_spec_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(contract.ProblemsFoundError, match=r"spec\.json"):
        contract.read_spec(tmp_path / "spec.json")


def test_spec_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"spec": 1,', "utf-8")
    with pytest.raises(contract.ProblemsFoundError, match="not JSON"):
        contract.read_spec(tmp_path / "spec.json")


def test_artifact_after_a_round_trip_is_the_same_and_newer_members_are_left_alone() -> None:
    artifact = contract.Artifact(
        "onnx", "fp32", "onnx", "model.onnx", 12, "ab", {"layout": "NCHW"}, 0.5, 0.0, "by hand"
    )
    assert contract.Artifact.from_json({**artifact.to_json(), "newer": 1}) == artifact


def test_json_written_over_an_older_file_leaves_no_part_behind(tmp_path: Path) -> None:
    for value in (1, 2):
        contract.write_json(tmp_path / "result.json", {"value": value})
    assert contract.read_json(tmp_path / "result.json") == {"value": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_spec_with_candidates_keeps_them_in_order() -> None:
    spec = contract.RunSpec.from_json(making.make_spec(candidates=["mnasnet0_5", "mobilenet_v2"], cost_target_m=100))
    assert contract.RunSpec.from_json(spec.to_json()) == spec
    assert (spec.candidates, spec.cost_target_m) == (("mnasnet0_5", "mobilenet_v2"), 100)


@pytest.mark.parametrize("candidates", [["vgg"], ["mnasnet0_5", "mnasnet0_5"], "mnasnet0_5", [3]])
def test_spec_with_candidates_nobody_can_build_says_which_there_are(candidates: object) -> None:
    with pytest.raises(contract.ProblemsFoundError, match=r"candidates in the spec .* some of squeezenet1_0, .* once"):
        contract.RunSpec.from_json(making.make_spec(candidates=candidates))


def test_spec_with_a_target_of_nothing_is_refused() -> None:
    with pytest.raises(contract.ProblemsFoundError, match="cost_target_m"):
        contract.RunSpec.from_json(making.make_spec(cost_target_m=0))
