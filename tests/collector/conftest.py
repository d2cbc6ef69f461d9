"""Alice and Bob send photos, Charlie belongs to nobody, Rosa and Vera review the notes, which Lena leads.

Otto reviews something else.
"""

import base64
import datetime as dt
import hashlib
import io
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pillow_heif
import pytest
from django.test import Client
from PIL import Image

from collector.domain import challenges, conditions, guests, normalising, projects, uploads
from collector.enums import Role
from collector.models import Challenge, Photo, Project, Volunteer
from collector.normaliser import sandbox
from foundation.models import User

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

API = "/api/v1"
pillow_heif.register_heif_opener()  # the tests' own, to write HEIC


def draw(seed: int = 0, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A small picture that differs from any other seed's, and has four different corners."""
    image = Image.new("RGB", size, (seed * 37 % 256, seed * 91 % 256, seed * 53 % 256))
    image.paste((255, 0, 0), (0, 0, size[0] // 2, size[1] // 2))
    image.paste((0, 255, 0), (size[0] // 2, 0, size[0], size[1] // 2))
    image.paste((0, 0, 255), (0, size[1] // 2, size[0] // 2, size[1]))
    return image


def encode(image: Image.Image, name: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def jpeg(seed: int = 0) -> bytes:
    return encode(draw(seed), quality=90)


def digest(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


@dataclass
class Phone:
    """A volunteer's phone: it keeps a token and knows the API."""

    volunteer: Volunteer
    token: str
    client: Client = field(default_factory=Client)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def put(
        self,
        data: bytes,
        photo_id: uuid.UUID | None = None,
        query: str = "project=notes&label=five",
        headers: dict[str, str] | None = None,
    ) -> "Answer":
        return self.client.put(
            f"{API}/photos/{photo_id or uuid.uuid4()}?{query}",
            data,
            content_type="image/jpeg",
            headers={**self.headers, "Content-Digest": digest(data), **(headers or {})},
            CONTENT_LENGTH=str(len(data)),  # Django's client leaves it out for an empty body
        )

    def get(self, photo_id: uuid.UUID | str, query: str = "") -> "Answer":
        return self.client.get(f"{API}/photos/{photo_id}{query}", headers=self.headers)

    def delete(self, photo_id: uuid.UUID | str, query: str = "") -> "Answer":
        return self.client.delete(f"{API}/photos/{photo_id}{query}", headers=self.headers)


def check_problem(answer: "Answer", status: int, kind: str) -> dict[str, Any]:
    """Every refusal has the same shape, and one short sentence that can be read aloud."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(answer.content)
    assert problem["type"] == f"/problems/{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert {"allowed", "do"} <= set(problem)
    assert 10 < len(problem["detail"]) < 200
    assert problem["detail"].endswith((".", "?"))
    return problem


def in_json(moment: dt.datetime) -> str:
    """As the API writes moments."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make_phone() -> Phone:
    device, token = guests.register_guest("2026-11")
    return Phone(device.volunteer, token)


def send(phone: Phone, seed: int = 0, label: str | None = "five", slug: str = "notes") -> Photo:
    """A photo that the phone sent and a worker normalised."""
    return send_photo(phone, jpeg(seed), label, slug)


def send_photo(
    phone: Phone, data: bytes, label: str | None = "five", slug: str = "notes", challenge: Challenge | None = None
) -> Photo:
    """The same with bytes of your choice."""
    project = projects.get_project(slug)
    photo_id = uuid.uuid4()
    upload = uploads.Upload(
        photo_id=photo_id,
        project=project,
        sha256=hashlib.sha256(data).hexdigest(),
        label=projects.get_label(project, label) if label else None,
        challenge=challenge,
    )
    uploads.receive_photo(upload, [data], by=phone.volunteer)
    assert normalising.normalise_photo(photo_id)
    return Photo.objects.get(pk=photo_id)


@pytest.fixture
def notes(db: None) -> Project:
    """Two labels, and nothing is left to chance: no decided photo is mixed into the queue."""
    labels = [("five", "5 euro"), ("ten", "10 euro")]
    return projects.create_project("notes", name="Notes", labels=labels, second_opinion_share=0, gold_share=0)


@pytest.fixture
def dim(notes: Project) -> Challenge:
    """It asks for a condition."""
    asked = conditions.get_conditions(notes, ["dim"])
    day = dt.date(2026, 11, 21)
    return challenges.set_challenge(notes, day, text="A 5 euro note in dim light", conditions=asked)


@pytest.fixture
def alice(notes: Project) -> Phone:
    return make_phone()


@pytest.fixture
def bob(notes: Project) -> Phone:
    return make_phone()


@pytest.fixture
def rosa(notes: Project) -> User:
    user = User.objects.create_user("rosa@example.org", "correct horse", display_name="Rosa")
    projects.add_member(notes, user)
    return user


@pytest.fixture
def vera(notes: Project) -> User:
    user = User.objects.create_user("vera@example.org", "correct horse", display_name="Vera")
    projects.add_member(notes, user)
    return user


@pytest.fixture
def lena(notes: Project) -> User:
    user = User.objects.create_user("lena@example.org", "correct horse", display_name="Lena")
    projects.add_member(notes, user, Role.LEAD)
    return user


@pytest.fixture
def otto(db: None) -> User:
    user = User.objects.create_user("otto@example.org", "correct horse", display_name="Otto")
    projects.add_member(projects.create_project("coins", name="Coins"), user)
    return user


@pytest.fixture
def charlie(db: None) -> User:
    return User.objects.create_user("charlie@example.org", "correct horse", display_name="Charlie")


def stored(folder: Path) -> list[str]:
    """Every file in the storage, hidden and half-written ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="session", autouse=True)
def _end_sandboxes() -> Iterator[None]:
    yield
    sandbox.close()
