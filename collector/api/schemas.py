"""The wire format. Nothing of it leaves this package."""

import datetime as dt
import uuid
from typing import Any, Self

from ninja import Field, Schema
from pydantic import AwareDatetime, ConfigDict, field_validator

from collector.domain.receipts import Receipt

FIRST_YEAR, LAST_YEAR = 1990, 2200  # of digital cameras


class PhotoQuery(Schema):
    """What a phone says about the photo it sends."""

    project: str = Field(description="Slug of the project.")
    challenge: str = Field("", description="Id of the challenge it answers, as the phone got it.")
    label: str = Field("", description="Slug of what it shows; leave it out if you do not know.")
    captured_at: AwareDatetime | None = Field(None, description="When it was taken, with the zone.")
    release: str = Field("", max_length=40, description="The release on the phone, if it has one.")
    scores: str = Field("", max_length=2000, description="What that release answered, as `slug:0.91,slug:0.05`.")

    @field_validator("captured_at", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return value or None

    @field_validator("captured_at")
    @classmethod
    def _impossible_is_none(cls, value: dt.datetime | None) -> dt.datetime | None:
        """A camera that lost its clock is no reason to refuse a photo, and no moment worth keeping."""
        return value if value is not None and FIRST_YEAR <= value.year <= LAST_YEAR else None


class ProjectQuery(Schema):
    project: str = Field(description="Slug of the project.")


class ReceiptOut(Schema):
    """The server answers for these bytes from now on; the phone may forget them."""

    photo: uuid.UUID
    sha256: str
    size_bytes: int
    received_at: dt.datetime
    signature: str = Field(description="The server's, over the members above; only the server can check it.")

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """The receipt as phones see it."""
        return cls(
            photo=receipt.photo_id,
            sha256=receipt.sha256,
            size_bytes=receipt.size_bytes,
            received_at=receipt.received_at,
            signature=receipt.signature,
        )


class ReceiptIn(Schema):
    """A receipt as it came; ones from before receipts were signed prove nothing and do no harm."""

    sha256: str = Field(max_length=64)
    size_bytes: int = Field(ge=0, le=2**31 - 1)
    received_at: AwareDatetime
    signature: str = Field("", max_length=100)


class AskedPhotoIn(Schema):
    model_config = ConfigDict(extra="forbid")

    photo: uuid.UUID
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$", description="Of the bytes on the phone, if it still has them.")
    receipt: ReceiptIn | None = Field(None, description="The receipt it got for them, as it came.")


class AskedPhotosIn(Schema):
    model_config = ConfigDict(extra="forbid")

    photos: list[AskedPhotoIn] = Field(max_length=500)


class HeldPhotoOut(Schema):
    photo: uuid.UUID
    held: str = Field(description="stored, missing, other_bytes or deleted.")
    state: str | None = Field(description="As in GET; null where it is missing.")
    receipt: ReceiptOut | None = Field(description="Of what is stored under this id; null where nothing is.")


class HeldPhotosOut(Schema):
    photos: list[HeldPhotoOut] = Field(description="In the order asked.")


class PhotoUrls(Schema):
    normalised: str
    thumbnail: str


class PhotoOut(Schema):
    photo: uuid.UUID
    project: str
    label: str | None
    state: str
    reason: str = Field(description="Why it cannot be used, in words to read aloud; empty where nothing is wrong.")
    reason_code: str = Field(description="The reviewers' reason, such as not_visible; empty where there is none.")
    appeal: str | None = Field(description="open, upheld or accepted; null where nobody appealed.")
    received_at: dt.datetime
    is_late: bool = Field(description="Whether it missed its challenge's day or grace; it is kept all the same.")
    urls: PhotoUrls | None = Field(description="Where its owner can look at it; null until it is normalised.")


class AppealIn(Schema):
    model_config = ConfigDict(extra="forbid")

    text: str = Field("", max_length=500, description="What the volunteer wants to say to it; may be left out.")


class AppealOut(Schema):
    photo: uuid.UUID
    appeal: str = Field(description="open, upheld (it stays rejected) or accepted.")
    asked_at: dt.datetime


class GuestIn(Schema):
    model_config = ConfigDict(extra="forbid")

    consent_version: str = Field(max_length=20, description="The consent text the person agreed to.")
    device: str = Field("", max_length=80, description="What to call this device in the list of logins.")


class GuestOut(Schema):
    volunteer: uuid.UUID
    token: str = Field(description="Shown this once; the server keeps only its hash.")


class VolunteerOut(Schema):
    volunteer: uuid.UUID = Field(description="Whom this device speaks for now.")
    email: str


class DeviceOut(Schema):
    device: int
    name: str
    created_at: dt.datetime
    last_seen_on: dt.date | None = Field(description="The day it last asked for anything.")
    is_current: bool = Field(description="Whether it is the one that asks.")


class ConsentTextOut(Schema):
    version: str
    text: str
    published_at: dt.datetime


class ConsentIn(Schema):
    model_config = ConfigDict(extra="forbid")

    version: str = Field(max_length=20, description="The consent text the person agreed to.")


class ConsentOut(Schema):
    version: str
    agreed_at: dt.datetime


class ExportOut(Schema):
    export: uuid.UUID
    state: str = Field(description="making, ready or failed; asking again tries a failed one again.")
    photos_done: int
    photos_total: int
    size_bytes: int
    asked_at: dt.datetime
    expires_at: dt.datetime | None = Field(description="When the zip is deleted; null until it is ready.")


class ErasureIn(Schema):
    model_config = ConfigDict(extra="forbid")

    erase_everything: bool = Field(description="True once the person has confirmed it.")


class ErasureOut(Schema):
    """The receipt."""

    erasure: uuid.UUID
    photos: int
    asked_at: dt.datetime
    finished_at: dt.datetime | None = Field(description="When the last byte was deleted; null until then.")


class LabelOut(Schema):
    slug: str
    name: str


class ConditionOut(Schema):
    slug: str
    axis: str = Field(description="light, distance, angle, background or occlusion.")
    name: str


class ChallengeOut(Schema):
    challenge: str
    project: str
    day: dt.date
    ends_at: dt.datetime
    text: str
    label: str | None
    conditions: list[ConditionOut] = Field(description="Circumstances it asks for.")
    target_count: int
    labels: list[LabelOut] = Field(description="What a photo of this project may show.")


class ProblemOut(Schema):
    """RFC 9457, as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    allowed: str
    do: str
