"""The capture profile: what may be said in it, and what is said where it may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.ml import contract
from training.ml.contract import WAYS, CaptureProfile

VALUES = {way.name: st.floats(way.least, way.most) for way in WAYS if not way.name.endswith("turned")}
PROFILES = st.fixed_dictionaries({}, optional=VALUES).filter(lambda raw: raw.get("upside_down", 0) <= 1)
JUNK = st.none() | st.booleans() | st.text() | st.lists(st.integers()) | st.sampled_from([float("nan"), float("inf")])


def faults(raw: object) -> list[contract.Problem]:
    with pytest.raises(contract.ProblemsFoundError) as caught:
        CaptureProfile.from_json(raw)
    return list(caught.value.problems)


@given(PROFILES)
def test_profile_in_range_is_read_as_given_and_the_rest_is_usual(raw: dict[str, float]) -> None:
    usual = {way.name: way.usual for way in WAYS}
    assert CaptureProfile.from_json(raw).to_json() == {**usual, **raw}


@given(PROFILES)
def test_profile_written_and_read_again_is_the_same(raw: dict[str, float]) -> None:
    profile = CaptureProfile.from_json(raw)
    assert CaptureProfile.from_json(profile.to_json()) == profile


@given(st.sampled_from(WAYS), JUNK)
def test_value_that_is_no_number_is_named_with_its_range(way: contract.Way, value: object) -> None:
    (fault,) = faults({way.name: value})
    assert fault.what == f"{way.name} in capture_profile is not usable"
    assert fault.allowed == f"a number from {way.least:g} to {way.most:g}"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_value_just_outside_its_range_is_refused(way: contract.Way) -> None:
    assert [fault.value for fault in faults({way.name: way.most + 0.5})] == [str(way.most + 0.5)]
    assert [fault.value for fault in faults({way.name: way.least - 0.5})] == [str(way.least - 0.5)]


def test_name_that_is_none_is_refused_with_those_there_are() -> None:
    (fault,) = faults({"spin": 1})
    assert fault.what == "spin in capture_profile is not usable"
    assert all(way.name in fault.allowed for way in WAYS)


def test_every_fault_is_told_at_once() -> None:
    assert [fault.value for fault in faults({"roll": 400, "spin": 1, "blur": "often"})] == ["1", "400", "often"]


def test_more_turned_photos_than_there_are_is_refused() -> None:
    (fault,) = faults({"upside_down": 0.6, "quarter_turned": 0.7})
    assert fault.what == "upside_down and quarter_turned in capture_profile is not usable"
    assert fault.value == "1.3 together"


@pytest.mark.parametrize("raw", [None, [], "roll"])
def test_profile_that_is_no_object_is_refused(raw: object) -> None:
    assert faults(raw)[0].allowed == "a JSON object"


@given(PROFILES, st.floats(0, 1))
def test_calmer_people_leave_a_usable_profile(raw: dict[str, float], share: float) -> None:
    calmer = CaptureProfile.from_json(raw).scaled(share)
    assert CaptureProfile.from_json(calmer.to_json()) == calmer
