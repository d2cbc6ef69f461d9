"""The interval of a share: known figures, and what must hold for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.domain.intervals import wilson

COUNTS = st.integers(1, 5000).flatmap(lambda photos: st.tuples(st.integers(0, photos), st.just(photos)))


@pytest.mark.parametrize(
    ("correct", "photos", "low", "high"),
    [(40, 42, 0.842, 0.987), (10, 10, 0.722, 1.0), (0, 10, 0.0, 0.278), (1, 1, 0.207, 1.0), (500, 1000, 0.469, 0.531)],
)
def test_interval_of_known_figures(correct: int, photos: int, low: float, high: float) -> None:
    assert wilson(correct, photos) == pytest.approx((low, high), abs=0.0006)


@given(COUNTS)
def test_interval_holds_its_share_within_nothing_and_all(counts: tuple[int, int]) -> None:
    low, high = wilson(*counts)
    assert 0 <= low <= counts[0] / counts[1] <= high <= 1


@given(COUNTS, st.integers(2, 20))
def test_interval_of_more_photos_is_narrower(counts: tuple[int, int], times: int) -> None:
    (low, high), (near_low, near_high) = wilson(*counts), wilson(counts[0] * times, counts[1] * times)
    assert near_high - near_low < high - low


@given(COUNTS)
def test_interval_of_the_wrong_ones_is_its_mirror(counts: tuple[int, int]) -> None:
    correct, photos = counts
    low, high = wilson(correct, photos)
    assert wilson(photos - correct, photos) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("correct", "photos"), [(0, 0), (3, 2), (-1, 2)])
def test_interval_of_what_is_no_share(correct: int, photos: int) -> None:
    with pytest.raises(ValueError, match=f"{correct} right of {photos} photos is no share"):
        wilson(correct, photos)
