"""States and choices of the data side."""

from django.db.models import TextChoices


class LabelState(TextChoices):
    """A label is gathered first, then taught, and may be retired."""

    COLLECTING = "collecting"
    LIVE = "live"
    RETIRED = "retired"


class PhotoState(TextChoices):
    """received -> awaiting_review -> accepted | rejected.

    ``unreadable`` where a decoder refused the bytes, ``deleted`` at the owner's wish.
    """

    RECEIVED = "received"
    AWAITING_REVIEW = "awaiting_review"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNREADABLE = "unreadable"
    DELETED = "deleted"


class Shown(TextChoices):
    """Which photos a review page shows."""

    WAITING = "waiting", "waiting for review"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DISPUTED = "disputed", "disputed by a second opinion"
    SUSPECTED = "suspected", "suspected by the model"
    APPEALED = "appealed", "appealed by the volunteer"


class ReviewOrder(TextChoices):
    """Which of them come first."""

    VALUE = "value", "most useful first"
    OLDEST = "oldest", "oldest first"
    NEWEST = "newest", "newest first"
    DISAGREEMENT = "disagreement", "model disagrees most"
    NEED = "need", "label with fewest photos"
    NOVELTY = "novelty", "most unusual first"


DECIDED = (PhotoState.ACCEPTED, PhotoState.REJECTED)  # what a reviewer's decision makes of a photo


class DeletionCause(TextChoices):
    """Why a photo's bytes are gone: its owner's wish, something private in it, or its owner's leaving."""

    OWNER = "owner"
    PRIVACY = "privacy"
    ACCOUNT = "account"


class Held(TextChoices):
    """What the server says about a photo that a phone asks after."""

    STORED = "stored"
    MISSING = "missing"
    OTHER_BYTES = "other_bytes"
    DELETED = "deleted"


class ConditionAxis(TextChoices):
    """What a condition is about."""

    LIGHT = "light"
    DISTANCE = "distance"
    ANGLE = "angle"
    BACKGROUND = "background"
    OCCLUSION = "occlusion"


class Remark(TextChoices):
    """What was measured on a photo and does not fit its challenge. A hint for people, never a verdict."""

    TOO_DARK = "too_dark", "too dark"
    TOO_BRIGHT = "too_bright", "too bright"
    BLURRED = "blurred", "blurred"
    SMALL = "small", "small"


class ReviewAction(TextChoices):
    """What one review did. ``relabel`` accepts under another label; ``undo`` takes one earlier review back."""

    ACCEPT = "accept"
    RELABEL = "relabel"
    REJECT = "reject"
    UNDO = "undo"


class RejectReason(TextChoices):
    """Few and fixed, so that they can be counted and spoken to the volunteer."""

    WRONG_OBJECT = "wrong_object", "wrong object"
    NOT_VISIBLE = "not_visible", "not visible"
    PRIVACY = "privacy", "privacy"
    UNSAFE = "unsafe", "unsafe"
    SCREEN_OR_PRINT = "screen_or_print", "screen or print"
    DUPLICATE = "duplicate", "duplicate"
    NOT_THIS_CHALLENGE = "not_this_challenge", "not this challenge"
    TECHNICALLY_UNUSABLE = "technically_unusable", "technically unusable"


class ServedAs(TextChoices):
    """Why a photo that was decided before is shown again: to hear a second opinion, or to measure the reviewer."""

    SECOND = "second", "second opinion"
    GOLD = "gold", "gold photo"


class AppealAnswer(TextChoices):
    """How an appeal ended."""

    UPHELD = "upheld", "stays rejected"
    ACCEPTED = "accepted", "accepted after all"


class Role(TextChoices):
    """What a member may do in one project."""

    REVIEWER = "reviewer"
    LEAD = "lead"
    ADMIN = "admin"


class PinnedSplit(TextChoices):
    """A side of the split fixed by an import; empty leaves the choice to the snapshot."""

    TRAIN = "train"
    GOLDEN = "golden"
