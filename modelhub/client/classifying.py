"""Naming photos with the model in use, as its signed document says it must be used."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelhub.client import runtimes
from modelhub.client.faults import Refused, WrongCall
from modelhub.client.home import Home, is_intact
from modelhub.client.pictures import prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the model says about one photo; ``scores`` holds every label's probability.

    Where ``none_of_these``, the likeliest label is too unlikely to be told: a wrong answer would cost more than none.
    """

    photo: str
    label: str
    name: str
    probability: float
    scores: dict[str, float]
    none_of_these: bool

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


class Classifier:
    """The model in use, loaded once."""

    def __init__(self, folder: Path) -> None:
        """Load. Raises WrongCall where nothing is installed, Refused where the file is revoked or damaged."""
        home = Home(folder)
        current = home.current()
        if current is None:
            raise WrongCall(f"No model is installed in {folder}; fetch one first.")
        path = folder / current["file"]
        if current["sha256"] in home.revoked():
            raise Refused(f"Release {current['version']} was revoked; fetch another.")
        if not is_intact(path, current["sha256"]):
            raise Refused(f"{path} is damaged or gone; fetch again to repair it.")
        self.current = current
        self._run = runtimes.load(current["runtime"], path, current["tensor_input"])

    def name_photos(self, photos: Sequence[Path]) -> Iterator[Named | WrongCall]:
        """One answer a photo, in order; what cannot be read as a photo gives its reason. Raises Refused."""
        for photo in photos:
            try:
                yield self.name_photo(photo)
            except WrongCall as fault:
                yield fault

    def name_photo(self, photo: Path) -> Named:
        """Raises WrongCall where the photo cannot be read, Refused where file and document contradict each other."""
        labels = self.current["labels"]
        scores = self._run(prepare(photo, self.current["input"], self.current["tensor_input"]))
        if len(scores) != len(labels):
            raise Refused(f"The file gives {len(scores)} scores; the signed document names {len(labels)} labels.")
        best = max(range(len(scores)), key=scores.__getitem__)
        return Named(
            photo=str(photo),
            label=labels[best]["slug"],
            name=labels[best]["name"],
            probability=scores[best],
            scores={label["slug"]: score for label, score in zip(labels, scores, strict=True)},
            none_of_these=scores[best] < least_probability(self.current.get("rejection")),
        )


def least_probability(rejection: Mapping[str, Any] | None) -> float:
    """From which top probability on an answer is given, at the release's own cost of a wrong one; 0 means always.

    Of the costs measured, the smallest that is no smaller, else the largest.
    """
    if rejection is None:
        return 0.0
    rows = sorted((one["cost"], one["threshold"]) for one in rejection["thresholds"])
    enough = [threshold for cost, threshold in rows if cost >= rejection["cost"]]
    return float(enough[0] if enough else rows[-1][1])
