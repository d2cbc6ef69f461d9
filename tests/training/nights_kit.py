"""A tiny project whose nights are real: three colours by many volunteers, 64 pixels, a head on an untrained network."""

import csv
import io
import random
import subprocess
import sys
from datetime import date
from pathlib import Path

from django.core.management import call_command
from PIL import Image, ImageDraw

from collector.domain import photos, projects
from collector.models import Project
from training.enums import StageName
from training.models import Run

ROOT = Path(__file__).resolve().parents[2]
NIGHT = date(2026, 11, 21)
COLOURS = {"red": (200, 40, 40), "green": (40, 170, 60), "blue": (50, 60, 200), "white": (235, 235, 230)}
SIZE = 64
GOLDEN_EVERY = 4  # pinned, since volunteers' ids are random and with them their keyed hash
CHILD_STAGES = ("choose", "start", "embed", "fit", "evaluate", "compress", "litert", "verify")
STAGE_NAMES = tuple(StageName.values)

MAKE_WEIGHTS = """
import sys, torch
from safetensors.torch import save_file
from training.ml.architectures import build_backbone
torch.manual_seed(5)
state = build_backbone("squeezenet1_1").state_dict()
save_file({f"features.{name}": tensor for name, tensor in state.items()}, sys.argv[1])
"""


def make_weights(path: Path) -> Path:
    """An untrained SqueezeNet 1.1: enough to tell colours, and made in a second. Torch stays out of this process."""
    subprocess.run([sys.executable, "-c", MAKE_WEIGHTS, str(path)], check=True, cwd=ROOT)
    return path


def make_project(slug: str, weights: Path, labels: tuple[str, ...] = ("red", "green", "blue")) -> Project:
    """Live labels, no photos yet."""
    return projects.create_project(
        slug,
        name=slug.title(),
        labels=[(label, label.title()) for label in labels],
        architectures=["squeezenet1_1"],
        pretrained=str(weights),
        input_size=SIZE,
        fit_budget_s=20,
        min_golden_per_label=6,
        margin=0.2,  # one golden photo of so few is several points
    )


def add_photos(
    project: Project, folder: Path, *, labels: tuple[str, ...], volunteers: int = 12, each: int = 3, first: int = 0
) -> None:
    """Imports ``each`` photos of each label by each volunteer, accepted, the way an owner would."""
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "photos.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label", "volunteer", "split"])
        for volunteer in range(first, first + volunteers):
            split = "train" if volunteer % GOLDEN_EVERY else "golden"
            for label in labels:
                for number in range(each):
                    name = f"{label}-{volunteer}-{number}.jpg"
                    (folder / name).write_bytes(draw(label, seed=f"{label}{volunteer}{number}"))
                    rows.writerow([name, label, f"v{volunteer}", split])
    before = photos.accepted_photos(project).count()
    call_command("import_photos", str(table), "--project", project.slug, "--accept")
    assert photos.accepted_photos(project).count() - before == volunteers * len(labels) * each


def draw(label: str, *, seed: str) -> bytes:
    """A blot of the label's colour somewhere on a noisy table, no two alike."""
    dice = random.Random(seed)
    image = Image.frombytes("L", (48, 48), dice.randbytes(48 * 48)).resize((96, 96)).convert("RGB")
    shade = tuple(min(255, max(0, value + dice.randint(-15, 15))) for value in COLOURS[label])
    x, y = dice.randint(0, 15), dice.randint(0, 15)
    ImageDraw.Draw(image).ellipse((x, y, x + dice.randint(70, 80), y + dice.randint(70, 80)), fill=shade)
    for _ in range(5):
        at = (dice.randint(0, 95), dice.randint(0, 95))
        ImageDraw.Draw(image).line((*at, dice.randint(0, 95), dice.randint(0, 95)), fill=(dice.randint(0, 255),) * 3)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def rows_of(run: Run) -> dict[str, tuple[int, str]]:
    """Stage name to row id and digest: what must not change when a night is resumed."""
    return {stage.name: (stage.pk, stage.output_digest) for stage in run.stages.order_by("pk")}
