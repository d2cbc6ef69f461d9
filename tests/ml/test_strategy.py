"""The choice of how to learn, as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.ml.strategy import ALL_BLOCKS, HEAD, LAST_BLOCKS, SCRATCH, Probe, choose

TABLE = {
    "few photos": (Probe(400, 40, 0.95, 0.80), HEAD, "400 photos"),
    "few photos of one label": (Probe(2_000, 12, 0.95, 0.80), HEAD, "12 of the rarest label"),
    "hardly a mistake left": (Probe(1_400, 130, 1.0, 0.97), HEAD, "too few mistakes"),
    "known by heart": (Probe(1_400, 130, 0.99, 0.70), HEAD, "more people"),
    "some photos and mistakes": (Probe(1_400, 130, 1.0, 0.95), LAST_BLOCKS, "95.0%"),
    "many photos": (Probe(5_000, 400, 0.95, 0.90), ALL_BLOCKS, "5,000 photos"),
    "many photos unlike ImageNet": (Probe(5_000, 400, 0.6, 0.4), ALL_BLOCKS, "40.0%"),
    "very many photos like ImageNet": (Probe(30_000, 900, 0.9, 0.85), ALL_BLOCKS, "30,000 photos"),
    "very many photos unlike ImageNet": (Probe(30_000, 900, 0.6, 0.4), SCRATCH, "do not fit"),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_strategy_and_its_reason_follow_what_the_head_measured(case: str) -> None:
    probe, wanted, said = TABLE[case]
    name, why = choose(probe)
    assert name == wanted
    assert said in why


@given(st.integers(1, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_whatever_was_measured_there_is_a_strategy_with_a_sentence(photos: int, learned: float, unseen: float) -> None:
    name, why = choose(Probe(photos, photos // 10, learned, unseen))
    assert name in {HEAD, LAST_BLOCKS, ALL_BLOCKS, SCRATCH}
    assert why.endswith(".")


@given(st.integers(1, 499), st.floats(0, 1), st.floats(0, 1))
def test_few_photos_never_move_the_backbone(photos: int, learned: float, unseen: float) -> None:
    assert choose(Probe(photos, photos, learned, unseen))[0] == HEAD
