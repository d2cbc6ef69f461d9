"""From what probability on an answer is worth giving."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ml import making
from tests.ml.conftest import Night
from training.ml import contract, reject
from training.ml.reject import Judged

SHARES = st.integers(0, 100).map(lambda percent: percent / 100)


def judged(rows: list[tuple[float, bool]]) -> Judged:
    return Judged(np.array([sure for sure, _ in rows]), np.array([right for _, right in rows], dtype=bool))


def spent(left_out: Judged, nothing: np.ndarray[Any, Any], cost: float, threshold: float) -> float:
    """What the threshold costs, photo by photo."""
    wrong = np.where(left_out.right, 0, cost)
    of_labels = np.where(left_out.sure < threshold, 1, wrong).mean()
    return float(0.8 * of_labels + 0.2 * np.mean([cost if sure >= threshold else 0 for sure in nothing]))


some = st.lists(st.tuples(SHARES, st.booleans()), min_size=1, max_size=30).map(judged)
none = st.lists(SHARES, min_size=1, max_size=30).map(np.array)


@given(some, none, st.sampled_from([1, 5, 20]), SHARES)
def test_no_other_threshold_costs_less(
    left_out: Judged, nothing: np.ndarray[Any, Any], cost: int, other: float
) -> None:
    chosen = reject.choose(left_out, nothing, cost)
    most = max(left_out.sure.max(), nothing.max())
    assert spent(left_out, nothing, cost, chosen) <= spent(left_out, nothing, cost, min(other, most)) + 1e-9


@given(some, none)
def test_the_worse_a_wrong_answer_is_the_surer_it_must_be(left_out: Judged, nothing: np.ndarray[Any, Any]) -> None:
    found = [reject.choose(left_out, nothing, cost) for cost in (1, 2, 5, 20, 100)]
    assert found == sorted(found)


def test_a_model_that_is_unsure_of_nothing_but_what_it_does_not_know_gives_up_no_right_answer() -> None:
    found = reject.choose(judged([(0.9, True), (0.95, True)]), np.array([0.4, 0.5]), 5)
    assert found == pytest.approx(0.7)


def add_negatives(work: Path, count: int, *, people: int = 6, golden: int = 8) -> list[contract.ManifestPhoto]:
    """Photos of noise; the last ``golden`` by volunteers who judge. Their bytes lie where the stages look."""
    import hashlib

    from PIL import Image

    found = []
    for place in range(count + golden):
        noise = np.random.default_rng(place).integers(0, 256, (64, 80, 3), dtype=np.uint8)
        data = making.jpeg(Image.fromarray(noise))
        digest = hashlib.sha256(data).hexdigest()
        (work / "photos" / f"{digest}.jpg").write_bytes(data)
        side, who = ("train", f"n{place % people}") if place < count else ("golden", f"g{place % people}")
        found.append(contract.ManifestPhoto(f"n-{place}", digest, "wrong_object", who, side))
    contract.write_manifest(work / "snapshot" / "negatives.jsonl", found)
    return found


def copy_of(night: Night, folder: Path) -> Path:
    """The night's folder as it was before evaluate."""
    import shutil

    work = folder / "work"
    shutil.copytree(night.work, work, ignore=shutil.ignore_patterns("evaluate", "compress", "litert", "verify"))
    return work


def test_evaluate_without_rejected_photos_says_how_many_it_needs(night: Night) -> None:
    found = night.result("evaluate")["rejection"]
    assert (found["thresholds"], found["shipped"]) == ([], None)
    assert "0 photos by 0 volunteers were rejected for showing no label; needed are 60 by 5" in found["why"]


def test_evaluate_with_rejected_photos_learns_thresholds_and_tells_what_they_do(night: Night, tmp_path: Path) -> None:
    work = copy_of(night, tmp_path)
    spec = contract.read_json(work / "spec.json")
    (work / "spec.json").write_text(json.dumps(spec | {"wrong_answer_cost": 3}))
    add_negatives(work, 60)
    left_out = (work / "fit" / "left_out.jsonl").read_text()
    (work / "fit" / "left_out.jsonl").write_text(left_out * 2)  # the little night has half of what is needed
    found = making.run_stage("evaluate", work)["rejection"]
    assert found["learned_from"] == {"negatives": 60, "volunteers": 6, "left_out": 60}
    assert [one["cost"] for one in found["thresholds"]] == [1, 3, 5, 20]
    thresholds = [one["threshold"] for one in found["thresholds"]]
    assert thresholds == sorted(thresholds)
    for one in found["thresholds"]:
        assert one["negatives"]["photos"] == 8
        assert one["right"]["photos"] + one["wrong"]["photos"] == night.result("evaluate")["photos"]
        assert 0 <= one["negatives"]["none"] <= 8
    shipped = [{"cost": one["cost"], "threshold": one["threshold"]} for one in found["thresholds"]]
    assert found["shipped"] == {"score": "top_probability", "cost": 3, "thresholds": shipped}


def test_photos_gone_since_the_snapshot_teach_nothing(night: Night, tmp_path: Path) -> None:
    work = copy_of(night, tmp_path)
    gone = add_negatives(work, 60)[0]
    (work / "photos" / f"{gone.sha256}.jpg").unlink()
    assert making.run_stage("evaluate", work)["rejection"]["learned_from"]["negatives"] == 59


def test_left_out_photos_are_those_to_learn_from_each_judged_unseen(night: Night) -> None:
    lines = [json.loads(line) for line in (night.work / "fit" / "left_out.jsonl").read_text().splitlines()]
    train = {
        one.photo for one in contract.read_manifest(night.work / "snapshot" / "manifest.jsonl") if one.side == "train"
    }
    assert {line["photo"] for line in lines} == train
    assert all(0 < line["probability"] <= 1 for line in lines)
