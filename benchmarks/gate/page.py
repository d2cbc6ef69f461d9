"""The figures as tables for people, between two comments of a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gate.nights import Kind, Size

BEGIN, END = "<!-- figures of `python -m benchmarks gate` -->", "<!-- end of the figures -->"


@dataclass(frozen=True, slots=True)
class Cell:
    """One candidate on golden sets of one size. All but the first three are shares of the nights, or of answers."""

    size: Size
    people: int  # in the mean
    kind: Kind
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
    kinds = list(dict.fromkeys(cell.kind for cell in cells))
    found = {(cell.size, cell.kind): cell for cell in cells}
    sizes = {cell.size: cell.people for cell in cells}
    for title, name in (
        ("Published because it is better", "better"),
        ("Published when its files are smaller too, or it answers a new label", "smaller"),
        ("Kept because a label became clearly worse", "fallen"),
        ("The bound was above the truth", "over"),
    ):
        yield ""
        yield f"| {title} | " + " | ".join(kind.say() for kind in kinds) + " |"
        yield "|---|" + "---:|" * len(kinds)
        for size, people in sizes.items():
            shares = " | ".join(f"{getattr(found[size, kind], name):.1%}" for kind in kinds)
            yield f"| {size.photos:,} golden photos by {people} volunteers | {shares} |"
    yield ""
