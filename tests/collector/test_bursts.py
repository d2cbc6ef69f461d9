"""Rendered bursts: frames of one moment, and what the stacks find of them."""

import pytest

from benchmarks import bursts
from collector.domain import projects
from config.demo.bursts import render_burst
from config.demo.currency import NOTES
from config.demo.renderer import draw_photographer

pytestmark = pytest.mark.slow


def test_frames_of_a_burst_are_the_same_bytes_every_time_and_unlike_each_other() -> None:
    person = draw_photographer(7, client=False)
    burst = render_burst(person, "20-dawn", 3, 3)
    assert burst == render_burst(person, "20-dawn", 3, 3)
    assert len(set(burst)) == 3


@pytest.mark.django_db
def test_bursts_are_found_and_different_scenes_stay_apart(storage: object) -> None:
    notes = projects.create_project("notes", name="Notes", labels=[(note.slug, note.slug) for note in NOTES])
    found = bursts.judge(bursts.send_bursts(notes, range(3), scenes=3, frames=3, stir=1.0))
    assert found.joined_pairs >= 0.9
    assert found.whole_bursts >= 0.8
    assert found.false_joins == 0


@pytest.mark.django_db
def test_copies_that_another_volunteer_sends_are_found(storage: object) -> None:
    notes = projects.create_project("notes", name="Notes", labels=[(note.slug, note.slug) for note in NOTES])
    assert bursts.judge(bursts.send_copies(notes, range(2), scenes=3)).joined_pairs == 1.0
