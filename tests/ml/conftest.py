# ruff: noqa: E402 -- the wall stands before anything is imported
"""Builds the wall before anything is imported, and runs one small night for everybody to look at."""

import fcntl
import json
import os

from tests.ml import wall

wall.build()
# Tiny tensors gain nothing from threads, and threads that wait for each other burn the machine others are using.
os.environ |= {"OMP_NUM_THREADS": "1"}

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.ml import making
from training.ml import contract

hypothesis.settings.register_profile("shared", deadline=None, max_examples=50)  # others may be using the machine
hypothesis.settings.load_profile("shared")


@dataclass(frozen=True)
class Night:
    """A work folder in which every stage has finished, and what the command said meanwhile."""

    work: Path
    ran: making.Ran

    def result(self, stage: str) -> dict[str, Any]:
        """A stage's result.json."""
        found: dict[str, Any] = contract.read_json(self.work / stage / "result.json")
        return found

    def artifacts(self) -> dict[str, contract.Artifact]:
        """Every verified artifact, by runtime and precision."""
        entries = map(contract.Artifact.from_json, self.result("verify")["artifacts"])
        return {f"{entry.runtime}-{entry.precision}": entry for entry in entries}

    def path(self, name: str) -> Path:
        """The file of an artifact."""
        return self.work / self.artifacts()[name].file


@pytest.fixture(scope="session")
def walled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that, on PYTHONPATH, puts the wall up in child processes too."""
    folder = tmp_path_factory.mktemp("walled")
    (folder / "sitecustomize.py").write_text("from tests.ml import wall\n\nwall.build()\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of SqueezeNet 1.0; coloured shapes can be told apart with them all the same."""
    return making.make_weights(tmp_path_factory.mktemp("weights") / "random.safetensors")


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory, weights: Path, walled: Path) -> Night:
    """Every stage by the command a bare machine runs, behind the wall; once for all processes that share the tests."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    work, said = shared / "night", shared / "night.json"
    with (shared / "night.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            making.make_work(work, pretrained=str(weights))
            ran = making.run_command("all", "--spec", work / "spec.json", "--in", work, walled=walled)
            said.write_text(json.dumps(asdict(ran)), "utf-8")
    ran = making.Ran(**json.loads(said.read_text("utf-8")))
    assert ran.status == 0, ran.stderr
    return Night(work, ran)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who looks at the small night is slow."""
    for item in items:
        if "night" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
