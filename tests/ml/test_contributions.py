"""Whose photos helped: the heads without one volunteer, what is counted, and how sure it is."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.ml.contributions import LEAST, MOST, Golden, choose, interval, measure, refit
from training.ml.head import Examples, solve

LABELS, WIDTH, EACH = 4, 60, 8
STRENGTH = 0.3


def heaps(people: int, *, seed: int, noise: float = 2.0) -> tuple[Tensor, Tensor, list[str]]:
    """Features, targets and volunteers: each person photographs every label in a manner of their own."""
    dice = torch.Generator().manual_seed(seed)
    targets = torch.arange(people * EACH) % LABELS
    owners = torch.arange(people * EACH) // EACH
    centres = torch.randn(LABELS, WIDTH, generator=torch.Generator().manual_seed(0))
    manner = torch.randn(people, WIDTH, generator=dice)
    features = centres[targets] + manner[owners] + noise * torch.randn(len(targets), WIDTH, generator=dice)
    return features, targets, [f"v{owner}" for owner in owners.tolist()]


def exact(examples: Examples, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The head on the photos where the mask is one, solved anew."""
    kept = Examples(examples.features, examples.targets, examples.weights * mask)
    return solve(kept, label_count=LABELS, strength=STRENGTH)


def make(people: int = 12, seed: int = 1) -> tuple[Examples, list[str], tuple[Tensor, Tensor]]:
    features, targets, groups = heaps(people, seed=seed)
    examples = Examples(features, targets, torch.ones(len(targets)))
    return examples, groups, exact(examples, torch.ones(len(targets)))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_refitted_heads_answer_as_those_learned_anew(seed: int) -> None:
    examples, groups, head = make(seed=seed)
    names = sorted(set(groups))
    mask = torch.tensor([[float(group != name) for name in names] for group in groups])
    unseen = heaps(40, seed=99)[0]
    found = refit(examples, mask, head=head, strength=STRENGTH)
    for place in range(len(names)):
        weight, bias = exact(examples, mask[:, place])
        ours = (unseen @ found[:-1, place] + found[-1, place]).argmax(1)
        assert (ours == (unseen @ weight.T + bias).argmax(1)).float().mean() > 0.99


def test_volunteer_who_alone_photographed_a_label_fixed_its_golden_photos() -> None:
    features, targets, groups = heaps(12, seed=1, noise=0.5)
    only = [label != 3 or group == "v5" for label, group in zip(targets.tolist(), groups, strict=True)]
    kept = torch.tensor(only)
    examples = Examples(features[kept], targets[kept], torch.ones(int(kept.sum())))
    left = [group for group, stays in zip(groups, only, strict=True) if stays]
    head = exact(examples, torch.ones(len(left)))
    golden = Golden(*heaps(10, seed=7, noise=0.5))
    found = {one.volunteer: one for one in measure(examples, left, golden, ["v5", "v1"], head=head, strength=STRENGTH)}
    right = int(((golden.features @ head[0].T + head[1]).argmax(1) == golden.targets)[golden.targets == 3].sum())
    assert right >= 5
    assert found["v5"].labels[3] == right
    assert found["v5"].fixed - found["v5"].broken > found["v1"].fixed - found["v1"].broken
    assert (found["v5"].low > 0, found["v5"].photos) == (True, EACH)


def test_fixed_and_broken_are_the_photos_whose_answer_turns() -> None:
    examples, groups, head = make()
    golden = Golden(*heaps(30, seed=5))
    (one,) = measure(examples, groups, golden, ["v2"], head=head, strength=STRENGTH)
    mask = torch.tensor([float(group != "v2") for group in groups])
    weight, bias = exact(examples, mask)
    with_all = (golden.features @ head[0].T + head[1]).argmax(1) == golden.targets
    without = (golden.features @ weight.T + bias).argmax(1) == golden.targets
    assert (one.fixed, one.broken) == (int((with_all & ~without).sum()), int((without & ~with_all).sum()))
    assert one.fixed + one.broken > 0
    assert sum(one.labels.values()) >= one.fixed - one.broken


def test_volunteers_measured_together_are_as_if_measured_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    examples, groups, head = make()
    golden, names = Golden(*heaps(10, seed=5)), sorted(set(groups))
    together = measure(examples, groups, golden, names, head=head, strength=STRENGTH)
    monkeypatch.setattr("training.ml.contributions.AT_ONCE", 1)
    assert measure(examples, groups, golden, names, head=head, strength=STRENGTH) == together


# --- how sure ------------------------------------------------------------------------------------------------------
@given(st.lists(st.integers(-5, 5), min_size=5, max_size=60))
def test_interval_holds_the_sum_and_turns_with_its_sign(gains: list[int]) -> None:
    low, high = interval(np.array(gains, dtype=np.int32))
    assert low <= sum(gains) <= high
    turned = interval(-np.array(gains, dtype=np.int32))
    assert turned == pytest.approx((-high, -low), abs=1 + 0.2 * sum(map(abs, gains)))


def test_interval_of_one_golden_volunteer_who_gained_includes_nothing() -> None:
    assert interval(np.array([6] + [0] * 39, dtype=np.int32))[0] == 0


def test_interval_of_many_golden_volunteers_who_gained_does_not() -> None:
    assert interval(np.array([1] * 8 + [0] * 32, dtype=np.int32))[0] > 0


def test_interval_of_too_few_golden_volunteers_tells_nothing() -> None:
    assert interval(np.array([3, 2, 4, 1], dtype=np.int32)) == (-10, 10)


# --- how many ------------------------------------------------------------------------------------------------------
def test_chosen_are_the_most_wanted_who_are_there() -> None:
    assert choose(["a", "b", "a", "c"], ["c", "x", "a"], width=10, label_count=2) == ["c", "a"]


def test_chosen_are_fewer_the_more_photos_there_are() -> None:
    people = [f"v{at}" for at in range(100)]
    assert len(choose(people, people, width=10, label_count=2)) == MOST
    many = people * 20
    assert LEAST < len(choose(many, people, width=3_000, label_count=20)) < MOST


def test_chosen_are_some_however_many_photos_there_are() -> None:
    people = [f"v{at}" for at in range(100)]
    assert len(choose(people * 2000, people, width=3_000, label_count=20)) == LEAST
