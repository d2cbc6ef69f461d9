"""What a night's candidate took the golden photos for: its stored predictions, counted in one pass."""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from foundation import blobs
from training.domain import manifests, queries
from training.domain.judging import PREDICTIONS
from training.enums import StageName
from training.models import Run, Stage

KEPT = 36  # surest mistakes: more than are shown, since some are of photos that are gone
FEW = 12  # labels that are all shown, and the most that are


class AnswersMissingError(Exception):
    """The night's answers cannot be read; the sentence says what is missing, and why."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A golden photo that was named wrongly. ``photo`` and ``group`` (its volunteer or burst) are pseudonyms."""

    photo: str
    group: str
    truth: str
    answer: str
    probability: float


@dataclass(frozen=True, slots=True)
class Answers:
    """``counts`` of (truth, answer), both slugs; ``surest`` mistakes first, at most ``KEPT``."""

    photos: int
    counts: Counter[tuple[str, str]]
    surest: Sequence[Mistake]

    @property
    def wrong(self) -> int:
        """How many golden photos were named wrongly."""
        return sum(count for (truth, answer), count in self.counts.items() if truth != answer)


def read_answers(run: Run) -> Answers:
    """Reads one file, as long as there are golden photos. Raises ``AnswersMissingError``."""
    stage = Stage.objects.filter(run=run, name=StageName.EVALUATE).first()
    if stage is None:
        raise AnswersMissingError(_say_not_judged(run))
    if PREDICTIONS not in stage.files:
        raise AnswersMissingError(f"This night kept no {PREDICTIONS}, so its single answers are not known.")
    try:
        return _count(stage)
    except blobs.BlobMissing as error:
        raise AnswersMissingError(
            f"The file with this night's single answers is missing from the storage ({error}). Restore the storage to "
            "see them again."
        ) from None


def labels_to_show(counts: Counter[tuple[str, str]], slugs: Sequence[str]) -> list[str]:
    """Which labels a table of confusions is about, in the order of ``slugs``.

    Few labels are all shown; of many only those that were confused, and of those at most ``FEW``: the ones with the
    most mistakes.
    """
    if len(slugs) <= FEW:
        return list(slugs)
    mistakes: Counter[str] = Counter()
    for (truth, answer), count in counts.items():
        if truth != answer:
            mistakes.update({truth: count, answer: count})
    shown = {slug for slug, _ in sorted(mistakes.items(), key=lambda pair: (-pair[1], pair[0]))[:FEW]}
    return [slug for slug in slugs if slug in shown]


def _count(stage: Stage) -> Answers:
    counts: Counter[tuple[str, str]] = Counter()
    wrong: list[Mistake] = []
    for line in manifests.read_lines(stage, PREDICTIONS):
        counts[line["label"], line["answer"]] += 1
        if line["label"] != line["answer"]:
            wrong.append(
                Mistake(line["photo"], line["volunteer"], line["label"], line["answer"], float(line["probability"]))
            )
    surest = heapq.nsmallest(KEPT, wrong, key=lambda mistake: (-mistake.probability, mistake.photo))
    return Answers(counts.total(), counts, surest)


def _say_not_judged(run: Run) -> str:
    if queries.is_finished(run):
        return "This night ended before it judged anything on the golden photos."
    return "Nothing has been judged on the golden photos yet."
