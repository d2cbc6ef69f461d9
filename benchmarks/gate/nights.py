"""Simulated nights: golden sets drawn from real answers, whole volunteers at a time, with a known true difference."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.gate.answers import RIVAL, SHARES, Rows
from training.domain.comparing import Answer

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """The real photos, sorted by volunteer; ``right`` says of each model which photos it answers correctly."""

    rows: Rows
    starts: Places  # (volunteers), the first photo of each
    counts: Places  # (volunteers)
    right: Mapping[str, Flags]


@dataclass(frozen=True)
class Size:
    """A golden set: so many photos, by people who gave all theirs once, or ``each`` photos (some of them alike)."""

    photos: int
    each: int = 0


@dataclass(frozen=True)
class Kind:
    """A candidate: how many points better than production it truly is, and the real model that stands behind it."""

    points: float
    base: str

    def say(self) -> str:
        """In words: "2 points worse"."""
        if not self.points:
            return "as good"
        count = f"{abs(self.points):g} {'point' if abs(self.points) == 1 else 'points'}"
        alike = ", else alike" if self.base == "production" else ""
        return f"{count} {'better' if self.points > 0 else 'worse'}{alike}"


def make_pool(rows: Rows) -> Pool:
    """Sorts the real answers for drawing."""
    rows = sorted(rows, key=lambda row: (row["volunteer"], row["photo"]))
    _, starts, counts = np.unique([row["volunteer"] for row in rows], return_index=True, return_counts=True)
    right = {name: np.array([row[name] == row["label"] for row in rows]) for name in (*SHARES, RIVAL)}
    return Pool(rows, starts, counts, right)


def make_candidate(pool: Pool, base: str, points: float) -> tuple[list[str], float]:
    """Answers of a model that is truly ``points`` better than production, on every label, and how often they disagree.

    It is the real model ``base``, mended or spoiled on as few photos as bring it to the difference: mended where most
    of the other real models are right, spoiled where most are wrong, so that it stays right and wrong about the same
    people's photos as models are.
    """
    right = pool.right[base].copy()
    ease = sum(flags.astype(int) for flags in pool.right.values()) + np.random.default_rng(1).random(len(right))
    labels = np.array([int(row["label"]) for row in pool.rows])
    gains = np.diff(np.round(np.cumsum(np.bincount(labels)) * points / 100), prepend=0).astype(int)
    for label, gain in enumerate(gains.tolist()):
        mine = np.flatnonzero(labels == label)
        lacking = int(pool.right["production"][mine].sum()) + gain - int(right[mine].sum())
        places = mine[right[mine] != (lacking > 0)]
        order = np.argsort(-ease[places] if lacking > 0 else ease[places])
        right[places[order][: abs(lacking)]] = lacking > 0
    answers = [_answer(row, base, is_right=is_right) for row, is_right in zip(pool.rows, right.tolist(), strict=True)]
    return answers, float((right != pool.right["production"]).mean())


def _answer(row: dict[str, str], base: str, *, is_right: bool) -> str:
    if is_right:
        return row["label"]
    wrong = [row[name] for name in (base, *SHARES) if row[name] != row["label"]]
    return wrong[0] if wrong else str((int(row["label"]) + 1) % 10)


def draw_nights(pool: Pool, size: Size, nights: int, seed: int) -> Iterator[tuple[Places, Places]]:
    """For each night the places of its photos in the pool, and which time (0, 1, ...) their volunteer was drawn."""
    random = np.random.default_rng((seed, size.photos, size.each))
    people = size.photos // size.each if size.each else 2 * size.photos // int(pool.counts.mean())
    for _ in range(nights):
        drawn = random.integers(0, len(pool.counts), people)
        times = _times_drawn(drawn)
        if size.each:
            who = np.repeat(np.arange(people), size.each)
            inside = (random.random(len(who)) * pool.counts[drawn[who]]).astype(int)
        else:
            who = np.repeat(np.arange(people), pool.counts[drawn])[: size.photos]
            first = np.cumsum(pool.counts[drawn]) - pool.counts[drawn]
            inside = np.arange(len(who)) - first[who]
        yield pool.starts[drawn[who]] + inside, times[who]


def _times_drawn(drawn: Places) -> Places:
    """How often each was drawn before: 7, 3, 7 gives 0, 0, 1."""
    order = np.argsort(drawn, kind="stable")
    _, first, where = np.unique(drawn[order], return_index=True, return_inverse=True)
    times = np.empty_like(drawn)
    times[order] = np.arange(len(drawn)) - first[where]
    return times


class Photos:
    """A candidate's ``Answer`` rows, made once for every photo and every time its volunteer is drawn."""

    def __init__(self, pool: Pool, answers: Sequence[str]) -> None:
        self.pool, self.answers = pool, answers
        self.made: list[list[Answer]] = []

    def take(self, places: Places, times: Places) -> list[Answer]:
        """The night's golden photos."""
        while len(self.made) <= int(times.max()):
            self.made.append(self._make(len(self.made)))
        made = self.made
        return [made[time][place] for time, place in zip(times.tolist(), places.tolist(), strict=True)]

    def _make(self, time: int) -> list[Answer]:
        return [
            Answer(f"{row['volunteer']}-{time}", row["label"], answer, row["production"])
            for row, answer in zip(self.pool.rows, self.answers, strict=True)
        ]
