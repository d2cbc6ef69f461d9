"""States of a job."""

from django.db.models import TextChoices


class JobState(TextChoices):
    """queued -> running -> done; after too many attempts quarantined, with the reason."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    QUARANTINED = "quarantined"
