"""The laziest rival there is: it knows each label's mean colour histogram and names the nearest.

Where this does well, photos can be told apart by colour alone, and a good model proves nothing. On the rendered notes,
which all share one palette, it must stay below one half.
"""

from collections.abc import Iterable
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

SIDE = 128  # pixels of the middle square that is counted
BINS = 8  # a channel; 4, 8 and 16 were within three points of each other
Histogram = npt.NDArray[np.float64]


def colour_histogram(photo: bytes) -> Histogram:
    """Shares of the BINS x BINS x BINS colours in the middle square of an encoded photo, adding up to one."""
    with Image.open(BytesIO(photo)) as image:
        image.draft("RGB", (SIDE * 2, SIDE * 2))
        square = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), (SIDE, SIDE), Image.Resampling.BILINEAR)
    levels = np.asarray(square).reshape(-1, 3).astype(np.intp) * BINS // 256
    index = (levels[:, 0] * BINS + levels[:, 1]) * BINS + levels[:, 2]
    return np.bincount(index, minlength=BINS**3) / len(index)


class NearestMean:
    """Learns one mean histogram a label."""

    def __init__(self, taught: Iterable[tuple[str, Histogram]]) -> None:
        """``taught`` are (label, histogram). Raises ValueError where there are none."""
        by_label: dict[str, list[Histogram]] = {}
        for label, histogram in taught:
            by_label.setdefault(label, []).append(histogram)
        if not by_label:
            raise ValueError("There are no photos to learn colours from; give at least one a label.")
        self.labels = sorted(by_label)
        self._means = np.stack([np.mean(by_label[label], axis=0) for label in self.labels])

    def name(self, histogram: Histogram) -> str:
        """The label whose mean is nearest (squared distance)."""
        return self.labels[int(((self._means - histogram) ** 2).sum(axis=1).argmin())]

    def accuracy(self, asked: Iterable[tuple[str, Histogram]]) -> float:
        """Share of (label, histogram) it names rightly. Raises ValueError where nothing is asked."""
        right = [self.name(histogram) == label for label, histogram in asked]
        if not right:
            raise ValueError("There are no photos to name.")
        return sum(right) / len(right)
