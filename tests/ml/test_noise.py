"""Labels that look wrong, by confident learning: which photos are named, in which order, and which are left alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.ml import noise
from training.ml.noise import find_suspicions

CALLED = [0, 0, 0, 0, 1, 1, 1, 1]
SHARES = [0.9, 0.8, 0.9, 0.1, 0.2, 0.1, 0.95, 0.2]  # of label 0


def pairs(shares: list[float]) -> torch.Tensor:
    """Probabilities of two labels."""
    first = torch.tensor(shares)
    return torch.stack([first, 1 - first], 1)


def test_photos_that_look_like_another_label_are_named_the_surest_first() -> None:
    found = find_suspicions(pairs(SHARES), torch.tensor(CALLED))
    assert [(one.place, one.likely) for one in found] == [(6, 0), (3, 1)]
    assert [one.margin for one in found] == pytest.approx([0.9, 0.8])


def test_photo_that_is_less_sure_than_usual_for_the_other_label_is_left_alone() -> None:
    shares = [0.99, 0.98, 0.99, 0.99, 0.6, 0.1, 0.1, 0.1]  # 0.6 is far below what photos of label 0 usually get
    assert find_suspicions(pairs(shares), torch.tensor(CALLED)) == []


def test_label_that_the_head_is_never_sure_of_is_not_suspected_wholesale() -> None:
    shares = [0.7, 0.9, 0.7, 0.9, 0.55, 0.55, 0.55, 0.55]
    assert find_suspicions(pairs(shares), torch.tensor(CALLED)) == []


def test_label_that_nobody_used_is_never_likely() -> None:
    three = torch.cat([pairs([0.1] * 4 + [0.2] * 4) / 2, torch.full((8, 1), 0.5)], 1)
    assert not [one for one in find_suspicions(three, torch.tensor(CALLED)) if one.likely == 2]


def test_suspicions_are_no_more_than_reviewers_would_look_through() -> None:
    many = noise.MOST * 4
    called = torch.tensor([0, 1] * (many // 2))
    shares = [0.1 if at % 8 == 0 else 0.9 if at % 2 == 0 else 0.9 if at % 8 == 1 else 0.1 for at in range(many)]
    assert len(find_suspicions(pairs(shares), called)) <= noise.MOST < many // 4 + many // 8


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
def test_suspicious_photos_are_called_less_probably_than_what_they_look_like(photos: list[tuple[float, int]]) -> None:
    probabilities, called = pairs([share for share, _ in photos]), [label for _, label in photos]
    found = find_suspicions(probabilities, torch.tensor(called))
    assert all(one.likely != called[one.place] and 0 < one.margin <= 1 for one in found)
    assert [one.margin for one in found] == sorted((one.margin for one in found), reverse=True)
    assert len({one.place for one in found}) == len(found)
