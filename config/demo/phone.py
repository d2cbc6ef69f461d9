"""The phone of the demo: the reference client as its own process, and photos that no night has seen."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from config.demo.bars import Step
from config.demo.pictures import Shot

AT_ONCE = 24  # photos a call of the client
BASE_DIR = Path(__file__).resolve().parent.parent.parent


class PhoneError(Exception):
    """The client ended with a fault; the message is its own."""


@dataclass(frozen=True)
class Answer:
    """What the phone said about one photo."""

    photo: str
    label: str
    answer: str
    probability: float
    right: bool

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True)
class Phone:
    """One phone: the folder that keeps its model, and the key it was given."""

    home: Path
    key: Path

    def fetch(self, url: str, project: str) -> str:
        """Asks for the current model and switches to it; returns what the client said. Raises ``PhoneError``."""
        said = self._run("fetch", "--url", url, "--project", project, "--key", str(self.key))
        return str(said.get("why", ""))

    def name_photos(self, photos: Sequence[tuple[Path, Shot]], step: Step) -> list[Answer]:
        """Names photos with the downloaded file. Raises ``PhoneError``."""
        answers: list[Answer] = []
        for start in range(0, len(photos), AT_ONCE):
            part = photos[start : start + AT_ONCE]
            rows = self._run("classify", *(str(path) for path, _ in part))["photos"]
            for (path, shot), row in zip(part, rows, strict=True):
                said = "" if row.get("none_of_these") else str(row.get("label", ""))
                answers.append(
                    Answer(path.name, shot.label, said, round(float(row.get("probability", 0)), 4), said == shot.label)
                )
            step.reach(len(answers))
        return answers

    def _run(self, command: str, *arguments: str) -> dict[str, Any]:
        call = [sys.executable, "-m", "modelhub.client", command, *arguments, "--home", str(self.home), "--json"]
        done = subprocess.run(call, check=False, cwd=BASE_DIR, capture_output=True, text=True)
        try:
            said = json.loads(done.stdout)
        except ValueError:
            said = {}
        if done.returncode or not isinstance(said, dict) or not said:
            raise PhoneError(
                f"The client's {command} ended with status {done.returncode}: {said.get('why') or done.stderr[-800:]}"
            )
        return said


def accuracy(answers: Sequence[Answer]) -> float:
    """Share of right answers. Raises ZeroDivisionError where there are none."""
    return sum(answer.right for answer in answers) / len(answers)
