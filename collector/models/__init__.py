"""Fields and constraints of the data side. The rules live in domain/."""

from collector.models.challenges import Challenge
from collector.models.learning import Contribution, Result, Suspicion
from collector.models.leaving import Erasure, Export
from collector.models.photos import LostPhoto, Photo
from collector.models.projects import Condition, Label, Membership, Project
from collector.models.reviews import Appeal, Hold, Opinion, Revert, Review
from collector.models.volunteers import Consent, ConsentText, Device, Volunteer

__all__ = [
    "Appeal",
    "Challenge",
    "Condition",
    "Consent",
    "ConsentText",
    "Contribution",
    "Device",
    "Erasure",
    "Export",
    "Hold",
    "Label",
    "LostPhoto",
    "Membership",
    "Opinion",
    "Photo",
    "Project",
    "Result",
    "Revert",
    "Review",
    "Suspicion",
    "Volunteer",
]
