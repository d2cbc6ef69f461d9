"""The photos of a demo before anybody has taken them: who photographs what, and how the bytes come about.

``Plan`` is the same for rendered notes and for a folder of your own photos. Everything follows from the seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from config.demo import renderer
from config.demo.currency import NOTES

COLLECTING = NOTES[-1]  # gathered from the second day on, taught the second night
TAUGHT = NOTES[:-1]
CLIENTS = 12  # people whose photos no night ever sees
CLIENT_PHOTOS_PER_LABEL = 3  # of each of them
LATE = 12  # photos that are left for you to review


@dataclass(frozen=True)
class Rendered:
    """A photo by a volunteer who exists only as a seed."""

    person: int
    is_client: bool
    slug: str
    number: int

    def take(self) -> bytes:
        """JPEG bytes."""
        return renderer.render_photo(_photographer(self.person, self.is_client), self.slug, self.number)


@dataclass(frozen=True)
class Filed:
    """A photo of your own."""

    path: Path

    def take(self) -> bytes:
        """The file as it is. Raises OSError."""
        return self.path.read_bytes()


@dataclass(frozen=True)
class Shot:
    """One photo, who sends it, what it shows and what they say it shows (None: they do not know)."""

    guest: int
    picture: Rendered | Filed
    label: str
    claimed: str | None
    is_spoiled: bool = False  # taken into a pocket: nothing to be seen

    def take(self) -> bytes:
        """The bytes that are sent."""
        return spoil(self.picture.take()) if self.is_spoiled else self.picture.take()


@dataclass(frozen=True)
class Plan:
    """What a demo photographs: ``first`` before night 1, ``second`` before night 2, ``late`` waits for you."""

    title: str
    labels: tuple[tuple[str, str], ...]  # slug and name, in order
    collecting: str | None  # the label taught from night 2 on
    first: tuple[Shot, ...]
    second: tuple[Shot, ...]
    late: tuple[Shot, ...]
    client: tuple[Shot, ...]  # by people of their own; ``guest`` means nothing here
    capture_profile: dict[str, float] = field(default_factory=dict)

    @property
    def guests(self) -> int:
        """How many guests the plan needs."""
        return 1 + max((shot.guest for shot in (*self.first, *self.second, *self.late)), default=-1)


def plan_rendered(seed: int, volunteers: int, photos_each: int) -> Plan:
    """Rendered notes by ``volunteers`` guests, ``photos_each`` photos from each of them before the first night."""
    people = [seed * 1000 + guest for guest in range(volunteers)]
    kinds = len(TAUGHT)

    def shot(guest: int, slug: str, number: int) -> Shot:
        return Shot(guest, Rendered(people[guest], False, slug, number), slug, slug)

    first = [
        shot(guest, TAUGHT[(guest + n) % kinds].slug, n) for guest in range(volunteers) for n in range(photos_each)
    ]
    new_each = max(2, round(photos_each / kinds))
    clients = [seed * 1000 + 500 + client for client in range(CLIENTS)]
    return Plan(
        title="Dawn notes (made up)",
        labels=tuple((note.slug, note.name) for note in NOTES),
        collecting=COLLECTING.slug,
        first=make_mistakes(first, seed),
        second=tuple(shot(guest, COLLECTING.slug, 1000 + n) for guest in range(volunteers) for n in range(new_each)),
        late=tuple(shot(guest, TAUGHT[guest % kinds].slug, 2000) for guest in range(min(LATE, volunteers))),
        client=tuple(
            Shot(0, Rendered(client, True, note.slug, n), note.slug, note.slug)
            for client in clients
            for note in NOTES
            for n in range(CLIENT_PHOTOS_PER_LABEL)
        ),
        capture_profile={"upside_down": 0.18, "quarter_turned": 0.12},
    )


def make_mistakes(shots: Sequence[Shot], seed: int) -> tuple[Shot, ...]:
    """One photo in a hundred under a wrong label, one spoiled, one without a label: what reviewers are there for."""
    random = np.random.default_rng([seed, 1])
    slugs = sorted({shot.label for shot in shots})
    made = list(shots)
    each = max(1, len(made) // 100)
    for place, index in enumerate(random.permutation(len(made))[: 3 * each].tolist()):
        others: list[str | None] = [slug for slug in slugs if slug != made[index].label] or [None]
        wrong = others[int(random.integers(len(others)))]
        mistakes: tuple[dict[str, Any], ...] = ({"claimed": wrong}, {"is_spoiled": True}, {"claimed": None})
        made[index] = replace(made[index], **mistakes[place % 3])
    return tuple(made)


def spoil(photo: bytes) -> bytes:
    """A photo as a pocket or a trembling hand would have it: nearly black and far out of focus."""
    with Image.open(BytesIO(photo)) as image:
        dark = image.convert("RGB").filter(ImageFilter.GaussianBlur(18)).point(lambda level: level // 9)
    out = BytesIO()
    dark.save(out, "JPEG", quality=80)
    return out.getvalue()


@lru_cache(maxsize=16)
def _photographer(seed: int, is_client: bool) -> renderer.Photographer:
    return renderer.draw_photographer(seed, client=is_client)
