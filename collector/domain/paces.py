"""How fast and how well one reviewer works. For that person alone, never a ranking."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count
from django.db.models.functions import TruncMinute
from django.utils import timezone

from collector.domain import opinions
from collector.enums import ReviewAction, ServedAs
from collector.models import Project, Review
from foundation.models import User

DAYS = 7


@dataclass(frozen=True)
class Pace:
    """Of the last ``DAYS`` days. An active minute is one in which something was decided."""

    photos: int
    active_minutes: int
    second: tuple[int, int]  # agreed, asked
    gold: tuple[int, int]

    @property
    def per_hour(self) -> int:
        """Photos decided in an hour of work."""
        return round(self.photos * 60 / self.active_minutes) if self.active_minutes else 0


def measure(project: Project, by: User) -> Pace:
    """Look at this person's last days."""
    since = timezone.now() - dt.timedelta(days=DAYS)
    mine = Review.objects.filter(reviewer=by, created_at__gte=since, photo__project=project)
    counted = mine.exclude(action=ReviewAction.UNDO).aggregate(
        photos=Count("pk"), minutes=Count(TruncMinute("created_at"), distinct=True)
    )
    agreed = opinions.agreement(project, by, since=since)
    second, gold = (agreed.get(kind, (0, 0)) for kind in (ServedAs.SECOND, ServedAs.GOLD))
    return Pace(counted["photos"], counted["minutes"], second, gold)
