"""Rows that wait on disk: the same rows, in the order of their names, as often as one likes, and gone afterwards."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.domain.spools import spooling

NAMES = st.text("0123456789abcdef", min_size=8, max_size=8)
ROWS = st.dictionaries(NAMES, st.tuples(st.text(), st.none() | st.floats(allow_nan=False), st.booleans()), max_size=40)


@given(ROWS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_come_back_sorted_and_the_same_twice(
    tmp_path: Path, rows: dict[str, tuple[str, float | None, bool]]
) -> None:
    with spooling(tmp_path / "spool") as spool:
        for name, rest in rows.items():
            spool.add(name, *rest)
        wanted = [[name, *rest] for name, rest in sorted(rows.items())]
        assert list(spool) == wanted
        assert list(spool) == wanted
    assert not (tmp_path / "spool").exists()
