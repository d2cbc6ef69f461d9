"""The figures as tables for people, between two comments of a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- figures of `python -m benchmarks gate` -->", "<!-- end of the figures -->"


@dataclass(frozen=True, slots=True)
class Cell:
    """One candidate on golden sets of one size. All but the first three are shares of the nights, or of answers."""

    photos: int
    people: int
    points: float
    disagreement: float  # how often candidate and production differ in being right
    better: float  # published for being better
    smaller: float  # published for being better, or no worse and smaller
    fallen: float  # kept for a label that became clearly worse
    over: float  # the lower bound lay above the true difference


def write_page(path: Path, cells: Sequence[Cell]) -> None:
    """Writes the tables anew; raises ``ValueError`` where the page has no place for them."""
    text = path.read_text("utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise ValueError(f"{path} has no place for the figures: put {BEGIN} and {END} where they belong.")
    path.write_text(f"{head}{begin}\n{chr(10).join(_lines(cells))}\n{end}{tail}", "utf-8")


def _lines(cells: Sequence[Cell]) -> Iterator[str]:
    points = sorted({cell.points for cell in cells})
    sizes = list(dict.fromkeys((cell.photos, cell.people) for cell in cells))
    found = {(cell.photos, cell.people, cell.points): cell for cell in cells}
    for title, name in (
        ("Published because it is better", "better"),
        ("Published when its files are smaller too, or it answers a new label", "smaller"),
        ("Kept because a label became clearly worse", "fallen"),
        ("The bound was above the truth (may be 5%)", "over"),
    ):
        yield ""
        yield f"| {title} | " + " | ".join(say(point) for point in points) + " |"
        yield "|---|" + "---:|" * len(points)
        for photos, people in sizes:
            shares = (getattr(found[photos, people, point], name) for point in points)
            cells_of_row = " | ".join(f"{share:.1%}" for share in shares)
            yield f"| {photos:,} golden photos by {people} volunteers | {cells_of_row} |"
    yield ""


def say(points: float) -> str:
    """A true difference in words: "2 points worse"."""
    if not points:
        return "as good"
    return f"{abs(points):g} {'point' if abs(points) == 1 else 'points'} {'better' if points > 0 else 'worse'}"
