"""The locks: one version of a package, whichever of them an environment is made from."""

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).resolve().parents[2] / "deploy" / "requirements"


def versions(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^ ;\\]+)", (LOCKS / lock).read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("lock", ["web.txt", "ml.txt"])
def test_smaller_lock_has_the_versions_of_the_whole(lock: str) -> None:
    whole, part = versions("all.txt"), versions(lock)
    assert len(part) > 20
    assert part == {name: whole[name] for name in part}
