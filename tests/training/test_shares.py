"""The law of shares: nobody weighs more than the bound, and nobody within it loses anything."""

from hypothesis import given
from hypothesis import strategies as st

from training.domain.shares import bound_of, weigh_accounts

COUNTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(0, 10_000), min_size=1, max_size=60)


@given(COUNTS, st.integers(0, 20_000))
def test_no_account_weighs_more_than_the_bound(counts: dict[str, int], others: int) -> None:
    weights = weigh_accounts(counts, others)
    total = others + sum(count * weights.get(name, 1.0) for name, count in counts.items())
    bound = bound_of(max(1, sum(count > 0 for count in counts.values())))
    assert all(count * weights.get(name, 1.0) <= bound * total * 1.001 + 0.01 for name, count in counts.items())


@given(COUNTS, st.integers(0, 20_000))
def test_who_weighs_less_a_photo_has_more_photos_than_who_does_not(counts: dict[str, int], others: int) -> None:
    weights = weigh_accounts(counts, others)
    light = [count for name, count in counts.items() if name not in weights]
    assert all(0 < weight < 1 and counts[name] > max(light) for name, weight in weights.items())


def test_the_bound_is_twice_an_equal_share_and_a_tenth_at_least() -> None:
    assert [bound_of(accounts) for accounts in (8, 10, 20, 1000)] == [0.25, 0.2, 0.1, 0.1]


def test_photos_of_nobody_known_share_in_the_whole_and_are_never_weighed() -> None:
    counts = {f"v{number}": 10 for number in range(30)} | {"busy": 500}
    assert weigh_accounts(counts) == {"busy": 0.066666}
    assert weigh_accounts(counts, others=10_000) == {}
