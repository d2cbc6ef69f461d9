"""Settings from the environment: what is written wrongly is named, with what is allowed."""

import limits
import pytest
from django.core.exceptions import ImproperlyConfigured

from config.env import Env


def test_rates_are_read_shortest_first() -> None:
    found = Env({"LIMIT_X": "2000/day; 600/hour"}).rates("LIMIT_X", "1/minute")
    assert found == limits.parse_many("600/hour, 2000/day")


@pytest.mark.parametrize(("written", "count"), [("", 1), ("off", 0), ("OFF", 0), ("5/2 minutes", 1)])
def test_rates_may_be_left_out_or_off(written: str, count: int) -> None:
    assert len(Env({"LIMIT_X": written}).rates("LIMIT_X", "1/minute")) == count


@pytest.mark.parametrize("written", ["lots", "5/fortnight", "5", "-1/hour", "0.5/day"])
def test_rates_that_are_none_are_refused(written: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"LIMIT_X is .*allowed are off"):
        Env({"LIMIT_X": written}).rates("LIMIT_X", "1/minute")
