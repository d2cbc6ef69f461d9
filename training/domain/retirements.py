"""A quarter of the golden volunteers retires each quarter of the year: from then on they teach, and never judge again.

Every night looks at the same golden photos, and only models that did well on them are published. So models come to suit
these photos a little better than others (reuse of a holdout; Dwork et al., 2015, Blum and Hardt, 2015). That is bounded
where nobody judges for much more than a year, and fresh volunteers take the places.

A side changes this once and this way only, so nobody judges a model that learned from them. Who has judged longest goes
first. No label falls below its golden photos and no fewer than five volunteers judge for it; who cannot be spared waits
until fresh volunteers have come. Who was pinned to the golden side by a person stays. Everything follows from the
stored sides: a night that is begun again, or beside another, retires nobody twice.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from collector.models import Project
from training.domain.comparing import FEW_GROUPS
from training.domain.seen import Seen, pseudonym
from training.domain.splits import Split
from training.enums import Side
from training.models import SplitSide

PERSON = "v:"
MONTHS = 3
Divide = Callable[[Mapping[str, str]], Split]


class RetiredMeanwhileError(Exception):
    """Another night of the project retired some of the same volunteers first: choose anew."""


@dataclass(frozen=True, slots=True)
class Retirement:
    """What a night did, in numbers of volunteers; ``names`` are those whose side is still to be changed."""

    since: date  # the quarter's first day
    golden: int  # judged when it began
    due: int  # shall retire in it
    earlier: int  # did on a night before
    tonight: int
    names: tuple[str, ...]  # as in the stored split

    @property
    def waiting(self) -> int:
        """Cannot be spared yet."""
        return max(0, self.due - self.earlier - self.tonight)

    def to_json(self) -> dict[str, Any]:
        """For the snapshot's result."""
        numbers = {name: getattr(self, name) for name in ("golden", "due", "earlier", "tonight", "waiting")}
        return {"since": self.since.isoformat(), **numbers}

    def notices(self) -> list[str]:
        """For people: who retired tonight, and who waits."""
        said = []
        if self.tonight:
            said.append(
                f"{self.tonight} of {self.golden} golden volunteers retired tonight, as a quarter of them do in every "
                "quarter of the year: their photos judge no more, and teach from now on."
            )
        if self.waiting:
            said.append(
                f"{self.waiting} of {self.golden} golden volunteers were to retire from {self.since} on and wait for "
                "fresh ones: without them a label would have too few golden photos, or fewer than "
                f"{FEW_GROUPS} people would judge."
            )
        return said


def divide_and_retire(
    project: Project, night: date, photos: Iterable[Seen], stored: Mapping[str, str], divide: Divide
) -> tuple[Split, Retirement]:
    """The split that ``divide`` makes of stored sides, once without those who retire tonight. Writes nothing.

    ``photos`` are read several times.
    """
    calm = divide(stored)
    since, until = quarter_of(night)
    mine = SplitSide.objects.filter(project=project, group__startswith=PERSON)
    gone = list(mine.filter(retired_on__gte=since, retired_on__lt=until).values_list("retired_on", flat=True))
    order = _in_order(project, since, _Judges(photos, calm))
    golden = len(order) + len(gone)
    due = (golden + 2) // 4  # halves up
    names: tuple[str, ...] = ()
    if due > len(gone):
        tonight = _Tonight(photos, stored, calm, divide, order, due - len(gone), max(1, project.min_golden_per_label))
        names = tonight.choose()
    again = gone.count(night)
    retirement = Retirement(since, golden, due, len(gone) - again, again + len(names), names)
    return (divide(_without(stored, names)) if names else calm), retirement


def retire(project: Project, retirement: Retirement, night: date) -> None:
    """Changes the sides, in the caller's transaction: all of them or none. Raises ``RetiredMeanwhileError``."""
    judging = SplitSide.objects.filter(project=project, group__in=retirement.names, side=Side.GOLDEN)
    if judging.update(side=Side.TRAIN, retired_on=night) != len(retirement.names):
        raise RetiredMeanwhileError


def quarter_of(night: date) -> tuple[date, date]:
    """The first day of the night's quarter of the year, and of the next."""
    since = date(night.year, (night.month - 1) // MONTHS * MONTHS + 1, 1)
    later = since + timedelta(days=31 * MONTHS)  # in the next quarter's first days
    return since, later.replace(day=1)


class _Judges:
    """The golden side of a split: ``own`` golden photos of each volunteer by label, and ``total`` of all groups."""

    def __init__(self, photos: Iterable[Seen], split: Split) -> None:
        self.own: dict[str, Counter[str]] = defaultdict(Counter)
        self.total: Counter[str] = Counter()
        self.pinned: set[str] = set()
        for seen in photos:
            side, group, _ = split.place(seen)
            if side == Side.GOLDEN:
                self.total[seen.label] += 1
                if group.startswith(PERSON):
                    self.own[group][seen.label] += 1
                    if seen.pinned:
                        self.pinned.add(group)

    def spare(self, order: Iterable[str], wanted: int, least: int) -> tuple[str, ...]:
        """The first ``wanted`` who leave every label ``least`` golden photos, and five volunteers."""
        left, people = Counter(self.total), len(self.own)
        chosen: list[str] = []
        for group in order:
            mine = self.own[group]
            if len(chosen) < wanted and people > FEW_GROUPS and all(left[one] - mine[one] >= least for one in mine):
                left.subtract(mine)
                people -= 1
                chosen.append(group)
        return tuple(chosen)


def _in_order(project: Project, since: date, judges: _Judges) -> list[str]:
    """Who judged before the quarter began and may retire, the longest first, of equals by keyed hash."""
    begun = datetime.combine(since, time(), UTC)
    rows = SplitSide.objects.filter(project=project, side=Side.GOLDEN, created_at__lt=begun)
    found = rows.values_list("created_at", "group")
    free = [(at, group) for at, group in found if group in judges.own and group not in judges.pinned]
    return [
        group for _, _, group in sorted((at, pseudonym(project.split_secret, str(since), one), one) for at, one in free)
    ]


@dataclass(frozen=True, slots=True)
class _Tonight:
    """``wanted`` of ``order`` shall retire, and every label keep ``least`` golden photos."""

    photos: Iterable[Seen]
    stored: Mapping[str, str]
    calm: Split
    divide: Divide
    order: Sequence[str]
    wanted: int
    least: int

    def choose(self) -> tuple[str, ...]:
        """Who retires. Where too few can be spared, fresh volunteers are asked to judge in their place."""
        before = _Judges(self.photos, self.calm)
        names = before.spare(self.order, self.wanted, self.least)
        is_fresh = any(group.startswith(PERSON) for group in self.calm.stored)
        if len(names) == self.wanted or not is_fresh:
            return names
        fuller = self._judges_without(self.order[: self.wanted])
        for group in self.order[: self.wanted]:
            fuller.own[group] = before.own[group]
            fuller.total.update(before.own[group])
        more = fuller.spare(self.order, self.wanted, self.least)
        after = self._judges_without(more)
        is_enough = all(after.total[label] >= min(self.least, count) for label, count in before.total.items())
        return more if is_enough and len(after.own) >= min(FEW_GROUPS, len(before.own)) else names

    def _judges_without(self, names: Iterable[str]) -> _Judges:
        return _Judges(self.photos, self.divide(_without(self.stored, names)))


def _without(stored: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {**stored, **dict.fromkeys(names, Side.TRAIN)}
