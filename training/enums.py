"""States of a night's work."""

from django.db.models import TextChoices


class StageName(TextChoices):
    """The stages of a night, in order."""

    SNAPSHOT = "snapshot"
    CHOOSE = "choose"
    START = "start"
    EMBED = "embed"
    FIT = "fit"
    EVALUATE = "evaluate"
    COMPRESS = "compress"
    LITERT = "litert"
    VERIFY = "verify"
    GATE = "gate"
    PUBLISH = "publish"
    ANNOUNCE = "announce"


class RunState(TextChoices):
    """queued -> running -> published | kept | failed."""

    QUEUED = "queued"
    RUNNING = "running"
    PUBLISHED = "published"
    KEPT = "kept"
    FAILED = "failed"


class PackState(TextChoices):
    """writing -> ready -> gone; then the row goes as well. Only ready packs are read."""

    WRITING = "writing"
    READY = "ready"
    GONE = "gone"


class GateDecision(TextChoices):
    """What the gate said."""

    PUBLISH = "publish"
    KEEP = "keep"


class Side(TextChoices):
    """Which side of the split a volunteer is on, for good."""

    TRAIN = "train"
    GOLDEN = "golden"
