"""The folder a run's stages share: spec, snapshot, photos, what earlier stages left, and last night's model."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from training.ml.contract import ManifestPhoto, Progress, RunSpec, a_problem, read_json, read_manifest
from training.ml.manifest import PART, check_enough

# What every stage is: reads the work folder, writes files into ``out``, returns what ``result.json`` shall hold.
StageFunction = Callable[[RunSpec, "Work", Path, Progress], dict[str, Any]]


@dataclass(frozen=True)
class Work:
    """Reads the work folder. Nothing here writes."""

    folder: Path

    @property
    def photos(self) -> Path:
        """Where the bytes are, by sha256."""
        return self.folder / "photos"

    @cached_property
    def manifest(self) -> list[ManifestPhoto]:
        """Every photo of the snapshot. Raises ``ProblemsFoundError``."""
        return read_manifest(self.manifest_path)

    @property
    def manifest_path(self) -> Path:
        """The frozen list."""
        return self.folder / "snapshot" / "manifest.jsonl"

    @cached_property
    def snapshot_digest(self) -> str:
        """The sha256 that names the snapshot."""
        return sha256_of(self.manifest_path)

    @cached_property
    def part(self) -> list[ManifestPhoto] | None:
        """The train photos that ``embed`` shall look at, where a supervisor wants some only."""
        path = self.folder / PART
        return read_manifest(path) if path.is_file() else None

    def settle(self, spec: RunSpec) -> RunSpec:
        """The spec with the network that stage choose took, where it has finished."""
        path = self.folder / "choose" / "result.json"
        return replace(spec, arch=read_json(path)["arch"]) if spec.candidates and path.is_file() else spec

    def train(self) -> list[ManifestPhoto]:
        """Photos to learn from, weightless ones left out."""
        return [photo for photo in self.manifest if photo.side == "train" and photo.weight > 0]

    def golden(self) -> list[ManifestPhoto]:
        """Photos to be judged on."""
        return [photo for photo in self.manifest if photo.side == "golden"]

    def negatives(self, side: str) -> list[ManifestPhoto]:
        """Photos of a side that show no label, as far as they are there: some may have gone since the snapshot."""
        path = self.folder / "snapshot" / "negatives.jsonl"
        found = read_manifest(path) if path.is_file() else []
        return [one for one in found if one.side == side and (self.photos / f"{one.sha256}.jpg").is_file()]

    def check(self, spec: RunSpec) -> None:
        """Raises ``ProblemsFoundError`` unless there are photos enough of every label on both sides."""
        check_enough(self.manifest, spec.slugs)

    def stage(self, name: str) -> Path:
        """A finished stage's folder. Raises ``ProblemsFoundError`` where it has not finished."""
        folder = self.folder / name
        if not (folder / "result.json").is_file():
            raise a_problem(f"Stage {name} has not finished", folder, "a folder with result.json", f"Run {name} first.")
        return folder

    def result(self, name: str) -> dict[str, Any]:
        """A finished stage's ``result.json``."""
        result = read_json(self.stage(name) / "result.json")
        return result if isinstance(result, dict) else {}

    @property
    def production(self) -> Path | None:
        """Last night's published model, a whole ``fit`` output, or None."""
        folder = self.folder / "production"
        return folder if (folder / "model.json").is_file() else None


def sha256_of(path: Path) -> str:
    """The file's digest, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
