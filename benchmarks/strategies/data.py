"""The digits as the recipes want them: decoded once, and once through what lies below the blocks that learn."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.ml import engine
from training.ml.augment import augment
from training.ml.contract import CaptureProfile, InputContract, Label, Progress, RunSpec
from training.ml.kept import Kept
from training.ml.networks import Network
from training.ml.photos import decode, prepare
from training.ml.tail import LAST, Tail, after_tap, below
from training.ml.weights import load_pretrained

SIZE, LARGE = 128, 224
BATCH = 32


@dataclass(frozen=True)
class Digits:
    """Targets int64 (n), folds int64 (n), volunteers (n), and where views of them are kept."""

    spec: RunSpec
    pixels: Tensor  # uint8 (n, 3, SIZE, SIZE)
    targets: Tensor
    folds: Tensor
    volunteers: list[str]
    work: Path
    shared: Path

    def split(self, fold: int) -> tuple[Tensor, Tensor]:
        """Places of the photos to learn from and of those to be judged on."""
        return (self.folds != fold).nonzero().squeeze(1), (self.folds == fold).nonzero().squeeze(1)

    def earlier(self, places: Tensor) -> Tensor:
        """Those of ``places`` that an earlier night had: half of the volunteers'."""
        return places[torch.tensor([int(self.volunteers[place][1:]) % 2 == 0 for place in places.tolist()])]

    def network(self) -> tuple[Network, int]:
        """SqueezeNet 1.0 as ImageNet left it, and where its last blocks begin."""
        network = _pretrained(self.spec)
        return network, after_tap(network, LAST)

    def view(self, number: int) -> tuple[Kept, Tensor]:
        """What is kept of each photo's view, and its features (n, d). View 0 is the photo as it is."""
        path = self.work / f"view-{number}.safetensors"
        if not path.exists():
            _save(_compute_view(self, number), path)
        found = load_file(path)
        return Kept(found["activations"], found["lower"]), found["features"].float()

    def large_features(self) -> Tensor:
        """Features (n, d) of the same network shown the photos at ``LARGE`` pixels: what the teacher looks at."""
        path = self.work / "large.safetensors"
        if not path.exists():
            contract = InputContract.of_size(LARGE)
            spec = _spec(self.shared, contract)
            compute = engine.open_engine(_pretrained(spec), photos=len(self.targets), threads=1)
            pixels = _decode(self.shared, contract)
            _save({"features": torch.cat([compute(part) for part in torch.split(pixels, BATCH)]).contiguous()}, path)
        return load_file(path)["features"]


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    save_file(tensors, part)
    part.rename(path)


def quiet() -> Progress:
    """Tells nobody."""
    return Progress("fit", out=io.StringIO())


def read_digits(shared: Path, work: Path) -> Digits:
    work.mkdir(parents=True, exist_ok=True)
    contract = InputContract.of_size(SIZE)
    rows = _rows(shared)
    return Digits(
        _spec(shared, contract), _decode(shared, contract), torch.tensor([int(row["label"]) for row in rows]),
        torch.tensor([int(row["fold"]) for row in rows]), [row["volunteer"] for row in rows], work, shared,
    )  # fmt: skip


def _rows(shared: Path) -> list[dict[str, str]]:
    with (shared / "sign-digits" / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _decode(shared: Path, contract: InputContract) -> Tensor:
    photos = [
        np.array(prepare(decode((shared / "sign-digits" / row["file"]).read_bytes()), contract))
        for row in _rows(shared)
    ]
    return torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2)


def _spec(shared: Path, contract: InputContract) -> RunSpec:
    weights = shared.resolve() / "pretrained" / "squeezenet1_0-imagenet1k.safetensors"
    labels = tuple(Label(str(digit), f"digit {digit}") for digit in range(10))
    return RunSpec("sign-digits", labels, "squeezenet1_0", contract, pretrained=str(weights), threads=1)


def _pretrained(spec: RunSpec) -> Network:
    network, start = Network(spec.arch, spec.input, len(spec.labels)), load_pretrained(spec, quiet())
    if start is None:
        raise SystemExit(f"There are no weights at {spec.pretrained}.")
    network.backbone.load_state_dict(start.backbone)
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]  # torch's stubs forget it


def _compute_view(digits: Digits, number: int) -> dict[str, Tensor]:
    network, cut = digits.network()
    tail = Tail(network, cut)
    dice = torch.Generator().manual_seed(number)
    found: dict[str, list[Tensor]] = {"activations": [], "lower": [], "features": []}
    for part in torch.split(digits.pixels, BATCH):
        photos = augment(part, CaptureProfile(), dice) if number else part.float()
        with torch.inference_mode():
            x, lower = below(network, cut, photos.contiguous(memory_format=torch.channels_last))
            features = tail.features(x, lower)
        for name, value in (("activations", x), ("lower", lower), ("features", features)):
            found[name].append(value.half())
    return {name: torch.cat(parts).contiguous() for name, parts in found.items()}
