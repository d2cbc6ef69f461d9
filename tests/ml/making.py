"""Photos of coloured shapes, drawn and written as a night would find them, and the command run on them."""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from training.ml import contract

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("circle", "square", "triangle")
COLOURS = {"circle": (205, 40, 45), "square": (40, 170, 70), "triangle": (50, 70, 205)}
SIZE = 64


def draw(label: str, volunteer: int, take: int) -> bytes:
    """A JPEG, 80 x 64: a shape in the label's colour, somewhere, on the volunteer's table."""
    dice = random.Random(f"{label} {volunteer} {take}")
    table = 90 + 12 * (volunteer % 8)
    image = Image.new("RGB", (80, SIZE), (table, table, table - 10))
    pen, colour = ImageDraw.Draw(image), tuple(min(255, max(0, c + dice.randint(-20, 20))) for c in COLOURS[label])
    x, y, r = dice.randint(32, 48), dice.randint(26, 38), dice.randint(12, 20)
    if label == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    elif label == "square":
        pen.rectangle((x - r, y - r, x + r, y + r), fill=colour)
    else:
        pen.polygon([(x - r, y + r), (x + r, y + r), (x, y - r)], fill=colour)
    return jpeg(image)


def jpeg(image: Image.Image, **options: Any) -> bytes:
    """The image's bytes."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, **options)
    return out.getvalue()


def make_spec(**changes: Any) -> dict[str, Any]:
    """The JSON of a small, usable spec, with some members changed."""
    labels = [{"slug": slug, "name": slug.title()} for slug in LABELS]
    spec = {"spec": 1, "project": "shapes", "seed": 7, "labels": labels, "arch": "squeezenet1_0", "strategy": "auto"}
    rest = {"pretrained": "scratch", "input": {"size": SIZE}, "capture_profile": {}, "fit_budget_s": 1, "threads": 1}
    return {**spec, **rest, **changes}


def make_photos(
    folder: Path, *, labels: Iterable[str] = LABELS, volunteers: int = 8, golden: int = 3, each: int = 2
) -> list[contract.ManifestPhoto]:
    """Draws everybody's photos into ``folder/photos``; the last ``golden`` volunteers are on the golden side."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    found = []
    for volunteer in range(volunteers):
        side = "golden" if volunteer >= volunteers - golden else "train"
        for label in labels:
            for take in range(each):
                data = draw(label, volunteer, take)
                digest = hashlib.sha256(data).hexdigest()
                (folder / "photos" / f"{digest}.jpg").write_bytes(data)
                name = f"p-{label}-{volunteer}-{take}"
                found.append(contract.ManifestPhoto(name, digest, label, f"v{volunteer}", side))
    return found


def make_work(folder: Path, photos: Sequence[contract.ManifestPhoto] | None = None, **changes: Any) -> Path:
    """A work folder with spec, snapshot and photos, ready for the first stage."""
    (folder / "snapshot").mkdir(parents=True, exist_ok=True)
    contract.write_manifest(folder / "snapshot" / "manifest.jsonl", make_photos(folder) if photos is None else photos)
    (folder / "spec.json").write_text(json.dumps(make_spec(**changes)), "utf-8")
    return folder


def make_weights(path: Path, arch: str = "squeezenet1_0", seed: int = 1) -> Path:
    """A whole torchvision network with random weights, as a .safetensors file."""
    import torch
    from safetensors.torch import save_file

    from training.ml.architectures import ARCHITECTURES

    torch.manual_seed(seed)
    save_file(ARCHITECTURES[arch].build().state_dict(), path)
    return path


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit status, the lines of its stdout, and what it said besides."""

    status: int
    lines: list[str]
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines as JSON; a line that is none fails the test."""
        return [json.loads(line) for line in self.lines]

    def of(self, event: str) -> list[dict[str, Any]]:
        """The events of one kind."""
        return [one for one in self.events if one["event"] == event]


def run_command(*arguments: str | Path, walled: Path | None = None, **environment: str) -> Ran:
    """``python -m training.ml ...`` in a process of its own; ``walled`` is a folder that builds the wall there too."""
    paths = [str(ROOT)] if walled is None else [str(walled), str(ROOT)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
    command = [sys.executable, "-m", "training.ml", *map(str, arguments)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=280)
    return Ran(done.returncode, done.stdout.splitlines(), done.stderr)


def run_stage(stage: str, work: Path, out: Path | None = None) -> dict[str, Any]:
    """One stage in this process; raises what it raises."""
    from training.ml import cli

    progress = contract.Progress(stage, out=io.StringIO())
    return cli.run_stage(stage, work / "spec.json", work, out or work / stage, progress)


def run_python(code: str, *options: str, walled: Path | None = None) -> Ran:
    """A line of Python in a process of its own."""
    paths = [str(ROOT)] if walled is None else [str(walled), str(ROOT)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, *options, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=280)
    return Ran(done.returncode, done.stdout.splitlines(), done.stderr)
