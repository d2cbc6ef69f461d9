"""The demo's days and nights, in order: people photograph, a reviewer decides, a night trains, a phone fetches."""

import datetime as dt
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from rich.console import Console

from collector.domain import consents, projects
from collector.models import Project
from config.demo import reviewing
from config.demo.bars import show_step
from config.demo.baseline import NearestMean
from config.demo.closing import Outcome
from config.demo.guests import Guests, Sent, take
from config.demo.phone import Answer, Phone, accuracy
from config.demo.pictures import Plan, Shot
from foundation.models import User
from modelhub.domain import signing

ClientPhotos = list[tuple[Path, Shot]]


@dataclass
class Story:
    """One demo of one project on one server."""

    plan: Plan
    project: Project
    reviewer: User
    url: str
    console: Console
    pool: ProcessPoolExecutor
    scratch: Path  # a folder of the demo's own, gone at its end
    started: float  # time.monotonic() at the demo's start
    outcome: Outcome = field(default_factory=Outcome)
    sent: list[Sent] = field(default_factory=list)

    def tell(self) -> None:
        """Everything, from the first guest to the third night. Raises what its parts raise."""
        phone = Phone(self.scratch / "phone", signing.public_file(settings.HUB_KEY_FILE))
        guests = Guests(self.url, self.project.slug, consents.current_text().version)
        try:
            self._first_day(guests)
            client = self._first_morning(phone)
            self._second_day(guests)
            self._second_morning(phone, client)
            self._third_day(guests)
        finally:
            guests.close()

    def _first_day(self, guests: Guests) -> None:
        self._chapter("Day 1: volunteers photograph, a reviewer decides")
        with show_step(self.console, "Guests registering", self.plan.guests) as step:
            guests.register(self.plan.guests, step)
        self._collect(guests, self.plan.first)
        self._night(1)
        self._milestone("night 1 over")

    def _first_morning(self, phone: Phone) -> ClientPhotos:
        self._chapter("Morning 1: a phone fetches the release and names photos no night has seen")
        client = self._take_client_photos()
        known = [one for one in client if one[1].label != self.plan.collecting]
        if self._is_released():
            self.outcome.first_accuracy = accuracy(self._ask(phone, known))
        return client

    def _second_day(self, guests: Guests) -> None:
        new = self.plan.collecting
        self._chapter(f"Day 2: photos of {new}, which is taught from tonight on" if new else "Day 2: more photos")
        self._collect(guests, self.plan.second)
        if new:
            projects.start_teaching(projects.get_label(self.project, new))
        self._night(2)

    def _second_morning(self, phone: Phone, client: ClientPhotos) -> None:
        self._chapter("Morning 2: the same phone, the new release")
        if self._is_released():
            self.outcome.answers = self._ask(phone, client)
        rival = NearestMean((one.shot.label, one.histogram) for one in self.sent if not one.shot.is_spoiled)
        with show_step(self.console, "The same photos by colour alone", len(client)) as step:
            taken = self.pool.map(take, (shot for _, shot in client), chunksize=8)
            asked = [(one.shot.label, one.histogram) for one in taken]
            step.reach(len(asked))
        self.outcome.colour_histogram_accuracy = rival.accuracy(asked)

    def _third_day(self, guests: Guests) -> None:
        self._chapter("Day 3: nothing new has been reviewed")
        if self.plan.late:
            self._send(guests, self.plan.late)
        self._night(3)
        self._milestone("all three nights over")

    def _collect(self, guests: Guests, shots: Sequence[Shot]) -> None:
        """Photos are sent, normalised by the worker, and decided on."""
        arrived = self._send(guests, shots)
        by_hand, rest = reviewing.sort_for_review(arrived)
        with show_step(self.console, "Reviewing one by one", len(by_hand)) as step:
            tally = reviewing.decide(self.project, by_hand, self.reviewer, step)
        with show_step(self.console, "Accepting the rest", len(rest)) as step:
            reviewing.decide(self.project, rest, self.reviewer, step)
        self._say(f"{tally.relabelled} relabelled, {tally.rejected} rejected, {tally.accepted + len(rest)} accepted.")

    def _send(self, guests: Guests, shots: Sequence[Shot]) -> list[Sent]:
        with show_step(self.console, "Photos taken and sent over HTTP", len(shots)) as step:
            arrived = guests.upload(shots, self.pool, step)
        with show_step(self.console, "Photos normalised by the worker", len(shots)) as step:
            reviewing.wait_until_normalised(self.project, step)
        self.sent += arrived
        return arrived

    def _night(self, number: int) -> None:
        """The very command an operator runs, with its bars. Raises SystemExit where the night fails."""
        night = timezone.now().date() + dt.timedelta(days=number - 3)
        self._chapter(f"Night {number}: {night}")
        report = self.scratch / f"night-{number}.json"
        call_command("nightly", project=self.project.slug, night=night, json=str(report))
        figures: dict[str, Any] = json.loads(report.read_text("utf-8"))
        self.outcome.nights.append(figures)

    def _is_released(self) -> bool:
        if any(night["release"] for night in self.outcome.nights):
            return True
        self._say("There is no release yet, so the phone has nothing to fetch.")
        return False

    def _take_client_photos(self) -> ClientPhotos:
        """Photos by people who upload nothing, as files a phone could have."""
        folder = self.scratch / "unseen"
        folder.mkdir()
        photos = []
        with show_step(self.console, "Photos the client will name", len(self.plan.client)) as step:
            for number, taken in enumerate(self.pool.map(take, self.plan.client, chunksize=4)):
                path = folder / f"{number:04d}-{taken.shot.label}.jpg"
                path.write_bytes(taken.photo)
                photos.append((path, taken.shot))
                step.advance()
        return photos

    def _ask(self, phone: Phone, photos: ClientPhotos) -> list[Answer]:
        self._say(phone.fetch(self.url, self.project.slug))
        with show_step(self.console, "Photos named by the phone", len(photos)) as step:
            answers = phone.name_photos(photos, step)
        self._say(f"{accuracy(answers):.1%} right.")
        return answers

    def _chapter(self, title: str) -> None:
        self.console.print(f"\n{title}", style="bold", markup=False, highlight=False)

    def _say(self, sentence: str) -> None:
        self.console.print(f"  {sentence}", markup=False, highlight=False)

    def _milestone(self, name: str) -> None:
        self.outcome.seconds[name] = round(time.monotonic() - self.started, 1)
