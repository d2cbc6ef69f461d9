"""A picture for people: photos beside versions of them as training would change them. No stage of a night.

Whoever sets a project's capture profile sees here whether the app's camera could have taken such photos.
"""

from pathlib import Path
from typing import Any

import torch
from PIL import Image

from training.ml.augment import augment
from training.ml.contract import CaptureProfile, Progress, RunSpec, a_problem
from training.ml.photos import prepare, read_photo
from training.ml.workspace import Work

ROWS, VERSIONS = 4, 6  # 24 changed photos, each row's own before them
GAP, WIDE_GAP = 4, 20  # pixels; the wide one sets off the photos as they were taken
PAPER = (255, 255, 255)


def run(spec: RunSpec, work: Work, out: Path, progress: Progress) -> dict[str, Any]:
    """Writes ``picture.jpg``: a photo a row, first as the model sees it, then six times changed.

    With fewer photos than rows they come again, changed otherwise. Raises ``ProblemsFoundError``: no photos, an
    unreadable one, an unusable profile.
    """
    profile = CaptureProfile.from_json(spec.capture_profile)
    photos = work.manifest
    if not photos:
        raise a_problem("There is no photo to show", 0, "at least 1", "Accept photos in review first.")
    side = spec.input.size
    sheet = Image.new("RGB", (WIDE_GAP + (VERSIONS + 1) * (side + GAP), ROWS * (side + GAP) + GAP), PAPER)
    dice = torch.Generator().manual_seed(spec.seed)
    for row in range(ROWS):
        image = read_photo(work.photos, photos[row % len(photos)])
        taken = torch.from_numpy(prepare(image, spec.input).copy()).permute(2, 0, 1)
        changed = augment(taken.repeat(VERSIONS, 1, 1, 1), profile, dice).round().byte()
        for column, pixels in enumerate([taken, *changed]):
            left = GAP + column * (side + GAP) + (WIDE_GAP - GAP if column else 0)
            sheet.paste(Image.fromarray(pixels.permute(1, 2, 0).numpy()), (left, GAP + row * (side + GAP)))
        progress.report(row + 1, ROWS, "changing photos")
    sheet.save(out / "picture.jpg", quality=90)
    return {"photos": min(len(photos), ROWS), "versions": ROWS * VERSIONS}
