"""The dawn, a currency that does not exist. Every note is printed in the same inks, so colour tells nothing.

What differs is what differs on real notes: numeral, portrait, motif, bands, and where each of them sits.
All positions are shares of the note's width (x) and height (y); lengths are shares of its height.
"""

from dataclasses import dataclass

WIDTH, HEIGHT = 1024, 480  # pixels of a note lying flat, scanned

Colour = tuple[int, int, int]

PAPER: Colour = (233, 227, 211)
NAVY: Colour = (40, 55, 84)
TEAL: Colour = (96, 128, 138)
SAND: Colour = (199, 183, 150)
COPPER: Colour = (186, 116, 74)
PLUM: Colour = (122, 78, 98)


@dataclass(frozen=True)
class Bust:
    """A portrait: where it stands, which way it looks, and what it wears."""

    x: float
    facing: int  # -1 looks left, +1 looks right
    dress: str  # a name that figures.draw_bust knows


@dataclass(frozen=True)
class Rosette:
    """A guilloche of ``lobes`` petals, wound ``turns`` times."""

    x: float
    y: float
    radius: float
    lobes: int
    turns: int


@dataclass(frozen=True)
class Side:
    """One side of one note."""

    numerals: tuple[tuple[float, float, float], ...]  # centre x, centre y, height of the digits
    rosettes: tuple[Rosette, ...]
    bands: tuple[tuple[float, float, float], ...]  # x at the top edge, x at the bottom edge, width
    emblem: tuple[float, float, str]  # centre x, centre y, a name that figures.draw_emblem knows
    waves: tuple[float, float]  # how many swells of the background lines, and how high they are
    words: tuple[float, float]  # left end and middle height of the value in words
    bust: Bust | None = None
    view: tuple[float, str] | None = None  # centre x, a name that figures.draw_view knows


@dataclass(frozen=True)
class Note:
    """One denomination."""

    value: int
    words: str
    front: Side
    back: Side
    marks: int  # raised bars at the short edge, as real notes carry for blind people

    @property
    def slug(self) -> str:
        """The label's slug in the project."""
        return f"{self.value}-dawn"

    @property
    def name(self) -> str:
        """The label's name for people."""
        return f"{self.value} dawn"


NOTES = (
    Note(
        5,
        "FIVE DAWN",
        front=Side(
            numerals=((0.13, 0.30, 0.40), (0.93, 0.84, 0.17)),
            rosettes=(Rosette(0.38, 0.54, 0.34, 5, 2),),
            bands=((0.53, 0.53, 0.06),),
            emblem=(0.13, 0.76, "star"),
            waves=(2.0, 0.05),
            words=(0.30, 0.90),
            bust=Bust(0.74, -1, "cap"),
        ),
        back=Side(
            numerals=((0.87, 0.30, 0.40), (0.07, 0.86, 0.17)),
            rosettes=(Rosette(0.12, 0.40, 0.27, 5, 2),),
            bands=((0.72, 0.72, 0.05),),
            emblem=(0.88, 0.76, "star"),
            waves=(2.0, 0.05),
            words=(0.28, 0.10),
            view=(0.45, "lighthouse"),
        ),
        marks=1,
    ),
    Note(
        10,
        "TEN DAWN",
        front=Side(
            numerals=((0.85, 0.70, 0.40), (0.08, 0.14, 0.17)),
            rosettes=(Rosette(0.62, 0.42, 0.30, 8, 3), Rosette(0.86, 0.24, 0.15, 8, 3)),
            bands=((0.08, 0.14, 0.04), (0.94, 1.0, 0.04)),
            emblem=(0.50, 0.80, "shell"),
            waves=(5.0, 0.03),
            words=(0.44, 0.12),
            bust=Bust(0.28, 1, "bun"),
        ),
        back=Side(
            numerals=((0.15, 0.70, 0.40), (0.91, 0.14, 0.17)),
            rosettes=(Rosette(0.15, 0.25, 0.18, 8, 3),),
            bands=((0.90, 0.84, 0.04),),
            emblem=(0.90, 0.72, "shell"),
            waves=(5.0, 0.03),
            words=(0.36, 0.90),
            view=(0.56, "bridge"),
        ),
        marks=2,
    ),
    Note(
        20,
        "TWENTY DAWN",
        front=Side(
            numerals=((0.17, 0.68, 0.42), (0.89, 0.15, 0.17)),
            rosettes=(Rosette(0.17, 0.24, 0.18, 12, 5), Rosette(0.86, 0.66, 0.24, 12, 5)),
            bands=((0.36, 0.28, 0.07),),
            emblem=(0.71, 0.24, "leaf"),
            waves=(1.0, 0.12),
            words=(0.62, 0.92),
            bust=Bust(0.52, -1, "tophat"),
        ),
        back=Side(
            numerals=((0.50, 0.30, 0.42), (0.09, 0.86, 0.17), (0.92, 0.86, 0.17)),
            rosettes=(Rosette(0.50, 0.80, 0.16, 12, 5),),
            bands=((0.40, 0.34, 0.03), (0.60, 0.66, 0.03)),
            emblem=(0.90, 0.28, "leaf"),
            waves=(1.0, 0.12),
            words=(0.06, 0.10),
            view=(0.22, "mountains"),
        ),
        marks=3,
    ),
    Note(
        50,
        "FIFTY DAWN",
        front=Side(
            numerals=((0.80, 0.26, 0.38), (0.80, 0.86, 0.16), (0.08, 0.86, 0.16)),
            rosettes=(Rosette(0.48, 0.50, 0.24, 6, 7), Rosette(0.80, 0.62, 0.15, 6, 7)),
            bands=((0.60, 0.66, 0.09),),
            emblem=(0.92, 0.62, "gear"),
            waves=(3.0, 0.09),
            words=(0.32, 0.10),
            bust=Bust(0.18, -1, "scarf"),
        ),
        back=Side(
            numerals=((0.20, 0.24, 0.38), (0.93, 0.86, 0.16)),
            rosettes=(Rosette(0.36, 0.66, 0.20, 6, 7), Rosette(0.12, 0.74, 0.18, 6, 7)),
            bands=((0.48, 0.44, 0.09),),
            emblem=(0.36, 0.22, "gear"),
            waves=(3.0, 0.09),
            words=(0.58, 0.92),
            view=(0.74, "tree"),
        ),
        marks=4,
    ),
    Note(
        100,
        "HUNDRED DAWN",
        front=Side(
            numerals=((0.52, 0.72, 0.38), (0.10, 0.16, 0.17), (0.68, 0.16, 0.17)),
            rosettes=(Rosette(0.22, 0.56, 0.30, 9, 4), Rosette(0.40, 0.28, 0.15, 9, 4)),
            bands=((0.64, 0.64, 0.025), (0.69, 0.69, 0.025)),
            emblem=(0.55, 0.36, "knot"),
            waves=(7.0, 0.02),
            words=(0.05, 0.92),
            bust=Bust(0.83, 1, "crown"),
        ),
        back=Side(
            numerals=((0.81, 0.70, 0.38), (0.10, 0.16, 0.17)),
            rosettes=(Rosette(0.82, 0.26, 0.20, 9, 4),),
            bands=((0.62, 0.62, 0.025), (0.66, 0.66, 0.025)),
            emblem=(0.08, 0.62, "knot"),
            waves=(7.0, 0.02),
            words=(0.22, 0.10),
            view=(0.37, "ship"),
        ),
        marks=5,
    ),
    Note(
        200,
        "TWO HUNDRED DAWN",
        front=Side(
            numerals=((0.24, 0.50, 0.44), (0.90, 0.86, 0.16)),
            rosettes=(Rosette(0.50, 0.30, 0.20, 16, 3), Rosette(0.50, 0.74, 0.17, 16, 3)),
            bands=((0.02, 0.10, 0.03), (0.42, 0.34, 0.03), (0.90, 0.98, 0.03)),
            emblem=(0.92, 0.28, "moon"),
            waves=(4.0, 0.07),
            words=(0.10, 0.90),
            bust=Bust(0.70, 1, "beard"),
        ),
        back=Side(
            numerals=((0.74, 0.46, 0.44), (0.11, 0.14, 0.16)),
            rosettes=(Rosette(0.52, 0.52, 0.22, 16, 3),),
            bands=((0.94, 0.86, 0.03), (0.58, 0.66, 0.03)),
            emblem=(0.90, 0.84, "moon"),
            waves=(4.0, 0.07),
            words=(0.40, 0.92),
            view=(0.26, "observatory"),
        ),
        marks=6,
    ),
)
NOTE_OF = {note.slug: note for note in NOTES}
